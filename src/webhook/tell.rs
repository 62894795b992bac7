//! Tells what happened: puts new events into words, hands them to the endpoints that want them, and posts what is due.
//!
//! Each [`Teller::step`] does a bounded piece and says whether more waits. A delivery is claimed by moving its next try ahead,
//! in a committed transaction, before any byte leaves: a process that ends in between leaves it to be tried again, under the
//! same id, by any node.

use std::{collections::HashMap, time::Duration};

use futures::future::join_all;
use providers::{
    Channel,
    webhook::{Failure, Note, Poster, Secret},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Type, event};
use crate::{
    clock::Clock,
    db::{Db, Result, Sql, Tx, affected},
    on,
    seal::{Seal, hex},
    transaction, within,
};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How long after the n-th failure it is tried again: three days in all, then it is given up.
const BACKOFF: [i64; 9] = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 20 * HOUR];
/// An endpoint that took nothing for so long is disabled.
const PATIENCE: i64 = 3 * DAY;
/// The longest wait that an endpoint may ask for.
const LONGEST_WAIT: i64 = DAY;
/// Longer than any exchange: until then no other node tries the same.
const CLAIM: i64 = 2 * MINUTE;
/// New events of one step.
const EVENTS: i64 = 200;
/// Due deliveries that a step looks at, and how many of one endpoint it posts: one that hangs keeps no other waiting.
const DUE: i64 = 200;
const AT_ONCE: usize = 4;
/// How often refusals are counted, and how old they must be: whatever was begun before has been committed.
const COUNTING: i64 = 5 * MINUTE;
/// How long what was told is kept.
const KEPT: i64 = 30 * DAY;
/// The name in `meta` of the last refusal that was counted.
const COUNTED: &str = "webhook-optouts";

/// The `webhook-id` of an event for an endpoint: the same at every try; it tells nothing, and nobody guesses it.
pub(super) fn message_id(seal: &Seal, webhook: i64, event: i64) -> String {
    format!("msg_{}", hex(&seal.mac("webhook-id", format!("{webhook}/{event}").as_bytes())[..16]))
}

/// Tells endpoints.
pub struct Teller {
    db: Db,
    clock: Clock,
    seal: Seal,
    poster: Poster,
    /// A random fraction from 0 to 1.
    jitter: Box<dyn Fn() -> f64 + Send + Sync>,
    counted_at: i64,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Events put into words.
    pub events: usize,
    /// Deliveries that were taken.
    pub taken: usize,
    /// Deliveries that were not.
    pub failed: usize,
    /// Whether there may be more to do at once.
    pub more: bool,
}

#[derive(sqlx::FromRow)]
struct NewEvent {
    id: i64,
    r#type: String,
    subject: String,
    detail: String,
    at: Option<i64>,
}

/// A delivery that is due, with all that its try needs.
#[derive(sqlx::FromRow)]
struct Due {
    id: i64,
    webhook: i64,
    event: i64,
    tries: i16,
    url: String,
    allow_private: bool,
    secret: Vec<u8>,
    former: Option<Vec<u8>>,
    former_until: Option<i64>,
    body: String,
}

static WORK: Sql = Sql::new(
    r"SELECT EXISTS (SELECT 1 FROM webhook_event WHERE body IS NULL),
             EXISTS (SELECT 1 FROM webhook_delivery WHERE state = 0 AND next_at <= $1)",
);

static NEW: Sql = Sql::new(
    r"SELECT id, type, subject, detail, at FROM webhook_event e WHERE body IS NULL ORDER BY id LIMIT $1 :skip_locked(e)",
);

static WANTED: Sql = Sql::new(r"SELECT id, events FROM webhook WHERE disabled_at IS NULL ORDER BY id");

static RUNS: Sql = Sql::new(
    r"SELECT id, campaign, CASE kind WHEN 1 THEN 'warning' ELSE 'awareness' END,
             CASE origin WHEN 0 THEN 'schedule' WHEN 2 THEN 'test' ELSE 'manual' END
      FROM run WHERE id IN (SELECT id FROM :rows($1; id BIGINT) AS wanted)",
);

