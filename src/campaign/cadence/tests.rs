use chrono::{NaiveTime, Weekday};
use proptest::prelude::*;

use super::*;
use crate::campaign::cron_line;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn half_past_eight() -> NaiveTime {
    NaiveTime::from_hms_opt(8, 30, 0).unwrap()
}

fn cadence(rule: Rule) -> Cadence {
    Cadence { rule, timezone: Tz::Asia__Ho_Chi_Minh, holidays: OnHoliday::Send, late: std::time::Duration::ZERO }
}

fn cron(line: &str, timezone: Tz) -> Cadence {
    let (schedule, line) = cron_line::parse(line).unwrap();
    Cadence { timezone, ..cadence(Rule::Cron(Box::new(schedule), line)) }
}

/// The first few occurrences after an instant, any period.
fn first(cadence: &Cadence, after: &str, count: usize) -> Vec<Occurrence> {
    cadence.occurrences(&Period::default(), at(after), &Holidays::built_in()).take(count).collect()
}

fn dates(occurrences: &[Occurrence]) -> Vec<String> {
    occurrences.iter().map(|o| o.date.to_string()).collect()
}

#[test]
fn a_day_that_a_month_lacks_is_its_last() {
    let monthly = cadence(Rule::Month(Day::Number(31), half_past_eight()));
    let found = first(&monthly, "2027-12-31T12:00:00Z", 4);
    assert_eq!(dates(&found), ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]);
    assert_eq!(found[0].due, at("2028-01-31T01:30:00Z"));
    assert_eq!(found[0].key, "2028-01-31");
}

#[test]
fn a_quarter_counts_its_own_months() {
    let quarterly = cadence(Rule::Quarter(2, Day::Last, half_past_eight()));
    assert_eq!(dates(&first(&quarterly, "2026-01-01T00:00:00Z", 4)), ["2026-02-28", "2026-05-31", "2026-08-31", "2026-11-30"]);
}

#[test]
fn once_is_once_and_after_means_after() {
    let once = cadence(Rule::Once(day("2026-10-01"), half_past_eight()));
    assert_eq!(dates(&first(&once, "2026-10-01T01:29:59Z", 9)), ["2026-10-01"]);
    assert!(first(&once, "2026-10-01T01:30:00Z", 9).is_empty());
}

#[test]
fn both_days_of_a_period_are_in_it() {
    let daily = cadence(Rule::Day(half_past_eight()));
    let period = Period { from: Some(day("2026-10-01")), through: Some(day("2026-10-03")), phases: Vec::new() };
    let found: Vec<_> = daily.occurrences(&period, DateTime::UNIX_EPOCH, &Holidays::default()).collect();
    assert_eq!(dates(&found), ["2026-10-01", "2026-10-02", "2026-10-03"]);
}

#[test]
fn holidays_skip_or_move() {
    let weekly = cadence(Rule::Week(vec![Weekday::Mon, Weekday::Tue, Weekday::Sat], half_past_eight()));
    let skip = Cadence { holidays: OnHoliday::Skip, ..weekly.clone() };
    // Tết 2026: 16 to 20 February, Monday to Friday.
    assert_eq!(dates(&first(&skip, "2026-02-14T12:00:00Z", 2)), ["2026-02-21", "2026-02-23"]);
    let moved = Cadence { holidays: OnHoliday::NextWorkday, ..weekly };
    let found = first(&moved, "2026-02-14T12:00:00Z", 3);
    // Monday's and Tuesday's move onto Monday the 23rd, which has its own: together they are one, and it is its own.
    assert_eq!(dates(&found), ["2026-02-21", "2026-02-23", "2026-02-24"]);
    assert!(found.iter().all(|o| o.moved_from.is_none()));
}

#[test]
fn a_move_is_told_and_found_from_any_side() {
    let monthly = Cadence { holidays: OnHoliday::NextWorkday, ..cadence(Rule::Month(Day::Number(16), half_past_eight())) };
    for after in ["2026-02-01T00:00:00Z", "2026-02-17T00:00:00Z", "2026-02-23T01:29:00Z"] {
        let found = first(&monthly, after, 1);
        assert_eq!((dates(&found)[0].as_str(), found[0].moved_from), ("2026-02-23", Some(day("2026-02-16"))), "{after}");
    }
}

