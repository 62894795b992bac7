//! What people ask of whoever keeps data on them: a queue with the law's due dates.
//!
//! What enters is a request, about a person of the list or an address that nobody there has; what leaves is its effect and
//! its history. A restriction, an objection and a withdrawal take effect as they are taken in ([`take_in`]); a restriction or
//! an objection until a day ends by itself. Seeing, correcting and deleting is people's work: `loa audience show`, a new
//! import, `loa audience erase`, which closes what it settles. How long there is time: [`deadline`].
//!
//! A request holds a number or a keyed hash, and officers' notes sealed. What can go wrong is the database, or a request that
//! is closed already ([`Refused`]).

pub mod deadline;

use providers::Channel;

use crate::{
    campaign::Holidays,
    consent::{
        self, Said, Scope,
        agreement::{self, Word},
    },
    db::{Db, DbError, Result, Sql, Tx, affected},
    on,
    seal::Seal,
    transaction, within,
};
use deadline::Rule;

/// The `source` in the records of what a request changed.
const SOURCE: &str = "request";
/// The end of what has none: the last moment that every engine and calendar here can write.
pub const FOR_EVER: i64 = 253_402_275_599_999;

/// What is asked. The numbers are stored. Luật Bảo vệ dữ liệu cá nhân 91/2025/QH15, Điều 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Kind {
    /// To see what is kept, and get a copy.
    Access = 1,
    /// To have it corrected.
    Rectification = 2,
    /// The consent that was given is withdrawn.
    Withdrawal = 3,
    /// Nothing is to be done with the data, for good or for a time.
    Restriction = 4,
    /// No more messages, for good or for a time.
    Objection = 5,
    /// To have everything deleted.
    Deletion = 6,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Access, Self::Rectification, Self::Withdrawal, Self::Restriction, Self::Objection, Self::Deletion];

    /// The kind with this stored number.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i16 == number)
    }

    /// Its name in commands, tables and exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Rectification => "rectification",
            Self::Withdrawal => "withdrawal",
            Self::Restriction => "restriction",
            Self::Objection => "objection",
            Self::Deletion => "deletion",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether nothing is sent while it lasts.
    pub const fn silences(self) -> bool {
        matches!(self, Self::Restriction | Self::Objection)
    }
}

/// How far a request is. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum State {
    /// To be dealt with.
    Open = 0,
    /// Done.
    Done = 1,
    /// Not done, for a reason that the person was told.
    Refused = 2,
}

impl State {
    /// The name in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

/// A step of a request's history. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Action {
    /// It came in.
    Received = 1,
    /// The person was answered.
    Answered = 2,
    /// It is done.
    Done = 3,
    /// It was refused.
    Refused = 4,
    /// What it silenced may be written to again.
    Lifted = 5,
    /// The person was erased, and with that it is settled.
    Erased = 6,
}

impl Action {
    /// The name in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Answered => "answered",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Lifted => "lifted",
            Self::Erased => "erased",
        }
    }

    const fn from_number(number: i16) -> Self {
        match number {
            1 => Self::Received,
            2 => Self::Answered,
            3 => Self::Done,
            4 => Self::Refused,
            5 => Self::Lifted,
            _ => Self::Erased,
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Somebody of the list: the row's number.
    Person(i64),
    /// Whoever has this address, whom no list names, or several share: its keyed hash.
    Address(Channel, i64),
}

/// A request that comes in.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// What is asked.
    pub kind: Kind,
    /// By whom.
    pub subject: Subject,
    /// The end of an objection or a restriction, unix milliseconds; none: it has none.
    pub until: Option<i64>,
    /// When it came in, unix milliseconds.
    pub received_at: i64,
    /// Who took it in.
    pub by: &'a str,
    /// What the person said: sealed.
    pub note: &'a str,
}

