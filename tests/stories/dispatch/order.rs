//! Whose turn it is: everybody once, a small run beside a huge one, a warning before all.

use std::collections::BTreeSet;

use loa::delivery::State;

use super::{Process, Scripted, count, saying};
use crate::engines::world::{Person, World, phone};

async fn everybody_is_sent_to_once(world: &World) {
    world.crowd(150).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    let run = world.run(&saying("Mot.", "awareness", "")).await;
    process.settle().await;
    let handed: BTreeSet<String> = gateway.handed.lock().unwrap().iter().map(|(to, _)| to.clone()).collect();
    assert_eq!((gateway.count(), handed.len()), (150, 150));
    assert_eq!(count(world, run, State::Accepted).await, 150);
}

async fn a_small_run_finishes_while_a_huge_one_goes_on(world: &World) {
    let people: Vec<Person> = (0..1_000).map(|i| Person { group: (i < 30).then_some("it"), ..phone(2_000_000 + i) }).collect();
    world.people(&people).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    world.fanned_out(&saying("Lon.", "awareness", "")).await;
    for _ in 0..5 {
        process.step().await;
        process.land().await;
    }
    let few = "[moi-nguoi]\ntitle = \"Ít\"\ngroups = [\"it\"]\n";
    world.run_with(&saying("Nho.", "awareness", ""), few, &[]).await;
    process.settle().await;
    let texts = gateway.texts();
    let first = texts.iter().position(|t| t == "Nho.").unwrap();
    let last = texts.iter().rposition(|t| t == "Nho.").unwrap();
    assert_eq!((texts.len(), texts.iter().filter(|t| *t == "Nho.").count()), (1_030, 30));
    assert!(last - first < 150, "from {first} to {last} of {}", texts.len());
    assert!(last < 500, "the huge one was far from done");
}

async fn a_warning_overtakes_within_one_claim(world: &World) {
    world.crowd(300).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    world.fanned_out(&saying("Deu dan.", "awareness", "")).await;
    for _ in 0..3 {
        process.step().await;
        process.land().await;
        // Claims reach ahead by what went in the last tenth of a second (decision 0017).
        process.advance(200).await;
    }
    let before = gateway.count();
    world.fanned_out(&saying("Canh bao!", "warning", "")).await;
    process.settle().await;
    let texts = gateway.texts();
    let first = texts.iter().position(|t| t == "Canh bao!").unwrap();
    let last = texts.iter().rposition(|t| t == "Canh bao!").unwrap();
    // Twice the window of 20 was claimed already at most.
    assert!(first - before <= 40, "{} were sent after the warning was there", first - before);
    assert_eq!(last - first, 299, "nothing comes in between");
}

on_both_engines!(everybody_is_sent_to_once, a_small_run_finishes_while_a_huge_one_goes_on, a_warning_overtakes_within_one_claim,);
