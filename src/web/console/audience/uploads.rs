//! Lists are brought: a file comes up, its columns are said, what it would change is shown, and it is taken in once that is
//! confirmed. What is done about a list is [`intake::Clerk`]'s, and the work in the background [`intake::Intake`]'s; these pages show how
//! far it is.

use axum::{
    Router,
    extract::{self, DefaultBodyLimit, FromRequestParts},
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use minijinja::context;
use serde::Serialize;
use serde_json::json;

use super::shown;
use crate::{
    audience::import::{self, Column, Field, Look, Reading},
    intake::{self, Clerk, ClerkError, Kind, LONGEST_NAME, Mistake, Outcome, Said, Upload},
    phrase,
    user::{self, Right},
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{Fields, Upload as Brought},
            visitor::{Visitor, see_other},
        },
        download,
    },
    words::Lang,
};

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
    Router::new().route("/audience/uploads", post(bring)).layer(DefaultBodyLimit::max(intake::LARGEST))
}

impl From<ClerkError> for Fault {
    fn from(error: ClerkError) -> Self {
        match error {
            ClerkError::NotThere => Self::NotFound,
            ClerkError::BindsAll => Self::Forbidden,
            ClerkError::Busy | ClerkError::Fetched => Self::Conflict(error.phrase()),
            ClerkError::Io(error) => Self::Broken(error.into()),
            ClerkError::Broken(error) => Self::Broken(error.into()),
            ClerkError::Db(error) => Self::Db(error),
            ClerkError::Empty
            | ClerkError::TooMany(_)
            | ClerkError::NoRoom
            | ClerkError::BadName
            | ClerkError::Taken(_)
            | ClerkError::NoDepartment
            | ClerkError::Foreign
            | ClerkError::Wrong(_)
            | ClerkError::NotAList(_) => Self::Invalid(error.phrase()),
        }
    }
}

/// Whoever handles lists for this visitor.
async fn clerk<'a>(state: &'a Shared, visitor: &'a Visitor) -> Result<Clerk<'a>, Fault> {
    let parts = &state.parts;
    let folder = intake::folder(&parts.config);
    Ok(Clerk::of((&parts.db, &parts.seal), folder, (&visitor.user, &visitor.actor), parts.clock.millis()).await?)
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

/// The lists under way.
pub(super) async fn open(state: &Shared, visitor: &Visitor) -> Result<Vec<Open>, Fault> {
    let all = clerk(state, visitor).await?.open().await?;
    let open = all.into_iter().map(|upload| Open {
        id: upload.id,
        source: upload.settings().source,
        by: upload.by_whom.clone(),
        state: upload.state().name(),
        working: upload.state().is_working(),
        percent: upload.percent(),
        created_at: upload.created_at,
        title: upload.title,
    });
    Ok(open.collect())
}

/// A visitor who may bring lists: asked before anything of one is taken.
struct Importer(Visitor);

impl FromRequestParts<State> for Importer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        visitor.needs(Right::WriteAudience).map_err(Fault::into_response)?;
        Ok(Self(visitor))
    }
}

async fn bring(
    extract::State(State(state)): extract::State<State>,
    Importer(visitor): Importer,
    brought: Brought,
) -> Result<Response, Fault> {
    let Brought { fields, files } = brought;
    let Some(file) = files.into_iter().find(|file| file.size > 0) else { return Err(ClerkError::Empty.into()) };
    let brought = intake::Brought {
        file: file.spooled,
        title: file.name,
        kind: if fields.get("kind") == "block" { Kind::Block } else { Kind::Audience },
        source: fields.get("source").to_string(),
        everything: fields.get("binds") == "all",
        lang: visitor.lang,
    };
    let id = clerk(&state, &visitor).await?.bring(brought).await?;
    state.parts.work.notify_waiters();
    Ok(see_other(&format!("/audience/uploads/{id}")))
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
    let clerk = clerk(&state, &visitor).await?;
    let upload = clerk.find(id).await?;
    page(&state, &visitor, &clerk, &upload, StatusCode::OK, &[]).await
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
    clerk: &Clerk<'_>,
    upload: &Upload,
    status: StatusCode,
    mistakes: &[Mistake],
) -> Result<Response, Fault> {
    let (lang, settings) = (visitor.lang, upload.settings());
    let outcome = upload.outcome();
    let nothing = Outcome::default();
    let changes = outcome.as_ref().unwrap_or(&nothing);
    let rows: Vec<_> = changes
        .first
        .iter()
        .map(|bad| json!({ "line": bad.line, "column": bad.column, "reason": lang.pick(&bad.vi, &bad.en) }))
        .collect();
    let (moved, foreign) = clerk.moved(changes);
    let moved: Vec<_> = moved.into_iter().map(|(source, n)| json!({ "source": source, "people": n })).collect();
    let wrong: Vec<Wrong> =
        mistakes.iter().map(|wrong| Wrong { field: wrong.field, text: wrong.says.text(lang).to_string() }).collect();
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
        longest_name => LONGEST_NAME,
        may_write => visitor.can(Right::WriteAudience),
        may_fetch => visitor.can(Right::WriteAudience) && visitor.can(Right::ReadPerson),
        kept_days => intake::REJECTED_KEPT / 86_400_000,
    };
    Ok(state.view_as(status, visitor, "audience/upload", values))
}

async fn check(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let clerk = clerk(&state, &visitor).await?;
    let upload = clerk.find(id).await?;
    let columns = upload.look().map_or(0, |look| look.columns.len());
    let said = Said {
        source: fields.get("source"),
        owner: fields.get("owner"),
        replace: fields.get("mode") == "replace",
        basis: fields.get("basis"),
        basis_source: fields.get("basis_source"),
        columns: (0..columns).map(|at| fields.get(&format!("column-{at}")).to_string()).collect(),
    };
    match clerk.say(&upload, said).await {
        Ok(()) => {}
        Err(ClerkError::Wrong(wrong)) => {
            let typed = upload.saying(&wrong.settings);
            return page(&state, &visitor, &clerk, &typed, StatusCode::UNPROCESSABLE_ENTITY, &wrong.mistakes).await;
        }
        Err(error) => return Err(error.into()),
    }
    state.parts.work.notify_waiters();
    Ok(see_other(&format!("/audience/uploads/{id}")))
}

async fn confirm(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
    _: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let clerk = clerk(&state, &visitor).await?;
    clerk.confirm(&clerk.find(id).await?).await?;
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
    let clerk = clerk(&state, &visitor).await?;
    clerk.throw_away(&clerk.find(id).await?).await?;
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
    let clerk = clerk(&state, &visitor).await?;
    let file = clerk.rejected(&clerk.find(id).await?).await?;
    Ok(download::refused_rows(id, file))
}
