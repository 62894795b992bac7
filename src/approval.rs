//! Approvals: which contents somebody other than their writer has released.
//!
//! What is approved is a content hash, so an edit needs a new approval; the approved version's runs keep their frozen
//! copies. Approving is a record, never a deletion: `approval` says who released what, and when.

use std::collections::BTreeSet;

use crate::{
    campaign::Source,
    config::Config,
    db::{Db, Result, Sql, affected},
    on,
};

static APPROVE: Sql = Sql::new(
    r"INSERT INTO approval (hash, campaign, by_whom, at) VALUES ($1, $2, $3, $4) ON CONFLICT (hash, by_whom) DO NOTHING",
);

static APPROVED: Sql = Sql::new(r"SELECT count(*) FROM approval WHERE hash = $1");

static ALL: Sql = Sql::new(r"SELECT DISTINCT hash FROM approval");

/// Whether nothing runs here without an approval: as `[approval] required` says. Unless it says anything, none is
/// needed while nobody but the machine's operator can write definitions.
pub fn is_required(config: &Config) -> bool {
    config.approval_required.unwrap_or(false)
}

/// Records that `by` (a name, as it will be shown) releases this content. False: they had done so before.
pub async fn approve(db: &Db, source: &Source, by: &str, now: i64) -> Result<bool> {
    let recorded = on!(db.write, |pool, sql| {
        sqlx::query(sql(&APPROVE))
            .bind(&source.hash)
            .bind(&source.campaign.slug)
            .bind(by)
            .bind(now)
            .execute(pool)
            .await
            .map(affected)
    })?;
    Ok(recorded == 1)
}

/// Whether this content may run: somebody released it, or no approval is needed.
pub async fn approved(db: &Db, config: &Config, source: &Source) -> Result<bool> {
    if !is_required(config) {
        return Ok(true);
    }
    let approvals: i64 = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&APPROVED)).bind(&source.hash).fetch_one(pool).await)?;
    Ok(approvals > 0)
}

/// What may run, for a scheduler that asks about every campaign at each of its looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approvals {
    /// Everything: no approval is needed.
    NotNeeded,
    /// Only these contents, by hash.
    Only(BTreeSet<String>),
}

impl Approvals {
    /// Reads them.
    pub async fn read(db: &Db, config: &Config) -> Result<Self> {
        if !is_required(config) {
            return Ok(Self::NotNeeded);
        }
        let hashes: Vec<String> = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&ALL)).fetch_all(pool).await)?;
        Ok(Self::Only(hashes.into_iter().collect()))
    }

    /// Whether this content may run.
    pub fn cover(&self, source: &Source) -> bool {
        match self {
            Self::NotNeeded => true,
            Self::Only(hashes) => hashes.contains(&source.hash),
        }
    }
}
