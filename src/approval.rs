//! Approvals: which contents somebody other than their writer has released.
//!
//! What is approved is a content hash, so an edit needs a new approval; approving keeps a copy of the content, and that goes on
//! running while the edited one waits. What is to be decided is a [`Submission`]: a version of the console, or a file that
//! changed. Nobody decides about what they wrote themselves, [`delegation`] included; a warning that cannot wait may be released
//! by one person alone ([`decision::approve_in_emergency`]), and another looks at it afterwards. Approving is a record, never a
//! deletion: `approval` says who released what, and when.

pub mod decision;
pub mod delegation;
pub mod power;
mod refusal;
pub mod submission;

pub use delegation::Delegation;
pub use power::Power;
pub use refusal::Refusal;
pub use submission::{Standing, Submission};

use std::collections::BTreeMap;

use crate::{
    audit::{self, Actor},
    campaign::{Library, Source},
    config::Config,
    db::{Db, DbError, Result, Sql, Tx, affected},
    definition::{self, Kept},
    on, transaction, user, within,
};

static APPROVE: Sql = Sql::new(
    r"INSERT INTO approval (hash, campaign, by_whom, at) VALUES ($1, $2, $3, $4) ON CONFLICT (hash, by_whom)
      DO UPDATE SET at = excluded.at, revoked_at = NULL WHERE approval.revoked_at IS NOT NULL",
);

static APPROVED: Sql = Sql::new(r"SELECT count(*) FROM approval WHERE hash = $1 AND revoked_at IS NULL");

static REVOKE: Sql = Sql::new(r"UPDATE approval SET revoked_at = $2 WHERE hash = $1 AND revoked_at IS NULL");

/// Whether nothing runs here without an approval: as `[approval] required` says; where it says nothing, as soon as the console
/// has a user.
pub async fn is_required(db: &Db, config: &Config) -> Result<bool> {
    match config.approval_required {
        Some(required) => Ok(required),
        None => user::any(db).await,
    }
}

/// Records that `by` (a name, as it will be shown) releases a content that is kept. False: they had released it before.
pub(crate) async fn release(tx: &mut Tx, hash: &str, campaign: &str, by: &str, now: i64) -> Result<bool> {
    let recorded = within!(tx, |c, sql| {
        sqlx::query(sql(&APPROVE)).bind(hash).bind(campaign).bind(by).bind(now).execute(c).await.map(affected)
    })?;
    Ok(recorded == 1)
}

/// Takes a release back: whatever was released before it is in force again.
async fn revoke(tx: &mut Tx, hash: &str, now: i64) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&REVOKE)).bind(hash).bind(now).execute(c).await.map(affected)).map(drop)
}

/// What became of an approval at the machine itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// It is recorded.
    Now,
    /// The same person had released it before.
    Before,
    /// The same person wrote it.
    OwnWork,
}

/// Releases this content at the machine itself, with the segments that it goes with, and keeps a copy of both. What waits in the
/// console for the same content is decided by it.
pub async fn approve(db: &Db, source: &Source, segments: &str, actor: &Actor, now: i64) -> Result<Released> {
    let slug = &source.campaign.slug;
    transaction!(db, |tx| {
        let waiting = submission::waiting_for(tx, slug).await?.filter(|waiting| waiting.hash == source.hash);
        if waiting.as_ref().is_some_and(|waiting| waiting.is_written_by(actor)) {
            return Ok(Released::OwnWork);
        }
        definition::freeze(tx, source, segments, now).await?;
        let first = release(tx, &source.hash, slug, &actor.name, now).await?;
        if let Some(waiting) = &waiting {
            submission::settle(tx, waiting.id, Standing::Approved, actor, None, "", now).await?;
        }
        if first {
            let after = serde_json::json!({ "hash": source.hash, "submission": waiting.map(|waiting| waiting.id) });
            audit::record(tx, actor, "campaign.approve", slug, None, Some(&after), now).await?;
        }
        Ok(if first { Released::Now } else { Released::Before })
    })
}

/// Whether somebody released this content.
pub async fn is_released(db: &Db, hash: &str) -> Result<bool> {
    let approvals: i64 = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&APPROVED)).bind(hash).fetch_one(pool).await)?;
    Ok(approvals > 0)
}

static ALL_RELEASED: Sql = Sql::new(r"SELECT DISTINCT hash, campaign FROM approval WHERE revoked_at IS NULL");

/// Every content that somebody released, with its campaign.
pub async fn all_released(db: &Db) -> Result<BTreeMap<String, String>> {
    let hashes: Vec<(String, String)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&ALL_RELEASED)).fetch_all(pool).await)?;
    Ok(hashes.into_iter().collect())
}

/// Whether this content may run: somebody released it, or no approval is needed.
pub async fn approved(db: &Db, config: &Config, source: &Source) -> Result<bool> {
    Ok(!is_required(db, config).await? || is_released(db, &source.hash).await?)
}

static LAST_APPROVED: Sql = Sql::new(
    r"SELECT a.hash FROM approval a JOIN definition d ON d.hash = a.hash
      WHERE a.campaign = $1 AND a.revoked_at IS NULL ORDER BY a.at DESC, a.hash LIMIT 1",
);

/// The content of a campaign that was released last; none: nothing of it ever was.
pub async fn last_released(db: &Db, slug: &str) -> Result<Option<String>> {
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&LAST_APPROVED)).bind(slug).fetch_optional(pool).await)
}

/// What may run of a library's campaigns: each as its text is, if that is approved; else, while the edited one waits, as it
/// was last approved. A campaign that was never approved, or that is in no library any more, does not run.
pub async fn released(db: &Db, config: &Config, library: &Library) -> Result<Vec<Kept>> {
    let required = is_required(db, config).await?;
    let mut released = Vec::new();
    for source in library.campaigns.values() {
        if !required || is_released(db, &source.hash).await? {
            released.push(Kept { source: source.clone(), segments: library.segments_text.clone() });
            continue;
        }
        let slug = &source.campaign.slug;
        let Some(hash) = last_released(db, slug).await? else { continue };
        match definition::kept(db, &hash).await {
            Ok(kept) => released.push(kept),
            // One campaign's copy from another version of Loa must not keep the others from running.
            Err(DbError::Refused(why)) => tracing::error!(campaign = slug, why, "the approved version cannot run"),
            Err(error) => return Err(error),
        }
    }
    Ok(released)
}
