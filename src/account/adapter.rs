//! Adapters: from an account's settings and its gateway's description to something that sends.
//!
//! What enters: `[[account]]` and the gateways that are known. What leaves: a [`Provider`]. What can go wrong: a setting that
//! the gateway does not know or needs, which [`AccountError`] names.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use providers::{
    Channel, Provider,
    http::{Description, HttpGateway},
    smpp::{self, SmppGateway},
    smtp::{self, SmtpGateway},
    zalo::{self, ZaloGateway},
};
use rand::Rng as _;

use super::tokens::{NoTokens, Tokens};
use crate::{
    audience::{address::ChatService, phone::Carrier},
    clock::Clock,
    config::{self, Config},
    db::{Db, DbError},
    phrase,
    seal::Seal,
    words::Phrase,
};

/// The gateway's name whose adapter is `providers::smtp`.
pub const SMTP: &str = "smtp";
/// The gateway's name whose adapter is `providers::smpp`.
pub const SMPP: &str = "smpp";
/// The gateway's name whose adapter is `providers::zalo`.
pub const ZALO: &str = "zalo";
/// The longest that one send may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Why the accounts cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// No such gateway.
    #[error("account `{account}`: there is no gateway `{gateway}`{hint}")]
    NoGateway {
        /// The account.
        account: String,
        /// What it names.
        gateway: String,
        /// A suggestion.
        hint: String,
    },
    /// The gateway carries something else.
    #[error("account `{account}`: the gateway `{gateway}` carries {carries}, not {wanted}")]
    Channel {
        /// The account.
        account: String,
        /// The gateway.
        gateway: String,
        /// Its channel.
        carries: Channel,
        /// The account's.
        wanted: Channel,
    },
    /// A key is wrong.
    #[error("account `{account}`: {why}")]
    Setting {
        /// The account.
        account: String,
        /// What is wrong.
        why: String,
    },
    /// A file cannot be read.
    #[error("{file}: {why}")]
    File {
        /// Which.
        file: String,
        /// Why.
        why: String,
    },
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl AccountError {
    /// What to tell the officer; what an adapter says of its keys stays in its own words.
    pub fn phrase(&self) -> Phrase {
        match self {
            Self::Setting { account, why } => phrase!("tài khoản `{account}`: {why}", "account `{account}`: {why}"),
            _ => self.to_string().into(),
        }
    }

    /// The account's key that is wrong, such as `bounces.maildir`, where the error begins with one.
    pub fn key(&self) -> Option<&str> {
        let Self::Setting { why, .. } = self else { return None };
        let (key, _) = why.split_once(": ")?;
        key.bytes().all(|byte| byte.is_ascii_lowercase() || b"._".contains(&byte)).then_some(key)
    }
}

/// Gateways by name.
pub type Gateways = BTreeMap<String, Arc<Description>>;

/// The gateways that Loa knows: those built in, and those of a folder, which override them by name.
pub fn gateways(folder: Option<&Path>) -> Result<Gateways, AccountError> {
    let mut known = Gateways::new();
    let parse = |file: &str, text: &str| {
        Description::parse(file, text).map(Arc::new).map_err(|faults| AccountError::File {
            file: file.to_string(),
            why: faults.iter().map(|fault| format!("line {}: {}", fault.line, fault.message)).collect::<Vec<_>>().join("; "),
        })
    };
    for (name, text) in providers::gateways::built_in() {
        known.insert((*name).to_string(), parse(&format!("{name}.toml"), text)?);
    }
    let Some(folder) = folder else { return Ok(known) };
    let unreadable =
        |file: &Path, error: &std::io::Error| AccountError::File { file: file.display().to_string(), why: error.to_string() };
    for entry in std::fs::read_dir(folder).map_err(|e| unreadable(folder, &e))? {
        let path = entry.map_err(|e| unreadable(folder, &e))?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            let text = std::fs::read_to_string(&path).map_err(|e| unreadable(&path, &e))?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            known.insert(name, parse(&path.display().to_string(), &text)?);
        }
    }
    Ok(known)
}

/// The purpose of the MAC that keys digests of addresses in gateways' ids.
const HANDLE: &str = "handle";

/// The key of the digests that stand for phone numbers in the ids of an account's messages.
pub fn handle_key(seal: &Seal, name: &str) -> [u8; 32] {
    seal.mac(HANDLE, name.as_bytes())
}

