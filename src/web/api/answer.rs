//! What an answer consists of beside its data.

use axum::{
    Json,
    http::{
        HeaderValue, StatusCode,
        header::{ETAG, LINK, LOCATION},
    },
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// What there is, in its order.
    pub items: Vec<T>,
    /// Where it goes on; null at the end.
    #[schema(format = "uri-reference", example = "/api/v1/audit?before=120")]
    pub next: Option<String>,
}

impl<T> List<T> {
    /// All that there is.
    pub const fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// A page of at most `limit`, at the address `path` (with the parameters that narrow it); `key` is what the next page begins below.
    pub fn page(items: Vec<T>, limit: i64, path: &str, key: impl Fn(&T) -> i64) -> Self {
        let full = i64::try_from(items.len()).is_ok_and(|count| count >= limit);
        let mark = if path.contains('?') { '&' } else { '?' };
        let next = items.last().filter(|_| full).map(|last| format!("{path}{mark}before={}&limit={limit}", key(last)));
        Self { items, next }
    }
}

impl<T: Serialize> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        let link = self.next.as_deref().and_then(|next| HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")).ok());
        let mut response = Json(self).into_response();
        if let Some(link) = link {
            response.headers_mut().insert(LINK, link);
        }
        response
    }
}

/// 201, and where it is.
pub fn created(path: &str, body: &impl Serialize) -> Response {
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    if let Ok(location) = HeaderValue::from_str(path) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// The same with the version that was read or written.
pub fn versioned(mut response: Response, version: &str) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// A stored moment, unix milliseconds.
pub fn moment(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}
