//! A period against the one before, closed or counted now; and the same on paper.

use serde_json::{Value, json};

use super::super::{Globals, table};
use crate::{
    config::Config,
    db::{Db, Result},
    period::{Calendar, Period},
    phrase,
    report::{
        Measure, Selection, Sheet, Target,
        closing::{self, Adjusted, Closing, adjustments},
        kept::count_now,
        paper::{self, Paper, signed, summary},
    },
    words::{self, Lang},
};

/// A period's figures, what they are compared with, and what changed after it was closed.
pub(super) struct Compared {
    period: Option<Period>,
    pub(super) sheet: Sheet,
    closing: Option<Closing>,
    before: Option<(Period, Sheet, bool)>,
    adjusted: Vec<Adjusted>,
}

impl Compared {
    /// Figures of no period.
    pub(super) const fn of(sheet: Sheet) -> Self {
        Self { period: None, sheet, closing: None, before: None, adjusted: Vec::new() }
    }

    /// What stands below a report.
    pub(super) fn text(&self, lang: Lang) -> String {
        let mut lines = String::new();
        let mut say = |line: &str| {
            lines.push_str(line);
            lines.push('\n');
        };
        if let Some(closing) = &self.closing {
            let (by, hash) = (&closing.by, &closing.hash);
            say(phrase!("\nSố liệu đã chốt bởi {by}; mã kiểm tra {hash}", "\nFigures closed by {by}; hash {hash}").text(lang));
        }
        if !self.adjusted.is_empty() {
            say(lang.pick("Điều chỉnh sau chốt:", "Adjustments after closing:"));
            for (measure, closed, now) in &self.adjusted {
                let (name, n) = (measure.label(), signed(now.unwrap_or(0) - closed.unwrap_or(0), lang));
                say(&format!("  {}: {n}", name.text(lang)));
            }
        }
        if let Some((period, sheet, is_closed)) = &self.before {
            let closed = if *is_closed { lang.pick(" (đã chốt)", " (closed)") } else { "" };
            let before = format!("{}{closed}", period.title().text(lang));
            let heading = [
                lang.pick("So với kỳ trước", "Against the period before"),
                lang.pick("Kỳ này", "Now"),
                &before,
                lang.pick("Chênh lệch", "Change"),
            ];
            let number = |n: Option<i64>| n.map_or_else(|| "–".to_string(), |n| words::number(n, lang));
            let rows: Vec<Vec<String>> = summary(&self.sheet, Some(sheet), lang)
                .into_iter()
                .map(|row| {
                    let change = row.change.map_or_else(|| "–".to_string(), |n| signed(n, lang));
                    vec![row.measure.label().text(lang).to_string(), number(row.now), number(row.before), change]
                })
                .collect();
            say(&format!("\n{}", table::with_figures(&heading, &rows, 1).trim_end()));
        }
        lines
    }

    /// Adds what is compared to a report's JSON.
    pub(super) fn add_to(&self, value: &mut Value) {
        let measures = |sheet: &Sheet| -> Value {
            Measure::ALL
                .into_iter()
                .map(|measure| (measure.name().to_string(), measure.of(sheet).into()))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let period = |period: &Period| json!({ "key": period.key(), "from": period.from, "through": period.through });
        if let Some(own) = &self.period {
            value["period"] = period(own);
        }
        value["measures"] = measures(&self.sheet);
        value["closing"] = self.closing.as_ref().map_or(Value::Null, |closing| {
            json!({ "id": closing.id, "hash": closing.hash, "by": closing.by, "closed_at": super::json::instant(closing.closed_at) })
        });
        value["adjustments"] = self
            .adjusted
            .iter()
            .map(|(measure, closed, now)| json!({ "figure": measure.name(), "closed": closed, "now": now }))
            .collect();
        if let Some((before, sheet, is_closed)) = &self.before {
            value["compare"] = json!({ "period": period(before), "closed": is_closed, "measures": measures(sheet) });
        }
    }
}

/// The figures of a period for a selection of its runs: those that were closed, if it was.
pub(super) async fn read(
    db: &Db,
    calendar: Calendar,
    period: &Period,
    selection: &Selection,
    compare: bool,
    now: i64,
) -> Result<Compared> {
    let counted = count_now(db, selection, now).await?;
    let (sheet, closing, adjusted) = match closed(db, period, selection).await? {
        None => (counted, None, Vec::new()),
        Some((closing, None)) => (closing.sheet.clone(), Some(closing.clone()), adjustments(&closing.sheet, &counted)),
        // A closing has one line of a campaign, and not all that is told here: these figures are of now, and what changed is told.
        Some((_, Some(part))) => {
            let adjusted = adjustments(&part, &counted);
            (counted, None, adjusted)
        }
    };
    let before = match calendar.previous(period).filter(|_| compare) {
        None => None,
        Some(before) => {
            let selection = Selection { from: Some(before.from), through: Some(before.through), ..selection.clone() };
            Some(match closed(db, &before, &selection).await? {
                Some((closing, part)) => (before, part.unwrap_or(closing.sheet), true),
                None => (before, count_now(db, &selection, now).await?, false),
            })
        }
    };
    Ok(Compared { period: Some(*period), sheet, closing, before, adjusted })
}

/// The closing of these figures; with a campaign's part of it, where they are one campaign's.
async fn closed(db: &Db, period: &Period, selection: &Selection) -> Result<Option<(Closing, Option<Sheet>)>> {
    let whole = Selection { campaign: None, ..selection.clone() };
    let closing = closing::latest(db, &period.key(), "").await?.filter(|closing| closing.sheet.selection == whole);
    Ok(closing.and_then(|closing| match &selection.campaign {
        None => Some((closing, None)),
        Some(slug) => closing.sheet.of_campaign(slug).map(|part| (closing, Some(part))),
    }))
}

/// The figures as a file.
pub(super) fn paper(
    compared: &Compared,
    config: &Config,
    targets: &[Target],
    globals: &Globals,
    is_word: bool,
) -> std::result::Result<Vec<u8>, paper::PaperError> {
    let paper = Paper {
        office: &config.office.fields,
        reporting: &config.reporting,
        period: compared.period.as_ref(),
        sheet: &compared.sheet,
        before: compared.before.as_ref().map(|(period, sheet, _)| (period, sheet)),
        targets,
        department: "",
        closing: compared.closing.as_ref(),
        adjusted: compared.closing.as_ref().map_or(&[][..], |_| &compared.adjusted),
        today: globals.clock.today(),
    };
    if is_word { paper.docx() } else { paper.xlsx() }
}
