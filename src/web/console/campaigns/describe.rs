//! A campaign in words: to whom, when, which ways, within which bounds.

use std::time::Duration;

use chrono::NaiveTime;
use serde::Serialize;

use crate::{
    campaign::{Cadence, Campaign, Day, Doubt, Kind, Law, Library, OnHoliday, Policy, Rule, SmsText},
    phrase,
    words::{self, Lang, Phrase, date, number, weekday},
};

/// One fact: what it is called, and what it is.
#[derive(Debug, Serialize)]
pub(in crate::web) struct Fact {
    pub name: &'static str,
    pub text: String,
}

/// What a reader has to know of a campaign, in the order of the file.
pub(in crate::web) fn facts(campaign: &Campaign, library: &Library, lang: Lang) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |vi: &'static str, en: &'static str, text: String| {
        if !text.is_empty() {
            facts.push(Fact { name: lang.pick(vi, en), text });
        }
    };
    let kind = match campaign.kind {
        Kind::Warning => {
            phrase!("Cảnh báo khẩn: gửi trước mọi tin khác, bất kể giờ", "Warning: goes ahead of everything, at any hour")
        }
        Kind::Awareness => phrase!("Tuyên truyền", "Awareness"),
    };
    add("Loại", "Kind", kind.text(lang).to_string());
    add("Đơn vị chủ trì", "Owner", campaign.owner.clone());
    if let Some(basis) = &campaign.basis {
        let day = date(basis.date, lang);
        let by =
            std::iter::once("").chain(basis.authority.as_deref()).chain(basis.signer.as_deref()).collect::<Vec<_>>().join(", ");
        let (number, by) = (&basis.number, &by);
        add("Căn cứ", "Basis", phrase!("{number} ngày {day}{by}", "{number} of {day}{by}").text(lang).to_string());
    }
    if campaign.law == Law::Advertising {
        add("Quy định", "Law", lang.pick("Tin quảng cáo (NĐ 91/2020/NĐ-CP)", "Advertising (NĐ 91/2020/NĐ-CP)").to_string());
    }
    add("Thời gian", "Period", period(campaign, lang));
    add("Lịch gửi", "Cadence", cadence(campaign.cadence.as_ref(), lang).text(lang).to_string());
    let titled = |slug: &String| match library.segments.get(slug) {
        Some(segment) => format!("{} ({slug})", segment.title),
        None => slug.clone(),
    };
    let listed = |slugs: &[String]| slugs.iter().map(titled).collect::<Vec<_>>().join("; ");
    add("Gửi cho", "For", listed(&campaign.audience.segments));
    add("Trừ", "But not", listed(&campaign.audience.exclude));
    if let Some(goal) = campaign.audience.goal {
        add("Mục tiêu tiếp cận", "Goal", format!("{} %", (goal * 100.0).round()));
    }
    add("Kênh", "Channels", channels(campaign, lang).text(lang).to_string());
    let sending = &campaign.sending;
    if let Some((from, until)) = sending.hours {
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        add("Giờ được gửi", "Hours", format!("{}–{}", clock(from), clock(until)));
    }
    add("Tin có hiệu lực trong", "Valid for", span(sending.valid_for, lang));
    let doubt = match sending.doubt {
        Doubt::Skip => phrase!("Không gửi lại (ưu tiên không gửi trùng)", "Not sent again (rather lost than doubled)"),
        Doubt::Resend => phrase!("Gửi lại (ưu tiên không bỏ sót)", "Sent again (rather doubled than lost)"),
    };
    add("Khi chưa rõ kết quả", "In doubt", doubt.text(lang).to_string());
    if let Some(budget) = sending.budget {
        let budget = number(budget, lang);
        add(
            "Kinh phí một đợt",
            "Budget of a run",
            phrase!("tối đa {budget} đồng", "at most {budget} đồng").text(lang).to_string(),
        );
    }
    let spelling = match sending.sms_text {
        SmsText::Unaccented => phrase!("không dấu", "without accents"),
        SmsText::Unicode => phrase!("có dấu", "with accents"),
    };
    add("Chữ trong SMS", "SMS text", spelling.text(lang).to_string());
    facts
}

