//! Closed periods (*chốt số liệu*): the figures that an office stands by, who signed them, and what came later.
//!
//! What enters: the kept sheet of a period, as its signer saw it. What leaves: a [`Closing`], which is never changed: a
//! correction is a later closing of the same period that says why. Each carries a hash over all that is signed, the hash of
//! the closing before it included, and stands in the record of who did what ([`crate::audit`]), so that a hand in the database shows.
//! Receipts that come later change the rows and not the closing: they are adjustments after closing (*điều chỉnh sau chốt*). What can go wrong: somebody else was faster, or the
//! figures were counted anew since the signer looked.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Measure, Selection, Sheet, kept};
use crate::{
    audit::{self, Actor},
    db::{Db, DbError, Result, Sql, Tx},
    on,
    period::Period,
    phrase,
    seal::hex,
    within,
    words::Phrase,
};

/// The figures of a period, closed.
#[derive(Debug, Clone, PartialEq)]
pub struct Closing {
    /// Its number.
    pub id: i64,
    /// The period's key.
    pub period: String,
    /// Its first day, as the boundaries were then.
    pub from: NaiveDate,
    /// Its last day.
    pub through: NaiveDate,
    /// Whose campaigns: the departments' names, separated by semicolons; empty: the whole office's.
    pub department: String,
    /// The figures.
    pub sheet: Sheet,
    /// Over all that is signed.
    pub hash: String,
    /// When it was signed, unix milliseconds.
    pub closed_at: i64,
    /// By whom.
    pub by: String,
    /// The closing that it corrects.
    pub supersedes: Option<i64>,
    /// Why it does.
    pub reason: String,
}

/// What is to be closed.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The period.
    pub period: &'a Period,
    /// Whose campaigns; empty: the whole office's.
    pub department: &'a str,
    /// The selection that the signer saw.
    pub selection: &'a Selection,
    /// When its figures were counted, as the signer saw them.
    pub seen: i64,
    /// Who signs, and from where.
    pub by: &'a Actor,
    /// The closing that it corrects, and why.
    pub corrects: Option<(i64, &'a str)>,
    /// The local day.
    pub today: NaiveDate,
    /// Unix milliseconds.
    pub now: i64,
}

/// Why a period was not closed.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// Its last day is not over.
    #[error("the period is not over")]
    NotOver,
    /// Its figures were not counted, or were counted anew since the signer looked.
    #[error("the figures were counted anew")]
    Recounted,
    /// It is closed; a correction names the closing that it corrects and says why.
    #[error("closed already")]
    Closed,
    /// A correction without a reason.
    #[error("no reason")]
    NoReason,
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl CloseError {
    /// What people read.
    pub fn words(&self) -> Phrase {
        match self {
            Self::NotOver => phrase!(
                "Kỳ này chưa kết thúc: chỉ chốt được từ ngày sau ngày cuối kỳ.",
                "The period is not over: it can be closed from the day after its last day."
            ),
            Self::Recounted => phrase!(
                "Số liệu đã được đếm lại từ khi bạn mở trang. Hãy xem lại rồi chốt.",
                "The figures were counted anew since you opened the page. Look again, then close."
            ),
            Self::Closed => phrase!(
                "Kỳ này đã chốt. Muốn đính chính, hãy mở lần chốt mới nhất và nêu lý do.",
                "The period is closed. To correct it, open its latest closing and say why."
            ),
            Self::NoReason => phrase!("Hãy nêu lý do đính chính.", "Say why it is corrected."),
            Self::Db(_) => phrase!("Chưa có gì được thay đổi. Vui lòng thử lại.", "Nothing was changed. Please try again."),
        }
    }
}

macro_rules! closing_columns {
    () => {
        "id, period, day_from, day_to, department, body, hash, closed_at, by_whom, supersedes, reason"
    };
}

static LATEST: Sql = Sql::new(concat!(
    "SELECT ",
    closing_columns!(),
    " FROM closing WHERE period = $1 AND department = $2 ORDER BY id DESC LIMIT 1"
));

static GET: Sql = Sql::new(concat!("SELECT ", closing_columns!(), " FROM closing WHERE id = $1"));

static LIST: Sql = Sql::new(concat!(
    "SELECT ",
    closing_columns!(),
    " FROM closing WHERE department = $1 ORDER BY day_from DESC, id DESC LIMIT $2"
));

