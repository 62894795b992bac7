//! `loa migrate`: makes the database, or brings its tables up to date.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Context as _;
use serde_json::json;

use super::Globals;
use crate::db::Db;

/// Make the database, or bring its tables up to date
#[derive(clap::Args)]
pub struct Args {}

pub async fn run(_args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let db = Db::open(&config.database_url).await.context("opening the database")?;
    db.migrate().await?;
    db.close().await;
    if globals.json {
        Globals::print_json(&json!({ "migrated": true }))?;
    } else {
        writeln!(io::stdout(), "{}", globals.lang.pick("Cơ sở dữ liệu đã sẵn sàng.", "The database is up to date."))?;
    }
    Ok(ExitCode::SUCCESS)
}
