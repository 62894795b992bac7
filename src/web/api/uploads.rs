//! Lists that are brought: a file comes up, what its columns hold is said, what it would change is shown, and it is taken in once that
//! is confirmed; as on the console's page, and by the same [`Clerk`].

mod shape;

use std::io::Write as _;

use axum::{
    extract::{self, Request},
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Response},
};
use futures::StreamExt as _;
use serde::Deserialize;
use sha2::Digest as _;
use tempfile::NamedTempFile;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::{List, created},
    caller::Caller,
    frame,
    input::{Id, Json, Number, Query, at_most, media_type, too_large},
    problem::{At, Kind, Problem, Wrong},
};
use crate::{
    intake::{self, Clerk, ClerkError, LARGEST, Said},
    phrase,
    user::Right,
    web::{Shared, State, console::fault::Fault, download, reader::Reader},
    words::Lang,
};
use shape::Upload;

/// The longest name of a file, in characters.
const LONGEST_NAME: usize = 200;
/// The longest words on a list's basis, and on where it comes from.
const LONGEST_BASIS: usize = 100;
const LONGEST_BASIS_SOURCE: usize = 300;
/// What a list's file may be called. What it is, is seen in it.
const MEDIA: [&str; 3] = ["text/csv", download::XLSX, "application/octet-stream"];

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read, say, throw_away))
        .routes(routes!(confirm))
        .routes(routes!(refused_rows))
}

/// What takes longer than other requests, because what comes up is large.
pub(super) fn slow_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(bring))
}

impl From<ClerkError> for Problem {
    fn from(error: ClerkError) -> Self {
        match error {
            ClerkError::Wrong(wrong) => {
                let each = wrong.mistakes.into_iter().map(|mistake| Wrong {
                    at: At::Body(
                        match mistake.field {
                            "source" => "/list",
                            "basis_source" => "/basis_source",
                            _ => "/columns",
                        }
                        .to_string(),
                    ),
                    detail: mistake.says,
                    spot: None,
                });
                let words = phrase!("điều nêu về danh sách chưa đúng", "what was said of the list is not right");
                Self { errors: each.collect(), ..Self::new(Kind::Invalid, words) }
            }
            ClerkError::NoDepartment => Self::field("/department", error.phrase()),
            ClerkError::BadName | ClerkError::Taken(_) => Self::at_odds("list", error.phrase()),
            ClerkError::TooMany(_) | ClerkError::NoRoom | ClerkError::Foreign => Self::conflict(error.phrase()),
            other => Fault::from(other).into(),
        }
    }
}

/// Whoever handles lists for the caller.
async fn clerk<'a>(state: &'a Shared, caller: &'a Caller) -> Result<Clerk<'a>, Problem> {
    let parts = &state.parts;
    let folder = intake::folder(&parts.config);
    Ok(Clerk::of((&parts.db, &parts.seal), folder, (&caller.user, &caller.actor), parts.clock.millis()).await?)
}

#[utoipa::path(get, path = "/uploads", tag = "audience", operation_id = "list_uploads",
    summary = "Các danh sách đang chờ nhập | Lists that are under way",
    responses((status = 200, description = "Those that the caller may see, the latest first", body = List<Upload>)))]
async fn list(
    caller: Caller,
    Reader(lang): Reader,
    extract::State(State(state)): extract::State<State>,
) -> Result<List<Upload>, Problem> {
    caller.needs(Right::ReadAudience)?;
    let clerk = clerk(&state, &caller).await?;
    let open = clerk.open().await?;
    Ok(List::whole(open.into_iter().map(|upload| Upload::of(upload, &clerk, lang)).collect()))
}

/// What a file is said to be.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Named {
    /// What it is called.
    #[param(min_length = 1, max_length = 200, pattern = "^[^\\u0000]*$", example = "dan-cu.csv")]
    name: String,
    /// Which of the office's lists it is; the one that is called as the file, unless said.
    #[param(pattern = "^[^\\u0000]*$")]
    list: Option<String>,
    /// `audience`: people to write to, who wait to be confirmed; `block`: addresses never to be written to, which are taken in at once.
    #[param(inline)]
    kind: Option<intake::Kind>,
    /// Of `block`: every campaign is bound, not advertising alone.
    everything: Option<bool>,
}

