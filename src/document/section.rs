//! A table that is being read: it remembers which keys were asked for, so that it can name the ones nobody knows.

use super::{
    Sheet, Value, nearest,
    tree::{Item, Table},
};
use crate::{phrase, words::Phrase};

/// A table that is being read.
pub struct Section<'d> {
    table: &'d Table,
    sheet: &'d Sheet,
    field: String,
    path: String,
    asked: Vec<String>,
    free: bool,
}

impl<'d> Section<'d> {
    pub(super) fn new(table: &'d Table, sheet: &'d Sheet, field: String, path: String) -> Self {
        Self { table, sheet, field, path, asked: Vec::new(), free: false }
    }

    fn field(&self, key: &str) -> String {
        joined(&self.field, key)
    }

    fn path(&self, key: &str) -> String {
        joined(&self.path, key)
    }

    fn ask(&mut self, key: &str) {
        if !self.asked.iter().any(|asked| asked == key) {
            self.asked.push(key.to_string());
        }
    }

    fn value_of(&self, key: &str, item: &'d Item) -> Value<'d> {
        Value::new(item, self.sheet, self.field(key), self.path(key))
    }

    /// The value of `key`, if it is there.
    pub fn value(&mut self, key: &str) -> Option<Value<'d>> {
        self.ask(key);
        self.table.get(key).map(|entry| self.value_of(key, &entry.item))
    }

    /// Whether `key` is there.
    pub fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// The value of `key` read with `read`; a problem if it is missing.
    pub fn required<T>(&mut self, key: &str, read: impl FnOnce(Value<'d>) -> Option<T>) -> Option<T> {
        match self.value(key) {
            Some(value) => read(value),
            None => self.missing(key),
        }
    }

    /// The value of `key` read with `read`, if it is there and well.
    pub fn optional<T>(&mut self, key: &str, read: impl FnOnce(Value<'d>) -> Option<T>) -> Option<T> {
        self.value(key).and_then(read)
    }

    /// Reports that `key` is missing.
    pub fn missing<T>(&mut self, key: &str) -> Option<T> {
        self.ask(key);
        let field = self.field(key);
        let message = phrase!("thiếu `{field}`", "`{field}` is missing");
        self.sheet.report(&self.table.at, (&field, &self.path(key)), message, Phrase::default());
        None
    }

    /// Reports a problem with the table as a whole.
    pub fn refuse<T>(&self, message: Phrase, help: Phrase) -> Option<T> {
        self.sheet.report(&self.table.at, (&self.field, &self.path), message, help);
        None
    }

    /// All entries that were not asked for yet, as name and value: from now on every key of this table is known.
    pub fn rest(&mut self) -> Vec<(&'d str, Value<'d>)> {
        self.free = true;
        self.table
            .entries
            .iter()
            .filter(|entry| !self.asked.contains(&entry.key))
            .map(|entry| (entry.key.as_str(), self.value_of(&entry.key, &entry.item)))
            .collect()
    }

    /// Reports a problem at a key itself, not at its value.
    pub fn refuse_key<T>(&self, key: &str, message: Phrase, help: Phrase) -> Option<T> {
        let at = self.table.get(key).map_or(&self.table.at, |entry| &entry.key_at);
        self.sheet.report(at, (&self.field(key), &self.path(key)), message, help);
        None
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(&self) {
        if self.free {
            return;
        }
        let unknown = self.table.entries.iter().filter(|entry| !self.asked.contains(&entry.key));
        for entry in unknown.take_while(|_| !self.sheet.is_full()) {
            let key = &entry.key;
            let open = self.asked.iter().map(String::as_str).filter(|asked| !self.has(asked));
            let near = nearest(key, open).or_else(|| nearest(key, self.asked.iter().map(String::as_str)));
            let help = if let Some(near) = near {
                phrase!("có phải ý là `{near}`?", "did you mean `{near}`?")
            } else {
                let known = self.asked.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
                phrase!("các khóa dùng được ở đây: {known}", "the keys known here: {known}")
            };
            let field = self.field(key);
            let unknown = phrase!("không có khóa `{field}`", "unknown key `{field}`");
            self.sheet.report(&entry.key_at, (&field, &self.path(key)), unknown, help);
        }
    }
}

fn joined(table: &str, key: &str) -> String {
    if table.is_empty() { key.to_string() } else { format!("{table}.{key}") }
}
