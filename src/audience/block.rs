//! Lists of addresses that are never written to: a CSV, XLSX or plain text comes in, keyed hashes leave, and nothing else.
//!
//! The do-not-call register (NĐ 91/2020/NĐ-CP) binds advertising; a list of the office's own may bind everything. An import is
//! an edition: its entries bind as they come in, and those of the edition before go only once it is complete, so a list that
//! breaks off, or is read again, never binds less than before. Millions of rows take a few megabytes: they are hashed as they
//! are read, sorted by the million, and written in small transactions in the order of their keys. What can go wrong is a file
//! without any address in it (nothing changed), or a bad row, which is told and stops no other.

use std::path::{Path, PathBuf};

use providers::Channel;
use serde::Serialize;
use tokio::sync::mpsc;

use super::{
    address,
    import::{List, ReadError, Row},
    phone,
};
use crate::{
    clock::Clock,
    db::{Db, DbError, Result, Sql, affected},
    on, phrase,
    seal::{Kind, Seal},
    words::Phrase,
};

/// Entries that are sorted together: 16 MB.
const RUN: usize = 1_000_000;
/// Entries of a transaction.
const BATCH: usize = 900;
/// Keys that one statement looks through for entries of an earlier edition.
const STRIDE: i64 = 20_000;
/// Bad rows that are shown.
const SHOWN: usize = 20;

/// What a list binds. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Binds {
    /// Campaigns with `law = "advertising"`: the do-not-call register.
    Advertising = 1,
    /// Every campaign, warnings too.
    Everything = 2,
}

impl Binds {
    /// The name in commands and exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Advertising => "advertising",
            Self::Everything => "all",
        }
    }

    /// What has this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Advertising, Self::Everything].into_iter().find(|binds| binds.name() == name)
    }
}

/// What to import.
#[derive(Debug, Clone)]
pub struct Order {
    /// The file.
    pub path: PathBuf,
    /// The list's name: a later import of the same replaces it.
    pub name: String,
    /// What it binds.
    pub binds: Binds,
}

/// A row that is no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// The line, as an editor or Excel counts.
    pub line: u64,
    /// Why.
    pub reason: Phrase,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Rows of the file.
    pub rows: u64,
    /// Different addresses on the list now.
    pub entries: u64,
    /// Entries of the edition before that are not on it any more.
    pub removed: u64,
    /// Landlines and service numbers: no text message goes there anyhow.
    pub landlines: u64,
    /// Rows that are no address.
    pub bad: u64,
    /// The first of them.
    pub first: Vec<Bad>,
}

/// Why a list was not imported.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// No column of its first rows holds phone numbers or mail addresses.
    #[error("no column holds phone numbers or mail addresses")]
    NoAddress,
    /// The database's error.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The reading thread died.
    #[error("reading broke off: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

impl BlockError {
    /// Whether the person who gave the file can mend it: nothing was changed.
    pub const fn is_of_the_file(&self) -> bool {
        matches!(self, Self::Read(_) | Self::NoAddress)
    }

