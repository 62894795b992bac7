//! Runs as they go: one reader looks at every run that somebody watches, once a second, and all who watch get what it saw.
//!
//! What enters: rows of runs and their tallies, never deliveries one by one. What leaves: a [`Look`] a second and run, however many
//! watch. The reader begins with the first watcher and ends with the last, or with the process ([`Live::close`]).

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use tokio::sync::watch;

use super::{Shared, State, card::Card, overview};
use crate::{
    active::{RunRow, run_columns},
    clock::Ticks,
    db::{Result, Sql},
    delivery::State as Delivery,
    on,
    run::{
        outlook,
        wait::{self, Wait},
    },
    words::Phrase,
};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// The rate is that of the last so many looks.
const RATED: usize = 10;
/// The forecast counts what is pending: it is made again after so many looks.
const FORECAST: u32 = 15;

/// A run at a moment.
#[derive(Debug)]
pub(super) struct Look {
    /// Its counts.
    pub card: Card,
    /// What it waits for.
    pub waits: Vec<Wait>,
    /// Messages a second lately; none: it was looked at for the first time.
    pub per_second: Option<i64>,
    /// When it is done, in words; none: nothing is left to send, or it was not reckoned yet.
    pub outlook: Option<Phrase>,
    /// Unix milliseconds.
    pub at: i64,
    /// Nothing more comes of it.
    pub over: bool,
}

#[derive(Default)]
struct Watched {
    runs: BTreeMap<i64, watch::Sender<Option<Arc<Look>>>>,
    /// Somebody looks.
    read: bool,
}

/// Who watches what.
pub(super) struct Live {
    watched: Mutex<Watched>,
    closed: watch::Sender<bool>,
}

impl Default for Live {
    fn default() -> Self {
        Self { watched: Mutex::default(), closed: watch::channel(false).0 }
    }
}

impl Live {
    /// Watches a run from now on.
    pub fn watch(state: &State, run: i64) -> watch::Receiver<Option<Arc<Look>>> {
        let live = &state.0.live;
        let mut watched = live.watched();
        let receiver = watched.runs.entry(run).or_insert_with(|| watch::channel(None).0).subscribe();
        if *live.closed.borrow() {
            watched.runs.clear();
        } else if !watched.read {
            watched.read = true;
            tokio::spawn(read(state.clone()));
        }
        receiver
    }

    /// Nobody is told anything any more: the process ends.
    pub fn close(&self) {
        self.closed.send_replace(true);
        self.watched().runs.clear();
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The runs that somebody still watches. None at all: the reader has ended, and the next watcher begins another.
    fn runs(&self) -> Vec<i64> {
        let mut watched = self.watched();
        watched.runs.retain(|_, sender| sender.receiver_count() > 0);
        watched.read = !watched.runs.is_empty();
        watched.runs.keys().copied().collect()
    }

    fn tell(&self, looks: Vec<Look>) {
        let mut watched = self.watched();
        for look in looks {
            let (run, over) = (look.card.run.id, look.over);
            if let Some(sender) = watched.runs.get(&run) {
                sender.send_replace(Some(Arc::new(look)));
            }
            // Its watchers read what was sent last, and then that nothing follows.
            if over {
                watched.runs.remove(&run);
            }
        }
    }
}

/// What the reader remembers of a run.
#[derive(Debug, Default)]
struct Past {
    /// When, and what was sent by then.
    sent: VecDeque<(Ticks, i64)>,
    outlook: Option<Phrase>,
}

async fn read(state: State) {
    let mut closed = state.0.live.closed.subscribe();
    let mut past: BTreeMap<i64, Past> = BTreeMap::new();
    let mut forecast = 0_u32;
    loop {
        let runs = state.0.live.runs();
        if runs.is_empty() {
            return;
        }
        past.retain(|run, _| runs.contains(run));
        let looked = async {
            if forecast.is_multiple_of(FORECAST) {
                reckon(&state.0, &runs, &mut past).await?;
            }
            look(&state.0, &runs, &mut past).await
        };
        match looked.await {
            Ok(looks) => state.0.live.tell(looks),
            Err(error) => tracing::warn!(%error, "could not look at the runs that are watched"),
        }
        forecast += 1;
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            // An error means that the state is gone.
            _ = closed.wait_for(|closed| *closed) => return,
        }
    }
}

