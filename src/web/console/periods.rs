//! `/periods`: which reporting periods there are, which are closed (*chốt số liệu*), and closing one.
//!
//! What enters: a period, and the figures that its signer saw. What leaves: pages, and a closing that nothing changes any more.
//! What can go wrong: the period is not over, somebody else was faster, or the figures were counted anew meanwhile; then the
//! page says so and nothing was closed.

use axum::{
    Router,
    extract::{self, Path, Query},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use minijinja::{Value, context};
use serde::Deserialize;

use super::{
    Named,
    fault::Fault,
    form::Fields,
    reach::{adjustments, department, look, summary, today},
    visitor::{Visitor, see_other},
    when::moment,
};
use crate::{
    period::{Calendar, Period, Span},
    phrase,
    report::{
        self, Selection, Sheet,
        closing::{self, CloseError, Closing},
    },
    transaction,
    user::Right,
    web::State,
    words::Lang,
};

pub(super) const TEMPLATES: &[Named] = &[
    ("periods/list", include_str!("../templates/console/periods/list.html")),
    ("periods/show", include_str!("../templates/console/periods/show.html")),
];

pub(super) fn routes() -> Router<State> {
    Router::new().route("/periods", get(list)).route("/periods/{key}", get(show)).route("/periods/{key}/close", post(close))
}

/// Periods on the list.
const SHOWN: usize = 12;

#[derive(Deserialize, Default)]
struct Spanned {
    #[serde(default)]
    span: String,
}

async fn list(
    extract::State(state): extract::State<State>,
    visitor: Visitor,
    Query(asked): Query<Spanned>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadReach)?;
    let (calendar, lang) = (Calendar::of(&state.0.parts.config.reporting), visitor.lang);
    let span = Span::named(&asked.span).unwrap_or(Span::Quarter);
    let day = today(&state);
    let periods: Vec<Period> =
        std::iter::successors(calendar.containing(span, day), |period| calendar.previous(period)).take(SHOWN).collect();
    let keys: Vec<String> = periods.iter().map(Period::key).collect();
    let closings = closing::of_periods(&state.0.parts.db, &keys, &department(&visitor)).await?;
    let rows: Vec<Value> = periods
        .into_iter()
        .map(|period| {
            let closed = closings.iter().find(|closing| closing.period == period.key());
            context! {
                key => period.key(), title => period.title().text(lang), days => period.days(lang), over => day > period.through,
                closed => closed.map(|closing| closing_value(closing, lang)),
            }
        })
        .collect();
    let spans: Vec<Value> = Span::ALL
        .into_iter()
        .map(|one| context! { href => format!("/periods?span={}", one.name()), label => one.label().text(lang), current => one == span })
        .collect();
    Ok(state.0.view(&visitor, "periods/list", context! { rows, spans, may_close => visitor.can(Right::ClosePeriods) }))
}

fn closing_value(closing: &Closing, lang: Lang) -> Value {
    context! {
        id => closing.id, by => &closing.by, at => moment(closing.closed_at, lang), counted => moment(closing.sheet.at, lang),
        hash => &closing.hash, reason => &closing.reason, supersedes => closing.supersedes,
        open => closing.sheet.runs.open,
    }
}

/// A period as its page shows it.
struct Look {
    period: Period,
    selection: Selection,
    /// As it is now, and whether nothing changed since it was counted; none: being counted.
    now: Option<(Sheet, bool)>,
    history: Vec<Closing>,
}

async fn period(state: &State, visitor: &Visitor, key: &str) -> Result<Look, Fault> {
    let period = Calendar::of(&state.0.parts.config.reporting).parse(key).ok_or(Fault::NotFound)?;
    let (_, only) = report::seen_by(&state.0.parts.db, &visitor.user.departments).await?;
    let selection = Selection { only, ..Selection::of(&period) };
    let now = look(state, visitor, None, &selection).await?.map(|shown| (shown.sheet, shown.fresh));
    let history = closing::of_periods(&state.0.parts.db, &[period.key()], &department(visitor)).await?;
    Ok(Look { period, selection, now, history })
}

async fn show(
    extract::State(state): extract::State<State>,
    visitor: Visitor,
    Path(key): Path<String>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadReach)?;
    let look = period(&state, &visitor, &key).await?;
    Ok(page(&state, &visitor, &look, StatusCode::OK, "", None))
}

fn page(
    state: &State,
    visitor: &Visitor,
    look: &Look,
    status: StatusCode,
    reason: &str,
    error: Option<(&str, &str)>,
) -> Response {
    let lang = visitor.lang;
    let latest = look.history.first();
    let now = look.now.as_ref().map(|(sheet, _)| sheet);
    let adjusted = latest.zip(now).map(|(closing, now)| closing::adjustments(&closing.sheet, now));
    let values = context! {
        key => look.period.key(), title => look.period.title().text(lang), days => look.period.days(lang),
        over => today(state) > look.period.through,
        may_close => visitor.can(Right::ClosePeriods),
        department => department(visitor),
        counting => now.is_none(),
        stale => look.now.as_ref().is_some_and(|(_, fresh)| !fresh),
        counted => now.map(|sheet| moment(sheet.at, lang)),
        seen => now.map(|sheet| sheet.at),
        open => now.map_or(0, |sheet| sheet.runs.open),
        summary => now.map(|sheet| summary(sheet, latest.map(|closing| &closing.sheet), lang)),
        latest => latest.map(|closing| closing_value(closing, lang)),
        history => look.history.iter().map(|closing| closing_value(closing, lang)).collect::<Vec<_>>(),
        adjusted => adjusted.map(|adjusted| adjustments(&adjusted, lang)),
        reason,
        error => error.map(|(_, text)| text.to_string()),
        errors => error.iter().map(|(field, text)| context! { field => *field, text => *text }).collect::<Vec<_>>(),
    };
    state.0.view_as(status, visitor, "periods/show", values)
}

async fn close(
    extract::State(state): extract::State<State>,
    visitor: Visitor,
    Path(key): Path<String>,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ClosePeriods)?;
    let look = period(&state, &visitor, &key).await?;
    let number = |name: &str| fields.get(name).parse::<i64>().ok();
    let seen = number("seen").unwrap_or(0);
    let department = department(&visitor);
    let request = closing::Request {
        period: &look.period,
        department: &department,
        selection: &look.selection,
        seen,
        by: &visitor.actor,
        corrects: number("corrects").map(|id| (id, fields.get("reason"))),
        today: today(&state),
        now: state.0.parts.clock.millis(),
    };
    // A refusal of ours is no fault of the database: it is told apart within.
    let done = transaction!(state.0.parts.db, |tx| {
        match closing::close(tx, &request).await {
            Ok(_) => Ok(Ok(())),
            Err(CloseError::Db(error)) => Err(error),
            Err(refused) => Ok(Err(refused)),
        }
    })?;
    match done {
        Ok(()) => {
            let title = look.period.title();
            let (vi, en) = (&title.vi, &title.en);
            visitor.flash(&phrase!("Đã chốt số liệu: {vi}.", "Closed: {en}.")).await?;
            Ok(see_other(&format!("/periods/{}", look.period.key())))
        }
        Err(refused) => {
            let field = if matches!(refused, CloseError::NoReason) { "reason" } else { "" };
            let status = if field.is_empty() { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
            let words = refused.words().text(visitor.lang).to_string();
            Ok(page(&state, &visitor, &look, status, fields.get("reason"), Some((field, &words))))
        }
    }
}
