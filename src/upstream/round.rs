//! The rounds of an order: each is one run of its campaign, begun by itself once somebody approved the draft. However many nodes look,
//! and whoever begins one by hand, there are never more than were ordered.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde_json::json;

use super::order::{self, Taken};
use crate::{
    active::Origin,
    audit::{self, Actor},
    db::{Db, Result, Sql, Tx, affected},
    definition::Kept,
    on,
    run::make,
    transaction, within,
};

/// Between two rounds at most: subscribers are not told the same twice a day.
const APART: i64 = 24 * 3_600_000;

/// A run of an order's campaign. Times are unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Run {
    /// Its number.
    pub id: i64,
    /// The run that it tries again.
    pub parent: Option<i64>,
    /// When it was begun.
    pub begun_at: i64,
    /// When nothing was left to do.
    pub settled_at: Option<i64>,
}

/// A round: the run that began it, and those that tried it again for whom it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// From 1.
    pub number: u16,
    /// The first one began it.
    pub runs: Vec<Run>,
}

impl Round {
    /// When it was begun.
    pub fn begun_at(&self) -> i64 {
        self.runs.iter().map(|run| run.begun_at).min().unwrap_or(0)
    }

    /// When nothing was left to do in any of its runs; none: something is.
    pub fn settled_at(&self) -> Option<i64> {
        self.runs.iter().map(|run| run.settled_at).collect::<Option<Vec<i64>>>()?.into_iter().max()
    }
}

static RUNS: Sql = Sql::new(
    r"SELECT r.id, CASE WHEN r.kin = 1 THEN r.parent END AS parent, r.created_at AS begun_at, r.settled_at FROM run r
      WHERE r.campaign = $1 AND r.origin <> 2 AND r.state <> 4 ORDER BY r.id",
);

/// The rounds of an order so far. A run beyond those that were ordered belongs to none: it is not the department's.
pub async fn of(db: &Db, order: &Taken) -> Result<Vec<Round>> {
    if order.campaign.is_empty() {
        return Ok(Vec::new());
    }
    let runs: Vec<Run> = on!(db.read, |pool, sql| sqlx::query_as(sql(&RUNS)).bind(&order.campaign).fetch_all(pool).await)?;
    Ok(rounds(&runs, order.content.rounds.max(1)))
}

/// Runs by the round that they belong to, at most so many.
fn rounds(runs: &[Run], most: u16) -> Vec<Round> {
    let mut first: BTreeMap<i64, usize> = BTreeMap::new();
    let mut rounds: Vec<Vec<Run>> = Vec::new();
    for run in runs {
        let at = run.parent.and_then(|parent| first.get(&parent).copied()).unwrap_or_else(|| {
            rounds.push(Vec::new());
            rounds.len() - 1
        });
        first.insert(run.id, at);
        rounds[at].push(*run);
    }
    (1..=most).zip(rounds).map(|(number, runs)| Round { number, runs }).collect()
}

/// When the next round is to begin; none: all were begun. They spread over the time that the order holds, a day apart at most.
pub fn next_at(order: &Taken, rounds: &[Round], now: i64) -> Option<i64> {
    let ordered = order.content.rounds.max(1);
    if rounds.len() >= usize::from(ordered) {
        return None;
    }
    let (Some(first), Some(last)) = (rounds.first(), rounds.last()) else { return Some(now) };
    let apart = ((order.expires_at - first.begun_at()) / i64::from(ordered)).clamp(0, APART);
    Some(last.begun_at() + apart)
}

static WITHIN: Sql = Sql::new(r"SELECT count(*) FROM run WHERE campaign = $1 AND origin <> 2 AND state <> 4 AND kin <> 1");

static UNTIL: Sql = Sql::new(r"UPDATE run SET expires_at = $2 WHERE id = $1 AND expires_at > $2");

