//! Rates: never above an account's rate in any second, and at least 98 % of it used.
//!
//! A bucket that holds b tokens and refills at r a second lets b + r through in its first second; one that holds a single
//! token loses, at each, what a timer wakes late. So the bucket here forgives a send for coming up to [`LATENESS`] late,
//! and its tokens come back as if each second had that much more to spare: whatever second one looks at, no more than the
//! rate has passed, and a timer's grain costs nothing.

use std::num::NonZeroU32;
use std::time::Duration;

use chrono::{DateTime, Utc};
use governor::{
    Quota, RateLimiter,
    clock::MonotonicClock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};

use crate::config::Rate;

/// How late a send may come after its time without losing its share of the rate: several grains of a timer.
pub const LATENESS: Duration = Duration::from_millis(10);

/// A message is so many cells of the bucket, which counts in whole ones: a fraction of a message can be forgiven.
const CELLS: u32 = 64;

/// The shape of the bucket that keeps a [`Rate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// The time in which one message's share comes back.
    pub period: Duration,
    cell: Duration,
    cells: u32,
}

impl Bucket {
    /// In any window of `rate.per`, fewer than (per + lateness) / period <= count further messages follow the first.
    pub fn of(rate: Rate) -> Self {
        let spared = (rate.per + LATENESS).as_nanos();
        // Rounded up to the nanosecond: never faster than the rate.
        let cell = spared.div_ceil(u128::from(rate.count.max(1)) * u128::from(CELLS)).max(1);
        let forgiven = u32::try_from(LATENESS.as_nanos() / cell).unwrap_or(u32::MAX - CELLS);
        let cell = Duration::from_nanos(u64::try_from(cell).unwrap_or(u64::MAX / u64::from(CELLS)));
        Self { period: cell * CELLS, cell, cells: CELLS + forgiven }
    }

    fn quota(self) -> Quota {
        let cells = NonZeroU32::new(self.cells).unwrap_or(NonZeroU32::MIN);
        // A period of zero is the only thing that governor refuses, and `Bucket::of` rounds up.
        Quota::with_period(self.cell).unwrap_or_else(|| Quota::per_second(cells)).allow_burst(cells)
    }
}

/// The cells of one message.
fn message() -> NonZeroU32 {
    NonZeroU32::new(CELLS).unwrap_or(NonZeroU32::MIN)
}

/// The local day that a daily quota counts at `at`.
pub fn quota_day(at: DateTime<Utc>) -> String {
    at.with_timezone(&chrono_tz::Asia::Ho_Chi_Minh).date_naive().to_string()
}

/// Paces one queue of sends: the limiter, and the messages that its bucket holds at once.
pub struct Pace(RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>, u32);

impl Pace {
    /// A full bucket for this rate.
    pub fn new(rate: Rate) -> Self {
        let bucket = Bucket::of(rate);
        Self(RateLimiter::direct_with_clock(bucket.quota(), MonotonicClock), bucket.cells / CELLS)
    }

    /// Takes the share of `n` slots, or says how long to wait for it. What exceeds the bucket is taken as far as it goes: such
    /// a message waits for its slots besides.
    pub fn take(&self, n: u32) -> Result<(), Duration> {
        use governor::clock::Clock as _;
        let cells = message().saturating_mul(NonZeroU32::new(n.min(self.1)).unwrap_or(NonZeroU32::MIN));
        match self.0.check_n(cells) {
            Ok(taken) => taken.map_err(|not_until| not_until.wait_time_from(MonotonicClock.now())),
            // The bucket holds at least one message's cells.
            Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Steps a bucket by hand: arrivals as fast as it lets them through, polled at a timer's grain of a millisecond.
    fn passes(rate: Rate, seconds: u64) -> Vec<u64> {
        let clock = governor::clock::FakeRelativeClock::default();
        let limiter = RateLimiter::direct_with_clock(Bucket::of(rate).quota(), clock.clone());
        let mut times = Vec::new();
        for millisecond in 0..seconds * 1000 {
            while limiter.check_n(message()).unwrap().is_ok() {
                times.push(millisecond);
            }
            clock.advance(Duration::from_millis(1));
        }
        times
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_second_is_above_the_rate_and_98_percent_is_used(count in 1u32..6000) {
            let rate = Rate { count, per: Duration::from_secs(1) };
            let times = passes(rate, 4);
            for (i, start) in times.iter().enumerate() {
                let within = times[i..].iter().take_while(|t| **t < start + 1000).count();
                prop_assert!(within <= count as usize, "{within} in one second at {count}/s");
            }
            prop_assert!(times.len() * 100 >= count as usize * 4 * 98, "{} in 4 s at {count}/s", times.len());
        }
    }

    #[test]
    fn sixty_a_minute_is_one_a_second() {
        let period = Bucket::of(Rate { count: 60, per: Duration::from_mins(1) }).period;
        assert!(period >= Duration::from_secs(1) && period < Duration::from_millis(1001), "{period:?}");
    }
}
