//! What is to be decided, and what was: one row for each content that somebody asked to have released.
//!
//! What enters: a content that is kept, with whoever wrote at it and sent it. What leaves: rows that say everything that a page and a
//! record need; what people decide about them is [`super::decision`]'s. What can go wrong is only the database, and a number that
//! no submission has.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Delegation, Refusal, refusal::Done};
use crate::{
    audit::Actor,
    campaign::Source,
    db::{Db, Result, Sql, Tx, affected},
    definition, on, phrase, within,
    words::Phrase,
};

/// How a submission stands. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(i16)]
pub enum Standing {
    /// Nobody has decided yet.
    Waiting = 0,
    /// It may run.
    Approved = 1,
    /// It goes back to its writer, with a comment.
    Returned = 2,
    /// Whoever sent it took it back.
    Withdrawn = 3,
    /// A later one took its place before anybody decided.
    Superseded = 4,
}

impl Standing {
    /// The one with this number.
    pub const fn from_number(number: i16) -> Self {
        match number {
            0 => Self::Waiting,
            1 => Self::Approved,
            2 => Self::Returned,
            3 => Self::Withdrawn,
            _ => Self::Superseded,
        }
    }

    /// What people read.
    pub fn phrase(self) -> Phrase {
        match self {
            Self::Waiting => phrase!("Chờ phê duyệt", "Waiting for approval"),
            Self::Approved => phrase!("Đã phê duyệt", "Approved"),
            Self::Returned => phrase!("Trả lại để sửa", "Returned"),
            Self::Withdrawn => phrase!("Đã rút", "Withdrawn"),
            Self::Superseded => phrase!("Có bản khác thay", "Superseded"),
        }
    }
}

/// Somebody who wrote at a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Writer {
    /// The console's user; none: a command.
    pub user: Option<i64>,
    /// As it was shown then.
    pub name: String,
}

impl Writer {
    /// Whoever acts, as a writer.
    pub fn of(actor: &Actor) -> Self {
        Self { user: actor.user, name: actor.name.clone() }
    }

    /// Whether this is the same person; one known by a name alone goes by the name.
    pub fn is(&self, actor: &Actor) -> bool {
        match (self.user, actor.user) {
            (Some(one), Some(other)) => one == other,
            _ => self.name.to_lowercase() == actor.name.to_lowercase(),
        }
    }
}

/// A content that is, or was, to be decided.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Submission {
    /// Its number.
    pub id: i64,
    /// The campaign.
    pub slug: String,
    /// The content: see [`Source::hash`].
    pub hash: String,
    /// The console's version; none: a file.
    pub version: Option<i64>,
    /// The campaign's title in it.
    pub title: String,
    /// The campaign's owner in it.
    pub owner: String,
    /// 0 awareness, 1 warning.
    pub kind: i16,
    /// JSON: see [`Submission::writers`].
    pub writers: String,
    /// Who sent it.
    pub sent_by: Option<i64>,
    /// Their name; empty: a file that was changed.
    pub sent_name: String,
    /// When.
    pub sent_at: i64,
    /// What they said to it.
    pub note: String,
    /// See [`Submission::standing`].
    pub state: i16,
    /// Who decided.
    pub decided_by: Option<i64>,
    /// Their name.
    pub decided_name: Option<String>,
    /// When.
    pub decided_at: Option<i64>,
    /// Whom they stood in for.
    pub instead_of: Option<String>,
    /// What they said.
    pub comment: String,
    /// Whether one person released it alone.
    pub emergency: bool,
    /// Who looked at that afterwards.
    pub reviewed_by: Option<i64>,
    /// Their name.
    pub reviewed_name: Option<String>,
    /// When.
    pub reviewed_at: Option<i64>,
    /// Whether it was right.
    pub was_right: Option<bool>,
    /// What they said.
    pub review: String,
    /// JSON: whom it would go to and what that costs; none: not counted yet.
    pub estimate: Option<String>,
}

impl Submission {
    /// How it stands.
    pub const fn standing(&self) -> Standing {
        Standing::from_number(self.state)
    }

    /// Whoever wrote at it since the last approval; of a file nobody knows.
    pub fn writers(&self) -> Vec<Writer> {
        serde_json::from_str(&self.writers).unwrap_or_default()
    }

