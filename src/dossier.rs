//! Everything known about one person: what an officer looks at, and the copy that the person is entitled to (Luật Bảo vệ dữ
//! liệu cá nhân 91/2025/QH15, Điều 4).
//!
//! What enters is a reference; what leaves is a [`Dossier`] with every row that hangs on the person or on one of their
//! addresses: fields, groups, consents, refusals, lists, messages with what became of them, replies, requests. It holds
//! plain personal data: [`Dossier::veiled`] hides it for whoever only looks. A row that the key does not open is an error:
//! half a copy is none. [`COVERS`] says which table stands where; a test goes over the schema and names what is forgotten.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use providers::{Channel, mask};
use serde::{Serialize, Serializer};

use crate::{
    audience::{address::ChatService, block::Binds, phone::Carrier, place::Places},
    consent::{self, Scope, agreement},
    db::{Db, DbError, Result, Sql},
    delivery::{State, Why, channel_of},
    on,
    reply::{Meaning, confirmation},
    request::{self, FOR_EVER},
    seal::{Kind, Seal},
};

/// Which tables hold something about a person, and where in a dossier it stands: a key, and a list's key within it.
/// `tests/engines/people.rs` fills each of them and looks. A new table with a recipient, an address, a delivery or sealed
/// bytes in it belongs here and into [`crate::audience::erase`]: `suppression`, for one, beside `opt_out`.
pub const COVERS: &[(&str, &str)] = &[
    ("recipient", "person"),
    ("membership", "groups"),
    ("consent", "consents"),
    ("opt_out", "refusals"),
    ("consent_event", "refusals.history"),
    ("block", "lists"),
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
        let at = DateTime::<Utc>::from_timestamp_millis(self.0).unwrap_or_default();
        let at = at.with_timezone(&chrono_tz::Asia::Ho_Chi_Minh);
        serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Secs, false))
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

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    r#ref: String,
    source: String,
    state: i16,
    name: Option<String>,
    lang: Option<String>,
    area: Option<String>,
    born: Option<String>,
    carrier: i16,
    attributes: String,
    phone: Option<Vec<u8>>,
    phone_hash: Option<i64>,
    email: Option<Vec<u8>>,
    email_hash: Option<i64>,
    chat: Option<Vec<u8>>,
    chat_hash: Option<i64>,
    chat_service: i16,
    silent_until: i64,
    updated_at: i64,
}

static PERSON: Sql = Sql::new(
    r"SELECT id, ref, source, state, name, lang, area, born, carrier, attributes, phone, phone_hash, email, email_hash, chat,
        chat_hash, chat_service, silent_until, updated_at FROM recipient WHERE ref = $1 AND state < 2",
);

/// Everything known about the person with this reference; none: nobody has it.
pub async fn find(db: &Db, seal: &Seal, reference: &str) -> Result<Option<Dossier>> {
    let row: Option<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&PERSON)).bind(reference).fetch_optional(pool).await)?;
    let Some(row) = row else { return Ok(None) };
    let id = row.id;
    let addresses: Vec<(Channel, i64)> =
        [(Channel::Sms, row.phone_hash), (Channel::Email, row.email_hash), (Channel::Chat, row.chat_hash)]
            .into_iter()
            .filter_map(|(channel, hash)| Some((channel, hash?)))
            .collect();
    Ok(Some(Dossier {
        person: row.person(seal)?,
        groups: groups(db, id).await?,
        consents: agreement::history(db, id).await?.into_iter().map(Consent::of).collect(),
        refusals: refusals(db, &addresses).await?,
        lists: lists(db, &addresses).await?,
        messages: messages(db, id).await?,
        contacts: contacts(db, id).await?,
        advertising: adverts(db, &addresses).await?,
        replies: replies(db, seal, &addresses).await?,
        confirmations: confirmations(db, &addresses).await?,
        requests: request::of(db, seal, id).await?.into_iter().map(Request::of).collect(),
    }))
}

impl Row {
    fn person(self, seal: &Seal) -> Result<Person> {
        let id = self.id;
        let open = |kind, sealed: Option<Vec<u8>>| {
            let broken = |error| DbError::Refused(format!("recipient {id}: {error}"));
            sealed.map(|sealed| seal.open(kind, &sealed)).transpose().map_err(broken)
        };
        let carrier = Carrier::from_number(i64::from(self.carrier)).filter(|carrier| *carrier != Carrier::Unknown);
        Ok(Person {
            phone: open(Kind::Phone, self.phone)?,
            email: open(Kind::Email, self.email)?,
            chat: open(Kind::Chat, self.chat)?,
            chat_service: ChatService::from_number(i64::from(self.chat_service)).map(ChatService::name),
            area_name: self.area.as_deref().and_then(|area| Places::built_in().full_name(area)),
            carrier: carrier.map(Carrier::name),
            attributes: serde_json::from_str(&self.attributes).unwrap_or_default(),
            silent_until: (self.silent_until > 0).then_some(Moment(self.silent_until)),
            state: if self.state == 0 { "active" } else { "retired" },
            updated_at: Moment(self.updated_at),
            number: self.id,
            r#ref: self.r#ref,
            source: self.source,
            name: self.name,
            lang: self.lang,
            area: self.area,
            born: self.born,
        })
    }
}

