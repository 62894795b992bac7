//! Papers: scanned documents that order something, and evidence of what was done. Kept by their SHA-256, once each, and never changed.
//! Whoever shows one has seen that the reader may see the order or campaign that names it.

use sha2::{Digest as _, Sha256};

use super::By;
use crate::{
    db::{Db, Result, Sql, Tx, affected},
    on,
    seal::hex,
    within,
};

/// Bytes of the largest paper that is kept.
pub const MAX_BYTES: usize = 20 * 1024 * 1024;

/// The media type of a file by its name.
pub fn kind_of(name: &str) -> &'static str {
    let (_, ending) = name.rsplit_once('.').unwrap_or(("", ""));
    match ending.to_ascii_lowercase().as_str() {
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        _ => "application/octet-stream",
    }
}

/// A paper without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Paper {
    /// SHA-256, in hexadecimal.
    pub hash: String,
    /// The file's name.
    pub name: String,
    /// Its media type.
    pub kind: String,
    /// When it was kept first, unix milliseconds.
    pub kept_at: i64,
    /// By whom.
    pub by_whom: String,
}

static KEEP: Sql = Sql::new(
    r"INSERT INTO paper (hash, name, kind, bytes, kept_at, by_whom) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (hash) DO NOTHING",
);

/// Keeps a paper, in the transaction of what it belongs to; its hash. The caller has looked at its size and kind.
pub async fn keep(tx: &mut Tx, name: &str, kind: &str, bytes: &[u8], by: &By<'_>) -> Result<String> {
    let hash = hex(&Sha256::digest(bytes));
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    within!(tx, |c, sql| sqlx::query(sql(&KEEP))
        .bind(&hash)
        .bind(&name)
        .bind(kind)
        .bind(bytes)
        .bind(by.now)
        .bind(&by.actor.name)
        .execute(c)
        .await
        .map(affected))?;
    Ok(hash)
}

static ONE: Sql = Sql::new(r"SELECT hash, name, kind, kept_at, by_whom FROM paper WHERE hash = $1");
static BYTES: Sql = Sql::new(r"SELECT bytes FROM paper WHERE hash = $1");

/// What is known of a paper.
pub async fn one(db: &Db, hash: &str) -> Result<Option<Paper>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&ONE)).bind(hash).fetch_optional(pool).await)
}

/// A paper's bytes.
pub async fn bytes(db: &Db, hash: &str) -> Result<Option<Vec<u8>>> {
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&BYTES)).bind(hash).fetch_optional(pool).await)
}
