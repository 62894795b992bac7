//! The inbox: what gateways said, committed many at a time, before they are answered.
//!
//! What enters is events, from callbacks and from standing connections; what leaves is rows for the matcher. What can go
//! wrong: the database does not commit, and the gateway is asked to repeat what it said.

use std::sync::Arc;

use providers::{About, Channel, Event, Receipt, ReceiptState};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use crate::{
    clock::Clock,
    db::{Db, Result, Sql, affected},
    delivery::{State, Why},
    on,
    reply::{self, Ear, Heard},
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
    db: Db,
    clock: Clock,
    waiting: mpsc::Receiver<Waiting>,
}

/// An inbox, whose `ear` reads what people write, and the appender behind it.
pub fn inbox(db: Db, clock: Clock, ear: Ear) -> (Inbox, Appender) {
    let (sender, waiting) = mpsc::channel(4 * BATCH);
    (Inbox { sender, ear: Arc::new(ear) }, Appender { db, clock, waiting })
}

impl Inbox {
    /// Takes what an account's gateway told, by whatever way it came: receipts, late answers and messages from people are
    /// stored, and refusals among these take effect, in one transaction. Returns once it is committed; an error means that
    /// nothing was taken and the gateway is to repeat it, which does no harm if it was taken after all.
    pub async fn take(&self, account: i64, channel: Channel, events: Vec<Event>) -> std::result::Result<Taken, AppendError> {
        let (mut receipts, mut heard, mut said) = (Vec::new(), Vec::new(), Vec::new());
        for event in events {
            match event {
                Event::Receipt(receipt) => receipts.push(Incoming::receipt(account, receipt)),
                Event::Accepted { reference, ids } => receipts.push(Incoming::accepted(account, reference, ids)),
                Event::Inbound(inbound) => heard.push(self.ear.hear(account, channel, &inbound)),
                Event::Account { detail } => said.push(detail),
            }
        }
        let taken = Taken { receipts: receipts.len(), heard: heard.len(), said };
        self.store(receipts, heard).await?;
        Ok(taken)
    }

    /// Stores receipts; returns once they are committed.
    pub async fn append(&self, receipts: Vec<Incoming>) -> std::result::Result<(), AppendError> {
        self.store(receipts, Vec::new()).await
    }

    async fn store(&self, receipts: Vec<Incoming>, heard: Vec<Heard>) -> std::result::Result<(), AppendError> {
        if receipts.is_empty() && heard.is_empty() {
            return Ok(());
        }
        let (done, committed) = oneshot::channel();
        self.sender.send(Waiting { receipts, heard, done }).await.map_err(|_| AppendError::Closed)?;
        committed.await.map_err(|_| AppendError::Closed)?
    }
}

#[derive(Serialize)]
struct Appended<'a> {
    account: i64,
    reference: Option<&'a str>,
    handle: Option<&'a str>,
    state: i16,
    reason: i16,
    detail: &'a str,
    ids: Option<String>,
}

static APPEND: Sql = Sql::new(
    r"INSERT INTO receipt (account, reference, handle, state, reason, detail, ids, received_at, status)
      SELECT account, reference, handle, state, reason, detail, ids, $2, 0
      FROM :rows($1; account BIGINT, reference TEXT, handle TEXT, state SMALLINT, reason SMALLINT, detail TEXT, ids TEXT) AS v",
);

impl Appender {
    /// Waits for callbacks and commits all that are there. None: every inbox is gone. Some: how many receipts and messages.
    pub async fn step(&mut self) -> Option<usize> {
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
        let outcome = outcome.map_err(|error| AppendError::Storage(error.to_string()));
        for waiting in batch {
            // A gateway that hung up meanwhile will repeat its receipt, which changes nothing the second time.
            let _ = waiting.done.send(outcome.clone());
        }
        Some(size)
    }

    async fn commit(&self, batch: &[Waiting]) -> Result<()> {
        let rows: Vec<Appended<'_>> = batch
            .iter()
            .flat_map(|waiting| &waiting.receipts)
            .map(|incoming| {
                let (reference, handle) = match &incoming.receipt.about {
                    About::Reference(reference) => (Some(reference.as_str()), None),
                    About::Id(id) => (None, Some(id.as_str())),
                };
                let why = incoming.receipt.reason.map_or(Why::Nothing, Why::Gateway);
                Appended {
                    account: incoming.account,
                    reference,
                    handle,
                    state: State::from(incoming.receipt.state).number(),
                    reason: why.number(),
                    detail: &incoming.receipt.detail,
                    ids: incoming.ids.as_ref().map(|ids| serde_json::Value::from(ids.as_slice()).to_string()),
                }
            })
            .collect();
        let list = crate::db::list(&rows);
        let now = self.clock.millis();
        let heard: Vec<Heard> = batch.iter().flat_map(|waiting| &waiting.heard).cloned().collect();
        if heard.is_empty() {
            on!(self.db.write, |pool, sql| sqlx::query(sql(&APPEND)).bind(&list).bind(now).execute(pool).await.map(affected))?;
            return Ok(());
        }
        transaction!(self.db, |tx| {
            within!(tx, |c, sql| sqlx::query(sql(&APPEND)).bind(&list).bind(now).execute(c).await.map(affected))?;
            reply::take(tx, &heard, now).await?;
            Ok(())
        })
    }
}
