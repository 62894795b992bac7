//! `loa approve`: releases a campaign as its files are now.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use serde_json::json;

use super::{Globals, Mistake, no_such_campaign};
use crate::{
    approval::{self, Refusal, Released},
    config::Config,
    db::Db,
    edition, phrase,
};

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
    let actor = globals.actor(args.by)?;
    let db = globals.database(&config).await?;
    let by = &actor.name;
    let now = globals.clock.millis();
    // A version of the console that waits is what is meant, whether or not an earlier one is in force.
    let waiting = edition::waiting(&db).await?.into_iter().find(|one| one.slug == args.campaign && one.version.is_some());
    if let Some(waiting) = waiting {
        return match edition::approve(&db, waiting.id, &waiting.hash, "", &actor, None, now).await {
            Ok(_) => tell(globals, &config, &db, (&waiting.slug, &waiting.title, &waiting.hash), by, true).await,
            Err(Refusal::Db(error)) => Err(error.into()),
            Err(refusal) => Err(Mistake(refusal.phrase()).into()),
        };
    }
    let library = globals.library(&config).await;
    let Some(source) = library.campaigns.get(&args.campaign) else {
        return Err(no_such_campaign(&args.campaign, &config, &library).into());
    };
    let released = approval::approve(&db, source, &library.segments_text, &actor, now).await?;
    if released == Released::OwnWork {
        let slug = &args.campaign;
        return Err(Mistake(phrase!(
            "{by} đã viết bản này của `{slug}`: người khác phải phê duyệt",
            "{by} wrote this version of `{slug}`: somebody else has to approve it"
        ))
        .into());
    }
    let what = (source.campaign.slug.as_str(), source.campaign.title.as_str(), source.hash.as_str());
    tell(globals, &config, &db, what, by, released == Released::Now).await
}

/// Says what is approved, and whether that matters here.
async fn tell(
    globals: &Globals,
    config: &Config,
    db: &Db,
    (slug, title, hash): (&str, &str, &str),
    by: &str,
    first: bool,
) -> anyhow::Result<ExitCode> {
    if globals.json {
        Globals::print_json(&json!({ "campaign": slug, "hash": hash, "by": by, "new": first }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let short = &hash[..hash.len().min(12)];
    let done = if first {
        phrase!("{by} đã phê duyệt “{title}” (bản {short}).", "{by} approved “{title}” (version {short}).")
    } else {
        phrase!("{by} đã phê duyệt bản này của “{title}” từ trước.", "{by} had approved this version of “{title}” before.")
    };
    let mut out = io::stdout();
    writeln!(out, "{}", done.text(globals.lang))?;
    if !approval::is_required(db, config).await? {
        let note = phrase!(
            "Ở đây chưa bắt buộc phê duyệt; đặt `required = true` trong `[approval]` để bắt buộc.",
            "No approval is required here: `required = true` in `[approval]` requires it."
        );
        writeln!(out, "{}", note.text(globals.lang))?;
    }
    Ok(ExitCode::SUCCESS)
}
