//! Whom campaigns reached: each person once, confirmed and presumed apart, beside what was sent.

use axum::{
    extract,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{answer::moment, caller::Caller, input::Query, problem::Problem};
use crate::{
    phrase,
    report::{self, Cut, Selection, kept},
    user::Right,
    web::{Shared, State, reader::Reader},
};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(figures))
}

/// Of what.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// Only this campaign's runs.
    campaign: Option<String>,
    /// Runs for this day and later ones.
    from: Option<NaiveDate>,
    /// Runs for this day and earlier ones.
    through: Option<NaiveDate>,
    /// Only this place, by its code.
    area: Option<String>,
    /// Split by this.
    #[param(inline, value_type = Option<TheCuts>)]
    by: Option<String>,
}

/// By what a report is split.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes a parameter that `report::Cut` reads")]
enum TheCuts {
    Campaign,
    Channel,
    Area,
    Segment,
    Group,
    Carrier,
    Account,
    Message,
    Reason,
}

/// Figures.
#[derive(Debug, Serialize, ToSchema)]
struct Report {
    /// When it was counted.
    at: DateTime<Utc>,
    /// Nothing has changed since then. Else it is being counted again.
    fresh: bool,
    /// How many runs it is of.
    runs: Runs,
    /// People, each once.
    #[schema(value_type = ThePeople)]
    people: Value,
    /// Messages by state, with their parts and đồng.
    #[schema(value_type = TheDeliveries)]
    deliveries: Value,
    /// The same, line by line.
    lines: Vec<Line>,
}

/// The runs of a report.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReportRuns)]
struct Runs {
    /// All of them.
    total: i64,
    /// Still going on: their figures still change.
    open: i64,
    /// Missed, so that they have no deliveries.
    missed: i64,
}

/// One line.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReportLine)]
struct Line {
    /// What programs know it by; `none` for what belongs to no line.
    key: String,
    /// What people read.
    name: String,
    /// People, each once.
    #[schema(value_type = ThePeople)]
    people: Value,
    /// Messages.
    #[schema(value_type = TheDeliveries)]
    deliveries: Value,
}

/// People, each counted once: `addressed` = `confirmed` + `presumed` + `not_reached`, and the last is the sum of the rest.
#[derive(ToSchema)]
#[schema(as = People)]
#[expect(dead_code, reason = "describes what `report::People` writes")]
pub(super) struct ThePeople {
    addressed: i64,
    confirmed: i64,
    presumed: i64,
    not_reached: i64,
    waiting: i64,
    in_doubt: i64,
    unknown: i64,
    shared_address: i64,
    failed: i64,
    unsent: i64,
    opted_out: i64,
    no_address: i64,
}

/// Messages by state: they add up to `total`.
#[derive(ToSchema)]
#[schema(as = Deliveries)]
#[expect(dead_code, reason = "describes what `report::Deliveries` writes")]
struct TheDeliveries {
    total: i64,
    pending: i64,
    submitting: i64,
    in_doubt: i64,
    accepted: i64,
    enroute: i64,
    delivered: i64,
    seen: i64,
    undelivered: i64,
    expired: i64,
    rejected: i64,
    unknown: i64,
    skipped: i64,
    lapsed: i64,
    cancelled: i64,
    parts: i64,
    cost: i64,
}

/// Figures that nobody has looked at yet: they are being counted in the background.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Counting {
    /// Seconds after which to ask again.
    #[schema(minimum = 1)]
    retry_after: u16,
}

impl Counting {
    /// Small counts take no longer.
    pub(super) const fn now() -> Self {
        Self { retry_after: 2 }
    }
}

impl IntoResponse for Counting {
    fn into_response(self) -> Response {
        let wait = HeaderValue::from(self.retry_after);
        let mut response = (StatusCode::ACCEPTED, axum::Json(self)).into_response();
        response.headers_mut().insert(RETRY_AFTER, wait);
        response
    }
}

/// The kept figures of a selection, which are kept up from now on; none: they are being counted.
pub(super) async fn kept(state: &Shared, selection: &Selection) -> Result<Option<kept::Kept>, Problem> {
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let (kept, unwritten) = kept::look(db, selection, now).await?;
    if unwritten {
        kept::want(db, selection, now).await?;
        state.parts.work.notify_waiters();
    }
    Ok(kept)
}

pub(super) fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

#[utoipa::path(get, path = "/reports", tag = "reach", operation_id = "read_report",
    summary = "Số liệu tiếp cận | Whom campaigns reached",
    description = "Exact for the moment that they name, as the console's pages show them. 202: nobody has looked at these yet, ask again.",
    params(Asked),
    responses((status = 200, description = "The figures", body = Report),
        (status = 202, description = "They are being counted", body = Counting, headers(("Retry-After" = u16, description = "Seconds"))),
        (status = 422, description = "The last day is before the first")))]
async fn figures(
    caller: Caller,
    Reader(lang): Reader,
    extract::State(State(state)): extract::State<State>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    use clap::ValueEnum as _;
    caller.needs(Right::ReadReach)?;
    let by = match &asked.by {
        Some(name) => Some(Cut::from_str(name, false).map_err(|_| {
            let known: Vec<_> =
                Cut::value_variants().iter().filter_map(|cut| Some(cut.to_possible_value()?.get_name().to_string())).collect();
            let known = known.join(", ");
            Problem::parameter("by", phrase!("một trong {known}", "one of {known}"))
        })?),
        None => None,
    };
    if let (Some(from), Some(through)) = (asked.from, asked.through)
        && through < from
    {
        return Err(Problem::at_odds("through", phrase!("ngày cuối đứng trước ngày đầu", "the last day is before the first")));
    }
    let (_, only) = report::seen_by(&state.parts.db, &caller.user.departments).await?;
    let selection =
        Selection { campaign: asked.campaign, from: asked.from, through: asked.through, area: asked.area, only, run: None };
    let Some(kept::Kept { sheet, fresh }) = kept(&state, &selection).await? else {
        return Ok(Counting::now().into_response());
    };
    let report = sheet.report(by, Vec::new());
    let lines = report.lines.iter().map(|line| Line {
        key: line.key.clone(),
        name: line.name.text(lang).to_string(),
        people: value(&line.figures.people),
        deliveries: value(&line.figures.deliveries),
    });
    let told = Report {
        at: moment(report.at),
        fresh,
        runs: Runs { total: report.runs.total, open: report.runs.open, missed: report.runs.missed },
        people: value(&report.total.people),
        deliveries: value(&report.total.deliveries),
        lines: lines.collect(),
    };
    Ok(axum::Json(told).into_response())
}
