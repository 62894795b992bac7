//! The only file that knows there are two engines: SQLite (embedded) and PostgreSQL (several nodes).
//!
//! A statement is written once, as a `static` [`Sql`], in the subset that both engines read. Four words stand for
//! what they spell differently (see [`Engine::spell`]). [`on!`](crate::on) runs single statements on either pool, and
//! [`transaction!`](crate::transaction) with [`within!`](crate::within) runs transactions: inside one, await only SQL; an error or an aborted
//! task rolls back. [`Db::snapshot`] reads over one unchanging
//! view, for figures that must agree.
//!
//! SQLite has one writing connection (`BEGIN IMMEDIATE`, WAL, `synchronous = FULL`: otherwise a power cut would undo
//! "committed before any byte leaves") and a pool of readers. `PostgreSQL` uses one pool for both.

mod alike;
pub mod disk;
mod schema;
mod sql;

pub use alike::alike;
pub use schema::Schema;
pub use sql::Sql;

use std::{str::FromStr as _, sync::Arc, time::Duration};

use sqlx::{
    PgPool, Postgres, Sqlite, SqlitePool, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{Mutex, MutexGuard};

/// How often a transaction that lost a deadlock or a serialisation race is tried again.
const TRANSACTION_TRIES: usize = 5;

/// Why the database could not do something.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The address in `[database] url` is neither `sqlite:` nor `postgres://`.
    #[error("`{0}` is not a database address: write `sqlite:FILE` or `postgres://USER@HOST/NAME`")]
    Address(String),
    /// The engine's own error.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// A migration failed, or the database is newer than this program.
    #[error("migration: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A rule of our own was found broken inside a transaction, which rolled back.
    #[error("{0}")]
    Refused(String),
}

impl DbError {
    /// Whether the same transaction may succeed when it is tried again: a deadlock, a serialisation failure, or a unique
    /// key that somebody else took between the look and the insert (the next look finds it taken).
    fn is_passing(&self) -> bool {
        let Self::Sql(sqlx::Error::Database(error)) = self else { return false };
        matches!(error.code().as_deref(), Some("40P01" | "40001" | "23505"))
    }
}

/// What every query returns.
pub type Result<T> = std::result::Result<T, DbError>;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Embedded, one process.
    Sqlite,
    /// A server, several nodes.
    Postgres,
}

/// What a statement that returns no rows did, on either engine: `….execute(c).await.map(affected)`.
pub trait Done {
    /// Rows that it touched.
    fn rows(&self) -> u64;
}

impl Done for sqlx::sqlite::SqliteQueryResult {
    fn rows(&self) -> u64 {
        self.rows_affected()
    }
}

impl Done for sqlx::postgres::PgQueryResult {
    fn rows(&self) -> u64 {
        self.rows_affected()
    }
}

/// Rows that a statement touched.
#[expect(clippy::needless_pass_by_value, reason = "it stands in `map`")]
pub fn affected(done: impl Done) -> u64 {
    done.rows()
}

/// Writes JSON in which U+0000 is U+FFFD: `PostgreSQL` refuses a text with the former, and with it the whole list.
struct WithoutNul;

impl serde_json::ser::Formatter for WithoutNul {
    fn write_char_escape<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        escape: serde_json::ser::CharEscape,
    ) -> std::io::Result<()> {
        match escape {
            serde_json::ser::CharEscape::AsciiControl(0) => writer.write_all("\u{fffd}".as_bytes()),
            other => serde_json::ser::CompactFormatter.write_char_escape(writer, other),
        }
    }
}

/// A list to bind: JSON text, which `:rows($n; …)` reads. What strangers wrote may stand in it: no text of theirs makes an
/// engine refuse the list.
pub fn list<T: serde::Serialize>(rows: &[T]) -> String {
    let mut json = Vec::with_capacity(128);
    // Plain structs of numbers and strings, written to memory: serde_json cannot fail on them, and writes UTF-8.
    let written = serde::Serialize::serialize(rows, &mut serde_json::Serializer::with_formatter(&mut json, WithoutNul));
    written.ok().and_then(|()| String::from_utf8(json).ok()).unwrap_or_else(|| "[]".to_string())
}

/// A pool of one engine.
#[derive(Clone, Debug)]
pub enum Pool {
    /// Embedded.
    Sqlite(SqlitePool),
    /// A server.
    Postgres(PgPool),
}

/// A database: readers and the writer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    /// For single statements that only read.
    pub read: Pool,
    /// For single statements that write; transactions go through [`transaction!`](crate::transaction).
    pub write: Pool,
    /// See [`turn`](Self::turn).
    turn: Arc<Mutex<()>>,
}

