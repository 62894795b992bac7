//! Rendering: a campaign's texts and a person's fields become what is sent.
//!
//! [`Templates`] is compiled once a run from the frozen campaign: every template is parsed and checked, Markdown is
//! converted, the mail's layout is laid around it and its CSS inlined. What is left per person is filling in a few
//! fields. What enters then is a [`Person`]; what leaves is a [`Content`]. What can go wrong: a field that the text
//! needs and this person lacks, or a text message that a long field makes too long. Nothing is cut or left blank.
//!
//! A person's field is data and never markup: Markdown is converted before the fields come in, HTML is escaped as
//! they do, and a subject stays on one line.

mod error;
mod fields;
mod layout;
mod markdown;
mod picture;
mod plain;
pub mod review;
mod template;
mod terms;
mod variant;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use minijinja::{Environment, Value};
use providers::{
    Channel, Chat, Content, Email, Sms,
    text::{self, Encoding, TextError},
};
use unicode_normalization::UnicodeNormalization as _;

pub use self::{
    error::RenderError,
    terms::{Nearest, Terms},
};
use self::{
    template::{Compiler, Kept, SAMPLE},
    variant::{ChatTexts, EmailTexts, SmsForm, SmsTexts, Sources, Variant},
};
use crate::{
    campaign::{AdvertisingRule, Body, Campaign, Kind, Law, SmsText},
    config::{Office, Purpose},
    words::{Phrase, one_line},
};

/// The language of a campaign's main texts.
pub const MAIN_LANGUAGE: &str = "vi";

/// What a text may say of the one who gets it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// `{{ name }}`.
    pub name: Option<String>,
    /// `{{ area_name }}`: ward and province in words.
    pub area_name: Option<String>,
    /// `{{ lang }}`, a BCP 47 code: also chooses the texts.
    pub lang: Option<String>,
    /// Any other column of the list, by its name.
    pub attributes: BTreeMap<String, String>,
}

impl Person {
    /// A made-up person with rather long fields: for previews and estimates before there is a list.
    pub fn typical() -> Self {
        Self {
            name: Some("Nguyễn Thị Thanh Hương".into()),
            area_name: Some("Phường Văn Miếu – Quốc Tử Giám, Hà Nội".into()),
            lang: None,
            attributes: BTreeMap::new(),
        }
    }

    /// Someone with the longest fields that there are: no ward's name with its province is longer, and few people's are.
    pub fn longest() -> Self {
        Self {
            name: Some("Công Tằng Tôn Nữ Huyền Trang Nhung Nguyễn".into()),
            area_name: Some("Phường Phan Rang – Tháp Chàm Đông Hải, Thành phố Hồ Chí Minh".into()),
            ..Self::default()
        }
    }

    /// A field's value; a blank one counts as none.
    fn field(&self, name: &str) -> Option<&str> {
        let value = match name {
            "name" => self.name.as_deref(),
            "area_name" => self.area_name.as_deref(),
            "lang" => self.lang.as_deref(),
            attribute => self.attributes.get(attribute).map(String::as_str),
        };
        value.filter(|value| !value.trim().is_empty())
    }
}

/// What is wrong with one text of a campaign, for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("message {message}, {field}: {text}")]
pub struct TemplateFault {
    /// The message's id.
    pub message: String,
    /// Which language's texts; none: the main ones.
    pub lang: Option<String>,
    /// Which text: `sms.text`, `sms.values.SLOT`, `chat.text`, `chat.data.KEY`, `email.subject`, `email.body` or `email.attach`.
    pub field: String,
    /// Where in that text, in bytes, if one place is to blame.
    pub offset: Option<usize>,
    /// What is wrong.
    pub text: Phrase,
    /// What would be right.
    pub help: Option<Phrase>,
}

/// The texts of one campaign, compiled.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    office: Value,
    slug: String,
    purpose: Purpose,
    advertising: Option<Advertising>,
    urgent: bool,
    messages: Vec<Texts>,
}

/// What a registered wording is held to under the law of advertising.
#[derive(Debug)]
struct Advertising {
    rule: &'static AdvertisingRule,
    /// The word that refuses, and where it goes.
    keyword: String,
    number: Option<String>,
}

/// One message in its languages.
#[derive(Debug, Default)]
struct Texts {
    main: Variant,
    others: BTreeMap<String, Variant>,
}

