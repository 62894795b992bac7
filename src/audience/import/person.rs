//! One row of a list: cells come in, a person with checked fields leaves, or every reason why not.
//!
//! Reasons are for the officer who keeps the list: they name the column, say what would be right, and show an address
//! only masked.

use std::collections::HashMap;

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, NaiveTime};
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization as _;

use super::header::{Column, Field, Header};
use crate::{
    audience::{
        address::{self, BadChat, BadEmail, ChatService},
        formula::bare,
        phone::{self, BadPhone, Carrier},
        place::{Found, Places},
    },
    phrase,
    words::Phrase,
};

/// The longest name, group, attribute… in characters.
const LONGEST_TEXT: usize = 500;
/// Nobody alive was born before this year.
const FIRST_YEAR: i32 = 1900;
/// Different places remembered: lists repeat a few thousand.
const REMEMBERED_PLACES: usize = 20_000;
/// Viet Nam's offset from UTC in milliseconds: a consent's date is a local one, and there is no summer time.
const OFFSET: i64 = 7 * 3_600_000;

/// A row that can be stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// None: to be made from an address.
    pub reference: Option<String>,
    pub name: Option<String>,
    /// E.164.
    pub phone: Option<String>,
    pub email: Option<String>,
    pub chat: Option<(ChatService, String)>,
    /// A current code.
    pub area: Option<&'static str>,
    pub groups: Vec<String>,
    pub lang: Option<String>,
    /// A year alone is its first of July.
    pub born: Option<NaiveDate>,
    pub carrier: Option<Carrier>,
    pub consent_basis: Option<String>,
    pub consent_source: Option<String>,
    /// Unix milliseconds.
    pub consent_at: Option<i64>,
    /// What the person agreed to.
    pub consent_wording: Option<String>,
    pub attributes: Map<String, Value>,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The column as the list names it; empty: the row as a whole.
    pub column: String,
    /// Why, without personal data.
    pub reason: Phrase,
}

/// Reads rows of one list.
pub struct Reader<'a> {
    header: &'a Header,
    places: &'static Places,
    found: HashMap<String, Found>,
    today: NaiveDate,
    whole_rows: bool,
}

impl<'a> Reader<'a> {
    /// For a list with this header; nobody is born after `today`. With `whole_rows` every row must have all cells: a text
    /// whose row is short was cut, or a line break stands within a cell; a sheet just leaves out empty cells.
    pub fn new(header: &'a Header, today: NaiveDate, whole_rows: bool) -> Self {
        Self { header, places: Places::built_in(), found: HashMap::new(), today, whole_rows }
    }

    /// The row's own reference, even where the rest of the row is no good.
    pub fn reference(&self, cells: &[String]) -> Option<String> {
        let cell = cells.get(self.header.position(Field::Ref)?)?;
        let reference = clean(cell).ok()?;
        (!reference.is_empty() && reference.chars().count() <= 100).then_some(reference)
    }

