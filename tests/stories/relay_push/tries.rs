//! An order is tried again until it is taken, by one node alone, and never after its time.

use std::collections::BTreeSet;

use loa::{
    audit::Actor,
    cap::signature,
    notice::{Kind as Notice, find},
    relay::{State, attention, hand, push::Stepped},
};

use super::{
    FAILED, MINUTE, NONE, TAKEN, happened, order_to, outlet_at,
    partner::{Partner, Say},
    push, pushed, pusher, settings,
};
use crate::{
    engines::world::{HOUR, World},
    helpers::signers::certificate,
};

async fn the_same_document_is_pushed_until_it_is_taken(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), None).await;
    let id = order_to(world, &viettel).await;
    let mut pusher = pusher(world);

    // The server's program breaks: it may have the order all the same.
    partner.says(Say::Status(500, "<html>oops</html>"));
    assert_eq!(pushed(&mut pusher).await, FAILED);
    assert!(world.order(id).await.in_doubt);
    assert_eq!(push(world, id).await.last, "HTTP 500");
    assert_eq!(pushed(&mut pusher).await, NONE, "not before its time");

    // It says no for now: what the first try may have left there stays in doubt.
    world.advance(15_000).await;
    partner.says(Say::Status(503, "busy"));
    assert_eq!(pushed(&mut pusher).await, FAILED);
    assert_eq!((push(world, id).await.last.as_str(), world.order(id).await.in_doubt), ("HTTP 503: busy", true));

    // It hangs up without an answer.
    world.advance(30_000).await;
    partner.says(Say::Nothing);
    assert_eq!(pushed(&mut pusher).await, FAILED);
    assert_eq!(world.order(id).await.state, State::Approved);

    world.advance(60_000).await;
    partner.says(Say::Status(202, ""));
    assert_eq!(pushed(&mut pusher).await, TAKEN);
    let order = world.order(id).await;
    assert_eq!((order.state, order.handed_at, order.in_doubt), (State::HandedOver, Some(world.now()), false));
    world.advance(HOUR).await;
    assert_eq!(pushed(&mut pusher).await, NONE, "what is taken is pushed no more");

    let got = partner.got();
    assert_eq!(got.len(), 4);
    assert!(got.iter().all(|one| one.body == got[0].body), "byte for byte the same");
    for one in &got {
        assert!(one.head.contains("content-type: application/cap+xml\r\n"), "{}", one.head);
        assert!(one.head.contains(&format!("idempotency-key: \"{}\"\r\n", order.identifier)), "{}", one.head);
    }
    let office = certificate("stranger");
    let verified = signature::verify(&got[0].body, &[office], world.now()).unwrap();
    assert_eq!((verified.alert.identifier, verified.alert.sender), (order.identifier, "so.example.vn".to_string()));
    assert_eq!((happened(world, id, "push_in_doubt").await.len(), happened(world, id, "push_failed").await.len()), (2, 1));
}

/// A server that says when to come again is heard, in seconds or by a date, within bounds: it does not make an order expire unasked.
async fn a_server_that_says_when_to_come_again_is_heard(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), None).await;
    let id = order_to(world, &viettel).await;
    let expires_at = world.order(id).await.expires_at;
    let mut pusher = pusher(world);
    let mut asked = async |status, after: &'static str| {
        partner.says(Say::Later(status, after));
        assert_eq!(pushed(&mut pusher).await, FAILED);
        let next_at = push(world, id).await.next_at;
        let wait = next_at - world.now();
        world.advance(wait - 1).await;
        assert_eq!(pushed(&mut pusher).await, NONE, "it is left alone");
        world.advance(1).await;
        wait
    };
    assert_eq!(asked(429, "3600").await, HOUR);
    let until = chrono::DateTime::from_timestamp_millis(world.now() + 2 * HOUR).unwrap();
    let date: &'static str = until.format("%a, %d %b %Y %H:%M:%S GMT").to_string().leak();
    let wait = asked(503, date).await;
    assert!((2 * HOUR - 999..=2 * HOUR).contains(&wait), "to the second: {wait}");
    assert_eq!(asked(503, "1").await, MINUTE, "no sooner than it would be otherwise");
    assert_eq!(asked(503, "tomorrow").await, 2 * MINUTE, "that says nothing");
    assert_eq!(asked(503, "999999999").await, 6 * HOUR);
    assert_eq!(asked(429, "999999999").await, 6 * HOUR);
    let left = expires_at - world.now();
    assert_eq!(asked(429, "999999999").await, left / 2, "before it expires");
    assert_eq!(pushed(&mut pusher).await, TAKEN);
}

