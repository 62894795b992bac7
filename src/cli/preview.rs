//! `loa preview`: what people will get, as text, and what it will cost. Nothing is sent, and nothing is made.

mod estimate;
mod recipient;

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;
use providers::{
    Channel, Content,
    text::{Encoding, Measured, measure},
};
use serde_json::json;

use self::{estimate::Estimate, recipient::Recipient};
use super::{Globals, Mistake, check::texts, existing::database, no_such_campaign};
use crate::{
    campaign::{Message, SmsText, Source},
    config::Config,
    document::suggestion,
    message::{MAIN_LANGUAGE, Person, RenderError, Templates},
    phrase,
    words::{Lang, Phrase},
};

/// Show what a campaign's messages look like and cost
#[derive(clap::Args)]
pub struct Args {
    /// The campaign: its file's name without .toml
    campaign: String,
    /// Only this message
    #[arg(long, value_name = "ID")]
    message: Option<String>,
    /// As this person gets it, instead of a made-up one
    #[arg(long, value_name = "REF")]
    recipient: Option<String>,
    /// Write the mail as HTML to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// A link that has the shape of those that recipients get.
const SAMPLE_TOKEN: &str = "0123456789abcdefghijkl";
/// More attributes than any text asks for.
const MOST_FIELDS: usize = 100;

/// A campaign made ready for showing.
struct Preview<'a> {
    source: &'a Source,
    templates: Templates,
    /// The same with text messages in the other spelling.
    other: Templates,
    unsubscribe_url: Option<String>,
    recipient: Option<Recipient>,
}

