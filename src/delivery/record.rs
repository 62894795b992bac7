//! Records what became of claimed rows, in one transaction for many.
//!
//! A judgement is written only where its process still owns the row by the very claim that it judges: a batch whose commit
//! went through unheard may be recorded again, and finds nothing left to write. One that no longer owns its row is late: what it
//! says is learnt like a receipt, and what was definitely not taken goes back to its queue.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::{
    Counted, State, Why, advert,
    attempt::{Left, best_of, leave_behind, left_behind},
    channel_of,
    claim::Claimed,
    contact,
    end::{Plans, move_on, moves_on, remark},
    handle::{self, Named},
    id_list, learn, run_of,
};
use crate::{
    db::{Engine, Result, Sql, Tx, affected, alike},
    limit, tally, within,
};

/// What became of a claimed row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was sent, and nothing is wrong with the message: back to its queue, not before `next_at`.
    PutBack {
        /// Unix milliseconds.
        next_at: i64,
    },
    /// A definite yes.
    Accepted {
        /// The gateway's ids, to be kept; empty where it echoes our reference.
        ids: Vec<String>,
        /// From when on silence counts as failure (unix milliseconds); none: never.
        silent_at: Option<i64>,
    },
    /// Definitely not taken: a new attempt at `next_at`.
    Later {
        /// In the fixed list.
        why: Why,
        /// The gateway's words.
        detail: String,
        /// Unix milliseconds.
        next_at: i64,
    },
    /// A definite end: rejected, or skipped because the gateway says that the person refuses.
    Ended {
        /// Rejected or skipped.
        state: State,
        /// In the fixed list.
        why: Why,
        /// The gateway's words.
        detail: String,
    },
    /// Nobody knows.
    InDoubt {
        /// Ids of parts that were taken, to be kept.
        ids: Vec<String>,
        /// When to settle it (unix milliseconds).
        settle_at: i64,
        /// What happened.
        detail: String,
    },
}

/// A claimed row with its outcome.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The delivery.
    pub id: i64,
    /// The epoch that claimed it.
    pub owner: i64,
    /// When that was, as it stands on the row.
    pub claimed_at: i64,
    /// The attempt's number.
    pub attempt: i16,
    /// A doubted attempt, repeated unchanged.
    pub repeat: bool,
    /// Tries before this one.
    pub tries: i16,
    /// Times in doubt before this one.
    pub doubts: i16,
    /// Parts and price of this attempt alone.
    pub cost: (i16, i64),
    /// Parts and price on the row.
    pub row: (i16, i64),
    /// The account's id.
    pub account: i64,
    /// The route.
    pub route: i16,
    /// What became of it.
    pub outcome: Outcome,
}

impl Judged {
    /// What became of a claimed row.
    pub fn of<T>(claimed: &Claimed<T>, outcome: Outcome) -> Self {
        Self {
            id: claimed.id,
            owner: claimed.owner,
            claimed_at: claimed.claimed_at,
            attempt: claimed.attempt,
            repeat: claimed.repeat,
            tries: claimed.tries,
            doubts: claimed.doubts,
            cost: claimed.cost,
            row: claimed.row,
            account: claimed.account,
            route: claimed.route,
            outcome,
        }
    }

    /// The row as it is while it is owned (`Submitting`), or after its owner lapsed (`InDoubt`).
    const fn before(&self, state: State) -> Counted {
        Counted { id: self.id, account: self.account, state: state.number(), parts: self.row.0, price: self.row.1 }
    }

    /// The row as the outcome leaves it.
    fn after(&self) -> After {
        let row = After {
            id: self.id,
            owner: self.owner,
            claimed_at: self.claimed_at,
            attempt: self.attempt,
            state: State::Accepted.number(),
            reason: 0,
            account: self.account,
            next_attempt: self.attempt,
            tries: self.tries,
            doubts: self.doubts,
            parts: self.row.0,
            price: self.row.1,
            next_at: None,
        };
        // A repeat stays bound to its account, and what its first try may have cost stays on the row.
        let unsent = After {
            state: State::Pending.number(),
            account: if self.repeat { self.account } else { 0 },
            parts: self.row.0 - self.cost.0,
            price: self.row.1 - self.cost.1,
            ..row
        };
        match &self.outcome {
            Outcome::PutBack { next_at } => After { next_at: Some(*next_at), ..unsent },
            Outcome::Later { why, next_at, .. } => After {
                reason: why.number(),
                next_at: Some(*next_at),
                tries: self.tries + 1,
                next_attempt: if self.repeat { self.attempt } else { self.attempt + 1 },
                ..unsent
            },
            Outcome::Accepted { silent_at, .. } => After { next_at: *silent_at, ..row },
            Outcome::Ended { state, why, .. } => After {
                // What was once in doubt never ends as rejected: the first try may have arrived.
                state: if self.repeat { State::Unknown } else { *state }.number(),
                reason: why.number(),
                account: self.account,
                tries: self.tries + 1,
                ..unsent
            },
            Outcome::InDoubt { settle_at, .. } => {
                After { state: State::InDoubt.number(), doubts: self.doubts + 1, next_at: Some(*settle_at), ..row }
            }
        }
    }

