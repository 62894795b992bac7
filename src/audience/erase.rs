//! The right to be forgotten: a reference comes in, everything personal about that person goes.
//!
//! The row's number stays, with its area on past deliveries, so that every count stands (Luật Bảo vệ dữ liệu cá nhân
//! 91/2025/QH15 leaves statistics without names). Refusals stay too: they hang on the address's keyed hash, and must
//! outlive the record; so do the dates and bases of consents (NĐ 91/2020/NĐ-CP: a year at least). What was written about or
//! by the person goes from all of them, and what gateways said about failures. Receipts hold no address. Requests of the
//! person are settled by it.
//!
//! A message that is with its gateway is counted to its end; nothing further is sent. A run that is still going on keeps the
//! address's keyed hash on its delivery, else somebody who shares the phone would get a second text: [`finish`] takes it
//! when the run is over, and what gateways said meanwhile. `tests/engines/people.rs` goes over the schema: no table with
//! anything personal in it is forgotten here.

use serde_json::{Value, json};

use crate::{
    audience::column::{self, Change},
    db::{Db, Result, Sql, Tx, affected},
    on, transaction, within,
};

/// What an erasure did beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// Requests that it settled.
    pub requests: usize,
    /// Runs under way know the person by the hash of an address until they are over.
    pub under_way: bool,
}

static FIND: Sql = Sql::new(r"SELECT id, attributes FROM recipient r WHERE ref = $1 AND state < 2 :lock(r)");

// While the hashes are there: what the person wrote, and what is owed for it, is found by them. The record of a refusal stays.
static UNHEAR: Sql = Sql::new(
    r"DELETE FROM inbound WHERE id IN (SELECT i.id FROM recipient r JOIN inbound i
      ON (i.channel = 1 AND i.address = r.phone_hash) OR (i.channel = 2 AND i.address = r.email_hash) OR (i.channel = 3 AND i.address IN (r.chat_hash, ~r.phone_hash))
      WHERE r.id = $1)",
);

static UNCONFIRM: Sql = Sql::new(
    r"UPDATE confirmation SET sender = NULL, detail = NULL, done_at = CASE state WHEN 0 THEN $2 ELSE done_at END,
        state = CASE state WHEN 0 THEN 3 ELSE state END
      WHERE id IN (SELECT q.id FROM recipient r JOIN confirmation q
      ON (q.channel = 1 AND q.address = r.phone_hash) OR (q.channel = 2 AND q.address = r.email_hash) OR (q.channel = 3 AND q.address IN (r.chat_hash, ~r.phone_hash))
      WHERE r.id = $1)",
);

// The words of a button or of a refusal by text are nobody's own; what an officer or a gateway wrote may name the person.
static UNWORD: Sql = Sql::new(
    r"UPDATE consent_event SET wording = '' WHERE source NOT IN ('link', 'reply') AND id IN (SELECT e.id FROM recipient r JOIN consent_event e
      ON (e.channel = 1 AND e.address = r.phone_hash) OR (e.channel = 2 AND e.address = r.email_hash) OR (e.channel = 3 AND e.address IN (r.chat_hash, ~r.phone_hash))
      WHERE r.id = $1)",
);

// That mail ends at the address stays; what its server wrote does not.
static UNBOUNCE: Sql = Sql::new(
    r"UPDATE bounce SET detail = '' WHERE (channel, address) IN (
      SELECT 1, phone_hash FROM recipient WHERE id = $1 UNION ALL SELECT 2, email_hash FROM recipient WHERE id = $1
      UNION ALL SELECT 3, chat_hash FROM recipient WHERE id = $1 UNION ALL SELECT 3, ~phone_hash FROM recipient WHERE id = $1)",
);

