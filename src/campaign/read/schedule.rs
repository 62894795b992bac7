//! `[period]` and `[cadence]`: when a campaign may run, and when it does by itself.

#![expect(
    clippy::unnecessary_wraps,
    reason = "a reader returns an option whether or not it can fail: that is what sections call"
)]

use std::str::FromStr as _;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Weekday};
use chrono_tz::Tz;

use crate::{
    campaign::{Cadence, Day, Holidays, OnHoliday, Period, Rule, cron_line},
    document::{Section, Value},
    phrase,
};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

pub(super) fn period(section: &mut Section<'_>) -> Option<Period> {
    let from = section.optional("from", |v| v.date());
    let through = section.optional("through", |v| {
        let through = v.date()?;
        match from {
            Some(from) if through < from => v.refuse(
                phrase!("ngày cuối {through} đứng trước ngày đầu {from}", "the last day, {through}, is before the first, {from}"),
                phrase!("đặt `through` từ {from} trở đi", "set `through` to {from} or later"),
            ),
            _ => Some(through),
        }
    });
    let phases = section.optional("phases", |v| v.section(|s| phases(s, from, through))).unwrap_or_default();
    Some(Period { from, through, phases })
}

fn phases(section: &mut Section<'_>, from: Option<NaiveDate>, through: Option<NaiveDate>) -> Option<Vec<(String, NaiveDate)>> {
    let mut phases: Vec<(String, NaiveDate)> = Vec::new();
    for (name, value) in section.rest() {
        let Some(first) = value.date() else { continue };
        if from.is_some_and(|from| first < from) || through.is_some_and(|through| first > through) {
            value.refuse::<()>(
                phrase!(
                    "giai đoạn `{name}` bắt đầu ngoài thời gian của chiến dịch",
                    "the phase `{name}` begins outside the period"
                ),
                phrase!("chọn một ngày từ `from` đến `through`", "choose a day from `from` to `through`"),
            );
        }
        if let Some((other, _)) = phases.iter().find(|(_, day)| *day == first) {
            value.refuse::<()>(
                phrase!(
                    "giai đoạn `{name}` và `{other}` bắt đầu cùng ngày",
                    "the phases `{name}` and `{other}` begin on the same day"
                ),
                phrase!("mỗi giai đoạn cần một ngày đầu riêng", "each phase needs a first day of its own"),
            );
        }
        phases.push((name.to_string(), first));
    }
    phases.sort_by_key(|(_, first)| *first);
    Some(phases)
}

pub(super) fn cadence(section: &mut Section<'_>, period: &Period) -> Option<Cadence> {
    let timezone = section.optional("timezone", |v| timezone(&v)).unwrap_or(Tz::Asia__Ho_Chi_Minh);
    let holidays = section
        .optional("holidays", |v| {
            v.choice(&[("send", OnHoliday::Send), ("skip", OnHoliday::Skip), ("next-workday", OnHoliday::NextWorkday)])
        })
        .unwrap_or(OnHoliday::Send);
    let late = section.optional("late", |v| v.duration(Duration::ZERO..=7 * DAY)).unwrap_or(6 * HOUR);
    let cron = section.value("cron");
    let rule = match cron {
        Some(value) if section.has("every") => {
            for key in ["every", "on", "at"] {
                section.value(key);
            }
            value.refuse(
                phrase!("`cron` và `every` không đi cùng nhau", "`cron` and `every` exclude each other"),
                phrase!("giữ một trong hai", "keep one of them"),
            )
        }
        Some(value) => cron_rule(&value),
        None => every(section),
    };
    let cadence = Cadence { rule: rule?, timezone, holidays, late };
    // Holidays apart, so that the verdict does not change with the table.
    let open = Cadence { holidays: OnHoliday::Send, ..cadence.clone() };
    if open.occurrences(period, DateTime::UNIX_EPOCH, &Holidays::default()).next().is_none() {
        return section.refuse(
            phrase!(
                "lịch này không rơi vào ngày nào trong thời gian của chiến dịch",
                "this cadence has no day within the period"
            ),
            phrase!("sửa [period] hoặc [cadence]", "change [period] or [cadence]"),
        );
    }
    Some(cadence)
}

