//! Mail addresses and chat ids: as lists have them comes in, normalised leaves, or the reason why not.
//!
//! Normalised means comparable: two spellings of one address must give one keyed hash, else a refusal would not hold.

use providers::smtp;
use unicode_normalization::UnicodeNormalization as _;

use crate::{phrase, words::Phrase};

/// A chat service. The numbers are stored (`recipient.chat_service`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ChatService {
    /// Zalo: a user id of an official account.
    Zalo = 1,
    /// Telegram: a chat id, of a person or of a group.
    Telegram = 2,
    /// Zalo, to a phone number: by templates only. Nobody has it as an address of their own; a delivery is routed by it.
    ZaloPhone = 3,
    /// Viber: a subscriber's id, as its bot was told it.
    Viber = 4,
    /// Mattermost: a channel's name, or `@` and a user's.
    Mattermost = 5,
    /// Rocket.Chat: `#` and a room's name or id, or `@` and a user's.
    RocketChat = 6,
}

impl ChatService {
    /// Every service.
    pub const ALL: [Self; 6] = [Self::Zalo, Self::Telegram, Self::ZaloPhone, Self::Viber, Self::Mattermost, Self::RocketChat];

    /// Those with a column of their own, in the order in which a list's columns are looked at: a person has one chat address.
    pub const LISTED: [Self; 5] = [Self::Zalo, Self::Telegram, Self::Viber, Self::Mattermost, Self::RocketChat];

    /// The service's name in files and settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zalo => "zalo",
            Self::Telegram => "telegram",
            Self::ZaloPhone => "zalo-phone",
            Self::Viber => "viber",
            Self::Mattermost => "mattermost",
            Self::RocketChat => "rocketchat",
        }
    }

    /// The column of lists that holds its addresses.
    pub const fn column(self) -> &'static str {
        match self {
            Self::Zalo => "zalo_id",
            Self::Telegram => "telegram_id",
            Self::ZaloPhone => "phone",
            Self::Viber => "viber_id",
            Self::Mattermost => "mattermost_id",
            Self::RocketChat => "rocketchat_id",
        }
    }

    /// The service with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }

    /// The service with this stored number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|service| *service as i64 == number)
    }
}

/// Why something is no mail address; the words are for the officer who keeps the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadEmail {
    /// No `@`, or several.
    At,
    /// A space, a comma.
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
                "địa chỉ e-mail có ký tự không hợp lệ (dấu cách, dấu phẩy)",
                "the mail address has characters that none may have (a space, a comma)"
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
    /// Zalo's and Telegram's ids are digits.
    NotAnId,
    /// Viber's ids are Base64.
    NotOfViber,
    /// No name of a room or a user.
    NotARoom,
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
            Self::NotOfViber => phrase!(
                "mã Viber gồm chữ cái không dấu, chữ số, “+”, “/” và “=” ở cuối, như 01234567890A=",
                "a Viber id has letters without accents, digits, “+”, “/”, and “=” at its end, such as 01234567890A="
            ),
            Self::NotARoom => phrase!(
                "cần tên kênh như phong-dan-van, hoặc @ và tên người dùng như @an.nguyen: chữ không dấu, chữ số, “.”, “-”, “_”",
                "a channel's name such as phong-dan-van is needed, or @ and a user's such as @an.nguyen: letters without accents, digits, “.”, “-”, “_”"
            ),
        }
    }
}

/// Reads a mail address; the host comes out in lower case and in ASCII (RFC 5891), the part before `@` as it was (RFC 5321,
/// section 2.4, leaves its case to the host). Letters of any script may stand there (RFC 6531): whether they can be carried the
/// mail server says.
pub fn email(text: &str) -> Result<String, BadEmail> {
    let text: String = text.nfc().collect();
    let text = text.trim().trim_start_matches("mailto:");
    let (local, host) = text.split_once('@').ok_or(BadEmail::At)?;
    if host.contains('@') {
        return Err(BadEmail::At);
    }
    let in_local = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let in_host = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
    if !local.chars().all(in_local) || !host.chars().all(in_host) {
        return Err(BadEmail::Character);
    }
    if local.is_empty() || local.len() > 64 || local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(BadEmail::Local);
    }
    let host = smtp::ascii_domain(host).ok_or(BadEmail::Host)?;
    let labels: Vec<&str> = host.split('.').collect();
    let label_ok = |label: &&str| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
    let top_ok = labels.last().is_some_and(|top| top.len() >= 2 && !top.bytes().all(|b| b.is_ascii_digit()));
    if labels.len() < 2 || !labels.iter().all(label_ok) || !top_ok || local.len() + host.len() > 253 {
        return Err(BadEmail::Host);
    }
    Ok(format!("{local}@{host}"))
}

/// Letters of a room's or a user's name at most.
const LONGEST_ROOM: usize = 120;

