//! Reports: what an outlet counted of an order, cumulative, one after another by their sequence.
//!
//! What enters: a [`Report`] from a program (JSON, [`read`]), a page, a file or a paper. What leaves: the same, judged ([`judge`]) and
//! stored for good, with its counts; the order points at the report of the highest sequence, which alone counts. What can go wrong: it
//! is refused as a whole, with every reason ([`Rejected`]); the reasons stand among the order's events. The same report again is taken
//! for what it is, and changes nothing.

mod judge;
mod read;
pub mod table;

pub use judge::{Fault, Ground, MOST, judge};
pub use read::{Unreadable, read};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    By, Happening, Order, Refusal, State,
    answer::had,
    content::digest,
    follow,
    order::{event, happen, lock, record, said},
};
use crate::{
    db::{Db, DbError, Result, Sql, Tx, affected, list},
    on, transaction, within,
};

/// What an outlet counted in one area and round, in subscribers or, for other outlets than carriers, in people or places of its own.
/// What is none, the outlet does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// The code of a province or ward.
    pub area: String,
    /// Which sending of the text, from 1.
    pub round: u16,
    /// Whom it is for.
    pub targeted: i64,
    /// To whom it was sent.
    pub submitted: i64,
    /// Whom it reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered: Option<i64>,
    /// Whom it did not reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<i64>,
    /// Of whom it is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<i64>,
    /// Converted messages (*tin quy đổi*).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<i64>,
    /// Đồng.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<i64>,
    /// When sending began there, unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<i64>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<i64>,
    /// Whether whoever was in the area is meant; else whoever is registered there.
    #[serde(default)]
    pub by_cell: bool,
}

impl Count {
    /// For whom it was, and to whom it was sent: nothing else is counted.
    pub fn of(area: impl Into<String>, round: u16, targeted: i64, submitted: i64) -> Self {
        Self {
            area: area.into(),
            round,
            targeted,
            submitted,
            delivered: None,
            failed: None,
            pending: None,
            parts: None,
            cost: None,
            starts_at: None,
            ends_at: None,
            by_cell: false,
        }
    }
}

/// One report, as it is judged and kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Higher than that of every report before it.
    pub sequence: i64,
    /// The moment that it counts up to, unix milliseconds.
    pub as_of: i64,
    /// No more will follow.
    pub last: bool,
    /// Why it corrects what was reported before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<String>,
    /// Evidence among the papers ([`super::paper`]): SHA-256 in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// The counts, by area and round.
    pub counts: Vec<Count>,
}

impl Report {
    /// The same, in the order in which it is kept.
    fn sorted(mut self) -> Self {
        self.counts.sort_by(|a, b| (&a.area, a.round).cmp(&(&b.area, b.round)));
        self.correction = self.correction.map(|reason| said(&reason));
        self
    }

    /// As it is kept.
    fn json(&self) -> String {
        // A plain struct of numbers and strings: serde_json cannot fail on it. U+0000 is none of ours, and PostgreSQL refuses it.
        serde_json::to_string(self).unwrap_or_default().replace("\\u0000", "\\ufffd")
    }

    pub(super) fn parse(json: &str) -> Result<Self> {
        serde_json::from_str(json).map_err(|error| DbError::Refused(format!("a report cannot be read: {error}")))
    }

    const fn happening(&self) -> Happening {
        if self.correction.is_some() { Happening::Correct { last: self.last } } else { Happening::Report { last: self.last } }
    }
}

/// A report that was kept, with how it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its number.
    pub id: i64,
    /// What it says.
    pub report: Report,
    /// SHA-256 of what it says.
    pub hash: String,
    /// When it came, unix milliseconds.
    pub received_at: i64,
    /// From whom.
    pub by: String,
    /// By which door.
    pub via: String,
}

/// Why a report is not taken. Nothing was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejected {
    /// The order takes none.
    Refused(Refusal),
    /// The report does not add up, or does not fit the ones before it: every reason.
    Faults(Vec<Fault>),
}

/// A report that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The order after it.
    pub order: Order,
    /// Its number.
    pub report: i64,
    /// It had come before, and changed nothing now.
    pub repeated: bool,
}

static SAME: Sql = Sql::new(r"SELECT id, hash FROM relay_report WHERE relay_order = $1 AND sequence = $2");
static NEWEST: Sql = Sql::new(r"SELECT body FROM relay_report WHERE id = $1");
static KNOWN: Sql = Sql::new(r"SELECT count(*) FROM paper WHERE hash = $1");

static KEEP: Sql = Sql::new(
    r"INSERT INTO relay_report (relay_order, sequence, as_of, final, reason, evidence, body, hash, received_at, by_whom, via)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
);

static COUNT: Sql = Sql::new(
    r"INSERT INTO relay_count (report, area, round, targeted, submitted, delivered, failed, pending, parts, cost, starts_at, ends_at, by_cell)
      SELECT CAST($1 AS BIGINT), l.area, l.round, l.targeted, l.submitted, l.delivered, l.failed, l.pending, l.parts, l.cost, l.starts_at, l.ends_at,
             l.by_cell <> 0
      FROM :rows($2; area TEXT, round SMALLINT, targeted BIGINT, submitted BIGINT, delivered BIGINT, failed BIGINT, pending BIGINT, parts BIGINT, cost BIGINT, starts_at BIGINT, ends_at BIGINT, by_cell BIGINT) AS l",
);

