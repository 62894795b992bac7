//! Periods that figures are reported for, and their boundaries: an office's months need not be the calendar's.
//!
//! What enters is a key such as `2026-Q4` or a day; what leaves is a [`Period`] with its first and its last day. By Article
//! 12 of NĐ 09/2019/NĐ-CP a month's report covers the 15th of the month before to the 14th, quarters, half years and years
//! likewise, and a week is counted as the authority says; `[reporting]` in loa.toml says what holds here.

use chrono::{Datelike as _, Days, Months, NaiveDate, Weekday};

use crate::{
    config::Reporting,
    phrase,
    words::{self, Lang, Phrase},
};

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Span {
    /// Seven days.
    Week,
    /// A month.
    Month,
    /// Three months.
    Quarter,
    /// Six months.
    Half,
    /// Twelve months.
    Year,
}

impl Span {
    /// Every span, the shortest first.
    pub const ALL: [Self; 5] = [Self::Week, Self::Month, Self::Quarter, Self::Half, Self::Year];

    /// The name in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Half => "half",
            Self::Year => "year",
        }
    }

    /// The span of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|span| span.name() == name)
    }

    /// What people read.
    pub fn label(self) -> Phrase {
        match self {
            Self::Week => phrase!("Tuần", "Week"),
            Self::Month => phrase!("Tháng", "Month"),
            Self::Quarter => phrase!("Quý", "Quarter"),
            Self::Half => phrase!("Sáu tháng", "Half year"),
            Self::Year => phrase!("Năm", "Year"),
        }
    }

    /// How many months; a week has none.
    const fn months(self) -> u32 {
        match self {
            Self::Week => 0,
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Half => 6,
            Self::Year => 12,
        }
    }
}

/// A period, both of its days included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    /// How long it is.
    pub span: Span,
    /// Its year.
    pub year: i32,
    /// Which of the year's, from 1.
    pub number: u32,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub through: NaiveDate,
}

impl Period {
    /// `2026`, `2026-H1`, `2026-Q4`, `2026-10`, `2026-W47`.
    pub fn key(&self) -> String {
        let Self { year, number, .. } = self;
        match self.span {
            Span::Week => format!("{year}-W{number:02}"),
            Span::Month => format!("{year}-{number:02}"),
            Span::Quarter => format!("{year}-Q{number}"),
            Span::Half => format!("{year}-H{number}"),
            Span::Year => year.to_string(),
        }
    }

    /// What people call it, without its days.
    pub fn title(&self) -> Phrase {
        let Self { year, number, .. } = self;
        match self.span {
            Span::Week => phrase!("Tuần {number} năm {year}", "Week {number} of {year}"),
            Span::Month => phrase!("Tháng {number} năm {year}", "Month {number} of {year}"),
            Span::Quarter => {
                let roman = ["I", "II", "III", "IV"].get(usize::try_from(*number).unwrap_or(0).saturating_sub(1)).unwrap_or(&"");
                phrase!("Quý {roman} năm {year}", "Quarter {number} of {year}")
            }
            Span::Half if *number == 1 => phrase!("6 tháng đầu năm {year}", "First half of {year}"),
            Span::Half => phrase!("6 tháng cuối năm {year}", "Second half of {year}"),
            Span::Year => phrase!("Năm {year}", "Year {year}"),
        }
    }

    /// The same where there is little room: Quý IV/2026, 2026-Q4.
    pub fn short(&self, lang: Lang) -> String {
        match lang {
            Lang::Vi => self.title().vi.replace(" năm ", "/"),
            Lang::En => self.key(),
        }
    }

    /// Its days, as people write them.
    pub fn days(&self, lang: Lang) -> String {
        format!("{} – {}", words::date(self.from, lang), words::date(self.through, lang))
    }
}

/// The boundaries of periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    /// 1: the calendar's months. Else a month begins on this day of the month before.
    month_starts: u32,
    week_starts: Weekday,
}

impl Calendar {
    /// The boundaries that `[reporting]` sets.
    pub const fn of(reporting: &Reporting) -> Self {
        Self { month_starts: reporting.month_starts, week_starts: reporting.week_starts }
    }

