//! Runs that are made from a run: again to whom it failed, and a correction to whoever got it.

use loa::{
    active::Origin,
    campaign::Source,
    definition::Kept,
    delivery::{State, record::Outcome},
    run::{RunError, again, command},
    transaction,
};
use providers::ReceiptState;

use super::world::{
    CHAT, EMAIL, EVERYBODY, HOUR, SMS, World, accepted, by_sms, campaign, in_doubt, judged, later, phone, rejected, source,
};

async fn retried(world: &World, run: i64, states: &[State], nth: u32) -> i64 {
    let retry = again::retry(&world.db, run, states, nth).await.unwrap();
    let made = transaction!(world.db, |tx| retry.make(tx, world.now()).await).unwrap().unwrap();
    world.step().await;
    made.run
}

/// A correction by every channel that the texts went over.
fn correction() -> Source {
    source("dinh-chinh", &campaign("warning", "use = [\"sms\", \"email\", \"chat\"]", "valid_for = \"72h\""), EVERYBODY)
}

async fn corrected(world: &World, parent: i64) -> i64 {
    let kept = Kept { source: correction(), segments: EVERYBODY.into() };
    let run = transaction!(world.db, |tx| again::send(tx, &kept, Some(parent), world.now()).await).unwrap().unwrap();
    world.step().await;
    run
}

/// Everybody's state in a run, and who is not in it at all.
async fn of(world: &World, run: i64) -> Vec<(i64, i16)> {
    world.rows(run).await.iter().map(|row| (row.recipient(), row.channel())).collect()
}

async fn only_those_whom_it_failed_get_it_again(world: &World) {
    let people = world.people(&[phone(1), phone(2), phone(3), phone(4)]).await;
    let run = world.fanned_out(&by_sms()).await;
    assert!(matches!(again::retry(&world.db, run, &[State::Rejected], 1).await, Err(RunError::NotOver(_))));
    let claimed = world.claim(run, SMS).await;
    let outcomes = [rejected(), accepted(), in_doubt(), rejected()];
    world.record(claimed.iter().zip(outcomes).map(|(claim, outcome)| judged(claim, outcome)).collect()).await;
    world.settle(loa::delivery::close::Settle::Unknown).await;
    world.step().await;
    let by_person = |row: &super::world::Row| (row.recipient(), row.state());
    let before: Vec<_> = world.rows(run).await.iter().map(by_person).collect();
    let failed: Vec<i64> = before.iter().filter(|(_, state)| *state == State::Rejected).map(|(who, _)| *who).collect();
    let unknown: Vec<i64> = before.iter().filter(|(_, state)| *state == State::Unknown).map(|(who, _)| *who).collect();
    assert_eq!((failed.len(), unknown.len(), people.len()), (2, 1, 4));

    assert!(matches!(again::retry(&world.db, run, &[State::Expired], 1).await, Err(RunError::Nobody(_))));
    let first = retried(world, run, &[State::Rejected], 1).await;
    assert_eq!(of(world, first).await, failed.iter().map(|who| (*who, SMS)).collect::<Vec<_>>());
    let row = command::get(&world.db, first).await.unwrap();
    assert_eq!(
        (row.parent, row.origin, row.definition),
        (Some(run), Origin::Manual as i16, command::get(&world.db, run).await.unwrap().definition)
    );
    let twice = again::retry(&world.db, run, &[State::Rejected, State::Unknown], 1).await.unwrap();
    let found = transaction!(world.db, |tx| twice.make(tx, world.now()).await).unwrap().unwrap();
    assert_eq!((found.run, found.is_new), (first, false), "a double click makes one, and whoever chose otherwise is told");
    assert_eq!(again::children(&world.db, run).await.unwrap(), [first]);

    // A second try waits for the first, which may reach them yet, whoever asks; then it leaves out whom that one reached.
    let all = [State::Rejected, State::Unknown];
    let early = again::retry(&world.db, run, &all, 2).await.unwrap();
    let refused = transaction!(world.db, |tx| early.make(tx, world.now()).await).unwrap();
    assert!(matches!(refused, Err(RunError::NotOver(going)) if going == first), "{refused:?}");
    let claimed = world.claim(first, SMS).await;
    let reached = loa::delivery::recipient_of(claimed[0].id);
    world.record(vec![judged(&claimed[0], accepted()), judged(&claimed[1], rejected())]).await;
    world.advance(25 * HOUR).await;
    world.step().await;
    let second = retried(world, run, &all, 2).await;
    let mut both = [failed, unknown].concat();
    both.retain(|who| *who != reached);
    both.sort_unstable();
    assert_eq!(of(world, second).await.iter().map(|(who, _)| *who).collect::<Vec<_>>(), both);
    // A try of the first try leaves out whom the second reached.
    world.send(second, SMS, &accepted()).await;
    world.advance(25 * HOUR).await;
    world.step().await;
    let third = retried(world, first, &[State::Rejected], 1).await;
    assert_eq!(of(world, third).await, []);
    assert_eq!(world.rows(run).await.iter().map(by_person).collect::<Vec<_>>(), before, "the first run stays as it was");
}

