//! Reports of an order, as they go to the department: cumulative, each with a higher sequence, frozen before the first byte leaves and
//! the same at every try. One that takes something back says so, as a correction.
//!
//! [`next`] is a pure function of what was reported, what is counted now and what time it is. What can go wrong: the department refuses a
//! report; its reason is kept, and the next one is another.

use serde_json::{Value, json};

use super::{count, order::Taken, round::Round};
use crate::{
    clock::rfc3339,
    db::{Db, Result, Sql, affected},
    on,
    relay::report::{self, Count, Report},
};

/// Between two reports while sending goes on, and between two counts while receipts are waited for.
pub const EVERY: i64 = 10 * 60_000;
/// Between two looks at what a round that goes on, or has just ended, came to.
const COUNTED: i64 = 60_000;
/// How long receipts are waited for after everything was sent, and how long late ones still correct the final report.
pub const RECEIPTS: i64 = 72 * 3_600_000;
/// So long after a report was due nobody waits for it any more, though the department took none.
const GIVEN_UP: i64 = 14 * 24 * 3_600_000;
/// Before its report is due, the department gets it even if receipts are still open.
const BEFORE_DUE: i64 = 3_600_000;
/// Why a report takes something back.
const LATE: &str = "số liệu được tính lại từ báo phát đến sau và các lần gửi lại";

/// A report that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its sequence.
    pub sequence: i64,
    /// What it says.
    pub report: Report,
    /// As it is sent.
    pub body: String,
    /// When it was made, unix milliseconds.
    pub made_at: i64,
    /// When the department took it.
    pub taken_at: Option<i64>,
    /// Why the department did not.
    pub refused: Option<String>,
}

impl Made {
    /// Nobody knows yet whether the department has it.
    pub const fn is_open(&self) -> bool {
        self.taken_at.is_none() && self.refused.is_none()
    }
}

type Row = (i64, String, i64, Option<i64>, Option<String>);

static OF_ORDER: Sql = Sql::new(
    r"SELECT sequence, body, made_at, taken_at, refused FROM upstream_report WHERE upstream_order = $1 ORDER BY sequence DESC LIMIT 1000",
);

/// The reports of an order, the latest first.
pub async fn all(db: &Db, order: i64) -> Result<Vec<Made>> {
    let rows: Vec<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&OF_ORDER)).bind(order).fetch_all(pool).await)?;
    Ok(rows
        .into_iter()
        .filter_map(|(sequence, body, made_at, taken_at, refused)| {
            let (_, report) = report::read(body.as_bytes()).ok()?;
            Some(Made { sequence, report, body, made_at, taken_at, refused })
        })
        .collect())
}

static MAKE: Sql = Sql::new(
    r"INSERT INTO upstream_report (upstream_order, sequence, final, body, made_at) VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (upstream_order, sequence) DO NOTHING",
);

/// Freezes a report. False: another node made one of this sequence meanwhile.
pub async fn make(db: &Db, order: &Taken, report: &Report, now: i64) -> Result<bool> {
    let body = written(&order.identifier, report).to_string();
    let made = on!(db.write, |pool, sql| sqlx::query(sql(&MAKE))
        .bind(order.id)
        .bind(report.sequence)
        .bind(report.last)
        .bind(&body)
        .bind(now)
        .execute(pool)
        .await
        .map(affected))?;
    Ok(made > 0)
}

static SETTLE: Sql = Sql::new(
    r"UPDATE upstream_report SET taken_at = $3, refused = $4 WHERE upstream_order = $1 AND sequence = $2 AND taken_at IS NULL",
);

/// Writes down what the department said of a report: none, that it took it.
pub async fn settle(db: &Db, order: i64, sequence: i64, refused: Option<&str>, now: i64) -> Result<()> {
    let taken_at = refused.is_none().then_some(now);
    on!(db.write, |pool, sql| sqlx::query(sql(&SETTLE))
        .bind(order)
        .bind(sequence)
        .bind(taken_at)
        .bind(refused)
        .execute(pool)
        .await
        .map(affected))
    .map(drop)
}

/// A report as the partner API takes it.
pub fn written(order: &str, report: &Report) -> Value {
    let mut body = json!({
        "order": order,
        "sequence": report.sequence,
        "as_of": rfc3339(report.as_of),
        "final": report.last,
        "areas": report.counts.iter().map(line).collect::<Vec<_>>(),
    });
    if let Some(reason) = &report.correction {
        body["correction"] = json!({ "reason": reason });
    }
    body
}

