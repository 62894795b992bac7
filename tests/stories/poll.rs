//! What became of a message is asked for where nothing tells it: by and by, by one node, for as long as it makes sense.

use std::time::Duration;

use loa::{
    config::Limits,
    delivery::State,
    dispatch::{Poller, poll::Step},
};
use providers::{Channel, Poll, ReceiptState};

use super::dispatch::{Process, Scripted, configured, count, saying};
use crate::engines::world::World;

const MINUTE: i64 = 60_000;

const POLL: Poll =
    Poll { every: Duration::from_mins(5), after: Duration::from_mins(1), through: Duration::from_hours(72), together: 2 };

/// Takes a poller's round to its end. How many messages were asked about.
async fn round(world: &World, poller: &mut Poller) -> usize {
    let mut asked = 0;
    for _ in 0..100 {
        let Step { news, asked: now, wait } = poller.step().await.unwrap();
        world.matcher().learn(&news).await.unwrap();
        asked += now;
        if wait >= Duration::from_secs(1) {
            return asked;
        }
    }
    panic!("the round never ends");
}

async fn silence_is_asked_about_until_it_ends(world: &World) {
    world.crowd(5).await;
    let gateway = Scripted::polled(Some(POLL));
    let mut process = Process::new(world, Limits::default(), vec![(configured("sms", Channel::Sms), &gateway)]).await;
    let run = world.run(&saying("Mot.", "warning", "")).await;
    process.settle().await;
    assert_eq!(count(world, run, State::Accepted).await, 5);

    let mut poller = Poller::new(process.shared.clone());
    assert_eq!(round(world, &mut poller).await, 0, "a callback may still come by itself");

    process.advance(6 * MINUTE).await;
    assert_eq!(round(world, &mut poller).await, 5, "a gateway that does not answer ends the round");
    process.advance(MINUTE).await;
    *gateway.said.lock().unwrap() = Some(ReceiptState::Enroute);
    assert_eq!(round(world, &mut poller).await, 0, "not before the next round");

    process.advance(5 * MINUTE).await;
    let mut other = Poller::new(process.shared.clone());
    assert_eq!((round(world, &mut poller).await, round(world, &mut other).await), (5, 0), "one node takes a round");
    assert_eq!(count(world, run, State::Enroute).await, 5);

    process.advance(6 * MINUTE).await;
    *gateway.said.lock().unwrap() = Some(ReceiptState::Delivered);
    assert_eq!(round(world, &mut other).await, 5, "another one the next");
    assert_eq!(count(world, run, State::Delivered).await, 5);

    process.advance(6 * MINUTE).await;
    assert_eq!(round(world, &mut poller).await, 0, "what has ended is not asked about");
}

async fn what_is_too_old_is_not_asked_about(world: &World) {
    world.crowd(3).await;
    let gateway = Scripted::polled(Some(POLL));
    *gateway.said.lock().unwrap() = Some(ReceiptState::Enroute);
    let mut process = Process::new(world, Limits::default(), vec![(configured("sms", Channel::Sms), &gateway)]).await;
    world.run(&saying("Mot.", "warning", "")).await;
    process.settle().await;
    process.advance(73 * 60 * MINUTE).await;
    assert_eq!(round(world, &mut Poller::new(process.shared.clone())).await, 0);
    assert!(gateway.asked.lock().unwrap().is_empty());
}

on_both_engines!(silence_is_asked_about_until_it_ends, what_is_too_old_is_not_asked_about);
