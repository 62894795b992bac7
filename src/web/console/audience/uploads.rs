//! Lists are brought: a file comes up, its columns are said, what it would change is shown, and it is taken in once that is
//! confirmed. The work is done in the background ([`intake`]); these pages show how far it is.

use std::{fs, io};

use axum::{
    Router,
    body::Body,
    extract::{self, DefaultBodyLimit},
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use futures::stream;
use minijinja::context;
use serde::Serialize;
use serde_json::json;
use tokio::io::AsyncReadExt as _;

use super::{Seen, refusals::binds_everybody, shown};
use crate::{
    audience::import::{self, Basis, Column, Field, ImportError, Look, Mapping, Reading},
    audit,
    intake::{self, Kind, New, Settings, Upload},
    phrase, transaction,
    user::{self, Right},
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{Fields, Upload as Brought},
            visitor::{Visitor, see_other},
        },
    },
    words::{Lang, Phrase},
};

/// Bytes of a file at most: some two million people as text.
pub const MOST: usize = 256 * 1024 * 1024;
/// The longest name of a list.
const LONGEST_NAME: usize = 60;
/// Bytes that are read at once of a file on its way out.
const PIECE: usize = 64 * 1024;
/// Bytes of random in a file's name.
const NAME: usize = 12;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/audience/uploads/{id}", get(show))
        .route("/audience/uploads/{id}/check", post(check))
        .route("/audience/uploads/{id}/confirm", post(confirm))
        .route("/audience/uploads/{id}/drop", post(throw_away))
        .route("/audience/uploads/{id}/rejected", post(rejected))
}

/// A large file takes longer than a page.
pub(in crate::web::console) fn slow_routes() -> Router<State> {
    Router::new().route("/audience/uploads", post(bring)).layer(DefaultBodyLimit::max(MOST))
}

/// A list that is under way, for pages.
#[derive(Serialize)]
pub(super) struct Open {
    id: i64,
    title: String,
    source: String,
    by: String,
    state: &'static str,
    working: bool,
    percent: i64,
    created_at: i64,
}

/// Whether a visitor may see an uploaded list: of a list that they see, or their own.
fn is_theirs(upload: &Upload, seen: &Seen) -> bool {
    let (visitor, settings) = (&seen.visitor, upload.settings());
    upload.by_user == Some(visitor.user.id)
        || visitor.user.departments.sees(&settings.owner) && visitor.user.departments.sees(seen.owners.of(&settings.source))
}

/// The lists under way.
pub(super) async fn open(state: &Shared, seen: &Seen) -> Result<Vec<Open>, Fault> {
    let all = intake::open(&state.parts.db).await?;
    Ok(all
        .into_iter()
        .filter(|upload| is_theirs(upload, seen))
        .map(|upload| Open {
            id: upload.id,
            source: upload.settings().source,
            by: upload.by_whom.clone(),
            state: upload.state().name(),
            working: upload.state().is_working(),
            percent: upload.percent(),
            created_at: upload.created_at,
            title: upload.title,
        })
        .collect())
}

async fn find(state: &Shared, visitor: &Visitor, id: i64) -> Result<(Upload, Seen), Fault> {
    let seen = Seen::by(state, visitor).await?;
    let upload = intake::one(&state.parts.db, id).await?.filter(|upload| is_theirs(upload, &seen)).ok_or(Fault::NotFound)?;
    Ok((upload, seen))
}

/// A list's name as people wrote it; none: it is empty or endless.
fn list_name(text: &str) -> Option<String> {
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let well = !name.is_empty() && name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control);
    well.then_some(name)
}

/// A list's name where nobody gave one: its file's.
fn own_name(title: &str) -> String {
    let name = title.rsplit(['/', '\\']).next().unwrap_or(title);
    let name = name.strip_suffix(".rejected.csv").unwrap_or(name);
    let name = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    list_name(name).unwrap_or_else(|| "danh-sach".to_string())
}

