//! Characters as octets, and back: GSM 03.38 unpacked, ISO 8859-1, ASCII, UCS-2 big endian.
//!
//! Out: a text that an alphabet lacks a character of is not written in it at all, never with a `?`. In: every octet
//! becomes some character, since what a person wrote is better read with a flaw than lost.

use super::settings::Charset;
use crate::text;

/// The text in the charset, if that has all of its characters.
pub(super) fn octets(charset: Charset, text: &str) -> Option<Vec<u8>> {
    match charset {
        Charset::Gsm => text::septets(text),
        Charset::Latin1 => text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect(),
        Charset::Ascii => text.is_ascii().then(|| text.as_bytes().to_vec()),
    }
}

/// The text in UTF-16, big endian: what carriers call UCS-2.
pub(super) fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// What octets of this `data_coding` say (SMPP 3.4, section 5.2.19; 3GPP TS 23.038, section 4).
pub(super) fn read(charset: Charset, data_coding: u8, octets: &[u8]) -> String {
    match data_coding {
        0x08 | 0xE0..=0xEF => from_ucs2(octets),
        0x01..=0x04 => from_latin1(octets),
        // General data coding groups of TS 23.038: bits 3 and 2 tell the alphabet.
        0x10..=0x7F if data_coding & 0x0C == 0x08 => from_ucs2(octets),
        _ => match charset {
            Charset::Gsm => text::from_septets(octets),
            Charset::Latin1 | Charset::Ascii => from_latin1(octets),
        },
    }
}

fn from_ucs2(octets: &[u8]) -> String {
    // An odd octet at the end is none of a character.
    let units = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn from_latin1(octets: &[u8]) -> String {
    // Some write UTF-8 here: it is hardly ever anything else where it is valid and not ASCII.
    std::str::from_utf8(octets).map_or_else(|_| octets.iter().map(|octet| char::from(*octet)).collect(), str::to_owned)
}
