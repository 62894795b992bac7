//! What is known about a person: nothing of it is forgotten when the person is shown or erased, and counts stand; consent by
//! channel, silence for a time, and the queue of what people ask.

use loa::{
    audience::{
        erase::{self, Erased},
        export,
    },
    campaign::Holidays,
    consent::{
        self, Said, Scope,
        agreement::{self, Word},
    },
    delivery::{State, Why, record::Outcome},
    dossier::{self, COVERS},
    request::{self, Kind, New, Queue, Refused, Step, Subject},
    retention::Retention,
    seal::Kind as Sealed,
    transaction,
};
use providers::{Channel, ReceiptState};
use serde_json::Value;

use super::{
    schema,
    world::{EMAIL, HOUR, SMS, World, by_sms, judged, one_after_the_other, phone},
};

on_both_engines!(
    nothing_personal_is_forgotten,
    an_erasure_on_the_way_loses_no_count_and_sends_nothing_further,
    tests_forget_whom_they_were_for,
    silence_is_kept_until_its_end_whatever_the_address,
    a_refusal_for_a_time_ends_by_itself,
    a_channels_own_word_goes_before_the_lists,
    late_requests_come_first_and_each_step_is_remembered,
    a_withdrawal_ends_advice_on_every_channel,
    what_an_officer_lifts_is_no_refusal_of_the_persons_own,
    whoever_shares_an_address_speaks_for_nobody_else,
);

const DAY: i64 = 24 * HOUR;
/// What only this person's rows say.
const SECRET: &str = "Nguyễn Bí Mật";

/// Tables that look personal and are no part of a dossier.
const ELSEWHERE: &[(&str, &str)] = &[
    ("attachment", "a definition's files"),
    ("run", "names the people of a test, whom an erasure renames: see `tests_forget_whom_they_were_for`"),
    ("receipt", "what it says stands on its delivery; it holds no address and goes after three months"),
    ("erasure", "people who are erased already"),
    ("token", "a gateway's tokens, which are nobody's data"),
    ("webhook", "secrets shared with other programs"),
    ("webhook_delivery", "what programs were told, which names nobody"),
    ("idempotency", "answers to programs, in which people are masked; they go after a day"),
    ("console_user", "who works with the console: `loa user` keeps them"),
    ("session", "the console's users"),
    ("invitation", "the console's users"),
    ("recovery_code", "the console's users"),
    ("api_token", "the console's users"),
    ("sign_in_failure", "the console's users"),
    ("audit", "what the console's users did, to people by their number alone"),
    ("audit_head", "the audit's last hash"),
    ("edition_bytes", "a definition's files"),
    ("outlet", "institutions, and the mailbox at which each is reminded: whoever keeps outlets changes it"),
    ("relay_order", "what is asked of an outlet, as it went out"),
    ("paper", "scanned letters between the office and outlets"),
    ("upstream_order", "what a department asks of this office, as it came"),
    ("publication", "warnings as the public reads them"),
];

/// Whether a column says something about a person, or leads to one.
fn is_personal(table: &str, column: &str, class: &str) -> bool {
    let leads = ["recipient", "recipients", "address", "delivery", "reference", "request", "sender", "ref"];
    table == "recipient" || class == "bytes" || leads.contains(&column)
}

/// What a made-up row of a person has in a column, as SQL; none: what the engine puts there.
fn value(world: &World, (table, column, class): (&str, &str, &str), person: i64, delivery: i64) -> Option<String> {
    let sealed = |bytes: Vec<u8>| {
        let hex = loa::seal::hex(&bytes);
        if world.db.engine() == loa::db::Engine::Sqlite { format!("x'{hex}'") } else { format!("decode('{hex}', 'hex')") }
    };
    Some(match (class, column) {
        ("number", "id") => return None,
        ("number", "recipient") => person.to_string(),
        ("number", "delivery") => delivery.to_string(),
        ("number", "run") => loa::delivery::run_of(delivery).to_string(),
        ("number", "account") => world.account.to_string(),
        ("number", "address") => "7".into(),
        ("number", "request") => "(SELECT max(id) FROM request)".into(),
        ("number", "meaning") => "0".into(),
        ("number", "list") => "9".into(),
        ("number", "state") if table == "confirmation" => "0".into(),
        ("number", _) => "1".into(),
        ("text", "source") => "'officer'".into(),
        ("text", "basis") => "'consent'".into(),
        ("text", "by_whom") => "'Lan'".into(),
        ("text", _) => format!("'{SECRET}'"),
        ("bytes", "sender") => sealed(world.seal.seal(Sealed::Phone, "+84900000007")),
        ("bytes", _) => sealed(world.seal.seal_text(SECRET)),
        ("truth", _) => "true".into(),
        other => panic!("no value for {other:?}"),
    })
}

