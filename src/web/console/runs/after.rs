//! `/runs/{id}/after`: what happened: whom it reached after 5, 15 and 60 minutes, when the first and the last message left, what failed,
//! what it cost, and who refused messages in response.

use axum::{
    extract::{self, Path},
    response::Response,
};
use minijinja::{Value, context, value::Serde};
use serde::Serialize;

use super::{
    page::{DAY, pace},
    seen,
};
use crate::{
    db::Sql,
    delivery::{
        self,
        State::{Accepted, Delivered, Enroute, Expired, Seen, Undelivered, Unknown},
    },
    on,
    run::pulse,
    web::{
        State,
        card::Card,
        console::{fault::Fault, visitor::Visitor},
        overview,
    },
};

/// How long after a run's message a refusal counts as an answer to it.
const ANSWERED: i64 = 72 * 3_600_000;

// An address has at most one delivery a run: the refusals of those hours come first, and each looks its own up. A planner that takes
// the run's deliveries first reads a million of them.
static REFUSED: Sql = Sql::new(
    r"WITH refusal AS MATERIALIZED (
          SELECT address, channel FROM consent_event WHERE action > 0 AND at >= $2 AND at < $3
      )
      SELECT count(DISTINCT refusal.address) FROM refusal
      CROSS JOIN delivery d
      WHERE d.run = $1 AND d.address = refusal.address AND d.id & 15 = refusal.channel AND d.state IN (3, 4, 5, 6)",
);

#[derive(Serialize)]
struct After {
    minutes: i64,
    sent: i64,
    reached: i64,
    failed: i64,
    /// That time has not come yet.
    early: bool,
}

pub(super) async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Fault> {
    let (row, head) = seen(&state, &visitor, id).await?;
    let db = &state.parts.db;
    let beats = pulse::of(db, id, row.created_at.div_euclid(60_000), DAY).await?;
    let span = pulse::span(db, id).await?;
    let now = state.parts.clock.millis().div_euclid(60_000);
    let after = [5, 15, 60].into_iter().filter_map(|minutes| {
        let beat = pulse::after(&beats, minutes)?;
        let first = beats.iter().find(|beat| beat.sent > 0)?.minute;
        let early = now < first + minutes;
        Some(After { minutes, sent: beat.sent, reached: beat.reached, failed: beat.failed, early })
    });
    let after: Vec<After> = after.collect();
    let refused: i64 = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&REFUSED))
        .bind(id)
        .bind(row.created_at)
        .bind(row.created_at + ANSWERED)
        .fetch_one(pool)
        .await)?;
    let cards: Vec<Card> = overview::views(&state, vec![row]).await?.into_iter().map(Card::of).collect();
    let Some(card) = cards.first() else { return Err(Fault::NotFound) };
    Ok(state.view(
        &visitor,
        "console/runs/after",
        context! {
            run => Value::from(Serde(card)), owner => head.owner,
            after => Value::from(Serde(&after)),
            first => span.map(|(first, _)| first * 60_000), last => span.map(|(_, last)| last * 60_000),
            took => span.map(|(first, last)| last - first + 1),
            refused => refused,
            sent => card.sum(|state| matches!(state, Accepted | Enroute | Delivered | Seen | Undelivered | Expired | Unknown)),
            reached => card.sum(delivery::State::is_confirmed), failed => card.sum(delivery::State::has_failed),
            pace => pace(&beats),
        },
    ))
}
