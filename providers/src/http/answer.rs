//! A gateway's answer, judged by the rules of its file.
//!
//! Rules are tried in order and the first that fits decides. What no rule covers is in doubt, save for a few HTTP
//! codes that by RFC 9110 mean "not processed". An answer with a 2xx code whose body cannot be read in the declared
//! format is in doubt whatever the rules say, and no rule that reads the body is tried on an unreadable one.

use std::{sync::Arc, time::Duration};

use ::http::HeaderMap;
use minijinja::{
    Value,
    value::{Object, Serde, ValueKind},
};

use super::{
    expression::{Expression, Scope as Names, to_text},
    fault::suggestion,
    filter::Private,
    reader::Table,
    xml,
};
use crate::{Reason, Scope, SendError};

/// Names that rules over an answer may use.
pub(super) const NAMES: &[&str] = &["status", "headers", "body", "raw", "code"];

/// Names of the message that the answer is about, which only some expressions have.
pub(super) const MESSAGE_NAMES: &[&str] = &["to", "reference"];

/// A wait longer than this is taken for a misread header.
const LONGEST_WAIT: f64 = 86_400.0;

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
    code: Option<String>,
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
    code: Option<Expression>,
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

fn words(detail: Option<&Expression>, reading: &Reading) -> String {
    let detail = detail.and_then(|detail| detail.text(&reading.context));
    match (detail.filter(|words| !words.trim().is_empty()), &reading.code) {
        (Some(words), Some(code)) => format!("{code}: {words}"),
        (Some(words), None) => words,
        (None, _) => reading.raw.clone(),
    }
}

/// When a rule applies: by the answer's code, by an expression, or by both.
pub(super) struct Condition {
    codes: Option<Vec<String>>,
    when: Option<Expression>,
    reads_body: bool,
}

impl Condition {
    pub(super) const KEYS: &[&str] = &["code", "when"];

    /// Reads `code` and `when` of a rule; `code_expression` is what the rule's section declares as its code.
    pub(super) fn parse(table: &Table<'_>, known: &[&str], section_has_code: bool, code_reads_body: bool) -> Self {
        let codes = table.texts("code").map(|codes| codes.iter().map(|code| code.value.to_owned()).collect());
        let when = table.text("when").and_then(|text| Expression::parse(table.source, &text, known));
        if codes.is_some() && !section_has_code {
            let help = Some("such as code = \"body.CodeResult\" in the section".to_owned());
            table.source.fault(table.place_of("code"), "the section does not say what its code is", help);
        }
        if table.get("code").is_none() && table.get("when").is_none() {
            let help = Some("add `code` (a list) or `when` (an expression)".to_owned());
            table.source.fault(table.span.clone(), format!("{} says not when it applies", table.name), help);
        }
        let reads_body =
            codes.is_some() && code_reads_body || when.as_ref().is_some_and(|when| reads_body(when, code_reads_body));
        Self { codes, when, reads_body }
    }

    /// Whether the rule applies; an error where its expression fails on this answer.
    pub(super) fn holds(&self, reading: &Reading) -> Result<bool, minijinja::Error> {
        if self.reads_body && !reading.readable {
            return Ok(false);
        }
        self.holds_for(reading.code.as_deref(), &reading.context)
    }

    pub(super) fn holds_for(&self, code: Option<&str>, context: &Value) -> Result<bool, minijinja::Error> {
        if let Some(codes) = &self.codes
            && !code.is_some_and(|code| codes.iter().any(|known| known == code))
        {
            return Ok(false);
        }
        match &self.when {
            Some(when) => Ok(when.eval(context)?.is_true()),
            None => Ok(true),
        }
    }
}

fn reads_body(expression: &Expression, code_reads_body: bool) -> bool {
    expression.reads("body") || code_reads_body && expression.reads("code")
}

/// What a rule decides.
enum Verdict {
    Accepted { id: Option<Expression> },
    Retry { scope: Scope, reason: Reason, after: Option<Expression> },
    Rejected { reason: Reason },
    OptedOut,
    Misconfigured,
    InDoubt,
    StaleToken,
}

/// An answer that is no yes.
pub(super) enum No {
    /// By a rule, or for want of one.
    Judged(SendError),
    /// The token has expired: definitely nothing was taken. The gateway's words.
    StaleToken(String),
}

/// A yes.
pub(super) struct Yes<'a> {
    /// The answer, for what else is read from it.
    pub(super) reading: Reading,
    /// The words that its rule asks for (which `[test]` shows).
    pub(super) words: Option<String>,
    id: Option<&'a Expression>,
}