static UNSUPPRESS: Sql = Sql::new(
    r"UPDATE suppression SET detail = '' WHERE (channel, address) IN (
      SELECT 1, phone_hash FROM recipient WHERE id = $1 UNION ALL SELECT 2, email_hash FROM recipient WHERE id = $1
      UNION ALL SELECT 3, chat_hash FROM recipient WHERE id = $1 UNION ALL SELECT 3, ~phone_hash FROM recipient WHERE id = $1)",
);

static EMPTY: Sql = Sql::new(
    r"UPDATE recipient SET ref = 'erased-' || CAST(id AS TEXT), source = '', state = 2, name = NULL, lang = NULL, area = NULL,
        born = NULL, carrier = 0, attributes = '{}', phone = NULL, phone_hash = NULL, email = NULL, email_hash = NULL,
        chat = NULL, chat_hash = NULL, chat_service = 0, consent_basis = NULL, consent_source = NULL, consent_at = NULL,
        silent_until = 0, updated_at = $2
    WHERE id = $1",
);

static LEAVE: Sql = Sql::new(r"DELETE FROM membership WHERE recipient = $1");

static UNMEET: Sql = Sql::new(r"DELETE FROM contact WHERE recipient = $1");

static UNAGREE: Sql = Sql::new(r"UPDATE consent SET source = '', wording = '' WHERE recipient = $1");

static UNASK: Sql = Sql::new(r"UPDATE request SET note = NULL WHERE recipient = $1");

static UNNOTE: Sql =
    Sql::new(r"UPDATE request_event SET note = NULL WHERE request IN (SELECT id FROM request WHERE recipient = $1)");

static SETTLE: Sql = Sql::new(
    r"UPDATE request SET state = 1, answered_at = coalesce(answered_at, $2), closed_at = $2
      WHERE recipient = $1 AND state = 0 RETURNING id",
);

// 6: `request::Action::Erased`.
static SETTLED: Sql = Sql::new(r"INSERT INTO request_event (request, action, at, by_whom) VALUES ($1, 6, $2, $3)");

static UNSAY: Sql = Sql::new(
    r"DELETE FROM remark WHERE delivery IN
    (SELECT d.id FROM run x JOIN delivery d ON d.id BETWEEN (x.id << 36) + ($1 << 4) AND (x.id << 36) + ($1 << 4) + 15)",
);

static UNLINK: Sql = Sql::new(
    r"UPDATE delivery SET address = NULL WHERE id IN
    (SELECT d.id FROM run x JOIN delivery d ON d.id BETWEEN (x.id << 36) + ($1 << 4) AND (x.id << 36) + ($1 << 4) + 15
    WHERE x.state >= 2)",
);

// Receipts that are still to come are matched by them.
static UNHANDLE: Sql = Sql::new(
    r"DELETE FROM handle WHERE delivery IN
    (SELECT d.id FROM run x JOIN delivery d ON d.id BETWEEN (x.id << 36) + ($1 << 4) AND (x.id << 36) + ($1 << 4) + 15
    WHERE x.state >= 2)",
);

static AWAIT: Sql = Sql::new(
    r"INSERT INTO erasure (recipient, at)
      SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT) WHERE EXISTS (SELECT 1 FROM run x
      JOIN delivery d ON d.id BETWEEN (x.id << 36) + ($1 << 4) AND (x.id << 36) + ($1 << 4) + 15 WHERE x.state < 2)
      ON CONFLICT (recipient) DO NOTHING",
);

static TESTS: Sql = Sql::new(r"SELECT id, recipients FROM run x WHERE origin = 2 AND recipients <> '[]' :lock(x)");

static RENAME: Sql = Sql::new(r"UPDATE run SET recipients = $2 WHERE id = $1");

/// Erases a person; none where nobody has this reference. `by`: who does it, for the requests that it settles.
pub async fn erase(db: &Db, reference: &str, by: &str, now: i64) -> Result<Option<Erased>> {
    transaction!(db, |tx| erase_within(tx, reference, by, now).await)
}

