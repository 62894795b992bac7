use std::collections::BTreeMap;

use proptest::{prelude::*, test_runner::Config};

use super::*;
use crate::relay::{Happening, State, content};

fn province(code: &str) -> Option<&'static str> {
    match code {
        "01" | "00004" | "00008" => Some("01"),
        "79" | "26734" => Some("79"),
        "31" => Some("31"),
        _ => None,
    }
}

fn count(area: &str, round: u16, numbers: [i64; 5]) -> Count {
    let [targeted, submitted, delivered, failed, pending] = numbers;
    let (delivered, failed, pending) = (Some(delivered), Some(failed), Some(pending));
    Count { delivered, failed, pending, ..Count::of(area, round, targeted, submitted) }
}

fn report(sequence: i64, counts: Vec<Count>) -> Report {
    Report { sequence, as_of: 1_000_000 + sequence, last: false, correction: None, evidence: None, counts }
}

fn faults_after(newest: Option<&Report>, report: &Report) -> Vec<(Option<String>, &'static str)> {
    let content = content::sample();
    let ground = Ground { content: &content, kind: Kind::Carrier, since: 1_000_000, newest, now: 2_000_000 };
    judge(&ground, report, province).into_iter().map(|fault| (fault.area, fault.field)).collect()
}

fn fields(report: &Report) -> Vec<&'static str> {
    faults_after(None, report).into_iter().map(|(_, field)| field).collect()
}

#[test]
fn what_adds_up_is_taken() {
    assert!(fields(&report(1, vec![count("01", 1, [10, 9, 5, 2, 2]), count("79", 2, [0, 0, 0, 0, 0])])).is_empty());
    let silent = Count { delivered: None, failed: None, pending: None, ..count("01", 1, [10, 10, 0, 0, 0]) };
    assert!(fields(&report(1, vec![silent])).is_empty(), "a carrier that does not count what arrived");
    assert!(fields(&report(1, vec![count("00004", 1, [1, 1, 1, 0, 0])])).is_empty(), "a ward of an ordered province");
}

#[test]
fn a_report_without_end_has_one_mistake() {
    let many = (0..=LINES).map(|n| count(&format!("x{n}"), 1, [1, 2, 3, 4, 5])).collect();
    assert_eq!(faults_after(None, &report(1, many)), [(None, "areas")]);
    let good = report(1, vec![count("01", 1, [10, 9, 5, 2, 2])]);
    assert_eq!(fields(&Report { sequence: i64::MAX, ..good.clone() }), ["sequence"], "none could follow it");
    assert!(fields(&Report { sequence: HIGHEST, ..good }).is_empty());
}

#[test]
fn what_does_not_add_up_is_named() {
    let good = count("01", 1, [10, 9, 5, 2, 2]);
    let one = |count: Count| fields(&report(1, vec![count]));
    assert_eq!(one(count("01", 1, [10, 9, 5, 2, 3])), ["submitted"]);
    assert_eq!(one(count("01", 1, [8, 9, 5, 2, 2])), ["targeted"]);
    assert_eq!(one(count("01", 1, [10, 9, -1, 2, 2])), ["delivered"]);
    assert_eq!(one(Count { cost: Some(MOST + 1), ..good.clone() }), ["cost"]);
    assert_eq!(one(Count { parts: Some(i64::MAX), targeted: i64::MIN, ..good.clone() }), ["targeted", "parts"]);
    assert_eq!(one(Count { round: 3, ..good.clone() }), ["round"]);
    assert_eq!(one(Count { round: 0, ..good.clone() }), ["round"]);
    assert_eq!(one(Count { area: "31".into(), ..good.clone() }), ["code"], "another province");
    assert_eq!(one(Count { area: "nowhere".into(), ..good.clone() }), ["code"]);
    assert_eq!(one(Count { starts_at: Some(2), ends_at: Some(1), ..good.clone() }), ["ends_at"]);
    assert_eq!(fields(&report(1, vec![good.clone(), good.clone()])), ["areas"], "twice");
    assert_eq!(
        fields(&report(1, vec![good.clone(), count("00004", 1, [1, 1, 0, 0, 0])])),
        ["code"],
        "a ward beside its province"
    );
    assert!(fields(&report(1, vec![good.clone(), count("00004", 2, [1, 1, 0, 0, 0])])).is_empty(), "in another round");
    assert_eq!(fields(&report(0, vec![good.clone()])), ["sequence"]);
    assert_eq!(fields(&report(1, vec![])), ["areas"]);
    assert_eq!(fields(&Report { as_of: 999_999, ..report(1, vec![good.clone()]) }), ["as_of"]);
    assert_eq!(fields(&Report { as_of: 2_000_000 + SKEW + 1, ..report(1, vec![good]) }), ["as_of"]);
}

