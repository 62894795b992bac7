//! `loa approve`: releases a campaign as its files are now.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use serde_json::json;

use super::{Globals, no_such_campaign};
use crate::{approval, phrase};

/// Approve a campaign as its files are now
#[derive(clap::Args)]
pub struct Args {
    /// The campaign
    campaign: String,
    /// Who approves it; without it, the name under which you are signed in on this machine
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let library = globals.library(&config);
    let Some(source) = library.campaigns.get(&args.campaign) else {
        return Err(no_such_campaign(&args.campaign, &config, &library).into());
    };
    let by = globals.officer(args.by)?;
    let db = globals.database(&config).await?;
    let first = approval::approve(&db, source, &library.segments_text, &by, globals.clock.millis()).await?;
    if globals.json {
        Globals::print_json(&json!({ "campaign": source.campaign.slug, "hash": source.hash, "by": by, "new": first }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (title, short) = (&source.campaign.title, &source.hash[..source.hash.len().min(12)]);
    let done = if first {
        phrase!("{by} đã phê duyệt “{title}” (bản {short}).", "{by} approved “{title}” (version {short}).")
    } else {
        phrase!("{by} đã phê duyệt bản này của “{title}” từ trước.", "{by} had approved this version of “{title}” before.")
    };
    let mut out = io::stdout();
    writeln!(out, "{}", done.text(globals.lang))?;
    if !approval::is_required(&config) {
        let note = phrase!(
            "Ở đây chưa bắt buộc phê duyệt; đặt `required = true` trong `[approval]` để bắt buộc.",
            "No approval is required here: `required = true` in `[approval]` requires it."
        );
        writeln!(out, "{}", note.text(globals.lang))?;
    }
    Ok(ExitCode::SUCCESS)
}
