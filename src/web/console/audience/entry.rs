//! What an officer types about a person, on whichever page: texts and days.

use chrono::NaiveDate;

use crate::{phrase, request::deadline, web::console::form::Fields, words::Phrase};

/// The longest text that an officer writes down.
const LONGEST: usize = 500;

/// What an officer wrote, without what draws on a page.
pub(super) fn written(fields: &Fields, name: &str) -> String {
    fields.get(name).chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect::<String>().trim().to_string()
}

/// A day of a form; of an empty field, none.
fn day(text: &str) -> Result<Option<NaiveDate>, Phrase> {
    if text.is_empty() {
        return Ok(None);
    }
    let read = ["%Y-%m-%d", "%d/%m/%Y"].into_iter().find_map(|format| NaiveDate::parse_from_str(text, format).ok());
    read.map(Some).ok_or_else(|| phrase!("Ghi ngày dạng 31/12/2026", "Write a day as 31/12/2026"))
}

/// The end of a day that somebody gave for something to come.
pub(super) fn ahead(text: &str, now: i64) -> Result<Option<i64>, Phrase> {
    let end = day(text)?.map(deadline::end_of);
    if end.is_some_and(|end| end <= now) {
        return Err(phrase!("Ngày kết thúc đã qua", "The last day is over already"));
    }
    Ok(end)
}

/// The beginning of a day that somebody gave for something past; now for today.
pub(super) fn past(text: &str, now: i64) -> Result<i64, Phrase> {
    let today = deadline::last_day(now + 1);
    match day(text)? {
        Some(at) if at > today => Err(phrase!("Ngày này chưa đến", "That day is still to come")),
        Some(at) if at < today => Ok(at.pred_opt().map_or(now, deadline::end_of)),
        _ => Ok(now),
    }
}
