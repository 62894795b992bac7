//! `[[account]]`: one set of credentials on a gateway. The keys that all accounts share are read here; the rest belong to
//! the gateway and are handed on, secrets apart.

use std::collections::{BTreeMap, BTreeSet};

use providers::Channel;

use super::{
    Account, Price, Rate, mail,
    secret::{Vault, is_secret_name, password_in, refuse_plain},
    template,
};
use crate::{
    document::{Section, Value, rate, suggestion},
    phrase,
};

/// Carriers and chat services, by the channel that they are on.
pub const CARRIERS: [(&str, Channel); 10] = [
    ("viettel", Channel::Sms),
    ("mobifone", Channel::Sms),
    ("vinaphone", Channel::Sms),
    ("vietnamobile", Channel::Sms),
    ("gmobile", Channel::Sms),
    ("wintel", Channel::Sms),
    ("itel", Channel::Sms),
    ("zalo", Channel::Chat),
    ("zalo-phone", Channel::Chat),
    ("telegram", Channel::Chat),
];

/// Faster than any gateway takes messages, and than this machine makes them.
const FASTEST: u32 = 100_000;

/// All accounts; a name stands once.
pub(super) fn accounts(value: &Value<'_>, vault: Vault<'_>) -> Option<Vec<Account>> {
    let mut names = BTreeSet::new();
    value.list(|one| one.section(|s| account(s, vault, &mut names)))
}

fn account(section: &mut Section<'_>, vault: Vault<'_>, names: &mut BTreeSet<String>) -> Option<Account> {
    let name = section.required("name", |v| {
        let name = v.slug()?;
        if names.insert(name.clone()) {
            return Some(name);
        }
        v.refuse(
            phrase!("tên tài khoản `{name}` đã dùng ở trên", "the name `{name}` is taken by an account above"),
            phrase!("mỗi tài khoản một tên riêng", "give each account a name of its own"),
        )
    });
    let gateway = section.required("gateway", |v| v.slug());
    let channels = Channel::ALL.map(|channel| (channel.name(), channel));
    let native = gateway.as_deref().and_then(native_channel);
    let channel = match (section.value("channel"), native) {
        (Some(value), native) => value.choice(&channels).and_then(|channel| match native {
            Some(native) if native != channel => value.refuse(
                phrase!("cổng này chỉ gửi được kênh `{native}`", "this gateway carries the channel `{native}` only"),
                phrase!("đặt channel = \"{native}\"", "set channel = \"{native}\""),
            ),
            _ => Some(channel),
        }),
        (None, Some(native)) => Some(native),
        (None, None) => section.missing("channel"),
    };
    let rate = section.required("rate", |v| rate_of(&v));
    let window = section.optional("window", |v| v.integer(1..=10_000)).unwrap_or(10);
    let daily = section.optional("daily", |v| v.integer(1..=1_000_000_000));
    let price = section.optional("price", |v| price(&v, channel)).unwrap_or_default();
    let carriers = section.optional("carriers", |v| v.some(|c| carrier(&c, channel))).unwrap_or_default();
    let priority = section.optional("priority", |v| v.integer(0..=1_000)).unwrap_or(1);
    let weight = section.optional("weight", |v| v.integer(1..=100)).unwrap_or(1);
    let low_balance = section.optional("low_balance", |v| v.integer(0..=1_000_000_000_000));
    // SMTP knows bounces, but no word that a mail arrived.
    let receipts = section
        .optional("receipts", |v| v.choice(&[("yes", true), ("none", false)]))
        .unwrap_or(gateway.as_deref() != Some("smtp"));
    let allow_private = section.optional("allow_private", |v| v.boolean()).unwrap_or(false);
    let parts = section.optional("parts", |v| template::parts(&v, channel)).unwrap_or_default();
    let templates = section.optional("template", |v| template::templates(&v, channel)).unwrap_or_default();
    let dkim = section.optional("dkim", |v| mail::dkim(&v, channel, vault)).unwrap_or_default();
    let domains = section.optional("domains", |v| mail::domains(&v, channel)).unwrap_or_default();
    let (settings, secrets) = own_keys(section, vault);
    Some(Account {
        name: name?,
        gateway: gateway?,
        channel: channel?,
        rate: rate?,
        window: u32::try_from(window).ok()?,
        daily: daily.and_then(|daily| u64::try_from(daily).ok()),
        price,
        carriers,
        priority: u32::try_from(priority).ok()?,
        weight: u32::try_from(weight).ok()?,
        low_balance,
        receipts,
        allow_private,
        parts,
        templates,
        dkim,
        domains,
        settings,
        secrets,
    })
}

