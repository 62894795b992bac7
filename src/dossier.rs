//! Everything known about one person: what an officer looks at, and the copy that the person is entitled to (Luật Bảo vệ dữ
//! liệu cá nhân 91/2025/QH15, Điều 4).
//!
//! What enters is a reference; what leaves is a [`Dossier`] with every row that hangs on the person or on one of their
//! addresses: fields, groups, consents, refusals, lists, messages with what became of them, replies, requests. It holds
//! plain personal data: [`Dossier::veiled`] hides it for whoever only looks. A row that the key does not open is an error:
//! half a copy is none. [`COVERS`] says which table stands where; a test goes over the schema and names what is forgotten.

mod read;

pub use read::find;

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use providers::{Channel, mask};
use serde::{Serialize, Serializer};

use crate::{clock::local, request::FOR_EVER};

/// Which tables hold something about a person, and where in a dossier it stands: a key, and a list's key within it.
/// `tests/engines/people.rs` fills each of them and looks. A new table with a recipient, an address, a delivery or sealed
/// bytes in it belongs here and into [`crate::audience::erase`].
pub const COVERS: &[(&str, &str)] = &[
    ("recipient", "person"),
    ("membership", "groups"),
    ("consent", "consents"),
    ("opt_out", "refusals"),
    ("consent_event", "refusals.history"),
    ("block", "lists"),
    ("suppression", "suppressions"),
    ("bounce", "bounces"),
    ("delivery", "messages"),
    ("attempt", "messages.attempts"),
    ("remark", "messages.remark"),
    ("handle", "messages.gateway_ids"),
    ("contact", "contacts"),
    ("advert", "advertising"),
    ("inbound", "replies"),
    ("confirmation", "confirmations"),
    ("request", "requests"),
    ("request_event", "requests.history"),
];

/// A moment, in unix milliseconds; written as people and programs read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&local(self.0).to_rfc3339_opts(SecondsFormat::Secs, false))
    }
}

/// Everything known about one person.
#[derive(Debug, Clone, Serialize)]
pub struct Dossier {
    /// The person's own fields.
    pub person: Person,
    /// The groups that a list names.
    pub groups: Vec<String>,
    /// Why the person may be written to, and every change of it.
    pub consents: Vec<Consent>,
    /// What the person's addresses refuse, and every word about it.
    pub refusals: Vec<Refusal>,
    /// Lists of those never to be written to that name an address.
    pub lists: Vec<Listed>,
    /// Addresses that nothing is sent to any more, because it failed there or a complaint came.
    pub suppressions: Vec<Failed>,
    /// What failed at an address, and complaints.
    pub bounces: Vec<Failed>,
    /// Every message, the latest first.
    pub messages: Vec<Message>,
    /// When the person was last written to, by run: what caps count.
    pub contacts: Vec<Contact>,
    /// Advertising of the last day: what its daily most counts.
    pub advertising: Vec<Advert>,
    /// What the person wrote back.
    pub replies: Vec<Reply>,
    /// What the person was told about a refusal.
    pub confirmations: Vec<Confirmation>,
    /// What the person asked about their data.
    pub requests: Vec<Request>,
}

/// A person's fields, as the lists said.
#[derive(Debug, Clone, Serialize)]
pub struct Person {
    /// The list's reference.
    pub r#ref: String,
    /// The row's number.
    pub number: i64,
    /// `active` or `retired`.
    pub state: &'static str,
    /// Which list.
    pub source: String,
    /// Full name.
    pub name: Option<String>,
    /// E.164.
    pub phone: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Id at a chat service.
    pub chat: Option<String>,
    /// Which service.
    pub chat_service: Option<&'static str>,
    /// Language.
    pub lang: Option<String>,
    /// Area code.
    pub area: Option<String>,
    /// Its name.
    pub area_name: Option<String>,
    /// Date of birth.
    pub born: Option<String>,
    /// Carrier group of the phone.
    pub carrier: Option<&'static str>,
    /// Further columns of the list.
    pub attributes: BTreeMap<String, String>,
    /// Nothing is sent until then, at the person's wish.
    pub silent_until: Option<Moment>,
    /// When the row last changed.
    pub updated_at: Moment,
}

/// One word about the person's agreement.
#[derive(Debug, Clone, Serialize)]
pub struct Consent {
    /// The channel; `all`: what the list says.
    pub channel: &'static str,
    /// Agreed, or withdrew.
    pub given: bool,
    /// The legal basis.
    pub basis: String,
    /// Where it comes from.
    pub source: String,
    /// What was agreed to.
    pub wording: String,
    /// When the person said so.
    pub at: Moment,
    /// When it was written down.
    pub recorded_at: Moment,
    /// By whom.
    pub by: String,
}

/// What an address refuses.
#[derive(Debug, Clone, Serialize)]
pub struct Refusal {
    /// The channel.
    pub channel: Channel,
    /// For good; none: nothing.
    pub lasting: Option<&'static str>,
    /// For a time.
    pub passing: Option<&'static str>,
    /// Its end.
    pub until: Option<Moment>,
    /// Every word, oldest first.
    pub history: Vec<Said>,
}

/// One word about a refusal.
#[derive(Debug, Clone, Serialize)]
pub struct Said {
    /// What was refused; none: it was taken back.
    pub refused: Option<&'static str>,
    /// The end of a refusal for a time.
    pub until: Option<Moment>,
    /// When.
    pub at: Moment,
    /// `link`, `reply`, `gateway`, `officer`, `request`.
    pub source: String,
    /// The words.
    pub wording: String,
}

