//! What all stand-ins share: a submission enters; it is decided on, put down, its receipts are planned; a verdict leaves, which
//! each gateway words in its own way.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter, clock::Clock as _};
use sha2::{Digest as _, Sha256};

use super::{
    Credentials, Gateway,
    behaviour::{Behaviour, Fate, Outcome, Refusal, key},
    receipt::{Call, Caller},
    taken::{Counts, Record, Taken, Tally, one},
    zalo,
};
use crate::clock::Clock;

/// How long eSMS ignores a repeated request id, in milliseconds.
const REPEATS_FOR: i64 = 24 * 3600 * 1000;

/// One message as it came to a gateway.
#[derive(Debug, Clone, Copy)]
pub(super) struct Submission<'a> {
    pub(super) gateway: Gateway,
    pub(super) to: &'a str,
    pub(super) reference: Option<&'a str>,
    pub(super) text: &'a str,
    /// The raw mail, where it is one.
    pub(super) mail: Option<&'a Arc<[u8]>>,
    pub(super) parts: u16,
    /// Whether the gateway knows a repeated reference again.
    pub(super) once: bool,
}

/// What a gateway answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Yes, under this number (see [`Gateway::id`]).
    Taken(u64),
    /// No.
    Refused(Refusal),
    /// This reference was taken before.
    Repeat,
    /// Nothing: the connection is to be closed.
    Cut,
    /// The record could not be written: an internal error.
    Broken,
}

/// The knobs in force, with the limiters that they call for.
pub(super) struct Rules {
    pub(super) behaviour: Behaviour,
    limiters: Option<Vec<DefaultDirectRateLimiter>>,
}

pub(super) struct Exchange {
    seed: u64,
    clock: Clock,
    rules: RwLock<Arc<Rules>>,
    credentials: BTreeMap<Gateway, Credentials>,
    receipts_to: RwLock<BTreeMap<Gateway, String>>,
    /// How often a message was put off or cut, by its key: grows only with those.
    tries: Mutex<HashMap<u64, u32>>,
    /// eSMS references taken lately, hashed, and when: 16 octets each, pruned after a day.
    repeats: Mutex<Repeats>,
    /// What became of messages, by the id that their gateway gave them, for those who ask.
    told: Mutex<HashMap<String, Vec<(String, bool)>>>,
    pub(super) zalo: zalo::Desk,
    record: Record,
    tallies: Vec<Arc<Tally>>,
    number: AtomicU64,
    pub(super) caller: Arc<Caller>,
}

struct Repeats {
    seen: HashMap<u64, i64>,
    prune_at: usize,
}

impl Exchange {
    pub(super) fn new(
        seed: u64,
        behaviour: Behaviour,
        credentials: BTreeMap<Gateway, Credentials>,
        receipts_to: BTreeMap<Gateway, String>,
        record: Record,
    ) -> anyhow::Result<Self> {
        let clock = Clock::system();
        // Ids go on where an earlier process cannot have been: a restarted stand-in gives none twice. Below 2^53, so that JSON
        // numbers carry them.
        let number = AtomicU64::new(u64::try_from(clock.millis()).unwrap_or(0) * 1000);
        Ok(Self {
            seed,
            clock,
            rules: RwLock::new(Arc::new(Rules::new(behaviour))),
            credentials,
            receipts_to: RwLock::new(receipts_to),
            tries: Mutex::default(),
            repeats: Mutex::new(Repeats { seen: HashMap::new(), prune_at: 1 << 20 }),
            told: Mutex::default(),
            zalo: zalo::Desk::default(),
            record,
            tallies: Gateway::ALL.iter().map(|_| Arc::default()).collect(),
            number,
            caller: Arc::new(Caller::new()?),
        })
    }

    /// Decides on a message. `calls` words its receipts, given its number and whether it arrived; an empty list means that the
    /// gateway has none or nowhere to send them.
    pub(super) async fn submit(&self, message: Submission<'_>, calls: impl FnOnce(u64, bool) -> Vec<Call>) -> Verdict {
        self.submit_under(None, message, calls).await
    }

