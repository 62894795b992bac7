//! `loa preview`: what people will get, as text, and what it will cost. Nothing is sent, and nothing is made.

mod estimate;
mod recipient;
mod sms;
mod text;

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, Utc};
use providers::{Channel, Content};
use serde_json::json;

use self::{estimate::Estimate, recipient::Recipient, text::Shown};
use super::{Globals, Mistake, check::texts, existing::database, no_such_campaign, outlook};
use crate::{
    campaign::{Holidays, Message, SmsBody, Source},
    config::{Account, Config},
    document::suggestion,
    message::{
        MAIN_LANGUAGE, Person, RenderError, Templates, Terms,
        review::{self, Refusal},
    },
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

/// What stands for a recipient's token in a link.
const SAMPLE_TOKEN: &str = "0123456789abcdefghijkl";

/// A campaign made ready for showing.
struct Preview<'a> {
    source: &'a Source,
    templates: Templates,
    accounts: &'a [Account],
    /// When each message is sent next.
    days: Vec<Vec<NaiveDate>>,
    unsubscribe_url: Option<String>,
    recipient: Option<Recipient>,
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let library = globals.library(&config).await;
    let Some(source) = library.campaigns.get(&args.campaign) else {
        return Err(no_such_campaign(&args.campaign, &config, &library).into());
    };
    let db = database(&config).await?;
    let recipient = match &args.recipient {
        Some(reference) => Some(recipient::find(db.as_ref(), &config, reference).await?),
        None => None,
    };
    let holidays = Globals::holidays(&config)?;
    let preview = Preview::new(source, &config, &holidays, globals.clock.now(), recipient)?;
    let chosen = preview.chosen(args.message.as_deref())?;
    let refusals = review::refusals(&preview.templates, &source.campaign, &config.accounts, &preview.days);
    let mut shown = Vec::new();
    let recipient_is_made_up = preview.recipient.is_none();
    for index in chosen {
        let estimate = match (&db, &preview.recipient) {
            (Some(db), None) => estimate::of(db, &library, &preview, index, globals.clock.millis()).await?,
            _ => None,
        };
        let refusals = refusals.iter().filter(|refusal| refusal.message == index).collect();
        shown.push(Part { message: &source.campaign.messages[index], texts: preview.texts(index), estimate, refusals });
    }
    let outlook = match &db {
        Some(db) if recipient_is_made_up && !config.accounts.is_empty() => {
            outlook::of_campaign(db, &config, source, &library.segments, globals.clock.now()).await?
        }
        _ => None,
    };
    if let Some(db) = db {
        db.close().await;
    }
    if let Some(file) = &args.html {
        let mails = shown.iter().flat_map(|part| &part.texts).filter_map(|text| match &text.content {
            Ok(Content::Email(email)) => Some(&email.html),
            _ => None,
        });
        let Some(html) = mails.into_iter().next() else {
            return Err(Mistake(phrase!("không có thư nào để ghi", "there is no mail to write")).into());
        };
        std::fs::write(file, html).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    if globals.json {
        let messages: Vec<_> = shown.iter().map(|part| part.json(globals.lang)).collect();
        Globals::print_json(&json!({
            "campaign": source.campaign.slug, "title": source.campaign.title, "messages": messages,
            "outlook": outlook.as_ref().map(outlook::Told::json),
        }))?;
    } else {
        let mut out = format!("{}\n", source.campaign.title);
        for part in &shown {
            out.push_str(&part.told(globals.lang));
        }
        if let Some(outlook) = &outlook {
            out.push('\n');
            out.push_str(&text::lines("", "", outlook::sentence(outlook).text(globals.lang)));
        }
        write!(io::stdout(), "{out}")?;
    }
    // A channel on which this person has no address is nothing wrong with the text.
    let reaches = |text: &Shown| preview.recipient.is_none() || text.to.is_some();
    let failed = shown.iter().flat_map(|part| &part.texts).any(|text| reaches(text) && text.failed());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl<'a> Preview<'a> {
    fn new(
        source: &'a Source,
        config: &'a Config,
        holidays: &Holidays,
        now: DateTime<Utc>,
        recipient: Option<Recipient>,
    ) -> anyhow::Result<Self> {
        let file = config.campaigns_dir.join(format!("{}.toml", source.campaign.slug));
        let templates = texts::compile(source, &file, &config.office, None)?;
        let days = review::days(&source.campaign, holidays, now);
        let unsubscribe_url = config.server.public_url.as_ref().map(|base| format!("{base}/u/{SAMPLE_TOKEN}"));
        Ok(Self { source, templates, accounts: &config.accounts, days, unsubscribe_url, recipient })
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
                    self.text(index, *channel, &person)
                })
            })
            .collect()
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
        let written = &self.source.campaign.messages[index].lang;
        let found = [own, base].into_iter().find_map(|wanted| {
            written
                .iter()
                .find(|(code, body)| code.eq_ignore_ascii_case(wanted) && body.has(channel))
                .map(|(code, _)| code.clone())
        });
        found.unwrap_or_else(|| MAIN_LANGUAGE.to_string())
    }

    fn shown(&self, index: usize, channel: Channel, lang: String, render: Render<'_>) -> Shown {
        let message = &self.source.campaign.messages[index];
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

/// Renders one text as an account's terms have it.
type Render<'r> = &'r dyn Fn(&Terms<'_>) -> Result<Content, RenderError>;

fn why(error: &RenderError) -> Phrase {
    match error {
        RenderError::Missing { field } if field == "unsubscribe_url" => phrase!(
            "lời nhắn cần liên kết từ chối, mà [server] chưa có public_url",
            "the text needs a link to refuse, and [server] has no public_url"
        ),
        error => error.phrase(),
    }
}

/// One message with all that is shown of it.
struct Part<'a> {
    message: &'a Message,
    texts: Vec<Shown>,
    estimate: Option<Estimate>,
    refusals: Vec<&'a Refusal>,
}

impl Part<'_> {
    /// For a person to read.
    fn told(&self, lang: Lang) -> String {
        let Self { message, texts, estimate, refusals } = self;
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
        out.extend(estimate.iter().map(|estimate| estimate.told(lang)));
        for refusal in refusals {
            let told = refusal.help().map_or_else(|| refusal.phrase(), |help| refusal.phrase().then(&help));
            out.push_str(&text::lines("  ⚠ ", "    ", told.text(lang)));
        }
        out
    }

    fn json(&self, lang: Lang) -> serde_json::Value {
        let refusals: Vec<_> = self
            .refusals
            .iter()
            .map(|refusal| {
                json!({
                    "account": refusal.account, "carriers": refusal.carriers, "lang": refusal.lang, "day": refusal.day,
                    "reason": refusal.error.reason().name(), "error": refusal.phrase().text(lang),
                    "help": refusal.help().map(|help| help.text(lang).to_owned()),
                })
            })
            .collect();
        json!({
            "id": self.message.id, "phase": self.message.phase, "for": self.message.segments,
            "texts": self.texts.iter().map(|text| text.json(lang)).collect::<Vec<_>>(),
            "estimate": self.estimate.as_ref().map(Estimate::json), "refused": refusals,
        })
    }
}
