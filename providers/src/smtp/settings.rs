//! What an SMTP account is configured with, and the keys of loa.toml that say it.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};

use super::mailbox::{AddressFault, Mailbox};

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

/// What is wrong with a key of the account, for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {text}")]
pub struct KeyError {
    /// The key.
    pub key: String,
    /// What is wrong, and what would be right.
    pub text: String,
}

impl KeyError {
    fn new(key: &str, text: impl Into<String>) -> Self {
        Self { key: key.to_owned(), text: text.into() }
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
pub const KEYS: [&str; 10] =
    ["host", "port", "tls", "username", "password", "from", "reply_to", "bounce", "hello_name", "timeout"];

/// A mail server that takes longer than this is not worth waiting for.
const TIMEOUT: Duration = Duration::from_mins(1);

impl Settings {
    /// Reads the keys of an account's table. An unknown key is an error that names the nearest known one.
    pub fn from_keys(
        settings: &BTreeMap<String, toml::Value>,
        secrets: &BTreeMap<String, SecretString>,
        surroundings: Surroundings,
    ) -> Result<Self, KeyError> {
        if let Some(unknown) = settings.keys().chain(secrets.keys()).find(|key| !KEYS.contains(&key.as_str())) {
            return Err(unknown_key(unknown));
        }
        if settings.contains_key("password") {
            return Err(KeyError::new("password", "a secret is never written out: { env = \"…\" } or { file = \"…\" }"));
        }
        let text = |key: &str| match settings.get(key) {
            // Any text may come from the environment or a file, not only the password.
            None => Ok(secrets.get(key).map(|secret| secret.expose_secret().trim().to_owned())),
            Some(toml::Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.trim().to_owned())),
            Some(_) => Err(KeyError::new(key, "must be a text in quotes")),
        };
        let required = |key: &str, example: &str| {
            text(key)?.ok_or_else(|| KeyError::new(key, format!("is missing, such as {key} = \"{example}\"")))
        };
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
        required("from", "Sở Văn hóa <canhbao@example.vn>")?;
        Ok(Self {
            host: required("host", "smtp.example.vn")?,
            port: port(settings.get("port"), tls)?,
            tls,
            username: text("username")?,
            password: secrets.get("password").cloned(),
            from: mailbox("from")?.ok_or_else(|| KeyError::new("from", "is missing"))?,
            reply_to: mailbox("reply_to")?,
            bounce: mailbox("bounce")?,
            window: surroundings.window,
            timeout: timeout(settings.get("timeout"))?,
            allow_private: surroundings.allow_private,
            ca_pem: surroundings.ca_pem,
            hello_name: text("hello_name")?,
            now: surroundings.now,
        })
    }
}

fn unknown_key(key: &str) -> KeyError {
    let nearest = KEYS.iter().min_by_key(|known| strsim::damerau_levenshtein(known, key));
    let hint = nearest.filter(|known| strsim::damerau_levenshtein(known, key) <= 3);
    KeyError::new(
        key,
        hint.map_or_else(
            || format!("unknown; an smtp account knows {}", KEYS.join(", ")),
            |known| format!("unknown; did you mean {known}?"),
        ),
    )
}

fn port(value: Option<&toml::Value>, tls: Tls) -> Result<u16, KeyError> {
    let Some(value) = value else {
        return Ok(match tls {
            Tls::None => 25,
            Tls::StartTls => 587,
            Tls::Implicit => 465,
        });
    };
    let number = value.as_integer().and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0);
    number.ok_or_else(|| KeyError::new("port", "must be a number from 1 to 65535"))
}

fn timeout(value: Option<&toml::Value>) -> Result<Duration, KeyError> {
    let Some(value) = value else { return Ok(TIMEOUT) };
    let seconds = value.as_str().and_then(|text| text.strip_suffix('s')).and_then(|number| number.parse::<u64>().ok());
    let timeout = seconds.filter(|seconds| (1..=600).contains(seconds)).map(Duration::from_secs);
    timeout.ok_or_else(|| KeyError::new("timeout", "must be from \"1s\" to \"600s\""))
}