#[test]
fn a_school_may_have_nothing_to_count() {
    let content = content::sample();
    let ground = Ground { content: &content, kind: Kind::School, since: 0, newest: None, now: 2_000_000 };
    let confirmation = Report { last: true, ..report(1, vec![]) };
    assert!(judge(&ground, &confirmation, province).is_empty());
    assert!(!judge(&ground, &report(1, vec![]), province).is_empty(), "nothing yet is no report");
}

#[test]
fn reports_are_cumulative() {
    let first = report(1, vec![count("01", 1, [10, 9, 5, 2, 2]), count("79", 1, [4, 4, 4, 0, 0])]);
    let after = |second: &Report| faults_after(Some(&first), second);
    let area = |code: &str| Some(code.to_string());
    let good =
        report(2, vec![count("01", 1, [10, 10, 8, 2, 0]), count("79", 1, [4, 4, 4, 0, 0]), count("79", 2, [4, 1, 0, 0, 1])]);
    assert!(after(&good).is_empty(), "pending alone falls, and what is new is new");
    let fewer = report(2, vec![count("01", 1, [10, 9, 4, 2, 3]), count("79", 1, [4, 4, 4, 0, 0])]);
    assert_eq!(after(&fewer), [(area("01"), "delivered")]);
    let missing = report(2, vec![count("01", 1, [10, 9, 5, 2, 2])]);
    assert_eq!(after(&missing), [(area("79"), "areas")]);
    let silent = report(2, vec![Count { failed: None, ..first.counts[0].clone() }, first.counts[1].clone()]);
    assert_eq!(after(&silent), [(area("01"), "failed")], "what was counted is counted on");
    assert_eq!(after(&Report { sequence: 1, ..good.clone() }), [(None, "sequence")]);
    assert_eq!(after(&Report { as_of: first.as_of - 1, ..good.clone() }), [(None, "as_of")]);

    // A correction says why, and may do all of it; it adds up all the same.
    let correction = |report: &Report, reason: &str| Report { correction: Some(reason.into()), ..report.clone() };
    assert!(after(&correction(&fewer, "đếm trùng")).is_empty() && after(&correction(&missing, "nhầm địa bàn")).is_empty());
    assert_eq!(after(&correction(&fewer, "  ")), [(None, "correction")]);
    assert_eq!(after(&Report { sequence: 1, ..correction(&good, "x") }), [(None, "sequence")]);
    let odd = report(2, vec![count("01", 1, [10, 9, 9, 2, 3]), count("79", 1, [4, 4, 4, 0, 0])]);
    assert_eq!(after(&correction(&odd, "x")), [(area("01"), "submitted")]);
}

fn counts() -> impl Strategy<Value = Vec<Count>> {
    let area = prop_oneof![4 => Just("01"), 2 => Just("79"), 1 => Just("00004"), 1 => Just("31"), 1 => Just("")];
    let numbers = prop_oneof![
        // Mostly such as add up, so that sequences grow long.
        6 => prop::array::uniform5(0_i64..20).prop_map(|mut n| {
            n[1] = n[2] + n[3] + n[4];
            n[0] += n[1];
            n
        }),
        1 => prop::array::uniform5(-2_i64..20),
        1 => prop::array::uniform5(prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0)]),
    ];
    prop::collection::vec((area, 1_u16..3, numbers).prop_map(|(area, round, numbers)| count(area, round, numbers)), 0..4)
}

/// What somebody sends next.
#[derive(Debug, Clone)]
enum Sent {
    /// Counts of its own.
    Fresh(Vec<Count>),
    /// The newest ones, with so many more delivered.
    Grown(i64),
    /// The newest report once more.
    Again,
}

fn sent() -> impl Strategy<Value = (Sent, i64, bool, Option<&'static str>)> {
    let what = prop_oneof![2 => counts().prop_map(Sent::Fresh), 4 => (0_i64..5).prop_map(Sent::Grown), 1 => Just(Sent::Again)];
    let step = prop_oneof![5 => Just(1_i64), 1 => -2_i64..4];
    let correction = prop_oneof![4 => Just(None), 1 => Just(Some("sai số")), 1 => Just(Some(" "))];
    (what, step, prop::bool::weighted(0.1), correction)
}

