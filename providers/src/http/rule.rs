//! One rule over an answer: when it applies, and what it decides.
//!
//! Whether a rule that reads the body is tried depends on whether the body could be read at all: of what cannot be read,
//! no rule is sure.

use std::time::Duration;

use minijinja::Value;

use super::{
    answer::{MESSAGE_NAMES, Reading},
    expression::Expression,
    fault::suggestion,
    reader::Table,
};
use crate::{Reason, Scope, SendError};

/// A wait longer than this is taken for a misread header.
const LONGEST_WAIT: f64 = 86_400.0;

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
pub(super) enum Verdict {
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

pub(super) struct Rule {
    pub(super) condition: Condition,
    pub(super) verdict: Verdict,
    pub(super) detail: Option<Expression>,
}

impl Rule {
    /// Reads one `[[….answer]]`. `known` may its expressions name; `renews`: there is a token that may be stale.
    pub(super) fn parse(table: &Table<'_>, known: &[&str], has_code: bool, code_reads_body: bool, renews: bool) -> Option<Self> {
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
    pub(super) fn decide(&self, reading: &Reading, detail: &dyn Fn() -> String) -> Result<Option<&Expression>, No> {
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

/// What `then` may say; `token` only where there is a `[token]`.
const VERDICTS: &[&str] = &["accepted", "retry", "rejected", "opted-out", "misconfigured", "in-doubt", "token"];

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

pub(super) fn in_doubt(detail: String) -> SendError {
    SendError::InDoubt { ids: Vec::new(), detail }
}

/// A number of seconds.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    (0.0..=LONGEST_WAIT).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}
