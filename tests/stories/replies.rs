//! People write back: a refusal holds at once, is recorded with its words, confirmed once, and taken back; whatever else they
//! write waits for an officer.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use loa::{
    audience::key,
    campaign::Holidays,
    config::{Limits, Office, OptOut},
    consent::{self, Scope},
    delivery::{State, Why},
    dispatch::Confirmer,
    epoch,
    receipt::{self, Taken},
    reply::{Ear, Meaning, confirmation, read},
    request,
    run::command,
    seal::{Kind, Seal},
};
use providers::{Accepted, Address, Channel, Event, Inbound, Reason, SendError};

use super::dispatch::{Process, Scripted, configured, saying};
use crate::engines::world::{HOUR, Person, World};

/// A person with a real number, in the form in which lists are kept.
async fn resident(world: &World, number: &str) -> i64 {
    let hash = world.seal.hash(Kind::Phone, number);
    let id = world.people(&[Person { phone: Some(1), ..Person::default() }]).await[0];
    world.sql(&format!("UPDATE recipient SET phone_hash = {hash} WHERE id = {id}")).await;
    hash
}

fn wrote(from: &str, text: &str, id: Option<&str>) -> Event {
    Event::Inbound(Inbound { from: Address::new(from), to: Some("5656".into()), text: text.into(), id: id.map(str::to_string) })
}

fn settings() -> OptOut {
    OptOut { number: Some("5656".into()), ..OptOut::default() }
}

fn office() -> Office {
    Office { fields: BTreeMap::from([("short".into(), "SO VHTTDL".into())]), opt_out: settings() }
}

async fn take(world: &World, events: Vec<Event>) -> Taken {
    take_by(world, world.account, events).await
}

async fn take_by(world: &World, account: i64, events: Vec<Event>) -> Taken {
    let (inbox, mut appender) = receipt::inbox(world.matcher(), Ear::new(world.seal.clone(), &settings()));
    let (taken, _) = tokio::join!(inbox.take(account, Channel::Sms, events), appender.step());
    taken.unwrap()
}

async fn refuses(world: &World, hash: i64) -> Option<Scope> {
    consent::refused(&world.db, Channel::Sms, &[hash], world.now()).await.unwrap().get(&hash).copied()
}

async fn confirmations(world: &World) -> Vec<i64> {
    let mut states = Vec::new();
    for state in 0..5 {
        states.push(world.number(&format!("SELECT count(*) FROM confirmation WHERE state = {state}")).await);
    }
    states
}

async fn a_refusal_under_way_stops_what_is_still_to_come(world: &World) {
    let refusing = resident(world, "+84381234567").await;
    let other = resident(world, "+84901234567").await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    let first = world.fanned_out(&saying("Mot.", "awareness", "")).await;
    // The person's delivery is there, pending, when the refusal comes from a number of before 2018.
    take(world, vec![wrote("01681234567", "Tu choi SOVHTTDL", Some("mo-1"))]).await;
    process.settle().await;
    let row = |rows: Vec<crate::engines::world::Row>, hash| {
        rows.into_iter().find(|row| row.address == Some(hash)).map(|row| (row.state(), row.why())).unwrap()
    };
    assert_eq!(row(world.rows(first).await, refusing), (State::Skipped, Why::OptedOut));
    assert_eq!(row(world.rows(first).await, other).0, State::Accepted);
    let later = world.run(&saying("Hai.", "awareness", "")).await;
    process.settle().await;
    assert_eq!(world.rows(later).await.iter().filter(|row| row.why() == Why::OptedOut).count(), 1);
    assert_eq!(gateway.texts(), ["Mot.", "Hai."], "the other person's");

    let history = consent::history(&world.db, Channel::Sms, refusing).await.unwrap();
    let event = &history[0];
    assert_eq!(
        (event.refused, event.source.as_str(), event.wording.as_str()),
        (Some(Scope::Awareness), "reply", "Tu choi SOVHTTDL")
    );
    assert_eq!(event.at, world.now());

    // A warning still comes; and all comes again once it is taken back.
    world.run(&saying("Canh bao!", "warning", "")).await;
    take(world, vec![wrote("84381234567", "Hủy từ chối", Some("mo-2"))]).await;
    world.run(&saying("Ba.", "awareness", "")).await;
    process.settle().await;
    let texts = gateway.texts();
    assert_eq!((texts.iter().filter(|t| *t == "Canh bao!").count(), texts.iter().filter(|t| *t == "Ba.").count()), (2, 2));
    assert_eq!(consent::history(&world.db, Channel::Sms, refusing).await.unwrap().last().unwrap().refused, None);
}

