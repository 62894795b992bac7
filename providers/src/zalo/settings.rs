//! What a Zalo account is configured with, and the keys of loa.toml that say it.

use std::{collections::BTreeMap, fmt, sync::Arc};

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::{
    http::Network,
    keys::{KeyError, Keys},
};

/// Tells the time.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The keys of its own that a Zalo account knows.
pub const KEYS: [&str; 12] = [
    "app_id",
    "secret",
    "oa_id",
    "oa_secret",
    "refresh_token",
    "url",
    "template_url",
    "oauth_url",
    "appsecret_proof",
    "development",
    "trust_numbers",
    "phones",
];

/// Where a Zalo account's requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// To user ids: template and consultation messages of the Official Account.
    pub account: String,
    /// To phone numbers: template messages, their state, quota and templates.
    pub template: String,
    /// Tokens.
    pub token: String,
}

impl Default for Addresses {
    fn default() -> Self {
        Self {
            account: "https://openapi.zalo.me".into(),
            template: "https://business.openapi.zalo.me".into(),
            token: "https://oauth.zaloapp.com".into(),
        }
    }
}

/// An Official Account, and the app that acts for it.
#[derive(Clone)]
pub struct Settings {
    /// The app's number.
    pub app_id: String,
    /// The app's secret key.
    pub secret: SecretString,
    /// The Official Account's number.
    pub oa_id: String,
    /// The key that the console shows beside the webhook, with which callbacks are signed; none: the app's.
    pub oa_secret: Option<SecretString>,
    /// The refresh token to begin with: it is good once, and only until the first pair is stored.
    pub refresh_token: Option<SecretString>,
    /// Where requests go.
    pub addresses: Addresses,
    /// Whether each call proves that it knows the app's secret (`appsecret_proof`).
    pub proof: bool,
    /// Whether template messages go to the app's administrators only, which costs nothing.
    pub development: bool,
    /// Whether a number that somebody enters in Zalo makes them the person with this number. Nobody proves it: who enters another's
    /// number gets what is meant for them.
    pub trust_numbers: bool,
    /// How the account reaches Zalo.
    pub network: Network,
    /// The time.
    pub now: Now,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("app_id", &self.app_id).field("oa_id", &self.oa_id).finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads an account's own keys.
    pub fn from_keys(
        settings: &BTreeMap<String, toml::Value>,
        secrets: &BTreeMap<String, SecretString>,
        network: Network,
        now: Now,
    ) -> Result<Self, KeyError> {
        let keys = Keys::new("zalo", &KEYS, settings, secrets)?;
        let secret = |key: &str| -> Result<Option<SecretString>, KeyError> {
            if settings.contains_key(key) {
                return Err(KeyError::new(key, "a secret is never written out: { env = \"…\" } or { file = \"…\" }"));
            }
            Ok(keys.text(key)?.filter(|text| !text.is_empty()).map(SecretString::from))
        };
        let address = |key: &str| address(&keys, key, network.allow_private);
        let mut addresses = Addresses::default();
        if let Some(one) = address("url")? {
            addresses = Addresses { account: one.clone(), template: one.clone(), token: one };
        }
        if let Some(own) = address("template_url")? {
            addresses.template = own;
        }
        if let Some(own) = address("oauth_url")? {
            addresses.token = own;
        }
        let needed = || KeyError::new("secret", "is missing: the app's secret key, as { env = \"…\" } or { file = \"…\" }");
        // Read for its faults: whether phone numbers are written to is not this adapter's to decide.
        let _ = keys.truth("phones", true)?;
        Ok(Self {
            app_id: number(&keys, "app_id", "1234567890123456789")?,
            secret: secret("secret")?.ok_or_else(needed)?,
            oa_id: number(&keys, "oa_id", "9876543210987654321")?,
            oa_secret: secret("oa_secret")?,
            refresh_token: secret("refresh_token")?,
            addresses,
            proof: keys.truth("appsecret_proof", false)?,
            development: keys.truth("development", false)?,
            trust_numbers: keys.truth("trust_numbers", false)?,
            network,
            now,
        })
    }
}

/// An id: digits. As a number in the file it would lose its last ones on the way through others' tools.
fn number(keys: &Keys<'_>, key: &str, example: &str) -> Result<String, KeyError> {
    let text = keys.required(key, example)?;
    if text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text);
    }
    Err(KeyError::new(key, format!("{text:?} is no id: it has digits only, such as {key} = \"{example}\"")))
}

fn address(keys: &Keys<'_>, key: &str, allow_private: bool) -> Result<Option<String>, KeyError> {
    let Some(text) = keys.text(key)? else { return Ok(None) };
    let wrong = |why: String| KeyError::new(key, why);
    let url = reqwest::Url::parse(&text).map_err(|error| wrong(format!("{text:?} is no address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() || url.query().is_some() {
        return Err(wrong("must be an http or https address without a query, such as \"https://openapi.zalo.me\"".into()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must hold no password".into()));
    }
    let literal = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse().ok());
    if !allow_private && literal.is_some_and(crate::network::is_private) {
        return Err(wrong("is a loopback or private address: allow_private = true permits it".into()));
    }
    Ok(Some(text.trim_end_matches('/').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(keys: &str, secrets: &[&str]) -> Result<Settings, KeyError> {
        let secrets = secrets.iter().map(|name| ((*name).to_string(), SecretString::from("x"))).collect();
        let now: Now = Arc::new(|| DateTime::UNIX_EPOCH);
        let network = Network { allow_private: keys.contains("8090"), ..Network::default() };
        Settings::from_keys(&toml::from_str(keys).unwrap(), &secrets, network, now)
    }

    const IDS: &str = "app_id = \"123\"\noa_id = \"456\"\n";

    #[test]
    fn one_address_stands_for_all_unless_others_are_named() {
        let settings = read(&format!("{IDS}url = \"http://127.0.0.1:8090/\"\noauth_url = \"https://example.vn\""), &["secret"]);
        let addresses = settings.unwrap().addresses;
        assert_eq!((addresses.account.as_str(), addresses.token.as_str()), ("http://127.0.0.1:8090", "https://example.vn"));
        assert_eq!(addresses.template, addresses.account);
        assert_eq!(read(IDS, &["secret"]).unwrap().addresses, Addresses::default());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (keys, secrets, key) in [
            ("oa_id = \"456\"", vec!["secret"], "app_id"),
            ("app_id = \"12a\"\noa_id = \"456\"", vec!["secret"], "app_id"),
            (IDS, vec![], "secret"),
            ("app_id = \"1\"\noa_id = \"2\"\nsecret = \"plain\"", vec![], "secret"),
            ("app_id = \"1\"\noa_id = \"2\"\nurl = \"openapi.zalo.me\"", vec!["secret"], "url"),
            ("app_id = \"1\"\noa_id = \"2\"\nurl = \"https://a:b@openapi.zalo.me\"", vec!["secret"], "url"),
            ("app_id = \"1\"\noa_id = \"2\"\nurl = \"http://127.0.0.1\"", vec!["secret"], "url"),
            ("app_id = \"1\"\noa_id = \"2\"\noaid = \"3\"", vec!["secret"], "oaid"),
        ] {
            assert_eq!(read(keys, &secrets).unwrap_err().key, key, "{keys}");
        }
    }
}
