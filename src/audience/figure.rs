//! How many people there are: by list, area and group, and how many of them have a phone, a mail address or a chat account.
//!
//! Counting goes over everybody, so it is done in the background ([`count`]) and read as it stood then ([`read`], with its time).
//! Figures are kept by list, so that whoever does not see a department's list sees figures without it. A new edition is written
//! beside the one in force, which stays until the new one is complete.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{list::names, place::Places};
use crate::{
    db::{Db, Result, Sql, affected},
    on, transaction, within,
};

/// Rows that one statement writes.
const CHUNK: usize = 900;
/// Figures older than this are counted anew though nothing was imported (milliseconds): erasures and retirements change them, too.
const OLD: i64 = 6 * 3_600_000;

/// By what people are counted. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum Cut {
    /// All of a list.
    List = 0,
    /// By province; an empty name: without an area.
    Province = 1,
    /// By ward.
    Ward = 2,
    /// By group.
    Group = 3,
}

/// So many people, and how they can be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct People {
    /// Everybody.
    pub people: i64,
    /// With a phone number.
    pub phone: i64,
    /// With a mail address.
    pub email: i64,
    /// With an account at a chat service.
    pub chat: i64,
}

impl std::ops::AddAssign for People {
    fn add_assign(&mut self, other: Self) {
        self.people += other.people;
        self.phone += other.phone;
        self.email += other.email;
        self.chat += other.chat;
    }
}

#[derive(Serialize, Deserialize, Clone, Copy, Default)]
struct Edition {
    edition: i64,
    at: i64,
}

static EDITION: Sql = Sql::new(r"SELECT value FROM meta WHERE key = 'audience_figure'");

static LAST: Sql = Sql::new(r"SELECT coalesce(max(finished_at), 0) FROM import");

static AREAS: Sql = Sql::new(
    r"SELECT source, coalesce(area, ''), count(*), count(phone_hash), count(email_hash), count(chat_hash) FROM recipient
      WHERE state = 0 GROUP BY source, area",
);

static GROUPS: Sql = Sql::new(
    r"SELECT r.source, m.grp, count(*), count(r.phone_hash), count(r.email_hash), count(r.chat_hash)
      FROM membership m JOIN recipient r ON r.id = m.recipient WHERE r.state = 0 GROUP BY r.source, m.grp",
);

static WRITE: Sql = Sql::new(
    r"INSERT INTO audience_figure (edition, cut, name, source, people, phone, email, chat)
      SELECT CAST($2 AS BIGINT), cut, name, source, people, phone, email, chat
      FROM :rows($1; cut SMALLINT, name TEXT, source TEXT, people BIGINT, phone BIGINT, email BIGINT, chat BIGINT) AS v WHERE true
      ON CONFLICT (edition, cut, name, source) DO UPDATE
      SET people = excluded.people, phone = excluded.phone, email = excluded.email, chat = excluded.chat",
);

static FORGET: Sql = Sql::new(r"DELETE FROM audience_figure WHERE edition < $1");

// Whoever counted first is in force: another node's count of the same moment is thrown away with the next edition.
static ENFORCE: Sql = Sql::new(r"UPDATE meta SET value = $1 WHERE key = 'audience_figure' AND value = $2");

type Counted = (String, String, i64, i64, i64, i64);

