//! A campaign's texts as people will get them, for a page to show: by message, channel and language.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use providers::{
    Content,
    text::{Encoding, measure},
};
use serde::Serialize;

use crate::{
    campaign::{SmsText, Source, relay::CHANNEL},
    message::{MAIN_LANGUAGE, TemplateFault, review},
    phrase,
    preview::{
        self, Preview, Shown, Version,
        relay::{Look, misplaced},
        sms::Form,
    },
    web::Shared,
    words::{self, Lang, Phrase},
};

/// One message.
#[derive(Debug, Serialize)]
pub(in crate::web) struct MessageView {
    pub id: String,
    /// Others pass it on.
    pub relayed: bool,
    pub phase: Option<String>,
    /// Only people of these segments get it.
    pub segments: Vec<String>,
    pub texts: Vec<TextView>,
    /// What accounts would not take of it, and what nobody would get.
    pub refusals: Vec<String>,
}

/// One text of it.
#[derive(Debug, Default, Serialize)]
pub(in crate::web) struct TextView {
    pub channel: &'static str,
    pub lang: String,
    pub subject: Option<String>,
    pub body: String,
    /// Parts, encoding and length of a text message, or which accounts have it so.
    pub size: Option<String>,
    pub files: Vec<String>,
    pub error: Option<String>,
}

/// What a campaign's texts are, or what is wrong with them. `known`: the list's own columns, where they are known.
pub(in crate::web) fn messages(
    state: &Shared,
    source: &Source,
    known: Option<&BTreeSet<String>>,
    lang: Lang,
) -> Result<Vec<MessageView>, Vec<String>> {
    let campaign = &source.campaign;
    let config = &state.parts.config;
    let attachments: BTreeMap<String, Bytes> =
        source.attachments.iter().map(|(name, bytes)| (name.clone(), Bytes::from(bytes.clone()))).collect();
    let told = |fault: &TemplateFault| format!("{} · {}: {}", fault.message, fault.field, fault.text.text(lang));
    let (templates, unknown) = preview::compiled(campaign, &config.office, known, &attachments)
        .map_err(|faults| faults.iter().map(told).collect::<Vec<_>>())?;
    let preview = Preview::new(campaign, &templates, config, &state.parts.holidays, state.parts.clock.now());
    let refusals = preview.refusals();
    let doubts = |index: usize, id: &str| -> Vec<String> {
        let refused = refusals.iter().filter(|one| one.message == index).map(|one| one.phrase().text(lang).to_string());
        let unknown = unknown.iter().filter(|fault| fault.message == id).map(|fault| fault.text.text(lang).to_string());
        let idle = preview.idle(index).into_iter().map(|channel| {
            let channel = words::channel(channel.name(), lang);
            let said = phrase!(
                "{channel}: có nội dung nhưng chiến dịch không dùng kênh này",
                "{channel}: there is a text, but the campaign does not use this channel"
            );
            said.text(lang).to_string()
        });
        let unserved = preview.unserved(index).into_iter().map(|channel| review::without_account(channel).text(lang).to_string());
        refused.chain(unknown).chain(idle).chain(unserved).collect()
    };
    let view = |(index, message): (usize, &crate::campaign::Message)| MessageView {
        id: message.id.clone(),
        relayed: false,
        phase: message.phase.clone(),
        segments: message.segments.clone(),
        texts: preview.texts(index).iter().flat_map(|shown| views(shown, lang)).collect(),
        refusals: doubts(index, &message.id),
    };
    let mut views: Vec<MessageView> = campaign.messages.iter().enumerate().map(view).collect();
    if let Some(look) = preview::relay::look(campaign) {
        // What goes by relay alone has one message, without texts.
        views.retain(|_| !campaign.is_relay_alone());
        views.push(relayed(&look, lang));
    }
    Ok(views)
}

/// What others pass on.
fn relayed(look: &Look<'_>, lang: Lang) -> MessageView {
    let base = |channel| TextView { channel, lang: MAIN_LANGUAGE.to_string(), ..TextView::default() };
    let sms = look.sms.as_ref().map(|sms| {
        let (Phrase { vi, en }, sha256) = (sms.size(), &sms.sha256);
        let size = phrase!("{vi} · SHA-256 {sha256}", "{en} · SHA-256 {sha256}");
        TextView { body: sms.text.clone(), size: Some(size.text(lang).to_string()), ..base("relay-sms") }
    });
    let plain = |channel, text: Option<&String>| text.map(|text| TextView { body: text.trim().to_string(), ..base(channel) });
    let others = [plain("relay-app", look.relay.app.as_ref()), plain("relay-material", look.relay.material.as_ref())];
    let wrong = misplaced(look.relay).into_iter().map(|one| one.message.text(lang).to_string());
    MessageView {
        id: CHANNEL.to_string(),
        relayed: true,
        phase: None,
        segments: Vec::new(),
        texts: sms.into_iter().chain(others.into_iter().flatten()).collect(),
        refusals: wrong.collect(),
    }
}

/// The chosen form of a text message, or the one form of any other text; several where accounts have different wordings.
fn views(shown: &Shown, lang: Lang) -> Vec<TextView> {
    let base = || TextView { channel: shown.channel.name(), lang: shown.lang.clone(), ..TextView::default() };
    if !shown.versions.is_empty() {
        return shown.versions.iter().filter(|version| version.chosen).map(|version| sms(version, base(), lang)).collect();
    }
    vec![match &shown.content {
        Err(why) => TextView { error: Some(why.text(lang).to_string()), ..base() },
        Ok(Content::Sms(sms)) => TextView { body: sms.text.clone(), ..base() },
        Ok(Content::Email(email)) => {
            let files = email.attachments.iter().map(|file| file.name.clone());
            let files = email.pictures.iter().map(|picture| picture.file.name.clone()).chain(files).collect();
            TextView { subject: Some(email.subject.clone()), body: email.text.trim_end().to_string(), files, ..base() }
        }
        Ok(Content::Chat(chat)) => {
            let template =
                chat.template.iter().map(|id| phrase!("mẫu đã đăng ký {id}", "registered template {id}").text(lang).to_string());
            let data = chat.data.iter().map(|(key, value)| format!("{key}: {value}"));
            TextView { body: template.chain(data).chain(chat.text.clone()).collect::<Vec<_>>().join("\n"), ..base() }
        }
    }]
}

fn sms(version: &Version, base: TextView, lang: Lang) -> TextView {
    let sms = match &version.sms {
        Ok(sms) => sms,
        Err(why) => return TextView { error: Some(why.text(lang).to_string()), ..base },
    };
    let form = match &version.form {
        Form::Either => String::new(),
        Form::Spelled(SmsText::Unaccented) => lang.pick("không dấu · ", "without accents · ").to_string(),
        Form::Spelled(SmsText::Unicode) => lang.pick("có dấu · ", "with accents · ").to_string(),
        Form::Registered(accounts) => format!("{} · ", accounts.join(", ")),
    };
    let encoding = match sms.encoding {
        Encoding::Gsm => "GSM",
        Encoding::Ucs2 => "UCS-2",
    };
    let (parts, units) = (sms.parts, measure(&sms.text).units);
    let word = if parts == 1 { "part" } else { "parts" };
    let size =
        phrase!("{form}{parts} phần tin · {units} ký tự · {encoding}", "{form}{parts} {word} · {units} characters · {encoding}");
    TextView { body: sms.text.clone(), size: Some(size.text(lang).to_string()), ..base }
}
