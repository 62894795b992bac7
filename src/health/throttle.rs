//! An account that was faster than its gateway takes messages: pure. It rests, goes on at half its pace, and gains speed
//! again as long as nobody complains.

use std::time::Duration;

/// The whole of the configured rate, in the thousandths that a pace is counted in.
pub const FULL: i64 = 1_000;
/// The slowest pace: a gateway that refuses even that is not too slow, but broken.
const LEAST: i64 = 25;
/// A tenth of the pace comes back after each [`EVERY`] without a complaint. Of the pace, not of the rate: where the rate was
/// set far too high, the step back must not be as far too high.
const TENTH: i64 = 10;
const EVERY: i64 = 5_000;
/// The first rest; each further one twice as long, as long as the gateway takes nothing in between.
const FIRST_REST: i64 = 1_000;
const LONGEST_REST: i64 = 60_000;
/// A complaint within this after a rest makes the next one longer.
const SOON: i64 = 60_000;
/// What a gateway may ask for at most; a time further off than this is one of a clock since set back.
const FAR: i64 = 3_600_000;

/// How fast one account may go, on all nodes. Times are unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// Thousandths of the configured rate.
    pub pace: i64,
    /// When the pace last changed.
    pub changed_at: i64,
    /// Nothing goes before.
    pub rests_until: i64,
    /// Rests in a row, without a message taken between them.
    pub rests: i64,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { pace: FULL, changed_at: 0, rests_until: 0, rests: 0 }
    }
}

impl Throttle {
    /// Until when it rests, if it does at `now`.
    pub const fn rests(&self, now: i64) -> Option<i64> {
        if now < self.rests_until && self.rests_until <= now + FAR { Some(self.rests_until) } else { None }
    }

    /// The gateway complained; `after` is its own word on how long to wait, `worked_at` when it last took a message. None: it
    /// rests already, and long enough. Many sends in flight are refused together: they are one complaint.
    pub fn throttled(self, now: i64, after: Option<Duration>, worked_at: i64) -> Option<Self> {
        let after = after.map_or(0, |after| i64::try_from(after.as_millis()).unwrap_or(FAR).min(FAR));
        if self.rests(now).is_some() {
            return (now + after > self.rests_until).then(|| Self { rests_until: now + after, ..self });
        }
        let worked = self.rests_until <= worked_at && worked_at <= now;
        let again = self.rests_until <= now && now < self.rests_until + SOON && !worked;
        let rests = if again { (self.rests + 1).min(16) } else { 1 };
        let rest = (FIRST_REST << (rests - 1)).min(LONGEST_REST).max(after);
        Some(Self { pace: (self.pace / 2).max(LEAST), changed_at: now, rests_until: now + rest, rests })
    }

    /// As it stands at `now`, if nobody complained since.
    #[must_use]
    pub fn recovered(self, now: i64) -> Self {
        let since = self.changed_at.max(self.rests_until);
        // Both lie ahead of a clock that was set back: it counts from there on.
        if since > now + FAR {
            return Self { changed_at: now, rests_until: now, ..self };
        }
        let steps = (now - since).max(0) / EVERY;
        if steps == 0 || self.pace >= FULL {
            return self;
        }
        let pace = (0..steps).try_fold(self.pace, |pace, _| Some(pace + (pace / TENTH).max(1)).filter(|pace| *pace < FULL));
        let pace = pace.unwrap_or(FULL);
        Self { pace, changed_at: since + steps * EVERY, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_halves_rests_longer_each_time_and_comes_back() {
        let first = Throttle::default().throttled(100_000, None, 0).unwrap();
        assert_eq!((first.pace, first.rests(100_000), first.rests(101_000)), (500, Some(101_000), None));
        assert_eq!(first.throttled(100_500, None, 0), None, "one complaint, however many sends were in flight");
        let second = first.throttled(101_000, None, 100_900).unwrap();
        assert_eq!((second.pace, second.rests_until), (250, 103_000));
        assert_eq!(second.recovered(107_999).pace, 250);
        assert_eq!(second.recovered(108_000).pace, 275);
        assert_eq!(second.recovered(103_000 + 15 * 5_000).pace, FULL);
        let later = second.recovered(400_000).throttled(400_000, None, 0).unwrap();
        assert_eq!((later.pace, later.rests_until), (500, 401_000), "that was long ago");
    }

    #[test]
    fn what_was_taken_since_the_rest_makes_the_next_one_short_again() {
        let twice = Throttle::default().throttled(0, None, 0).unwrap().throttled(1_000, None, 900).unwrap();
        assert_eq!((twice.rests, twice.rests_until), (2, 3_000));
        let taken = twice.throttled(3_500, None, 3_200).unwrap();
        assert_eq!((taken.rests, taken.rests_until, taken.pace), (1, 4_500, 125), "slower all the same");
        let ahead = twice.throttled(3_500, None, 9_000_000).unwrap();
        assert_eq!(ahead.rests, 3, "a clock that was set back proves nothing");
    }

    #[test]
    fn the_gateways_own_word_counts() {
        let told = Throttle::default().throttled(0, Some(Duration::from_secs(30)), 0).unwrap();
        assert_eq!(told.rests_until, 30_000);
        let more = told.throttled(1_000, Some(Duration::from_mins(1)), 0).unwrap();
        assert_eq!((more.rests_until, more.pace), (61_000, 500), "a longer rest, not a slower pace");
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nothing_up() {
        let ahead = Throttle { pace: 500, changed_at: 90_000_000, rests_until: 90_001_000, rests: 1 };
        assert_eq!(ahead.rests(0), None);
        assert_eq!(ahead.recovered(0).recovered(50_000).pace, FULL);
    }

    proptest! {
        #[test]
        fn never_above_the_rate_never_stuck_and_back_in_the_end(
            steps in prop::collection::vec((0i64..120_000, prop::option::of(0u64..100_000), any::<bool>(), 0i64..60_000), 1..60)
        ) {
            let (mut throttle, mut now) = (Throttle::default(), 1_000_000);
            for (passed, after, complains, worked) in steps {
                now += passed;
                let recovered = throttle.recovered(now);
                prop_assert!(recovered.pace >= throttle.pace, "time alone never slows it");
                throttle = recovered;
                if complains {
                    let slower = throttle.throttled(now, after.map(Duration::from_millis), now - worked).unwrap_or(throttle);
                    prop_assert!(slower.pace <= throttle.pace && slower.rests_until >= throttle.rests_until);
                    throttle = slower;
                }
                prop_assert!((LEAST..=FULL).contains(&throttle.pace));
                prop_assert!(throttle.rests_until <= now + FAR);
            }
            let rested = now.max(throttle.rests_until);
            prop_assert_eq!(throttle.recovered(rested + 45 * EVERY).pace, FULL);
            prop_assert_eq!(throttle.rests(rested), None);
            // Looked at every second or once, it comes to the same.
            let mut often = throttle;
            for second in 0..100 {
                often = often.recovered(rested + second * 1_000);
            }
            prop_assert_eq!(often.pace, throttle.recovered(rested + 99_000).pace);
        }
    }
}
