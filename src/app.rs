//! The application: everything built from a configuration and a clock, its loops, its start and its end.
//!
//! `loa serve`, `loa demo`, `loa send --wait` and the tests share it. [`App::start`] builds and starts; [`App::stop`] ends
//! in order: no new claims, what was claimed but not sent goes back, what is in flight is recorded, receipts that were
//! answered are applied, and the process's epoch ends owning nothing. What can go wrong at the start names its setting;
//! what goes wrong in a loop is logged, and the loop goes on.

mod estimate;
pub mod key;
mod listen;
pub mod lock;
mod loops;
mod node;
mod open;
mod parts;
mod reach;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

pub use open::{Opened, Refusal, open};
pub use reach::exchange;

use crate::{
    account::{self, Accounts, Gateways, StandIns},
    active::Active,
    campaign::{Holidays, Library},
    clock::Clock,
    config::Config,
    db::{Db, Engine},
    dispatch::{Lease, Shared},
    edition::Shelf,
    epoch,
    receipt::{self, Matcher},
    reply::Ear,
    seal::Seal,
};
use parts::Ground;

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Part {
    /// Makes runs that are due and their deliveries, and ends them.
    Schedule,
    /// Sends, and settles doubts.
    Dispatch,
    /// Takes receipts and refusals, shows pages.
    Web,
}

/// How an [`App`] is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// What this node does.
    pub parts: BTreeSet<Part>,
    /// Whether runs that are due by their cadence are made; without it only those that a person asks for.
    pub cadence: bool,
    /// Adapters in place of those that accounts would get.
    pub stand_ins: StandIns,
}

impl Default for Options {
    fn default() -> Self {
        Self { parts: BTreeSet::from([Part::Schedule, Part::Dispatch, Part::Web]), cadence: true, stand_ins: StandIns::default() }
    }
}

/// The most that the end may take: the longest send, and its recording.
const LAST_SENDS: Duration = Duration::from_secs(75);

/// A running application.
pub struct App {
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// Keys.
    pub seal: Seal,
    /// The gateways that are known.
    pub gateways: Arc<Gateways>,
    /// The accounts.
    pub accounts: Arc<Accounts>,
    /// The runs under way.
    pub active: Arc<Active>,
    /// The campaigns as they were last read.
    pub library: Arc<RwLock<Library>>,
    /// Where the private side listens, if it does.
    pub address: Option<SocketAddr>,
    /// Where the public side listens, if it has a port of its own.
    pub public_address: Option<SocketAddr>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    /// Ends first: they make work.
    makers: Vec<JoinHandle<()>>,
    /// Once the makers have ended: standing connections may be closed.
    drained: watch::Sender<bool>,
    /// Ends next: they take what comes over standing connections.
    listeners: Vec<JoinHandle<()>>,
    /// Ends next, in this order: they finish it.
    recorder: Option<JoinHandle<()>>,
    web: Vec<JoinHandle<()>>,
    appender: Option<JoinHandle<()>>,
    matcher: Option<JoinHandle<()>>,
    renewer: JoinHandle<()>,
    _lock: Option<lock::Lock>,
}

