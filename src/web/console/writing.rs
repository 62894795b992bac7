//! Writing a campaign: a form over every key, the same as a file beside it, and what people will get of it while it is written.
//!
//! The document's text is all the state there is: it travels with the page, what was typed is put into it, and what is shown is read
//! from it again. So nothing typed is lost, whether it can be read or not, and a comment stays where somebody wrote it. Saving makes
//! a new version; a test goes out from here, before any approval. What can go wrong: mistakes, which stand beside their fields;
//! another's version in between, which is told.

mod preview;
pub(super) mod sheet;

use std::collections::BTreeSet;

use axum::{
    Router,
    extract::{self, Path},
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_SECURITY_POLICY, X_FRAME_OPTIONS},
    },
    response::{Html, IntoResponse as _, Response},
    routing::{get, post},
};
use minijinja::{Value, context};

use self::sheet::Sheet;
use super::{
    Named,
    fault::Fault,
    form::Fields,
    visitor::{Visitor, see_other},
};
use crate::{
    audience::{list, who},
    campaign::{self, Library, Source, form},
    document::{Problem, Problems, form::Written, is_slug},
    edition::{self, Draft, Edition, Head, Owners, Saved},
    message::{TemplateFault, Templates},
    phrase,
    run::{self, RunError},
    user::Right,
    web::{Shared, State},
    words::Phrase,
};

pub(super) const TEMPLATES: &[Named] = &[
    ("campaigns/form", include_str!("../templates/console/campaigns/form.html")),
    ("campaigns/preview", include_str!("../templates/console/campaigns/preview.html")),
    ("campaigns/preview_part", r#"{% include "campaigns/preview" %}"#),
];

pub(super) const SCRIPTS: &[Named] = &[("writing.js", include_str!("../templates/console/writing.js"))];

/// The longest word on a version, in characters.
const COMMENT_LIMIT: usize = 500;

/// People that one test goes to.
const TEST_PEOPLE: usize = 5;

/// A mail may look as it does, and do nothing.
const MAIL_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox",
);

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/campaigns/new", get(new_page).post(write_new))
        .route("/campaigns/preview", post(show_preview))
        .route("/campaigns/preview/{mail}", get(show_mail))
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
    act(&state, &visitor, work, &fields).await
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
    act(&state, &visitor, work, &fields).await
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

