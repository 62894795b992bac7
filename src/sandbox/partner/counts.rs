//! Made-up counts, the same for the same seed: how many subscribers an outlet has in an area, and what became of them after so many steps.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::document::Document;

/// What is wrong with a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    None,
    /// It does not add up.
    Sum,
    /// It takes something back without saying so.
    Falls,
    /// It takes the same back, and says why.
    Corrected,
}

/// The report that is wanted.
pub(super) struct Wanted<'a> {
    pub(super) seed: u64,
    pub(super) outlet: &'a str,
    pub(super) order: &'a str,
    pub(super) document: &'a Document,
    pub(super) sequence: i64,
    pub(super) step: u32,
    pub(super) steps: u32,
    pub(super) fault: Fault,
    pub(super) last: bool,
    pub(super) at: DateTime<Utc>,
}

/// Subscribers of an outlet in an area.
fn subscribers(seed: u64, outlet: &str, area: &str) -> i64 {
    let mut hasher = DefaultHasher::new();
    (seed, outlet, area).hash(&mut hasher);
    // A ward has fewer than a province.
    let scale = if area.len() > 2 { 100 } else { 1 };
    i64::try_from(100_000 + hasher.finish() % 900_000).unwrap_or(100_000) / scale
}

/// The report, as the partner API takes it.
pub(super) fn report(wanted: &Wanted<'_>) -> Value {
    let rounds = wanted.document.rounds.max(1);
    let lines = wanted.document.areas.iter().flat_map(|area| (1..=rounds).filter_map(|round| line(wanted, area, round, rounds)));
    let mut report = json!({
        "order": wanted.order,
        "sequence": wanted.sequence,
        "as_of": wanted.at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "final": wanted.last,
        "areas": lines.collect::<Vec<_>>(),
    });
    if wanted.fault == Fault::Corrected {
        report["correction"] = json!({ "reason": "đếm trùng thuê bao chuyển mạng" });
    }
    report
}

/// One area and round; none: that round was not begun. Rounds follow each other.
fn line(wanted: &Wanted<'_>, area: &str, round: u16, rounds: u16) -> Option<Value> {
    let (steps, step) = (i64::from(wanted.steps), i64::from(wanted.step) * i64::from(rounds));
    let done = (step - i64::from(round - 1) * steps).clamp(0, steps);
    if done == 0 {
        return None;
    }
    let targeted = subscribers(wanted.seed, wanted.outlet, area);
    let submitted = targeted * done / steps;
    let (delivered, mut failed) = (submitted * 96 / 100, submitted * 3 / 100);
    let mut pending = submitted - delivered - failed;
    if wanted.last {
        (failed, pending) = (failed + pending, 0);
    }
    let delivered = match wanted.fault {
        // More arrived than were sent.
        Fault::Sum => submitted + 1_000,
        Fault::Falls | Fault::Corrected => delivered - delivered / 10,
        Fault::None => delivered,
    };
    Some(json!({
        "code": area, "round": round, "targeted": targeted, "submitted": submitted, "delivered": delivered, "failed": failed,
        "pending": pending, "parts": submitted * wanted.document.parts, "cost": 0, "area_by": "registration",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(step: u32, fault: Fault) -> Value {
        let document = Document {
            identifier: "a".into(),
            earlier: None,
            is_cancel: false,
            areas: vec!["01".into(), "00004".into()],
            rounds: 2,
            parts: 2,
        };
        let at = DateTime::from_timestamp(1_793_000_000, 0).unwrap();
        report(&Wanted {
            seed: 1,
            outlet: "viettel",
            order: "a",
            document: &document,
            sequence: 1,
            step,
            steps: 3,
            fault,
            last: step == 3,
            at,
        })
    }

    #[test]
    fn counts_add_up_and_never_fall() {
        let mut before: Vec<Value> = Vec::new();
        for step in 1..=3 {
            let now = of(step, Fault::None)["areas"].as_array().unwrap().clone();
            assert!(now.len() >= before.len());
            for line in &now {
                let n = |field: &str| line[field].as_i64().unwrap();
                assert!(
                    n("delivered") + n("failed") + n("pending") <= n("submitted") && n("submitted") <= n("targeted"),
                    "{line}"
                );
                let was = before.iter().find(|was| was["code"] == line["code"] && was["round"] == line["round"]);
                for field in ["targeted", "submitted", "delivered", "failed", "parts"] {
                    assert!(was.is_none_or(|was| was[field].as_i64().unwrap() <= n(field)), "{field} {line}");
                }
            }
            before = now;
        }
        assert!(before.len() == 4 && before.iter().all(|line| line["pending"] == 0 && line["submitted"] == line["targeted"]));
    }

    #[test]
    fn faults_are_faults() {
        let line = |fault| of(1, fault)["areas"][0].clone();
        assert!(line(Fault::Sum)["delivered"].as_i64() > line(Fault::Sum)["submitted"].as_i64());
        assert!(line(Fault::Falls)["delivered"].as_i64() < line(Fault::None)["delivered"].as_i64());
        assert_eq!(of(1, Fault::Corrected)["correction"]["reason"].as_str().map(str::is_empty), Some(false));
    }
}
