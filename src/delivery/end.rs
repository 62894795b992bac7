//! Ends rows that are not to be sent, and moves people on to the next channel. The gateways' words are kept beside.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde::Serialize;

use super::{
    Counted, Plan, State, Why,
    attempt::{Left, best_of, leave_behind, left_behind},
    channel_of, fan_out, id_list, run_of,
};
use crate::{
    db::{Result, Sql, Tx, affected},
    tally, within,
};

// Of whoever was erased since, nothing is written down any more.
static REMARK: Sql = Sql::new(
    r"INSERT INTO remark (delivery, detail, at) SELECT v.id, v.detail, $2 FROM :rows($1; id BIGINT, detail TEXT) AS v
      JOIN recipient r ON r.id = (v.id >> 4) & 4294967295 WHERE r.state < 2
      ON CONFLICT (delivery) DO UPDATE SET detail = excluded.detail, at = excluded.at",
);

/// Plans of the runs that rows belong to.
pub type Plans = HashMap<i64, Arc<Plan>>;

/// Moves ended rows on to their next channels, run by run and channel by channel.
pub(super) async fn move_on(tx: &mut Tx, plans: &Plans, ended: &[i64], now: i64, changes: &mut tally::Changes) -> Result<()> {
    let mut groups: BTreeMap<(i64, i16), Vec<i64>> = BTreeMap::new();
    for id in ended {
        groups.entry((run_of(*id), channel_of(*id))).or_default().push(*id);
    }
    for ((run, channel), ids) in groups {
        if let Some(plan) = plans.get(&run) {
            fan_out::fall_back(tx, plan, channel, &ids, now, changes).await?;
        }
    }
    Ok(())
}

/// The gateways' own words, where there are any.
pub(super) async fn remark<'a>(tx: &mut Tx, details: impl Iterator<Item = (i64, &'a str)>, now: i64) -> Result<()> {
    #[derive(Serialize)]
    struct Remark<'a> {
        id: i64,
        detail: &'a str,
    }
    // One a delivery, the last: a statement may not touch the same row twice.
    let newest: BTreeMap<i64, &str> = details.filter(|(_, detail)| !detail.is_empty()).collect();
    if newest.is_empty() {
        return Ok(());
    }
    let list = crate::db::list(&newest.into_iter().map(|(id, detail)| Remark { id, detail }).collect::<Vec<_>>());
    within!(tx, |c, sql| sqlx::query(sql(&REMARK)).bind(&list).bind(now).execute(c).await.map(affected))?;
    Ok(())
}

/// Whether an end is the next channel's turn. Someone who shares an address got the other one's text: not theirs.
pub(super) const fn moves_on(state: State, why: Why) -> bool {
    state.has_failed()
        || matches!(
            (state, why),
            (State::Skipped, Why::OptedOut | Why::DoNotCall | Why::Suppressed | Why::NoAddress | Why::NoText | Why::Moved)
        )
}

/// A pending row that is not to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The delivery.
    pub id: i64,
    /// Skipped, lapsed, cancelled, rejected or unknown.
    pub state: State,
    /// Why.
    pub why: Why,
    /// For the officer, without personal data.
    pub detail: Option<String>,
}

static PENDING: Sql = Sql::new(
    r"SELECT id, account, attempt, parts, price FROM delivery d
      WHERE id IN :ids($1) AND state + 0 = 0 ORDER BY id :lock(d)",
);

static END: Sql = Sql::new(
    r"UPDATE delivery SET state = v.state, reason = v.reason, account = v.account, next_at = NULL, updated_at = $2
      FROM :rows($1; id BIGINT, state SMALLINT, reason SMALLINT, account BIGINT) AS v
      WHERE delivery.id = v.id AND delivery.state + 0 = 0",
);

#[derive(sqlx::FromRow)]
struct Pending {
    id: i64,
    account: i64,
    attempt: i16,
    parts: i16,
    price: i64,
}

/// Ends pending rows of one run, and moves on to the next channel whoever has one. What was once in doubt ends as the best
/// of what is known: unknown, if nothing is.
pub async fn end_pending(tx: &mut Tx, plan: &Plan, ends: &[End], now: i64, changes: &mut tally::Changes) -> Result<()> {
    #[derive(Serialize)]
    struct Ending {
        id: i64,
        state: i16,
        reason: i16,
        account: i64,
    }
    if ends.is_empty() {
        return Ok(());
    }
    let wanted: BTreeMap<i64, &End> = ends.iter().map(|end| (end.id, end)).collect();
    let list = id_list(wanted.keys().copied());
    let rows: Vec<Pending> = within!(tx, |c, sql| sqlx::query_as(sql(&PENDING)).bind(&list).fetch_all(c).await)?;
    let tried: Vec<i64> = rows.iter().filter(|row| row.attempt > 1).map(|row| row.id).collect();
    let earlier = left_behind(tx, &tried).await?;

    let (mut endings, mut left) = (Vec::new(), Vec::new());
    let mut moving: BTreeMap<i16, Vec<i64>> = BTreeMap::new();
    for row in rows {
        let Some(end) = wanted.get(&row.id) else { continue };
        // Bound to an account: an attempt in doubt that was to be repeated.
        let present = if row.account == 0 { end.state } else { State::Unknown };
        let attempts = earlier.get(&row.id).map_or(&[][..], Vec::as_slice);
        let (state, account) = best_of(attempts, row.attempt, present, row.account);
        if state != present {
            let (account, state, reason) = (row.account, present.number(), end.why.number());
            left.push(Left { delivery: row.id, attempt: row.attempt, account, state, reason, parts: 0, price: 0 });
        }
        let before =
            Counted { id: row.id, account: row.account, state: State::Pending.number(), parts: row.parts, price: row.price };
        before.becomes(&Counted { account, state: state.number(), ..before }, changes);
        endings.push(Ending { id: row.id, state: state.number(), reason: end.why.number(), account });
        if moves_on(state, end.why) {
            moving.entry(channel_of(row.id)).or_default().push(row.id);
        }
    }
    if endings.is_empty() {
        return Ok(());
    }
    let list = crate::db::list(&endings);
    within!(tx, |c, sql| sqlx::query(sql(&END)).bind(&list).bind(now).execute(c).await.map(affected))?;
    leave_behind(tx, &left, now).await?;
    remark(tx, ends.iter().filter_map(|e| e.detail.as_deref().map(|d| (e.id, d))), now).await?;
    for (channel, ids) in moving {
        fan_out::fall_back(tx, plan, channel, &ids, now, changes).await?;
    }
    Ok(())
}