    /// The period that a key names; none: there is no such period.
    pub fn parse(self, key: &str) -> Option<Period> {
        let (year, rest) = key.split_once('-').map_or((key, ""), |(year, rest)| (year, rest));
        let year = year.parse().ok().filter(|year| (2000..2200).contains(year))?;
        let (span, number) = match rest.chars().next() {
            None => (Span::Year, "1"),
            Some('W' | 'w') => (Span::Week, &rest[1..]),
            Some('Q' | 'q') => (Span::Quarter, &rest[1..]),
            Some('H' | 'h') => (Span::Half, &rest[1..]),
            Some('M' | 'm') => (Span::Month, &rest[1..]),
            Some(_) => (Span::Month, rest),
        };
        let number = number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok())??;
        self.period(span, year, number)
    }

    /// The period of that span that a day lies in.
    pub fn containing(self, span: Span, day: NaiveDate) -> Option<Period> {
        if span == Span::Week {
            let from = day.week(self.week_starts).checked_first_day()?;
            // Seven days have one Thursday: its ISO week lends the number, whichever day they begin on.
            let thursday =
                (0..7).filter_map(|n| from.checked_add_days(Days::new(n))).find(|day| day.weekday() == Weekday::Thu)?;
            return self.period(span, thursday.iso_week().year(), thursday.iso_week().week());
        }
        let named =
            if self.month_starts > 1 && day.day() >= self.month_starts { day.checked_add_months(Months::new(1))? } else { day };
        self.period(span, named.year(), named.month0() / span.months() + 1)
    }

    /// The one before.
    pub fn previous(self, period: &Period) -> Option<Period> {
        self.containing(period.span, period.from.pred_opt()?)
    }

    /// The one after.
    pub fn next(self, period: &Period) -> Option<Period> {
        self.containing(period.span, period.through.succ_opt()?)
    }

    fn period(self, span: Span, year: i32, number: u32) -> Option<Period> {
        let (from, through) = if span == Span::Week {
            let thursday = NaiveDate::from_isoywd_opt(year, number, Weekday::Thu)?;
            let from = thursday.week(self.week_starts).checked_first_day()?;
            (from, from.checked_add_days(Days::new(6))?)
        } else {
            let most = 12 / span.months();
            let month0 = (1..=most).contains(&number).then(|| (number - 1) * span.months())?;
            let first = NaiveDate::from_ymd_opt(year, month0 + 1, 1)?;
            let after = first.checked_add_months(Months::new(span.months()))?;
            (self.begins(first)?, self.begins(after)?.pred_opt()?)
        };
        Some(Period { span, year, number, from, through })
    }

    /// Where the reporting month begins that is named after the calendar's beginning on `first`.
    fn begins(self, first: NaiveDate) -> Option<NaiveDate> {
        if self.month_starts == 1 {
            return Some(first);
        }
        first.checked_sub_months(Months::new(1))?.with_day(self.month_starts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DECREE: Calendar = Calendar { month_starts: 15, week_starts: Weekday::Fri };
    const PLAIN: Calendar = Calendar { month_starts: 1, week_starts: Weekday::Mon };

    fn days(calendar: Calendar, key: &str) -> String {
        calendar.parse(key).map_or_else(|| "-".into(), |p| format!("{} {}", p.from, p.through))
    }

    #[test]
    fn a_chart_names_periods_briefly() {
        let short = |key| PLAIN.parse(key).map(|period| period.short(Lang::Vi)).unwrap();
        assert_eq!(
            ["2026-Q4", "2026-H1", "2026", "2026-W47"].map(short),
            ["Quý IV/2026", "6 tháng đầu/2026", "Năm 2026", "Tuần 47/2026"]
        );
        assert_eq!(PLAIN.parse("2026-Q4").unwrap().short(Lang::En), "2026-Q4");
    }

    #[test]
    fn boundaries_are_those_of_the_decree_or_of_the_calendar() {
        let of =
            |calendar| ["2026", "2026-H1", "2026-H2", "2026-Q1", "2026-Q4", "2026-03", "2026-M10"].map(|key| days(calendar, key));
        assert_eq!(
            of(DECREE),
            [
                "2025-12-15 2026-12-14",
                "2025-12-15 2026-06-14",
                "2026-06-15 2026-12-14",
                "2025-12-15 2026-03-14",
                "2026-09-15 2026-12-14",
                "2026-02-15 2026-03-14",
                "2026-09-15 2026-10-14"
            ]
        );
        assert_eq!(of(PLAIN)[..3], ["2026-01-01 2026-12-31", "2026-01-01 2026-06-30", "2026-07-01 2026-12-31"]);
        assert_eq!(days(PLAIN, "2026-W47"), "2026-11-16 2026-11-22");
        assert_eq!(days(DECREE, "2026-W47"), "2026-11-13 2026-11-19");
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for key in ["", "26", "2026-Q5", "2026-13", "2026-W54", "2026-00", "2026-H3", "2026-X1", "2026-W", "2026-Q-1", "2026-Qé"]
        {
            assert_eq!(DECREE.parse(key), None, "{key}");
        }
    }

    proptest! {
        #[test]
        fn periods_of_a_span_follow_each_other(day in 0_u64..20_000, month_starts in 1_u32..=28, week in 0_u8..7, span in 0_usize..5) {
            let calendar = Calendar { month_starts, week_starts: Weekday::try_from(week).unwrap() };
            let day = NaiveDate::from_ymd_opt(2001, 1, 1).unwrap() + Days::new(day);
            let period = calendar.containing(Span::ALL[span], day).unwrap();
            prop_assert!(period.from <= day && day <= period.through);
            prop_assert_eq!(calendar.parse(&period.key()), Some(period));
            let next = calendar.next(&period).unwrap();
            prop_assert_eq!(period.through.succ_opt().unwrap(), next.from);
            prop_assert_eq!(calendar.previous(&next), Some(period));
        }
    }
}
