//! `campaigns/<slug>.toml` read into a [`Campaign`]. What enters is the file's text and what is known around it; what
//! leaves is a campaign that needs no further check, or everything that is wrong with the file.

mod relay;
mod schedule;
mod sending;

pub(super) use sending::hours_of_day;

use super::{AdvertisingRule, Audience, Basis, Campaign, Channels, Kind, Law, Segments, Sending, message};
use crate::{
    document::{Problems, Section, Value, decode, is_slug, suggestion},
    phrase,
};

/// What a campaign's file is checked against, where it is known.
#[derive(Default, Clone, Copy)]
pub(super) struct Around<'a> {
    /// The segments that exist.
    pub(super) segments: Option<&'a Segments>,
    /// Takes a file to attach into the library, or reports what is wrong with it.
    pub(super) attach: Option<&'a Attach<'a>>,
}

/// Takes the named file in; reports at the value and returns none if it cannot.
pub(super) type Attach<'a> = dyn Fn(&str, &Value<'_>) -> Option<()> + 'a;

impl Campaign {
    /// Reads a campaign's file. Whether its segments and attachments exist is for [`Library::read`](super::Library::read)
    /// to say.
    pub fn parse(file: &str, slug: &str, text: &str) -> Result<Self, Problems> {
        Self::parse_within(file, slug, text, Around::default())
    }

    pub(super) fn parse_within(file: &str, slug: &str, text: &str, around: Around<'_>) -> Result<Self, Problems> {
        decode(file, text, |root| {
            if !is_slug(slug) {
                root.refuse::<()>(
                    phrase!(
                        "tên tệp `{slug}` không dùng làm mã chiến dịch được",
                        "the file name `{slug}` cannot name a campaign"
                    ),
                    phrase!(
                        "đặt tên tệp bằng a-z, 0-9 và dấu gạch nối, nhiều nhất 60 ký tự",
                        "name the file with a-z, 0-9 and hyphens, at most 60 characters"
                    ),
                );
            }
            campaign(slug, root, around)
        })
    }
}

fn campaign(slug: &str, root: &mut Section<'_>, around: Around<'_>) -> Option<Campaign> {
    let title = root.required("title", |v| v.line());
    let kind = root.required("kind", |v| v.choice(&[("awareness", Kind::Awareness), ("warning", Kind::Warning)]));
    let owner = root.required("owner", |v| v.line());
    // Read once it is known what for.
    let basis_value = root.value("basis");
    let law_value = root.value("law");
    let law = law_value.as_ref().and_then(|v| law(v, kind)).unwrap_or(Law::PublicInformation);
    let period = root.optional("period", |v| v.section(schedule::period)).unwrap_or_default();
    let cadence = root.optional("cadence", |v| v.section(|s| schedule::cadence(s, &period)));
    let audience_value = root.value("audience");
    // Where the kind itself is wrong, the rest is read as awareness, which allows all that a warning does.
    let kind_or_default = kind.unwrap_or(Kind::Awareness);
    let channels = root.required("channels", |v| v.section(|s| sending::channels(s, kind_or_default)));
    // Where the channels themselves are wrong, a table [relay] says what was meant.
    let meant = sending::Relayed { is_used: root.has("relay"), is_alone: false };
    let (channels, relayed) = channels.map_or((None, meant), |(channels, relayed)| (Some(channels), relayed));
    let audience = match &audience_value {
        Some(value) if relayed.is_alone => value.section(|s| nobody(s, around)),
        Some(value) => value.section(|s| audience(s, around)),
        None if relayed.is_alone => Some(Audience::default()),
        None => root.missing("audience"),
    };
    let basis = match &basis_value {
        Some(value) => value.section(|s| basis(s, relayed.is_used, around)),
        None if relayed.is_used => root.lacking("basis", relay::basis_help()),
        None => None,
    };
    if let Some(value) = law_value.filter(|_| relayed.is_used && law == Law::Advertising) {
        value.refuse::<()>(
            phrase!(
                "quảng cáo không đi qua kênh `relay`: nhà mạng không biết ai đã đồng ý nhận",
                "advertising cannot be relayed: a carrier does not know who agreed to it"
            ),
            phrase!("bỏ `relay` khỏi channels.use", "take `relay` out of channels.use"),
        );
    }
    let advertising = (law == Law::Advertising).then(|| AdvertisingRule::for_period(period.through)).flatten();
    let sending = match root.value("sending") {
        Some(value) => value.section(|s| sending::sending(s, kind_or_default, advertising)),
        None => Some(Sending::of(kind_or_default)),
    };
    let relay = match root.value("relay") {
        Some(value) if relayed.is_used => value.section(|s| relay::relay(s, kind_or_default, sending.as_ref())),
        Some(value) => value.refuse(
            phrase!(
                "[relay] chỉ có nghĩa khi channels.use có `relay`",
                "[relay] means something only with `relay` in channels.use"
            ),
            phrase!("thêm `relay` vào channels.use, hoặc bỏ bảng này", "add `relay` to channels.use, or take this table out"),
        ),
        None if relayed.is_used => root.lacking(
            "relay",
            phrase!(
                "kênh `relay` cần bảng [relay]: đơn vị nhận, địa bàn, đối tượng, lời nhắn, chi phí",
                "the channel `relay` needs a table [relay]: who is asked, where, for whom, the text, who pays"
            ),
        ),
        None => None,
    };
    let frame = message::Frame {
        advertising,
        period: &period,
        channels: channels.as_ref().map_or(&[], |channels| &channels.order),
        segments: audience.as_ref().map_or(&[], |audience| &audience.segments),
    };
    let messages = match root.value("message") {
        value if relayed.is_alone => message::of_relay(value.as_ref(), frame, around),
        Some(value) => message::messages(&value, frame, around),
        None => root.missing("message"),
    };
    let channels = channels.map(|channels| Channels { relay, ..channels });
    Some(Campaign {
        slug: slug.to_string(),
        title: title?,
        kind: kind?,
        owner: owner?,
        basis,
        law,
        period,
        cadence,
        audience: audience?,
        channels: channels?,
        sending: sending?,
        messages: messages?,
    })
}

