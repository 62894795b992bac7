//! The keys of an account's table that belong to its gateway: read strictly, with errors that name the key and say what
//! would be right.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};

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
    pub(crate) fn new(key: &str, text: impl Into<String>) -> Self {
        Self { key: key.to_owned(), text: text.into() }
    }
}

/// The key of the account's table that a secret belongs to: those of tables within it are named `bounces.imap.password`.
fn first(key: &str) -> &str {
    key.split_once('.').map_or(key, |(first, _)| first)
}

/// An account's own keys.
pub(crate) struct Keys<'a> {
    settings: &'a BTreeMap<String, toml::Value>,
    secrets: &'a BTreeMap<String, SecretString>,
}

impl<'a> Keys<'a> {
    /// The keys of a gateway that knows only these; an unknown one is an error that names the nearest.
    pub(crate) fn new(
        gateway: &str,
        known: &[&str],
        settings: &'a BTreeMap<String, toml::Value>,
        secrets: &'a BTreeMap<String, SecretString>,
    ) -> Result<Self, KeyError> {
        if let Some(unknown) = settings.keys().chain(secrets.keys()).find(|key| !known.contains(&first(key))) {
            let distance = |name: &str| strsim::damerau_levenshtein(name, unknown);
            let near = known.iter().min_by_key(|name| distance(name)).filter(|name| distance(name) <= 3);
            let hint = near.map_or_else(
                || format!("unknown; an {gateway} account knows {}", known.join(", ")),
                |name| format!("unknown; did you mean {name}?"),
            );
            return Err(KeyError::new(unknown, hint));
        }
        if settings.contains_key("password") {
            return Err(KeyError::new("password", "a secret is never written out: { env = \"…\" } or { file = \"…\" }"));
        }
        Ok(Self { settings, secrets })
    }

    /// A text. Any may come from the environment or a file, not only the password.
    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, KeyError> {
        match self.settings.get(key) {
            None => Ok(self.secrets.get(key).map(|secret| secret.expose_secret().trim().to_owned())),
            Some(toml::Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.trim().to_owned())),
            Some(_) => Err(KeyError::new(key, "must be a text in quotes")),
        }
    }

    /// A text that must be there.
    pub(crate) fn required(&self, key: &str, example: &str) -> Result<String, KeyError> {
        self.text(key)?.ok_or_else(|| KeyError::new(key, format!("is missing, such as {key} = \"{example}\"")))
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(&self, key: &str, words: &[(&str, T)], default: T) -> Result<T, KeyError> {
        let Some(written) = self.text(key)? else { return Ok(default) };
        words.iter().find(|(word, _)| *word == written).map(|(_, meaning)| *meaning).ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            KeyError::new(key, format!("{written:?} is none of {}", known.join(", ")))
        })
    }

    /// A whole number within a range.
    pub(crate) fn number<T>(&self, key: &str, range: RangeInclusive<T>) -> Result<Option<T>, KeyError>
    where
        T: TryFrom<i64> + PartialOrd + std::fmt::Display,
    {
        let Some(value) = self.settings.get(key) else { return Ok(None) };
        let number = value.as_integer().and_then(|number| T::try_from(number).ok()).filter(|number| range.contains(number));
        let wrong = || KeyError::new(key, format!("must be a number from {} to {}", range.start(), range.end()));
        number.map(Some).ok_or_else(wrong)
    }

    /// Yes or no.
    pub(crate) fn truth(&self, key: &str, default: bool) -> Result<bool, KeyError> {
        let Some(value) = self.settings.get(key) else { return Ok(default) };
        value.as_bool().ok_or_else(|| KeyError::new(key, "must be true or false"))
    }

    /// A time such as `"30s"`, `"5m"` or `"24h"`, within a range of seconds.
    pub(crate) fn seconds(&self, key: &str, range: RangeInclusive<u64>) -> Result<Option<Duration>, KeyError> {
        let Some(value) = self.settings.get(key) else { return Ok(None) };
        let written = value.as_str().map(str::trim).unwrap_or_default();
        let (number, unit) = written.split_at(written.len() - written.chars().last().map_or(0, char::len_utf8));
        let unit = match unit {
            "s" => Some(1),
            "m" => Some(60),
            "h" => Some(3600),
            _ => None,
        };
        let seconds = number.parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
        let wrong = || KeyError::new(key, format!("must be from \"{}s\" to \"{}s\"", range.start(), range.end()));
        seconds.filter(|seconds| range.contains(seconds)).map(|seconds| Some(Duration::from_secs(seconds))).ok_or_else(wrong)
    }

    /// The value as it is written.
    pub(crate) fn value(&self, key: &str) -> Option<&toml::Value> {
        self.settings.get(key)
    }

    /// The secrets within the table of this name, by their names there.
    pub(crate) fn secrets_within(&self, table: &str) -> BTreeMap<String, SecretString> {
        let within = |key: &str| key.strip_prefix(table).and_then(|rest| rest.strip_prefix('.')).map(str::to_owned);
        self.secrets.iter().filter_map(|(key, secret)| Some((within(key)?, secret.clone()))).collect()
    }

    /// The secret of this name.
    pub(crate) fn secret(&self, key: &str) -> Option<&SecretString> {
        self.secrets.get(key)
    }
}
