//! The inbox: what gateways said, committed many at a time, before they are answered.
//!
//! What enters is events, from callbacks and from standing connections; what leaves is rows: applied where their attempts are
//! known, else open, for the matcher. What can go wrong: they cannot be applied, and are all stored open; or the database does
//! not commit, and the gateway is asked to repeat what it said.

use std::sync::Arc;

use providers::{About, Channel, Event, Leftover, Receipt, ReceiptState};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::{Matcher, Place, Said, Status, handles, leftover};
use crate::{
    db::{Result, Sql, Tx, affected, alike},
    delivery::{State, Why},
    reply::{self, Ear, Heard, Link},
    transaction, within,
};

/// Receipts in one commit at most.
const BATCH: usize = 1_000;

/// What is stored, with the account that it came to.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The account's id.
    pub account: i64,
    /// What it says.
    pub receipt: Receipt,
    /// The ids of a late answer, which is stored as a receipt that says taken.
    pub ids: Option<Vec<String>>,
}

impl Incoming {
    /// A receipt.
    pub fn receipt(account: i64, receipt: Receipt) -> Self {
        Self { account, receipt, ids: None }
    }

    /// A late answer: the attempt of this reference was taken, under these ids.
    pub fn accepted(account: i64, reference: String, ids: Vec<String>) -> Self {
        let about = About::Reference(reference);
        let receipt = Receipt { about, state: ReceiptState::Accepted, reason: None, detail: "late answer".into(), at: None };
        Self { account, receipt, ids: Some(ids) }
    }
}

/// What was taken, and is committed.
#[derive(Debug, Default)]
pub struct Taken {
    /// Receipts and late answers.
    pub receipts: usize,
    /// Messages from people, repeated ones among them.
    pub heard: usize,
    /// Mails that say nothing of an attempt.
    pub left_over: usize,
    /// What the gateway said of the account, for the log: nothing of it is stored.
    pub said: Vec<String>,
}

/// Why a callback could not be taken: the gateway must repeat it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The database did not commit.
    #[error("receipts could not be stored: {0}")]
    Storage(String),
    /// The process is shutting down.
    #[error("receipts are no longer taken")]
    Closed,
}

struct Waiting {
    receipts: Vec<Incoming>,
    heard: Vec<Heard>,
    left_over: Vec<(i64, Leftover)>,
    known: Vec<Link>,
    done: oneshot::Sender<std::result::Result<(), AppendError>>,
}

/// Where callbacks and standing connections leave what they tell.
#[derive(Clone)]
pub struct Inbox {
    sender: mpsc::Sender<Waiting>,
    ear: Arc<Ear>,
}

/// Commits what the inbox gathers.
pub struct Appender {
    matcher: Matcher,
    waiting: mpsc::Receiver<Waiting>,
}

/// What a step of the appender did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// Receipts joined to their deliveries.
    pub applied: usize,
    /// Receipts and late answers left for the matcher.
    pub open: usize,
}

/// An inbox, whose `ear` reads what people write, and the appender behind it.
pub fn inbox(matcher: Matcher, ear: Ear) -> (Inbox, Appender) {
    let (sender, waiting) = mpsc::channel(4 * BATCH);
    (Inbox { sender, ear: Arc::new(ear) }, Appender { matcher, waiting })
}

impl Inbox {
    /// Takes what an account's gateway told, by whatever way it came: receipts, late answers and messages from people are
    /// stored, and refusals among these take effect, in one transaction. Returns once it is committed; an error means that
    /// nothing was taken and the gateway is to repeat it, which does no harm if it was taken after all.
    pub async fn take(&self, account: i64, channel: Channel, events: Vec<Event>) -> std::result::Result<Taken, AppendError> {
        let (mut receipts, mut heard, mut said) = (Vec::new(), Vec::new(), Vec::new());
        let (mut left_over, mut known) = (Vec::new(), Vec::new());
        for event in events {
            match event {
                Event::Receipt(receipt) => receipts.push(Incoming::receipt(account, receipt)),
                Event::Accepted { reference, ids } => receipts.push(Incoming::accepted(account, reference, ids)),
                Event::Inbound(inbound) => heard.push(self.ear.hear(account, channel, &inbound)),
                Event::Left { from, how } => heard.push(self.ear.left(account, channel, &from, &how)),
                Event::Leftover(kind) => left_over.push((account, kind)),
                Event::Known { user, phone } => known.extend(self.ear.knows(channel, &user, &phone)),
                Event::Account { detail } => said.push(detail),
            }
        }
        let taken = Taken { receipts: receipts.len(), heard: heard.len(), left_over: left_over.len(), said };
        self.store(receipts, heard, left_over, known).await?;
        Ok(taken)
    }

