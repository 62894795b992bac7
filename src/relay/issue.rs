//! The document of an order as it leaves the office: written, signed and frozen once, whoever asks for it first and by whichever way it
//! goes. Everybody who hands one out calls [`issue`].
//!
//! What can go wrong is an order that no document can say, or that is not approved, and a key that was not read ([`Unissued`]).
//! Without a configured key documents go out unsigned: `loa doctor` says so.

use std::{fmt, sync::Arc};

use secrecy::ExposeSecret as _;

use super::{
    Eyes, Order,
    document::{Issuer, alert},
    hand, order,
};
use crate::{
    audience::place::Places,
    cap::{
        self, Certificate,
        signature::{self, Key, SignatureError},
    },
    config::Config,
    db::{Db, Result},
    document::Problems,
    phrase,
    words::Phrase,
};

/// What stands on every document of the office: who sends it, and the signature.
#[derive(Clone)]
pub struct Letterhead {
    sender: String,
    name: String,
    contact: Option<String>,
    signing: Signing,
}

#[derive(Clone)]
enum Signing {
    /// Nothing signs.
    Unsigned,
    /// A key is configured, and whoever runs here has not read it.
    Locked,
    /// By this key and its certificate.
    By(Arc<(Key, Certificate)>),
}

impl fmt::Debug for Letterhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letterhead").field("sender", &self.sender).finish_non_exhaustive()
    }
}

impl Letterhead {
    /// Of the settings.
    pub fn of(config: &Config) -> Self {
        let signing = config.relay.signing.as_ref().map_or(Signing::Unsigned, |signing| {
            let key = Key::from_pem(signing.key.expose_secret().as_bytes());
            let certificate = Certificate::from_pem(signing.certificate.as_bytes());
            // What was read with its secrets was seen to be sound.
            key.ok().zip(certificate.ok()).map_or(Signing::Locked, |both| Signing::By(Arc::new(both)))
        });
        Self {
            sender: config.relay_sender(),
            name: config.relay_name().to_string(),
            contact: config.relay.contact.clone(),
            signing,
        }
    }

    /// Who sends.
    pub fn issuer(&self) -> Issuer<'_> {
        Issuer { sender: &self.sender, name: &self.name, contact: self.contact.as_deref() }
    }

    /// Signs a document, where a key is configured.
    pub fn sign(&self, document: String) -> std::result::Result<String, Unissued> {
        match &self.signing {
            Signing::Unsigned => Ok(document),
            Signing::Locked => Err(Unissued::Locked),
            Signing::By(both) => signature::sign(&document, &both.0, &both.1).map_err(Unissued::Signature),
        }
    }
}

/// Why there is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unissued {
    /// It is not approved: what it says may not go out.
    #[error("the order is not approved yet")]
    Drafted,
    /// CAP has no way to say it.
    #[error("the order cannot be said in CAP: {0}")]
    Unsayable(Problems),
    /// It could not be signed.
    #[error("the order cannot be signed: {0}")]
    Signature(SignatureError),
    /// There is a key, and it was not read.
    #[error("the signing key was not read")]
    Locked,
}

impl Unissued {
    /// The same for people.
    pub fn words(&self) -> Phrase {
        match self {
            Self::Drafted => phrase!("yêu cầu chưa được phê duyệt", "the order is not approved yet"),
            Self::Unsayable(problems) => {
                let why = problems.0.first().map(|problem| problem.message.clone()).unwrap_or_default();
                Phrase {
                    vi: format!("yêu cầu này không viết được thành văn bản CAP: {}", why.vi),
                    en: format!("the order cannot be said in CAP: {}", why.en),
                }
            }
            Self::Signature(error) => {
                let why = error.words();
                Phrase {
                    vi: format!("không ký được văn bản: {}", why.vi), en: format!("it cannot be signed: {}", why.en)
                }
            }
            Self::Locked => phrase!(
                "khóa ký ([relay] signing) không đọc được ở đây: chỉ `loa serve` ký văn bản",
                "the signing key ([relay] signing) was not read here: `loa serve` signs documents"
            ),
        }
    }
}

/// The document of an order: the one that is frozen, or a new one, frozen with this.
pub async fn issue(db: &Db, order: &Order, letterhead: &Letterhead) -> Result<std::result::Result<Vec<u8>, Unissued>> {
    if let Some(frozen) = hand::document(db, order.id).await? {
        return Ok(Ok(frozen));
    }
    if order.sent_at.is_none() {
        return Ok(Err(Unissued::Drafted));
    }
    let (earlier, sender) = match order.earlier {
        None => (None, None),
        // What it references is named as that document named itself, whatever the settings say now.
        Some(id) => {
            let document = hand::document(db, id).await?;
            let sender = document.and_then(|bytes| cap::read("", &bytes).ok()).map(|alert| alert.sender);
            (order::one(db, id, Eyes::All, order.made_at).await?, sender)
        }
    };
    let places = Places::built_in();
    let mut alert = alert(order, earlier.as_ref(), &letterhead.issuer(), |code| places.full_name(code));
    if let (Some(reference), Some(sender)) = (alert.references.first_mut(), sender) {
        reference.sender = sender;
    }
    let document = match cap::write(&alert) {
        Ok(document) => document,
        Err(problems) => return Ok(Err(Unissued::Unsayable(problems))),
    };
    match letterhead.sign(document) {
        Ok(document) => hand::freeze(db, order.id, document.as_bytes()).await.map(Ok),
        Err(why) => Ok(Err(why)),
    }
}