    /// What to tell the officer.
    pub fn phrase(&self) -> Phrase {
        match self {
            Self::Read(error) => error.phrase(),
            Self::NoAddress => phrase!(
                "các dòng đầu không có số điện thoại hay địa chỉ e-mail nào: mỗi dòng một số, hoặc một bảng có cột số điện thoại",
                "the first rows hold no phone number and no mail address: put one a row, or a table with a column of them"
            ),
            Self::Db(error) => Phrase::from(error.to_string()),
            Self::Broken(error) => phrase!("việc đọc bị ngắt: {error}", "{error}"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Entry {
    channel: i16,
    address: i64,
}

static BEGIN: Sql = Sql::new(
    r"INSERT INTO block_list (name, binds, edition, file_hash, entries, started_at) VALUES ($1, $2, 1, $3, 0, $4)
      ON CONFLICT (name) DO UPDATE SET binds = excluded.binds, edition = block_list.edition + 1, file_hash = excluded.file_hash,
        started_at = excluded.started_at, finished_at = NULL
      RETURNING id, edition",
);

static ENTER: Sql = Sql::new(
    r"INSERT INTO block (channel, address, list, binds, edition)
      SELECT channel, address, CAST($2 AS BIGINT), CAST($3 AS SMALLINT), CAST($4 AS BIGINT)
      FROM :rows($1; channel SMALLINT, address BIGINT) AS v WHERE true
      ON CONFLICT (channel, address, list) DO UPDATE SET binds = excluded.binds, edition = excluded.edition",
);

static FINISH: Sql = Sql::new(r"UPDATE block_list SET entries = $2, finished_at = $3 WHERE id = $1");

static ENTRIES: Sql = Sql::new(r"SELECT count(*) FROM block WHERE list = $1");

/// Imports a list; `progress` hears how much of the file is dealt with, and its length.
pub async fn import(
    db: &Db,
    seal: &Seal,
    clock: &Clock,
    order: &Order,
    mut progress: impl FnMut(u64, u64),
) -> std::result::Result<Summary, BlockError> {
    let path = order.path.clone();
    let (list, column) = tokio::task::spawn_blocking(move || open(&path)).await??;
    let (id, edition): (i64, i64) = on!(db.write, |pool, sql| {
        sqlx::query_as(sql(&BEGIN))
            .bind(&order.name)
            .bind(order.binds as i16)
            .bind(&list.hash)
            .bind(clock.millis())
            .fetch_one(pool)
            .await
    })?;
    let (sender, mut runs) = mpsc::channel::<(Vec<Entry>, u64)>(1);
    let (seal, length) = (seal.clone(), list.length);
    let reading = tokio::task::spawn_blocking(move || read(&list, column, &seal, &sender));
    while let Some((mut run, at)) = runs.recv().await {
        run.sort_unstable();
        run.dedup();
        for batch in run.chunks(BATCH) {
            let rows = crate::db::list(batch);
            on!(db.write, |pool, sql| {
                sqlx::query(sql(&ENTER))
                    .bind(&rows)
                    .bind(id)
                    .bind(order.binds as i16)
                    .bind(edition)
                    .execute(pool)
                    .await
                    .map(affected)
            })?;
        }
        progress(at, length);
    }
    let mut summary = reading.await??;
    summary.removed = retire(db, id, edition).await?;
    let entries: i64 = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&ENTRIES)).bind(id).fetch_one(pool).await)?;
    on!(db.write, |pool, sql| {
        sqlx::query(sql(&FINISH)).bind(id).bind(entries).bind(clock.millis()).execute(pool).await.map(affected)
    })?;
    summary.entries = u64::try_from(entries).unwrap_or(0);
    Ok(summary)
}

/// Looks through the file and finds the column of its addresses: the first that holds one in any of the first rows.
fn open(path: &Path) -> std::result::Result<(List, usize), BlockError> {
    let list = List::inspect(path)?;
    let rows = list.first.iter().filter_map(|row| row.cells.as_ref().ok());
    let column = rows.filter_map(|cells| cells.iter().position(|cell| entry_of(cell).is_ok())).min();
    let column = column.ok_or(BlockError::NoAddress)?;
    Ok((list, column))
}

/// Why a cell is no address that a message could go to.
enum NoEntry {
    Landline,
    Bad(Phrase),
}

fn entry_of(cell: &str) -> std::result::Result<(Channel, String), NoEntry> {
    let cell = cell.trim();
    if cell.contains('@') {
        return address::email(cell).map(|plain| (Channel::Email, plain)).map_err(|error| NoEntry::Bad(error.phrase()));
    }
    match phone::normalise(cell) {
        Ok(plain) => Ok((Channel::Sms, plain)),
        Err(phone::BadPhone::NotMobile) => Err(NoEntry::Landline),
        Err(error) => Err(NoEntry::Bad(error.phrase())),
    }
}

/// Reads the file to its end, or until nobody takes its entries any more.
fn read(
    list: &List,
    column: usize,
    seal: &Seal,
    runs: &mpsc::Sender<(Vec<Entry>, u64)>,
) -> std::result::Result<Summary, BlockError> {
    let mut summary = Summary::default();
    let mut run = Vec::new();
    let mut began = false;
    let bad = |summary: &mut Summary, line, reason| {
        summary.bad += 1;
        if summary.first.len() < SHOWN {
            summary.first.push(Bad { line, reason });
        }
    };
    list.each(&mut |row: Row| {
        let cell = match &row.cells {
            Ok(cells) => cells.get(column).map_or("", String::as_str),
            Err(reason) => {
                summary.rows += 1;
                bad(&mut summary, row.line, reason.clone());
                return true;
            }
        };
        match entry_of(cell) {
            Ok((channel, plain)) => {
                summary.rows += 1;
                began = true;
                run.push(Entry { channel: channel as i16, address: seal.hash(Kind::of(channel), &plain) });
            }
            // Titles and a header, above the first address.
            Err(NoEntry::Bad(_)) if !began && !cell.contains(|c: char| c.is_ascii_digit()) => {}
            Err(NoEntry::Landline) => {
                summary.rows += 1;
                summary.landlines += 1;
            }
            Err(NoEntry::Bad(reason)) => {
                summary.rows += 1;
                bad(&mut summary, row.line, reason);
            }
        }
        run.len() < RUN || runs.blocking_send((std::mem::take(&mut run), row.at)).is_ok()
    })?;
    // A closed channel means that the writing side failed and says why.
    let _ = runs.blocking_send((run, list.length));
    Ok(summary)
}

static REACH: Sql = Sql::new(r"SELECT address FROM block WHERE channel = $1 AND address > $2 ORDER BY address LIMIT 1 OFFSET $3");

static RETIRE: Sql =
    Sql::new(r"DELETE FROM block WHERE channel = $1 AND address >= $2 AND address <= $3 AND list = $4 AND edition < $5");

/// Takes out what earlier editions of a list named and this one does not; how many entries.
async fn retire(db: &Db, list: i64, edition: i64) -> Result<u64> {
    let mut removed = 0;
    for channel in [Channel::Sms, Channel::Email] {
        let channel = channel as i16;
        let mut from = i64::MIN;
        loop {
            let end: Option<i64> = on!(db.read, |pool, sql| {
                sqlx::query_scalar(sql(&REACH)).bind(channel).bind(from).bind(STRIDE).fetch_optional(pool).await
            })?;
            let through = end.unwrap_or(i64::MAX);
            removed += on!(db.write, |pool, sql| {
                sqlx::query(sql(&RETIRE))
                    .bind(channel)
                    .bind(from)
                    .bind(through)
                    .bind(list)
                    .bind(edition)
                    .execute(pool)
                    .await
                    .map(affected)
            })?;
            if end.is_none() {
                break;
            }
            from = through;
        }
    }
    Ok(removed)
}

/// A list, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// See [`Binds`].
    pub binds: i16,
    /// Different addresses.
    pub entries: i64,
    /// When its last import began, unix milliseconds.
    pub started_at: i64,
    /// When it was complete; none: it broke off, and the edition before still binds beside what came in.
    pub finished_at: Option<i64>,
}

impl Known {
    /// What it binds.
    pub const fn binds(&self) -> Binds {
        if self.binds == Binds::Everything as i16 { Binds::Everything } else { Binds::Advertising }
    }
}

static LISTS: Sql = Sql::new(r"SELECT name, binds, entries, started_at, finished_at FROM block_list ORDER BY name");

/// The lists that there are.
pub async fn lists(db: &Db) -> Result<Vec<Known>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&LISTS)).fetch_all(pool).await)
}

static FIND: Sql = Sql::new(r"SELECT id FROM block_list WHERE name = $1");

static REMOVE: Sql = Sql::new(r"DELETE FROM block_list WHERE id = $1");

/// Takes a list back: whom it named may be written to again. None: there is none of this name; else how many entries.
pub async fn remove(db: &Db, name: &str) -> Result<Option<u64>> {
    let found: Option<i64> = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&FIND)).bind(name).fetch_optional(pool).await)?;
    let Some(list) = found else { return Ok(None) };
    let removed = retire(db, list, i64::MAX).await?;
    on!(db.write, |pool, sql| sqlx::query(sql(&REMOVE)).bind(list).execute(pool).await.map(affected))?;
    Ok(Some(removed))
}