static GROUPS: Sql = Sql::new(r"SELECT grp FROM membership WHERE recipient = $1 ORDER BY grp");

async fn groups(db: &Db, id: i64) -> Result<Vec<String>> {
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&GROUPS)).bind(id).fetch_all(pool).await)
}

impl Consent {
    fn of(entry: agreement::Entry) -> Self {
        Self {
            channel: Channel::from_number(i64::from(entry.channel)).map_or("all", Channel::name),
            given: entry.given,
            basis: entry.basis,
            source: entry.source,
            wording: entry.wording,
            at: Moment(entry.at),
            recorded_at: Moment(entry.recorded_at),
            by: entry.by_whom,
        }
    }
}

async fn refusals(db: &Db, addresses: &[(Channel, i64)]) -> Result<Vec<Refusal>> {
    let mut refusals = Vec::new();
    for (channel, address) in addresses {
        let standing = consent::standing(db, *channel, &[*address]).await?.remove(address).unwrap_or_default();
        let said = |event: consent::Event| Said {
            refused: event.refused.map(Scope::name),
            until: event.until.map(Moment),
            at: Moment(event.at),
            source: event.source,
            wording: event.wording,
        };
        let history: Vec<Said> = consent::history(db, *channel, *address).await?.into_iter().map(said).collect();
        if standing != consent::Standing::default() || !history.is_empty() {
            refusals.push(Refusal {
                channel: *channel,
                lasting: standing.lasting.map(Scope::name),
                passing: standing.passing.map(|(scope, _)| scope.name()),
                until: standing.passing.map(|(_, until)| Moment(until)),
                history,
            });
        }
    }
    Ok(refusals)
}

static LISTS: Sql = Sql::new(
    r"SELECT l.name, b.binds FROM block b LEFT JOIN block_list l ON l.id = b.list WHERE b.channel = $1 AND b.address = $2 ORDER BY b.list",
);

async fn lists(db: &Db, addresses: &[(Channel, i64)]) -> Result<Vec<Listed>> {
    let mut lists = Vec::new();
    for (channel, address) in addresses {
        let rows: Vec<(Option<String>, i16)> =
            on!(db.read, |pool, sql| { sqlx::query_as(sql(&LISTS)).bind(*channel as i16).bind(address).fetch_all(pool).await })?;
        lists.extend(rows.into_iter().map(|(list, binds)| {
            let binds = if binds == Binds::Everything as i16 { Binds::Everything } else { Binds::Advertising };
            Listed { channel: *channel, list: list.unwrap_or_default(), binds: binds.name() }
        }));
    }
    Ok(lists)
}

#[derive(sqlx::FromRow)]
struct Sent {
    id: i64,
    run: i64,
    campaign: String,
    date: String,
    state: i16,
    reason: i16,
    account: Option<String>,
    attempt: i16,
    parts: i16,
    price: i64,
    updated_at: i64,
    remark: Option<String>,
}

// A look at a handful of numbers for each run: a person's deliveries have no index of their own.
static MESSAGES: Sql = Sql::new(
    r"SELECT d.id, x.id AS run, x.campaign, x.date, d.state, d.reason, a.name AS account, d.attempt, d.parts, d.price, d.updated_at,
             m.detail AS remark
      FROM run x JOIN delivery d ON d.id BETWEEN (x.id << 36) + ($1 << 4) AND (x.id << 36) + ($1 << 4) + 15
      LEFT JOIN account a ON a.id = d.account LEFT JOIN remark m ON m.delivery = d.id ORDER BY d.id DESC",
);

static ATTEMPTS: Sql = Sql::new(
    r"SELECT t.attempt, a.name, t.state, t.parts, t.price, t.at FROM attempt t LEFT JOIN account a ON a.id = t.account
      WHERE t.delivery = $1 ORDER BY t.attempt",
);

static HANDLES: Sql = Sql::new(r"SELECT id FROM handle WHERE delivery = $1 ORDER BY attempt, part");

