//! Slow accounts: those whose receipts come late. Judged from rows that all nodes share, by one node at a time.
//!
//! What enters: how prompt the receipts of the last quarter of an hour were, and what else ails the accounts. What leaves: at most
//! one move a minute, away from an account that turned slow or back to one that was quiet for a quarter of an hour. Nothing moves
//! where all or none of a route's accounts are slow: messages would wait elsewhere as well. Accounts without receipts are left
//! out. [`decide`] is pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Account,
    trouble::{self, Cause, Trouble},
};
use crate::{
    db::{Db, Result, Sql, affected},
    on,
    tally::prompt::{IN_TIME, minute},
    transaction, within,
};

/// Messages that are looked at: those taken in the last quarter of an hour (minutes).
const WINDOW: i64 = 15;
/// Of a hundred messages, so many may be late.
const LATE: i64 = 15;
/// Fewer messages than this say nothing.
const ENOUGH: i64 = 20;
/// An account that was left stays so at least for this.
const QUIET: i64 = 15 * 60_000;
/// Between two moves.
const BETWEEN_MOVES: i64 = 60_000;
/// Counts are kept for this (minutes).
const KEPT: i64 = 60;

/// An account's receipts within the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Figures {
    /// First receipt in time.
    prompt: i64,
    /// First receipt late, or still none although it is late already.
    late: i64,
}

impl Figures {
    fn are_slow(self) -> bool {
        let all = self.prompt + self.late;
        all >= ENOUGH && self.late * 100 >= LATE * all
    }

    fn told(self) -> String {
        format!("{}/{} > {} min", self.late, self.prompt + self.late, IN_TIME / 60_000)
    }
}

/// One account as the judgement sees it.
#[derive(Debug, Clone)]
struct Candidate {
    id: i64,
    routes: BTreeSet<i16>,
    figures: Figures,
    /// Since when it is left for its slowness.
    left_since: Option<i64>,
    /// Nothing else keeps it from sending.
    able: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Away(i64),
    Back(i64),
}

/// At most one move. `accounts`: those with receipts.
fn decide(accounts: &[Candidate], now: i64) -> Option<Move> {
    let back = accounts
        .iter()
        .filter(|a| !a.figures.are_slow())
        .filter_map(|a| Some((a.left_since.filter(|since| now - since >= QUIET || *since > now)?, a.id)))
        .min();
    if let Some((_, id)) = back {
        return Some(Move::Back(id));
    }
    let takes_over = |slow: &Candidate, other: &Candidate| {
        other.id != slow.id
            && other.able
            && other.left_since.is_none()
            && !other.figures.are_slow()
            && !other.routes.is_disjoint(&slow.routes)
    };
    let worst = accounts
        .iter()
        .filter(|a| a.left_since.is_none() && a.figures.are_slow())
        .filter(|a| accounts.iter().any(|other| takes_over(a, other)))
        .max_by_key(|a| (a.figures.late * 1_000 / (a.figures.late + a.figures.prompt).max(1), a.id));
    worst.map(|a| Move::Away(a.id))
}

static FIGURES: Sql = Sql::new(
    r"SELECT m.account, CAST(sum(m.prompt) AS BIGINT),
             CAST(sum(CASE WHEN m.minute <= $2 AND m.sent > m.prompt THEN m.sent - m.prompt ELSE 0 END) AS BIGINT)
      FROM (SELECT account, minute, sum(sent) AS sent, sum(prompt) AS prompt FROM account_minute
            WHERE account IN (SELECT id FROM account WHERE receipts) AND minute >= $1 GROUP BY account, minute) AS m
      GROUP BY m.account",
);

static MOVED_AT: Sql = Sql::new(r"SELECT value FROM meta m WHERE key = 'moved_at' :lock(m)");

static MOVED: Sql = Sql::new(r"UPDATE meta SET value = $1 WHERE key = 'moved_at'");

static FORGET: Sql = Sql::new(r"DELETE FROM account_minute WHERE minute < $1");

static FORGET_DELAYS: Sql = Sql::new(r"DELETE FROM account_delay WHERE minute < $1");

/// What was done: the account, whether it was left, and the figures that led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) account: i64,
    pub(super) away: bool,
    pub(super) why: String,
}

