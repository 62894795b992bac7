//! Orders are pushed to a partner's server: the same signed document until it is taken, by one node alone, and what it answers holds.

mod partner;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use loa::{
    audit::Actor,
    cap::{self, Alert, Certificate, MsgType, signature},
    config::Config,
    db::Db,
    notice::{Kind as Notice, find},
    on,
    outlet::{self, Kind, Outlet, Way, Written},
    relay::{
        Basis, By, Content, Eyes, Order, Sms, State, Status, answer, attention, follow,
        hand::{self, Push},
        issue::{Letterhead, Unissued, issue},
        make, order,
        push::{Finished, Pusher, Stepped},
        recount,
    },
    transaction,
};
use providers::exchange::Exchange;

use self::partner::{Partner, Say};
use crate::{
    engines::world::{HOUR, World, by_sms},
    folder::Folder,
    helpers::{Owned, free_port, judges, key},
};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cap");
const MINUTE: i64 = 60_000;

fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{FIXTURES}/{name}")).unwrap()
}

/// The settings of an office that signs, and may reach `viettel` inside.
fn settings() -> Config {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("loa.toml");
    let text = format!(
        "[relay]\nsender = \"so.example.vn\"\nname = \"Sở\"\nprivate = [\"viettel\"]\n\
         signing = {{ certificate = \"{FIXTURES}/stranger.pem\", key = {{ file = \"{FIXTURES}/stranger.key.pem\" }} }}\n"
    );
    std::fs::write(&file, text).unwrap();
    Config::read(Some(&file), &BTreeMap::new()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn pusher(world: &World) -> Pusher {
    let exchange = Exchange::new(None, None).unwrap();
    Pusher::new(&settings(), world.db.clone(), world.clock.clone(), world.seal.clone(), exchange)
}

/// What becomes of all that is to be pushed now.
async fn pushed(pusher: &mut Pusher) -> Finished {
    pusher.step().await.unwrap();
    pusher.finish().await
}

const TAKEN: Finished = Finished { taken: 1, failed: 0 };
const FAILED: Finished = Finished { taken: 0, failed: 1 };
const NONE: Finished = Finished { taken: 0, failed: 0 };

async fn outlet_at(world: &World, slug: &str, url: &str, certificate: Option<String>) -> Outlet {
    let written = Written {
        slug: slug.into(),
        title: format!("Nhà mạng {slug}"),
        kind: Kind::Carrier,
        way: Way::Push,
        url: Some("https://relay.example.vn/cap".into()),
        certificate,
        contact: None,
        areas: vec![],
        owner: String::new(),
        sender: format!("{slug}.example.vn"),
    };
    let written = written.checked(|_| true).unwrap();
    let actor = Actor::command("Lan");
    let added = transaction!(world.db, |tx| outlet::add(tx, &world.seal, &written, &actor, world.now()).await);
    added.unwrap().unwrap();
    world.sql(&format!("UPDATE outlet SET url = '{url}' WHERE slug = '{slug}'")).await;
    outlet::by_slug(&world.db, &world.seal, slug).await.unwrap().unwrap()
}

/// What an order says at least.
fn plain(world: &World) -> Content {
    Content {
        title: "Không đưa mã OTP cho ai".into(),
        warning: false,
        status: Status::Actual,
        sender_name: Some("SO VHTTDL".into()),
        sms: Some(Sms::new("Khong cung cap ma OTP.", "gsm", 1)),
        app: None,
        material: None,
        rounds: 1,
        window: None,
        max_rate: None,
        areas: vec!["01".into()],
        audience: None,
        contract: None,
        basis: None,
        report_by: Some(world.now() + 48 * HOUR),
        expires_at: world.now() + 24 * HOUR,
    }
}

/// An approved order of a run of its own.
async fn order_to(world: &World, outlet: &Outlet) -> i64 {
    order_of(world, outlet, plain(world)).await
}

async fn order_of(world: &World, outlet: &Outlet, content: Content) -> i64 {
    let run = world.run(&by_sms()).await;
    let run = make::Run { run, campaign: "otp", owner: "" };
    let actor = Actor::command("Lan");
    let by = By { actor: &actor, eyes: Eyes::All, now: world.now() };
    let asked = [(outlet.clone(), content)];
    transaction!(world.db, |tx| make::orders(tx, &run, &asked, true, &by).await).unwrap()[0]
}

async fn get(world: &World, id: i64) -> Order {
    order::one(&world.db, id, Eyes::All, world.now()).await.unwrap().unwrap()
}

async fn push(world: &World, id: i64) -> Push {
    hand::push(&world.db, id).await.unwrap().unwrap()
}

async fn happened(world: &World, id: i64, what: &str) -> Vec<String> {
    let events = order::events(&world.db, id).await.unwrap();
    events.into_iter().filter(|event| event.happening == what).map(|event| event.detail).collect()
}

/// What an outlet says of the document that it got.
fn reply_to(document: &[u8], msg_type: MsgType, note: Option<&str>) -> Alert {
    let order = cap::read("order.xml", document).unwrap();
    Alert {
        identifier: "tra-loi-1".into(),
        sender: "viettel.example.vn".into(),
        msg_type,
        references: vec![order.reference()],
        note: note.map(str::to_string),
        infos: vec![],
        ..order
    }
}

fn signed(alert: &Alert, by: &str) -> String {
    let key = signature::Key::from_pem(fixture(&format!("{by}.key.pem")).as_bytes()).unwrap();
    let certificate = Certificate::from_pem(fixture(&format!("{by}.pem")).as_bytes()).unwrap();
    signature::sign(&cap::write(alert).unwrap(), &key, &certificate).unwrap()
}

async fn the_same_document_is_pushed_until_it_is_taken(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), None).await;
    let id = order_to(world, &viettel).await;
    let mut pusher = pusher(world);

    // The server's program breaks: it may have the order all the same.
    partner.says(Say::Status(500, "<html>oops</html>"));
    assert_eq!(pushed(&mut pusher).await, FAILED);
    assert!(get(world, id).await.in_doubt);
    assert_eq!(push(world, id).await.last, "HTTP 500");
    assert_eq!(pushed(&mut pusher).await, NONE, "not before its time");

    // It says no for now: what the first try may have left there stays in doubt.
    world.advance(15_000).await;
    partner.says(Say::Status(503, "busy"));
    assert_eq!(pushed(&mut pusher).await, FAILED);
    assert_eq!((push(world, id).await.last.as_str(), get(world, id).await.in_doubt), ("HTTP 503: busy", true));

    // It hangs up without an answer.
    world.advance(30_000).await;
    partner.says(Say::Nothing);
    assert_eq!(pushed(&mut pusher).await, FAILED);
    assert_eq!(get(world, id).await.state, State::Approved);

    world.advance(60_000).await;
    partner.says(Say::Status(202, ""));
    assert_eq!(pushed(&mut pusher).await, TAKEN);
    let order = get(world, id).await;
    assert_eq!((order.state, order.handed_at, order.in_doubt), (State::HandedOver, Some(world.now()), false));
    world.advance(HOUR).await;
    assert_eq!(pushed(&mut pusher).await, NONE, "what is taken is pushed no more");

    let got = partner.got();
    assert_eq!(got.len(), 4);
    assert!(got.iter().all(|one| one.body == got[0].body), "byte for byte the same");
    for one in &got {
        assert!(one.head.contains("content-type: application/cap+xml\r\n"), "{}", one.head);
        assert!(one.head.contains(&format!("idempotency-key: \"{}\"\r\n", order.identifier)), "{}", one.head);
    }
    let office = Certificate::from_pem(fixture("stranger.pem").as_bytes()).unwrap();
    let verified = signature::verify(&got[0].body, &[office], world.now()).unwrap();
    assert_eq!((verified.alert.identifier, verified.alert.sender), (order.identifier, "so.example.vn".to_string()));
    assert_eq!((happened(world, id, "push_in_doubt").await.len(), happened(world, id, "push_failed").await.len()), (2, 1));
}