/// A request, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its number.
    pub id: i64,
    /// What is asked.
    pub kind: Kind,
    /// By whom, if the list names them.
    pub reference: Option<String>,
    /// By which address the person is known, if by one.
    pub channel: Option<Channel>,
    /// How far it is.
    pub state: State,
    /// When it came in; this and the others in unix milliseconds.
    pub received_at: i64,
    /// When the person must be answered.
    pub answer_by: i64,
    /// When it must be done.
    pub due_at: i64,
    /// When the person was answered.
    pub answered_at: Option<i64>,
    /// When it was closed.
    pub closed_at: Option<i64>,
    /// When what it silences may be written to again.
    pub until: Option<i64>,
    /// What the person said.
    pub note: Option<String>,
    /// Everything that was done about it, oldest first. Empty in a list.
    pub history: Vec<Event>,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What was done.
    pub action: Action,
    /// When, unix milliseconds.
    pub at: i64,
    /// By whom.
    pub by: String,
    /// What was said about it.
    pub note: Option<String>,
}

impl Request {
    /// The next moment at which it would be late, while it is open.
    pub const fn next(&self) -> i64 {
        if self.answered_at.is_none() && self.answer_by < self.due_at { self.answer_by } else { self.due_at }
    }

    /// Whether it is late.
    pub fn is_overdue(&self, now: i64) -> bool {
        self.state == State::Open && self.next() <= now
    }
}

/// Why a step is not possible.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is none of this number.
    #[error("there is no request {0}")]
    Unknown(i64),
    /// It was closed before.
    #[error("request {0} is closed")]
    Closed(i64),
    /// A deletion is done by erasing the person.
    #[error("request {0} asks for deletion: erase the person")]
    NotErased(i64),
    /// Nothing is silenced by it, or no more.
    #[error("request {0} silences nothing")]
    Silent(i64),
    /// The database's error, or a note that the key does not open.
    #[error(transparent)]
    Db(#[from] DbError),
}

static TAKE_IN: Sql = Sql::new(
    r"INSERT INTO request (kind, recipient, channel, address, state, received_at, answer_by, due_at, until, note)
      VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $8, $9) RETURNING id",
);

static REMEMBER: Sql = Sql::new(r"INSERT INTO request_event (request, action, at, by_whom, note) VALUES ($1, $2, $3, $4, $5)");

/// Takes a request in, and lets take effect what needs nobody's work. Gives its number.
pub async fn take_in(db: &Db, seal: &Seal, holidays: &Holidays, new: &New<'_>, now: i64) -> Result<i64> {
    let received = deadline::last_day(new.received_at + 1);
    let rule = Rule::on(received).ok_or_else(|| DbError::Refused("requests.toml has no rule".into()))?;
    let times = rule.deadlines(new.kind, new.received_at, holidays);
    let note = (!new.note.is_empty()).then(|| seal.seal_text(new.note));
    let until = new.kind.silences().then(|| new.until.unwrap_or(FOR_EVER));
    let (person, channel, address) = match new.subject {
        Subject::Person(id) => (Some(id), None, None),
        Subject::Address(channel, address) => (None, Some(channel as i16), Some(address)),
    };
    transaction!(db, |tx| {
        let id: i64 = within!(tx, |c, sql| {
            sqlx::query_scalar(sql(&TAKE_IN))
                .bind(new.kind as i16)
                .bind(person)
                .bind(channel)
                .bind(address)
                .bind(new.received_at)
                .bind(times.answer_by)
                .bind(times.due_at)
                .bind(until)
                .bind(&note)
                .fetch_one(c)
                .await
        })?;
        remember(tx, id, Action::Received, new.received_at, new.by, None).await?;
        match (new.kind, until) {
            (Kind::Withdrawal, _) => withdraw(tx, new, now).await?,
            (_, Some(until)) => silence(tx, new.subject, until, now).await?,
            _ => {}
        }
        Ok(id)
    })
}

async fn remember(tx: &mut Tx, request: i64, action: Action, at: i64, by: &str, note: Option<&[u8]>) -> Result<()> {
    within!(tx, |c, sql| {
        sqlx::query(sql(&REMEMBER)).bind(request).bind(action as i16).bind(at).bind(by).bind(note).execute(c).await.map(affected)
    })?;
    Ok(())
}