    /// Checks a row.
    pub fn read(&mut self, cells: &[String]) -> Result<Person, Vec<Problem>> {
        let mut row = Checked { header: self.header, cells, problems: Vec::new() };
        if cells.len() > self.header.columns.len()
            && cells[self.header.columns.len()..].iter().any(|cell| !cell.trim().is_empty())
        {
            row.problem_of_row(phrase!(
                "dòng có nhiều ô hơn số cột: có thể một ô chứa dấu phân cách mà thiếu dấu ngoặc kép",
                "more cells than columns: a cell may hold a separator without quotes"
            ));
        }
        if self.whole_rows && cells.len() < self.header.columns.len() {
            row.problem_of_row(phrase!(
                "dòng có ít ô hơn số cột: có thể dòng bị cắt, hoặc một ô có xuống dòng mà thiếu dấu ngoặc kép",
                "fewer cells than columns: the row may be cut, or a cell has a line break without quotes"
            ));
        }
        let mut person = Person {
            reference: row.text(Field::Ref, |text| {
                let short = text.chars().count() <= 100;
                short.then_some(text).ok_or_else(|| phrase!("mã dài quá 100 ký tự", "a reference of more than 100 characters"))
            }),
            name: row.text(Field::Name, |text| {
                if text.chars().any(char::is_alphabetic) {
                    Ok(text)
                } else {
                    Err(phrase!("tên không có chữ cái", "a name without any letter"))
                }
            }),
            phone: row.text(Field::Phone, |text| phone::normalise(&text).map_err(BadPhone::phrase)),
            email: row.text(Field::Email, |text| address::email(&text).map_err(BadEmail::phrase)),
            lang: row.text(Field::Lang, |text| language(&text)),
            born: row.text(Field::Born, |text| born(&text, self.today)),
            carrier: row.text(Field::Carrier, |text| {
                Carrier::from_name(&text).ok_or_else(|| {
                    phrase!(
                        "không rõ nhà mạng: viettel, mobifone, vinaphone, vietnamobile, gmobile, wintel hoặc itel",
                        "no known carrier: viettel, mobifone, vinaphone, vietnamobile, gmobile, wintel or itel"
                    )
                })
            }),
            consent_basis: row.text(Field::ConsentBasis, Ok),
            consent_source: row.text(Field::ConsentSource, Ok),
            consent_at: row.text(Field::ConsentAt, |text| moment(&text)),
            consent_wording: row.text(Field::ConsentWording, Ok),
            ..Person::default()
        };
        // Each cell is looked at, so that each mistake is told.
        let chats = ChatService::LISTED.map(|service| {
            let id = row.text(Field::Chat(service), |text| address::chat(service, &text).map_err(BadChat::phrase));
            id.map(|id| (service, id))
        });
        person.chat = chats.into_iter().flatten().next();
        if let Some(groups) = row.text(Field::Groups, Ok) {
            let named = groups.split(';').map(str::trim).filter(|group| !group.is_empty());
            person.groups = named.map(ToString::to_string).collect();
            person.groups.sort_unstable();
            person.groups.dedup();
        }
        for (at, column) in self.header.columns.iter().enumerate() {
            if let Column::Attribute(name) = column
                && let Some(text) = row.cell(at, Ok)
            {
                person.attributes.insert(name.clone(), Value::String(text));
            }
        }
        self.area(&mut row, &mut person);
        if person.phone.is_none() && person.email.is_none() && person.chat.is_none() && row.problems.is_empty() {
            row.problem_of_row(phrase!(
                "không có địa chỉ nào: cần ít nhất số điện thoại, e-mail hoặc mã của một dịch vụ trò chuyện (zalo_id, telegram_id, viber_id…)",
                "no address at all: a phone number, e-mail or an id on a chat service (zalo_id, telegram_id, viber_id…) is needed"
            ));
        }
        if row.problems.is_empty() { Ok(person) } else { Err(row.problems) }
    }

    /// The place in one cell, or in the cells of ward, district and province.
    fn area(&mut self, row: &mut Checked<'_>, person: &mut Person) {
        let area = row.text(Field::Area, Ok);
        let parts = [Field::Ward, Field::District, Field::Province].map(|field| row.text(field, Ok));
        let (text, field) = match (area, parts) {
            (Some(area), _) => (area, Field::Area),
            // A ward's code says everything.
            (None, [Some(ward), ..]) if ward.bytes().all(|byte| byte.is_ascii_digit()) => (ward, Field::Ward),
            (None, parts) => {
                let field = if parts[0].is_some() { Field::Ward } else { Field::Province };
                (parts.into_iter().flatten().collect::<Vec<_>>().join(", "), field)
            }
        };
        if text.is_empty() {
            return;
        }
        if self.found.len() >= REMEMBERED_PLACES {
            self.found.clear();
        }
        let places = self.places;
        let found = self.found.entry(text).or_insert_with_key(|text| places.find(text));
        let named = |codes: &[&str]| {
            let name = |code: &&str| Some(format!("{code} {}", places.full_name(code)?));
            codes.iter().take(5).filter_map(name).collect::<Vec<_>>().join("; ")
        };
        match found {
            Found::One(code) => person.area = Some(code),
            Found::Ambiguous(codes) => {
                let named = named(codes);
                let found = match codes.len().saturating_sub(5) {
                    0 => Phrase::from(named),
                    more => phrase!("{named}; và {more} nơi khác", "{named}; and {more} more"),
                };
                let (vi, en) = (found.vi, found.en);
                row.problem(
                    field,
                    phrase!(
                        "địa bàn này ứng với nhiều nơi, hãy ghi mã: {vi}",
                        "several places are called so, write a code: {en}"
                    ),
                );
            }
            Found::Unknown(codes) if codes.is_empty() => row.problem(
                field,
                phrase!(
                    "không tìm thấy địa bàn: ghi mã, hoặc “Phường/Xã, Tỉnh/Thành phố”",
                    "no such place: write a code, or “ward, province”"
                ),
            ),
            Found::Unknown(codes) => {
                let named = named(codes);
                row.problem(field, phrase!("không tìm thấy địa bàn; gần nhất: {named}", "no such place; the nearest: {named}"));
            }
        }
    }
}

