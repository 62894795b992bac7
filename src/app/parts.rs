//! What each part of a node runs: what is built for it, and its loops.

use std::sync::Arc;

use rand::Rng as _;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{
    loops,
    reach::{exchange, poster},
};
use crate::{
    bulletin::poll::Poller as Bulletins,
    campaign::Holidays,
    config::Config,
    dispatch::{Confirmer, Lane, Poller, Recorder, Shared},
    edition::Shelf,
    intake::{self, Intake},
    notice,
    period::Calendar,
    receipt::{Inbox, Matcher},
    relay::push::Pusher,
    report::kept::Keeper,
    retention::Retention,
    run::{Lines, Runner},
    upstream::Upstream,
    webhook::tell::Teller,
};

/// What parts are built from.
pub(super) struct Ground<'g> {
    pub(super) config: &'g Config,
    pub(super) shared: &'g Arc<Shared>,
    pub(super) shelf: &'g Arc<Shelf>,
    pub(super) holidays: &'g Holidays,
    pub(super) stopped: &'g watch::Receiver<bool>,
}

/// The loops that send, by when they end.
pub(super) struct Sending {
    pub(super) makers: Vec<JoinHandle<()>>,
    pub(super) listeners: Vec<JoinHandle<()>>,
    pub(super) recorder: JoinHandle<()>,
}

/// A random number in 0…1, asked for again and again.
pub(super) fn chance() -> Box<dyn Fn() -> f64 + Send + Sync> {
    Box::new(|| rand::rng().random())
}

impl Ground<'_> {
    fn stopped(&self) -> watch::Receiver<bool> {
        self.stopped.clone()
    }

    fn shared(&self) -> Arc<Shared> {
        Arc::clone(self.shared)
    }

    /// On every node: the runs and the definitions are read again and again.
    pub(super) fn reading(&self) -> Vec<JoinHandle<()>> {
        let Shared { db, clock, .. } = &**self.shared;
        let settings = (self.config.clone(), self.holidays.clone());
        let shelving = loops::drive_shelf(Arc::clone(self.shelf), db.clone(), clock.clone(), settings, self.stopped());
        vec![tokio::spawn(loops::refresh(self.shared(), self.stopped())), tokio::spawn(shelving)]
    }

    /// [`Part::Schedule`](super::Part::Schedule), and what an office needs by and by. `cadence`: also of itself, by the calendar.
    pub(super) fn scheduling(&self, cadence: bool) -> anyhow::Result<Vec<JoinHandle<()>>> {
        let config = self.config;
        let Shared { db, clock, seal, accounts, active, .. } = &**self.shared;
        let (lines_of, ticking) = (Arc::clone(accounts), clock.clone());
        let lines: Lines = Arc::new(move || lines_of.lines(ticking.ticks()));
        let runner =
            Runner { db: db.clone(), clock: clock.clone(), node: self.shared.epoch(), active: Arc::clone(active), lines };
        let served = accounts.all().iter().flat_map(|account| account.routes()).collect();
        let ground = notice::find::Ground { db: db.clone(), clock: clock.clone(), config: config.clone(), served };
        let post = notice::mail::Post::new(config, db, clock, seal, accounts);
        let reminder = notice::remind::Reminder::new(config, db, clock, seal, accounts);
        let keeper = Keeper::new(db.clone(), clock.clone(), Calendar::of(&config.reporting));
        let teller = Teller::new(db.clone(), clock.clone(), seal.clone(), poster(config)?, chance());
        let mut makers = vec![
            tokio::spawn(loops::drive_notices(ground, post, self.stopped())),
            tokio::spawn(loops::drive_reminder(reminder, self.stopped())),
            tokio::spawn(loops::drive_figures(self.shared(), self.stopped())),
            tokio::spawn(loops::drive_audit(db.clone(), self.stopped())),
            tokio::spawn(loops::drive_retention(Retention::new(db.clone(), clock.clone()), self.stopped())),
            tokio::spawn(loops::drive_keeper(keeper, self.stopped())),
            tokio::spawn(loops::drive_warnings(self.shared(), self.stopped())),
            tokio::spawn(loops::drive_pulse(db.clone(), clock.clone(), self.stopped())),
            tokio::spawn(loops::drive_runner(runner, self.shared(), self.stopped())),
            tokio::spawn(loops::drive_teller(teller, self.stopped())),
        ];
        if config.upstream.is_some()
            && let Some(upstream) = Upstream::new(config, db, clock, self.shelf, exchange(config)?)
        {
            makers.push(tokio::spawn(loops::drive_upstream(upstream, self.shared(), self.stopped())));
        }
        if cadence && !config.bulletins.is_empty() {
            let bulletins = Bulletins::new(config, db.clone(), clock.clone(), exchange(config)?, chance());
            makers.push(tokio::spawn(loops::drive_bulletins(bulletins, self.stopped())));
        }
        if cadence {
            let schedule = loops::Schedule {
                db: db.clone(),
                clock: clock.clone(),
                shelf: Arc::clone(self.shelf),
                holidays: self.holidays.clone(),
                config: config.clone(),
            };
            makers.push(tokio::spawn(loops::drive_schedule(schedule, self.stopped())));
        }
        Ok(makers)
    }

    /// Goes through uploaded lists and takes them in.
    pub(super) fn intake(&self) -> JoinHandle<()> {
        let Shared { db, clock, seal, .. } = &**self.shared;
        let folder = intake::folder(self.config);
        let intake = Intake { db: db.clone(), seal: seal.clone(), clock: clock.clone(), folder };
        tokio::spawn(loops::drive_intake(intake, self.shared(), self.stopped()))
    }

    /// [`Part::Dispatch`](super::Part::Dispatch). `again` takes the attempts whose receipts came before they were recorded.
    pub(super) fn sending(
        &self,
        inbox: &Inbox,
        matcher: &Matcher,
        again: &mpsc::Sender<Vec<i64>>,
        drained: &watch::Receiver<bool>,
    ) -> anyhow::Result<Sending> {
        let config = self.config;
        let Shared { db, clock, seal, accounts, .. } = &**self.shared;
        let (recorder, verdicts) = Recorder::new(self.shared());
        let (mut makers, mut listeners) = (Vec::new(), Vec::new());
        for account in accounts.all() {
            let lane = Lane::new(self.shared(), Arc::clone(account), verdicts.clone());
            makers.push(tokio::spawn(loops::drive_lane(lane, self.shared(), self.stopped())));
            let listening = loops::drive_events(Arc::clone(account), inbox.clone(), verdicts.clone(), drained.clone());
            listeners.push(tokio::spawn(listening));
        }
        let confirmer = Confirmer::new(self.shared(), config.office.clone());
        let pusher = Pusher::new(config, db.clone(), clock.clone(), seal.clone(), exchange(config)?);
        let poller = Poller::new(self.shared());
        makers.extend([
            tokio::spawn(loops::drive_confirmer(confirmer, self.stopped())),
            tokio::spawn(loops::drive_pusher(pusher, self.stopped())),
            tokio::spawn(loops::drive_poller(poller, matcher.clone(), self.stopped())),
            tokio::spawn(loops::ask_balances(self.shared(), self.stopped())),
            tokio::spawn(loops::drive_doubts(self.shared(), matcher.clone(), self.stopped())),
        ]);
        Ok(Sending { makers, listeners, recorder: tokio::spawn(loops::drive_recorder(recorder, again.clone())) })
    }
}
