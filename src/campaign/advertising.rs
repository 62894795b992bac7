//! What binds advertising, from a dated table (`src/data/advertising.toml`): a new decree is a new row, no new code.
//!
//! A definition is checked against the latest rule that its period falls under; each message that leaves is bound by the rule
//! of its moment. Public information is outside of all this.

use std::sync::OnceLock;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Timelike as _, Utc};
use chrono_tz::Asia::Ho_Chi_Minh;
use providers::{Channel, text::unaccented};

use crate::{
    document::{Section, Value, decode},
    phrase,
};

static BUILT_IN: &str = include_str!("../data/advertising.toml");

/// A text ends with this, in whatever spelling of blanks: where and how to refuse.
const INSTRUCTION: &str = "{{opt_out}}";

/// Letters between the word that refuses and the number it goes to, and from there to a text's end, at most.
const NEAR: usize = 40;

/// What a finished text lacks of what the law wants of advertising.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// The label at its beginning.
    Label,
    /// How to refuse, at its end.
    Instruction,
}

/// The law of advertising from one day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its first day in force.
    pub from: NaiveDate,
    /// The decree, as people cite it.
    pub decree: String,
    /// One of these comes first in a text message and in a mail's subject.
    pub labels: Vec<String>,
    /// Minutes after midnight in Viet Nam, from and until, within which it may be sent.
    pub hours: (u16, u16),
    /// Messages at most to one address within `per`, by channel number 1, 2, 3; none: as many as you like.
    most: [Option<u32>; 3],
    /// The time that `most` counts.
    pub per: Duration,
    /// Only to people who agreed.
    pub consent: bool,
    /// Not to numbers on the do-not-call register.
    pub register: bool,
    /// How to refuse stands at a text message's end.
    pub instruction_last: bool,
}

fn table() -> &'static [Rule] {
    static TABLE: OnceLock<Vec<Rule>> = OnceLock::new();
    // The text is part of the program, and a test below reads it: what could fail has failed before it shipped.
    TABLE.get_or_init(|| decode("advertising.toml", BUILT_IN, read).unwrap_or_default())
}

impl Rule {
    /// The rule of a day; none: before the first one, when nothing here says what advertising may do.
    pub fn on(date: NaiveDate) -> Option<&'static Self> {
        of(table(), date)
    }

    /// The rule of a moment (unix milliseconds), by Viet Nam's clock.
    pub fn at(millis: i64) -> Option<&'static Self> {
        Self::on(local(millis)?.date_naive())
    }

    /// The rule that binds a definition whose period ends on this day; without an end, the latest that is known.
    pub fn for_period(through: Option<NaiveDate>) -> Option<&'static Self> {
        Self::on(through.unwrap_or(NaiveDate::MAX))
    }

    /// Messages at most to one address over a channel within [`Rule::per`].
    pub fn most(&self, channel: i16) -> Option<u32> {
        usize::try_from(channel - 1).ok().and_then(|at| self.most.get(at).copied().flatten())
    }

    /// When it may be sent again, if not at this moment (unix milliseconds).
    pub fn opens_at(&self, now: i64) -> Option<i64> {
        const DAY: i64 = 24 * 60;
        let minute = i64::from(local(now)?.num_seconds_from_midnight()) / 60;
        let (from, until) = (i64::from(self.hours.0), i64::from(self.hours.1));
        if minute >= from && minute < until {
            return None;
        }
        let minutes = if minute < from { from - minute } else { DAY - minute + from };
        Some((now / 60_000 + minutes) * 60_000)
    }

    /// What a text message or a mail's subject begins with; told at the value where it does not.
    pub(super) fn labelled(&self, value: &Value<'_>, text: &str) -> Option<()> {
        if self.labels.iter().any(|label| text.trim_start().starts_with(label.as_str())) {
            return Some(());
        }
        let (labels, decree) = (self.labels.join(" / "), &self.decree);
        let first = self.labels.first().map_or("", String::as_str);
        value.refuse(
            phrase!(
                "tin quảng cáo phải bắt đầu bằng nhãn {labels} ({decree})",
                "advertising begins with the label {labels} ({decree})"
            ),
            phrase!("viết: \"{first} …\"", "write: \"{first} …\""),
        )
    }

    /// Whether a text message ends with how to refuse; told at the value where it does not.
    pub(super) fn instructed(&self, value: &Value<'_>, text: &str) -> Option<()> {
        let squeezed: String = text.trim_end().trim_end_matches(['.', '!', ')']).chars().filter(|c| !c.is_whitespace()).collect();
        if !self.instruction_last || squeezed.ends_with(INSTRUCTION) {
            return Some(());
        }
        let decree = &self.decree;
        value.refuse(
            phrase!(
                "tin quảng cáo phải kết thúc bằng hướng dẫn từ chối ({decree})",
                "advertising ends with how to refuse it ({decree})"
            ),
            phrase!("viết ở cuối: {{{{ opt_out }}}}", "write at its end: {{{{ opt_out }}}}"),
        )
    }
}

