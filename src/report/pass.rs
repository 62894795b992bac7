//! One pass over the rows of a report's runs: people by what became of them, deliveries by state, each by line.
//!
//! What enters: runs and the places that count. What leaves: one [`Window`] of people after the other, in the order of
//! their numbers, and in the end the lines of the cut. A person's deliveries of a run lie beside each other in the primary
//! key (run << 36 | recipient << 4 | channel), so a window of people is one range of each run: nothing is sorted, nothing
//! is read twice, and memory is that of a window, however many people and runs there are. The database hands over each
//! range as a few columns of numbers, each column as one text: fetching millions of rows one by one would take longer
//! than counting them. What can go wrong is only the database.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Cut, Deliveries, Figures, Outcome, Run,
    cut::place_number,
    name::{Facts, Names},
};
use crate::{
    audience::reach::presumed,
    db::{Result, Sql, Tx},
    delivery::State,
    within,
};

/// People who are looked at together.
const WINDOW: i64 = 1 << 15;
/// Marks that are kept apart before those of one person and line are joined: what bounds the memory over many runs.
const MOST_MARKS: usize = 1 << 20;

// What every pass needs, in one number: (id − $1) << 16 | state << 11 | reason << 1 | presumed. And when the oldest mail was
// accepted that is not presumed to have arrived yet.
macro_rules! outcomes {
    () => {
        concat!(
            "string_agg(CAST(((d.id - $1) << 16) | (CAST(d.state AS BIGINT) << 11) | (CAST(d.reason AS BIGINT) << 1)
                             | CASE WHEN ",
            presumed!("$3"),
            " THEN 1 ELSE 0 END AS TEXT), ','), string_agg(coalesce(d.area, ''), ',')"
        )
    };
}

macro_rules! youngest {
    () => {
        "min(CASE WHEN d.state IN (3, 4) AND d.id & 15 = 2 AND d.updated_at > $3 THEN d.updated_at END)"
    };
}

static OUTCOMES: Sql = Sql::new(concat!(
    "SELECT ",
    outcomes!(),
    ", CAST(NULL AS TEXT), CAST(NULL AS TEXT), CAST(NULL AS TEXT), ",
    youngest!(),
    " FROM delivery d WHERE d.id >= $1 AND d.id < $2"
));

// Beside it: price × 65536 + parts; account << 32 | route << 16 | message; segments.
static ROWS: Sql = Sql::new(concat!(
    "SELECT ",
    outcomes!(),
    ", string_agg(CAST(CAST(d.price AS BIGINT) * 65536 + d.parts AS TEXT), ','),
       string_agg(CAST((CAST(d.account AS BIGINT) << 32) | (CAST(d.route AS BIGINT) << 16) | CAST(d.message AS BIGINT) AS TEXT), ','),
       string_agg(CAST(d.segments AS TEXT), ','), ",
    youngest!(),
    " FROM delivery d WHERE d.id >= $1 AND d.id < $2"
));

static ENDS: Sql = Sql::new(
    r"SELECT (SELECT min(id) FROM delivery WHERE id >= $1 AND id < $2), (SELECT max(id) FROM delivery WHERE id >= $1 AND id < $2)",
);

static MEMBERS: Sql = Sql::new(
    r"SELECT grp, string_agg(CAST(recipient AS TEXT), ',') FROM membership WHERE recipient >= $1 AND recipient < $2 GROUP BY grp",
);

/// What a pass reads of each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// What became of it, where: enough for people, and for lines by channel.
    Outcomes,
    /// Its cost, account, route, message and segments as well.
    All,
}

/// A delivery.
struct Row {
    /// The person, counted from the window's first.
    person: usize,
    state: State,
    outcome: Outcome,
    parts: i64,
    price: i64,
    facts: Facts,
}

/// The columns of a range, as the database hands them over.
type Texts = (Option<String>, Option<String>, Option<String>, Option<String>, Option<String>, Option<i64>);

