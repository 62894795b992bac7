//! `[relay]`: what others are asked to pass on, in which areas, when and on what terms.

use std::{collections::BTreeSet, time::Duration};

use providers::text::obstacle;

use super::{Around, sending::hours_of_day};
use crate::{
    campaign::{
        Kind, Sending, SmsText,
        message::beside,
        relay::{self, KINDS, Payment, Relay, SENDER_LENGTH, Status, Text},
        segment::area,
    },
    document::{Section, Value, rate},
    phrase,
    words::Phrase,
};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Messages a second beyond which a limit is none.
const FASTEST: u32 = 1_000_000;

/// Those who are named one by one: more are asked for by their kind.
const MOST_PARTNERS: usize = 500;
const MOST_AREAS: usize = 3_500;

/// Characters of a text that is no SMS.
const LONGEST: usize = 20_000;

/// What such a campaign needs in its `basis`.
pub(super) fn basis_help() -> Phrase {
    phrase!(
        "kênh `relay` phải có văn bản của cơ quan có thẩm quyền kèm bản quét: basis = {{ number = \"…\", date = 2026-11-01, authority = \"UBND …\", document = \"cong-van.pdf\" }}",
        "the channel `relay` needs the authority's document and its scan: basis = {{ number = \"…\", date = 2026-11-01, authority = \"…\", document = \"letter.pdf\" }}"
    )
}

/// The scanned document's file, beside the campaign's.
pub(super) fn document(value: &Value<'_>, around: Around<'_>) -> Option<String> {
    const SCANS: [&str; 6] = ["pdf", "jpg", "jpeg", "png", "tif", "tiff"];
    let name = value.line()?;
    let kind = name.rsplit_once('.').map(|(_, kind)| kind.to_lowercase());
    if !kind.is_some_and(|kind| SCANS.contains(&kind.as_str())) {
        return value.refuse(
            phrase!("`{name}` không phải bản quét", "`{name}` is no scanned document"),
            phrase!(
                "dùng tệp .pdf, .jpg, .png hoặc .tif đặt cạnh tệp chiến dịch",
                "name a .pdf, .jpg, .png or .tif file beside the campaign's"
            ),
        );
    }
    beside(value, around)
}

/// Reads the table; `sending`: within which hours the campaign may be sent at all.
pub(super) fn relay(section: &mut Section<'_>, kind: Kind, sending: Option<&Sending>) -> Option<Relay> {
    let partners = section.optional("partners", |v| names(&v, MOST_PARTNERS, |one| one.slug())).unwrap_or_default();
    let kinds = section
        .optional("kinds", |v| names(&v, KINDS.len(), |one| one.choice(&KINDS.map(|kind| (kind, kind))).map(str::to_string)));
    let kinds = kinds.unwrap_or_default();
    let addressed = section.has("partners") || section.has("kinds");
    if !addressed {
        section.lacking::<()>(
            "partners",
            phrase!(
                "ghi đơn vị nhận: partners = [\"viettel\", \"mobifone\"], hoặc loại đơn vị: kinds = [\"school\"]",
                "say who is asked: partners = [\"viettel\", \"mobifone\"], or which kinds: kinds = [\"school\"]"
            ),
        );
    }
    let sender = section.optional("sender", |v| sender(&v));
    let rounds = section.optional("rounds", |v| v.integer(1..=10)).map_or(Some(1), |rounds| u16::try_from(rounds).ok());
    let hours = section.optional("hours", |v| hours(&v, kind, sending));
    let hours = hours.or_else(|| sending.and_then(|sending| sending.hours));
    let valid_for = section.optional("valid_for", |v| v.duration(HOUR..=60 * DAY));
    let valid_for = valid_for.unwrap_or(if kind == Kind::Warning { DAY } else { 3 * DAY });
    let report_within = section.optional("report_within", |v| v.duration(HOUR..=60 * DAY)).unwrap_or(5 * DAY);
    let areas = section.required("areas", |v| names(&v, MOST_AREAS, |one| area(&one)));
    let audience = section.required("audience", |v| {
        let words = v.line()?;
        for_everybody(&v, &words).map(|()| words)
    });
    let sms_text = section.optional("sms_text", |v| v.choice(&SmsText::NAMES)).unwrap_or(SmsText::Unaccented);
    let sms = section.optional("sms", |v| sms(&v, sms_text));
    let app = section.optional("app", |v| prose(&v));
    let material = section.optional("material", |v| prose(&v));
    let written = ["sms", "app", "material"].iter().any(|key| section.has(key));
    if !written {
        section.lacking::<()>(
            "sms",
            phrase!(
                "viết ít nhất một nội dung: sms (tin nhắn), app (tin trong ứng dụng), material (để đọc, đăng lại)",
                "write at least one of sms, app (shown by carriers' apps), material (to be read out or published)"
            ),
        );
    }
    if section.has("sms") && !section.has("sender") {
        section.lacking::<()>(
            "sender",
            phrase!(
                "tên người gửi hiện trên tin SMS, ví dụ: sender = \"Hai Duong\"",
                "the sender that an SMS shows, for example: sender = \"Hai Duong\""
            ),
        );
    }
    let payment = payment(section);
    let status = section.optional("status", |v| v.choice(&Status::NAMES)).unwrap_or_default();
    let rate = section.optional("rate", |v| fastest(&v));
    if !addressed || !written || (sms.is_some() && sender.is_none()) {
        return None;
    }
    Some(Relay {
        partners,
        kinds,
        sender,
        rounds: rounds?,
        hours,
        valid_for,
        report_within,
        areas: areas?,
        audience: audience?,
        sms,
        sms_text,
        app,
        material,
        payment: payment?,
        status,
        rate,
    })
}

