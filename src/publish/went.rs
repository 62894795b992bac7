//! What went out: the runs of which a gateway took something, or an outlet has an order. Read from runs, tallies and orders, never
//! from deliveries; after the first look only what changed. What can go wrong is the database.

use std::collections::{BTreeMap, BTreeSet};

use providers::Channel;

use crate::{
    active::RunState,
    campaign::Kind,
    db::{Db, Result, Sql},
    delivery::{Relation, State},
    on,
    relay::{
        Step,
        carried::{self, Carried},
    },
    tally,
};

/// A run, as far as the public may know of it. Times are unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Run {
    pub id: i64,
    pub definition: String,
    pub date: String,
    pub turn: i64,
    pub message: String,
    kind: i16,
    state: i16,
    pub created_at: i64,
    pub expires_at: i64,
    pub settled_at: Option<i64>,
    pub parent: Option<i64>,
    kin: i16,
    stopped_at: Option<i64>,
}

impl Run {
    /// When somebody stopped it for good; where nobody wrote down when, this is first seen `now`.
    fn stopped(&self, known: Option<&Self>, now: i64) -> Option<i64> {
        let is_aborted = RunState::from_number(self.state) == RunState::Aborted;
        let seen = known.and_then(|known| known.stopped_at).filter(|_| self.stopped_at.is_none());
        if is_aborted { self.stopped_at.or(seen).or(self.settled_at).or(Some(now)) } else { self.stopped_at }
    }

    /// Whether it warns.
    pub const fn is_warning(&self) -> bool {
        self.kind == Kind::Warning as i16
    }

    /// The run of which this one says the same again, to whom that one failed.
    pub fn again(&self) -> Option<i64> {
        self.parent.filter(|_| self.kin == Relation::Retry as i16)
    }

    /// The run that this one corrects.
    pub fn corrects(&self) -> Option<i64> {
        self.parent.filter(|_| self.kin == Relation::Correction as i16)
    }
}

/// A run with what went out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Went {
    pub run: Run,
    /// By which channel and account.
    pub ways: BTreeSet<(Channel, String)>,
    /// What outlets have.
    pub orders: Vec<Carried>,
}

impl Went {
    /// When somebody stopped it for good, or withdrew the last of its orders, where it is one of orders alone.
    pub fn withdrawn_at(&self) -> Option<i64> {
        if RunState::from_number(self.run.state) == RunState::Aborted {
            return self.run.stopped_at;
        }
        let cancel = self.orders.iter().filter(|order| order.step == Step::Cancel).map(|order| order.sent_at).max();
        let stands = self.orders.iter().any(|order| order.step != Step::Cancel && order.standing > 0);
        cancel.filter(|_| self.ways.is_empty() && !stands)
    }

    /// When nothing of it is sent any more.
    pub fn ends_at(&self) -> i64 {
        self.orders.iter().map(|order| order.expires_at).fold(self.run.expires_at, i64::max)
    }
}

static RUNS: Sql = Sql::new(
    r"SELECT id, definition, date, turn, message, kind, state, created_at, expires_at, settled_at, parent, kin, stopped_at FROM run
      WHERE origin <> 2 AND state <> 4 AND (id > $1 OR settled_at IS NULL OR settled_at > $2 OR id IN :ids($3))",
);

static ACCOUNTS: Sql = Sql::new(r"SELECT id, name FROM account");

/// All that went out, as it was last looked at.
#[derive(Debug, Default)]
pub(super) struct WentOut {
    by_run: BTreeMap<i64, Went>,
    /// The latest run that was looked at, when, and how far the events of orders were.
    run: i64,
    at: Option<i64>,
    events: carried::Seen,
    /// One more for each look that found something new.
    pub version: u64,
}

impl WentOut {
    /// By run.
    pub const fn all(&self) -> &BTreeMap<i64, Went> {
        &self.by_run
    }

    /// The run that a warning began with: the warning that it says again or corrects, as far as that went out.
    pub fn first_warning(&self, run: &Run) -> i64 {
        let mut first = run;
        let earlier = |run: &Run| run.parent.filter(|id| *id < run.id).and_then(|id| self.by_run.get(&id));
        // Runs are made from earlier ones: this ends.
        while let Some(one) = earlier(first).filter(|one| one.run.is_warning()) {
            first = &one.run;
        }
        first.id
    }

    /// Looks at what may have changed since the last look.
    pub async fn look(&mut self, db: &Db, now: i64) -> Result<()> {
        /// Numbers are given out before what they number is there to be seen.
        const MEANWHILE: i64 = 100;
        /// How long after its end a run is looked at: answers come late.
        const LATE: i64 = 72 * 3_600_000;
        let after = self.at.map_or(0, |_| self.run - MEANWHILE);
        let (events, ordered) = carried::changed(db, self.events).await?;
        let ordered = crate::db::list(&ordered);
        let runs: Vec<Run> = on!(db.read, |pool, sql| {
            sqlx::query_as(sql(&RUNS)).bind(after).bind(now - LATE).bind(&ordered).fetch_all(pool).await
        })?;
        let ids: Vec<i64> = runs.iter().map(|run| run.id).collect();
        let ways = ways(db, &ids).await?;
        let mut orders: BTreeMap<i64, Vec<Carried>> = BTreeMap::new();
        for order in carried::of_runs(db, &ids).await? {
            orders.entry(order.run).or_default().push(order);
        }
        let mut is_new = false;
        for mut run in runs {
            self.run = self.run.max(run.id);
            let known = self.by_run.get(&run.id);
            run.stopped_at = run.stopped(known.map(|known| &known.run), now);
            // What went out stays so, whatever became of it afterwards.
            let mut ways = ways.get(&run.id).cloned().unwrap_or_default();
            ways.extend(known.into_iter().flat_map(|known| known.ways.iter().cloned()));
            let went = Went { orders: orders.remove(&run.id).unwrap_or_default(), ways, run };
            if (went.ways.is_empty() && went.orders.is_empty()) || known == Some(&went) {
                continue;
            }
            is_new = true;
            self.by_run.insert(went.run.id, went);
        }
        (self.events, self.at) = (events, Some(now));
        self.version += u64::from(is_new);
        Ok(())
    }
}

/// By which channels and accounts runs went out: what a gateway took, or may have taken.
async fn ways(db: &Db, runs: &[i64]) -> Result<BTreeMap<i64, BTreeSet<(Channel, String)>>> {
    let names: Vec<(i64, String)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&ACCOUNTS)).fetch_all(pool).await)?;
    let names: BTreeMap<i64, String> = names.into_iter().collect();
    let mut found: BTreeMap<i64, BTreeSet<(Channel, String)>> = BTreeMap::new();
    for (key, count) in tally::of_runs(db, runs).await? {
        let channel = Channel::from_number(i64::from(key.channel)).filter(|_| count.n > 0 && is_out(key.state));
        if let Some(channel) = channel {
            found.entry(key.run).or_default().insert((channel, names.get(&key.account).cloned().unwrap_or_default()));
        }
    }
    Ok(found)
}

/// Whether a delivery in this state left: what a gateway refused, and what was never sent, did not.
fn is_out(state: i16) -> bool {
    use State::{Accepted, Delivered, Enroute, Expired, InDoubt, Seen, Undelivered, Unknown};
    matches!(State::from_number(state), InDoubt | Accepted | Enroute | Delivered | Seen | Undelivered | Expired | Unknown)
}