async fn bring(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    brought: Brought,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let block = brought.fields.get("kind") == "block";
    if block {
        binds_everybody(&visitor)?;
    }
    let Some(file) = brought.files.into_iter().find(|file| file.size > 0) else {
        return Err(Fault::Invalid(phrase!("Chưa chọn tệp nào, hoặc tệp trống.", "No file was chosen, or it is empty.")));
    };
    let title: String = file.name.chars().filter(|c| !c.is_control()).take(100).collect();
    let source = if brought.fields.get("source").is_empty() {
        own_name(&title)
    } else {
        list_name(brought.fields.get("source")).ok_or_else(bad_name)?
    };
    let seen = Seen::by(&state, &visitor).await?;
    if !block && seen.list(&source).is_err() {
        return Err(Fault::Invalid(another(&source)));
    }
    let folder = intake::folder(&state.parts.config);
    let name = crate::seal::hex(&state.parts.seal.random::<NAME>());
    let target = folder.join(&name);
    let lang = visitor.lang;
    let looked = tokio::task::spawn_blocking(move || {
        file.spooled.persist(&target)?;
        let look = if block { Ok(None) } else { import::look(&target).map(Some) };
        if look.is_err() {
            let _ = fs::remove_file(&target);
        }
        anyhow::Ok(look)
    });
    let look = looked.await.map_err(anyhow::Error::from)??;
    let look: Option<Look> = match look {
        Ok(look) => look,
        Err(error) => return Err(Fault::Invalid(not_a_list(&error))),
    };
    // A list that is there stays its department's.
    let owner = Some(seen.owners.of(&source)).filter(|owner| !owner.is_empty()).map(str::to_string);
    let settings = Settings {
        owner: owner.unwrap_or_else(|| only_department(&visitor)),
        source,
        everything: brought.fields.get("binds") == "all",
        lang: lang.pick("vi", "en").to_string(),
        reading: Reading { mapping: look.as_ref().and_then(guessed), basis: None },
        ..Settings::default()
    };
    let (kind, first) = if block { (Kind::Block, intake::State::Confirmed) } else { (Kind::Audience, intake::State::Checking) };
    let now = state.parts.clock.millis();
    let told = json!({ "file": title, "kind": kind, "source": settings.source });
    let id = transaction!(state.parts.db, |tx| {
        let new = New {
            kind,
            file: &name,
            title: &title,
            by: (Some(visitor.user.id), &visitor.user.name),
            settings: &settings,
            look: look.as_ref(),
            state: first,
        };
        let id = intake::bring(tx, &new, now).await?;
        audit::record(tx, &visitor.actor, "audience.upload", &format!("upload:{id}"), None, Some(&told), now).await?;
        Ok(id)
    })?;
    state.parts.work.notify_waiters();
    Ok(see_other(&format!("/audience/uploads/{id}")))
}

/// The department of whoever belongs to one alone.
fn only_department(visitor: &Visitor) -> String {
    let mut names = visitor.user.departments.names();
    match (visitor.user.departments.is_everything(), names.next(), names.next()) {
        (false, Some(only), None) => only.to_string(),
        _ => String::new(),
    }
}

/// What the columns seem to hold, where that is some use: what stands on the page is what is checked.
fn guessed(look: &Look) -> Option<Mapping> {
    let columns: Vec<String> = look.columns.iter().map(|column| column.key.clone()).collect();
    columns.iter().any(|key| is_address(key)).then_some(Mapping { line: look.line, columns })
}

fn is_address(key: &str) -> bool {
    matches!(Column::from_key(key), Some(Column::Field(field)) if field.is_address())
}

/// A list's name that somebody else has.
fn another(source: &str) -> Phrase {
    phrase!(
        "Tên danh sách “{source}” không dùng được ở đây: chọn tên khác",
        "The list's name “{source}” cannot be used here: choose another"
    )
}

/// Why a file is no list, without the name that it has here.
fn not_a_list(error: &ImportError) -> Phrase {
    match error {
        ImportError::Read(import::ReadError::Io { error, .. }) => {
            phrase!("không đọc được tệp", "the file cannot be read").because(error)
        }
        error => error.phrase(),
    }
}

fn bad_name() -> Fault {
    Fault::Invalid(phrase!(
        "Tên danh sách cần từ 1 đến {LONGEST_NAME} ký tự.",
        "A list's name has 1 to {LONGEST_NAME} characters."
    ))
}

