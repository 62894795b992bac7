//! What the public is told: warnings that really went out, each once and the same for good; and every text that did.

use std::{collections::BTreeMap, sync::Arc};

use loa::{
    audit::Actor,
    cap::{self, Alert, MsgType, Scope, feed, signature},
    config::Config,
    definition::Kept,
    genuine::Verdict,
    outlet::{Kind, Way},
    publish::{self, Ground, Publisher, Texts, What},
    relay::{By, Content, Eyes, Sms, Status, answer, follow, hand, issue::Letterhead},
    run::again,
    transaction,
};

use super::world::{EVERYBODY, HOUR, SMS, World, accepted, by_sms, campaign, phone, rejected, source};
use crate::helpers::{
    orders::{self, written},
    signers::{certificate, signing},
};

const SETTINGS: &str = r#"
[server]
public_url = "https://canhbao.example.vn"

[office]
name = "Sở Mẫu"

[relay]
sender = "so-mau.example.vn"
SIGNING

[[account]]
name = "sms"
gateway = "kannel"
channel = "sms"
rate = "10/s"
url = "http://127.0.0.1:9"
allow_private = true
username = "loa"
password = { env = "PASSWORD" }
sender = "SO MAU"
"#;

/// An office that publishes, as one process knows it.
struct Desk {
    config: Config,
    letterhead: Letterhead,
    publisher: Publisher,
}

impl Desk {
    fn new() -> Self {
        Self::of(SETTINGS)
    }

    fn of(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("loa.toml");
        std::fs::write(&file, settings.replace("SIGNING\n", &signing("signer"))).unwrap();
        let env = BTreeMap::from([("PASSWORD".to_string(), "not-a-secret".to_string())]);
        let config = Config::read(Some(&file), &env).unwrap_or_else(|problems| panic!("{problems}"));
        Self { letterhead: Letterhead::of(&config), config, publisher: Publisher::default() }
    }

    fn ground<'a>(&'a self, world: &'a World) -> Ground<'a> {
        Ground { db: &world.db, config: &self.config, letterhead: &self.letterhead, now: world.now() }
    }

    /// The feed a while later, for it is looked at anew every few seconds.
    async fn feed(&self, world: &World) -> Arc<feed::Published> {
        world.advance(6_000).await;
        let address = publish::address(&self.config).unwrap();
        self.publisher.feed(&self.ground(world), address).await.unwrap()
    }

    /// What stands in it: each document's address.
    async fn told(&self, world: &World) -> Vec<String> {
        let feed = self.feed(world).await;
        feed::items(feed.document.as_bytes()).unwrap().into_iter().map(|item| item.id).collect()
    }

    /// The documents that stand in it, whose signatures hold.
    async fn alerts(&self, world: &World) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for address in self.told(world).await {
            alerts.push(verified(&document(world, &address).await));
        }
        alerts
    }

    async fn texts(&self, world: &World) -> Arc<Texts> {
        world.advance(6_000).await;
        self.publisher.texts(&self.ground(world)).await.unwrap()
    }
}

async fn document(world: &World, address: &str) -> Vec<u8> {
    let identifier = address.strip_prefix("https://canhbao.example.vn/warnings/").unwrap().strip_suffix(".cap").unwrap();
    publish::document(&world.db, identifier).await.unwrap().unwrap().document
}

fn verified(document: &[u8]) -> Alert {
    let alert = signature::verify(document, &[certificate("signer")], 1_795_310_000_000).unwrap().alert;
    assert_eq!(cap::rules("x", &alert).0, []);
    alert
}

fn warning() -> String {
    campaign("warning", "use = [\"sms\"]", "valid_for = \"24h\"")
}

async fn a_warning_is_told_once_it_went_out_and_until_it_ends(world: &World) {
    let desk = Desk::new();
    world.people(&[phone(1), phone(2)]).await;
    let run = world.fanned_out(&warning()).await;
    assert_eq!(desk.told(world).await, [""; 0], "nobody has it yet");
    world.send(run, SMS, &accepted()).await;
    let told = desk.told(world).await;
    let [address] = &told[..] else { panic!("one warning") };
    assert!(address.starts_with(&format!("https://canhbao.example.vn/warnings/loa-{run}-")), "{address}");
    let bytes = document(world, address).await;
    let alert = verified(&bytes);
    assert_eq!((alert.msg_type, alert.scope, alert.sender.as_str()), (MsgType::Alert, Scope::Public, "so-mau.example.vn"));
    assert_eq!(alert.infos.len(), 1);
    let info = &alert.infos[0];
    assert_eq!(info.headline.as_deref(), Some("Nhận diện lừa đảo"));
    assert_eq!(info.description.as_deref(), Some("Không cung cấp mã OTP."));
    assert_eq!(info.web.as_deref(), Some("https://canhbao.example.vn/genuine"));
    assert_eq!(
        info.expires.unwrap().at().timestamp_millis(),
        world.number(&format!("SELECT expires_at FROM run WHERE id = {run}")).await
    );
    // Another node with other settings tells the same in the same bytes.
    let other = Desk::of(&SETTINGS.replace("Sở Mẫu", "Sở Khác").replace("so-mau", "so-khac"));
    assert_eq!(other.told(world).await, std::slice::from_ref(address));
    assert_eq!(document(world, address).await, bytes);
    assert_eq!(world.number("SELECT count(*) FROM publication").await, 1);
    let before = desk.feed(world).await;
    assert_eq!(desk.feed(world).await, before, "nothing changed");
    world.advance(25 * HOUR).await;
    let after = desk.feed(world).await;
    assert_eq!(feed::items(after.document.as_bytes()).unwrap(), []);
    assert!(after.etag != before.etag && after.updated > before.updated, "it changed when the warning ended");
    assert_eq!(document(world, address).await, bytes, "who has its address still reads it");
}

