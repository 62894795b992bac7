//! `/invitation/{secret}`: a link by which somebody sets a password. A GET changes nothing: programs that look at links follow them.

use axum::{
    extract::{self, Path},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use minijinja::context;

use super::through;
use crate::{
    user::{User, invitation, password},
    web::{
        Shared, State,
        console::{
            door,
            fault::Fault,
            form::{Fields, Mistakes},
            visitor::Stranger,
        },
    },
};

async fn whose(state: &Shared, secret: &str) -> Result<Option<(User, bool)>, Fault> {
    Ok(invitation::whose(&state.parts.db, secret, state.parts.clock.millis()).await?)
}

fn over(state: &Shared, stranger: &Stranger) -> Response {
    state.view_outside(StatusCode::NOT_FOUND, stranger, "console/sign_in/link_over", context! {})
}

fn page(state: &Shared, stranger: &Stranger, user: &User, reset: bool, mistakes: &Mistakes) -> Response {
    let values = context! {
        name => user.name.clone(), email => user.email.clone(), reset => reset, shortest => password::SHORTEST,
        mistakes => mistakes.list(stranger.lang), errors => mistakes.by_field(stranger.lang),
    };
    state.view_outside(mistakes.status(), stranger, "console/sign_in/invited", values)
}

pub async fn show(
    extract::State(State(state)): extract::State<State>,
    stranger: Stranger,
    Path(secret): Path<String>,
) -> Result<Response, Fault> {
    let Some((user, reset)) = whose(&state, &secret).await? else { return Ok(over(&state, &stranger)) };
    Ok(page(&state, &stranger, &user, reset, &Mistakes::default()))
}

pub async fn accept(
    extract::State(State(state)): extract::State<State>,
    stranger: Stranger,
    headers: HeaderMap,
    Path(secret): Path<String>,
    fields: Fields,
) -> Result<Response, Fault> {
    let Some((user, reset)) = whose(&state, &secret).await? else { return Ok(over(&state, &stranger)) };
    let mistakes = Mistakes::of_new_password(&fields, &user);
    if !mistakes.is_empty() {
        return Ok(page(&state, &stranger, &user, reset, &mistakes));
    }
    let (db, seal, now) = (&state.parts.db, &state.parts.seal, state.parts.clock.millis());
    let hash = password::hash(fields.raw("password"), seal).await?;
    let actor = stranger.actor(Some(&user));
    let before = stranger.caller.cookie(&headers, door::SESSION);
    let chosen = invitation::Chosen { user: &user, hash: &hash, agent: &stranger.agent, before: before.as_deref() };
    match invitation::accept(db, seal, &secret, &chosen, &actor, now).await? {
        Some(session) => Ok(through(&stranger.caller, &user, &session, "/")),
        None => Ok(over(&state, &stranger)),
    }
}
