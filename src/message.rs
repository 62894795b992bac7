//! Rendering: a campaign's texts and a person's fields become what is sent.
//!
//! [`Templates`] is compiled once a run from the frozen campaign: every template is parsed and checked, Markdown is
//! converted, the mail's layout is laid around it and its CSS inlined. What is left per person is filling in a few
//! fields. What enters then is a [`Person`]; what leaves is a [`Content`]. What can go wrong: a field that the text
//! needs and this person lacks, or a text message that a long field makes too long. Nothing is cut or left blank.
//!
//! A person's field is data and never markup: Markdown is converted before the fields come in, HTML is escaped as
//! they do, and a subject stays on one line.

mod layout;
mod markdown;
mod template;
mod variant;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use minijinja::{Environment, Value};
use providers::{
    Channel, Chat, Content, Email,
    text::{self, Measured, TextError},
};
use unicode_normalization::UnicodeNormalization as _;

use self::{
    template::{Compiler, Kept},
    variant::{ChatTexts, EmailTexts, Sources, Variant},
};
use crate::{
    campaign::{Body, Campaign, SmsText},
    config::Office,
    phrase,
    words::Phrase,
};

/// Parts that a text message may take. Public bulletins have counted six (Hải Dương, 2021); gateways commonly refuse
/// more than ten, and a text of that length is no longer read.
pub const MAX_PARTS: u16 = 10;

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
    /// Which text: `sms`, `chat.text`, `chat.data.KEY`, `email.subject`, `email.body` or `email.attach`.
    pub field: String,
    /// Where in that text, in bytes, if one place is to blame.
    pub offset: Option<usize>,
    /// What is wrong.
    pub text: Phrase,
    /// What would be right.
    pub help: Option<Phrase>,
}

/// Why a message cannot be rendered for one person. Holds nothing personal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The message has no text for this channel.
    #[error("the message has no text for {0}")]
    NoContent(Channel),
    /// A field that the text needs and that this person lacks.
    #[error("this recipient has no {field}, and the text gives no default for it")]
    Missing {
        /// The field's name.
        field: String,
    },
    /// The finished text message cannot be sent.
    #[error(transparent)]
    Text(#[from] TextError),
    /// An expression failed with these values.
    #[error("the template {template} failed: {problem}")]
    Failed {
        /// Which text.
        template: String,
        /// The kind of failure.
        problem: String,
    },
}

impl RenderError {
    /// The same for people.
    pub fn phrase(&self) -> Phrase {
        match self {
            Self::NoContent(channel) => phrase!("tin này không có nội dung cho kênh {channel}", "{self}"),
            Self::Missing { field } => phrase!("người này không có `{field}`, mà lời nhắn không có giá trị thay thế", "{self}"),
            Self::Text(TextError::Empty) => phrase!("tin nhắn không có chữ nào", "{self}"),
            Self::Text(TextError::TooLong { parts, max, over }) => {
                phrase!("tin nhắn dài {parts} phần, nhiều nhất {max}: bớt {over} ký tự", "{self}")
            }
            Self::Text(TextError::Unsendable { character, position }) => {
                let code = u32::from(*character);
                phrase!("ký tự thứ {position}, U+{code:04X}, không gửi được bằng SMS", "{self}")
            }
            Self::Failed { problem, .. } => phrase!("không điền được lời nhắn: {problem}", "{self}"),
        }
    }
}

/// The texts of one campaign, compiled.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    office: Value,
    slug: String,
    unaccented: bool,
    messages: Vec<Texts>,
}

/// One message in its languages.
#[derive(Debug, Default)]
struct Texts {
    main: Variant,
    others: BTreeMap<String, Variant>,
    longest_sms: Option<Measured>,
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
        let unaccented = campaign.sending.sms_text == SmsText::Unaccented;
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
            let langs = std::iter::once((None, &texts.main)).chain(texts.others.iter().map(|(l, v)| (Some(l), v)));
            let mut measured = Vec::new();
            for (lang, variant) in langs {
                let Some(sms) = &variant.sms else { continue };
                compiler.enter(&message.id, lang.map(String::as_str));
                measured.extend(compiler.measure(sms, unaccented));
            }
            texts.longest_sms = measured.into_iter().max_by_key(|measured| (measured.parts, measured.units));
            messages.push(texts);
        }
        let (environment, office) = compiler.finish()?;
        Ok(Self { environment, office, slug: campaign.slug.clone(), unaccented, messages })
    }

    /// Whether a message (by its place in the campaign) has a text for a channel.
    pub fn has(&self, message: usize, channel: Channel) -> bool {
        self.messages.get(message).is_some_and(|texts| match channel {
            Channel::Sms => texts.main.sms.is_some(),
            Channel::Email => texts.main.email.is_some(),
            Channel::Chat => texts.main.chat.is_some(),
        })
    }

    /// What the longest text message of all languages takes with typical fields; none for other channels.
    pub fn longest(&self, message: usize, channel: Channel) -> Option<Measured> {
        self.messages.get(message).filter(|_| channel == Channel::Sms).and_then(|texts| texts.longest_sms)
    }

    /// Fills a message in for one person, in their language where there are texts in it.
    pub fn render(
        &self,
        message: usize,
        channel: Channel,
        person: &Person,
        unsubscribe_url: Option<&str>,
    ) -> Result<Content, RenderError> {
        let texts = self.messages.get(message).ok_or(RenderError::NoContent(channel))?;
        let filler = Filler { templates: self, person, unsubscribe_url };
        let lang = person.lang.as_deref();
        match channel {
            Channel::Sms => {
                let sms = texts.pick(lang, |v| v.sms.as_ref()).ok_or(RenderError::NoContent(channel))?;
                let text = filler.fill(sms)?;
                Ok(Content::Sms(text::sms(&text, self.unaccented, MAX_PARTS)?))
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
                .map(|value| if value.contains(char::is_control) { Value::from(one_line(value)) } else { Value::from(value) }),
        };
        kept.fill(&self.templates.environment, value)
    }

    fn email(&self, email: &EmailTexts) -> Result<Content, RenderError> {
        Ok(Content::Email(Box::new(Email {
            to_name: self.person.name.as_deref().map(one_line).filter(|name| !name.is_empty()),
            subject: one_line(&self.fill(&email.subject)?),
            text: closed_up(self.fill(&email.text)?),
            html: self.fill(&email.html)?,
            attachments: email.attachments.clone(),
            unsubscribe_url: self.unsubscribe_url.map(str::to_owned),
            list: Some(self.templates.slug.clone()),
            language: email.language.clone(),
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

/// Line breaks and other control characters become single blanks; NFC.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").nfc().collect()
}

#[cfg(test)]
mod tests;
