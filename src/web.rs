//! What is reached over HTTP: callbacks of gateways, unsubscribe pages, the status page and what machines ask.
//!
//! What enters: requests, of which nothing is trusted. What leaves: receipts in the inbox (answered only once they are
//! committed), refusals in `consent`, and pages that read and never write. What can go wrong: the database; then the
//! answer is 503, so that a gateway repeats and a person tries again. No page, log line or metric holds personal data.
//!
//! [`private`] is the console's side and has everything; [`public`] is the Internet's side and has receipts and
//! unsubscribe pages alone. [`serve`] ends gracefully.

mod accounts;
mod guard;
mod health;
mod listen;
mod measure;
mod overview;
mod page;
mod reader;
mod receipts;
mod scrape;
mod status;
mod unsubscribe;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, http::StatusCode, middleware};
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::timeout::TimeoutLayer;

pub use listen::serve;
pub use measure::recorder;

use crate::{account::Accounts, active::Active, clock::Clock, db::Db, receipt::Inbox, seal::Seal};

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
    /// `[office]` of loa.toml.
    pub office: BTreeMap<String, String>,
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
    started: i64,
    leaving: AtomicBool,
}

impl State {
    /// Takes the parts together; the process counts as started now, and as ready.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Shared {
            doors: receipts::Doors::new(&parts.accounts, &parts.seal),
            pages: page::Pages::new(&parts.office),
            measures: measure::Measures::new(parts.metrics.clone()),
            titles: overview::Titles::default(),
            started: parts.clock.millis(),
            leaving: AtomicBool::new(false),
            parts,
        }))
    }

    /// The process is about to end: `/readyz` says so from now on, so that a load balancer turns elsewhere while what was
    /// begun is finished.
    pub fn leave(&self) {
        self.0.leaving.store(true, Ordering::Relaxed);
    }
}

/// The console's side: everything.
pub fn private(state: State) -> Router {
    let routes =
        receipts::routes().merge(unsubscribe::routes()).merge(health::routes()).merge(scrape::routes()).merge(status::routes());
    finish(routes, state)
}

/// The Internet's side: receipts and unsubscribe pages, nothing else.
pub fn public(state: State) -> Router {
    finish(receipts::routes().merge(unsubscribe::routes()), state)
}

fn finish(routes: Router<State>, state: State) -> Router {
    routes
        .fallback(page::not_found)
        .layer(middleware::map_response(guard::harden))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIME))
        .with_state(state)
}
