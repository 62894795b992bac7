//! The keys of a database: what `[server] key` says comes in, a [`Seal`] that fits this database leaves.
//!
//! The root of all hashes and signatures lies in `meta`, sealed; a key that does not open it is not this database's key,
//! which is said before anything is read or sent. [`rekey`] seals everything anew after a rotation.

use providers::Channel;

use crate::{
    config::SecretKey,
    db::{Db, DbError, Sql, Tx},
    on, outlet,
    seal::{Kind, Seal, SealError, hex},
    transaction,
    user::second_factor,
    webhook, within,
};

/// The name of the root in `meta`.
const ROOT: &str = "seal-root";

/// Rows that one transaction seals anew.
const BATCH: i64 = 500;

/// Why a database's keys could not be had or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The key is not the one that this database was begun with, nor a later one of it.
    #[error("[server] key does not fit this database: give the key it was used with, as key or among previous_keys")]
    Foreign,
    /// The engine's own error, or a row that no key of the ring opens.
    #[error(transparent)]
    Db(#[from] DbError),
}

static FIND: Sql = Sql::new(r"SELECT value FROM meta WHERE key = $1");
static BEGIN: Sql = Sql::new(r"INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING");
static REPLACE: Sql = Sql::new(r"UPDATE meta SET value = $2 WHERE key = $1");

/// The seal of this database. A database that has no root yet gets a random one; of two processes that begin at once, one
/// decides.
pub async fn load(db: &Db, current: &SecretKey, previous: &[SecretKey]) -> Result<Seal, KeyError> {
    if let Some(seal) = find(db, current, previous).await? {
        return Ok(seal);
    }
    let begun = hex(&Seal::new(current, previous).with_new_root().sealed_root());
    on!(db.write, |pool, sql| sqlx::query(sql(&BEGIN))
        .bind(ROOT)
        .bind(&begun)
        .execute(pool)
        .await
        .map(|done| done.rows_affected()))?;
    find(db, current, previous).await?.ok_or(KeyError::Foreign)
}

/// The seal of a database that has its root already; none: nothing was sealed in it yet. Changes nothing.
pub async fn find(db: &Db, current: &SecretKey, previous: &[SecretKey]) -> Result<Option<Seal>, KeyError> {
    let found: Option<String> = on!(db.write, |pool, sql| sqlx::query_scalar(sql(&FIND)).bind(ROOT).fetch_optional(pool).await)?;
    let Some(text) = found else { return Ok(None) };
    let sealed = unhex(&text).ok_or(KeyError::Foreign)?;
    Seal::new(current, previous).with_root(&sealed).map(Some).map_err(|_| KeyError::Foreign)
}

static NEXT: Sql = Sql::new(
    r"SELECT id, phone, email, chat FROM recipient
    WHERE id > $1 AND (phone IS NOT NULL OR email IS NOT NULL OR chat IS NOT NULL) ORDER BY id LIMIT $2 :lock(recipient)",
);

static RESEAL: Sql = Sql::new(
    r"UPDATE recipient SET phone = l.phone, email = l.email, chat = l.chat
    FROM :rows($1; id BIGINT, phone BYTES, email BYTES, chat BYTES) AS l WHERE recipient.id = l.id",
);

/// Seals every address, what people wrote back, notes on their requests, gateways' tokens, webhooks' secrets, and the root, with the current key;
/// hashes stay as they are. In small transactions, so that nobody waits; whatever was done stays done, and running it again
/// goes over what is left. Afterwards the previous keys may be taken out of loa.toml. Gives the number of people whose row was
/// sealed anew.
pub async fn rekey(db: &Db, seal: &Seal, mut progress: impl FnMut(u64)) -> Result<u64, KeyError> {
    let root = hex(&seal.sealed_root());
    on!(db.write, |pool, sql| sqlx::query(sql(&REPLACE))
        .bind(ROOT)
        .bind(&root)
        .execute(pool)
        .await
        .map(|done| done.rows_affected()))?;
    let (mut after, mut done) = (0, 0);
    while let Some(last) = transaction!(db, |tx| reseal_inbound(tx, seal, after).await)? {
        after = last;
    }
    after = 0;
    while let Some(last) = transaction!(db, |tx| reseal_confirmations(tx, seal, after).await)? {
        after = last;
    }
    for notes in [(&NEXT_REQUEST, &RESEAL_REQUEST), (&NEXT_STEP, &RESEAL_STEP)] {
        after = 0;
        while let Some(last) = transaction!(db, |tx| reseal_notes(tx, seal, after, notes).await)? {
            after = last;
        }
    }
    transaction!(db, |tx| reseal_tokens(tx, seal).await)?;
    transaction!(db, |tx| webhook::reseal(tx, seal).await)?;
    transaction!(db, |tx| second_factor::reseal(tx, seal).await)?;
    transaction!(db, |tx| outlet::reseal(tx, seal).await)?;
    after = 0;
    loop {
        let Some((last, changed)) = transaction!(db, |tx| reseal(tx, seal, after).await)? else { return Ok(done) };
        after = last;
        done += changed;
        progress(done);
    }
}

