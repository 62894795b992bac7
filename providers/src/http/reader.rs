//! A strict reader over TOML: it notes every fault with its place and goes on, so that one look finds them all.

use std::{cell::RefCell, collections::HashSet, ops::Range, time::Duration};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, suggestion};

/// The file being read, and what was found wrong in it so far.
pub(super) struct Source<'a> {
    file: &'a str,
    text: &'a str,
    faults: RefCell<Vec<Fault>>,
    used: RefCell<HashSet<String>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, faults: RefCell::default(), used: RefCell::default() }
    }

    /// Notes a fault over these bytes.
    pub(super) fn fault(&self, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.faults.borrow_mut().push(Fault::at(self.file, self.text, span, message.into(), help));
    }

    /// Remembers that some expression reads this name.
    pub(super) fn note_use(&self, name: &str) {
        self.used.borrow_mut().insert(name.to_owned());
    }

    /// Whether any expression so far reads this name.
    pub(super) fn uses(&self, name: &str) -> bool {
        self.used.borrow().contains(name)
    }

    /// All faults, in the order of the file.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| fault.span.start);
        faults
    }
}

/// A string of the file and where it stands.
#[derive(Clone)]
pub(super) struct Text<'a> {
    pub(super) value: &'a str,
    pub(super) span: Range<usize>,
}

impl Text<'_> {
    /// Where a part of the string stands in the file; the whole string where escapes hide the exact place.
    pub(super) fn place(&self, source: &Source<'_>, part: Range<usize>) -> Range<usize> {
        let written = source.text.get(self.span.clone()).unwrap_or_default();
        match written.find(self.value) {
            Some(offset) => self.span.start + offset + part.start..self.span.start + offset + part.end,
            None => self.span.clone(),
        }
    }
}

/// A table of the file; its keys are taken by name.
#[derive(Clone)]
pub(super) struct Table<'a> {
    pub(super) source: &'a Source<'a>,
    /// How the table is called in the file: `[send]`.
    pub(super) name: String,
    pub(super) span: Range<usize>,
    entries: &'a DeTable<'a>,
}

impl<'a> Table<'a> {
    pub(super) fn new(source: &'a Source<'a>, name: String, span: Range<usize>, entries: &'a DeTable<'a>) -> Self {
        Self { source, name, span, entries }
    }

    /// Every entry: key, and value with its place.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Text<'a>, &'a Spanned<DeValue<'a>>)> + use<'a> {
        self.entries.iter().map(|(key, value)| (Text { value: key.get_ref(), span: key.span() }, value))
    }

    /// Faults every key that is not one of these.
    pub(super) fn only(&self, known: &[&str]) {
        for (key, _) in self.entries() {
            if !known.contains(&key.value) {
                let message = format!("unknown key `{}` in {}", key.value, self.name);
                self.source.fault(key.span, message, suggestion(key.value, known));
            }
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.entries().find(|(name, _)| name.value == key).map(|(_, value)| value)
    }

    /// Where a key stands, or the table if it has no such key.
    pub(super) fn place_of(&self, key: &str) -> Range<usize> {
        self.entries().find(|(name, _)| name.value == key).map_or_else(|| self.span.clone(), |(name, _)| name.span)
    }

    /// A string.
    pub(super) fn text(&self, key: &str) -> Option<Text<'a>> {
        let value = self.get(key)?;
        self.as_text(key, value)
    }

    /// A string that must be there.
    pub(super) fn required(&self, key: &str, example: &str) -> Option<Text<'a>> {
        if self.get(key).is_none() {
            self.missing(key, example);
        }
        self.text(key)
    }

    /// Notes that a key is missing.
    pub(super) fn missing(&self, key: &str, example: &str) {
        let message = format!("{} lacks `{key}`", self.name);
        self.source.fault(self.span.clone(), message, Some(format!("such as {example}")));
    }

    /// A string that is one of these words.
    pub(super) fn word<T>(&self, key: &str, words: &[&str], parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(key)?;
        let parsed = parse(text.value);
        if parsed.is_none() {
            let message = format!("`{key}` cannot be `{}`", text.value);
            self.source.fault(text.span, message, suggestion(text.value, words));
        }
        parsed
    }

    pub(super) fn as_text(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Option<Text<'a>> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(key, "a string", value);
        }
        Some(Text { value: text?, span: value.span() })
    }

    fn wrong_type(&self, key: &str, wanted: &str, value: &Spanned<DeValue<'_>>) {
        let message = format!("`{key}` in {} must be {wanted}, not {}", self.name, value.get_ref().type_str());
        self.source.fault(value.span(), message, None);
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, key: &str) -> Option<bool> {
        let value = self.get(key)?;
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            self.wrong_type(key, "true or false", value);
        }
        boolean
    }

    /// A whole number within bounds.
    pub(super) fn number(&self, key: &str, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let value = self.get(key)?;
        let number = value.get_ref().as_integer().and_then(|n| u32::from_str_radix(n.as_str(), n.radix()).ok());
        let number = number.filter(|n| range.contains(n));
        if number.is_none() {
            self.wrong_type(key, &format!("a whole number from {} to {}", range.start(), range.end()), value);
        }
        number
    }

    /// A span of time such as `"24h"`.
    pub(super) fn duration(&self, key: &str) -> Option<Duration> {
        let text = self.text(key)?;
        let duration = parse_duration(text.value);
        if duration.is_none() {
            let message = format!("`{}` is no span of time", text.value);
            self.source.fault(text.span, message, Some("a number and s, m, h or d, such as \"24h\"".into()));
        }
        duration
    }

    /// A string, or a list of strings.
    pub(super) fn texts(&self, key: &str) -> Option<Vec<Text<'a>>> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Array(list) => list.iter().map(|item| self.as_text(key, item)).collect(),
            _ => self.as_text(key, value).map(|text| vec![text]),
        }
    }

    /// A table of its own.
    pub(super) fn table(&self, key: &str) -> Option<Table<'a>> {
        let value = self.get(key)?;
        let table = self.as_table(key, value);
        if table.is_none() {
            self.wrong_type(key, "a table", value);
        }
        table
    }

    /// A value as a table, named after its way from here.
    pub(super) fn as_table(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Option<Table<'a>> {
        let path = self.name.trim_matches(['[', ']']);
        let name = if self.name.starts_with('[') { format!("[{path}.{key}]") } else { format!("[{key}]") };
        let place = if value.span().is_empty() { self.place_of(key) } else { value.span() };
        Some(Table::new(self.source, name, place, value.get_ref().as_table()?))
    }

    /// A list of tables: `[[send.answer]]`.
    pub(super) fn tables(&self, key: &str) -> Vec<Table<'a>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong_type(key, "a list of tables", value);
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(list.len());
        for item in list {
            match self.as_table(key, item) {
                Some(table) => tables.push(Table { name: format!("[{}]", table.name), ..table }),
                None => self.wrong_type(key, "a list of tables", item),
            }
        }
        tables
    }
}

/// `90s`, `15m`, `24h`, `7d`.
fn parse_duration(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number: u64 = text.get(..text.len() - unit.len_utf8())?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}