/// A list that names an address.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// The channel.
    pub channel: Channel,
    /// The list.
    pub list: String,
    /// What it binds.
    pub binds: &'static str,
}

/// A failure at an address.
#[derive(Debug, Clone, Serialize)]
pub struct Failed {
    /// The channel.
    pub channel: Channel,
    /// Why.
    pub reason: &'static str,
    /// The server's words.
    pub detail: String,
    /// When.
    pub at: Moment,
}

/// A message.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    /// The run.
    pub run: i64,
    /// The campaign.
    pub campaign: String,
    /// The day that the run was for.
    pub date: String,
    /// The channel.
    pub channel: Channel,
    /// How it stands.
    pub state: &'static str,
    /// Why, where it failed.
    pub reason: Option<&'static str>,
    /// By which account.
    pub account: Option<String>,
    /// Which attempt.
    pub attempt: i16,
    /// Parts, of all attempts.
    pub parts: i16,
    /// Đồng, of all attempts.
    pub price: i64,
    /// When it last changed.
    pub at: Moment,
    /// What a gateway said of its failure.
    pub remark: Option<String>,
    /// Attempts before the present one.
    pub attempts: Vec<Attempt>,
    /// The gateways' ids for it.
    pub gateway_ids: Vec<String>,
}

/// An attempt that was left behind.
#[derive(Debug, Clone, Serialize)]
pub struct Attempt {
    /// Its number.
    pub attempt: i16,
    /// By which account.
    pub account: Option<String>,
    /// How it stands.
    pub state: &'static str,
    /// Parts.
    pub parts: i16,
    /// Đồng.
    pub price: i64,
    /// When.
    pub at: Moment,
}

/// A contact.
#[derive(Debug, Clone, Serialize)]
pub struct Contact {
    /// The run.
    pub run: i64,
    /// When.
    pub at: Moment,
}

/// An advertising message of the last day.
#[derive(Debug, Clone, Serialize)]
pub struct Advert {
    /// The channel.
    pub channel: Channel,
    /// When.
    pub at: Moment,
}

/// A message from the person.
#[derive(Debug, Clone, Serialize)]
pub struct Reply {
    /// When it came.
    pub at: Moment,
    /// Over which channel.
    pub channel: Channel,
    /// What it says.
    pub meaning: &'static str,
    /// What was written; none for a refusal, whose words are in its record.
    pub text: Option<String>,
}

/// An answer to a refusal.
#[derive(Debug, Clone, Serialize)]
pub struct Confirmation {
    /// When the refusal came.
    pub at: Moment,
    /// Over which channel.
    pub channel: Channel,
    /// How far the answer is.
    pub state: &'static str,
}

/// A request.
#[derive(Debug, Clone, Serialize)]
pub struct Request {
    /// Its number.
    pub number: i64,
    /// What was asked.
    pub kind: &'static str,
    /// How far it is.
    pub state: &'static str,
    /// When it came.
    pub received_at: Moment,
    /// When it had to be done.
    pub due_at: Moment,
    /// When the person was answered.
    pub answered_at: Option<Moment>,
    /// When it was closed.
    pub closed_at: Option<Moment>,
    /// Its end, if it silences.
    pub until: Option<Moment>,
    /// What the person said.
    pub note: Option<String>,
    /// Every step.
    pub history: Vec<RequestStep>,
}

/// A step of a request.
#[derive(Debug, Clone, Serialize)]
pub struct RequestStep {
    /// What was done.
    pub action: &'static str,
    /// When.
    pub at: Moment,
    /// By whom.
    pub by: String,
    /// What was said about it.
    pub note: Option<String>,
}

/// What stands for something that is not shown.
const HIDDEN: &str = "•••";

impl Dossier {
    /// The same for whoever only looks: addresses masked, the year of birth alone, and nothing that anybody wrote.
    #[must_use]
    pub fn veiled(mut self) -> Self {
        let person = &mut self.person;
        for address in [&mut person.phone, &mut person.email, &mut person.chat].into_iter().flatten() {
            *address = mask(address);
        }
        if let Some(name) = &mut person.name {
            *name = initials(name);
        }
        if let Some(born) = &mut person.born {
            born.truncate(4);
        }
        for value in person.attributes.values_mut() {
            *value = HIDDEN.to_string();
        }
        let hide = |text: &mut String| {
            if !text.is_empty() {
                *text = HIDDEN.to_string();
            }
        };
        let texts = self.replies.iter_mut().map(|reply| &mut reply.text);
        let remarks = self.messages.iter_mut().map(|message| &mut message.remark);
        let notes = self
            .requests
            .iter_mut()
            .flat_map(|request| std::iter::once(&mut request.note).chain(request.history.iter_mut().map(|step| &mut step.note)));
        texts.chain(remarks).chain(notes).flatten().for_each(hide);
        self.suppressions.iter_mut().chain(&mut self.bounces).for_each(|failed| hide(&mut failed.detail));
        // The words of a button or of a refusal by text are nobody's own.
        let said = self.refusals.iter_mut().flat_map(|refusal| &mut refusal.history);
        said.filter(|said| !matches!(said.source.as_str(), "link" | "reply")).for_each(|said| hide(&mut said.wording));
        self
    }
}

/// `Nguyễn Thị Hoa` → `N. T. H.`.
fn initials(name: &str) -> String {
    let first = |word: &str| word.chars().next().map(|letter| format!("{letter}."));
    name.split_whitespace().filter_map(first).collect::<Vec<_>>().join(" ")
}

impl Moment {
    /// Whether it never comes.
    pub const fn is_never(self) -> bool {
        self.0 >= FOR_EVER
    }
}
