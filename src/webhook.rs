//! Webhooks: other programs are told what happened, by the Standard Webhooks convention.
//!
//! What enters is rows of `webhook_event`, which triggers of the database write in the very transaction of the change
//! (`migrations/*/0016_api.sql`), so that nothing is told that did not happen, and nothing that happened is forgotten. What
//! leaves is signed POSTs to every endpoint that asked for that type: at least once, with the same id at every try, for
//! three days; an endpoint that took nothing for so long is disabled ([`tell`]). What can go wrong: the endpoint, which is
//! its deliveries' state; and the database.
//!
//! What is told names runs, campaigns, accounts and counts, never people, and never what a gateway or a person wrote.

mod event;
pub mod tell;

pub use event::Type;

use rand::Rng as _;
use serde::Serialize;

use providers::webhook::{BadAddress, Secret, check_address};

use crate::{
    audit::{self, Actor},
    db::{Db, DbError, Result, Sql, Tx, affected},
    on,
    seal::{Seal, SealError},
    within,
};

/// How long a replaced secret still signs beside the new one.
pub const OVERLAP: i64 = 24 * 3_600_000;
/// Endpoints that there may be: each costs a request an event.
pub const MOST: usize = 50;

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its number.
    pub id: i64,
    /// What people call it.
    pub title: String,
    /// Where its program listens.
    pub url: String,
    /// What it is told.
    pub events: Vec<Type>,
    /// It may be on a loopback or private address.
    pub allow_private: bool,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Who added it.
    pub created_by: String,
    /// Until when the replaced secret still signs.
    pub former_until: Option<i64>,
    /// Nothing was taken since.
    pub failing_since: Option<i64>,
    /// Nothing is sent any more, since.
    pub disabled_at: Option<i64>,
    /// Why not.
    pub disabled_why: Option<String>,
}

/// What a person says of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What people call it.
    pub title: String,
    /// Where its program listens.
    pub url: String,
    /// What it is told.
    pub events: Vec<Type>,
    /// It may be on a loopback or private address.
    pub allow_private: bool,
}

impl Webhook {
    /// The same as a person says it.
    pub fn wanted(&self) -> Wanted {
        let Self { title, url, events, allow_private, .. } = self.clone();
        Wanted { title, url, events, allow_private }
    }
}

/// What is wrong with what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The title is empty or too long.
    #[error("a title has 1 to 80 letters")]
    Title,
    /// See [`BadAddress`].
    #[error(transparent)]
    Url(#[from] BadAddress),
    /// Nothing is to be told.
    #[error("name at least one type of event")]
    Events,
}

impl Wanted {
    /// Checks it, its address as far as that goes without asking for its name.
    pub fn check(&self) -> std::result::Result<(), Unfit> {
        if !(1..=80).contains(&self.title.trim().chars().count()) || self.title.chars().any(char::is_control) {
            return Err(Unfit::Title);
        }
        if self.events.is_empty() {
            return Err(Unfit::Events);
        }
        Ok(check_address(&self.url, self.allow_private)?)
    }

    /// What the record of who did what keeps of it: nothing of what stands after `?`, where some programs want a secret.
    pub fn told(&self) -> serde_json::Value {
        let (address, _) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let events: Vec<_> = self.events.iter().map(|of| of.name()).collect();
        serde_json::json!({ "title": self.title.trim(), "url": address, "events": events, "allow_private": self.allow_private })
    }

    /// The types, each once, in their order, as they are stored.
    fn types(&self) -> String {
        let names: Vec<&str> = Type::ALL.iter().filter(|of| self.events.contains(of)).map(|of| of.name()).collect();
        serde_json::json!(names).to_string()
    }
}

/// A secret that nobody knows yet.
pub fn fresh_secret() -> Secret {
    Secret::new(rand::rng().random())
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    title: String,
    url: String,
    events: String,
    allow_private: bool,
    created_at: i64,
    created_by: String,
    former_until: Option<i64>,
    failing_since: Option<i64>,
    disabled_at: Option<i64>,
    disabled_why: Option<String>,
}

impl From<Row> for Webhook {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            title: row.title,
            url: row.url,
            events: event::types(&row.events),
            allow_private: row.allow_private,
            created_at: row.created_at,
            created_by: row.created_by,
            former_until: row.former_until,
            failing_since: row.failing_since,
            disabled_at: row.disabled_at,
            disabled_why: row.disabled_why,
        }
    }
}

static LIST: Sql = Sql::new(
    r"SELECT id, title, url, events, allow_private, created_at, created_by, former_until, failing_since, disabled_at, disabled_why
      FROM webhook ORDER BY id",
);

static GET: Sql = Sql::new(
    r"SELECT id, title, url, events, allow_private, created_at, created_by, former_until, failing_since, disabled_at, disabled_why
      FROM webhook w WHERE id = $1 :lock(w)",
);

static COUNT: Sql = Sql::new(r"SELECT count(*) FROM webhook");

static ADD: Sql = Sql::new(
    r"INSERT INTO webhook (title, url, events, allow_private, secret, created_at, created_by)
      VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
);

