//! Whom a message goes to: over which [`Channel`], and to which [`Address`] there.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A way to people. The discriminants are stored in the database: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Channel {
    /// Text messages to a phone number.
    Sms = 1,
    /// E-mail.
    Email = 2,
    /// A chat service such as Zalo or Telegram.
    Chat = 3,
}

impl Channel {
    /// All channels, in the order of their stored numbers.
    pub const ALL: [Self; 3] = [Self::Sms, Self::Email, Self::Chat];

    /// The channel's name in files and commands: `sms`, `email` or `chat`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
            Self::Chat => "chat",
        }
    }

    /// The channel with this stored number.
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Sms),
            2 => Some(Self::Email),
            3 => Some(Self::Chat),
            _ => None,
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a message goes: E.164 (`+84901234567`) for SMS, `name@host` for e-mail, a user id for chat.
///
/// `Debug` and `Display` print it masked (`+8490*****67`), so that no log line or error can leak it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address(String);

impl Address {
    /// Wraps an address that was already checked and normalised.
    pub fn new(plain: impl Into<String>) -> Self {
        Self(plain.into())
    }

    /// The plain address: for the wire only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask(&self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", mask(&self.0))
    }
}

/// Masks an address for logs and errors: `+8490*****12`, `n***@example.vn`, `12***89`.
pub fn mask(address: &str) -> String {
    if let Some((local, host)) = address.split_once('@').filter(|(local, _)| !local.is_empty()) {
        let first = local.chars().next().map(String::from).unwrap_or_default();
        return format!("{first}***@{host}");
    }
    let chars: Vec<char> = address.chars().collect();
    let (head, tail) = if address.starts_with('+') { (5, 2) } else { (2, 2) };
    if chars.len() <= head + tail {
        return "*".repeat(chars.len());
    }
    let head_text: String = chars[..head].iter().collect();
    let tail_text: String = chars[chars.len() - tail..].iter().collect();
    format!("{head_text}{}{tail_text}", "*".repeat(chars.len() - head - tail))
}
