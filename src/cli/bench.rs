//! `loa bench`: what this machine can do, as a table or as JSON. Each figure is a median of several samples, and stands
//! beside the same work done barely in the same run where there is such a thing; docs/bench.md says what each one means.
//!
//! What enters: a folder to write to, and the peers that `tests/setup run` names in the environment. What leaves: figures,
//! and for what could not be measured, why. Every measurement recounts its rows, and ends as an error if any is lost.

mod figure;
mod gateways;
mod ground;
mod instant;
mod machine;
mod pace;
mod pages;
mod people;
mod receipts;
mod smpp;
mod store;

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use anyhow::Context as _;
use serde_json::json;

use self::{
    figure::{Figure, Skipped},
    ground::{Folder, Store},
    machine::Machine,
};
use super::{Globals, log, table};
use crate::{clock::Clock, words::Lang};

/// Measure what this machine can do
#[derive(clap::Args)]
pub struct Args {
    /// Tiny sizes: shows that it runs, measures nothing
    #[arg(long)]
    quick: bool,
    /// People in the large list, for memory and pages [default: 1000000; 1000 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=9_000_000))]
    people: Option<u64>,
    /// Deliveries behind the pages that are timed, about [default: ten for each person]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    deliveries: Option<u64>,
    /// Only these steps, instead of all
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    only: Vec<Step>,
    /// Where the measured databases are written, in a folder that is removed at the end
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    dir: PathBuf,
}

/// What is measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
enum Step {
    /// Sealing, opening and hashing addresses
    Sealing,
    /// Import, fan-out and engine on `SQLite`
    Sqlite,
    /// The same on `PostgreSQL`
    Postgres,
    /// The HTTP adapter
    Http,
    /// The SMTP adapter
    Mail,
    /// Texts and receipts over SMPP
    Smpp,
    /// The SMPP adapter into node-smpp
    NodeSmpp,
    /// Callbacks
    Receipts,
    /// How exactly a rate is kept
    Pace,
    /// A large list
    Memory,
    /// The console's pages on a large database
    Pages,
}

impl Step {
    const ALL: [Self; 11] = [
        Self::Sealing,
        Self::Sqlite,
        Self::Postgres,
        Self::Http,
        Self::Mail,
        Self::Smpp,
        Self::NodeSmpp,
        Self::Receipts,
        Self::Pace,
        Self::Memory,
        Self::Pages,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Sealing => "sealing",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Http => "http",
            Self::Mail => "mail",
            Self::Smpp => "smpp",
            Self::NodeSmpp => "node-smpp",
            Self::Receipts => "receipts",
            Self::Pace => "pace",
            Self::Memory => "memory",
            Self::Pages => "pages",
        }
    }
}

/// How much of everything.
#[derive(Debug, Clone, Copy)]
struct Size {
    samples: usize,
    people: u64,
    texts: u64,
    mails: u64,
    seals: u64,
    pace_seconds: u64,
    requests: usize,
}

impl Size {
    const FULL: Self =
        Self { samples: 3, people: 30_000, texts: 10_000, mails: 10_000, seals: 100_000, pace_seconds: 5, requests: 60 };
    const QUICK: Self = Self { samples: 1, people: 200, texts: 100, mails: 100, seals: 100, pace_seconds: 1, requests: 2 };
}

/// What every step gets.
struct Bench {
    folder: Folder,
    clock: Clock,
    size: Size,
    people: u64,
    deliveries: u64,
    /// The memory is measured in this very process.
    is_apart: bool,
    /// What single measurements of a step had to leave out.
    left_out: Mutex<Vec<Skipped>>,
}

/// What became of a step.
type Measured = Result<Vec<Figure>, Skipped>;

impl Bench {
    /// Says that a part of a step could not be measured; the rest of it stands.
    fn leave_out(&self, step: Step, why: String) {
        let mut left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        left_out.push(Skipped { step: step.name().into(), why });
    }

