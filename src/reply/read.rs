//! What people wrote, for the officer who answers for it: listed with masked senders, and deleted when its time is over.

use std::time::Duration;

use providers::{Channel, mask};

use super::{Meaning, confirmation};
use crate::{
    db::{Db, DbError, Result, Sql, affected},
    on,
    seal::{Kind, Seal},
};

/// Rows that one statement deletes.
const CHUNK: i64 = 900;
/// Confirmations are kept as long as what they confirm: a year (NĐ 91/2020/NĐ-CP), and a day for the leap.
const CONFIRMATIONS: Duration = Duration::from_hours(24 * 367);

/// A message from a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its number.
    pub id: i64,
    /// When it came, unix milliseconds.
    pub at: i64,
    /// The account by which it came.
    pub account: String,
    /// The sender, masked.
    pub sender: String,
    /// What it says.
    pub meaning: Meaning,
    /// What was written; none for a refusal, whose words are in its record.
    pub text: Option<String>,
    /// How far the answer is; none: none is owed.
    pub confirmation: Option<confirmation::State>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    at: i64,
    account: String,
    channel: i16,
    sender: Vec<u8>,
    text: Option<Vec<u8>>,
    meaning: i16,
    confirmation: Option<i16>,
}

static MESSAGES: Sql = Sql::new(
    r"SELECT i.id, i.at, coalesce(a.name, '') AS account, i.channel, i.sender, i.text, i.meaning,
             (SELECT max(q.state) FROM confirmation q
              WHERE q.channel = i.channel AND q.address = i.address AND q.meaning = i.meaning AND q.at = i.at) AS confirmation
      FROM inbound i LEFT JOIN account a ON a.id = i.account
      WHERE i.id > $1 AND ($2 OR i.meaning = 0) ORDER BY i.id DESC LIMIT $3",
);

/// The latest messages after number `after`, the newest first; with `refusals`, not only those that a person should read.
pub async fn messages(db: &Db, seal: &Seal, after: i64, refusals: bool, limit: i64) -> Result<Vec<Message>> {
    let rows: Vec<Row> = on!(db.read, |pool, sql| {
        sqlx::query_as(sql(&MESSAGES)).bind(after).bind(refusals).bind(limit).fetch_all(pool).await
    })?;
    let broken = |id: i64, error| DbError::Refused(format!("message {id}: {error}"));
    rows.into_iter()
        .map(|row| {
            let kind = Kind::of(Channel::from_number(i64::from(row.channel)).unwrap_or(Channel::Sms));
            let sender = seal.open(kind, &row.sender).map_err(|error| broken(row.id, error))?;
            let text = row.text.map(|text| seal.open_text(&text)).transpose().map_err(|error| broken(row.id, error))?;
            Ok(Message {
                id: row.id,
                at: row.at,
                account: row.account,
                sender: mask(&sender),
                meaning: Meaning::from_number(row.meaning),
                text,
                confirmation: row.confirmation.map(confirmation::State::from_number),
            })
        })
        .collect()
}

static FORGET: Sql = Sql::new(r"DELETE FROM inbound WHERE id = $1");

/// Deletes one message; what it refused stands. False: there is none of this number.
pub async fn forget(db: &Db, id: i64) -> Result<bool> {
    Ok(on!(db.write, |pool, sql| sqlx::query(sql(&FORGET)).bind(id).execute(pool).await.map(affected))? == 1)
}

static PRUNE: Sql = Sql::new(r"DELETE FROM inbound WHERE id IN (SELECT id FROM inbound WHERE at < $1 ORDER BY at LIMIT $2)");

static PRUNE_CONFIRMATIONS: Sql = Sql::new(
    r"DELETE FROM confirmation WHERE id IN (SELECT id FROM confirmation WHERE at < $1 AND state > 1 ORDER BY id LIMIT $2)",
);

/// Deletes a chunk of what is older than `keep`, and of the confirmations older than a year. The record of refusals stays.
/// True: there may be more.
pub async fn prune(db: &Db, keep: Duration, now: i64) -> Result<bool> {
    let mut more = false;
    for (statement, keep) in [(&PRUNE, keep), (&PRUNE_CONFIRMATIONS, CONFIRMATIONS)] {
        let before = now - i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        let gone =
            on!(db.write, |pool, sql| sqlx::query(sql(statement)).bind(before).bind(CHUNK).execute(pool).await.map(affected))?;
        more |= gone == CHUNK.unsigned_abs();
    }
    Ok(more)
}