static OF_PERIODS: Sql = Sql::new(concat!(
    "SELECT ",
    closing_columns!(),
    " FROM closing WHERE department = $1 AND period IN (SELECT period FROM :rows($2; period TEXT) AS wanted) ORDER BY id DESC"
));

static ALL: Sql = Sql::new(concat!("SELECT ", closing_columns!(), " FROM closing ORDER BY id"));

static INSERT: Sql = Sql::new(
    r"INSERT INTO closing (period, day_from, day_to, department, body, hash, counted_at, closed_at, by_whom, supersedes, reason)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
);

type Row = (i64, String, String, String, String, String, String, i64, String, Option<i64>, String);

/// All that is signed, in a fixed order.
#[derive(Serialize)]
struct Signed<'a> {
    period: &'a str,
    from: &'a str,
    through: &'a str,
    department: &'a str,
    body: &'a str,
    closed_at: i64,
    by: &'a str,
    supersedes: Option<i64>,
    before: &'a str,
    reason: &'a str,
}

impl Signed<'_> {
    fn hash(&self) -> String {
        // A plain struct: serde_json cannot fail on it.
        hex(&Sha256::digest(serde_json::to_vec(self).unwrap_or_default()))
    }
}

fn read(row: Row) -> Result<Closing> {
    let (id, period, from, through, department, body, hash, closed_at, by, supersedes, reason) = row;
    let unreadable = || DbError::Refused(format!("closing {id} cannot be read by this version"));
    let day = |text: &str| text.parse::<NaiveDate>().map_err(|_| unreadable());
    Ok(Closing {
        id,
        from: day(&from)?,
        through: day(&through)?,
        period,
        department,
        sheet: Sheet::read(&body).ok_or_else(unreadable)?,
        hash,
        closed_at,
        by,
        supersedes,
        reason,
    })
}

/// The closing that holds for a period; none: it is open.
pub async fn latest(db: &Db, period: &str, department: &str) -> Result<Option<Closing>> {
    let row: Option<Row> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&LATEST)).bind(period).bind(department).fetch_optional(pool).await)?;
    row.map(read).transpose()
}

/// One closing, superseded or not.
pub async fn get(db: &Db, id: i64) -> Result<Option<Closing>> {
    let row: Option<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&GET)).bind(id).fetch_optional(pool).await)?;
    row.map(read).transpose()
}

/// The closings of a department, the latest period first; of a period, the one that holds first.
pub async fn list(db: &Db, department: &str, most: i64) -> Result<Vec<Closing>> {
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&LIST)).bind(department).bind(most).fetch_all(pool).await)?;
    rows.into_iter().map(read).collect()
}

/// All closings of these periods, for a department, the latest first.
pub async fn of_periods(db: &Db, periods: &[String], department: &str) -> Result<Vec<Closing>> {
    #[derive(Serialize)]
    struct One<'a> {
        period: &'a str,
    }
    let wanted = crate::db::list(&periods.iter().map(|period| One { period }).collect::<Vec<_>>());
    let rows: Vec<Row> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&OF_PERIODS)).bind(department).bind(&wanted).fetch_all(pool).await)?;
    rows.into_iter().map(read).collect()
}

/// What the record of who did what says of a closing.
#[derive(Serialize, Deserialize)]
struct Recorded {
    closing: i64,
    period: String,
    department: String,
    hash: String,
    reason: String,
}

/// The action in the record.
const RECORDED: &str = "period.close";

