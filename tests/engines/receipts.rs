//! Receipts: whatever their order, and however often they come, a delivery ends as the best of its attempts.

use std::collections::HashMap;

use loa::delivery::{
    State,
    close::Settle,
    record::Outcome,
    state::{learn, of_attempts, of_parts},
};
use providers::{About, Receipt, ReceiptState};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

use super::world::{HOUR, SMS, World, accepted, by_sms, in_doubt, judged, later, said};

const HEARD: [ReceiptState; 7] = [
    ReceiptState::Rejected,
    ReceiptState::Accepted,
    ReceiptState::Enroute,
    ReceiptState::Expired,
    ReceiptState::Undelivered,
    ReceiptState::Delivered,
    ReceiptState::Seen,
];

/// How far a delivery is when its receipts come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// With its gateway; the answer comes in the middle of the receipts.
    Submitting,
    Accepted,
    InDoubt,
    Unknown,
    /// Accepted, in two parts, each with an id of its own.
    TwoParts,
    /// The first attempt is in doubt, the second one waits, was accepted, or is in doubt for good.
    ThenPending,
    ThenAccepted,
    ThenUnknown,
    /// The first attempt was refused for a while, the second was accepted.
    AfterRefusal,
}

const SHAPES: [Shape; 9] = [
    Shape::Submitting,
    Shape::Accepted,
    Shape::InDoubt,
    Shape::Unknown,
    Shape::TwoParts,
    Shape::ThenPending,
    Shape::ThenAccepted,
    Shape::ThenUnknown,
    Shape::AfterRefusal,
];

/// A delivery with what will be said of it: attempt (or, for two parts, the part), and state.
struct Case {
    shape: Shape,
    id: i64,
    said: Vec<(i16, ReceiptState)>,
}

impl Case {
    /// What the pure functions make of it.
    fn expected(&self) -> State {
        let of = |n: i16, start: State| {
            self.said.iter().filter(|(at, _)| *at == n).fold(start, |known, (_, news)| learn(known, State::from(*news)))
        };
        match self.shape {
            Shape::Submitting | Shape::Accepted => of(1, State::Accepted),
            Shape::InDoubt => of(1, State::InDoubt),
            Shape::Unknown => of(1, State::Unknown),
            Shape::TwoParts => of_parts([of(1, State::Accepted), of(2, State::Accepted)]).unwrap(),
            Shape::ThenPending => of_attempts([of(1, State::InDoubt)], State::Pending),
            Shape::ThenAccepted => of_attempts([of(1, State::InDoubt)], of(2, State::Accepted)),
            Shape::ThenUnknown => of_attempts([of(1, State::InDoubt)], of(2, State::Unknown)),
            Shape::AfterRefusal => of_attempts([of(1, State::Rejected)], of(2, State::Accepted)),
        }
    }

    fn receipt(&self, world: &World, n: i16, state: ReceiptState) -> Receipt {
        if self.shape == Shape::TwoParts {
            said(About::Id(format!("{}-{n}", self.id)), state)
        } else {
            world.of_attempt(self.id, n, state)
        }
    }
}