impl Yes<'_> {
    /// The gateway's ids of the message to this address.
    pub(super) fn ids(&self, to: &str, reference: &str) -> Vec<String> {
        let Some(id) = self.id else { return Vec::new() };
        ids(id, &self.reading.with(&[("to", Value::from(to)), ("reference", Value::from(reference))]))
    }
}

struct Rule {
    condition: Condition,
    verdict: Verdict,
    detail: Option<Expression>,
}

impl Rule {
    /// Reads one `[[….answer]]`. `known` may its expressions name; `renews`: there is a token that may be stale.
    fn parse(table: &Table<'_>, known: &[&str], has_code: bool, code_reads_body: bool, renews: bool) -> Option<Self> {
        let condition = Condition::parse(table, known, has_code, code_reads_body);
        let expression = |key| table.text(key).and_then(|text| Expression::parse(table.source, &text, known));
        let of_message = || {
            let known = [known, MESSAGE_NAMES].concat();
            table.text("id").and_then(|text| Expression::parse(table.source, &text, &known))
        };
        let reason = parse_reason(table).unwrap_or(Reason::Other);
        if table.get("then").is_none() {
            table.missing("then", "then = \"accepted\"");
        }
        let scope = table.word("scope", &["message", "account", "pace"], |word| match word {
            "message" => Some(Scope::Message),
            "account" => Some(Scope::Account),
            "pace" => Some(Scope::Pace),
            _ => None,
        });
        let verdicts = if renews { VERDICTS } else { &VERDICTS[..VERDICTS.len() - 1] };
        let verdict = table.word("then", verdicts, |word| {
            let (verdict, own): (_, &[&str]) = match word {
                "accepted" => (Verdict::Accepted { id: of_message() }, &["id"]),
                "retry" => {
                    let scope = scope.unwrap_or(Scope::Message);
                    (Verdict::Retry { scope, reason, after: expression("after") }, &["scope", "reason", "after"])
                }
                "rejected" => (Verdict::Rejected { reason }, &["reason"]),
                "opted-out" => (Verdict::OptedOut, &[]),
                "misconfigured" => (Verdict::Misconfigured, &[]),
                "in-doubt" => (Verdict::InDoubt, &[]),
                "token" if renews => (Verdict::StaleToken, &[]),
                _ => return None,
            };
            let known: Vec<&str> = Condition::KEYS.iter().chain(&["then", "detail"]).chain(own).copied().collect();
            table.only(&known);
            Some(verdict)
        })?;
        Some(Self { condition, verdict, detail: expression("detail") })
    }

    /// What the rule makes of an answer or an item: on a yes, where its id is.
    fn decide(&self, reading: &Reading, detail: &dyn Fn() -> String) -> Result<Option<&Expression>, No> {
        Err(No::Judged(match &self.verdict {
            Verdict::Accepted { id } => return Ok(id.as_ref()),
            Verdict::StaleToken => return Err(No::StaleToken(detail())),
            Verdict::Retry { scope, reason, after } => {
                let after = after.as_ref().and_then(|after| after.text(&reading.context)).and_then(|text| seconds(&text));
                SendError::Retry { after, scope: *scope, reason: *reason, detail: detail() }
            }
            Verdict::Rejected { reason } => SendError::Reject { reason: *reason, detail: detail() },
            Verdict::OptedOut => SendError::OptedOut { detail: detail() },
            Verdict::Misconfigured => SendError::Misconfigured { detail: detail() },
            Verdict::InDoubt => in_doubt(detail()),
        }))
    }
}

/// The rules of a request's answer, compiled.
pub(super) struct Judge {
    reader: Reader,
    rules: Vec<Rule>,
    /// Whether there is a token, which a 401 then calls stale.
    renews: bool,
}

/// What `then` may say; `token` only where there is a `[token]`.
const VERDICTS: &[&str] = &["accepted", "retry", "rejected", "opted-out", "misconfigured", "in-doubt", "token"];

impl Judge {
    /// What a section holds for its judge.
    pub(super) const KEYS: &[&str] = &["reads", "code", "detail", "answer"];

    /// Reads a section's rules; `renews`: the gateway has a `[token]`.
    pub(super) fn parse(section: &Table<'_>, renews: bool) -> Self {
        let judge = Self::parse_optional(section, renews);
        let tables = section.tables("answer");
        // A rule that could not be read may be the one.
        if judge.rules.len() == tables.len() && !judge.rules.iter().any(|rule| matches!(rule.verdict, Verdict::Accepted { .. })) {
            let message = format!("no [[{}.answer]] says when a message is accepted", section.name.trim_matches(['[', ']']));
            section.source.fault(section.span.clone(), message, Some("then = \"accepted\"".into()));
        }
        judge
    }

