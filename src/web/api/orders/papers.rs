//! Papers that prove what was ordered, answered or counted: scans, kept by their SHA-256.

use axum::{
    extract::{self, Request},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Named,
    held::Held,
    sight::{Addressed, ToAnswer, ToRead},
};
use crate::{
    phrase,
    relay::paper,
    web::{
        Shared, State,
        api::{
            answer::created,
            frame,
            input::{Query, SecondName, media_type},
            problem::{Kind, Problem},
        },
        download,
    },
};

/// Papers that one user may bring in a day.
const PAPERS_A_DAY: i64 = 100;
/// A day (milliseconds).
const DAY: i64 = 24 * 3_600_000;
/// The longest name of a paper, in characters.
const LONGEST_NAME: usize = 200;
/// What papers may be: the media type, what such a file's name ends with, and what it begins with.
const PAPERS: [(&str, &str, &[u8]); 3] =
    [("application/pdf", "pdf", b"%PDF-"), ("image/png", "png", b"\x89PNG\r\n\x1a\n"), ("image/jpeg", "jpg", b"\xff\xd8\xff")];

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(show))
}

/// What takes longer than other requests, because what comes up may be large.
pub(super) fn slow_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(bring))
}

/// What a paper is called.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Called {
    /// The file's name.
    #[param(min_length = 1, max_length = 200, pattern = "^[^\\u0000]*$", example = "bien-ban.pdf")]
    name: String,
}

/// A scan: PDF, PNG or JPEG.
#[derive(ToSchema)]
#[schema(as = Scan, value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes a body")]
struct AScan(Vec<u8>);

/// A paper that was kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderPaper)]
struct Paper {
    /// SHA-256 of its bytes: what a report names in `evidence`.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    hash: String,
    /// The file's name.
    name: String,
    /// Its media type.
    media_type: String,
}

#[utoipa::path(post, path = "/orders/{identifier}/papers", tag = "orders", operation_id = "bring_order_paper",
    summary = "Tải lên tài liệu minh chứng | Bring a paper as evidence",
    description = "A scan of at most 20 MiB: PDF, PNG or JPEG (their own media types are taken as well). It is kept by its SHA-256, once, and \
never changed; reports of the order name it in `evidence`.",
    params(Named, Called), request_body(content = AScan, content_type = "application/octet-stream"),
    responses((status = 201, description = "It is kept", body = Paper)))]
async fn bring(
    ToAnswer(at): ToAnswer,
    extract::State(State(state)): extract::State<State>,
    Query(Called { name }): Query<Called>,
    request: Request,
) -> Result<Response, Problem> {
    if !(1..=LONGEST_NAME).contains(&name.chars().count()) {
        return Err(Problem::parameter("name", phrase!("từ 1 đến {LONGEST_NAME} ký tự", "1 to {LONGEST_NAME} characters")));
    }
    let said = media_type(request.headers());
    if said != "application/octet-stream" && !PAPERS.iter().any(|(kind, ..)| *kind == said) {
        let words = phrase!("gửi tệp PDF, PNG hoặc JPEG", "send a PDF, PNG or JPEG file");
        return Err(Problem::header(Kind::MediaType, "Content-Type", words));
    }
    let (Held { body, hash, under_way }, key) = Held::of(&state, &at.caller, request, paper::MAX_BYTES).await?;
    let (shared, actor) = (state.clone(), at.caller.key());
    let work = async move {
        let kept = keep(&shared, &at, &name, &body).await;
        drop((body, under_way));
        kept.into_response()
    };
    match key {
        None => Ok(work.await),
        Some(key) => Ok(frame::at_most_once(&state, actor, key, hash, work).await),
    }
}

async fn keep(state: &Shared, at: &Addressed, name: &str, body: &[u8]) -> Result<Response, Problem> {
    let Some((kind, ..)) = PAPERS.iter().find(|(.., begins)| body.starts_with(begins)) else {
        let words = phrase!("tệp không phải PDF, PNG hay JPEG", "the file is no PDF, PNG or JPEG");
        return Err(Problem::new(Kind::Invalid, words));
    };
    let (db, by) = (&state.parts.db, at.by(state));
    if paper::kept_by(db, &at.caller.actor.name, by.now - DAY).await? >= PAPERS_A_DAY {
        let words = phrase!("nhiều nhất {PAPERS_A_DAY} tài liệu một ngày", "at most {PAPERS_A_DAY} papers a day");
        return Err(Problem { retry_after: Some(3_600), ..Problem::new(Kind::TooMany, words) });
    }
    let hash = paper::attach(db, at.order.id, name, kind, body, &by).await??;
    let path = format!("/api/v1/orders/{}/papers/{hash}", at.order.identifier);
    // As whoever brings it calls it: what others called the same bytes is theirs.
    Ok(created(&path, &Paper { hash, name: name.to_string(), media_type: (*kind).to_string() }))
}

/// An order's name and a paper's hash.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes parameters")]
struct NamedPaper {
    /// The order's name in CAP.
    identifier: String,
    /// SHA-256 of the paper.
    hash: String,
}

#[utoipa::path(get, path = "/orders/{identifier}/papers/{hash}", tag = "orders", operation_id = "read_order_paper",
    summary = "Xem tài liệu của yêu cầu | A paper of an order",
    description = "The scanned document that orders it, or what its reports and answers name.", params(NamedPaper),
    responses((status = 200, description = "The scan", body = AScan, content_type = "application/octet-stream")))]
async fn show(
    ToRead(at): ToRead,
    extract::State(State(state)): extract::State<State>,
    SecondName(hash): SecondName,
) -> Result<Response, Problem> {
    let db = &state.parts.db;
    let paper = paper::of_order(db, &at.order, &hash, at.sight().eyes()).await?.ok_or_else(Problem::not_found)?;
    let bytes = paper::bytes(db, &hash).await?.ok_or_else(Problem::not_found)?;
    // As a file, whatever it is: nothing that strangers bring is shown by a browser under our name.
    let ending = PAPERS.iter().find(|(kind, ..)| *kind == paper.kind).map_or("bin", |(_, ending, _)| *ending);
    Ok(download::file("application/octet-stream", &format!("{}.{ending}", &hash[..16]), bytes))
}
