//! PDUs as octets: what we say is built and encoded by `rusmpp`; what a carrier says is read here, leniently.
//!
//! Why not by the same codec: it is strict, as a codec should be. A carrier that writes an id of 70 characters, a letter with
//! an accent in a name, or no body after an error would lose its receipts and responses over it; and a frame that fails to
//! decode half-way leaves a stream codec without a boundary. Here the length alone frames, the header alone tells whom an
//! answer is for, and a body is read as far as it goes.

use bytes::{BufMut as _, Bytes, BytesMut};
use rusmpp::{
    Command, CommandStatus, Pdu,
    encode::{Length as _, owned::Encode as _},
    pdus::{BindReceiver, BindTransceiver, BindTransmitter, DataSmResp, DeliverSmResp, SubmitSm},
    tlvs::MessageSubmissionRequestTlvValue as Tlv,
    types::{AnyOctetString, COctetString, EmptyOrFullCOctetString, OctetString},
    values::{DataCoding, EsmClass, InterfaceVersion, MessagePayload, Npi, RegisteredDelivery, ServiceType, Ton},
};
use secrecy::ExposeSecret as _;

use super::{
    parts::{Join, Part},
    settings::{Numbering, Settings},
};

/// Commands (SMPP 3.4, section 5.1.2.1) that are told apart here.
pub(super) mod command {
    pub(in super::super) const GENERIC_NACK: u32 = 0x8000_0000;
    pub(in super::super) const BIND_RECEIVER: u32 = 0x01;
    pub(in super::super) const BIND_TRANSMITTER: u32 = 0x02;
    pub(in super::super) const SUBMIT_SM_RESP: u32 = 0x8000_0004;
    pub(in super::super) const DELIVER_SM: u32 = 0x05;
    pub(in super::super) const UNBIND: u32 = 0x06;
    pub(in super::super) const UNBIND_RESP: u32 = 0x8000_0006;
    pub(in super::super) const BIND_TRANSCEIVER: u32 = 0x09;
    pub(in super::super) const OUTBIND: u32 = 0x0B;
    pub(in super::super) const ENQUIRE_LINK: u32 = 0x15;
    pub(in super::super) const ALERT_NOTIFICATION: u32 = 0x102;
    pub(in super::super) const DATA_SM: u32 = 0x103;
    /// Set in every response.
    pub(in super::super) const RESPONSE: u32 = 0x8000_0000;
}

/// Octets of a header.
const HEADER: usize = 16;
/// A frame beyond this is no PDU: the longest has a `message_payload` of 64 KiB.
const LONGEST: usize = 80 * 1024;
/// The longest id of a message: section 5.2.23 has 64 characters, some carriers more. Databases' indexes have limits, and an id
/// beyond them would keep everything that came with it from being stored.
pub(super) const LONGEST_ID: usize = 255;

/// What a connection is bound as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Transceiver,
    Transmitter,
    Receiver,
}

impl Role {
    /// The command that binds so.
    pub(super) const fn command(self) -> u32 {
        match self {
            Self::Transceiver => command::BIND_TRANSCEIVER,
            Self::Transmitter => command::BIND_TRANSMITTER,
            Self::Receiver => command::BIND_RECEIVER,
        }
    }
}

/// A PDU that came: its header and its body, unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) command: u32,
    pub(super) status: u32,
    pub(super) sequence: u32,
    pub(super) body: Bytes,
}

/// The stream has no PDUs in it, or no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unframed(pub(super) usize);

impl Frame {
    /// Takes the next PDU, if it is there whole.
    pub(super) fn take(unread: &mut BytesMut) -> Result<Option<Self>, Unframed> {
        let word = |at: usize, from: &[u8]| {
            let octets = from.get(at..at + 4).and_then(|octets| octets.try_into().ok());
            octets.map_or(0, u32::from_be_bytes)
        };
        if unread.len() < 4 {
            return Ok(None);
        }
        let length = usize::try_from(word(0, unread)).unwrap_or(usize::MAX);
        if !(HEADER..=LONGEST).contains(&length) {
            return Err(Unframed(length));
        }
        if unread.len() < length {
            unread.reserve(length - unread.len());
            return Ok(None);
        }
        let whole = unread.split_to(length).freeze();
        Ok(Some(Self {
            command: word(4, &whole),
            status: word(8, &whole),
            sequence: word(12, &whole),
            body: whole.slice(HEADER..),
        }))
    }

    /// The message id of a response; none where an error has no body, or the carrier gives no id.
    pub(super) fn message_id(&self) -> Option<String> {
        let mut body = Body(&self.body);
        body.string().ok().filter(|id| (1..=LONGEST_ID).contains(&id.len()))
    }
}

/// Fields of a body, read one after another.
pub(super) struct Body<'a>(pub(super) &'a [u8]);

/// A body that ends before its mandatory fields do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Short;

impl<'a> Body<'a> {
    pub(super) fn octet(&mut self) -> Result<u8, Short> {
        let (first, rest) = self.0.split_first().ok_or(Short)?;
        self.0 = rest;
        Ok(*first)
    }

    /// A C-octet string of any length; one without its null, at the end of the body, is taken as it is. What is not UTF-8
    /// is read as Latin-1.
    pub(super) fn string(&mut self) -> Result<String, Short> {
        if self.0.is_empty() {
            return Err(Short);
        }
        let end = self.0.iter().position(|octet| *octet == 0).unwrap_or(self.0.len());
        let text = &self.0[..end];
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        Ok(std::str::from_utf8(text).map_or_else(|_| text.iter().map(|octet| char::from(*octet)).collect(), str::to_owned))
    }

