//! `loa reconcile`: a carrier's invoice held against what Loa gave it to send.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::ValueEnum;
use serde_json::json;

use super::{Globals, Mistake, table};
use crate::{
    audit::{self, Actor, Via},
    phrase,
    reconcile::{
        self, Line, New, ReconcileError, Reconciled,
        invoice::{self, InvoiceError, Mapping},
    },
    transaction,
    words::{self, Lang},
};

/// Lines of the table; CSV and JSON have all.
const SHOWN: usize = 40;

/// Hold a carrier's invoice against what Loa gave it to send, by account, carrier and day
#[derive(clap::Args)]
pub struct Args {
    /// The invoice, .csv or .xlsx: day, parts and amount, and carrier and account where it tells them apart
    #[arg(value_name = "FILE", required_unless_present = "invoice", conflicts_with = "invoice")]
    file: Option<PathBuf>,
    /// One that was imported before, by its number
    #[arg(long, value_name = "NUMBER")]
    invoice: Option<i64>,
    /// The account that all lines are of, where no column says
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// What the file calls a column: `day=Ngày`, `parts=…`, `amount=…`, `carrier=…`, `account=…`
    #[arg(long, value_name = "FIELD=HEADER", value_parser = column)]
    column: Vec<(String, String)>,
    /// Per cent by which the two may differ, such as 0.5
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = tolerance)]
    tolerance: i64,
    /// Who imports it
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

/// How a reconciliation is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// What differs.
    Table,
    /// All lines, comma-separated (RFC 4180).
    Csv,
    /// For programs.
    Json,
}

fn column(text: &str) -> Result<(String, String), String> {
    let (field, header) = text.split_once('=').ok_or("day=Ngày")?;
    if ["day", "parts", "amount", "carrier", "account"].contains(&field) && !header.trim().is_empty() {
        return Ok((field.to_string(), header.to_string()));
    }
    Err("day=…, parts=…, amount=…, carrier=…, account=…".to_string())
}

fn tolerance(text: &str) -> Result<i64, String> {
    reconcile::per_mille(text).ok_or_else(|| "0, 0.5, 2".to_string())
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let db = globals.database(&config).await?;
    let id = match (&args.file, args.invoice) {
        (Some(file), _) => {
            let columns: BTreeMap<String, String> = args.column.iter().cloned().collect();
            let read = invoice::read(file, &Mapping { columns, account: args.account.clone() })
                .map_err(|error| Mistake(told(&error, &file.display().to_string())))?;
            let by = globals.officer(args.by.clone())?;
            let now = globals.clock.millis();
            let name = file.file_name().unwrap_or_default().to_string_lossy().to_string();
            let new = New { name: &name, read: &read, tolerance: args.tolerance, by: &by, now };
            let actor = Actor { user: None, name: by.clone(), from: None, via: Via::Command };
            let done = transaction!(db, |tx| {
                match reconcile::import(tx, &new).await {
                    Ok(id) => {
                        let after = json!({ "name": name, "lines": read.lines.len(), "hash": read.hash });
                        audit::record(tx, &actor, "invoice.import", &format!("invoice {id}"), None, Some(&after), now).await?;
                        Ok(Ok(id))
                    }
                    Err(ReconcileError::Db(error)) => Err(error),
                    Err(refused) => Ok(Err(refused)),
                }
            })?;
            match done {
                // The same file again is a look at it.
                Ok(id) | Err(ReconcileError::Before(id)) => id,
                Err(refused) => return Err(Mistake(refused.words()).into()),
            }
        }
        (None, id) => id.unwrap_or(0),
    };
    let Some(reconciled) = reconcile::reconciled(&db, id).await? else {
        return Err(Mistake(ReconcileError::Missing.words()).into());
    };
    match if globals.json { Format::Json } else { args.format } {
        Format::Csv => io::stdout().write_all(&reconcile::csv(&reconciled)?)?,
        Format::Json => {
            let (invoiced, counted) = reconciled.total();
            Globals::print_json(&json!({
                "invoice": reconciled.invoice, "invoiced": invoiced, "counted": counted, "lines": reconciled.lines,
            }))?;
        }
        Format::Table => print(&reconciled, globals.lang)?,
    }
    Ok(if reconciled.differing().next().is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn told(error: &InvoiceError, file: &str) -> words::Phrase {
    match error {
        InvoiceError::Read(error) => error.phrase(),
        InvoiceError::Lines(lines) => {
            let all = |lang: Lang| {
                lines.iter().map(|(line, what)| format!("{file}:{line}: {}", what.text(lang))).collect::<Vec<_>>().join("\n")
            };
            words::Phrase { vi: all(Lang::Vi), en: all(Lang::En) }
        }
    }
}

fn print(reconciled: &Reconciled, lang: Lang) -> io::Result<()> {
    let mut out = io::stdout();
    let (invoiced, counted) = reconciled.total();
    let n = |n: i64| words::number(n, lang);
    let difference = invoiced.less(counted);
    let heading = ["", lang.pick("Hóa đơn", "Invoice"), "Loa", lang.pick("Chênh lệch", "Difference")];
    let totals = vec![
        vec![lang.pick("Số tin quy đổi", "Parts").to_string(), n(invoiced.parts), n(counted.parts), n(difference.parts)],
        vec![lang.pick("Thành tiền (đồng)", "Amount (đồng)").to_string(), n(invoiced.cost), n(counted.cost), n(difference.cost)],
    ];
    let (name, id) = (&reconciled.invoice.name, reconciled.invoice.id);
    writeln!(out, "{}", phrase!("Hóa đơn {id}: {name}", "Invoice {id}: {name}").text(lang))?;
    write!(out, "{}", table::with_figures(&heading, &totals, 1))?;
    let differing: Vec<&Line> = reconciled.differing().collect();
    let (count, all) = (differing.len(), reconciled.lines.len());
    if differing.is_empty() {
        return writeln!(out, "\n✓ {}", phrase!("{all} dòng đều khớp.", "all {all} lines agree.").text(lang));
    }
    let heading = match lang {
        Lang::Vi => ["Ngày", "Tài khoản", "Nhà mạng", "Tin (hóa đơn)", "Tin (Loa)", "Tiền (hóa đơn)", "Tiền (Loa)"],
        Lang::En => ["Day", "Account", "Carrier", "Parts (invoice)", "Parts (Loa)", "Amount (invoice)", "Amount (Loa)"],
    };
    let row = |line: &&Line| {
        let carrier = if line.key.carrier.is_empty() {
            lang.pick("(tất cả)", "(all)")
        } else {
            words::carrier(&line.key.carrier, lang)
        };
        let mut cells = vec![line.key.day.clone(), line.key.account.clone(), carrier.to_string()];
        cells.extend([line.invoiced.parts, line.counted.parts, line.invoiced.cost, line.counted.cost].map(n));
        cells
    };
    let rows: Vec<Vec<String>> = differing.iter().take(SHOWN).map(row).collect();
    write!(out, "\n{}", table::with_figures(&heading, &rows, 3))?;
    if let Some(more) = count.checked_sub(SHOWN).filter(|more| *more > 0) {
        writeln!(out, "{}", phrase!("… và {more} dòng khác: `--format csv`", "… and {more} more: `--format csv`").text(lang))?;
    }
    writeln!(
        out,
        "✗ {}",
        phrase!("{count} trên {all} dòng lệch quá sai số.", "{count} of {all} lines differ by more than the tolerance.")
            .text(lang)
    )
}
