//! Lists that were uploaded: each waits beside the database, is gone through, shown to whoever brought it, and taken in once they
//! confirm it.
//!
//! What enters is a file (0600) and what an officer says of it ([`Said`], kept as [`Settings`]), by whichever door a [`Clerk`] is asked;
//! what leaves is what an import of it would change, and after the confirmation the import itself, in the background, with its progress
//! ([`Intake`]). The file goes as soon as it is taken in, or thrown away, or nobody confirmed it for a day; its refused rows wait for
//! [`REJECTED_KEPT`] to be fetched once. Which process is at it stands in the row as a lease: one that broke off is gone on with, by
//! whichever process has the file. What can go wrong with a list is told in its row, in both languages; what can go wrong with the
//! database leaves it to the next step.

/// The columns of an [`Upload`].
macro_rules! upload_columns {
    () => {
        "id, kind, file, title, by_user, by_whom, state, settings, look, outcome, failure, done, length, rejected, lease_until, created_at, finished_at"
    };
}

mod clerk;
mod said;
mod step;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use clerk::{Brought, Clerk, ClerkError, spool};
pub use said::{LONGEST_NAME, Mistake, Said, Wrong};
pub use step::Intake;

use crate::{
    audience::import::{Look, Reading},
    config::Config,
    db::{Db, Result, Sql, Tx, affected, disk},
    on, within,
    words::{Lang, Phrase},
};

/// Bytes of a file at most: some two million people as text.
pub const LARGEST: usize = 256 * 1024 * 1024;
/// How long refused rows wait to be fetched (milliseconds).
pub const REJECTED_KEPT: i64 = 7 * 24 * 3_600_000;
/// With this begins the name of a file that is still on its way up.
const SPOOLED: &str = ".upload-";
/// With this ends the name of a file of refused rows.
const REJECTED: &str = ".rejected.csv";
/// Bytes of random in a file's name, which are written as hexadecimal digits.
const NAME: usize = 12;
/// How long a list waits to be confirmed.
pub const UNCONFIRMED_KEPT: i64 = 24 * 3_600_000;
/// How long what became of a list is shown.
const SHOWN: i64 = 90 * 24 * 3_600_000;

/// What a list is. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ListKind)]
#[repr(i16)]
pub enum Kind {
    /// People to write to.
    Audience = 1,
    /// Addresses never to be written to.
    Block = 2,
}

/// How far a list is. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum State {
    /// It is to be gone through.
    Checking = 0,
    /// It was gone through, and waits for a person.
    Checked = 1,
    /// It is to be taken in.
    Confirmed = 2,
    /// It was taken in.
    Done = 3,
    /// It cannot be taken in as it is.
    Failed = 4,
    /// A person, or time, threw it away.
    Dropped = 5,
}

impl State {
    /// The state with this number.
    pub const fn from_number(number: i16) -> Self {
        match number {
            0 => Self::Checking,
            1 => Self::Checked,
            2 => Self::Confirmed,
            3 => Self::Done,
            4 => Self::Failed,
            _ => Self::Dropped,
        }
    }

    /// The name in the API and in pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Checking => "checking",
            Self::Checked => "checked",
            Self::Confirmed => "confirmed",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }

    /// Whether something is done about it without a person.
    pub const fn is_working(self) -> bool {
        matches!(self, Self::Checking | Self::Confirmed)
    }
}

/// What an officer says of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// Which of the office's lists it is.
    pub source: String,
    /// The department that the list will belong to; empty: nobody's.
    #[serde(default)]
    pub owner: String,
    /// Who is of this list and not in the file is retired.
    #[serde(default)]
    pub replace: bool,
    /// How it is read.
    #[serde(default)]
    pub reading: Reading,
    /// Of addresses never to be written to: whether every campaign is bound, not advertising alone.
    #[serde(default)]
    pub everything: bool,
    /// In which language refused rows say why: `en`, else Vietnamese.
    #[serde(default)]
    pub lang: String,
}

impl Settings {
    /// In which language refused rows say why.
    pub fn lang(&self) -> Lang {
        if self.lang == "en" { Lang::En } else { Lang::Vi }
    }
}