type SealedRow = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>);

static NEXT_INBOUND: Sql =
    Sql::new(r"SELECT id, channel, sender, text FROM inbound WHERE id > $1 ORDER BY id LIMIT $2 :lock(inbound)");

static RESEAL_INBOUND: Sql = Sql::new(
    r"UPDATE inbound SET sender = l.sender, text = l.text
    FROM :rows($1; id BIGINT, sender BYTES, text BYTES) AS l WHERE inbound.id = l.id",
);

static NEXT_CONFIRMATION: Sql = Sql::new(
    r"SELECT id, channel, sender FROM confirmation WHERE id > $1 AND sender IS NOT NULL ORDER BY id LIMIT $2 :lock(confirmation)",
);

static RESEAL_CONFIRMATION: Sql = Sql::new(
    r"UPDATE confirmation SET sender = l.sender FROM :rows($1; id BIGINT, sender BYTES) AS l
    WHERE confirmation.id = l.id AND confirmation.sender IS NOT NULL",
);

/// Number, channel, sender and text.
type SealedMessage = (i64, i16, Vec<u8>, Option<Vec<u8>>);

/// One batch of what people wrote; the last id looked at, none at the end.
async fn reseal_inbound(tx: &mut Tx, seal: &Seal, after: i64) -> crate::db::Result<Option<i64>> {
    let rows: Vec<SealedMessage> =
        within!(tx, |c, sql| sqlx::query_as(sql(&NEXT_INBOUND)).bind(after).bind(BATCH).fetch_all(c).await)?;
    let Some((last, ..)) = rows.last() else { return Ok(None) };
    let last = *last;
    let mut anew = Vec::with_capacity(rows.len());
    for (id, channel, sender, text) in rows {
        let broken = |error: SealError| DbError::Refused(format!("message {id}: {error}"));
        let text = text.map(|text| seal.open_text(&text)).transpose().map_err(broken)?;
        let text = text.map(|text| hex(&seal.seal_text(&text)));
        anew.push(serde_json::json!({ "id": id, "sender": sender_anew(seal, channel, &sender).map_err(broken)?, "text": text }));
    }
    let rows = serde_json::Value::Array(anew).to_string();
    within!(tx, |c, sql| sqlx::query(sql(&RESEAL_INBOUND)).bind(&rows).execute(c).await.map(|done| done.rows_affected()))?;
    Ok(Some(last))
}

/// One batch of the confirmations that are still owed.
async fn reseal_confirmations(tx: &mut Tx, seal: &Seal, after: i64) -> crate::db::Result<Option<i64>> {
    let rows: Vec<(i64, i16, Vec<u8>)> =
        within!(tx, |c, sql| sqlx::query_as(sql(&NEXT_CONFIRMATION)).bind(after).bind(BATCH).fetch_all(c).await)?;
    let Some((last, ..)) = rows.last() else { return Ok(None) };
    let last = *last;
    let mut anew = Vec::with_capacity(rows.len());
    for (id, channel, sender) in rows {
        let broken = |error: SealError| DbError::Refused(format!("confirmation {id}: {error}"));
        anew.push(serde_json::json!({ "id": id, "sender": sender_anew(seal, channel, &sender).map_err(broken)? }));
    }
    let rows = serde_json::Value::Array(anew).to_string();
    within!(tx, |c, sql| sqlx::query(sql(&RESEAL_CONFIRMATION)).bind(&rows).execute(c).await.map(|done| done.rows_affected()))?;
    Ok(Some(last))
}

static NEXT_REQUEST: Sql =
    Sql::new(r"SELECT id, note FROM request WHERE id > $1 AND note IS NOT NULL ORDER BY id LIMIT $2 :lock(request)");

static RESEAL_REQUEST: Sql = Sql::new(
    r"UPDATE request SET note = l.note FROM :rows($1; id BIGINT, note BYTES) AS l WHERE request.id = l.id AND request.note IS NOT NULL",
);

static NEXT_STEP: Sql =
    Sql::new(r"SELECT id, note FROM request_event WHERE id > $1 AND note IS NOT NULL ORDER BY id LIMIT $2 :lock(request_event)");

