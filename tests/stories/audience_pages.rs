//! The console's audience, accounts and inbox, over HTTP: a list comes in by its columns, one person is masked until somebody asks, an
//! account is tested and paused, and what somebody should know arrives once, by page and by mail.

mod accounts;
mod home;
mod lists;
mod notices;
mod people;
mod reminders;

use std::{collections::BTreeSet, sync::Arc};

use loa::{
    account::Accounts,
    audience::import,
    audit::{self, Actor},
    config::Config,
    intake::{self, Intake},
    on,
    sandbox::{Options, Sandbox},
    user::{self, Role},
    web,
};
use reqwest::{Client, StatusCode, header};

use crate::helpers::{Ground, console};

fn settings(sandbox: &Sandbox) -> String {
    let (http, smtp) = (sandbox.http_addr().unwrap(), sandbox.smtp_addr().unwrap().port());
    format!(
        r#"
[office]
short = "SO MAU"

[notify]
email = ["truc@example.vn"]
every = "15m"

[[account]]
name = "kannel"
gateway = "kannel"
channel = "sms"
rate = "100/s"
url = "http://{http}"
allow_private = true
username = "loa"
password = {{ env = "PASSWORD" }}
sender = "LOA"

[[account.template]]
name = "otp"
pattern = "Canh bao {{1:100}}"
through = 2026-11-20

[[account]]
name = "thu"
gateway = "smtp"
rate = "100/s"
host = "127.0.0.1"
port = {smtp}
tls = "none"
allow_private = true
from = "Loa <loa@example.vn>"
"#
    )
}

struct Console {
    ground: Ground,
    config: Config,
    accounts: Arc<Accounts>,
    intake: Intake,
    client: Client,
    base: String,
    sandbox: Sandbox,
}

/// Somebody signed in.
struct Person<'c> {
    console: &'c Console,
    cookie: String,
    csrf: String,
}

impl Console {
    async fn open(ground: Ground) -> Self {
        let sandbox = Sandbox::start(Options { smpp: None, ..Options::default() }).await.unwrap();
        let made = console::Console::of(&ground, &ground.clock, &settings(&sandbox), &[("PASSWORD", "not-a-secret")], None).await;
        let (listener, base) = console::place().await;
        console::serve(listener, web::private(made.state));
        let (config, accounts, client) = (made.config, made.accounts, console::client());
        let (db, seal, clock) = (ground.db.clone(), ground.seal.clone(), ground.clock.clone());
        let intake = Intake { db, seal, clock, folder: intake::folder(&config) };
        Self { ground, config, accounts, intake, client, base, sandbox }
    }

    async fn department(&self, name: &str) -> i64 {
        let actor = Actor::command("test");
        user::add_department(&self.ground.db, name, &actor, self.ground.clock.millis()).await.unwrap().unwrap()
    }

    /// Adds somebody with these roles and departments (none: all), and signs them in.
    async fn sign_in(&self, name: &str, roles: &[Role], departments: &[i64]) -> Person<'_> {
        let (Ground { db, seal, .. }, now) = (&self.ground, self.ground.clock.millis());
        let (_, cookie) = console::signed_in(db, seal, name, roles, departments, now).await;
        let mut person = Person { console: self, cookie, csrf: String::new() };
        let (_, page) = person.get("/inbox").await;
        person.csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_string();
        person
    }

    async fn audited(&self) -> Vec<(String, String)> {
        let rows: Vec<(String, String)> = on!(self.ground.db.read, |pool, _sql| {
            sqlx::query_as("SELECT action, subject FROM audit ORDER BY seq").fetch_all(pool).await
        })
        .unwrap();
        audit::verify(&self.ground.db, &[]).await.unwrap();
        rows
    }

    /// Where its accounts send.
    fn served(&self) -> BTreeSet<i16> {
        self.accounts.all().iter().flat_map(|account| account.routes()).collect()
    }

    fn files(&self) -> usize {
        std::fs::read_dir(intake::folder(&self.config)).map_or(0, Iterator::count)
    }
}

impl Person<'_> {
    async fn get(&self, path: &str) -> (StatusCode, String) {
        let console = self.console;
        let answer =
            console.client.get(format!("{}{path}", console.base)).header(header::COOKIE, &self.cookie).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// Where a form led, and the page that it answered with, if it did not lead on.
    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, String, String) {
        let console = self.console;
        let fields: Vec<(&str, &str)> = [("csrf", self.csrf.as_str())].into_iter().chain(fields.iter().copied()).collect();
        let request = console.client.post(format!("{}{path}", console.base)).header(header::COOKIE, &self.cookie);
        let answer = request.form(&fields).send().await.unwrap();
        let to = answer.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_string()).unwrap_or_default();
        (answer.status(), to, answer.text().await.unwrap())
    }

    async fn upload(&self, name: &str, bytes: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let console = self.console;
        let mut body = String::new();
        for (key, value) in [("csrf", self.csrf.as_str())].iter().chain(fields) {
            body.extend(["--cut\r\nContent-Disposition: form-data; name=\"", key, "\"\r\n\r\n", value, "\r\n"]);
        }
        body.extend(["--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"", name, "\"\r\n"]);
        body.extend(["Content-Type: text/csv\r\n\r\n", bytes, "\r\n--cut--\r\n"]);
        let request = console.client.post(format!("{}/audience/uploads", console.base)).header(header::COOKIE, &self.cookie);
        let answer = request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=cut").body(body).send().await.unwrap();
        (answer.status(), answer.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_string()).unwrap_or_default())
    }
}

/// Puts two people on a list.
async fn listed(console: &Console, source: &str, rows: &str) {
    let path = console.ground.folder.path().join(format!("{source}.csv"));
    std::fs::write(&path, format!("ref,name,phone,email\n{rows}")).unwrap();
    let order = import::Order { path, source: source.into(), replace: false, lang: loa::words::Lang::Vi };
    import::import(&console.ground.db, &console.ground.seal, &console.ground.clock, &order, |_| {}).await.unwrap();
}
