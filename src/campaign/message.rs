//! `[[message]]`: the texts of a campaign, checked against its channels and phases.

#![expect(
    clippy::unnecessary_wraps,
    reason = "a reader returns an option whether or not it can fail: that is what sections call"
)]

use std::collections::{BTreeMap, BTreeSet};

use providers::{Channel, text::Pattern};

use super::{
    AdvertisingRule, Body, ChatBody, EmailBody, Message, Period, SmsBody, SmsText,
    read::{Around, reference},
};
use crate::{
    config::wording,
    document::{Section, Value, suggestion},
    phrase,
    words::Phrase,
};

/// The rest of the campaign, as far as its messages must fit it.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    /// What binds its texts, where it advertises.
    pub(super) advertising: Option<&'static AdvertisingRule>,
    pub(super) period: &'a Period,
    /// Empty where it could not be read.
    pub(super) channels: &'a [Channel],
    /// Empty where it could not be read.
    pub(super) segments: &'a [String],
}

/// The most messages of a campaign: one for each day of a year.
const MOST: usize = 366;

/// The messages of a campaign. What follows only from a message that is wrong itself is not reported.
pub(super) fn messages(value: &Value<'_>, frame: Frame<'_>, around: Around<'_>) -> Option<Vec<Message>> {
    let mut ids = BTreeSet::new();
    let mut whole = true;
    let mut count = 0;
    let messages = value.some(|one| {
        count += 1;
        if count > MOST {
            whole = false;
            if count == MOST + 1 {
                one.refuse::<()>(
                    phrase!("chiến dịch có nhiều hơn {MOST} tin", "the campaign has more than {MOST} messages"),
                    phrase!("chia thành nhiều chiến dịch", "make several campaigns of it"),
                );
            }
            return None;
        }
        let message = one.section(|s| message(s, frame, &mut ids, around));
        whole &= message.is_some();
        message
    })?;
    if !whole {
        return None;
    }
    for channel in frame.channels.iter().filter(|channel| !messages.iter().any(|m| m.body.has(**channel))) {
        value.refuse::<()>(
            phrase!("không tin nào có nội dung cho kênh `{channel}`", "no message has a text for the channel `{channel}`"),
            phrase!(
                "thêm `{channel}` vào một [[message]], hoặc bỏ nó khỏi channels.use",
                "add `{channel}` to a [[message]], or take it out of channels.use"
            ),
        );
    }
    for gap in gaps(frame, &messages) {
        value.refuse::<()>(
            gap,
            phrase!(
                "thêm một [[message]] không có `phase` và `for`, hoặc thu hẹp [period]",
                "add a [[message]] without `phase` and `for`, or narrow [period]"
            ),
        );
    }
    Some(messages)
}

/// Stretches of the period in which somebody of the audience would get no message.
fn gaps(frame: Frame<'_>, messages: &[Message]) -> Vec<Phrase> {
    let served = |phase: Option<&str>| {
        let fitting: Vec<&Message> = messages.iter().filter(|m| m.phase.is_none() || m.phase.as_deref() == phase).collect();
        let general = fitting.iter().any(|m| m.segments.is_empty());
        general || frame.segments.iter().all(|segment| fitting.iter().any(|m| m.segments.contains(segment)))
    };
    let mut gaps = Vec::new();
    match frame.period.phases.first() {
        None if !served(None) => gaps.push(phrase!(
            "có người nhận không được gửi tin nào: mọi tin đều có `for`",
            "some of the audience would get no message: every message has `for`"
        )),
        Some((_, first)) if frame.period.from.is_none_or(|from| from < *first) && !served(None) => gaps.push(phrase!(
            "trước giai đoạn đầu tiên ({first}) có người nhận không được gửi tin nào",
            "before the first phase ({first}) some of the audience would get no message"
        )),
        _ => {}
    }
    gaps.extend(frame.period.phases.iter().filter(|(name, _)| !served(Some(name))).map(|(name, first)| {
        phrase!(
            "trong giai đoạn `{name}` (từ {first}) có người nhận không được gửi tin nào",
            "in the phase `{name}` (from {first}) some of the audience would get no message"
        )
    }));
    gaps
}

fn message(section: &mut Section<'_>, frame: Frame<'_>, ids: &mut BTreeSet<String>, around: Around<'_>) -> Option<Message> {
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
        if frame.period.phases.iter().any(|(known, _)| *known == name) {
            return Some(name);
        }
        v.refuse(
            phrase!("[period] không có giai đoạn `{name}`", "[period] names no phase `{name}`"),
            suggestion(&name, frame.period.phases.iter().map(|(known, _)| known.as_str())),
        )
    });
    let segments = section.optional("for", |v| v.some(|segment| reference(&segment, around))).unwrap_or_default();
    let body = body(section, around, frame.advertising, true)?;
    if !frame.channels.is_empty() && !frame.channels.iter().any(|channel| body.has(*channel)) {
        section.refuse::<()>(
            phrase!(
                "tin này không có nội dung cho kênh nào của chiến dịch",
                "this message has no text for any of the campaign's channels"
            ),
            channel_help(frame.channels),
        );
    }
    let lang = section.optional("lang", |v| v.section(|s| languages(s, around, frame.advertising))).unwrap_or_default();
    Some(Message { id: id?, phase, segments, body, lang })
}