fn numbers(text: Option<&String>) -> impl Iterator<Item = i64> {
    text.map(String::as_str).into_iter().flat_map(|text| text.split(',')).map(|number| number.parse().unwrap_or(0))
}

/// The rows of a range; columns that were not read are zero.
fn rows(texts: &Texts) -> impl Iterator<Item = Row> {
    let places = texts.1.as_deref().into_iter().flat_map(|text| text.split(',')).map(place_number);
    let (mut costs, mut senders, mut segments) =
        (numbers(texts.2.as_ref()), numbers(texts.3.as_ref()), numbers(texts.4.as_ref()));
    numbers(texts.0.as_ref()).zip(places).map(move |(packed, place)| {
        let (key, rest) = (packed >> 16, packed & 0xffff);
        let state = State::from_number(i16::try_from(rest >> 11).unwrap_or(i16::MAX));
        let (cost, sender) = (costs.next().unwrap_or(0), senders.next().unwrap_or(0));
        let outcome = Outcome::of(state, rest >> 1 & 1023, rest & 1 == 1);
        Row {
            person: usize::try_from(key >> 4).unwrap_or(usize::MAX),
            state,
            outcome,
            parts: cost.rem_euclid(65_536),
            price: cost.div_euclid(65_536),
            facts: Facts {
                channel: key & 15,
                place,
                route: sender >> 16 & 0xffff,
                account: sender >> 32,
                cause: outcome.cause.number(),
                message: sender & 0xffff,
                segments: segments.next().unwrap_or(0),
            },
        }
    })
}

/// What became of one person over all the runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Person {
    /// Where their latest run found them, as [`super::cut::place_of`] reads it.
    pub(super) place: i64,
    /// The best.
    pub(super) outcome: Outcome,
    /// That latest run, by its place among the pass's.
    run: usize,
}

/// People whose numbers lie beside each other.
pub(super) struct Window {
    first: i64,
    people: Vec<Option<Person>>,
}

impl Window {
    /// Everybody in it, by recipient number.
    pub(super) fn people(&self) -> impl Iterator<Item = (i64, Person)> {
        (self.first..).zip(&self.people).filter_map(|(id, person)| Some((id, (*person)?)))
    }

    /// The recipient numbers that it spans.
    pub(super) fn span(&self) -> (i64, i64) {
        (self.first, self.first + WINDOW)
    }

    fn meet(&mut self, run: usize, row: &Row) {
        let Some(person) = self.people.get_mut(row.person) else { return };
        let met = Person { place: row.facts.place, outcome: row.outcome, run };
        *person = Some(match *person {
            None => met,
            // Runs come in their order.
            Some(known) => Person {
                place: if known.run == run { known.place.max(met.place) } else { met.place },
                outcome: known.outcome.min(met.outcome),
                run,
            },
        });
    }
}

/// A pass under way.
pub(super) struct Pass<'a> {
    runs: Vec<Span<'a>>,
    places: BTreeSet<i64>,
    unbounced: i64,
    columns: Columns,
    next: i64,
    cuttings: Vec<Cutting<'a>>,
    /// When the oldest mail was accepted that has not yet arrived, presumably.
    pub(super) waiting_since: Option<i64>,
    /// All deliveries so far; their cost only where all columns are read.
    pub(super) deliveries: Deliveries,
}

/// A run that has deliveries, and the first and the last recipient of them.
struct Span<'a> {
    run: &'a Run,
    first: i64,
    last: i64,
}

impl<'a> Pass<'a> {
    /// Of these runs, in the places of that number (none: everywhere); mails accepted at `unbounced` or before count as
    /// having arrived.
    pub(super) async fn begin(
        tx: &mut Tx,
        runs: impl Iterator<Item = &'a Run>,
        places: BTreeSet<i64>,
        unbounced: i64,
        columns: Columns,
    ) -> Result<Self> {
        let mut spans = Vec::new();
        for run in runs {
            let (from, to) = (run.id << 36, (run.id + 1) << 36);
            if let Some((first, last)) = ends(tx, from, to).await? {
                spans.push(Span { run, first: (first - from) >> 4, last: (last - from) >> 4 });
            }
        }
        Ok(Self {
            runs: spans,
            places,
            unbounced,
            columns,
            next: 0,
            cuttings: Vec::new(),
            waiting_since: None,
            deliveries: Deliveries::default(),
        })
    }