/// A time as people say it: `1 ngày`, `2 giờ 30 phút`.
fn span(span: Duration, lang: Lang) -> String {
    let minutes = span.as_secs() / 60;
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    let units = [(days, "ngày", "d"), (hours, "giờ", "h"), (minutes, "phút", "min")];
    let said = units.into_iter().filter(|(n, ..)| *n > 0).map(|(n, vi, en)| format!("{n} {}", lang.pick(vi, en)));
    said.collect::<Vec<_>>().join(" ")
}

fn period(campaign: &Campaign, lang: Lang) -> String {
    let period = &campaign.period;
    let span = match (period.from, period.through) {
        (Some(from), Some(through)) => format!("{} – {}", date(from, lang), date(through, lang)),
        (Some(from), None) => format!("{} {}", lang.pick("từ", "from"), date(from, lang)),
        (None, Some(through)) => format!("{} {}", lang.pick("đến hết", "through"), date(through, lang)),
        (None, None) => return String::new(),
    };
    let phases: Vec<String> = period.phases.iter().map(|(name, first)| format!("{name}: {}", date(*first, lang))).collect();
    if phases.is_empty() { span } else { format!("{span} ({})", phases.join("; ")) }
}

/// When a campaign runs by itself, as people say it.
pub(in crate::web) fn cadence(cadence: Option<&Cadence>, lang: Lang) -> Phrase {
    let Some(cadence) = cadence else {
        return phrase!("Không định kỳ: chỉ gửi khi có lệnh", "Only when a person sends it");
    };
    let at = |at: NaiveTime| at.format("%H:%M").to_string();
    let day = |day: Day| match day {
        Day::Number(day) => phrase!("ngày {day}", "day {day}"),
        Day::Last => phrase!("ngày cuối", "the last day"),
    };
    let rule = match &cadence.rule {
        Rule::Once(day, time) => {
            let (day, time) = (date(*day, lang), at(*time));
            phrase!("một lần, {time} ngày {day}", "once, on {day} at {time}")
        }
        Rule::Day(time) => {
            let time = at(*time);
            phrase!("hằng ngày lúc {time}", "every day at {time}")
        }
        Rule::Week(days, time) => {
            let days = days.iter().map(|day| weekday(*day, lang)).collect::<Vec<_>>().join(", ");
            let time = at(*time);
            phrase!("hằng tuần: {days} lúc {time}", "every week: {days} at {time}")
        }
        Rule::Month(which, time) => {
            let (Phrase { vi, en }, time) = (day(*which), at(*time));
            phrase!("hằng tháng: {vi} lúc {time}", "every month: {en} at {time}")
        }
        Rule::Quarter(month, which, time) => {
            let (Phrase { vi, en }, time) = (day(*which), at(*time));
            phrase!("hằng quý: {vi} của tháng thứ {month} lúc {time}", "every quarter: {en} of month {month} at {time}")
        }
        Rule::Cron(_, line) => phrase!("theo lịch cron: {line}", "by cron: {line}"),
    };
    let holidays = match cadence.holidays {
        OnHoliday::Send => return rule,
        OnHoliday::Skip => phrase!("bỏ ngày lễ", "not on holidays"),
        OnHoliday::NextWorkday => phrase!("gặp ngày lễ thì dời sang ngày làm việc kế tiếp", "moved off holidays"),
    };
    Phrase { vi: format!("{}; {}", rule.vi, holidays.vi), en: format!("{}; {}", rule.en, holidays.en) }
}

/// A campaign's channels, in order.
pub(in crate::web) fn channels(campaign: &Campaign, lang: Lang) -> Phrase {
    let names: Vec<&str> = campaign.channels.order.iter().map(|channel| words::channel(channel.name(), lang)).collect();
    if names.len() == 1 {
        return Phrase::from(names[0]);
    }
    match campaign.channels.policy {
        Policy::All => {
            let names = names.join(", ");
            phrase!("{names}: cùng lúc", "{names}: all at once")
        }
        Policy::First => {
            let names = names.join(" → ");
            let after = campaign.channels.fall_back_after.map(|after| span(after, lang));
            match after {
                Some(after) => phrase!(
                    "{names}: kênh sau chỉ dùng khi kênh trước không đến được, hoặc im lặng {after}",
                    "{names}: the next only when the one before fails, or is silent for {after}"
                ),
                None => phrase!(
                    "{names}: kênh sau chỉ dùng khi kênh trước không đến được",
                    "{names}: the next only when the one before fails"
                ),
            }
        }
    }
}
