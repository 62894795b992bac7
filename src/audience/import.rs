//! Lists come in: a CSV or XLSX file enters, recipients with sealed addresses and groups leave, and every bad row with
//! its reasons in a file beside the list.
//!
//! One thread reads, checks and seals; the caller's task writes, a few hundred rows a transaction. The number of rows
//! dealt with is committed with them, so an import that broke off goes on where it stopped when the same file is given
//! again. A row's `ref` decides who it is: the same list twice changes nothing. What can go wrong is a file that is no
//! list ([`ImportError`], nothing changed), or a bad row, which never stops the good ones.

mod batch;
pub mod check;
mod header;
mod person;
mod reader;
mod rejections;
mod store;
mod unpacked;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

pub use check::{Check, Look, check, look};
pub use header::{Column, Field, HeaderError, slug};
pub use person::Problem;
pub use reader::ReadError;

use crate::{
    clock::Clock,
    db::{Db, DbError},
    phrase,
    seal::Seal,
    words::{Lang, Phrase},
};
use batch::{Batch, Fields, Sealed};
use header::Header;
use person::Reader;
pub(crate) use reader::{List, Odd, Row};
pub(crate) use rejections::private_file;
use rejections::{Rejections, rejected_path};

/// Rows of a transaction: it stays under 1,000 with the groups and the bookkeeping.
const BATCH: usize = 450;
/// Batches that may wait to be written: what bounds the memory.
const WAITING: usize = 3;
/// Rejections that are shown; all of them are in the file.
const SHOWN: usize = 20;

/// What to import.
#[derive(Debug, Clone)]
pub struct Order {
    /// The list.
    pub path: PathBuf,
    /// Which of the office's lists this is.
    pub source: String,
    /// Who is of this source and not in the file is retired.
    pub replace: bool,
    /// In which the file of refused rows says why.
    pub lang: Lang,
}

/// How a list is read where a person said so, and not its header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// What its columns hold; none: what their names say.
    pub mapping: Option<Mapping>,
    /// On what basis its people are written to, where a row of it does not say.
    pub basis: Option<Basis>,
}

/// What a list's columns hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// The line of the header.
    pub line: u64,
    /// The columns' [keys](Column::key), from the left.
    pub columns: Vec<String>,
}

/// Why people may be written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// The legal basis, as the lists' `consent_basis`.
    pub basis: String,
    /// Where it comes from.
    pub source: String,
}

impl Reading {
    /// What tells an import of a file in this way from one in another: only the same goes on where it broke off.
    fn fingerprint(&self, hash: &str) -> String {
        if *self == Self::default() {
            return hash.to_string();
        }
        // Plain texts and numbers: they can always be written.
        let said = serde_json::to_string(self).unwrap_or_default();
        crate::seal::hex(&Sha256::new().chain_update(hash).chain_update(said).finalize())
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How much of the file is dealt with, towards `length`.
    pub at: u64,
    /// Bytes of a text, rows of a sheet.
    pub length: u64,
    /// Rows dealt with.
    pub rows: u64,
    /// Of these, refused.
    pub rejected: u64,
}

/// A refused row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The line, as an editor or Excel counts.
    pub line: u64,
    /// Every reason.
    pub problems: Vec<Problem>,
}

/// What an import did. `rows = added + updated + repeated + rejected`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The import's number.
    pub import: i64,
    /// Rows of the file.
    pub rows: u64,
    /// People who were not known.
    pub added: u64,
    /// People who were.
    pub updated: u64,
    /// Rows whose person an earlier row of this file had named; the later one holds.
    pub repeated: u64,
    /// Refused rows.
    pub rejected: u64,
    /// People who are no longer in the list.
    pub retired: u64,
    /// Rows that an earlier, broken-off import of this file had dealt with.
    pub resumed: u64,
    /// The first refusals.
    pub first: Vec<Rejection>,
    /// Where all of them are.
    pub rejected_file: Option<PathBuf>,
    /// Columns that were not kept.
    pub ignored: Vec<String>,
}

