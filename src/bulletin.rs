//! Bulletins: warnings that others publish, above all the national authority, and the draft warnings that are made of them.
//!
//! What enters: the feeds of `[[bulletins]]`, looked at again and again ([`poll`]), and documents that somebody brings where this
//! machine has no way out ([`paste`]). What leaves: one row a bulletin, and of each that concerns us one draft of a warning
//! ([`take`], [`make`]), in the same transaction and never twice, however many nodes look; an officer finishes it, and it goes out by the
//! same approval as every other. What can go wrong: a source does not answer (it is asked again, ever more rarely), a document is no
//! feed, or a signature is not that of the pinned certificate: then the bulletin is refused, and stands there with the reason.
//!
//! What a source said is kept as it came. It is shown as text, never as markup, and in drafts it is words, never a placeholder.

mod draft;
mod fetch;
mod make;
pub mod paste;
pub mod poll;
mod read;
mod state;
mod take;

use serde_json::json;

pub use make::promote;
pub use read::{MAX_BYTES, Read, Unreadable};
pub use state::{Kind, Signature, Standing, State, Why};
pub use take::{Became, FIRST_DAYS, FIRST_MOST, MOST_AT_ONCE, OLD_DAYS};

use crate::{
    audit::{self, Actor},
    db::{Db, Result, Sql, Tx, affected},
    on, transaction,
    user::Scope,
    within,
    words::Phrase,
};

/// A bulletin as lists show it. Times are unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Bulletin {
    /// Its number.
    pub id: i64,
    /// The department that sees it; empty: all do.
    pub owner: String,
    /// The source, as its settings or whoever brought it name it.
    pub source: String,
    state: i16,
    why: i16,
    /// When it was first seen.
    pub seen_at: i64,
    /// Who brought it; empty: it was found by looking.
    pub seen_by: String,
    /// Who says it, as people are told.
    pub publisher: String,
    /// Its title.
    pub title: String,
    /// A page that says more.
    pub link: Option<String>,
    /// When it was written, as it says itself.
    pub at: Option<i64>,
    kind: i16,
    signature: i16,
    remark: String,
    /// The bulletin that it updates, cancels or repeats.
    pub earlier: Option<i64>,
    /// The draft that was made of it.
    pub campaign: Option<String>,
    /// When its source last changed, updated or cancelled it.
    pub changed_at: Option<i64>,
    /// When somebody last said that they saw that.
    pub looked_at: Option<i64>,
    /// When it was dismissed.
    pub decided_at: Option<i64>,
    /// By whom.
    pub decided_by: String,
    /// Why.
    pub reason: String,
    submission: Option<i16>,
    run: Option<i64>,
    archived: bool,
}

impl Bulletin {
    /// What was done with it.
    pub const fn state(&self) -> State {
        State::from_number(self.state)
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        let why = Why::from_number(self.why).unwrap_or(Why::Older);
        match self.state() {
            State::Noted => Standing::Noted(why),
            State::Dismissed => Standing::Dismissed,
            State::Refused => Standing::Refused(why),
            State::Drafted => match (self.run, self.submission) {
                (Some(run), _) => Standing::Sent(run),
                (None, _) if self.archived => Standing::Archived,
                // Waiting, or approved; what came back is a draft again.
                (None, Some(0 | 1)) => Standing::Submitted,
                (None, _) => Standing::Waiting,
            },
        }
    }

    /// What is known of its signature.
    pub const fn signature(&self) -> Signature {
        Signature::from_number(self.signature)
    }

    /// What its CAP document does.
    pub const fn kind(&self) -> Kind {
        Kind::from_number(self.kind)
    }

    /// What else is to be known of it.
    pub fn remark(&self) -> Option<Phrase> {
        unpack(&self.remark)
    }

    /// Whether its source changed it since somebody last looked.
    pub fn is_changed(&self) -> bool {
        self.changed_at.is_some_and(|changed| self.looked_at.is_none_or(|looked| looked < changed))
    }

    /// Whether a draft may still be made of it by a person.
    pub fn may_be_promoted(&self) -> bool {
        matches!(self.standing(), Standing::Noted(why) if !matches!(why, Why::Withdraws | Why::Repeated | Why::Answer))
    }
}

/// What a bulletin says, now and when its draft was made.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Said {
    /// Plain text.
    pub body: String,
    /// As it came.
    pub raw: String,
    /// Its title when the draft was made.
    pub made_title: String,
    /// Its text then.
    pub made_body: String,
}

