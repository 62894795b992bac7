//! An import's rows go into the database: each [`Batch`] is one transaction with its bookkeeping.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::{Order, batch::Batch};
use crate::{
    audience::column::{self, Change},
    db::{Db, DbError, Result, Sql, Tx},
    on, transaction, within,
};

/// People that one transaction retires.
const RETIRED_AT_ONCE: i64 = 900;

static LOOK: Sql =
    Sql::new(r"SELECT r.ref, r.id, r.source, r.state = 0 FROM :rows($1; ref TEXT) AS l JOIN recipient r ON r.ref = l.ref");

/// Somebody of a batch who is known.
pub(super) struct Known {
    pub(super) reference: String,
    pub(super) id: i64,
    pub(super) source: String,
    pub(super) active: bool,
}

impl Batch {
    /// Who of it is known already, refused rows' people among them.
    pub(super) async fn known(&self, db: &Db) -> Result<Vec<Known>> {
        let named = self.rows.iter().map(|row| &row.reference).chain(&self.still_listed);
        let references = list(named.map(|reference| json!({ "ref": reference })));
        let rows: Vec<(String, i64, String, bool)> =
            on!(db.read, |pool, sql| sqlx::query_as(sql(&LOOK)).bind(&references).fetch_all(pool).await)?;
        Ok(rows.into_iter().map(|(reference, id, source, active)| Known { reference, id, source, active }).collect())
    }
}

static OF_SOURCE: Sql = Sql::new(r"SELECT count(*) FROM recipient WHERE source = $1 AND state = 0");

/// How many people of a list are not retired.
pub(super) async fn of_source(db: &Db, source: &str) -> Result<i64> {
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&OF_SOURCE)).bind(source).fetch_one(pool).await)
}

/// An import that runs.
pub(super) struct Begun {
    pub(super) id: i64,
    /// Rows that are dealt with.
    pub(super) done_rows: u64,
}

static UNFINISHED: Sql = Sql::new(
    r"SELECT id, done_rows FROM import WHERE source = $1 AND file_hash = $2 AND replaces = $3 AND finished_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM import later WHERE later.source = $1 AND later.id > import.id) ORDER BY id DESC LIMIT 1",
);

static BEGIN: Sql = Sql::new(
    r"INSERT INTO import (source, file_hash, replaces, done_rows, rejected, added, repeated, started_at)
    VALUES ($1, $2, $3, 0, 0, 0, 0, $4) RETURNING id",
);

/// Begins an import, or takes up the one of the same file that broke off, unless the source was imported anew since.
pub(super) async fn begin(db: &Db, order: &Order, hash: &str, now: i64) -> Result<Begun> {
    transaction!(db, |tx| {
        let found = within!(tx, |c, sql| sqlx::query_as::<_, (i64, i64)>(sql(&UNFINISHED))
            .bind(&order.source)
            .bind(hash)
            .bind(order.replace)
            .fetch_optional(c)
            .await)?;
        if let Some((id, done)) = found {
            return Ok(Begun { id, done_rows: u64::try_from(done).unwrap_or(0) });
        }
        let id = within!(tx, |c, sql| sqlx::query_scalar::<_, i64>(sql(&BEGIN))
            .bind(&order.source)
            .bind(hash)
            .bind(order.replace)
            .bind(now)
            .fetch_one(c)
            .await)?;
        Ok(Begun { id, done_rows: 0 })
    })
}

// Locked in one order, whoever imports what at the same time: what they had until now is what they lose.
static KNOWN: Sql = Sql::new(
    r"SELECT r.ref, r.id, r.import, r.source, r.state = 0, r.attributes FROM :rows($1; ref TEXT) AS l
    JOIN recipient r ON r.ref = l.ref ORDER BY r.ref :lock(r)",
);

/// Somebody whom a batch names again.
#[derive(sqlx::FromRow)]
struct Named(String, i64, i64, String, bool, String);

