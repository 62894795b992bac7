//! What each button of the form does: messages and languages that come and go, the other view, saving, a test.

use axum::{http::StatusCode, response::Response};

use super::{Said, Work, library, page::show, slug_of, take_in, trial};
use crate::{
    campaign::{Library, Source, form},
    document::{Problem, Problems, is_slug},
    edition::{self, Draft, Head, Saved},
    message::{TemplateFault, Templates},
    phrase,
    web::{
        Shared,
        console::{
            fault::Fault,
            form::Fields,
            visitor::{Visitor, see_other},
        },
    },
};

/// Does what the pressed button says.
pub(super) async fn press(state: &Shared, visitor: &Visitor, mut work: Work, fields: &Fields) -> Result<Response, Fault> {
    let mut said = Said::default();
    if work.sheet.text.len() > edition::TEXT_LIMIT {
        return Err(Fault::TooLarge(phrase!("Chiến dịch quá dài.", "The campaign is too long.")));
    }
    take_in(&mut work, fields, &mut said);
    let library = library(state).await?;
    let (what, which) = fields.get("do").split_once(':').unwrap_or((fields.get("do"), ""));
    let at: usize = which.split(':').next().and_then(|at| at.parse().ok()).unwrap_or(0);
    let text = &work.sheet.text;
    let changed = match what {
        "add-message" => Some(form::add_message(text)),
        "copy-message" => Some(form::copy_message(text, at)),
        "remove-message" => Some(form::remove_message(text, at)),
        "add-language" => {
            let code = fields.get(&format!("language:{at}")).to_string();
            if is_language(&code) { Some(form::add_language(text, at, &code)) } else { Some(Ok(text.clone())) }
        }
        "remove-language" => which.split_once(':').map(|(_, code)| form::remove_language(text, at, code)),
        _ => None,
    };
    if let Some(changed) = changed {
        match changed {
            Ok(text) => work.sheet.text = text,
            Err(no) => return Err(Fault::Invalid(no.0)),
        }
        if let Some(written) = &mut said.written {
            // What could not be written stood in a row that may be gone.
            written.kept.clear();
            written.wrong.clear();
        }
        work.at = match what {
            "add-message" => form::of(&work.sheet.text).map_or(0, |form| form.rows["message"].saturating_sub(1)),
            "copy-message" => at + 1,
            _ => at,
        };
        return show(state, visitor, StatusCode::OK, work, said).await;
    }
    let found = match what {
        // Only what is to run, or is looked at as if it were, has all its texts tried out.
        "text" | "form" | "draft" => as_source(&library, &work),
        _ => problems_of(state, &library, &work),
    };
    let unwritten = said.written.as_ref().is_some_and(|written| !written.wrong.is_empty());
    match what {
        "text" => work.as_text = true,
        "form" => work.as_text = false,
        "save" | "draft" => {
            let whole = found.is_ok() && !unwritten;
            if let Err(problems) = &found {
                said.problems.clone_from(&problems.0);
            }
            if work.is_new {
                name_it(&mut work, &library, &mut said);
            }
            if unwritten || !said.own.is_empty() || (what == "save" && !whole) {
                return show(state, visitor, StatusCode::UNPROCESSABLE_ENTITY, work, said).await;
            }
            return save(state, visitor, work, said).await;
        }
        "test" => {
            return match found {
                Ok(source) if !unwritten => trial::send(state, visitor, work, said, &source, &library).await,
                Ok(_) => show(state, visitor, StatusCode::UNPROCESSABLE_ENTITY, work, said).await,
                Err(problems) => {
                    said.problems = problems.0;
                    show(state, visitor, StatusCode::UNPROCESSABLE_ENTITY, work, said).await
                }
            };
        }
        _ => said.looked = true,
    }
    if let Err(problems) = found {
        said.problems = problems.0;
    }
    show(state, visitor, StatusCode::OK, work, said).await
}

