//! What a message costs by text message: parts as each account bills them, times each carrier's price, times the people who
//! would get it that way; in the spelling that was chosen and in the other one.

use providers::{Channel, Content};

use super::Preview;
use crate::{
    audience::{
        count::{Bounds, phones},
        phone::Carrier,
        segment::{Compiled, SegmentError, compile, compile_audience},
    },
    campaign::{Campaign, Condition, Policy, Segments, SmsBody, SmsText},
    config::{Account, CARRIERS},
    db::{Db, DbError, Engine, Result},
    message::{Person, Terms, review},
};

/// Text messages and their price, before any is sent. đồng.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// Phone numbers that would get it at first.
    pub numbers: i64,
    /// By account, in the order of loa.toml.
    pub rows: Vec<Row>,
    /// How the campaign has its texts sent.
    pub chosen: SmsText,
    /// Numbers and đồng if every earlier channel failed everybody; none where there is no earlier one.
    pub most: Option<(i64, i64)>,
    /// Numbers whose carrier no account serves.
    pub unserved: i64,
}

/// What goes by one account.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name.
    pub account: String,
    /// Phone numbers.
    pub numbers: i64,
    /// As the campaign has it sent.
    pub chosen: Cost,
    /// In the other spelling; none where it cannot be sent in it, or is the same.
    pub other: Option<Cost>,
}

/// What one spelling costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Of the longest language, with typical fields, as the account bills them.
    pub parts: u16,
    /// Đồng.
    pub price: i64,
    /// Numbers to which the account would not send the text as it is.
    pub refused: i64,
}

/// The phone numbers that a message would go to, by carrier: what an estimate asks of the database.
#[derive(Debug, Clone, Default)]
pub struct Numbers {
    /// At first.
    first: Vec<(Carrier, i64)>,
    /// If every earlier channel failed everybody; none where there is no earlier one.
    most: Option<Vec<(Carrier, i64)>>,
}

impl Numbers {
    /// Numbers that are known already, by carrier.
    pub const fn known(first: Vec<(Carrier, i64)>) -> Self {
        Self { first, most: None }
    }
}

/// What an estimate asks of the database, ready to be asked. Whatever asks alike gets the same answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    people: Compiled,
    bounds: Bounds,
    before: Vec<Channel>,
}

impl Question {
    /// Of one message; none if it has no text message.
    pub fn of(
        preview: &Preview<'_>,
        segments: &Segments,
        index: usize,
        engine: Engine,
        now: i64,
    ) -> std::result::Result<Option<Self>, SegmentError> {
        let campaign = preview.campaign;
        let order = &campaign.channels.order;
        let place = order.iter().position(|channel| *channel == Channel::Sms);
        let Some(place) = place.filter(|_| preview.templates.has(index, Channel::Sms)) else { return Ok(None) };
        let people = audience(segments, campaign, index, engine, now)?;
        let before: Vec<Channel> = match campaign.channels.policy {
            Policy::First => order[..place].iter().copied().filter(|channel| preview.templates.has(index, *channel)).collect(),
            Policy::All => Vec::new(),
        };
        Ok(Some(Self { people, bounds: Bounds::of(campaign, now), before }))
    }

    /// Asks. At a million people this takes a second or more.
    pub async fn ask(&self, db: &Db) -> Result<Numbers> {
        let first = phones(db, &self.people, self.bounds, &self.before).await?;
        let most = if self.before.is_empty() { None } else { Some(phones(db, &self.people, self.bounds, &[]).await?) };
        Ok(Numbers { first, most })
    }
}

/// The estimate of one message; none if it has no text message.
pub async fn of(db: &Db, segments: &Segments, preview: &Preview<'_>, index: usize, now: i64) -> Result<Option<Estimate>> {
    let question = Question::of(preview, segments, index, db.engine(), now);
    match question.map_err(|error| DbError::Refused(error.to_string()))? {
        Some(question) => Ok(Some(priced(preview, index, &question.ask(db).await?))),
        None => Ok(None),
    }
}

/// What a message costs at so many numbers.
pub fn priced(preview: &Preview<'_>, index: usize, numbers: &Numbers) -> Estimate {
    let most = numbers.most.as_ref().map(|all| {
        let (rows, _) = rows(preview, index, all);
        (all.iter().map(|(_, count)| count).sum(), rows.iter().map(|row| row.chosen.price).sum())
    });
    let (rows, unserved) = rows(preview, index, &numbers.first);
    let count = numbers.first.iter().map(|(_, count)| count).sum();
    Estimate { numbers: count, rows, chosen: preview.campaign.sending.sms_text, most, unserved }
}

/// What one text message costs by an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Each {
    /// Its name.
    pub account: String,
    /// To which carriers.
    pub carriers: Vec<&'static str>,
    /// As the account bills them; none: it would not take the text.
    pub parts: Option<u16>,
    /// Đồng.
    pub price: i64,
}

/// What a message costs to one number of each carrier, without asking anybody how many there are.
pub fn each(preview: &Preview<'_>, index: usize) -> Vec<Each> {
    let mut found: Vec<Each> = Vec::new();
    for (name, _) in CARRIERS.iter().filter(|(_, channel)| *channel == Channel::Sms) {
        let Some(carrier) = Carrier::from_name(name) else { continue };
        let Some(account) = account_of(carrier, preview.accounts) else { continue };
        let parts = parts(preview, index, &Terms::of(account, Some(name), preview.days[index][0]));
        let price = parts.map_or(0, |parts| price_of(carrier, account) * i64::from(parts));
        match found.iter_mut().find(|one| one.account == account.name && one.parts == parts && one.price == price) {
            Some(same) => same.carriers.push(name),
            None => found.push(Each { account: account.name.clone(), carriers: vec![name], parts, price }),
        }
    }
    found
}

