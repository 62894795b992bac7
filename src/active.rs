//! The runs under way, as this process knows them: their frozen definitions, their plans, and the gate that each send
//! passes last.
//!
//! What enters: rows of `run` and `definition`, read again a few times a second. What leaves: an [`ActiveRun`] for each
//! run that is not settled, and [`Active::may_send`], which closes within one refresh of a pause, an abort or a refusal
//! made anywhere. What can go wrong: a definition that this version cannot read; its run is held and says so.

mod frozen;
mod row;
mod run;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock, atomic::Ordering};

use bytes::Bytes;

pub use frozen::Frozen;
pub(crate) use row::run_columns;
pub use row::{Origin, RunRow, RunState};
pub use run::ActiveRun;

use crate::{
    campaign::{Segments, Source},
    config::Office,
    consent::{self, Standing},
    db::{Db, DbError, Result, Sql, affected},
    definition::{self, Kept},
    delivery::{Plan, end::Plans},
    message::Templates,
    on,
};

/// Why a run stands still whose next message would exceed its budget.
pub const OVER_BUDGET: &str = "budget";

/// Whether what is claimed already is still sent under a hold: within the budget it was reserved.
fn lets_claimed_go(held: &str) -> bool {
    held == OVER_BUDGET
}

static ACTIVE: Sql = Sql::new(concat!("SELECT ", run_columns!(), " FROM run WHERE settled_at IS NULL ORDER BY kind DESC, id"));

static HOLD: Sql = Sql::new(r"UPDATE run SET held = $2 WHERE id = $1 AND held IS NULL AND settled_at IS NULL");

/// Refusals made lately; older ones stand in the rows that claims look at.
#[derive(Debug, Default)]
struct Refusals {
    /// The last event that was read; none: nothing was read yet.
    last: Option<i64>,
    /// Channel and address → what is refused.
    standing: HashMap<(i16, i64), Standing>,
}

/// The runs under way. Shared by everything that schedules, sends and takes receipts.
#[derive(Debug)]
pub struct Active {
    db: Db,
    office: Office,
    phones: bool,
    runs: RwLock<BTreeMap<i64, Arc<ActiveRun>>>,
    frozen: Mutex<HashMap<String, Arc<Frozen>>>,
    refusals: RwLock<Refusals>,
}

impl Active {
    /// Nothing is under way before the first [`Active::refresh`].
    pub fn new(db: Db, office: impl Into<Office>) -> Self {
        let (runs, frozen, refusals) = (RwLock::default(), Mutex::default(), RwLock::default());
        Self { db, office: office.into(), phones: false, runs, frozen, refusals }
    }

    /// The same where an account for chat reaches people by their phone number.
    #[must_use]
    pub fn reaching_phones(self, phones: bool) -> Self {
        Self { phones, ..self }
    }

    /// Reads the runs and the latest refusals again.
    pub async fn refresh(&self) -> Result<()> {
        self.refresh_refusals().await?;
        let rows: Vec<RunRow> = on!(self.db.read, |pool, sql| sqlx::query_as(sql(&ACTIVE)).fetch_all(pool).await)?;
        let known = self.runs.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut runs = BTreeMap::new();
        for row in rows {
            let open = row.state < RunState::Settled as i16 && !row.paused && row.held.as_deref().is_none_or(lets_claimed_go);
            let gate = known.get(&row.id).map(|run| Arc::clone(&run.open)).unwrap_or_default();
            gate.store(open, Ordering::Relaxed);
            if let Some(run) = known.get(&row.id).filter(|run| run.row == row) {
                runs.insert(row.id, Arc::clone(run));
                continue;
            }
            match self.frozen(&row.definition).await {
                Ok(frozen) => {
                    let plan = frozen.plan(row.id, self.phones);
                    // A correction follows each text over its own channel.
                    let plan = Arc::new(Plan { first: plan.first && !row.is_correction(), ..plan });
                    runs.insert(row.id, Arc::new(ActiveRun { row, frozen, plan, open: gate }));
                }
                // A database that cannot be asked may answer the next time: nobody need resume the run.
                Err(DbError::Sql(error)) if !matches!(error, sqlx::Error::RowNotFound) => return Err(error.into()),
                Err(error) if row.held.is_none() => {
                    tracing::error!(run = row.id, campaign = row.campaign, %error, "held a run whose definition cannot be read");
                    self.hold(row.id, &error.to_string()).await?;
                }
                Err(_) => {}
            }
        }
        for (id, run) in &known {
            if !runs.contains_key(id) {
                run.open.store(false, Ordering::Relaxed);
            }
        }
        let used: BTreeSet<String> = runs.values().map(|run| run.row.definition.clone()).collect();
        self.frozen.lock().unwrap_or_else(PoisonError::into_inner).retain(|hash, _| used.contains(hash));
        *self.runs.write().unwrap_or_else(PoisonError::into_inner) = runs;
        Ok(())
    }

