//! The right to be forgotten: a reference comes in, everything personal about that person goes.
//!
//! The row's number stays, with its area on past deliveries, so that every count stands (Luật Bảo vệ dữ liệu cá nhân
//! 91/2025/QH15 leaves statistics without names). Refusals stay too: they hang on the address's keyed hash, and must
//! outlive the record. What gateways said about failures goes, and so does what the person wrote back. Receipts hold no address. A run that is still going on
//! keeps the address's keyed hash on its delivery, else somebody who shares the phone would get a second text; it finds no
//! address any more and sends nothing.

use crate::{
    db::{Db, Result, Sql},
    transaction, within,
};

static FIND: Sql = Sql::new(r"SELECT id FROM recipient WHERE ref = $1");

static EMPTY: Sql = Sql::new(
    r"UPDATE recipient SET ref = 'erased-' || CAST(id AS TEXT), source = '', state = 2, name = NULL, lang = NULL, area = NULL,
        born = NULL, carrier = 0, attributes = '{}', phone = NULL, phone_hash = NULL, email = NULL, email_hash = NULL,
        chat = NULL, chat_hash = NULL, chat_service = 0, consent_basis = NULL, consent_source = NULL, consent_at = NULL,
        updated_at = $2
    WHERE id = $1",
);

// Before the hashes go: what the person wrote is found by them. The record of a refusal stays.
static UNHEAR: Sql = Sql::new(
    r"DELETE FROM inbound WHERE id IN (SELECT i.id FROM recipient r JOIN inbound i
      ON (i.channel = 1 AND i.address = r.phone_hash) OR (i.channel = 2 AND i.address = r.email_hash) OR (i.channel = 3 AND i.address = r.chat_hash)
      WHERE r.id = $1)",
);

static LEAVE: Sql = Sql::new(r"DELETE FROM membership WHERE recipient = $1");

static UNSAY: Sql = Sql::new(
    r"DELETE FROM remark WHERE delivery IN
    (SELECT d.id FROM run x JOIN delivery d ON d.id BETWEEN (x.id << 36) + ($1 << 4) AND (x.id << 36) + ($1 << 4) + 15)",
);

static UNLINK: Sql = Sql::new(
    r"UPDATE delivery SET address = NULL WHERE id IN
    (SELECT d.id FROM run x JOIN delivery d ON d.id BETWEEN (x.id << 36) + ($1 << 4) AND (x.id << 36) + ($1 << 4) + 15
    WHERE x.state >= 2)",
);

/// Erases a person; false where nobody has this reference.
pub async fn erase(db: &Db, reference: &str, now: i64) -> Result<bool> {
    transaction!(db, |tx| {
        let found = within!(tx, |c, sql| sqlx::query_scalar::<_, i64>(sql(&FIND)).bind(reference).fetch_optional(c).await)?;
        let Some(id) = found else { return Ok(false) };
        within!(tx, |c, sql| sqlx::query(sql(&UNHEAR)).bind(id).execute(c).await.map(|done| done.rows_affected()))?;
        within!(tx, |c, sql| sqlx::query(sql(&EMPTY)).bind(id).bind(now).execute(c).await.map(|done| done.rows_affected()))?;
        for statement in [&LEAVE, &UNSAY, &UNLINK] {
            within!(tx, |c, sql| sqlx::query(sql(statement)).bind(id).execute(c).await.map(|done| done.rows_affected()))?;
        }
        Ok(true)
    })
}
