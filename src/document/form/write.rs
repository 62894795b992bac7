//! From what was typed back into the document.

use std::collections::BTreeMap;

use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::{
    Form, Keys, Kind, NoForm, Shape, Style, Typed,
    kind::{one_or_list, replace},
    parse,
    read::{self, CRON, RULE, joined},
};
use crate::{phrase, words::Phrase};

/// A document with what was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The text.
    pub text: String,
    /// What no document can hold: a name that is missing or stands twice. By field.
    pub wrong: Vec<(String, Phrase)>,
    /// What was typed in these fields.
    pub kept: BTreeMap<String, Vec<String>>,
}

/// Puts what was typed into a document. What was not changed stays as it was written.
pub fn write(text: &str, keys: &'static Keys, typed: &Typed) -> Result<Written, NoForm> {
    let mut document = parse(text)?;
    let before = read::form(&document, keys)?;
    let mut writer = Writer { typed, before: &before, wrong: Vec::new(), kept: BTreeMap::new() };
    writer.table(document.as_table_mut(), keys, "");
    in_order(&mut document, keys);
    Ok(Written { text: document.to_string(), wrong: writer.wrong, kept: writer.kept })
}

struct Writer<'w> {
    typed: &'w Typed,
    before: &'w Form,
    wrong: Vec<(String, Phrase)>,
    kept: BTreeMap<String, Vec<String>>,
}

impl Writer<'_> {
    /// What was typed in a field, if that is something else than what stands there.
    fn changed(&self, path: &str, kind: Kind) -> Option<Vec<String>> {
        let typed = kind.tidied(self.typed.of(path, kind)?);
        (!kind.is_same(&typed, self.before.texts(path))).then_some(typed)
    }

    fn table(&mut self, table: &mut dyn TableLike, keys: &'static Keys, path: &str) {
        for (key, shape) in keys {
            let here = joined(path, key);
            match shape {
                Shape::Field(kind) => self.field(table, key, *kind, &here),
                Shape::Table(inner, style) => self.inner(table, key, inner, *style, &here),
                Shape::TextOr(inner) => self.text_or(table, key, inner, &here),
                Shape::Rows(inner) => {
                    let Some(item) = table.get_mut(key) else { continue };
                    let rows: Vec<&mut dyn TableLike> = match item {
                        Item::ArrayOfTables(tables) => tables.iter_mut().map(|one| one as &mut dyn TableLike).collect(),
                        Item::Value(Value::Array(list)) => list
                            .iter_mut()
                            .filter_map(|one| one.as_inline_table_mut().map(|one| one as &mut dyn TableLike))
                            .collect(),
                        _ => Vec::new(),
                    };
                    for (at, row) in rows.into_iter().enumerate() {
                        self.table(row, inner, &joined(&here, &at.to_string()));
                    }
                }
                Shape::Named(inner) => {
                    for name in self.before.named.get(&here).cloned().unwrap_or_default() {
                        let tables = table.get_mut(key).and_then(Item::as_table_like_mut);
                        let one = tables.and_then(|tables| tables.get_mut(&name)).and_then(Item::as_table_like_mut);
                        if let Some(one) = one {
                            self.table(one, inner, &joined(&here, &name));
                        }
                    }
                }
                // Nothing is left of a cadence that was taken away.
                Shape::Rule if !self.rule(table, path) => return,
                Shape::Rule => {}
            }
        }
    }

    fn field(&mut self, table: &mut dyn TableLike, key: &str, kind: Kind, path: &str) {
        let Some(typed) = self.changed(path, kind) else { return };
        if kind.has_pairs() {
            let mut wrong = None;
            for (at, pair) in typed.chunks(2).enumerate() {
                if pair[0].is_empty() {
                    wrong = Some(phrase!("thiếu tên ở một dòng", "a line lacks its name"));
                } else if typed.chunks(2).take(at).any(|other| other[0] == pair[0]) {
                    let name = &pair[0];
                    wrong = Some(phrase!("`{name}` ghi hai lần", "`{name}` stands twice"));
                }
            }
            if let Some(wrong) = wrong {
                self.wrong.push((path.to_string(), wrong));
                self.kept.insert(path.to_string(), typed);
                return;
            }
        }
        kind.put(table, key, &typed);
    }

    fn inner(&mut self, table: &mut dyn TableLike, key: &str, keys: &'static Keys, style: Style, path: &str) {
        if let Some(item) = table.get_mut(key) {
            let Some(inner) = item.as_table_like_mut() else { return };
            let was_empty = inner.is_empty();
            self.table(inner, keys, path);
            if inner.is_empty() && !was_empty {
                table.remove(key);
            }
            return;
        }
        // Nothing stands below a table that is not there: without this, a shape that holds itself would have no end.
        let prefix = format!("{path}.");
        if !self.typed.0.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix)).any(|_| true) {
            return;
        }
        let item = match style {
            Style::Inline => {
                let mut fresh = InlineTable::new();
                self.table(&mut fresh, keys, path);
                (!fresh.is_empty()).then_some(Item::Value(Value::InlineTable(fresh)))
            }
            Style::Heading => {
                let mut fresh = Table::new();
                self.table(&mut fresh, keys, path);
                (!fresh.is_empty()).then_some(Item::Table(fresh))
            }
        };
        if let Some(item) = item {
            table.insert(key, item);
        }
    }

    /// A string as long as it says all; a table from then on.
    fn text_or(&mut self, table: &mut dyn TableLike, key: &str, keys: &'static Keys, path: &str) {
        let changed = |(key, shape): &(&'static str, Shape)| match shape {
            Shape::Field(kind) => self.changed(&joined(path, key), *kind).map(|typed| (*key, typed)),
            _ => None,
        };
        let changed: Vec<(&'static str, Vec<String>)> = keys.iter().filter_map(changed).collect();
        if changed.is_empty() {
            return;
        }
        let text = changed.iter().find(|(key, _)| *key == "text").map(|(_, typed)| typed.first().cloned());
        let more = changed.iter().any(|(key, typed)| *key != "text" && !typed.is_empty());
        let is_table = table.get(key).is_some_and(Item::is_table_like);
        if !is_table && !more {
            match text.flatten() {
                Some(text) => replace(table, key, Value::from(text)),
                None => drop(table.remove(key)),
            }
            return;
        }
        if !is_table {
            let mut fresh = InlineTable::new();
            if let Some(text) = table.get(key).and_then(Item::as_str) {
                fresh.insert("text", text.into());
            }
            match table.get_mut(key) {
                Some(_) => replace(table, key, Value::InlineTable(fresh)),
                None => drop(table.insert(key, Item::Value(Value::InlineTable(fresh)))),
            }
        }
        self.inner(table, key, keys, Style::Inline, path);
        if table.get(key).and_then(Item::as_table_like).is_some_and(TableLike::is_empty) {
            table.remove(key);
        }
    }

    /// `every` says which of the others there are. Without it there is no cadence at all: false.
    fn rule(&mut self, table: &mut dyn TableLike, path: &str) -> bool {
        let now = |key: &str, kind: Kind| {
            let path = joined(path, key);
            self.typed.of(&path, kind).map_or_else(|| self.before.texts(&path).to_vec(), |typed| kind.tidied(typed))
        };
        let is_changed = RULE.iter().any(|(key, kind)| self.changed(&joined(path, key), *kind).is_some());
        if !is_changed {
            return true;
        }
        let every = now("every", Kind::Line).into_iter().next().unwrap_or_default();
        if every.is_empty() {
            let keys: Vec<String> = table.iter().map(|(key, _)| key.to_string()).collect();
            for key in &keys {
                table.remove(key);
            }
            return false;
        }
        if every == CRON {
            for key in ["every", "on", "at"] {
                table.remove(key);
            }
            self.field(table, CRON, Kind::Line, &joined(path, CRON));
            if !table.contains_key(CRON) {
                replace(table, CRON, Value::from(""));
            }
            return true;
        }
        table.remove(CRON);
        if table.get("every").and_then(Item::as_str) != Some(&every) {
            replace(table, "every", Value::from(every.as_str()));
        }
        let day = now("on.day", Kind::Line);
        let whole = |text: &String| text.parse::<i64>().map_or_else(|_| Value::from(text.as_str()), Value::from);
        let on = match every.as_str() {
            "once" => now("on.date", Kind::Date).first().map(|day| Kind::Date.value(day)),
            "week" => Some(now("on.week", Kind::Names)).filter(|days| !days.is_empty()).map(|mut days| {
                days.sort_by_key(|day| read::WEEKDAYS.iter().position(|known| known == day));
                one_or_list(&days)
            }),
            "month" => day.first().map(whole),
            "quarter" => {
                let month = now("on.month", Kind::Whole);
                let parts = [("month", month.first()), ("day", day.first())];
                let given = parts.into_iter().filter_map(|(key, text)| Some((key, whole(text?))));
                let on: InlineTable = given.collect();
                (!on.is_empty()).then_some(Value::InlineTable(on))
            }
            _ => None,
        };
        match on {
            Some(on) if table.get("on").is_none_or(|old| plain(old) != plain(&Item::Value(on.clone()))) => {
                replace_all(table, "on", on);
            }
            Some(_) => {}
            None => drop(table.remove("on")),
        }
        self.field(table, "at", Kind::Line, &joined(path, "at"));
        true
    }
}

