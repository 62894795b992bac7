//! Many outlets at once, out of a file: every school of a province in one list.
//!
//! What enters is a CSV or XLSX with a header in Vietnamese or English. What leaves is what each row would do ([`Listed`]), before anything
//! is written, and then what was done ([`Done`]). A bad row never stops the good ones: each says its line, its column and what would be right.
//! The same list twice changes nothing. What can go wrong is a file that is no list ([`EnlistError`]), and the database.

mod judge;
#[cfg(test)]
mod tests;
mod word;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{
    audience::import::{List, ReadError},
    audit::Actor,
    db::{Db, Result},
    outlet::{self, Kind, Outlet, Refused, Written},
    phrase,
    seal::Seal,
    transaction,
    words::Phrase,
};
use judge::judged;
use word::Header;

pub use word::{area, column};

/// Rows of one file at most.
pub const MOST: usize = 5_000;
/// A header stands below at most so many rows of titles.
const TITLES: usize = 12;
/// Rows of a transaction: nobody who sends waits for long.
const BATCH: usize = 200;

/// What a file is read against.
#[derive(Debug)]
pub struct Ground {
    /// The outlets that there are.
    known: BTreeMap<String, Outlet>,
    /// Their contacts' mailboxes.
    mailboxes: BTreeMap<i64, String>,
    /// The kind of rows that do not say.
    pub kind: Option<Kind>,
    /// The department of new outlets whose rows do not say; empty: all departments'.
    pub owner: String,
    /// Whether whoever brings it sees all departments.
    pub sees_all: bool,
}

impl Ground {
    /// As things stand.
    pub async fn of(db: &Db, seal: &Seal, kind: Option<Kind>, owner: &str) -> Result<Self> {
        let known = outlet::without_contacts(db).await?.into_iter().map(|outlet| (outlet.slug.clone(), outlet)).collect();
        Ok(Self { known, mailboxes: outlet::contacts(db, seal).await?, kind, owner: owner.to_string(), sees_all: false })
    }
}

/// What a row does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Adds an outlet.
    Add,
    /// Changes one that was last changed at this time; the names of the fields.
    Change(i64, Vec<String>),
    /// Nothing: the outlet is so already.
    Same,
}

/// A row that can be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The line on which it begins.
    pub line: u64,
    /// What it does.
    pub what: What,
    /// What it says, checked.
    pub written: Written,
}

/// A row that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The line on which it begins.
    pub line: u64,
    /// The field that it is about; none: the row.
    pub column: Option<&'static str>,
    /// What is wrong, and what would be right.
    pub why: Phrase,
}

/// What a file would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Rows that can be taken, in the file's order.
    pub rows: Vec<Row>,
    /// Rows that cannot.
    pub wrong: Vec<Wrong>,
}

impl Listed {
    /// How many outlets it adds, changes and leaves as they are.
    pub fn counts(&self) -> (usize, usize, usize) {
        let of = |is: fn(&What) -> bool| self.rows.iter().filter(|row| is(&row.what)).count();
        (of(|what| *what == What::Add), of(|what| matches!(what, What::Change(..))), of(|what| *what == What::Same))
    }
}

/// Why a file is no list of outlets.
#[derive(Debug)]
pub enum EnlistError {
    /// It cannot be read.
    Read(ReadError),
    /// None of its first rows is a header.
    Header,
    /// A column is there twice.
    Twice(String),
    /// It has more rows than are taken at once.
    TooMany,
    /// It has a header and nothing else.
    Empty,
}

impl From<ReadError> for EnlistError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl EnlistError {
    /// For a person, with what would be right.
    pub fn words(&self) -> Phrase {
        match self {
            Self::Read(error) => error.phrase(),
            Self::Header => phrase!(
                "không thấy cột tên đơn vị: hãy đặt một dòng tiêu đề có cột “Tên đơn vị” (title)",
                "no column has the outlets' names: write a header with a column “title”"
            ),
            Self::Twice(name) => phrase!("hai cột cùng là “{name}”", "two columns are “{name}”"),
            Self::TooMany => phrase!("tệp có hơn {MOST} dòng: hãy chia thành nhiều tệp", "more than {MOST} rows: split the file"),
            Self::Empty => phrase!("tệp không có dòng nào", "the file has no rows"),
        }
    }
}

