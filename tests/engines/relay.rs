//! Relay orders in the store: made once with their run, handed over by each way, answered, followed, reported and counted.

use loa::{
    audit::{self, Actor},
    outlet::{self, Kind, Outlet, Way, Written},
    relay::{
        By, Content, Eyes, Happening, Order, Refusal, Sms, State, Status, Step, answer, chase,
        count::{self, Cut, Selection},
        follow::{self, Cancelled},
        hand::{self, Pushed},
        make, order, paper, recount,
        report::{self, Count, Rejected, Report, Taken},
    },
    transaction,
    user::{self, Scope},
};

use super::world::{HOUR, World, by_sms};

mod crossing;
mod sequences;

use crossing::{
    a_try_under_way_is_waited_for_when_an_order_expires, a_withdrawal_sees_the_push_that_it_waited_for,
    an_update_of_what_has_ended_is_not_approved, what_is_closed_is_replaced_all_the_same,
    what_is_opened_again_stands_where_it_stood, what_was_refused_returns_while_nothing_else_follows,
    what_was_withdrawn_takes_reports_by_the_same_rules,
};
use sequences::whatever_is_sent_the_store_keeps_the_rules;

const DAY: i64 = 24 * HOUR;

fn province(code: &str) -> Option<&'static str> {
    match code {
        "01" | "00004" => Some("01"),
        "79" => Some("79"),
        _ => None,
    }
}

fn somebody() -> Actor {
    Actor::command("Lan")
}

/// By an office that sees everything.
fn by<'a>(world: &World, actor: &'a Actor) -> By<'a> {
    By { actor, eyes: Eyes::All, now: world.now() }
}

fn of_outlet<'a>(world: &World, actor: &'a Actor, outlet: &Outlet) -> By<'a> {
    By { actor, eyes: Eyes::Outlet(outlet.id), now: world.now() }
}

async fn outlet_of(world: &World, slug: &str, kind: Kind, way: Way) -> Outlet {
    let written = Written {
        slug: slug.into(),
        title: format!("Đơn vị {slug}"),
        kind,
        way,
        url: (way == Way::Push).then(|| "https://relay.example.vn/cap".to_string()),
        certificate: None,
        contact: Some("truc.ban@example.vn".into()),
        areas: vec![],
        owner: String::new(),
        sender: String::new(),
    };
    let written = written.checked(|code| province(code).is_some()).unwrap();
    let added = transaction!(world.db, |tx| outlet::add(tx, &world.seal, &written, &somebody(), world.now()).await);
    added.unwrap().unwrap();
    outlet::by_slug(&world.db, &world.seal, slug).await.unwrap().unwrap()
}

fn content(world: &World) -> Content {
    Content {
        title: "Nhận diện lừa đảo".into(),
        warning: false,
        status: Status::Actual,
        sender_name: Some("SO VHTTDL".into()),
        sms: Some(Sms::new("Khong cung cap ma OTP.", "gsm", 1)),
        app: None,
        material: None,
        rounds: 2,
        window: None,
        max_rate: None,
        areas: vec!["01".into(), "79".into()],
        audience: None,
        contract: None,
        basis: None,
        report_by: Some(world.now() + 3 * DAY),
        expires_at: world.now() + 2 * DAY,
    }
}

async fn orders_of(world: &World, run: i64, owner: &str, asked: &[(Outlet, Content)]) -> Vec<i64> {
    let actor = somebody();
    let run = make::Run { run, campaign: "chien-dich", owner };
    transaction!(world.db, |tx| make::orders(tx, &run, asked, true, &by(world, &actor)).await).unwrap()
}

/// An order of a run of its own, approved.
async fn order_to(world: &World, outlet: &Outlet, content: Content) -> i64 {
    let run = world.run(&by_sms()).await;
    orders_of(world, run, "", &[(outlet.clone(), content)]).await[0]
}

async fn get(world: &World, id: i64) -> Order {
    order::one(&world.db, id, Eyes::All, world.now()).await.unwrap().unwrap()
}

async fn state(world: &World, id: i64) -> State {
    get(world, id).await.state
}

fn line(area: &str, round: u16, [targeted, submitted, delivered]: [i64; 3]) -> Count {
    Count {
        area: area.into(),
        round,
        targeted,
        submitted,
        delivered: Some(delivered),
        failed: None,
        pending: None,
        parts: Some(submitted),
        cost: None,
        starts_at: None,
        ends_at: None,
        by_cell: false,
    }
}

fn reported(world: &World, sequence: i64, counts: Vec<Count>) -> Report {
    Report { sequence, as_of: world.now(), last: false, correction: None, evidence: None, counts }
}

async fn take(world: &World, id: i64, report: &Report) -> Result<Taken, Rejected> {
    let actor = somebody();
    report::take(&world.db, id, report, province, &by(world, &actor)).await.unwrap()
}

/// Nothing that is kept differs from what came, and the record of who did what is whole.
async fn is_sound(world: &World) {
    let found = world.db.snapshot(async |tx| recount::recount(tx).await).await.unwrap();
    assert_eq!(found.wrong, []);
    assert_eq!(audit::verify(&world.db, &[]).await.unwrap().broken, None);
}

async fn a_run_makes_each_order_once(world: &World) {
    let outlets = [
        outlet_of(world, "viettel", Kind::Carrier, Way::Push).await,
        outlet_of(world, "vinaphone", Kind::Carrier, Way::Pull).await,
    ];
    let asked: Vec<(Outlet, Content)> = outlets.iter().map(|outlet| (outlet.clone(), content(world))).collect();
    let run = world.run(&by_sms()).await;
    let made = orders_of(world, run, "", &asked).await;
    assert_eq!(made.len(), 2);
    assert_eq!(orders_of(world, run, "", &asked).await, Vec::<i64>::new(), "asked again");
    assert_eq!(world.number("SELECT count(*) FROM relay_order").await, 2);
    assert_eq!(world.number("SELECT count(*) FROM audit WHERE action = 'order.make'").await, 1);
    let order = get(world, made[0]).await;
    assert_eq!((order.state, order.step, order.sent_at), (State::Approved, Step::Alert, Some(world.now())));
    assert!(order.identifier.starts_with(&format!("loa-{run}-viettel-")), "{}", order.identifier);
    assert_eq!(order.content, content(world));
    // A run that is not made makes none.
    let actor = somebody();
    let failed: loa::db::Result<()> = transaction!(world.db, |tx| {
        let run = make::Run { run: 99, campaign: "x", owner: "" };
        make::orders(tx, &run, &asked, true, &by(world, &actor)).await?;
        Err(loa::db::DbError::Refused("no".into()))
    });
    assert!(failed.is_err());
    assert_eq!(world.number("SELECT count(*) FROM relay_order WHERE run = 99").await, 0);
    is_sound(world).await;
}