static CHANGE: Sql = Sql::new(r"UPDATE webhook SET title = $2, url = $3, events = $4, allow_private = $5 WHERE id = $1");

static ENABLE: Sql = Sql::new(r"UPDATE webhook SET disabled_at = NULL, disabled_why = NULL, failing_since = NULL WHERE id = $1");

static DISABLE: Sql = Sql::new(r"UPDATE webhook SET disabled_at = $2, disabled_why = $3 WHERE id = $1 AND disabled_at IS NULL");

static GIVE_UP: Sql = Sql::new(
    r"UPDATE webhook_delivery SET state = 2, answered_at = $2, detail = CASE WHEN detail = '' THEN 'disabled' ELSE detail END
      WHERE webhook = $1 AND state = 0",
);

static ROTATE: Sql = Sql::new(r"UPDATE webhook SET former = secret, former_until = $3, secret = $2 WHERE id = $1");

static REMOVE: Sql = Sql::new(r"DELETE FROM webhook WHERE id = $1");

static REMOVE_DELIVERIES: Sql = Sql::new(r"DELETE FROM webhook_delivery WHERE webhook = $1");

static MAKE_EVENT: Sql =
    Sql::new(r"INSERT INTO webhook_event (type, subject, detail, at, body) VALUES ($1, $2, '', $3, $4) RETURNING id");

static MAKE_DELIVERY: Sql = Sql::new(
    r"INSERT INTO webhook_delivery (webhook, event, state, tries, next_at, detail, created_at)
      VALUES ($1, $2, 0, 0, $3, '', $3) RETURNING id",
);

static EVENT_OF: Sql = Sql::new(r"SELECT webhook, event FROM webhook_delivery WHERE id = $1");

static DELIVERIES: Sql = Sql::new(
    r"SELECT d.id, d.webhook, d.event, e.type, d.state, d.tries, CASE WHEN d.state = 0 THEN d.next_at END AS next_at, d.status, d.detail,
             d.created_at, d.answered_at
      FROM webhook_delivery d JOIN webhook_event e ON e.id = d.event
      WHERE d.webhook = $1 AND d.id < $2 ORDER BY d.id DESC LIMIT $3",
);

/// All endpoints, the oldest first.
pub async fn list(db: &Db) -> Result<Vec<Webhook>> {
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&LIST)).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(Webhook::from).collect())
}

/// One of them, locked until the transaction ends.
pub async fn get(tx: &mut Tx, id: i64) -> Result<Option<Webhook>> {
    let row: Option<Row> = within!(tx, |c, sql| sqlx::query_as(sql(&GET)).bind(id).fetch_optional(c).await)?;
    Ok(row.map(Webhook::from))
}

/// Adds one that was checked. Its number; none: there are [`MOST`] already.
pub async fn add(tx: &mut Tx, seal: &Seal, wanted: &Wanted, secret: &Secret, by: &str, now: i64) -> Result<Option<i64>> {
    let count: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&COUNT)).fetch_one(c).await)?;
    if usize::try_from(count).unwrap_or(0) >= MOST {
        return Ok(None);
    }
    if count == 0 {
        tell::begin_counting(tx).await?;
    }
    let sealed = seal.seal_token(&secret.expose());
    let id: i64 = within!(tx, |c, sql| {
        sqlx::query_scalar(sql(&ADD))
            .bind(wanted.title.trim())
            .bind(&wanted.url)
            .bind(wanted.types())
            .bind(wanted.allow_private)
            .bind(&sealed)
            .bind(now)
            .bind(by)
            .fetch_one(c)
            .await
    })?;
    Ok(Some(id))
}

/// Changes what was said of one. False: there is none.
pub async fn change(tx: &mut Tx, id: i64, wanted: &Wanted) -> Result<bool> {
    let changed = within!(tx, |c, sql| {
        sqlx::query(sql(&CHANGE))
            .bind(id)
            .bind(wanted.title.trim())
            .bind(&wanted.url)
            .bind(wanted.types())
            .bind(wanted.allow_private)
            .execute(c)
            .await
            .map(affected)
    })?;
    Ok(changed > 0)
}

/// It is told again what happens from now on. False: there is none.
pub async fn enable(tx: &mut Tx, id: i64) -> Result<bool> {
    Ok(within!(tx, |c, sql| sqlx::query(sql(&ENABLE)).bind(id).execute(c).await.map(affected))? > 0)
}

/// Loa tells it nothing any more, and writes down why; what it was still to be told is given up. False: there is none, or it was so
/// already.
pub async fn disable(tx: &mut Tx, id: i64, why: &str, now: i64) -> Result<bool> {
    let done = within!(tx, |c, sql| sqlx::query(sql(&DISABLE)).bind(id).bind(now).bind(why).execute(c).await.map(affected))?;
    if done > 0 {
        within!(tx, |c, sql| sqlx::query(sql(&GIVE_UP)).bind(id).bind(now).execute(c).await.map(affected))?;
        let after = serde_json::json!({ "why": why });
        audit::record(tx, &Actor::command("loa"), "webhook.disable", &id.to_string(), None, Some(&after), now).await?;
    }
    Ok(done > 0)
}

