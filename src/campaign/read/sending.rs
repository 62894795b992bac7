//! `[channels]` and `[sending]`: which ways, at what hours, for how long, for how much.

#![expect(
    clippy::unnecessary_wraps,
    reason = "a reader returns an option whether or not it can fail: that is what sections call"
)]

use std::time::Duration;

use providers::Channel;

use crate::{
    campaign::{AdvertisingRule, Channels, Doubt, Kind, Policy, Sending, SmsText, relay},
    document::{Section, Value},
    phrase,
};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const MINUTE: Duration = Duration::from_mins(1);

/// Without `hours`, awareness is sent between these minutes of the day: 07:00–21:30.
const WAKING_HOURS: (u16, u16) = (7 * 60, 21 * 60 + 30);

/// Whether a campaign goes by others, too: `relay` is none of the ways to a person, so that its table stands apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Relayed {
    /// `relay` is one of the channels.
    pub(super) is_used: bool,
    /// There is no other.
    pub(super) is_alone: bool,
}

pub(super) fn channels(section: &mut Section<'_>, kind: Kind) -> Option<(Channels, Relayed)> {
    let (mut is_used, mut named) = (false, 0);
    let order = section.required("use", |v| {
        let mut seen = Vec::new();
        v.some(|one| {
            named += 1;
            let channel = one.choice(&NAMES)?;
            if seen.contains(&channel) {
                let name = channel.map_or(relay::CHANNEL, Channel::name);
                return one.refuse(
                    phrase!("kênh `{name}` ghi hai lần", "the channel `{name}` is named twice"),
                    phrase!("mỗi kênh một lần", "name each channel once"),
                );
            }
            seen.push(channel);
            is_used |= channel.is_none();
            channel
        })
    });
    let default = if kind == Kind::Warning { Policy::All } else { Policy::First };
    let policy = section.optional("policy", |v| v.choice(&[("first", Policy::First), ("all", Policy::All)])).unwrap_or(default);
    let only_first = |v: Value<'_>| {
        if policy == Policy::First {
            return v.duration(MINUTE..=30 * DAY);
        }
        let field = v.field();
        v.refuse(
            phrase!("`{field}` chỉ có nghĩa khi policy = \"first\"", "`{field}` means something only with policy = \"first\""),
            phrase!("bỏ dòng này, hoặc đặt policy = \"first\"", "leave this line out, or set policy = \"first\""),
        )
    };
    let given = section.optional("fall_back_after", only_first);
    let finish_by = section.optional("finish_by", only_first);
    let fall_back_after = (policy == Policy::First).then(|| given.unwrap_or(2 * HOUR));
    let relayed = Relayed { is_used, is_alone: is_used && named == 1 };
    Some((Channels { order: order?, policy, fall_back_after, finish_by, relay: None }, relayed))
}

/// What `channels.use` may name; none: what others pass on.
const NAMES: [(&str, Option<Channel>); 4] = [
    (Channel::Sms.name(), Some(Channel::Sms)),
    (Channel::Email.name(), Some(Channel::Email)),
    (Channel::Chat.name(), Some(Channel::Chat)),
    (relay::CHANNEL, None),
];

impl Sending {
    /// What a file without `[sending]` means.
    pub(super) fn of(kind: Kind) -> Self {
        Self {
            hours: (kind == Kind::Awareness).then_some(WAKING_HOURS),
            valid_for: DAY,
            doubt: if kind == Kind::Warning { Doubt::Resend } else { Doubt::Skip },
            budget: None,
            sms_text: SmsText::Unaccented,
        }
    }
}

pub(super) fn sending(section: &mut Section<'_>, kind: Kind, law: Option<&AdvertisingRule>) -> Option<Sending> {
    let default = Sending::of(kind);
    let hours = section.optional("hours", |v| hours(&v, kind, law)).or(default.hours);
    let valid_for = section.optional("valid_for", |v| v.duration(MINUTE..=30 * DAY)).unwrap_or(default.valid_for);
    let doubt =
        section.optional("doubt", |v| v.choice(&[("skip", Doubt::Skip), ("resend", Doubt::Resend)])).unwrap_or(default.doubt);
    let budget = section.optional("budget", |v| v.integer(1..=1_000_000_000_000));
    let sms_text = section.optional("sms_text", |v| v.choice(&SmsText::NAMES)).unwrap_or(default.sms_text);
    Some(Sending { hours, valid_for, doubt, budget, sms_text })
}

fn hours(value: &Value<'_>, kind: Kind, law: Option<&AdvertisingRule>) -> Option<(u16, u16)> {
    if kind == Kind::Warning {
        return value.refuse(
            phrase!("cảnh báo được gửi vào mọi giờ: không đặt `hours`", "a warning goes out at any hour: it takes no `hours`"),
            phrase!("bỏ dòng này", "leave this line out"),
        );
    }
    let (from, until) = hours_of_day(value)?;
    match law {
        Some(AdvertisingRule { hours: lawful, decree, .. }) if from < lawful.0 || until > lawful.1 => {
            let [from, until] = [lawful.0, lawful.1].map(|minute| format!("{:02}:{:02}", minute / 60, minute % 60));
            value.refuse(
                phrase!(
                    "quảng cáo chỉ được gửi từ {from} đến {until} ({decree})",
                    "advertising may be sent from {from} to {until} only ({decree})"
                ),
                phrase!("đặt trong khoảng \"{from}-{until}\"", "stay within \"{from}-{until}\""),
            )
        }
        _ => Some((from, until)),
    }
}

/// A span of hours within a day, such as `07:00-21:30`.
pub fn hours_of_day(value: &Value<'_>) -> Option<(u16, u16)> {
    let text = value.line()?;
    let span = text.split_once('-').and_then(|(from, until)| Some((minute(from)?, minute(until)?)));
    match span.filter(|(from, until)| from < until) {
        None => value.refuse(
            phrase!("\"{text}\" không phải khoảng giờ trong ngày", "\"{text}\" is not a span of hours within a day"),
            phrase!(
                "ví dụ: \"07:00-21:30\", muộn nhất đến \"24:00\"",
                "for example \"07:00-21:30\", until \"24:00\" at the latest"
            ),
        ),
        span => span,
    }
}

/// Minutes after midnight, up to 24:00.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
}
