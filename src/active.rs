//! The runs under way, as this process knows them: their frozen definitions, their plans, and the gate that each send
//! passes last.
//!
//! What enters: rows of `run` and `definition`, read again a few times a second. What leaves: an [`ActiveRun`] for each
//! run that is not settled, and [`Active::may_send`], which closes within one refresh of a pause, an abort or a refusal
//! made anywhere. What can go wrong: a definition that this version cannot read; its run is held and says so.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{
    Arc, Mutex, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use chrono::NaiveDate;
use providers::Channel;

use crate::{
    audience::segment::{Bind, Compiled, SegmentError, compile, compile_audience},
    campaign::{AdvertisingRule, Campaign, Condition, Doubt, Law, Policy, Segments, Source},
    config::Office,
    consent::{self, Standing},
    db::{Db, DbError, Engine, Result, Sql, affected},
    definition::{self, Kept},
    delivery::{Kin, Plan, Relation, end::Plans, fan_out::Audience},
    message::Templates,
    on,
};

/// Why a run exists. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Origin {
    /// By its cadence.
    Schedule = 0,
    /// By `loa send`.
    Manual = 1,
    /// To named people only; counts in no reach, cap or rotation.
    Test = 2,
}

/// How far a run is. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum RunState {
    /// Its audience is becoming deliveries.
    FanningOut = 0,
    /// All deliveries are there.
    Sending = 1,
    /// Nothing is left to do or to wait for.
    Settled = 2,
    /// Stopped for good by a person.
    Aborted = 3,
    /// Its time had passed before anything looked.
    Missed = 4,
}

impl RunState {
    /// The state with this number.
    pub const fn from_number(number: i16) -> Self {
        match number {
            0 => Self::FanningOut,
            1 => Self::Sending,
            2 => Self::Settled,
            3 => Self::Aborted,
            _ => Self::Missed,
        }
    }

    /// The name in exports and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FanningOut => "fanning_out",
            Self::Sending => "sending",
            Self::Settled => "settled",
            Self::Aborted => "aborted",
            Self::Missed => "missed",
        }
    }
}

/// Why a run stands still whose next message would exceed its budget.
pub const OVER_BUDGET: &str = "budget";

/// Whether what is claimed already is still sent under a hold: within the budget it was reserved.
fn lets_claimed_go(held: &str) -> bool {
    held == OVER_BUDGET
}

/// A row of `run`. Times are unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RunRow {
    /// Its number.
    pub id: i64,
    /// The campaign's slug.
    pub campaign: String,
    /// The key that makes it unique within its campaign.
    pub occurrence: String,
    /// See [`Origin`].
    pub origin: i16,
    /// 0 awareness, 1 warning.
    pub kind: i16,
    /// The frozen definition's hash.
    pub definition: String,
    /// The local day it is for.
    pub date: String,
    /// Scheduled runs of the campaign before it.
    pub turn: i64,
    /// The rotation's message.
    pub message: String,
    /// For a test: the refs of its people, as JSON; `[]` otherwise.
    pub recipients: String,
    /// See [`RunState`].
    pub state: i16,
    /// Paused by a person.
    pub paused: bool,
    /// Why it stands still by itself.
    pub held: Option<String>,
    /// When it was due.
    pub due_at: i64,
    /// When what is unsent lapses.
    pub expires_at: i64,
    /// By when it should be done.
    pub finish_at: Option<i64>,
    /// The last recipient that was fanned out.
    pub fan_cursor: i64,
    /// The last one that will be.
    pub fan_top: i64,
    /// Đồng.
    pub budget: Option<i64>,
    /// When it was made.
    pub created_at: i64,
    /// When it was settled.
    pub settled_at: Option<i64>,
    /// The run that it was made from.
    pub parent: Option<i64>,
    /// See [`Relation`].
    pub kin: i16,
    /// Bit i: whose delivery there stands in state i.
    pub kin_states: i64,
    /// Of a correction: until when it still takes in people of the other run.
    pub follow_until: Option<i64>,
    /// Who paused or aborted it last.
    pub stopped_by: Option<String>,
    /// When.
    pub stopped_at: Option<i64>,
}

