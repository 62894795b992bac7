//! How prompt the receipts of each account are: of the messages that it took in a minute, how many had their first receipt
//! within [`IN_TIME`], and how long the first receipts took that came in a minute ([`STEPS`]). Counted in the transactions that record and learn, one aggregated change a batch.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    db::{Result, Sql, Tx, affected},
    within,
};

/// A receipt that comes later than this after its message was taken is late (milliseconds).
pub const IN_TIME: i64 = 300_000;

/// How long first receipts take is counted in steps, each up to so many milliseconds; what takes longer is one step further.
pub const STEPS: [i64; 15] = [
    500, 1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 14_400_000,
];

/// The minute of a time in unix milliseconds.
pub const fn minute(at: i64) -> i64 {
    at.div_euclid(60_000)
}

/// What accounts took, and what was heard of it.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Account and minute → taken, and heard of in time.
    minutes: BTreeMap<(i64, i64), (i64, i64)>,
    /// Account, minute and step → first receipts.
    delays: BTreeMap<(i64, i64, i16), i64>,
}

impl Heard {
    /// An account took a message.
    pub(super) fn taken(&mut self, account: i64, at: i64) {
        self.minutes.entry((account, minute(at))).or_default().0 += 1;
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (key, (taken, prompt)) in other.minutes {
            let own = self.minutes.entry(key).or_default();
            *own = (own.0 + taken, own.1 + prompt);
        }
        for (key, n) in other.delays {
            *self.delays.entry(key).or_default() += n;
        }
    }

    /// The first receipt came of a message that was taken at `taken`.
    pub(super) fn first_receipt(&mut self, account: i64, taken: i64, now: i64) {
        if now - taken <= IN_TIME {
            self.minutes.entry((account, minute(taken))).or_default().1 += 1;
        }
        let step = STEPS.iter().position(|most| now - taken <= *most).unwrap_or(STEPS.len());
        *self.delays.entry((account, minute(now), i16::try_from(step).unwrap_or(i16::MAX))).or_default() += 1;
    }
}

static APPLY: Sql = Sql::new(
    r"INSERT INTO account_minute (account, minute, node, sent, prompt)
      SELECT account, minute, $2, sent, prompt FROM :rows($1; account BIGINT, minute BIGINT, sent BIGINT, prompt BIGINT) AS v
      WHERE true
      ON CONFLICT (account, minute, node) DO UPDATE
      SET sent = account_minute.sent + excluded.sent, prompt = account_minute.prompt + excluded.prompt",
);

static DELAY: Sql = Sql::new(
    r"INSERT INTO account_delay (account, minute, step, node, n)
      SELECT account, minute, step, $2, n FROM :rows($1; account BIGINT, minute BIGINT, step SMALLINT, n BIGINT) AS v WHERE true
      ON CONFLICT (account, minute, step, node) DO UPDATE SET n = account_delay.n + excluded.n",
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
    #[derive(Serialize)]
    struct Delay {
        account: i64,
        minute: i64,
        step: i16,
        n: i64,
    }
    let rows: Vec<Row> =
        heard.minutes.into_iter().map(|((account, minute), (sent, prompt))| Row { account, minute, sent, prompt }).collect();
    if !rows.is_empty() {
        let list = crate::db::list(&rows);
        within!(tx, |c, sql| sqlx::query(sql(&APPLY)).bind(&list).bind(node).execute(c).await.map(affected))?;
    }
    let delays: Vec<Delay> =
        heard.delays.into_iter().map(|((account, minute, step), n)| Delay { account, minute, step, n }).collect();
    if !delays.is_empty() {
        let list = crate::db::list(&delays);
        within!(tx, |c, sql| sqlx::query(sql(&DELAY)).bind(&list).bind(node).execute(c).await.map(affected))?;
    }
    Ok(())
}
