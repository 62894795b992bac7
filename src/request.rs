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
pub mod label;
mod read;
mod step;

pub use read::{Queue, holders, list, of, one, person, queue, subject};
pub use step::{Refused, Step, step, step_within};

use providers::Channel;

use crate::{
    campaign::Holidays,
    consent::{
        self, Said, Scope,
        agreement::{self, Word},
    },
    db::{Db, DbError, Result, Sql, Tx, affected},
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

static TAKE_IN: Sql = Sql::new(
    r"INSERT INTO request (kind, recipient, channel, address, state, received_at, answer_by, due_at, until, note)
      VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $8, $9) RETURNING id",
);

static REMEMBER: Sql = Sql::new(r"INSERT INTO request_event (request, action, at, by_whom, note) VALUES ($1, $2, $3, $4, $5)");

/// Takes a request in, and lets take effect what needs nobody's work. Gives its number.
pub async fn take_in(db: &Db, seal: &Seal, holidays: &Holidays, new: &New<'_>, now: i64) -> Result<i64> {
    transaction!(db, |tx| take_in_within(tx, seal, holidays, new, now).await)
}

/// The same within a transaction of the caller's.
pub async fn take_in_within(tx: &mut Tx, seal: &Seal, holidays: &Holidays, new: &New<'_>, now: i64) -> Result<i64> {
    let received = deadline::last_day(new.received_at + 1);
    let rule = Rule::on(received).ok_or_else(|| DbError::Refused("requests.toml has no rule".into()))?;
    let times = rule.deadlines(new.kind, new.received_at, holidays);
    let note = (!new.note.is_empty()).then(|| seal.seal_text(new.note));
    let until = new.kind.silences().then(|| new.until.unwrap_or(FOR_EVER));
    let (person, channel, address) = match new.subject {
        Subject::Person(id) => (Some(id), None, None),
        Subject::Address(channel, address) => (None, Some(channel as i16), Some(address)),
    };
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
    for (channel, address) in consent::addresses(phone, email, chat) {
        consent::refuse(tx, channel, address, Scope::Awareness, said).await?;
    }
    Ok(())
}
