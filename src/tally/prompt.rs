//! How prompt the receipts of each account are: of the messages that it took in a minute, how many had their first receipt
//! within [`IN_TIME`]. Counted in the transactions that record and learn, one aggregated change a batch.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    db::{Result, Sql, Tx, affected},
    within,
};

/// A receipt that comes later than this after its message was taken is late (milliseconds).
pub const IN_TIME: i64 = 300_000;

/// The minute of a time in unix milliseconds.
pub const fn minute(at: i64) -> i64 {
    at.div_euclid(60_000)
}

/// Account and minute → taken, and heard of in time.
#[derive(Debug, Default)]
pub(super) struct Heard(BTreeMap<(i64, i64), (i64, i64)>);

impl Heard {
    /// An account took a message.
    pub(super) fn taken(&mut self, account: i64, at: i64) {
        self.0.entry((account, minute(at))).or_default().0 += 1;
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (key, (taken, prompt)) in other.0 {
            let own = self.0.entry(key).or_default();
            *own = (own.0 + taken, own.1 + prompt);
        }
    }

    /// The first receipt came of a message that was taken at `taken`.
    pub(super) fn first_receipt(&mut self, account: i64, taken: i64, now: i64) {
        if now - taken <= IN_TIME {
            self.0.entry((account, minute(taken))).or_default().1 += 1;
        }
    }
}

static APPLY: Sql = Sql::new(
    r"INSERT INTO account_minute (account, minute, node, sent, prompt)
      SELECT account, minute, $2, sent, prompt FROM :rows($1; account BIGINT, minute BIGINT, sent BIGINT, prompt BIGINT) AS v
      WHERE true
      ON CONFLICT (account, minute, node) DO UPDATE
      SET sent = account_minute.sent + excluded.sent, prompt = account_minute.prompt + excluded.prompt",
);

/// Applies a change: rows are the node's own, and locked in the order of their keys.
pub(super) async fn apply(tx: &mut Tx, node: i64, heard: Heard) -> Result<()> {
    #[derive(Serialize)]
    struct Row {
        account: i64,
        minute: i64,
        sent: i64,
        prompt: i64,
    }
    let rows: Vec<Row> =
        heard.0.into_iter().map(|((account, minute), (sent, prompt))| Row { account, minute, sent, prompt }).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let list = crate::db::list(&rows);
    within!(tx, |c, sql| sqlx::query(sql(&APPLY)).bind(&list).bind(node).execute(c).await.map(affected))?;
    Ok(())
}
