//! Papers: scanned documents that order something, and evidence of what was done. Kept by their SHA-256, once each, and never changed.
//! Whoever shows one has seen that the reader may see the order or campaign that names it, and that it does ([`of_order`]).
//!
//! What somebody typed in from a paper names it in its words ([`with`], [`apart`]), so that the order's events have its hash.

use sha2::{Digest as _, Sha256};

use serde_json::json;

use super::{
    By, Eyes, Order, Tried,
    order::{event, lock},
};
use crate::{
    audit,
    db::{Db, Result, Sql, Tx, affected},
    on,
    seal::hex,
    transaction, within,
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

static KEPT_BY: Sql = Sql::new(r"SELECT count(*) FROM paper WHERE by_whom = $1 AND kept_at > $2");

/// How many papers this one has brought since then.
pub async fn kept_by(db: &Db, name: &str, since: i64) -> Result<i64> {
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&KEPT_BY)).bind(name).bind(since).fetch_one(pool).await)
}

/// What stands before the hash of a paper in a note.
const MARK: &str = "sha256:";
/// Characters of a note beside a paper that are kept.
const NOTE: usize = 1_900;

/// A note that names a paper.
pub fn with(note: &str, hash: &str) -> String {
    let note: String = note.trim().chars().take(NOTE).collect();
    format!("{note}\n{MARK}{hash}")
}

/// A note, and the paper that it names.
pub fn apart(note: &str) -> (&str, Option<&str>) {
    let named = note.rsplit_once(MARK).filter(|(before, hash)| {
        (before.is_empty() || before.ends_with('\n')) && hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit())
    });
    named.map_or((note, None), |(before, hash)| (before.trim_end(), Some(hash)))
}

/// A note without the papers that whoever wrote it names in it: they are brought, not written.
pub fn words(note: &str) -> &str {
    let mut words = note;
    while let (before, Some(_)) = apart(words) {
        words = before;
    }
    words
}

static OF_ORDER: Sql = Sql::new(
    r"SELECT p.hash, p.name, p.kind, p.kept_at, p.by_whom FROM paper p
      WHERE p.hash = $2 AND ($2 = $3 OR EXISTS (SELECT 1 FROM relay_report r WHERE r.relay_order = $1 AND r.evidence = $2)
             OR EXISTS (SELECT 1 FROM relay_event e WHERE e.relay_order = $1 AND e.detail LIKE $4
                            AND (e.happening = 'paper' OR e.happening = 'scan' AND $5)))",
);

/// A paper that belongs to an order: the document that authorises it, the evidence of one of its reports, or what was brought for it. What
/// somebody merely writes makes no paper one of theirs, and what the office scanned for itself an outlet does not see.
pub async fn of_order(db: &Db, order: &Order, hash: &str, eyes: Eyes<'_>) -> Result<Option<Paper>> {
    if hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(None);
    }
    on!(db.read, |pool, sql| sqlx::query_as(sql(&OF_ORDER))
        .bind(order.id)
        .bind(hash)
        .bind(basis(order))
        .bind(format!("%{MARK}{hash}"))
        .bind(is_office(eyes))
        .fetch_optional(pool)
        .await)
}

const fn is_office(eyes: Eyes<'_>) -> bool {
    !matches!(eyes, Eyes::Outlet(_))
}

fn basis(order: &Order) -> &str {
    order.content.basis.as_ref().and_then(|basis| basis.document.as_deref()).unwrap_or_default()
}

/// Keeps a paper of an order, for its reports and answers to name: the order's events have it from now on. Its hash; brought again, it is
/// the same.
pub async fn attach(db: &Db, order: i64, name: &str, kind: &str, bytes: &[u8], by: &By<'_>) -> Tried<String> {
    transaction!(db, |tx| {
        let order = match lock(tx, order, by).await? {
            Ok(order) => order,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let hash = keep(tx, name, kind, bytes, by).await?;
        belongs(tx, &order, (name, &hash), by).await?;
        Ok(Ok(hash))
    })
}

/// Gives an order, which is locked, a paper that was kept: its name and its hash. Nothing where it has that one.
pub(super) async fn belongs(tx: &mut Tx, order: &Order, (name, hash): (&str, &str), by: &By<'_>) -> Result<()> {
    let known: Option<Paper> = within!(tx, |c, sql| sqlx::query_as(sql(&OF_ORDER))
        .bind(order.id)
        .bind(hash)
        .bind(basis(order))
        .bind(format!("%{MARK}{hash}"))
        .bind(is_office(by.eyes))
        .fetch_optional(c)
        .await)?;
    if known.is_some() {
        return Ok(());
    }
    let happening = if is_office(by.eyes) { "scan" } else { "paper" };
    event(tx, order.id, happening, order.state, by, &with(name, hash)).await?;
    let after = json!({ "hash": hash, "name": name });
    audit::record(tx, by.actor, "order.paper", &order.identifier, None, Some(&after), by.now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_names_its_paper() {
        let hash = "ab".repeat(32);
        let note = with(" Đã ký nhận\n ", &hash);
        assert_eq!(apart(&note), ("Đã ký nhận", Some(hash.as_str())));
        assert_eq!(apart(&with("", &hash)), ("", Some(hash.as_str())));
        // As the events keep it: without the blanks around it.
        assert_eq!(apart(with("", &hash).trim()), ("", Some(hash.as_str())));
        assert_eq!(apart("x sha256:abc"), ("x sha256:abc", None));
        assert_eq!(apart(&format!("x sha256:{hash}")).1, None, "somebody's own words");
        assert_eq!(apart(&with(&"â".repeat(5_000), &hash)).1, Some(hash.as_str()));
        assert_eq!(words(&with(&with("Đã ký", &hash), &hash)), "Đã ký", "however often it is named");
        assert_eq!(words(" Đã nhận "), " Đã nhận ");
    }
}
