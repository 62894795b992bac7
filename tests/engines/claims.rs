//! Claims: small, never shared, and the last look at everything that could forbid a send.

use std::{collections::HashSet, time::Duration};

use loa::{
    consent::{self, Said, Scope},
    db::Engine,
    delivery::{
        State, Why,
        claim::{self, Limit, Prepared, Request},
        close::Settle,
        record::Outcome,
    },
    epoch, on,
};
use providers::Channel;
use sqlx::Connection as _;

use super::world::{HOUR, SMS, World, accepted, by_sms, campaign, in_doubt, judged, later, phone};

async fn two_claimers_never_share_a_row(world: &World) {
    let people = world.crowd(60).await;
    let run = world.fanned_out(&by_sms()).await;
    let plan = world.plan(run);
    let other = world.account_for("other", Channel::Sms).await;
    let neighbour = epoch::register(&world.db, "there", world.now()).await.unwrap();
    let requests: Vec<Request<'_>> = (0..8)
        .map(|i| {
            let (account, epoch) = if i % 2 == 0 { (world.account, world.epoch) } else { (other, neighbour) };
            Request { account, epoch, limit: 10, ..world.request(&plan, SMS) }
        })
        .collect();
    let claims = futures::future::join_all(requests.iter().map(|request| world.claim_as(request))).await;
    let claimed: Vec<i64> = claims.iter().flat_map(|claim| claim.claimed.iter().map(|c| c.id)).collect();
    assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), claimed.len(), "somebody was claimed twice");
    let left = world.claim(run, SMS).await.len();
    assert_eq!(claimed.len() + left, people.len(), "all are taken, each once");
    let owners = world.rows(run).await.into_iter().filter(|r| r.owner == neighbour).count();
    assert!(owners > 0, "both took some");
}

async fn what_one_account_tried_only_it_repeats(world: &World) {
    world.crowd(1).await;
    let run = world.fanned_out(&by_sms()).await;
    let plan = world.plan(run);
    world.send(run, SMS, &in_doubt()).await;
    assert_eq!(world.settle(Settle::Repeat).await, 1);
    let other = world.account_for("other", Channel::Sms).await;
    assert_eq!(world.claim_as(&Request { account: other, ..world.request(&plan, SMS) }).await.claimed.len(), 0);
    let claim = world.claim_as(&Request { pinned_only: true, ..world.request(&plan, SMS) }).await;
    assert_eq!(claim.claimed.len(), 1);
    let again = &claim.claimed[0];
    assert!(again.repeat);
    assert_eq!((again.attempt, again.cost, again.row), (1, (0, 0), (1, 300)), "the same attempt, paid for once");
}

async fn a_better_account_takes_what_is_not_bound(world: &World) {
    world.crowd(2).await;
    let run = world.fanned_out(&by_sms()).await;
    let plan = world.plan(run);
    assert_eq!(world.claim_as(&Request { pinned_only: true, ..world.request(&plan, SMS) }).await.claimed.len(), 0);
}

async fn spacing_defers_and_caps_count(world: &World) {
    let people = world.crowd(1).await;
    let (first, second) = (world.fanned_out(&by_sms()).await, world.fanned_out(&by_sms()).await);
    world.send(first, SMS, &accepted()).await;
    let plan = world.plan(second);
    let spacing = Some(Duration::from_hours(20));
    let claim = world.claim_as(&Request { spacing, ..world.request(&plan, SMS) }).await;
    assert!(claim.claimed.is_empty());
    assert_eq!(world.row(second, people[0], SMS).await.next_at, Some(world.now() + 20 * HOUR));

    world.advance(20 * HOUR).await;
    let cap = Some((1, Duration::from_hours(48)));
    let claim = world.claim_as(&Request { spacing, cap, ..world.request(&plan, SMS) }).await;
    assert!(claim.claimed.is_empty());
    assert_eq!(world.row(second, people[0], SMS).await.next_at, Some(world.now() + 28 * HOUR));

    let warning = world.fanned_out(&campaign("warning", "use = [\"sms\"]", "")).await;
    let plan = world.plan(warning);
    let claim = world.claim_as(&Request { counts_as_contact: false, cap, spacing, ..world.request(&plan, SMS) }).await;
    assert_eq!(claim.claimed.len(), 1, "a warning waits for nothing");
    assert_eq!(world.number("SELECT count(*) FROM contact").await, 1);
}

