//! Outlets, and relay orders to them, put straight into a database.

use loa::{
    audit::Actor,
    db::Db,
    outlet::{self, Kind, Outlet, Way, Written},
    relay::{
        By, Content, Eyes, Sms, Status,
        make::{self, Run},
        report::Count,
    },
    seal::Seal,
    transaction,
};

const HOUR: i64 = 3_600_000;
pub const DAY: i64 = 24 * HOUR;

/// What carriers are asked to send, and others to read out.
pub const TEXT: &str = "Khong cung cap ma OTP.";
pub const MATERIAL: &str = "Nhắc học sinh và phụ huynh: không cung cấp mã OTP.";

/// An outlet of which nothing more is known than must be.
pub fn written(slug: &str, kind: Kind, way: Way) -> Written {
    Written {
        slug: slug.into(),
        title: format!("Đơn vị {slug}"),
        kind,
        way,
        url: (way == Way::Push).then(|| "https://relay.example.vn/cap".into()),
        certificate: None,
        contact: None,
        areas: vec![],
        owner: String::new(),
        sender: String::new(),
    }
}

/// Adds an outlet.
pub async fn add(db: &Db, seal: &Seal, written: Written, now: i64) -> Outlet {
    let written = written.checked(|_| true).unwrap();
    let actor = Actor::command("test");
    transaction!(db, |tx| outlet::add(tx, seal, &written, &actor, now).await).unwrap().unwrap();
    outlet::by_slug(db, seal, &written.slug).await.unwrap().unwrap()
}

/// Says whom a user acts for; none: for nobody any more.
pub async fn acts_for(db: &Db, user: i64, outlet: Option<&str>, now: i64) {
    let actor = Actor::command("test");
    transaction!(db, |tx| outlet::set_user_outlet(tx, user, outlet, &actor, now).await).unwrap().unwrap();
}

/// What an order says at least: it holds for two days, and is to be reported on within three.
pub fn content(kind: Kind, now: i64) -> Content {
    let carrier = kind == Kind::Carrier;
    Content {
        title: "Nhận diện lừa đảo".into(),
        warning: false,
        status: Status::Actual,
        sender_name: carrier.then(|| "SO VHTTDL".into()),
        sms: carrier.then(|| Sms::new(TEXT, "gsm", 1)),
        app: None,
        material: (!carrier).then(|| MATERIAL.into()),
        rounds: 1,
        window: None,
        max_rate: None,
        areas: vec!["01".into()],
        audience: None,
        contract: None,
        basis: None,
        report_by: Some(now + 3 * DAY),
        expires_at: now + 2 * DAY,
    }
}

/// Makes the orders of a run, approved, as `who` asks for them; their numbers.
pub async fn ask(db: &Db, run: Run<'_>, who: &str, asked: &[(Outlet, Content)], now: i64) -> Vec<i64> {
    let actor = Actor::command(who);
    let by = By { actor: &actor, eyes: Eyes::All, now };
    transaction!(db, |tx| make::orders(tx, &run, asked, true, &by).await).unwrap()
}

/// What an outlet counted in an area.
pub fn line(area: &str, round: u16, [targeted, submitted, delivered]: [i64; 3]) -> Count {
    Count { delivered: Some(delivered), ..Count::of(area, round, targeted, submitted) }
}
