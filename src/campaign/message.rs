//! `[[message]]`: the texts of a campaign, checked against its channels and phases.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use providers::Channel;

use super::{
    Body, ChatBody, EmailBody, Message, Period,
    read::{Around, reference},
};
use crate::{
    document::{Section, Value, suggestion},
    phrase,
    words::Phrase,
};

/// The messages of a campaign whose channels are `order`.
pub(super) fn messages(value: &Value<'_>, period: &Period, order: &[Channel], around: Around<'_>) -> Option<Vec<Message>> {
    let mut ids = BTreeSet::new();
    let messages = value.some(|one| one.section(|s| message(s, period, order, &mut ids, around)))?;
    for channel in order {
        if !messages.is_empty() && !messages.iter().any(|m| m.body.has(*channel)) {
            value.refuse::<()>(
                phrase!("không tin nào có nội dung cho kênh `{channel}`", "no message has a text for the channel `{channel}`"),
                phrase!(
                    "thêm `{channel}` vào một [[message]], hoặc bỏ nó khỏi channels.use",
                    "add `{channel}` to a [[message]], or take it out of channels.use"
                ),
            );
        }
    }
    for (name, date) in gaps(period, &messages) {
        value.refuse::<()>(
            match name {
                Some(name) => phrase!(
                    "giai đoạn `{name}` (từ {date}) không có tin nào cho mọi người",
                    "no message for everybody fits the phase `{name}` (from {date})"
                ),
                None => phrase!(
                    "trước giai đoạn đầu tiên ({date}) không có tin nào cho mọi người",
                    "no message for everybody fits before the first phase ({date})"
                ),
            },
            phrase!(
                "thêm một [[message]] không có `phase` và `for`, hoặc gắn với giai đoạn này",
                "add a [[message]] without `phase` and `for`, or one bound to this phase"
            ),
        );
    }
    Some(messages)
}

/// Stretches of the period in which no message would be sent to everybody. An empty list has been reported already.
fn gaps<'p>(period: &'p Period, messages: &[Message]) -> Vec<(Option<&'p str>, NaiveDate)> {
    let general = |phase: Option<&str>| {
        messages.iter().any(|m| m.segments.is_empty() && (m.phase.is_none() || m.phase.as_deref() == phase))
    };
    let Some((_, first)) = period.phases.first() else {
        let never = NaiveDate::MIN;
        return if general(None) || messages.is_empty() { Vec::new() } else { vec![(None, period.from.unwrap_or(never))] };
    };
    let mut gaps = Vec::new();
    if period.from.is_none_or(|from| from < *first) && !general(None) {
        gaps.push((None, *first));
    }
    gaps.extend(period.phases.iter().filter(|(name, _)| !general(Some(name))).map(|(name, date)| (Some(name.as_str()), *date)));
    gaps
}

fn message(
    section: &mut Section<'_>,
    period: &Period,
    order: &[Channel],
    ids: &mut BTreeSet<String>,
    around: Around<'_>,
) -> Option<Message> {
    let id = section.required("id", |v| {
        let id = v.slug()?;
        if ids.insert(id.clone()) {
            return Some(id);
        }
        v.refuse(
            phrase!("mã tin `{id}` đã dùng ở trên", "the id `{id}` is taken by a message above"),
            phrase!("mỗi tin một mã riêng", "give each message an id of its own"),
        )
    });
    let phase = section.optional("phase", |v| {
        let name = v.text()?;
        if period.phases.iter().any(|(known, _)| *known == name) {
            return Some(name);
        }
        v.refuse(
            phrase!("[period] không có giai đoạn `{name}`", "[period] names no phase `{name}`"),
            suggestion(&name, period.phases.iter().map(|(known, _)| known.as_str())),
        )
    });
    let segments = section.optional("for", |v| v.some(|segment| reference(&segment, around))).unwrap_or_default();
    let body = body(section, around, true)?;
    if !order.is_empty() && !order.iter().any(|channel| body.has(*channel)) {
        section.refuse::<()>(
            phrase!(
                "tin này không có nội dung cho kênh nào của chiến dịch",
                "this message has no text for any of the campaign's channels"
            ),
            channel_help(order),
        );
    }
    let lang = section.optional("lang", |v| v.section(|s| languages(s, around))).unwrap_or_default();
    Some(Message { id: id?, phase, segments, body, lang })
}

