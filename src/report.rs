//! Reports: whom campaigns reached, each person once, beside what was sent.
//!
//! What enters: the rows, read over one snapshot, and a [`Selection`] of runs. What leaves: [`Figures`] for all of them
//! and for each line of a [`Cut`], which add up. Counting is done by the database; what comes here are sums. What can go
//! wrong is only the database.
//!
//! Counting all lines of a large audience takes seconds: [`Sheet`] holds the figures of one selection by every cut, and
//! [`kept`] keeps them for pages. [`closing`] makes those of a period final.
//!
//! Test runs count nowhere. A person is counted once over all the runs selected, by the best that any of their deliveries
//! came to ([`Fate`]): confirmed and presumed are never merged.

pub mod closing;
pub mod cut;
pub mod figure;
pub mod kept;
mod measure;
mod name;
pub mod paper;
mod pass;
pub mod relayed;
pub mod row;
mod sheet;
pub mod target;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub use cut::Cut;
pub use figure::{Cause, Deliveries, Fate, Figures, Outcome, People};
pub use measure::Measure;
pub use name::{owners, route, seen_by};
pub use sheet::Sheet;
pub use target::Target;

use crate::{
    audience::{place::Places, reach::unbounced},
    campaign::Goal,
    db::{Db, DbError, Result, Sql, Tx},
    period::Period,
    within,
    words::Phrase,
};
use pass::{Columns, Pass};

/// Which runs, and whom of their people, a report is of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Only this campaign's.
    pub campaign: Option<String>,
    /// Only runs for this local day and later ones.
    pub from: Option<NaiveDate>,
    /// Only runs for this local day and earlier ones.
    pub through: Option<NaiveDate>,
    /// Only deliveries to this place, by its current code; a province covers its wards.
    pub area: Option<String>,
    /// Only these campaigns': what a reader's departments may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<BTreeSet<String>>,
    /// Only this run's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<i64>,
}

/// The runs that a report is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// How many there are.
    pub total: i64,
    /// Of these: still going on; their figures still change.
    pub open: i64,
    /// Of these: missed, so that they have no deliveries.
    pub missed: i64,
}

/// What one campaign says of itself, in the latest of the runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// Its slug.
    pub slug: String,
    /// For people.
    pub title: String,
    /// The document that authorises it.
    pub basis: Option<String>,
    /// The share of its audience that it is to reach, 0…1.
    pub goal: Option<f64>,
}

/// One line of a cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What programs know it by; `none` for what belongs to no line.
    pub key: String,
    /// What people read.
    pub name: Phrase,
    /// Its figures.
    pub figures: Figures,
}

/// A report.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What was asked for.
    pub selection: Selection,
    /// When it was counted, unix milliseconds.
    pub at: i64,
    /// The runs.
    pub runs: Runs,
    /// The campaign, where all the runs are of one.
    pub subject: Option<Subject>,
    /// All of it.
    pub total: Figures,
    /// What it is split by.
    pub by: Option<Cut>,
    /// The lines, in their natural order; what belongs to none comes last.
    pub lines: Vec<Line>,
    /// What outlets reported of the runs' orders; none: it was closed before there were any.
    pub relayed: Option<relayed::Relayed>,
    /// The goals whose period overlaps the report's, as far as its runs bring them.
    pub targets: Vec<Target>,
}

/// How many people of one place were not reached, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// A province's code; a ward's where the selection is of one province. None: not known.
    pub area: Option<String>,
    /// What became of them.
    pub outcome: Outcome,
    /// How many.
    pub people: i64,
}

/// Somebody who was not reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// The owner's stable reference.
    pub reference: String,
    /// The place's code, as the list has it.
    pub area: Option<String>,
    /// What became of them.
    pub outcome: Outcome,
}

/// Why a list could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Whoever takes the list.
    #[error(transparent)]
    Taker(#[from] std::io::Error),
}

static RUNS: Sql = Sql::new(
    r"SELECT id, campaign, definition, date, state, settled_at IS NULL FROM run
      WHERE origin <> 2 AND campaign = coalesce($1, campaign) AND date >= $2 AND date <= $3 AND id = coalesce($4, id) ORDER BY id",
);

/// A run of the selection.
#[derive(Debug, Clone)]
struct Run {
    id: i64,
    campaign: String,
    definition: String,
    /// Its local day, ISO 8601.
    date: String,
    state: i16,
    open: bool,
}

/// The report of a selection, split by `by`, as things stand at `now` (unix milliseconds).
pub async fn report(db: &Db, selection: &Selection, by: Option<Cut>, now: i64) -> Result<Report> {
    report_against(db, selection, by, &[], now).await
}

/// The same, with how far its runs bring these goals.
pub async fn report_against(db: &Db, selection: &Selection, by: Option<Cut>, goals: &[Goal], now: i64) -> Result<Report> {
    db.snapshot(async |tx| within_snapshot(tx, selection, by, goals, now).await).await
}

