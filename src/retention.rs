//! Retention: what is thrown away once nothing asks for it any more, a little at a time.
//!
//! What enters is the clock; what leaves is fewer rows. Deliveries, attempts, tallies, remarks and everything that was ever
//! said about consent (NĐ 91/2020/NĐ-CP wants it kept for at least a year) stay: figures are counted from them. What goes:
//!
//! - **handles**, a gateway's ids for messages: [`HANDLES`] after their run has settled, when no gateway reports any more;
//! - **receipts** that were dealt with: after [`RECEIPTS`], which is time enough to settle a bill with a carrier;
//! - **contacts**, what caps and spacing count: after [`CONTACTS`], longer than any of them looks back;
//! - a run's **minutes**, from which its pace is drawn: after [`MINUTES`];
//! - what **webhooks** were told, after 30 days, and **answers kept for repeated requests**, after a day;
//! - **sessions**, **invitations** and what is counted of **attempts to sign in**, once they are over;
//! - **refusals for a time** that are over (their record stays), and the last traces of **erased people** in runs that are over.
//!
//! Each step touches at most a chunk of each table in short transactions, so that sending never waits for it. What can go
//! wrong is only the database; the next step goes on where this one was. Several nodes doing it at once do no harm.

use std::time::Duration;

use serde::Serialize;

use crate::{
    audience::erase,
    clock::Clock,
    consent,
    db::{Db, Result, Sql, affected},
    delivery, idempotency, on,
    user::{invitation, session, throttle},
    webhook,
};

/// How long after its run settled a gateway's id is kept: carriers report for three days, some for a week.
pub const HANDLES: Duration = Duration::from_hours(14 * 24);
/// How long a receipt that was dealt with is kept.
pub const RECEIPTS: Duration = Duration::from_hours(92 * 24);
/// How long a contact is kept.
pub const CONTACTS: Duration = Duration::from_hours(92 * 24);
/// How long the minutes of a run are kept: long enough to look back at the same season a year ago.
pub const MINUTES: Duration = Duration::from_hours(550 * 24);
/// People whose erasure one step goes on with.
const ERASURES: i64 = 100;
/// Rows of a table that one step looks at.
const CHUNK: i64 = 1_000;

/// Throws away what is too old.
#[derive(Debug, Clone)]
pub struct Retention {
    db: Db,
    clock: Clock,
    /// The contact that was looked at last; none: the walk begins anew.
    contact: Option<(i64, i64)>,
}

/// What a step threw away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Gateways' ids.
    pub handles: u64,
    /// Receipts.
    pub receipts: u64,
    /// Contacts.
    pub contacts: u64,
    /// Minutes of runs.
    pub minutes: u64,
    /// Refusals for a time.
    pub refusals: u64,
    /// Erasures that waited for a run.
    pub erasures: u64,
    /// What webhooks were told.
    pub told: u64,
    /// Answers kept for repeated requests.
    pub answers: u64,
    /// Whether there may be more to do at once.
    pub more: bool,
}

static NEXT_HANDLE: Sql = Sql::new(r"SELECT delivery FROM handle WHERE delivery >= $1 ORDER BY delivery LIMIT 1");

static SETTLED: Sql = Sql::new(r"SELECT settled_at FROM run WHERE id = $1");

static DROP_HANDLES: Sql = Sql::new(
    r"DELETE FROM handle WHERE delivery IN
      (SELECT delivery FROM handle WHERE delivery >= $1 AND delivery < $2 ORDER BY delivery LIMIT $3)",
);

static FIRST_RECEIPT: Sql = Sql::new(r"SELECT id, received_at FROM receipt ORDER BY id LIMIT 1");

// A receipt that still waits for its attempt is not too old: the matcher gives it up long before.
static DROP_RECEIPTS: Sql = Sql::new(r"DELETE FROM receipt WHERE id >= $1 AND id < $2 AND received_at < $3 AND status <> 0");

static SOME_CONTACTS: Sql = Sql::new(
    r"SELECT recipient, run, at FROM contact WHERE recipient > $1 OR (recipient = $1 AND run > $2) ORDER BY recipient, run LIMIT $3",
);

static DROP_CONTACTS: Sql = Sql::new(
    r"DELETE FROM contact WHERE (recipient, run) IN (SELECT recipient, run FROM :rows($1; recipient BIGINT, run BIGINT) AS v)",
);

// Runs begin one after the other, and so do their minutes.
static DROP_MINUTES: Sql = Sql::new(
    r"DELETE FROM pulse WHERE (run, minute) IN
      (SELECT run, minute FROM pulse WHERE run = (SELECT min(run) FROM pulse) AND minute < $1 ORDER BY minute LIMIT $2)",
);

