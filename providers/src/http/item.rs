//! An item of a callback, or of what a status query was answered: the rule that fits it, and what it then is.

use minijinja::Value;

use super::{
    expression::Expression,
    reader::Table,
    rule::{Condition, parse_reason},
};
use crate::{Reason, ReceiptState};

const STATES: [(&str, ReceiptState); 7] = [
    ("rejected", ReceiptState::Rejected),
    ("accepted", ReceiptState::Accepted),
    ("enroute", ReceiptState::Enroute),
    ("expired", ReceiptState::Expired),
    ("undelivered", ReceiptState::Undelivered),
    ("delivered", ReceiptState::Delivered),
    ("seen", ReceiptState::Seen),
];

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
    /// Somebody ended it with a button of their service.
    Left(Box<LeftShape>),
    /// Words about the account.
    Account(Expression),
    /// Nothing.
    Ignore,
    /// The token has expired.
    StaleToken,
}

/// Where a message from a person stands in an item.
pub(super) struct InboundShape {
    pub(super) from: Expression,
    pub(super) text: Expression,
    pub(super) to: Option<Expression>,
    pub(super) id: Option<Expression>,
}

/// Where an item says who left, and by which button.
pub(super) struct LeftShape {
    pub(super) from: Expression,
    pub(super) how: Expression,
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
            "left" => {
                let left = table.table("left")?;
                left.only(&["from", "how"]);
                Outcome::Left(Box::new(LeftShape { from: expression(&left, "from")?, how: expression(&left, "how")? }))
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

/// The first rule that fits.
pub(super) fn find<'a>(rules: &'a [Rule], code: Option<&str>, context: &Value) -> Result<Option<&'a Rule>, String> {
    for rule in rules {
        if rule.condition.holds_for(code, context).map_err(|error| format!("a rule failed on it ({})", error.kind()))? {
            return Ok(Some(rule));
        }
    }
    Ok(None)
}
