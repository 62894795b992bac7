//! `loa report`: whom campaigns reached, beside what was sent; and who was not reached, so that an officer can act.

pub(super) mod page;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use chrono::NaiveDate;
use clap::ValueEnum;
use serde_json::json;

use super::{Globals, Mistake, day, no_such_campaign};
use crate::{
    audience::place::{Found, Places},
    campaign::{Goal, Goals},
    config::Config,
    db::Db,
    delivery::State,
    phrase,
    report::{Cut, Fate, Figures, Gap, Report, Selection, Target, each_unreached, report_against, unreached},
    run::command,
    words::{Lang, Phrase},
};

/// What stands before a CSV file so that Excel reads its letters as UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Report whom campaigns reached, what was sent and what it cost
#[derive(clap::Args)]
pub struct Args {
    /// Only this campaign
    #[arg(long, value_name = "CAMPAIGN")]
    campaign: Option<String>,
    /// Runs from this day on (2026-10-01 or 01/10/2026)
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: Option<NaiveDate>,
    /// Runs up to and including this day
    #[arg(long, value_name = "DATE", value_parser = day)]
    through: Option<NaiveDate>,
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
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let selection = selection(&args)?;
    let format = if globals.json { Format::Json } else { args.format };
    let db = globals.database(&config).await?;
    known(&db, &config, globals, selection.campaign.as_ref()).await?;
    let now = globals.clock.millis();
    if args.unreached {
        return print_unreached(&db, &args, &selection, format, now, globals.lang).await;
    }
    // One table has one shape: goals are in the page and in JSON, not among a CSV's lines.
    let goals = if format == Format::Csv { Vec::new() } else { goals(&config, globals) };
    let report = report_against(&db, &selection, args.by, &goals, now).await?;
    match format {
        Format::Table => write!(io::stdout(), "{}", page::report(&report, globals.lang))?,
        Format::Csv => csv(&report, globals.lang)?,
        Format::Json => Globals::print_json(&as_json(&report, globals.lang))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The goals of `goals.toml`; none without the file, and a broken one is complained about. The campaigns beside it are
/// not read: what was sent is counted by what it was then.
fn goals(config: &Config, globals: &Globals) -> Vec<Goal> {
    let Ok(text) = std::fs::read_to_string(config.campaigns_dir.join("goals.toml")) else { return Vec::new() };
    let goals = Goals::parse("goals.toml", &text);
    goals.inspect_err(|problems| globals.complain(problems)).unwrap_or_default().0
}

fn selection(args: &Args) -> Result<Selection, Mistake> {
    if let (Some(from), Some(through)) = (args.from, args.through)
        && through < from
    {
        return Err(Mistake(phrase!(
            "ngày cuối {through} đứng trước ngày đầu {from}",
            "the last day, {through}, is before the first, {from}"
        )));
    }
    let area = args.area.as_deref().map(place).transpose()?;
    Ok(Selection { campaign: args.campaign.clone(), from: args.from, through: args.through, area })
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

async fn print_unreached(
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
            let mut take = |missed: crate::report::Missed| {
                let area = missed.area.unwrap_or_default();
                let name = Places::built_in().full_name(&area).unwrap_or_default();
                let (fate, cause) = (missed.outcome.fate.name(), missed.outcome.cause.name());
                out.write_record([missed.reference.as_str(), &area, &name, fate, cause]).map_err(io::Error::from)
            };
            each_unreached(db, selection, now, &mut take).await?;
            out.flush()?;
        }
        Format::Table => write!(io::stdout(), "{}", page::unreached(&unreached(db, selection, now).await?, args.by, lang))?,
        Format::Json => {
            let gaps = unreached(db, selection, now).await?;
            let people: i64 = gaps.iter().map(|gap| gap.people).sum();
            let gaps: Vec<_> = gaps.iter().map(|gap| gap_json(gap, lang)).collect();
            Globals::print_json(&json!({ "at": instant(now), "selection": selection, "not_reached": people, "lines": gaps }))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn gap_json(gap: &Gap, lang: Lang) -> serde_json::Value {
    let name = gap.area.as_deref().and_then(|code| Places::built_in().name(code));
    json!({
        "area": gap.area, "area_name": name, "result": gap.outcome.fate.name(), "reason": gap.outcome.cause.name(),
        "label": page::why(gap.outcome).text(lang), "people": gap.people,
    })
}

/// Confirmed and presumed stand side by side, each with its share of the population; they are never added up.
fn goal_json(target: &Target) -> serde_json::Value {
    let (goal, population) = (&target.goal, target.population());
    let (confirmed, presumed) = (target.people.of(Fate::Confirmed), target.people.of(Fate::Presumed));
    #[expect(clippy::cast_precision_loss, reason = "people, not atoms")]
    let share = |people: i64| people as f64 / population.max(1) as f64;
    json!({
        "title": goal.title, "basis": goal.basis, "from": goal.from, "through": goal.through, "value": goal.value,
        "areas": goal.population, "population": population, "source": goal.source, "as_of": goal.as_of,
        "confirmed": confirmed, "presumed": presumed, "share_confirmed": share(confirmed), "share_presumed": share(presumed),
    })
}

fn as_json(report: &Report, lang: Lang) -> serde_json::Value {
    let lines: Vec<_> = report
        .lines
        .iter()
        .map(|line| {
            let (people, deliveries) = (line.figures.people, line.figures.deliveries);
            json!({ "key": line.key, "name": line.name.text(lang), "people": people, "deliveries": deliveries })
        })
        .collect();
    json!({
        "at": instant(report.at), "selection": report.selection, "campaign": report.subject, "runs": report.runs,
        "people": report.total.people, "deliveries": report.total.deliveries, "by": report.by, "lines": lines,
        "goals": report.targets.iter().map(goal_json).collect::<Vec<_>>(),
    })
}

fn instant(millis: i64) -> Option<String> {
    Some(chrono::DateTime::from_timestamp_millis(millis)?.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}

type Csv = csv::Writer<io::Stdout>;

fn csv_out() -> io::Result<Csv> {
    let mut out = io::stdout();
    out.write_all(BYTE_ORDER_MARK.as_bytes())?;
    Ok(csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out))
}

/// One record a line, the total first.
fn csv(report: &Report, lang: Lang) -> anyhow::Result<()> {
    let mut out = csv_out()?;
    let heading = ["line", "key", "name", "people", "people_confirmed", "people_presumed", "people_not_reached"];
    let heading =
        heading.into_iter().map(str::to_string).chain(Fate::not_reached().map(|fate| format!("people_{}", fate.name())));
    let states = State::ALL.map(|state| format!("deliveries_{}", state.name()));
    let heading = heading.chain(["deliveries".to_string()]).chain(states).chain(["parts", "cost"].map(str::to_string));
    out.write_record(heading.collect::<Vec<_>>())?;
    let all = phrase!("Tổng", "Total");
    out.write_record(record("total", "", &all, &report.total, lang))?;
    let by = report.by.and_then(|by| by.to_possible_value()).map(|value| value.get_name().to_string()).unwrap_or_default();
    for line in &report.lines {
        out.write_record(record(&by, &line.key, &line.name, &line.figures, lang))?;
    }
    out.flush()?;
    Ok(())
}

fn record(line: &str, key: &str, name: &Phrase, figures: &Figures, lang: Lang) -> Vec<String> {
    let (people, deliveries) = (&figures.people, &figures.deliveries);
    let counts = [people.addressed(), people.of(Fate::Confirmed), people.of(Fate::Presumed), people.not_reached()].into_iter();
    let counts = counts.chain(Fate::not_reached().map(|fate| people.of(fate)));
    let counts = counts.chain([deliveries.total()]).chain(State::ALL.map(|state| deliveries.of(state)));
    let counts = counts.chain([deliveries.parts, deliveries.cost]).map(|n| n.to_string());
    [line, key, name.text(lang)].map(str::to_string).into_iter().chain(counts).collect()
}
