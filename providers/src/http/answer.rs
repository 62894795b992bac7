//! A gateway's answer, laid out for the expressions of its file: its format, its code, its words.
//!
//! A body that cannot be read in the declared format leaves an answer that says so; what that means is the judge's business.

use std::sync::Arc;

use ::http::HeaderMap;
use minijinja::{
    Value,
    value::{Object, Serde, ValueKind},
};

use super::{
    expression::{Expression, Scope as Names, to_text},
    filter::Private,
    reader::Table,
    xml,
};

/// Names that rules over an answer may use.
pub(super) const NAMES: &[&str] = &["status", "headers", "body", "raw", "code"];

/// Names of the message that the answer is about, which only some expressions have.
pub(super) const MESSAGE_NAMES: &[&str] = &["to", "reference"];

/// What the body is expected to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Xml,
    Text,
}

impl Format {
    /// Reads the key `reads`; JSON where it is not given.
    pub(super) fn parse(table: &Table<'_>) -> Self {
        let format = table.word("reads", &["json", "xml", "text"], |word| match word {
            "json" => Some(Self::Json),
            "xml" => Some(Self::Xml),
            "text" => Some(Self::Text),
            _ => None,
        });
        format.unwrap_or(Self::Json)
    }

    fn read(self, raw: &str) -> Option<Value> {
        match self {
            Self::Json => serde_json::from_str::<serde_json::Value>(raw).ok().map(|json| Value::from(Serde(&json))),
            Self::Xml => xml::read(raw),
            Self::Text => Some(Value::from(raw.trim())),
        }
    }
}

/// A complete answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Headers by name, whatever their case.
#[derive(Debug)]
pub(super) struct Headers(pub(super) HeaderMap);

impl Object for Headers {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_str()?)?.to_str().ok().map(Value::from)
    }
}

/// An answer, or one item of it, laid out for expressions.
pub(super) struct Reading {
    own: Vec<(&'static str, Value)>,
    private: Arc<Private>,
    pub(super) context: Value,
    pub(super) readable: bool,
    pub(super) code: Option<String>,
    raw: String,
}

impl Reading {
    fn new(own: Vec<(&'static str, Value)>, private: Arc<Private>, readable: bool, raw: String) -> Self {
        let context = scope(own.clone(), &private);
        Self { own, private, context, readable, code: None, raw }
    }

    /// The same with its code.
    fn coded(mut self, code: Option<&Expression>) -> Self {
        self.code = code.and_then(|code| code.text(&self.context));
        if let Some(code) = &self.code {
            self.own.push(("code", Value::from(code.as_str())));
            self.context = scope(self.own.clone(), &self.private);
        }
        self
    }

    /// The same names with more beside them.
    pub(super) fn with(&self, more: &[(&'static str, Value)]) -> Value {
        let mut own = self.own.clone();
        own.extend_from_slice(more);
        scope(own, &self.private)
    }

    /// One item of the answer, which may have a code of its own.
    pub(super) fn of_item(&self, item: Value, code: Option<&Expression>) -> Self {
        let raw = to_text(&item).unwrap_or_default();
        let mut own: Vec<_> = self.own.iter().filter(|(name, _)| *name != "code").cloned().collect();
        own.push(("item", item));
        Self::new(own, Arc::clone(&self.private), self.readable, raw).coded(code)
    }

    /// The same with one more name.
    pub(super) fn named(mut self, name: &'static str, value: Value) -> Self {
        self.own.push((name, value));
        self.context = scope(self.own.clone(), &self.private);
        self
    }

    /// The answer itself, where it speaks of one message only.
    pub(super) fn of_whole(&self) -> Self {
        Self {
            own: self.own.clone(),
            private: Arc::clone(&self.private),
            context: self.context.clone(),
            readable: self.readable,
            code: self.code.clone(),
            raw: self.raw.clone(),
        }
    }

    /// The list that an expression finds in the answer; none if it is none.
    pub(super) fn list(&self, items: &Expression) -> Option<Vec<Value>> {
        list(&items.eval(&self.context).ok()?)
    }
}

/// The items of a list.
pub(super) fn list(value: &Value) -> Option<Vec<Value>> {
    (value.kind() == ValueKind::Seq).then(|| value.try_iter().ok().map(Iterator::collect)).flatten()
}

fn scope(own: Vec<(&'static str, Value)>, private: &Arc<Private>) -> Value {
    Value::from_object(Names { own, settings: Arc::default(), private: Arc::clone(private) })
}

/// How answers are read: format, code and detail.
pub(super) struct Reader {
    format: Format,
    pub(super) code: Option<Expression>,
    detail: Option<Expression>,
}

impl Reader {
    pub(super) fn parse(table: &Table<'_>) -> Self {
        let expression = |key| table.text(key).and_then(|text| Expression::parse(table.source, &text, NAMES));
        Self { format: Format::parse(table), code: expression("code"), detail: expression("detail") }
    }

    /// The same for an answer that lists messages: `code` and `detail` are of each item.
    pub(super) fn parse_listed(table: &Table<'_>) -> Self {
        let known = [NAMES, &["item", "asked"]].concat();
        let detail = table.text("detail").and_then(|text| Expression::parse(table.source, &text, &known));
        Self { format: Format::parse(table), code: None, detail }
    }

    pub(super) fn read(&self, answer: Answer, private: &Arc<Private>) -> Reading {
        let raw = String::from_utf8_lossy(&answer.body).into_owned();
        let body = self.format.read(&raw);
        let readable = body.is_some();
        let own = vec![
            ("status", Value::from(answer.status)),
            ("headers", Value::from_object(Headers(answer.headers))),
            ("body", body.unwrap_or_default()),
            ("raw", Value::from(raw.as_str())),
        ];
        Reading::new(own, Arc::clone(private), readable, raw).coded(self.code.as_ref())
    }

    /// The gateway's own words, before they are cleaned: the detail's value, or else the answer itself.
    pub(super) fn words(&self, own: Option<&Expression>, reading: &Reading) -> String {
        words(own.or(self.detail.as_ref()), reading)
    }
}

pub(super) fn words(detail: Option<&Expression>, reading: &Reading) -> String {
    let detail = detail.and_then(|detail| detail.text(&reading.context));
    match (detail.filter(|words| !words.trim().is_empty()), &reading.code) {
        (Some(words), Some(code)) => format!("{code}: {words}"),
        (Some(words), None) => words,
        (None, _) => reading.raw.clone(),
    }
}

/// A list of ids, or one.
pub(super) fn ids(id: &Expression, context: &Value) -> Vec<String> {
    let Ok(value) = id.eval(context) else { return Vec::new() };
    match list(&value) {
        Some(items) => items.iter().filter_map(|item| to_text(item).and_then(super::named)).collect(),
        None => to_text(&value).and_then(super::named).into_iter().collect(),
    }
}
