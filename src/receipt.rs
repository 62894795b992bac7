//! What gateways tell: append → answer → match → apply.
//!
//! A gateway is answered only after what it says is committed ([`Inbox::take`] gathers many callbacks and arrivals into one
//! commit); what people wrote back takes effect in the same commit ([`crate::reply::take`]). A late answer says that its
//! attempt was taken, and under which ids. [`Matcher::step`] then finds the attempts that receipts speak of, by our reference
//! or by the gateway's id, and joins them to the deliveries. A receipt that comes before its attempt's answer waits; it is matched again when the
//! id comes, and by a sweep for 72 hours. A forged reference is kept, marked, and changes nothing.

mod inbox;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::{
    active::Active,
    clock::Clock,
    db::{Db, DbError, Result, Sql, Tx, affected},
    delivery::{
        Reference, State, Why,
        handle::{self, Named},
        learn,
        learn::News,
    },
    seal::Seal,
    tally, transaction, within,
};

pub use inbox::{AppendError, Appender, Inbox, Incoming, Taken, inbox};

/// Receipts that one step looks at, at most.
const BATCH: usize = 1_000;
/// How long a receipt may wait for its attempt.
pub const PATIENCE: Duration = Duration::from_hours(72);

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
    /// Of a late answer: a JSON list.
    ids: Option<String>,
}

static OPEN: Sql = Sql::new(
    r"SELECT id, account, reference, handle, state, reason, detail, received_at, ids FROM receipt r
      WHERE status = 0 AND id > $1 ORDER BY id LIMIT $2 :skip_locked(r)",
);

static NAMED: Sql = Sql::new(
    r"SELECT id, account, reference, handle, state, reason, detail, received_at, ids FROM receipt r
      WHERE status = 0 AND id IN (SELECT id FROM :rows($1; id BIGINT) AS wanted) ORDER BY id :skip_locked(r)",
);

static HANDLES: Sql = Sql::new(
    r"SELECT h.account, h.id, h.delivery, h.attempt, h.parts, h.at FROM handle h
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matched {
    /// Receipts that were looked at.
    pub seen: usize,
    /// Of these, joined to a delivery.
    pub applied: usize,
    /// The last one's number: where the next step goes on.
    pub last: i64,
    /// Receipts that came before the late answer that names them: match them again.
    pub early: Vec<i64>,
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
        let early = self.keep_late(tx, &open, now).await?;
        let handles = self.handles(tx, &open).await?;
        let (mut news, mut marks) = (Vec::new(), Vec::new());
        let mut matched = Matched { seen: open.len(), applied: 0, last: open.last().map_or(after, |r| r.id), early };
        for receipt in open {
            let found = match (&receipt.reference, &receipt.handle) {
                (Some(text), _) => {
                    let Some(reference) = Reference::decode(text, &self.seal) else {
                        marks.push(Mark { id: receipt.id, status: Status::Forged as i16 });
                        continue;
                    };
                    Some((reference.delivery, reference.attempt, None))
                }
                (None, Some(handle)) => {
                    let behind = handles.get(&(receipt.account, handle.clone()));
                    behind.filter(|h| handle::may_speak_of(receipt.received_at, h.at)).map(|h| {
                        let part = (h.parts > 1).then(|| (receipt.account, handle.clone()));
                        (h.delivery, h.attempt, part)
                    })
                }
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

    /// Keeps the ids of late answers, so that receipts find their attempts by them, those among `open` at once. Which others
    /// came before.
    async fn keep_late(&self, tx: &mut Tx, open: &[Open], now: i64) -> Result<Vec<i64>> {
        let late = open.iter().filter_map(|receipt| {
            let ids: Vec<String> = serde_json::from_str(receipt.ids.as_deref()?).unwrap_or_default();
            let reference = Reference::decode(receipt.reference.as_deref()?, &self.seal)?;
            Some((receipt.account, reference, ids))
        });
        let late: Vec<(i64, Reference, Vec<String>)> = late.collect();
        let named = late.iter().map(|(account, Reference { delivery, attempt }, ids)| Named {
            account: *account,
            delivery: *delivery,
            attempt: *attempt,
            ids,
            unnamed: false,
        });
        handle::keep(tx, named, now).await
    }

    async fn handles(&self, tx: &mut Tx, open: &[Open]) -> Result<HashMap<(i64, String), Behind>> {
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
        let rows: Vec<(i64, String, i64, i16, i16, i64)> =
            within!(tx, |c, sql| sqlx::query_as(sql(&HANDLES)).bind(&list).fetch_all(c).await)?;
        Ok(rows
            .into_iter()
            .map(|(account, id, delivery, attempt, parts, at)| ((account, id), Behind { delivery, attempt, parts, at }))
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
struct Behind {
    delivery: i64,
    attempt: i16,
    parts: i16,
    /// When its id was kept.
    at: i64,
}
