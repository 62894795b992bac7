//! What time does to deliveries: doubts are settled, silence falls back, and what is over lapses or is cancelled.
//! Each function takes a bounded number of rows a call and says how many, so that its caller can go on in chunks.

use serde::Serialize;
use sqlx::AssertSqlSafe;

use super::{
    Counted, Plan, State, Why,
    attempt::{self, Left},
    channel_of,
    end::{self, End, Plans},
    fan_out, id_list,
};
use crate::{
    db::{Result, Sql, Tx, affected},
    tally, within,
};

// In no order: asked for the order of its keys, PostgreSQL would read the table from its first row on.
static PENDING: Sql = Sql::new(r"SELECT id FROM delivery WHERE run = $1 AND state = 0 LIMIT $2");

/// Ends pending deliveries of a run that is over (`Lapsed`) or aborted (`Cancelled`): at most `most` a call.
pub async fn end_run(tx: &mut Tx, node: i64, plan: &Plan, state: State, now: i64, most: i64) -> Result<usize> {
    let ids: Vec<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&PENDING)).bind(plan.run).bind(most).fetch_all(c).await)?;
    let ends: Vec<End> = ids.into_iter().map(|id| End { id, state, why: Why::Nothing, detail: None }).collect();
    let mut changes = tally::Changes::default();
    end::end_pending(tx, plan, &ends, now, &mut changes).await?;
    tally::apply(tx, node, changes).await?;
    Ok(ends.len())
}

/// Moves the last `most` pending deliveries of a route on to the next channel, because it cannot finish in time.
/// Whoever has no other usable channel stays: late is better than never.
pub async fn overflow(tx: &mut Tx, node: i64, plan: &Plan, route: i16, most: i64, now: i64) -> Result<usize> {
    let Some(elsewhere) = fan_out::elsewhere(plan, route >> 4, "$4") else { return Ok(0) };
    // Numbers of our own; nothing that a person wrote.
    let text = format!(
        "SELECT d.id FROM delivery d JOIN recipient r ON r.id = (d.id >> 4) & 4294967295
         WHERE d.run = $1 AND d.id >= CAST($1 AS BIGINT) << 36 AND d.id < (CAST($1 AS BIGINT) + 1) << 36
           AND d.state = 0 AND d.route = $2 AND d.account = 0 AND r.state = 0 AND ({elsewhere})
         ORDER BY d.id DESC LIMIT $3"
    );
    let ids: Vec<i64> = within!(tx, |c, _sql| {
        sqlx::query_scalar(AssertSqlSafe(text)).bind(plan.run).bind(route).bind(most).bind(now).fetch_all(c).await
    })?;
    let ends: Vec<End> = ids.into_iter().map(|id| End { id, state: State::Skipped, why: Why::Moved, detail: None }).collect();
    let mut changes = tally::Changes::default();
    end::end_pending(tx, plan, &ends, now, &mut changes).await?;
    tally::apply(tx, node, changes).await?;
    Ok(ends.len())
}

static SILENT: Sql = Sql::new(
    r"SELECT id FROM delivery WHERE run = $1 AND state IN (3, 4) AND next_at IS NOT NULL AND next_at <= $2 ORDER BY next_at LIMIT $3",
);

// `state + 0`, here and below: such a row is found by its key. With the bare column an engine may walk the partial index
// of that state instead, with statistics from when it was all but empty, once for every row of the list.
static HEARD_OUT: Sql = Sql::new(
    r"UPDATE delivery SET next_at = NULL WHERE id IN :ids($1) AND state + 0 IN (3, 4) AND next_at IS NOT NULL RETURNING id",
);

/// Moves accepted deliveries that stayed silent on to the next channel. They keep their state: a late receipt still counts.
pub async fn fall_back_silent(tx: &mut Tx, node: i64, plan: &Plan, now: i64, most: i64) -> Result<usize> {
    let mut ids: Vec<i64> =
        within!(tx, |c, sql| sqlx::query_scalar(sql(&SILENT)).bind(plan.run).bind(now).bind(most).fetch_all(c).await)?;
    if ids.is_empty() {
        return Ok(0);
    }
    // Rows are locked in the order of their keys.
    ids.sort_unstable();
    let list = id_list(ids.iter().copied());
    // Only those that are still silent: another node may have moved them on, or a receipt come, since they were read.
    let silent: Vec<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&HEARD_OUT)).bind(&list).fetch_all(c).await)?;
    let mut changes = tally::Changes::default();
    for channel in &plan.order {
        let on_channel: Vec<i64> = silent.iter().copied().filter(|id| channel_of(*id) == *channel as i16).collect();
        fan_out::fall_back(tx, plan, *channel as i16, &on_channel, now, &mut changes).await?;
    }
    tally::apply(tx, node, changes).await?;
    Ok(ids.len())
}

/// A delivery in doubt whose time to be settled has come.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Doubt {
    /// The delivery.
    pub id: i64,
    /// The account that tried.
    pub account: i64,
    /// The attempt's number.
    pub attempt: i16,
    /// How often it was in doubt, this time included.
    pub doubts: i16,
    /// When it fell in doubt, or was claimed by a process that is gone (unix milliseconds): it was sent no earlier than the
    /// claim.
    pub updated_at: i64,
    parts: i16,
    price: i64,
}

