//! Handing over: pushed by a loop, fetched by the outlet, or by hand. However often, it is the same document under the same identifier.
//!
//! What goes to an outlet is frozen before its first byte leaves ([`freeze`]), so that every try says the same. A push is claimed for a
//! while ([`claim`]) by one node alone; until its outcome is known it is in doubt, and is not withdrawn as if nobody had it. What can
//! go wrong: the order moved on meanwhile ([`Refusal`]), and the database.

use std::time::Duration;

use serde_json::json;

use super::{
    By, Eyes, Happening, Order, Refusal, State, Tried, loa,
    order::{self, Row, event, happen, lock, orders, record},
};
use crate::{
    db::{Db, Result, Sql, affected},
    on,
    outlet::Way,
    transaction, within,
};

/// How long a claimed push is left to whoever claimed it (milliseconds): longer than any try may take.
pub const LEASE: i64 = 2 * 60_000;
/// The first wait after a failed push, and the longest (milliseconds); each is twice the one before.
const FIRST: i64 = 15_000;
const LONGEST: i64 = 30 * 60_000;
/// The longest wait that an outlet's server may ask for (milliseconds): a night's maintenance, and not the order's end.
const LONGEST_ASKED: i64 = 6 * 3_600_000;

/// How long to wait after so many tries, from 1 (milliseconds).
pub fn wait(tries: i64) -> i64 {
    let doublings = u32::try_from(tries.clamp(1, 20) - 1).unwrap_or(0);
    FIRST.saturating_mul(2_i64.saturating_pow(doublings)).min(LONGEST)
}

/// When an order is tried again after so many tries whose server asks to be left alone so long: never earlier than it would be otherwise.
/// What it asks for is heeded up to [`LONGEST_ASKED`], and up to half the time that is left, so that it is tried before it expires.
fn next(tries: i64, asked: Option<Duration>, expires_at: i64, now: i64) -> i64 {
    let asked = asked.map_or(0, |asked| i64::try_from(asked.as_millis()).unwrap_or(LONGEST_ASKED));
    now + wait(tries).max(asked.min(LONGEST_ASKED).min((expires_at - now) / 2))
}

static DOCUMENT: Sql = Sql::new(r"SELECT document FROM relay_order WHERE id = $1 AND document IS NOT NULL");
static FREEZE: Sql = Sql::new(r"UPDATE relay_order SET document = $2 WHERE id = $1 AND document IS NULL");

/// The document that went, or will go, to the outlet; none: none is frozen yet.
pub async fn document(db: &Db, id: i64) -> Result<Option<Vec<u8>>> {
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&DOCUMENT)).bind(id).fetch_optional(pool).await)
}

/// Freezes what goes to the outlet, unless something is frozen already; what is frozen now.
pub async fn freeze(db: &Db, id: i64, document: &[u8]) -> Result<Vec<u8>> {
    transaction!(db, |tx| {
        within!(tx, |c, sql| sqlx::query(sql(&FREEZE)).bind(id).bind(document).execute(c).await.map(affected))?;
        within!(tx, |c, sql| sqlx::query_scalar(sql(&DOCUMENT)).bind(id).fetch_one(c).await)
    })
}

static WAITING: Sql = Sql::new(orders!(
    "WHERE o.state = 1 AND t.way = 0 AND o.expires_at > $1 AND (o.step = 2 OR NOT coalesce(r.paused OR r.state = 3, false))
       AND coalesce(p.next_at, 0) <= $1 ORDER BY coalesce(p.next_at, 0), o.id LIMIT $2"
));

static CLAIM: Sql = Sql::new(
    r"INSERT INTO relay_push (relay_order, next_at, tries, doubt, doubted, rejected, began_at, last)
      VALUES ($1, $2, 1, true, false, false, $3, '')
      ON CONFLICT (relay_order) DO UPDATE
      SET next_at = excluded.next_at, tries = relay_push.tries + 1, doubt = true, doubted = relay_push.doubt, last = ''
      WHERE relay_push.next_at <= $3",
);

/// Claims orders that are to be pushed now, at most `most`; each is this caller's until [`LEASE`] is over.
pub async fn claim(db: &Db, most: i64, now: i64) -> Result<Vec<Order>> {
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&WAITING)).bind(now).bind(most).fetch_all(pool).await)?;
    let actor = loa();
    let by = By { actor: &actor, eyes: Eyes::All, now };
    let mut claimed = Vec::new();
    for row in rows {
        let id = row.order()?.id;
        let order = transaction!(db, |tx| {
            // Somebody may have withdrawn it since it was read.
            let Ok(order) = lock(tx, id, &by).await? else { return Ok(None) };
            if order.state != State::Approved || order.stopped || order.expires_at <= now {
                return Ok(None);
            }
            let taken = within!(tx, |c, sql| sqlx::query(sql(&CLAIM))
                .bind(id)
                .bind(now + LEASE)
                .bind(now)
                .execute(c)
                .await
                .map(affected))?;
            Ok((taken > 0).then_some(Order { in_doubt: true, ..order }))
        })?;
        claimed.extend(order);
    }
    Ok(claimed)
}

