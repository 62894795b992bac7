//! Where tokens that renew themselves are kept: sealed, one row an account, for all nodes.
//!
//! What enters is the pair that a gateway answered, what leaves is the current one; and the lease, by which one node renews at
//! a time. A row moves on by its version: whoever commits on a version that is gone learns so, and nothing is overwritten. What can go
//! wrong: the database does not answer ([`StoreError`], the account waits), or the pair was sealed with another key.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use providers::zalo::{Pair, StoreError, TokenStore, Turn};
use secrecy::{ExposeSecret as _, SecretString};

use super::trouble::{self, Cause};
use crate::{
    clock::Clock,
    db::{Db, DbError, Result, Sql, Tx, affected},
    on,
    seal::Seal,
    transaction, within,
};

/// How long a lease lasts: the longest exchange with the gateway, and the time in which a commit is tried.
const LEASE: i64 = 90_000;
/// For how long a pair that was answered is tried to be committed before its sender is put off; it is tried again then.
const COMMITS: Duration = Duration::from_secs(20);
const BETWEEN_COMMITS: Duration = Duration::from_millis(500);
/// How long a sender waits for the node that renews.
const WAIT: Duration = Duration::from_secs(35);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

static LOAD: Sql = Sql::new(r"SELECT version, access, refresh, begins_at, ends_at, lease_until FROM token WHERE account = $1");

static SEED: Sql = Sql::new(
    r"INSERT INTO token (account, version, access, refresh, begins_at, ends_at, lease_until) VALUES ($1, 0, NULL, $2, 0, 0, 0)
      ON CONFLICT (account) DO NOTHING",
);

static ENTER: Sql = Sql::new(
    r"INSERT INTO token (account, version, access, refresh, begins_at, ends_at, lease_until) VALUES ($1, 0, NULL, $2, 0, 0, 0)
      ON CONFLICT (account) DO UPDATE
      SET version = token.version + 1, access = NULL, refresh = excluded.refresh, begins_at = 0, ends_at = 0, lease_until = 0",
);

static LEASED: Sql = Sql::new(r"SELECT lease_until FROM token t WHERE account = $1 AND version = $2 :lock(t)");

static SET_LEASE: Sql = Sql::new(r"UPDATE token SET lease_until = $3 WHERE account = $1 AND version = $2");

static COMMIT: Sql = Sql::new(
    r"UPDATE token SET version = version + 1, access = $3, refresh = $4, begins_at = $5, ends_at = $6, lease_until = 0
      WHERE account = $1 AND version = $2",
);

static ACCOUNT: Sql = Sql::new(r"SELECT id FROM account WHERE name = $1");

#[derive(sqlx::FromRow)]
struct Row {
    version: i64,
    access: Option<Vec<u8>>,
    refresh: Vec<u8>,
    begins_at: i64,
    ends_at: i64,
    lease_until: i64,
}

/// An account's tokens in the database.
pub struct Tokens {
    /// The database.
    pub db: Db,
    /// Seals them.
    pub seal: Seal,
    /// The clock.
    pub clock: Clock,
    /// The account's name.
    pub account: String,
}

/// How long an account's token is good, in unix milliseconds; the token itself is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct TokenStanding {
    /// When the present access token was asked for.
    pub begins_at: i64,
    /// When it ends.
    pub ends_at: i64,
}

static STANDING: Sql = Sql::new(r"SELECT begins_at, ends_at FROM token WHERE account = $1");

/// How an account's token stands; none: it has none.
pub async fn standing(db: &Db, account: &str) -> Result<Option<TokenStanding>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&STANDING)).bind(account).fetch_optional(pool).await)
}

/// Enters a refresh token that a person got by consenting again: it takes the place of whatever there was.
pub async fn enter(db: &Db, seal: &Seal, account: &str, refresh: &SecretString, now: i64) -> Result<()> {
    let sealed = seal.seal_token(refresh.expose_secret());
    transaction!(db, |tx| {
        within!(tx, |c, sql| sqlx::query(sql(&ENTER)).bind(account).bind(&sealed).execute(c).await.map(affected))?;
        alarm(tx, account, None, now).await
    })
}

/// Begins or ends the alarm that an account's token cannot be renewed.
async fn alarm(tx: &mut Tx, account: &str, why: Option<&str>, now: i64) -> Result<()> {
    let id: Option<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&ACCOUNT)).bind(account).fetch_optional(c).await)?;
    let Some(id) = id else { return Ok(()) };
    match why {
        Some(why) => trouble::begin(tx, id, Cause::Token, why, "", now).await?,
        None => trouble::end(tx, id, Cause::Token, "", now).await?,
    };
    Ok(())
}

impl Tokens {
    async fn row(&self) -> Result<Option<Row>> {
        // From where it is written: a reader may lag behind.
        on!(self.db.write, |pool, sql| sqlx::query_as(sql(&LOAD)).bind(&self.account).fetch_optional(pool).await)
    }

    fn opened(&self, row: &Row) -> std::result::Result<Pair, StoreError> {
        let open = |sealed: &[u8]| self.seal.open_token(sealed).map(SecretString::from).map_err(|e| StoreError(e.to_string()));
        let at = |millis| DateTime::<Utc>::from_timestamp_millis(millis).unwrap_or_default();
        Ok(Pair {
            version: row.version,
            access: row.access.as_deref().map(open).transpose()?,
            refresh: open(&row.refresh)?,
            from: at(row.begins_at),
            until: at(row.ends_at),
        })
    }

