//! Who decides for an approver who is away: from one local day through another, written down with who set it and why.

use chrono::NaiveDate;
use serde_json::json;

use crate::{
    audit::{self, Actor},
    db::{Db, Result, Sql, affected},
    on, transaction, within,
};

/// Somebody who may decide in an approver's place.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Delegation {
    /// Its number.
    pub id: i64,
    /// Who is away.
    pub approver: i64,
    /// Their name.
    pub approver_name: String,
    /// Who stands in.
    pub delegate: i64,
    /// Their name.
    pub delegate_name: String,
    /// First local day, ISO 8601.
    pub from_day: String,
    /// Last local day.
    pub through_day: String,
    /// Why.
    pub reason: String,
    /// Who set it.
    pub made_by: Option<i64>,
    /// Their name.
    pub made_name: String,
    /// When.
    pub made_at: i64,
    /// When it was ended early.
    pub ended_at: Option<i64>,
    /// By whom.
    pub ended_name: Option<String>,
}

impl Delegation {
    /// Whether it holds on a local day.
    pub fn holds_on(&self, day: NaiveDate) -> bool {
        let day = day.to_string();
        self.ended_at.is_none() && self.from_day <= day && day <= self.through_day
    }
}

/// What is to be set.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// Who is away, by number and name.
    pub approver: (i64, &'a str),
    /// Who stands in.
    pub delegate: (i64, &'a str),
    /// First local day.
    pub from: NaiveDate,
    /// Last local day.
    pub through: NaiveDate,
    /// Why.
    pub reason: &'a str,
}

macro_rules! delegation_columns {
    () => {
        "id, approver, approver_name, delegate, delegate_name, from_day, through_day, reason, made_by, made_name, made_at, ended_at,
         ended_name"
    };
}

static INSERT: Sql = Sql::new(
    r"INSERT INTO delegation (approver, approver_name, delegate, delegate_name, from_day, through_day, reason, made_by, made_name,
                              made_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
);

static HELD_BY: Sql = Sql::new(concat!(
    "SELECT ",
    delegation_columns!(),
    " FROM delegation WHERE delegate = $1 AND ended_at IS NULL AND from_day <= $2 AND through_day >= $2 ORDER BY id"
));

static LIST: Sql = Sql::new(concat!("SELECT ", delegation_columns!(), " FROM delegation ORDER BY id DESC LIMIT 100"));

static GET: Sql = Sql::new(concat!("SELECT ", delegation_columns!(), " FROM delegation WHERE id = $1"));

static END: Sql = Sql::new(r"UPDATE delegation SET ended_at = $2, ended_name = $3 WHERE id = $1 AND ended_at IS NULL");

/// Sets a delegate.
pub async fn make(db: &Db, new: New<'_>, actor: &Actor, now: i64) -> Result<i64> {
    transaction!(db, |tx| {
        let id: i64 = within!(tx, |c, sql| {
            sqlx::query_scalar(sql(&INSERT))
                .bind(new.approver.0)
                .bind(new.approver.1)
                .bind(new.delegate.0)
                .bind(new.delegate.1)
                .bind(new.from.to_string())
                .bind(new.through.to_string())
                .bind(new.reason)
                .bind(actor.user)
                .bind(&actor.name)
                .bind(now)
                .fetch_one(c)
                .await
        })?;
        let after = json!({
            "delegation": id, "delegate": new.delegate.1, "from": new.from, "through": new.through, "reason": new.reason,
        });
        audit::record(tx, actor, "delegation.make", new.approver.1, None, Some(&after), now).await?;
        Ok(id)
    })
}

/// Ends one early. False: it is over already.
pub async fn end(db: &Db, delegation: &Delegation, actor: &Actor, now: i64) -> Result<bool> {
    transaction!(db, |tx| {
        let ended = within!(tx, |c, sql| {
            sqlx::query(sql(&END)).bind(delegation.id).bind(now).bind(&actor.name).execute(c).await.map(affected)
        })?;
        if ended == 1 {
            let after = json!({ "delegation": delegation.id, "delegate": delegation.delegate_name });
            audit::record(tx, actor, "delegation.end", &delegation.approver_name, None, Some(&after), now).await?;
        }
        Ok(ended == 1)
    })
}

/// What somebody may decide in others' place on a local day.
pub async fn held_by(db: &Db, user: i64, day: NaiveDate) -> Result<Vec<Delegation>> {
    let day = day.to_string();
    on!(db.read, |pool, sql| sqlx::query_as(sql(&HELD_BY)).bind(user).bind(&day).fetch_all(pool).await)
}

/// The last hundred, newest first.
pub async fn list(db: &Db) -> Result<Vec<Delegation>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&LIST)).fetch_all(pool).await)
}

/// One of them.
pub async fn get(db: &Db, id: i64) -> Result<Option<Delegation>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&GET)).bind(id).fetch_optional(pool).await)
}
