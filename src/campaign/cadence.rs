//! When a campaign runs by itself.
//!
//! Rules are worked out in wall-clock time, which knows no summer time, and turned into instants last: an hour that a
//! zone skips becomes the next minute that exists, and an hour that it repeats is taken once, the first time. So every
//! rule, cron lines included, keeps the same promises: occurrences are strictly ascending, lie within the period, and no
//! two share a key.

use std::collections::BTreeMap;

use chrono::{
    DateTime, Datelike as _, Days, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeZone as _, Utc,
};
use chrono_tz::Tz;

use super::{Cadence, Campaign, Day, Holidays, OnHoliday, Period, Rule};

/// Looking back this far finds every day that a holiday policy can move past today; also the farthest that it moves.
const FARTHEST_MOVE: Days = Days::new(31);

/// Where rotation begins for a campaign whose period has no first day: 1 January 2025, older than any installation.
pub const ROTATION_START: NaiveDate = match NaiveDate::from_ymd_opt(2025, 1, 1) {
    Some(date) => date,
    None => NaiveDate::MIN,
};

/// One due time of a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// What makes it unique within its campaign: the local date for a cadence, the RFC 3339 instant for a cron line.
    pub key: String,
    /// The instant.
    pub due: DateTime<Utc>,
    /// The local date.
    pub date: NaiveDate,
    /// The day that it would have had, where a holiday moved it.
    pub moved_from: Option<NaiveDate>,
}

impl Campaign {
    /// The occurrences after an instant, strictly ascending; endless unless the period or the rule ends.
    pub fn occurrences(&self, after: DateTime<Utc>, holidays: &Holidays) -> impl Iterator<Item = Occurrence> {
        self.cadence.iter().flat_map(move |cadence| cadence.occurrences(&self.period, after, holidays))
    }

    /// How many occurrences this campaign had before an instant, since its period began (without `from`: since
    /// [`ROTATION_START`]): whose turn it is in the rotation. It is worked out from the definition alone, so that every
    /// scheduler, and `loa plan`, names the same message.
    pub fn turn(&self, due: DateTime<Utc>, holidays: &Holidays) -> u64 {
        let Some(cadence) = &self.cadence else { return 0 };
        let start = self.period.from.unwrap_or(ROTATION_START);
        let before = instant(cadence.timezone, start.and_time(NaiveTime::MIN)) - Duration::milliseconds(1);
        let earlier = self.occurrences(before, holidays).take_while(|occurrence| occurrence.due < due);
        u64::try_from(earlier.count()).unwrap_or(u64::MAX)
    }
}

impl Cadence {
    /// The occurrences of this rule within a period after an instant, strictly ascending.
    pub fn occurrences(&self, period: &Period, after: DateTime<Utc>, holidays: &Holidays) -> impl Iterator<Item = Occurrence> {
        let today = after.with_timezone(&self.timezone).date_naive();
        let back = today.checked_sub_days(FARTHEST_MOVE).unwrap_or(NaiveDate::MIN);
        let start = period.from.map_or(back, |from| from.max(back));
        let end = period.through.unwrap_or(NaiveDate::MAX);
        let mut walls = self.rule.walls(start).take_while(move |wall| wall.date() <= end).peekable();
        let mut waiting: BTreeMap<DateTime<Utc>, Occurrence> = BTreeMap::new();
        let mut last = after;
        std::iter::from_fn(move || {
            loop {
                let next = walls.peek().copied();
                // Nothing moves to an earlier day: what lies before the next day to be read is complete.
                let complete = waiting.first_entry().filter(|first| next.is_none_or(|wall| first.get().date < wall.date()));
                if let Some(first) = complete {
                    let occurrence = first.remove();
                    if occurrence.due > last && occurrence.date <= end {
                        last = occurrence.due;
                        return Some(occurrence);
                    }
                    continue;
                }
                let wall = next?;
                walls.next();
                let Some(date) = self.placed(wall.date(), holidays) else { continue };
                let due = instant(self.timezone, date.and_time(wall.time()));
                let moved_from = (date != wall.date()).then(|| wall.date());
                // The day's own occurrence and one moved onto it are one, and it is the day's own.
                if moved_from.is_none() || !waiting.contains_key(&due) {
                    waiting.insert(due, Occurrence { key: self.key(date, due), due, date, moved_from });
                }
            }
        })
    }

    /// The day on which what falls on `date` takes place; none if it does not.
    fn placed(&self, date: NaiveDate, holidays: &Holidays) -> Option<NaiveDate> {
        if !holidays.contains(date) {
            return Some(date);
        }
        match self.holidays {
            OnHoliday::Send => Some(date),
            OnHoliday::Skip => None,
            OnHoliday::NextWorkday => {
                let farthest = date.checked_add_days(FARTHEST_MOVE)?;
                date.iter_days().take_while(|day| *day <= farthest).find(|day| holidays.is_workday(*day))
            }
        }
    }

    fn key(&self, date: NaiveDate, due: DateTime<Utc>) -> String {
        match self.rule {
            Rule::Cron(..) => due.to_rfc3339_opts(SecondsFormat::Secs, true),
            _ => date.to_string(),
        }
    }
}

impl Rule {
    /// Wall-clock times from a day on, ascending.
    fn walls(&self, start: NaiveDate) -> Box<dyn Iterator<Item = NaiveDateTime> + '_> {
        match self {
            Self::Cron(schedule, _) => {
                // The wall clock is handed to the cron crate as if it were UTC, which has no summer time.
                let before = start.and_time(NaiveTime::MIN).and_utc() - Duration::seconds(1);
                Box::new(schedule.after_owned(before).map(|wall| wall.naive_utc()))
            }
            Self::Once(date, at) => Box::new((*date >= start).then(|| date.and_time(*at)).into_iter()),
            Self::Day(at) => days(start, *at, |_| true),
            Self::Week(weekdays, at) => days(start, *at, |date| weekdays.contains(&date.weekday())),
            Self::Month(day, at) => days(start, *at, |date| day.is(date)),
            Self::Quarter(month, day, at) => days(start, *at, |date| date.month0() % 3 + 1 == u32::from(*month) && day.is(date)),
        }
    }
}

/// The days from `start` on that fit, at one hour.
fn days<'r>(
    start: NaiveDate,
    at: NaiveTime,
    fits: impl Fn(NaiveDate) -> bool + 'r,
) -> Box<dyn Iterator<Item = NaiveDateTime> + 'r> {
    Box::new(start.iter_days().filter(move |date| fits(*date)).map(move |date| date.and_time(at)))
}

impl Day {
    /// Whether a date is this day of its month; a day that the month lacks is its last one.
    fn is(self, date: NaiveDate) -> bool {
        let last = u32::from(date.num_days_in_month());
        match self {
            Self::Last => date.day() == last,
            Self::Number(day) => date.day() == u32::from(day).min(last),
        }
    }
}

/// The instant at which a zone's clocks show a time: the first of two, or the next minute that exists.
fn instant(zone: Tz, wall: NaiveDateTime) -> DateTime<Utc> {
    // No zone ever skipped more than a day and a half (Samoa skipped one day in 2011).
    for minutes in 0..=36 * 60 {
        match zone.from_local_datetime(&(wall + Duration::minutes(minutes))) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => return at.with_timezone(&Utc),
            LocalResult::None => {}
        }
    }
    wall.and_utc()
}

#[cfg(test)]
mod tests;