    /// The same for a message that has its id from the request that it came in with others.
    pub(super) async fn submit_under(
        &self,
        id: Option<&str>,
        message: Submission<'_>,
        calls: impl FnOnce(u64, bool) -> Vec<Call>,
    ) -> Verdict {
        let tally = self.tally(message.gateway);
        let rules = self.rules();
        let key = key(self.seed, message.gateway, message.to, message.text);
        let reference = message.reference.filter(|_| message.once).map(|reference| self.hashed(reference));
        if reference.is_some_and(|reference| self.seen(reference)) {
            one(&tally.repeats);
            return Verdict::Repeat;
        }
        let (latency, fate) = self.judge(&rules, message.gateway, message.to, key);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let (answered, mut plan) = match fate {
            Fate::Refuse(refusal) => return Verdict::Refused(refusal),
            Fate::Lose => return Verdict::Cut,
            Fate::Take { answered, plan } => (answered, plan),
        };
        if reference.is_some_and(|reference| !self.first(reference)) {
            one(&tally.repeats);
            return Verdict::Repeat;
        }
        let number = self.number();
        let mut calls =
            if plan.outcome == Outcome::Silent { Vec::new() } else { calls(number, plan.outcome == Outcome::Delivered) };
        if calls.is_empty() && !message.gateway.is_polled() {
            plan.outcome = Outcome::Silent;
        }
        let id = id.map_or_else(|| message.gateway.id(number), str::to_owned);
        if self.record.put(vec![self.taken(&message, id, plan.outcome, answered)]).is_err() {
            if let Some(reference) = reference {
                self.forget(reference);
            }
            return Verdict::Broken;
        }
        one(&tally.taken);
        if plan.copies > 1 {
            calls.extend_from_within(..);
        }
        if plan.early {
            calls = self.caller.now(calls, tally).await;
        }
        if !calls.is_empty() {
            self.caller.later(calls, plan.delay, rules.behaviour.retry, Arc::clone(tally)).await;
        }
        if answered {
            return Verdict::Taken(number);
        }
        one(&tally.unanswered);
        Verdict::Cut
    }

    /// How long the answer takes, and what becomes of a submission with this [`key`](super::behaviour::key). One that is not taken is
    /// counted; one whose sender will try again is drawn anew then.
    pub(super) fn judge(&self, rules: &Rules, gateway: Gateway, to: &str, key: u64) -> (Duration, Fate) {
        let tally = self.tally(gateway);
        if let Some(after) = rules.over_the_rate(gateway) {
            one(&tally.refused);
            return (Duration::ZERO, Fate::Refuse(Refusal::Throttled(after)));
        }
        let tries = lock(&self.tries).get(&key).copied().unwrap_or(0);
        let (latency, fate) = rules.behaviour.fate(key, to, tries);
        match fate {
            Fate::Refuse(refusal) => {
                if matches!(refusal, Refusal::Later | Refusal::Throttled(_)) {
                    self.put_off(key);
                }
                one(&tally.refused);
            }
            Fate::Lose => {
                self.put_off(key);
                one(&tally.lost);
            }
            Fate::Take { answered: false, .. } => self.put_off(key),
            Fate::Take { answered: true, .. } => {}
        }
        (latency, fate)
    }