/// Words in both languages, as a column keeps them.
fn pack(words: &Phrase) -> String {
    json!([words.vi, words.en]).to_string()
}

fn unpack(kept: &str) -> Option<Phrase> {
    let [vi, en]: [String; 2] = serde_json::from_str(kept).ok()?;
    Some(Phrase { vi, en })
}

macro_rules! bulletin_columns {
    () => {
        "b.id, b.owner, b.source, b.state, b.why, b.seen_at, b.seen_by, b.publisher, b.title, b.link, b.at, b.kind, b.signature,
         b.remark, b.earlier, b.campaign, b.changed_at, b.looked_at, b.decided_at, b.decided_by, b.reason,
         (SELECT s.state FROM submission s WHERE s.slug = b.campaign ORDER BY s.id DESC LIMIT 1) AS submission,
         (SELECT w.run FROM warning w WHERE w.slug = b.campaign) AS run,
         EXISTS (SELECT 1 FROM archived a WHERE a.slug = b.campaign) AS archived"
    };
}

static LIST: Sql =
    Sql::new(concat!("SELECT ", bulletin_columns!(), " FROM bulletin b WHERE b.id < $1 ORDER BY b.id DESC LIMIT $2"));

static OPEN: Sql = Sql::new(concat!(
    "SELECT ",
    bulletin_columns!(),
    " FROM bulletin b WHERE b.state = 1 AND NOT EXISTS (SELECT 1 FROM warning w WHERE w.slug = b.campaign AND w.run IS NOT NULL)
      ORDER BY b.id DESC LIMIT $1"
));

static CHANGED: Sql = Sql::new(concat!(
    "SELECT ",
    bulletin_columns!(),
    " FROM bulletin b WHERE b.changed_at IS NOT NULL AND b.changed_at > coalesce(b.looked_at, 0) ORDER BY b.id DESC LIMIT $1"
));

static ONE: Sql = Sql::new(concat!("SELECT ", bulletin_columns!(), " FROM bulletin b WHERE b.id = $1"));

static OF_CAMPAIGN: Sql = Sql::new(concat!("SELECT ", bulletin_columns!(), " FROM bulletin b WHERE b.campaign = $1"));

static LATER: Sql =
    Sql::new(concat!("SELECT ", bulletin_columns!(), " FROM bulletin b WHERE b.earlier = $1 ORDER BY b.id LIMIT 50"));

static SAID: Sql = Sql::new(r"SELECT body, raw, made_title, made_body FROM bulletin WHERE id = $1");

static DISMISS: Sql = Sql::new(
    r"UPDATE bulletin SET state = 2, decided_at = $2, decided_by = $3, reason = $4
      WHERE id = $1 AND state < 2 AND NOT EXISTS (SELECT 1 FROM warning w WHERE w.slug = bulletin.campaign AND w.run IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM submission s WHERE s.slug = bulletin.campaign AND s.state = 0)",
);

static LOOKED: Sql = Sql::new(
    r"UPDATE bulletin SET looked_at = $2 WHERE id = $1 AND changed_at IS NOT NULL AND changed_at <= $2 AND coalesce(looked_at, 0) < changed_at",
);

// What a department of that name had before it was removed stays: a bulletin stands once.
static RENAMED: Sql = Sql::new(
    r"UPDATE bulletin SET owner = $2
      WHERE owner = $1 AND NOT EXISTS (SELECT 1 FROM bulletin o WHERE o.owner = $2
                                         AND ((o.source = bulletin.source AND o.guid = bulletin.guid) OR o.alert = bulletin.alert))",
);
static SOURCES_RENAMED: Sql = Sql::new(r"UPDATE bulletin_source SET owner = $2 WHERE owner = $1");

/// Rows that are looked through at once for those that somebody sees.
const CHUNK: i64 = 200;
/// How often that is done for one page.
const CHUNKS: usize = 10;
/// Bulletins that wait, or changed, that are told of.
const TOLD: i64 = 500;

/// What a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Which {
    /// Those that somebody must do something about: drafts, and what changed.
    #[default]
    Open,
    /// All of them.
    All,
}

