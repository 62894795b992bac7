//! `loa stop --all`: pauses everything that is being sent, at once.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use serde_json::json;

use super::Globals;
use crate::{audit, phrase, run::command, transaction};

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
    let (actor, now) = (globals.whoever(), globals.clock.millis());
    let by = command::By { name: &actor.name, at: now };
    let stopped = transaction!(db, |tx| {
        let stopped = command::stop(tx, |_| true, Some(by)).await?;
        let after = json!({ "runs": stopped, "everything": true });
        audit::record(tx, &actor, "run.stop", "runs", None, Some(&after), now).await?;
        Ok(stopped)
    })?;
    let paused = stopped.len();
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
