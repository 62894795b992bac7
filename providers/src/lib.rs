//! Adapters to the outside world: one trait, [`Provider`], and one adapter a file.
//!
//! What enters is a rendered message, an address and a reference ([`Outgoing`]); what leaves is a judgement
//! ([`Accepted`] or [`SendError`]). An adapter judges and sends. It never sleeps, retries, limits its rate or
//! touches a database, and it knows nothing of campaigns or of the person behind an address: the loop that calls
//! it obeys the judgement. Nothing here imports the `loa` crate.
//!
//! Personal data: an [`Address`] prints masked; the plain text is had only through [`Address::expose`].

use std::{fmt, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use event::{
    About, Acknowledge, Arrival, Callback, CallbackError, Event, Handle, Inbound, Leftover, Receipt, ReceiptState, Reply,
    StatusError,
};

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

/// A definite yes: the gateway took the message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    /// The gateway's ids, one a part and in order; empty where the gateway gives none.
    pub ids: Vec<String>,
}

/// A judgement on a message that was not taken, or perhaps not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Definitely not taken, and worth another try.
    #[error("later: {detail}")]
    Retry {
        /// The gateway's own word on how long to wait.
        after: Option<Duration>,
        /// Whether this is about the message or about the whole account.
        scope: Scope,
        /// Why, in the fixed list.
        reason: Reason,
        /// The gateway's own words, without addresses.
        detail: String,
    },
    /// A definite, permanent no for this message to this address.
    #[error("rejected ({reason}): {detail}")]
    Reject {
        /// Why, in the fixed list.
        reason: Reason,
        /// The gateway's own words, without addresses.
        detail: String,
    },
    /// The gateway says that this person refuses messages.
    #[error("the recipient opted out: {detail}")]
    OptedOut {
        /// The gateway's own words, without addresses.
        detail: String,
    },
    /// Definitely not taken; nothing will be until a person mends the account (wrong password, unknown sender name).
    #[error("misconfigured: {detail}")]
    Misconfigured {
        /// What is wrong, for the person who must mend it.
        detail: String,
    },
    /// Bytes were written and no answer came, or one part was refused after another was taken.
    #[error("in doubt: {detail}")]
    InDoubt {
        /// Ids of the parts that were taken.
        ids: Vec<String>,
        /// What happened, without addresses.
        detail: String,
    },
}

/// What a temporary refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This message: it counts as one of its tries.
    Message,
    /// The account (throttled, no funds, signed out, unreachable): no try of the message is used up, and the
    /// account is what waits.
    Account,
    /// The account was faster than its gateway takes messages: it waits like [`Scope::Account`], and then goes at half its
    /// pace, which recovers slowly.
    Pace,
    /// The recipient's domain takes no more for now: the message uses up a try like [`Scope::Message`], and others to the
    /// same domain wait and then go slower.
    Domain,
}

/// Why a message did not arrive: one fixed list for all gateways. The numbers are stored: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Reason {
    /// No such number, mailbox or user.
    NoSuchAddress = 1,
    /// Switched off, out of reach, temporarily unavailable.
    Unreachable = 2,
    /// Blocked by the carrier, a spam filter or the recipient.
    Blocked = 3,
    /// The mailbox or the phone's memory is full.
    Full = 4,
    /// The text matches no registered template.
    Template = 5,
    /// The content was refused.
    Content = 6,
    /// The account's quota is used up.
    Quota = 7,
    /// The account's balance is used up.
    Funds = 8,
    /// Its validity ended at the carrier.
    Expired = 9,
    /// Anything else: see the gateway's own words.
    Other = 10,
    /// It arrived, and the person reported it as unwanted: the reason of no failure, and the end of messages to this address.
    Complaint = 11,
}

impl Reason {
    /// Every reason, in the order of its number.
    pub const ALL: [Self; 11] = [
        Self::NoSuchAddress,
        Self::Unreachable,
        Self::Blocked,
        Self::Full,
        Self::Template,
        Self::Content,
        Self::Quota,
        Self::Funds,
        Self::Expired,
        Self::Other,
        Self::Complaint,
    ];

    /// The reason's name in files and exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoSuchAddress => "no-such-address",
            Self::Unreachable => "unreachable",
            Self::Blocked => "blocked",
            Self::Full => "full",
            Self::Template => "template",
            Self::Content => "content",
            Self::Quota => "quota",
            Self::Funds => "funds",
            Self::Expired => "expired",
            Self::Other => "other",
            Self::Complaint => "complaint",
        }
    }

    /// The reason with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.name() == name)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an adapter can do: constants of the gateway, which the loop plans with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about a gateway")]
pub struct Abilities {
    /// What one `send` may carry.
    pub batch: Batch,
    /// What a slot of the account's rate is spent on.
    pub slot: Slot,
    /// Whether receipts come (an account may still say that none do).
    pub receipts: bool,
    /// Whether what did not arrive is reported, though nothing says what did.
    pub bounces: bool,
    /// For how long the gateway ignores a repeated reference; zero: not at all.
    pub ignores_repeats_for: Duration,
    /// Whether receipts echo our reference: if not, the loop must remember the gateway's ids.
    pub echoes_reference: bool,
    /// Whether `status` answers.
    pub status: bool,
    /// Whether `status` asks by the gateway's ids, so that the loop must remember them.
    pub status_by_id: bool,
    /// When `status` is worth asking without being in doubt; none: only about doubts.
    pub poll: Option<Poll>,
}

