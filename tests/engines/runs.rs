//! Runs: each occurrence once, however many look; and what time and people make of them.

use chrono::{DateTime, TimeZone as _, Utc};
use loa::{
    active::RunState,
    campaign::{Holidays, Library, Segments, Source},
    definition::Kept,
    delivery::{State, record::Outcome},
    run::{RunError, command, make},
};
use providers::Channel;

use super::world::{EVERYBODY, HOUR, SMS, World, accepted, by_sms, campaign, in_doubt, later, phone, rejected, source};

/// Mondays at 08:30 in Hanoi.
fn weekly(slug: &str) -> Source {
    let cadence = "[cadence]\nevery = \"week\"\non = \"mon\"\nat = \"08:30\"\nlate = \"6h\"\n\n[audience]";
    let second = "\n[[message]]\nid = \"cuoc-goi\"\nsms = \"Cong an khong lam viec qua dien thoai.\"\n";
    source(slug, &(by_sms().replace("[audience]", cadence) + second), EVERYBODY)
}

fn library(campaigns: impl IntoIterator<Item = Source>) -> Library {
    Library {
        campaigns: campaigns.into_iter().map(|source| (source.campaign.slug.clone(), source)).collect(),
        segments: Segments::parse("segments.toml", EVERYBODY).unwrap(),
        segments_text: EVERYBODY.into(),
        ..Library::default()
    }
}

async fn look(world: &World, library: &Library, now: DateTime<Utc>) -> usize {
    let kept = |source: &Source| Kept { source: source.clone(), segments: library.segments_text.clone() };
    let released: Vec<Kept> = library.campaigns.values().map(kept).collect();
    make::due(&world.db, &released, &Holidays::built_in(), now).await.unwrap()
}

/// Monday, 9 November 2026, 08:30 in Hanoi.
fn monday() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 9, 1, 30, 0).unwrap()
}

async fn many_schedulers_make_one_run(world: &World) {
    let library = library([weekly("hang-tuan"), weekly("khac")]);
    let minute = chrono::Duration::minutes(1);
    assert_eq!(look(world, &library, monday() - minute).await, 0, "the first look finds nothing due");
    let looks = (0..16).map(|i| look(world, &library, monday() + chrono::Duration::seconds(i)));
    let made: usize = futures::future::join_all(looks).await.into_iter().sum();
    assert_eq!(made, 2, "one of each campaign");
    assert_eq!(look(world, &library, monday() + minute).await, 0);
    let runs = command::list(&world.db, None, 10).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.occurrence.as_str()).collect::<Vec<_>>(), ["2026-11-09", "2026-11-09"]);
    assert!(runs.iter().all(|run| run.expires_at == run.created_at + 24 * HOUR));
}

async fn a_late_run_is_sent_and_a_later_one_is_missed(world: &World) {
    let library = library([weekly("hang-tuan")]);
    look(world, &library, monday() - chrono::Duration::weeks(1)).await;
    // Nothing ran for a week and five hours.
    let now = monday() + chrono::Duration::weeks(1) + chrono::Duration::hours(5);
    assert_eq!(look(world, &library, now).await, 2);
    let mut runs = command::list(&world.db, Some("hang-tuan"), 10).await.unwrap();
    runs.sort_by_key(|run| run.id);
    assert_eq!(runs.iter().map(loa::active::RunRow::state).collect::<Vec<_>>(), [RunState::Missed, RunState::FanningOut]);
    assert!(runs[0].settled_at.is_some());
    assert_eq!(runs[1].expires_at, now.timestamp_millis() + 24 * HOUR, "its people get the whole time");
    world.active.refresh().await.unwrap();
    assert_eq!(world.active.runs().len(), 1);
}