#[test]
fn an_occurrence_moved_out_of_the_period_does_not_take_place() {
    let once = Cadence { holidays: OnHoliday::NextWorkday, ..cadence(Rule::Once(day("2026-02-17"), half_past_eight())) };
    let period = Period { from: None, through: Some(day("2026-02-20")), phases: Vec::new() };
    assert_eq!(once.occurrences(&period, DateTime::UNIX_EPOCH, &Holidays::built_in()).count(), 0);
}

#[test]
fn the_hour_that_a_zone_skips_becomes_the_next_minute() {
    let berlin = Cadence { timezone: Tz::Europe__Berlin, ..cadence(Rule::Day(NaiveTime::from_hms_opt(2, 30, 0).unwrap())) };
    let found = first(&berlin, "2026-03-28T12:00:00Z", 2);
    assert_eq!(found[0].due, at("2026-03-29T01:00:00Z"), "02:30 does not exist: 03:00 does");
    assert_eq!(found[0].key, "2026-03-29");
    assert_eq!(found[1].due, at("2026-03-30T00:30:00Z"));
}

#[test]
fn the_hour_that_a_zone_repeats_is_taken_once() {
    let found = first(&cron("30 2 * * *", Tz::Europe__Berlin), "2026-10-24T12:00:00Z", 2);
    assert_eq!(found[0].key, "2026-10-25T00:30:00Z");
    assert_eq!(found[1].key, "2026-10-26T01:30:00Z");
}

#[test]
fn a_zone_may_skip_a_whole_day() {
    let apia = Cadence { timezone: Tz::Pacific__Apia, ..cadence(Rule::Day(NaiveTime::MIN)) };
    let found = first(&apia, "2011-12-28T12:00:00Z", 3);
    assert!(found.windows(2).all(|pair| pair[0].due < pair[1].due), "{found:?}");
}

#[test]
fn cron_hours_of_a_holiday_move_together() {
    let twice = Cadence { holidays: OnHoliday::NextWorkday, ..cron("0 8,14 24 11 *", Tz::Asia__Ho_Chi_Minh) };
    let found = first(&twice, "2026-11-01T00:00:00Z", 2);
    assert_eq!([&*found[0].key, &*found[1].key], ["2026-11-25T01:00:00Z", "2026-11-25T07:00:00Z"]);
}

#[test]
fn a_rotation_skips_nothing_and_keeps_its_place() {
    let text = include_str!("fixture.toml");
    let campaign = Campaign::parse("c.toml", "c", text).unwrap();
    let holidays = Holidays::built_in();
    let order: Vec<&str> = campaign
        .occurrences(at("2026-09-30T00:00:00Z"), &holidays)
        .take(5)
        .map(|o| {
            let nth = campaign.turn(o.due, &holidays);
            campaign.messages[campaign.message_for(o.date, nth).unwrap()].id.as_str()
        })
        .collect();
    assert_eq!(order, ["otp", "deepfake", "otp", "tet", "otp"]);
    let elderly = campaign.messages_for_segments(day("2026-10-05"), 1);
    assert_eq!(elderly, [(3, &["nguoi-cao-tuoi".to_string()][..])]);
    assert!(campaign.messages_for_segments(day("2026-10-26"), 0).len() == 1);
}

fn rules() -> impl Strategy<Value = Rule> {
    let time = (0_u32..24, 0_u32..60).prop_map(|(h, m)| NaiveTime::from_hms_opt(h, m, 0).unwrap());
    let day = prop_oneof![Just(Day::Last), (1_u8..=31).prop_map(Day::Number)];
    let cron =
        prop_oneof![Just("*/20 * * * *"), Just("30 2 * * *"), Just("0 8 1,15 * *"), Just("15 6,18 * * 1-5"), Just("0 0 29 2 *")];
    prop_oneof![
        time.clone().prop_map(Rule::Day),
        (proptest::sample::subsequence(vec![Weekday::Mon, Weekday::Wed, Weekday::Sat, Weekday::Sun], 1..=4), time.clone())
            .prop_map(|(days, time)| Rule::Week(days, time)),
        (day.clone(), time.clone()).prop_map(|(day, time)| Rule::Month(day, time)),
        (1_u8..=3, day, time).prop_map(|(month, day, time)| Rule::Quarter(month, day, time)),
        cron.prop_map(|line| {
            let (schedule, line) = cron_line::parse(line).unwrap();
            Rule::Cron(Box::new(schedule), line)
        }),
    ]
}

