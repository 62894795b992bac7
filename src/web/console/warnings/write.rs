//! Steps 1 and 2: a pattern is chosen, its blanks and texts are filled in, and for whom. And the same page for a correction, whose people
//! and channels are given.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{self, Query},
    http::StatusCode,
    response::Response,
};
use chrono::NaiveDate;
use minijinja::{Value, context, value::Serde};
use serde::Deserialize;
use serde_json::json;

use super::{
    correct::Parent,
    typed::{CHANNELS, Mistake, Typed, read},
};
use crate::{
    audit,
    campaign::{
        Library,
        pattern::{self, Frame, Pattern},
    },
    edition::{self, Owners, Saved},
    phrase,
    run::{again, warning},
    transaction, user,
    user::Right,
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::Fields,
            visitor::{Visitor, see_other},
        },
    },
};

/// A pattern's name that means none.
const BLANK: &str = "blank";
/// Warnings not sent yet that the first page shows, and among how many of all departments they are looked for.
const BEGUN: usize = 20;
const LOOKED_THROUGH: i64 = 500;
/// Warnings that may begin from one pattern in one second.
const NAMES: usize = 20;

#[derive(Deserialize)]
pub(super) struct Asked {
    pattern: Option<String>,
}

pub(super) async fn new(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteCampaigns)?;
    let (patterns, broken) = Pattern::all(&state.parts.config.campaigns_dir);
    let Some(slug) = asked.pattern else {
        let choices: Vec<_> =
            patterns.iter().map(|one| json!({ "slug": one.slug, "title": one.title, "about": one.about })).collect();
        let broken: Vec<_> = broken.iter().map(|(slug, why)| json!({ "slug": slug, "why": why })).collect();
        let begun = warning::open(&state.parts.db, LOOKED_THROUGH).await?.into_iter();
        let seen = begun.filter(|one| visitor.user.departments.sees(&one.owner)).take(BEGUN);
        let open: Vec<_> = seen.map(|one| json!({ "slug": one.slug, "title": one.title, "at": one.at })).collect();
        return Ok(state.view(
            &visitor,
            "console/warnings/choose",
            context! { patterns => Value::from(Serde(&choices)), broken => Value::from(Serde(&broken)), open => Value::from(Serde(&open)) },
        ));
    };
    let library = state.parts.shelf.library(&state.parts.db).await?;
    let pattern = chosen(&patterns, &slug)?;
    let mut typed = Typed { channels: with_accounts(&state), owner: default_owner(&state, &visitor).await?, ..Typed::default() };
    if let Some(pattern) = pattern {
        typed.texts = pattern.text.clone();
        typed.values = pattern.defaults();
    }
    let all = library.segments.iter();
    typed.segments = all.filter(|segment| segment.slug == "toan-dan").map(|segment| segment.slug.clone()).collect();
    form(&state, &visitor, &library, pattern, None, &typed, &[]).await
}

/// The channels that some account serves: what is ticked to begin with. A message for any other would wait, and its run with it, until it
/// lapses.
fn with_accounts(state: &Shared) -> Vec<&'static str> {
    let served = |name: &&str| state.parts.accounts.all().iter().any(|account| account.config.channel.name() == *name);
    CHANNELS.into_iter().filter(served).collect()
}

/// The pattern of this name; none: a start from nothing.
fn chosen<'p>(patterns: &'p [Pattern], slug: &str) -> Result<Option<&'p Pattern>, Fault> {
    if slug == BLANK {
        return Ok(None);
    }
    patterns.iter().find(|pattern| pattern.slug == slug).map(Some).ok_or(Fault::NotFound)
}

/// The departments in whose name this visitor may write.
async fn owners(shared: &Shared, visitor: &Visitor) -> crate::db::Result<Vec<String>> {
    if !visitor.user.departments.is_everything() {
        return Ok(visitor.user.departments.names().map(str::to_string).collect());
    }
    Ok(user::departments(&shared.parts.db).await?.into_iter().map(|department| department.name).collect())
}

async fn default_owner(shared: &Shared, visitor: &Visitor) -> crate::db::Result<String> {
    let first = owners(shared, visitor).await?.into_iter().next();
    Ok(first.or_else(|| shared.parts.config.office.fields.get("name").cloned()).unwrap_or_default())
}

pub(super) async fn form(
    shared: &Shared,
    visitor: &Visitor,
    library: &Library,
    pattern: Option<&Pattern>,
    parent: Option<&Parent>,
    typed: &Typed,
    mistakes: &[Mistake],
) -> Result<Response, Fault> {
    let lang = visitor.lang;
    let blanks: Vec<_> = pattern
        .map_or(&[][..], |pattern| &pattern.blanks)
        .iter()
        .map(|blank| {
            json!({
                "name": blank.name, "label": blank.label, "hint": blank.hint, "max": blank.max,
                "value": typed.values.get(&blank.name).cloned().unwrap_or_default(),
            })
        })
        .collect();
    let own = Owners::read(&shared.parts.db).await?;
    let seen = library.segments.iter().filter(|segment| own.shows(&visitor.user.departments, &segment.slug));
    let segments: Vec<_> = seen.map(|segment| json!({ "value": segment.slug, "label": segment.title })).collect();
    let errors: BTreeMap<&str, &str> = mistakes.iter().rev().map(|one| (one.field.as_str(), one.text.as_str())).collect();
    let owners = owners(shared, visitor).await?;
    let status = if mistakes.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let title = pattern.map_or_else(|| lang.pick("Cảnh báo mới", "A new warning").to_string(), |pattern| pattern.title.clone());
    Ok(shared.view_as(
        status,
        visitor,
        "console/warnings/write",
        context! {
            pattern => pattern.map_or(BLANK, |pattern| &pattern.slug), title => title,
            about => pattern.map(|pattern| pattern.about.clone()),
            blanks => Value::from(Serde(&blanks)), texts => Value::from(Serde(&typed.texts)),
            segments => Value::from(Serde(&segments)), chosen_segments => typed.segments.clone(), channels => typed.channels.clone(),
            owners => owners, owner => typed.owner.clone(), number => typed.number.clone(), date => typed.date.clone(),
            errors => Value::from(Serde(&errors)), mistakes => Value::from(Serde(mistakes)),
            parent => parent.map(|parent| parent.id), parent_title => parent.map(|parent| parent.head.title.clone()),
            parent_people => parent.map(|parent| parent.people), parent_channels => parent.map(|parent| parent.channels.clone()),
            follow_hours => again::FOLLOWED.as_secs() / 3_600,
        },
    ))
}

