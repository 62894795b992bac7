//! The schema and how it stands to this program.

use sqlx::migrate::Migrator;

use super::{Db, DbError, Engine, Pool, Result, Sql};
use crate::on;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

static APPLIED: Sql = Sql::new(r"SELECT version FROM _sqlx_migrations WHERE success ORDER BY version");

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

impl Db {
    /// How the schema stands to this program. Changes nothing.
    pub async fn schema(&self) -> Result<Schema> {
        let applied: Result<Vec<i64>> = on!(self.read, |pool, sql| sqlx::query_scalar(sql(&APPLIED)).fetch_all(pool).await);
        let applied = match applied {
            // No such table.
            Err(DbError::Sql(sqlx::Error::Database(_))) => return Ok(Schema::Missing),
            applied => applied?,
        };
        let known = match self.engine() {
            Engine::Sqlite => &SQLITE,
            Engine::Postgres => &POSTGRES,
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

    /// Brings the schema up to date.
    pub async fn migrate(&self) -> Result<()> {
        match &self.write {
            Pool::Sqlite(pool) => SQLITE.run(pool).await?,
            Pool::Postgres(pool) => POSTGRES.run(pool).await?,
        }
        Ok(())
    }
}
