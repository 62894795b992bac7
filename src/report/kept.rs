//! Kept figures: sheets that are counted in the background, so that a page shows them at once.
//!
//! What enters: selections that somebody looks at, and every run. What leaves: [`Kept`] sheets, each exact for the moment
//! that it names, because it was counted over one snapshot. Every sheet carries the *mark* of its runs: how often each of
//! their tallies had changed, which they do with every row, and each of their orders to outlets. As long as the mark is the same and no mail has turned three days
//! old, the sheet is what counting again would give; the figures of a settled run therefore stay until a late receipt comes.
//!
//! [`Keeper::step`] counts one sheet at a time, the one that somebody waits for first. A count that is cut off leaves the
//! sheet as it was, and another node or the next process takes it up. What can go wrong is only the database.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Cut, Run, Selection, Sheet, relayed::Relayed, runs};
use crate::{
    clock::Clock,
    db::{Db, Result, Sql, Tx, affected},
    on,
    period::{Calendar, Span},
    seal::hex,
    within,
};

/// How long the figures of a selection are kept up after somebody looked.
const INTEREST: Duration = Duration::from_hours(14 * 24);
/// A look is written down once in so long.
const LOOKED: i64 = 60_000;
/// For how long a count belongs to the node that began it.
const COUNTING: i64 = 10 * 60_000;
/// Counting again waits for so many times as long as the last count took, and at least for [`REST`].
const SHARE: i64 = 20;
/// Milliseconds.
const REST: i64 = 5_000;
/// Runs that get their first sheet in one step.
const NEW_RUNS: i64 = 200;
/// What an earlier version kept is counted anew: its form may be another, and so may names of places and reasons.
const FORM: &str = concat!(env!("CARGO_PKG_VERSION"), "/2");

/// A sheet that is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The figures.
    pub sheet: Sheet,
    /// Whether nothing has changed since they were counted.
    pub fresh: bool,
}

static FIND: Sql = Sql::new(r"SELECT mark, turns_at, body, asked_at FROM figure WHERE scope = $1");

static WANT: Sql = Sql::new(
    r"INSERT INTO figure (scope, selection, run, mark, body, counted_at, took, asked_at, counting_until)
      VALUES ($1, $2, $3, '', '', 0, 0, $4, 0)
      ON CONFLICT (scope) DO UPDATE SET asked_at = excluded.asked_at",
);

static CHANGES: Sql = Sql::new(r"SELECT run, CAST(sum(changes) AS BIGINT) FROM tally GROUP BY run");

static CHANGES_OF: Sql = Sql::new(
    r"SELECT run, CAST(sum(changes) AS BIGINT) FROM tally WHERE run IN (SELECT run FROM :rows($1; run BIGINT) AS wanted)
      GROUP BY run",
);

// A report makes a new version of its order, and so does everything else that figures look at.
static ORDERS: Sql = Sql::new(r"SELECT run, count(*), CAST(sum(version) AS BIGINT) FROM relay_order GROUP BY run ORDER BY run");

static ORDERS_OF: Sql = Sql::new(
    r"SELECT o.run, count(*), CAST(sum(o.version) AS BIGINT)
      FROM :rows($1; run BIGINT) AS x JOIN relay_order o ON o.run = x.run GROUP BY o.run",
);

static AROUND: Sql = Sql::new(
    r"SELECT coalesce((SELECT string_agg(CAST(id AS TEXT), ',') FROM (SELECT id FROM account WHERE NOT receipts ORDER BY id) AS silent), ''),
             coalesce((SELECT max(coalesce(finished_at, started_at)) FROM import), 0)",
);

/// What a selection is kept under.
fn scope(selection: &Selection) -> (String, String) {
    // A plain struct: serde_json cannot fail on it.
    let text = serde_json::to_string(selection).unwrap_or_default();
    (hex(&Sha256::digest(&text)), text)
}

/// What the figures of all runs depend on beside their rows: which accounts send no receipts, and the groups as of the last
/// import.
async fn around(tx: &mut Tx) -> Result<String> {
    let (silent, import): (String, i64) = within!(tx, |c, sql| sqlx::query_as(sql(&AROUND)).fetch_one(c).await)?;
    Ok(format!("{silent};{import}"))
}