/// A refused row, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRow {
    /// The line, as an editor or Excel counts.
    pub line: u64,
    /// The column as the list names it; empty: the whole row.
    pub column: String,
    /// Why, without personal data.
    pub vi: String,
    /// The same in English.
    pub en: String,
}

/// What a list would change, or did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Rows of the file.
    pub rows: u64,
    /// People, or addresses, that were not known.
    pub added: u64,
    /// People who were.
    pub updated: u64,
    /// Rows whose person another row of the file names.
    pub repeated: u64,
    /// Refused rows.
    pub rejected: u64,
    /// People, or addresses, that are no longer in the list.
    pub retired: u64,
    /// People who come over from other lists: how many, by list.
    #[serde(default)]
    pub moved: BTreeMap<String, u64>,
    /// The first refusals.
    pub first: Vec<BadRow>,
    /// Columns that are not kept.
    #[serde(default)]
    pub ignored: Vec<String>,
}

/// Why a list cannot be taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Failure {
    vi: String,
    en: String,
}

/// A list as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Upload {
    /// Its number.
    pub id: i64,
    /// See [`Kind`].
    kind: i16,
    /// The file's name among the uploads.
    pub file: String,
    /// What the officer's machine called it.
    pub title: String,
    /// Who brought it, among the console's users.
    pub by_user: Option<i64>,
    /// Who brought it, as it is shown.
    pub by_whom: String,
    /// See [`State`].
    pub state: i16,
    settings: String,
    look: String,
    outcome: Option<String>,
    failure: Option<String>,
    /// How much of `length` is dealt with.
    pub done: i64,
    /// Bytes of a text, rows of a sheet.
    pub length: i64,
    /// Whether its refused rows can be fetched.
    pub rejected: bool,
    lease_until: i64,
    /// When it was brought, unix milliseconds.
    pub created_at: i64,
    /// When it was over.
    pub finished_at: Option<i64>,
}

impl Upload {
    /// What it is.
    pub const fn kind(&self) -> Kind {
        if self.kind == Kind::Block as i16 { Kind::Block } else { Kind::Audience }
    }

    /// How far it is.
    pub const fn state(&self) -> State {
        State::from_number(self.state)
    }

    /// What its officer says of it.
    pub fn settings(&self) -> Settings {
        read(&self.settings).unwrap_or_default()
    }

    /// The same list with other words of its officer: what was typed and is not right yet.
    #[must_use]
    pub fn saying(&self, settings: &Settings) -> Self {
        Self { settings: written(settings), ..self.clone() }
    }

    /// Its columns.
    pub fn look(&self) -> Option<Look> {
        read(&self.look)
    }

    /// What it would change, or did.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome.as_deref().and_then(read)
    }

    /// Why it cannot be taken in.
    pub fn failure(&self) -> Option<Phrase> {
        let Failure { vi, en } = self.failure.as_deref().and_then(read)?;
        Some(Phrase { vi, en })
    }

    /// Of a hundred, how much is dealt with.
    pub fn percent(&self) -> i64 {
        if self.length <= 0 { 0 } else { (self.done * 100 / self.length).clamp(0, 100) }
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

fn written<T: Serialize>(value: &T) -> String {
    // Plain structs of numbers and texts: they can always be written.
    serde_json::to_string(value).unwrap_or_default()
}

/// The folder of uploaded files: beside the embedded database, else beside loa.toml.
pub fn folder(config: &Config) -> PathBuf {
    disk::folder(&config.database_url).unwrap_or_else(|| config.base.clone()).join("uploads")
}

/// Where a file's refused rows are.
fn rejected_path(folder: &Path, file: &str) -> PathBuf {
    folder.join(format!("{file}{REJECTED}"))
}

static BRING: Sql = Sql::new(
    r"INSERT INTO upload (kind, file, title, by_user, by_whom, state, settings, look, done, length, rejected, lease_until, created_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, false, 0, $9) RETURNING id",
);

static ONE: Sql = Sql::new(concat!("SELECT ", upload_columns!(), " FROM upload WHERE id = $1"));

static OPEN: Sql = Sql::new(concat!(
    "SELECT ",
    upload_columns!(),
    " FROM upload WHERE finished_at IS NULL OR rejected ORDER BY id DESC LIMIT 500"
));

static WAITING: Sql = Sql::new(concat!(
    "SELECT ",
    upload_columns!(),
    " FROM upload WHERE finished_at IS NULL AND state IN (1, 4) ORDER BY id LIMIT 200"
));

/// A list that was brought.
struct New<'a> {
    kind: Kind,
    /// The file's name among the uploads.
    file: &'a str,
    /// What the officer's machine called it.
    title: &'a str,
    /// Who brought it.
    by: (Option<i64>, &'a str),
    /// What is said of it so far.
    settings: &'a Settings,
    /// Its columns.
    look: Option<&'a Look>,
    /// Where it begins: to be checked, or to be taken in at once.
    state: State,
}

/// Writes down that a list was brought, whose file is there. Gives its number.
async fn bring(tx: &mut Tx, new: &New<'_>, now: i64) -> Result<i64> {
    within!(tx, |c, sql| {
        sqlx::query_scalar(sql(&BRING))
            .bind(new.kind as i16)
            .bind(new.file)
            .bind(new.title)
            .bind(new.by.0)
            .bind(new.by.1)
            .bind(new.state as i16)
            .bind(written(new.settings))
            .bind(new.look.map(written).unwrap_or_default())
            .bind(now)
            .fetch_one(c)
            .await
    })
}

/// A list.
async fn one(db: &Db, id: i64) -> Result<Option<Upload>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&ONE)).bind(id).fetch_optional(pool).await)
}

