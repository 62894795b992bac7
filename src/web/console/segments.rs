//! Segments: who they mean, put together by a form, with a count that comes while one chooses.
//!
//! A segment of `segments.toml` is shown and read-only. One of the console is in force as soon as it is saved; campaigns that name it
//! then wait for approval again. As in [`super::writing`] the text is all the state there is. What can go wrong: mistakes, which stand beside
//! their fields; another's version in between; a condition that no form can show, which is edited as text.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{self, Path, Query},
    http::StatusCode,
    response::{Html, IntoResponse as _, Response},
    routing::{get, post},
};
use minijinja::{Value, context};
use serde::Deserialize;

use super::{
    Named,
    desk::Reading,
    fault::Fault,
    form::Fields,
    visitor::{Visitor, see_other},
    when,
    writing::{sheet::Sheet, slug_of},
};
use crate::{
    audience::{
        place::{Found, Places},
        segment::compile,
    },
    campaign::{Library, Segment, form},
    db::Sql,
    document::{
        form::{self as fields, Form, NoForm, Written},
        is_slug,
    },
    edition::segments::{self as editions, Saved, is_of_file},
    on, phrase,
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

/// How long a page waits for a count that nearly is there; and a part of a page that a script asks for.
const PAGE: Duration = Duration::from_millis(20);
const PART: Duration = Duration::from_millis(250);
/// Places that a name may mean, as far as they are offered.
const OFFERED: usize = 8;
/// The longest table, in bytes.
const TEXT_LIMIT: usize = 64 * 1024;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/segments", get(list))
        .route("/segments/new", get(new_page).post(write_new))
        .route("/segments/count", post(show_count))
        .route("/segments/{slug}", get(page).post(write_on))
}

/// A segment that is being put together.
struct Work {
    slug: String,
    /// The version that the writer saw; 0: none.
    base: i64,
    is_new: bool,
    /// Its table, without the heading where the form shows it.
    body: String,
    as_text: bool,
    /// Of a file: nothing is written.
    fixed: bool,
}

#[derive(Default)]
struct Said {
    written: Option<Written>,
    problems: Vec<crate::document::Problem>,
    own: Vec<(String, Phrase)>,
    /// What was looked for, by its field, and the places that may be meant.
    search: Option<(String, String)>,
    offered: Vec<String>,
}

async fn list(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAudience)?;
    let library = library(&state).await?;
    let rows: Vec<Value> = library
        .segments
        .iter()
        .map(|segment| {
            context! {
                slug => &segment.slug, title => &segment.title, of_file => is_of_file(&library, &segment.slug),
                users => users(&library, &visitor, &segment.slug),
            }
        })
        .collect();
    let values = context! { rows => rows, may_write => visitor.can(Right::WriteAudience) };
    Ok(state.view(&visitor, "segments/list", values))
}

/// Whether a visitor may know of what names a segment: another department's campaign does not exist for them.
fn is_seen(library: &Library, visitor: &Visitor, user: &str) -> bool {
    library.campaigns.get(user).is_none_or(|source| visitor.user.departments.sees(&source.campaign.owner))
}

/// Who names a segment: campaigns and other segments, with their addresses.
fn users(library: &Library, visitor: &Visitor, slug: &str) -> Vec<Value> {
    let named = library.users_of(slug).into_iter();
    named
        .filter(|user| is_seen(library, visitor, user))
        .map(|user| {
            if let Some(segment) = user.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                context! { href => format!("/segments/{segment}"), name => segment }
            } else {
                context! { href => format!("/campaigns/{user}"), name => user }
            }
        })
        .collect()
}

async fn library(state: &Shared) -> Result<Arc<Library>, Fault> {
    Ok(state.parts.shelf.library(&state.parts.db).await?)
}

/// What a new segment begins with.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Begin {
    /// Whom this campaign did not reach…
    unreached: String,
    /// … in so long: `90d`.
    within: String,
}

