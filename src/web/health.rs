//! `/healthz`: the process answers. `/readyz`: it can do its work; if not, 503 and why.

use std::{sync::atomic::Ordering, time::Duration};

use axum::{
    Router, extract,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};

use crate::db::Schema;

use super::{Shared, State};

/// A database that takes longer to answer is as good as none.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn routes() -> Router<State> {
    Router::new().route("/healthz", get(async || "alive\n")).route("/readyz", get(ready))
}

async fn ready(extract::State(State(state)): extract::State<State>) -> Response {
    match unready(&state).await {
        None => "ready\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

/// Why it can do no work.
async fn unready(state: &Shared) -> Option<&'static str> {
    if state.leaving.load(Ordering::Relaxed) {
        return Some("shutting down");
    }
    match tokio::time::timeout(PATIENCE, state.parts.db.schema()).await {
        Ok(Ok(Schema::Current)) => None,
        Ok(Ok(_)) => Some("the database is not migrated: run `loa migrate`"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the database cannot be asked");
            Some("the database cannot be asked")
        }
        Err(_) => Some("the database does not answer"),
    }
}
