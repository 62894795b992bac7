//! Lists as files: a path comes in, its rows leave one by one, as text; memory stays flat however long the list is.
//!
//! A file is told by its first bytes: a [`sheet`], or else [`text`], which must be Unicode throughout.

mod sheet;
mod text;

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::unpacked::{self, Bounds};
use crate::{phrase, words::Phrase};

/// A row may be this long; a longer one is refused alone.
const LONGEST_ROW: usize = 64 * 1024;
/// A header stands below at most so many rows of titles, less one.
const FIRST_ROWS: usize = 12;

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
        let (mut length, mut head, mut unicode) = (0_u64, Vec::new(), text::Unicode::default());
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
            let length = sheet::each(&path, &mut |row| {
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
        let separator = text::separator(&encoding.decode(&head).0);
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
            Format::Sheet => sheet::odd(&self.path),
        }
    }

    /// Whether it is a text, whose rows all have the same cells (RFC 4180, section 2.4).
    pub const fn is_text(&self) -> bool {
        matches!(self.format, Format::Text { .. })
    }

    /// Hands every row that is not blank to `take`, until it says false.
    pub fn each(&self, take: &mut dyn FnMut(Row) -> bool) -> Result<(), ReadError> {
        match self.format {
            Format::Sheet => sheet::each(&self.path, take).map(|_| ()),
            Format::Text { encoding, separator } => {
                let io_error = |error| ReadError::Io { path: self.path.clone(), error };
                let file = File::open(&self.path).map_err(io_error)?;
                text::each(file, encoding, separator, self.length, take).map_err(io_error)
            }
        }
    }
}

/// Why a row without end is refused.
fn too_long() -> Phrase {
    phrase!("dòng quá dài", "the row is too long")
}

#[cfg(test)]
mod tests;
