//! What an SMTP account is configured with, and the keys of loa.toml that say it.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::mailbox::{AddressFault, Mailbox};
use crate::{
    bounce,
    keys::{KeyError, Keys},
    verp::{Verp, VerpFault},
};

/// Tells the time: mails carry a date.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// How the connection is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: for a relay on this machine or in this room.
    None,
    /// STARTTLS, and nothing without it (RFC 3207); port 587 unless said.
    StartTls,
    /// From the first byte on (RFC 8314); port 465 unless said.
    Implicit,
}

/// An account on an SMTP server.
#[derive(Clone)]
pub struct Settings {
    /// Name or IP address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is secured.
    pub tls: Tls,
    /// Whom to sign in as; none: without signing in.
    pub username: Option<String>,
    /// With what.
    pub password: Option<SecretString>,
    /// The sender as people see it.
    pub from: Mailbox,
    /// Where answers go, if not there.
    pub reply_to: Option<Mailbox>,
    /// The envelope's sender: where bounces go, if not to `from`.
    pub bounce: Option<Mailbox>,
    /// The same, another for each attempt.
    pub verp: Option<Verp>,
    /// Where what comes back is read.
    pub bounces: Option<bounce::Settings>,
    /// Connections at most, each with one mail in flight.
    pub window: u32,
    /// For one mail from the first byte to the answer, connecting included. What has no answer by then is judged.
    pub timeout: Duration,
    /// Whether the server may have a loopback or private address.
    pub allow_private: bool,
    /// Trusted certificates beside the system's own (PEM).
    pub ca_pem: Option<Vec<u8>>,
    /// How we introduce ourselves (EHLO); none: by the sender's domain.
    pub hello_name: Option<String>,
    /// The clock.
    pub now: Now,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .field("from", &self.from)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

/// What the account table says of every gateway, whatever its kind.
#[derive(Clone)]
pub struct Surroundings {
    /// The account's window.
    pub window: u32,
    /// Its `allow_private`.
    pub allow_private: bool,
    /// Content of `[network] ca_file`.
    pub ca_pem: Option<Vec<u8>>,
    /// The clock.
    pub now: Now,
}

/// Keys of an `smtp` account, beside those that every account has.
pub const KEYS: [&str; 11] =
    ["host", "port", "tls", "username", "password", "from", "reply_to", "bounce", "bounces", "hello_name", "timeout"];

/// A mail server that takes longer than this is not worth waiting for.
const TIMEOUT: Duration = Duration::from_mins(1);

impl Settings {
    /// Reads the keys of an account's table. An unknown key is an error that names the nearest known one.
    pub fn from_keys(
        settings: &BTreeMap<String, toml::Value>,
        secrets: &BTreeMap<String, SecretString>,
        surroundings: Surroundings,
    ) -> Result<Self, KeyError> {
        let keys = Keys::new("smtp", &KEYS, settings, secrets)?;
        let text = |key: &str| keys.text(key);
        let required = |key: &str, example: &str| keys.required(key, example);
        let mailbox = |key: &str| {
            text(key)?
                .map(|written| written.parse().map_err(|fault: AddressFault| KeyError::new(key, fault.to_string())))
                .transpose()
        };
        let tls = match text("tls")?.as_deref() {
            Some("none") => Tls::None,
            None | Some("starttls") => Tls::StartTls,
            Some("implicit") => Tls::Implicit,
            Some(other) => return Err(KeyError::new("tls", format!("{other:?} is none of none, starttls, implicit"))),
        };
        let verp = text("bounce")?.filter(|written| Verp::is_one(written));
        let verp = verp.map(|pattern| pattern.parse().map_err(|fault: VerpFault| KeyError::new("bounce", fault.to_string())));
        let verp = verp.transpose()?;
        let bounces = keys.value("bounces").map(|table| {
            let secrets = keys.secrets_within("bounces");
            bounce::Settings::from_keys(table, &secrets, surroundings.allow_private, surroundings.ca_pem.clone())
        });
        required("from", "Sở Văn hóa <canhbao@example.vn>")?;
        Ok(Self {
            host: required("host", "smtp.example.vn")?,
            port: keys.number("port", 1..=u16::MAX)?.unwrap_or(match tls {
                Tls::None => 25,
                Tls::StartTls => 587,
                Tls::Implicit => 465,
            }),
            tls,
            username: text("username")?,
            password: secrets.get("password").cloned(),
            from: mailbox("from")?.ok_or_else(|| KeyError::new("from", "is missing"))?,
            reply_to: mailbox("reply_to")?,
            bounce: if verp.is_some() { None } else { mailbox("bounce")? },
            verp,
            bounces: bounces.transpose()?,
            window: surroundings.window,
            timeout: keys.seconds("timeout", 1..=600)?.unwrap_or(TIMEOUT),
            allow_private: surroundings.allow_private,
            ca_pem: surroundings.ca_pem,
            hello_name: text("hello_name")?,
            now: surroundings.now,
        })
    }
}
