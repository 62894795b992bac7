//! A report typed into a form: a line for each area and round, as the paper or the sheet has them.
//!
//! What enters: the order, its newest report, and what was typed. What leaves: the form's lines, and a [`Report`] or everything that cannot
//! be read, field by field; whether it adds up is judged by [`crate::relay::report`], whose faults find their fields here again.

use std::collections::BTreeSet;

use chrono::{NaiveDateTime, TimeZone as _};
use chrono_tz::Asia::Ho_Chi_Minh;
use serde::Serialize;

use crate::{
    audience::place::{Found, Places},
    outlet::Kind,
    phrase,
    relay::{
        Order,
        report::{Count, Fault, Report},
    },
    web::console::form::{Fields, Mistakes},
    words::{Lang, Phrase},
};

/// Lines of the form at most: who counts more areas brings a table.
const MOST: usize = 60;
/// Milliseconds.
const MINUTE: i64 = 60_000;
/// Empty lines for areas that the order does not name one by one.
const SPARE: usize = 3;

/// A line of the form, as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(in crate::web::console) struct Line {
    /// A code; or, of an added line, whatever was typed.
    pub area: String,
    /// The place's name, where the line is of one that the form knew.
    pub name: String,
    pub round: String,
    pub targeted: String,
    pub submitted: String,
    pub delivered: String,
    pub failed: String,
    pub pending: String,
    pub parts: String,
    pub cost: String,
    /// Kept from the report before: unix milliseconds, and `1` where whoever was in the area is meant.
    pub starts: String,
    pub ends: String,
    pub by_cell: String,
}

/// The counts of a line by the field's name, and what was typed.
const fn numbers(line: &Line) -> [(&'static str, &String); 7] {
    [
        ("targeted", &line.targeted),
        ("submitted", &line.submitted),
        ("delivered", &line.delivered),
        ("failed", &line.failed),
        ("pending", &line.pending),
        ("parts", &line.parts),
        ("cost", &line.cost),
    ]
}

/// A form of a report, as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(in crate::web::console) struct Typed {
    pub sequence: String,
    /// As the browser's field has it, in Việt Nam's time: `2026-11-22T17:00`.
    pub as_of: String,
    pub last: bool,
    pub corrects: bool,
    pub reason: String,
    /// For every line: when it began and ended.
    pub starts: String,
    pub ends: String,
    pub lines: Vec<Line>,
    /// Areas of the order that the form has no room for.
    pub left_out: usize,
}

/// A moment as the browser's field has it.
pub(super) fn local(millis: i64) -> String {
    Ho_Chi_Minh.timestamp_millis_opt(millis).single().map_or_else(String::new, |at| at.format("%Y-%m-%dT%H:%M").to_string())
}

/// What the browser's field has, as a moment. Without its script somebody may type a blank for the `T`.
pub(super) fn moment(text: &str) -> Option<i64> {
    let text = text.replacen(' ', "T", 1);
    let read = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"].iter().find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok())?;
    Ho_Chi_Minh.from_local_datetime(&read).single().map(|at| at.timestamp_millis())
}

/// A number as people write it: digits, or threes of them set apart by points, commas or blanks. None: nothing was typed.
pub(in crate::web::console) fn number(text: &str) -> Result<Option<i64>, Phrase> {
    let wrong = || phrase!("ghi số nguyên không âm, ví dụ 1200 hoặc 1.200", "write a whole number, such as 1200 or 1,200");
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if text.is_empty() {
        return Ok(None);
    }
    let mut groups = text.split(['.', ',']);
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    let is_grouped = rest.is_empty() || (first.len() <= 3 && rest.iter().all(|group| group.len() == 3));
    // Points and commas in one number: one of them is a fraction's.
    let is_mixed = text.contains('.') && text.contains(',');
    let digits: String = std::iter::once(first).chain(rest).collect();
    if !is_grouped || is_mixed || first.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    digits.parse().map(Some).map_err(|_| wrong())
}

