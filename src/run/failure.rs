//! What failed in a run: how often for which reason, and examples, with addresses masked.
//!
//! An index holds the failures alone, by run and reason: looking at them costs by how many there are, up to a bound, whatever the
//! size of the run.

use crate::{
    db::{Db, Result, Sql},
    delivery::{State, Why, masked, recipient_of},
    on,
    seal::Seal,
};

/// Failures are counted up to here.
const COUNTED: i64 = 200_000;
/// Examples of a reason.
const EXAMPLES: i64 = 3;

/// The failures of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failures {
    /// The most frequent first.
    pub reasons: Vec<Reason>,
    /// There are more than were counted.
    pub more: bool,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Why.
    pub why: Why,
    /// How many.
    pub count: i64,
    /// Some of them.
    pub examples: Vec<Example>,
}

/// A delivery that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The recipient's number.
    pub recipient: i64,
    /// How it ended.
    pub state: State,
    /// Where it went, masked; empty: the person has no such address any more.
    pub address: String,
    /// The account that tried last; 0: none did.
    pub account: i64,
    /// The gateway's words; empty: it had none.
    pub words: String,
    /// When it was learnt (unix milliseconds).
    pub at: i64,
}

static REASONS: Sql = Sql::new(
    r"SELECT reason, count(*) AS n FROM (SELECT reason FROM delivery WHERE run = $1 AND state IN (7, 8, 9, 10) LIMIT $2) AS failed
      GROUP BY reason ORDER BY n DESC, reason",
);

static SOME: Sql = Sql::new(
    r"SELECT d.id, d.state, d.account, d.updated_at, m.detail FROM delivery d LEFT JOIN remark m ON m.delivery = d.id
      WHERE d.run = $1 AND d.reason = $2 AND d.state IN (7, 8, 9, 10) LIMIT $3",
);

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    state: i16,
    account: i64,
    updated_at: i64,
    detail: Option<String>,
}

/// The failures of a run, with examples.
pub async fn of(db: &Db, seal: &Seal, run: i64) -> Result<Failures> {
    let counts: Vec<(i16, i64)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&REASONS)).bind(run).bind(COUNTED + 1).fetch_all(pool).await)?;
    let more = counts.iter().map(|(_, n)| n).sum::<i64>() > COUNTED;
    let mut found: Vec<(i16, i64, Vec<Row>)> = Vec::new();
    for (reason, count) in counts {
        let rows: Vec<Row> =
            on!(db.read, |pool, sql| sqlx::query_as(sql(&SOME)).bind(run).bind(reason).bind(EXAMPLES).fetch_all(pool).await)?;
        found.push((reason, count, rows));
    }
    let addresses = masked(db, seal, found.iter().flat_map(|(.., rows)| rows).map(|row| row.id)).await?;
    let example = |row: Row| Example {
        recipient: recipient_of(row.id),
        state: State::from_number(row.state),
        address: addresses.get(&row.id).cloned().unwrap_or_default(),
        account: row.account,
        words: row.detail.unwrap_or_default(),
        at: row.updated_at,
    };
    let reasons = found.into_iter().map(|(reason, count, rows)| Reason {
        why: Why::from_number(reason),
        count,
        examples: rows.into_iter().map(example).collect(),
    });
    Ok(Failures { reasons: reasons.collect(), more })
}