impl Begin {
    /// The table: of the campaign's own audience whoever it did not reach. A campaign that this visitor does not see is none.
    fn body(&self, library: &Library, visitor: &Visitor) -> String {
        let own = library.campaigns.get(&self.unreached).filter(|source| visitor.user.departments.sees(&source.campaign.owner));
        let Some(source) = own else { return "title = \"\"\n".to_string() };
        let title = phrase!("Chưa được tiếp cận: {}", "Not reached: {}", source.campaign.title);
        let title = toml_edit::Value::from(title.text(visitor.lang));
        let segments: toml_edit::Array = source.campaign.audience.segments.iter().map(String::as_str).collect();
        let (slug, within) = (toml_edit::Value::from(&self.unreached), toml_edit::Value::from(&self.within));
        format!("title = {title}\nsegments = {segments}\nnot = {{ reached = {{ campaign = {slug}, within = {within} }} }}\n")
    }
}

async fn new_page(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(begin): Query<Begin>,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let body = begin.body(&*library(&state).await?, &visitor);
    let work = Work { slug: String::new(), base: 0, is_new: true, body, as_text: false, fixed: false };
    show(&state, &visitor, StatusCode::OK, work, Said::default()).await
}

async fn page(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAudience)?;
    let work = existing(&state, &visitor, slug).await?;
    show(&state, &visitor, StatusCode::OK, work, Said::default()).await
}

/// A segment of the console as it was last saved, or of the file.
async fn existing(state: &Shared, visitor: &Visitor, slug: String) -> Result<Work, Fault> {
    if !is_slug(&slug) {
        return Err(Fault::NotFound);
    }
    let library = library(state).await?;
    if is_of_file(&library, &slug) {
        if library.segments.get(&slug).is_none() {
            return Err(Fault::NotFound);
        }
        let text = table_of(&library.segments_text, &slug).unwrap_or_default();
        return Ok(Work { slug, base: 0, is_new: false, body: text, as_text: true, fixed: true });
    }
    let latest = editions::latest(&state.parts.db, &slug).await?.ok_or(Fault::NotFound)?;
    let text = latest.text.ok_or(Fault::NotFound)?;
    let (body, as_text) = match form::segment_body(&slug, &text) {
        Some(body) => (body.to_string(), false),
        None => (text, true),
    };
    Ok(Work { slug, base: latest.version, is_new: false, body, as_text, fixed: !visitor.can(Right::WriteAudience) })
}

/// One table of a file, with the comment above it.
fn table_of(text: &str, slug: &str) -> Option<String> {
    let mut document: toml_edit::DocumentMut = text.parse().ok()?;
    let others: Vec<String> = document.iter().map(|(key, _)| key.to_string()).filter(|key| key != slug).collect();
    for other in others {
        document.remove(&other);
    }
    Some(document.to_string().trim().to_string() + "\n")
}

async fn write_new(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    typed: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let work = Work { is_new: true, ..typed_work(&typed, typed.get("slug").to_string()) };
    act(&state, &visitor, work, &typed).await
}

async fn write_on(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
    typed: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    if existing(&state, &visitor, slug.clone()).await?.fixed {
        return Err(Fault::Conflict(phrase!(
            "Nhóm này do segments.toml trên máy chủ quy định: chỉ sửa được ở đó.",
            "This segment is defined by segments.toml on the server: it can only be changed there."
        )));
    }
    let work = typed_work(&typed, slug);
    act(&state, &visitor, work, &typed).await
}

fn typed_work(typed: &Fields, slug: String) -> Work {
    Work {
        slug,
        base: typed.get("base").parse().unwrap_or(0),
        is_new: false,
        body: typed.raw("text").replace("\r\n", "\n"),
        as_text: typed.get("view") == "text",
        fixed: false,
    }
}