/// Begins the round of this number of what was approved, unless somebody has, or the order is over meanwhile. Its run's number.
pub async fn begin(db: &Db, order: &Taken, number: usize, kept: &Kept, actor: &Actor, now: i64) -> Result<Option<i64>> {
    transaction!(db, |tx| {
        let Some(order) = order::lock(tx, order.id).await? else { return Ok(None) };
        let begun: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&WITHIN)).bind(&order.campaign).fetch_one(c).await)?;
        let turn = usize::try_from(begun).unwrap_or(usize::MAX);
        if order.ended_at.is_some() || order.expires_at <= now || turn + 1 != number {
            return Ok(None);
        }
        let made = run(tx, &order, number, kept, now).await?;
        if let Some(run) = made {
            within!(tx, |c, sql| sqlx::query(sql(&UNTIL)).bind(run).bind(order.expires_at).execute(c).await.map(affected))?;
            let after = json!({ "run": run, "round": number, "order": order.identifier, "hash": kept.source.hash });
            audit::record(tx, actor, "upstream.send", &order.campaign, None, Some(&after), now).await?;
        }
        Ok(made)
    })
}

async fn run(tx: &mut Tx, order: &Taken, number: usize, kept: &Kept, now: i64) -> Result<Option<i64>> {
    let at = DateTime::from_timestamp_millis(now).unwrap_or_default();
    let new = make::New {
        source: &kept.source,
        segments: &kept.segments,
        occurrence: format!("order:{}:{number}", order.identifier),
        date: at.with_timezone(&kept.source.campaign.timezone()).date_naive(),
        due: at,
        origin: Origin::Manual,
        recipients: &[],
        missed: false,
        turn: 0,
    };
    make::make_within(tx, &new, now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3_600_000;

    fn run(id: i64, parent: Option<i64>, begun_at: i64, settled_at: Option<i64>) -> Run {
        Run { id, parent, begun_at, settled_at }
    }

    #[test]
    fn a_second_try_belongs_to_its_round() {
        let runs = [
            run(1, None, 10, Some(20)),
            run(4, Some(1), 30, Some(40)),
            run(6, None, 50, None),
            run(7, Some(4), 60, Some(70)),
            run(9, None, 80, Some(90)),
        ];
        let rounds = rounds(&runs, 2);
        let of: Vec<(u16, Vec<i64>)> =
            rounds.iter().map(|round| (round.number, round.runs.iter().map(|run| run.id).collect())).collect();
        assert_eq!(of, [(1, vec![1, 4, 7]), (2, vec![6])], "what was not ordered is in none");
        assert_eq!((rounds[0].begun_at(), rounds[0].settled_at(), rounds[1].settled_at()), (10, Some(70), None));
    }

    #[test]
    fn rounds_spread_over_the_time_that_there_is() {
        let order = |rounds, expires_at| Taken {
            id: 1,
            identifier: "x".into(),
            step: crate::relay::Step::Alert,
            earlier: None,
            state: order::State::Sending,
            content: crate::relay::Content::parse(&format!(
                r#"{{"title":"x","warning":false,"status":"actual","rounds":{rounds},"areas":[],"expires_at":{expires_at}}}"#
            ))
            .unwrap(),
            campaign: "x".into(),
            trouble: None,
            taken_at: 0,
            expires_at,
            report_by: None,
            answered_at: None,
            ended_at: None,
            next_at: 0,
            tries: 0,
        };
        let begun = |at: &[i64]| rounds(&at.iter().zip(1..).map(|(at, id)| run(id, None, *at, None)).collect::<Vec<_>>(), 9);
        assert_eq!(next_at(&order(1, DAY), &[], 7), Some(7), "at once");
        assert_eq!(next_at(&order(0, DAY), &begun(&[7]), 9), None);
        assert_eq!(next_at(&order(2, 9 * DAY), &begun(&[7]), 9), Some(7 + DAY));
        assert_eq!(next_at(&order(4, 2 * DAY), &begun(&[0, DAY]), DAY), Some(DAY + DAY / 2));
        assert_eq!(next_at(&order(4, -DAY), &begun(&[0]), DAY), Some(0));
    }
}