/// What stands at `key` or, with a dot, in the entries of a list.
fn found(value: &Value, path: &str) -> bool {
    let (key, rest) = path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
    match (&value[key], rest) {
        (Value::Array(list), Some(rest)) => list.iter().any(|one| found(one, rest)),
        (Value::Array(list), None) => !list.is_empty(),
        (value, None) => !value.is_null(),
        (value, Some(rest)) => found(value, rest),
    }
}

/// A run that is over, and the one person in it who got its message.
async fn reached(world: &World) -> (i64, i64, i64) {
    let person = world.people(&[phone(7).of(SECRET)]).await[0];
    let run = world.fanned_out(&by_sms()).await;
    let claimed = world.claim(run, SMS).await;
    world.record(vec![judged(&claimed[0], Outcome::Accepted { ids: Vec::new(), silent_at: None })]).await;
    world.hear(vec![world.of_attempt(claimed[0].id, 1, ReceiptState::Delivered)]).await;
    world.sql(&format!("UPDATE run SET state = 2, settled_at = {} WHERE id = {run}", world.now())).await;
    (person, run, claimed[0].id)
}

/// The test that a new table must pass: it is filled for a person, shown, and emptied.
async fn nothing_personal_is_forgotten(world: &World) {
    let columns = schema::columns(world).await;
    let mut personal: Vec<&str> = Vec::new();
    for (table, column, class) in &columns {
        if is_personal(table, column, class) && !personal.contains(&table.as_str()) {
            personal.push(table);
        }
    }
    for table in &personal {
        let known =
            COVERS.iter().map(|(table, _)| *table).chain(ELSEWHERE.iter().map(|(table, _)| *table)).any(|one| one == *table);
        assert!(known, "`{table}` holds something personal: put it into dossier::COVERS and audience::erase");
    }
    assert!(personal.len() > 15, "{personal:?}");

    let (person, _, delivery) = reached(world).await;
    world.sql(&format!("UPDATE recipient SET name = '{SECRET}', born = '1950-07-01', attributes = '{{\"nghe\":\"{SECRET}\"}}' WHERE id = {person}")).await;
    for table in ["membership", "recipient", "delivery", "contact"] {
        assert!(world.number(&format!("SELECT count(*) FROM {table}")).await > 0, "{table}");
    }
    let filled =
        COVERS.iter().map(|(table, _)| *table).filter(|t| !["membership", "recipient", "delivery", "contact"].contains(t));
    for table in filled.clone() {
        let own = columns.iter().filter(|(of, ..)| of == table);
        let (names, values): (Vec<&str>, Vec<String>) = own
            .filter_map(|(_, name, class)| Some((name.as_str(), value(world, (table, name, class), person, delivery)?)))
            .unzip();
        world.execute(&format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "))).await;
    }

    let dossier = dossier::find(&world.db, &world.seal, "p1").await.unwrap().unwrap();
    let plain = serde_json::to_value(&dossier).unwrap();
    for (table, path) in COVERS {
        assert!(found(&plain, path), "{table} is not shown at {path}: {plain:#}");
    }
    assert_eq!(plain["person"]["phone"], "+84900000007");
    assert_eq!(plain["replies"][0]["text"], SECRET);
    let veiled = serde_json::to_value(dossier.veiled()).unwrap();
    assert_eq!((&veiled["person"]["phone"], &veiled["person"]["born"]), (&"+8490*****07".into(), &"1950".into()));
    for hidden in ["/person/name", "/person/attributes/nghe", "/replies/0/text", "/requests/0/note", "/messages/0/remark"] {
        let shown = veiled.pointer(hidden).unwrap_or_else(|| panic!("{hidden}"));
        assert!(!shown.to_string().contains("Mật"), "{hidden}: {shown}");
    }

    let done = erase::erase(&world.db, "p1", "Lan", world.now()).await.unwrap().unwrap();
    assert!(!done.under_way, "the run is over");
    for (table, column, class) in &columns {
        let left = match *class {
            "text" => format!("SELECT count(*) FROM {table} WHERE {column} LIKE '%Bí Mật%'"),
            "bytes" if !ELSEWHERE.iter().any(|(of, _)| of == table) => {
                format!("SELECT count(*) FROM {table} WHERE {column} IS NOT NULL")
            }
            _ => continue,
        };
        assert_eq!(world.number(&left).await, 0, "{table}.{column} is left of an erased person");
    }
    assert_eq!(world.number("SELECT count(*) FROM delivery WHERE address IS NOT NULL").await, 0);
    assert_eq!(world.number("SELECT count(*) FROM opt_out").await, 1, "a refusal outlives the person");
    assert_eq!(world.number("SELECT count(*) FROM consent WHERE basis <> ''").await, 1, "and so does when and why");
    assert!(dossier::find(&world.db, &world.seal, "p1").await.unwrap().is_none());
    assert!(dossier::find(&world.db, &world.seal, &format!("erased-{person}")).await.unwrap().is_none());
    // What was made up here counts in no tally.
    for table in filled {
        world.sql(&format!("DELETE FROM {table}")).await;
    }
}

async fn an_erasure_on_the_way_loses_no_count_and_sends_nothing_further(world: &World) {
    // One is with the gateway, one was taken and waits for its receipt, one is still to come.
    let people = world.people(&[phone(1).email(1), phone(2).email(2), phone(3).email(3)]).await;
    let run = world.fanned_out(&one_after_the_other()).await;
    let plan = world.plan(run);
    let first = world.claim_as(&loa::delivery::claim::Request { limit: 2, ..world.request(&plan, SMS) }).await.claimed;
    assert_eq!(first.len(), 2);
    let two = Outcome::Accepted { ids: vec!["g2".into()], silent_at: None };
    world.record(vec![judged(&first[1], two)]).await;
    for reference in ["p1", "p2", "p3"] {
        let done = erase::erase(&world.db, reference, "Lan", world.now()).await.unwrap();
        assert_eq!(done, Some(Erased { requests: 0, under_way: true }), "{reference}");
    }
    world.check().await;

    // What is with its gateway is counted to its end; who was not reached falls back to nothing.
    world.record(vec![judged(&first[0], Outcome::Accepted { ids: vec!["g1".into()], silent_at: None })]).await;
    world.hear(vec![world.of_attempt(first[1].id, 1, ReceiptState::Undelivered)]).await;
    world.hear(vec![world.of_attempt(first[0].id, 1, ReceiptState::Delivered)]).await;
    assert!(world.claim(run, SMS).await.is_empty() && world.claim(run, EMAIL).await.is_empty());
    let states = world.states(run).await;
    assert_eq!(
        states,
        [(people[0], SMS, State::Delivered), (people[1], SMS, State::Undelivered), (people[2], SMS, State::Skipped)]
    );
    world.check().await;

    // Until the run is over its rows know the address by its hash: nobody who shares it gets a second text.
    let known = "SELECT count(*) FROM delivery WHERE address IS NOT NULL";
    assert!(world.number(known).await > 0);
    let mut retention = Retention::new(world.db.clone(), world.clock.clone());
    retention.step().await.unwrap();
    assert_eq!(world.number("SELECT count(*) FROM erasure").await, 3);
    world.sql(&format!("UPDATE run SET state = 2, settled_at = {} WHERE id = {run}", world.now())).await;
    retention.step().await.unwrap();
    let left = ["erasure", "handle", "remark"].map(|table| format!("SELECT count(*) FROM {table}"));
    for count in left.iter().map(String::as_str).chain([known]) {
        assert_eq!(world.number(count).await, 0, "{count}");
    }
}

async fn tests_forget_whom_they_were_for(world: &World) {
    world.people(&[phone(1), phone(2)]).await;
    let run = world.run_with(&by_sms(), super::world::EVERYBODY, &["p1".into(), "p2".into()]).await;
    erase::erase(&world.db, "p1", "Lan", world.now()).await.unwrap().unwrap();
    world.step().await;
    assert_eq!(world.states(run).await.len(), 1, "the other one alone");
    assert_eq!(world.number("SELECT count(*) FROM run WHERE recipients LIKE '%p1%'").await, 0);
    assert_eq!(world.number("SELECT count(*) FROM run WHERE recipients LIKE '%erased-1%' AND recipients LIKE '%p2%'").await, 1);
}

fn asks(kind: Kind, subject: Subject, received_at: i64) -> New<'static> {
    New { kind, subject, until: None, received_at, by: "Lan", note: "qua điện thoại" }
}

