//! One channel after the other: moved on once, in time, and never for somebody who was reached.

use std::sync::Arc;

use loa::{
    account::forecast::Line,
    consent::{self, Said, Scope},
    delivery::{State, Why, close, close::Settle, record::Outcome},
    run::Runner,
    transaction,
};
use providers::{Channel, ReceiptState};

use super::world::{
    CHAT, EMAIL, HOUR, Person, SMS, World, accepted, campaign, in_doubt, judged, later, one_after_the_other, phone, rejected,
};

/// Somebody with every address, in a run that uses them in turn, and an account for each.
async fn somebody(world: &World) -> (i64, i64) {
    let person = world.people(&[phone(1).email(2).chat(3)]).await[0];
    let run = world.fanned_out(&one_after_the_other()).await;
    (person, run)
}

async fn each_failure_is_the_next_channels_turn(world: &World) {
    let (person, run) = somebody(world).await;
    world.send(run, CHAT, &rejected()).await;
    assert_eq!(world.states(run).await, [(person, SMS, State::Pending), (person, CHAT, State::Rejected)]);
    world.send(run, SMS, &accepted()).await;
    let sms = world.row(run, person, SMS).await;
    world.hear(vec![world.of_attempt(sms.id, 1, ReceiptState::Undelivered)]).await;
    assert_eq!(world.row(run, person, EMAIL).await.state(), State::Pending);
    world.send(run, EMAIL, &in_doubt()).await;
    world.settle(Settle::Unknown).await;
    assert_eq!(
        world.states(run).await,
        [(person, SMS, State::Undelivered), (person, EMAIL, State::Unknown), (person, CHAT, State::Rejected)]
    );
}

async fn a_second_ending_moves_nobody_on_again(world: &World) {
    let (person, run) = somebody(world).await;
    world.send(run, CHAT, &in_doubt()).await;
    world.settle(Settle::Unknown).await;
    assert_eq!(world.states(run).await.len(), 2);
    // The text is under way when its receiver refuses further ones, and the chat's late receipt comes.
    world.send(run, SMS, &accepted()).await;
    let said = Said { source: "reply", wording: "", at: world.now() };
    consent::record(&world.db, Channel::Sms, 1, Scope::Awareness, said).await.unwrap();
    let chat = world.row(run, person, CHAT).await;
    world.hear(vec![world.of_attempt(chat.id, 1, ReceiptState::Undelivered)]).await;
    assert_eq!(world.states(run).await, [(person, SMS, State::Accepted), (person, CHAT, State::Undelivered)]);
}

async fn silence_falls_back_and_a_late_receipt_still_counts(world: &World) {
    let (person, run) = somebody(world).await;
    let silent_at = Some(world.now() + 2 * HOUR);
    world.send(run, CHAT, &Outcome::Accepted { ids: Vec::new(), silent_at }).await;
    world.step().await;
    assert_eq!(world.states(run).await.len(), 1, "not yet");
    world.advance(2 * HOUR).await;
    world.step().await;
    world.step().await;
    assert_eq!(world.states(run).await, [(person, SMS, State::Pending), (person, CHAT, State::Accepted)]);
    let chat = world.row(run, person, CHAT).await;
    world.hear(vec![world.of_attempt(chat.id, 1, ReceiptState::Delivered)]).await;
    let sms = world.row(run, person, SMS).await;
    assert_eq!((sms.state(), sms.why()), (State::Skipped, Why::Reached));
    assert_eq!(world.row(run, person, CHAT).await.state(), State::Delivered);
}

async fn an_account_without_receipts_is_never_silent(world: &World) {
    let (_, run) = somebody(world).await;
    world.send(run, CHAT, &accepted()).await;
    world.advance(23 * HOUR).await;
    world.step().await;
    assert_eq!(world.states(run).await.len(), 1);
}

async fn two_nodes_see_the_same_silence_once(world: &World) {
    let (person, run) = somebody(world).await;
    world.send(run, CHAT, &Outcome::Accepted { ids: Vec::new(), silent_at: Some(world.now()) }).await;
    let (plan, now) = (world.plan(run), world.now());
    let look = || async {
        transaction!(world.db, |tx| close::fall_back_silent(tx, world.epoch, &plan, now, 100).await).unwrap();
    };
    futures::future::join_all((0..6).map(|_| look())).await;
    assert_eq!(world.states(run).await, [(person, SMS, State::Pending), (person, CHAT, State::Accepted)]);
}

async fn who_was_reached_gets_nothing_more(world: &World) {
    let (person, run) = somebody(world).await;
    world.send(run, CHAT, &Outcome::Accepted { ids: Vec::new(), silent_at: Some(world.now()) }).await;
    world.step().await;
    let chat = world.row(run, person, CHAT).await;
    let claimed = world.claim(run, SMS).await;
    // While the text is with its gateway, the chat message turns out to have arrived.
    world.hear(vec![world.of_attempt(chat.id, 1, ReceiptState::Delivered)]).await;
    assert_eq!(world.row(run, person, SMS).await.state(), State::Submitting, "what is under way stands");
    world.record(vec![judged(&claimed[0], later(world.now()))]).await;
    assert!(world.claim(run, SMS).await.is_empty(), "it is not tried again");
    let sms = world.row(run, person, SMS).await;
    assert_eq!((sms.state(), sms.why()), (State::Skipped, Why::Reached));
    assert_eq!(world.states(run).await.len(), 2);
}