/// What a column can be said to hold.
#[derive(Serialize)]
struct Choice {
    key: String,
    label: String,
}

/// A column, what it is said to hold, and what else it may.
#[derive(Serialize)]
struct Shown {
    name: String,
    key: String,
    guessed: bool,
    cells: Vec<String>,
    attribute: Choice,
}

fn choices(lang: Lang) -> Vec<Choice> {
    let ignored = Choice { key: Column::Ignored.key(), label: lang.pick("(không lưu)", "(not kept)").to_string() };
    let fields = Field::all().map(|field| Choice { key: field.name().to_string(), label: field.phrase().text(lang).to_string() });
    std::iter::once(ignored).chain(fields).collect()
}

/// The columns of a list as its officer says, or as their names say.
fn columns(look: &Look, reading: &Reading, lang: Lang) -> Vec<Shown> {
    let said = reading.mapping.as_ref().map(|mapping| &mapping.columns);
    look.columns
        .iter()
        .enumerate()
        .map(|(at, guess)| {
            let key = said.and_then(|said| said.get(at)).unwrap_or(&guess.key).clone();
            let own = import::slug(&guess.name);
            let own = if own.is_empty() { format!("cot_{}", at + 1) } else { own };
            let label = lang.pick("Thuộc tính riêng: ", "Attribute: ").to_string() + &own;
            Shown {
                name: guess.name.clone(),
                guessed: key != "-" && !key.starts_with('='),
                key,
                cells: guess.cells.clone(),
                attribute: Choice { key: Column::Attribute(own).key(), label },
            }
        })
        .collect()
}

async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAudience)?;
    let (upload, seen) = find(&state, &visitor, id).await?;
    page(&state, &visitor, &seen, &upload, StatusCode::OK, &[]).await
}

/// A mistake in the form, for its page.
#[derive(Serialize)]
struct Wrong {
    field: &'static str,
    text: String,
}

async fn page(
    state: &Shared,
    visitor: &Visitor,
    seen: &Seen,
    upload: &Upload,
    status: StatusCode,
    wrong: &[Wrong],
) -> Result<Response, Fault> {
    let (lang, settings) = (visitor.lang, upload.settings());
    let outcome = upload.outcome();
    let rows: Vec<_> = outcome
        .iter()
        .flat_map(|outcome| &outcome.first)
        .map(|bad| json!({ "line": bad.line, "column": bad.column, "reason": lang.pick(&bad.vi, &bad.en) }))
        .collect();
    // Whom another department has cannot be taken over.
    let foreign: u64 = outcome
        .iter()
        .flat_map(|outcome| &outcome.moved)
        .filter(|(source, _)| !visitor.user.departments.sees(seen.owners.of(source)))
        .map(|(_, n)| n)
        .sum();
    let moved: Vec<_> = outcome
        .iter()
        .flat_map(|outcome| &outcome.moved)
        .filter(|(source, _)| visitor.user.departments.sees(seen.owners.of(source)))
        .map(|(source, n)| json!({ "source": source, "people": n }))
        .collect();
    let departments = user::departments(&state.parts.db).await?;
    let departments: Vec<String> =
        departments.into_iter().map(|d| d.name).filter(|name| visitor.user.departments.sees(name)).collect();
    let values = context! {
        upload => context! {
            id => upload.id,
            title => &upload.title,
            block => upload.kind() == Kind::Block,
            state => upload.state().name(),
            working => upload.state().is_working(),
            percent => upload.percent(),
            by => &upload.by_whom,
            created_at => upload.created_at,
            finished_at => upload.finished_at,
            rejected => upload.rejected,
            failure => upload.failure().map(|failure| failure.text(lang).to_string()),
        },
        settings => shown(&settings),
        columns => upload.look().map(|look| shown(&columns(&look, &settings.reading, lang))),
        choices => shown(&choices(lang)),
        outcome => outcome.as_ref().map(shown),
        bad_rows => shown(&rows),
        moved => shown(&moved),
        foreign,
        departments => shown(&departments),
        wrong => shown(&wrong),
        may_write => visitor.can(Right::WriteAudience),
        kept_days => intake::REJECTED_KEPT / 86_400_000,
    };
    Ok(state.view_as(status, visitor, "audience/upload", values))
}

