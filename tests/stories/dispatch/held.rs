//! What is not sent after all: a refusal, a pause, a lease that ran out, a text that no wording covers.

use std::{collections::BTreeSet, sync::Arc};

use loa::{
    config::{self, Limits},
    consent::{self, Said, Scope},
    delivery::{State, Why},
    epoch,
};
use providers::{
    Channel, Reason,
    text::{Budget, Encoding, Pattern},
};

use super::{Process, Scripted, configured, count, saying};
use crate::engines::world::World;

/// What the claim path sends goes as the account has it registered, or not at all.
async fn a_text_that_no_wording_covers_is_rejected_before_it_is_sent(world: &World) {
    world.crowd(3).await;
    let gateway = Scripted::new();
    let template = |pattern: &str| config::Template {
        name: "canh-bao".into(),
        pattern: Pattern::parse(pattern).unwrap(),
        from: None,
        through: None,
        carriers: Vec::new(),
        purpose: config::Purpose::Care,
    };
    let parts = Budget::default().with(Encoding::Gsm, vec![20, 40]).unwrap();
    let account = config::Account { templates: vec![template("SO: {1:12}. Goi 156.")], parts, ..configured("sms", Channel::Sms) };
    let mut process = Process::new(world, Limits::default(), vec![(account, &gateway)]).await;
    let refused = world.run(&saying("SO: mot. Goi 113.", "awareness", "")).await;
    process.settle().await;
    assert_eq!((gateway.count(), count(world, refused, State::Rejected).await), (0, 3));
    assert!(world.rows(refused).await.iter().all(|row| row.reason == Reason::Template as i16));
    let text =
        saying("SO.", "awareness", "").replace("\"SO.\"", r#"{ template = "canh-bao", values = { 1 = "{{ 'không đọc' }}" } }"#);
    let sent = world.run(&text).await;
    process.settle().await;
    assert_eq!(gateway.texts(), ["SO: khong doc. Goi 156."; 3]);
    // 23 characters are two parts as this account is billed.
    let cost = format!("SELECT CAST(coalesce(sum(price), 0) AS BIGINT) FROM delivery WHERE run = {sent} AND parts = 2");
    assert_eq!((count(world, sent, State::Accepted).await, world.number(&cost).await), (3, 3 * 2 * 300));
}

/// A run for sixty people over an account that has ten messages under way at the most.
async fn narrow<'w>(world: &'w World, gateway: &Arc<Scripted>) -> (Process<'w>, i64) {
    world.crowd(60).await;
    let account = config::Account { window: 10, ..configured("sms", Channel::Sms) };
    let process = Process::new(world, Limits::default(), vec![(account, gateway)]).await;
    let run = world.fanned_out(&saying("Mot.", "awareness", "")).await;
    (process, run)
}

async fn who_refuses_after_the_claim_is_not_sent_to(world: &World) {
    let gateway = Scripted::new();
    let (mut process, run) = narrow(world, &gateway).await;
    let answering = gateway.answering.acquire().await.unwrap();
    process.step().await;
    let claimed: Vec<_> = world.rows(run).await.into_iter().filter(|r| r.state() == State::Submitting).collect();
    tokio::task::yield_now().await;
    let flying: BTreeSet<String> = gateway.handed.lock().unwrap().iter().map(|(to, _)| to.clone()).collect();
    let address = |hash: i64| format!("+84{}", 900_000_000 + hash);
    let waiting = claimed.iter().filter_map(|r| r.address).find(|hash| !flying.contains(&address(*hash)));
    let waiting = waiting.expect("more is claimed than flies");
    // The first word of refusal that this database ever heard.
    let said = Said { source: "link", wording: "", at: world.now() };
    consent::record(&world.db, Channel::Sms, waiting, Scope::Awareness, said).await.unwrap();
    drop(answering);
    process.settle().await;
    let handed: BTreeSet<String> = gateway.handed.lock().unwrap().iter().map(|(to, _)| to.clone()).collect();
    assert!(!handed.contains(&address(waiting)));
    assert_eq!(handed.len(), 59);
    let skipped: Vec<_> = world.rows(run).await.into_iter().filter(|r| r.state() == State::Skipped).collect();
    assert_eq!(skipped.iter().map(|r| (r.address, r.why())).collect::<Vec<_>>(), [(Some(waiting), Why::OptedOut)]);
}

async fn a_pause_stops_what_was_claimed_before_the_run_went_on(world: &World) {
    let gateway = Scripted::new();
    let (mut process, run) = narrow(world, &gateway).await;
    let answering = gateway.answering.acquire().await.unwrap();
    process.step().await;
    tokio::task::yield_now().await;
    let flying = gateway.count();
    // The run's row changes twice: what was claimed holds a copy of two versions ago.
    for cursor in [1, 2] {
        world.sql(&format!("UPDATE run SET fan_cursor = {cursor}")).await;
        world.active.refresh().await.unwrap();
    }
    loa::run::command::pause(&world.db, run).await.unwrap();
    drop(answering);
    process.settle().await;
    assert_eq!(gateway.count(), flying, "nothing after the pause");
    assert_eq!(count(world, run, State::Pending).await, 60 - flying);
}

async fn a_process_whose_lease_ran_out_goes_on_under_a_new_epoch(world: &World) {
    let gateway = Scripted::new();
    let (mut process, run) = narrow(world, &gateway).await;
    let answering = gateway.answering.acquire().await.unwrap();
    process.step().await;
    tokio::task::yield_now().await;
    let flying = gateway.count();
    let claimed = count(world, run, State::Submitting).await;
    assert!(flying > 0 && claimed > flying);

    // It stood still for too long: another process takes what it owned as in doubt.
    world.sql(&format!("UPDATE epoch SET lease_until = {} WHERE id = {}", world.now(), world.epoch)).await;
    process.shared.renew_lease().await.unwrap();
    assert_ne!(process.shared.epoch(), world.epoch);
    let other = epoch::register(&world.db, "other", world.now()).await.unwrap();
    assert_eq!(epoch::sweep(&world.db, other, world.now() + 60_000, world.now()).await.unwrap(), claimed);
    process.step().await;
    assert_eq!(gateway.count(), flying, "what the old epoch had claimed is not sent any more");

    drop(answering);
    process.settle().await;
    assert_eq!((gateway.count(), count(world, run, State::Accepted).await), (60, 60), "everybody once");
    assert_eq!(world.number("SELECT count(*) FROM delivery WHERE doubts > 0").await, 0, "late answers settled every doubt");
}

on_both_engines!(
    a_text_that_no_wording_covers_is_rejected_before_it_is_sent,
    who_refuses_after_the_claim_is_not_sent_to,
    a_pause_stops_what_was_claimed_before_the_run_went_on,
    a_process_whose_lease_ran_out_goes_on_under_a_new_epoch,
);
