//! Attempts that have a row of their own: one left behind, and the present one where an earlier one outweighs it.

use std::collections::HashMap;

use serde::Serialize;

use super::{State, id_list, state};
use crate::{
    db::{Result, Sql, Tx, affected},
    within,
};

static LEAVE_BEHIND: Sql = Sql::new(
    r"INSERT INTO attempt (delivery, attempt, account, state, reason, parts, price, at)
      SELECT delivery, attempt, account, state, reason, parts, price, $2
      FROM :rows($1; delivery BIGINT, attempt SMALLINT, account BIGINT, state SMALLINT, reason SMALLINT, parts SMALLINT, price BIGINT) AS v
      WHERE true
      ON CONFLICT (delivery, attempt) DO UPDATE SET state = excluded.state, reason = excluded.reason, at = excluded.at",
);

static LEFT_BEHIND: Sql =
    Sql::new(r"SELECT delivery, attempt, state, account FROM attempt WHERE delivery IN :ids($1) ORDER BY delivery, attempt");

/// An attempt's row, for one that is no longer the delivery's whole truth.
#[derive(Serialize)]
pub(super) struct Left {
    pub(super) delivery: i64,
    pub(super) attempt: i16,
    pub(super) account: i64,
    pub(super) state: i16,
    pub(super) reason: i16,
    pub(super) parts: i16,
    pub(super) price: i64,
}

pub(super) async fn leave_behind(tx: &mut Tx, left: &[Left], now: i64) -> Result<()> {
    if left.is_empty() {
        return Ok(());
    }
    let list = crate::db::list(left);
    within!(tx, |c, sql| sqlx::query(sql(&LEAVE_BEHIND)).bind(&list).bind(now).execute(c).await.map(affected))?;
    Ok(())
}

/// What is known of an attempt that has a row of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) attempt: i16,
    pub(super) state: State,
    pub(super) account: i64,
}

/// The attempts' rows of these deliveries, ascending.
pub(super) async fn left_behind(tx: &mut Tx, ids: &[i64]) -> Result<HashMap<i64, Vec<Known>>> {
    let mut left: HashMap<i64, Vec<Known>> = HashMap::new();
    if ids.is_empty() {
        return Ok(left);
    }
    let list = id_list(ids.iter().copied());
    let rows: Vec<(i64, i16, i16, i64)> = within!(tx, |c, sql| sqlx::query_as(sql(&LEFT_BEHIND)).bind(&list).fetch_all(c).await)?;
    for (delivery, attempt, state, account) in rows {
        left.entry(delivery).or_default().push(Known { attempt, state: State::from_number(state), account });
    }
    Ok(left)
}

/// The best over a delivery's attempts, the present one ending as `end`; and the account that it is due to. Attempts that
/// were definitely not taken count for nothing: what was only refused for a while may still lapse or be skipped.
pub(super) fn best_of(attempts: &[Known], present: i16, end: State, account: i64) -> (State, i64) {
    let earlier = || attempts.iter().filter(|known| known.attempt < present && known.state != State::Rejected);
    let best = state::of_attempts(earlier().map(|known| known.state), end);
    let of =
        earlier().find(|known| best != end && (known.state == best || (best == State::Unknown && known.state == State::InDoubt)));
    (best, of.map_or(account, |known| known.account))
}
