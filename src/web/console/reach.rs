//! `/reach`: whom the campaigns reached, for managers: a period against the last and against the goal, by every cut, down to
//! the rows; a one-page answer to sign; and the same as files.
//!
//! What enters: which period, which campaign, which place; whose departments the visitor is of. What leaves: pages made from
//! kept figures ([`crate::report::kept`]), each shown with the time for which it holds. A selection that nobody looked at before is
//! counted in the background; the page says so, and follows. What can go wrong is only the database.

mod charts;
mod figures;
mod files;
mod heading;
mod rows;
mod values;
mod wanted;

use axum::{
    Router,
    extract::{self, Query},
    response::Response,
    routing::get,
};
use minijinja::{Value, context, value::Serde};

pub(super) use figures::{department, look, today};
pub(super) use values::{adjustments, summary};

use super::{Named, fault::Fault, visitor::Visitor, when::moment};
use crate::{
    audience::figure,
    period::Period,
    reconcile,
    report::{Cut, target::Target},
    user::Right,
    web::State,
    words::Lang,
};
use figures::Shown;
use heading::heading;
use wanted::{Asked, Wanted};

pub(super) const TEMPLATES: &[Named] = &[
    ("reach/show", include_str!("../templates/console/reach/show.html")),
    ("reach/answer", include_str!("../templates/console/reach/answer.html")),
    ("reach/rows", include_str!("../templates/console/reach/rows.html")),
];

pub(super) const SCRIPTS: &[Named] = &[("follow.js", include_str!("../templates/console/reach/follow.js"))];

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/reach", get(show))
        .route("/reach/answer", get(answer))
        .route("/reach/rows", get(rows::show))
        .route("/reach/export/{file}", get(files::export))
}

/// What a page needs beside the sheet.
struct Around {
    shown: Shown,
    before: Option<(Period, Shown)>,
    /// Goals, with how far they are reached; none: being counted.
    targets: Vec<Target>,
}

async fn around(state: &State, visitor: &Visitor, wanted: &Wanted) -> Result<Option<Around>, Fault> {
    let Some(shown) = look(state, visitor, wanted.period.as_ref(), &wanted.selection).await? else { return Ok(None) };
    let before = match wanted.previous() {
        None => None,
        Some(period) => look(state, visitor, Some(&period), &wanted.in_period(&period)).await?.map(|shown| (period, shown)),
    };
    let targets = figures::targets(state, visitor, wanted, &shown).await?;
    Ok(Some(Around { shown, before, targets }))
}

async fn show(
    extract::State(state): extract::State<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let wanted = Wanted::of(&state, &visitor, asked).await?;
    let lang = visitor.lang;
    let frame = heading(&wanted, lang);
    let Some(around) = around(&state, &visitor, &wanted).await? else {
        return Ok(state.0.view(&visitor, "reach/show", context! { counting => true, ..frame }));
    };
    let trend = charts::trend(&state, &visitor, &wanted, &around, lang).await?;
    let reported = reported(&state, &visitor, &wanted).await?;
    let listed = listed(&state, &visitor, &wanted).await?;
    let Around { shown, before, targets } = &around;
    let (sheet, then) = (&shown.sheet, before.as_ref().map(|(_, shown)| shown.compared()));
    let lines: Vec<Value> = sheet.lines(wanted.by).iter().map(|line| values::line_value(line, then, &wanted, lang)).collect();
    let before_missing = wanted.previous().is_some() && before.is_none();
    let segment = wanted.selection.campaign.as_ref().map(|slug| {
        let days = wanted.selection.from.map_or(365, |from| (today(&state) - from).num_days().clamp(1, 3_650) + 1);
        format!("/segments/new?unreached={slug}&within={days}d")
    });
    let values = context! {
        counting => false,
        counted => moment(sheet.at, lang),
        counted_at => sheet.at,
        stale => !shown.fresh,
        // Seconds after which a script looks again: soon where something is being counted, now and then while runs go on.
        follow => if !shown.fresh || before_missing { Some(5) } else if sheet.runs.open > 0 { Some(30) } else { None },
        runs => Value::from(Serde(&sheet.runs)),
        is_part => shown.part.is_some(),
        closing => shown.closing.as_ref().map(|closing| context! {
            id => closing.id, by => &closing.by, at => moment(closing.closed_at, lang), hash => &closing.hash, period => &closing.period,
        }),
        adjusted => adjustments(&shown.adjusted, lang),
        tiles => values::tiles(sheet, then, lang),
        listed => listed.map(|(people, at)| values::listed(sheet, people, at, lang)),
        summary => summary(sheet, then, lang),
        before => before.as_ref().map(|(period, shown)| context! {
            title => period.title().text(lang), days => period.days(lang), closed => shown.closing.is_some(),
        }),
        before_missing,
        goal => values::goal_of(sheet, lang),
        targets => targets.iter().map(|target| values::target_value(target, lang)).collect::<Vec<_>>(),
        // Columns that would be empty are left out.
        has_before => lines.iter().any(|line| line.get_attr("share_before").is_ok_and(|share| share.is_true())),
        has_population => lines.iter().any(|line| line.get_attr("of_population").is_ok_and(|share| share.is_true())),
        lines => lines,
        parts_people => wanted.by.parts_people(),
        parts_deliveries => wanted.by.parts_deliveries(),
        drills => wanted.by != Cut::Group,
        chart => Value::from_safe_string(charts::line_chart(sheet, wanted.by, &wanted, lang)),
        map => charts::map(sheet, &wanted, lang).map(Value::from_safe_string),
        places => values::places(sheet, &wanted, lang),
        trend => trend,
        reported => reported.iter().map(|one| values::reported(one, lang)).collect::<Vec<_>>(),
        relayed => sheet.relayed.as_ref().filter(|relayed| !relayed.is_empty()).map(|relayed| values::relayed_value(relayed, lang)),
        relayed_orders => visitor.can(Right::ReadOrders).then_some("/orders"),
        gaps => values::gaps(sheet, &wanted, lang),
        segment => segment,
        may_segment => visitor.can(Right::WriteAudience),
        answer => wanted.with("/reach/answer", |asked| asked.by = String::new()),
        docx => wanted.with("/reach/export/bao-cao.docx", |asked| asked.by = String::new()),
        xlsx => wanted.with("/reach/export/bao-cao.xlsx", |asked| asked.by = String::new()),
        csv => wanted.with("/reach/export/bao-cao.csv", |asked| asked.by = wanted.by.name().to_string()),
        ..frame
    };
    Ok(state.0.view(&visitor, "reach/show", values))
}

