//! What the accounts would make of a campaign's text messages, looked at before any is sent.
//!
//! What enters: the compiled texts, the accounts of loa.toml, and the campaign's next runs. What leaves: a [`Refusal`] for
//! every text that an account or its carriers would not take, with the nearest registered wording and where it differs.
//! Texts are rendered for people whose fields are usual, missing and very long; what a real person's fields do to a text
//! shows when it is sent, and is then rejected with its reason.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use providers::{Channel, Content, Reason};

use super::{MAIN_LANGUAGE, Person, RenderError, TemplateFault, Templates, Terms};
use crate::{
    campaign::{Campaign, Holidays, SmsBody},
    config::{Account, CARRIERS},
    phrase,
    words::{self, Lang, Phrase},
};

/// Runs that are looked at: a weekly campaign's next two months.
const RUNS: usize = 8;

/// A link that has the shape of those that recipients get.
pub const SAMPLE_LINK: &str = "https://canhbao.example.vn/u/0123456789abcdefghijkl";

/// Whose fields a text was filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Usual ones.
    Typical,
    /// Only those that the text cannot do without.
    Bare,
    /// Very long ones.
    Long,
}

/// A text that an account would not take as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The message, by its place in the campaign.
    pub message: usize,
    /// Which language's text.
    pub lang: String,
    /// The account's name.
    pub account: String,
    /// The carriers that it is about; empty: all that the account serves.
    pub carriers: Vec<String>,
    /// The first of the next runs that it is about.
    pub day: NaiveDate,
    /// Whose fields make it so.
    pub whose: Whose,
    /// Why.
    pub error: RenderError,
    /// The text from where it differs from the nearest wording.
    pub instead: Option<String>,
}

/// The days on which each message is sent next: those of the next runs that it is for; or, where there are none, the first
/// day on which it could be.
pub fn days(campaign: &Campaign, holidays: &Holidays, now: DateTime<Utc>) -> Vec<Vec<NaiveDate>> {
    let today = now.with_timezone(&campaign.timezone()).date_naive();
    let mut days = vec![BTreeSet::new(); campaign.messages.len()];
    let mut turn = None;
    for occurrence in campaign.occurrences(now, holidays).take(RUNS) {
        let nth = turn.map_or_else(|| campaign.turn(occurrence.due, holidays), |before: u64| before + 1);
        turn = Some(nth);
        let special = campaign.messages_for_segments(occurrence.date, nth).into_iter().map(|(index, _)| index);
        for index in campaign.message_for(occurrence.date, nth).into_iter().chain(special) {
            days[index].insert(occurrence.date);
        }
    }
    let first = |index: usize| {
        let phase = campaign.messages[index].phase.as_deref();
        let begins = campaign.period.phases.iter().find(|(name, _)| Some(name.as_str()) == phase).map(|(_, first)| *first);
        [campaign.period.from, begins].into_iter().flatten().fold(today, NaiveDate::max)
    };
    let of = |(index, days): (usize, BTreeSet<_>)| if days.is_empty() { vec![first(index)] } else { days.into_iter().collect() };
    days.into_iter().enumerate().map(of).collect()
}

/// Every text that an account would not take, by message, language and account.
pub fn refusals(templates: &Templates, campaign: &Campaign, accounts: &[Account], days: &[Vec<NaiveDate>]) -> Vec<Refusal> {
    if !campaign.channels.order.contains(&Channel::Sms) {
        return Vec::new();
    }
    let mut refusals = Vec::new();
    for (message, days) in days.iter().enumerate() {
        if !templates.has(message, Channel::Sms) {
            continue;
        }
        for lang in languages(campaign, message) {
            for account in accounts.iter().filter(|account| account.channel == Channel::Sms) {
                refusals.extend(Look { templates, message, lang, account }.refusals(days));
            }
        }
    }
    refusals
}

/// The channels that a campaign uses, has a text for, and no account of loa.toml serves: its messages there would wait, and their
/// run with them, until it lapses.
pub fn unserved(campaign: &Campaign, accounts: &[Account]) -> Vec<Channel> {
    let written = |channel: Channel| {
        campaign.messages.iter().any(|message| message.body.has(channel) || message.lang.values().any(|body| body.has(channel)))
    };
    let served = |channel: Channel| accounts.iter().any(|account| account.channel == channel);
    campaign.channels.order.iter().copied().filter(|channel| written(*channel) && !served(*channel)).collect()
}

/// What people are told of such a channel.
pub fn without_account(channel: Channel) -> Phrase {
    let (vi, en) = (words::channel(channel.name(), Lang::Vi), words::channel(channel.name(), Lang::En));
    phrase!(
        "{vi}: chưa có tài khoản nào gửi được; tin cho kênh này sẽ chờ đến khi hết hiệu lực",
        "{en}: no account sends it; its messages would wait until they lapse"
    )
}

/// The languages in which a message has a text of its own for SMS, the main one first.
pub fn languages(campaign: &Campaign, message: usize) -> impl Iterator<Item = &str> {
    let others = campaign.messages[message].lang.iter().filter(|(_, body)| body.has(Channel::Sms));
    std::iter::once(MAIN_LANGUAGE).chain(others.map(|(lang, _)| lang.as_str()))
}

