//! Callbacks and status answers: the declared shape in, [`Event`]s out.
//!
//! An item whose code no rule knows becomes an [`Event::Account`] for the log, so that one unknown code costs neither
//! the others of its list nor the gateway's patience. A callback of which nothing can be used is malformed.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use minijinja::{
    Value,
    value::{Serde, ValueKind},
};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::{
    answer::{Answer, Condition, Headers, NAMES, Reader, parse_reason},
    expression::{Expression, Scope},
    percent::decode,
    reader::Table,
};
use crate::{About, Address, Callback, CallbackError, Event, Handle, Inbound, Reason, Receipt, ReceiptState, Reply};

/// Names that expressions over a callback may use.
const CALLBACK_NAMES: &[&str] = &["item", "body", "query", "headers", "code"];

const STATES: [(&str, ReceiptState); 7] = [
    ("rejected", ReceiptState::Rejected),
    ("accepted", ReceiptState::Accepted),
    ("enroute", ReceiptState::Enroute),
    ("expired", ReceiptState::Expired),
    ("undelivered", ReceiptState::Undelivered),
    ("delivered", ReceiptState::Delivered),
    ("seen", ReceiptState::Seen),
];

const REPLY_TYPES: [&str; 4] = ["text/plain", "application/json", "text/xml", "text/html"];

/// Where a callback's fields are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Query,
    Form,
    Json,
}

/// A callback's shape, compiled.
pub(super) struct Shape {
    place: Place,
    secret: Option<(::http::HeaderName, String)>,
    items: Option<Expression>,
    code: Option<Expression>,
    reference: Option<Expression>,
    id: Option<Expression>,
    detail: Option<Expression>,
    at: Option<Expression>,
    rules: Vec<Rule>,
    reply: Reply,
}

struct Rule {
    condition: Condition,
    outcome: Outcome,
    detail: Option<Expression>,
}

enum Outcome {
    Receipt { state: ReceiptState, reason: Option<Reason> },
    Inbound { from: Expression, text: Expression },
    Account(Expression),
    Ignore,
}

impl Rule {
    fn parse(table: &Table<'_>, known: &[&str], section_has_code: bool, kinds: &[&str]) -> Option<Self> {
        let keys: Vec<&str> = Condition::KEYS.iter().chain(&["reason", "detail"]).chain(kinds).copied().collect();
        table.only(&keys);
        let condition = Condition::parse(table, known, section_has_code, true);
        let expression = |table: &Table<'_>, key: &str| {
            table.required(key, &format!("{key} = \"item.{key}\"")).and_then(|text| Expression::parse(table.source, &text, known))
        };
        let given: Vec<&str> = kinds.iter().copied().filter(|kind| table.get(kind).is_some()).collect();
        let [kind] = given.as_slice() else {
            let message = format!("{} must say one thing", table.name);
            table.source.fault(table.span.clone(), message, Some(format!("one of {}", kinds.join(", "))));
            return None;
        };
        if *kind != "state" && table.get("reason").is_some() {
            table.source.fault(table.place_of("reason"), "only a `state` has a reason", None);
        }
        let reason = parse_reason(table);
        let outcome = match *kind {
            "state" => {
                let state = table.word("state", &STATES.map(|(name, _)| name), |word| {
                    STATES.iter().find(|(name, _)| *name == word).map(|(_, state)| *state)
                });
                let state = state?;
                let failed = matches!(state, ReceiptState::Rejected | ReceiptState::Expired | ReceiptState::Undelivered);
                if reason.is_some() && !failed {
                    table.source.fault(table.place_of("reason"), "only a failure has a reason", None);
                }
                let other = if state == ReceiptState::Expired { Reason::Expired } else { Reason::Other };
                Outcome::Receipt { state, reason: failed.then_some(reason.unwrap_or(other)) }
            }
            "inbound" => {
                let inbound = table.table("inbound")?;
                inbound.only(&["from", "text"]);
                Outcome::Inbound { from: expression(&inbound, "from")?, text: expression(&inbound, "text")? }
            }
            "account" => Outcome::Account(expression(table, "account")?),
            _ => {
                if table.boolean("ignore") == Some(false) {
                    table.source.fault(table.place_of("ignore"), "`ignore` can only be true", None);
                }
                Outcome::Ignore
            }
        };
        let detail = table.text("detail").and_then(|text| Expression::parse(table.source, &text, known));
        Some(Self { condition, outcome, detail })
    }
}