    /// Stores receipts; returns once they are committed.
    pub async fn append(&self, receipts: Vec<Incoming>) -> std::result::Result<(), AppendError> {
        self.store(receipts, Vec::new(), Vec::new(), Vec::new()).await
    }

    async fn store(
        &self,
        receipts: Vec<Incoming>,
        heard: Vec<Heard>,
        left_over: Vec<(i64, Leftover)>,
        known: Vec<Link>,
    ) -> std::result::Result<(), AppendError> {
        if receipts.is_empty() && heard.is_empty() && left_over.is_empty() && known.is_empty() {
            return Ok(());
        }
        let (done, committed) = oneshot::channel();
        self.sender.send(Waiting { receipts, heard, left_over, known, done }).await.map_err(|_| AppendError::Closed)?;
        committed.await.map_err(|_| AppendError::Closed)?
    }
}

#[derive(Serialize, Clone)]
struct Appended<'a> {
    account: i64,
    reference: Option<&'a str>,
    handle: Option<&'a str>,
    state: i16,
    reason: i16,
    detail: &'a str,
    ids: Option<String>,
    status: i16,
}

impl<'a> Appended<'a> {
    /// Open until it is found what it is about.
    fn open(incoming: &'a Incoming) -> Self {
        let (reference, handle) = match &incoming.receipt.about {
            About::Reference(reference) => (Some(reference.as_str()), None),
            About::Id(id) => (None, Some(id.as_str())),
        };
        Self {
            account: incoming.account,
            reference,
            handle,
            state: State::from(incoming.receipt.state).number(),
            reason: incoming.receipt.reason.map_or(Why::Nothing, Why::Gateway).number(),
            detail: &incoming.receipt.detail,
            ids: incoming.ids.as_ref().map(|ids| serde_json::Value::from(ids.as_slice()).to_string()),
            status: Status::Open as i16,
        }
    }

    /// It says no more than what became of the message of a handle.
    const fn is_bare(&self) -> bool {
        self.handle.is_some() && self.reference.is_none() && self.ids.is_none()
    }

    /// All that a bare one says but of which message.
    const fn kind(&self) -> (i64, i16, i16, &'a str, i16) {
        (self.account, self.state, self.reason, self.detail, self.status)
    }

    const fn said(&self, now: i64) -> Said<'a> {
        Said {
            account: self.account,
            reference: self.reference,
            handle: self.handle,
            state: self.state,
            reason: self.reason,
            detail: self.detail,
            received_at: now,
        }
    }
}

static APPEND: Sql = Sql::new(
    r"INSERT INTO receipt (account, reference, handle, state, reason, detail, ids, received_at, status)
      SELECT account, reference, handle, state, reason, detail, ids, $2, status
      FROM :rows($1; account BIGINT, reference TEXT, handle TEXT, state SMALLINT, reason SMALLINT, detail TEXT, ids TEXT, status SMALLINT) AS v",
);

// The same for receipts that say the same of different messages, as most of a swarm do.
static APPEND_ALIKE: Sql = Sql::new(
    r"INSERT INTO receipt (account, reference, handle, state, reason, detail, ids, received_at, status)
      SELECT $3, NULL, text, $4, $5, $6, NULL, $2, $7 FROM :texts($1) AS v",
);