async fn a_contact_is_given_back_if_nothing_was_sent(world: &World) {
    world.crowd(1).await;
    let run = world.fanned_out(&by_sms()).await;
    let contacts = "SELECT count(*) FROM contact";
    for outcome in [Outcome::PutBack { next_at: world.now() }, later(world.now())] {
        let claimed = world.claim(run, SMS).await;
        assert_eq!(world.number(contacts).await, 1);
        world.record(vec![judged(&claimed[0], outcome)]).await;
        assert_eq!(world.number(contacts).await, 0);
    }
    world.send(run, SMS, &in_doubt()).await;
    world.settle(Settle::Anew).await;
    world.send(run, SMS, &Outcome::PutBack { next_at: world.now() }).await;
    assert_eq!(world.number(contacts).await, 1, "the attempt in doubt may have arrived");
}

async fn the_budget_is_never_exceeded(world: &World) {
    world.crowd(10).await;
    let run = world.fanned_out(&campaign("awareness", "use = [\"sms\"]", "budget = 1000")).await;
    let plan = world.plan(run);
    let request = Request { budget: Some(1000), limit: 2, ..world.request(&plan, SMS) };
    let both = tokio::join!(world.claim_as(&request), world.claim_as(&request));
    let third = world.claim_as(&request).await;
    let claimed = both.0.claimed.len() + both.1.claimed.len() + third.claimed.len();
    assert_eq!(claimed, 3, "3 × 300 đồng");
    assert_eq!(third.limit, Limit::Budget);
    world.record(both.0.claimed.iter().map(|c| judged(c, Outcome::PutBack { next_at: world.now() })).collect()).await;
    let again = world.claim_as(&request).await.claimed.len();
    assert_eq!(again, both.0.claimed.len(), "what was not sent was not spent");
}

async fn a_slot_is_a_part_or_a_batch(world: &World) {
    world.crowd(10).await;
    let run = world.fanned_out(&by_sms()).await;
    let plan = world.plan(run);
    let rate = loa::config::Rate { count: 10, per: Duration::from_secs(1) };
    let five = Request { rate, slot: providers::Slot::Part, ..world.request(&plan, SMS) };
    let claim = world.claim_long(&five, 2).await;
    assert_eq!(
        (claim.claimed.len(), claim.reserved.map(|reserved| reserved.n)),
        (2, Some(4)),
        "five slots hold two messages of two parts"
    );
    assert!(!claim.exhausted);
    let none = world.claim_long(&Request { slots: 0, ..five.clone() }, 2).await;
    assert!(none.claimed.len() <= 1, "a slot is left, and a message may begin on it");
    let whole = world.claim_long(&Request { slots: 3, limit: 1, ..five.clone() }, 3).await;
    assert_eq!((whole.claimed.len(), whole.reserved), (1, None), "slots that are held are used first");

    let hourly = loa::config::Rate { count: 1, per: Duration::from_hours(1) };
    world.advance(HOUR).await;
    let batch = Request { rate: hourly, batch: 4, slots: 1, ..world.request(&plan, SMS) };
    let claim = world.claim_as(&batch).await;
    assert!(claim.claimed.len() >= 4 && claim.claimed.len() <= 8, "{} messages in one or two requests", claim.claimed.len());
}