/// `relayed`: others are asked in its name, so that who may ask must be shown.
fn basis(section: &mut Section<'_>, relayed: bool, around: Around<'_>) -> Option<Basis> {
    let number = section.required("number", |v| v.line());
    let date = section.required("date", |v| v.date());
    let authority = section.optional("authority", |v| v.line());
    let signer = section.optional("signer", |v| v.line());
    let document = section.optional("document", |v| relay::document(&v, around));
    for key in ["authority", "document"].into_iter().filter(|_| relayed) {
        if !section.has(key) {
            section.lacking::<()>(key, relay::basis_help());
        }
    }
    Some(Basis { number: number?, date: date?, authority, signer, document })
}

/// The audience of a campaign that goes by relay alone: a table may stand there, and names nobody.
fn nobody(section: &mut Section<'_>, around: Around<'_>) -> Option<Audience> {
    let mut named = false;
    for key in ["segments", "exclude"] {
        named |= section.optional(key, |v| v.list(|one| reference(&one, around))).is_some_and(|slugs| !slugs.is_empty());
    }
    named |= section.optional("goal", |v| v.number(0.0..=1.0)).is_some();
    if named {
        return section.refuse(
            phrase!(
                "chiến dịch chỉ dùng kênh `relay` không gửi cho ai trong danh sách",
                "a campaign that uses the channel `relay` alone goes to nobody of the list"
            ),
            phrase!(
                "bỏ bảng này (đối tượng ghi ở relay.audience), hoặc thêm kênh vào channels.use",
                "take this table out (relay.audience says whom it is for), or add a channel to channels.use"
            ),
        );
    }
    Some(Audience::default())
}

fn law(value: &Value<'_>, kind: Option<Kind>) -> Option<Law> {
    let law = value.choice(&[("public-information", Law::PublicInformation), ("advertising", Law::Advertising)])?;
    if law == Law::Advertising && kind == Some(Kind::Warning) {
        return value.refuse(
            phrase!("một cảnh báo (`kind = \"warning\"`) không thể là quảng cáo", "a warning cannot be advertising"),
            phrase!("bỏ dòng này, hoặc đặt kind = \"awareness\"", "leave this line out, or set kind = \"awareness\""),
        );
    }
    Some(law)
}

fn audience(section: &mut Section<'_>, around: Around<'_>) -> Option<Audience> {
    let segments = section.required("segments", |v| v.some(|segment| reference(&segment, around)));
    let exclude = section.optional("exclude", |v| {
        v.list(|one| {
            let slug = reference(&one, around)?;
            if segments.as_ref().is_some_and(|segments| segments.contains(&slug)) {
                return one.refuse(
                    phrase!("nhóm `{slug}` vừa được gửi vừa bị loại", "the segment `{slug}` is both addressed and excluded"),
                    phrase!("bỏ nó khỏi `segments` hoặc `exclude`", "take it out of `segments` or of `exclude`"),
                );
            }
            Some(slug)
        })
    });
    let exclude = exclude.unwrap_or_default();
    let goal = section.optional("goal", |v| v.number(0.0..=1.0));
    Some(Audience { segments: segments?, exclude, goal })
}

/// A segment's slug, which must exist where the segments are known.
pub(super) fn reference(value: &Value<'_>, around: Around<'_>) -> Option<String> {
    let slug = value.text()?;
    match around.segments {
        Some(known) if known.get(&slug).is_none() => value.refuse(
            phrase!("segments.toml không có nhóm `{slug}`", "there is no segment `{slug}` in segments.toml"),
            if known.is_empty() {
                phrase!("viết nhóm vào segments.toml: [{slug}]", "write it in segments.toml: [{slug}]")
            } else {
                suggestion(&slug, known.iter().map(|s| s.slug.as_str()))
            },
        ),
        _ => Some(slug),
    }
}

#[cfg(test)]
mod tests;