async fn taken_in(world: &World, new: &New<'_>) -> i64 {
    request::take_in(&world.db, &world.seal, &Holidays::built_in(), new, world.now()).await.unwrap()
}

async fn stepped(world: &World, id: i64, step: Step) -> Result<(), Refused> {
    request::step(&world.db, &world.seal, id, step, "Bình", "", world.now()).await
}

async fn silence_is_kept_until_its_end_whatever_the_address(world: &World) {
    let people = world.people(&[phone(1), phone(2), phone(3)]).await;
    let until = world.now() + 30 * DAY;
    let objection = New { until: Some(until), ..asks(Kind::Objection, Subject::Person(people[0]), world.now()) };
    let first = taken_in(world, &objection).await;
    // A new number is no way round it.
    world.sql(&format!("UPDATE recipient SET phone_hash = 11 WHERE id = {}", people[0])).await;
    let run = world.fanned_out(&by_sms()).await;
    assert_eq!(world.row(run, people[0], SMS).await.why(), Why::OptedOut);
    // Somebody else asks while the run is under way.
    taken_in(
        world,
        &New { until: Some(until), kind: Kind::Restriction, ..asks(Kind::Objection, Subject::Person(people[1]), world.now()) },
    )
    .await;
    assert_eq!(world.claim(run, SMS).await.len(), 1);
    let row = world.row(run, people[1], SMS).await;
    assert_eq!((row.state(), row.why()), (State::Skipped, Why::OptedOut));

    // Of two the later end holds; the one is lifted, and the other still counts.
    let second = taken_in(world, &New { until: Some(until + DAY), ..objection }).await;
    stepped(world, second, Step::Lift).await.unwrap();
    assert!(matches!(stepped(world, second, Step::Lift).await, Err(Refused::Silent(_))));
    assert_eq!(world.number(&format!("SELECT silent_until FROM recipient WHERE id = {}", people[0])).await, until);
    stepped(world, first, Step::Close).await.unwrap();
    world.advance(30 * DAY - 1).await;
    let run = world.fanned_out(&by_sms()).await;
    assert_eq!(world.row(run, people[0], SMS).await.state(), State::Skipped);
    world.advance(1).await;
    let run = world.fanned_out(&by_sms()).await;
    assert_eq!(world.row(run, people[0], SMS).await.state(), State::Pending, "it ended by itself");
}

