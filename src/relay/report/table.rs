//! A report as a table: .csv or .xlsx comes in, a [`Report`] leaves, or everything that is wrong with it by line and column.
//!
//! The header is looked for among the first lines, in Vietnamese or English. What is about the report as a whole (which order, which
//! sequence, as of when, whether it is the last one) stands in lines above the header, as in a [`template`], or in columns of their own
//! with the same value in every row, or is given by whoever hands the file in ([`Given`]). Areas are written by code or by name, numbers
//! and times as people type them. A table with a mistake is not taken in part.

mod cell;
mod export;
mod header;
mod moment;
mod number;
mod place;
mod sheet;
mod template;

pub use export::{export_csv, export_xlsx};
pub use template::template;

use std::{collections::BTreeMap, io::Write as _, path::Path};

use self::{header::Field, sheet::Sheet};
use super::{Count, Fault, Report, judge::LINES};
use crate::{
    audience::import::{List, ReadError},
    phrase,
    relay::Order,
    words::Phrase,
};

/// Bytes of the largest table.
pub const MAX_BYTES: u64 = 8 << 20;
/// Bytes of all its cells, at most: of their texts, and of what an empty one takes.
const MAX_TEXT: usize = 32 << 20;
/// Mistakes that are told at once.
const MOST: usize = 50;
/// Lines that are looked at: counts, and what stands around them.
const MOST_LINES: usize = LINES + 1_000;

/// What is known of a report besides its table. The table must not contradict the order; of the rest it has the last word.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    /// The identifier of the order that it is of.
    pub order: Option<&'a str>,
    /// The order's areas: a name that fits several places means the one among them. Empty: the whole country.
    pub areas: &'a [String],
    /// The order's rounds; 0: not known.
    pub rounds: u16,
    /// Its sequence.
    pub sequence: Option<i64>,
    /// The moment that it counts up to, unix milliseconds.
    pub as_of: Option<i64>,
    /// Whether it is the last one.
    pub last: Option<bool>,
    /// Why it corrects what was reported.
    pub correction: Option<&'a str>,
    /// Evidence among the papers.
    pub evidence: Option<&'a str>,
}

impl<'a> Given<'a> {
    /// What an order says.
    pub fn of(order: &'a Order) -> Self {
        Self { order: Some(&order.identifier), areas: &order.content.areas, rounds: order.content.rounds, ..Self::default() }
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// From 0.
    pub at: usize,
    /// Its header.
    pub title: String,
}

impl Column {
    /// Its letters in a spreadsheet.
    pub fn letters(&self) -> String {
        let (mut letters, mut at) = (Vec::new(), self.at + 1);
        while at > 0 {
            letters.push(char::from(b'A' + u8::try_from((at - 1) % 26).unwrap_or(0)));
            at = (at - 1) / 26;
        }
        letters.iter().rev().collect()
    }
}

/// One thing that is wrong with a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The line, from 1, where it is about one.
    pub line: Option<u64>,
    /// The column, where it is about one.
    pub column: Option<Column>,
    /// What is wrong, and what would be right.
    pub why: Phrase,
}

impl Wrong {
    fn whole(why: Phrase) -> Self {
        Self { line: None, column: None, why }
    }

    /// Where and why.
    pub fn words(&self) -> Phrase {
        let Phrase { vi, en } = &self.why;
        match (self.line, &self.column) {
            (Some(line), Some(column)) => {
                let (letters, title) = (column.letters(), &column.title);
                phrase!("dòng {line}, cột {letters} ({title}): {vi}", "line {line}, column {letters} ({title}): {en}")
            }
            (Some(line), None) => phrase!("dòng {line}: {vi}", "line {line}: {en}"),
            (None, Some(column)) => {
                let (letters, title) = (column.letters(), &column.title);
                phrase!("cột {letters} ({title}): {vi}", "column {letters} ({title}): {en}")
            }
            (None, None) => self.why.clone(),
        }
    }
}

