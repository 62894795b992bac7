//! Orders that were taken in, as rows. Each is looked at by one node at a time ([`claim`]); what it becomes is written by whoever did
//! the step, and that it is over by whoever sees it, in one transaction with the end of its runs ([`end`]).

use super::read::Asked;
use crate::{
    audit::{self, Actor},
    db::{Db, DbError, Result, Sql, Tx, affected},
    edition, on,
    relay::{Content, Step},
    run::command::{self, By, Change},
    transaction, within,
    words::Phrase,
};

/// How far an order is. The numbers are stored; below 4 something is still to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum State {
    /// A draft is to be made of it; of a Cancel: it is to be carried out.
    New = 0,
    /// Its draft waits for somebody to approve it.
    Waiting = 1,
    /// A round of it was begun.
    Sending = 2,
    /// No further round is begun; what was sent is still reported.
    Ended = 3,
    /// Nothing more is to be done.
    Done = 4,
}

impl State {
    const ALL: [Self; 5] = [Self::New, Self::Waiting, Self::Sending, Self::Ended, Self::Done];

    fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as i16 == number)
    }

    /// The name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Ended => "ended",
            Self::Done => "done",
        }
    }
}

/// An order that was taken in. Times are unix milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// Its number here.
    pub id: i64,
    /// Its name in CAP.
    pub identifier: String,
    /// What it does.
    pub step: Step,
    /// Which one it updates or cancels.
    pub earlier: Option<String>,
    /// How far it is.
    pub state: State,
    /// What it says.
    pub content: Content,
    /// Its draft's name; empty: there is none.
    pub campaign: String,
    /// What a person must see to.
    pub trouble: Option<Phrase>,
    /// When it was taken in.
    pub taken_at: i64,
    /// Until when it holds.
    pub expires_at: i64,
    /// When its final report is due.
    pub report_by: Option<i64>,
    /// When the department took our acknowledgement.
    pub answered_at: Option<i64>,
    /// When it was cancelled or replaced, or its time was over.
    pub ended_at: Option<i64>,
    /// When it is looked at again.
    pub next_at: i64,
    /// Failures in a row of telling the department.
    pub tries: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    identifier: String,
    step: i16,
    earlier: Option<String>,
    state: i16,
    content: String,
    campaign: String,
    trouble: String,
    taken_at: i64,
    expires_at: i64,
    report_by: Option<i64>,
    answered_at: Option<i64>,
    ended_at: Option<i64>,
    next_at: i64,
    tries: i64,
}

impl Row {
    fn taken(self) -> Result<Taken> {
        let unreadable = || DbError::Refused(format!("the order {} cannot be read by this version", self.identifier));
        let step = match self.step {
            0 => Step::Alert,
            1 => Step::Update,
            2 => Step::Cancel,
            _ => return Err(unreadable()),
        };
        Ok(Taken {
            state: State::from_number(self.state).ok_or_else(unreadable)?,
            step,
            content: Content::parse(&self.content)?,
            id: self.id,
            identifier: self.identifier,
            earlier: self.earlier,
            campaign: self.campaign,
            trouble: told(&self.trouble),
            taken_at: self.taken_at,
            expires_at: self.expires_at,
            report_by: self.report_by,
            answered_at: self.answered_at,
            ended_at: self.ended_at,
            next_at: self.next_at,
            tries: self.tries,
        })
    }
}

/// Words as they are stored: Vietnamese, and English on the next line.
pub(super) fn stored(words: Option<&Phrase>) -> String {
    let line = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1_000).collect::<String>();
    words.map_or_else(String::new, |words| format!("{}\n{}", line(&words.vi), line(&words.en)))
}

/// What [`stored`] wrote.
pub(super) fn told(text: &str) -> Option<Phrase> {
    let (vi, en) = text.split_once('\n').unwrap_or((text, text));
    (!text.is_empty()).then(|| Phrase { vi: vi.to_string(), en: en.to_string() })
}

macro_rules! taken_orders {
    ($rest:expr) => {
        concat!(
            "SELECT o.id, o.identifier, o.step, o.earlier, o.state, o.content, o.campaign, o.trouble, o.taken_at, o.expires_at,
                    o.report_by, o.answered_at, o.ended_at, o.next_at, o.tries FROM upstream_order o ",
            $rest
        )
    };
}

