//! Whom a content that waits for approval would go to, and what that costs. A correction goes to whoever got the wrong text, and is
//! counted so.
//!
//! At a million people the counting takes seconds, so it is done here, once, and the approver's page shows it with its time.
//! What cannot be counted is kept as such: it is not tried for ever.

use std::collections::BTreeMap;

use anyhow::anyhow;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use providers::Channel;
use serde_json::{Value, json};

use crate::{
    approval::{Submission, submission},
    audience::{count::count, segment::compile_audience},
    campaign::{Holidays, Segments},
    config::Config,
    db::Db,
    definition,
    message::Templates,
    preview::{
        Preview,
        estimate::{self, Estimate},
        reckoning,
    },
    run::{outlook, warning},
};

/// Counts for everything that waits and was not counted yet.
pub(super) async fn waiting(db: &Db, config: &Config, holidays: &Holidays, now: DateTime<Utc>) -> anyhow::Result<()> {
    for one in submission::waiting(db).await?.iter().filter(|one| one.estimate.is_none()) {
        let counted = match counted(db, config, holidays, one, now).await {
            Ok(counted) => counted,
            Err(error) => {
                tracing::warn!(campaign = one.slug, "an estimate could not be made: {error:#}");
                json!({ "error": true })
            }
        };
        submission::keep_estimate(db, one.id, &counted.to_string()).await?;
    }
    Ok(())
}

async fn counted(db: &Db, config: &Config, holidays: &Holidays, one: &Submission, now: DateTime<Utc>) -> anyhow::Result<Value> {
    let kept = definition::kept(db, &one.hash).await?;
    let campaign = &kept.source.campaign;
    let segments = Segments::parse("segments.toml", &kept.segments).map_err(|problems| anyhow!("{problems}"))?;
    let millis = now.timestamp_millis();
    let files: BTreeMap<String, Bytes> =
        kept.source.attachments.iter().map(|(name, bytes)| (name.clone(), Bytes::from(bytes.clone()))).collect();
    let templates = Templates::compile(campaign, &config.office, None, &files)
        .map_err(|faults| anyhow!("{}", faults.first().map(ToString::to_string).unwrap_or_default()))?;
    let preview = Preview::new(campaign, &templates, config, holidays, now);
    let corrects = warning::get(db, &one.slug).await?.and_then(|warning| warning.parent);
    let mut estimates = Vec::new();
    let people = if let Some(parent) = corrects {
        let work = outlook::correction_work(db, campaign, parent, templates.typical_parts(0)).await?;
        let (people, numbers) = reckoning::corrected(&work);
        if templates.has(0, Channel::Sms) {
            estimates.push((0, estimate::priced(&preview, 0, &numbers)));
        }
        people
    } else {
        let lookup = |slug: &str| segments.get(slug).map(|segment| &segment.condition);
        let people = count(db, &compile_audience(&campaign.audience, &lookup, db.engine(), 1, millis)?, millis).await?;
        for index in 0..campaign.messages.len() {
            estimates.extend(estimate::of(db, &segments, &preview, index, millis).await?.map(|estimate| (index, estimate)));
        }
        people
    };
    let messages: Vec<Value> = estimates.iter().map(|(index, estimate)| told(&campaign.messages[*index].id, estimate)).collect();
    Ok(json!({
        "at": millis, "people": people.people, "sms": people.phone, "email": people.email, "chat": people.chat,
        "corrects": corrects, "messages": messages,
    }))
}

fn told(message: &str, estimate: &Estimate) -> Value {
    let total = estimate.total();
    json!({
        "id": message, "numbers": estimate.numbers, "parts": total.parts, "price": total.price,
        "most": estimate.most.map(|(_, price)| price), "unserved": estimate.unserved, "refused": total.refused,
    })
}
