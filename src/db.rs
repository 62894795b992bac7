//! The only file that knows there are two engines: SQLite (embedded) and PostgreSQL (several nodes).
//!
//! A statement is written once, as a `static` [`Sql`], in the subset that both engines read. Four words stand for
//! what they spell differently (see [`Engine::spell`]). [`on!`](crate::on) runs single statements on either pool, and
//! [`transaction!`](crate::transaction) with [`within!`](crate::within) runs transactions: inside one, await only SQL; an error or an aborted
//! task rolls back.
//!
//! SQLite has one writing connection (`BEGIN IMMEDIATE`, WAL, `synchronous = FULL`: otherwise a power cut would undo
//! "committed before any byte leaves") and a pool of readers. `PostgreSQL` uses one pool for both.

use std::{path::Path, str::FromStr as _, sync::OnceLock, time::Duration};

use sqlx::{
    PgPool, Postgres, Sqlite, SqlitePool, Transaction,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

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
    /// Whether the same transaction may succeed when it is tried again: a deadlock or a serialisation failure.
    fn is_passing(&self) -> bool {
        let Self::Sql(sqlx::Error::Database(error)) = self else { return false };
        matches!(error.code().as_deref(), Some("40P01" | "40001"))
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

impl Engine {
    /// Spells out, for this engine, the words that a statement may use:
    ///
    /// | word | SQLite | PostgreSQL |
    /// | --- | --- | --- |
    /// | `:rows($1; id BIGINT, name TEXT, hash BYTES)` | a sub-select over `json_each($1)` | one over `json_to_recordset($1)` |
    /// | `:skip_locked(d)` | nothing | `FOR UPDATE OF d SKIP LOCKED` |
    /// | `:lock(d)` | nothing | `FOR UPDATE OF d` |
    /// | `:share(d)` | nothing | `FOR SHARE OF d` |
    /// | `:now_us` | the database's clock in microseconds | the same |
    /// | `:text(column, $1)` | the JSON text column's string value for a key | the same |
    ///
    /// `:rows` reads a JSON list of objects, bound as one string; a `BYTES` column comes as hexadecimal text.
    pub fn spell(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 64);
        let mut rest = text;
        while let Some(at) = rest.find(':') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix("now_us") {
                out.push_str(match self {
                    Self::Sqlite => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
                    Self::Postgres => "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)",
                });
                rest = after;
                continue;
            }
            let word =
                rest.split_once('(').and_then(|(word, tail)| tail.split_once(')').map(|(inner, after)| (word, inner, after)));
            match word {
                Some(("rows", inner, after)) => {
                    out.push_str(&self.rows(inner));
                    rest = after;
                }
                Some((word @ ("skip_locked" | "lock" | "share"), table, after)) => {
                    if self == Self::Postgres {
                        let how = match word {
                            "skip_locked" => ("UPDATE", " SKIP LOCKED"),
                            "lock" => ("UPDATE", ""),
                            _ => ("SHARE", ""),
                        };
                        out.push_str(&format!("FOR {} OF {table}{}", how.0, how.1));
                    }
                    rest = after;
                }
                Some(("text", inner, after)) => {
                    let (column, key) = inner.split_once(", ").unwrap_or((inner, "''"));
                    out.push_str(&match self {
                        Self::Sqlite => format!("({column} ->> CAST({key} AS TEXT))"),
                        Self::Postgres => format!("(CAST({column} AS json) ->> CAST({key} AS TEXT))"),
                    });
                    rest = after;
                }
                _ => out.push(':'),
            }
        }
        out.push_str(rest);
        out
    }

    fn rows(self, inner: &str) -> String {
        let (list, columns) = inner.split_once(';').unwrap_or((inner, ""));
        let columns: Vec<(&str, &str)> = columns.split(',').filter_map(|c| c.trim().split_once(' ')).collect();
        match self {
            Self::Sqlite => {
                let picked: Vec<String> = columns
                    .iter()
                    .map(|(name, kind)| match *kind {
                        "BYTES" => format!("unhex(value ->> '{name}') AS {name}"),
                        _ => format!("value ->> '{name}' AS {name}"),
                    })
                    .collect();
                format!("(SELECT {} FROM json_each({list}))", picked.join(", "))
            }
            Self::Postgres => {
                let picked: Vec<String> = columns
                    .iter()
                    .map(|(name, kind)| match *kind {
                        "BYTES" => format!("decode({name}, 'hex') AS {name}"),
                        _ => (*name).to_string(),
                    })
                    .collect();
                let typed: Vec<String> = columns
                    .iter()
                    .map(|(name, kind)| format!("{name} {}", if *kind == "BYTES" { "TEXT" } else { kind }))
                    .collect();
                format!(
                    "(SELECT {} FROM json_to_recordset(CAST({list} AS json)) AS listed({}))",
                    picked.join(", "),
                    typed.join(", ")
                )
            }
        }
    }
}

/// One statement, written once for both engines. Always a `static NAME: Sql = Sql::new(r"…");` beside the function
/// that uses it: `tests/engines.rs` finds them by that shape and prepares every one on both engines.
pub struct Sql {
    text: &'static str,
    sqlite: OnceLock<String>,
    postgres: OnceLock<String>,
}

impl Sql {
    /// A statement in the common subset with the words of [`Engine::spell`].
    pub const fn new(text: &'static str) -> Self {
        Self { text, sqlite: OnceLock::new(), postgres: OnceLock::new() }
    }

