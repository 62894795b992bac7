//! What an outlet answers: yes, no, or that it is at it; by its program, on its page, or typed in by an officer.
//!
//! An answer to what was not handed over yet says that it was: somebody had it by another way.

use serde_json::json;

use super::{
    By, Happening, Order, Refusal, State, Tried, follow,
    order::{happen, lock, record, said},
};
use crate::{
    db::{Db, Tx},
    transaction,
};

/// The outlet says yes; `note` as it said so.
pub async fn acknowledge(db: &Db, id: i64, note: &str, by: &By<'_>) -> Tried<Order> {
    answer(db, id, Happening::Acknowledge, note, by).await
}

/// The outlet says no, and why.
pub async fn refuse(db: &Db, id: i64, why: &str, by: &By<'_>) -> Tried<Order> {
    if why.trim().is_empty() {
        return Ok(Err(Refusal::NoReason));
    }
    answer(db, id, Happening::Refuse, why, by).await
}

/// The outlet says that it began.
pub async fn begin(db: &Db, id: i64, note: &str, by: &By<'_>) -> Tried<Order> {
    answer(db, id, Happening::Begin, note, by).await
}

async fn answer(db: &Db, id: i64, happening: Happening, note: &str, by: &By<'_>) -> Tried<Order> {
    transaction!(db, |tx| {
        let mut order = match lock(tx, id, by).await? {
            Ok(order) => order,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let was = order.state;
        if happening == Happening::Acknowledge
            && let Err(refusal) = follow::may_return(tx, &order, by).await?
        {
            return Ok(Err(refusal));
        }
        if let Err(refusal) = had(tx, &mut order, happening, by).await? {
            return Ok(Err(refusal));
        }
        match happen(tx, &mut order, happening, by, note).await? {
            Ok(true) => {
                follow::took(tx, &order, was, by).await?;
                record(tx, &order, happening.word(), was, json!({ "note": said(note) }), by).await?;
                Ok(Ok(order))
            }
            Ok(false) => Ok(Ok(order)),
            Err(refusal) => Ok(Err(refusal)),
        }
    })
}

/// Whoever answers or reports had it; whether `happening` fits is seen before anything is written.
pub(super) async fn had(tx: &mut Tx, order: &mut Order, happening: Happening, by: &By<'_>) -> Tried<()> {
    if order.state != State::Approved {
        return Ok(Ok(()));
    }
    if let Err(refusal) = order.would(State::HandedOver, happening) {
        return Ok(Err(refusal));
    }
    Ok(happen(tx, order, Happening::HandOver, by, "").await?.map(drop))
}
