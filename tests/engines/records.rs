//! What became of claimed rows: every outcome, in time and late.

use loa::{
    delivery::{
        State, Why,
        close::{self, Settle},
        record::{Judged, Outcome},
    },
    epoch,
    tally::{self, Count},
    transaction,
};
use providers::{About, ReceiptState};

use super::world::{SMS, World, accepted, by_sms, in_doubt, judged, later, rejected, said};

/// What the run has cost so far, and for how many parts.
async fn cost(world: &World, run: i64) -> (i64, i64) {
    let tallies = tally::of_runs(&world.db, &[run]).await.unwrap();
    let mut sum = Count::default();
    for count in tallies.into_values() {
        sum += count;
    }
    (sum.parts, sum.price)
}

async fn each_outcome_is_written(world: &World) {
    let now = world.now();
    let opted_out = Outcome::Ended { state: State::Skipped, why: Why::OptedOut, detail: "blocked us".into() };
    let cases = [
        (accepted(), State::Accepted, 1, 0, (1, 300)),
        (Outcome::Accepted { ids: vec!["a".into()], silent_at: Some(now + 5) }, State::Accepted, 1, 0, (1, 300)),
        (Outcome::PutBack { next_at: now + 7 }, State::Pending, 1, 0, (0, 0)),
        (later(now + 9), State::Pending, 2, 1, (0, 0)),
        (rejected(), State::Rejected, 1, 1, (0, 0)),
        (opted_out, State::Skipped, 1, 1, (0, 0)),
        (in_doubt(), State::InDoubt, 1, 0, (1, 300)),
    ];
    let people = world.crowd(i64::try_from(cases.len()).unwrap()).await;
    let run = world.fanned_out(&by_sms()).await;
    let mut claimed = world.claim(run, SMS).await;
    claimed.sort_by_key(|c| c.id);
    let all: Vec<Judged> = claimed.iter().zip(&cases).map(|(c, case)| judged(c, case.0.clone())).collect();
    assert_eq!(world.record(all.clone()).await.written, people.len());
    let written = world.rows(run).await;
    for (row, (outcome, state, attempt, tries, paid)) in written.iter().zip(&cases) {
        assert_eq!((row.state(), row.attempt, row.tries), (*state, *attempt, *tries), "{outcome:?}");
        assert_eq!((row.parts, row.price), *paid, "{outcome:?}");
        assert_eq!(row.account != 0, !matches!(outcome, Outcome::PutBack { .. } | Outcome::Later { .. }), "{outcome:?}");
    }
    assert_eq!(cost(world, run).await, (3, 900), "two accepted, one in doubt");
    assert_eq!(world.number("SELECT count(*) FROM remark").await, 4, "the gateway's words");

    world.record(all).await;
    assert_eq!(world.rows(run).await, written, "a batch recorded again changes nothing");
}

async fn a_commit_that_was_not_heard_of_touches_no_later_claim(world: &World) {
    let person = world.crowd(1).await[0];
    let run = world.fanned_out(&by_sms()).await;
    let first = world.claim(run, SMS).await;
    let put_back = judged(&first[0], Outcome::PutBack { next_at: world.now() });
    assert_eq!(world.record(vec![put_back.clone()]).await.written, 1);

    // The clock stands still: the next claim is made within the same millisecond, by the same process.
    let second = world.claim(run, SMS).await;
    let sending = world.row(run, person, SMS).await;
    assert_eq!(world.record(vec![put_back.clone()]).await.written, 0);
    assert_eq!(world.row(run, person, SMS).await, sending, "it is on its way once more: nobody else may claim it");

    world.record(vec![judged(&second[0], in_doubt())]).await;
    let doubted = world.row(run, person, SMS).await;
    assert_eq!(world.record(vec![put_back]).await.written, 0);
    assert_eq!(world.row(run, person, SMS).await, doubted, "the second submission may have arrived");
}

async fn a_repeat_put_back_unheard_is_not_sent_twice(world: &World) {
    let person = world.crowd(1).await[0];
    let run = world.fanned_out(&by_sms()).await;
    world.send(run, SMS, &in_doubt()).await;
    world.settle(Settle::Repeat).await;
    let first = world.claim(run, SMS).await;
    let batch = vec![judged(&first[0], later(world.now()))];
    assert_eq!(world.record(batch.clone()).await.written, 1);
    world.claim(run, SMS).await;
    let sending = world.row(run, person, SMS).await;
    assert_eq!((sending.state(), sending.attempt, sending.tries), (State::Submitting, 1, 1), "the same attempt, claimed again");
    assert_eq!(world.record(batch).await.written, 0);
    assert_eq!(world.row(run, person, SMS).await, sending);
}

