//! The runs as they stand: what the status page and `/api/v1/runs` show. Reads rows of `run` and their tallies, never
//! deliveries, so it costs the same whatever the size of a run.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use providers::Channel;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use crate::{
    active::{Origin, RunRow, RunState, run_columns},
    db::{Db, Result, Sql},
    delivery::State,
    on,
    tally::{self, Count, Key},
    user::Scope,
};

/// A run, for people and machines.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Run)]
pub(super) struct RunView {
    /// Its number.
    pub id: i64,
    /// The campaign's slug.
    pub campaign: String,
    /// The campaign's title when the run was made.
    pub title: String,
    /// `awareness` or `warning`.
    pub kind: &'static str,
    /// `schedule`, `manual` or `test`.
    pub origin: &'static str,
    /// See [`RunState::name`].
    pub state: &'static str,
    /// Paused by a person.
    pub paused: bool,
    /// Why it stands still by itself.
    pub held: Option<String>,
    /// The local day it is for.
    pub date: String,
    /// When it was due.
    pub due_at: Option<DateTime<Utc>>,
    /// When what is unsent lapses.
    pub expires_at: Option<DateTime<Utc>>,
    /// When nothing was left to do or to wait for.
    pub settled_at: Option<DateTime<Utc>>,
    /// Deliveries so far; all of them once the run is past `fanning_out`.
    pub deliveries: i64,
    /// Of these, not sent yet, being sent, or in doubt.
    pub unfinished: i64,
    /// Parts submitted.
    pub parts: i64,
    /// Đồng for them.
    pub price: i64,
    /// Deliveries by channel and state.
    pub counts: BTreeMap<&'static str, BTreeMap<&'static str, i64>>,
}

static UNDER_WAY: Sql =
    Sql::new(concat!("SELECT ", run_columns!(), " FROM run WHERE settled_at IS NULL ORDER BY kind DESC, id DESC LIMIT $1"));

static SETTLED: Sql =
    Sql::new(concat!("SELECT ", run_columns!(), " FROM run WHERE settled_at IS NOT NULL ORDER BY id DESC LIMIT $1"));

static PAGE: Sql = Sql::new(concat!("SELECT ", run_columns!(), " FROM run WHERE id < $1 ORDER BY id DESC LIMIT $2"));

/// The runs under way, warnings first, then the newest.
pub(super) async fn under_way(shared: &Shared, most: i64) -> Result<Vec<RunView>> {
    let rows = on!(shared.parts.db.read, |pool, sql| sqlx::query_as(sql(&UNDER_WAY)).bind(most).fetch_all(pool).await)?;
    views(shared, rows).await
}

/// The last runs that are over.
pub(super) async fn settled(shared: &Shared, most: i64) -> Result<Vec<RunView>> {
    let rows = on!(shared.parts.db.read, |pool, sql| sqlx::query_as(sql(&SETTLED)).bind(most).fetch_all(pool).await)?;
    views(shared, rows).await
}

/// The runs with a number below `before`, the newest first.
pub(super) async fn rows(db: &Db, before: i64, most: i64) -> Result<Vec<RunRow>> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&PAGE)).bind(before).bind(most).fetch_all(pool).await)
}

/// Rows as views, in their order.
pub(super) async fn views(shared: &Shared, rows: Vec<RunRow>) -> Result<Vec<RunView>> {
    let db = &shared.parts.db;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let tallies = tally::of_runs(db, &ids).await?;
    let titles = shared.titles.of(db, &rows).await?;
    Ok(rows.into_iter().map(|row| view(row, &titles, &tallies)).collect())
}