/// Builds an account's adapter. The error names the key. Without a database and its seal it sends and answers, but what it sends
/// gets ids that no receipt finds again, and where tokens are kept there is none: for checks of an account's settings.
pub fn provider(
    account: &config::Account,
    config: &Config,
    gateways: &Gateways,
    clock: &Clock,
    base: Option<(&Db, &Seal)>,
) -> Result<Arc<dyn Provider>, AccountError> {
    let wrong = |why: String| AccountError::Setting { account: account.name.clone(), why };
    let ca_pem = match &config.network.ca_file {
        Some(file) => {
            Some(std::fs::read(file).map_err(|e| AccountError::File { file: file.display().to_string(), why: e.to_string() })?)
        }
        None => None,
    };
    let carries = |channel: Channel| {
        if channel == account.channel {
            return Ok(());
        }
        let (name, gateway) = (account.name.clone(), account.gateway.clone());
        Err(AccountError::Channel { account: name, gateway, carries: channel, wanted: account.channel })
    };
    if account.gateway == SMPP {
        carries(Channel::Sms)?;
        let clock = clock.clone();
        let surroundings = smpp::Surroundings {
            window: account.window,
            receipts: account.receipts,
            allow_private: account.allow_private,
            ca_pem,
            now: Arc::new(move || clock.now()),
            jitter: Arc::new(|| rand::rng().random()),
        };
        let settings =
            smpp::Settings::from_keys(&account.settings, &account.secrets, surroundings).map_err(|e| wrong(e.to_string()))?;
        return Ok(Arc::new(SmppGateway::new(settings).map_err(|e| wrong(e.to_string()))?));
    }
    if account.gateway == SMTP {
        carries(Channel::Email)?;
        let clock = clock.clone();
        let surroundings = smtp::Surroundings {
            window: account.window,
            allow_private: account.allow_private,
            ca_pem,
            dkim: account.dkim.clone(),
            now: Arc::new(move || clock.now()),
        };
        let settings =
            smtp::Settings::from_keys(&account.settings, &account.secrets, surroundings).map_err(|e| wrong(e.to_string()))?;
        return Ok(Arc::new(SmtpGateway::new(settings).map_err(|e| wrong(e.to_string()))?));
    }
    let network = providers::http::Network {
        allow_private: account.allow_private,
        proxy: config.network.proxy.clone(),
        ca_pem,
        timeout: TIMEOUT,
    };
    if account.gateway == ZALO {
        carries(Channel::Chat)?;
        let ticking = clock.clone();
        let now: zalo::Now = Arc::new(move || ticking.now());
        let settings =
            zalo::Settings::from_keys(&account.settings, &account.secrets, network, now).map_err(|e| wrong(e.to_string()))?;
        let store: Arc<dyn zalo::TokenStore> = match base {
            Some((db, seal)) => {
                Arc::new(Tokens { db: db.clone(), seal: seal.clone(), clock: clock.clone(), account: account.name.clone() })
            }
            None => Arc::new(NoTokens),
        };
        return Ok(Arc::new(ZaloGateway::new(settings, store).map_err(wrong)?));
    }
    let description = description(account, gateways)?;
    carries(description.channel)?;
    let mut settings = BTreeMap::new();
    for (key, value) in &account.settings {
        let text = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) => value.to_string(),
            _ => return Err(wrong(format!("`{key}` must be a text, a number or a truth value"))),
        };
        settings.insert(key.clone(), text);
    }
    let clock = clock.clone();
    let surroundings = providers::http::Surroundings {
        now: Arc::new(move || clock.now()),
        random: Arc::new(|| rand::rng().random()),
        key: base.map_or_else(|| rand::rng().random(), |(_, seal)| handle_key(seal, &account.name)),
    };
    let gateway = HttpGateway::new(Arc::clone(description), settings, account.secrets.clone(), network, surroundings)
        .map_err(|e| wrong(e.to_string()))?;
    Ok(Arc::new(gateway))
}

fn description<'g>(account: &config::Account, gateways: &'g Gateways) -> Result<&'g Arc<Description>, AccountError> {
    gateways.get(&account.gateway).ok_or_else(|| {
        let known = gateways.keys().map(String::as_str).chain([SMPP, SMTP, ZALO]);
        let hint =
            crate::document::nearest(&account.gateway, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        AccountError::NoGateway { account: account.name.clone(), gateway: account.gateway.clone(), hint }
    })
}

/// The routes that an account serves, by its settings.
pub fn routes(account: &config::Account, gateways: &Gateways) -> Result<Vec<i16>, AccountError> {
    Ok(routes_of(account.channel, &groups(account, gateways)?))
}

/// The routes of a channel and these groups; none: all of them.
pub(super) fn routes_of(channel: Channel, groups: &[i16]) -> Vec<i16> {
    let all: Vec<i16> = match channel {
        Channel::Sms => (0..8).collect(),
        Channel::Email => vec![0],
        Channel::Chat => std::iter::once(0).chain(ChatService::ALL.map(|service| service as i16)).collect(),
    };
    let groups = if groups.is_empty() { &all } else { groups };
    groups.iter().map(|group| (channel as i16) << 4 | group).collect()
}

/// Whether a chat account writes to phone numbers: Zalo's templates do, unless it says `phones = false`.
pub fn reaches_phones(account: &config::Account) -> bool {
    account.gateway == ZALO && account.settings.get("phones").and_then(toml::Value::as_bool).unwrap_or(true)
}

/// The carrier groups of an account: by its `carriers`; for chat, by the service that its gateway belongs to.
pub(super) fn groups(account: &config::Account, gateways: &Gateways) -> Result<Vec<i16>, AccountError> {
    if account.channel == Channel::Chat {
        if account.gateway == ZALO {
            let services = [Some(ChatService::Zalo), reaches_phones(account).then_some(ChatService::ZaloPhone)];
            return Ok(services.into_iter().flatten().map(|service| service as i16).collect());
        }
        let named = &description(account, gateways)?.address;
        let service =
            ChatService::LISTED.into_iter().find(|service| service.name() == named).ok_or_else(|| AccountError::Setting {
                account: account.name.clone(),
                why: format!(
                    "its gateway takes the ids of `{named}`, which no list has a column for; there are {}",
                    ChatService::LISTED.map(ChatService::name).join(", ")
                ),
            })?;
        return Ok(vec![service as i16]);
    }
    Ok(account.carriers.iter().filter_map(|name| Carrier::from_name(name)).map(|carrier| carrier as i16).collect())
}