async fn quota_and_slots_bound_a_claim(world: &World) {
    world.crowd(10).await;
    let run = world.fanned_out(&by_sms()).await;
    let plan = world.plan(run);
    let request = Request { daily: Some(4), ..world.request(&plan, SMS) };
    assert_eq!(world.claim_as(&request).await.claimed.len(), 4);
    assert_eq!(world.claim_as(&request).await.limit, Limit::Quota);
    let tomorrow = world.claim_as(&Request { day: "2026-11-03", limit: 1, ..request.clone() }).await;
    assert_eq!(tomorrow.claimed.len(), 1);

    let slow = Request { rate: loa::config::Rate { count: 1, per: Duration::from_hours(1) }, ..world.request(&plan, SMS) };
    let claim = world.claim_as(&slow).await;
    assert_eq!((claim.claimed.len(), claim.reserved.map(|reserved| reserved.n)), (1, Some(1)));
    assert_eq!(world.claim_as(&slow).await.limit, Limit::Rate);
    let held = world.claim_as(&Request { slots: 2, ..slow }).await;
    assert_eq!((held.claimed.len(), held.reserved), (2, None), "slots that the caller holds need no others");
}

async fn a_paused_account_takes_nothing(world: &World) {
    world.crowd(1).await;
    let run = world.fanned_out(&by_sms()).await;
    loa::account::pause(&world.db, world.account, Some("wrong password"), world.now()).await.unwrap();
    let plan = world.plan(run);
    assert_eq!(world.claim_as(&world.request(&plan, SMS)).await.limit, Limit::Account);
    loa::account::pause(&world.db, world.account, None, world.now()).await.unwrap();
    assert_eq!(world.claim(run, SMS).await.len(), 1);
}

async fn a_refusal_after_the_fan_out_is_honoured(world: &World) {
    let people = world.people(&[phone(1).email(2), phone(3)]).await;
    let run = world.fanned_out(&campaign("awareness", "use = [\"sms\", \"email\"]\npolicy = \"first\"", "")).await;
    let said = Said { source: "link", wording: "", at: world.now() };
    consent::record(&world.db, Channel::Sms, 1, Scope::Awareness, said).await.unwrap();
    let claimed = world.claim(run, SMS).await;
    assert_eq!(claimed.len(), 1);
    let refused = world.row(run, people[0], SMS).await;
    assert_eq!((refused.state(), refused.why()), (State::Skipped, Why::OptedOut));
    assert_eq!(world.row(run, people[0], Channel::Email as i16).await.state(), State::Pending, "moved on");
}

async fn a_changed_address_is_looked_at_anew(world: &World) {
    let people = world.people(&[phone(1), phone(2), phone(3), phone(4)]).await;
    let run = world.fanned_out(&by_sms()).await;
    // The first gets a new phone, the second somebody else's, the third none; the last retired.
    world.sql(&format!("UPDATE recipient SET phone_hash = 9 WHERE id = {}", people[0])).await;
    world.sql(&format!("UPDATE recipient SET phone_hash = 4 WHERE id = {}", people[1])).await;
    world.sql(&format!("UPDATE recipient SET phone_hash = NULL WHERE id = {}", people[2])).await;
    world.sql(&format!("UPDATE recipient SET state = 1 WHERE id = {}", people[3])).await;
    let claimed = world.claim(run, SMS).await;
    assert_eq!(claimed.iter().map(|c| c.address).collect::<Vec<_>>(), [9]);
    assert_eq!(world.row(run, people[0], SMS).await.address, Some(9));
    assert_eq!(world.row(run, people[1], SMS).await.why(), Why::SameAddress);
    assert_eq!(world.row(run, people[2], SMS).await.why(), Why::NoAddress);
    assert_eq!(world.row(run, people[3], SMS).await.why(), Why::NoAddress);
}

async fn a_doubted_attempt_goes_to_no_other_address(world: &World) {
    let people = world.crowd(1).await;
    let run = world.fanned_out(&by_sms()).await;
    world.send(run, SMS, &in_doubt()).await;
    world.settle(Settle::Repeat).await;
    world.sql("UPDATE recipient SET phone_hash = 5").await;
    assert!(world.claim(run, SMS).await.is_empty());
    let row = world.row(run, people[0], SMS).await;
    assert_eq!((row.state(), row.why()), (State::Unknown, Why::AddressChanged));
}

