//! Connections: binding, silence, coming back, the end.

use rusmpp::CommandId;
use tokio::time::Instant;

use super::*;
use crate::network::Unreached;

#[tokio::test(start_paused = true)]
async fn nothing_is_opened_before_it_is_needed() {
    let (_gateway, _carrier, pipes) = gateway("", 10);
    sleep(Duration::from_secs(100)).await;
    assert!(pipes.dialled.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_bind_says_who_we_are() {
    let (gateway, mut carrier, _) = gateway("system_type = \"SMS\"", 10);
    let _sent = send(&gateway, "a");
    let bind = carrier.accept().await.take_bind().await;
    let Some(rusmpp::Pdu::BindTransceiver(bind)) = bind.pdu() else { panic!() };
    let said = (bind.system_id.as_str(), bind.password.as_str(), bind.system_type.as_str());
    assert_eq!(said, ("loa01", "sesame", "SMS"));
    assert_eq!(u8::from(bind.interface_version), 0x34);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_needs_a_person_and_is_tried_again_on_demand() {
    let (gateway, mut carrier, pipes) = gateway("", 10);
    let sent = send(&gateway, "a");
    carrier.accept().await.refuse_bind(0x0E).await;
    let SendError::Misconfigured { detail } = sent.await.unwrap().unwrap_err() else { panic!() };
    assert_eq!(detail, "the carrier refused the bind: 0x0000000E RINVPASWD: wrong password");
    assert!(matches!(send(&gateway, "b").await.unwrap(), Err(SendError::Misconfigured { .. })));
    sleep(Duration::from_hours(1)).await;
    assert_eq!(pipes.dialled.lock().unwrap().len(), 1, "it would lock the account");
    let again = send(&gateway, "c");
    carrier.bound().await.take("1").await;
    assert_eq!(again.await.unwrap(), ids(&["1"]));
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_carrier_is_tried_again_ever_more_slowly() {
    let (gateway, mut carrier, pipes) = gateway("", 10);
    *pipes.faults.lock().unwrap() = vec![Unreached::Lost("refused".into()); 9];
    let sent = send(&gateway, "a").await.unwrap().unwrap_err();
    assert!(
        matches!(sent, SendError::Retry { scope: Scope::Account, reason: Reason::Unreachable, after: Some(_), .. }),
        "{sent:?}"
    );
    let _peer = carrier.bound().await;
    let dialled = pipes.dialled.lock().unwrap().clone();
    let waits: Vec<u64> = dialled.windows(2).map(|pair| u64::try_from((pair[1] - pair[0]).as_millis()).unwrap()).collect();
    // Half of 1, 2, 4 … 60 s, as chance says 0.
    assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
}

#[tokio::test(start_paused = true)]
async fn a_busy_carrier_backs_off_without_a_person() {
    let (gateway, mut carrier, _) = gateway("", 10);
    let sent = send(&gateway, "a");
    carrier.accept().await.refuse_bind(0x0D).await;
    assert!(matches!(sent.await.unwrap(), Err(SendError::Retry { scope: Scope::Account, .. })));
    carrier.bound().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_dropped_and_replaced() {
    let (gateway, mut carrier, _) = gateway("", 10);
    let sent = send(&gateway, "a");
    let mut peer = carrier.bound().await;
    peer.take("1").await;
    sent.await.unwrap().unwrap();
    let heard = Instant::now();
    let asked = peer.expect(CommandId::EnquireLink).await;
    assert_eq!(heard.elapsed().as_secs(), 30);
    peer.say(&carrier::header(0x8000_0015, 0, asked.sequence_number())).await;
    peer.expect(CommandId::EnquireLink).await;
    let asked = Instant::now();
    assert!(peer.next().await.is_none());
    assert_eq!(asked.elapsed().as_secs(), 10);
    let mut peer = carrier.bound().await;
    let sent = send(&gateway, "b");
    peer.take("2").await;
    assert_eq!(sent.await.unwrap(), ids(&["2"]));
}

#[tokio::test(start_paused = true)]
async fn a_pair_submits_over_one_and_hears_over_the_other() {
    let (gateway, mut carrier, _) = gateway("bind = \"pair\"", 10);
    let sent = send(&gateway, "a");
    let (mut one, mut two) = (carrier.accept().await, carrier.accept().await);
    let binds = [one.take_bind().await.id(), two.take_bind().await.id()];
    let (mut transmitter, mut receiver) = match binds {
        [CommandId::BindTransmitter, CommandId::BindReceiver] => (one, two),
        [CommandId::BindReceiver, CommandId::BindTransmitter] => (two, one),
        other => panic!("{other:?}"),
    };
    transmitter.take("1").await;
    sent.await.unwrap().unwrap();
    receiver.receipt(5, "id:1 stat:DELIVRD").await;
    gateway.events().await.unwrap().acknowledge.committed();
    assert_eq!(receiver.delivered().await, (5, 0));
}

#[tokio::test(start_paused = true)]
async fn the_end_is_in_order() {
    let (gateway, mut carrier, _) = gateway("", 10);
    let sent = send(&gateway, "a");
    let mut peer = carrier.bound().await;
    let (sequence, _) = peer.submission().await;
    peer.receipt(7, "id:1 stat:DELIVRD").await;
    let arrival = gateway.events().await.unwrap();
    let closing = {
        let gateway = Arc::clone(&gateway);
        tokio::spawn(async move { gateway.close().await })
    };
    sleep(Duration::from_secs(1)).await;
    peer.receipt(8, "id:2 stat:DELIVRD").await;
    assert_eq!(peer.delivered().await, (8, 0x64), "too late: the carrier repeats it");
    arrival.acknowledge.committed();
    assert_eq!(peer.delivered().await, (7, 0));
    peer.accept_as(sequence, "1").await;
    assert_eq!(sent.await.unwrap(), ids(&["1"]));
    let unbind = peer.expect(CommandId::Unbind).await;
    peer.say(&carrier::header(0x8000_0006, 0, unbind.sequence_number())).await;
    closing.await.unwrap();
    assert!(peer.next().await.is_none());
    assert!(gateway.events().await.is_none());
    assert!(matches!(send(&gateway, "b").await.unwrap(), Err(SendError::Retry { scope: Scope::Account, .. })));
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_unbinds_is_answered() {
    let (gateway, mut carrier, _) = gateway("", 10);
    let _sent = send(&gateway, "a");
    let mut peer = carrier.bound().await;
    peer.submission().await;
    peer.say(&carrier::header(0x06, 0, 44)).await;
    assert_eq!(peer.expect(CommandId::UnbindResp).await.sequence_number(), 44);
    carrier.bound().await;
}

#[tokio::test(start_paused = true)]
async fn a_test_binds_and_unbinds() {
    let (gateway, mut carrier, _) = gateway("", 10);
    let tested = {
        let gateway = Arc::clone(&gateway);
        tokio::spawn(async move { gateway.test().await })
    };
    let mut peer = carrier.bound().await;
    let unbind = peer.expect(CommandId::Unbind).await;
    peer.say(&carrier::header(0x8000_0006, 0, unbind.sequence_number())).await;
    assert_eq!(tested.await.unwrap().unwrap(), "smpp.example.vn:2775: bound and unbound as a transceiver; not encrypted");
}

#[tokio::test]
async fn an_address_inside_is_refused_unless_it_is_meant() {
    let mut surroundings = surroundings(10);
    surroundings.allow_private = false;
    let settings = Settings::from_keys(&keys("host = \"127.0.0.1\""), &secrets(), surroundings).unwrap();
    let tested = SmppGateway::new(settings).unwrap().test().await.unwrap_err();
    let why = "misconfigured: 127.0.0.1 is a loopback or private address: allow_private = true permits it";
    assert_eq!(tested.to_string(), why);
}

#[test]
fn a_wrong_key_says_what_would_be_right() {
    let wrong = |toml: &str, window| {
        let wrong = Settings::from_keys(&keys(toml), &secrets(), surroundings(window));
        wrong.unwrap_err().to_string()
    };
    assert_eq!(wrong("sendr = \"x\"", 10), "sendr: unknown; did you mean sender?");
    assert_eq!(wrong("bind = \"both\"", 10), "bind: \"both\" is none of transceiver, pair");
    assert_eq!(wrong("binds = 20", 10), "binds: 20 binds cannot share a window of 10: set window = 20 or more");
    assert_eq!(wrong("reference = 12", 10), "reference: must be 8 or 16: the bits of a long message's reference");
    assert_eq!(wrong("timeout = 30", 10), "timeout: must be from \"1s\" to \"60s\"");
    assert_eq!(wrong("sender = \"Sở\"", 10), "sender: must be at most 20 characters of ASCII");
    assert_eq!(wrong("receipt_zone = \"Hanoi\"", 10), "receipt_zone: must be an offset from UTC such as \"+07:00\"");
    assert_eq!(
        wrong("codes = { 0x0400 = \"templat\" }", 10),
        "codes: 0x0400 must mean one of retry, pace, account, misconfigured, opted-out, or a reason such as template, content, blocked, quota, funds"
    );
    assert_eq!(
        wrong("password = \"sesame\"", 10),
        "password: a secret is never written out: { env = \"…\" } or { file = \"…\" }"
    );
    let secrets = BTreeMap::from([("password".into(), SecretString::from("longer than eight"))]);
    let long = Settings::from_keys(&keys(""), &secrets, surroundings(10)).unwrap_err().to_string();
    assert_eq!(long, "password: SMPP 3.4 carries at most 8 characters: ask the carrier for a shorter one");
}
