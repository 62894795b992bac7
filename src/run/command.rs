//! What people do to runs: pause, resume, abort; and the list of runs. A stop bites within one batch of each account.

use crate::{
    active::{RunRow, RunState, run_columns},
    audit::Actor,
    db::{self, Db, Sql, Tx, affected},
    on, relay,
    run::RunError,
    transaction, within,
};

static GET: Sql = Sql::new(concat!("SELECT ", run_columns!(), " FROM run WHERE id = $1"));

static LIST: Sql =
    Sql::new(concat!("SELECT ", run_columns!(), " FROM run WHERE campaign = coalesce($1, campaign) ORDER BY id DESC LIMIT $2"));

static LATEST_OF_EACH: Sql = Sql::new(concat!(
    "SELECT ",
    run_columns!(),
    " FROM run WHERE id IN (SELECT max(l.id) FROM run l WHERE l.origin <> 2 AND l.state <> 4 GROUP BY l.campaign)"
));

/// Something of a run can be held back: its messages until it has settled, and after that what it asks of outlets and nobody has yet. A
/// Cancel (step 2) goes all the same.
macro_rules! stoppable {
    () => {
        "(state < 2 AND settled_at IS NULL
          OR state = 2 AND id IN (SELECT o.run FROM relay_order o WHERE o.state IN (0, 1) AND o.step <> 2))"
    };
}

static STOPPABLE: Sql =
    Sql::new(concat!("SELECT ", run_columns!(), " FROM run WHERE ", stoppable!(), " ORDER BY kind DESC, id DESC"));

static PAUSE: Sql = Sql::new(concat!(
    "UPDATE run SET paused = true, stopped_by = $2, stopped_at = $3 WHERE id = $1 AND NOT paused AND ",
    stoppable!()
));

static RESUME: Sql = Sql::new(concat!("UPDATE run SET paused = false, held = NULL WHERE id = $1 AND ", stoppable!()));

static ABORT: Sql =
    Sql::new(r"UPDATE run SET state = 3, stopped_by = $2, stopped_at = $3 WHERE id = $1 AND state < 2 AND settled_at IS NULL");

static GOING: Sql = Sql::new(concat!("SELECT id FROM run WHERE NOT paused AND ", stoppable!(), " ORDER BY id"));

// In the order of their keys, as every writer of runs locks them.
static LOCK: Sql = Sql::new(concat!("SELECT ", run_columns!(), " FROM run r WHERE id = $1 :lock(r)"));

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

/// The runs of which something can be held back or stands still already, warnings first, then the newest.
pub async fn stoppable(db: &Db) -> db::Result<Vec<RunRow>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&STOPPABLE)).fetch_all(pool).await)
}

/// What a person does to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Stands still until resumed, also what a settled run asks of outlets. Pausing twice is pausing once.
    Pause,
    /// Goes on, also where the run stood still by itself (its budget was raised, its definition mended).
    Resume,
    /// Ends for good: what is unsent is cancelled; what is in flight is recorded.
    Abort,
}

impl Change {
    /// What a run is after it, in errors.
    const fn wanted(self) -> &'static str {
        match self {
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Abort => "aborted",
        }
    }

    /// What it is called in the record of who did what.
    pub const fn action(self) -> &'static str {
        match self {
            Self::Pause => "run.pause",
            Self::Resume => "run.resume",
            Self::Abort => "run.abort",
        }
    }
}

/// Who changes a run, and when.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// As it will be shown.
    pub name: &'a str,
    /// Unix milliseconds.
    pub at: i64,
}

/// A run before and after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Before.
    pub before: RunRow,
    /// After.
    pub after: RunRow,
}

impl Changed {
    /// Whether the change made a difference.
    pub fn differs(&self) -> bool {
        self.before != self.after
    }
}

