//! API tokens of the caller's own user.

use axum::{extract, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::{List, created, moment},
    caller::Caller,
    input::{Json, Number},
    problem::Problem,
};
use crate::{
    phrase,
    user::{self, Right, api_token},
    web::State,
};

/// The longest that a token may hold.
const LONGEST_DAYS: i64 = 366;
const DAY: i64 = 24 * 3_600_000;

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list, make)).routes(routes!(revoke)).routes(routes!(me))
}

/// Something that a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Right)]
enum ARight {
    ReadCampaigns,
    WriteCampaigns,
    Approve,
    Run,
    Stop,
    ReadAudience,
    WriteAudience,
    ReadPerson,
    ReadReach,
    ClosePeriods,
    ReadAccounts,
    ActOnAccounts,
    ManageUsers,
    ReadAudit,
}

impl ARight {
    /// In the order of [`Right::ALL`].
    const ALL: [Self; 14] = [
        Self::ReadCampaigns,
        Self::WriteCampaigns,
        Self::Approve,
        Self::Run,
        Self::Stop,
        Self::ReadAudience,
        Self::WriteAudience,
        Self::ReadPerson,
        Self::ReadReach,
        Self::ClosePeriods,
        Self::ReadAccounts,
        Self::ActOnAccounts,
        Self::ManageUsers,
        Self::ReadAudit,
    ];

    fn of(rights: user::Rights) -> Vec<Self> {
        Self::ALL.into_iter().zip(Right::ALL).filter(|(_, right)| rights.has(*right)).map(|(one, _)| one).collect()
    }

    fn rights(ours: &[Self]) -> user::Rights {
        Self::ALL.into_iter().zip(Right::ALL).filter(|(one, _)| ours.contains(one)).map(|(_, right)| right).collect()
    }
}

/// A token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
struct Token {
    /// Its number.
    #[schema(minimum = 1)]
    id: i64,
    /// What it is for.
    name: String,
    /// What it may be used for.
    rights: Vec<ARight>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it ends.
    ends_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    used_at: Option<DateTime<Utc>>,
}

/// A token to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100, example = "Bảng theo dõi")]
    name: String,
    /// What it may be used for: no more than the token that makes it.
    #[schema(min_items = 1)]
    rights: Vec<ARight>,
    /// For how many days it holds.
    #[schema(minimum = 1, maximum = 366, default = 90)]
    days: Option<i64>,
}

/// A token and its secret, which is shown this once.
#[derive(Debug, Serialize, ToSchema)]
struct MadeToken {
    /// What goes into `Authorization: Bearer`.
    #[schema(pattern = "^loa_")]
    secret: String,
    /// When it ends.
    ends_at: DateTime<Utc>,
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
struct Me {
    /// The user's number.
    #[schema(minimum = 1)]
    id: i64,
    /// Their name.
    name: String,
    /// What they sign in with.
    #[schema(format = Email)]
    email: String,
    /// What this token may be used for now.
    rights: Vec<ARight>,
    /// They see all departments.
    every_department: bool,
    /// The names of theirs.
    departments: Vec<String>,
}

#[utoipa::path(get, path = "/me", tag = "tokens", operation_id = "read_me",
    summary = "Token này là của ai | Whose this token is, and what it may do",
    responses((status = 200, description = "The caller", body = Me)))]
async fn me(caller: Caller) -> axum::Json<Me> {
    let user = caller.user;
    axum::Json(Me {
        id: user.id,
        rights: ARight::of(user.rights),
        every_department: user.departments.is_everything(),
        departments: user.departments.names().map(str::to_string).collect(),
        name: user.name,
        email: user.email,
    })
}

#[utoipa::path(get, path = "/tokens", tag = "tokens", operation_id = "list_tokens",
    summary = "Các token của mình | The caller's tokens",
    responses((status = 200, description = "Those that were not taken back, the latest first", body = List<Token>)))]
async fn list(caller: Caller, extract::State(State(state)): extract::State<State>) -> Result<List<Token>, Problem> {
    let rows = api_token::list(&state.parts.db, caller.user.id).await?;
    let one = |row: api_token::ApiToken| Token {
        id: row.id,
        rights: ARight::of(row.rights()),
        created_at: moment(row.created_at),
        ends_at: moment(row.ends_at),
        used_at: row.used_at.map(moment),
        name: row.name,
    };
    Ok(List::whole(rows.into_iter().map(one).collect()))
}

#[utoipa::path(post, path = "/tokens", tag = "tokens", operation_id = "make_token",
    summary = "Tạo token | Make a token", description = "Its secret is shown this once.", request_body = NewToken,
    responses((status = 201, description = "The secret", body = MadeToken)))]
async fn make(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Json(new): Json<NewToken>,
) -> Result<Response, Problem> {
    let name = user::name(&new.name).ok_or_else(|| Problem::field("/name", phrase!("từ 1 đến 100 chữ", "1 to 100 letters")))?;
    let days = new.days.unwrap_or(90);
    if !(1..=LONGEST_DAYS).contains(&days) {
        return Err(Problem::field("/days", phrase!("từ 1 đến {LONGEST_DAYS} ngày", "1 to {LONGEST_DAYS} days")));
    }
    if new.rights.is_empty() {
        return Err(Problem::field("/rights", phrase!("nêu ít nhất một quyền", "name at least one right")));
    }
    let rights = ARight::rights(&new.rights);
    for right in rights.iter() {
        caller.needs(right)?;
    }
    let now = state.parts.clock.millis();
    let ends_at = now + days * DAY;
    let lent = api_token::New { name: &name, rights, ends_at };
    let secret = api_token::make(&state.parts.db, &state.parts.seal, &caller.user, &lent, &caller.actor, now).await?;
    Ok(created("/api/v1/tokens", &MadeToken { secret: secret.0, ends_at: moment(ends_at) }))
}

/// A token's number.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a parameter")]
struct Id {
    /// The token's number.
    #[param(minimum = 1)]
    id: i64,
}

#[utoipa::path(delete, path = "/tokens/{id}", tag = "tokens", operation_id = "revoke_token",
    summary = "Thu hồi token | Take a token back", params(Id),
    responses((status = 204, description = "It opens nothing any more")))]
async fn revoke(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<StatusCode, Problem> {
    let revoked = api_token::revoke(&state.parts.db, &caller.user, id, &caller.actor, state.parts.clock.millis()).await?;
    if revoked { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
