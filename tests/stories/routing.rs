//! Which way messages go: by weight, away from an account that cannot or is slow, and back; never faster than a gateway bears.
//! Stepped by hand under a clock that stands still, on both engines.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use loa::{
    account::{
        trouble::{self, Cause},
        watch,
    },
    config::{self, Limits, Rate},
    delivery::State,
};
use providers::{Accepted, Channel, Reason, ReceiptState, Scope, SendError};

use super::dispatch::{Process, Scripted, configured, count, saying};
use crate::engines::world::{EMAIL, Person, SMS, World, campaign, phone};

const MINUTE: i64 = 60_000;

fn refusing(reason: Reason, scope: Scope) -> impl FnMut(&providers::Outgoing) -> Result<Accepted, SendError> + Send + 'static {
    move |_| Err(SendError::Retry { after: None, scope, reason, detail: "the gateway's words".into() })
}

/// Two accounts for text messages, the second one with what `second` changes.
async fn two<'w>(
    world: &'w World,
    gateways: [&Arc<Scripted>; 2],
    second: impl FnOnce(config::Account) -> config::Account,
) -> Process<'w> {
    let other = second(configured("other", Channel::Sms));
    Process::new(world, Limits::default(), vec![(configured("sms", Channel::Sms), gateways[0]), (other, gateways[1])]).await
}

async fn look(process: &Process<'_>, world: &World) {
    watch::watch(&world.db, &process.shared.accounts, &world.clock).await.unwrap();
}

/// What ails the accounts now: name, cause, who takes over.
async fn ailing(process: &Process<'_>, world: &World) -> Vec<(String, Cause, String)> {
    let present = trouble::present(&world.db).await.unwrap();
    present.into_iter().map(|t| (process.shared.accounts.name(t.account).to_string(), t.cause(), t.takers)).collect()
}

fn ails(name: &str, cause: Cause, takers: &str) -> (String, Cause, String) {
    (name.into(), cause, takers.into())
}

async fn weights_divide_a_route(world: &World) {
    world.crowd(4_000).await;
    let (first, second) = (Scripted::new(), Scripted::new());
    let wide = |weight, account: config::Account| config::Account { weight, window: 200, ..account };
    let accounts =
        vec![(wide(3, configured("sms", Channel::Sms)), &first), (wide(1, configured("other", Channel::Sms)), &second)];
    let mut process = Process::new(world, Limits::default(), accounts).await;
    let run = world.run(&saying("Mot.", "warning", "")).await;
    process.settle().await;
    assert_eq!(count(world, run, State::Accepted).await, 4_000);
    let (first, second) = (first.count(), second.count());
    assert_eq!(first + second, 4_000, "everybody once");
    assert!((2_700..=3_300).contains(&first), "three of four: {first} and {second}");
}

async fn a_full_account_slows_nobody_down(world: &World) {
    world.crowd(1_000).await;
    let (first, second) = (Scripted::new(), Scripted::new());
    let rate = Rate { count: 1, per: Duration::from_hours(1) };
    let slow = config::Account { rate, weight: 100, ..configured("sms", Channel::Sms) };
    let accounts = vec![(slow, &first), (configured("other", Channel::Sms), &second)];
    let mut process = Process::new(world, Limits::default(), accounts).await;
    world.run(&saying("Mot.", "warning", "")).await;
    process.settle().await;
    assert!(first.count() <= 2, "{}", first.count());
    assert_eq!(first.count() + second.count(), 1_000, "nobody waited for the one with the greater weight");
}

async fn every_cause_moves_messages_and_says_so(world: &World) {
    world.crowd(60).await;
    for (reason, cause) in [(Reason::Other, Cause::Failing), (Reason::Quota, Cause::GatewayQuota), (Reason::Funds, Cause::Funds)]
    {
        let (first, second) = (Scripted::new(), Scripted::new());
        let mut process = two(world, [&first, &second], |other| config::Account { priority: 2, ..other }).await;
        first.answers(refusing(reason, Scope::Account));
        let run = world.run(&saying("Mot.", "warning", "")).await;
        process.settle().await;
        process.advance(1_000).await;
        process.settle().await;
        assert_eq!((count(world, run, State::Accepted).await, second.count()), (60, 60), "{reason}");
        assert_eq!(ailing(&process, world).await, [ails("sms", cause, "other")]);
        let why = trouble::present(&world.db).await.unwrap()[0].why.clone();
        assert_eq!(why, "the gateway's words");

        first.answers(|_| Ok(Accepted::default()));
        process.advance(6 * MINUTE).await;
        world.run(&saying("Hai.", "warning", "")).await;
        process.settle().await;
        process.advance(1_000).await;
        process.settle().await;
        assert_eq!(ailing(&process, world).await, [], "a probe succeeded: {reason}");
    }
    let history = trouble::history(&world.db, 0, 10).await.unwrap();
    assert_eq!(
        history.iter().map(trouble::Trouble::cause).collect::<Vec<_>>(),
        [Cause::Funds, Cause::GatewayQuota, Cause::Failing]
    );
    assert!(history.iter().all(|t| t.ended_at.is_some()));
}

