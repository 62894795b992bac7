//! `/genuine`: a page where whoever got a text pastes it and sees whether the office really sent it.
//!
//! What enters is the text, and the sender's name if it is known, in the body of a POST and never in an address; what leaves is a page
//! that says so. Nothing of it is kept or logged, no cookie is set, and no other site learns of it. A look-up is paced by the network
//! that it comes from, by a number that is good for this process alone and cannot be traced back ([`Gate`]). What can go wrong: too much at
//! once (429), a text that is too long (413), the database (503); the page says so and keeps what was typed.

use std::{
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    sync::Arc,
};

use axum::{
    Router,
    body::Bytes,
    extract::{self, DefaultBodyLimit, FromRequest as _, Request},
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::Response,
    routing::get,
};
use governor::{Quota, RateLimiter, clock::MonotonicClock, middleware::NoOpMiddleware, state::keyed::HashMapStateStore};
use minijinja::{Value, context};
use tokio::sync::Semaphore;

use super::{Shared, State, console::door, page, reader::Reader};
use crate::{
    genuine::{Kind, MAX_CHARS, Near, Owner, Piece, SLOT, Side, Verdict},
    publish::{self, Sent, Texts, What},
    user::throttle,
    words::{self, Lang},
};

/// The largest form: each character of the longest text takes up to twelve bytes there.
const BODY_LIMIT: usize = MAX_CHARS * 12 + 4_096;
/// Characters of a sender's name that are looked at.
const SENDER: usize = 100;
/// Look-ups at once from one network: many phones are behind one address.
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);
/// Those that come back in a second.
const SUSTAINED: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);
/// Texts that are compared at once, of whomever they are; others wait for their turn. It is work for a processor, and the threads on which
/// it is done are everybody's.
const AT_ONCE: usize = 2;
/// How long whoever asked too often is to wait, in seconds.
const WAIT: &str = "30";

pub(super) fn routes() -> Router<State> {
    Router::new().route("/genuine", get(show).post(ask).layer(DefaultBodyLimit::max(BODY_LIMIT)))
}

/// Paces look-ups without knowing whose they are: an address is kept only as one of a few thousand numbers, by a key that ends with
/// the process. Some share a number; nobody can be told from it.
pub(super) struct Gate {
    key: RandomState,
    limiter: RateLimiter<u16, HashMapStateStore<u16>, MonotonicClock, NoOpMiddleware<std::time::Instant>>,
    turns: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        let quota = Quota::per_second(SUSTAINED).allow_burst(BURST);
        let limiter = RateLimiter::new(quota, HashMapStateStore::default(), MonotonicClock);
        Self { key: RandomState::new(), limiter, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Gate {
    fn lets_in(&self, address: Option<IpAddr>) -> bool {
        let [low, high, ..] = self.key.hash_one(address.map(throttle::network)).to_le_bytes();
        // 4,096 numbers.
        self.limiter.check_key(&u16::from_le_bytes([low, high & 0x0f])).is_ok()
    }
}

/// What a page is about beside the form.
enum Outcome {
    /// Nothing was asked yet.
    Nothing,
    /// There was no text.
    Empty,
    TooLong,
    TooOften,
    Unavailable,
    Found(Value),
}

impl Outcome {
    fn status(&self) -> StatusCode {
        match self {
            Self::Nothing | Self::Found(_) => StatusCode::OK,
            Self::Empty => StatusCode::BAD_REQUEST,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::TooOften => "too_often",
            Self::Unavailable => "unavailable",
            Self::Found(_) => "found",
        }
    }
}

async fn show(state: extract::State<State>, reader: Reader) -> Response {
    if publish::address(&state.0.0.parts.config).is_none() {
        return page::not_found(state, reader).await;
    }
    answer(&state.0.0, reader.0, &Outcome::Nothing, &Asked::default())
}

/// What was asked.
#[derive(Default)]
struct Asked {
    text: String,
    sender: String,
}

impl Asked {
    fn read(body: &[u8]) -> Self {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            match name.as_ref() {
                "text" => asked.text = value.trim().to_string(),
                "sender" => asked.sender = value.trim().chars().take(SENDER).collect(),
                _ => {}
            }
        }
        asked
    }
}

async fn ask(state: extract::State<State>, reader: Reader, request: Request) -> Response {
    let shared = Arc::clone(&state.0.0);
    let lang = reader.0;
    let config = &shared.parts.config;
    if publish::address(config).is_none() {
        return page::not_found(state, reader).await;
    }
    let address = door::Caller::of(request.extensions(), request.headers(), config).address;
    if !shared.gate.lets_in(address) {
        // What was typed is not even read: the browser's way back has it.
        return answer(&shared, lang, &Outcome::TooOften, &Asked::default());
    }
    let Ok(body) = Bytes::from_request(request, &()).await else {
        return answer(&shared, lang, &Outcome::TooLong, &Asked::default());
    };
    let asked = Asked::read(&body);
    let outcome = look_up(&shared, lang, &asked).await;
    answer(&shared, lang, &outcome, &asked)
}

async fn look_up(shared: &Shared, lang: Lang, asked: &Asked) -> Outcome {
    if asked.text.is_empty() {
        return Outcome::Empty;
    }
    if asked.text.chars().nth(MAX_CHARS).is_some() {
        return Outcome::TooLong;
    }
    let texts = match shared.publisher.texts(&shared.ground()).await {
        Ok(texts) => texts,
        Err(error) => {
            // Of what was asked nothing is said.
            tracing::error!(%error, "the texts that went out could not be read");
            return Outcome::Unavailable;
        }
    };
    let (text, sender) = (asked.text.clone(), asked.sender.clone());
    let Ok(turn) = Arc::clone(&shared.gate.turns).acquire_owned().await else { return Outcome::Unavailable };
    let found = tokio::task::spawn_blocking(move || {
        let found = found(&texts, &text, &sender, lang);
        drop(turn);
        found
    });
    let found = found.await;
    found.map_or(Outcome::Unavailable, Outcome::Found)
}

fn answer(shared: &Shared, lang: Lang, outcome: &Outcome, asked: &Asked) -> Response {
    let found = if let Outcome::Found(found) = outcome {
        found.clone()
    } else {
        context! { verdict => "" }
    };
    let values = context! {
        outcome => outcome.name(),
        found,
        pasted => asked.text.as_str(),
        sender => asked.sender.as_str(),
        most => MAX_CHARS,
    };
    let mut response = shared.pages.show(outcome.status(), "genuine", lang, values);
    if let Outcome::TooOften = outcome {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(WAIT));
    }
    response
}

