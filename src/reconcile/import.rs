//! An invoice that was read is stored, once.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Amount, Key, ReconcileError, invoice::Invoiced};
use crate::{
    db::{Sql, Tx, affected, list},
    within,
};

/// An invoice to be stored.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// What people call it.
    pub name: &'a str,
    /// What its file says.
    pub read: &'a Invoiced,
    /// Per mille by which the sides may differ.
    pub tolerance: i64,
    /// Who imports it.
    pub by: &'a str,
    /// Unix milliseconds.
    pub now: i64,
}

static BEFORE: Sql = Sql::new(r"SELECT id FROM invoice WHERE file_hash = $1");

static ACCOUNT: Sql = Sql::new(r"SELECT count(*) FROM account WHERE name = $1");

static INSERT: Sql = Sql::new(
    r"INSERT INTO invoice (name, file_hash, day_from, day_to, accounts, tolerance, state, comment, imported_at, by_whom)
      VALUES ($1, $2, $3, $4, $5, $6, 0, '', $7, $8) RETURNING id",
);

static INSERT_LINES: Sql = Sql::new(
    r"INSERT INTO invoice_line (invoice, account, carrier, day, parts, amount, state, comment, by_whom)
      SELECT $2, account, carrier, day, parts, cost, 0, '', ''
      FROM :rows($1; account TEXT, carrier TEXT, day TEXT, parts BIGINT, cost BIGINT) AS v",
);

/// Stores an invoice; its number.
pub async fn import(tx: &mut Tx, new: &New<'_>) -> std::result::Result<i64, ReconcileError> {
    #[derive(Serialize)]
    struct Row<'a> {
        #[serde(flatten)]
        key: &'a Key,
        #[serde(flatten)]
        amount: Amount,
    }
    let before: Option<i64> =
        within!(tx, |c, sql| sqlx::query_scalar(sql(&BEFORE)).bind(&new.read.hash).fetch_optional(c).await)?;
    if let Some(before) = before {
        return Err(ReconcileError::Before(before));
    }
    let accounts: BTreeSet<&str> = new.read.lines.keys().map(|key| key.account.as_str()).collect();
    for account in &accounts {
        let known: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&ACCOUNT)).bind(*account).fetch_one(c).await)?;
        if known == 0 {
            return Err(ReconcileError::NoAccount((*account).to_string()));
        }
    }
    let days = || new.read.lines.keys().map(|key| key.day.as_str());
    let (from, through) = (days().min().unwrap_or_default(), days().max().unwrap_or_default());
    // A plain list of names: serde_json cannot fail on it.
    let accounts = serde_json::to_string(&accounts).unwrap_or_default();
    let id: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&INSERT))
        .bind(new.name)
        .bind(&new.read.hash)
        .bind(from)
        .bind(through)
        .bind(&accounts)
        .bind(new.tolerance)
        .bind(new.now)
        .bind(new.by)
        .fetch_one(c)
        .await)?;
    let rows = list(&new.read.lines.iter().map(|(key, amount)| Row { key, amount: *amount }).collect::<Vec<_>>());
    within!(tx, |c, sql| sqlx::query(sql(&INSERT_LINES)).bind(&rows).bind(id).execute(c).await.map(affected))?;
    Ok(id)
}