/// Why a list was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is no list.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its header is no use.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The file of rejections could not be written.
    #[error("cannot write {path}: {error}")]
    Rejected {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It names people of a list that is spared.
    #[error("it names people of another department's list")]
    Foreign,
    /// With `replace`: everybody would be retired.
    #[error("no usable row: nobody is retired")]
    NothingUsable,
    /// The database's error, or another process that imports the same list.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The reading thread died.
    #[error("reading broke off: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

impl ImportError {
    /// Whether the person who gave the file can mend it: exit code 2, and nothing was changed.
    pub const fn is_of_the_file(&self) -> bool {
        matches!(self, Self::Read(_) | Self::Header(_))
    }

    /// What to tell the officer.
    pub fn phrase(&self) -> Phrase {
        match self {
            Self::Read(error) => error.phrase(),
            Self::Header(error) => error.phrase(),
            Self::Rejected { path, error } => {
                let path = path.display();
                phrase!("không ghi được {path}: {error}", "cannot write {path}: {error}")
            }
            Self::Foreign => phrase!(
                "tệp có người nay thuộc danh sách của đơn vị khác: kiểm tra lại để xem bao nhiêu người",
                "it names people who are on another department's list by now: check it again to see how many"
            ),
            Self::NothingUsable => {
                phrase!("không có dòng nào dùng được: không ai bị đưa ra khỏi danh sách", "no usable row: nobody is retired")
            }
            Self::Db(error) => Phrase::from(error.to_string()),
            Self::Broken(error) => phrase!("việc đọc bị ngắt: {error}", "reading broke off: {error}"),
        }
    }
}

/// Imports a list as its header says.
pub async fn import(
    db: &Db,
    seal: &Seal,
    clock: &Clock,
    order: &Order,
    progress: impl FnMut(Progress),
) -> Result<Summary, ImportError> {
    import_as((db, seal, clock), order, &[], &Reading::default(), progress).await
}

/// Imports a list as a person says. Nobody is taken over from the `spared` lists: it breaks off where it names somebody of them.
pub async fn import_as(
    (db, seal, clock): (&Db, &Seal, &Clock),
    order: &Order,
    spared: &[String],
    reading_as: &Reading,
    mut progress: impl FnMut(Progress),
) -> Result<Summary, ImportError> {
    let source = Source::open(seal, clock, &order.path, reading_as, order.lang).await?;
    let (list, header) = (source.list.clone(), source.header.clone());
    let begun = store::begin(db, order, &reading_as.fingerprint(&list.hash), clock.millis()).await?;

    let (sender, mut batches) = mpsc::channel(WAITING);
    let source = Source { skip: begun.done_rows, rejected_path: Some(rejected_path(&order.path)), ..source };
    let reading = tokio::task::spawn_blocking(move || source.read(&sender));
    let mut done_rows = begun.done_rows;
    while let Some(batch) = batches.recv().await {
        if !store::write(db, &begun, (order, spared), &batch, done_rows, clock.millis()).await? {
            return Err(ImportError::Foreign);
        }
        done_rows = batch.rows_so_far;
        progress(Progress { at: batch.at, length: list.length, rows: batch.rows_so_far, rejected: batch.rejected_so_far });
    }
    let outcome = reading.await??;

    let mut retired = 0;
    if order.replace {
        if outcome.rejected == outcome.rows {
            return Err(ImportError::NothingUsable);
        }
        retired = store::retire(db, &order.source, begun.id, clock.millis()).await?;
    }
    let (added, repeated) = store::finish(db, begun.id, clock.millis()).await?;
    Ok(Summary {
        import: begun.id,
        rows: outcome.rows,
        added,
        updated: outcome.rows.saturating_sub(added + repeated + outcome.rejected),
        repeated,
        rejected: outcome.rejected,
        retired,
        resumed: begun.done_rows,
        first: outcome.first,
        rejected_file: (outcome.rejected > 0).then(|| rejected_path(&order.path)),
        ignored: header.ignored(),
    })
}

/// Looks through the file and finds its header, below any titles.
fn open(path: &Path, mapping: Option<&Mapping>) -> Result<(List, Header, u64), ImportError> {
    let list = List::inspect(path)?;
    let (line, cells) = match mapping {
        Some(mapping) => list.row(mapping.line).ok_or(HeaderError::Mapping)?,
        None => header_row(&list)?,
    };
    let header = match mapping {
        Some(mapping) => {
            let columns = mapping.columns.iter().map(|key| Column::from_key(key)).collect::<Option<Vec<_>>>();
            Header::mapped(cells, &columns.ok_or(HeaderError::Mapping)?)?
        }
        None => Header::read(cells)?,
    };
    Ok((list, header, line))
}

/// The row that looks like a header; where none does, the first.
fn header_row(list: &List) -> Result<(u64, &[String]), HeaderError> {
    let rows: Vec<(u64, &[String])> = list.first.iter().filter_map(|row| Some((row.line, row.cells.as_deref().ok()?))).collect();
    let full = |cells: &[String]| cells.iter().filter(|cell| !cell.trim().is_empty()).count();
    let most = rows.iter().map(|(_, cells)| full(cells)).max();
    // Where no word says that addresses stand below: a title fills a cell or two, a header as many as any row.
    let fullest = || rows.iter().find(|(_, cells)| Some(full(cells)) == most);
    rows.iter().find(|(_, cells)| Header::is_one(cells)).or_else(fullest).copied().ok_or(HeaderError::Empty)
}

/// The reading side.
struct Source {
    list: List,
    header: Header,
    header_line: u64,
    /// Rows that are in already: checked again for the sake of the rejections, not handed on.
    skip: u64,
    today: chrono::NaiveDate,
    seal: Seal,
    /// Where refused rows go; none: nowhere, the list is only checked.
    rejected_path: Option<PathBuf>,
    basis: Option<Basis>,
    lang: Lang,
}

/// What reading came to.
#[derive(Default)]
struct Outcome {
    rows: u64,
    rejected: u64,
    first: Vec<Rejection>,
}

impl Source {
    /// Opens a list to be checked from its first row.
    async fn open(seal: &Seal, clock: &Clock, path: &Path, reading: &Reading, lang: Lang) -> Result<Self, ImportError> {
        let (path, mapping) = (path.to_path_buf(), reading.mapping.clone());
        let (list, header, header_line) = tokio::task::spawn_blocking(move || open(&path, mapping.as_ref())).await??;
        Ok(Self {
            list,
            header,
            header_line,
            skip: 0,
            today: clock.today(),
            seal: seal.clone(),
            rejected_path: None,
            basis: reading.basis.clone(),
            lang,
        })
    }

    /// A person on the basis that the officer gave, where the row says nothing.
    fn on_basis(&self, mut person: person::Person) -> person::Person {
        if let Some(Basis { basis, source }) = self.basis.as_ref().filter(|_| person.consent_basis.is_none()) {
            person.consent_basis = Some(basis.clone());
            person.consent_source = person.consent_source.or_else(|| Some(source.clone()).filter(|source| !source.is_empty()));
        }
        person
    }

    fn read(&self, batches: &mpsc::Sender<Batch>) -> Result<Outcome, ImportError> {
        let mut reader = Reader::new(&self.header, self.today, self.list.is_text());
        let mut rejections =
            self.rejected_path.as_deref().map(|path| Rejections::new(path, &self.header, self.lang)).transpose()?;
        let fields = Fields::of(&self.header, self.basis.is_some());
        let mut batch = Batch::new(fields);
        let mut outcome = Outcome::default();
        let mut failed = None;
        self.list.each(&mut |row: Row| {
            if row.line <= self.header_line {
                return true;
            }
            outcome.rows += 1;
            let new = outcome.rows > self.skip;
            let read = match &row.cells {
                Ok(cells) => reader.read(cells),
                Err(reason) => Err(vec![Problem { column: String::new(), reason: reason.clone() }]),
            };
            match read {
                Ok(person) if new => batch.add(Sealed::of(self.on_basis(person), &self.seal)),
                Ok(_) => {}
                Err(problems) => {
                    outcome.rejected += 1;
                    let cells = row.cells.as_deref().unwrap_or_default();
                    if new {
                        batch.still_listed.extend(reader.reference(cells));
                    }
                    if let Some(Err(error)) = rejections.as_mut().map(|kept| kept.add(row.line, cells, &problems)) {
                        failed = Some(error);
                        return false;
                    }
                    if outcome.first.len() < SHOWN {
                        outcome.first.push(Rejection { line: row.line, problems });
                    }
                }
            }
            if new && outcome.rows.is_multiple_of(BATCH as u64) {
                let full = std::mem::replace(&mut batch, Batch::new(fields));
                return batches.blocking_send(full.up_to(row.at, &outcome)).is_ok();
            }
            true
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        rejections.map_or(Ok(()), Rejections::finish)?;
        if outcome.rows > self.skip {
            // A closed channel means that the writing side failed and says why.
            let _ = batches.blocking_send(batch.up_to(self.list.length, &outcome));
        }
        Ok(outcome)
    }
}
