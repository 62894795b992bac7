//! The keys by which receipts find their submissions: from the ids that a carrier gives in responses and in receipts.
//!
//! An id is an opaque text, and with `ids = "string"` nothing of it is changed. Some carriers answer in hexadecimal and
//! report in decimal, or the other way round: then both are written in one form, their value's.
//!
//! `auto` never changes what a response said: that is the key. A receipt's id that is no recent response's, but has the
//! value of one when read in the other base, is evidence, where the hexadecimal one of the two has a letter and so cannot be
//! decimal. [`ENOUGH`] pieces of it, and none that ids are the same text, decide; from then on ids of receipts are rewritten
//! into the form that responses have (their case and width). Until then a receipt whose id could mean two recent
//! submissions is not taken: the carrier is asked to repeat it.

use std::collections::{HashMap, VecDeque};

use super::settings::Ids;

/// Responses that `auto` remembers.
const REMEMBERED: usize = 20_000;
/// Pieces of evidence that decide.
const ENOUGH: u32 = 3;

/// Writes ids as keys.
pub(super) struct Keys {
    mode: Ids,
    /// For `auto` alone.
    recent: VecDeque<String>,
    /// How often a recent response had this id.
    written: HashMap<String, u32>,
    /// The recent responses with this value, read as hexadecimal and as decimal.
    by_hex: HashMap<u128, String>,
    by_dec: HashMap<u128, String>,
    evidence: Evidence,
    style: Style,
}

/// What receipts showed so far.
#[derive(Debug, Default, Clone, Copy)]
struct Evidence {
    same: u32,
    hex_to_dec: u32,
    dec_to_hex: u32,
}

/// How responses write hexadecimal ids.
#[derive(Debug, Default, Clone, Copy)]
struct Style {
    upper: bool,
    width: usize,
}

/// What a receipt's id leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// The key.
    Key(String),
    /// The key, and with it the mode is decided: its name, for a person to set.
    Decided(String, &'static str),
    /// It could mean two recent submissions.
    Ambiguous,
}

impl Keys {
    pub(super) fn new(mode: Ids) -> Self {
        Self {
            mode,
            recent: VecDeque::new(),
            written: HashMap::new(),
            by_hex: HashMap::new(),
            by_dec: HashMap::new(),
            evidence: Evidence::default(),
            style: Style::default(),
        }
    }

    /// The key of a submission with this id in its response.
    pub(super) fn of_response(&mut self, id: &str) -> String {
        match self.mode {
            Ids::String => id.to_owned(),
            Ids::HexToDec => hex(id).map_or_else(|| id.to_owned(), |value| value.to_string()),
            Ids::DecToHex => dec(id).map_or_else(|| id.to_owned(), |value| format!("{value:x}")),
            Ids::Auto => {
                self.remember(id);
                id.to_owned()
            }
        }
    }

    /// The key of the submission that a receipt with this id is about.
    pub(super) fn of_receipt(&mut self, id: &str) -> Found {
        match self.mode {
            Ids::String => Found::Key(id.to_owned()),
            Ids::HexToDec => Found::Key(dec(id).map_or_else(|| id.to_owned(), |value| value.to_string())),
            Ids::DecToHex => Found::Key(hex(id).map_or_else(|| id.to_owned(), |value| format!("{value:x}"))),
            Ids::Auto => self.find(id),
        }
    }

    fn find(&mut self, id: &str) -> Found {
        let same = self.written.contains_key(id);
        // Response in hexadecimal, this in decimal; and the reverse.
        let from_hex = dec(id).and_then(|value| self.by_hex.get(&value)).filter(|known| known.as_str() != id).cloned();
        let from_dec = hex(id).and_then(|value| self.by_dec.get(&value)).filter(|known| known.as_str() != id).cloned();
        if let Some(decided) = self.decided() {
            return Found::Key(
                match decided {
                    "hex-to-dec" => from_hex.or_else(|| dec(id).map(|value| self.style.write(value))),
                    "dec-to-hex" => from_dec.or_else(|| hex(id).map(|value| value.to_string())),
                    _ => None,
                }
                .unwrap_or_else(|| id.to_owned()),
            );
        }
        match (same, from_hex, from_dec) {
            (true, None, None) => {
                self.evidence.same += 1;
                Found::Key(id.to_owned())
            }
            (false, Some(known), None) if has_letter(&known) => {
                self.evidence.hex_to_dec += 1;
                self.found(known)
            }
            (false, None, Some(known)) if has_letter(id) => {
                self.evidence.dec_to_hex += 1;
                self.found(known)
            }
            (false, None, None) => Found::Key(id.to_owned()),
            _ => Found::Ambiguous,
        }
    }

    fn found(&self, key: String) -> Found {
        match self.decided() {
            Some(mode) => Found::Decided(key, mode),
            None => Found::Key(key),
        }
    }

