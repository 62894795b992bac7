//! `loa stop --all`: pauses everything that is being sent, at once.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use serde_json::json;

use super::{Globals, runs};
use crate::phrase;

/// Pause everything that is being sent
#[derive(clap::Args)]
pub struct Args {
    /// Every run: so that nobody stops everything by mistake, it must be said
    #[arg(long, required = true)]
    all: bool,
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    debug_assert!(args.all, "clap requires it");
    let db = globals.database(&globals.settings()?).await?;
    let paused = runs::stop_all(&db, globals).await?;
    if globals.json {
        Globals::print_json(&json!({ "paused": paused }))?;
    } else {
        let done = phrase!(
            "Đã tạm dừng {paused} đợt gửi. `loa resume SỐ` cho gửi tiếp.",
            "Paused {paused} run(s). `loa resume RUN` makes one go on."
        );
        writeln!(io::stdout(), "{}", done.text(globals.lang))?;
    }
    Ok(ExitCode::SUCCESS)
}
