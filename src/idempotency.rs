//! Requests that are answered once: whoever repeats one under the same `Idempotency-Key` gets the first answer again.
//!
//! What enters is who asks, the key and a hash of the request; what leaves is what to do about it ([`Turn`]). The key is taken
//! in a committed row before the request is worked on, so of two at once one works and the other is told to wait. A request
//! that failed for reasons of ours gives its key back. Answers are sealed, kept for [`LIFE`], and thrown away by `retention`.

use serde_json::Value;

use crate::{
    db::{Db, Result, Sql, affected},
    on,
    seal::Seal,
};

/// How long an answer is repeated.
pub const LIFE: i64 = 24 * 3_600_000;
/// After so long a request that has no answer died with its process: the longest that one may take is 30 seconds.
const DEAD: i64 = 2 * 60_000;

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP's.
    pub status: u16,
    /// A JSON object of the headers that belong to it.
    pub headers: Value,
    /// The body.
    pub body: String,
}

/// What to do about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It is new: work on it, then [`finish`] or [`abandon`].
    Work,
    /// It was answered before.
    Repeat(Answer),
    /// The same key stood for another request.
    Other,
    /// The first of its kind is still being worked on, or its answer can no longer be read.
    Busy,
}

/// What is kept of a key: the request, then the answer once there is one (status, headers, sealed body).
type Kept = (Vec<u8>, Option<i16>, String, Option<Vec<u8>>);

static TAKE: Sql = Sql::new(
    r"INSERT INTO idempotency (actor, key, request, headers, created_at) VALUES ($1, $2, $3, '{}', $4)
      ON CONFLICT (actor, key) DO UPDATE SET request = excluded.request, status = NULL, headers = '{}', body = NULL, created_at = $4
      WHERE idempotency.created_at < $5 OR (idempotency.status IS NULL AND idempotency.created_at < $6)",
);

static LOOK: Sql = Sql::new(r"SELECT request, status, headers, body FROM idempotency WHERE actor = $1 AND key = $2");

static FINISH: Sql = Sql::new(r"UPDATE idempotency SET status = $3, headers = $4, body = $5 WHERE actor = $1 AND key = $2");

static ABANDON: Sql = Sql::new(r"DELETE FROM idempotency WHERE actor = $1 AND key = $2 AND status IS NULL");

static PRUNE: Sql = Sql::new(
    r"DELETE FROM idempotency WHERE (actor, key) IN (SELECT actor, key FROM idempotency WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
);

/// Whose turn a request is.
pub async fn begin(db: &Db, seal: &Seal, actor: &str, key: &str, request: &[u8], now: i64) -> Result<Turn> {
    let taken = on!(db.write, |pool, sql| {
        sqlx::query(sql(&TAKE))
            .bind(actor)
            .bind(key)
            .bind(request)
            .bind(now)
            .bind(now - LIFE)
            .bind(now - DEAD)
            .execute(pool)
            .await
            .map(affected)
    })?;
    if taken > 0 {
        return Ok(Turn::Work);
    }
    let kept: Option<Kept> =
        on!(db.write, |pool, sql| sqlx::query_as(sql(&LOOK)).bind(actor).bind(key).fetch_optional(pool).await)?;
    // Given back just now: whoever asks again will have it.
    let Some((first, status, headers, body)) = kept else { return Ok(Turn::Busy) };
    if first != request {
        return Ok(Turn::Other);
    }
    let body = body.map(|sealed| seal.open_text(&sealed));
    Ok(match (status.and_then(|status| u16::try_from(status).ok()), body) {
        (Some(status), Some(Ok(body))) => {
            Turn::Repeat(Answer { status, headers: serde_json::from_str(&headers).unwrap_or_default(), body })
        }
        _ => Turn::Busy,
    })
}

/// Keeps the answer.
pub async fn finish(db: &Db, seal: &Seal, actor: &str, key: &str, answer: &Answer) -> Result<()> {
    let (status, body) = (i16::try_from(answer.status).unwrap_or_default(), seal.seal_text(&answer.body));
    on!(db.write, |pool, sql| {
        sqlx::query(sql(&FINISH))
            .bind(actor)
            .bind(key)
            .bind(status)
            .bind(answer.headers.to_string())
            .bind(&body)
            .execute(pool)
            .await
            .map(affected)
    })?;
    Ok(())
}

/// Gives the key back: nothing was done.
pub async fn abandon(db: &Db, actor: &str, key: &str) -> Result<()> {
    on!(db.write, |pool, sql| sqlx::query(sql(&ABANDON)).bind(actor).bind(key).execute(pool).await.map(affected))?;
    Ok(())
}

/// Forgets a chunk of answers whose time is over. How many.
pub async fn prune(db: &Db, now: i64, most: i64) -> Result<u64> {
    on!(db.write, |pool, sql| sqlx::query(sql(&PRUNE)).bind(now - LIFE).bind(most).execute(pool).await.map(affected))
}
