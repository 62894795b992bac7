//! `/api/v1` as programs meet it: over HTTP, against `loa serve`.

mod lists;
mod orders;
mod outlets;
mod rights;

use std::{collections::BTreeSet, process::Command, time::Duration};

use axum::{Router, http::HeaderMap, routing::post};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use loa::{
    audit::Actor,
    sandbox::Behaviour,
    user::{self, Right, Role, api_token},
};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use ring::hmac;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};

use crate::helpers::office::Office;

/// An office that serves, and programs that may ask it.
struct Desk {
    office: Office,
    client: Client,
    token: String,
}

/// Now, in unix milliseconds: `loa serve` goes by the machine's clock.
fn now() -> i64 {
    loa::clock::Clock::system().millis()
}

/// A token of a new user with these roles.
async fn token(office: &Office, email: &str, roles: &[Role]) -> String {
    let (db, seal) = (office.db().await, office.seal().await);
    let actor = Actor::command("test");
    let new = user::New {
        email: email.into(),
        name: email.split('@').next().unwrap().into(),
        roles: roles.iter().copied().collect(),
        every_department: true,
        departments: Vec::new(),
    };
    let id = user::add(&db, &new, &actor, now()).await.unwrap().unwrap();
    let user = user::find(&db, id).await.unwrap().unwrap();
    let lent = api_token::New { name: "test", rights: Right::ALL.into_iter().collect(), ends_at: now() + 3_600_000 };
    let secret = api_token::make(&db, &seal, &user, &lent, &actor, now()).await.unwrap();
    db.close().await;
    secret.0
}

impl Desk {
    async fn open(people: u64) -> Self {
        let mut office = Office::prepare(Behaviour::default()).await;
        if people > 0 {
            office.import(people);
        } else {
            office.loa(&["migrate"]);
        }
        let token = token(&office, "all@example.vn", &[Role::Officer, Role::Administrator, Role::Manager, Role::Approver]).await;
        office.serve();
        Self { office, client: Client::new(), token }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}/api/v1{path}", self.office.url))
            .bearer_auth(&self.token)
            .header("accept-language", "en")
    }

    async fn get(&self, path: &str) -> Value {
        let response = self.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Response {
        self.request(Method::POST, path).json(&body).send().await.unwrap()
    }
}

