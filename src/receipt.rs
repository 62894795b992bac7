//! What gateways tell: append and apply → answer → match what was left open.
//!
//! A gateway is answered only after what it says is committed ([`Inbox::take`] gathers many callbacks and arrivals into one
//! commit). In that commit receipts are joined to the deliveries whose attempts they speak of, by our reference or by the
//! gateway's id, and what people wrote back takes effect ([`crate::reply::take`]). A receipt that comes before its attempt's
//! answer is stored open: [`Matcher::step`] looks at it, and again when the id comes, and by a sweep for 72 hours. A late answer
//! says that its attempt was taken, and under which ids; it waits for the matcher too. A forged reference is kept, marked, and
//! changes nothing.

mod inbox;
pub mod leftover;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use providers::Reason;
use serde::Serialize;

use crate::{
    active::Active,
    clock::Clock,
    config::Bounces,
    db::{Db, DbError, Result, Sql, Tx, affected},
    delivery::{
        Reference, State, Why,
        handle::{self, Named},
        learn,
        learn::News,
    },
    seal::Seal,
    suppression::{self, Bounce},
    tally, transaction, within,
};

pub use inbox::{AppendError, Appender, Inbox, Incoming, Stored, Taken, inbox};

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

impl Open {
    fn said(&self) -> Said<'_> {
        Said {
            account: self.account,
            reference: self.reference.as_deref(),
            handle: self.handle.as_deref(),
            state: self.state,
            reason: self.reason,
            detail: &self.detail,
            received_at: self.received_at,
        }
    }
}

/// What a receipt says, stored or not.
#[derive(Debug, Clone, Copy)]
struct Said<'a> {
    account: i64,
    reference: Option<&'a str>,
    handle: Option<&'a str>,
    state: i16,
    reason: i16,
    detail: &'a str,
    /// Unix milliseconds.
    received_at: i64,
}

/// What a receipt is about, as far as that is known.
#[derive(Debug)]
enum Place {
    /// An attempt of ours.
    Found(News),
    /// Nothing of ours, whatever comes.
    Forged,
    /// Nothing yet.
    Open,
}

/// The attempts behind gateways' ids, by account and id.
type Handles = HashMap<(i64, String), Behind>;

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
    Open = 0,
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
    /// When mail to an address ends.
    pub bounces: Bounces,
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
        let handles = handles(tx, open.iter().map(Open::said)).await?;
        let (mut news, mut marks) = (Vec::new(), Vec::new());
        let mut matched = Matched { seen: open.len(), applied: 0, last: open.last().map_or(after, |r| r.id), early };
        for receipt in &open {
            let status = match self.place(receipt.said(), &handles) {
                Place::Found(one) => {
                    matched.applied += 1;
                    news.push(one);
                    Status::Applied
                }
                Place::Forged => Status::Forged,
                Place::Open if now - receipt.received_at > i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX) => {
                    Status::GivenUp
                }
                Place::Open => continue,
            };
            marks.push(Mark { id: receipt.id, status: status as i16 });
        }
        if !marks.is_empty() {
            let list = crate::db::list(&marks);
            within!(tx, |c, sql| sqlx::query(sql(&MARK)).bind(&list).execute(c).await.map(affected))?;
        }
        self.join(tx, &news, now).await?;
        Ok(matched)
    }

    /// What a receipt is about.
    fn place(&self, said: Said<'_>, handles: &Handles) -> Place {
        let found = match (said.reference, said.handle) {
            (Some(text), _) => match Reference::decode(text, &self.seal) {
                Some(Reference { delivery, attempt }) => (delivery, attempt, None),
                None => return Place::Forged,
            },
            (None, Some(handle)) => {
                let named = (said.account, handle.to_owned());
                match handles.get(&named).filter(|behind| handle::may_speak_of(said.received_at, behind.at)) {
                    Some(Behind { delivery, attempt, parts, .. }) => (*delivery, *attempt, (*parts > 1).then_some(named)),
                    None => return Place::Open,
                }
            }
            (None, None) => return Place::Open,
        };
        let (delivery, attempt, handle) = found;
        Place::Found(News {
            delivery,
            attempt,
            handle,
            state: State::from_number(said.state),
            why: Why::from_number(said.reason),
            detail: said.detail.to_owned(),
        })
    }

    /// Joins news to their deliveries, and counts what that changes.
    async fn join(&self, tx: &mut Tx, news: &[News], now: i64) -> Result<()> {
        let mut changes = tally::Changes::default();
        learn::join(tx, &self.active.plans(), news, now, &mut changes).await?;
        let bounces: Vec<Bounce<'_>> = news.iter().filter_map(bounce).collect();
        suppression::hear(tx, self.bounces, &bounces, now).await?;
        tally::apply(tx, self.node, changes).await
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

    /// Joins what a gateway said when it was asked: nothing is stored of it but its effect.
    pub async fn learn(&self, news: &[News]) -> std::result::Result<(), DbError> {
        let now = self.clock.millis();
        transaction!(self.db, |tx| self.join(tx, news, now).await)
    }
}

/// What news says of the address it went to.
fn bounce(news: &News) -> Option<Bounce<'_>> {
    let Why::Gateway(reason) = news.why else { return None };
    (news.state.has_failed() || reason == Reason::Complaint).then_some(Bounce {
        delivery: news.delivery,
        reason,
        detail: &news.detail,
    })
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

/// The attempts behind the gateways' ids that these receipts name.
async fn handles<'a>(tx: &mut Tx, said: impl Iterator<Item = Said<'a>>) -> Result<Handles> {
    #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
    struct Key<'a> {
        account: i64,
        handle: &'a str,
    }
    let keys: BTreeSet<Key<'_>> = said.filter_map(|said| Some(Key { account: said.account, handle: said.handle? })).collect();
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