/// Reads a file, and says what each of its rows would do. `sees` says whether whoever brings it may write what belongs to a department.
pub fn read(path: &Path, ground: &Ground, sees: impl Fn(&str) -> bool) -> std::result::Result<Listed, EnlistError> {
    let file = List::inspect_form(path)?;
    let mut header: Option<Header> = None;
    let mut failed = None;
    let mut looked_at = 0;
    let mut listed = Listed::default();
    let mut slugs: BTreeSet<String> = BTreeSet::new();
    file.each(&mut |row| {
        let cells = match row.cells {
            Ok(cells) => cells,
            Err(why) => {
                listed.wrong.push(Wrong { line: row.line, column: None, why });
                return true;
            }
        };
        let Some(known) = &header else {
            looked_at += 1;
            match Header::read(&cells) {
                Some(Ok(read)) => header = Some(read),
                Some(Err(error)) => failed = Some(error),
                None => {}
            }
            return failed.is_none() && (header.is_some() || looked_at < TITLES);
        };
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return true;
        }
        if listed.rows.len() + listed.wrong.len() >= MOST {
            failed = Some(EnlistError::TooMany);
            return false;
        }
        match judged(row.line, &cells, known, ground, &sees) {
            Ok(one) if !slugs.insert(one.written.slug.clone()) => {
                let slug = &one.written.slug;
                let why = phrase!(
                    "mã “{slug}” đã có ở dòng trên: thêm cột mã, hoặc ghi mã khác",
                    "“{slug}” is on a line above already: add a column of names (slug), or write another"
                );
                listed.wrong.push(Wrong { line: row.line, column: Some("slug"), why });
            }
            Ok(one) => listed.rows.push(one),
            Err(wrong) => listed.wrong.extend(wrong),
        }
        true
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    if header.is_none() {
        return Err(EnlistError::Header);
    }
    if listed.rows.is_empty() && listed.wrong.is_empty() {
        return Err(EnlistError::Empty);
    }
    Ok(listed)
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Outlets that were added.
    pub added: usize,
    /// Outlets that were changed.
    pub changed: usize,
    /// Outlets that were so already.
    pub same: usize,
    /// Rows that were not taken after all: somebody was faster.
    pub left: Vec<Wrong>,
}

/// Takes rows as [`read`] gave them. What somebody else added, changed or removed in between is left as it is.
pub async fn take(db: &Db, seal: &Seal, rows: &[Row], actor: &Actor, now: i64) -> Result<Done> {
    let mut done = Done::default();
    for batch in rows.chunks(BATCH) {
        let part = transaction!(db, |tx| {
            let slugs: Vec<String> = batch.iter().map(|row| row.written.slug.clone()).collect();
            let there = outlet::within_by_slug(tx, &slugs, &[]).await?;
            let mut part = Done::default();
            for row in batch {
                let is = there.iter().find(|outlet| outlet.slug == row.written.slug).map(|outlet| outlet.changed_at);
                let refused = match (&row.what, is) {
                    (What::Same, _) => {
                        part.same += 1;
                        None
                    }
                    (What::Add, None) => match outlet::add(tx, seal, &row.written, actor, now).await? {
                        Ok(_) => {
                            part.added += 1;
                            None
                        }
                        Err(refused) => Some(refused.words()),
                    },
                    (What::Change(was, _), Some(is)) if *was == is => {
                        match outlet::change(tx, seal, &row.written, actor, now).await? {
                            Ok(()) => {
                                part.changed += 1;
                                None
                            }
                            Err(refused) => Some(refused.words()),
                        }
                    }
                    (What::Add, Some(_)) => Some(Refused::Taken.words()),
                    (What::Change(..), None) => Some(Refused::NoSuchOutlet.words()),
                    (What::Change(..), Some(_)) => {
                        Some(phrase!("vừa có người khác sửa đơn vị này", "somebody else has just changed this outlet"))
                    }
                };
                part.left.extend(refused.map(|why| Wrong { line: row.line, column: Some("slug"), why }));
            }
            Ok(part)
        })?;
        done.added += part.added;
        done.changed += part.changed;
        done.same += part.same;
        done.left.extend(part.left);
    }
    Ok(done)
}
