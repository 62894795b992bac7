//! A list is looked at before anything is written: which columns it has and what they seem to hold ([`look`]), and what an
//! import of it would change ([`check`]).
//!
//! What enters is the file; what leaves is for the officer who decides: the first rows masked, every refusal with its line and
//! reason, and how many people would be new, updated, taken over from another list, or retired. Nothing is changed. What can go wrong is
//! what can go wrong with an import.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{
    super::{address, phone},
    Column, Field, ImportError, Order, Progress, Reading, Rejection, Source, WAITING,
    header::{self, Header},
    header_row,
    reader::List,
    store,
};
use crate::{clock::Clock, db::Db, seal::Seal};

/// Rows that are shown.
const SHOWN_ROWS: usize = 5;
/// The longest cell that is shown, in characters.
const LONGEST_CELL: usize = 40;
/// A cell with so many digits may be a number by which somebody is known.
const NUMBER: usize = 6;

/// A list as it looks before anybody said what its columns hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// The line of its header.
    pub line: u64,
    /// Its columns, from the left.
    pub columns: Vec<Guess>,
}

/// A column, what it seems to hold, and its first cells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guess {
    /// Its name in the list.
    pub name: String,
    /// The [key](Column::key) of what its name says, or its cells, where the name says nothing.
    pub key: String,
    /// Its first cells, masked.
    pub cells: Vec<String>,
}

/// Looks at a list's header and its first rows. Blocks: it reads the whole file once.
pub fn look(path: &Path) -> Result<Look, ImportError> {
    let list = List::inspect(path)?;
    let (line, cells) = header_row(&list)?;
    let (names, mut columns) = Header::guess(cells);
    let below: Vec<&[String]> =
        list.first.iter().filter(|row| row.line > line).filter_map(|row| row.cells.as_deref().ok()).collect();
    for (at, name) in names.iter().enumerate() {
        if let Some(column) = header::seems(name).map(Column::Field)
            && matches!(columns[at], Column::Attribute(_))
            && !columns.contains(&column)
        {
            columns[at] = column;
        }
    }
    for field in [Field::Phone, Field::Email] {
        if !columns.contains(&Column::Field(field)) {
            let seems = |at: &usize| matches!(columns[*at], Column::Attribute(_)) && holds(field, *at, &below);
            if let Some(at) = (0..columns.len()).find(seems) {
                columns[at] = Column::Field(field);
            }
        }
    }
    let below = &below[..below.len().min(SHOWN_ROWS)];
    let guess = |(at, (name, column)): (usize, (String, Column))| {
        let cells = below.iter().map(|row| row.get(at).map_or_else(String::new, |cell| veiled(&column, cell))).collect();
        Guess { name, key: column.key(), cells }
    };
    Ok(Look { line, columns: names.into_iter().zip(columns).enumerate().map(guess).collect() })
}

/// Whether the cells of a column are addresses, whatever its name says: three of four, and at least two.
fn holds(field: Field, at: usize, below: &[&[String]]) -> bool {
    let cells: Vec<&str> =
        below.iter().filter_map(|row| row.get(at)).map(|cell| cell.trim()).filter(|cell| !cell.is_empty()).collect();
    let is_one = |cell: &&&str| match field {
        Field::Phone => phone::normalise(cell).is_ok(),
        _ => cell.contains('@') && address::email(cell).is_ok(),
    };
    let right = cells.iter().filter(is_one).count();
    right >= 2 && right * 4 >= cells.len() * 3
}

