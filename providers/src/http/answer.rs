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
    reader::Table,
    xml,
};
use crate::{Accepted, Reason, Scope, SendError};

/// Names that rules over an answer may use.
pub(super) const NAMES: &[&str] = &["status", "headers", "body", "raw", "code", "reference"];

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
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Headers by name, whatever their case.
#[derive(Debug)]
pub(super) struct Headers(pub(super) HeaderMap);

impl Object for Headers {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_str()?)?.to_str().ok().map(Value::from)
    }
}

/// An answer laid out for expressions.
pub(super) struct Reading {
    pub(super) context: Value,
    pub(super) readable: bool,
    code: Option<String>,
    raw: String,
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

    pub(super) fn read(&self, answer: Answer, reference: &str) -> Reading {
        let raw = String::from_utf8_lossy(&answer.body).into_owned();
        let body = self.format.read(&raw);
        let readable = body.is_some();
        let mut own = vec![
            ("status", Value::from(answer.status)),
            ("headers", Value::from_object(Headers(answer.headers))),
            ("body", body.unwrap_or_default()),
            ("raw", Value::from(raw.as_str())),
            ("reference", Value::from(reference)),
        ];
        let mut context = Value::from_object(Names { own: own.clone(), settings: Arc::default() });
        let code = self.code.as_ref().and_then(|code| code.text(&context));
        if let Some(code) = &code {
            own.push(("code", Value::from(code.as_str())));
            context = Value::from_object(Names { own, settings: Arc::default() });
        }
        Reading { context, readable, code, raw }
    }

    /// The gateway's own words, before they are cleaned: the detail's value, or else the answer itself.
    pub(super) fn words(&self, own: Option<&Expression>, reading: &Reading) -> String {
        let detail = own.or(self.detail.as_ref()).and_then(|detail| detail.text(&reading.context));
        match (detail.filter(|words| !words.trim().is_empty()), &reading.code) {
            (Some(words), Some(code)) => format!("{code}: {words}"),
            (Some(words), None) => words,
            (None, _) => reading.raw.clone(),
        }
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
}

/// A yes, with the words that its rule asks for (which `[test]` shows).
pub(super) struct Yes {
    pub(super) accepted: Accepted,
    pub(super) words: Option<String>,
}

struct Rule {
    condition: Condition,
    verdict: Verdict,
    detail: Option<Expression>,
}

/// The rules of `[send]` (or `[test]`), compiled.
pub(super) struct Judge {
    reader: Reader,
    rules: Vec<Rule>,
}

const VERDICTS: &[&str] = &["accepted", "retry", "rejected", "opted-out", "misconfigured", "in-doubt"];

impl Judge {
    /// What a section holds for its judge.
    pub(super) const KEYS: &[&str] = &["reads", "code", "detail", "answer"];

    pub(super) fn parse(section: &Table<'_>) -> Self {
        let reader = Reader::parse(section);
        let code_reads_body = reader.code.as_ref().is_some_and(|code| code.reads("body"));
        let mut rules = Vec::new();
        let tables = section.tables("answer");
        for table in &tables {
            let condition = Condition::parse(table, NAMES, section.get("code").is_some(), code_reads_body);
            let expression = |key| table.text(key).and_then(|text| Expression::parse(table.source, &text, NAMES));
            let reason = parse_reason(table).unwrap_or(Reason::Other);
            if table.get("then").is_none() {
                table.missing("then", "then = \"accepted\"");
            }
            let scope = table.word("scope", &["message", "account"], |word| match word {
                "message" => Some(Scope::Message),
                "account" => Some(Scope::Account),
                _ => None,
            });
            let verdict = table.word("then", VERDICTS, |word| {
                let (verdict, own): (_, &[&str]) = match word {
                    "accepted" => (Verdict::Accepted { id: expression("id") }, &["id"]),
                    "retry" => {
                        let scope = scope.unwrap_or(Scope::Message);
                        (Verdict::Retry { scope, reason, after: expression("after") }, &["scope", "reason", "after"])
                    }
                    "rejected" => (Verdict::Rejected { reason }, &["reason"]),
                    "opted-out" => (Verdict::OptedOut, &[]),
                    "misconfigured" => (Verdict::Misconfigured, &[]),
                    "in-doubt" => (Verdict::InDoubt, &[]),
                    _ => return None,
                };
                let known: Vec<&str> = Condition::KEYS.iter().chain(&["then", "detail"]).chain(own).copied().collect();
                table.only(&known);
                Some(verdict)
            });
            if let Some(verdict) = verdict {
                rules.push(Rule { condition, verdict, detail: expression("detail") });
            }
        }
        // A rule that could not be read may be the one.
        if rules.len() == tables.len() && !rules.iter().any(|rule| matches!(rule.verdict, Verdict::Accepted { .. })) {
            let message = format!("no [[{}.answer]] says when a message is accepted", section.name.trim_matches(['[', ']']));
            section.source.fault(section.span.clone(), message, Some("then = \"accepted\"".into()));
        }
        Self { reader, rules }
    }

