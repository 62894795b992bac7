//! Writing a segment: what a new one begins with, what each button does, saving, and taking it away.

use axum::{
    extract::{self, Path, Query},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;

use super::{
    Hand, Said, TEXT_LIMIT, Work,
    form::{departments, show},
    is_seen, library, typed_work,
};
use crate::{
    audience::place::{Found, Places},
    campaign::{Library, form as keys},
    document::{
        form::{self as fields, Form, NoForm},
        is_slug,
    },
    edition::{
        Owners,
        segments::{self as editions, Draft, Saved, is_of_file},
    },
    phrase,
    user::Right,
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::Fields,
            visitor::{Visitor, see_other},
            writing::slug_of,
        },
    },
    words::Phrase,
};

/// Places that a name may mean, as far as they are offered.
const OFFERED: usize = 8;

/// What a new segment begins with.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Begin {
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

pub(super) async fn new_page(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(begin): Query<Begin>,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let body = begin.body(&*library(&state).await?, &visitor);
    let owner = visitor.user.departments.names().next().unwrap_or_default().to_string();
    let work = Work { slug: String::new(), base: 0, is_new: true, owner, body, as_text: false, hand: Hand::Free };
    show(&state, &visitor, StatusCode::OK, work, Said::default()).await
}

pub(super) async fn page(
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
        let owner = String::new();
        return Ok(Work { slug, base: 0, is_new: false, owner, body: text, as_text: true, hand: Hand::Fixed });
    }
    let latest = editions::latest(&state.parts.db, &slug).await?.ok_or(Fault::NotFound)?;
    visitor.sees(&latest.owner)?;
    let text = latest.text.ok_or(Fault::NotFound)?;
    let owners = Owners::read(&state.parts.db).await?;
    let is_shared = owners.is_used_by_others(&visitor.user.departments, &library, &slug);
    let (body, as_text) = match keys::segment_body(&slug, &text) {
        Some(body) => (body.to_string(), false),
        None => (text, true),
    };
    let hand = match visitor.can(Right::WriteAudience) {
        _ if is_shared => Hand::Shared,
        true => Hand::Free,
        false => Hand::Fixed,
    };
    Ok(Work { slug, base: latest.version, is_new: false, owner: latest.owner, body, as_text, hand })
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

pub(super) async fn write_new(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    typed: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let work = Work { is_new: true, ..typed_work(&typed, typed.get("slug").to_string()) };
    act(&state, &visitor, work, false, &typed).await
}

pub(super) async fn write_on(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
    typed: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let existing = existing(&state, &visitor, slug.clone()).await?;
    if existing.hand == Hand::Shared {
        return Err(Fault::Conflict(phrase!(
            "Một đơn vị khác đang dùng nhóm này: không sửa và không xóa được. Hãy tạo nhóm mới cho đơn vị mình.",
            "Another department goes by this segment: it cannot be changed or taken away. Make a new one for yours."
        )));
    }
    if existing.hand == Hand::Fixed {
        return Err(Fault::Conflict(phrase!(
            "Nhóm này do segments.toml trên máy chủ quy định: chỉ sửa được ở đó.",
            "This segment is defined by segments.toml on the server: it can only be changed there."
        )));
    }
    let work = typed_work(&typed, slug);
    // A name that is no department's any more may stay.
    let keeps = work.owner == existing.owner;
    act(&state, &visitor, work, keeps, &typed).await
}

/// Does what the pressed button says. `keeps`: it stays with the owner that it has.
async fn act(state: &Shared, visitor: &Visitor, mut work: Work, keeps: bool, typed: &Fields) -> Result<Response, Fault> {
    if work.body.len() > TEXT_LIMIT {
        return Err(Fault::TooLarge(phrase!("Nhóm quá dài.", "The segment is too long.")));
    }
    let mut said = Said::default();
    work.take_in(typed, &mut said);
    let library = library(state).await?;
    let (what, which) = typed.get("do").split_once(':').unwrap_or((typed.get("do"), ""));
    match what {
        "add-choice" => work.body = keys::add_choice(&work.body).map_err(|NoForm(why)| Fault::Invalid(why))?,
        "remove-choice" => {
            work.body = fields::remove(&work.body, &format!("any.{which}")).map_err(|NoForm(why)| Fault::Invalid(why))?;
        }
        "add-area" => add_area(&mut work, which, typed, &mut said),
        "text" => {
            work.body = work.text();
            work.as_text = true;
        }
        "form" => match keys::segment_body(work.name(), &work.body).map(str::to_string) {
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
                let title = Form::of(&work.body, keys::SEGMENT).map(|form| form.text("title").to_string()).unwrap_or_default();
                work.slug = slug_of(&title);
            }
            if !work.owner.is_empty() && !keeps && !departments(state, visitor).await?.contains(&work.owner) {
                said.own.push(("owner".to_string(), phrase!("chọn một đơn vị của mình", "choose a department of yours")));
            }
            let unwritten = !said.own.is_empty() || said.written.as_ref().is_some_and(|written| !written.wrong.is_empty());
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
            let Ok(form) = Form::of(&work.body, keys::SEGMENT) else { return };
            let areas = field("areas");
            let codes = form.texts(&areas).iter().cloned().chain([code.to_string()]).map(|code| (areas.clone(), code));
            if let Ok(written) = fields::write(&work.body, keys::SEGMENT, &codes.collect()) {
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
    let draft = Draft { slug: &work.slug, text: Some(&text), owner: &work.owner, base: work.base };
    match editions::save(&state.parts.db, draft, &visitor.actor, now).await? {
        Saved::Done(_) | Saved::Unchanged(_) => {
            visitor.flash(&phrase!("Đã lưu nhóm.", "The segment was saved.")).await?;
            Ok(see_other(&format!("/segments/{}", work.slug)))
        }
        Saved::Conflict(theirs) if work.is_new => {
            // Another department's does not exist for them, but for its name.
            let whose = if visitor.sees(&theirs.owner).is_ok() { format!(" ({})", theirs.made_name) } else { String::new() };
            let wrong = phrase!("đã có nhóm mang mã này{whose}", "there is a segment of this name already{whose}");
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
        let owners = Owners::read(&state.parts.db).await?;
        let seen: Vec<String> = users.into_iter().filter(|user| is_seen(library, &owners, visitor, user)).collect();
        let Phrase { vi, en } = match &seen[..] {
            [] => phrase!("một đơn vị khác", "another department"),
            seen => Phrase::from(seen.join(", ")),
        };
        let wrong = phrase!("chưa xóa được: {vi} còn dùng nhóm này", "it cannot be taken away: {en} still uses it");
        let said = Said { own: vec![(String::new(), wrong)], ..Said::default() };
        return show(state, visitor, StatusCode::CONFLICT, work, said).await;
    }
    let now = state.parts.clock.millis();
    let draft = Draft { slug: &work.slug, text: None, owner: &work.owner, base: work.base };
    match editions::save(&state.parts.db, draft, &visitor.actor, now).await? {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_table_of_a_file_is_shown_with_its_comment() {
        let text = "# tệp\n\n[a]\ntitle = \"A\"\n\n# về b\n[b]\ntitle = \"B\"\n[b.not]\nlang = \"vi\"\n[c]\ntitle = \"C\"\n";
        assert_eq!(table_of(text, "b").unwrap(), "# về b\n[b]\ntitle = \"B\"\n[b.not]\nlang = \"vi\"\n");
    }
}
