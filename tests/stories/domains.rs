//! What recipients' domains take: limits of their own, which hold nobody else up, and servers that ask for less.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use loa::{
    config::{self, DomainLimit, Limits, Rate},
    delivery::State,
};
use providers::{Accepted, Channel, Outgoing, Reason, Scope, SendError};

use super::dispatch::{Answer, Process, Scripted, configured, count};
use crate::engines::world::{ELSEWHERE, Person, World, campaign};

const SLOW: &str = "elsewhere.example";

fn account(limit: Option<DomainLimit>) -> config::Account {
    let domains: BTreeMap<String, DomainLimit> = limit.map(|limit| (SLOW.to_owned(), limit)).into_iter().collect();
    config::Account { domains, ..configured("mail", Channel::Email) }
}

async fn process<'w>(world: &'w World, limit: Option<DomainLimit>, gateway: &Arc<Scripted>) -> Process<'w> {
    Process::new(world, Limits::default(), vec![(account(limit), gateway)]).await
}

/// A run of mails to everybody; so many people are added before, each with the next address from `first` on.
async fn mails(world: &World, first: i64, people: i64) -> i64 {
    let people: Vec<Person> = (first..first + people).map(|hash| Person::default().email(hash)).collect();
    world.people(&people).await;
    world.run(&campaign("warning", "use = [\"email\"]", "")).await
}

/// The same with people at both domains, in turns.
async fn mails_to_both(world: &World, each: i64) -> i64 {
    let people: Vec<Person> = (0..each).flat_map(|n| [ELSEWHERE + n, n + 1]).map(|hash| Person::default().email(hash)).collect();
    world.people(&people).await;
    world.run(&campaign("warning", "use = [\"email\"]", "")).await
}

/// Handed over so far: to the slow domain, and to the other.
fn handed(gateway: &Scripted) -> (usize, usize) {
    let all = gateway.handed.lock().unwrap();
    let slow = all.iter().filter(|(to, _)| to.ends_with(SLOW)).count();
    (slow, all.len() - slow)
}

fn crowded(outgoing: &Outgoing) -> Answer {
    if outgoing.to.expose().ends_with(SLOW) {
        let detail = "450 4.7.28 too much".to_owned();
        return Err(SendError::Retry { after: None, scope: Scope::Domain, reason: Reason::Blocked, detail });
    }
    Ok(Accepted::default())
}

/// Some steps, each of which lets what is spawned run.
async fn steps(process: &mut Process<'_>, n: usize) {
    for _ in 0..n {
        process.step().await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
}

async fn to_the_end(world: &World, process: &mut Process<'_>, run: i64, all: usize) {
    for _ in 0..200 {
        if count(world, run, State::Accepted).await == all {
            return;
        }
        process.advance(30_000).await;
        process.settle().await;
    }
    panic!("{:?}", world.states(run).await);
}

async fn a_domain_gets_no_more_at_once_than_it_takes_and_holds_nobody_up(world: &World) {
    let gateway = Scripted::new();
    let limit = DomainLimit { rate: None, connections: Some(2) };
    let mut process = process(world, Some(limit), &gateway).await;
    let first = mails(world, ELSEWHERE, 60).await;
    world.step_with(&process.runner).await;
    let silent = gateway.hold().await;
    steps(&mut process, 20).await;
    assert_eq!(handed(&gateway), (2, 0));
    let second = mails(world, 1, 60).await;
    world.step_with(&process.runner).await;
    steps(&mut process, 20).await;
    assert_eq!(handed(&gateway), (2, 18), "the rest of the window is the others'");
    drop(silent);
    to_the_end(world, &mut process, first, 60).await;
    to_the_end(world, &mut process, second, 120).await;
    assert_eq!(handed(&gateway), (120, 60), "each mail once");
}

async fn a_domains_rate_is_shared_by_all_nodes(world: &World) {
    let gateway = Scripted::new();
    let hourly = DomainLimit { rate: Some(Rate { count: 1, per: Duration::from_hours(1) }), connections: None };
    let (mut one, mut other) = (process(world, Some(hourly), &gateway).await, process(world, Some(hourly), &gateway).await);
    let run = mails_to_both(world, 30).await;
    world.step_with(&one.runner).await;
    for _ in 0..30 {
        for node in [&mut one, &mut other] {
            steps(node, 1).await;
            node.land().await;
        }
    }
    assert_eq!(handed(&gateway), (1, 30));
    let rows = world.rows(run).await;
    let mut turns: Vec<i64> = rows.iter().filter(|row| row.state() == State::Pending).filter_map(|row| row.next_at).collect();
    turns.sort_unstable();
    assert!(turns.len() >= 27 && turns.iter().all(|turn| *turn > world.now()), "the others wait for their turn: {turns:?}");
    for node in [&mut one, &mut other] {
        node.drain().await;
    }
    assert_eq!(count(world, run, State::Submitting).await, 0, "what waited behind the gate goes back");
}

async fn a_domain_that_has_enough_rests_and_then_goes_more_slowly(world: &World) {
    let gateway = Scripted::new();
    gateway.answers(crowded);
    let mut process = process(world, None, &gateway).await;
    let run = mails_to_both(world, 100).await;
    for _ in 0..60 {
        process.settle_for(1).await;
        // Claims reach ahead by what went in the last tenth of a second (decision 0017).
        process.advance(200).await;
    }
    let (slow, others) = handed(&gateway);
    assert_eq!(others, 100, "nobody else waits");
    assert!(slow <= 40, "what was on its way, and then no more: {slow}");
    gateway.answers(|_| Ok(Accepted::default()));
    to_the_end(world, &mut process, run, 200).await;
    let (sent, _) = handed(&gateway);
    assert_eq!(sent, 100 + slow, "each refusal was one try of its message");
}

on_both_engines!(
    a_domain_gets_no_more_at_once_than_it_takes_and_holds_nobody_up,
    a_domains_rate_is_shared_by_all_nodes,
    a_domain_that_has_enough_rests_and_then_goes_more_slowly,
);
