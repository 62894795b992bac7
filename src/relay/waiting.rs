//! What waits with the office: how many orders stand in which state, and which outlets of a run have not confirmed.

use std::collections::BTreeMap;

use super::{
    Eyes, Order, State, Status,
    order::{Row, orders},
};
use crate::{
    db::{Db, Result, Sql},
    on,
    outlet::Kind,
    user::Scope,
};

/// How many orders wait for somebody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waits {
    /// Those to be approved, handed over or acknowledged, and those that were refused, by their state.
    pub states: BTreeMap<State, i64>,
    /// Those whose final report is late.
    pub overdue: i64,
}

// 0 drafted, 1 approved, 2 handed over, 4 refused: what is over is the most by far, and is not counted.
static WAITING: Sql =
    Sql::new(r"SELECT owner, state, count(*) AS orders FROM relay_order WHERE state IN (0, 1, 2, 4) GROUP BY state, owner");
static LATE: Sql = Sql::new(r"SELECT owner, count(*) AS orders FROM relay_order WHERE overdue_since IS NOT NULL GROUP BY owner");

/// How many orders wait, of the departments that somebody sees.
pub async fn counts(db: &Db, scope: &Scope) -> Result<Waits> {
    let waiting: Vec<(String, i16, i64)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&WAITING)).fetch_all(pool).await)?;
    let late: Vec<(String, i64)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&LATE)).fetch_all(pool).await)?;
    let mut waits = Waits::default();
    for (_, state, orders) in waiting.into_iter().filter(|(owner, ..)| scope.sees(owner)) {
        if let Some(state) = State::from_number(state) {
            *waits.states.entry(state).or_default() += orders;
        }
    }
    waits.overdue = late.into_iter().filter(|(owner, _)| scope.sees(owner)).map(|(_, orders)| orders).sum();
    Ok(waits)
}

// The order itself, or the Update that took its place, tells for its outlet; what was withdrawn, and Cancels, do not. Closed without a
// final report, it was not confirmed either.
static UNCONFIRMED: Sql = Sql::new(orders!(
    "WHERE o.run = $1 AND t.kind = coalesce($2, t.kind) AND o.step <> 2 AND o.state NOT IN (0, 9, 10) AND o.id > $3
       AND NOT EXISTS (SELECT 1 FROM relay_report f WHERE f.id = o.report AND f.final) ORDER BY o.id LIMIT $4"
));

/// The orders of a run whose outlets have not reported at last, by their numbers from `after` on; at most `most`.
pub async fn unconfirmed(
    db: &Db,
    run: i64,
    kind: Option<Kind>,
    after: i64,
    eyes: Eyes<'_>,
    most: i64,
    now: i64,
) -> Result<Vec<Order>> {
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&UNCONFIRMED))
        .bind(run)
        .bind(kind.map(|kind| kind as i16))
        .bind(after)
        .bind(most)
        .fetch_all(pool)
        .await)?;
    let orders: Result<Vec<Order>> = rows.into_iter().map(Row::order).collect();
    // All orders of a run are of one department.
    Ok(orders?.into_iter().filter(|order| eyes.see(order, now)).collect())
}

static UNSENT: Sql = Sql::new(r"SELECT count(*) FROM relay_order WHERE run = $1 AND state IN (0, 1) AND step <> 2");

/// How many orders of a run nobody has yet: what aborting it takes back.
pub async fn unsent(db: &Db, run: i64) -> Result<i64> {
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&UNSENT)).bind(run).fetch_one(pool).await)
}

static UNSENT_OF_ALL: Sql = Sql::new(r"SELECT run, count(*) FROM relay_order WHERE state IN (0, 1) AND step <> 2 GROUP BY run");

/// The same of every run that has some.
pub async fn unsent_of_all(db: &Db) -> Result<BTreeMap<i64, i64>> {
    let rows: Vec<(i64, i64)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&UNSENT_OF_ALL)).fetch_all(pool).await)?;
    Ok(rows.into_iter().collect())
}

/// Which orders a page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of<'a> {
    /// Those of a run.
    Run(i64),
    /// Those of a campaign.
    Campaign(&'a str),
}

static OF_RUN: Sql = Sql::new(r"SELECT owner, status FROM relay_order WHERE run = $1 ORDER BY outlet DESC LIMIT 1");
static OF_CAMPAIGN: Sql = Sql::new(r"SELECT owner, status FROM relay_order WHERE campaign = $1 ORDER BY id DESC LIMIT 1");

/// The status of the orders of a run, or of the latest of a campaign; none: there are none for those eyes. Cheap: most runs have none.
pub async fn status(db: &Db, of: Of<'_>, eyes: Eyes<'_>) -> Result<Option<Status>> {
    let found: Option<(String, i16)> = match of {
        Of::Run(run) => on!(db.read, |pool, sql| sqlx::query_as(sql(&OF_RUN)).bind(run).fetch_optional(pool).await)?,
        Of::Campaign(campaign) => {
            on!(db.read, |pool, sql| sqlx::query_as(sql(&OF_CAMPAIGN)).bind(campaign).fetch_optional(pool).await)?
        }
    };
    Ok(found.and_then(|(owner, status)| {
        let sees = match eyes {
            Eyes::All => true,
            Eyes::Office(scope) => scope.sees(&owner),
            Eyes::Outlet(_) => false,
        };
        Status::from_number(status).filter(|_| sees)
    }))
}
