//! What is reached over HTTP: callbacks of gateways, unsubscribe pages, the status page and what machines ask.
//!
//! What enters: requests, of which nothing is trusted. What leaves: receipts in the inbox (answered only once they are
//! committed), refusals in `consent`, and pages that read and never write. What can go wrong: the database; then the
//! answer is 503, so that a gateway repeats and a person tries again. No page, log line or metric holds personal data.
//!
//! [`private`] is the console's side and has everything; [`public`] is the Internet's side and has receipts and
//! unsubscribe pages alone. [`serve`] ends gracefully.

mod accounts;
mod card;
mod chart;
mod console;
mod guard;
mod health;
mod listen;
mod live;
mod measure;
mod overview;
mod page;
mod reader;
mod receipts;
mod scrape;
mod status;
mod unsubscribe;

use std::{
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, http::StatusCode, middleware};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Notify;
use tower_http::timeout::TimeoutLayer;

pub use listen::serve;
pub use measure::recorder;

use crate::{
    account::{Accounts, Gateways},
    active::Active,
    campaign::{Holidays, Library},
    clock::Clock,
    config::Config,
    db::Db,
    edition::Shelf,
    receipt::Inbox,
    seal::Seal,
};

/// The longest that a request may take, its body included.
const REQUEST_TIME: Duration = Duration::from_secs(30);

/// What the web is made of.
pub struct Parts {
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// Knows callback secrets and unsubscribe links.
    pub seal: Seal,
    /// Whose callbacks come.
    pub accounts: Arc<Accounts>,
    /// Where receipts go.
    pub inbox: Inbox,
    /// The runs under way.
    pub active: Arc<Active>,
    /// loa.toml, with the environment's words.
    pub config: Config,
    /// The campaigns as they were last read.
    pub library: Arc<RwLock<Library>>,
    /// Where they come from: files and the console.
    pub shelf: Arc<Shelf>,
    /// The gateways that are known.
    pub gateways: Arc<Gateways>,
    /// Days off.
    pub holidays: Holidays,
    /// Wakes whatever looks for work: a run was made, stopped or let go on.
    pub work: Arc<Notify>,
    /// Renders what was counted. Its recorder ([`recorder`]) is in force while [`State::new`] runs.
    pub metrics: PrometheusHandle,
}

/// What all handlers share. Cheap to clone.
#[derive(Clone)]
pub struct State(Arc<Shared>);

struct Shared {
    parts: Parts,
    doors: receipts::Doors,
    pages: page::Pages,
    measures: measure::Measures,
    titles: overview::Titles,
    live: live::Live,
    started: i64,
    leaving: AtomicBool,
}

impl State {
    /// Takes the parts together; the process counts as started now, and as ready.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Shared {
            doors: receipts::Doors::new(&parts.accounts, &parts.seal),
            pages: page::Pages::new(&parts.config.office.fields),
            measures: measure::Measures::new(parts.metrics.clone()),
            titles: overview::Titles::default(),
            live: live::Live::default(),
            started: parts.clock.millis(),
            leaving: AtomicBool::new(false),
            parts,
        }))
    }

    /// The process is about to end: `/readyz` says so from now on, so that a load balancer turns elsewhere while what was
    /// begun is finished.
    pub fn leave(&self) {
        self.0.leaving.store(true, Ordering::Relaxed);
        self.0.live.close();
    }
}

/// The console's side: everything.
pub fn private(state: State) -> Router {
    let routes = receipts::routes()
        .merge(unsubscribe::routes())
        .merge(health::routes())
        .merge(scrape::routes())
        .merge(status::routes())
        .merge(console::routes(&state));
    finish(routes, state)
}

/// The Internet's side: receipts and unsubscribe pages, nothing else.
pub fn public(state: State) -> Router {
    finish(receipts::routes().merge(unsubscribe::routes()), state)
}

fn finish(routes: Router<State>, state: State) -> Router {
    routes
        .fallback(page::not_found)
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIME))
        .layer(middleware::map_response(guard::harden))
        .with_state(state)
}
