//! How far ahead of its sends a lane claims.
//!
//! A claim costs a commit. A lane that claims no more than its window waits for one every few messages, where a gateway
//! answers sooner than a disk. What a crash leaves in doubt, and how far a warning has to overtake, are moments of time:
//! twice the window, or what the account just sent in a tenth of a second, where that is more.

use std::time::Duration;

use crate::clock::Ticks;

/// The time that claims reach ahead.
const AHEAD: Duration = Duration::from_millis(100);
/// What is claimed ahead by time, at most: longer transactions would hold up what others have to write.
const MOST: usize = 2_000;

/// Counts what lands, span by span.
#[derive(Debug, Default)]
pub(super) struct Depth {
    /// When the present span began.
    since: Ticks,
    present: usize,
    last: usize,
}

impl Depth {
    /// So many messages were answered.
    pub(super) fn landed(&mut self, n: usize, ticks: Ticks) {
        self.turn(ticks);
        self.present += n;
    }

    /// Messages that a lane with this window may own, in flight and waiting.
    pub(super) fn of(&mut self, window: usize, ticks: Ticks) -> usize {
        self.turn(ticks);
        self.present.max(self.last).min(MOST).max(2 * window)
    }

    fn turn(&mut self, ticks: Ticks) {
        let passed = self.since.until(ticks);
        if passed >= AHEAD {
            // Nothing is known of a span that nothing was counted in.
            self.last = if passed < 2 * AHEAD { self.present } else { 0 };
            (self.present, self.since) = (0, ticks);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_owns_twice_its_window_or_what_went_in_a_tenth_of_a_second() {
        let mut depth = Depth::default();
        let at = Ticks::at;
        assert_eq!(depth.of(10, at(1_000)), 20, "nothing was sent yet");
        depth.landed(15, at(1_010));
        assert_eq!(depth.of(10, at(1_050)), 20, "slower than its window");
        depth.landed(485, at(1_060));
        assert_eq!(depth.of(10, at(1_070)), 500);
        depth.landed(30, at(1_110));
        assert_eq!(depth.of(10, at(1_120)), 500, "as much as in the span before");
        assert_eq!(depth.of(10, at(1_215)), 30);
        assert_eq!(depth.of(10, at(1_500)), 20, "it stood still");
        depth.landed(1_000_000, at(1_500));
        assert_eq!((depth.of(10, at(1_501)), depth.of(10_000, at(1_501))), (2_000, 20_000));
    }
}
