//! What a campaign's messages will look like and cost, before any is sent: for the command line and for the console alike.
//!
//! What enters: a campaign, its compiled texts and the accounts of loa.toml. What leaves: every text as it will be
//! ([`Shown`]), in each channel and language or as one person gets it; a text message in each form that it may take
//! ([`Version`]); what it costs ([`estimate`]); and which accounts would not take it. Nothing is sent, and nothing is made. What
//! can go wrong with a text is part of what leaves; the database can fail an estimate.

pub mod estimate;
pub mod recipient;
pub mod sms;

use chrono::{DateTime, NaiveDate, Utc};
use providers::{Channel, Content};

pub use self::{recipient::Recipient, sms::Version};
use crate::{
    campaign::{Campaign, Holidays, SmsBody},
    config::{Account, Config},
    message::{
        MAIN_LANGUAGE, Person, RenderError, Templates, Terms,
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
