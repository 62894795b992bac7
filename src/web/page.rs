//! Pages: templates in `templates/`, put together and compiled at the start.
//!
//! Every value is escaped. A page loads nothing and runs nothing: its one style sheet stands in its head, and the content
//! security policy names that sheet's hash. All works without script.

use axum::{
    extract,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, VARY},
    },
    response::{Html, IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, time::Duration};

use super::{State, console, reader::Reader};
use crate::{
    phrase,
    words::{self, Lang, Phrase},
};

const LIGHT: &str = include_str!("templates/light.css");
const DARK: &str = include_str!("templates/dark.css");
const STYLE: &str = include_str!("templates/style.css");
const FRAME: &str = include_str!("templates/frame.html");
const TEMPLATES: [(&str, &str); 5] = [
    ("api", include_str!("templates/api.html")),
    ("genuine", include_str!("templates/genuine.html")),
    ("notice", include_str!("templates/notice.html")),
    ("status", include_str!("templates/status.html")),
    ("unsubscribe", include_str!("templates/unsubscribe.html")),
];

/// The style sheet that all pages begin with: the system's light or dark colours, or those that `data-theme` asks for.
pub(super) fn sheet() -> String {
    format!(
        ":root {{ color-scheme: light dark;\n{LIGHT}}}\n\
         @media (prefers-color-scheme: dark) {{ :root:not([data-theme=\"light\"]) {{\n{DARK}}} }}\n\
         :root[data-theme=\"light\"] {{ color-scheme: light; }}\n\
         :root[data-theme=\"dark\"] {{ color-scheme: dark;\n{DARK}}}\n{STYLE}"
    )
}

/// The compiled pages.
pub(super) struct Pages {
    templates: Environment<'static>,
    policy: HeaderValue,
}

impl Pages {
    pub fn new(office: &BTreeMap<String, String>) -> Self {
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        templates.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        templates.add_function("say", say);
        templates.add_filter("grouped", grouped);
        templates.add_filter("seconds", seconds);
        templates.add_filter("day", day);
        templates.add_filter("said", said);
        templates.add_filter("delivery_state", delivery_state);
        templates.add_filter("run_state", run_state);
        templates.add_filter("channel", channel);
        templates.add_filter("when", when);
        templates.add_filter("reason", reason);
        templates.add_filter("carrier", carrier);
        templates.add_function("asset", asset);
        templates.add_function("loa_version", || env!("CARGO_PKG_VERSION"));
        templates.add_global("office", Value::from(office.clone()));
        let sheet = sheet();
        let bare = TEMPLATES.map(|(name, main)| (name, FRAME.replace("LOA:style", &sheet).replace("LOA:main", main)));
        let console = console::TEMPLATES.iter().copied().flatten().map(|(name, text)| (*name, (*text).to_string()));
        for (name, text) in bare.into_iter().chain(console) {
            if let Err(error) = templates.add_template_owned(name, text) {
                // Built in, and rendered by the tests: it cannot happen in a build that passed them.
                tracing::error!(name, %error, "a built-in page cannot be compiled");
            }
        }
        let hash = STANDARD.encode(Sha256::digest(&sheet));
        let policy =
            format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
        Self {
            templates,
            policy: HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'")),
        }
    }

    /// One more template, for a test.
    #[cfg(test)]
    pub fn add(&mut self, name: &'static str, text: &'static str) {
        self.templates.add_template(name, text).unwrap();
    }

    /// A template's text.
    pub fn render(&self, name: &str, values: Value) -> Result<String, minijinja::Error> {
        self.templates.get_template(name)?.render(values)
    }

