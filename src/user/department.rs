//! Departments, and whose campaigns somebody sees.
//!
//! A campaign's department is the one whose name is the campaign's `owner`; how it is capitalised and spaced does not matter. What
//! no department owns, everybody sees.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use unicode_normalization::UnicodeNormalization as _;

use super::Refused;
use crate::{
    audit::{self, Actor},
    db::{Db, Result, Sql, Tx, affected, list},
    on, transaction, within,
};

/// Whose campaigns, audiences and figures somebody sees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    everything: bool,
    /// Name by folded name.
    mine: BTreeMap<String, String>,
    /// Folded names of all departments that there are.
    all: BTreeSet<String>,
}

impl Scope {
    /// Everything: what commands and Loa itself see.
    pub fn everything() -> Self {
        Self { everything: true, ..Self::default() }
    }

    /// Whether they see what belongs to this owner.
    pub fn sees(&self, owner: &str) -> bool {
        let owner = folded(owner);
        self.everything || self.mine.contains_key(&owner) || !self.all.contains(&owner)
    }

    /// Whether they see all departments.
    pub const fn is_everything(&self) -> bool {
        self.everything
    }

    /// The names of their departments.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.mine.values().map(String::as_str)
    }

    /// How closed figures name the departments that they are of; empty: the whole office.
    pub fn whose(&self) -> String {
        if self.everything {
            return String::new();
        }
        // Who is of none reads and signs for what no department owns, and not for the whole office.
        if self.mine.is_empty() { NOBODYS.to_string() } else { self.names().collect::<Vec<_>>().join("; ") }
    }

    /// A scope for tests and for what knows its names already.
    pub fn of<'a>(mine: impl IntoIterator<Item = &'a str>, others: impl IntoIterator<Item = &'a str>) -> Self {
        let mine: BTreeMap<_, _> = mine.into_iter().map(|name| (folded(name), name.to_string())).collect();
        let all = mine.keys().cloned().chain(others.into_iter().map(folded)).collect();
        Self { everything: false, mine, all }
    }
}

/// How closed figures call what belongs to no department.
const NOBODYS: &str = "(không thuộc đơn vị nào)";

/// A name as it is compared.
fn folded(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect::<String>().to_lowercase()
}

/// A department.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Department {
    /// Its number.
    pub id: i64,
    /// As campaigns write it in `owner`.
    pub name: String,
    /// How many people belong to it.
    pub members: i64,
}

impl Department {
    /// Whether that is its name, however it is capitalised and spaced.
    pub fn is_called(&self, name: &str) -> bool {
        folded(&self.name) == folded(name)
    }
}

static LIST: Sql = Sql::new(
    r"SELECT d.id, d.name, (SELECT count(*) FROM department_member m WHERE m.department = d.id) AS members FROM department d ORDER BY d.name, d.id",
);

/// All departments.
pub async fn departments(db: &Db) -> Result<Vec<Department>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&LIST)).fetch_all(pool).await)
}

static SCOPE: Sql = Sql::new(
    r"SELECT d.folded, d.name, m.console_user IS NOT NULL AS mine
      FROM department d LEFT JOIN department_member m ON m.department = d.id AND m.console_user = $1",
);

pub(super) async fn scope(db: &Db, user: i64, everything: bool) -> Result<Scope> {
    let rows: Vec<(String, String, bool)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&SCOPE)).bind(user).fetch_all(pool).await)?;
    let mut scope = Scope { everything, ..Scope::default() };
    for (folded, name, mine) in rows {
        scope.all.insert(folded.clone());
        if mine {
            scope.mine.insert(folded, name);
        }
    }
    Ok(scope)
}

static MEMBERS: Sql =
    Sql::new(r"SELECT m.console_user, d.folded, d.name FROM department_member m JOIN department d ON d.id = m.department");
static NAMES: Sql = Sql::new(r"SELECT folded FROM department");

/// Everybody's.
pub(super) struct Scopes {
    mine: BTreeMap<i64, BTreeMap<String, String>>,
    all: BTreeSet<String>,
}

impl Scopes {
    pub(super) fn of(&mut self, user: i64, everything: bool) -> Scope {
        Scope { everything, mine: self.mine.remove(&user).unwrap_or_default(), all: self.all.clone() }
    }
}

pub(super) async fn scopes(db: &Db) -> Result<Scopes> {
    let members: Vec<(i64, String, String)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&MEMBERS)).fetch_all(pool).await)?;
    let names: Vec<String> = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&NAMES)).fetch_all(pool).await)?;
    let mut scopes = Scopes { mine: BTreeMap::new(), all: names.into_iter().collect() };
    for (user, folded, name) in members {
        scopes.mine.entry(user).or_default().insert(folded, name);
    }
    Ok(scopes)
}

static OF: Sql = Sql::new(
    r"SELECT d.name FROM department_member m JOIN department d ON d.id = m.department WHERE m.console_user = $1 ORDER BY d.name, d.id",
);

/// The names of somebody's departments.
pub(super) async fn of(tx: &mut Tx, user: i64) -> Result<Vec<String>> {
    within!(tx, |c, sql| sqlx::query_scalar(sql(&OF)).bind(user).fetch_all(c).await)
}

#[derive(serde::Serialize)]
struct Number {
    id: i64,
}

static KNOWN: Sql = Sql::new(r"SELECT count(*) FROM department d WHERE d.id IN (SELECT id FROM :rows($1; id BIGINT) AS wanted)");