/// Lists that are under way, or whose refused rows wait to be fetched, the latest first.
async fn open(db: &Db) -> Result<Vec<Upload>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&OPEN)).fetch_all(pool).await)
}

/// Lists that wait for whoever brought them.
pub async fn waiting(db: &Db) -> Result<Vec<Upload>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&WAITING)).fetch_all(pool).await)
}

static RECHECK: Sql = Sql::new(
    r"UPDATE upload SET state = 0, settings = $2, outcome = NULL, failure = NULL, done = 0
      WHERE id = $1 AND state IN (0, 1, 4) AND finished_at IS NULL AND lease_until <= $3",
);

static CONFIRM: Sql = Sql::new(r"UPDATE upload SET state = 2, done = 0 WHERE id = $1 AND state = 1 AND settings = $2");

static DROP: Sql = Sql::new(
    r"UPDATE upload SET state = 5, finished_at = $2 WHERE id = $1 AND state IN (0, 1, 4) AND finished_at IS NULL RETURNING file",
);

static FETCH: Sql = Sql::new(r"UPDATE upload SET rejected = false WHERE id = $1 AND rejected RETURNING file");

/// Has a list gone through anew, as an officer says now. False: it is being worked on, or over.
async fn recheck(tx: &mut Tx, id: i64, settings: &Settings, now: i64) -> Result<bool> {
    let changed = within!(tx, |c, sql| {
        sqlx::query(sql(&RECHECK)).bind(id).bind(written(settings)).bind(now).execute(c).await.map(affected)
    })?;
    Ok(changed == 1)
}

/// Has a list taken in as it was checked. False: it was changed meanwhile, or is not checked.
async fn confirm(tx: &mut Tx, upload: &Upload) -> Result<bool> {
    let changed = within!(tx, |c, sql| {
        sqlx::query(sql(&CONFIRM)).bind(upload.id).bind(&upload.settings).execute(c).await.map(affected)
    })?;
    Ok(changed == 1)
}

/// Throws a list away; its file is the caller's to remove. None: it is being taken in, or over.
async fn throw_away(tx: &mut Tx, id: i64, now: i64) -> Result<Option<String>> {
    within!(tx, |c, sql| sqlx::query_scalar(sql(&DROP)).bind(id).bind(now).fetch_optional(c).await)
}

/// Lets one person fetch a list's refused rows: the name of the file that they are of. None: they were fetched, or are gone.
async fn fetch(tx: &mut Tx, id: i64) -> Result<Option<String>> {
    within!(tx, |c, sql| sqlx::query_scalar(sql(&FETCH)).bind(id).fetch_optional(c).await)
}
