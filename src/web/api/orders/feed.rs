//! What an outlet's program takes its orders from: an Atom feed of them, and each as a signed CAP document. Looking at the feed hands
//! nothing over; fetching a document does.

use axum::{
    extract,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, WWW_AUTHENTICATE},
    },
    response::{IntoResponse as _, Response},
};
use sha2::{Digest as _, Sha256};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Named,
    sight::{Sight, ToRead},
};
use crate::{
    audience::place::Places,
    cap::{
        self, Alert, Time,
        feed::{self, About, Entry, Published},
    },
    outlet, phrase,
    relay::{
        Order, Refusal, State as Standing, document, hand,
        issue::{self, Unissued},
    },
    seal::hex,
    web::{
        Shared, State,
        api::{answer::moment, caller::Caller, problem::Problem},
    },
};

/// Where the feed is. Readers of feeds know no other way to sign in than by name and password: here alone the token is taken as one.
pub(in crate::web::api) const PATH: &str = "/api/v1/orders/feed";

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(feed)).routes(routes!(document))
}

/// Asks a reader of the feed for a name and a password; any name, and the token.
pub(in crate::web::api) fn challenge(headers: &mut HeaderMap) {
    headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"loa\", charset=\"UTF-8\""));
}

impl From<Unissued> for Problem {
    fn from(why: Unissued) -> Self {
        if !matches!(why, Unissued::Drafted) {
            tracing::error!(%why, "an order cannot be issued");
        }
        Self::conflict(why.words())
    }
}

/// The frozen document of an order.
async fn issued(state: &Shared, order: &Order) -> Result<Vec<u8>, Problem> {
    Ok(issue::issue(&state.parts.db, order, &state.letterhead).await??)
}

/// Where the world reaches this Loa; else where its people do.
fn base(state: &Shared) -> String {
    let config = &state.parts.config;
    let base = config.server.public_url.clone().unwrap_or_else(|| config.console_url());
    base.trim_end_matches('/').to_string()
}

/// Whether whoever asks has what has this tag.
fn has(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|line| line.split(','));
    known.map(|one| one.trim().trim_start_matches("W/")).any(|one| one == "*" || one == tag)
}

/// A document with its tag; 304 without it, for whoever has it.
fn tagged(headers: &HeaderMap, tag: &str, media_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = if has(headers, tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, HeaderValue::from_static(media_type))], body).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(ETAG, tag);
    }
    response
}

#[utoipa::path(get, path = "/orders/feed", tag = "orders", operation_id = "read_order_feed",
    summary = "Nguồn tin Atom của đơn vị | An outlet's orders as an Atom feed",
    description = "All that may be done and has not expired; each entry leads to its document. `If-None-Match` with the `ETag` of the last \
answer gets 304 while nothing changed. Here alone the token is also taken as the password of HTTP Basic, under any name. For tokens of outlets.",
    responses((status = 200, description = "The feed", body = String, content_type = "application/atom+xml",
            headers(("ETag" = String, description = "Of this feed"))),
        (status = 304, description = "Nothing changed")))]
async fn feed(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let sight = Sight::partner(&state, &caller).await?;
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let own = sight.outlet().unwrap_or_default();
    let outlet = outlet::find(db, &state.parts.seal, own).await?.ok_or_else(Problem::not_found)?;
    let (places, issuer, base) = (Places::built_in(), state.letterhead.issuer(), base(&state));
    let orders = hand::feed(db, own, now).await?;
    let entries: Vec<(String, Alert)> = orders
        .iter()
        .map(|order| {
            let address = format!("{base}/api/v1/orders/{}/document", order.identifier);
            (address, document::alert(order, None, &issuer, |code| places.full_name(code)))
        })
        .collect();
    let entries: Vec<Entry<'_>> = entries.iter().map(|(address, alert)| Entry { address, alert }).collect();
    let title = &outlet.title;
    let about = About {
        address: format!("{base}{PATH}#{}", outlet.slug),
        title: phrase!("Yêu cầu gửi {title}", "Orders to {title}").vi,
        author: issuer.name.to_string(),
        language: "vi-VN".to_string(),
        since: Time::new(&moment(outlet.created_at)),
    };
    let published = Published::to_one(&about, &entries);
    Ok(tagged(&headers, &published.etag, feed::MEDIA_TYPE, published.document.into_bytes()))
}

#[utoipa::path(get, path = "/orders/{identifier}/document", tag = "orders", operation_id = "fetch_order",
    summary = "Lấy bản tin CAP | Fetch an order's CAP document",
    description = "CAP 1.2, signed where the office signs. It is the same document at every fetch. Fetched by a token of its outlet, the order is \
handed over; `HEAD` and the office's tokens hand nothing over.", params(Named),
    responses((status = 200, description = "The document", body = String, content_type = "application/cap+xml",
            headers(("ETag" = String, description = "Of this document"))),
        (status = 304, description = "It is the one that you have"),
        (status = 409, description = "It is not approved, or no longer goes out")))]
async fn document(
    ToRead(at): ToRead,
    method: Method,
    extract::State(State(state)): extract::State<State>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let order = &at.order;
    if order.state == Standing::Cancelled && !order.has_document {
        return Err(Problem::conflict(Refusal::Cancelled.words()));
    }
    // Frozen before its first byte leaves, and handed over before that too.
    let document = issued(&state, order).await?;
    if at.sight().outlet().is_some() && method == Method::GET {
        hand::fetch(&state.parts.db, order.id, &at.by(&state)).await??;
    }
    let hash: String = hex(&Sha256::digest(&document)).chars().take(32).collect();
    Ok(tagged(&headers, &format!("\"{hash}\""), cap::MEDIA_TYPE, document))
}
