//! `loa audit`: who did what; whether the record is whole; the record as a file.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use chrono::{Days, NaiveDate};
use chrono_tz::Asia::Ho_Chi_Minh;
use serde_json::json;

use super::{Globals, day, table};
use crate::{
    audit::{self, Broken, Chain, Entry, Filter, Head},
    clock::local,
    db::Db,
    phrase,
    seal::hex,
    words::Phrase,
};

/// Entries that are read at once.
const BATCH: i64 = 500;

/// Who did what
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Check that nobody changed, removed or added an entry; exit code 1 if somebody did
    Verify {
        /// An end of the record that was kept elsewhere (the log has one a day), as this command prints it
        #[arg(long = "head", value_name = "NUMBER:HASH", value_parser = kept)]
        heads: Vec<Head>,
    },
    /// Print the record, the latest entry first
    List {
        #[command(flatten)]
        which: Which,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        count: u16,
    },
    /// Write the record to standard output, the latest entry first
    Export {
        #[command(flatten)]
        which: Which,
        /// What to write
        #[arg(long, value_enum, default_value_t = Format::Jsonl)]
        format: Format,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// A line of JSON each, with what its hash covers.
    Jsonl,
    /// For spreadsheets.
    Csv,
}

#[derive(clap::Args)]
struct Which {
    /// By this person alone
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// Only these actions, such as `campaign` or `user.sign-in`
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only what was done to this
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// From this day on
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: Option<NaiveDate>,
    /// Through this day
    #[arg(long, value_name = "DATE", value_parser = day)]
    through: Option<NaiveDate>,
}

impl Which {
    fn filter(self) -> Filter {
        let begin = |day: NaiveDate| {
            day.and_hms_opt(0, 0, 0).and_then(|at| at.and_local_timezone(Ho_Chi_Minh).earliest()).map(|at| at.timestamp_millis())
        };
        Filter {
            who: self.who,
            action: self.action,
            subject: self.subject,
            from: self.from.and_then(begin),
            until: self.through.and_then(|day| day.checked_add_days(Days::new(1))).and_then(begin),
        }
    }
}

/// `128:9f86d0…`
fn kept(text: &str) -> Result<Head, String> {
    let read = || {
        let (seq, hash) = text.trim().split_once(':')?;
        let bytes: Option<Vec<u8>> =
            (0..hash.len()).step_by(2).map(|at| u8::from_str_radix(hash.get(at..at + 2)?, 16).ok()).collect();
        Some(Head { seq: seq.parse().ok()?, hash: bytes?.try_into().ok()? })
    };
    read().ok_or_else(|| format!("128:{}", "9f".repeat(32)))
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let db = globals.database(&globals.settings()?).await?;
    match args.what {
        What::Verify { heads } => verify(&db, &heads, globals).await,
        What::List { which, count } => {
            list(&audit::list(&db, &which.filter(), None, i64::from(count)).await?, globals)?;
            Ok(ExitCode::SUCCESS)
        }
        What::Export { which, format } => {
            export(&db, &which.filter(), format).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn words(broken: &Broken) -> Phrase {
    match broken {
        Broken::Altered(seq) => {
            phrase!("mục {seq}, hoặc mục trước nó, đã bị sửa", "entry {seq}, or the one before it, was changed")
        }
        Broken::Missing(seq) => phrase!("mục {seq} đã bị xóa", "entry {seq} was removed"),
        Broken::CutOff { last, was } => phrase!(
            "các mục sau mục {last} đã bị xóa: từng có đến mục {was}",
            "the entries after {last} were removed: there were {was}"
        ),
        Broken::Rewritten(seq) => phrase!(
            "các mục đến mục {seq} đã bị viết lại: không khớp với dấu đã lưu",
            "the entries up to {seq} were written anew: they do not fit the end that was kept"
        ),
    }
}

async fn verify(db: &Db, heads: &[Head], globals: &Globals) -> anyhow::Result<ExitCode> {
    let Chain { entries, head, broken } = audit::verify(db, heads).await?;
    let end = format!("{}:{}", head.seq, hex(&head.hash));
    if globals.json {
        let broken = broken.as_ref().map(|broken| words(broken).text(globals.lang).to_string());
        Globals::print_json(&json!({ "entries": entries, "head": end, "whole": broken.is_none(), "broken": broken }))?;
    } else {
        let told = match &broken {
            None => phrase!(
                "Nhật ký nguyên vẹn: {entries} mục. Dấu của mục cuối, hãy chép lại nơi khác:\n{end}",
                "The record is whole: {entries} entries. Its end, to be kept elsewhere:\n{end}"
            ),
            Some(broken) => phrase!("Nhật ký KHÔNG nguyên vẹn.", "The record is NOT whole.").then(&words(broken)),
        };
        writeln!(io::stdout(), "{}", told.text(globals.lang))?;
    }
    Ok(if broken.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list(entries: &[Entry], globals: &Globals) -> anyhow::Result<()> {
    let lang = globals.lang;
    if globals.json {
        return Ok(Globals::print_json(&entries.iter().map(Entry::json).collect())?);
    }
    let head = [
        phrase!("Số", "No."),
        phrase!("Lúc", "When"),
        phrase!("Ai", "Who"),
        phrase!("Từ", "From"),
        phrase!("Việc", "What"),
        phrase!("Đối tượng", "Done to"),
    ];
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            let from = if entry.address.is_empty() { entry.via().name().to_string() } else { entry.address.clone() };
            vec![
                entry.seq.to_string(),
                local(entry.at).format("%H:%M:%S %d/%m/%Y").to_string(),
                entry.who.clone(),
                from,
                audit::label(&entry.action).text(lang).to_string(),
                entry.subject.clone(),
            ]
        })
        .collect();
    write!(io::stdout(), "{}", table::render(&head.each_ref().map(|words| words.text(lang)), &rows))?;
    Ok(())
}

async fn export(db: &Db, filter: &Filter, format: Format) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    if matches!(format, Format::Csv) {
        out.write_all(audit::CSV_HEAD.as_bytes())?;
    }
    let mut before = None;
    loop {
        let batch = audit::list(db, filter, before, BATCH).await?;
        let Some(last) = batch.last() else { break };
        before = Some(last.seq);
        for entry in &batch {
            match format {
                Format::Jsonl => writeln!(out, "{}", entry.json())?,
                Format::Csv => out.write_all(entry.csv().as_bytes())?,
            }
        }
    }
    Ok(out.flush()?)
}
