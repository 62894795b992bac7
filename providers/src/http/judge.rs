//! The rules of a request's answer: the first that fits decides.
//!
//! What no rule covers is in doubt, save for a few HTTP codes that by RFC 9110 mean "not processed". An answer with a 2xx
//! code whose body cannot be read in the declared format is in doubt whatever the rules say.

use std::sync::Arc;

use minijinja::Value;

use super::{
    answer::{Answer, NAMES, Reader, Reading, ids},
    expression::Expression,
    filter::Private,
    reader::Table,
    rule::{No, Rule, Verdict, in_doubt, seconds},
};
use crate::{Reason, Scope, SendError};

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

/// The rules of a request's answer, compiled.
pub(super) struct Judge {
    reader: Reader,
    rules: Vec<Rule>,
    /// Whether there is a token, which a 401 then calls stale.
    renews: bool,
}

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
