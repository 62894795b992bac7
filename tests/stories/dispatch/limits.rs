//! How many: budgets, quotas and caps.

use std::time::Duration;

use loa::{
    config::{self, Limits, Rate},
    delivery::State,
};
use providers::{Accepted, Channel, Reason, SendError};

use super::{Process, Scripted, configured, count, saying};
use crate::engines::world::{HOUR, World};

async fn a_budget_holds_the_run_and_says_so(world: &World) {
    world.crowd(50).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    let run = world.run(&saying("Mot.", "awareness", "budget = 3_100")).await;
    process.settle().await;
    assert_eq!(gateway.count(), 10, "300 đồng each");
    assert_eq!(world.number("SELECT count(*) FROM run WHERE held = 'budget'").await, 1);
    assert_eq!(count(world, run, State::Pending).await, 40);
    world.sql("UPDATE run SET budget = 100_000, held = NULL".replace('_', "").as_str()).await;
    process.advance(2_000).await;
    process.settle().await;
    assert_eq!(gateway.count(), 50, "raised, it goes on");
}

async fn a_used_up_quota_fails_over_until_the_next_day(world: &World) {
    world.crowd(100).await;
    let (first, second) = (Scripted::new(), Scripted::new());
    let small = config::Account { daily: Some(30), ..configured("sms", Channel::Sms) };
    let other = config::Account { priority: 2, ..configured("other", Channel::Sms) };
    let mut process = Process::new(world, Limits::default(), vec![(small, &first), (other, &second)]).await;
    world.run(&saying("Mot.", "warning", "")).await;
    process.settle().await;
    for _ in 0..3 {
        process.advance(1_000).await;
        process.settle().await;
    }
    assert_eq!((first.count(), second.count()), (30, 70));
    process.advance(24 * HOUR).await;
    world.run(&saying("Hai.", "warning", "")).await;
    process.settle().await;
    for _ in 0..3 {
        process.advance(1_000).await;
        process.settle().await;
    }
    assert_eq!((first.count(), second.count()), (60, 140), "another day");
}

async fn what_was_put_back_uses_up_no_quota(world: &World) {
    world.crowd(10).await;
    let gateway = Scripted::new();
    let account = config::Account { daily: Some(10), ..configured("sms", Channel::Sms) };
    let mut process = Process::new(world, Limits::default(), vec![(account, &gateway)]).await;
    gateway.answers(|_| {
        Err(SendError::Retry { after: None, scope: providers::Scope::Account, reason: Reason::Other, detail: "busy".into() })
    });
    let run = world.run(&saying("Mot.", "warning", "")).await;
    process.settle().await;
    assert_eq!(count(world, run, State::Pending).await, 10);
    gateway.answers(|_| Ok(Accepted::default()));
    for _ in 0..5 {
        process.advance(60_000).await;
        process.settle().await;
    }
    assert_eq!(count(world, run, State::Accepted).await, 10, "the day's ten");
}

async fn caps_defer_and_then_lapse(world: &World) {
    world.crowd(200).await;
    let gateway = Scripted::new();
    let limits = Limits { cap: Some((1, Duration::from_hours(48))), spacing: None };
    // Slow, so that a claim sees few at once: what is only deferred must not use up its turns.
    let slow = config::Account { rate: Rate { count: 50, per: Duration::from_secs(1) }, ..configured("sms", Channel::Sms) };
    let mut process = Process::new(world, limits, vec![(slow, &gateway)]).await;
    world.sql(&format!("INSERT INTO contact (recipient, run, at) SELECT id, 99, {} FROM recipient", world.now() - HOUR)).await;
    let run = world.fanned_out(&saying("Mot.", "awareness", "valid_for = \"72h\"")).await;
    let changes = format!("SELECT CAST(coalesce(sum(changes), 0) AS BIGINT) FROM tally WHERE run = {run}");
    let before = world.number(&changes).await;
    let step = process.lanes[0].step().await.unwrap();
    assert_eq!(step.sent, 0);
    assert!(world.number(&changes).await > before, "why it waits is one of the figures: those kept are known to be old");
    for _ in 0..20 {
        process.step().await;
    }
    let deferred = format!("SELECT count(*) FROM delivery WHERE state = 0 AND next_at = {}", world.now() + 47 * HOUR);
    assert_eq!(world.number(&deferred).await, 200);
    process.advance(47 * HOUR).await;
    world.sql("DELETE FROM delivery WHERE id NOT IN (SELECT id FROM delivery ORDER BY id LIMIT 5)").await;
    world.sql("UPDATE tally SET n = 5").await;
    process.settle().await;
    assert_eq!((gateway.count(), count(world, run, State::Accepted).await), (5, 5));

    let short = world.run(&saying("Hai.", "awareness", "valid_for = \"24h\"")).await;
    process.settle().await;
    process.advance(24 * HOUR).await;
    process.settle().await;
    let lapsed = count(world, short, State::Lapsed).await;
    assert_eq!((lapsed, gateway.count()), (5, 200), "195 had not heard from us lately; five lapse");
}

on_both_engines!(
    a_budget_holds_the_run_and_says_so,
    a_used_up_quota_fails_over_until_the_next_day,
    what_was_put_back_uses_up_no_quota,
    caps_defer_and_then_lapse,
);