impl Abilities {
    /// The least that a gateway can: one message a send, without receipts, repeats or questions; what others differ in is said
    /// on top of it.
    pub const LEAST: Self = Self {
        batch: Batch::ONE,
        slot: Slot::Send,
        receipts: false,
        bounces: false,
        ignores_repeats_for: Duration::ZERO,
        echoes_reference: true,
        status: false,
        status_by_id: false,
        poll: None,
    };

    /// Whether the loop must remember the gateway's ids: receipts come by them, or questions go by them.
    pub const fn needs_ids(&self) -> bool {
        !self.echoes_reference || self.status_by_id
    }
}

/// How a gateway is asked, by and by, what became of messages that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poll {
    /// From one round of questions to the next.
    pub every: Duration,
    /// For how long after it was taken a message is not asked about: a callback may come by itself.
    pub after: Duration,
    /// For how long after it was taken a message is asked about.
    pub through: Duration,
    /// Messages that one question answers, about: those that it names, or those that were sent under the id that it names.
    pub together: usize,
}

/// What one `send` may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Messages at most.
    pub most: usize,
    /// Whether they must all have the same content: the gateway takes one text for many recipients.
    pub same_content: bool,
}

impl Batch {
    /// One message.
    pub const ONE: Self = Self { most: 1, same_content: false };
}

/// What an account's rate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// One `send`, however many messages it carries: a request, a mail.
    Send,
    /// One part of a text message: an SMPP submission.
    Part,
}

/// An adapter: one account on one gateway.
///
/// The contract, which `providers/tests/contract.rs` holds for every adapter:
/// - `send` returns one judgement for each message, in order, and does not panic on any answer of the gateway;
/// - success means that the gateway definitely took the message;
/// - [`SendError::Retry`], [`SendError::Reject`], [`SendError::OptedOut`] and [`SendError::Misconfigured`] mean that it definitely did not;
///   everything else, a time-out or a broken connection after the first byte of a message was written above all, is [`SendError::InDoubt`];
/// - it may be called concurrently; it ends by itself (each adapter has a time-out); a dropped future leaves its messages in doubt.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Sends, and judges the gateway's answers. Same length and order out as in.
    async fn send(&self, batch: &[Outgoing]) -> Vec<Result<Accepted, SendError>>;

    /// How far the account's slots are apart at its present pace, told before each send: for an adapter that spends several
    /// slots on one message ([`Slot::Part`]) and must not spend them at once.
    fn space(&self, _slots: Duration) {}

    /// Asks the gateway what became of these, where it can be asked.
    async fn status(&self, _sent: &[Handle]) -> Result<Vec<Receipt>, StatusError> {
        Err(StatusError::Unsupported)
    }

    /// Reads a callback: raw body, headers and query in; events and what to answer the gateway out.
    fn callback(&self, _callback: &Callback) -> Result<(Vec<Event>, Reply), CallbackError> {
        Err(CallbackError::Unsupported)
    }

    /// Waits for what comes by itself over a standing connection, which this call keeps up: it returns when something came,
    /// and is called again at once. `None`, at once and always: this gateway keeps no connection.
    ///
    /// Dropping the future loses nothing; what was handed over and not acknowledged comes again.
    async fn events(&self) -> Option<Arrival> {
        None
    }

    /// Ends standing connections in order. Nothing is sent afterwards.
    async fn close(&self) {}

    /// What this gateway can do.
    fn can(&self) -> Abilities;

    /// Checks credentials and connection without sending anything; the text is for a person.
    async fn test(&self) -> Result<String, SendError>;

    /// What is left of the account's prepaid money, in whole đồng. `None`, at once: this gateway cannot be asked.
    async fn balance(&self) -> Option<Result<i64, SendError>> {
        None
    }

    /// What an account needs by and by without anything being sent, such as a token that is renewed before it expires: called
    /// every minute or so, and judges nothing.
    async fn upkeep(&self) {}

    /// What the gateway knows of a registered template. `None`, at once: it knows no templates, or cannot be asked.
    async fn template(&self, _id: &str) -> Option<Result<Template, SendError>> {
        None
    }
}

/// A registered template, as its gateway describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Whether messages can be sent by it now.
    pub usable: bool,
    /// Its state in the gateway's own word.
    pub state: String,
    /// What it wants to be filled in.
    pub parameters: Vec<Parameter>,
}

/// One blank of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Whether a message must fill it in.
    pub required: bool,
    /// Characters at most, where the gateway says so.
    pub longest: Option<usize>,
}

pub mod bounce;
mod event;
pub mod exchange;
pub mod gateways;
pub mod http;
mod keys;
mod network;
pub mod smpp;
pub mod smtp;
pub mod text;
pub mod webhook;
pub mod zalo;
