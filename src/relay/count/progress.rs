//! How far outlets are with what they were asked: in outlets, whatever they counted.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Selection,
    standing::{Standing, selected},
};
use crate::{
    db::{Db, Result},
    relay::Eyes,
};

/// How far the orders of a kind of outlets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Progress {
    /// Outlets that have an order, exercises and tests aside.
    pub asked: i64,
    /// That took it, or more.
    pub taken: i64,
    /// That reported finally all that they were asked: of schools and agencies, that it is done.
    pub reported: i64,
    /// That refused.
    pub refused: i64,
    /// Whose report is late.
    pub overdue: i64,
}

/// How far the outlets of each kind (by its stored number) are that these orders ask for something. One that was asked several times has
/// reported when all of it is reported finally.
pub fn progress_of<'o>(orders: impl IntoIterator<Item = &'o Standing>) -> BTreeMap<i16, Progress> {
    let mut outlets: BTreeMap<(i16, i64), Vec<&Standing>> = BTreeMap::new();
    for order in orders.into_iter().filter(|order| order.is_asked()) {
        outlets.entry((order.kind, order.outlet)).or_default().push(order);
    }
    let mut progress: BTreeMap<i16, Progress> = BTreeMap::new();
    for ((kind, _), orders) in outlets {
        let any = |is: fn(&Standing) -> bool| i64::from(orders.iter().any(|order| is(order)));
        let of = progress.entry(kind).or_default();
        of.asked += 1;
        of.taken += any(Standing::is_taken);
        of.reported += i64::from(orders.iter().all(|order| order.is_done()));
        of.refused += any(Standing::is_refused);
        of.overdue += any(|order| order.overdue);
    }
    progress
}

/// How far the outlets of each kind (by its stored number) are, for a campaign, a run, or all.
pub async fn progress(db: &Db, campaign: Option<&str>, run: Option<i64>, eyes: Eyes<'_>) -> Result<BTreeMap<i16, Progress>> {
    let mut tx = db.view().await?;
    let selection = Selection { campaign: campaign.map(str::to_string), run, ..Selection::default() };
    Ok(progress_of(&selected(&mut tx, &selection, eyes).await?))
}
