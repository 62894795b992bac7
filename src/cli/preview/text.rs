//! One text as it will be, for a terminal of a hundred columns or for a program.

use std::fmt::Write as _;

use providers::Content;
use serde_json::json;

use super::sms;
use crate::{
    preview::Shown,
    words::{Lang, width},
};

/// Columns of a line.
const COLUMNS: usize = 100;

pub(super) fn told(shown: &Shown, lang: Lang) -> String {
    let mut heading = format!("  {} ({})", shown.channel, shown.lang);
    if let Some(to) = &shown.to {
        heading.push_str(" → ");
        heading.push_str(to);
    }
    heading.push('\n');
    if !shown.versions.is_empty() {
        return shown.versions.iter().fold(heading, |out, version| out + &sms::told(version, lang));
    }
    let body = match &shown.content {
        Err(why) => return heading + &lines("    ✗ ", "      ", why.text(lang)),
        Ok(Content::Sms(sms)) => sms.text.clone(),
        Ok(Content::Email(email)) => {
            let pictures = email.pictures.iter().map(|picture| ("🖼", &picture.file));
            let files = email.attachments.iter().map(|file| ("📎", file));
            let files = pictures.chain(files).fold(String::new(), |mut files, (sign, file)| {
                // Writing into a String cannot fail.
                let _ = write!(files, "\n{sign} {} ({} byte)", file.name, file.bytes.len());
                files
            });
            format!("{}\n\n{}{files}", email.subject, email.text.trim_end())
        }
        Ok(Content::Chat(chat)) => {
            let template = chat.template.iter().map(|id| format!("template {id}"));
            let data = chat.data.iter().map(|(key, value)| format!("{key} = {value}"));
            template.chain(data).chain(chat.text.clone()).collect::<Vec<_>>().join("\n")
        }
    };
    heading + &block(&body)
}

pub(super) fn json(shown: &Shown, lang: Lang) -> serde_json::Value {
    let mut json = json!({ "channel": shown.channel.name(), "lang": shown.lang, "to": shown.to });
    let more = match &shown.content {
        Err(why) => json!({ "error": why.text(lang) }),
        Ok(Content::Sms(sms)) => json!({ "text": sms.text }),
        Ok(Content::Email(email)) => json!({
            "subject": email.subject, "text": email.text, "html": email.html,
            "pictures": email.pictures.iter().map(|picture| picture.file.name.as_str()).collect::<Vec<_>>(),
            "attachments": email.attachments.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(),
        }),
        Ok(Content::Chat(chat)) => json!({ "text": chat.text, "template": chat.template, "data": chat.data }),
    };
    if let (Some(json), serde_json::Value::Object(more)) = (json.as_object_mut(), more) {
        json.extend(more);
    }
    if !shown.versions.is_empty() {
        json["sms"] = shown.versions.iter().map(|version| sms::json(version, lang)).collect();
    }
    json
}

/// A text behind a line at its left.
pub(super) fn block(text: &str) -> String {
    text.lines().fold(String::new(), |out, line| out + &lines("    │ ", "    │ ", line))
}

/// A paragraph, broken between words where it is too long; `first` stands before its first line, `rest` before the others.
pub(super) fn lines(first: &str, rest: &str, text: &str) -> String {
    let mut lines = vec![first.to_owned()];
    for (nth, word) in text.split(' ').enumerate() {
        let Some(line) = lines.last_mut() else { break };
        if nth == 0 {
            line.push_str(word);
        } else if width(line) + 1 + width(word) <= COLUMNS {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(format!("{rest}{word}"));
        }
    }
    lines.iter().fold(String::new(), |out, line| out + line.trim_end() + "\n")
}