/// The problem that an answer is: its status and type, and each thing that is wrong.
async fn problem(response: Response) -> (u16, String, Value) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    (status, body["type"].as_str().unwrap().to_string(), body["errors"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_and_the_routes_are_one() {
    let desk = Desk::open(0).await;
    let document: Value =
        desk.client.get(format!("{}/api/openapi.json?lang=en", desk.office.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let named = ["slug", "name", "period", "channel", "identifier", "hash"]
            .into_iter()
            .fold(path.clone(), |path, name| path.replace(&format!("{{{name}}}"), "none"));
        let filled = named.replace("{id}", "999").replace("{delivery}", "999");
        assert!(!filled.contains('{'), "{path}");
        let described: BTreeSet<&str> = item.as_object().unwrap().keys().map(String::as_str).collect();
        for method in ["get", "put", "post", "delete", "patch"] {
            let asked: Method = method.to_ascii_uppercase().parse().unwrap();
            // Without a token: whatever is there says so first, and nothing is done.
            let request = desk.client.request(asked, format!("{}/api/v1{filled}", desk.office.url));
            // What is not there does nothing with a token either; a stranger may not ask so much at once.
            let by_stranger = described.contains(method) || method == "patch";
            let request = if by_stranger { request } else { request.bearer_auth(&desk.token) };
            let response = request.send().await.unwrap();
            let status = response.status();
            if described.contains(method) {
                operations += 1;
                assert_eq!(status, 401, "{method} {path}");
                let operation = &item[method];
                assert!(ids.insert(operation["operationId"].as_str().unwrap().to_string()), "{operation}");
                assert!(operation["summary"].as_str().is_some_and(|text| !text.contains('|')), "{operation}");
                assert!(operation["responses"].as_object().unwrap().contains_key("401"));
            } else {
                assert_eq!(status, 405, "{method} {path}");
                assert!(response.headers().contains_key("allow"));
                assert_eq!(problem(response).await.1, "/api#method-not-allowed");
            }
        }
    }
    assert!(operations > 40, "{operations}");
    // Whatever a schema is called by is there.
    let text = document.to_string();
    for (at, _) in text.match_indices("\"#/components/") {
        let reference = text[at + 2..].split('"').next().unwrap();
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
    let page = desk.client.get(format!("{}/api", desk.office.url)).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(ids.iter().all(|id| page.contains(&format!("id=\"{id}\""))), "{page}");
    assert!(page.contains("Các đợt gửi") && !page.contains(" | The runs"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_where_it_is() {
    let desk = Desk::open(0).await;
    let ask = |method: Method, path: &str| desk.request(method, path);
    let send = async |request: RequestBuilder| problem(request.send().await.unwrap()).await;

    let stranger = desk.client.get(format!("{}/api/v1/runs", desk.office.url));
    assert_eq!(send(stranger.try_clone().unwrap()).await.0, 401);
    assert_eq!(send(stranger.bearer_auth("loa_nonsense")).await.1, "/api#unauthenticated");
    assert_eq!(send(ask(Method::GET, "/nothing")).await.1, "/api#not-found");
    assert_eq!(send(ask(Method::GET, "/runs/abc")).await.1, "/api#not-found");
    assert_eq!(
        send(ask(Method::GET, "/runs?limit=0")).await,
        (400, "/api#bad-request".into(), json!([{ "detail": "from 1 to 200", "parameter": "limit" }]))
    );
    let (status, _, errors) = send(ask(Method::GET, "/runs?befor=3")).await;
    assert_eq!((status, &errors[0]["parameter"]), (400, &json!("befor")));
    let (status, _, errors) = send(ask(Method::GET, "/runs?before=x")).await;
    assert_eq!((status, &errors[0]["parameter"]), (400, &json!("before")));
    assert_eq!(send(ask(Method::GET, "/runs").header("accept", "image/png")).await.1, "/api#not-acceptable");
    assert_eq!(send(ask(Method::POST, "/tokens").body("{}")).await.0, 415);
    assert_eq!(send(ask(Method::POST, "/tokens").header("content-type", "application/json").body("{")).await.0, 400);
    let big = "x".repeat(2 * 1024 * 1024);
    assert_eq!(send(ask(Method::POST, "/check").json(&json!({ "campaign": "a", "text": big }))).await.1, "/api#too-large");
    let (status, of, errors) = send(ask(Method::POST, "/tokens").json(&json!({ "name": "a", "rights": ["fly"] }))).await;
    assert_eq!((status, of.as_str(), &errors[0]["pointer"]), (422, "/api#invalid", &json!("/rights/0")));
    let (status, _, errors) = send(ask(Method::POST, "/tokens").json(&json!({ "name": "a", "rights": [], "more": 1 }))).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/more")));
    let (status, _, errors) = send(ask(Method::POST, "/runs").json(&json!({ "campaign": "a" }))).await;
    assert_eq!((status, &errors[0]["header"]), (400, &json!("Idempotency-Key")));

    // In the caller's language, and never more than a token lends.
    let vietnamese = desk.request(Method::GET, "/nothing").header("accept-language", "vi").send().await.unwrap();
    assert!(vietnamese.headers()["ratelimit"].to_str().unwrap().contains("r="), "{vietnamese:?}");
    let lesser: Value =
        desk.post("/tokens", json!({ "name": "reader", "rights": ["read_campaigns"] })).await.json().await.unwrap();
    let lesser = lesser["secret"].as_str().unwrap();
    let stop = desk.client.post(format!("{}/api/v1/stop", desk.office.url)).bearer_auth(lesser);
    assert_eq!(send(stop).await.1, "/api#forbidden");
}

/// A definition that runs when it is told to.
fn definition(title: &str) -> String {
    format!(
        "title = \"{title}\"\nkind = \"awareness\"\nowner = \"Sở Mẫu\"\n[cadence]\nevery = \"week\"\non = \"mon\"\nat = \"08:30\"\n\
         [audience]\nsegments = [\"toan-dan\"]\n[channels]\nuse = [\"sms\"]\n[sending]\nhours = \"00:00-24:00\"\n\
         [[message]]\nid = \"a\"\nsms = \"Khong cung cap ma OTP cho bat ky ai.\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_is_written_approved_by_another_and_sent_once() {
    let desk = Desk::open(40).await;
    let text = definition("Thử API");
    let checked = desk.post("/check", json!({ "campaign": "thu-api", "text": "title = 7\n" })).await;
    let checked: Value = checked.json().await.unwrap();
    assert_eq!((&checked["ok"], &checked["problems"][0]["line"]), (&json!(false), &json!(1)), "{checked}");

    let save = |path: &str, text: &str| desk.request(Method::PUT, path).json(&json!({ "text": text }));
    assert_eq!(save("/campaigns/thu-api", &text).send().await.unwrap().status(), 428);
    let made = save("/campaigns/thu-api", &text).header("if-none-match", "*").send().await.unwrap();
    assert_eq!((made.status(), made.headers()["etag"].to_str().unwrap()), (StatusCode::CREATED, "\"1\""));
    let stale = save("/campaigns/thu-api", &definition("Khác")).header("if-match", "\"7\"").send().await.unwrap();
    assert_eq!(problem(stale).await.1, "/api#changed");
    let second = save("/campaigns/thu-api", &definition("Thử API 2")).header("if-match", "\"1\"").send().await.unwrap();
    assert_eq!(second.status(), 200);
    let toml = desk.request(Method::GET, "/campaigns/thu-api").header("accept", "application/toml").send().await.unwrap();
    assert_eq!(toml.headers()["etag"], "\"2\"");
    assert_eq!(toml.text().await.unwrap(), definition("Thử API 2"));
    assert_eq!(desk.get("/campaigns/thu-api/versions").await["items"].as_array().unwrap().len(), 2);

    let submitted = desk.post("/campaigns/thu-api/submissions", json!({ "note": "xin duyệt" })).await;
    assert_eq!(submitted.status(), 201);
    let number = submitted.json::<Value>().await.unwrap()["submission"].clone();
    // Campaigns of files wait as well.
    let all = desk.get("/submissions").await;
    let waiting = all["items"].as_array().unwrap().iter().find(|one| one["id"] == number).unwrap().clone();
    assert_eq!((&waiting["campaign"], &waiting["version"]), (&json!("thu-api"), &json!(2)));
    let decision = json!({ "hash": waiting["hash"] });
    let path = format!("/submissions/{}/approve", waiting["id"]);
    // Nobody approves their own.
    assert_eq!(problem(desk.post(&path, decision.clone()).await).await.0, 403);
    let start = json!({ "campaign": "thu-api" });
    let early = desk.request(Method::POST, "/runs").header("idempotency-key", "early").json(&start).send().await.unwrap();
    assert_eq!(early.status().as_u16() / 100, 4);
    let other = token(&desk.office, "other@example.vn", &[Role::Approver]).await;
    let approved =
        desk.client.post(format!("{}/api/v1{path}", desk.office.url)).bearer_auth(&other).json(&decision).send().await.unwrap();
    assert_eq!(approved.status(), 200, "{:?}", approved.text().await);

    // The same key makes the same run, and a different request under it none.
    let run = async |key: &str, body: &Value| {
        desk.request(Method::POST, "/runs").header("idempotency-key", key).json(body).send().await.unwrap()
    };
    let first = run("k-1", &start).await;
    assert_eq!(first.status(), 201, "{:?}", first.text().await);
    let first: Value = first.json().await.unwrap();
    let again = run("k-1", &start).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.json::<Value>().await.unwrap()["id"], first["id"]);
    assert_eq!(problem(run("k-1", &json!({ "campaign": "khac" })).await).await.1, "/api#idempotency-key-reused");
    let (one, other) = tokio::join!(run("k-2", &start), run("k-2", &start));
    let statuses = BTreeSet::from([one.status().as_u16(), other.status().as_u16()]);
    assert!(statuses.is_subset(&BTreeSet::from([201, 409])), "{statuses:?}");
    assert_eq!(desk.get("/runs").await["runs"].as_array().unwrap().len(), 2);

    // Where the answer was lost with its process, the run is found again by its key.
    let db = desk.office.db().await;
    loa::on!(db.write, |pool, _sql| sqlx::query("DELETE FROM idempotency").execute(pool).await.map(|_| ())).unwrap();
    db.close().await;
    let found: Value = run("k-1", &start).await.json().await.unwrap();
    assert_eq!(found["id"], first["id"]);

    let id = first["id"].as_i64().unwrap();
    let stopped: Value = desk.post("/stop", json!({})).await.json().await.unwrap();
    assert!(stopped["runs"].as_array().unwrap().len() <= 2);
    let aborted = desk.request(Method::POST, &format!("/runs/{id}/abort")).send().await.unwrap();
    assert!([200, 409].contains(&aborted.status().as_u16()));
    let audit = desk.get("/audit?limit=200").await;
    let actions: BTreeSet<&str> =
        audit["items"].as_array().unwrap().iter().filter_map(|entry| entry["action"].as_str()).collect();
    assert!(
        actions.is_superset(&BTreeSet::from(["campaign.save", "campaign.submit", "campaign.approve", "run.start", "run.stop"])),
        "{actions:?}"
    );
    assert!(audit["items"].as_array().unwrap().iter().any(|entry| entry["via"] == "api"));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_post_and_shown_masked() {
    let desk = Desk::open(30).await;
    let db = desk.office.db().await;
    let seal = desk.office.seal().await;
    let (id, phone): (i64, Vec<u8>) = loa::on!(db.read, |pool, _sql| sqlx::query_as(
        "SELECT id, phone FROM recipient WHERE phone IS NOT NULL ORDER BY id LIMIT 1"
    )
    .fetch_one(pool)
    .await)
    .unwrap();
    db.close().await;
    let phone = seal.open(loa::seal::Kind::Phone, &phone).unwrap();
    let found: Value = desk.post("/people/find", json!({ "phone": phone })).await.json().await.unwrap();
    assert!(found["items"].as_array().unwrap().iter().any(|person| person["id"] == id), "{found}");
    let person = desk.get(&format!("/people/{id}")).await.to_string();
    assert!(!person.contains(&phone) && person.contains("***"), "{person}");
    let (status, _, errors) = problem(desk.post("/people/find", json!({ "phone": "12" })).await).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/phone")));
    assert_eq!(problem(desk.post("/people/find", json!({})).await).await.0, 422);
    assert_eq!(desk.request(Method::DELETE, &format!("/people/{id}")).send().await.unwrap().status(), 204);
    assert_eq!(desk.request(Method::GET, &format!("/people/{id}")).send().await.unwrap().status(), 404);
}

/// What an endpoint was told: the headers and the body.
type Heard = (HeaderMap, String);

/// A program that listens, and its address.
async fn listener() -> (String, mpsc::UnboundedReceiver<Heard>) {
    let (tell, told) = mpsc::unbounded_channel();
    let take = move |headers: HeaderMap, body: String| {
        let tell = tell.clone();
        async move { tell.send((headers, body)).unwrap() }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(take))).await });
    (url, told)
}

async fn heard(told: &mut mpsc::UnboundedReceiver<Heard>) -> Heard {
    tokio::time::timeout(Duration::from_mins(1), told.recv()).await.expect("nothing came").unwrap()
}

/// The message's id and what it says, if one of its signatures is by this secret (Standard Webhooks 1.0.0, "Verifying").
fn verified((headers, body): &Heard, secret: &str) -> Option<(String, Value)> {
    let header = |name: &str| headers[name].to_str().unwrap();
    let (id, second) = (header("webhook-id"), header("webhook-timestamp"));
    assert!((second.parse::<i64>().unwrap() - now() / 1000).abs() < 60, "{second}");
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), format!("{id}.{second}.{body}").as_bytes());
    let mine = format!("v1,{}", STANDARD.encode(signature.as_ref()));
    let signed = header("webhook-signature").split(' ').any(|theirs| theirs == mine);
    signed.then(|| (id.to_string(), serde_json::from_str(body).unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_told_what_happened_and_can_trust_it() {
    let desk = Desk::open(30).await;
    let (url, mut told) = listener().await;
    let mut wanted =
        json!({ "title": "Bảng theo dõi", "url": format!("{url}?key=khoa-bi-mat"), "events": ["run.started", "run.stopped"] });
    let (status, _, errors) = problem(desk.post("/webhooks", wanted.clone()).await).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/url")), "an address inside is not meant by accident");
    wanted["allow_private"] = true.into();
    let made: Value = desk.post("/webhooks", wanted).await.json().await.unwrap();
    let (id, secret) = (made["id"].as_i64().unwrap(), made["secret"].as_str().unwrap().to_string());

    assert_eq!(desk.post(&format!("/webhooks/{id}/test"), json!({})).await.status(), 202);
    let first = heard(&mut told).await;
    let (message, said) = verified(&first, &secret).expect("signed");
    assert_eq!(said["type"], "webhook.test");
    assert!(verified(&first, "whsec_bm90LXRoZS1zZWNyZXQ=").is_none());
    let delivery = desk.get(&format!("/webhooks/{id}/deliveries")).await["items"][0].clone();
    assert_eq!(delivery["message_id"], json!(message));
    let again = format!("/webhooks/{id}/deliveries/{}/again", delivery["id"]);
    assert_eq!(desk.post(&again, json!({})).await.status(), 202);
    assert_eq!(verified(&heard(&mut told).await, &secret).unwrap().0, message, "the same message under the same id");

    // A new secret signs beside the one before.
    let rotated: Value = desk.post(&format!("/webhooks/{id}/secret"), json!({})).await.json().await.unwrap();
    let fresh = rotated["secret"].as_str().unwrap();
    desk.office.loa(&["approve", "ma-otp", "--by", "Lê Văn Duyệt"]);
    desk.office.loa(&["send", "ma-otp"]);
    let started = heard(&mut told).await;
    let (_, said) = verified(&started, &secret).expect("the former secret still signs");
    assert_eq!(verified(&started, fresh).expect("the new one as well").1, said);
    assert_eq!((&said["type"], &said["data"]["campaign"]), (&json!("run.started"), &json!("ma-otp")), "{said}");
    let run = said["data"]["run"].as_i64().unwrap();
    // Whoever listens hears of nothing else.
    let paused = desk.post(&format!("/runs/{run}/abort"), json!({})).await.status();
    if paused == 200 {
        let (_, said) = verified(&heard(&mut told).await, fresh).unwrap();
        assert_eq!((&said["type"], &said["data"]["how"]), (&json!("run.stopped"), &json!("aborted")), "{said}");
    }
    assert_eq!(desk.request(Method::DELETE, &format!("/webhooks/{id}")).send().await.unwrap().status(), 204);
    assert!(told.try_recv().is_err());
    let audit = desk.get("/audit?limit=200").await.to_string();
    assert!(audit.contains("webhook.add") && audit.contains(&url) && !audit.contains("khoa-bi-mat"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_disabled_and_the_record_says_so() {
    let desk = Desk::open(0).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let gone = Router::new().route("/hook", post(async || StatusCode::GONE));
    tokio::spawn(async move { axum::serve(listener, gone).await });
    let wanted = json!({ "title": "Đã gỡ", "url": url, "events": ["run.started"], "allow_private": true });
    let made: Value = desk.post("/webhooks", wanted).await.json().await.unwrap();
    let id = &made["id"];
    assert_eq!(desk.post(&format!("/webhooks/{id}/test"), json!({})).await.status(), 202);
    desk.office.until("it is disabled", "SELECT count(*) FROM webhook WHERE disabled_at IS NOT NULL").await;
    let audit = desk.get("/audit").await;
    let entry = audit["items"].as_array().unwrap().iter().find(|entry| entry["action"] == "webhook.disable");
    let entry = entry.unwrap_or_else(|| panic!("{audit}"));
    assert_eq!((&entry["subject"], &entry["who"]), (&json!(id.to_string()), &json!("loa")));
    assert!(entry["after"]["why"].as_str().unwrap().contains("410"), "{entry}");
    let enabled: Value = desk.post(&format!("/webhooks/{id}/enable"), json!({})).await.json().await.unwrap();
    assert_eq!(enabled["disabled_at"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_on_another_departments_list_is_not_there() {
    let desk = Desk::open(20).await;
    let (db, actor) = (desk.office.db().await, Actor::command("test"));
    let mut departments = Vec::new();
    for name in ["Sở Văn hóa", "Công an tỉnh"] {
        departments.push(user::add_department(&db, name, &actor, now()).await.unwrap().unwrap());
    }
    let (person, reference): (i64, String) = loa::on!(db.read, |pool, _sql| sqlx::query_as(
        "SELECT id, ref FROM recipient WHERE phone IS NOT NULL AND state = 0 ORDER BY id LIMIT 1"
    )
    .fetch_one(pool)
    .await)
    .unwrap();
    loa::transaction!(db, |tx| loa::audience::list::give(tx, "residents", "Công an tỉnh").await).unwrap();
    let mut tokens = Vec::new();
    for department in departments {
        let new = user::New {
            email: format!("can-bo-{department}@example.vn"),
            name: "Cán bộ".into(),
            roles: [Role::Officer].into_iter().collect(),
            every_department: false,
            departments: vec![department],
        };
        let id = user::add(&db, &new, &actor, now()).await.unwrap().unwrap();
        let user = user::find(&db, id).await.unwrap().unwrap();
        let rights = Right::ALL.into_iter().collect();
        let lent = api_token::New { name: "test", rights, ends_at: now() + 3_600_000 };
        tokens.push(api_token::make(&db, &desk.office.seal().await, &user, &lent, &actor, now()).await.unwrap().0);
    }
    db.close().await;
    for (token, sees) in tokens.iter().zip([false, true]) {
        let ask = |method: Method, path: &str| {
            desk.client.request(method, format!("{}/api/v1{path}", desk.office.url)).bearer_auth(token)
        };
        let status = ask(Method::GET, &format!("/people/{person}")).send().await.unwrap().status();
        assert_eq!(status == 200, sees, "{status}");
        let refusal = json!({ "channel": "sms", "scope": "awareness" });
        let refused = ask(Method::POST, &format!("/people/{person}/refusals")).json(&refusal).send().await.unwrap();
        assert_eq!(refused.status(), if sees { 204 } else { 404 });
        // A test of a campaign goes to nobody else either, and goes by who may send.
        let tested = ask(Method::POST, "/campaigns/nhan-dien-lua-dao/tests").header("idempotency-key", "thu");
        let tested = tested.json(&json!({ "recipients": [reference] })).send().await.unwrap().status();
        assert_eq!(tested, if sees { 201 } else { 422 });
        let imports: Value = ask(Method::GET, "/imports").send().await.unwrap().json().await.unwrap();
        assert_eq!(imports["items"].as_array().unwrap().len(), usize::from(sees), "{imports}");
        if sees {
            let path = format!("/people/{person}/refusals");
            let standing: Value = ask(Method::GET, &path).send().await.unwrap().json().await.unwrap();
            assert_eq!(standing["items"][0]["lasting"], "awareness", "{standing}");
            assert_eq!(ask(Method::DELETE, &format!("{path}/sms")).send().await.unwrap().status(), 204);
            let standing: Value = ask(Method::GET, &path).send().await.unwrap().json().await.unwrap();
            assert_eq!(standing["items"], json!([]));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guide_shows_works() {
    let desk = Desk::open(30).await;
    let db = desk.office.db().await;
    let reference: String = loa::on!(db.read, |pool, _sql| sqlx::query_scalar(
        "SELECT min(ref) FROM recipient WHERE state = 0 AND phone IS NOT NULL"
    )
    .fetch_one(pool)
    .await)
    .unwrap();
    db.close().await;
    let guide = std::fs::read_to_string("docs/api.md").unwrap();
    let blocks: Vec<&str> = guide.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 6);
    for block in blocks {
        // A curl that fails fails the block; so does each before the last.
        let script = format!("set -e\n{}", block.replace("curl -sS", "curl -sS --fail-with-body --noproxy '*'"));
        let done = Command::new("sh")
            .args(["-c", &script])
            .env("LOA", &desk.office.url)
            .env("TOKEN", &desk.token)
            .env("REF", &reference)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{block}\n{said}{}", String::from_utf8_lossy(&done.stderr));
        assert!(!said.is_empty(), "{block}");
    }
}