async fn what_is_claimed_already_is_held_back_by_the_gate(world: &World) {
    let hash = resident(world, "+84381234567").await;
    let gateway = Scripted::new();
    let _process = Process::with_sms(world, &gateway).await;
    let run = world.fanned_out(&saying("Mot.", "awareness", "")).await;
    let claimed = world.claim(run, 1).await;
    let active = world.active.get(run).unwrap();
    assert!(world.active.may_send(&active, 1, claimed[0].address, world.now()));
    take(world, vec![wrote("+84381234567", "TC", None)]).await;
    world.active.refresh().await.unwrap();
    assert!(!world.active.may_send(&active, 1, hash, world.now()), "within one refresh");
    take(world, vec![wrote("+84381234567", "HUY TC", None)]).await;
    world.active.refresh().await.unwrap();
    assert!(world.active.may_send(&active, 1, hash, world.now()));
    world
        .record(
            claimed
                .iter()
                .map(|c| crate::engines::world::judged(c, loa::delivery::record::Outcome::PutBack { next_at: 0 }))
                .collect(),
        )
        .await;
    command::abort(&world.db, run).await.unwrap();
}

async fn a_repeated_callback_changes_and_confirms_nothing(world: &World) {
    let hash = resident(world, "+84381234567").await;
    for id in [Some("a"), Some("a"), None, None] {
        take(world, vec![wrote("0381234567", "TC", id), wrote("+84381234567", "TC", id)]).await;
    }
    assert_eq!(world.number("SELECT count(*) FROM inbound").await, 2, "one by its id, one by its words");
    assert_eq!(consent::history(&world.db, Channel::Sms, hash).await.unwrap().len(), 2);
    assert_eq!(confirmations(world).await, [1, 0, 0, 0, 0]);

    // Without ids: whoever refuses again after having taken it back is refused again; a repeated taking back undoes nothing.
    for (text, refused) in [("HUY TC", false), ("TC", true), ("HUY TC", true), ("TC", true)] {
        take(world, vec![wrote("0381234567", text, None)]).await;
        assert_eq!(refuses(world, hash).await.is_some(), refused, "{text}");
    }
    world.advance(2 * HOUR).await;
    take(world, vec![wrote("0381234567", "HUY TC", None)]).await;
    assert_eq!(refuses(world, hash).await, None, "later it is another message");
    assert_eq!(confirmations(world).await, [2, 0, 0, 0, 0], "each thing once a day");
}

async fn an_id_that_is_given_again_loses_nobodys_refusal(world: &World) {
    let hash = resident(world, "+84381234567").await;
    take(world, vec![wrote("0901234567", "TC", Some("7"))]).await;
    // Its carrier began anew, and counts from 1 again.
    take(world, vec![wrote("0381234567", "TC", Some("7")), wrote("0381234567", "Tin nay that khong?", Some("8\0"))]).await;
    assert!(refuses(world, hash).await.is_some());
    assert_eq!(world.number("SELECT count(*) FROM inbound").await, 3, "whatever an id holds");
}

async fn who_cannot_send_keeps_nobody_elses_confirmation(world: &World) {
    let gateway = Scripted::new();
    let mut used_up = configured("sms", Channel::Sms);
    used_up.daily = Some(0);
    let accounts = vec![(used_up, &gateway), (configured("other", Channel::Sms), &gateway)];
    let process = Process::new(world, Limits::default(), accounts).await;
    let other = process.shared.accounts.all().iter().find(|account| account.config.name == "other").unwrap().id;
    let many = (0..40).map(|n| wrote(&format!("09012345{n:02}"), "TC", None)).collect();
    take(world, many).await;
    take_by(world, other, vec![wrote("0381234567", "TC", None)]).await;
    let mut confirmer = Confirmer::new(Arc::clone(&process.shared), office());
    let mut sent = 0;
    for _ in 0..3 {
        sent += confirmer.step().await.unwrap().sent;
    }
    assert_eq!((sent, confirmations(world).await), (1, vec![40, 0, 1, 0, 0]));
}

async fn nothing_is_taken_that_was_not_committed(world: &World) {
    let (inbox, mut appender) = receipt::inbox(world.matcher(), Ear::new(world.seal.clone(), &settings()));
    world.sql("ALTER TABLE confirmation RENAME TO gone").await;
    let (taken, _) =
        tokio::join!(inbox.take(world.account, Channel::Sms, vec![wrote("0381234567", "TC", Some("a"))]), appender.step());
    assert!(taken.is_err());
    assert_eq!(world.number("SELECT count(*) FROM consent_event").await, 0);
    assert_eq!(world.number("SELECT count(*) FROM opt_out").await, 0);
    world.sql("ALTER TABLE gone RENAME TO confirmation").await;
    take(world, vec![wrote("0381234567", "TC", Some("a"))]).await;
    assert_eq!(world.number("SELECT count(*) FROM opt_out").await, 1, "the gateway repeated it");
}

