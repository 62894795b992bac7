//! Expressions and templates of a gateway's file, compiled once when it is read.
//!
//! A template is text with `{{ expression }}` in it and nothing else: no statements, no loops, no includes. Each
//! expression's value is escaped for the place it goes to by whoever renders the template, so no value can break
//! out of its quotes. Expressions call no functions and no methods, know a short list of filters and tests, and
//! burn bounded fuel; what they may name is checked here, with the place of what is wrong.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    sync::{Arc, LazyLock},
};

use minijinja::{
    Environment, UndefinedBehavior, Value,
    value::{Object, ValueKind},
};

use super::{
    fault::suggestion,
    filter::{self, FILTERS, PRIVATE, Private, TESTS},
    reader::{Source, Text},
};

/// Instructions that one expression may run: far more than any needs, far less than anyone would notice.
const FUEL: u64 = 10_000;

/// Words of the expression language, which are no names.
const WORDS: &[&str] = &["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::empty();
    env.set_fuel(Some(FUEL));
    env.set_undefined_behavior(UndefinedBehavior::Chainable);
    filter::add_to(&mut env);
    env
});

/// A compiled expression.
pub(super) struct Expression {
    compiled: minijinja::Expression<'static, 'static>,
    names: HashSet<String>,
    /// The steps of a plain path such as `body.id`, which needs no virtual machine.
    path: Option<Vec<String>>,
}

impl Expression {
    /// Compiles the whole of a string.
    pub(super) fn parse(source: &Source<'_>, text: &Text<'_>, known: &[&str]) -> Option<Self> {
        Self::parse_part(source, text, 0..text.value.len(), known)
    }

    fn parse_part(source: &Source<'_>, text: &Text<'_>, part: std::ops::Range<usize>, known: &[&str]) -> Option<Self> {
        let written = &text.value[part.clone()];
        let place = |inner: std::ops::Range<usize>| text.place(source, part.start + inner.start..part.start + inner.end);
        if written.trim().is_empty() {
            source.fault(text.span.clone(), "an expression is missing here", None);
            return None;
        }
        let compiled = match ENVIRONMENT.compile_expression_owned(written.to_owned()) {
            Ok(compiled) => compiled,
            Err(error) => {
                let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
                source.fault(place(0..written.len()), format!("this expression cannot be read: {why}"), None);
                return None;
            }
        };
        let mut sound = true;
        for word in words(written) {
            let (kind, list) = match word.role {
                Role::Filter => ("filter", FILTERS),
                Role::Test => ("test", TESTS),
                Role::Name => ("name", known),
                Role::Call => {
                    let message = format!("`{}(…)`: functions and methods cannot be called here", word.text);
                    let help = format!("filters are written `value|filter`: {}", FILTERS.join(", "));
                    source.fault(place(word.at..word.at + word.text.len()), message, Some(help));
                    sound = false;
                    continue;
                }
            };
            if !list.contains(&word.text) {
                let message = format!("nothing provides the {kind} `{}` here", word.text);
                source.fault(place(word.at..word.at + word.text.len()), message, suggestion(word.text, list));
                sound = false;
            }
        }
        let names = compiled.undeclared_variables(false);
        for name in &names {
            source.note_use(name);
        }
        sound.then_some(Self { compiled, names, path: plain_path(written.trim()) })
    }

    /// The expression's value among these names.
    pub(super) fn eval(&self, context: &Value) -> Result<Value, minijinja::Error> {
        let Some(path) = &self.path else { return self.compiled.eval(context) };
        let mut value = context.clone();
        for step in path {
            if value.is_undefined() {
                break;
            }
            value = value.get_attr(step)?;
        }
        Ok(value)
    }

    /// The value as text; none where there is none, or the expression fails on these values.
    pub(super) fn text(&self, context: &Value) -> Option<String> {
        self.eval(context).ok().and_then(|value| to_text(&value))
    }

    /// Whether it reads this name.
    pub(super) fn reads(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

/// The steps of `a.b.c`; none for anything else.
fn plain_path(expression: &str) -> Option<Vec<String>> {
    let is_name = |step: &str| {
        step.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && step.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !WORDS.contains(&step)
    };
    let steps: Vec<&str> = expression.split('.').collect();
    steps.iter().all(|step| is_name(step)).then(|| steps.into_iter().map(str::to_owned).collect())
}

/// A value as text; none for a value that is not there.
pub(super) fn to_text(value: &Value) -> Option<String> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => None,
        _ => Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
    }
}

/// Text with expressions in it.
pub(super) struct Template {
    pieces: Vec<Piece>,
}

enum Piece {
    Text(String),
    Value(Expression),
}

