//! `loa abort`: ends a run for good.

use std::{io, io::Write as _, process::ExitCode};

use super::{Globals, runs};
use crate::{phrase, run::command::Change};

/// End a run for good: what is unsent is cancelled, what is in flight is recorded
#[derive(clap::Args)]
pub struct Args {
    /// The run's number, as `loa runs` shows it
    run: i64,
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let db = globals.database(&globals.settings()?).await?;
    let row = runs::change(&db, args.run, Change::Abort, globals).await?;
    if globals.json {
        Globals::print_json(&runs::as_json(&row))?;
    } else {
        let (run, campaign) = (row.id, row.campaign);
        let done = phrase!("Đã dừng hẳn đợt gửi {run} ({campaign}).", "Run {run} ({campaign}) is aborted.");
        writeln!(io::stdout(), "{}", done.text(globals.lang))?;
    }
    Ok(ExitCode::SUCCESS)
}