/// The cells of a row and what was found wrong with them.
struct Checked<'a> {
    header: &'a Header,
    cells: &'a [String],
    problems: Vec<Problem>,
}

impl Checked<'_> {
    fn text<T>(&mut self, field: Field, check: impl FnOnce(String) -> Result<T, Phrase>) -> Option<T> {
        let at = self.header.position(field)?;
        self.cell(at, check)
    }

    /// An empty cell is nothing; any other one must pass.
    fn cell<T>(&mut self, at: usize, check: impl FnOnce(String) -> Result<T, Phrase>) -> Option<T> {
        let cell = self.cells.get(at)?;
        let checked = match clean(cell) {
            Ok(text) if text.is_empty() => return None,
            Ok(text) => check(text),
            Err(reason) => Err(reason),
        };
        match checked {
            Ok(value) => Some(value),
            Err(reason) => {
                self.problems.push(Problem { column: self.header.names[at].clone(), reason });
                None
            }
        }
    }

    fn problem(&mut self, field: Field, reason: Phrase) {
        self.problems.push(Problem { column: self.header.name_of(field), reason });
    }

    fn problem_of_row(&mut self, reason: Phrase) {
        self.problems.push(Problem { column: String::new(), reason });
    }
}

/// Composed (NFC), trimmed, inner white space single, without the invisible marks that numbers copied from a phone carry;
/// and without the apostrophe that an export puts before what looks like a formula; refused: control characters, Excel's
/// errors, endless texts.
fn clean(cell: &str) -> Result<String, Phrase> {
    let invisible =
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let text: String = bare(cell.trim()).nfc().filter(|c| !invisible(*c)).collect();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().any(|c| c.is_control() || c == '\u{fffd}') {
        return Err(phrase!("có ký tự hỏng hoặc ký tự điều khiển", "broken or control characters"));
    }
    if ["#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"].contains(&text.as_str()) {
        return Err(phrase!("ô này là lỗi công thức của Excel", "this cell is an error of an Excel formula"));
    }
    if text.chars().count() > LONGEST_TEXT {
        return Err(phrase!("dài quá 500 ký tự", "more than 500 characters"));
    }
    Ok(text)
}

/// A BCP 47 code: `vi`, `en`, `en-GB`.
fn language(text: &str) -> Result<String, Phrase> {
    let mut parts = text.split('-');
    let primary = parts.next().unwrap_or_default();
    let rest_ok = parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    if (2..=3).contains(&primary.len()) && primary.bytes().all(|b| b.is_ascii_alphabetic()) && rest_ok {
        return Ok(text.to_ascii_lowercase());
    }
    Err(phrase!("ngôn ngữ ghi bằng mã, ví dụ vi, en", "write a language's code, such as vi, en"))
}

/// dd/mm/yyyy, ISO 8601, a year, or the number of a day as Excel counts them.
fn born(text: &str, today: NaiveDate) -> Result<NaiveDate, Phrase> {
    let day = date(text).ok_or_else(|| {
        phrase!(
            "ngày sinh ghi dạng ngày/tháng/năm (31/12/1990), 1990-12-31 hoặc chỉ năm",
            "write a day of birth as day/month/year (31/12/1990), 1990-12-31 or the year alone"
        )
    })?;
    if day.year() < FIRST_YEAR {
        return Err(phrase!("năm sinh trước 1900", "a year of birth before 1900"));
    }
    if day > today && !(text.len() == 4 && day.year() == today.year()) {
        return Err(phrase!("ngày sinh ở tương lai", "a day of birth in the future"));
    }
    Ok(day)
}

