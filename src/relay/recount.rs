//! Recounts what is kept of orders from their reports, for `loa verify`: a difference is a fault of the program or a hand in the
//! database.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    State,
    content::digest,
    report::{Count, Report},
};
use crate::{
    db::{Result, Sql, Tx},
    phrase, within,
    words::Phrase,
};

/// What is wrong with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Its counts are not those of the report.
    Counts,
    /// A report is not as it came, or cannot be read.
    Report,
    /// A report breaks the sum rules, or lowers a count without a reason.
    Sums,
    /// It does not point at its report of the highest sequence.
    Newest,
    /// Its state is not that of its last event.
    State,
    /// Its content is not as it was frozen.
    Content,
}

impl Fault {
    /// What it means to people.
    pub fn words(self) -> Phrase {
        match self {
            Self::Counts => phrase!("số liệu lưu khác với báo cáo", "its counts are not those of the report"),
            Self::Report => phrase!("báo cáo đã bị sửa hoặc không đọc được", "a report was changed, or cannot be read"),
            Self::Sums => phrase!("báo cáo trái quy tắc cộng", "a report breaks the sum rules"),
            Self::Newest => phrase!("không dùng báo cáo mới nhất", "it does not go by its newest report"),
            Self::State => phrase!("trạng thái khác với sự kiện cuối cùng", "its state is not that of its last event"),
            Self::Content => phrase!("nội dung đã bị sửa sau khi chốt", "its content was changed after it was frozen"),
        }
    }
}

/// An order with something wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// The order's number.
    pub order: i64,
    /// What.
    pub fault: Fault,
}

/// What a recount found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Recount {
    /// Orders that were looked at.
    pub orders: i64,
    /// Reports that were counted.
    pub reports: i64,
    /// What is wrong.
    pub wrong: Vec<Wrong>,
}

/// Orders that are looked at at once.
const STEP: i64 = 200;

static ORDERS: Sql = Sql::new(
    r"SELECT o.id, o.state, o.content, o.hash, o.report,
             (SELECT e.state FROM relay_event e WHERE e.relay_order = o.id ORDER BY e.id DESC LIMIT 1) AS told
      FROM relay_order o WHERE o.id > $1 ORDER BY o.id LIMIT $2",
);

static REPORTS: Sql =
    Sql::new(r"SELECT id, sequence, final, reason, body, hash FROM relay_report WHERE relay_order = $1 ORDER BY sequence");

static COUNTS: Sql = Sql::new(
    r"SELECT area, round, targeted, submitted, delivered, failed, pending, parts, cost, starts_at, ends_at, by_cell
      FROM relay_count WHERE report = $1 ORDER BY area, round",
);

#[derive(sqlx::FromRow)]
struct OrderRow {
    id: i64,
    state: i16,
    content: String,
    hash: String,
    report: Option<i64>,
    told: Option<i16>,
}

#[derive(sqlx::FromRow)]
struct ReportRow {
    id: i64,
    sequence: i64,
    r#final: bool,
    reason: Option<String>,
    body: String,
    hash: String,
}

#[derive(sqlx::FromRow)]
struct CountRow {
    area: String,
    round: i16,
    targeted: i64,
    submitted: i64,
    delivered: Option<i64>,
    failed: Option<i64>,
    pending: Option<i64>,
    parts: Option<i64>,
    cost: Option<i64>,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
    by_cell: bool,
}

impl CountRow {
    fn count(self) -> Count {
        Count {
            area: self.area,
            round: u16::try_from(self.round).unwrap_or(0),
            targeted: self.targeted,
            submitted: self.submitted,
            delivered: self.delivered,
            failed: self.failed,
            pending: self.pending,
            parts: self.parts,
            cost: self.cost,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            by_cell: self.by_cell,
        }
    }
}

