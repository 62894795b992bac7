//! `loa report --unreached`: who was not reached, so that an officer can act.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write as _},
    process::ExitCode,
};

use serde_json::{Value, json};

use super::{
    super::{Globals, Mistake, table},
    Args, Format,
    json::instant,
};
use crate::{
    audience::{formula::guarded, place::Places},
    db::Db,
    phrase,
    report::{Cut, Gap, Missed, Selection, each_unreached, unreached},
    words::{self, Lang},
};

/// What stands before a CSV file so that Excel reads its letters as UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Prints them, by place and reason, or by one of them; as CSV one by one.
pub(super) async fn print(
    db: &Db,
    args: &Args,
    selection: &Selection,
    format: Format,
    now: i64,
    lang: Lang,
) -> anyhow::Result<ExitCode> {
    if args.by.is_some_and(|by| !matches!(by, Cut::Area | Cut::Reason)) {
        return Err(Mistake(phrase!(
            "`--unreached` chỉ chia theo `area` hoặc `reason`",
            "`--unreached` is split by `area` or `reason` only"
        ))
        .into());
    }
    match format {
        Format::Csv => {
            let mut out = csv_out()?;
            out.write_record(["ref", "area", "area_name", "result", "reason"])?;
            let mut take = |missed: Missed| {
                let area = missed.area.unwrap_or_default();
                let name = Places::built_in().full_name(&area).unwrap_or_default();
                let (fate, cause) = (missed.outcome.fate.name(), missed.outcome.cause.name());
                out.write_record([&*guarded(&missed.reference), &area, &name, fate, cause]).map_err(io::Error::from)
            };
            each_unreached(db, selection, now, &mut take).await?;
            out.flush()?;
        }
        Format::Table => write!(io::stdout(), "{}", page(&unreached(db, selection, now).await?, args.by, lang))?,
        Format::Json => {
            let gaps = unreached(db, selection, now).await?;
            let people: i64 = gaps.iter().map(|gap| gap.people).sum();
            let gaps: Vec<_> = gaps.iter().map(|gap| gap_json(gap, lang)).collect();
            Globals::print_json(&json!({ "at": instant(now), "selection": selection, "not_reached": people, "lines": gaps }))?;
        }
        Format::Xlsx | Format::Docx => {
            return Err(Mistake(phrase!(
                "`--unreached` in được dạng table, csv hoặc json",
                "`--unreached` is printed as table, csv or json"
            ))
            .into());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn gap_json(gap: &Gap, lang: Lang) -> Value {
    let name = gap.area.as_deref().and_then(|code| Places::built_in().name(code));
    json!({
        "area": gap.area, "area_name": name, "result": gap.outcome.fate.name(), "reason": gap.outcome.cause.name(),
        "label": gap.outcome.why().text(lang), "people": gap.people,
    })
}

/// The page of who was not reached, by place and reason, or by one of them.
fn page(gaps: &[Gap], by: Option<Cut>, lang: Lang) -> String {
    if gaps.is_empty() {
        return lang.pick("Không còn ai chưa được tiếp cận.\n", "Nobody was left unreached.\n").to_string();
    }
    let mut rows: BTreeMap<(String, String), i64> = BTreeMap::new();
    for gap in gaps {
        let area = match &gap.area {
            Some(code) => format!("{code} {}", Places::built_in().name(code).unwrap_or_default()),
            None => lang.pick("(chưa rõ địa bàn)", "(not known)").to_string(),
        };
        let key = match by {
            Some(Cut::Area) => (area, String::new()),
            Some(_) => (String::new(), gap.outcome.why().text(lang).to_string()),
            None => (area, gap.outcome.why().text(lang).to_string()),
        };
        *rows.entry(key).or_default() += gap.people;
    }
    let total: i64 = rows.values().sum();
    let mut rows: Vec<((String, String), i64)> = rows.into_iter().collect();
    // Places in their order, what lies in none at the end; within a place, and without places, the most first.
    rows.sort_by_key(|((area, _), people)| (area.starts_with('('), area.clone(), std::cmp::Reverse(*people)));
    let mut cells: Vec<Vec<String>> =
        rows.into_iter().map(|((area, why), people)| vec![area, why, words::number(people, lang)]).collect();
    let all = lang.pick("Tổng số người chưa tiếp cận được", "Everybody not reached").to_string();
    let all = if by == Some(Cut::Reason) { [String::new(), all] } else { [all, String::new()] };
    cells.push(all.into_iter().chain([words::number(total, lang)]).collect());
    let heading = match lang {
        Lang::Vi => ["Địa bàn", "Lý do", "Số người"],
        Lang::En => ["Area", "Reason", "People"],
    };
    let mut page = table::with_figures(&heading, &cells, 2);
    let hint = phrase!(
        "`--format csv` liệt kê từng người theo mã (ref), không có địa chỉ.",
        "`--format csv` lists each person by ref, without addresses."
    );
    // Writing to a string cannot fail.
    let _ = write!(page, "\n{}\n", hint.text(lang));
    page
}

type Csv = csv::Writer<io::Stdout>;

fn csv_out() -> io::Result<Csv> {
    let mut out = io::stdout();
    out.write_all(BYTE_ORDER_MARK.as_bytes())?;
    Ok(csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out))
}