impl Template {
    /// Compiles a template; every fault in it is noted.
    pub(super) fn parse(source: &Source<'_>, text: &Text<'_>, known: &[&str]) -> Option<Self> {
        let value = text.value;
        let (mut pieces, mut from, mut sound) = (Vec::new(), 0, true);
        while let Some(open) = value[from..].find("{{").map(|offset| from + offset) {
            if open > from {
                pieces.push(Piece::Text(value[from..open].to_owned()));
            }
            let Some(length) = end_of_expression(&value[open + 2..]) else {
                source.fault(text.place(source, open..open + 2), "`{{` is never closed", Some("with `}}`".into()));
                return None;
            };
            let inner = open + 2..open + 2 + length;
            from = inner.end + 2;
            match Expression::parse_part(source, text, inner, known) {
                Some(expression) => pieces.push(Piece::Value(expression)),
                None => sound = false,
            }
        }
        if from < value.len() {
            pieces.push(Piece::Text(value[from..].to_owned()));
        }
        for piece in &pieces {
            let Piece::Text(plain) = piece else { continue };
            for mark in ["{%", "{#", "}}"] {
                if plain.contains(mark) {
                    let at = value.find(mark).unwrap_or_default();
                    let message = format!("`{mark}` has no meaning here");
                    source.fault(text.place(source, at..at + 2), message, Some("only `{{ expression }}` has".into()));
                    sound = false;
                }
            }
        }
        sound.then_some(Self { pieces })
    }

    /// The one expression that makes up the whole template.
    pub(super) fn only(&self) -> Option<&Expression> {
        match self.pieces.as_slice() {
            [Piece::Value(expression)] => Some(expression),
            _ => None,
        }
    }

    /// Writes the template; each value goes through `escape`. None where the template is one expression without a value.
    pub(super) fn render(&self, context: &Value, escape: fn(&str, &mut String)) -> Result<Option<String>, minijinja::Error> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(plain) => out.push_str(plain),
                Piece::Value(expression) => {
                    let value = expression.eval(context)?;
                    match value.as_str() {
                        Some(text) => escape(text, &mut out),
                        None => match to_text(&value) {
                            Some(text) => escape(&text, &mut out),
                            None if self.pieces.len() == 1 => return Ok(None),
                            None => {}
                        },
                    }
                }
            }
        }
        Ok(Some(out))
    }
}

/// Writes a value as it is.
pub(super) fn plain(value: &str, out: &mut String) {
    out.push_str(value);
}

/// Where the expression that starts here ends: at `}}` outside quotes.
fn end_of_expression(text: &str) -> Option<usize> {
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in text.char_indices() {
        if let Some(open) = quote {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == open {
                quote = None;
            }
        } else if c == '\'' || c == '"' {
            quote = Some(c);
        } else if text[at..].starts_with("}}") {
            return Some(at);
        }
    }
    None
}

enum Role {
    Name,
    Filter,
    Test,
    Call,
}

struct Word<'a> {
    text: &'a str,
    at: usize,
    role: Role,
}

/// The words of an expression with what each one is for; strings, attributes and the language's own words left out.
fn words(expression: &str) -> Vec<Word<'_>> {
    let (mut found, mut at) = (Vec::new(), 0);
    let (mut before, mut last_word) = (' ', "");
    while let Some(c) = expression[at..].chars().next() {
        if c == '\'' || c == '"' {
            let mut escaped = false;
            let rest = &expression[at + 1..];
            let end = rest.find(|inner: char| {
                let closes = inner == c && !escaped;
                escaped = inner == '\\' && !escaped;
                closes
            });
            at += 1 + end.map_or(rest.len(), |end| end + 1);
            (before, last_word) = ('\'', "");
        } else if c.is_alphabetic() || c == '_' {
            let rest = &expression[at..];
            let length = rest.find(|inner: char| !inner.is_alphanumeric() && inner != '_').unwrap_or(rest.len());
            let text = &rest[..length];
            let called = rest[length..].trim_start().starts_with('(');
            let role = match before {
                '|' => Some(Role::Filter),
                _ if last_word == "is" && text != "not" => Some(Role::Test),
                _ if called && !WORDS.contains(&text) => Some(Role::Call),
                '.' => None,
                _ if WORDS.contains(&text) => None,
                _ => Some(Role::Name),
            };
            if let Some(role) = role {
                found.push(Word { text, at, role });
            }
            // `is not none`: the test is the word after `not`.
            if !(last_word == "is" && text == "not") {
                // An attribute that happens to be called `is` is no word of the language.
                last_word = if before == '.' { "" } else { text };
            }
            before = 'a';
            at += length;
        } else {
            if !c.is_whitespace() {
                (before, last_word) = (c, "");
            }
            at += c.len_utf8();
        }
    }
    found
}

/// The names that an expression sees: those of this message, answer or callback, then the account's settings.
pub(super) struct Scope {
    pub(super) own: Vec<(&'static str, Value)>,
    pub(super) settings: Arc<BTreeMap<String, Value>>,
    /// What filters need; no expression can name it.
    pub(super) private: Arc<Private>,
}

impl fmt::Debug for Scope {
    /// Names only: the values are secrets and addresses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.own.iter().map(|(name, _)| name)).entries(self.settings.keys()).finish()
    }
}

impl Object for Scope {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        if key == PRIVATE {
            return Some(Value::from_dyn_object(Arc::clone(&self.private)));
        }
        let own = self.own.iter().find(|(name, _)| *name == key).map(|(_, value)| value);
        own.or_else(|| self.settings.get(key)).cloned()
    }
}
