//! The work on uploaded lists, one at a time: going through them, taking them in, throwing away what is over.

use std::{fs, io, path::PathBuf, time::Duration};

use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;

use super::{
    BadRow, Failure, Kind, NAME, Outcome, REJECTED, SHOWN, SPOOLED, State, UNCONFIRMED_KEPT, Upload, rejected_path, written,
};
use crate::{
    audience::{
        block::{self, Binds},
        import::{self, Order, Progress, Rejection},
        list,
    },
    audit::{self, Actor, Via},
    clock::Clock,
    db::{Db, Result, Sql, affected},
    on, phrase,
    seal::Seal,
    transaction, user, within,
    words::Phrase,
};

/// How long a list is this process's after its last sign of life (milliseconds).
const LEASE: i64 = 60_000;
/// How often progress is written down, which also is that sign.
const PROGRESS: Duration = Duration::from_millis(500);
/// How long a confirmed list waits for the process that has its file (milliseconds).
const LOST: i64 = 7 * 24 * 3_600_000;
/// Lists that are thrown away in one step.
const AT_ONCE: i64 = 100;

static NEXT: Sql = Sql::new(concat!(
    "SELECT ",
    upload_columns!(),
    " FROM upload WHERE finished_at IS NULL AND state IN (0, 2) AND lease_until <= $1 ORDER BY id LIMIT 20"
));

static TAKE: Sql = Sql::new(
    r"UPDATE upload SET lease_until = $3 WHERE id = $1 AND state = $2 AND lease_until <= $4 AND finished_at IS NULL AND settings = $5",
);

static PROGRESSED: Sql = Sql::new(r"UPDATE upload SET done = $2, length = $3, lease_until = $4 WHERE id = $1");

static CHECKED: Sql = Sql::new(
    r"UPDATE upload SET state = $2, outcome = $3, failure = $4, lease_until = 0 WHERE id = $1 AND state = 0 AND settings = $5",
);

static TAKEN_IN: Sql = Sql::new(
    r"UPDATE upload SET state = $2, outcome = $3, failure = $4, rejected = $5, lease_until = 0, done = length,
        finished_at = CASE WHEN CAST($2 AS SMALLINT) = 3 THEN CAST($6 AS BIGINT) END
      WHERE id = $1 AND state = 2",
);

// One that was confirmed and that nobody took in for long has lost its file, or the node that had it.
static FORGOTTEN: Sql = Sql::new(
    r"UPDATE upload SET state = 5, finished_at = $1 WHERE id IN
      (SELECT id FROM upload WHERE finished_at IS NULL AND (state IN (0, 1, 4) AND created_at < $2
         OR state = 2 AND created_at < $3 AND lease_until < $1) ORDER BY id LIMIT $4) RETURNING file",
);

static UNFETCHED: Sql = Sql::new(
    r"UPDATE upload SET rejected = false WHERE id IN
      (SELECT id FROM upload WHERE rejected AND finished_at < $1 ORDER BY id LIMIT $2) RETURNING file",
);

static WAITED_FOR: Sql = Sql::new(
    r"SELECT u.file, u.finished_at IS NULL AS is_open, u.rejected FROM :rows($1; file TEXT) AS l JOIN upload u ON u.file = l.file",
);

static FORGET: Sql = Sql::new(r"DELETE FROM upload WHERE finished_at < $1");

/// Works on uploaded lists.
pub struct Intake {
    /// The database.
    pub db: Db,
    /// Seals addresses.
    pub seal: Seal,
    /// The clock.
    pub clock: Clock,
    /// Where the files are.
    pub folder: PathBuf,
}