async fn a_run_takes_the_message_that_was_planned(world: &World) {
    let source = weekly("hang-tuan");
    let planned = |due: DateTime<Utc>| {
        let turn = source.campaign.turn(due, &Holidays::built_in());
        let message = source.campaign.message_for(due.date_naive(), turn).unwrap();
        source.campaign.messages[message].id.clone()
    };
    // Two offices that set up Loa a week apart send the same message on the same day.
    for (slug, first) in [("hang-tuan", 0), ("khac", 3)] {
        let library = library([weekly(slug)]);
        for week in first..first + 3 {
            let due = monday() + chrono::Duration::weeks(week);
            look(world, &library, due - chrono::Duration::minutes(1)).await;
            look(world, &library, due).await;
            let latest = &command::list(&world.db, Some(slug), 1).await.unwrap()[0];
            assert_eq!(latest.message, planned(due), "{slug}, week {week}");
        }
    }
    let asked = make::Asked { source: &source, segments: EVERYBODY, recipients: &[], once: None, by: None };
    let at = monday() + chrono::Duration::days(15);
    let manual = make::asked(&world.db, &asked, &Holidays::built_in(), at).await.unwrap();
    let manual = command::get(&world.db, manual).await.unwrap();
    assert_eq!(manual.message, planned(monday() + chrono::Duration::weeks(3)), "the next in turn");
}

async fn two_people_may_ask_within_a_millisecond(world: &World) {
    let source = source("chien-dich", &by_sms(), EVERYBODY);
    let (at, holidays) = (world.clock.now(), Holidays::built_in());
    let asked = make::Asked { source: &source, segments: EVERYBODY, recipients: &[], once: None, by: None };
    let made = (0..6).map(|_| make::asked(&world.db, &asked, &holidays, at));
    let mut runs: Vec<i64> = futures::future::join_all(made).await.into_iter().map(Result::unwrap).collect();
    runs.sort_unstable();
    runs.dedup();
    assert_eq!(runs.len(), 6);
}

async fn pause_resume_and_abort(world: &World) {
    let people = world.crowd(4).await;
    let run = world.fanned_out(&by_sms()).await;
    assert!(command::pause(&world.db, run).await.unwrap().paused);
    assert!(command::pause(&world.db, run).await.unwrap().paused, "pausing twice is pausing once");
    world.active.refresh().await.unwrap();
    assert!(world.claim(run, SMS).await.is_empty());
    assert!(!command::resume(&world.db, run).await.unwrap().paused);
    world.active.refresh().await.unwrap();
    let plan = world.plan(run);
    let request = loa::delivery::claim::Request { limit: 1, ..world.request(&plan, SMS) };
    let in_flight = world.claim_as(&request).await.claimed;

    assert_eq!(command::abort(&world.db, run).await.unwrap().state(), RunState::Aborted);
    command::abort(&world.db, run).await.unwrap();
    world.step().await;
    let states: Vec<State> = world.rows(run).await.iter().map(super::world::Row::state).collect();
    assert_eq!(states.iter().filter(|state| **state == State::Cancelled).count(), people.len() - 1);
    assert!(command::get(&world.db, run).await.unwrap().settled_at.is_none(), "one is in flight");
    world.record(vec![super::world::judged(&in_flight[0], accepted())]).await;
    world.step().await;
    let over = command::get(&world.db, run).await.unwrap();
    assert!(over.settled_at.is_some());
    assert_eq!(over.state(), RunState::Aborted);
    assert!(matches!(command::resume(&world.db, run).await, Err(RunError::Over { .. })));
    assert!(matches!(command::pause(&world.db, run + 1).await, Err(RunError::NoSuchRun(_))));
}

async fn what_comes_back_into_an_aborted_run_is_cancelled(world: &World) {
    world.crowd(1).await;
    let run = world.fanned_out(&by_sms()).await;
    let claimed = world.claim(run, SMS).await;
    world.abort(run).await;
    world.record(vec![super::world::judged(&claimed[0], later(world.now()))]).await;
    world.step().await;
    assert_eq!(world.rows(run).await[0].state(), State::Cancelled);
    assert!(world.active.get(run).is_none(), "settled");
}

