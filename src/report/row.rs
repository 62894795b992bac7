//! The rows behind a line: deliveries of a selection, one after the other, without names or addresses.
//!
//! What enters: a selection, what a line is of, and where the page before ended. What leaves: at most a page of rows and
//! where to go on. A page looks at no more rows than it can in a moment: where few of them belong to the line, it says how
//! far it looked. What can go wrong is only the database.

use super::{Cause, Cut, Outcome, Selection, cut::place_of, name::Names, runs};
use crate::{
    audience::{
        place::Places,
        reach::{presumed, unbounced},
    },
    db::{Db, Result, Sql},
    delivery::State,
    within,
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
    pub carrier: crate::words::Phrase,
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
}

type Read = (i64, i16, i16, bool, Option<String>, i16, i64, i16, i64, i16, i64, i64, Option<String>);

/// Rows of a selection from `after` on, of one line of a cut where `line` names one, and of one fate.
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
    let mut page = Page::default();
    let mut left = LOOK;
    for run in runs.iter().filter(|run| (run.id + 1) << 36 > after) {
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
                let of_line = |by: Cut, key: &str, names: &Names| match by {
                    Cut::Campaign => run.campaign == key,
                    Cut::Channel => names.of(id & 15).0 == key,
                    Cut::Area => names.of(names.line(place)).0 == key,
                    Cut::Carrier => names.of(i64::from(route)).0 == key,
                    Cut::Account => names.of(account).0 == key,
                    Cut::Reason => outcome.cause.name() == key,
                    Cut::Message => names
                        .messages
                        .get(&run.id)
                        .and_then(|lines| lines.get(usize::try_from(message).ok()?))
                        .is_some_and(|line| names.of(*line).0 == key),
                    Cut::Segment => names
                        .segments
                        .get(&run.id)
                        .is_some_and(|lines| lines.iter().any(|(bit, line)| segments & bit != 0 && names.of(*line).0 == key)),
                    // A group's people are those of today, which a row does not say.
                    Cut::Group => true,
                };
                let fits = (places.is_empty() || places.contains(&place))
                    && fate.is_none_or(|fate| fate == outcome.fate)
                    && line.zip(names.as_ref()).is_none_or(|((by, key), names)| of_line(by, key, names));
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