/// An open transaction.
pub enum Tx {
    /// Embedded.
    Sqlite(Transaction<'static, Sqlite>),
    /// A server.
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    /// Which engine this transaction runs on.
    pub const fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }
}

/// Runs an expression on whichever pool there is: `on!(db.read, |pool, sql| sqlx::query(sql(&FIND)).fetch_all(pool).await)`.
/// `sql` spells a [`Sql`] for that engine.
#[macro_export]
macro_rules! on {
    ($pool:expr, |$p:ident, $sql:ident| $body:expr) => {
        match &$pool {
            $crate::db::Pool::Sqlite($p) => {
                let $sql = |s: &'static $crate::db::Sql| s.on($crate::db::Engine::Sqlite);
                $body.map_err($crate::db::DbError::from)
            }
            $crate::db::Pool::Postgres($p) => {
                let $sql = |s: &'static $crate::db::Sql| s.on($crate::db::Engine::Postgres);
                $body.map_err($crate::db::DbError::from)
            }
        }
    };
}

/// Runs an expression on a transaction's connection: `within!(tx, |c, sql| sqlx::query(sql(&MARK)).execute(c).await)`.
#[macro_export]
macro_rules! within {
    ($tx:expr, |$c:ident, $sql:ident| $body:expr) => {
        match &mut *$tx {
            $crate::db::Tx::Sqlite(t) => {
                let $sql = |s: &'static $crate::db::Sql| s.on($crate::db::Engine::Sqlite);
                let $c = &mut **t;
                $body.map_err($crate::db::DbError::from)
            }
            $crate::db::Tx::Postgres(t) => {
                let $sql = |s: &'static $crate::db::Sql| s.on($crate::db::Engine::Postgres);
                let $c = &mut **t;
                $body.map_err($crate::db::DbError::from)
            }
        }
    };
}

/// Runs a block in a writing transaction and commits it: `transaction!(db, |tx| { …; Ok(value) })?`.
///
/// An error rolls back, and so does a dropped future; a lost deadlock runs the block again. It is a macro and not a method
/// that takes an async closure, because such a closure's future cannot be shown to be `Send`, and loops are spawned.
#[macro_export]
macro_rules! transaction {
    ($db:expr, |$tx:ident| $body:expr) => {{
        let mut tries = 0;
        loop {
            tries += 1;
            let mut open = match $db.begin().await {
                Ok(open) => open,
                Err(error) => break Err(error),
            };
            let done: $crate::db::Result<_> = {
                let $tx = &mut open;
                async { $body }.await
            };
            if let Some(done) = $crate::db::Db::finish(open, done, tries).await {
                break done;
            }
        }
    }};
}

/// How to reach the embedded database that `url` names; none if it names another engine.
fn sqlite_options(url: &str) -> Result<Option<SqliteConnectOptions>> {
    let Some(file) = url.strip_prefix("sqlite:") else { return Ok(None) };
    Ok(Some(SqliteConnectOptions::from_str(&format!("sqlite:{}", file.trim_start_matches("//")))?))
}

/// Makes a new embedded database's file readable by its owner only; SQLite gives its log the same mode.
fn own(file: &std::path::Path) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(sqlx::Error::Io(error).into()),
        _ => Ok(()),
    }
}

