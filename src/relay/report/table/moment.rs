//! Moments as people type them: `22/11/2026 08:30`, `8h30 ngày 22/11/2026`, `2026-11-22T08:30:00+07:00`; in Viet Nam's time where they
//! do not say whose.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};

use crate::{phrase, words::Phrase};

/// What a day without a time stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    /// Nothing: the time is needed.
    None,
    /// Its first moment.
    Begins,
    /// Its last minute.
    Ends,
}

/// Viet Nam has one offset, and no summer time.
const OFFSET: i32 = 7 * 3600;

/// The moment that a text names, in unix milliseconds.
pub(super) fn read(text: &str, day: Day) -> Result<i64, Phrase> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.timestamp_millis());
    }
    let wrong = || {
        phrase!(
            "`{text}` không phải thời điểm: ghi như 22/11/2026 08:30",
            "`{text}` is no time: write 22/11/2026 08:30 or 2026-11-22T08:30:00+07:00"
        )
    };
    let lower = text.to_lowercase().replace(',', " ");
    let (mut date, mut time) = (None, None);
    let words = lower.split_whitespace().filter(|word| !["ngày", "lúc", "on", "at"].contains(word));
    for word in words.flat_map(|word| word.split('t')) {
        match (date_of(word), time_of(word)) {
            (Some(found), _) if date.is_none() => date = Some(found),
            (_, Some(found)) if time.is_none() => time = Some(found),
            _ => return Err(wrong()),
        }
    }
    let date = date.ok_or_else(wrong)?;
    let time = match (time, day) {
        (Some(time), _) => time,
        (None, Day::Begins) => NaiveTime::MIN,
        (None, Day::Ends) => NaiveTime::from_hms_opt(23, 59, 0).unwrap_or_default(),
        (None, Day::None) => {
            return Err(phrase!(
                "`{text}` thiếu giờ: ghi như 22/11/2026 08:30",
                "`{text}` lacks the time: write 22/11/2026 08:30"
            ));
        }
    };
    let offset = FixedOffset::east_opt(OFFSET).ok_or_else(wrong)?;
    let at = NaiveDateTime::new(date, time).and_local_timezone(offset).single().ok_or_else(wrong)?;
    Ok(at.timestamp_millis())
}

/// The day comes before the month, as everywhere but in America.
fn date_of(word: &str) -> Option<NaiveDate> {
    use chrono::Datelike as _;
    let formats = ["%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y"];
    let date = formats.into_iter().find_map(|format| NaiveDate::parse_from_str(word, format).ok())?;
    (2000..2100).contains(&date.year()).then_some(date)
}

/// `08:30`, `08:30:00`, `8h30`, `8h`, `8g30`.
fn time_of(word: &str) -> Option<NaiveTime> {
    let word = word.replace(['h', 'g'], ":");
    let word = if word.ends_with(':') { format!("{word}00") } else { word };
    ["%H:%M", "%H:%M:%S"].into_iter().find_map(|format| NaiveTime::parse_from_str(&word, format).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_type_them() {
        let half_past_eight = 1_795_311_000_000;
        for text in [
            "2026-11-22T08:30:00+07:00",
            "2026-11-22T01:30:00Z",
            "2026-11-22T08:30:00",
            "2026-11-22 08:30",
            "22/11/2026 08:30",
            "22/11/2026, 8h30",
            "8h30 ngày 22/11/2026",
            "08:30 22-11-2026",
            " lúc 08g30 ngày 22.11.2026 ",
        ] {
            assert_eq!(read(text, Day::None).ok(), Some(half_past_eight), "{text}");
        }
        assert_eq!(read("22/11/2026 8h", Day::None).ok(), Some(half_past_eight - 30 * 60_000));
        for text in [
            "",
            "22/11/2026",
            "08:30",
            "11/22/2026 08:30",
            "22/11/26 08:30",
            "hôm qua",
            "22/11/2026 08:30 09:00",
            "22/11/2026 8",
            "45983.35",
        ] {
            assert!(read(text, Day::None).is_err(), "{text}");
        }
        assert_eq!(read("22/11/2026", Day::Begins).ok(), Some(half_past_eight - 510 * 60_000));
        assert_eq!(read("22/11/2026", Day::Ends).ok(), Some(half_past_eight + 929 * 60_000));
    }
}
