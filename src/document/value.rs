//! A value that is being read: each reader returns it in one type, or reports what is wrong with it and returns `None`.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use chrono::{NaiveDate, NaiveTime};
use toml::value::{Date, Time};

use super::{
    DURATION_HELP, Section, Sheet, describe_duration, duration,
    tree::{Item, Node, Place},
};
use crate::{phrase, words::Phrase};

/// A value that is being read.
#[derive(Clone)]
pub struct Value<'d> {
    item: &'d Item,
    sheet: &'d Sheet,
    field: String,
    path: String,
}

impl<'d> Value<'d> {
    pub(super) fn new(item: &'d Item, sheet: &'d Sheet, field: String, path: String) -> Self {
        Self { item, sheet, field, path }
    }

    /// The key, such as `cadence.every`.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Reports that this value is wrong, and returns `None` for the caller to return.
    pub fn refuse<T>(&self, message: Phrase, help: Phrase) -> Option<T> {
        self.sheet.report(&self.item.at, (&self.field, &self.path), message, help);
        None
    }

    /// Reports that this value has the wrong type; `right` is an example of a right one.
    fn mistyped<T>(&self, vi: &str, en: &str, right: &str) -> Option<T> {
        let (is_vi, is_en) = match &self.item.node {
            Node::Text(_) | Node::Raw(_) => ("một chuỗi", "text"),
            Node::Integer(Some(_)) => ("một số nguyên", "a whole number"),
            Node::Integer(None) => ("một số quá lớn", "a number that is too large"),
            Node::Float(_) => ("một số thập phân", "a decimal number"),
            Node::Boolean(_) => ("true/false", "true or false"),
            Node::Datetime(_) => ("một ngày giờ", "a date or time"),
            Node::List(_) => ("một danh sách", "a list"),
            Node::Table(_) => ("một bảng", "a table"),
        };
        let field = &self.field;
        let message = phrase!("`{field}` phải là {vi}, không phải {is_vi}", "`{field}` must be {en}, not {is_en}");
        self.refuse(message, phrase!("ví dụ: {right}", "for example: {right}"))
    }

    /// A variable's text as the TOML value that it spells, where it spells one.
    fn spelled(&self) -> Option<Item> {
        let (Node::Raw(raw), Place::Variable(name)) = (&self.item.node, &self.item.at) else { return None };
        Item::of_variable(raw, name)
    }

    /// Text, possibly empty.
    pub fn any_text(&self) -> Option<String> {
        match &self.item.node {
            Node::Text(text) | Node::Raw(text) => Some(text.clone()),
            _ => self.mistyped("một chuỗi", "text", "\"…\""),
        }
    }

    /// Text with something in it.
    pub fn text(&self) -> Option<String> {
        let text = self.any_text()?;
        if text.trim().is_empty() {
            let field = &self.field;
            return self.refuse(
                phrase!("`{field}` để trống", "`{field}` is empty"),
                phrase!("viết nội dung vào, hoặc bỏ khóa này đi", "write something, or leave the key out"),
            );
        }
        Some(text)
    }

    /// Text of one line.
    pub fn line(&self) -> Option<String> {
        let text = self.text()?;
        if text.contains(['\n', '\r']) {
            let field = &self.field;
            return self.refuse(
                phrase!("`{field}` phải nằm trên một dòng", "`{field}` must be one line"),
                phrase!("bỏ ký tự xuống dòng", "take the line break out"),
            );
        }
        Some(text)
    }

    /// `[a-z0-9-]`, at most 60 characters: what names campaigns, segments, messages and accounts.
    pub fn slug(&self) -> Option<String> {
        let text = self.text()?;
        if is_slug(&text) {
            return Some(text);
        }
        self.refuse(
            phrase!("`{text}` không phải mã hợp lệ", "`{text}` is not a valid name"),
            phrase!(
                "chỉ dùng chữ thường không dấu, số và dấu gạch nối, nhiều nhất 60 ký tự",
                "use a-z, 0-9 and hyphens, at most 60 characters"
            ),
        )
    }

