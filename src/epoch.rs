//! Epochs: which process owns what. A process registers one, renews its lease, and ends it when nothing is in flight.
//!
//! What a process owned whose lease ran out is in doubt: nobody knows what it still sent. The sweep locks a lapsed
//! epoch's row, and a claim locks its own live one, so neither can overlook the other.

use std::time::Duration;

use crate::{
    db::{Db, Result, Sql, affected},
    delivery::close,
    on, transaction, within,
};

/// How long a lease lasts without being renewed.
pub const LEASE: Duration = Duration::from_mins(2);
/// A process that has less than this left of its lease sends nothing more: the longest that a send may take.
pub const SAFETY: Duration = Duration::from_mins(1);
/// Rows that one transaction of the sweep puts in doubt.
const CHUNK: i64 = 1_000;

static REGISTER: Sql =
    Sql::new(r"INSERT INTO epoch (node, started_at, lease_until, ended) VALUES ($1, $2, $3, false) RETURNING id");

static RENEW: Sql = Sql::new(r"UPDATE epoch SET lease_until = $2 WHERE id = $1 AND NOT ended AND lease_until > $3");

static END: Sql = Sql::new(
    r"UPDATE epoch SET ended = true WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.owner = $1 AND d.state = 1)",
);

static LAPSED: Sql = Sql::new(r"SELECT id FROM epoch WHERE NOT ended AND lease_until <= $1 AND id <> $2 ORDER BY id");

static STILL_LAPSED: Sql =
    Sql::new(r"SELECT count(*) FROM (SELECT id FROM epoch e WHERE id = $1 AND NOT ended AND lease_until <= $2 :lock(e)) AS held");

static EXPIRE_OTHERS: Sql = Sql::new(r"UPDATE epoch SET lease_until = 0 WHERE id <> $1 AND NOT ended");

/// Registers a process. Its number is the owner of what it claims and the node of its tallies.
pub async fn register(db: &Db, node: &str, now: i64) -> Result<i64> {
    on!(db.write, |pool, sql| {
        sqlx::query_scalar(sql(&REGISTER)).bind(node).bind(now).bind(now + millis(LEASE)).fetch_one(pool).await
    })
}

/// Renews a lease. False: it ran out, and the process must register anew.
pub async fn renew(db: &Db, epoch: i64, now: i64) -> Result<bool> {
    let renewed = on!(db.write, |pool, sql| {
        sqlx::query(sql(&RENEW)).bind(epoch).bind(now + millis(LEASE)).bind(now).execute(pool).await.map(affected)
    })?;
    Ok(renewed == 1)
}

/// Ends an epoch that owns nothing any more. False: it still owns something, and stays to be swept.
pub async fn end(db: &Db, epoch: i64) -> Result<bool> {
    let ended = on!(db.write, |pool, sql| sqlx::query(sql(&END)).bind(epoch).execute(pool).await.map(affected))?;
    Ok(ended == 1)
}

/// On an embedded database, whose lock file this process holds, every other process is gone.
pub async fn expire_others(db: &Db, epoch: i64) -> Result<()> {
    on!(db.write, |pool, sql| sqlx::query(sql(&EXPIRE_OTHERS)).bind(epoch).execute(pool).await.map(affected))?;
    Ok(())
}

/// Puts in doubt what lapsed processes owned; doubts are settled from `settle_at` on. How many rows that were.
pub async fn sweep(db: &Db, own: i64, settle_at: i64, now: i64) -> Result<usize> {
    let lapsed: Vec<i64> = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&LAPSED)).bind(now).bind(own).fetch_all(pool).await)?;
    let mut doubted = 0;
    for epoch in lapsed {
        loop {
            let rows = transaction!(db, |tx| {
                let lapsed: i64 =
                    within!(tx, |c, sql| sqlx::query_scalar(sql(&STILL_LAPSED)).bind(epoch).bind(now).fetch_one(c).await)?;
                if lapsed == 0 {
                    return Ok(0);
                }
                close::disown(tx, own, epoch, settle_at, CHUNK).await
            })?;
            doubted += rows;
            if rows == 0 {
                break;
            }
        }
        end(db, epoch).await?;
    }
    if doubted > 0 {
        tracing::warn!(
            deliveries = doubted,
            "a process ended without recording what it had in flight: these deliveries are in doubt"
        );
    }
    Ok(doubted)
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}
