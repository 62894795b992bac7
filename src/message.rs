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

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use minijinja::{Environment, Value};
use providers::{
    Attachment, Channel, Chat, Content, Email,
    text::{self, Measured, TextError},
};
use unicode_normalization::UnicodeNormalization as _;

use self::template::{Compiler, Kept};
use crate::campaign::{Body, Campaign, ChatBody, EmailBody, SmsText};

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
    pub text: String,
    /// What would be right.
    pub help: Option<String>,
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

#[derive(Debug, Default)]
struct Variant {
    sms: Option<Kept>,
    chat: Option<ChatTexts>,
    email: Option<EmailTexts>,
}

#[derive(Debug)]
struct ChatTexts {
    text: Option<Kept>,
    template: Option<String>,
    data: Vec<(String, Kept)>,
}

#[derive(Debug)]
struct EmailTexts {
    language: String,
    subject: Kept,
    text: Kept,
    html: Kept,
    attachments: Vec<Arc<Attachment>>,
}

impl Templates {
    /// Compiles and checks every text of a campaign.
    ///
    /// `office` is `[office]` of loa.toml. `known_attributes` are the attributes that at least one recipient has: a
    /// placeholder beyond them is a fault unless it has a default; none: attributes are not checked. `attachments`
    /// are the files by the names that the campaign gives them. All faults are returned, not only the first.
    pub fn compile(
        campaign: &Campaign,
        office: &BTreeMap<String, String>,
        known_attributes: Option<&BTreeSet<String>>,
        attachments: &BTreeMap<String, Bytes>,
    ) -> Result<Self, Vec<TemplateFault>> {
        let mut compiler = Compiler::new(office, known_attributes);
        let files: BTreeMap<&str, Arc<Attachment>> =
            attachments.iter().map(|(path, bytes)| (path.as_str(), Arc::new(attachment(path, bytes)))).collect();
        let unaccented = campaign.sending.sms_text == SmsText::Unaccented;
        let mut messages = Vec::with_capacity(campaign.messages.len());
        for message in &campaign.messages {
            let mut compile = |lang: Option<&str>, body: &Body, main: &Body| {
                compiler.enter(&message.id, lang);
                variant(&mut compiler, campaign, office, &files, lang, body, main)
            };
            let mut texts = Texts { main: compile(None, &message.body, &message.body), ..Texts::default() };
            for (lang, body) in &message.lang {
                texts.others.insert(lang.to_lowercase(), compile(Some(lang), body, &message.body));
            }
            let langs = std::iter::once((None, &texts.main)).chain(texts.others.iter().map(|(l, v)| (Some(l), v)));
            let mut longest = None;
            for (lang, variant) in langs {
                let Some(sms) = &variant.sms else { continue };
                compiler.enter(&message.id, lang.map(String::as_str));
                let Some(measured) = compiler.measure(sms, unaccented) else { continue };
                longest = longest.max_by_units(measured);
            }
            texts.longest_sms = longest;
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

/// Keeps the measurement with more parts, then more units.
trait Longest {
    fn max_by_units(self, other: Measured) -> Self;
}

impl Longest for Option<Measured> {
    fn max_by_units(self, other: Measured) -> Self {
        match self {
            Some(best) if (best.parts, best.units) >= (other.parts, other.units) => Some(best),
            _ => Some(other),
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

/// Compiles the texts of one language. `main` lends a mail the parts that this language lacks.
fn variant(
    compiler: &mut Compiler<'_>,
    campaign: &Campaign,
    office: &BTreeMap<String, String>,
    files: &BTreeMap<&str, Arc<Attachment>>,
    lang: Option<&str>,
    body: &Body,
    main: &Body,
) -> Variant {
    let sms = body.sms.as_deref().and_then(|source| compiler.plain("sms", source));
    let chat = body.chat.as_ref().map(|chat| chat_texts(compiler, chat));
    let email = body.email.as_ref().and_then(|email| {
        let whole = whole(email, main.email.as_ref());
        email_texts(compiler, campaign, office, files, lang, &whole)
    });
    Variant { sms, chat, email }
}

fn whole(email: &EmailBody, main: Option<&EmailBody>) -> EmailBody {
    let Some(main) = main else { return email.clone() };
    let or = |own: &str, other: &str| if own.trim().is_empty() { other.to_owned() } else { own.to_owned() };
    EmailBody {
        subject: or(&email.subject, &main.subject),
        body: or(&email.body, &main.body),
        attach: if email.attach.is_empty() { main.attach.clone() } else { email.attach.clone() },
    }
}

fn chat_texts(compiler: &mut Compiler<'_>, chat: &ChatBody) -> ChatTexts {
    let text = chat.text.as_deref().and_then(|source| compiler.plain("chat.text", source));
    let data = chat.data.iter().filter_map(|(key, source)| {
        let kept = compiler.plain(&format!("chat.data.{key}"), source)?;
        Some((key.clone(), kept))
    });
    ChatTexts { text, template: chat.template.clone(), data: data.collect() }
}

fn email_texts(
    compiler: &mut Compiler<'_>,
    campaign: &Campaign,
    office: &BTreeMap<String, String>,
    files: &BTreeMap<&str, Arc<Attachment>>,
    lang: Option<&str>,
    email: &EmailBody,
) -> Option<EmailTexts> {
    let mut attachments = Vec::with_capacity(email.attach.len());
    for path in &email.attach {
        match files.get(path.as_str()) {
            Some(file) => attachments.push(Arc::clone(file)),
            None => compiler.fault("email.attach", None, format!("the file {path:?} was not found"), None),
        }
    }
    if let Some(at) = email.subject.trim().find(['\n', '\r']) {
        compiler.fault("email.subject", Some(at), "a subject has one line".into(), None);
    }
    let subject = compiler.plain("email.subject", email.subject.trim())?;
    compiler.check("email.body", &email.body)?;
    let language = lang.unwrap_or(MAIN_LANGUAGE);
    let converted = markdown::convert(&email.body);
    if let Some(expression) = &converted.unsafe_link {
        let help = "write the address out, or use unsubscribe_url or an office field";
        let text = format!("a link may not begin with a recipient's field: {expression}");
        compiler.fault("email.body", email.body.find(expression.as_str()), text, Some(help.into()));
        return None;
    }
    let page = layout::Page { campaign, office, language, subject: email.subject.trim(), body: &converted };
    let text = compiler.trusted("email.text", &page.text())?;
    let html = match page.html() {
        Ok(html) => compiler.trusted("email.html", &html)?,
        Err(problem) => {
            compiler.fault("email.body", None, problem, None);
            return None;
        }
    };
    Some(EmailTexts { language: language.to_owned(), subject, text, html, attachments })
}

fn attachment(path: &str, bytes: &Bytes) -> Attachment {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    let media_type = match ending.as_str() {
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "txt" => "text/plain; charset=utf-8",
        "ics" => "text/calendar; charset=utf-8",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    };
    Attachment { name: name.to_owned(), media_type: media_type.to_owned(), bytes: bytes.clone() }
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
