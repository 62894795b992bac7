//! Goals over a population: the people of a report's runs in the goal's areas, against the population there, which is
//! larger than any list. What can go wrong is only the database.
//!
//! A goal belongs in a report where their periods overlap; the report's runs within the goal's period count, of the
//! report's campaign where it is of one. Whatever area the report is of, a goal's figures are those of its own areas: a
//! ward's people say nothing against a province's population.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::{People, Run, Selection, Sheet, cut::place_number, places_within};
use crate::{
    audience::place::Places,
    campaign::Goal,
    clock::local,
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
    /// How far people of these places (numbered) bring a goal.
    pub(super) fn of(goal: &Goal, places: &BTreeMap<i64, People>) -> Self {
        let own: BTreeSet<i64> =
            goal.population.keys().flat_map(|code| places_within(code)).map(|code| place_number(&code)).collect();
        let mut people = People::default();
        places.iter().filter(|(place, _)| own.contains(place)).for_each(|(_, reached)| people += *reached);
        Self { goal: goal.clone(), people }
    }

    /// The part of a selection that counts for a goal: its own period and everywhere, so that a goal's areas are whole.
    pub fn selection(goal: &Goal, selection: &Selection) -> Selection {
        Selection {
            from: selection.from.max(Some(goal.from)),
            through: Some(selection.through.map_or(goal.through, |through| through.min(goal.through))),
            area: None,
            ..selection.clone()
        }
    }

    /// Whether so many were reached, confirmed.
    pub fn is_met(&self) -> bool {
        self.people.meet(self.goal.value, self.population())
    }

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

/// The goals that belong in a report of this selection, as of `now` (unix milliseconds).
pub fn belonging<'g>(selection: &Selection, goals: &'g [Goal], now: i64) -> impl Iterator<Item = &'g Goal> {
    let today = local(now).date_naive();
    goals.iter().filter(move |goal| belongs(goal, selection, today))
}

/// The same, counted. `counted` are the people of all the report's runs by place, if they were counted: for a goal that all
/// of them count for, they need not be counted again.
pub(super) async fn targets(
    tx: &mut Tx,
    selection: &Selection,
    runs: &[Run],
    counted: Option<&BTreeMap<i64, People>>,
    goals: &[Goal],
    now: i64,
) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for goal in belonging(selection, goals, now) {
        let within = Target::selection(goal, selection);
        let own: Vec<Run> = runs.iter().filter(|run| within.takes(run)).cloned().collect();
        targets.push(match counted.filter(|_| own.len() == runs.len() && selection.area.is_none()) {
            Some(counted) => Target::of(goal, counted),
            None => Target::of(goal, &Sheet::count(tx, &within, &own, &[], now).await?.places),
        });
    }
    Ok(targets)
}
