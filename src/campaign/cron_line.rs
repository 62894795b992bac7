//! A cron line, as people write it, made into one that the cron crate reads.
//!
//! The crate wants seconds first, counts weekdays from 1 = Sunday, and knows neither five fields nor a range that wraps.
//! Here five fields get second 0, and weekday numbers mean what cron(5) says: 0 and 7 are Sunday, 1 is Monday.

use std::str::FromStr as _;

use chrono::DateTime;

use crate::{phrase, words::Phrase};

const NAMES: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FULL: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// The schedule, and the line as the cron crate reads it; or what is wrong with it.
pub(super) fn parse(line: &str) -> Result<(cron::Schedule, String), Phrase> {
    let mut fields: Vec<String> = line.split_whitespace().map(str::to_string).collect();
    if fields.len() == 5 {
        fields.insert(0, "0".to_string());
    }
    if !(6..=7).contains(&fields.len()) {
        let count = fields.len();
        return Err(phrase!(
            "dòng cron có {count} trường; cần 5 (phút giờ ngày tháng thứ) hoặc 6 (giây đứng đầu)",
            "a cron line has 5 fields (minute hour day month weekday) or 6 (seconds first), not {count}"
        ));
    }
    // `* 30 8 * * Mon` would send sixty times at half past eight: always a slip in turning five fields into six.
    if !fields[0].parse::<u8>().is_ok_and(|second| second < 60) {
        let field = &fields[0];
        return Err(phrase!(
            "trường giây `{field}` phải là một số từ 0 đến 59",
            "the seconds field `{field}` must be one number from 0 to 59"
        ));
    }
    fields[5] = weekdays(&fields[5]).ok_or_else(|| {
        let field = &fields[5];
        phrase!(
            "`{field}` không phải thứ trong tuần: dùng 0–7 (0 và 7 là Chủ Nhật) hoặc mon…sun",
            "`{field}` names no weekdays: use 0–7 (0 and 7 are Sunday) or mon…sun"
        )
    })?;
    let line = fields.join(" ");
    let schedule = cron::Schedule::from_str(&line).map_err(|error| {
        let said = error.to_string();
        let said = said.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ");
        phrase!("không đọc được dòng cron: {said}", "the cron line cannot be read: {said}")
    })?;
    if schedule.after(&DateTime::UNIX_EPOCH).next().is_none() {
        return Err(phrase!("không có ngày nào khớp dòng cron này", "no day ever fits this cron line"));
    }
    Ok((schedule, line))
}

/// The weekday field as a list of names, or `*`.
fn weekdays(field: &str) -> Option<String> {
    let mut chosen = [false; 7];
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<usize>().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (from, to) = match range {
            "*" | "?" => (0, 6),
            _ => {
                if let Some((from, to)) = range.split_once('-') {
                    (weekday(from)?, weekday(to)?)
                } else {
                    let from = weekday(range)?;
                    (from, if step.is_some() { 6 } else { from })
                }
            }
        };
        // Friday to Monday goes over the week's end, and so does 5-7.
        let to = if to < from { to + 7 } else { to };
        for day in (from..=to).step_by(step.unwrap_or(1)) {
            chosen[day % 7] = true;
        }
    }
    if chosen == [true; 7] {
        return Some("*".to_string());
    }
    Some(NAMES.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(name, _)| *name).collect::<Vec<_>>().join(","))
}

fn weekday(word: &str) -> Option<usize> {
    if let Ok(number) = word.parse::<usize>() {
        return (number <= 7).then_some(number % 7);
    }
    let word = word.to_ascii_lowercase();
    NAMES.iter().position(|name| *name == word).or_else(|| FULL.iter().position(|name| *name == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(line: &str) -> String {
        parse(line).unwrap_or_else(|e| panic!("{line}: {e}")).1
    }

    #[test]
    fn weekday_numbers_mean_what_cron_says() {
        assert_eq!(normal("30 8 * * 1"), "0 30 8 * * mon");
        assert_eq!(normal("30 8 * * 0"), "0 30 8 * * sun");
        assert_eq!(normal("30 8 * * 7"), "0 30 8 * * sun");
        assert_eq!(normal("30 8 * * 1-5"), "0 30 8 * * mon,tue,wed,thu,fri");
        assert_eq!(normal("30 8 * * 5-7"), "0 30 8 * * sun,fri,sat");
        assert_eq!(normal("30 8 * * Fri-Mon"), "0 30 8 * * sun,mon,fri,sat");
        assert_eq!(normal("30 8 * * */2"), "0 30 8 * * sun,tue,thu,sat");
        assert_eq!(normal("30 8 * * 1-5/2"), "0 30 8 * * mon,wed,fri");
        assert_eq!(normal("0 30 8 * * Mon"), "0 30 8 * * mon");
        assert_eq!(normal("0 30 8 * * * 2027"), "0 30 8 * * * 2027");
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [
            "",
            "* * *",
            "30 8 * * 8",
            "30 8 * * monk",
            "61 8 * * *",
            "30 8 31 2 *",
            "30 8 L * *",
            "30 8 * * 1/0",
            "* 30 8 * * Mon",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