/// Closes a period with its kept figures and records who did, in the caller's transaction and last in it.
pub async fn close(tx: &mut Tx, request: &Request<'_>) -> std::result::Result<Closing, CloseError> {
    let Request { period, department, .. } = *request;
    if request.today <= period.through {
        return Err(CloseError::NotOver);
    }
    let (key, from, through) = (period.key(), period.from.to_string(), period.through.to_string());
    let before: Option<Row> =
        within!(tx, |c, sql| sqlx::query_as(sql(&LATEST)).bind(&key).bind(department).fetch_optional(c).await)?;
    let (supersedes, reason) = match (&before, request.corrects) {
        (None, None) => (None, ""),
        (Some(before), Some((corrected, reason))) if before.0 == corrected => match reason.trim() {
            "" => return Err(CloseError::NoReason),
            reason => (Some(corrected), reason),
        },
        _ => return Err(CloseError::Closed),
    };
    let body = kept::body(tx, request.selection).await?.ok_or(CloseError::Recounted)?;
    let sheet = Sheet::read(&body).filter(|sheet| sheet.at == request.seen).ok_or(CloseError::Recounted)?;
    let signed = Signed {
        period: &key,
        from: &from,
        through: &through,
        department,
        body: &body,
        closed_at: request.now,
        by: &request.by.name,
        supersedes,
        before: before.as_ref().map_or("", |before| before.6.as_str()),
        reason,
    };
    let hash = signed.hash();
    let id: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&INSERT))
        .bind(&key)
        .bind(&from)
        .bind(&through)
        .bind(department)
        .bind(&body)
        .bind(&hash)
        .bind(sheet.at)
        .bind(request.now)
        .bind(&request.by.name)
        .bind(supersedes)
        .bind(reason)
        .fetch_one(c)
        .await)?;
    let after = json!(Recorded {
        closing: id,
        period: key.clone(),
        department: department.to_string(),
        hash: hash.clone(),
        reason: reason.to_string(),
    });
    let corrected = supersedes.map(|id| json!({ "closing": id }));
    let subject = format!("period {key} closing {id}");
    audit::record(tx, request.by, RECORDED, &subject, corrected.as_ref(), Some(&after), request.now).await?;
    Ok(Closing {
        id,
        period: key,
        from: period.from,
        through: period.through,
        department: department.to_string(),
        sheet,
        hash,
        closed_at: request.now,
        by: request.by.name.clone(),
        supersedes,
        reason: reason.to_string(),
    })
}

static SIGNED: Sql = Sql::new(r"SELECT coalesce(after_json, '') FROM audit WHERE action = $1 ORDER BY seq");

/// Closings at which somebody's hand was in the database: whose hash is not that of what they say, which the record of who did
/// what does not know, or which it knows and which are gone.
pub async fn broken(tx: &mut Tx) -> Result<Vec<i64>> {
    let rows: Vec<Row> = within!(tx, |c, sql| sqlx::query_as(sql(&ALL)).fetch_all(c).await)?;
    let signed: Vec<String> = within!(tx, |c, sql| sqlx::query_scalar(sql(&SIGNED)).bind(RECORDED).fetch_all(c).await)?;
    let signed: BTreeSet<(i64, String)> = signed
        .iter()
        .filter_map(|entry| serde_json::from_str(entry).ok())
        .map(|Recorded { closing, hash, .. }| (closing, hash))
        .collect();
    let hash_of = |id: Option<i64>| rows.iter().find(|row| Some(row.0) == id).map_or("", |row| row.6.as_str());
    let holds = |(_, period, from, through, department, body, hash, closed_at, by, supersedes, reason): &Row| {
        let before = hash_of(*supersedes);
        let (closed_at, supersedes) = (*closed_at, *supersedes);
        Signed { period, from, through, department, body, closed_at, by, supersedes, before, reason }.hash() == *hash
    };
    let good: BTreeSet<i64> =
        rows.iter().filter(|row| holds(row) && signed.contains(&(row.0, row.6.clone()))).map(|row| row.0).collect();
    let known: BTreeSet<i64> = rows.iter().map(|row| row.0).chain(signed.iter().map(|(id, _)| *id)).collect();
    Ok(known.difference(&good).copied().collect())
}

/// A measure that changed after a closing: as it was closed, and as it is now; none: nobody had counted it, or it is counted no more.
pub type Adjusted = (Measure, Option<i64>, Option<i64>);

/// What changed after a closing (*điều chỉnh sau chốt*): each measure as it was closed and as it is now, where they differ. What outlets
/// reported stands in no closing of before there were orders.
pub fn adjustments(closed: &Sheet, now: &Sheet) -> Vec<Adjusted> {
    let relayed = Measure::RELAYED.into_iter().filter(|_| closed.relayed.is_some() && now.relayed.is_some());
    let pair = |measure: Measure| (measure, measure.of(closed), measure.of(now));
    Measure::ALL.into_iter().chain(relayed).map(pair).filter(|(_, closed, now)| closed != now).collect()
}
