//! Learns what receipts, status queries and late answers say of attempts: any order, any number of times, one result.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use providers::Channel;
use serde::Serialize;

use super::{
    Counted, State, Why,
    attempt::{self, Known, Left, left_behind},
    channel_of,
    end::{self, End, Plans, move_on, remark},
    id, id_list, recipient_of, run_of, state,
};
use crate::{
    db::{Result, Sql, Tx, affected, alike},
    tally, within,
};

/// Something said of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The delivery.
    pub delivery: i64,
    /// The attempt's number.
    pub attempt: i16,
    /// The account and the gateway's id of the part, where it was named that way.
    pub handle: Option<(i64, String)>,
    /// What became of it.
    pub state: State,
    /// Why, where it failed.
    pub why: Why,
    /// The gateway's words.
    pub detail: String,
}

#[derive(Debug, Clone, sqlx::FromRow)]
struct Row {
    id: i64,
    account: i64,
    state: i16,
    attempt: i16,
    parts: i16,
    price: i64,
    next_at: Option<i64>,
    /// Of an accepted row: when its account took it.
    updated_at: i64,
}

static ROWS: Sql = Sql::new(
    r"SELECT id, account, state, attempt, parts, price, next_at, updated_at FROM delivery d
      WHERE id IN :ids($1) ORDER BY id :lock(d)",
);

static WRITE: Sql = Sql::new(
    r"UPDATE delivery SET state = v.state, reason = v.reason, account = v.account, next_at = v.next_at, owner = 0, updated_at = $2
      FROM :rows($1; id BIGINT, was SMALLINT, state SMALLINT, reason SMALLINT, account BIGINT, next_at BIGINT) AS v
      WHERE delivery.id = v.id AND delivery.state + 0 = v.was RETURNING delivery.id",
);

// The same for rows that become alike.
static WRITE_ALIKE: Sql = Sql::new(
    r"UPDATE delivery SET state = $4, reason = $5, account = $6, next_at = $7, owner = 0, updated_at = $2
      WHERE id IN :ids($1) AND state + 0 = $3 RETURNING id",
);

static PARTS: Sql = Sql::new(
    r"SELECT h.account, h.id, h.delivery, h.attempt, h.parts, h.state FROM handle h
      WHERE h.delivery IN :ids($1) AND h.parts > 1 ORDER BY h.account, h.id :lock(h)",
);

static LEARN_PART: Sql = Sql::new(
    r"UPDATE handle SET state = v.state, reason = v.reason
      FROM :rows($1; account BIGINT, handle TEXT, state SMALLINT, reason SMALLINT) AS v
      WHERE handle.account = v.account AND handle.id = v.handle",
);

/// One attempt's news, all parts considered.
#[derive(Debug, Clone)]
struct Heard {
    state: State,
    why: Why,
    /// From what is known of every part: it stands as it is, where a word on the whole only adds to what is known. A part
    /// that arrives after all leaves the attempt as open as its other parts are.
    of_all_parts: bool,
}

impl Heard {
    const NOTHING: Self = Self { state: State::InDoubt, why: Why::Nothing, of_all_parts: false };

    /// What is known of the attempt now.
    fn added_to(&self, known: State) -> State {
        if self.of_all_parts { self.state } else { state::learn(known, self.state) }
    }
}

/// Joins news to what is known. Failed deliveries move on to their next channels; a confirmed one frees its pending
/// siblings. News of attempts that never were is dropped.
pub async fn join(tx: &mut Tx, plans: &Plans, news: &[News], now: i64, changes: &mut tally::Changes) -> Result<()> {
    if news.is_empty() {
        return Ok(());
    }
    let ids: BTreeSet<i64> = news.iter().map(|n| n.delivery).collect();
    let list = id_list(ids.iter().copied());
    let rows: Vec<Row> = within!(tx, |c, sql| sqlx::query_as(sql(&ROWS)).bind(&list).fetch_all(c).await)?;
    let heard = hear(tx, news, &list).await?;
    let several: Vec<i64> = rows.iter().filter(|r| r.attempt > 1).map(|r| r.id).collect();
    let mut left = left_behind(tx, &several).await?;

    let mut writes = Vec::new();
    let mut remembered = Vec::new();
    for row in &rows {
        let known = left.remove(&row.id).unwrap_or_default();
        let Some((joined, mut kept)) = join_row(row, known, &heard) else { continue };
        remembered.append(&mut kept);
        if joined.state != State::from_number(row.state) {
            writes.push((row, joined));
        }
    }
    attempt::leave_behind(tx, &remembered, now).await?;
    write(tx, plans, &writes, now, changes).await?;
    remark(tx, news.iter().filter(|n| n.state.has_failed()).map(|n| (n.delivery, n.detail.as_str())), now).await
}