impl Templates {
    /// Compiles and checks every text of a campaign.
    ///
    /// `office` is what loa.toml says of the sender. `known_attributes` are the attributes that at least one recipient has: a
    /// placeholder beyond them is a fault unless it has a default; none: attributes are not checked. `attachments`
    /// are the files by the names that the campaign gives them. All faults are returned, not only the first.
    pub fn compile(
        campaign: &Campaign,
        office: &Office,
        known_attributes: Option<&BTreeSet<String>>,
        attachments: &BTreeMap<String, Bytes>,
    ) -> Result<Self, Vec<TemplateFault>> {
        let mut compiler = Compiler::new(office, known_attributes);
        let sources = Sources::new(campaign, &office.fields, attachments);
        let mut messages = Vec::with_capacity(campaign.messages.len());
        for message in &campaign.messages {
            let mut compile = |lang: Option<&str>, body: &Body, main: &Body| {
                compiler.enter(&message.id, lang);
                sources.compile(&mut compiler, lang, body, main)
            };
            let mut texts = Texts { main: compile(None, &message.body, &message.body), ..Texts::default() };
            for (lang, body) in &message.lang {
                texts.others.insert(lang.to_lowercase(), compile(Some(lang), body, &message.body));
            }
            messages.push(texts);
        }
        let rule = AdvertisingRule::for_period(campaign.period.through).filter(|_| campaign.law == Law::Advertising);
        let opt_out = &office.opt_out;
        let advertising = rule.map(|rule| Advertising { rule, keyword: opt_out.keyword.clone(), number: opt_out.number.clone() });
        let (environment, office) = compiler.finish()?;
        let purpose = if campaign.law == Law::Advertising { Purpose::Advertising } else { Purpose::Care };
        let urgent = campaign.kind == Kind::Warning;
        Ok(Self { environment, office, slug: campaign.slug.clone(), purpose, advertising, urgent, messages })
    }

    /// Whether a message (by its place in the campaign) has a text for a channel.
    pub fn has(&self, message: usize, channel: Channel) -> bool {
        self.messages.get(message).is_some_and(|texts| match channel {
            Channel::Sms => texts.main.sms.is_some(),
            Channel::Email => texts.main.email.is_some(),
            Channel::Chat => texts.main.chat.is_some(),
        })
    }

    /// How the message's text in a language is sent: the campaign's choice, or the text's own; none without such a text.
    pub fn sms_text(&self, message: usize, lang: Option<&str>) -> Option<SmsText> {
        let sms = self.messages.get(message)?.pick(lang, |v| v.sms.as_ref())?;
        Some(if sms.unaccented { SmsText::Unaccented } else { SmsText::Unicode })
    }

    /// Fills a message in for one person, in their language where there are texts in it. `terms` are those of the account
    /// that sends it.
    pub fn render(
        &self,
        message: usize,
        channel: Channel,
        person: &Person,
        unsubscribe_url: Option<&str>,
        terms: &Terms<'_>,
    ) -> Result<Content, RenderError> {
        let texts = self.messages.get(message).ok_or(RenderError::NoContent(channel))?;
        let filler = Filler { templates: self, person, unsubscribe_url };
        let lang = person.lang.as_deref();
        match channel {
            Channel::Sms => {
                let sms = texts.pick(lang, |v| v.sms.as_ref()).ok_or(RenderError::NoContent(channel))?;
                filler.sms(sms, terms).map(Content::Sms)
            }
            Channel::Chat => {
                let chat = texts.pick(lang, |v| v.chat.as_ref()).ok_or(RenderError::NoContent(channel))?;
                filler.chat(chat)
            }
            Channel::Email => {
                let email = texts.pick(lang, |v| v.email.as_ref()).ok_or(RenderError::NoContent(channel))?;
                filler.email(email)
            }
        }
    }

    /// The same for a made-up person, who gets whatever further field the text cannot do without.
    pub fn sample(
        &self,
        message: usize,
        channel: Channel,
        mut person: Person,
        unsubscribe_url: Option<&str>,
        terms: &Terms<'_>,
    ) -> Result<Content, RenderError> {
        loop {
            match self.render(message, channel, &person, unsubscribe_url, terms) {
                Err(RenderError::Missing { field }) if field != "unsubscribe_url" && person.field(&field).is_none() => {
                    match field.as_str() {
                        "name" | "area_name" | "lang" => {
                            let Person { name, area_name, .. } = Person::typical();
                            person = Person { name: person.name.or(name), area_name: person.area_name.or(area_name), ..person };
                            person.lang.get_or_insert_with(|| MAIN_LANGUAGE.to_owned());
                        }
                        _ => drop(person.attributes.insert(field, SAMPLE.to_owned())),
                    }
                }
                content => return content,
            }
        }
    }

    /// Parts that the longest of a message's SMS texts, over all languages, takes with typical fields, as most carriers bill it;
    /// 1 where nothing can be said.
    pub fn typical_parts(&self, message: usize) -> u16 {
        let languages = self.messages.get(message).map(|texts| texts.others.keys().cloned().map(Some)).into_iter().flatten();
        let parts = languages.chain([None]).filter_map(|lang| {
            let person = Person { lang, ..Person::typical() };
            match self.sample(message, Channel::Sms, person, None, &Terms::default()) {
                Ok(Content::Sms(sms)) => Some(sms.parts),
                _ => None,
            }
        });
        parts.max().unwrap_or(1)
    }
}