    async fn measure(&self, step: Step) -> anyhow::Result<Measured> {
        let peer = |variable: &str| {
            let why = format!("{variable} names no peer: run through `make bench`");
            std::env::var(variable).map_err(|_| Skipped { step: step.name().into(), why })
        };
        Ok(Ok(match step {
            Step::Sealing => people::sealing(self)?,
            Step::Sqlite => store::measure(self, Store::Sqlite).await?,
            Step::Postgres => match peer("LOA_TEST_POSTGRES") {
                Ok(server) => store::measure(self, Store::Postgres(server)).await?,
                Err(skipped) => return Ok(Err(skipped)),
            },
            Step::Http => vec![gateways::http(self).await?],
            Step::Mail => match (peer("LOA_TEST_SMTP_SINK"), peer("LOA_TEST_SMTP_SOURCE")) {
                (Ok(sink), Ok(source)) => gateways::mails(self, &sink, source.as_ref()).await?,
                (Err(skipped), _) | (_, Err(skipped)) => return Ok(Err(skipped)),
            },
            Step::Smpp => smpp::measure(self).await?,
            Step::NodeSmpp => return smpp::measure_node(self).await,
            Step::Receipts => receipts::measure(self).await?,
            Step::Pace => pace::measure(self).await?,
            Step::Memory if self.is_apart => people::memory(self).await?,
            // On a slow machine it does not end in its time; the other figures stand all the same.
            Step::Memory => match people::memory_apart(self).await {
                Ok(figures) => figures,
                Err(error) => return Ok(Err(Skipped { step: step.name().into(), why: format!("{error:#}") })),
            },
            Step::Pages => {
                let mut figures = pages::measure(self, Store::Sqlite).await?;
                if let Ok(server) = peer("LOA_TEST_POSTGRES") {
                    figures.extend(pages::measure(self, Store::Postgres(server)).await?);
                }
                figures
            }
        }))
    }
}

/// Runs the command.
pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    log::start(Some("error"));
    let steps: BTreeSet<Step> = if args.only.is_empty() { Step::ALL.into() } else { args.only.into_iter().collect() };
    let people = args.people.unwrap_or(if args.quick { 1_000 } else { 1_000_000 });
    let bench = Bench {
        folder: Folder::new(&args.dir).with_context(|| format!("nothing can be written in {}", args.dir.display()))?,
        clock: globals.clock.clone(),
        size: if args.quick { Size::QUICK } else { Size::FULL },
        people,
        deliveries: args.deliveries.unwrap_or(people * 10),
        is_apart: steps == BTreeSet::from([Step::Memory]),
        left_out: Mutex::default(),
    };
    let begun = Instant::now();
    let (mut figures, mut skipped) = (Vec::new(), Vec::new());
    for step in steps {
        if io::stderr().is_terminal() {
            writeln!(io::stderr(), "{}…", step.name())?;
        }
        match bench.measure(step).await.with_context(|| format!("{} could not be measured", step.name()))? {
            Ok(measured) => figures.extend(measured),
            Err(why) => skipped.push(why),
        }
    }
    skipped.append(&mut bench.left_out.lock().unwrap_or_else(PoisonError::into_inner));
    let machine = Machine::this();
    if globals.json {
        Globals::print_json(&json!({
            "machine": machine,
            "people": bench.people,
            "seconds": begun.elapsed().as_secs_f64(),
            "figures": figures,
            "skipped": skipped,
        }))?;
    } else {
        print(&machine, &figures, &skipped, globals.lang)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(machine: &Machine, figures: &[Figure], skipped: &[Skipped], lang: Lang) -> io::Result<()> {
    let mut out = io::stdout();
    let memory = machine.memory_mib.map(|mib| format!(", {mib} MiB")).unwrap_or_default();
    writeln!(
        out,
        "{} × {}{memory}, {}, loa {} ({})\n",
        machine.cores,
        machine.processor,
        machine.system,
        env!("CARGO_PKG_VERSION"),
        machine.build
    )?;
    let heading = match lang {
        Lang::Vi => ["Phép đo", "Kho", "So với", "Kết quả", "Đơn vị", "Mốc", "Tỷ lệ"],
        Lang::En => ["Measured", "Store", "Against", "Figure", "Unit", "Bare", "Ratio"],
    };
    let rows: Vec<Vec<String>> = figures
        .iter()
        .map(|figure| {
            let against = figure.against.as_ref();
            vec![
                figure.name.clone(),
                figure.store.clone().unwrap_or_default(),
                against.map_or_else(String::new, |a| a.what.clone()),
                number(figure.value),
                figure.unit.clone(),
                against.map_or_else(String::new, |a| number(a.value)),
                against.map_or_else(String::new, |a| format!("{:.2}", a.ratio)),
            ]
        })
        .collect();
    write!(out, "{}", table::with_figures(&heading, &rows, 3))?;
    for one in skipped {
        writeln!(out, "{}: {}", one.step, one.why)?;
    }
    Ok(())
}

/// Three digits that say something.
fn number(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}
