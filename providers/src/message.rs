//! What is sent: one rendered message, by channel.

use chrono::{DateTime, Utc};

use crate::{Address, Channel, text};

/// One message to send. Two sends of the same attempt are equal in every field.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The attempt's reference: at most 32 characters of `[0-9a-z]`, unique for ever. Gateways get it as their
    /// request id, tracking id or Message-ID, and may echo it in receipts.
    pub reference: String,
    /// To whom.
    pub to: Address,
    /// What.
    pub content: Content,
    /// After this the gateway may throw the message away.
    pub expires: Option<DateTime<Utc>>,
    /// Where the gateway shall report this message's receipts, for gateways that take the address with the message.
    pub callback: Option<String>,
}

/// A rendered message, by channel.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A text message.
    Sms(Sms),
    /// A mail.
    Email(Box<Email>),
    /// A chat message.
    Chat(Chat),
}

impl Content {
    /// The channel that carries this content.
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Sms(_) => Channel::Sms,
            Self::Email(_) => Channel::Email,
            Self::Chat(_) => Channel::Chat,
        }
    }
}

/// A text message, ready for the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sms {
    /// The text exactly as it is to be sent (NFC; already without accents where that was chosen).
    pub text: String,
    /// The alphabet that carries it.
    pub encoding: text::Encoding,
    /// Parts that the carrier will count.
    pub parts: u16,
}

/// A mail without its envelope and identification, which the adapter adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// The recipient's display name, if known.
    pub to_name: Option<String>,
    /// The subject, any Unicode text of one line.
    pub subject: String,
    /// The plain text part.
    pub text: String,
    /// The HTML part: a whole document with inlined CSS.
    pub html: String,
    /// Files to attach, shared by all mails of a run.
    pub attachments: Vec<std::sync::Arc<Attachment>>,
    /// Pictures that the HTML part shows, shared by all mails of a run.
    pub pictures: Vec<Picture>,
    /// For `List-Unsubscribe` and RFC 8058 one-click: an https address.
    pub unsubscribe_url: Option<String>,
    /// For `List-Id` (RFC 2919), such as the campaign's slug; one label of `[a-z0-9-]`.
    pub list: Option<String>,
    /// BCP 47 language of the text, for `Content-Language`.
    pub language: String,
    /// Whether it warns of something under way: it asks mail servers and programs not to keep it back.
    pub urgent: bool,
}

/// A picture within a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// What the HTML part calls it, as `cid:ID` (RFC 2392): `name@host`, printable ASCII.
    pub id: String,
    /// The file.
    pub file: std::sync::Arc<Attachment>,
}

/// A file that goes with a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The file's name as the reader sees it.
    pub name: String,
    /// Media type, such as `application/pdf`.
    pub media_type: String,
    /// The bytes.
    pub bytes: bytes::Bytes,
}

/// A chat message: free text, or a registered template with its data, or both (the adapter takes what fits).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chat {
    /// Free text.
    pub text: Option<String>,
    /// The gateway's identifier of a registered template.
    pub template: Option<String>,
    /// The template's parameters, rendered.
    pub data: std::collections::BTreeMap<String, String>,
}
