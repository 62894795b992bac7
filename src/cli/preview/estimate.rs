//! What a message costs by text message: parts, times each carrier's price, times the people who would get it that way.

use providers::Channel;
use serde_json::json;

use crate::{
    audience::{
        count::phones,
        phone::Carrier,
        segment::{Compiled, SegmentError, compile, compile_audience},
    },
    campaign::{Campaign, Condition, Kind, Library, Policy, Source},
    config::{Account, Config},
    db::{Db, Engine},
    message::Templates,
    phrase,
    words::Phrase,
};

/// Text messages and their price, before any is sent. đồng.
pub(super) struct Estimate {
    /// Of the longest language, with typical fields.
    parts: u16,
    /// Phone numbers that would get it at first.
    people: i64,
    price: i64,
    /// The same if every earlier channel failed everybody; none where there is no earlier one.
    most: Option<(i64, i64)>,
    /// Numbers whose carrier no account serves.
    unserved: i64,
}

/// The estimate of one message; none if it has no text message.
pub(super) async fn of(
    db: &Db,
    library: &Library,
    source: &Source,
    index: usize,
    templates: &Templates,
    config: &Config,
    now: i64,
) -> anyhow::Result<Option<Estimate>> {
    let campaign = &source.campaign;
    let order = &campaign.channels.order;
    let (Some(measured), Some(place)) =
        (templates.longest(index, Channel::Sms), order.iter().position(|channel| *channel == Channel::Sms))
    else {
        return Ok(None);
    };
    let people = audience(library, campaign, index, db.engine(), now)?;
    let warning = campaign.kind == Kind::Warning;
    let before: Vec<Channel> = match campaign.channels.policy {
        Policy::First => order[..place].iter().copied().filter(|channel| templates.has(index, *channel)).collect(),
        Policy::All => Vec::new(),
    };
    let count = async |before: &[Channel]| {
        phones(db, &people, warning, before).await.map(|counts| priced(&counts, &config.accounts, measured.parts))
    };
    let (first, price, unserved) = count(&before).await?;
    let most = if before.is_empty() { None } else { Some(count(&[]).await?) };
    let most = most.map(|(people, price, _)| (people, price));
    Ok(Some(Estimate { parts: measured.parts, people: first, price, most, unserved }))
}

/// Who of the audience gets this message: those it is for, or whoever no message of its phase is particularly for.
fn audience(library: &Library, campaign: &Campaign, index: usize, engine: Engine, now: i64) -> Result<Compiled, SegmentError> {
    let lookup = |slug: &str| library.segments.get(slug).map(|segment| &segment.condition);
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

/// People, đồng, and people whom no account serves.
fn priced(counts: &[(Carrier, i64)], accounts: &[Account], parts: u16) -> (i64, i64, i64) {
    let (mut people, mut price, mut unserved) = (0, 0, 0);
    for (carrier, count) in counts {
        people += count;
        match price_of(*carrier, accounts) {
            Some(part) => price += count * part * i64::from(parts),
            None => unserved += count,
        }
    }
    (people, price, unserved)
}

/// Đồng a part on the account whose turn it is for a carrier: of those with the lowest priority number, the dearest.
fn price_of(carrier: Carrier, accounts: &[Account]) -> Option<i64> {
    let serves = |account: &&Account| {
        account.channel == Channel::Sms
            && (account.carriers.is_empty() || account.carriers.iter().any(|name| name == carrier.name()))
    };
    let first = accounts.iter().filter(serves).map(|account| account.priority).min()?;
    let price = |account: &Account| account.price.by_carrier.get(carrier.name()).copied().unwrap_or(account.price.default);
    accounts.iter().filter(serves).filter(|account| account.priority == first).map(price).max()
}

impl Estimate {
    /// One line.
    pub(super) fn told(&self) -> Phrase {
        let Self { parts, people, most, unserved, .. } = self;
        let (shown, price) = (grouped(*people), grouped(self.price));
        let mut told = phrase!(
            "Ước tính SMS: {shown} số × {parts} phần = {price} đồng",
            "SMS estimate: {shown} numbers × {parts} part(s) = {price} đồng"
        );
        let mut add = |more: Phrase| {
            told.vi.push_str(&more.vi);
            told.en.push_str(&more.en);
        };
        if let Some((most, price)) = most {
            let (most, price) = (grouped(*most), grouped(*price));
            add(phrase!(
                "; nhiều nhất {most} số = {price} đồng nếu các kênh trước không đến được ai",
                "; at most {most} numbers = {price} đồng if the channels before it reach nobody"
            ));
        }
        if *unserved > 0 {
            let unserved = grouped(*unserved);
            add(phrase!("; {unserved} số chưa có tài khoản nào phục vụ", "; no account serves {unserved} of the numbers"));
        }
        told
    }

    pub(super) fn json(&self) -> serde_json::Value {
        json!({
            "parts": self.parts, "numbers": self.people, "price": self.price, "unserved": self.unserved,
            "most": self.most.map(|(numbers, price)| json!({ "numbers": numbers, "price": price })),
        })
    }
}

/// Digits in groups of three, as Vietnam writes them.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('.');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        assert_eq!([0, 999, 1000, 90_000_000].map(grouped), ["0", "999", "1.000", "90.000.000"]);
    }
}
