//! Mails as somebody looks at them while writing: kept for an hour, so that whichever node is asked for one has it.
//!
//! What enters: a mail as it would be. What leaves: its HTML with the pictures within it, to whom it was shown alone. The pictures are
//! a campaign's files, and stand once, where these are: a look writes little, however large they are.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use providers::Email;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    db::{Db, Result, Sql, affected, list},
    on,
    seal::hex,
};

/// How long a mail can be looked at (milliseconds).
const KEPT: i64 = 3_600_000;

static PUT: Sql = Sql::new(
    r"INSERT INTO shown_mail (console_user, name, html, pictures, at) VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (console_user, name) DO UPDATE SET at = excluded.at",
);

static FORGET: Sql = Sql::new(r"DELETE FROM shown_mail WHERE at < $1");

static GET: Sql = Sql::new(r"SELECT html, pictures FROM shown_mail WHERE console_user = $1 AND name = $2 AND at >= $3");

static BYTES: Sql =
    Sql::new(r"SELECT hash, bytes FROM edition_bytes WHERE hash IN (SELECT hash FROM :rows($1; hash TEXT) AS wanted)");

/// A picture as the HTML names it, and the file that it is.
#[derive(Debug, Serialize, Deserialize)]
struct Shown {
    id: String,
    kind: String,
    hash: String,
}

/// Keeps a mail for a user; what it is found by.
pub async fn put(db: &Db, user: i64, mail: &Email, now: i64) -> Result<String> {
    let picture = |one: &providers::Picture| Shown {
        id: one.id.clone(),
        kind: one.file.media_type.clone(),
        hash: hex(&Sha256::digest(&one.file.bytes)),
    };
    let pictures = list(&mail.pictures.iter().map(picture).collect::<Vec<_>>());
    let name = hex(&Sha256::digest(format!("{}\0{pictures}", mail.html)))[..32].to_string();
    on!(db.write, |pool, sql| sqlx::query(sql(&FORGET)).bind(now - KEPT).execute(pool).await.map(affected))?;
    on!(db.write, |pool, sql| {
        sqlx::query(sql(&PUT)).bind(user).bind(&name).bind(&mail.html).bind(&pictures).bind(now).execute(pool).await.map(affected)
    })?;
    Ok(name)
}

/// A user's mail, with its pictures within it: whatever shows it loads nothing. None: there is none, or it was put long ago.
pub async fn get(db: &Db, user: i64, name: &str, now: i64) -> Result<Option<String>> {
    let found: Option<(String, String)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&GET)).bind(user).bind(name).bind(now - KEPT).fetch_optional(pool).await)?;
    let Some((html, pictures)) = found else { return Ok(None) };
    let pictures: Vec<Shown> = serde_json::from_str(&pictures).unwrap_or_default();
    if pictures.is_empty() {
        return Ok(Some(html));
    }
    let wanted = list(&pictures);
    let rows: Vec<(String, Vec<u8>)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&BYTES)).bind(&wanted).fetch_all(pool).await)?;
    let bytes: BTreeMap<String, Vec<u8>> = rows.into_iter().collect();
    let html = pictures.iter().fold(html, |html, one| match bytes.get(&one.hash) {
        Some(bytes) => html.replace(&format!("cid:{}", one.id), &format!("data:{};base64,{}", one.kind, STANDARD.encode(bytes))),
        None => html,
    });
    Ok(Some(html))
}
