//! Times as a page shows them, in Vietnam's time.

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use chrono_tz::{Asia::Ho_Chi_Minh, Tz};

pub use crate::words::moment;
use crate::words::{self, Lang};

/// The local day of an instant (unix milliseconds).
pub fn day_of(millis: i64) -> NaiveDate {
    DateTime::from_timestamp_millis(millis).unwrap_or_default().with_timezone(&Ho_Chi_Minh).date_naive()
}

/// When something is due: `thứ Hai 23/11/2026, 08:30`, with the zone where it is not Vietnam's.
pub fn due(at: DateTime<Utc>, zone: Tz, lang: Lang) -> String {
    let local = at.with_timezone(&zone);
    let (weekday, day) = (words::weekday(local.weekday(), lang), words::date(local.date_naive(), lang));
    let zone = if zone == Ho_Chi_Minh { String::new() } else { format!(" ({})", zone.name()) };
    format!("{weekday} {day}, {}{zone}", local.format("%H:%M"))
}
