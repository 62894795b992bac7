//! What a warning or a correction will come to if it is sent now: people by channel, the price of its text messages, when it is done, who
//! would not take it, and what no account serves.
//!
//! What enters: a content, and the run that it corrects, if it does. What leaves: a [`Reckoning`]. At a million people it takes seconds,
//! so it is made beside pages. What can go wrong: a text that cannot be compiled, a segment that is gone, the database.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::anyhow;
use chrono::{DateTime, Utc};
use providers::Channel;

use super::{
    Preview,
    estimate::{self, Estimate, Numbers},
};
use crate::{
    account::forecast::{Line, Work},
    active::ActiveRun,
    audience::{
        count::{Count, count},
        phone::Carrier,
        segment::compile_audience,
    },
    campaign::{Holidays, Segments, Source},
    config::Config,
    db::Db,
    message::{
        Templates,
        review::{self, Refusal},
    },
    run::outlook,
    words::Phrase,
};

/// What a warning will come to.
#[derive(Debug, Clone)]
pub struct Reckoning {
    /// Whom the list has of its audience; of a correction the deliveries that it goes to.
    pub people: Count,
    /// Its text messages and their price.
    pub sms: Option<Estimate>,
    /// When it is done if it is sent now.
    pub outlook: Option<Phrase>,
    /// Accounts that would not take it, and why.
    pub refusals: Vec<Phrase>,
    /// Channels that no account serves.
    pub unserved: Vec<Channel>,
    /// When it was counted (unix milliseconds).
    pub at: i64,
}

/// What it is reckoned by.
#[derive(Clone)]
pub struct Ground<'a> {
    /// The database.
    pub db: &'a Db,
    /// loa.toml.
    pub config: &'a Config,
    /// Days off.
    pub holidays: &'a Holidays,
    /// Whom segments mean.
    pub segments: &'a Segments,
    /// The runs under way, which it goes beside or before.
    pub runs: Vec<Arc<ActiveRun>>,
    /// The accounts as they stand.
    pub lines: Vec<Line>,
    /// The moment.
    pub now: DateTime<Utc>,
}

/// Reckons a content's first message; `parent`: the run that it corrects.
pub async fn reckon(ground: &Ground<'_>, source: &Source, parent: Option<i64>) -> anyhow::Result<Reckoning> {
    let Ground { db, config, .. } = *ground;
    let (campaign, now) = (&source.campaign, ground.now.timestamp_millis());
    let files = source.attachments.iter().map(|(name, bytes)| (name.clone(), bytes.clone().into())).collect::<BTreeMap<_, _>>();
    let templates = Templates::compile(campaign, &config.office, None, &files)
        .map_err(|faults| anyhow!(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    let preview = Preview::new(campaign, &templates, config, ground.holidays, ground.now);
    let parts = templates.typical_parts(0);
    let (people, sms, own) = if let Some(parent) = parent {
        let work = outlook::correction_work(db, campaign, parent, parts).await?;
        let (people, numbers) = corrected(&work);
        let sms = templates.has(0, Channel::Sms).then(|| estimate::priced(&preview, 0, &numbers));
        (people, sms, work)
    } else {
        let lookup = |slug: &str| ground.segments.get(slug).map(|segment| &segment.condition);
        let people = count(db, &compile_audience(&campaign.audience, &lookup, db.engine(), 1, now)?, now).await?;
        let sms = estimate::of(db, ground.segments, &preview, 0, now).await?;
        (people, sms, outlook::first_work(db, campaign, ground.segments, parts, now).await?)
    };
    let mut work = outlook::work(db, &ground.runs).await?;
    work.extend(own);
    Ok(Reckoning {
        people,
        sms,
        outlook: outlook::of_run(0, &ground.lines, &work, now).map(|told| told.told()),
        refusals: preview.refusals().iter().map(Refusal::phrase).collect(),
        unserved: review::unserved(campaign, &config.accounts),
        at: now,
    })
}

/// Whom a correction goes to, exactly: deliveries by channel, and phone numbers by carrier. `people` is what the channels add up to.
pub fn corrected(work: &[Work]) -> (Count, Numbers) {
    let (mut people, mut numbers) = (Count::default(), Vec::new());
    for piece in work {
        let n = i64::try_from(piece.messages).unwrap_or(i64::MAX);
        people.people += n;
        match Channel::from_number(i64::from(piece.route >> 4)) {
            Some(Channel::Sms) => {
                people.phone += n;
                numbers.push((Carrier::from_number(i64::from(piece.route & 15)).unwrap_or(Carrier::Unknown), n));
            }
            Some(Channel::Email) => people.email += n,
            _ => people.chat += n,
        }
    }
    (people, Numbers::known(numbers))
}