async fn the_rest_of_a_batch_that_was_half_overtaken_is_not_applied_twice(world: &World) {
    let people = world.crowd(3).await;
    let run = world.fanned_out(&by_sms()).await;
    let mut claimed = world.claim(run, SMS).await;
    claimed.sort_by_key(|c| c.id);
    let outcomes = [accepted(), Outcome::PutBack { next_at: world.now() }, rejected()];
    let batch: Vec<Judged> = claimed.iter().zip(outcomes).map(|(c, outcome)| judged(c, outcome)).collect();
    world.record(batch.clone()).await;
    world.send(run, SMS, &accepted()).await;
    world.hear(vec![world.of_attempt(claimed[0].id, 1, ReceiptState::Delivered)]).await;
    let before = world.rows(run).await;
    let paid = cost(world, run).await;
    assert_eq!(world.record(batch).await.written, 0);
    assert_eq!((world.rows(run).await, cost(world, run).await), (before, paid));
    assert_eq!(world.row(run, people[0], SMS).await.state(), State::Delivered);
    assert_eq!(paid, (2, 600));
}

/// A claim of a process that then lapses, so that its row is in doubt: the row's verdict is late.
async fn lapsed(world: &World, run: i64) -> (i64, Judged) {
    let gone = epoch::register(&world.db, "gone", world.now()).await.unwrap();
    let plan = world.plan(run);
    let request = loa::delivery::claim::Request { epoch: gone, ..world.request(&plan, SMS) };
    let claimed = world.claim_as(&request).await.claimed;
    world.sql(&format!("UPDATE epoch SET lease_until = 0 WHERE id = {gone}")).await;
    let swept = epoch::sweep(&world.db, world.epoch, world.now(), world.now()).await.unwrap();
    assert_eq!((claimed.len(), swept), (1, 1));
    (gone, judged(&claimed[0], accepted()))
}

async fn a_late_verdict_settles_its_doubt(world: &World) {
    let cases = [
        (accepted(), State::Accepted, 1, (1, 300)),
        (Outcome::PutBack { next_at: 5 }, State::Pending, 1, (0, 0)),
        (later(5), State::Pending, 2, (0, 0)),
        (rejected(), State::Rejected, 1, (0, 0)),
        (in_doubt(), State::InDoubt, 1, (1, 300)),
    ];
    let person = world.crowd(1).await[0];
    for (outcome, state, attempt, paid) in cases {
        let run = world.fanned_out(&by_sms()).await;
        let (gone, verdict) = lapsed(world, run).await;
        assert_eq!(world.row(run, person, SMS).await.state(), State::InDoubt);
        for _ in 0..2 {
            world.record_by(gone, vec![Judged { outcome: outcome.clone(), ..verdict.clone() }]).await;
            let row = world.row(run, person, SMS).await;
            assert_eq!((row.state(), row.attempt, (row.parts, row.price)), (state, attempt, paid), "{outcome:?}");
            assert_eq!(row.doubts, i16::from(state == State::InDoubt), "{outcome:?}: it is no doubt any more");
            world.check().await;
        }
    }
}

async fn a_late_verdict_says_nothing_of_a_later_submission(world: &World) {
    let person = world.crowd(1).await[0];
    let run = world.fanned_out(&by_sms()).await;
    let (gone, verdict) = lapsed(world, run).await;
    world.settle(Settle::Repeat).await;
    world.send(run, SMS, &in_doubt()).await;
    let before = world.row(run, person, SMS).await;
    assert_eq!(before.doubts, 2);
    for outcome in [Outcome::PutBack { next_at: 5 }, later(5)] {
        world.record_by(gone, vec![Judged { outcome, ..verdict.clone() }]).await;
        assert_eq!(world.row(run, person, SMS).await, before, "the repeat may have arrived");
    }
    world.record_by(gone, vec![verdict]).await;
    assert_eq!(world.row(run, person, SMS).await.state(), State::Accepted, "a late yes is a yes");
}

async fn a_late_verdict_leaves_what_is_known_alone(world: &World) {
    let person = world.crowd(1).await[0];
    let run = world.fanned_out(&by_sms()).await;
    let (gone, verdict) = lapsed(world, run).await;
    world.hear(vec![world.of_attempt(verdict.id, 1, ReceiptState::Delivered)]).await;
    for outcome in [rejected(), accepted(), Outcome::PutBack { next_at: 5 }, later(5), in_doubt()] {
        world.record_by(gone, vec![Judged { outcome, ..verdict.clone() }]).await;
        assert_eq!(world.row(run, person, SMS).await.state(), State::Delivered);
    }
}

