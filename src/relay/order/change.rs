//! The one write that every change of an order goes through: locked, conditional on state and version, with its event and its record.

use serde_json::{Value, json};

use super::{ONE, Order, Row, event};
use crate::{
    audit,
    db::{Result, Sql, Tx, affected},
    relay::{By, Happening, Refusal, State, Tried},
    within,
};

// The row alone: what else [`ONE`] reads of it is looked at by a statement of its own, once the row is held. In one statement PostgreSQL would
// show a push as it was before whoever held the row claimed it.
static LOCK: Sql = Sql::new(r"SELECT o.id FROM relay_order o WHERE o.id = $1 :lock(o)");

/// Locks an order for a change.
pub(in crate::relay) async fn lock(tx: &mut Tx, id: i64, by: &By<'_>) -> Tried<Order> {
    let held: Option<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&LOCK)).bind(id).fetch_optional(c).await)?;
    if held.is_none() {
        return Ok(Err(Refusal::NoSuchOrder));
    }
    let row: Option<Row> = within!(tx, |c, sql| sqlx::query_as(sql(&ONE)).bind(id).fetch_optional(c).await)?;
    let order = row.map(Row::order).transpose()?.filter(|order| by.eyes.see(order, by.now));
    Ok(order.ok_or(Refusal::NoSuchOrder))
}

static MOVE: Sql = Sql::new(
    r"UPDATE relay_order SET state = $4, version = version + 1, sent_at = $5, handed_at = $6, answered_at = $7, overdue_since = $8,
                             closed_at = $9, report = $10
      WHERE id = $1 AND state = $2 AND version = $3",
);

// What is handed over or withdrawn is pushed no more.
static PUSHED: Sql = Sql::new(r"DELETE FROM relay_push WHERE relay_order = $1");

/// Lets something happen to an order that is locked: the row, conditional on state and version, and its event. Whether it moved: what
/// happens again changes nothing and is no event.
pub(in crate::relay) async fn happen(
    tx: &mut Tx,
    order: &mut Order,
    happening: Happening,
    by: &By<'_>,
    detail: &str,
) -> Tried<bool> {
    let to = match order.would(order.state, happening) {
        Ok(to) => to,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let counts = matches!(happening, Happening::Report { .. } | Happening::Correct { .. });
    if to == order.state && !counts {
        return Ok(Ok(false));
    }
    let now = by.now;
    let mut next = Order { state: to, version: order.version + 1, ..order.clone() };
    match happening {
        // CAP writes times to the second.
        Happening::Approve => next.sent_at = next.sent_at.or(Some(now - now.rem_euclid(1_000))),
        Happening::HandOver => next.handed_at = next.handed_at.or(Some(now)),
        Happening::Acknowledge | Happening::Refuse => next.answered_at = Some(now),
        Happening::Begin | Happening::Report { .. } => next.answered_at = next.answered_at.or(Some(now)),
        _ => {}
    }
    next.closed_at = match to {
        State::Closed | State::Cancelled | State::Superseded => next.closed_at.or(Some(now)),
        _ => None,
    };
    if !to.owes_report() {
        next.overdue_since = None;
    }
    let moved = within!(tx, |c, sql| sqlx::query(sql(&MOVE))
        .bind(order.id)
        .bind(order.state as i16)
        .bind(order.version)
        .bind(next.state as i16)
        .bind(next.sent_at)
        .bind(next.handed_at)
        .bind(next.answered_at)
        .bind(next.overdue_since)
        .bind(next.closed_at)
        .bind(next.report)
        .execute(c)
        .await
        .map(affected))?;
    if moved == 0 {
        return Ok(Err(Refusal::Moved));
    }
    if order.state.is_unsent() && !next.state.is_unsent() {
        within!(tx, |c, sql| sqlx::query(sql(&PUSHED)).bind(order.id).execute(c).await.map(affected))?;
        next.in_doubt = false;
    }
    *order = next;
    event(tx, order.id, happening.word(), to, by, detail).await?;
    Ok(Ok(true))
}

/// Records a change of an order.
pub(in crate::relay) async fn record(tx: &mut Tx, order: &Order, what: &str, was: State, more: Value, by: &By<'_>) -> Result<()> {
    let before = json!({ "state": was.name() });
    let mut after = json!({ "order": order.id, "outlet": order.outlet_slug, "state": order.state.name() });
    if let (Some(after), Value::Object(more)) = (after.as_object_mut(), more) {
        after.extend(more);
    }
    let action = format!("order.{what}");
    audit::record(tx, by.actor, &action, &order.identifier, Some(&before), Some(&after), by.now).await
}
