//! The texts that went out, ready to be compared with what somebody got.
//!
//! What enters: what went out, and the frozen definitions; what leaves: an index of every form that each text may take ([`Texts`]),
//! with when and by whom it was sent. A field of a person's own is a slot, and a choice in a text (`{% if name %}`) makes a form
//! either way. What can go wrong: the database; a definition that this version cannot fill in is left out, and the log says so.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use providers::{Channel, Content};

use super::went::{Run, Went, WentOut};
use crate::{
    campaign::Campaign,
    config::{Account, CARRIERS, Config},
    db::{Db, DbError, Result},
    definition,
    genuine::{Index, Original, SLOT},
    message::{Person, RenderError, Templates, Terms},
    phrase,
    relay::Step,
    words::Phrase,
};

/// Stands for what each person has of their own while a text is filled in: plain letters, which every alphabet and filter leaves whole.
const MARK: &str = "QZXWXZQ";
/// Fields of which every combination is tried; of more, all and none.
const FIELDS: usize = 4;

/// How a text went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// By SMS.
    Sms,
    /// In a chat.
    Chat,
    /// The subject of a mail: many a mail may have the same.
    Subject,
    /// A mail.
    Mail,
    /// In carriers' own applications.
    App,
    /// Read out, hung up or published by others.
    Material,
}

impl What {
    /// What people call it.
    pub fn label(self) -> Phrase {
        match self {
            Self::Sms => phrase!("tin nhắn SMS", "text message"),
            Self::Chat => phrase!("tin nhắn Zalo", "chat message"),
            Self::Subject => phrase!("tiêu đề thư điện tử", "subject of an e-mail"),
            Self::Mail => phrase!("thư điện tử", "e-mail"),
            Self::App => phrase!("thông báo trong ứng dụng của nhà mạng", "notification in a carrier's app"),
            Self::Material => phrase!("tài liệu phổ biến", "published material"),
        }
    }
}

/// A text that went out, and when. Times are unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// How.
    pub what: What,
    /// The names it goes under; none: not known.
    pub senders: Vec<String>,
    /// What it is about.
    pub title: String,
    /// When it first went out.
    pub first: i64,
    /// When it last ended; none: it is still being sent.
    pub last: Option<i64>,
    /// When it was corrected or withdrawn.
    pub withdrawn: Option<i64>,
}

/// Every text that went out.
#[derive(Debug, Default)]
pub struct Texts {
    /// Ready to be looked up; its numbers are places in `sent`.
    pub index: Index,
    sent: Vec<Sent>,
}

impl Texts {
    /// How one of them was sent.
    pub fn sent(&self, original: &Original) -> Option<&Sent> {
        self.sent.get(usize::try_from(original.id).ok()?)
    }
}

/// A form of a text: how it goes, and the text with its slots.
type Form = (What, String);

/// Forms by definition, message, channel and account: what is frozen is filled in once.
#[derive(Debug, Default)]
pub(super) struct Forms {
    by_definition: HashMap<String, Filled>,
}

#[derive(Debug)]
struct Filled {
    title: String,
    campaign: Option<Campaign>,
    forms: HashMap<(usize, Channel, String), Vec<Form>>,
}

impl Forms {
    /// All texts, of all that went out.
    pub async fn texts(&mut self, db: &Db, config: &Config, went: &WentOut) -> Result<Texts> {
        let mut found: BTreeMap<(What, String, Vec<String>), Sent> = BTreeMap::new();
        let mut note = |text: &str, sent: Sent| {
            let key = (sent.what, text.to_string(), sent.senders.clone());
            let entry = found.entry(key).or_insert_with(|| sent.clone());
            entry.first = entry.first.min(sent.first);
            entry.last = entry.last.zip(sent.last).map(|(a, b)| a.max(b));
            // What was sent again since holds again.
            entry.withdrawn = entry.withdrawn.zip(sent.withdrawn).map(|(a, b)| a.max(b));
        };
        let corrected = corrected(went);
        for one in went.all().values() {
            // Advice that was stopped is no worse for it; a warning that was, does not hold.
            let ended = one.withdrawn_at().filter(|_| one.run.is_warning() || one.ways.is_empty());
            let withdrawn = ended.or_else(|| corrected.get(&one.run.id).copied());
            let filled = self.filled(db, config, one).await?;
            for (channel, account) in &one.ways {
                let senders = senders(config, *channel, account);
                for message in filled.messages(&one.run) {
                    let forms = filled.forms.get(&(message, *channel, account.clone())).into_iter().flatten();
                    for (what, text) in forms {
                        let sent = Sent {
                            what: *what,
                            senders: senders.clone(),
                            title: filled.title.clone(),
                            first: one.run.created_at,
                            last: one.run.settled_at,
                            withdrawn,
                        };
                        note(text, sent);
                    }
                }
            }
            for order in one.orders.iter().filter(|order| order.step != Step::Cancel) {
                let content = &order.content;
                let sms = content.sms.as_ref().map(|sms| &sms.text);
                let texts = [(What::Sms, sms), (What::App, content.app.as_ref()), (What::Material, content.material.as_ref())];
                for (what, text) in texts {
                    let Some(text) = text else { continue };
                    let senders: Vec<String> = content.sender_name.iter().filter(|_| what == What::Sms).cloned().collect();
                    let sent = Sent {
                        what,
                        senders,
                        title: content.title.clone(),
                        first: order.sent_at,
                        last: Some(order.expires_at),
                        withdrawn: withdrawn.filter(|_| order.standing == 0),
                    };
                    note(text, sent);
                }
            }
        }
        Ok(indexed(config, found))
    }