fn channel_help(order: &[Channel]) -> Phrase {
    let order = order.iter().map(|channel| format!("`{channel}`")).collect::<Vec<_>>().join(", ");
    phrase!("thêm ít nhất một trong: {order}", "add at least one of: {order}")
}

fn languages(section: &mut Section<'_>, around: Around<'_>, law: Option<&AdvertisingRule>) -> Option<BTreeMap<String, Body>> {
    let mut languages = BTreeMap::new();
    for (code, value) in section.rest() {
        if !is_language(code) {
            section.refuse_key::<()>(
                code,
                phrase!("`{code}` không phải mã ngôn ngữ", "`{code}` is not a language code"),
                phrase!("viết như `en` hoặc `zh-Hant`", "write it like `en` or `zh-Hant`"),
            );
        }
        languages.extend(value.section(|s| body(s, around, law, false)).map(|body| (code.to_string(), body)));
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
fn body(section: &mut Section<'_>, around: Around<'_>, law: Option<&AdvertisingRule>, whole: bool) -> Option<Body> {
    let sms = section.optional("sms", |v| sms(&v, law));
    let chat = section.optional("chat", |v| chat(&v, law));
    let email = section.optional("email", |v| v.section(|s| email(s, around, law, whole)));
    // A part that is there but wrong was reported: what would follow from its absence is not.
    let read = [("sms", sms.is_some()), ("chat", chat.is_some()), ("email", email.is_some())];
    read.iter().all(|(key, well)| *well || !section.has(key)).then_some(Body { sms, chat, email })
}

fn sms(value: &Value<'_>, law: Option<&AdvertisingRule>) -> Option<SmsBody> {
    let lawful = |value: &Value<'_>| {
        let text = value.text()?;
        // Both, so that a first check tells all.
        let lawful = law.map_or([Some(()); 2], |law| [law.labelled(value, &text), law.instructed(value, &text)]);
        lawful.iter().all(Option::is_some).then_some(text)
    };
    if value.is_text() {
        return Some(SmsBody::Text { text: lawful(value)?, sms_text: None });
    }
    value.section(|s| {
        let template = s.optional("template", |v| v.slug());
        if s.has("template") {
            let own = s.optional("wording", |v| wording(&v));
            let well = own.is_some() || !s.has("wording");
            let values = s.optional("values", |v| v.section(data)).unwrap_or_default();
            for slot in own.iter().flat_map(Pattern::slots).filter(|slot| !values.contains_key(&slot.name)) {
                let name = &slot.name;
                s.refuse::<()>(
                    phrase!(
                        "`values` thiếu chỗ trống {{{name}}} của `wording`",
                        "`values` lacks the slot {{{name}}} of `wording`"
                    ),
                    phrase!("ví dụ: values = {{ {name} = \"…\" }}", "for example: values = {{ {name} = \"…\" }}"),
                );
            }
            return template.filter(|_| well).map(|template| SmsBody::Registered { template, wording: own, values });
        }
        let sms_text = s.optional("sms_text", |v| v.choice(&SmsText::NAMES));
        if s.has("text") {
            return Some(SmsBody::Text { text: s.required("text", |v| lawful(&v))?, sms_text });
        }
        s.refuse(
            phrase!("`sms` cần `text` hoặc `template`", "`sms` needs `text` or `template`"),
            phrase!(
                "ví dụ: sms = {{ template = \"canh-bao\", values = {{ 1 = \"…\" }} }}",
                "for example: sms = {{ template = \"warning\", values = {{ 1 = \"…\" }} }}"
            ),
        )
    })
}

fn chat(value: &Value<'_>, law: Option<&AdvertisingRule>) -> Option<ChatBody> {
    let labelled = |value: &Value<'_>| {
        let text = value.text()?;
        law.map_or(Some(()), |law| law.labelled(value, &text)).map(|()| text)
    };
    if value.is_text() {
        return Some(ChatBody { text: Some(labelled(value)?), ..ChatBody::default() });
    }
    value.section(|s| {
        let text = s.optional("text", |v| labelled(&v));
        let template = s.optional("template", |v| v.line());
        let data = s.optional("data", |v| v.section(data)).unwrap_or_default();
        if s.has("text") && text.is_none() {
            return None;
        }
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

fn email(section: &mut Section<'_>, around: Around<'_>, law: Option<&AdvertisingRule>, whole: bool) -> Option<EmailBody> {
    // How to refuse a mail stands at its end already: the layout puts its link there.
    let line = |v: Value<'_>| {
        let text = v.line()?;
        law.map_or(Some(()), |law| law.labelled(&v, &text)).map(|()| text)
    };
    let subject = if whole { section.required("subject", line) } else { section.optional("subject", line) };
    let preheader = section.optional("preheader", |v| v.line());
    let body = if whole { section.required("body", |v| v.text()) } else { section.optional("body", |v| v.text()) };
    let attach = section.optional("attach", |v| v.list(|file| attachment(&file, around))).unwrap_or_default();
    if (section.has("subject") && subject.is_none()) || (section.has("preheader") && preheader.is_none()) {
        return None;
    }
    if whole {
        return Some(EmailBody { subject: subject?, preheader, body: body?, attach });
    }
    Some(EmailBody { subject: subject.unwrap_or_default(), preheader, body: body.unwrap_or_default(), attach })
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