impl Shape {
    /// Reads `[callback]`; `secrets` are the account's, of which one may be what the gateway signs with.
    pub(super) fn parse(table: &Table<'_>, secrets: &[&str]) -> Self {
        table.only(&["reads", "secret", "items", "code", "reference", "id", "detail", "at", "reply", "event"]);
        let expression = |key| table.text(key).and_then(|text| Expression::parse(table.source, &text, CALLBACK_NAMES));
        let place = table.word("reads", &["query", "form", "json"], |word| match word {
            "query" => Some(Place::Query),
            "form" => Some(Place::Form),
            "json" => Some(Place::Json),
            _ => None,
        });
        if table.get("reads").is_none() {
            table.missing("reads", "reads = \"query\"");
        }
        let has_code = table.get("code").is_some();
        let kinds = ["state", "inbound", "account", "ignore"];
        let rules: Vec<Rule> =
            table.tables("event").iter().filter_map(|rule| Rule::parse(rule, CALLBACK_NAMES, has_code, &kinds)).collect();
        if table.get("event").is_none() {
            table.missing("event", "[[callback.event]]");
        }
        let receipts = rules.iter().any(|rule| matches!(rule.outcome, Outcome::Receipt { .. }));
        if receipts && table.get("reference").is_none() && table.get("id").is_none() {
            table.missing("reference", "reference = \"item.RequestId\", or id = \"item.SMSID\"");
        }
        Self {
            place: place.unwrap_or(Place::Query),
            secret: table.table("secret").and_then(|secret| parse_secret(&secret, secrets)),
            items: expression("items"),
            code: expression("code"),
            reference: expression("reference"),
            id: expression("id"),
            detail: expression("detail"),
            at: expression("at"),
            rules,
            reply: table.table("reply").map_or_else(Reply::default, |reply| parse_reply(&reply)),
        }
    }