const ASKS: &str = r#"title = "Qua nhà mạng"
kind = "awareness"
owner = "Sở Thông tin"
basis = { number = "1", date = 2026-11-01, authority = "UBND", document = "cong-van.pdf" }

[channels]
use = ["relay"]

[relay]
partners = ["viettel", "khong-co"]
kinds = ["school"]
sender = "So TTTT"
areas = ["01"]
audience = "Mọi thuê bao"
sms = "Không cung cấp mã OTP."
hours = "08:00-20:00"
rate = "500/s"
payment = "free"
"#;

async fn a_campaigns_run_asks_its_outlets(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Pull).await;
    let near = outlet_of(world, "truong-a", Kind::School, Way::Hand).await;
    for (slug, areas, owner) in [("truong-b", r#"[{"code": "79"}]"#, ""), ("truong-c", "[]", "Sở khác"), ("truong-d", "[]", "")]
    {
        let other = outlet_of(world, slug, Kind::School, Way::Hand).await;
        world.sql(&format!("UPDATE outlet SET areas = '{areas}', owner = '{owner}' WHERE id = {}", other.id)).await;
    }
    world.sql(&format!(r#"UPDATE outlet SET areas = '[{{"code": "00004"}}]' WHERE id = {}"#, near.id)).await;
    outlet::set_active(&world.db, "truong-d", false, &somebody(), world.now()).await.unwrap().unwrap();
    let mut source = super::world::source("chien-dich", ASKS, super::world::EVERYBODY);
    source.attachments.insert("cong-van.pdf".into(), b"%PDF".to_vec());
    let asked = loa::run::make::Asked {
        source: &source,
        segments: super::world::EVERYBODY,
        recipients: &[],
        once: Some("một lần"),
        by: None,
    };
    let holidays = loa::campaign::Holidays::built_in();
    let run = loa::run::make::asked(&world.db, &asked, &holidays, world.clock.now()).await.unwrap();
    assert_eq!(loa::run::make::asked(&world.db, &asked, &holidays, world.clock.now()).await.unwrap(), run);
    let filter = order::Filter { run: Some(run), ..order::Filter::default() };
    let orders = order::list(&world.db, &filter, Eyes::All, 10, world.now()).await.unwrap();
    let of: Vec<(&str, Vec<String>)> =
        orders.iter().map(|order| (order.outlet_slug.as_str(), order.content.areas.clone())).collect();
    assert_eq!(of, [("truong-a", vec!["00004".to_string()]), ("viettel", vec!["01".to_string()])]);
    let order = &orders[1];
    let sms = order.content.sms.as_ref().unwrap();
    assert_eq!((sms.text.as_str(), sms.encoding.as_str(), sms.parts), ("Khong cung cap ma OTP.", "gsm", 1));
    assert_eq!((order.outlet, order.state, order.owner.as_str()), (viettel.id, State::Approved, "Sở Thông tin"));
    assert_eq!((order.content.window.clone(), order.content.max_rate), (Some(("08:00".into(), "20:00".into())), Some(500)));
    assert!(order.expires_at > world.now() && order.report_by > Some(order.expires_at));
    let document = order.content.basis.as_ref().unwrap().document.clone().unwrap();
    assert_eq!(paper::one(&world.db, &document).await.unwrap().unwrap().kind, "application/pdf");
    assert_eq!(
        world.number("SELECT count(*) FROM audit WHERE action = 'order.missing' AND after_json LIKE '%khong-co%'").await,
        1
    );
    // A test is for the people whom it names.
    let test = loa::run::make::Asked { recipients: &["p1".to_string()], once: None, ..asked };
    let test = loa::run::make::asked(&world.db, &test, &holidays, world.clock.now()).await.unwrap();
    assert_eq!(world.number(&format!("SELECT count(*) FROM relay_order WHERE run = {test}")).await, 0);
    is_sound(world).await;
}

async fn an_outlet_is_kept_sealed_and_masked(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Push).await;
    assert_eq!(viettel.contact.as_deref(), Some("t…@example.vn"));
    assert_eq!(outlet::contact(&world.db, &world.seal, viettel.id).await.unwrap().as_deref(), Some("truc.ban@example.vn"));
    let plain = if world.db.engine() == loa::db::Engine::Sqlite {
        "SELECT count(*) FROM outlet WHERE instr(contact, CAST('truc' AS BLOB)) > 0"
    } else {
        "SELECT count(*) FROM outlet WHERE position(CAST('truc' AS BYTEA) IN contact) > 0"
    };
    assert_eq!(world.number(plain).await, 0);
    assert_eq!(world.number("SELECT count(*) FROM audit WHERE after_json LIKE '%truc%' OR before_json LIKE '%truc%'").await, 0);
    transaction!(world.db, |tx| outlet::reseal(tx, &world.seal).await).unwrap();
    assert!(outlet::contact(&world.db, &world.seal, viettel.id).await.unwrap().is_some());

    let change = async |contact: Option<&str>, title: &str| {
        let to = Written {
            slug: "viettel".into(),
            title: title.into(),
            kind: Kind::Carrier,
            way: Way::Pull,
            url: None,
            certificate: None,
            contact: contact.map(str::to_string),
            areas: vec!["01".into()],
            owner: "Sở Thông tin".into(),
            sender: "viettel.example.vn".into(),
        };
        transaction!(world.db, |tx| outlet::change(tx, &world.seal, &to, &somebody(), world.now()).await).unwrap().unwrap();
        outlet::by_slug(&world.db, &world.seal, "viettel").await.unwrap().unwrap()
    };
    let changed = change(None, "Viettel").await;
    assert_eq!((changed.title.as_str(), changed.contact.is_some(), changed.areas), ("Viettel", true, vec!["01".to_string()]));
    let records = "SELECT count(*) FROM audit WHERE action = 'outlet.change'";
    assert_eq!(world.number(records).await, 1);
    change(None, "Viettel").await;
    assert_eq!(world.number(records).await, 1, "nothing changed");
    assert_eq!(change(Some(""), "Viettel").await.contact, None);

    let twice = Written { slug: "viettel".into(), ..written_again() };
    let taken = transaction!(world.db, |tx| outlet::add(tx, &world.seal, &twice, &somebody(), world.now()).await).unwrap();
    assert_eq!(taken, Err(outlet::Refused::Taken));
    order_to(world, &viettel, content(world)).await;
    let removed = outlet::remove(&world.db, "viettel", &somebody(), world.now()).await.unwrap();
    assert_eq!(removed, Err(outlet::Refused::HasOrders));
    outlet_of(world, "khac", Kind::Press, Way::Hand).await;
    outlet::remove(&world.db, "khac", &somebody(), world.now()).await.unwrap().unwrap();
    outlet::set_active(&world.db, "viettel", false, &somebody(), world.now()).await.unwrap().unwrap();
    assert!(!outlet::find(&world.db, &world.seal, viettel.id).await.unwrap().unwrap().active);
}

fn written_again() -> Written {
    Written {
        slug: String::new(),
        title: "X".into(),
        kind: Kind::Carrier,
        way: Way::Hand,
        url: None,
        certificate: None,
        contact: None,
        areas: vec![],
        owner: String::new(),
        sender: "x".into(),
    }
}

async fn a_push_is_claimed_by_one_and_says_the_same_at_every_try(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Push).await;
    let id = order_to(world, &viettel, content(world)).await;
    let (first, second) = tokio::join!(hand::claim(&world.db, 10, world.now()), hand::claim(&world.db, 10, world.now()));
    let claimed = first.unwrap().len() + second.unwrap().len();
    assert_eq!(claimed, 1);
    assert_eq!(hand::freeze(&world.db, id, b"<alert/>").await.unwrap(), b"<alert/>");
    assert_eq!(hand::freeze(&world.db, id, b"<other/>").await.unwrap(), b"<alert/>");

    // While it is on its way nobody knows; then it is certain that it did not get there.
    let actor = somebody();
    let withdraw = async || order::withdraw(&world.db, id, "nhầm", &by(world, &actor)).await.unwrap();
    assert_eq!(withdraw().await, Err(Refusal::InDoubt));
    hand::pushed(&world.db, id, &Pushed::Failed("no connection".into()), world.now()).await.unwrap().unwrap();
    assert!(!get(world, id).await.in_doubt);

    // Nobody knows what became of it: it may be with the outlet, whatever later tries come to.
    world.advance(15_000).await;
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    hand::pushed(&world.db, id, &Pushed::InDoubt("no answer".into()), world.now()).await.unwrap().unwrap();
    assert_eq!(withdraw().await, Err(Refusal::InDoubt));
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap(), []);
    world.advance(30_000).await;
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    hand::pushed(&world.db, id, &Pushed::Failed("503".into()), world.now()).await.unwrap().unwrap();
    let push = hand::push(&world.db, id).await.unwrap().unwrap();
    assert_eq!((push.tries, push.doubt, push.next_at, push.last.as_str()), (3, true, world.now() + 60_000, "503"));
    assert_eq!(withdraw().await, Err(Refusal::InDoubt));

    // What the server will say no to again waits for somebody, who may have it tried at once.
    world.advance(60_000).await;
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    hand::retry(&world.db, id, &by(world, &actor)).await.unwrap().unwrap();
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap(), [], "a try is under way");
    hand::pushed(&world.db, id, &Pushed::Rejected("404".into()), world.now()).await.unwrap().unwrap();
    let push = hand::push(&world.db, id).await.unwrap().unwrap();
    assert_eq!((push.rejected, push.doubt, push.next_at), (true, true, world.now() + 30 * 60_000));
    hand::retry(&world.db, id, &by(world, &actor)).await.unwrap().unwrap();

    // A stopped run's orders stay; a crash of whoever claimed one is over with its lease.
    let run = get(world, id).await.run;
    world.sql(&format!("UPDATE run SET paused = true WHERE id = {run}")).await;
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap(), []);
    world.sql(&format!("UPDATE run SET paused = false WHERE id = {run}")).await;
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    world.advance(hand::LEASE).await;
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    let handed = hand::pushed(&world.db, id, &Pushed::Taken, world.now()).await.unwrap().unwrap();
    assert_eq!((handed.state, handed.handed_at, handed.in_doubt), (State::HandedOver, Some(world.now()), false));
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap(), []);
    assert_eq!(world.number("SELECT count(*) FROM relay_push").await, 0);
    is_sound(world).await;
}

