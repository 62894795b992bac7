//! A run asks its outlets once, and takes back what nobody has when it is stopped.

use loa::{
    outlet::{self, Kind, Outlet, Way},
    relay::{Content, Eyes, State, Step, hand, make, order, paper},
    transaction,
};

use super::{World, content, outlet_of, somebody, state};
use crate::engines::world::{EVERYBODY, by_sms, source};

async fn a_run_makes_each_order_once(world: &World) {
    let outlets = [
        outlet_of(world, "viettel", Kind::Carrier, Way::Push).await,
        outlet_of(world, "vinaphone", Kind::Carrier, Way::Pull).await,
    ];
    let asked: Vec<(Outlet, Content)> = outlets.iter().map(|outlet| (outlet.clone(), content(world))).collect();
    let run = world.run(&by_sms()).await;
    let made = world.ask(run, "", &asked).await;
    assert_eq!(made.len(), 2);
    assert_eq!(world.ask(run, "", &asked).await, Vec::<i64>::new(), "asked again");
    assert_eq!(world.number("SELECT count(*) FROM relay_order").await, 2);
    assert_eq!(world.number("SELECT count(*) FROM audit WHERE action = 'order.make'").await, 1);
    let order = world.order(made[0]).await;
    assert_eq!((order.state, order.step, order.sent_at), (State::Approved, Step::Alert, Some(world.now())));
    assert!(order.identifier.starts_with(&format!("loa-{run}-viettel-")), "{}", order.identifier);
    assert_eq!(order.content, content(world));
    // A run that is not made makes none.
    let actor = somebody();
    let failed: loa::db::Result<()> = transaction!(world.db, |tx| {
        let run = make::Run { run: 99, campaign: "x", owner: "" };
        make::orders(tx, &run, &asked, true, &world.by(&actor)).await?;
        Err(loa::db::DbError::Refused("no".into()))
    });
    assert!(failed.is_err());
    assert_eq!(world.number("SELECT count(*) FROM relay_order WHERE run = 99").await, 0);
    world.is_sound().await;
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
    let mut source = source("chien-dich", ASKS, EVERYBODY);
    source.attachments.insert("cong-van.pdf".into(), b"%PDF".to_vec());
    let asked =
        loa::run::make::Asked { source: &source, segments: EVERYBODY, recipients: &[], once: Some("một lần"), by: None };
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
    world.is_sound().await;
}

async fn an_aborted_run_takes_back_what_nobody_has(world: &World) {
    let (viettel, school) =
        (outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await, outlet_of(world, "truong", Kind::School, Way::Hand).await);
    let run = world.run(&by_sms()).await;
    let made = world.ask(run, "", &[(viettel, content(world)), (school, content(world))]).await;
    let actor = somebody();
    hand::by_hand(&world.db, made[0], "công văn", &world.by(&actor)).await.unwrap().unwrap();
    let who = loa::run::command::By { name: "Lan", at: world.now() };
    let changed =
        transaction!(world.db, |tx| loa::run::command::change(tx, run, loa::run::command::Change::Abort, Some(who)).await);
    changed.unwrap().unwrap();
    assert_eq!((state(world, made[0]).await, state(world, made[1]).await), (State::HandedOver, State::Cancelled));

    // A run whose messages are all sent, too: its orders may wait for longer.
    let run = world.run(&by_sms()).await;
    let press = outlet_of(world, "bao", Kind::Press, Way::Hand).await;
    let waits = world.ask(run, "", &[(press, content(world))]).await[0];
    world.sql(&format!("UPDATE run SET state = 2, settled_at = 1 WHERE id = {run}")).await;
    assert_eq!(loa::relay::waiting::unsent(&world.db, run).await.unwrap(), 1);
    let abort = async || {
        let abort = loa::run::command::Change::Abort;
        transaction!(world.db, |tx| loa::run::command::change(tx, run, abort, Some(who)).await).unwrap().is_ok()
    };
    assert!(abort().await);
    assert_eq!(state(world, waits).await, State::Cancelled);
    assert!(!abort().await, "nothing of it is left");
    world.is_sound().await;
}

on_both_engines!(a_run_makes_each_order_once, a_campaigns_run_asks_its_outlets, an_aborted_run_takes_back_what_nobody_has);
