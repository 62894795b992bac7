//! What is too old goes, chunk by chunk; what figures are counted from stays.

use loa::{
    delivery::record::Outcome,
    retention::{CONTACTS, HANDLES, MINUTES, RECEIPTS, Retention},
    run::pulse,
};
use providers::ReceiptState;

use super::world::{HOUR, SMS, World, by_sms, judged};

on_both_engines!(what_is_too_old_goes_and_the_figures_stay, a_run_under_way_keeps_its_handles, minutes_go_run_by_run);

const COUNTS: [&str; 3] =
    ["SELECT count(*) FROM handle", "SELECT count(*) FROM receipt WHERE status <> 0", "SELECT count(*) FROM contact"];

async fn counted(world: &World) -> [i64; 3] {
    let mut counts = [0; 3];
    for (at, count) in COUNTS.into_iter().enumerate() {
        counts[at] = world.number(count).await;
    }
    counts
}

fn in_two_parts(id: i64) -> Outcome {
    Outcome::Accepted { ids: vec![format!("{id}-1"), format!("{id}-2")], silent_at: None }
}

/// A run of so many people, all of whose messages arrived.
async fn arrived(world: &World, people: i64) {
    world.crowd(people).await;
    let run = world.fanned_out(&by_sms()).await;
    loop {
        let claimed = world.claim(run, SMS).await;
        if claimed.is_empty() {
            return;
        }
        world.record(claimed.iter().map(|c| judged(c, in_two_parts(c.id))).collect()).await;
        world.hear(claimed.iter().map(|c| world.of_attempt(c.id, 1, ReceiptState::Delivered)).collect()).await;
    }
}

/// Steps until nothing is left to do, and says in how many steps.
async fn swept(world: &World) -> usize {
    let mut retention = Retention::new(world.db.clone(), world.clock.clone());
    for step in 1..100 {
        if !retention.step().await.unwrap().more {
            return step;
        }
    }
    panic!("it never ends");
}

fn hours(life: std::time::Duration) -> i64 {
    i64::try_from(life.as_millis()).unwrap() + HOUR
}

async fn what_is_too_old_goes_and_the_figures_stay(world: &World) {
    // More than one chunk, so that the walk over the contacts has to go on where it was.
    arrived(world, 1_500).await;
    world.advance(48 * HOUR).await;
    world.step().await;
    let settled = "SELECT count(*) FROM run WHERE settled_at IS NOT NULL";
    assert_eq!(world.number(settled).await, 1);
    swept(world).await;
    assert_eq!(counted(world).await, [3_000, 1_500, 1_500], "nothing is too old yet");

    world.advance(hours(HANDLES)).await;
    assert!(swept(world).await > 1);
    assert_eq!(counted(world).await, [0, 1_500, 1_500]);

    world.advance(hours(RECEIPTS.max(CONTACTS))).await;
    swept(world).await;
    assert_eq!(counted(world).await, [0, 0, 0]);
    assert_eq!(world.number("SELECT count(*) FROM delivery WHERE state = 5").await, 1_500);
}

async fn a_run_under_way_keeps_its_handles(world: &World) {
    arrived(world, 3).await;
    world.advance(hours(HANDLES)).await;
    swept(world).await;
    assert_eq!(world.number(COUNTS[0]).await, 6, "it has not settled");
}

async fn minutes_go_run_by_run(world: &World) {
    let minute = 60_000;
    for (run, age) in [(1, MINUTES.as_secs() + 60), (1, MINUTES.as_secs() - 60), (2, 0)] {
        let at = (world.now() - i64::try_from(age).unwrap() * 1_000).div_euclid(minute);
        world
            .execute(&format!(
                "INSERT INTO pulse (run, minute, sent, reached, failed, waiting, price) VALUES ({run}, {at}, 1, 1, 0, 0, 1)"
            ))
            .await;
    }
    swept(world).await;
    assert_eq!(pulse::of(&world.db, 1, 0, 9).await.unwrap().len(), 1);
    world.advance(2 * minute).await;
    swept(world).await;
    assert_eq!((pulse::of(&world.db, 1, 0, 9).await.unwrap().len(), pulse::of(&world.db, 2, 0, 9).await.unwrap().len()), (0, 1));
}
