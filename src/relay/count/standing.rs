//! The orders that figures are of, as they stand.

use chrono::NaiveDate;
use serde::Serialize;

use super::Selection;
use crate::{
    db::{Result, Sql, Tx, list},
    relay::{Eyes, State, Step},
    within,
};

/// An order as figures see it; neither an exercise nor a test.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Standing {
    /// Its number.
    pub id: i64,
    /// Its run.
    pub run: i64,
    /// Its outlet.
    pub outlet: i64,
    /// The outlet's slug.
    pub slug: String,
    /// What the outlet is called.
    pub title: String,
    /// What the outlet is, by its stored number.
    pub kind: i16,
    /// Its campaign's slug.
    pub campaign: String,
    /// Its campaign's department.
    pub owner: String,
    step: i16,
    state: i16,
    /// The same; of one that is closed, where it stood before.
    stood: i16,
    /// The report that counts.
    pub report: Option<i64>,
    last: Option<bool>,
    /// Whether its report is late.
    pub overdue: bool,
}

impl Standing {
    /// Where it stands.
    pub fn state(&self) -> Option<State> {
        State::from_number(self.state)
    }

    /// Whether its outlet is asked for something: what was withdrawn or replaced asks for nothing, and neither does a Cancel.
    pub fn is_asked(&self) -> bool {
        let over = matches!(self.state(), None | Some(State::Drafted | State::Cancelled | State::Superseded));
        !over && self.step != Step::Cancel as i16
    }

    /// Whether its outlet took it, or more. Closing it is the office's doing, and changes nothing of that.
    pub fn is_taken(&self) -> bool {
        use State::{Acknowledged, Reported, ReportedPartly, Sending};
        matches!(State::from_number(self.stood), Some(Acknowledged | Sending | ReportedPartly | Reported))
    }

    /// Whether its outlet refused it.
    pub fn is_refused(&self) -> bool {
        State::from_number(self.stood) == Some(State::Refused)
    }

    /// Whether its last report came: for schools and agencies, that it is done.
    pub fn is_done(&self) -> bool {
        self.last == Some(true)
    }
}

macro_rules! standing {
    ($which:expr) => {
        concat!(
            "SELECT o.id, o.run, o.outlet, t.slug, t.title, t.kind, o.campaign, o.owner, o.step, o.state, o.report, p.final AS last,
                    CASE WHEN o.state <> 8 THEN o.state ELSE coalesce((SELECT e.state FROM relay_event e
                      WHERE e.relay_order = o.id AND e.state <> 8 ORDER BY e.id DESC LIMIT 1), o.state) END AS stood,
                    o.overdue_since IS NOT NULL AS overdue
             ",
            $which,
            " ORDER BY o.id"
        )
    };
}

// Each looks up what it is of.
macro_rules! selected {
    ($of:expr) => {
        standing!(concat!(
            "FROM relay_order o JOIN run r ON r.id = o.run JOIN outlet t ON t.id = o.outlet LEFT JOIN relay_report p ON p.id = o.report
             WHERE ",
            $of,
            " AND o.status = 0 AND r.date >= $1 AND r.date <= $2 AND o.campaign = coalesce($3, o.campaign) AND o.run = coalesce($4, o.run)
              AND o.outlet = coalesce($5, o.outlet) AND o.id = coalesce($6, o.id)"
        ))
    };
}

static OF_DAYS: Sql = Sql::new(selected!("o.id > 0"));
static OF_ORDER: Sql = Sql::new(selected!("o.id = $6"));
static OF_RUN: Sql = Sql::new(selected!("o.run = $4"));
static OF_CAMPAIGN: Sql = Sql::new(selected!("o.campaign = $3"));
static OF_OUTLET: Sql = Sql::new(selected!("o.outlet = $5"));

static OF_RUNS: Sql = Sql::new(standing!(
    "FROM :rows($1; run BIGINT) AS x JOIN relay_order o ON o.run = x.run JOIN outlet t ON t.id = o.outlet
     LEFT JOIN relay_report p ON p.id = o.report WHERE o.status = 0"
));

/// The orders of these runs.
pub async fn of_runs(tx: &mut Tx, runs: impl Iterator<Item = i64>) -> Result<Vec<Standing>> {
    #[derive(Serialize)]
    struct One {
        run: i64,
    }
    let runs = list(&runs.map(|run| One { run }).collect::<Vec<_>>());
    within!(tx, |c, sql| sqlx::query_as(sql(&OF_RUNS)).bind(&runs).fetch_all(c).await)
}

/// The orders of a selection, as those eyes see them.
pub(super) async fn selected(tx: &mut Tx, selection: &Selection, eyes: Eyes<'_>) -> Result<Vec<Standing>> {
    let day = |day: Option<NaiveDate>, else_: &str| day.map_or_else(|| else_.to_string(), |day| day.to_string());
    let statement = match selection {
        Selection { order: Some(_), .. } => &OF_ORDER,
        Selection { run: Some(_), .. } => &OF_RUN,
        Selection { campaign: Some(_), .. } => &OF_CAMPAIGN,
        Selection { outlet: Some(_), .. } => &OF_OUTLET,
        _ => &OF_DAYS,
    };
    let mut orders: Vec<Standing> = within!(tx, |c, sql| sqlx::query_as(sql(statement))
        .bind(day(selection.from, "0000-00-00"))
        .bind(day(selection.through, "9999-99-99"))
        .bind(&selection.campaign)
        .bind(selection.run)
        .bind(selection.outlet)
        .bind(selection.order)
        .fetch_all(c)
        .await)?;
    orders.retain(|order| match eyes {
        Eyes::All => true,
        Eyes::Office(scope) => scope.sees(&order.owner),
        Eyes::Outlet(outlet) => outlet == order.outlet,
    });
    orders.retain(|order| selection.kind.is_none_or(|kind| kind as i16 == order.kind));
    Ok(orders)
}
