//! Asks gateways, by and by, what became of messages that they took: where no callback tells, or none came.
//!
//! One round an account and span ([`Poll::every`]), by whichever node takes it first; a round walks the runs that may have
//! open deliveries, in the order of their keys and a bounded number of rows a step. What gateways say is handed to the caller
//! as news, which it joins like receipts. What can go wrong: a gateway that does not answer ends the account's round, and the
//! next one asks again. A node that dies in a round leaves the rest of it to the next.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use providers::{About, Handle, Poll};

use super::{Shared, millis};
use crate::{
    account::Account,
    db::{Sql, affected},
    delivery::{
        Reference, State, Why,
        handle::{self, Attempt},
        learn::News,
        open::{self, Met},
    },
    on,
};

/// Rows that one step looks at.
const WINDOW: i64 = 5_000;
/// Questions that one step asks, at most.
const QUESTIONS: usize = 50;

static RUNS: Sql = Sql::new(r"SELECT id FROM run WHERE state <> 4 AND expires_at > $1 ORDER BY id");

// A time further off than a round is one of a clock since set back.
static BEGIN: Sql = Sql::new(r"UPDATE account SET poll_at = $2 WHERE id = $1 AND (poll_at <= $3 OR poll_at > $2)");

/// What a step did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What the gateways said that was not known.
    pub news: Vec<News>,
    /// Messages that were asked about.
    pub asked: usize,
    /// When to step again at the latest.
    pub wait: Duration,
}

/// A round under way: the runs that are left, the first one walked as far as this delivery.
#[derive(Debug, Default)]
struct Round {
    runs: VecDeque<i64>,
    after: i64,
}

/// Asks about the messages of all accounts that say how often.
pub struct Poller {
    shared: Arc<Shared>,
    rounds: BTreeMap<i64, Round>,
    /// When each account's next round is looked for (unix milliseconds).
    looks: BTreeMap<i64, i64>,
}

impl Poller {
    /// A poller with no round under way.
    pub const fn new(shared: Arc<Shared>) -> Self {
        Self { shared, rounds: BTreeMap::new(), looks: BTreeMap::new() }
    }

    /// Takes each account's round a bounded step further.
    pub async fn step(&mut self) -> crate::db::Result<Step> {
        const IDLE: Duration = Duration::from_secs(1);
        let mut step = Step { news: Vec::new(), asked: 0, wait: IDLE };
        let accounts: Vec<Arc<Account>> = self.shared.accounts.all().to_vec();
        for account in accounts.iter().filter(|account| account.config.receipts) {
            let Some(poll) = account.abilities.poll else { continue };
            let now = self.shared.clock.millis();
            let ticks = self.shared.clock.ticks();
            if !account.circuit(|circuit| circuit.is_usable(ticks)) || !self.has_round(account, poll, now).await? {
                continue;
            }
            let wait = self.ask(account, poll, now, &mut step).await?;
            step.wait = step.wait.min(wait.unwrap_or(IDLE));
        }
        Ok(step)
    }

    /// Whether a round is under way, or begins here now.
    async fn has_round(&mut self, account: &Account, poll: Poll, now: i64) -> crate::db::Result<bool> {
        if self.rounds.contains_key(&account.id) {
            return Ok(true);
        }
        let every = millis(poll.every);
        let look = self.looks.get(&account.id).copied().unwrap_or(0);
        if look > now && look <= now + every {
            return Ok(false);
        }
        self.looks.insert(account.id, now + every.min(1_000));
        let begun = on!(self.shared.db.write, |pool, sql| {
            sqlx::query(sql(&BEGIN)).bind(account.id).bind(now + every).bind(now).execute(pool).await.map(affected)
        })?;
        if begun == 0 {
            return Ok(false);
        }
        let since = now - millis(poll.through);
        let runs: Vec<i64> =
            on!(self.shared.db.read, |pool, sql| sqlx::query_scalar(sql(&RUNS)).bind(since).fetch_all(pool).await)?;
        self.rounds.insert(account.id, Round { runs: runs.into(), after: 0 });
        Ok(true)
    }

