//! What a message costs by text message: parts as each account bills them, times each carrier's price, times the people who
//! would get it that way; in the spelling that was chosen and in the other one.

use providers::{Channel, Content};
use serde_json::json;

use super::{Preview, sms::spelling, text::lines};
use crate::{
    audience::{
        count::{Bounds, phones},
        phone::Carrier,
        segment::{Compiled, SegmentError, compile, compile_audience},
    },
    campaign::{Campaign, Condition, Library, Policy, SmsBody, SmsText},
    cli::table,
    config::Account,
    db::{Db, Engine},
    message::{Person, Terms, review},
    phrase,
    words::{Lang, Phrase},
};

/// Text messages and their price, before any is sent. đồng.
pub(super) struct Estimate {
    /// Phone numbers that would get it at first.
    numbers: i64,
    /// By account, in the order of loa.toml.
    rows: Vec<Row>,
    /// How the campaign has its texts sent.
    chosen: SmsText,
    /// Numbers and đồng if every earlier channel failed everybody; none where there is no earlier one.
    most: Option<(i64, i64)>,
    /// Numbers whose carrier no account serves.
    unserved: i64,
}

/// What goes by one account.
struct Row {
    account: String,
    numbers: i64,
    chosen: Cost,
    /// In the other spelling; none where it cannot be sent in it, or is the same.
    other: Option<Cost>,
}

/// What one spelling costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cost {
    /// Of the longest language, with typical fields, as the account bills them.
    parts: u16,
    price: i64,
    /// Numbers to which the account would not send the text as it is.
    refused: i64,
}

/// The estimate of one message; none if it has no text message.
pub(super) async fn of(
    db: &Db,
    library: &Library,
    preview: &Preview<'_>,
    index: usize,
    now: i64,
) -> anyhow::Result<Option<Estimate>> {
    let campaign = &preview.source.campaign;
    let order = &campaign.channels.order;
    let place = order.iter().position(|channel| *channel == Channel::Sms);
    let Some(place) = place.filter(|_| preview.templates.has(index, Channel::Sms)) else { return Ok(None) };
    let people = audience(library, campaign, index, db.engine(), now)?;
    let bounds = Bounds::of(campaign, now);
    let before: Vec<Channel> = match campaign.channels.policy {
        Policy::First => order[..place].iter().copied().filter(|channel| preview.templates.has(index, *channel)).collect(),
        Policy::All => Vec::new(),
    };
    let first = phones(db, &people, bounds, &before).await?;
    let most = if before.is_empty() {
        None
    } else {
        let all = phones(db, &people, bounds, &[]).await?;
        let (rows, _) = rows(preview, index, &all);
        Some((all.iter().map(|(_, count)| count).sum(), rows.iter().map(|row| row.chosen.price).sum()))
    };
    let (rows, unserved) = rows(preview, index, &first);
    let numbers = first.iter().map(|(_, count)| count).sum();
    Ok(Some(Estimate { numbers, rows, chosen: campaign.sending.sms_text, most, unserved }))
}