    /// Counts by these lines as well.
    pub(super) fn cut(mut self, names: &'a Names) -> Self {
        self.cuttings.push(Cutting { by: names.by, names, lines: BTreeMap::new(), marks: Vec::new() });
        self
    }

    /// The next people; none: that was everybody.
    pub(super) async fn next(&mut self, tx: &mut Tx) -> Result<Option<Window>> {
        loop {
            let first = self.runs.iter().filter(|run| run.last >= self.next).map(|run| run.first.max(self.next)).min();
            let Some(first) = first else { return Ok(None) };
            self.next = first + WINDOW;
            if let Some(window) = self.window(tx, first).await? {
                return Ok(Some(window));
            }
            // Nobody for a while: each run goes on where it has somebody again.
            for span in self.runs.iter_mut().filter(|run| run.last >= self.next) {
                let (from, to) = ((span.run.id << 36) + (self.next << 4), (span.run.id + 1) << 36);
                if let Some((next, _)) = ends(tx, from, to).await? {
                    span.first = (next - (span.run.id << 36)) >> 4;
                }
            }
        }
    }

    /// The people from `first` up to the next window; none: there is no row.
    async fn window(&mut self, tx: &mut Tx, first: i64) -> Result<Option<Window>> {
        let mut window = Window { first, people: vec![None; usize::try_from(WINDOW).unwrap_or(0)] };
        let groups = match self.cuttings.iter().find(|cutting| cutting.by == Cut::Group) {
            Some(Cutting { names, .. }) => groups(tx, names, &window).await?,
            None => Vec::new(),
        };
        let mut is_empty = true;
        for (at, span) in self.runs.iter().enumerate().filter(|(_, span)| span.last >= first && span.first < self.next) {
            let statement = if self.columns == Columns::All { &ROWS } else { &OUTCOMES };
            let (from, to) = ((span.run.id << 36) + (first << 4), (span.run.id << 36) + (self.next << 4));
            let texts: Texts =
                within!(tx, |c, sql| sqlx::query_as(sql(statement)).bind(from).bind(to).bind(self.unbounced).fetch_one(c).await)?;
            is_empty &= texts.0.is_none();
            self.waiting_since = self.waiting_since.into_iter().chain(texts.5).min();
            for row in rows(&texts).filter(|row| self.places.is_empty() || self.places.contains(&row.facts.place)) {
                window.meet(at, &row);
                self.deliveries.add(row.state, 1, row.parts, row.price);
                for cutting in &mut self.cuttings {
                    cutting.count(span.run, &row, &groups);
                }
            }
        }
        for cutting in &mut self.cuttings {
            cutting.settle(&window);
        }
        Ok((!is_empty).then_some(window))
    }

    /// Each cut's figures by the numbers of its lines, in the order in which the cuts were asked for.
    pub(super) fn lines(self) -> Vec<BTreeMap<i64, Figures>> {
        self.cuttings.into_iter().map(|cutting| cutting.lines).collect()
    }
}

/// The first and the last delivery of a range.
async fn ends(tx: &mut Tx, from: i64, to: i64) -> Result<Option<(i64, i64)>> {
    let (first, last): (Option<i64>, Option<i64>) =
        within!(tx, |c, sql| sqlx::query_as(sql(&ENDS)).bind(from).bind(to).fetch_one(c).await)?;
    Ok(first.zip(last))
}