    /// The statement as this engine spells it.
    pub fn on(&'static self, engine: Engine) -> &'static str {
        let cell = match engine {
            Engine::Sqlite => &self.sqlite,
            Engine::Postgres => &self.postgres,
        };
        cell.get_or_init(|| engine.spell(self.text))
    }
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

/// A list to bind: JSON text, which `:rows($n; …)` reads.
pub fn list<T: serde::Serialize>(rows: &[T]) -> String {
    // Plain structs of numbers and strings: serde_json cannot fail on them.
    serde_json::to_string(rows).unwrap_or_else(|_| "[]".to_string())
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
}

/// How a database's schema stands to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// Nothing was made yet.
    Missing,
    /// So many migrations are to be made.
    Behind(usize),
    /// As this program expects it.
    Current,
    /// A later version of this program has been here.
    Ahead,
}

static APPLIED: Sql = Sql::new(r"SELECT version FROM _sqlx_migrations WHERE success ORDER BY version");

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

/// Makes an embedded database's file, readable by its owner only, where there is none; its journal inherits that.
fn private(file: &str) -> std::io::Result<()> {
    let Some(path) = file.split('?').next().filter(|path| !path.starts_with(':')) else { return Ok(()) };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

impl Db {
    /// Opens the database at `url` (`sqlite:FILE`, made if missing, or `postgres://…`). Does not migrate.
    pub async fn open(url: &str) -> Result<Self> {
        if let Some(file) = url.strip_prefix("sqlite:") {
            let file = file.trim_start_matches("//");
            private(file).map_err(sqlx::Error::from)?;
            let options = SqliteConnectOptions::from_str(&format!("sqlite:{file}"))?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(30))
                .foreign_keys(false)
                .pragma("cache_size", "-65536")
                .pragma("temp_store", "MEMORY")
                .pragma("wal_autocheckpoint", "4000");
            let write = SqlitePoolOptions::new()
                .max_connections(1)
                .acquire_timeout(Duration::from_secs(120))
                .connect_with(options.clone())
                .await?;
            let read = SqlitePoolOptions::new()
                .max_connections(4)
                .connect_with(options.read_only(true).create_if_missing(false))
                .await?;
            return Ok(Self { read: Pool::Sqlite(read), write: Pool::Sqlite(write) });
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(url)?;
            let pool = PgPoolOptions::new().max_connections(16).connect_with(options).await?;
            return Ok(Self { read: Pool::Postgres(pool.clone()), write: Pool::Postgres(pool) });
        }
        // What stands before the scheme may be a mistyped address with a password in it: show the scheme only.
        Err(DbError::Address(url.split_once(':').map_or(url, |(scheme, _)| scheme).to_string()))
    }

    /// Opens a database that is there already, without making or changing anything; none: the file does not exist.
    pub async fn find(url: &str) -> Result<Option<Self>> {
        let Some(file) = url.strip_prefix("sqlite:") else { return Self::open(url).await.map(Some) };
        let file = file.trim_start_matches("//");
        if !file.split('?').next().is_some_and(|path| Path::new(path).is_file()) {
            return Ok(None);
        }
        let options = SqliteConnectOptions::from_str(&format!("sqlite:{file}"))?
            .create_if_missing(false)
            .busy_timeout(Duration::from_secs(30))
            .foreign_keys(false);
        // Not read-only: such a connection to a WAL file would leave its index behind when it closes.
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        Ok(Some(Self { read: Pool::Sqlite(pool.clone()), write: Pool::Sqlite(pool) }))
    }

    /// How the schema stands to this program. Changes nothing.
    pub async fn schema(&self) -> Result<Schema> {
        let applied: Result<Vec<i64>> = on!(self.read, |pool, sql| sqlx::query_scalar(sql(&APPLIED)).fetch_all(pool).await);
        let applied = match applied {
            // No such table.
            Err(DbError::Sql(sqlx::Error::Database(_))) => return Ok(Schema::Missing),
            applied => applied?,
        };
        let known = match self.engine() {
            Engine::Sqlite => &SQLITE_MIGRATIONS,
            Engine::Postgres => &POSTGRES_MIGRATIONS,
        };
        let known: Vec<i64> = known.iter().map(|migration| migration.version).collect();
        if applied.iter().any(|version| !known.contains(version)) {
            return Ok(Schema::Ahead);
        }
        Ok(match known.iter().filter(|version| !applied.contains(version)).count() {
            0 => Schema::Current,
            left if left == known.len() => Schema::Missing,
            left => Schema::Behind(left),
        })
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

    /// Brings the schema up to date.
    pub async fn migrate(&self) -> Result<()> {
        match &self.write {
            Pool::Sqlite(pool) => SQLITE_MIGRATIONS.run(pool).await?,
            Pool::Postgres(pool) => POSTGRES_MIGRATIONS.run(pool).await?,
        }
        Ok(())
    }

    /// Begins a transaction that will write.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(match &self.write {
            Pool::Sqlite(pool) => Tx::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
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
            (Err(error), Tx::Sqlite(t)) => t.rollback().await.map_err(DbError::from).and(Err(error)),
            (Err(error), Tx::Postgres(t)) => t.rollback().await.map_err(DbError::from).and(Err(error)),
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
