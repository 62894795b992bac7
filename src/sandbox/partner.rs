//! A carrier's stand-in for relay orders: it takes pushed CAP documents, or polls for them with a token, answers over the partner API and
//! reports in steps. `loa sandbox --partner`, `loa demo` and the tests use it.
//!
//! What enters: documents at `/OUTLET`, and the office's feed. What leaves: acknowledgements, refusals and cumulative reports with made-up
//! counts, the same for the same seed. [`Habit`]s make it late, wrong, or say everything twice; an outlet's name may ask for them
//! (`viettel-wrong-twice`). It reads documents for itself, by their tags, and knows nothing of Loa's own reader. [`Partner::step`] does
//! what is next of each order; what the office answers is kept ([`Said`]).

mod counts;
mod document;
mod habit;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    routing::post,
};
use providers::exchange::{Ask, Exchange, Method};
use serde::Serialize;
use serde_json::json;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use self::{
    counts::Fault,
    document::Document,
    habit::{Act, plan},
};
use crate::clock::Clock;

pub use self::habit::Habit;

/// Bytes of the largest document that is taken, and of the longest answer that is read.
const LARGEST: usize = 1024 * 1024;
/// The media type of orders.
const CAP: &str = "application/cap+xml";
/// How long requests in hand may take when it stops.
const GRACE: Duration = Duration::from_secs(5);

/// An outlet that the stand-in plays.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its name: where documents are pushed to, below the stand-in's address.
    pub outlet: String,
    /// A token of its user at the office's Loa; empty: it answers nothing.
    pub token: String,
    /// It asks for its orders by itself.
    pub pulls: bool,
    /// What it does otherwise than it should, beside what its name asks for.
    pub habits: BTreeSet<Habit>,
}

impl Member {
    /// With the habits that its name asks for.
    fn named(mut self) -> Self {
        self.habits.extend(Habit::of_name(&self.outlet));
        self
    }
}

/// How to start a [`Partner`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens for pushed documents; none: it only asks.
    pub listen: Option<SocketAddr>,
    /// The office's Loa; empty until [`Partner::works_for`].
    pub office: String,
    /// Whom it plays.
    pub members: Vec<Member>,
    /// Reports of each order, the last of them final: at least one.
    pub steps: u32,
    /// The time.
    pub clock: Clock,
    /// One seed, the same counts.
    pub seed: u64,
}

impl Options {
    /// Nobody yet, on any free port.
    pub fn new(clock: Clock) -> Self {
        let any = SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0));
        Self { listen: Some(any), office: String::new(), members: Vec::new(), steps: 3, clock, seed: 1 }
    }
}

/// What was said to the office, and what it answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// By which outlet.
    pub outlet: String,
    /// Of which order.
    pub order: String,
    /// `acknowledge`, `refuse`, `begin`, `report`, `correct`, `again`.
    pub what: &'static str,
    /// What was said.
    pub body: String,
    /// The answer's status; 0: there was none.
    pub status: u16,
}

/// An order that was taken.
#[derive(Debug)]
struct Job {
    outlet: String,
    document: Document,
    acts: VecDeque<Act>,
    /// Steps that were reported.
    reported: u32,
    sequence: i64,
    /// Where the last thing was said, and what.
    last: Option<(&'static str, String, String)>,
}

#[derive(Default)]
struct Desk {
    office: String,
    members: Vec<Member>,
    jobs: BTreeMap<String, Job>,
    hurried: bool,
    /// Orders whose push was answered as if it had broken.
    doubted: BTreeSet<String>,
    said: Vec<Said>,
}

struct Inner {
    desk: Mutex<Desk>,
    exchange: Exchange,
    steps: u32,
    clock: Clock,
    seed: u64,
}

impl Inner {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        // What it holds is whole after each statement: whoever broke off left nothing half done.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running stand-in. Dropped without [`Partner::stop`], it takes nothing more.
pub struct Partner {
    inner: Arc<Inner>,
    address: Option<SocketAddr>,
    stopping: watch::Sender<bool>,
    server: Option<JoinHandle<()>>,
}

impl Partner {
    /// Binds its port and serves.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let members = options.members.into_iter().map(Member::named).collect();
        let desk = Desk { office: options.office, members, ..Desk::default() };
        let inner = Arc::new(Inner {
            desk: Mutex::new(desk),
            exchange: Exchange::new(None, None).map_err(anyhow::Error::msg)?,
            steps: options.steps.max(1),
            clock: options.clock,
            seed: options.seed,
        });
        let stopping = watch::Sender::new(false);
        let mut partner = Self { inner, address: None, stopping, server: None };
        if let Some(at) = options.listen {
            let listener = TcpListener::bind(at).await.with_context(|| format!("the partner cannot listen on {at}"))?;
            partner.address = Some(listener.local_addr()?);
            partner.server = Some(tokio::spawn(serve(listener, Arc::clone(&partner.inner), partner.stopping.subscribe())));
        }
        Ok(partner)
    }

