//! What an order says: frozen as JSON when it is made, so that every later page, sheet and document says the same.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use crate::campaign::relay::Status;
use crate::{db::DbError, seal::hex};

/// The text of the SMS and what it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sms {
    /// To be sent as it is (NFC).
    pub text: String,
    /// `gsm` or `ucs2`.
    pub encoding: String,
    /// Parts that it takes so.
    pub parts: u16,
    /// SHA-256 of the text, in hexadecimal.
    pub sha256: String,
}

impl Sms {
    /// The text with its digest.
    pub fn new(text: impl Into<String>, encoding: impl Into<String>, parts: u16) -> Self {
        let text = text.into();
        Self { sha256: hex(&Sha256::digest(text.as_bytes())), text, encoding: encoding.into(), parts }
    }
}

/// The document that orders it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// Its number, such as `338/KH-UBND`.
    pub number: String,
    /// Its day, ISO 8601.
    pub date: String,
    /// Who issued it, and is entitled to.
    pub authority: String,
    /// Who signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// The scanned document among the papers ([`super::paper`]): SHA-256 in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// What is frozen of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// What it is about, in a line.
    pub title: String,
    /// Whether it is an urgent warning.
    pub warning: bool,
    /// What it is to be taken for.
    pub status: Status,
    /// The brand name that texts are sent under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_name: Option<String>,
    /// What carriers send by SMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms: Option<Sms>,
    /// What carriers show in their own application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// What the others read out, print or publish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub material: Option<String>,
    /// How often everybody gets it, from 1.
    pub rounds: u16,
    /// Hours of each day between which it may be sent, in Việt Nam's time: `08:00` and `20:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<(String, String)>,
    /// Texts a second at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<u32>,
    /// Codes of provinces and wards; none: the whole country.
    pub areas: Vec<String>,
    /// For whom it is, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// The contract that it is paid by; none: free of charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// The document that orders it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// When its final report is due, unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_by: Option<i64>,
    /// Until when it holds, unix milliseconds.
    pub expires_at: i64,
}

impl Content {
    /// As it is stored.
    pub fn json(&self) -> String {
        // A plain struct of numbers and strings: serde_json cannot fail on it. U+0000 is none of ours, and PostgreSQL refuses it.
        serde_json::to_string(self).unwrap_or_default().replace("\\u0000", "\\ufffd")
    }

    /// What [`Self::json`] wrote.
    pub fn parse(json: &str) -> Result<Self, DbError> {
        serde_json::from_str(json).map_err(|error| DbError::Refused(format!("an order's content cannot be read: {error}")))
    }

    /// Whether it is there after it was passed on: a warning, which the office publishes until it expires, and what stands in an application, on
    /// a wall or in a newspaper. A text message is sent, and that is that.
    pub const fn stays(&self) -> bool {
        self.warning || self.app.is_some() || self.material.is_some()
    }

    /// Whether counts of this area belong to it: one of its areas, or a ward of an ordered province; `province_of` a ward.
    pub fn covers(&self, area: &str, province_of: impl Fn(&str) -> Option<&'static str>) -> bool {
        self.areas.is_empty() && province_of(area).is_some()
            || self.areas.iter().any(|ordered| ordered == area || province_of(area) == Some(ordered.as_str()))
    }
}

/// Areas none of which lies in another: a ward that stands beside its province says nothing, and would be reported twice.
pub(super) fn apart(areas: Vec<String>, province_of: impl Fn(&str) -> Option<&'static str>) -> Vec<String> {
    let listed = areas.clone();
    let lies_in_another =
        |code: &String| province_of(code).is_some_and(|province| province != code && listed.iter().any(|one| one == province));
    areas.into_iter().filter(|code| !lies_in_another(code)).collect()
}

/// SHA-256 of a text, in hexadecimal.
pub(super) fn digest(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// Content for tests.
#[cfg(test)]
pub(crate) fn sample() -> Content {
    Content {
        title: "Nhận diện lừa đảo".into(),
        warning: false,
        status: Status::Actual,
        sender_name: Some("SO VHTTDL".into()),
        sms: Some(Sms::new("Khong cung cap ma OTP.", "gsm", 1)),
        app: None,
        material: None,
        rounds: 2,
        window: Some(("08:00".into(), "20:00".into())),
        max_rate: Some(100),
        areas: vec!["01".into(), "79".into()],
        audience: Some("Thuê bao trả trước".into()),
        contract: None,
        basis: None,
        report_by: Some(2_000),
        expires_at: 1_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_frozen_is_read_again() {
        let content = sample();
        assert_eq!(Content::parse(&content.json()).unwrap(), content);
        let odd = Content { title: "a\u{0}b".into(), ..content };
        assert_eq!(Content::parse(&odd.json()).unwrap().title, "a\u{fffd}b");
        assert!(Content::parse("{}").is_err());
    }

    #[test]
    fn an_area_is_covered_by_itself_and_by_its_province() {
        let province = |code: &str| match code {
            "01" | "00004" => Some("01"),
            "31" | "11407" => Some("31"),
            _ => None,
        };
        let content = sample();
        assert!(content.covers("01", province) && content.covers("00004", province));
        assert!(!content.covers("31", province) && !content.covers("11407", province) && !content.covers("x", province));
        let country = Content { areas: vec![], ..content };
        assert!(country.covers("31", province) && !country.covers("x", province));
    }
}
