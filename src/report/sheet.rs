//! A sheet: the figures of one selection of runs, all of them and by every cut that was asked for, counted in one pass.
//!
//! What enters: the runs, over one snapshot. What leaves: a [`Sheet`], and the JSON in which it is kept. What can go
//! wrong is only the database; JSON that cannot be read counts as none, and the sheet is counted anew.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Cause, Cut, Deliveries, Fate, Figures, Gap, Line, Outcome, People, Run, Runs, Selection, Subject, name,
    pass::{Columns, Pass},
    relayed::Relayed,
    size,
};
use crate::{
    audience::reach::{UNBOUNCED, unbounced},
    db::{Result, Sql, Tx, list},
    delivery::State,
    within,
    words::Phrase,
};

/// Figures of one selection.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// Of which runs.
    pub selection: Selection,
    /// When they were counted, unix milliseconds.
    pub at: i64,
    /// The runs.
    pub runs: Runs,
    /// The campaign, where all the runs are of one.
    pub subject: Option<Subject>,
    /// All of it.
    pub total: Figures,
    /// The lines of each cut, in their natural order; what belongs to none comes last.
    pub cuts: BTreeMap<Cut, Vec<Line>>,
    /// Who was not reached, by place and reason: the most first.
    pub gaps: Vec<Gap>,
    /// People by the place where their latest run found them; wards apart from provinces. See [`super::cut`].
    pub(super) places: BTreeMap<i64, People>,
    /// What outlets reported of the runs' orders; none in a sheet of before there were any.
    pub relayed: Option<Relayed>,
    /// When the next mail is presumed to have arrived, if nothing else happens (unix milliseconds).
    pub turns_at: Option<i64>,
}

impl Sheet {
    /// Counts one, as things stand at `now`, for these runs of a selection.
    pub(super) async fn count(tx: &mut Tx, selection: &Selection, runs: &[Run], cuts: &[Cut], now: i64) -> Result<Self> {
        let places = selection.places();
        let everywhere = places.is_empty();
        // Tallies count all places together.
        let tallied = |by: Cut| by.tallied().filter(|_| everywhere);
        let is_plain = everywhere && cuts.iter().all(|by| *by == Cut::Channel);
        let columns = if is_plain { Columns::Outcomes } else { Columns::All };
        let mut names = Vec::new();
        for by in cuts {
            names.push(name::Names::read(tx, runs, *by, selection).await?);
        }
        let mut pass = Pass::begin(tx, runs.iter(), places, unbounced(now), columns).await?;
        for names in &names {
            pass = pass.cut(names);
        }
        let groups = groups(tx, &mut pass).await?;
        let mut total = Figures { deliveries: pass.deliveries, ..Figures::default() };
        let mut places: BTreeMap<i64, People> = BTreeMap::new();
        for ((place, outcome), people) in &groups {
            total.people.add(outcome.fate, *people);
            places.entry(*place).or_default().add(outcome.fate, *people);
        }
        if let Some(statement) = tallied(Cut::Channel) {
            total.deliveries = Deliveries::default();
            for deliveries in tallies(tx, runs, statement).await?.into_values() {
                total.deliveries += deliveries;
            }
        }
        let wait = i64::try_from(UNBOUNCED.as_millis()).unwrap_or(i64::MAX);
        let turns_at = pass.waiting_since.map(|since| since.saturating_add(wait));
        let mut lines = BTreeMap::new();
        for (names, mut counted) in names.iter().zip(pass.lines()) {
            if let Some(statement) = tallied(names.by) {
                for figures in counted.values_mut() {
                    figures.deliveries = Deliveries::default();
                }
                for (line, deliveries) in tallies(tx, runs, statement).await? {
                    counted.entry(line).or_default().deliveries = deliveries;
                }
            }
            lines.insert(names.by, named(counted, names));
        }
        Ok(Self {
            selection: selection.clone(),
            at: now,
            runs: Runs {
                total: size(runs.len()),
                open: size(runs.iter().filter(|run| run.open).count()),
                missed: size(runs.iter().filter(|run| run.state == 4).count()),
            },
            subject: name::subject(tx, runs).await?,
            total,
            cuts: lines,
            gaps: gaps(selection, &groups),
            places,
            relayed: Some(Relayed::count(tx, selection, runs).await?),
            turns_at,
        })
    }