async fn a_confirmation_goes_out_once_to_that_person_alone(world: &World) {
    resident(world, "+84381234567").await;
    resident(world, "+84901234567").await;
    let gateway = Scripted::new();
    let mut account = configured("sms", Channel::Sms);
    account.daily = Some(1);
    let process = Process::new(world, Limits::default(), vec![(account, &gateway)]).await;
    let mut confirmer = Confirmer::new(Arc::clone(&process.shared), office());
    assert_eq!(confirmer.step().await.unwrap().sent, 0);
    take(world, vec![wrote("0381234567", "TC", Some("1")), wrote("0381234567", "Tin nay that khong?", Some("2"))]).await;
    assert_eq!(confirmer.step().await.unwrap().sent, 1);
    take(world, vec![wrote("0381234567", "STOP", Some("3"))]).await;
    world.advance(HOUR).await;
    assert_eq!(confirmer.step().await.unwrap().sent, 0, "told already today");
    let handed = gateway.handed.lock().unwrap().clone();
    assert_eq!(
        handed,
        [(
            "+84381234567".to_string(),
            "SO VHTTDL: da nhan yeu cau tu choi luc 10:00 02/11/2026 va ngung gui tin tu luc do. Nhan lai: soan HUY TC gui 5656."
                .to_string()
        )]
    );
    assert_eq!(confirmations(world).await, [0, 0, 1, 0, 0]);
    assert_eq!(world.number("SELECT used FROM account").await, 1, "it counts towards the day's quota");
    assert_eq!(world.number("SELECT count(*) FROM tally").await, 0, "and towards no run");
    assert_eq!(world.number("SELECT count(*) FROM confirmation WHERE sender IS NOT NULL").await, 0);

    take(world, vec![wrote("0381234567", "HUY TC", Some("4"))]).await;
    assert_eq!(confirmer.step().await.unwrap().sent, 0, "the quota is used up");
    world.advance(24 * HOUR).await;
    process.shared.renew_lease().await.unwrap();
    confirmer.step().await.unwrap();
    assert_eq!(confirmations(world).await, [0, 0, 1, 1, 0], "a day late helps nobody");
}

async fn what_a_gateway_did_not_take_is_tried_again_and_what_is_in_doubt_is_not(world: &World) {
    resident(world, "+84381234567").await;
    let gateway = Scripted::new();
    let process = Process::with_sms(world, &gateway).await;
    let mut confirmer = Confirmer::new(Arc::clone(&process.shared), office());
    let mut answers = vec![
        Err(SendError::Retry { after: None, scope: providers::Scope::Message, reason: Reason::Other, detail: String::new() }),
        Err(SendError::InDoubt { ids: Vec::new(), detail: "reset".into() }),
    ]
    .into_iter();
    gateway.answers(move |_| answers.next().unwrap_or_else(|| Ok(Accepted::default())));
    take(world, vec![wrote("0381234567", "TC", None)]).await;
    assert_eq!(confirmer.step().await.unwrap().sent, 1);
    assert_eq!(confirmations(world).await, [1, 0, 0, 0, 0]);
    for _ in 0..3 {
        world.advance(HOUR).await;
        process.shared.renew_lease().await.unwrap();
        confirmer.step().await.unwrap();
    }
    assert_eq!((confirmations(world).await, gateway.count()), (vec![0, 0, 0, 0, 1], 2));
}

async fn a_crash_leaves_a_confirmation_unknown(world: &World) {
    resident(world, "+84381234567").await;
    take(world, vec![wrote("0381234567", "TC", None)]).await;
    let dead = epoch::register(&world.db, "there", world.now()).await.unwrap();
    let due = confirmation::due(&world.db, world.now()).await.unwrap();
    let claimer = confirmation::Claimer { epoch: dead, account: world.account, daily: None, day: "2026-11-02", now: world.now() };
    assert!(confirmation::claim(&world.db, due[0].id, claimer).await.unwrap());
    assert!(!confirmation::claim(&world.db, due[0].id, claimer).await.unwrap(), "nobody takes it twice");
    let gateway = Scripted::new();
    let process = Process::with_sms(world, &gateway).await;
    let mut confirmer = Confirmer::new(Arc::clone(&process.shared), office());
    confirmer.step().await.unwrap();
    assert_eq!(confirmations(world).await, [0, 1, 0, 0, 0], "its process still lives");
    world.advance(i64::try_from(epoch::LEASE.as_millis()).unwrap() + 1).await;
    process.shared.renew_lease().await.unwrap();
    confirmer.step().await.unwrap();
    assert_eq!((confirmations(world).await, gateway.count()), (vec![0, 0, 0, 0, 1], 0));
    epoch::end(&world.db, dead).await.unwrap();
}

