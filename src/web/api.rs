//! `/api/v1`: the console for programs. The same functions as its pages and the commands, described by an OpenAPI document that
//! is made from the routes themselves (`/api/openapi.json`, and to read at `/api`).
//!
//! What enters: requests with an API token ([`caller`]), read strictly ([`input`]). What leaves: JSON, or a problem
//! ([`problem`]) that says what is wrong and where. What can go wrong is listed there; a request that failed changed nothing, and a
//! POST under an `Idempotency-Key` can be repeated without doing it twice ([`frame`]).
//!
//! One file a resource: its shapes, its routes, and what they call.

mod accounts;
mod answer;
mod audience;
mod audit;
mod caller;
mod campaigns;
mod check;
mod document;
mod figures;
mod frame;
mod input;
mod notices;
mod orders;
mod outlets;
mod people;
mod periods;
mod problem;
mod refusals;
mod runs;
mod submissions;
mod tokens;
mod uploads;
mod users;
mod webhooks;

use axum::{Extension, Router, extract::DefaultBodyLimit, middleware};
use utoipa_axum::router::OpenApiRouter;

pub(super) use caller::Limiter;
pub(super) use document::Document;

use super::State;

/// Where it is.
const BASE: &str = "/api/v1";
/// The largest body, unless a route says otherwise.
const BODY_LIMIT: usize = 1024 * 1024;
/// The largest body of a route that takes files into memory.
const LARGE_BODY_LIMIT: usize = 20 * 1024 * 1024;

/// All resources, and the description of each.
fn described() -> OpenApiRouter<State> {
    resources().merge(uploads::slow_routes()).merge(orders::slow_routes())
}

/// Those that answer at once.
fn resources() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .merge(campaigns::routes())
        .merge(submissions::routes())
        .merge(check::routes())
        .merge(runs::routes())
        .merge(audience::routes())
        .merge(uploads::routes())
        .merge(people::routes())
        .merge(refusals::routes())
        .merge(accounts::routes())
        .merge(figures::routes())
        .merge(periods::routes())
        .merge(orders::partner_routes())
        .merge(orders::office_routes())
        .merge(outlets::routes())
        .merge(notices::routes())
        .merge(audit::routes())
        .merge(users::routes())
        .merge(tokens::routes())
        .merge(webhooks::routes())
}

/// Everything below `/api`.
pub(super) fn routes(state: &State) -> Router<State> {
    let (resources, _) = resources().split_for_parts();
    let resources = resources
        .fallback(async || axum::http::StatusCode::NOT_FOUND)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(state.clone(), frame::surround));
    Router::new().nest(BASE, resources).merge(document::routes())
}

/// What takes longer than other requests: what comes up is large.
pub(super) fn slow_routes(state: &State) -> Router<State> {
    let (slow, _) = uploads::slow_routes().merge(orders::slow_routes()).split_for_parts();
    Router::new().nest(BASE, slowly(slow, state))
}

fn slowly(slow: Router<State>, state: &State) -> Router<State> {
    slow.layer(DefaultBodyLimit::max(LARGE_BODY_LIMIT))
        .layer(middleware::from_fn_with_state(state.clone(), frame::surround))
        .layer(Extension(frame::Streamed))
}

/// What outlets' programs need, for the Internet's side: their orders, to tokens that open nothing else.
pub(super) fn partner_routes(state: &State) -> Router<State> {
    let (resources, _) = orders::partner_routes().split_for_parts();
    let resources = resources
        .layer(middleware::from_fn(orders::partners_only))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(state.clone(), frame::surround));
    Router::new().nest(BASE, resources)
}

/// The same of what may be large.
pub(super) fn slow_partner_routes(state: &State) -> Router<State> {
    let (slow, _) = orders::slow_routes().split_for_parts();
    Router::new().nest(BASE, slowly(slow.layer(middleware::from_fn(orders::partners_only)), state))
}
