//! What an outlet counted, and the papers that prove it. A report comes as JSON, or as a table (CSV, XLSX) with what is about the whole in
//! the table or in parameters; an officer types in what came on paper, and attaches the paper. What is wrong is told by pointer, or by line
//! and column.

use axum::{
    body::Bytes,
    extract::{self, Request},
    http::{
        HeaderValue,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Named,
    sight::{Sight, Told},
};
use crate::{
    audience::place::Places,
    phrase,
    relay::{
        Order, paper,
        report::{
            self, Count, Fault, Kept, Rejected, Report, Unreadable,
            table::{self, Given, Table, Unfit},
        },
    },
    user::Right,
    web::{
        Shared, State,
        api::{
            answer::{List, created, moment},
            caller::Caller,
            frame,
            input::{Name, Names, Query, bytes, media_type, too_large},
            problem::{At, Kind, Problem, Wrong},
        },
    },
};

/// Bytes of the largest report.
const LARGEST: usize = 8 * 1024 * 1024;
/// Papers that one user may bring in a day.
const PAPERS_A_DAY: i64 = 100;
/// A day (milliseconds).
const DAY: i64 = 24 * 3_600_000;
/// The longest name of a paper, in characters.
const LONGEST_NAME: usize = 200;
/// A workbook.
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// What papers may be: the media type, what such a file's name ends with, and what it begins with.
const PAPERS: [(&str, &str, &[u8]); 3] =
    [("application/pdf", "pdf", b"%PDF-"), ("image/png", "png", b"\x89PNG\r\n\x1a\n"), ("image/jpeg", "jpg", b"\xff\xd8\xff")];

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show))
}

/// What takes longer than other requests, because what comes up may be large.
pub(super) fn slow_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(take)).routes(routes!(bring))
}

/// Whose an area's subscribers are.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AreaBy {
    /// Whoever is registered there.
    #[default]
    Registration,
    /// Whoever was there.
    Cell,
}

/// What was counted in one area and round, in subscribers. What the outlet does not count is left out.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderCount)]
struct Line {
    /// The code of a province or ward.
    #[schema(example = "01")]
    code: String,
    /// Which sending of the text, from 1.
    #[serde(default = "first")]
    #[schema(minimum = 0, maximum = 65535, default = 1)]
    round: u16,
    /// Whom it is for.
    targeted: i64,
    /// To whom it was sent.
    submitted: i64,
    /// Whom it reached.
    delivered: Option<i64>,
    /// Whom it did not reach.
    failed: Option<i64>,
    /// Of whom it is not known yet.
    pending: Option<i64>,
    /// Converted messages.
    parts: Option<i64>,
    /// Đồng.
    cost: Option<i64>,
    /// When sending began there.
    starts_at: Option<DateTime<Utc>>,
    /// When it ended.
    ends_at: Option<DateTime<Utc>>,
    /// Whether whoever is registered in the area is meant, or whoever was there.
    #[serde(default)]
    #[schema(inline)]
    area_by: AreaBy,
}

const fn first() -> u16 {
    1
}

impl From<Count> for Line {
    fn from(count: Count) -> Self {
        Self {
            code: count.area,
            round: count.round,
            targeted: count.targeted,
            submitted: count.submitted,
            delivered: count.delivered,
            failed: count.failed,
            pending: count.pending,
            parts: count.parts,
            cost: count.cost,
            starts_at: count.starts_at.map(moment),
            ends_at: count.ends_at.map(moment),
            area_by: if count.by_cell { AreaBy::Cell } else { AreaBy::Registration },
        }
    }
}

/// Why a report corrects the one before it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderCorrection)]
struct Correction {
    /// In the outlet's words.
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
}

/// What an outlet counted until a moment. Reports are cumulative: each has every area and round of the one before it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderReport)]
#[expect(dead_code, reason = "describes what `relay::report` reads")]
struct Sent {
    /// The order's identifier, as in the address.
    #[schema(example = "loa-17-viettel-6adf0240")]
    order: String,
    /// Higher than that of every report before it.
    #[schema(example = 1)]
    sequence: i64,
    /// The moment that it counts up to.
    as_of: DateTime<Utc>,
    /// No more will follow.
    r#final: bool,
    /// Of a correction, which alone may lower a count.
    correction: Option<Correction>,
    /// SHA-256 of a paper that was uploaded for the order: an officer who types a report in names one.
    evidence: Option<String>,
    /// The counts, each area and round once.
    areas: Vec<Line>,
}

