//! What an outlet answers: yes, no, or that it is at it; by its program, on its page, or typed in by an officer.
//!
//! An answer to what was not handed over yet says that it was: somebody had it by another way.

use serde_json::json;

use super::{
    By, Happening, Order, Refusal, State, Tried, follow,
    order::{happen, lock, record, said},
    paper,
};
use crate::{
    db::{Db, Tx},
    transaction,
};

/// The outlet says yes; `note` as it said so.
pub async fn acknowledge(db: &Db, id: i64, note: &str, by: &By<'_>) -> Tried<Order> {
    answer(db, id, Happening::Acknowledge, note, None, by).await
}

/// The outlet says no, and why.
pub async fn refuse(db: &Db, id: i64, why: &str, by: &By<'_>) -> Tried<Order> {
    if paper::words(why).trim().is_empty() {
        return Ok(Err(Refusal::NoReason));
    }
    answer(db, id, Happening::Refuse, why, None, by).await
}

/// The outlet says that it began.
pub async fn begin(db: &Db, id: i64, note: &str, by: &By<'_>) -> Tried<Order> {
    answer(db, id, Happening::Begin, note, None, by).await
}

/// Any of these, as an officer read it on a paper that was kept ([`paper::keep`]): its name and its hash. The order has that paper from
/// then on.
pub async fn on_paper(db: &Db, id: i64, happening: Happening, note: &str, scan: (&str, &str), by: &By<'_>) -> Tried<Order> {
    answer(db, id, happening, note, Some(scan), by).await
}

async fn answer(db: &Db, id: i64, happening: Happening, note: &str, scan: Option<(&str, &str)>, by: &By<'_>) -> Tried<Order> {
    let note = scan.map_or_else(|| paper::words(note).to_string(), |(_, hash)| paper::with(note, hash));
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
        let moved = match happen(tx, &mut order, happening, by, &note).await? {
            Ok(moved) => moved,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Some(scan) = scan {
            paper::belongs(tx, &order, scan, by).await?;
        }
        if moved {
            follow::took(tx, &order, was, by).await?;
            record(tx, &order, happening.word(), was, json!({ "note": said(&note) }), by).await?;
        }
        Ok(Ok(order))
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
