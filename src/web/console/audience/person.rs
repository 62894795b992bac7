//! `/people`: somebody is found by an exact number, address, reference or name, and their page shows what is known, masked. Plain it is
//! shown to whoever asks for it by a form of its own, which is recorded; what was searched for never stands in an address of a page.

mod erase;
mod word;

use axum::{
    Router, extract,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use minijinja::context;
use serde_json::{Value as Json, json};

use super::{Seen, requests::kinds, shown};
use crate::{
    audience::{
        place::Places,
        who::{self, Listed},
    },
    audit,
    dossier::{self, Dossier},
    request::label::{kind_words, state_words},
    transaction,
    user::Right,
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::Fields,
            visitor::{Visitor, see_other},
        },
        download,
    },
    words::Phrase,
};

/// Messages that the page shows.
const MESSAGES: usize = 100;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/people", get(ask).post(search))
        .route("/people/{id}", get(show))
        .route("/people/{id}/show", post(reveal))
        .route("/people/{id}/copy", post(copy))
        .route("/people/{id}/consent", post(word::agree))
        .route("/people/{id}/refusal", post(word::refuse))
        .route("/people/{id}/request", post(word::take_in))
        .route("/people/{id}/erase", get(erase::ask).post(erase::erase))
}

async fn ask(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    visitor.needs(Right::ReadPerson)?;
    Ok(state.view(&visitor, "people/search", context! { tab => "people" }))
}

async fn search(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadPerson)?;
    let text = fields.get("who");
    let seen = Seen::by(&state, &visitor).await?;
    let found = who::find(&state.parts.db, &state.parts.seal, text, &seen.hidden()).await?;
    if let [one] = &found[..] {
        return Ok(see_other(&format!("/people/{}", one.id)));
    }
    let places = Places::built_in();
    let lines: Vec<Json> = found
        .iter()
        .map(|one| {
            json!({
                "id": one.id, "reference": one.reference, "source": one.source, "active": one.active,
                "name": one.name.as_deref().map(initials),
                "area": one.area.as_deref().and_then(|area| places.full_name(area)),
            })
        })
        .collect();
    let status = if found.is_empty() { StatusCode::NOT_FOUND } else { StatusCode::OK };
    // What was typed is shown again to whoever typed it, and to nobody else: this page is the answer to a form.
    let values = context! { tab => "people", searched => true, who => text, found => shown(&lines), more => found.len() > 50 };
    Ok(state.view_as(status, &visitor, "people/search", values))
}

fn initials(name: &str) -> String {
    let first = |word: &str| word.chars().next().map(|letter| format!("{letter}."));
    name.split_whitespace().filter_map(first).collect::<Vec<_>>().join(" ")
}

/// The person of a number, if the visitor sees whoever is on their list.
async fn find(state: &Shared, visitor: &Visitor, id: i64) -> Result<Listed, Fault> {
    visitor.needs(Right::ReadPerson)?;
    let seen = Seen::by(state, visitor).await?;
    let person = who::number(&state.parts.db, id).await?.ok_or(Fault::NotFound)?;
    seen.list(&person.source)?;
    Ok(person)
}

async fn dossier(state: &Shared, person: &Listed) -> Result<Dossier, Fault> {
    dossier::find(&state.parts.db, &state.parts.seal, &person.reference).await?.ok_or(Fault::NotFound)
}

fn subject(id: i64) -> String {
    format!("person:{id}")
}

async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
) -> Result<Response, Fault> {
    let person = find(&state, &visitor, id).await?;
    let dossier = dossier(&state, &person).await?.veiled();
    Ok(page(&state, &visitor, &person, &dossier, false, None))
}

async fn reveal(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
    _: Fields,
) -> Result<Response, Fault> {
    let person = find(&state, &visitor, id).await?;
    let dossier = dossier(&state, &person).await?;
    record(&state, &visitor, "person.show", id, None).await?;
    Ok(page(&state, &visitor, &person, &dossier, true, None))
}

async fn record(state: &Shared, visitor: &Visitor, action: &str, id: i64, after: Option<&Json>) -> Result<(), Fault> {
    let now = state.parts.clock.millis();
    transaction!(state.parts.db, |tx| audit::record(tx, &visitor.actor, action, &subject(id), None, after, now).await)?;
    Ok(())
}

/// A form that is to be mended: what is wrong, and what was typed.
struct Wrong<'a> {
    field: &'a str,
    words: &'a Phrase,
    typed: &'a Fields,
}

fn page(
    state: &Shared,
    visitor: &Visitor,
    person: &Listed,
    dossier: &Dossier,
    plain: bool,
    wrong: Option<&Wrong<'_>>,
) -> Response {
    let lang = visitor.lang;
    let mut told = serde_json::to_value(dossier).unwrap_or_default();
    let messages = dossier.messages.len();
    if let Some(list) = told["messages"].as_array_mut() {
        list.truncate(MESSAGES);
    }
    for request in told["requests"].as_array_mut().into_iter().flatten() {
        let label = |words: Phrase| Json::from(words.text(lang));
        request["kind_label"] = label(kind_words(request["kind"].as_str().unwrap_or_default()));
        request["state_label"] = label(state_words(request["state"].as_str().unwrap_or_default()));
    }
    let kinds = kinds(lang);
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let errors: serde_json::Map<_, _> =
        wrong.iter().map(|wrong| (wrong.field.to_string(), Json::from(wrong.words.text(lang)))).collect();
    let mistakes: Vec<Json> = wrong.iter().map(|wrong| json!({ "field": wrong.field, "text": wrong.words.text(lang) })).collect();
    let typed: serde_json::Map<_, _> =
        wrong.iter().flat_map(|wrong| wrong.typed.iter()).map(|(name, value)| (name.to_string(), Json::from(value))).collect();
    let channels: Vec<String> = wrong.iter().flat_map(|wrong| wrong.typed.all("channel")).map(str::to_string).collect();
    let values = context! {
        tab => "people",
        id => person.id,
        plain,
        person => shown(&told["person"]),
        groups => shown(&told["groups"]),
        consents => shown(&told["consents"]),
        refusals => shown(&told["refusals"]),
        lists => shown(&told["lists"]),
        suppressions => shown(&told["suppressions"]),
        messages => shown(&told["messages"]),
        all_messages => messages,
        replies => shown(&told["replies"]),
        requests => shown(&told["requests"]),
        kinds => shown(&kinds),
        errors => shown(&errors),
        mistakes => shown(&mistakes),
        typed => shown(&typed),
        channels => shown(&channels),
        may_write => visitor.can(Right::WriteAudience),
    };
    state.view_as(status, visitor, "people/person", values)
}

/// The page again, with what is wrong with a form of it, and what was typed into that.
async fn again(
    state: &Shared,
    visitor: &Visitor,
    person: &Listed,
    typed: &Fields,
    field: &str,
    words: &Phrase,
) -> Result<Response, Fault> {
    let dossier = dossier(state, person).await?.veiled();
    Ok(page(state, visitor, person, &dossier, false, Some(&Wrong { field, words, typed })))
}

/// The copy that a person is entitled to, as a file.
async fn copy(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
    _: Fields,
) -> Result<Response, Fault> {
    let person = find(&state, &visitor, id).await?;
    let dossier = dossier(&state, &person).await?;
    let text = serde_json::to_string_pretty(&dossier).map_err(anyhow::Error::from)?;
    record(&state, &visitor, "person.copy", id, None).await?;
    Ok(download::file("application/json", &format!("ban-sao-{id}.json"), text))
}