/// When each run is done, beside all others.
async fn reckon(shared: &Shared, runs: &[i64], past: &mut BTreeMap<i64, Past>) -> Result<()> {
    let now = shared.parts.clock.millis();
    let lines = shared.parts.accounts.lines(shared.parts.clock.ticks());
    let work = outlook::work(&shared.parts.db, &shared.parts.active.runs()).await?;
    for run in runs {
        past.entry(*run).or_default().outlook = outlook::of_run(*run, &lines, &work, now).map(|told| told.told());
    }
    Ok(())
}

static ROWS: Sql =
    Sql::new(concat!("SELECT ", run_columns!(), " FROM run WHERE id IN (SELECT run FROM :rows($1; run BIGINT) AS wanted)"));

async fn look(shared: &Shared, runs: &[i64], past: &mut BTreeMap<i64, Past>) -> Result<Vec<Look>> {
    #[derive(Serialize)]
    struct Run {
        run: i64,
    }
    let list = crate::db::list(&runs.iter().map(|run| Run { run: *run }).collect::<Vec<_>>());
    let rows: Vec<RunRow> = on!(shared.parts.db.read, |pool, sql| sqlx::query_as(sql(&ROWS)).bind(&list).fetch_all(pool).await)?;
    let mut looks = Vec::new();
    for view in overview::views(shared, rows).await? {
        let past = past.entry(view.id).or_default();
        looks.push(of(shared, Card::of(view), past).await?);
    }
    Ok(looks)
}

/// A run as it stands now, for a page without script.
pub(super) async fn once(shared: &Shared, row: RunRow) -> Result<Option<Look>> {
    let Some(view) = overview::views(shared, vec![row]).await?.pop() else { return Ok(None) };
    let mut past = Past::default();
    Ok(Some(of(shared, Card::of(view), &mut past).await?))
}

async fn of(shared: &Shared, card: Card, past: &mut Past) -> Result<Look> {
    let parts = &shared.parts;
    let at = parts.clock.millis();
    let waits = match parts.active.get(card.run.id) {
        Some(run) => wait::of(&parts.db, &run, &parts.accounts.lines(parts.clock.ticks()), at).await?,
        None => Vec::new(),
    };
    let sent = card.sum(|state| {
        !matches!(state, Delivery::Pending | Delivery::Submitting | Delivery::Skipped | Delivery::Lapsed | Delivery::Cancelled)
    });
    let ticks = parts.clock.ticks();
    past.sent.push_back((ticks, sent));
    if past.sent.len() > RATED {
        past.sent.pop_front();
    }
    let per_second = past.sent.front().and_then(|(then, before)| rate(*before, sent, then.until(ticks)));
    let over = card.run.settled_at.is_some();
    let outlook = past.outlook.clone().filter(|_| !over && !card.run.paused && card.run.held.is_none());
    Ok(Look { card, waits, per_second, outlook, at, over })
}

/// Whole messages a second; none: no time has passed.
fn rate(before: i64, after: i64, passed: Duration) -> Option<i64> {
    let millis = i64::try_from(passed.as_millis()).ok().filter(|millis| *millis > 0)?;
    Some((after - before).max(0) * 1_000 / millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_needs_time() {
        assert_eq!(rate(10, 20, Duration::ZERO), None);
        assert_eq!(rate(10, 60, Duration::from_secs(10)), Some(5));
        assert_eq!(rate(60, 10, Duration::from_secs(10)), Some(0));
    }
}
