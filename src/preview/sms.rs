//! A text message in each form that it may take: with and without accents, or in the wording of each account.

use chrono::NaiveDate;
use providers::{Channel, Content, Sms};

use super::{Render, why};
use crate::{
    campaign::SmsText,
    config::Account,
    message::{Terms, review},
    phrase,
    words::Phrase,
};

/// A text message in one form.
#[derive(Debug, Clone)]
pub struct Version {
    /// What tells it from the others.
    pub form: Form,
    /// Whether it is what would be sent.
    pub chosen: bool,
    /// The text, or why there is none.
    pub sms: Result<Sms, Phrase>,
}

/// What tells a [`Version`] from the others.
#[derive(Debug, Clone)]
pub enum Form {
    /// The same with and without accents.
    Either,
    /// With accents, or without.
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

/// What people call a spelling.
pub fn spelling(spelled: SmsText) -> Phrase {
    match spelled {
        SmsText::Unaccented => phrase!("không dấu", "without accents"),
        SmsText::Unicode => phrase!("có dấu", "with accents"),
    }
}