fn channel_help(order: &[Channel]) -> Phrase {
    let order = order.iter().map(|channel| format!("`{channel}`")).collect::<Vec<_>>().join(", ");
    phrase!("thêm ít nhất một trong: {order}", "add at least one of: {order}")
}

fn languages(section: &mut Section<'_>, around: Around<'_>) -> Option<BTreeMap<String, Body>> {
    let mut languages = BTreeMap::new();
    for (code, value) in section.rest() {
        if !is_language(code) {
            section.refuse_key::<()>(
                code,
                phrase!("`{code}` không phải mã ngôn ngữ", "`{code}` is not a language code"),
                phrase!("viết như `en` hoặc `zh-Hant`", "write it like `en` or `zh-Hant`"),
            );
        }
        languages.extend(value.section(|s| body(s, around, false)).map(|body| (code.to_string(), body)));
    }
    Some(languages)
}

/// Whether a text has the shape of a BCP 47 tag: a language of two or three letters, then subtags.
pub(super) fn is_language(code: &str) -> bool {
    let mut parts = code.split('-');
    let language = parts.next().unwrap_or_default();
    matches!(language.len(), 2..=3)
        && language.bytes().all(|b| b.is_ascii_lowercase())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

impl Body {
    /// Whether there is a text for this channel.
    pub fn has(&self, channel: Channel) -> bool {
        match channel {
            Channel::Sms => self.sms.is_some(),
            Channel::Email => self.email.is_some(),
            Channel::Chat => self.chat.is_some(),
        }
    }
}

/// The texts; in another language (`whole = false`) parts of a mail may be missing.
fn body(section: &mut Section<'_>, around: Around<'_>, whole: bool) -> Option<Body> {
    let sms = section.optional("sms", |v| v.text());
    let chat = section.optional("chat", |v| chat(&v));
    let email = section.optional("email", |v| v.section(|s| email(s, around, whole)));
    Some(Body { sms, chat, email })
}

fn chat(value: &Value<'_>) -> Option<ChatBody> {
    if value.is_text() {
        return Some(ChatBody { text: Some(value.text()?), ..ChatBody::default() });
    }
    value.section(|s| {
        let text = s.optional("text", |v| v.text());
        let template = s.optional("template", |v| v.line());
        let data = s.optional("data", |v| v.section(data)).unwrap_or_default();
        if !s.has("text") && !s.has("template") {
            return s.refuse(
                phrase!("`chat` cần `text` hoặc `template`", "`chat` needs `text` or `template`"),
                phrase!("ví dụ: chat = {{ text = \"…\" }}", "for example: chat = {{ text = \"…\" }}"),
            );
        }
        Some(ChatBody { text, template, data })
    })
}

fn data(section: &mut Section<'_>) -> Option<BTreeMap<String, String>> {
    Some(section.rest().into_iter().filter_map(|(key, value)| Some((key.to_string(), value.any_text()?))).collect())
}

fn email(section: &mut Section<'_>, around: Around<'_>, whole: bool) -> Option<EmailBody> {
    let (subject, body) = if whole {
        (section.required("subject", |v| v.line())?, section.required("body", |v| v.text())?)
    } else {
        let subject = section.optional("subject", |v| v.line()).unwrap_or_default();
        (subject, section.optional("body", |v| v.text()).unwrap_or_default())
    };
    let attach = section.optional("attach", |v| v.list(|file| attachment(&file, around))).unwrap_or_default();
    Some(EmailBody { subject, body, attach })
}

/// A file beside the campaign's, or in a folder beside it.
fn attachment(value: &Value<'_>, around: Around<'_>) -> Option<String> {
    let name = value.line()?;
    let inside = std::path::Path::new(&name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if !inside || name.contains('\\') {
        return value.refuse(
            phrase!(
                "tệp đính kèm `{name}` phải nằm trong thư mục chiến dịch",
                "the attachment `{name}` must lie in the campaigns' folder"
            ),
            phrase!("viết đường dẫn tương đối, không có `..`", "write a relative path without `..`"),
        );
    }
    match around.attach {
        Some(attach) => attach(&name, value).map(|()| name),
        None => Some(name),
    }
}
