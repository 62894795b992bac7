//! A gateway's own words and ids: what of them may be kept. Secrets and addresses go out, the rest stays on one line.

use super::percent;
use crate::{SendError, mask};

/// Characters of a gateway's own words that are kept.
const LONGEST_DETAIL: usize = 200;

/// Bytes of a gateway's id for a message; the longest in use are UUIDs with a prefix.
const LONGEST_ID: usize = 255;

/// What stands in a detail where a secret was.
const HIDDEN: &str = "[hidden]";

/// A gateway's words, fit for logs and the database: without these secrets and addresses, on one line, cut.
pub(crate) fn clean<'a>(words: &str, secrets: impl Iterator<Item = &'a str>, addresses: &[&str]) -> String {
    let mut text = words.to_owned();
    for secret in secrets {
        text = hidden(&text, secret);
    }
    text = one_line(&text);
    for address in addresses.iter().filter(|address| address.len() >= 3) {
        let number = address.strip_prefix("+84").filter(|number| number.len() >= 8);
        let forms = number.map(|number| [format!("+84{number}"), format!("84{number}"), format!("0{number}"), number.to_owned()]);
        for form in forms.iter().flatten().map(String::as_str).chain([*address]) {
            text = text.replace(form, &mask(address));
        }
    }
    mask_numbers(&text).chars().take(LONGEST_DETAIL).collect()
}

/// The same judgement with cleaned words.
pub(crate) fn cleaned(mut error: SendError, clean: &dyn Fn(&str) -> String) -> SendError {
    let (SendError::Retry { detail, .. }
    | SendError::Reject { detail, .. }
    | SendError::OptedOut { detail }
    | SendError::Misconfigured { detail }
    | SendError::InDoubt { detail, .. }) = &mut error;
    *detail = clean(detail);
    error
}

/// The text without a secret, also where it stands as it was written into a query or a form.
fn hidden(text: &str, secret: &str) -> String {
    let mut encoded = String::with_capacity(secret.len());
    percent::encode(secret, &mut encoded);
    text.replace(secret, HIDDEN).replace(&encoded, HIDDEN)
}

/// Words with single blanks between them: no line break, and no control character, which a database or a terminal may
/// choke on.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// An id or a reference that is too long to be one is none: indexes of databases have limits.
pub(crate) fn named(id: String) -> Option<String> {
    (!id.is_empty() && id.len() <= LONGEST_ID).then_some(id)
}

/// Masks what looks like a Vietnamese phone number: gateways like to repeat them in their words.
fn mask_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let run = &rest[start..];
        let end = run.find(|c: char| !c.is_ascii_digit()).unwrap_or(run.len());
        let number = &run[..end];
        out.push_str(&rest[..start]);
        let is_phone = (number.starts_with("84") && number.len() == 11) || (number.starts_with('0') && number.len() == 10);
        out.push_str(&if is_phone { mask(number) } else { number.to_owned() });
        rest = &run[end..];
    }
    out.push_str(rest);
    out
}