    /// What is not billed after all, where the row that it leaves costs less than the one that was claimed.
    fn taken_back(&self, row: &After) -> Option<tally::Count> {
        let (parts, price) = (i64::from(row.parts) - i64::from(self.row.0), row.price - self.row.1);
        (parts != 0 || price != 0).then_some(tally::Count { n: -1, parts, price })
    }

    /// What it says where the row is not its own any more. A repeat's refusal says nothing of the first try.
    fn as_news(&self) -> Option<learn::News> {
        let (state, why) = match &self.outcome {
            Outcome::Accepted { .. } => (State::Accepted, Why::Nothing),
            Outcome::Ended { state: State::Rejected, why, .. } if !self.repeat => (State::Rejected, *why),
            _ => return None,
        };
        let detail = self.detail().unwrap_or_default().to_string();
        Some(learn::News { delivery: self.id, attempt: self.attempt, handle: None, state, why, detail })
    }

    fn detail(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Later { detail, .. } | Outcome::Ended { detail, .. } | Outcome::InDoubt { detail, .. } => Some(detail),
            Outcome::PutBack { .. } | Outcome::Accepted { .. } => None,
        }
    }

    fn named(&self) -> Named<'_> {
        let ids = match &self.outcome {
            Outcome::Accepted { ids, .. } | Outcome::InDoubt { ids, .. } => &ids[..],
            _ => &[],
        };
        // In doubt, at least one more part was not answered for.
        let unnamed = matches!(self.outcome, Outcome::InDoubt { .. });
        Named { account: self.account, delivery: self.id, attempt: self.attempt, ids, unnamed }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct After {
    id: i64,
    owner: i64,
    claimed_at: i64,
    attempt: i16,
    state: i16,
    reason: i16,
    account: i64,
    next_attempt: i16,
    tries: i16,
    doubts: i16,
    parts: i16,
    price: i64,
    next_at: Option<i64>,
}

impl After {
    /// All of it but which row it is.
    fn kind(&self) -> Self {
        Self { id: 0, ..self.clone() }
    }

    const fn counted(&self) -> Counted {
        Counted { id: self.id, account: self.account, state: self.state, parts: self.parts, price: self.price }
    }
}

static LOCK: Sql = Sql::new(r"SELECT id FROM delivery d WHERE id IN :ids($1) ORDER BY id :lock(d)");

// The time of the claim stays what tells one claim of a row from the next: it never goes back, also where clocks do.
//
// `owner + 0`, and `state + 0` here and below: such a row is found by its key. With the bare column an engine may walk the
// partial index of that state or owner instead, with statistics from when it was all but empty, once for every row of the list.
static RECORD: Sql = Sql::new(
    r"UPDATE delivery SET state = v.state, reason = v.reason, owner = 0, account = v.account, attempt = v.next_attempt,
             tries = v.tries, doubts = v.doubts, parts = v.parts, price = v.price, next_at = v.next_at, updated_at = CASE WHEN v.claimed_at > $2 THEN v.claimed_at ELSE $2 END
      FROM :rows($1; id BIGINT, owner BIGINT, claimed_at BIGINT, attempt SMALLINT, state SMALLINT, reason SMALLINT, account BIGINT, next_attempt SMALLINT,
                 tries SMALLINT, doubts SMALLINT, parts SMALLINT, price BIGINT, next_at BIGINT) AS v
      WHERE delivery.id = v.id AND delivery.state + 0 = 1 AND delivery.owner + 0 = v.owner AND delivery.attempt = v.attempt
        AND delivery.updated_at = v.claimed_at
      RETURNING delivery.id",
);

// The same for rows that become alike.
static RECORD_ALIKE: Sql = Sql::new(
    r"UPDATE delivery SET state = $6, reason = $7, owner = 0, account = $8, attempt = $9, tries = $10, doubts = $11, parts = $12, price = $13,
             next_at = $14, updated_at = CASE WHEN $4 > $2 THEN $4 ELSE $2 END
      WHERE id IN :ids($1) AND state + 0 = 1 AND owner + 0 = $3 AND attempt = $5 AND updated_at = $4
      RETURNING id",
);