fn line(count: &Count) -> Value {
    let mut line = json!({
        "code": count.area, "round": count.round, "targeted": count.targeted, "submitted": count.submitted,
        "area_by": if count.by_cell { "cell" } else { "registration" },
    });
    let numbers = [
        ("delivered", count.delivered),
        ("failed", count.failed),
        ("pending", count.pending),
        ("parts", count.parts),
        ("cost", count.cost),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            line[name] = number.into();
        }
    }
    for (name, at) in [("starts_at", count.starts_at), ("ends_at", count.ends_at)] {
        if let Some(at) = at {
            line[name] = rfc3339(at).into();
        }
    }
    line
}

/// Whether an order owes counts: something of it was sent, or its time is over and nothing was. What was cancelled before owes none.
pub fn owes(order: &Taken, rounds: &[Round]) -> bool {
    !rounds.is_empty() || order.ended_at.is_none_or(|ended| ended >= order.expires_at)
}

/// Whether no round of an order goes on, and none will be begun.
pub fn is_over(rounds: &[Round], next_round: Option<i64>) -> bool {
    next_round.is_none() && rounds.iter().all(|round| round.settled_at().is_some())
}

/// Whether it is time to count: whatever was sent is over, or the last report is old.
pub fn is_due(reports: &[Made], over: bool, now: i64) -> bool {
    over || reports.first().is_none_or(|last| now - last.made_at >= EVERY)
}

/// How long after a count at `now` the next one is made: a count reads every row of the rounds, and receipts that come long after what was
/// sent change little.
pub fn pause(reports: &[Made], rounds: &[Round], now: i64) -> i64 {
    let ends: Option<Vec<i64>> = rounds.iter().map(Round::settled_at).collect();
    let is_long_over = ends.is_some_and(|ends| ends.into_iter().max().is_some_and(|at| now - at >= EVERY));
    if is_long_over || done_at(reports, rounds).is_some() { EVERY } else { COUNTED }
}

/// The report that is to be made of what is counted now; none: nothing changed. `over`: nothing more is sent.
pub fn next(order: &Taken, reports: &[Made], rounds: &[Round], counts: Vec<Count>, over: bool, now: i64) -> Option<Report> {
    let taken = reports.iter().find(|made| made.taken_at.is_some()).map(|made| &made.report);
    let open = counts.iter().any(|count| count.pending.unwrap_or(0) > 0);
    let settled = rounds.iter().filter_map(Round::settled_at).max().unwrap_or(0);
    let due = order.report_by.map_or(i64::MAX, |at| at - BEFORE_DUE).min(settled + RECEIPTS);
    let was_final = taken.is_some_and(|taken| taken.last);
    let last = was_final || over && (!open || now >= due);
    if taken.is_some_and(|taken| taken.counts == counts && taken.last == last) {
        return None;
    }
    let corrects = taken.is_some_and(|taken| was_final || count::falls(&taken.counts, &counts));
    Some(Report {
        sequence: reports.first().map_or(0, |made| made.sequence) + 1,
        as_of: now,
        last,
        correction: corrects.then(|| LATE.to_string()),
        evidence: None,
        counts,
    })
}

/// Until when late receipts may still correct the final report; none: it is not taken yet.
pub fn done_at(reports: &[Made], rounds: &[Round]) -> Option<i64> {
    let last = reports.iter().filter(|made| made.report.last).filter_map(|made| made.taken_at).min()?;
    Some(if rounds.is_empty() { last } else { last + RECEIPTS })
}

/// When nothing more is said of an order, whatever the department took.
pub fn given_up_at(order: &Taken) -> i64 {
    order.report_by.unwrap_or(order.expires_at).max(order.expires_at) + GIVEN_UP
}

#[cfg(test)]
mod tests {
    use super::{super::order::State, *};
    use crate::{
        relay::{Content, Step},
        upstream::round::Run,
    };

    const NOW: i64 = 1_793_000_000_000;

