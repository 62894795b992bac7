//! A partner's Loa on several nodes: an order is taken in, drafted, begun and reported once, whoever looks and however often; and what its
//! rows say is what it reports.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header::ETAG},
    response::IntoResponse as _,
    routing::{get, post},
};
use chrono::DateTime;
use chrono_tz::Asia::Ho_Chi_Minh;
use loa::{
    audit::Actor,
    cap::{
        self, Alert, Area, Category, Certainty, Info, MsgType, Pair, Reference, ResponseType, Scope, Severity, Status, Time,
        Urgency, terms,
    },
    config::Config,
    edition::{self, Shelf},
    relay::{Sms, report},
    upstream::{Upstream, order as taken, tell},
};
use providers::exchange::Exchange;
use serde_json::Value;

use super::world::{HOUR, World};

const ORDER: &str = "loa-1-viettel-a";
const TEXT: &str = "Khong cung cap ma OTP.";

/// A department: its documents by name, and what it was told.
#[derive(Default)]
struct Department {
    documents: Mutex<BTreeMap<String, String>>,
    told: Mutex<Vec<(String, String)>>,
    /// Documents that it does not hand out, with what it answers.
    withheld: Mutex<BTreeMap<String, StatusCode>>,
    /// It is out of order.
    ill: Mutex<bool>,
}

impl Department {
    fn told(&self, what: &str) -> Vec<String> {
        self.told.lock().unwrap().iter().filter(|(is, _)| is == what).map(|(_, body)| body.clone()).collect()
    }

    fn asks(&self, alert: &Alert) {
        self.documents.lock().unwrap().insert(alert.identifier.clone(), cap::write(alert).unwrap());
    }

    async fn serve(self: &Arc<Self>) -> String {
        let router = Router::new()
            .route("/api/v1/orders/feed", get(feed))
            .route("/api/v1/orders/{order}/document", get(document))
            .route("/api/v1/orders/{order}/{what}", post(hear))
            .with_state(Arc::clone(self));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }
}

async fn feed(State(department): State<Arc<Department>>) -> axum::response::Response {
    if *department.ill.lock().unwrap() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let documents = department.documents.lock().unwrap();
    let mut entries = String::new();
    for name in documents.keys() {
        write!(
            entries,
            "<entry><id>urn:{name}</id><title>x</title><updated>2026-11-02T03:00:00Z</updated>\
             <link rel=\"alternate\" type=\"application/cap+xml\" href=\"https://khac.example.vn/api/v1/orders/{name}/document\"/></entry>"
        )
        .unwrap();
    }
    let feed = format!(
        "<feed xmlns=\"http://www.w3.org/2005/Atom\"><id>urn:x</id><title>x</title><updated>2026-11-02T03:00:00Z</updated>{entries}</feed>"
    );
    ([(ETAG, format!("\"{}\"", documents.len()))], feed).into_response()
}

