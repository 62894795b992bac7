//! The OpenAPI document, made from the routes, and the page that shows it.
//!
//! What every operation shares is put in here once: the token, the problems that any of them can answer, the key that makes a POST
//! count once. Summaries are written in both languages (`vi | en`) and told in the reader's.

use std::collections::BTreeSet;

use axum::{
    Json, Router, extract,
    http::{
        HeaderValue, Method, StatusCode,
        header::{CONTENT_LANGUAGE, CONTENT_TYPE, VARY},
    },
    response::{IntoResponse as _, Response},
    routing::get,
};
use minijinja::{context, value::Serde};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    described,
    problem::{Details, Error, Kind, MEDIA_TYPE},
};
use crate::{
    web::{State, reader::Reader},
    words::Lang,
};

/// Operations that may be asked without a token.
const OPEN: [&str; 1] = ["list_runs"];
/// POSTs that only look: they need no key.
const LOOKING: [&str; 2] = ["check_text", "find_people"];
/// POSTs after which something is sent: nobody may do them twice by accident, so the key must be there.
pub const SENDING: [&str; 2] = ["start_run", "test_campaign"];

const ABOUT: &str = "API của trang quản lý: mọi thao tác của trang web, cho chương trình. \
Gửi `Authorization: Bearer loa_…`; tạo token ở trang `/me`. Lỗi được trả bằng problem details (RFC 9457) theo ngôn ngữ của `Accept-Language`. \
Một POST mang `Idempotency-Key` chỉ được thực hiện một lần trong 24 giờ; gửi lại cùng khóa sẽ nhận lại câu trả lời cũ. \
`RateLimit` cho biết còn bao nhiêu yêu cầu. \
| The console for programs: everything that its pages do. Send `Authorization: Bearer loa_…`; the page `/me` makes tokens. \
Errors are problem details (RFC 9457) in the language of `Accept-Language`. A POST with an `Idempotency-Key` is done once within 24 hours; \
repeated under the same key, it gets the first answer again. `RateLimit` tells how many requests are left.";

const TAGS: [(&str, &str); 12] = [
    ("campaigns", "Chiến dịch | Campaigns"),
    ("runs", "Đợt gửi | Runs"),
    ("audience", "Danh sách người nhận | The audience"),
    ("people", "Một người | One person"),
    ("accounts", "Tài khoản gửi | Accounts"),
    ("reach", "Số liệu tiếp cận | Reach"),
    ("orders", "Yêu cầu gửi đơn vị phối hợp | Relay orders"),
    ("outlets", "Đơn vị phối hợp | Outlets"),
    ("notices", "Việc cần biết, cần làm | What waits for somebody"),
    ("audit", "Nhật ký | The audit"),
    ("users", "Người dùng và token | Users"),
    ("webhooks", "Webhook (Standard Webhooks) | Webhooks (Standard Webhooks)"),
];

/// The document in both languages.
pub struct Document {
    vi: Value,
    en: Value,
}

impl Default for Document {
    fn default() -> Self {
        let made = made();
        Self { vi: localised(&made, Lang::Vi), en: localised(&made, Lang::En) }
    }
}

impl Document {
    fn of(&self, lang: Lang) -> &Value {
        lang.pick(&self.vi, &self.en)
    }

    /// The parameters that an operation's address may carry; none: there is no such operation.
    pub fn parameters(&self, path: &str, method: &Method) -> Option<BTreeSet<&str>> {
        let method = if method == Method::HEAD { "get".to_string() } else { method.as_str().to_ascii_lowercase() };
        let operation = self.en.pointer("/paths")?.get(path)?.get(method)?;
        let all = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
        let named = all.filter(|parameter| parameter["in"] == "query").filter_map(|parameter| parameter["name"].as_str());
        Some(named.collect())
    }