/// Gives it a new secret; the one before signs beside it for [`OVERLAP`]. False: there is none.
pub async fn rotate(tx: &mut Tx, seal: &Seal, id: i64, secret: &Secret, now: i64) -> Result<bool> {
    let sealed = seal.seal_token(&secret.expose());
    let done = within!(tx, |c, sql| {
        sqlx::query(sql(&ROTATE)).bind(id).bind(&sealed).bind(now + OVERLAP).execute(c).await.map(affected)
    })?;
    Ok(done > 0)
}

/// Forgets it and what it was told. False: there is none.
pub async fn remove(tx: &mut Tx, id: i64) -> Result<bool> {
    within!(tx, |c, sql| sqlx::query(sql(&REMOVE_DELIVERIES)).bind(id).execute(c).await.map(affected))?;
    Ok(within!(tx, |c, sql| sqlx::query(sql(&REMOVE)).bind(id).execute(c).await.map(affected))? > 0)
}

/// Tells one endpoint alone that it is being tried out. The delivery's number.
pub async fn test(tx: &mut Tx, id: i64, now: i64) -> Result<i64> {
    let body = event::body(event::TEST, now, &serde_json::json!({ "webhook": id }));
    let made: i64 = within!(tx, |c, sql| {
        sqlx::query_scalar(sql(&MAKE_EVENT)).bind(event::TEST).bind(id.to_string()).bind(now).bind(&body).fetch_one(c).await
    })?;
    within!(tx, |c, sql| sqlx::query_scalar(sql(&MAKE_DELIVERY)).bind(id).bind(made).bind(now).fetch_one(c).await)
}

/// Tells the same once more, under the same id. The new delivery's number; none: there is no such delivery of this endpoint.
pub async fn again(tx: &mut Tx, webhook: i64, delivery: i64, now: i64) -> Result<Option<i64>> {
    let found: Option<(i64, i64)> = within!(tx, |c, sql| sqlx::query_as(sql(&EVENT_OF)).bind(delivery).fetch_optional(c).await)?;
    let Some((_, event)) = found.filter(|(of, _)| *of == webhook) else { return Ok(None) };
    within!(tx, |c, sql| sqlx::query_scalar(sql(&MAKE_DELIVERY)).bind(webhook).bind(event).bind(now).fetch_one(c).await).map(Some)
}

/// Something that an endpoint was told, or is to be.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// Whom.
    pub webhook: i64,
    /// What: an event's number.
    pub event: i64,
    /// Its type.
    pub r#type: String,
    /// 0 to be sent, 1 taken, 2 given up.
    pub state: i16,
    /// How often it was tried.
    pub tries: i16,
    /// When it is tried next.
    pub next_at: Option<i64>,
    /// The last answer's status.
    pub status: Option<i16>,
    /// Why it was not taken.
    pub detail: String,
    /// Unix milliseconds.
    pub created_at: i64,
    /// When it was taken or given up.
    pub answered_at: Option<i64>,
}

impl Delivery {
    /// Its state's name.
    pub const fn state(&self) -> &'static str {
        match self.state {
            0 => "waiting",
            1 => "taken",
            _ => "given_up",
        }
    }

    /// The `webhook-id` that it goes under, at every try and when it is sent again.
    pub fn message_id(&self, seal: &Seal) -> String {
        tell::message_id(seal, self.webhook, self.event)
    }
}

/// What an endpoint was told, the latest first, below a number.
pub async fn deliveries(db: &Db, webhook: i64, before: i64, most: i64) -> Result<Vec<Delivery>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&DELIVERIES)).bind(webhook).bind(before).bind(most).fetch_all(pool).await)
}

static SECRETS: Sql = Sql::new(r"SELECT id, secret, former FROM webhook w ORDER BY id :lock(w)");

static RESEAL: Sql = Sql::new(
    r"UPDATE webhook SET secret = l.secret, former = l.former
      FROM :rows($1; id BIGINT, secret BYTES, former BYTES) AS l WHERE webhook.id = l.id",
);

/// Seals all secrets with the current key.
pub async fn reseal(tx: &mut Tx, seal: &Seal) -> Result<()> {
    #[derive(Serialize)]
    struct Anew {
        id: i64,
        secret: String,
        former: Option<String>,
    }
    let rows: Vec<(i64, Vec<u8>, Option<Vec<u8>>)> = within!(tx, |c, sql| sqlx::query_as(sql(&SECRETS)).fetch_all(c).await)?;
    let mut anew = Vec::with_capacity(rows.len());
    for (id, secret, former) in rows {
        let one = |sealed: &[u8]| {
            let broken = |error: SealError| DbError::Refused(format!("the secret of webhook {id}: {error}"));
            Ok::<_, DbError>(crate::seal::hex(&seal.seal_token(&seal.open_token(sealed).map_err(broken)?)))
        };
        anew.push(Anew { id, secret: one(&secret)?, former: former.as_deref().map(one).transpose()? });
    }
    let list = crate::db::list(&anew);
    within!(tx, |c, sql| sqlx::query(sql(&RESEAL)).bind(&list).execute(c).await.map(affected))?;
    Ok(())
}