    /// Whether any rule makes a receipt.
    pub(super) fn has_receipts(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.outcome, Outcome::Receipt { .. }))
    }

    /// Whether receipts name our reference.
    pub(super) fn echoes_reference(&self) -> bool {
        self.reference.is_some()
    }

    /// Reads a callback; `secret` looks a setting up, `clean` cuts and scrubs the gateway's words.
    pub(super) fn read(
        &self,
        callback: &Callback,
        secret: &dyn Fn(&str) -> Option<SecretString>,
        clean: &dyn Fn(&str) -> String,
    ) -> Result<(Vec<Event>, Reply), CallbackError> {
        if let Some((header, setting)) = &self.secret
            && let Some(expected) = secret(setting)
        {
            let given = callback.headers.get(header).map(::http::HeaderValue::as_bytes).unwrap_or_default();
            if !bool::from(given.ct_eq(expected.expose_secret().as_bytes())) {
                return Err(CallbackError::Forged(format!("the header {header} does not hold the account's `{setting}`")));
            }
        }
        let query = fields(&callback.query);
        let body = match self.place {
            Place::Query => Value::UNDEFINED,
            Place::Form => fields(&String::from_utf8_lossy(&callback.body)),
            Place::Json => serde_json::from_slice::<serde_json::Value>(&callback.body)
                .map(|json| Value::from(Serde(&json)))
                .map_err(|error| CallbackError::Malformed(format!("the body is not JSON (line {})", error.line())))?,
        };
        let whole = if self.place == Place::Query { query.clone() } else { body.clone() };
        let own = vec![
            ("item", whole.clone()),
            ("body", body),
            ("query", query),
            ("headers", Value::from_object(Headers(callback.headers.clone()))),
        ];
        let items = match &self.items {
            None => vec![whole],
            Some(items) => {
                let list = items.eval(&scope(own.clone())).ok().filter(|list| list.kind() == ValueKind::Seq);
                let list = list.and_then(|list| list.try_iter().ok());
                list.ok_or_else(|| CallbackError::Malformed("`items` gives no list".into()))?.collect()
            }
        };
        let (mut events, mut fault, mut understood) = (Vec::new(), None, items.is_empty());
        for item in items {
            match self.event(&own, item, clean) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => understood = true,
                Err(what) => fault = Some(what),
            }
        }
        match fault {
            Some(what) if events.is_empty() && !understood => Err(CallbackError::Malformed(what)),
            Some(what) => {
                events.push(Event::Account { detail: format!("an item of a callback was not understood: {what}") });
                Ok((events, self.reply.clone()))
            }
            None => Ok((events, self.reply.clone())),
        }
    }

    fn event(&self, own: &[(&'static str, Value)], item: Value, clean: &dyn Fn(&str) -> String) -> Result<Option<Event>, String> {
        let mut own = own.to_vec();
        own[0].1 = item;
        let mut context = scope(own.clone());
        let code = self.code.as_ref().and_then(|code| code.text(&context));
        if let Some(code) = &code {
            own.push(("code", Value::from(code.as_str())));
            context = scope(own);
        }
        let Some(rule) = find(&self.rules, code.as_deref(), &context)? else {
            let what =
                code.map_or_else(|| "no rule fits it".to_owned(), |code| format!("no rule knows the code {}", clean(&code)));
            return if self.about(&context).is_some() { Ok(Some(Event::Account { detail: what })) } else { Err(what) };
        };
        let text = |expression: &Expression| expression.text(&context);
        match &rule.outcome {
            Outcome::Ignore => Ok(None),
            Outcome::Account(words) => Ok(Some(Event::Account { detail: clean(&text(words).unwrap_or_default()) })),
            Outcome::Inbound { from, text: words } => match (text(from).filter(|from| !from.is_empty()), text(words)) {
                (Some(from), Some(text)) => {
                    Ok(Some(Event::Inbound(Inbound { from: Address::new(from), to: None, text, id: None })))
                }
                _ => Err("an inbound message lacks its sender or its text".into()),
            },
            Outcome::Receipt { state, reason } => {
                let about = self.about(&context).ok_or("a receipt names no message")?;
                let words = rule.detail.as_ref().or(self.detail.as_ref()).and_then(text).filter(|words| !words.is_empty());
                Ok(Some(Event::Receipt(Receipt {
                    about,
                    state: *state,
                    reason: *reason,
                    detail: clean(&words.or(code).unwrap_or_default()),
                    at: self.at.as_ref().and_then(text).and_then(|at| instant(&at)),
                })))
            }
        }
    }

    fn about(&self, context: &Value) -> Option<About> {
        let text = |expression: &Option<Expression>| {
            expression.as_ref().and_then(|expression| expression.text(context)).and_then(super::named)
        };
        text(&self.reference).map(About::Reference).or_else(|| text(&self.id).map(About::Id))
    }
}

/// How the answer to a status query is read, compiled.
pub(super) struct StatusShape {
    /// Whether the request asks by the gateway's id, so that a message without one cannot be asked about.
    pub(super) by_id: bool,
    reader: Reader,
    rules: Vec<Rule>,
}

impl StatusShape {
    pub(super) const KEYS: &[&str] = &["reads", "code", "detail", "answer"];

    /// Reads what `[status]` holds beside its request.
    pub(super) fn parse(table: &Table<'_>, by_id: bool) -> Self {
        let has_code = table.get("code").is_some();
        let tables = table.tables("answer");
        if tables.is_empty() {
            table.missing("answer", "[[status.answer]]");
        }
        let rules = tables.iter().filter_map(|rule| Rule::parse(rule, NAMES, has_code, &["state", "ignore"])).collect();
        Self { by_id, reader: Reader::parse(table), rules }
    }

    /// What the answer says of this message; none where it says nothing.
    pub(super) fn read(
        &self,
        answer: Answer,
        handle: &Handle,
        clean: &dyn Fn(&str) -> String,
    ) -> Result<Option<Receipt>, String> {
        let status = answer.status;
        let reading = self.reader.read(answer, &handle.reference);
        if !reading.readable {
            return Err(format!("HTTP {status} with an answer that cannot be read"));
        }
        let mut fitting = None;
        for rule in &self.rules {
            if rule.condition.holds(&reading).map_err(|error| format!("a rule failed on the answer ({})", error.kind()))? {
                fitting = Some(rule);
                break;
            }
        }
        match fitting {
            Some(Rule { outcome: Outcome::Receipt { state, reason }, detail, .. }) => Ok(Some(Receipt {
                about: About::Reference(handle.reference.clone()),
                state: *state,
                reason: *reason,
                detail: clean(&self.reader.words(detail.as_ref(), &reading)),
                at: None,
            })),
            Some(_) => Ok(None),
            None if (200..300).contains(&status) => Ok(None),
            None => Err(format!("HTTP {status}: {}", clean(&self.reader.words(None, &reading)))),
        }
    }
}

fn find<'a>(rules: &'a [Rule], code: Option<&str>, context: &Value) -> Result<Option<&'a Rule>, String> {
    for rule in rules {
        if rule.condition.holds_for(code, context).map_err(|error| format!("a rule failed on it ({})", error.kind()))? {
            return Ok(Some(rule));
        }
    }
    Ok(None)
}