/// A report that was kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KeptOrderReport)]
struct AReport {
    /// Higher than that of every report before it.
    sequence: i64,
    /// The moment that it counts up to.
    as_of: DateTime<Utc>,
    /// No more will follow.
    r#final: bool,
    /// Why it corrects what was reported before.
    correction: Option<Correction>,
    /// SHA-256 of its evidence, which is at `/orders/{identifier}/papers/{hash}`.
    evidence: Option<String>,
    /// SHA-256 of what it says, as it was understood.
    hash: String,
    /// When it came.
    received_at: DateTime<Utc>,
    /// From whom.
    by: String,
    /// By which door: `console`, `api` or `command`.
    via: String,
    /// Whether it counts: the one of the highest sequence alone does.
    counts: bool,
    /// The counts.
    areas: Vec<Line>,
}

impl AReport {
    fn of(kept: Kept, counts: bool) -> Self {
        let Kept { report, .. } = kept;
        Self {
            sequence: report.sequence,
            as_of: moment(report.as_of),
            r#final: report.last,
            correction: report.correction.map(|reason| Correction { reason }),
            evidence: report.evidence,
            hash: kept.hash,
            received_at: moment(kept.received_at),
            by: kept.by,
            via: kept.via,
            counts,
            areas: report.counts.into_iter().map(Line::from).collect(),
        }
    }
}

#[utoipa::path(get, path = "/orders/{identifier}/reports", tag = "orders", operation_id = "list_order_reports",
    summary = "Các báo cáo của một yêu cầu | An order's reports", description = "The one that counts first; corrected ones are kept.",
    params(Named), responses((status = 200, description = "All of them", body = List<AReport>)))]
async fn list(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(identifier): Name,
) -> Result<List<AReport>, Problem> {
    let sight = Sight::of(&state, &caller, Right::ReadOrders).await?;
    let order = sight.order(&state, &identifier).await?;
    let kept = report::all(&state.parts.db, order.id).await?;
    let told = kept.into_iter().map(|kept| {
        let counts = order.report == Some(kept.id);
        AReport::of(kept, counts)
    });
    Ok(List::whole(told.collect()))
}

/// What is about a table as a whole, where the table does not say it.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct About {
    /// Of a table: higher than that of every report before it.
    #[param(minimum = 1)]
    sequence: Option<i64>,
    /// Of a table: the moment that it counts up to.
    #[param(value_type = Option<DateTime<Utc>>, example = "2026-11-22T08:30:00Z")]
    as_of: Option<String>,
    /// Of a table: no more will follow.
    #[serde(rename = "final")]
    last: Option<bool>,
    /// Of a table: why it corrects what was reported before.
    #[param(max_length = 2000, pattern = "^[^\\u0000]*$")]
    correction: Option<String>,
    /// Of a table: SHA-256 of its evidence.
    #[param(pattern = "^[^\\u0000]*$")]
    evidence: Option<String>,
}

impl About {
    fn is_empty(&self) -> bool {
        self.sequence.is_none()
            && self.as_of.is_none()
            && self.last.is_none()
            && self.correction.is_none()
            && self.evidence.is_none()
    }

    /// The moment: in an address a plus sign means a blank, which is what most programs forget.
    fn moment(&self) -> Result<Option<i64>, Problem> {
        let Some(text) = &self.as_of else { return Ok(None) };
        let wrong = || {
            let words = phrase!("viết như 2026-11-22T08:30:00%2B07:00", "write it as 2026-11-22T08:30:00%2B07:00");
            Problem::at_odds("as_of", words)
        };
        let read = DateTime::parse_from_rfc3339(&text.replace(' ', "+")).or_else(|_| DateTime::parse_from_rfc3339(text));
        read.map(|at| Some(at.timestamp_millis())).map_err(|_| wrong())
    }
}

/// A body in one of the formats of reports.
enum Body {
    Json,
    Table,
}

impl Body {
    fn of(request: &Request) -> Result<Self, Problem> {
        match media_type(request.headers()).as_str() {
            "application/json" => Ok(Self::Json),
            "text/csv" | "application/octet-stream" | XLSX => Ok(Self::Table),
            _ => {
                let words = phrase!(
                    "gửi `application/json`, `text/csv` hoặc `{XLSX}`",
                    "send `application/json`, `text/csv` or `{XLSX}`"
                );
                Err(Problem::header(Kind::MediaType, "Content-Type", words))
            }
        }
    }
}

/// `areas[3].delivered` as a pointer.
fn pointer(at: &str) -> String {
    let parts = at.split(['.', '[']).map(|part| part.trim_end_matches(']')).filter(|part| !part.is_empty());
    parts.flat_map(|part| ["/".to_string(), part.replace('~', "~0").replace('/', "~1")]).collect()
}