async fn a_refusal_for_a_time_ends_by_itself(world: &World) {
    let people = world.people(&[phone(1), phone(2)]).await;
    let said = Said { source: "link", wording: "Trong 1 tháng", at: world.now() };
    let until = world.now() + 30 * DAY;
    let pause = async |address: i64, scope, until| {
        transaction!(world.db, |tx| consent::pause(tx, Channel::Sms, address, scope, until, said).await).unwrap()
    };
    pause(1, Scope::Awareness, until).await;
    let run = world.fanned_out(&by_sms()).await;
    assert_eq!(world.row(run, people[0], SMS).await.why(), Why::OptedOut);
    // Between fan-out and claim; and between claim and send.
    pause(2, Scope::All, until).await;
    assert!(world.claim(run, SMS).await.is_empty());
    let run = world.run(&by_sms()).await;
    world.active.refresh().await.unwrap();
    let active = world.active.get(run).unwrap();
    assert!(!world.active.may_send(&active, SMS, 2, world.now()) && world.active.may_send(&active, SMS, 3, world.now()));
    // A refusal for good beside it outlives it; a shorter one makes nothing less.
    transaction!(world.db, |tx| consent::refuse(tx, Channel::Sms, 2, Scope::Awareness, said).await).unwrap();
    pause(2, Scope::Awareness, until - DAY).await;
    let standing = consent::standing(&world.db, Channel::Sms, &[1, 2]).await.unwrap();
    assert_eq!(standing[&2].passing, Some((Scope::All, until)));
    let refuses = |address: i64, now| standing[&address].refuses(now);
    assert_eq!((refuses(2, until - 1), refuses(2, until)), (Some(Scope::All), Some(Scope::Awareness)));
    assert_eq!((refuses(1, until - 1), refuses(1, until)), (Some(Scope::Awareness), None));

    world.advance(30 * DAY).await;
    let run = world.fanned_out(&by_sms()).await;
    assert_eq!(world.states(run).await, [(people[0], SMS, State::Pending), (people[1], SMS, State::Skipped)]);
    assert_eq!(world.claim(run, SMS).await.len(), 1);
    world.advance(1).await;
    Retention::new(world.db.clone(), world.clock.clone()).step().await.unwrap();
    assert_eq!(world.number("SELECT count(*) FROM opt_out").await, 1, "what is over goes, what lasts stays");
    assert_eq!(consent::history(&world.db, Channel::Sms, 1).await.unwrap()[0].until, Some(until), "and so does its record");
}