/// The same within a transaction of the caller's.
pub async fn erase_within(tx: &mut Tx, reference: &str, by: &str, now: i64) -> Result<Option<Erased>> {
    let found = within!(tx, |c, sql| sqlx::query_as::<_, (i64, String)>(sql(&FIND)).bind(reference).fetch_optional(c).await)?;
    let Some((id, attributes)) = found else { return Ok(None) };
    let mut change = Change::default();
    change.loses(&attributes);
    column::apply(tx, &change).await?;
    for (statement, dated) in
        [(&UNHEAR, false), (&UNCONFIRM, true), (&UNWORD, false), (&UNBOUNCE, false), (&UNSUPPRESS, false), (&EMPTY, true)]
    {
        within!(tx, |c, sql| {
            let query = sqlx::query(sql(statement)).bind(id);
            if dated { query.bind(now).execute(c).await } else { query.execute(c).await }.map(affected)
        })?;
    }
    let requests: Vec<i64> = within!(tx, |c, sql| sqlx::query_scalar(sql(&SETTLE)).bind(id).bind(now).fetch_all(c).await)?;
    for request in &requests {
        within!(tx, |c, sql| sqlx::query(sql(&SETTLED)).bind(request).bind(now).bind(by).execute(c).await.map(affected))?;
    }
    for statement in [&LEAVE, &UNMEET, &UNAGREE, &UNASK, &UNNOTE] {
        within!(tx, |c, sql| sqlx::query(sql(statement)).bind(id).execute(c).await.map(affected))?;
    }
    rename_in_tests(tx, reference, id).await?;
    unsay(tx, id).await?;
    let under_way = within!(tx, |c, sql| sqlx::query(sql(&AWAIT)).bind(id).bind(now).execute(c).await.map(affected))? > 0;
    Ok(Some(Erased { requests: requests.len(), under_way }))
}

/// What deliveries lead to, as far as their runs are over.
async fn unsay(tx: &mut Tx, id: i64) -> Result<()> {
    for statement in [&UNSAY, &UNLINK, &UNHANDLE] {
        within!(tx, |c, sql| sqlx::query(sql(statement)).bind(id).execute(c).await.map(affected))?;
    }
    Ok(())
}

/// Tests name their people by reference.
async fn rename_in_tests(tx: &mut Tx, reference: &str, id: i64) -> Result<()> {
    let tests: Vec<(i64, String)> = within!(tx, |c, sql| sqlx::query_as(sql(&TESTS)).fetch_all(c).await)?;
    for (run, text) in tests {
        let Ok(Value::Array(mut people)) = serde_json::from_str(&text) else { continue };
        let mut named = false;
        for person in people.iter_mut().filter(|person| person["ref"] == reference) {
            *person = json!({ "ref": format!("erased-{id}") });
            named = true;
        }
        if named {
            let text = Value::Array(people).to_string();
            within!(tx, |c, sql| sqlx::query(sql(&RENAME)).bind(run).bind(&text).execute(c).await.map(affected))?;
        }
    }
    Ok(())
}

static AWAITED: Sql = Sql::new(r"SELECT recipient FROM erasure ORDER BY recipient LIMIT $1");

static FINISHED: Sql = Sql::new(
    r"DELETE FROM erasure WHERE recipient = $1 AND NOT EXISTS (SELECT 1 FROM run x
      JOIN delivery d ON d.id BETWEEN (x.id << 36) + ($1 << 4) AND (x.id << 36) + ($1 << 4) + 15 WHERE x.state < 2)",
);

/// Goes on with at most `most` erasures that waited for runs to be over. How many are done with.
pub async fn finish(db: &Db, most: i64) -> Result<u64> {
    let waiting: Vec<i64> = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&AWAITED)).bind(most).fetch_all(pool).await)?;
    let mut done = 0;
    for id in waiting {
        done += transaction!(db, |tx| {
            unsay(tx, id).await?;
            within!(tx, |c, sql| sqlx::query(sql(&FINISHED)).bind(id).execute(c).await.map(affected))
        })?;
    }
    Ok(done)
}