    /// Every operation: path, method in lower case, and what is said of it.
    pub fn operations(&self, lang: Lang) -> impl Iterator<Item = (&str, &str, &Value)> {
        let paths = self.of(lang)["paths"].as_object().into_iter().flatten();
        paths.flat_map(|(path, item)| {
            item.as_object().into_iter().flatten().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
    }
}

pub(super) fn routes() -> Router<State> {
    Router::new().route("/api/openapi.json", get(document)).route("/api", get(page))
}

async fn document(Reader(lang): Reader, extract::State(State(state)): extract::State<State>) -> Response {
    let mut response = Json(state.document.of(lang)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/openapi+json; charset=utf-8"));
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(lang.pick("vi", "en")));
    headers.insert(VARY, HeaderValue::from_static("accept-language"));
    response
}

/// The document with what all operations share.
fn made() -> Value {
    let (_, document) = described().split_for_parts();
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["openapi"] = "3.1.0".into();
    document["info"] = json!({
        "title": "Loa", "version": "1", "description": ABOUT,
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    });
    document["servers"] = json!([{ "url": "/api/v1" }]);
    document["tags"] = TAGS.iter().map(|(name, about)| json!({ "name": name, "description": about })).collect();
    let schemas = &mut document["components"]["schemas"];
    schemas["Problem"] = schema::<Details>();
    schemas["ProblemError"] = schema::<Error>();
    document["components"]["securitySchemes"] =
        json!({ "token": { "type": "http", "scheme": "bearer", "bearerFormat": "loa_…" } });
    document["components"]["responses"] = Kind::ALL
        .iter()
        .map(|kind| (kind.status().as_str().to_string(), answer(kind.status())))
        .collect::<Map<String, Value>>()
        .into();
    for item in document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.iter_mut()) {
        let (path, item) = item;
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            share(path, method, operation);
        }
    }
    document
}

fn schema<T: utoipa::PartialSchema>() -> Value {
    serde_json::to_value(T::schema()).unwrap_or_default()
}

/// A problem with this status.
fn answer(status: StatusCode) -> Value {
    let kinds = Kind::ALL.iter().filter(|kind| kind.status() == status);
    let titles: Vec<_> = kinds.map(|kind| kind.title()).collect();
    let join = |lang| titles.iter().map(|title| title.text(lang)).collect::<Vec<_>>().join("; ");
    json!({
        "description": format!("{} | {}", join(Lang::Vi), join(Lang::En)),
        "content": { MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

/// What an operation has in common with the others.
fn share(path: &str, method: &str, operation: &mut Value) {
    let id = operation["operationId"].as_str().unwrap_or_default().to_string();
    let (has_body, writes) = (operation.get("requestBody").is_some(), method == "post" && !LOOKING.contains(&id.as_str()));
    let own: BTreeSet<String> = operation["responses"].as_object().into_iter().flat_map(|all| all.keys().cloned()).collect();
    let mut statuses = vec![400, 401, 403, 406, 408, 429, 500, 503];
    if path.contains('{') {
        statuses.push(404);
    }
    if has_body {
        statuses.extend([413, 415, 422]);
    }
    if writes {
        statuses.extend([409, 413, 422]);
        let header = json!({
            "name": "Idempotency-Key", "in": "header", "required": SENDING.contains(&id.as_str()),
            "description": "Khóa do bên gọi chọn: cùng khóa thì chỉ làm một lần trong 24 giờ | Chosen by the caller: under the same key it is done once within 24 hours",
            "schema": { "type": "string", "pattern": "^(\"[!#-~]{1,200}\"|[!#-~]{1,200})$" },
        });
        match operation["parameters"].as_array_mut() {
            Some(parameters) => parameters.push(header),
            None => operation["parameters"] = json!([header]),
        }
    }
    for status in statuses {
        let status = status.to_string();
        if !own.contains(&status) {
            operation["responses"][&status] = json!({ "$ref": format!("#/components/responses/{status}") });
        }
    }
    // Those that an operation describes by itself are problems as well.
    for status in own.iter().filter(|status| status.as_str() >= "400") {
        operation["responses"][status]["content"] =
            json!({ MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } });
    }
    operation["security"] = if OPEN.contains(&id.as_str()) { json!([{}, { "token": [] }]) } else { json!([{ "token": [] }]) };
}

/// The same with every text of two languages in this one.
fn localised(value: &Value, lang: Lang) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, value)| {
                    let told = value.as_str().filter(|_| matches!(key.as_str(), "summary" | "description"));
                    let told = told.and_then(|text| text.split_once(" | ")).map(|(vi, en)| lang.pick(vi, en).trim().into());
                    (key.clone(), told.unwrap_or_else(|| localised(value, lang)))
                })
                .collect(),
        ),
        Value::Array(list) => list.iter().map(|value| localised(value, lang)).collect(),
        other => other.clone(),
    }
}

/// An operation as the page shows it.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a Value,
    method: String,
    path: &'a str,
    summary: &'a Value,
    description: &'a Value,
    parameters: Vec<Field>,
    takes: Option<String>,
    gives: Vec<Answer>,
}