/// A server that says when to come again is heard, in seconds or by a date, within bounds: it does not make an order expire unasked.
async fn a_server_that_says_when_to_come_again_is_heard(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), None).await;
    let id = order_to(world, &viettel).await;
    let expires_at = get(world, id).await.expires_at;
    let mut pusher = pusher(world);
    let mut asked = async |status, after: &'static str| {
        partner.says(Say::Later(status, after));
        assert_eq!(pushed(&mut pusher).await, FAILED);
        let next_at = push(world, id).await.next_at;
        let wait = next_at - world.now();
        world.advance(wait - 1).await;
        assert_eq!(pushed(&mut pusher).await, NONE, "it is left alone");
        world.advance(1).await;
        wait
    };
    assert_eq!(asked(429, "3600").await, HOUR);
    let until = chrono::DateTime::from_timestamp_millis(world.now() + 2 * HOUR).unwrap();
    let date: &'static str = until.format("%a, %d %b %Y %H:%M:%S GMT").to_string().leak();
    let wait = asked(503, date).await;
    assert!((2 * HOUR - 999..=2 * HOUR).contains(&wait), "to the second: {wait}");
    assert_eq!(asked(503, "1").await, MINUTE, "no sooner than it would be otherwise");
    assert_eq!(asked(503, "tomorrow").await, 2 * MINUTE, "that says nothing");
    assert_eq!(asked(503, "999999999").await, 6 * HOUR);
    assert_eq!(asked(429, "999999999").await, 6 * HOUR);
    let left = expires_at - world.now();
    assert_eq!(asked(429, "999999999").await, left / 2, "before it expires");
    assert_eq!(pushed(&mut pusher).await, TAKEN);
}