/// The lines of each person's groups.
async fn groups(tx: &mut Tx, names: &Names, window: &Window) -> Result<Vec<Vec<i64>>> {
    let (from, to) = window.span();
    let members: Vec<(String, String)> =
        within!(tx, |c, sql| sqlx::query_as(sql(&MEMBERS)).bind(from).bind(to).fetch_all(c).await)?;
    let mut groups = vec![Vec::new(); window.people.len()];
    for (group, people) in members {
        let Some(line) = names.groups.get(&group) else { continue };
        for person in numbers(Some(&people)) {
            if let Some(of) = usize::try_from(person - from).ok().and_then(|at| groups.get_mut(at)) {
                of.push(*line);
            }
        }
    }
    Ok(groups)
}

/// The counting of lines.
struct Cutting<'a> {
    by: Cut,
    names: &'a Names,
    lines: BTreeMap<i64, Figures>,
    /// What became of a person of the window in a line: the least of those of one person and line is the best.
    marks: Vec<(usize, i64, Outcome)>,
}

impl Cutting<'_> {
    fn count(&mut self, run: &Run, row: &Row, groups: &[Vec<i64>]) {
        let of_groups = groups.get(row.person).filter(|lines| self.by == Cut::Group && !lines.is_empty());
        if let Some(lines) = of_groups {
            for line in lines {
                self.add(*line, row);
            }
        } else {
            let names = self.names;
            names.each_line(run.id, row.facts, |line| self.add(line, row));
        }
        if self.marks.len() >= MOST_MARKS {
            self.join();
        }
    }

    /// Counts a delivery in this line.
    fn add(&mut self, line: i64, row: &Row) {
        self.lines.entry(line).or_default().deliveries.add(row.state, 1, row.parts, row.price);
        if !self.by.parts_people() {
            self.marks.push((row.person, line, row.outcome));
        }
    }

    /// Keeps the best mark of each person and line.
    fn join(&mut self) {
        self.marks.sort_unstable();
        self.marks.dedup_by_key(|(person, line, _)| (*person, *line));
    }

    /// Counts the people of a window, each once a line.
    fn settle(&mut self, window: &Window) {
        self.join();
        for (_, line, outcome) in self.marks.drain(..) {
            self.lines.entry(line).or_default().people.add(outcome.fate, 1);
        }
        for (_, person) in window.people().filter(|_| self.by.parts_people()) {
            let line = if self.by == Cut::Area { person.place } else { person.outcome.cause.number() };
            self.lines.entry(line).or_default().people.add(person.outcome.fate, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Fate;

    #[test]
    fn rows_come_back_from_their_columns() {
        let packed = |person: i64, state: i64, reason: i64, presumed: i64| {
            (((person << 4) | 2) << 16 | state << 11 | reason << 1 | presumed).to_string()
        };
        let texts: Texts = (
            Some(format!("{},{}", packed(7, 4, 0, 1), packed(32_767, 9, 6, 0))),
            Some("00004,".into()),
            Some((350 * 65_536 + 2).to_string() + ",0"),
            Some((5_i64 << 32 | 17 << 16 | 3).to_string() + ",0"),
            Some("6,1".into()),
            None,
        );
        let rows: Vec<Row> = rows(&texts).collect();
        assert_eq!(rows.len(), 2);
        let row = &rows[0];
        let facts = row.facts;
        assert_eq!((row.person, facts.channel, row.state, row.outcome.fate), (7, 2, State::Enroute, Fate::Presumed));
        assert_eq!((facts.place, row.parts, row.price), (100_004, 2, 350));
        assert_eq!((facts.account, facts.route, facts.message, facts.segments), (5, 17, 3, 6));
        assert_eq!((rows[1].person, rows[1].facts.place, rows[1].outcome.fate), (32_767, 0, Fate::Failed));
        assert_eq!(rows[1].facts.cause, 6);
    }

    #[test]
    fn columns_that_were_not_read_are_zero() {
        let rows: Vec<Row> = rows(&(Some("65536".into()), Some("01".into()), None, None, None, None)).collect();
        assert_eq!((rows.len(), rows[0].facts.channel, rows[0].facts.place, rows[0].price), (1, 1, 1_001, 0));
    }
}
