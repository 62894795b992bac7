//! One person: found by an address or a reference, looked at with everything masked, taken at their word, forgotten.
//!
//! An address never stands in a URL: it would be logged. People are found by POST, and known by their row's number from then on. Who is
//! on another department's list is not there.

use axum::{extract, http::StatusCode};
use providers::Channel;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::List,
    caller::Caller,
    input::{Id, Json, Number},
    problem::Problem,
};
use crate::{
    audience::{
        address::{self, ChatService},
        erase::erase_within,
        phone,
        who::{self, Listed},
    },
    audit, dossier, phrase, request,
    seal::Kind,
    transaction,
    user::Right,
    web::{Shared, State},
};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(find)).routes(routes!(read, forget))
}

/// By what a person is known: exactly one.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Known {
    /// The list's reference.
    #[schema(nullable = false)]
    r#ref: Option<String>,
    /// A phone number, as people write it.
    #[schema(nullable = false, example = "0901 234 567")]
    phone: Option<String>,
    /// A mail address.
    #[schema(nullable = false)]
    email: Option<String>,
    /// An id at Zalo.
    #[schema(nullable = false)]
    zalo_id: Option<String>,
}

/// Somebody who was found.
#[derive(Debug, Serialize, ToSchema)]
struct Found {
    /// The row's number, by which the person is known from now on.
    #[schema(minimum = 1)]
    id: i64,
    /// The list's reference.
    r#ref: String,
}

#[utoipa::path(post, path = "/people/find", tag = "people", operation_id = "find_people",
    summary = "Tìm người | Find people by an address or a reference", request_body = Known,
    description = "Say exactly one. Several people may share an address; nobody found is an empty list.",
    responses((status = 200, description = "Whoever it is", body = List<Found>)))]
async fn find(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Json(known): Json<Known>,
) -> Result<List<Found>, Problem> {
    caller.needs(Right::ReadPerson)?;
    let db = &state.parts.db;
    let holders = async |channel, kind, plain: &str| request::holders(db, channel, state.parts.seal.hash(kind, plain)).await;
    let numbers: Vec<(i64, String)> = match known {
        Known { r#ref: Some(reference), phone: None, email: None, zalo_id: None } => {
            who::reference(db, &reference).await?.into_iter().map(|one| (one.id, one.reference)).collect()
        }
        Known { r#ref: None, phone: Some(text), email: None, zalo_id: None } => {
            let phone = phone::normalise(&text).map_err(|bad| Problem::field("/phone", bad.phrase()))?;
            holders(Channel::Sms, Kind::Phone, &phone).await?
        }
        Known { r#ref: None, phone: None, email: Some(text), zalo_id: None } => {
            let email = address::email(&text).map_err(|bad| Problem::field("/email", bad.phrase()))?;
            holders(Channel::Email, Kind::Email, &email).await?
        }
        Known { r#ref: None, phone: None, email: None, zalo_id: Some(text) } => {
            let chat = address::chat(ChatService::Zalo, &text).map_err(|bad| Problem::field("/zalo_id", bad.phrase()))?;
            holders(Channel::Chat, Kind::Chat, &chat).await?
        }
        _ => {
            let words = phrase!(
                "nêu đúng một trong `ref`, `phone`, `email`, `zalo_id`",
                "say exactly one of `ref`, `phone`, `email`, `zalo_id`"
            );
            return Err(Problem::field("", words));
        }
    };
    let lists = caller.lists(db).await?;
    let mut found = Vec::new();
    for (id, _) in numbers {
        if let Some(one) = who::number(db, id).await?.filter(|one| lists.sees(&one.source)) {
            found.push(Found { id, r#ref: one.reference });
        }
    }
    Ok(List::whole(found))
}

/// The person of this number, if the caller sees whoever is on their list.
pub(super) async fn seen(state: &Shared, caller: &Caller, id: i64) -> Result<Listed, Problem> {
    caller.needs(Right::ReadPerson)?;
    let db = &state.parts.db;
    let person = who::number(db, id).await?.ok_or_else(Problem::not_found)?;
    if caller.lists(db).await?.sees(&person.source) { Ok(person) } else { Err(Problem::not_found()) }
}

/// A person in the record of who did what.
pub(super) fn subject(id: i64) -> String {
    format!("person:{id}")
}

#[utoipa::path(get, path = "/people/{id}", tag = "people", operation_id = "read_person",
    summary = "Một người, đã che | One person, masked",
    description = "Addresses by their ends, the name by its initials, the year of birth alone.", params(Id),
    responses((status = 200, description = "What is known", body = Object)))]
async fn read(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<axum::Json<Value>, Problem> {
    let person = seen(&state, &caller, id).await?;
    let dossier = dossier::find(&state.parts.db, &state.parts.seal, &person.reference).await?.ok_or_else(Problem::not_found)?;
    Ok(axum::Json(serde_json::to_value(dossier.veiled()).map_err(anyhow::Error::from)?))
}

#[utoipa::path(delete, path = "/people/{id}", tag = "people", operation_id = "erase_person",
    summary = "Xóa thông tin một người | Erase everything personal about somebody",
    description = "Counts stand, and refusals stay, by keyed hashes alone. It cannot be undone.", params(Id),
    responses((status = 204, description = "Forgotten")))]
async fn forget(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<StatusCode, Problem> {
    caller.needs(Right::WriteAudience)?;
    let person = seen(&state, &caller, id).await?;
    let now = state.parts.clock.millis();
    let erased = transaction!(state.parts.db, |tx| {
        let Some(erased) = erase_within(tx, &person.reference, &caller.actor.name, now).await? else { return Ok(None) };
        // The reference goes with the person.
        let told = json!({ "requests": erased.requests, "under_way": erased.under_way });
        audit::record(tx, &caller.actor, "person.erase", &subject(id), None, Some(&told), now).await?;
        Ok(Some(erased))
    })?;
    if erased.is_some() { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
