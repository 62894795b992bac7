//! What a campaign's messages will look like and cost, before any is sent: for the command line and for the console alike.
//!
//! What enters: a campaign, its compiled texts and the accounts of loa.toml. What leaves: every text as it will be
//! ([`Shown`]), in each channel and language or as one person gets it; a text message in each form that it may take
//! ([`Version`]); what it costs ([`estimate`]); and which accounts would not take it. Nothing is sent, and nothing is made. What
//! can go wrong with a text is part of what leaves; the database can fail an estimate.

pub mod estimate;
pub mod mail;
pub mod recipient;
pub mod reckoning;
pub mod sms;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use providers::{Channel, Content};

pub use self::{recipient::Recipient, sms::Version};
use crate::{
    campaign::{Body, Campaign, Holidays, SmsBody},
    config::{Account, Config, Office},
    message::{
        MAIN_LANGUAGE, Person, RenderError, TemplateFault, Templates, Terms,
        review::{self, Refusal},
    },
    phrase,
    words::Phrase,
};

/// What stands for a recipient's token in a link.
const SAMPLE_TOKEN: &str = "0123456789abcdefghijkl";

/// A campaign made ready for showing.
#[derive(Debug)]
pub struct Preview<'a> {
    /// The campaign.
    pub campaign: &'a Campaign,
    /// Its texts.
    pub templates: &'a Templates,
    /// The accounts of loa.toml.
    pub accounts: &'a [Account],
    /// When each message is sent next.
    pub days: Vec<Vec<NaiveDate>>,
    unsubscribe_url: Option<String>,
}

/// One text as it will be.
#[derive(Debug)]
pub struct Shown {
    /// Where it goes.
    pub channel: Channel,
    /// The language of the text.
    pub lang: String,
    /// The person's address, masked.
    pub to: Option<String>,
    /// The text, or why there is none.
    pub content: Result<Content, Phrase>,
    /// A text message in each form that it may take.
    pub versions: Vec<Version>,
}

/// The campaign with the texts of one message alone, in its place: whoever looks at one need not compile them all.
pub fn only(campaign: &Campaign, index: usize) -> Campaign {
    let mut one = campaign.clone();
    for (_, other) in one.messages.iter_mut().enumerate().filter(|(at, _)| *at != index) {
        other.body = Body::default();
        other.lang.clear();
    }
    one
}

/// Texts made ready, with what they ask for that nobody in the list has (`known`; none: nobody knows): such a text reaches nobody
/// before the list has that column, but it is no mistake of the campaign's. Or everything that is wrong with them.
pub fn compiled(
    campaign: &Campaign,
    office: &Office,
    known: Option<&BTreeSet<String>>,
    files: &BTreeMap<String, Bytes>,
) -> Result<(Templates, Vec<TemplateFault>), Vec<TemplateFault>> {
    match Templates::compile(campaign, office, known, files) {
        Ok(templates) => Ok((templates, Vec::new())),
        Err(unknown) if known.is_some() => {
            Templates::compile(campaign, office, None, files).map(|templates| (templates, unknown))
        }
        Err(faults) => Err(faults),
    }
}

