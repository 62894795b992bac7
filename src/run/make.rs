//! Makes runs: from a cadence that is due, or because a person asked. Each occurrence exists once.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde_json::json;

use crate::{
    active::{Origin, RunState},
    audit::{self, Actor},
    campaign::{Campaign, Holidays, Occurrence, Source},
    db::{Db, Result, Sql, Tx, affected},
    definition::{self, Kept},
    on,
    run::RunError,
    transaction, within,
};

/// A run to be made.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// The campaign, and the texts that are frozen with it.
    pub source: &'a Source,
    /// The text of `segments.toml`.
    pub segments: &'a str,
    /// What makes it unique.
    pub occurrence: String,
    /// The local day it is for.
    pub date: NaiveDate,
    /// When it is due.
    pub due: DateTime<Utc>,
    /// Why it exists.
    pub origin: Origin,
    /// For a test: the refs of its people.
    pub recipients: &'a [String],
    /// Too late to be sent: it is only recorded.
    pub missed: bool,
    /// Scheduled occurrences before it: the rotation goes by them.
    pub turn: u64,
}

static TOP: Sql = Sql::new(r"SELECT coalesce(max(id), 0) FROM recipient");

static MAKE: Sql = Sql::new(
    r"INSERT INTO run (campaign, occurrence, origin, kind, definition, date, turn, message, recipients, state, paused,
                       due_at, expires_at, finish_at, fan_cursor, fan_top, budget, created_at, settled_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, false, $11, $12, $13, 0, $14, $15, $16, $17)
      ON CONFLICT (campaign, occurrence) DO NOTHING RETURNING id",
);

/// Makes a run unless its occurrence exists. None: it exists already.
pub async fn make(db: &Db, new: &New<'_>, now: i64) -> std::result::Result<Option<i64>, RunError> {
    if new.message().is_none() {
        return Err(RunError::NoMessage(new.source.campaign.slug.clone()));
    }
    Ok(transaction!(db, |tx| make_within(tx, new, now).await)?)
}

impl New<'_> {
    /// The message that it sends; none: none is for that day.
    pub fn message(&self) -> Option<&str> {
        let campaign = &self.source.campaign;
        campaign.message_for(self.date, self.turn).map(|message| campaign.messages[message].id.as_str())
    }
}

/// The same within a transaction of the caller's. None: it exists already, or no message is for that day.
pub async fn make_within(tx: &mut Tx, new: &New<'_>, now: i64) -> Result<Option<i64>> {
    let Some(message) = new.message() else { return Ok(None) };
    definition::freeze(tx, new.source, new.segments, now).await?;
    insert(tx, new, message, now).await
}

async fn insert(tx: &mut Tx, new: &New<'_>, message: &str, now: i64) -> Result<Option<i64>> {
    let campaign = &new.source.campaign;
    let top: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&TOP)).fetch_one(c).await)?;
    let recipients = crate::db::list(&new.recipients.iter().map(|r| Ref { r#ref: r }).collect::<Vec<_>>());
    // A late run is valid from when it is made: its people get the whole time.
    let start = new.due.timestamp_millis().max(now);
    let state = if new.missed { RunState::Missed } else { RunState::FanningOut };
    within!(tx, |c, sql| {
        sqlx::query_scalar(sql(&MAKE))
            .bind(&campaign.slug)
            .bind(&new.occurrence)
            .bind(new.origin as i16)
            .bind(campaign.kind as i16)
            .bind(&new.source.hash)
            .bind(new.date.to_string())
            .bind(i64::try_from(new.turn).unwrap_or(i64::MAX))
            .bind(message)
            .bind(&recipients)
            .bind(state as i16)
            .bind(new.due.timestamp_millis())
            .bind(start + millis(campaign.sending.valid_for))
            .bind(campaign.channels.finish_by.map(|by| start + millis(by)))
            .bind(top)
            .bind(campaign.sending.budget)
            .bind(now)
            .bind(new.missed.then_some(now))
            .fetch_optional(c)
            .await
    })
}

#[derive(serde::Serialize)]
struct Ref<'a> {
    r#ref: &'a str,
}

static CORRECTS: Sql = Sql::new(r"SELECT parent FROM warning WHERE slug = $1 AND parent IS NOT NULL");

static MADE: Sql = Sql::new(r"SELECT id FROM run WHERE campaign = $1 AND occurrence = $2");

/// A run that somebody wants now.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The campaign.
    pub source: &'a Source,
    /// The text of `segments.toml`.
    pub segments: &'a str,
    /// The refs of its people: a test. None: its whole audience.
    pub recipients: &'a [String],
    /// What makes it the only one of its request; none: each request makes one.
    pub once: Option<&'a str>,
    /// Who asks, and what the record calls it; none: no person, but a demo or a measurement.
    pub by: Option<(&'a Actor, &'static str)>,
}

