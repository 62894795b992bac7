//! Goals over a population: the people of a report's runs in the goal's areas, against the population there, which is
//! larger than any list. What can go wrong is only the database.
//!
//! A goal belongs in a report where their periods overlap; the report's runs within the goal's period count, of the
//! report's campaign where it is of one. Whatever area the report is of, a goal's figures are those of its own areas: a
//! ward's people say nothing against a province's population.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::{
    Group, People, Run, Selection,
    cut::place_number,
    groups,
    pass::{Columns, Pass},
    places_within,
};
use crate::{
    audience::{place::Places, reach::unbounced},
    campaign::Goal,
    db::{Result, Tx},
};

/// How far the runs of a report bring a goal.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The goal.
    pub goal: Goal,
    /// People in its areas, each once.
    pub people: People,
}

impl Target {
    /// Everybody in the goal's areas, on a list or not.
    pub fn population(&self) -> i64 {
        self.goal.population.values().sum()
    }
}

/// Whether a goal belongs in a report of this selection: without a last day, the report ends `today`.
fn belongs(goal: &Goal, selection: &Selection, today: NaiveDate) -> bool {
    let from = selection.from.unwrap_or(NaiveDate::MIN);
    let through = selection.through.unwrap_or(today);
    let near = |area: &String| {
        let places = Places::built_in();
        let province = |code: &String| places.province_of(code).map_or(code.clone(), str::to_string);
        goal.population.keys().any(|own| province(own) == province(area))
    };
    goal.from <= through && goal.through >= from && selection.area.as_ref().is_none_or(near)
}

/// The goals that belong in a report. `counted` are the people of all its runs, which need not be counted again for a goal
/// that all of them count for.
pub(super) async fn targets(
    tx: &mut Tx,
    selection: &Selection,
    runs: &[Run],
    counted: &[Group],
    goals: &[Goal],
    now: i64,
) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    let today = chrono::DateTime::from_timestamp_millis(now).unwrap_or_default();
    let today = today.with_timezone(&chrono_tz::Asia::Ho_Chi_Minh).date_naive();
    for goal in goals.iter().filter(|goal| belongs(goal, selection, today)) {
        let (from, through) = (goal.from.to_string(), goal.through.to_string());
        let within: Vec<&Run> = runs.iter().filter(|run| run.date >= from && run.date <= through).collect();
        let own: BTreeSet<i64> =
            goal.population.keys().flat_map(|code| places_within(code)).map(|code| place_number(&code)).collect();
        let mut reached = People::default();
        let mut add = |groups: &[Group]| {
            for group in groups.iter().filter(|group| own.contains(&group.place)) {
                reached.add(group.outcome.fate, group.people);
            }
        };
        if within.len() == runs.len() && selection.area.is_none() {
            add(counted);
        } else {
            let mut pass = Pass::begin(tx, within.into_iter(), BTreeSet::new(), unbounced(now), Columns::Outcomes).await?;
            add(&groups(tx, &mut pass).await?);
        }
        targets.push(Target { goal: goal.clone(), people: reached });
    }
    Ok(targets)
}
