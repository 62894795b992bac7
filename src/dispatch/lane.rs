//! A lane: one account's way from claim to verdict.

mod domains;
mod queue;
mod slots;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use providers::{Accepted, Outgoing, Scope, SendError};
use tokio::{sync::mpsc, task::JoinSet};

use self::{
    domains::{Admitted, Domains},
    queue::{Queue, Ready},
    slots::Slots,
};
use super::{
    Shared, effect,
    judge::{Situation, judge},
    prepare::prepare,
    recorder::Verdict,
    turn::{Turns, Waiting},
};
use crate::{
    account::{Account, Share, trouble::Cause},
    active::{self, ActiveRun},
    db::Engine,
    delivery::{
        Reference,
        claim::{self, Claimed, Limit},
        record::{Judged, Outcome},
        slot,
    },
    health::Permit,
    limit::{self, Bucket},
    transaction,
};

/// A slot whose time passed by more than this is thrown away where other nodes may share the rate ([`limit::LATENESS`]), or by
/// this where there are none: then the account's own pace is all that keeps it.
const STALE: Duration = Duration::from_millis(100);
/// Claims in one step at most: where all that is due is skipped or deferred, a lane still comes to its sends.
const CLAIMS: usize = 20;
/// Whoever took more than its share looks again this soon whether the others have taken theirs.
const BEHIND: Duration = Duration::from_millis(10);
/// An exhausted route is asked again at the latest after this.
const ASK_AGAIN: i64 = 1_000;

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Messages handed to the gateway.
    pub sent: usize,
    /// Messages claimed.
    pub claimed: usize,
    /// When to step again at the latest.
    pub wait: Duration,
}

/// One account's way from claim to verdict.
pub struct Lane {
    shared: Arc<Shared>,
    account: Arc<Account>,
    verdicts: mpsc::Sender<Verdict>,
    queue: Queue,
    domains: Domains,
    slots: Slots,
    in_flight: JoinSet<usize>,
    flying: usize,
    turns: Turns,
    asked: HashMap<(i64, i16), i64>,
    probing: bool,
}

impl Lane {
    /// A lane with nothing in flight.
    pub fn new(shared: Arc<Shared>, account: Arc<Account>, verdicts: mpsc::Sender<Verdict>) -> Self {
        let (queue, domains) = (Queue::new(account.abilities), Domains::new(account.id, &account.config));
        Self {
            shared,
            account,
            verdicts,
            queue,
            domains,
            slots: Slots::default(),
            in_flight: JoinSet::new(),
            flying: 0,
            turns: Turns::default(),
            asked: HashMap::new(),
            probing: false,
        }
    }

    /// Claims what the window and the rate allow, and hands to the gateway what is due. Never waits for an answer.
    pub async fn step(&mut self) -> crate::db::Result<Step> {
        while let Some(done) = self.in_flight.try_join_next() {
            self.landed(&done);
        }
        let now = self.shared.clock.millis();
        let ticks = self.shared.clock.ticks();
        let permit = self.permit(now, ticks);
        let window = usize::try_from(self.account.config.window).unwrap_or(1).max(1) * self.account.abilities.batch.most.max(1);
        let free = match permit {
            Permit::Open => window.saturating_sub(self.flying),
            Permit::Probe => 1,
            Permit::WaitUntil(until) => {
                self.stand_still().await;
                let wait = Duration::from_millis(u64::try_from(until - ticks).unwrap_or(0));
                return Ok(Step { sent: 0, claimed: 0, wait: wait.min(Duration::from_secs(1)) });
            }
            Permit::Stopped => {
                self.stand_still().await;
                return Ok(Step { sent: 0, claimed: 0, wait: Duration::from_secs(1) });
            }
        };
        self.probing = permit == Permit::Probe;
        self.domains.hear(now);
        let (mut sent, mut wait) = self.send(free).await?;
        // What this lane owns, in flight and waiting, stays under twice its window: that bounds what a crash leaves in
        // doubt. A claim is worth its transaction once half a window is missing.
        let room =
            if self.probing { 1 } else { (2 * window).saturating_sub(self.flying + self.queue.len() + self.domains.held()) };
        let mut claimed = 0;
        let worthwhile = if self.probing {
            self.queue.is_empty() && self.domains.held() == 0
        } else {
            self.queue.len() <= window / 2 && room >= window.div_ceil(2)
        };
        if worthwhile {
            let hurry;
            (claimed, hurry) = self.claim(room, now).await?;
            if claimed > 0 {
                let more = self.send(free.saturating_sub(sent)).await?;
                sent += more.0;
                wait = more.1;
            }
            wait = hurry.map_or(wait, |hurry| wait.min(hurry));
        } else if self.probing {
            self.shared.accounts.stands_back(&self.account, None);
        }
        if self.probing && sent == 0 {
            self.account.circuit(crate::health::Circuit::probe_unused);
        }
        Ok(Step { sent, claimed, wait })
    }

