//! An outlet that owes reports is reminded by mail, once a day, until it has reported or nobody waits for it any more.

use std::time::Duration;

use chrono::{TimeZone as _, Utc};
use loa::{
    audit::Actor,
    clock::Clock,
    notice::remind::Reminder,
    outlet::{self, Kind, Way, Written},
    relay::{By, Content, Eyes, Sms, Status, hand, make, order},
    transaction,
};

use super::Console;
use crate::helpers::grounds;

const HOUR: i64 = 3_600_000;

fn content(title: &str, now: i64) -> Content {
    Content {
        title: title.into(),
        warning: false,
        status: Status::Actual,
        sender_name: None,
        sms: Some(Sms::new("Khong cung cap ma OTP.", "gsm", 1)),
        app: None,
        material: None,
        rounds: 1,
        window: None,
        max_rate: None,
        areas: vec![],
        audience: None,
        contract: None,
        basis: None,
        report_by: Some(now + 30 * HOUR),
        expires_at: now + 24 * HOUR,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outlet_that_owes_reports_is_reminded_once_a_day() {
    for ground in grounds().await {
        let console = Console::open(ground).await;
        let (db, seal) = (console.ground.db.clone(), console.ground.seal.clone());
        let (clock, hands) = Clock::manual(Utc.with_ymd_and_hms(2026, 11, 2, 1, 0, 0).unwrap());
        let actor = Actor::command("Lan");
        let by = || By { actor: &actor, eyes: Eyes::All, now: clock.millis() };
        let written = Written {
            slug: "truong-a".into(),
            title: "Trường A".into(),
            kind: Kind::School,
            way: Way::Hand,
            url: None,
            certificate: None,
            contact: Some("truc.ban@truong-a.example.vn".into()),
            areas: vec![],
            owner: String::new(),
            sender: String::new(),
        };
        let written = written.checked(|_| true).unwrap();
        transaction!(db, |tx| outlet::add(tx, &seal, &written, &actor, clock.millis()).await).unwrap().unwrap();
        let school = outlet::by_slug(&db, &seal, "truong-a").await.unwrap().unwrap();
        let mut orders = Vec::new();
        for (run, title) in [(1, "Mã OTP"), (2, "Ứng dụng giả")] {
            let run = make::Run { run, campaign: "otp", owner: "" };
            let asked = [(school.clone(), content(title, clock.millis()))];
            let made = transaction!(db, |tx| make::orders(tx, &run, &asked, true, &by()).await).unwrap();
            hand::by_hand(&db, made[0], "công văn", &by()).await.unwrap().unwrap();
            orders.extend(made);
        }
        // Two nodes look at once.
        let node = || Reminder::new(&console.config, &db, &clock, &seal, &console.accounts);
        let (one, other) = (node(), node());
        let step = async || {
            let (a, b) = tokio::join!(one.step(), other.step());
            let (a, b) = (a.unwrap(), b.unwrap());
            (a.late + b.late, a.mails + b.mails)
        };
        let mails = || -> Vec<String> {
            let mails = console.sandbox.taken().into_iter().filter_map(|taken| taken.mail);
            mails.map(|mail| String::from_utf8_lossy(&mail).into_owned()).collect()
        };
        assert_eq!(step().await, (0, 0), "nothing is due yet");
        hands.advance(Duration::from_hours(30));
        assert_eq!(step().await, (2, 1), "one mail tells of both");
        let mail = mails().pop().unwrap();
        assert!(mail.contains("truc.ban@truong-a.example.vn"), "{mail}");
        assert_eq!(step().await, (0, 0), "once a day");
        assert_eq!(console.ground.number("SELECT count(*) FROM relay_event WHERE happening = 'chased'").await, 2);

        // Nobody waits for one of them any more.
        order::close(&db, orders[0], "đã nộp giấy", &by()).await.unwrap().unwrap();
        hands.advance(Duration::from_hours(24));
        assert_eq!(step().await, (0, 1));
        assert_eq!(console.ground.number("SELECT count(*) FROM relay_event WHERE happening = 'chased'").await, 3);

        // What no account can send waits until one can.
        let account = console.accounts.named("thu").unwrap();
        loa::account::pause(&db, account.id, Some("bảo trì"), clock.millis()).await.unwrap();
        console.accounts.refresh(&db, clock.now()).await.unwrap();
        hands.advance(Duration::from_hours(24));
        assert_eq!(step().await, (0, 0));
        loa::account::pause(&db, account.id, None, clock.millis()).await.unwrap();
        console.accounts.refresh(&db, clock.now()).await.unwrap();
        assert_eq!((step().await, mails().len()), ((0, 1), 3));
    }
}