static WORDED: Sql = Sql::new(
    r"UPDATE webhook_event SET at = v.at, body = v.body FROM :rows($1; id BIGINT, at BIGINT, body TEXT) AS v WHERE webhook_event.id = v.id",
);

static HAND_OUT: Sql = Sql::new(
    r"INSERT INTO webhook_delivery (webhook, event, state, tries, next_at, detail, created_at)
      SELECT v.webhook, v.event, 0, 0, $2, '', $2 FROM :rows($1; webhook BIGINT, event BIGINT) AS v ORDER BY v.event, v.webhook",
);

static DUE_NOW: Sql = Sql::new(
    r"SELECT d.id, d.webhook, d.event, d.tries, w.url, w.allow_private, w.secret, w.former, w.former_until, e.body
      FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook JOIN webhook_event e ON e.id = d.event
      WHERE d.state = 0 AND d.next_at <= $1 AND w.disabled_at IS NULL ORDER BY d.next_at, d.id LIMIT $2 :skip_locked(d)",
);

static CLAIMED: Sql =
    Sql::new(r"UPDATE webhook_delivery SET next_at = $2 WHERE id IN (SELECT id FROM :rows($1; id BIGINT) AS v)");

static TAKEN: Sql = Sql::new(
    r"UPDATE webhook_delivery SET state = 1, tries = tries + 1, status = $2, detail = '', answered_at = $3 WHERE id = $1 AND state = 0",
);

static WELL: Sql = Sql::new(r"UPDATE webhook SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL");

static FAILED: Sql = Sql::new(
    r"UPDATE webhook_delivery SET state = $2, tries = tries + 1, next_at = $3, status = $4, detail = $5, answered_at = $6
      WHERE id = $1 AND state = 0",
);

static ILL: Sql =
    Sql::new(r"UPDATE webhook SET failing_since = coalesce(failing_since, $2) WHERE id = $1 RETURNING failing_since");

static LAST_REFUSAL: Sql = Sql::new(r"SELECT coalesce(max(id), 0) FROM consent_event");

static COUNT_FROM: Sql =
    Sql::new(r"INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value");

static COUNTED_TO: Sql = Sql::new(r"SELECT value FROM meta m WHERE key = $1 :lock(m)");

static COUNT_THROUGH: Sql = Sql::new(r"SELECT coalesce(max(id), 0) FROM consent_event WHERE id > $1 AND at <= $2");

static REFUSALS: Sql = Sql::new(
    r"SELECT channel, count(*) FROM consent_event WHERE id > $1 AND id <= $2 AND action > 0 GROUP BY channel ORDER BY channel",
);

static TELL: Sql = Sql::new(r"INSERT INTO webhook_event (type, subject, detail, at) VALUES ('optout.received', '', $1, $2)");

static ANY: Sql = Sql::new(r"SELECT count(*) FROM webhook WHERE disabled_at IS NULL");

static OLD_DELIVERIES: Sql = Sql::new(
    r"DELETE FROM webhook_delivery WHERE id IN (SELECT id FROM webhook_delivery WHERE state > 0 AND created_at < $1 ORDER BY id LIMIT $2)",
);

static OLD_EVENTS: Sql = Sql::new(
    r"DELETE FROM webhook_event WHERE id IN
      (SELECT e.id FROM webhook_event e WHERE e.at < $1 AND e.body IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM webhook_delivery d WHERE d.event = e.id) ORDER BY e.id LIMIT $2)",
);

/// From now on refusals are counted: the first endpoint is being added.
pub(super) async fn begin_counting(tx: &mut Tx) -> Result<()> {
    let last: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&LAST_REFUSAL)).fetch_one(c).await)?;
    within!(tx, |c, sql| sqlx::query(sql(&COUNT_FROM)).bind(COUNTED).bind(last.to_string()).execute(c).await.map(affected))?;
    Ok(())
}

