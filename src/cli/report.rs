//! `loa report`: whom campaigns reached, beside what was sent; who was not reached, so that an officer can act; a period
//! against the one before; and the figures on paper.

mod compare;
mod json;
pub(super) mod page;
mod unreached;

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use chrono::NaiveDate;
use clap::ValueEnum;

use super::{Globals, Mistake, day, no_such_campaign};
use crate::{
    audience::place::{Found, Places},
    campaign::{Goal, Goals},
    config::Config,
    db::Db,
    period::{Calendar, Period},
    phrase,
    report::{Cut, Selection, kept::count_now, paper::csv, report_against, targets},
    run::command,
    words::{self, Lang},
};
use compare::Compared;

/// Report whom campaigns reached, what was sent and what it cost
#[derive(clap::Args)]
pub struct Args {
    /// Only this campaign
    #[arg(long, value_name = "CAMPAIGN")]
    campaign: Option<String>,
    /// Runs from this day on (2026-10-01 or 01/10/2026)
    #[arg(long, value_name = "DATE", value_parser = day, conflicts_with = "period")]
    from: Option<NaiveDate>,
    /// Runs up to and including this day
    #[arg(long, value_name = "DATE", value_parser = day, conflicts_with = "period")]
    through: Option<NaiveDate>,
    /// A reporting period instead of days: 2026, 2026-H1, 2026-Q4, 2026-10 or 2026-W47; closed figures where it is closed
    #[arg(long, value_name = "PERIOD")]
    period: Option<String>,
    /// Beside it the period before
    #[arg(long, value_name = "WHICH", requires = "period")]
    compare: Option<Compare>,
    /// Only this province or ward, by code or name; a province is split by ward
    #[arg(long, value_name = "PLACE")]
    area: Option<String>,
    /// Split the figures by this
    #[arg(long, value_name = "WHAT")]
    by: Option<Cut>,
    /// Who was not reached, by area and reason; as CSV, each by reference
    #[arg(long)]
    unreached: bool,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Write a Word or Excel file here
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What a period is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Compare {
    /// The one before.
    Previous,
}

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// Comma-separated (RFC 4180), UTF-8 with a byte order mark.
    Csv,
    /// For programs.
    Json,
    /// An Excel workbook of every cut.
    Xlsx,
    /// A Word document in the shape of an official report.
    Docx,
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let calendar = Calendar::of(&config.reporting);
    let period = args.period.as_deref().map(|key| period(calendar, key)).transpose()?;
    let selection = selection(&args, period.as_ref())?;
    let format = if globals.json { Format::Json } else { args.format };
    let db = globals.database(&config).await?;
    known(&db, &config, globals, selection.campaign.as_ref()).await?;
    let now = globals.clock.millis();
    if args.unreached {
        return unreached::print(&db, &args, &selection, format, now, globals.lang).await;
    }
    // One table has one shape: goals are in the page and in JSON, not among a CSV's lines.
    let goals = if format == Format::Csv { Vec::new() } else { goals(&config, globals) };
    let compared = match &period {
        Some(period) => Some(compare::read(&db, calendar, period, &selection, args.compare.is_some(), now).await?),
        None => None,
    };
    if matches!(format, Format::Xlsx | Format::Docx) {
        let compared = match compared {
            Some(compared) => compared,
            None => Compared::of(count_now(&db, &selection, now).await?),
        };
        let targets = targets(&db, &selection, &goals, now).await?;
        let bytes = compare::paper(&compared, &config, &targets, globals, format == Format::Docx)?;
        return put(&bytes, args.output.as_deref(), format, globals.lang);
    }
    let report = match &compared {
        Some(compared) => compared.sheet.clone().report(args.by, targets(&db, &selection, &goals, now).await?),
        None => report_against(&db, &selection, args.by, &goals, now).await?,
    };
    match format {
        Format::Csv => {
            io::stdout().write_all(&csv(&report.total, report.by, &report.lines, report.relayed.as_ref(), globals.lang)?)?;
        }
        Format::Json => {
            let mut value = json::report(&report, globals.lang);
            if let Some(compared) = &compared {
                compared.add_to(&mut value);
            }
            Globals::print_json(&value)?;
        }
        _ => {
            write!(io::stdout(), "{}", page::report(&report, globals.lang))?;
            if let Some(compared) = &compared {
                write!(io::stdout(), "{}", compared.text(globals.lang))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a file where it was asked for, or to a program that reads standard output.
fn put(bytes: &[u8], output: Option<&Path>, format: Format, lang: Lang) -> anyhow::Result<ExitCode> {
    if let Some(file) = output {
        std::fs::write(file, bytes).map_err(|error| {
            let file = file.display();
            Mistake(phrase!("không ghi được {file}", "{file} cannot be written").because(&error))
        })?;
        let (file, size) = (file.display(), words::number(i64::try_from(bytes.len()).unwrap_or(i64::MAX), lang));
        writeln!(io::stderr(), "{}", phrase!("Đã ghi {file} ({size} byte).", "Wrote {file} ({size} bytes).").text(lang))?;
    } else if io::stdout().is_terminal() {
        let name = if format == Format::Docx { "bao-cao.docx" } else { "bao-cao.xlsx" };
        return Err(Mistake(phrase!("thêm `--output {name}`", "add `--output {name}`")).into());
    } else {
        io::stdout().write_all(bytes)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The period that a person named.
fn period(calendar: Calendar, key: &str) -> Result<Period, Mistake> {
    calendar.parse(key).ok_or_else(|| {
        Mistake(phrase!(
            "không có kỳ `{key}`: viết 2026, 2026-H1, 2026-Q4, 2026-10 hoặc 2026-W47",
            "there is no period `{key}`: write 2026, 2026-H1, 2026-Q4, 2026-10 or 2026-W47"
        ))
    })
}

/// The goals of `goals.toml`; none without the file, and a broken one is complained about. The campaigns beside it are
/// not read: what was sent is counted by what it was then.
fn goals(config: &Config, globals: &Globals) -> Vec<Goal> {
    let Ok(text) = std::fs::read_to_string(config.campaigns_dir.join("goals.toml")) else { return Vec::new() };
    let goals = Goals::parse("goals.toml", &text);
    goals.inspect_err(|problems| globals.complain(problems)).unwrap_or_default().0
}

fn selection(args: &Args, period: Option<&Period>) -> Result<Selection, Mistake> {
    if let (Some(from), Some(through)) = (args.from, args.through)
        && through < from
    {
        return Err(Mistake(phrase!(
            "ngày cuối {through} đứng trước ngày đầu {from}",
            "the last day, {through}, is before the first, {from}"
        )));
    }
    let area = args.area.as_deref().map(place).transpose()?;
    let (from, through) = period.map_or((args.from, args.through), |period| (Some(period.from), Some(period.through)));
    Ok(Selection { campaign: args.campaign.clone(), from, through, area, ..Selection::default() })
}

/// The code of a place that a person named.
fn place(text: &str) -> Result<String, Mistake> {
    let offered = |codes: &[&str]| {
        let named = |code: &&str| format!("{code} {}", Places::built_in().full_name(code).unwrap_or_default());
        codes.iter().map(named).collect::<Vec<_>>().join("; ")
    };
    match Places::built_in().find(text) {
        Found::One(code) => Ok(code.to_string()),
        Found::Ambiguous(codes) => {
            let codes = offered(&codes);
            Err(Mistake(phrase!("có nhiều nơi tên `{text}`: {codes}", "several places are called `{text}`: {codes}")))
        }
        Found::Unknown(codes) => {
            let unknown = phrase!("không có địa bàn `{text}`", "there is no place `{text}`");
            let codes = offered(&codes);
            let near = phrase!("gần nhất: {codes}", "the nearest: {codes}");
            Err(Mistake(if codes.is_empty() { unknown } else { unknown.then(&near) }))
        }
    }
}

/// A campaign is known that has runs, or that has a definition.
async fn known(db: &Db, config: &Config, globals: &Globals, campaign: Option<&String>) -> anyhow::Result<()> {
    let Some(slug) = campaign else { return Ok(()) };
    if !command::list(db, Some(slug), 1).await?.is_empty() {
        return Ok(());
    }
    let library = globals.library(config).await;
    if library.campaigns.contains_key(slug) { Ok(()) } else { Err(no_such_campaign(slug, config, &library).into()) }
}
