//! Exact counts of a run, by channel, account and state, with parts and đồng.
//!
//! They change in the same transaction as the rows they count, one aggregated change a batch ([`Changes`]), so that
//! reading them costs nothing and they are never wrong. [`differences`] recounts them from the rows: `loa verify`.

pub mod billed;
pub mod prompt;

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;

use crate::{
    db::{Db, Result, Sql, Tx, affected},
    on, within,
};

/// What a tally counts by. `account` 0: none chosen yet. The order of the fields is the order in which rows are locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Key {
    /// The run.
    pub run: i64,
    /// The channel's number.
    pub channel: i16,
    /// The account's id.
    pub account: i64,
    /// The delivery's state.
    pub state: i16,
}

/// What a tally holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Count {
    /// Deliveries.
    pub n: i64,
    /// Parts submitted, of all attempts that are or may be billed.
    pub parts: i64,
    /// Đồng for those parts.
    pub price: i64,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.n += other.n;
        self.parts += other.parts;
        self.price += other.price;
    }
}

/// One aggregated change of tallies.
#[derive(Debug, Default)]
pub struct Changes {
    counts: BTreeMap<Key, Count>,
    heard: prompt::Heard,
    billed: billed::Billed,
}

impl Changes {
    /// A row came into being.
    pub fn enter(&mut self, key: Key, count: Count) {
        *self.counts.entry(key).or_default() += count;
    }

    /// A row left this key.
    pub fn leave(&mut self, key: Key, count: Count) {
        *self.counts.entry(key).or_default() += Count { n: -count.n, parts: -count.parts, price: -count.price };
    }

    /// Adds what another transaction step collected.
    pub fn merge(&mut self, other: Self) {
        for (key, count) in other.counts {
            *self.counts.entry(key).or_default() += count;
        }
        self.heard.merge(other.heard);
        self.billed.merge(other.billed);
    }

    /// What an account is to be billed for the messages of a route changed, on the day of the claim at `claimed_at` (unix
    /// milliseconds).
    pub fn billed(&mut self, account: i64, route: i16, claimed_at: i64, count: Count) {
        self.billed.add(account, route, claimed_at, count);
    }

    /// An account took a message at `at` (unix milliseconds).
    pub fn taken(&mut self, account: i64, at: i64) {
        self.heard.taken(account, at);
    }

    /// The first receipt came of a message that an account took at `taken`.
    pub fn first_receipt(&mut self, account: i64, taken: i64, now: i64) {
        self.heard.first_receipt(account, taken, now);
    }
}

static APPLY: Sql = Sql::new(
    r"INSERT INTO tally (run, channel, account, state, node, n, parts, price, changes)
      SELECT run, channel, account, state, $2, n, parts, price, 1
      FROM :rows($1; run BIGINT, channel SMALLINT, account BIGINT, state SMALLINT, n BIGINT, parts BIGINT, price BIGINT) AS v
      WHERE true
      ON CONFLICT (run, channel, account, state, node) DO UPDATE
      SET n = tally.n + excluded.n, parts = tally.parts + excluded.parts, price = tally.price + excluded.price,
          changes = tally.changes + 1",
);

/// Applies a change. The last statement of its transaction: tallies are locked last, in the order of their keys.
///
/// `node` is the epoch of the writing process: on several nodes each adds to rows of its own.
pub async fn apply(tx: &mut Tx, node: i64, changes: Changes) -> Result<()> {
    #[derive(Serialize)]
    struct Row {
        #[serde(flatten)]
        key: Key,
        #[serde(flatten)]
        count: Count,
    }
    let rows: Vec<Row> = changes
        .counts
        .into_iter()
        // Also where as much entered as left: kept figures see by `changes` that something moved.
        .map(|(key, count)| Row { key, count })
        .collect();
    if !rows.is_empty() {
        let list = crate::db::list(&rows);
        within!(tx, |c, sql| sqlx::query(sql(&APPLY)).bind(&list).bind(node).execute(c).await.map(affected))?;
    }
    billed::apply(tx, node, changes.billed).await?;
    prompt::apply(tx, node, changes.heard).await
}

