//! Relay orders as outlets' programs and the office's meet them: on the side of the Internet and on the console's, each with its tokens.

use std::{
    fs,
    process::Command,
    sync::atomic::{AtomicI64, Ordering},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::SecondsFormat;
use loa::{
    audit::Actor,
    cap::{self, Alert, Certificate, MsgType, Time, signature},
    clock::Clock,
    outlet::{self, Kind, Way, Written},
    sandbox::Behaviour,
    transaction,
    user::{self, Role},
};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::{now, problem, token};
use crate::helpers::{free_port, office::Office, peer};

const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cap/signer.key.pem");
const SIGNER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cap/signer.pem");

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

fn signer() -> Certificate {
    Certificate::from_pem(&fs::read(SIGNER).unwrap()).unwrap()
}

fn key() -> signature::Key {
    signature::Key::from_pem(&fs::read(KEY).unwrap()).unwrap()
}

impl Road {
    async fn open() -> Self {
        let mut office = Office::prepare(Behaviour::default()).await;
        let port = free_port();
        let settings = fs::read_to_string(office.dir().join("loa.toml")).unwrap();
        let settings = settings.replace("[database]", &format!("public_listen = \"127.0.0.1:{port}\"\n[database]"));
        let relay = format!(
            "\n[relay]\nsender = \"so-vhttdl.example.vn\"\nsigning = {{ certificate = \"{SIGNER}\", key = {{ file = \"{KEY}\" }} }}\n"
        );
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
    let written = Written {
        slug: slug.into(),
        title: format!("Nhà mạng {slug}"),
        kind: Kind::Carrier,
        way: Way::Pull,
        url: None,
        certificate: None,
        contact: Some("truc.ban@example.vn".into()),
        areas: Vec::new(),
        owner: String::new(),
        sender: format!("{slug}.example.vn"),
    };
    let written = written.checked(|_| true).unwrap();
    let actor = Actor::command("test");
    transaction!(db, |tx| outlet::add(tx, &seal, &written, &actor, now()).await).unwrap().unwrap();
    db.close().await;
}

/// A token of a new user who acts for an outlet.
async fn partner(office: &Office, email: &str, slug: &str) -> String {
    let secret = token(office, email, &[Role::Partner]).await;
    let (db, actor) = (office.db().await, Actor::command("test"));
    let id = user::by_email(&db, email).await.unwrap().unwrap().id;
    transaction!(db, |tx| outlet::set_user_outlet(tx, id, Some(slug), &actor, now()).await).unwrap().unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn an_outlet_s_program_takes_an_order_and_reports_on_it() {
    let road = Road::open().await;
    let identifier = road.order("viettel").await;
    let at = |rest: &str| format!("/orders/{identifier}{rest}");
    let ask = |method: Method, rest: &str| road.outside(&road.viettel, method, &at(rest));

    let listed = good(road.outside(&road.viettel, Method::GET, "/orders?state=approved")).await;
    let one = &listed["items"][0];
    assert_eq!(
        (&one["identifier"], &one["campaign"], &one["made_by"]),
        (&json!(identifier), &Value::Null, &Value::Null),
        "{one}"
    );
    assert_eq!(one["content"]["sms"]["text"], "Khong cung cap ma OTP.");

    // The feed, as a bearer and as a reader that knows only passwords; nothing else is opened by a password.
    let feed = road.outside(&road.viettel, Method::GET, "/orders/feed").send().await.unwrap();
    assert_eq!((feed.status().as_u16(), header(&feed, "content-type").as_str()), (200, "application/atom+xml"));
    let tag = header(&feed, "etag");
    let items = cap::feed::items(feed.text().await.unwrap().as_bytes()).unwrap();
    assert!(items.len() == 1 && items[0].document.as_ref().unwrap().ends_with(&at("/document")), "{items:?}");
    let same = road.outside(&road.viettel, Method::GET, "/orders/feed").header("if-none-match", &tag).send().await.unwrap();
    assert_eq!((same.status().as_u16(), header(&same, "etag")), (304, tag));
    let basic = format!("Basic {}", STANDARD.encode(format!("reader:{}", road.viettel)));
    let by_password =
        |path: &str| road.client.get(format!("{}/api/v1{path}", road.outside)).header("authorization", &basic).send();
    assert_eq!(by_password("/orders/feed").await.unwrap().status(), 200);
    assert_eq!(by_password("/orders").await.unwrap().status(), 401);
    let stranger = road.client.get(format!("{}/api/v1/orders/feed", road.outside)).send().await.unwrap();
    let asked: Vec<_> = stranger.headers().get_all("www-authenticate").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(stranger.status() == 401 && asked.iter().any(|one| one.starts_with("Basic")), "{asked:?}");

    // Looking takes nothing over, fetching does; and it is one document, signed.
    assert_eq!(ask(Method::HEAD, "/document").send().await.unwrap().status(), 200);
    assert_eq!(road.state(&identifier).await, "approved");
    let first = ask(Method::GET, "/document").send().await.unwrap();
    assert_eq!(header(&first, "content-type"), "application/cap+xml");
    let tag = header(&first, "etag");
    let document = first.bytes().await.unwrap();
    assert_eq!(signature::verify(&document, &[signer()], now()).unwrap().alert.identifier, identifier);
    assert_eq!(road.state(&identifier).await, "handed_over");
    assert_eq!(ask(Method::GET, "/document").send().await.unwrap().bytes().await.unwrap(), document);
    assert_eq!(ask(Method::GET, "/document").header("if-none-match", tag).send().await.unwrap().status(), 304);

    let done = good(ask(Method::POST, "/acknowledge").json(&json!({ "note": "Phiếu 7" }))).await;
    assert_eq!(done["state"], "acknowledged");
    assert_eq!(good(ask(Method::POST, "/begin")).await["state"], "sending");
    let (status, _) = bad(ask(Method::POST, "/refuse").json(&json!({ "why": "muộn rồi" }))).await;
    assert_eq!(status, 409);

    let send = |body: Value| ask(Method::POST, "/reports").json(&body);
    let first = report(&identifier, 1, [100, 90, 60, 20], None);
    assert_eq!(good(send(first.clone())).await["repeated"], false);
    assert_eq!(good(send(first)).await["repeated"], true);
    let (status, errors) = bad(send(report(&identifier, 2, [100, 90, 80, 20], None))).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/areas/0/submitted")));
    let (status, errors) = bad(send(report(&identifier, 2, [100, 80, 60, 20], None))).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/areas/0/submitted")), "{errors}");
    let lower = good(send(report(&identifier, 2, [100, 80, 60, 20], Some("đếm trùng")))).await;
    assert_eq!(lower["order"]["state"], "reported_partly");
    let (status, errors) = bad(send(report("loa-0-vina-0", 3, [100, 90, 80, 0], None))).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/order")));
    let mut odd = report(&identifier, 3, [1, 1, 1, 0], None);
    odd["areas"][0]["delivered"] = json!("x");
    let (status, errors) = bad(send(odd)).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/areas/0/delivered")));

    // A table, with what is about the whole in the address; what is wrong with one is told by line.
    let table = |query: &str, text: &str| {
        ask(Method::POST, &format!("/reports?{query}")).header("content-type", "text/csv").body(text.to_string())
    };
    let about = format!("sequence=3&final=true&as_of={}", moment());
    let (status, errors) = bad(table(&about, "Mã địa bàn,Vòng,Thuê bao mục tiêu,Đã gửi,Thành công\n01,1,100,90,95\n")).await;
    assert_eq!((status, &errors[0]["line"]), (422, &json!(2)), "{errors}");
    let early = "sequence=3&final=true&as_of=2026-01-01T00:00:00Z";
    let (status, errors) = bad(table(early, "code,round,targeted,submitted,delivered,pending\n01,1,100,90,85,0\n")).await;
    assert_eq!((status, &errors[0]["parameter"]), (422, &json!("as_of")), "{errors}");
    let taken = good(table(&about, "Mã địa bàn,Vòng,Thuê bao mục tiêu,Đã gửi,Thành công,Đang chờ\n01,1,100,90,85,0\n")).await;
    assert_eq!((&taken["order"]["state"], &taken["sequence"]), (&json!("reported"), &json!(3)));
    let (status, _) = bad(send(report(&identifier, 4, [100, 90, 86, 0], None))).await;
    assert_eq!(status, 409, "its final report came");

    let kept = good(ask(Method::GET, "/reports")).await;
    let counts: Vec<_> = kept["items"].as_array().unwrap().iter().map(|one| (&one["sequence"], &one["counts"])).collect();
    assert_eq!(counts, [(&json!(3), &json!(true)), (&json!(2), &json!(false)), (&json!(1), &json!(false))]);
    let events = good(ask(Method::GET, "/events")).await;
    let happened: Vec<_> = events["items"].as_array().unwrap().iter().filter_map(|one| one["happening"].as_str()).collect();
    assert!(happened.starts_with(&["hand_over", "acknowledge", "begin", "report"]), "{happened:?}");

    // In subscribers, and by whom they were counted.
    let figures = good(road.inside(&road.all, Method::GET, "/orders/figures?by=area")).await;
    assert_eq!((&figures["reported_by"], &figures["unit"]), (&json!("outlet"), &json!("subscribers")));
    assert_eq!(figures["total"]["delivered"], 85);
    assert_eq!((&figures["lines"][0]["key"], &figures["lines"][0]["counts"]["submitted"]), (&json!("01"), &json!(90)));
    for (by, key) in [("order", identifier.as_str()), ("outlet", "viettel"), ("round", "1")] {
        let figures = good(road.inside(&road.all, Method::GET, &format!("/orders/figures?by={by}&outlet=viettel"))).await;
        assert_eq!(figures["lines"][0]["key"], key, "{figures}");
    }
    // Of schools it is another table, and who counts nothing reports no zeros.
    let schools = good(road.inside(&road.all, Method::GET, "/orders/figures?kind=school")).await;
    assert_eq!((&schools["unit"], &schools["total"]["orders"]), (&json!("people"), &json!(0)));
    assert_eq!(schools["total"]["submitted"], json!(null));
    let nothing = good(road.inside(&road.vina, Method::GET, "/orders/figures")).await;
    assert_eq!((&nothing["total"]["orders"], &nothing["lines"]), (&json!(0), &json!([])));
    for path in [
        "/orders?run=0",
        "/orders?outlet=none&state=done",
        "/orders/figures?run=-1",
        "/orders/figures?by=day",
        "/orders/figures?kind=bank",
        "/orders/progress?run=0",
    ] {
        assert_eq!(bad(road.inside(&road.all, Method::GET, path)).await.0, 400, "{path}");
    }
    let progress = good(road.inside(&road.all, Method::GET, "/orders/progress?campaign=qua-viettel")).await;
    assert_eq!((&progress["items"][0]["kind"], &progress["items"][0]["reported"]), (&json!("carrier"), &json!(1)));
    road.office.loa(&["verify"]);
    road.office.loa(&["audit", "verify"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_outlet_s_order_is_not_there() {
    let road = Road::open().await;
    let identifier = road.order("viettel").await;
    road.fetched(&identifier).await;
    let scan = road.outside(&road.viettel, Method::POST, &format!("/orders/{identifier}/papers?name=a.pdf"));
    let paper = good(scan.header("content-type", "application/pdf").body("%PDF-1.7 a")).await["hash"].clone();
    let mut with_paper = report(&identifier, 1, [10, 9, 8, 0], None);
    with_paper["evidence"] = paper.clone();
    good(road.outside(&road.viettel, Method::POST, &format!("/orders/{identifier}/reports")).json(&with_paper)).await;
    let paper = paper.as_str().unwrap();
    assert_eq!(
        road.outside(&road.viettel, Method::GET, &format!("/orders/{identifier}/papers/{paper}")).send().await.unwrap().status(),
        200
    );

    // Each address, as it is described: with a program of another outlet, on both sides, and with what would be right for its own.
    let document: Value =
        road.client.get(format!("{}/api/openapi.json?lang=en", road.office.url)).send().await.unwrap().json().await.unwrap();
    let office_alone =
        ["approve_order", "withdraw_order", "cancel_order", "update_order", "hand_order_over", "close_order", "reopen_order"];
    let (mut hidden, mut forbidden) = (0, 0);
    for (path, item) in document["paths"].as_object().unwrap() {
        if !path.starts_with("/orders/{identifier}") {
            continue;
        }
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let path = path.replace("{identifier}", &identifier).replace("{hash}", paper);
            let path = if id == "bring_order_paper" { format!("{path}?name=b.pdf") } else { path };
            let method: Method = method.to_ascii_uppercase().parse().unwrap();
            let mine = |request: RequestBuilder| match id {
                "bring_order_paper" => request.header("content-type", "application/pdf").body("%PDF-1.7 b"),
                "report_on_order" => request.json(&report(&identifier, 2, [10, 10, 9, 0], None)),
                "refuse_order" | "withdraw_order" | "cancel_order" | "reopen_order" => request.json(&json!({ "why": "x" })),
                "approve_order" => request.json(&json!({ "hash": "x" })),
                "update_order" => request.json(&json!({ "note": "x", "rounds": 3 })),
                "hand_order_over" => request.json(&json!({ "how": "x" })),
                "close_order" => request.json(&json!({})),
                _ => request,
            };
            let within = bad(mine(road.inside(&road.vina, method.clone(), &path))).await.0;
            if office_alone.contains(&id) {
                assert_eq!(within, 403, "{id}");
                assert_eq!(bad(mine(road.inside(&road.viettel, method.clone(), &path))).await.0, 403, "{id}");
                // Out there it is not even an address.
                let gone = mine(road.outside(&road.viettel, method, &path)).send().await.unwrap().status();
                assert!([404, 405].contains(&gone.as_u16()), "{id}: {gone}");
                forbidden += 1;
            } else {
                assert_eq!(within, 404, "{id}");
                assert_eq!(bad(mine(road.outside(&road.vina, method.clone(), &path))).await.0, 404, "{id}");
                // The office's own tokens open nothing on the Internet's side, however right they are inside.
                assert_eq!(bad(mine(road.outside(&road.all, method, &path))).await.0, 403, "{id}");
                hidden += 1;
            }
        }
    }
    assert_eq!((hidden, forbidden), (10, 7));
    assert_eq!(road.state(&identifier).await, "reported_partly", "nothing of it did anything");

    // Lists and feeds have nothing of it, whatever is asked for.
    for path in ["/orders", "/orders?outlet=viettel", "/orders?campaign=qua-viettel"] {
        assert_eq!(good(road.outside(&road.vina, Method::GET, path)).await["items"], json!([]), "{path}");
    }
    let feed = road.outside(&road.vina, Method::GET, "/orders/feed").send().await.unwrap().text().await.unwrap();
    assert!(!feed.contains(&identifier), "{feed}");
    // An Ack of another's order, by its right name.
    let asked = road.fetched(&identifier).await;
    let ack = cap::write(&answer(&asked, "vina.example.vn", MsgType::Ack, None)).unwrap();
    let post = |secret: &str, body: String| {
        road.outside(secret, Method::POST, "/orders/answers").header("content-type", "application/cap+xml").body(body)
    };
    assert_eq!(bad(post(&road.vina, ack)).await.0, 404);

    // A paper that was brought for another's order is nobody else's evidence, and is not shown to them for having named it.
    let own = road.order("vina").await;
    let mut borrowed = report(&own, 1, [10, 9, 8, 0], None);
    borrowed["evidence"] = json!(paper);
    let (status, errors) = bad(road.outside(&road.vina, Method::POST, &format!("/orders/{own}/reports")).json(&borrowed)).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/evidence")));
    assert_eq!(bad(road.outside(&road.vina, Method::GET, &format!("/orders/{own}/papers/{paper}"))).await.0, 404);
    let (status, errors) =
        bad(road.outside(&road.vina, Method::POST, &format!("/orders/{identifier}/reports")).json(&borrowed)).await;
    assert_eq!((status, &errors), (404, &Value::Null));

    // Nothing else of the API is out there, and whoever acts for no outlet sees none.
    for path in ["/runs", "/outlets", "/orders/figures", "/me", "/users"] {
        let gone = road.outside(&road.viettel, Method::GET, path).send().await.unwrap();
        assert_eq!(gone.status(), 404, "{path}");
    }
    let nobody = token(&road.office, "nobody@example.vn", &[Role::Partner]).await;
    assert_eq!(bad(road.outside(&nobody, Method::GET, "/orders")).await.0, 403);
    assert_eq!(road.client.get(format!("{}/api/v1/orders", road.outside)).send().await.unwrap().status(), 401);
    for path in ["/outlets", "/campaigns", "/runs"] {
        assert_eq!(bad(road.inside(&road.viettel, Method::GET, path)).await.0, 403, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outlet_answers_by_documents_of_which_only_what_is_signed_counts() {
    let road = Road::open().await;
    let post = |body: String| {
        let request = road.outside(&road.viettel, Method::POST, "/orders/answers");
        request.header("content-type", "application/cap+xml").body(body)
    };
    // Without a certificate the token vouches for it.
    let identifier = road.order("viettel").await;
    let asked = road.fetched(&identifier).await;
    let write = |alert: &Alert| cap::write(alert).unwrap();
    let wrong = answer(&asked, "vina.example.vn", MsgType::Ack, None);
    assert_eq!(bad(post(write(&wrong))).await.0, 422, "another sent it");
    assert_eq!(bad(post(write(&asked))).await.0, 422, "it is no answer");
    let mut elsewhere = answer(&asked, "viettel.example.vn", MsgType::Ack, None);
    elsewhere.references[0].identifier = "loa-0-viettel-0".into();
    assert_eq!(bad(post(write(&elsewhere))).await.0, 404);
    let (status, errors) =
        bad(post("<!DOCTYPE alert [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><alert>&a;</alert>".into())).await;
    assert!(status == 422 && errors[0]["line"].is_number(), "{status} {errors}");
    let no = answer(&asked, "viettel.example.vn", MsgType::Error, Some("Không đúng thẩm quyền"));
    assert_eq!(good(post(write(&no))).await["state"], "refused");
    let yes = answer(&asked, "viettel.example.vn", MsgType::Ack, None);
    assert_eq!(good(post(write(&yes))).await["state"], "acknowledged");
    assert_eq!(bad(road.outside(&road.viettel, Method::POST, "/orders/answers").body("x")).await.0, 415);

    // With one, its signature must hold, and nothing beside it is read.
    let path = "/outlets/viettel";
    let before = road.inside(&road.all, Method::GET, path).send().await.unwrap();
    let tag = header(&before, "etag");
    let pinned = json!({ "title": "Viettel", "kind": "carrier", "way": "pull", "sender": "viettel.example.vn",
        "certificate": fs::read_to_string(SIGNER).unwrap() });
    good(road.inside(&road.all, Method::PUT, path).header("if-match", tag).json(&pinned)).await;
    let identifier = road.order("viettel").await;
    let asked = road.fetched(&identifier).await;
    let plain = write(&answer(&asked, "viettel.example.vn", MsgType::Ack, None));
    assert_eq!(bad(post(plain.clone())).await.0, 422, "it is not signed");
    let signed = signature::sign(&plain, &key(), &signer()).unwrap();
    assert_eq!(bad(post(signed.replace("<msgType>Ack", "<msgType>Error"))).await.0, 422, "it was changed after it was signed");
    assert_eq!(road.state(&identifier).await, "handed_over");
    assert_eq!(good(post(signed)).await["state"], "acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_office_follows_its_orders_up() {
    let road = Road::open().await;
    let why = json!({ "why": "Sai nội dung" });
    // Nobody has it: it is gone at once.
    let early = road.order("viettel").await;
    assert_eq!(road.office_does(&format!("/orders/{early}/cancel"), why.clone()).await["state"], "cancelled");
    assert_eq!(bad(road.outside(&road.viettel, Method::GET, &format!("/orders/{early}"))).await.0, 404, "it never reached them");
    let other = road.order("viettel").await;
    let (status, errors) =
        bad(road.inside(&road.all, Method::POST, &format!("/orders/{other}/withdraw")).json(&json!({ "why": " " }))).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/why")));
    assert_eq!(road.office_does(&format!("/orders/{other}/withdraw"), why.clone()).await["state"], "cancelled");

    // An Update waits for the acknowledgement of what it updates, and for another's approval.
    let first = road.order("viettel").await;
    road.fetched(&first).await;
    let change = json!({ "note": "Đổi lời", "sms": "Không đọc mã OTP.", "unaccented": true });
    let update = || road.inside(&road.all, Method::POST, &format!("/orders/{first}/updates"));
    assert_eq!(bad(update().json(&change)).await.0, 409);
    good(road.outside(&road.viettel, Method::POST, &format!("/orders/{first}/acknowledge"))).await;
    let (status, errors) = bad(update().json(&json!({ "note": "x", "areas": ["99"] }))).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/areas")));
    assert_eq!(bad(update().json(&json!({ "note": "x" }))).await.0, 422, "nothing changes");
    let drafted = good(update().json(&change)).await;
    let second = drafted["identifier"].as_str().unwrap();
    assert_eq!((&drafted["state"], &drafted["earlier"]), (&json!("drafted"), &json!(first)));
    assert_eq!(drafted["content"]["sms"]["text"], "Khong doc ma OTP.");
    assert_eq!(
        bad(road.outside(&road.viettel, Method::GET, &format!("/orders/{second}"))).await.0,
        404,
        "not before it is approved"
    );
    let approve = |secret: &str, hash: &Value| {
        road.inside(secret, Method::POST, &format!("/orders/{second}/approve")).json(&json!({ "hash": hash }))
    };
    assert_eq!(bad(approve(&road.all, &drafted["hash"])).await.0, 403, "who wrote it does not approve it");
    assert_eq!(bad(approve(&road.other, &json!("0"))).await.0, 409);
    assert_eq!(good(approve(&road.other, &drafted["hash"])).await["state"], "approved");
    let document = road.fetched(second).await;
    assert_eq!((document.msg_type, document.references[0].identifier.as_str()), (MsgType::Update, first.as_str()));
    assert_eq!(road.state(&first).await, "acknowledged", "it holds until the Update is taken");
    good(road.outside(&road.viettel, Method::POST, &format!("/orders/{second}/acknowledge"))).await;
    assert_eq!(road.state(&first).await, "superseded");

    let asked = road.office_does(&format!("/orders/{second}/cancel"), why.clone()).await;
    assert_eq!((&asked["step"], &asked["state"]), (&json!("cancel"), &json!("approved")));
    let third = asked["identifier"].as_str().unwrap();
    road.fetched(third).await;
    good(road.outside(&road.viettel, Method::POST, &format!("/orders/{third}/acknowledge"))).await;
    assert_eq!(road.state(second).await, "cancelled");

    // By hand, and from paper: the paper is kept, and the report names it.
    let paper = road.order("vina").await;
    let at = |rest: &str| format!("/orders/{paper}{rest}");
    assert_eq!(road.office_does(&at("/hand-over"), json!({ "how": "Bà Trúc ký nhận" })).await["state"], "handed_over");
    assert_eq!(road.office_does(&at("/acknowledge"), json!({ "note": "qua điện thoại" })).await["state"], "acknowledged");
    let counted = report(&paper, 1, [50, 40, 30, 0], None);
    let (status, errors) = bad(road.inside(&road.all, Method::POST, &at("/reports")).json(&counted)).await;
    assert_eq!((status, &errors[0]["pointer"]), (422, &json!("/evidence")));
    let scan = |name: &str, body: &'static str| {
        let path = at(&format!("/papers?name={name}"));
        road.inside(&road.all, Method::POST, &path).header("content-type", "application/octet-stream").body(body)
    };
    assert_eq!(bad(scan("a.pdf", "MZ not a paper")).await.0, 422);
    let kept = good(scan("bao-cao.pdf", "%PDF-1.7 Báo cáo")).await;
    let again = good(scan("lan-hai.pdf", "%PDF-1.7 Báo cáo")).await;
    assert_eq!((&again["hash"], &again["name"]), (&kept["hash"], &json!("lan-hai.pdf")), "once, whatever others called it");
    let hash = kept["hash"].as_str().unwrap();
    let mut with_paper = counted;
    with_paper["evidence"] = json!(hash);
    good(road.inside(&road.all, Method::POST, &at("/reports")).json(&with_paper)).await;
    let shown = road.inside(&road.all, Method::GET, &at(&format!("/papers/{hash}"))).send().await.unwrap();
    assert!(header(&shown, "content-disposition").starts_with("attachment"), "{shown:?}");
    assert_eq!(shown.text().await.unwrap(), "%PDF-1.7 Báo cáo");
    assert_eq!(road.office_does(&at("/close"), json!({ "why": "Đã đối chiếu" })).await["state"], "closed");
    let mut late = report(&paper, 2, [50, 41, 30, 0], None);
    late["evidence"] = json!(hash);
    assert_eq!(bad(road.inside(&road.all, Method::POST, &at("/reports")).json(&late)).await.0, 409, "it is closed");
    assert_eq!(road.office_does(&at("/reopen"), why).await["state"], "reported_partly");
    road.office.loa(&["verify"]);
    road.office.loa(&["audit", "verify"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guide_for_carriers_shows_works() {
    let road = Road::open().await;
    let identifier = road.order("viettel").await;
    let folder = tempfile::tempdir().unwrap();
    fs::copy(SIGNER, folder.path().join("office.pem")).unwrap();
    let guide = fs::read_to_string("docs/relay-api.md").unwrap();
    let blocks: Vec<&str> = guide.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 9, "{}", blocks.len());
    for block in blocks {
        let script = format!("set -e\n{}", block.replace("curl -sS", "curl -sS --fail-with-body --noproxy '*'"));
        let script = script.replace("xmlsec1 --verify", &format!("{} --verify", peer("LOA_TEST_XMLSEC")));
        let done = Command::new("bash")
            .current_dir(folder.path())
            .args(["-c", &script])
            .env("LOA", &road.outside)
            .env("TOKEN", &road.viettel)
            .env("ORDER", &identifier)
            .env("SENDER", "viettel.example.vn")
            .output()
            .unwrap();
        let (said, complained) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{block}\n{said}{complained}");
        if block.contains("If-None-Match") {
            assert_eq!(said.trim(), "304");
        }
    }
    let one = good(road.inside(&road.all, Method::GET, &format!("/orders/{identifier}"))).await;
    assert_eq!(one["state"], "reported");
    let figures = good(road.inside(&road.all, Method::GET, "/orders/figures")).await;
    assert_eq!(figures["total"]["delivered"], 861_000);
}
