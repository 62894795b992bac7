//! A campaign in words: to whom, when, which ways, within which bounds.

use std::time::Duration;

use chrono::NaiveTime;
use serde::Serialize;

use crate::{
    audience::place::Places,
    campaign::{
        Cadence, Campaign, Day, Doubt, Kind, Law, Library, OnHoliday, Policy, Relay, Rule, Sending, SmsText,
        relay::{CHANNEL, Payment},
    },
    phrase,
    preview::relay::uncounted,
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
        add("Bản quét văn bản", "Scanned document", basis.document.clone().unwrap_or_default());
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
    if !campaign.is_relay_alone() {
        bounds(&campaign.sending, lang, &mut add);
    }
    if let Some(relay) = &campaign.channels.relay {
        relayed(relay, lang, &mut add);
    }
    facts
}

/// Within what Loa sends by itself.
fn bounds(sending: &Sending, lang: Lang, add: &mut impl FnMut(&'static str, &'static str, String)) {
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
}

/// What others are asked to pass on.
fn relayed(relay: &Relay, lang: Lang, add: &mut impl FnMut(&'static str, &'static str, String)) {
    let said = |phrase: Phrase| phrase.text(lang).to_string();
    let kinds = relay.kinds.iter().map(|kind| {
        let kind = words::outlet(kind, lang);
        said(phrase!("mọi đơn vị loại {kind}", "every outlet of the kind {kind}"))
    });
    let whom: Vec<String> = relay.partners.iter().cloned().chain(kinds).collect();
    add("Yêu cầu chuyển cho", "Relayed by", whom.join("; "));
    add("Trạng thái yêu cầu", "Status of the order", said(relay.status.phrase()));
    let places = Places::built_in();
    let areas: Vec<String> = relay.areas.iter().map(|code| places.full_name(code).unwrap_or_else(|| code.clone())).collect();
    add("Địa bàn yêu cầu", "Areas of the order", areas.join("; "));
    add("Đối tượng yêu cầu", "For whom it is relayed", relay.audience.clone());
    add("Tên người gửi", "Sender", relay.sender.clone().unwrap_or_default());
    if let Some(text) = relay.text() {
        let (size, sha256) = (said(text.size()), &text.sha256);
        add("SMS qua nhà mạng", "SMS by carriers", format!("{size} · SHA-256 {sha256}"));
        let (rounds, converted) = (relay.rounds, relay.converted());
        add(
            "Số vòng",
            "Rounds",
            said(phrase!(
                "{rounds} ({converted} tin quy đổi mỗi thuê bao)",
                "{rounds} ({converted} ordinary messages a subscriber)"
            )),
        );
    }
    if let Some((from, until)) = relay.hours {
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        add("Khung giờ thực hiện", "Hours of the order", format!("{}–{}", clock(from), clock(until)));
    }
    add("Yêu cầu có hiệu lực trong", "The order is valid for", span(relay.valid_for, lang));
    let within = span(relay.report_within, lang);
    add("Hạn báo cáo", "Report due", said(phrase!("{within} sau khi hết hiệu lực", "{within} after its end")));
    if let Some((count, per)) = relay.rate {
        let (count, per) = (number(i64::from(count), lang), per.as_secs());
        add("Tốc độ tối đa", "Most at a time", said(phrase!("{count} tin trong {per} giây", "{count} messages in {per} s")));
    }
    let payment = match &relay.payment {
        Payment::Free => phrase!("miễn phí", "free of charge"),
        Payment::Contract(contract) => phrase!("theo hợp đồng {contract}", "by contract {contract}"),
    };
    add("Chi phí", "Paid", said(payment));
    add("Số liệu", "Figures", said(uncounted()));
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
    let relay = campaign.channels.relay.as_ref().map(|_| words::channel(CHANNEL, lang));
    match relay {
        None => ways(campaign, lang),
        Some(relay) if campaign.channels.order.is_empty() => Phrase::from(relay),
        Some(relay) => {
            let Phrase { vi, en } = ways(campaign, lang);
            phrase!("{vi}; và {relay}", "{en}; and {relay}")
        }
    }
}

/// The ways to people, in order.
fn ways(campaign: &Campaign, lang: Lang) -> Phrase {
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