fn view(row: RunRow, titles: &HashMap<String, Head>, tallies: &BTreeMap<Key, Count>) -> RunView {
    let mut all = Count::default();
    let mut unfinished = 0;
    let mut counts: BTreeMap<&'static str, BTreeMap<&'static str, i64>> = BTreeMap::new();
    let first = Key { run: row.id, channel: i16::MIN, account: i64::MIN, state: i16::MIN };
    for (key, count) in tallies.range(first..).take_while(|(key, _)| key.run == row.id) {
        let Some(channel) = Channel::from_number(i64::from(key.channel)) else { continue };
        let state = State::from_number(key.state);
        all += *count;
        if matches!(state, State::Pending | State::Submitting | State::InDoubt) {
            unfinished += count.n;
        }
        *counts.entry(channel.name()).or_default().entry(state.name()).or_default() += count.n;
    }
    RunView {
        id: row.id,
        title: titles.get(&row.definition).map_or(&row.campaign, |head| &head.title).clone(),
        kind: if row.kind == 1 { "warning" } else { "awareness" },
        origin: match row.origin {
            origin if origin == Origin::Schedule as i16 => "schedule",
            origin if origin == Origin::Manual as i16 => "manual",
            _ => "test",
        },
        state: row.state().name(),
        paused: row.paused,
        due_at: DateTime::from_timestamp_millis(row.due_at),
        expires_at: DateTime::from_timestamp_millis(row.expires_at),
        settled_at: row.settled_at.and_then(DateTime::from_timestamp_millis),
        campaign: row.campaign,
        held: row.held,
        date: row.date,
        deliveries: all.n,
        unfinished,
        parts: all.parts,
        price: all.price,
        counts,
    }
}

impl RunView {
    /// Its state in one word: what people want to know first.
    pub fn standing(&self) -> &'static str {
        let over = [RunState::Settled, RunState::Aborted, RunState::Missed].iter().any(|state| state.name() == self.state);
        match (over, self.paused, &self.held) {
            (false, true, _) => "paused",
            (false, false, Some(_)) => "held",
            _ => self.state,
        }
    }
}

/// What a definition says of itself.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Head {
    /// Its title.
    pub title: String,
    /// The department that owns it.
    #[serde(default)]
    pub owner: String,
}

/// Heads of definitions by content hash. A definition never changes, so what was read once stays right.
#[derive(Default)]
pub(super) struct Titles(Mutex<HashMap<String, Head>>);

static BODIES: Sql =
    Sql::new(r"SELECT hash, body FROM definition WHERE hash IN (SELECT hash FROM :rows($1; hash TEXT) AS wanted)");

static USED: Sql = Sql::new(r"SELECT DISTINCT definition FROM run");

/// A definition's content hash, in a list.
#[derive(Serialize)]
struct Hash<'a> {
    hash: &'a str,
}

impl Titles {
    /// What the definitions of these runs say of themselves, by hash; one that cannot be read is left out.
    pub async fn of(&self, db: &Db, rows: &[RunRow]) -> Result<HashMap<String, Head>> {
        self.read(db, &rows.iter().map(|row| row.definition.as_str()).collect::<Vec<_>>()).await
    }

    /// The definitions whose runs these departments see, as a list for a statement. A campaign that changed its department leaves
    /// its earlier runs where they were: each goes by the definition that it has.
    pub async fn seen_by(&self, db: &Db, departments: &Scope) -> Result<String> {
        let used: Vec<String> = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&USED)).fetch_all(pool).await)?;
        let heads = self.read(db, &used.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let seen = used.iter().filter(|hash| heads.get(*hash).is_none_or(|head| departments.sees(&head.owner)));
        Ok(crate::db::list(&seen.map(|hash| Hash { hash }).collect::<Vec<_>>()))
    }

    async fn read(&self, db: &Db, hashes: &[&str]) -> Result<HashMap<String, Head>> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing: Vec<Hash<'_>> = {
            let known = known();
            hashes.iter().filter(|hash| !known.contains_key(**hash)).map(|hash| Hash { hash }).collect()
        };
        if !missing.is_empty() {
            let list = crate::db::list(&missing);
            let bodies: Vec<(String, String)> =
                on!(db.read, |pool, sql| sqlx::query_as(sql(&BODIES)).bind(&list).fetch_all(pool).await)?;
            let titled = |(hash, body): (String, String)| Some((hash, toml::from_str::<Head>(&body).ok()?));
            known().extend(bodies.into_iter().filter_map(titled));
        }
        let known = known();
        Ok(hashes.iter().filter_map(|hash| known.get_key_value(*hash)).map(|(h, t)| (h.clone(), t.clone())).collect())
    }
}
