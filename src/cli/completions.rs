//! `loa completions`: what a shell needs to complete Loa's commands.

use std::{io, process::ExitCode};

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{CommandLine, Globals};

/// Print completions for a shell
#[derive(clap::Args)]
pub struct Args {
    /// Which shell
    shell: Shell,
}

#[expect(clippy::unused_async, reason = "every command has this signature")]
pub async fn run(args: Args, _globals: &Globals) -> anyhow::Result<ExitCode> {
    clap_complete::generate(args.shell, &mut CommandLine::command(), "loa", &mut io::stdout());
    Ok(ExitCode::SUCCESS)
}