async fn what_expires_before_anybody_has_it_is_over(world: &World) {
    let (viettel, school) =
        (outlet_of(world, "viettel", Kind::Carrier, Way::Push).await, outlet_of(world, "truong", Kind::School, Way::Hand).await);
    let (doubted, left) = (order_to(world, &viettel, content(world)).await, order_to(world, &school, content(world)).await);
    world.advance(2 * DAY - 1).await;
    assert_eq!(hand::claim(&world.db, 10, world.now()).await.unwrap().len(), 1);
    assert_eq!(hand::lapse(&world.db, world.now()).await.unwrap(), 0);
    // Whoever claimed it is gone, and its claim is over.
    world.advance(hand::LEASE).await;
    let actor = somebody();
    assert_eq!(hand::by_hand(&world.db, left, "văn bản", &by(world, &actor)).await.unwrap(), Err(Refusal::Expired));
    assert_eq!(hand::lapse(&world.db, world.now()).await.unwrap(), 2);
    assert_eq!(state(world, left).await, State::Cancelled);
    assert_eq!(state(world, doubted).await, State::HandedOver, "the outlet may have it, so its report is owed");
    assert_eq!(hand::lapse(&world.db, world.now()).await.unwrap(), 0);
    is_sound(world).await;
}

async fn a_partner_sees_its_own_orders_alone(world: &World) {
    let (viettel, vina) =
        (outlet_of(world, "viettel", Kind::Carrier, Way::Pull).await, outlet_of(world, "vina", Kind::Carrier, Way::Pull).await);
    let (own, other) = (order_to(world, &viettel, content(world)).await, order_to(world, &vina, content(world)).await);
    let actor = somebody();
    let as_viettel = of_outlet(world, &actor, &viettel);
    assert_eq!(answer::acknowledge(&world.db, other, "", &as_viettel).await.unwrap(), Err(Refusal::NoSuchOrder));
    assert_eq!(hand::fetch(&world.db, other, &as_viettel).await.unwrap(), Err(Refusal::NoSuchOrder));
    let report = reported(world, 1, vec![line("01", 1, [10, 10, 9])]);
    let rejected = report::take(&world.db, other, &report, province, &as_viettel).await.unwrap();
    assert_eq!(rejected, Err(Rejected::Refused(Refusal::NoSuchOrder)));
    assert_eq!(state(world, other).await, State::Approved);
    let identifier = get(world, other).await.identifier;
    assert!(order::by_identifier(&world.db, &identifier, as_viettel.eyes, world.now()).await.unwrap().is_none());
    let filter = order::Filter { outlet: Some(vina.id), ..order::Filter::default() };
    assert_eq!(order::list(&world.db, &filter, as_viettel.eyes, 10, world.now()).await.unwrap(), []);
    let seen = order::list(&world.db, &order::Filter::default(), as_viettel.eyes, 10, world.now()).await.unwrap();
    assert_eq!(seen.iter().map(|order| order.id).collect::<Vec<_>>(), [own]);

    // The feed hands nothing over; fetching does, once.
    assert_eq!(hand::feed(&world.db, viettel.id, world.now()).await.unwrap().len(), 1);
    assert_eq!(state(world, own).await, State::Approved);
    hand::fetch(&world.db, own, &as_viettel).await.unwrap().unwrap();
    world.advance(HOUR).await;
    let again = hand::fetch(&world.db, own, &of_outlet(world, &actor, &viettel)).await.unwrap().unwrap();
    assert_eq!((again.state, again.handed_at), (State::HandedOver, Some(world.now() - HOUR)));
    // What was withdrawn before anybody had it was never there.
    order::withdraw(&world.db, other, "nhầm", &by(world, &actor)).await.unwrap().unwrap();
    assert!(order::one(&world.db, other, Eyes::Outlet(vina.id), world.now()).await.unwrap().is_none());
    is_sound(world).await;
}