async fn what_nobody_is_to_know_is_not_told(world: &World) {
    let desk = Desk::new();
    world.people(&[phone(1), phone(2)]).await;
    let awareness = world.fanned_out(&by_sms()).await;
    world.send(awareness, SMS, &accepted()).await;
    let test = world.run_with(&warning(), EVERYBODY, &["p1".to_string()]).await;
    world.step().await;
    world.send(test, SMS, &accepted()).await;
    world.advance(1_000).await;
    let refused = world.fanned_out(&warning()).await;
    world.send(refused, SMS, &rejected()).await;
    world.advance(1_000).await;
    let stopped = world.fanned_out(&warning()).await;
    world.abort(stopped).await;
    world.step().await;
    assert_eq!(desk.told(world).await, [""; 0]);
    assert_eq!(world.number("SELECT count(*) FROM publication").await, 0);
}

async fn a_correction_takes_the_place_of_a_warning_and_a_stop_ends_it(world: &World) {
    let desk = Desk::new();
    world.people(&[phone(1), phone(2), phone(3)]).await;
    let run = world.fanned_out(&warning()).await;
    let claimed = world.claim(run, SMS).await;
    let outcomes = [accepted(), accepted(), rejected()];
    world.record(claimed.iter().zip(outcomes).map(|(claim, outcome)| super::world::judged(claim, outcome)).collect()).await;
    let told = desk.alerts(world).await;
    let [first] = &told[..] else { panic!("the warning") };
    // The same text again to whom it failed says nothing new.
    world.advance(1_000).await;
    let again = world.fanned_out(&warning()).await;
    world.sql(&format!("UPDATE run SET parent = {run}, kin = 1 WHERE id = {again}")).await;
    world.send(again, SMS, &accepted()).await;
    assert_eq!(desk.alerts(world).await, std::slice::from_ref(first));
    let other = campaign("warning", "use = [\"sms\"]", "valid_for = \"72h\"").replace("Không cung cấp", "Đừng đọc");
    let kept = Kept { source: source("dinh-chinh", &other, EVERYBODY), segments: EVERYBODY.into() };
    let correction = transaction!(world.db, |tx| again::send(tx, &kept, Some(run), world.now()).await).unwrap().unwrap();
    world.step().await;
    assert_eq!(desk.alerts(world).await, std::slice::from_ref(first), "until somebody has the correction");
    world.send(correction, SMS, &accepted()).await;
    let told = desk.alerts(world).await;
    let [update] = &told[..] else { panic!("the correction alone") };
    assert_eq!((update.msg_type, &update.references), (MsgType::Update, &vec![first.reference()]));
    assert_eq!(update.infos[0].description.as_deref(), Some("Đừng đọc mã OTP."));
    // Both texts were sent: the earlier one is known to be corrected.
    let texts = desk.texts(world).await;
    let withdrawn = |text: &str| match texts.index.find(text, None) {
        Verdict::Genuine { original, .. } => texts.sent(original).unwrap().withdrawn,
        other => panic!("{other:?}"),
    };
    assert_eq!(withdrawn("khong cung cap ma otp"), None, "the correction's SMS says the same, and holds");
    world.abort(correction).await;
    world.step().await;
    let told = desk.alerts(world).await;
    let [cancel] = &told[..] else { panic!("the end alone") };
    let headline = cancel.infos[0].headline.as_deref();
    assert_eq!((cancel.msg_type, headline), (MsgType::Cancel, Some("Đã thu hồi: Nhận diện lừa đảo")));
    assert_eq!(cancel.references, [first.reference(), update.reference()]);
    assert!(cancel.sent >= update.sent && cancel.identifier.starts_with(&format!("{}.", update.identifier)));
    world.advance(73 * HOUR).await;
    assert_eq!(desk.told(world).await, [""; 0], "as long as what it ends would have held");
}

fn content(world: &World, text: &str, status: Status) -> Content {
    Content {
        title: "Cảnh báo qua nhà mạng".into(),
        warning: true,
        status,
        sender_name: Some("BO TTTT".into()),
        sms: Some(Sms::new(text, "gsm", 1)),
        report_by: None,
        ..orders::content(Kind::Carrier, world.now())
    }
}

