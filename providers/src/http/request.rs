//! A request of a gateway's file: templates in, the exact bytes of one HTTP request out.
//!
//! Every value is put in its place by an encoder that knows the place (JSON is serialised, XML escaped, forms,
//! queries and paths percent-encoded): no text of a message can change the request's shape.

use ::http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use base64::Engine as _;
use bytes::Bytes;
use minijinja::Value;
use toml::{Spanned, de::DeValue};

use super::{
    expression::{Template, plain},
    percent::{encode, encode_path},
    reader::{Table, Text},
};

/// What a request may hold, beside the rules that judge its answer.
pub(super) const KEYS: &[&str] = &["method", "path", "query", "headers", "basic", "json", "form", "xml"];

/// A request, compiled.
pub(super) struct Request {
    method: Method,
    path: Option<Template>,
    query: Vec<(String, Template)>,
    headers: Vec<(HeaderName, Template)>,
    basic: Option<(Template, Template)>,
    body: Body,
}

enum Body {
    None,
    Json(Node),
    Form(Vec<(String, Template)>),
    Xml(Template),
}

/// A JSON value with templates in it.
enum Node {
    /// Already JSON.
    Fixed(String),
    Text(Template),
    List(Vec<Node>),
    /// Keys are already JSON strings.
    Table(Vec<(String, Node)>),
}

/// A request ready to go. It holds secrets: no `Debug`.
pub(super) struct Rendered {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Request {
    /// Reads a request's keys from a table; `known` are the names that its templates may use.
    pub(super) fn parse(table: &Table<'_>, known: &[&str]) -> Self {
        let template = |text: Text<'_>| Template::parse(table.source, &text, known);
        let method = table.word("method", &["GET", "POST", "PUT"], |word| match word {
            "GET" => Some(Method::GET),
            "POST" => Some(Method::POST),
            "PUT" => Some(Method::PUT),
            _ => None,
        });
        let bodies: Vec<&str> = ["json", "form", "xml"].into_iter().filter(|key| table.get(key).is_some()).collect();
        if let [_, second, ..] = bodies.as_slice() {
            let message = format!("{} has two bodies: {}", table.name, bodies.join(" and "));
            table.source.fault(table.place_of(second), message, Some("keep one".into()));
        }
        let body = match bodies.first().copied() {
            Some("json") => table.get("json").map_or(Body::None, |value| Body::Json(Node::parse(table, value, known))),
            Some("form") => Body::Form(pairs(table, "form", known)),
            Some(_) => table.text("xml").and_then(template).map_or(Body::None, Body::Xml),
            None => Body::None,
        };
        if method == Some(Method::GET) && !matches!(body, Body::None) {
            table.source.fault(table.place_of("method"), "a GET request has no body", Some("method = \"POST\"".into()));
        }
        let mut headers = Vec::new();
        for (name, span, value) in spanned_pairs(table, "headers", known) {
            match HeaderName::from_bytes(name.as_bytes()) {
                Ok(name) => headers.push((name, value)),
                Err(_) => table.source.fault(span, format!("`{name}` is no name of a header"), None),
            }
        }
        let basic = table.table("basic").and_then(|basic| {
            basic.only(&["username", "password"]);
            let username = basic.required("username", "username = \"{{ username }}\"").and_then(template);
            let password = basic.required("password", "password = \"{{ password }}\"").and_then(template);
            username.zip(password)
        });
        let default = if matches!(body, Body::None) { Method::GET } else { Method::POST };
        let path = table.text("path");
        if let Some(path) = path.as_ref().filter(|path| !path.value.starts_with('/')) {
            table.source.fault(path.span.clone(), "a path starts with `/`", Some("it follows the top-level `url`".into()));
        }
        Self {
            method: method.unwrap_or(default),
            path: path.and_then(template),
            query: pairs(table, "query", known),
            headers,
            basic,
            body,
        }
    }

    /// Writes the request for these values under a base address without a trailing slash.
    pub(super) fn render(&self, base: &str, context: &Value) -> Result<Rendered, String> {
        let failed = |error: minijinja::Error| format!("a template of the request failed: {error}");
        let mut url = base.to_owned();
        if let Some(path) = &self.path {
            url.push_str(&path.render(context, encode_path).map_err(failed)?.unwrap_or_default());
        }
        if !self.query.is_empty() {
            let query = render_pairs(&self.query, context).map_err(failed)?;
            if !query.is_empty() {
                url.push(if url.contains('?') { '&' } else { '?' });
                url.push_str(&query);
            }
        }
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 2);
        let (media_type, body) = match &self.body {
            Body::None => (None, Bytes::new()),
            Body::Json(node) => {
                let mut out = String::with_capacity(512);
                node.write(context, &mut out).map_err(failed)?;
                (Some("application/json"), Bytes::from(out))
            }
            Body::Form(fields) => {
                let form = render_pairs(fields, context).map_err(failed)?;
                (Some("application/x-www-form-urlencoded"), Bytes::from(form))
            }
            Body::Xml(template) => {
                let xml = template.render(context, escape_xml).map_err(failed)?.unwrap_or_default();
                (Some("text/xml; charset=utf-8"), Bytes::from(xml))
            }
        };
        if let Some(media_type) = media_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        if let Some((username, password)) = &self.basic {
            let username = username.render(context, plain).map_err(failed)?.unwrap_or_default();
            let password = password.render(context, plain).map_err(failed)?.unwrap_or_default();
            let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
            headers.insert(AUTHORIZATION, secret_header(&AUTHORIZATION, &format!("Basic {credentials}"))?);
        }
        for (name, template) in &self.headers {
            if let Some(value) = template.render(context, plain).map_err(failed)? {
                headers.insert(name, secret_header(name, &value)?);
            }
        }
        Ok(Rendered { method: self.method.clone(), url, headers, body })
    }
}

