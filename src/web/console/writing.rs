//! Writing a campaign: a form over every key, the same as a file beside it, and what people will get of it while it is written.
//!
//! The document's text is all the state there is: it travels with the page, what was typed is put into it, and what is shown is read
//! from it again. So nothing typed is lost, whether it can be read or not, and a comment stays where somebody wrote it. Saving makes
//! a new version; a test goes out from here, before any approval. What can go wrong: mistakes, which stand beside their fields;
//! another's version in between, which is told.

mod page;
mod press;
mod preview;
pub(super) mod sheet;
mod trial;

use std::sync::Arc;

use axum::{
    Router,
    extract::{self, Path},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};

pub(super) use self::preview::cards;
use self::{page::show, press::press};
use super::{Named, fault::Fault, form::Fields, visitor::Visitor};
use crate::{
    campaign::{self, Library, form},
    document::{Problem, form::Written, is_slug},
    edition::{self, Edition},
    phrase,
    user::Right,
    web::{Shared, State},
    words::Phrase,
};

pub(super) const TEMPLATES: &[Named] = &[
    ("campaigns/form", include_str!("../templates/console/campaigns/form.html")),
    ("campaigns/cards", include_str!("../templates/console/campaigns/cards.html")),
    ("campaigns/preview", include_str!("../templates/console/campaigns/preview.html")),
    ("campaigns/preview_part", r#"{% include "campaigns/preview" %}"#),
];

pub(super) const SCRIPTS: &[Named] = &[("writing.js", include_str!("../templates/console/writing.js"))];

/// The longest word on a version, in characters.
const COMMENT_LIMIT: usize = 500;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/campaigns/new", get(new_page).post(write_new))
        .route("/campaigns/preview", post(preview::show))
        .route("/campaigns/preview/{mail}", get(preview::show_mail))
        .route("/campaigns/{slug}/edit", get(edit_page).post(write_on))
}

/// What is being written.
struct Work {
    /// Empty: a new campaign, whose name is not chosen yet.
    slug: String,
    /// The version that the writer saw; 0: none.
    base: i64,
    /// Whether the campaign exists.
    is_new: bool,
    sheet: campaign::Sheet,
    /// Whether the form or the text is shown.
    as_text: bool,
    /// Which message is looked at.
    at: usize,
    /// Whom a test goes to.
    to: String,
    /// What they say to it.
    comment: String,
}

/// A page with what is to be said on it.
#[derive(Default)]
struct Said {
    written: Option<Written>,
    problems: Vec<Problem>,
    /// About fields that are in no document: the name, the people of a test.
    own: Vec<(&'static str, Phrase)>,
    /// Somebody else's version.
    conflict: Option<Edition>,
    looked: bool,
}

async fn new_page(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    visitor.needs(Right::WriteCampaigns)?;
    let owner = own_department(&visitor);
    let work = Work {
        slug: String::new(),
        base: 0,
        is_new: true,
        sheet: campaign::Sheet { text: form::blank(&owner), ..campaign::Sheet::default() },
        as_text: false,
        at: 0,
        to: String::new(),
        comment: String::new(),
    };
    show(&state, &visitor, StatusCode::OK, work, Said::default()).await
}

async fn edit_page(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
) -> Result<Response, Fault> {
    let latest = to_edit(&state, &visitor, &slug).await?;
    let attachments = edition::attachments(&state.parts.db, &slug, latest.version).await?;
    let library = library(&state).await?;
    let work = Work {
        base: latest.version,
        is_new: false,
        sheet: campaign::Sheet { text: latest.text, attachments },
        slug,
        as_text: false,
        at: 0,
        to: String::new(),
        comment: String::new(),
    };
    let said = Said { problems: library.source(&work.slug, &work.sheet).err().unwrap_or_default().0, ..Said::default() };
    show(&state, &visitor, StatusCode::OK, work, said).await
}

async fn write_new(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteCampaigns)?;
    let work = Work { is_new: true, ..typed_work(&fields, String::new(), campaign::Sheet::default()) };
    press(&state, &visitor, work, &fields).await
}

async fn write_on(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
    fields: Fields,
) -> Result<Response, Fault> {
    let latest = to_edit(&state, &visitor, &slug).await?;
    let attachments = edition::attachments(&state.parts.db, &slug, latest.version).await?;
    let work = typed_work(&fields, slug, campaign::Sheet { text: String::new(), attachments });
    press(&state, &visitor, work, &fields).await
}

/// The console's latest version of a campaign that this person may write.
async fn to_edit(state: &Shared, visitor: &Visitor, slug: &str) -> Result<Edition, Fault> {
    visitor.needs(Right::WriteCampaigns)?;
    if !is_slug(slug) {
        return Err(Fault::NotFound);
    }
    let library = library(state).await?;
    let latest = edition::latest(&state.parts.db, slug).await?;
    let owners =
        latest.iter().map(|latest| &latest.owner).chain(library.campaigns.get(slug).map(|source| &source.campaign.owner));
    for owner in owners {
        visitor.sees(owner)?;
    }
    if library.is_provisioned(slug) {
        return Err(Fault::Conflict(phrase!(
            "Chiến dịch này do tệp {slug}.toml trên máy chủ quy định: chỉ sửa được ở đó. Có thể tạo bản sao để sửa.",
            "This campaign is defined by the file {slug}.toml on the server: it can only be changed there. A copy of it can be edited."
        )));
    }
    latest.ok_or(Fault::NotFound)
}

async fn library(state: &Shared) -> Result<Arc<Library>, Fault> {
    Ok(state.parts.shelf.library(&state.parts.db).await?)
}

/// The department in whose name somebody writes.
fn own_department(visitor: &Visitor) -> String {
    visitor.user.departments.names().next().unwrap_or_default().to_string()
}

fn typed_work(fields: &Fields, slug: String, sheet: campaign::Sheet) -> Work {
    let text = fields.raw("text").replace("\r\n", "\n");
    Work {
        slug: if slug.is_empty() { fields.get("slug").to_string() } else { slug },
        base: fields.get("base").parse().unwrap_or(0),
        is_new: false,
        sheet: campaign::Sheet { text, ..sheet },
        as_text: fields.get("view") == "text",
        at: fields.get("look-at").parse().unwrap_or(0),
        to: fields.get("to").to_string(),
        comment: fields.get("comment").chars().take(COMMENT_LIMIT).collect(),
    }
}

/// Puts what was typed into the document: nothing to do where the document itself was typed.
fn take_in(work: &mut Work, fields: &Fields, said: &mut Said) {
    if work.as_text {
        return;
    }
    match form::typed(&work.sheet.text, &fields.iter().collect()) {
        Ok(written) => {
            work.sheet.text.clone_from(&written.text);
            said.written = Some(written);
        }
        // Only a page that was tampered with sends a form over a text that has none.
        Err(_) => work.as_text = true,
    }
}

/// A title as a name: `Nhận diện lừa đảo` is `nhan-dien-lua-dao`.
pub(super) fn slug_of(title: &str) -> String {
    let plain = providers::text::unaccented(title).to_lowercase();
    let mut slug = String::new();
    for c in plain.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(60);
    slug.trim_end_matches('-').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_makes_a_name() {
        assert_eq!(slug_of("Nhận diện: lừa đảo — Đợt 2!"), "nhan-dien-lua-dao-dot-2");
        assert_eq!(slug_of("…"), "");
        assert!(is_slug(&slug_of(&"dài ".repeat(40))));
    }
}
