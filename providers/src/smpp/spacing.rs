//! Even spacing: the submissions of an account follow each other no closer than its slots, over all of its connections.
//!
//! A message takes as many slots as it has parts and is handed over at the first of them. Were its parts sent at once, a
//! second could hold more than the rate, and a carrier that looks at the time since the last submission (Jasmin does) would
//! refuse every long text, however low the rate.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// The grain of a timer: who is early by less goes at once.
const GRAIN: Duration = Duration::from_millis(1);
/// The parts of one message are never further apart: slower rates are kept by when messages are handed over.
const WIDEST: Duration = Duration::from_secs(1);

/// Whose turn it is to submit.
#[derive(Default)]
pub(super) struct Spacing(Mutex<Turns>);

#[derive(Default)]
struct Turns {
    apart: Duration,
    /// When the next turn is due, reckoned from when the one before was due: what comes late does not lower the average.
    next: Option<Instant>,
    /// When somebody went last.
    last: Option<Instant>,
}

impl Spacing {
    /// From one submission to the next from now on.
    pub(super) fn set(&self, apart: Duration) {
        self.turns().apart = apart.min(WIDEST);
    }

    /// Waits for the next turn. How long that took.
    pub(super) async fn turn(&self) -> Duration {
        let begun = Instant::now();
        let mut due = self.turns().take(begun);
        loop {
            let wait = due.saturating_duration_since(Instant::now());
            if wait >= GRAIN {
                sleep(wait).await;
            }
            match self.turns().go(Instant::now()) {
                Ok(()) => return begun.elapsed(),
                Err(earliest) => due = earliest,
            }
        }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns {
    /// Takes the next turn: when it is.
    fn take(&mut self, now: Instant) -> Instant {
        let due = self.next.map_or(now, |next| next.max(now));
        self.next = Some(due + self.apart);
        due
    }

    /// Goes, unless the one before was so late that this would follow too closely: then when it may.
    fn go(&mut self, now: Instant) -> Result<(), Instant> {
        match self.last.map(|last| last + self.apart * 3 / 4) {
            Some(earliest) if earliest.saturating_duration_since(now) >= GRAIN => Err(earliest),
            _ => {
                self.last = Some(now);
                Ok(())
            }
        }
    }
}
