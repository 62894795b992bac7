//! Over HTTP: receipts are committed before they are answered, refusals are taken, and machines learn how things stand.

mod receipts;
mod standing;
mod unsubscribe;

use std::sync::Arc;

use loa::{
    account::callback_secret,
    active::Active,
    consent::{self, Scope},
    on,
    receipt::Appender,
    web::{self, State},
};
use providers::Channel;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::helpers::{
    Ground,
    console::{self, Console},
};

const SETTINGS: &str = r#"
[office]
name = "Sở VHTTDL <Mẫu>"
hotline = "156"

[[account]]
name = "kannel"
gateway = "kannel"
channel = "sms"
rate = "10/s"
url = "http://127.0.0.1:9"
allow_private = true
username = "loa"
password = { env = "PASSWORD" }
sender = "LOA"

[[account]]
name = "speedsms"
gateway = "speedsms"
channel = "sms"
rate = "10/s"
url = "http://127.0.0.1:9"
allow_private = true
token = { env = "PASSWORD" }
sender = "LOA"

[[account]]
name = "signed"
gateway = "signed"
channel = "sms"
rate = "10/s"
url = "http://127.0.0.1:9"
allow_private = true
webhook_secret = { env = "PASSWORD" }
"#;

/// A gateway that also proves itself by a header.
const SIGNED: &str = r#"
title   = "Signed"
channel = "sms"

[settings]
webhook_secret = { about = "what it sends along", secret = true }

[send]
path  = "/send"
reads = "text"
query = { to = "{{ to }}", text = "{{ text }}" }

[[send.answer]]
when = "status == 200"
then = "accepted"

[callback]
reads     = "query"
code      = "item.state"
reference = "item.reference"
secret    = { header = "X-Webhook-Secret", setting = "webhook_secret" }
reply     = { status = 202, type = "application/json", body = "{}" }

[[callback.event]]
code  = "1"
state = "delivered"
"#;

/// Both sides, listening on loopback.
struct House {
    ground: Ground,
    state: State,
    active: Arc<Active>,
    client: Client,
    private: String,
    public: String,
    leave: Vec<oneshot::Sender<()>>,
    servers: Vec<JoinHandle<()>>,
}

impl House {
    /// A house whose receipts are committed as they come.
    async fn open(ground: Ground) -> Self {
        let (house, mut appender) = Self::open_without_appender(ground).await;
        tokio::spawn(async move { while appender.step().await.is_some() {} });
        house
    }

    async fn open_without_appender(ground: Ground) -> (Self, Appender) {
        let described = ground.folder.path().join("gateways");
        std::fs::create_dir(&described).unwrap();
        std::fs::write(described.join("signed.toml"), SIGNED).unwrap();
        let words = [("PASSWORD", "not-a-secret")];
        let made = Console::of(&ground, &ground.clock, SETTINGS, &words, Some(&described)).await;
        let (state, active) = (made.state, made.active);
        let mut house = Self {
            private: String::new(),
            public: String::new(),
            ground,
            client: console::client(),
            leave: Vec::new(),
            servers: Vec::new(),
            state: state.clone(),
            active,
        };
        house.private = house.listen(web::private(state.clone())).await;
        house.public = house.listen(web::public(state)).await;
        (house, made.appender)
    }

    async fn listen(&mut self, router: axum::Router) -> String {
        let (listener, url) = console::place().await;
        let (leave, left) = oneshot::channel();
        let serving = web::serve(listener, router, async {
            let _ = left.await;
        });
        self.servers.push(tokio::spawn(async { serving.await.unwrap() }));
        self.leave.push(leave);
        url
    }

    fn ask(&self, method: Method, base: &str, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{base}{path}"))
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = self.ask(Method::GET, &self.private, path).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    fn callback(&self, account: &str) -> String {
        format!("/receipts/{account}/{}", callback_secret(&self.ground.seal, account))
    }

    /// Puts rows as they might have become.
    async fn set(&self, statement: &'static str) {
        on!(self.ground.db.write, |pool, _sql| sqlx::query(statement).execute(pool).await.map(|_| ())).unwrap();
    }

    async fn receipts(&self) -> Vec<(String, i16)> {
        const ROWS: &str = "SELECT reference, state FROM receipt ORDER BY id";
        on!(self.ground.db.read, |pool, _sql| sqlx::query_as(ROWS).fetch_all(pool).await).unwrap()
    }

    async fn refused(&self, channel: Channel, address: i64) -> Option<Scope> {
        consent::refused(&self.ground.db, channel, &[address], self.ground.clock.millis()).await.unwrap().get(&address).copied()
    }

    async fn said(&self, channel: Channel, address: i64) -> Vec<(String, String)> {
        let events = consent::history(&self.ground.db, channel, address).await.unwrap();
        events.into_iter().map(|event| (event.source, event.wording)).collect()
    }
}

fn header_of<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

/// For whoever wants to look at a page: `LOA_PAGES` names a folder.
fn keep_page(name: &str, html: &str) {
    if let Ok(folder) = std::env::var("LOA_PAGES") {
        std::fs::write(format!("{folder}/{name}.html"), html).unwrap();
    }
}
