//! Figures of orders (*số thuê bao do nhà mạng báo cáo*): what the reports that count say, by order, outlet, campaign, area and round.
//! They are in subscribers, and are never added to counts of people. Exercises and tests stay out.
//!
//! An order belongs to its run, and counts with it: what a campaign sent on a day and what it ordered on that day stand in the same
//! period. What nobody counts is none, and stays so in every sum.

mod progress;
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub use progress::{Progress, progress, progress_of};
use standing::selected;
pub use standing::{Standing, of_runs};

use super::Eyes;
use crate::{
    audience::place::Places,
    db::{Db, Result, Sql, Tx, list},
    outlet::Kind,
    within,
};

/// What figures are of. What is none restricts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Orders of runs for this local day and later ones.
    pub from: Option<NaiveDate>,
    /// Orders of runs for this local day and earlier ones.
    pub through: Option<NaiveDate>,
    /// Of this campaign.
    pub campaign: Option<String>,
    /// Of this run.
    pub run: Option<i64>,
    /// Of this outlet.
    pub outlet: Option<i64>,
    /// Of this order.
    pub order: Option<i64>,
    /// Of outlets of this kind. What carriers count and what others count is no sum: whoever shows one says of which.
    pub kind: Option<Kind>,
}

/// By what figures are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// One row a campaign; its name is the campaign's slug.
    Campaign,
    /// One row a kind of outlets; its name is the kind's. What carriers count and what others count is never one sum on a page.
    Kind,
    /// One row an outlet; its name is the outlet's slug.
    Outlet,
    /// One row a province; its name is the province's code. Its wards count in it.
    Province,
    /// One row an area as it was reported, a province or a ward; its name is the area's code.
    Area,
    /// One row a round; its name is the round's number.
    Round,
    /// One row an order; its name is the order's number.
    Order,
    /// Everything in one row without a name.
    All,
}

/// What outlets reported. What none of them counts is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Orders that were reported on.
    pub orders: i64,
    /// Areas and rounds that were counted; none of them: the outlets said that it is done, and counted nothing.
    pub lines: i64,
    /// Subscribers, each once a run, outlet and area, however many rounds and updates; one person may be a subscriber of two carriers.
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
    if a.is_none() && b.is_none() { None } else { Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))) }
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.orders += other.orders;
        self.lines += other.lines;
        self.subscribers = self.subscribers.saturating_add(other.subscribers);
        self.targeted = self.targeted.saturating_add(other.targeted);
        self.submitted = self.submitted.saturating_add(other.submitted);
        self.delivered = known(self.delivered, other.delivered);
        self.failed = known(self.failed, other.failed);
        self.pending = known(self.pending, other.pending);
        self.parts = known(self.parts, other.parts);
        self.cost = known(self.cost, other.cost);
    }
}

static COUNTS: Sql = Sql::new(
    r"SELECT c.report, c.area, c.round, c.targeted, c.submitted, c.delivered, c.failed, c.pending, c.parts, c.cost
      FROM :rows($1; report BIGINT) AS x JOIN relay_count c ON c.report = x.report ORDER BY c.report, c.area, c.round",
);

/// Reports that are read at once: each has twenty thousand lines at most.
const STEP: usize = 16;

#[derive(sqlx::FromRow)]
struct Line {
    report: i64,
    area: String,
    round: i16,
    targeted: i64,
    submitted: i64,
    delivered: Option<i64>,
    failed: Option<i64>,
    pending: Option<i64>,
    parts: Option<i64>,
    cost: Option<i64>,
}

impl Line {
    /// The province that it is counted in, or what is no place of today.
    fn province(&self) -> &str {
        Places::built_in().province_of(&self.area).unwrap_or(&self.area)
    }
}

