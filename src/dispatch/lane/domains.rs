//! What recipients' domains take of an account: limits that `[account.domains]` sets, and those that servers ask for.
//!
//! A message to a domain with a limit waits behind its gate, not in the lane's queue, so nobody else waits for it. Few wait
//! there; what is more goes back to the database with the time at which its turn may come, so that a crash leaves no more
//! in doubt than before. Rates are kept as accounts' are: slots shared by all nodes, and a pace of this process's own.
//! What can go wrong: a domain takes less than was thought; its gate then rests, and goes on at half its pace.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, AtomicUsize, Ordering},
};
use std::time::{Duration, Instant};

use providers::{Content, Outgoing};

use super::{queue::Ready, slots::Slots};
use crate::{
    config::{self, DomainLimit, Rate},
    db::Db,
    delivery::slot,
    health::throttle::{FULL, Throttle},
    limit::Pace,
};

/// A gate holds what goes within this: rows that wait for their turn are asked for once a second.
const HELD: Duration = Duration::from_secs(2);
/// After slots could not be reserved.
const AGAIN: Duration = Duration::from_secs(1);
/// What one mail takes on its connection, where only their number is limited: a guess, only for when to come back.
const ONE_MAIL: i64 = 100;
/// Nothing is put back for longer (milliseconds): until then the domain may take more, or less, than now.
const FARTHEST: i64 = 600_000;

/// The gates of one account.
pub(super) struct Domains {
    account: i64,
    /// The account's own rate: what a throttled domain without a limit goes at a share of.
    rate: Rate,
    /// Messages in flight at most.
    window: usize,
    gates: HashMap<String, Gate>,
    complaints: Complaints,
}

struct Gate {
    limit: DomainLimit,
    held: VecDeque<Ready>,
    flow: Arc<Flow>,
    throttle: Throttle,
    slots: Slots,
    pace: Pace,
    /// When the next message of a run that is put back may come again.
    tails: HashMap<i64, i64>,
}

/// Messages on their way to one domain.
#[derive(Debug, Default)]
struct Flow {
    flying: AtomicUsize,
    /// When one was taken last (unix milliseconds).
    worked_at: AtomicI64,
}

/// Held by a message from its gate to its verdict.
#[derive(Debug)]
pub(super) struct Pass(Arc<Flow>);

