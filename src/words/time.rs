//! Days and moments, as people of each language write them.

use chrono::{NaiveDate, Weekday};

use super::Lang;
use crate::clock::local;

/// A day, as people of that language write it.
pub fn date(day: NaiveDate, lang: Lang) -> String {
    day.format(lang.pick("%d/%m/%Y", "%Y-%m-%d")).to_string()
}

/// A moment (unix milliseconds) in Viet Nam, to the minute: `14:06 22/11/2026`.
pub fn moment(millis: i64, lang: Lang) -> String {
    let at = local(millis);
    let (time, day) = (at.format("%H:%M"), date(at.date_naive(), lang));
    match lang {
        Lang::Vi => format!("{time} {day}"),
        Lang::En => format!("{day} {time}"),
    }
}

/// The same, alike in every language.
pub fn minute(millis: i64) -> String {
    moment(millis, Lang::Vi)
}

/// A day of the week, as a calendar shortens it.
pub const fn weekday(day: Weekday, lang: Lang) -> &'static str {
    match (lang, day) {
        (Lang::Vi, Weekday::Mon) => "Thứ Hai",
        (Lang::Vi, Weekday::Tue) => "Thứ Ba",
        (Lang::Vi, Weekday::Wed) => "Thứ Tư",
        (Lang::Vi, Weekday::Thu) => "Thứ Năm",
        (Lang::Vi, Weekday::Fri) => "Thứ Sáu",
        (Lang::Vi, Weekday::Sat) => "Thứ Bảy",
        (Lang::Vi, Weekday::Sun) => "Chủ Nhật",
        (Lang::En, Weekday::Mon) => "Mon",
        (Lang::En, Weekday::Tue) => "Tue",
        (Lang::En, Weekday::Wed) => "Wed",
        (Lang::En, Weekday::Thu) => "Thu",
        (Lang::En, Weekday::Fri) => "Fri",
        (Lang::En, Weekday::Sat) => "Sat",
        (Lang::En, Weekday::Sun) => "Sun",
    }
}
