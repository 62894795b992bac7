//! Segments that are written in the console: each one table of TOML, in force as soon as it is saved.
//!
//! A campaign's hash covers the segments that it names, so a change here makes these campaigns wait for approval while they go
//! on for whom they were approved.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::json;

use crate::{
    approval::{decision, submission::Writer},
    audit::{self, Actor},
    campaign::Library,
    db::{Db, Result, Sql, Tx, affected, list},
    document::{Problem, Problems, is_slug},
    on, phrase, transaction, within,
};

/// A segment as it was saved.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SegmentEdition {
    /// Its name.
    pub slug: String,
    /// From 1.
    pub version: i64,
    /// Its table with its heading; none: it was taken away.
    pub text: Option<String>,
    /// The department that owns it; empty: all do.
    pub owner: String,
    /// Who saved it.
    pub made_by: Option<i64>,
    /// Their name.
    pub made_name: String,
    /// When, unix milliseconds.
    pub at: i64,
}

/// What is saved.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    /// Its name.
    pub slug: &'a str,
    /// Its table with its heading, checked; none takes it away.
    pub text: Option<&'a str>,
    /// The department that owns it; empty: all do.
    pub owner: &'a str,
    /// The version that the writer saw; 0: a new one.
    pub base: i64,
}

/// What became of a save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// It is this version now.
    Done(i64),
    /// It says what the latest version says.
    Unchanged(i64),
    /// Somebody else saved meanwhile: theirs.
    Conflict(Box<SegmentEdition>),
}

macro_rules! segment_columns {
    () => {
        "e.slug, e.version, e.text, e.owner, e.made_by, e.made_name, e.at"
    };
}

static LATEST: Sql =
    Sql::new(concat!("SELECT ", segment_columns!(), " FROM segment_edition e WHERE e.slug = $1 ORDER BY e.version DESC LIMIT 1"));

static VERSIONS: Sql = Sql::new(concat!(
    "SELECT ",
    segment_columns!(),
    " FROM segment_edition e WHERE e.slug = $1 ORDER BY e.version DESC LIMIT 500"
));

static IN_FORCE: Sql = Sql::new(concat!(
    "SELECT ",
    segment_columns!(),
    " FROM segment_edition e WHERE e.text IS NOT NULL
      AND e.version = (SELECT max(l.version) FROM segment_edition l WHERE l.slug = e.slug) ORDER BY e.slug"
));

static INSERT: Sql = Sql::new(
    r"INSERT INTO segment_edition (slug, version, text, made_by, made_name, at, owner) VALUES ($1, $2, $3, $4, $5, $6, $7)",
);

static WRITERS: Sql = Sql::new(
    r"SELECT DISTINCT made_by, made_name FROM segment_edition
      WHERE at > $2 AND slug IN (SELECT slug FROM :rows($1; slug TEXT) AS named)",
);

/// What no segment can be named: the pages below `/segments`.
const PAGES: &[&str] = &["new", "count"];

/// What is wrong with a segment before it is saved: its table, what it names, or its name.
pub fn check(library: &Library, slug: &str, text: &str) -> std::result::Result<(), Problems> {
    let file = format!("[{slug}]");
    if !is_slug(slug) {
        let problem = Problem::of(&file, phrase!("`{slug}` không phải mã nhóm hợp lệ", "`{slug}` is not a valid segment name"));
        let help = phrase!("chỉ dùng chữ thường không dấu, số và dấu gạch nối", "use a-z, 0-9 and hyphens");
        return Err(problem.help(help).into());
    }
    if PAGES.contains(&slug) {
        let taken = phrase!("Loa dùng riêng mã `{slug}`", "Loa keeps the name `{slug}` for itself");
        return Err(Problem::of(&file, taken).help(phrase!("chọn mã khác", "choose another name")).into());
    }
    if is_of_file(library, slug) {
        let clash = phrase!("segments.toml đã có nhóm `{slug}`", "segments.toml has a segment `{slug}` already");
        return Err(Problem::of(&file, clash).help(phrase!("chọn mã khác", "choose another name")).into());
    }
    library.with_segment(slug, text).map(drop)
}

/// Whether `segments.toml` has this segment: it wins, and is read-only in the console.
pub fn is_of_file(library: &Library, slug: &str) -> bool {
    library.hidden_segments.contains(slug) || (library.segments.get(slug).is_some() && !library.edited_segments.contains(slug))
}

/// Saves a segment that was checked, on top of the version that its writer saw.
pub async fn save(db: &Db, draft: Draft<'_>, actor: &Actor, now: i64) -> Result<Saved> {
    let Draft { slug, text, owner, base } = draft;
    transaction!(db, |tx| {
        let latest: Option<SegmentEdition> =
            within!(tx, |c, sql| sqlx::query_as(sql(&LATEST)).bind(slug).fetch_optional(c).await)?;
        // A name that was taken away is free again.
        let free = base == 0 && latest.as_ref().is_none_or(|latest| latest.text.is_none());
        let version = latest.as_ref().map_or(0, |latest| latest.version);
        let before = latest.as_ref().map(|latest| json!({ "version": version, "owner": latest.owner }));
        if let Some(latest) = latest {
            if latest.version != base && !free {
                return Ok(Saved::Conflict(Box::new(latest)));
            }
            if latest.text.as_deref() == text && latest.owner == owner {
                return Ok(Saved::Unchanged(version));
            }
        }
        within!(tx, |c, sql| {
            sqlx::query(sql(&INSERT))
                .bind(slug)
                .bind(version + 1)
                .bind(text)
                .bind(actor.user)
                .bind(&actor.name)
                .bind(now)
                .bind(owner)
                .execute(c)
                .await
                .map(affected)
        })?;
        decision::mark(tx).await?;
        let action = if text.is_some() { "segment.save" } else { "segment.remove" };
        let after = json!({ "version": version + 1, "owner": owner });
        audit::record(tx, actor, action, slug, before.as_ref(), Some(&after), now).await?;
        Ok(Saved::Done(version + 1))
    })
}

/// The latest version of a segment; none: the console does not know it.
pub async fn latest(db: &Db, slug: &str) -> Result<Option<SegmentEdition>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&LATEST)).bind(slug).fetch_optional(pool).await)
}

/// Every version of a segment, newest first.
pub async fn versions(db: &Db, slug: &str) -> Result<Vec<SegmentEdition>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&VERSIONS)).bind(slug).fetch_all(pool).await)
}

/// The segments of the console as they are now, by name.
pub async fn all(db: &Db) -> Result<Vec<SegmentEdition>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&IN_FORCE)).fetch_all(pool).await)
}

/// Who wrote at these segments since a time.
pub(super) async fn writers(tx: &mut Tx, named: &BTreeSet<String>, since: i64) -> Result<Vec<Writer>> {
    #[derive(Serialize)]
    struct Named<'a> {
        slug: &'a str,
    }
    let named = list(&named.iter().map(|slug| Named { slug }).collect::<Vec<_>>());
    let rows: Vec<(Option<i64>, String)> =
        within!(tx, |c, sql| sqlx::query_as(sql(&WRITERS)).bind(&named).bind(since).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(user, name)| Writer { user, name }).collect())
}
