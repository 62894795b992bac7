//! Mail addresses and chat ids: as lists have them comes in, normalised leaves, or the reason why not.
//!
//! Normalised means comparable: two spellings of one address must give one keyed hash, else a refusal would not hold.

use unicode_normalization::UnicodeNormalization as _;

use crate::{phrase, words::Phrase};

/// A chat service. The numbers are stored (`recipient.chat_service`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ChatService {
    /// Zalo: a user id of an official account.
    Zalo = 1,
    /// Telegram: a chat id.
    Telegram = 2,
    /// Zalo, to a phone number: by templates only. Nobody has it as an address of their own; a delivery is routed by it.
    ZaloPhone = 3,
}

impl ChatService {
    /// The service's name in files and settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zalo => "zalo",
            Self::Telegram => "telegram",
            Self::ZaloPhone => "zalo-phone",
        }
    }

    /// The service with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Zalo, Self::Telegram, Self::ZaloPhone].into_iter().find(|service| service.name() == name)
    }

    /// The service with this stored number.
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Zalo),
            2 => Some(Self::Telegram),
            3 => Some(Self::ZaloPhone),
            _ => None,
        }
    }
}

/// Why something is no mail address; the words are for the officer who keeps the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadEmail {
    /// No `@`, or several.
    At,
    /// A space, a comma, an accented letter.
    Character,
    /// Nothing before the `@`, two dots in a row, too long.
    Local,
    /// No dot, an empty label, a hyphen at an edge, too long.
    Host,
}

impl BadEmail {
    /// What to tell the officer.
    pub fn phrase(self) -> Phrase {
        match self {
            Self::At => phrase!("địa chỉ e-mail phải có đúng một dấu @", "a mail address has exactly one @"),
            Self::Character => phrase!(
                "địa chỉ e-mail có ký tự không hợp lệ (dấu cách, dấu phẩy, chữ có dấu)",
                "the mail address has characters that none may have (a space, a comma, an accented letter)"
            ),
            Self::Local => phrase!("phần trước dấu @ không hợp lệ", "what stands before the @ is not valid"),
            Self::Host => phrase!("tên miền sau dấu @ không hợp lệ", "what stands after the @ is no domain"),
        }
    }
}

/// Why something is no chat id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadChat {
    /// Excel wrote `1.23E+18`: the last digits are gone.
    Scientific,
    /// Neither service has such ids.
    NotAnId,
}

impl BadChat {
    /// What to tell the officer.
    pub fn phrase(self) -> Phrase {
        match self {
            Self::Scientific => phrase!(
                "Excel đã ghi mã thành dạng khoa học và làm mất chữ số: đặt cột ở dạng Văn bản rồi nhập lại mã",
                "Excel wrote the id in scientific notation and lost digits: set the column to Text and type the id again"
            ),
            Self::NotAnId => phrase!("mã người dùng chỉ gồm chữ số", "a user id has digits only"),
        }
    }
}

/// Reads a mail address; the host comes out in lower case, the part before `@` as it was (RFC 5321, section 2.4, leaves
/// its case to the host).
pub fn email(text: &str) -> Result<String, BadEmail> {
    let text: String = text.nfc().collect();
    let text = text.trim().trim_start_matches("mailto:");
    let (local, host) = text.split_once('@').ok_or(BadEmail::At)?;
    if host.contains('@') {
        return Err(BadEmail::At);
    }
    let in_local = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let in_host = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if !local.chars().all(in_local) || !host.chars().all(in_host) {
        return Err(BadEmail::Character);
    }
    if local.is_empty() || local.len() > 64 || local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(BadEmail::Local);
    }
    let host = host.to_ascii_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let label_ok = |label: &&str| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
    let top_ok = labels.last().is_some_and(|top| top.len() >= 2 && !top.bytes().all(|b| b.is_ascii_digit()));
    if labels.len() < 2 || !labels.iter().all(label_ok) || !top_ok || local.len() + host.len() > 253 {
        return Err(BadEmail::Host);
    }
    Ok(format!("{local}@{host}"))
}

/// Reads a chat id: digits, and for a Telegram group a minus before them.
pub fn chat(service: ChatService, text: &str) -> Result<String, BadChat> {
    let text = text.trim().trim_start_matches('\'');
    if text.contains(['E', 'e']) && text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(BadChat::Scientific);
    }
    let digits = match service {
        ChatService::Zalo | ChatService::ZaloPhone => text,
        ChatService::Telegram => text.strip_prefix('-').unwrap_or(text),
    };
    if (4..=24).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
        Ok(text.to_string())
    } else {
        Err(BadChat::NotAnId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses_are_checked_and_their_host_is_lowered() {
        assert_eq!(email(" An.Nguyen@Example.VN ").as_deref(), Ok("An.Nguyen@example.vn"));
        assert_eq!(email("mailto:an+tin@mail.example.vn").as_deref(), Ok("an+tin@mail.example.vn"));
        for (text, why) in [
            ("an.example.vn", BadEmail::At),
            ("an@b@example.vn", BadEmail::At),
            ("an nguyen@example.vn", BadEmail::Character),
            ("ân@example.vn", BadEmail::Character),
            ("an@example.vn, binh@example.vn", BadEmail::At),
            ("an@example.vn;", BadEmail::Character),
            ("@example.vn", BadEmail::Local),
            ("a..n@example.vn", BadEmail::Local),
            ("an@example", BadEmail::Host),
            ("an@-example.vn", BadEmail::Host),
            ("an@example..vn", BadEmail::Host),
            ("an@127.0.0.1", BadEmail::Host),
        ] {
            assert_eq!(email(text), Err(why), "{text}");
        }
    }

    #[test]
    fn chat_ids_are_digits() {
        assert_eq!(chat(ChatService::Zalo, " 4318657068771012646 ").as_deref(), Ok("4318657068771012646"));
        assert_eq!(chat(ChatService::Telegram, "-1001234567890").as_deref(), Ok("-1001234567890"));
        assert_eq!(chat(ChatService::Zalo, "-1001234567890"), Err(BadChat::NotAnId));
        assert_eq!(chat(ChatService::Zalo, "4.31866E+18"), Err(BadChat::Scientific));
        assert_eq!(chat(ChatService::Telegram, "@nguyenan"), Err(BadChat::NotAnId));
    }
}