/// Why a table is no report.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is larger than [`MAX_BYTES`].
    #[error("the table is too large")]
    TooLarge,
    /// What is wrong with it.
    #[error("{} mistakes", .0.len())]
    Wrong(Vec<Wrong>),
}

impl Unfit {
    /// What is wrong, a sentence each.
    pub fn words(&self) -> Vec<Phrase> {
        match self {
            Self::Read(error) => vec![error.phrase()],
            Self::TooLarge => {
                let most = MAX_BYTES >> 20;
                vec![phrase!("bảng quá lớn: tối đa {most} MB", "the table is too large: at most {most} MB")]
            }
            Self::Wrong(wrong) => wrong.iter().map(Wrong::words).collect(),
        }
    }
}

/// A table that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The identifier of the order that it says it is of, or that was given.
    pub order: Option<String>,
    /// What it says.
    pub report: Report,
    /// Headers of columns that mean nothing here, and were not read.
    pub ignored: Vec<String>,
    /// On which line each area and round stands.
    lines: BTreeMap<(String, u16), u64>,
    columns: BTreeMap<Field, Column>,
    /// On which line what is about the whole stands.
    heads: BTreeMap<Field, u64>,
}

impl Table {
    /// Where in the table a fault is that [`super::take`] found.
    pub fn wrong(&self, fault: &Fault) -> Wrong {
        let field = Field::named(fault.field);
        let line = match (&fault.area, fault.round) {
            (Some(area), Some(round)) => self.lines.get(&(area.clone(), round)).copied(),
            _ => field.and_then(|field| self.heads.get(&field)).copied(),
        };
        let place = || self.columns.iter().find(|(field, _)| field.is_place()).map(|(_, column)| column.clone());
        let column = match field {
            Some(Field::Code) => place(),
            Some(field) => self.columns.get(&field).cloned(),
            None => None,
        };
        // An area that is missing stands on no line: its name does instead.
        let why = if line.is_some() { fault.why.clone() } else { fault.words() };
        Wrong { line, column: column.filter(|_| line.is_some()), why }
    }
}

/// Reads a table from a file. Blocks.
pub fn read(path: &Path, given: &Given<'_>) -> Result<Table, Unfit> {
    let io_error = |error| ReadError::Io { path: path.to_path_buf(), error };
    if std::fs::metadata(path).map_err(io_error)?.len() > MAX_BYTES {
        return Err(Unfit::TooLarge);
    }
    let file = List::inspect_form(path)?;
    let odd = file.odd()?;
    let mut rows = Vec::new();
    let mut wrong = Vec::new();
    // In a workbook one text may stand in a great many cells, and one cell far to the right makes a row of empty ones.
    let mut room = MAX_TEXT;
    file.each(&mut |row| {
        match row.cells {
            Ok(cells) => {
                room = room.saturating_sub(cells.iter().map(|cell| size_of::<String>() + cell.len()).sum());
                rows.push((row.line, cells));
            }
            Err(why) => wrong.push(Wrong { line: Some(row.line), column: None, why }),
        }
        room > 0 && wrong.len() < MOST && rows.len() < MOST_LINES
    })?;
    if room == 0 {
        return Err(Unfit::TooLarge);
    }
    if rows.len() >= MOST_LINES {
        wrong.push(Wrong::whole(phrase!("quá nhiều dòng: tối đa {LINES}", "too many lines: at most {LINES}")));
    }
    if !wrong.is_empty() {
        return Err(Unfit::Wrong(wrong));
    }
    Sheet::new(&rows, &odd, given).read().map_err(Unfit::Wrong)
}

/// Reads a table from memory. Blocks: it is written to a file that only this process sees, since workbooks are read from such.
pub fn read_bytes(bytes: &[u8], given: &Given<'_>) -> Result<Table, Unfit> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Unfit::TooLarge);
    }
    let spooled = || {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(bytes)?;
        file.flush()?;
        Ok(file)
    };
    let file = spooled().map_err(|error: std::io::Error| ReadError::Io { path: std::env::temp_dir(), error })?;
    read(file.path(), given)
}

#[cfg(test)]
mod tests;
