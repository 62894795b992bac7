//! Requests as they stand: the queue, one of them, those of a person; and whom a reference or an address stands for.

use providers::Channel;

use super::{Action, Event, Kind, Request, State, Subject};
use crate::{
    audience::list::names,
    db::{Db, DbError, Result, Sql},
    on,
    seal::Seal,
};

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    kind: i16,
    reference: Option<String>,
    channel: Option<i16>,
    state: i16,
    received_at: i64,
    answer_by: i64,
    due_at: i64,
    answered_at: Option<i64>,
    closed_at: Option<i64>,
    until: Option<i64>,
    note: Option<Vec<u8>>,
}

macro_rules! columns {
    () => {
        "SELECT q.id, q.kind, r.ref AS reference, q.channel, q.state, q.received_at, q.answer_by, q.due_at, q.answered_at,
                q.closed_at, q.until, q.note
         FROM request q LEFT JOIN recipient r ON r.id = q.recipient "
    };
}

static LIST: Sql = Sql::new(concat!(
    columns!(),
    "WHERE (q.state = 0 OR $1) AND (r.source IS NULL OR r.source NOT IN (SELECT source FROM :rows($3; source TEXT) AS hidden))
     ORDER BY q.state <> 0,
       CASE WHEN q.state <> 0 THEN -q.closed_at WHEN q.answered_at IS NULL AND q.answer_by < q.due_at THEN q.answer_by ELSE q.due_at END,
       q.id LIMIT $2"
));

static ONE: Sql = Sql::new(concat!(columns!(), "WHERE q.id = $1"));

static OF: Sql = Sql::new(concat!(columns!(), "WHERE q.recipient = $1 ORDER BY q.id"));

static HISTORY: Sql = Sql::new(r"SELECT action, at, by_whom, note FROM request_event WHERE request = $1 ORDER BY id");

fn opened(seal: &Seal, id: i64, note: Option<Vec<u8>>) -> Result<Option<String>> {
    let broken = |error| DbError::Refused(format!("request {id}: {error}"));
    note.map(|note| seal.open_text(&note)).transpose().map_err(broken)
}

impl Row {
    fn request(self, seal: &Seal) -> Result<Request> {
        let kind = Kind::from_number(self.kind)
            .ok_or_else(|| DbError::Refused(format!("request {}: kind {} is not known", self.id, self.kind)))?;
        let state = match self.state {
            0 => State::Open,
            1 => State::Done,
            _ => State::Refused,
        };
        Ok(Request {
            id: self.id,
            kind,
            reference: self.reference,
            channel: self.channel.and_then(|channel| Channel::from_number(i64::from(channel))),
            state,
            received_at: self.received_at,
            answer_by: self.answer_by,
            due_at: self.due_at,
            answered_at: self.answered_at,
            closed_at: self.closed_at,
            until: self.until,
            note: opened(seal, self.id, self.note)?,
            history: Vec::new(),
        })
    }
}

/// The open requests, the most pressing first, overdue ones above all; with `closed`, those after them, the latest first. Those of
/// people on `hidden` lists are left out.
pub async fn list(db: &Db, seal: &Seal, closed: bool, hidden: &[&str], limit: i64) -> Result<Vec<Request>> {
    let hidden = names(hidden);
    let rows: Vec<Row> =
        on!(db.read, |pool, sql| { sqlx::query_as(sql(&LIST)).bind(closed).bind(limit).bind(&hidden).fetch_all(pool).await })?;
    rows.into_iter().map(|row| row.request(seal)).collect()
}

/// One request with its history.
pub async fn one(db: &Db, seal: &Seal, id: i64) -> Result<Option<Request>> {
    let row: Option<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&ONE)).bind(id).fetch_optional(pool).await)?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(with_history(db, seal, row.request(seal)?).await?))
}

/// Everything that a person ever asked, with its history.
pub async fn of(db: &Db, seal: &Seal, recipient: i64) -> Result<Vec<Request>> {
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&OF)).bind(recipient).fetch_all(pool).await)?;
    let mut requests = Vec::with_capacity(rows.len());
    for row in rows {
        requests.push(with_history(db, seal, row.request(seal)?).await?);
    }
    Ok(requests)
}

async fn with_history(db: &Db, seal: &Seal, request: Request) -> Result<Request> {
    let rows: Vec<(i16, i64, String, Option<Vec<u8>>)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&HISTORY)).bind(request.id).fetch_all(pool).await)?;
    let event = |(action, at, by, note): (i16, i64, String, Option<Vec<u8>>)| {
        Ok(Event { action: Action::from_number(action), at, by, note: opened(seal, request.id, note)? })
    };
    let history = rows.into_iter().map(event).collect::<Result<_>>()?;
    Ok(Request { history, ..request })
}

/// How many requests are open, and how many of these are late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, sqlx::FromRow)]
pub struct Queue {
    /// Open ones.
    pub open: i64,
    /// Of these, late ones.
    pub overdue: i64,
}

static QUEUE: Sql = Sql::new(
    r"SELECT count(*) AS open,
             count(CASE WHEN due_at <= $1 OR (answered_at IS NULL AND answer_by <= $1) THEN 1 END) AS overdue
      FROM request WHERE state = 0",
);

/// How the queue stands at a moment (unix milliseconds).
pub async fn queue(db: &Db, now: i64) -> Result<Queue> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&QUEUE)).bind(now).fetch_one(pool).await)
}

static BY_REFERENCE: Sql = Sql::new(r"SELECT id FROM recipient WHERE ref = $1 AND state < 2");

/// Who has this reference; none: nobody, or somebody who was erased.
pub async fn person(db: &Db, reference: &str) -> Result<Option<i64>> {
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&BY_REFERENCE)).bind(reference).fetch_optional(pool).await)
}

static BY_PHONE: Sql = Sql::new(r"SELECT id, ref FROM recipient WHERE phone_hash = $1 AND state < 2 ORDER BY id LIMIT 10");
static BY_EMAIL: Sql = Sql::new(r"SELECT id, ref FROM recipient WHERE email_hash = $1 AND state < 2 ORDER BY id LIMIT 10");
static BY_CHAT: Sql = Sql::new(r"SELECT id, ref FROM recipient WHERE chat_hash = $1 AND state < 2 ORDER BY id LIMIT 10");

/// Who has an address, each with the reference: ten people at most.
pub async fn holders(db: &Db, channel: Channel, address: i64) -> Result<Vec<(i64, String)>> {
    let statement = match channel {
        Channel::Sms => &BY_PHONE,
        Channel::Email => &BY_EMAIL,
        Channel::Chat => &BY_CHAT,
    };
    on!(db.read, |pool, sql| sqlx::query_as(sql(statement)).bind(address).fetch_all(pool).await)
}

/// Whom an address stands for: the one person who has it, else the address alone.
pub async fn subject(db: &Db, channel: Channel, address: i64) -> Result<Subject> {
    Ok(match holders(db, channel, address).await?[..] {
        [(one, _)] => Subject::Person(one),
        _ => Subject::Address(channel, address),
    })
}