async fn departments_see_their_own(world: &World) {
    let now = world.now();
    let school = outlet_of(world, "truong", Kind::School, Way::Hand).await;
    let mut scopes: Vec<Scope> = Vec::new();
    for (name, email) in [("Sở Văn hóa", "an@example.vn"), ("Công an tỉnh", "binh@example.vn")] {
        let department = user::add_department(&world.db, name, &somebody(), now).await.unwrap().unwrap();
        let new = user::New {
            email: email.into(),
            name: name.into(),
            roles: [user::Role::Officer].into_iter().collect(),
            every_department: false,
            departments: vec![department],
        };
        let id = user::add(&world.db, &new, &somebody(), now).await.unwrap().unwrap();
        scopes.push(user::find(&world.db, id).await.unwrap().unwrap().departments);
    }
    let run = world.run(&by_sms()).await;
    let id = orders_of(world, run, "Sở Văn hóa", &[(school, content(world))]).await[0];
    take(world, id, &reported(world, 1, vec![line("01", 1, [10, 10, 9])])).await.unwrap();
    let selection = Selection::default();
    for (scope, sees) in [(&scopes[0], true), (&scopes[1], false)] {
        let eyes = Eyes::Office(scope);
        assert_eq!(order::one(&world.db, id, eyes, now).await.unwrap().is_some(), sees);
        assert_eq!(!count::figures(&world.db, &selection, Cut::All, eyes).await.unwrap().is_empty(), sees);
        assert_eq!(!count::progress(&world.db, None, None, eyes).await.unwrap().is_empty(), sees);
        let actor = somebody();
        let closed = order::close(&world.db, id, "đủ", &By { actor: &actor, eyes, now }).await.unwrap();
        assert_eq!(closed.is_ok(), sees, "{closed:?}");
    }
}

async fn updates_and_cancels_follow_what_was_acknowledged(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let id = order_to(world, &viettel, content(world)).await;
    let actor = Actor { user: Some(1), ..somebody() };
    let approver = Actor { user: Some(2), ..somebody() };
    let by = by(world, &actor);
    hand::by_hand(&world.db, id, "công văn 12", &by).await.unwrap().unwrap();
    let changed = Content { status: Status::Test, title: "Bản sửa".into(), ..content(world) };
    assert_eq!(follow::update(&world.db, id, &changed, "", &by).await.unwrap(), Err(Refusal::NotAcknowledged));
    assert_eq!(follow::cancel(&world.db, id, "sai số liệu", &by).await.unwrap(), Err(Refusal::NotAcknowledged));
    answer::acknowledge(&world.db, id, "", &by).await.unwrap().unwrap();
    assert_eq!(follow::cancel(&world.db, id, " ", &by).await.unwrap(), Err(Refusal::NoReason));

    let update = follow::update(&world.db, id, &changed, "sửa câu 2", &by).await.unwrap().unwrap();
    assert_eq!((update.state, update.step, update.serial, update.earlier), (State::Drafted, Step::Update, 1, Some(id)));
    assert_eq!(update.content.status, Status::Actual, "an order stays what it is");
    assert!(update.identifier.ends_with(".1"));
    assert_eq!(follow::cancel(&world.db, id, "x", &by).await.unwrap(), Err(Refusal::Followed));
    assert!(order::one(&world.db, update.id, Eyes::Outlet(viettel.id), world.now()).await.unwrap().is_none(), "a draft");
    assert_eq!(order::approve(&world.db, update.id, &by).await.unwrap(), Err(Refusal::OwnWriting));
    assert_eq!(hand::by_hand(&world.db, update.id, "x", &by).await.unwrap(), Err(Refusal::NotApproved));
    order::approve(&world.db, update.id, &By { actor: &approver, ..by }).await.unwrap().unwrap();
    assert_eq!(state(world, id).await, State::Acknowledged, "it holds until the outlet took the other one");
    // An answer says that it was handed over.
    answer::acknowledge(&world.db, update.id, "", &by).await.unwrap().unwrap();
    assert_eq!((state(world, id).await, state(world, update.id).await), (State::Superseded, State::Acknowledged));
    assert_eq!(answer::refuse(&world.db, update.id, "thôi", &by).await.unwrap(), Err(Refusal::Acknowledged));
    assert_eq!(follow::update(&world.db, id, &changed, "", &by).await.unwrap(), Err(Refusal::Superseded));

    // A Cancel that is refused leaves things as they are; another may follow.
    let Cancelled::Asked(cancel) = follow::cancel(&world.db, update.id, "thôi", &by).await.unwrap().unwrap() else { panic!() };
    assert_eq!((cancel.state, cancel.step, cancel.report_by), (State::Approved, Step::Cancel, None));
    assert_eq!(answer::begin(&world.db, cancel.id, "", &by).await.unwrap(), Err(Refusal::IsCancel));
    assert_eq!(state(world, cancel.id).await, State::Approved, "nothing was written");
    answer::refuse(&world.db, cancel.id, "đã gửi rồi", &by).await.unwrap().unwrap();
    assert_eq!(state(world, update.id).await, State::Acknowledged);
    let Cancelled::Asked(cancel) = follow::cancel(&world.db, update.id, "thôi", &by).await.unwrap().unwrap() else { panic!() };
    assert_eq!(cancel.serial, 3);
    answer::acknowledge(&world.db, cancel.id, "", &by).await.unwrap().unwrap();
    assert_eq!(state(world, update.id).await, State::Cancelled);
    // What was sent before counts.
    take(world, update.id, &reported(world, 1, vec![line("01", 1, [10, 3, 3])])).await.unwrap();
    assert_eq!(state(world, update.id).await, State::Cancelled);

    // Nobody has it: at once.
    let other = order_to(world, &viettel, content(world)).await;
    let done = follow::cancel(&world.db, other, "nhầm", &by).await.unwrap().unwrap();
    assert!(matches!(done, Cancelled::AtOnce(order) if order.state == State::Cancelled));
    is_sound(world).await;
}

