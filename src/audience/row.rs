//! A person as the database keeps them, with the addresses sealed; and opened, for what shows or hands out everything about them.
//!
//! What enters is a row of [`person_columns`]; what leaves is plain addresses, which are for the person, or whoever may see them. What can
//! go wrong is a row that the key does not open: the error has its number, and no address.

use providers::Channel;

use super::{address::ChatService, phone::Carrier};
use crate::{
    consent,
    db::{DbError, Result},
    seal::{Kind, Seal},
};

/// The columns of a [`Row`].
macro_rules! person_columns {
    () => {
        "id, ref, source, state, name, lang, area, born, carrier, attributes, phone, phone_hash, email, email_hash, chat, chat_hash,
         chat_service, consent_basis, consent_source, consent_at, silent_until, updated_at"
    };
}
pub(crate) use person_columns;

/// A person as they are kept.
#[derive(sqlx::FromRow)]
pub(crate) struct Row {
    pub id: i64,
    pub r#ref: String,
    pub source: String,
    state: i16,
    pub name: Option<String>,
    pub lang: Option<String>,
    pub area: Option<String>,
    pub born: Option<String>,
    carrier: i16,
    /// Further columns of the list: a JSON object of texts.
    pub attributes: String,
    phone: Option<Vec<u8>>,
    phone_hash: Option<i64>,
    email: Option<Vec<u8>>,
    email_hash: Option<i64>,
    chat: Option<Vec<u8>>,
    chat_hash: Option<i64>,
    chat_service: i16,
    pub consent_basis: Option<String>,
    pub consent_source: Option<String>,
    /// Unix milliseconds.
    pub consent_at: Option<i64>,
    /// Nothing is sent until then (unix milliseconds); 0: that is nobody's wish.
    pub silent_until: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
}

/// A person's addresses, plain.
#[derive(Default)]
pub(crate) struct Plain {
    /// E.164.
    pub phone: Option<String>,
    pub email: Option<String>,
    /// The id at [`Row::service`].
    pub chat: Option<String>,
}

impl Row {
    /// The channels on which they can be written to, each with the keyed hash of the address.
    pub fn addresses(&self) -> impl Iterator<Item = (Channel, i64)> + use<> {
        consent::addresses(self.phone_hash, self.email_hash, self.chat_hash)
    }

    /// Opens their addresses.
    pub fn open(&self, seal: &Seal) -> Result<Plain> {
        let open = |kind, sealed: Option<&Vec<u8>>| {
            let broken = |error| DbError::Refused(format!("recipient {}: {error}", self.id));
            sealed.map(|sealed| seal.open(kind, sealed)).transpose().map_err(broken)
        };
        Ok(Plain {
            phone: open(Kind::Phone, self.phone.as_ref())?,
            email: open(Kind::Email, self.email.as_ref())?,
            chat: open(Kind::Chat, self.chat.as_ref())?,
        })
    }

    /// The chat service that their id is at.
    pub fn service(&self) -> Option<ChatService> {
        ChatService::from_number(i64::from(self.chat_service))
    }

    /// The carrier group of their phone, where it is known.
    pub fn carrier(&self) -> Option<Carrier> {
        Carrier::from_number(i64::from(self.carrier)).filter(|carrier| *carrier != Carrier::Unknown)
    }

    /// `active`, or `retired` from the list.
    pub const fn standing(&self) -> &'static str {
        if self.state == 0 { "active" } else { "retired" }
    }
}
