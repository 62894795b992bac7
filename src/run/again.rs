//! Runs that are made from a run that is over: the same text again to whom it failed, or a correction to whoever got it.
//!
//! What enters: the run, the states of its deliveries, and for a correction the approved definition. What leaves: one run, however
//! often its maker clicks (its occurrence decides), and one at a time; whom it goes to is decided by the rows when its deliveries are
//! made, so nobody who was reached meanwhile, or by another try, gets the same text twice. A correction also goes to people who turn out later to have
//! got the wrong text, until a stated time ([`follow`]).

use std::time::Duration;

use crate::{
    active::{Origin, RunRow, RunState},
    campaign::{Campaign, Source},
    db::{self, Db, Sql, Tx, affected},
    definition::{self, Kept},
    delivery::{Kin, Relation, State},
    on,
    run::{RunError, command, make},
    tally, within,
};

/// How long a correction takes in people of whom a late receipt says that they got the wrong text: as long as receipts are matched.
pub const FOLLOWED: Duration = Duration::from_hours(72);
/// Between two looks through the other run's people.
const FOLLOW_AGAIN: i64 = 60_000;

static RETRY: Sql = Sql::new(
    r"INSERT INTO run (campaign, occurrence, origin, kind, definition, date, turn, message, recipients, state, paused,
                       due_at, expires_at, finish_at, fan_cursor, fan_top, budget, created_at, settled_at, parent, kin, kin_states)
      SELECT campaign, $2, $3, kind, definition, date, turn, message, recipients, 0, false,
             $4, $5, $6, 0, fan_top, budget, $4, NULL, id, 1, $7 FROM run WHERE id = $1 RETURNING id",
);

static MADE: Sql = Sql::new(r"SELECT id FROM run WHERE campaign = $1 AND occurrence = $2");

// Tries of one text are made one after the other, whichever of them is tried again: the first of them is the lock.
static FIRST: Sql = Sql::new(
    r"WITH RECURSIVE up(id) AS (SELECT CAST($1 AS BIGINT) UNION SELECT u.parent FROM run u JOIN up ON u.id = up.id WHERE u.kin = 1)
      SELECT min(up.id) FROM up",
);

static LOCK: Sql = Sql::new(r"SELECT r.id FROM run r WHERE r.id = $1 :lock(r)");

static UNDER_WAY: Sql = Sql::new(
    r"WITH RECURSIVE tries(id) AS (SELECT CAST($1 AS BIGINT)
        UNION SELECT t.id FROM run t JOIN tries ON t.parent = tries.id WHERE t.kin = 1)
      SELECT min(r.id) FROM run r JOIN tries ON r.id = tries.id WHERE r.settled_at IS NULL",
);

static CHILDREN: Sql = Sql::new(r"SELECT id FROM run WHERE parent = $1 ORDER BY id");

static CORRECT: Sql = Sql::new(
    r"UPDATE run SET parent = $2, kin = 2, kin_states = $3, follow_until = CASE WHEN expires_at < $4 THEN expires_at ELSE $4 END,
             followed = $5, followed_at = $6, fan_top = (SELECT p.fan_top FROM run p WHERE p.id = $2) WHERE id = $1",
);

static FOLLOWED_BY: Sql = Sql::new(r"SELECT followed, followed_at FROM run WHERE id = $1");

static FOLLOW: Sql = Sql::new(
    r"UPDATE run SET state = 0, fan_cursor = 0, followed = $2, followed_at = $3
      WHERE id = $1 AND state = 1 AND NOT paused AND settled_at IS NULL AND followed_at = $4",
);

/// The runs that were made from a run.
pub async fn children(db: &Db, run: i64) -> db::Result<Vec<i64>> {
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&CHILDREN)).bind(run).fetch_all(pool).await)
}

/// A second try of a run, about to be made.
#[derive(Debug)]
pub struct Retry {
    parent: RunRow,
    campaign: Campaign,
    states: Vec<State>,
    nth: u32,
}

/// Prepares the `nth` try of what a run left in these states. Whoever asks for the same try twice gets one run.
pub async fn retry(db: &Db, run: i64, states: &[State], nth: u32) -> Result<Retry, RunError> {
    let parent = over(db, run).await?;
    let states: Vec<State> = Kin::RETRIED.into_iter().filter(|state| states.contains(state)).collect();
    let tallies = tally::of_runs(db, &[run]).await?;
    if !tallies.iter().any(|(key, count)| count.n > 0 && states.contains(&State::from_number(key.state))) {
        return Err(RunError::Nobody(run));
    }
    let Kept { source, .. } = definition::kept(db, &parent.definition).await?;
    Ok(Retry { parent, campaign: source.campaign, states, nth })
}

