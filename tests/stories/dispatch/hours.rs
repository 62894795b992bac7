//! When: hours of the day, the end of a run, and what cannot be finished by then.

use std::time::Duration;

use chrono::{TimeZone as _, Utc};
use loa::{
    config::{self, Limits, Rate},
    delivery::{State, Why},
};
use providers::Channel;

use super::{Process, Scripted, configured, count, saying};
use crate::engines::world::{EMAIL, HOUR, Person, SMS, World, campaign, phone};

async fn awareness_waits_for_the_morning_and_a_warning_does_not(world: &World) {
    world.hands.set(Utc.with_ymd_and_hms(2026, 11, 2, 15, 0, 0).unwrap());
    world.advance(0).await;
    world.crowd(5).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    process.advance(0).await;
    world.run(&saying("Sang.", "awareness", "hours = \"07:00-21:30\"")).await;
    process.settle().await;
    assert_eq!(gateway.count(), 0, "it is ten in the evening in Hà Nội");
    world.run(&saying("Ngay.", "warning", "")).await;
    process.settle().await;
    assert_eq!(gateway.texts(), ["Ngay."; 5]);
    process.advance(9 * HOUR - 1).await;
    process.settle().await;
    assert_eq!(gateway.count(), 5, "a millisecond before seven");
    process.advance(1).await;
    process.settle().await;
    assert_eq!(gateway.texts()[5..], ["Sang."; 5]);
}

async fn what_is_unsent_when_its_time_is_over_lapses(world: &World) {
    world.crowd(60).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    let run = world.fanned_out(&saying("Mot.", "awareness", "valid_for = \"1h\"")).await;
    process.step().await;
    process.land().await;
    process.advance(HOUR).await;
    process.settle().await;
    let (sent, lapsed) = (count(world, run, State::Accepted).await, count(world, run, State::Lapsed).await);
    assert_eq!((sent, sent + lapsed), (gateway.count(), 60));
    assert!(lapsed > 0 && sent > 0, "{sent} sent, {lapsed} lapsed");
    assert_eq!(world.number("SELECT count(*) FROM run WHERE state = 2").await, 1, "the run has settled");
}

async fn what_cannot_be_finished_by_then_goes_to_the_next_channel(world: &World) {
    let people: Vec<Person> = (0..100).map(|i| phone(3_000_000 + i).email(4_000_000 + i)).collect();
    world.people(&people).await;
    let (texts, mails) = (Scripted::new(), Scripted::new());
    let slow = config::Account { rate: Rate { count: 10, per: Duration::from_hours(1) }, ..configured("sms", Channel::Sms) };
    let accounts = vec![(slow, &texts), (configured("mail", Channel::Email), &mails)];
    let process = Process::new(world, Limits::default(), accounts).await;
    let channels = "use = [\"sms\", \"email\"]\npolicy = \"first\"\nfinish_by = \"3h\"";
    let run = world.run(&campaign("awareness", channels, "valid_for = \"24h\"")).await;
    world.step_with(&process.runner).await;
    world.step_with(&process.runner).await;
    let rows = world.rows(run).await;
    let of = |channel, state| rows.iter().filter(|r| r.channel() == channel && r.state() == state).count();
    assert_eq!((of(SMS, State::Pending), of(SMS, State::Skipped), of(EMAIL, State::Pending)), (30, 70, 70));
    assert!(rows.iter().filter(|r| r.state() == State::Skipped).all(|r| r.why() == Why::Moved));
}

async fn a_quota_that_is_used_up_counts_for_finish_by(world: &World) {
    let people: Vec<Person> = (0..50).map(|i| phone(3_000_000 + i).email(4_000_000 + i)).collect();
    world.people(&people).await;
    let (texts, mails) = (Scripted::new(), Scripted::new());
    let small = config::Account { daily: Some(40), ..configured("sms", Channel::Sms) };
    let accounts = vec![(small, &texts), (configured("mail", Channel::Email), &mails)];
    let process = Process::new(world, Limits::default(), accounts).await;
    world.sql("UPDATE account SET day = '2026-11-02', used = 25 WHERE name = 'sms'").await;
    process.shared.accounts.refresh(&world.db, world.clock.now()).await.unwrap();
    let channels = "use = [\"sms\", \"email\"]\npolicy = \"first\"\nfinish_by = \"3h\"";
    let run = world.run(&campaign("awareness", channels, "valid_for = \"24h\"")).await;
    world.step_with(&process.runner).await;
    world.step_with(&process.runner).await;
    let rows = world.rows(run).await;
    let left = rows.iter().filter(|r| r.channel() == SMS && r.state() == State::Pending).count();
    assert_eq!(left, 15, "what the day still has");
}

on_both_engines!(
    awareness_waits_for_the_morning_and_a_warning_does_not,
    what_is_unsent_when_its_time_is_over_lapses,
    what_cannot_be_finished_by_then_goes_to_the_next_channel,
    a_quota_that_is_used_up_counts_for_finish_by,
);
