//! Delivery status notifications (RFC 3464) and feedback reports (RFC 5965): fields in groups.

use super::{
    read::Verdict,
    status::{self, Code},
};
use crate::smtp::scrubbed;

/// A group of fields, their names in lower case.
type Group = Vec<(String, String)>;

/// Groups of a `message/delivery-status` or `message/feedback-report`: parted by blank lines, folded lines joined.
fn groups(text: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = vec![Vec::new()];
    for line in text.lines() {
        let Some(group) = groups.last_mut() else { break };
        if line.trim().is_empty() {
            if !group.is_empty() {
                groups.push(Vec::new());
            }
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = group.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            group.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    groups
}

fn field<'g>(group: &'g Group, name: &str) -> Option<&'g str> {
    group.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// What became of one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Relayed,
    Delivered,
    Delayed,
    Failed,
}

impl Action {
    /// By the field, as far as servers keep to RFC 3464, section 2.3.3; else by the status.
    fn of(written: Option<&str>, status: Option<Code>) -> Option<Self> {
        let written = written.unwrap_or_default().to_ascii_lowercase();
        Some(match written.get(..4) {
            Some("fail") => Self::Failed,
            Some("dela") => Self::Delayed,
            Some("deli") => Self::Delivered,
            Some("rela" | "expa") => Self::Relayed,
            _ => match status?.0 {
                5 => Self::Failed,
                4 => Self::Delayed,
                _ => Self::Delivered,
            },
        })
    }
}

/// What a delivery status says; none: it has no recipient. `words`: what the report tells people.
pub(super) fn delivery_status(text: &str, words: &str) -> Option<Verdict> {
    let groups = groups(text);
    let told = groups.iter().filter_map(|group| {
        let recipient = field(group, "final-recipient").or_else(|| field(group, "original-recipient"));
        let action = field(group, "action");
        (recipient.is_some() || action.is_some()).then_some(())?;
        let status = field(group, "status").and_then(|status| status.split_whitespace().next()).and_then(status::code);
        let diagnostic = field(group, "diagnostic-code").unwrap_or_default();
        Some((Action::of(action, field_code(group))?, status, diagnostic))
    });
    let (action, status, diagnostic) = told.max_by_key(|(action, ..)| *action)?;
    // "smtp; 550 5.1.1 …": the kind of the diagnostic says nothing to people.
    let said = diagnostic.split_once(';').map_or(diagnostic, |(_, said)| said).trim();
    let code = status.map(|(class, subject, detail)| format!("{class}.{subject}.{detail}")).unwrap_or_default();
    let detail = scrubbed(&if said.contains(&code) { said.to_owned() } else { format!("{code} {said}") });
    Some(match action {
        Action::Failed => {
            let words = if said.is_empty() { words } else { said };
            Verdict::Failed { reason: status::reason(status, words), detail }
        }
        Action::Delayed => Verdict::Delayed { detail },
        Action::Delivered => Verdict::Delivered,
        Action::Relayed => Verdict::Relayed,
    })
}

/// The status, a yes included.
fn field_code(group: &Group) -> Option<Code> {
    let mut numbers = field(group, "status")?.split_whitespace().next()?.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

/// What a feedback report says. Somebody who found a mail among the spam and put it right complains of nothing.
pub(super) fn feedback(text: &str) -> Verdict {
    let groups = groups(text);
    let kind = groups.iter().find_map(|group| field(group, "feedback-type")).unwrap_or_default().to_ascii_lowercase();
    match kind.split(';').next().unwrap_or_default().trim() {
        kind @ ("abuse" | "fraud" | "virus" | "opt-out" | "opt-out-list" | "other" | "miscategorized") => {
            Verdict::Complaint { detail: kind.to_owned() }
        }
        _ => Verdict::Unclear,
    }
}