    /// The same where no rules are needed: without any, every readable 2xx answer is a yes.
    pub(super) fn parse_optional(section: &Table<'_>, renews: bool) -> Self {
        let reader = Reader::parse(section);
        let code_reads_body = reader.code.as_ref().is_some_and(|code| code.reads("body"));
        let has_code = section.get("code").is_some();
        let rules = section.tables("answer");
        let rules = rules.iter().filter_map(|table| Rule::parse(table, NAMES, has_code, code_reads_body, renews)).collect();
        Self { reader, rules, renews }
    }

    /// Judges a complete answer; `clean` cuts and scrubs the gateway's words.
    pub(super) fn judge<'a>(
        &'a self,
        answer: Answer,
        private: &Arc<Private>,
        clean: &dyn Fn(&str) -> String,
    ) -> Result<Yes<'a>, No> {
        let status = answer.status;
        let retry_after =
            answer.headers.get(::http::header::RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let reading = self.reader.read(answer, private);
        let words = |own: Option<&Expression>| clean(&self.reader.words(own, &reading));
        if !reading.readable && (200..300).contains(&status) {
            let detail = format!("HTTP {status} with an answer that cannot be read: {}", words(None));
            return Err(No::Judged(in_doubt(detail)));
        }
        for rule in &self.rules {
            match rule.condition.holds(&reading) {
                Ok(false) => continue,
                Ok(true) => {}
                Err(error) => {
                    let detail = format!("a rule failed on the answer ({}): {}", error.kind(), words(None));
                    return Err(No::Judged(in_doubt(detail)));
                }
            }
            let detail = || words(rule.detail.as_ref());
            let id = rule.decide(&reading, &detail)?;
            let words = rule.detail.as_ref().map(|_| detail());
            return Ok(Yes { reading, words, id });
        }
        if self.rules.is_empty() && (200..300).contains(&status) {
            return Ok(Yes { reading, words: None, id: None });
        }
        let detail = format!("HTTP {status}: {}", words(None));
        let after = retry_after.as_deref().and_then(seconds);
        Err(match status {
            401 if self.renews => No::StaleToken(detail),
            429 => No::Judged(SendError::Retry { after, scope: Scope::Account, reason: Reason::Quota, detail }),
            // Without Retry-After a 503 may come from a proxy that lost the answer of a gateway which took the message.
            503 if retry_after.is_some() => {
                No::Judged(SendError::Retry { after, scope: Scope::Account, reason: Reason::Unreachable, detail })
            }
            300..=399 | 401 | 403 | 404 | 405 | 407 => No::Judged(SendError::Misconfigured { detail }),
            _ => No::Judged(in_doubt(detail)),
        })
    }
}

/// How an accepted answer speaks of each recipient of a batch, compiled.
pub(super) struct Results {
    items: Expression,
    /// The recipient that an item is about; without it items stand in the order of the request.
    address: Option<Expression>,
    code: Option<Expression>,
    detail: Option<Expression>,
    rules: Vec<Rule>,
}

/// The names that rules over one item have.
const ITEM_NAMES: &[&str] = &["item", "status", "headers", "body", "raw", "code"];

impl Results {
    /// Reads `[send.results]`.
    pub(super) fn parse(table: &Table<'_>) -> Option<Self> {
        table.only(&["items", "address", "code", "detail", "answer"]);
        let expression = |key| table.text(key).and_then(|text| Expression::parse(table.source, &text, ITEM_NAMES));
        let items = table.required("items", "items = \"body.result\"");
        let items = items.and_then(|text| Expression::parse(table.source, &text, NAMES));
        let has_code = table.get("code").is_some();
        let tables = table.tables("answer");
        if tables.is_empty() {
            table.missing("answer", "[[send.results.answer]]");
        }
        let rules: Vec<Rule> = tables.iter().filter_map(|rule| Rule::parse(rule, ITEM_NAMES, has_code, true, false)).collect();
        let takes = rules.iter().any(|rule| matches!(rule.verdict, Verdict::Accepted { .. }));
        if table.get("address").is_none() && rules.len() == tables.len() && !takes {
            let message = "no [[send.results.answer]] says when a recipient is accepted";
            table.source.fault(table.span.clone(), message, Some("then = \"accepted\"".into()));
        }
        let (address, code, detail) = (expression("address"), expression("code"), expression("detail"));
        Some(Self { items: items?, address, code, detail, rules })
    }

