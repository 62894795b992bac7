//! The office's lists: which there are, which department each belongs to, and what was imported.
//!
//! Who is on a list that belongs to a department is shown to that department alone; what belongs to nobody, all see. What enters
//! is whether a user sees a department; what leaves is the names of the lists that are hidden from them ([`Owners::hidden`]).

use std::collections::BTreeMap;

use crate::{
    db::{Db, Result, Sql, Tx, affected},
    on, within,
};

/// Which department each list belongs to, by the list's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners(pub BTreeMap<String, String>);

impl Owners {
    /// The department of a list; empty: nobody's.
    pub fn of(&self, source: &str) -> &str {
        self.0.get(source).map_or("", String::as_str)
    }

    /// The lists of departments that one does not see.
    pub fn hidden(&self, sees: impl Fn(&str) -> bool) -> Vec<&str> {
        self.0.iter().filter(|(_, owner)| !sees(owner)).map(|(source, _)| source.as_str()).collect()
    }
}

static OWNERS: Sql = Sql::new(r"SELECT source, owner FROM list_owner ORDER BY source");

/// Which department each list belongs to.
pub async fn owners(db: &Db) -> Result<Owners> {
    let rows: Vec<(String, String)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&OWNERS)).fetch_all(pool).await)?;
    Ok(Owners(rows.into_iter().collect()))
}

static GIVE: Sql =
    Sql::new(r"INSERT INTO list_owner (source, owner) VALUES ($1, $2) ON CONFLICT (source) DO UPDATE SET owner = excluded.owner");

static FREE: Sql = Sql::new(r"DELETE FROM list_owner WHERE source = $1");

/// Gives a list to a department; to nobody: `owner` is empty.
pub async fn give(tx: &mut Tx, source: &str, owner: &str) -> Result<()> {
    within!(tx, |c, sql| {
        if owner.is_empty() {
            sqlx::query(sql(&FREE)).bind(source).execute(c).await.map(affected)
        } else {
            sqlx::query(sql(&GIVE)).bind(source).bind(owner).execute(c).await.map(affected)
        }
    })?;
    Ok(())
}

static RENAMED: Sql = Sql::new(r"UPDATE list_owner SET owner = $2 WHERE owner = $1");

/// Hands a department's lists over to the name that it has now.
pub async fn renamed(tx: &mut Tx, was: &str, is: &str) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&RENAMED)).bind(was).bind(is).execute(c).await.map(affected))?;
    Ok(())
}

/// An import that was begun.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, sqlx::FromRow)]
pub struct Imported {
    /// Its number.
    pub id: i64,
    /// The list.
    pub source: String,
    /// Whether it retired who was no longer named.
    pub replaces: bool,
    /// Rows dealt with.
    pub rows: i64,
    /// Of these, refused.
    pub rejected: i64,
    /// People who were not known.
    pub added: i64,
    /// When it began, unix milliseconds.
    pub started_at: i64,
    /// When it was done; none: it runs, or broke off.
    pub finished_at: Option<i64>,
}

static IMPORTS: Sql = Sql::new(
    r"SELECT id, source, replaces, done_rows AS rows, rejected, added, started_at, finished_at FROM import
      WHERE id < $1 AND source NOT IN (SELECT source FROM :rows($2; source TEXT) AS hidden) ORDER BY id DESC LIMIT $3",
);

/// The latest imports before a number, the latest first; those of `hidden` lists are left out.
pub async fn imports(db: &Db, before: i64, hidden: &[&str], most: i64) -> Result<Vec<Imported>> {
    let hidden = names(hidden);
    on!(db.read, |pool, sql| sqlx::query_as(sql(&IMPORTS)).bind(before).bind(&hidden).bind(most).fetch_all(pool).await)
}

/// Names of lists, to be bound.
pub(crate) fn names(sources: &[&str]) -> String {
    #[derive(serde::Serialize)]
    struct Name<'a> {
        source: &'a str,
    }
    crate::db::list(&sources.iter().map(|source| Name { source }).collect::<Vec<_>>())
}