/// A report as JSON.
fn read_json(body: &[u8], order: &Order) -> Result<Report, Problem> {
    if body.windows(6).any(|six| six == b"\\u0000") {
        return Err(Problem::new(Kind::Invalid, phrase!("văn bản không được chứa ký tự U+0000", "texts cannot hold U+0000")));
    }
    let (of, report) = report::read(body).map_err(|Unreadable { at, why }| {
        if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err() {
            let words = phrase!("nội dung không phải JSON hợp lệ: {why}", "the body is not well-formed JSON: {why}");
            return Problem::new(Kind::BadRequest, words);
        }
        Problem::field(&pointer(&at), why.into())
    })?;
    if of != order.identifier {
        let own = &order.identifier;
        let words =
            phrase!("báo cáo này là của yêu cầu khác, không phải {own}", "this is another order's report, not that of {own}");
        return Err(Problem::field("/order", words));
    }
    Ok(report)
}

impl From<Unfit> for Problem {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::TooLarge => too_large(),
            Unfit::Wrong(all) => several(all.iter().map(spotted).collect()),
            Unfit::Read(error) => Self::new(Kind::Invalid, error.phrase()),
        }
    }
}

/// Something that is wrong with a table, where it stands.
fn spotted(wrong: &table::Wrong) -> Wrong {
    let line = wrong.line.and_then(|line| usize::try_from(line).ok());
    let column = wrong.column.as_ref().map_or(1, |column| column.at + 1);
    Wrong { at: At::Body(String::new()), detail: wrong.words(), spot: line.map(|line| (line, column)) }
}

/// A fault of a report that came as a table: its line and column, or the parameter that said it.
fn placed(table: &Table, fault: &Fault) -> Wrong {
    let wrong = spotted(&table.wrong(fault));
    if wrong.spot.is_none() && ["sequence", "as_of", "final", "correction", "evidence"].contains(&fault.field) {
        return Wrong { at: At::Parameter(fault.field.to_string()), ..wrong };
    }
    wrong
}

/// 422 with each reason.
fn several(errors: Vec<Wrong>) -> Problem {
    let count = errors.len();
    Problem { errors, ..Problem::new(Kind::Invalid, phrase!("báo cáo có {count} lỗi", "the report has {count} mistakes")) }
}

/// A fault of a report that came as JSON, where it stands.
fn pointed(report: &Report, fault: &Fault) -> Wrong {
    let line = fault
        .area
        .as_ref()
        .zip(fault.round)
        .and_then(|(area, round)| report.counts.iter().position(|count| count.area == *area && count.round == round));
    let at = match (line, fault.field) {
        (Some(line), "areas") => format!("/areas/{line}"),
        (Some(line), field) => format!("/areas/{line}/{field}"),
        // An area that is missing stands nowhere.
        (None, _) if fault.area.is_some() => "/areas".to_string(),
        (None, field) => format!("/{field}"),
    };
    Wrong { at: At::Body(at), detail: fault.words(), spot: None }
}

/// Why a report was not taken.
fn rejected(rejected: Rejected, report: &Report, table: Option<&Table>) -> Problem {
    match rejected {
        Rejected::Refused(refusal) => refusal.into(),
        Rejected::Faults(faults) => {
            let place = |fault: &Fault| table.map_or_else(|| pointed(report, fault), |table| placed(table, fault));
            several(faults.iter().map(place).collect())
        }
    }
}

/// A report that was taken.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TakenOrderReport)]
struct Taken {
    /// The order as it stands now.
    order: Told,
    /// The report's sequence.
    sequence: i64,
    /// It had come before, and changed nothing now.
    repeated: bool,
    /// Columns of a table that mean nothing here, and were not read.
    ignored: Vec<String>,
}

/// A table as text (CSV) or as a workbook (XLSX).
#[derive(ToSchema)]
#[schema(as = ReportTable, value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes a body")]
struct ATable(Vec<u8>);

#[utoipa::path(post, path = "/orders/{identifier}/reports", tag = "orders", operation_id = "report_on_order",
    summary = "Gửi báo cáo | Report on an order",
    description = "As JSON, or as a table with Vietnamese or English headers: `text/csv`, or a workbook (`application/octet-stream`, or its own \
media type). Parameters go with tables alone. It is taken as a whole, or refused with every reason. The same report again changes nothing \
(`repeated`). Typed in from paper, by a token with `write_orders`, it names the paper in `evidence`.",
    params(Named, About),
    request_body(content((Sent = "application/json"), (ATable = "text/csv"), (ATable = "application/octet-stream"))),
    responses((status = 200, description = "It counts", body = Taken), (status = 409, description = "The order takes no report as it stands")))]
