//! What an outlet counted. A report comes as JSON, or as a table (CSV, XLSX) with what is about the whole in the table or in parameters; an
//! officer types in what came on paper, and names the paper. What is wrong is told by pointer, or by line and column ([`wrong`]).

mod shape;
mod wrong;

use axum::{
    body::Bytes,
    extract::{self, Request},
    response::{IntoResponse as _, Response},
};
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Named,
    held::Held,
    sight::{Addressed, ToAnswer, ToRead},
    told::Told,
};
use crate::{
    audience::place::Places,
    phrase,
    relay::{
        Order, paper,
        report::{
            self, Report, Unreadable,
            table::{self, Given, Table},
        },
    },
    web::{
        Shared, State,
        api::{
            answer::List,
            frame,
            input::{Query, media_type},
            problem::{Kind, Problem},
        },
        download::XLSX,
    },
};
use shape::{AReport, Sent};
use wrong::{pointer, rejected};

/// Bytes of the largest report.
const LARGEST: usize = 8 * 1024 * 1024;

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list))
}

/// What takes longer than other requests, because what comes up may be large.
pub(super) fn slow_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(take))
}

#[utoipa::path(get, path = "/orders/{identifier}/reports", tag = "orders", operation_id = "list_order_reports",
    summary = "Các báo cáo của một yêu cầu | An order's reports", description = "The one that counts first; corrected ones are kept.",
    params(Named), responses((status = 200, description = "All of them", body = List<AReport>)))]
async fn list(ToRead(at): ToRead, extract::State(State(state)): extract::State<State>) -> Result<List<AReport>, Problem> {
    let kept = report::all(&state.parts.db, at.order.id).await?;
    let told = kept.into_iter().map(|kept| {
        let counts = at.order.report == Some(kept.id);
        AReport::of(kept, counts, at.sight().outlet().is_none())
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
    ToAnswer(at): ToAnswer,
    extract::State(State(state)): extract::State<State>,
    Query(about): Query<About>,
    request: Request,
) -> Result<Response, Problem> {
    let kind = Body::of(&request)?;
    if matches!(kind, Body::Json) && !about.is_empty() {
        let words =
            phrase!("tham số chỉ đi với bảng: JSON tự nêu những điều này", "parameters go with tables: JSON says these itself");
        return Err(Problem::new(Kind::Invalid, words));
    }
    let (Held { body, hash, under_way }, key) = Held::of(&state, &at.caller, request, LARGEST).await?;
    let (shared, actor) = (state.clone(), at.caller.key());
    let work = async move {
        let taken = Box::pin(judged(&shared, &at, kind, about, body)).await;
        drop(under_way);
        taken.into_response()
    };
    match key {
        None => Ok(work.await),
        Some(key) => Ok(frame::at_most_once(&state, actor, key, hash, work).await),
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
async fn evident(state: &Shared, at: &Addressed, report: &Report, table: Option<&Table>) -> Result<(), Problem> {
    let wrong = |words| match table {
        Some(_) => Problem::at_odds("evidence", words),
        None => Problem::field("/evidence", words),
    };
    let Some(hash) = &report.evidence else {
        if at.sight().outlet().is_some() {
            return Ok(());
        }
        return Err(wrong(phrase!(
            "báo cáo nhập thay đơn vị phải kèm bản giấy: tải tài liệu lên trước rồi nêu mã của nó",
            "a report that is typed in for an outlet needs its paper: upload that first, and name its hash"
        )));
    };
    if paper::of_order(&state.parts.db, &at.order, hash, at.sight().eyes()).await?.is_some() {
        return Ok(());
    }
    Err(wrong(phrase!(
        "yêu cầu này không có tài liệu mang mã ấy: tải tài liệu lên trước",
        "the order has no such paper: upload it first"
    )))
}

async fn judged(state: &Shared, at: &Addressed, kind: Body, about: About, body: Bytes) -> Result<axum::Json<Taken>, Problem> {
    let order = &at.order;
    let (report, table) = match kind {
        Body::Json => (read_json(&body, order)?, None),
        Body::Table => {
            let table = read_table(order.clone(), about, body).await?;
            (table.report.clone(), Some(table))
        }
    };
    evident(state, at, &report, table.as_ref()).await?;
    let places = Places::built_in();
    let taken = report::take(&state.parts.db, order.id, &report, |code| places.province_of(code), &at.by(state)).await?;
    let taken = taken.map_err(|why| rejected(why, &report, table.as_ref()))?;
    Ok(axum::Json(Taken {
        order: at.sight().tell(state, taken.order).await?,
        sequence: report.sequence,
        repeated: taken.repeated,
        ignored: table.map(|table| table.ignored).unwrap_or_default(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

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
