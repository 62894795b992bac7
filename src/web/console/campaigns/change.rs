//! What people do with a campaign: send it for approval, take that back, archive, clone, put files beside it.

use std::io::Read as _;

use axum::{
    extract::{self, Path},
    http::StatusCode,
    response::Response,
};
use minijinja::context;
use serde::Deserialize;

use super::{subject::Subject, texts};
use crate::{
    campaign::{ATTACHMENT_LIMIT, Campaign, Library, Sheet},
    document::Problem,
    edition::{self, Draft, Head, Owners, Saved, SubmitError},
    phrase,
    run::warning,
    transaction,
    user::Right,
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{Form, Upload},
            visitor::{Visitor, see_other},
        },
    },
    words::Lang,
};

#[derive(Debug, Deserialize)]
pub(super) struct Submit {
    version: i64,
    #[serde(default)]
    note: String,
}

/// Sends a version for approval.
pub(super) async fn submit(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
    Form(Submit { version, note }): Form<Submit>,
) -> Result<Response, Fault> {
    let subject = Subject::of(&state, &visitor, &slug).await?;
    let latest = subject.to_change(&visitor)?;
    if latest.version != version {
        return Err(newer(&latest.made_name, latest.version));
    }
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let source = edition::source(db, &subject.library, &slug, version).await.ok();
    if let Some(source) = &source {
        all_its_own(&state, &visitor, &subject.library, &source.campaign).await?;
    }
    if let Some(source) = &source
        && let Err(faults) = texts::messages(&state, source, None, visitor.lang)
    {
        let (more, first) = (faults.len(), faults.first().cloned().unwrap_or_default());
        return Err(Fault::Invalid(phrase!(
            "Chưa gửi phê duyệt được: còn {more} lỗi trong lời nhắn. {first}",
            "It cannot be submitted: {more} problem(s) in the texts. {first}"
        )));
    }
    let note: String = note.chars().take(2_000).collect();
    match edition::submit(db, &subject.library, subject.required, (&slug, version), &note, &visitor.actor, now).await {
        Ok(_) if subject.required => {
            visitor.flash(&phrase!("Đã gửi bản {version} để phê duyệt.", "Version {version} waits for approval.")).await?;
        }
        Ok(_) => visitor.flash(&phrase!("Bản {version} đã được áp dụng.", "Version {version} is in force.")).await?,
        Err(SubmitError::Waiting) => {
            visitor.warn(&phrase!("Bản này đang chờ phê duyệt.", "It waits for approval already.")).await?;
        }
        Err(SubmitError::Broken(problems)) => {
            let first = problems.0.first().map(|problem| told(problem, visitor.lang)).unwrap_or_default();
            let more = problems.len();
            return Err(Fault::Invalid(phrase!(
                "Chưa gửi phê duyệt được: còn {more} lỗi. {first}",
                "It cannot be submitted: {more} problem(s). {first}"
            )));
        }
        Err(SubmitError::Unknown(..)) => return Err(Fault::NotFound),
        Err(SubmitError::Archived) => return Err(archived()),
        Err(SubmitError::Provisioned) => return subject.to_change(&visitor).map(|_| see_other("/campaigns")),
        Err(SubmitError::Db(error)) => return Err(error.into()),
    }
    refresh(&state).await?;
    Ok(see_other(&format!("/campaigns/{slug}")))
}

/// A campaign goes to segments that its writer sees: another department's may change under it, or be told of by it.
pub(in crate::web::console) async fn all_its_own(
    state: &Shared,
    visitor: &Visitor,
    library: &Library,
    campaign: &Campaign,
) -> Result<(), Fault> {
    let owners = Owners::read(&state.parts.db).await?;
    match owners.hidden(&visitor.user.departments, library, campaign) {
        None => Ok(()),
        Some(segment) => Err(Fault::Invalid(phrase!(
            "Chưa gửi phê duyệt được: nhóm {segment} là của đơn vị khác.",
            "It cannot be submitted: the segment {segment} is another department's."
        ))),
    }
}

/// The library as it is from now on, for whatever asks next.
async fn refresh(state: &Shared) -> Result<(), Fault> {
    state.parts.shelf.look(&state.parts.db).await?;
    Ok(())
}

