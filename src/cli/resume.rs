//! `loa resume`: makes a run go on.

use std::{io, io::Write as _, process::ExitCode};

use super::{Globals, runs};
use crate::{phrase, run::command::Change};

/// Resume a run that was paused, or that stood still by itself
#[derive(clap::Args)]
pub struct Args {
    /// The run's number, as `loa runs` shows it
    run: i64,
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let db = globals.database(&globals.settings()?).await?;
    let row = runs::change(&db, args.run, Change::Resume, globals).await?;
    if globals.json {
        Globals::print_json(&runs::as_json(&row))?;
    } else {
        let (run, campaign) = (row.id, row.campaign);
        let done = phrase!("Đã tiếp tục đợt gửi {run} ({campaign}).", "Run {run} ({campaign}) is resumed.");
        writeln!(io::stdout(), "{}", done.text(globals.lang))?;
    }
    Ok(ExitCode::SUCCESS)
}