static OF_RUNS: Sql = Sql::new(
    r"SELECT run, channel, account, state, CAST(sum(n) AS BIGINT), CAST(sum(parts) AS BIGINT), CAST(sum(price) AS BIGINT)
      FROM tally WHERE run IN (SELECT run FROM :rows($1; run BIGINT) AS wanted)
      GROUP BY run, channel, account, state HAVING sum(n) <> 0 ORDER BY run, channel, account, state",
);

/// The tallies of these runs; keys without deliveries are left out.
pub async fn of_runs(db: &Db, runs: &[i64]) -> Result<BTreeMap<Key, Count>> {
    #[derive(Serialize)]
    struct Run {
        run: i64,
    }
    let list = crate::db::list(&runs.iter().map(|run| Run { run: *run }).collect::<Vec<_>>());
    let rows: Vec<(i64, i16, i64, i16, i64, i64, i64)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&OF_RUNS)).bind(&list).fetch_all(pool).await)?;
    Ok(rows
        .into_iter()
        .map(|(run, channel, account, state, n, parts, price)| (Key { run, channel, account, state }, Count { n, parts, price }))
        .collect())
}

static PRINT: Sql = Sql::new(
    r"SELECT channel, state, CAST(sum(n) AS BIGINT) FROM tally WHERE run = $1
      GROUP BY channel, state HAVING sum(n) <> 0 ORDER BY channel, state",
);

/// How a run's deliveries stand, as a text that differs where they do.
pub async fn print(tx: &mut Tx, run: i64) -> Result<String> {
    let rows: Vec<(i16, i16, i64)> = within!(tx, |c, sql| sqlx::query_as(sql(&PRINT)).bind(run).fetch_all(c).await)?;
    Ok(rows.into_iter().fold(String::new(), |mut text, (channel, state, n)| {
        let _ = write!(text, "{channel}.{state}.{n} ");
        text
    }))
}

static SPENT: Sql = Sql::new(r"SELECT CAST(coalesce(sum(price), 0) AS BIGINT) FROM tally WHERE run = $1");

/// Đồng that a run has spent or reserved so far.
pub async fn spent(tx: &mut Tx, run: i64) -> Result<i64> {
    within!(tx, |c, sql| sqlx::query_scalar(sql(&SPENT)).bind(run).fetch_one(c).await)
}

/// A tally that differs from the rows it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which tally.
    pub key: Key,
    /// What it says.
    pub tally: Count,
    /// What the rows say.
    pub rows: Count,
}

static DIFFERENCES: Sql = Sql::new(
    r"SELECT run, channel, account, state,
             CAST(sum(n) AS BIGINT), CAST(sum(parts) AS BIGINT), CAST(sum(price) AS BIGINT),
             CAST(sum(row_n) AS BIGINT), CAST(sum(row_parts) AS BIGINT), CAST(sum(row_price) AS BIGINT)
      FROM (
        SELECT run, channel, account, state, n, parts, price, 0 AS row_n, 0 AS row_parts, 0 AS row_price FROM tally
        UNION ALL
        SELECT run, CAST(id & 15 AS SMALLINT), account, state, 0, 0, 0, count(*), sum(parts), sum(price)
        FROM delivery GROUP BY run, id & 15, account, state
      ) AS both_sides
      GROUP BY run, channel, account, state
      HAVING sum(n) <> sum(row_n) OR sum(parts) <> sum(row_parts) OR sum(price) <> sum(row_price)
      ORDER BY run, channel, account, state",
);

/// Recounts every tally from the rows, in one snapshot. Empty: all agree.
pub async fn differences(db: &Db) -> Result<Vec<Difference>> {
    db.snapshot(async |tx| differences_within(tx).await).await
}

/// The same within a snapshot of the caller's.
pub async fn differences_within(tx: &mut Tx) -> Result<Vec<Difference>> {
    type Row = (i64, i16, i64, i16, i64, i64, i64, i64, i64, i64);
    let rows: Vec<Row> = within!(tx, |c, sql| sqlx::query_as(sql(&DIFFERENCES)).fetch_all(c).await)?;
    Ok(rows
        .into_iter()
        .map(|(run, channel, account, state, n, parts, price, row_n, row_parts, row_price)| Difference {
            key: Key { run, channel, account, state },
            tally: Count { n, parts, price },
            rows: Count { n: row_n, parts: row_parts, price: row_price },
        })
        .collect())
}
