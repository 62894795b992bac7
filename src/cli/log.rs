//! Log lines: sentences with fields on standard error; coloured on a terminal, JSON otherwise. `LOA_LOG` filters.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{EnvFilter, fmt};

/// What is logged where `LOA_LOG` says nothing.
const USUAL: &str = "info,sqlx=warn,hyper=warn,reqwest=warn";

/// Starts logging. A second start changes nothing.
pub fn start(usual: Option<&str>) {
    let filter = EnvFilter::try_from_env("LOA_LOG").unwrap_or_else(|_| EnvFilter::new(usual.unwrap_or(USUAL)));
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    // It fails only if something logs already.
    let _ = if io::stderr().is_terminal() { lines.try_init() } else { lines.json().flatten_event(true).try_init() };
}