static KNOWN: Sql = Sql::new(r"SELECT count(*) FROM upstream_order WHERE identifier = $1");

/// Whether an order was taken in.
pub(super) async fn is_known(db: &Db, identifier: &str) -> Result<bool> {
    let known: i64 = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&KNOWN)).bind(identifier).fetch_one(pool).await)?;
    Ok(known > 0)
}

static FOLLOWED: Sql = Sql::new(r"SELECT count(*) FROM upstream_order WHERE earlier = $1");

/// Whether an order that updates or cancels this one was taken in.
pub(super) async fn is_followed(db: &Db, identifier: &str) -> Result<bool> {
    let later: i64 = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&FOLLOWED)).bind(identifier).fetch_one(pool).await)?;
    Ok(later > 0)
}

static TAKE: Sql = Sql::new(
    r"INSERT INTO upstream_order (identifier, sender, sent_at, step, earlier, state, content, document, note, campaign, trouble, taken_at,
                                  expires_at, report_by, next_at, tries)
      VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, '', '', $9, $10, $11, $9, 0)
      ON CONFLICT (identifier) DO NOTHING",
);

/// Takes an order in; once, however often and by however many nodes. Whether it was now.
pub(super) async fn take(db: &Db, asked: &Asked, document: &[u8], actor: &Actor, now: i64) -> Result<bool> {
    let content = asked.content.json();
    transaction!(db, |tx| {
        let new = within!(tx, |c, sql| sqlx::query(sql(&TAKE))
            .bind(&asked.identifier)
            .bind(&asked.sender)
            .bind(asked.sent_at)
            .bind(asked.step as i16)
            .bind(&asked.earlier)
            .bind(&content)
            .bind(document)
            .bind(asked.note.replace('\0', " "))
            .bind(now)
            .bind(asked.content.expires_at)
            .bind(asked.content.report_by)
            .execute(c)
            .await
            .map(affected))?;
        if new > 0 {
            let after = serde_json::json!({ "sender": asked.sender, "step": asked.step.name(), "earlier": asked.earlier });
            audit::record(tx, actor, "upstream.take", &asked.identifier, None, Some(&after), now).await?;
        }
        Ok(new > 0)
    })
}

static DUE: Sql = Sql::new(taken_orders!("WHERE o.state < 4 AND o.next_at <= $1 ORDER BY o.next_at, o.id LIMIT $2"));
static CLAIM: Sql = Sql::new(r"UPDATE upstream_order SET next_at = $2 WHERE id = $1 AND next_at = $3");

/// Orders at which something is to be done, each this caller's alone until `until`.
pub(super) async fn claim(db: &Db, most: i64, now: i64, until: i64) -> Result<Vec<Taken>> {
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&DUE)).bind(now).bind(most).fetch_all(pool).await)?;
    let mut claimed = Vec::new();
    for row in rows {
        let taken = row.taken()?;
        let ours = on!(db.write, |pool, sql| sqlx::query(sql(&CLAIM))
            .bind(taken.id)
            .bind(until)
            .bind(taken.next_at)
            .execute(pool)
            .await
            .map(affected))?;
        if ours > 0 {
            claimed.push(taken);
        }
    }
    Ok(claimed)
}

static KEEP: Sql = Sql::new(
    r"UPDATE upstream_order SET state = CASE WHEN state < $2 THEN $2 ELSE state END, campaign = $3, trouble = $4,
             answered_at = coalesce(answered_at, $5), next_at = $6, tries = $7 WHERE id = $1",
);

/// Writes down what a step made of an order: it goes on only, and is looked at again at `next_at`.
pub(super) async fn keep(db: &Db, order: &Taken) -> Result<()> {
    on!(db.write, |pool, sql| sqlx::query(sql(&KEEP))
        .bind(order.id)
        .bind(order.state as i16)
        .bind(&order.campaign)
        .bind(stored(order.trouble.as_ref()))
        .bind(order.answered_at)
        .bind(order.next_at)
        .bind(order.tries)
        .execute(pool)
        .await
        .map(affected))
    .map(drop)
}

static ALL: Sql = Sql::new(taken_orders!("ORDER BY o.id DESC LIMIT $1"));
static TROUBLED: Sql = Sql::new(taken_orders!("WHERE o.trouble <> '' AND o.state < 4 ORDER BY o.id DESC LIMIT 200"));

