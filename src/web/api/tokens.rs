//! The caller's own token, and those that were made by it: less, for no longer, and until it is taken back. A program that lost its
//! token, or whoever found it, cannot touch the user's others: those are on the page `/me/tokens`.

use axum::{extract, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::{List, created, moment},
    caller::Caller,
    input::{Id, Json, Number},
    problem::Problem,
};
use crate::{
    phrase,
    user::{
        self, Right,
        api_token::{self, ApiToken},
    },
    web::State,
};

/// The longest that a token may hold.
const LONGEST_DAYS: i64 = 366;
const DAY: i64 = 24 * 3_600_000;

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list, make)).routes(routes!(revoke)).routes(routes!(me))
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
    rights: Vec<Right>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it ends.
    ends_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    used_at: Option<DateTime<Utc>>,
}

impl From<ApiToken> for Token {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id,
            rights: token.rights().iter().collect(),
            created_at: moment(token.created_at),
            ends_at: moment(token.ends_at),
            used_at: token.used_at.map(moment),
            name: token.name,
        }
    }
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
    rights: Vec<Right>,
    /// For how many days it holds; it ends with the token that makes it at the latest.
    #[schema(minimum = 1, maximum = 366, default = 90)]
    days: Option<i64>,
}

/// A token and its secret, which is shown this once.
#[derive(Debug, Serialize, ToSchema)]
struct MadeToken {
    /// Its number.
    #[schema(minimum = 1)]
    id: i64,
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
    rights: Vec<Right>,
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
        rights: user.rights.iter().collect(),
        every_department: user.departments.is_everything(),
        departments: user.departments.names().map(str::to_string).collect(),
        name: user.name,
        email: user.email,
    })
}

#[utoipa::path(get, path = "/tokens", tag = "tokens", operation_id = "list_tokens",
    summary = "Token này và các token do nó tạo | This token and those that were made by it",
    responses((status = 200, description = "Those that were not taken back, the latest first", body = List<Token>)))]
async fn list(caller: Caller, extract::State(State(state)): extract::State<State>) -> Result<List<Token>, Problem> {
    let family = api_token::family(&state.parts.db, caller.token.id).await?;
    Ok(List::whole(family.into_iter().map(Token::from).collect()))
}

#[utoipa::path(post, path = "/tokens", tag = "tokens", operation_id = "make_token",
    summary = "Tạo token | Make a token",
    description = "Its secret is shown this once. It may do no more than the token that makes it, and ends with it.", request_body = NewToken,
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
    for right in &new.rights {
        caller.needs(*right)?;
    }
    let (db, seal, now) = (&state.parts.db, &state.parts.seal, state.parts.clock.millis());
    let lent = api_token::New { name: &name, rights: new.rights.into_iter().collect(), ends_at: now + days * DAY };
    let (secret, made) = api_token::lend(db, seal, &caller.user, &caller.token, &lent, &caller.actor, now).await?;
    let (id, ends_at) = (made.id, moment(made.ends_at));
    Ok(created(&format!("/api/v1/tokens/{id}"), &MadeToken { id, secret: secret.0, ends_at }))
}

#[utoipa::path(delete, path = "/tokens/{id}", tag = "tokens", operation_id = "revoke_token",
    summary = "Thu hồi token | Take a token back",
    description = "This one, or one that was made by it; what was made by that ends as well.", params(Id),
    responses((status = 204, description = "It opens nothing any more")))]
async fn revoke(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<StatusCode, Problem> {
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    if !api_token::family(db, caller.token.id).await?.iter().any(|token| token.id == id) {
        return Err(Problem::not_found());
    }
    let revoked = api_token::revoke(db, &caller.user, id, &caller.actor, now).await?;
    if revoked { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