async fn document(State(department): State<Arc<Department>>, Path(order): Path<String>) -> axum::response::Response {
    if let Some(status) = department.withheld.lock().unwrap().get(&order) {
        return status.into_response();
    }
    match department.documents.lock().unwrap().get(&order) {
        Some(document) => document.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn hear(
    State(department): State<Arc<Department>>,
    Path((order, what)): Path<(String, String)>,
    body: String,
) -> StatusCode {
    if *department.ill.lock().unwrap() {
        return StatusCode::BAD_GATEWAY;
    }
    department.told.lock().unwrap().push((format!("{order}/{what}"), body));
    StatusCode::OK
}

fn time(at: i64) -> Time {
    Time::new(&DateTime::from_timestamp_millis(at).unwrap().with_timezone(&Ho_Chi_Minh))
}

/// An order of two rounds to people in province 01.
fn order(world: &World) -> Alert {
    let mut info = Info::new(Category::Security, "Nhận diện lừa đảo", (Urgency::Expected, Severity::Moderate, Certainty::Likely));
    info.language = Some("vi-VN".into());
    info.response_types = vec![ResponseType::Avoid];
    info.expires = Some(time(world.now() + 48 * HOUR));
    info.headline = Some("Nhận diện lừa đảo".into());
    let sms = Sms::new(TEXT, "gsm", 1);
    info.parameters = [
        (terms::SMS_TEXT, sms.text.clone()),
        (terms::SMS_ENCODING, sms.encoding.clone()),
        (terms::SMS_PARTS, "1".into()),
        (terms::SMS_SHA256, sms.sha256),
        (terms::ROUNDS, "2".into()),
        (terms::REPORT_BY, time(world.now() + 96 * HOUR).to_string()),
    ]
    .into_iter()
    .map(|(name, value)| Pair::new(name, value))
    .collect();
    info.areas =
        vec![Area { description: "Hà Nội".into(), geocodes: vec![Pair::new(terms::PROVINCE, "01")], ..Area::default() }];
    Alert {
        identifier: ORDER.into(),
        sender: "so.example.vn".into(),
        sent: time(world.now()),
        status: Status::Actual,
        msg_type: MsgType::Alert,
        source: None,
        scope: Scope::Restricted,
        restriction: Some("Đơn vị được giao".into()),
        addresses: vec!["viettel.example.vn".into()],
        codes: vec![],
        note: None,
        references: vec![],
        incidents: vec![],
        infos: vec![info],
    }
}

/// The Cancel of it.
fn cancel(order: &Alert, at: i64) -> Alert {
    let earlier: Reference = order.reference();
    Alert {
        identifier: format!("{}.1", order.identifier),
        msg_type: MsgType::Cancel,
        references: vec![earlier],
        note: Some("Sai nội dung".into()),
        infos: vec![],
        sent: time(at),
        ..order.clone()
    }
}

/// Two nodes of a partner's Loa.
struct Nodes {
    department: Arc<Department>,
    both: [Upstream; 2],
    _folder: tempfile::TempDir,
}

impl Nodes {
    async fn of(world: &World) -> Self {
        let department = Arc::new(Department::default());
        let url = department.serve().await;
        let folder = tempfile::tempdir().unwrap();
        let campaigns = folder.path().join("campaigns");
        std::fs::create_dir(&campaigns).unwrap();
        std::fs::write(campaigns.join("segments.toml"), "[thue-bao]\ntitle = \"Thuê bao\"\n").unwrap();
        std::fs::write(folder.path().join("token"), "loa_x").unwrap();
        let settings = format!(
            "[upstream]\nurl = \"{url}\"\ntoken = {{ file = \"token\" }}\nsegment = \"thue-bao\"\ndepartment = \"Viettel\"\n\
             allow_private = true\nevery = \"10s\"\n"
        );
        let file = folder.path().join("loa.toml");
        std::fs::write(&file, settings).unwrap();
        let config = Config::read(Some(&file), &BTreeMap::new()).unwrap_or_else(|problems| panic!("{problems}"));
        let both = [0, 1].map(|_| {
            let shelf = Arc::new(Shelf::new(&config.campaigns_dir));
            Upstream::new(&config, &world.db, &world.clock, &shelf, Exchange::new(None, None).unwrap()).unwrap()
        });
        Self { department, both, _folder: folder }
    }

    /// Both at once, again and again; a minute passes between.
    async fn step(&self, world: &World, times: usize) {
        for _ in 0..times {
            let (one, other) = tokio::join!(Box::pin(self.both[0].step()), Box::pin(self.both[1].step()));
            one.unwrap();
            other.unwrap();
            world.advance(60_000).await;
        }
    }

    fn reports(&self) -> Vec<Value> {
        self.department.told(&format!("{ORDER}/reports")).iter().map(|body| serde_json::from_str(body).unwrap()).collect()
    }
}

async fn approve(world: &World) {
    let waiting = edition::waiting(&world.db).await.unwrap();
    let [one] = waiting.as_slice() else { panic!("{waiting:?}") };
    edition::approve(&world.db, one.id, &one.hash, "", &Actor::command("Lan"), None, world.now()).await.unwrap();
}

/// A delivery by SMS to somebody, in a state.
async fn put(world: &World, run: i64, person: i64, area: &str, state: i64) {
    let id = (run << 36) | (person << 4);
    let columns = "id, run, segments, owner, account, price, updated_at, route, message, state, reason, attempt, tries, doubts, parts, area";
    world
        .sql(&format!(
            "INSERT INTO delivery ({columns}) VALUES ({id}, {run}, 0, 0, 1, 300, 0, 1, 0, {state}, 0, 1, 1, 0, 1, '{area}')"
        ))
        .await;
}

/// People from this number on, each in its state, in one area.
async fn rows(world: &World, run: i64, first: i64, area: &str, states: &[i64]) {
    for (person, state) in (first..).zip(states) {
        put(world, run, person, area, *state).await;
    }
}

async fn an_order_is_taken_in_drafted_and_acknowledged_once(world: &World) {
    let nodes = Nodes::of(world).await;
    nodes.department.asks(&order(world));
    nodes.step(world, 4).await;
    assert_eq!(world.number("SELECT count(*) FROM upstream_order WHERE state = 1").await, 1);
    assert_eq!(world.number("SELECT count(*) FROM edition").await, 1);
    assert_eq!(world.number("SELECT count(*) FROM segment_edition").await, 1);
    assert_eq!(edition::waiting(&world.db).await.unwrap().len(), 1);
    assert_eq!(nodes.department.told(&format!("{ORDER}/acknowledge")).len(), 1);
    assert_eq!(world.number("SELECT count(*) FROM run").await, 0, "nobody approved it");
    assert_eq!(world.number("SELECT count(*) FROM audit WHERE action = 'upstream.take'").await, 1);

    approve(world).await;
    nodes.step(world, 3).await;
    assert_eq!(world.number("SELECT count(*) FROM run").await, 1, "the second round waits a day");
    let expires = world.number("SELECT expires_at FROM upstream_order").await;
    assert_eq!(world.number("SELECT count(*) FROM run WHERE expires_at > (SELECT expires_at FROM upstream_order)").await, 0);
    world.advance(24 * HOUR).await;
    nodes.step(world, 3).await;
    assert_eq!(world.number("SELECT count(*) FROM run").await, 2);
    world.advance(expires - world.now()).await;
    nodes.step(world, 3).await;
    assert_eq!(world.number("SELECT count(*) FROM run").await, 2, "no more than were ordered");
}

async fn reports_say_what_the_rows_say_each_once(world: &World) {
    let nodes = Nodes::of(world).await;
    nodes.department.asks(&order(world));
    nodes.step(world, 2).await;
    approve(world).await;
    nodes.step(world, 1).await;
    let run = world.number("SELECT min(id) FROM run").await;
    rows(world, run, 1, "01", &[0, 3, 5, 6, 7, 9, 10, 11]).await;
    rows(world, run, 101, "00004", &[5, 5]).await;
    rows(world, run, 201, "79", &[5]).await;

    // Nobody answers: the same report is said again, until it is taken.
    *nodes.department.ill.lock().unwrap() = true;
    nodes.step(world, 6).await;
    assert_eq!(nodes.reports().len(), 0);
    *nodes.department.ill.lock().unwrap() = false;
    nodes.step(world, 30).await;
    let reports = nodes.reports();
    let [first] = reports.as_slice() else { panic!("{reports:?}") };
    let line = &first["areas"][0];
    let n = |field: &str| line[field].as_i64().unwrap();
    assert_eq!((line["code"].as_str(), n("round"), n("targeted"), n("submitted")), (Some("01"), 1, 10, 8));
    assert_eq!((n("delivered"), n("failed"), n("pending"), n("parts")), (4, 2, 1, 8));
    assert_eq!((first["sequence"].as_i64(), first["final"].as_bool()), (Some(1), Some(false)));
    report::read(first.to_string().as_bytes()).unwrap();

    // A second try of the round: each person once, by the best that became of them.
    world
        .sql(&format!(
            "INSERT INTO run (campaign, occurrence, origin, kind, definition, date, turn, message, recipients, state, paused, due_at,
                              expires_at, fan_cursor, fan_top, created_at, parent, kin)
             SELECT campaign, 'retry', 1, kind, definition, date, turn, message, recipients, 1, false, due_at, expires_at, 0, 0, created_at, id, 1
             FROM run WHERE id = {run}"
        ))
        .await;
    let again = world.number("SELECT max(id) FROM run").await;
    // The persons of whom the first try failed are the fifth and sixth.
    put(world, again, 5, "01", 5).await;
    put(world, again, 6, "01", 3).await;
    nodes.step(world, 12).await;
    let reports = nodes.reports();
    let line = &reports.last().unwrap()["areas"][0];
    let n = |field: &str| line[field].as_i64().unwrap();
    assert_eq!((n("targeted"), n("submitted"), n("delivered"), n("failed"), n("pending")), (10, 8, 5, 0, 2), "{reports:?}");
    assert!(reports.last().unwrap()["correction"]["reason"].is_string(), "fewer failed than were said to: {reports:?}");
    let id = taken::list(&world.db, 1).await.unwrap()[0].id;
    let made = tell::all(&world.db, id).await.unwrap();
    assert!(made.iter().all(|made| made.taken_at.is_some()));
    assert_eq!(made.len(), reports.len(), "each was taken once");
    // No tally counts what was put there.
    world.sql("DELETE FROM delivery").await;
}

async fn a_cancel_stops_what_goes_whichever_node_meets_it(world: &World) {
    let nodes = Nodes::of(world).await;
    let asked = order(world);
    nodes.department.asks(&asked);
    nodes.step(world, 2).await;
    approve(world).await;
    nodes.step(world, 1).await;
    assert_eq!(world.number("SELECT count(*) FROM run WHERE state < 2").await, 1);
    nodes.department.asks(&cancel(&asked, world.now()));
    nodes.step(world, 3).await;
    assert_eq!(world.number("SELECT count(*) FROM run WHERE state = 3").await, 1);
    assert_eq!(world.number("SELECT count(*) FROM archived").await, 1);
    assert_eq!(nodes.department.told(&format!("{ORDER}.1/acknowledge")).len(), 1);
    assert_eq!(world.number("SELECT count(*) FROM audit WHERE action = 'upstream.end'").await, 1);
    world.advance(24 * HOUR).await;
    nodes.step(world, 3).await;
    assert_eq!(world.number("SELECT count(*) FROM run").await, 1, "no further round");
}

async fn what_was_changed_on_its_way_is_not_taken_in(world: &World) {
    let nodes = Nodes::of(world).await;
    let mut changed = order(world);
    let text = changed.infos[0].parameters.iter_mut().find(|pair| pair.name == terms::SMS_TEXT).unwrap();
    text.value = "Goi so 0900000000.".into();
    nodes.department.asks(&changed);
    nodes.step(world, 3).await;
    assert_eq!(world.number("SELECT count(*) FROM upstream_order").await, 0);
    assert_eq!(world.number("SELECT count(*) FROM upstream_poll WHERE last LIKE '%SHA-256%' AND etag IS NULL").await, 1);
    // Mended there, it is taken in.
    nodes.department.asks(&order(world));
    nodes.step(world, 2).await;
    assert_eq!(world.number("SELECT count(*) FROM upstream_order").await, 1);
    assert_eq!(nodes.department.told(&format!("{ORDER}/acknowledge")).len(), 1);
}

async fn a_document_that_cannot_be_had_is_asked_for_again_and_keeps_none_waiting(world: &World) {
    let nodes = Nodes::of(world).await;
    nodes.department.asks(&order(world));
    nodes.department.asks(&Alert { identifier: "loa-1-viettel-b".into(), ..order(world) });
    let withhold = |status| nodes.department.withheld.lock().unwrap().insert(ORDER.into(), status);
    withhold(StatusCode::INTERNAL_SERVER_ERROR);
    nodes.step(world, 1).await;
    assert_eq!(world.number("SELECT count(*) FROM upstream_order WHERE identifier = 'loa-1-viettel-b'").await, 1);
    assert_eq!(world.number("SELECT failures FROM upstream_poll").await, 1);
    // Its key is not there, say: the feed will be the same when it is, and so will its tag.
    withhold(StatusCode::CONFLICT);
    nodes.step(world, 1).await;
    assert_eq!(world.number("SELECT count(*) FROM upstream_order").await, 1);
    let untagged = "SELECT count(*) FROM upstream_poll WHERE etag IS NULL AND failures = 0 AND last LIKE '%HTTP 409%'";
    assert_eq!(world.number(untagged).await, 1);
    nodes.department.withheld.lock().unwrap().clear();
    nodes.step(world, 1).await;
    assert_eq!(world.number("SELECT count(*) FROM upstream_order").await, 2);
    assert_eq!(world.number("SELECT count(*) FROM upstream_poll WHERE etag IS NOT NULL AND last = ''").await, 1);
}

async fn what_was_cancelled_before_it_came_is_not_drafted(world: &World) {
    let nodes = Nodes::of(world).await;
    let asked = order(world);
    nodes.department.asks(&asked);
    nodes.department.asks(&cancel(&asked, world.now()));
    nodes.department.withheld.lock().unwrap().insert(ORDER.into(), StatusCode::BAD_GATEWAY);
    nodes.step(world, 1).await;
    assert_eq!(world.number("SELECT count(*) FROM upstream_order").await, 1, "the Cancel");
    nodes.department.withheld.lock().unwrap().clear();
    nodes.step(world, 3).await;
    assert_eq!(world.number("SELECT count(*) FROM upstream_order WHERE state >= 3").await, 2);
    assert_eq!(world.number("SELECT count(*) FROM edition").await, 0);
    assert_eq!(nodes.department.told(&format!("{ORDER}/acknowledge")).len(), 1);
}

on_both_engines!(
    an_order_is_taken_in_drafted_and_acknowledged_once,
    reports_say_what_the_rows_say_each_once,
    a_cancel_stops_what_goes_whichever_node_meets_it,
    what_was_changed_on_its_way_is_not_taken_in,
    a_document_that_cannot_be_had_is_asked_for_again_and_keeps_none_waiting,
    what_was_cancelled_before_it_came_is_not_drafted,
);
