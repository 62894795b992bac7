//! Figures of orders (*số thuê bao do nhà mạng báo cáo*): what the reports that count say, by order, outlet, area and round. They are
//! in subscribers, and are never added to counts of people. Exercises and tests stay out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Eyes;
use crate::{
    db::{Db, Result, Sql},
    on,
};

/// What figures are of. What is none restricts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Orders sent from this moment on, unix milliseconds.
    pub from: Option<i64>,
    /// Orders sent before this moment.
    pub until: Option<i64>,
    /// Of this campaign.
    pub campaign: Option<String>,
    /// Of this run.
    pub run: Option<i64>,
    /// Of this outlet.
    pub outlet: Option<i64>,
    /// Of this order.
    pub order: Option<i64>,
}

/// By what figures are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// One row an order; its name is the order's number.
    Order,
    /// One row an outlet; its name is the outlet's slug.
    Outlet,
    /// One row an area; its name is the area's code.
    Area,
    /// One row a round; its name is the round's number.
    Round,
    /// Everything in one row without a name.
    All,
}

/// What outlets reported. What none of them counts is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Figures {
    /// Orders that were reported on.
    pub orders: i64,
    /// Subscribers, each once an order and area, however many rounds; the same person may be a subscriber of two carriers.
    pub subscribers: i64,
    /// Subscribers targeted, once for each round.
    pub targeted: i64,
    /// Sent, once for each round.
    pub submitted: i64,
    /// Arrived.
    pub delivered: Option<i64>,
    /// Did not arrive.
    pub failed: Option<i64>,
    /// Not known yet.
    pub pending: Option<i64>,
    /// Converted messages.
    pub parts: Option<i64>,
    /// Đồng.
    pub cost: Option<i64>,
}

/// Adds what is known; what nobody counts stays unknown.
fn known(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    if a.is_none() && b.is_none() { None } else { Some(a.unwrap_or(0) + b.unwrap_or(0)) }
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.orders += other.orders;
        self.subscribers += other.subscribers;
        self.targeted += other.targeted;
        self.submitted += other.submitted;
        self.delivered = known(self.delivered, other.delivered);
        self.failed = known(self.failed, other.failed);
        self.pending = known(self.pending, other.pending);
        self.parts = known(self.parts, other.parts);
        self.cost = known(self.cost, other.cost);
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    owner: String,
    outlet: i64,
    name: String,
    orders: i64,
    subscribers: i64,
    targeted: i64,
    submitted: i64,
    delivered: Option<i64>,
    failed: Option<i64>,
    pending: Option<i64>,
    parts: Option<i64>,
    cost: Option<i64>,
}

/// Figures by department and outlet, so that they can be kept from whoever does not see these, and by a name of `$name`. A subscriber is
/// counted once in an area of an order (`$within` tells those apart), whatever the rounds.
macro_rules! figures {
    ($name:expr, $within:expr) => {
        concat!(
            "SELECT g.owner, g.outlet, ",
            $name,
            " AS name, count(DISTINCT g.id) AS orders, CAST(sum(g.subscribers) AS BIGINT) AS subscribers,
                CAST(sum(g.targeted) AS BIGINT) AS targeted, CAST(sum(g.submitted) AS BIGINT) AS submitted,
                CAST(sum(g.delivered) AS BIGINT) AS delivered, CAST(sum(g.failed) AS BIGINT) AS failed,
                CAST(sum(g.pending) AS BIGINT) AS pending, CAST(sum(g.parts) AS BIGINT) AS parts, CAST(sum(g.cost) AS BIGINT) AS cost
             FROM (SELECT o.id, o.owner, o.outlet, t.slug, ",
            $within,
            ", max(c.targeted) AS subscribers, sum(c.targeted) AS targeted, sum(c.submitted) AS submitted, sum(c.delivered) AS delivered,
                   sum(c.failed) AS failed, sum(c.pending) AS pending, sum(c.parts) AS parts, sum(c.cost) AS cost
                   FROM relay_order o JOIN relay_count c ON c.report = o.report JOIN outlet t ON t.id = o.outlet
                   WHERE o.status = 0 AND o.report IS NOT NULL AND o.sent_at >= coalesce($1, 0)
                     AND o.sent_at < coalesce($2, 9223372036854775807) AND o.campaign = coalesce($3, o.campaign)
                     AND o.run = coalesce($4, o.run) AND o.outlet = coalesce($5, o.outlet) AND o.id = coalesce($6, o.id)
                   GROUP BY o.id, o.owner, o.outlet, t.slug, ",
            $within,
            ") AS g GROUP BY g.owner, g.outlet, ",
            $name
        )
    };
}

static BY_ORDER: Sql = Sql::new(figures!("CAST(g.id AS TEXT)", "c.area"));
static BY_OUTLET: Sql = Sql::new(figures!("g.slug", "c.area"));
static BY_AREA: Sql = Sql::new(figures!("g.area", "c.area"));
static BY_ROUND: Sql = Sql::new(figures!("CAST(g.round AS TEXT)", "c.area, c.round"));

/// The figures of a selection, as those eyes see them, by name.
pub async fn figures(db: &Db, selection: &Selection, cut: Cut, eyes: Eyes<'_>) -> Result<BTreeMap<String, Figures>> {
    let statement = match cut {
        Cut::Order => &BY_ORDER,
        Cut::Outlet | Cut::All => &BY_OUTLET,
        Cut::Area => &BY_AREA,
        Cut::Round => &BY_ROUND,
    };
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(statement))
        .bind(selection.from)
        .bind(selection.until)
        .bind(&selection.campaign)
        .bind(selection.run)
        .bind(selection.outlet)
        .bind(selection.order)
        .fetch_all(pool)
        .await)?;
    let mut figures: BTreeMap<String, Figures> = BTreeMap::new();
    for row in rows {
        let sees = match eyes {
            Eyes::All => true,
            Eyes::Office(scope) => scope.sees(&row.owner),
            Eyes::Outlet(outlet) => outlet == row.outlet,
        };
        if sees {
            let name = if cut == Cut::All { String::new() } else { row.name };
            *figures.entry(name).or_default() += Figures {
                orders: row.orders,
                subscribers: row.subscribers,
                targeted: row.targeted,
                submitted: row.submitted,
                delivered: row.delivered,
                failed: row.failed,
                pending: row.pending,
                parts: row.parts,
                cost: row.cost,
            };
        }
    }
    Ok(figures)
}