/// Makes the run that somebody wants now, and writes down who does in the same transaction; or finds the one that their request made
/// before.
pub async fn asked(db: &Db, asked: &Asked<'_>, holidays: &Holidays, at: DateTime<Utc>) -> std::result::Result<i64, RunError> {
    let Asked { source, segments, recipients, once, by } = *asked;
    // A test's people are named; everybody else would get words about a text that they never saw.
    let (slug, now) = (&source.campaign.slug, at.timestamp_millis());
    let corrects: Option<i64> =
        on!(db.read, |pool, sql| sqlx::query_scalar(sql(&CORRECTS)).bind(slug).fetch_optional(pool).await)?;
    if let Some(run) = corrects.filter(|_| recipients.is_empty()) {
        return Err(RunError::Corrects(slug.clone(), run));
    }
    let mut new = New {
        source,
        segments,
        occurrence: once.map_or_else(|| at.to_rfc3339_opts(SecondsFormat::Millis, true), str::to_string),
        date: at.with_timezone(&source.campaign.timezone()).date_naive(),
        due: at,
        origin: if recipients.is_empty() { Origin::Manual } else { Origin::Test },
        recipients,
        missed: false,
        turn: source.campaign.turn(at, holidays),
    };
    if new.message().is_none() {
        return Err(RunError::NoMessage(slug.clone()));
    }
    loop {
        let made = transaction!(db, |tx| {
            let made = make_within(tx, &new, now).await?;
            if let (Some(run), Some((actor, action))) = (made, by) {
                let mut after = json!({ "run": run, "hash": source.hash });
                if !recipients.is_empty() {
                    after["recipients"] = recipients.len().into();
                }
                audit::record(tx, actor, action, slug, None, Some(&after), now).await?;
            }
            Ok(made)
        })?;
        match made {
            Some(run) => return Ok(run),
            None if once.is_some() => {
                let made = on!(db.read, |pool, sql| {
                    sqlx::query_scalar(sql(&MADE)).bind(slug).bind(&new.occurrence).fetch_one(pool).await
                });
                return Ok(made?);
            }
            // Two people asked within the same millisecond: both get their run.
            None => new.occurrence.push('+'),
        }
    }
}

static SEEN: Sql = Sql::new(r"SELECT value FROM meta WHERE key = 'schedule.seen'");

static SEE: Sql = Sql::new(
    r"INSERT INTO meta (key, value) VALUES ('schedule.seen', $1) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
);

/// Makes every run of what is released that became due since anything last looked: late ones within their campaign's `late`, and those
/// beyond it as missed. How many it made. The first look ever finds nothing due: Loa sends nothing from before its time.
pub async fn due(db: &Db, released: &[Kept], holidays: &Holidays, now: DateTime<Utc>) -> std::result::Result<usize, RunError> {
    let seen: Option<String> = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&SEEN)).fetch_optional(pool).await)?;
    let seen = seen.and_then(|text| DateTime::parse_from_rfc3339(&text).ok()).map(|at| at.with_timezone(&Utc));
    let mut made = 0;
    if let Some(seen) = seen {
        for Kept { source, segments } in released {
            made += due_of(db, source, segments, holidays, seen, now).await?;
        }
    }
    let text = now.to_rfc3339_opts(SecondsFormat::Millis, true);
    on!(db.write, |pool, sql| sqlx::query(sql(&SEE)).bind(&text).execute(pool).await.map(affected))?;
    Ok(made)
}

async fn due_of(
    db: &Db,
    source: &Source,
    segments: &str,
    holidays: &Holidays,
    seen: DateTime<Utc>,
    now: DateTime<Utc>,
) -> std::result::Result<usize, RunError> {
    let campaign: &Campaign = &source.campaign;
    let Some(cadence) = &campaign.cadence else { return Ok(0) };
    let mut made = 0;
    let due: Vec<Occurrence> = campaign.occurrences(seen, holidays).take_while(|o| o.due <= now).collect();
    for occurrence in due {
        let late = (now - occurrence.due).to_std().unwrap_or(Duration::ZERO);
        let missed = late > cadence.late;
        let new = New {
            source,
            segments,
            occurrence: occurrence.key.clone(),
            date: occurrence.date,
            due: occurrence.due,
            origin: Origin::Schedule,
            recipients: &[],
            missed,
            turn: campaign.turn(occurrence.due, holidays),
        };
        match make(db, &new, now.timestamp_millis()).await {
            Ok(Some(run)) => {
                made += 1;
                tracing::info!(run, campaign = campaign.slug, occurrence = occurrence.key, missed, "made a run that is due");
            }
            Ok(None) => {}
            Err(RunError::NoMessage(slug)) => {
                tracing::warn!(campaign = slug, occurrence = occurrence.key, "no message fits the day: no run was made");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(made)
}

/// A span in milliseconds.
pub(super) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}
