//! What warnings will come to, kept for pages.
//!
//! Counting a million people takes a second: it is done once for a content, beside the pages, which say that it is being counted.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use crate::{
    campaign::{Library, Source},
    preview::reckoning::{Ground, Reckoning, reckon},
    web::State,
};

/// How long a page waits for a count that is quickly done.
const PATIENCE: Duration = Duration::from_millis(30);
/// How long a count is good (milliseconds): the list and the accounts change.
const GOOD: i64 = 60_000;
/// Contents of which counts are kept.
const KEPT: usize = 50;

/// Of a count: how it went, once it is over.
type Counted = Option<Result<Arc<Reckoning>, String>>;

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
                    let parts = &state.0.parts;
                    let ground = Ground {
                        db: &parts.db,
                        config: &parts.config,
                        holidays: &parts.holidays,
                        segments: &library.segments,
                        runs: parts.active.runs(),
                        lines: parts.accounts.lines(parts.clock.ticks()),
                        now: parts.clock.now(),
                    };
                    let reckoned = reckon(&ground, &source, parent).await;
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