/// Changes a run within a transaction of the caller's. `by`: who does it, as it will be shown; none: a program.
pub async fn change(tx: &mut Tx, run: i64, change: Change, by: Option<By<'_>>) -> db::Result<Result<Changed, RunError>> {
    let before: Option<RunRow> = within!(tx, |c, sql| sqlx::query_as(sql(&LOCK)).bind(run).fetch_optional(c).await)?;
    let Some(before) = before else { return Ok(Err(RunError::NoSuchRun(run))) };
    let over = before.settled_at.is_some() || before.state() >= RunState::Settled;
    if over && !(before.state() == RunState::Aborted && change == Change::Abort) {
        // What it asks of outlets may wait for longer than its messages took.
        let stands = change == Change::Pause && before.paused && before.state() == RunState::Settled;
        let concerned = match change {
            Change::Pause | Change::Resume => write(tx, run, change, by).await? > 0,
            Change::Abort => {
                let taken_back = withdrawn(tx, run, change, by).await?;
                // What may have got to its outlet stays, and is handed over no more.
                let held = write(tx, run, Change::Pause, by).await?;
                taken_back > 0 || held > 0
            }
        };
        if !concerned && !stands {
            return Ok(Err(RunError::Over { run, state: before.state().name(), wanted: change.wanted() }));
        }
    } else {
        write(tx, run, change, by).await?;
        withdrawn(tx, run, change, by).await?;
    }
    let after: RunRow = within!(tx, |c, sql| sqlx::query_as(sql(&GET)).bind(run).fetch_one(c).await)?;
    Ok(Ok(Changed { before, after }))
}

/// Writes a change into a run's row; 0: it is as it was.
async fn write(tx: &mut Tx, run: i64, change: Change, by: Option<By<'_>>) -> db::Result<u64> {
    let (name, at) = (by.map(|by| by.name), by.map(|by| by.at));
    match change {
        Change::Resume => within!(tx, |c, sql| sqlx::query(sql(&RESUME)).bind(run).execute(c).await.map(affected)),
        Change::Pause | Change::Abort => {
            let how = if change == Change::Pause { &PAUSE } else { &ABORT };
            within!(tx, |c, sql| sqlx::query(sql(how)).bind(run).bind(name).bind(at).execute(c).await.map(affected))
        }
    }
}

/// Takes back what a run that is aborted asks of outlets and nobody has; how many orders that were.
async fn withdrawn(tx: &mut Tx, run: i64, change: Change, by: Option<By<'_>>) -> db::Result<usize> {
    let (Change::Abort, Some(By { name, at })) = (change, by) else { return Ok(0) };
    let actor = Actor::command(name);
    let by = relay::By { actor: &actor, eyes: relay::Eyes::All, now: at };
    relay::order::withdraw_run(tx, run, "đợt gửi đã dừng hẳn", &by).await
}

/// Pauses every run of which something can be held back and that `which` names. Those that stand still now.
pub async fn stop(tx: &mut Tx, which: impl Fn(i64) -> bool, by: Option<By<'_>>) -> db::Result<Vec<i64>> {
    let going: Vec<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&GOING)).fetch_all(c).await)?;
    let mut stopped = Vec::new();
    for run in going.into_iter().filter(|run| which(*run)) {
        if write(tx, run, Change::Pause, by).await? > 0 {
            stopped.push(run);
        }
    }
    Ok(stopped)
}

/// [`Change::Pause`] at once.
pub async fn pause(db: &Db, run: i64) -> Result<RunRow, RunError> {
    at_once(db, run, Change::Pause).await
}

/// [`Change::Resume`] at once.
pub async fn resume(db: &Db, run: i64) -> Result<RunRow, RunError> {
    at_once(db, run, Change::Resume).await
}

/// [`Change::Abort`] at once.
pub async fn abort(db: &Db, run: i64) -> Result<RunRow, RunError> {
    at_once(db, run, Change::Abort).await
}

/// Pauses everything that is being sent, at once. How many runs that were.
pub async fn stop_all(db: &Db) -> Result<usize, RunError> {
    Ok(transaction!(db, |tx| stop(tx, |_| true, None).await)?.len())
}

async fn at_once(db: &Db, run: i64, how: Change) -> Result<RunRow, RunError> {
    transaction!(db, |tx| change(tx, run, how, None).await)?.map(|changed| changed.after)
}