/// A cell as whoever decides about its column may see it: enough to know what it is, not who.
fn veiled(column: &Column, cell: &str) -> String {
    let cell: String = cell.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = cell.chars().filter(|c| !c.is_control()).take(LONGEST_CELL).collect();
    if short.contains('@') || short.bytes().filter(u8::is_ascii_digit).count() >= NUMBER {
        return providers::mask(&short);
    }
    match column {
        Column::Field(
            Field::Area
            | Field::Ward
            | Field::District
            | Field::Province
            | Field::Groups
            | Field::Lang
            | Field::Carrier
            | Field::ConsentBasis
            | Field::ConsentAt,
        ) => short,
        Column::Field(Field::Phone | Field::Email | Field::Chat(_) | Field::Ref) => providers::mask(&short),
        // First letters: enough to tell a name from a street.
        _ => short
            .split(' ')
            .filter_map(|word| word.chars().next().map(|first| format!("{first}{}", "•".repeat(word.chars().count().min(6) - 1))))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// What an import would do. `rows = added + updated + repeated + rejected`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Check {
    /// Rows of the file.
    pub rows: u64,
    /// People who are not known.
    pub added: u64,
    /// People who are.
    pub updated: u64,
    /// Rows whose person an earlier row of this file names; the later one holds.
    pub repeated: u64,
    /// Rows that are refused.
    pub rejected: u64,
    /// With `replace`: people who are no longer in the list.
    pub retired: u64,
    /// People who are on another list now and would be on this one: how many, by list.
    pub moved: BTreeMap<String, u64>,
    /// The first refusals.
    pub first: Vec<Rejection>,
    /// Columns that are not kept.
    pub ignored: Vec<String>,
}

/// Goes through a list as an import would, and writes nothing.
pub async fn check(
    db: &Db,
    seal: &Seal,
    clock: &Clock,
    order: &Order,
    reading: &Reading,
    mut progress: impl FnMut(Progress),
) -> Result<Check, ImportError> {
    let source = Source::open(seal, clock, &order.path, reading, order.lang).await?;
    let (length, ignored) = (source.list.length, source.header.ignored());
    let (sender, mut batches) = mpsc::channel(WAITING);
    let reading = tokio::task::spawn_blocking(move || source.read(&sender));
    let mut check = Check { ignored, ..Check::default() };
    // Numbers of those who are known, and of those who are not what stands for their references.
    let (mut known, mut fresh) = (HashSet::new(), HashSet::new());
    let mut listed = HashSet::new();
    while let Some(batch) = batches.recv().await {
        check.repeated += batch.repeated();
        let found = batch.known(db).await?;
        let of: BTreeMap<&str, &store::Known> = found.iter().map(|one| (one.reference.as_str(), one)).collect();
        for reference in batch.references() {
            let again = match of.get(reference) {
                Some(one) if known.insert(one.id) => {
                    if one.active && one.source != order.source {
                        *check.moved.entry(one.source.clone()).or_default() += 1;
                    }
                    false
                }
                Some(_) => true,
                None => !fresh.insert(stands_for(reference)),
            };
            check.repeated += u64::from(again);
        }
        listed.extend(found.iter().filter(|one| one.active && one.source == order.source).map(|one| one.id));
        let (rows, rejected) = (batch.rows_so_far, batch.rejected_so_far);
        progress(Progress { at: batch.at, length, rows, rejected });
    }
    let outcome = reading.await??;
    (check.rows, check.rejected, check.first) = (outcome.rows, outcome.rejected, outcome.first);
    (check.added, check.updated) = (fresh.len() as u64, known.len() as u64);
    if order.replace {
        let of_source = u64::try_from(store::of_source(db, &order.source).await?).unwrap_or(0);
        check.retired = of_source.saturating_sub(listed.len() as u64);
    }
    Ok(check)
}

/// A reference in eight bytes: a million of them take little, and two alike are not met in practice.
fn stands_for(reference: &str) -> u64 {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(reference);
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_shown_so_that_nobody_is() {
        let name = Column::Field(Field::Name);
        assert_eq!(veiled(&name, "Nguyễn Thị Hoa"), "N••••• T•• H••");
        assert_eq!(veiled(&Column::Attribute("so".into()), "0901234567"), "09******67");
        assert_eq!(veiled(&Column::Field(Field::Groups), "0901 234 567"), providers::mask("0901 234 567"));
        assert_eq!(veiled(&Column::Attribute("thu".into()), "hoa@example.vn"), "h***@example.vn");
        assert_eq!(veiled(&Column::Field(Field::Province), "Hà Nội"), "Hà Nội");
        assert_eq!(veiled(&name, ""), "");
    }
}
