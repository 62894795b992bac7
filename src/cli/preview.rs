//! `loa preview`: what people will get, as text, and what it will cost. Nothing is sent, and nothing is made.

mod estimate;
mod relay;
mod sms;
mod text;

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;
use providers::Content;
use serde_json::json;

use super::{Globals, Mistake, check::texts, existing::database, no_such_campaign, outlook};
use crate::{
    audience::key,
    campaign::Message,
    config::Config,
    db::Db,
    document::suggestion,
    message::review::Refusal,
    phrase,
    preview::{self, Preview, Recipient, Shown, estimate::Estimate},
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

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let library = globals.library(&config).await;
    let Some(source) = library.campaigns.get(&args.campaign) else {
        return Err(no_such_campaign(&args.campaign, &config, &library).into());
    };
    let db = database(&config).await?;
    let recipient = match &args.recipient {
        Some(reference) => Some(recipient(db.as_ref(), &config, reference).await?),
        None => None,
    };
    let holidays = Globals::holidays(&config)?;
    let file = config.campaigns_dir.join(format!("{}.toml", source.campaign.slug));
    let templates = texts::compile(source, &file, &config.office, None)?;
    let preview = Preview::new(&source.campaign, &templates, &config, &holidays, globals.clock.now());
    let messages = &source.campaign.messages;
    let refusals = preview.refusals();
    let mut shown = Vec::new();
    // What goes by relay alone has no message for anybody.
    let looked_at = if source.campaign.is_relay_alone() { Vec::new() } else { chosen(messages, args.message.as_deref())? };
    for index in looked_at {
        let estimate = match (&db, &recipient) {
            (Some(db), None) => preview::estimate::of(db, &library.segments, &preview, index, globals.clock.millis()).await?,
            _ => None,
        };
        let texts = match &recipient {
            Some(recipient) => preview.texts_for(index, recipient),
            None => preview.texts(index),
        };
        let refusals = refusals.iter().filter(|refusal| refusal.message == index).collect();
        shown.push(Part { message: &messages[index], texts, estimate, refusals });
    }
    let outlook = match &db {
        Some(db) if recipient.is_none() && !config.accounts.is_empty() => {
            outlook::of_campaign(db, &config, source, &library.segments, globals.clock.now()).await?
        }
        _ => None,
    };
    if let Some(db) = db {
        db.close().await;
    }
    let relayed = preview::relay::look(&source.campaign).filter(|_| recipient.is_none());
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
            "outlook": outlook.as_ref().map(outlook::Told::json), "relay": relayed.as_ref().map(relay::json),
        }))?;
    } else {
        let mut out = format!("{}\n", source.campaign.title);
        for part in &shown {
            out.push_str(&part.told(globals.lang));
        }
        out.extend(relayed.as_ref().map(|look| relay::told(look, globals.lang)));
        if let Some(outlook) = &outlook {
            out.push('\n');
            out.push_str(&text::lines("", "", outlook::sentence(outlook).text(globals.lang)));
        }
        write!(io::stdout(), "{out}")?;
    }
    // A channel on which this person has no address is nothing wrong with the text.
    let reaches = |text: &Shown| recipient.is_none() || text.to.is_some();
    let failed = shown.iter().flat_map(|part| &part.texts).any(|text| reaches(text) && text.failed());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The messages to show, by their place.
fn chosen(messages: &[Message], id: Option<&str>) -> Result<Vec<usize>, Mistake> {
    let Some(id) = id else { return Ok((0..messages.len()).collect()) };
    let found = messages.iter().position(|message| message.id == id);
    found.map(|index| vec![index]).ok_or_else(|| {
        let known = suggestion(id, messages.iter().map(|message| message.id.as_str()));
        Mistake(phrase!("không có tin `{id}`", "there is no message `{id}`").then(&known))
    })
}

/// The person with a reference.
async fn recipient(db: Option<&Db>, config: &Config, reference: &str) -> anyhow::Result<Recipient> {
    let unknown = || Mistake(phrase!("không có ai mang mã `{reference}`", "nobody has the reference `{reference}`"));
    let db = db.ok_or_else(unknown)?;
    let Some(current) = &config.server.key else {
        return Err(Mistake(phrase!("chưa có khóa: chạy `loa init`", "there is no key yet: run `loa init`")).into());
    };
    if !preview::recipient::exists(db, reference).await? {
        return Err(unknown().into());
    }
    let seal = match key::find(db, current, &config.server.previous_keys).await {
        Err(error @ key::KeyError::Foreign) => return Err(Mistake(Phrase::from(error.to_string())).into()),
        found => found?.context("the database has people and no root key")?,
    };
    Ok(preview::recipient::find(db, &seal, reference).await?.ok_or_else(unknown)?)
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
            out.push_str(&text::told(text, lang));
        }
        out.extend(estimate.iter().map(|one| estimate::told(one, lang)));
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
            "texts": self.texts.iter().map(|text| text::json(text, lang)).collect::<Vec<_>>(),
            "estimate": self.estimate.as_ref().map(estimate::json), "refused": refusals,
        })
    }
}