async fn take(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(identifier): Name,
    Query(about): Query<About>,
    request: Request,
) -> Result<Response, Problem> {
    let order = Sight::of(&state, &caller, Right::WriteOrders).await?.order(&state, &identifier).await?;
    let kind = Body::of(&request)?;
    if matches!(kind, Body::Json) && !about.is_empty() {
        let words =
            phrase!("tham số chỉ đi với bảng: JSON tự nêu những điều này", "parameters go with tables: JSON says these itself");
        return Err(Problem::new(Kind::Invalid, words));
    }
    let (Upload { body, hash }, key) = Upload::of(&state, request, LARGEST).await?;
    let (shared, actor) = (state.clone(), caller.key());
    let work = async move {
        let taken = Box::pin(judged(&shared, &caller, order, kind, about, body)).await;
        taken.into_response()
    };
    match key {
        None => Ok(work.await),
        Some(key) => Ok(frame::at_most_once(&state, actor, key, hash, work).await),
    }
}

/// A body that was held, and the hash of the request that it makes.
struct Upload {
    body: Bytes,
    hash: [u8; 32],
}

impl Upload {
    /// The body, of at most so many bytes, and the key that makes the request count once.
    async fn of(state: &std::sync::Arc<Shared>, request: Request, most: usize) -> Result<(Self, Option<String>), Problem> {
        use sha2::Digest as _;
        let key = frame::key(request.headers())?;
        let (parts, body) = request.into_parts();
        let hash = frame::hash(&parts);
        let body = bytes(Request::from_parts(parts, body), &State(state.clone())).await?;
        if body.len() > most {
            return Err(too_large());
        }
        let hash = hash.chain_update(&body).finalize().into();
        Ok((Self { body, hash }, key))
    }
}

/// A report as a table. Reading a workbook takes a while.
async fn read_table(order: Order, about: About, body: Bytes) -> Result<Table, Problem> {
    let as_of = about.moment()?;
    let reading = tokio::task::spawn_blocking(move || {
        let given = Given {
            sequence: about.sequence,
            as_of,
            last: about.last,
            correction: about.correction.as_deref(),
            evidence: about.evidence.as_deref(),
            ..Given::of(&order)
        };
        table::read_bytes(&body, &given)
    });
    Ok(reading.await.map_err(anyhow::Error::from)??)
}

/// Nothing if the paper that a report names is one of its order, and there is one where there must be. Nobody attaches, and then reads,
/// what was brought for another's.
async fn evident(
    state: &Shared,
    sight: &Sight<'_>,
    order: &Order,
    report: &Report,
    table: Option<&Table>,
) -> Result<(), Problem> {
    let wrong = |words| match table {
        Some(_) => Problem::at_odds("evidence", words),
        None => Problem::field("/evidence", words),
    };
    let Some(hash) = &report.evidence else {
        if sight.outlet().is_some() {
            return Ok(());
        }
        return Err(wrong(phrase!(
            "báo cáo nhập thay đơn vị phải kèm bản giấy: tải tài liệu lên trước rồi nêu mã của nó",
            "a report that is typed in for an outlet needs its paper: upload that first, and name its hash"
        )));
    };
    if paper::of_order(&state.parts.db, order, hash).await?.is_some() {
        return Ok(());
    }
    Err(wrong(phrase!(
        "yêu cầu này không có tài liệu mang mã ấy: tải tài liệu lên trước",
        "the order has no such paper: upload it first"
    )))
}