impl Work {
    /// Puts what was typed into the table.
    fn take_in(&mut self, typed: &Fields, said: &mut Said) {
        if self.as_text {
            return;
        }
        match fields::write(&self.body, form::SEGMENT, &typed.iter().collect()) {
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
        if self.as_text { self.body.clone() } else { form::segment_text(self.name(), &self.body) }
    }
}

/// Does what the pressed button says.
async fn act(state: &Shared, visitor: &Visitor, mut work: Work, typed: &Fields) -> Result<Response, Fault> {
    if work.body.len() > TEXT_LIMIT {
        return Err(Fault::TooLarge(phrase!("Nhóm quá dài.", "The segment is too long.")));
    }
    let mut said = Said::default();
    work.take_in(typed, &mut said);
    let library = library(state).await?;
    let (what, which) = typed.get("do").split_once(':').unwrap_or((typed.get("do"), ""));
    match what {
        "add-choice" => work.body = form::add_choice(&work.body).map_err(|NoForm(why)| Fault::Invalid(why))?,
        "remove-choice" => {
            work.body = fields::remove(&work.body, &format!("any.{which}")).map_err(|NoForm(why)| Fault::Invalid(why))?;
        }
        "add-area" => add_area(&mut work, which, typed, &mut said),
        "text" => {
            work.body = work.text();
            work.as_text = true;
        }
        "form" => match form::segment_body(work.name(), &work.body).map(str::to_string) {
            Some(body) => (work.body, work.as_text) = (body, false),
            None => said.own.push((
                "text".to_string(),
                phrase!(
                    "biểu mẫu chỉ hiểu một bảng [{0}] không có bảng con",
                    "the form takes one table [{0}] without tables below it",
                    work.name()
                ),
            )),
        },
        "remove" => return take_away(state, visitor, work, &library).await,
        "save" => {
            if work.slug.is_empty() {
                let title = Form::of(&work.body, form::SEGMENT).map(|form| form.text("title").to_string()).unwrap_or_default();
                work.slug = slug_of(&title);
            }
            let unwritten = said.written.as_ref().is_some_and(|written| !written.wrong.is_empty());
            match editions::check(&library, &work.slug, &work.text()) {
                Ok(()) if !unwritten => return save(state, visitor, work, said).await,
                Ok(()) => {}
                Err(problems) => said.problems = problems.0,
            }
            return show(state, visitor, StatusCode::UNPROCESSABLE_ENTITY, work, said).await;
        }
        _ => {
            if let Err(problems) = library.with_segment(work.name(), &work.text()) {
                said.problems = problems.0;
            }
        }
    }
    show(state, visitor, StatusCode::OK, work, said).await
}

/// Puts a place into a condition, by its code or its name.
fn add_area(work: &mut Work, condition: &str, typed: &Fields, said: &mut Said) {
    let field = |key: &str| if condition.is_empty() { key.to_string() } else { format!("{condition}.{key}") };
    let wanted = typed.get(&field("area-search")).to_string();
    let mut offer = |codes: &[&str]| said.offered.extend(codes.iter().take(OFFERED).map(|code| (*code).to_string()));
    let wrong = match Places::built_in().find(&wanted) {
        Found::One(code) => {
            let Ok(form) = Form::of(&work.body, form::SEGMENT) else { return };
            let areas = field("areas");
            let codes = form.texts(&areas).iter().cloned().chain([code.to_string()]).map(|code| (areas.clone(), code));
            if let Ok(written) = fields::write(&work.body, form::SEGMENT, &codes.collect()) {
                work.body = written.text;
            }
            return;
        }
        Found::Ambiguous(codes) => {
            offer(&codes);
            phrase!(
                "có nhiều địa bàn khớp với “{wanted}”: hãy đánh dấu địa bàn cần chọn ở đầu danh sách bên dưới",
                "several places may be “{wanted}”: tick the right ones at the head of the list below"
            )
        }
        Found::Unknown(codes) if codes.is_empty() => phrase!("không có địa bàn “{wanted}”", "there is no place “{wanted}”"),
        Found::Unknown(codes) => {
            offer(&codes);
            phrase!(
                "không có địa bàn “{wanted}”: những địa bàn gần giống ở đầu danh sách bên dưới",
                "there is no place “{wanted}”: the nearest are at the head of the list below"
            )
        }
    };
    said.own.push((field("areas"), wrong));
    said.search = Some((field("area-search"), wanted));
}

async fn save(state: &Shared, visitor: &Visitor, mut work: Work, mut said: Said) -> Result<Response, Fault> {
    let text = work.text();
    let now = state.parts.clock.millis();
    match editions::save(&state.parts.db, &work.slug, Some(&text), work.base, &visitor.actor, now).await? {
        Saved::Done(_) | Saved::Unchanged(_) => {
            visitor.flash(&phrase!("Đã lưu nhóm.", "The segment was saved.")).await?;
            Ok(see_other(&format!("/segments/{}", work.slug)))
        }
        Saved::Conflict(theirs) if work.is_new => {
            let wrong =
                phrase!("đã có nhóm mang mã này ({0})", "there is a segment of this name already ({0})", theirs.made_name);
            said.own.push(("slug".to_string(), wrong));
            show(state, visitor, StatusCode::CONFLICT, work, said).await
        }
        Saved::Conflict(theirs) => {
            work.base = theirs.version;
            let wrong = phrase!(
                "{0} đã lưu bản khác trong lúc bạn soạn; lưu lần nữa thì bản của bạn thay bản ấy",
                "{0} saved another version while you wrote; saved once more, yours replaces it",
                theirs.made_name
            );
            said.own.push((String::new(), wrong));
            show(state, visitor, StatusCode::CONFLICT, work, said).await
        }
    }
}

/// Takes a segment away, unless something names it.
async fn take_away(state: &Shared, visitor: &Visitor, work: Work, library: &Library) -> Result<Response, Fault> {
    let users = library.users_of(&work.slug);
    if !users.is_empty() {
        let seen: Vec<String> = users.into_iter().filter(|user| is_seen(library, visitor, user)).collect();
        let Phrase { vi, en } = match &seen[..] {
            [] => phrase!("một đơn vị khác", "another department"),
            seen => Phrase::from(seen.join(", ")),
        };
        let wrong = phrase!("chưa xóa được: {vi} còn dùng nhóm này", "it cannot be taken away: {en} still uses it");
        let said = Said { own: vec![(String::new(), wrong)], ..Said::default() };
        return show(state, visitor, StatusCode::CONFLICT, work, said).await;
    }
    let now = state.parts.clock.millis();
    match editions::save(&state.parts.db, &work.slug, None, work.base, &visitor.actor, now).await? {
        Saved::Conflict(theirs) => Err(Fault::Conflict(phrase!(
            "{0} vừa sửa nhóm này: xem lại trước khi xóa.",
            "{0} has just changed this segment: look at it again first.",
            theirs.made_name
        ))),
        Saved::Done(_) | Saved::Unchanged(_) => {
            visitor.flash(&phrase!("Đã xóa nhóm.", "The segment was taken away.")).await?;
            Ok(see_other("/segments"))
        }
    }
}

/// How many people it means, as a part of a page.
async fn show_count(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    typed: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAudience)?;
    let mut work = typed_work(&typed, typed.get("slug").to_string());
    if work.body.len() > TEXT_LIMIT {
        return Err(Fault::TooLarge(phrase!("Nhóm quá dài.", "The segment is too long.")));
    }
    work.take_in(&typed, &mut Said::default());
    let library = library(&state).await?;
    let count = counted(&state, &library, &work, visitor.lang, PART).await;
    let all = context! { lang => visitor.lang.pick("vi", "en"), count => count };
    let html = state.pages.render("segments/count_part", all).map_err(anyhow::Error::from)?;
    Ok(Html(html).into_response())
}