    /// Whether somebody may not decide about it because it is their work: they wrote at it, or sent a file whose writer nobody
    /// knows.
    pub fn is_written_by(&self, actor: &Actor) -> bool {
        let sender = Writer { user: self.sent_by, name: self.sent_name.clone() };
        let writers = self.writers();
        let sender_counts = writers.is_empty() && !self.sent_name.is_empty();
        writers.iter().any(|writer| writer.is(actor)) || (sender_counts && sender.is(actor))
    }
}

macro_rules! submission_columns {
    () => {
        "id, slug, hash, version, title, owner, kind, writers, sent_by, sent_name, sent_at, note, state, decided_by, decided_name,
         decided_at, instead_of, comment, emergency, reviewed_by, reviewed_name, reviewed_at, was_right, review, estimate"
    };
}

static SUPERSEDE: Sql = Sql::new(r"UPDATE submission SET state = 4, decided_at = $2 WHERE slug = $1 AND state = 0");

static INSERT: Sql = Sql::new(
    r"INSERT INTO submission (slug, hash, version, title, owner, kind, writers, sent_by, sent_name, sent_at, note, state, comment,
                              emergency, review)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, '', false, '') RETURNING id",
);

static GET: Sql = Sql::new(concat!("SELECT ", submission_columns!(), " FROM submission s WHERE id = $1"));

static LOCK: Sql = Sql::new(concat!("SELECT ", submission_columns!(), " FROM submission s WHERE id = $1 :lock(s)"));

static WAITING: Sql =
    Sql::new(concat!("SELECT ", submission_columns!(), " FROM submission s WHERE state = 0 ORDER BY kind DESC, id"));

static WAITING_FOR: Sql =
    Sql::new(concat!("SELECT ", submission_columns!(), " FROM submission s WHERE state = 0 AND slug = $1 :lock(s)"));

static TO_REVIEW: Sql = Sql::new(concat!(
    "SELECT ",
    submission_columns!(),
    " FROM submission s WHERE emergency AND reviewed_at IS NULL AND state = 1 ORDER BY id"
));

static LATEST: Sql =
    Sql::new(concat!("SELECT ", submission_columns!(), " FROM submission s WHERE slug = $1 ORDER BY id DESC LIMIT 1"));

static OF_CAMPAIGN: Sql =
    Sql::new(concat!("SELECT ", submission_columns!(), " FROM submission s WHERE slug = $1 ORDER BY id DESC LIMIT 200"));

static LAST_OF_EACH: Sql = Sql::new(concat!(
    "SELECT ",
    submission_columns!(),
    " FROM submission s WHERE id IN (SELECT max(l.id) FROM submission l GROUP BY l.slug)"
));

static DECIDED: Sql = Sql::new(concat!(
    "SELECT ",
    submission_columns!(),
    " FROM submission s WHERE decided_at IS NOT NULL AND state IN (1, 2) ORDER BY decided_at DESC, id DESC LIMIT $1"
));

static SETTLE: Sql = Sql::new(
    r"UPDATE submission SET state = $2, decided_by = $3, decided_name = $4, decided_at = $5, instead_of = $6, comment = $7
      WHERE id = $1",
);

static ESTIMATE: Sql = Sql::new(r"UPDATE submission SET estimate = $2 WHERE id = $1");

/// A content to be decided.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// What runs if it is approved.
    pub source: &'a Source,
    /// The segments that are kept with it.
    pub segments: &'a str,
    /// The console's version; none: a file.
    pub version: Option<i64>,
    /// Whoever wrote at it since the last approval.
    pub writers: BTreeSet<Writer>,
    /// Who sends it; none: a file that was changed.
    pub sender: Option<&'a Actor>,
    /// What they say to it.
    pub note: &'a str,
}