    /// What the account may do now: its circuit says so, unless it rests because its gateway found it too fast.
    fn permit(&self, now: i64, ticks: i64) -> Permit {
        match self.account.throttle().rests(now) {
            Some(until) => Permit::WaitUntil(ticks + until - now),
            None => self.account.circuit(|circuit| circuit.permit(ticks)),
        }
    }

    /// Nothing goes for now: what was claimed goes back, and nobody waits for this account's share.
    async fn stand_still(&mut self) {
        self.shared.accounts.stands_back(&self.account, None);
        self.put_back_all().await;
    }

    /// Waits until a send has landed. False at once if none is in flight.
    pub async fn landing(&mut self) -> bool {
        match self.in_flight.join_next().await {
            Some(done) => {
                self.landed(&done);
                true
            }
            None => false,
        }
    }

    fn landed(&mut self, done: &Result<usize, tokio::task::JoinError>) {
        // A send catches its own panics; a task that is lost all the same leaves its rows to the epoch's sweep.
        self.flying = if let Ok(n) = done { self.flying.saturating_sub(*n) } else { self.in_flight.len() };
    }

    /// How many messages are with the gateway.
    pub const fn flying(&self) -> usize {
        self.flying
    }

    /// Puts back what was claimed but not sent, and waits for what is in flight.
    pub async fn drain(&mut self) {
        self.put_back_all().await;
        while self.landing().await {}
    }

    async fn put_back_all(&mut self) {
        let now = self.shared.clock.millis();
        self.slots.clear();
        for ready in self.queue.take_all().into_iter().chain(self.domains.take_all()) {
            self.verdict(ready, Outcome::PutBack { next_at: now }).await;
        }
    }

    async fn verdict(&self, ready: Ready, outcome: Outcome) {
        // The recorder outlives every lane.
        let _ = self.verdicts.send(verdict(&ready.claimed, outcome)).await;
    }

    /// Claims up to `wanted` rows, one run after the other as their turns come. How many, and how soon it is worth asking again
    /// although nothing has landed.
    async fn claim(&mut self, mut wanted: usize, now: i64) -> crate::db::Result<(usize, Option<Duration>)> {
        let runs: BTreeMap<i64, Arc<ActiveRun>> =
            self.shared.active.runs().into_iter().filter(|run| run.may_claim(now)).map(|run| (run.row.id, run)).collect();
        self.asked.retain(|(run, _), _| runs.contains_key(run));
        let routes = self.account.routes();
        let mut total = 0;
        // Routes of which those of its priority are to take their shares first.
        let mut ahead = BTreeSet::new();
        let mut hurry = Some(Duration::ZERO);
        for _ in 0..CLAIMS {
            let due =
                |run: i64, route: i16| !ahead.contains(&route) && self.asked.get(&(run, route)).is_none_or(|at| is_due(*at, now));
            let candidates: Vec<Waiting> = runs
                .values()
                .filter(|run| routes.iter().any(|route| due(run.row.id, *route)))
                .map(|run| Waiting { run: run.row.id, warning: run.is_warning() })
                .collect();
            let run = self.turns.order(&candidates).first().and_then(|id| runs.get(id)).filter(|_| wanted > 0);
            let Some((run, route)) = run.and_then(|run| Some((run, *routes.iter().find(|route| due(run.row.id, **route))?)))
            else {
                hurry = None;
                break;
            };
            // One claim a turn: with several runs waiting, none takes the whole window at once.
            let quantum = if candidates.len() > 1 { wanted.div_ceil(candidates.len()).max(50).min(wanted) } else { wanted };
            let ticks = self.shared.clock.ticks();
            let pinned = self.shared.accounts.share(&self.account, route, ticks) == Share::Pinned;
            let quantum = if pinned { quantum } else { self.shared.accounts.allowance(&self.account, route, quantum, ticks) };
            if quantum == 0 {
                ahead.insert(route);
                continue;
            }
            let (got, limit) = self.claim_route(run, route, pinned, quantum, now).await?;
            if !pinned {
                self.shared.accounts.took(&self.account, route, got);
            }
            total += got;
            wanted -= got.min(wanted);
            if matches!(limit, Limit::Rate | Limit::Quota | Limit::Account | Limit::Lease) {
                self.account.set_trouble(Cause::Quota, limit == Limit::Quota);
                self.shared.accounts.stands_back(&self.account, None);
                // The slots are other nodes' for now: they are free again within the half second that a claim may reserve.
                let period = Bucket::of(self.account.config.rate).period;
                let crowded = limit == Limit::Rate && total == 0;
                return Ok((total, crowded.then(|| period.clamp(Duration::from_millis(100), Duration::from_secs(1)))));
            }
            self.account.set_trouble(Cause::Quota, false);
        }
        if wanted == 0 {
            self.shared.accounts.is_full(&self.account, self.shared.clock.ticks());
            return Ok((total, None));
        }
        for route in routes.into_iter().filter(|route| !ahead.contains(route)) {
            self.shared.accounts.stands_back(&self.account, Some(route));
        }
        Ok((total, if ahead.is_empty() { hurry } else { Some(BEHIND) }))
    }

