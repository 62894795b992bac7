//! The reference of an attempt: its delivery's key, its number and a short MAC, so that a forged one is refused.

use crate::{seal::Seal, token};

/// What its MAC is for.
const PURPOSE: &str = "reference";

/// Names one attempt of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// The delivery's id.
    pub delivery: i64,
    /// The attempt's number, from 1; at most 255.
    pub attempt: i16,
}

impl Reference {
    /// The text that gateways get: 24 characters of `[0-9a-z]`.
    pub fn encode(self, seal: &Seal) -> String {
        token::encode(self.delivery, u8::try_from(self.attempt).unwrap_or(u8::MAX), |bytes| seal.mac(PURPOSE, bytes))
    }

    /// Reads a reference that came back, in whatever case; none if it is not one of ours.
    pub fn decode(text: &str, seal: &Seal) -> Option<Self> {
        let (delivery, attempt) = token::decode(text, |bytes| seal.mac(PURPOSE, bytes))?;
        Some(Self { delivery, attempt: i16::from(attempt) })
    }
}