fn scope(own: Vec<(&'static str, Value)>) -> Value {
    Value::from_object(Scope { own, settings: Arc::default() })
}

fn parse_secret(table: &Table<'_>, secrets: &[&str]) -> Option<(::http::HeaderName, String)> {
    table.only(&["header", "setting"]);
    let header = table.required("header", "header = \"X-Webhook-Secret\"")?;
    let setting = table.required("setting", "setting = \"webhook_secret\"")?;
    let Ok(name) = ::http::HeaderName::from_bytes(header.value.as_bytes()) else {
        table.source.fault(header.span, format!("`{}` is no name of a header", header.value), None);
        return None;
    };
    if !secrets.contains(&setting.value) {
        let message = format!("no setting `{}` has `secret = true`", setting.value);
        table.source.fault(setting.span, message, super::fault::suggestion(setting.value, secrets));
    }
    table.source.note_use(setting.value);
    Some((name, setting.value.to_owned()))
}

fn parse_reply(table: &Table<'_>) -> Reply {
    table.only(&["status", "type", "body"]);
    let default = Reply::default();
    Reply {
        status: table.number("status", 200..=299).and_then(|status| u16::try_from(status).ok()).unwrap_or(default.status),
        content_type: table
            .word("type", &REPLY_TYPES, |word| REPLY_TYPES.into_iter().find(|known| *known == word))
            .unwrap_or(default.content_type),
        body: table.text("body").map_or(default.body, |text| text.value.to_owned()),
    }
}

/// The fields of a query string or a form; of a repeated one the first.
fn fields(encoded: &str) -> Value {
    let mut fields: Vec<(String, String)> = Vec::new();
    for pair in encoded.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name);
        if !fields.iter().any(|(known, _)| *known == name) {
            fields.push((name, decode(value)));
        }
    }
    Value::from_pairs(fields)
}

/// RFC 3339, or a Unix time in seconds or milliseconds.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(number) = text.parse::<i64>() {
        return if number.abs() > 100_000_000_000 {
            DateTime::from_timestamp_millis(number)
        } else {
            DateTime::from_timestamp(number, 0)
        };
    }
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc))
}
