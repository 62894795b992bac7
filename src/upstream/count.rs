//! What was sent of an order, counted from the rows of its rounds by the order's areas, as a report to the department says it.
//!
//! *Targeted* is everybody of the audience; *submitted* who was handed to a gateway that answered; of those *delivered*, *failed*, or
//! *pending* while a receipt may come. What nobody knows the fate of is submitted and nothing else. A person is counted once a round,
//! by the best that became of them, however often the round was tried again. What can go wrong is only the database.

use std::collections::BTreeMap;

use serde::Serialize;

use super::round::Round;
use crate::{
    audience::place::Places,
    db::{Db, Result, Sql, list},
    delivery::State,
    relay::report::Count,
    within,
};

/// A run's deliveries, by area and state. One after another they are one range of the key.
static ONCE: Sql = Sql::new(
    r"SELECT coalesce(d.area, ''), d.state, count(*), CAST(sum(d.parts) AS BIGINT) FROM delivery d
      WHERE d.id >= $1 AND d.id < $2 GROUP BY coalesce(d.area, ''), d.state",
);

// Each person once: of several tries the best counts. 99 is above every state.
static TRIED_AGAIN: Sql = Sql::new(
    r"SELECT p.area, CAST(p.best % 100 AS SMALLINT), count(*), CAST(sum(p.parts) AS BIGINT) FROM (
        SELECT max(coalesce(d.area, '')) AS area, sum(d.parts) AS parts,
               max(CASE WHEN d.state IN (5, 6) THEN 5 WHEN d.state IN (3, 4) THEN 4 WHEN d.state = 10 THEN 3
                        WHEN d.state IN (7, 8, 9) THEN 2 WHEN d.state IN (0, 1, 2) THEN 1 ELSE 0 END * 100 + d.state) AS best
        FROM :rows($1; low BIGINT, high BIGINT) AS r JOIN delivery d ON d.id >= r.low AND d.id < r.high
        GROUP BY (d.id >> 4) & 4294967295) AS p
      GROUP BY p.area, p.best % 100",
);

/// The rows of a run lie in this range.
#[derive(Serialize)]
struct Range {
    low: i64,
    high: i64,
}

impl Range {
    const fn of(run: i64) -> Self {
        Self { low: run << 36, high: (run + 1) << 36 }
    }
}

type Row = (String, i16, i64, i64);

/// The counts of an order's rounds in one snapshot: every area of the order stands in every round, with zeros where nobody is.
pub async fn count(db: &Db, areas: &[String], rounds: &[Round]) -> Result<Vec<Count>> {
    let mut tx = db.view().await?;
    let mut counts = Vec::new();
    for round in rounds {
        let rows: Vec<Row> = match round.runs.as_slice() {
            [only] => {
                let Range { low, high } = Range::of(only.id);
                within!(&mut tx, |c, sql| sqlx::query_as(sql(&ONCE)).bind(low).bind(high).fetch_all(c).await)?
            }
            several => {
                let ranges = list(&several.iter().map(|run| Range::of(run.id)).collect::<Vec<_>>());
                within!(&mut tx, |c, sql| sqlx::query_as(sql(&TRIED_AGAIN)).bind(&ranges).fetch_all(c).await)?
            }
        };
        counts.extend(of_round(round, areas, rows, |code| Places::built_in().province_of(code)));
    }
    Ok(counts)
}

/// What is reported of an order of which nothing was sent.
pub fn nothing(areas: &[String]) -> Vec<Count> {
    areas.iter().map(|area| empty(area, 1)).collect()
}

fn empty(area: &str, round: u16) -> Count {
    let zero = Some(0);
    Count { delivered: zero, failed: zero, pending: zero, parts: zero, ..Count::of(area, round, 0, 0) }
}

/// Rows of a round by the order's areas. Who lives elsewhere now is in none of them, and is not counted.
fn of_round(round: &Round, areas: &[String], rows: Vec<Row>, province_of: impl Fn(&str) -> Option<&'static str>) -> Vec<Count> {
    let (starts_at, ends_at) = (Some(round.begun_at()), round.settled_at());
    let line = |area: &String| (area.clone(), Count { starts_at, ends_at, ..empty(area, round.number) });
    let mut lines: BTreeMap<String, Count> = areas.iter().map(line).collect();
    for (area, state, n, parts) in rows {
        let ordered = if lines.contains_key(&area) { Some(area.as_str()) } else { province_of(&area) };
        let Some(count) = ordered.and_then(|code| lines.get_mut(code)) else { continue };
        add(count, State::from_number(state), n, parts);
    }
    lines.into_values().collect()
}

