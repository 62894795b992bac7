//! Every form that a text may take: filled in for people as different as it can tell, with a slot for whatever is a person's own.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use providers::{Channel, Content};

use super::text::What;
use crate::{
    campaign::Campaign,
    config::{Account, CARRIERS, Config},
    genuine::SLOT,
    message::{Person, RenderError, Templates, Terms},
};

/// Stands for what each person has of their own while a text is filled in: plain letters, which every alphabet and filter leaves whole.
const MARK: &str = "QZXWXZQ";
/// Fields of which every combination is tried; of more, all and none.
const FIELDS: usize = 4;

/// A form of a text: how it goes, and the text with its slots.
pub(super) type Form = (What, String);

/// Every form that these texts of a campaign may take.
pub(super) fn forms(
    campaign: &Campaign,
    config: &Config,
    wanted: Vec<(usize, Channel, String)>,
) -> HashMap<(usize, Channel, String), Vec<Form>> {
    // Files play no part in what a mail says.
    let bodies = campaign.messages.iter().flat_map(|message| [&message.body].into_iter().chain(message.lang.values()));
    let files = bodies.filter_map(|body| body.email.as_ref()).flat_map(|mail| mail.attach.iter().cloned());
    let files: BTreeMap<String, Bytes> = files.map(|name| (name, Bytes::new())).collect();
    let templates = match Templates::compile(campaign, &config.office, None, &files) {
        Ok(templates) => templates,
        Err(faults) => {
            let fault = faults.first().map(ToString::to_string).unwrap_or_default();
            tracing::warn!(campaign = campaign.slug, fault, "texts that went out cannot be looked up: they cannot be filled in");
            return wanted.into_iter().map(|key| (key, Vec::new())).collect();
        }
    };
    let link = config.server.public_url.as_deref().map(|url| format!("{}/u/{MARK}", url.trim_end_matches('/')));
    let each = |(message, channel, account): (usize, Channel, String)| {
        let settings = config.accounts.iter().find(|one| one.name == account);
        let mut found: BTreeSet<Form> = BTreeSet::new();
        for lang in templates.languages(message) {
            for person in people(&templates, message, channel, lang.as_deref()) {
                for terms in terms(settings) {
                    for link in [link.as_deref(), None] {
                        if let Some(content) = filled(&templates, message, channel, person.clone(), link, &terms) {
                            found.extend(texts(content).into_iter().filter_map(|(what, text)| Some((what, slotted(&text)?))));
                        }
                    }
                }
            }
        }
        ((message, channel, account), found.into_iter().collect())
    };
    wanted.into_iter().map(each).collect()
}

/// How an account takes texts: each wording that it has registered is a text of its own.
fn terms(account: Option<&Account>) -> Vec<Terms<'_>> {
    let Some(account) = account.filter(|account| !account.templates.is_empty()) else { return vec![Terms::default()] };
    let days: BTreeSet<_> = account.templates.iter().flat_map(|one| [one.from, one.through]).flatten().collect();
    let day = days.last().copied().unwrap_or_default();
    let carriers = [None].into_iter().chain(CARRIERS.iter().map(|(carrier, _)| Some(*carrier)));
    carriers
        .flat_map(|carrier| days.iter().copied().chain([day]).map(move |day| Terms::of(account, carrier, day)))
        .chain([Terms::default()])
        .collect()
}

/// People as different as the text can tell: each combination of fields that they have or lack.
fn people(templates: &Templates, message: usize, channel: Channel, lang: Option<&str>) -> Vec<Person> {
    let fields: Vec<String> = templates.fields(message, channel, lang).into_iter().collect();
    let all = 1_usize << fields.len().min(FIELDS);
    let kinds: Vec<usize> = if fields.len() > FIELDS { vec![0, usize::MAX] } else { (0..all).collect() };
    let has = |kind: usize, at: usize| kind == usize::MAX || (kind >> at) & 1 == 1;
    kinds
        .into_iter()
        .map(|kind| {
            let mut person = Person { lang: lang.map(str::to_string), ..Person::default() };
            for (_, field) in fields.iter().enumerate().filter(|(at, _)| has(kind, *at)) {
                give(&mut person, field);
            }
            person
        })
        .collect()
}

fn give(person: &mut Person, field: &str) {
    match field {
        "name" => person.name = Some(MARK.to_string()),
        "area_name" => person.area_name = Some(MARK.to_string()),
        "lang" => {}
        attribute => drop(person.attributes.insert(attribute.to_string(), MARK.to_string())),
    }
}

/// A text for somebody who gets whatever field it cannot do without; none: it cannot be had so.
fn filled(
    templates: &Templates,
    message: usize,
    channel: Channel,
    mut person: Person,
    link: Option<&str>,
    terms: &Terms<'_>,
) -> Option<Content> {
    let mut given: BTreeSet<String> = BTreeSet::new();
    loop {
        match templates.render(message, channel, &person, link, terms) {
            Ok(content) => return Some(content),
            Err(RenderError::Missing { field }) if field != "unsubscribe_url" && given.insert(field.clone()) => {
                give(&mut person, &field);
            }
            Err(_) => return None,
        }
    }
}