impl Retention {
    /// Begins with the oldest.
    pub const fn new(db: Db, clock: Clock) -> Self {
        Self { db, clock, contact: None }
    }

    /// One chunk of each table.
    pub async fn step(&mut self) -> Result<Pruned> {
        let (handles, receipts) = (self.handles().await?, self.receipts().await?);
        let contacts = self.contacts().await?;
        let minutes = self.minutes().await?;
        let refusals = consent::prune(&self.db, self.clock.millis(), CHUNK).await?;
        let erasures = erase::finish(&self.db, ERASURES).await?;
        let now = self.clock.millis();
        session::clean(&self.db, now).await?;
        invitation::clean(&self.db, now).await?;
        throttle::clean(&self.db, now).await?;
        let (told, answers) =
            (webhook::tell::prune(&self.db, now, CHUNK).await?, idempotency::prune(&self.db, now, CHUNK).await?);
        let more =
            [handles, receipts, minutes, refusals, told, answers].iter().any(|pruned| *pruned > 0) || self.contact.is_some();
        Ok(Pruned { handles, receipts, contacts, minutes, refusals, erasures, told, answers, more })
    }

    /// Unix milliseconds before which something of that life is too old.
    fn before(&self, life: Duration) -> i64 {
        self.clock.millis() - i64::try_from(life.as_millis()).unwrap_or(i64::MAX / 4)
    }

    /// Handles lie in the order of their runs: the first of each run tells whether it goes.
    async fn handles(&self) -> Result<u64> {
        let mut from = 0;
        loop {
            let next: Option<i64> =
                on!(self.db.read, |pool, sql| sqlx::query_scalar(sql(&NEXT_HANDLE)).bind(from).fetch_optional(pool).await)?;
            let Some(run) = next.map(delivery::run_of) else { return Ok(0) };
            let settled: Option<Option<i64>> =
                on!(self.db.read, |pool, sql| sqlx::query_scalar(sql(&SETTLED)).bind(run).fetch_optional(pool).await)?;
            let end = delivery::first_of(run + 1);
            if settled.flatten().is_some_and(|at| at < self.before(HANDLES)) {
                return on!(self.db.write, |pool, sql| {
                    sqlx::query(sql(&DROP_HANDLES))
                        .bind(delivery::first_of(run))
                        .bind(end)
                        .bind(CHUNK)
                        .execute(pool)
                        .await
                        .map(affected)
                });
            }
            from = end;
        }
    }

    /// Receipts lie in the order in which they came.
    async fn receipts(&self) -> Result<u64> {
        let first: Option<(i64, i64)> =
            on!(self.db.read, |pool, sql| sqlx::query_as(sql(&FIRST_RECEIPT)).fetch_optional(pool).await)?;
        let before = self.before(RECEIPTS);
        let Some((id, _)) = first.filter(|(_, at)| *at < before) else { return Ok(0) };
        on!(self.db.write, |pool, sql| {
            sqlx::query(sql(&DROP_RECEIPTS)).bind(id).bind(id + CHUNK).bind(before).execute(pool).await.map(affected)
        })
    }

    /// Minutes lie in the order of their runs: the oldest run's go first.
    async fn minutes(&self) -> Result<u64> {
        let before = self.before(MINUTES).div_euclid(60_000);
        on!(self.db.write, |pool, sql| sqlx::query(sql(&DROP_MINUTES)).bind(before).bind(CHUNK).execute(pool).await.map(affected))
    }

    /// Contacts lie in the order of their people: they are walked through.
    async fn contacts(&mut self) -> Result<u64> {
        #[derive(Serialize)]
        struct Contact {
            recipient: i64,
            run: i64,
        }
        let (recipient, run) = self.contact.unwrap_or((0, 0));
        let looked_at: Vec<(i64, i64, i64)> = on!(self.db.read, |pool, sql| {
            sqlx::query_as(sql(&SOME_CONTACTS)).bind(recipient).bind(run).bind(CHUNK).fetch_all(pool).await
        })?;
        self.contact = looked_at.last().map(|(recipient, run, _)| (*recipient, *run));
        let before = self.before(CONTACTS);
        let old: Vec<Contact> =
            looked_at.into_iter().filter(|(.., at)| *at < before).map(|(recipient, run, _)| Contact { recipient, run }).collect();
        if old.is_empty() {
            return Ok(0);
        }
        let list = crate::db::list(&old);
        on!(self.db.write, |pool, sql| sqlx::query(sql(&DROP_CONTACTS)).bind(&list).execute(pool).await.map(affected))
    }
}
