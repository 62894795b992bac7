//! The texts that went out, ready to be compared with what somebody got.
//!
//! What enters: what went out, and the frozen definitions; what leaves: an index of every form that each text may take ([`Texts`]),
//! with when and by whom it was sent. A field of a person's own is a slot, and a choice in a text (`{% if name %}`) makes a form
//! either way ([`form`](super::form)). What can go wrong: the database; a definition that this version cannot fill in is left out, and the
//! log says so.

use std::collections::{BTreeMap, HashMap};

use providers::Channel;

use super::{
    form::{Form, forms},
    went::{Run, Went, WentOut},
};
use crate::{
    campaign::Campaign,
    config::Config,
    db::{Db, DbError, Result},
    definition,
    genuine::{Index, Original},
    phrase,
    relay::Step,
    words::Phrase,
};

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
            // An Update took the place of what nobody holds any more, or a Cancel withdrew it.
            let followed = one.orders.iter().filter(|order| order.step != Step::Alert).map(|order| order.sent_at).max();
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
                        withdrawn: withdrawn.or(followed).filter(|_| order.standing == 0),
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
