//! Callbacks: the declared shape in, [`Event`]s out.
//!
//! An item whose code no rule knows becomes an [`Event::Account`] for the log, so that one unknown code costs neither
//! the others of its list nor the gateway's patience. A callback of which nothing can be used is malformed.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use minijinja::{Value, value::Serde};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::{
    answer::{Condition, Headers, list, parse_reason},
    expression::{Expression, Scope, Template, plain},
    filter::Private,
    percent::decode,
    reader::Table,
};
use crate::{About, Address, Callback, CallbackError, Event, Inbound, Reason, Receipt, ReceiptState, Reply};

/// Names that expressions over a callback may use.
const CALLBACK_NAMES: &[&str] = &["item", "body", "query", "headers", "code"];

/// Names that a signature may be made of, beside the account's settings.
const SIGNED_NAMES: &[&str] = &["raw", "body", "query", "headers"];

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
    signature: Option<(::http::HeaderName, Template)>,
    items: Option<Expression>,
    code: Option<Expression>,
    reference: Option<Expression>,
    id: Option<Expression>,
    detail: Option<Expression>,
    at: Option<Expression>,
    rules: Vec<Rule>,
    reply: Reply,
}

/// A rule over an item of a callback, or over what a status query was answered.
pub(super) struct Rule {
    pub(super) condition: Condition,
    pub(super) outcome: Outcome,
    pub(super) detail: Option<Expression>,
}

/// What a rule says that an item is.
pub(super) enum Outcome {
    /// A receipt.
    Receipt { state: ReceiptState, reason: Option<Reason> },
    /// A message from a person.
    Inbound(Box<InboundShape>),
    /// Words about the account.
    Account(Expression),
    /// Nothing.
    Ignore,
    /// The token has expired.
    StaleToken,
}

/// Where a message from a person stands in an item.
pub(super) struct InboundShape {
    from: Expression,
    text: Expression,
    to: Option<Expression>,
    id: Option<Expression>,
}