async fn what_changes_after_the_look_is_left(world: &World) {
    // A server locks what is looked at.
    if world.db.engine() == Engine::Postgres {
        return;
    }
    world.crowd(3).await;
    let run = world.fanned_out(&by_sms()).await;
    let plan = world.plan(run);
    let request = world.request(&plan, SMS);
    let mut looked_at = Vec::new();
    // Over a connection of its own: the pool's are given back by this scenario's thread, which stands still meanwhile.
    let file = on!(world.db.read, |pool, _sql| sqlx::query_scalar("SELECT file FROM pragma_database_list WHERE name = 'main'")
        .fetch_one(pool)
        .await);
    let file: String = file.unwrap();
    let claim = claim::claim(&world.db, &request, |candidate| {
        looked_at.push(candidate.id);
        if looked_at.len() == 1 {
            let (file, id) = (file.clone(), candidate.id);
            let meanwhile = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let mut other = sqlx::SqliteConnection::connect(&format!("sqlite:{file}")).await.unwrap();
                    let change = "UPDATE delivery SET updated_at = updated_at + 1 WHERE id = $1";
                    sqlx::query(change).bind(id).execute(&mut other).await.unwrap().rows_affected()
                })
            });
            assert_eq!(meanwhile.join().unwrap(), 1);
        }
        Prepared::Send { parts: 1, price: 300, payload: () }
    })
    .await
    .unwrap();
    let claimed: Vec<i64> = claim.claimed.iter().map(|claimed| claimed.id).collect();
    assert_eq!(claimed, looked_at[1..], "the others are taken");
    assert!(!claim.exhausted, "it is worth asking again");
    assert_eq!(world.claim(run, SMS).await.len(), 1);
}

async fn what_cannot_be_rendered_is_rejected(world: &World) {
    let people = world.crowd(1).await;
    let run = world.fanned_out(&by_sms()).await;
    let plan = world.plan(run);
    let request = world.request(&plan, SMS);
    let reject = |_: &_| -> Prepared<()> { Prepared::Reject { reason: providers::Reason::Content, detail: "no name".into() } };
    let claim = claim::claim(&world.db, &request, reject).await.unwrap();
    assert!(claim.claimed.is_empty());
    assert_eq!(world.row(run, people[0], SMS).await.state(), State::Rejected);
}

async fn without_a_lease_nothing_is_claimed(world: &World) {
    world.crowd(1).await;
    let run = world.fanned_out(&by_sms()).await;
    let plan = world.plan(run);
    world.hands.advance(epoch::LEASE);
    assert_eq!(world.claim_as(&world.request(&plan, SMS)).await.limit, Limit::Lease);
    assert!(!epoch::renew(&world.db, world.epoch, world.now()).await.unwrap(), "it must register anew");
}

async fn a_run_that_stands_still_is_not_claimed_from(world: &World) {
    world.crowd(1).await;
    let run = world.fanned_out(&by_sms()).await;
    let plan = world.plan(run);
    loa::run::command::pause(&world.db, run).await.unwrap();
    assert_eq!(world.claim_as(&world.request(&plan, SMS)).await.limit, Limit::Run);
    loa::run::command::resume(&world.db, run).await.unwrap();
    world.active.hold(run, "budget").await.unwrap();
    assert_eq!(world.claim_as(&world.request(&plan, SMS)).await.limit, Limit::Run);
    loa::run::command::resume(&world.db, run).await.unwrap();
    world.advance(24 * HOUR).await;
    assert_eq!(world.claim_as(&world.request(&plan, SMS)).await.limit, Limit::Run, "expired");
}

on_both_engines!(
    two_claimers_never_share_a_row,
    what_one_account_tried_only_it_repeats,
    a_better_account_takes_what_is_not_bound,
    spacing_defers_and_caps_count,
    a_contact_is_given_back_if_nothing_was_sent,
    the_budget_is_never_exceeded,
    quota_and_slots_bound_a_claim,
    a_slot_is_a_part_or_a_batch,
    a_paused_account_takes_nothing,
    a_refusal_after_the_fan_out_is_honoured,
    a_changed_address_is_looked_at_anew,
    a_doubted_attempt_goes_to_no_other_address,
    what_changes_after_the_look_is_left,
    what_cannot_be_rendered_is_rejected,
    without_a_lease_nothing_is_claimed,
    a_run_that_stands_still_is_not_claimed_from,
);
