//! When a request must be answered and done, from a dated table (`src/data/requests.toml`): a new decree is a new row there.
//!
//! The day on which it came does not count, and the last day counts to its end (Bộ luật Dân sự 2015, Điều 147 and 148). That
//! a period which ends on a day off may end on the next working day is left out: the stricter reading.

use std::sync::OnceLock;

use chrono::{Days, NaiveDate, NaiveTime, TimeZone as _};
use chrono_tz::Asia::Ho_Chi_Minh;

use super::Kind;
use crate::{
    campaign::Holidays,
    clock::local,
    document::{Section, decode},
};

static BUILT_IN: &str = include_str!("../data/requests.toml");

/// Days in a year, and some more: no period is longer.
const LONGEST: i64 = 400;

/// The law of requests from one day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its first day in force.
    pub from: NaiveDate,
    /// The decree, as people cite it.
    pub decree: String,
    /// Working days until the person is answered.
    answer: i64,
    /// Days until it is done, by the kind's place in [`Kind::ALL`].
    done: [i64; 6],
}

/// By when, unix milliseconds: the first moment that is too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// The person is answered.
    pub answer_by: i64,
    /// It is done.
    pub due_at: i64,
}

fn table() -> &'static [Rule] {
    static TABLE: OnceLock<Vec<Rule>> = OnceLock::new();
    // The text is part of the program, and a test below reads it: what could fail has failed before it shipped.
    TABLE.get_or_init(|| decode("requests.toml", BUILT_IN, read).unwrap_or_default())
}

impl Rule {
    /// The rule of a day; before the first one, the first: nobody waits for ever.
    pub fn on(date: NaiveDate) -> Option<&'static Self> {
        let known = table();
        known.iter().filter(|rule| rule.from <= date).max_by_key(|rule| rule.from).or_else(|| known.first())
    }

    /// When a request that came in at a moment (unix milliseconds) must be answered and done.
    pub fn deadlines(&self, kind: Kind, received: i64, holidays: &Holidays) -> Deadlines {
        let day = local(received).date_naive();
        let mut answered = day;
        let mut left = self.answer;
        while left > 0 {
            answered = later(answered, 1);
            left -= i64::from(holidays.is_workday(answered));
        }
        let days = Kind::ALL.iter().position(|one| *one == kind).map_or(0, |at| self.done[at]);
        Deadlines { answer_by: end_of(answered), due_at: end_of(later(day, days)) }
    }
}

/// The moment at which a day in Viet Nam is over, unix milliseconds.
pub fn end_of(day: NaiveDate) -> i64 {
    // Viet Nam has no summer time: every local midnight exists once.
    let midnight = Ho_Chi_Minh.from_local_datetime(&later(day, 1).and_time(NaiveTime::MIN)).earliest();
    midnight.map_or(i64::MAX, |midnight| midnight.timestamp_millis())
}

/// The last day in Viet Nam before a moment, unix milliseconds: the day that a deadline names.
pub fn last_day(end: i64) -> NaiveDate {
    local(end - 1).date_naive()
}

fn later(day: NaiveDate, days: i64) -> NaiveDate {
    day.checked_add_days(Days::new(days.unsigned_abs())).unwrap_or(day)
}

fn read(file: &mut Section<'_>) -> Option<Vec<Rule>> {
    file.optional("source", |v| v.text());
    file.required("rule", |v| v.some(|one| one.section(rule)))
}

fn rule(section: &mut Section<'_>) -> Option<Rule> {
    let from = section.required("from", |v| v.date());
    let decree = section.required("decree", |v| v.line());
    let answer = section.required("answer", |v| v.integer(0..=LONGEST));
    let done = section
        .required("done", |v| v.section(|s| Some(Kind::ALL.map(|kind| s.required(kind.name(), |v| v.integer(0..=LONGEST))))));
    let mut days = [0; 6];
    for (place, read) in days.iter_mut().zip(done?) {
        *place = read?;
    }
    Some(Rule { from: from?, decree: decree?, answer: answer?, done: days })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
    }

    fn days(kind: Kind, received: &str) -> (String, String) {
        let rule = Rule::on("2026-11-22".parse().unwrap()).unwrap();
        let found = rule.deadlines(kind, at(received), &Holidays::built_in());
        (last_day(found.answer_by).to_string(), last_day(found.due_at).to_string())
    }

    #[test]
    fn the_table_is_read_and_says_what_the_law_says() {
        let rules = decode("requests.toml", BUILT_IN, read).unwrap_or_else(|problems| panic!("{problems}"));
        let done = Kind::ALL.iter().map(|kind| kind.name()).zip(rules[0].done).collect::<Vec<_>>();
        assert_eq!(rules[0].answer, 2);
        assert_eq!(
            done,
            [("access", 10), ("rectification", 10), ("withdrawal", 15), ("restriction", 15), ("objection", 15), ("deletion", 20)]
        );
    }

    #[test]
    fn answers_are_counted_in_working_days_and_the_rest_in_days() {
        // A Wednesday, late in the evening; 24 November 2026 is a Tuesday and a holiday.
        assert_eq!(days(Kind::Access, "2026-11-04T23:30:00+07:00"), ("2026-11-06".into(), "2026-11-14".into()));
        assert_eq!(days(Kind::Deletion, "2026-11-20T09:00:00+07:00"), ("2026-11-25".into(), "2026-12-10".into()));
        // On the eve of Tết.
        let (answered, done) = days(Kind::Objection, "2027-02-04T09:00:00+07:00");
        assert!(answered.as_str() > "2027-02-10", "{answered}");
        assert_eq!(done, "2027-02-19");
    }

    #[test]
    fn a_day_is_over_at_midnight_in_viet_nam() {
        assert_eq!(end_of("2026-11-06".parse().unwrap()), at("2026-11-07T00:00:00+07:00"));
    }
}
