//! Reports: whom campaigns reached, each person once, beside what was sent.
//!
//! What enters: the rows, read over one snapshot, and a [`Selection`] of runs. What leaves: [`Figures`] for all of them
//! and for each line of a [`Cut`], which add up. Counting is done by the database; what comes here are sums. What can go
//! wrong is only the database.
//!
//! Test runs count nowhere. A person is counted once over all the runs selected, by the best that any of their deliveries
//! came to ([`Fate`]): confirmed and presumed are never merged.

pub mod cut;
pub mod figure;
mod name;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;
use futures::TryStreamExt as _;
use serde::Serialize;

pub use cut::Cut;
pub use figure::{Cause, Deliveries, Fate, Figures, Outcome, People};

use crate::{
    audience::place::Places,
    db::{Db, DbError, Result, Sql, Tx, list},
    delivery::State,
    within,
    words::Phrase,
};

/// How long a mail must not have bounced to count as having arrived, presumably.
pub const UNBOUNCED: Duration = Duration::from_hours(72);

/// Which runs, and whom of their people, a report is of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Selection {
    /// Only this campaign's.
    pub campaign: Option<String>,
    /// Only runs for this local day and later ones.
    pub from: Option<NaiveDate>,
    /// Only runs for this local day and earlier ones.
    pub through: Option<NaiveDate>,
    /// Only deliveries to this place, by its current code; a province covers its wards.
    pub area: Option<String>,
}

/// The runs that a report is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Runs {
    /// How many there are.
    pub total: i64,
    /// Of these: still going on; their figures still change.
    pub open: i64,
    /// Of these: missed, so that they have no deliveries.
    pub missed: i64,
}

/// What one campaign says of itself, in the latest of the runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    r"SELECT id, campaign, definition, state, settled_at IS NULL FROM run
      WHERE origin <> 2 AND campaign = coalesce($1, campaign) AND date >= $2 AND date <= $3 ORDER BY id",
);

/// A run of the selection.
#[derive(Debug, Clone)]
struct Run {
    id: i64,
    campaign: String,
    definition: String,
    state: i16,
    open: bool,
}

/// The report of a selection, split by `by`, as things stand at `now` (unix milliseconds).
pub async fn report(db: &Db, selection: &Selection, by: Option<Cut>, now: i64) -> Result<Report> {
    db.snapshot(async |tx| within_snapshot(tx, selection, by, now).await).await
}

async fn within_snapshot(tx: &mut Tx, selection: &Selection, by: Option<Cut>, now: i64) -> Result<Report> {
    let runs = runs(tx, selection).await?;
    let scope = Scope::new(selection, &runs, now);
    let people = people(tx, &scope).await?;
    let mut total = Figures::default();
    for row in &people {
        total.people.add(row.outcome.fate, row.people);
    }
    total.deliveries =
        deliveries(tx, &scope, Cut::Channel, None).await?.into_values().fold(Deliveries::default(), |mut all, one| {
            all += one;
            all
        });
    let lines = match by {
        Some(by) => lines(tx, selection, &scope, &runs, by, &people).await?,
        None => Vec::new(),
    };
    let counted = Runs {
        total: size(runs.len()),
        open: size(runs.iter().filter(|run| run.open).count()),
        missed: size(runs.iter().filter(|run| run.state == 4).count()),
    };
    let subject = name::subject(tx, &runs).await?;
    Ok(Report { selection: selection.clone(), at: now, runs: counted, subject, total, by, lines })
}

/// Who was not reached, by place and reason: the most first. The counts are those of [`report`].
pub async fn unreached(db: &Db, selection: &Selection, now: i64) -> Result<Vec<Gap>> {
    let rows = db
        .snapshot(async |tx| {
            let runs = runs(tx, selection).await?;
            people(tx, &Scope::new(selection, &runs, now)).await
        })
        .await?;
    let mut gaps: BTreeMap<(Option<String>, Outcome), i64> = BTreeMap::new();
    for row in rows.into_iter().filter(|row| !row.outcome.fate.is_reached()) {
        *gaps.entry((selection.level(row.place), row.outcome)).or_default() += row.people;
    }
    let mut gaps: Vec<Gap> = gaps.into_iter().map(|((area, outcome), people)| Gap { area, outcome, people }).collect();
    gaps.sort_by_key(|gap| std::cmp::Reverse(gap.people));
    Ok(gaps)
}

/// Names everybody who was not reached to `take`, by reference and without addresses, one after the other: a million
/// take no more memory than one.
pub async fn each_unreached(
    db: &Db,
    selection: &Selection,
    now: i64,
    take: &mut (dyn FnMut(Missed) -> std::io::Result<()> + Send),
) -> std::result::Result<(), ListError> {
    let mut failed = None;
    db.snapshot(async |tx| {
        let runs = runs(tx, selection).await?;
        let scope = Scope::new(selection, &runs, now);
        within!(tx, |c, sql| async {
            let mut rows =
                sqlx::query_as::<_, (String, i64, i64)>(sql(&cut::UNREACHED)).bind(&scope.runs).bind(&scope.areas).fetch(c);
            while let Some((reference, place, rank)) = rows.try_next().await? {
                let missed = Missed { reference, area: cut::place_of(place), outcome: Outcome::from_rank(rank) };
                if let Err(error) = take(missed) {
                    failed = Some(error);
                    break;
                }
            }
            Ok::<(), sqlx::Error>(())
        }
        .await)
    })
    .await?;
    failed.map_or(Ok(()), |error| Err(error.into()))
}

