//! What the texts of a message have of each person's own: for whoever needs every form that a text may take.

use std::collections::BTreeSet;

use providers::Channel;

use super::{
    Templates,
    template::Kept,
    variant::{SmsForm, Variant},
};

/// What is the same for everybody, or stands for itself.
const COMMON: [&str; 4] = ["lang", "office", "opt_out", "unsubscribe_url"];

impl Templates {
    /// The languages of a message: the main one, which is none, and the others.
    pub fn languages(&self, message: usize) -> Vec<Option<String>> {
        let others = self.messages.get(message).map(|texts| texts.others.keys().cloned().map(Some));
        [None].into_iter().chain(others.into_iter().flatten()).collect()
    }

    /// Whether a message has a text of its own for a channel in a language, and need not be lent the main one's.
    pub fn speaks(&self, message: usize, channel: Channel, lang: Option<&str>) -> bool {
        let Some(texts) = self.messages.get(message) else { return false };
        let variant = lang.map_or(Some(&texts.main), |lang| texts.others.get(lang));
        variant.is_some_and(|own| match channel {
            Channel::Sms => own.sms.is_some(),
            Channel::Email => own.email.is_some(),
            Channel::Chat => own.chat.is_some(),
        })
    }

    /// The fields of a person that a message's text reads on a channel, in a language.
    pub fn fields(&self, message: usize, channel: Channel, lang: Option<&str>) -> BTreeSet<String> {
        let Some(texts) = self.messages.get(message) else { return BTreeSet::new() };
        let kept: Vec<&Kept> = match channel {
            Channel::Sms => texts.pick(lang, |v: &Variant| v.sms.as_ref()).map_or_else(Vec::new, |sms| match &sms.form {
                SmsForm::Text(text) => vec![text],
                SmsForm::Registered { values, .. } => values.iter().map(|(_, kept)| kept).collect(),
            }),
            Channel::Chat => {
                texts.pick(lang, |v: &Variant| v.chat.as_ref()).and_then(|chat| chat.text.as_ref()).into_iter().collect()
            }
            Channel::Email => {
                texts.pick(lang, |v: &Variant| v.email.as_ref()).map_or_else(Vec::new, |mail| vec![&mail.subject, &mail.text])
            }
        };
        let fields = kept.into_iter().flat_map(Kept::reads).filter(|name| !COMMON.contains(&name.as_str()));
        fields.cloned().collect()
    }
}
