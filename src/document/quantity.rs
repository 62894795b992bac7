//! Quantities written as text: durations (`6h`, `30d`) and rates (`100/s`).

use std::{fmt::Write as _, time::Duration};

/// What a duration may look like, for messages.
pub const DURATION_HELP: &str = "30s, 90m, 6h, 30d";

const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// A duration such as `90m`, `6h`, `30d` or `1h30m`; none if it is nothing of the kind or longer than ten years.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut seconds = 0_u64;
    let mut largest = u64::MAX;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = rest[..digits].parse().ok()?;
        let (unit, size) = UNITS.into_iter().find(|(unit, _)| rest[digits..].starts_with(unit))?;
        if size >= largest {
            return None;
        }
        largest = size;
        seconds = seconds.checked_add(count.checked_mul(size)?)?;
        rest = &rest[digits + unit.len()..];
    }
    (seconds <= 3_653 * 86_400).then(|| Duration::from_secs(seconds))
}

/// A duration as [`duration`] reads it: `1h30m`.
pub fn describe_duration(duration: Duration) -> String {
    let mut rest = duration.as_secs();
    let mut out = String::new();
    for (unit, size) in UNITS {
        if rest >= size {
            // Writing into a String cannot fail.
            let _ = write!(out, "{}{unit}", rest / size);
            rest %= size;
        }
    }
    if out.is_empty() { "0s".to_string() } else { out }
}

/// A rate such as `100/s`, `60/m` or `3000/h`: how many in what time.
pub fn rate(text: &str) -> Option<(u32, Duration)> {
    let (count, unit) = text.trim().split_once('/')?;
    let per = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return None,
    };
    let count: u32 = count.trim().parse().ok()?;
    (count > 0).then_some((count, Duration::from_secs(per)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_strictly() {
        assert_eq!(duration("6h"), Some(Duration::from_hours(6)));
        assert_eq!(duration("1h30m"), Some(Duration::from_mins(90)));
        for wrong in ["", "6", "h", "6 h", "30m1h", "-1h", "6hh", "1w", "99999d", "6é"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn rates_are_read_strictly() {
        assert_eq!(rate("100/s"), Some((100, Duration::from_secs(1))));
        assert_eq!(rate("60 / m"), Some((60, Duration::from_mins(1))));
        for wrong in ["", "100", "0/s", "10/d", "-1/s", "1.5/s", "/s"] {
            assert_eq!(rate(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_reads_back(seconds in 0_u64..3_000 * 86_400) {
            let span = Duration::from_secs(seconds);
            prop_assert_eq!(duration(&describe_duration(span)), Some(span));
        }
    }
}