impl Db {
    /// Opens the database at `url` (`sqlite:FILE`, made if missing, or `postgres://…`). Does not migrate.
    pub async fn open(url: &str) -> Result<Self> {
        if let Some(options) = sqlite_options(url)? {
            own(options.get_filename())?;
            let options = options
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(30))
                .foreign_keys(false)
                // Rows cross from SQLite's thread to the task that asked: a whole batch at once, instead of a wake-up for every few.
                .row_buffer_size(1_000)
                .pragma("cache_size", "-65536")
                .pragma("temp_store", "MEMORY")
                // Pages that are written again and again reach the file once: 64 MB of log at most, then everybody waits for it.
                .pragma("wal_autocheckpoint", "16000");
            // A connection to a file does not go stale: nobody asks it first whether it is still there.
            let write = SqlitePoolOptions::new()
                .max_connections(1)
                .test_before_acquire(false)
                .acquire_timeout(Duration::from_mins(2))
                .connect_with(options.clone())
                .await?;
            let read = SqlitePoolOptions::new()
                .max_connections(4)
                .test_before_acquire(false)
                .connect_with(options.read_only(true).create_if_missing(false))
                .await?;
            return Ok(Self { read: Pool::Sqlite(read), write: Pool::Sqlite(write), turn: Arc::default() });
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(url)?;
            let pool = PgPoolOptions::new().max_connections(16).connect_with(options).await?;
            return Ok(Self { read: Pool::Postgres(pool.clone()), write: Pool::Postgres(pool), turn: Arc::default() });
        }
        // What stands before the scheme may be a mistyped address with a password in it: show the scheme only.
        Err(DbError::Address(url.split_once(':').map_or(url, |(scheme, _)| scheme).to_string()))
    }

    /// Runs `body` over one snapshot: all that it reads belongs together, whatever is written meanwhile.
    pub async fn snapshot<T>(&self, body: impl AsyncFnOnce(&mut Tx) -> Result<T>) -> Result<T> {
        let mut tx = self.view().await?;
        let done = body(&mut tx).await;
        match tx {
            Tx::Sqlite(t) => t.rollback().await?,
            Tx::Postgres(t) => t.rollback().await?,
        }
        done
    }

    /// One snapshot to read over, for spawned tasks, whose futures must be `Send` (see [`transaction!`](crate::transaction)):
    /// dropping it ends it.
    pub async fn view(&self) -> Result<Tx> {
        Ok(match &self.read {
            Pool::Sqlite(pool) => Tx::Sqlite(pool.begin().await?),
            Pool::Postgres(pool) => Tx::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?),
        })
    }

    /// Opens a database that is there already, without making or changing anything; none: the file does not exist.
    pub async fn find(url: &str) -> Result<Option<Self>> {
        let Some(options) = sqlite_options(url)? else { return Self::open(url).await.map(Some) };
        if !options.get_filename().is_file() {
            return Ok(None);
        }
        let options = options.create_if_missing(false).busy_timeout(Duration::from_secs(30)).foreign_keys(false);
        // Not read-only: such a connection to a WAL file would leave its index behind when it closes.
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        Ok(Some(Self { read: Pool::Sqlite(pool.clone()), write: Pool::Sqlite(pool), turn: Arc::default() }))
    }

    /// How SQLite keeps its journal, such as `wal`; none on a server.
    pub async fn journal(&self) -> Result<Option<String>> {
        match &self.read {
            Pool::Sqlite(pool) => Ok(Some(sqlx::query_scalar("PRAGMA journal_mode").fetch_one(pool).await?)),
            Pool::Postgres(_) => Ok(None),
        }
    }

    /// Which engine this is.
    pub const fn engine(&self) -> Engine {
        match self.read {
            Pool::Sqlite(_) => Engine::Sqlite,
            Pool::Postgres(_) => Engine::Postgres,
        }
    }

    /// For whoever looks before it writes, and would write for nothing if another did so meanwhile: where all of the database
    /// has one writer, they take turns, and need not hold it while they think. None on a server, where rows are locked.
    pub async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        match self.engine() {
            Engine::Sqlite => Some(self.turn.lock().await),
            Engine::Postgres => None,
        }
    }

    /// Begins a transaction that will write.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(match &self.write {
            Pool::Sqlite(pool) => Tx::Sqlite(match pool.begin_with("BEGIN IMMEDIATE").await {
                // SQLite ended an earlier transaction by itself, as it does when the disk is full. sqlx still counts it as
                // open and would refuse every later one, even once there is room: only a new connection helps.
                Err(sqlx::Error::InvalidSavePointStatement) => {
                    pool.acquire().await?.close().await?;
                    pool.begin_with("BEGIN IMMEDIATE").await?
                }
                begun => begun?,
            }),
            Pool::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// Ends a try of [`transaction!`](crate::transaction): commits or rolls back. None: it lost a deadlock and is worth
    /// another try.
    #[doc(hidden)]
    pub async fn finish<T>(tx: Tx, done: Result<T>, tries: usize) -> Option<Result<T>> {
        let done = match (done, tx) {
            (Ok(value), Tx::Sqlite(t)) => t.commit().await.map(|()| value).map_err(DbError::from),
            (Ok(value), Tx::Postgres(t)) => t.commit().await.map(|()| value).map_err(DbError::from),
            // A failed roll-back says less than what made it necessary, and a connection that lost its transaction has none.
            (Err(error), Tx::Sqlite(t)) => t.rollback().await.or(Ok(())).and(Err(error)),
            (Err(error), Tx::Postgres(t)) => t.rollback().await.or(Ok(())).and(Err(error)),
        };
        match done {
            Err(error) if error.is_passing() && tries < TRANSACTION_TRIES => None,
            done => Some(done),
        }
    }

    /// Closes all connections; SQLite folds its log into the file.
    pub async fn close(&self) {
        for pool in [&self.read, &self.write] {
            match pool {
                Pool::Sqlite(pool) => pool.close().await,
                Pool::Postgres(pool) => pool.close().await,
            }
        }
    }
}