/// What the form says of a list, and what is wrong with it.
fn said(upload: &Upload, seen: &Seen, fields: &Fields) -> (Settings, Vec<Wrong>) {
    let lang = seen.visitor.lang;
    let mut wrong = Vec::new();
    let mut settings = upload.settings();
    let (source, owner) = (settings.source.clone(), settings.owner.clone());
    match list_name(fields.get("source")) {
        Some(name) if seen.list(&name).is_err() => {
            wrong.push(Wrong { field: "source", text: another(&name).text(lang).to_string() });
        }
        Some(name) => settings.source = name,
        None => wrong.push(Wrong {
            field: "source",
            text: phrase!(
                "Ghi tên danh sách (tối đa {LONGEST_NAME} ký tự)",
                "Write the list's name (at most {LONGEST_NAME} characters)"
            )
            .text(lang)
            .to_string(),
        }),
    }
    settings.owner = fields.get("owner").to_string();
    // The name of another list that is there brings its department along, unless the form says which.
    if settings.source != source && settings.owner == owner {
        settings.owner = Some(seen.owners.of(&settings.source)).filter(|owner| !owner.is_empty()).map_or(owner, str::to_string);
    }
    settings.replace = fields.get("mode") == "replace";
    let (basis, source) = (fields.get("basis"), fields.get("basis_source"));
    let basis: String = basis.chars().filter(|c| !c.is_control()).take(100).collect();
    let source: String = source.chars().filter(|c| !c.is_control()).take(300).collect();
    if basis == "consent" && source.is_empty() {
        let text = phrase!(
            "Ghi nguồn của sự đồng ý: phiếu, hội nghị, trang đăng ký…",
            "Write where the consent comes from: a form, a meeting, a registration page…"
        );
        wrong.push(Wrong { field: "basis_source", text: text.text(lang).to_string() });
    }
    settings.reading.basis = (!basis.is_empty()).then_some(Basis { basis, source });
    if let Some(look) = upload.look() {
        let keys: Vec<String> = (0..look.columns.len()).map(|at| fields.get(&format!("column-{at}")).to_string()).collect();
        let known = keys.iter().all(|key| Column::from_key(key).is_some());
        if known {
            settings.reading.mapping = Some(Mapping { line: look.line, columns: keys });
        }
        let chosen = settings.reading.mapping.as_ref().map(|mapping| mapping.columns.as_slice()).unwrap_or_default();
        if !known || !chosen.iter().any(|key| is_address(key)) {
            let text = phrase!(
                "Chọn ít nhất một cột là số điện thoại, thư điện tử hoặc mã của một dịch vụ trò chuyện",
                "Say of at least one column that it holds phone numbers, mail addresses or ids of a chat service"
            );
            wrong.push(Wrong { field: "column-0", text: text.text(lang).to_string() });
        }
    }
    (settings, wrong)
}

async fn check(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let (upload, seen) = find(&state, &visitor, id).await?;
    let (settings, wrong) = said(&upload, &seen, &fields);
    if !wrong.is_empty() {
        let typed = upload.saying(&settings);
        return page(&state, &visitor, &seen, &typed, StatusCode::UNPROCESSABLE_ENTITY, &wrong).await;
    }
    visitor.sees(&settings.owner)?;
    let departments = user::departments(&state.parts.db).await?;
    if !settings.owner.is_empty() && departments.iter().all(|department| department.name != settings.owner) {
        return Err(Fault::Invalid(phrase!("Không có đơn vị này.", "There is no such department.")));
    }
    let now = state.parts.clock.millis();
    let changed = transaction!(state.parts.db, |tx| intake::recheck(tx, id, &settings, now).await)?;
    if !changed {
        return Err(busy());
    }
    state.parts.work.notify_waiters();
    Ok(see_other(&format!("/audience/uploads/{id}")))
}

fn busy() -> Fault {
    Fault::Conflict(phrase!(
        "Danh sách này đang được xử lý hoặc đã kết thúc: tải lại trang để xem.",
        "This list is being worked on, or is over: load the page again."
    ))
}

