//! The web side in this process, on a ground, and whoever has signed in there.

use std::{path::Path, sync::Arc};

use axum::Router;
use loa::{
    account::{Accounts, gateways},
    active::Active,
    audit::Actor,
    campaign::Holidays,
    clock::Clock,
    config::{Bounces, Config, OptOut},
    db::Db,
    edition::Shelf,
    receipt::{self, Appender, Matcher},
    reply::Ear,
    seal::Seal,
    transaction,
    user::{self, Role, session},
    web::{self, Parts, State},
};
use reqwest::{Client, redirect};
use tokio::net::TcpListener;

use super::Ground;

/// What `loa serve` would put together for its web side.
pub struct Console {
    pub config: Config,
    pub accounts: Arc<Accounts>,
    pub active: Arc<Active>,
    pub state: State,
    /// Commits what gateways report, for as long as it is stepped.
    pub appender: Appender,
}

impl Console {
    /// With these settings and the words of the environment that they name; `described` is a folder of further gateways.
    pub async fn of(ground: &Ground, clock: &Clock, settings: &str, words: &[(&str, &str)], described: Option<&Path>) -> Self {
        // A second test finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let file = ground.folder.path().join("loa.toml");
        std::fs::write(&file, settings).unwrap();
        let own = [("LOA_DATABASE__URL", ground.url.as_str())];
        let words = own.iter().chain(words).map(|(name, word)| ((*name).to_string(), (*word).to_string())).collect();
        let config = Config::read(Some(&file), &words).unwrap_or_else(|problems| panic!("{problems}"));
        let known = gateways(described).unwrap();
        let accounts = Arc::new(Accounts::build(&config, &known, &ground.db, &ground.seal, clock).await.unwrap());
        let active = Arc::new(Active::new(ground.db.clone(), config.office.clone()));
        let (db, seal) = (ground.db.clone(), ground.seal.clone());
        let matcher =
            Matcher { db, clock: clock.clone(), node: 0, active: Arc::clone(&active), seal, bounces: Bounces::default() };
        let (inbox, appender) = receipt::inbox(matcher, Ear::new(ground.seal.clone(), &OptOut::default()));
        let recorder = web::recorder().unwrap();
        let parts = Parts {
            db: ground.db.clone(),
            clock: clock.clone(),
            seal: ground.seal.clone(),
            accounts: Arc::clone(&accounts),
            inbox,
            active: Arc::clone(&active),
            config: config.clone(),
            library: Arc::default(),
            shelf: Arc::new(Shelf::new("campaigns".as_ref())),
            gateways: Arc::new(known),
            holidays: Holidays::built_in(),
            work: Arc::default(),
            metrics: recorder.handle(),
        };
        let state = metrics::with_local_recorder(&recorder, || State::new(parts));
        Self { config, accounts, active, state, appender }
    }
}

/// A place on loopback to listen at, and its address.
pub async fn place() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// Serves there for as long as the test takes.
pub fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(async move { web::serve(listener, router, std::future::pending()).await.unwrap() });
}

/// What asks as a browser that goes nowhere by itself.
pub fn client() -> Client {
    Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap()
}

/// Adds somebody with these roles and departments (none: all), and signs them in: their number, and their cookie.
pub async fn signed_in(db: &Db, seal: &Seal, name: &str, roles: &[Role], departments: &[i64], now: i64) -> (i64, String) {
    let new = user::New {
        email: format!("{}@example.vn", name.to_lowercase().replace(' ', ".")),
        name: name.to_string(),
        roles: roles.iter().copied().collect(),
        every_department: departments.is_empty(),
        departments: departments.to_vec(),
    };
    let id = user::add(db, &new, &Actor::command("test"), now).await.unwrap().unwrap();
    let secret = transaction!(db, |tx| session::begin(tx, seal, id, true, "", "test", now).await).unwrap();
    (id, format!("loa={}", secret.0))
}