/// Brings a run's deliveries into their shapes. Those that are submitting stay claimed.
async fn shape(world: &World, run: i64, shapes: &HashMap<i64, Shape>) -> Vec<loa::delivery::claim::Claimed<()>> {
    let with = |outcome: &dyn Fn(Shape, i64) -> Option<Outcome>, claimed: &[loa::delivery::claim::Claimed<()>]| {
        claimed.iter().filter_map(|c| Some(judged(c, outcome(shapes[&c.id], c.id)?))).collect::<Vec<_>>()
    };
    let now = world.now();
    let doubt = |settle_at| Outcome::InDoubt { ids: Vec::new(), settle_at, detail: String::new() };
    let first = world.claim(run, SMS).await;
    let (anew, soon, never) = (now, now + 1, now + 1_000_000);
    let outcomes = with(
        &|shape, id| match shape {
            Shape::Submitting => None,
            Shape::Accepted => Some(accepted()),
            Shape::InDoubt => Some(doubt(never)),
            Shape::Unknown => Some(doubt(soon)),
            Shape::TwoParts => Some(Outcome::Accepted { ids: vec![format!("{id}-1"), format!("{id}-2")], silent_at: None }),
            Shape::ThenPending | Shape::ThenAccepted | Shape::ThenUnknown => Some(doubt(anew)),
            Shape::AfterRefusal => Some(later(now)),
        },
        &first,
    );
    world.record(outcomes).await;
    world.settle(Settle::Anew).await;
    let second = world.claim(run, SMS).await;
    let outcomes = with(
        &|shape, _| match shape {
            Shape::ThenPending => Some(Outcome::PutBack { next_at: now + 1_000_000 }),
            Shape::ThenUnknown => Some(doubt(soon)),
            _ => Some(accepted()),
        },
        &second,
    );
    world.record(outcomes).await;
    world.advance(1).await;
    world.settle(Settle::Unknown).await;
    first.into_iter().filter(|c| shapes[&c.id] == Shape::Submitting).collect()
}

/// Plays one seed: a run of many deliveries, their receipts in any order, some twice, in batches of any size.
async fn any_order(world: &World, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let run = world.fanned_out(&by_sms()).await;
    let cases: Vec<Case> = world
        .rows(run)
        .await
        .iter()
        .map(|row| {
            let shape = SHAPES[random.random_range(0..SHAPES.len())];
            let attempts = match shape {
                Shape::TwoParts | Shape::ThenAccepted | Shape::ThenUnknown | Shape::AfterRefusal => 2,
                _ => 1,
            };
            let said = (0..random.random_range(0..5))
                .map(|_| (random.random_range(1..=attempts), HEARD[random.random_range(0..HEARD.len())]))
                .collect();
            Case { shape, id: row.id, said }
        })
        .collect();
    let submitting = shape(world, run, &cases.iter().map(|case| (case.id, case.shape)).collect()).await;

    let mut receipts: Vec<Receipt> =
        cases.iter().flat_map(|case| case.said.iter().map(|(n, state)| case.receipt(world, *n, *state))).collect();
    let repeated: Vec<Receipt> = receipts.iter().filter(|_| random.random_bool(0.3)).cloned().collect();
    receipts.extend(repeated);
    receipts.shuffle(&mut random);
    let mut answered = false;
    while !receipts.is_empty() || !answered {
        let size = random.random_range(1..60).min(receipts.len());
        let batch = receipts.split_off(receipts.len() - size);
        if !batch.is_empty() {
            world.hear(batch).await;
        }
        if !answered && random.random_bool(0.4) {
            world.record(submitting.iter().map(|c| judged(c, accepted())).collect()).await;
            answered = true;
        }
    }
    let rows: HashMap<i64, State> = world.rows(run).await.into_iter().map(|row| (row.id, row.state())).collect();
    for case in &cases {
        assert_eq!(rows[&case.id], case.expected(), "seed {seed}: {:?} after {:?}", case.shape, case.said);
    }
    world.check().await;
}

async fn any_order_of_receipts_ends_alike(world: &World) {
    world.crowd(50).await;
    let seeds = if world.db.engine() == loa::db::Engine::Sqlite { 30 } else { 5 };
    for seed in 0..seeds {
        any_order(world, seed).await;
    }
}

async fn a_forged_receipt_changes_nothing(world: &World) {
    let person = world.crowd(1).await[0];
    let run = world.fanned_out(&by_sms()).await;
    world.send(run, SMS, &accepted()).await;
    let id = world.row(run, person, SMS).await.id;
    let mut forged = world.of_attempt(id, 1, ReceiptState::Delivered);
    if let About::Reference(text) = &mut forged.about {
        let last = if text.pop() == Some('0') { '1' } else { '0' };
        text.push(last);
    }
    let never = world.of_attempt(id, 9, ReceiptState::Delivered);
    let stranger = world.of_attempt(id + 16, 1, ReceiptState::Delivered);
    world.hear(vec![forged, never, stranger]).await;
    assert_eq!(world.row(run, person, SMS).await.state(), State::Accepted);
    assert_eq!(world.number("SELECT count(*) FROM receipt WHERE status = 2").await, 1, "kept, and marked");
    assert_eq!(world.number("SELECT count(*) FROM receipt WHERE status = 0").await, 0);
}