    fn order() -> Taken {
        let expires_at = NOW + 24 * 3_600_000;
        let content =
            format!(r#"{{"title":"x","warning":false,"status":"actual","rounds":1,"areas":["01"],"expires_at":{expires_at}}}"#);
        Taken {
            id: 1,
            identifier: "loa-1-viettel-a".into(),
            step: Step::Alert,
            earlier: None,
            state: State::Sending,
            content: Content::parse(&content).unwrap(),
            campaign: "loa-1-viettel-a".into(),
            trouble: None,
            taken_at: NOW,
            expires_at,
            report_by: Some(expires_at + 24 * 3_600_000),
            answered_at: Some(NOW),
            ended_at: None,
            next_at: NOW,
            tries: 0,
        }
    }

    fn rounds(settled_at: Option<i64>) -> Vec<Round> {
        vec![Round { number: 1, runs: vec![Run { id: 7, parent: None, begun_at: NOW, settled_at }] }]
    }

    fn counts(delivered: i64, pending: i64) -> Vec<Count> {
        let mut counts = count::nothing(&["01".to_string()]);
        counts[0] = Count {
            targeted: 10,
            submitted: delivered + pending,
            delivered: Some(delivered),
            pending: Some(pending),
            ..counts[0].clone()
        };
        counts
    }

    fn made(report: Report, taken: bool) -> Made {
        let body = written("loa-1-viettel-a", &report).to_string();
        let taken_at = taken.then_some(report.as_of);
        Made { sequence: report.sequence, made_at: report.as_of, report, body, taken_at, refused: None }
    }

    #[test]
    fn a_report_is_read_as_it_is_written() {
        let order = order();
        let report = next(&order, &[], &rounds(None), counts(4, 6), false, NOW).unwrap();
        let corrected = Report { correction: Some("đếm lại".into()), ..report.clone() };
        for report in [report, corrected] {
            let body = written(&order.identifier, &report).to_string();
            assert_eq!(report::read(body.as_bytes()).unwrap(), (order.identifier.clone(), report));
        }
    }

    #[test]
    fn reports_go_on_until_nothing_is_open_and_say_so_once() {
        let order = order();
        let first = made(next(&order, &[], &rounds(None), counts(4, 6), false, NOW).unwrap(), true);
        assert_eq!((first.sequence, first.report.last, first.report.correction.as_deref()), (1, false, None));
        assert!(!is_due(std::slice::from_ref(&first), false, NOW + EVERY - 1) && is_due(std::slice::from_ref(&first), true, NOW));
        let settled = rounds(Some(NOW + 5));
        assert_eq!(next(&order, std::slice::from_ref(&first), &settled, counts(4, 6), true, NOW + 9), None, "receipts may come");
        let last = made(next(&order, std::slice::from_ref(&first), &settled, counts(10, 0), true, NOW + 9).unwrap(), true);
        assert_eq!((last.sequence, last.report.last, last.report.correction.as_deref()), (2, true, None));
        let reports = [last, first];
        assert_eq!(next(&order, &reports, &settled, counts(10, 0), true, NOW + EVERY), None);
        assert_eq!(done_at(&reports, &settled), Some(NOW + 9 + RECEIPTS));
    }

    #[test]
    fn what_was_sent_long_ago_is_counted_more_rarely() {
        assert_eq!(pause(&[], &rounds(None), NOW + EVERY), COUNTED, "it goes on, and its end is to be seen");
        assert_eq!(pause(&[], &rounds(Some(NOW)), NOW + EVERY - 1), COUNTED);
        assert_eq!(pause(&[], &rounds(Some(NOW)), NOW + EVERY), EVERY, "receipts are waited for");
        assert_eq!(pause(&[], &[], NOW), COUNTED);
        let last = made(next(&order(), &[], &rounds(Some(NOW)), counts(10, 0), true, NOW).unwrap(), true);
        assert_eq!(pause(&[last], &rounds(Some(NOW)), NOW), EVERY);
    }

    #[test]
    fn the_department_gets_its_report_in_time_and_late_receipts_correct_it() {
        let order = order();
        let settled = rounds(Some(NOW));
        let due = order.report_by.unwrap() - BEFORE_DUE;
        let last = made(next(&order, &[], &settled, counts(4, 6), true, due).unwrap(), true);
        assert!(last.report.last && !last.is_open());
        let later = next(&order, &[last], &settled, counts(9, 1), true, due + EVERY).unwrap();
        assert_eq!((later.sequence, later.last, later.correction.as_deref()), (2, true, Some(LATE)));
    }

    #[test]
    fn what_falls_is_a_correction_of_what_the_department_took() {
        let order = order();
        let first = made(next(&order, &[], &rounds(None), counts(4, 6), false, NOW).unwrap(), true);
        let fallen = next(&order, std::slice::from_ref(&first), &rounds(None), counts(3, 0), false, NOW + EVERY).unwrap();
        assert_eq!(fallen.correction.as_deref(), Some(LATE));
        let refused = Made { refused: Some("HTTP 422".into()), ..made(fallen, false) };
        let again = next(&order, &[refused, first], &rounds(None), counts(5, 5), false, NOW + 2 * EVERY).unwrap();
        assert_eq!((again.sequence, again.correction), (3, None), "it stands beside the one that was taken");
    }

    #[test]
    fn what_was_cancelled_before_it_was_sent_owes_nothing() {
        let order = order();
        assert!(!owes(&Taken { ended_at: Some(NOW), ..order.clone() }, &[]));
        assert!(owes(&Taken { ended_at: Some(NOW), ..order.clone() }, &rounds(None)));
        assert!(owes(&Taken { ended_at: Some(order.expires_at), ..order.clone() }, &[]), "it was not done, and that is said");
        assert!(is_over(&[], None) && !is_over(&rounds(None), None) && !is_over(&[], Some(NOW)));
    }
}