async fn only_one_follows_whoever_asks_at_once(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let id = order_to(world, &viettel, content(world)).await;
    let actor = somebody();
    answer::acknowledge(&world.db, id, "", &by(world, &actor)).await.unwrap().unwrap();
    let tries: Vec<_> = (0..6)
        .map(|n| {
            let (db, content, now) = (world.db.clone(), content(world), world.now());
            tokio::spawn(async move {
                let actor = somebody();
                let by = By { actor: &actor, eyes: Eyes::All, now };
                if n % 2 == 0 {
                    follow::update(&db, id, &content, "", &by).await.unwrap().map(drop)
                } else {
                    follow::cancel(&db, id, "x", &by).await.unwrap().map(drop)
                }
            })
        })
        .collect();
    let mut done = 0;
    for tried in tries {
        match tried.await.unwrap() {
            Ok(()) => done += 1,
            Err(refusal) => assert_eq!(refusal, Refusal::Followed),
        }
    }
    assert_eq!(done, 1);
    is_sound(world).await;
}

async fn reports_add_up_and_are_kept(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let id = order_to(world, &viettel, content(world)).await;
    let first = reported(world, 1, vec![line("79", 1, [100, 80, 70]), line("01", 1, [50, 50, 50])]);
    let taken = take(world, id, &first).await.unwrap();
    assert_eq!((taken.order.state, taken.repeated), (State::ReportedPartly, false));
    assert!(taken.order.handed_at.is_some() && taken.order.answered_at.is_some(), "whoever counts had it");
    let again = take(world, id, &first).await.unwrap();
    assert_eq!((again.report, again.repeated), (taken.report, true));
    let other = Report { as_of: first.as_of + 1, ..first.clone() };
    assert!(matches!(take(world, id, &other).await, Err(Rejected::Faults(_))), "another of the same sequence");
    assert_eq!(report::next_sequence(&world.db, id).await.unwrap(), 2);

    let lower = reported(world, 2, vec![line("79", 1, [100, 80, 60]), line("01", 1, [50, 50, 50])]);
    let Err(Rejected::Faults(faults)) = take(world, id, &lower).await else { panic!() };
    assert_eq!((faults.len(), faults[0].field, faults[0].area.as_deref()), (1, "delivered", Some("79")));
    let rejected = order::events(&world.db, id).await.unwrap();
    assert_eq!(rejected.iter().filter(|event| event.happening == "report_rejected").count(), 2);
    take(world, id, &lower).await.unwrap_err();
    assert_eq!(order::events(&world.db, id).await.unwrap(), rejected, "the same once more is told once");

    let last = Report {
        last: true,
        ..reported(world, 2, vec![line("79", 1, [100, 80, 75]), line("01", 1, [50, 50, 50]), line("79", 2, [90, 90, 80])])
    };
    assert_eq!(take(world, id, &last).await.unwrap().order.state, State::Reported);
    let after = reported(world, 3, last.counts.clone());
    assert_eq!(take(world, id, &after).await, Err(Rejected::Refused(Refusal::Final)));
    assert_eq!(take(world, id, &first).await.unwrap().report, taken.report, "the same once more, however late");

    // A correction needs evidence that is there, lowers what was wrong, and both are kept.
    let actor = somebody();
    let nowhere = Report { correction: Some("đếm trùng".into()), evidence: Some("ab".into()), last: true, ..lower.clone() };
    let correction = Report { sequence: 3, ..nowhere };
    let Err(Rejected::Faults(faults)) = take(world, id, &correction).await else { panic!() };
    assert_eq!(faults[0].field, "evidence");
    let hash =
        transaction!(world.db, |tx| paper::keep(tx, "cv.pdf", "application/pdf", b"%PDF", &by(world, &actor)).await).unwrap();
    let correction = Report { evidence: Some(hash.clone()), ..correction };
    assert_eq!(take(world, id, &correction).await.unwrap().order.state, State::Reported);
    assert_eq!(paper::bytes(&world.db, &hash).await.unwrap().as_deref(), Some(&b"%PDF"[..]));
    let kept = report::all(&world.db, id).await.unwrap();
    assert_eq!(kept.iter().map(|kept| kept.report.sequence).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(kept[0].report.correction.as_deref(), Some("đếm trùng"));
    let all = count::figures(&world.db, &Selection::default(), Cut::All, Eyes::All).await.unwrap();
    assert_eq!((all[""].targeted, all[""].delivered), (150, Some(110)), "the correction alone counts");

    order::close(&world.db, id, "", &by(world, &actor)).await.unwrap().unwrap();
    let late = Report { sequence: 4, ..correction.clone() };
    assert_eq!(take(world, id, &late).await, Err(Rejected::Refused(Refusal::Closed)));
    order::reopen(&world.db, id, "còn sai", &by(world, &actor)).await.unwrap().unwrap();
    assert_eq!(take(world, id, &late).await.unwrap().order.state, State::Reported);
    is_sound(world).await;
}

/// A character that an address may have and no database takes is no fault of ours to be logged, but a name that nobody has.
async fn a_name_that_no_database_takes_is_nobodys(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Pull).await;
    order_to(world, &viettel, content(world)).await;
    for name in ["\0", "viettel\0", "loa-1-viettel-0\0"] {
        assert!(order::by_identifier(&world.db, name, Eyes::All, world.now()).await.unwrap().is_none());
        assert!(outlet::by_slug(&world.db, &world.seal, name).await.unwrap().is_none());
        assert_eq!(loa::publish::document(&world.db, name).await.unwrap(), None);
        let filter = order::Filter { campaign: Some(name.to_string()), ..order::Filter::default() };
        assert_eq!(order::list(&world.db, &filter, Eyes::All, 10, world.now()).await.unwrap(), []);
    }
}

