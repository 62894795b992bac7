//! What waits for approval, and what is decided about it: four eyes on the content's hash.

use axum::extract;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::{List, moment},
    caller::Caller,
    input::{Id, Json, Number, at_most},
    problem::{Kind, Problem},
};
use crate::{
    approval::{self, Power, Refusal, Standing, decision, submission},
    user::Right,
    web::{Shared, State},
};

/// The longest comment, in characters.
const LONGEST: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(approve))
        .routes(routes!(give_back))
        .routes(routes!(withdraw))
        .routes(routes!(emergency))
        .routes(routes!(review))
}

/// A content for whose approval somebody asked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Submission {
    /// Its number.
    #[schema(minimum = 1)]
    id: i64,
    /// The campaign's name.
    campaign: String,
    /// What people call it.
    title: String,
    /// The department that it belongs to.
    owner: String,
    /// The console's version; null: a file's.
    version: Option<i64>,
    /// SHA-256 of all that would be sent: what a decision is about.
    hash: String,
    /// `waiting`, `approved`, `returned`, `withdrawn` or `superseded`.
    state: &'static str,
    /// Who asked.
    sent_by: String,
    /// When.
    sent_at: DateTime<Utc>,
    /// What they said to it.
    note: String,
    /// Who decided.
    decided_by: Option<String>,
    /// When.
    decided_at: Option<DateTime<Utc>>,
    /// The approver in whose place they decided.
    instead_of: Option<String>,
    /// What they said to it.
    comment: String,
    /// Released by one person alone.
    emergency: bool,
}

impl From<approval::Submission> for Submission {
    fn from(one: approval::Submission) -> Self {
        Self {
            state: match one.standing() {
                Standing::Waiting => "waiting",
                Standing::Approved => "approved",
                Standing::Returned => "returned",
                Standing::Withdrawn => "withdrawn",
                Standing::Superseded => "superseded",
            },
            id: one.id,
            campaign: one.slug,
            title: one.title,
            owner: one.owner,
            version: one.version,
            hash: one.hash,
            sent_by: one.sent_name,
            sent_at: moment(one.sent_at),
            note: one.note,
            decided_by: one.decided_name,
            decided_at: one.decided_at.map(moment),
            instead_of: one.instead_of,
            comment: one.comment,
            emergency: one.emergency,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Db(error) => error.into(),
            Refusal::Unknown(_) => Self::not_found(),
            Refusal::OwnWork | Refusal::WorkOfTheApprover | Refusal::NotSender => Self::new(Kind::Forbidden, refusal.phrase()),
            Refusal::Silent => Self::field("/comment", refusal.phrase()),
            other => Self::conflict(other.phrase()),
        }
    }
}

/// A release.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Approval {
    /// The content that was looked at: its `hash`.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    hash: String,
    /// What to say to it.
    #[serde(default)]
    #[schema(max_length = 1000)]
    comment: String,
}

/// A refusal.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Return {
    /// The content that was looked at: its `hash`.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    hash: String,
    /// Why, for its writer.
    #[schema(min_length = 1, max_length = 1000)]
    comment: String,
}

/// A release by one person alone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Emergency {
    /// The content that was looked at: its `hash`.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    hash: String,
    /// Why it cannot wait for somebody else.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
}

/// What another approver found of an emergency afterwards.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Review {
    /// Whether it was right; what was wrong is in force no longer.
    was_right: bool,
    /// What to say to it: needed where it was wrong.
    #[serde(default)]
    #[schema(max_length = 1000)]
    comment: String,
}

/// This node works by it at once; the others look every few seconds.
async fn take_effect(state: &Shared) -> Result<(), Problem> {
    state.parts.shelf.look(&state.parts.db).await?;
    state.parts.work.notify_waiters();
    Ok(())
}

/// One that the caller sees.
async fn seen(state: &Shared, caller: &Caller, id: i64) -> Result<approval::Submission, Problem> {
    let one = submission::get(&state.parts.db, id).await?;
    caller.sees(&one.owner)?;
    Ok(one)
}

/// By which right the caller decides about it.
async fn power(state: &Shared, caller: &Caller, submission: &approval::Submission) -> Result<Power, Problem> {
    caller.decides_by(Power::of(&state.parts.db, &caller.user, submission, state.parts.clock.millis()).await?)
}

#[utoipa::path(get, path = "/submissions", tag = "campaigns", operation_id = "list_submissions",
    summary = "Đang chờ phê duyệt | What waits for approval",
    responses((status = 200, description = "Those that the caller sees", body = List<Submission>)))]
async fn list(caller: Caller, extract::State(State(state)): extract::State<State>) -> Result<List<Submission>, Problem> {
    caller.needs(Right::ReadCampaigns)?;
    let waiting = submission::waiting(&state.parts.db).await?.into_iter();
    let seen = waiting.filter(|one| caller.user.departments.sees(&one.owner));
    Ok(List::whole(seen.map(Submission::from).collect()))
}

