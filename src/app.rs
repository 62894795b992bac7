//! The application: everything built from a configuration and a clock, its loops, its start and its end.
//!
//! `loa serve`, `loa demo`, `loa send --wait` and the tests share it. [`App::start`] builds and starts; [`App::stop`] ends
//! in order: no new claims, what was claimed but not sent goes back, what is in flight is recorded, receipts that were
//! answered are applied, and the process's epoch ends owning nothing. What can go wrong at the start names its setting;
//! what goes wrong in a loop is logged, and the loop goes on.

mod estimate;
pub mod key;
pub mod lock;
mod loops;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use providers::{exchange::Exchange, webhook::Poster};
use rand::Rng as _;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::{
    account::{self, Accounts, Gateways, StandIns},
    active::Active,
    audience::{self, key::KeyError},
    bulletin::poll::Poller as Bulletins,
    campaign::{Holidays, Library},
    clock::Clock,
    config::Config,
    db::{Db, Engine, Schema, Sql},
    dispatch::{Confirmer, Lane, Lease, Poller, Recorder, Shared},
    edition::Shelf,
    epoch,
    intake::{self, Intake},
    notice, on,
    period::Calendar,
    phrase,
    receipt::{self, Inbox, Matcher},
    relay::push::Pusher,
    reply::Ear,
    report::kept::Keeper,
    retention::Retention,
    run::{Lines, Runner},
    seal::Seal,
    upstream::Upstream,
    web,
    webhook::tell::Teller,
    words::Phrase,
};

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

/// Why an application cannot be opened or started here, in words for the person at the keyboard.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct Refusal {
    /// What is in the way.
    pub words: Phrase,
    /// Whether the settings are wrong, rather than the moment.
    pub mistake: bool,
}

impl Refusal {
    fn now(words: Phrase) -> Self {
        Self { words, mistake: false }
    }

    fn of_settings(words: Phrase) -> Self {
        Self { words, mistake: true }
    }
}

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

/// What a command without loops needs: the database, opened, migrated and keyed.
pub struct Opened {
    /// The database.
    pub db: Db,
    /// Keys.
    pub seal: Seal,
}

