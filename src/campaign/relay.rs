//! What a campaign asks others to pass on: carriers to their subscribers, and agencies, schools, radios and the press to whoever
//! they reach. Who they are is kept elsewhere, by the names that stand here; nothing here names a person.

use std::time::Duration;

use providers::{
    Sms,
    text::{self, Encoding, TextError},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{SmsText, Source};
use crate::{phrase, seal::hex, words::Phrase};

/// The name of the channel in `channels.use`.
pub const CHANNEL: &str = "relay";

/// The id of the message that stands for the texts of a campaign which goes by relay alone: runs name one.
pub const MESSAGE: &str = "relay";

/// The kinds of those who pass something on.
pub const KINDS: [&str; 5] = ["carrier", "agency", "school", "radio", "press"];

/// Parts that a text may take: what carriers commonly join. Hải Dương's bulletin of 2021 took 6.
pub const MOST_PARTS: u16 = 10;

/// The longest name of a sender that GSM carries.
pub const SENDER_LENGTH: usize = 11;

/// An order in a campaign's words: what each run asks of everybody in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Who is asked, by name; none twice.
    pub partners: Vec<String>,
    /// Besides: everybody of these [`KINDS`]. Never empty together with `partners`.
    pub kinds: Vec<String>,
    /// The sender name that people see; there is one wherever there is an SMS.
    pub sender: Option<String>,
    /// How many times each subscriber gets it.
    pub rounds: u16,
    /// Local hours within which it may be sent: from, and until (minutes after midnight, up to 1440). None: any, of a warning.
    pub hours: Option<(u16, u16)>,
    /// From the run's due time: an order that was not sent by then is not sent any more.
    pub valid_for: Duration,
    /// From the end of its validity: when the last report is due.
    pub report_within: Duration,
    /// Places by their codes, two or five digits: at least one.
    pub areas: Vec<String>,
    /// Whom it is for, in words.
    pub audience: String,
    /// The text message as it was written; [`Relay::text`] says what it becomes.
    pub sms: Option<String>,
    /// Whether it is sent with accents.
    pub sms_text: SmsText,
    /// What the carriers' own apps show.
    pub app: Option<String>,
    /// What is read out, hung up or published. Of the three texts there is at least one.
    pub material: Option<String>,
    /// Who pays.
    pub payment: Payment,
    /// Whether it is meant.
    pub status: Status,
    /// Messages at most, in a span; none: as the carrier likes.
    pub rate: Option<(u32, Duration)>,
}

/// Who pays for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payment {
    /// Nobody: a public duty (*miễn phí*).
    Free,
    /// The office, by this contract.
    Contract(String),
}

/// Whether an order is meant. The latter two stay out of all figures. The numbers are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(i16)]
pub enum Status {
    /// It is.
    #[default]
    Actual = 0,
    /// Everybody does as if, and nobody sends.
    Exercise = 1,
    /// Machines try each other.
    Test = 2,
}

impl Status {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Actual, Self::Exercise, Self::Test];

    /// All by their names.
    pub const NAMES: [(&'static str, Self); 3] = [("actual", Self::Actual), ("exercise", Self::Exercise), ("test", Self::Test)];

    /// The one of this stored number.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|status| *status as i16 == number)
    }

    /// The name in files and the API, which is CAP's in small letters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Actual => "actual",
            Self::Exercise => "exercise",
            Self::Test => "test",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// What people call it.
    pub fn label(self) -> Phrase {
        match self {
            Self::Actual => phrase!("Thực hiện", "Actual"),
            Self::Exercise => phrase!("Diễn tập", "Exercise"),
            Self::Test => phrase!("Thử kỹ thuật", "Test"),
        }
    }

    /// The same with what it means.
    pub fn phrase(self) -> Phrase {
        match self {
            Self::Actual => phrase!("Thực hiện thật", "Actual"),
            Self::Exercise => {
                phrase!("Diễn tập: không gửi đến thuê bao, không tính vào số liệu", "Exercise: nothing is sent or counted")
            }
            Self::Test => {
                phrase!("Thử kết nối: không gửi đến thuê bao, không tính vào số liệu", "Test: nothing is sent or counted")
            }
        }
    }

    /// Whether its figures count.
    pub const fn counts(self) -> bool {
        matches!(self, Self::Actual)
    }
}