/// Why an archived campaign is not submitted.
pub(in crate::web::console) fn archived() -> Fault {
    Fault::Conflict(phrase!(
        "Chiến dịch đã lưu trữ: hãy bỏ lưu trữ trước khi gửi phê duyệt.",
        "The campaign is archived: take it out of the archive before you submit it."
    ))
}

pub(super) fn newer(name: &str, version: i64) -> Fault {
    Fault::Conflict(phrase!(
        "{name} vừa lưu bản {version}. Chưa có gì được thay đổi: hãy xem bản ấy trước.",
        "{name} has just saved version {version}. Nothing was changed: look at that one first."
    ))
}

#[derive(Debug, Deserialize)]
pub(super) struct Withdraw {
    submission: i64,
}

/// Takes back what waits.
pub(super) async fn withdraw(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
    Form(Withdraw { submission }): Form<Withdraw>,
) -> Result<Response, Fault> {
    let subject = Subject::of(&state, &visitor, &slug).await?;
    visitor.needs(Right::WriteCampaigns)?;
    if !subject.submissions.iter().any(|one| one.id == submission) {
        return Err(Fault::NotFound);
    }
    edition::withdraw(&state.parts.db, submission, &visitor.actor, state.parts.clock.millis())
        .await
        .map_err(super::super::approvals::refused)?;
    visitor.flash(&phrase!("Đã rút lại yêu cầu phê duyệt.", "Taken back.")).await?;
    Ok(see_other(&format!("/campaigns/{slug}")))
}

#[derive(Debug, Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn archive(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
    Form(Nothing {}): Form<Nothing>,
) -> Result<Response, Fault> {
    let subject = Subject::of(&state, &visitor, &slug).await?;
    subject.to_change(&visitor)?;
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    transaction!(db, |tx| {
        warning::forget(tx, &slug).await?;
        edition::archive(tx, &slug, &visitor.actor, now).await
    })?;
    refresh(&state).await?;
    visitor.flash(&phrase!("Đã lưu trữ: chiến dịch này không gửi nữa.", "Archived: this campaign sends no more.")).await?;
    Ok(see_other(&format!("/campaigns/{slug}")))
}

pub(super) async fn unarchive(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
    Form(Nothing {}): Form<Nothing>,
) -> Result<Response, Fault> {
    let subject = Subject::of(&state, &visitor, &slug).await?;
    subject.to_change(&visitor)?;
    edition::unarchive(&state.parts.db, &slug, &visitor.actor, state.parts.clock.millis()).await?;
    refresh(&state).await?;
    visitor.flash(&phrase!("Đã bỏ lưu trữ.", "Taken out of the archive.")).await?;
    Ok(see_other(&format!("/campaigns/{slug}")))
}

pub(super) async fn clone_page(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
) -> Result<Response, Fault> {
    let subject = Subject::of(&state, &visitor, &slug).await?;
    visitor.needs(Right::WriteCampaigns)?;
    let title = subject.source().map(|source| source.campaign.title.clone());
    let title = title.or_else(|| subject.latest.as_ref().map(|latest| latest.title.clone())).unwrap_or_default();
    let values = context! { slug => &slug, title, new_slug => format!("{slug}-2"), error => "" };
    Ok(state.view(&visitor, "campaigns/clone", values))
}

#[derive(Debug, Deserialize)]
pub(super) struct Clone {
    new_slug: String,
}

