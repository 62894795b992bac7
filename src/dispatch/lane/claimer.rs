//! The claiming side of a lane: whose turn it is, how much of it, and what the database lets go.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use providers::Outgoing;

use super::queue::{Queue, Ready};
use crate::{
    account::{Account, Share, trouble::Cause},
    active::{self, ActiveRun},
    delivery::{
        Reference,
        claim::{self, Limit},
        slot::Reserved,
    },
    dispatch::{
        Shared,
        prepare::prepare,
        turn::{Turns, Waiting},
    },
    limit::{self, Bucket},
};

/// Claims in one go at most: where all that is due is skipped or deferred, a lane still comes to its sends.
const CLAIMS: usize = 20;
/// Whoever took more than its share looks again this soon whether the others have taken theirs.
const BEHIND: Duration = Duration::from_millis(10);
/// An exhausted route is asked again at the latest after this.
const ASK_AGAIN: i64 = 1_000;

/// What was claimed in one go, for the queue.
pub(super) struct Catch {
    pub(super) ready: Vec<Ready>,
    /// Slots that were reserved for it, with the times at which the replies came.
    pub(super) reserved: Vec<(Instant, Reserved)>,
    /// Slots that the lane held beyond those of its queue.
    spare: usize,
}

impl Catch {
    /// Nothing yet, with so many slots to spare.
    pub(super) const fn new(spare: usize) -> Self {
        Self { ready: Vec::new(), reserved: Vec::new(), spare }
    }

    /// Slots that are held and not used up yet.
    fn free_slots(&self, account: &Account) -> usize {
        let reserved: usize = self.reserved.iter().map(|(_, reserved)| usize::try_from(reserved.n).unwrap_or(usize::MAX)).sum();
        (self.spare + reserved).saturating_sub(Queue::slots_of_all(account.abilities, &self.ready))
    }
}

/// Whose turn it is, and what was asked when.
pub(super) struct Claimer {
    shared: Arc<Shared>,
    account: Arc<Account>,
    turns: Turns,
    asked: HashMap<(i64, i16), i64>,
}

impl Claimer {
    pub(super) fn new(shared: Arc<Shared>, account: Arc<Account>) -> Self {
        Self { shared, account, turns: Turns::default(), asked: HashMap::new() }
    }

    /// Claims up to `wanted` rows into `catch`, one run after the other as their turns come. How soon it is worth asking again
    /// although nothing has landed. What was caught before an error stays caught.
    pub(super) async fn claim(&mut self, mut wanted: usize, now: i64, catch: &mut Catch) -> crate::db::Result<Option<Duration>> {
        let runs: BTreeMap<i64, Arc<ActiveRun>> =
            self.shared.active.runs().into_iter().filter(|run| run.may_claim(now)).map(|run| (run.row.id, run)).collect();
        self.asked.retain(|(run, _), _| runs.contains_key(run));
        let routes = self.account.routes();
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
            let (got, limit) = self.claim_route(run, route, pinned, quantum, now, catch).await?;
            if !pinned {
                self.shared.accounts.took(&self.account, route, got);
            }
            wanted -= got.min(wanted);
            if matches!(limit, Limit::Rate | Limit::Quota | Limit::Account | Limit::Lease) {
                self.account.set_trouble(Cause::Quota, limit == Limit::Quota);
                self.shared.accounts.stands_back(&self.account, None);
                // The slots are other nodes' for now: they are free again within the half second that a claim may reserve.
                let period = Bucket::of(self.account.config.rate).period;
                let crowded = limit == Limit::Rate && catch.ready.is_empty();
                return Ok(crowded.then(|| period.clamp(Duration::from_millis(100), Duration::from_secs(1))));
            }
            self.account.set_trouble(Cause::Quota, false);
        }
        if wanted == 0 {
            self.shared.accounts.is_full(&self.account, self.shared.clock.ticks());
            return Ok(None);
        }
        for route in routes.into_iter().filter(|route| !ahead.contains(route)) {
            self.shared.accounts.stands_back(&self.account, Some(route));
        }
        Ok(if ahead.is_empty() { hurry } else { Some(BEHIND) })
    }

    async fn claim_route(
        &mut self,
        run: &Arc<ActiveRun>,
        route: i16,
        pinned_only: bool,
        wanted: usize,
        now: i64,
        catch: &mut Catch,
    ) -> crate::db::Result<(usize, Limit)> {
        let shared = Arc::clone(&self.shared);
        let account = Arc::clone(&self.account);
        let day = limit::quota_day(shared.clock.now());
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
            slots: catch.free_slots(&account),
            now,
            cap: shared.limits.cap,
            spacing: shared.limits.spacing,
            counts_as_contact: awareness,
            budget: run.row.budget,
        };
        let today = shared.clock.now().with_timezone(&run.frozen.campaign.timezone()).date_naive();
        let claim = claim::claim(&shared.db, &request, |candidate| prepare(&shared, &account, run, today, candidate)).await?;
        let arrived = Instant::now();
        if let Some(reserved) = claim.reserved {
            catch.reserved.push((arrived, reserved));
        }
        // Everything due was taken: what comes later, a retry or a fall-back, is asked for again in a while.
        if claim.exhausted {
            self.asked.insert((run.row.id, route), now + ASK_AGAIN);
        }
        // What is committed is caught before anything else can go wrong.
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
            catch.ready.push(Ready { run: Arc::clone(run), claimed, outgoing, pass: None });
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
        Ok((got, claim.limit))
    }
}

/// Whether an exhausted route may be asked again. A time further off than was ever set is one of a clock since set back.
const fn is_due(at: i64, now: i64) -> bool {
    at <= now || at > now + ASK_AGAIN
}