    /// Moves the row from `version` on to the next pair; whether it was still there.
    async fn store(&self, version: i64, next: &Pair) -> Result<bool> {
        let access = next.access.as_ref().map(|access| self.seal.seal_token(access.expose_secret()));
        let refresh = self.seal.seal_token(next.refresh.expose_secret());
        let now = self.clock.millis();
        transaction!(self.db, |tx| {
            let moved = within!(tx, |c, sql| {
                sqlx::query(sql(&COMMIT))
                    .bind(&self.account)
                    .bind(version)
                    .bind(&access)
                    .bind(&refresh)
                    .bind(next.from.timestamp_millis())
                    .bind(next.until.timestamp_millis())
                    .execute(c)
                    .await
                    .map(affected)
            })?;
            alarm(tx, &self.account, None, now).await?;
            Ok(moved > 0)
        })
    }
}

fn broken(error: &DbError) -> StoreError {
    StoreError(error.to_string())
}

#[async_trait]
impl TokenStore for Tokens {
    async fn load(&self, seed: Option<&SecretString>) -> std::result::Result<Option<Pair>, StoreError> {
        let mut row = self.row().await.map_err(|error| broken(&error))?;
        if row.is_none()
            && let Some(seed) = seed
        {
            let sealed = self.seal.seal_token(seed.expose_secret());
            let seeded: Result<u64> = on!(self.db.write, |pool, sql| {
                sqlx::query(sql(&SEED)).bind(&self.account).bind(&sealed).execute(pool).await.map(affected)
            });
            seeded.map_err(|error| broken(&error))?;
            row = self.row().await.map_err(|error| broken(&error))?;
        }
        row.as_ref().map(|row| self.opened(row)).transpose()
    }

    async fn lease(&self, version: i64) -> std::result::Result<Turn, StoreError> {
        let now = self.clock.millis();
        let taken: Result<Turn> = transaction!(self.db, |tx| {
            let leased: Option<i64> = within!(tx, |c, sql| {
                sqlx::query_scalar(sql(&LEASED)).bind(&self.account).bind(version).fetch_optional(c).await
            })?;
            // A lease that ends later than any can is one of a clock since set back.
            let Some(until) = leased.filter(|until| *until <= now || *until > now + 2 * LEASE) else { return Ok(Turn::Theirs) };
            within!(tx, |c, sql| {
                sqlx::query(sql(&SET_LEASE)).bind(&self.account).bind(version).bind(now + LEASE).execute(c).await.map(affected)
            })?;
            Ok(if until == 0 { Turn::Ours } else { Turn::Inherited })
        });
        taken.map_err(|error| broken(&error))
    }

    async fn commit(&self, version: i64, next: &Pair) -> std::result::Result<bool, StoreError> {
        let begun = tokio::time::Instant::now();
        loop {
            match self.store(version, next).await {
                Ok(moved) => return Ok(moved),
                Err(error) if begun.elapsed() >= COMMITS => return Err(broken(&error)),
                Err(error) => {
                    tracing::error!(account = self.account, %error, "a new token is not stored yet: it is tried again at once");
                    tokio::time::sleep(BETWEEN_COMMITS).await;
                }
            }
        }
    }

    async fn release(&self, version: i64, why: Option<&str>) -> std::result::Result<bool, StoreError> {
        let now = self.clock.millis();
        let released: Result<bool> = transaction!(self.db, |tx| {
            let current = within!(tx, |c, sql| {
                sqlx::query(sql(&SET_LEASE)).bind(&self.account).bind(version).bind(0_i64).execute(c).await.map(affected)
            })? > 0;
            if current && why.is_some() {
                alarm(tx, &self.account, why, now).await?;
            }
            Ok(current)
        });
        released.map_err(|error| broken(&error))
    }

    async fn wait(&self, version: i64) -> std::result::Result<(), StoreError> {
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < WAIT {
            let row = self.row().await.map_err(|error| broken(&error))?;
            let renewing = row.is_some_and(|row| row.version == version && row.lease_until > self.clock.millis());
            if !renewing {
                break;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        Ok(())
    }
}

/// For what has no database at hand: there is nothing to send with, and no token is used up.
pub(super) struct NoTokens;

#[async_trait]
impl TokenStore for NoTokens {
    async fn load(&self, _seed: Option<&SecretString>) -> std::result::Result<Option<Pair>, StoreError> {
        Err(StoreError("there is no database yet to keep tokens in: run `loa migrate` first".into()))
    }

    async fn lease(&self, _version: i64) -> std::result::Result<Turn, StoreError> {
        Ok(Turn::Theirs)
    }

    async fn commit(&self, _version: i64, _next: &Pair) -> std::result::Result<bool, StoreError> {
        Ok(false)
    }

    async fn release(&self, _version: i64, _why: Option<&str>) -> std::result::Result<bool, StoreError> {
        Ok(true)
    }

    async fn wait(&self, _version: i64) -> std::result::Result<(), StoreError> {
        Ok(())
    }
}
