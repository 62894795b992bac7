//! Doubts: given up, repeated, or tried anew; twice in doubt is unknown for good.

use loa::delivery::{State, close::Settle, record::Outcome};
use providers::ReceiptState;

use super::world::{EMAIL, HOUR, SMS, World, accepted, by_sms, campaign, in_doubt, phone};

async fn a_doubt_waits_until_it_is_due(world: &World) {
    let person = world.crowd(1).await[0];
    let run = world.fanned_out(&by_sms()).await;
    let outcome = Outcome::InDoubt { ids: Vec::new(), settle_at: world.now() + 1000, detail: String::new() };
    world.send(run, SMS, &outcome).await;
    assert_eq!(world.settle(Settle::Unknown).await, 0);
    world.advance(1000).await;
    assert_eq!(world.settle(Settle::Unknown).await, 1);
    assert_eq!(world.settle(Settle::Unknown).await, 0, "once");
    assert_eq!(world.row(run, person, SMS).await.state(), State::Unknown);
}

async fn given_up_it_moves_on(world: &World) {
    let person = world.people(&[phone(1).email(2)]).await[0];
    let run = world.fanned_out(&campaign("awareness", "use = [\"sms\", \"email\"]\npolicy = \"first\"", "")).await;
    world.send(run, SMS, &in_doubt()).await;
    world.settle(Settle::Unknown).await;
    assert_eq!(world.states(run).await, [(person, SMS, State::Unknown), (person, EMAIL, State::Pending)]);
}

async fn a_repeat_keeps_all_four_parts(world: &World) {
    let person = world.crowd(1).await[0];
    let run = world.fanned_out(&by_sms()).await;
    world.send(run, SMS, &in_doubt()).await;
    let before = world.row(run, person, SMS).await;
    world.settle(Settle::Repeat).await;
    let claimed = world.claim(run, SMS).await;
    assert_eq!((claimed[0].attempt, claimed[0].account, claimed[0].repeat), (1, world.account, true));
    world.send(run, SMS, &accepted()).await;
    world.record(vec![super::world::judged(&claimed[0], accepted())]).await;
    let row = world.row(run, person, SMS).await;
    assert_eq!((row.state(), row.address, row.price), (State::Accepted, before.address, 300), "paid for once");
    assert_eq!(world.number("SELECT count(*) FROM attempt").await, 0, "nothing was left behind");
}

async fn tried_anew_it_leaves_the_attempt_behind(world: &World) {
    let person = world.crowd(1).await[0];
    let run = world.fanned_out(&by_sms()).await;
    world.send(run, SMS, &in_doubt()).await;
    world.settle(Settle::Anew).await;
    let row = world.row(run, person, SMS).await;
    assert_eq!((row.state(), row.attempt, row.account), (State::Pending, 2, 0), "any account may try");
    world.send(run, SMS, &accepted()).await;
    let row = world.row(run, person, SMS).await;
    assert_eq!((row.state(), row.price), (State::Accepted, 600), "both may be billed");
    world.hear(vec![world.of_attempt(row.id, 1, ReceiptState::Undelivered)]).await;
    assert_eq!(world.row(run, person, SMS).await.state(), State::Accepted, "the next attempt is open");
}

async fn what_was_in_doubt_ends_as_unknown(world: &World) {
    let person = world.crowd(1).await[0];
    for how in [Settle::Repeat, Settle::Anew] {
        for abort in [true, false] {
            let run = world.fanned_out(&by_sms()).await;
            world.send(run, SMS, &in_doubt()).await;
            world.settle(how).await;
            if abort {
                world.abort(run).await;
            } else {
                world.advance(24 * HOUR).await;
            }
            world.step().await;
            assert_eq!(world.row(run, person, SMS).await.state(), State::Unknown, "{how:?}, aborted: {abort}");
        }
    }
}

async fn what_is_known_of_a_doubted_attempt_outlives_the_run(world: &World) {
    let person = world.crowd(1).await[0];
    for (heard, end) in [
        (ReceiptState::Undelivered, State::Undelivered),
        (ReceiptState::Accepted, State::Accepted),
        (ReceiptState::Enroute, State::Enroute),
        (ReceiptState::Rejected, State::Cancelled),
    ] {
        let run = world.fanned_out(&by_sms()).await;
        world.send(run, SMS, &in_doubt()).await;
        world.settle(Settle::Anew).await;
        let row = world.row(run, person, SMS).await;
        world.hear(vec![world.of_attempt(row.id, 1, heard)]).await;
        assert_eq!(world.row(run, person, SMS).await.state(), State::Pending);
        world.abort(run).await;
        world.step().await;
        assert_eq!(world.row(run, person, SMS).await.state(), end, "after {heard:?}");
    }
}

on_both_engines!(
    a_doubt_waits_until_it_is_due,
    given_up_it_moves_on,
    a_repeat_keeps_all_four_parts,
    tried_anew_it_leaves_the_attempt_behind,
    what_was_in_doubt_ends_as_unknown,
    what_is_known_of_a_doubted_attempt_outlives_the_run,
);