/// A row of [`COUNT`]: the engines read truth from JSON differently, and numbers alike.
#[derive(Serialize)]
struct Line<'a> {
    area: &'a str,
    round: u16,
    targeted: i64,
    submitted: i64,
    delivered: Option<i64>,
    failed: Option<i64>,
    pending: Option<i64>,
    parts: Option<i64>,
    cost: Option<i64>,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
    by_cell: i64,
}

impl<'a> Line<'a> {
    fn of(count: &'a Count) -> Self {
        Self {
            area: &count.area,
            round: count.round,
            targeted: count.targeted,
            submitted: count.submitted,
            delivered: count.delivered,
            failed: count.failed,
            pending: count.pending,
            parts: count.parts,
            cost: count.cost,
            starts_at: count.starts_at,
            ends_at: count.ends_at,
            by_cell: i64::from(count.by_cell),
        }
    }
}

/// Judges a report of an order and keeps it. `province_of` says in which province a code lies, itself for a province.
pub async fn take(
    db: &Db,
    id: i64,
    report: &Report,
    province_of: impl Fn(&str) -> Option<&'static str> + Copy,
    by: &By<'_>,
) -> Result<std::result::Result<Taken, Rejected>> {
    let report = report.clone().sorted();
    transaction!(db, |tx| {
        let mut order = match lock(tx, id, by).await? {
            Ok(order) => order,
            Err(refusal) => return Ok(Err(Rejected::Refused(refusal))),
        };
        if let Some((kept, hash)) = same(tx, id, report.sequence).await?
            && hash == digest(&report.json())
        {
            return Ok(Ok(Taken { order, report: kept, repeated: true }));
        }
        let happening = report.happening();
        let stands = if order.state == State::Approved { State::HandedOver } else { order.state };
        if let Err(refusal) = order.would(stands, happening) {
            return Ok(Err(Rejected::Refused(refusal)));
        }
        let newest = newest(tx, &order).await?;
        if let Some(refusal) = ended(&order, newest.as_ref(), report.correction.is_some()) {
            return Ok(Err(Rejected::Refused(refusal)));
        }
        let faults = faults(tx, &order, &report, newest.as_ref(), province_of, by).await?;
        if !faults.is_empty() {
            let words: Vec<String> = faults.iter().take(5).map(|fault| fault.words().vi).collect();
            rejected(tx, &order, &words.join("; "), by).await?;
            return Ok(Err(Rejected::Faults(faults)));
        }
        let was = order.state;
        if let Err(refusal) = had(tx, &mut order, happening, by).await? {
            return Ok(Err(Rejected::Refused(refusal)));
        }
        let kept = keep(tx, id, &report, by).await?;
        order.report = Some(kept);
        if happen(tx, &mut order, happening, by, report.correction.as_deref().unwrap_or_default()).await?.is_err() {
            // It was seen above that it fits, and the row is locked.
            return Err(DbError::Refused(format!("order {id} moved under its lock")));
        }
        follow::took(tx, &order, was, by).await?;
        let more = json!({
            "sequence": report.sequence, "final": report.last, "correction": report.correction, "evidence": report.evidence,
        });
        record(tx, &order, happening.word(), was, more, by).await?;
        Ok(Ok(Taken { order, report: kept, repeated: false }))
    })
}

/// Rejected reports of an order that are written down in a day: a program that is broken fills no page.
const REJECTIONS: i64 = 100;
const DAY: i64 = 24 * 3_600_000;

static REJECTED: Sql =
    Sql::new(r"SELECT count(*) FROM relay_event WHERE relay_order = $1 AND happening = 'report_rejected' AND at > $2");

static LAST: Sql = Sql::new(r"SELECT happening, detail FROM relay_event WHERE relay_order = $1 ORDER BY id DESC LIMIT 1");

/// Writes down why a report was not taken; once, if a program sends the same again and again.
async fn rejected(tx: &mut Tx, order: &Order, why: &str, by: &By<'_>) -> Result<()> {
    const WORD: &str = "report_rejected";
    let last: Option<(String, String)> = within!(tx, |c, sql| sqlx::query_as(sql(&LAST)).bind(order.id).fetch_optional(c).await)?;
    if last.is_some_and(|(happening, detail)| happening == WORD && detail == said(why)) {
        return Ok(());
    }
    let today: i64 =
        within!(tx, |c, sql| sqlx::query_scalar(sql(&REJECTED)).bind(order.id).bind(by.now - DAY).fetch_one(c).await)?;
    if today >= REJECTIONS {
        return Ok(());
    }
    event(tx, order.id, WORD, order.state, by, why).await
}