    async fn claim_route(
        &mut self,
        run: &Arc<ActiveRun>,
        route: i16,
        pinned_only: bool,
        wanted: usize,
        now: i64,
    ) -> crate::db::Result<(usize, Limit)> {
        let shared = Arc::clone(&self.shared);
        let account = Arc::clone(&self.account);
        let day = limit::quota_day(shared.clock.now());
        self.throw_away_stale();
        let awareness = !run.is_warning() && !run.row.is_test();
        let request = claim::Request {
            plan: &run.plan,
            epoch: shared.epoch(),
            account: account.id,
            rate: account.config.rate,
            daily: account.config.daily,
            day: &day,
            route,
            pinned_only,
            limit: wanted,
            slot: account.abilities.slot,
            batch: account.abilities.batch.most,
            slots: self.slots.len().saturating_sub(self.queue.all_slots()),
            now,
            cap: shared.limits.cap,
            spacing: shared.limits.spacing,
            counts_as_contact: awareness,
            budget: run.row.budget,
        };
        let claim = transaction!(shared.db, |tx| claim::claim(tx, &request, |c| prepare(&shared, &account, run, c)).await)?;
        let arrived = Instant::now();
        if let Some(reserved) = claim.reserved {
            self.slots.hold(arrived, reserved);
        }
        // Everything due was taken: what comes later, a retry or a fall-back, is asked for again in a while.
        if claim.exhausted {
            self.asked.insert((run.row.id, route), now + ASK_AGAIN);
        }
        match claim.limit {
            Limit::Budget => {
                tracing::warn!(
                    run = run.row.id,
                    campaign = run.row.campaign,
                    "held a run: the next message would exceed its budget"
                );
                shared.active.hold(run.row.id, active::OVER_BUDGET).await?;
            }
            Limit::Run => {
                self.asked.insert((run.row.id, route), now + ASK_AGAIN);
            }
            _ => {}
        }
        let got = claim.claimed.len();
        self.turns.served(run.row.id, got);
        for claimed in claim.claimed {
            let (claimed, (content, to)) = claimed.split();
            let outgoing = Outgoing {
                reference: Reference { delivery: claimed.id, attempt: claimed.attempt }.encode(&shared.seal),
                to,
                content,
                expires: chrono::DateTime::from_timestamp_millis(run.row.expires_at),
                callback: account.callback.clone(),
            };
            match self.domains.admit(Ready { run: Arc::clone(run), claimed, outgoing, pass: None }, now) {
                Admitted::Through(ready) => self.queue.push(ready),
                Admitted::Held => {}
                Admitted::Back(ready, next_at) => self.verdict(ready, Outcome::PutBack { next_at }).await,
            }
        }
        Ok((got, claim.limit))
    }

    fn throw_away_stale(&mut self) {
        self.slots.throw_away_stale(self.stale());
    }

    /// After what time a slot is none any more.
    fn stale(&self) -> Duration {
        if self.shared.db.engine() == Engine::Sqlite { STALE } else { limit::LATENESS }
    }

    /// Hands due messages to the gateway, `free` at most. How many, and when the next one is due.
    async fn send(&mut self, free: usize) -> crate::db::Result<(usize, Duration)> {
        let (released, wait) = self.domains.release(&self.shared.db, self.stale(), self.shared.clock.millis()).await?;
        for ready in released {
            self.queue.push(ready);
        }
        let (sent, idle) = self.send_queued(free).await?;
        Ok((sent, wait.map_or(idle, |wait| wait.min(idle))))
    }

