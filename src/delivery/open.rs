//! Deliveries that a gateway took and that nothing is known of since, read in the order of their keys.

use super::{RUN_SHIFT, State};
use crate::{
    db::{Result, Sql, Tx},
    within,
};

/// A delivery as a walk over its run meets it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Met {
    /// The delivery.
    pub id: i64,
    /// The account that took it, or tried.
    pub account: i64,
    /// The present attempt's number.
    pub attempt: i16,
    state: i16,
    /// When something was last learnt of it (unix milliseconds).
    pub updated_at: i64,
}

impl Met {
    /// What is known of it.
    pub fn state(&self) -> State {
        State::from_number(self.state)
    }
}

// By keys alone: an index of what is open would cost every delivery of every account a write, for the few that are asked about.
static WALK: Sql =
    Sql::new(r"SELECT id, account, attempt, state, updated_at FROM delivery d WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3");

/// The deliveries of a run after one of them (0: from the first), in the order of their keys: at most `most`.
pub async fn walk(tx: &mut Tx, run: i64, after: i64, most: i64) -> Result<Vec<Met>> {
    let (from, to) = (after.max((run << RUN_SHIFT) - 1), (run + 1) << RUN_SHIFT);
    within!(tx, |c, sql| sqlx::query_as(sql(&WALK)).bind(from).bind(to).bind(most).fetch_all(c).await)
}