    fn decided(&self) -> Option<&'static str> {
        match self.evidence {
            Evidence { same: ENOUGH.., hex_to_dec: 0, dec_to_hex: 0 } => Some("string"),
            Evidence { same: 0, hex_to_dec: ENOUGH.., dec_to_hex: 0 } => Some("hex-to-dec"),
            Evidence { same: 0, hex_to_dec: 0, dec_to_hex: ENOUGH.. } => Some("dec-to-hex"),
            _ => None,
        }
    }

    fn remember(&mut self, id: &str) {
        if self.recent.len() >= REMEMBERED
            && let Some(oldest) = self.recent.pop_front()
        {
            self.forget(&oldest);
        }
        self.recent.push_back(id.to_owned());
        *self.written.entry(id.to_owned()).or_default() += 1;
        if let Some(value) = hex(id) {
            self.by_hex.insert(value, id.to_owned());
            if has_letter(id) {
                self.style.upper = id.bytes().any(|byte| byte.is_ascii_uppercase());
            }
            self.style.width = if id.starts_with('0') || self.style.width == id.len() { id.len() } else { 0 };
        }
        if let Some(value) = dec(id) {
            self.by_dec.insert(value, id.to_owned());
        }
    }

    fn forget(&mut self, id: &str) {
        if let Some(times) = self.written.get_mut(id) {
            *times -= 1;
            if *times > 0 {
                return;
            }
        }
        self.written.remove(id);
        if let Some(value) = hex(id).filter(|value| self.by_hex.get(value).is_some_and(|known| known == id)) {
            self.by_hex.remove(&value);
        }
        if let Some(value) = dec(id).filter(|value| self.by_dec.get(value).is_some_and(|known| known == id)) {
            self.by_dec.remove(&value);
        }
    }
}

impl Style {
    fn write(self, value: u128) -> String {
        let width = self.width;
        if self.upper { format!("{value:0width$X}") } else { format!("{value:0width$x}") }
    }
}

fn hex(id: &str) -> Option<u128> {
    id.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u128::from_str_radix(id, 16).ok()).flatten()
}

fn dec(id: &str) -> Option<u128> {
    id.bytes().all(|byte| byte.is_ascii_digit()).then(|| id.parse().ok()).flatten()
}

fn has_letter(id: &str) -> bool {
    id.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(found: Found) -> String {
        match found {
            Found::Key(key) | Found::Decided(key, _) => key,
            Found::Ambiguous => panic!("ambiguous"),
        }
    }

    #[test]
    fn a_text_is_never_changed() {
        let mut keys = Keys::new(Ids::String);
        for id in ["00ABcd", "0", "  x", "12345678901234567890123456789012345678901234567890"] {
            assert_eq!(keys.of_response(id), id);
            assert_eq!(keys.of_receipt(id), Found::Key(id.into()));
        }
    }

    #[test]
    fn bases_meet_in_one_form() {
        let mut keys = Keys::new(Ids::HexToDec);
        assert_eq!((keys.of_response("00FF"), key(keys.of_receipt("0255"))), ("255".into(), "255".into()));
        let mut keys = Keys::new(Ids::DecToHex);
        assert_eq!((keys.of_response("0255"), key(keys.of_receipt("00FF"))), ("ff".into(), "ff".into()));
        assert_eq!(keys.of_response("not-a-number"), "not-a-number");
    }

    #[test]
    fn auto_finds_out_that_hexadecimal_is_reported_in_decimal() {
        let mut keys = Keys::new(Ids::Auto);
        for value in 0xABC0_u32..0xABC3 {
            assert_eq!(keys.of_response(&format!("{value:08X}")), format!("{value:08X}"));
        }
        assert_eq!(keys.of_receipt("43968"), Found::Key("0000ABC0".into()));
        assert_eq!(keys.of_receipt("43969"), Found::Key("0000ABC1".into()));
        assert_eq!(keys.of_receipt("43970"), Found::Decided("0000ABC2".into(), "hex-to-dec"));
        // One from before this process began: no response is known, but the form is.
        assert_eq!(keys.of_receipt("48879"), Found::Key("0000BEEF".into()));
    }

    #[test]
    fn auto_takes_no_receipt_that_could_mean_two() {
        let mut keys = Keys::new(Ids::Auto);
        // 100 as it is, or the decimal of 0x64.
        keys.of_response("100");
        keys.of_response("64");
        assert_eq!(keys.of_receipt("100"), Found::Ambiguous);
    }

    #[test]
    fn auto_keeps_texts_as_they_are() {
        let mut keys = Keys::new(Ids::Auto);
        for id in ["a-1", "a-2", "a-3"] {
            keys.of_response(id);
            assert_eq!(keys.of_receipt(id), Found::Key(id.into()));
        }
        assert_eq!(keys.of_receipt("a-0"), Found::Key("a-0".into()));
    }

    proptest! {
        #[test]
        fn auto_never_leads_to_another_submission_once_decided(values in proptest::collection::hash_set(0xA0_0000_u64..0xFFFF_FFFF, 8..40)) {
            let mut keys = Keys::new(Ids::Auto);
            for value in &values { keys.of_response(&format!("{value:x}")); }
            for value in &values {
                match keys.of_receipt(&value.to_string()) {
                    Found::Key(key) | Found::Decided(key, _) => prop_assert_eq!(key, format!("{:x}", value)),
                    Found::Ambiguous => {}
                }
            }
        }
    }
}
