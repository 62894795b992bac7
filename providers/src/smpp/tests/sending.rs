//! Submissions and their answers.

use tokio::time::{Instant, advance};

use super::*;
use crate::Event;

#[tokio::test(start_paused = true)]
async fn a_message_is_taken_under_the_carriers_id() {
    let (gateway, mut carrier, _) = gateway("", 10);
    let sent = send(&gateway, "Khong bam vao lien ket la");
    let mut peer = carrier.bound().await;
    let submit = peer.take("00aB-7").await;
    assert_eq!(sent.await.unwrap(), ids(&["00aB-7"]));
    assert_eq!(submit.destination_addr.as_str(), "84900000001");
    assert_eq!((u8::from(submit.dest_addr_ton), u8::from(submit.dest_addr_npi)), (1, 1));
    assert_eq!(submit.source_addr.as_str(), "SoVHTT");
    assert_eq!((u8::from(submit.source_addr_ton), u8::from(submit.source_addr_npi)), (5, 0));
    assert_eq!(u8::from(submit.registered_delivery), 1);
    assert_eq!((u8::from(submit.esm_class), u8::from(submit.data_coding)), (0, 0));
    assert_eq!(submit.short_message().to_str(), Ok("Khong bam vao lien ket la"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_without_a_body_is_judged_by_its_status() {
    let (gateway, mut carrier, _) = gateway("codes = { 0x0400 = \"template\", 1025 = \"opted-out\" }", 10);
    let sent = send(&gateway, "a");
    let mut peer = carrier.bound().await;
    let (sequence, _) = peer.submission().await;
    peer.refuse(sequence, 0x0B).await;
    let SendError::Reject { reason: Reason::NoSuchAddress, detail } = sent.await.unwrap().unwrap_err() else { panic!() };
    assert_eq!(detail, "0x0000000B RINVDSTADR: invalid destination");

    let judged = [
        (0x08, "later: 0x00000008 RSYSERR: the carrier has a system error"),
        (0x0A, "misconfigured: 0x0000000A RINVSRCADR: invalid sender"),
        (0x0400, "rejected (template): 0x00000400, a code of the carrier's own"),
        (0x0401, "the recipient opted out: 0x00000401, a code of the carrier's own"),
        (0x04FF, "rejected (other): 0x000004FF, a code of the carrier's own"),
        (0xFF, "later: 0x000000FF RUNKNOWNERR: an unknown error"),
        (0xDEAD, "rejected (other): 0x0000DEAD, a code of no table"),
    ];
    for (status, words) in judged {
        let sent = send(&gateway, "a");
        let (sequence, _) = peer.submission().await;
        peer.refuse(sequence, status).await;
        assert_eq!(sent.await.unwrap().unwrap_err().to_string(), words);
    }
}

#[tokio::test(start_paused = true)]
async fn a_nack_is_a_refusal() {
    let (gateway, mut carrier, _) = gateway("", 10);
    let sent = send(&gateway, "a");
    let mut peer = carrier.bound().await;
    let (sequence, _) = peer.submission().await;
    peer.say(&carrier::header(0x8000_0000, 0, sequence)).await;
    assert!(matches!(sent.await.unwrap(), Err(SendError::Misconfigured { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_account_holds_and_answers_what_it_was_given() {
    let (gateway, mut carrier, _) = gateway("", 10);
    let first = send(&gateway, "a");
    let mut peer = carrier.bound().await;
    let pace = |seconds| (Some(Duration::from_secs(seconds)), Scope::Pace);
    let told = |error: SendError| match error {
        SendError::Retry { after, scope, .. } => (after, scope),
        other => panic!("{other:?}"),
    };
    let (sequence, _) = peer.submission().await;
    peer.refuse(sequence, 0x58).await;
    assert_eq!(told(first.await.unwrap().unwrap_err()), pace(1));
    // Held: at once, and nothing goes out.
    let held = send(&gateway, "b").await.unwrap().unwrap_err();
    assert_eq!(held.to_string(), "later: 0x00000058 RTHROTTLED: faster than allowed");
    assert_eq!(told(held), pace(1));
    // The pause doubles as long as the carrier says so, up to a minute.
    for seconds in [2, 4, 8, 16, 32, 60, 60] {
        advance(Duration::from_mins(1)).await;
        let again = send(&gateway, "c");
        let sequence = loop {
            let command = peer.next().await.unwrap();
            if command.id() == rusmpp::CommandId::EnquireLink {
                peer.say(&carrier::header(0x8000_0015, 0, command.sequence_number())).await;
            } else {
                break command.sequence_number();
            }
        };
        peer.refuse(sequence, 0x14).await;
        assert_eq!(told(again.await.unwrap().unwrap_err()), pace(seconds));
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_part_is_tried_again_where_an_earlier_one_was_taken() {
    let (gateway, mut carrier, _) = gateway("", 10);
    let sent = send(&gateway, &"x".repeat(200));
    let mut peer = carrier.bound().await;
    peer.take("p1").await;
    let (sequence, refused) = peer.submission().await;
    let before = Instant::now();
    peer.refuse(sequence, 0x58).await;
    let again = peer.take("p2").await;
    assert_eq!(again, refused);
    assert!(before.elapsed() >= Duration::from_secs(1));
    assert_eq!(sent.await.unwrap(), ids(&["p1", "p2"]));
}

#[tokio::test(start_paused = true)]
async fn a_part_that_comes_too_early_again_and_again_leaves_no_doubt() {
    let (gateway, mut carrier, _) = gateway("timeout = \"5s\"", 10);
    let sent = send(&gateway, &"x".repeat(200));
    let mut peer = carrier.bound().await;
    peer.take("p1").await;
    // It holds for 1, 2, 4, 8 and 16 seconds.
    for _ in 0..5 {
        let (sequence, _) = peer.submission().await;
        peer.refuse(sequence, 0x58).await;
    }
    peer.take("p2").await;
    assert_eq!(sent.await.unwrap(), ids(&["p1", "p2"]));
}

#[tokio::test(start_paused = true)]
async fn parts_are_spaced_as_the_accounts_slots_are_over_all_connections() {
    let (gateway, mut carrier, _) = gateway("binds = 2", 10);
    gateway.space(Duration::from_millis(40));
    let sent = [send(&gateway, &"x".repeat(600)), send(&gateway, &"y".repeat(600))];
    let (mut one, mut two) = (carrier.bound().await, carrier.bound().await);
    let mut times = Vec::new();
    for n in 0..8 {
        tokio::select! {
            _ = one.take("1") => {}
            _ = two.take("2") => {}
        }
        times.push(Instant::now());
        if n == 2 {
            gateway.space(Duration::from_millis(80));
        }
    }
    for sent in sent {
        assert_eq!(sent.await.unwrap().unwrap().ids.len(), 4);
    }
    let apart: Vec<_> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    assert!(apart[..2].iter().all(|apart| (40..45).contains(apart)), "{apart:?}");
    assert!(apart[2..].iter().all(|apart| *apart >= 60), "three quarters at least, for turns that were taken before: {apart:?}");
    assert!((80..85).contains(&apart[6]), "{apart:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wide_space_costs_no_patience() {
    let (gateway, mut carrier, _) = gateway("timeout = \"2s\"", 10);
    // No wider than a second: the slots themselves keep the rest.
    gateway.space(Duration::from_mins(1));
    let sent = send(&gateway, &"x".repeat(600));
    let mut peer = carrier.bound().await;
    let before = Instant::now();
    for id in ["1", "2", "3", "4"] {
        peer.take(id).await;
    }
    assert_eq!(sent.await.unwrap(), ids(&["1", "2", "3", "4"]));
    assert!((3_000..3_100).contains(&before.elapsed().as_millis()), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_part_refused_after_another_was_taken_leaves_doubt() {
    let (gateway, mut carrier, _) = gateway("", 10);
    let sent = send(&gateway, &"x".repeat(200));
    let mut peer = carrier.bound().await;
    peer.take("p1").await;
    let (sequence, _) = peer.submission().await;
    peer.refuse(sequence, 0x0B).await;
    let SendError::InDoubt { ids, detail } = sent.await.unwrap().unwrap_err() else { panic!() };
    assert_eq!(ids, ["p1"]);
    assert!(detail.starts_with("1 of 2 parts were taken"), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn a_cut_connection_leaves_doubt_with_what_was_taken() {
    let (gateway, mut carrier, _) = gateway("", 10);
    let (one, two) = (send(&gateway, "a"), send(&gateway, &"x".repeat(200)));
    let mut peer = carrier.bound().await;
    peer.submission().await;
    peer.take("p1").await;
    peer.submission().await;
    drop(peer);
    assert!(matches!(one.await.unwrap(), Err(SendError::InDoubt { ids, .. }) if ids.is_empty()));
    assert!(matches!(two.await.unwrap(), Err(SendError::InDoubt { ids, .. }) if ids == ["p1"]));
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_settles_the_doubt() {
    let (gateway, mut carrier, _) = gateway("timeout = \"5s\"", 10);
    let sent = send(&gateway, &"x".repeat(200));
    let mut peer = carrier.bound().await;
    peer.take("p1").await;
    let (sequence, _) = peer.submission().await;
    assert!(matches!(sent.await.unwrap(), Err(SendError::InDoubt { ids, .. }) if ids == ["p1"]));
    peer.accept_as(sequence, "p2").await;
    let arrival = gateway.events().await.unwrap();
    let accepted = Event::Accepted { reference: "0123456789abcdef".into(), ids: vec!["p1".into(), "p2".into()] };
    assert_eq!(arrival.events, [accepted]);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_to_an_earlier_part_says_nothing_of_the_whole() {
    let (gateway, mut carrier, _) = gateway("timeout = \"5s\"", 10);
    let sent = send(&gateway, &"x".repeat(200));
    let mut peer = carrier.bound().await;
    let (sequence, _) = peer.submission().await;
    assert!(matches!(sent.await.unwrap(), Err(SendError::InDoubt { ids, .. }) if ids.is_empty()));
    peer.accept_as(sequence, "p1").await;
    peer.receipt(9, "id:x stat:DELIVRD").await;
    let arrival = gateway.events().await.unwrap();
    assert!(matches!(&arrival.events[..], [Event::Receipt(_)]), "{:?}", arrival.events);
}

#[tokio::test(start_paused = true)]
async fn the_window_is_never_exceeded_and_always_used() {
    let (gateway, mut carrier, _) = gateway("binds = 2", 5);
    let sent: Vec<Sent> = (0..40).map(|at| send(&gateway, &format!("tin {at}"))).collect();
    let mut peers = [carrier.bound().await, carrier.bound().await];
    let mut outstanding: [Vec<u32>; 2] = Default::default();
    let shares = [3, 2];
    let mut taken = 0;
    while taken < 40 {
        for (peer, waiting) in peers.iter_mut().zip(&mut outstanding) {
            while let Ok((sequence, _)) = timeout(Duration::from_millis(10), peer.submission()).await {
                waiting.push(sequence);
            }
        }
        let counts = [outstanding[0].len(), outstanding[1].len()];
        assert!(counts[0] <= shares[0] && counts[1] <= shares[1], "{counts:?}");
        if taken <= 30 {
            assert_eq!(counts.iter().sum::<usize>(), 5, "a place was lost after {taken}");
        }
        let most = usize::from(counts[1] > counts[0]);
        let sequence = outstanding[most].remove(0);
        peers[most].accept_as(sequence, &format!("id{taken}")).await;
        taken += 1;
    }
    for sent in sent {
        assert_eq!(sent.await.unwrap().unwrap().ids.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_submission_keeps_its_place_until_it_is_forgotten() {
    let (gateway, mut carrier, _) = gateway("timeout = \"5s\"", 1);
    let first = send(&gateway, "a");
    let mut peer = carrier.bound().await;
    let (sequence, _) = peer.submission().await;
    assert!(matches!(first.await.unwrap(), Err(SendError::InDoubt { .. })));
    let second = send(&gateway, "b").await.unwrap().unwrap_err();
    assert!(matches!(second, SendError::Retry { scope: Scope::Account, .. }), "{second:?}");
    peer.accept_as(sequence, "late").await;
    let third = send(&gateway, "c");
    peer.take("now").await;
    assert_eq!(third.await.unwrap(), ids(&["now"]));
}

#[tokio::test(start_paused = true)]
async fn validity_is_said_as_the_carrier_wants_it() {
    let cases = [
        ("", Some(90_061), "000001010101000R"),
        ("validity = \"absolute\"", Some(3_600), "260921151320000+"),
        ("validity = \"none\"", Some(3_600), ""),
        ("max_validity = \"1h\"", Some(90_061), "000000010000000R"),
        ("max_validity = \"1h\"", None, "000000010000000R"),
        ("", None, ""),
    ];
    for (toml, seconds, said) in cases {
        let (gateway, mut carrier, _) = gateway(toml, 10);
        let mut outgoing = outgoing("a");
        outgoing.expires = seconds.map(|seconds| now() + chrono::TimeDelta::seconds(seconds));
        let sent = {
            let gateway = Arc::clone(&gateway);
            tokio::spawn(async move { gateway.send(&[outgoing]).await.remove(0) })
        };
        let mut peer = carrier.bound().await;
        let submit = peer.take("1").await;
        assert_eq!(submit.validity_period.as_str(), said, "{toml} {seconds:?}");
        sent.await.unwrap().unwrap();
    }
    let (gateway, ..) = gateway("", 10);
    let mut over = outgoing("a");
    over.expires = Some(now());
    assert!(matches!(gateway.send(&[over]).await.remove(0), Err(SendError::Reject { reason: Reason::Expired, .. })));
}
