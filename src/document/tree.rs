//! The document as a tree whose every value knows where it comes from: a place in the file, or an environment variable.

use std::ops::Range;

use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    File(Range<usize>),
    Variable(String),
}

#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(super) node: Node,
    pub(super) at: Place,
}

#[derive(Debug, Clone)]
pub(crate) enum Node {
    Text(String),
    /// None: it has more than 64 bits.
    Integer(Option<i64>),
    Float(f64),
    Boolean(bool),
    Datetime(Datetime),
    List(Vec<Item>),
    Table(Table),
    /// An environment variable's value: whatever it is asked for.
    Raw(String),
}

#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(super) entries: Vec<Entry>,
    pub(super) at: Place,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(super) key: String,
    pub(super) key_at: Place,
    pub(super) item: Item,
}

pub(crate) fn table(table: &DeTable<'_>, at: Place) -> Table {
    let entries = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_at: Place::File(key.span()),
            item: item(value.get_ref(), Place::File(value.span())),
        })
        .collect();
    Table { entries, at }
}

fn item(value: &DeValue<'_>, at: Place) -> Item {
    let node = match value {
        DeValue::String(text) => Node::Text(text.to_string()),
        DeValue::Integer(number) => Node::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()),
        DeValue::Float(number) => Node::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(yes) => Node::Boolean(*yes),
        DeValue::Datetime(datetime) => Node::Datetime(*datetime),
        DeValue::Array(list) => Node::List(list.iter().map(|value| item(value.get_ref(), Place::File(value.span()))).collect()),
        DeValue::Table(inner) => Node::Table(table(inner, at.clone())),
    };
    Item { node, at }
}

impl Item {
    /// A variable's text read as a TOML value, all of it standing at the variable.
    pub(super) fn of_variable(raw: &str, variable: &str) -> Option<Self> {
        let value = DeValue::parse(raw).ok()?;
        let mut read = item(value.get_ref(), Place::Variable(variable.to_string()));
        read.place_at(variable);
        Some(read)
    }

    fn place_at(&mut self, variable: &str) {
        let at = Place::Variable(variable.to_string());
        match &mut self.node {
            Node::List(items) => items.iter_mut().for_each(|item| item.place_at(variable)),
            Node::Table(table) => {
                table.at = at.clone();
                for entry in &mut table.entries {
                    entry.key_at = at.clone();
                    entry.item.place_at(variable);
                }
            }
            _ => {}
        }
        self.at = at;
    }

    /// The plain value, without places.
    pub(super) fn plain(&self) -> Option<toml::Value> {
        Some(match &self.node {
            Node::Text(text) => toml::Value::String(text.clone()),
            Node::Raw(raw) => match DeValue::parse(raw) {
                Ok(_) => Self::of_variable(raw, "").and_then(|item| item.plain())?,
                Err(_) => toml::Value::String(raw.clone()),
            },
            Node::Integer(number) => toml::Value::Integer((*number)?),
            Node::Float(number) => toml::Value::Float(*number),
            Node::Boolean(yes) => toml::Value::Boolean(*yes),
            Node::Datetime(datetime) => toml::Value::Datetime(*datetime),
            Node::List(items) => toml::Value::Array(items.iter().map(Self::plain).collect::<Option<_>>()?),
            Node::Table(table) => toml::Value::Table(
                table.entries.iter().map(|e| Some((e.key.clone(), e.item.plain()?))).collect::<Option<toml::Table>>()?,
            ),
        })
    }
}

impl Table {
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Puts a variable's text at `path`, making tables on the way.
    pub(super) fn overrule(&mut self, path: &[String], raw: &str, variable: &str) {
        let Some((first, rest)) = path.split_first() else { return };
        let at = Place::Variable(variable.to_string());
        let index = self.entries.iter().position(|entry| entry.key == *first).unwrap_or_else(|| {
            let item = Item { node: Node::Raw(String::new()), at: at.clone() };
            self.entries.push(Entry { key: first.clone(), key_at: at.clone(), item });
            self.entries.len() - 1
        });
        let entry = &mut self.entries[index];
        if rest.is_empty() {
            entry.key_at = at.clone();
            entry.item = Item { node: Node::Raw(raw.to_string()), at };
            return;
        }
        if !matches!(entry.item.node, Node::Table(_)) {
            entry.item = Item { node: Node::Table(Self { entries: Vec::new(), at: at.clone() }), at };
        }
        if let Node::Table(table) = &mut entry.item.node {
            table.overrule(rest, raw, variable);
        }
    }

    fn tables_of(&self, array: &str) -> impl Iterator<Item = &Self> {
        let items = match self.get(array).map(|entry| &entry.item.node) {
            Some(Node::List(items)) => items.as_slice(),
            _ => &[],
        };
        items.iter().filter_map(|item| match &item.node {
            Node::Table(table) => Some(table),
            _ => None,
        })
    }

    fn name(&self) -> Option<&str> {
        match &self.get("name")?.item.node {
            Node::Text(name) => Some(name),
            _ => None,
        }
    }

    pub(super) fn names(&self, array: &str) -> Vec<&str> {
        self.tables_of(array).filter_map(Self::name).collect()
    }

    pub(super) fn named(&mut self, array: &str, fits: impl Fn(&str) -> bool) -> Option<&mut Self> {
        let index = self.tables_of(array).position(|table| table.name().is_some_and(&fits))?;
        let entry = self.entries.iter_mut().find(|entry| entry.key == array)?;
        let Node::List(items) = &mut entry.item.node else { return None };
        items
            .iter_mut()
            .filter_map(|item| match &mut item.node {
                Node::Table(table) => Some(table),
                _ => None,
            })
            .nth(index)
    }
}