async fn of_two_nodes_one_pushes_an_order(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), None).await;
    for _ in 0..5 {
        order_to(world, &viettel).await;
    }
    let (mut one, mut other) = (pusher(world), pusher(world));
    let (a, b) = tokio::join!(pushed(&mut one), pushed(&mut other));
    assert_eq!((a.taken + b.taken, a.failed + b.failed), (5, 0));
    let mut bodies: Vec<Vec<u8>> = partner.got().into_iter().map(|got| got.body).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!((bodies.len(), partner.got().len()), (5, 5));
}

async fn a_stopped_run_holds_back_and_what_expires_is_over(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), None).await;
    let (held, doubted) = (order_to(world, &viettel).await, order_to(world, &viettel).await);
    let mut pusher = pusher(world);
    world.sql(&format!("UPDATE run SET paused = true WHERE id = {}", world.order(held).await.run)).await;
    partner.says(Say::Status(504, ""));
    assert_eq!(pushed(&mut pusher).await, FAILED);
    assert_eq!(partner.got().len(), 1, "what is paused stays here");
    world.advance(24 * HOUR).await;
    assert_eq!(pusher.step().await.unwrap(), Stepped { begun: 0, lapsed: 2 });
    assert_eq!((world.order(held).await.state, world.order(doubted).await.state), (State::Cancelled, State::HandedOver));
    assert_eq!(partner.got().len(), 1);
}

async fn a_server_that_refuses_is_told_of(world: &World) {
    let partner = Partner::start().await;
    let viettel = outlet_at(world, "viettel", &partner.address(), None).await;
    let id = order_to(world, &viettel).await;
    let mut pusher = pusher(world);
    partner.says(Say::Status(403, r#"{"error": "unknown sender"}"#));
    assert_eq!(pushed(&mut pusher).await, FAILED);
    let stands = push(world, id).await;
    assert_eq!((stands.rejected, stands.doubt, stands.next_at), (true, false, world.now() + 30 * MINUTE));
    let [matter] = &attention::matters(&world.db, world.now()).await.unwrap()[..] else { panic!("one thing to do") };
    assert_eq!((matter.cause, matter.said.as_str()), (attention::Cause::Unpushed, r#"HTTP 403: {"error": "unknown sender"}"#));
    let ground = find::Ground { db: world.db.clone(), clock: world.clock.clone(), config: settings(), served: BTreeSet::new() };
    let found = find::all(&ground).await.unwrap();
    let told = found.iter().find(|one| one.kind == Notice::OrderUnpushed).unwrap();
    assert!(told.says.vi.contains("Đơn vị viettel") && told.says.vi.contains("unknown sender"), "{}", told.says.vi);

    // Somebody mended it, and does not wait for half an hour.
    let actor = Actor::command("Lan");
    hand::retry(&world.db, id, &world.by(&actor)).await.unwrap().unwrap();
    assert_eq!(pushed(&mut pusher).await, TAKEN);
    assert_eq!(attention::matters(&world.db, world.now()).await.unwrap(), []);
}

async fn an_address_inside_is_not_reached_unless_it_is_meant(world: &World) {
    let partner = Partner::start().await;
    // Not among those that the settings name.
    let inside = outlet_at(world, "mobifone", &partner.address(), None).await;
    let id = order_to(world, &inside).await;
    assert_eq!(pushed(&mut pusher(world)).await, FAILED);
    assert!(push(world, id).await.rejected);
    assert_eq!(partner.got().len(), 0);
}

on_both_engines!(
    the_same_document_is_pushed_until_it_is_taken,
    a_server_that_says_when_to_come_again_is_heard,
    of_two_nodes_one_pushes_an_order,
    a_stopped_run_holds_back_and_what_expires_is_over,
    a_server_that_refuses_is_told_of,
    an_address_inside_is_not_reached_unless_it_is_meant,
);
