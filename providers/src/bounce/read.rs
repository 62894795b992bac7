//! One mail read: what it says, and of which attempt.
//!
//! What enters is the mail as it lies in its mailbox, cut off at a bound; what leaves is a [`Report`]. Nothing goes wrong: what
//! is not understood is [`Verdict::Unclear`].

use mail_parser::{Message, MessageParser, MimeHeaders as _, PartType};

use super::{dsn, names::Names, plain};
use crate::Reason;

/// How deep a mail within a mail is looked into.
const DEPTH: usize = 3;
/// Octets of text that are looked at for what it says.
const TOLD: usize = 32 << 10;

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It will not arrive.
    Failed {
        /// Why, in the fixed list.
        reason: Reason,
        /// The server's words, addresses masked.
        detail: String,
    },
    /// It has not arrived yet: no end.
    Delayed {
        /// The server's words, addresses masked.
        detail: String,
    },
    /// It was passed on to where nothing is reported from.
    Relayed,
    /// It arrived.
    Delivered,
    /// The person reported it as unwanted.
    Complaint {
        /// The kind of complaint (RFC 5965, section 7.3).
        detail: String,
    },
    /// A machine answers for somebody who is away (RFC 3834).
    AutoReply,
    /// A filter wants us to prove that we are people.
    Challenge,
    /// Something else: a person's answer, advertising.
    Unclear,
}

/// A mail that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it says.
    pub verdict: Verdict,
    /// Of which attempt, if it names one. Not verified: it may be forged.
    pub reference: Option<String>,
}

/// Reads a mail.
pub fn read(mail: &[u8], names: &Names) -> Report {
    let mail = &mail[..mail.len().min(super::LONGEST)];
    let Some(message) = MessageParser::default().parse(mail) else {
        return Report { verdict: Verdict::Unclear, reference: names.reference(&String::from_utf8_lossy(mail)) };
    };
    let mut found = Found::default();
    found.look(&message, 0);
    let verdict = match (found.feedback, found.status) {
        (Some(feedback), _) => dsn::feedback(&feedback),
        (None, Some(status)) => dsn::delivery_status(&status, &found.text).unwrap_or_else(|| plain::read(&message, &found.text)),
        (None, None) => plain::read(&message, &found.text),
    };
    Report { verdict, reference: reference(mail, &message, names) }
}

/// The reference: as it came over the wire, else in what was encoded.
fn reference(mail: &[u8], message: &Message<'_>, names: &Names) -> Option<String> {
    names.reference(&String::from_utf8_lossy(mail)).or_else(|| {
        message.parts.iter().find_map(|part| match &part.body {
            PartType::Text(text) | PartType::Html(text) => names.reference(text),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => names.reference(&String::from_utf8_lossy(bytes)),
            PartType::Message(inner) => names.reference(&String::from_utf8_lossy(inner.raw_message())),
            PartType::Multipart(_) => None,
        })
    })
}

/// The parts that say something.
#[derive(Default)]
struct Found {
    status: Option<String>,
    feedback: Option<String>,
    text: String,
}

impl Found {
    fn look(&mut self, message: &Message<'_>, depth: usize) {
        for part in &message.parts {
            let kind = part.content_type().and_then(|kind| Some((kind.ctype(), kind.subtype()?)));
            let is =
                |main: &str, sub: &str| kind.is_some_and(|(m, s)| m.eq_ignore_ascii_case(main) && s.eq_ignore_ascii_case(sub));
            let contents = || String::from_utf8_lossy(part.contents()).into_owned();
            if is("message", "delivery-status") || is("message", "global-delivery-status") {
                self.status.get_or_insert_with(contents);
            } else if is("message", "feedback-report") {
                self.feedback.get_or_insert_with(contents);
            } else if is("text", "rfc822-headers") {
                // The mail that was sent, not what is said of it.
            } else if let PartType::Text(text) | PartType::Html(text) = &part.body
                && depth == 0
            {
                self.tell(text, matches!(part.body, PartType::Html(_)));
            }
        }
        // A report that somebody passed on: within the mail, where the mail itself has none.
        if self.status.is_none() && self.feedback.is_none() && depth < DEPTH {
            for part in &message.parts {
                if let PartType::Message(inner) = &part.body {
                    self.look(inner, depth + 1);
                }
            }
        }
    }

    /// Adds a text. One in HTML is looked at where there is no other.
    fn tell(&mut self, text: &str, html: bool) {
        if html && !self.text.trim().is_empty() {
            return;
        }
        let text = if html { mail_parser::decoders::html::html_to_text(text) } else { text.to_owned() };
        let room = TOLD.saturating_sub(self.text.len());
        self.text.extend(text.chars().take(room));
        self.text.push('\n');
    }
}
