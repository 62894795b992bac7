//! Even spacing: the submissions of an account follow each other no closer than its slots, over all of its connections.
//!
//! A message takes as many slots as it has parts and is handed over at the first of them. Were its parts sent at once, a
//! second could hold more than the rate, and a carrier that looks at the time since the last submission (Jasmin does) would
//! refuse every long text, however low the rate.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The grain of a timer: who is early by less goes at once. The next turn is reckoned from the time that was due, so the
/// average stays.
const GRAIN: Duration = Duration::from_millis(1);
/// The parts of one message are never further apart: slower rates are kept by when messages are handed over.
const WIDEST: Duration = Duration::from_secs(1);

/// Whose turn it is to submit.
#[derive(Default)]
pub(super) struct Spacing(Mutex<Turns>);

#[derive(Default)]
struct Turns {
    apart: Duration,
    next: Option<Instant>,
}

impl Spacing {
    /// From one submission to the next from now on.
    pub(super) fn set(&self, apart: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).apart = apart.min(WIDEST);
    }

    /// Takes the next turn: how long until then.
    pub(super) fn turn(&self) -> Duration {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let due = turns.next.map_or(now, |next| next.max(now));
        turns.next = Some(due + turns.apart);
        let wait = due - now;
        if wait < GRAIN { Duration::ZERO } else { wait }
    }
}