pub(super) async fn make(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteCampaigns)?;
    let (patterns, _) = Pattern::all(&state.parts.config.campaigns_dir);
    let pattern = chosen(&patterns, fields.get("pattern"))?;
    let library = state.parts.shelf.library(&state.parts.db).await?;
    keep(&state, &visitor, &library, pattern, None, &fields).await
}

/// Keeps a draft, and the wish to send it when it is approved.
pub(super) async fn keep(
    shared: &Shared,
    visitor: &Visitor,
    library: &Arc<Library>,
    pattern: Option<&Pattern>,
    parent: Option<&Parent>,
    fields: &Fields,
) -> Result<Response, Fault> {
    let (typed, mut mistakes) = read(fields, pattern, parent, &library.segments, &with_accounts(shared), visitor.lang);
    if mistakes.is_empty() && parent.is_none() {
        visitor.sees(&typed.owner)?;
    }
    let now = shared.parts.clock.now();
    let texts = typed.texts.filled(&typed.values);
    let basis = typed.date.parse::<NaiveDate>().ok().map(|date| (typed.number.as_str(), date));
    let frame =
        Frame { owner: &typed.owner, segments: &typed.segments, channels: &typed.channels, basis, correction: parent.is_some() };
    let file = pattern::campaign(&frame, &texts);
    let stem = slug(pattern, parent, now);
    if mistakes.is_empty() {
        let sheet = crate::campaign::Sheet { text: file.clone(), attachments: BTreeMap::new() };
        if let Err(problems) = library.source(&stem, &sheet) {
            mistakes.extend(problems.0.iter().map(|problem| Mistake {
                field: field_of(&problem.message.en).to_string(),
                text: problem.message.text(visitor.lang).to_string(),
            }));
        }
    }
    if !mistakes.is_empty() {
        return form(shared, visitor, library, pattern, parent, &typed, &mistakes).await;
    }
    let (db, now) = (&shared.parts.db, now.timestamp_millis());
    let Some(slug) = saved(db, &stem, &file, visitor, now).await? else {
        return Err(Fault::Conflict(phrase!(
            "Quá nhiều cảnh báo cùng lúc. Hãy thử lại.",
            "Too many warnings at once. Please try again."
        )));
    };
    transaction!(db, |tx| {
        let parent = parent.map(|parent| parent.id);
        warning::ask(tx, &slug, pattern.map(|pattern| pattern.slug.as_str()), parent, &visitor.actor.name, now).await?;
        let after = json!({ "pattern": pattern.map(|pattern| &pattern.slug), "corrects": parent });
        audit::record(tx, &visitor.actor, "warning.write", &slug, None, Some(&after), now).await
    })?;
    Ok(see_other(&format!("/warnings/{slug}")))
}

/// Saves a draft under the first name that is free, or that already stands for this very text: the second click of the same second.
/// Another's of the same second keeps its name.
async fn saved(db: &crate::db::Db, stem: &str, file: &str, visitor: &Visitor, now: i64) -> crate::db::Result<Option<String>> {
    for nth in 1..=NAMES {
        let slug = if nth == 1 { stem.to_string() } else { format!("{stem}-{nth}") };
        match edition::save(db, &slug, file, 0, &visitor.actor, now).await? {
            Saved::Conflict(theirs) if theirs.text != file => {}
            Saved::Done(_) | Saved::Unchanged(_) | Saved::Conflict(_) => return Ok(Some(slug)),
        }
    }
    Ok(None)
}

/// A name of its own, to the second.
fn slug(pattern: Option<&Pattern>, parent: Option<&Parent>, now: chrono::DateTime<chrono::Utc>) -> String {
    let stamp = now.with_timezone(&chrono_tz::Asia::Ho_Chi_Minh).format("%y%m%d-%H%M%S");
    if let Some(parent) = parent {
        format!("dinh-chinh-{}-{stamp}", parent.id)
    } else {
        let name: String = pattern.map_or("moi", |pattern| pattern.slug.as_str()).chars().take(30).collect();
        format!("canh-bao-{}-{stamp}", name.trim_end_matches('-'))
    }
}

/// The field that a problem of the document is about, by the key that its words name.
fn field_of(words: &str) -> &'static str {
    ["subject", "body", "chat", "sms", "title", "segments"].into_iter().find(|name| words.contains(name)).unwrap_or("title")
}
