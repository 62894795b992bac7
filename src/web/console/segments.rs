//! Segments: who they mean, put together by a form, with a count that comes while one chooses.
//!
//! A segment of `segments.toml` is shown and read-only. One of the console is in force as soon as it is saved; campaigns that name it
//! then wait for approval again. It belongs to a department, for whose people alone it exists, or to all; what another department
//! goes by is not changed under it. As in [`super::writing`] the text is all the state there is. What can go wrong: mistakes, which stand
//! beside their fields; another's version in between; a condition that no form can show, which is edited as text.

mod count;
mod form;
mod write;

use std::sync::Arc;

use axum::{
    Router, extract,
    response::Response,
    routing::{get, post},
};
use minijinja::{Value, context};

use super::{Named, fault::Fault, form::Fields, visitor::Visitor};
use crate::{
    campaign::{Library, form as keys},
    document::{
        Problem,
        form::{self as fields, Written},
    },
    edition::{Owners, segments::is_of_file},
    user::Right,
    web::{Shared, State},
    words::Phrase,
};

pub(super) const TEMPLATES: &[Named] = &[
    ("segments/list", include_str!("../templates/console/segments/list.html")),
    ("segments/form", include_str!("../templates/console/segments/form.html")),
    ("segments/count", include_str!("../templates/console/segments/count.html")),
    ("segments/count_part", r#"{% include "segments/count" %}"#),
];

/// The longest table, in bytes.
const TEXT_LIMIT: usize = 64 * 1024;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/segments", get(list))
        .route("/segments/new", get(write::new_page).post(write::write_new))
        .route("/segments/count", post(count::show))
        .route("/segments/{slug}", get(write::page).post(write::write_on))
}

/// A segment that is being put together.
struct Work {
    slug: String,
    /// The version that the writer saw; 0: none.
    base: i64,
    is_new: bool,
    /// The department that owns it; empty: all do.
    owner: String,
    /// Its table, without the heading where the form shows it.
    body: String,
    as_text: bool,
    hand: Hand,
}

/// Whether a segment can be written here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hand {
    /// It can.
    Free,
    /// A file defines it, or its reader may write none.
    Fixed,
    /// Another department goes by it.
    Shared,
}

#[derive(Default)]
struct Said {
    written: Option<Written>,
    problems: Vec<Problem>,
    own: Vec<(String, Phrase)>,
    /// What was looked for, by its field, and the places that may be meant.
    search: Option<(String, String)>,
    offered: Vec<String>,
}

fn typed_work(typed: &Fields, slug: String) -> Work {
    Work {
        slug,
        base: typed.get("base").parse().unwrap_or(0),
        is_new: false,
        owner: typed.get("owner").to_string(),
        body: typed.raw("text").replace("\r\n", "\n"),
        as_text: typed.get("view") == "text",
        hand: Hand::Free,
    }
}

impl Work {
    /// Puts what was typed into the table.
    fn take_in(&mut self, typed: &Fields, said: &mut Said) {
        if self.as_text {
            return;
        }
        match fields::write(&self.body, keys::SEGMENT, &typed.iter().collect()) {
            Ok(written) => {
                self.body.clone_from(&written.text);
                said.written = Some(written);
            }
            Err(_) => self.as_text = true,
        }
    }

    /// The name that it is checked under.
    fn name(&self) -> &str {
        if self.slug.is_empty() { "moi" } else { &self.slug }
    }

    /// With its heading.
    fn text(&self) -> String {
        if self.as_text { self.body.clone() } else { keys::segment_text(self.name(), &self.body) }
    }
}

async fn list(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAudience)?;
    let (library, owners) = (library(&state).await?, Owners::read(&state.parts.db).await?);
    let rows: Vec<Value> = library
        .segments
        .iter()
        .filter(|segment| owners.shows(&visitor.user.departments, &segment.slug))
        .map(|segment| {
            context! {
                slug => &segment.slug, title => &segment.title, of_file => is_of_file(&library, &segment.slug),
                owner => owners.of(&segment.slug), users => users(&library, &owners, &visitor, &segment.slug),
            }
        })
        .collect();
    let values = context! { rows => rows, may_write => visitor.can(Right::WriteAudience) };
    Ok(state.view(&visitor, "segments/list", values))
}

/// Whether a visitor may know of what names a segment: what is another department's does not exist for them.
fn is_seen(library: &Library, owners: &Owners, visitor: &Visitor, user: &str) -> bool {
    let scope = &visitor.user.departments;
    match in_brackets(user) {
        Some(segment) => owners.shows(scope, segment),
        None => library.campaigns.get(user).is_none_or(|source| scope.sees(&source.campaign.owner)),
    }
}

/// Who names a segment: campaigns and other segments, with their addresses.
fn users(library: &Library, owners: &Owners, visitor: &Visitor, slug: &str) -> Vec<Value> {
    let named = library.users_of(slug).into_iter().filter(|user| is_seen(library, owners, visitor, user));
    named
        .map(|user| {
            if let Some(segment) = in_brackets(&user) {
                context! { href => format!("/segments/{segment}"), name => segment }
            } else {
                context! { href => format!("/campaigns/{user}"), name => user }
            }
        })
        .collect()
}

/// A segment's name, where a library says that a segment names another.
fn in_brackets(user: &str) -> Option<&str> {
    user.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
}

async fn library(state: &Shared) -> Result<Arc<Library>, Fault> {
    Ok(state.parts.shelf.library(&state.parts.db).await?)
}