/// A list as text (CSV) or as a workbook (XLSX).
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes a body that is not read into memory")]
struct ListFile(Vec<u8>);

#[utoipa::path(post, path = "/uploads", tag = "audience", operation_id = "bring_list",
    summary = "Tải lên một danh sách | Bring a list",
    description = "A file of at most 256 MiB, CSV or XLSX; `text/csv` is taken as well. Nothing of it counts before it is confirmed.",
    params(Named), request_body(content = ListFile, content_type = "application/octet-stream"),
    responses((status = 201, description = "It is gone through in the background", body = Upload),
        (status = 409, description = "Too many wait already, or the disk is full")))]
async fn bring(
    caller: Caller,
    Reader(lang): Reader,
    extract::State(State(state)): extract::State<State>,
    Query(named): Query<Named>,
    request: Request,
) -> Result<Response, Problem> {
    caller.needs(Right::WriteAudience)?;
    if !(1..=LONGEST_NAME).contains(&named.name.chars().count()) {
        return Err(Problem::parameter("name", phrase!("từ 1 đến {LONGEST_NAME} ký tự", "1 to {LONGEST_NAME} characters")));
    }
    if !MEDIA.contains(&media_type(request.headers()).as_str()) {
        let known = MEDIA.join(", ");
        return Err(Problem::new(Kind::MediaType, phrase!("gửi một trong {known}", "send one of {known}")));
    }
    let key = frame::key(request.headers())?;
    let (parts, body) = request.into_parts();
    let (file, hash) = spooled(&state, &parts, body).await?;
    let Some(key) = key else { return keep(&state, &caller, named, file, lang).await };
    let (shared, actor) = (state.clone(), caller.key());
    let work = async move {
        let kept = keep(&shared, &caller, named, file, lang).await;
        kept.into_response()
    };
    Ok(frame::at_most_once(&state, actor, key, hash, work).await)
}

/// A body in a file of its own, and the hash of the request that it makes.
async fn spooled(state: &Shared, parts: &Parts, body: axum::body::Body) -> Result<(NamedTempFile, [u8; 32]), Problem> {
    let mut file = intake::spool(&intake::folder(&state.parts.config)).map_err(anyhow::Error::from)?;
    let mut hash = frame::hash(parts);
    let (mut chunks, mut size) = (body.into_data_stream(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk =
            chunk.map_err(|_| Problem::new(Kind::BadRequest, phrase!("nội dung bị ngắt giữa chừng", "the body broke off")))?;
        size += chunk.len();
        if size > LARGEST {
            return Err(too_large());
        }
        hash.update(&chunk);
        file.write_all(&chunk).map_err(anyhow::Error::from)?;
    }
    Ok((file, hash.finalize().into()))
}

async fn keep(state: &Shared, caller: &Caller, named: Named, file: NamedTempFile, lang: Lang) -> Result<Response, Problem> {
    let clerk = clerk(state, caller).await?;
    let brought = intake::Brought {
        file,
        title: named.name,
        kind: named.kind.unwrap_or(intake::Kind::Audience),
        source: named.list.unwrap_or_default(),
        everything: named.everything.unwrap_or_default(),
        lang,
    };
    let id = clerk.bring(brought).await?;
    state.parts.work.notify_waiters();
    let upload = clerk.find(id).await?;
    Ok(created(&format!("/api/v1/uploads/{id}"), &Upload::of(upload, &clerk, lang)))
}

/// One of them as it stands now.
async fn standing(clerk: &Clerk<'_>, id: i64, lang: Lang) -> Result<axum::Json<Upload>, Problem> {
    Ok(axum::Json(Upload::of(clerk.find(id).await?, clerk, lang)))
}

#[utoipa::path(get, path = "/uploads/{id}", tag = "audience", operation_id = "read_upload",
    summary = "Một danh sách đã tải lên | One list", params(Id),
    responses((status = 200, description = "As it stands", body = Upload)))]