    /// Where it listens.
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Says where the office's Loa is: its address may be known only once it runs.
    pub fn works_for(&self, office: &str) {
        office.trim_end_matches('/').clone_into(&mut self.inner.desk().office);
    }

    /// Plays one more outlet.
    pub fn plays(&self, member: Member) {
        self.inner.desk().members.push(member.named());
    }

    /// Whoever was late reports from now on.
    pub fn hurry(&self) {
        self.inner.desk().hurried = true;
    }

    /// What was said so far, in order.
    pub fn said(&self) -> Vec<Said> {
        self.inner.desk().said.clone()
    }

    /// Orders that were taken, and of which nothing more is to be said.
    pub fn finished(&self) -> usize {
        self.inner.desk().jobs.values().filter(|job| job.acts.is_empty()).count()
    }

    /// Asks for orders, and says what is next of each. How much was done; 0: there is nothing to say now.
    pub async fn step(&self) -> usize {
        let mut done = 0;
        let pulling: Vec<Member> = self.inner.desk().members.iter().filter(|member| member.pulls).cloned().collect();
        for member in pulling {
            done += self.pull(&member).await;
        }
        let orders: Vec<String> = self.inner.desk().jobs.keys().cloned().collect();
        for order in orders {
            done += usize::from(self.act(&order).await);
        }
        done
    }

    /// Takes what the office's feed has for an outlet. How many orders that were.
    async fn pull(&self, member: &Member) -> usize {
        let Some((200, feed)) = self.ask(&member.token, Method::GET, "feed", None).await else { return 0 };
        let mut taken = 0;
        for order in document::orders_of_feed(&feed) {
            if self.inner.desk().jobs.contains_key(&order) {
                continue;
            }
            if let Some((200, document)) = self.ask(&member.token, Method::GET, &format!("{order}/document"), None).await {
                taken += usize::from(take(&self.inner, member, &document));
            }
        }
        taken
    }

    async fn ask(&self, token: &str, method: Method, path: &str, body: Option<String>) -> Option<(u16, String)> {
        let office = self.inner.desk().office.clone();
        if office.is_empty() || token.is_empty() {
            return None;
        }
        let (address, bearer) = (format!("{office}/api/v1/orders/{path}"), format!("Bearer {token}"));
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let ask = Ask {
            method,
            address: &address,
            allow_private: true,
            headers: &headers,
            body: body.map(Bytes::from),
            most: 4 * LARGEST,
        };
        let reply = self.inner.exchange.ask(ask).await.ok()?;
        Some((reply.status, String::from_utf8_lossy(&reply.body).into_owned()))
    }

    /// Says what is next of an order. Whether there was something.
    async fn act(&self, order: &str) -> bool {
        let Some((token, act, what, path, body)) = self.next(order) else { return false };
        let answer = self.ask(&token, Method::POST, &path, Some(body.clone())).await;
        let status = answer.map_or(0, |(status, _)| status);
        let mut desk = self.inner.desk();
        let Some(job) = desk.jobs.get_mut(order) else { return false };
        let outlet = job.outlet.clone();
        if matches!(status, 0 | 408 | 429 | 500..=599) {
            // Nobody answered: it is said again, as it was.
            job.acts.push_front(if act == Act::Again { act } else { Act::Again });
        } else if let Act::Report { step, fault: Fault::None | Fault::Corrected, .. } = act {
            job.reported = job.reported.max(step);
        }
        job.last = Some((what, path, body.clone()));
        desk.said.push(Said { outlet, order: order.to_string(), what, body, status });
        true
    }