async fn a_repeat_that_is_refused_stays_unknown(world: &World) {
    let person = world.crowd(1).await[0];
    let run = world.fanned_out(&by_sms()).await;
    world.send(run, SMS, &in_doubt()).await;
    world.settle(Settle::Repeat).await;
    let claimed = world.claim(run, SMS).await;
    world.record(vec![judged(&claimed[0], later(world.now()))]).await;
    let row = world.row(run, person, SMS).await;
    assert_eq!((row.state(), row.attempt, row.account), (State::Pending, 1, world.account), "still bound");
    world.send(run, SMS, &rejected()).await;
    let row = world.row(run, person, SMS).await;
    assert_eq!((row.state(), row.price), (State::Unknown, 300), "the first try may have arrived, and cost");
}

async fn an_end_counts_every_attempt(world: &World) {
    let person = world.crowd(1).await[0];
    let run = world.fanned_out(&by_sms()).await;
    world.send(run, SMS, &later(world.now())).await;
    world.send(run, SMS, &in_doubt()).await;
    world.settle(Settle::Anew).await;
    world.send(run, SMS, &rejected()).await;
    let row = world.row(run, person, SMS).await;
    assert_eq!((row.state(), row.attempt, row.price), (State::Unknown, 3, 300));
    world.hear(vec![world.of_attempt(row.id, 2, ReceiptState::Undelivered)]).await;
    assert_eq!(world.row(run, person, SMS).await.state(), State::Undelivered, "now every attempt is known");
}

async fn an_attempt_that_was_taken_outweighs_the_next_ones_refusal(world: &World) {
    let person = world.crowd(1).await[0];
    let run = world.fanned_out(&by_sms()).await;
    world.send(run, SMS, &in_doubt()).await;
    world.settle(Settle::Anew).await;
    let claimed = world.claim(run, SMS).await;
    world.hear(vec![world.of_attempt(claimed[0].id, 1, ReceiptState::Enroute)]).await;
    world.record(vec![judged(&claimed[0], rejected())]).await;
    assert_eq!(world.row(run, person, SMS).await.state(), State::Enroute);
    world.hear(vec![world.of_attempt(claimed[0].id, 1, ReceiptState::Delivered)]).await;
    assert_eq!(world.row(run, person, SMS).await.state(), State::Delivered);
}

async fn receipts_that_came_before_the_ids_are_named(world: &World) {
    let person = world.crowd(1).await[0];
    let run = world.fanned_out(&by_sms()).await;
    let matched = world.hear(vec![said(About::Id("x-1".into()), ReceiptState::Delivered)]).await;
    assert_eq!((matched.seen, matched.applied), (1, 0));
    let claimed = world.claim(run, SMS).await;
    let outcome = Outcome::Accepted { ids: vec!["x-1".into()], silent_at: None };
    let recorded = world.record(vec![judged(&claimed[0], outcome)]).await;
    assert_eq!(recorded.early.len(), 1);
    assert_eq!(world.matcher().again(&recorded.early).await.unwrap().applied, 1);
    assert_eq!(world.row(run, person, SMS).await.state(), State::Delivered);
}

async fn a_lapsed_process_owns_nothing(world: &World) {
    let people = world.crowd(3).await;
    let run = world.fanned_out(&by_sms()).await;
    let gone = epoch::register(&world.db, "gone", world.now()).await.unwrap();
    let plan = world.plan(run);
    world.claim_as(&loa::delivery::claim::Request { epoch: gone, ..world.request(&plan, SMS) }).await;
    assert_eq!(epoch::sweep(&world.db, world.epoch, 0, world.now()).await.unwrap(), 0, "it lives");
    assert!(!epoch::end(&world.db, gone).await.unwrap(), "it owns rows");
    epoch::expire_others(&world.db, world.epoch).await.unwrap();
    let part = transaction!(world.db, |tx| close::disown(tx, world.epoch, gone, 0, 2).await).unwrap();
    assert_eq!(part, 2, "in chunks");
    world.check().await;
    assert_eq!(epoch::sweep(&world.db, world.epoch, 0, world.now()).await.unwrap(), 1);
    assert_eq!(world.number(&format!("SELECT count(*) FROM epoch WHERE id = {gone} AND ended")).await, 1);
    assert_eq!(world.settle(Settle::Unknown).await, people.len());
}

on_both_engines!(
    each_outcome_is_written,
    a_commit_that_was_not_heard_of_touches_no_later_claim,
    a_repeat_put_back_unheard_is_not_sent_twice,
    the_rest_of_a_batch_that_was_half_overtaken_is_not_applied_twice,
    a_late_verdict_settles_its_doubt,
    a_late_verdict_says_nothing_of_a_later_submission,
    a_late_verdict_leaves_what_is_known_alone,
    a_repeat_that_is_refused_stays_unknown,
    an_end_counts_every_attempt,
    an_attempt_that_was_taken_outweighs_the_next_ones_refusal,
    receipts_that_came_before_the_ids_are_named,
    a_lapsed_process_owns_nothing,
);
