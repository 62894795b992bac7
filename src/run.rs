//! Runs: what is due becomes one run; a run's audience becomes deliveries; time and people end it.
//!
//! What enters: the library of campaigns and the clock. What leaves: rows of `run`, each made exactly once however many
//! schedulers look (the unique key decides), and their deliveries, in chunks that can be resumed. What can go wrong: the
//! database; then nothing of the step happened, and it is tried again.
//!
//! [`Runner::step`] does a bounded piece of everything that is to be done now, and says whether more is waiting.

pub mod again;
pub mod command;
pub mod failure;
pub mod make;
pub mod outlook;
pub mod pulse;
pub mod wait;
pub mod warning;

use std::sync::Arc;

use crate::{
    account::forecast::{Line, forecast},
    active::{Active, ActiveRun, RunState},
    clock::Clock,
    db::{Db, DbError, Result, Sql, affected},
    delivery::{State, close, fan_out},
    on, transaction, within,
};

/// Recipient numbers that one transaction of a fan-out looks at.
const FAN_OUT_CHUNK: i64 = 10_000;
/// Rows that one transaction ends or moves on.
const CLOSE_CHUNK: i64 = 1_000;

/// The accounts that can send, as they are now. None at all: nothing is known of them.
pub type Lines = Arc<dyn Fn() -> Vec<Line> + Send + Sync>;

/// Drives the runs under way.
#[derive(Clone)]
pub struct Runner {
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// This process's epoch: the node of its tallies.
    pub node: i64,
    /// The runs under way.
    pub active: Arc<Active>,
    /// What the accounts can carry.
    pub lines: Lines,
}

/// How a step of a fan-out ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FanOut {
    /// Further chunks wait.
    More,
    /// Nothing is left to do now.
    Done,
    /// Its audience cannot be read: the run is held.
    Impossible,
}

static CURSOR: Sql = Sql::new(r"SELECT state, paused OR held IS NOT NULL, fan_cursor, fan_top FROM run r WHERE id = $1 :lock(r)");

static MOVE_CURSOR: Sql = Sql::new(r"UPDATE run SET fan_cursor = $2, state = $3 WHERE id = $1");

static GIVE_UP: Sql = Sql::new(r"UPDATE run SET state = 1 WHERE id = $1 AND state = 0");

static SETTLE: Sql = Sql::new(
    r"UPDATE run SET state = CASE WHEN state = 1 THEN 2 ELSE state END, settled_at = $2
      WHERE id = $1 AND settled_at IS NULL AND state IN (1, 3)",
);

static OPEN: Sql = Sql::new(
    r"SELECT CAST(coalesce(sum(CASE WHEN state IN (0, 1, 2) THEN n ELSE 0 END), 0) AS BIGINT),
             CAST(coalesce(sum(CASE WHEN state IN (3, 4) THEN n ELSE 0 END), 0) AS BIGINT)
      FROM tally WHERE run = $1",
);

static RELIEVED: Sql = Sql::new(r"UPDATE run SET finish_at = NULL WHERE id = $1");

impl Runner {
    /// Does a bounded piece of work for every run under way. True: more is waiting, call again at once.
    pub async fn step(&self) -> Result<bool> {
        let mut more = false;
        for run in self.active.runs() {
            more |= self.step_run(&run).await?;
            // A warning's audience is complete before any other run's goes on.
            if more && run.is_warning() {
                break;
            }
        }
        Ok(more)
    }

    async fn step_run(&self, run: &ActiveRun) -> Result<bool> {
        let now = self.clock.millis();
        match run.row.state() {
            RunState::Aborted => return self.end(run, State::Cancelled, now).await,
            _ if now >= run.row.expires_at => return self.expire(run, now).await,
            _ => {}
        }
        let mut more = false;
        if run.row.state() == RunState::FanningOut && !run.row.paused && run.row.held.is_none() {
            more |= self.fan_out(run, now, false).await? == FanOut::More;
        }
        if run.row.state() == RunState::Sending && run.row.finish_at.is_some() {
            self.relieve(run, now).await?;
        }
        if run.plan.silent_after.is_some() {
            let moved = transaction!(self.db, |tx| close::fall_back_silent(tx, self.node, &run.plan, now, CLOSE_CHUNK).await)?;
            more |= moved > 0;
        }
        if run.row.state() == RunState::Sending {
            if run.row.is_correction() && !run.row.paused {
                more |= again::follow(&self.db, &run.row, now).await?;
            }
            self.settle(run, now).await?;
        }
        Ok(more)
    }

    /// One chunk of a fan-out; of a run that stands still only if `halted_too`.
    async fn fan_out(&self, run: &ActiveRun, now: i64, halted_too: bool) -> Result<FanOut> {
        let id = run.row.id;
        let audience = match run.frozen.audience(&run.row, self.db.engine(), now) {
            Ok(audience) => audience,
            Err(error) => {
                self.active.hold(id, &error.to_string()).await?;
                return Ok(FanOut::Impossible);
            }
        };
        transaction!(self.db, |tx| {
            let (state, halted, cursor, top): (i16, bool, i64, i64) =
                within!(tx, |c, sql| sqlx::query_as(sql(&CURSOR)).bind(id).fetch_one(c).await)?;
            if state != RunState::FanningOut as i16 || (halted && !halted_too) {
                return Ok(FanOut::Done);
            }
            let through = (cursor + FAN_OUT_CHUNK).min(top);
            let chunk = fan_out::Chunk { after: cursor, through, due: run.row.due_at.min(now), now };
            fan_out::chunk(tx, self.node, &run.plan, &audience, &chunk).await?;
            let state = if through >= top { RunState::Sending } else { RunState::FanningOut } as i16;
            within!(tx, |c, sql| sqlx::query(sql(&MOVE_CURSOR))
                .bind(id)
                .bind(through)
                .bind(state)
                .execute(c)
                .await
                .map(affected))?;
            if through >= top {
                tracing::info!(run = id, campaign = run.row.campaign, "every recipient of the run has a delivery");
            }
            Ok(if through < top { FanOut::More } else { FanOut::Done })
        })
    }

