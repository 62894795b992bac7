//! The gateways' ids of attempts, as they were kept when their sends were answered: what a gateway is asked by.

use std::collections::BTreeMap;

use super::id_list;
use crate::{
    db::{Result, Sql, Tx},
    within,
};

/// An attempt of a delivery on an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt {
    /// The delivery.
    pub delivery: i64,
    /// The attempt's number.
    pub attempt: i16,
    /// The account that it went through.
    pub account: i64,
}

static IDS: Sql = Sql::new(
    r"SELECT h.delivery, h.attempt, h.account, h.id FROM handle h
      WHERE h.delivery IN (SELECT id FROM :rows($1; id BIGINT) AS wanted) ORDER BY h.delivery, h.attempt, h.part",
);

/// The ids of these deliveries' attempts, one a part and in order.
pub async fn ids(tx: &mut Tx, deliveries: impl Iterator<Item = i64>) -> Result<BTreeMap<Attempt, Vec<String>>> {
    let list = id_list(deliveries);
    let rows: Vec<(i64, i16, i64, String)> = within!(tx, |c, sql| sqlx::query_as(sql(&IDS)).bind(&list).fetch_all(c).await)?;
    let mut ids: BTreeMap<Attempt, Vec<String>> = BTreeMap::new();
    for (delivery, attempt, account, id) in rows {
        ids.entry(Attempt { delivery, attempt, account }).or_default().push(id);
    }
    Ok(ids)
}