impl App {
    /// Builds everything and starts the loops.
    pub async fn start(config: Config, clock: Clock, holidays: Holidays, options: Options) -> anyhow::Result<Self> {
        // A second installation fails, which is as good: some provider is there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let lock = lock::Lock::take(&config.database_url)?;
        let Opened { db, seal } = open(&config).await?;
        let gateways = Arc::new(account::gateways(config.gateways_dir.as_deref())?);

        // The port is bound before accounts are built: where `listen` has port 0, callbacks must name the real one.
        let mut config = config;
        let web = options.parts.contains(&Part::Web);
        let private = if web { Some(listen::bind(config.server.listen).await?) } else { None };
        let public = match config.server.public_listen.filter(|_| web) {
            Some(address) => Some(listen::bind(address).await?),
            None => None,
        };
        let address = private.as_ref().and_then(|l| l.local_addr().ok());
        let public_address = public.as_ref().and_then(|l| l.local_addr().ok());
        if config.server.public_url.is_none() {
            config.server.public_url = public_address.or(address).filter(|a| a.ip().is_loopback()).map(|a| format!("http://{a}"));
        }

        let accounts = Arc::new(Accounts::build_with(&config, &gateways, &options.stand_ins, &db, &seal, &clock).await?);
        let now = clock.millis();
        if db.engine() == Engine::Postgres {
            node::same_time(&db, now).await?;
        }
        let node = node::name();
        let epoch = epoch::register(&db, &node, now).await?;
        if db.engine() == Engine::Sqlite {
            epoch::expire_others(&db, epoch).await?;
        }
        epoch::sweep(&db, epoch, loops::settle_at(now), now).await?;
        let phones = config.accounts.iter().any(account::reaches_phones);
        let active = Arc::new(Active::new(db.clone(), config.office.clone()).reaching_phones(phones));
        active.refresh().await?;
        let shelf = Arc::new(Shelf::new(&config.campaigns_dir));
        shelf.look(&db).await?;
        let library = shelf.cell();
        let shared = Arc::new(Shared {
            db: db.clone(),
            clock: clock.clone(),
            seal: seal.clone(),
            active: Arc::clone(&active),
            accounts: Arc::clone(&accounts),
            limits: config.limits.clone(),
            public_url: config.server.public_url.clone(),
            lease: Lease::new(node, epoch, now),
            work: Arc::default(),
            jitter: parts::chance(),
        });
        let (stop, stopped) = watch::channel(false);
        let ground = Ground { config: &config, shared: &shared, shelf: &shelf, holidays: &holidays, stopped: &stopped };
        let schedules = options.parts.contains(&Part::Schedule);
        let mut makers = ground.reading();
        if schedules {
            makers.extend(ground.scheduling(options.cadence)?);
        }
        // Files lie where they were uploaded: whoever takes them takes them in.
        if schedules || web {
            makers.push(ground.intake());
        }
        let matcher = Matcher {
            db: db.clone(),
            clock: clock.clone(),
            node: epoch,
            active: Arc::clone(&active),
            seal: seal.clone(),
            bounces: config.bounces,
        };
        let (again, early) = mpsc::channel(64);
        let ear = Ear::new(seal.clone(), &config.office.opt_out);
        let (inbox, appender) = receipt::inbox(matcher.clone(), ear);
        let (drained, lanes_drained) = watch::channel(false);
        let (mut listeners, mut recorder) = (Vec::new(), None);
        if options.parts.contains(&Part::Dispatch) {
            let sending = ground.sending(&inbox, &matcher, &again, &lanes_drained)?;
            makers.extend(sending.makers);
            (listeners, recorder) = (sending.listeners, Some(sending.recorder));
        }
        let arrived = Arc::new(tokio::sync::Notify::new());
        let appender_task = tokio::spawn(loops::drive_appender(appender, Arc::clone(&arrived), Arc::clone(&shared)));
        let matcher_task =
            tokio::spawn(loops::drive_matcher(matcher, arrived, early, again, Arc::clone(&shared), stopped.clone()));
        let definitions = (shelf, Arc::clone(&gateways), holidays);
        let web = listen::serve([private, public], &config, definitions, &shared, inbox, &stopped)?;
        let renewer = tokio::spawn(loops::renew(Arc::clone(&shared), stopped));

        Ok(Self {
            db,
            clock,
            seal,
            gateways,
            accounts,
            active,
            library,
            address,
            public_address,
            shared,
            stop,
            drained,
            makers,
            listeners,
            recorder,
            web,
            appender: Some(appender_task),
            matcher: Some(matcher_task),
            renewer,
            _lock: lock,
        })
    }

    /// Wakes everything that looks for work: a run was just made.
    pub async fn wake(&self) -> anyhow::Result<()> {
        self.active.refresh().await?;
        self.shared.work.notify_waiters();
        Ok(())
    }

    /// Ends in order. Nothing is left in doubt unless a gateway leaves its last sends unanswered.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        // Nobody listening any more is what is wanted.
        let _ = self.stop.send(true);
        self.shared.work.notify_waiters();
        let finish = async {
            finished_all(std::mem::take(&mut self.makers)).await;
            let _ = self.drained.send(true);
            finished_all(std::mem::take(&mut self.listeners)).await;
            for task in [self.recorder.take()].into_iter().flatten().chain(self.web.drain(..)) {
                finished(task.await);
            }
            for task in [self.appender.take(), self.matcher.take()].into_iter().flatten() {
                finished(task.await);
            }
        };
        if tokio::time::timeout(LAST_SENDS, finish).await.is_err() {
            tracing::warn!("stopped without waiting any longer for the last sends: they are in doubt");
        }
        self.renewer.abort();
        if !epoch::end(&self.db, self.shared.epoch()).await? {
            tracing::warn!("some deliveries are still in flight: the next process takes them as in doubt");
        }
        self.db.close().await;
        Ok(())
    }
}

async fn finished_all(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        finished(task.await);
    }
}

fn finished(task: Result<(), tokio::task::JoinError>) {
    if let Err(error) = task {
        tracing::error!(%error, "a part ended early");
    }
}