static SILENCE: Sql = Sql::new(r"UPDATE recipient SET silent_until = $2 WHERE id = $1 AND silent_until < $2");

/// Nothing is sent until then.
async fn silence(tx: &mut Tx, subject: Subject, until: i64, now: i64) -> Result<()> {
    let said = Said { source: SOURCE, wording: "", at: now };
    match subject {
        Subject::Person(id) => {
            within!(tx, |c, sql| sqlx::query(sql(&SILENCE)).bind(id).bind(until).execute(c).await.map(affected))?;
        }
        Subject::Address(channel, address) if until == FOR_EVER => {
            consent::refuse(tx, channel, address, Scope::All, said).await?;
        }
        Subject::Address(channel, address) => {
            consent::pause(tx, channel, address, Scope::All, until, said).await?;
        }
    }
    Ok(())
}

static ADDRESSES: Sql = Sql::new(r"SELECT phone_hash, email_hash, chat_hash FROM recipient WHERE id = $1");

/// Whoever withdraws has agreed to nothing any more, on any channel, whatever a list says; and gets no advice by any of their
/// addresses. Warnings, which rest on a duty and on nobody's consent, still come.
async fn withdraw(tx: &mut Tx, new: &New<'_>, now: i64) -> Result<()> {
    let said = Said { source: SOURCE, wording: "", at: now };
    let id = match new.subject {
        Subject::Person(id) => id,
        Subject::Address(channel, address) => {
            consent::refuse(tx, channel, address, Scope::Awareness, said).await?;
            return Ok(());
        }
    };
    let word = Word { given: false, basis: "", source: SOURCE, wording: "", at: new.received_at, by: new.by };
    for channel in Channel::ALL {
        agreement::record(tx, id, channel, word, now).await?;
    }
    let (phone, email, chat): (Option<i64>, Option<i64>, Option<i64>) =
        within!(tx, |c, sql| sqlx::query_as(sql(&ADDRESSES)).bind(id).fetch_one(c).await)?;
    for (channel, address) in [(Channel::Sms, phone), (Channel::Email, email), (Channel::Chat, chat)] {
        if let Some(address) = address {
            consent::refuse(tx, channel, address, Scope::Awareness, said).await?;
        }
    }
    Ok(())
}

/// What to do about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The person was answered: it is in hand.
    Answer,
    /// It is done, and the person knows.
    Close,
    /// It is not done, and the person knows why.
    Refuse,
    /// What it silenced may be written to again, at the person's wish.
    Lift,
}

static STANDING: Sql = Sql::new(
    r"SELECT q.kind, q.state, q.recipient, q.channel, q.address, q.until, r.state AS person FROM request q
      LEFT JOIN recipient r ON r.id = q.recipient WHERE q.id = $1 :lock(q)",
);

static ANSWER: Sql = Sql::new(r"UPDATE request SET answered_at = coalesce(answered_at, $2) WHERE id = $1");

static CLOSE: Sql =
    Sql::new(r"UPDATE request SET state = $3, answered_at = coalesce(answered_at, $2), closed_at = $2 WHERE id = $1");

static LIFT: Sql = Sql::new(r"UPDATE request SET until = $2 WHERE id = $1");

static RESUME: Sql = Sql::new(
    r"UPDATE recipient SET silent_until = coalesce((SELECT max(q.until) FROM request q WHERE q.recipient = $1 AND q.state <> 2), 0)
      WHERE id = $1",
);

#[derive(sqlx::FromRow)]
struct Standing {
    kind: i16,
    state: i16,
    recipient: Option<i64>,
    channel: Option<i16>,
    address: Option<i64>,
    until: Option<i64>,
    person: Option<i16>,
}