impl Rule {
    /// What a finished text message lacks: for a registered wording, whose words the definition does not hold. How to refuse is
    /// a word and the number to text it to, however the wording puts it.
    pub fn lacks(&self, text: &str, keyword: &str, number: Option<&str>) -> Option<Lack> {
        if !self.labels.iter().any(|label| text.trim_start().starts_with(label.as_str())) {
            return Some(Lack::Label);
        }
        let bare = |text: &str| -> String {
            let letters = unaccented(text);
            letters.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
        };
        let (text, keyword) = (bare(text), bare(keyword));
        let instructed = number.map(bare).and_then(|number| {
            let at = text.rfind(&number)?;
            let before = &text[at.saturating_sub(NEAR)..at];
            (text.len() - at - number.len() <= NEAR && before.contains(&keyword)).then_some(())
        });
        (self.instruction_last && instructed.is_none()).then_some(Lack::Instruction)
    }
}

fn of(rules: &[Rule], date: NaiveDate) -> Option<&Rule> {
    rules.iter().filter(|rule| rule.from <= date).max_by_key(|rule| rule.from)
}

fn local(millis: i64) -> Option<DateTime<chrono_tz::Tz>> {
    Some(DateTime::<Utc>::from_timestamp_millis(millis)?.with_timezone(&Ho_Chi_Minh))
}

fn read(file: &mut Section<'_>) -> Option<Vec<Rule>> {
    file.optional("source", |v| v.text());
    file.required("rule", |v| v.some(|one| one.section(rule)))
}

fn rule(section: &mut Section<'_>) -> Option<Rule> {
    let from = section.required("from", |v| v.date());
    let decree = section.required("decree", |v| v.line());
    let labels = section.required("labels", |v| v.some(|one| one.line()));
    let hours = section.required("hours", |v| super::read::hours_of_day(&v));
    let most = section.required("most", |v| {
        v.section(|s| Some(Channel::ALL.map(|channel| s.optional(channel.name(), |v| v.integer(0..=1_000)))))
    });
    let per = section.required("per", |v| v.duration(Duration::from_mins(1)..=Duration::from_hours(24 * 366)));
    let consent = section.required("consent", |v| v.boolean());
    let register = section.required("register", |v| v.boolean());
    let instruction_last = section.required("instruction", |v| v.choice(&[("last", true), ("anywhere", false)]));
    Some(Rule {
        from: from?,
        decree: decree?,
        labels: labels?,
        hours: hours?,
        most: most?.map(|most| most.and_then(|most| u32::try_from(most).ok())),
        per: per?,
        consent: consent?,
        register: register?,
        instruction_last: instruction_last?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone as _;

    fn day(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).unwrap()
    }

    fn at(hour: u32, minute: u32) -> i64 {
        Ho_Chi_Minh.with_ymd_and_hms(2026, 11, 2, hour, minute, 0).unwrap().timestamp_millis()
    }

    #[test]
    fn the_table_is_read_and_says_what_the_decree_says() {
        let rules = decode("advertising.toml", BUILT_IN, read).unwrap_or_else(|problems| panic!("{problems}"));
        let rule = of(&rules, day(2026, 11, 21)).unwrap();
        assert_eq!((rule.decree.as_str(), rule.hours, rule.per), ("NĐ 91/2020/NĐ-CP", (420, 1320), Duration::from_hours(24)));
        assert_eq!([1, 2, 3].map(|channel| rule.most(channel)), [Some(3), Some(3), None]);
        assert!(rule.consent && rule.register && rule.instruction_last);
        assert_eq!(Rule::on(day(2020, 9, 30)), None);
    }

    #[test]
    fn a_new_decree_binds_from_its_day_on() {
        let old = Rule::on(day(2026, 1, 1)).unwrap().clone();
        let new = Rule { from: day(2027, 1, 1), decree: "mới".into(), ..old.clone() };
        let rules = [old, new];
        assert_eq!(of(&rules, day(2026, 12, 31)).unwrap().decree, "NĐ 91/2020/NĐ-CP");
        assert_eq!(of(&rules, day(2027, 1, 1)).unwrap().decree, "mới");
    }

    #[test]
    fn it_is_sent_from_seven_to_ten_in_the_evening() {
        let rule = Rule::at(at(12, 0)).unwrap();
        for (hour, minute) in [(7, 0), (12, 0), (21, 59)] {
            assert_eq!(rule.opens_at(at(hour, minute)), None);
        }
        assert_eq!(rule.opens_at(at(6, 59)), Some(at(7, 0)));
        assert_eq!(rule.opens_at(at(0, 0)), Some(at(7, 0)));
        assert_eq!(rule.opens_at(at(22, 0)), Some(at(7, 0) + 86_400_000));
    }
}