async fn confirm(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
    _: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let (upload, seen) = find(&state, &visitor, id).await?;
    let (settings, outcome) = (upload.settings(), upload.outcome().ok_or_else(busy)?);
    seen.list(&settings.source)?;
    if let Some(source) = outcome.moved.keys().find(|source| seen.list(source).is_err()) {
        tracing::warn!(upload = id, source, "an uploaded list names people of another department's list");
        return Err(Fault::Invalid(phrase!(
            "Tệp có người thuộc danh sách của đơn vị khác: bỏ các dòng đó, hoặc thống nhất với đơn vị quản lý.",
            "The file names people of another department's list: take those rows out, or agree with that department."
        )));
    }
    let now = state.parts.clock.millis();
    let told = json!({
        "upload": id, "rows": outcome.rows, "added": outcome.added, "updated": outcome.updated, "retired": outcome.retired,
        "replace": settings.replace, "basis": settings.reading.basis.as_ref().map(|basis| &basis.basis),
    });
    let confirmed = transaction!(state.parts.db, |tx| {
        let confirmed = intake::confirm(tx, &upload).await?;
        if confirmed {
            audit::record(tx, &visitor.actor, "audience.confirm", &settings.source, None, Some(&told), now).await?;
        }
        Ok(confirmed)
    })?;
    if !confirmed {
        return Err(busy());
    }
    state.parts.work.notify_waiters();
    visitor.flash(&phrase!("Đang nhập danh sách.", "The list is being taken in.")).await?;
    Ok(see_other(&format!("/audience/uploads/{id}")))
}

async fn throw_away(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
    _: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    find(&state, &visitor, id).await?;
    let now = state.parts.clock.millis();
    let file = transaction!(state.parts.db, |tx| {
        let file = intake::throw_away(tx, id, now).await?;
        if file.is_some() {
            audit::record(tx, &visitor.actor, "audience.drop", &format!("upload:{id}"), None, None, now).await?;
        }
        Ok(file)
    })?
    .ok_or_else(busy)?;
    let path = intake::folder(&state.parts.config).join(file);
    if let Err(error) = tokio::task::spawn_blocking(move || fs::remove_file(path)).await.map_err(anyhow::Error::from)? {
        tracing::warn!(upload = id, %error, "an uploaded list was thrown away, and its file not found");
    }
    visitor.flash(&phrase!("Đã bỏ tệp này, không có gì được nhập.", "The file was thrown away; nothing was taken in.")).await?;
    Ok(see_other("/audience"))
}

/// The refused rows, once: whoever fetches them has them.
async fn rejected(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
    _: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    visitor.needs(Right::ReadPerson)?;
    let (upload, _) = find(&state, &visitor, id).await?;
    let now = state.parts.clock.millis();
    let path = intake::rejected_path(&intake::folder(&state.parts.config), &upload.file);
    let file = match tokio::fs::File::open(&path).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(fetched()),
        Err(error) => return Err(Fault::Broken(error.into())),
    };
    let first = transaction!(state.parts.db, |tx| {
        let first = intake::fetch(tx, id).await?.is_some();
        if first {
            audit::record(tx, &visitor.actor, "audience.rejected", &format!("upload:{id}"), None, None, now).await?;
        }
        Ok(first)
    })?;
    if !first {
        return Err(fetched());
    }
    // The file that is open outlives its name.
    if let Err(error) = tokio::fs::remove_file(&path).await {
        tracing::error!(upload = id, %error, "refused rows that were fetched could not be removed");
    }
    let name = HeaderValue::from_str(&format!("attachment; filename=\"dong-loi-{id}.csv\"")).map_err(anyhow::Error::from)?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")), (CONTENT_DISPOSITION, name)], streamed(file))
        .into_response())
}

/// A file as a browser takes it, piece by piece.
fn streamed(file: tokio::fs::File) -> Body {
    Body::from_stream(stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok::<_, io::Error>((read > 0).then_some((piece, file)))
    }))
}

fn fetched() -> Fault {
    Fault::Conflict(phrase!(
        "Các dòng lỗi đã được tải về hoặc đã hết hạn giữ.",
        "The refused rows were fetched already, or are kept no longer."
    ))
}