    /// The report of it by one cut.
    pub fn report(mut self, by: Option<Cut>, targets: Vec<super::Target>) -> super::Report {
        let lines = by.and_then(|by| self.cuts.remove(&by)).unwrap_or_default();
        let Self { selection, at, runs, subject, total, relayed, .. } = self;
        super::Report { selection, at, runs, subject, total, by, lines, relayed, targets }
    }

    /// The lines of a cut; none where it was not counted.
    pub fn lines(&self, by: Cut) -> &[Line] {
        self.cuts.get(&by).map_or(&[], Vec::as_slice)
    }

    /// What it says of one campaign as a whole; none: it has no runs of it. Whatever is of all campaigns together is left out.
    pub fn of_campaign(&self, slug: &str) -> Option<Self> {
        let line = self.lines(Cut::Campaign).iter().find(|line| line.key == slug)?;
        Some(Self {
            selection: Selection { campaign: Some(slug.to_string()), ..self.selection.clone() },
            at: self.at,
            runs: self.runs,
            subject: None,
            total: line.figures,
            cuts: BTreeMap::new(),
            gaps: Vec::new(),
            places: BTreeMap::new(),
            relayed: self.relayed.as_ref().map(|relayed| relayed.of_campaign(slug)),
            turns_at: None,
        })
    }

    /// How far its people bring a goal.
    pub fn target(&self, goal: &crate::campaign::Goal) -> super::Target {
        super::Target::of(goal, &self.places)
    }

    /// People by ward within a province, or by province without one; by code, the place not known under none.
    pub fn people_by_place(&self, province: Option<&str>) -> BTreeMap<Option<String>, People> {
        let mut people: BTreeMap<Option<String>, People> = BTreeMap::new();
        let places = crate::audience::place::Places::built_in();
        for (place, counted) in &self.places {
            let code = super::cut::place_of(*place);
            let within = code.as_deref().and_then(|code| places.province_of(code));
            let line = match province {
                None => within.map(str::to_string).or(code),
                Some(province) if within == Some(province) => code,
                Some(_) => continue,
            };
            *people.entry(line).or_default() += *counted;
        }
        people
    }
}

/// Everybody, by place and by what became of them.
async fn groups(tx: &mut Tx, pass: &mut Pass<'_>) -> Result<BTreeMap<(i64, Outcome), i64>> {
    let mut groups: BTreeMap<(i64, Outcome), i64> = BTreeMap::new();
    while let Some(window) = pass.next(tx).await? {
        for (_, person) in window.people() {
            *groups.entry((person.place, person.outcome)).or_default() += 1;
        }
    }
    Ok(groups)
}

fn gaps(selection: &Selection, groups: &BTreeMap<(i64, Outcome), i64>) -> Vec<Gap> {
    let mut gaps: BTreeMap<(Option<String>, Outcome), i64> = BTreeMap::new();
    for ((place, outcome), people) in groups.iter().filter(|((_, outcome), _)| !outcome.fate.is_reached()) {
        *gaps.entry((selection.level(*place), *outcome)).or_default() += people;
    }
    let mut gaps: Vec<Gap> = gaps.into_iter().map(|((area, outcome), people)| Gap { area, outcome, people }).collect();
    gaps.sort_by_key(|gap| std::cmp::Reverse(gap.people));
    gaps
}

/// Lines as people know them: what counts in the same one is joined, what belongs to none comes last.
fn named(counted: BTreeMap<i64, Figures>, names: &name::Names) -> Vec<Line> {
    let mut lines: BTreeMap<i64, Figures> = BTreeMap::new();
    for (number, figures) in counted {
        *lines.entry(names.line(number)).or_default() += figures;
    }
    let mut lines: Vec<_> = lines.into_iter().collect();
    lines.sort_by_key(|(line, _)| (names.is_none(*line), *line));
    let line = |(line, figures)| {
        let (key, name) = names.of(line);
        Line { key, name, figures }
    };
    lines.into_iter().map(line).collect()
}

