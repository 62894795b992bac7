//! A text message in each form that it may take: with and without accents, or in the wording of each account.

use chrono::NaiveDate;
use providers::{
    Channel, Content, Sms,
    text::{Encoding, Measured, measure},
};
use serde_json::json;

use super::{Render, text, why};
use crate::{
    campaign::SmsText,
    config::Account,
    message::{Terms, review},
    phrase,
    words::{Lang, Phrase},
};

/// A text message in one form.
pub(super) struct Version {
    /// What tells it from the others.
    form: Form,
    /// Whether it is what would be sent.
    pub(super) chosen: bool,
    /// The text, or why there is none.
    pub(super) sms: Result<Sms, Phrase>,
}

enum Form {
    /// The same with and without accents.
    Either,
    Spelled(SmsText),
    /// As these accounts have it registered.
    Registered(Vec<String>),
}

/// With and without accents; only the chosen one where both are the same.
pub(super) fn spellings(chosen: SmsText, render: Render<'_>) -> Vec<Version> {
    let version = |spelled: SmsText| {
        let terms = Terms::default().unbound(Some(spelled));
        Version { form: Form::Spelled(spelled), chosen: spelled == chosen, sms: sms(render, &terms) }
    };
    let mut both = vec![version(SmsText::Unaccented), version(SmsText::Unicode)];
    if both[0].sms == both[1].sms {
        both.truncate(1);
        both[0] = Version { form: Form::Either, chosen: true, sms: both[0].sms.clone() };
    }
    both
}

/// The wording of every account, each text once; of an account whose carriers have several, each with its carriers.
pub(super) fn wordings(accounts: &[Account], day: NaiveDate, render: Render<'_>) -> Vec<Version> {
    let mut versions: Vec<Version> = Vec::new();
    for account in accounts.iter().filter(|account| account.channel == Channel::Sms) {
        let mut own: Vec<(Result<Sms, Phrase>, Vec<&str>)> = Vec::new();
        for carrier in review::served(account) {
            let sms = sms(render, &Terms::of(account, Some(carrier), day));
            match own.iter_mut().find(|(same, _)| *same == sms) {
                Some((_, carriers)) => carriers.push(carrier),
                None => own.push((sms, vec![carrier])),
            }
        }
        let alone = own.len() == 1;
        for (sms, carriers) in own {
            let name = if alone { account.name.clone() } else { format!("{} ({})", account.name, carriers.join(", ")) };
            match versions.iter_mut().find(|version| version.sms == sms).map(|version| &mut version.form) {
                Some(Form::Registered(names)) => names.push(name),
                _ => versions.push(Version { form: Form::Registered(vec![name]), chosen: true, sms }),
            }
        }
    }
    versions
}

fn sms(render: Render<'_>, terms: &Terms<'_>) -> Result<Sms, Phrase> {
    match render(terms) {
        Ok(Content::Sms(sms)) => Ok(sms),
        Ok(_) => Err(Phrase::default()),
        Err(error) => Err(why(&error)),
    }
}

impl Version {
    pub(super) fn told(&self, lang: Lang) -> String {
        let mark = if self.chosen { "▸" } else { " " };
        let form = match &self.form {
            Form::Either => String::new(),
            Form::Spelled(spelled) => spelling(*spelled).text(lang).to_owned(),
            Form::Registered(accounts) => accounts.join(", "),
        };
        let size = self.sms.as_ref().map(|sms| size(sms).text(lang).to_owned()).unwrap_or_default();
        let heading: Vec<&str> = [form.as_str(), &size].into_iter().filter(|part| !part.is_empty()).collect();
        let heading = format!("  {mark} {}", heading.join(" · ")).trim_end().to_owned() + "\n";
        match &self.sms {
            Ok(sms) => heading + &text::block(&sms.text),
            Err(why) => heading + &text::lines("    ✗ ", "      ", why.text(lang)),
        }
    }

    pub(super) fn json(&self, lang: Lang) -> serde_json::Value {
        let (sms_text, accounts) = match &self.form {
            Form::Either => (None, None),
            Form::Spelled(spelled) => (SmsText::NAMES.iter().find(|(_, one)| one == spelled).map(|(name, _)| *name), None),
            Form::Registered(accounts) => (None, Some(accounts)),
        };
        let mut json = json!({ "sms_text": sms_text, "accounts": accounts, "chosen": self.chosen });
        match &self.sms {
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
}

/// What people call a spelling.
pub(super) fn spelling(spelled: SmsText) -> Phrase {
    match spelled {
        SmsText::Unaccented => phrase!("không dấu", "without accents"),
        SmsText::Unicode => phrase!("có dấu", "with accents"),
    }
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
