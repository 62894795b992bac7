//! Accounts that fail, and accounts that wait for a person.

use loa::{
    config::{self, Limits},
    delivery::State,
};
use providers::{Accepted, Channel, Reason, SendError};

use super::{Process, Scripted, configured, count, saying};
use crate::engines::world::{HOUR, World};

async fn an_account_that_fails_is_left_until_a_probe_succeeds(world: &World) {
    world.crowd(200).await;
    let (first, second) = (Scripted::new(), Scripted::new());
    let other = config::Account { priority: 2, ..configured("other", Channel::Sms) };
    let accounts = vec![(configured("sms", Channel::Sms), &first), (other, &second)];
    let mut process = Process::new(world, Limits::default(), accounts).await;
    first.answers(|_| {
        Err(SendError::Retry { after: None, scope: providers::Scope::Account, reason: Reason::Other, detail: "down".into() })
    });
    let run = world.run(&saying("Mot.", "warning", "")).await;
    process.settle().await;
    process.advance(1_000).await;
    process.settle().await;
    let tried = first.count();
    assert!((5..=20).contains(&tried), "one window at most: {tried}");
    assert_eq!((second.count(), count(world, run, State::Accepted).await), (200, 200), "the other one took over");

    world.run(&saying("Hai.", "warning", "")).await;
    process.advance(1_500).await;
    process.settle().await;
    assert_eq!(first.count(), tried + 1, "one probe, which fails");
    first.answers(|_| Ok(Accepted::default()));
    process.advance(10_000).await;
    world.run(&saying("Ba.", "warning", "")).await;
    process.settle().await;
    process.advance(1_000).await;
    process.settle().await;
    assert!(first.texts().iter().filter(|t| *t == "Ba.").count() > 1, "the probe succeeded: it has its messages again");
    let rows = world.number("SELECT count(*) FROM delivery WHERE state = 3").await;
    assert_eq!(rows, 600);
}

async fn a_misconfigured_account_waits_for_a_person(world: &World) {
    world.crowd(40).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    gateway.answers(|_| Err(SendError::Misconfigured { detail: "wrong password".into() }));
    let run = world.run(&saying("Mot.", "warning", "")).await;
    process.settle().await;
    let tried = gateway.count();
    assert!(tried <= 20, "one window at most: {tried}");
    assert_eq!(world.number("SELECT count(*) FROM account WHERE paused = 'wrong password' AND name = 'sms'").await, 1);
    process.advance(HOUR).await;
    process.settle().await;
    assert_eq!(gateway.count(), tried, "time does not mend it");

    gateway.answers(|_| Ok(Accepted::default()));
    loa::account::pause(&world.db, world.account, None, world.now()).await.unwrap();
    process.shared.accounts.refresh(&world.db, world.clock.now()).await.unwrap();
    process.settle().await;
    assert_eq!(count(world, run, State::Accepted).await, 40, "no try was used up, nobody was lost");
}

on_both_engines!(an_account_that_fails_is_left_until_a_probe_succeeds, a_misconfigured_account_waits_for_a_person,);
