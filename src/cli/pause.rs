//! `loa pause`: makes a run stand still.

use std::{io, io::Write as _, process::ExitCode};

use super::{Globals, runs};
use crate::{phrase, run::command::Change};

/// Pause a run: nothing more of it is sent until it is resumed
#[derive(clap::Args)]
pub struct Args {
    /// The run's number, as `loa runs` shows it
    run: i64,
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let db = globals.database(&globals.settings()?).await?;
    let row = runs::change(&db, args.run, Change::Pause, globals).await?;
    if globals.json {
        Globals::print_json(&runs::as_json(&row))?;
    } else {
        let (run, campaign) = (row.id, row.campaign);
        let done = phrase!("Đã tạm dừng đợt gửi {run} ({campaign}).", "Run {run} ({campaign}) is paused.");
        writeln!(io::stdout(), "{}", done.text(globals.lang))?;
    }
    Ok(ExitCode::SUCCESS)
}
