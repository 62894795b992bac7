//! What comes by itself: receipts, messages from people, and when they are answered.

use rusmpp::{CommandId, tlvs::MessageDeliveryRequestTlvValue as Tlv, types::COctetString, values::MessageState};

use super::{
    carrier::{Deliver, Peer},
    *,
};
use crate::{About, Event, Inbound, Receipt, ReceiptState};

/// A gateway that is bound because it listens.
async fn listening(toml: &str) -> (Arc<SmppGateway>, Carrier, Peer) {
    let (gateway, mut carrier, _) = gateway(toml, 10);
    let listening = {
        let gateway = Arc::clone(&gateway);
        tokio::spawn(async move { gateway.events().await.map(drop) })
    };
    let peer = carrier.bound().await;
    listening.abort();
    let _ = listening.await;
    (gateway, carrier, peer)
}

async fn events(gateway: &SmppGateway) -> Vec<Event> {
    let arrival = gateway.events().await.unwrap();
    arrival.acknowledge.committed();
    arrival.events
}

async fn receipt(gateway: &SmppGateway) -> Receipt {
    match events(gateway).await.remove(0) {
        Event::Receipt(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}

const DELIVERED: &str = "id:00aB7 sub:001 dlvrd:001 submit date:2611211200 done date:2611211205 stat:DELIVRD err:000 text:abc";

#[tokio::test(start_paused = true)]
async fn a_receipt_is_answered_only_once_it_is_committed() {
    let (gateway, _carrier, mut peer) = listening("").await;
    peer.receipt(11, DELIVERED).await;
    let arrival = gateway.events().await.unwrap();
    let [Event::Receipt(receipt)] = &arrival.events[..] else { panic!("{:?}", arrival.events) };
    assert_eq!(receipt.about, About::Id("00aB7".into()));
    assert_eq!((receipt.state, receipt.reason), (ReceiptState::Delivered, None));
    assert_eq!(receipt.at.unwrap().to_string(), "2026-11-21 05:05:00 UTC");
    assert_eq!(receipt.detail, "DELIVRD id 00aB7");
    assert!(timeout(Duration::from_secs(20), peer.next()).await.is_err(), "answered before it was committed");
    arrival.acknowledge.committed();
    assert_eq!(peer.delivered().await, (11, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_committed_is_to_be_repeated() {
    let (gateway, _carrier, mut peer) = listening("").await;
    peer.receipt(11, DELIVERED).await;
    drop(gateway.events().await.unwrap());
    assert_eq!(peer.delivered().await, (11, 0x64));
}

#[tokio::test(start_paused = true)]
async fn many_receipts_come_together_and_each_is_answered_once() {
    let (gateway, _carrier, mut peer) = listening("").await;
    for sequence in 1..=100 {
        peer.receipt(sequence, &format!("id:{sequence} stat:DELIVRD")).await;
    }
    let (mut arrivals, mut count) = (0, 0);
    while count < 100 {
        sleep(Duration::from_millis(1)).await;
        count += events(&gateway).await.len();
        arrivals += 1;
    }
    assert!(arrivals < 10, "{arrivals}");
    let mut answered = Vec::new();
    for _ in 0..100 {
        answered.push(peer.delivered().await.0);
    }
    answered.sort_unstable();
    assert_eq!(answered, (1..=100).collect::<Vec<u32>>());
}

#[tokio::test(start_paused = true)]
async fn a_flood_waits_and_links_are_answered_meanwhile() {
    let (gateway, _carrier, mut peer) = listening("").await;
    let flood = u32::try_from(session::UNANSWERED + session::HELD - 1).unwrap();
    for sequence in 1..=flood {
        peer.receipt(sequence, "id:1 stat:DELIVRD").await;
    }
    peer.say(&carrier::header(0x15, 0, 9_999)).await;
    assert_eq!(peer.expect(CommandId::EnquireLinkResp).await.sequence_number(), 9_999);
    let mut arrivals = Vec::new();
    while let Ok(arrival) = timeout(Duration::from_secs(1), gateway.events()).await {
        arrivals.push(arrival.unwrap());
    }
    assert_eq!(arrivals.iter().map(|arrival| arrival.events.len()).sum::<usize>(), session::UNANSWERED);
    // Beyond all bounds nothing is read any more: the pipe fills up.
    for sequence in 0..10 {
        peer.receipt(20_000 + sequence, "id:1 stat:DELIVRD").await;
    }
    for arrival in arrivals {
        arrival.acknowledge.committed();
    }
    let mut rest = 0;
    while rest < session::HELD - 1 + 10 {
        rest += events(&gateway).await.len();
    }
    for _ in 0..flood + 10 {
        assert_eq!(peer.delivered().await.1, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn tlvs_outweigh_the_text() {
    let (gateway, _carrier, mut peer) = listening("").await;
    let id = Tlv::ReceiptedMessageId(COctetString::from_string("tlv-1".into()).unwrap());
    let tlvs = vec![id, Tlv::MessageState(MessageState::Undeliverable)];
    let text = b"id:other stat:DELIVRD err:001";
    peer.deliver(1, &Deliver { esm_class: 4, text, tlvs, ..Deliver::default() }).await;
    let receipt = receipt(&gateway).await;
    assert_eq!(receipt.about, About::Id("tlv-1".into()));
    assert_eq!((receipt.state, receipt.reason), (ReceiptState::Undelivered, Some(Reason::NoSuchAddress)));
    assert_eq!(receipt.detail, "UNDELIV err 001 id tlv-1");
}

#[tokio::test(start_paused = true)]
async fn receipts_are_read_as_carriers_write_them() {
    let (gateway, _carrier, mut peer) = listening("").await;
    let cases = [
        ("ID:1 STAT:delivrd", ReceiptState::Delivered, None),
        (
            "id: 1 sub: 001 dlvrd: 000 submitdate: 2611211200 donedate: 2611211205 stat: EXPIRED err: 000",
            ReceiptState::Expired,
            Some(Reason::Expired),
        ),
        ("id:1 stat:UNDELIV err:032 text:", ReceiptState::Undelivered, Some(Reason::Full)),
        ("id:1 stat:DELETED", ReceiptState::Undelivered, Some(Reason::Other)),
        ("id:1 stat:REJECTD err:999", ReceiptState::Rejected, Some(Reason::Blocked)),
        ("id:1 stat:ACCEPTD", ReceiptState::Accepted, None),
        ("id:1 stat:ACKED", ReceiptState::Accepted, None),
        ("id:1 stat:BUFFRED", ReceiptState::Enroute, None),
        ("id:1 stat:UNKNOWN", ReceiptState::Enroute, None),
        ("id:1 stat:SOMETHING", ReceiptState::Enroute, None),
        // A user's text imitates fields.
        ("id:1 stat:ENROUTE text:x stat:DELIVRD id:2", ReceiptState::Enroute, None),
    ];
    for (text, state, reason) in cases {
        peer.receipt(1, text).await;
        let receipt = receipt(&gateway).await;
        assert_eq!((receipt.about, receipt.state, receipt.reason), (About::Id("1".into()), state, reason), "{text}");
        peer.delivered().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_receipt_may_be_unicode_and_in_the_payload() {
    let (gateway, _carrier, mut peer) = listening("").await;
    let text: Vec<u8> = DELIVERED[..70].encode_utf16().flat_map(u16::to_be_bytes).collect();
    peer.deliver(1, &Deliver { esm_class: 4, data_coding: 8, text: &text, ..Deliver::default() }).await;
    assert_eq!(receipt(&gateway).await.about, About::Id("00aB7".into()));
    let tlvs = vec![carrier::payload(DELIVERED.as_bytes())];
    peer.deliver(2, &Deliver { esm_class: 4, tlvs, ..Deliver::default() }).await;
    assert_eq!(receipt(&gateway).await.state, ReceiptState::Delivered);
}

#[tokio::test(start_paused = true)]
async fn a_receipt_before_its_response_is_handed_over() {
    let (gateway, mut carrier, _) = gateway("", 10);
    let sent = send(&gateway, "a");
    let mut peer = carrier.bound().await;
    let (sequence, _) = peer.submission().await;
    peer.receipt(1, "id:00aB7 stat:DELIVRD").await;
    assert_eq!(receipt(&gateway).await.about, About::Id("00aB7".into()));
    peer.delivered().await;
    peer.accept_as(sequence, "00aB7").await;
    assert_eq!(sent.await.unwrap(), ids(&["00aB7"]));
}

#[tokio::test(start_paused = true)]
async fn a_receipt_without_an_id_is_said_and_not_repeated() {
    let (gateway, _carrier, mut peer) = listening("").await;
    peer.receipt(3, "stat:DELIVRD").await;
    assert_eq!(events(&gateway).await, [Event::Account { detail: "a receipt without an id: DELIVRD".into() }]);
    assert_eq!(peer.delivered().await, (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_malformed_delivery_is_refused_and_an_unknown_request_too() {
    let (_gateway, _carrier, mut peer) = listening("").await;
    peer.say(&carrier::header(5, 0, 3)).await;
    assert_eq!(peer.delivered().await, (3, 2));
    peer.say(&carrier::header(0x111, 0, 4)).await;
    let nack = peer.expect(CommandId::GenericNack).await;
    assert_eq!((nack.sequence_number(), u32::from(nack.status())), (4, 3));
}

fn inbound(text: &str) -> Inbound {
    Inbound { from: Address::new(NUMBER), to: Some("8099".into()), text: text.into(), id: None }
}

#[tokio::test(start_paused = true)]
async fn what_people_write_is_read_in_its_alphabet() {
    let (gateway, _carrier, mut peer) = listening("").await;
    let unicode: Vec<u8> = "TỪ CHỐI".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let cases = [(0, b"TC \x1B\x65".to_vec(), "TC €"), (8, unicode, "TỪ CHỐI"), (3, b"caf\xE9".to_vec(), "café")];
    for (data_coding, octets, text) in cases {
        peer.deliver(1, &Deliver { data_coding, text: &octets, ..Deliver::default() }).await;
        assert_eq!(events(&gateway).await, [Event::Inbound(inbound(text))]);
        assert_eq!(peer.delivered().await, (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_number_from_people_is_e164() {
    let (gateway, _carrier, mut peer) = listening("").await;
    for from in ["84900000001", "+84900000001", "0900000001", "0084900000001"] {
        peer.deliver(1, &Deliver { from, text: b"x", ..Deliver::default() }).await;
        assert_eq!(events(&gateway).await, [Event::Inbound(inbound("x"))], "{from}");
    }
}

#[tokio::test(start_paused = true)]
async fn parts_from_people_are_put_together_in_any_order() {
    let (gateway, _carrier, mut peer) = listening("").await;
    let part = |number: u8, text: &str| [&[5, 0, 3, 77, 3, number][..], text.as_bytes()].concat();
    for (sequence, text) in [(1, part(2, "bao gio ")), (2, part(1, "toi khong "))] {
        peer.deliver(sequence, &Deliver { esm_class: 0x40, text: &text, ..Deliver::default() }).await;
    }
    assert!(timeout(Duration::from_secs(1), gateway.events()).await.is_err());
    peer.deliver(3, &Deliver { esm_class: 0x40, text: &part(3, "hoi"), ..Deliver::default() }).await;
    assert_eq!(events(&gateway).await, [Event::Inbound(inbound("toi khong bao gio hoi"))]);
    for _ in 0..3 {
        assert_eq!(peer.delivered().await.1, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_stays_unfinished_is_handed_over_as_it_came() {
    let (gateway, _carrier, mut peer) = listening("").await;
    let tlvs = vec![Tlv::SarMsgRefNum(300), Tlv::SarTotalSegments(2), Tlv::SarSegmentSeqnum(1)];
    peer.deliver(1, &Deliver { text: b"TC", tlvs, ..Deliver::default() }).await;
    // Without a name of its own: somebody else's message may have the same reference.
    assert_eq!(events(&gateway).await, [Event::Inbound(inbound("TC"))]);
    assert_eq!(peer.delivered().await, (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_id_longer_than_any_is_none() {
    let (gateway, mut carrier, _) = gateway("", 10);
    let long = "7".repeat(5_000);
    let sent = send(&gateway, "a");
    let mut peer = carrier.bound().await;
    peer.deliver(1, &Deliver { esm_class: 4, text: b"id:1 stat:DELIVRD", ..Deliver::default() }).await;
    let payload = carrier::payload(format!("id:{long} stat:DELIVRD").as_bytes());
    peer.deliver(2, &Deliver { esm_class: 4, text: b"", tlvs: vec![payload], ..Deliver::default() }).await;
    assert!(matches!(&events(&gateway).await[..], [Event::Receipt(_), Event::Account { .. }]));
    peer.take("1").await;
    assert_eq!(sent.await.unwrap(), ids(&["1"]));
}

#[tokio::test(start_paused = true)]
async fn ids_in_another_base_meet() {
    let (gateway, mut carrier, _) = gateway("ids = \"hex-to-dec\"", 10);
    let sent = send(&gateway, "a");
    let mut peer = carrier.bound().await;
    peer.take("00FF").await;
    assert_eq!(sent.await.unwrap(), ids(&["255"]));
    peer.receipt(1, "id:255 stat:DELIVRD").await;
    assert_eq!(receipt(&gateway).await.about, About::Id("255".into()));
}
