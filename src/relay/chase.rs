//! Reports that are late: marked once their time is over, and their outlets reminded once a day until they report or the order is closed.

use super::{
    By, Eyes, Order, loa,
    order::{Row, event, lock, orders},
};
use crate::{
    db::{Db, Result, Sql, affected},
    on,
    relay::State,
    transaction, within,
};

/// An outlet is reminded of an order once in so long (milliseconds).
pub const EVERY: i64 = 24 * 3_600_000;

static MARK: Sql = Sql::new(
    r"UPDATE relay_order SET overdue_since = report_by, version = version + 1
      WHERE id IN (SELECT o.id FROM relay_order o
                   WHERE o.state IN (2, 3, 5, 6) AND o.report_by <= $1 AND o.overdue_since IS NULL ORDER BY o.id LIMIT 500 :lock(o))
      RETURNING id, state",
);

/// Marks what is late now; how many that are. Called again until none is left.
pub async fn mark(db: &Db, now: i64) -> Result<usize> {
    let actor = loa();
    let by = By { actor: &actor, eyes: Eyes::All, now };
    transaction!(db, |tx| {
        let late: Vec<(i64, i16)> = within!(tx, |c, sql| sqlx::query_as(sql(&MARK)).bind(now).fetch_all(c).await)?;
        for (id, state) in &late {
            event(tx, *id, "overdue", State::from_number(*state).unwrap_or(State::HandedOver), &by, "").await?;
        }
        Ok(late.len())
    })
}

static OUTLETS: Sql = Sql::new(
    r"SELECT DISTINCT o.outlet FROM relay_order o JOIN outlet t ON t.id = o.outlet
      WHERE o.overdue_since IS NOT NULL AND coalesce(o.chased_at, 0) <= $1 AND t.contact IS NOT NULL ORDER BY o.outlet LIMIT $2",
);

static HOLD: Sql = Sql::new(r"SELECT t.id FROM outlet t WHERE t.id = $1 :lock(t)");

static DUE: Sql = Sql::new(orders!(
    "WHERE o.outlet = $1 AND o.overdue_since IS NOT NULL AND coalesce(o.chased_at, 0) <= $2 ORDER BY o.id LIMIT 100"
));

static CLAIM: Sql = Sql::new(
    r"UPDATE relay_order SET chased_at = $2 WHERE id = $1 AND overdue_since IS NOT NULL AND coalesce(chased_at, 0) = coalesce($3, 0)",
);

/// Late orders whose outlets are to be reminded now, by outlet, of so many outlets at most. Each is claimed, all of an outlet's by one node
/// alone, so that one mail tells of them. Only those of outlets that have a contact ([`crate::outlet::contact`]).
pub async fn due(db: &Db, most: i64, now: i64) -> Result<Vec<Order>> {
    let outlets: Vec<i64> =
        on!(db.read, |pool, sql| sqlx::query_scalar(sql(&OUTLETS)).bind(now - EVERY).bind(most).fetch_all(pool).await)?;
    let mut claimed = Vec::new();
    for outlet in outlets {
        claimed.extend(transaction!(db, |tx| {
            // Whoever comes second finds them reminded.
            within!(tx, |c, sql| sqlx::query(sql(&HOLD)).bind(outlet).fetch_optional(c).await.map(drop))?;
            let rows: Vec<Row> =
                within!(tx, |c, sql| sqlx::query_as(sql(&DUE)).bind(outlet).bind(now - EVERY).fetch_all(c).await)?;
            let mut own = Vec::with_capacity(rows.len());
            for row in rows {
                let order = row.order()?;
                let taken = within!(tx, |c, sql| sqlx::query(sql(&CLAIM))
                    .bind(order.id)
                    .bind(now)
                    .bind(order.chased_at)
                    .execute(c)
                    .await
                    .map(affected))?;
                if taken > 0 {
                    own.push(order);
                }
            }
            Ok(own)
        })?);
    }
    Ok(claimed)
}

static AGAIN: Sql = Sql::new(r"UPDATE relay_order SET chased_at = $3 WHERE id = $1 AND chased_at = $2");

/// Says what became of a reminder that [`due`] gave at `now`: an event where it went out, and back in the queue where it did not.
pub async fn done(db: &Db, order: &Order, sent: bool, now: i64) -> Result<()> {
    let actor = loa();
    let by = By { actor: &actor, eyes: Eyes::All, now };
    transaction!(db, |tx| {
        if sent {
            // It may have moved on while the mail was on its way.
            let Ok(order) = lock(tx, order.id, &by).await? else { return Ok(()) };
            return event(tx, order.id, "chased", order.state, &by, "").await;
        }
        within!(tx, |c, sql| sqlx::query(sql(&AGAIN))
            .bind(order.id)
            .bind(now)
            .bind(order.chased_at)
            .execute(c)
            .await
            .map(affected))
        .map(drop)
    })
}

/// Says that a reminder which [`due`] gave cannot be delivered: it is tried again a day later.
pub async fn undeliverable(db: &Db, order: &Order, why: &str, now: i64) -> Result<()> {
    let actor = loa();
    let by = By { actor: &actor, eyes: Eyes::All, now };
    transaction!(db, |tx| {
        let Ok(order) = lock(tx, order.id, &by).await? else { return Ok(()) };
        event(tx, order.id, "chase_failed", order.state, &by, why).await
    })
}