async fn judged(
    state: &Shared,
    caller: &Caller,
    order: Order,
    kind: Body,
    about: About,
    body: Bytes,
) -> Result<axum::Json<Taken>, Problem> {
    let sight = Sight::of(state, caller, Right::WriteOrders).await?;
    let (report, table) = match kind {
        Body::Json => (read_json(&body, &order)?, None),
        Body::Table => {
            let table = read_table(order.clone(), about, body).await?;
            (table.report.clone(), Some(table))
        }
    };
    evident(state, &sight, &order, &report, table.as_ref()).await?;
    let places = Places::built_in();
    let taken = report::take(&state.parts.db, order.id, &report, |code| places.province_of(code), &sight.by(state)).await?;
    let taken = taken.map_err(|why| rejected(why, &report, table.as_ref()))?;
    state.parts.work.notify_waiters();
    Ok(axum::Json(Taken {
        order: sight.tell(state, taken.order).await?,
        sequence: report.sequence,
        repeated: taken.repeated,
        ignored: table.map(|table| table.ignored).unwrap_or_default(),
    }))
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
    /// The file's name, as it was kept first.
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
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(identifier): Name,
    Query(Called { name }): Query<Called>,
    request: Request,
) -> Result<Response, Problem> {
    let order = Sight::of(&state, &caller, Right::WriteOrders).await?.order(&state, &identifier).await?;
    if !(1..=LONGEST_NAME).contains(&name.chars().count()) {
        return Err(Problem::parameter("name", phrase!("từ 1 đến {LONGEST_NAME} ký tự", "1 to {LONGEST_NAME} characters")));
    }
    let said = media_type(request.headers());
    if said != "application/octet-stream" && !PAPERS.iter().any(|(kind, ..)| *kind == said) {
        let words = phrase!("gửi tệp PDF, PNG hoặc JPEG", "send a PDF, PNG or JPEG file");
        return Err(Problem::header(Kind::MediaType, "Content-Type", words));
    }
    let (Upload { body, hash }, key) = Upload::of(&state, request, paper::MAX_BYTES).await?;
    let (shared, actor) = (state.clone(), caller.key());
    let work = async move {
        let kept = keep(&shared, &caller, &order, &name, &body).await;
        kept.into_response()
    };
    match key {
        None => Ok(work.await),
        Some(key) => Ok(frame::at_most_once(&state, actor, key, hash, work).await),
    }
}

async fn keep(state: &Shared, caller: &Caller, order: &Order, name: &str, body: &[u8]) -> Result<Response, Problem> {
    let Some((kind, ..)) = PAPERS.iter().find(|(.., begins)| body.starts_with(begins)) else {
        let words = phrase!("tệp không phải PDF, PNG hay JPEG", "the file is no PDF, PNG or JPEG");
        return Err(Problem::new(Kind::Invalid, words));
    };
    let sight = Sight::of(state, caller, Right::WriteOrders).await?;
    let (db, by) = (&state.parts.db, sight.by(state));
    if paper::kept_by(db, &caller.actor.name, by.now - DAY).await? >= PAPERS_A_DAY {
        let words = phrase!("nhiều nhất {PAPERS_A_DAY} tài liệu một ngày", "at most {PAPERS_A_DAY} papers a day");
        return Err(Problem { retry_after: Some(3_600), ..Problem::new(Kind::TooMany, words) });
    }
    let hash = paper::attach(db, order.id, name, kind, body, &by).await??;
    let kept = paper::one(db, &hash).await?.ok_or_else(Problem::not_found)?;
    let path = format!("/api/v1/orders/{}/papers/{hash}", order.identifier);
    Ok(created(&path, &Paper { hash, name: kept.name, media_type: kept.kind }))
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
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Names(identifier, hash): Names,
) -> Result<Response, Problem> {
    let sight = Sight::of(&state, &caller, Right::ReadOrders).await?;
    let order = sight.order(&state, &identifier).await?;
    let db = &state.parts.db;
    let paper = paper::of_order(db, &order, &hash).await?.ok_or_else(Problem::not_found)?;
    let bytes = paper::bytes(db, &hash).await?.ok_or_else(Problem::not_found)?;
    // As a file, whatever it is: nothing that strangers bring is shown by a browser under our name.
    let ending = PAPERS.iter().find(|(kind, ..)| *kind == paper.kind).map_or("bin", |(_, ending, _)| *ending);
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{}.{ending}\"", &hash[..16])) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_report_is_a_pointer() {
        assert_eq!(pointer("areas[3].delivered"), "/areas/3/delivered");
        assert_eq!(pointer("as_of"), "/as_of");
        assert_eq!(pointer("."), "");
        assert_eq!(pointer("a/b~c"), "/a~1b~0c");
    }

    #[test]
    fn a_moment_in_an_address_may_have_lost_its_plus_sign() {
        let of = |text: &str| {
            let about = About { sequence: None, as_of: Some(text.into()), last: None, correction: None, evidence: None };
            about.moment().map_err(|problem| problem.kind)
        };
        assert_eq!(of("2026-11-22T08:30:00 07:00"), of("2026-11-22T01:30:00Z"));
        assert_eq!(of("2026-11-22T08:30:00+07:00").unwrap(), Some(1_795_311_000_000));
        assert_eq!(of("22/11/2026"), Err(Kind::Invalid));
    }
}