async fn whoever_was_reached_another_way_gets_nothing_again(world: &World) {
    let people = world.people(&[phone(1).email(11), phone(2).email(12), phone(3)]).await;
    let run = world.fanned_out(&campaign("awareness", "use = [\"sms\", \"email\"]\npolicy = \"first\"", "")).await;
    world.send(run, SMS, &rejected()).await;
    let mails = world.claim(run, EMAIL).await;
    assert_eq!(mails.len(), 2);
    world.record(vec![judged(&mails[0], accepted()), judged(&mails[1], rejected())]).await;
    // Until its time is over, the mail that was taken may yet fail.
    world.advance(25 * HOUR).await;
    world.step().await;
    let reached = loa::delivery::recipient_of(mails[0].id);
    let again = retried(world, run, &[State::Rejected], 1).await;
    let expected: Vec<i64> = people.iter().copied().filter(|who| *who != reached).collect();
    assert_eq!(of(world, again).await, expected.iter().map(|who| (*who, SMS)).collect::<Vec<_>>());
}

async fn a_correction_goes_exactly_to_those_who_got_it(world: &World) {
    // They got it, may have got it, did not, and were never written to.
    let people = world.people(&[phone(1).email(11).chat(21), phone(2), phone(3), phone(4), phone(5), phone(6)]).await;
    world.sql("INSERT INTO opt_out (channel, address, scope, at) VALUES (1, 6, 2, 1)").await;
    let run =
        world.fanned_out(&campaign("awareness", "use = [\"sms\", \"chat\"]\npolicy = \"first\"", "valid_for = \"24h\"")).await;
    let claimed = world.claim(run, SMS).await;
    let mine = |who: usize| claimed.iter().find(|claim| loa::delivery::recipient_of(claim.id) == people[who]).unwrap();
    world
        .record(vec![
            judged(mine(0), in_doubt()),
            judged(mine(1), accepted()),
            judged(mine(2), rejected()),
            judged(mine(3), in_doubt()),
            judged(mine(4), later(world.now() + 48 * HOUR)),
        ])
        .await;
    world.settle(loa::delivery::close::Settle::Unknown).await;
    // The first one's next channel took it, too.
    assert_eq!(world.send(run, CHAT, &accepted()).await, 1);
    assert!(matches!(again::over(&world.db, run).await, Err(RunError::NotOver(_))));
    world.abort(run).await;
    world.step().await;
    again::over(&world.db, run).await.unwrap();

    let correction = corrected(world, run).await;
    let expected = [(people[0], SMS), (people[0], CHAT), (people[1], SMS), (people[3], SMS)];
    assert_eq!(of(world, correction).await, expected, "over the same channel, and to nobody else");
    assert_eq!(corrected(world, run).await, correction, "sent once");

    // What is learnt later takes nobody out; whoever got it after all is taken in, until the stated time.
    world.hear(vec![world.of_attempt(mine(1).id, 1, ReceiptState::Undelivered)]).await;
    world.hear(vec![world.of_attempt(mine(2).id, 1, ReceiptState::Delivered)]).await;
    world.step().await;
    assert_eq!(of(world, correction).await, expected, "not before a minute has passed");
    world.advance(61_000).await;
    world.step().await;
    let with = [(people[0], SMS), (people[0], CHAT), (people[1], SMS), (people[2], SMS), (people[3], SMS)];
    assert_eq!(of(world, correction).await, with);
    for channel in [SMS, CHAT] {
        world.send(correction, channel, &accepted()).await;
    }
    world.step().await;
    assert!(world.active.get(correction).is_some(), "it still follows");
    world.advance(72 * HOUR).await;
    world.step().await;
    assert!(command::get(&world.db, correction).await.unwrap().settled_at.is_some());
    assert_eq!(of(world, correction).await, with);
}

