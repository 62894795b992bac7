//! A run as pages show it: its state in one word, a table of its deliveries by state and channel, and the same as a bar.

use chrono_tz::Asia::Ho_Chi_Minh;
use providers::Channel;
use serde::Serialize;

use super::overview::RunView;
use crate::delivery;

/// A run as the page shows it.
#[derive(Debug, Serialize)]
pub(super) struct Card {
    #[serde(flatten)]
    pub run: RunView,
    /// Its state in one word.
    standing: &'static str,
    due: String,
    /// Channels that have deliveries, in the order of their numbers.
    channels: Vec<&'static str>,
    /// States that have deliveries, on their way from waiting to the end.
    pub states: Vec<Line>,
    /// Deliveries by what they mean to whoever looks at a bar.
    bar: Bar,
}

/// A state's counts, one a channel, and their sum.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    pub state: &'static str,
    tone: &'static str,
    counts: Vec<i64>,
    pub all: i64,
}

/// Where the pieces of a bar begin and how long they are, of a thousand.
#[derive(Debug, Serialize, Default)]
struct Bar {
    pieces: Vec<Piece>,
    /// Whole per cent of the deliveries that were sent or will not be.
    finished: i64,
}

#[derive(Debug, Serialize)]
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
    /// Of a run as it stands.
    pub fn of(run: RunView) -> Self {
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

impl Card {
    /// Deliveries in the states that `which` names.
    pub fn sum(&self, which: impl Fn(delivery::State) -> bool) -> i64 {
        let named = |name: &str| delivery::State::ALL.into_iter().find(|state| state.name() == name);
        self.states.iter().filter(|line| named(line.state).is_some_and(&which)).map(|line| line.all).sum()
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