/// A program that is broken, or means to, leaves no more behind than somebody can look through.
async fn rejected_reports_fill_no_page(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Pull).await;
    let id = order_to(world, &viettel, content(world)).await;
    let sends = async |n: i64| {
        let bad = reported(world, 1, vec![line("01", 1, [n, n + 1, 0])]);
        assert!(matches!(take(world, id, &bad).await, Err(Rejected::Faults(_))));
    };
    for n in 0..120 {
        sends(n).await;
    }
    let rejected = async || {
        let events = order::events(&world.db, id).await.unwrap();
        events.iter().filter(|event| event.happening == "report_rejected").count()
    };
    assert_eq!(rejected().await, 100);
    world.advance(DAY).await;
    sends(1).await;
    assert_eq!(rejected().await, 101, "another day, another program");
}

async fn a_hand_in_the_database_is_found(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let id = order_to(world, &viettel, content(world)).await;
    take(world, id, &reported(world, 1, vec![line("01", 1, [50, 40, 30])])).await.unwrap();
    take(world, id, &reported(world, 2, vec![line("01", 1, [50, 50, 30])])).await.unwrap();
    is_sound(world).await;
    let wrong = async || {
        let found = world.db.snapshot(async |tx| recount::recount(tx).await).await.unwrap();
        found.wrong.into_iter().map(|wrong| wrong.fault).collect::<Vec<_>>()
    };
    let hands = [
        ("relay_count", "delivered = 31", "delivered = 30", recount::Fault::Counts),
        ("relay_report", "final = true", "final = false", recount::Fault::Report),
        ("relay_order", "state = 7", "state = 6", recount::Fault::State),
        ("relay_order", "hash = 'x'", "hash = hash", recount::Fault::Content),
    ];
    for (table, change, back, fault) in hands {
        if fault == recount::Fault::Content {
            world.sql("UPDATE relay_order SET note = hash, hash = 'x'").await;
            assert_eq!(wrong().await, [fault]);
            world.sql("UPDATE relay_order SET hash = note, note = ''").await;
            continue;
        }
        world.sql(&format!("UPDATE {table} SET {change}")).await;
        assert_eq!(wrong().await, [fault], "{change}");
        world.sql(&format!("UPDATE {table} SET {back}")).await;
    }
    world.sql("UPDATE relay_order SET report = (SELECT min(id) FROM relay_report)").await;
    assert_eq!(wrong().await, [recount::Fault::Newest]);
    world.sql("UPDATE relay_order SET report = (SELECT max(id) FROM relay_report)").await;
    is_sound(world).await;
}

