//! Users of the console, for administrators.

use std::collections::BTreeMap;

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
    outlet, phrase,
    relay::partner::{self, Unfit},
    user::{self, Change, Department, New, Refused, Right, Role, invitation},
    web::State,
};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(read, change))
        .routes(routes!(disable))
        .routes(routes!(enable))
        .routes(routes!(invite))
        .routes(routes!(departments))
}

/// Somebody who may sign in.
#[derive(Debug, Serialize, ToSchema)]
struct User {
    /// Its number.
    #[schema(minimum = 1)]
    id: i64,
    /// What they sign in with.
    #[schema(format = Email)]
    email: String,
    /// As it is shown and recorded.
    name: String,
    /// What they are.
    roles: Vec<Role>,
    /// They see all departments.
    every_department: bool,
    /// The names of theirs.
    departments: Vec<String>,
    /// They are asked for a code as well.
    second_factor: bool,
    /// When they were added.
    created_at: DateTime<Utc>,
    /// When they last signed in.
    signed_in_at: Option<DateTime<Utc>>,
    /// Since when they may not sign in any more.
    disabled_at: Option<DateTime<Utc>>,
    /// The slug of the outlet that a partner acts for.
    outlet: Option<String>,
}

impl User {
    fn of(user: user::User, outlet: Option<String>) -> Self {
        Self {
            outlet,
            id: user.id,
            roles: user.roles.iter().collect(),
            every_department: user.departments.is_everything(),
            departments: user.departments.names().map(str::to_string).collect(),
            second_factor: user.has_second_factor,
            created_at: moment(user.created_at),
            signed_in_at: user.signed_in_at.map(moment),
            disabled_at: user.disabled_at.map(moment),
            email: user.email,
            name: user.name,
        }
    }
}

/// Somebody who is to sign in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    /// What they sign in with.
    #[schema(format = Email, max_length = 200, example = "lan@example.vn")]
    email: String,
    /// As it is shown and recorded.
    #[schema(min_length = 1, max_length = 100, example = "Trần Thị Lan")]
    name: String,
    /// What they are.
    #[schema(min_items = 1)]
    roles: Vec<Role>,
    /// They see all departments.
    #[serde(default)]
    every_department: bool,
    /// Numbers of their departments: at least one of somebody who does not see them all.
    #[serde(default)]
    departments: Vec<i64>,
    /// The slug of the outlet that a partner acts for, and nobody else.
    #[serde(default)]
    outlet: Option<String>,
}

/// What an administrator sets.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangedUser {
    /// As it is shown and recorded.
    #[schema(min_length = 1, max_length = 100, example = "Trần Thị Lan")]
    name: String,
    /// What they are.
    #[schema(min_items = 1)]
    roles: Vec<Role>,
    /// They see all departments.
    #[serde(default)]
    every_department: bool,
    /// Numbers of their departments: at least one of somebody who does not see them all.
    #[serde(default)]
    departments: Vec<i64>,
    /// The slug of the outlet that a partner acts for; left out, the one that they act for already.
    #[serde(default)]
    outlet: Option<String>,
}

/// Somebody as they stand.
async fn standing(state: &crate::web::Shared, id: i64) -> Result<User, Problem> {
    let (db, seal) = (&state.parts.db, &state.parts.seal);
    let user = user::find(db, id).await?.ok_or_else(Problem::not_found)?;
    let outlet = match outlet::user_outlet(db, id).await? {
        Some(outlet) => outlet::find(db, seal, outlet).await?.map(|outlet| outlet.slug),
        None => None,
    };
    Ok(User::of(user, outlet))
}

impl From<Unfit> for Problem {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::User(refused) => refused.into(),
            Unfit::Outlet(_) | Unfit::NoOutlet => Self::field("/outlet", unfit.words()),
        }
    }
}

fn well_named(name: &str) -> Result<String, Problem> {
    user::name(name).ok_or_else(|| Problem::field("/name", phrase!("từ 1 đến 100 chữ", "1 to 100 letters")))
}

fn some(roles: &[Role]) -> Result<user::Roles, Problem> {
    if roles.is_empty() {
        return Err(Problem::field("/roles", phrase!("nêu ít nhất một vai trò", "name at least one role")));
    }
    Ok(roles.iter().copied().collect())
}

/// Nothing if somebody belongs somewhere: whoever is of no department, and does not see them all, sees what nobody owns alone.
fn placed(every: bool, departments: &[i64]) -> Result<(), Problem> {
    if every || !departments.is_empty() {
        return Ok(());
    }
    let words =
        phrase!("nêu ít nhất một đơn vị, hoặc `every_department`", "name at least one department, or say `every_department`");
    Err(Problem::field("/departments", words))
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoSuchUser => Self::not_found(),
            Refused::NoSuchDepartment => Self::field("/departments", refused.words()),
            other => Self::conflict(other.words()),
        }
    }
}

#[utoipa::path(get, path = "/users", tag = "users", operation_id = "list_users",
    summary = "Danh sách người dùng | The users",
    responses((status = 200, description = "All of them, those who may sign in first", body = List<User>)))]
async fn list(caller: Caller, extract::State(State(state)): extract::State<State>) -> Result<List<User>, Problem> {
    caller.needs(Right::ManageUsers)?;
    let slugs: BTreeMap<i64, String> =
        outlet::without_contacts(&state.parts.db).await?.into_iter().map(|outlet| (outlet.id, outlet.slug)).collect();
    let acts_for = outlet::of_users(&state.parts.db).await?;
    let one = |user: user::User| {
        let outlet = acts_for.get(&user.id).and_then(|outlet| slugs.get(outlet)).cloned();
        User::of(user, outlet)
    };
    Ok(List::whole(user::list(&state.parts.db).await?.into_iter().map(one).collect()))
}