    /// A run's definition with the forms of its texts.
    async fn filled(&mut self, db: &Db, config: &Config, went: &Went) -> Result<&Filled> {
        let hash = &went.run.definition;
        if !self.by_definition.contains_key(hash) {
            let campaign = match definition::campaign(db, hash).await {
                Ok(campaign) => Some(campaign),
                Err(DbError::Refused(why)) => {
                    tracing::warn!(definition = hash, why, "texts that went out cannot be looked up");
                    None
                }
                Err(error) => return Err(error),
            };
            let title = campaign.as_ref().map(|campaign| campaign.title.clone()).unwrap_or_default();
            self.by_definition.insert(hash.clone(), Filled { title, campaign, forms: HashMap::new() });
        }
        let Some(filled) = self.by_definition.get_mut(hash) else {
            return Err(DbError::Refused("a definition that was just kept is gone".to_string()));
        };
        let ways = went.ways.iter();
        let wanted: Vec<(usize, Channel, String)> = ways
            .flat_map(|(channel, account)| {
                filled.messages(&went.run).into_iter().map(move |message| (message, *channel, account.clone()))
            })
            .filter(|key| !filled.forms.contains_key(key))
            .collect();
        if !wanted.is_empty()
            && let Some(campaign) = filled.campaign.clone()
        {
            let config = config.clone();
            // Templates are compiled and filled in: not while others wait for an answer.
            let made = tokio::task::spawn_blocking(move || forms(&campaign, &config, wanted)).await;
            filled.forms.extend(made.map_err(|error| DbError::Refused(format!("texts could not be filled in: {error}")))?);
        }
        Ok(filled)
    }
}

impl Filled {
    /// The messages that a run has, by their places.
    fn messages(&self, run: &Run) -> Vec<usize> {
        let Some(campaign) = &self.campaign else { return Vec::new() };
        let main = campaign.messages.iter().position(|message| message.id == run.message);
        let turn = u64::try_from(run.turn).unwrap_or(0);
        let special = campaign.messages_for_segments(run.date.parse().unwrap_or_default(), turn);
        main.into_iter().chain(special.into_iter().map(|(message, _)| message)).collect()
    }
}

/// When runs were corrected.
fn corrected(went: &WentOut) -> BTreeMap<i64, i64> {
    let all = went.all();
    let corrections = all.values().filter_map(|one| Some((one.run.corrects()?, one.run.created_at)));
    let mut corrected: BTreeMap<i64, i64> = corrections.collect();
    // What says the same as a corrected run is corrected with it.
    for one in all.values() {
        if let Some(at) = one.run.again().and_then(|parent| corrected.get(&parent).copied()) {
            corrected.entry(one.run.id).or_insert(at);
        }
    }
    corrected
}

fn indexed(config: &Config, found: BTreeMap<(What, String, Vec<String>), Sent>) -> Texts {
    let mut texts = Texts::default();
    let mut found: Vec<_> = found.into_iter().collect();
    // The later of two alike is shown; a whole text before a subject.
    found.sort_by_key(|((what, ..), sent)| (*what != What::Subject, sent.withdrawn.is_none(), sent.first));
    for ((_, text, senders), sent) in found {
        let id = i64::try_from(texts.sent.len()).unwrap_or(i64::MAX);
        texts.index.insert(Original { id, sender: senders.join("\n"), text });
        texts.sent.push(sent);
    }
    let host = config.server.public_url.as_deref().and_then(|url| url.split_once("://")).map(|(_, rest)| rest);
    if let Some(host) = host.and_then(|rest| rest.split(['/', ':']).next()).filter(|host| !host.is_empty()) {
        texts.index.own_host(host);
    }
    texts
}

/// The names that an account sends under.
fn senders(config: &Config, channel: Channel, account: &str) -> Vec<String> {
    let account = config.accounts.iter().find(|one| one.name == account);
    let setting = |key: &str| account.and_then(|account| account.settings.get(key)).and_then(toml::Value::as_str);
    match channel {
        Channel::Sms => setting("sender").into_iter().map(str::to_string).collect(),
        Channel::Email => {
            let Some(from) = setting("from") else { return Vec::new() };
            let (name, address) = from.rsplit_once('<').unwrap_or(("", from));
            let parts = [name.trim().trim_matches('"'), address.trim().trim_end_matches('>')];
            parts.into_iter().filter(|part| !part.is_empty()).map(str::to_string).collect()
        }
        Channel::Chat => Vec::new(),
    }
}

/// Every form that these texts of a campaign may take.
fn forms(
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