/// What is known of a text, as the page shows it.
fn found(texts: &Texts, text: &str, sender: &str, lang: Lang) -> Value {
    let links: Vec<Value> = texts
        .index
        .links(text)
        .into_iter()
        .map(|link| {
            let (owner, of) = match link.owner {
                Owner::Office => ("office", String::new()),
                Owner::Sent => ("sent", String::new()),
                Owner::Imitates(host) => ("imitates", host),
                Owner::Unknown => ("unknown", String::new()),
            };
            context! { text => link.text, owner, of }
        })
        .collect();
    let sender = Some(sender).filter(|sender| !sender.is_empty());
    let verdict = match texts.index.find(text, sender) {
        Verdict::Genuine { original, by_sender, filled } => {
            let sent = texts.sent(original);
            let is_subject = sent.is_some_and(|sent| sent.what == What::Subject);
            context! {
                verdict => if is_subject { "subject" } else { "genuine" },
                sent => sent.map(|sent| told(sent, lang)),
                by_sender,
                filled => filled.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>(),
            }
        }
        Verdict::Near(near) => {
            let sent = texts.sent(near.original).map(|sent| told(sent, lang));
            beside(&near, sent, lang)
        }
        Verdict::Unknown | Verdict::TooLong => context! { verdict => "unknown" },
    };
    context! { links, ..verdict }
}

/// When a text was sent, and by whom.
fn told(sent: &Sent, lang: Lang) -> Value {
    let day = |at: i64| words::moment(at, lang);
    context! {
        what => sent.what.label().text(lang),
        senders => sent.senders.clone(),
        title => sent.title.as_str(),
        first => day(sent.first),
        last => sent.last.map(day),
        withdrawn => sent.withdrawn.map(day),
    }
}

/// A text beside the real one, piece by piece.
fn beside(near: &Near<'_>, sent: Option<Value>, lang: Lang) -> Value {
    let piece = |piece: &Piece| {
        let own = lang.pick("(phần riêng của mỗi người)", "(each person's own)");
        let text =
            if piece.kind == Kind::Slot && piece.text.contains(SLOT) { own.to_string() } else { piece.text.replace(SLOT, "…") };
        let kind = match piece.kind {
            Kind::Word => "word",
            Kind::Link => "link",
            Kind::Number => "number",
            Kind::Slot => "slot",
        };
        context! { text, kind, differs => piece.side != Side::Both }
    };
    let side = |other: Side| near.pieces.iter().filter(|one| one.side != other).map(piece).collect::<Vec<_>>();
    context! {
        verdict => "near",
        sent,
        pasted => side(Side::Original),
        real => side(Side::Pasted),
        alarming => near.is_alarming(),
        other_sender => near.other_sender,
        disguised => near.disguised,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_too_often_waits_and_no_address_is_kept() {
        let gate = Gate::default();
        let from = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        let first = from("203.0.113.9");
        // A share may come back while the loop runs: a few more, and it is over.
        assert!((0..BURST.get() * 2).any(|_| !gate.lets_in(first)));
        let others = (0..50).filter(|n| gate.lets_in(from(&format!("198.51.100.{n}")))).count();
        assert!(others >= 48, "others are let in, but for whoever shares its number: {others}");
        assert!(gate.limiter.len() <= 51);
    }

    #[test]
    fn a_form_is_read_and_cut() {
        let asked = Asked::read(format!("text=+Xin+ch%C3%A0o%0D%0A&sender={}&other=x", "a".repeat(200)).as_bytes());
        assert_eq!((asked.text.as_str(), asked.sender.len()), ("Xin chào", SENDER));
        assert_eq!(Asked::read(b"\xff&text=%ff%fe").text, "\u{fffd}\u{fffd}");
    }
}
