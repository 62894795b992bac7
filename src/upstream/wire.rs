//! What is asked of the department's Loa over its partner API: the feed, a document, an acknowledgement, a report. What can go wrong is
//! a [`Trouble`]: it said no, or there was no answer, which is tried again.

use std::time::Duration;

use bytes::Bytes;
use providers::exchange::{Ask, Exchange, Method, Reply};
use reqwest::header::ETAG;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::{cap, clock::Clock, config::Upstream};

/// Bytes of the longest answer to what we say: problems with every reason of a large report.
const ANSWER: usize = 1024 * 1024;
/// The longest reason that is kept, in characters.
const REASON: usize = 500;

/// Why something was not done there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// It was understood and refused: said again as it is, it would be refused again.
    #[error("{0}")]
    Refused(String),
    /// Nobody answered, or not now; after so long it may.
    #[error("{0}")]
    Later(String, Option<Duration>),
}

/// A feed as it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed {
    /// Nothing changed since that tag.
    Unchanged,
    /// What it says, and its tag.
    New(Bytes, Option<String>),
}

/// The department's Loa.
pub struct Wire {
    exchange: Exchange,
    clock: Clock,
    base: String,
    authorization: String,
    allow_private: bool,
}

impl Wire {
    /// Where the settings say.
    pub fn new(exchange: Exchange, clock: &Clock, upstream: &Upstream) -> Self {
        Self {
            exchange,
            clock: clock.clone(),
            base: format!("{}/api/v1/orders", upstream.url.trim_end_matches('/')),
            authorization: format!("Bearer {}", upstream.token.expose_secret()),
            allow_private: upstream.allow_private,
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        more: &[(&'static str, &str)],
        body: Option<Bytes>,
        most: usize,
    ) -> Result<Reply, Trouble> {
        let address = format!("{}/{path}", self.base);
        let mut headers = vec![("authorization", self.authorization.as_str())];
        headers.extend_from_slice(more);
        let ask = Ask { method, address: &address, allow_private: self.allow_private, headers: &headers, body, most };
        let reply = self.exchange.ask(ask).await.map_err(|failure| Trouble::Later(failure.to_string(), None))?;
        match reply.status {
            200..=299 | 304 => Ok(reply),
            // A token that was taken away, a limit, a server that is ill: a person or time mends it.
            401 | 403 | 408 | 425 | 429 | 500..=599 => Err(Trouble::Later(said(&reply), reply.retry_after(self.clock.millis()))),
            _ => Err(Trouble::Refused(said(&reply))),
        }
    }

    /// The feed, unless it is what has this tag.
    pub async fn feed(&self, tag: Option<&str>) -> Result<Feed, Trouble> {
        let tagged = tag.map(|tag| ("if-none-match", tag));
        let reply = self.ask(Method::GET, "feed", tagged.as_slice(), None, cap::feed::MAX_BYTES).await?;
        if reply.status == 304 {
            return Ok(Feed::Unchanged);
        }
        let tag = reply.header(ETAG).map(str::to_string);
        Ok(Feed::New(reply.body, tag))
    }

    /// An order's document: it is handed over by that.
    pub async fn document(&self, identifier: &str) -> Result<Bytes, Trouble> {
        let path = format!("{}/document", segment(identifier));
        Ok(self.ask(Method::GET, &path, &[], None, cap::MAX_BYTES).await?.body)
    }

    /// Says that an order will be carried out.
    pub async fn acknowledge(&self, identifier: &str) -> Result<(), Trouble> {
        self.say(&format!("{}/acknowledge", segment(identifier)), json!({}).to_string()).await
    }

    /// Hands a report over.
    pub async fn report(&self, identifier: &str, report: &str) -> Result<(), Trouble> {
        self.say(&format!("{}/reports", segment(identifier)), report.to_string()).await
    }

    async fn say(&self, path: &str, body: String) -> Result<(), Trouble> {
        let json = [("content-type", "application/json")];
        self.ask(Method::POST, path, &json, Some(body.into()), ANSWER).await.map(drop)
    }
}

/// A name as a segment of a path.
fn segment(name: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Which order a feed's entry leads to: by the path of its document, wherever it says that it is. The host that the settings name is
/// asked and no other, so that no token goes elsewhere.
pub fn identifier(link: &str) -> Option<String> {
    let (_, path) = link.split_once("://")?.1.split_once('/')?;
    let path = path.split(['?', '#']).next()?;
    let mut segments = path.trim_end_matches('/').rsplit('/');
    let (last, name) = (segments.next()?, segments.next()?);
    let name = decoded(name)?;
    (last == "document" && !name.is_empty()).then_some(name)
}

fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

/// What an answer says went wrong: a problem's detail and its reasons (RFC 9457), else its status.
fn said(reply: &Reply) -> String {
    let status = reply.status;
    let problem: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_string);
    let mut words: Vec<String> = text(&problem, "detail").or_else(|| text(&problem, "title")).into_iter().collect();
    let reasons = problem.get("errors").and_then(Value::as_array).into_iter().flatten().take(5);
    words.extend(reasons.filter_map(|reason| text(reason, "detail").or_else(|| text(reason, "message"))));
    let words: String = words.join("; ").chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON).collect();
    if words.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {words}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_known_by_the_path_of_its_document() {
        let of = |link| identifier(link);
        assert_eq!(of("https://loa.example.vn/api/v1/orders/loa-1-viettel-a.1/document").as_deref(), Some("loa-1-viettel-a.1"));
        assert_eq!(of("http://khac.example.vn/x/a%2Fb/document?y#z").as_deref(), Some("a/b"));
        for link in [
            "https://loa.example.vn/api/v1/orders/x",
            "https://loa.example.vn/document",
            "document",
            "",
            "https://a/%zz/document",
        ] {
            assert_eq!(of(link), None, "{link}");
        }
        assert_eq!(segment("a/b ế"), "a%2Fb%20%E1%BA%BF");
    }

    #[test]
    fn a_refusal_says_why() {
        let reply =
            |status, body: &str| Reply { status, headers: reqwest::header::HeaderMap::new(), body: body.to_string().into() };
        let told =
            said(&reply(422, r#"{"title": "x", "detail": "không hợp lệ", "errors": [{"detail": "một"}, {"detail": "hai"}]}"#));
        assert_eq!(told, "HTTP 422: không hợp lệ; một; hai");
        assert_eq!(said(&reply(502, "<html>")), "HTTP 502");
    }
}
