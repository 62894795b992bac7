//! What people refuse: said for them by whoever took their word, and taken back.
//!
//! An address never stands in a URL or an answer: a person is known by their row's number, and the address is the one that the list has.

use axum::{extract, http::StatusCode};
use chrono::{DateTime, Utc};
use providers::Channel;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::{List, moment},
    caller::Caller,
    input::{Id, Json, Number, NumberAndName, at_most},
    people::{seen, subject},
    problem::Problem,
};
use crate::{
    audience::who::Listed,
    audit,
    consent::{self, Said, Standing},
    dossier, phrase, seal, transaction,
    user::Right,
    web::{Shared, State},
};

/// The `source` of what a program records.
const PROGRAM: &str = "api";

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list, refuse)).routes(routes!(take_back))
}

/// What is refused.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RefusalScope)]
enum Scope {
    /// Recurring advice; warnings still come.
    Awareness,
    /// Everything.
    All,
}

impl From<consent::Scope> for Scope {
    fn from(scope: consent::Scope) -> Self {
        match scope {
            consent::Scope::Awareness => Self::Awareness,
            consent::Scope::All => Self::All,
        }
    }
}

impl From<Scope> for consent::Scope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Awareness => Self::Awareness,
            Scope::All => Self::All,
        }
    }
}

/// By which way messages come.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Channel)]
enum Way {
    Sms,
    Email,
    Chat,
}

impl From<Way> for Channel {
    fn from(way: Way) -> Self {
        match way {
            Way::Sms => Self::Sms,
            Way::Email => Self::Email,
            Way::Chat => Self::Chat,
        }
    }
}

/// What one of a person's addresses refuses now.
#[derive(Debug, Serialize, ToSchema)]
struct Refusal {
    /// The channel of the address.
    channel: Way,
    /// What is refused until it is taken back.
    lasting: Option<Scope>,
    /// What is refused for a while.
    passing: Option<Scope>,
    /// Until when.
    passing_until: Option<DateTime<Utc>>,
}

/// A refusal to be recorded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Refuse {
    /// The channel whose address refuses.
    channel: Way,
    /// What it refuses.
    scope: Scope,
    /// It ends then by itself.
    #[schema(nullable = false)]
    until: Option<DateTime<Utc>>,
    /// How the person said it.
    #[serde(default)]
    #[schema(max_length = 500)]
    wording: String,
}

/// The keyed hash of a person's address on a channel; none: they have none there.
async fn address(state: &Shared, person: &Listed, channel: Channel) -> Result<Option<i64>, Problem> {
    let parts = &state.parts;
    let found = dossier::find(&parts.db, &parts.seal, &person.reference).await?.ok_or_else(Problem::not_found)?.person;
    let plain = match channel {
        Channel::Sms => found.phone,
        Channel::Email => found.email,
        Channel::Chat => found.chat,
    };
    Ok(plain.map(|plain| parts.seal.hash(seal::Kind::of(channel), &plain)))
}

#[utoipa::path(get, path = "/people/{id}/refusals", tag = "people", operation_id = "list_refusals",
    summary = "Lời từ chối của một người | What somebody refuses", params(Id),
    responses((status = 200, description = "Of each address that refuses something", body = List<Refusal>)))]
async fn list(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<List<Refusal>, Problem> {
    let person = seen(&state, &caller, id).await?;
    let now = state.parts.clock.millis();
    let mut refusals = Vec::new();
    for way in [Way::Sms, Way::Email, Way::Chat] {
        let Some(hash) = address(&state, &person, way.into()).await? else { continue };
        let standing = consent::standing(&state.parts.db, way.into(), &[hash]).await?;
        let Some(Standing { lasting, passing }) = standing.into_values().next() else { continue };
        let passing = passing.filter(|(_, until)| *until > now);
        if lasting.is_some() || passing.is_some() {
            refusals.push(Refusal {
                channel: way,
                lasting: lasting.map(Scope::from),
                passing: passing.map(|(scope, _)| scope.into()),
                passing_until: passing.map(|(_, until)| moment(until)),
            });
        }
    }
    Ok(List::whole(refusals))
}

fn no_address(pointer: &str) -> Problem {
    Problem::field(pointer, phrase!("người này không có địa chỉ trên kênh ấy", "this person has no address on that channel"))
}

#[utoipa::path(post, path = "/people/{id}/refusals", tag = "people", operation_id = "record_refusal",
    summary = "Ghi lời từ chối | Record a refusal", description = "It holds at once, also for runs that are being sent.",
    params(Id), request_body = Refuse,
    responses((status = 204, description = "It is recorded")))]
async fn refuse(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
    Json(refuse): Json<Refuse>,
) -> Result<StatusCode, Problem> {
    caller.needs(Right::WriteAudience)?;
    let person = seen(&state, &caller, id).await?;
    let (channel, now) = (Channel::from(refuse.channel), state.parts.clock.millis());
    let until = refuse.until.map(|until| until.timestamp_millis());
    if until.is_some_and(|until| until <= now) {
        return Err(Problem::field("/until", phrase!("lúc đó đã qua", "that moment is over")));
    }
    at_most("/wording", &refuse.wording, 500)?;
    let hash = address(&state, &person, channel).await?.ok_or_else(|| no_address("/channel"))?;
    let scope = consent::Scope::from(refuse.scope);
    let said = Said { source: PROGRAM, wording: refuse.wording.trim(), at: now };
    let told = json!({ "channel": channel.name(), "scope": scope.name(), "until": until });
    transaction!(state.parts.db, |tx| {
        match until {
            Some(until) => consent::pause(tx, channel, hash, scope, until, said).await?,
            None => consent::refuse(tx, channel, hash, scope, said).await?,
        };
        audit::record(tx, &caller.actor, "person.refusal", &subject(id), None, Some(&told), now).await
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// A person's number and a channel.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes parameters")]
struct Of {
    /// The row's number.
    #[param(minimum = 1)]
    id: i64,
    /// The channel.
    #[param(inline)]
    channel: Way,
}

#[utoipa::path(delete, path = "/people/{id}/refusals/{channel}", tag = "people", operation_id = "take_refusal_back",
    summary = "Ghi nhận nhận tin trở lại | Record that somebody takes messages again",
    description = "Only at the person's own word.", params(Of),
    responses((status = 204, description = "Nothing is refused on this channel any more")))]
async fn take_back(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    NumberAndName(id, name): NumberAndName,
) -> Result<StatusCode, Problem> {
    caller.needs(Right::WriteAudience)?;
    let person = seen(&state, &caller, id).await?;
    let channel = Channel::ALL.into_iter().find(|channel| channel.name() == name).ok_or_else(Problem::not_found)?;
    let hash = address(&state, &person, channel).await?.ok_or_else(Problem::not_found)?;
    let now = state.parts.clock.millis();
    let told = json!({ "channel": channel.name(), "scope": null });
    transaction!(state.parts.db, |tx| {
        consent::take_back(tx, channel, hash, Said { source: PROGRAM, wording: "", at: now }).await?;
        audit::record(tx, &caller.actor, "person.refusal", &subject(id), None, Some(&told), now).await
    })?;
    Ok(StatusCode::NO_CONTENT)
}