/// What a push came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// The outlet took it.
    Taken,
    /// The outlet certainly did not take it: no connection, or it said no for now.
    Failed(String),
    /// The same, and its server said how long it wants to be left alone.
    Later(String, Duration),
    /// It said no, and will again until a person mends something. It is tried once in [`LONGEST`] all the same.
    Rejected(String),
    /// Nobody knows: bytes were written, and no answer came. It is pushed again, under the same identifier.
    InDoubt(String),
}

// What one try may have left with the outlet, no later one takes back.
static SETTLE: Sql = Sql::new(
    r"UPDATE relay_push SET doubt = $2 OR doubted, rejected = $3, last = $4, next_at = $5 WHERE relay_order = $1 RETURNING doubt",
);
static TRIES: Sql = Sql::new(r"SELECT tries FROM relay_push WHERE relay_order = $1");

/// Writes down what a push came to: handed over, or to be tried again after a while.
pub async fn pushed(db: &Db, id: i64, what: &Pushed, now: i64) -> Tried<Order> {
    let actor = loa();
    let by = By { actor: &actor, eyes: Eyes::All, now };
    transaction!(db, |tx| {
        let mut order = match lock(tx, id, &by).await? {
            Ok(order) => order,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let (doubt, rejected, word, why, asked) = match what {
            Pushed::Taken => {
                let was = order.state;
                if let Err(refusal) = happen(tx, &mut order, Happening::HandOver, &by, "push").await? {
                    return Ok(Err(refusal));
                }
                if was != order.state {
                    record(tx, &order, "hand_over", was, json!({ "way": "push" }), &by).await?;
                }
                return Ok(Ok(order));
            }
            Pushed::Failed(why) => (false, false, "push_failed", why, None),
            Pushed::Later(why, asked) => (false, false, "push_failed", why, Some(*asked)),
            Pushed::Rejected(why) => (false, true, "push_rejected", why, None),
            Pushed::InDoubt(why) => (true, false, "push_in_doubt", why, None),
        };
        let tries: Option<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&TRIES)).bind(id).fetch_optional(c).await)?;
        let why = order::said(why);
        let again = if rejected { now + LONGEST } else { next(tries.unwrap_or(1), asked, order.expires_at, now) };
        let doubt: Option<bool> = within!(tx, |c, sql| sqlx::query_scalar(sql(&SETTLE))
            .bind(id)
            .bind(doubt)
            .bind(rejected)
            .bind(&why)
            .bind(again)
            .fetch_optional(c)
            .await)?;
        event(tx, id, word, order.state, &by, &why).await?;
        Ok(Ok(Order { in_doubt: doubt.unwrap_or(false), ..order }))
    })
}

static AGAIN: Sql = Sql::new(r"UPDATE relay_push SET next_at = $2 WHERE relay_order = $1 AND next_at > $2 AND last <> ''");

/// Nothing if an order waits to be pushed at `now`; else why it does not.
fn is_pushed(order: &Order, now: i64) -> std::result::Result<(), Refusal> {
    match order.state {
        State::Drafted => Err(Refusal::NotApproved),
        State::Approved if order.outlet_way != Way::Push => Err(Refusal::NotPushed),
        State::Approved if order.stopped => Err(Refusal::Stopped),
        State::Approved if order.expires_at <= now => Err(Refusal::Expired),
        State::Approved => Ok(()),
        _ => Err(Refusal::NotPushed),
    }
}

/// Somebody mended what kept it from being pushed: it is tried at once, unless a try is under way.
pub async fn retry(db: &Db, id: i64, by: &By<'_>) -> Tried<Order> {
    transaction!(db, |tx| {
        let order = match lock(tx, id, by).await? {
            Ok(order) => order,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Err(refusal) = is_pushed(&order, by.now) {
            return Ok(Err(refusal));
        }
        let moved = within!(tx, |c, sql| sqlx::query(sql(&AGAIN)).bind(id).bind(by.now).execute(c).await.map(affected))?;
        if moved > 0 {
            event(tx, id, "push_again", order.state, by, "").await?;
        }
        Ok(Ok(order))
    })
}

/// How pushing an order goes.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Push {
    /// When it is tried again, unix milliseconds.
    pub next_at: i64,
    /// How often it was tried.
    pub tries: i64,
    /// Whether a try may have reached the outlet.
    pub doubt: bool,
    /// Whether the outlet's server said no, and will until a person mends something.
    pub rejected: bool,
    /// When it was tried first, unix milliseconds.
    pub began_at: i64,
    /// What the last try came to; empty: one is under way.
    pub last: String,
}