async fn within_snapshot(tx: &mut Tx, selection: &Selection, by: Option<Cut>, goals: &[Goal], now: i64) -> Result<Report> {
    let runs = runs(tx, selection).await?;
    let sheet = Sheet::count(tx, selection, &runs, by.as_slice(), now).await?;
    let targets = target::targets(tx, selection, &runs, Some(&sheet.places), goals, now).await?;
    Ok(sheet.report(by, targets))
}

/// The goals that belong to a selection, and how far its runs bring them, as of `now`.
pub async fn targets(db: &Db, selection: &Selection, goals: &[Goal], now: i64) -> Result<Vec<Target>> {
    let mut tx = db.view().await?;
    let runs = runs(&mut tx, selection).await?;
    target::targets(&mut tx, selection, &runs, None, goals, now).await
}

/// Who was not reached, by place and reason: the most first. The counts are those of [`report`].
pub async fn unreached(db: &Db, selection: &Selection, now: i64) -> Result<Vec<Gap>> {
    db.snapshot(async |tx| {
        let runs = runs(tx, selection).await?;
        Ok(Sheet::count(tx, selection, &runs, &[], now).await?.gaps)
    })
    .await
}

static REFERENCES: Sql = Sql::new(r"SELECT id, ref FROM recipient WHERE id >= $1 AND id < $2");

/// Names everybody who was not reached to `take`, by reference and without addresses, one after the other: a million
/// take no more memory than a few thousand.
pub async fn each_unreached(
    db: &Db,
    selection: &Selection,
    now: i64,
    take: &mut (dyn FnMut(Missed) -> std::io::Result<()> + Send),
) -> std::result::Result<(), ListError> {
    let mut failed = None;
    db.snapshot(async |tx| {
        let runs = runs(tx, selection).await?;
        let mut pass = Pass::begin(tx, runs.iter(), selection.places(), unbounced(now), Columns::Outcomes).await?;
        while let Some(window) = pass.next(tx).await? {
            if window.people().all(|(_, person)| person.outcome.fate.is_reached()) {
                continue;
            }
            let (from, to) = window.span();
            let references: Vec<(i64, String)> =
                within!(tx, |c, sql| sqlx::query_as(sql(&REFERENCES)).bind(from).bind(to).fetch_all(c).await)?;
            let mut references: BTreeMap<i64, String> = references.into_iter().collect();
            for (id, person) in window.people().filter(|(_, person)| !person.outcome.fate.is_reached()) {
                let Some(reference) = references.remove(&id) else { continue };
                if let Err(error) = take(Missed { reference, area: cut::place_of(person.place), outcome: person.outcome }) {
                    failed = Some(error);
                    return Ok(());
                }
            }
        }
        Ok(())
    })
    .await?;
    failed.map_or(Ok(()), |error| Err(error.into()))
}

async fn runs(tx: &mut Tx, selection: &Selection) -> Result<Vec<Run>> {
    let day = |day: Option<NaiveDate>, else_: &str| day.map_or_else(|| else_.to_string(), |day| day.to_string());
    let rows: Vec<(i64, String, String, String, i16, bool)> = within!(tx, |c, sql| {
        sqlx::query_as(sql(&RUNS))
            .bind(&selection.campaign)
            .bind(day(selection.from, "0000-00-00"))
            .bind(day(selection.through, "9999-99-99"))
            .bind(selection.run)
            .fetch_all(c)
            .await
    })?;
    let run = |(id, campaign, definition, date, state, open)| Run { id, campaign, definition, date, state, open };
    Ok(rows.into_iter().map(run).filter(|run| selection.takes(run)).collect())
}

/// A place and all that lies within it, by code.
fn places_within(code: &str) -> Vec<String> {
    Places::built_in().wards_of(code).map(str::to_string).chain([code.to_string()]).collect()
}

impl Selection {
    /// All runs of a period.
    pub fn of(period: &Period) -> Self {
        Self { from: Some(period.from), through: Some(period.through), ..Self::default() }
    }

    /// Whether a run belongs to it.
    fn takes(&self, run: &Run) -> bool {
        let day = |day: Option<NaiveDate>| day.map(|day| day.to_string());
        self.campaign.as_ref().is_none_or(|campaign| *campaign == run.campaign)
            && self.only.as_ref().is_none_or(|only| only.contains(&run.campaign))
            && self.run.is_none_or(|id| id == run.id)
            && day(self.from).is_none_or(|from| run.date >= from)
            && day(self.through).is_none_or(|through| run.date <= through)
    }

    /// The numbers of the places that count; none: everywhere.
    fn places(&self) -> BTreeSet<i64> {
        self.area.iter().flat_map(|code| places_within(code)).map(|code| cut::place_number(&code)).collect()
    }

    /// The place that a line or a gap is of: the ward within one province, else the province.
    fn level(&self, place: i64) -> Option<String> {
        let code = cut::place_of(place)?;
        if self.area.is_some() {
            return Some(code);
        }
        Some(Places::built_in().province_of(&code).map_or(code, str::to_string))
    }
}

fn size(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