static RESEAL_STEP: Sql = Sql::new(
    r"UPDATE request_event SET note = l.note FROM :rows($1; id BIGINT, note BYTES) AS l
    WHERE request_event.id = l.id AND request_event.note IS NOT NULL",
);

/// One batch of officers' notes on requests; the last id looked at, none at the end.
async fn reseal_notes(
    tx: &mut Tx,
    seal: &Seal,
    after: i64,
    (next, reseal): (&'static Sql, &'static Sql),
) -> crate::db::Result<Option<i64>> {
    let rows: Vec<(i64, Vec<u8>)> = within!(tx, |c, sql| sqlx::query_as(sql(next)).bind(after).bind(BATCH).fetch_all(c).await)?;
    let Some((last, _)) = rows.last() else { return Ok(None) };
    let last = *last;
    let mut anew = Vec::with_capacity(rows.len());
    for (id, note) in rows {
        let plain = seal.open_text(&note).map_err(|error| DbError::Refused(format!("note {id}: {error}")))?;
        anew.push(serde_json::json!({ "id": id, "note": hex(&seal.seal_text(&plain)) }));
    }
    let rows = serde_json::Value::Array(anew).to_string();
    within!(tx, |c, sql| sqlx::query(sql(reseal)).bind(&rows).execute(c).await.map(|done| done.rows_affected()))?;
    Ok(Some(last))
}

static TOKENS: Sql = Sql::new(r"SELECT account, access, refresh FROM token t ORDER BY account :lock(t)");

static RESEAL_TOKEN: Sql = Sql::new(r"UPDATE token SET access = $2, refresh = $3 WHERE account = $1");

/// The tokens of all accounts: a few.
async fn reseal_tokens(tx: &mut Tx, seal: &Seal) -> crate::db::Result<()> {
    let rows: Vec<(String, Option<Vec<u8>>, Vec<u8>)> = within!(tx, |c, sql| sqlx::query_as(sql(&TOKENS)).fetch_all(c).await)?;
    for (account, access, refresh) in rows {
        let anew = |sealed: &[u8]| {
            let broken = |error: SealError| DbError::Refused(format!("the token of {account}: {error}"));
            Ok::<_, DbError>(seal.seal_token(&seal.open_token(sealed).map_err(broken)?))
        };
        let (access, refresh) = (access.as_deref().map(anew).transpose()?, anew(&refresh)?);
        within!(tx, |c, sql| {
            sqlx::query(sql(&RESEAL_TOKEN))
                .bind(&account)
                .bind(&access)
                .bind(&refresh)
                .execute(c)
                .await
                .map(|done| done.rows_affected())
        })?;
    }
    Ok(())
}

fn sender_anew(seal: &Seal, channel: i16, sealed: &[u8]) -> Result<String, SealError> {
    let kind = Kind::of(Channel::from_number(i64::from(channel)).unwrap_or(Channel::Sms));
    Ok(hex(&seal.seal(kind, &seal.open(kind, sealed)?)))
}

/// One batch: the last id looked at and how many rows changed; none at the end. A row that cannot be opened rolls the
/// batch back.
async fn reseal(tx: &mut Tx, seal: &Seal, after: i64) -> crate::db::Result<Option<(i64, u64)>> {
    let rows: Vec<SealedRow> = within!(tx, |c, sql| sqlx::query_as(sql(&NEXT)).bind(after).bind(BATCH).fetch_all(c).await)?;
    let Some((last, ..)) = rows.last() else { return Ok(None) };
    let last = *last;
    let mut changed = Vec::new();
    for (id, phone, email, chat) in rows {
        let sealed = [(Kind::Phone, phone), (Kind::Email, email), (Kind::Chat, chat)];
        if sealed.iter().all(|(_, bytes)| bytes.as_ref().is_none_or(|bytes| seal.is_current(bytes))) {
            continue;
        }
        let mut anew = [None, None, None];
        for (place, (kind, bytes)) in anew.iter_mut().zip(sealed) {
            *place = match bytes {
                Some(bytes) => {
                    let plain = seal.open(kind, &bytes).map_err(|error| DbError::Refused(format!("recipient {id}: {error}")))?;
                    Some(hex(&seal.seal(kind, &plain)))
                }
                None => None,
            };
        }
        let [phone, email, chat] = anew;
        changed.push(serde_json::json!({ "id": id, "phone": phone, "email": email, "chat": chat }));
    }
    let count = changed.len() as u64;
    if count > 0 {
        let rows = serde_json::Value::Array(changed).to_string();
        within!(tx, |c, sql| sqlx::query(sql(&RESEAL)).bind(&rows).execute(c).await.map(|done| done.rows_affected()))?;
    }
    Ok(Some((last, count)))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}