impl Rule {
    pub(super) fn parse(table: &Table<'_>, known: &[&str], section_has_code: bool, kinds: &[&str]) -> Option<Self> {
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
                // Whoever complains of a message has it.
                let complains = reason == Some(Reason::Complaint);
                if complains && !matches!(state, ReceiptState::Delivered | ReceiptState::Seen) {
                    let help = Some("state = \"delivered\"".to_owned());
                    table.source.fault(table.place_of("reason"), "a complaint is about a message that arrived", help);
                } else if reason.is_some() && !failed && !complains {
                    table.source.fault(table.place_of("reason"), "only a failure has a reason, or a complaint", None);
                }
                let other = if state == ReceiptState::Expired { Reason::Expired } else { Reason::Other };
                Outcome::Receipt { state, reason: if failed { Some(reason.unwrap_or(other)) } else { reason } }
            }
            "inbound" => {
                let inbound = table.table("inbound")?;
                inbound.only(&["from", "text", "to", "id"]);
                let optional = |key| inbound.text(key).and_then(|text| Expression::parse(table.source, &text, known));
                let (to, id) = (optional("to"), optional("id"));
                let (from, text) = (expression(&inbound, "from")?, expression(&inbound, "text")?);
                Outcome::Inbound(Box::new(InboundShape { from, text, to, id }))
            }
            "account" => Outcome::Account(expression(table, "account")?),
            "then" => table.word("then", &["token"], |word| (word == "token").then_some(Outcome::StaleToken))?,
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
    /// Reads `[callback]`. `settings` are the account's, and `secrets` those of them of which one may be what the gateway
    /// names itself by.
    pub(super) fn parse(table: &Table<'_>, settings: &[&str], secrets: &[&str]) -> Self {
        table.only(&["reads", "secret", "signature", "items", "code", "reference", "id", "detail", "at", "reply", "event"]);
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
            signature: table.table("signature").and_then(|signature| parse_signature(&signature, settings)),
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
        account: &Account<'_>,
        clean: &dyn Fn(&str) -> String,
    ) -> Result<(Vec<Event>, Reply), CallbackError> {
        let Account { settings, secrets, private } = account;
        if let Some((header, setting)) = &self.secret
            && let Some(expected) = secrets.get(setting)
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
        if let Some((header, template)) = &self.signature {
            let raw = String::from_utf8_lossy(&callback.body);
            let own = vec![
                ("raw", Value::from(raw.as_ref())),
                ("body", body.clone()),
                ("query", query.clone()),
                ("headers", Value::from_object(Headers(callback.headers.clone()))),
            ];
            let signed = Value::from_object(Scope { own, settings: Arc::clone(settings), private: Arc::clone(private) });
            // A signature that cannot be computed, for want of a setting or a field, fits nothing.
            let expected = template.render(&signed, plain).ok().flatten().filter(|expected| !expected.is_empty());
            let given = callback.headers.get(header).map(::http::HeaderValue::as_bytes).unwrap_or_default();
            if !expected.is_some_and(|expected| bool::from(given.ct_eq(expected.as_bytes()))) {
                return Err(CallbackError::Forged(format!("the header {header} does not hold the body's signature")));
            }
        }
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
                let items = items.eval(&scope(own.clone(), private)).ok();
                let items = items.and_then(|items| list(&items));
                items.ok_or_else(|| CallbackError::Malformed("`items` gives no list".into()))?
            }
        };
        let (mut events, mut fault, mut understood) = (Vec::new(), None, items.is_empty());
        for item in items {
            match self.event(&own, item, private, clean) {
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

    fn event(
        &self,
        own: &[(&'static str, Value)],
        item: Value,
        private: &Arc<Private>,
        clean: &dyn Fn(&str) -> String,
    ) -> Result<Option<Event>, String> {
        let mut own = own.to_vec();
        own[0].1 = item;
        let mut context = scope(own.clone(), private);
        let code = self.code.as_ref().and_then(|code| code.text(&context));
        if let Some(code) = &code {
            own.push(("code", Value::from(code.as_str())));
            context = scope(own, private);
        }
        let Some(rule) = find(&self.rules, code.as_deref(), &context)? else {
            let what =
                code.map_or_else(|| "no rule fits it".to_owned(), |code| format!("no rule knows the code {}", clean(&code)));
            return if self.about(&context).is_some() { Ok(Some(Event::Account { detail: what })) } else { Err(what) };
        };
        let text = |expression: &Expression| expression.text(&context);
        match &rule.outcome {
            Outcome::Ignore | Outcome::StaleToken => Ok(None),
            Outcome::Account(words) => Ok(Some(Event::Account { detail: clean(&text(words).unwrap_or_default()) })),
            Outcome::Inbound(inbound) => {
                let InboundShape { from, text: words, to, id } = inbound.as_ref();
                let (Some(from), Some(words)) = (text(from).filter(|from| !from.is_empty()), text(words)) else {
                    return Err("an inbound message lacks its sender or its text".into());
                };
                let optional =
                    |expression: &Option<Expression>| expression.as_ref().and_then(text).filter(|value| !value.is_empty());
                let (to, id) = (optional(to), optional(id).and_then(super::named));
                Ok(Some(Event::Inbound(Inbound { from: Address::new(from), to, text: words, id })))
            }
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

fn find<'a>(rules: &'a [Rule], code: Option<&str>, context: &Value) -> Result<Option<&'a Rule>, String> {
    for rule in rules {
        if rule.condition.holds_for(code, context).map_err(|error| format!("a rule failed on it ({})", error.kind()))? {
            return Ok(Some(rule));
        }
    }
    Ok(None)
}

fn scope(own: Vec<(&'static str, Value)>, private: &Arc<Private>) -> Value {
    Value::from_object(Scope { own, settings: Arc::default(), private: Arc::clone(private) })
}

/// What of its account a callback is read with.
pub(super) struct Account<'a> {
    pub(super) settings: &'a Arc<BTreeMap<String, Value>>,
    pub(super) secrets: &'a BTreeMap<String, SecretString>,
    pub(super) private: Arc<Private>,
}

fn parse_signature(table: &Table<'_>, settings: &[&str]) -> Option<(::http::HeaderName, Template)> {
    table.only(&["header", "value"]);
    let header = table.required("header", "header = \"X-Signature\"")?;
    let value = table.required("value", "value = \"{{ raw|hmac_sha256(webhook_secret) }}\"")?;
    let known: Vec<&str> = SIGNED_NAMES.iter().chain(settings).copied().collect();
    let value = Template::parse(table.source, &value, &known);
    let Ok(name) = ::http::HeaderName::from_bytes(header.value.as_bytes()) else {
        table.source.fault(header.span, format!("`{}` is no name of a header", header.value), None);
        return None;
    };
    Some((name, value?))
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
