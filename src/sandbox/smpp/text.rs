//! Texts as they stand in SMPP: alphabets, and the three ways to send a long one (3GPP TS 23.040, section 9.2.3.24; SMPP 3.4,
//! sections 5.3.2.22 to 5.3.2.24 and 5.3.2.32).
//!
//! Each part is decoded by itself, as a phone does: a character torn between two parts shows as two wrong ones.

use std::{fmt::Write as _, sync::LazyLock};

use rusmpp::{pdus::SubmitSm, tlvs::TlvValue};

use crate::sandbox::parts::BASIC;

const ESCAPE: u8 = 0x1B;
const EXTENSION: [(u8, char); 10] = [
    (0x0A, '\u{c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2F, '\\'),
    (0x3C, '['),
    (0x3D, '~'),
    (0x3E, ']'),
    (0x40, '|'),
    (0x65, '€'),
];
/// The codes of the default alphabet; the escape stands for itself.
static ALPHABET: LazyLock<Vec<char>> = LazyLock::new(|| {
    let mut table: Vec<char> = BASIC.chars().collect();
    table.insert(usize::from(ESCAPE), char::from(ESCAPE));
    table
});

/// The codes of the default alphabet by character, all of which are below this; where there is none, [`NO_CODE`].
const CHARACTERS: usize = 0x400;
const NO_CODE: u8 = u8::MAX;
static CODES: LazyLock<[u8; CHARACTERS]> = LazyLock::new(|| {
    let mut codes = [NO_CODE; CHARACTERS];
    for (code, &basic) in (0..).zip(ALPHABET.iter()) {
        if code != ESCAPE {
            codes[basic as usize] = code;
        }
    }
    codes
});

/// UCS-2, big endian.
pub(super) const UCS2: u8 = 8;
/// The user data header indicator of `esm_class`.
const UDHI: u8 = 0x40;
/// Octets of user data in one part of several: 140 less the header's six.
const PART: usize = 134;
/// Septets in one part of several, unpacked.
const SEPTETS: usize = 153;

/// What one `submit_sm` carries.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) text: String,
    pub(super) place: Option<Place>,
}

/// Where a segment belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) reference: u16,
    pub(super) total: u8,
    /// From 1.
    pub(super) number: u8,
}

/// Reads a `submit_sm`'s text. None where its parts contradict themselves.
pub(super) fn read(submit: &SubmitSm) -> Option<Segment> {
    let (mut payload, mut reference, mut total, mut number) = (None, None, None, None);
    for tlv in submit.tlvs() {
        match tlv.value() {
            Some(TlvValue::MessagePayload(value)) => payload = Some(value.value.as_ref()),
            Some(TlvValue::SarMsgRefNum(value)) => reference = Some(*value),
            Some(TlvValue::SarTotalSegments(value)) => total = Some(*value),
            Some(TlvValue::SarSegmentSeqnum(value)) => number = Some(*value),
            _ => {}
        }
    }
    // The payload supersedes the short message.
    let mut octets: &[u8] = payload.unwrap_or_else(|| submit.short_message().as_ref());
    let mut place = match (reference, total, number) {
        (Some(reference), Some(total), Some(number)) => Some(Place { reference, total, number }),
        (None, None, None) => None,
        _ => return None,
    };
    if u8::from(submit.esm_class) & UDHI != 0 {
        let (header, rest) = octets.split_first().and_then(|(length, rest)| rest.split_at_checked(usize::from(*length)))?;
        place = place.or(concatenation(header)?);
        octets = rest;
    }
    if place.is_some_and(|place| place.total == 0 || place.number == 0 || place.number > place.total) {
        return None;
    }
    let text = decode(submit.data_coding.into(), octets);
    Some(Segment { text, place: place.filter(|place| place.total > 1) })
}