/// A run of which nothing more comes by itself.
pub async fn over(db: &Db, run: i64) -> Result<RunRow, RunError> {
    let row = command::get(db, run).await?;
    if row.settled_at.is_none() || row.state() == RunState::Missed {
        return Err(RunError::NotOver(run));
    }
    Ok(row)
}

impl Retry {
    /// The run that is tried again.
    pub const fn parent(&self) -> &RunRow {
        &self.parent
    }

    /// Makes the run, or finds the one that was made. Another try of the same text that is under way goes before: nobody knows yet
    /// whom it reaches.
    pub async fn make(&self, tx: &mut Tx, now: i64) -> db::Result<Result<Made, RunError>> {
        let first: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&FIRST)).bind(self.parent.id).fetch_one(c).await)?;
        let _: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&LOCK)).bind(first).fetch_one(c).await)?;
        let occurrence = format!("retry:{}:{}", self.parent.id, self.nth);
        let made: Option<i64> = within!(tx, |c, sql| {
            sqlx::query_scalar(sql(&MADE)).bind(&self.parent.campaign).bind(&occurrence).fetch_optional(c).await
        })?;
        if let Some(run) = made {
            return Ok(Ok(Made { run, is_new: false }));
        }
        let going: Option<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&UNDER_WAY)).bind(first).fetch_one(c).await)?;
        if let Some(run) = going {
            return Ok(Err(RunError::NotOver(run)));
        }
        let origin = if self.parent.is_test() { Origin::Test } else { Origin::Manual };
        let finish = self.campaign.channels.finish_by.map(|by| now + make::millis(by));
        let run: i64 = within!(tx, |c, sql| {
            sqlx::query_scalar(sql(&RETRY))
                .bind(self.parent.id)
                .bind(&occurrence)
                .bind(origin as i16)
                .bind(now)
                .bind(now + make::millis(self.campaign.sending.valid_for))
                .bind(finish)
                .bind(Kin::bits(&self.states))
                .fetch_one(c)
                .await
        })?;
        Ok(Ok(Made { run, is_new: true }))
    }
}

/// A run that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Its number.
    pub run: i64,
    /// It was made now; else somebody had made the same before.
    pub is_new: bool,
}

/// Makes a run of an approved definition now, once: a second call finds the first one's. `parent`: it corrects that run.
pub async fn send(tx: &mut Tx, kept: &Kept, parent: Option<i64>, now: i64) -> db::Result<Result<i64, RunError>> {
    let Source { campaign, hash, .. } = &kept.source;
    let at = chrono::DateTime::from_timestamp_millis(now).unwrap_or_default();
    let new = make::New {
        source: &kept.source,
        segments: &kept.segments,
        occurrence: format!("approved:{hash}"),
        date: at.with_timezone(&campaign.timezone()).date_naive(),
        due: at,
        origin: Origin::Manual,
        recipients: &[],
        missed: false,
        turn: 0,
    };
    let Some(run) = make::make_within(tx, &new, now).await? else {
        return match new.message() {
            None => Ok(Err(RunError::NoMessage(campaign.slug.clone()))),
            Some(_) => {
                within!(tx, |c, sql| sqlx::query_scalar(sql(&MADE)).bind(&campaign.slug).bind(&new.occurrence).fetch_one(c).await)
                    .map(Ok)
            }
        };
    };
    if let Some(parent) = parent {
        let followed = tally::print(tx, parent).await?;
        within!(tx, |c, sql| {
            sqlx::query(sql(&CORRECT))
                .bind(run)
                .bind(parent)
                .bind(Kin::bits(&Kin::GOT))
                .bind(now + make::millis(FOLLOWED))
                .bind(&followed)
                .bind(now)
                .execute(c)
                .await
                .map(affected)
        })?;
    }
    Ok(Ok(run))
}

/// Looks through the corrected run's people once more if anything became of them since: whoever turns out to have got the
/// wrong text gets the correction, too. Nobody loses theirs. True: they are being looked through.
pub(super) async fn follow(db: &Db, run: &RunRow, now: i64) -> db::Result<bool> {
    let (Some(parent), Some(until)) = (run.parent, run.follow_until) else { return Ok(false) };
    if now >= until || run.kin != Relation::Correction as i16 {
        return Ok(false);
    }
    let (followed, at): (String, i64) =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&FOLLOWED_BY)).bind(run.id).fetch_one(pool).await)?;
    // A clock that was set back must not stop it for long.
    if at <= now && now < at + FOLLOW_AGAIN {
        return Ok(false);
    }
    crate::transaction!(db, |tx| {
        let now_at = tally::print(tx, parent).await?;
        if now_at == followed {
            return Ok(false);
        }
        let again = within!(tx, |c, sql| {
            sqlx::query(sql(&FOLLOW)).bind(run.id).bind(&now_at).bind(now).bind(at).execute(c).await.map(affected)
        })?;
        Ok(again > 0)
    })
}