async fn a_receipt_is_awaited_for_three_days(world: &World) {
    world.hear(vec![said(About::Id("nobody's".into()), ReceiptState::Delivered)]).await;
    assert_eq!(world.number("SELECT count(*) FROM receipt WHERE status = 0").await, 1);
    world.hands.advance(loa::receipt::PATIENCE + std::time::Duration::from_secs(1));
    let matched = world.matcher().step(0).await.unwrap();
    assert_eq!((matched.seen, matched.applied), (1, 0));
    assert_eq!(world.number("SELECT count(*) FROM receipt WHERE status = 3").await, 1);
}

async fn an_old_receipt_is_of_no_new_message(world: &World) {
    let person = world.crowd(1).await[0];
    let run = world.fanned_out(&by_sms()).await;
    // Of a test, or from before the carrier began to count anew.
    world.hear(vec![said(About::Id("17".into()), ReceiptState::Delivered)]).await;
    world.advance(2 * HOUR).await;
    let claimed = world.claim(run, SMS).await;
    let named = Outcome::Accepted { ids: vec!["17".into()], silent_at: None };
    let recorded = world.record(vec![judged(&claimed[0], named)]).await;
    assert_eq!(recorded.early, Vec::<i64>::new());
    assert_eq!(world.matcher().step(0).await.unwrap().applied, 0);
    assert_eq!(world.row(run, person, SMS).await.state(), State::Accepted);
    world.hear(vec![said(About::Id("17".into()), ReceiptState::Undelivered)]).await;
    assert_eq!(world.row(run, person, SMS).await.state(), State::Undelivered);
}

async fn a_single_id_is_not_overruled_by_its_neighbours_parts(world: &World) {
    let people = world.crowd(2).await;
    let run = world.fanned_out(&by_sms()).await;
    let mut claimed = world.claim(run, SMS).await;
    claimed.sort_by_key(|c| c.id);
    let ids = |names: &[&str]| Outcome::Accepted { ids: names.iter().map(ToString::to_string).collect(), silent_at: None };
    world.record(vec![judged(&claimed[0], ids(&["one"])), judged(&claimed[1], ids(&["a", "b"]))]).await;
    // In one batch: the whole of the first, half of the second.
    let whole = said(About::Id("one".into()), ReceiptState::Delivered);
    let half = said(About::Id("a".into()), ReceiptState::Delivered);
    world.hear(vec![whole, half]).await;
    assert_eq!(world.row(run, people[0], SMS).await.state(), State::Delivered);
    assert_eq!(world.row(run, people[1], SMS).await.state(), State::Accepted);
    world.hear(vec![said(About::Id("b".into()), ReceiptState::Delivered)]).await;
    assert_eq!(world.row(run, people[1], SMS).await.state(), State::Delivered);
}

async fn half_a_message_in_doubt_is_not_a_delivery(world: &World) {
    let person = world.crowd(1).await[0];
    let run = world.fanned_out(&by_sms()).await;
    let outcome = Outcome::InDoubt { ids: vec!["first-half".into()], settle_at: world.now(), detail: "cut off".into() };
    world.send(run, SMS, &outcome).await;
    world.hear(vec![said(About::Id("first-half".into()), ReceiptState::Delivered)]).await;
    assert_eq!(world.row(run, person, SMS).await.state(), State::InDoubt);
    world.settle(Settle::Repeat).await;
    let both = Outcome::Accepted { ids: vec!["first-half".into(), "second".into()], silent_at: None };
    world.send(run, SMS, &both).await;
    world.hear(vec![said(About::Id("second".into()), ReceiptState::Delivered)]).await;
    assert_eq!(world.row(run, person, SMS).await.state(), State::Delivered);
}