static DOUBTS: Sql = Sql::new(
    r"SELECT id, account, attempt, doubts, updated_at, parts, price FROM delivery d
      WHERE state = 2 AND next_at <= $1 ORDER BY next_at LIMIT $2 :skip_locked(d)",
);

/// Doubts of all runs that are due, oldest first, locked for this transaction.
pub async fn doubts(tx: &mut Tx, now: i64, most: i64) -> Result<Vec<Doubt>> {
    within!(tx, |c, sql| sqlx::query_as(sql(&DOUBTS)).bind(now).bind(most).fetch_all(c).await)
}

/// What to do about a doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settle {
    /// Repeat the attempt unchanged: its gateway ignores repeats.
    Repeat,
    /// Try anew, and leave this attempt behind in doubt.
    Anew,
    /// Unknown for good.
    Unknown,
}

static SETTLE: Sql = Sql::new(
    r"UPDATE delivery SET state = v.state, account = v.account, attempt = v.attempt, next_at = v.next_at, updated_at = $2
      FROM :rows($1; id BIGINT, state SMALLINT, account BIGINT, attempt SMALLINT, next_at BIGINT) AS v
      WHERE delivery.id = v.id AND delivery.state + 0 = 2 RETURNING delivery.id",
);

/// Settles doubts that [`doubts`] returned in the same transaction. Those that end unknown move on to the next channel.
pub async fn settle(tx: &mut Tx, node: i64, plans: &Plans, settled: &[(Doubt, Settle)], now: i64) -> Result<()> {
    #[derive(Serialize)]
    struct Settled {
        id: i64,
        state: i16,
        account: i64,
        attempt: i16,
        next_at: Option<i64>,
    }
    if settled.is_empty() {
        return Ok(());
    }
    let mut changes = tally::Changes::default();
    let (mut rows, mut left, mut ended) = (Vec::new(), Vec::new(), Vec::new());
    for (doubt, how) in settled {
        let before = Counted {
            id: doubt.id,
            account: doubt.account,
            state: State::InDoubt.number(),
            parts: doubt.parts,
            price: doubt.price,
        };
        let (state, account, attempt, next_at) = match how {
            Settle::Repeat => (State::Pending, doubt.account, doubt.attempt, Some(now)),
            Settle::Anew => {
                left.push(Left {
                    delivery: doubt.id,
                    attempt: doubt.attempt,
                    account: doubt.account,
                    state: State::InDoubt.number(),
                    reason: 0,
                    parts: doubt.parts,
                    price: doubt.price,
                });
                (State::Pending, 0, doubt.attempt + 1, Some(now))
            }
            Settle::Unknown => {
                ended.push(doubt.id);
                (State::Unknown, doubt.account, doubt.attempt, None)
            }
        };
        before.becomes(&Counted { state: state.number(), account, ..before }, &mut changes);
        rows.push(Settled { id: doubt.id, state: state.number(), account, attempt, next_at });
    }
    let list = crate::db::list(&rows);
    within!(tx, |c, sql| sqlx::query(sql(&SETTLE)).bind(&list).bind(now).execute(c).await.map(affected))?;
    attempt::leave_behind(tx, &left, now).await?;
    end::move_on(tx, plans, &ended, now, &mut changes).await?;
    tally::apply(tx, node, changes).await
}

static OWNED: Sql = Sql::new(
    r"SELECT id, account, attempt, doubts, updated_at, parts, price FROM delivery d WHERE owner = $1 AND state = 1 ORDER BY id LIMIT $2 :lock(d)",
);

// The time of the claim stays: by it a late verdict finds the submission that it is about, and how long the gateway still
// ignores repeats counts from there.
static DISOWN: Sql = Sql::new(
    r"UPDATE delivery SET state = 2, owner = 0, doubts = doubts + 1, next_at = $2
      WHERE id IN :ids($1) AND state + 0 = 1",
);

/// Puts in doubt what a process owned that is gone: it may or may not have sent it. At most `most` a call.
pub async fn disown(tx: &mut Tx, node: i64, epoch: i64, settle_at: i64, most: i64) -> Result<usize> {
    let owned: Vec<Doubt> = within!(tx, |c, sql| sqlx::query_as(sql(&OWNED)).bind(epoch).bind(most).fetch_all(c).await)?;
    if owned.is_empty() {
        return Ok(0);
    }
    let list = id_list(owned.iter().map(|d| d.id));
    within!(tx, |c, sql| sqlx::query(sql(&DISOWN)).bind(&list).bind(settle_at).execute(c).await.map(affected))?;
    let mut changes = tally::Changes::default();
    for row in &owned {
        let before =
            Counted { id: row.id, account: row.account, state: State::Submitting.number(), parts: row.parts, price: row.price };
        before.becomes(&Counted { state: State::InDoubt.number(), ..before }, &mut changes);
    }
    tally::apply(tx, node, changes).await?;
    Ok(owned.len())
}