async fn a_days_quota_is_told_until_the_next_day(world: &World) {
    world.crowd(50).await;
    let (first, second) = (Scripted::new(), Scripted::new());
    let small = config::Account { daily: Some(20), ..configured("sms", Channel::Sms) };
    let other = config::Account { priority: 2, ..configured("other", Channel::Sms) };
    let mut process = Process::new(world, Limits::default(), vec![(small, &first), (other, &second)]).await;
    world.run(&saying("Mot.", "warning", "")).await;
    process.settle().await;
    look(&process, world).await;
    assert_eq!(ailing(&process, world).await, [ails("sms", Cause::Quota, "other")]);
    process.advance(24 * 60 * MINUTE).await;
    look(&process, world).await;
    assert_eq!(ailing(&process, world).await, []);
}

/// A hundred messages over the first account; of each ten, so many are answered for at once.
async fn receipts(process: &mut Process<'_>, world: &World, account: &str, in_time: usize) {
    let run = world.run(&saying("Mot.", "warning", "")).await;
    process.settle().await;
    let id = process.shared.accounts.named(account).unwrap().id;
    let rows: Vec<_> = world.rows(run).await.into_iter().filter(|row| row.account == id).collect();
    assert!(rows.len() >= 40, "{} went over {account}", rows.len());
    let heard = rows.iter().enumerate().filter(|(i, _)| i % 10 < in_time);
    world.hear(heard.map(|(_, row)| world.of_attempt(row.id, row.attempt, ReceiptState::Delivered)).collect()).await;
}

async fn a_balance_warns_then_moves_messages_and_is_believed_for_a_while(world: &World) {
    world.crowd(20).await;
    let (first, second) = (Scripted::new(), Scripted::new());
    let warned = config::Account { low_balance: Some(500_000), ..configured("sms", Channel::Sms) };
    let other = config::Account { priority: 2, ..configured("other", Channel::Sms) };
    let mut process = Process::new(world, Limits::default(), vec![(warned, &first), (other, &second)]).await;
    for (left, expected) in
        [(500_000, vec![]), (499_999, vec![ails("sms", Cause::LowBalance, "")]), (0, vec![ails("sms", Cause::Funds, "other")])]
    {
        *first.balance.lock().unwrap() = Some(left);
        process.advance(6 * MINUTE).await;
        watch::ask_balances(&world.db, &process.shared.accounts, &world.clock).await.unwrap();
        assert_eq!(ailing(&process, world).await, expected, "{left} đ");
    }
    look(&process, world).await;
    world.run(&saying("Mot.", "warning", "")).await;
    process.settle().await;
    assert_eq!((first.count(), second.count()), (0, 20));

    *first.balance.lock().unwrap() = Some(900_000);
    watch::ask_balances(&world.db, &process.shared.accounts, &world.clock).await.unwrap();
    assert_eq!(ailing(&process, world).await, [ails("sms", Cause::Funds, "other")], "it was asked just now");
    process.advance(6 * MINUTE).await;
    watch::ask_balances(&world.db, &process.shared.accounts, &world.clock).await.unwrap();
    assert_eq!(ailing(&process, world).await, []);
    look(&process, world).await;
    world.run(&saying("Hai.", "warning", "")).await;
    process.settle().await;
    assert_eq!(first.count(), 20, "its money is back, and so are its messages");
}

async fn a_slow_account_is_left_and_comes_back(world: &World) {
    world.crowd(100).await;
    let (first, second) = (Scripted::new(), Scripted::new());
    let mut process = two(world, [&first, &second], |other| config::Account { priority: 2, ..other }).await;
    receipts(&mut process, world, "sms", 8).await;
    process.advance(5 * MINUTE).await;
    look(&process, world).await;
    assert_eq!(ailing(&process, world).await, [], "they are not late yet");
    process.advance(2 * MINUTE).await;
    look(&process, world).await;
    assert_eq!(ailing(&process, world).await, [ails("sms", Cause::Slow, "other")], "twenty of a hundred are");
    assert_eq!(trouble::present(&world.db).await.unwrap()[0].why, "20/100 > 5 min");

    let before = first.count();
    world.run(&saying("Hai.", "warning", "")).await;
    process.settle().await;
    assert_eq!((first.count() - before, second.count()), (0, 100), "new messages go elsewhere");
    process.advance(14 * MINUTE).await;
    look(&process, world).await;
    // The other one is slow by now, and nobody else is there.
    assert_eq!(ailing(&process, world).await, [ails("sms", Cause::Slow, "other")]);
    process.advance(MINUTE).await;
    look(&process, world).await;
    assert_eq!(ailing(&process, world).await, [], "a quiet quarter of an hour");
    process.advance(MINUTE - 1).await;
    look(&process, world).await;
    assert_eq!(ailing(&process, world).await, [], "one move a minute");
    process.advance(1).await;
    look(&process, world).await;
    let slow = ailing(&process, world).await;
    assert!(slow.is_empty() || slow == [ails("other", Cause::Slow, "sms")], "{slow:?}");
}

