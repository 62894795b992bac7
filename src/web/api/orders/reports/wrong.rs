//! Why a report was not taken, in an answer's words: each mistake by its pointer, its line and column, or its parameter.

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

/// `areas[3].delivered` as a pointer.
pub(super) fn pointer(at: &str) -> String {
    let parts = at.split(['.', '[']).map(|part| part.trim_end_matches(']')).filter(|part| !part.is_empty());
    parts.flat_map(|part| ["/".to_string(), part.replace('~', "~0").replace('/', "~1")]).collect()
}

impl From<Unfit> for Problem {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::TooLarge => too_large(),
            Unfit::Wrong(all) => several(all.iter().map(spotted).collect()),
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

/// 422 with each reason.
fn several(errors: Vec<Wrong>) -> Problem {
    let count = errors.len();
    Problem { errors, ..Problem::new(Kind::Invalid, phrase!("báo cáo có {count} lỗi", "the report has {count} mistakes")) }
}

/// A fault of a report that came as JSON, where it stands.
fn pointed(report: &Report, fault: &Fault) -> Wrong {
    let line = fault
        .area
        .as_ref()
        .zip(fault.round)
        .and_then(|(area, round)| report.counts.iter().position(|count| count.area == *area && count.round == round));
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
            let place = |fault: &Fault| table.map_or_else(|| pointed(report, fault), |table| placed(table, fault));
            several(faults.iter().map(place).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_report_is_a_pointer() {
        assert_eq!(pointer("areas[3].delivered"), "/areas/3/delivered");
        assert_eq!(pointer("as_of"), "/as_of");
        assert_eq!(pointer("."), "");
        assert_eq!(pointer("a/b~c"), "/a~1b~0c");
    }
}
