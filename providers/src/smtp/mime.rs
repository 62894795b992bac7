//! A mail as it goes over the wire: signatures, headers, both texts, pictures, attachments, and the dots that SMTP wants doubled.

use std::{fmt::Write as _, time::SystemTime};

use lettre::message::{
    Attachment, Message, MultiPart, SinglePart,
    header::{ContentType, HeaderName, HeaderValue},
};

use super::{
    dkim,
    mailbox::{AddressFault, Mailbox, one_line},
    settings::Settings,
    tagged::message_id,
};
use crate::{Content, Email, Outgoing, Reason, SendError};

/// A mail ready for one transaction.
pub(super) struct Mail {
    /// The envelope's sender.
    pub(super) from: String,
    /// The one recipient.
    pub(super) to: String,
    /// Bytes before dots were doubled (RFC 1870).
    pub(super) size: usize,
    /// Header and body, dots doubled, and the final dot.
    pub(super) content: Vec<u8>,
    /// Whether only a server with SMTPUTF8 can carry it.
    pub(super) needs_utf8: bool,
}

/// What ends a mail, at the start of a line.
const FINAL_DOT: &[u8] = b".\r\n";

impl Mail {
    /// Bytes of the content before the final dot.
    pub(super) const fn before_dot(&self) -> usize {
        self.content.len() - FINAL_DOT.len()
    }
}

/// Puts a mail together. The same message gives the same bytes at the same moment: boundaries come from the reference.
pub(super) fn build(settings: &Settings, outgoing: &Outgoing) -> Result<Mail, SendError> {
    let Content::Email(email) = &outgoing.content else {
        return Err(reject(Reason::Other, format!("an smtp account carries no {}", outgoing.content.channel())));
    };
    let to = Mailbox::new(email.to_name.as_deref(), outgoing.to.expose())
        .map_err(|fault| reject(Reason::NoSuchAddress, format!("the address {fault}")))?;
    let message = compose(settings, &outgoing.reference, email, &to).map_err(|fault| reject(Reason::Content, fault))?;
    let from = settings.bounce.as_ref().map_or_else(|| settings.from.address(), |bounce| bounce.tagged(&outgoing.reference));
    let mut message = message.formatted();
    if !message.ends_with(b"\r\n") {
        message.extend_from_slice(b"\r\n");
    }
    let signatures = dkim::signatures(&settings.dkim, &message, (settings.now)().timestamp())
        .map_err(|detail| SendError::Misconfigured { detail })?;
    let size = signatures.len() + message.len();
    Ok(Mail { from, to: to.address(), size, content: stuffed([&signatures, &message]), needs_utf8: to.needs_utf8() })
}

fn reject(reason: Reason, detail: String) -> SendError {
    SendError::Reject { reason, detail }
}

fn compose(settings: &Settings, reference: &str, email: &Email, to: &Mailbox) -> Result<Message, String> {
    let mailbox = |mailbox: &Mailbox| mailbox.header().map_err(|fault: AddressFault| fault.to_string());
    let domain = settings.from.domain();
    let mut builder = Message::builder()
        .from(mailbox(&settings.from)?)
        .to(mailbox(to)?)
        .subject(one_line(&email.subject))
        .date(SystemTime::from((settings.now)()))
        .message_id(Some(message_id(reference, domain)));
    if let Some(reply_to) = &settings.reply_to {
        builder = builder.reply_to(mailbox(reply_to)?);
    }
    for (name, value) in headers(settings, reference, email)? {
        builder = builder.raw_header(HeaderValue::dangerous_new_pre_encoded(
            HeaderName::new_from_ascii_str(name),
            value.clone(),
            value,
        ));
    }
    builder.multipart(parts(reference, email)).map_err(|error| error.to_string())
}