/// The carriers that an account serves, by their names.
pub fn served(account: &Account) -> Vec<&str> {
    if account.carriers.is_empty() {
        CARRIERS.iter().filter(|(_, channel)| *channel == Channel::Sms).map(|(name, _)| *name).collect()
    } else {
        account.carriers.iter().map(String::as_str).collect()
    }
}

/// One text on one account.
struct Look<'a> {
    templates: &'a Templates,
    message: usize,
    lang: &'a str,
    account: &'a Account,
}

impl Look<'_> {
    fn refusals(&self, days: &[NaiveDate]) -> Vec<Refusal> {
        let carriers = served(self.account);
        // Without wordings every carrier and day is alike.
        let (asked, days) = if self.account.templates.is_empty() { (&carriers[..1], &days[..1]) } else { (&carriers[..], days) };
        let mut found: Vec<Refusal> = Vec::new();
        for carrier in asked {
            let Some(refusal) = days.iter().find_map(|day| self.refusal(carrier, *day)) else { continue };
            match found.iter_mut().find(|other| other.error == refusal.error && other.day == refusal.day) {
                Some(same) => same.carriers.extend(refusal.carriers),
                None => found.push(refusal),
            }
        }
        for refusal in &mut found {
            if refusal.carriers.len() == asked.len() {
                refusal.carriers.clear();
            }
        }
        found
    }

    fn refusal(&self, carrier: &str, day: NaiveDate) -> Option<Refusal> {
        let terms = Terms::of(self.account, Some(carrier), day);
        let people = [(Whose::Typical, Person::typical()), (Whose::Bare, Person::default()), (Whose::Long, Person::longest())];
        people.into_iter().find_map(|(whose, person)| {
            let person = Person { lang: Some(self.lang.to_owned()), ..person };
            let error = self.render(person.clone(), &terms).err()?;
            let instead = match &error {
                RenderError::Unregistered { nearest: Some(nearest) } => {
                    let unbound = terms.unbound(None);
                    let text = self.render(person, &unbound).ok();
                    text.map(|text| text.chars().skip(nearest.at - 1).take(30).collect())
                }
                _ => None,
            };
            let (account, carriers) = (self.account.name.clone(), vec![carrier.to_owned()]);
            Some(Refusal { message: self.message, lang: self.lang.to_owned(), account, carriers, day, whose, error, instead })
        })
    }

    fn render(&self, person: Person, terms: &Terms<'_>) -> Result<String, RenderError> {
        match self.templates.sample(self.message, Channel::Sms, person, Some(SAMPLE_LINK), terms)? {
            Content::Sms(sms) => Ok(sms.text),
            _ => Err(RenderError::NoContent(Channel::Sms)),
        }
    }
}

impl Refusal {
    /// Who would not take it, from when on, and why.
    pub fn phrase(&self) -> Phrase {
        let Self { account, .. } = self;
        let mut carriers = self.carriers.join(", ");
        if !carriers.is_empty() {
            carriers = format!(" ({carriers})");
        }
        // What it bills is the same every day.
        let day = if self.error.reason() == Reason::Template {
            let day = self.day.format("%d/%m/%Y");
            phrase!(" vào {day}", " on {day}")
        } else {
            Phrase::default()
        };
        let (day_vi, day_en) = (day.vi, day.en);
        let Phrase { vi, en } = self.error.phrase();
        let Phrase { vi: whose_vi, en: whose_en } = match self.whose {
            Whose::Typical => Phrase::default(),
            Whose::Bare => phrase!(" khi người nhận thiếu thông tin", " where a person's fields are missing"),
            Whose::Long => phrase!(" khi tên, địa bàn dài", " where a person's fields are long"),
        };
        phrase!(
            "tài khoản `{account}`{carriers} không gửi được tin này{day_vi}{whose_vi}: {vi}",
            "account `{account}`{carriers} would not take this text{day_en}{whose_en}: {en}"
        )
    }

    /// What would help.
    pub fn help(&self) -> Option<Phrase> {
        let instead = self.instead.as_deref().map(|text| if text.is_empty() { "…" } else { text });
        match (&self.error, instead) {
            (RenderError::Unregistered { .. }, Some(text)) => Some(phrase!(
                "lời nhắn ghi “{text}” ở chỗ đó: sửa lời, hoặc đăng ký mẫu mới rồi ghi vào [[account.template]]",
                "the text has “{text}” there: change it, or register a new wording and list it in [[account.template]]"
            )),
            (RenderError::Unregistered { .. } | RenderError::NoTemplate(_), _) => Some(phrase!(
                "thêm mẫu còn hiệu lực vào [[account.template]] của tài khoản này trong loa.toml",
                "list a wording that holds in this account's [[account.template]] in loa.toml"
            )),
            _ => None,
        }
    }

    /// The same as a fault of the campaign's file.
    pub fn fault(&self, campaign: &Campaign) -> TemplateFault {
        let message = &campaign.messages[self.message];
        let body = message.lang.get(&self.lang).filter(|body| body.sms.is_some()).unwrap_or(&message.body);
        let field = match &body.sms {
            Some(SmsBody::Registered { .. }) => "sms.template",
            _ => "sms.text",
        };
        TemplateFault {
            message: message.id.clone(),
            lang: (self.lang != MAIN_LANGUAGE || message.lang.contains_key(MAIN_LANGUAGE)).then(|| self.lang.clone()),
            field: field.to_owned(),
            offset: None,
            text: self.phrase(),
            help: self.help(),
        }
    }
}