/// Opens the configured database, brings its schema up to date, and loads the keys, making a key file where there is none.
pub async fn open(config: &Config) -> anyhow::Result<Opened> {
    let key = key::ensure(config)?;
    let db = Db::open(&config.database_url).await.context("the database cannot be opened")?;
    if db.schema().await? == Schema::Ahead {
        return Err(Refusal::of_settings(phrase!(
            "cơ sở dữ liệu thuộc một phiên bản loa mới hơn: cài lại phiên bản ấy",
            "the database belongs to a later version of loa: install that one again"
        ))
        .into());
    }
    db.migrate().await.context("the database cannot be brought up to date")?;
    let seal = match audience::key::load(&db, &key, &config.server.previous_keys).await {
        Err(KeyError::Foreign) => {
            return Err(Refusal::of_settings(phrase!(
                "khóa trong [server] không phải của cơ sở dữ liệu này: đặt lại khóa cũ vào key hoặc previous_keys",
                "[server] key does not fit this database: give the key it was used with, as key or among previous_keys"
            ))
            .into());
        }
        loaded => loaded?,
    };
    Ok(Opened { db, seal })
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
        let private = if web { Some(bind(config.server.listen).await?) } else { None };
        let public = match config.server.public_listen.filter(|_| web) {
            Some(address) => Some(bind(address).await?),
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
            same_time(&db, now).await?;
        }
        let node = node_name();
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
            jitter: Box::new(|| rand::rng().random()),
        });
        let (stop, stopped) = watch::channel(false);
        let mut makers = Vec::new();
        makers.push(tokio::spawn(loops::refresh(Arc::clone(&shared), stopped.clone())));
        let shelving = loops::drive_shelf(
            Arc::clone(&shelf),
            db.clone(),
            clock.clone(),
            (config.clone(), holidays.clone()),
            stopped.clone(),
        );
        makers.push(tokio::spawn(shelving));
        if options.parts.contains(&Part::Schedule) {
            let (lines_of, ticking) = (Arc::clone(&accounts), clock.clone());
            let lines: Lines = Arc::new(move || lines_of.lines(ticking.ticks()));
            let runner = Runner { db: db.clone(), clock: clock.clone(), node: epoch, active: Arc::clone(&active), lines };
            let served = accounts.all().iter().flat_map(|account| account.routes()).collect();
            let ground = notice::find::Ground { db: db.clone(), clock: clock.clone(), config: config.clone(), served };
            let post = notice::mail::Post::new(&config, &db, &clock, &seal, &accounts);
            makers.push(tokio::spawn(loops::drive_notices(ground, post, stopped.clone())));
            let reminder = notice::remind::Reminder::new(&config, &db, &clock, &seal, &accounts);
            makers.push(tokio::spawn(loops::drive_reminder(reminder, stopped.clone())));
            makers.push(tokio::spawn(loops::drive_figures(Arc::clone(&shared), stopped.clone())));
            makers.push(tokio::spawn(loops::drive_audit(db.clone(), stopped.clone())));
            makers.push(tokio::spawn(loops::drive_retention(Retention::new(db.clone(), clock.clone()), stopped.clone())));
            let keeper = Keeper::new(db.clone(), clock.clone(), Calendar::of(&config.reporting));
            makers.push(tokio::spawn(loops::drive_keeper(keeper, stopped.clone())));
            makers.push(tokio::spawn(loops::drive_warnings(Arc::clone(&shared), stopped.clone())));
            makers.push(tokio::spawn(loops::drive_pulse(db.clone(), clock.clone(), stopped.clone())));
            makers.push(tokio::spawn(loops::drive_runner(runner, Arc::clone(&shared), stopped.clone())));
            let poster = poster(&config)?;
            let teller = Teller::new(db.clone(), clock.clone(), seal.clone(), poster, Box::new(|| rand::rng().random()));
            makers.push(tokio::spawn(loops::drive_teller(teller, stopped.clone())));
            if config.upstream.is_some()
                && let Some(upstream) = Upstream::new(&config, &db, &clock, &shelf, exchange(&config)?)
            {
                makers.push(tokio::spawn(loops::drive_upstream(upstream, Arc::clone(&shared), stopped.clone())));
            }
            if options.cadence && !config.bulletins.is_empty() {
                let reach = exchange(&config)?;
                let bulletins = Bulletins::new(&config, db.clone(), clock.clone(), reach, Box::new(|| rand::rng().random()));
                makers.push(tokio::spawn(loops::drive_bulletins(bulletins, stopped.clone())));
            }
            if options.cadence {
                let schedule = loops::Schedule {
                    db: db.clone(),
                    clock: clock.clone(),
                    shelf: Arc::clone(&shelf),
                    holidays: holidays.clone(),
                    config: config.clone(),
                };
                makers.push(tokio::spawn(loops::drive_schedule(schedule, stopped.clone())));
            }
        }
        // Files lie where they were uploaded: whoever takes them takes them in.
        if options.parts.contains(&Part::Schedule) || options.parts.contains(&Part::Web) {
            let (db, seal, clock) = (db.clone(), seal.clone(), clock.clone());
            let intake = Intake { db, seal, clock, folder: intake::folder(&config) };
            makers.push(tokio::spawn(loops::drive_intake(intake, Arc::clone(&shared), stopped.clone())));
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
        let mut listeners = Vec::new();
        let mut recorder_task = None;
        if options.parts.contains(&Part::Dispatch) {
            let (recorder, verdicts) = Recorder::new(Arc::clone(&shared));
            for account in accounts.all() {
                let lane = Lane::new(Arc::clone(&shared), Arc::clone(account), verdicts.clone());
                makers.push(tokio::spawn(loops::drive_lane(lane, Arc::clone(&shared), stopped.clone())));
                let listening = loops::drive_events(Arc::clone(account), inbox.clone(), verdicts.clone(), lanes_drained.clone());
                listeners.push(tokio::spawn(listening));
            }
            let confirmer = Confirmer::new(Arc::clone(&shared), config.office.clone());
            makers.push(tokio::spawn(loops::drive_confirmer(confirmer, stopped.clone())));
            let pusher = Pusher::new(&config, db.clone(), clock.clone(), seal.clone(), exchange(&config)?);
            makers.push(tokio::spawn(loops::drive_pusher(pusher, stopped.clone())));
            let poller = Poller::new(Arc::clone(&shared));
            makers.push(tokio::spawn(loops::drive_poller(poller, matcher.clone(), stopped.clone())));
            makers.push(tokio::spawn(loops::ask_balances(Arc::clone(&shared), stopped.clone())));
            makers.push(tokio::spawn(loops::drive_doubts(Arc::clone(&shared), matcher.clone(), stopped.clone())));
            recorder_task = Some(tokio::spawn(loops::drive_recorder(recorder, again.clone())));
        }
        let arrived = Arc::new(tokio::sync::Notify::new());
        let appender_task = tokio::spawn(loops::drive_appender(appender, Arc::clone(&arrived), Arc::clone(&shared)));
        let matcher_task =
            tokio::spawn(loops::drive_matcher(matcher, arrived, early, again, Arc::clone(&shared), stopped.clone()));
        let definitions = (shelf, Arc::clone(&gateways), holidays);
        let web = serve_web([private, public], &config, definitions, &shared, inbox, &stopped)?;
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
            recorder: recorder_task,
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

/// Reaches webhooks, over the network that the settings describe.
fn poster(config: &Config) -> anyhow::Result<Poster> {
    let network = &config.network;
    Poster::new(network.proxy.as_deref(), trusted(config)?.as_deref()).map_err(anyhow::Error::msg)
}

/// Reaches outlets and other systems that are no gateways.
pub fn exchange(config: &Config) -> anyhow::Result<Exchange> {
    let network = &config.network;
    Exchange::new(network.proxy.as_deref(), trusted(config)?.as_deref()).map_err(anyhow::Error::msg)
}

/// The certificates that are trusted beside the system's.
fn trusted(config: &Config) -> anyhow::Result<Option<Vec<u8>>> {
    config.network.ca_file.as_ref().map(std::fs::read).transpose().context("[network] ca_file cannot be read")
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

async fn bind(address: SocketAddr) -> anyhow::Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::bind(address)
        .await
        .map_err(|error| Refusal::now(phrase!("không mở được {address}", "cannot listen on {address}").because(&error)).into())
}

/// How far a node's clock may be from the database's.
const SKEW: Duration = Duration::from_secs(10);

static DATABASE_TIME: Sql = Sql::new(r"SELECT :now_us");

/// Nodes that share a database need one time: a node that is ahead would take its neighbours for dead.
async fn same_time(db: &Db, now: i64) -> anyhow::Result<()> {
    let theirs: i64 = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&DATABASE_TIME)).fetch_one(pool).await)?;
    let skew = Duration::from_micros((theirs - now * 1000).unsigned_abs());
    anyhow::ensure!(
        skew <= SKEW,
        "this machine's clock is {} s from the database's: nodes that share a database need one time (NTP)",
        skew.as_secs()
    );
    Ok(())
}

