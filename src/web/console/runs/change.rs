//! What people do to a run: pause, resume, abort. Each change is recorded, and this node's gate is closed before the answer.

use axum::{
    extract::{self, Path},
    response::Response,
};
use minijinja::{Value, context, value::Serde};

use super::seen;
use crate::{
    active::RunState,
    audit,
    delivery::State as Delivery,
    phrase,
    relay::waiting,
    run::{
        RunError,
        command::{self, By, Change, Changed},
    },
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
    words::Phrase,
};

pub(super) async fn pause(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    _: Fields,
) -> Result<Response, Fault> {
    let done = phrase!("Đã tạm dừng đợt gửi {id}.", "Run {id} is paused.");
    change(&state, &visitor, id, Change::Pause, &done).await
}

pub(super) async fn resume(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    _: Fields,
) -> Result<Response, Fault> {
    let done = phrase!("Đợt gửi {id} gửi tiếp.", "Run {id} goes on.");
    change(&state, &visitor, id, Change::Resume, &done).await
}

pub(super) async fn abort(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    _: Fields,
) -> Result<Response, Fault> {
    let done = phrase!("Đã dừng hẳn đợt gửi {id}. Tin chưa gửi được hủy.", "Run {id} is aborted. What is unsent is cancelled.");
    change(&state, &visitor, id, Change::Abort, &done).await
}

async fn change(shared: &Shared, visitor: &Visitor, id: i64, how: Change, done: &Phrase) -> Result<Response, Fault> {
    // Whoever may stop everything may stop one run; only who runs campaigns lets it go on or ends it.
    if how != Change::Pause || !visitor.can(Right::Stop) {
        visitor.needs(Right::Run)?;
    }
    seen(shared, visitor, id).await?;
    let now = shared.parts.clock.millis();
    let by = By { name: &visitor.actor.name, at: now };
    let changed: Result<Changed, RunError> = transaction!(shared.parts.db, |tx| {
        let changed = command::change(tx, id, how, Some(by)).await?;
        if let Ok(changed) = &changed
            && changed.differs()
        {
            let (before, after) = (changed.before.recorded(), changed.after.recorded());
            audit::record(tx, &visitor.actor, how.action(), &format!("run {id}"), Some(&before), Some(&after), now).await?;
        }
        Ok(changed)
    })?;
    let changed = changed?;
    take_effect(shared).await?;
    if how == Change::Abort && changed.before.state() == RunState::Settled {
        let orders = phrase!("Đã thu hồi yêu cầu chưa giao của đợt {id}.", "Orders of run {id} that nobody had are withdrawn.");
        visitor.flash(&orders).await?;
    } else {
        visitor.flash(done).await?;
    }
    Ok(see_other(&format!("/runs/{id}")))
}

/// Closes and opens the gates of this node at once; other nodes look four times a second.
pub(in crate::web::console) async fn take_effect(shared: &Shared) -> Result<(), Fault> {
    shared.parts.active.refresh().await?;
    shared.parts.work.notify_waiters();
    Ok(())
}

/// What a stop of a run means for its messages.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub(super) struct Reach {
    /// Not sent: held by a pause, cancelled by an abort.
    pub unsent: i64,
    /// On their way to the gateway at this moment, or in doubt.
    pub flying: i64,
    /// With the gateway or at the person: beyond recall.
    pub gone: i64,
}

impl Reach {
    pub fn of(card: &Card) -> Self {
        Self {
            unsent: card.sum(|state| state == Delivery::Pending),
            flying: card.sum(|state| matches!(state, Delivery::Submitting | Delivery::InDoubt)),
            gone: card.sum(|state| {
                matches!(state, Delivery::Accepted | Delivery::Enroute | Delivery::Delivered | Delivery::Seen | Delivery::Unknown)
            }),
        }
    }
}

pub(super) async fn ask_abort(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Fault> {
    visitor.needs(Right::Run)?;
    let (row, _) = seen(&state, &visitor, id).await?;
    let orders = waiting::unsent(&state.parts.db, id).await?;
    if row.settled_at.is_some() && orders == 0 {
        return Err(RunError::Over { run: id, state: row.state().name(), wanted: "aborted" }.into());
    }
    let listing = row.state == 0;
    let cards: Vec<Card> = overview::views(&state, vec![row]).await?.into_iter().map(Card::of).collect();
    let Some(card) = cards.first() else { return Err(Fault::NotFound) };
    Ok(state.view(
        &visitor,
        "console/runs/abort",
        context! { run => Value::from(Serde(card)), reach => Value::from(Serde(&Reach::of(card))), listing => listing, orders },
    ))
}
