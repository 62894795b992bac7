//! Relay orders as outlets' programs and the office's meet them: on the side of the Internet and on the console's, each with its tokens.

mod again;
mod answers;
mod office;
mod program;
mod walls;

use std::{
    fs,
    sync::atomic::{AtomicI64, Ordering},
};

use chrono::SecondsFormat;
use loa::{
    cap::{self, Alert, MsgType, Time},
    clock::Clock,
    outlet::{Kind, Way, Written},
    sandbox::Behaviour,
    user::{self, Role},
};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::{now, problem, token};
use crate::helpers::{
    free_port,
    office::Office,
    orders::{self, written},
    signers::signing,
};

/// An office with two carriers, each with a program of its own.
struct Road {
    office: Office,
    client: Client,
    /// The Internet's side.
    outside: String,
    /// A token that may do everything that the office may.
    all: String,
    /// A token of an officer and approver who wrote nothing.
    other: String,
    viettel: String,
    vina: String,
    runs: AtomicI64,
}

/// A campaign that asks one carrier.
fn campaign(slug: &str) -> String {
    format!(
        "title = \"Nhận diện lừa đảo\"\nkind = \"awareness\"\nowner = \"Sở Văn hóa, Thể thao và Du lịch\"\n\
         basis = {{ number = \"12/UBND-VX\", date = 2026-10-01, authority = \"UBND tỉnh\", document = \"cong-van.pdf\" }}\n\
         [channels]\nuse = [\"relay\"]\n[relay]\npartners = [\"{slug}\"]\nsender = \"SO VHTTDL\"\nareas = [\"01\", \"79\"]\n\
         audience = \"Mọi thuê bao\"\nsms = \"Khong cung cap ma OTP.\"\nrounds = 2\npayment = \"free\"\n"
    )
}

/// A moment as programs write it.
fn moment() -> String {
    Clock::system().now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl Road {
    async fn open() -> Self {
        let mut office = Office::prepare(Behaviour::default()).await;
        let port = free_port();
        let settings = fs::read_to_string(office.dir().join("loa.toml")).unwrap();
        let settings = settings.replace("[database]", &format!("public_listen = \"127.0.0.1:{port}\"\n[database]"));
        let relay = "\n[relay]\nsender = \"so-vhttdl.example.vn\"\n".to_string() + &signing("signer");
        fs::write(office.dir().join("loa.toml"), settings + &relay).unwrap();
        office.loa(&["migrate"]);
        fs::write(office.dir().join("campaigns/cong-van.pdf"), "%PDF-1.7 công văn").unwrap();
        let roles = [Role::Officer, Role::Approver, Role::Manager, Role::Administrator];
        let all = token(&office, "all@example.vn", &roles).await;
        let other = token(&office, "other@example.vn", &roles).await;
        for slug in ["viettel", "vina"] {
            add_outlet(&office, slug).await;
            fs::write(office.dir().join(format!("campaigns/qua-{slug}.toml")), campaign(slug)).unwrap();
            office.loa(&["approve", &format!("qua-{slug}"), "--by", "story"]);
        }
        let viettel = partner(&office, "viettel@example.vn", "viettel").await;
        let vina = partner(&office, "vina@example.vn", "vina").await;
        office.serve();
        let outside = format!("http://127.0.0.1:{port}");
        Self { office, client: Client::new(), outside, all, other, viettel, vina, runs: AtomicI64::new(1) }
    }

    /// An order of a run of its own, as the campaign asks for it.
    async fn order(&self, slug: &str) -> String {
        let run = self.inside(&self.all, Method::POST, "/runs").json(&json!({ "campaign": format!("qua-{slug}") }));
        let key = self.runs.fetch_add(1, Ordering::Relaxed);
        good(run.header("idempotency-key", format!("run-{key}"))).await;
        let made = good(self.inside(&self.all, Method::GET, &format!("/orders?outlet={slug}&limit=1"))).await;
        assert_eq!(made["items"][0]["state"], "approved", "{made}");
        made["items"][0]["identifier"].as_str().unwrap().to_string()
    }

    /// A request of an outlet's program, on the Internet's side.
    fn outside(&self, secret: &str, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}/api/v1{path}", self.outside)).bearer_auth(secret).header("accept-language", "en")
    }

    /// A request on the console's side.
    fn inside(&self, secret: &str, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}/api/v1{path}", self.office.url))
            .bearer_auth(secret)
            .header("accept-language", "en")
    }

    /// One of the office's, which goes well.
    async fn office_does(&self, path: &str, body: Value) -> Value {
        good(self.inside(&self.all, Method::POST, path).json(&body)).await
    }

    async fn state(&self, identifier: &str) -> Value {
        good(self.inside(&self.all, Method::GET, &format!("/orders/{identifier}"))).await["state"].clone()
    }

    /// What happens when the outlet's program fetches the document: it has it.
    async fn fetched(&self, identifier: &str) -> Alert {
        let path = format!("/orders/{identifier}/document");
        let document = self.outside(&self.viettel, Method::GET, &path).send().await.unwrap();
        assert_eq!(document.status(), 200);
        cap::read("", &document.bytes().await.unwrap()).unwrap()
    }
}

async fn add_outlet(office: &Office, slug: &str) {
    let (db, seal) = (office.db().await, office.seal().await);
    let contact = Some("truc.ban@example.vn".into());
    let outlet = Written { contact, sender: format!("{slug}.example.vn"), ..written(slug, Kind::Carrier, Way::Pull) };
    orders::add(&db, &seal, outlet, now()).await;
    db.close().await;
}

/// A token of a new user who acts for an outlet.
async fn partner(office: &Office, email: &str, slug: &str) -> String {
    let secret = token(office, email, &[Role::Partner]).await;
    let db = office.db().await;
    let id = user::by_email(&db, email).await.unwrap().unwrap().id;
    orders::acts_for(&db, id, Some(slug), now()).await;
    db.close().await;
    secret
}

async fn good(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    let (status, url) = (response.status(), response.url().clone());
    let body = response.text().await.unwrap();
    assert!(status.is_success(), "{url}: {status} {body}");
    serde_json::from_str(&body).unwrap()
}

async fn bad(request: RequestBuilder) -> (u16, Value) {
    let (status, _, errors) = problem(request.send().await.unwrap()).await;
    (status, errors)
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_string()).unwrap_or_default()
}

fn report(identifier: &str, sequence: i64, counts: [i64; 4], correction: Option<&str>) -> Value {
    let [targeted, submitted, delivered, pending] = counts;
    let mut report = json!({
        "order": identifier, "sequence": sequence, "as_of": moment(), "final": false,
        "areas": [{ "code": "01", "round": 1, "targeted": targeted, "submitted": submitted, "delivered": delivered, "pending": pending }],
    });
    if let Some(reason) = correction {
        report["correction"] = json!({ "reason": reason });
    }
    report
}

/// An answer in CAP to what was fetched.
fn answer(asked: &Alert, sender: &str, says: MsgType, note: Option<&str>) -> Alert {
    Alert {
        identifier: format!("answer-{}", asked.identifier),
        sender: sender.into(),
        sent: Time::new(&Clock::system().now()),
        msg_type: says,
        scope: cap::Scope::Private,
        restriction: None,
        addresses: vec![asked.sender.clone()],
        note: note.map(str::to_string),
        references: vec![asked.reference()],
        infos: Vec::new(),
        ..asked.clone()
    }
}