/// A parameter or a field.
#[derive(Serialize)]
struct Field {
    name: String,
    place: String,
    of: String,
    required: bool,
    about: String,
}

#[derive(Serialize)]
struct Answer {
    status: String,
    about: String,
    of: Option<String>,
}

#[derive(Serialize)]
struct Group<'a> {
    name: &'a str,
    about: &'a Value,
    operations: Vec<Shown<'a>>,
}

#[derive(Serialize)]
struct Shape {
    name: String,
    about: String,
    values: Vec<String>,
    fields: Vec<Field>,
}

async fn page(Reader(lang): Reader, extract::State(State(state)): extract::State<State>) -> Response {
    let document = state.document.of(lang);
    let resolve = |answer: &Value| match answer["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).cloned().unwrap_or_default(),
        None => answer.clone(),
    };
    let groups: Vec<Group<'_>> = TAGS
        .iter()
        .enumerate()
        .map(|(at, (tag, _))| Group {
            name: tag,
            about: &document["tags"][at]["description"],
            operations: state
                .document
                .operations(lang)
                .filter(|(.., operation)| operation["tags"][0] == *tag || (*tag == "users" && operation["tags"][0] == "tokens"))
                .map(|(path, method, operation)| Shown {
                    id: &operation["operationId"],
                    method: method.to_ascii_uppercase(),
                    path,
                    summary: &operation["summary"],
                    description: &operation["description"],
                    parameters: operation["parameters"].as_array().into_iter().flatten().map(parameter).collect(),
                    takes: content(&operation["requestBody"]),
                    gives: operation["responses"]
                        .as_object()
                        .into_iter()
                        .flatten()
                        .filter(|(status, answer)| status.as_str() < "400" || answer.get("$ref").is_none())
                        .map(|(status, answer)| Answer {
                            status: status.clone(),
                            about: resolve(answer)["description"].as_str().unwrap_or_default().to_string(),
                            of: content(answer).filter(|_| status.as_str() < "400"),
                        })
                        .collect(),
                })
                .collect(),
        })
        .collect();
    let shapes: Vec<Shape> = document["components"]["schemas"].as_object().into_iter().flatten().map(shape).collect();
    let problems: Vec<_> =
        Kind::ALL.iter().map(|kind| (kind.slug(), kind.status().as_u16(), kind.title().text(lang).to_string())).collect();
    let values = context! {
        about => document["info"]["description"].as_str(),
        groups => minijinja::Value::from(Serde(&groups)),
        shapes => minijinja::Value::from(Serde(&shapes)),
        problems => minijinja::Value::from(Serde(&problems)),
    };
    state.pages.show(StatusCode::OK, "api", lang, values)
}

fn parameter(parameter: &Value) -> Field {
    Field {
        name: text(&parameter["name"]),
        place: text(&parameter["in"]),
        of: kind(&parameter["schema"]),
        required: parameter["required"] == true,
        about: text(&parameter["description"]),
    }
}

fn shape((name, schema): (&String, &Value)) -> Shape {
    let required: BTreeSet<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let fields = schema["properties"].as_object().into_iter().flatten().map(|(name, of)| Field {
        name: name.clone(),
        place: String::new(),
        of: kind(of),
        required: required.contains(name.as_str()),
        about: text(&of["description"]),
    });
    Shape {
        name: name.clone(),
        about: text(&schema["description"]),
        values: schema["enum"].as_array().into_iter().flatten().map(text).collect(),
        fields: fields.collect(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

/// What a body is, by its first format.
fn content(body: &Value) -> Option<String> {
    let (media, of) = body["content"].as_object()?.iter().next()?;
    let of = kind(&of["schema"]);
    Some(if media == "application/json" || of == media.as_str() { of } else { format!("{of} ({media})") })
}

/// A schema in a word or two.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_string();
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        if let Some(all) = schema[several].as_array() {
            return all.iter().map(kind).collect::<Vec<_>>().join(" | ");
        }
    }
    let one = |name: &str| match name {
        "array" => format!("[{}]", kind(&schema["items"])),
        name => match schema["format"].as_str() {
            Some(format) if !format.starts_with("int") => format!("{name} ({format})"),
            _ => name.to_string(),
        },
    };
    match &schema["type"] {
        Value::String(name) => one(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).map(one).collect::<Vec<_>>().join(" | "),
        _ => "–".to_string(),
    }
}
