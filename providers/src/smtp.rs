//! Mail over SMTP (RFC 5321): one account on one server, over connections of our own that are kept and reused.
//!
//! What enters is an [`Email`](crate::Email) and an address; what leaves is the server's answer to the final dot,
//! judged. What can go wrong is in the private module `judge`: everything before the final dot was definitely not
//! taken; everything after it without an answer is in doubt. Mails are signed ([`DkimKey`]) and come back to an address
//! that tells which one did ([`TaggedAddress`]).
//!
//! One recipient a mail: a server that refuses one of several leaves nothing to say about the others, and every mail
//! is rendered for one person anyhow.

mod connection;
mod dkim;
mod judge;
mod mailbox;
mod mime;
mod pool;
mod reply;
mod settings;
mod tagged;

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use rustls::ClientConfig;
use tokio::{sync::Semaphore, time::timeout};

use self::{
    connection::{Connection, Fault, Stage},
    pool::Pool,
};
use crate::{
    Abilities, Accepted, Arrival, Outgoing, Provider, SendError,
    bounce::Bounces,
    network::{self, TrustFault},
};

pub use crate::keys::KeyError;
pub use dkim::{DkimKey, KeyFault};
pub use mailbox::{AddressFault, Mailbox, ascii_domain};
pub(crate) use reply::scrubbed;
pub use settings::{DkimSource, KEYS, Now, Settings, Surroundings, Tls};
pub use tagged::{TaggedAddress, message_id, reference_in_message_id};

/// Why a gateway could not be built from its settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Neither the system nor `ca_file` gave a trusted certificate.
    #[error("no trusted certificates were found: {0}")]
    NoTrust(String),
    /// The PEM file holds something else.
    #[error("ca_file holds no certificate in PEM form: {0}")]
    BadPem(String),
    /// A password would cross the network in the clear.
    #[error(
        "tls = \"none\" would send the password in the clear: use starttls or implicit, or allow_private = true for a server nearby"
    )]
    ClearPassword,
    /// A window of none.
    #[error("the window must be at least 1")]
    NoWindow,
    /// A host or a name for EHLO with blanks or control characters.
    #[error("{0} holds a character that no name has")]
    BadName(&'static str),
}

/// What SMTP can do, whoever the server is.
pub const ABILITIES: Abilities = Abilities::LEAST;

/// An account on an SMTP server.
pub struct SmtpGateway {
    settings: Settings,
    tls: Arc<ClientConfig>,
    pool: Pool,
    window: Semaphore,
    bounces: Option<Bounces>,
}

impl SmtpGateway {
    /// Checks the settings and loads the trusted certificates; connects to nobody yet.
    pub fn new(mut settings: Settings) -> Result<Self, BuildError> {
        if settings.window == 0 {
            return Err(BuildError::NoWindow);
        }
        if settings.tls == Tls::None && settings.password.is_some() && !settings.allow_private {
            return Err(BuildError::ClearPassword);
        }
        let named = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        if !named(&settings.host) {
            return Err(BuildError::BadName("host"));
        }
        if !settings.hello_name.as_deref().is_none_or(named) {
            return Err(BuildError::BadName("hello_name"));
        }
        let tls = Arc::new(network::tls(settings.tls != Tls::None, settings.ca_pem.as_deref()).map_err(|fault| match fault {
            TrustFault::None(why) => BuildError::NoTrust(why),
            TrustFault::BadPem(why) => BuildError::BadPem(why),
        })?);
        let window = Semaphore::new(usize::try_from(settings.window).unwrap_or(Semaphore::MAX_PERMITS));
        let bounces = settings.bounces.take();
        let bounces =
            bounces.map(|bounces| Bounces::new(bounces, settings.bounce.clone(), settings.from.domain())).transpose()?;
        Ok(Self { settings, tls, pool: Pool::default(), window, bounces })
    }

    async fn send_one(&self, outgoing: &Outgoing) -> Result<Accepted, SendError> {
        // Signing takes the better part of a millisecond: short enough to do it here, and there are as many of these as cores.
        let mail = mime::build(&self.settings, outgoing)?;
        let _place = self.window.acquire().await;
        // Outside of the attempt, so that a time-out that drops the attempt still knows how far it came.
        let mut stage = Stage::Connect;
        match timeout(self.settings.timeout, self.attempt(&mail, &mut stage)).await {
            Ok(Ok(())) => Ok(Accepted::default()),
            Ok(Err(fault)) => Err(judge::judge(fault)),
            Err(_) => Err(judge::silence(stage, format!("no answer within {:?}", self.settings.timeout))),
        }
    }

    async fn attempt(&self, mail: &mime::Mail, stage: &mut Stage) -> Result<(), Fault> {
        // Each round uses up a kept connection, so it ends.
        while let Some(mut connection) = self.pool.take() {
            match connection.transact(mail, stage).await {
                Err(fault) if closed_meanwhile(&fault) => {}
                result => {
                    self.pool.put(connection);
                    return result.map(drop);
                }
            }
        }
        let mut connection = Connection::open(&self.settings, &self.tls, stage).await?;
        let result = connection.transact(mail, stage).await;
        self.pool.put(connection);
        result.map(drop)
    }
}

/// Whether a kept connection had ended before this mail: then a new one is tried at once.
fn closed_meanwhile(fault: &Fault) -> bool {
    match fault {
        Fault::Lost(stage, _) => *stage == Stage::Mail,
        Fault::Refused(stage, reply) => *stage == Stage::Mail && reply.code == 421,
        Fault::Setup(_) | Fault::Unfit(_) => false,
    }
}

#[async_trait]
impl Provider for SmtpGateway {
    async fn send(&self, batch: &[Outgoing]) -> Vec<Result<Accepted, SendError>> {
        join_all(batch.iter().map(|outgoing| self.send_one(outgoing))).await
    }

    /// What comes back to the mailbox for bounces, if the account has one.
    async fn events(&self) -> Option<Arrival> {
        Some(self.bounces.as_ref()?.next().await)
    }

    async fn close(&self) {
        if let Some(bounces) = &self.bounces {
            bounces.close().await;
        }
    }

    fn can(&self) -> Abilities {
        Abilities { bounces: self.bounces.is_some(), ..ABILITIES }
    }

    async fn test(&self) -> Result<String, SendError> {
        let mut stage = Stage::Connect;
        let opened = timeout(self.settings.timeout, Connection::open(&self.settings, &self.tls, &mut stage)).await;
        let connection = match opened {
            Ok(Ok(connection)) => connection,
            Ok(Err(fault)) => return Err(judge::judge(fault)),
            Err(_) => return Err(judge::silence(stage, format!("no answer within {:?}", self.settings.timeout))),
        };
        // The answer to QUIT may not come: the test has passed all the same.
        let _ = timeout(self.settings.timeout, connection.quit()).await;
        let secured = if self.settings.tls == Tls::None { "not encrypted" } else { "encrypted" };
        let signed = if self.settings.username.is_some() { "signed in" } else { "without signing in" };
        let dkim = self.settings.signing();
        let back = match &self.bounces {
            Some(bounces) => match bounces.test().await {
                Ok(found) => format!("; {found}"),
                Err(fault) => return Err(SendError::Misconfigured { detail: format!("the mailbox for bounces: {fault}") }),
            },
            None => String::new(),
        };
        Ok(format!("{}:{} answers; {secured}, {signed}; {dkim}{back}", self.settings.host, self.settings.port))
    }
}

#[cfg(test)]
mod tests;
