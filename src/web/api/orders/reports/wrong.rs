//! Why a report was not taken, in an answer's words: each mistake by its pointer, its line and column, or its parameter.

use std::collections::HashMap;

use crate::{
    phrase,
    relay::report::{
        Fault, Rejected, Report,
        table::{self, Table, Unfit},
    },
    web::api::{
        input::too_large,
        problem::{At, Kind, Problem, Wrong},
    },
};

/// Mistakes that one answer tells of; of more, how many there are.
const MOST: usize = 1_000;

/// `areas[3].delivered` as a pointer.
pub(super) fn pointer(at: &str) -> String {
    let parts = at.split(['.', '[']).map(|part| part.trim_end_matches(']')).filter(|part| !part.is_empty());
    parts.flat_map(|part| ["/".to_string(), part.replace('~', "~0").replace('/', "~1")]).collect()
}

impl From<Unfit> for Problem {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::TooLarge => too_large(),
            Unfit::Wrong(all) => several(&all, spotted),
            Unfit::Read(error) => Self::new(Kind::Invalid, error.phrase()),
        }
    }
}

/// Something that is wrong with a table, where it stands.
fn spotted(wrong: &table::Wrong) -> Wrong {
    let line = wrong.line.and_then(|line| usize::try_from(line).ok());
    let column = wrong.column.as_ref().map_or(1, |column| column.at + 1);
    Wrong { at: At::Body(String::new()), detail: wrong.words(), spot: line.map(|line| (line, column)) }
}

/// A fault of a report that came as a table: its line and column, or the parameter that said it.
fn placed(table: &Table, fault: &Fault) -> Wrong {
    let wrong = spotted(&table.wrong(fault));
    if wrong.spot.is_none() && ["sequence", "as_of", "final", "correction", "evidence"].contains(&fault.field) {
        return Wrong { at: At::Parameter(fault.field.to_string()), ..wrong };
    }
    wrong
}

/// 422 with each reason, as `told` tells it.
fn several<T>(all: &[T], told: impl Fn(&T) -> Wrong) -> Problem {
    let count = all.len();
    let errors = all.iter().take(MOST).map(told).collect();
    Problem { errors, ..Problem::new(Kind::Invalid, phrase!("báo cáo có {count} lỗi", "the report has {count} mistakes")) }
}

/// Where each area and round of a report stands first.
type Lines<'r> = HashMap<(&'r str, u16), usize>;

fn lines(report: &Report) -> Lines<'_> {
    // The first of several stays.
    report.counts.iter().enumerate().rev().map(|(line, count)| ((count.area.as_str(), count.round), line)).collect()
}

/// A fault of a report that came as JSON, where it stands.
fn pointed(lines: &Lines<'_>, fault: &Fault) -> Wrong {
    let line = fault.area.as_deref().zip(fault.round).and_then(|key| lines.get(&key).copied());
    let at = match (line, fault.field) {
        (Some(line), "areas") => format!("/areas/{line}"),
        (Some(line), field) => format!("/areas/{line}/{field}"),
        // An area that is missing stands nowhere.
        (None, _) if fault.area.is_some() => "/areas".to_string(),
        (None, field) => format!("/{field}"),
    };
    Wrong { at: At::Body(at), detail: fault.words(), spot: None }
}

/// Why a report was not taken.
pub(super) fn rejected(rejected: Rejected, report: &Report, table: Option<&Table>) -> Problem {
    match rejected {
        Rejected::Refused(refusal) => refusal.into(),
        Rejected::Faults(faults) => {
            let lines = lines(report);
            several(&faults, |fault| table.map_or_else(|| pointed(&lines, fault), |table| placed(table, fault)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_great_many_mistakes_are_counted_and_the_first_are_told() {
        let line = |n: usize| serde_json::json!({ "area": format!("x{n}"), "round": 1, "targeted": 1, "submitted": 2, "by_cell": false });
        let counts: Vec<_> = (0..20_000).map(line).chain([line(3)]).collect();
        let report = serde_json::json!({ "sequence": 1, "as_of": 1, "last": false, "counts": counts });
        let report: Report = serde_json::from_value(report).unwrap();
        let fault =
            |n: usize| Fault { area: Some(format!("x{n}")), round: Some(1), field: "targeted", why: phrase!("sai", "wrong") };
        let faults: Vec<Fault> = (0..20_000).rev().map(fault).collect();
        let problem = rejected(Rejected::Faults(faults), &report, None);
        assert_eq!((problem.errors.len(), problem.detail.en.as_str()), (MOST, "the report has 20000 mistakes"));
        assert_eq!(problem.errors[0].at, At::Body("/areas/19999/targeted".into()));
        let first = rejected(Rejected::Faults(vec![fault(3)]), &report, None);
        assert_eq!(first.errors[0].at, At::Body("/areas/3/targeted".into()), "the first of two alike");
    }

    #[test]
    fn a_place_in_a_report_is_a_pointer() {
        assert_eq!(pointer("areas[3].delivered"), "/areas/3/delivered");
        assert_eq!(pointer("as_of"), "/as_of");
        assert_eq!(pointer("."), "");
        assert_eq!(pointer("a/b~c"), "/a~1b~0c");
    }
}