    /// Asks about the next messages of an account's round. When to go on; none: the round is over.
    async fn ask(
        &mut self,
        account: &Arc<Account>,
        poll: Poll,
        now: i64,
        step: &mut Step,
    ) -> crate::db::Result<Option<Duration>> {
        let shared = Arc::clone(&self.shared);
        let Some(round) = self.rounds.get_mut(&account.id) else { return Ok(None) };
        let Some(run) = round.runs.front().copied() else {
            self.rounds.remove(&account.id);
            return Ok(None);
        };
        let after = round.after;
        // A snapshot: it keeps nobody from writing.
        let read = shared.db.snapshot(async |tx| {
            let met = open::walk(tx, run, after, WINDOW).await?;
            let asked = met.iter().filter(|met| is_asked_about(met, account.id, poll, now)).map(|met| met.id);
            let ids = if account.abilities.status_by_id { handle::ids(tx, asked).await? } else { BTreeMap::new() };
            Ok((met, ids))
        });
        let (met, ids) = read.await?;
        let Some(last) = met.last().map(|met| met.id) else {
            round.runs.pop_front();
            round.after = 0;
            return Ok(Some(Duration::ZERO));
        };
        let open: Vec<&Met> = met.iter().filter(|met| is_asked_about(met, account.id, poll, now)).collect();
        // A question is a request like a send: it takes its share of the account's rate.
        let together = poll.together.max(1);
        let (mut questions, mut wait) = (0, Duration::ZERO);
        while questions < QUESTIONS && questions * together < open.len() {
            if let Err(until) = account.pace.take(1) {
                wait = until;
                break;
            }
            questions += 1;
        }
        let asked = &open[..open.len().min(questions * together)];
        if asked.len() < open.len() && asked.is_empty() {
            return Ok(Some(wait));
        }
        // What was not asked about is walked over again.
        let through = if asked.len() < open.len() { asked.last().map_or(after, |met| met.id) } else { last };
        let by_reference: BTreeMap<String, &Met> =
            asked.iter().map(|met| (Reference { delivery: met.id, attempt: met.attempt }.encode(&shared.seal), *met)).collect();
        let handles: Vec<Handle> = by_reference
            .iter()
            .map(|(reference, met)| {
                let attempt = Attempt { delivery: met.id, attempt: met.attempt, account: account.id };
                Handle {
                    reference: reference.clone(),
                    ids: ids.get(&attempt).cloned().unwrap_or_default(),
                    sent_at: chrono::DateTime::from_timestamp_millis(met.updated_at).unwrap_or_default(),
                }
            })
            .collect();
        if !handles.is_empty() {
            step.asked += handles.len();
            match account.provider.status(&handles).await {
                Ok(receipts) => {
                    let told = receipts.into_iter().filter_map(|receipt| {
                        let state = State::from(receipt.state);
                        let why = receipt.reason.map_or(Why::Nothing, Why::Gateway);
                        let (met, handle) = match &receipt.about {
                            About::Reference(reference) => (*by_reference.get(reference)?, None),
                            About::Id(id) => {
                                let known = handles.iter().find(|handle| handle.ids.contains(id))?;
                                (*by_reference.get(&known.reference)?, Some((account.id, id.clone())))
                            }
                        };
                        // What is known already need not be joined again.
                        (handle.is_some() || state != met.state()).then_some(News {
                            delivery: met.id,
                            attempt: met.attempt,
                            handle,
                            state,
                            why,
                            detail: receipt.detail,
                        })
                    });
                    step.news.extend(told);
                }
                Err(error) => {
                    tracing::warn!(account = account.config.name, %error, "could not ask what became of messages");
                    self.rounds.remove(&account.id);
                    return Ok(None);
                }
            }
        }
        if let Some(round) = self.rounds.get_mut(&account.id) {
            round.after = through;
        }
        Ok(Some(wait))
    }
}

/// Whether a delivery is this account's, taken, old enough that a callback would have come, and not too old.
fn is_asked_about(met: &Met, account: i64, poll: Poll, now: i64) -> bool {
    let age = now - met.updated_at;
    met.account == account
        && matches!(met.state(), State::Accepted | State::Enroute)
        && (millis(poll.after)..millis(poll.through)).contains(&age)
}