async fn read(
    caller: Caller,
    Reader(lang): Reader,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<axum::Json<Upload>, Problem> {
    caller.needs(Right::ReadAudience)?;
    standing(&clerk(&state, &caller).await?, id, lang).await
}

/// What is said of a list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Saying {
    /// Which of the office's lists it is.
    #[schema(min_length = 1, max_length = 60, example = "dan-cu")]
    list: String,
    /// The department that the list will belong to; empty: nobody's.
    #[serde(default)]
    department: String,
    /// Who is of this list and not in the file is retired.
    #[serde(default)]
    replace: bool,
    /// On what basis its people are written to, where a row of it does not say.
    #[serde(default)]
    #[schema(max_length = 100, example = "public_task")]
    basis: String,
    /// Where that comes from: needed of the basis `consent`.
    #[serde(default)]
    #[schema(max_length = 300)]
    basis_source: String,
    /// What each column holds, from the left: see `holds`. At least one is an address.
    #[schema(example = json!(["ref", "phone", "-"]))]
    columns: Vec<String>,
}

#[utoipa::path(put, path = "/uploads/{id}", tag = "audience", operation_id = "describe_upload",
    summary = "Nêu danh sách và các cột | Say which list it is, and what its columns hold",
    description = "It is gone through anew in the background.", params(Id), request_body = Saying,
    responses((status = 200, description = "As it stands now", body = Upload),
        (status = 409, description = "It is being worked on, or over")))]
async fn say(
    caller: Caller,
    Reader(lang): Reader,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
    Json(saying): Json<Saying>,
) -> Result<axum::Json<Upload>, Problem> {
    caller.needs(Right::WriteAudience)?;
    at_most("/basis", &saying.basis, LONGEST_BASIS)?;
    at_most("/basis_source", &saying.basis_source, LONGEST_BASIS_SOURCE)?;
    let clerk = clerk(&state, &caller).await?;
    let said = Said {
        source: &saying.list,
        owner: &saying.department,
        replace: saying.replace,
        basis: &saying.basis,
        basis_source: &saying.basis_source,
        columns: saying.columns,
    };
    clerk.say(&clerk.find(id).await?, said).await?;
    state.parts.work.notify_waiters();
    standing(&clerk, id, lang).await
}

#[utoipa::path(post, path = "/uploads/{id}/confirm", tag = "audience", operation_id = "confirm_upload",
    summary = "Xác nhận nhập | Have it taken in as it was checked", params(Id),
    responses((status = 200, description = "It is taken in in the background", body = Upload),
        (status = 409, description = "It is not checked, or names people of another department's list")))]
async fn confirm(
    caller: Caller,
    Reader(lang): Reader,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<axum::Json<Upload>, Problem> {
    caller.needs(Right::WriteAudience)?;
    let clerk = clerk(&state, &caller).await?;
    clerk.confirm(&clerk.find(id).await?).await?;
    state.parts.work.notify_waiters();
    standing(&clerk, id, lang).await
}

#[utoipa::path(delete, path = "/uploads/{id}", tag = "audience", operation_id = "drop_upload",
    summary = "Bỏ danh sách đã tải lên | Throw a list away", params(Id),
    responses((status = 204, description = "Nothing of it was taken in"), (status = 409, description = "It is being taken in, or over")))]
async fn throw_away(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<StatusCode, Problem> {
    caller.needs(Right::WriteAudience)?;
    let clerk = clerk(&state, &caller).await?;
    clerk.throw_away(&clerk.find(id).await?).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(post, path = "/uploads/{id}/refused-rows", tag = "audience", operation_id = "fetch_refused_rows",
    summary = "Tải các dòng lỗi | Fetch its refused rows, once",
    description = "Whoever fetches them has them: they hold what the file held, and are not kept here.", params(Id),
    responses((status = 200, description = "The rows, with the reason of each", content_type = "text/csv", body = String),
        (status = 409, description = "They were fetched, or there are none")))]
async fn refused_rows(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Number(id): Number,
) -> Result<Response, Problem> {
    caller.needs(Right::WriteAudience)?;
    caller.needs(Right::ReadPerson)?;
    let clerk = clerk(&state, &caller).await?;
    Ok(download::refused_rows(id, clerk.rejected(&clerk.find(id).await?).await?))
}