async fn a_failure_after_the_person_was_reached_moves_nobody_on(world: &World) {
    let (person, run) = somebody(world).await;
    world.send(run, CHAT, &Outcome::Accepted { ids: Vec::new(), silent_at: Some(world.now()) }).await;
    world.step().await;
    let chat = world.row(run, person, CHAT).await;
    let claimed = world.claim(run, SMS).await;
    world.hear(vec![world.of_attempt(chat.id, 1, ReceiptState::Seen)]).await;
    world.record(vec![judged(&claimed[0], rejected())]).await;
    assert_eq!(world.states(run).await, [(person, SMS, State::Rejected), (person, CHAT, State::Seen)]);
}

async fn never_in_a_run_that_is_over(world: &World) {
    let person = world.people(&[phone(1).email(2).chat(3)]).await[0];
    for abort in [true, false] {
        let run = world.fanned_out(&one_after_the_other()).await;
        let claimed = world.claim(run, CHAT).await;
        if abort {
            world.abort(run).await;
        } else {
            world.advance(24 * HOUR).await;
        }
        world.record(vec![judged(&claimed[0], rejected())]).await;
        world.step().await;
        assert_eq!(world.states(run).await, [(person, CHAT, State::Rejected)], "aborted: {abort}");
    }
}

async fn a_receipt_reopens_no_settled_run(world: &World) {
    let (person, run) = somebody(world).await;
    world.send(run, CHAT, &accepted()).await;
    world.advance(24 * HOUR).await;
    world.step().await;
    assert!(world.active.get(run).is_none(), "it settled");
    let chat = world.row(run, person, CHAT).await;
    world.hear(vec![world.of_attempt(chat.id, 1, ReceiptState::Undelivered)]).await;
    assert_eq!(world.states(run).await, [(person, CHAT, State::Undelivered)], "the count is right, and nobody moves on");
}

async fn a_shared_address_is_written_to_once_on_the_next_channel_too(world: &World) {
    let people = world.people(&[phone(1).chat(11), phone(1).chat(12), phone(2).chat(13)]).await;
    let run = world.fanned_out(&one_after_the_other()).await;
    world.send(run, CHAT, &rejected()).await;
    let texts: Vec<_> = world.states(run).await.into_iter().filter(|(_, channel, _)| *channel == SMS).collect();
    assert_eq!(texts, [(people[0], SMS, State::Pending), (people[1], SMS, State::Skipped), (people[2], SMS, State::Pending)]);
}

async fn two_failures_at_once_share_an_address(world: &World) {
    world.people(&[phone(1).chat(11), phone(1).chat(12)]).await;
    let run = world.fanned_out(&one_after_the_other()).await;
    let claimed = world.claim(run, CHAT).await;
    // Two recorders, one address: one row may have it, the other is told, and neither batch is lost.
    let both = claimed.iter().map(|c| world.record(vec![judged(c, rejected())]));
    let written: usize = futures::future::join_all(both).await.iter().map(|r| r.written).sum();
    assert_eq!(written, 2);
    let texts = world.rows(run).await.into_iter().filter(|r| r.channel() == SMS).map(|r| r.state()).collect::<Vec<_>>();
    assert!(texts == [State::Pending, State::Skipped] || texts == [State::Skipped, State::Pending], "{texts:?}");
}

async fn what_cannot_finish_in_time_goes_to_the_next_channel(world: &World) {
    let without_mail = phone(3);
    let people =
        world.people(&[phone(1).email(11), phone(2).email(12), without_mail, phone(4).email(14), Person::default()]).await;
    let text = campaign("awareness", "use = [\"sms\", \"email\"]\npolicy = \"first\"\nfinish_by = \"3h\"", "valid_for = \"24h\"");
    let run = world.run(&text).await;
    // One text message in the three hours.
    let slow = Line {
        name: "sms".into(),
        routes: [SMS << 4 | 1].into(),
        able: true,
        priority: 1,
        period: std::time::Duration::from_hours(3),
        abilities: providers::Abilities::LEAST,
        daily: None,
        used: 0,
    };
    let lines = Arc::new(move || vec![slow.clone()]);
    world.step().await;
    world.step_with(&Runner { lines, ..world.runner() }).await;
    assert_eq!(
        world.states(run).await,
        [
            (people[0], SMS, State::Skipped),
            (people[0], EMAIL, State::Pending),
            (people[1], SMS, State::Skipped),
            (people[1], EMAIL, State::Pending),
            (people[2], SMS, State::Pending),
            (people[3], SMS, State::Skipped),
            (people[3], EMAIL, State::Pending),
            (people[4], SMS, State::Skipped),
        ],
        "who has no other channel stays"
    );
    assert_eq!(world.row(run, people[3], SMS).await.why(), Why::Moved);
}

on_both_engines!(
    each_failure_is_the_next_channels_turn,
    a_second_ending_moves_nobody_on_again,
    silence_falls_back_and_a_late_receipt_still_counts,
    an_account_without_receipts_is_never_silent,
    two_nodes_see_the_same_silence_once,
    who_was_reached_gets_nothing_more,
    a_failure_after_the_person_was_reached_moves_nobody_on,
    never_in_a_run_that_is_over,
    a_receipt_reopens_no_settled_run,
    a_shared_address_is_written_to_once_on_the_next_channel_too,
    two_failures_at_once_share_an_address,
    what_cannot_finish_in_time_goes_to_the_next_channel,
);
