//! A lane: one account's way from claim to verdict. It sends what it has while it claims more: neither waits for the other.

mod claimer;
mod depth;
mod domains;
mod flight;
mod queue;
mod slots;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use self::{claimer::Claimer, flight::Flight};
use super::{Shared, recorder::Verdicts};
use crate::{account::Account, db::DbError, health::Permit};

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
    /// Lent to a claim under way.
    claimer: Option<Claimer>,
    flight: Flight,
}

impl Lane {
    /// A lane with nothing in flight.
    pub fn new(shared: Arc<Shared>, account: Arc<Account>, verdicts: Verdicts) -> Self {
        let flight = Flight::new(Arc::clone(&shared), Arc::clone(&account), verdicts);
        Self { shared, account, claimer: None, flight }
    }

    /// Claims what the window and the rate allow, and hands to the gateway what is due. Waits for no answer but the database's.
    pub async fn step(&mut self) -> crate::db::Result<Step> {
        self.flight.land();
        let ticks = self.shared.clock.ticks();
        let permit = self.permit();
        let window = self.window();
        let free = match permit {
            Permit::Open => window.saturating_sub(self.flight.flying()),
            Permit::Probe => 1,
            Permit::WaitUntil(until) => {
                self.stand_still().await;
                let wait = ticks.until(until);
                return Ok(Step { sent: 0, claimed: 0, wait: wait.min(Duration::from_secs(1)) });
            }
            Permit::Stopped => {
                self.stand_still().await;
                return Ok(Step { sent: 0, claimed: 0, wait: Duration::from_secs(1) });
            }
        };
        let probing = permit == Permit::Probe;
        let (mut sent, mut wait) = self.flight.send(free).await?;
        // What this lane owns, in flight and waiting, is bounded: that bounds what a crash leaves in doubt. A claim is worth its
        // transaction once there is room for a good many, and comes early enough for what waits to last until it is there.
        let depth = if probing { 1 } else { self.flight.depth(window) };
        let room = depth.saturating_sub(self.flight.flying() + self.flight.waiting() + self.flight.held());
        let mut claimed = 0;
        let worthwhile = if probing {
            self.flight.waiting() + self.flight.held() == 0
        } else {
            self.flight.waiting() <= depth / 2 && room >= depth.div_ceil(4)
        };
        if worthwhile {
            let hurry;
            (claimed, hurry) = self.claim(room, window, probing, &mut sent).await?;
            if claimed > 0 {
                let free = if probing { 1 } else { window.saturating_sub(self.flight.flying()) };
                let more = self.flight.send(free.saturating_sub(if probing { sent } else { 0 })).await?;
                sent += more.0;
                wait = more.1;
            }
            wait = hurry.map_or(wait, |hurry| wait.min(hurry));
        } else if probing {
            self.shared.accounts.stands_back(&self.account, None);
        }
        if probing && sent == 0 {
            self.account.circuit(crate::health::Circuit::probe_unused);
        }
        Ok(Step { sent, claimed, wait })
    }

    /// Claims while what waits goes on being sent: how many, and how soon it is worth asking again. A transaction that
    /// is under way when the lane goes is rolled back.
    async fn claim(
        &mut self,
        room: usize,
        window: usize,
        probing: bool,
        sent: &mut usize,
    ) -> crate::db::Result<(usize, Option<Duration>)> {
        let now = self.shared.clock.millis();
        let mut claimer =
            self.claimer.take().unwrap_or_else(|| Claimer::new(Arc::clone(&self.shared), Arc::clone(&self.account)));
        let mut catch = self.flight.cast();
        // A task of its own: a send may have to write, and would wait forever for a transaction that nobody drives on.
        let mut claiming = JoinSet::new();
        claiming.spawn(async move {
            let hurry = claimer.claim(room, now, &mut catch).await;
            (claimer, catch, hurry)
        });
        // The claim is waited for all the same: what it committed must not be dropped.
        let mut failed = None;
        loop {
            tokio::select! {
                biased;
                done = claiming.join_next() => {
                    let Some(Ok((claimer, catch, hurry))) = done else {
                        return Err(DbError::Refused("a claim ended early".into()));
                    };
                    self.claimer = Some(claimer);
                    let n = catch.ready.len();
                    self.flight.haul(catch).await;
                    return failed.map_or_else(|| Ok((n, hurry?)), Err);
                }
                _ = self.flight.landing(), if !probing && self.flight.flying() > 0 => {
                    self.flight.land();
                    if failed.is_none() && self.is_open() {
                        match self.flight.send(window.saturating_sub(self.flight.flying())).await {
                            Ok(more) => *sent += more.0,
                            Err(error) => failed = Some(error),
                        }
                    }
                }
            }
        }
    }

    /// Messages that may be with the gateway at once.
    fn window(&self) -> usize {
        usize::try_from(self.account.config.window).unwrap_or(1).max(1) * self.account.abilities.batch.most.max(1)
    }

    /// What the account may do now: its circuit says so, unless it rests because its gateway found it too fast.
    fn permit(&self) -> Permit {
        let (now, ticks) = (self.shared.clock.millis(), self.shared.clock.ticks());
        match self.account.throttle().rests(now) {
            Some(until) => Permit::WaitUntil(ticks.after(Duration::from_millis(u64::try_from(until - now).unwrap_or(0)))),
            None => self.account.circuit(|circuit| circuit.permit(ticks)),
        }
    }

    /// Whether the account may send without a second thought; asking reserves no probe.
    fn is_open(&self) -> bool {
        let (now, ticks) = (self.shared.clock.millis(), self.shared.clock.ticks());
        self.account.throttle().rests(now).is_none() && self.account.circuit(|circuit| circuit.is_usable(ticks))
    }

    /// Nothing goes for now: what was claimed goes back, and nobody waits for this account's share.
    async fn stand_still(&mut self) {
        self.shared.accounts.stands_back(&self.account, None);
        self.flight.put_back_all().await;
    }

    /// Waits until a send has landed. False at once if none is in flight.
    pub async fn landing(&mut self) -> bool {
        self.flight.landing().await
    }

    /// How many messages are with the gateway.
    pub const fn flying(&self) -> usize {
        self.flight.flying()
    }

    /// Puts back what was claimed but not sent, and waits for what is in flight.
    pub async fn drain(&mut self) {
        self.flight.put_back_all().await;
        while self.landing().await {}
    }
}
