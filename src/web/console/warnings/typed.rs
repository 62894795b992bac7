//! What a form of a warning or a correction holds, and what is wrong with it, beside its field.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;

use super::correct::Parent;
use crate::{
    campaign::{
        Segments,
        pattern::{Blank, Pattern, Texts},
    },
    phrase,
    web::console::form::Fields,
    words::{self, Lang, Phrase},
};

/// Channels in the order in which a warning has them.
pub(super) const CHANNELS: [&str; 3] = ["sms", "chat", "email"];

/// A mistake beside its field.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Mistake {
    pub field: String,
    pub text: String,
}

/// What was typed.
#[derive(Debug, Clone, Default)]
pub(super) struct Typed {
    pub texts: Texts,
    pub values: BTreeMap<String, String>,
    pub segments: Vec<String>,
    pub channels: Vec<&'static str>,
    pub owner: String,
    pub number: String,
    pub date: String,
}

/// Reads a form: what was typed, and what is wrong with it. `served`: the channels that some account serves.
pub(super) fn read(
    fields: &Fields,
    pattern: Option<&Pattern>,
    parent: Option<&Parent>,
    segments: &Segments,
    served: &[&str],
    lang: Lang,
) -> (Typed, Vec<Mistake>) {
    let text = |name: &str| fields.raw(name).replace("\r\n", "\n").trim().to_string();
    let texts =
        Texts { title: text("title"), sms: text("sms"), chat: text("chat"), subject: text("subject"), body: text("body") };
    let values = pattern.map_or(&[][..], |pattern| &pattern.blanks);
    let values: BTreeMap<String, String> =
        values.iter().map(|blank| (blank.name.clone(), fields.get(&format!("blank-{}", blank.name)).to_string())).collect();
    let typed = Typed {
        texts,
        values,
        segments: parent.map_or_else(|| fields.all("segments").map(str::to_string).collect(), |parent| parent.segments.clone()),
        channels: parent.map_or_else(
            || CHANNELS.into_iter().filter(|name| fields.all("channels").any(|chosen| chosen == *name)).collect(),
            |parent| parent.channels.clone(),
        ),
        owner: parent.map_or_else(|| fields.get("owner").to_string(), |parent| parent.head.owner.clone()),
        number: fields.get("number").to_string(),
        date: fields.get("date").to_string(),
    };
    let mut mistakes = Vec::new();
    let mut wrong =
        |field: &str, told: Phrase| mistakes.push(Mistake { field: field.to_string(), text: told.text(lang).to_string() });
    for blank in pattern.map_or(&[][..], |pattern| &pattern.blanks) {
        if let Some(told) = Blank::mistake(blank, typed.values.get(&blank.name).map_or("", String::as_str)) {
            wrong(&format!("blank-{}", blank.name), told);
        }
    }
    let filled = typed.texts.filled(&typed.values);
    for (field, name) in filled.open() {
        // A blank of the pattern that is empty was told of already.
        if !typed.values.contains_key(&name) {
            wrong(field, phrase!("chỗ trống [[{name}]] chưa được điền", "the blank [[{name}]] is not filled in"));
        }
    }
    if filled.title.is_empty() {
        wrong("title", phrase!("hãy đặt tên cho cảnh báo", "give the warning a title"));
    }
    if typed.channels.is_empty() {
        wrong("channels", phrase!("hãy chọn ít nhất một kênh", "choose at least one channel"));
    }
    // A correction's channels are given: what they lack is told with its estimate.
    for channel in typed.channels.iter().filter(|channel| parent.is_none() && !served.contains(channel)) {
        let (vi, en) = (words::channel(channel, Lang::Vi), words::channel(channel, Lang::En));
        let told = phrase!(
            "{vi}: chưa có tài khoản nào gửi được; bỏ kênh này, hoặc khai báo tài khoản trong loa.toml",
            "{en}: no account sends it; leave it out, or set up an account in loa.toml"
        );
        wrong("channels", told);
    }
    for channel in &typed.channels {
        match *channel {
            "sms" if filled.sms.is_empty() => {
                wrong("sms", phrase!("hãy viết tin nhắn SMS, hoặc bỏ kênh này", "write the text message, or leave SMS out"));
            }
            "chat" if filled.chat.is_empty() => {
                wrong("chat", phrase!("hãy viết tin nhắn chat, hoặc bỏ kênh này", "write the chat message, or leave chat out"));
            }
            "email" if filled.subject.is_empty() => {
                wrong("subject", phrase!("thư cần tiêu đề, hoặc bỏ kênh này", "the mail needs a subject, or leave e-mail out"));
            }
            "email" if filled.body.is_empty() => {
                wrong("body", phrase!("hãy viết nội dung thư, hoặc bỏ kênh này", "write the mail, or leave e-mail out"));
            }
            _ => {}
        }
    }
    if typed.segments.is_empty() {
        wrong("segments", phrase!("hãy chọn gửi cho ai", "choose whom it is for"));
    }
    if let Some(unknown) = typed.segments.iter().find(|slug| segments.get(slug).is_none()) {
        wrong("segments", phrase!("không còn nhóm `{unknown}`", "there is no segment `{unknown}` any more"));
    }
    if typed.owner.is_empty() {
        wrong("owner", phrase!("hãy chọn đơn vị chịu trách nhiệm", "choose the department that answers for it"));
    }
    if typed.number.is_empty() != typed.date.is_empty() {
        let missing = if typed.number.is_empty() { "number" } else { "date" };
        wrong(missing, phrase!("văn bản cần cả số và ngày", "a document needs both its number and its date"));
    } else if !typed.date.is_empty() && typed.date.parse::<NaiveDate>().is_err() {
        wrong("date", phrase!("ngày không đúng", "this is no date"));
    }
    (typed, mistakes)
}