/// A list of names, none of them twice.
fn names(value: &Value<'_>, most: usize, mut read: impl FnMut(Value<'_>) -> Option<String>) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut count = 0;
    value.some(|one| {
        count += 1;
        if count == most + 1 {
            let field = value.field();
            return one.refuse(
                phrase!("`{field}` có hơn {most} mục", "`{field}` has more than {most} entries"),
                phrase!("chia thành nhiều chiến dịch", "make several campaigns of it"),
            );
        }
        let name = read(one.clone())?;
        if seen.insert(name.clone()) {
            return Some(name);
        }
        one.refuse(phrase!("`{name}` ghi hai lần", "`{name}` stands twice"), phrase!("mỗi mục một lần", "name each once"))
    })
}

/// What phones show as the sender.
fn sender(value: &Value<'_>) -> Option<String> {
    let name = value.line()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | '&');
    let fits = name.len() <= SENDER_LENGTH && name.trim() == name && name.chars().all(plain);
    if fits && name.contains(|c: char| c.is_ascii_alphabetic()) {
        return Some(name);
    }
    value.refuse(
        phrase!("\"{name}\" không dùng làm tên người gửi được", "\"{name}\" cannot be a sender's name"),
        phrase!(
            "nhiều nhất {SENDER_LENGTH} chữ không dấu, số hoặc dấu cách, có ít nhất một chữ cái, như đã đăng ký với nhà mạng",
            "at most {SENDER_LENGTH} plain letters, digits or blanks, at least one of them a letter, as registered with the carriers"
        ),
    )
}

/// The hours of each day: within the campaign's own.
fn hours(value: &Value<'_>, kind: Kind, sending: Option<&Sending>) -> Option<(u16, u16)> {
    if kind == Kind::Warning {
        return value.refuse(
            phrase!("cảnh báo được gửi vào mọi giờ: không đặt `hours`", "a warning goes out at any hour: it takes no `hours`"),
            phrase!("bỏ dòng này", "leave this line out"),
        );
    }
    let (from, until) = hours_of_day(value)?;
    match sending.and_then(|sending| sending.hours) {
        Some(own) if from < own.0 || until > own.1 => {
            let [first, last] = [own.0, own.1].map(|minute| format!("{:02}:{:02}", minute / 60, minute % 60));
            value.refuse(
                phrase!(
                    "khung giờ này ra ngoài giờ được gửi của chiến dịch ({first}–{last})",
                    "these hours are outside of the campaign's own ({first}–{last})"
                ),
                phrase!(
                    "đặt trong khoảng \"{first}-{last}\", hoặc nới [sending] hours",
                    "stay within \"{first}-{last}\", or widen [sending] hours"
                ),
            )
        }
        _ => Some((from, until)),
    }
}