fn written(number: Option<i64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn place(code: &str) -> String {
    Places::built_in().full_name(code).unwrap_or_else(|| code.to_string())
}

impl Line {
    fn of(count: &Count) -> Self {
        Self {
            area: count.area.clone(),
            name: place(&count.area),
            round: count.round.to_string(),
            targeted: count.targeted.to_string(),
            submitted: count.submitted.to_string(),
            delivered: written(count.delivered),
            failed: written(count.failed),
            pending: written(count.pending),
            parts: written(count.parts),
            cost: written(count.cost),
            starts: written(count.starts_at),
            ends: written(count.ends_at),
            by_cell: if count.by_cell { "1".to_string() } else { String::new() },
        }
    }

    fn empty(area: &str, round: u16) -> Self {
        Self { area: area.to_string(), name: place(area), round: round.to_string(), ..Self::default() }
    }

    /// What is wrong with it, where its cells are not seen.
    fn says(&self, why: Phrase) -> Phrase {
        let area = if self.name.is_empty() { &self.area } else { &self.name };
        let round = if self.round.is_empty() { "1" } else { self.round.as_str() };
        if area.is_empty() {
            return why;
        }
        let Phrase { vi, en } = why;
        phrase!("{area}, vòng {round}: {vi}", "{area}, round {round}: {en}")
    }

    fn is_empty(&self) -> bool {
        let known = !self.name.is_empty();
        (known || self.area.is_empty()) && numbers(self).iter().all(|(_, text)| text.is_empty())
    }
}

impl Typed {
    /// The form before anything was typed: the newest report's lines, and a line for whatever else was ordered.
    pub fn blank(order: &Order, newest: Option<&Report>, sequence: i64, now: i64) -> Self {
        let places = Places::built_in();
        let counts = newest.map(|report| report.counts.as_slice()).unwrap_or_default();
        // Where wards are counted one by one, their province is not, and the other way round.
        let counted: BTreeSet<(&str, u16)> = counts.iter().map(|count| (count.area.as_str(), count.round)).collect();
        let within: BTreeSet<(&str, u16)> =
            counts.iter().filter_map(|count| Some((places.province_of(&count.area)?, count.round))).collect();
        let mut lines: Vec<Line> = counts.iter().map(Line::of).collect();
        for round in 1..=order.content.rounds.max(1) {
            let is_counted = |area: &str| {
                let province = places.province_of(area).unwrap_or(area);
                counted.contains(&(area, round)) || counted.contains(&(province, round)) || within.contains(&(area, round))
            };
            lines.extend(order.content.areas.iter().filter(|area| !is_counted(area)).map(|area| Line::empty(area, round)));
        }
        let left_out = lines.len().saturating_sub(MOST);
        lines.truncate(MOST);
        lines.resize(lines.len() + SPARE, Line::default());
        Self { sequence: sequence.to_string(), as_of: local(now), lines, left_out, ..Self::default() }
    }

    /// What was typed.
    pub fn of(fields: &Fields) -> Self {
        let line = |at: usize| {
            let get = |name: &str| fields.get(&format!("{name}-{at}")).to_string();
            let area = get("area");
            Line {
                name: if fields.has(&format!("known-{at}")) { place(&area) } else { String::new() },
                area,
                round: get("round"),
                targeted: get("targeted"),
                submitted: get("submitted"),
                delivered: get("delivered"),
                failed: get("failed"),
                pending: get("pending"),
                parts: get("parts"),
                cost: get("cost"),
                starts: get("starts"),
                ends: get("ends"),
                by_cell: get("by_cell"),
            }
        };
        let count = (0..MOST + SPARE).take_while(|at| fields.has(&format!("area-{at}"))).count();
        Self {
            sequence: fields.get("sequence").to_string(),
            as_of: fields.get("as_of").to_string(),
            last: fields.has("last"),
            corrects: fields.has("corrects"),
            reason: fields.get("reason").to_string(),
            starts: fields.get("starts").to_string(),
            ends: fields.get("ends").to_string(),
            lines: (0..count).map(line).collect(),
            left_out: 0,
        }
    }

    /// What was typed as a report; or what of it cannot be read.
    pub fn report(&self, evidence: Option<String>) -> Result<Report, Mistakes> {
        let mut wrong = Mistakes::default();
        let sequence = self.sequence.parse::<i64>().ok().filter(|sequence| *sequence > 0);
        if sequence.is_none() {
            wrong.add("sequence", phrase!("ghi số thứ tự, từ 1", "write the sequence, from 1"));
        }
        let mut time = |field: &'static str, text: &str| -> Option<i64> {
            let read = moment(text);
            if read.is_none() {
                let why = phrase!("ghi ngày và giờ, ví dụ 22/11/2026 17:00", "write day and time, such as 2026-11-22 17:00");
                wrong.add(field, why);
            }
            read
        };
        // The browser's field has no seconds: what counts up to a minute has all of it. Else a report in the minute of its order, or of the
        // report before, would be older than that.
        let as_of = time("as_of", &self.as_of).map(|at| at - at.rem_euclid(MINUTE) + MINUTE - 1);
        let starts = if self.starts.is_empty() { None } else { time("starts", &self.starts) };
        let ends = if self.ends.is_empty() { None } else { time("ends", &self.ends) };
        if self.corrects && self.reason.is_empty() {
            wrong.add("reason", phrase!("đính chính phải nêu lý do", "a correction says why"));
        }
        let mut counts = Vec::new();
        for (at, line) in self.lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
            match count(line, at, (starts, ends)) {
                Ok(count) => counts.push(count),
                Err(more) => wrong.extend(more),
            }
        }
        let (Some(sequence), Some(as_of), true) = (sequence, as_of, wrong.is_empty()) else { return Err(wrong) };
        let correction = self.corrects.then(|| self.reason.clone());
        Ok(Report { sequence, as_of, last: self.last, correction, evidence, counts })
    }

    /// The field that a fault of the judged report is about, and what to say beside it.
    pub fn at(&self, fault: &Fault) -> (String, Phrase) {
        let places = Places::built_in();
        let line = fault.area.as_ref().zip(fault.round).and_then(|(area, round)| {
            let is_it = |line: &Line| {
                (line.area == *area || code(places, &line.area).is_ok_and(|one| one == area))
                    && line.round.parse::<u16>() == Ok(round)
            };
            self.lines.iter().position(is_it)
        });
        let field = match (fault.field, line) {
            ("code" | "areas", Some(at)) => format!("area-{at}"),
            ("starts_at", _) => "starts".to_string(),
            ("ends_at", _) => "ends".to_string(),
            (field, Some(at)) => format!("{field}-{at}"),
            ("correction", None) => "reason".to_string(),
            ("evidence", None) => "document".to_string(),
            ("sequence" | "as_of", None) => fault.field.to_string(),
            (_, None) => "counts".to_string(),
        };
        let why = if line.is_some() { fault.why.clone() } else { fault.words() };
        (field, why)
    }

    /// What is wrong, for the list above the form, which names no cells: of which area and round each is.
    pub fn listed(&self, wrong: &Mistakes) -> Mistakes {
        let line = |field: &str| self.lines.get(field.rsplit_once('-')?.1.parse::<usize>().ok()?);
        wrong.told(|field, why| line(field).map_or_else(|| why.clone(), |line| line.says(why.clone())))
    }
}