/// A page of bulletins that somebody of these departments sees, the latest first, those before a number; and whether there are more.
pub async fn list(db: &Db, scope: &Scope, before: Option<i64>, most: usize) -> Result<(Vec<Bulletin>, bool)> {
    let (mut seen, mut before) = (Vec::new(), before.unwrap_or(i64::MAX));
    for _ in 0..CHUNKS {
        let rows: Vec<Bulletin> =
            on!(db.read, |pool, sql| sqlx::query_as(sql(&LIST)).bind(before).bind(CHUNK).fetch_all(pool).await)?;
        let Some(last) = rows.last().map(|row| row.id) else { return Ok((seen, false)) };
        let whole = i64::try_from(rows.len()).is_ok_and(|n| n == CHUNK);
        for row in rows.into_iter().filter(|row| scope.sees(&row.owner)) {
            if seen.len() == most {
                return Ok((seen, true));
            }
            seen.push(row);
        }
        if !whole {
            return Ok((seen, false));
        }
        before = last;
    }
    Ok((seen, true))
}

/// Those that somebody must do something about: drafts that wait for an officer, and what a source changed, updated or cancelled since
/// somebody last looked.
pub async fn open(db: &Db) -> Result<Vec<Bulletin>> {
    let mut all: Vec<Bulletin> = on!(db.read, |pool, sql| sqlx::query_as(sql(&OPEN)).bind(TOLD).fetch_all(pool).await)?;
    all.retain(|one| one.standing() == Standing::Waiting);
    let changed: Vec<Bulletin> = on!(db.read, |pool, sql| sqlx::query_as(sql(&CHANGED)).bind(TOLD).fetch_all(pool).await)?;
    all.extend(changed.into_iter().filter(|one| one.standing() != Standing::Waiting));
    all.sort_by_key(|one| std::cmp::Reverse(one.id));
    Ok(all)
}

/// The bulletin of this number.
pub async fn one(db: &Db, id: i64) -> Result<Option<Bulletin>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&ONE)).bind(id).fetch_optional(pool).await)
}

/// The bulletin that a draft was made of.
pub async fn of_campaign(db: &Db, slug: &str) -> Result<Option<Bulletin>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&OF_CAMPAIGN)).bind(slug).fetch_optional(pool).await)
}

/// Those that update, cancel or repeat one.
pub async fn later(db: &Db, id: i64) -> Result<Vec<Bulletin>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&LATER)).bind(id).fetch_all(pool).await)
}

/// What it says.
pub async fn said(db: &Db, id: i64) -> Result<Option<Said>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&SAID)).bind(id).fetch_optional(pool).await)
}

/// The longest reason, in characters.
const REASON: usize = 500;

/// Says that a bulletin does not concern us, and why: its draft is put away. False: it is decided already, waits for approval, or was
/// sent.
pub async fn dismiss(db: &Db, bulletin: &Bulletin, reason: &str, actor: &Actor, now: i64) -> Result<bool> {
    let reason: String = reason.trim().chars().take(REASON).collect();
    transaction!(db, |tx| {
        let done = within!(tx, |c, sql| {
            sqlx::query(sql(&DISMISS)).bind(bulletin.id).bind(now).bind(&actor.name).bind(&reason).execute(c).await.map(affected)
        })?;
        if done == 0 {
            return Ok(false);
        }
        if let Some(slug) = &bulletin.campaign {
            crate::edition::archive(tx, slug, actor, now).await?;
            crate::run::warning::forget(tx, slug).await?;
        }
        let after = json!({ "title": bulletin.title, "source": bulletin.source, "draft": bulletin.campaign, "reason": reason });
        audit::record(tx, actor, "bulletin.dismiss", &bulletin.id.to_string(), None, Some(&after), now).await?;
        Ok(true)
    })
}

/// Says that somebody saw what a source changed. False: there is nothing of the kind.
pub async fn look(db: &Db, id: i64, actor: &Actor, now: i64) -> Result<bool> {
    transaction!(db, |tx| {
        let done = within!(tx, |c, sql| sqlx::query(sql(&LOOKED)).bind(id).bind(now).execute(c).await.map(affected))?;
        if done == 1 {
            audit::record(tx, actor, "bulletin.look", &id.to_string(), None, None, now).await?;
        }
        Ok(done == 1)
    })
}

/// Hands a department's bulletins over to the name that it has now.
pub async fn renamed(tx: &mut Tx, was: &str, is: &str) -> Result<()> {
    for statement in [&RENAMED, &SOURCES_RENAMED] {
        within!(tx, |c, sql| sqlx::query(sql(statement)).bind(was).bind(is).execute(c).await.map(affected))?;
    }
    Ok(())
}