/// Text that is the same for everybody.
fn prose(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let letters = text.chars().count();
    if letters > LONGEST {
        let field = value.field();
        return value.refuse(
            phrase!("`{field}` dài {letters} ký tự", "`{field}` has {letters} characters"),
            phrase!("nhiều nhất {LONGEST} ký tự", "at most {LONGEST} characters"),
        );
    }
    for_everybody(value, &text)?;
    Some(text)
}

/// Nobody here knows whom it goes to: there is nothing to fill in.
fn for_everybody(value: &Value<'_>, text: &str) -> Option<()> {
    if !text.contains("{{") && !text.contains("{%") && !text.contains("{#") {
        return Some(());
    }
    let field = value.field();
    value.refuse(
        phrase!(
            "`{field}` có chỗ điền thông tin người nhận, mà đơn vị tiếp nhận gửi cùng một lời cho mọi người",
            "`{field}` has a placeholder, and whoever passes it on sends one text to everybody"
        ),
        phrase!("viết trọn lời nhắn, không dùng {{{{ … }}}}", "write the whole text, without {{{{ … }}}}"),
    )
}

fn sms(value: &Value<'_>, sms_text: SmsText) -> Option<String> {
    let text = value.text()?;
    for_everybody(value, &text)?;
    match Text::of(&text, sms_text) {
        Ok(_) => Some(text),
        Err(error) => {
            let foreign = obstacle(&text, sms_text == SmsText::Unaccented).map(|(_, character)| character);
            let help = foreign.map_or_else(
                || phrase!("rút gọn lời nhắn", "make it shorter"),
                |character| phrase!("bỏ hoặc thay “{character}”", "take “{character}” out, or write something else"),
            );
            value.refuse(relay::why(&error), help)
        }
    }
}

/// `payment = "free"`, or a contract's number.
fn payment(section: &mut Section<'_>) -> Option<Payment> {
    let free = section.required("payment", |v| v.choice(&[("free", true), ("contract", false)]));
    let contract = section.value("contract");
    match (free?, contract) {
        (true, None) => Some(Payment::Free),
        (true, Some(contract)) => contract.refuse(
            phrase!("gửi miễn phí thì không có hợp đồng", "what is free has no contract"),
            phrase!("bỏ dòng này, hoặc đặt payment = \"contract\"", "leave this line out, or set payment = \"contract\""),
        ),
        (false, Some(contract)) => contract.line().map(Payment::Contract),
        (false, None) => section.lacking(
            "contract",
            phrase!(
                "ghi số hợp đồng, ví dụ: contract = \"15/2026/HĐ-VT\"",
                "the contract's number, for example: contract = \"15/2026/HĐ-VT\""
            ),
        ),
    }
}

fn fastest(value: &Value<'_>) -> Option<(u32, Duration)> {
    let text = value.line()?;
    match rate(&text) {
        // An order says how many a second: less than one cannot be told.
        Some(rate) if rate.0 <= FASTEST && u64::from(rate.0) >= rate.1.as_secs() => Some(rate),
        _ => value.refuse(
            phrase!("\"{text}\" không phải tốc độ đặt được", "\"{text}\" is not a rate that can be asked for"),
            phrase!(
                "viết số tin trên giây, phút hoặc giờ, ít nhất 1 tin một giây: \"100/s\", \"6000/m\", \"36000/h\"",
                "write a number a second, minute or hour, of at least one a second: \"100/s\", \"6000/m\", \"36000/h\""
            ),
        ),
    }
}

#[cfg(test)]
mod tests;
