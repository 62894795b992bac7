//! The account's connections as one line: which of them takes the next submission, and who keeps them up.
//!
//! The window is shared out among the connections that submit. One that was told to slow down holds for 1, 2, 4 … 60
//! seconds. One that ended comes back after as long, at random within the second half of it, so that many accounts do not
//! come back at once; one whose name or password was refused comes back only when somebody sends again.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use rustls::ClientConfig;
use tokio::{
    sync::{Notify, mpsc, watch},
    time::{Instant, sleep, timeout},
};

use super::{
    bind::{self, Bound},
    pdu::Role,
    session::{Came, End, Session},
    settings::{Bind, Settings},
};
use crate::network::{self, Unreached, Wire};

/// The longest wait before a connection is tried again, and the longest hold.
const LONGEST: Duration = Duration::from_mins(1);
/// A refused name or password is tried again on demand, and not before.
const STOPPED: Duration = Duration::from_secs(5);

/// Opens connections.
#[async_trait]
pub(super) trait Dial: Send + Sync {
    async fn dial(&self) -> Result<Box<dyn Wire>, Unreached>;
}

/// Over TCP, secured where that is set.
pub(super) struct Tcp {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) allow_private: bool,
    pub(super) tls: Option<Arc<ClientConfig>>,
}

#[async_trait]
impl Dial for Tcp {
    async fn dial(&self) -> Result<Box<dyn Wire>, Unreached> {
        let tcp = network::connect(&self.host, self.port, self.allow_private).await?;
        match &self.tls {
            Some(tls) => network::secured(&self.host, tls, tcp).await,
            None => Ok(Box::new(tcp)),
        }
    }
}

/// All connections of an account.
pub(super) struct Line {
    settings: Arc<Settings>,
    dial: Arc<dyn Dial>,
    links: Mutex<Vec<Link>>,
    /// A place came free, or a connection changed.
    changed: Notify,
    /// Somebody sends over a connection that was stopped.
    demanded: Notify,
    closing: watch::Sender<bool>,
}

/// One connection, or what is left of it.
struct Link {
    role: Role,
    state: LinkState,
    /// Its share of the window.
    share: usize,
    /// Of these, taken.
    taken: usize,
    /// Counts connections: a place of an earlier one frees nothing of a later one.
    life: u64,
    hold: Hold,
}

#[derive(Default)]
struct Hold {
    until: Option<Instant>,
    /// The carrier's words.
    why: String,
    /// Times told to slow down in a row.
    times: u32,
}

impl Hold {
    /// For how long yet, if it does.
    fn left(&self, now: Instant) -> Option<Duration> {
        Some(self.until?.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }
}

enum LinkState {
    /// Under way for the first time, or again on demand.
    Opening,
    Up(Arc<Session<Place>>),
    /// It comes back at this time.
    Down(String, Instant),
    /// A person must mend it; since when.
    Stopped(String, Instant),
}

/// A place in the window of one connection: free again when this is dropped.
pub(super) struct Place {
    line: Arc<Line>,
    link: usize,
    life: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut links = self.line.links();
        if let Some(link) = links.get_mut(self.link).filter(|link| link.life == self.life) {
            link.taken -= 1;
        }
        drop(links);
        self.line.changed.notify_one();
    }
}

/// A connection, and a place in its window.
pub(super) type Found = (Arc<Session<Place>>, Place);

/// Why there is no place to submit from; nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// Told to slow down: in which words, and for how long yet.
    Held(String, Duration),
    /// No connection stands: why, and when the next try is.
    Down(String, Duration),
    /// A person must mend it.
    Stopped(String),
}

impl Line {
    pub(super) fn new(settings: Arc<Settings>, dial: Arc<dyn Dial>) -> Self {
        let binds = usize::try_from(settings.binds).unwrap_or(usize::MAX).max(1);
        let window = usize::try_from(settings.window).unwrap_or(usize::MAX);
        let mut links = Vec::new();
        for bind in 0..binds {
            let share = window / binds + usize::from(bind < window % binds);
            let link = |role, share| Link { role, state: LinkState::Opening, share, taken: 0, life: 0, hold: Hold::default() };
            match settings.bind {
                Bind::Transceiver => links.push(link(Role::Transceiver, share)),
                Bind::Pair => links.extend([link(Role::Transmitter, share), link(Role::Receiver, 0)]),
            }
        }
        let links = Mutex::new(links);
        Self { settings, dial, links, changed: Notify::new(), demanded: Notify::new(), closing: watch::Sender::new(false) }
    }