/// Puts a value where another, or a table, stood.
fn replace_all(table: &mut dyn TableLike, key: &str, value: Value) {
    if table.get(key).is_some_and(Item::is_table) {
        table.remove(key);
    }
    replace(table, key, value);
}

/// A value without blanks and comments; a single text is a list of one.
fn plain(item: &Item) -> Option<Vec<String>> {
    match item.as_table_like() {
        Some(table) => Some(table.iter().flat_map(|(key, one)| [key.to_string(), scalar(one)]).collect()),
        None => item.as_array().map_or_else(
            || Some(vec![scalar(item)]),
            |list| Some(list.iter().map(|one| scalar(&Item::Value(one.clone()))).collect()),
        ),
    }
}

fn scalar(item: &Item) -> String {
    item.as_str().map_or_else(|| item.to_string().trim().to_string(), |text| format!("\"{text}\""))
}

/// New tables with a heading of their own stand where the order of the keys has them, not at the document's end.
fn in_order(document: &mut DocumentMut, keys: &Keys) {
    let root = document.as_table_mut();
    for (at, (key, _)) in keys.iter().enumerate() {
        let is_new = root.get(key).and_then(Item::as_table).is_some_and(|table| table.position().is_none() && !table.is_dotted());
        if !is_new {
            continue;
        }
        let position = |key: &str| root.get(key).and_then(Item::as_table).and_then(Table::position);
        let before = keys[..at].iter().rev().find_map(|(key, _)| position(key)).unwrap_or(0);
        if let Some(table) = root.get_mut(key).and_then(Item::as_table_mut) {
            table.set_position(Some(before));
        }
    }
}
