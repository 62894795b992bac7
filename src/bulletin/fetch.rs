//! A source's document over the network. What enters is its address with what is known of it already; what leaves is the document, or
//! that it is still the same. What can go wrong is [`Lost`]: then nothing is known, and it is asked again later.
//!
//! A few redirects are followed, as feeds move: to public addresses by HTTPS; into the own network only where the source itself lies,
//! and its settings say that this is meant.

use std::time::Duration;

use providers::exchange::{Ask, Exchange};
use reqwest::{
    Url,
    header::{ETAG, LAST_MODIFIED, LOCATION},
};

/// Redirects that are followed.
const REDIRECTS: usize = 3;
/// Bytes of an `ETag` or a date that are kept.
const LONGEST_MARK: usize = 500;
/// What is read of feeds and documents.
const ACCEPT: &str =
    "application/cap+xml, application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1";

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub address: &'a str,
    /// It may lie inside.
    pub allow_private: bool,
    /// What the server named the version that is known.
    pub etag: Option<&'a str>,
    /// When it said that version was made.
    pub modified: Option<&'a str>,
    /// Bytes of the largest answer.
    pub most: usize,
    /// Now, in unix milliseconds.
    pub now: i64,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fetched {
    /// It is still the version that is known.
    Unchanged,
    /// It is this: its bytes, and what it is asked for by the next time.
    Document { bytes: Vec<u8>, etag: Option<String>, modified: Option<String> },
}

/// Why there is no document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost {
    /// What happened, without addresses.
    pub detail: String,
    /// The server asks to be left alone so long.
    pub after: Option<Duration>,
}

impl Lost {
    fn because(detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), after: None }
    }
}

/// Asks once, following a few redirects.
pub(super) async fn get(exchange: &Exchange, wanted: Wanted<'_>) -> Result<Fetched, Lost> {
    let mut url = Url::parse(wanted.address).map_err(|error| Lost::because(error.to_string()))?;
    let mut inside = wanted.allow_private;
    let mut headers = vec![("accept", ACCEPT)];
    headers.extend(wanted.etag.map(|etag| ("if-none-match", etag)));
    headers.extend(wanted.modified.map(|modified| ("if-modified-since", modified)));
    for _ in 0..=REDIRECTS {
        let ask = Ask { headers: &headers, ..Ask::get(url.as_str(), inside, wanted.most) };
        let reply = exchange.ask(ask).await.map_err(|failure| Lost::because(failure.to_string()))?;
        match reply.status {
            200 => {
                let mark = |name| reply.header(name).filter(|mark| mark.len() <= LONGEST_MARK).map(str::to_string);
                let (etag, modified) = (mark(ETAG), mark(LAST_MODIFIED));
                return Ok(Fetched::Document { bytes: reply.body.to_vec(), etag, modified });
            }
            304 => return Ok(Fetched::Unchanged),
            301 | 302 | 303 | 307 | 308 => {
                let to = reply.header(LOCATION).and_then(|to| url.join(to).ok());
                let mut to = to.ok_or_else(|| Lost::because("it redirects to nowhere"))?;
                to.set_fragment(None);
                // What may lie inside is the server that was named, and no other that it leads to.
                inside &= to.host_str() == url.host_str() && to.port_or_known_default() == url.port_or_known_default();
                url = to;
            }
            status => {
                let after = reply.retry_after(wanted.now);
                return Err(Lost { detail: format!("HTTP {status}"), after });
            }
        }
    }
    Err(Lost::because(format!("it redirects more than {REDIRECTS} times")))
}
