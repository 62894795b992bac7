//! Who did what.

use axum::extract;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::{List, moment},
    caller::Caller,
    input::{Paging, Query},
    problem::Problem,
};
use crate::{
    audit::{self, Filter},
    user::Right,
    web::State,
};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list))
}

/// One thing that somebody did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
struct Entry {
    /// Its number: 1, 2, 3 … without a gap.
    #[schema(minimum = 1)]
    seq: i64,
    /// When.
    at: DateTime<Utc>,
    /// Which user of the console; null: somebody at the machine's keyboard, or Loa itself.
    user: Option<i64>,
    /// Their name then.
    who: String,
    /// By which door: `console`, `api` or `command`.
    #[schema(example = "api")]
    via: &'static str,
    /// From which address; empty: from the machine itself.
    from: String,
    /// What.
    #[schema(example = "campaign.approve")]
    action: String,
    /// To what.
    subject: String,
    /// How it was.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// How it is.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
    /// SHA-256 over the hash before it and the entry, in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    hash: String,
}

/// What narrows the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Narrow {
    /// Only entries with a lower number.
    #[param(minimum = 1)]
    before: Option<i64>,
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
}

#[utoipa::path(get, path = "/audit", tag = "audit", operation_id = "list_audit",
    summary = "Nhật ký hoạt động | Who did what", description = "The latest first.", params(Narrow),
    responses((status = 200, description = "A page of entries", body = List<Entry>)))]
async fn list(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Query(narrow): Query<Narrow>,
) -> Result<List<Entry>, Problem> {
    caller.needs(Right::ReadAudit)?;
    let (before, limit) = Paging { before: narrow.before, limit: narrow.limit }.window()?;
    let rows = audit::list(&state.parts.db, &Filter::default(), Some(before), limit).await?;
    let read = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
    let items = rows.into_iter().map(|row| Entry {
        seq: row.seq,
        at: moment(row.at),
        user: row.user,
        via: row.via().name(),
        hash: crate::seal::hex(&row.hash),
        who: row.who,
        from: row.address,
        action: row.action,
        subject: row.subject,
        before: read(row.before),
        after: read(row.after),
    });
    Ok(List::page(items.collect(), limit, "/api/v1/audit", |entry| entry.seq))
}
