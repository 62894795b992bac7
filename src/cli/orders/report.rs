//! A report out of a file: JSON as programs send it, or a table as people fill it in. What is wrong with it is told by line and column.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use chrono::{DateTime, NaiveDate, TimeZone as _};
use chrono_tz::Asia::Ho_Chi_Minh;
use serde_json::json;

use super::{Desk, Globals, Mistake, refused, show};
use crate::{
    audience::place::Places,
    audit::Actor,
    cli::MISTAKE,
    document::{Problem, Problems},
    phrase,
    relay::{
        Order, paper,
        report::{
            self, Fault, Rejected, Report,
            table::{self, Given, Table},
        },
    },
    transaction,
    words::Phrase,
};

/// Bytes of the largest report.
const LARGEST: u64 = 8 << 20;

/// A report, and what is not in its file.
#[derive(clap::Args)]
pub(super) struct Args {
    /// JSON, CSV or XLSX
    file: PathBuf,
    /// Of which order, where the file does not say: its number, or its name in CAP
    #[arg(long, value_name = "ORDER")]
    order: Option<String>,
    /// Its sequence, where the file does not say; the next one unless said
    #[arg(long, value_name = "N")]
    sequence: Option<i64>,
    /// The moment that it counts up to, where the file does not say: 2026-11-22T17:00:00+07:00 or a day; now unless said
    #[arg(long, value_name = "TIME", value_parser = moment)]
    as_of: Option<i64>,
    /// It is the last one
    #[arg(long = "final")]
    last: bool,
    /// It corrects what was reported before: why
    #[arg(long, value_name = "WHY")]
    correction: Option<String>,
    /// The paper that proves it: PDF or picture; kept with its hash
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
}

/// A moment, or the end of a day.
pub(super) fn moment(text: &str) -> Result<i64, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.timestamp_millis());
    }
    // The end of a day: what was counted on it is counted.
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").or_else(|_| NaiveDate::parse_from_str(text, "%d/%m/%Y"));
    day.ok()
        .and_then(|day| day.and_hms_opt(23, 59, 59))
        .and_then(|at| Ho_Chi_Minh.from_local_datetime(&at).single())
        .map(|at| at.timestamp_millis())
        .ok_or_else(|| "2026-11-22T17:00:00+07:00, 2026-11-22, 22/11/2026".to_string())
}

/// What a file says.
enum Read {
    /// As programs write it.
    Json(String, Report),
    /// As people fill it in.
    Table(Box<Table>),
}

