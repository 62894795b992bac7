//! What outlets' documents say, whichever way they came: what of one is believed, and how it answers an order.
//!
//! What enters: a document, the outlet with its certificate, the order. What leaves: an [`Answer`]. What can go wrong: it is not believed, or
//! answers something else ([`Unheard`]).

use super::{
    Order,
    document::{self, Answer, Issuer, Unfit},
};
use crate::{
    cap::{
        self, Alert, Certificate, CertificateError,
        signature::{self, SignatureError},
    },
    outlet::Outlet,
};

/// Why a document of an outlet answers nothing.
#[derive(Debug, thiserror::Error)]
pub enum Unheard {
    /// The certificate that is kept for the outlet of this slug cannot be read.
    #[error("the certificate of the outlet {0}: {1}")]
    Certificate(String, CertificateError),
    /// It is no CAP, or not signed as it must be.
    #[error(transparent)]
    Document(#[from] SignatureError),
    /// It is no answer of the outlet to an order that is meant.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The order that it answers is another one, or was not sent when it says.
    #[error("it references another order")]
    Another,
}

/// What a document of an outlet says: of one that has a certificate, only what its signature vouches for.
pub fn said(outlet: &Outlet, document: &[u8], now: i64) -> Result<Alert, Unheard> {
    let Some(pem) = &outlet.certificate else {
        return cap::read("", document).map_err(|problems| SignatureError::Document(problems).into());
    };
    let pinned = Certificate::from_pem(pem.as_bytes()).map_err(|error| Unheard::Certificate(outlet.slug.clone(), error))?;
    Ok(signature::verify(document, &[pinned], now)?.alert)
}

/// How it answers this order. `sender` is what the order's own document calls us, whatever the settings say now; `outlet`, what the outlet
/// calls itself.
pub fn answer(alert: &Alert, order: &Order, sender: &str, outlet: &str) -> Result<Answer, Unheard> {
    let issuer = Issuer { sender, name: "", contact: None };
    let (reference, answer) = document::answer(alert, &issuer, outlet)?;
    if !document::is_of(&reference, order) {
        return Err(Unheard::Another);
    }
    if document::is_meant(alert, order) { Ok(answer) } else { Err(Unfit::Status.into()) }
}
