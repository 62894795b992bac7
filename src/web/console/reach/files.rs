//! The figures as files: a report to sign (.docx), a workbook (.xlsx), one cut as CSV.

use axum::{
    extract::{self, Path, Query},
    response::Response,
};

use super::{Around, Asked, Wanted, around, department, today};
use crate::{
    phrase,
    report::paper::{self, Paper},
    web::{
        State,
        console::{fault::Fault, visitor::Visitor},
        download,
    },
};

/// What goes on paper; `department`: whose campaigns.
pub(super) fn paper<'a>(state: &'a State, wanted: &'a Wanted, around: &'a Around, department: &'a str) -> Paper<'a> {
    Paper {
        office: &state.0.parts.config.office.fields,
        reporting: &state.0.parts.config.reporting,
        period: wanted.period.as_ref(),
        sheet: &around.shown.sheet,
        before: around.before.as_ref().map(|(period, shown)| (period, shown.compared())),
        targets: &around.targets,
        department,
        closing: around.shown.closed(),
        // What is not closed as it stands here is what it is now.
        adjusted: around.shown.closed().map_or(&[][..], |_| &around.shown.adjusted),
        today: today(state),
    }
}

pub(super) async fn export(
    extract::State(state): extract::State<State>,
    visitor: Visitor,
    Path(file): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let wanted = Wanted::of(&state, &visitor, asked).await?;
    let Some(around) = around(&state, &visitor, &wanted).await? else {
        return Err(Fault::Conflict(phrase!(
            "Số liệu đang được đếm. Vui lòng thử lại sau ít giây.",
            "The figures are being counted. Please try again in a few seconds."
        )));
    };
    let department = department(&visitor);
    let paper = paper(&state, &wanted, &around, &department);
    let broken = |error: paper::PaperError| Fault::Broken(error.into());
    let (kind, bytes, end) = match file.as_str() {
        "bao-cao.docx" => (download::DOCX, paper.docx().map_err(broken)?, "docx"),
        "bao-cao.xlsx" => (download::XLSX, paper.xlsx().map_err(broken)?, "xlsx"),
        "bao-cao.csv" => {
            let sheet = &around.shown.sheet;
            let csv = paper::csv(&sheet.total, Some(wanted.by), sheet.lines(wanted.by), sheet.relayed.as_ref(), visitor.lang)
                .map_err(|error| Fault::Broken(error.into()))?;
            (download::CSV, csv, "csv")
        }
        _ => return Err(Fault::NotFound),
    };
    let name = wanted.period.map_or_else(|| "bao-cao".to_string(), |period| format!("bao-cao-{}", period.key()));
    Ok(download::file(kind, &format!("{name}.{end}"), bytes))
}