impl Pass {
    fn new(flow: &Arc<Flow>) -> Self {
        flow.flying.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(flow))
    }

    /// The domain's server took the message.
    pub(super) fn worked(&self, now: i64) {
        self.0.worked_at.store(now, Ordering::Relaxed);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.flying.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A domain whose server said that it has enough for now, and for how long, if it said that.
#[derive(Debug)]
struct Complaint {
    domain: String,
    after: Option<Duration>,
}

/// What servers complained of and the lane has not heard yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Complaints(Arc<Mutex<Vec<Complaint>>>);

impl Complaints {
    /// The domain of this message complained.
    pub(super) fn note(&self, outgoing: &Outgoing, after: Option<Duration>) {
        if let Some(domain) = domain(outgoing) {
            let complaint = Complaint { domain: domain.to_owned(), after };
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(complaint);
        }
    }

    fn take(&self) -> Vec<Complaint> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What becomes of a message that was claimed.
pub(super) enum Admitted {
    /// Its domain has no limit.
    Through(Ready),
    /// It waits behind its domain's gate.
    Held,
    /// Its turn is not near: when to claim it again (unix milliseconds).
    Back(Ready, i64),
}

/// The domain that a mail goes to. Addresses were brought into one form when they came in.
fn domain(outgoing: &Outgoing) -> Option<&str> {
    if !matches!(outgoing.content, Content::Email(_)) {
        return None;
    }
    outgoing.to.expose().rsplit_once('@').map(|(_, domain)| domain)
}

impl Domains {
    /// The gates of an account's configured domains, all open.
    pub(super) fn new(id: i64, account: &config::Account) -> Self {
        let window = usize::try_from(account.window).unwrap_or(usize::MAX).max(1);
        let limits: &BTreeMap<String, DomainLimit> = &account.domains;
        let gates = limits.iter().map(|(domain, limit)| (domain.clone(), Gate::new(*limit, account.rate))).collect();
        Self { account: id, rate: account.rate, window, gates, complaints: Complaints::default() }
    }

    /// Where servers' complaints are noted.
    pub(super) fn complaints(&self) -> Complaints {
        self.complaints.clone()
    }

    /// Messages that wait behind gates.
    pub(super) fn held(&self) -> usize {
        self.gates.values().map(|gate| gate.held.len()).sum()
    }

    /// Takes all of them away.
    pub(super) fn take_all(&mut self) -> Vec<Ready> {
        self.gates.values_mut().flat_map(|gate| std::mem::take(&mut gate.held)).collect()
    }

    /// Hears what servers complained of, and forgets gates that nobody needs any more.
    pub(super) fn hear(&mut self, now: i64) {
        for Complaint { domain, after } in self.complaints.take() {
            let rate = self.rate;
            let gate = self.gates.entry(domain.clone()).or_insert_with(|| Gate::new(DomainLimit::default(), rate));
            let worked_at = gate.flow.worked_at.load(Ordering::Relaxed);
            if let Some(throttle) = gate.throttle.recovered(now).throttled(now, after, worked_at) {
                gate.throttle = throttle;
                let (permille, rest) = (throttle.pace, throttle.rests_until - now);
                tracing::warn!(domain, permille, rest, "a domain takes no more mail for now: it rests, then gets it more slowly");
            }
        }
        self.gates.retain(|_, gate| {
            gate.throttle = gate.throttle.recovered(now);
            gate.tails.retain(|_, tail| *tail > now);
            gate.limit != DomainLimit::default() || !gate.held.is_empty() || !gate.is_open(now)
        });
    }

    /// Where a claimed message goes.
    pub(super) fn admit(&mut self, mut ready: Ready, now: i64) -> Admitted {
        let most = (self.window / 2 / self.gates.len().max(1)).max(1);
        let rate = self.rate;
        let gate = domain(&ready.outgoing).and_then(|domain| self.gates.get_mut(domain));
        let Some(gate) = gate.filter(|gate| !gate.is_open(now)) else {
            ready.pass = None;
            return Admitted::Through(ready);
        };
        let period = gate.period(rate);
        if gate.held.len() < gate.room(period).min(most) {
            gate.held.push_back(ready);
            return Admitted::Held;
        }
        let rested = gate.throttle.rests(now).unwrap_or(now);
        let drained = rested + period * i64::try_from(gate.held.len()).unwrap_or(0);
        let tail = gate.tails.entry(ready.run.row.id).or_insert(drained);
        *tail = (*tail).max(drained) + period;
        let next_at = (*tail).min(now + FARTHEST);
        Admitted::Back(ready, next_at)
    }

    /// Lets through what may go now. And when the next one may, if that is known.
    pub(super) async fn release(
        &mut self,
        db: &Db,
        late: Duration,
        now: i64,
    ) -> crate::db::Result<(Vec<Ready>, Option<Duration>)> {
        let (mut released, mut wait) = (Vec::new(), None::<Duration>);
        for (domain, gate) in self.gates.iter_mut().filter(|(_, gate)| !gate.held.is_empty()) {
            let due = match gate.release(db, self.account, domain, self.rate, late, now, &mut released).await {
                Ok(due) => due,
                Err(error) if released.is_empty() => return Err(error),
                Err(error) => {
                    // What was let through before is on its way: nobody else has it.
                    tracing::error!(%error, domain, "could not reserve slots of a domain; its mail waits");
                    Some(AGAIN)
                }
            };
            wait = match (wait, due) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        Ok((released, wait))
    }
}

impl Gate {
    fn new(limit: DomainLimit, rate: Rate) -> Self {
        let pace = Pace::new(limit.rate.unwrap_or(rate));
        let (held, flow, throttle) = (VecDeque::new(), Arc::default(), Throttle::default());
        Self { limit, held, flow, throttle, slots: Slots::default(), pace, tails: HashMap::new() }
    }

    /// Whether it limits nothing.
    fn is_open(&self, now: i64) -> bool {
        self.limit == DomainLimit::default() && self.throttle.pace >= FULL && self.throttle.rests(now).is_none()
    }

    /// The rate that binds it, if one does.
    fn rate(&self, account: Rate) -> Option<Rate> {
        self.limit.rate.or_else(|| (self.throttle.pace < FULL).then_some(account))
    }

    /// From one message to the next (milliseconds), as far as one can say.
    fn period(&self, account: Rate) -> i64 {
        let by_rate = self.rate(account).map_or(0, |rate| {
            let period = i64::try_from(slot::period(rate).as_millis()).unwrap_or(FARTHEST);
            period * FULL / self.throttle.pace.max(1)
        });
        let by_connections = self.limit.connections.map_or(0, |most| ONE_MAIL / i64::from(most.max(1)));
        by_rate.max(by_connections).max(1)
    }

    /// Messages that may wait here.
    fn room(&self, period: i64) -> usize {
        let soon = i64::try_from(HELD.as_millis()).unwrap_or(0) / period;
        let connections = self.limit.connections.map_or(1, |most| 2 * i64::from(most));
        usize::try_from(soon.max(connections)).unwrap_or(usize::MAX)
    }

    #[expect(clippy::too_many_arguments, reason = "what surrounds a gate, for one caller")]
    async fn release(
        &mut self,
        db: &Db,
        account: i64,
        domain: &str,
        rate: Rate,
        late: Duration,
        now: i64,
        released: &mut Vec<Ready>,
    ) -> crate::db::Result<Option<Duration>> {
        if let Some(until) = self.throttle.rests(now) {
            return Ok(Some(Duration::from_millis(u64::try_from(until - now).unwrap_or(0))));
        }
        let connections = self.limit.connections.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        while !self.held.is_empty() {
            // A mail that lands brings the lane's next step, and then the next one goes.
            if self.flow.flying.load(Ordering::Relaxed) >= connections {
                return Ok(None);
            }
            if let Some(rate) = self.rate(rate) {
                self.slots.throw_away_stale(late);
                if self.slots.len() == 0 {
                    let n = u32::try_from(self.held.len()).unwrap_or(u32::MAX);
                    let reserved = slot::reserve_domain(db, (account, domain), rate, self.throttle.pace, n).await?;
                    self.slots.hold(Instant::now(), reserved);
                }
                let Some(slot) = self.slots.first() else { return Ok(None) };
                let early = slot.saturating_duration_since(Instant::now());
                if !early.is_zero() {
                    return Ok(Some(early));
                }
                if let Err(wait) = self.pace.take(1) {
                    return Ok(Some(wait));
                }
                self.slots.take(1);
            }
            if let Some(mut ready) = self.held.pop_front() {
                ready.pass = Some(Pass::new(&self.flow));
                released.push(ready);
            }
        }
        Ok(None)
    }
}