    /// A page in the reader's language. `values` are the template's own.
    pub fn show(&self, status: StatusCode, name: &str, lang: Lang, values: Value) -> Response {
        let all = context! { lang => lang.pick("vi", "en"), ..values };
        match self.render(name, all) {
            Ok(html) => {
                let mut response = (status, Html(html)).into_response();
                let headers = response.headers_mut();
                headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
                headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(lang.pick("vi", "en")));
                headers.insert(VARY, HeaderValue::from_static("accept-language"));
                response
            }
            Err(error) => {
                tracing::error!(name, %error, "a page could not be rendered");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    /// A short page that says one thing.
    pub fn notice(&self, status: StatusCode, lang: Lang, title: &Phrase, text: &Phrase) -> Response {
        self.show(status, "notice", lang, context! { title => title.text(lang), text => text.text(lang) })
    }

    /// The database did not answer.
    pub fn unavailable(&self, lang: Lang) -> Response {
        self.notice(
            StatusCode::SERVICE_UNAVAILABLE,
            lang,
            &phrase!("Hệ thống đang bận", "The system is busy"),
            &phrase!(
                "Chưa có gì được thay đổi. Vui lòng thử lại sau ít phút.",
                "Nothing was changed. Please try again in a few minutes."
            ),
        )
    }
}

/// Any address that there is no page for.
pub(super) async fn not_found(extract::State(State(state)): extract::State<State>, Reader(lang): Reader) -> Response {
    state.pages.notice(
        StatusCode::NOT_FOUND,
        lang,
        &phrase!("Không có trang này", "There is no such page"),
        &phrase!("Vui lòng kiểm tra lại địa chỉ.", "Please check the address."),
    )
}

/// Where a style sheet or a script of ours is.
fn asset(name: &str) -> Result<String, minijinja::Error> {
    console::statics::address(name)
        .ok_or_else(|| minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, format!("there is no file `{name}`")))
}

fn reads(state: &minijinja::State<'_, '_>) -> Lang {
    match state.lookup("lang").as_ref().and_then(Value::as_str) {
        Some("en") => Lang::En,
        _ => Lang::Vi,
    }
}

/// The one of two texts that is in the reader's language.
fn say(state: &minijinja::State<'_, '_>, vi: String, en: String) -> String {
    match reads(state) {
        Lang::Vi => vi,
        Lang::En => en,
    }
}

/// A count with its thousands apart: 1.234.567 in Vietnamese, 1,234,567 in English.
fn grouped(state: &minijinja::State<'_, '_>, number: i64) -> String {
    words::number(number, reads(state))
}

/// Milliseconds as seconds: 0,5 giây in Vietnamese, 0.5 s in English.
fn seconds(state: &minijinja::State<'_, '_>, millis: u64) -> String {
    let lang = reads(state);
    format!("{} {}", words::seconds(Duration::from_millis(millis), lang), lang.pick("giây", "s"))
}

/// A day as its language writes it, of one as files have it: 2026-11-22.
fn day(state: &minijinja::State<'_, '_>, text: String) -> String {
    text.parse::<chrono::NaiveDate>().map_or(text, |day| words::date(day, reads(state)))
}

/// What a network or a gateway said, in the reader's language where it is a thing that Loa says itself.
fn said(state: &minijinja::State<'_, '_>, text: String) -> String {
    words::said(text, reads(state))
}

fn delivery_state(state: &minijinja::State<'_, '_>, name: &str, channel: &str) -> String {
    words::delivery_state(name, channel == "chat", reads(state)).replace('_', " ")
}

fn run_state(state: &minijinja::State<'_, '_>, name: &str) -> String {
    words::run_state(name, reads(state)).replace('_', " ")
}

/// A moment in Viet Nam to the minute: of unix milliseconds, or of RFC 3339. Of nothing, nothing.
#[expect(clippy::needless_pass_by_value, reason = "a template hands over what it has")]
fn when(state: &minijinja::State<'_, '_>, at: Value) -> String {
    let millis = match (at.as_i64(), at.as_str()) {
        (None, Some(text)) => chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis()),
        (millis, _) => millis,
    };
    millis.map_or_else(String::new, |millis| words::moment(millis, reads(state)))
}

fn reason(state: &minijinja::State<'_, '_>, name: &str) -> String {
    words::reason(name, reads(state)).to_string()
}

fn carrier(state: &minijinja::State<'_, '_>, name: &str) -> String {
    words::carrier(name, reads(state)).to_string()
}

/// What people call a channel.
fn channel(state: &minijinja::State<'_, '_>, name: &str) -> &'static str {
    let lang = reads(state);
    match name {
        "sms" => "SMS",
        "email" => lang.pick("Thư điện tử", "E-mail"),
        "relay" => words::channel("relay", lang),
        "relay-sms" => words::channel("relay-sms", lang),
        "relay-app" => words::channel("relay-app", lang),
        "relay-material" => words::channel("relay-material", lang),
        _ => "Chat",
    }
}