/// Headers that lettre has no type for. Every value is checked to be printable ASCII of one short line.
///
/// `Auto-Submitted: auto-generated` (RFC 3834, section 5) is right for every mail of a campaign: no person wrote it to this
/// one, so no vacation program should answer. `Precedence: bulk` says the same to those who know only the older custom, but
/// also lets servers put a mail behind others: right for awareness, wrong for a warning, which has `Importance: high`
/// (RFC 4021, section 2.1.54) instead. Whoever heeds neither of the first two stays silent for a `List-Id` (RFC 5230,
/// section 4.6).
fn headers(settings: &Settings, reference: &str, email: &Email) -> Result<Vec<(&'static str, String)>, String> {
    let domain = settings.from.domain();
    let weight = if email.urgent { ("Importance", "high") } else { ("Precedence", "bulk") };
    let mut headers = vec![("Auto-Submitted", "auto-generated".to_owned()), (weight.0, weight.1.to_owned())];
    if !email.language.is_empty() {
        headers.push(("Content-Language", email.language.clone()));
    }
    if let Some(list) = &email.list {
        headers.push(("List-Id", format!("<{list}.{domain}>")));
    }
    let mut ways = Vec::new();
    if let Some(url) = &email.unsubscribe_url {
        if url.contains(['<', '>', ',']) || !(url.starts_with("https://") || url.starts_with("http://")) {
            return Err("the unsubscribe address is no web address".into());
        }
        ways.push(format!("<{url}>"));
    }
    // The one that is preferred stands first (RFC 2369, section 2).
    ways.extend(settings.unsubscribe.as_ref().map(|to| {
        let address = percent_encoded(&to.tagged(reference));
        format!("<mailto:{address}?subject=unsubscribe%20{reference}>")
    }));
    if !ways.is_empty() {
        headers.push(("List-Unsubscribe", ways.join(", ")));
    }
    // RFC 8058, section 3.1: one click is for https alone.
    if email.unsubscribe_url.as_ref().is_some_and(|url| url.starts_with("https://")) {
        headers.push(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
    }
    let fits = |value: &str| value.len() < 900 && value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    match headers.iter().find(|(_, value)| !fits(value)) {
        Some((name, _)) => Err(format!("the header {name} would not be printable ASCII of one line")),
        None => Ok(headers),
    }
}

/// An address as a mailto link has it (RFC 6068, section 2).
fn percent_encoded(address: &str) -> String {
    address.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"@-._~+!$'*=".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

fn parts(reference: &str, email: &Email) -> MultiPart {
    let texts =
        MultiPart::alternative().boundary(format!("text-{reference}")).singlepart(SinglePart::plain(line_feeds(&email.text)));
    let html = SinglePart::html(line_feeds(&email.html));
    let texts = if email.pictures.is_empty() {
        texts.singlepart(html)
    } else {
        // RFC 2387: the page and what it shows are one thing, of which the plain text is the alternative.
        let mut page = MultiPart::related().boundary(format!("page-{reference}")).singlepart(html);
        for picture in &email.pictures {
            let inline = Attachment::new_inline_with_name(picture.id.clone(), one_line(&picture.file.name));
            page = page.singlepart(inline.body(picture.file.bytes.to_vec(), media_type(&picture.file.media_type)));
        }
        texts.multipart(page)
    };
    if email.attachments.is_empty() {
        return texts;
    }
    let mut all = MultiPart::mixed().boundary(format!("all-{reference}")).multipart(texts);
    for file in &email.attachments {
        let attachment = Attachment::new(one_line(&file.name));
        all = all.singlepart(attachment.body(file.bytes.to_vec(), media_type(&file.media_type)));
    }
    all
}

fn media_type(written: &str) -> ContentType {
    ContentType::parse(written).or_else(|_| ContentType::parse("application/octet-stream")).unwrap_or(ContentType::TEXT_PLAIN)
}

/// Lone carriage returns would be line ends to some servers and not to others: a way to smuggle a second mail.
fn line_feeds(text: &str) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() }
}

/// Doubles the dot at the start of a line, and ends with the single one (RFC 5321, section 4.5.2).
fn stuffed(message: [&[u8]; 2]) -> Vec<u8> {
    let mut content = Vec::with_capacity(message.iter().map(|part| part.len()).sum::<usize>() + 64);
    for line in message.into_iter().flat_map(|part| part.split_inclusive(|byte| *byte == b'\n')) {
        if line.starts_with(b".") {
            content.push(b'.');
        }
        content.extend_from_slice(line);
    }
    content.extend_from_slice(FINAL_DOT);
    content
}
