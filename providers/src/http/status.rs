//! Status queries: what became of sent messages, asked one at a time or many, answered one by one or in a list.

use std::{sync::Arc, time::Duration};

use minijinja::Value;

use super::{
    answer::{Answer, NAMES, Reader},
    expression::Expression,
    filter::Private,
    item::{Outcome, Rule},
    reader::Table,
    rule::No,
};
use crate::{About, Handle, Poll, Receipt, SendError};

/// How the answer to a status query is read, compiled.
pub(super) struct StatusShape {
    /// Whether the request asks by the gateway's id, so that a message without one cannot be asked about.
    pub(super) by_id: bool,
    /// Messages that one request asks about, at most.
    pub(super) batch: usize,
    reader: Reader,
    items: Option<Items>,
    rules: Vec<Rule>,
}

/// An answer that lists messages.
struct Items {
    list: Expression,
    code: Option<Expression>,
    reference: Option<Expression>,
    id: Option<Expression>,
}

/// Names that rules over one item of an answer have.
const ITEM_NAMES: &[&str] = &["item", "asked", "status", "headers", "body", "raw", "code"];

/// Messages that one request asks about at most, whatever a file says.
const MOST: u32 = 10_000;

impl StatusShape {
    /// What `[status]` holds beside its request.
    pub(super) const KEYS: &[&str] =
        &["reads", "code", "detail", "answer", "items", "reference", "id", "batch", "every", "after", "through"];

    /// Reads what `[status]` holds beside its request; `renews`: the gateway has a `[token]`.
    pub(super) fn parse(table: &Table<'_>, by_id: bool, renews: bool) -> Self {
        let batch = batch(table);
        let listed = table.get("items").is_some();
        if batch > 1 && !listed {
            table.missing("items", "items = \"body.messages\", with `reference` or `id` of each");
        }
        for key in ["reference", "id"].into_iter().filter(|key| !listed && table.get(key).is_some()) {
            table.source.fault(table.place_of(key), format!("`{key}` is of an item, and there is no `items`"), None);
        }
        if listed && table.get("reference").is_none() && table.get("id").is_none() {
            table.missing("id", "id = \"item.id\", or reference = \"item.reference\"");
        }
        let known = if listed { ITEM_NAMES } else { NAMES };
        let expression = |key, known: &[&str]| table.text(key).and_then(|text| Expression::parse(table.source, &text, known));
        let items = expression("items", NAMES).map(|list| Items {
            list,
            code: expression("code", ITEM_NAMES),
            reference: expression("reference", ITEM_NAMES),
            id: expression("id", ITEM_NAMES),
        });
        let has_code = table.get("code").is_some();
        let tables = table.tables("answer");
        if tables.is_empty() {
            table.missing("answer", "[[status.answer]]");
        }
        let kinds: &[&str] = if renews { &["state", "ignore", "then"] } else { &["state", "ignore"] };
        let rules = tables.iter().filter_map(|rule| Rule::parse(rule, known, has_code, kinds)).collect();
        let reader = if listed { Reader::parse_listed(table) } else { Reader::parse(table) };
        Self { by_id, batch, reader, items, rules }
    }

