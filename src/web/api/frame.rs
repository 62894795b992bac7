//! What stands around every handler: formats, keys that make a request count once, and problems put into words.

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    extract::{self, MatchedPath, Request},
    http::{
        HeaderMap, Method, StatusCode,
        header::{ACCEPT, CONTENT_TYPE, ETAG, LOCATION},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{
    BASE, BODY_LIMIT,
    caller::{self, Caller},
    input::too_large,
    orders::challenge,
    problem::{Kind, MEDIA_TYPE, Problem},
};
use crate::{
    cap::{self, feed},
    idempotency::{self, Answer, Turn},
    phrase,
    web::{Shared, State, reader::Reader},
    words::Phrase,
};

/// The header.
const KEY: &str = "idempotency-key";
/// What says that an answer was given before.
const REPLAYED: &str = "idempotent-replayed";
/// Headers that belong to a kept answer.
const KEPT: [axum::http::HeaderName; 3] = [CONTENT_TYPE, LOCATION, ETAG];

/// The key that makes a request count once, for handlers that go further with it.
#[derive(Debug, Clone)]
pub struct Once(pub String);

/// Marks addresses whose bodies are too large to be held: their handlers see to [`at_most_once`] by themselves.
#[derive(Debug, Clone, Copy)]
pub struct Streamed;

/// Around every address below `/api/v1`.
pub async fn surround(
    extract::State(state): extract::State<State>,
    Reader(lang): Reader,
    mut request: Request,
    next: Next,
) -> Response {
    let admitted = caller::admit(&state, &mut request).await;
    let is_feed = caller::is_feed(&request);
    let is_streamed = request.extensions().get::<Streamed>().is_some();
    let response = match &admitted {
        Err(problem) => problem.clone().into_response(),
        // A text with U+0000 in it: neither a name of ours nor anything that a database takes.
        Ok(_) if request.uri().to_string().contains("%00") => {
            let words = phrase!("địa chỉ không được chứa ký tự U+0000", "an address cannot hold U+0000");
            Problem::new(Kind::BadRequest, words).into_response()
        }
        Ok(_) if !is_acceptable(request.headers()) => {
            let words = phrase!("API trả lời bằng `application/json`", "the API answers `application/json`");
            Problem::header(Kind::NotAcceptable, "Accept", words).into_response()
        }
        Ok(_) => match unknown_parameter(&state, &request) {
            Some(problem) => problem.into_response(),
            None if is_streamed => next.run(request).await,
            None => once(&state.0, request, next).await,
        },
    };
    let mut response = worded(response, lang);
    if is_feed && response.status() == StatusCode::UNAUTHORIZED {
        challenge(response.headers_mut());
    }
    if let Ok(pace) = admitted {
        pace.tell(response.headers_mut());
    }
    response
}

/// A parameter that the document does not have: a mistyped one would else be passed over in silence.
fn unknown_parameter(State(state): &State, request: &Request) -> Option<Problem> {
    let query = request.uri().query()?;
    let path = request.extensions().get::<MatchedPath>()?.as_str().strip_prefix(BASE)?.to_string();
    let known = state.document.parameters(&path, request.method())?;
    let unknown = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| !known.contains(name.as_ref()))?.0.into_owned();
    let names = known.iter().copied().collect::<Vec<_>>().join(", ");
    let words = if names.is_empty() {
        phrase!("địa chỉ này không có tham số", "this address takes no parameters")
    } else {
        phrase!("không có tham số này; có: {names}", "there is no such parameter; there are: {names}")
    };
    Some(Problem::parameter(&unknown, words))
}

/// What the API can answer: JSON, and for some addresses a text.
fn is_acceptable(headers: &HeaderMap) -> bool {
    let mut accepted =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|line| line.split(',')).peekable();
    if accepted.peek().is_none() {
        return true;
    }
    accepted.any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let refused = parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        !refused
            && matches!(
                kind.as_str(),
                "*/*"
                    | "application/*"
                    | "application/json"
                    | MEDIA_TYPE
                    | "application/toml"
                    | cap::MEDIA_TYPE
                    | feed::MEDIA_TYPE
                    | "application/octet-stream"
                    | "text/*"
                    | "text/csv"
            )
    })
}

/// A bare error becomes a problem, a problem gets its words.
fn worded(response: Response, lang: crate::words::Lang) -> Response {
    let (mut parts, body) = response.into_parts();
    if let Some(problem) = parts.extensions.remove::<Problem>() {
        return problem.answer(lang, parts.headers);
    }
    let is_error = parts.status.is_client_error() || parts.status.is_server_error();
    if !is_error || parts.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == MEDIA_TYPE) {
        return Response::from_parts(parts, body);
    }
    let kind = Kind::ALL.into_iter().find(|kind| kind.status() == parts.status).unwrap_or(Kind::Broken);
    Problem::new(kind, stray(kind)).answer(lang, parts.headers)
}

fn stray(kind: Kind) -> Phrase {
    match kind {
        Kind::NotFound => phrase!("không có địa chỉ này: xem /api", "there is no such address: see /api"),
        Kind::Method => phrase!("các phương thức dùng được nằm trong `Allow`", "`Allow` names the methods that there are"),
        Kind::TooLarge => too_large().detail,
        other => other.title(),
    }
}