async fn messages(db: &Db, id: i64) -> Result<Vec<Message>> {
    type Left = (i16, Option<String>, i16, i16, i64, i64);
    let rows: Vec<Sent> = on!(db.read, |pool, sql| sqlx::query_as(sql(&MESSAGES)).bind(id).fetch_all(pool).await)?;
    let mut messages = Vec::with_capacity(rows.len());
    for row in rows {
        let left: Vec<Left> = on!(db.read, |pool, sql| sqlx::query_as(sql(&ATTEMPTS)).bind(row.id).fetch_all(pool).await)?;
        let gateway_ids = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&HANDLES)).bind(row.id).fetch_all(pool).await)?;
        let attempt = |(attempt, account, state, parts, price, at): Left| Attempt {
            attempt,
            account,
            state: State::from_number(state).name(),
            parts,
            price,
            at: Moment(at),
        };
        let why = Why::from_number(row.reason);
        messages.push(Message {
            run: row.run,
            campaign: row.campaign,
            date: row.date,
            channel: channel(channel_of(row.id)),
            state: State::from_number(row.state).name(),
            reason: (why != Why::Nothing).then(|| why.name()),
            account: row.account,
            attempt: row.attempt,
            parts: row.parts,
            price: row.price,
            at: Moment(row.updated_at),
            remark: row.remark,
            attempts: left.into_iter().map(attempt).collect(),
            gateway_ids,
        });
    }
    Ok(messages)
}

/// Numbers in the rows are those of channels.
fn channel(number: i16) -> Channel {
    Channel::from_number(i64::from(number)).unwrap_or(Channel::Sms)
}

static CONTACTS: Sql = Sql::new(r"SELECT run, at FROM contact WHERE recipient = $1 ORDER BY run");

async fn contacts(db: &Db, id: i64) -> Result<Vec<Contact>> {
    let rows: Vec<(i64, i64)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&CONTACTS)).bind(id).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(|(run, at)| Contact { run, at: Moment(at) }).collect())
}

static ADVERTS: Sql = Sql::new(r"SELECT at FROM advert WHERE channel = $1 AND address = $2 ORDER BY at");

async fn adverts(db: &Db, addresses: &[(Channel, i64)]) -> Result<Vec<Advert>> {
    let mut adverts = Vec::new();
    for (channel, address) in addresses {
        let rows: Vec<i64> = on!(db.read, |pool, sql| {
            sqlx::query_scalar(sql(&ADVERTS)).bind(*channel as i16).bind(address).fetch_all(pool).await
        })?;
        adverts.extend(rows.into_iter().map(|at| Advert { channel: *channel, at: Moment(at) }));
    }
    Ok(adverts)
}

static REPLIES: Sql = Sql::new(r"SELECT id, at, text, meaning FROM inbound WHERE channel = $1 AND address = $2 ORDER BY id");

async fn replies(db: &Db, seal: &Seal, addresses: &[(Channel, i64)]) -> Result<Vec<Reply>> {
    let mut replies = Vec::new();
    for (channel, address) in addresses {
        let rows: Vec<(i64, i64, Option<Vec<u8>>, i16)> = on!(db.read, |pool, sql| {
            sqlx::query_as(sql(&REPLIES)).bind(*channel as i16).bind(address).fetch_all(pool).await
        })?;
        for (id, at, text, meaning) in rows {
            let text = text.map(|text| seal.open_text(&text)).transpose();
            let text = text.map_err(|error| DbError::Refused(format!("message {id}: {error}")))?;
            replies.push(Reply { at: Moment(at), channel: *channel, meaning: Meaning::from_number(meaning).name(), text });
        }
    }
    Ok(replies)
}

static CONFIRMATIONS: Sql = Sql::new(r"SELECT at, state FROM confirmation WHERE channel = $1 AND address = $2 ORDER BY id");

async fn confirmations(db: &Db, addresses: &[(Channel, i64)]) -> Result<Vec<Confirmation>> {
    let mut confirmations = Vec::new();
    for (channel, address) in addresses {
        let rows: Vec<(i64, i16)> = on!(db.read, |pool, sql| {
            sqlx::query_as(sql(&CONFIRMATIONS)).bind(*channel as i16).bind(address).fetch_all(pool).await
        })?;
        confirmations.extend(rows.into_iter().map(|(at, state)| {
            let state = confirmation::State::from_number(state).name();
            Confirmation { at: Moment(at), channel: *channel, state }
        }));
    }
    Ok(confirmations)
}

impl Request {
    fn of(request: request::Request) -> Self {
        let step = |event: request::Event| RequestStep {
            action: event.action.name(),
            at: Moment(event.at),
            by: event.by,
            note: event.note,
        };
        Self {
            number: request.id,
            kind: request.kind.name(),
            state: request.state.name(),
            received_at: Moment(request.received_at),
            due_at: Moment(request.due_at),
            answered_at: request.answered_at.map(Moment),
            closed_at: request.closed_at.map(Moment),
            until: request.until.map(Moment),
            note: request.note,
            history: request.history.into_iter().map(step).collect(),
        }
    }
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
