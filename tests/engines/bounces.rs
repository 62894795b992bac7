//! Bounces: what ends mail to an address, what does not, and that it holds for whoever has the address.

use loa::{
    consent::{self, Scope},
    delivery::{State, Why},
    receipt::{self, leftover},
    suppression::{self, Cause},
};
use providers::{Channel, Event, Leftover, Reason, Receipt, ReceiptState};

use super::world::{EMAIL, HOUR, Person, World, accepted, campaign};

const DAY: i64 = 24 * HOUR;

fn by_mail() -> String {
    campaign("awareness", "use = [\"email\"]", "valid_for = \"24h\"")
}

fn mail(hash: i64) -> Person {
    Person { email: Some(hash), ..Person::default() }
}

/// Sends a run to everybody by mail, and gives the delivery of a person.
async fn sent(world: &World, person: i64) -> i64 {
    let run = world.fanned_out(&by_mail()).await;
    world.send(run, EMAIL, &accepted()).await;
    world.row(run, person, EMAIL).await.id
}

fn because(world: &World, delivery: i64, state: ReceiptState, reason: Reason) -> Receipt {
    Receipt { reason: Some(reason), detail: "550 said so".into(), ..world.of_attempt(delivery, 1, state) }
}

async fn failed(world: &World, delivery: i64, reason: Reason) {
    world.hear(vec![because(world, delivery, ReceiptState::Undelivered, reason)]).await;
}

async fn standing(world: &World, hash: i64) -> Option<(Cause, Reason)> {
    let standing = suppression::standing(&world.db, Channel::Email, hash).await.unwrap();
    standing.map(|s| (s.cause, s.reason))
}

async fn an_address_that_does_not_exist_gets_no_more_mail(world: &World) {
    let people = world.people(&[mail(11), mail(12)]).await;
    let delivery = sent(world, people[0]).await;
    // The next run is made before the bounce comes: its row waits, and is not claimed.
    let waiting = world.fanned_out(&by_mail()).await;
    failed(world, delivery, Reason::NoSuchAddress).await;
    failed(world, delivery, Reason::NoSuchAddress).await;
    assert_eq!(standing(world, 11).await, Some((Cause::NoSuchAddress, Reason::NoSuchAddress)));
    assert_eq!(standing(world, 12).await, None);
    let why = async |run| {
        let row = world.row(run, people[0], EMAIL).await;
        (row.state(), row.why())
    };
    assert_eq!(world.send(waiting, EMAIL, &accepted()).await, 1, "the other person's");
    assert_eq!(why(waiting).await, (State::Skipped, Why::Suppressed));
    let next = world.fanned_out(&by_mail()).await;
    assert_eq!(why(next).await, (State::Skipped, Why::Suppressed));
    // It outlives the person: who comes with this address on another list is not written to either.
    world.sql(&format!("UPDATE recipient SET state = 2, email = NULL, email_hash = NULL WHERE id = {}", people[0])).await;
    let other = world.people(&[mail(11)]).await[0];
    let run = world.fanned_out(&by_mail()).await;
    assert_eq!(world.row(run, other, EMAIL).await.why(), Why::Suppressed);
    let listed = suppression::list(&world.db, None, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].suppressed.bounces, listed[0].suppressed.detail.as_str()), (1, "550 said so"));
    assert!(
        suppression::list(&world.db, Some((listed[0].suppressed.at, listed[0].suppressed.address)), 10).await.unwrap().is_empty()
    );

    assert!(suppression::lift(&world.db, Channel::Email, 11).await.unwrap());
    assert!(!suppression::lift(&world.db, Channel::Email, 11).await.unwrap());
    let run = world.fanned_out(&by_mail()).await;
    assert_eq!(world.row(run, other, EMAIL).await.state(), State::Pending);
    world.check().await;
}

async fn what_fails_for_a_while_ends_after_so_many_times(world: &World) {
    let person = world.people(&[mail(11)]).await[0];
    for (reason, pause) in [(Reason::Full, 100 * DAY), (Reason::Full, DAY), (Reason::Unreachable, DAY)] {
        let delivery = sent(world, person).await;
        // Said three times, it failed once.
        for _ in 0..3 {
            failed(world, delivery, reason).await;
        }
        assert_eq!(standing(world, 11).await, None);
        world.advance(pause).await;
    }
    // What speaks of our text or of us is not the address's fault.
    for reason in [Reason::Blocked, Reason::Content, Reason::Quota] {
        let delivery = sent(world, person).await;
        failed(world, delivery, reason).await;
    }
    assert_eq!(standing(world, 11).await, None, "the first was too long ago");
    let delivery = sent(world, person).await;
    failed(world, delivery, Reason::Expired).await;
    assert_eq!(standing(world, 11).await, Some((Cause::Repeated, Reason::Expired)));
}

async fn what_ended_it_is_shown_whatever_else_failed_later(world: &World) {
    let person = world.people(&[mail(11)]).await[0];
    let (first, second) = (sent(world, person).await, sent(world, person).await);
    failed(world, second, Reason::Full).await;
    failed(world, first, Reason::NoSuchAddress).await;
    assert_eq!(standing(world, 11).await, Some((Cause::NoSuchAddress, Reason::NoSuchAddress)));
}