/// The key of a request, if it came with one.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(given) = headers.get(KEY) else { return Ok(None) };
    let given = given.to_str().unwrap_or_default();
    // In quotes, as the draft of the header's standard writes it, or bare, as most programs do.
    let key = given.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(given);
    if (1..=200).contains(&key.len()) && key.chars().all(|c| c.is_ascii_graphic() && c != '"') {
        return Ok(Some(key.to_string()));
    }
    let words = phrase!(
        "từ 1 đến 200 ký tự ASCII, không có dấu cách và dấu ngoặc kép",
        "1 to 200 ASCII characters without blanks and quotes"
    );
    Err(Problem::header(Kind::BadRequest, "Idempotency-Key", words))
}

/// A POST with a key is worked on once: whoever repeats it gets the first answer again.
async fn once(state: &Arc<Shared>, mut request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let key = match key(request.headers()) {
        Ok(Some(key)) => key,
        Ok(None) => return next.run(request).await,
        Err(problem) => return problem.into_response(),
    };
    // Whoever is nobody is told so by the handler.
    let Some(actor) = request.extensions().get::<Caller>().map(Caller::key) else { return next.run(request).await };
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else { return too_large().into_response() };
    let hash = hash(&parts).chain_update(&body).finalize().into();
    request = Request::from_parts(parts, Body::from(body));
    request.extensions_mut().insert(Once(key.clone()));
    at_most_once(state, actor, key, hash, next.run(request)).await
}

/// Does the work of a request unless it was done before, under the same key, for the same actor: then its answer is given again.
/// `hash` is of all that makes a request the same: what [`hash`] begins with, and its body.
pub async fn at_most_once(
    state: &Arc<Shared>,
    actor: String,
    key: String,
    hash: [u8; 32],
    work: impl Future<Output = Response> + Send + 'static,
) -> Response {
    match idempotency::begin(&state.parts.db, &state.parts.seal, &actor, &key, &hash, state.parts.clock.millis()).await {
        Err(error) => Problem::from(error).into_response(),
        Ok(Turn::Other) => {
            let words = phrase!(
                "khóa này đã đi với một yêu cầu khác: mỗi yêu cầu mới cần một khóa mới",
                "this key came with another request: a new request needs a new key"
            );
            Problem::header(Kind::KeyReused, "Idempotency-Key", words).into_response()
        }
        Ok(Turn::Busy) => {
            let words = phrase!("hãy thử lại sau ít giây với cùng khóa", "try again in a few seconds with the same key");
            Problem { retry_after: Some(2), ..Problem::header(Kind::KeyInUse, "Idempotency-Key", words) }.into_response()
        }
        Ok(Turn::Repeat(answer)) => repeated(answer),
        Ok(Turn::Work) => {
            let state = Arc::clone(state);
            // Whoever hangs up does not keep the answer from being kept: what was done is known to have been done.
            let work = tokio::spawn(async move { keep(&state, &actor, &key, work.await).await });
            work.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
        }
    }
}

/// What makes a request the same: method, address and body, of which the last is still to come.
pub fn hash(parts: &axum::http::request::Parts) -> Sha256 {
    let mut hash = Sha256::new();
    for part in [parts.method.as_str(), &parts.uri.to_string()] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash
}

/// Keeps what was done; where nothing was, the key is free again. So it is where the answer is a file: rows that are given out once
/// are not kept here for another time.
async fn keep(state: &Shared, actor: &str, key: &str, response: Response) -> Response {
    let is_file = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/csv"));
    if !response.status().is_success() || is_file {
        if let Err(error) = idempotency::abandon(&state.parts.db, actor, key).await {
            tracing::warn!(%error, "a request's key could not be given back: it is free again in two minutes");
        }
        return response;
    }
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let named = |name: &axum::http::HeaderName| Some((name.to_string(), Value::from(parts.headers.get(name)?.to_str().ok()?)));
    let headers: Map<String, Value> = KEPT.iter().filter_map(named).collect();
    let answer =
        Answer { status: parts.status.as_u16(), headers: headers.into(), body: String::from_utf8_lossy(&body).into_owned() };
    if let Err(error) = idempotency::finish(&state.parts.db, &state.parts.seal, actor, key, &answer).await {
        tracing::error!(%error, "an answer could not be kept for whoever repeats the request");
    }
    Response::from_parts(parts, Body::from(body))
}

fn repeated(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    for name in KEPT {
        if let Some(value) = answer.headers.get(name.as_str()).and_then(Value::as_str).and_then(|value| value.parse().ok()) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, axum::http::HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_answered_is_accepted() {
        let of = |accept: &str| is_acceptable(&HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]));
        assert!(is_acceptable(&HeaderMap::new()));
        assert!(of("*/*") && of("text/html, application/json;q=0.5") && of("application/problem+json"));
        assert!(!of("text/html") && !of("application/json;q=0") && !of("image/png, application/xml"));
    }

    #[test]
    fn a_key_is_bare_or_in_quotes_and_has_none_inside() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(KEY, value.parse().unwrap());
            key(&headers).map_err(|problem| problem.kind)
        };
        assert_eq!(of("8e03978e").unwrap().as_deref(), Some("8e03978e"));
        assert_eq!(of("\"8e03978e\"").unwrap().as_deref(), Some("8e03978e"));
        for no in ["\"", "\"\"", "a\"b", "\"a", "a b", "khóa", &"a".repeat(201)] {
            assert_eq!(of(no), Err(Kind::BadRequest), "{no}");
        }
        assert_eq!(key(&HeaderMap::new()).unwrap(), None);
    }
}