async fn a_stop_of_everything(world: &World) {
    world.crowd(1).await;
    let runs = [world.fanned_out(&by_sms()).await, world.fanned_out(&by_sms()).await];
    assert_eq!(command::stop_all(&world.db).await.unwrap(), 2);
    assert_eq!(command::stop_all(&world.db).await.unwrap(), 0);
    world.active.refresh().await.unwrap();
    for run in runs {
        assert!(world.claim(run, SMS).await.is_empty());
    }
}

async fn what_is_unsent_lapses(world: &World) {
    let people = world.people(&[phone(1), phone(2), phone(3)]).await;
    let run = world.fanned_out(&by_sms()).await;
    let plan = world.plan(run);
    let request = loa::delivery::claim::Request { limit: 1, ..world.request(&plan, SMS) };
    let first = world.claim_as(&request).await.claimed;
    world.record(vec![super::world::judged(&first[0], later(world.now() + 30 * HOUR))]).await;
    let second = world.claim_as(&request).await.claimed;
    world.record(vec![super::world::judged(&second[0], accepted())]).await;
    world.advance(24 * HOUR).await;
    world.step().await;
    let states: Vec<State> = world.rows(run).await.iter().map(super::world::Row::state).collect();
    assert_eq!(states.iter().filter(|state| **state == State::Lapsed).count(), people.len() - 1);
    assert_eq!(command::get(&world.db, run).await.unwrap().state(), RunState::Settled);
}

async fn a_run_that_stood_still_while_fanning_out_ends_all_the_same(world: &World) {
    let people = world.crowd(2).await;
    for held in [true, false] {
        let run = world.run(&by_sms()).await;
        if held {
            world.active.hold(run, "budget").await.unwrap();
        } else {
            command::pause(&world.db, run).await.unwrap();
        }
        world.step().await;
        assert!(world.rows(run).await.is_empty());
        world.advance(24 * HOUR).await;
        world.step().await;
        let states: Vec<State> = world.rows(run).await.iter().map(super::world::Row::state).collect();
        assert_eq!(states, vec![State::Lapsed; people.len()], "nobody is lost from the counts");
        assert_eq!(command::get(&world.db, run).await.unwrap().state(), RunState::Settled);
    }
}

async fn a_run_settles_when_nothing_can_come_of_it(world: &World) {
    world.people(&[phone(1).email(2), phone(3)]).await;
    let text =
        campaign("awareness", "use = [\"sms\", \"email\"]\npolicy = \"first\"\nfall_back_after = \"2h\"", "valid_for = \"24h\"");
    let run = world.fanned_out(&text).await;
    let settled = async || command::get(&world.db, run).await.unwrap().settled_at.is_some();
    world.send(run, SMS, &in_doubt()).await;
    world.step().await;
    assert!(!settled().await, "doubts are to be settled first");
    world.settle(loa::delivery::close::Settle::Unknown).await;
    world.step().await;
    assert!(!settled().await, "the mail is to be sent");
    world.send(run, Channel::Email as i16, &rejected()).await;
    world.step().await;
    assert!(settled().await);

    let accepted_only = world.fanned_out(&text).await;
    world.send(accepted_only, SMS, &Outcome::Accepted { ids: Vec::new(), silent_at: Some(world.now() + 2 * HOUR) }).await;
    world.step().await;
    assert!(world.active.get(accepted_only).is_some(), "it may yet fall back");
}

async fn nobody_is_a_run_too(world: &World) {
    let run = world.fanned_out(&by_sms()).await;
    world.step().await;
    assert_eq!(command::get(&world.db, run).await.unwrap().state(), RunState::Settled);
}

on_both_engines!(
    many_schedulers_make_one_run,
    a_late_run_is_sent_and_a_later_one_is_missed,
    a_run_takes_the_message_that_was_planned,
    two_people_may_ask_within_a_millisecond,
    pause_resume_and_abort,
    what_comes_back_into_an_aborted_run_is_cancelled,
    a_stop_of_everything,
    what_is_unsent_lapses,
    a_run_that_stood_still_while_fanning_out_ends_all_the_same,
    a_run_settles_when_nothing_can_come_of_it,
    nobody_is_a_run_too,
);
