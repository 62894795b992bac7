//! What outlets had of a run's orders: the texts, however many outlets got the same, for whoever tells the public which texts are real.
//!
//! What leaves is actual orders alone that somebody has, and has not refused. What can go wrong is the database.

use std::collections::BTreeMap;

use super::{Content, Step, content::apart};
use crate::{
    audience::place::Places,
    db::{Db, DbError, Result, Sql},
    on,
};

/// The same texts, with however many outlets have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// Of which run.
    pub run: i64,
    /// The order itself, an Update or a Cancel.
    pub step: Step,
    /// What it says, with the areas of all of them.
    pub content: Content,
    /// How many outlets have it.
    pub outlets: i64,
    /// One of them.
    pub outlet: String,
    /// When the first was approved (unix milliseconds).
    pub sent_at: i64,
    /// When the last ends.
    pub expires_at: i64,
    /// Those that hold still: neither cancelled nor replaced.
    pub standing: i64,
}

impl Carried {
    /// Whether people are told the same: where each outlet is asked to, and until when, is its own.
    fn says_the_same(&self, other: &Self) -> bool {
        let (own, others) = (&self.content, &other.content);
        (self.run, self.step) == (other.run, other.step)
            && (&own.title, own.warning, &own.audience) == (&others.title, others.warning, &others.audience)
            && (&own.sender_name, &own.sms, &own.app) == (&others.sender_name, &others.sms, &others.app)
            && own.material == others.material
    }

    /// With what another outlet has of the same.
    fn join(&mut self, other: Self) {
        self.outlets += other.outlets;
        self.standing += other.standing;
        self.sent_at = self.sent_at.min(other.sent_at);
        self.expires_at = self.expires_at.max(other.expires_at);
        let (own, others) = (&mut self.content.areas, other.content.areas);
        // No area is the whole country.
        if own.is_empty() || others.is_empty() {
            own.clear();
            return;
        }
        own.extend(others);
        own.sort();
        own.dedup();
        *own = apart(std::mem::take(own), |code| Places::built_in().province_of(code));
    }
}

static LAST: Sql = Sql::new(r"SELECT coalesce(max(id), 0), count(*) FROM relay_event WHERE id > $1");

static CHANGED: Sql = Sql::new(
    r"SELECT DISTINCT run FROM relay_order WHERE id IN (SELECT relay_order FROM relay_event WHERE id > $1) ORDER BY run",
);

// 8 is closed, and 4 refused: closing what was refused makes it no text that somebody passed on.
static CARRIED: Sql = Sql::new(
    r"SELECT o.run, o.step, CAST(count(*) AS BIGINT), min(t.title), CAST(min(coalesce(o.sent_at, o.made_at)) AS BIGINT),
             CAST(max(o.expires_at) AS BIGINT), CAST(sum(CASE WHEN o.state IN (9, 10) THEN 0 ELSE 1 END) AS BIGINT), min(o.id)
      FROM relay_order o JOIN outlet t ON t.id = o.outlet
      WHERE o.run IN :ids($1) AND o.status = 0 AND o.handed_at IS NOT NULL AND o.state <> 4
        AND NOT (o.state = 8 AND 4 = (SELECT e.state FROM relay_event e WHERE e.relay_order = o.id AND e.state <> 8 ORDER BY e.id DESC LIMIT 1))
      GROUP BY o.run, o.step, o.hash ORDER BY min(o.id)",
);

static CONTENTS: Sql = Sql::new(r"SELECT id, content FROM relay_order WHERE id IN :ids($1)");

/// How far the events of orders were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// The last one.
    last: i64,
    /// How many there were from [`MEANWHILE`] before it on.
    lately: i64,
}

/// Numbers are given out before what they number is there to be seen: an event may come that is no later than one that was looked at.
const MEANWHILE: i64 = 1_000;

/// How far the events of orders go now, and the runs whose orders had one since `seen`; with them those of what happened just before.
pub async fn changed(db: &Db, seen: Seen) -> Result<(Seen, Vec<i64>)> {
    let since = (seen.last - MEANWHILE).max(0);
    let (last, lately) = events_since(db, since).await?;
    if (Seen { last, lately }) == seen {
        return Ok((seen, Vec::new()));
    }
    let (_, lately) = events_since(db, (last - MEANWHILE).max(0)).await?;
    let runs = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&CHANGED)).bind(since).fetch_all(pool).await)?;
    Ok((Seen { last, lately }, runs))
}

/// The last event, and how many there are of a higher number than this.
async fn events_since(db: &Db, since: i64) -> Result<(i64, i64)> {
    on!(db.read, |pool, sql| sqlx::query_as(sql(&LAST)).bind(since).fetch_one(pool).await)
}

/// As it comes: see [`CARRIED`].
type Row = (i64, i16, i64, String, i64, i64, i64, i64);

/// Contents that are read at once: each may be as long as several texts.
const STEP: usize = 500;

/// What outlets have of these runs' orders, the oldest first; what says the same is one, though every outlet has its own areas.
pub async fn of_runs(db: &Db, runs: &[i64]) -> Result<Vec<Carried>> {
    let list = crate::db::list(runs);
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&CARRIED)).bind(&list).fetch_all(pool).await)?;
    let mut all: Vec<Carried> = Vec::new();
    for some in rows.chunks(STEP) {
        let ids = crate::db::list(&some.iter().map(|row| row.7).collect::<Vec<i64>>());
        let contents: Vec<(i64, String)> =
            on!(db.read, |pool, sql| sqlx::query_as(sql(&CONTENTS)).bind(&ids).fetch_all(pool).await)?;
        let contents: BTreeMap<i64, String> = contents.into_iter().collect();
        for row in some {
            let one = carried(row, &contents)?;
            match all.iter_mut().rev().find(|known| known.says_the_same(&one)) {
                Some(known) => known.join(one),
                None => all.push(one),
            }
        }
    }
    Ok(all)
}

fn carried(row: &Row, contents: &BTreeMap<i64, String>) -> Result<Carried> {
    let (run, step, outlets, outlet, sent_at, expires_at, standing, id) = row;
    let refused = |what: &str| DbError::Refused(format!("order {id} has {what}"));
    let step = Step::from_number(*step).ok_or_else(|| refused("a step that there is not"))?;
    let content = contents.get(id).map_or_else(|| Err(refused("no content")), |text| Content::parse(text))?;
    let (run, outlets, sent_at, expires_at, standing) = (*run, *outlets, *sent_at, *expires_at, *standing);
    Ok(Carried { run, step, content, outlets, outlet: outlet.clone(), sent_at, expires_at, standing })
}