async fn runs(tx: &mut Tx, selection: &Selection) -> Result<Vec<Run>> {
    let day = |day: Option<NaiveDate>, else_: &str| day.map_or_else(|| else_.to_string(), |day| day.to_string());
    let rows: Vec<(i64, String, String, i16, bool)> = within!(tx, |c, sql| {
        sqlx::query_as(sql(&RUNS))
            .bind(&selection.campaign)
            .bind(day(selection.from, "0000-00-00"))
            .bind(day(selection.through, "9999-99-99"))
            .fetch_all(c)
            .await
    })?;
    Ok(rows.into_iter().map(|(id, campaign, definition, state, open)| Run { id, campaign, definition, state, open }).collect())
}

/// The lists that every statement binds.
struct Scope {
    runs: String,
    areas: String,
}

impl Scope {
    fn new(selection: &Selection, runs: &[Run], now: i64) -> Self {
        #[derive(Serialize)]
        struct One {
            run: i64,
            unbounced: i64,
        }
        #[derive(Serialize)]
        struct Place {
            area: String,
        }
        let unbounced = now - i64::try_from(UNBOUNCED.as_millis()).unwrap_or(0);
        let runs: Vec<One> = runs.iter().map(|run| One { run: run.id, unbounced }).collect();
        let within =
            |code: &String| Places::built_in().wards_of(code).map(str::to_string).chain([code.clone()]).collect::<Vec<_>>();
        let areas: Vec<Place> = selection.area.iter().flat_map(within).map(|area| Place { area }).collect();
        Self { runs: list(&runs), areas: list(&areas) }
    }
}

impl Selection {
    /// The place that a line or a gap is of: the ward within one province, else the province.
    fn level(&self, place: i64) -> Option<String> {
        let code = cut::place_of(place)?;
        if self.area.is_some() {
            return Some(code);
        }
        Some(Places::built_in().province_of(&code).map_or(code, str::to_string))
    }
}

/// People of one place with one outcome.
struct Group {
    place: i64,
    outcome: Outcome,
    rank: i64,
    people: i64,
}

async fn people(tx: &mut Tx, scope: &Scope) -> Result<Vec<Group>> {
    let rows: Vec<(i64, i64, i64)> =
        within!(tx, |c, sql| { sqlx::query_as(sql(&cut::PEOPLE)).bind(&scope.runs).bind(&scope.areas).fetch_all(c).await })?;
    let group = |(place, rank, people)| Group { place, outcome: Outcome::from_rank(rank), rank, people };
    Ok(rows.into_iter().map(group).collect())
}

/// Deliveries of each line of a cut.
async fn deliveries(tx: &mut Tx, scope: &Scope, by: Cut, keys: Option<&str>) -> Result<BTreeMap<i64, Deliveries>> {
    let rows: Vec<(i64, i16, i64, i64, i64)> = within!(tx, |c, sql| {
        let query = sqlx::query_as(sql(by.deliveries())).bind(&scope.runs).bind(&scope.areas);
        let query = if let Some(keys) = keys { query.bind(keys) } else { query };
        query.fetch_all(c).await
    })?;
    let mut lines: BTreeMap<i64, Deliveries> = BTreeMap::new();
    for (line, state, n, parts, cost) in rows {
        lines.entry(line).or_default().add(State::from_number(state), n, parts, cost);
    }
    Ok(lines)
}

async fn lines(tx: &mut Tx, selection: &Selection, scope: &Scope, runs: &[Run], by: Cut, people: &[Group]) -> Result<Vec<Line>> {
    let names = name::Names::read(tx, runs, by, selection).await?;
    let mut lines: BTreeMap<i64, Figures> = BTreeMap::new();
    for (line, deliveries) in deliveries(tx, scope, by, names.keys.as_deref()).await? {
        lines.entry(names.line(line)).or_default().deliveries += deliveries;
    }
    if let Some(statement) = by.people() {
        let rows: Vec<(i64, i64, i64)> = within!(tx, |c, sql| {
            let query = sqlx::query_as(sql(statement)).bind(&scope.runs).bind(&scope.areas);
            let query = if let Some(keys) = &names.keys { query.bind(keys) } else { query };
            query.fetch_all(c).await
        })?;
        for (line, rank, n) in rows {
            lines.entry(names.line(line)).or_default().people.add(Outcome::from_rank(rank).fate, n);
        }
    } else {
        for group in people {
            let line = if by == Cut::Area { group.place } else { group.rank & 31 };
            lines.entry(names.line(line)).or_default().people.add(group.outcome.fate, group.people);
        }
    }
    let mut lines: Vec<_> = lines.into_iter().collect();
    lines.sort_by_key(|(line, _)| (names.is_none(*line), *line));
    Ok(lines
        .into_iter()
        .map(|(line, figures)| {
            let (key, name) = names.of(line);
            Line { key, name, figures }
        })
        .collect())
}

fn size(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
