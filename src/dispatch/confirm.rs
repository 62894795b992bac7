//! Confirms refusals: what [`confirmation`] owes goes out, each at most once, by the account that the person wrote to.
//!
//! A confirmation takes a slot of its account's rate and one of its day like any message, and counts in no run's tallies.
//! It is claimed before any byte leaves. What its gateway definitely did not take goes back; whatever else went wrong ends
//! it as unknown, and is not repeated. What can go wrong is an account that cannot send for a day: then it is given up, and
//! `loa replies` says so. The refusal itself holds from the moment it came.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use providers::{Address, Channel, Chat, Content, Outgoing, Slot, text};

use super::{
    Shared, effect,
    judge::{self, Situation},
    millis,
};
use crate::{
    account::Account,
    config::Office,
    delivery::{
        record::Outcome,
        route,
        slot::{self, Reserved},
    },
    limit,
    reply::{
        confirmation::{self, Claimer, Due, Ended, State},
        read,
    },
    seal::Kind,
};

/// Parts of an answer at most.
const PARTS: u16 = 3;
/// How often nothing is looked for when nothing is owed.
const IDLE: Duration = Duration::from_millis(500);
/// How long a confirmation waits whose account cannot send now.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often old messages are deleted.
const PRUNE: Duration = Duration::from_hours(1);

/// Sends what is owed. One a process; steps never overlap.
pub struct Confirmer {
    shared: Arc<Shared>,
    office: Office,
    /// Slots that were reserved and not used yet, by account: the first one's time, and how many.
    slots: HashMap<i64, (Instant, u32)>,
    /// When old messages were last deleted; none: not yet.
    pruned_at: Option<i64>,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmed {
    /// Confirmations handed to their gateways.
    pub sent: usize,
    /// When to step again at the latest.
    pub wait: Duration,
}

impl Confirmer {
    /// Nothing is reserved yet.
    pub fn new(shared: Arc<Shared>, office: Office) -> Self {
        Self { shared, office, slots: HashMap::new(), pruned_at: None }
    }

    /// Sends what is due and may go now, one after the other.
    pub async fn step(&mut self) -> crate::db::Result<Confirmed> {
        let now = self.shared.clock.millis();
        confirmation::disown(&self.shared.db, self.shared.epoch(), now).await?;
        self.prune(now).await?;
        let (mut sent, mut wait) = (0, IDLE);
        let due = confirmation::due(&self.shared.db, now).await?;
        if due.len() == confirmation::BATCH {
            wait = Duration::from_millis(1);
        }
        for due in due {
            match self.confirm(&due).await? {
                None => sent += 1,
                Some(longer) => {
                    let longer = longer.clamp(Duration::from_millis(1), PATIENCE);
                    wait = wait.min(longer);
                    // Behind those of the accounts that can send.
                    confirmation::defer(&self.shared.db, due.id, self.shared.clock.millis() + millis(longer)).await?;
                }
            }
        }
        Ok(Confirmed { sent, wait })
    }

    /// Sends one. Some: not now, but perhaps after so long.
    async fn confirm(&mut self, due: &Due) -> crate::db::Result<Option<Duration>> {
        let now = self.shared.clock.millis();
        if now >= due.expires_at() {
            self.end(due, 0, State::NotSent, "no account could send it for a day").await?;
            return Ok(Some(IDLE));
        }
        let Some(account) = self.account(due, now) else { return Ok(Some(PATIENCE)) };
        let outgoing = match self.outgoing(due, &account) {
            Ok(outgoing) => outgoing,
            Err(why) => {
                self.end(due, 0, State::NotSent, &why).await?;
                return Ok(Some(IDLE));
            }
        };
        if let Some(wait) = self.slot(&account, &outgoing).await? {
            return Ok(Some(wait));
        }
        let epoch = self.shared.epoch();
        let day = limit::quota_day(self.shared.clock.now());
        let claimer = Claimer { epoch, account: account.id, daily: account.config.daily, day: &day, now };
        if !confirmation::claim(&self.shared.db, due.id, claimer).await? {
            return Ok(Some(PATIENCE));
        }
        if !self.shared.owns(epoch, self.shared.clock.millis()) {
            confirmation::record(&self.shared.db, due.id, epoch, &Ended::Again(now), now).await?;
            return Ok(Some(PATIENCE));
        }
        let sending = AssertUnwindSafe(account.provider.send(std::slice::from_ref(&outgoing))).catch_unwind();
        // No answer, or a panic: it may have been sent.
        let answer = sending.await.ok().and_then(|answers| answers.into_iter().next()).unwrap_or_else(|| {
            let detail = "the adapter failed while it was sending".into();
            Err(providers::SendError::InDoubt { ids: Vec::new(), detail })
        });
        let now = self.shared.clock.millis();
        let situation = Situation {
            now,
            expires_at: due.expires_at(),
            tries: due.tries,
            silent_at: None,
            keep_ids: false,
            jitter: (self.shared.jitter)(),
        };
        let (outcome, effect) = judge::judge(answer, &situation);
        effect::apply(&self.shared, &account, effect).await;
        let ended = match outcome {
            Outcome::Accepted { .. } => Ended::In(State::Accepted, String::new()),
            Outcome::InDoubt { detail, .. } => Ended::In(State::Unknown, detail),
            Outcome::Ended { detail, .. } => Ended::In(State::NotSent, detail),
            Outcome::PutBack { .. } => Ended::Again(now + millis(PATIENCE)),
            Outcome::Later { next_at, .. } => Ended::Again(next_at),
        };
        confirmation::record(&self.shared.db, due.id, epoch, &ended, now).await?;
        Ok(None)
    }

