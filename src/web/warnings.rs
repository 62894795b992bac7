//! `/warnings.atom`, the feed of public warnings, and `/warnings/{identifier}.cap`, their documents: for programs of anybody.
//!
//! What enters is a request that nobody need sign; what leaves is what [`crate::publish`] keeps, with what caches ask for. What can go
//! wrong: the database (503); an office that does not publish has no such addresses (404).

use axum::{
    Router,
    extract::{self, Path, Request},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
    routing::get,
};
use chrono::DateTime;
use sha2::{Digest as _, Sha256};

use super::{Shared, State, page, reader::Reader};
use crate::{
    cap::{self, feed},
    publish::{self, Ground},
    seal::hex,
};

/// How long a feed may be kept elsewhere, in seconds: a warning is told of within it.
const KEPT: i64 = 60;

/// The feed, on either side.
pub(super) fn routes() -> Router<State> {
    Router::new().route("/warnings.atom", get(feed))
}

/// The documents, on the Internet's side.
pub(super) fn documents() -> Router<State> {
    Router::new().route("/warnings/{name}", get(document))
}

/// The documents on the console's side, whose own page of a warning has an address of the same shape.
pub(super) async fn aside(state: extract::State<State>, reader: Reader, request: Request, next: Next) -> Response {
    let name =
        request.uri().path().strip_prefix("/warnings/").filter(|name| name.strip_suffix(".cap").is_some() && !name.contains('/'));
    match name.map(str::to_string) {
        Some(name) if matches!(request.method().as_str(), "GET" | "HEAD") => {
            document(state, reader, request.headers().clone(), Path(name)).await
        }
        _ => next.run(request).await,
    }
}

impl Shared {
    /// What it takes to look at what is published.
    pub(super) fn ground(&self) -> Ground<'_> {
        let (db, config) = (&self.parts.db, &self.parts.config);
        Ground { db, config, letterhead: &self.letterhead, now: self.parts.clock.millis() }
    }
}

async fn feed(state: extract::State<State>, reader: Reader, headers: HeaderMap) -> Response {
    let extract::State(State(shared)) = &state;
    let ground = shared.ground();
    let Some(address) = publish::address(ground.config) else { return page::not_found(state, reader).await };
    let feed = match shared.publisher.feed(&ground, address).await {
        Ok(feed) => feed,
        Err(error) => {
            tracing::error!(%error, "the feed of warnings could not be made");
            return unavailable();
        }
    };
    let kept = feed.until.map_or(KEPT, |until| (until - ground.now).div_euclid(1_000).clamp(0, KEPT));
    let served = Served {
        kind: feed::MEDIA_TYPE,
        etag: &feed.etag,
        changed: feed.updated,
        cache: format!("public, max-age={kept}"),
        body: feed.document.as_bytes(),
    };
    served.answer(&headers)
}

async fn document(state: extract::State<State>, reader: Reader, headers: HeaderMap, Path(name): Path<String>) -> Response {
    let extract::State(State(shared)) = &state;
    let ground = shared.ground();
    let identifier = name.strip_suffix(".cap").filter(|_| publish::address(ground.config).is_some());
    let Some(identifier) = identifier else { return page::not_found(state, reader).await };
    let found = publish::document(ground.db, identifier).await;
    let found = match found {
        Ok(Some(found)) => found,
        Ok(None) => return page::not_found(state, reader).await,
        Err(error) => {
            tracing::error!(%error, "a published warning could not be read");
            return unavailable();
        }
    };
    let served = Served {
        kind: cap::MEDIA_TYPE,
        etag: &format!("\"{}\"", hex(&Sha256::digest(&found.document)[..16])),
        changed: found.sent_at,
        // Frozen: the same bytes for good.
        cache: "public, max-age=86400, immutable".to_string(),
        body: &found.document,
    };
    served.answer(&headers)
}

fn unavailable() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "60")], "please try again\n").into_response()
}

/// A document for anybody's program.
struct Served<'d> {
    kind: &'static str,
    /// With its quotes.
    etag: &'d str,
    /// Unix milliseconds.
    changed: i64,
    cache: String,
    body: &'d [u8],
}

impl Served<'_> {
    /// The document, or that it is the one that whoever asks has (RFC 9110, section 13.1.2).
    fn answer(&self, asked: &HeaderMap) -> Response {
        let known = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|list| self.is_among(list));
        let mut response = if known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(CONTENT_TYPE, format!("{}; charset=utf-8", self.kind))], self.body.to_vec()).into_response()
        };
        let changed = DateTime::from_timestamp_millis(self.changed).unwrap_or_default();
        let changed = changed.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let headers = response.headers_mut();
        for (name, value) in [(ETAG, self.etag), (LAST_MODIFIED, &changed), (CACHE_CONTROL, &self.cache)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        // Whoever warns people may show it on any page.
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin"));
        response
    }

    /// Weak comparison, as the header asks for.
    fn is_among(&self, list: &str) -> bool {
        list.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == self.etag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_it_is_told_so() {
        let served = Served { kind: "x", etag: "\"a\"", changed: 0, cache: "public".into(), body: b"x" };
        let asked =
            |value: &'static str| served.answer(&HeaderMap::from_iter([(IF_NONE_MATCH, value.parse().unwrap())])).status();
        for list in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert_eq!(asked(list), StatusCode::NOT_MODIFIED, "{list}");
        }
        assert_eq!(asked("\"b\""), StatusCode::OK);
        let whole = served.answer(&HeaderMap::new());
        assert_eq!(whole.headers()[LAST_MODIFIED], "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!((whole.status(), &whole.headers()[ETAG]), (StatusCode::OK, &HeaderValue::from_static("\"a\"")));
    }
}
