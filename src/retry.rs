//! When a message that was definitely not taken is tried again: exponential backoff with jitter, pure.

use std::time::Duration;

/// Tries of one message at most; failures of the account use none up.
pub const MOST_TRIES: i16 = 6;

/// The first wait; each further one is four times as long: 5 s, 20 s, 80 s, 5 min, 21 min.
const FIRST: Duration = Duration::from_secs(5);
const GROWTH: u32 = 4;
const LONGEST: Duration = Duration::from_mins(30);

/// How long to wait before try number `tries + 1`, given that `tries` failed (at least 1) and the gateway's own word.
///
/// `jitter` is a random number in 0…1: it spreads the wait over ±25 %, so that a thousand messages that failed
/// together do not come back together. The gateway's word is a lower bound, spread upwards only.
pub fn wait(tries: i16, asked: Option<Duration>, jitter: f64) -> Duration {
    let exponent = u32::try_from(tries.max(1) - 1).unwrap_or(0).min(12);
    let backoff = FIRST.saturating_mul(GROWTH.saturating_pow(exponent)).min(LONGEST);
    let jitter = jitter.clamp(0.0, 1.0);
    match asked {
        Some(asked) if asked >= backoff => asked.mul_f64(1.0 + jitter * 0.25),
        Some(_) | None => backoff.mul_f64(0.75 + jitter * 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        let waits: Vec<u64> = (1..9).map(|n| wait(n, None, 0.5).as_secs()).collect();
        assert_eq!(waits, [5, 20, 80, 320, 1280, 1800, 1800, 1800]);
    }

    #[test]
    fn the_gateways_word_is_a_lower_bound() {
        let asked = Duration::from_mins(2);
        for step in 0..=10 {
            assert!(wait(1, Some(asked), f64::from(step) / 10.0) >= asked);
        }
        assert!(
            wait(4, Some(Duration::from_secs(1)), 0.0) >= Duration::from_mins(4),
            "a short word does not shorten the backoff"
        );
    }
}