async fn a_channels_own_word_goes_before_the_lists(world: &World) {
    let people = world.people(&[phone(1), phone(2), phone(3), phone(4)]).await;
    // The list says that the first two agreed, to every channel.
    world.sql("UPDATE recipient SET consent_basis = 'consent' WHERE id <= 2").await;
    let say = async |person: i64, channel, given, basis: &'static str| {
        let told = Word { given, basis, source: "phiếu", wording: "Tôi đồng ý", at: world.now(), by: "Lan" };
        transaction!(world.db, |tx| agreement::record(tx, person, channel, told, world.now()).await).unwrap();
    };
    say(people[1], Channel::Sms, false, "").await;
    say(people[2], Channel::Sms, false, "").await;
    say(people[2], Channel::Sms, true, "đồng ý").await;
    say(people[3], Channel::Email, true, "consent").await;
    let text = by_sms()
        .replace("kind = ", "law = \"advertising\"\nkind = ")
        .replace("\"Khong cung cap ma OTP.\"", "\"[QC] Hoi thao. {{ opt_out }}\"")
        .replace("text = \"", "text = \"[QC] ")
        .replace("subject = \"", "subject = \"[QC] ");
    let run = world.fanned_out(&text).await;
    let whys: Vec<Why> = world.rows(run).await.iter().map(super::world::Row::why).collect();
    assert_eq!(whys, [Why::Nothing, Why::NoConsent, Why::Nothing, Why::NoConsent]);
    // Withdrawn while the run is under way: the claim asks again.
    say(people[2], Channel::Sms, false, "").await;
    assert_eq!(world.claim(run, SMS).await.len(), 1);
    assert_eq!(world.row(run, people[2], SMS).await.why(), Why::NoConsent);
    let history = agreement::history(&world.db, people[2]).await.unwrap();
    assert_eq!(history.iter().map(|entry| entry.given).collect::<Vec<_>>(), [false, true, false]);
    // Information of the public asks nobody's consent.
    let run = world.fanned_out(&by_sms()).await;
    assert_eq!(world.claim(run, SMS).await.len(), 4);
}