static PUSH: Sql = Sql::new(r"SELECT next_at, tries, doubt, rejected, began_at, last FROM relay_push WHERE relay_order = $1");

/// How pushing an order goes; none: it was never tried, or it is handed over.
pub async fn push(db: &Db, id: i64) -> Result<Option<Push>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&PUSH)).bind(id).fetch_optional(pool).await)
}

static OF_OUTLET: Sql =
    Sql::new(orders!("WHERE o.outlet = $1 AND o.expires_at > $2 AND o.state IN (1, 2, 3, 5, 6) ORDER BY o.id"));

/// What an outlet's feed shows: all that it may have and that has not expired. Looking at the list hands nothing over.
pub async fn feed(db: &Db, outlet: i64, now: i64) -> Result<Vec<Order>> {
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&OF_OUTLET)).bind(outlet).bind(now).fetch_all(pool).await)?;
    let orders: Result<Vec<Order>> = rows.into_iter().map(Row::order).collect();
    Ok(orders?.into_iter().filter(|order| Eyes::Outlet(outlet).see(order, now)).collect())
}

/// The outlet fetches an order, or looks at it on its page: it has it from now on. Fetched again, it is the same.
pub async fn fetch(db: &Db, id: i64, by: &By<'_>) -> Tried<Order> {
    hand(db, id, "pull", by).await
}

/// An officer handed it over: on paper, by mail, in person; `how` in their words.
pub async fn by_hand(db: &Db, id: i64, how: &str, by: &By<'_>) -> Tried<Order> {
    hand(db, id, how, by).await
}

async fn hand(db: &Db, id: i64, way: &str, by: &By<'_>) -> Tried<Order> {
    transaction!(db, |tx| {
        let mut order = match lock(tx, id, by).await? {
            Ok(order) => order,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if order.state == State::Approved {
            if order.stopped {
                return Ok(Err(Refusal::Stopped));
            }
            if order.expires_at <= by.now {
                return Ok(Err(Refusal::Expired));
            }
        }
        let was = order.state;
        match happen(tx, &mut order, Happening::HandOver, by, way).await? {
            Ok(true) => {
                record(tx, &order, "hand_over", was, json!({ "way": order::said(way) }), by).await?;
                Ok(Ok(order))
            }
            Ok(false) => Ok(Ok(order)),
            Err(refusal) => Ok(Err(refusal)),
        }
    })
}

// Of what is on its way it is known soon whether it got there.
static OVER: Sql = Sql::new(
    r"SELECT o.id FROM relay_order o WHERE o.state IN (0, 1) AND o.expires_at <= $1
        AND NOT EXISTS (SELECT 1 FROM relay_push p WHERE p.relay_order = o.id AND p.last = '' AND p.next_at > $1)
      ORDER BY o.expires_at, o.id LIMIT 200",
);

/// Ends what expired before anybody had it; one whose push may have reached the outlet counts as handed over, and its report is owed.
/// How many these were.
pub async fn lapse(db: &Db, now: i64) -> Result<usize> {
    let over: Vec<i64> = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&OVER)).bind(now).fetch_all(pool).await)?;
    let actor = loa();
    let by = By { actor: &actor, eyes: Eyes::All, now };
    let mut ended = 0;
    for id in over {
        ended += usize::from(transaction!(db, |tx| {
            let Ok(mut order) = lock(tx, id, &by).await? else { return Ok(false) };
            let was = order.state;
            let doubted = order.in_doubt && was == State::Approved;
            let happening = if doubted { Happening::HandOver } else { Happening::Lapse };
            let Ok(true) = happen(tx, &mut order, happening, &by, if doubted { "in doubt at its expiry" } else { "" }).await?
            else {
                return Ok(false);
            };
            record(tx, &order, happening.word(), was, json!({ "doubt": doubted }), &by).await?;
            Ok(true)
        })?);
    }
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_twice_the_one_before_up_to_half_an_hour() {
        assert_eq!(
            [0, 1, 2, 3, 7, 8, 9, 1_000_000].map(wait),
            [15_000, 15_000, 30_000, 60_000, 960_000, 1_800_000, 1_800_000, 1_800_000]
        );
    }

    #[test]
    fn what_a_server_asks_for_is_heeded_within_bounds() {
        const HOUR: i64 = 3_600_000;
        let asked = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(next(1, asked(3_600), 24 * HOUR, 0), HOUR);
        assert_eq!(next(3, asked(1), 24 * HOUR, 0), 60_000, "no earlier than it would be otherwise");
        assert_eq!(next(1, asked(u64::MAX), 24 * HOUR, 0), 6 * HOUR);
        assert_eq!(next(1, asked(u64::MAX), 4 * HOUR, HOUR), HOUR + 3 * HOUR / 2, "before it expires");
        assert_eq!(next(1, asked(60), 1_000, 5_000), 20_000, "it expired while it was on its way");
    }
}