/// One text as it will be.
struct Shown {
    channel: Channel,
    lang: String,
    /// The text, or why there is none.
    content: Result<Content, Phrase>,
    /// For a text message: what it takes, and what it takes with or without accents.
    sms: Option<(Measured, Option<Measured>)>,
    /// The person's address, masked.
    to: Option<String>,
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let library = globals.library(&config);
    let Some(source) = library.campaigns.get(&args.campaign) else {
        return Err(no_such_campaign(&args.campaign, &config, &library).into());
    };
    let db = database(&config).await?;
    let recipient = match &args.recipient {
        Some(reference) => Some(recipient::find(db.as_ref(), &config, reference).await?),
        None => None,
    };
    let preview = Preview::new(source, &config, recipient)?;
    let chosen = preview.chosen(args.message.as_deref())?;
    let mut shown = Vec::new();
    for index in chosen {
        let estimate = match (&db, &preview.recipient) {
            (Some(db), None) => {
                estimate::of(db, &library, source, index, &preview.templates, &config, globals.clock.millis()).await?
            }
            _ => None,
        };
        shown.push((&source.campaign.messages[index], preview.texts(index), estimate));
    }
    if let Some(db) = db {
        db.close().await;
    }
    if let Some(file) = &args.html {
        let mails = shown.iter().flat_map(|(_, texts, _)| texts).filter_map(|text| match &text.content {
            Ok(Content::Email(email)) => Some(&email.html),
            _ => None,
        });
        let Some(html) = mails.into_iter().next() else {
            return Err(Mistake(phrase!("không có thư nào để ghi", "there is no mail to write")).into());
        };
        std::fs::write(file, html).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    if globals.json {
        let messages: Vec<_> =
            shown.iter().map(|(message, texts, estimate)| as_json(message, texts, estimate.as_ref(), globals.lang)).collect();
        Globals::print_json(&json!({ "campaign": source.campaign.slug, "title": source.campaign.title, "messages": messages }))?;
    } else {
        let mut out = format!("{}\n", source.campaign.title);
        for (message, texts, estimate) in &shown {
            out.push_str(&told(message, texts, estimate.as_ref(), globals.lang));
        }
        write!(io::stdout(), "{out}")?;
    }
    // A channel on which this person has no address is nothing wrong with the text.
    let reaches = |text: &Shown| preview.recipient.is_none() || text.to.is_some();
    let failed = shown.iter().flat_map(|(_, texts, _)| texts).any(|text| reaches(text) && text.content.is_err());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl<'a> Preview<'a> {
    fn new(source: &'a Source, config: &Config, recipient: Option<Recipient>) -> anyhow::Result<Self> {
        let file = config.campaigns_dir.join(format!("{}.toml", source.campaign.slug));
        let templates = texts::compile(source, &file, &config.office, None)?;
        let mut other = source.clone();
        other.campaign.sending.sms_text = match source.campaign.sending.sms_text {
            SmsText::Unaccented => SmsText::Unicode,
            SmsText::Unicode => SmsText::Unaccented,
        };
        // A text may be too long with accents only: then there is nothing to compare with.
        let other = texts::compile(&other, &file, &config.office, None)
            .or_else(|_| texts::compile(source, &file, &config.office, None))?;
        let unsubscribe_url = config.server.public_url.as_ref().map(|base| format!("{base}/u/{SAMPLE_TOKEN}"));
        Ok(Self { source, templates, other, unsubscribe_url, recipient })
    }

    /// The messages to show, by their place.
    fn chosen(&self, id: Option<&str>) -> Result<Vec<usize>, Mistake> {
        let messages = &self.source.campaign.messages;
        let Some(id) = id else { return Ok((0..messages.len()).collect()) };
        let found = messages.iter().position(|message| message.id == id);
        found.map(|index| vec![index]).ok_or_else(|| {
            let known = suggestion(id, messages.iter().map(|message| message.id.as_str()));
            Mistake(phrase!("không có tin `{id}`", "there is no message `{id}`").then(&known))
        })
    }

    /// Every text of one message: in each channel and language, or as one person gets it.
    fn texts(&self, index: usize) -> Vec<Shown> {
        let message = &self.source.campaign.messages[index];
        let channels = self.source.campaign.channels.order.iter().filter(|channel| message.body.has(**channel));
        if let Some(recipient) = &self.recipient {
            return channels.map(|channel| self.text_for(index, *channel, recipient)).collect();
        }
        channels
            .flat_map(|channel| {
                let others = message.lang.iter().filter(|(_, body)| body.has(*channel)).map(|(lang, _)| lang.as_str());
                [MAIN_LANGUAGE].into_iter().chain(others).map(|lang| {
                    let person = Person { lang: Some(lang.to_string()), ..Person::typical() };
                    self.text(index, *channel, person)
                })
            })
            .collect()
    }

    fn text_for(&self, index: usize, channel: Channel, recipient: &Recipient) -> Shown {
        match recipient.address(channel) {
            Some(masked) => {
                let content = self.templates.render(index, channel, &recipient.person, self.unsubscribe_url.as_deref());
                let other = self.other.render(index, channel, &recipient.person, self.unsubscribe_url.as_deref());
                Shown { to: Some(masked.to_string()), ..self.shown(index, channel, &recipient.person, content, &other) }
            }
            None => Shown {
                channel,
                lang: self.language(index, channel, &recipient.person),
                content: Err(phrase!(
                    "người này không có địa chỉ cho kênh {channel}",
                    "this person has no address for {channel}"
                )),
                sms: None,
                to: None,
            },
        }
    }

    /// A text for a made-up person, who has every attribute that it asks for.
    fn text(&self, index: usize, channel: Channel, mut person: Person) -> Shown {
        let url = self.unsubscribe_url.as_deref();
        for _ in 0..MOST_FIELDS {
            match self.templates.render(index, channel, &person, url) {
                Err(RenderError::Missing { field }) if field != "unsubscribe_url" => {
                    person.attributes.insert(field, "giá trị mẫu".to_string());
                }
                content => {
                    let other = self.other.render(index, channel, &person, url);
                    return self.shown(index, channel, &person, content, &other);
                }
            }
        }
        self.shown(index, channel, &person, Err(RenderError::NoContent(channel)), &Err(RenderError::NoContent(channel)))
    }

    /// The language whose text a person gets: their own, its base language, or the main one.
    fn language(&self, index: usize, channel: Channel, person: &Person) -> String {
        let own = person.lang.as_deref().unwrap_or(MAIN_LANGUAGE);
        let base = own.split(['-', '_']).next().unwrap_or(own);
        let written = &self.source.campaign.messages[index].lang;
        let found = [own, base].into_iter().find_map(|wanted| {
            written
                .iter()
                .find(|(code, body)| code.eq_ignore_ascii_case(wanted) && body.has(channel))
                .map(|(code, _)| code.clone())
        });
        found.unwrap_or_else(|| MAIN_LANGUAGE.to_string())
    }

    fn shown(
        &self,
        index: usize,
        channel: Channel,
        person: &Person,
        content: Result<Content, RenderError>,
        other: &Result<Content, RenderError>,
    ) -> Shown {
        let measured = |content: &Result<Content, RenderError>| match content {
            Ok(Content::Sms(sms)) => Some(measure(&sms.text)),
            _ => None,
        };
        let sms = measured(&content).map(|own| (own, measured(other)));
        let lang = self.language(index, channel, person);
        Shown { channel, lang, content: content.map_err(|error| why(&error)), sms, to: None }
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

fn name_of(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Gsm => "GSM",
        Encoding::Ucs2 => "UCS-2",
    }
}

/// One message for a person to read.
fn told(message: &Message, texts: &[Shown], estimate: Option<&Estimate>, lang: Lang) -> String {
    let mut out = format!("\n[{}]", message.id);
    if let Some(phase) = &message.phase {
        let phase = phrase!(" giai đoạn {phase}", " phase {phase}");
        out.push_str(phase.text(lang));
    }
    if !message.segments.is_empty() {
        let segments = message.segments.join(", ");
        out.push_str(phrase!(" cho nhóm {segments}", " for {segments}").text(lang));
    }
    out.push('\n');
    for text in texts {
        out.push_str(&text.told(lang));
    }
    if let Some(estimate) = estimate {
        // Writing into a String cannot fail.
        let _ = writeln!(out, "  {}", estimate.told().text(lang));
    }
    out
}

impl Shown {
    fn told(&self, lang: Lang) -> String {
        let mut heading = format!("  {} ({})", self.channel, self.lang);
        if let Some(to) = &self.to {
            heading.push_str(" → ");
            heading.push_str(to);
        }
        if let Some((own, other)) = &self.sms {
            heading.push_str(": ");
            heading.push_str(size(*own).text(lang));
            if let Some(other) = other.filter(|other| other != own) {
                let cost = size(other);
                let (vi, en) = (&cost.vi, &cost.en);
                let instead = match other.encoding {
                    Encoding::Ucs2 => phrase!("; nếu có dấu: {vi}", "; with accents: {en}"),
                    Encoding::Gsm => phrase!("; nếu bỏ dấu: {vi}", "; without accents: {en}"),
                };
                heading.push_str(instead.text(lang));
            }
        }
        let body = match &self.content {
            Err(why) => format!("✗ {}", why.text(lang)),
            Ok(Content::Sms(sms)) => sms.text.clone(),
            Ok(Content::Email(email)) => {
                let files = email.attachments.iter().fold(String::new(), |mut files, file| {
                    // Writing into a String cannot fail.
                    let _ = write!(files, "\n📎 {} ({} byte)", file.name, file.bytes.len());
                    files
                });
                format!("{}\n\n{}{files}", email.subject, email.text.trim_end())
            }
            Ok(Content::Chat(chat)) => {
                let template = chat.template.iter().map(|id| format!("template {id}"));
                let data = chat.data.iter().map(|(key, value)| format!("{key} = {value}"));
                template.chain(data).chain(chat.text.clone()).collect::<Vec<_>>().join("\n")
            }
        };
        let lines: String = body.lines().map(|line| format!("  │ {line}").trim_end().to_string() + "\n").collect();
        format!("{heading}\n{lines}")
    }

    fn json(&self, lang: Lang) -> serde_json::Value {
        let mut json = json!({ "channel": self.channel.name(), "lang": self.lang, "to": self.to });
        let more = match &self.content {
            Err(why) => json!({ "error": why.text(lang) }),
            Ok(Content::Sms(sms)) => json!({ "text": sms.text }),
            Ok(Content::Email(email)) => json!({
                "subject": email.subject, "text": email.text, "html": email.html,
                "attachments": email.attachments.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(),
            }),
            Ok(Content::Chat(chat)) => json!({ "text": chat.text, "template": chat.template, "data": chat.data }),
        };
        let sms = self.sms.map(|(own, other)| json!({ "sms": measured(own), "other": other.map(measured) }));
        for part in [Some(more), sms].into_iter().flatten() {
            if let (Some(json), serde_json::Value::Object(part)) = (json.as_object_mut(), part) {
                json.extend(part);
            }
        }
        json
    }
}

fn size(Measured { encoding, parts, units }: Measured) -> Phrase {
    let name = name_of(encoding);
    phrase!("{parts} phần {name}, {units} ký tự", "{parts} part(s) of {name}, {units} units")
}

fn measured(Measured { encoding, parts, units }: Measured) -> serde_json::Value {
    json!({ "encoding": name_of(encoding), "parts": parts, "units": units })
}

fn as_json(message: &Message, texts: &[Shown], estimate: Option<&Estimate>, lang: Lang) -> serde_json::Value {
    json!({
        "id": message.id, "phase": message.phase, "for": message.segments,
        "texts": texts.iter().map(|text| text.json(lang)).collect::<Vec<_>>(),
        "estimate": estimate.map(Estimate::json),
    })
}