/// What was taken in, the latest first.
pub async fn list(db: &Db, most: i64) -> Result<Vec<Taken>> {
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&ALL)).bind(most).fetch_all(pool).await)?;
    rows.into_iter().map(Row::taken).collect()
}

/// What a person must see to, the latest first.
pub async fn troubled(db: &Db) -> Result<Vec<Taken>> {
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&TROUBLED)).fetch_all(pool).await)?;
    rows.into_iter().map(Row::taken).collect()
}

static LOCK: Sql = Sql::new(taken_orders!("WHERE o.id = $1 :lock(o)"));
static LOCK_NAMED: Sql = Sql::new(taken_orders!("WHERE o.identifier = $1 :lock(o)"));

/// Locks an order for a change.
pub(super) async fn lock(tx: &mut Tx, id: i64) -> Result<Option<Taken>> {
    let row: Option<Row> = within!(tx, |c, sql| sqlx::query_as(sql(&LOCK)).bind(id).fetch_optional(c).await)?;
    row.map(Row::taken).transpose()
}

static GOING: Sql = Sql::new(r"SELECT id FROM run WHERE campaign = $1 AND state < 2 AND settled_at IS NULL ORDER BY id");

static END: Sql = Sql::new(
    r"UPDATE upstream_order SET ended_at = $2, state = CASE WHEN state < 3 THEN 3 ELSE state END, next_at = $2
      WHERE id = $1 AND state < 4",
);

/// Ends an order that is cancelled or replaced: its draft is archived and its runs are aborted, so that what is unsent stays unsent;
/// all in one transaction. None: there is none of that name, and nothing to end.
pub(super) async fn end(db: &Db, identifier: &str, actor: &Actor, now: i64) -> Result<Option<usize>> {
    transaction!(db, |tx| {
        let row: Option<Row> = within!(tx, |c, sql| sqlx::query_as(sql(&LOCK_NAMED)).bind(identifier).fetch_optional(c).await)?;
        let Some(order) = row.map(Row::taken).transpose()? else { return Ok(None) };
        if order.ended_at.is_some() {
            return Ok(Some(0));
        }
        within!(tx, |c, sql| sqlx::query(sql(&END)).bind(order.id).bind(now).execute(c).await.map(affected))?;
        let mut stopped = 0;
        if !order.campaign.is_empty() {
            let going: Vec<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&GOING)).bind(&order.campaign).fetch_all(c).await)?;
            for run in going {
                let by = By { name: &actor.name, at: now };
                stopped += usize::from(command::change(tx, run, Change::Abort, Some(by)).await?.is_ok());
            }
            edition::archive(tx, &order.campaign, actor, now).await?;
        }
        let after = serde_json::json!({ "campaign": order.campaign, "runs": stopped });
        audit::record(tx, actor, "upstream.end", identifier, None, Some(&after), now).await?;
        Ok(Some(stopped))
    })
}

static LAPSED: Sql =
    Sql::new(r"UPDATE upstream_order SET ended_at = $2, state = 3 WHERE id = $1 AND state < 3 AND ended_at IS NULL");

/// Ends an order whose time is over: no round of it is begun any more. Its runs end by themselves.
pub(super) async fn lapse(db: &Db, order: &Taken, actor: &Actor, now: i64) -> Result<()> {
    transaction!(db, |tx| {
        within!(tx, |c, sql| sqlx::query(sql(&LAPSED)).bind(order.id).bind(now).execute(c).await.map(affected))?;
        if !order.campaign.is_empty() {
            edition::archive(tx, &order.campaign, actor, now).await?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phrase;

    #[test]
    fn words_are_kept_in_both_languages() {
        let words = phrase!("một\nhai", "one");
        assert_eq!(told(&stored(Some(&words))), Some(phrase!("một hai", "one")));
        assert_eq!((told(""), stored(None)), (None, String::new()));
    }

    #[test]
    fn states_have_their_stored_numbers() {
        for (number, state) in (0..).zip(State::ALL) {
            assert_eq!((state as i16, State::from_number(number)), (number, Some(state)));
        }
        assert_eq!(State::from_number(5), None);
    }
}