/// How often things had changed, by run.
struct Changes {
    tallies: BTreeMap<i64, i64>,
    /// How many orders there are, and how often they changed.
    orders: BTreeMap<i64, (i64, i64)>,
}

impl Changes {
    fn new(tallies: Vec<(i64, i64)>, orders: Vec<(i64, i64, i64)>) -> Self {
        let orders = orders.into_iter().map(|(run, orders, versions)| (run, (orders, versions)));
        Self { tallies: tallies.into_iter().collect(), orders: orders.collect() }
    }
}

/// What these runs are like.
fn mark<'r>(runs: impl Iterator<Item = &'r Run>, changes: &Changes, around: &str) -> String {
    let mut text = format!("{FORM};{around}");
    for run in runs {
        let tallies = changes.tallies.get(&run.id).copied().unwrap_or(0);
        // Writing to a string cannot fail.
        let _ = write!(text, ";{} {} {} {tallies}", run.id, run.state, run.open);
        if let Some((orders, versions)) = changes.orders.get(&run.id) {
            let _ = write!(text, " {orders} {versions}");
        }
    }
    hex(&Sha256::digest(text))
}

async fn changes_of(tx: &mut Tx, runs: &[Run]) -> Result<Changes> {
    #[derive(Serialize)]
    struct One {
        run: i64,
    }
    let list = crate::db::list(&runs.iter().map(|run| One { run: run.id }).collect::<Vec<_>>());
    let tallies: Vec<(i64, i64)> = within!(tx, |c, sql| sqlx::query_as(sql(&CHANGES_OF)).bind(&list).fetch_all(c).await)?;
    let orders: Vec<(i64, i64, i64)> = within!(tx, |c, sql| sqlx::query_as(sql(&ORDERS_OF)).bind(&list).fetch_all(c).await)?;
    Ok(Changes::new(tallies, orders))
}

/// The runs of a selection, and what they are like now.
async fn marked(tx: &mut Tx, selection: &Selection) -> Result<(Vec<Run>, String)> {
    let runs = runs(tx, selection).await?;
    let mark = mark(runs.iter(), &changes_of(tx, &runs).await?, &around(tx).await?);
    Ok((runs, mark))
}

/// A sheet counted now, with the mark of its runs.
async fn count(tx: &mut Tx, selection: &Selection, now: i64) -> Result<(Sheet, String)> {
    let (runs, mark) = marked(tx, selection).await?;
    Ok((Sheet::count(tx, selection, &runs, &Cut::ALL, now).await?, mark))
}

/// The sheet of a selection counted now, by every cut: what the kept one is compared with, and what a command prints.
pub async fn count_now(db: &Db, selection: &Selection, now: i64) -> Result<Sheet> {
    let mut tx = db.view().await?;
    Ok(count(&mut tx, selection, now).await?.0)
}

/// The kept sheet of a selection, if it was ever counted; and whether the look is to be written down with [`want`].
pub async fn look(db: &Db, selection: &Selection, now: i64) -> Result<(Option<Kept>, bool)> {
    let mut tx = db.view().await?;
    let found: Option<(String, Option<i64>, String, i64)> =
        within!(&mut tx, |c, sql| sqlx::query_as(sql(&FIND)).bind(scope(selection).0).fetch_optional(c).await)?;
    let Some((counted, turns_at, body, asked_at)) = found else { return Ok((None, true)) };
    let unwritten = now - asked_at > LOOKED;
    let Some(sheet) = Sheet::read(&body) else { return Ok((None, unwritten)) };
    let (_, mark) = marked(&mut tx, selection).await?;
    Ok((Some(Kept { sheet, fresh: mark == counted && turns_at.is_none_or(|at| at > now) }), unwritten))
}

