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
    fault::suggestion,
    filter::Private,
    percent::{encode, encode_path},
    reader::{Table, Text},
};

/// What a request may hold, beside the rules that judge its answer.
pub(super) const KEYS: &[&str] = &["method", "path", "query", "headers", "basic", "json", "form", "xml"];

/// The names that a request's templates may use.
#[derive(Clone)]
pub(super) struct Names<'a> {
    /// Everywhere.
    pub(super) own: Vec<&'a str>,
    /// In `each`, where one request carries several messages.
    pub(super) each: Option<Vec<&'a str>>,
}

/// A request, compiled.
pub(super) struct Request {
    method: Method,
    path: Option<Template>,
    query: Vec<(String, Field)>,
    headers: Vec<(HeaderName, Template)>,
    basic: Option<(Template, Template)>,
    body: Body,
}

enum Body {
    None,
    Json(Node),
    Form(Vec<(String, Field)>),
    Xml(Template),
}

/// A value of a query or a form.
enum Field {
    One(Template),
    Each(Each<Template>),
}

/// Something written once for each message of a batch; with `join`, as one text.
struct Each<T> {
    inner: T,
    join: Option<String>,
}

/// A JSON value with templates in it.
enum Node {
    /// Already JSON.
    Fixed(String),
    Text(Template),
    List(Vec<Node>),
    /// Keys are already JSON strings.
    Table(Vec<(String, Node)>),
    /// One for each message.
    Each(Box<Each<Node>>),
}

/// A request ready to go. It holds secrets: no `Debug`.
pub(crate) struct Rendered {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    /// Reads a request's keys from a table; `known` are the names that its templates may use.
    pub(super) fn parse(table: &Table<'_>, names: &Names<'_>) -> Self {
        let known = names.own.as_slice();
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
            Some("json") => table.get("json").map_or(Body::None, |value| Body::Json(Node::parse(table, value, names))),
            Some("form") => Body::Form(fields(table, "form", names)),
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
            query: fields(table, "query", names),
            headers,
            basic,
            body,
        }
    }

    /// Writes the request for these values under a base address without a trailing slash; `each` are the values of the
    /// messages of a batch.
    pub(super) fn render(&self, base: &str, context: &Value, each: &[Value]) -> Result<Rendered, String> {
        let failed = |error: minijinja::Error| format!("a template of the request failed: {error}");
        let mut url = base.to_owned();
        if let Some(path) = &self.path {
            url.push_str(&path.render(context, encode_path).map_err(failed)?.unwrap_or_default());
        }
        if !self.query.is_empty() {
            let query = render_fields(&self.query, context, each).map_err(failed)?;
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
                node.write(context, each, &mut out).map_err(failed)?;
                (Some("application/json"), Bytes::from(out))
            }
            Body::Form(fields) => {
                let form = render_fields(fields, context, each).map_err(failed)?;
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

impl Rendered {
    /// Remembers what no error may repeat: the headers that were made of secrets.
    pub(super) fn hide(&self, private: &Private) {
        for value in self.headers.values().filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok()) {
            private.hide(value);
            private.hide(value.rsplit(' ').next().unwrap_or_default());
        }
    }
}

/// A header's value, marked so that nothing downstream prints it.
fn secret_header(name: &HeaderName, value: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| format!("the header {name} cannot carry its value"))?;
    value.set_sensitive(true);
    Ok(value)
}

impl Node {
    fn parse(table: &Table<'_>, value: &Spanned<DeValue<'_>>, names: &Names<'_>) -> Self {
        match value.get_ref() {
            DeValue::String(text) => Template::parse(table.source, &Text { value: text, span: value.span() }, &names.own)
                .map_or_else(|| Self::Fixed("null".into()), Self::Text),
            DeValue::Boolean(boolean) => Self::Fixed(boolean.to_string()),
            DeValue::Integer(number) if i64::from_str_radix(number.as_str(), number.radix()).is_ok() => {
                Self::Fixed(i64::from_str_radix(number.as_str(), number.radix()).unwrap_or_default().to_string())
            }
            DeValue::Float(number) if number.as_str().parse().is_ok_and(f64::is_finite) => {
                Self::Fixed(number.as_str().parse::<f64>().unwrap_or_default().to_string())
            }
            DeValue::Array(list) => Self::List(list.iter().map(|item| Self::parse(table, item, names)).collect()),
            DeValue::Table(inner) if inner.contains_key("each") => {
                let each = inner.iter().find(|(key, _)| key.get_ref() == "each").map(|(_, item)| item);
                match (each_names(table, value, names), each) {
                    (Some((within, join)), Some(item)) => {
                        Self::Each(Box::new(Each { inner: Self::parse(table, item, &within), join }))
                    }
                    _ => Self::Fixed("null".into()),
                }
            }
            DeValue::Table(inner) => Self::Table(
                inner.iter().map(|(key, item)| (json_string(key.get_ref()), Self::parse(table, item, names))).collect(),
            ),
            _ => {
                table.source.fault(value.span(), "JSON has no such value", Some("write it as a string".into()));
                Self::Fixed("null".into())
            }
        }
    }

