//! Lists as files: a path comes in, its rows leave one by one, as text; memory stays flat however long the list is.
//!
//! CSV is split here rather than by a library for one reason: a quote that is opened and never closed must cost its own
//! line, not the rest of the list. XLSX is streamed too, but for its table of shared strings, which calamine holds whole: how large it
//! may be is looked at before.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use calamine::{DataRef, Reader as _, Xlsx, open_workbook};
use encoding_rs::Decoder;
use sha2::{Digest as _, Sha256};

use super::unpacked::{self, Bounds};
use crate::{phrase, words::Phrase};

/// A row may be this long; a longer one is refused alone.
const LONGEST_ROW: usize = 64 * 1024;
/// Lines that one quoted field may run over.
const LONGEST_FIELD_LINES: usize = 20;
/// A header stands below at most so many rows of titles, less one.
const FIRST_ROWS: usize = 12;
/// Columns of a sheet that are looked at.
const MOST_COLUMNS: usize = 1000;

/// Why a list cannot be read at all; the words are for the officer.
#[derive(Debug)]
pub enum ReadError {
    /// The file is missing, unreadable, or broke off.
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Neither UTF-8 nor UTF-16: TCVN3, VNI, Windows-1258….
    Encoding {
        /// The first line that shows it.
        line: u64,
    },
    /// Excel's format until 2003.
    OldExcel,
    /// Not a sheet, or a broken one.
    Sheet(String),
    /// It holds more than it looks.
    TooLarge,
}

impl ReadError {
    /// What to tell the officer.
    pub fn phrase(&self) -> Phrase {
        match self {
            Self::Io { path, error } => {
                let path = path.display();
                phrase!("không đọc được {path}: {error}", "cannot read {path}: {error}")
            }
            Self::Encoding { line } => phrase!(
                "dòng {line}: tệp không dùng bảng mã Unicode (UTF-8 hoặc UTF-16); hãy mở bằng Excel và lưu lại dạng .xlsx",
                "line {line}: the file is not Unicode (UTF-8 or UTF-16); open it in Excel and save it as .xlsx"
            ),
            Self::OldExcel => phrase!(
                "đây là tệp Excel kiểu cũ (.xls); hãy mở bằng Excel và lưu lại dạng .xlsx",
                "this is a file of the old Excel (.xls); open it in Excel and save it as .xlsx"
            ),
            Self::Sheet(why) => phrase!("không đọc được bảng tính: {why}", "cannot read the sheet: {why}"),
            Self::TooLarge => phrase!(
                "bảng tính quá lớn khi mở ra; hãy lưu lại dạng CSV UTF-8, hoặc chia thành nhiều tệp",
                "the sheet is too large once it is unpacked; save it as CSV UTF-8, or in several files"
            ),
        }
    }
}

impl std::error::Error for ReadError {}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.phrase().fmt(f)
    }
}

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Text { encoding: &'static encoding_rs::Encoding, separator: u8 },
    Sheet,
}

/// A list that was looked through once: it can be read.
#[derive(Debug, Clone)]
pub struct List {
    path: PathBuf,
    format: Format,
    /// SHA-256 of the file, hexadecimal: the same list has the same.
    pub hash: String,
    /// What [`Row::at`] ends at: bytes of a text, rows of a sheet.
    pub length: u64,
    /// The first rows, among which the header is.
    pub first: Vec<Row>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line on which it begins, from 1: as an editor or Excel counts.
    pub line: u64,
    /// How far the list has been read, towards [`List::length`].
    pub at: u64,
    /// The cells, or why there are none.
    pub cells: Result<Vec<String>, Phrase>,
}

/// What a cell of a sheet is besides the text that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Odd {
    /// A number with a fraction: `1.234` in it is not twelve hundred.
    Fraction,
    /// A formula whose value nobody computed: it looks empty.
    Uncomputed,
}

impl List {
    /// Looks through a file once: its hash, its format, and for a text whether it is Unicode throughout.
    pub fn inspect(path: &Path) -> Result<Self, ReadError> {
        Self::within(path, &unpacked::LIST)
    }

    /// The same for a form that somebody filled in: what holds more than such a one is refused.
    pub fn inspect_form(path: &Path) -> Result<Self, ReadError> {
        Self::within(path, &unpacked::FORM)
    }

