//! What people do to runs: pause, resume, abort; and the list of runs. A stop bites within one batch of each account.

use crate::{
    active::{RunRow, RunState, run_columns},
    db::{Db, Sql, affected},
    on,
    run::RunError,
};

static GET: Sql = Sql::new(concat!("SELECT ", run_columns!(), " FROM run WHERE id = $1"));

static LIST: Sql =
    Sql::new(concat!("SELECT ", run_columns!(), " FROM run WHERE campaign = coalesce($1, campaign) ORDER BY id DESC LIMIT $2"));

static LATEST_OF_EACH: Sql = Sql::new(concat!(
    "SELECT ",
    run_columns!(),
    " FROM run WHERE id IN (SELECT max(l.id) FROM run l WHERE l.origin <> 2 AND l.state <> 4 GROUP BY l.campaign)"
));

static PAUSE: Sql = Sql::new(r"UPDATE run SET paused = true WHERE id = $1 AND state < 2 AND settled_at IS NULL");

static RESUME: Sql = Sql::new(r"UPDATE run SET paused = false, held = NULL WHERE id = $1 AND state < 2 AND settled_at IS NULL");

static ABORT: Sql = Sql::new(r"UPDATE run SET state = 3 WHERE id = $1 AND state < 2 AND settled_at IS NULL");

static PAUSE_ALL: Sql = Sql::new(r"UPDATE run SET paused = true WHERE state < 2 AND settled_at IS NULL AND NOT paused");

/// One run.
pub async fn get(db: &Db, run: i64) -> Result<RunRow, RunError> {
    let row: Option<RunRow> = on!(db.read, |pool, sql| sqlx::query_as(sql(&GET)).bind(run).fetch_optional(pool).await)?;
    row.ok_or(RunError::NoSuchRun(run))
}

/// The latest runs, newest first; of one campaign, or of all.
pub async fn list(db: &Db, campaign: Option<&str>, most: i64) -> Result<Vec<RunRow>, RunError> {
    Ok(on!(db.read, |pool, sql| sqlx::query_as(sql(&LIST)).bind(campaign).bind(most).fetch_all(pool).await)?)
}

/// The last run of every campaign; neither tests nor missed ones.
pub async fn latest_of_each(db: &Db) -> Result<Vec<RunRow>, RunError> {
    Ok(on!(db.read, |pool, sql| sqlx::query_as(sql(&LATEST_OF_EACH)).fetch_all(pool).await)?)
}

/// Stands still until resumed. Pausing twice is pausing once.
pub async fn pause(db: &Db, run: i64) -> Result<RunRow, RunError> {
    change(db, run, &PAUSE, "paused").await
}

/// Goes on, also where the run stood still by itself (its budget was raised, its definition mended).
pub async fn resume(db: &Db, run: i64) -> Result<RunRow, RunError> {
    change(db, run, &RESUME, "resumed").await
}

/// Ends for good: what is unsent is cancelled; what is in flight is recorded.
pub async fn abort(db: &Db, run: i64) -> Result<RunRow, RunError> {
    change(db, run, &ABORT, "aborted").await
}

/// Pauses everything that is being sent. How many runs that were.
pub async fn stop_all(db: &Db) -> Result<u64, RunError> {
    Ok(on!(db.write, |pool, sql| sqlx::query(sql(&PAUSE_ALL)).execute(pool).await.map(affected))?)
}

async fn change(db: &Db, run: i64, how: &'static Sql, wanted: &'static str) -> Result<RunRow, RunError> {
    let before = get(db, run).await?;
    let changed = on!(db.write, |pool, sql| sqlx::query(sql(how)).bind(run).execute(pool).await.map(affected))?;
    if changed == 0 {
        if before.state() == RunState::Aborted && wanted == "aborted" {
            return Ok(before);
        }
        return Err(RunError::Over { run, state: before.state().name(), wanted });
    }
    get(db, run).await
}
