//! The slots that a lane holds: moments at which its account's rate lets something go.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::delivery::slot::Reserved;

/// Slots in the order of their times.
#[derive(Debug, Default)]
pub(super) struct Slots(VecDeque<Instant>);

impl Slots {
    /// Adds slots that were reserved; the reply came at `arrived`.
    pub(super) fn hold(&mut self, arrived: Instant, reserved: Reserved) {
        let first = arrived + reserved.wait;
        self.0.extend((0..reserved.n).map(|i| first + reserved.period * i));
    }

    /// Throws away those whose time passed by more than `late`.
    pub(super) fn throw_away_stale(&mut self, late: Duration) {
        let now = Instant::now();
        while self.0.front().is_some_and(|slot| *slot + late < now) {
            self.0.pop_front();
        }
    }

    /// The first one.
    pub(super) fn first(&self) -> Option<Instant> {
        self.0.front().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Uses up the first `n`.
    pub(super) fn take(&mut self, n: usize) {
        self.0.drain(..n.min(self.0.len()));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