async fn what_comes_back_with_a_push_holds_if_it_is_believed(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), Some(fixture("signer.pem"))).await;
    let mut pusher = pusher(world);
    let mut answered = async |say: Say| {
        let id = order_to(world, &viettel).await;
        partner.says(say);
        pushed(&mut pusher).await;
        (id, get(world, id).await)
    };

    let (_, order) =
        answered(Say::Reply(200, |got| signed(&reply_to(got, MsgType::Ack, Some("Sẽ gửi tối nay")), "signer"))).await;
    assert_eq!((order.state, order.handed_at), (State::Acknowledged, Some(world.now())));

    let (id, order) = answered(Say::Reply(422, |got| signed(&reply_to(got, MsgType::Error, Some("Sai mẫu")), "signer"))).await;
    assert_eq!(order.state, State::Refused);
    assert_eq!(happened(world, id, "refuse").await, ["Sai mẫu"]);

    // Unsigned, of a stranger, and of another order: the order got there, and the answer is none.
    let unsigned = Say::Reply(200, |got| cap::write(&reply_to(got, MsgType::Ack, None)).unwrap());
    let forged = Say::Reply(200, |got| signed(&reply_to(got, MsgType::Ack, None), "stranger"));
    let other = Say::Reply(200, |got| {
        let mut ack = reply_to(got, MsgType::Ack, None);
        ack.references[0].identifier.push('x');
        signed(&ack, "signer")
    });
    for say in [unsigned, forged, other] {
        let (id, order) = answered(say).await;
        assert_eq!(order.state, State::HandedOver);
        assert_eq!(happened(world, id, "answer_unfit").await.len(), 1);
    }
    // What a program of the web says beside 200 is no answer to the order.
    let (id, order) = answered(Say::Status(200, "<html>ok</html>")).await;
    assert_eq!((order.state, happened(world, id, "answer_unfit").await.len()), (State::HandedOver, 0));

    // Whoever has no certificate is believed by the connection.
    world.sql("UPDATE outlet SET certificate = NULL").await;
    let (_, order) = answered(Say::Reply(200, |got| cap::write(&reply_to(got, MsgType::Ack, None)).unwrap())).await;
    assert_eq!(order.state, State::Acknowledged);
}

/// While the server thinks about its answer, somebody of the outlet answers on its page.
async fn an_answer_that_does_not_hold_is_noted_as_the_order_stands(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), Some(fixture("signer.pem"))).await;
    let id = order_to(world, &viettel).await;
    partner.says(Say::Held(200, |got| cap::write(&reply_to(got, MsgType::Ack, None)).unwrap()));
    let mut pusher = pusher(world);
    pusher.step().await.unwrap();
    while partner.got().is_empty() {
        tokio::task::yield_now().await;
    }
    let actor = Actor::command("Lan");
    let by = By { actor: &actor, eyes: Eyes::All, now: world.now() };
    answer::begin(&world.db, id, "", &by).await.unwrap().unwrap();
    partner.go_on();
    pusher.finish().await;
    assert_eq!((get(world, id).await.state, happened(world, id, "answer_unfit").await.len()), (State::Sending, 1));
    let found = world.db.snapshot(async |tx| recount::recount(tx).await).await.unwrap();
    assert_eq!(found.wrong, [], "its events say where it stands");
}