async fn a_late_answer_settles_a_doubt_and_names_its_parts(world: &World) {
    let people = world.crowd(1).await;
    let run = world.fanned_out(&by_sms()).await;
    let claimed = world.claim(run, SMS).await;
    // Of three parts one was answered for in time.
    let doubt = Outcome::InDoubt { ids: vec!["p1".into()], settle_at: world.now() + 60_000, detail: "cut".into() };
    world.record(vec![judged(&claimed[0], doubt)]).await;
    let state = async || world.row(run, people[0], SMS).await.state();
    // The receipt of the second part comes before the answer that names it.
    let early = world.hear(vec![said(About::Id("p2".into()), ReceiptState::Delivered)]).await;
    assert_eq!((early.seen, early.applied), (1, 0));
    assert_eq!(state().await, State::InDoubt);

    world.append_late(claimed[0].id, 1, &["p1", "p2", "p3"]).await;
    world.append(vec![said(About::Id("p3".into()), ReceiptState::Delivered)]).await;
    let step = world.matcher().step(early.last).await.unwrap();
    assert_eq!((step.seen, step.applied), (2, 2), "a receipt in the same step finds the ids");
    assert_eq!(state().await, State::Accepted);
    assert_eq!(step.early.len(), 2, "one of them is matched already");
    assert_eq!(world.matcher().again(&step.early).await.unwrap().applied, 1);
    assert_eq!(state().await, State::Accepted, "two of three parts are no delivery");
    world.append(vec![said(About::Id("p1".into()), ReceiptState::Delivered)]).await;
    assert_eq!(state().await, State::Delivered);

    // Said again, it changes nothing.
    world.append_late(claimed[0].id, 1, &["p1", "p2", "p3"]).await;
    world.matcher().step(0).await.unwrap();
    assert_eq!(state().await, State::Delivered);
}

async fn a_late_answer_may_outrun_the_doubt(world: &World) {
    let people = world.crowd(1).await;
    let run = world.fanned_out(&by_sms()).await;
    let claimed = world.claim(run, SMS).await;
    world.append_late(claimed[0].id, 1, &["one"]).await;
    world.matcher().step(0).await.unwrap();
    let doubt = Outcome::InDoubt { ids: Vec::new(), settle_at: world.now() + 60_000, detail: "cut".into() };
    world.record(vec![judged(&claimed[0], doubt)]).await;
    assert_eq!(world.row(run, people[0], SMS).await.state(), State::Accepted);
    world.hear(vec![said(About::Id("one".into()), ReceiptState::Delivered)]).await;
    assert_eq!(world.row(run, people[0], SMS).await.state(), State::Delivered);
}

async fn an_earlier_attempt_that_arrived_stops_the_next(world: &World) {
    let person = world.crowd(1).await[0];
    let run = world.fanned_out(&by_sms()).await;
    world.send(run, SMS, &in_doubt()).await;
    world.settle(Settle::Anew).await;
    let row = world.row(run, person, SMS).await;
    world.hear(vec![world.of_attempt(row.id, 1, ReceiptState::Delivered)]).await;
    let row = world.row(run, person, SMS).await;
    assert_eq!((row.state(), row.account), (State::Delivered, world.account));
    assert!(world.claim(run, SMS).await.is_empty());
}

async fn two_matchers_share_the_receipts(world: &World) {
    let people = world.crowd(30).await;
    let run = world.fanned_out(&by_sms()).await;
    let claimed = world.claim(run, SMS).await;
    for state in [ReceiptState::Enroute, ReceiptState::Delivered] {
        world.append(claimed.iter().map(|c| said(About::Id(c.id.to_string()), state)).collect()).await;
    }
    let named = |id: i64| Outcome::Accepted { ids: vec![id.to_string()], silent_at: None };
    world.record(claimed.iter().map(|c| judged(c, named(c.id))).collect()).await;
    let matchers: Vec<_> = (0..4).map(|_| world.matcher()).collect();
    let steps = matchers.iter().map(|matcher| matcher.step(0));
    let applied: usize = futures::future::join_all(steps).await.into_iter().map(|step| step.unwrap().applied).sum();
    assert_eq!(applied, 2 * people.len(), "each receipt once");
    assert!(world.rows(run).await.iter().all(|row| row.state() == State::Delivered));
}

