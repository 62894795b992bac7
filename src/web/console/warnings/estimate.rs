//! What a warning will come to: people by channel, parts, đồng, minutes, and carriers that would refuse it.
//!
//! Counting a million people takes a second: it is done once for a content, beside the pages, which say that it is being counted.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use crate::{
    audience::{
        count::{Count, count},
        segment::compile_audience,
    },
    campaign::{Library, Source},
    delivery::{Kin, State as Delivery},
    message::Templates,
    preview::{Preview, estimate::Estimate},
    run::outlook,
    tally,
    web::{Shared, State},
    words::Phrase,
};

/// How long a page waits for a count that is quickly done.
const PATIENCE: Duration = Duration::from_millis(30);
/// How long a count is good (milliseconds): the list and the accounts change.
const GOOD: i64 = 60_000;
/// Contents of which counts are kept.
const KEPT: usize = 50;

/// What a warning will come to.
#[derive(Debug, Clone)]
pub(super) struct Reckoned {
    /// Whom the list has of its audience.
    pub people: Count,
    /// Its text messages and their price.
    pub sms: Option<Estimate>,
    /// When it is done if it is sent now.
    pub outlook: Option<Phrase>,
    /// Accounts that would not take it, and why.
    pub refusals: Vec<Phrase>,
    /// When it was counted (unix milliseconds).
    pub at: i64,
}

/// Of a count: how it went, once it is over.
type Counted = Option<Result<Arc<Reckoned>, String>>;

/// Counts under way and done, by content and what is sent to whom.
#[derive(Default)]
pub(in crate::web) struct Estimates(Mutex<HashMap<String, (i64, watch::Receiver<Counted>)>>);

impl Estimates {
    /// What this content will come to; none: it is being counted.
    pub(super) async fn of(state: &State, library: &Arc<Library>, source: &Source, parent: Option<i64>) -> Counted {
        let now = state.0.parts.clock.millis();
        let key = format!("{}/{}", source.hash, parent.unwrap_or(0));
        let mut counted = {
            let mut kept = state.0.estimates.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= KEPT {
                kept.retain(|_, (at, _)| now - *at < GOOD);
            }
            if let Some((_, counted)) = kept.get(&key).filter(|(at, counted)| now - at < GOOD || counted.borrow().is_none()) {
                counted.clone()
            } else {
                let (tell, counted) = watch::channel(None);
                kept.insert(key, (now, counted.clone()));
                let (state, library, source) = (state.clone(), Arc::clone(library), source.clone());
                tokio::spawn(async move {
                    let reckoned = reckon(&state.0, &library, &source, parent).await;
                    if let Err(error) = &reckoned {
                        tracing::error!(campaign = source.campaign.slug, "a warning could not be estimated: {error:#}");
                    }
                    // Nobody waiting any more is no harm.
                    let _ = tell.send(Some(reckoned.map(Arc::new).map_err(|error| format!("{error:#}"))));
                });
                counted
            }
        };
        // A timeout leaves what is known so far: nothing.
        let _ = tokio::time::timeout(PATIENCE, counted.wait_for(Option::is_some)).await;
        let counted = counted.borrow();
        counted.clone()
    }
}

async fn reckon(shared: &Shared, library: &Library, source: &Source, parent: Option<i64>) -> anyhow::Result<Reckoned> {
    let parts = &shared.parts;
    let (db, config, campaign) = (&parts.db, &parts.config, &source.campaign);
    let now = parts.clock.millis();
    let files = BTreeMap::new();
    let templates = Templates::compile(campaign, &config.office, None, &files)
        .map_err(|faults| anyhow::anyhow!(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    let refusals = {
        let preview = Preview::new(campaign, &templates, config, &parts.holidays, parts.clock.now());
        preview.refusals().iter().map(crate::message::review::Refusal::phrase).collect()
    };
    if let Some(parent) = parent {
        // Whom a correction goes to is known exactly, by channel.
        let people = of_parent(shared, parent).await?;
        return Ok(Reckoned { people, sms: None, outlook: None, refusals, at: now });
    }
    let lookup = |slug: &str| library.segments.get(slug).map(|segment| &segment.condition);
    let audience = compile_audience(&campaign.audience, &lookup, db.engine(), 1, now)?;
    let people = count(db, &audience, now).await?;
    let sms = {
        let preview = Preview::new(campaign, &templates, config, &parts.holidays, parts.clock.now());
        crate::preview::estimate::of(db, &library.segments, &preview, 0, now).await?
    };
    let mut work = outlook::work(db, &parts.active.runs()).await?;
    work.extend(outlook::first_work(db, campaign, &library.segments, templates.typical_parts(0), now).await?);
    let outlook = outlook::of_run(0, &parts.accounts.lines(parts.clock.ticks()), &work, now).map(|told| told.told());
    Ok(Reckoned { people, sms, outlook, refusals, at: now })
}

/// Who got a run's text or may have got it. `people` is what the channels add up to.
async fn of_parent(shared: &Shared, parent: i64) -> crate::db::Result<Count> {
    let mut people = Count::default();
    for (key, count) in tally::of_runs(&shared.parts.db, &[parent]).await? {
        if !Kin::GOT.contains(&Delivery::from_number(key.state)) {
            continue;
        }
        people.people += count.n;
        match providers::Channel::from_number(i64::from(key.channel)) {
            Some(providers::Channel::Sms) => people.phone += count.n,
            Some(providers::Channel::Email) => people.email += count.n,
            _ => people.chat += count.n,
        }
    }
    Ok(people)
}