    fn links(&self) -> MutexGuard<'_, Vec<Link>> {
        // Nothing panics while it holds the lock; were it so, what it guards would still be whole.
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many connections there should be.
    pub(super) fn len(&self) -> usize {
        self.links().len()
    }

    /// How many stand.
    pub(super) fn up(&self) -> usize {
        self.links().iter().filter(|link| matches!(link.state, LinkState::Up(_))).count()
    }

    /// Whether the end was asked for.
    pub(super) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Asks for the end: every connection is unbound in order.
    pub(super) fn close(&self) {
        self.closing.send_replace(true);
        self.demanded.notify_waiters();
        self.changed.notify_waiters();
    }

    /// A place to submit from, as soon as one is free.
    pub(super) async fn place(self: &Arc<Self>) -> Result<Found, NoPlace> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // In line before looking, so that a place that comes free meanwhile is not missed.
            changed.as_mut().enable();
            if let Some(found) = self.look() {
                return found;
            }
            changed.await;
        }
    }

    /// A place, or why there is none; nothing: it is worth waiting.
    fn look(self: &Arc<Self>) -> Option<Result<Found, NoPlace>> {
        if self.is_closing() {
            return Some(Err(NoPlace::Down("the account is closing".into(), Duration::ZERO)));
        }
        let now = Instant::now();
        let mut links = self.links();
        let (mut held, mut down, mut stopped) = (None::<(Duration, String)>, None, None);
        let (mut worth_waiting, mut best) = (false, None::<(usize, usize)>);
        for (at, link) in links.iter_mut().enumerate().filter(|(_, link)| link.role != Role::Receiver) {
            match &link.state {
                LinkState::Up(_) => match link.hold.left(now) {
                    Some(left) if held.as_ref().is_some_and(|(least, _)| *least <= left) => {}
                    Some(left) => held = Some((left, link.hold.why.clone())),
                    _ if link.taken >= link.share => worth_waiting = true,
                    _ => {
                        let free = link.share - link.taken;
                        if best.is_none_or(|(_, most)| free > most) {
                            best = Some((at, free));
                        }
                    }
                },
                LinkState::Opening => worth_waiting = true,
                LinkState::Down(why, until) => down = Some((why.clone(), until.saturating_duration_since(now))),
                LinkState::Stopped(_, since) if now - *since >= STOPPED => {
                    link.state = LinkState::Opening;
                    self.demanded.notify_waiters();
                    worth_waiting = true;
                }
                LinkState::Stopped(why, _) => stopped = Some(why.clone()),
            }
        }
        if let Some(at) = best.map(|(at, _)| at)
            && let Some(link) = links.get_mut(at)
            && let LinkState::Up(session) = &link.state
        {
            link.taken += 1;
            let place = Place { line: Arc::clone(self), link: at, life: link.life };
            return Some(Ok((Arc::clone(session), place)));
        }
        drop(links);
        match (worth_waiting, held, stopped, down) {
            (true, ..) => None,
            (false, Some((left, why)), ..) => Some(Err(NoPlace::Held(why, left))),
            (false, None, Some(why), _) => Some(Err(NoPlace::Stopped(why))),
            (false, None, None, Some((why, left))) => Some(Err(NoPlace::Down(why, left))),
            (false, None, None, None) => Some(Err(NoPlace::Down("there is no connection that submits".into(), Duration::ZERO))),
        }
    }

    /// The connection of this place was told to slow down, in these words. For how long it holds.
    pub(super) fn hold(&self, link: usize, why: &str) -> Duration {
        let now = Instant::now();
        let mut links = self.links();
        let Some(Link { hold, .. }) = links.get_mut(link) else { return Duration::ZERO };
        // Who waits for a place of it learns that it holds.
        self.changed.notify_waiters();
        // What was outstanding when it began says nothing new.
        if let Some(left) = hold.left(now) {
            return left;
        }
        let pause = doubled(hold.times);
        *hold = Hold { until: Some(now + pause), why: why.to_owned(), times: hold.times + 1 };
        pause
    }

    /// Whether the connection of this place holds.
    pub(super) fn held(&self, link: usize) -> Option<NoPlace> {
        let links = self.links();
        let hold = &links.get(link)?.hold;
        Some(NoPlace::Held(hold.why.clone(), hold.left(Instant::now())?))
    }

    /// The connection took a submission: unless it holds, it may go on as before.
    pub(super) fn took(&self, link: usize) {
        let now = Instant::now();
        let mut links = self.links();
        if let Some(Link { hold, .. }) = links.get_mut(link)
            && hold.until.is_some_and(|until| until <= now)
        {
            *hold = Hold::default();
        }
    }

    /// Opens and binds a connection of its own.
    pub(super) async fn open(&self, role: Role) -> Result<Bound<Place>, End> {
        let opened = async {
            let wire = self.dial.dial().await.map_err(|fault| match fault {
                Unreached::Setup(why) => End::Setup(why),
                Unreached::Lost(why) => End::Lost(why),
            })?;
            bind::bind(&self.settings, role, wire).await
        };
        let limit = self.settings.timeout;
        timeout(limit, opened).await.unwrap_or_else(|_| Err(End::Lost(format!("no bind within {} s", limit.as_secs()))))
    }

    /// Keeps one connection up, until the end is asked for.
    pub(super) async fn keep(self: Arc<Self>, link: usize, came: mpsc::UnboundedSender<Came>) {
        let mut closing = self.closing.subscribe();
        let Some(role) = self.links().get(link).map(|link| link.role) else { return };
        let mut failures = 0;
        while !self.is_closing() {
            let opened = tokio::select! {
                opened = self.open(role) => opened,
                _ = closing.wait_for(|closing| *closing) => break,
            };
            let end = match opened {
                Ok(bound) => {
                    let since = Instant::now();
                    self.stands(link, &bound);
                    let end = bound.run(&self.settings, &came, self.closing.subscribe()).await;
                    if since.elapsed() >= LONGEST {
                        failures = 0;
                    }
                    end
                }
                Err(end) => end,
            };
            match end {
                End::Closed => break,
                End::Setup(why) => {
                    tracing::error!(host = self.settings.host, why, "an SMPP connection needs a person");
                    self.becomes(link, LinkState::Stopped(why, Instant::now()));
                    self.wanted(link).await;
                }
                End::Lost(why) => {
                    let wait = doubled(failures).mul_f64(f64::midpoint(1.0, (self.settings.jitter)().clamp(0.0, 1.0)));
                    failures += 1;
                    tracing::warn!(host = self.settings.host, why, wait_ms = wait.as_millis(), "an SMPP connection ended");
                    self.becomes(link, LinkState::Down(why, Instant::now() + wait));
                    tokio::select! {
                        () = sleep(wait) => {}
                        _ = closing.wait_for(|closing| *closing) => {}
                    }
                }
            }
        }
        self.becomes(link, LinkState::Down("the account is closed".into(), Instant::now()));
    }

    fn stands(&self, link: usize, bound: &Bound<Place>) {
        let mut links = self.links();
        if let Some(link) = links.get_mut(link) {
            link.life += 1;
            link.taken = 0;
            link.state = LinkState::Up(Arc::clone(&bound.session));
        }
        drop(links);
        self.changed.notify_waiters();
    }

    fn becomes(&self, link: usize, state: LinkState) {
        if let Some(link) = self.links().get_mut(link) {
            link.life += 1;
            link.taken = 0;
            link.state = state;
        }
        self.changed.notify_waiters();
    }

    /// Until somebody sends over a stopped connection again, or the end is asked for.
    async fn wanted(&self, link: usize) {
        loop {
            let demanded = self.demanded.notified();
            let stopped = self.links().get(link).is_some_and(|link| matches!(link.state, LinkState::Stopped(..)));
            if self.is_closing() || !stopped {
                return;
            }
            // A connection that nothing is sent over has nobody to want it: it follows the others.
            tokio::select! {
                () = demanded => {}
                () = sleep(LONGEST) => if self.only_receives(link) { return },
            }
        }
    }

    fn only_receives(&self, link: usize) -> bool {
        let links = self.links();
        let receives = links.get(link).is_some_and(|link| link.role == Role::Receiver);
        receives && links.iter().any(|link| link.role != Role::Receiver && matches!(link.state, LinkState::Up(_)))
    }
}

impl Place {
    /// The number of its connection.
    pub(super) const fn link(&self) -> usize {
        self.link
    }
}

/// 1, 2, 4 … 60 seconds.
fn doubled(times: u32) -> Duration {
    Duration::from_secs(1 << times.min(6)).min(LONGEST)
}