static ADD: Sql = Sql::new(
    r"INSERT INTO recipient (ref, source, import, state, name, lang, area, born, carrier, attributes, phone, phone_hash,
        email, email_hash, chat, chat_hash, chat_service, consent_basis, consent_source, consent_at, updated_at)
    SELECT ref, $2, $3, 0, name, lang, area, born, carrier, attributes, phone, phone_hash,
        email, email_hash, chat, chat_hash, chat_service, consent_basis, consent_source, consent_at, $4
    FROM :rows($1; ref TEXT, name TEXT, lang TEXT, area TEXT, born TEXT, carrier SMALLINT, attributes TEXT, phone BYTES,
        phone_hash BIGINT, email BYTES, email_hash BIGINT, chat BYTES, chat_hash BIGINT, chat_service SMALLINT,
        consent_basis TEXT, consent_source TEXT, consent_at BIGINT) AS l
    RETURNING id, ref",
);

// The bits of $5 are those of `batch::Fields`. Not `ON CONFLICT`: PostgreSQL would use up a number of the 32 bits that a person has
// for every row of every list, known or not.
static UPDATE: Sql = Sql::new(
    r"UPDATE recipient SET source = $2, import = $3, state = 0,
        name = CASE WHEN ($5 & 1) <> 0 THEN l.name ELSE recipient.name END,
        lang = CASE WHEN ($5 & 2) <> 0 THEN l.lang ELSE recipient.lang END,
        area = CASE WHEN ($5 & 4) <> 0 THEN l.area ELSE recipient.area END,
        born = CASE WHEN ($5 & 8) <> 0 THEN l.born ELSE recipient.born END,
        phone = CASE WHEN ($5 & 16) <> 0 THEN l.phone ELSE recipient.phone END,
        phone_hash = CASE WHEN ($5 & 16) <> 0 THEN l.phone_hash ELSE recipient.phone_hash END,
        email = CASE WHEN ($5 & 32) <> 0 THEN l.email ELSE recipient.email END,
        email_hash = CASE WHEN ($5 & 32) <> 0 THEN l.email_hash ELSE recipient.email_hash END,
        chat = CASE WHEN ($5 & 64) <> 0 THEN l.chat ELSE recipient.chat END,
        chat_hash = CASE WHEN ($5 & 64) <> 0 THEN l.chat_hash ELSE recipient.chat_hash END,
        chat_service = CASE WHEN ($5 & 64) <> 0 THEN l.chat_service ELSE recipient.chat_service END,
        attributes = CASE WHEN ($5 & 128) <> 0 THEN l.attributes ELSE recipient.attributes END,
        consent_basis = CASE WHEN ($5 & 256) <> 0 THEN l.consent_basis ELSE recipient.consent_basis END,
        consent_source = CASE WHEN ($5 & 256) <> 0 THEN l.consent_source ELSE recipient.consent_source END,
        consent_at = CASE WHEN ($5 & 256) <> 0 THEN l.consent_at ELSE recipient.consent_at END,
        carrier = CASE WHEN ($5 & 512) <> 0 THEN l.carrier ELSE recipient.carrier END,
        updated_at = $4
    FROM :rows($1; ref TEXT, name TEXT, lang TEXT, area TEXT, born TEXT, carrier SMALLINT, attributes TEXT, phone BYTES,
        phone_hash BIGINT, email BYTES, email_hash BIGINT, chat BYTES, chat_hash BIGINT, chat_service SMALLINT,
        consent_basis TEXT, consent_source TEXT, consent_at BIGINT) AS l
    WHERE recipient.ref = l.ref RETURNING recipient.id, recipient.ref",
);

static LEAVE: Sql = Sql::new(
    r"DELETE FROM membership WHERE recipient IN (SELECT id FROM :rows($1; id BIGINT) AS l)
    AND NOT EXISTS (SELECT 1 FROM :rows($2; recipient BIGINT, grp TEXT) AS k
        WHERE k.recipient = membership.recipient AND k.grp = membership.grp)",
);

static JOIN: Sql = Sql::new(
    r"INSERT INTO membership (recipient, grp) SELECT recipient, grp FROM :rows($1; recipient BIGINT, grp TEXT) AS l
    WHERE true ON CONFLICT (recipient, grp) DO NOTHING",
);

static STILL_LISTED: Sql =
    Sql::new(r"UPDATE recipient SET import = $3 WHERE source = $2 AND ref IN (SELECT ref FROM :rows($1; ref TEXT) AS l)");

