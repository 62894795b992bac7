//! The versions of a campaign: their list, one with its differences, an old one brought back, and the text as a file.

use axum::{
    extract::{self, Path, Query},
    response::Response,
};
use minijinja::{Value, context, value::Serde};
use serde::Deserialize;

use super::{
    show::{self, Decision},
    subject::Subject,
};
use crate::{
    edition::{self, Draft, Saved},
    phrase,
    web::{
        State,
        console::{
            difference,
            fault::Fault,
            form::Form,
            visitor::{Visitor, see_other},
            when,
        },
        download,
    },
};

pub(super) async fn list(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
) -> Result<Response, Fault> {
    let subject = Subject::of(&state, &visitor, &slug).await?;
    let versions = show::versions(&state, &subject, visitor.lang).await?;
    let decisions: Vec<Decision> = subject.submissions.iter().map(|one| Decision::of(one, visitor.lang)).collect();
    let values = context! {
        slug, title => title(&subject), versions => Value::from(Serde(&versions)), decisions => Value::from(Serde(&decisions)),
        provisioned => subject.is_provisioned(),
    };
    Ok(state.view(&visitor, "campaigns/versions", values))
}

fn title(subject: &Subject) -> String {
    let title = subject.source().map(|source| source.campaign.title.clone());
    title.or_else(|| subject.latest.as_ref().map(|latest| latest.title.clone())).unwrap_or_else(|| subject.slug.clone())
}

#[derive(Debug, Deserialize)]
pub(super) struct Against {
    /// The version that it is held against; none: the one in force, else the one before.
    against: Option<i64>,
}

pub(super) async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path((slug, version)): Path<(String, i64)>,
    Query(Against { against }): Query<Against>,
) -> Result<Response, Fault> {
    let subject = Subject::of(&state, &visitor, &slug).await?;
    let db = &state.parts.db;
    let edition = edition::get(db, &slug, version).await?.ok_or(Fault::NotFound)?;
    let earlier = subject.in_force.filter(|in_force| *in_force < version).unwrap_or(version - 1);
    let against = against.unwrap_or(earlier);
    let other = edition::get(db, &slug, against).await?;
    let (own, theirs) = (edition::attachments(db, &slug, version).await?, edition::attachments(db, &slug, against).await?);
    let files: Vec<Value> = own
        .keys()
        .chain(theirs.keys().filter(|name| !own.contains_key(*name)))
        .filter_map(|name| {
            let kind = match (theirs.get(name), own.get(name)) {
                (None, _) => "added",
                (_, None) => "removed",
                (old, new) if old != new => "changed",
                _ => return None,
            };
            Some(context! { name, kind })
        })
        .collect();
    let lines = difference::between(other.as_ref().map_or("", |other| other.text.as_str()), &edition.text);
    let decision = edition::standing_of(&subject.submissions, version).map(|one| Decision::of(one, visitor.lang));
    let values = context! {
        slug, title => title(&subject), number => version, against => other.as_ref().map(|other| other.version),
        by => &edition.made_name, at => when::moment(edition.at, visitor.lang), comment => &edition.comment,
        text => &edition.text, lines => Value::from(Serde(&lines)), files,
        names => own.into_keys().collect::<Vec<_>>(),
        in_force => subject.in_force, latest => subject.latest.as_ref().map(|latest| latest.version),
        decision => decision.map(|decision| Value::from(Serde(decision))),
        may_restore => subject.to_change(&visitor).is_ok_and(|latest| latest.version != version),
    };
    Ok(state.view(&visitor, "campaigns/version", values))
}

#[derive(Debug, Deserialize)]
pub(super) struct Restore {
    version: i64,
    base: i64,
}

/// Brings an old text back as the newest version: a draft like any other.
pub(super) async fn restore(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
    Form(Restore { version, base }): Form<Restore>,
) -> Result<Response, Fault> {
    let subject = Subject::of(&state, &visitor, &slug).await?;
    subject.to_change(&visitor)?;
    let old = edition::get(&state.parts.db, &slug, version).await?.ok_or(Fault::NotFound)?;
    visitor.sees(&old.owner)?;
    let comment = phrase!("Khôi phục bản {version}", "Version {version} brought back").text(visitor.lang).to_string();
    let draft = Draft { slug: &slug, text: &old.text, base, comment: &comment };
    match edition::save_draft(&state.parts.db, draft, &visitor.actor, state.parts.clock.millis()).await? {
        Saved::Done(new) => {
            visitor
                .flash(&phrase!("Đã khôi phục bản {version} thành bản {new}.", "Version {version} is version {new} now."))
                .await?;
            Ok(see_other(&format!("/campaigns/{slug}")))
        }
        Saved::Unchanged(_) => Ok(see_other(&format!("/campaigns/{slug}"))),
        Saved::Conflict(theirs) => Err(Fault::Conflict(phrase!(
            "{0} vừa lưu bản {1}. Hãy xem bản ấy trước.",
            "{0} has just saved version {1}. Look at that one first.",
            theirs.made_name,
            theirs.version
        ))),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    version: Option<i64>,
}

/// The text as a file, to be kept or put into `campaigns/`.
pub(super) async fn export(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
    Query(Which { version }): Query<Which>,
) -> Result<Response, Fault> {
    let subject = Subject::of(&state, &visitor, &slug).await?;
    let text = match version {
        Some(version) => edition::get(&state.parts.db, &slug, version).await?.map(|edition| edition.text),
        None => {
            subject.source().map(|source| source.text.clone()).or_else(|| subject.latest.as_ref().map(|one| one.text.clone()))
        }
    };
    let text = text.ok_or(Fault::NotFound)?;
    Ok(download::file("text/plain; charset=utf-8", &format!("{slug}.toml"), text))
}

/// A file that goes with the latest version.
pub(super) async fn file(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path((slug, name)): Path<(String, String)>,
    Query(Which { version }): Query<Which>,
) -> Result<Response, Fault> {
    let subject = Subject::of(&state, &visitor, &slug).await?;
    let version = version.or_else(|| subject.latest.as_ref().filter(|_| !subject.is_provisioned()).map(|latest| latest.version));
    let bytes = match version {
        Some(version) => edition::attachments(&state.parts.db, &slug, version).await?.remove(&name),
        None => subject.source().and_then(|source| source.attachments.get(&name).cloned()),
    };
    Ok(download::file("application/octet-stream", &name, bytes.ok_or(Fault::NotFound)?))
}