/// Recounts every order, over the caller's snapshot.
pub async fn recount(tx: &mut Tx) -> Result<Recount> {
    let mut found = Recount::default();
    let mut after = 0;
    loop {
        let rows: Vec<OrderRow> = within!(tx, |c, sql| sqlx::query_as(sql(&ORDERS)).bind(after).bind(STEP).fetch_all(c).await)?;
        let Some(last) = rows.last() else { return Ok(found) };
        after = last.id;
        for row in rows {
            found.orders += 1;
            let mut faults = Vec::new();
            if row.told != Some(row.state) || State::from_number(row.state).is_none() {
                faults.push(Fault::State);
            }
            if digest(&row.content) != row.hash {
                faults.push(Fault::Content);
            }
            faults.extend(reports(tx, &row, &mut found.reports).await?);
            faults.sort_unstable();
            faults.dedup();
            found.wrong.extend(faults.into_iter().map(|fault| Wrong { order: row.id, fault }));
        }
    }
}

async fn reports(tx: &mut Tx, order: &OrderRow, seen: &mut i64) -> Result<Vec<Fault>> {
    let rows: Vec<ReportRow> = within!(tx, |c, sql| sqlx::query_as(sql(&REPORTS)).bind(order.id).fetch_all(c).await)?;
    let mut faults = Vec::new();
    if rows.last().map(|row| row.id) != order.report {
        faults.push(Fault::Newest);
    }
    let mut before: Option<Report> = None;
    for row in rows {
        *seen += 1;
        let kept: Vec<CountRow> = within!(tx, |c, sql| sqlx::query_as(sql(&COUNTS)).bind(row.id).fetch_all(c).await)?;
        let Ok(report) = Report::parse(&row.body) else {
            faults.push(Fault::Report);
            continue;
        };
        let same = (report.sequence, report.last, &report.correction) == (row.sequence, row.r#final, &row.reason);
        if digest(&row.body) != row.hash || !same {
            faults.push(Fault::Report);
        }
        let kept: BTreeMap<(String, u16), Count> =
            kept.into_iter().map(CountRow::count).map(|count| ((count.area.clone(), count.round), count)).collect();
        let counted: BTreeMap<(String, u16), Count> =
            report.counts.iter().cloned().map(|count| ((count.area.clone(), count.round), count)).collect();
        if kept != counted {
            faults.push(Fault::Counts);
        }
        if !adds_up(before.as_ref(), &report) {
            faults.push(Fault::Sums);
        }
        before = Some(report);
    }
    Ok(faults)
}

/// The rules that hold for every report that was taken, whatever its order says.
fn adds_up(before: Option<&Report>, report: &Report) -> bool {
    let sums = |count: &Count| {
        let known = [count.delivered, count.failed, count.pending].map(|n| i128::from(n.unwrap_or(0)));
        known.iter().all(|n| *n >= 0)
            && known.iter().sum::<i128>() <= i128::from(count.submitted)
            && count.submitted <= count.targeted
            && [count.parts, count.cost].into_iter().flatten().all(|n| n >= 0)
    };
    let now: BTreeMap<(&str, u16), &Count> = report.counts.iter().map(|is| ((is.area.as_str(), is.round), is)).collect();
    let grows = |was: &Count| {
        now.get(&(was.area.as_str(), was.round)).is_some_and(|is| {
            let falls = |was: Option<i64>, is: Option<i64>| was.is_some_and(|was| is.is_none_or(|is| is < was));
            is.targeted >= was.targeted
                && is.submitted >= was.submitted
                && !falls(was.delivered, is.delivered)
                && !falls(was.failed, is.failed)
                && !falls(was.parts, is.parts)
                && !falls(was.cost, is.cost)
        })
    };
    report.counts.iter().all(sums)
        && before.is_none_or(|before| {
            // Nothing but corrections follows the last one.
            let follows = !before.last && before.counts.iter().all(grows);
            before.sequence < report.sequence && (report.correction.is_some() || follows)
        })
}