/// Reads a chat address. Zalo: digits. Telegram: digits, and for a group a minus before them. Viber: Base64. Mattermost and
/// Rocket.Chat: `@` and a user's name, or a channel's; `#` before a channel's name may be left out.
pub fn chat(service: ChatService, text: &str) -> Result<String, BadChat> {
    let text = text.trim().trim_start_matches('\'');
    match service {
        ChatService::Zalo | ChatService::ZaloPhone => numeric(text, text),
        ChatService::Telegram => numeric(text, text.strip_prefix('-').unwrap_or(text)),
        ChatService::Viber => {
            let letters = text.strip_suffix('=').map_or(text, |text| text.strip_suffix('=').unwrap_or(text));
            let in_id = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
            if (8..=64).contains(&letters.len()) && letters.bytes().all(in_id) {
                Ok(text.to_string())
            } else {
                Err(BadChat::NotOfViber)
            }
        }
        // Names are in lower case there, and `#` is no part of a channel's.
        ChatService::Mattermost => {
            let (sign, name) = room(text)?;
            Ok(format!("{}{}", if sign == '@' { "@" } else { "" }, name.to_ascii_lowercase()))
        }
        // A room's id tells small letters from capitals.
        ChatService::RocketChat => room(text).map(|(sign, name)| format!("{sign}{name}")),
    }
}

fn numeric(text: &str, digits: &str) -> Result<String, BadChat> {
    if text.contains(['E', 'e']) && text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(BadChat::Scientific);
    }
    if (4..=24).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
        Ok(text.to_string())
    } else {
        Err(BadChat::NotAnId)
    }
}

/// `@` or `#`, and the name behind it.
fn room(text: &str) -> Result<(char, &str), BadChat> {
    let (sign, name) = text.strip_prefix('@').map_or_else(|| ('#', text.strip_prefix('#').unwrap_or(text)), |name| ('@', name));
    let in_name = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    if (1..=LONGEST_ROOM).contains(&name.len()) && name.bytes().all(in_name) { Ok((sign, name)) } else { Err(BadChat::NotARoom) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses_are_checked_and_their_host_is_lowered() {
        assert_eq!(email(" An.Nguyen@Example.VN ").as_deref(), Ok("An.Nguyen@example.vn"));
        assert_eq!(email("ân@Phường.Example.vn").as_deref(), Ok("ân@xn--phng-rib8295b.example.vn"));
        let decomposed: String = "ân@phường.example.vn".nfd().collect();
        assert_eq!(email(&decomposed), email("ân@xn--phng-rib8295b.example.vn"), "one address, however it is written");
        assert_eq!(email("mailto:an+tin@mail.example.vn").as_deref(), Ok("an+tin@mail.example.vn"));
        for (text, why) in [
            ("an.example.vn", BadEmail::At),
            ("an@b@example.vn", BadEmail::At),
            ("an nguyen@example.vn", BadEmail::Character),
            ("ân‘@example.vn", BadEmail::Character),
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
    fn ids_of_zalo_and_telegram_are_digits() {
        assert_eq!(chat(ChatService::Zalo, " 4318657068771012646 ").as_deref(), Ok("4318657068771012646"));
        assert_eq!(chat(ChatService::Telegram, "-1001234567890").as_deref(), Ok("-1001234567890"));
        assert_eq!(chat(ChatService::Zalo, "-1001234567890"), Err(BadChat::NotAnId));
        assert_eq!(chat(ChatService::Zalo, "4.31866E+18"), Err(BadChat::Scientific));
        assert_eq!(chat(ChatService::Telegram, "@nguyenan"), Err(BadChat::NotAnId));
    }

    #[test]
    fn viber_ids_are_base64_and_may_look_like_numbers() {
        for id in ["01234567890A=", "lc7FAZqKDgxYc3MB0pBGTA==", "0123E4567/+9"] {
            assert_eq!(chat(ChatService::Viber, &format!(" {id} ")).as_deref(), Ok(id));
        }
        for text in ["0912=345678", "01234567890A===", "an@example.vn", "=", ""] {
            assert_eq!(chat(ChatService::Viber, text), Err(BadChat::NotOfViber), "{text}");
        }
    }

    #[test]
    fn a_room_is_known_in_either_spelling() {
        for text in ["#Phong-Dan-Van", "phong-dan-van"] {
            assert_eq!(chat(ChatService::Mattermost, text).as_deref(), Ok("phong-dan-van"));
        }
        assert_eq!(chat(ChatService::Mattermost, "@An.Nguyen").as_deref(), Ok("@an.nguyen"));
        for text in ["#phong-dan-van", "phong-dan-van"] {
            assert_eq!(chat(ChatService::RocketChat, text).as_deref(), Ok("#phong-dan-van"));
        }
        assert_eq!(chat(ChatService::RocketChat, "@an.nguyen").as_deref(), Ok("@an.nguyen"));
        for text in ["phòng dân vận", "#", "@", "@@an", "a/b", ""] {
            assert_eq!(chat(ChatService::RocketChat, text), Err(BadChat::NotARoom), "{text}");
        }
    }

    #[test]
    fn services_keep_their_numbers() {
        let numbers = ChatService::ALL.map(|service| (service as u8, service.name(), service.column()));
        assert_eq!(
            numbers,
            [
                (1, "zalo", "zalo_id"),
                (2, "telegram", "telegram_id"),
                (3, "zalo-phone", "phone"),
                (4, "viber", "viber_id"),
                (5, "mattermost", "mattermost_id"),
                (6, "rocketchat", "rocketchat_id")
            ]
        );
        assert_eq!(ChatService::LISTED.len() + 1, ChatService::ALL.len(), "a phone number has a column already");
        assert_eq!((ChatService::from_number(4), ChatService::from_number(0)), (Some(ChatService::Viber), None));
    }
}
