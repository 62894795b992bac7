//! A source's row: what is known of it, until when somebody looks at it, and when it is looked at next. What can go wrong is only the
//! database.

use super::super::unpack;
use crate::{
    config::BulletinSource,
    db::{Db, Result, Sql, affected},
    on,
    words::Phrase,
};

/// A source as it stands. Times are unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Source {
    /// Its name in the settings.
    pub name: String,
    /// Where it lies.
    pub url: String,
    /// Whose drafts its bulletins become.
    pub owner: String,
    pub(super) etag: Option<String>,
    pub(super) modified: Option<String>,
    /// When it is looked at next.
    pub next_at: i64,
    /// When it was first read to its end.
    pub first_at: Option<i64>,
    /// When it last answered.
    pub read_at: Option<i64>,
    /// Failures in a row.
    pub failures: i64,
    pub(super) last: String,
}

impl Source {
    /// What went wrong at the last look; none: nothing.
    pub fn trouble(&self) -> Option<Phrase> {
        unpack(&self.last)
    }
}

macro_rules! source_columns {
    () => {
        "name, url, owner, etag, modified, next_at, first_at, read_at, failures, last"
    };
}

static SOURCES: Sql = Sql::new(concat!("SELECT ", source_columns!(), " FROM bulletin_source ORDER BY name"));

static ADD: Sql = Sql::new(
    r"INSERT INTO bulletin_source (name, url, owner, next_at, failures, last) VALUES ($1, $2, $3, 0, 0, '')
      ON CONFLICT (name) DO NOTHING",
);

static CLAIM: Sql =
    Sql::new(concat!("UPDATE bulletin_source SET next_at = $2 WHERE name = $1 AND next_at <= $3 RETURNING ", source_columns!()));

static FINISH: Sql = Sql::new(
    r"UPDATE bulletin_source SET url = $3, owner = $4, etag = $5, modified = $6, next_at = $7, first_at = $8, read_at = $9,
                                 failures = $10, last = $11
      WHERE name = $1 AND next_at = $2",
);

/// All sources that were ever looked at.
pub async fn sources(db: &Db) -> Result<Vec<Source>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&SOURCES)).fetch_all(pool).await)
}

/// Takes hold of a source until the lease ends, if it is due by then; one that was never looked at begins. None: another node looks, or
/// it is not due.
pub(super) async fn claim(db: &Db, config: &BulletinSource, is_new: bool, due: i64, lease: i64) -> Result<Option<Source>> {
    if is_new {
        on!(db.write, |pool, sql| {
            sqlx::query(sql(&ADD)).bind(&config.name).bind(&config.url).bind(&config.department).execute(pool).await.map(affected)
        })?;
    }
    on!(db.write, |pool, sql| { sqlx::query_as(sql(&CLAIM)).bind(&config.name).bind(lease).bind(due).fetch_optional(pool).await })
}

/// Writes down what a look came to, and when the next one is due; unless the lease ran out and another node looked.
pub(super) async fn finish(db: &Db, source: &Source, lease: i64) -> Result<()> {
    on!(db.write, |pool, sql| {
        sqlx::query(sql(&FINISH))
            .bind(&source.name)
            .bind(lease)
            .bind(&source.url)
            .bind(&source.owner)
            .bind(&source.etag)
            .bind(&source.modified)
            .bind(source.next_at)
            .bind(source.first_at)
            .bind(source.read_at)
            .bind(source.failures)
            .bind(&source.last)
            .execute(pool)
            .await
            .map(affected)
    })
    .map(drop)
}