/// Looks for the concatenation element in a user data header; the outer none: the header is broken.
#[expect(clippy::option_option, reason = "a broken header and one without this element are two things")]
fn concatenation(mut header: &[u8]) -> Option<Option<Place>> {
    let mut place = None;
    while let [element, length, rest @ ..] = header {
        let (value, after) = rest.split_at_checked(usize::from(*length))?;
        match (element, value) {
            (0x00, &[reference, total, number]) => place = Some(Place { reference: reference.into(), total, number }),
            (0x08, &[high, low, total, number]) => {
                place = Some(Place { reference: u16::from_be_bytes([high, low]), total, number });
            }
            _ => {}
        }
        header = after;
    }
    header.is_empty().then_some(place)
}

/// The text of these octets by their `data_coding`; binary data in hexadecimal.
pub(super) fn decode(coding: u8, octets: &[u8]) -> String {
    match coding {
        1 => octets.iter().map(|&octet| if octet.is_ascii() { char::from(octet) } else { '\u{fffd}' }).collect(),
        3 => octets.iter().copied().map(char::from).collect(),
        2 | 4 => octets.iter().fold(String::new(), |mut text, octet| {
            // Writing to memory cannot fail.
            let _ = write!(text, "{octet:02x}");
            text
        }),
        UCS2 => {
            let units = octets.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
            char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect()
        }
        _ => gsm(octets),
    }
}

fn gsm(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    let mut octets = octets.iter();
    while let Some(&octet) = octets.next() {
        if octet != ESCAPE {
            text.push(ALPHABET.get(usize::from(octet)).copied().unwrap_or('\u{fffd}'));
            continue;
        }
        let code = octets.next().copied();
        let found = EXTENSION.iter().find(|(extension, _)| Some(*extension) == code);
        text.push(found.map_or('\u{fffd}', |&(_, c)| c));
    }
    text
}

/// Adds a character's septets. False: the default alphabet lacks it, and nothing was added.
fn push(out: &mut Vec<u8>, c: char) -> bool {
    if let Some(&code) = CODES.get(c as usize).filter(|&&code| code != NO_CODE) {
        out.push(code);
    } else if let Some((code, _)) = EXTENSION.iter().find(|(_, extension)| *extension == c) {
        out.extend([ESCAPE, *code]);
    } else {
        return false;
    }
    true
}

/// The unpacked septets of a text; none if it holds a character that the default alphabet lacks.
fn septets(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        if !push(&mut out, c) {
            return None;
        }
    }
    Some(out)
}

/// UCS-2 octets of a text.
pub(super) fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// One part as a phone's network hands it on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) coding: u8,
    /// Whether a user data header stands first.
    pub(super) header: bool,
    pub(super) octets: Vec<u8>,
}

