//! How a carrier words what it sends: receipts (v3.4, appendix B, and the message state section 5.2.28), and texts of phones.

use bytes::BytesMut;
use chrono::{DateTime, Utc};
use rusmpp::{
    CommandStatus,
    pdus::DeliverSm,
    tlvs::MessageDeliveryRequestTlvValue as Tlv,
    types::{COctetString, OctetString},
    values::{DataCoding, EsmClass, MessageState, Npi, Ton},
};

use super::{Receipts, post::Delivery, text, wire};

/// `esm_class` of a receipt (v3.4, section 5.2.12).
const RECEIPT: u8 = 0x04;
/// `esm_class` of a text with a user data header.
const HEADER: u8 = 0x40;
/// Octets that a short message holds at most.
const LONGEST: usize = 254;

/// What a receipt is about.
pub(super) struct About<'a> {
    /// The id as this carrier's receipts write it.
    pub(super) id: &'a str,
    /// Who sent the message.
    pub(super) from: &'a str,
    /// Who should have got it.
    pub(super) to: &'a str,
    pub(super) arrived: bool,
    pub(super) at: DateTime<Utc>,
    /// How the message begins.
    pub(super) text: &'a str,
    /// Whether the receipt's own text is in UCS-2.
    pub(super) ucs2: bool,
}

/// A receipt, in the way that `receipts` says.
pub(super) fn receipt(about: &About<'_>, receipts: Receipts) -> Delivery {
    let (state, stat, delivered, error) = if about.arrived {
        (MessageState::Delivered, "DELIVRD", "001", "000")
    } else {
        (MessageState::Undeliverable, "UNDELIV", "000", "011")
    };
    let tlvs = match receipts {
        Receipts::Text => Vec::new(),
        Receipts::Both | Receipts::Tlv => {
            vec![Tlv::ReceiptedMessageId(c_string(about.id)), Tlv::MessageState(state)]
        }
    };
    let mut octets = Vec::new();
    if receipts != Receipts::Tlv {
        let date = about.at.format("%y%m%d%H%M");
        let fields = format!(
            "id:{} sub:001 dlvrd:{delivered} submit date:{date} done date:{date} stat:{stat} err:{error} text:",
            about.id
        );
        let begins: String = about.text.chars().take(20).collect();
        octets = if about.ucs2 { text::ucs2(&(fields + &begins)) } else { [text::plain(&fields), text::plain(&begins)].concat() };
        octets.truncate(LONGEST);
    }
    let coding = if about.ucs2 && !octets.is_empty() { text::UCS2 } else { 0 };
    deliver(about.to, about.from, RECEIPT, coding, &octets, tlvs, true)
}

/// What a phone wrote, one delivery a part.
pub(super) fn said(from: &str, to: &str, words: &str, reference: u8) -> Vec<Delivery> {
    let parts = text::spell(words, reference).into_iter();
    parts
        .map(|part| deliver(from, to, if part.header { HEADER } else { 0 }, part.coding, &part.octets, Vec::new(), false))
        .collect()
}

fn deliver(from: &str, to: &str, class: u8, coding: u8, octets: &[u8], tlvs: Vec<Tlv>, receipt: bool) -> Delivery {
    let kind = |address: &str| match address.strip_prefix('+').unwrap_or(address) {
        "" => (Ton::Unknown, Npi::Unknown),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => (Ton::International, Npi::Isdn),
        _ => (Ton::Alphanumeric, Npi::Unknown),
    };
    let pdu = DeliverSm::builder()
        .source_addr_ton(kind(from).0)
        .source_addr_npi(kind(from).1)
        .source_addr(c_string(from))
        .dest_addr_ton(kind(to).0)
        .dest_addr_npi(kind(to).1)
        .destination_addr(c_string(to))
        .esm_class(EsmClass::from(class))
        .data_coding(DataCoding::from(coding))
        .short_message(OctetString::from_slice(octets).unwrap_or_default())
        .tlvs(tlvs)
        .build();
    let mut frame = BytesMut::with_capacity(256);
    wire::write(&mut frame, CommandStatus::EsmeRok, 0, pdu);
    Delivery::new(&frame, receipt)
}

/// A field of text; what does not fit, or is not ASCII, leaves it empty.
pub(super) fn c_string<const MAX: usize>(text: &str) -> COctetString<1, MAX> {
    let mut octets = text.as_bytes().to_vec();
    octets.push(0);
    COctetString::from_vec(octets).unwrap_or_default()
}