/// Renders one text as an account's terms have it.
type Render<'r> = &'r dyn Fn(&Terms<'_>) -> Result<Content, RenderError>;

impl<'a> Preview<'a> {
    /// Looks at the campaign's next runs from `now` on.
    pub fn new(
        campaign: &'a Campaign,
        templates: &'a Templates,
        config: &'a Config,
        holidays: &Holidays,
        now: DateTime<Utc>,
    ) -> Self {
        let days = review::days(campaign, holidays, now);
        let unsubscribe_url = config.server.public_url.as_ref().map(|base| format!("{base}/u/{SAMPLE_TOKEN}"));
        Self { campaign, templates, accounts: &config.accounts, days, unsubscribe_url }
    }

    /// Every text that an account would not take, by message, language and account.
    pub fn refusals(&self) -> Vec<Refusal> {
        review::refusals(self.templates, self.campaign, self.accounts, &self.days)
    }

    fn channels(&self, index: usize) -> impl Iterator<Item = Channel> {
        let body = &self.campaign.messages[index].body;
        self.campaign.channels.order.iter().copied().filter(|channel| body.has(*channel))
    }

    /// Channels that a message has a text for and the campaign does not use: nobody gets these.
    pub fn idle(&self, index: usize) -> Vec<Channel> {
        let message = &self.campaign.messages[index];
        let written = |channel: &Channel| message.body.has(*channel) || message.lang.values().any(|body| body.has(*channel));
        let all = [Channel::Sms, Channel::Chat, Channel::Email];
        all.into_iter().filter(|channel| written(channel) && !self.campaign.channels.order.contains(channel)).collect()
    }

    /// Channels that one message has a text for and no account serves.
    pub fn unserved(&self, index: usize) -> Vec<Channel> {
        review::unserved(&only(self.campaign, index), self.accounts)
    }

    /// Every text of one message, in each channel and language, for a made-up person.
    pub fn texts(&self, index: usize) -> Vec<Shown> {
        let message = &self.campaign.messages[index];
        self.channels(index)
            .flat_map(|channel| {
                let others = message.lang.iter().filter(move |(_, body)| body.has(channel)).map(|(lang, _)| lang.as_str());
                [MAIN_LANGUAGE].into_iter().chain(others).map(move |lang| (channel, lang))
            })
            .map(|(channel, lang)| self.text(index, channel, &Person { lang: Some(lang.to_string()), ..Person::typical() }))
            .collect()
    }

    /// Every text of one message, as one person gets it.
    pub fn texts_for(&self, index: usize, recipient: &Recipient) -> Vec<Shown> {
        self.channels(index).map(|channel| self.text_for(index, channel, recipient)).collect()
    }

    fn text_for(&self, index: usize, channel: Channel, recipient: &Recipient) -> Shown {
        let lang = self.language(index, channel, &recipient.person);
        let Some(masked) = recipient.address(channel) else {
            let why = phrase!("người này không có địa chỉ cho kênh {channel}", "this person has no address for {channel}");
            return Shown { channel, lang, to: None, content: Err(why), versions: Vec::new() };
        };
        let url = self.unsubscribe_url.as_deref();
        let render = |terms: &Terms<'_>| self.templates.render(index, channel, &recipient.person, url, terms);
        Shown { to: Some(masked.to_string()), ..self.shown(index, channel, lang, &render) }
    }

    /// A text for a made-up person, who has every attribute that it asks for.
    fn text(&self, index: usize, channel: Channel, person: &Person) -> Shown {
        let lang = self.language(index, channel, person);
        let url = self.unsubscribe_url.as_deref();
        let render = |terms: &Terms<'_>| self.templates.sample(index, channel, person.clone(), url, terms);
        self.shown(index, channel, lang, &render)
    }

    /// The language whose text a person gets: their own, its base language, or the main one.
    fn language(&self, index: usize, channel: Channel, person: &Person) -> String {
        let own = person.lang.as_deref().unwrap_or(MAIN_LANGUAGE);
        let base = own.split(['-', '_']).next().unwrap_or(own);
        let written = &self.campaign.messages[index].lang;
        let found = [own, base].into_iter().find_map(|wanted| {
            written
                .iter()
                .find(|(code, body)| code.eq_ignore_ascii_case(wanted) && body.has(channel))
                .map(|(code, _)| code.clone())
        });
        found.unwrap_or_else(|| MAIN_LANGUAGE.to_string())
    }

    fn shown(&self, index: usize, channel: Channel, lang: String, render: Render<'_>) -> Shown {
        let message = &self.campaign.messages[index];
        let written = message.lang.get(&lang).filter(|body| body.has(channel)).unwrap_or(&message.body);
        let versions = match (&written.sms, self.templates.sms_text(index, Some(&lang))) {
            (Some(SmsBody::Text { .. }), Some(chosen)) if channel == Channel::Sms => sms::spellings(chosen, render),
            (Some(SmsBody::Registered { .. }), _) if channel == Channel::Sms => {
                sms::wordings(self.accounts, self.days[index][0], render)
            }
            _ => Vec::new(),
        };
        let content = match versions.iter().find(|version| version.chosen) {
            Some(version) => version.sms.clone().map(Content::Sms),
            None => render(&Terms::default()).map_err(|error| why(&error)),
        };
        Shown { channel, lang, to: None, content, versions }
    }
}

impl Shown {
    /// Whether what would be sent cannot be.
    pub fn failed(&self) -> bool {
        self.content.is_err() || self.versions.iter().any(|version| version.chosen && version.sms.is_err())
    }
}

fn why(error: &RenderError) -> Phrase {
    match error {
        RenderError::Missing { field } if field == "unsubscribe_url" => phrase!(
            "lời nhắn cần liên kết từ chối, mà [server] chưa có public_url",
            "the text needs a link to refuse, and [server] has no public_url"
        ),
        error => error.phrase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "title = \"A\"\nkind = \"awareness\"\nowner = \"S\"\n[audience]\nsegments = [\"a\"]\n[channels]\nuse = [\"sms\"]\n\
                       [[message]]\nid = \"x\"\nsms = \"Gui {{ lop }}\"\nemail = { subject = \"T\", body = \"B\" }\n\
                       [[message]]\nid = \"y\"\nsms = \"{{ hong\"\n";

    fn campaign(text: &str) -> Campaign {
        Campaign::parse("a.toml", "a", text).unwrap()
    }

    #[test]
    fn one_message_is_looked_at_whatever_is_wrong_with_the_others() {
        let (campaign, files) = (campaign(TWO), BTreeMap::new());
        let office = Office::default();
        assert!(compiled(&campaign, &office, None, &files).is_err());
        let (templates, unknown) = compiled(&only(&campaign, 0), &office, None, &files).unwrap();
        assert!(unknown.is_empty() && templates.has(0, Channel::Sms) && !templates.has(1, Channel::Sms));
        assert!(compiled(&only(&campaign, 1), &office, None, &files).is_err());
    }

    #[test]
    fn what_nobody_in_the_list_has_is_told_and_no_mistake() {
        let (campaign, files, office) = (only(&campaign(TWO), 0), BTreeMap::new(), Office::default());
        let known = |names: &[&str]| names.iter().map(|name| (*name).to_string()).collect::<BTreeSet<_>>();
        let (_, unknown) = compiled(&campaign, &office, Some(&known(&["truong"])), &files).unwrap();
        assert_eq!(
            unknown.iter().map(|fault| (fault.message.as_str(), fault.field.as_str())).collect::<Vec<_>>(),
            [("x", "sms.text")]
        );
        assert!(compiled(&campaign, &office, Some(&known(&["lop"])), &files).unwrap().1.is_empty());
    }
}