    /// By which account it goes: the one that the person wrote to, or else the first that serves them.
    fn account(&self, due: &Due, now: i64) -> Option<Arc<Account>> {
        let channel = confirmation::channel(due)?;
        let all = self.shared.accounts.all();
        let own = all.iter().find(|account| account.id == due.account && account.config.channel == channel);
        let serves = |account: &&Arc<Account>| match due.carrier {
            Some(group) => account.serves(route(channel, group)),
            None => account.config.channel == channel && account.groups.is_empty(),
        };
        // Circuits count by the process's own clock; a rest that a gateway asked for stands in the account's row.
        let ticks = self.shared.clock.ticks();
        let may_send = |account: &&Arc<Account>| account.is_usable(ticks) && account.throttle().rests(now).is_none();
        own.into_iter().chain(all.iter().filter(serves)).find(may_send).cloned()
    }

    fn outgoing(&self, due: &Due, account: &Account) -> Result<Outgoing, String> {
        let channel = confirmation::channel(due).ok_or("it names no channel")?;
        let address = self.shared.seal.open(Kind::of(channel), &due.sender).map_err(|error| error.to_string())?;
        let text = due.text(&self.office);
        let content = match channel {
            Channel::Sms => Content::Sms(text::sms(&text, true, PARTS).map_err(|error| error.to_string())?),
            Channel::Chat => Content::Chat(Chat { text: Some(text), ..Chat::default() }),
            Channel::Email => return Err("mail is refused by its link".into()),
        };
        let reference = confirmation::reference(&self.shared.seal, due);
        let expires = chrono::DateTime::from_timestamp_millis(due.expires_at());
        Ok(Outgoing { reference, to: Address::new(address), content, expires, callback: account.callback.clone() })
    }

    /// Takes the slots of a message; some: they are free only after so long, and kept until then.
    async fn slot(&mut self, account: &Account, outgoing: &Outgoing) -> crate::db::Result<Option<Duration>> {
        let needed = match (account.abilities.slot, &outgoing.content) {
            (Slot::Part, Content::Sms(sms)) => u32::from(sms.parts.max(1)),
            _ => 1,
        };
        let kept = self.slots.get(&account.id).filter(|(at, n)| *n >= needed && at.elapsed() < limit::LATENESS);
        let at = if let Some((at, _)) = kept {
            *at
        } else {
            let Reserved { wait, n, .. } =
                slot::reserve(&self.shared.db, account.id, account.config.rate, needed..=needed).await?;
            let at = Instant::now() + wait;
            self.slots.insert(account.id, (at, n));
            at
        };
        let early = at.saturating_duration_since(Instant::now());
        if !early.is_zero() {
            return Ok(Some(early));
        }
        if let Err(wait) = account.pace.take(needed) {
            return Ok(Some(wait));
        }
        self.slots.remove(&account.id);
        Ok(None)
    }

    async fn end(&self, due: &Due, owner: i64, state: State, why: &str) -> crate::db::Result<()> {
        tracing::warn!(confirmation = due.id, why, "a refusal stays without its confirmation");
        confirmation::record(&self.shared.db, due.id, owner, &Ended::In(state, why.into()), self.shared.clock.millis()).await
    }

    async fn prune(&mut self, now: i64) -> crate::db::Result<()> {
        if self.pruned_at.is_none_or(|at| now >= at + millis(PRUNE) || now < at)
            && !read::prune(&self.shared.db, self.office.opt_out.keep, now).await?
        {
            self.pruned_at = Some(now);
        }
        Ok(())
    }
}
