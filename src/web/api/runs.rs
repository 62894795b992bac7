//! Runs: how they stand, and what people do to them.

use axum::{
    extract,
    http::{HeaderValue, header::LINK},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    caller::{Caller, Onlooker},
    input::{Number, Paging, Query},
    problem::Problem,
};
use crate::{
    run::command,
    user::Right,
    web::{
        State,
        overview::{self, RunView},
    },
};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read))
}

/// A page of runs.
#[derive(Debug, Serialize, ToSchema)]
struct Runs {
    /// The newest first.
    runs: Vec<RunView>,
    /// The `before` of the next page; null at the end.
    next: Option<i64>,
}

#[utoipa::path(get, path = "/runs", tag = "runs", operation_id = "list_runs",
    summary = "Các đợt gửi | The runs", description = "The newest first. Open while there is no user of the console.", params(Paging),
    responses((status = 200, description = "A page of runs", body = Runs)))]
async fn list(
    Onlooker(caller): Onlooker,
    extract::State(State(state)): extract::State<State>,
    Query(paging): Query<Paging>,
) -> Result<Response, Problem> {
    if let Some(caller) = &caller {
        caller.needs(Right::ReadCampaigns)?;
    }
    let (before, limit) = paging.window()?;
    let runs = overview::page(&state, before, limit).await?;
    let full = i64::try_from(runs.len()).is_ok_and(|count| count == limit);
    let next = runs.last().filter(|_| full).map(|run| run.id);
    let mut response = axum::Json(Runs { runs, next }).into_response();
    if let Some(link) = next
        .and_then(|next| HeaderValue::from_str(&format!("</api/v1/runs?before={next}&limit={limit}>; rel=\"next\"")).ok())
    {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// A run's number.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a parameter")]
struct Id {
    /// The run's number.
    #[param(minimum = 1)]
    id: i64,
}

#[utoipa::path(get, path = "/runs/{id}", tag = "runs", operation_id = "read_run",
    summary = "Một đợt gửi | One run", params(Id),
    responses((status = 200, description = "As it stands", body = RunView)))]
async fn read(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<axum::Json<RunView>, Problem> {
    caller.needs(Right::ReadCampaigns)?;
    command::get(&state.parts.db, id).await?;
    let found = overview::page(&state, id + 1, 1).await?.pop().filter(|run| run.id == id);
    Ok(axum::Json(found.ok_or_else(Problem::not_found)?))
}