impl Intake {
    /// Works on the next list whose file is here. Whether there was one.
    pub async fn step(&self) -> Result<bool> {
        self.tidy().await?;
        let now = self.clock.millis();
        let waiting: Vec<Upload> = on!(self.db.read, |pool, sql| sqlx::query_as(sql(&NEXT)).bind(now).fetch_all(pool).await)?;
        for upload in waiting.into_iter().filter(|upload| self.folder.join(&upload.file).is_file()) {
            let taken = on!(self.db.write, |pool, sql| {
                sqlx::query(sql(&TAKE))
                    .bind(upload.id)
                    .bind(upload.state)
                    .bind(now + LEASE)
                    .bind(now)
                    .bind(&upload.settings)
                    .execute(pool)
                    .await
                    .map(affected)
            })?;
            if taken == 1 {
                match (upload.kind(), upload.state()) {
                    (Kind::Block, _) => self.block(&upload).await?,
                    (Kind::Audience, State::Checking) => self.check(&upload).await?,
                    (Kind::Audience, _) => self.take_in(&upload).await?,
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn order(&self, upload: &Upload) -> Order {
        let settings = upload.settings();
        let (lang, path) = (settings.lang(), self.folder.join(&upload.file));
        Order { path, source: settings.source, replace: settings.replace, lang }
    }

    /// Runs work that reports how far it is, and writes that down meanwhile.
    async fn followed<T>(&self, upload: &Upload, work: impl Future<Output = T>, seen: watch::Receiver<(u64, u64)>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(PROGRESS) => {
                    let (done, length) = *seen.borrow();
                    let lease = self.clock.millis() + LEASE;
                    let written: Result<u64> = on!(self.db.write, |pool, sql| {
                        let query = sqlx::query(sql(&PROGRESSED)).bind(upload.id).bind(signed(done)).bind(signed(length)).bind(lease);
                        query.execute(pool).await.map(affected)
                    });
                    if let Err(error) = written {
                        tracing::warn!(upload = upload.id, %error, "how far a list is could not be written down");
                    }
                }
            }
        }
    }

    async fn check(&self, upload: &Upload) -> Result<()> {
        let (order, reading) = (self.order(upload), upload.settings().reading);
        let (tell, seen) = watch::channel((0, 0));
        let progress = |progress: Progress| {
            tell.send_replace((progress.at, progress.length));
        };
        let work = import::check(&self.db, &self.seal, &self.clock, &order, &reading, progress);
        let (state, outcome, failure) = match self.followed(upload, work, seen).await {
            Ok(check) => (State::Checked, Some(Outcome::from(check)), None),
            Err(import::ImportError::Db(error)) => return Err(error),
            Err(error) => (State::Failed, None, Some(error.phrase())),
        };
        on!(self.db.write, |pool, sql| {
            sqlx::query(sql(&CHECKED))
                .bind(upload.id)
                .bind(state as i16)
                .bind(outcome.as_ref().map(written))
                .bind(failure.map(told))
                .bind(&upload.settings)
                .execute(pool)
                .await
                .map(affected)
        })?;
        Ok(())
    }

    async fn take_in(&self, upload: &Upload) -> Result<()> {
        let (order, settings) = (self.order(upload), upload.settings());
        let (tell, seen) = watch::channel((0, 0));
        let progress = |progress: Progress| {
            tell.send_replace((progress.at, progress.length));
        };
        let spared = self.spared(upload).await?;
        let work = import::import_as((&self.db, &self.seal, &self.clock), &order, &spared, &settings.reading, progress);
        let (outcome, failure) = match self.followed(upload, work, seen).await {
            Ok(summary) => (Some(Outcome::from(summary)), None),
            Err(import::ImportError::Db(error)) => return Err(error),
            Err(error) => (None, Some(error.phrase())),
        };
        self.finish(upload, outcome, failure).await
    }

    /// The lists of departments that whoever brought a list does not see: nobody is taken over from them, also where they became
    /// another department's, or people came onto them, since the list was checked.
    async fn spared(&self, upload: &Upload) -> Result<Vec<String>> {
        let user = match upload.by_user {
            Some(id) => user::find(&self.db, id).await?,
            None => None,
        };
        let owners = list::owners(&self.db).await?;
        let sees = |owner: &str| user.as_ref().is_some_and(|user| user.departments.sees(owner));
        Ok(owners.hidden(sees).into_iter().map(str::to_string).collect())
    }

    async fn block(&self, upload: &Upload) -> Result<()> {
        let settings = upload.settings();
        let binds = if settings.everything { Binds::Everything } else { Binds::Advertising };
        let order = block::Order { path: self.folder.join(&upload.file), name: settings.source, binds };
        let (tell, seen) = watch::channel((0, 0));
        let progress = |at, length| {
            tell.send_replace((at, length));
        };
        let work = block::import(&self.db, &self.seal, &self.clock, &order, progress);
        let (outcome, failure) = match self.followed(upload, work, seen).await {
            Ok(summary) => (Some(Outcome::from(summary)), None),
            Err(block::BlockError::Db(error)) => return Err(error),
            Err(error) => (None, Some(error.phrase())),
        };
        self.finish(upload, outcome, failure).await
    }

    /// Writes down what became of a list, gives it to its department, and removes its file.
    async fn finish(&self, upload: &Upload, outcome: Option<Outcome>, failure: Option<Phrase>) -> Result<()> {
        let (now, settings) = (self.clock.millis(), upload.settings());
        let done = outcome.is_some();
        let state = if done { State::Done } else { State::Failed };
        let rejected = upload.kind() == Kind::Audience && outcome.as_ref().is_some_and(|outcome| outcome.rejected > 0);
        let failure = failure.map(told);
        let actor = Actor { user: upload.by_user, name: upload.by_whom.clone(), from: None, via: Via::Console };
        let action = if upload.kind() == Kind::Block { "block_list.import" } else { "audience.import" };
        let written_down = outcome.as_ref().map(|outcome| {
            json!({
                "upload": upload.id, "rows": outcome.rows, "added": outcome.added, "updated": outcome.updated,
                "retired": outcome.retired, "rejected": outcome.rejected, "replace": settings.replace, "owner": settings.owner,
            })
        });
        let outcome = outcome.as_ref().map(written);
        transaction!(self.db, |tx| {
            within!(tx, |c, sql| {
                sqlx::query(sql(&TAKEN_IN))
                    .bind(upload.id)
                    .bind(state as i16)
                    .bind(&outcome)
                    .bind(&failure)
                    .bind(rejected)
                    .bind(now)
                    .execute(c)
                    .await
                    .map(affected)
            })?;
            if let Some(after) = &written_down {
                if upload.kind() == Kind::Audience {
                    list::give(tx, &settings.source, &settings.owner).await?;
                }
                audit::record(tx, &actor, action, &settings.source, None, Some(after), now).await?;
            }
            Ok(())
        })?;
        if done {
            self.remove(&upload.file);
        }
        Ok(())
    }

    /// Throws away what nobody confirmed or fetched in time.
    async fn tidy(&self) -> Result<()> {
        let now = self.clock.millis();
        let forgotten: Vec<String> = on!(self.db.write, |pool, sql| {
            sqlx::query_scalar(sql(&FORGOTTEN))
                .bind(now)
                .bind(now - UNCONFIRMED_KEPT)
                .bind(now - LOST)
                .bind(AT_ONCE)
                .fetch_all(pool)
                .await
        })?;
        for file in &forgotten {
            self.remove(file);
        }
        let unfetched: Vec<String> = on!(self.db.write, |pool, sql| {
            sqlx::query_scalar(sql(&UNFETCHED)).bind(now - super::REJECTED_KEPT).bind(AT_ONCE).fetch_all(pool).await
        })?;
        for file in unfetched {
            gone(fs::remove_file(rejected_path(&self.folder, &file)), &file);
        }
        on!(self.db.write, |pool, sql| sqlx::query(sql(&FORGET)).bind(now - SHOWN).execute(pool).await.map(affected))?;
        self.sweep().await
    }

    /// Removes files that nobody waits for any more: half sent up, or of a list that is over, when a process died or another node had to do
    /// with it. A day old at least: younger ones may be on their way into a row.
    async fn sweep(&self) -> Result<()> {
        let old = self.old_files();
        if old.is_empty() {
            return Ok(());
        }
        let list = crate::db::list(&old.iter().map(|name| File { file: own(name).0 }).collect::<Vec<_>>());
        let rows: Vec<(String, bool, bool)> =
            on!(self.db.read, |pool, sql| sqlx::query_as(sql(&WAITED_FOR)).bind(&list).fetch_all(pool).await)?;
        let waited_for = |name: &String| {
            let (file, is_rejected) = own(name);
            rows.iter().any(|(kept, is_open, has_rejected)| kept == file && (*is_open || is_rejected && *has_rejected))
        };
        for name in old.iter().filter(|name| !waited_for(name)) {
            self.remove(name);
        }
        Ok(())
    }

    /// The names of files of ours that were written a day ago or earlier.
    fn old_files(&self) -> Vec<String> {
        let Ok(files) = fs::read_dir(&self.folder) else { return Vec::new() };
        let now = self.clock.now();
        let is_old = |file: &fs::DirEntry| {
            let changed = file.metadata().and_then(|about| about.modified()).map(chrono::DateTime::<chrono::Utc>::from);
            changed.is_ok_and(|at| (now - at).num_milliseconds() > UNCONFIRMED_KEPT)
        };
        let old =
            files.filter_map(std::result::Result::ok).filter(is_old).map(|file| file.file_name().to_string_lossy().into_owned());
        old.filter(|name| is_ours(name)).collect()
    }

    fn remove(&self, file: &str) {
        gone(fs::remove_file(self.folder.join(file)), file);
    }
}

/// The name of the list that a file is of, and whether it holds the list's refused rows.
fn own(name: &str) -> (&str, bool) {
    name.strip_suffix(REJECTED).map_or((name, false), |list| (list, true))
}

/// Whether a file has a name that we give: whatever else lies there is left alone.
fn is_ours(name: &str) -> bool {
    let (list, _) = own(name);
    name.starts_with(SPOOLED) || list.len() == 2 * NAME && list.bytes().all(|b| b.is_ascii_hexdigit())
}

#[derive(Serialize)]
struct File<'a> {
    file: &'a str,
}

/// A file that is not there is as good as removed: another node had it.
fn gone(removed: io::Result<()>, file: &str) {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::error!(file, %error, "an uploaded list could not be removed");
        }
        _ => {}
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn told(failure: Phrase) -> String {
    written(&Failure { vi: failure.vi, en: failure.en })
}

fn bad_rows(first: Vec<Rejection>) -> Vec<BadRow> {
    let row = |rejection: Rejection| {
        let line = rejection.line;
        rejection.problems.into_iter().map(move |problem| BadRow {
            line,
            column: problem.column,
            vi: problem.reason.vi,
            en: problem.reason.en,
        })
    };
    first.into_iter().flat_map(row).collect()
}

impl From<import::Check> for Outcome {
    fn from(check: import::Check) -> Self {
        let import::Check { rows, added, updated, repeated, rejected, retired, moved, first, ignored } = check;
        Self { rows, added, updated, repeated, rejected, retired, moved, first: bad_rows(first), ignored }
    }
}

impl From<import::Summary> for Outcome {
    fn from(summary: import::Summary) -> Self {
        let import::Summary { rows, added, updated, repeated, rejected, retired, first, ignored, .. } = summary;
        Self { rows, added, updated, repeated, rejected, retired, first: bad_rows(first), ignored, ..Self::default() }
    }
}

impl From<block::Summary> for Outcome {
    fn from(summary: block::Summary) -> Self {
        let block::Summary { rows, entries, removed, landlines, bad, first } = summary;
        let row = |bad: block::Bad| BadRow { line: bad.line, column: String::new(), vi: bad.reason.vi, en: bad.reason.en };
        let mut first: Vec<BadRow> = first.into_iter().map(row).collect();
        if landlines > 0 {
            let told = phrase!("{landlines} số cố định được bỏ qua", "{landlines} landlines were left out");
            first.push(BadRow { line: 0, column: String::new(), vi: told.vi, en: told.en });
        }
        Self { rows, added: entries, retired: removed, rejected: bad, first, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let name = "0123456789abcdef01234567";
        assert_eq!(own(&format!("{name}{REJECTED}")), (name, true));
        assert!(is_ours(name) && is_ours(&format!("{name}{REJECTED}")) && is_ours(".upload-x1"));
        for other in ["README", "0123456789abcdef0123456", "0123456789abcdef0123456x", "danh-sach.csv", REJECTED] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