async fn orders_are_told_of_once_an_outlet_has_them(world: &World) {
    let desk = Desk::new();
    let viettel = world.outlet(written("viettel", Kind::Carrier, Way::Pull)).await;
    let actor = Actor::command("Lan");
    let by = |eyes| By { actor: &actor, eyes, now: world.now() };
    let mut orders = Vec::new();
    for (text, status) in [
        ("Vai thu khong that la dien tap thoi nhe.", Status::Exercise),
        ("Ke gian gia danh cong an, khong chuyen tien cho ai.", Status::Actual),
    ] {
        world.advance(1_000).await;
        let run = world.run(&warning()).await;
        let made = world.ask(run, "", &[(viettel.clone(), content(world, text, status))]).await;
        orders.push((run, made[0]));
    }
    assert_eq!(desk.told(world).await, [""; 0], "approved, and nobody has them");
    for (_, order) in &orders {
        hand::fetch(&world.db, *order, &by(Eyes::Outlet(viettel.id))).await.unwrap().unwrap();
    }
    let (run, order) = orders[1];
    let told = desk.alerts(world).await;
    let [alert] = &told[..] else { panic!("the actual one alone") };
    assert!(alert.identifier.starts_with(&format!("loa-{run}-")));
    assert_eq!(
        alert.expires().unwrap().at().timestamp_millis() / 1_000,
        (alert.sent.at().timestamp_millis() + 48 * HOUR) / 1_000
    );
    let texts = desk.texts(world).await;
    match texts.index.find("KE GIAN GIA DANH CONG AN – khong chuyen tien cho ai", Some("BO TTTT")) {
        Verdict::Genuine { original, by_sender: true, .. } => {
            let sent = texts.sent(original).unwrap();
            assert_eq!((sent.what, sent.title.as_str(), sent.withdrawn), (What::Sms, "Cảnh báo qua nhà mạng", None));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(texts.index.find("Vai thu khong that la dien tap thoi nhe.", None), Verdict::Unknown);
    // Withdrawn, and the outlet took that, too.
    answer::acknowledge(&world.db, order, "", &by(Eyes::Outlet(viettel.id))).await.unwrap().unwrap();
    let cancelled = follow::cancel(&world.db, order, "Sai nội dung", &by(Eyes::All)).await.unwrap().unwrap();
    let follow::Cancelled::Asked(cancel) = cancelled else { panic!("it is acknowledged") };
    hand::fetch(&world.db, cancel.id, &by(Eyes::Outlet(viettel.id))).await.unwrap().unwrap();
    answer::acknowledge(&world.db, cancel.id, "", &by(Eyes::Outlet(viettel.id))).await.unwrap().unwrap();
    let told = desk.alerts(world).await;
    let [end] = &told[..] else { panic!("the end alone") };
    assert_eq!((end.msg_type, &end.references), (MsgType::Cancel, &vec![alert.reference()]));
    let texts = desk.texts(world).await;
    match texts.index.find("ke gian gia danh cong an khong chuyen tien cho ai", None) {
        Verdict::Genuine { original, .. } => assert!(texts.sent(original).unwrap().withdrawn.is_some()),
        other => panic!("{other:?}"),
    }
}

async fn every_text_that_went_out_is_known(world: &World) {
    let desk = Desk::new();
    world.people(&[phone(1), phone(2)]).await;
    let text = by_sms().replace(
        "sms = \"Khong cung cap ma OTP.\"",
        "sms = \"{% if name %}Kinh gui {{ name }}: {% endif %}khong doc ma OTP cho bat ky ai, ke ca {{ nghe | default('can bo') }}.\"",
    );
    let run = world.fanned_out(&text).await;
    let find = |texts: &Texts, text: &str| matches!(texts.index.find(text, None), Verdict::Genuine { .. });
    let plain = "Khong doc ma OTP cho bat ky ai, ke ca can bo.";
    assert!(!find(desk.texts(world).await.as_ref(), plain), "nothing went out yet");
    world.send(run, SMS, &accepted()).await;
    let texts = desk.texts(world).await;
    for same in [plain, "Kinh gui Nguyen Thi Mau: khong doc ma OTP cho bat ky ai, ke ca giao vien."] {
        assert!(find(&texts, same), "{same}");
    }
    assert!(!find(&texts, "Kinh gui 0901: khong doc ma OTP cho bat ky ai, ke ca giao vien."));
    match texts.index.find(plain, Some("so mau")) {
        Verdict::Genuine { original, by_sender: true, .. } => {
            let sent = texts.sent(original).unwrap();
            assert_eq!((sent.senders.as_slice(), sent.title.as_str()), (&["SO MAU".to_string()][..], "Nhận diện lừa đảo"));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(texts.index.find(plain, Some("SO MA")), Verdict::Near(near) if near.other_sender));
    // The mail and the chat of that message did not go out.
    assert_eq!(texts.index.find("Không cung cấp mã OTP.", None), Verdict::Unknown);
    assert!(Arc::ptr_eq(&texts, &desk.texts(world).await), "nothing changed: nothing is made anew");
}

on_both_engines!(
    a_warning_is_told_once_it_went_out_and_until_it_ends,
    what_nobody_is_to_know_is_not_told,
    a_correction_takes_the_place_of_a_warning_and_a_stop_ends_it,
    orders_are_told_of_once_an_outlet_has_them,
    every_text_that_went_out_is_known,
);