async fn of_two_nodes_one_pushes_an_order(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), None).await;
    for _ in 0..5 {
        order_to(world, &viettel).await;
    }
    let (mut one, mut other) = (pusher(world), pusher(world));
    let (a, b) = tokio::join!(pushed(&mut one), pushed(&mut other));
    assert_eq!((a.taken + b.taken, a.failed + b.failed), (5, 0));
    let mut bodies: Vec<Vec<u8>> = partner.got().into_iter().map(|got| got.body).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!((bodies.len(), partner.got().len()), (5, 5));
}

async fn a_stopped_run_holds_back_and_what_expires_is_over(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), None).await;
    let (held, doubted) = (order_to(world, &viettel).await, order_to(world, &viettel).await);
    let mut pusher = pusher(world);
    world.sql(&format!("UPDATE run SET paused = true WHERE id = {}", get(world, held).await.run)).await;
    partner.says(Say::Status(504, ""));
    assert_eq!(pushed(&mut pusher).await, FAILED);
    assert_eq!(partner.got().len(), 1, "what is paused stays here");
    world.advance(24 * HOUR).await;
    assert_eq!(pusher.step().await.unwrap(), Stepped { begun: 0, lapsed: 2 });
    assert_eq!((get(world, held).await.state, get(world, doubted).await.state), (State::Cancelled, State::HandedOver));
    assert_eq!(partner.got().len(), 1);
}

async fn a_server_that_refuses_is_told_of(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), None).await;
    let id = order_to(world, &viettel).await;
    let mut pusher = pusher(world);
    partner.says(Say::Status(403, r#"{"error": "unknown sender"}"#));
    assert_eq!(pushed(&mut pusher).await, FAILED);
    let stands = push(world, id).await;
    assert_eq!((stands.rejected, stands.doubt, stands.next_at), (true, false, world.now() + 30 * MINUTE));
    let [matter] = &attention::matters(&world.db, world.now()).await.unwrap()[..] else { panic!("one thing to do") };
    assert_eq!((matter.cause, matter.said.as_str()), (attention::Cause::Unpushed, r#"HTTP 403: {"error": "unknown sender"}"#));
    let ground = find::Ground { db: world.db.clone(), clock: world.clock.clone(), config: settings(), served: BTreeSet::new() };
    let found = find::all(&ground).await.unwrap();
    let told = found.iter().find(|one| one.kind == Notice::OrderUnpushed).unwrap();
    assert!(told.says.vi.contains("Nhà mạng viettel") && told.says.vi.contains("unknown sender"), "{}", told.says.vi);

    // Somebody mended it, and does not wait for half an hour.
    let actor = Actor::command("Lan");
    hand::retry(&world.db, id, &By { actor: &actor, eyes: Eyes::All, now: world.now() }).await.unwrap().unwrap();
    assert_eq!(pushed(&mut pusher).await, TAKEN);
    assert_eq!(attention::matters(&world.db, world.now()).await.unwrap(), []);
}

async fn an_update_names_the_earlier_one_as_it_named_itself(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), None).await;
    let id = order_to(world, &viettel).await;
    let ack = Say::Reply(200, |got| cap::write(&reply_to(got, MsgType::Ack, None)).unwrap());
    partner.says(ack);
    assert_eq!(pushed(&mut pusher(world)).await, TAKEN);
    let (writer, approver) = (Actor::command("Lan"), Actor::command("Minh"));
    let by = |actor| By { actor, eyes: Eyes::All, now: world.now() };
    let content = Content { rounds: 2, ..get(world, id).await.content };
    let update = follow::update(&world.db, id, &content, "Thêm một đợt", &by(&writer)).await.unwrap().unwrap();
    assert_eq!(pushed(&mut pusher(world)).await, NONE, "nobody has approved it");
    assert_eq!(issue(&world.db, &update, &Letterhead::of(&settings())).await.unwrap(), Err(Unissued::Drafted));
    order::approve(&world.db, update.id, &by(&approver)).await.unwrap().unwrap();

    // The office calls itself otherwise by now.
    let config = Config { relay: loa::config::Relay { sender: Some("moi.example.vn".into()), ..settings().relay }, ..settings() };
    let exchange = Exchange::new(None, None).unwrap();
    let mut renamed = Pusher::new(&config, world.db.clone(), world.clock.clone(), world.seal.clone(), exchange);
    partner.says(ack);
    assert_eq!(pushed(&mut renamed).await, TAKEN);
    let [_, second] = &partner.got()[..] else { panic!("two documents") };
    let second = cap::read("update.xml", &second.body).unwrap();
    assert_eq!((second.sender.as_str(), second.references[0].sender.as_str()), ("moi.example.vn", "so.example.vn"));
    assert_eq!((get(world, update.id).await.state, get(world, id).await.state), (State::Acknowledged, State::Superseded));
}

/// Whatever an order says, and whatever follows it, the bytes that leave are judged by others.
async fn every_document_that_leaves_holds_before_other_judges(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), None).await;
    let long = Content {
        title: "Cảnh báo <khẩn> & “giả danh” ]]> công an".into(),
        warning: true,
        app: Some("Không đọc mã OTP.\r\n\tNghi bị lừa: 156 & 5656 <!-- -->".into()),
        material: Some("Đọc trên loa\u{a0}phường, 2 lần\u{2028}một ngày: &amp; 𠮷".into()),
        rounds: 3,
        window: Some(("08:00".into(), "20:00".into())),
        max_rate: Some(500),
        areas: vec!["79".into(), "00004".into()],
        audience: Some("Mọi thuê bao > 18 tuổi".into()),
        contract: Some("15/2026/HĐ-VT".into()),
        basis: Some(Basis {
            number: "12/UBND-VX".into(),
            date: "2026-10-01".into(),
            authority: "UBND tỉnh \"mẫu\"".into(),
            signer: None,
            document: None,
        }),
        ..plain(world)
    };
    let bare = Content { sms: None, sender_name: None, areas: vec![], report_by: None, ..plain(world) };
    let others = [Status::Exercise, Status::Test].map(|status| Content { status, ..plain(world) });
    let mut pusher = pusher(world);
    for content in [bare, long].into_iter().chain(others) {
        let ack = Say::Reply(200, |got| cap::write(&reply_to(got, MsgType::Ack, None)).unwrap());
        let id = order_of(world, &viettel, content).await;
        partner.says(ack);
        assert_eq!(pushed(&mut pusher).await, TAKEN);
        let (writer, approver) = (Actor::command("Lan"), Actor::command("Minh"));
        let by = |actor| By { actor, eyes: Eyes::All, now: world.now() };
        let content = Content { rounds: 4, ..get(world, id).await.content };
        let update = follow::update(&world.db, id, &content, "Thêm <một> đợt", &by(&writer)).await.unwrap().unwrap();
        order::approve(&world.db, update.id, &by(&approver)).await.unwrap().unwrap();
        partner.says(ack);
        assert_eq!(pushed(&mut pusher).await, TAKEN);
        follow::cancel(&world.db, update.id, "Sai & thừa", &by(&writer)).await.unwrap().unwrap();
        partner.says(ack);
        assert_eq!(pushed(&mut pusher).await, TAKEN);
        assert_eq!(get(world, update.id).await.state, State::Cancelled);
    }
    let got = partner.got();
    assert_eq!(got.len(), 12);
    for one in got {
        judges::hold(&one.body, &format!("{FIXTURES}/stranger.pem"));
    }
}

