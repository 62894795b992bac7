//! What is reached over HTTP: callbacks of gateways, unsubscribe pages, the status page and what machines ask.
//!
//! What enters: requests, of which nothing is trusted. What leaves: receipts in the inbox (answered only once they are
//! committed), refusals in `consent`, and pages that read and never write. What can go wrong: the database; then the
//! answer is 503, so that a gateway repeats and a person tries again. No page, log line or metric holds personal data.
//!
//! [`private`] is the console's side and has everything; [`public`] is the Internet's side and has receipts, unsubscribe
//! pages, public warnings, the look-up of texts and what outlets' programs need of the API. [`serve`] ends gracefully.

mod accounts;
mod api;
mod card;
mod chart;
mod console;
mod download;
mod genuine;
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
mod warnings;

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
    publish::Publisher,
    receipt::Inbox,
    relay::issue::Letterhead,
    seal::Seal,
    user::openid::Provider,
};

/// The longest that a request may take, its body included.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// The same where a large file comes up over a slow line.
const UPLOAD_TIME: Duration = Duration::from_mins(15);

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
    /// By which people may sign in; none: by a password alone.
    provider: Option<Provider>,
    estimates: console::warnings::Estimates,
    desk: console::desk::Desk,
    started: i64,
    leaving: AtomicBool,
    limiter: api::Limiter,
    document: api::Document,
    /// Who sends orders and warnings, and what signs them.
    letterhead: Letterhead,
    /// What the public is told.
    publisher: Publisher,
    gate: genuine::Gate,
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
            provider: provider(&parts.config),
            estimates: console::warnings::Estimates::default(),
            desk: console::desk::Desk::default(),
            started: parts.clock.millis(),
            leaving: AtomicBool::new(false),
            limiter: api::Limiter::default(),
            document: api::Document::default(),
            letterhead: Letterhead::of(&parts.config),
            publisher: Publisher::default(),
            gate: genuine::Gate::default(),
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

/// The `OpenID` provider of the settings. One that cannot be used is told in the log, and people sign in by their passwords.
fn provider(config: &Config) -> Option<Provider> {
    let settings = config.sign_in.oidc.clone()?;
    Provider::new(settings, &config.network, &config.console_url())
        .inspect_err(|error| tracing::error!(%error, "nobody can sign in by the OpenID provider"))
        .ok()
}

/// The console's side: everything.
pub fn private(state: State) -> Router {
    let routes = receipts::routes()
        .merge(unsubscribe::routes())
        .merge(health::routes())
        .merge(scrape::routes())
        .merge(api::routes(&state))
        .merge(console::routes(&state))
        .merge(warnings::routes())
        .merge(genuine::routes())
        .fallback(console::fault::nowhere)
        .layer(middleware::from_fn_with_state(state.clone(), warnings::aside));
    let slow = console::slow_routes(&state).merge(api::slow_routes(&state));
    finish(routes, slow, state)
}

/// The Internet's side: receipts, unsubscribe pages, what the public is told and what outlets' programs need of the API, nothing else.
pub fn public(state: State) -> Router {
    let routes = receipts::routes()
        .merge(unsubscribe::routes())
        .merge(warnings::routes())
        .merge(warnings::documents())
        .merge(genuine::routes())
        .merge(api::partner_routes(&state))
        .fallback(page::not_found);
    let slow = api::slow_partner_routes(&state);
    finish(routes, slow, state)
}

fn finish(routes: Router<State>, slow: Router<State>, state: State) -> Router {
    let within = |time| TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, time);
    routes
        .layer(within(REQUEST_TIME))
        .merge(slow.layer(within(UPLOAD_TIME)))
        .layer(middleware::map_response(guard::harden))
        .with_state(state)
}