    pub(super) fn octets(&mut self, length: usize) -> Result<&'a [u8], Short> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Short)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The TLVs up to the end, or up to the first that does not fit.
    pub(super) fn tlvs(mut self) -> Vec<(u16, &'a [u8])> {
        let mut found = Vec::new();
        while let Ok(&[a, b, c, d]) = self.octets(4) {
            let length = usize::from(u16::from_be_bytes([c, d]));
            let Ok(value) = self.octets(length) else { break };
            found.push((u16::from_be_bytes([a, b]), value));
        }
        found
    }
}

/// A text that does not fit its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unfit(pub(super) &'static str);

fn field<const MAX: usize>(name: &'static str, text: &str) -> Result<COctetString<1, MAX>, Unfit> {
    COctetString::from_string(text.to_owned()).map_err(|_| Unfit(name))
}

fn encode(status: u32, sequence: u32, pdu: impl Into<Pdu>) -> Bytes {
    let command = Command::new(CommandStatus::from(status), sequence, pdu);
    let length = 4 + command.length();
    let mut octets = BytesMut::with_capacity(length);
    octets.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    command.encode(&mut octets);
    octets.freeze()
}

/// A bind in this role.
pub(super) fn bind(settings: &Settings, role: Role, sequence: u32) -> Result<Bytes, Unfit> {
    let system_id = field("system_id", &settings.system_id)?;
    let password = field("password", settings.password.expose_secret())?;
    let system_type = field("system_type", &settings.system_type)?;
    let version = InterfaceVersion::Smpp3_4;
    let any = COctetString::empty;
    let (ton, npi) = (Ton::Unknown, Npi::Unknown);
    let pdu: Pdu = match role {
        Role::Transceiver => BindTransceiver::new(system_id, password, system_type, version, ton, npi, any()).into(),
        Role::Transmitter => BindTransmitter::new(system_id, password, system_type, version, ton, npi, any()).into(),
        Role::Receiver => BindReceiver::new(system_id, password, system_type, version, ton, npi, any()).into(),
    };
    Ok(encode(0, sequence, pdu))
}

/// What all parts of a message have in common on the wire.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    service_type: COctetString<1, 6>,
    sender: COctetString<1, 21>,
    source: Numbering,
    to: COctetString<1, 21>,
    dest: Numbering,
    validity: EmptyOrFullCOctetString<17>,
    receipts: bool,
}

impl Envelope {
    pub(super) fn new(settings: &Settings, to: &str, validity: &str) -> Result<Self, Unfit> {
        let mut validity = validity.as_bytes().to_vec();
        validity.push(0);
        Ok(Self {
            service_type: field("service_type", &settings.service_type)?,
            sender: field("sender", &settings.sender)?,
            source: settings.source,
            to: field("destination", to)?,
            dest: settings.dest,
            validity: EmptyOrFullCOctetString::from_vec(validity).map_err(|_| Unfit("validity_period"))?,
            receipts: settings.receipts,
        })
    }
}

/// One part as a submission.
pub(super) fn submit(envelope: &Envelope, part: &Part, sequence: u32) -> Result<Bytes, Unfit> {
    let payload = part.join == Join::Payload;
    let body = OctetString::from_slice(if payload { &[] } else { &part.octets }).map_err(|_| Unfit("short_message"))?;
    let mut submit = SubmitSm::builder()
        .service_type(ServiceType::new(envelope.service_type.clone()))
        .source_addr_ton(Ton::from(envelope.source.ton))
        .source_addr_npi(Npi::from(envelope.source.npi))
        .source_addr(envelope.sender.clone())
        .dest_addr_ton(Ton::from(envelope.dest.ton))
        .dest_addr_npi(Npi::from(envelope.dest.npi))
        .destination_addr(envelope.to.clone())
        .esm_class(EsmClass::from(if part.join == Join::Header { 0x40 } else { 0 }))
        .validity_period(envelope.validity.clone())
        // For every part: a message is delivered when all of them are.
        .registered_delivery(RegisteredDelivery::from(u8::from(envelope.receipts)))
        .data_coding(DataCoding::from(part.data_coding))
        .short_message(body)
        .build();
    match part.join {
        Join::None | Join::Header => {}
        Join::Sar { reference, total, number } => {
            submit.push_tlv(Tlv::SarMsgRefNum(reference));
            submit.push_tlv(Tlv::SarTotalSegments(total));
            submit.push_tlv(Tlv::SarSegmentSeqnum(number));
        }
        Join::Payload => submit.push_tlv(Tlv::MessagePayload(MessagePayload::new(AnyOctetString::from_slice(&part.octets)))),
    }
    Ok(encode(0, sequence, submit))
}

pub(super) fn enquire_link(sequence: u32) -> Bytes {
    encode(0, sequence, Pdu::EnquireLink)
}

pub(super) fn enquire_link_resp(sequence: u32) -> Bytes {
    encode(0, sequence, Pdu::EnquireLinkResp)
}

pub(super) fn unbind(sequence: u32) -> Bytes {
    encode(0, sequence, Pdu::Unbind)
}

pub(super) fn unbind_resp(sequence: u32) -> Bytes {
    encode(0, sequence, Pdu::UnbindResp)
}

pub(super) fn generic_nack(status: u32, sequence: u32) -> Bytes {
    encode(status, sequence, Pdu::GenericNack)
}

/// The answer to what was delivered by `command`: `deliver_sm` or `data_sm`.
pub(super) fn delivered(command: u32, status: u32, sequence: u32) -> Bytes {
    if command == command::DATA_SM {
        encode(status, sequence, DataSmResp::default())
    } else {
        encode(status, sequence, DeliverSmResp::default())
    }
}