async fn what_several_nodes_hear_at_once_is_joined_once(world: &World) {
    world.crowd(30).await;
    let run = world.fanned_out(&by_sms()).await;
    world.send(run, SMS, &accepted()).await;
    let rows = world.rows(run).await;
    let said = |state| rows.iter().map(move |row| world.of_attempt(row.id, 1, state)).collect();
    let told = [ReceiptState::Enroute, ReceiptState::Delivered, ReceiptState::Undelivered, ReceiptState::Delivered];
    futures::future::join_all(told.map(|state| world.append(said(state)))).await;
    assert!(world.rows(run).await.iter().all(|row| row.state() == State::Delivered));
    assert_eq!(world.number("SELECT count(*) FROM receipt WHERE status = 0").await, 0, "applied as they came");
    world.check().await;
}

async fn what_cannot_be_applied_is_stored_and_applied_later(world: &World) {
    world.crowd(3).await;
    let run = world.fanned_out(&by_sms()).await;
    world.send(run, SMS, &accepted()).await;
    let rows = world.rows(run).await;
    world.execute("ALTER TABLE tally RENAME TO elsewhere").await;
    world.append(rows.iter().map(|row| world.of_attempt(row.id, 1, ReceiptState::Delivered)).collect()).await;
    world.execute("ALTER TABLE elsewhere RENAME TO tally").await;
    assert!(world.rows(run).await.iter().all(|row| row.state() == State::Accepted), "all or nothing");
    assert_eq!(world.matcher().step(0).await.unwrap().applied, rows.len());
    assert!(world.rows(run).await.iter().all(|row| row.state() == State::Delivered));
    world.check().await;
}

async fn no_text_of_a_stranger_stops_the_others(world: &World) {
    world.crowd(2).await;
    let run = world.fanned_out(&by_sms()).await;
    let claimed = world.claim(run, SMS).await;
    let nul = "id\0\"\\u0000".to_string();
    let odd = Outcome::Accepted { ids: vec![nul.clone()], silent_at: None };
    let words = Outcome::InDoubt { ids: Vec::new(), settle_at: world.now() + 1_000_000, detail: "\0".into() };
    world.record(vec![judged(&claimed[0], odd), judged(&claimed[1], words)]).await;

    let forged = Receipt { detail: "\0 odd".into(), ..said(About::Reference("\0".into()), ReceiptState::Undelivered) };
    let named = Receipt { detail: "\0".into(), ..said(About::Id(nul), ReceiptState::Delivered) };
    world.append(vec![forged, named, world.of_attempt(claimed[1].id, 1, ReceiptState::Delivered)]).await;
    world.matcher().step(0).await.unwrap();
    assert!(world.rows(run).await.iter().all(|row| row.state() == State::Delivered), "every other word still counts");
}

on_both_engines!(
    an_old_receipt_is_of_no_new_message,
    what_several_nodes_hear_at_once_is_joined_once,
    what_cannot_be_applied_is_stored_and_applied_later,
    no_text_of_a_stranger_stops_the_others,
    any_order_of_receipts_ends_alike,
    a_forged_receipt_changes_nothing,
    a_late_answer_settles_a_doubt_and_names_its_parts,
    a_late_answer_may_outrun_the_doubt,
    a_receipt_is_awaited_for_three_days,
    a_single_id_is_not_overruled_by_its_neighbours_parts,
    half_a_message_in_doubt_is_not_a_delivery,
    an_earlier_attempt_that_arrived_stops_the_next,
    two_matchers_share_the_receipts,
);
