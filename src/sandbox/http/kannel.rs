//! Kannel's sendsms interface (user guide, chapter "Using the HTTP interface to send SMS messages"): a GET with everything in the
//! query, or a form POST; a line of text out.
//!
//! Receipts are GETs of the request's `dlr-url` with its escapes expanded, for the events that `dlr-mask` names: 1 delivered,
//! 2 not delivered, 8 taken by the carrier.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{ConnectInfo, RawQuery, State},
    http::Method,
    response::Response,
};

use super::{Form, Line, answer};
use crate::sandbox::{
    Gateway,
    behaviour::Refusal,
    exchange::{Exchange, Submission, Verdict},
    parts::parts,
    receipt::Call,
};

const DELIVERED: u8 = 1;
const NOT_DELIVERED: u8 = 2;
const AT_CARRIER: u8 = 8;

pub(super) async fn send(
    State(exchange): State<Arc<Exchange>>,
    ConnectInfo(line): ConnectInfo<Line>,
    method: Method,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let form =
        if method == Method::POST && !body.is_empty() { Form::of(&body) } else { Form::of(query.unwrap_or_default().as_bytes()) };
    let either = |long, short| Some(form.get(long)).filter(|value| !value.is_empty()).unwrap_or_else(|| form.get(short));
    if !exchange.admits(Gateway::Kannel, either("username", "user"), either("password", "pass")) {
        return plain(403, "Authorization failed for sendsms");
    }
    let (numbers, text, url) = (form.get("to"), form.get("text"), form.get("dlr-url"));
    if numbers.trim().is_empty() {
        return plain(400, "Missing receiver number, rejected");
    }
    let mask: u8 = form.get("dlr-mask").parse().unwrap_or(0);
    let reference = reference(url);
    let (mut taken, mut refused) = (false, None);
    for to in numbers.split_whitespace() {
        let message = Submission {
            gateway: Gateway::Kannel,
            to,
            reference: reference.as_deref(),
            text,
            mail: None,
            parts: parts(text),
            once: false,
        };
        let receipts = |number, arrived| {
            let events = [AT_CARRIER, if arrived { DELIVERED } else { NOT_DELIVERED }];
            let wanted = events.into_iter().filter(|event| mask & event != 0 && !url.is_empty());
            let escapes =
                |event| Escapes { event, id: Gateway::Kannel.id(number), from: form.get("from"), to, at: exchange.now(), text };
            wanted.map(|event| Call { url: escapes(event).expand(url), body: None, headers: Vec::new() }).collect()
        };
        match exchange.submit(message, receipts).await {
            Verdict::Taken(_) => taken = true,
            Verdict::Refused(refusal) => refused = Some(refusal),
            Verdict::Repeat | Verdict::Broken => return plain(500, "Internal error"),
            Verdict::Cut => return line.cut(),
        }
    }
    match refused {
        None => plain(202, "0: Accepted for delivery"),
        Some(_) if taken => plain(202, "0: Accepted for delivery"),
        Some(Refusal::NoSuchAddress | Refusal::Blocked) => {
            plain(400, "Number(s) has/have been denied by white- and/or black-lists.")
        }
        Some(Refusal::Content) => plain(400, "Malformed or forbidden text, rejected"),
        // It knows no money.
        Some(Refusal::Later | Refusal::Funds | Refusal::Throttled(_)) => plain(503, "Temporal failure, try again later."),
    }
}

fn plain(status: u16, line: &str) -> Response {
    answer(status, "text/plain", line.to_owned())
}

/// The sender's reference, which Kannel knows nothing of: by habit a parameter of the receipt's address.
fn reference(url: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let form = Form::of(query.as_bytes());
    ["reference", "ref", "id"].into_iter().map(|name| form.get(name)).find(|value| !value.is_empty()).map(str::to_owned)
}

/// What the escapes of a `dlr-url` stand for.
struct Escapes<'a> {
    event: u8,
    id: String,
    from: &'a str,
    to: &'a str,
    at: chrono::DateTime<chrono::Utc>,
    text: &'a str,
}

impl Escapes<'_> {
    fn expand(&self, url: &str) -> String {
        let mut out = String::with_capacity(url.len() + 16);
        let mut rest = url;
        while let Some((before, after)) = rest.split_once('%') {
            out.push_str(before);
            let value = match after.chars().next() {
                Some('d') => self.event.to_string(),
                Some('I' | 'F') => self.id.clone(),
                Some('p') => self.from.to_owned(),
                Some('P') => self.to.to_owned(),
                Some('T') => self.at.timestamp().to_string(),
                Some('t') => self.at.format("%Y-%m-%d %H:%M:%S").to_string(),
                Some('a') => self.text.to_owned(),
                Some('A') => if self.event == NOT_DELIVERED { "NACK/5/Unreachable" } else { "ACK/" }.to_owned(),
                _ => {
                    // Not an escape of Kannel's: an octet in hexadecimal, say.
                    out.push('%');
                    rest = after;
                    continue;
                }
            };
            out.extend(form_urlencoded::byte_serialize(value.as_bytes()));
            rest = &after[1..];
        }
        out.push_str(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_expanded_and_others_left_alone() {
        let at = chrono::DateTime::from_timestamp(0, 0).unwrap();
        let escapes = Escapes { event: 8, id: "1f".into(), from: "SO TTTT", to: "+84901234567", at, text: "x" };
        assert_eq!(
            escapes.expand("http://h/r?s=%d&i=%F&f=%p&to=%P&t=%T&e=%3D&z=%"),
            "http://h/r?s=8&i=1f&f=SO+TTTT&to=%2B84901234567&t=0&e=%3D&z=%"
        );
    }

    #[test]
    fn the_reference_is_read_from_the_receipts_address() {
        assert_eq!(reference("http://h/receipts/k/s?reference=abc&status=%d").as_deref(), Some("abc"));
        assert_eq!(reference("http://h/receipts/k/s"), None);
    }
}
