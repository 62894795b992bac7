//! What somebody should know of or do something about, as far as it is the caller's.

use axum::extract;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::{List, moment},
    caller::Caller,
    input::Json,
    problem::Problem,
};
use crate::{
    notice::{self, Kind, Reader as Notices},
    web::{State, reader::Reader},
};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(mark))
}

/// A cause that stands.
#[derive(Debug, Serialize, ToSchema)]
struct Notice {
    /// Its number.
    #[schema(minimum = 1)]
    id: i64,
    /// What it is about, such as `run-held` or `account-paused`; null: a later version of Loa wrote it.
    kind: Option<&'static str>,
    /// The same for people.
    text: String,
    /// Where in the console it is dealt with.
    page: String,
    /// It cannot wait.
    urgent: bool,
    /// Since when.
    began_at: DateTime<Utc>,
    /// Whether the token's user has read it.
    read: bool,
}

/// What was read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Read {
    /// Numbers of notices; those that are not the caller's are passed over.
    #[schema(max_items = 300)]
    notices: Vec<i64>,
}

/// How many were marked.
#[derive(Debug, Serialize, ToSchema)]
struct Marked {
    /// That were not read before.
    #[schema(minimum = 0)]
    marked: u64,
}

#[utoipa::path(get, path = "/notices", tag = "notices", operation_id = "list_notices",
    summary = "Việc cần biết, cần làm | What waits for somebody", description = "Those that the token's rights let it see.",
    responses((status = 200, description = "What stands, the most pressing first", body = List<Notice>)))]
async fn list(
    caller: Caller,
    Reader(lang): Reader,
    extract::State(State(state)): extract::State<State>,
) -> Result<List<Notice>, Problem> {
    let user = &caller.user;
    let theirs = Notices { user: user.id, may: &|right| user.can(right), sees: &|owner| user.departments.sees(owner) };
    let all = notice::list(&state.parts.db, &theirs, false).await?;
    let items = all.iter().map(|one| Notice {
        id: one.id,
        kind: one.kind().map(Kind::name),
        text: one.text(lang).to_string(),
        page: one.page.clone(),
        urgent: one.urgent,
        began_at: moment(one.began_at),
        read: one.is_read,
    });
    Ok(List::whole(items.collect()))
}

#[utoipa::path(post, path = "/notices/read", tag = "notices", operation_id = "mark_notices",
    summary = "Đánh dấu đã đọc | Mark notices as read", description = "For the token's user alone.", request_body = Read,
    responses((status = 200, description = "How many were marked", body = Marked)))]
async fn mark(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Json(read): Json<Read>,
) -> Result<axum::Json<Marked>, Problem> {
    let user = &caller.user;
    let theirs = Notices { user: user.id, may: &|right| user.can(right), sees: &|owner| user.departments.sees(owner) };
    let marked = notice::mark(&state.parts.db, &theirs, &read.notices, state.parts.clock.millis()).await?;
    Ok(axum::Json(Marked { marked }))
}