/// How far the orders of a kind of outlets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Progress {
    /// Outlets that have an order, exercises and tests aside.
    pub asked: i64,
    /// That took it, or more.
    pub taken: i64,
    /// That reported at last: for schools and agencies, that it is done.
    pub reported: i64,
    /// That refused.
    pub refused: i64,
    /// Whose report is late.
    pub overdue: i64,
}

// The order itself, or the Update that took its place, tells for its outlet; what was withdrawn, and Cancels, do not.
static PROGRESS: Sql = Sql::new(
    r"SELECT o.owner, o.outlet, t.kind, count(DISTINCT o.outlet) AS asked,
             count(DISTINCT CASE WHEN o.state IN (3, 5, 6, 7, 8) THEN o.outlet END) AS taken,
             count(DISTINCT CASE WHEN p.final THEN o.outlet END) AS reported,
             count(DISTINCT CASE WHEN o.state = 4 THEN o.outlet END) AS refused,
             count(DISTINCT CASE WHEN o.overdue_since IS NOT NULL THEN o.outlet END) AS overdue
      FROM relay_order o JOIN outlet t ON t.id = o.outlet LEFT JOIN relay_report p ON p.id = o.report
      WHERE o.status = 0 AND o.step <> 2 AND o.state NOT IN (0, 9, 10) AND o.campaign = coalesce($1, o.campaign)
        AND o.run = coalesce($2, o.run)
      GROUP BY o.owner, o.outlet, t.kind",
);

/// How far the outlets of each kind (by its stored number) are, for a campaign, a run, or all.
pub async fn progress(db: &Db, campaign: Option<&str>, run: Option<i64>, eyes: Eyes<'_>) -> Result<BTreeMap<i16, Progress>> {
    type Row = (String, i64, i16, i64, i64, i64, i64, i64);
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&PROGRESS)).bind(campaign).bind(run).fetch_all(pool).await)?;
    let mut progress: BTreeMap<i16, Progress> = BTreeMap::new();
    for (owner, outlet, kind, asked, taken, reported, refused, overdue) in rows {
        let sees = match eyes {
            Eyes::All => true,
            Eyes::Office(scope) => scope.sees(&owner),
            Eyes::Outlet(own) => own == outlet,
        };
        if sees {
            let of = progress.entry(kind).or_default();
            of.asked += asked;
            of.taken += taken;
            of.reported += reported;
            of.refused += refused;
            of.overdue += overdue;
        }
    }
    Ok(progress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_counts_stays_unknown() {
        let mut sum = Figures { orders: 1, delivered: Some(3), ..Figures::default() };
        sum += Figures { orders: 1, delivered: None, failed: Some(2), ..Figures::default() };
        assert_eq!((sum.orders, sum.delivered, sum.failed, sum.cost), (2, Some(3), Some(2), None));
    }
}