    /// A whole number within a range.
    pub fn integer(&self, range: RangeInclusive<i64>) -> Option<i64> {
        let spelled = self.spelled();
        match spelled.as_ref().unwrap_or(self.item).node {
            Node::Integer(Some(number)) if range.contains(&number) => Some(number),
            Node::Integer(Some(number)) => self.outside(&number, range.start(), range.end()),
            _ => self.mistyped("một số nguyên", "a whole number", &range.start().to_string()),
        }
    }

    /// A number within a range.
    pub fn number(&self, range: RangeInclusive<f64>) -> Option<f64> {
        let spelled = self.spelled();
        #[expect(clippy::cast_precision_loss, reason = "every number that a file may hold here is small")]
        let number = match spelled.as_ref().unwrap_or(self.item).node {
            Node::Float(number) => number,
            Node::Integer(Some(number)) => number as f64,
            _ => return self.mistyped("một số", "a number", &range.end().to_string()),
        };
        if range.contains(&number) { Some(number) } else { self.outside(&number, range.start(), range.end()) }
    }

    fn outside<T, N: std::fmt::Display>(&self, number: &N, from: &N, to: &N) -> Option<T> {
        let field = &self.field;
        self.refuse(
            phrase!("`{field}` = {number} nằm ngoài khoảng cho phép", "`{field}` = {number} is out of range"),
            phrase!("từ {from} đến {to}", "from {from} to {to}"),
        )
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Option<bool> {
        let spelled = self.spelled();
        match spelled.as_ref().unwrap_or(self.item).node {
            Node::Boolean(yes) => Some(yes),
            _ => self.mistyped("true hoặc false", "true or false", "true"),
        }
    }

    /// One of several words.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        if !self.is_text() {
            let first = choices.first().map_or("", |(name, _)| *name);
            return self.mistyped("một chuỗi", "text", &format!("\"{first}\""));
        }
        let word = self.text()?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == word) {
            return Some(*value);
        }
        let field = &self.field;
        self.refuse(
            phrase!("`{field}` không thể là \"{word}\"", "`{field}` cannot be \"{word}\""),
            super::suggestion(&word, choices.iter().map(|(name, _)| *name)),
        )
    }

    /// A date: `2026-10-01`, with or without quotes.
    pub fn date(&self) -> Option<NaiveDate> {
        let date = match &self.item.node {
            Node::Datetime(toml::value::Datetime { date: Some(Date { year, month, day }), time: None, offset: None }) => {
                NaiveDate::from_ymd_opt(i32::from(*year), u32::from(*month), u32::from(*day))
            }
            Node::Text(text) | Node::Raw(text) => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok(),
            Node::Datetime(_) => None,
            _ => return self.mistyped("một ngày", "a date", "2026-10-01"),
        };
        if let Some(date) = date {
            return Some(date);
        }
        let field = &self.field;
        self.refuse(
            phrase!("`{field}` không phải một ngày có thật", "`{field}` is not a date that exists"),
            phrase!("viết năm-tháng-ngày: 2026-10-01", "write year-month-day: 2026-10-01"),
        )
    }

    /// A time of day to the minute: `"08:30"`.
    pub fn time(&self) -> Option<NaiveTime> {
        let time = match &self.item.node {
            Node::Datetime(toml::value::Datetime { date: None, time: Some(Time { hour, minute, second, .. }), offset: None })
                if second.unwrap_or(0) == 0 =>
            {
                NaiveTime::from_hms_opt(u32::from(*hour), u32::from(*minute), 0)
            }
            Node::Text(text) | Node::Raw(text) => NaiveTime::parse_from_str(text, "%H:%M").ok(),
            _ => None,
        };
        if time.is_some() {
            return time;
        }
        let field = &self.field;
        self.refuse(
            phrase!("`{field}` không phải giờ trong ngày", "`{field}` is not a time of day"),
            phrase!("viết giờ:phút, từ \"00:00\" đến \"23:59\"", "write hour:minute, from \"00:00\" to \"23:59\""),
        )
    }

    /// A duration such as `"6h"`, within a range.
    pub fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let (Node::Text(text) | Node::Raw(text)) = &self.item.node else {
            return self.mistyped("một khoảng thời gian", "a duration", "\"6h\"");
        };
        match duration(text) {
            Some(span) if range.contains(&span) => Some(span),
            Some(span) => {
                self.outside(&describe_duration(span), &describe_duration(*range.start()), &describe_duration(*range.end()))
            }
            None => self.refuse(
                phrase!("\"{text}\" không phải khoảng thời gian", "\"{text}\" is not a duration"),
                phrase!("viết số kèm đơn vị s, m, h hoặc d: {DURATION_HELP}", "write a number and s, m, h or d: {DURATION_HELP}"),
            ),
        }
    }

    /// A list, each element read with `read`. Elements with problems are left out (the document is refused anyway).
    pub fn list<T>(&self, read: impl FnMut(Value<'_>) -> Option<T>) -> Option<Vec<T>> {
        let spelled = self.spelled();
        let Node::List(items) = &spelled.as_ref().unwrap_or(self.item).node else {
            return self.mistyped("một danh sách", "a list", "[\"…\", \"…\"]");
        };
        let element = |(index, item)| Value::new(item, self.sheet, self.field.clone(), format!("{}.{index}", self.path));
        Some(items.iter().enumerate().map(element).filter_map(read).collect())
    }

    /// A list, or one element alone.
    pub fn one_or_more<T>(&self, mut read: impl FnMut(Value<'_>) -> Option<T>) -> Option<Vec<T>> {
        match &self.item.node {
            Node::List(_) => self.list(read),
            Node::Raw(raw) if raw.trim_start().starts_with('[') => self.list(read),
            _ => read(self.clone()).map(|one| vec![one]),
        }
    }

    /// A list with something in it.
    pub fn some<T>(&self, read: impl FnMut(Value<'_>) -> Option<T>) -> Option<Vec<T>> {
        if matches!(&self.item.node, Node::List(items) if items.is_empty()) {
            let field = &self.field;
            return self.refuse(
                phrase!("`{field}` là danh sách rỗng", "`{field}` is an empty list"),
                phrase!("ghi ít nhất một phần tử, hoặc bỏ khóa này đi", "write at least one element, or leave the key out"),
            );
        }
        self.list(read)
    }

    /// Whether this is a table.
    pub fn is_table(&self) -> bool {
        matches!(self.item.node, Node::Table(_))
    }

    /// Whether this is text (or an environment variable's value).
    pub fn is_text(&self) -> bool {
        matches!(self.item.node, Node::Text(_) | Node::Raw(_))
    }

    /// Whether this is a whole number.
    pub fn is_integer(&self) -> bool {
        matches!(self.item.node, Node::Integer(_))
    }

    /// Whether this comes from an environment variable.
    pub fn is_variable(&self) -> bool {
        matches!(self.item.node, Node::Raw(_))
    }

    /// A table, read with `read`.
    pub fn section<T>(&self, read: impl FnOnce(&mut Section<'_>) -> Option<T>) -> Option<T> {
        match &self.item.node {
            Node::Table(table) => {
                let mut section = Section::new(table, self.sheet, self.field.clone(), self.path.clone());
                let value = read(&mut section);
                section.finish();
                value
            }
            _ => self.mistyped("một bảng", "a table", "{ … }"),
        }
    }

    /// A path, not yet looked at.
    pub fn path(&self) -> Option<PathBuf> {
        self.text().map(PathBuf::from)
    }

    /// The value as it stands, for those who read it later.
    pub fn plain(&self) -> Option<toml::Value> {
        self.item.plain().or_else(|| self.mistyped("một giá trị đọc được", "a readable value", "1"))
    }
}

/// Whether `text` may name a campaign, a segment, a message or an account.
pub fn is_slug(text: &str) -> bool {
    (1..=60).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}