async fn an_approved_warning_is_sent_once(world: &World) {
    world.crowd(2).await;
    let kept = Kept { source: correction(), segments: EVERYBODY.into() };
    let send = async || transaction!(world.db, |tx| again::send(tx, &kept, None, world.now()).await).unwrap().unwrap();
    let run = send().await;
    assert_eq!(send().await, run);
    world.step().await;
    assert!(world.rows(run).await.len() >= 2);
    assert_eq!(command::get(&world.db, run).await.unwrap().follow_until, None);
}

async fn minutes_are_noted(world: &World) {
    world.crowd(2).await;
    let run = world.fanned_out(&by_sms()).await;
    let minute = world.now() / 60_000;
    loa::run::pulse::take(&world.db, world.now()).await.unwrap();
    world.send(run, SMS, &Outcome::Accepted { ids: Vec::new(), silent_at: None }).await;
    loa::run::pulse::take(&world.db, world.now()).await.unwrap();
    loa::run::pulse::take(&world.db, world.now() + 60_000).await.unwrap();
    let beats = loa::run::pulse::of(&world.db, run, 0, 10).await.unwrap();
    let sent: Vec<(i64, i64, i64)> = beats.iter().map(|beat| (beat.minute - minute, beat.sent, beat.waiting)).collect();
    let all = i64::try_from(world.rows(run).await.len()).unwrap();
    assert_eq!(sent, [(0, all, 0)], "a minute in which nothing changed has no row");
    assert_eq!(loa::run::pulse::span(&world.db, run).await.unwrap(), Some((minute, minute)));
}

async fn what_a_run_waits_for_is_said(world: &World) {
    world.crowd(1).await;
    let first = world.fanned_out(&by_sms()).await;
    world.send(first, SMS, &accepted()).await;
    let run = world.fanned_out(&by_sms()).await;
    let plan = world.plan(run);
    let spaced =
        loa::delivery::claim::Request { spacing: Some(std::time::Duration::from_hours(20)), ..world.request(&plan, SMS) };
    assert!(world.claim_as(&spaced).await.claimed.is_empty());
    let active = world.active.get(run).unwrap();
    let waits = loa::run::wait::of(&world.db, &active, &[], world.now()).await.unwrap();
    let told: Vec<(&str, Option<i64>)> = waits.iter().map(|wait| (wait.name(), wait.until)).collect();
    assert_eq!(told, [("too_soon", Some(world.now() + 20 * HOUR))]);
    command::pause(&world.db, run).await.unwrap();
    world.active.refresh().await.unwrap();
    let active = world.active.get(run).unwrap();
    let waits = loa::run::wait::of(&world.db, &active, &[], world.now()).await.unwrap();
    assert_eq!(waits.iter().map(loa::run::wait::Wait::name).collect::<Vec<_>>(), ["paused"]);
    command::resume(&world.db, run).await.unwrap();
    world.active.refresh().await.unwrap();

    // Hours come by themselves; that no account sends to where it goes is said at once.
    let evening = world.fanned_out(&campaign("awareness", "use = [\"sms\"]", "hours = \"18:00-20:00\"")).await;
    let active = world.active.get(evening).unwrap();
    let waits = loa::run::wait::of(&world.db, &active, &[], world.now()).await.unwrap();
    let told: Vec<(&str, bool)> = waits.iter().map(|wait| (wait.name(), wait.wants_somebody())).collect();
    assert_eq!(told, [("hours", false), ("no_account", true)]);
    command::abort(&world.db, evening).await.unwrap();

    // The reason goes when the message does.
    world.advance(20 * HOUR).await;
    assert_eq!(world.claim(run, SMS).await.len(), 1);
    assert_eq!(world.rows(run).await[0].reason, 0);
}

on_both_engines!(
    only_those_whom_it_failed_get_it_again,
    whoever_was_reached_another_way_gets_nothing_again,
    a_correction_goes_exactly_to_those_who_got_it,
    an_approved_warning_is_sent_once,
    minutes_are_noted,
    what_a_run_waits_for_is_said,
);