/// Deliveries by line, from the tallies.
async fn tallies(tx: &mut Tx, runs: &[Run], statement: &'static Sql) -> Result<BTreeMap<i64, Deliveries>> {
    #[derive(Serialize)]
    struct One {
        run: i64,
    }
    let runs = list(&runs.iter().map(|run| One { run: run.id }).collect::<Vec<_>>());
    let rows: Vec<(i64, i16, i64, i64, i64)> =
        within!(tx, |c, sql| sqlx::query_as(sql(statement)).bind(&runs).fetch_all(c).await)?;
    let mut lines: BTreeMap<i64, Deliveries> = BTreeMap::new();
    for (line, state, n, parts, cost) in rows {
        lines.entry(line).or_default().add(State::from_number(state), n, parts, cost);
    }
    Ok(lines)
}

/// A sheet as it is kept: numbers by position, in the order of [`Fate::ALL`] and [`State::ALL`].
#[derive(Serialize, Deserialize)]
struct Written {
    selection: Selection,
    at: i64,
    runs: Runs,
    subject: Option<Subject>,
    total: Numbers,
    cuts: BTreeMap<Cut, Vec<(String, String, String, Numbers)>>,
    /// Area, fate, cause, people.
    gaps: Vec<(Option<String>, usize, i64, i64)>,
    places: Vec<(i64, Vec<i64>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    relayed: Option<Relayed>,
    turns_at: Option<i64>,
}

/// People, deliveries.
type Numbers = (Vec<i64>, Vec<i64>);

fn numbers(figures: &Figures) -> Numbers {
    (figures.people.numbers().to_vec(), figures.deliveries.numbers())
}

fn figures(numbers: &Numbers) -> Figures {
    Figures { people: People::of_numbers(&numbers.0), deliveries: Deliveries::of_numbers(&numbers.1) }
}

impl Sheet {
    /// The JSON in which it is kept. The same figures are the same text.
    pub fn write(&self) -> String {
        let line = |line: &Line| (line.key.clone(), line.name.vi.clone(), line.name.en.clone(), numbers(&line.figures));
        let gap = |gap: &Gap| (gap.area.clone(), gap.outcome.fate as usize, gap.outcome.cause.number(), gap.people);
        let written = Written {
            selection: self.selection.clone(),
            at: self.at,
            runs: self.runs,
            subject: self.subject.clone(),
            total: numbers(&self.total),
            cuts: self.cuts.iter().map(|(by, lines)| (*by, lines.iter().map(line).collect())).collect(),
            gaps: self.gaps.iter().map(gap).collect(),
            places: self.places.iter().map(|(place, people)| (*place, people.numbers().to_vec())).collect(),
            relayed: self.relayed.clone(),
            turns_at: self.turns_at,
        };
        // Plain structs, written to memory: serde_json cannot fail on them.
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// What [`Sheet::write`] wrote; none: this version cannot read it.
    pub fn read(text: &str) -> Option<Self> {
        let written: Written = serde_json::from_str(text).ok()?;
        let line = |(key, vi, en, numbers): (String, String, String, Numbers)| Line {
            key,
            name: Phrase { vi, en },
            figures: figures(&numbers),
        };
        let gap = |(area, fate, cause, people): (Option<String>, usize, i64, i64)| {
            let outcome = Outcome { fate: *Fate::ALL.get(fate)?, cause: Cause::from_number(cause) };
            Some(Gap { area, outcome, people })
        };
        Some(Self {
            selection: written.selection,
            at: written.at,
            runs: written.runs,
            subject: written.subject,
            total: figures(&written.total),
            cuts: written.cuts.into_iter().map(|(by, lines)| (by, lines.into_iter().map(line).collect())).collect(),
            gaps: written.gaps.into_iter().map(gap).collect::<Option<_>>()?,
            places: written.places.into_iter().map(|(place, people)| (place, People::of_numbers(&people))).collect(),
            relayed: written.relayed,
            turns_at: written.turns_at,
        })
    }
}