/// The values of the template `segments/count`.
async fn counted(state: &Shared, library: &Library, work: &Work, lang: crate::words::Lang, patience: Duration) -> Value {
    let segments = if work.fixed && is_of_file(library, &work.slug) {
        library.segments.clone()
    } else {
        // A title that is not yet written changes no count.
        let text = work.text().replacen("title = \"\"", "title = \"-\"", 1);
        match library.with_segment(work.name(), &text) {
            Ok(segments) => segments,
            Err(_) => return context! { state => "unfinished" },
        }
    };
    let db = &state.parts.db;
    let now = state.parts.clock.millis();
    let lookup = |slug: &str| segments.get(slug).map(|segment: &Segment| &segment.condition);
    // Within a minute the question is the same, and so is its answer.
    let compiled =
        lookup(work.name()).and_then(|condition| compile(condition, &lookup, db.engine(), 1, now - now.rem_euclid(60_000)).ok());
    let Some(compiled) = compiled else { return context! { state => "unfinished" } };
    let (asked, of) = (db.clone(), compiled.clone());
    let count = async move { crate::audience::count::count(&asked, &of, now).await };
    match state.desk.people.ask(compiled, now, patience, count).await {
        Reading::Counting => context! { state => "counting" },
        Reading::Failed => context! { state => "failed" },
        Reading::Counted(count, at) => context! {
            state => "counted", people => count.people, phone => count.phone, email => count.email, chat => count.chat,
            refused => count.refused, blocked => count.blocked, at => when::moment(at, lang),
        },
    }
}

