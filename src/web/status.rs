//! How the runs and the accounts stand, to be read and not to be changed: what `/` shows while nobody can sign in; and `/api/v1/runs`,
//! the same for machines.

use axum::{
    Json, Router,
    extract::{self, Query},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use chrono::DateTime;
use chrono_tz::Asia::Ho_Chi_Minh;
use minijinja::{Value, context, value::Serde};
use serde::Deserialize;
use serde_json::json;

use super::{
    Shared, State, accounts,
    card::Card,
    overview::{self, RunView},
};
use crate::{
    account::trouble::{self, Trouble},
    db::Result,
    request,
    words::Lang,
};

/// Runs under way on the page; more than this many at once nobody reads.
const UNDER_WAY: i64 = 30;
/// Runs that are over on the page.
const SETTLED: i64 = 15;
/// Runs in one answer of the API at most.
const API_PAGE: i64 = 200;

pub(super) fn routes() -> Router<State> {
    Router::new().route("/api/v1/runs", get(runs))
}

/// The page; `refresh`: it loads itself again.
pub(super) async fn show(state: &Shared, lang: Lang, refresh: bool) -> Response {
    match look(state).await {
        Ok(Look { under_way, settled, troubles, requests }) => {
            let now = state.parts.clock.millis();
            let values = context! {
                now => local(now),
                started => local(state.started),
                version => env!("CARGO_PKG_VERSION"),
                refresh,
                requests => Value::from(Serde(&requests)),
                under_way => Value::from(Serde(&under_way)),
                settled => Value::from(Serde(&settled)),
                accounts => Value::from(Serde(&accounts::all(&state.parts.accounts, state.parts.clock.ticks(), &troubles, lang))),
            };
            state.pages.show(StatusCode::OK, "status", lang, values)
        }
        Err(error) => {
            tracing::error!(%error, "the status page could not be shown");
            state.pages.unavailable(lang)
        }
    }
}

/// What the page shows.
struct Look {
    under_way: Vec<Card>,
    settled: Vec<Card>,
    troubles: Vec<Trouble>,
    requests: request::Queue,
}

async fn look(state: &Shared) -> Result<Look> {
    let under_way = overview::under_way(state, UNDER_WAY).await?;
    let settled = overview::settled(state, SETTLED).await?;
    let troubles = trouble::present(&state.parts.db).await?;
    let requests = request::queue(&state.parts.db, state.parts.clock.millis()).await?;
    let cards = |runs: Vec<RunView>| runs.into_iter().map(Card::of).collect();
    Ok(Look { under_way: cards(under_way), settled: cards(settled), troubles, requests })
}

/// The local time of an instant (unix milliseconds), as people write it in Vietnam.
fn local(millis: i64) -> String {
    let at = DateTime::from_timestamp_millis(millis).unwrap_or_default();
    at.with_timezone(&Ho_Chi_Minh).format("%H:%M:%S %d/%m/%Y").to_string()
}

#[derive(Deserialize)]
struct Paging {
    /// Only runs with a lower number.
    before: Option<i64>,
    /// At most so many.
    limit: Option<i64>,
}

/// The runs, the newest first. `next` is the `before` of the next page.
async fn runs(extract::State(State(state)): extract::State<State>, Query(paging): Query<Paging>) -> Response {
    let most = paging.limit.unwrap_or(50).clamp(1, API_PAGE);
    match overview::page(&state, paging.before.unwrap_or(i64::MAX), most).await {
        Ok(runs) => {
            let full = i64::try_from(runs.len()).is_ok_and(|n| n == most);
            let next = runs.last().filter(|_| full).map(|run| run.id);
            Json(json!({ "runs": runs, "next": next })).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the runs could not be listed");
            let why = json!({ "error": "the database cannot be asked; try again later" });
            (StatusCode::SERVICE_UNAVAILABLE, Json(why)).into_response()
        }
    }
}
