//! Handles: the gateways' ids of attempts, kept when their sends are answered. Receipts find their attempts by them where a
//! gateway echoes no reference, and gateways are asked by them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::id_list;
use crate::{
    db::{Result, Sql, Tx, affected},
    within,
};

static KEEP: Sql = Sql::new(
    r"INSERT INTO handle (account, id, delivery, attempt, part, parts, state, reason, at)
      SELECT account, handle, delivery, attempt, part, parts, 3, 0, $2
      FROM :rows($1; account BIGINT, handle TEXT, delivery BIGINT, attempt SMALLINT, part SMALLINT, parts SMALLINT) AS v
      WHERE true
      ON CONFLICT (account, id) DO UPDATE SET delivery = excluded.delivery, attempt = excluded.attempt,
        part = excluded.part, parts = excluded.parts, state = excluded.state, reason = 0, at = excluded.at
      WHERE handle.delivery <> excluded.delivery OR handle.attempt <> excluded.attempt",
);

static EARLY: Sql = Sql::new(
    r"SELECT r.id FROM receipt r JOIN :rows($1; account BIGINT, handle TEXT) AS v ON r.account = v.account AND r.handle = v.handle
      WHERE r.status = 0 AND r.received_at >= $2",
);

/// How long before the answer that names its message a receipt may come, at most. An older one speaks of a message that had the
/// id before: of a test, or from before its carrier began to count anew.
pub const EARLIEST: Duration = Duration::from_hours(1);

/// Whether a receipt that came at `received_at` can be of the message whose id was kept at `kept_at`.
pub fn may_speak_of(received_at: i64, kept_at: i64) -> bool {
    received_at >= earliest(kept_at)
}

fn earliest(kept_at: i64) -> i64 {
    kept_at - i64::try_from(EARLIEST.as_millis()).unwrap_or(i64::MAX / 4)
}

/// The ids that an account's gateway gave to an attempt.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// The account's id.
    pub account: i64,
    /// The delivery.
    pub delivery: i64,
    /// The attempt's number.
    pub attempt: i16,
    /// One a part, in order.
    pub ids: &'a [String],
    /// Whether at least one more part was not answered for.
    pub unnamed: bool,
}

/// Keeps ids. Which receipts came before the answer that names them: they are to be matched again. What is known of a part
/// stays, where its id was kept before.
pub async fn keep(tx: &mut Tx, named: impl IntoIterator<Item = Named<'_>>, now: i64) -> Result<Vec<i64>> {
    #[derive(Serialize)]
    struct Kept<'a> {
        account: i64,
        handle: &'a str,
        delivery: i64,
        attempt: i16,
        part: i16,
        parts: i16,
    }
    // A gateway that repeats an id within one batch would touch the same row twice: the last one counts.
    let mut handles: BTreeMap<(i64, &str), Kept<'_>> = BTreeMap::new();
    for Named { account, delivery, attempt, ids, unnamed } in named {
        let mut seen = BTreeSet::new();
        let ids: Vec<&str> = ids.iter().map(String::as_str).filter(|id| seen.insert(*id)).collect();
        let parts = i16::try_from(ids.len() + usize::from(unnamed)).unwrap_or(i16::MAX);
        for (part, id) in (0i16..).zip(ids) {
            handles.insert((account, id), Kept { account, handle: id, delivery, attempt, part, parts });
        }
    }
    if handles.is_empty() {
        return Ok(Vec::new());
    }
    let list = crate::db::list(&handles.into_values().collect::<Vec<_>>());
    within!(tx, |c, sql| sqlx::query(sql(&KEEP)).bind(&list).bind(now).execute(c).await.map(affected))?;
    within!(tx, |c, sql| sqlx::query_scalar(sql(&EARLY)).bind(&list).bind(earliest(now)).fetch_all(c).await)
}

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
      WHERE h.delivery IN :ids($1) ORDER BY h.delivery, h.attempt, h.part",
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