    /// Judges a complete answer; `clean` cuts and scrubs the gateway's words.
    pub(super) fn judge(&self, answer: Answer, reference: &str, clean: &dyn Fn(&str) -> String) -> Result<Yes, SendError> {
        let status = answer.status;
        let retry_after =
            answer.headers.get(::http::header::RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let reading = self.reader.read(answer, reference);
        let words = |own: Option<&Expression>| clean(&self.reader.words(own, &reading));
        if !reading.readable && (200..300).contains(&status) {
            return Err(in_doubt(format!("HTTP {status} with an answer that cannot be read: {}", words(None))));
        }
        for rule in &self.rules {
            match rule.condition.holds(&reading) {
                Ok(false) => continue,
                Ok(true) => {}
                Err(error) => return Err(in_doubt(format!("a rule failed on the answer ({}): {}", error.kind(), words(None)))),
            }
            let detail = || words(rule.detail.as_ref());
            return match &rule.verdict {
                Verdict::Accepted { id } => Ok(Yes {
                    accepted: Accepted { ids: id.as_ref().map_or_else(Vec::new, |id| ids(id, &reading)) },
                    words: rule.detail.as_ref().map(|_| detail()),
                }),
                Verdict::Retry { scope, reason, after } => {
                    let after = after.as_ref().and_then(|after| after.text(&reading.context)).and_then(|text| seconds(&text));
                    Err(SendError::Retry { after, scope: *scope, reason: *reason, detail: detail() })
                }
                Verdict::Rejected { reason } => Err(SendError::Reject { reason: *reason, detail: detail() }),
                Verdict::OptedOut => Err(SendError::OptedOut { detail: detail() }),
                Verdict::Misconfigured => Err(SendError::Misconfigured { detail: detail() }),
                Verdict::InDoubt => Err(in_doubt(detail())),
            };
        }
        let detail = format!("HTTP {status}: {}", words(None));
        let after = retry_after.as_deref().and_then(seconds);
        match status {
            429 => Err(SendError::Retry { after, scope: Scope::Account, reason: Reason::Quota, detail }),
            // Without Retry-After a 503 may come from a proxy that lost the answer of a gateway which took the message.
            503 if retry_after.is_some() => {
                Err(SendError::Retry { after, scope: Scope::Account, reason: Reason::Unreachable, detail })
            }
            300..=399 | 401 | 403 | 404 | 405 | 407 => Err(SendError::Misconfigured { detail }),
            _ => Err(in_doubt(detail)),
        }
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
fn ids(id: &Expression, reading: &Reading) -> Vec<String> {
    let Ok(value) = id.eval(&reading.context) else { return Vec::new() };
    if value.kind() == ValueKind::Seq {
        return value
            .try_iter()
            .map(|items| items.filter_map(|item| to_text(&item).and_then(super::named)).collect())
            .unwrap_or_default();
    }
    to_text(&value).and_then(super::named).into_iter().collect()
}

/// A number of seconds.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    (0.0..=LONGEST_WAIT).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}