    /// What a channel cannot finish by `finish_by` goes to the next one at once: carrier by carrier, beside all other runs.
    async fn relieve(&self, run: &ActiveRun, now: i64) -> Result<()> {
        let Some(finish_at) = run.row.finish_at.filter(|_| run.plan.first) else { return Ok(()) };
        for channel in &run.plan.order[..run.plan.order.len().saturating_sub(1)] {
            let lines = (self.lines)();
            let is_of = |route: i16| route >> 4 == *channel as i16;
            if !lines.iter().any(|line| line.routes.iter().any(|route| is_of(*route))) {
                continue;
            }
            let work = outlook::work(&self.db, &self.active.runs()).await?;
            for (piece, outlook) in work.iter().zip(forecast(&lines, &work, now, finish_at)) {
                if piece.run == run.row.id && is_of(piece.route) && outlook.left > 0 {
                    let excess = i64::try_from(outlook.left).unwrap_or(i64::MAX);
                    let moved = self.overflow(run, piece.route, excess, now).await?;
                    tracing::info!(run = run.row.id, %channel, route = piece.route, excess, moved, "moved what the channel cannot finish in time to the next one");
                }
            }
        }
        on!(self.db.write, |pool, sql| sqlx::query(sql(&RELIEVED)).bind(run.row.id).execute(pool).await.map(affected))?;
        Ok(())
    }

    /// Moves `excess` messages of a route on to the next channel, in chunks. How many could be moved.
    async fn overflow(&self, run: &ActiveRun, route: i16, excess: i64, now: i64) -> Result<i64> {
        let mut left = excess;
        while left > 0 {
            let most = left.min(CLOSE_CHUNK);
            let moved = transaction!(self.db, |tx| close::overflow(tx, self.node, &run.plan, route, most, now).await)?;
            if moved == 0 {
                break;
            }
            left -= i64::try_from(moved).unwrap_or(left);
        }
        Ok(excess - left)
    }

    /// A chunk of what a run that is over leaves unsent. True: there may be more.
    async fn end(&self, run: &ActiveRun, state: State, now: i64) -> Result<bool> {
        let ended = transaction!(self.db, |tx| close::end_run(tx, self.node, &run.plan, state, now, CLOSE_CHUNK).await)?;
        if ended > 0 {
            return Ok(true);
        }
        self.settle(run, now).await?;
        Ok(false)
    }

    async fn expire(&self, run: &ActiveRun, now: i64) -> Result<bool> {
        if run.row.state() == RunState::FanningOut {
            // Whoever has no delivery yet gets one that lapses, also where the run stood still: nobody is lost from the counts.
            match self.fan_out(run, now, true).await? {
                FanOut::More => return Ok(true),
                // Nobody can say who was meant: what there is ends, and the run keeps the reason why it was held.
                FanOut::Impossible => {
                    on!(self.db.write, |pool, sql| sqlx::query(sql(&GIVE_UP))
                        .bind(run.row.id)
                        .execute(pool)
                        .await
                        .map(affected))?;
                    return Ok(true);
                }
                FanOut::Done => {}
            }
        }
        self.end(run, State::Lapsed, now).await
    }

    /// Settles a run with nothing left to send, and nothing that could still fall back.
    async fn settle(&self, run: &ActiveRun, now: i64) -> Result<()> {
        let (unsent, unconfirmed): (i64, i64) =
            on!(self.db.read, |pool, sql| sqlx::query_as(sql(&OPEN)).bind(run.row.id).fetch_one(pool).await)?;
        let may_fall_back =
            run.plan.first && run.plan.order.len() > 1 && now < run.row.expires_at && run.row.state() != RunState::Aborted;
        let follows = run.row.state() != RunState::Aborted && run.row.follow_until.is_some_and(|until| now < until);
        if unsent > 0 || follows || (may_fall_back && unconfirmed > 0) {
            return Ok(());
        }
        let settled = on!(self.db.write, |pool, sql| sqlx::query(sql(&SETTLE))
            .bind(run.row.id)
            .bind(now)
            .execute(pool)
            .await
            .map(affected))?;
        if settled > 0 {
            tracing::info!(run = run.row.id, campaign = run.row.campaign, "the run has settled");
        }
        Ok(())
    }
}

/// Something a person asked of a run that cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No such run.
    #[error("there is no run {0}: `loa runs` lists them")]
    NoSuchRun(i64),
    /// The run is over.
    #[error("run {run} is {state}: it cannot be {wanted} any more")]
    Over {
        /// The run.
        run: i64,
        /// What it is.
        state: &'static str,
        /// What was wanted.
        wanted: &'static str,
    },
    /// Something is still to come of the run: what is asked for needs one that is over.
    #[error("run {0} is not over yet: abort it first, or wait until it has settled")]
    NotOver(i64),
    /// Nobody's delivery stands in the states that were chosen.
    #[error("run {0} has nobody to whom it could be sent again")]
    Nobody(i64),
    /// It is a correction, which goes to the people of one run alone.
    #[error("`{0}` corrects run {1}: it goes out by itself once it is approved, to that run's people alone")]
    Corrects(String, i64),
    /// The campaign has no message for that day.
    #[error("campaign `{0}` has no message for that day: every message belongs to another phase or to particular segments")]
    NoMessage(String),
    /// Another writer approved nothing yet.
    #[error("campaign `{0}` is not approved: someone other than its writer runs `loa approve {0}`")]
    NotApproved(String),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}