/// The channel of a gateway that has an adapter of its own.
fn native_channel(gateway: &str) -> Option<Channel> {
    match gateway {
        "smtp" => Some(Channel::Email),
        "smpp" => Some(Channel::Sms),
        "zalo" => Some(Channel::Chat),
        _ => None,
    }
}

type OwnKeys = (BTreeMap<String, toml::Value>, BTreeMap<String, secrecy::SecretString>);

/// The gateway's own keys. Which of them it knows, and which more are secret, its description says.
fn own_keys(section: &mut Section<'_>, vault: Vault<'_>) -> OwnKeys {
    let (mut settings, mut secrets) = OwnKeys::default();
    // A secret in a table within is named by its place: `bounces.imap.password`.
    for (key, value) in section.rest() {
        if is_reference(&value) || (value.is_variable() && is_secret_name(key)) {
            if vault.accounts {
                secrets.extend(vault.secret(&value).map(|secret| (key.to_string(), secret)));
            }
        } else if value.is_table() {
            let (inner, within) = value.section(|s| Some(own_keys(s, vault))).unwrap_or_default();
            settings.insert(key.to_string(), toml::Value::Table(inner.into_iter().collect()));
            secrets.extend(within.into_iter().map(|(name, secret)| (format!("{key}.{name}"), secret)));
        } else if is_secret_name(key) || holds_password(&value) {
            refuse_plain::<()>(&value);
        } else {
            settings.extend(value.plain().map(|plain| (key.to_string(), plain)));
        }
    }
    (settings, secrets)
}

/// Whether the file's own text is an address with a password in it.
fn holds_password(value: &Value<'_>) -> bool {
    let plain = if value.is_variable() { None } else { value.plain() };
    plain.as_ref().and_then(toml::Value::as_str).and_then(password_in).is_some()
}

/// Whether a value is `{ env = … }` or `{ file = … }`.
fn is_reference(value: &Value<'_>) -> bool {
    let table = value.is_table().then(|| value.plain()).flatten();
    table.is_some_and(|table| table.as_table().is_some_and(|t| t.len() == 1 && (t.contains_key("env") || t.contains_key("file"))))
}

pub(super) fn rate_of(value: &Value<'_>) -> Option<Rate> {
    let text = value.line()?;
    match rate(&text) {
        Some((count, per)) if count <= FASTEST => Some(Rate { count, per }),
        _ => value.refuse(
            phrase!("\"{text}\" không phải tốc độ", "\"{text}\" is not a rate"),
            phrase!(
                "viết số tin trên giây, phút hoặc giờ, từ 1 đến {FASTEST}: \"100/s\", \"60/m\", \"3000/h\"",
                "write a number a second, minute or hour, from 1 to {FASTEST}: \"100/s\", \"60/m\", \"3000/h\""
            ),
        ),
    }
}

/// đồng a part; more than any message ever cost is a slip of the keyboard.
const DEAREST: i64 = 1_000_000;

fn price(value: &Value<'_>, channel: Option<Channel>) -> Option<Price> {
    if !value.is_table() {
        return value.integer(0..=DEAREST).map(|default| Price { default, by_carrier: BTreeMap::new() });
    }
    value.section(|s| {
        let default = s.optional("default", |v| v.integer(0..=DEAREST)).unwrap_or(0);
        let mut by_carrier = BTreeMap::new();
        for (name, value) in s.rest() {
            if !serves(name, channel) {
                s.refuse_key::<()>(
                    name,
                    phrase!("không có nhà mạng `{name}`", "there is no carrier `{name}`"),
                    among(name, channel),
                );
            }
            by_carrier.extend(value.integer(0..=DEAREST).map(|price| (name.to_string(), price)));
        }
        Some(Price { default, by_carrier })
    })
}

/// Whether two lists of carriers, of which an empty one means all, have one in common.
pub(super) fn carriers_meet(one: &[String], other: &[String]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|name| other.contains(name))
}

pub(super) fn carrier(value: &Value<'_>, channel: Option<Channel>) -> Option<String> {
    let name = value.text()?;
    if serves(&name, channel) {
        return Some(name);
    }
    value.refuse(phrase!("không có nhà mạng `{name}`", "there is no carrier `{name}`"), among(&name, channel))
}

/// Whether a carrier exists on this channel; on any, where the channel itself is wrong.
fn serves(name: &str, channel: Option<Channel>) -> bool {
    CARRIERS.iter().any(|(known, on)| *known == name && channel.is_none_or(|channel| channel == *on))
}

fn among(name: &str, channel: Option<Channel>) -> crate::words::Phrase {
    if channel == Some(Channel::Email) {
        return phrase!("e-mail không chia theo nhà mạng", "e-mail knows no carriers");
    }
    suggestion(name, CARRIERS.iter().filter(move |(_, on)| channel.is_none_or(|channel| channel == *on)).map(|(known, _)| *known))
}