/// A copy under another name, with its files: a draft.
pub(super) async fn clone(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
    Form(Clone { new_slug }): Form<Clone>,
) -> Result<Response, Fault> {
    let subject = Subject::of(&state, &visitor, &slug).await?;
    visitor.needs(Right::WriteCampaigns)?;
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    // What is copied is the latest version, or the file.
    let sheet = match subject.latest.as_ref().filter(|_| !subject.is_provisioned()) {
        Some(latest) => edition::sheet(db, &slug, latest.version).await?,
        None => subject.source().map(|source| Sheet { text: source.text.clone(), attachments: source.attachments.clone() }),
    };
    let sheet = sheet.ok_or(Fault::NotFound)?;
    let new_slug = new_slug.trim().to_string();
    let taken = || phrase!("đã có chiến dịch mang mã này", "there is a campaign of this name already");
    let clash = match edition::check_slug(&subject.library, &new_slug) {
        Err(words) => Some(words),
        Ok(()) => edition::latest(db, &new_slug).await?.map(|_| taken()),
    };
    if let Some(words) = clash {
        let title = Head::of(&sheet.text, None).title;
        let values = context! { slug, title, new_slug, error => words.capital().text(visitor.lang) };
        return Ok(state.view_as(StatusCode::UNPROCESSABLE_ENTITY, &visitor, "campaigns/clone", values));
    }
    let comment = phrase!("Nhân bản từ {slug}", "Cloned from {slug}").text(visitor.lang).to_string();
    let draft = Draft { slug: &new_slug, text: &sheet.text, base: 0, comment: &comment };
    let mut version = match edition::save_draft(db, draft, &visitor.actor, now).await? {
        Saved::Done(version) | Saved::Unchanged(version) => version,
        Saved::Conflict(_) => return Err(Fault::Conflict(taken())),
    };
    for (name, bytes) in sheet.attachments.iter().filter(|(name, _)| edition::is_file_name(name)) {
        if let Saved::Done(next) = edition::attach(db, (&new_slug, version), name, bytes, &visitor.actor, now).await? {
            version = next;
        }
    }
    visitor.flash(&phrase!("Đã nhân bản thành {new_slug}.", "Cloned as {new_slug}.")).await?;
    Ok(see_other(&format!("/campaigns/{new_slug}")))
}

/// A file's bytes; none: it is larger than `most`, or cannot be read.
pub(super) fn read(file: &crate::web::console::form::File, most: u64) -> Option<Vec<u8>> {
    if file.size > most {
        return None;
    }
    let mut bytes = Vec::new();
    file.spooled.reopen().ok()?.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// A problem with its line, for a page.
pub(super) fn told(problem: &Problem, lang: Lang) -> String {
    let help = problem.help.as_ref().map(|help| format!(" ({})", help.text(lang))).unwrap_or_default();
    let place = if problem.line > 0 { format!("{} {}: ", lang.pick("dòng", "line"), problem.line) } else { String::new() };
    format!("{place}{}{help}", problem.message.text(lang))
}

/// Puts a file beside the campaign.
pub(super) async fn attach(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
    upload: Upload,
) -> Result<Response, Fault> {
    let subject = Subject::of(&state, &visitor, &slug).await?;
    subject.to_change(&visitor)?;
    let base: i64 = upload.fields.get("base").parse().unwrap_or(0);
    let Some(file) = upload.files.first() else {
        return Err(Fault::Invalid(phrase!("Hãy chọn một tệp.", "Please choose a file.")));
    };
    let name = file.name.rsplit(['/', '\\']).next().unwrap_or_default();
    if !edition::is_file_name(name) {
        return Err(Fault::Invalid(phrase!("Tên tệp có ký tự không dùng được.", "The file's name cannot be used.")));
    }
    let Some(bytes) = read(file, ATTACHMENT_LIMIT) else {
        return Err(Fault::TooLarge(phrase!("Tệp đính kèm nhiều nhất 5 MiB.", "An attachment has at most 5 MiB.")));
    };
    let saved = edition::attach(&state.parts.db, (&slug, base), name, &bytes, &visitor.actor, state.parts.clock.millis()).await?;
    changed(&visitor, &slug, saved).await
}

#[derive(Debug, Deserialize)]
pub(super) struct Detach {
    name: String,
    base: i64,
}

/// Takes a file away.
pub(super) async fn detach(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
    Form(Detach { name, base }): Form<Detach>,
) -> Result<Response, Fault> {
    let subject = Subject::of(&state, &visitor, &slug).await?;
    subject.to_change(&visitor)?;
    let saved = edition::detach(&state.parts.db, (&slug, base), &name, &visitor.actor, state.parts.clock.millis()).await?;
    changed(&visitor, &slug, saved).await
}

async fn changed(visitor: &Visitor, slug: &str, saved: Saved) -> Result<Response, Fault> {
    match saved {
        Saved::Conflict(theirs) => return Err(newer(&theirs.made_name, theirs.version)),
        Saved::Done(version) | Saved::Unchanged(version) => {
            visitor.flash(&phrase!("Đã lưu bản {version}.", "Version {version} is saved.")).await?;
        }
    }
    Ok(see_other(&format!("/campaigns/{slug}")))
}