/// What each account would send, and the numbers that none serves.
fn rows(preview: &Preview<'_>, index: usize, counts: &[(Carrier, i64)]) -> (Vec<Row>, i64) {
    let mut rows: Vec<Row> = Vec::new();
    let mut unserved = 0;
    let fixed = matches!(preview.campaign.messages[index].body.sms, Some(SmsBody::Registered { .. }));
    let other = match preview.campaign.sending.sms_text {
        SmsText::Unaccented => SmsText::Unicode,
        SmsText::Unicode => SmsText::Unaccented,
    };
    for (carrier, count) in counts {
        let Some(account) = account_of(*carrier, preview.accounts) else {
            unserved += count;
            continue;
        };
        let known = (*carrier != Carrier::Unknown).then(|| carrier.name());
        let terms = Terms::of(account, known, preview.days[index][0]);
        let priced = |parts: u16| Cost { parts, price: count * price_of(*carrier, account) * i64::from(parts), refused: 0 };
        let chosen = parts(preview, index, &terms).map_or(Cost { refused: *count, ..Cost::default() }, priced);
        // What the other spelling would cost, whether or not it is registered; a wording has but one.
        let respelled =
            if fixed && !account.templates.is_empty() { None } else { parts(preview, index, &terms.unbound(Some(other))) };
        let other = respelled.map(priced).filter(|other| *other != chosen);
        match rows.iter_mut().find(|row| row.account == account.name) {
            Some(row) => {
                row.numbers += count;
                row.other = match (row.other, other) {
                    (None, None) => None,
                    (one, two) => Some(one.unwrap_or(row.chosen).and(two.unwrap_or(chosen))),
                };
                row.chosen = row.chosen.and(chosen);
            }
            None => rows.push(Row { account: account.name.clone(), numbers: *count, chosen, other }),
        }
    }
    rows.sort_by_key(|row| preview.accounts.iter().position(|account| account.name == row.account));
    (rows, unserved)
}

/// Parts of the longest language with typical fields; none where one of them cannot be sent on these terms.
fn parts(preview: &Preview<'_>, index: usize, terms: &Terms<'_>) -> Option<u16> {
    let url = preview.unsubscribe_url.as_deref();
    let sent = review::languages(preview.campaign, index).map(|lang| {
        let person = Person { lang: Some(lang.to_owned()), ..Person::typical() };
        match preview.templates.sample(index, Channel::Sms, person, url, terms) {
            Ok(Content::Sms(sms)) => Some(sms.parts),
            _ => None,
        }
    });
    sent.collect::<Option<Vec<u16>>>()?.into_iter().max()
}

impl Cost {
    /// Both together.
    fn and(self, other: Self) -> Self {
        Self { parts: self.parts.max(other.parts), price: self.price + other.price, refused: self.refused + other.refused }
    }
}

/// Who of the audience gets this message: those it is for, or whoever no message of its phase is particularly for.
fn audience(
    segments: &Segments,
    campaign: &Campaign,
    index: usize,
    engine: Engine,
    now: i64,
) -> std::result::Result<Compiled, SegmentError> {
    let lookup = |slug: &str| segments.get(slug).map(|segment| &segment.condition);
    let mut all = compile_audience(&campaign.audience, &lookup, engine, 1, now)?;
    let message = &campaign.messages[index];
    let special: Vec<String> = campaign
        .messages
        .iter()
        .filter(|other| other.phase.is_none() || other.phase == message.phase)
        .flat_map(|other| other.segments.iter().cloned())
        .collect();
    let (word, slugs) = if message.segments.is_empty() { ("NOT ", special) } else { ("", message.segments.clone()) };
    if !slugs.is_empty() {
        let any = Condition { segments: slugs, ..Condition::default() };
        let any = compile(&any, &lookup, engine, all.binds.len() + 1, now)?;
        all.text = format!("({} AND {word}{})", all.text, any.text);
        all.binds.extend(any.binds);
    }
    Ok(all)
}

/// The account whose turn it is for a carrier: of those with the lowest priority number, the dearest.
fn account_of(carrier: Carrier, accounts: &[Account]) -> Option<&Account> {
    let serves = |account: &&Account| {
        account.channel == Channel::Sms
            && (account.carriers.is_empty() || account.carriers.iter().any(|name| name == carrier.name()))
    };
    let first = accounts.iter().filter(serves).map(|account| account.priority).min()?;
    accounts.iter().filter(serves).filter(|account| account.priority == first).max_by_key(|account| price_of(carrier, account))
}

/// Đồng a part.
fn price_of(carrier: Carrier, account: &Account) -> i64 {
    account.price.by_carrier.get(carrier.name()).copied().unwrap_or(account.price.default)
}

impl Estimate {
    /// All accounts together.
    pub fn total(&self) -> Cost {
        self.rows.iter().fold(Cost::default(), |total, row| total.and(row.chosen))
    }

    /// The same in the other spelling, where there is one.
    pub fn other_total(&self) -> Cost {
        self.rows.iter().fold(Cost::default(), |total, row| total.and(row.other.unwrap_or(row.chosen)))
    }
}