#[utoipa::path(get, path = "/submissions/{id}", tag = "campaigns", operation_id = "read_submission",
    summary = "Một yêu cầu phê duyệt | One submission", params(Id),
    responses((status = 200, description = "As it stands", body = Submission)))]
async fn read(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<axum::Json<Submission>, Problem> {
    caller.needs(Right::ReadCampaigns)?;
    Ok(axum::Json(seen(&state, &caller, id).await?.into()))
}

#[utoipa::path(post, path = "/submissions/{id}/approve", tag = "campaigns", operation_id = "approve_submission",
    summary = "Phê duyệt | Approve",
    description = "Nobody approves what they wrote themselves. Whoever is the delegate of an approver who is away approves in their place, by a token that lends all of its user's rights.",
    params(Id), request_body = Approval,
    responses((status = 200, description = "It is in force", body = Submission),
        (status = 409, description = "It was decided, or its content is another one")))]
async fn approve(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
    Json(approval): Json<Approval>,
) -> Result<axum::Json<Submission>, Problem> {
    at_most("/comment", &approval.comment, LONGEST)?;
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let power = power(&state, &caller, &seen(&state, &caller, id).await?).await?;
    let done = decision::approve(db, id, &approval.hash, &approval.comment, &caller.actor, power.stands_in(), now).await?;
    take_effect(&state).await?;
    Ok(axum::Json(done.into()))
}

#[utoipa::path(post, path = "/submissions/{id}/return", tag = "campaigns", operation_id = "return_submission",
    summary = "Trả lại | Give it back to its writer", description = "By whoever may approve it.", params(Id), request_body = Return,
    responses((status = 200, description = "It went back", body = Submission),
        (status = 409, description = "It was decided, or its content is another one")))]
async fn give_back(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
    Json(back): Json<Return>,
) -> Result<axum::Json<Submission>, Problem> {
    at_most("/comment", &back.comment, LONGEST)?;
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let power = power(&state, &caller, &seen(&state, &caller, id).await?).await?;
    let done = decision::return_(db, id, &back.hash, &back.comment, &caller.actor, power.stands_in(), now).await?;
    Ok(axum::Json(done.into()))
}

#[utoipa::path(post, path = "/submissions/{id}/withdraw", tag = "campaigns", operation_id = "withdraw_submission",
    summary = "Rút lại | Take it back", description = "By whoever sent or wrote it.", params(Id),
    responses((status = 200, description = "It waits no more", body = Submission),
        (status = 409, description = "It was decided")))]
async fn withdraw(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<axum::Json<Submission>, Problem> {
    caller.needs(Right::WriteCampaigns)?;
    seen(&state, &caller, id).await?;
    let done = decision::withdraw(&state.parts.db, id, &caller.actor, state.parts.clock.millis()).await?;
    Ok(axum::Json(done.into()))
}

#[utoipa::path(post, path = "/submissions/{id}/emergency", tag = "campaigns", operation_id = "approve_in_emergency",
    summary = "Phê duyệt khẩn | Approve alone, in an emergency",
    description = "A warning that cannot wait, by an approver who may have written it. Another approver reviews it afterwards.",
    params(Id), request_body = Emergency,
    responses((status = 200, description = "It is in force", body = Submission),
        (status = 409, description = "It was decided, its content is another one, or it is no warning")))]
async fn emergency(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
    Json(emergency): Json<Emergency>,
) -> Result<axum::Json<Submission>, Problem> {
    caller.needs(Right::Approve)?;
    seen(&state, &caller, id).await?;
    at_most("/reason", &emergency.reason, LONGEST)?;
    if emergency.reason.trim().is_empty() {
        return Err(Problem::field("/reason", Refusal::Silent.phrase()));
    }
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let done = decision::approve_in_emergency(db, id, &emergency.hash, &emergency.reason, &caller.actor, now).await?;
    take_effect(&state).await?;
    Ok(axum::Json(done.into()))
}

#[utoipa::path(post, path = "/submissions/{id}/review", tag = "campaigns", operation_id = "review_emergency",
    summary = "Xem lại phê duyệt khẩn | Review what was approved in an emergency",
    description = "By an approver who neither wrote nor released it.", params(Id), request_body = Review,
    responses((status = 200, description = "It is reviewed", body = Submission),
        (status = 409, description = "There is nothing to review")))]
async fn review(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
    Json(review): Json<Review>,
) -> Result<axum::Json<Submission>, Problem> {
    caller.needs(Right::Approve)?;
    seen(&state, &caller, id).await?;
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    at_most("/comment", &review.comment, LONGEST)?;
    let done = decision::review(db, id, review.was_right, &review.comment, &caller.actor, now).await?;
    take_effect(&state).await?;
    Ok(axum::Json(done.into()))
}