    fn within(path: &Path, bounds: &Bounds) -> Result<Self, ReadError> {
        let io_error = |error| ReadError::Io { path: path.to_path_buf(), error };
        let mut file = File::open(path).map_err(io_error)?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        let (mut length, mut head, mut unicode) = (0_u64, Vec::new(), Unicode::default());
        loop {
            let read = file.read(&mut buffer).map_err(io_error)?;
            if read == 0 {
                break;
            }
            let chunk = &buffer[..read];
            digest.update(chunk);
            length += read as u64;
            if head.len() < buffer.len() {
                head.extend_from_slice(chunk);
            }
            unicode.feed(chunk);
        }
        let hash = crate::seal::hex(&digest.finalize());
        let path = path.to_path_buf();
        if head.starts_with(b"PK\x03\x04") {
            unpacked::fits(&path, bounds)?;
            let mut first = Vec::new();
            let length = each_in_sheet(&path, &mut |row| {
                first.push(row);
                first.len() < FIRST_ROWS
            })?;
            return Ok(Self { path, format: Format::Sheet, hash, length, first });
        }
        if head.starts_with(b"\xd0\xcf\x11\xe0") {
            return Err(ReadError::OldExcel);
        }
        let encoding = encoding_rs::Encoding::for_bom(&head).map_or(encoding_rs::UTF_8, |(encoding, _)| encoding);
        if encoding == encoding_rs::UTF_8
            && let Some(line) = unicode.broken_at()
        {
            return Err(ReadError::Encoding { line });
        }
        let separator = separator(&encoding.decode(&head).0);
        let mut list = Self { path, format: Format::Text { encoding, separator }, hash, length, first: Vec::new() };
        let mut first = Vec::new();
        list.each(&mut |row| {
            first.push(row);
            first.len() < FIRST_ROWS
        })?;
        list.first = first;
        Ok(list)
    }

    /// The row of the first ones that stands on this line.
    pub fn row(&self, line: u64) -> Option<(u64, &[String])> {
        self.first.iter().find(|row| row.line == line).and_then(|row| Some((line, row.cells.as_deref().ok()?)))
    }

    /// The cells of a sheet that are not what they show, by line and column (from 0): nothing of a text is.
    pub fn odd(&self) -> Result<BTreeMap<(u64, usize), Odd>, ReadError> {
        match self.format {
            Format::Text { .. } => Ok(BTreeMap::new()),
            Format::Sheet => odd_in_sheet(&self.path),
        }
    }

    /// Whether it is a text, whose rows all have the same cells (RFC 4180, section 2.4).
    pub const fn is_text(&self) -> bool {
        matches!(self.format, Format::Text { .. })
    }

    /// Hands every row that is not blank to `take`, until it says false.
    pub fn each(&self, take: &mut dyn FnMut(Row) -> bool) -> Result<(), ReadError> {
        match self.format {
            Format::Sheet => each_in_sheet(&self.path, take).map(|_| ()),
            Format::Text { encoding, separator } => {
                let io_error = |error| ReadError::Io { path: self.path.clone(), error };
                let file = File::open(&self.path).map_err(io_error)?;
                each_in_text(Decoded::new(file, encoding.new_decoder()), separator, self.length, take).map_err(io_error)
            }
        }
    }
}

/// Whether bytes that come in chunks are UTF-8, and if not, on which line.
#[derive(Default)]
struct Unicode {
    carried: Vec<u8>,
    line: u64,
    broken: Option<u64>,
}

impl Unicode {
    fn feed(&mut self, chunk: &[u8]) {
        if self.broken.is_some() {
            return;
        }
        self.carried.extend_from_slice(chunk);
        let lines = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').count().saturating_sub(1) as u64;
        match std::str::from_utf8(&self.carried) {
            Ok(_) => {
                self.line += lines(&self.carried);
                self.carried.clear();
            }
            Err(error) => {
                let good = error.valid_up_to();
                self.line += lines(&self.carried[..good]);
                if error.error_len().is_some() || self.carried.contains(&0) {
                    self.broken = Some(self.line + 1);
                }
                self.carried.drain(..good);
            }
        }
    }

    fn broken_at(&self) -> Option<u64> {
        self.broken.or_else(|| (!self.carried.is_empty()).then_some(self.line + 1))
    }
}

/// The separator that the first line with any has most of, outside of quotes.
fn separator(head: &str) -> u8 {
    let count = |line: &str, separator: u8| split(line, separator).map_or(0, |cells| cells.len());
    for line in head.lines().take(10) {
        let best = [b',', b';', b'\t'].into_iter().max_by_key(|separator| (count(line, *separator), *separator == b','));
        if let Some(best) = best.filter(|separator| count(line, *separator) > 1) {
            return best;
        }
    }
    b','
}

