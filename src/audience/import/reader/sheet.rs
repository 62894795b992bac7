//! Lists as workbooks, XLSX: streamed, but for the table of shared strings, which calamine holds whole: how large it may be is looked
//! at before, by [`unpacked`](super::super::unpacked).

use std::{collections::BTreeMap, fs::File, io::BufReader, path::Path};

use calamine::{DataRef, Reader as _, Xlsx, open_workbook};

use super::{LONGEST_ROW, Odd, ReadError, Row, too_long};

/// Columns of a sheet that are looked at.
const MOST_COLUMNS: usize = 1000;

/// A row of a sheet, as far as its cells have come: none is blank.
struct Gathered {
    number: u32,
    texts: Vec<String>,
    bytes: usize,
}

/// Hands every row of the first sheet that holds anything to `take`, until it says false; gives its number of rows.
pub(super) fn each(path: &Path, take: &mut dyn FnMut(Row) -> bool) -> Result<u64, ReadError> {
    let broken = |error: calamine::XlsxError| ReadError::Sheet(error.to_string());
    let mut book: Xlsx<BufReader<File>> = open_workbook(path).map_err(broken)?;
    for name in book.sheet_names() {
        let Ok(mut cells) = book.worksheet_cells_reader(&name) else { continue };
        let rows = u64::from(cells.dimensions().end.0) + 1;
        let mut row: Option<Gathered> = None;
        let mut any = false;
        let mut give = |Gathered { number, texts, bytes }: Gathered| {
            let line = u64::from(number) + 1;
            let cells = if bytes > LONGEST_ROW { Err(too_long()) } else { Ok(texts) };
            take(Row { line, at: line, cells })
        };
        while let Some(cell) = cells.next_cell().map_err(broken)? {
            let (number, column) = cell.get_position();
            let (column, value) = (column as usize, cell.get_value());
            // One long text may stand in a great many cells: it is not copied into each.
            let length = match value {
                DataRef::String(text) => text.len(),
                DataRef::SharedString(text) => text.len(),
                _ => 0,
            };
            let text = if length > LONGEST_ROW { String::new() } else { as_text(value) };
            if length <= LONGEST_ROW && text.is_empty() || column >= MOST_COLUMNS {
                continue;
            }
            any = true;
            if row.as_ref().is_some_and(|row| row.number != number)
                && let Some(done) = row.take()
                && !give(done)
            {
                return Ok(rows);
            }
            let row = row.get_or_insert_with(|| Gathered { number, texts: Vec::new(), bytes: 0 });
            row.bytes += length.max(text.len());
            if row.bytes > LONGEST_ROW {
                continue;
            }
            if row.texts.len() <= column {
                row.texts.resize(column + 1, String::new());
            }
            row.texts[column] = text;
        }
        if let Some(done) = row {
            give(done);
        }
        if any {
            return Ok(rows);
        }
    }
    Ok(0)
}

/// The odd cells of the first sheet that holds anything.
pub(super) fn odd(path: &Path) -> Result<BTreeMap<(u64, usize), Odd>, ReadError> {
    let broken = |error: calamine::XlsxError| ReadError::Sheet(error.to_string());
    let mut book: Xlsx<BufReader<File>> = open_workbook(path).map_err(broken)?;
    for name in book.sheet_names() {
        let Ok(mut cells) = book.worksheet_cells_reader(&name) else { continue };
        let (mut odd, mut any) = (BTreeMap::new(), false);
        while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(broken)? {
            let is = match &cell.value {
                DataRef::Empty if cell.formula.is_some() => Some(Odd::Uncomputed),
                DataRef::Float(number) if number.fract() != 0.0 => Some(Odd::Fraction),
                _ => None,
            };
            any |= !as_text(&cell.value).is_empty();
            let (row, column) = cell.pos;
            if let Some(is) = is.filter(|_| (column as usize) < MOST_COLUMNS) {
                odd.insert((u64::from(row) + 1, column as usize), is);
            }
        }
        if any {
            return Ok(odd);
        }
    }
    Ok(BTreeMap::new())
}

/// A cell as somebody would have typed it: whole numbers without a fraction, dates in ISO 8601. A number that is too long
/// for Excel comes in scientific notation, and is refused as such where digits matter.
fn as_text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::String(text) => text.trim().to_string(),
        DataRef::SharedString(text) => text.trim().to_string(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        DataRef::Float(number) if number.abs() >= 1e15 => format!("{number:E}").replace('E', "E+"),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(yes) => yes.to_string(),
        DataRef::DateTime(moment) => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            if (hour, minute, second) == (0, 0, 0) {
                format!("{year:04}-{month:02}-{day:02}")
            } else {
                format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
            }
        }
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => error.to_string(),
    }
}