/// A header's value, marked so that nothing downstream prints it.
fn secret_header(name: &HeaderName, value: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| format!("the header {name} cannot carry its value"))?;
    value.set_sensitive(true);
    Ok(value)
}

impl Node {
    fn parse(table: &Table<'_>, value: &Spanned<DeValue<'_>>, known: &[&str]) -> Self {
        match value.get_ref() {
            DeValue::String(text) => Template::parse(table.source, &Text { value: text, span: value.span() }, known)
                .map_or_else(|| Self::Fixed("null".into()), Self::Text),
            DeValue::Boolean(boolean) => Self::Fixed(boolean.to_string()),
            DeValue::Integer(number) if i64::from_str_radix(number.as_str(), number.radix()).is_ok() => {
                Self::Fixed(i64::from_str_radix(number.as_str(), number.radix()).unwrap_or_default().to_string())
            }
            DeValue::Float(number) if number.as_str().parse().is_ok_and(f64::is_finite) => {
                Self::Fixed(number.as_str().parse::<f64>().unwrap_or_default().to_string())
            }
            DeValue::Array(list) => Self::List(list.iter().map(|item| Self::parse(table, item, known)).collect()),
            DeValue::Table(inner) => Self::Table(
                inner.iter().map(|(key, item)| (json_string(key.get_ref()), Self::parse(table, item, known))).collect(),
            ),
            _ => {
                table.source.fault(value.span(), "JSON has no such value", Some("write it as a string".into()));
                Self::Fixed("null".into())
            }
        }
    }

    /// Writes the value; false where it is not there, so that its key can be left out.
    fn write(&self, context: &Value, out: &mut String) -> Result<bool, minijinja::Error> {
        match self {
            Self::Fixed(json) => out.push_str(json),
            Self::Text(template) => match template.only() {
                Some(expression) => {
                    let value = expression.eval(context)?;
                    if value.is_undefined() || value.is_none() {
                        return Ok(false);
                    }
                    match value.as_str() {
                        Some(text) => out.push_str(&json_string(text)),
                        None => out.push_str(&serde_json::to_string(&value).unwrap_or_else(|_| "null".into())),
                    }
                }
                None => out.push_str(&json_string(&template.render(context, plain)?.unwrap_or_default())),
            },
            Self::List(items) => {
                out.push('[');
                let mut first = true;
                for item in items {
                    separated(out, &mut first, |out| item.write(context, out))?;
                }
                out.push(']');
            }
            Self::Table(entries) => {
                out.push('{');
                let mut first = true;
                for (key, item) in entries {
                    separated(out, &mut first, |out| {
                        out.push_str(key);
                        out.push(':');
                        item.write(context, out)
                    })?;
                }
                out.push('}');
            }
        }
        Ok(true)
    }
}

/// Writes one more item after a comma, or nothing at all if it is not there.
fn separated<E>(out: &mut String, first: &mut bool, write: impl FnOnce(&mut String) -> Result<bool, E>) -> Result<(), E> {
    let before = out.len();
    if !*first {
        out.push(',');
    }
    if write(out)? {
        *first = false;
    } else {
        out.truncate(before);
    }
    Ok(())
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn pairs(table: &Table<'_>, key: &str, known: &[&str]) -> Vec<(String, Template)> {
    spanned_pairs(table, key, known).into_iter().map(|(name, _, value)| (name, value)).collect()
}

/// The templates of a table such as `query`; numbers and booleans stand for their text.
fn spanned_pairs(table: &Table<'_>, key: &str, known: &[&str]) -> Vec<(String, std::ops::Range<usize>, Template)> {
    let Some(entries) = table.table(key) else { return Vec::new() };
    let mut pairs = Vec::new();
    for (name, value) in entries.entries() {
        if let Some(text) = entries.as_text(name.value, value)
            && let Some(template) = Template::parse(table.source, &text, known)
        {
            pairs.push((name.value.to_owned(), name.span, template));
        }
    }
    pairs
}

fn render_pairs(pairs: &[(String, Template)], context: &Value) -> Result<String, minijinja::Error> {
    let mut out = String::with_capacity(256);
    for (name, template) in pairs {
        if let Some(value) = template.render(context, plain)? {
            if !out.is_empty() {
                out.push('&');
            }
            encode(name, &mut out);
            out.push('=');
            encode(&value, &mut out);
        }
    }
    Ok(out)
}

/// Escapes for XML text and attributes; control characters that XML 1.0 cannot carry are left out.
fn escape_xml(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\r' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
}
