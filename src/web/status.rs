//! How the runs and the accounts stand, to be read and not to be changed: what `/` shows while nobody can sign in.

use axum::{http::StatusCode, response::Response};
use chrono::DateTime;
use chrono_tz::Asia::Ho_Chi_Minh;
use minijinja::{Value, context, value::Serde};

use super::{
    Shared, accounts,
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