/// Judges the accounts, unless another node did so within the minute. `takers`: who takes an account's messages.
pub(super) async fn judge(
    db: &Db,
    accounts: &[std::sync::Arc<Account>],
    takers: impl Fn(i64) -> String + Send,
    now: i64,
) -> Result<Option<Moved>> {
    for forget in [&FORGET, &FORGET_DELAYS] {
        on!(db.write, |pool, sql| sqlx::query(sql(forget)).bind(minute(now) - KEPT).execute(pool).await.map(affected))?;
    }
    transaction!(db, |tx| {
        let moved_at: String = within!(tx, |c, sql| sqlx::query_scalar(sql(&MOVED_AT)).fetch_one(c).await)?;
        let moved_at: i64 = moved_at.parse().unwrap_or(0);
        if now < moved_at + BETWEEN_MOVES && moved_at <= now + BETWEEN_MOVES {
            return Ok(None);
        }
        // Whole minutes alone: what was taken in the last of them is late only once all of it is.
        let (first, over) = (minute(now) - WINDOW, minute(now - IN_TIME) - 1);
        let rows: Vec<(i64, i64, i64)> =
            within!(tx, |c, sql| sqlx::query_as(sql(&FIGURES)).bind(first).bind(over).fetch_all(c).await)?;
        let figures: BTreeMap<i64, Figures> =
            rows.into_iter().map(|(account, prompt, late)| (account, Figures { prompt, late })).collect();
        let troubles = trouble::present_within(tx).await?;
        let candidates: Vec<Candidate> = accounts.iter().filter_map(|a| candidate(a, &figures, &troubles)).collect();
        let Some(what) = decide(&candidates, now) else { return Ok(None) };
        let (account, away) = match what {
            Move::Away(account) => (account, true),
            Move::Back(account) => (account, false),
        };
        let why = figures.get(&account).copied().unwrap_or_default().told();
        let changed = if away {
            trouble::begin(tx, account, Cause::Slow, &why, &takers(account), now).await?
        } else {
            trouble::end(tx, account, Cause::Slow, &why, now).await?
        };
        if !changed {
            return Ok(None);
        }
        within!(tx, |c, sql| sqlx::query(sql(&MOVED)).bind(now.to_string()).execute(c).await.map(affected))?;
        Ok(Some(Moved { account, away, why }))
    })
}

fn candidate(account: &Account, figures: &BTreeMap<i64, Figures>, troubles: &[Trouble]) -> Option<Candidate> {
    let own: Vec<&Trouble> = troubles.iter().filter(|t| t.account == account.id).collect();
    account.has_receipts().then(|| Candidate {
        id: account.id,
        routes: account.routes().into_iter().collect(),
        figures: figures.get(&account.id).copied().unwrap_or_default(),
        left_since: own.iter().find(|t| t.cause() == Cause::Slow).map(|t| t.began_at),
        able: !own.iter().any(|t| t.cause() != Cause::Slow && t.cause().moves()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: i64, prompt: i64, late: i64) -> Candidate {
        Candidate { id, routes: BTreeSet::from([17]), figures: Figures { prompt, late }, left_since: None, able: true }
    }

    #[test]
    fn the_slow_one_is_left_where_another_is_not() {
        assert_eq!(decide(&[account(1, 85, 15), account(2, 100, 0)], 0), Some(Move::Away(1)));
        assert_eq!(decide(&[account(1, 86, 14), account(2, 100, 0)], 0), None, "14 % may be late");
        assert_eq!(decide(&[account(1, 0, 19), account(2, 100, 0)], 0), None, "too few to tell");
        assert_eq!(decide(&[account(1, 0, 20), account(2, 0, 0)], 0), Some(Move::Away(1)), "an idle one takes over");
    }

    #[test]
    fn where_all_are_slow_nothing_moves() {
        assert_eq!(decide(&[account(1, 50, 50), account(2, 70, 30)], 0), None);
        let left = Candidate { left_since: Some(0), ..account(2, 100, 0) };
        assert_eq!(decide(&[account(1, 50, 50), left], 60_000), None, "the other one is left already");
        let unable = Candidate { able: false, ..account(2, 100, 0) };
        assert_eq!(decide(&[account(1, 50, 50), unable], 0), None);
        let elsewhere = Candidate { routes: BTreeSet::from([18]), ..account(2, 100, 0) };
        assert_eq!(decide(&[account(1, 50, 50), elsewhere], 0), None, "it does not serve those people");
    }

    #[test]
    fn the_slowest_goes_first_and_comes_back_after_a_quiet_quarter() {
        assert_eq!(decide(&[account(1, 80, 20), account(2, 10, 90), account(3, 9, 0)], 0), Some(Move::Away(2)));
        let left = Candidate { left_since: Some(0), ..account(1, 0, 0) };
        assert_eq!(decide(std::slice::from_ref(&left), QUIET - 1), None);
        assert_eq!(decide(std::slice::from_ref(&left), QUIET), Some(Move::Back(1)));
        let still = Candidate { figures: Figures { prompt: 0, late: 30 }, ..left };
        assert_eq!(decide(&[still], QUIET), None);
    }
}