static GROUPS: Sql = Sql::new(r"SELECT DISTINCT grp FROM membership ORDER BY grp LIMIT 500");

/// The groups of the list, as far as they are known by now.
async fn groups(state: &Shared) -> Vec<String> {
    let db = state.parts.db.clone();
    let asked = async move { on!(db.read, |pool, sql| sqlx::query_scalar::<_, String>(sql(&GROUPS)).fetch_all(pool).await) };
    match state.desk.groups.ask((), state.parts.clock.millis(), PAGE, asked).await {
        Reading::Counted(groups, _) => groups,
        Reading::Counting | Reading::Failed => Vec::new(),
    }
}

async fn show(state: &Shared, visitor: &Visitor, status: StatusCode, work: Work, said: Said) -> Result<Response, Fault> {
    let lang = visitor.lang;
    let library = library(state).await?;
    let (form, no_form) = match Form::of(&work.body, form::SEGMENT) {
        Ok(form) => (form, None),
        Err(no) => (Form::default(), Some(no.0)),
    };
    let as_text = work.as_text || no_form.is_some();
    let mut sheet = Sheet::new(form, said.written.as_ref().filter(|_| !as_text), lang);
    for problem in &said.problems {
        let path = problem.path.strip_prefix(work.name()).map_or(problem.path.as_str(), |path| path.trim_start_matches('.'));
        let place = if as_text { Some("text".to_string()) } else { sheet.form().place(path) };
        // What has no key is about the name.
        let field = place.unwrap_or_else(|| if path.is_empty() && work.is_new { "slug".to_string() } else { String::new() });
        sheet.refuse(&field, &problem.message, problem.help.as_ref(), lang);
    }
    for (field, wrong) in &said.own {
        sheet.refuse(field, wrong, None, lang);
    }
    sheet.known = library.segments.iter().map(|segment| segment.slug.clone()).collect();
    let places = Places::built_in();
    let area = |code: &str| context! { value => code, label => places.full_name(code).unwrap_or_else(|| code.to_string()) };
    let provinces: Vec<Value> = places.provinces().map(area).collect();
    let chosen: Vec<Value> = {
        let fields = sheet.form().values.iter().filter(|(field, _)| field.rsplit('.').next() == Some("areas"));
        let codes: BTreeSet<&String> = fields.flat_map(|(_, codes)| codes).chain(&said.offered).collect();
        codes.into_iter().filter(|code| code.len() != 2).map(|code| area(code)).collect()
    };
    let others: Vec<Value> = library
        .segments
        .iter()
        .filter(|segment| segment.slug != work.slug)
        .map(|segment| context! { value => &segment.slug, label => &segment.title })
        .collect();
    let count = counted(state, &library, &work, lang, PAGE).await;
    let values = context! {
        slug => &work.slug, base => work.base, is_new => work.is_new, text => &work.body, as_text => as_text, fixed => work.fixed,
        of_file => is_of_file(&library, &work.slug),
        no_form => no_form.filter(|_| !work.as_text).map(|why| why.text(lang).to_string()),
        errors => sheet.errors(),
        choices => sheet.form().rows.get("any").copied().unwrap_or_default(),
        form => Value::from_object(sheet),
        groups => groups(state).await,
        provinces => provinces,
        wards => chosen,
        search => said.search.map(|(field, text)| context! { field => field, text => text }),
        segments => others,
        campaigns => library.campaigns.keys().map(String::as_str).filter(|slug| is_seen(&library, visitor, slug)).collect::<Value>(),
        users => users(&library, visitor, &work.slug),
        count => count,
        title => library.segments.get(&work.slug).map(|segment| segment.title.as_str()),
    };
    Ok(state.view_as(status, visitor, "segments/form", values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_table_of_a_file_is_shown_with_its_comment() {
        let text = "# tệp\n\n[a]\ntitle = \"A\"\n\n# về b\n[b]\ntitle = \"B\"\n[b.not]\nlang = \"vi\"\n[c]\ntitle = \"C\"\n";
        assert_eq!(table_of(text, "b").unwrap(), "# về b\n[b]\ntitle = \"B\"\n[b.not]\nlang = \"vi\"\n");
    }
}