async fn where_all_are_slow_nothing_moves(world: &World) {
    world.crowd(100).await;
    let (first, second) = (Scripted::new(), Scripted::new());
    let mut process = two(world, [&first, &second], |other| other).await;
    receipts(&mut process, world, "sms", 1).await;
    process.advance(8 * MINUTE).await;
    look(&process, world).await;
    assert_eq!(ailing(&process, world).await, []);
}

async fn an_account_without_receipts_is_not_judged(world: &World) {
    world.crowd(100).await;
    let (first, second) = (Scripted::new(), Scripted::new());
    let deaf = config::Account { receipts: false, ..configured("sms", Channel::Sms) };
    let other = config::Account { priority: 2, ..configured("other", Channel::Sms) };
    let mut process = Process::new(world, Limits::default(), vec![(deaf, &first), (other, &second)]).await;
    world.run(&saying("Mot.", "warning", "")).await;
    process.settle().await;
    process.advance(8 * MINUTE).await;
    look(&process, world).await;
    assert_eq!(ailing(&process, world).await, []);
}

async fn a_throttled_account_is_slow_on_every_node(world: &World) {
    world.crowd(300).await;
    let gateway = Scripted::new();
    let mut here = Process::with_sms(world, &gateway).await;
    let mut there = Process::with_sms(world, &gateway).await;
    gateway.answers(refusing(Reason::Other, Scope::Pace));
    let run = world.run(&saying("Mot.", "warning", "")).await;
    here.settle().await;
    let tried = gateway.count();
    assert!((1..=20).contains(&tried), "one window at most: {tried}");
    assert_eq!(world.number("SELECT CAST(pace AS BIGINT) FROM account WHERE name = 'sms'").await, 500, "one complaint");
    assert_eq!(count(world, run, State::Pending).await, 300, "no try was used up");
    assert_eq!(world.number("SELECT count(*) FROM delivery WHERE tries > 0").await, 0);

    gateway.answers(|_| Ok(Accepted::default()));
    there.settle().await;
    assert_eq!(gateway.count(), tried, "the other node rests as well");
    there.advance(1_000).await;
    there.settle().await;
    assert_eq!(gateway.count(), tried + 300);
    look(&there, world).await;
    look(&here, world).await;
    for process in [&here, &there] {
        assert_eq!(process.shared.accounts.named("sms").unwrap().throttle().pace, 500);
        assert_eq!(ailing(process, world).await, [ails("sms", Cause::Throttled, "")]);
    }
    here.advance(20 * 5_000).await;
    look(&here, world).await;
    assert_eq!(world.number("SELECT CAST(pace AS BIGINT) FROM account WHERE name = 'sms'").await, 1_000);
    assert_eq!(ailing(&here, world).await, []);
}

async fn finish_by_looks_at_each_carrier_and_at_other_runs(world: &World) {
    let people: Vec<Person> = (0..100).map(|i| phone(3_000_000 + i).email(4_000_000 + i)).collect();
    world.people(&people).await;
    world.sql("UPDATE recipient SET carrier = 2 WHERE id % 2 = 0").await;
    let (texts, mails) = (Scripted::new(), Scripted::new());
    let for_carrier = |name: &str, carrier: &str, count| config::Account {
        carriers: vec![carrier.into()],
        rate: Rate { count, per: Duration::from_hours(1) },
        ..configured(name, Channel::Sms)
    };
    let accounts = vec![
        (for_carrier("sms", "viettel", 10), &texts),
        (for_carrier("other", "mobifone", 1_000), &texts),
        (configured("mail", Channel::Email), &mails),
    ];
    let process = Process::new(world, Limits::default(), accounts).await;
    let channels = "use = [\"sms\", \"email\"]\npolicy = \"first\"\nfinish_by = \"3h\"";
    let text = campaign("awareness", channels, "valid_for = \"24h\"");
    let mut waiting: BTreeMap<i64, usize> = BTreeMap::new();
    let mut runs = Vec::new();
    for _ in 0..2 {
        let run = world.run(&text).await;
        world.step_with(&process.runner).await;
        world.step_with(&process.runner).await;
        runs.push(run);
    }
    for run in &runs {
        let rows = world.rows(*run).await;
        let left = rows.iter().filter(|r| r.channel() == SMS && r.state() == State::Pending).count();
        assert_eq!(left + rows.iter().filter(|r| r.channel() == EMAIL).count(), 100, "nobody is lost");
        waiting.insert(*run, left);
    }
    assert_eq!(waiting[&runs[0]], 50 + 30, "one carrier in time, of the other what its account can do");
    assert_eq!(waiting[&runs[1]], 50 + 15, "two runs share that account");
}

on_both_engines!(
    weights_divide_a_route,
    a_full_account_slows_nobody_down,
    every_cause_moves_messages_and_says_so,
    a_days_quota_is_told_until_the_next_day,
    a_balance_warns_then_moves_messages_and_is_believed_for_a_while,
    a_slow_account_is_left_and_comes_back,
    where_all_are_slow_nothing_moves,
    an_account_without_receipts_is_not_judged,
    a_throttled_account_is_slow_on_every_node,
    finish_by_looks_at_each_carrier_and_at_other_runs,
);
