//! Reports as the page of an order shows them: the one that counts first, each with how its numbers differ from the one before.

use std::collections::BTreeMap;

use minijinja::{Value, context, value::Serde};
use serde::Serialize;

use super::typed::{Column, columns};
use crate::{
    audience::place::Places,
    relay::{
        Order,
        report::{Count, Kept, Report},
    },
    report::paper::signed,
    words::Lang,
};

/// Reports on the page, and lines of each; the files have all.
pub(super) const REPORTS: usize = 20;
const LINES: usize = 200;

/// A line of a report: its counts in the order of the columns.
#[derive(Serialize)]
struct Line {
    area: String,
    round: u16,
    counts: Vec<Cell>,
    by_cell: bool,
}

#[derive(Serialize)]
struct Cell {
    number: Option<i64>,
    /// Against the report before, with its sign; none: nothing changed, or there was none.
    change: Option<String>,
}

/// What stands in a column.
fn of_field(count: &Count, field: &str) -> Option<i64> {
    match field {
        "targeted" => Some(count.targeted),
        "submitted" => Some(count.submitted),
        "delivered" => count.delivered,
        "failed" => count.failed,
        "pending" => count.pending,
        "parts" => count.parts,
        _ => count.cost,
    }
}

/// The sum of what is known; none: nobody counts it.
fn sum(report: &Report, field: &str) -> Option<i64> {
    let known: Vec<i64> = report.counts.iter().filter_map(|count| of_field(count, field)).collect();
    (!known.is_empty()).then(|| known.iter().sum())
}

impl Cell {
    /// `before`: what stood there in the report before, if there was one (`compared`).
    fn of(number: Option<i64>, before: Option<i64>, compared: bool, lang: Lang) -> Self {
        let change = (compared && before != number).then(|| signed(number.unwrap_or(0) - before.unwrap_or(0), lang));
        Self { number, change }
    }
}

impl Line {
    fn of(count: &Count, before: Option<&Counts<'_>>, columns: &[Column], lang: Lang) -> Self {
        let was = before.and_then(|before| before.get(&(count.area.as_str(), count.round)).copied());
        let cell = |column: &Column| {
            let then = was.and_then(|was| of_field(was, column.field));
            Cell::of(of_field(count, column.field), then, before.is_some(), lang)
        };
        Self {
            area: Places::built_in().full_name(&count.area).unwrap_or_else(|| count.area.clone()),
            round: count.round,
            counts: columns.iter().map(cell).collect(),
            by_cell: count.by_cell,
        }
    }
}

/// A report's counts by area and round.
type Counts<'a> = BTreeMap<(&'a str, u16), &'a Count>;

/// The reports, the one that counts first; `papers`: names of evidence by their hashes.
pub(super) fn told(order: &Order, reports: &[Kept], papers: &BTreeMap<String, String>, lang: Lang) -> Vec<Value> {
    let columns = columns(order.outlet_kind, lang);
    let told = |(at, kept): (usize, &Kept)| {
        let (report, before) = (&kept.report, reports.get(at + 1).map(|kept| &kept.report));
        let earlier = before.map(counts);
        let lines: Vec<Line> =
            report.counts.iter().take(LINES).map(|count| Line::of(count, earlier.as_ref(), &columns, lang)).collect();
        let total: Vec<Cell> = columns
            .iter()
            .map(|column| {
                let then = before.and_then(|before| sum(before, column.field));
                Cell::of(sum(report, column.field), then, before.is_some(), lang)
            })
            .collect();
        let evidence = report.evidence.as_deref();
        context! {
            sequence => report.sequence, as_of => report.as_of, last => report.last, correction => &report.correction,
            received_at => kept.received_at, by => &kept.by, counts => at == 0,
            evidence => evidence.map(|hash| context! { hash, name => papers.get(hash) }),
            lines => Value::from(Serde(&lines)), more => report.counts.len().saturating_sub(LINES), total => Value::from(Serde(&total)),
        }
    };
    reports.iter().take(REPORTS).enumerate().map(told).collect()
}

fn counts(report: &Report) -> Counts<'_> {
    report.counts.iter().map(|count| ((count.area.as_str(), count.round), count)).collect()
}
