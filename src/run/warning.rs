//! Warnings on their way: campaigns that go out by themselves as soon as somebody approved them, once, and corrections of runs.
//!
//! What enters: a request, beside the campaign's draft; then somebody's approval of its content, wherever it is given. What leaves: one
//! run ([`send_approved`]), however many nodes look. What can go wrong: a definition that cannot be read; the others go.

use crate::{
    audit::{self, Actor},
    db::{Db, DbError, Result, Sql, Tx, affected},
    definition, on,
    run::again,
    transaction, within,
};

/// A warning, or a correction, as it was asked for. Times are unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Warning {
    /// Its campaign's slug.
    pub slug: String,
    /// The pattern that it was begun from.
    pub pattern: Option<String>,
    /// The run that it corrects.
    pub parent: Option<i64>,
    /// Who asked for it, as it is shown.
    pub requested_by: String,
    /// When.
    pub requested_at: i64,
    /// Its run, once it was sent.
    pub run: Option<i64>,
    /// When it was sent.
    pub sent_at: Option<i64>,
}

macro_rules! warning_columns {
    () => {
        "slug, pattern, parent, requested_by, requested_at, run, sent_at"
    };
}

static ASK: Sql = Sql::new(
    r"INSERT INTO warning (slug, pattern, parent, requested_by, requested_at) VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (slug) DO NOTHING",
);

static GET: Sql = Sql::new(concat!("SELECT ", warning_columns!(), " FROM warning WHERE slug = $1"));

static OF_RUN: Sql = Sql::new(concat!("SELECT ", warning_columns!(), " FROM warning WHERE run = $1"));

static CORRECTING: Sql =
    Sql::new(concat!("SELECT ", warning_columns!(), " FROM warning WHERE parent = $1 ORDER BY requested_at, slug"));

static OPEN: Sql = Sql::new(
    r"SELECT w.slug, e.title, e.owner, e.at FROM warning w JOIN edition e ON e.slug = w.slug
      WHERE w.run IS NULL AND e.version = (SELECT max(l.version) FROM edition l WHERE l.slug = w.slug)
      ORDER BY w.requested_at DESC, w.slug LIMIT $1",
);

static APPROVED: Sql = Sql::new(
    r"SELECT w.slug, a.hash FROM warning w JOIN approval a ON a.campaign = w.slug AND a.at >= w.requested_at AND a.revoked_at IS NULL
      JOIN definition d ON d.hash = a.hash
      WHERE w.run IS NULL AND NOT EXISTS (SELECT 1 FROM archived g WHERE g.slug = w.slug) ORDER BY a.at DESC, a.hash",
);

static FORGET: Sql = Sql::new(r"DELETE FROM warning WHERE slug = $1 AND run IS NULL");

// Whoever comes second finds it sent.
static LOCK: Sql = Sql::new(r"SELECT parent FROM warning w WHERE slug = $1 AND run IS NULL :lock(w)");

static SENT: Sql = Sql::new(r"UPDATE warning SET run = $2, sent_at = $3 WHERE slug = $1 AND run IS NULL");

/// Notes that a campaign is to go out as soon as it is approved. Asking twice is asking once.
pub async fn ask(tx: &mut Tx, slug: &str, pattern: Option<&str>, parent: Option<i64>, by: &str, now: i64) -> Result<()> {
    within!(tx, |c, sql| {
        sqlx::query(sql(&ASK)).bind(slug).bind(pattern).bind(parent).bind(by).bind(now).execute(c).await.map(affected)
    })?;
    Ok(())
}

/// Forgets that a campaign was to go out: it was archived, and must not do so when it is taken back years later. What was sent stays.
pub async fn forget(tx: &mut Tx, slug: &str) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&FORGET)).bind(slug).execute(c).await.map(affected)).map(drop)
}

/// The warning that is this campaign.
pub async fn get(db: &Db, slug: &str) -> Result<Option<Warning>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&GET)).bind(slug).fetch_optional(pool).await)
}

/// The warning that became this run.
pub async fn of_run(db: &Db, run: i64) -> Result<Option<Warning>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&OF_RUN)).bind(run).fetch_optional(pool).await)
}

/// The corrections of a run.
pub async fn correcting(db: &Db, run: i64) -> Result<Vec<Warning>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&CORRECTING)).bind(run).fetch_all(pool).await)
}

/// A warning that was begun, as its draft stands.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Begun {
    /// Its campaign's slug.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// The department that answers for it.
    pub owner: String,
    /// When it was written, unix milliseconds.
    pub at: i64,
}

/// Those that were not sent yet, the newest first: many are begun and given up.
pub async fn open(db: &Db, most: i64) -> Result<Vec<Begun>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&OPEN)).bind(most).fetch_all(pool).await)
}

/// Sends every warning that somebody approved since it was asked for: what they approved last. The runs that it made.
pub async fn send_approved(db: &Db, now: i64) -> Result<Vec<i64>> {
    let approved: Vec<(String, String)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&APPROVED)).fetch_all(pool).await)?;
    let mut made = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for (slug, hash) in approved {
        if !seen.insert(slug.clone()) {
            continue;
        }
        let kept = match definition::kept(db, &hash).await {
            Ok(kept) => kept,
            Err(DbError::Refused(why)) => {
                tracing::error!(campaign = slug, why, "an approved warning cannot be sent");
                continue;
            }
            Err(error) => return Err(error),
        };
        let sent = transaction!(db, |tx| {
            let parent: Option<Option<i64>> =
                within!(tx, |c, sql| sqlx::query_scalar(sql(&LOCK)).bind(&slug).fetch_optional(c).await)?;
            let Some(parent) = parent else { return Ok(None) };
            let run = match again::send(tx, &kept, parent, now).await? {
                Ok(run) => run,
                Err(error) => {
                    tracing::error!(campaign = slug, %error, "an approved warning cannot be sent");
                    return Ok(None);
                }
            };
            within!(tx, |c, sql| sqlx::query(sql(&SENT)).bind(&slug).bind(run).bind(now).execute(c).await.map(affected))?;
            let after = serde_json::json!({ "run": run, "definition": hash, "corrects": parent });
            audit::record(tx, &Actor::command("loa"), "warning.send", &slug, None, Some(&after), now).await?;
            Ok(Some(run))
        })?;
        if let Some(run) = sent {
            tracing::info!(run, campaign = slug, "an approved warning is being sent");
            made.push(run);
        }
    }
    Ok(made)
}
