//! An import's people on their way into the database: checked they come in, sealed and bound row by row they leave, as many as one
//! transaction takes.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{
    Outcome,
    header::{Column, Field, Header},
    person::Person,
};
use crate::{
    audience::{address::ChatService, phone::Carrier},
    seal::{Kind, Seal, hex},
};

/// The bit of [`Fields`] that says that the list has columns of its own.
const ATTRIBUTES: i64 = 1 << 7;

/// Which fields the list has columns for: a second import changes these and leaves the others alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    /// Bits, as the statement that changes people reads them.
    pub(super) bits: i64,
    pub(super) groups: bool,
    pub(super) consent: bool,
    pub(super) wording: bool,
}

impl Fields {
    /// `basis`: an officer says on what basis people are written to.
    pub(super) fn of(header: &Header, basis: bool) -> Self {
        let has = |fields: &[Field]| fields.iter().any(|field| header.position(*field).is_some());
        let attributes = header.columns.iter().any(|column| matches!(column, Column::Attribute(_)));
        let bits = [
            has(&[Field::Name]),
            has(&[Field::Lang]),
            has(&[Field::Area, Field::Ward, Field::District, Field::Province]),
            has(&[Field::Born]),
            has(&[Field::Phone]),
            has(&[Field::Email]),
            has(&ChatService::LISTED.map(Field::Chat)),
            attributes,
            basis || has(&[Field::ConsentBasis, Field::ConsentSource, Field::ConsentAt, Field::ConsentWording]),
            has(&[Field::Phone, Field::Carrier]),
        ];
        let consent = bits[8];
        let bits = bits.iter().enumerate().map(|(at, has)| i64::from(*has) << at).sum();
        Self { bits, groups: has(&[Field::Groups]), consent, wording: has(&[Field::ConsentWording]) }
    }

    /// Whether the list has columns of its own.
    pub(super) const fn attributes(self) -> bool {
        self.bits & ATTRIBUTES != 0
    }
}

/// A person, ready to be bound.
pub(super) struct Sealed {
    pub(super) reference: String,
    pub(super) groups: Vec<String>,
    /// What the person agreed to, in the list's words.
    pub(super) wording: Option<String>,
    /// What is bound, by the names of the columns.
    pub(super) row: Value,
}

impl Sealed {
    /// Seals a person's addresses. Who has no reference is known by the keyed hash of an address.
    pub(super) fn of(person: Person, seal: &Seal) -> Self {
        let seal_one = |kind, plain: Option<&String>| {
            let hash = plain.map(|plain| seal.hash(kind, plain));
            (plain.map(|plain| hex(&seal.seal(kind, plain))), hash)
        };
        let (phone, phone_hash) = seal_one(Kind::Phone, person.phone.as_ref());
        let (email, email_hash) = seal_one(Kind::Email, person.email.as_ref());
        let (chat, chat_hash) = seal_one(Kind::Chat, person.chat.as_ref().map(|(_, id)| id));
        let anonymous = || phone_hash.or(email_hash).or(chat_hash).map_or(String::new(), |hash| format!("~{hash:016x}"));
        let reference = person.reference.unwrap_or_else(anonymous);
        let carrier = person.carrier.or_else(|| person.phone.as_deref().map(Carrier::of)).unwrap_or(Carrier::Unknown);
        let row = json!({
            "ref": reference,
            "name": person.name,
            "lang": person.lang,
            "area": person.area,
            "born": person.born.map(|day| day.format("%Y-%m-%d").to_string()),
            "carrier": carrier as u8,
            "attributes": Value::Object(person.attributes).to_string(),
            "phone": phone,
            "phone_hash": phone_hash,
            "email": email,
            "email_hash": email_hash,
            "chat": chat,
            "chat_hash": chat_hash,
            "chat_service": person.chat.map_or(0, |(service, _)| service as u8),
            "consent_basis": person.consent_basis,
            "consent_source": person.consent_source,
            "consent_at": person.consent_at,
        });
        Self { reference, groups: person.groups, wording: person.consent_wording, row }
    }
}

/// Rows for one transaction.
pub(super) struct Batch {
    pub(super) fields: Fields,
    pub(super) rows: Vec<Sealed>,
    at_of: HashMap<String, usize>,
    /// Rows whose person a later row of this batch named again.
    repeated: u64,
    /// References of refused rows: their people are still in the list.
    pub(super) still_listed: Vec<String>,
    /// How far the file was read.
    pub(super) at: u64,
    /// Rows of the file up to here.
    pub(super) rows_so_far: u64,
    /// Refused ones up to here.
    pub(super) rejected_so_far: u64,
}

impl Batch {
    pub(super) fn new(fields: Fields) -> Self {
        Self {
            fields,
            rows: Vec::new(),
            at_of: HashMap::new(),
            repeated: 0,
            still_listed: Vec::new(),
            at: 0,
            rows_so_far: 0,
            rejected_so_far: 0,
        }
    }

    /// Adds a person; of two rows for one, the later holds.
    pub(super) fn add(&mut self, person: Sealed) {
        if let Some(at) = self.at_of.get(&person.reference) {
            self.repeated += 1;
            self.rows[*at] = person;
        } else {
            self.at_of.insert(person.reference.clone(), self.rows.len());
            self.rows.push(person);
        }
    }

    /// Closes the batch where the reading stands.
    pub(super) fn up_to(mut self, at: u64, outcome: &Outcome) -> Self {
        // Locks are taken in one order, whoever imports what at the same time.
        self.rows.sort_unstable_by(|one, other| one.reference.cmp(&other.reference));
        self.still_listed.sort_unstable();
        (self.at, self.rows_so_far, self.rejected_so_far) = (at, outcome.rows, outcome.rejected);
        self
    }

    /// The references of the people that it would write.
    pub(super) fn references(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| row.reference.as_str())
    }

    /// Rows whose person a later row of this batch named again.
    pub(super) const fn repeated(&self) -> u64 {
        self.repeated
    }
}