impl Texts {
    /// The part in the person's language, else in its base language (`en` for `en-US`), else the main one.
    fn pick<'a, T>(&'a self, lang: Option<&str>, part: impl Fn(&'a Variant) -> Option<&'a T>) -> Option<&'a T> {
        let own = lang.filter(|_| !self.others.is_empty()).and_then(|lang| {
            let lang = lang.to_lowercase();
            let base = lang.split(['-', '_']).next().unwrap_or(&lang);
            let exact = self.others.get(&lang).and_then(&part);
            exact.or_else(|| self.others.get(base).and_then(&part))
        });
        own.or_else(|| part(&self.main))
    }
}

/// One person's values on their way into one message.
struct Filler<'a> {
    templates: &'a Templates,
    person: &'a Person,
    unsubscribe_url: Option<&'a str>,
}

impl Filler<'_> {
    fn fill(&self, kept: &Kept) -> Result<String, RenderError> {
        let value = |name: &str| match name {
            "office" => Some(self.templates.office.clone()),
            "unsubscribe_url" => self.unsubscribe_url.map(Value::from),
            // One line, whatever the list held: a control character would make the whole text unsendable.
            field => self
                .person
                .field(field)
                .map(|value| if value.contains(char::is_control) { Value::from(line(value)) } else { Value::from(value) }),
        };
        kept.fill(&self.templates.environment, value)
    }

    fn sms(&self, sms: &SmsTexts, terms: &Terms<'_>) -> Result<Sms, RenderError> {
        let unaccented = terms.sms_text.map_or(sms.unaccented, |chosen| chosen == SmsText::Unaccented);
        let purpose = self.templates.purpose;
        match &sms.form {
            SmsForm::Text(text) => {
                let sms = terms.budget.sms(&self.fill(text)?, unaccented)?;
                terms.check(&sms.text, purpose)?;
                Ok(sms)
            }
            SmsForm::Registered { template, wording, values } => {
                let wording = terms.wording(template, wording.as_ref(), purpose)?;
                let mut filled = BTreeMap::new();
                for (slot, kept) in values {
                    let value = self.fill(kept)?;
                    let value = if unaccented { text::unaccented(&value) } else { value };
                    filled.insert(slot.as_str(), value);
                }
                let text = wording.fill(|slot| filled.remove(slot))?;
                // The wording goes as it is registered; what fills it is held to what was chosen.
                let sms = terms.budget.sms(&text, false)?;
                if unaccented && sms.encoding == Encoding::Ucs2 {
                    let registered = wording.to_string();
                    let foreign = |c: char| text::obstacle(&c.to_string(), true).is_some() && !registered.contains(c);
                    if let Some((character, position)) = sms.text.chars().zip(1..).find(|(c, _)| foreign(*c)) {
                        return Err(TextError::NotPlain { character, position }.into());
                    }
                }
                terms.check(&sms.text, purpose)?;
                let law = self.templates.advertising.as_ref();
                match law.and_then(|law| law.rule.lacks(&sms.text, &law.keyword, law.number.as_deref())) {
                    Some(lack) => Err(RenderError::Unlawful(lack)),
                    None => Ok(sms),
                }
            }
        }
    }

    fn email(&self, email: &EmailTexts) -> Result<Content, RenderError> {
        Ok(Content::Email(Box::new(Email {
            to_name: self.person.name.as_deref().map(line).filter(|name| !name.is_empty()),
            subject: line(&self.fill(&email.subject)?),
            text: closed_up(self.fill(&email.text)?),
            html: self.fill(&email.html)?,
            attachments: email.attachments.clone(),
            pictures: email.pictures.clone(),
            unsubscribe_url: self.unsubscribe_url.map(str::to_owned),
            list: Some(self.templates.slug.clone()),
            language: email.language.clone(),
            urgent: self.templates.urgent,
        })))
    }

    fn chat(&self, chat: &ChatTexts) -> Result<Content, RenderError> {
        let text = chat.text.as_ref().map(|kept| self.fill(kept)).transpose()?;
        let mut data = BTreeMap::new();
        for (key, kept) in &chat.data {
            data.insert(key.clone(), self.fill(kept)?.nfc().collect());
        }
        let text = text.map(|text| text.trim().nfc().collect());
        Ok(Content::Chat(Chat { text, template: chat.template.clone(), data }))
    }
}

/// Takes out the empty lines that a choice not taken leaves behind.
fn closed_up(mut text: String) -> String {
    while text.contains("\n\n\n") {
        text = text.replace("\n\n\n", "\n\n");
    }
    text
}

/// On one line; NFC.
fn line(text: &str) -> String {
    one_line(text).nfc().collect()
}

#[cfg(test)]
mod tests;
