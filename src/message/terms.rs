//! How one account takes text messages: what it bills as how many parts, and which wordings its carriers have registered.

use std::{borrow::Cow, fmt::Write as _};

use chrono::NaiveDate;
use providers::text::{Budget, Pattern};

use super::RenderError;
use crate::{
    campaign::SmsText,
    config::{Account, Purpose, Template},
};

/// How text messages to one carrier go on one day. The default binds to nothing but what the wire carries.
#[derive(Debug, Clone, Default)]
pub struct Terms<'a> {
    pub(super) budget: Cow<'a, Budget>,
    pub(super) sms_text: Option<SmsText>,
    registered: Option<Registered<'a>>,
}

#[derive(Debug, Clone)]
struct Registered<'a> {
    templates: &'a [Template],
    carrier: Option<&'a str>,
    day: NaiveDate,
}

/// The registered wording that a text comes nearest to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// The wording's name.
    pub template: String,
    /// Where the text parts from it, in characters from 1.
    pub at: usize,
    /// What the wording has there; empty: its end.
    pub expected: String,
}

impl<'a> Terms<'a> {
    /// An account's, for a carrier (none: not known) on a day.
    pub fn of(account: &'a Account, carrier: Option<&'a str>, day: NaiveDate) -> Self {
        let registered = (!account.templates.is_empty()).then_some(Registered { templates: &account.templates, carrier, day });
        Self { budget: Cow::Borrowed(&account.parts), sms_text: None, registered }
    }

    /// The same bill for any wording, and in another spelling than the campaign's choice: to compare what both would cost.
    #[must_use]
    pub fn unbound(&self, sms_text: Option<SmsText>) -> Self {
        Self { budget: self.budget.clone(), sms_text, registered: None }
    }

    /// The wordings that hold, by their names.
    fn holding(&self, purpose: Purpose) -> impl Iterator<Item = (&'a str, &'a Pattern)> {
        self.registered.iter().flat_map(move |Registered { templates, carrier, day }| {
            let holds =
                move |template: &&Template| template.purpose == purpose && template.is_for(*carrier) && template.holds_on(*day);
            templates.iter().filter(holds).map(|template| (template.name.as_str(), &template.pattern))
        })
    }

    /// The wording of this name; a campaign's own where the account lists none at all.
    pub(super) fn wording<'w>(&self, name: &str, own: Option<&'w Pattern>, purpose: Purpose) -> Result<&'w Pattern, RenderError>
    where
        'a: 'w,
    {
        let listed = self.holding(purpose).find(|(known, _)| *known == name).map(|(_, pattern)| pattern);
        let own = own.filter(|_| self.registered.is_none());
        listed.or(own).ok_or_else(|| RenderError::NoTemplate(name.to_owned()))
    }

    /// Whether a finished text may go: it matches a wording that holds, or the account lists none at all.
    pub(super) fn check(&self, text: &str, purpose: Purpose) -> Result<(), RenderError> {
        if self.registered.is_none() || self.holding(purpose).any(|(_, pattern)| pattern.matches(text)) {
            return Ok(());
        }
        let differences = self.holding(purpose).filter_map(|(name, pattern)| Some((name, pattern.differs(text)?)));
        let nearest = differences.max_by_key(|(_, difference)| difference.alike).map(|(name, difference)| Nearest {
            template: name.to_owned(),
            at: difference.at + 1,
            expected: shortened(&difference.expected),
        });
        Err(RenderError::Unregistered { nearest })
    }
}

/// The beginning of what a wording has: enough to find it.
fn shortened(expected: &str) -> String {
    const MOST: usize = 30;
    let beginning: String = expected.chars().take(MOST).collect();
    if beginning.len() < expected.len() { format!("{beginning}…") } else { beginning }
}

/// Where the nearest wording differs, for the error's English.
pub(super) fn besides(nearest: Option<&Nearest>) -> String {
    let Some(Nearest { template, at, expected }) = nearest else { return " that holds for this carrier today".to_owned() };
    let mut told = format!("; the nearest is {template}, which from character {at} on ");
    // Writing into a String cannot fail.
    let _ = if expected.is_empty() { write!(told, "has ended") } else { write!(told, "has “{expected}”") };
    told
}