    /// The knobs in force.
    pub(super) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A number that no other message has.
    pub(super) fn number(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    /// What a fate hangs on; see [`key`].
    pub(super) fn key(&self, gateway: Gateway, to: &str, text: &str) -> u64 {
        key(self.seed, gateway, to, text)
    }

    pub(super) fn tally(&self, gateway: Gateway) -> &Arc<Tally> {
        &self.tallies[gateway as usize]
    }

    /// Whether these are the credentials expected; without expectation, anything that is not empty.
    pub(super) fn admits(&self, gateway: Gateway, user: &str, secret: &str) -> bool {
        self.credentials.get(&gateway).map_or_else(
            || !secret.is_empty() && (!user.is_empty() || !gateway.has_users()),
            |expected| expected.secret == secret && (expected.user == user || !gateway.has_users()),
        )
    }

    /// The credentials expected, if any are.
    pub(super) fn credentials(&self, gateway: Gateway) -> Option<&Credentials> {
        self.credentials.get(&gateway)
    }

    /// Whether credentials are expected of this gateway, so that nobody may do without.
    pub(super) fn expects_credentials(&self, gateway: Gateway) -> bool {
        self.credentials.contains_key(&gateway)
    }

    /// The credentials expected of this gateway, if any are.
    pub(super) fn expected(&self, gateway: Gateway) -> Option<&Credentials> {
        self.credentials.get(&gateway)
    }

    /// A number of its own, for what is no message.
    pub(super) fn next_number(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    /// Puts down what became of a message, for those who ask by this id. Kept only where messages are remembered.
    pub(super) fn tell(&self, id: &str, phone: &str, arrived: bool) {
        if self.record.remembers() {
            lock(&self.told).entry(id.to_owned()).or_default().push((phone.to_owned(), arrived));
        }
    }

    /// What became of the messages with this id: their numbers, and whether they arrived.
    pub(super) fn told(&self, id: &str) -> Option<Vec<(String, bool)>> {
        lock(&self.told).get(id).cloned()
    }

    /// How long FPT's tokens are good.
    pub(super) fn token_life(&self) -> Duration {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).behaviour.token_life
    }

    pub(super) fn receipts_to(&self, gateway: Gateway) -> Option<String> {
        self.receipts_to.read().unwrap_or_else(PoisonError::into_inner).get(&gateway).cloned()
    }

    pub(super) fn send_receipts_to(&self, gateway: Gateway, url: String) {
        self.receipts_to.write().unwrap_or_else(PoisonError::into_inner).insert(gateway, url);
    }

    pub(super) fn behave(&self, behaviour: Behaviour) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Rules::new(behaviour));
    }

    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    pub(super) fn counts(&self, of: &[Gateway]) -> Counts {
        let mut counts = Counts::default();
        for gateway in of {
            self.tallies[*gateway as usize].add_to(&mut counts);
        }
        counts
    }

    pub(super) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.clock.now()
    }

    /// What the record says of a message.
    pub(super) fn taken(&self, message: &Submission<'_>, id: String, outcome: Outcome, answered: bool) -> Taken {
        let octets = message.mail.map_or(message.text.as_bytes(), |mail| &mail[..]);
        let digest = Sha256::digest(octets);
        let first = digest[..8].iter().fold(0, |number: u64, octet| number << 8 | u64::from(*octet));
        Taken {
            at: self.clock.millis(),
            gateway: message.gateway,
            to: message.to.to_owned(),
            reference: message.reference.map(str::to_owned),
            id,
            text: message.text.to_owned(),
            parts: message.parts,
            length: octets.len(),
            digest: format!("{first:016x}"),
            outcome,
            answered,
            mail: message.mail.filter(|_| self.record.remembers()).cloned(),
        }
    }

    /// A reference in eight octets: of a million, two are taken for one about once in forty million runs.
    fn hashed(&self, reference: &str) -> u64 {
        key(self.seed, Gateway::Esms, "", reference)
    }

    fn put_off(&self, key: u64) {
        *lock(&self.tries).entry(key).or_default() += 1;
    }

    fn seen(&self, reference: u64) -> bool {
        lock(&self.repeats).seen.get(&reference).is_some_and(|at| self.clock.millis() - at < REPEATS_FOR)
    }

    /// Remembers a reference; false if it was there: two copies may have come at the same moment.
    fn first(&self, reference: u64) -> bool {
        let now = self.clock.millis();
        let mut repeats = lock(&self.repeats);
        if repeats.seen.len() >= repeats.prune_at {
            repeats.seen.retain(|_, at| now - *at < REPEATS_FOR);
            repeats.prune_at = (repeats.seen.len() * 2).max(1 << 20);
        }
        repeats.seen.insert(reference, now).is_none_or(|at| now - at >= REPEATS_FOR)
    }

    fn forget(&self, reference: u64) {
        lock(&self.repeats).seen.remove(&reference);
    }
}

impl Rules {
    fn new(behaviour: Behaviour) -> Self {
        let quota = behaviour.throttle.and_then(std::num::NonZeroU32::new).map(Quota::per_second);
        let limiters = quota.map(|quota| Gateway::ALL.iter().map(|_| RateLimiter::direct(quota)).collect());
        Self { behaviour, limiters }
    }

    fn over_the_rate(&self, gateway: Gateway) -> Option<Duration> {
        let limiter = &self.limiters.as_ref()?[gateway as usize];
        limiter.check().err().map(|until| until.wait_time_from(limiter.clock().now()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