    /// Writes the value; false where it is not there, so that its key can be left out.
    fn write(&self, context: &Value, each: &[Value], out: &mut String) -> Result<bool, minijinja::Error> {
        match self {
            Self::Fixed(json) => out.push_str(json),
            Self::Each(all) => {
                if let Some(join) = &all.join {
                    let mut texts = Vec::with_capacity(each.len());
                    for message in each {
                        if let Self::Text(template) = &all.inner {
                            texts.extend(template.render(message, plain)?);
                        }
                    }
                    out.push_str(&json_string(&texts.join(join)));
                } else {
                    out.push('[');
                    let mut first = true;
                    for message in each {
                        separated(out, &mut first, |out| all.inner.write(message, &[], out))?;
                    }
                    out.push(']');
                }
            }
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
                    separated(out, &mut first, |out| item.write(context, each, out))?;
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
                        item.write(context, each, out)
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

/// The names within an `each`, and how its texts are joined; a fault where it cannot stand.
fn each_names<'n>(table: &Table<'_>, value: &Spanned<DeValue<'_>>, names: &Names<'n>) -> Option<(Names<'n>, Option<String>)> {
    let inner = value.get_ref().as_table()?;
    let source = table.source;
    for (key, _) in inner.iter().filter(|(key, _)| !matches!(key.get_ref().as_ref(), "each" | "join")) {
        let message = format!("unknown key `{}` beside `each`", key.get_ref());
        source.fault(key.span(), message, suggestion(key.get_ref(), &["each", "join"]));
    }
    let join = inner.iter().find(|(key, _)| key.get_ref() == "join").map(|(_, join)| join);
    let text = join.and_then(|join| join.get_ref().as_str());
    if let (Some(join), None) = (join, text) {
        source.fault(join.span(), "`join` is a string", Some("such as \",\"".into()));
    }
    let each = inner.iter().find(|(key, _)| key.get_ref() == "each").map(|(_, each)| each)?;
    if text.is_some() && each.get_ref().as_str().is_none() {
        source.fault(each.span(), "what is joined is a string", Some("such as \"{{ to|digits }}\"".into()));
    }
    let Some(own) = names.each.clone() else {
        source.fault(value.span(), "`each` without `batch`: one request carries one message", Some("batch = 100".into()));
        return None;
    };
    Some((Names { own, each: None }, text.map(str::to_owned)))
}

/// The fields of a query or a form: templates, or one joined text over all messages of a batch.
fn fields(table: &Table<'_>, key: &str, names: &Names<'_>) -> Vec<(String, Field)> {
    let Some(entries) = table.table(key) else { return Vec::new() };
    let mut fields = Vec::new();
    for (name, value) in entries.entries() {
        let template = |text: Text<'_>, known: &[&str]| Template::parse(table.source, &text, known);
        let field = match value.get_ref().as_table() {
            Some(inner) => each_names(table, value, names).and_then(|(within, join)| {
                if join.is_none() {
                    let help = Some("{ each = \"…\", join = \",\" }".to_owned());
                    table.source.fault(value.span(), "here texts are joined: `join` is missing", help);
                }
                let each = inner.iter().find(|(key, _)| key.get_ref() == "each").map(|(_, each)| each)?;
                let text = Text { value: each.get_ref().as_str()?, span: each.span() };
                Some(Field::Each(Each { inner: template(text, &within.own)?, join }))
            }),
            None => entries.as_text(name.value, value).and_then(|text| template(text, &names.own)).map(Field::One),
        };
        fields.extend(field.map(|field| (name.value.to_owned(), field)));
    }
    fields
}

/// The templates of a table such as `headers`, each with its name's place.
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

fn render_fields(fields: &[(String, Field)], context: &Value, each: &[Value]) -> Result<String, minijinja::Error> {
    let mut out = String::with_capacity(256);
    for (name, field) in fields {
        let value = match field {
            Field::One(template) => template.render(context, plain)?,
            Field::Each(all) => {
                let mut texts = Vec::with_capacity(each.len());
                for message in each {
                    texts.extend(all.inner.render(message, plain)?);
                }
                Some(texts.join(all.join.as_deref().unwrap_or(",")))
            }
        };
        if let Some(value) = value {
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