    async fn refresh_refusals(&self) -> Result<()> {
        let last = self.refusals.read().unwrap_or_else(PoisonError::into_inner).last;
        let events = consent::since(&self.db, last.unwrap_or(0)).await?;
        let mut refusals = self.refusals.write().unwrap_or_else(PoisonError::into_inner);
        // The first time it is the whole history, which every claim looks up in the rows anyway.
        let newest = events.last().map_or(0, |event| event.id);
        refusals.last = Some(refusals.last.unwrap_or(0).max(newest));
        for event in events {
            let key = (event.channel as i16, event.address);
            if last.is_some() && event.standing != Standing::default() {
                refusals.standing.insert(key, event.standing);
            } else {
                refusals.standing.remove(&key);
            }
        }
        Ok(())
    }

    /// Makes a run stand still and say why.
    pub async fn hold(&self, run: i64, why: &str) -> Result<()> {
        on!(self.db.write, |pool, sql| sqlx::query(sql(&HOLD)).bind(run).bind(why).execute(pool).await.map(affected))?;
        if let Some(run) = self.get(run).filter(|_| !lets_claimed_go(why)) {
            run.open.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The runs under way, warnings first, then the oldest.
    pub fn runs(&self) -> Vec<Arc<ActiveRun>> {
        let runs = self.runs.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = runs.values().cloned().collect();
        all.sort_by_key(|run| (!run.is_warning(), run.row.id));
        all
    }

    /// One of them.
    pub fn get(&self, run: i64) -> Option<Arc<ActiveRun>> {
        self.runs.read().unwrap_or_else(PoisonError::into_inner).get(&run).cloned()
    }

    /// Their plans.
    pub fn plans(&self) -> Plans {
        let runs = self.runs.read().unwrap_or_else(PoisonError::into_inner);
        runs.iter().map(|(id, run)| (*id, Arc::clone(&run.plan))).collect()
    }

    /// The last look before a send: whether the run is open and the person has not just refused.
    pub fn may_send(&self, run: &ActiveRun, channel: i16, address: i64, now: i64) -> bool {
        let refusals = self.refusals.read().unwrap_or_else(PoisonError::into_inner);
        let refused = refusals.standing.get(&(channel, address)).and_then(|standing| standing.refuses(now));
        let refused = refused.is_some_and(|scope| scope as i16 >= run.plan.silencing_scope());
        run.is_open(now) && !refused
    }

    /// A definition, compiled; once for all runs that share it.
    pub async fn frozen(&self, hash: &str) -> Result<Arc<Frozen>> {
        if let Some(frozen) = self.frozen.lock().unwrap_or_else(PoisonError::into_inner).get(hash) {
            return Ok(Arc::clone(frozen));
        }
        let frozen = Arc::new(self.load(hash).await?);
        self.frozen.lock().unwrap_or_else(PoisonError::into_inner).insert(hash.to_string(), Arc::clone(&frozen));
        Ok(frozen)
    }

    async fn load(&self, hash: &str) -> Result<Frozen> {
        let Kept { source: Source { campaign, attachments, .. }, segments } = definition::kept(&self.db, hash).await?;
        let slug = campaign.slug.clone();
        let broken = |what: &str, why: String| DbError::Refused(format!("the kept copy of `{slug}` {what}: {why}"));
        let segments =
            Segments::parse("segments.toml", &segments).map_err(|e| broken("has unreadable segments", e.to_string()))?;
        let files = attachments.into_iter().map(|(name, bytes)| (name, Bytes::from(bytes))).collect();
        let templates = Templates::compile(&campaign, &self.office, None, &files).map_err(|faults| {
            broken("cannot be rendered", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        Ok(Frozen { hash: hash.to_string(), campaign, segments, templates })
    }
}
