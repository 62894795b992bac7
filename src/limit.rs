//! Rates: never above an account's rate in any second, and at least 98 % of it used.
//!
//! A token bucket that holds b tokens and refills at r a second lets b + r through in its first second. So the bucket
//! here is small (1 % of the rate, at least one token) and refills a little slower than the rate, by just what the
//! bucket holds: whatever second one looks at, no more than the rate has passed. The small bucket is what lets timers
//! of a millisecond's grain carry thousands a second.

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

/// The shape of the bucket that keeps a [`Rate`]: tokens held at most, and the time in which one comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Tokens held at most.
    pub burst: u32,
    /// Time for one token.
    pub period: Duration,
}

impl Bucket {
    /// In any window of `rate.per`, at most `burst + (count - burst) = count` pass.
    pub fn of(rate: Rate) -> Self {
        let count = rate.count.max(1);
        let burst = (count / 100).max(1);
        let refills = count - burst + 1;
        // Rounded up to the nanosecond: never faster than the rate.
        let nanos = rate.per.as_nanos().div_ceil(u128::from(refills));
        Self { burst, period: Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)) }
    }
}

/// The local day that a daily quota counts at `at`.
pub fn quota_day(at: DateTime<Utc>) -> String {
    at.with_timezone(&chrono_tz::Asia::Ho_Chi_Minh).date_naive().to_string()
}

/// Paces one queue of sends.
pub struct Pace(RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>);

impl Pace {
    /// A full bucket for this rate.
    pub fn new(rate: Rate) -> Self {
        let bucket = Bucket::of(rate);
        let burst = NonZeroU32::new(bucket.burst).unwrap_or(NonZeroU32::MIN);
        // A period of zero is the only thing that governor refuses, and `Bucket::of` rounds up.
        let quota = Quota::with_period(bucket.period).unwrap_or_else(|| Quota::per_second(burst)).allow_burst(burst);
        Self(RateLimiter::direct_with_clock(quota, MonotonicClock))
    }

    /// Takes a token, or says how long to wait for one.
    pub fn take(&self) -> Result<(), Duration> {
        use governor::clock::Clock as _;
        self.0.check().map_err(|not_until| not_until.wait_time_from(MonotonicClock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Steps a bucket by hand: arrivals as fast as it lets them through, polled at a timer's grain of a millisecond.
    fn passes(rate: Rate, seconds: u64) -> Vec<u64> {
        let bucket = Bucket::of(rate);
        let clock = governor::clock::FakeRelativeClock::default();
        let burst = NonZeroU32::new(bucket.burst).unwrap();
        let limiter =
            RateLimiter::direct_with_clock(Quota::with_period(bucket.period).unwrap().allow_burst(burst), clock.clone());
        let mut times = Vec::new();
        for millisecond in 0..seconds * 1000 {
            while limiter.check().is_ok() {
                times.push(millisecond);
            }
            clock.advance(Duration::from_millis(1));
        }
        times
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
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
        let bucket = Bucket::of(Rate { count: 60, per: Duration::from_mins(1) });
        assert_eq!(bucket, Bucket { burst: 1, period: Duration::from_secs(1) });
    }
}