    /// The next thing to be said of an order: by whom, what, where.
    fn next(&self, order: &str) -> Option<(String, Act, &'static str, String, String)> {
        let mut desk = self.inner.desk();
        let (hurried, ready) = (desk.hurried, !desk.office.is_empty());
        let Desk { jobs, members, .. } = &mut *desk;
        let job = jobs.get_mut(order)?;
        let member = members.iter().find(|member| member.outlet == job.outlet)?;
        let late = member.habits.contains(&Habit::Late) && !hurried;
        let act = *job.acts.front()?;
        if !ready || member.token.is_empty() || late && matches!(act, Act::Report { .. }) {
            return None;
        }
        job.acts.pop_front();
        let note = |words: &str| json!({ "note": words }).to_string();
        let (what, path, body) = match act {
            Act::Acknowledge => ("acknowledge", format!("{order}/acknowledge"), note("Đã nhận, qua chương trình")),
            Act::Begin => ("begin", format!("{order}/begin"), note("Đã bắt đầu nhắn tin")),
            Act::Refuse => ("refuse", format!("{order}/refuse"), json!({ "why": "Chưa có hợp đồng" }).to_string()),
            Act::Again => {
                let (_, path, body) = job.last.clone()?;
                ("again", path, body)
            }
            Act::Report { step, fault, last } => {
                job.sequence += 1;
                let wanted = counts::Wanted {
                    seed: self.inner.seed,
                    outlet: &job.outlet,
                    order,
                    document: &job.document,
                    sequence: job.sequence,
                    step,
                    steps: self.inner.steps,
                    fault,
                    last,
                    at: self.inner.clock.now(),
                };
                (
                    if fault == Fault::Corrected { "correct" } else { "report" },
                    format!("{order}/reports"),
                    counts::report(&wanted).to_string(),
                )
            }
        };
        Some((member.token.clone(), act, what, path, body))
    }

    /// Takes nothing more.
    pub async fn stop(mut self) {
        self.stopping.send_replace(true);
        if let Some(mut server) = self.server.take()
            && tokio::time::timeout(GRACE, &mut server).await.is_err()
        {
            server.abort();
        }
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        self.stopping.send_replace(true);
    }
}

/// Takes a document: once. Whether it is new and readable.
fn take(inner: &Inner, member: &Member, text: &str) -> bool {
    let Some(document) = document::read(text) else { return false };
    let identifier = document.identifier.clone();
    let mut desk = inner.desk();
    if desk.jobs.contains_key(&identifier) {
        return false;
    }
    // What it follows is not gone on with; what was counted of it is said for the last time.
    if let Some(earlier) = &document.earlier
        && let Some(job) = desk.jobs.get_mut(earlier)
    {
        let step = job.reported;
        job.acts.clear();
        if (1..inner.steps).contains(&step) {
            job.acts.push_back(Act::Report { step, fault: Fault::None, last: true });
        }
    }
    let acts = plan(&document, &member.habits, inner.steps);
    let outlet = member.outlet.clone();
    desk.jobs.insert(identifier, Job { outlet, document, acts, reported: 0, sequence: 0, last: None });
    true
}

async fn serve(listener: TcpListener, inner: Arc<Inner>, mut stopping: watch::Receiver<bool>) {
    let router = Router::new().route("/{outlet}", post(pushed)).layer(DefaultBodyLimit::max(LARGEST)).with_state(inner);
    let stopped = async move {
        // An error means that the stand-in is gone.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    let _ = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
}

/// Takes a pushed document, and says so: pushed again, it is the same.
async fn pushed(
    State(inner): State<Arc<Inner>>,
    Path(outlet): Path<String>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, &'static str) {
    let member = inner.desk().members.iter().find(|member| member.outlet == outlet).cloned();
    let Some(member) = member else { return (StatusCode::NOT_FOUND, "no such outlet") };
    if headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_none_or(|kind| !kind.starts_with(CAP)) {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "application/cap+xml is wanted");
    }
    let Some(document) = document::read(&body) else { return (StatusCode::BAD_REQUEST, "this is no order") };
    take(&inner, &member, &body);
    if member.habits.contains(&Habit::Doubtful) && inner.desk().doubted.insert(document.identifier) {
        return (StatusCode::BAD_GATEWAY, "");
    }
    (StatusCode::ACCEPTED, "")
}
