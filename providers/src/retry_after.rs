//! `Retry-After` (RFC 9110, §10.2.3): how long a server asks to be left alone. What enters are an answer's headers; what leaves is the
//! wait, which whoever waits bounds by what it waits for.

use std::time::Duration;

use ::http::{HeaderMap, header::RETRY_AFTER};
use chrono::{DateTime, NaiveDateTime};

/// The obsolete forms of a date, which a recipient must still take (§5.6.7): that of RFC 850, and that of C's `asctime`.
const OBSOLETE: [&str; 2] = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];

/// How long an answer asks to wait: in seconds, or until a date, told at `now` (unix milliseconds). None: it does not say, or the date is
/// over.
pub fn retry_after(headers: &HeaderMap, now: i64) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than fits is as long as can be.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    u64::try_from(date(text)?.checked_sub(now)?).ok().map(Duration::from_millis)
}

/// An HTTP date in unix milliseconds.
fn date(text: &str) -> Option<i64> {
    let obsolete = || OBSOLETE.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let at = DateTime::parse_from_rfc2822(text).map(|at| at.to_utc()).ok().or_else(|| obsolete().map(|at| at.and_utc()))?;
    Some(at.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1994-11-06 08:49:37, the example of the RFC.
    const EXAMPLE: i64 = 784_111_777_000;

    fn asked(value: &str, now: i64) -> Option<Duration> {
        retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]), now)
    }

    #[test]
    fn a_wait_is_told_in_seconds() {
        assert_eq!(asked("120", EXAMPLE), Some(Duration::from_mins(2)));
        assert_eq!(asked(" 0 ", EXAMPLE), Some(Duration::ZERO));
        assert_eq!(asked("99999999999999999999999", EXAMPLE), Some(Duration::from_secs(u64::MAX)));
        for none in ["", "-5", "+5", "1.5", "soon"] {
            assert_eq!(asked(none, EXAMPLE), None, "{none}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), EXAMPLE), None);
    }

    #[test]
    fn a_wait_may_be_a_date_in_each_form_of_one() {
        for date in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(asked(date, EXAMPLE - 60_000), Some(Duration::from_mins(1)), "{date}");
            assert_eq!(asked(date, EXAMPLE + 1), None, "it is over: {date}");
        }
    }
}
