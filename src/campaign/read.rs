//! `campaigns/<slug>.toml` read into a [`Campaign`]. What enters is the file's text and what is known around it; what
//! leaves is a campaign that needs no further check, or everything that is wrong with the file.

#![expect(
    clippy::unnecessary_wraps,
    reason = "a reader returns an option whether or not it can fail: that is what sections call"
)]

use std::str::FromStr as _;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Weekday};
use chrono_tz::Tz;
use providers::Channel;

use super::{
    Audience, Basis, Cadence, Campaign, Channels, Day, Doubt, Holidays, Kind, Law, OnHoliday, Period, Policy, Rule, Segments,
    Sending, SmsText, cron_line, message,
};
use crate::{
    document::{Problems, Section, Value, decode, is_slug, suggestion},
    phrase,
};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const MINUTE: Duration = Duration::from_mins(1);

/// Without `hours`, awareness is sent between these minutes of the day: 07:00–21:30.
const WAKING_HOURS: (u16, u16) = (7 * 60, 21 * 60 + 30);
/// NĐ 91/2020/NĐ-CP, art. 17: advertising only between 07:00 and 22:00.
const ADVERTISING_HOURS: (u16, u16) = (7 * 60, 22 * 60);

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
    let basis = root.optional("basis", |v| v.section(basis));
    let law = root.optional("law", |v| law(&v, kind)).unwrap_or(Law::PublicInformation);
    let period = root.optional("period", |v| v.section(period)).unwrap_or_default();
    let cadence = root.optional("cadence", |v| v.section(|s| cadence(s, &period)));
    let audience = root.required("audience", |v| v.section(|s| audience(s, around)));
    // Where the kind itself is wrong, nothing that hangs on it is reported.
    let kind_or_default = kind.unwrap_or(Kind::Awareness);
    let channels = root.required("channels", |v| v.section(|s| channels(s, kind_or_default)));
    let sending = match root.value("sending") {
        Some(value) => value.section(|s| sending(s, kind_or_default, law)),
        None => Some(Sending::of(kind_or_default)),
    };
    let frame = message::Frame {
        period: &period,
        channels: channels.as_ref().map_or(&[], |channels| &channels.order),
        segments: audience.as_ref().map_or(&[], |audience| &audience.segments),
    };
    let messages = root.required("message", |v| message::messages(&v, frame, around));
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