async fn what_is_no_refusal_is_kept_sealed_for_an_officer_and_then_deleted(world: &World) {
    resident(world, "+84381234567").await;
    let question = "Tôi không từ chối. Tin này thật không?";
    take(
        world,
        vec![wrote("0381234567", question, Some("1")), wrote("0381234567", "TC", Some("2")), wrote("VIETTEL", "TC", Some("3"))],
    )
    .await;
    let hash = world.seal.hash(Kind::Phone, "+84381234567");
    assert_eq!(
        world.number(&format!("SELECT count(*) FROM opt_out WHERE address <> {hash}")).await,
        0,
        "a machine refuses nothing"
    );
    let messages = read::messages(&world.db, &world.seal, 0, false, 10).await.unwrap();
    assert_eq!(messages.iter().filter_map(|m| m.text.as_deref()).collect::<Vec<_>>(), ["TC", question]);
    assert!(!messages[1].sender.contains("381234567"), "{}", messages[1].sender);
    let all = read::messages(&world.db, &world.seal, 0, true, 10).await.unwrap();
    assert_eq!(
        (all[1].meaning, all[1].text.as_deref(), all[1].confirmation),
        (Meaning::Refuses, None, Some(confirmation::State::Owed))
    );

    // Whoever is erased is erased here, too; and what is older than its time goes by itself.
    loa::audience::erase::erase(&world.db, "p1", "Lan", world.now()).await.unwrap();
    assert_eq!(world.number("SELECT count(*) FROM inbound").await, 1, "the machine's");
    world.advance(90 * 24 * HOUR).await;
    assert!(!read::prune(&world.db, Duration::from_hours(90 * 24), world.now()).await.unwrap());
    assert_eq!(world.number("SELECT count(*) FROM inbound").await, 1);
    world.advance(1).await;
    read::prune(&world.db, Duration::from_hours(90 * 24), world.now()).await.unwrap();
    assert_eq!(world.number("SELECT count(*) FROM inbound").await, 0);
    assert_eq!(world.number("SELECT count(*) FROM consent_event").await, 1, "the record of the refusal stays");
}

async fn a_change_of_keys_keeps_what_people_wrote(world: &World) {
    let (old, new) = (crate::helpers::key(1), crate::helpers::key(2));
    let before = key::load(&world.db, &old, &[]).await.unwrap();
    let asked = request::New {
        kind: request::Kind::Access,
        subject: request::Subject::Address(Channel::Sms, 5),
        until: None,
        received_at: world.now(),
        by: "Lan",
        note: "gọi điện",
    };
    let id = request::take_in(&world.db, &before, &Holidays::built_in(), &asked, world.now()).await.unwrap();
    request::step(&world.db, &before, id, request::Step::Answer, "Lan", "hẹn thứ Hai", world.now()).await.unwrap();
    let (inbox, mut appender) = receipt::inbox(world.matcher(), Ear::new(before, &settings()));
    let events = vec![wrote("0381234567", "Ai gửi đấy?", Some("1")), wrote("0381234567", "TC", Some("2"))];
    let (taken, _) = tokio::join!(inbox.take(world.account, Channel::Sms, events), appender.step());
    taken.unwrap();
    let both = key::load(&world.db, &new, &[old]).await.unwrap();
    key::rekey(&world.db, &both, |_| {}).await.unwrap();
    let after: Seal = key::load(&world.db, &new, &[]).await.unwrap();
    let messages = read::messages(&world.db, &after, 0, false, 10).await.unwrap();
    assert_eq!(messages[0].text.as_deref(), Some("Ai gửi đấy?"));
    let kept = request::one(&world.db, &after, id).await.unwrap().unwrap();
    assert_eq!((kept.note.as_deref(), kept.history[1].note.as_deref()), (Some("gọi điện"), Some("hẹn thứ Hai")));
    let due = confirmation::due(&world.db, world.now()).await.unwrap();
    assert_eq!(after.open(Kind::Phone, &due[0].sender).as_deref(), Ok("+84381234567"));
}

on_both_engines!(
    an_id_that_is_given_again_loses_nobodys_refusal,
    who_cannot_send_keeps_nobody_elses_confirmation,
    a_refusal_under_way_stops_what_is_still_to_come,
    what_is_claimed_already_is_held_back_by_the_gate,
    a_repeated_callback_changes_and_confirms_nothing,
    nothing_is_taken_that_was_not_committed,
    a_confirmation_goes_out_once_to_that_person_alone,
    what_a_gateway_did_not_take_is_tried_again_and_what_is_in_doubt_is_not,
    a_crash_leaves_a_confirmation_unknown,
    what_is_no_refusal_is_kept_sealed_for_an_officer_and_then_deleted,
    a_change_of_keys_keeps_what_people_wrote,
);