/// What the reports of these orders say, by each cut; `areas`: of these alone.
pub async fn sums(
    tx: &mut Tx,
    orders: &[Standing],
    areas: Option<&BTreeSet<String>>,
    cuts: &[Cut],
) -> Result<BTreeMap<Cut, BTreeMap<String, Figures>>> {
    #[derive(Serialize)]
    struct One {
        report: i64,
    }
    let mut sums: Vec<Sum> = cuts.iter().map(|cut| Sum::new(*cut)).collect();
    let by_report: BTreeMap<i64, &Standing> =
        orders.iter().filter_map(|order| order.report.map(|report| (report, order))).collect();
    let reports: Vec<One> = by_report.keys().map(|report| One { report: *report }).collect();
    for some in reports.chunks(STEP) {
        let lines: Vec<Line> = within!(tx, |c, sql| sqlx::query_as(sql(&COUNTS)).bind(list(some)).fetch_all(c).await)?;
        for line in lines.iter().filter(|line| areas.is_none_or(|areas| areas.contains(&line.area))) {
            if let Some(order) = by_report.get(&line.report) {
                for sum in &mut sums {
                    sum.add(order, line);
                }
            }
        }
    }
    if areas.is_none() {
        for order in by_report.values() {
            for sum in &mut sums {
                sum.add_done(order);
            }
        }
    }
    Ok(sums.into_iter().map(Sum::done).collect())
}

/// A name, run, outlet and place.
type Whose = (String, i64, i64, String);

/// Figures of one cut, as far as their lines have come.
struct Sum {
    cut: Cut,
    named: BTreeMap<String, Figures>,
    /// Orders, by the name that they count under.
    orders: BTreeSet<(String, i64)>,
    /// Subscribers of a name, run, outlet and place, by order and round: the most of these is how many they are.
    subscribers: BTreeMap<Whose, BTreeMap<(i64, i16), i64>>,
}

impl Sum {
    const fn new(cut: Cut) -> Self {
        Self { cut, named: BTreeMap::new(), orders: BTreeSet::new(), subscribers: BTreeMap::new() }
    }

    /// What an order counts under, whatever its lines; none where these say it.
    fn name(&self, order: &Standing) -> Option<String> {
        match self.cut {
            Cut::All => Some(String::new()),
            Cut::Campaign => Some(order.campaign.clone()),
            Cut::Kind => Some(Kind::from_number(order.kind).map_or("", Kind::name).to_string()),
            Cut::Outlet => Some(order.slug.clone()),
            Cut::Order => Some(order.id.to_string()),
            Cut::Province | Cut::Area | Cut::Round => None,
        }
    }

    fn add(&mut self, order: &Standing, line: &Line) {
        let name = self.name(order).unwrap_or_else(|| match self.cut {
            Cut::Round => line.round.to_string(),
            Cut::Area => line.area.clone(),
            _ => line.province().to_string(),
        });
        let place = if self.cut == Cut::Area { line.area.as_str() } else { line.province() };
        let whose = (name.clone(), order.run, order.outlet, place.to_string());
        let counted = self.subscribers.entry(whose).or_default().entry((order.id, line.round)).or_default();
        *counted = counted.saturating_add(line.targeted);
        *self.named.entry(name.clone()).or_default() += Figures {
            orders: i64::from(self.orders.insert((name, order.id))),
            lines: 1,
            subscribers: 0,
            targeted: line.targeted,
            submitted: line.submitted,
            delivered: line.delivered,
            failed: line.failed,
            pending: line.pending,
            parts: line.parts,
            cost: line.cost,
        };
    }

    /// An order that was reported on counts even where nothing was counted.
    fn add_done(&mut self, order: &Standing) {
        let Some(name) = self.name(order) else { return };
        if self.orders.insert((name.clone(), order.id)) {
            self.named.entry(name).or_default().orders += 1;
        }
    }

    fn done(mut self) -> (Cut, BTreeMap<String, Figures>) {
        for ((name, ..), rounds) in self.subscribers {
            if let Some(figures) = self.named.get_mut(&name) {
                figures.subscribers = figures.subscribers.saturating_add(rounds.into_values().max().unwrap_or(0));
            }
        }
        (self.cut, self.named)
    }
}

/// The figures of a selection, as those eyes see them, by name.
pub async fn figures(db: &Db, selection: &Selection, cut: Cut, eyes: Eyes<'_>) -> Result<BTreeMap<String, Figures>> {
    let mut tx = db.view().await?;
    let orders = selected(&mut tx, selection, eyes).await?;
    Ok(sums(&mut tx, &orders, None, &[cut]).await?.remove(&cut).unwrap_or_default())
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
