//! Prepares a message: from a candidate row, its run's templates and the sealed address to what goes over the wire.
//!
//! It runs inside a claim and only computes. What can go wrong is the message's own fault, or its address's: the
//! delivery is then rejected with the reason.

use chrono::NaiveDate;
use providers::{Address, Channel, Content, Reason};

use super::Shared;
use crate::{
    account::Account,
    active::ActiveRun,
    audience::{phone::Carrier, place::Places},
    delivery::{
        self, BY_PHONE,
        claim::{Candidate, Prepared},
    },
    message::{Person, Terms},
    seal::Kind,
};

/// Opens the address and renders the message of one candidate, `today` where its campaign is at home.
pub(super) fn prepare(
    shared: &Shared,
    account: &Account,
    run: &ActiveRun,
    today: NaiveDate,
    candidate: &Candidate,
) -> Prepared<(Content, Address)> {
    let reject = |reason, detail: String| Prepared::Reject { reason, detail };
    let Some(channel) = Channel::from_number(candidate.id & 15) else {
        return reject(Reason::Other, "the delivery names no channel".into());
    };
    let sealed = candidate.sealed.as_deref().unwrap_or_default();
    let by_phone = delivery::route(channel, candidate.carrier) == BY_PHONE;
    let kind = if by_phone { Kind::Phone } else { Kind::of(channel) };
    let address = match shared.seal.open(kind, sealed) {
        Ok(address) => Address::new(address),
        Err(error) => return reject(Reason::Other, error.to_string()),
    };
    let person = Person {
        name: candidate.name.clone(),
        area_name: candidate.area.as_deref().and_then(|code| Places::built_in().full_name(code)),
        lang: candidate.lang.clone(),
        attributes: serde_json::from_str(&candidate.attributes).unwrap_or_default(),
    };
    let hash = candidate.hash.unwrap_or_default();
    let link = shared.unsubscribe_url(channel, hash);
    let message = usize::try_from(candidate.message).unwrap_or(usize::MAX);
    let carrier = Carrier::from_number(i64::from(candidate.carrier)).filter(|carrier| *carrier != Carrier::Unknown);
    let terms = Terms::of(&account.config, carrier.map(Carrier::name), today);
    match run.frozen.templates.render(message, channel, &person, link.as_deref(), &terms) {
        Ok(content) => {
            let parts = if let Content::Sms(sms) = &content { i16::try_from(sms.parts).unwrap_or(i16::MAX) } else { 1 };
            Prepared::Send { parts, price: i64::from(parts) * account.price(candidate.carrier), payload: (content, address) }
        }
        Err(error) => reject(error.reason(), error.to_string()),
    }
}