async fn an_address_inside_is_not_reached_unless_it_is_meant(world: &World) {
    let partner = Partner::start().await;
    // Not among those that the settings name.
    let inside = outlet_at(world, "mobifone", &partner.address(), None).await;
    let id = order_to(world, &inside).await;
    assert_eq!(pushed(&mut pusher(world)).await, FAILED);
    assert!(push(world, id).await.rejected);
    assert_eq!(partner.got().len(), 0);
}

on_both_engines!(
    the_same_document_is_pushed_until_it_is_taken,
    a_server_that_says_when_to_come_again_is_heard,
    what_comes_back_with_a_push_holds_if_it_is_believed,
    an_answer_that_does_not_hold_is_noted_as_the_order_stands,
    of_two_nodes_one_pushes_an_order,
    a_stopped_run_holds_back_and_what_expires_is_over,
    a_server_that_refuses_is_told_of,
    an_update_names_the_earlier_one_as_it_named_itself,
    every_document_that_leaves_holds_before_other_judges,
    an_address_inside_is_not_reached_unless_it_is_meant,
);

/// A campaign that asks a carrier that is there, one that rests nowhere, and schools, of which there is none.
const CAMPAIGN: &str = r#"title = "Không đọc mã OTP cho ai"
kind  = "awareness"
owner = "Sở"
basis = { number = "12/UBND-VX", date = 2026-10-01, authority = "UBND tỉnh", document = "cong-van.pdf" }

