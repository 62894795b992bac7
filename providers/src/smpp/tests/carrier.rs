//! A scripted carrier: it says what the test says, over pipes in memory, so that paused time tells the truth.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use rusmpp::{
    Command, CommandId, CommandStatus, Pdu,
    decode::DecodeWithLength as _,
    encode::{Length as _, owned::Encode as _},
    pdus::{DeliverSm, SubmitSm, SubmitSmResp},
    tlvs::MessageDeliveryRequestTlvValue as Tlv,
    types::{AnyOctetString, COctetString, OctetString},
    values::{DataCoding, EsmClass, MessagePayload, Ton},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::mpsc,
};

use crate::{
    network::{Unreached, Wire},
    smpp::line::Dial,
};

/// Hands one end of each pipe to the gateway and the other to the test.
pub(super) struct Pipes {
    peers: mpsc::UnboundedSender<Peer>,
    /// Faults of the next dials.
    pub(super) faults: Mutex<Vec<Unreached>>,
    pub(super) dialled: Mutex<Vec<tokio::time::Instant>>,
    size: usize,
}

pub(super) struct Carrier {
    peers: mpsc::UnboundedReceiver<Peer>,
}

pub(super) fn carrier() -> (Arc<Pipes>, Carrier) {
    let (sender, peers) = mpsc::unbounded_channel();
    let pipes = Pipes { peers: sender, faults: Mutex::default(), dialled: Mutex::default(), size: 1 << 20 };
    (Arc::new(pipes), Carrier { peers })
}

#[async_trait]
impl Dial for Pipes {
    async fn dial(&self) -> Result<Box<dyn Wire>, Unreached> {
        self.dialled.lock().unwrap().push(tokio::time::Instant::now());
        if let Some(fault) = self.faults.lock().unwrap().pop() {
            return Err(fault);
        }
        let (ours, theirs) = tokio::io::duplex(self.size);
        self.peers.send(Peer::over(theirs)).map_err(|_| Unreached::Lost("the test is over".into()))?;
        Ok(Box::new(ours))
    }
}

impl Carrier {
    /// The next connection.
    pub(super) async fn accept(&mut self) -> Peer {
        self.peers.recv().await.expect("the gateway is gone")
    }

    /// The next connection, bound.
    pub(super) async fn bound(&mut self) -> Peer {
        let mut peer = self.accept().await;
        peer.take_bind().await;
        peer
    }
}

/// One connection, from the carrier's side.
pub(super) struct Peer {
    wire: Box<dyn Wire>,
    unread: BytesMut,
}

pub(super) fn octets(status: u32, sequence: u32, pdu: impl Into<Pdu>) -> Bytes {
    let command = Command::new(CommandStatus::from(status), sequence, pdu);
    let mut octets = BytesMut::new();
    octets.extend_from_slice(&u32::try_from(command.length() + 4).unwrap().to_be_bytes());
    command.encode(&mut octets);
    octets.freeze()
}

/// A PDU of a header alone.
pub(super) fn header(command: u32, status: u32, sequence: u32) -> Bytes {
    [16, command, status, sequence].iter().flat_map(|word| word.to_be_bytes()).collect()
}

impl Peer {
    pub(super) fn over(wire: impl Wire + 'static) -> Self {
        Self { wire: Box::new(wire), unread: BytesMut::new() }
    }

    /// The next PDU; none: the gateway hung up. Read by the codec, not by what is tested.
    pub(super) async fn next(&mut self) -> Option<Command> {
        loop {
            if let Some(length) = self.unread.first_chunk().map(|word| u32::from_be_bytes(*word) as usize)
                && self.unread.len() >= length
            {
                let mut frame = self.unread.split_to(length);
                let mut body = frame.split_off(4);
                return Some(Command::decode(&mut body, length - 4).expect("a PDU that the codec reads").0);
            }
            if self.wire.read_buf(&mut self.unread).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    pub(super) async fn expect(&mut self, id: CommandId) -> Command {
        let command = self.next().await.expect("the gateway hung up");
        assert_eq!(command.id(), id);
        command
    }

    pub(super) async fn say(&mut self, octets: &[u8]) {
        self.wire.write_all(octets).await.expect("the gateway hung up");
        self.wire.flush().await.expect("the gateway hung up");
    }

    pub(super) async fn take_bind(&mut self) -> Command {
        let bind = self.next().await.expect("the gateway hung up");
        let id = u32::from(bind.id()) | 0x8000_0000;
        self.say(&header(id, 0, bind.sequence_number())).await;
        bind
    }

    pub(super) async fn refuse_bind(&mut self, status: u32) {
        let bind = self.next().await.expect("the gateway hung up");
        self.say(&header(u32::from(bind.id()) | 0x8000_0000, status, bind.sequence_number())).await;
    }

    /// The next submission: its number and what it says.
    pub(super) async fn submission(&mut self) -> (u32, SubmitSm) {
        let command = self.expect(CommandId::SubmitSm).await;
        match command.pdu() {
            Some(Pdu::SubmitSm(submit)) => (command.sequence_number(), submit.clone()),
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn accept_as(&mut self, sequence: u32, id: &str) {
        let response = SubmitSmResp::new(COctetString::from_string(id.to_owned()).unwrap(), Vec::new());
        self.say(&octets(0, sequence, response)).await;
    }

    /// A refusal as many carriers write it: without a body.
    pub(super) async fn refuse(&mut self, sequence: u32, status: u32) {
        self.say(&header(0x8000_0004, status, sequence)).await;
    }

    /// Takes the next submission under this id.
    pub(super) async fn take(&mut self, id: &str) -> SubmitSm {
        let (sequence, submit) = self.submission().await;
        self.accept_as(sequence, id).await;
        submit
    }

    pub(super) async fn deliver(&mut self, sequence: u32, deliver: &Deliver<'_>) {
        self.say(&octets(0, sequence, deliver.pdu())).await;
    }

    pub(super) async fn receipt(&mut self, sequence: u32, text: &str) {
        self.deliver(sequence, &Deliver { esm_class: 4, text: text.as_bytes(), ..Deliver::default() }).await;
    }

    /// The status of the next answer to a delivery, and its number.
    pub(super) async fn delivered(&mut self) -> (u32, u32) {
        let command = self.expect(CommandId::DeliverSmResp).await;
        (command.sequence_number(), u32::from(command.status()))
    }
}

/// A delivery.
pub(super) struct Deliver<'a> {
    pub(super) from: &'a str,
    pub(super) esm_class: u8,
    pub(super) data_coding: u8,
    pub(super) text: &'a [u8],
    pub(super) tlvs: Vec<Tlv>,
}

impl Default for Deliver<'_> {
    fn default() -> Self {
        Self { from: "84900000001", esm_class: 0, data_coding: 0, text: b"", tlvs: Vec::new() }
    }
}

impl Deliver<'_> {
    pub(super) fn pdu(&self) -> DeliverSm {
        let mut deliver = DeliverSm::builder()
            .source_addr_ton(Ton::International)
            .source_addr(COctetString::from_string(self.from.to_owned()).unwrap())
            .destination_addr(COctetString::from_string("8099".into()).unwrap())
            .esm_class(EsmClass::from(self.esm_class))
            .data_coding(DataCoding::from(self.data_coding))
            .short_message(OctetString::from_slice(self.text).unwrap())
            .build();
        for tlv in &self.tlvs {
            deliver.push_tlv(tlv.clone());
        }
        deliver
    }
}

pub(super) fn payload(octets: &[u8]) -> Tlv {
    Tlv::MessagePayload(MessagePayload::new(AnyOctetString::from_slice(octets)))
}
