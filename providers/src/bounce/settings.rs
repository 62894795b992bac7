//! `[account.bounces]`: where an account's bounces come back to.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use secrecy::SecretString;

use crate::{
    keys::{KeyError, Keys},
    smtp::Tls,
};

/// Keys of the table.
const KEYS: [&str; 3] = ["maildir", "imap", "every"];
/// Keys of `imap`.
const IMAP_KEYS: [&str; 7] = ["host", "port", "tls", "username", "password", "folder", "move_to"];
/// How often a mailbox is looked at.
const EVERY: Duration = Duration::from_mins(1);

/// Where bounces are, and how often they are looked for.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where.
    pub place: Place,
    /// From one look to the next; an IMAP server that can tells of new mails at once.
    pub every: Duration,
}

/// A mailbox.
#[derive(Debug, Clone)]
pub enum Place {
    /// A folder with `new/`, `cur/` and `tmp/` on this machine.
    Maildir(PathBuf),
    /// A folder of an IMAP server.
    Imap(Box<ImapSettings>),
}

/// A folder of an IMAP server.
#[derive(Debug, Clone)]
pub struct ImapSettings {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is secured; implicit unless said.
    pub tls: Tls,
    /// Whom to sign in as.
    pub username: String,
    /// With what.
    pub password: SecretString,
    /// `INBOX` unless said.
    pub folder: String,
    /// Where handled mails go; none: they stay, marked.
    pub move_to: Option<String>,
    /// Whether the server may have a loopback or private address.
    pub allow_private: bool,
    /// Trusted certificates beside the system's own (PEM).
    pub ca_pem: Option<Vec<u8>>,
}

impl Settings {
    /// Reads the table. Secrets are named by their place in it, such as `imap.password`.
    pub(crate) fn from_keys(
        table: &toml::Value,
        secrets: &BTreeMap<String, SecretString>,
        allow_private: bool,
        ca_pem: Option<Vec<u8>>,
    ) -> Result<Self, KeyError> {
        let plain = entries("bounces", table, "maildir = \"/var/mail/loa\" or imap = { host = \"…\", … }")?;
        let within = |error: KeyError| KeyError { key: format!("bounces.{}", error.key), ..error };
        let none = BTreeMap::new();
        let keys = Keys::new("smtp", &KEYS, &plain, &none).map_err(within)?;
        let every = keys.seconds("every", 1..=86_400).map_err(within)?.unwrap_or(EVERY);
        let place = match (keys.text("maildir").map_err(within)?, keys.value("imap")) {
            (Some(path), None) if path.starts_with('/') => Place::Maildir(path.into()),
            (Some(_), None) => {
                return Err(KeyError::new("bounces.maildir", "must be the whole path of a folder, such as /var/mail/loa"));
            }
            (None, Some(imap)) => {
                Place::Imap(Box::new(ImapSettings::from_keys(imap, secrets, allow_private, ca_pem).map_err(within)?))
            }
            _ => return Err(KeyError::new("bounces", "must say either maildir = \"/…\" or imap = { host = \"…\", … }")),
        };
        Ok(Self { place, every })
    }
}

impl ImapSettings {
    fn from_keys(
        table: &toml::Value,
        secrets: &BTreeMap<String, SecretString>,
        allow_private: bool,
        ca_pem: Option<Vec<u8>>,
    ) -> Result<Self, KeyError> {
        let plain =
            entries("imap", table, "imap = { host = \"imap.example.vn\", username = \"…\", password = { env = \"…\" } }")?;
        let within = |error: KeyError| KeyError { key: format!("imap.{}", error.key), ..error };
        let secrets: BTreeMap<String, SecretString> =
            secrets.iter().filter_map(|(key, secret)| Some((key.strip_prefix("imap.")?.to_owned(), secret.clone()))).collect();
        let read = || {
            let keys = Keys::new("smtp", &IMAP_KEYS, &plain, &secrets)?;
            let words = [("none", Tls::None), ("starttls", Tls::StartTls), ("implicit", Tls::Implicit)];
            let tls = keys.choice("tls", &words, Tls::Implicit)?;
            let standard = if tls == Tls::Implicit { 993 } else { 143 };
            let password = keys.secret("password").cloned();
            Ok(Self {
                host: keys.required("host", "imap.example.vn")?,
                port: keys.number("port", 1..=u16::MAX)?.unwrap_or(standard),
                tls,
                username: keys.required("username", "bounces@example.vn")?,
                password: password
                    .ok_or_else(|| KeyError::new("password", "is missing, such as password = { env = \"LOA_IMAP\" }"))?,
                folder: keys.text("folder")?.unwrap_or_else(|| "INBOX".to_owned()),
                move_to: keys.text("move_to")?,
                allow_private,
                ca_pem,
            })
        };
        read().map_err(within)
    }
}

fn entries(key: &str, value: &toml::Value, example: &str) -> Result<BTreeMap<String, toml::Value>, KeyError> {
    let table = value.as_table().ok_or_else(|| KeyError::new(key, format!("must be a table, such as {example}")))?;
    Ok(table.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
}
