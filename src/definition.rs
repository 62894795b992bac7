//! Frozen definitions: immutable copies, by content hash, of what runs send and what was approved.
//!
//! What enters: a campaign as its files are, with the segments and attachments that its hash covers. What leaves: the same, for
//! as long as a run or an approval needs it, whatever becomes of the files. What can go wrong: a copy that this version of Loa
//! cannot read; the error says of which campaign.

use std::collections::BTreeMap;

use crate::{
    campaign::{Campaign, Source},
    db::{Db, DbError, Result, Sql, Tx, affected},
    on, within,
};

static FREEZE: Sql = Sql::new(
    r"INSERT INTO definition (hash, campaign, body, segments, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (hash) DO NOTHING",
);

static ATTACH: Sql =
    Sql::new(r"INSERT INTO attachment (definition, name, bytes) VALUES ($1, $2, $3) ON CONFLICT (definition, name) DO NOTHING");

static DEFINITION: Sql = Sql::new(r"SELECT campaign, body, segments FROM definition WHERE hash = $1");

static ATTACHMENTS: Sql = Sql::new(r"SELECT name, bytes FROM attachment WHERE definition = $1");

/// A definition with the text of the segments that it was made for.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The campaign, its text, hash and attachments.
    pub source: Source,
    /// `segments.toml` as it was.
    pub segments: String,
}

/// Keeps a copy; once, however often it is asked for.
pub async fn freeze(tx: &mut Tx, source: &Source, segments: &str, now: i64) -> Result<()> {
    within!(tx, |c, sql| {
        sqlx::query(sql(&FREEZE))
            .bind(&source.hash)
            .bind(&source.campaign.slug)
            .bind(&source.text)
            .bind(segments)
            .bind(now)
            .execute(c)
            .await
            .map(affected)
    })?;
    for (name, bytes) in &source.attachments {
        within!(tx, |c, sql| sqlx::query(sql(&ATTACH)).bind(&source.hash).bind(name).bind(bytes).execute(c).await.map(affected))?;
    }
    Ok(())
}

/// The campaign of the copy with this hash, without its segments and attachments.
pub async fn campaign(db: &Db, hash: &str) -> Result<Campaign> {
    let (slug, text, _): (String, String, String) =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&DEFINITION)).bind(hash).fetch_one(pool).await)?;
    parsed(&slug, &text)
}

fn parsed(slug: &str, text: &str) -> Result<Campaign> {
    Campaign::parse(slug, slug, text)
        .map_err(|problems| DbError::Refused(format!("the kept copy of `{slug}` cannot be read: {problems}")))
}

/// The copy with this hash.
pub async fn kept(db: &Db, hash: &str) -> Result<Kept> {
    let (slug, text, segments): (String, String, String) =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&DEFINITION)).bind(hash).fetch_one(pool).await)?;
    let attachments: Vec<(String, Vec<u8>)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&ATTACHMENTS)).bind(hash).fetch_all(pool).await)?;
    let campaign = parsed(&slug, &text)?;
    let attachments: BTreeMap<String, Vec<u8>> = attachments.into_iter().collect();
    Ok(Kept { source: Source { campaign, text, hash: hash.to_string(), attachments }, segments })
}
