//! DKIM (RFC 6376; Ed25519 by RFC 8463): what says that a mail is the domain's own and came as it was sent.
//!
//! What enters is a finished mail and the keys of an account; what leaves are signatures, one a key, in front of its
//! headers. Everything is canonicalised `relaxed/relaxed`: relays fold headers and trim blanks, and mails are ASCII all
//! through, so nothing else on the way changes them. What can go wrong is a key, once and at start: [`KeyFault`].
//!
//! Signed are the headers that a reader or a mail program acts on. Those that may stand once are named once more than they
//! stand there (RFC 6376, section 8.15), so that a second `From` or `List-Unsubscribe`, added on the way, breaks the
//! signature instead of hiding behind it.

mod canonical;
mod key;

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ring::digest::{Context, SHA256};

use self::canonical::{Headers, body, header};

pub use key::{DkimKey, KeyFault};

/// Headers that are signed where they stand, and whether a further one of the name is to break the signature. RFC 8058,
/// section 4, asks for the two of List-Unsubscribe.
const SIGNED: [(&str, bool); 16] = [
    ("from", true),
    ("to", true),
    ("reply-to", true),
    ("subject", true),
    ("date", true),
    ("message-id", true),
    ("mime-version", true),
    ("content-type", true),
    ("content-transfer-encoding", true),
    ("content-language", false),
    ("auto-submitted", false),
    ("precedence", false),
    ("importance", false),
    ("list-id", true),
    ("list-unsubscribe", true),
    ("list-unsubscribe-post", true),
];

/// The columns that a line of a signature stays within.
const COLUMNS: usize = 76;

/// The `DKIM-Signature` headers of a whole mail, one a key, each with its line end. `at` is the time in Unix seconds.
///
/// An error names the key that does not sign; keys are tried when they are read, so none should be found here.
pub(super) fn signatures(keys: &[DkimKey], mail: &[u8], at: i64) -> Result<Vec<u8>, String> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let (head, text) = canonical::split(mail);
    let headers = Headers::of(head);
    let mut names = Vec::new();
    for (name, alone) in SIGNED {
        let count = headers.count(name);
        names.extend(std::iter::repeat_n(name, count + usize::from(alone && count > 0)));
    }
    let signed = canonical_headers(headers, &names);
    // All algorithms hash alike, so the body is read once, however many keys sign it.
    let hash = body_hash(text);
    let mut all = Vec::new();
    for key in keys {
        let mut own = unsigned(key, &names, &hash, at);
        let signature = key.sign(&with_own(&signed, &own)).ok_or_else(|| format!("the key {key:?} does not sign"))?;
        append_folded(&mut own, &BASE64.encode(signature));
        all.extend_from_slice(own.as_bytes());
        all.extend_from_slice(b"\r\n");
    }
    Ok(all)
}

/// The named headers in their canonical form; a name for which none is left stands for nothing.
fn canonical_headers(mut headers: Headers<'_>, names: &[&str]) -> Vec<u8> {
    let mut signed = Vec::with_capacity(2048);
    for raw in names.iter().filter_map(|name| headers.take_last(name)) {
        header(raw, |bytes| signed.extend_from_slice(bytes));
        signed.extend_from_slice(b"\r\n");
    }
    signed
}

/// What is signed: those headers, and the signature's own without its value and line end.
fn with_own(signed: &[u8], own: &str) -> Vec<u8> {
    let mut all = signed.to_vec();
    header(own.as_bytes(), |bytes| all.extend_from_slice(bytes));
    all
}

fn body_hash(text: &[u8]) -> String {
    let mut hash = Context::new(&SHA256);
    body(text, |bytes| hash.update(bytes));
    BASE64.encode(hash.finish())
}

/// The header without its signature, up to `b=`: what is signed besides the others.
fn unsigned(key: &DkimKey, names: &[&str], hash: &str, at: i64) -> String {
    let (algorithm, domain, selector) = (key.algorithm(), key.domain(), key.selector());
    let mut own = format!("DKIM-Signature: v=1; a={algorithm}; c=relaxed/relaxed; t={at};\r\n d={domain}; s={selector};\r\n h=");
    let mut column = 3;
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            own.push(':');
            column += 1;
        }
        if column + name.len() >= COLUMNS {
            own.push_str("\r\n ");
            column = 1;
        }
        own.push_str(name);
        column += name.len();
    }
    // Writing into a String cannot fail.
    let _ = write!(own, ";\r\n bh={hash};\r\n b=");
    own
}

/// Blanks and line ends within `b=` count for nothing (RFC 6376, section 3.5).
fn append_folded(own: &mut String, signature: &str) {
    let mut room = COLUMNS - 3;
    for (at, c) in signature.chars().enumerate() {
        if at == room {
            own.push_str("\r\n ");
            room += COLUMNS - 1;
        }
        own.push(c);
    }
}

#[cfg(test)]
mod tests;
