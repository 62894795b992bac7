//! When messages will be sent, for people: the accounts as the database knows them, and times in words.

use std::collections::BTreeMap;

use anyhow::Context as _;
use chrono::DateTime;
use providers::{Abilities, Slot};

pub(super) use crate::run::outlook::{Told, of_run, sentence, span};
use crate::{
    account::{
        self,
        forecast::Line,
        standing::{self, Row},
    },
    active::Active,
    campaign::{Segments, Source},
    config::Config,
    db::Db,
    limit,
    message::Templates,
    run::{self, outlook::first_work},
};

/// The accounts of loa.toml as they stand now: at their present pace, with what is left of their day's quotas.
pub(super) async fn lines(db: &Db, config: &Config, now: DateTime<chrono::Utc>) -> anyhow::Result<Vec<Line>> {
    let rows = standing::rows(db).await?;
    let gateways = account::gateways(config.gateways_dir.as_deref())?;
    let today = limit::quota_day(now);
    config
        .accounts
        .iter()
        .map(|one| {
            let row = rows.get(&one.name);
            let routes = account::routes(one, &gateways).context("an account cannot be read")?;
            // What else a gateway can do, only its adapter knows, which needs its secrets: the least is assumed.
            let slot = if one.gateway == "smpp" { Slot::Part } else { Slot::Send };
            let abilities = Abilities { slot, ..Abilities::LEAST };
            let used = row.map_or(0, |row| u64::try_from(row.used_on(&today)).unwrap_or(0));
            let line = Line::of(one, routes, abilities, row.map_or(1_000, |row| row.pace), used);
            Ok(Line { able: row.is_none_or(Row::is_able), ..line })
        })
        .collect()
}

/// When a run of a campaign would be done if it were made now, behind and beside the runs that are under way; none: it has
/// nothing to send.
pub(super) async fn of_campaign(
    db: &Db,
    config: &Config,
    source: &Source,
    segments: &Segments,
    now: DateTime<chrono::Utc>,
) -> anyhow::Result<Option<Told>> {
    let templates = Templates::compile(&source.campaign, &config.office, None, &BTreeMap::new());
    let longest = |templates: &Templates| (0..source.campaign.messages.len()).map(|i| templates.typical_parts(i)).max();
    // A text that cannot be rendered is what `loa check` tells of.
    let parts = templates.ok().as_ref().and_then(longest).unwrap_or(1);
    let phones = config.accounts.iter().any(account::reaches_phones);
    let active = Active::new(db.clone(), config.office.clone()).reaching_phones(phones);
    active.refresh().await?;
    let mut work = run::outlook::work(db, &active.runs()).await?;
    work.extend(first_work(db, &source.campaign, segments, parts, now.timestamp_millis()).await?);
    Ok(of_run(0, &lines(db, config, now).await?, &work, now.timestamp_millis()))
}
