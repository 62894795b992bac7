//! The sending side of a lane: what waits for its slot, and what is with the gateway.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use providers::{Accepted, Scope, SendError};
use tokio::task::JoinSet;

use super::{
    claimer::Catch,
    depth::Depth,
    domains::{Admitted, Domains},
    queue::{Queue, Ready},
    slots::Slots,
};
use crate::{
    account::Account,
    active::ActiveRun,
    db::Engine,
    delivery::{
        claim::Claimed,
        record::{Judged, Outcome},
        slot,
    },
    dispatch::{
        Shared, effect,
        judge::{Situation, judge},
        recorder::{Verdict, Verdicts},
    },
    limit,
};

/// A slot whose time passed by more than this is thrown away where there are no other nodes to share the rate with; by
/// [`limit::LATENESS`] where there may be. Alone, the account's own pace is what keeps the rate, and what was claimed ahead need
/// not wait for the database again before it goes.
const STALE: Duration = Duration::from_secs(1);

/// What waits and what flies.
pub(super) struct Flight {
    shared: Arc<Shared>,
    account: Arc<Account>,
    verdicts: Verdicts,
    queue: Queue,
    domains: Domains,
    slots: Slots,
    sends: JoinSet<usize>,
    flying: usize,
    depth: Depth,
}

impl Flight {
    pub(super) fn new(shared: Arc<Shared>, account: Arc<Account>, verdicts: Verdicts) -> Self {
        Self {
            queue: Queue::new(account.abilities),
            domains: Domains::new(account.id, &account.config),
            shared,
            account,
            verdicts,
            slots: Slots::default(),
            sends: JoinSet::new(),
            flying: 0,
            depth: Depth::default(),
        }
    }

    /// How many messages are with the gateway.
    pub(super) const fn flying(&self) -> usize {
        self.flying
    }

    /// How many wait for their slots.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// How many wait behind the gates of their domains.
    pub(super) fn held(&self) -> usize {
        self.domains.held()
    }

    /// Messages that a lane with this window may own, in flight and waiting.
    pub(super) fn depth(&mut self, window: usize) -> usize {
        self.depth.of(window, self.shared.clock.ticks())
    }

    /// An empty catch, for a claim to fill.
    pub(super) fn cast(&mut self) -> Catch {
        self.throw_away_stale();
        Catch::new(self.slots.len().saturating_sub(self.queue.all_slots()))
    }

    /// Takes what a claim caught, but for what its domain takes much later: that goes back.
    pub(super) async fn haul(&mut self, catch: Catch) {
        for (arrived, reserved) in catch.reserved {
            self.slots.hold(arrived, reserved);
        }
        let now = self.shared.clock.millis();
        for ready in catch.ready {
            match self.domains.admit(ready, now) {
                Admitted::Through(ready) => self.queue.push(ready),
                Admitted::Held => {}
                Admitted::Back(ready, next_at) => self.verdict(ready, Outcome::PutBack { next_at }).await,
            }
        }
    }

    /// Takes note of the sends that have landed.
    pub(super) fn land(&mut self) {
        while let Some(done) = self.sends.try_join_next() {
            self.landed(&done);
        }
    }

    /// Waits until a send has landed. False at once if none is in flight.
    pub(super) async fn landing(&mut self) -> bool {
        match self.sends.join_next().await {
            Some(done) => {
                self.landed(&done);
                true
            }
            None => false,
        }
    }

    fn landed(&mut self, done: &Result<usize, tokio::task::JoinError>) {
        // A send catches its own panics; a task that is lost all the same leaves its rows to the epoch's sweep.
        if let Ok(n) = done {
            self.flying = self.flying.saturating_sub(*n);
            self.depth.landed(*n, self.shared.clock.ticks());
        } else {
            self.flying = self.sends.len();
        }
    }

    /// Puts back what was claimed but not sent.
    pub(super) async fn put_back_all(&mut self) {
        let now = self.shared.clock.millis();
        self.slots.clear();
        for ready in self.queue.take_all().into_iter().chain(self.domains.take_all()) {
            self.verdict(ready, Outcome::PutBack { next_at: now }).await;
        }
    }

    async fn verdict(&self, ready: Ready, outcome: Outcome) {
        self.verdicts.give(verdict(&ready.claimed, outcome)).await;
    }

    fn throw_away_stale(&mut self) {
        self.slots.throw_away_stale(self.stale());
    }

    /// After what time a slot is none any more.
    fn stale(&self) -> Duration {
        if self.shared.db.engine() == Engine::Sqlite { STALE } else { limit::LATENESS }
    }

    /// Hands due messages to the gateway, `free` at most. How many, and when the next one is due.
    pub(super) async fn send(&mut self, free: usize) -> crate::db::Result<(usize, Duration)> {
        let now = self.shared.clock.millis();
        self.domains.hear(now);
        let (released, wait) = self.domains.release(&self.shared.db, self.stale(), now).await?;
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
        self.sends.spawn(async move {
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
                verdicts.give(verdict(&claimed, outcome)).await;
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