impl RunRow {
    /// How far it is.
    pub const fn state(&self) -> RunState {
        RunState::from_number(self.state)
    }

    /// Whether it is a test.
    pub const fn is_test(&self) -> bool {
        self.origin == Origin::Test as i16
    }

    /// As it stands in the record of who did what.
    pub fn recorded(&self) -> serde_json::Value {
        serde_json::json!({ "campaign": self.campaign, "state": self.state().name(), "paused": self.paused, "held": self.held })
    }

    /// The run that it was made from, and whom of that one's people it goes to.
    pub fn kin(&self) -> Option<Kin> {
        let (parent, relation) = (self.parent?, Relation::from_number(self.kin)?);
        Some(Kin { parent, relation, states: Kin::states_of(self.kin_states) })
    }

    /// Whether it corrects another run.
    pub const fn is_correction(&self) -> bool {
        self.kin == Relation::Correction as i16
    }
}

/// Columns of [`RunRow`], in order.
macro_rules! run_columns {
    () => {
        "id, campaign, occurrence, origin, kind, definition, date, turn, message, recipients, state, paused, held,
         due_at, expires_at, finish_at, fan_cursor, fan_top, budget, created_at, settled_at,
         parent, kin, kin_states, follow_until, stopped_by, stopped_at"
    };
}
pub(crate) use run_columns;

/// An immutable copy of what a run sends, compiled.
#[derive(Debug)]
pub struct Frozen {
    /// SHA-256 of the copy.
    pub hash: String,
    /// The campaign.
    pub campaign: Campaign,
    /// The segments as they were.
    pub segments: Segments,
    /// The texts, compiled.
    pub templates: Templates,
}

impl Frozen {
    fn condition(&self, slug: &str) -> Option<&Condition> {
        self.segments.get(slug).map(|segment| &segment.condition)
    }

    /// How a run of this definition sends.
    /// `phones`: an account for chat reaches people by their phone number.
    pub fn plan(&self, run: i64, phones: bool) -> Plan {
        let channels = &self.campaign.channels;
        let templated = |i: &usize| self.campaign.messages[*i].body.chat.as_ref().is_some_and(|chat| chat.template.is_some());
        Plan {
            run,
            order: channels.order.clone(),
            first: channels.policy == Policy::First,
            warning: self.campaign.kind == crate::campaign::Kind::Warning,
            advertising: self.campaign.law == Law::Advertising,
            silent_after: channels.fall_back_after.map(|d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX / 4)),
            texts: (0..self.campaign.messages.len())
                .map(|i| [Channel::Sms, Channel::Email, Channel::Chat].map(|channel| self.templates.has(i, channel)))
                .collect(),
            phones: (0..self.campaign.messages.len())
                .filter(|i| phones && templated(i))
                .filter_map(|i| i16::try_from(i).ok())
                .collect(),
        }
    }

    /// The audience of a run, compiled for an engine.
    pub fn audience(&self, row: &RunRow, engine: Engine, now: i64) -> std::result::Result<Audience, SegmentError> {
        let lookup = |slug: &str| self.condition(slug);
        let date = row.date.parse::<NaiveDate>().unwrap_or_default();
        let turn = u64::try_from(row.turn).unwrap_or(0);
        let mut next = Audience::FIRST_BIND;
        let mut placed = |compiled: Compiled| {
            next += compiled.binds.len();
            (compiled, next)
        };
        // Placeholders are numbered in the order in which the statement's values are bound.
        let kin = row.kin();
        let members = if let Some(kin) = &kin {
            Compiled { text: kin.members(), binds: Vec::new() }
        } else if row.is_test() {
            let text = format!("r.ref IN (SELECT ref FROM :rows(${}; ref TEXT) AS wanted)", Audience::FIRST_BIND);
            Compiled { text: engine.spell(&text), binds: vec![Bind::Text(row.recipients.clone())] }
        } else {
            compile_audience(&self.campaign.audience, &lookup, engine, Audience::FIRST_BIND, now)?
        };
        let (members, mut at) = placed(members);
        let mut segments = Vec::new();
        for slug in self.campaign.audience.segments.iter().take(62) {
            let condition = self.condition(slug).ok_or_else(|| SegmentError::Unknown(slug.clone()))?;
            let (compiled, after) = placed(compile(condition, &lookup, engine, at, now)?);
            at = after;
            segments.push(compiled);
        }
        let mut special = Vec::new();
        for (message, slugs) in self.campaign.messages_for_segments(date, turn) {
            let any = Condition { segments: slugs.to_vec(), ..Condition::default() };
            let (compiled, after) = placed(compile(&any, &lookup, engine, at, now)?);
            at = after;
            special.push((compiled, message));
        }
        let message = self.campaign.messages.iter().position(|m| m.id == row.message).unwrap_or(0);
        Ok(Audience { members, segments, message, special, kin })
    }
}

