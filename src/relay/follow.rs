//! Updates and Cancels, by CAP's rules: what the outlet has not acknowledged is neither updated nor cancelled, nor what it is done with; what
//! nobody has is withdrawn at once; and only one of them is on its way at a time. An Update takes the earlier one's place, and a Cancel withdraws
//! it, when the outlet acknowledges it.

use serde_json::json;

use super::{
    By, Content, Eyes, Happening, Order, Refusal, State, Step, Tried,
    make::{self, Row},
    order::{happen, lock, record, said, withdraw_within},
};
use crate::{
    db::{Db, Result, Sql, Tx},
    transaction, within,
};

/// A Cancel holds at least so long, however soon what it withdraws expires (milliseconds).
const DAY: i64 = 24 * 3_600_000;

static OPEN: Sql = Sql::new(r"SELECT count(*) FROM relay_order WHERE earlier = $1 AND state IN (0, 1, 2) AND id <> $2");
static ABORTED: Sql = Sql::new(r"SELECT count(*) FROM run WHERE id = $1 AND state = 3");
static SERIAL: Sql = Sql::new(r"SELECT max(serial) FROM relay_order WHERE run = $1 AND outlet = $2");

/// Whether another may follow an order that is locked.
async fn may_follow(tx: &mut Tx, earlier: &Order, by: &By<'_>) -> Tried<()> {
    if let Err(refusal) = earlier.may_be_followed() {
        return Ok(Err(refusal));
    }
    if earlier.expires_at <= by.now {
        return Ok(Err(Refusal::Expired));
    }
    alone(tx, earlier, 0).await
}

/// Whether nothing but `own` is on its way to take an order's place.
async fn alone(tx: &mut Tx, earlier: &Order, own: i64) -> Tried<()> {
    let open: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&OPEN)).bind(earlier.id).bind(own).fetch_one(c).await)?;
    Ok(if open > 0 { Err(Refusal::Followed) } else { Ok(()) })
}

/// Whether an outlet may still take what it refused: not what was to follow an order that another took the place of, or withdrew, or is on
/// its way to.
pub(super) async fn may_return(tx: &mut Tx, order: &Order, by: &By<'_>) -> Tried<()> {
    let (State::Refused, Some(earlier)) = (order.state, order.earlier) else { return Ok(Ok(())) };
    let seen = By { eyes: Eyes::All, ..*by };
    match lock(tx, earlier, &seen).await? {
        Ok(earlier) => match earlier.state {
            State::Cancelled => Ok(Err(Refusal::Cancelled)),
            State::Superseded => Ok(Err(Refusal::Superseded)),
            _ => alone(tx, &earlier, order.id).await,
        },
        Err(refusal) => Ok(Err(refusal)),
    }
}

async fn next_serial(tx: &mut Tx, earlier: &Order) -> Result<i16> {
    let last: Option<i16> =
        within!(tx, |c, sql| sqlx::query_scalar(sql(&SERIAL)).bind(earlier.run).bind(earlier.outlet).fetch_one(c).await)?;
    Ok(last.unwrap_or(0) + 1)
}

/// Writes an Update of an order: drafted, for another to approve. Its status is that of the order, whatever `content` says. Nothing but
/// Cancels goes out of a run that was aborted, so there is none of its orders.
pub async fn update(db: &Db, id: i64, content: &Content, note: &str, by: &By<'_>) -> Tried<Order> {
    if content.expires_at <= by.now {
        return Ok(Err(Refusal::Expired));
    }
    transaction!(db, |tx| {
        let earlier = match lock(tx, id, by).await? {
            Ok(order) => order,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Err(refusal) = may_follow(tx, &earlier, by).await? {
            return Ok(Err(refusal));
        }
        let aborted: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&ABORTED)).bind(earlier.run).fetch_one(c).await)?;
        if aborted > 0 {
            return Ok(Err(Refusal::Stopped));
        }
        let content = Content { status: earlier.status, ..content.clone() };
        let serial = next_serial(tx, &earlier).await?;
        let row =
            Row { step: Step::Update, serial, earlier: Some(id), state: State::Drafted, note, ..Row::of(&earlier, &content) };
        follow(tx, &earlier, &row, by).await
    })
}

/// What became of a wish to cancel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelled {
    /// Nobody had it: it is withdrawn.
    AtOnce(Order),
    /// The Cancel that goes to the outlet, approved.
    Asked(Order),
}

/// Cancels an order: at once where nobody has it, else by a Cancel to the outlet.
pub async fn cancel(db: &Db, id: i64, why: &str, by: &By<'_>) -> Tried<Cancelled> {
    if why.trim().is_empty() {
        return Ok(Err(Refusal::NoReason));
    }
    transaction!(db, |tx| {
        let mut earlier = match lock(tx, id, by).await? {
            Ok(order) => order,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if earlier.state.is_unsent() {
            return Ok(withdraw_within(tx, &mut earlier, why, by).await?.map(Cancelled::AtOnce));
        }
        if let Err(refusal) = may_follow(tx, &earlier, by).await? {
            return Ok(Err(refusal));
        }
        let serial = next_serial(tx, &earlier).await?;
        let expires_at = earlier.expires_at.max(by.now + DAY);
        let content = Content { report_by: None, expires_at, ..earlier.content.clone() };
        let row = Row { step: Step::Cancel, serial, earlier: Some(id), note: why, ..Row::of(&earlier, &content) };
        Ok(follow(tx, &earlier, &row, by).await?.map(Cancelled::Asked))
    })
}

async fn follow(tx: &mut Tx, earlier: &Order, row: &Row<'_>, by: &By<'_>) -> Tried<Order> {
    // The earlier one is locked, and whoever else follows it waits for that: the key is free.
    let Some(id) = make::insert(tx, row, by).await? else { return Ok(Err(Refusal::Followed)) };
    let seen = By { eyes: Eyes::All, ..*by };
    let made = match lock(tx, id, &seen).await? {
        Ok(order) => order,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let more = json!({ "earlier": earlier.identifier, "note": said(row.note), "hash": made.hash });
    record(tx, &made, row.step.name(), earlier.state, more, by).await?;
    Ok(Ok(made))
}

/// What an outlet took just now, having not taken it before (`was`): an Update takes the earlier one's place, a Cancel withdraws it.
/// Where the earlier one has ended otherwise, it stays so.
pub(super) async fn took(tx: &mut Tx, order: &Order, was: State, by: &By<'_>) -> Result<()> {
    let taken = |state: State| state.may_be_followed().is_ok();
    let happening = match order.step {
        Step::Update => Happening::Supersede,
        Step::Cancel => Happening::Cancel,
        Step::Alert => return Ok(()),
    };
    let (Some(earlier), true, false) = (order.earlier, taken(order.state), taken(was)) else { return Ok(()) };
    let seen = By { eyes: Eyes::All, ..*by };
    let Ok(mut earlier) = lock(tx, earlier, &seen).await? else { return Ok(()) };
    let stood = earlier.state;
    if let Ok(true) = happen(tx, &mut earlier, happening, by, &order.identifier).await? {
        record(tx, &earlier, happening.word(), stood, json!({ "by": order.identifier }), by).await?;
    }
    Ok(())
}
