//! Vietnam's public holidays: a table with its source (`src/data/holidays.toml`), which an operator can override by year.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use chrono::{Datelike as _, NaiveDate, Weekday};

use crate::{
    document::{Problems, Section, decode},
    phrase,
};

static BUILT_IN: &str = include_str!("../data/holidays.toml");

/// Days off by date, and Saturdays or Sundays that were made working days for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holidays {
    days: BTreeMap<NaiveDate, String>,
    workdays: BTreeSet<NaiveDate>,
}

impl Holidays {
    /// The table that comes with Loa.
    pub fn built_in() -> Self {
        static TABLE: OnceLock<Holidays> = OnceLock::new();
        // The text is part of the program, and a test below reads it: what could fail has failed before it shipped.
        TABLE.get_or_init(|| decode("holidays.toml", BUILT_IN, read).unwrap_or_default()).clone()
    }

    /// The built-in table with an operator's: a year that their file names counts as theirs alone.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let theirs = decode(file, text, read)?;
        let years: BTreeSet<i32> = theirs.days.keys().chain(&theirs.workdays).map(chrono::Datelike::year).collect();
        let mut table = Self::built_in();
        table.days.retain(|date, _| !years.contains(&date.year()));
        table.workdays.retain(|date| !years.contains(&date.year()));
        table.days.extend(theirs.days);
        table.workdays.extend(theirs.workdays);
        Ok(table)
    }

    /// Whether a day is a public holiday.
    pub fn contains(&self, date: NaiveDate) -> bool {
        self.days.contains_key(&date)
    }

    /// What is celebrated, in Vietnamese.
    pub fn name(&self, date: NaiveDate) -> Option<&str> {
        self.days.get(&date).map(String::as_str)
    }

    /// Whether offices work: no holiday, and no weekend unless that day makes up for another.
    pub fn is_workday(&self, date: NaiveDate) -> bool {
        let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        !self.contains(date) && (!weekend || self.workdays.contains(&date))
    }

    /// Whether the table knows a year at all.
    pub fn knows(&self, year: i32) -> bool {
        self.days.keys().any(|date| date.year() == year)
    }
}

fn read(file: &mut Section<'_>) -> Option<Holidays> {
    file.optional("source", |v| v.text());
    file.optional("licence", |v| v.text());
    let days = file.required("days", |v| v.section(dates))?;
    let workdays = file.optional("workdays", |v| v.section(dates)).unwrap_or_default();
    Some(Holidays { days, workdays: workdays.into_keys().collect() })
}

fn dates(section: &mut Section<'_>) -> Option<BTreeMap<NaiveDate, String>> {
    let mut dates = BTreeMap::new();
    for (key, value) in section.rest() {
        let name = value.line();
        match NaiveDate::parse_from_str(key, "%Y-%m-%d") {
            Ok(date) => dates.extend(name.map(|name| (date, name))),
            Err(_) => {
                return section.refuse_key(
                    key,
                    phrase!("`{key}` không phải một ngày", "`{key}` is not a date"),
                    phrase!(
                        "viết năm-tháng-ngày: 2026-09-02 = \"Quốc khánh\"",
                        "write year-month-day: 2026-09-02 = \"Quốc khánh\""
                    ),
                );
            }
        }
    }
    Some(dates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn the_built_in_table_is_whole() {
        let table = decode("holidays.toml", BUILT_IN, read).unwrap();
        for year in 2025..=2030 {
            let days = table.days.keys().filter(|date| date.year() == year).count();
            assert!((10..=18).contains(&days), "{year}: {days}");
        }
        assert_eq!(table.name(day("2027-02-06")), Some("Tết Nguyên Đán"));
        assert!(table.contains(day("2026-11-24")) && !table.contains(day("2025-11-24")));
        assert!(table.contains(day("2026-04-27")), "substitute days are holidays too");
        assert!(table.is_workday(day("2026-08-22")), "a Saturday that makes up for 31 August");
        assert!(!table.is_workday(day("2026-08-29")));
    }

    #[test]
    fn an_operators_year_replaces_the_built_in_one() {
        let table = Holidays::parse("own.toml", "[days]\n2027-02-05 = \"Tết\"\n").unwrap();
        assert!(table.contains(day("2027-02-05")) && !table.contains(day("2027-02-06")));
        assert!(table.contains(day("2026-02-17")));
    }

    #[test]
    fn a_date_that_does_not_exist_is_pointed_at() {
        let problems = Holidays::parse("own.toml", "[days]\n2027-02-05 = \"Tết\"\n2027-02-30 = \"?\"\n").unwrap_err();
        assert_eq!((problems.0[0].line, problems.0[0].column), (3, 1));
    }
}