fn cron_rule(value: &Value<'_>) -> Option<Rule> {
    match cron_line::parse(&value.line()?) {
        Ok((schedule, line)) => Some(Rule::Cron(Box::new(schedule), line)),
        Err(wrong) => value.refuse(
            wrong,
            phrase!(
                "ví dụ: \"0 30 8 * * Mon\" (giây phút giờ ngày tháng thứ)",
                "for example: \"0 30 8 * * Mon\" (seconds first)"
            ),
        ),
    }
}

fn timezone(value: &Value<'_>) -> Option<Tz> {
    let name = value.line()?;
    Tz::from_str(&name).ok().or_else(|| {
        // Of six hundred names one is always near: only a slip of a letter or two counts.
        let names = chrono_tz::TZ_VARIANTS.iter().map(|tz| tz.name());
        let near = names.min_by_key(|known| strsim::damerau_levenshtein(&name, known));
        let near = near.filter(|near| strsim::damerau_levenshtein(&name, near) <= 2).unwrap_or("Asia/Ho_Chi_Minh");
        value.refuse(
            phrase!("không có múi giờ \"{name}\"", "there is no time zone \"{name}\""),
            phrase!("viết tên như \"{near}\"", "write a name such as \"{near}\""),
        )
    })
}

/// Which `every` there is.
#[derive(Clone, Copy)]
enum Every {
    Once,
    Day,
    Week,
    Month,
    Quarter,
}

fn every(section: &mut Section<'_>) -> Option<Rule> {
    let every = section.required("every", |v| {
        v.choice(&[
            ("once", Every::Once),
            ("day", Every::Day),
            ("week", Every::Week),
            ("month", Every::Month),
            ("quarter", Every::Quarter),
        ])
    });
    let at = section.required("at", |v| v.time());
    let Some(every) = every else {
        section.value("on");
        return None;
    };
    match every {
        Every::Once => section.required("on", |v| v.date()).and_then(|date| Some(Rule::Once(date, at?))),
        Every::Day => section
            .value("on")
            .map_or(Some(()), |on| {
                on.refuse(
                    phrase!("`every = \"day\"` không đi với `on`", "`every = \"day\"` takes no `on`"),
                    phrase!("bỏ `on`, hoặc dùng every = \"week\"", "leave `on` out, or use every = \"week\""),
                )
            })
            .and_then(|()| Some(Rule::Day(at?))),
        Every::Week => section.required("on", |v| weekdays(&v)).and_then(|days| Some(Rule::Week(days, at?))),
        Every::Month => section.required("on", |v| day_of_month(&v)).and_then(|day| Some(Rule::Month(day, at?))),
        Every::Quarter => section
            .required("on", |v| {
                v.section(|s| {
                    let month = s.required("month", |v| v.integer(1..=3));
                    let day = s.required("day", |v| day_of_month(&v));
                    Some((u8::try_from(month?).ok()?, day?))
                })
            })
            .and_then(|(month, day)| Some(Rule::Quarter(month, day, at?))),
    }
}

fn weekdays(value: &Value<'_>) -> Option<Vec<Weekday>> {
    const DAYS: [(&str, Weekday); 7] = [
        ("mon", Weekday::Mon),
        ("tue", Weekday::Tue),
        ("wed", Weekday::Wed),
        ("thu", Weekday::Thu),
        ("fri", Weekday::Fri),
        ("sat", Weekday::Sat),
        ("sun", Weekday::Sun),
    ];
    let mut days = value.one_or_more(|day| day.choice(&DAYS))?;
    if days.is_empty() {
        return value.refuse(
            phrase!("`on` không có thứ nào", "`on` names no day"),
            phrase!("ví dụ: on = [\"mon\", \"thu\"]", "for example: on = [\"mon\", \"thu\"]"),
        );
    }
    days.sort_by_key(Weekday::num_days_from_monday);
    days.dedup();
    Some(days)
}

fn day_of_month(value: &Value<'_>) -> Option<Day> {
    if value.is_text() {
        return value.choice(&[("last", Day::Last)]);
    }
    Some(Day::Number(u8::try_from(value.integer(1..=31)?).ok()?))
}
