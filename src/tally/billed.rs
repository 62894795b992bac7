//! What each account was given to send, by route and local day: what a carrier's invoice is held against.
//!
//! It changes with the rows, in the transactions that claim them and that put back what was not taken: parts and đồng of
//! all days together are those of all deliveries, route by route ([`differences`]: `loa verify`). The day is that of the claim,
//! a moment before the message leaves.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde::Serialize;

use super::Count;
use crate::{
    db::{Db, Result, Sql, Tx, affected},
    limit::quota_day,
    on, within,
};

/// Account, route and moment of the claim → what they came to. The many rows of a claim share its moment: its day is worked
/// out once.
#[derive(Debug, Default)]
pub(super) struct Billed(BTreeMap<(i64, i16, i64), Count>);

impl Billed {
    pub(super) fn add(&mut self, account: i64, route: i16, claimed_at: i64, count: Count) {
        *self.0.entry((account, route, claimed_at)).or_default() += count;
    }

    /// By account, route and day.
    fn days(self) -> BTreeMap<(i64, i16, String), Count> {
        let mut days = BTreeMap::<_, Count>::new();
        for ((account, route, claimed_at), count) in self.0 {
            let day = quota_day(DateTime::from_timestamp_millis(claimed_at).unwrap_or_default());
            *days.entry((account, route, day)).or_default() += count;
        }
        days
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (key, count) in other.0 {
            *self.0.entry(key).or_default() += count;
        }
    }
}

static APPLY: Sql = Sql::new(
    r"INSERT INTO billed (account, route, day, node, n, parts, price)
      SELECT account, route, day, $2, n, parts, price
      FROM :rows($1; account BIGINT, route SMALLINT, day TEXT, n BIGINT, parts BIGINT, price BIGINT) AS v WHERE true
      ON CONFLICT (account, route, day, node) DO UPDATE
      SET n = billed.n + excluded.n, parts = billed.parts + excluded.parts, price = billed.price + excluded.price",
);

/// Applies a change: rows are the node's own, and locked in the order of their keys.
pub(super) async fn apply(tx: &mut Tx, node: i64, billed: Billed) -> Result<()> {
    #[derive(Serialize)]
    struct Row {
        account: i64,
        route: i16,
        day: String,
        #[serde(flatten)]
        count: Count,
    }
    let rows: Vec<Row> = billed
        .days()
        .into_iter()
        .filter(|(_, count)| *count != Count::default())
        .map(|((account, route, day), count)| Row { account, route, day, count })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let list = crate::db::list(&rows);
    within!(tx, |c, sql| sqlx::query(sql(&APPLY)).bind(&list).bind(node).execute(c).await.map(affected))?;
    Ok(())
}

static BETWEEN: Sql = Sql::new(
    r"SELECT a.name, b.route, b.day, CAST(sum(b.n) AS BIGINT), CAST(sum(b.parts) AS BIGINT), CAST(sum(b.price) AS BIGINT)
      FROM billed b JOIN account a ON a.id = b.account WHERE b.day >= $1 AND b.day <= $2
      GROUP BY a.name, b.route, b.day HAVING sum(b.parts) <> 0 OR sum(b.price) <> 0 ORDER BY a.name, b.route, b.day",
);

/// What was submitted from one day to another, both included and written `2026-10-01`: by account's name, route and day.
pub async fn between(db: &Db, from: &str, through: &str) -> Result<Vec<(String, i16, String, Count)>> {
    let rows: Vec<(String, i16, String, i64, i64, i64)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&BETWEEN)).bind(from).bind(through).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(|(account, route, day, n, parts, price)| (account, route, day, Count { n, parts, price })).collect())
}

/// A route whose days do not come to what its deliveries do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Channel << 4 | carrier.
    pub route: i16,
    /// Parts, all days together.
    pub parts: i64,
    /// Đồng, all days together.
    pub price: i64,
    /// Parts of the deliveries.
    pub row_parts: i64,
    /// Đồng of the deliveries.
    pub row_price: i64,
}

// By route, which a delivery never changes; its account it does, where another one tries after the first.
static DIFFERENCES: Sql = Sql::new(
    r"SELECT route, CAST(sum(parts) AS BIGINT), CAST(sum(price) AS BIGINT), CAST(sum(row_parts) AS BIGINT), CAST(sum(row_price) AS BIGINT)
      FROM (
        SELECT route, parts, price, 0 AS row_parts, 0 AS row_price FROM billed
        UNION ALL
        SELECT route, 0, 0, sum(parts), sum(price) FROM delivery GROUP BY route
      ) AS both_sides
      GROUP BY route HAVING sum(parts) <> sum(row_parts) OR sum(price) <> sum(row_price) ORDER BY route",
);

/// Recounts every route from its deliveries, within a snapshot of the caller's. Empty: all agree.
pub async fn differences(tx: &mut Tx) -> Result<Vec<Difference>> {
    let rows: Vec<(i16, i64, i64, i64, i64)> = within!(tx, |c, sql| sqlx::query_as(sql(&DIFFERENCES)).fetch_all(c).await)?;
    Ok(rows
        .into_iter()
        .map(|(route, parts, price, row_parts, row_price)| Difference { route, parts, price, row_parts, row_price })
        .collect())
}