    async fn send_queued(&mut self, free: usize) -> crate::db::Result<(usize, Duration)> {
        const IDLE: Duration = Duration::from_secs(1);
        let most = self.account.abilities.batch.most.max(1);
        let mut sent = 0;
        while sent < free && !self.queue.is_empty() {
            self.throw_away_stale();
            let needed = self.queue.next_slots();
            if self.slots.len() < needed {
                let count = |n: usize| u32::try_from(n - self.slots.len()).unwrap_or(u32::MAX);
                let (least, most) = (count(needed), count(self.queue.all_slots().max(needed)));
                let reserved = slot::reserve(&self.shared.db, self.account.id, self.account.config.rate, least..=most).await?;
                self.slots.hold(Instant::now(), reserved);
            }
            // It goes when its first part may, and the adapter spaces the parts as their slots are; whoever is next waits for
            // the slots of them all.
            let Some(slot) = self.slots.first() else { break };
            let early = slot.saturating_duration_since(Instant::now());
            if !early.is_zero() {
                return Ok((sent, early.min(IDLE)));
            }
            if let Err(wait) = self.account.pace.take(u32::try_from(needed).unwrap_or(u32::MAX)) {
                return Ok((sent, wait.min(IDLE)));
            }
            self.slots.take(needed);
            let mut batch = Vec::with_capacity(most);
            for ready in self.queue.take_batch(most.min(free - sent)) {
                let now = self.shared.clock.millis();
                let open = self.shared.active.may_send(&ready.run, ready.claimed.channel(), ready.claimed.address, now);
                if open && self.shared.owns(ready.claimed.owner, now) {
                    batch.push(ready);
                } else {
                    self.verdict(ready, Outcome::PutBack { next_at: now }).await;
                }
            }
            sent += batch.len();
            self.account.provider.space(self.slots.period());
            self.fly(batch);
        }
        Ok((sent, IDLE))
    }

    fn fly(&mut self, batch: Vec<Ready>) {
        if batch.is_empty() {
            return;
        }
        self.flying += batch.len();
        let (shared, account, verdicts) = (Arc::clone(&self.shared), Arc::clone(&self.account), self.verdicts.clone());
        let complaints = self.domains.complaints();
        self.in_flight.spawn(async move {
            let size = batch.len();
            let (outgoing, waiting): (Vec<_>, Vec<_>) =
                batch.into_iter().map(|r| (r.outgoing, (r.run, r.claimed, r.pass))).unzip();
            let answers = AssertUnwindSafe(account.provider.send(&outgoing)).catch_unwind().await.unwrap_or_default();
            let mut answers = answers.into_iter();
            for ((run, claimed, pass), outgoing) in waiting.into_iter().zip(&outgoing) {
                // One judgement a message is the contract; what has none may have been sent.
                let answer = answers.next().unwrap_or_else(|| {
                    Err(SendError::InDoubt { ids: Vec::new(), detail: "the adapter failed while it was sending".into() })
                });
                match (&answer, &pass) {
                    (Err(SendError::Retry { after, scope: Scope::Domain, .. }), _) => complaints.note(outgoing, *after),
                    (Ok(_), Some(pass)) => pass.worked(shared.clock.millis()),
                    _ => {}
                }
                let outcome = settle(&shared, &account, &run, &claimed, answer).await;
                let _ = verdicts.send(verdict(&claimed, outcome)).await;
            }
            size
        });
    }
}

/// Judges an answer and tells the account's circuit.
async fn settle(
    shared: &Shared,
    account: &Account,
    run: &ActiveRun,
    claimed: &Claimed<()>,
    answer: Result<Accepted, SendError>,
) -> Outcome {
    let now = shared.clock.millis();
    let receipts = account.has_receipts();
    let situation = Situation {
        now,
        expires_at: run.row.expires_at,
        tries: claimed.tries,
        silent_at: run.plan.silent_at(claimed.channel(), now).filter(|_| receipts),
        keep_ids: account.abilities.needs_ids(),
        jitter: (shared.jitter)(),
    };
    let (outcome, effect) = judge(answer, &situation);
    effect::apply(shared, account, effect).await;
    outcome
}

/// A row with its outcome, for the recorder.
fn verdict(claimed: &Claimed<()>, outcome: Outcome) -> Verdict {
    Verdict { address: (claimed.channel(), claimed.address), judged: Judged::of(claimed, outcome) }
}

/// Whether an exhausted route may be asked again. A time further off than was ever set is one of a clock since set back.
const fn is_due(at: i64, now: i64) -> bool {
    at <= now || at > now + ASK_AGAIN
}