/// What a delivery becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Joined {
    state: State,
    why: Why,
    account: i64,
}

/// The pure transition of one delivery: what it becomes, and which attempts' rows remember what.
fn join_row(row: &Row, known: Vec<Known>, heard: &HashMap<(i64, i16), Heard>) -> Option<(Joined, Vec<Left>)> {
    let was = State::from_number(row.state);
    if matches!(was, State::Skipped | State::Lapsed | State::Cancelled) {
        return None;
    }
    let own = known.iter().find(|k| k.attempt == row.attempt).copied();
    let mut present = own.map_or(was, |k| k.state);
    let mut earlier: Vec<Known> = known.into_iter().filter(|k| k.attempt < row.attempt).collect();
    let mut kept = Vec::new();
    let mut why = Why::Nothing;
    let mut account = row.account;
    let left = |attempt, account, state: State, why: Why| Left {
        delivery: row.id,
        attempt,
        account,
        state: state.number(),
        reason: why.number(),
        parts: 0,
        price: 0,
    };

    if let Some(news) = heard.get(&(row.id, row.attempt)) {
        let unsent = present == State::Pending && row.account == 0;
        // A row that waits to be sent was definitely not taken before: bad news of it says nothing new.
        if !(unsent && news.state.has_failed()) {
            let learnt = news.added_to(present);
            if learnt != present {
                present = learnt;
                why = news.why;
            }
        }
    }
    for attempt in &mut earlier {
        if let Some(news) = heard.get(&(row.id, attempt.attempt)) {
            let learnt = news.added_to(attempt.state);
            if learnt != attempt.state {
                attempt.state = learnt;
                kept.push(left(attempt.attempt, attempt.account, learnt, news.why));
                if account == 0 && !learnt.has_failed() {
                    account = attempt.account;
                }
                why = news.why;
            }
        }
    }
    let joined = state::of_attempts(earlier.iter().map(|k| k.state), present);
    // The present attempt's own knowledge must survive an earlier one that outweighs it.
    if !earlier.is_empty() && (joined != present || own.is_some()) {
        kept.push(left(row.attempt, row.account, present, why));
    }
    let why = if joined.has_failed() { why } else { Why::Nothing };
    Some((Joined { state: joined, why, account: if joined == State::Pending { row.account } else { account } }, kept))
}

