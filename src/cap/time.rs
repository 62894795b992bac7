//! A point in time as CAP writes it. What enters is a moment or a text; what leaves is the other. What can go wrong: the text is not
//! exactly of that shape, or names a day that there is not.

use chrono::{DateTime, FixedOffset, SubsecRound as _, TimeZone};

use crate::clock;

/// A point in time as CAP writes it: to the second, with its offset from UTC, and never with `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(DateTime<FixedOffset>);

impl Time {
    /// The second that this moment lies in. An offset that has seconds, or is beyond the fourteen hours that XML Schema knows,
    /// is written as UTC.
    pub fn new<Z: TimeZone>(at: &DateTime<Z>) -> Self {
        let at = at.fixed_offset().trunc_subsecs(0);
        let offset = at.offset().local_minus_utc();
        let plain = offset % 60 == 0 && offset.abs() <= 14 * 3_600;
        Self(if plain { at } else { at.to_utc().fixed_offset() })
    }

    /// A moment (unix milliseconds) by the clocks of Viet Nam.
    pub fn local(millis: i64) -> Self {
        Self::new(&clock::local(millis))
    }

    /// The same moment.
    pub const fn at(self) -> DateTime<FixedOffset> {
        self.0
    }

    /// `2026-11-22T08:30:00+07:00`; `2026-11-22T08:30:00Z`, a fraction of a second or an impossible day is none.
    pub fn parse(text: &str) -> Option<Self> {
        let shape = b"0000-00-00T00:00:00+00:00";
        let fits = text.len() == shape.len()
            && text.bytes().zip(shape).all(|(is, want)| match want {
                b'0' => is.is_ascii_digit(),
                b'+' => is == b'+' || is == b'-',
                _ => is == *want,
            });
        // chrono would take the sixtieth second for a leap second, and more than fourteen hours of offset.
        if !fits || &text[17..19] == "60" || &text[20..22] > "14" || (&text[20..22] == "14" && &text[23..] != "00") {
            return None;
        }
        let at = DateTime::parse_from_rfc3339(text).ok()?;
        (&text[..4] != "0000").then_some(Self(at))
    }
}

impl std::fmt::Display for Time {
    /// UTC is `-00:00`, as the standard has it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let local = self.0.format("%Y-%m-%dT%H:%M:%S");
        if self.0.offset().local_minus_utc() == 0 {
            write!(f, "{local}-00:00")
        } else {
            write!(f, "{local}{}", self.0.format("%:z"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_its_offset_and_never_a_z() {
        for text in ["2026-11-22T08:30:00+07:00", "2026-11-22T08:30:00-00:00", "1999-12-31T23:59:59-14:00"] {
            assert_eq!(Time::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Time::parse("2026-11-22T08:30:00+00:00").unwrap().to_string(), "2026-11-22T08:30:00-00:00");
        for text in [
            "2026-11-22T08:30:00Z",
            "2026-11-22T08:30:00",
            "2026-11-22T08:30:00.5+07:00",
            "2026-11-22 08:30:00+07:00",
            "2026-02-30T08:30:00+07:00",
            "2026-11-22T24:00:00+07:00",
            "2026-11-22T08:30:60+07:00",
            "2026-11-22T08:30:00+14:01",
            "2026-11-22T08:30:00,07:00",
            "0000-11-22T08:30:00+07:00",
            "",
            "2026-11-22T08:30:0é+07:0",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_moment_is_cut_to_its_second() {
        let at = DateTime::parse_from_rfc3339("2026-11-22T08:30:00.999+07:00").unwrap();
        assert_eq!(Time::new(&at).to_string(), "2026-11-22T08:30:00+07:00");
        assert_eq!(Time::new(&at.to_utc()).to_string(), "2026-11-22T01:30:00-00:00");
    }
}