/// Asks for a decision, and keeps the content. What waited of the same campaign is superseded.
pub(crate) async fn submit(tx: &mut Tx, new: &New<'_>, now: i64) -> Result<i64> {
    let campaign = &new.source.campaign;
    definition::freeze(tx, new.source, new.segments, now).await?;
    within!(tx, |c, sql| sqlx::query(sql(&SUPERSEDE)).bind(&campaign.slug).bind(now).execute(c).await.map(affected))?;
    within!(tx, |c, sql| {
        sqlx::query_scalar(sql(&INSERT))
            .bind(&campaign.slug)
            .bind(&new.source.hash)
            .bind(new.version)
            .bind(&campaign.title)
            .bind(&campaign.owner)
            .bind(campaign.kind as i16)
            .bind(json!(new.writers).to_string())
            .bind(new.sender.and_then(|sender| sender.user))
            .bind(new.sender.map_or("", |sender| sender.name.as_str()))
            .bind(now)
            .bind(new.note)
            .fetch_one(c)
            .await
    })
}

/// One submission.
pub async fn get(db: &Db, id: i64) -> Done<Submission> {
    let found: Option<Submission> = on!(db.read, |pool, sql| sqlx::query_as(sql(&GET)).bind(id).fetch_optional(pool).await)?;
    found.ok_or(Refusal::Unknown(id))
}

/// The same, locked: whoever decides about it waits for whoever was first.
pub(super) async fn locked(tx: &mut Tx, id: i64) -> Result<Option<Submission>> {
    within!(tx, |c, sql| sqlx::query_as(sql(&LOCK)).bind(id).fetch_optional(c).await)
}

/// What nobody has decided yet: warnings first, then the oldest.
pub async fn waiting(db: &Db) -> Result<Vec<Submission>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&WAITING)).fetch_all(pool).await)
}

/// What waits of one campaign.
pub(crate) async fn waiting_for(tx: &mut Tx, slug: &str) -> Result<Option<Submission>> {
    within!(tx, |c, sql| sqlx::query_as(sql(&WAITING_FOR)).bind(slug).fetch_optional(c).await)
}

/// Emergency approvals that nobody else has looked at yet, oldest first.
pub async fn to_review(db: &Db) -> Result<Vec<Submission>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&TO_REVIEW)).fetch_all(pool).await)
}

/// Ends what waits of a campaign without a decision.
pub(crate) async fn drop_waiting(tx: &mut Tx, slug: &str, standing: Standing, actor: &Actor, now: i64) -> Result<()> {
    if let Some(waiting) = waiting_for(tx, slug).await? {
        settle(tx, waiting.id, standing, actor, None, "", now).await?;
    }
    Ok(())
}

/// The submissions of one campaign, newest first.
pub async fn of_campaign(db: &Db, slug: &str) -> Result<Vec<Submission>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&OF_CAMPAIGN)).bind(slug).fetch_all(pool).await)
}

/// The last submission of a campaign.
pub(crate) async fn latest(tx: &mut Tx, slug: &str) -> Result<Option<Submission>> {
    within!(tx, |c, sql| sqlx::query_as(sql(&LATEST)).bind(slug).fetch_optional(c).await)
}

/// The last submission of every campaign.
pub async fn last_of_each(db: &Db) -> Result<Vec<Submission>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&LAST_OF_EACH)).fetch_all(pool).await)
}

/// What was approved or returned last.
pub async fn decided(db: &Db, most: i64) -> Result<Vec<Submission>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&DECIDED)).bind(most).fetch_all(pool).await)
}

/// Keeps what was counted for a submission.
pub async fn keep_estimate(db: &Db, id: i64, estimate: &str) -> Result<()> {
    on!(db.write, |pool, sql| sqlx::query(sql(&ESTIMATE)).bind(id).bind(estimate).execute(pool).await.map(affected)).map(drop)
}

/// Writes a decision down.
pub(super) async fn settle(
    tx: &mut Tx,
    id: i64,
    standing: Standing,
    actor: &Actor,
    stands_in: Option<&Delegation>,
    comment: &str,
    now: i64,
) -> Result<()> {
    within!(tx, |c, sql| {
        sqlx::query(sql(&SETTLE))
            .bind(id)
            .bind(standing as i16)
            .bind(actor.user)
            .bind(&actor.name)
            .bind(now)
            .bind(stands_in.map(|delegation| delegation.approver_name.as_str()))
            .bind(comment)
            .execute(c)
            .await
            .map(affected)
    })
    .map(drop)
}