async fn figures_are_of_what_counts(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let vina = outlet_of(world, "vina", Kind::Carrier, Way::Hand).await;
    let (a, b) = (order_to(world, &viettel, content(world)).await, order_to(world, &vina, content(world)).await);
    for status in [Status::Exercise, Status::Test] {
        let exercise = order_to(world, &viettel, Content { status, ..content(world) }).await;
        take(world, exercise, &reported(world, 1, vec![line("01", 1, [7, 7, 7])])).await.unwrap();
    }
    take(
        world,
        a,
        &reported(world, 1, vec![line("01", 1, [100, 90, 80]), line("01", 2, [60, 60, 50]), line("79", 1, [10, 0, 0])]),
    )
    .await
    .unwrap();
    let silent = Count { delivered: None, cost: Some(5), ..line("01", 1, [40, 40, 0]) };
    take(world, b, &reported(world, 1, vec![silent])).await.unwrap();
    let figures = async |cut| count::figures(&world.db, &Selection::default(), cut, Eyes::All).await.unwrap();
    let all = figures(Cut::All).await[""];
    assert_eq!((all.orders, all.subscribers, all.targeted, all.submitted), (2, 150, 210, 190));
    assert_eq!((all.delivered, all.failed, all.parts, all.cost), (Some(130), None, Some(190), Some(5)));
    let outlets = figures(Cut::Outlet).await;
    assert_eq!((outlets["viettel"].subscribers, outlets["vina"].delivered), (110, None));
    let areas = figures(Cut::Area).await;
    assert_eq!((areas["01"].orders, areas["01"].targeted, areas["79"].targeted), (2, 200, 10));
    let rounds = figures(Cut::Round).await;
    assert_eq!((rounds["1"].targeted, rounds["2"].targeted, rounds["2"].subscribers), (150, 60, 60));
    let orders = figures(Cut::Order).await;
    assert_eq!((orders.len(), orders[&b.to_string()].cost), (2, Some(5)));
    let as_vina = count::figures(&world.db, &Selection::default(), Cut::Outlet, Eyes::Outlet(vina.id)).await.unwrap();
    assert_eq!(as_vina.keys().collect::<Vec<_>>(), ["vina"]);
    let later = Selection { from: "2999-01-01".parse().ok(), ..Selection::default() };
    assert!(count::figures(&world.db, &later, Cut::All, Eyes::All).await.unwrap().is_empty());
    let earlier = Selection { through: "2999-01-01".parse().ok(), ..Selection::default() };
    assert_eq!(count::figures(&world.db, &earlier, Cut::All, Eyes::All).await.unwrap()[""], all);
    assert_eq!(figures(Cut::Campaign).await["chien-dich"], all);

    // Whoever is counted by province first and by ward then is the same subscriber; a school that counts nothing is done all the same.
    let c = order_to(world, &vina, content(world)).await;
    let wards = vec![line("01", 1, [50, 50, 50]), line("00004", 2, [20, 20, 20]), line("79", 1, [1, 1, 1])];
    take(world, c, &reported(world, 1, wards)).await.unwrap();
    let of_c = Selection { order: Some(c), ..Selection::default() };
    let counted = async |cut| count::figures(&world.db, &of_c, cut, Eyes::All).await.unwrap();
    assert_eq!((counted(Cut::All).await[""].subscribers, counted(Cut::All).await[""].lines), (51, 3));
    let provinces = counted(Cut::Province).await;
    assert_eq!((provinces["01"].subscribers, provinces["01"].targeted, provinces["79"].subscribers), (50, 70, 1));
    assert_eq!(counted(Cut::Area).await["00004"].subscribers, 20);
    let school = outlet_of(world, "truong", Kind::School, Way::Hand).await;
    let asked = order_to(world, &school, content(world)).await;
    take(world, asked, &Report { last: true, ..reported(world, 1, vec![]) }).await.unwrap();
    let outlets = figures(Cut::Outlet).await;
    assert_eq!((outlets["truong"].orders, outlets["truong"].lines), (1, 0));
    let progress = count::progress(&world.db, None, None, Eyes::All).await.unwrap();
    let carriers = progress[&(Kind::Carrier as i16)];
    assert_eq!((carriers.asked, carriers.taken, carriers.reported, carriers.overdue), (2, 2, 0, 0));
    let schools = progress[&(Kind::School as i16)];
    assert_eq!((schools.asked, schools.reported), (1, 1));
    is_sound(world).await;
}

async fn late_reports_are_chased_once_a_day(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let (late, done) = (order_to(world, &viettel, content(world)).await, order_to(world, &viettel, content(world)).await);
    let actor = somebody();
    for id in [late, done] {
        hand::by_hand(&world.db, id, "công văn", &by(world, &actor)).await.unwrap().unwrap();
    }
    let last = Report { last: true, ..reported(world, 1, vec![line("01", 1, [10, 10, 9])]) };
    take(world, done, &last).await.unwrap();
    world.advance(3 * DAY - 1).await;
    assert_eq!(chase::mark(&world.db, world.now()).await.unwrap(), 0);
    world.advance(1).await;
    assert_eq!(chase::mark(&world.db, world.now()).await.unwrap(), 1);
    assert_eq!(chase::mark(&world.db, world.now()).await.unwrap(), 0);
    assert_eq!(order::overdue(&world.db).await.unwrap(), 1);
    let due = chase::due(&world.db, 10, world.now()).await.unwrap();
    assert_eq!(due.iter().map(|order| order.id).collect::<Vec<_>>(), [late]);
    assert_eq!(chase::due(&world.db, 10, world.now()).await.unwrap(), [], "one node alone");
    chase::done(&world.db, &due[0], false, world.now()).await.unwrap();
    let due = chase::due(&world.db, 10, world.now()).await.unwrap();
    assert_eq!(due.len(), 1, "the mail did not go out");
    answer::begin(&world.db, late, "", &by(world, &actor)).await.unwrap().unwrap();
    chase::done(&world.db, &due[0], true, world.now()).await.unwrap();
    is_sound(world).await;
    world.advance(chase::EVERY - 1).await;
    assert_eq!(chase::due(&world.db, 10, world.now()).await.unwrap(), []);
    world.advance(1).await;
    assert_eq!(chase::due(&world.db, 10, world.now()).await.unwrap().len(), 1);
    // A report that is not the last leaves it late; the last one ends that.
    take(world, late, &reported(world, 1, vec![line("01", 1, [10, 10, 9])])).await.unwrap();
    assert!(get(world, late).await.is_overdue());
    take(world, late, &Report { last: true, ..reported(world, 2, vec![line("01", 1, [10, 10, 9])]) }).await.unwrap();
    assert!(!get(world, late).await.is_overdue());
    is_sound(world).await;
}

async fn an_aborted_run_takes_back_what_nobody_has(world: &World) {
    let (viettel, school) =
        (outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await, outlet_of(world, "truong", Kind::School, Way::Hand).await);
    let run = world.run(&by_sms()).await;
    let made = orders_of(world, run, "", &[(viettel, content(world)), (school, content(world))]).await;
    let actor = somebody();
    hand::by_hand(&world.db, made[0], "công văn", &by(world, &actor)).await.unwrap().unwrap();
    let who = loa::run::command::By { name: "Lan", at: world.now() };
    let changed =
        transaction!(world.db, |tx| loa::run::command::change(tx, run, loa::run::command::Change::Abort, Some(who)).await);
    changed.unwrap().unwrap();
    assert_eq!((state(world, made[0]).await, state(world, made[1]).await), (State::HandedOver, State::Cancelled));

    // A run whose messages are all sent, too: its orders may wait for longer.
    let run = world.run(&by_sms()).await;
    let press = outlet_of(world, "bao", Kind::Press, Way::Hand).await;
    let waits = orders_of(world, run, "", &[(press, content(world))]).await[0];
    world.sql(&format!("UPDATE run SET state = 2, settled_at = 1 WHERE id = {run}")).await;
    assert_eq!(loa::relay::waiting::unsent(&world.db, run).await.unwrap(), 1);
    let abort = async || {
        let abort = loa::run::command::Change::Abort;
        transaction!(world.db, |tx| loa::run::command::change(tx, run, abort, Some(who)).await).unwrap().is_ok()
    };
    assert!(abort().await);
    assert_eq!(state(world, waits).await, State::Cancelled);
    assert!(!abort().await, "nothing of it is left");
    is_sound(world).await;
}

