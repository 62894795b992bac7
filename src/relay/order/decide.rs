//! What an office decides about its orders: approved, withdrawn, closed, opened again.

use serde_json::json;

use super::{Order, Row, happen, lock, orders, record, said};
use crate::{
    approval::{Delegation, Power},
    db::{Db, Result, Sql, Tx},
    relay::{By, Eyes, Happening, Refusal, State, Tried},
    transaction,
    user::User,
    within,
};

/// By which right a user approves an order; none: by none. A delegate of an approver who is away has theirs.
pub async fn power(db: &Db, user: &User, order: &Order, now: i64) -> Result<Option<Power>> {
    Power::over(db, user, &order.owner, |who| order.is_written_by(who), now).await
}

/// Lets a drafted order go out; not whoever wrote it.
pub async fn approve(db: &Db, id: i64, by: &By<'_>) -> Tried<Order> {
    approve_for(db, id, by, None).await
}

/// The same by whoever may stand in for an approver who is away; what that one wrote needs another, too.
pub async fn approve_for(db: &Db, id: i64, by: &By<'_>, stands_in: Option<&Delegation>) -> Tried<Order> {
    transaction!(db, |tx| {
        let mut order = match lock(tx, id, by).await? {
            Ok(order) => order,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if order.expires_at <= by.now {
            return Ok(Err(Refusal::Expired));
        }
        if order.is_written_by(by.actor) {
            return Ok(Err(Refusal::OwnWriting));
        }
        if stands_in.is_some_and(|delegation| order.made_user == Some(delegation.approver)) {
            return Ok(Err(Refusal::WritingOfTheApprover));
        }
        // What it updates may have ended since it was written.
        if let (Some(earlier), State::Drafted) = (order.earlier, order.state) {
            let seen = By { eyes: Eyes::All, ..*by };
            let follows = lock(tx, earlier, &seen).await?.and_then(|earlier| earlier.may_be_followed());
            if let Err(refusal) = follows {
                return Ok(Err(refusal));
            }
        }
        match happen(tx, &mut order, Happening::Approve, by, "").await? {
            Ok(_) => {
                let instead_of = stands_in.map(|delegation| &delegation.approver_name);
                let more = json!({ "hash": order.hash, "instead_of": instead_of });
                record(tx, &order, "approve", State::Drafted, more, by).await?;
                Ok(Ok(order))
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    })
}

/// Takes an order back that nobody has; at once. What may have reached the outlet is not taken back so.
pub async fn withdraw(db: &Db, id: i64, why: &str, by: &By<'_>) -> Tried<Order> {
    if why.trim().is_empty() {
        return Ok(Err(Refusal::NoReason));
    }
    transaction!(db, |tx| {
        let mut order = match lock(tx, id, by).await? {
            Ok(order) => order,
            Err(refusal) => return Ok(Err(refusal)),
        };
        withdraw_within(tx, &mut order, why, by).await
    })
}

/// The same within a transaction, of an order that is locked.
pub(in crate::relay) async fn withdraw_within(tx: &mut Tx, order: &mut Order, why: &str, by: &By<'_>) -> Tried<Order> {
    if order.in_doubt && order.state == State::Approved {
        return Ok(Err(Refusal::InDoubt));
    }
    let was = order.state;
    match happen(tx, order, Happening::Withdraw, by, why).await? {
        Ok(_) => {
            record(tx, order, "withdraw", was, json!({ "why": said(why) }), by).await?;
            Ok(Ok(order.clone()))
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}

static LOCK_UNSENT: Sql =
    Sql::new(r"SELECT o.id FROM relay_order o WHERE o.run = $1 AND o.state IN (0, 1) AND o.step <> 2 ORDER BY o.id :lock(o)");
static UNSENT: Sql = Sql::new(orders!("WHERE o.run = $1 AND o.state IN (0, 1) AND o.step <> 2 ORDER BY o.id"));

/// Takes back what nobody has of a run that is aborted, in the same transaction. How many that were; one whose push may have reached
/// its outlet stays, and needs a Cancel once that is known. Cancels (step 2) are not taken back: they stop what outlets have.
pub async fn withdraw_run(tx: &mut Tx, run: i64, why: &str, by: &By<'_>) -> Result<usize> {
    let held: Vec<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&LOCK_UNSENT)).bind(run).fetch_all(c).await)?;
    if held.is_empty() {
        return Ok(0);
    }
    let rows: Vec<Row> = within!(tx, |c, sql| sqlx::query_as(sql(&UNSENT)).bind(run).fetch_all(c).await)?;
    let mut withdrawn = 0;
    for row in rows {
        let mut order = row.order()?;
        withdrawn += usize::from(withdraw_within(tx, &mut order, why, by).await?.is_ok());
    }
    Ok(withdrawn)
}

/// Expects nothing more of an order. Without its final report a reason is needed.
pub async fn close(db: &Db, id: i64, why: &str, by: &By<'_>) -> Tried<Order> {
    transaction!(db, |tx| {
        let mut order = match lock(tx, id, by).await? {
            Ok(order) => order,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let was = order.state;
        if why.trim().is_empty() && !matches!(was, State::Reported | State::Closed) && was.on(Happening::Close).is_ok() {
            return Ok(Err(Refusal::NoReason));
        }
        match happen(tx, &mut order, Happening::Close, by, why).await? {
            Ok(_) => {
                record(tx, &order, "close", was, json!({ "why": said(why) }), by).await?;
                Ok(Ok(order))
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    })
}

// 8 is closed, and whatever happens to what is closed leaves it so.
static STOOD: Sql = Sql::new(r"SELECT state FROM relay_event WHERE relay_order = $1 AND state <> 8 ORDER BY id DESC LIMIT 1");

/// Takes a closing back: the order stands again where it stood.
pub async fn reopen(db: &Db, id: i64, why: &str, by: &By<'_>) -> Tried<Order> {
    if why.trim().is_empty() {
        return Ok(Err(Refusal::NoReason));
    }
    transaction!(db, |tx| {
        let mut order = match lock(tx, id, by).await? {
            Ok(order) => order,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let stood: Option<i16> = within!(tx, |c, sql| sqlx::query_scalar(sql(&STOOD)).bind(id).fetch_optional(c).await)?;
        let was = order.state;
        let to = stood.and_then(State::from_number).unwrap_or(State::HandedOver);
        match happen(tx, &mut order, Happening::Reopen { to }, by, why).await? {
            Ok(_) => {
                record(tx, &order, "reopen", was, json!({ "why": said(why) }), by).await?;
                Ok(Ok(order))
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    })
}