// A late but definite word on the very submission that was put in doubt, as if it had come in time. The time of its claim,
// which the sweep leaves on the row, tells it from a later submission of the same attempt, of which it says nothing.
static UNDOUBT: Sql = Sql::new(
    r"UPDATE delivery SET state = v.state, reason = v.reason, account = v.account, attempt = v.next_attempt,
             tries = v.tries, doubts = v.doubts, parts = v.parts, price = v.price, next_at = v.next_at, updated_at = CASE WHEN v.claimed_at > $2 THEN v.claimed_at ELSE $2 END
      FROM :rows($1; id BIGINT, claimed_at BIGINT, attempt SMALLINT, state SMALLINT, reason SMALLINT, account BIGINT, next_attempt SMALLINT,
                 tries SMALLINT, doubts SMALLINT, parts SMALLINT, price BIGINT, next_at BIGINT) AS v
      WHERE delivery.id = v.id AND delivery.state + 0 = 2 AND delivery.attempt = v.attempt AND delivery.doubts = v.doubts + 1
        AND delivery.updated_at = v.claimed_at
      RETURNING delivery.id",
);

static UNSPEND: Sql = Sql::new(
    r"UPDATE account SET used = CASE WHEN used > v.n THEN used - v.n ELSE 0 END
      FROM :rows($1; account BIGINT, day TEXT, n BIGINT) AS v WHERE account.id = v.account AND account.day = v.day",
);

/// What a recording brings to light.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Receipts that came before the answer that names them: match them again.
    pub early: Vec<i64>,
    /// Rows that were written.
    pub written: usize,
}

/// Records judgements of one process, whose tallies have the node `node`. All or nothing; a batch recorded twice changes
/// nothing the second time, also if rows of it were claimed again in between.
pub async fn record(tx: &mut Tx, node: i64, plans: &Plans, judged: &[Judged], now: i64) -> Result<Recorded> {
    let mut rows: BTreeMap<i64, After> = judged.iter().map(|j| (j.id, j.after())).collect();
    let mut left = Vec::new();

    // An end after earlier attempts: the best of all of them counts.
    let doubted: Vec<i64> =
        judged.iter().filter(|j| j.attempt > 1 && matches!(j.outcome, Outcome::Ended { .. })).map(|j| j.id).collect();
    let earlier = left_behind(tx, &doubted).await?;
    for one in judged {
        let Some(row) = rows.get_mut(&one.id) else { continue };
        let own = Left {
            delivery: one.id,
            attempt: one.attempt,
            account: one.account,
            state: if row.next_attempt == one.attempt { row.state } else { State::Rejected.number() },
            reason: row.reason,
            parts: one.cost.0,
            price: one.cost.1,
        };
        if row.next_attempt != one.attempt {
            left.push(own);
        } else if let Some(attempts) = earlier.get(&one.id) {
            let end = State::from_number(row.state);
            let (best, account) = best_of(attempts, one.attempt, end, row.account);
            if best != end {
                row.state = best.number();
                row.account = account;
                row.next_at = plans
                    .get(&run_of(one.id))
                    .filter(|_| best.is_open())
                    .and_then(|plan| plan.silent_at(channel_of(one.id), now));
                left.push(own);
            }
        }
    }

    let owned = write(tx, &rows, now).await?;
    let mut written = owned.clone();
    written.extend(undoubt(tx, judged.iter().filter(|j| !owned.contains(&j.id)), &rows, now).await?);

    let mut changes = tally::Changes::default();
    for one in judged.iter().filter(|j| written.contains(&j.id)) {
        if let Some(row) = rows.get(&one.id) {
            let was = if owned.contains(&one.id) { State::Submitting } else { State::InDoubt };
            one.before(was).becomes(&row.counted(), &mut changes);
            if let Some(taken_back) = one.taken_back(row) {
                changes.billed(one.account, one.route, one.claimed_at, taken_back);
            }
            if row.state == State::Accepted.number() && matches!(one.outcome, Outcome::Accepted { .. }) {
                changes.taken(one.account, now);
            }
        }
    }
    unspend(tx, judged.iter().filter(|j| written.contains(&j.id))).await?;
    left.retain(|l| written.contains(&l.delivery));
    leave_behind(tx, &left, now).await?;
    remark(tx, judged.iter().filter(|j| written.contains(&j.id)).filter_map(|j| j.detail().map(|d| (j.id, d))), now).await?;
    let early = handle::keep(tx, judged.iter().map(Judged::named), now).await?;

    let ended: Vec<i64> = judged
        .iter()
        .filter(|j| written.contains(&j.id))
        .filter(|j| rows.get(&j.id).is_some_and(|row| moves_on(State::from_number(row.state), Why::from_number(row.reason))))
        .map(|j| j.id)
        .collect();
    move_on(tx, plans, &ended, now, &mut changes).await?;
    let untaken = |j: &&Judged| matches!(j.outcome, Outcome::PutBack { .. } | Outcome::Later { .. } | Outcome::Ended { .. });
    contact::give_back(tx, judged.iter().filter(untaken).map(|j| j.id)).await?;
    advert::give_back(tx, judged.iter().filter(untaken).map(|j| j.id)).await?;

    let late: Vec<learn::News> = judged.iter().filter(|j| !written.contains(&j.id)).filter_map(Judged::as_news).collect();
    learn::join(tx, plans, &late, now, &mut changes).await?;
    tally::apply(tx, node, changes).await?;
    Ok(Recorded { early, written: written.len() })
}