/// A phone's text in parts: the default alphabet where it holds every character, else UCS-2.
pub(super) fn spell(text: &str, reference: u8) -> Vec<Part> {
    let (coding, octets, single, several) = match septets(text) {
        Some(octets) => (0, octets, 160, SEPTETS),
        None => (UCS2, ucs2(text), 140, PART),
    };
    if octets.len() <= single {
        return vec![Part { coding, header: false, octets }];
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    let mut rest = &octets[..];
    while !rest.is_empty() {
        let mut end = several.min(rest.len());
        // Neither an escape nor a surrogate pair is torn.
        let torn = match coding {
            UCS2 => end < rest.len() && (0xD8..0xDC).contains(&rest[end - 2]),
            _ => end < rest.len() && rest[end - 1] == ESCAPE,
        };
        end -= if torn { if coding == UCS2 { 2 } else { 1 } } else { 0 };
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after;
    }
    let total = u8::try_from(parts.len()).unwrap_or(u8::MAX);
    (1..=total)
        .zip(parts)
        .map(|(number, part)| Part { coding, header: true, octets: [&[5, 0, 3, reference, total, number], part].concat() })
        .collect()
}

/// A text for a field of the default alphabet: what it lacks becomes a question mark.
pub(super) fn plain(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        if !push(&mut out, c) {
            out.push(b'?');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use rusmpp::{
        tlvs::MessageSubmissionRequestTlvValue as Tlv,
        types::{AnyOctetString, OctetString},
        values::{DataCoding, EsmClass, MessagePayload},
    };

    use super::*;

    fn submit(class: u8, coding: DataCoding, octets: &[u8], tlvs: Vec<Tlv>) -> SubmitSm {
        SubmitSm::builder()
            .esm_class(EsmClass::from(class))
            .data_coding(coding)
            .short_message(OctetString::from_slice(octets).unwrap())
            .tlvs(tlvs)
            .build()
    }

    #[test]
    fn a_text_survives_every_alphabet() {
        let all: String = BASIC.chars().chain(EXTENSION.iter().map(|(_, c)| *c)).collect();
        assert_eq!(decode(0, &septets(&all).unwrap()), all);
        assert_eq!(septets("cảnh giác"), None);
        assert_eq!(decode(UCS2, &ucs2("cảnh giác 😀")), "cảnh giác 😀");
        assert_eq!(decode(3, b"\xe0 la carte"), "à la carte");
        assert_eq!(decode(4, &[0, 0xfe]), "00fe");
        assert_eq!(decode(UCS2, &[0xD8, 0x3D, 0]), "\u{fffd}\0");
        assert_eq!(plain("từ chối {1}"), b"t? ch?i \x1b\x281\x1b\x29");
    }

    #[test]
    fn long_texts_come_in_three_ways() {
        let place = Some(Place { reference: 0x1234, total: 3, number: 2 });
        let wide = submit(0x40, DataCoding::McSpecific, &[6, 8, 4, 0x12, 0x34, 3, 2, b'a'], vec![]);
        assert_eq!(read(&wide), Some(Segment { text: "a".into(), place }));
        // Another element before it, as a port.
        let narrow = submit(0x40, DataCoding::McSpecific, &[9, 4, 2, 1, 1, 0, 3, 7, 1, 1, b'b'], vec![]);
        assert_eq!(read(&narrow), Some(Segment { text: "b".into(), place: None }));
        let sar = vec![Tlv::SarMsgRefNum(0x1234), Tlv::SarTotalSegments(3), Tlv::SarSegmentSeqnum(2)];
        assert_eq!(read(&submit(0, DataCoding::Ucs2, &ucs2("ă"), sar)), Some(Segment { text: "ă".into(), place }));
        let payload = vec![Tlv::MessagePayload(MessagePayload::new(AnyOctetString::from_vec(ucs2(&"ạ".repeat(300)))))];
        assert_eq!(read(&submit(0, DataCoding::Ucs2, b"", payload)), Some(Segment { text: "ạ".repeat(300), place: None }));
    }

    #[test]
    fn parts_that_contradict_themselves_are_refused() {
        for octets in [&[][..], &[9, 0, 3], &[5, 0, 3, 1, 2, 3], &[5, 0, 3, 1, 0, 0], &[4, 0, 3, 1, 2]] {
            assert_eq!(read(&submit(0x40, DataCoding::McSpecific, octets, vec![])), None, "{octets:?}");
        }
        assert_eq!(read(&submit(0, DataCoding::McSpecific, b"a", vec![Tlv::SarTotalSegments(2)])), None);
    }

    #[test]
    fn a_phones_text_is_spelled_in_parts_that_read_alike() {
        for text in ["TC".to_owned(), "từ chối".into(), "€".repeat(200), "😀".repeat(100), "ạ".repeat(71), "a".repeat(161)]
        {
            let parts = spell(&text, 9);
            let read: String = parts
                .iter()
                .map(|part| decode(part.coding, if part.header { &part.octets[6..] } else { &part.octets }))
                .collect();
            assert_eq!(read, text);
            assert!(parts.iter().all(|part| part.octets.len() <= 160));
        }
        assert_eq!(spell(&"a".repeat(161), 9).len(), 2);
    }
}
