//! A TOML that was pasted or uploaded becomes a draft, or the next version of the campaign that has its name.

use axum::{extract, http::StatusCode, response::Response};
use minijinja::context;

use super::change::{newer, read, told};
use crate::{
    campaign::Sheet,
    edition::{self, Draft, Head, Saved},
    phrase,
    user::Right,
    web::{
        State,
        console::{
            fault::Fault,
            form::Upload,
            visitor::{Visitor, see_other},
        },
    },
    words::Phrase,
};

pub(super) async fn page(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    visitor.needs(Right::WriteCampaigns)?;
    let none: [&str; 0] = [];
    let values = context! { slug => "", text => "", slug_error => "", text_error => "", problems => none };
    Ok(state.view(&visitor, "campaigns/import", values))
}

/// A TOML that was pasted or uploaded becomes a draft. One that exists is a new version of it, if the form says so.
pub(super) async fn take(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    upload: Upload,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteCampaigns)?;
    let (db, now, lang) = (&state.parts.db, state.parts.clock.millis(), visitor.lang);
    let mut slug = upload.fields.get("slug").to_string();
    let mut text = upload.fields.raw("text").replace("\r\n", "\n");
    let mut text_error: Option<Phrase> = None;
    if let Some(file) = upload.files.iter().find(|file| file.field == "file") {
        if slug.is_empty() {
            slug = file.name.rsplit(['/', '\\']).next().unwrap_or_default().trim_end_matches(".toml").to_string();
        }
        match read(file, edition::TEXT_LIMIT as u64).map(String::from_utf8) {
            Some(Ok(read)) => text = read.trim_start_matches('\u{feff}').to_string(),
            Some(Err(_)) => {
                text_error = Some(phrase!(
                    "tệp không phải UTF-8: lưu lại với bảng mã UTF-8",
                    "the file is not UTF-8: save it again as UTF-8"
                ));
            }
            None => text_error = Some(phrase!("tệp quá lớn: nhiều nhất 256 KiB", "the file is too large: at most 256 KiB")),
        }
    }
    let library = state.parts.shelf.library(db).await?;
    let mut slug_error = edition::check_slug(&library, &slug).err();
    let latest = if slug_error.is_none() { edition::latest(db, &slug).await? } else { None };
    if let Some(latest) = &latest {
        visitor
            .sees(&latest.owner)
            .map_err(|_| Fault::Conflict(phrase!("đã có chiến dịch mang mã này", "this name is taken")))?;
        let version = latest.version;
        // The version that the page told of; what came since then was seen by nobody who ticks the box.
        let told: Option<i64> = upload.fields.get("base").parse().ok();
        if upload.fields.has("replace") && told.is_some_and(|told| told != version) {
            let name = &latest.made_name;
            slug_error = Some(phrase!(
                "{name} vừa lưu bản {version}: xem bản ấy trước; nhập lần nữa thì bản của bạn thay bản ấy",
                "{name} has just saved version {version}: look at it first; imported once more, yours replaces it"
            ));
        } else if !upload.fields.has("replace") {
            slug_error = Some(phrase!(
                "đã có chiến dịch này (bản {version}): đánh dấu ô bên dưới để lưu thành bản mới",
                "there is one of this name (version {version}): tick the box below to save a new version"
            ));
        }
    }
    if text_error.is_none() && text.trim().is_empty() {
        text_error = Some(phrase!("dán nội dung TOML, hoặc chọn tệp", "paste the TOML, or choose a file"));
    }
    if text_error.is_none() && text.contains('\0') {
        text_error = Some(phrase!("nội dung có ký tự U+0000", "the text holds the character U+0000"));
    }
    if text_error.is_none() && text.len() > edition::TEXT_LIMIT {
        text_error = Some(phrase!("nội dung quá dài: nhiều nhất 256 KiB", "the text is too long: at most 256 KiB"));
    }
    let mut problems = Vec::new();
    if text_error.is_none() && slug_error.is_none() {
        if !visitor.user.departments.sees(&Head::of(&text, None).owner) {
            text_error = Some(phrase!(
                "`owner` là đơn vị khác: bạn không thuộc đơn vị ấy",
                "`owner` is a department that you do not belong to"
            ));
        } else if !upload.fields.has("unfinished") {
            let attachments = match &latest {
                Some(latest) => edition::attachments(db, &slug, latest.version).await?,
                None => std::collections::BTreeMap::new(),
            };
            if let Err(found) = library.source(&slug, &Sheet { text: text.clone(), attachments }) {
                problems = found.0.iter().map(|problem| told(problem, lang)).collect();
                text_error = Some(phrase!("nội dung còn lỗi", "the text has problems"));
            }
        }
    }
    if slug_error.is_some() || text_error.is_some() {
        let words = |error: Option<Phrase>| error.map(|words| words.capital().text(lang).to_string()).unwrap_or_default();
        let values = context! {
            slug, text, slug_error => words(slug_error), text_error => words(text_error), problems, known => latest.as_ref().map(|latest| latest.version),
            replace => upload.fields.has("replace"),
        };
        return Ok(state.view_as(StatusCode::UNPROCESSABLE_ENTITY, &visitor, "campaigns/import", values));
    }
    let base = latest.map_or(0, |latest| latest.version);
    let comment = phrase!("Nhập từ TOML", "Imported from TOML").text(lang).to_string();
    let draft = Draft { slug: &slug, text: &text, base, comment: &comment };
    match edition::save_draft(db, draft, &visitor.actor, now).await? {
        Saved::Done(version) => visitor.flash(&phrase!("Đã nhập thành bản {version}.", "Imported as version {version}.")).await?,
        Saved::Unchanged(version) => {
            visitor.flash(&phrase!("Nội dung giống hệt bản {version}.", "It is the same as version {version}.")).await?;
        }
        Saved::Conflict(theirs) => return Err(newer(&theirs.made_name, theirs.version)),
    }
    Ok(see_other(&format!("/campaigns/{slug}")))
}
