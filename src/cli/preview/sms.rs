//! A text message in each form that it may take, for a terminal or for a program.

use providers::{
    Sms,
    text::{Encoding, Measured, measure},
};
use serde_json::json;

use super::text;
use crate::{
    campaign::SmsText,
    phrase,
    preview::{
        Version,
        sms::{Form, spelling},
    },
    words::{Lang, Phrase},
};

pub(super) fn told(version: &Version, lang: Lang) -> String {
    let mark = if version.chosen { "▸" } else { " " };
    let form = match &version.form {
        Form::Either => String::new(),
        Form::Spelled(spelled) => spelling(*spelled).text(lang).to_owned(),
        Form::Registered(accounts) => accounts.join(", "),
    };
    let size = version.sms.as_ref().map(|sms| size(sms).text(lang).to_owned()).unwrap_or_default();
    let heading: Vec<&str> = [form.as_str(), &size].into_iter().filter(|part| !part.is_empty()).collect();
    let heading = format!("  {mark} {}", heading.join(" · ")).trim_end().to_owned() + "\n";
    match &version.sms {
        Ok(sms) => heading + &text::block(&sms.text),
        Err(why) => heading + &text::lines("    ✗ ", "      ", why.text(lang)),
    }
}

pub(super) fn json(version: &Version, lang: Lang) -> serde_json::Value {
    let (sms_text, accounts) = match &version.form {
        Form::Either => (None, None),
        Form::Spelled(spelled) => (SmsText::NAMES.iter().find(|(_, one)| one == spelled).map(|(name, _)| *name), None),
        Form::Registered(accounts) => (None, Some(accounts)),
    };
    let mut json = json!({ "sms_text": sms_text, "accounts": accounts, "chosen": version.chosen });
    match &version.sms {
        Ok(sms) => {
            let Measured { units, .. } = measure(&sms.text);
            json["text"] = sms.text.as_str().into();
            json["encoding"] = name_of(sms.encoding).into();
            json["parts"] = sms.parts.into();
            json["units"] = units.into();
        }
        Err(why) => json["error"] = why.text(lang).into(),
    }
    json
}

fn name_of(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Gsm => "GSM",
        Encoding::Ucs2 => "UCS-2",
    }
}

fn size(sms: &Sms) -> Phrase {
    let (name, parts, units) = (name_of(sms.encoding), sms.parts, measure(&sms.text).units);
    let word = if parts == 1 { "part" } else { "parts" };
    phrase!("{name} · {parts} phần · {units} ký tự", "{name} · {parts} {word} · {units} characters")
}