/// The code that was typed, or that of the place of that name.
pub(super) fn code(places: &'static Places, typed: &str) -> Result<&'static str, Phrase> {
    match places.find(typed) {
        Found::One(code) => Ok(code),
        Found::Ambiguous(codes) => {
            let names: Vec<String> = codes.iter().take(5).map(|code| place(code)).collect();
            let names = names.join("; ");
            Err(phrase!("có nhiều nơi tên như vậy: {names}", "several places are called so: {names}"))
        }
        Found::Unknown(near) => {
            let near = near.first().map(|code| place(code)).unwrap_or_default();
            Err(if near.is_empty() {
                phrase!(
                    "không có địa bàn này: ghi mã hoặc tên tỉnh, xã, phường",
                    "there is no such place: write its code or name"
                )
            } else {
                phrase!("không có địa bàn này, có phải {near}?", "there is no such place; is it {near}?")
            })
        }
    }
}

/// A line as a count.
fn count(line: &Line, at: usize, (starts, ends): (Option<i64>, Option<i64>)) -> Result<Count, Mistakes> {
    let mut wrong = Mistakes::default();
    let area = if line.area.is_empty() {
        wrong.add(format!("area-{at}"), phrase!("ghi địa bàn", "say which area"));
        ""
    } else {
        code(Places::built_in(), &line.area).unwrap_or_else(|why| {
            wrong.add(format!("area-{at}"), why);
            ""
        })
    };
    let round = if line.round.is_empty() { Ok(1) } else { line.round.parse::<u16>() };
    if round.is_err() {
        wrong.add(format!("round-{at}"), phrase!("ghi số của vòng, từ 1", "write the round's number, from 1"));
    }
    let mut read = [None; 7];
    for (slot, (field, text)) in read.iter_mut().zip(numbers(line)) {
        match number(text) {
            Ok(None) if matches!(field, "targeted" | "submitted") => {
                wrong.add(
                    format!("{field}-{at}"),
                    phrase!("còn thiếu: nếu không có ai thì ghi 0", "it is missing: 0 if there is nobody"),
                );
            }
            Ok(number) => *slot = number,
            Err(why) => wrong.add(format!("{field}-{at}"), why),
        }
    }
    let (Ok(round), true) = (round, wrong.is_empty()) else { return Err(wrong) };
    let [targeted, submitted, delivered, failed, pending, parts, cost] = read;
    Ok(Count {
        area: area.to_string(),
        round,
        targeted: targeted.unwrap_or(0),
        submitted: submitted.unwrap_or(0),
        delivered,
        failed,
        pending,
        parts,
        cost,
        starts_at: starts.or_else(|| line.starts.parse().ok()),
        ends_at: ends.or_else(|| line.ends.parse().ok()),
        by_cell: line.by_cell == "1",
    })
}

/// A column of the form: the field's name, and what it is called.
#[derive(Debug, Clone, Copy, Serialize)]
pub(in crate::web::console) struct Column {
    pub field: &'static str,
    pub label: &'static str,
}

/// The columns of counts that outlets of a kind fill in.
pub(in crate::web::console) fn columns(kind: Kind, lang: Lang) -> Vec<Column> {
    let of = |field, vi, en| Column { field, label: lang.pick(vi, en) };
    match kind {
        Kind::Carrier => vec![
            of("targeted", "Thuê bao mục tiêu", "Targeted"),
            of("submitted", "Đã gửi", "Submitted"),
            of("delivered", "Thành công", "Delivered"),
            of("failed", "Thất bại", "Failed"),
            of("pending", "Đang chờ", "Pending"),
            of("parts", "Tin quy đổi", "Messages"),
            of("cost", "Chi phí (đ)", "Cost (đ)"),
        ],
        Kind::Agency | Kind::School => vec![
            of("targeted", "Số người cần phổ biến", "People to reach"),
            of("submitted", "Số người đã phổ biến", "People told"),
        ],
        Kind::Radio | Kind::Press => {
            vec![of("targeted", "Số lần dự kiến", "Times planned"), of("submitted", "Số lần đã phát, đăng", "Times done")]
        }
    }
}

#[cfg(test)]
mod tests;