#[utoipa::path(post, path = "/users", tag = "users", operation_id = "add_user",
    summary = "Thêm người dùng | Add a user",
    description = "They can sign in once they followed their invitation, or by OpenID Connect.", request_body = NewUser,
    responses((status = 201, description = "As they stand", body = User), (status = 409, description = "Another user has this address")))]
async fn add(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Json(new): Json<NewUser>,
) -> Result<Response, Problem> {
    caller.needs(Right::ManageUsers)?;
    let email = user::email(&new.email).ok_or_else(|| {
        Problem::field("/email", phrase!("cần một địa chỉ như lan@example.vn", "an address such as lan@example.vn"))
    })?;
    let NewUser { name, roles, every_department, departments, outlet, .. } = new;
    placed(every_department, &departments)?;
    let new = New { email, name: well_named(&name)?, roles: some(&roles)?, every_department, departments };
    let now = state.parts.clock.millis();
    let id = partner::add(&state.parts.db, &new, outlet.as_deref(), &caller.actor, now).await??;
    Ok(created(&format!("/api/v1/users/{id}"), &standing(&state, id).await?))
}

#[utoipa::path(get, path = "/users/{id}", tag = "users", operation_id = "read_user",
    summary = "Một người dùng | One user", params(Id), responses((status = 200, description = "As they stand", body = User)))]
async fn read(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<axum::Json<User>, Problem> {
    caller.needs(Right::ManageUsers)?;
    Ok(axum::Json(standing(&state, id).await?))
}

#[utoipa::path(put, path = "/users/{id}", tag = "users", operation_id = "change_user",
    summary = "Sửa vai trò và đơn vị | Change roles and departments",
    description = "From its answer on, also for sessions that are open and for tokens.", params(Id), request_body = ChangedUser,
    responses((status = 200, description = "As they stand now", body = User), (status = 409, description = "Nobody would be left to manage users")))]
async fn change(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
    Json(to): Json<ChangedUser>,
) -> Result<axum::Json<User>, Problem> {
    caller.needs(Right::ManageUsers)?;
    placed(to.every_department, &to.departments)?;
    let change = Change {
        name: well_named(&to.name)?,
        roles: some(&to.roles)?,
        every_department: to.every_department,
        departments: to.departments,
    };
    let now = state.parts.clock.millis();
    partner::change(&state.parts.db, id, &change, to.outlet.as_deref(), &caller.actor, now).await??;
    Ok(axum::Json(standing(&state, id).await?))
}

async fn set_disabled(caller: &Caller, state: &crate::web::Shared, id: i64, disabled: bool) -> Result<axum::Json<User>, Problem> {
    caller.needs(Right::ManageUsers)?;
    user::disable(&state.parts.db, id, disabled, &caller.actor, state.parts.clock.millis()).await??;
    Ok(axum::Json(standing(state, id).await?))
}

#[utoipa::path(post, path = "/users/{id}/disable", tag = "users", operation_id = "disable_user",
    summary = "Khóa người dùng | Let somebody sign in no more",
    description = "Ends their sessions, tokens and links.", params(Id),
    responses((status = 200, description = "As they stand now", body = User), (status = 409, description = "Nobody would be left to manage users")))]
async fn disable(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<axum::Json<User>, Problem> {
    set_disabled(&caller, &state, id, true).await
}

#[utoipa::path(post, path = "/users/{id}/enable", tag = "users", operation_id = "enable_user",
    summary = "Mở khóa người dùng | Let somebody sign in again", params(Id),
    responses((status = 200, description = "As they stand now", body = User)))]
async fn enable(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<axum::Json<User>, Problem> {
    set_disabled(&caller, &state, id, false).await
}

/// A link's last part.
#[derive(Debug, Serialize, ToSchema)]
struct Invitation {
    /// Where they set their password, below the console's address. It holds once, and is not shown again.
    #[schema(format = "uri-reference", example = "/invitation/…")]
    path: String,
}

#[utoipa::path(post, path = "/users/{id}/invitations", tag = "users", operation_id = "invite_user",
    summary = "Tạo liên kết mời | A link by which somebody sets a password",
    description = "Links made before it end.", params(Id),
    responses((status = 201, description = "The link", body = Invitation)))]
async fn invite(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<(StatusCode, axum::Json<Invitation>), Problem> {
    caller.needs(Right::ManageUsers)?;
    let user = user::find(&state.parts.db, id).await?.ok_or_else(Problem::not_found)?;
    let now = state.parts.clock.millis();
    let secret = invitation::make(&state.parts.db, &state.parts.seal, id, user.has_password, &caller.actor, now).await??;
    Ok((StatusCode::CREATED, axum::Json(Invitation { path: format!("/invitation/{}", secret.0) })))
}

/// A department.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Department)]
struct ADepartment {
    /// Its number.
    #[schema(minimum = 1)]
    id: i64,
    /// As campaigns write it in `owner`.
    name: String,
    /// How many people belong to it.
    #[schema(minimum = 0)]
    members: i64,
}

#[utoipa::path(get, path = "/departments", tag = "users", operation_id = "list_departments",
    summary = "Danh sách đơn vị | The departments",
    responses((status = 200, description = "All of them", body = List<ADepartment>)))]
async fn departments(caller: Caller, extract::State(State(state)): extract::State<State>) -> Result<List<ADepartment>, Problem> {
    caller.needs(Right::ManageUsers)?;
    let one = |Department { id, name, members }| ADepartment { id, name, members };
    Ok(List::whole(user::departments(&state.parts.db).await?.into_iter().map(one).collect()))
}
