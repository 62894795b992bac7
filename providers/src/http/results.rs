//! How an accepted answer speaks of each recipient of a batch.
//!
//! Items stand in the order of the request, or name their recipient; whoever an answer contradicts itself about, or
//! may have meant under a name that nobody has, is in doubt.

use minijinja::Value;

use super::{
    answer::{NAMES, ids, words},
    expression::Expression,
    judge::Yes,
    reader::Table,
    rule::{No, Rule, Verdict, in_doubt},
};
use crate::SendError;

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