fn cadences() -> impl Strategy<Value = Cadence> {
    let zones = prop_oneof![
        Just(Tz::Asia__Ho_Chi_Minh),
        Just(Tz::Europe__Berlin),
        Just(Tz::America__New_York),
        Just(Tz::Australia__Lord_Howe),
        Just(Tz::America__Sao_Paulo),
    ];
    let policies = prop_oneof![Just(OnHoliday::Send), Just(OnHoliday::Skip), Just(OnHoliday::NextWorkday)];
    (rules(), zones, policies).prop_map(|(rule, timezone, holidays)| Cadence { timezone, holidays, ..cadence(rule) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn occurrences_ascend_and_no_key_repeats(cadence in cadences(), start in 1_735_689_600_i64..1_900_000_000) {
        let after = DateTime::from_timestamp(start, 0).unwrap();
        let found: Vec<_> = cadence.occurrences(&Period::default(), after, &Holidays::built_in()).take(40).collect();
        prop_assert!(found.iter().all(|o| o.due > after));
        prop_assert!(found.windows(2).all(|pair| pair[0].due < pair[1].due));
        let keys: std::collections::BTreeSet<_> = found.iter().map(|o| &o.key).collect();
        prop_assert_eq!(keys.len(), found.len());
        if cadence.holidays != OnHoliday::Send {
            prop_assert!(found.iter().all(|o| !Holidays::built_in().contains(o.date)));
        }
    }

    /// However often a scheduler looks, and from whenever, it sees the same occurrences.
    #[test]
    fn looking_again_finds_the_same(cadence in cadences(), start in 1_735_689_600_i64..1_900_000_000, skip in 0_usize..20) {
        let after = DateTime::from_timestamp(start, 0).unwrap();
        let table = Holidays::built_in();
        let all: Vec<_> = cadence.occurrences(&Period::default(), after, &table).take(30).collect();
        if let Some(from) = all.get(skip) {
            let again: Vec<_> = cadence.occurrences(&Period::default(), from.due, &table).take(30 - skip - 1).collect();
            prop_assert_eq!(&all[skip + 1..], &again[..all.len() - skip - 1]);
        }
    }

    /// A day that is no holiday keeps its own occurrence, whatever moves around it.
    #[test]
    fn ordinary_days_are_never_lost(cadence in cadences(), start in 1_735_689_600_i64..1_900_000_000) {
        let after = DateTime::from_timestamp(start, 0).unwrap();
        let table = Holidays::built_in();
        let plain = Cadence { holidays: OnHoliday::Send, ..cadence.clone() };
        let wanted: Vec<_> = plain.occurrences(&Period::default(), after, &table).take(30).filter(|o| !table.contains(o.date)).collect();
        let found: Vec<_> = cadence.occurrences(&Period::default(), after, &table).take(60).collect();
        prop_assert!(wanted.iter().all(|o| found.contains(o)));
    }

    #[test]
    fn a_period_is_kept(cadence in cadences(), first in 0_u64..400, length in 0_u64..200) {
        let from = day("2026-01-01") + Days::new(first);
        let through = from + Days::new(length);
        let period = Period { from: Some(from), through: Some(through), phases: Vec::new() };
        for occurrence in cadence.occurrences(&period, DateTime::UNIX_EPOCH, &Holidays::built_in()) {
            prop_assert!((from..=through).contains(&occurrence.date));
        }
    }

    /// Away from holidays and summer time, a month has one occurrence a month, on the right day.
    #[test]
    fn a_month_has_one(number in 1_u8..=31, year in 2025_i32..2100) {
        let monthly = cadence(Rule::Month(Day::Number(number), half_past_eight()));
        let start = NaiveDate::from_ymd_opt(year, 1, 1).unwrap().and_time(NaiveTime::MIN).and_utc() - Duration::hours(12);
        let found: Vec<_> = monthly.occurrences(&Period::default(), start, &Holidays::default()).take(12).collect();
        for (month, occurrence) in (1..).zip(&found) {
            prop_assert_eq!((occurrence.date.year(), occurrence.date.month()), (year, month));
            let lacking = occurrence.date.succ_opt().unwrap().month() != month;
            prop_assert!(occurrence.date.day() == u32::from(number) || (lacking && occurrence.date.day() < u32::from(number)));
        }
    }
}
