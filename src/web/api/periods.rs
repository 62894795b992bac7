//! Reporting periods: which are closed (*chốt số liệu*), with which figures, and closing one.

use axum::{
    extract,
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::{List, created, moment},
    caller::Caller,
    figures::{Counting, ThePeople, kept, value},
    input::{Json, Name},
    problem::Problem,
};
use crate::{
    period::{self, Calendar},
    phrase,
    report::{
        self, Selection,
        closing::{self, CloseError},
    },
    transaction,
    user::Right,
    web::{Shared, State},
};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read)).routes(routes!(close))
}

/// Closings on the list.
const CLOSINGS: i64 = 200;

/// Figures that were closed: they never change again.
#[derive(Debug, Serialize, ToSchema)]
struct Closing {
    /// Its number.
    #[schema(minimum = 1)]
    id: i64,
    /// The period, such as `2026-Q3`, `2026-10` or `2026-W44`.
    #[schema(example = "2026-Q3")]
    period: String,
    /// Its first day.
    from: NaiveDate,
    /// Its last day.
    through: NaiveDate,
    /// Whose figures; empty: the whole office's.
    department: String,
    /// When they were counted.
    counted_at: DateTime<Utc>,
    /// When they were closed.
    closed_at: DateTime<Utc>,
    /// Who signed.
    by: String,
    /// The closing that this one corrects.
    corrects: Option<i64>,
    /// Why.
    reason: String,
    /// SHA-256 of all that was signed.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    hash: String,
    /// People, each once.
    #[schema(value_type = ThePeople)]
    people: Value,
}

impl From<closing::Closing> for Closing {
    fn from(one: closing::Closing) -> Self {
        Self {
            people: value(&one.sheet.total.people),
            counted_at: moment(one.sheet.at),
            id: one.id,
            period: one.period,
            from: one.from,
            through: one.through,
            department: one.department,
            closed_at: moment(one.closed_at),
            by: one.by,
            corrects: one.supersedes,
            reason: one.reason,
            hash: one.hash,
        }
    }
}

/// A period as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Period)]
struct Standing {
    /// Its name.
    #[schema(example = "2026-Q3")]
    period: String,
    /// Its first day.
    from: NaiveDate,
    /// Its last day.
    through: NaiveDate,
    /// Its last day is over: it can be closed.
    over: bool,
    /// When its figures were counted; null: they are being counted.
    counted_at: Option<DateTime<Utc>>,
    /// People by those figures, each once.
    #[schema(value_type = Option<ThePeople>)]
    people: Option<Value>,
    /// The closing that holds; null: it is open.
    closing: Option<Closing>,
}

/// A period to be closed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Close {
    /// The `counted_at` of the figures that were looked at.
    counted_at: DateTime<Utc>,
    /// The closing that this one corrects.
    #[schema(minimum = 1, nullable = false)]
    corrects: Option<i64>,
    /// Why it is corrected.
    #[serde(default)]
    #[schema(max_length = 1000)]
    reason: String,
}

/// A period's name.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a parameter")]
struct Key {
    /// A year `2026`, half `2026-H1`, quarter `2026-Q3`, month `2026-10` or week `2026-W44`.
    #[param(pattern = "^20[0-9]{2}(-(H[12]|Q[1-4]|[01][0-9]|W[0-5][0-9]))?$", example = "2026-Q3")]
    period: String,
}

/// A period, and which runs it is of for this caller.
async fn named(state: &Shared, caller: &Caller, key: &str) -> Result<(period::Period, Selection), Problem> {
    let period = Calendar::of(&state.parts.config.reporting).parse(key).ok_or_else(Problem::not_found)?;
    let (_, only) = report::seen_by(&state.parts.db, &caller.user.departments).await?;
    let selection = Selection { only, ..Selection::of(&period) };
    Ok((period, selection))
}

fn today(state: &Shared) -> NaiveDate {
    state.parts.clock.now().with_timezone(&chrono_tz::Asia::Ho_Chi_Minh).date_naive()
}

#[utoipa::path(get, path = "/closings", tag = "reach", operation_id = "list_closings",
    summary = "Các kỳ đã chốt số liệu | The closings", description = "The latest period first; of a period, the one that holds first.",
    responses((status = 200, description = "Those of the caller's departments", body = List<Closing>)))]
async fn list(caller: Caller, extract::State(State(state)): extract::State<State>) -> Result<List<Closing>, Problem> {
    caller.needs(Right::ReadReach)?;
    let closings = closing::list(&state.parts.db, &caller.user.departments.whose(), CLOSINGS).await?;
    Ok(List::whole(closings.into_iter().map(Closing::from).collect()))
}

#[utoipa::path(get, path = "/periods/{period}", tag = "reach", operation_id = "read_period",
    summary = "Một kỳ báo cáo | One period", params(Key),
    responses((status = 200, description = "As it stands", body = Standing)))]
async fn read(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(key): Name,
) -> Result<axum::Json<Standing>, Problem> {
    caller.needs(Right::ReadReach)?;
    let (period, selection) = named(&state, &caller, &key).await?;
    let sheet = kept(&state, &selection).await?.map(|kept| kept.sheet);
    let closing = closing::latest(&state.parts.db, &period.key(), &caller.user.departments.whose()).await?;
    Ok(axum::Json(Standing {
        period: period.key(),
        from: period.from,
        through: period.through,
        over: today(&state) > period.through,
        counted_at: sheet.as_ref().map(|sheet| moment(sheet.at)),
        people: sheet.map(|sheet| value(&sheet.total.people)),
        closing: closing.map(Closing::from),
    }))
}

#[utoipa::path(post, path = "/periods/{period}/closings", tag = "reach", operation_id = "close_period",
    summary = "Chốt số liệu một kỳ | Close a period's figures", description = "Nothing changes a closing; another one may correct it.",
    params(Key), request_body = Close,
    responses((status = 201, description = "The closing", body = Closing), (status = 202, description = "Its figures are being counted", body = Counting),
        (status = 409, description = "It is not over, is closed, or was counted anew meanwhile")))]
async fn close(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(key): Name,
    Json(close): Json<Close>,
) -> Result<Response, Problem> {
    caller.needs(Right::ClosePeriods)?;
    let (period, selection) = named(&state, &caller, &key).await?;
    if kept(&state, &selection).await?.is_none() {
        return Ok(Counting::now().into_response());
    }
    let department = caller.user.departments.whose();
    let request = closing::Request {
        period: &period,
        department: &department,
        selection: &selection,
        seen: close.counted_at.timestamp_millis(),
        by: &caller.actor,
        corrects: close.corrects.map(|id| (id, close.reason.as_str())),
        today: today(&state),
        now: state.parts.clock.millis(),
    };
    // A refusal of ours is no fault of the database: it is told apart within.
    let closed = transaction!(state.parts.db, |tx| {
        match closing::close(tx, &request).await {
            Ok(closing) => Ok(Ok(closing)),
            Err(CloseError::Db(error)) => Err(error),
            Err(refused) => Ok(Err(refused)),
        }
    })?;
    match closed {
        Ok(closing) => {
            let path = format!("/api/v1/periods/{}", closing.period);
            Ok(created(&path, &Closing::from(closing)))
        }
        Err(refused @ CloseError::NoReason) => Err(Problem::field("/reason", refused.words())),
        Err(CloseError::Recounted) => Err(Problem::conflict(phrase!(
            "số liệu đã được đếm lại: đọc lại kỳ này rồi chốt với `counted_at` mới",
            "the figures were counted anew: read the period again, and close it with the new `counted_at`"
        ))),
        Err(refused) => Err(Problem::conflict(refused.words())),
    }
}