async fn a_stale_version_changes_nothing(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let id = order_to(world, &viettel, content(world)).await;
    let answers: Vec<_> = (0..8)
        .map(|n| {
            let (db, now) = (world.db.clone(), world.now());
            tokio::spawn(async move {
                let actor = somebody();
                let by = By { actor: &actor, eyes: Eyes::All, now };
                match n % 2 {
                    0 => answer::acknowledge(&db, id, "", &by).await.unwrap().is_ok(),
                    _ => answer::begin(&db, id, "", &by).await.unwrap().is_ok(),
                }
            })
        })
        .collect();
    for answer in answers {
        assert!(answer.await.unwrap());
    }
    let order = get(world, id).await;
    assert_eq!(order.state, State::Sending);
    let events = order::events(&world.db, id).await.unwrap();
    let moves = i64::try_from(events.len()).unwrap() - 1;
    assert_eq!(order.version, moves, "each change is one event: {events:?}");
    is_sound(world).await;
}

async fn a_paper_belongs_to_the_order_that_it_was_brought_for(world: &World) {
    let [viettel, vina] =
        [outlet_of(world, "viettel", Kind::Carrier, Way::Pull).await, outlet_of(world, "vina", Kind::Carrier, Way::Pull).await];
    let (own, other) = (order_to(world, &viettel, content(world)).await, order_to(world, &vina, content(world)).await);
    let actor = somebody();
    let by = of_outlet(world, &actor, &viettel);
    let bring = || paper::attach(&world.db, own, "bien-ban.pdf", "application/pdf", b"%PDF-1.7", &by);
    let hash = bring().await.unwrap().unwrap();
    assert_eq!(bring().await.unwrap().unwrap(), hash);
    let papers = order::events(&world.db, own).await.unwrap().into_iter().filter(|event| event.happening == "paper");
    let named: Vec<_> = papers.map(|event| paper::apart(&event.detail).1.map(str::to_string)).collect();
    assert_eq!(named, [Some(hash.clone())], "once");
    let [mine, theirs] = [get(world, own).await, get(world, other).await];
    assert_eq!(paper::of_order(&world.db, &mine, &hash, Eyes::All).await.unwrap().unwrap().name, "bien-ban.pdf");
    assert_eq!(paper::of_order(&world.db, &theirs, &hash, Eyes::All).await.unwrap(), None);
    // Nor does an outlet come by another's paper by writing its name: in an answer, in a reason, or as part of its own paper's name.
    let vina_by = of_outlet(world, &actor, &vina);
    let named = format!("Đã nhận\nsha256:{hash}\nsha256:{hash}");
    answer::acknowledge(&world.db, other, &named, &vina_by).await.unwrap().unwrap();
    answer::refuse(&world.db, other, &format!("x SHA256:{hash}"), &vina_by).await.unwrap().unwrap();
    answer::acknowledge(&world.db, other, "", &vina_by).await.unwrap().unwrap();
    paper::attach(&world.db, other, &named, "application/pdf", b"%PDF-own", &vina_by).await.unwrap().unwrap();
    assert_eq!(paper::of_order(&world.db, &theirs, &hash, Eyes::All).await.unwrap(), None);
    let said: Vec<_> = order::events(&world.db, other).await.unwrap().into_iter().map(|event| event.detail).collect();
    assert!(said.contains(&"Đã nhận".to_string()), "{said:?}");
    // What an officer read on a paper is of the order whose answer it is.
    let office = self::by(world, &actor);
    let scan =
        transaction!(world.db, |tx| paper::keep(tx, "tra-loi.pdf", "application/pdf", b"%PDF-scan", &office).await).unwrap();
    assert_eq!(paper::of_order(&world.db, &mine, &scan, Eyes::All).await.unwrap(), None);
    for _ in 0..2 {
        let read = ("tra-loi.pdf", scan.as_str());
        answer::on_paper(&world.db, own, Happening::Acknowledge, "Đã ký", read, &office).await.unwrap().unwrap();
    }
    assert!(paper::of_order(&world.db, &mine, &scan, Eyes::All).await.unwrap().is_some());
    assert_eq!(paper::of_order(&world.db, &mine, &scan, by.eyes).await.unwrap(), None, "the office's own scan");
    assert!(paper::of_order(&world.db, &mine, &hash, by.eyes).await.unwrap().is_some());
    let events = order::events(&world.db, own).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.happening == "scan").count(), 1);
    // Nobody brings one to an order that they do not see.
    let stray = paper::attach(&world.db, other, "x.pdf", "application/pdf", b"%PDF-x", &by).await.unwrap();
    assert_eq!(stray, Err(Refusal::NoSuchOrder));
    assert_eq!(paper::kept_by(&world.db, &actor.name, world.now() - 1).await.unwrap(), 3);
    assert_eq!(paper::kept_by(&world.db, &actor.name, world.now()).await.unwrap(), 0);
    is_sound(world).await;
}

on_both_engines!(
    a_run_makes_each_order_once,
    a_paper_belongs_to_the_order_that_it_was_brought_for,
    a_campaigns_run_asks_its_outlets,
    an_outlet_is_kept_sealed_and_masked,
    a_push_is_claimed_by_one_and_says_the_same_at_every_try,
    what_expires_before_anybody_has_it_is_over,
    a_partner_sees_its_own_orders_alone,
    departments_see_their_own,
    updates_and_cancels_follow_what_was_acknowledged,
    only_one_follows_whoever_asks_at_once,
    reports_add_up_and_are_kept,
    rejected_reports_fill_no_page,
    a_name_that_no_database_takes_is_nobodys,
    a_hand_in_the_database_is_found,
    figures_are_of_what_counts,
    late_reports_are_chased_once_a_day,
    an_aborted_run_takes_back_what_nobody_has,
    a_stale_version_changes_nothing,
    whatever_is_sent_the_store_keeps_the_rules,
    a_withdrawal_sees_the_push_that_it_waited_for,
    a_try_under_way_is_waited_for_when_an_order_expires,
    what_was_refused_returns_while_nothing_else_follows,
    an_update_of_what_has_ended_is_not_approved,
    what_is_opened_again_stands_where_it_stood,
    what_is_closed_is_replaced_all_the_same,
    what_was_withdrawn_takes_reports_by_the_same_rules,
);