/// The machine's name and process number, for people who look at the epochs.
fn node_name() -> String {
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    format!("{}/{}", host.trim(), std::process::id())
}

/// Serves the private side, and the public one where it has a port of its own, until the application stops.
fn serve_web(
    listeners: [Option<tokio::net::TcpListener>; 2],
    config: &Config,
    (shelf, gateways, holidays): (Arc<Shelf>, Arc<Gateways>, Holidays),
    shared: &Arc<Shared>,
    inbox: Inbox,
    stopped: &watch::Receiver<bool>,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let recorder = web::recorder()?;
    let parts = web::Parts {
        db: shared.db.clone(),
        clock: shared.clock.clone(),
        seal: shared.seal.clone(),
        accounts: Arc::clone(&shared.accounts),
        inbox,
        active: Arc::clone(&shared.active),
        config: config.clone(),
        library: shelf.cell(),
        shelf,
        gateways,
        holidays,
        work: Arc::clone(&shared.work),
        metrics: recorder.handle(),
    };
    let state = metrics::with_local_recorder(&recorder, || web::State::new(parts));
    let [private, public] = listeners;
    let sides = [private.map(|l| (l, web::private(state.clone()))), public.map(|l| (l, web::public(state.clone())))];
    Ok(sides
        .into_iter()
        .flatten()
        .map(|(listener, router)| {
            let (state, mut stopped) = (state.clone(), stopped.clone());
            tokio::spawn(async move {
                let shutdown = async {
                    // An error means that the application is gone.
                    let _ = stopped.wait_for(|stop| *stop).await;
                    state.leave();
                };
                if let Err(error) = web::serve(listener, router, shutdown).await {
                    tracing::error!(%error, "the web ended early");
                }
            })
        })
        .collect())
}