[channels]
use = ["relay"]

[relay]
partners = ["viettel", "mobifone"]
kinds    = ["school"]
sender   = "Hai Duong"
areas    = ["01"]
audience = "Mọi thuê bao"
sms      = "Không đọc mã OTP cho bất kỳ ai."
payment  = "free"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_reaches_a_partner_by_itself_and_what_is_missing_is_told() {
    let partner = Partner::start().await;
    partner.says(Say::Reply(200, |got| cap::write(&reply_to(got, MsgType::Ack, None)).unwrap()));
    let folder = Folder::new()
        .with("loa.toml", &format!("[server]\nlisten = \"127.0.0.1:{}\"\n[relay]\nprivate = [\"viettel\"]\n", free_port()))
        .with("loa.key", &"07".repeat(32))
        .with("campaigns/cong-van.pdf", "%PDF-1.7 made up")
        .with("campaigns/qua-nha-mang.toml", CAMPAIGN);
    assert_eq!(folder.loa(&["migrate"]).code, 0);
    let db = Db::find(&format!("sqlite:{}", folder.path().join("loa.db").display())).await.unwrap().unwrap();
    let seal = loa::audience::key::load(&db, &key(7), &[]).await.unwrap();
    let written = Written {
        slug: "viettel".into(),
        title: "Viettel".into(),
        kind: Kind::Carrier,
        way: Way::Push,
        url: Some("https://relay.example.vn/cap".into()),
        certificate: None,
        contact: None,
        areas: vec![],
        owner: String::new(),
        sender: "viettel.example.vn".into(),
    };
    let actor = Actor::command("Lan");
    let written = written.checked(|_| true).unwrap();
    transaction!(db, |tx| outlet::add(tx, &seal, &written, &actor, 1_793_000_000_000).await).unwrap().unwrap();
    let point = format!("UPDATE outlet SET url = '{}'", partner.address());
    on!(db.write, |pool, _sql| sqlx::query(sqlx::AssertSqlSafe(point)).execute(pool).await.map(|_| ())).unwrap();

    let checked = folder.loa(&["check", "--json", "--lang", "en"]);
    assert_eq!(checked.code, 0, "{}", checked.err);
    let json = checked.json();
    let warnings: Vec<String> = json["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", one["field"].as_str().unwrap(), one["message"].as_str().unwrap()))
        .collect();
    assert_eq!(warnings, ["relay.partners there is no outlet `mobifone`", "relay.kinds there is no outlet of the kind “school”"]);
    let doctor = folder.loa(&["doctor", "--json", "--lang", "en"]).json();
    let about = |word: &str| -> Vec<String> {
        let all = doctor["findings"].as_array().unwrap().iter().filter(|one| one["about"] == word);
        all.map(|one| one["says"].as_str().unwrap().to_string()).collect()
    };
    assert_eq!(about("relay-signing").len(), 1, "{doctor}");
    assert!(about("relay-sender")[0].contains("`loa`"), "{doctor}");
    assert!(about("outlet")[0].contains("no certificate is pinned"), "{doctor}");

    assert_eq!(folder.loa(&["send", "qua-nha-mang"]).code, 0);
    let log = std::fs::File::create(folder.path().join("serve.log")).unwrap();
    let mut serve = Command::new(assert_cmd::cargo::cargo_bin!("loa"));
    let serve = serve.current_dir(folder.path()).env_clear().args(["serve"]).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let _serve = Owned(serve);
    let begun = Instant::now();
    let order = loop {
        let all = order::list(&db, &order::Filter::default(), Eyes::All, 10, 0).await.unwrap();
        let [order] = &all[..] else { panic!("one order: {all:?}") };
        if order.state == State::Acknowledged {
            break order.clone();
        }
        let log = || std::fs::read_to_string(folder.path().join("serve.log")).unwrap_or_default();
        assert!(begun.elapsed() < Duration::from_mins(1), "{:?}\n{}", order.state, log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let document = cap::read("order.xml", &partner.got()[0].body).unwrap();
    assert_eq!(
        (&document.identifier, document.infos[0].parameter("loa:smsText")),
        (&order.identifier, Some("Khong doc ma OTP cho bat ky ai."))
    );
    assert_eq!(partner.got().len(), 1);
    assert_eq!(folder.loa(&["verify"]).code, 0);
}
