//! What failed in a run: how often for which reason, and examples, with addresses masked.
//!
//! An index holds the failures alone, by run and reason: looking at them costs by how many there are, up to a bound, whatever the
//! size of the run.

use providers::Channel;

use crate::{
    db::{Db, Result, Sql},
    delivery::{State, Why, channel_of, recipient_of},
    on,
    seal::{Kind, Seal},
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

// Route 51 is chat by phone number: see `delivery::BY_PHONE`.
static SOME: Sql = Sql::new(
    r"SELECT d.id, d.state, d.account, d.updated_at, m.detail,
             CASE d.id & 15 WHEN 1 THEN r.phone WHEN 2 THEN r.email ELSE CASE d.route WHEN 51 THEN r.phone ELSE r.chat END END AS sealed,
             d.id & 15 = 1 OR d.route = 51 AS is_phone
      FROM delivery d LEFT JOIN recipient r ON r.id = (d.id >> 4) & 4294967295 LEFT JOIN remark m ON m.delivery = d.id
      WHERE d.run = $1 AND d.reason = $2 AND d.state IN (7, 8, 9, 10) LIMIT $3",
);

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    state: i16,
    account: i64,
    updated_at: i64,
    detail: Option<String>,
    sealed: Option<Vec<u8>>,
    is_phone: bool,
}

/// The failures of a run, with examples.
pub async fn of(db: &Db, seal: &Seal, run: i64) -> Result<Failures> {
    let counts: Vec<(i16, i64)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&REASONS)).bind(run).bind(COUNTED + 1).fetch_all(pool).await)?;
    let more = counts.iter().map(|(_, n)| n).sum::<i64>() > COUNTED;
    let mut reasons = Vec::new();
    for (reason, count) in counts {
        let rows: Vec<Row> =
            on!(db.read, |pool, sql| sqlx::query_as(sql(&SOME)).bind(run).bind(reason).bind(EXAMPLES).fetch_all(pool).await)?;
        let examples = rows.into_iter().map(|row| row.example(seal)).collect();
        reasons.push(Reason { why: Why::from_number(reason), count, examples });
    }
    Ok(Failures { reasons, more })
}

impl Row {
    fn example(self, seal: &Seal) -> Example {
        let kind = match Channel::from_number(i64::from(channel_of(self.id))) {
            _ if self.is_phone => Kind::Phone,
            Some(Channel::Email) => Kind::Email,
            _ => Kind::Chat,
        };
        let plain = self.sealed.and_then(|sealed| seal.open(kind, &sealed).ok());
        Example {
            recipient: recipient_of(self.id),
            state: State::from_number(self.state),
            address: plain.map(|plain| providers::mask(&plain)).unwrap_or_default(),
            account: self.account,
            words: self.detail.unwrap_or_default(),
            at: self.updated_at,
        }
    }
}
