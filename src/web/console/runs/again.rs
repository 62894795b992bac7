//! `/runs/{id}/retry`: the same text again, to those whom it failed.

use axum::{
    extract::{self, Path},
    response::Response,
};
use minijinja::{Value, context, value::Serde};
use serde::Serialize;
use serde_json::json;

use super::{change::take_effect, seen};
use crate::{
    audit,
    delivery::{Kin, State as Delivery},
    phrase,
    run::{
        RunError,
        again::{self, Made},
    },
    tally, transaction,
    user::Right,
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::Fields,
            visitor::{Visitor, see_other},
        },
    },
};

/// A state that may be tried again, and how many deliveries stand in it.
#[derive(Serialize)]
struct Choice {
    state: &'static str,
    count: i64,
    /// Chosen at first: who got nothing for certain.
    usual: bool,
}

async fn choices(shared: &Shared, run: i64) -> crate::db::Result<Vec<Choice>> {
    let tallies = tally::of_runs(&shared.parts.db, &[run]).await?;
    let count = |state: Delivery| tallies.iter().filter(|(key, _)| key.state == state.number()).map(|(_, count)| count.n).sum();
    let usual = |state| !matches!(state, Delivery::Unknown | Delivery::Cancelled);
    let choice = |state: Delivery| Choice { state: state.name(), count: count(state), usual: usual(state) };
    Ok(Kin::RETRIED.into_iter().map(choice).filter(|choice| choice.count > 0).collect())
}

pub(super) async fn ask(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Fault> {
    visitor.needs(Right::Run)?;
    let (row, head) = seen(&state, &visitor, id).await?;
    again::over(&state.parts.db, id).await?;
    let tried = again::children(&state.parts.db, id).await?;
    Ok(state.view(
        &visitor,
        "console/runs/retry",
        context! {
            id => id, title => head.title, kind => if row.kind == 1 { "warning" } else { "awareness" }, nth => tried.len() + 1, tried => tried,
            choices => Value::from(Serde(&choices(&state, id).await?)),
        },
    ))
}

pub(super) async fn make(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::Run)?;
    seen(&state, &visitor, id).await?;
    let named = |name: &str| Kin::RETRIED.into_iter().find(|state| state.name() == name);
    let states: Vec<Delivery> = fields.all("state").filter_map(named).collect();
    if states.is_empty() {
        return Err(Fault::Invalid(phrase!(
            "Chưa chọn gửi lại cho ai: hãy chọn ít nhất một nhóm.",
            "Nobody was chosen: choose at least one group."
        )));
    }
    let nth = fields.get("nth").parse().unwrap_or(1);
    let retry = again::retry(&state.parts.db, id, &states, nth).await?;
    let now = state.parts.clock.millis();
    let made: Result<Made, RunError> = transaction!(state.parts.db, |tx| {
        let made = retry.make(tx, now).await?;
        if let Ok(Made { run, is_new: true }) = made {
            let chosen: Vec<&str> = states.iter().map(|state| state.name()).collect();
            let after = json!({ "run": run, "states": chosen });
            audit::record(tx, &visitor.actor, "run.retry", &format!("run {id}"), None, Some(&after), now).await?;
        }
        Ok(made)
    })?;
    let Made { run, is_new } = made?;
    take_effect(&state).await?;
    if is_new {
        visitor.flash(&phrase!("Đã tạo đợt gửi lại số {run}.", "Made run {run} to send again.")).await?;
    } else {
        let said = phrase!(
            "Lần gửi lại này đã được tạo trước đó, là đợt {run}: không tạo thêm.",
            "Somebody had made this already: it is run {run}, and no other was made."
        );
        visitor.warn(&said).await?;
    }
    Ok(see_other(&format!("/runs/{run}")))
}