    /// One judgement for each recipient, in the order of the request: `None` for one that has only the whole's.
    pub(super) fn judge(
        &self,
        yes: &Yes<'_>,
        recipients: &[(&str, &str)],
        clean: &dyn Fn(&str) -> String,
    ) -> Vec<Option<Result<Vec<String>, SendError>>> {
        let all = |why: &str| recipients.iter().map(|_| Some(Err(in_doubt(why.to_owned())))).collect();
        let items = yes.reading.list(&self.items);
        let Some(address) = &self.address else {
            let items = items.unwrap_or_default();
            if items.len() != recipients.len() {
                return all(&format!("the answer speaks of {} recipients of {}", items.len(), recipients.len()));
            }
            let each = items.into_iter().zip(recipients);
            return each.map(|(item, recipient)| Some(self.one(yes, item, *recipient, clean))).collect();
        };
        // No list: nobody is named apart.
        let mut judged: Vec<Option<Result<Vec<String>, SendError>>> = recipients.iter().map(|_| None).collect();
        let mut stray = false;
        for item in items.unwrap_or_default() {
            let named = address.text(&yes.reading.of_item(item.clone(), None).context).map(|to| super::filter::e164(&to));
            let mut found = false;
            for (recipient, judged) in recipients.iter().zip(&mut judged) {
                if named.as_deref() == Some(recipient.0) {
                    found = true;
                    let said = self.one(yes, item.clone(), *recipient, clean);
                    *judged = Some(match judged.take() {
                        Some(before) if before.is_ok() != said.is_ok() => {
                            let ids = [before, said].into_iter().flatten().flatten().collect();
                            let detail = "the answer says of this recipient that it was taken, and that it was not".into();
                            Err(SendError::InDoubt { ids, detail })
                        }
                        _ => said,
                    });
                }
            }
            stray |= !found;
        }
        if stray {
            // Whoever is meant is among those that nothing else is said of.
            for judged in judged.iter_mut().filter(|judged| judged.is_none()) {
                *judged = Some(Err(in_doubt("the answer names a recipient that the request did not".into())));
            }
        }
        judged
    }

    fn one(
        &self,
        yes: &Yes<'_>,
        item: Value,
        (to, reference): (&str, &str),
        clean: &dyn Fn(&str) -> String,
    ) -> Result<Vec<String>, SendError> {
        let reading = yes.reading.of_item(item, self.code.as_ref());
        let detail = |own: Option<&Expression>| clean(&words(own.or(self.detail.as_ref()), &reading));
        for rule in &self.rules {
            match rule.condition.holds(&reading) {
                Ok(false) => continue,
                Ok(true) => {}
                Err(error) => return Err(in_doubt(format!("a rule failed on an item ({}): {}", error.kind(), detail(None)))),
            }
            return match rule.decide(&reading, &|| detail(rule.detail.as_ref())) {
                Ok(Some(id)) => Ok(ids(id, &reading.with(&[("to", Value::from(to)), ("reference", Value::from(reference))]))),
                Ok(None) => Ok(yes.ids(to, reference)),
                Err(No::Judged(error)) => Err(error),
                Err(No::StaleToken(detail)) => Err(in_doubt(detail)),
            };
        }
        Err(in_doubt(format!("no rule knows the item: {}", detail(None))))
    }
}

/// The key `reason`, one of the fixed list.
pub(super) fn parse_reason(table: &Table<'_>) -> Option<Reason> {
    let text = table.text("reason")?;
    let reason = Reason::from_name(text.value);
    if reason.is_none() {
        let names = Reason::ALL.map(Reason::name);
        table.source.fault(text.span, format!("`{}` is no reason", text.value), suggestion(text.value, &names));
    }
    reason
}

fn in_doubt(detail: String) -> SendError {
    SendError::InDoubt { ids: Vec::new(), detail }
}

/// A list of ids, or one.
fn ids(id: &Expression, context: &Value) -> Vec<String> {
    let Ok(value) = id.eval(context) else { return Vec::new() };
    match list(&value) {
        Some(items) => items.iter().filter_map(|item| to_text(item).and_then(super::named)).collect(),
        None => to_text(&value).and_then(super::named).into_iter().collect(),
    }
}

/// A number of seconds.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    (0.0..=LONGEST_WAIT).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}