fn numbers(departments: &[i64]) -> String {
    let each: BTreeSet<i64> = departments.iter().copied().collect();
    list(&each.into_iter().map(|id| Number { id }).collect::<Vec<_>>())
}

/// Whether there are all of these.
pub(super) async fn exist(tx: &mut Tx, departments: &[i64]) -> Result<bool> {
    let wanted: BTreeSet<&i64> = departments.iter().collect();
    let known: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&KNOWN)).bind(numbers(departments)).fetch_one(c).await)?;
    Ok(usize::try_from(known) == Ok(wanted.len()))
}

static LEAVE: Sql = Sql::new(r"DELETE FROM department_member WHERE console_user = $1");
static JOIN: Sql = Sql::new(
    r"INSERT INTO department_member (console_user, department)
      SELECT $1, d.id FROM department d WHERE d.id IN (SELECT id FROM :rows($2; id BIGINT) AS wanted)",
);

/// Makes these somebody's departments, and no others; their names.
pub(super) async fn join(tx: &mut Tx, user: i64, departments: &[i64]) -> Result<Vec<String>> {
    let wanted = numbers(departments);
    within!(tx, |c, sql| sqlx::query(sql(&LEAVE)).bind(user).execute(c).await.map(affected))?;
    within!(tx, |c, sql| sqlx::query(sql(&JOIN)).bind(user).bind(&wanted).execute(c).await.map(affected))?;
    of(tx, user).await
}

static ADD: Sql = Sql::new(
    r"INSERT INTO department (name, folded, created_at) VALUES ($1, $2, $3) ON CONFLICT (folded) DO NOTHING RETURNING id",
);
static RENAME: Sql = Sql::new(
    r"UPDATE department SET name = $2, folded = $3
      WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM department o WHERE o.folded = $3 AND o.id <> $1)",
);
static REMOVE: Sql = Sql::new(r"DELETE FROM department WHERE id = $1");
static EMPTY: Sql = Sql::new(r"DELETE FROM department_member WHERE department = $1");
static NAME: Sql = Sql::new(r"SELECT d.name FROM department d WHERE d.id = $1 :lock(d)");

/// Adds a department: from now on only its members, and those who see all, see what it owns.
pub async fn add_department(db: &Db, name: &str, actor: &Actor, now: i64) -> Result<std::result::Result<i64, Refused>> {
    transaction!(db, |tx| {
        let id: Option<i64> = within!(tx, |c, sql| {
            sqlx::query_scalar(sql(&ADD)).bind(name).bind(folded(name)).bind(now).fetch_optional(c).await
        })?;
        let Some(id) = id else { return Ok(Err(Refused::DepartmentTaken)) };
        audit::record(tx, actor, "department.add", name, None, None, now).await?;
        Ok(Ok(id))
    })
}

/// Gives a department another name; its earlier one. What names it by that one is no longer its own: lists are the caller's to hand
/// over within the same transaction; campaigns and segments say their owner in their own texts.
pub async fn rename_department(
    tx: &mut Tx,
    id: i64,
    name: &str,
    actor: &Actor,
    now: i64,
) -> Result<std::result::Result<String, Refused>> {
    let was: Option<String> = within!(tx, |c, sql| sqlx::query_scalar(sql(&NAME)).bind(id).fetch_optional(c).await)?;
    let Some(was) = was else { return Ok(Err(Refused::NoSuchDepartment)) };
    let renamed =
        within!(tx, |c, sql| sqlx::query(sql(&RENAME)).bind(id).bind(name).bind(folded(name)).execute(c).await.map(affected))?;
    if renamed == 0 {
        return Ok(Err(Refused::DepartmentTaken));
    }
    let (before, after) = (json!({ "name": was }), json!({ "name": name }));
    audit::record(tx, actor, "department.rename", name, Some(&before), Some(&after), now).await?;
    Ok(Ok(was))
}

/// Takes a department away: everybody sees what it owned.
pub async fn remove_department(db: &Db, id: i64, actor: &Actor, now: i64) -> Result<std::result::Result<(), Refused>> {
    transaction!(db, |tx| {
        let name: Option<String> = within!(tx, |c, sql| sqlx::query_scalar(sql(&NAME)).bind(id).fetch_optional(c).await)?;
        let Some(name) = name else { return Ok(Err(Refused::NoSuchDepartment)) };
        within!(tx, |c, sql| sqlx::query(sql(&EMPTY)).bind(id).execute(c).await.map(affected))?;
        within!(tx, |c, sql| sqlx::query(sql(&REMOVE)).bind(id).execute(c).await.map(affected))?;
        audit::record(tx, actor, "department.remove", &name, None, None, now).await?;
        Ok(Ok(()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sees_ones_own_and_what_nobody_owns() {
        let scope = Scope::of(["Sở Văn hóa"], ["Công an tỉnh"]);
        assert!(scope.sees("Sở Văn hóa") && scope.sees("  SỞ  văn hóa "));
        assert!(!scope.sees("Công an tỉnh"));
        assert!(scope.sees("Phòng chưa khai báo"));
        assert!(Scope::everything().sees("Công an tỉnh"));
        assert_eq!((scope.whose().as_str(), Scope::everything().whose().as_str()), ("Sở Văn hóa", ""));
        assert_eq!(Scope::of([], ["Công an tỉnh"]).whose(), NOBODYS, "who is of no department is not the whole office");
        // The same letters, composed and not.
        assert!(!scope.sees("Co\u{302}ng an ti\u{309}nh"));
    }
}
