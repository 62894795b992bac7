//! Approvals: which contents somebody other than their writer has released.
//!
//! What is approved is a content hash, so an edit needs a new approval; approving keeps a copy of the content, and that goes on
//! running while the edited one waits. Approving is a record, never a deletion: `approval` says who released what, and when.

use crate::{
    campaign::{Library, Source},
    config::Config,
    db::{Db, DbError, Result, Sql, affected},
    definition::{self, Kept},
    on, transaction, within,
};

static APPROVE: Sql = Sql::new(
    r"INSERT INTO approval (hash, campaign, by_whom, at) VALUES ($1, $2, $3, $4) ON CONFLICT (hash, by_whom) DO NOTHING",
);

static APPROVED: Sql = Sql::new(r"SELECT count(*) FROM approval WHERE hash = $1");

/// Whether nothing runs here without an approval: as `[approval] required` says. Unless it says anything, none is
/// needed while nobody but the machine's operator can write definitions.
pub fn is_required(config: &Config) -> bool {
    config.approval_required.unwrap_or(false)
}

/// Records that `by` (a name, as it will be shown) releases this content with the segments that it goes with, and keeps a copy
/// of both. False: they had released it before.
pub async fn approve(db: &Db, source: &Source, segments: &str, by: &str, now: i64) -> Result<bool> {
    transaction!(db, |tx| {
        definition::freeze(tx, source, segments, now).await?;
        let recorded = within!(tx, |c, sql| {
            sqlx::query(sql(&APPROVE))
                .bind(&source.hash)
                .bind(&source.campaign.slug)
                .bind(by)
                .bind(now)
                .execute(c)
                .await
                .map(affected)
        })?;
        Ok(recorded == 1)
    })
}

/// Whether this content may run: somebody released it, or no approval is needed.
pub async fn approved(db: &Db, config: &Config, source: &Source) -> Result<bool> {
    if !is_required(config) {
        return Ok(true);
    }
    let approvals: i64 = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&APPROVED)).bind(&source.hash).fetch_one(pool).await)?;
    Ok(approvals > 0)
}

static LAST_APPROVED: Sql = Sql::new(
    r"SELECT a.hash FROM approval a JOIN definition d ON d.hash = a.hash WHERE a.campaign = $1 ORDER BY a.at DESC, a.hash LIMIT 1",
);

/// What may run of a library's campaigns: each as its files are, if that is approved; else, while the edited one waits, as it
/// was last approved. A campaign that was never approved, or whose file is gone, does not run.
pub async fn released(db: &Db, config: &Config, library: &Library) -> Result<Vec<Kept>> {
    let mut released = Vec::new();
    for source in library.campaigns.values() {
        if approved(db, config, source).await? {
            released.push(Kept { source: source.clone(), segments: library.segments_text.clone() });
            continue;
        }
        let slug = &source.campaign.slug;
        let last: Option<String> =
            on!(db.read, |pool, sql| sqlx::query_scalar(sql(&LAST_APPROVED)).bind(slug).fetch_optional(pool).await)?;
        let Some(hash) = last else { continue };
        match definition::kept(db, &hash).await {
            Ok(kept) => released.push(kept),
            // One campaign's copy from another version of Loa must not keep the others from running.
            Err(DbError::Refused(why)) => tracing::error!(campaign = slug, why, "the approved version cannot run"),
            Err(error) => return Err(error),
        }
    }
    Ok(released)
}
