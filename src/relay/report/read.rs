//! A report as programs send it (JSON), read into a [`Report`]. What can go wrong is that it is none: then [`Unreadable`] says where.

use chrono::DateTime;
use serde::Deserialize;

use super::{Count, Report};

/// Why something is no report: the place in it, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {why}")]
pub struct Unreadable {
    /// Such as `areas[3].delivered`; `.` for the whole.
    pub at: String,
    /// What is wrong, in English: programs send it, and their writers read it.
    pub why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    order: String,
    sequence: i64,
    as_of: String,
    r#final: bool,
    #[serde(default)]
    correction: Option<Correction>,
    #[serde(default)]
    evidence: Option<String>,
    areas: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Correction {
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    code: String,
    #[serde(default = "first")]
    round: u16,
    targeted: i64,
    submitted: i64,
    #[serde(default)]
    delivered: Option<i64>,
    #[serde(default)]
    failed: Option<i64>,
    #[serde(default)]
    pending: Option<i64>,
    #[serde(default)]
    parts: Option<i64>,
    #[serde(default)]
    cost: Option<i64>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default)]
    area_by: AreaBy,
}

const fn first() -> u16 {
    1
}

#[derive(Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AreaBy {
    #[default]
    Registration,
    Cell,
}

fn moment(at: &str, text: &str) -> Result<i64, Unreadable> {
    let why = || Unreadable { at: at.to_string(), why: format!("`{text}` is no time: write 2026-11-22T08:30:00+07:00") };
    DateTime::parse_from_rfc3339(text).map(|time| time.timestamp_millis()).map_err(|_| why())
}

/// Reads a report; the identifier of the order that it says it is of, and what it says.
pub fn read(json: &[u8]) -> Result<(String, Report), Unreadable> {
    let mut source = serde_json::Deserializer::from_slice(json);
    let sent: Sent = serde_path_to_error::deserialize(&mut source)
        .map_err(|error| Unreadable { at: error.path().to_string(), why: error.inner().to_string() })?;
    source.end().map_err(|error| Unreadable { at: ".".to_string(), why: error.to_string() })?;
    let counts = sent.areas.into_iter().enumerate().map(|(at, line)| {
        let time = |field, text: Option<String>| text.map(|text| moment(&format!("areas[{at}].{field}"), &text)).transpose();
        Ok(Count {
            starts_at: time("starts_at", line.starts_at)?,
            ends_at: time("ends_at", line.ends_at)?,
            area: line.code,
            round: line.round,
            targeted: line.targeted,
            submitted: line.submitted,
            delivered: line.delivered,
            failed: line.failed,
            pending: line.pending,
            parts: line.parts,
            cost: line.cost,
            by_cell: line.area_by == AreaBy::Cell,
        })
    });
    let report = Report {
        sequence: sent.sequence,
        as_of: moment("as_of", &sent.as_of)?,
        last: sent.r#final,
        correction: sent.correction.map(|correction| correction.reason),
        evidence: sent.evidence,
        counts: counts.collect::<Result<_, Unreadable>>()?,
    };
    Ok((sent.order, report))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"order": "loa-1-viettel-1", "sequence": 2, "as_of": "2026-11-22T08:30:00+07:00", "final": true,
        "correction": {"reason": "đếm thiếu"},
        "areas": [{"code": "01", "targeted": 10, "submitted": 9, "delivered": 8, "starts_at": "2026-11-22T08:00:00+07:00",
                   "area_by": "cell"}]}"#;

    fn fails(json: &str) -> String {
        read(json.as_bytes()).unwrap_err().at
    }

    #[test]
    fn a_report_is_read() {
        let (order, report) = read(GOOD.as_bytes()).unwrap();
        assert_eq!((order.as_str(), report.sequence, report.last), ("loa-1-viettel-1", 2, true));
        assert_eq!(report.correction.as_deref(), Some("đếm thiếu"));
        let count = &report.counts[0];
        assert_eq!((count.round, count.delivered, count.failed, count.by_cell), (1, Some(8), None, true));
        assert_eq!(count.starts_at, Some(report.as_of - 30 * 60_000));
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        assert_eq!(fails(&GOOD.replace("\"delivered\": 8", "\"delivered\": -0.5")), "areas[0].delivered");
        assert_eq!(fails(&GOOD.replace("\"targeted\": 10, ", "")), "areas[0]");
        assert_eq!(fails(&GOOD.replace("\"delivered\"", "\"delivred\"")), "areas[0].delivred");
        assert_eq!(fails(&GOOD.replace("22T08:30", "22 08h30")), "as_of");
        assert_eq!(fails(&GOOD.replace("22T08:00", "22 08h00")), "areas[0].starts_at");
        assert_eq!(fails(&GOOD.replace("\"cell\"", "\"tower\"")), "areas[0].area_by");
        assert_eq!(fails(&format!("{GOOD} x")), ".");
        assert!(read(b"[]").is_err() && read(b"").is_err() && read(b"\xff").is_err());
    }
}
