//! `/`: how the runs and the accounts stand, to be read and not to be changed. `/api/v1/runs` is the same for machines.

use axum::{
    Router,
    extract::{self, Query},
    http::StatusCode,
    response::Response,
    routing::get,
};
use chrono::DateTime;
use chrono_tz::Asia::Ho_Chi_Minh;
use minijinja::{Value, context, value::Serde};
use providers::Channel;
use serde::{Deserialize, Serialize};

use super::{
    Shared, State, accounts,
    overview::{self, RunView},
    reader::Reader,
};
use crate::{
    account::trouble::{self, Trouble},
    db::Result,
    delivery, request,
};

/// Runs under way on the page; more than this many at once nobody reads.
const UNDER_WAY: i64 = 30;
/// Runs that are over on the page.
const SETTLED: i64 = 15;

pub(super) fn routes() -> Router<State> {
    Router::new().route("/", get(show))
}

#[derive(Deserialize)]
struct Switches {
    /// `off`: the page stays as it is.
    refresh: Option<String>,
}

async fn show(
    extract::State(State(state)): extract::State<State>,
    Reader(lang): Reader,
    Query(switches): Query<Switches>,
) -> Response {
    match look(&state).await {
        Ok(Look { under_way, settled, troubles, requests }) => {
            let now = state.parts.clock.millis();
            let values = context! {
                now => local(now),
                started => local(state.started),
                version => env!("CARGO_PKG_VERSION"),
                refresh => switches.refresh.as_deref() != Some("off"),
                requests => Value::from(Serde(&requests)),
                under_way => Value::from(Serde(&under_way)),
                settled => Value::from(Serde(&settled)),
                accounts => Value::from(Serde(&accounts::all(&state.parts.accounts, state.parts.clock.ticks(), &troubles, lang))),
            };
            state.pages.show(StatusCode::OK, "status", lang, values)
        }
        Err(error) => {
            tracing::error!(%error, "the status page could not be shown");
            state.pages.unavailable(lang)
        }
    }
}

/// What the page shows.
struct Look {
    under_way: Vec<Card>,
    settled: Vec<Card>,
    troubles: Vec<Trouble>,
    requests: request::Queue,
}

async fn look(state: &Shared) -> Result<Look> {
    let under_way = overview::under_way(state, UNDER_WAY).await?;
    let settled = overview::settled(state, SETTLED).await?;
    let troubles = trouble::present(&state.parts.db).await?;
    let requests = request::queue(&state.parts.db, state.parts.clock.millis()).await?;
    let cards = |runs: Vec<RunView>| runs.into_iter().map(Card::of).collect();
    Ok(Look { under_way: cards(under_way), settled: cards(settled), troubles, requests })
}

/// The local time of an instant (unix milliseconds), as people write it in Vietnam.
fn local(millis: i64) -> String {
    let at = DateTime::from_timestamp_millis(millis).unwrap_or_default();
    at.with_timezone(&Ho_Chi_Minh).format("%H:%M:%S %d/%m/%Y").to_string()
}

/// A run as the page shows it.
#[derive(Serialize)]
struct Card {
    #[serde(flatten)]
    run: RunView,
    /// Its state in one word.
    standing: &'static str,
    due: String,
    /// Channels that have deliveries, in the order of their numbers.
    channels: Vec<&'static str>,
    /// States that have deliveries, on their way from waiting to the end.
    states: Vec<Line>,
    /// Deliveries by what they mean to whoever looks at a bar.
    bar: Bar,
}

/// A state's counts, one a channel, and their sum.
#[derive(Serialize)]
struct Line {
    state: &'static str,
    tone: &'static str,
    counts: Vec<i64>,
    all: i64,
}

/// Where the pieces of a bar begin and how long they are, of a thousand.
#[derive(Serialize, Default)]
struct Bar {
    pieces: Vec<Piece>,
    /// Whole per cent of the deliveries that were sent or will not be.
    finished: i64,
}

#[derive(Serialize)]
struct Piece {
    tone: &'static str,
    from: i64,
    length: i64,
}

/// What a state means: it reached the person, it is with the gateway, it failed, it was not sent, or it is yet to come.
const fn tone(state: delivery::State) -> &'static str {
    use delivery::State;
    match state {
        State::Delivered | State::Seen => "reached",
        State::Accepted | State::Enroute => "sent",
        State::Undelivered | State::Expired | State::Rejected | State::Unknown => "failed",
        State::Skipped | State::Lapsed | State::Cancelled => "unsent",
        State::Pending | State::Submitting | State::InDoubt => "waiting",
    }
}

/// The order of the pieces of a bar.
const TONES: [&str; 4] = ["reached", "sent", "failed", "unsent"];

impl Card {
    fn of(run: RunView) -> Self {
        let channels: Vec<_> =
            Channel::ALL.iter().map(|channel| channel.name()).filter(|name| run.counts.contains_key(name)).collect();
        let states = delivery::State::ALL.iter().filter_map(|state| {
            let count = |channel: &&str| run.counts.get(channel).and_then(|of| of.get(state.name())).copied().unwrap_or(0);
            let counts: Vec<i64> = channels.iter().map(count).collect();
            let all = counts.iter().sum();
            (all > 0).then_some(Line { state: state.name(), tone: tone(*state), counts, all })
        });
        let states: Vec<_> = states.collect();
        let due = run.due_at.map(|at| at.with_timezone(&Ho_Chi_Minh).format("%H:%M %d/%m/%Y").to_string());
        Self { standing: run.standing(), due: due.unwrap_or_default(), bar: Bar::of(&run, &states), channels, states, run }
    }
}

impl Bar {
    fn of(run: &RunView, states: &[Line]) -> Self {
        if run.deliveries <= 0 {
            return Self::default();
        }
        let mut before = 0;
        let mut pieces = Vec::new();
        for tone in TONES {
            let count: i64 = states.iter().filter(|line| line.tone == tone).map(|line| line.all).sum();
            // Both ends are rounded alike, so that neighbours meet.
            let (from, to) = (before * 1_000 / run.deliveries, (before + count) * 1_000 / run.deliveries);
            before += count;
            if to > from {
                pieces.push(Piece { tone, from, length: to - from });
            }
        }
        Self { pieces, finished: (run.deliveries - run.unfinished) * 100 / run.deliveries }
    }
}
