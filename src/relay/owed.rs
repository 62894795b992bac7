//! What outlets still have to do: for an outlet's own page, and for the list of all of them.

use std::collections::BTreeMap;

use super::{
    Eyes, Order, State, Step,
    order::{Row, orders},
};
use crate::{
    db::{Db, Result, Sql},
    on,
    user::Scope,
};

// 1 approved, 2 handed over, 3 acknowledged, 5 sending, 6 reported partly. A Cancel (step 2) that was acknowledged asks for nothing more.
static OF_OUTLET: Sql = Sql::new(orders!(
    "WHERE o.outlet = $1 AND o.state IN (1, 2, 3, 5, 6) AND NOT (o.step = 2 AND o.state = 3)
     ORDER BY o.overdue_since IS NULL, coalesce(o.report_by, 9223372036854775807), o.id"
));

/// The orders that an outlet has yet to take, to answer or to report on: those that are overdue first, then by when their report is due.
pub async fn of(db: &Db, outlet: i64, now: i64) -> Result<Vec<Order>> {
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&OF_OUTLET)).bind(outlet).fetch_all(pool).await)?;
    let orders: Result<Vec<Order>> = rows.into_iter().map(Row::order).collect();
    Ok(orders?.into_iter().filter(|order| Eyes::Outlet(outlet).see(order, now)).collect())
}

/// How many orders an outlet has under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Not yet reported finally, refused or withdrawn.
    pub open: i64,
    /// Of those, whose report is late.
    pub overdue: i64,
}

static LOADS: Sql = Sql::new(
    r"SELECT outlet, owner, count(*), count(overdue_since) FROM relay_order
      WHERE state IN (1, 2, 3, 5, 6) AND NOT (step = 2 AND state = 3) GROUP BY outlet, owner",
);

/// The same of every outlet, as far as somebody of these departments sees its orders.
pub async fn loads(db: &Db, scope: &Scope) -> Result<BTreeMap<i64, Load>> {
    let rows: Vec<(i64, String, i64, i64)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&LOADS)).fetch_all(pool).await)?;
    let mut loads: BTreeMap<i64, Load> = BTreeMap::new();
    for (outlet, _, open, overdue) in rows.into_iter().filter(|(_, owner, _, _)| scope.sees(owner)) {
        let load = loads.entry(outlet).or_default();
        load.open += open;
        load.overdue += overdue;
    }
    Ok(loads)
}

/// Whether an order is one of those: something is still to be done with it.
pub fn is_open(order: &Order) -> bool {
    let answered = order.step == Step::Cancel && order.state == State::Acknowledged;
    (order.state == State::Approved || order.state.owes_report()) && !answered
}
