//! The carrier through its front door, on real sockets, with a client made of the codec alone.

use std::{collections::BTreeMap, net::SocketAddr};

use bytes::BytesMut;
use rusmpp::{
    CommandStatus, Pdu,
    pdus::{BindReceiver, BindTransceiver, BindTransmitter, DeliverSm, DeliverSmResp, SubmitSm},
    tlvs::TlvValue,
    types::OctetString,
    values::{DataCoding, EsmClass, RegisteredDelivery},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{receipt::c_string, *};
use crate::sandbox::{Behaviour, Counts, Credentials, Options, Outstanding, Sandbox, behaviour::Outcome};

/// A client's connection.
struct Bound {
    stream: TcpStream,
    input: BytesMut,
    sequence: u32,
}

/// What came over it: the command, its status and number, and its body where there is one.
#[derive(Debug)]
struct Came {
    id: u32,
    status: u32,
    sequence: u32,
    pdu: Option<Pdu>,
}

const SUBMIT_RESP: u32 = 0x8000_0004;
const DELIVER: u32 = 5;

impl Bound {
    async fn connect(at: SocketAddr) -> Self {
        let stream = TcpStream::connect(at).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, input: BytesMut::new(), sequence: 0 }
    }

    async fn bind(at: SocketAddr, pdu: impl Into<Pdu>) -> (Self, u32) {
        let mut bound = Self::connect(at).await;
        bound.send(pdu).await;
        let status = bound.next().await.unwrap().status;
        (bound, status)
    }

    async fn transceiver(sandbox: &Sandbox) -> Self {
        let (bound, status) = Self::bind(sandbox.smpp_addr().unwrap(), transceiver("loa", "secret")).await;
        assert_eq!(status, 0);
        bound
    }

    async fn send(&mut self, pdu: impl Into<Pdu>) -> u32 {
        self.sequence += 1;
        self.send_as(self.sequence, pdu).await;
        self.sequence
    }

    async fn send_as(&mut self, sequence: u32, pdu: impl Into<Pdu>) {
        let mut out = BytesMut::new();
        wire::write(&mut out, CommandStatus::EsmeRok, sequence, pdu);
        self.stream.write_all(&out).await.unwrap();
    }

    /// None: the connection is closed.
    async fn next(&mut self) -> Option<Came> {
        loop {
            if let wire::Next::Frame(frame) = wire::next(&mut self.input) {
                let (id, status, sequence) = (frame.id, frame.status, frame.sequence);
                return Some(Came { id, status, sequence, pdu: frame.decode() });
            }
            if self.stream.read_buf(&mut self.input).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The next delivery, answered with this status.
    async fn delivery(&mut self, status: CommandStatus) -> DeliverSm {
        let came = self.next().await.unwrap();
        let Some(Pdu::DeliverSm(deliver)) = came.pdu else { panic!("{came:?}") };
        let mut out = BytesMut::new();
        wire::write(&mut out, status, came.sequence, DeliverSmResp::default());
        self.stream.write_all(&out).await.unwrap();
        deliver
    }

    async fn submit(&mut self, to: &str, text: &str) -> (u32, String) {
        self.send(message(to, text)).await;
        id_of(self.next().await.unwrap())
    }
}

fn id_of(came: Came) -> (u32, String) {
    match came.pdu {
        Some(Pdu::SubmitSmResp(answer)) => (came.status, answer.message_id().as_str().to_owned()),
        None => (came.status, String::new()),
        other => panic!("{other:?}"),
    }
}

fn transceiver(user: &str, password: &str) -> BindTransceiver {
    BindTransceiver::builder().system_id(c_string(user)).password(c_string(password)).build()
}

fn message(to: &str, text: &str) -> SubmitSm {
    SubmitSm::builder()
        .source_addr(c_string("SO TTTT"))
        .destination_addr(c_string(to))
        .esm_class(EsmClass::from(0))
        .registered_delivery(RegisteredDelivery::from(1))
        .short_message(OctetString::from_slice(&text::plain(text)).unwrap())
        .build()
}

/// Part `number` of two, in UCS-2.
fn part(to: &str, text: &str, number: u8) -> SubmitSm {
    let octets = [&[5, 0, 3, 0x2A, 2, number][..], &text::ucs2(text)].concat();
    let mut submit = message(to, "");
    submit.esm_class = EsmClass::from(0x40);
    submit.data_coding = DataCoding::Ucs2;
    submit.set_short_message(OctetString::from_slice(&octets).unwrap());
    submit
}

async fn sandbox(behaviour: Behaviour) -> Sandbox {
    Sandbox::start(Options { behaviour, ..Options::default() }).await.unwrap()
}

fn habits(habits: Habits) -> Behaviour {
    Behaviour { smpp: habits, ..Behaviour::default() }
}

/// A receipt's id and state by its TLVs.
fn tlvs(deliver: &DeliverSm) -> (Option<String>, Option<u8>) {
    let (mut id, mut state) = (None, None);
    for tlv in deliver.tlvs() {
        match tlv.value() {
            Some(TlvValue::ReceiptedMessageId(value)) => id = Some(value.as_str().to_owned()),
            Some(TlvValue::MessageState(value)) => state = Some(u8::from(*value)),
            _ => {}
        }
    }
    (id, state)
}

fn text_of(deliver: &DeliverSm) -> String {
    text::decode(deliver.data_coding.into(), deliver.short_message().as_ref())
}

#[tokio::test]
async fn a_message_is_taken_and_confirmed() {
    let sandbox = sandbox(Behaviour::default()).await;
    let mut client = Bound::transceiver(&sandbox).await;
    let (status, id) = client.submit("84901234567", "Canh giac {stat:UNDELIV}").await;
    assert_eq!(status, 0);
    let receipt = client.delivery(CommandStatus::EsmeRok).await;
    assert_eq!(u8::from(receipt.esm_class) & 0x3C, 4);
    assert_eq!((receipt.source_addr.as_str(), receipt.destination_addr.as_str()), ("84901234567", "SO TTTT"));
    assert_eq!(tlvs(&receipt), (Some(id.clone()), Some(2)));
    let text = text_of(&receipt);
    assert!(text.starts_with(&format!("id:{id} sub:001 dlvrd:001 submit date:")), "{text}");
    assert!(text.ends_with("stat:DELIVRD err:000 text:Canh giac {stat:UNDE"), "{text}");
    sandbox.settled().await;

    let taken = sandbox.taken();
    assert_eq!(taken.len(), 1);
    let one = &taken[0];
    assert_eq!((one.to.as_str(), one.address().as_str(), one.id.as_str()), ("84901234567", "+84901234567", id.as_str()));
    assert_eq!((one.text.as_str(), one.parts, one.outcome), ("Canh giac {stat:UNDELIV}", 1, Outcome::Delivered));
    let counts = Counts { taken: 1, receipts: 1, ..Counts::default() };
    assert_eq!(sandbox.counts_of(Gateway::Smpp), counts);
    assert_eq!(sandbox.stop(Outstanding::Deliver).await, counts);
    // The client is told to go.
    assert_eq!(client.next().await.unwrap().id, 6);
    assert!(client.next().await.is_none());
}

#[tokio::test]
async fn whoever_is_not_known_stays_outside() {
    let credentials = [(Gateway::Smpp, Credentials { user: "loa".into(), secret: "right".into() })].into();
    let sandbox = Sandbox::start(Options { credentials, ..Options::default() }).await.unwrap();
    let at = sandbox.smpp_addr().unwrap();
    assert_eq!(Bound::bind(at, transceiver("loa", "wrong")).await.1, 0x0E);
    assert_eq!(Bound::bind(at, transceiver("eve", "right")).await.1, 0x0F);
    let (mut client, status) = Bound::bind(at, transceiver("loa", "right")).await;
    assert_eq!(status, 0);
    client.send(transceiver("loa", "right")).await;
    assert_eq!(client.next().await.unwrap().status, 0x05);

    let mut stranger = Bound::connect(at).await;
    stranger.send(message("84901234567", "x")).await;
    assert_eq!(stranger.next().await.unwrap().status, 0x04);
    stranger.send(Pdu::EnquireLink).await;
    assert_eq!(stranger.next().await.unwrap().id, 0x8000_0015);
    let receiver = BindReceiver::builder().system_id(c_string("loa")).password(c_string("right")).build();
    stranger.send(receiver).await;
    assert_eq!(stranger.next().await.unwrap().status, 0);
    stranger.send(message("84901234567", "x")).await;
    assert_eq!(stranger.next().await.unwrap().status, 0x04);
    assert!(sandbox.taken().is_empty());
}

#[tokio::test]
async fn what_it_cannot_do_is_refused_and_what_it_cannot_read_ends_nothing_else() {
    let sandbox = sandbox(Behaviour::default()).await;
    let mut client = Bound::transceiver(&sandbox).await;
    client.send(rusmpp::pdus::SubmitMulti::default()).await;
    let came = client.next().await.unwrap();
    assert_eq!((came.id, came.status), (0x8000_0021, 3));
    // An unknown command, a submit_sm without a body, and one to nobody.
    let frame = |id: u32, sequence: u32| [16, id, 0, sequence].iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
    client.stream.write_all(&frame(0x0102_0304, 77)).await.unwrap();
    let came = client.next().await.unwrap();
    assert_eq!((came.id, came.status, came.sequence), (0x8000_0000, 3, 77));
    client.stream.write_all(&frame(4, 78)).await.unwrap();
    let came = client.next().await.unwrap();
    assert_eq!((came.id, came.status, came.sequence), (SUBMIT_RESP, 2, 78));
    assert_eq!(client.submit("", "x").await.0, 0x0B);
    assert_eq!(client.submit("84901234567", "x").await.0, 0);
    client.delivery(CommandStatus::EsmeRok).await;
    client.send(Pdu::Unbind).await;
    assert_eq!(client.next().await.unwrap().id, 0x8000_0006);
    assert!(client.next().await.is_none());

    let mut nonsense = Bound::connect(sandbox.smpp_addr().unwrap()).await;
    nonsense.stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let came = nonsense.next().await.unwrap();
    assert_eq!((came.id, came.status), (0x8000_0000, 2));
    assert!(nonsense.next().await.is_none());
}

#[tokio::test]
async fn magic_numbers_force_outcomes() {
    let sandbox = sandbox(Behaviour::default()).await;
    let mut client = Bound::transceiver(&sandbox).await;
    for (ending, status) in [("01", 0x0B), ("02", 0x64), ("09", 0x58), ("10", 0x66), ("11", 0x400), ("12", 0x65)] {
        assert_eq!(client.submit(&format!("849012000{ending}"), "x").await.0, status, "{ending}");
    }
    client.submit("84901200003", "x").await;
    client.submit("84901200004", "x").await;
    let undelivered = client.delivery(CommandStatus::EsmeRok).await;
    assert_eq!(tlvs(&undelivered).1, Some(5));
    assert!(text_of(&undelivered).contains("stat:UNDELIV err:011"));
    client.submit("84901200005", "x").await;
    let twice = [client.delivery(CommandStatus::EsmeRok).await, client.delivery(CommandStatus::EsmeRok).await];
    assert_eq!(tlvs(&twice[0]), tlvs(&twice[1]));
    // The receipt before the answer.
    client.send(message("84901200006", "x")).await;
    assert_eq!(tlvs(&client.delivery(CommandStatus::EsmeRok).await).1, Some(2));
    assert_eq!(client.next().await.unwrap().id, SUBMIT_RESP);
    // What the phone answers comes after the receipt.
    client.submit("84901200015", "x").await;
    client.delivery(CommandStatus::EsmeRok).await;
    let answer = client.delivery(CommandStatus::EsmeRok).await;
    assert_eq!((answer.source_addr.as_str(), answer.destination_addr.as_str()), ("84901200015", "SO TTTT"));
    assert!(REPLIES.contains(&text_of(&answer).as_str()));
    sandbox.settled().await;
    assert_eq!(sandbox.counts().receipts, 5);
    // Cut: taken, no answer, and the next connection gets the receipt.
    client.send(message("84901200007", "x")).await;
    assert!(client.next().await.is_none());
    drop(client);
    let mut again = Bound::transceiver(&sandbox).await;
    again.delivery(CommandStatus::EsmeRok).await;
    again.send(message("84901200008", "x")).await;
    assert!(again.next().await.is_none());
    let counts = sandbox.counts();
    assert_eq!((counts.taken, counts.unanswered, counts.lost, counts.refused), (6, 1, 1, 6));
}

#[tokio::test]
async fn parts_are_put_together_over_two_binds_and_each_gets_its_receipt() {
    let behaviour = habits(Habits { ids: Ids::HexDecimal, ucs2_receipts: true, receipts: Receipts::Text, ..Habits::default() });
    let sandbox = sandbox(behaviour).await;
    let (mut first, mut second) = (Bound::transceiver(&sandbox).await, Bound::transceiver(&sandbox).await);
    second.send(part("84901234567", " giác", 2)).await;
    let mut ids = Vec::new();
    let mut receipts = Vec::new();
    let (mut open, mut answers) = (1, 0);
    // Each receipt goes to either bind: read until both answers and both receipts are here.
    while answers < 2 || receipts.len() < 2 {
        let came = tokio::select! {
            came = first.next() => (came.unwrap(), &mut first),
            came = second.next() => (came.unwrap(), &mut second),
        };
        match came.0 {
            Came { id: DELIVER, sequence, pdu: Some(Pdu::DeliverSm(deliver)), .. } => {
                came.1.send_as(sequence, DeliverSmResp::default()).await;
                assert_eq!(tlvs(&deliver), (None, None));
                assert_eq!(u8::from(deliver.data_coding), 8);
                let text = text_of(&deliver);
                receipts.push(text["id:".len()..].split(' ').next().unwrap().to_owned());
            }
            answer => {
                ids.push(id_of(answer).1);
                answers += 1;
            }
        }
        if open == 1 {
            open = 2;
            assert!(sandbox.taken().is_empty());
            assert_eq!(sandbox.counts().incomplete, 1);
            first.send(part("84901234567", "cảnh", 1)).await;
        }
    }
    ids.sort();
    receipts.sort();
    let reported: Vec<String> = ids.iter().map(|id| u64::from_str_radix(id, 16).unwrap().to_string()).collect();
    assert_eq!(receipts, reported);
    let taken = sandbox.taken();
    assert_eq!((taken[0].text.as_str(), taken[0].parts), ("cảnh giác", 2));
    let mut logged: Vec<&str> = taken[0].id.split(',').collect();
    logged.sort_unstable();
    assert_eq!(logged, ids);
    assert_eq!(sandbox.counts().incomplete, 0);
}

#[tokio::test]
async fn a_receipt_is_repeated_until_the_client_says_yes_and_kept_while_it_is_away() {
    let behaviour = Behaviour { retry: Duration::from_millis(1), ..Behaviour::default() };
    let sandbox = sandbox(behaviour).await;
    let at = sandbox.smpp_addr().unwrap();
    let transmitter = BindTransmitter::builder().system_id(c_string("loa")).password(c_string("secret")).build();
    let (mut sender, _) = Bound::bind(at, transmitter).await;
    let (_, id) = sender.submit("84901234567", "x").await;
    // Nobody receives: nothing is waited for.
    sandbox.settled().await;
    assert_eq!(sandbox.counts().receipts, 0);
    let mut receiver = Bound::transceiver(&sandbox).await;
    for _ in 0..2 {
        let refused = receiver.delivery(CommandStatus::EsmeRxTAppn).await;
        assert_eq!(tlvs(&refused).0.as_deref(), Some(id.as_str()));
    }
    // Not answered at all: the next bind gets it.
    let came = receiver.next().await.unwrap();
    assert_eq!(came.id, DELIVER);
    drop(receiver);
    let mut receiver = Bound::transceiver(&sandbox).await;
    assert_eq!(tlvs(&receiver.delivery(CommandStatus::EsmeRok).await).0.as_deref(), Some(id.as_str()));
    sandbox.settled().await;
    assert_eq!(sandbox.counts().receipts, 1);
    assert_eq!(sandbox.stop(Outstanding::Deliver).await.receipts_lost, 0);
}

#[tokio::test]
async fn receipts_come_only_where_they_are_asked_for() {
    let sandbox = sandbox(Behaviour::default()).await;
    let mut client = Bound::transceiver(&sandbox).await;
    for (wanted, to) in [(0, "84901234567"), (2, "84901234567"), (2, "84901200004")] {
        let mut submit = message(to, "x");
        submit.registered_delivery = RegisteredDelivery::from(wanted);
        client.send(submit).await;
        assert_eq!(client.next().await.unwrap().id, SUBMIT_RESP);
    }
    assert_eq!(tlvs(&client.delivery(CommandStatus::EsmeRok).await).1, Some(5));
    sandbox.settled().await;
    let outcomes: Vec<Outcome> = sandbox.taken().iter().map(|taken| taken.outcome).collect();
    assert_eq!(outcomes, [Outcome::Silent, Outcome::Silent, Outcome::Undelivered]);
    assert_eq!(sandbox.counts().receipts, 1);
}

#[tokio::test]
async fn every_nth_submission_breaks_the_connection_off_and_nothing_is_taken_twice() {
    let every = NonZeroU32::new(10);
    let sandbox = sandbox(habits(Habits { disconnect_every: every, ..Habits::default() })).await;
    let mut broken = 0;
    let mut answered: BTreeMap<u32, String> = BTreeMap::new();
    while answered.len() + broken < 60 {
        let mut client = Bound::transceiver(&sandbox).await;
        loop {
            let number = u32::try_from(answered.len() + broken).unwrap();
            client.send(message(&format!("84901{:06}", 234_000 + number), "x")).await;
            // The receipts of earlier ones may come first.
            let came = loop {
                match client.next().await {
                    Some(came) if came.id == DELIVER => client.send_as(came.sequence, DeliverSmResp::default()).await,
                    other => break other,
                }
            };
            let Some(came) = came else { break };
            answered.insert(number, id_of(came).1);
            if answered.len() + broken == 60 {
                break;
            }
        }
        broken += 1;
    }
    let taken = sandbox.taken();
    assert_eq!((broken, taken.len()), (6, 60));
    let told: Vec<&str> = taken.iter().filter(|taken| taken.answered).map(|taken| taken.id.as_str()).collect();
    assert_eq!(told, answered.values().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(sandbox.counts().unanswered, 6);
}

#[tokio::test]
async fn phones_write_to_whoever_sends_from_there() {
    let sandbox = sandbox(Behaviour::default()).await;
    sandbox.say("84901234567", "156", "chưa ai ở đây");
    let mut first = Bound::transceiver(&sandbox).await;
    assert_eq!(text_of(&first.delivery(CommandStatus::EsmeRok).await), "chưa ai ở đây");
    let (mut second, _) = Bound::bind(sandbox.smpp_addr().unwrap(), transceiver("other", "secret")).await;
    second.submit("84901200003", "x").await;
    sandbox.say("84901234567", "SO TTTT", "TC");
    let said = second.delivery(CommandStatus::EsmeRok).await;
    assert_eq!((said.source_addr.as_str(), said.destination_addr.as_str()), ("84901234567", "SO TTTT"));
    assert_eq!((text_of(&said), u8::from(said.esm_class) & 0x3C), ("TC".to_owned(), 0));
    // A long one comes in parts.
    sandbox.say("84901234567", "SO TTTT", &"ạ".repeat(100));
    let parts = [second.delivery(CommandStatus::EsmeRok).await, second.delivery(CommandStatus::EsmeRok).await];
    assert!(parts.iter().all(|part| u8::from(part.esm_class) & 0x40 != 0 && part.short_message().as_ref()[..3] == [5, 0, 3]));
    sandbox.settled().await;
    assert_eq!(sandbox.counts().receipts, 0);
}

#[tokio::test]
async fn refusals_may_be_nothing_but_a_header_and_a_full_queue_be_said() {
    let sandbox = sandbox(habits(Habits { bare_errors: true, queue_full: 1.0, ids: Ids::String, ..Habits::default() })).await;
    let mut client = Bound::transceiver(&sandbox).await;
    client.send(message("84901200002", "x")).await;
    let came = client.next().await.unwrap();
    assert_eq!((came.id, came.status), (SUBMIT_RESP, 0x14));
    assert!(came.pdu.is_none(), "{came:?}");
    let (_, id) = client.submit("84901234567", "x").await;
    assert!(id.starts_with("00") && id.ends_with("-Vn"), "{id}");
}

#[tokio::test]
async fn the_rate_is_held_and_an_answer_may_take_its_time_without_holding_others_up() {
    let slow = Duration::from_millis(30);
    let behaviour = Behaviour { latency: slow..=slow, throttle: Some(5), ..Behaviour::default() };
    let sandbox = sandbox(behaviour).await;
    let mut client = Bound::transceiver(&sandbox).await;
    for number in 0..8 {
        client.send(message(&format!("8490123400{number}"), "x")).await;
    }
    let mut seen = BTreeMap::<u32, u32>::new();
    let mut first = None;
    while seen.values().sum::<u32>() < 8 {
        let came = client.next().await.unwrap();
        if came.id == SUBMIT_RESP {
            first.get_or_insert(came.status);
            *seen.entry(came.status).or_default() += 1;
        }
    }
    // The refusals overtook the answers that took their time.
    assert_eq!(first, Some(0x58));
    assert_eq!(seen, [(0, 5), (0x58, 3)].into());
}

#[tokio::test]
async fn a_silent_client_is_asked_and_then_cut_off() {
    let sandbox = sandbox(habits(Habits { idle: Duration::from_millis(20), ..Habits::default() })).await;
    let mut client = Bound::transceiver(&sandbox).await;
    assert_eq!(client.next().await.unwrap().id, 0x15);
    assert!(client.next().await.is_none());
}
