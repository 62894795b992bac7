//! An outlet that owes reports is reminded by mail, once a day, until it has reported or nobody waits for it any more.

use std::time::Duration;

use chrono::{TimeZone as _, Utc};
use loa::{
    audit::Actor,
    clock::Clock,
    notice::remind::Reminder,
    outlet::{Kind, Way, Written},
    relay::{By, Content, Eyes, hand, make::Run, order},
};

use super::Console;
use crate::helpers::{
    grounds,
    orders::{self, written},
};

const HOUR: i64 = 3_600_000;

fn content(title: &str, now: i64) -> Content {
    Content {
        title: title.into(),
        report_by: Some(now + 30 * HOUR),
        expires_at: now + 24 * HOUR,
        ..orders::content(Kind::School, now)
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
        let contact = Some("truc.ban@truong-a.example.vn".into());
        let school = Written { contact, ..written("truong-a", Kind::School, Way::Hand) };
        let school = orders::add(&db, &seal, school, clock.millis()).await;
        let mut asked = Vec::new();
        for (run, title) in [(1, "Mã OTP"), (2, "Ứng dụng giả")] {
            let (run, now) = (Run { run, campaign: "otp", owner: "" }, clock.millis());
            let made = orders::ask(&db, run, "Lan", &[(school.clone(), content(title, now))], now).await;
            hand::by_hand(&db, made[0], "công văn", &by()).await.unwrap().unwrap();
            asked.extend(made);
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
        order::close(&db, asked[0], "đã nộp giấy", &by()).await.unwrap().unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_takes_no_mail_for_now_keeps_no_other_outlet_waiting() {
    for ground in grounds().await {
        let console = Console::open(ground).await;
        let (db, seal) = (console.ground.db.clone(), console.ground.seal.clone());
        let (clock, hands) = Clock::manual(Utc.with_ymd_and_hms(2026, 11, 2, 1, 0, 0).unwrap());
        let actor = Actor::command("Lan");
        let now = clock.millis();
        // The first one that is asked has had enough mail for now.
        for (run, slug, contact) in [(1, "truong-a", "van-thu+throttled@a.example.vn"), (2, "truong-b", "van-thu@b.example.vn")] {
            let school = Written { contact: Some(contact.into()), ..written(slug, Kind::School, Way::Hand) };
            let school = orders::add(&db, &seal, school, now).await;
            let run = Run { run, campaign: "otp", owner: "" };
            let made = orders::ask(&db, run, "Lan", &[(school, content("Mã OTP", now))], now).await;
            hand::by_hand(&db, made[0], "công văn", &By { actor: &actor, eyes: Eyes::All, now }).await.unwrap().unwrap();
        }
        let reminder = Reminder::new(&console.config, &db, &clock, &seal, &console.accounts);
        let step = async || {
            let done = reminder.step().await.unwrap();
            (done.late, done.mails)
        };
        let asked = || console.sandbox.taken().iter().filter(|taken| taken.mail.is_some()).count();
        hands.advance(Duration::from_hours(30));
        assert_eq!(step().await, (2, 1));
        let mail = console.sandbox.taken().into_iter().find_map(|taken| taken.mail).unwrap();
        assert!(String::from_utf8_lossy(&mail).contains("van-thu@b.example.vn"));
        assert_eq!((step().await, asked()), ((0, 0), 1));
        // Nobody says that the other was reminded.
        assert_eq!(console.ground.number("SELECT count(*) FROM relay_order WHERE chased_at IS NULL").await, 1);
        assert_eq!(console.ground.number("SELECT count(*) FROM relay_event WHERE happening = 'chased'").await, 1);
    }
}