async fn late_requests_come_first_and_each_step_is_remembered(world: &World) {
    let people = world.people(&[phone(1), phone(2)]).await;
    // Monday, 2 November 2026.
    let deletion = taken_in(world, &asks(Kind::Deletion, Subject::Person(people[0]), world.now())).await;
    let access = taken_in(world, &asks(Kind::Access, Subject::Person(people[0]), world.now())).await;
    let objection = taken_in(world, &asks(Kind::Objection, Subject::Address(Channel::Sms, 99), world.now())).await;
    let order = async || {
        let open = request::list(&world.db, &world.seal, false, &[], 10).await.unwrap();
        open.iter().map(|request| (request.id, request.is_overdue(world.now()))).collect::<Vec<_>>()
    };
    assert_eq!(request::queue(&world.db, world.now()).await.unwrap(), Queue { open: 3, overdue: 0 });
    stepped(world, deletion, Step::Answer).await.unwrap();
    stepped(world, access, Step::Answer).await.unwrap();
    // Thursday: nobody has answered the third.
    world.advance(3 * DAY).await;
    assert_eq!(order().await, [(objection, true), (access, false), (deletion, false)]);
    world.advance(9 * DAY).await;
    assert_eq!(request::queue(&world.db, world.now()).await.unwrap(), Queue { open: 3, overdue: 2 });
    assert_eq!(order().await, [(objection, true), (access, true), (deletion, false)]);

    let refused = consent::refused(&world.db, Channel::Sms, &[99], world.now()).await.unwrap();
    assert_eq!(refused.get(&99), Some(&Scope::All), "an address that nobody in the list has");
    stepped(world, access, Step::Close).await.unwrap();
    assert!(matches!(stepped(world, access, Step::Close).await, Err(Refused::Closed(_))));
    assert!(matches!(stepped(world, access, Step::Lift).await, Err(Refused::Silent(_))));
    assert!(matches!(stepped(world, deletion, Step::Close).await, Err(Refused::NotErased(_))));
    assert!(matches!(stepped(world, 99, Step::Answer).await, Err(Refused::Unknown(99))));
    stepped(world, objection, Step::Refuse).await.unwrap();
    assert!(consent::refused(&world.db, Channel::Sms, &[99], world.now()).await.unwrap().is_empty());

    // Erasing settles what is open, and takes what was written.
    let done = erase::erase(&world.db, "p1", "Lan", world.now()).await.unwrap().unwrap();
    assert_eq!(done.requests, 1);
    let closed = request::one(&world.db, &world.seal, deletion).await.unwrap().unwrap();
    assert_eq!((closed.state, closed.note.as_deref()), (request::State::Done, None));
    let steps: Vec<_> = closed.history.iter().map(|step| (step.action.name(), step.by.as_str())).collect();
    assert_eq!(steps, [("received", "Lan"), ("answered", "Bình"), ("erased", "Lan")]);
    assert_eq!(closed.reference.as_deref(), Some(format!("erased-{}", people[0]).as_str()));
    assert_eq!(request::queue(&world.db, world.now()).await.unwrap(), Queue::default());
    assert_eq!(request::list(&world.db, &world.seal, true, &[], 10).await.unwrap().len(), 3);
}

