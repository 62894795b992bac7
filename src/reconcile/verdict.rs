//! What people say of an invoice and of its lines: agreed, or disputed and why.

use super::{GET, Key, ReconcileError, Row, Verdict};
use crate::{
    db::{Sql, Tx, affected},
    within,
};

static SAY: Sql = Sql::new(
    r"INSERT INTO invoice_line (invoice, account, carrier, day, parts, amount, state, comment, by_whom)
      VALUES ($1, $2, $3, $4, 0, 0, $5, $6, $7)
      ON CONFLICT (invoice, account, carrier, day) DO UPDATE
      SET state = excluded.state, comment = excluded.comment, by_whom = excluded.by_whom",
);

static DECIDE: Sql = Sql::new(r"UPDATE invoice SET state = $2, comment = $3, decided_at = $4, decided_by = $5 WHERE id = $1");

static DISPUTED: Sql = Sql::new(r"SELECT count(*) FROM invoice_line WHERE invoice = $1 AND state = 2");

/// What somebody says.
#[derive(Debug, Clone, Copy)]
pub struct Word<'a> {
    /// The verdict.
    pub verdict: Verdict,
    /// Why; a dispute needs one.
    pub comment: &'a str,
    /// Who says so.
    pub by: &'a str,
    /// Unix milliseconds.
    pub now: i64,
}

/// Says it of one line.
pub async fn say_of_line(tx: &mut Tx, invoice: i64, key: &Key, word: Word<'_>) -> std::result::Result<(), ReconcileError> {
    known(tx, invoice, word).await?;
    within!(tx, |c, sql| sqlx::query(sql(&SAY))
        .bind(invoice)
        .bind(&key.account)
        .bind(&key.carrier)
        .bind(&key.day)
        .bind(word.verdict as i16)
        .bind(word.comment.trim())
        .bind(word.by)
        .execute(c)
        .await
        .map(affected))?;
    Ok(())
}

/// Says it of the invoice as a whole.
pub async fn say(tx: &mut Tx, invoice: i64, word: Word<'_>) -> std::result::Result<(), ReconcileError> {
    known(tx, invoice, word).await?;
    let disputed: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&DISPUTED)).bind(invoice).fetch_one(c).await)?;
    if word.verdict == Verdict::Agreed && disputed > 0 {
        return Err(ReconcileError::StillDisputed);
    }
    within!(tx, |c, sql| sqlx::query(sql(&DECIDE))
        .bind(invoice)
        .bind(word.verdict as i16)
        .bind(word.comment.trim())
        .bind(word.now)
        .bind(word.by)
        .execute(c)
        .await
        .map(affected))?;
    Ok(())
}

async fn known(tx: &mut Tx, invoice: i64, word: Word<'_>) -> std::result::Result<(), ReconcileError> {
    let found: Option<Row> = within!(tx, |c, sql| sqlx::query_as(sql(&GET)).bind(invoice).fetch_optional(c).await)?;
    if found.is_none() {
        return Err(ReconcileError::Missing);
    }
    if word.verdict == Verdict::Disputed && word.comment.trim().is_empty() {
        return Err(ReconcileError::NoComment);
    }
    Ok(())
}
