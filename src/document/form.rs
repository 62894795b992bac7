//! A document as a form: the same keys, field by field, and back into the same text.
//!
//! What enters: a document's text, the [`Shape`] that its reader expects, and what a person typed. What leaves: what stands in each
//! field ([`Form`]), and the text with what was typed in its place ([`write`]): a field that was not changed is not touched, so that
//! comments, order and spelling stay as somebody wrote them. A field's name is its key's path, as [`Problem::path`] has it, so that
//! what a reader finds wrong stands beside its field ([`Form::place`]). Whatever is typed can be written: a number that is none becomes a string,
//! and the reader says so.
//!
//! What can go wrong: the text is no TOML, or holds a key or a value that no field can show; then it is edited as text.

mod kind;
mod read;
mod rows;
mod write;

use std::collections::{BTreeMap, BTreeSet};

pub use kind::Kind;
pub use rows::{add_key, add_row, copy_row, remove};
pub use write::{Written, write};

use super::Problem;
use crate::words::Phrase;

/// What a part of a document looks like.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A value that one field shows.
    Field(Kind),
    /// A table; new ones are written in this style.
    Table(&'static Keys, Style),
    /// A table, or a string that stands for its key `text`.
    TextOr(&'static Keys),
    /// A list of tables.
    Rows(&'static Keys),
    /// A table of tables, by names of the writer's own.
    Named(&'static Keys),
    /// The rule of a cadence: `every` with `on` and `at`, or `cron`.
    Rule,
}

/// A table's keys, in the order in which new ones are written. The key `""` stands for several that are written together.
pub type Keys = [(&'static str, Shape)];

/// How a new table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `key = { … }`
    Inline,
    /// `[key]`
    Heading,
}

/// What stands in a document, by its fields' names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// What each field holds: one text; several of a list; names and texts by turns of a table. None: nothing.
    pub values: BTreeMap<String, Vec<String>>,
    /// How many tables each list of tables has.
    pub rows: BTreeMap<String, usize>,
    /// The names in each table of tables.
    pub named: BTreeMap<String, Vec<String>>,
    /// All fields that there are, whether something stands in them or not.
    pub fields: BTreeSet<String>,
}

/// Why a document cannot be shown as a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoForm(pub Phrase);

/// What a person typed, by their fields' names. A field that is not in it is left as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Typed(BTreeMap<String, Vec<String>>);

impl<N: Into<String>, V: AsRef<str>> FromIterator<(N, V)> for Typed {
    /// Line ends become those of TOML: browsers send CR LF.
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut typed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in pairs {
            typed.entry(name.into()).or_default().push(value.as_ref().replace("\r\n", "\n"));
        }
        Self(typed)
    }
}

impl Typed {
    /// What was typed in a field of this kind; none: it was not shown.
    fn of(&self, name: &str, kind: Kind) -> Option<Vec<String>> {
        if !kind.has_pairs() {
            return self.0.get(name).cloned();
        }
        let keys = self.0.get(&format!("{name}[key]"))?;
        let nothing = Vec::new();
        let texts = self.0.get(&format!("{name}[value]")).unwrap_or(&nothing);
        let pairs = keys.iter().enumerate().map(|(at, key)| (key.trim(), texts.get(at).map_or("", String::as_str)));
        Some(
            pairs
                .filter(|(key, text)| !key.is_empty() || !text.is_empty())
                .flat_map(|(key, text)| [key.into(), text.into()])
                .collect(),
        )
    }
}

impl Form {
    /// What stands in a document; none: it cannot be shown so.
    pub fn of(text: &str, keys: &'static Keys) -> Result<Self, NoForm> {
        read::form(&parse(text)?, keys)
    }

    /// The text in a field of one.
    pub fn text(&self, field: &str) -> &str {
        self.values.get(field).and_then(|values| values.first()).map_or("", String::as_str)
    }

    /// All texts in a field.
    pub fn texts(&self, field: &str) -> &[String] {
        self.values.get(field).map_or(&[], Vec::as_slice)
    }

    /// Where a problem with the value at `path` is shown: its field, or the list or table that holds it. None: above all.
    pub fn place(&self, path: &str) -> Option<String> {
        let holds = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
        if self.fields.contains(path) || self.is_group(path) {
            return Some(path.to_string());
        }
        let around = self.fields.iter().filter(|field| holds(field, path)).max_by_key(|field| field.len());
        let rule = || (path == "cadence.on").then(|| read::on_field(self.text("cadence.every")).to_string());
        let inside = || self.fields.iter().find(|field| holds(path, field)).cloned();
        around.cloned().or_else(rule).or_else(inside).or_else(|| {
            let outer = path.rsplit_once('.')?.0;
            self.place(outer)
        })
    }

    fn is_group(&self, path: &str) -> bool {
        let row = path.rsplit_once('.').is_some_and(|(list, at)| {
            self.rows.get(list).is_some_and(|count| at.parse::<usize>().is_ok_and(|at| at < *count))
                || self.named.get(list).is_some_and(|names| names.iter().any(|name| name == at))
        });
        row || self.rows.contains_key(path) || self.named.contains_key(path)
    }

    /// Problems by the fields that they are shown beside; the empty name: above all.
    pub fn placed<'p>(&self, problems: impl IntoIterator<Item = &'p Problem>) -> Vec<(String, &'p Problem)> {
        problems.into_iter().map(|problem| (self.place(&problem.path).unwrap_or_default(), problem)).collect()
    }
}

fn parse(text: &str) -> Result<toml_edit::DocumentMut, NoForm> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        let said = error.message().lines().collect::<Vec<_>>().join("; ");
        NoForm(crate::phrase!("cú pháp TOML: {said}", "TOML syntax: {said}"))
    })
}

#[cfg(test)]
mod tests;