impl Appender {
    /// Waits for callbacks and commits all that are there. None: every inbox is gone.
    pub async fn step(&mut self) -> Option<Stored> {
        let mut batch = vec![self.waiting.recv().await?];
        let mut size = batch[0].receipts.len() + batch[0].heard.len();
        while size < BATCH {
            let Ok(next) = self.waiting.try_recv() else { break };
            size += next.receipts.len() + next.heard.len();
            batch.push(next);
        }
        let outcome = self.commit(&batch).await;
        if let Err(error) = &outcome {
            tracing::error!(%error, receipts = size, "receipts could not be stored: their gateways are asked to repeat them");
        }
        let answer = outcome.as_ref().map(|_| ()).map_err(|error| AppendError::Storage(error.to_string()));
        for waiting in batch {
            // A gateway that hung up meanwhile will repeat its receipt, which changes nothing the second time.
            let _ = waiting.done.send(answer.clone());
        }
        Some(outcome.unwrap_or_default())
    }

    /// Commits a batch, applied as far as its attempts are known. What keeps receipts from being applied does not keep them from
    /// being stored.
    async fn commit(&self, batch: &[Waiting]) -> Result<Stored> {
        let rows: Vec<Appended<'_>> = batch.iter().flat_map(|waiting| &waiting.receipts).map(Appended::open).collect();
        let heard: Vec<Heard> = batch.iter().flat_map(|waiting| &waiting.heard).cloned().collect();
        let left_over: Vec<(i64, Leftover)> = batch.iter().flat_map(|waiting| &waiting.left_over).copied().collect();
        let known: Vec<Link> = batch.iter().flat_map(|waiting| &waiting.known).cloned().collect();
        let now = self.matcher.clock.millis();
        let applied = transaction!(self.matcher.db, |tx| {
            let mut rows = rows.clone();
            let stored = self.apply(tx, &mut rows, now).await?;
            store(tx, &rows, &heard, &known, now).await?;
            leftover::count(tx, &left_over, now).await?;
            Ok(stored)
        });
        match applied {
            Ok(stored) => Ok(stored),
            Err(error) => {
                tracing::error!(%error, receipts = rows.len(), "receipts could not be applied as they came; they are stored first");
                transaction!(self.matcher.db, |tx| {
                    store(tx, &rows, &heard, &known, now).await?;
                    leftover::count(tx, &left_over, now).await
                })?;
                Ok(Stored { applied: 0, open: rows.len() })
            }
        }
    }

    /// Joins receipts to the deliveries whose attempts are known, and marks them so.
    async fn apply(&self, tx: &mut Tx, rows: &mut [Appended<'_>], now: i64) -> Result<Stored> {
        let handles = handles(tx, rows.iter().map(|row| row.said(now))).await?;
        let (mut news, mut stored) = (Vec::new(), Stored::default());
        for row in rows {
            // A late answer may be waited for by receipts that came before it: the matcher knows of these.
            let place = if row.ids.is_some() { Place::Open } else { self.matcher.place(row.said(now), &handles) };
            let status = match place {
                Place::Found(one) => {
                    news.push(one);
                    Status::Applied
                }
                Place::Forged => Status::Forged,
                Place::Open => {
                    stored.open += 1;
                    Status::Open
                }
            };
            row.status = status as i16;
        }
        stored.applied = news.len();
        self.matcher.join(tx, &news, now).await?;
        Ok(stored)
    }
}

async fn store(tx: &mut Tx, rows: &[Appended<'_>], heard: &[Heard], known: &[Link], now: i64) -> Result<()> {
    let (kinds, mut apart) = alike(rows.iter().filter(|row| row.is_bare()), Appended::kind);
    for ((account, state, reason, detail, status), rows) in kinds {
        let list = crate::db::list(&rows.iter().map(|row| row.handle).collect::<Vec<_>>());
        within!(tx, |c, sql| {
            sqlx::query(sql(&APPEND_ALIKE))
                .bind(&list)
                .bind(now)
                .bind(account)
                .bind(state)
                .bind(reason)
                .bind(detail)
                .bind(status)
                .execute(c)
                .await
                .map(affected)
        })?;
    }
    apart.extend(rows.iter().filter(|row| !row.is_bare()));
    if !apart.is_empty() {
        let list = crate::db::list(&apart);
        within!(tx, |c, sql| sqlx::query(sql(&APPEND)).bind(&list).bind(now).execute(c).await.map(affected))?;
    }
    if !heard.is_empty() {
        reply::take(tx, heard, now).await?;
    }
    for link in known {
        link.keep(tx, now).await?;
    }
    Ok(())
}