async fn library(state: &Shared) -> Result<std::sync::Arc<Library>, Fault> {
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

/// Does what the pressed button says.
async fn act(state: &Shared, visitor: &Visitor, mut work: Work, fields: &Fields) -> Result<Response, Fault> {
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
                Ok(source) if !unwritten => test(state, visitor, work, said, &source, &library).await,
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

/// Sends what is written to a few people of the list: a run that counts in no figure and needs no approval.
async fn test(
    state: &Shared,
    visitor: &Visitor,
    work: Work,
    mut said: Said,
    source: &Source,
    library: &Library,
) -> Result<Response, Fault> {
    visitor.needs(Right::Run)?;
    visitor.sees(&source.campaign.owner)?;
    let db = &state.parts.db;
    let refs: Vec<String> = work
        .to
        .split([',', ';', ' ', '\n'])
        .map(str::trim)
        .filter(|one| !one.is_empty())
        .map(str::to_string)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    if refs.is_empty() {
        said.own.push(("to", phrase!("ghi mã người nhận của chính bạn trong danh sách", "give your own reference in the list")));
    } else if refs.len() > TEST_PEOPLE {
        said.own
            .push(("to", phrase!("gửi thử cho nhiều nhất {TEST_PEOPLE} người", "a test goes to {TEST_PEOPLE} people at most")));
    }
    // Whoever is on a list of another department is not there.
    let owners = list::owners(db).await?;
    for one in refs.iter().take(TEST_PEOPLE) {
        let found = who::reference(db, one).await?;
        if !found.is_some_and(|found| found.active && visitor.user.departments.sees(owners.of(&found.source))) {
            // An address does not belong on a page, nor in a log: it is not repeated.
            said.own.push((
                "to",
                phrase!("không có người nhận mang mã này trong danh sách", "the list has nobody with this reference"),
            ));
            break;
        }
    }
    if !said.own.is_empty() {
        return show(state, visitor, StatusCode::UNPROCESSABLE_ENTITY, work, said).await;
    }
    let (segments, by) = (&library.segments_text, Some((&visitor.actor, "campaign.test")));
    let asked = run::make::Asked { source, segments, recipients: &refs, once: None, by };
    let run = match run::make::asked(db, &asked, &state.parts.holidays, state.parts.clock.now()).await {
        Ok(run) => run,
        Err(RunError::Db(error)) => return Err(error.into()),
        Err(other) => return Err(Fault::Invalid(Phrase::from(other.to_string()))),
    };
    state.parts.active.refresh().await?;
    state.parts.work.notify_waiters();
    let words = phrase!("Đang gửi thử (đợt {run}) cho {0} người.", "A test (run {run}) is on its way to {0} people.", refs.len());
    visitor.flash(&words).await?;
    Ok(see_other(&format!("/runs/{run}")))
}

/// What people will get, as a part of a page: for the script that asks while somebody types.
async fn show_preview(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteCampaigns)?;
    let slug = fields.get("slug").to_string();
    // A campaign's files are its readers' alone.
    let attachments = match edition::latest(&state.parts.db, &slug).await? {
        Some(latest) if visitor.user.departments.sees(&latest.owner) => {
            edition::attachments(&state.parts.db, &slug, latest.version).await?
        }
        _ => std::collections::BTreeMap::new(),
    };
    let mut work = typed_work(&fields, slug, campaign::Sheet { text: String::new(), attachments });
    if work.sheet.text.len() > edition::TEXT_LIMIT {
        return Err(Fault::TooLarge(phrase!("Chiến dịch quá dài.", "The campaign is too long.")));
    }
    take_in(&mut work, &fields, &mut Said::default());
    let library = library(&state).await?;
    let values = looked(&state, &visitor, &work, &library, preview::PART).await;
    let all = context! { lang => visitor.lang.pick("vi", "en"), look => values };
    let html = state.pages.render("campaigns/preview_part", all).map_err(anyhow::Error::from)?;
    Ok(Html(html).into_response())
}

async fn looked(state: &Shared, visitor: &Visitor, work: &Work, library: &Library, patience: std::time::Duration) -> Value {
    let slug = if is_slug(&work.slug) { work.slug.as_str() } else { "moi" };
    let subject = preview::Subject { slug, sheet: &work.sheet, at: work.at, library };
    preview::values(state, visitor, &subject, patience).await
}

/// A mail that was just shown, in a frame that may do nothing.
async fn show_mail(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Response, Fault> {
    let found = mail::get(&state.parts.db, visitor.user.id, &name, state.parts.clock.millis()).await?;
    let html = found.ok_or(Fault::NotFound)?;
    let headers = [(CONTENT_SECURITY_POLICY, MAIL_POLICY), (X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"))];
    Ok((headers, Html(html)).into_response())
}

async fn show(state: &Shared, visitor: &Visitor, status: StatusCode, work: Work, said: Said) -> Result<Response, Fault> {
    let lang = visitor.lang;
    let library = library(state).await?;
    let (form, no_form) = match form::of(&work.sheet.text) {
        Ok(form) => (form, None),
        Err(no) => (crate::document::form::Form::default(), Some(no.0)),
    };
    let as_text = work.as_text || no_form.is_some();
    let mut sheet = Sheet::new(form, said.written.as_ref().filter(|_| !as_text), lang);
    for problem in &said.problems {
        let field = if as_text { "text".to_string() } else { sheet.form().place(&problem.path).unwrap_or_default() };
        let at = problem.line;
        let told = if as_text && at > 0 { phrase!("dòng {at}: ", "line {at}: ") } else { Phrase::default() };
        let told = Phrase { vi: told.vi + &problem.message.vi, en: told.en + &problem.message.en };
        sheet.refuse(&field, &told, problem.help.as_ref(), lang);
    }
    for (field, wrong) in &said.own {
        sheet.refuse(field, wrong, None, lang);
    }
    let owners = Owners::read(&state.parts.db).await?;
    let seen = || library.segments.iter().filter(|segment| owners.shows(&visitor.user.departments, &segment.slug));
    sheet.known = seen().map(|segment| segment.slug.clone()).collect();
    let segments: Vec<Value> =
        seen().map(|segment| context! { value => &segment.slug, label => &segment.title, why => &segment.slug }).collect();
    let departments: Vec<String> = crate::user::departments(&state.parts.db).await?.into_iter().map(|one| one.name).collect();
    let departments: Vec<String> = departments.into_iter().filter(|name| visitor.user.departments.sees(name)).collect();
    let templates: BTreeSet<&str> = state
        .parts
        .config
        .accounts
        .iter()
        .flat_map(|account| &account.templates)
        .map(|template| template.name.as_str())
        .collect();
    let served = |channel: Channel| state.parts.config.accounts.iter().any(|account| account.channel == channel);
    let unserved: Vec<&str> = [Channel::Sms, Channel::Chat, Channel::Email]
        .into_iter()
        .filter(|channel| !served(*channel))
        .map(Channel::name)
        .collect();
    let look = looked(state, visitor, &work, &library, preview::PAGE).await;
    let count = sheet.form().rows.get("message").copied().unwrap_or_default();
    let values = context! {
        slug => &work.slug,
        base => work.base,
        is_new => work.is_new,
        text => &work.sheet.text,
        as_text => as_text,
        no_form => no_form.map(|why| why.text(lang).to_string()),
        errors => sheet.errors(),
        form => Value::from_object(sheet),
        count => count,
        at => work.at.min(count.saturating_sub(1)),
        to => &work.to,
        comment => &work.comment,
        segments => segments,
        departments => departments,
        unserved => unserved,
        templates => Value::from_iter(templates),
        files => work.sheet.attachments.keys().map(String::as_str).collect::<Value>(),
        may_test => visitor.can(Right::Run),
        conflict => said.conflict.as_ref().map(|theirs| context! { version => theirs.version, by => &theirs.made_name, at => super::when::moment(theirs.at, lang) }),
        look => look,
        looked => said.looked,
    };
    Ok(state.view_as(status, visitor, "campaigns/form", values))
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