/// Forgets a chunk of what was told long ago. How much.
pub async fn prune(db: &Db, now: i64, most: i64) -> Result<u64> {
    let mut pruned = 0;
    for statement in [&OLD_DELIVERIES, &OLD_EVENTS] {
        pruned += on!(db.write, |pool, sql| {
            sqlx::query(sql(statement)).bind(now - KEPT).bind(most).execute(pool).await.map(affected)
        })?;
    }
    Ok(pruned)
}

impl Teller {
    /// Of a database; `poster` reaches the endpoints.
    pub fn new(db: Db, clock: Clock, seal: Seal, poster: Poster, jitter: Box<dyn Fn() -> f64 + Send + Sync>) -> Self {
        Self { db, clock, seal, poster, jitter, counted_at: 0 }
    }

    /// A bounded piece of everything that is to be told.
    pub async fn step(&mut self) -> Result<Told> {
        let now = self.clock.millis();
        if now - self.counted_at >= COUNTING {
            self.count_refusals(now).await?;
            self.counted_at = now;
        }
        // Looked at first without writing: most of the time there is nothing, and SQLite has one writer.
        let (new, waiting): (bool, bool) =
            on!(self.db.read, |pool, sql| sqlx::query_as(sql(&WORK)).bind(now).fetch_one(pool).await)?;
        let events = if new { self.word(now).await? } else { 0 };
        let due = if new || waiting { self.claim(now).await? } else { Vec::new() };
        let claimed = due.len();
        let answers = join_all(due.iter().map(|due| self.post(due, now))).await;
        let (mut taken, mut failed) = (0, 0);
        for (due, answer) in due.iter().zip(answers) {
            if self.record(due, answer).await? { taken += 1 } else { failed += 1 }
        }
        Ok(Told { events, taken, failed, more: claimed > 0 || events > 0 })
    }

    /// Refusals since the last count become one event, with nothing but their number.
    async fn count_refusals(&self, now: i64) -> Result<()> {
        let any: i64 = on!(self.db.read, |pool, sql| sqlx::query_scalar(sql(&ANY)).fetch_one(pool).await)?;
        if any == 0 {
            return Ok(());
        }
        transaction!(self.db, |tx| {
            let stored: Option<String> =
                within!(tx, |c, sql| sqlx::query_scalar(sql(&COUNTED_TO)).bind(COUNTED).fetch_optional(c).await)?;
            let Some(from) = stored.and_then(|text| text.parse::<i64>().ok()) else { return begin_counting(tx).await };
            let through: i64 = within!(tx, |c, sql| {
                sqlx::query_scalar(sql(&COUNT_THROUGH)).bind(from).bind(now - COUNTING).fetch_one(c).await
            })?;
            if through <= from {
                return Ok(());
            }
            let counts: Vec<(i16, i64)> =
                within!(tx, |c, sql| sqlx::query_as(sql(&REFUSALS)).bind(from).bind(through).fetch_all(c).await)?;
            let named = counts
                .iter()
                .filter_map(|(channel, n)| Some((Channel::from_number(i64::from(*channel))?.name().to_owned(), Value::from(*n))));
            let counts: Map<String, Value> = named.collect();
            if !counts.is_empty() {
                let detail = json!({ "counts": counts }).to_string();
                within!(tx, |c, sql| sqlx::query(sql(&TELL)).bind(&detail).bind(now).execute(c).await.map(affected))?;
            }
            within!(tx, |c, sql| {
                sqlx::query(sql(&COUNT_FROM)).bind(COUNTED).bind(through.to_string()).execute(c).await.map(affected)
            })?;
            Ok(())
        })
    }