/// Folds news into one word an attempt: directly, or through all of its parts.
async fn hear(tx: &mut Tx, news: &[News], deliveries: &str) -> Result<HashMap<(i64, i16), Heard>> {
    #[derive(Serialize)]
    struct Learnt<'a> {
        account: i64,
        handle: &'a str,
        state: i16,
        reason: i16,
    }
    /// How many parts an attempt has, and what is known of those that have a handle.
    type Parts = (i16, Vec<(State, Why)>);
    let rows: Vec<(i64, String, i64, i16, i16, i16)> = if news.iter().any(|one| one.handle.is_some()) {
        within!(tx, |c, sql| sqlx::query_as(sql(&PARTS)).bind(deliveries).fetch_all(c).await)?
    } else {
        Vec::new()
    };
    // An id that is not among these is that of a whole message: gateways are asked by ids, whatever the message is made of.
    let parts: HashSet<(i64, &str)> = rows.iter().map(|(account, id, ..)| (*account, id.as_str())).collect();
    let is_part = |(account, id): &&(i64, String)| parts.contains(&(*account, id.as_str()));
    let mut heard: HashMap<(i64, i16), Heard> = HashMap::new();
    let mut of_parts: BTreeMap<(i64, &str), (State, Why)> = BTreeMap::new();
    for one in news {
        if let Some((account, handle)) = one.handle.as_ref().filter(is_part) {
            let part = of_parts.entry((*account, handle)).or_insert((State::InDoubt, Why::Nothing));
            if state::learn(part.0, one.state) != part.0 {
                *part = (one.state, one.why);
            }
        } else {
            let attempt = heard.entry((one.delivery, one.attempt)).or_insert(Heard::NOTHING);
            if state::learn(attempt.state, one.state) != attempt.state {
                *attempt = Heard { state: one.state, why: one.why, of_all_parts: false };
            }
        }
    }
    if of_parts.is_empty() {
        return Ok(heard);
    }
    let mut learnt = Vec::new();
    // Attempts that this news is of; the others' parts are only looked at.
    let of_parts_now: BTreeSet<(i64, i16)> = news
        .iter()
        .filter(|one| one.handle.as_ref().is_some_and(|named| is_part(&named)))
        .map(|one| (one.delivery, one.attempt))
        .collect();
    let mut attempts: BTreeMap<(i64, i16), Parts> = BTreeMap::new();
    for (account, handle, delivery, attempt, parts, was) in &rows {
        let was = State::from_number(*was);
        let (state, why) = of_parts.get(&(*account, handle.as_str())).copied().unwrap_or((was, Why::Nothing));
        let now_known = state::learn(was, state);
        if now_known != was {
            learnt.push(Learnt { account: *account, handle, state: now_known.number(), reason: why.number() });
        }
        let of_attempt = attempts.entry((*delivery, *attempt)).or_insert_with(|| (*parts, Vec::new()));
        of_attempt.0 = of_attempt.0.max(*parts);
        of_attempt.1.push((now_known, why));
    }
    if !learnt.is_empty() {
        let list = crate::db::list(&learnt);
        within!(tx, |c, sql| sqlx::query(sql(&LEARN_PART)).bind(&list).execute(c).await.map(affected))?;
    }
    for (key, (parts, mut known)) in attempts {
        // Nothing is known of a part without a handle: its attempt fell in doubt before the gateway named it.
        let complete = known.len() >= usize::try_from(parts).unwrap_or(0);
        if !complete {
            known.push((State::InDoubt, Why::Nothing));
        }
        let Some(state) = state::of_parts(known.iter().map(|(state, _)| *state)) else { continue };
        let why = known.iter().find(|(s, _)| *s == state).map_or(Why::Nothing, |(_, why)| *why);
        match heard.get_mut(&key) {
            // What was said of the attempt as a whole is not forgotten.
            Some(whole) if state::learn(whole.state, state) == whole.state => {}
            Some(whole) => *whole = Heard { state, why, of_all_parts: false },
            None => drop(heard.insert(key, Heard { state, why, of_all_parts: complete && of_parts_now.contains(&key) })),
        }
    }
    Ok(heard)
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Write {
    id: i64,
    was: i16,
    state: i16,
    reason: i16,
    account: i64,
    next_at: Option<i64>,
}

/// Writes rows that are as they were read. Which those are.
async fn write_rows(tx: &mut Tx, rows: &[Write], now: i64) -> Result<HashSet<i64>> {
    let (kinds, apart) = alike(rows, |row| Write { id: 0, ..row.clone() });
    let mut written = HashSet::with_capacity(rows.len());
    for (kind, rows) in kinds {
        let list = id_list(rows.iter().map(|row| row.id));
        let ids: Vec<i64> = within!(tx, |c, sql| {
            sqlx::query_scalar(sql(&WRITE_ALIKE))
                .bind(&list)
                .bind(now)
                .bind(kind.was)
                .bind(kind.state)
                .bind(kind.reason)
                .bind(kind.account)
                .bind(kind.next_at)
                .fetch_all(c)
                .await
        })?;
        written.extend(ids);
    }
    if !apart.is_empty() {
        let list = crate::db::list(&apart);
        let ids: Vec<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&WRITE)).bind(&list).bind(now).fetch_all(c).await)?;
        written.extend(ids);
    }
    Ok(written)
}

async fn write(tx: &mut Tx, plans: &Plans, writes: &[(&Row, Joined)], now: i64, changes: &mut tally::Changes) -> Result<()> {
    if writes.is_empty() {
        return Ok(());
    }
    let rows: Vec<Write> = writes
        .iter()
        .map(|(row, joined)| Write {
            id: row.id,
            was: row.state,
            state: joined.state.number(),
            reason: joined.why.number(),
            account: joined.account,
            next_at: next_at(row, joined.state, plans, now),
        })
        .collect();
    let written = write_rows(tx, &rows, now).await?;
    let mut failed = Vec::new();
    let mut reached: BTreeMap<i64, Vec<End>> = BTreeMap::new();
    for (row, joined) in writes.iter().filter(|(row, _)| written.contains(&row.id)) {
        let before = Counted { id: row.id, account: row.account, state: row.state, parts: row.parts, price: row.price };
        before.becomes(&Counted { account: joined.account, state: joined.state.number(), ..before }, changes);
        count_promptness(row, *joined, now, changes);
        if joined.state.has_failed() {
            failed.push(row.id);
        } else if joined.state.is_confirmed() {
            let run = run_of(row.id);
            let Some(plan) = plans.get(&run).filter(|plan| plan.first) else { continue };
            let siblings = plan.order.iter().filter(|c| **c as i16 != channel_of(row.id));
            reached.entry(run).or_default().extend(siblings.map(|c: &Channel| End {
                id: id(run, recipient_of(row.id), *c),
                state: State::Skipped,
                why: Why::Reached,
                detail: None,
            }));
        }
    }
    move_on(tx, plans, &failed, now, changes).await?;
    for (run, ends) in reached {
        if let Some(plan) = plans.get(&run) {
            end::end_pending(tx, plan, &ends, now, changes).await?;
        }
    }
    Ok(())
}

