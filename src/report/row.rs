//! The rows behind a line: deliveries of a selection, one after the other, without names or addresses.
//!
//! What enters: a selection, what a line is of, and where the page before ended. What leaves: at most a page of rows and
//! where to go on. A page looks at no more rows than it can in a moment: where few of them belong to the line, it says how
//! far it looked. What can go wrong is only the database.

use std::collections::BTreeMap;

use super::{
    Cause, Cut, Outcome, Selection,
    cut::place_of,
    name::{Facts, Names},
    runs,
};
use crate::{
    audience::{
        place::Places,
        reach::{presumed, unbounced},
    },
    db::{Db, Result, Sql},
    delivery::State,
    within,
    words::Phrase,
};

/// Rows that a page has at most.
pub const PAGE: usize = 50;
/// Rows that are looked at for it.
const LOOK: i64 = 20_000;

static ROWS: Sql = Sql::new(concat!(
    "SELECT d.id, d.state, d.reason, ",
    presumed!("$4"),
    ", d.area, d.route, d.account, d.message, d.segments, d.parts, d.price, d.updated_at,
       (SELECT r.ref FROM recipient r WHERE r.id = (d.id >> 4) & 4294967295)
     FROM delivery d WHERE d.id >= $1 AND d.id < $2 ORDER BY d.id LIMIT $3"
));

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number, run << 36 | recipient << 4 | channel.
    pub id: i64,
    /// Its run.
    pub run: i64,
    /// The owner's stable reference; none: the person was erased.
    pub reference: Option<String>,
    /// The place's code.
    pub area: Option<String>,
    /// How it stands.
    pub state: State,
    /// What that means for the person.
    pub outcome: Outcome,
    /// The line of the carrier cut.
    pub carrier: Phrase,
    /// Parts.
    pub parts: i16,
    /// Đồng.
    pub price: i64,
    /// When it last changed, unix milliseconds.
    pub at: i64,
}

/// A page of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Row>,
    /// Where the next page begins; none: that was all.
    pub next: Option<i64>,
    /// What the line is called that was asked for, if a row of it was met.
    pub line: Option<Phrase>,
}

type Read = (i64, i16, i16, bool, Option<String>, i16, i64, i16, i64, i16, i64, i64, Option<String>);

/// Rows of a selection from `after` on, of one line of a cut where `line` names one (a group's people are those of today, which
/// no row tells: it has no rows), and of one fate.
pub async fn page(
    db: &Db,
    selection: &Selection,
    line: Option<(Cut, &str)>,
    fate: Option<super::Fate>,
    after: i64,
    now: i64,
) -> Result<Page> {
    let mut tx = db.view().await?;
    let runs = runs(&mut tx, selection).await?;
    let names = match line {
        Some((by, _)) => Some(Names::read(&mut tx, &runs, by, selection).await?),
        None => None,
    };
    let places = selection.places();
    // Which numbers of lines are the wanted one: names are looked up once each.
    let mut wanted: BTreeMap<i64, bool> = BTreeMap::new();
    let mut page = Page::default();
    let mut left = LOOK;
    // A campaign's rows are those of its runs: the others' need no look.
    let campaign = line.filter(|(by, _)| *by == Cut::Campaign).map(|(_, slug)| slug);
    let runs = runs.iter().filter(|run| campaign.is_none_or(|slug| run.campaign == slug));
    for run in runs.filter(|run| (run.id + 1) << 36 > after) {
        let mut from = (run.id << 36).max(after);
        loop {
            let chunk = left.min(2_000);
            let rows: Vec<Read> = within!(&mut tx, |c, sql| sqlx::query_as(sql(&ROWS))
                .bind(from)
                .bind((run.id + 1) << 36)
                .bind(chunk)
                .bind(unbounced(now))
                .fetch_all(c)
                .await)?;
            let full = i64::try_from(rows.len()).unwrap_or(0) == chunk;
            left -= i64::try_from(rows.len()).unwrap_or(0);
            for row in rows {
                let (id, state, reason, presumed, area, route, account, message, segments, parts, price, at, reference) = row;
                from = id + 1;
                let place = super::cut::place_number(area.as_deref().unwrap_or_default());
                let state = State::from_number(state);
                let outcome = Outcome::of(state, i64::from(reason), presumed);
                let facts = Facts {
                    channel: id & 15,
                    place,
                    route: i64::from(route),
                    account,
                    cause: outcome.cause.number(),
                    message: i64::from(message),
                    segments,
                };
                let mut of_line = |key: &str, names: &Names| {
                    let mut is_in = false;
                    names.each_line(run.id, facts, |line| {
                        is_in |= *wanted.entry(line).or_insert_with(|| {
                            let (own, name) = names.of(names.line(line));
                            let found = own == key;
                            page.line = page.line.take().or_else(|| found.then_some(name));
                            found
                        });
                    });
                    is_in
                };
                let fits = (places.is_empty() || places.contains(&place))
                    && fate.is_none_or(|fate| fate == outcome.fate)
                    && line.zip(names.as_ref()).is_none_or(|((_, key), names)| of_line(key, names));
                if fits {
                    let carrier = super::name::route(i64::from(route)).1;
                    page.rows.push(Row {
                        id,
                        run: run.id,
                        reference,
                        area: place_of(place),
                        state,
                        outcome,
                        carrier,
                        parts,
                        price,
                        at,
                    });
                    if page.rows.len() == PAGE {
                        page.next = Some(from);
                        return Ok(page);
                    }
                }
            }
            if left <= 0 {
                page.next = Some(from);
                return Ok(page);
            }
            if !full {
                break;
            }
        }
    }
    Ok(page)
}

impl Row {
    /// The place's name.
    pub fn place(&self) -> String {
        self.area.as_deref().and_then(|code| Places::built_in().full_name(code)).unwrap_or_default()
    }

    /// Why it stands as it stands; none: there is no particular reason.
    pub fn cause(&self) -> Option<Cause> {
        Some(self.outcome.cause).filter(|cause| cause.name() != "none")
    }
}
