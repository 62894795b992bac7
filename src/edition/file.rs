//! What goes with a version: pictures and files, kept once by their content however many versions have them.

use std::collections::BTreeMap;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Draft, Saved, get, insert, latest_within};
use crate::{
    audit::{self, Actor},
    campaign::{ATTACHMENT_LIMIT, Sheet},
    db::{Db, DbError, Result, Sql, Tx, affected},
    on,
    seal::hex,
    transaction, within,
};

static CARRY: Sql = Sql::new(
    r"INSERT INTO edition_file (slug, version, name, hash) SELECT slug, $3, name, hash FROM edition_file
      WHERE slug = $1 AND version = $2",
);

static PUT: Sql = Sql::new(
    r"INSERT INTO edition_file (slug, version, name, hash) VALUES ($1, $2, $3, $4)
      ON CONFLICT (slug, version, name) DO UPDATE SET hash = excluded.hash",
);

static TAKE: Sql = Sql::new(r"DELETE FROM edition_file WHERE slug = $1 AND version = $2 AND name = $3");

static KEEP: Sql = Sql::new(r"INSERT INTO edition_bytes (hash, bytes) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING");

static FILES: Sql = Sql::new(
    r"SELECT f.name, b.bytes FROM edition_file f JOIN edition_bytes b ON b.hash = f.hash
      WHERE f.slug = $1 AND f.version = $2 ORDER BY f.name",
);

/// The files of a version, by name.
pub async fn attachments(db: &Db, slug: &str, version: i64) -> Result<BTreeMap<String, Vec<u8>>> {
    let rows: Vec<(String, Vec<u8>)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&FILES)).bind(slug).bind(version).fetch_all(pool).await)?;
    Ok(rows.into_iter().collect())
}

/// A version's text with its files; none: there is no such version.
pub async fn sheet(db: &Db, slug: &str, version: i64) -> Result<Option<Sheet>> {
    let Some(edition) = get(db, slug, version).await? else { return Ok(None) };
    Ok(Some(Sheet { text: edition.text, attachments: attachments(db, slug, version).await? }))
}

/// A new version has the files of the one that it is based on.
pub(super) async fn carry(tx: &mut Tx, slug: &str, from: i64, to: i64) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&CARRY)).bind(slug).bind(from).bind(to).execute(c).await.map(affected)).map(drop)
}

/// Whether a file may have this name beside a campaign.
pub fn is_file_name(name: &str) -> bool {
    let plain = |c: char| !c.is_control() && !matches!(c, '/' | '\\' | ':' | '"' | '<' | '>');
    !name.is_empty() && name.chars().count() <= 100 && !name.starts_with('.') && name.chars().all(plain)
}

/// What is done to the files of a version.
#[derive(Clone, Copy)]
enum Change<'a> {
    Put(&'a str, &'a str, &'a [u8]),
    Take(&'a str),
}

/// Puts a file beside the latest version: that is a new version. One of the same name is replaced.
pub async fn attach(db: &Db, (slug, base): (&str, i64), name: &str, bytes: &[u8], actor: &Actor, now: i64) -> Result<Saved> {
    if !is_file_name(name) || bytes.len() as u64 > ATTACHMENT_LIMIT {
        return Err(DbError::Refused(format!("a file that cannot go with `{slug}`")));
    }
    let hash = hex(&Sha256::digest(bytes));
    change(db, (slug, base), Change::Put(name, &hash, bytes), actor, now).await
}

/// Takes a file away from the latest version: that is a new version.
pub async fn detach(db: &Db, (slug, base): (&str, i64), name: &str, actor: &Actor, now: i64) -> Result<Saved> {
    change(db, (slug, base), Change::Take(name), actor, now).await
}

async fn change(db: &Db, (slug, base): (&str, i64), change: Change<'_>, actor: &Actor, now: i64) -> Result<Saved> {
    transaction!(db, |tx| {
        let latest = match latest_within(tx, slug).await? {
            Some(latest) if latest.version == base => latest,
            Some(latest) => return Ok(Saved::Conflict(Box::new(latest))),
            None => return Err(DbError::Refused(format!("there is no version {base} of `{slug}`"))),
        };
        let draft = Draft { slug, text: &latest.text, base, comment: "" };
        let version = insert(tx, &draft, Some(&latest), actor, now).await?;
        carry(tx, slug, base, version).await?;
        let (action, name) = match change {
            Change::Put(name, hash, bytes) => {
                within!(tx, |c, sql| sqlx::query(sql(&KEEP)).bind(hash).bind(bytes).execute(c).await.map(affected))?;
                within!(tx, |c, sql| {
                    sqlx::query(sql(&PUT)).bind(slug).bind(version).bind(name).bind(hash).execute(c).await.map(affected)
                })?;
                ("campaign.attach", name)
            }
            Change::Take(name) => {
                within!(tx, |c, sql| {
                    sqlx::query(sql(&TAKE)).bind(slug).bind(version).bind(name).execute(c).await.map(affected)
                })?;
                ("campaign.detach", name)
            }
        };
        let (before, after) = (json!({ "version": base }), json!({ "version": version, "file": name }));
        audit::record(tx, actor, action, slug, Some(&before), Some(&after), now).await?;
        Ok(Saved::Done(version))
    })
}