/// Has the figures of a selection kept up from now on.
pub async fn want(db: &Db, selection: &Selection, now: i64) -> Result<()> {
    let (scope, text) = scope(selection);
    on!(db.write, |pool, sql| sqlx::query(sql(&WANT))
        .bind(&scope)
        .bind(&text)
        .bind(selection.run)
        .bind(now)
        .execute(pool)
        .await
        .map(affected))?;
    Ok(())
}

static NEW: Sql = Sql::new(
    r"SELECT r.id FROM run r WHERE r.origin <> 2 AND r.state <> 4 AND NOT EXISTS (SELECT 1 FROM figure f WHERE f.run = r.id)
      ORDER BY r.id LIMIT $1",
);

static FORGET: Sql = Sql::new(r"DELETE FROM figure WHERE run IS NULL AND asked_at < $1");

static WAITING: Sql = Sql::new(
    r"SELECT scope, selection, mark, turns_at FROM figure
      WHERE counting_until <= $1 AND CASE WHEN took * $2 > $3 THEN counted_at + took * $2 ELSE counted_at + $3 END <= $1
      ORDER BY counted_at = 0 DESC, run IS NULL DESC, asked_at DESC",
);

static BEGIN: Sql = Sql::new(r"UPDATE figure SET counting_until = $3 WHERE scope = $1 AND mark = $2 AND counting_until <= $4");

static STORE: Sql = Sql::new(
    r"UPDATE figure SET mark = $2, turns_at = $3, body = $4, counted_at = $5, took = $6, counting_until = 0 WHERE scope = $1",
);

static GIVE_UP: Sql = Sql::new(r"UPDATE figure SET counting_until = 0 WHERE scope = $1");

/// Keeps sheets up.
#[derive(Debug, Clone)]
pub struct Keeper {
    db: Db,
    clock: Clock,
    calendar: Calendar,
}

impl Keeper {
    /// Whoever opens the page of figures first finds this quarter's and the last one's.
    pub const fn new(db: Db, clock: Clock, calendar: Calendar) -> Self {
        Self { db, clock, calendar }
    }

    /// Counts the one sheet that is the most waited for. False: all are as they should be, or were counted just now.
    pub async fn step(&mut self) -> Result<bool> {
        let now = self.clock.millis();
        self.enlist(now).await?;
        let Some((scope, selection, before)) = self.next(now).await? else { return Ok(false) };
        let begun = on!(self.db.write, |pool, sql| sqlx::query(sql(&BEGIN))
            .bind(&scope)
            .bind(&before)
            .bind(now + COUNTING)
            .bind(now)
            .execute(pool)
            .await
            .map(affected))?;
        if begun == 0 {
            // Another node was faster.
            return Ok(true);
        }
        let counted = async {
            let mut tx = self.db.view().await?;
            count(&mut tx, &selection, now).await
        }
        .await;
        match counted {
            Ok((sheet, mark)) => {
                let took = self.clock.millis() - now;
                on!(self.db.write, |pool, sql| sqlx::query(sql(&STORE))
                    .bind(&scope)
                    .bind(&mark)
                    .bind(sheet.turns_at)
                    .bind(sheet.write())
                    .bind(now)
                    .bind(took)
                    .execute(pool)
                    .await
                    .map(affected))?;
                Ok(true)
            }
            Err(error) => {
                on!(self.db.write, |pool, sql| sqlx::query(sql(&GIVE_UP)).bind(&scope).execute(pool).await.map(affected))?;
                Err(error)
            }
        }
    }

    /// Every run has a sheet, and so have the two quarters that the page opens with; what nobody looks at is forgotten.
    async fn enlist(&self, now: i64) -> Result<()> {
        let new: Vec<i64> = on!(self.db.read, |pool, sql| sqlx::query_scalar(sql(&NEW)).bind(NEW_RUNS).fetch_all(pool).await)?;
        for run in new {
            want(&self.db, &Selection { run: Some(run), ..Selection::default() }, now).await?;
        }
        let today = self.clock.today();
        let current = self.calendar.containing(Span::Quarter, today);
        for period in current.into_iter().chain(current.and_then(|current| self.calendar.previous(&current))) {
            let selection = Selection::of(&period);
            if look(&self.db, &selection, now).await?.1 {
                want(&self.db, &selection, now).await?;
            }
        }
        let since = now - i64::try_from(INTEREST.as_millis()).unwrap_or(0);
        on!(self.db.write, |pool, sql| sqlx::query(sql(&FORGET)).bind(since).execute(pool).await.map(affected))?;
        Ok(())
    }