static ADVANCE: Sql = Sql::new(
    r"UPDATE import SET done_rows = $2, rejected = $3, added = added + $4, repeated = repeated + $5
    WHERE id = $1 AND done_rows = $6 AND finished_at IS NULL",
);

impl Batch {
    /// What it changes in the list's own columns, `known` being who is in the list already.
    fn columns(&self, known: &[Named]) -> Change {
        let mut change = Change::default();
        let had: HashMap<&str, &str> = known.iter().map(|Named(reference, .., had)| (reference.as_str(), had.as_str())).collect();
        for row in &self.rows {
            let has = row.row["attributes"].as_str().unwrap_or_default();
            match had.get(row.reference.as_str()) {
                None => change.gains(has),
                Some(had) if self.fields.attributes() => {
                    change.loses(had);
                    change.gains(has);
                }
                Some(_) => {}
            }
        }
        change
    }
}

/// Writes one batch, and with it how far the import is. `before`: the rows dealt with until now. False: somebody of it is on one of the
/// `spared` lists, and nothing of it is written.
pub(super) async fn write(
    db: &Db,
    begun: &Begun,
    (order, spared): (&Order, &[String]),
    batch: &Batch,
    before: u64,
    now: i64,
) -> Result<bool> {
    let references = list(batch.rows.iter().map(|row| json!({ "ref": row.reference })));
    let still_listed = list(batch.still_listed.iter().map(|reference| json!({ "ref": reference })));
    transaction!(db, |tx| {
        let known = within!(tx, |c, sql| sqlx::query_as::<_, Named>(sql(&KNOWN)).bind(&references).fetch_all(c).await)?;
        if known.iter().any(|Named(.., source, active, _)| *active && *source != order.source && spared.contains(source)) {
            return Ok(false);
        }
        let again = known.iter().filter(|Named(_, _, import, ..)| *import == begun.id).count() as u64;
        let added = (batch.rows.len() - known.len()) as u64;
        let is_known: HashSet<&str> = known.iter().map(|Named(reference, ..)| reference.as_str()).collect();
        let rows = |of_known: bool| {
            list(batch.rows.iter().filter(|row| is_known.contains(row.reference.as_str()) == of_known).map(|row| row.row.clone()))
        };
        // A person whom another import adds meanwhile makes this transaction run again, and is known then.
        let mut ids = within!(tx, |c, sql| sqlx::query_as::<_, (i64, String)>(sql(&ADD))
            .bind(rows(false))
            .bind(&order.source)
            .bind(begun.id)
            .bind(now)
            .fetch_all(c)
            .await)?;
        ids.extend(within!(tx, |c, sql| sqlx::query_as::<_, (i64, String)>(sql(&UPDATE))
            .bind(rows(true))
            .bind(&order.source)
            .bind(begun.id)
            .bind(now)
            .bind(batch.fields.bits)
            .fetch_all(c)
            .await)?);
        column::apply(tx, &batch.columns(&known)).await?;
        if batch.fields.consent {
            remember(tx, batch, &ids, &order.source, now).await?;
        }
        if batch.fields.groups {
            let known: HashSet<i64> = known.iter().map(|Named(_, id, ..)| *id).collect();
            regroup(tx, batch, &ids, &known).await?;
        }
        if !batch.still_listed.is_empty() {
            within!(tx, |c, sql| sqlx::query(sql(&STILL_LISTED))
                .bind(&still_listed)
                .bind(&order.source)
                .bind(begun.id)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
        }
        let advanced = within!(tx, |c, sql| sqlx::query(sql(&ADVANCE))
            .bind(begun.id)
            .bind(signed(batch.rows_so_far))
            .bind(signed(batch.rejected_so_far))
            .bind(signed(added))
            .bind(signed(again + batch.repeated()))
            .bind(signed(before))
            .execute(c)
            .await
            .map(|done| done.rows_affected()))?;
        if advanced == 1 { Ok(true) } else { Err(DbError::Refused("another process is importing this list".into())) }
    })
}

// A row where the list's word changed, or is new: an unchanged list leaves no trace. Without a column of wordings the last
// one stands.
static REMEMBER: Sql = Sql::new(
    r"INSERT INTO consent (recipient, channel, given, basis, source, wording, at, recorded_at, by_whom)
    SELECT r.id, 0, r.consent_basis IS NOT NULL, coalesce(r.consent_basis, ''), coalesce(r.consent_source, ''),
           coalesce(l.wording, c.wording, ''), coalesce(r.consent_at, CAST($2 AS BIGINT)), CAST($2 AS BIGINT), $3
    FROM :rows($1; id BIGINT, wording TEXT) AS l JOIN recipient r ON r.id = l.id
    LEFT JOIN consent c ON c.id = (SELECT max(last.id + 0) FROM consent last WHERE last.recipient = r.id AND last.channel = 0)
    WHERE coalesce(c.basis, '') <> coalesce(r.consent_basis, '')
       OR coalesce(r.consent_basis, '') <> '' AND (c.source <> coalesce(r.consent_source, '')
            OR c.wording <> coalesce(l.wording, c.wording) OR c.at <> coalesce(r.consent_at, c.at))",
);

/// Writes down what the list says of its people's agreement, where that is news.
async fn remember(tx: &mut Tx, batch: &Batch, ids: &[(i64, String)], source: &str, now: i64) -> Result<()> {
    // An empty cell takes away what was known; a missing column leaves it alone.
    let wordings: HashMap<&str, &str> = if batch.fields.wording {
        batch.rows.iter().map(|row| (row.reference.as_str(), row.wording.as_deref().unwrap_or_default())).collect()
    } else {
        HashMap::new()
    };
    let people = list(ids.iter().map(|(id, reference)| json!({ "id": id, "wording": wordings.get(reference.as_str()) })));
    within!(tx, |c, sql| sqlx::query(sql(&REMEMBER))
        .bind(&people)
        .bind(now)
        .bind(source)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(())
}

/// Gives the batch's people exactly the groups that their rows name.
async fn regroup(tx: &mut Tx, batch: &Batch, ids: &[(i64, String)], known: &HashSet<i64>) -> Result<()> {
    let groups: HashMap<&str, &[String]> = batch.rows.iter().map(|row| (row.reference.as_str(), row.groups.as_slice())).collect();
    let of = |(id, reference): &(i64, String)| {
        let id = *id;
        groups
            .get(reference.as_str())
            .into_iter()
            .flat_map(move |groups| groups.iter().map(move |group| json!({ "recipient": id, "grp": group })))
    };
    let memberships = list(ids.iter().flat_map(of));
    let known = list(ids.iter().filter(|(id, _)| known.contains(id)).map(|(id, _)| json!({ "id": id })));
    within!(tx, |c, sql| sqlx::query(sql(&LEAVE))
        .bind(&known)
        .bind(&memberships)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    within!(tx, |c, sql| sqlx::query(sql(&JOIN)).bind(&memberships).execute(c).await.map(|done| done.rows_affected()))?;
    Ok(())
}

static RETIRE: Sql = Sql::new(
    r"UPDATE recipient SET state = 1, updated_at = $4 WHERE id IN
    (SELECT id FROM recipient WHERE source = $1 AND import < $2 AND state = 0 ORDER BY id LIMIT $3)",
);

/// Retires who is of this source and was in none of this import's rows.
pub(super) async fn retire(db: &Db, source: &str, import: i64, now: i64) -> Result<u64> {
    let mut retired = 0;
    loop {
        let some = on!(db.write, |pool, sql| sqlx::query(sql(&RETIRE))
            .bind(source)
            .bind(import)
            .bind(RETIRED_AT_ONCE)
            .bind(now)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        if some == 0 {
            return Ok(retired);
        }
        retired += some;
    }
}

static FINISH: Sql = Sql::new(r"UPDATE import SET finished_at = $2 WHERE id = $1 RETURNING added, repeated");

/// Ends an import; gives how many people it added, and how many rows were repeated.
pub(super) async fn finish(db: &Db, import: i64, now: i64) -> Result<(u64, u64)> {
    let (added, repeated) =
        on!(db.write, |pool, sql| sqlx::query_as::<_, (i64, i64)>(sql(&FINISH)).bind(import).bind(now).fetch_one(pool).await)?;
    Ok((u64::try_from(added).unwrap_or(0), u64::try_from(repeated).unwrap_or(0)))
}

/// A JSON list, as `:rows` reads it.
fn list(rows: impl Iterator<Item = Value>) -> String {
    Value::Array(rows.collect()).to_string()
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
