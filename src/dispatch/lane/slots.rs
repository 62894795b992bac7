//! The slots that a lane holds: moments at which its account's rate lets something go.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::delivery::slot::Reserved;

/// Slots in the order of their times.
#[derive(Debug, Default)]
pub(super) struct Slots {
    times: VecDeque<Instant>,
    /// From one to the next of those that were reserved last.
    period: Duration,
}

impl Slots {
    /// Adds slots that were reserved; the reply came at `arrived`.
    pub(super) fn hold(&mut self, arrived: Instant, reserved: Reserved) {
        let first = arrived + reserved.wait;
        self.period = reserved.period;
        self.times.extend((0..reserved.n).map(|i| first + reserved.period * i));
    }

    /// Throws away those whose time passed by more than `late`.
    pub(super) fn throw_away_stale(&mut self, late: Duration) {
        let now = Instant::now();
        while self.times.front().is_some_and(|slot| *slot + late < now) {
            self.times.pop_front();
        }
    }

    /// How far they are apart at the account's present pace.
    pub(super) const fn period(&self) -> Duration {
        self.period
    }

    /// The first one.
    pub(super) fn first(&self) -> Option<Instant> {
        self.times.front().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    /// Uses up the first `n`.
    pub(super) fn take(&mut self, n: usize) {
        self.times.drain(..n.min(self.times.len()));
    }

    pub(super) fn clear(&mut self) {
        self.times.clear();
    }
}
