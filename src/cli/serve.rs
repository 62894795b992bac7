//! `loa serve`: scheduler, dispatcher, receipts and pages, until SIGTERM or Ctrl-C.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::process::ExitCode;

use super::{Globals, log};
use crate::app::{App, Options, Part};

/// Schedule, send, take receipts and show pages, until SIGTERM or Ctrl-C
#[derive(clap::Args)]
pub struct Args {
    /// Only these parts, to split them over nodes
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    only: Vec<Part>,
}

/// Serves until told to stop; then records what is in flight and ends.
pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    log::start(None);
    let config = globals.settings_with_secrets()?;
    let holidays = Globals::holidays(&config)?;
    let mut options = Options::default();
    if !args.only.is_empty() {
        options.parts = BTreeSet::from_iter(args.only);
    }
    let app = App::start(config, globals.clock.clone(), holidays, options).await?;
    if let Some(address) = app.address {
        tracing::info!(%address, public = app.public_address.map(|a| a.to_string()), "serving");
        writeln!(io::stdout(), "http://{address}")?;
    }
    stop_asked().await?;
    tracing::info!("stopping: nothing more is claimed, what is in flight is being recorded");
    app.stop().await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Waits for SIGTERM or Ctrl-C.
pub async fn stop_asked() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = tokio::signal::ctrl_c() => done,
        _ = terminate.recv() => Ok(()),
    }
}