/// Takes a step and writes it down.
pub async fn step(db: &Db, seal: &Seal, id: i64, step: Step, by: &str, note: &str, now: i64) -> std::result::Result<(), Refused> {
    let sealed = (!note.is_empty()).then(|| seal.seal_text(note));
    transaction!(db, |tx| {
        let found: Option<Standing> = within!(tx, |c, sql| sqlx::query_as(sql(&STANDING)).bind(id).fetch_optional(c).await)?;
        let Some(request) = found else { return Ok(Err(Refused::Unknown(id))) };
        if let Err(refused) = request.allows(id, step, now) {
            return Ok(Err(refused));
        }
        let action = match step {
            Step::Answer => {
                within!(tx, |c, sql| sqlx::query(sql(&ANSWER)).bind(id).bind(now).execute(c).await.map(affected))?;
                Action::Answered
            }
            Step::Close | Step::Refuse => {
                let (state, action) =
                    if step == Step::Close { (State::Done, Action::Done) } else { (State::Refused, Action::Refused) };
                within!(tx, |c, sql| {
                    sqlx::query(sql(&CLOSE)).bind(id).bind(now).bind(state as i16).execute(c).await.map(affected)
                })?;
                action
            }
            Step::Lift => {
                within!(tx, |c, sql| sqlx::query(sql(&LIFT)).bind(id).bind(now).execute(c).await.map(affected))?;
                Action::Lifted
            }
        };
        if matches!(step, Step::Lift | Step::Refuse) && request.until.is_some() {
            request.resume(tx, now).await?;
        }
        remember(tx, id, action, now, by, sealed.as_deref()).await?;
        Ok(Ok(()))
    })?
}

impl Standing {
    fn allows(&self, id: i64, step: Step, now: i64) -> std::result::Result<(), Refused> {
        let open = self.state == State::Open as i16;
        match step {
            Step::Lift if self.until.is_none_or(|until| until <= now) || self.state == State::Refused as i16 => {
                Err(Refused::Silent(id))
            }
            Step::Answer | Step::Close | Step::Refuse if !open => Err(Refused::Closed(id)),
            // Somebody whom no list names has nothing to be erased.
            Step::Close if self.kind == Kind::Deletion as i16 && self.person.is_some_and(|state| state != 2) => {
                Err(Refused::NotErased(id))
            }
            _ => Ok(()),
        }
    }

    /// What this request silenced may be written to again, as far as no other one silences it.
    async fn resume(&self, tx: &mut Tx, now: i64) -> Result<()> {
        if let Some(person) = self.recipient {
            within!(tx, |c, sql| sqlx::query(sql(&RESUME)).bind(person).execute(c).await.map(affected))?;
        }
        let channel = self.channel.and_then(|channel| Channel::from_number(i64::from(channel)));
        if let (Some(channel), Some(address)) = (channel, self.address) {
            consent::take_back(tx, channel, address, Said { source: SOURCE, wording: "", at: now }).await?;
        }
        Ok(())
    }
}

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
    "WHERE q.state = 0 OR $1 ORDER BY q.state <> 0,
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

/// The open requests, the most pressing first, overdue ones above all; with `closed`, those after them, the latest first.
pub async fn list(db: &Db, seal: &Seal, closed: bool, limit: i64) -> Result<Vec<Request>> {
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&LIST)).bind(closed).bind(limit).fetch_all(pool).await)?;
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

static BY_PHONE: Sql = Sql::new(r"SELECT id FROM recipient WHERE phone_hash = $1 AND state < 2 LIMIT 2");
static BY_EMAIL: Sql = Sql::new(r"SELECT id FROM recipient WHERE email_hash = $1 AND state < 2 LIMIT 2");
static BY_CHAT: Sql = Sql::new(r"SELECT id FROM recipient WHERE chat_hash = $1 AND state < 2 LIMIT 2");

/// Whom an address stands for: the one person who has it, else the address alone.
pub async fn subject(db: &Db, channel: Channel, address: i64) -> Result<Subject> {
    let statement = match channel {
        Channel::Sms => &BY_PHONE,
        Channel::Email => &BY_EMAIL,
        Channel::Chat => &BY_CHAT,
    };
    let people: Vec<i64> = on!(db.read, |pool, sql| sqlx::query_scalar(sql(statement)).bind(address).fetch_all(pool).await)?;
    Ok(match people[..] {
        [one] => Subject::Person(one),
        _ => Subject::Address(channel, address),
    })
}