/// What a person sees of a message.
fn texts(content: Content) -> Vec<Form> {
    match content {
        Content::Sms(sms) => vec![(What::Sms, sms.text)],
        Content::Chat(chat) => chat.text.into_iter().map(|text| (What::Chat, text)).collect(),
        Content::Email(mail) => {
            let body = body(&mail.text);
            let unnumbered = unnumbered(body);
            vec![
                (What::Mail, format!("{}\n{body}", mail.subject)),
                (What::Mail, format!("{}\n{unnumbered}", mail.subject)),
                (What::Mail, body.to_string()),
                (What::Mail, unnumbered),
                (What::Subject, mail.subject),
            ]
        }
    }
}

/// A mail's text without what stands at its foot.
pub(super) fn body(text: &str) -> &str {
    text.rsplit_once("\n-- \n").map_or(text, |(body, _)| body).trim()
}

/// A mail's text as its page shows it: without the numbers of its links, the list of them and the lines below headings.
pub(super) fn unnumbered(body: &str) -> String {
    let text = body.split_once("\n\n[1] ").map_or(body, |(text, _)| text);
    let lines = text.lines().filter(|line| line.is_empty() || !line.chars().all(|c| c == '='));
    let mut out = String::with_capacity(text.len());
    for line in lines {
        let mut rest = line;
        while let Some((before, after)) = rest.split_once(" [") {
            out.push_str(before);
            match after.split_once(']') {
                Some((number, after)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => rest = after,
                _ => {
                    out.push_str(" [");
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out.push('\n');
    }
    out.trim().to_string()
}

/// A text with slots where marks stood; none: a filter left only a part of one.
fn slotted(text: &str) -> Option<String> {
    let small = text.to_ascii_lowercase();
    let mark = MARK.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (at, found) in small.match_indices(&mark) {
        out.push_str(&text[from..at]);
        out.push(SLOT);
        from = at + found.len();
    }
    out.push_str(&text[from..]);
    (!out.to_ascii_lowercase().contains(&mark[..3])).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_becomes_a_slot_however_it_is_written() {
        assert_eq!(slotted("Kính gửi QZXWXZQ, qzxwxzq"), Some(format!("Kính gửi {SLOT}, {SLOT}")));
        assert_eq!(slotted("Kính gửi QZXW…"), None);
        assert_eq!(slotted("Không có gì"), Some("Không có gì".to_string()));
    }

    #[test]
    fn a_mail_is_read_as_its_page_shows_it() {
        let text =
            "Mã OTP\n======\n\nXem tại đây [1] và [hai].\n\n[1] https://example.vn\n\n-- \nSở\nTừ chối: https://example.vn/u/x";
        assert_eq!(body(text), "Mã OTP\n======\n\nXem tại đây [1] và [hai].\n\n[1] https://example.vn");
        assert_eq!(unnumbered(body(text)), "Mã OTP\n\nXem tại đây và [hai].");
    }

    #[test]
    fn every_form_of_a_text_is_made() {
        let text = r#"
title = "Thử"
kind = "awareness"
owner = "Sở"
[audience]
segments = ["a"]
[channels]
use = ["sms", "email"]
[[message]]
id = "m"
sms = "{% if name %}Kinh gui {{ name }}: {% endif %}Khong doc ma OTP cho ai, ke ca {{ nghe | default('can bo') }}."
[message.email]
subject = "Gửi {{ name }}"
body = "Xem [trang này](https://example.vn)."
attach = ["a.pdf"]
"#;
        let campaign = Campaign::parse("thu", "thu", text).unwrap();
        let config = Config::read(None, &BTreeMap::new()).map_err(|problems| problems.to_string()).unwrap();
        let keys = vec![(0, Channel::Sms, String::new()), (0, Channel::Email, String::new())];
        let forms = forms(&campaign, &config, keys.clone());
        let sms: Vec<&str> = forms[&keys[0]].iter().map(|(_, text)| text.as_str()).collect();
        let rest = "Khong doc ma OTP cho ai, ke ca";
        for wanted in [
            format!("{rest} can bo."),
            format!("{rest} {SLOT}."),
            format!("Kinh gui {SLOT}: {rest} can bo."),
            format!("Kinh gui {SLOT}: {rest} {SLOT}."),
        ] {
            assert!(sms.contains(&wanted.as_str()), "{wanted}: {sms:?}");
        }
        assert_eq!(sms.len(), 4);
        let mail = &forms[&keys[1]];
        assert!(mail.contains(&(What::Subject, format!("Gửi {SLOT}"))), "{mail:?}");
        assert!(mail.contains(&(What::Mail, "Xem trang này.".to_string())), "{mail:?}");
    }
}