async fn same(tx: &mut Tx, order: i64, sequence: i64) -> Result<Option<(i64, String)>> {
    within!(tx, |c, sql| sqlx::query_as(sql(&SAME)).bind(order).bind(sequence).fetch_optional(c).await)
}

/// The report that counts until now.
async fn newest(tx: &mut Tx, order: &Order) -> Result<Option<Report>> {
    let newest: Option<String> = match order.report {
        Some(newest) => within!(tx, |c, sql| sqlx::query_scalar(sql(&NEWEST)).bind(newest).fetch_optional(c).await)?,
        None => None,
    };
    newest.as_deref().map(Report::parse).transpose()
}

/// Why an order that was withdrawn or replaced takes no such report: its state does not say how far its reports are.
fn ended(order: &Order, newest: Option<&Report>, corrects: bool) -> Option<Refusal> {
    if !matches!(order.state, State::Cancelled | State::Superseded) {
        return None;
    }
    match newest {
        Some(newest) if newest.last && !corrects => Some(Refusal::Final),
        None if corrects => Some(Refusal::NothingReported),
        _ => None,
    }
}

/// Which reports an order takes now; else why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Takes {
    /// One that goes on from the newest.
    pub more: std::result::Result<(), Refusal>,
    /// One that corrects it.
    pub correction: std::result::Result<(), Refusal>,
}

impl Takes {
    /// What this order takes; `newest`: the report that counts.
    pub fn of(order: &Order, newest: Option<&Report>) -> Self {
        let judged = |happening: Happening, corrects: bool| -> std::result::Result<(), Refusal> {
            order.may(happening)?;
            ended(order, newest, corrects).map_or(Ok(()), Err)
        };
        let (more, correction) = (Happening::Report { last: true }, Happening::Correct { last: true });
        Self { more: judged(more, false), correction: judged(correction, true) }
    }

    /// Whether only a correction is taken.
    pub const fn only_corrections(&self) -> bool {
        self.more.is_err() && self.correction.is_ok()
    }

    /// Why none is taken at all.
    pub fn none(&self) -> Option<&Refusal> {
        self.more.as_ref().err().filter(|_| self.correction.is_err())
    }
}

async fn faults(
    tx: &mut Tx,
    order: &Order,
    report: &Report,
    newest: Option<&Report>,
    province_of: impl Fn(&str) -> Option<&'static str>,
    by: &By<'_>,
) -> Result<Vec<Fault>> {
    let ground = Ground {
        content: &order.content,
        kind: order.outlet_kind,
        since: order.sent_at.unwrap_or(order.made_at),
        newest,
        now: by.now,
    };
    let mut faults = judge(&ground, report, province_of);
    if let Some(evidence) = &report.evidence {
        let known: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&KNOWN)).bind(evidence).fetch_one(c).await)?;
        if known == 0 {
            faults.push(Fault::no_evidence());
        }
    }
    Ok(faults)
}

async fn keep(tx: &mut Tx, order: i64, report: &Report, by: &By<'_>) -> Result<i64> {
    let body = report.json();
    let id: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&KEEP))
        .bind(order)
        .bind(report.sequence)
        .bind(report.as_of)
        .bind(report.last)
        .bind(&report.correction)
        .bind(&report.evidence)
        .bind(&body)
        .bind(digest(&body))
        .bind(by.now)
        .bind(said(&by.actor.name))
        .bind(by.actor.via.name())
        .fetch_one(c)
        .await)?;
    let lines = list(&report.counts.iter().map(Line::of).collect::<Vec<_>>());
    within!(tx, |c, sql| sqlx::query(sql(&COUNT)).bind(id).bind(&lines).execute(c).await.map(affected))?;
    Ok(id)
}

#[derive(sqlx::FromRow)]
struct KeptRow {
    id: i64,
    body: String,
    hash: String,
    received_at: i64,
    by_whom: String,
    via: String,
}

impl KeptRow {
    fn kept(self) -> Result<Kept> {
        let report = Report::parse(&self.body)?;
        Ok(Kept { id: self.id, report, hash: self.hash, received_at: self.received_at, by: self.by_whom, via: self.via })
    }
}

static ALL: Sql = Sql::new(
    r"SELECT id, body, hash, received_at, by_whom, via FROM relay_report WHERE relay_order = $1 ORDER BY sequence DESC LIMIT 1000",
);

/// The reports of an order, the one that counts first.
pub async fn all(db: &Db, order: i64) -> Result<Vec<Kept>> {
    let rows: Vec<KeptRow> = on!(db.read, |pool, sql| sqlx::query_as(sql(&ALL)).bind(order).fetch_all(pool).await)?;
    rows.into_iter().map(KeptRow::kept).collect()
}

static HIGHEST: Sql = Sql::new(r"SELECT max(sequence) FROM relay_report WHERE relay_order = $1");

/// The sequence that the next report of an order may have: for forms, where nobody thinks one up.
pub async fn next_sequence(db: &Db, order: i64) -> Result<i64> {
    let last: Option<i64> = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&HIGHEST)).bind(order).fetch_one(pool).await)?;
    Ok(last.unwrap_or(0).saturating_add(1))
}