/// How many people the list has, in the place that is asked for, and when they were counted; none where it is not known, or
/// where departments' lists would have to be told apart.
async fn listed(state: &State, visitor: &Visitor, wanted: &Wanted) -> Result<Option<(i64, i64)>, Fault> {
    let province = wanted.selection.area.as_deref();
    if !visitor.user.departments.is_everything() || province.is_some_and(|code| code.len() != 2) {
        return Ok(None);
    }
    let by = if province.is_some() { figure::Cut::Province } else { figure::Cut::List };
    let list = figure::read(&state.0.parts.db, by, "", &[]).await?;
    let people = province.map_or_else(|| list.sum(), |code| list.by_name.get(code).copied().unwrap_or_default()).people;
    Ok((people > 0).then_some((people, list.at)))
}

/// What carriers billed for the days of the figures, beside which it is shown: of the whole office and all that it sent, as
/// bills are.
async fn reported(state: &State, visitor: &Visitor, wanted: &Wanted) -> Result<Vec<reconcile::Reported>, Fault> {
    let selection = &wanted.selection;
    let is_all = visitor.user.departments.is_everything() && selection.campaign.is_none() && selection.area.is_none();
    match selection.from.zip(selection.through).filter(|_| is_all) {
        Some((from, through)) => Ok(reconcile::reported(&state.0.parts.db, &from.to_string(), &through.to_string()).await?),
        None => Ok(Vec::new()),
    }
}

/// The page to sign: in Vietnamese, as it leaves the house.
async fn answer(
    extract::State(state): extract::State<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let wanted = Wanted::of(&state, &visitor, asked).await?;
    let Some(around) = around(&state, &visitor, &wanted).await? else {
        return Ok(state.0.view(&visitor, "reach/show", context! { counting => true, ..heading(&wanted, visitor.lang) }));
    };
    let department = department(&visitor);
    let paper = files::paper(&state, &wanted, &around, &department);
    let values = context! {
        office_name => paper.office_name(), superior => &paper.reporting.superior, number => paper.number(), place => paper.place_and_day(),
        subject => paper.subject(), sentences => paper.sentences(), source => paper.source(), recipients => &paper.reporting.recipients,
        summary => summary(paper.sheet, paper.before.map(|(_, sheet)| sheet), Lang::Vi),
        before => paper.before.map(|(period, _)| period.title().vi),
        back => wanted.with("/reach", |_| {}),
        docx => wanted.with("/reach/export/bao-cao.docx", |asked| asked.by = String::new()),
    };
    Ok(state.0.view(&visitor, "reach/answer", values))
}