fn add(count: &mut Count, state: State, n: i64, parts: i64) {
    count.targeted += n;
    let fate = match state {
        State::Accepted | State::Enroute => Some(&mut count.pending),
        State::Delivered | State::Seen => Some(&mut count.delivered),
        State::Undelivered | State::Expired | State::Rejected => Some(&mut count.failed),
        State::Unknown => None,
        // Not submitted, or not known to be: what is in doubt may still be sent again.
        State::Pending | State::Submitting | State::InDoubt | State::Skipped | State::Lapsed | State::Cancelled => return,
    };
    count.submitted += n;
    if let Some(fate) = fate {
        *fate = Some(fate.unwrap_or(0) + n);
    }
    count.parts = Some(count.parts.unwrap_or(0) + parts);
}

/// Whether a later count takes back what an earlier one said: only a correction may say so.
pub fn falls(before: &[Count], after: &[Count]) -> bool {
    let after: BTreeMap<(&str, u16), &Count> = after.iter().map(|count| ((count.area.as_str(), count.round), count)).collect();
    before.iter().any(|was| {
        let Some(is) = after.get(&(was.area.as_str(), was.round)) else { return true };
        let fell = |was: Option<i64>, is: Option<i64>| was.unwrap_or(0) > is.unwrap_or(0);
        is.targeted < was.targeted
            || is.submitted < was.submitted
            || fell(was.delivered, is.delivered)
            || fell(was.failed, is.failed)
            || fell(was.parts, is.parts)
    })
}

#[cfg(test)]
mod tests {
    use super::{super::round::Run, *};

    fn province(code: &str) -> Option<&'static str> {
        match code {
            "01" | "00004" | "00008" => Some("01"),
            "79" | "26734" => Some("79"),
            _ => None,
        }
    }

    fn round() -> Round {
        Round { number: 2, runs: vec![Run { id: 7, parent: None, begun_at: 10, settled_at: Some(20) }] }
    }

    fn codes(codes: &[&str]) -> Vec<String> {
        codes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_state_has_its_place_and_the_sums_hold() {
        let rows = State::ALL.iter().zip(1..).map(|(state, n)| ("00004".to_string(), state.number(), n, n)).collect();
        let counts = of_round(&round(), &codes(&["01"]), rows, province);
        let [count] = counts.as_slice() else { panic!("{counts:?}") };
        // pending 1, submitting 2, in doubt 3, accepted 4, enroute 5, delivered 6, seen 7, undelivered 8, expired 9, rejected 10,
        // unknown 11, skipped 12, lapsed 13, cancelled 14
        assert_eq!((count.targeted, count.submitted), (105, 4 + 5 + 6 + 7 + 8 + 9 + 10 + 11));
        assert_eq!((count.delivered, count.failed, count.pending), (Some(13), Some(27), Some(9)));
        assert_eq!(count.parts, Some(count.submitted));
        assert_eq!((count.round, count.starts_at, count.ends_at), (2, Some(10), Some(20)));
    }

    #[test]
    fn people_are_counted_where_they_were_ordered() {
        let rows = |areas: &[&str]| areas.iter().map(|area| ((*area).to_string(), 5, 1, 1)).collect::<Vec<Row>>();
        let of = |ordered: &[&str], lived: &[&str]| -> Vec<(String, i64)> {
            let counts = of_round(&round(), &codes(ordered), rows(lived), province);
            counts.into_iter().map(|count| (count.area, count.targeted)).collect()
        };
        assert_eq!(of(&["01", "79"], &["00004", "01", "00008"]), [("01".into(), 3), ("79".into(), 0)]);
        assert_eq!(of(&["00004"], &["00004", "00008", "26734", ""]), [("00004".into(), 1)]);
    }

    #[test]
    fn what_is_taken_back_is_seen() {
        let count = |area: &str, targeted, delivered, pending| Count {
            targeted,
            submitted: targeted,
            delivered: Some(delivered),
            pending: Some(pending),
            ..empty(area, 1)
        };
        let before = [count("01", 10, 5, 5)];
        assert!(!falls(&before, &[count("01", 10, 8, 2), count("79", 1, 0, 0)]), "pending may fall");
        assert!(falls(&before, &[count("01", 10, 4, 6)]));
        assert!(falls(&before, &[count("01", 9, 5, 4)]));
        assert!(falls(&before, &[count("79", 10, 5, 5)]), "an area is gone");
    }
}