fn basis(section: &mut Section<'_>) -> Option<Basis> {
    let number = section.required("number", |v| v.line());
    let date = section.required("date", |v| v.date());
    let authority = section.optional("authority", |v| v.line());
    let signer = section.optional("signer", |v| v.line());
    Some(Basis { number: number?, date: date?, authority, signer })
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

fn period(section: &mut Section<'_>) -> Option<Period> {
    let from = section.optional("from", |v| v.date());
    let through = section.optional("through", |v| {
        let through = v.date()?;
        match from {
            Some(from) if through < from => v.refuse(
                phrase!("ngày cuối {through} đứng trước ngày đầu {from}", "the last day, {through}, is before the first, {from}"),
                phrase!("đặt `through` từ {from} trở đi", "set `through` to {from} or later"),
            ),
            _ => Some(through),
        }
    });
    let phases = section.optional("phases", |v| v.section(|s| phases(s, from, through))).unwrap_or_default();
    Some(Period { from, through, phases })
}

fn phases(section: &mut Section<'_>, from: Option<NaiveDate>, through: Option<NaiveDate>) -> Option<Vec<(String, NaiveDate)>> {
    let mut phases: Vec<(String, NaiveDate)> = Vec::new();
    for (name, value) in section.rest() {
        let Some(first) = value.date() else { continue };
        if from.is_some_and(|from| first < from) || through.is_some_and(|through| first > through) {
            value.refuse::<()>(
                phrase!(
                    "giai đoạn `{name}` bắt đầu ngoài thời gian của chiến dịch",
                    "the phase `{name}` begins outside the period"
                ),
                phrase!("chọn một ngày từ `from` đến `through`", "choose a day from `from` to `through`"),
            );
        }
        if let Some((other, _)) = phases.iter().find(|(_, day)| *day == first) {
            value.refuse::<()>(
                phrase!(
                    "giai đoạn `{name}` và `{other}` bắt đầu cùng ngày",
                    "the phases `{name}` and `{other}` begin on the same day"
                ),
                phrase!("mỗi giai đoạn cần một ngày đầu riêng", "each phase needs a first day of its own"),
            );
        }
        phases.push((name.to_string(), first));
    }
    phases.sort_by_key(|(_, first)| *first);
    Some(phases)
}

fn cadence(section: &mut Section<'_>, period: &Period) -> Option<Cadence> {
    let timezone = section.optional("timezone", |v| timezone(&v)).unwrap_or(Tz::Asia__Ho_Chi_Minh);
    let holidays = section
        .optional("holidays", |v| {
            v.choice(&[("send", OnHoliday::Send), ("skip", OnHoliday::Skip), ("next-workday", OnHoliday::NextWorkday)])
        })
        .unwrap_or(OnHoliday::Send);
    let late = section.optional("late", |v| v.duration(Duration::ZERO..=7 * DAY)).unwrap_or(6 * HOUR);
    let cron = section.value("cron");
    let rule = match cron {
        Some(value) if section.has("every") => {
            for key in ["every", "on", "at"] {
                section.value(key);
            }
            value.refuse(
                phrase!("`cron` và `every` không đi cùng nhau", "`cron` and `every` exclude each other"),
                phrase!("giữ một trong hai", "keep one of them"),
            )
        }
        Some(value) => cron_rule(&value),
        None => every(section),
    };
    let cadence = Cadence { rule: rule?, timezone, holidays, late };
    // Holidays apart, so that the verdict does not change with the table.
    let open = Cadence { holidays: OnHoliday::Send, ..cadence.clone() };
    if open.occurrences(period, DateTime::UNIX_EPOCH, &Holidays::default()).next().is_none() {
        return section.refuse(
            phrase!(
                "lịch này không rơi vào ngày nào trong thời gian của chiến dịch",
                "this cadence has no day within the period"
            ),
            phrase!("sửa [period] hoặc [cadence]", "change [period] or [cadence]"),
        );
    }
    Some(cadence)
}

fn cron_rule(value: &Value<'_>) -> Option<Rule> {
    match cron_line::parse(&value.line()?) {
        Ok((schedule, line)) => Some(Rule::Cron(Box::new(schedule), line)),
        Err(wrong) => value.refuse(
            wrong,
            phrase!(
                "ví dụ: \"0 30 8 * * Mon\" (giây phút giờ ngày tháng thứ)",
                "for example: \"0 30 8 * * Mon\" (seconds first)"
            ),
        ),
    }
}

fn timezone(value: &Value<'_>) -> Option<Tz> {
    let name = value.line()?;
    Tz::from_str(&name).ok().or_else(|| {
        // Of six hundred names one is always near: only a slip of a letter or two counts.
        let names = chrono_tz::TZ_VARIANTS.iter().map(|tz| tz.name());
        let near = names.min_by_key(|known| strsim::damerau_levenshtein(&name, known));
        let near = near.filter(|near| strsim::damerau_levenshtein(&name, near) <= 2).unwrap_or("Asia/Ho_Chi_Minh");
        value.refuse(
            phrase!("không có múi giờ \"{name}\"", "there is no time zone \"{name}\""),
            phrase!("viết tên như \"{near}\"", "write a name such as \"{near}\""),
        )
    })
}

/// Which `every` there is.
#[derive(Clone, Copy)]
enum Every {
    Once,
    Day,
    Week,
    Month,
    Quarter,
}

fn every(section: &mut Section<'_>) -> Option<Rule> {
    let every = section.required("every", |v| {
        v.choice(&[
            ("once", Every::Once),
            ("day", Every::Day),
            ("week", Every::Week),
            ("month", Every::Month),
            ("quarter", Every::Quarter),
        ])
    });
    let at = section.required("at", |v| v.time());
    let Some(every) = every else {
        section.value("on");
        return None;
    };
    match every {
        Every::Once => section.required("on", |v| v.date()).and_then(|date| Some(Rule::Once(date, at?))),
        Every::Day => section
            .value("on")
            .map_or(Some(()), |on| {
                on.refuse(
                    phrase!("`every = \"day\"` không đi với `on`", "`every = \"day\"` takes no `on`"),
                    phrase!("bỏ `on`, hoặc dùng every = \"week\"", "leave `on` out, or use every = \"week\""),
                )
            })
            .and_then(|()| Some(Rule::Day(at?))),
        Every::Week => section.required("on", |v| weekdays(&v)).and_then(|days| Some(Rule::Week(days, at?))),
        Every::Month => section.required("on", |v| day_of_month(&v)).and_then(|day| Some(Rule::Month(day, at?))),
        Every::Quarter => section
            .required("on", |v| {
                v.section(|s| {
                    let month = s.required("month", |v| v.integer(1..=3));
                    let day = s.required("day", |v| day_of_month(&v));
                    Some((u8::try_from(month?).ok()?, day?))
                })
            })
            .and_then(|(month, day)| Some(Rule::Quarter(month, day, at?))),
    }
}

fn weekdays(value: &Value<'_>) -> Option<Vec<Weekday>> {
    const DAYS: [(&str, Weekday); 7] = [
        ("mon", Weekday::Mon),
        ("tue", Weekday::Tue),
        ("wed", Weekday::Wed),
        ("thu", Weekday::Thu),
        ("fri", Weekday::Fri),
        ("sat", Weekday::Sat),
        ("sun", Weekday::Sun),
    ];
    let mut days = value.one_or_more(|day| day.choice(&DAYS))?;
    if days.is_empty() {
        return value.refuse(
            phrase!("`on` không có thứ nào", "`on` names no day"),
            phrase!("ví dụ: on = [\"mon\", \"thu\"]", "for example: on = [\"mon\", \"thu\"]"),
        );
    }
    days.sort_by_key(Weekday::num_days_from_monday);
    days.dedup();
    Some(days)
}

fn day_of_month(value: &Value<'_>) -> Option<Day> {
    if value.is_text() {
        return value.choice(&[("last", Day::Last)]);
    }
    Some(Day::Number(u8::try_from(value.integer(1..=31)?).ok()?))
}

fn audience(section: &mut Section<'_>, around: Around<'_>) -> Option<Audience> {
    let segments = section.required("segments", |v| v.some(|segment| reference(&segment, around)));
    let exclude = section.optional("exclude", |v| v.list(|segment| reference(&segment, around))).unwrap_or_default();
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

fn channels(section: &mut Section<'_>, kind: Kind) -> Option<Channels> {
    let order = section.required("use", |v| {
        let mut order = Vec::new();
        v.some(|one| {
            let channel = channel(&one)?;
            if order.contains(&channel) {
                return one.refuse(
                    phrase!("kênh `{channel}` ghi hai lần", "the channel `{channel}` is named twice"),
                    phrase!("mỗi kênh một lần", "name each channel once"),
                );
            }
            order.push(channel);
            Some(channel)
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
    Some(Channels { order: order?, policy, fall_back_after, finish_by })
}

fn channel(value: &Value<'_>) -> Option<Channel> {
    let name = value.text()?;
    if name == "relay" {
        return value.refuse(
            phrase!(
                "kênh `relay` (yêu cầu nhắn tin qua nhà mạng) chưa có trong phiên bản này",
                "the channel `relay` comes with relay orders, which this version has not"
            ),
            phrase!("dùng `chat`, `sms` hoặc `email`", "use `chat`, `sms` or `email`"),
        );
    }
    value.choice(&Channel::ALL.map(|channel| (channel.name(), channel)))
}

impl Sending {
    /// What a file without `[sending]` means.
    fn of(kind: Kind) -> Self {
        Self {
            hours: (kind == Kind::Awareness).then_some(WAKING_HOURS),
            valid_for: DAY,
            doubt: if kind == Kind::Warning { Doubt::Resend } else { Doubt::Skip },
            budget: None,
            sms_text: SmsText::Unaccented,
        }
    }
}

fn sending(section: &mut Section<'_>, kind: Kind, law: Law) -> Option<Sending> {
    let default = Sending::of(kind);
    let hours = section.optional("hours", |v| hours(&v, kind, law)).or(default.hours);
    let valid_for = section.optional("valid_for", |v| v.duration(MINUTE..=30 * DAY)).unwrap_or(default.valid_for);
    let doubt =
        section.optional("doubt", |v| v.choice(&[("skip", Doubt::Skip), ("resend", Doubt::Resend)])).unwrap_or(default.doubt);
    let budget = section.optional("budget", |v| v.integer(1..=1_000_000_000_000));
    let sms_text = section
        .optional("sms_text", |v| v.choice(&[("unaccented", SmsText::Unaccented), ("unicode", SmsText::Unicode)]))
        .unwrap_or(default.sms_text);
    Some(Sending { hours, valid_for, doubt, budget, sms_text })
}

fn hours(value: &Value<'_>, kind: Kind, law: Law) -> Option<(u16, u16)> {
    let text = value.line()?;
    if kind == Kind::Warning {
        return value.refuse(
            phrase!("cảnh báo được gửi vào mọi giờ: không đặt `hours`", "a warning goes out at any hour: it takes no `hours`"),
            phrase!("bỏ dòng này", "leave this line out"),
        );
    }
    let span = text.split_once('-').and_then(|(from, until)| Some((minute(from)?, minute(until)?)));
    match span.filter(|(from, until)| from < until) {
        None => value.refuse(
            phrase!("\"{text}\" không phải khoảng giờ trong ngày", "\"{text}\" is not a span of hours within a day"),
            phrase!(
                "ví dụ: \"07:00-21:30\", muộn nhất đến \"24:00\"",
                "for example \"07:00-21:30\", until \"24:00\" at the latest"
            ),
        ),
        Some((from, until)) if law == Law::Advertising && (from < ADVERTISING_HOURS.0 || until > ADVERTISING_HOURS.1) => value
            .refuse(
                phrase!(
                    "quảng cáo chỉ được gửi từ 07:00 đến 22:00 (NĐ 91/2020)",
                    "advertising may be sent from 07:00 to 22:00 only (NĐ 91/2020)"
                ),
                phrase!("đặt trong khoảng \"07:00-22:00\"", "stay within \"07:00-22:00\""),
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

#[cfg(test)]
mod tests;