/// Writes the rows that are still owned by the claims that were judged. Which those are.
async fn write(tx: &mut Tx, rows: &BTreeMap<i64, After>, now: i64) -> Result<HashSet<i64>> {
    // A server locks rows one by one: in the order of their keys, as whoever learns of them does.
    if tx.engine() == Engine::Postgres {
        let list = id_list(rows.keys().copied());
        within!(tx, |c, sql| sqlx::query(sql(&LOCK)).bind(&list).execute(c).await.map(affected))?;
    }
    let (kinds, apart) = alike(rows.values(), After::kind);
    let mut owned = HashSet::with_capacity(rows.len());
    for (kind, rows) in kinds {
        let list = id_list(rows.iter().map(|row| row.id));
        let written: Vec<i64> = within!(tx, |c, sql| {
            sqlx::query_scalar(sql(&RECORD_ALIKE))
                .bind(&list)
                .bind(now)
                .bind(kind.owner)
                .bind(kind.claimed_at)
                .bind(kind.attempt)
                .bind(kind.state)
                .bind(kind.reason)
                .bind(kind.account)
                .bind(kind.next_attempt)
                .bind(kind.tries)
                .bind(kind.doubts)
                .bind(kind.parts)
                .bind(kind.price)
                .bind(kind.next_at)
                .fetch_all(c)
                .await
        })?;
        owned.extend(written);
    }
    if !apart.is_empty() {
        let list = crate::db::list(&apart);
        let written: Vec<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&RECORD)).bind(&list).bind(now).fetch_all(c).await)?;
        owned.extend(written);
    }
    Ok(owned)
}

/// What was put back takes nothing of its account's quota on the day of its claim.
async fn unspend<'a>(tx: &mut Tx, written: impl Iterator<Item = &'a Judged>) -> Result<()> {
    #[derive(Serialize)]
    struct Unspent {
        account: i64,
        day: String,
        n: i64,
    }
    let mut unsent: BTreeMap<(i64, String), i64> = BTreeMap::new();
    for one in written.filter(|j| matches!(j.outcome, Outcome::PutBack { .. })) {
        let day = limit::quota_day(chrono::DateTime::from_timestamp_millis(one.claimed_at).unwrap_or_default());
        *unsent.entry((one.account, day)).or_default() += 1;
    }
    if unsent.is_empty() {
        return Ok(());
    }
    let list = crate::db::list(&unsent.into_iter().map(|((account, day), n)| Unspent { account, day, n }).collect::<Vec<_>>());
    within!(tx, |c, sql| sqlx::query(sql(&UNSPEND)).bind(&list).execute(c).await.map(affected))?;
    Ok(())
}

/// Writes what late verdicts say of rows that are in doubt because of them. Which rows that were.
async fn undoubt<'a>(
    tx: &mut Tx,
    late: impl Iterator<Item = &'a Judged>,
    rows: &BTreeMap<i64, After>,
    now: i64,
) -> Result<Vec<i64>> {
    let definite: Vec<&After> =
        late.filter(|j| !matches!(j.outcome, Outcome::InDoubt { .. })).filter_map(|j| rows.get(&j.id)).collect();
    if definite.is_empty() {
        return Ok(Vec::new());
    }
    let list = crate::db::list(&definite);
    within!(tx, |c, sql| sqlx::query_scalar(sql(&UNDOUBT)).bind(&list).bind(now).fetch_all(c).await)
}