/// A new campaign's name in addresses: as typed, or made of its title.
fn name_it(work: &mut Work, library: &Library, said: &mut Said) {
    if work.slug.is_empty() {
        let title = form::of(&work.sheet.text).map(|form| form.text("title").to_string()).unwrap_or_default();
        work.slug = slug_of(&title);
    }
    if let Err(wrong) = edition::check_slug(library, &work.slug) {
        said.own.push(("slug", wrong));
    }
}

fn is_language(code: &str) -> bool {
    let mut parts = code.split('-');
    parts.next().is_some_and(|first| matches!(first.len(), 2..=3) && first.bytes().all(|b| b.is_ascii_lowercase()))
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// The campaign as it would run, or everything that is wrong with it but for its texts.
fn as_source(library: &Library, work: &Work) -> Result<Source, Problems> {
    library.source(if is_slug(&work.slug) { &work.slug } else { "moi" }, &work.sheet)
}

/// The campaign as it would run, or everything that is wrong with it and its texts.
fn problems_of(state: &Shared, library: &Library, work: &Work) -> Result<Source, Problems> {
    let source = as_source(library, work)?;
    let files = source.attachments.iter().map(|(name, bytes)| (name.clone(), bytes.clone().into())).collect();
    match Templates::compile(&source.campaign, &state.parts.config.office, None, &files) {
        Ok(_) => Ok(source),
        Err(faults) => Err(Problems(faults.iter().map(|fault| problem(&source, fault)).collect())),
    }
}

/// A text's fault at its path.
fn problem(source: &Source, fault: &TemplateFault) -> Problem {
    let messages = &source.campaign.messages;
    let at = messages.iter().position(|message| message.id == fault.message).unwrap_or(0);
    let code = fault.lang.as_ref().and_then(|lang| messages.get(at)?.lang.keys().find(|code| code.eq_ignore_ascii_case(lang)));
    let lang = code.map(|code| format!("lang.{code}.")).unwrap_or_default();
    let path = format!("message.{at}.{lang}{}", fault.field);
    let mut problem = Problem::of("", fault.text.clone());
    problem.path = path;
    problem.help.clone_from(&fault.help);
    problem
}

async fn save(state: &Shared, visitor: &Visitor, mut work: Work, mut said: Said) -> Result<Response, Fault> {
    let owner = Head::of(&work.sheet.text, None).owner;
    if !visitor.user.departments.sees(&owner) {
        let wrong = phrase!(
            "bạn không thuộc đơn vị “{owner}”: chọn một đơn vị của mình",
            "you do not belong to “{owner}”: choose a department of yours"
        );
        said.own.push(("owner", wrong));
        return show(state, visitor, StatusCode::UNPROCESSABLE_ENTITY, work, said).await;
    }
    let draft = Draft { slug: &work.slug, text: &work.sheet.text, base: work.base, comment: &work.comment };
    match edition::save_draft(&state.parts.db, draft, &visitor.actor, state.parts.clock.millis()).await? {
        Saved::Done(version) => {
            let words = phrase!("Đã lưu phiên bản {version}.", "Version {version} was saved.");
            visitor.flash(&words).await?;
            Ok(see_other(&format!("/campaigns/{}", work.slug)))
        }
        Saved::Unchanged(_) => {
            visitor.flash(&phrase!("Không có gì thay đổi.", "Nothing was changed.")).await?;
            Ok(see_other(&format!("/campaigns/{}", work.slug)))
        }
        Saved::Conflict(theirs) => {
            if !work.is_new {
                visitor.sees(&theirs.owner)?;
            }
            if work.is_new {
                said.own.push(("slug", phrase!("đã có chiến dịch mang mã này", "there is a campaign of this name already")));
            } else {
                // Saved once more, what stands here goes on top of theirs: by then its writer has been told.
                work.base = theirs.version;
                said.conflict = Some(*theirs);
            }
            show(state, visitor, StatusCode::CONFLICT, work, said).await
        }
    }
}