async fn a_bounce_that_comes_after_an_erasure_leaves_no_words(world: &World) {
    let person = world.people(&[mail(11)]).await[0];
    let delivery = sent(world, person).await;
    loa::audience::erase::erase(&world.db, "p1", "Lan", world.now()).await.unwrap();
    failed(world, delivery, Reason::NoSuchAddress).await;
    assert_eq!(standing(world, 11).await, Some((Cause::NoSuchAddress, Reason::NoSuchAddress)), "mail ends there all the same");
    for table in ["bounce", "suppression", "remark"] {
        assert_eq!(world.number(&format!("SELECT count(*) FROM {table} WHERE detail <> ''")).await, 0, "{table}");
    }
    world.check().await;
}

async fn a_complaint_is_a_refusal_too(world: &World) {
    let person = world.people(&[mail(11)]).await[0];
    let delivery = sent(world, person).await;
    let complaint = because(world, delivery, ReceiptState::Delivered, Reason::Complaint);
    for _ in 0..2 {
        world.hear(vec![complaint.clone()]).await;
    }
    assert_eq!(standing(world, 11).await, Some((Cause::Complaint, Reason::Complaint)));
    let run = loa::delivery::run_of(delivery);
    assert_eq!(world.row(run, person, EMAIL).await.state(), State::Delivered, "whoever complains of it has it");
    let history = consent::history(&world.db, Channel::Email, 11).await.unwrap();
    let said: Vec<_> = history.iter().map(|event| (event.refused, event.source.as_str(), event.wording.as_str())).collect();
    assert_eq!(said, [(Some(Scope::All), "complaint", "complaint")], "once");
    // The address works again as far as we are concerned; the person's word stands.
    suppression::lift(&world.db, Channel::Email, 11).await.unwrap();
    let run = world.fanned_out(&by_mail()).await;
    assert_eq!(world.row(run, person, EMAIL).await.why(), Why::OptedOut);
}

async fn a_forged_bounce_ends_nothing(world: &World) {
    let person = world.people(&[mail(11)]).await[0];
    let delivery = sent(world, person).await;
    let mut forged = because(world, delivery, ReceiptState::Undelivered, Reason::NoSuchAddress);
    if let providers::About::Reference(text) = &mut forged.about {
        let last = if text.pop() == Some('0') { '1' } else { '0' };
        text.push(last);
    }
    world.hear(vec![forged]).await;
    assert_eq!(standing(world, 11).await, None);
    assert_eq!(world.row(loa::delivery::run_of(delivery), person, EMAIL).await.state(), State::Accepted);
}

async fn a_bounce_after_all_is_joined(world: &World) {
    let person = world.people(&[mail(11)]).await[0];
    let delivery = sent(world, person).await;
    let run = loa::delivery::run_of(delivery);
    let delayed = Receipt { detail: "4.4.1".into(), ..world.of_attempt(delivery, 1, ReceiptState::Enroute) };
    world.hear(vec![delayed.clone()]).await;
    assert_eq!(world.row(run, person, EMAIL).await.state(), State::Enroute, "no end");
    failed(world, delivery, Reason::Full).await;
    world.hear(vec![delayed]).await;
    let row = world.row(run, person, EMAIL).await;
    assert_eq!((row.state(), row.why()), (State::Undelivered, Why::Gateway(Reason::Full)));
    world.check().await;
}

async fn phones_are_left_alone(world: &World) {
    let person = world.crowd(1).await[0];
    let run = world.fanned_out(&super::world::by_sms()).await;
    world.send(run, super::world::SMS, &accepted()).await;
    let delivery = world.row(run, person, super::world::SMS).await.id;
    failed(world, delivery, Reason::NoSuchAddress).await;
    assert_eq!(world.number("SELECT count(*) FROM bounce").await + world.number("SELECT count(*) FROM suppression").await, 0);
}

async fn what_is_no_bounce_is_counted(world: &World) {
    let (inbox, mut appender) = receipt::inbox(world.matcher(), world.ear());
    for _ in 0..2 {
        let came =
            vec![Event::Leftover(Leftover::AutoReply), Event::Leftover(Leftover::Unclear), Event::Leftover(Leftover::AutoReply)];
        let (taken, _) = tokio::join!(inbox.take(world.account, Channel::Email, came), appender.step());
        assert_eq!(taken.unwrap().left_over, 3);
    }
    assert_eq!(leftover::read(&world.db).await.unwrap(), [(Leftover::AutoReply, 4), (Leftover::Unclear, 2)]);
}

on_both_engines!(
    an_address_that_does_not_exist_gets_no_more_mail,
    what_fails_for_a_while_ends_after_so_many_times,
    what_ended_it_is_shown_whatever_else_failed_later,
    a_bounce_that_comes_after_an_erasure_leaves_no_words,
    a_complaint_is_a_refusal_too,
    a_forged_bounce_ends_nothing,
    a_bounce_after_all_is_joined,
    phones_are_left_alone,
    what_is_no_bounce_is_counted,
);