fn date(text: &str) -> Option<NaiveDate> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: i32 = text.parse().ok()?;
        return match text.len() {
            4 => NaiveDate::from_ymd_opt(number, 7, 1),
            // Excel's day 1 is the first of 1900, and it takes 1900 for a leap year.
            5 => NaiveDate::from_ymd_opt(1899, 12, 30)?.checked_add_days(chrono::Days::new(u64::try_from(number).ok()?)),
            _ => None,
        };
    }
    let day = text.split(['T', ' ']).next()?;
    if let Ok(day) = NaiveDate::parse_from_str(day, "%Y-%m-%d") {
        return (day.year() >= 1000).then_some(day);
    }
    let parts: Vec<&str> = day.split(['/', '-', '.']).collect();
    let [day, month, year] = parts.as_slice() else { return None };
    if year.len() != 4 {
        return None;
    }
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

/// A local date, with or without a time of day, in unix milliseconds.
fn moment(text: &str) -> Result<i64, Phrase> {
    if let Ok(moment) = chrono::DateTime::parse_from_rfc3339(text) {
        return Ok(moment.timestamp_millis());
    }
    let day = date(text)
        .ok_or_else(|| phrase!("ngày ghi dạng 31/12/2025 hoặc 2025-12-31", "write a day as 31/12/2025 or 2025-12-31"))?;
    let time = text.split_once(['T', ' ']).map(|(_, time)| time);
    let time = match time {
        None => NaiveTime::MIN,
        Some(time) => ["%H:%M:%S", "%H:%M"]
            .into_iter()
            .find_map(|format| NaiveTime::parse_from_str(time, format).ok())
            .ok_or_else(|| phrase!("giờ ghi dạng 08:30", "write a time as 08:30"))?,
    };
    Ok(NaiveDateTime::new(day, time).and_utc().timestamp_millis() - OFFSET)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ymd(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).unwrap()
    }

    #[test]
    fn days_of_birth_are_read_as_lists_have_them() {
        let today = ymd(2026, 11, 2);
        for (text, day) in [
            ("31/12/1990", ymd(1990, 12, 31)),
            ("1/2/1990", ymd(1990, 2, 1)),
            ("01-02-1990", ymd(1990, 2, 1)),
            ("1.2.1990", ymd(1990, 2, 1)),
            ("1990-02-01", ymd(1990, 2, 1)),
            ("1990-02-01 00:00:00", ymd(1990, 2, 1)),
            ("1990", ymd(1990, 7, 1)),
            ("2026", ymd(2026, 7, 1)),
            ("32874", ymd(1990, 1, 1)),
        ] {
            assert_eq!(born(text, today), Ok(day), "{text}");
        }
        for text in ["31/02/1990", "12/31/1990", "1/2/90", "90", "1890", "03/11/2026", "2027", "tháng 5", "199O", "0"] {
            assert!(born(text, today).is_err(), "{text}");
        }
    }

    #[test]
    fn moments_are_local() {
        assert_eq!(moment("2026-01-02"), Ok(1_767_286_800_000));
        assert_eq!(moment("02/01/2026 08:30"), Ok(1_767_286_800_000 + 8 * 3_600_000 + 30 * 60_000));
        assert_eq!(moment("2026-01-02T00:00:00+07:00"), Ok(1_767_286_800_000));
        assert!(moment("02/01/2026 25:00").is_err());
    }

    #[test]
    fn cells_are_cleaned() {
        assert_eq!(clean(" \u{202a}0901\u{a0}234 567\u{202c} ").as_deref(), Ok("0901 234 567"));
        assert_eq!(clean("a\u{302}n").as_deref(), Ok("ân"));
        assert!(clean("a\u{0}b").is_err() && clean("#REF!").is_err() && clean(&"x".repeat(501)).is_err());
    }

    #[test]
    fn a_place_may_stand_in_several_cells() {
        let names = ["sdt", "xã", "huyện", "tỉnh"].map(String::from);
        let header = Header::read(&names).unwrap();
        let mut reader = Reader::new(&header, ymd(2026, 11, 2), true);
        let mut area = |cells: [&str; 4]| reader.read(&cells.map(String::from)).unwrap().area;
        assert_eq!(area(["0901234567", "Xã Đồng Văn", "Huyện Đồng Văn", "Hà Giang"]), Some("00721"));
        assert_eq!(area(["0901234567", "Phường Ba Đình", "", "Hà Nội"]), Some("00004"));
        assert_eq!(area(["0901234567", "00004", "", "Hà Nội"]), Some("00004"));
        assert_eq!(area(["0901234567", "", "", "Hà Nội"]), Some("01"));
        assert_eq!(area(["0901234567", "", "", ""]), None);
    }
}