/// Turns a file of any Unicode encoding into UTF-8 without a byte order mark.
struct Decoded {
    file: File,
    decoder: Decoder,
    raw: Vec<u8>,
    text: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Decoded {
    fn new(file: File, decoder: Decoder) -> BufReader<Self> {
        BufReader::new(Self { file, decoder, raw: vec![0; 32 * 1024], text: Vec::new(), at: 0, ended: false })
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() && !self.ended {
            let read = self.file.read(&mut self.raw)?;
            self.ended = read == 0;
            let room = self.decoder.max_utf8_buffer_length(read).unwrap_or(read * 4 + 16);
            self.text.resize(room, 0);
            let (_, _, written, _) = self.decoder.decode_to_utf8(&self.raw[..read], &mut self.text, self.ended);
            self.text.truncate(written);
            self.at = 0;
        }
        let count = buffer.len().min(self.text.len() - self.at);
        buffer[..count].copy_from_slice(&self.text[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// Why a row without end is refused.
fn too_long() -> Phrase {
    phrase!("dòng quá dài", "the row is too long")
}

/// Why a row with unmatched quotes is refused.
fn unmatched() -> Phrase {
    phrase!(
        "dấu ngoặc kép không khớp: mở mà không đóng, hoặc đóng giữa ô",
        "quotes do not match: one is never closed, or closes in the middle of a cell"
    )
}

fn each_in_text(mut text: BufReader<Decoded>, separator: u8, length: u64, take: &mut dyn FnMut(Row) -> bool) -> io::Result<()> {
    let mut waiting: std::collections::VecDeque<(String, bool)> = std::collections::VecDeque::new();
    let (mut line, mut at) = (0_u64, 0_u64);
    loop {
        let Some((first, whole)) = next_line(&mut waiting, &mut text)? else { return Ok(()) };
        line += 1;
        at += first.len() as u64 + 1;
        let here = line;
        if first.trim().is_empty() {
            continue;
        }
        let mut cells = if whole { split(&first, separator).ok_or_else(unmatched) } else { Err(too_long()) };
        if whole && cells.is_err() {
            // A quoted field may run over several lines; one that never ends costs its first line alone.
            let mut joined = first.clone();
            let mut tried = Vec::new();
            while cells.is_err() && tried.len() < LONGEST_FIELD_LINES && joined.len() < LONGEST_ROW {
                let Some((more, whole)) = next_line(&mut waiting, &mut text)? else { break };
                joined.push('\n');
                joined.push_str(&more);
                tried.push((more, whole));
                cells = split(&joined, separator).ok_or_else(unmatched);
            }
            if cells.is_ok() {
                line += tried.len() as u64;
                at += (joined.len() - first.len()) as u64;
            } else {
                tried.into_iter().rev().for_each(|line| waiting.push_front(line));
            }
        }
        if cells.as_ref().is_ok_and(|cells| cells.iter().all(|cell| cell.trim().is_empty())) {
            continue;
        }
        if !take(Row { line: here, at: at.min(length), cells }) {
            return Ok(());
        }
    }
}

/// The next line and whether it is whole; what goes beyond the longest row is thrown away.
fn next_line(
    waiting: &mut std::collections::VecDeque<(String, bool)>,
    text: &mut BufReader<Decoded>,
) -> io::Result<Option<(String, bool)>> {
    if let Some(line) = waiting.pop_front() {
        return Ok(Some(line));
    }
    let mut bytes = Vec::new();
    if text.by_ref().take(LONGEST_ROW as u64).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    let mut whole = true;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    } else if bytes.len() == LONGEST_ROW {
        whole = false;
        let mut rest = Vec::new();
        while text.by_ref().take(LONGEST_ROW as u64).read_until(b'\n', &mut rest)? > 0 && rest.last() != Some(&b'\n') {
            rest.clear();
        }
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    Ok(Some((String::from_utf8_lossy(&bytes).into_owned(), whole)))
}

/// Splits a record (RFC 4180); none where its quotes do not match: one is still open at the end, or something follows a
/// closing one. A quote within an unquoted cell is a character.
fn split(text: &str, separator: u8) -> Option<Vec<String>> {
    let separator = char::from(separator);
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut state = Quotes::Fresh;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match state {
            Quotes::Within if c == '"' && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            Quotes::Within if c == '"' => state = Quotes::Closed,
            Quotes::Within => cell.push(c),
            _ if c == separator => {
                cells.push(std::mem::take(&mut cell));
                state = Quotes::Fresh;
            }
            Quotes::Fresh if c == '"' => state = Quotes::Within,
            Quotes::Fresh | Quotes::Bare => {
                cell.push(c);
                state = Quotes::Bare;
            }
            Quotes::Closed if c == ' ' => {}
            Quotes::Closed => return None,
        }
    }
    cells.push(cell);
    (state != Quotes::Within).then_some(cells)
}

/// Where in a cell the splitting stands.
#[derive(PartialEq, Eq)]
enum Quotes {
    /// At its beginning.
    Fresh,
    /// In a cell without quotes.
    Bare,
    /// Between quotes.
    Within,
    /// After the closing one.
    Closed,
}

/// A row of a sheet, as far as its cells have come: none is blank.
struct Gathered {
    number: u32,
    texts: Vec<String>,
    bytes: usize,
}

/// Reads the first sheet that holds anything; gives its number of rows.
fn each_in_sheet(path: &Path, take: &mut dyn FnMut(Row) -> bool) -> Result<u64, ReadError> {
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
fn odd_in_sheet(path: &Path) -> Result<BTreeMap<(u64, usize), Odd>, ReadError> {
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

#[cfg(test)]
mod tests;