/// What each account would send, and the numbers that none serves.
fn rows(preview: &Preview<'_>, index: usize, counts: &[(Carrier, i64)]) -> (Vec<Row>, i64) {
    let mut rows: Vec<Row> = Vec::new();
    let mut unserved = 0;
    let fixed = matches!(preview.source.campaign.messages[index].body.sms, Some(SmsBody::Registered { .. }));
    let other = match preview.source.campaign.sending.sms_text {
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
    let sent = review::languages(&preview.source.campaign, index).map(|lang| {
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

    fn json(self, sms_text: SmsText) -> serde_json::Value {
        let name = SmsText::NAMES.iter().find(|(_, one)| *one == sms_text).map(|(name, _)| *name);
        json!({ "sms_text": name, "parts": self.parts, "price": self.price, "refused": self.refused })
    }
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
    fn total(&self) -> Cost {
        self.rows.iter().fold(Cost::default(), |total, row| total.and(row.chosen))
    }

    fn other_total(&self) -> Cost {
        self.rows.iter().fold(Cost::default(), |total, row| total.and(row.other.unwrap_or(row.chosen)))
    }

    /// A table by account, and what it does not say.
    pub(super) fn told(&self, lang: Lang) -> String {
        let numbers = grouped(self.numbers);
        let mut out = phrase!("  Ước tính SMS: {numbers} số\n", "  SMS estimate: {numbers} numbers\n").text(lang).to_owned();
        if !self.rows.is_empty() {
            out.push_str(&indented(&self.table(lang)));
        }
        let mut add = |line: Phrase| out.push_str(&lines("    ", "    ", line.text(lang)));
        if let Some((most, price)) = self.most.filter(|most| *most != (self.numbers, self.total().price)) {
            let (most, price) = (grouped(most), grouped(price));
            add(phrase!(
                "Nhiều nhất {most} số = {price} đồng nếu các kênh trước không đến được ai.",
                "At most {most} numbers = {price} đồng if the channels before it reach nobody."
            ));
        }
        if self.unserved > 0 {
            let unserved = grouped(self.unserved);
            add(phrase!("{unserved} số chưa có tài khoản nào phục vụ.", "No account serves {unserved} of the numbers."));
        }
        let refused = self.total().refused;
        if refused > 0 {
            let refused = grouped(refused);
            add(phrase!(
                "{refused} số không gửi được vì tài khoản không nhận lời nhắn này.",
                "{refused} numbers would get nothing: their account does not take this text."
            ));
        }
        out
    }

    fn table(&self, lang: Lang) -> String {
        let compared = self.rows.iter().any(|row| row.other.is_some());
        let cells = |name: &str, numbers: i64, chosen: Cost, other: Cost| {
            let cost = |cost: Cost| {
                if cost.parts == 0 { ["✗".to_owned(), "✗".to_owned()] } else { [cost.parts.to_string(), grouped(cost.price)] }
            };
            let mut cells = vec![name.to_owned(), grouped(numbers)];
            cells.extend(cost(chosen));
            if compared {
                cells.extend(cost(other));
            }
            cells
        };
        let mut rows: Vec<Vec<String>> =
            self.rows.iter().map(|row| cells(&row.account, row.numbers, row.chosen, row.other.unwrap_or(row.chosen))).collect();
        if rows.len() > 1 {
            let numbers = self.rows.iter().map(|row| row.numbers).sum();
            rows.push(cells(lang.pick("cộng", "total"), numbers, self.total(), self.other_total()));
        }
        let mut heading = match lang {
            Lang::Vi => vec!["tài khoản".to_owned(), "số".to_owned()],
            Lang::En => vec!["account".to_owned(), "numbers".to_owned()],
        };
        let (parts, price) = (lang.pick("phần", "parts"), "đồng");
        if compared {
            let (chosen, other) = match self.chosen {
                SmsText::Unaccented => (SmsText::Unaccented, SmsText::Unicode),
                SmsText::Unicode => (SmsText::Unicode, SmsText::Unaccented),
            };
            for (mark, spelled) in [("▸ ", chosen), ("", other)] {
                let name = spelling(spelled);
                heading.push(format!("{mark}{}: {parts}", name.text(lang)));
                heading.push(price.to_owned());
            }
        } else {
            heading.extend([parts.to_owned(), price.to_owned()]);
        }
        let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
        table::with_figures(&heading, &rows, 1)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let Cost { parts, price, refused } = self.total();
        let flipped = match self.chosen {
            SmsText::Unaccented => SmsText::Unicode,
            SmsText::Unicode => SmsText::Unaccented,
        };
        let accounts: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "account": row.account, "numbers": row.numbers, "chosen": row.chosen.json(self.chosen),
                    "other": row.other.map(|other| other.json(flipped)),
                })
            })
            .collect();
        json!({
            "parts": parts, "numbers": self.numbers, "price": price, "unserved": self.unserved, "refused": refused,
            "most": self.most.map(|(numbers, price)| json!({ "numbers": numbers, "price": price })), "accounts": accounts,
        })
    }
}

fn indented(table: &str) -> String {
    table.lines().fold(String::new(), |out, line| out + "    " + line + "\n")
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