/// Counts a row's first receipt, and what its account took without an answer in time. News of an earlier attempt tells nothing of
/// how prompt the present one's account is.
fn count_promptness(row: &Row, joined: Joined, now: i64, changes: &mut tally::Changes) {
    use State::{Accepted, Delivered, Enroute, Expired, InDoubt, Seen, Submitting, Undelivered};
    if joined.account != row.account || row.account == 0 {
        return;
    }
    let receipt = matches!(joined.state, Enroute | Delivered | Seen | Undelivered | Expired);
    match State::from_number(row.state) {
        Accepted if receipt => changes.first_receipt(row.account, row.updated_at, now),
        Submitting | InDoubt if receipt => {
            changes.taken(row.account, now);
            changes.first_receipt(row.account, now, now);
        }
        Submitting | InDoubt if joined.state == Accepted => changes.taken(row.account, now),
        _ => {}
    }
}

/// When something has to be looked at again by itself.
fn next_at(row: &Row, state: State, plans: &Plans, now: i64) -> Option<i64> {
    match state {
        State::Pending | State::InDoubt | State::Submitting => row.next_at,
        State::Accepted | State::Enroute if matches!(State::from_number(row.state), State::Accepted | State::Enroute) => {
            row.next_at
        }
        State::Accepted | State::Enroute => plans.get(&run_of(row.id)).and_then(|plan| plan.silent_at(channel_of(row.id), now)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: State, attempt: i16, account: i64) -> Row {
        Row { id: 77, account, state: state.number(), attempt, parts: 1, price: 300, next_at: None, updated_at: 0 }
    }

    fn heard(attempt: i16, state: State) -> HashMap<(i64, i16), Heard> {
        HashMap::from([((77, attempt), Heard { state, why: Why::Nothing, of_all_parts: false })])
    }

    #[test]
    fn a_receipt_before_the_answer_settles_a_submitting_row() {
        let (joined, kept) = join_row(&row(State::Submitting, 1, 5), Vec::new(), &heard(1, State::Delivered)).unwrap();
        assert_eq!((joined.state, joined.account), (State::Delivered, 5));
        assert!(kept.is_empty());
    }

    #[test]
    fn an_earlier_attempt_that_arrived_stops_the_next_one() {
        let known = vec![Known { attempt: 1, state: State::InDoubt, account: 3 }];
        let (joined, kept) = join_row(&row(State::Pending, 2, 0), known, &heard(1, State::Delivered)).unwrap();
        assert_eq!((joined.state, joined.account), (State::Delivered, 3));
        assert_eq!(kept.len(), 2, "the earlier attempt's news and the present one's standing are both kept");
    }

    #[test]
    fn bad_news_of_an_earlier_attempt_leaves_an_open_one_alone() {
        let known = vec![Known { attempt: 1, state: State::InDoubt, account: 3 }];
        let (joined, _) = join_row(&row(State::Accepted, 2, 4), known, &heard(1, State::Undelivered)).unwrap();
        assert_eq!(joined.state, State::Accepted);
    }

    #[test]
    fn an_unknown_end_is_settled_once_every_attempt_is() {
        let known = vec![
            Known { attempt: 1, state: State::InDoubt, account: 3 },
            Known { attempt: 2, state: State::Rejected, account: 4 },
        ];
        let (joined, _) = join_row(&row(State::Unknown, 2, 4), known, &heard(1, State::Undelivered)).unwrap();
        assert_eq!(joined.state, State::Undelivered);
    }

    #[test]
    fn what_was_never_sent_learns_nothing() {
        assert!(join_row(&row(State::Lapsed, 1, 0), Vec::new(), &heard(1, State::Delivered)).is_none());
        let (joined, _) = join_row(&row(State::Pending, 1, 0), Vec::new(), &heard(1, State::Undelivered)).unwrap();
        assert_eq!(joined.state, State::Pending);
    }
}