/// Counts everybody anew if a list was imported since, or the figures are old. Whether it did.
pub async fn count(db: &Db, now: i64) -> Result<bool> {
    let text: String = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&EDITION)).fetch_one(pool).await)?;
    let before: Edition = serde_json::from_str(&text).unwrap_or_default();
    let imported: i64 = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&LAST)).fetch_one(pool).await)?;
    let is_new = before.edition > 0 && imported < before.at && (before.at..before.at + OLD).contains(&now);
    if is_new {
        return Ok(false);
    }
    let areas: Vec<Counted> = on!(db.read, |pool, sql| sqlx::query_as(sql(&AREAS)).fetch_all(pool).await)?;
    let groups: Vec<Counted> = on!(db.read, |pool, sql| sqlx::query_as(sql(&GROUPS)).fetch_all(pool).await)?;
    let rows = cuts(areas, groups);
    // Two nodes that count at once write the same rows.
    let edition = before.edition.max(0) + 1;
    for chunk in rows.chunks(CHUNK) {
        let list = crate::db::list(chunk);
        on!(db.write, |pool, sql| sqlx::query(sql(&WRITE)).bind(&list).bind(edition).execute(pool).await.map(affected))?;
    }
    let after = serde_json::to_string(&Edition { edition, at: now }).unwrap_or_default();
    transaction!(db, |tx| {
        let first =
            within!(tx, |c, sql| sqlx::query(sql(&ENFORCE)).bind(&after).bind(&text).execute(c).await.map(affected))? == 1;
        if first {
            within!(tx, |c, sql| sqlx::query(sql(&FORGET)).bind(edition).execute(c).await.map(affected))?;
        }
        Ok(first)
    })
}

#[derive(Serialize)]
struct Row {
    cut: i16,
    name: String,
    source: String,
    #[serde(flatten)]
    people: People,
}

fn cuts(areas: Vec<Counted>, groups: Vec<Counted>) -> Vec<Row> {
    let places = Places::built_in();
    let mut all: BTreeMap<(i16, String, String), People> = BTreeMap::new();
    let mut add = |cut: Cut, name: &str, source: &str, people: People| {
        *all.entry((cut as i16, name.to_string(), source.to_string())).or_default() += people;
    };
    for (source, area, people, phone, email, chat) in areas {
        let people = People { people, phone, email, chat };
        add(Cut::List, "", &source, people);
        add(Cut::Province, places.province_of(&area).unwrap_or_default(), &source, people);
        if area.len() > 2 {
            add(Cut::Ward, &area, &source, people);
        }
    }
    for (source, group, people, phone, email, chat) in groups {
        add(Cut::Group, &group, &source, People { people, phone, email, chat });
    }
    all.into_iter().map(|((cut, name, source), people)| Row { cut, name, source, people }).collect()
}

static READ: Sql = Sql::new(
    r"SELECT name, source, people, phone, email, chat FROM audience_figure
      WHERE edition = $1 AND cut = $2 AND source NOT IN (SELECT source FROM :rows($3; source TEXT) AS hidden)
      ORDER BY name, source",
);

/// Figures as they were counted, and when (unix milliseconds; 0: not yet).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// When.
    pub at: i64,
    /// By name: of the list for [`Cut::List`], else of the area or group.
    pub by_name: BTreeMap<String, People>,
}

impl Figures {
    /// All of them together. Of groups that counts whoever is in two of them twice.
    pub fn sum(&self) -> People {
        let mut sum = People::default();
        for people in self.by_name.values() {
            sum += *people;
        }
        sum
    }
}

/// Reads the figures of a cut, without those of `hidden` lists; of wards, those of one province (`within`).
pub async fn read(db: &Db, cut: Cut, within: &str, hidden: &[&str]) -> Result<Figures> {
    let text: String = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&EDITION)).fetch_one(pool).await)?;
    let edition: Edition = serde_json::from_str(&text).unwrap_or_default();
    let hidden = names(hidden);
    let places = Places::built_in();
    let mut figures = Figures { at: edition.at, by_name: BTreeMap::new() };
    // Codes of wards do not begin with their province's: the few thousand there are are looked through.
    let rows: Vec<Counted> = on!(db.read, |pool, sql| {
        sqlx::query_as(sql(&READ)).bind(edition.edition).bind(cut as i16).bind(&hidden).fetch_all(pool).await
    })?;
    for (name, source, people, phone, email, chat) in rows {
        if cut == Cut::Ward && places.province_of(&name) != Some(within) {
            continue;
        }
        let key = if cut == Cut::List { source } else { name };
        *figures.by_name.entry(key).or_default() += People { people, phone, email, chat };
    }
    Ok(figures)
}