async fn what_an_officer_lifts_is_no_refusal_of_the_persons_own(world: &World) {
    // Nobody of the list: the request hangs on the address.
    let asked = async |address, until| {
        let subject = Subject::Address(Channel::Sms, address);
        taken_in(world, &New { until: Some(until), ..asks(Kind::Restriction, subject, world.now()) }).await
    };
    let refused =
        async |address| consent::refused(&world.db, Channel::Sms, &[address], world.now()).await.unwrap().get(&address).copied();
    let said = |source| Said { source, wording: "TC", at: world.now() };
    consent::record(&world.db, Channel::Sms, 1, Scope::All, said("reply")).await.unwrap();
    transaction!(&world.db, |tx| {
        consent::pause(tx, Channel::Sms, 2, Scope::Awareness, world.now() + 9 * DAY, said("link")).await
    })
    .unwrap();
    for address in [1, 2, 3] {
        let request = asked(address, world.now() + 30 * DAY).await;
        assert!(refused(address).await.is_some());
        stepped(world, request, Step::Lift).await.unwrap();
    }
    assert_eq!(refused(1).await, Some(Scope::All), "what was refused for good stays refused");
    assert!(refused(2).await.is_some(), "and what the person put off");
    assert_eq!(refused(3).await, None);
    let (first, _) = (asked(4, world.now() + DAY).await, asked(4, world.now() + 2 * DAY).await);
    stepped(world, first, Step::Lift).await.unwrap();
    assert!(refused(4).await.is_some(), "another request still silences it");
    let for_ever = asked(5, request::FOR_EVER).await;
    assert_eq!(refused(5).await, Some(Scope::All));
    stepped(world, for_ever, Step::Lift).await.unwrap();
    assert_eq!(refused(5).await, None);
    world.advance(9 * DAY).await;
    assert_eq!(refused(2).await, None);
}

async fn a_withdrawal_ends_advice_on_every_channel(world: &World) {
    let people = world.people(&[phone(1).email(2)]).await;
    world.sql("UPDATE recipient SET consent_basis = 'consent'").await;
    taken_in(world, &asks(Kind::Withdrawal, Subject::Person(people[0]), world.now())).await;
    let history = agreement::history(&world.db, people[0]).await.unwrap();
    assert_eq!(history.iter().filter(|entry| !entry.given).count(), 3);
    let scopes = async |channel, address| {
        consent::refused(&world.db, channel, &[address], world.now()).await.unwrap().get(&address).copied()
    };
    assert_eq!(
        (scopes(Channel::Sms, 1).await, scopes(Channel::Email, 2).await),
        (Some(Scope::Awareness), Some(Scope::Awareness))
    );
    assert_eq!(scopes(Channel::Chat, !1).await, Some(Scope::Awareness), "a number is an address on chat, too");
    let dossier = dossier::find(&world.db, &world.seal, "p1").await.unwrap().unwrap();
    let channels: Vec<Channel> = dossier.refusals.iter().map(|refusal| refusal.channel).collect();
    assert_eq!(channels, [Channel::Sms, Channel::Email, Channel::Chat]);
    let mut file = Vec::new();
    export::export(&world.db, &world.seal, None, &mut file).await.unwrap();
    let file = String::from_utf8(file).unwrap();
    assert!(file.contains("sms:awareness;email:awareness;chat:awareness"), "{file}");
    let run = world.fanned_out(&by_sms().replace("\"awareness\"", "\"warning\"")).await;
    assert_eq!(world.claim(run, SMS).await.len(), 1, "a warning rests on a duty");
}

async fn whoever_shares_an_address_speaks_for_nobody_else(world: &World) {
    let people = world.people(&[phone(1).email(2), phone(3).email(4), phone(3), phone(5)]).await;
    let on = async |channel, address| consent::other_ways(&world.db, channel, address).await.unwrap();
    let ways = async |address| on(Channel::Sms, address).await;
    assert_eq!(ways(1).await, [(Channel::Email, 2), (Channel::Chat, !1)], "a number is an address on chat, too");
    assert_eq!(on(Channel::Chat, !1).await, [(Channel::Sms, 1), (Channel::Email, 2)]);
    // Whoever has a mailbox alone and shares the phone speaks for the mailbox alone: neither refuses nor takes back for the others.
    assert!(on(Channel::Email, 4).await.is_empty());
    assert!(ways(3).await.is_empty() && ways(5).await.is_empty() && ways(9).await.is_empty());
    assert_eq!(request::subject(&world.db, Channel::Sms, 1).await.unwrap(), Subject::Person(people[0]));
    assert_eq!(request::subject(&world.db, Channel::Sms, 3).await.unwrap(), Subject::Address(Channel::Sms, 3));
}