proptest! {
    #![proptest_config(Config { cases: 10_000, ..Config::default() })]

    /// Whatever is sent in whatever order, what is taken keeps the rules; a second judge, written another way, agrees.
    #[test]
    fn the_sum_rules_hold_whatever_is_sent(sequence in prop::collection::vec(sent(), 1..8)) {
        let content = content::sample();
        let mut kept: Vec<Report> = Vec::new();
        let mut state = State::Acknowledged;
        for (what, step, last, correction) in sequence {
            let newest = kept.last();
            let counts = match (what, newest) {
                (Sent::Fresh(counts), _) => counts,
                (Sent::Grown(_) | Sent::Again, None) => vec![count("01", 1, [5, 3, 1, 1, 1])],
                (Sent::Grown(more), Some(newest)) => newest.counts.iter().map(|was| Count {
                    targeted: was.targeted + more,
                    submitted: was.submitted + more,
                    delivered: was.delivered.map(|n| n + more),
                    ..was.clone()
                }).collect(),
                (Sent::Again, Some(newest)) => newest.counts.clone(),
            };
            let number = newest.map_or(0, |newest| newest.sequence) + step;
            let report = Report { last, correction: correction.map(str::to_string), ..report(number, counts) };
            let ground = Ground { content: &content, kind: Kind::Carrier, since: 0, newest, now: 2_000_000 };
            let happening = if report.correction.is_some() { Happening::Correct { last } } else { Happening::Report { last } };
            let taken = judge(&ground, &report, province).is_empty();
            prop_assert_eq!(taken, plainly(newest, &report), "{:?} after {:?}", report, newest);
            if let (true, Ok(next)) = (taken, state.on(happening)) {
                state = next;
                kept.push(report);
            }
        }
        // Over all that was kept.
        let key = |c: &Count| (c.area.clone(), c.round);
        for pair in kept.windows(2) {
            prop_assert!(pair[0].sequence < pair[1].sequence);
            let now: BTreeMap<_, _> = pair[1].counts.iter().map(|c| (key(c), c)).collect();
            if pair[1].correction.is_none() {
                prop_assert!(!pair[0].last, "nothing follows the last one but a correction");
                for was in &pair[0].counts {
                    let is = now[&key(was)];
                    prop_assert!(is.targeted >= was.targeted && is.submitted >= was.submitted);
                    prop_assert!(is.delivered >= was.delivered && is.failed >= was.failed);
                }
            }
        }
        for c in kept.iter().flat_map(|report| &report.counts) {
            let known = c.delivered.unwrap_or(0) + c.failed.unwrap_or(0) + c.pending.unwrap_or(0);
            prop_assert!(0 <= known && known <= c.submitted && c.submitted <= c.targeted && c.targeted <= MOST);
        }
    }
}

/// The rules, read off the reference once more without the words.
fn plainly(newest: Option<&Report>, report: &Report) -> bool {
    let lines: BTreeMap<(String, u16), [i128; 5]> = report
        .counts
        .iter()
        .map(|c| {
            let n = [Some(c.targeted), Some(c.submitted), c.delivered, c.failed, c.pending].map(|n| i128::from(n.unwrap_or(0)));
            ((c.area.clone(), c.round), n)
        })
        .collect();
    let sums = |[t, s, d, f, p]: [i128; 5]| {
        [t, s, d, f, p].iter().all(|n| (0..=i128::from(MOST)).contains(n)) && d + f + p <= s && s <= t
    };
    let ordered = |area: &str| ["01", "79", "00004"].contains(&area);
    let overlap = |round: u16| lines.contains_key(&("01".into(), round)) && lines.contains_key(&("00004".into(), round));
    let cumulative = newest.is_none_or(|newest| {
        newest.sequence < report.sequence
            && (report.correction.is_some()
                || newest.as_of <= report.as_of
                    && newest.counts.iter().all(|was| {
                        lines.get(&(was.area.clone(), was.round)).is_some_and(|is| {
                            let was = [was.targeted, was.submitted, was.delivered.unwrap_or(0), was.failed.unwrap_or(0)];
                            was.iter().zip(is).all(|(was, is)| i128::from(*was) <= *is)
                        })
                    }))
    });
    report.sequence >= 1
        && !report.counts.is_empty()
        && lines.len() == report.counts.len()
        && report.correction.as_deref().is_none_or(|reason| !reason.trim().is_empty())
        && lines.iter().all(|((area, _), n)| ordered(area) && sums(*n))
        && !overlap(1)
        && !overlap(2)
        && cumulative
}
