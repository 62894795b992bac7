//! `/stop`: the big stop. Everything that is being sent, or one run, stands still within a second on all nodes.

use axum::{
    extract::{self, Query},
    response::Response,
};
use minijinja::{Value, context, value::Serde};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::change::{Reach, take_effect};
use crate::{
    active::{RunRow, run_columns},
    audit,
    db::Sql,
    on, phrase,
    relay::waiting,
    run::command::{self, By},
    transaction,
    user::Right,
    web::{
        Shared, State,
        card::Card,
        console::{
            fault::Fault,
            form::Fields,
            visitor::{Visitor, see_other},
        },
        overview,
    },
};

static UNDER_WAY: Sql = Sql::new(concat!(
    "SELECT ",
    run_columns!(),
    " FROM run WHERE settled_at IS NULL AND state < 2 ORDER BY kind DESC, id DESC LIMIT 200"
));

/// A run that can be stopped, or stands still.
#[derive(Serialize)]
struct Stoppable {
    #[serde(flatten)]
    card: Card,
    reach: Reach,
    /// What it asks of outlets and nobody has yet.
    orders: i64,
    stopped_by: Option<String>,
}

/// Runs on the page.
const MOST: usize = 200;

/// The runs of which something can be stopped, or stands still, that this visitor sees.
async fn stoppable(shared: &Shared, visitor: &Visitor) -> crate::db::Result<Vec<RunRow>> {
    let rows = command::stoppable(&shared.parts.db).await?;
    those_seen(shared, visitor, rows).await
}

async fn those_seen(shared: &Shared, visitor: &Visitor, rows: Vec<RunRow>) -> crate::db::Result<Vec<RunRow>> {
    let heads = shared.titles.of(&shared.parts.db, &rows).await?;
    let sees = |row: &RunRow| heads.get(&row.definition).is_none_or(|head| visitor.user.departments.sees(&head.owner));
    Ok(rows.into_iter().filter(sees).collect())
}

/// The runs under way that this visitor sees, warnings first, then the newest.
pub(in crate::web::console) async fn under_way(shared: &Shared, visitor: &Visitor) -> crate::db::Result<Vec<RunRow>> {
    let db = &shared.parts.db;
    let rows: Vec<RunRow> = on!(db.read, |pool, sql| sqlx::query_as(sql(&UNDER_WAY)).fetch_all(pool).await)?;
    those_seen(shared, visitor, rows).await
}

#[derive(Deserialize)]
pub(super) struct Asked {
    /// The run from whose page one comes.
    run: Option<i64>,
}

pub(super) async fn ask(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    visitor.needs(Right::Stop)?;
    let mut rows = stoppable(&state, &visitor).await?;
    rows.truncate(MOST);
    let orders = waiting::unsent_of_all(&state.parts.db).await?;
    let more: Vec<(i64, Option<String>)> =
        rows.iter().map(|row| (orders.get(&row.id).copied().unwrap_or_default(), row.stopped_by.clone())).collect();
    let cards = overview::views(&state, rows).await?.into_iter().map(Card::of);
    let stoppable = |(card, (orders, stopped_by)): (Card, _)| Stoppable { reach: Reach::of(&card), orders, card, stopped_by };
    let runs: Vec<Stoppable> = cards.zip(more).map(stoppable).collect();
    let (still, going): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| run.card.run.paused);
    Ok(state.view(
        &visitor,
        "console/runs/stop",
        context! {
            going => Value::from(Serde(&going)), still => Value::from(Serde(&still)), asked => asked.run,
            may_run => visitor.can(Right::Run),
        },
    ))
}

pub(super) async fn stop(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::Stop)?;
    let only: Option<i64> = match fields.get("run") {
        "" | "all" => None,
        one => Some(one.parse().map_err(|_| Fault::NotFound)?),
    };
    let seen: Vec<i64> = stoppable(&state, &visitor).await?.iter().map(|row| row.id).collect();
    if only.is_some_and(|run| !seen.contains(&run)) {
        return Err(Fault::NotFound);
    }
    let everything = visitor.user.departments.is_everything();
    // A run that was made while the page was being read is stopped, too, by whoever sees all departments.
    let meant = |run: i64| only.map_or(everything || seen.contains(&run), |only| only == run);
    let now = state.parts.clock.millis();
    let by = By { name: &visitor.actor.name, at: now };
    let stopped = transaction!(state.parts.db, |tx| {
        let stopped = command::stop(tx, meant, Some(by)).await?;
        let after = json!({ "runs": stopped, "everything": only.is_none() });
        audit::record(tx, &visitor.actor, "run.stop", "runs", None, Some(&after), now).await?;
        Ok(stopped)
    })?;
    take_effect(&state).await?;
    let n = stopped.len();
    visitor
        .flash(&phrase!(
            "Đã dừng {n} đợt gửi. Tin đã giao cho cổng gửi, yêu cầu đã giao cho đơn vị thì không dừng được; phần còn lại được giữ lại.",
            "Stopped {n} runs. What gateways and outlets have is not stopped by that; the rest is held."
        ))
        .await?;
    Ok(see_other("/stop"))
}

pub(super) async fn resume(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::Run)?;
    let seen: Vec<i64> = stoppable(&state, &visitor).await?.iter().map(|row| row.id).collect();
    let asked: Vec<i64> = fields.all("run").filter_map(|run| run.parse().ok()).filter(|run| seen.contains(run)).collect();
    let now = state.parts.clock.millis();
    let by = By { name: &visitor.actor.name, at: now };
    let resumed = transaction!(state.parts.db, |tx| {
        let mut resumed = 0;
        for run in &asked {
            // One that ended meanwhile is left as it is.
            if let Ok(changed) = command::change(tx, *run, command::Change::Resume, Some(by)).await?
                && changed.differs()
            {
                let (before, after) = (changed.before.recorded(), changed.after.recorded());
                let subject = format!("run {run}");
                audit::record(tx, &visitor.actor, "run.resume", &subject, Some(&before), Some(&after), now).await?;
                resumed += 1;
            }
        }
        Ok(resumed)
    })?;
    take_effect(&state).await?;
    visitor.flash(&phrase!("{resumed} đợt gửi tiếp tục.", "{resumed} runs go on.")).await?;
    Ok(see_other("/stop"))
}
