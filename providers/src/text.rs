//! What a text costs and becomes on the wire: GSM 03.38, UCS-2, parts, unaccented.
//!
//! What enters is a text as a person wrote it, in NFC or NFD; what leaves is an [`Sms`] in NFC with the alphabet that
//! carries it and the parts that the carrier will count. What can go wrong: it is too long, empty, or holds a
//! character that no text message carries. Nothing is ever cut: a warning that lacks its end may say the opposite.

mod budget;
mod fold;
mod gsm;
mod pattern;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

use crate::Sms;

pub use budget::{Budget, BudgetError};
pub use gsm::{from_septets, septets};
pub use pattern::{Difference, Pattern, PatternError, Slot, SlotError};

/// The alphabet of a text message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// GSM 03.38, seven bits: 160 characters in one part, 153 in each of several.
    Gsm,
    /// UCS-2: 70 and 67 UTF-16 units.
    Ucs2,
}

impl Encoding {
    /// Units that a text of one part holds: septets or UTF-16 units (3GPP TS 23.040: 140 octets).
    pub const fn single(self) -> usize {
        match self {
            Self::Gsm => 160,
            Self::Ucs2 => 70,
        }
    }

    /// Units that each of several parts holds: six octets go to the header that joins them.
    pub const fn joined(self) -> usize {
        match self {
            Self::Gsm => 153,
            Self::Ucs2 => 67,
        }
    }

    /// Units that this character takes; of UCS-2 for a character that GSM lacks.
    fn units(self, c: char) -> usize {
        match self {
            Self::Gsm => gsm::width(c).unwrap_or_else(|| c.len_utf16()),
            Self::Ucs2 => c.len_utf16(),
        }
    }
}

/// What a text takes on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// The smaller alphabet that carries the whole text.
    pub encoding: Encoding,
    /// Parts that the carrier counts; 0 for an empty text.
    pub parts: u16,
    /// Septets or UTF-16 units of the whole text.
    pub units: usize,
}

/// Why a text cannot be sent as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing is left to send.
    #[error("the text is empty")]
    Empty,
    /// It takes more parts than allowed.
    #[error("the text takes {parts} parts where {max} are allowed; characters to take out: {over}")]
    TooLong {
        /// Parts that it takes.
        parts: u16,
        /// Parts that are allowed.
        max: u16,
        /// Characters that must go.
        over: usize,
    },
    /// A control character or a code point that is no character.
    #[error("character {position} of the text, U+{:04X}, cannot be sent", u32::from(*character))]
    Unsendable {
        /// The character.
        character: char,
        /// Its place in the text, counted in characters from 1.
        position: usize,
    },
    /// A text that is to go without accents holds a character that has no plain form, such as an emoji or a Chinese
    /// character: it would cost two to three times as much as it was chosen to.
    #[error("character {position} of the text, U+{:04X}, has no form without accents", u32::from(*character))]
    NotPlain {
        /// The character.
        character: char,
        /// Its place in the text, counted in characters from 1.
        position: usize,
    },
}

/// Takes accents off: what an old phone shows, mostly in GSM 03.38.
///
/// NFC first, so that NFD input ends alike; `đ` has no decomposition and is mapped; quotes, dashes, ellipses, bullets
/// and special blanks become their ASCII forms; any other letter loses its marks. What has neither an ASCII nor a GSM
/// form (an emoji, a Chinese character) stays, and [`Budget::sms`] names it.
pub fn unaccented(text: &str) -> String {
    if text.is_ascii() && !text.contains(['\r', '\t', '`']) {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    for c in composed(text).chars() {
        fold::without_accents(c, &mut plain);
    }
    plain
}

/// In NFC. Most texts are already: they are looked through, not written anew.
fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

/// Puts a text in order without changing what it says: NFC, line feeds, plain blanks, no invisible characters, no
/// blanks at its ends.
///
/// Typographic quotes, dashes and ellipses become ASCII only where that brings the whole text into GSM 03.38: it then
/// costs less than half. In a text that is UCS-2 anyhow they cost nothing and stay as written.
pub fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    for c in composed(text).chars() {
        fold::tidied(c, &mut tidy);
    }
    let tidy = tidy.trim();
    if tidy.chars().all(|c| gsm::width(c).is_some()) {
        return tidy.to_owned();
    }
    let mut folded = String::with_capacity(tidy.len());
    for c in tidy.chars() {
        if !fold::typography(c, &mut folded) {
            folded.push(c);
        }
    }
    if folded.chars().all(|c| gsm::width(c).is_some()) { folded } else { tidy.to_owned() }
}

/// Counts a text as it stands, by what the wire carries: the smaller alphabet that holds it, its units and its parts.
/// What an account bills may differ: see [`Budget`].
pub fn measure(text: &str) -> Measured {
    Budget::default().measure(text)
}

/// A text made ready for the wire ([`Budget::sms`]) in at most so many parts.
pub fn sms(text: &str, unaccented: bool, max_parts: u16) -> Result<Sms, TextError> {
    Budget::of_parts(max_parts).sms(text, unaccented)
}

/// The first character of a text, with its place in bytes, that no text message carries; or, where it is to go without
/// accents, that has no plain form.
pub fn obstacle(text: &str, without_accents: bool) -> Option<(usize, char)> {
    text.char_indices().find(|(_, c)| {
        let form: String = if without_accents { unaccented(c.encode_utf8(&mut [0; 4])) } else { c.to_string() };
        let mut tidied = String::new();
        form.chars().for_each(|c| fold::tidied(c, &mut tidied));
        tidied.chars().any(|c| !sendable(c) || (without_accents && gsm::width(c).is_none()))
    })
}

/// The parts of a text on the wire, in order: one where it fits into one, else packed into as few as hold it, `joined`
/// units each (see [`Encoding::joined`]; a header with a reference of two octets leaves one unit less).
pub fn split(text: &str, encoding: Encoding, joined: usize) -> Vec<&str> {
    if text.chars().map(|c| encoding.units(c)).sum::<usize>() <= encoding.single() {
        return vec![text];
    }
    let (mut parts, mut from, mut used) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        let units = encoding.units(c);
        if used + units > joined {
            parts.push(&text[from..at]);
            (from, used) = (at, 0);
        }
        used += units;
    }
    parts.push(&text[from..]);
    parts
}

/// Neither a control character (a line feed is none here), nor one of Unicode's 66 noncharacters, nor one of private use,
/// which every phone shows differently, nor what broken imports leave in place of a character.
fn sendable(c: char) -> bool {
    let code = u32::from(c);
    let noncharacter = (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE;
    let private = matches!(code, 0xE000..=0xF8FF | 0xF_0000..);
    let replacement = matches!(c, '\u{FFFC}' | '\u{FFFD}');
    c == '\n' || !(c.is_control() || noncharacter || private || replacement)
}

#[cfg(test)]
mod tests;