/// A run under way.
#[derive(Debug)]
pub struct ActiveRun {
    /// Its row at the last refresh.
    pub row: RunRow,
    /// What it sends.
    pub frozen: Arc<Frozen>,
    /// How it sends.
    pub plan: Arc<Plan>,
    /// Shared with every earlier copy of this run: sends that hold one see the gate close, too.
    open: Arc<AtomicBool>,
}

impl ActiveRun {
    /// Whether its messages go ahead of every awareness run.
    pub const fn is_warning(&self) -> bool {
        self.row.kind == 1
    }

    /// Whether more of it may be claimed at `now`.
    pub fn may_claim(&self, now: i64) -> bool {
        self.row.held.is_none() && self.is_open(now)
    }

    /// Whether it may send at `now`: not paused, held, aborted or over, and within its hours.
    pub fn is_open(&self, now: i64) -> bool {
        self.open.load(Ordering::Relaxed) && now < self.row.expires_at && self.opens_at(now).is_none()
    }

    /// Under hours of sending, its own or the law's: when it may send again, if not at `now`.
    pub fn opens_at(&self, now: i64) -> Option<i64> {
        self.own_hours_open_at(now).max(self.lawful_at(now))
    }

    /// Advertising: when the law lets it be sent again, if not at `now`. Where no law is known, in a day.
    fn lawful_at(&self, now: i64) -> Option<i64> {
        const DAY: i64 = 24 * 3_600_000;
        if !self.plan.advertising {
            return None;
        }
        AdvertisingRule::at(now).map_or(Some(now + DAY), |rule| rule.opens_at(now))
    }

    fn own_hours_open_at(&self, now: i64) -> Option<i64> {
        const DAY: i64 = 24 * 60;
        // Whoever tests a text waits for it.
        let (from, until) = self.frozen.campaign.sending.hours.filter(|_| !self.is_warning() && !self.row.is_test())?;
        let (from, until) = (i64::from(from), i64::from(until));
        let zone = self.frozen.campaign.timezone();
        let local = chrono::DateTime::from_timestamp_millis(now)?.with_timezone(&zone);
        let minute = i64::from(chrono::Timelike::num_seconds_from_midnight(&local)) / 60;
        if minute >= from && minute < until {
            return None;
        }
        let minutes = if minute < from { from - minute } else { DAY - minute + from };
        // To the full minute; a change of summer time within the wait is corrected when the run is looked at again.
        Some((now / 60_000 + minutes) * 60_000)
    }

    /// Whether a doubted attempt is worth another try.
    pub fn resends(&self) -> bool {
        self.frozen.campaign.sending.doubt == Doubt::Resend
    }
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