impl Desk<'_> {
    pub(super) async fn report(&self, args: Args) -> anyhow::Result<ExitCode> {
        let name = args.file.display().to_string();
        let named = match &args.order {
            Some(named) => Some(self.find(named).await?),
            None => None,
        };
        let evidence = args.evidence.as_deref().map(proof).transpose()?;
        let hash = evidence.as_ref().map(Proof::hash);
        let read = if is_json(&args.file) {
            json_of(&args.file, &name)?
        } else {
            Read::Table(Box::new(self.table(&args, named.as_ref(), hash.as_deref(), &name).await?))
        };
        let (order, report) = match &read {
            Read::Json(order, report) => (Some(order.clone()), with(report.clone(), &args, hash)),
            Read::Table(table) => (table.order.clone(), table.report.clone()),
        };
        let order = match (order, named) {
            (Some(said), Some(named)) if said != named.identifier => {
                let identifier = &named.identifier;
                return Err(Mistake(phrase!(
                    "tệp là báo cáo của {said}, không phải {identifier}",
                    "the file is a report of {said}, not of {identifier}"
                ))
                .into());
            }
            (_, Some(named)) => named,
            (Some(said), None) => self.find(&said).await?,
            (None, None) => {
                return Err(Mistake(phrase!(
                    "tệp không ghi của yêu cầu nào: thêm --order YÊU-CẦU",
                    "the file does not say of which order it is: add --order ORDER"
                ))
                .into());
            }
        };
        let report = self.completed(report, &read, &args, &order).await?;
        let actor = self.actor()?;
        if let Some(proof) = &evidence {
            self.keep(proof, &actor).await?;
        }
        let by = self.acting(&actor);
        match report::take(self.db, order.id, &report, |code| Places::built_in().province_of(code), &by).await? {
            Ok(taken) => {
                if self.globals.json {
                    let order = show::as_json(&taken.order);
                    Globals::print_json(&json!({ "sequence": report.sequence, "repeated": taken.repeated, "order": order }))?;
                } else {
                    let (sequence, identifier) = (report.sequence, &order.identifier);
                    self.say(&if taken.repeated {
                        phrase!(
                            "Báo cáo số {sequence} của {identifier} đã nhận từ trước, không có gì thay đổi.",
                            "Report {sequence} of {identifier} had come before; nothing changed."
                        )
                    } else {
                        phrase!("Đã nhận báo cáo số {sequence} của {identifier}.", "Took report {sequence} of {identifier}.")
                    })?;
                }
                Ok(ExitCode::SUCCESS)
            }
            Err(Rejected::Refused(refusal)) => Err(refused(refusal).into()),
            Err(Rejected::Faults(faults)) => self.faulty(&faults, &read),
        }
    }

    /// A table with what was said beside it.
    async fn table(&self, args: &Args, order: Option<&Order>, evidence: Option<&str>, name: &str) -> anyhow::Result<Table> {
        let sequence = match (args.sequence, order) {
            (Some(said), _) => said,
            (None, Some(order)) => report::next_sequence(self.db, order.id).await?,
            // Which one is next is known once the table has said of which order it is.
            (None, None) => 0,
        };
        let (file, order, correction) = (args.file.clone(), order.cloned(), args.correction.clone());
        let (as_of, last, evidence) = (args.as_of.or(Some(self.now())), args.last, evidence.map(str::to_string));
        // Workbooks are unpacked for a while: not where others wait.
        let read = tokio::task::spawn_blocking(move || {
            let of = order.as_ref().map(Given::of).unwrap_or_default();
            let given = Given {
                sequence: Some(sequence),
                as_of,
                last: Some(last),
                correction: correction.as_deref(),
                evidence: evidence.as_deref(),
                ..of
            };
            table::read(&file, &given)
        })
        .await?;
        Ok(read.map_err(|unfit| problems(name, &unfit.words()))?)
    }

    /// The sequence that nobody said: the next one of its order, which is known only now.
    async fn completed(&self, report: Report, read: &Read, args: &Args, order: &Order) -> anyhow::Result<Report> {
        if matches!(read, Read::Table(_)) && report.sequence == 0 && args.sequence.is_none() {
            let sequence = report::next_sequence(self.db, order.id).await?;
            return Ok(Report { sequence, ..report });
        }
        Ok(report)
    }

    async fn keep(&self, proof: &Proof, actor: &Actor) -> anyhow::Result<()> {
        let by = self.acting(actor);
        transaction!(self.db, |tx| paper::keep(tx, &proof.name, proof.kind, &proof.bytes, &by).await)?;
        Ok(())
    }

    /// Every reason why it was not taken, by line and column where it is a table.
    fn faulty(&self, faults: &[Fault], read: &Read) -> anyhow::Result<ExitCode> {
        let words = |fault: &Fault| match read {
            Read::Table(table) => table.wrong(fault).words(),
            Read::Json(..) => fault.words(),
        };
        let lang = self.globals.lang;
        if self.globals.json {
            let told = |fault: &Fault| json!({ "area": fault.area, "round": fault.round, "field": fault.field, "why": words(fault).text(lang) });
            Globals::print_json(&json!({ "rejected": faults.iter().map(told).collect::<Vec<_>>() }))?;
        }
        for fault in faults {
            writeln!(io::stderr(), "{}", words(fault).text(lang))?;
        }
        let count = faults.len();
        let sum = phrase!("Không nhận báo cáo: {count} chỗ sai.", "The report is not taken: {count} mistakes.");
        writeln!(io::stderr(), "{}", sum.text(lang))?;
        Ok(MISTAKE.into())
    }
}

fn problems(name: &str, words: &[Phrase]) -> Problems {
    let mut all = Problems::default();
    for one in words {
        all.extend(Problem::of(name, one.clone()).into());
    }
    all
}

fn is_json(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
}

fn json_of(file: &Path, name: &str) -> anyhow::Result<Read> {
    let (order, report) = report::read(&bytes(file, LARGEST)?)
        .map_err(|unreadable| Problems::from(Problem::of(name, Phrase::from(unreadable.to_string()))))?;
    Ok(Read::Json(order, report))
}

/// A report of a program, with what was said beside it.
fn with(report: Report, args: &Args, evidence: Option<String>) -> Report {
    Report {
        sequence: args.sequence.unwrap_or(report.sequence),
        as_of: args.as_of.unwrap_or(report.as_of),
        last: report.last || args.last,
        correction: args.correction.clone().or(report.correction),
        evidence: evidence.or(report.evidence),
        counts: report.counts,
    }
}

/// A file's bytes, at most so many.
fn bytes(file: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let name = file.display();
    let unread = |error: io::Error| Mistake(phrase!("không đọc được {name}", "{name} cannot be read").because(&error));
    if std::fs::metadata(file).map_err(unread)?.len() > most {
        let most = most >> 20;
        return Err(Mistake(phrase!("{name} quá lớn: tối đa {most} MB", "{name} is too large: at most {most} MB")).into());
    }
    Ok(std::fs::read(file).map_err(unread)?)
}

/// A paper that proves a report.
struct Proof {
    name: String,
    kind: &'static str,
    bytes: Vec<u8>,
}

impl Proof {
    fn hash(&self) -> String {
        use sha2::{Digest as _, Sha256};
        crate::seal::hex(&Sha256::digest(&self.bytes))
    }
}

fn proof(file: &Path) -> anyhow::Result<Proof> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or("evidence").to_string();
    let kind = paper::kind_of(&name);
    let bytes = bytes(file, u64::try_from(paper::MAX_BYTES).unwrap_or(u64::MAX))?;
    Ok(Proof { name, kind, bytes })
}
