//! What gateways tell: append → answer → match → apply.
//!
//! A callback is answered 200 only after what it says is committed ([`Inbox::take`] gathers many callbacks into one
//! commit); what people wrote back takes effect in the same commit ([`reply::take`]). [`Matcher::step`] then finds the attempts that receipts speak of, by our reference or by the gateway's id,
//! and joins them to the deliveries. A receipt that comes before its attempt's answer waits; it is matched again when the
//! id comes, and by a sweep for 72 hours. A forged reference is kept, marked, and changes nothing.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use providers::{About, Channel, Event, Receipt};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use crate::{
    active::Active,
    clock::Clock,
    db::{Db, DbError, Result, Sql, Tx, affected},
    delivery::{Reference, State, Why, learn, learn::News},
    on,
    reply::{self, Ear, Heard},
    seal::Seal,
    tally, transaction, within,
};

/// Receipts in one commit at most.
const BATCH: usize = 1_000;
/// How long a receipt may wait for its attempt.
pub const PATIENCE: Duration = Duration::from_hours(72);

/// A receipt with the account that it came to.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The account's id.
    pub account: i64,
    /// What it says.
    pub receipt: Receipt,
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

/// What was taken, and is committed.
#[derive(Debug, Default)]
pub struct Taken {
    /// Receipts.
    pub receipts: usize,
    /// Messages from people, repeated ones among them.
    pub heard: usize,
    /// What is neither, untouched.
    pub rest: Vec<Event>,
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
    /// Takes what an account's gateway told, by whatever way it came: receipts and messages from people are stored, and
    /// refusals among these take effect, in one transaction. Returns once it is committed; an error means that nothing was
    /// taken and the gateway is to repeat it, which does no harm if it was taken after all.
    pub async fn take(&self, account: i64, channel: Channel, events: Vec<Event>) -> std::result::Result<Taken, AppendError> {
        let (mut receipts, mut heard, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for event in events {
            match event {
                Event::Receipt(receipt) => receipts.push(Incoming { account, receipt }),
                Event::Inbound(inbound) => heard.push(self.ear.hear(account, channel, &inbound)),
                other => rest.push(other),
            }
        }
        let taken = Taken { receipts: receipts.len(), heard: heard.len(), rest };
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
}

static APPEND: Sql = Sql::new(
    r"INSERT INTO receipt (account, reference, handle, state, reason, detail, received_at, status)
      SELECT account, reference, handle, state, reason, detail, $2, 0
      FROM :rows($1; account BIGINT, reference TEXT, handle TEXT, state SMALLINT, reason SMALLINT, detail TEXT) AS v",
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

#[derive(Debug, sqlx::FromRow)]
struct Open {
    id: i64,
    account: i64,
    reference: Option<String>,
    handle: Option<String>,
    state: i16,
    reason: i16,
    detail: String,
    received_at: i64,
}

static OPEN: Sql = Sql::new(
    r"SELECT id, account, reference, handle, state, reason, detail, received_at FROM receipt r
      WHERE status = 0 AND id > $1 ORDER BY id LIMIT $2 :skip_locked(r)",
);

static NAMED: Sql = Sql::new(
    r"SELECT id, account, reference, handle, state, reason, detail, received_at FROM receipt r
      WHERE status = 0 AND id IN (SELECT id FROM :rows($1; id BIGINT) AS wanted) ORDER BY id :skip_locked(r)",
);

static HANDLES: Sql = Sql::new(
    r"SELECT h.account, h.id, h.delivery, h.attempt, h.parts FROM handle h
      JOIN :rows($1; account BIGINT, handle TEXT) AS v ON h.account = v.account AND h.id = v.handle",
);

static MARK: Sql =
    Sql::new(r"UPDATE receipt SET status = v.status FROM :rows($1; id BIGINT, status SMALLINT) AS v WHERE receipt.id = v.id");

/// What became of a receipt: the `status` of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
enum Status {
    Applied = 1,
    Forged = 2,
    GivenUp = 3,
}

/// Joins stored receipts to their deliveries.
#[derive(Clone)]
pub struct Matcher {
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// This process's epoch: the node of its tallies.
    pub node: i64,
    /// The runs under way: where a failed delivery may still move on.
    pub active: Arc<Active>,
    /// Verifies references.
    pub seal: Seal,
}

/// What a step of the matcher did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Matched {
    /// Receipts that were looked at.
    pub seen: usize,
    /// Of these, joined to a delivery.
    pub applied: usize,
    /// The last one's number: where the next step goes on.
    pub last: i64,
}

impl Matcher {
    /// Matches the open receipts after number `after`, at most a batch of them.
    pub async fn step(&self, after: i64) -> Result<Matched> {
        let most = i64::try_from(BATCH).unwrap_or(i64::MAX);
        transaction!(self.db, |tx| {
            let open: Vec<Open> = within!(tx, |c, sql| sqlx::query_as(sql(&OPEN)).bind(after).bind(most).fetch_all(c).await)?;
            self.apply(tx, open, after).await
        })
    }

    /// Matches these receipts again, because the ids they name have come.
    pub async fn again(&self, receipts: &[i64]) -> Result<Matched> {
        #[derive(Serialize)]
        struct Id {
            id: i64,
        }
        let list = crate::db::list(&receipts.iter().map(|id| Id { id: *id }).collect::<Vec<_>>());
        transaction!(self.db, |tx| {
            let open: Vec<Open> = within!(tx, |c, sql| sqlx::query_as(sql(&NAMED)).bind(&list).fetch_all(c).await)?;
            self.apply(tx, open, 0).await
        })
    }

    async fn apply(&self, tx: &mut Tx, open: Vec<Open>, after: i64) -> Result<Matched> {
        #[derive(Serialize)]
        struct Mark {
            id: i64,
            status: i16,
        }
        let now = self.clock.millis();
        let handles = self.handles(tx, &open).await?;
        let (mut news, mut marks) = (Vec::new(), Vec::new());
        let mut matched = Matched { seen: open.len(), applied: 0, last: open.last().map_or(after, |r| r.id) };
        for receipt in open {
            let found = match (&receipt.reference, &receipt.handle) {
                (Some(text), _) => {
                    let Some(reference) = Reference::decode(text, &self.seal) else {
                        marks.push(Mark { id: receipt.id, status: Status::Forged as i16 });
                        continue;
                    };
                    Some((reference.delivery, reference.attempt, None))
                }
                (None, Some(handle)) => handles.get(&(receipt.account, handle.clone())).map(|h| {
                    let part = (h.parts > 1).then(|| (receipt.account, handle.clone()));
                    (h.delivery, h.attempt, part)
                }),
                (None, None) => None,
            };
            match found {
                Some((delivery, attempt, handle)) => {
                    matched.applied += 1;
                    marks.push(Mark { id: receipt.id, status: Status::Applied as i16 });
                    news.push(News {
                        delivery,
                        attempt,
                        handle,
                        state: State::from_number(receipt.state),
                        why: Why::from_number(receipt.reason),
                        detail: receipt.detail,
                    });
                }
                None if now - receipt.received_at > i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX) => {
                    marks.push(Mark { id: receipt.id, status: Status::GivenUp as i16 });
                }
                None => {}
            }
        }
        let mut changes = tally::Changes::default();
        learn::join(tx, &self.active.plans(), &news, now, &mut changes).await?;
        if !marks.is_empty() {
            let list = crate::db::list(&marks);
            within!(tx, |c, sql| sqlx::query(sql(&MARK)).bind(&list).execute(c).await.map(affected))?;
        }
        tally::apply(tx, self.node, changes).await?;
        Ok(matched)
    }

    async fn handles(&self, tx: &mut Tx, open: &[Open]) -> Result<HashMap<(i64, String), Named>> {
        #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
        struct Key<'a> {
            account: i64,
            handle: &'a str,
        }
        let keys: BTreeSet<Key<'_>> =
            open.iter().filter_map(|r| Some(Key { account: r.account, handle: r.handle.as_deref()? })).collect();
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let list = crate::db::list(&keys.into_iter().collect::<Vec<_>>());
        let rows: Vec<(i64, String, i64, i16, i16)> =
            within!(tx, |c, sql| sqlx::query_as(sql(&HANDLES)).bind(&list).fetch_all(c).await)?;
        Ok(rows
            .into_iter()
            .map(|(account, id, delivery, attempt, parts)| ((account, id), Named { delivery, attempt, parts }))
            .collect())
    }

    /// Joins what a gateway said when it was asked: nothing is stored of it but its effect.
    pub async fn learn(&self, news: &[News]) -> std::result::Result<(), DbError> {
        let now = self.clock.millis();
        transaction!(self.db, |tx| {
            let mut changes = tally::Changes::default();
            learn::join(tx, &self.active.plans(), news, now, &mut changes).await?;
            tally::apply(tx, self.node, changes).await
        })
    }
}

/// The attempt behind a gateway's id.
#[derive(Debug, Clone, Copy)]
struct Named {
    delivery: i64,
    attempt: i16,
    parts: i16,
}