    /// The sheet to count next, with the mark that it had: of those that are not what counting again would give.
    async fn next(&self, now: i64) -> Result<Option<(String, Selection, String)>> {
        let mut tx = self.db.view().await?;
        let waiting: Vec<(String, String, String, Option<i64>)> =
            within!(&mut tx, |c, sql| { sqlx::query_as(sql(&WAITING)).bind(now).bind(SHARE).bind(REST).fetch_all(c).await })?;
        let all = runs(&mut tx, &Selection::default()).await?;
        let tallies: Vec<(i64, i64)> = within!(&mut tx, |c, sql| sqlx::query_as(sql(&CHANGES)).fetch_all(c).await)?;
        let orders: Vec<(i64, i64, i64)> = within!(&mut tx, |c, sql| sqlx::query_as(sql(&ORDERS)).fetch_all(c).await)?;
        let changes = Changes::new(tallies, orders);
        let around = around(&mut tx).await?;
        Ok(waiting.into_iter().find_map(|(scope, selection, was, turns_at)| {
            let selection: Selection = serde_json::from_str(&selection).ok()?;
            let stale = mark(all.iter().filter(|run| selection.takes(run)), &changes, &around) != was
                || turns_at.is_some_and(|at| at <= now);
            stale.then_some((scope, selection, was))
        }))
    }
}

static COUNTED: Sql = Sql::new(
    r"SELECT scope, selection, run, mark, turns_at, body, counted_at FROM figure WHERE mark <> '' ORDER BY run IS NULL, run, scope",
);

type Counted = (String, String, Option<i64>, String, Option<i64>, String, i64);

/// Recounts kept figures over a snapshot of the caller's, each as of the moment for which it was kept: how many were compared,
/// and the selections (JSON) whose figures are wrong. What has changed since is on its way to be counted anew and is left out.
pub async fn wrong(tx: &mut Tx) -> Result<(i64, Vec<String>)> {
    let rows: Vec<Counted> = within!(tx, |c, sql| sqlx::query_as(sql(&COUNTED)).fetch_all(c).await)?;
    let (mut compared, mut wrong) = (0, Vec::new());
    for (key, text, run, was, turns_at, body, counted_at) in rows {
        let selection: Option<Selection> = serde_json::from_str(&text).ok();
        let Some(selection) = selection.filter(|selection| selection.run == run && scope(selection).0 == key) else {
            compared += 1;
            wrong.push(text);
            continue;
        };
        let (runs, mark) = marked(tx, &selection).await?;
        if mark != was {
            continue;
        }
        compared += 1;
        let whole = |sheet: &Sheet| (&sheet.selection, sheet.at, sheet.turns_at) == (&selection, counted_at, turns_at);
        let holds = match Sheet::read(&body).filter(whole) {
            None => false,
            Some(kept) => of_rows(Sheet::count(tx, &selection, &runs, &Cut::ALL, kept.at).await?) == of_rows(kept),
        };
        if !holds {
            wrong.push(text);
        }
    }
    Ok((compared, wrong))
}

/// What the rows tell of: groups are those of today, and outlets are called what they are called now.
fn of_rows(mut sheet: Sheet) -> Sheet {
    sheet.cuts.remove(&Cut::Group);
    sheet.relayed = sheet.relayed.map(Relayed::without_outlets);
    sheet
}

static BODY: Sql = Sql::new(r"SELECT body FROM figure WHERE scope = $1 AND body <> ''");

/// The kept sheet of a selection as it is written; none: it was not counted yet.
pub(super) async fn body(tx: &mut Tx, selection: &Selection) -> Result<Option<String>> {
    within!(tx, |c, sql| sqlx::query_scalar(sql(&BODY)).bind(scope(selection).0).fetch_optional(c).await)
}
