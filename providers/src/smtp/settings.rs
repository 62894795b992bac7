//! What an SMTP account is configured with, and the keys of loa.toml that say it.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::{
    dkim::DkimKey,
    mailbox::{AddressFault, Mailbox},
    tagged::TaggedAddress,
};
use crate::{
    bounce,
    keys::{KeyError, Keys},
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
    pub bounce: Option<TaggedAddress>,
    /// Where what comes back is read.
    pub bounces: Option<bounce::Settings>,
    /// Where mail programs that know no one-click refusal may write one.
    pub unsubscribe: Option<TaggedAddress>,
    /// Keys that sign each mail.
    pub dkim: Vec<DkimKey>,
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
    /// `[[account.dkim]]`.
    pub dkim: Vec<DkimSource>,
    /// The clock.
    pub now: Now,
}

/// A DKIM key as the account's table has it.
#[derive(Debug, Clone)]
pub struct DkimSource {
    /// The domain that it signs for.
    pub domain: String,
    /// Under which name its public half stands in the DNS.
    pub selector: String,
    /// The private key.
    pub key: SecretString,
}

/// Keys of an `smtp` account, beside those that every account has.
pub const KEYS: [&str; 12] = [
    "host",
    "port",
    "tls",
    "username",
    "password",
    "from",
    "reply_to",
    "bounce",
    "bounces",
    "unsubscribe",
    "hello_name",
    "timeout",
];

/// A mail server that takes longer than this is not worth waiting for.
const TIMEOUT: Duration = Duration::from_mins(1);

impl Settings {
    /// Who signs the mails, in words.
    pub(super) fn signing(&self) -> String {
        if self.dkim.is_empty() {
            return "mails are not signed (DKIM)".to_owned();
        }
        let keys = self.dkim.iter().map(|key| format!("{} ({}, {})", key.domain(), key.selector(), key.algorithm()));
        let all = keys.collect::<Vec<_>>().join(", ");
        let but =
            if self.unaligned() { format!(", but not for the sender's domain {}", self.from.domain()) } else { String::new() };
        format!("DKIM signs for {all}{but}")
    }

    /// Whether no key signs for the sender's domain, so that DMARC (RFC 7489) has only SPF to go by.
    pub fn unaligned(&self) -> bool {
        !self.dkim.iter().any(|key| key.is_aligned_with(self.from.domain()))
    }

    /// Reads the keys of an account's table. An unknown key is an error that names the nearest known one.
    pub fn from_keys(
        settings: &BTreeMap<String, toml::Value>,
        secrets: &BTreeMap<String, SecretString>,
        surroundings: Surroundings,
    ) -> Result<Self, KeyError> {
        let keys = Keys::new("smtp", &KEYS, settings, secrets)?;
        let text = |key: &str| keys.text(key);
        let required = |key: &str, example: &str| keys.required(key, example);
        let wrong = |key: &str, fault: AddressFault| KeyError::new(key, fault.to_string());
        let mailbox = |key: &str| {
            let Some(written) = text(key)? else { return Ok(None) };
            match written.parse::<Mailbox>() {
                // It would stand in every mail, and few servers could take any.
                Ok(mailbox) if mailbox.needs_utf8() => Err(wrong(key, AddressFault::Letters)),
                Ok(mailbox) => Ok(Some(mailbox)),
                Err(fault) => Err(wrong(key, fault)),
            }
        };
        let tagged = |key: &str| text(key)?.map(|written| written.parse().map_err(|fault| wrong(key, fault))).transpose();
        let dkim = surroundings.dkim.iter().map(|DkimSource { domain, selector, key }| {
            DkimKey::new(domain, selector, key)
                .map_err(|fault| KeyError::new("dkim", format!("{selector} for {domain}: {fault}")))
        });
        let tls = match text("tls")?.as_deref() {
            Some("none") => Tls::None,
            None | Some("starttls") => Tls::StartTls,
            Some("implicit") => Tls::Implicit,
            Some(other) => return Err(KeyError::new("tls", format!("{other:?} is none of none, starttls, implicit"))),
        };
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
            bounce: tagged("bounce")?,
            bounces: bounces.transpose()?,
            unsubscribe: tagged("unsubscribe")?,
            dkim: dkim.collect::<Result<_, _>>()?,
            window: surroundings.window,
            timeout: keys.seconds("timeout", 1..=600)?.unwrap_or(TIMEOUT),
            allow_private: surroundings.allow_private,
            ca_pem: surroundings.ca_pem,
            hello_name: text("hello_name")?,
            now: surroundings.now,
        })
    }
}