    /// Puts new events into words and hands them out. How many.
    async fn word(&self, now: i64) -> Result<usize> {
        #[derive(Serialize)]
        struct Worded {
            id: i64,
            at: i64,
            body: String,
        }
        #[derive(Serialize)]
        struct Handed {
            webhook: i64,
            event: i64,
        }
        transaction!(self.db, |tx| {
            let new: Vec<NewEvent> = within!(tx, |c, sql| sqlx::query_as(sql(&NEW)).bind(EVENTS).fetch_all(c).await)?;
            if new.is_empty() {
                return Ok(0);
            }
            let runs = runs(tx, &new).await?;
            let endpoints: Vec<(i64, String)> = within!(tx, |c, sql| sqlx::query_as(sql(&WANTED)).fetch_all(c).await)?;
            let endpoints: Vec<(i64, Vec<Type>)> =
                endpoints.into_iter().map(|(id, stored)| (id, event::types(&stored))).collect();
            let (mut worded, mut handed) = (Vec::new(), Vec::new());
            for event in &new {
                let at = event.at.unwrap_or(now);
                worded.push(Worded { id: event.id, at, body: event::body(&event.r#type, at, &data(event, &runs)) });
                let of = Type::from_name(&event.r#type);
                let wants = endpoints.iter().filter(|(_, types)| of.is_some_and(|of| types.contains(&of)));
                handed.extend(wants.map(|(webhook, _)| Handed { webhook: *webhook, event: event.id }));
            }
            let (words, hands) = (crate::db::list(&worded), crate::db::list(&handed));
            within!(tx, |c, sql| sqlx::query(sql(&WORDED)).bind(&words).execute(c).await.map(affected))?;
            within!(tx, |c, sql| sqlx::query(sql(&HAND_OUT)).bind(&hands).bind(now).execute(c).await.map(affected))?;
            Ok(new.len())
        })
    }

    /// Takes what is due, a few of each endpoint.
    async fn claim(&self, now: i64) -> Result<Vec<Due>> {
        #[derive(Serialize)]
        struct Id {
            id: i64,
        }
        transaction!(self.db, |tx| {
            let due: Vec<Due> = within!(tx, |c, sql| sqlx::query_as(sql(&DUE_NOW)).bind(now).bind(DUE).fetch_all(c).await)?;
            let mut of_each: HashMap<i64, usize> = HashMap::new();
            let few = |due: &Due| {
                let count = of_each.entry(due.webhook).or_default();
                *count += 1;
                *count <= AT_ONCE
            };
            let due: Vec<Due> = {
                let mut few = few;
                due.into_iter().filter(|due| few(due)).collect()
            };
            if !due.is_empty() {
                let ids = crate::db::list(&due.iter().map(|due| Id { id: due.id }).collect::<Vec<_>>());
                within!(tx, |c, sql| sqlx::query(sql(&CLAIMED)).bind(&ids).bind(now + CLAIM).execute(c).await.map(affected))?;
            }
            Ok(due)
        })
    }

    async fn post(&self, due: &Due, now: i64) -> std::result::Result<u16, Failure> {
        let former = due.former.as_ref().filter(|_| due.former_until.is_some_and(|until| until > now));
        let sealed = std::iter::once(&due.secret).chain(former);
        let secrets: Option<Vec<Secret>> = sealed.map(|sealed| Secret::parse(&self.seal.open_token(sealed).ok()?).ok()).collect();
        let Some(secrets) = secrets else {
            let detail = "its secret was sealed with another key: give it a new one".to_owned();
            return Err(Failure { status: None, detail, after: None });
        };
        let note = Note {
            address: &due.url,
            allow_private: due.allow_private,
            id: &message_id(&self.seal, due.webhook, due.event),
            second: self.clock.millis().div_euclid(1_000),
            body: &due.body,
            secrets: &secrets,
        };
        self.poster.post(&note).await
    }

    /// Writes down what became of a try. True: it was taken.
    async fn record(&self, due: &Due, answer: std::result::Result<u16, Failure>) -> Result<bool> {
        let now = self.clock.millis();
        match answer {
            Ok(status) => {
                transaction!(self.db, |tx| {
                    let status = i16::try_from(status).unwrap_or_default();
                    within!(tx, |c, sql| {
                        sqlx::query(sql(&TAKEN)).bind(due.id).bind(status).bind(now).execute(c).await.map(affected)
                    })?;
                    within!(tx, |c, sql| sqlx::query(sql(&WELL)).bind(due.webhook).execute(c).await.map(affected))?;
                    Ok(())
                })?;
                Ok(true)
            }
            Err(failure) => {
                let next = self.next(due.tries, &failure, now);
                let disabled = transaction!(self.db, |tx| note_failure(tx, due, &failure, next, now).await)?;
                if disabled {
                    tracing::warn!(webhook = due.webhook, "a webhook took nothing for three days or is gone: it is disabled");
                }
                Ok(false)
            }
        }
    }

    /// When it is tried again; none: it is given up.
    fn next(&self, tries: i16, failure: &Failure, now: i64) -> Option<i64> {
        let backoff = *BACKOFF.get(usize::try_from(tries).unwrap_or(usize::MAX)).filter(|_| !failure.is_final())?;
        // Within a tenth of it, so that what failed together does not come back together.
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a tenth of some hours")]
        let spread = (backoff as f64 / 10.0 * (self.jitter)()) as i64;
        let asked = failure.after.map_or(0, |after: Duration| i64::try_from(after.as_millis()).unwrap_or(LONGEST_WAIT));
        Some(now + (backoff + spread).max(asked.min(LONGEST_WAIT)))
    }
}

/// True: the endpoint was disabled.
async fn note_failure(tx: &mut Tx, due: &Due, failure: &Failure, next: Option<i64>, now: i64) -> Result<bool> {
    let status = failure.status.and_then(|status| i16::try_from(status).ok());
    within!(tx, |c, sql| {
        sqlx::query(sql(&FAILED))
            .bind(due.id)
            .bind(if next.is_none() { 2_i16 } else { 0 })
            .bind(next.unwrap_or(now))
            .bind(status)
            .bind(&failure.detail)
            .bind(next.is_none().then_some(now))
            .execute(c)
            .await
            .map(affected)
    })?;
    let since: Option<i64> =
        within!(tx, |c, sql| sqlx::query_scalar(sql(&ILL)).bind(due.webhook).bind(now).fetch_optional(c).await)?;
    if failure.is_final() || since.is_some_and(|since| now - since >= PATIENCE) {
        return super::disable(tx, due.webhook, &failure.detail, now).await;
    }
    Ok(false)
}

/// Campaign, kind and origin of the runs that events speak of.
async fn runs(tx: &mut Tx, events: &[NewEvent]) -> Result<HashMap<i64, (String, String, String)>> {
    #[derive(Serialize)]
    struct Id {
        id: i64,
    }
    let ids: Vec<Id> = events
        .iter()
        .filter(|event| event.r#type.starts_with("run."))
        .filter_map(|event| Some(Id { id: event.subject.parse().ok()? }))
        .collect();
    let list = crate::db::list(&ids);
    let rows: Vec<(i64, String, String, String)> =
        within!(tx, |c, sql| sqlx::query_as(sql(&RUNS)).bind(&list).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(id, campaign, kind, origin)| (id, (campaign, kind, origin))).collect())
}

/// What an event's message says beside its type and time: what never changes afterwards.
fn data(event: &NewEvent, runs: &HashMap<i64, (String, String, String)>) -> Value {
    let mut data = Map::new();
    match event.r#type.split_once('.').map(|(subject, _)| subject) {
        Some("run") => {
            let id: i64 = event.subject.parse().unwrap_or_default();
            data.insert("run".into(), id.into());
            if let Some((campaign, kind, origin)) = runs.get(&id) {
                data.insert("campaign".into(), campaign.as_str().into());
                data.insert("kind".into(), kind.as_str().into());
                data.insert("origin".into(), origin.as_str().into());
            }
        }
        // The record calls it `period 2026-Q3 closing 4`.
        Some("period") => {
            let key = event.subject.split(' ').nth(1).unwrap_or(&event.subject);
            data.insert("period".into(), key.into());
        }
        Some(what @ ("account" | "campaign")) => {
            data.insert(what.into(), event.subject.as_str().into());
        }
        _ => {}
    }
    if let Ok(Value::Object(more)) = serde_json::from_str(&event.detail) {
        data.extend(more);
    }
    Value::Object(data)
}