    /// What the answer says of the messages that it was asked about.
    pub(super) fn read(
        &self,
        answer: Answer,
        asked: &[&Handle],
        private: &Arc<Private>,
        clean: &dyn Fn(&str) -> String,
    ) -> Result<Vec<Receipt>, No> {
        let status = answer.status;
        let failed = |detail| No::Judged(SendError::InDoubt { ids: Vec::new(), detail });
        let asked_with = asked.first().and_then(|handle| handle.ids.first());
        let reading = self.reader.read(answer, private).named("asked", asked_with.map_or_else(|| Value::from(()), Value::from));
        if !reading.readable {
            return Err(match status {
                401 if self.rules.iter().any(|rule| matches!(rule.outcome, Outcome::StaleToken)) => {
                    No::StaleToken(format!("HTTP {status}"))
                }
                _ => failed(format!("HTTP {status} with an answer that cannot be read")),
            });
        }
        let found = match &self.items {
            None => asked.iter().map(|handle| (About::Reference(handle.reference.clone()), reading.of_whole())).collect(),
            Some(items) => {
                let Some(list) = reading.list(&items.list) else {
                    let detail = format!("HTTP {status} without a list: {}", clean(&self.reader.words(None, &reading)));
                    // What a token's end looks like is said by a rule over the whole answer.
                    let stale = self.rules.iter().find(|rule| rule.condition.holds(&reading).unwrap_or(false));
                    return Err(match stale {
                        Some(Rule { outcome: Outcome::StaleToken, .. }) => No::StaleToken(detail),
                        Some(Rule { outcome: Outcome::Ignore, .. }) => return Ok(Vec::new()),
                        _ => failed(detail),
                    });
                };
                let item = |item: Value| {
                    let reading = reading.of_item(item, items.code.as_ref());
                    let text = |expression: &Option<Expression>| expression.as_ref().and_then(|e| e.text(&reading.context));
                    let about = about(asked, text(&items.reference).as_deref(), text(&items.id).as_deref())?;
                    Some((about, reading))
                };
                list.into_iter().filter_map(item).collect::<Vec<_>>()
            }
        };
        let mut receipts = Vec::new();
        for (about, reading) in found {
            let mut fitting = None;
            for rule in &self.rules {
                let holds = rule.condition.holds(&reading);
                if holds.map_err(|error| failed(format!("a rule failed on the answer ({})", error.kind())))? {
                    fitting = Some(rule);
                    break;
                }
            }
            match fitting {
                Some(Rule { outcome: Outcome::Receipt { state, reason }, detail, .. }) => receipts.push(Receipt {
                    about,
                    state: *state,
                    reason: *reason,
                    detail: clean(&self.reader.words(detail.as_ref(), &reading)),
                    at: None,
                }),
                Some(Rule { outcome: Outcome::StaleToken, .. }) => return Err(No::StaleToken(format!("HTTP {status}"))),
                Some(_) => {}
                None if (200..300).contains(&status) => {}
                None => return Err(failed(format!("HTTP {status}: {}", clean(&self.reader.words(None, &reading))))),
            }
        }
        Ok(receipts)
    }
}

/// Which of the asked messages an item names: by our reference, or by the gateway's id of it or of one of its parts.
fn about(asked: &[&Handle], reference: Option<&str>, id: Option<&str>) -> Option<About> {
    if let Some(handle) = asked.iter().find(|handle| Some(handle.reference.as_str()) == reference) {
        return Some(About::Reference(handle.reference.clone()));
    }
    let id = id?;
    let handle = asked.iter().find(|handle| handle.ids.iter().any(|known| known == id))?;
    Some(if handle.ids.len() > 1 { About::Id(id.to_owned()) } else { About::Reference(handle.reference.clone()) })
}

/// Recipients or messages in one request, from 1.
pub(super) fn batch(table: &Table<'_>) -> usize {
    table.number("batch", 1..=MOST).and_then(|most| usize::try_from(most).ok()).unwrap_or(1)
}

/// When messages are asked about: `every`, `after` and `through` of `[status]`; none where it says nothing of it.
pub(super) fn schedule(table: &Table<'_>) -> Option<Poll> {
    let every = table.duration("every");
    if every.is_none() {
        for key in ["after", "through"].into_iter().filter(|key| table.get(key).is_some()) {
            let help = Some("every = \"5m\"".to_owned());
            table.source.fault(table.place_of(key), format!("`{key}` without `every`: nothing is asked by itself"), help);
        }
    }
    let every = every?;
    if every < Duration::from_secs(10) {
        table.source.fault(table.place_of("every"), "`every` is at least 10s", None);
    }
    let after = table.duration("after").unwrap_or(every);
    let through = table.duration("through").unwrap_or(Duration::from_hours(72));
    if through <= after {
        table.source.fault(table.place_of("through"), "`through` must be longer than `after`", None);
    }
    Some(Poll { every, after, through, together: batch(table) })
}