/// A text message as a carrier is to send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Letter by letter.
    pub text: String,
    /// What carries it.
    pub encoding: Encoding,
    /// Ordinary messages that a carrier counts for one.
    pub parts: u16,
    /// Characters as that alphabet counts them.
    pub units: usize,
    /// SHA-256 of the text in UTF-8, in hexadecimal: both sides know that it is the same.
    pub sha256: String,
}

impl Text {
    /// A text made ready for the wire.
    pub fn of(written: &str, sms_text: SmsText) -> Result<Self, TextError> {
        let Sms { text, encoding, parts } = text::sms(written, sms_text == SmsText::Unaccented, MOST_PARTS)?;
        let units = text::measure(&text).units;
        let sha256 = hex(&Sha256::digest(text.as_bytes()));
        Ok(Self { text, encoding, parts, units, sha256 })
    }

    /// `GSM · 1 phần · 148 ký tự`.
    pub fn size(&self) -> Phrase {
        let name = match self.encoding {
            Encoding::Gsm => "GSM",
            Encoding::Ucs2 => "UCS-2",
        };
        let (parts, units) = (self.parts, self.units);
        let word = if parts == 1 { "part" } else { "parts" };
        phrase!("{name} · {parts} phần · {units} ký tự", "{name} · {parts} {word} · {units} characters")
    }
}

impl Source {
    /// The scanned document that authorises the campaign, and its file's name.
    pub fn document(&self) -> Option<(&str, &[u8])> {
        let name = self.campaign.basis.as_ref()?.document.as_deref()?;
        Some((name, self.attachments.get(name)?))
    }
}

impl Relay {
    /// The text message as it is to be sent; none: there is none. What was read from a file can be sent.
    pub fn text(&self) -> Option<Text> {
        self.sms.as_deref().and_then(|written| Text::of(written, self.sms_text).ok())
    }

    /// Messages that so many subscribers come to, as carriers convert them (*tin quy đổi*): parts times rounds.
    pub fn converted(&self) -> u32 {
        self.text().map_or(0, |text| u32::from(text.parts) * u32::from(self.rounds))
    }
}

/// Why a text cannot be sent, for the person who wrote it.
pub fn why(error: &TextError) -> Phrase {
    match error {
        TextError::Empty => phrase!("lời nhắn không có chữ nào", "{error}"),
        TextError::TooLong { parts, max, over } => {
            phrase!("lời nhắn dài {parts} phần, nhiều nhất {max}: bớt {over} ký tự", "{error}")
        }
        TextError::Unsendable { character, position } => {
            let code = u32::from(*character);
            phrase!("ký tự thứ {position}, U+{code:04X}, không gửi được bằng SMS", "{error}")
        }
        TextError::NotPlain { character, position } => {
            let code = u32::from(*character);
            phrase!("ký tự thứ {position}, U+{code:04X}, không có dạng không dấu", "{error}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_counted_as_carriers_count_it() {
        let plain = Text::of("Không cung cấp mã OTP.", SmsText::Unaccented).unwrap();
        assert_eq!((plain.text.as_str(), plain.encoding, plain.parts), ("Khong cung cap ma OTP.", Encoding::Gsm, 1));
        // `printf 'Khong cung cap ma OTP.' | sha256sum`
        assert_eq!(plain.sha256, "0837fcc051b1a70db2fb5eaeab62770e463d6052ff18a92adde6289d715a020a");
        let accented = Text::of("Không cung cấp mã OTP.", SmsText::Unicode).unwrap();
        assert_eq!((accented.encoding, accented.parts, accented.units), (Encoding::Ucs2, 1, 22));
        assert_ne!(accented.sha256, plain.sha256);
        // The bulletin of Hải Dương, 2021: six ordinary messages.
        let bulletin = Text::of(&"a".repeat(153 * 6), SmsText::Unaccented).unwrap();
        assert_eq!(bulletin.parts, 6);
        assert!(matches!(Text::of(&"a".repeat(153 * 10 + 1), SmsText::Unaccented), Err(TextError::TooLong { over: 1, .. })));
    }

    #[test]
    fn only_what_is_meant_counts() {
        for (name, status) in Status::NAMES {
            assert_eq!((status.name(), status.counts()), (name, name == "actual"));
        }
    }
}
