//! Secrets: never a plain string in a file. `{ env = "NAME" }` or `{ file = "PATH" }`, or an environment override.

use std::{collections::BTreeMap, fs, io, path::Path, sync::Arc};

use base64::Engine as _;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};

use super::SecretKey;
use crate::{document::Value, phrase};

/// Where secrets come from.
#[derive(Clone, Copy)]
pub(super) struct Vault<'a> {
    /// The folder of `loa.toml`.
    pub(super) base: &'a Path,
    /// The environment.
    pub(super) env: &'a BTreeMap<String, String>,
    /// Whether the accounts' secrets are looked up: only who sends needs them.
    pub(super) accounts: bool,
}

/// Whether a setting's name says that it is a secret: `password`, `api_key`, `refresh_token`….
pub fn is_secret_name(key: &str) -> bool {
    key.to_ascii_lowercase().split(['_', '-']).any(|part| {
        matches!(part, "password" | "passwd" | "passphrase" | "secret" | "token" | "key" | "keys" | "credential" | "credentials")
    })
}

/// Reports a secret that stands in the file.
pub(super) fn refuse_plain<T>(value: &Value<'_>) -> Option<T> {
    let field = value.field();
    let name = field.rsplit('.').next().unwrap_or(field);
    let variable = name.to_uppercase();
    value.refuse(
        phrase!("`{field}` là bí mật, không được viết thẳng trong tệp", "`{field}` is a secret and may not stand in the file"),
        phrase!(
            "viết {name} = {{ env = \"{variable}\" }} hoặc {{ file = \"/run/secrets/{name}\" }}",
            "write {name} = {{ env = \"{variable}\" }} or {{ file = \"/run/secrets/{name}\" }}"
        ),
    )
}

/// What `{ env = … }`, `{ file = … }` or an override gives. For a file, [`Found::Missing`] if there is none.
pub(super) enum Found {
    Secret(SecretString),
    Missing(std::path::PathBuf),
}

impl Vault<'_> {
    /// A secret that must be there.
    pub(super) fn secret(self, value: &Value<'_>) -> Option<SecretString> {
        match self.find(value)? {
            Found::Secret(secret) => Some(secret),
            Found::Missing(file) => {
                let file = file.display();
                let field = value.field();
                value.refuse(
                    phrase!("không có tệp {file} cho `{field}`", "there is no file {file} for `{field}`"),
                    phrase!("tạo tệp này, chỉ chứa bí mật", "make that file, with nothing in it but the secret"),
                )
            }
        }
    }

    pub(super) fn find(self, value: &Value<'_>) -> Option<Found> {
        if value.is_variable() {
            return value.text().map(|text| Found::Secret(text.into()));
        }
        if !value.is_table() {
            return refuse_plain(value);
        }
        value.section(|s| {
            let env = s.value("env");
            let file = s.value("file");
            match (env, file) {
                (Some(env), None) => {
                    let name = env.text()?;
                    match self.env.get(&name).filter(|secret| !secret.is_empty()) {
                        Some(secret) => Some(Found::Secret(secret.clone().into())),
                        None => env.refuse(
                            phrase!("biến môi trường {name} chưa được đặt", "the environment variable {name} is not set"),
                            phrase!("đặt {name} trước khi chạy loa", "set {name} before you start loa"),
                        ),
                    }
                }
                (None, Some(file)) => {
                    let path = self.base.join(file.path()?);
                    match fs::read_to_string(&path) {
                        Ok(secret) => Some(Found::Secret(secret.trim_end_matches(['\n', '\r']).into())),
                        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Found::Missing(path)),
                        Err(error) => {
                            let path = path.display();
                            file.refuse(
                                phrase!("không đọc được {path}", "{path} cannot be read").because(&error),
                                phrase!("kiểm tra quyền đọc tệp", "check who may read the file"),
                            )
                        }
                    }
                }
                _ => s.refuse(
                    phrase!("một bí mật cần đúng một trong `env` và `file`", "a secret needs either `env` or `file`"),
                    phrase!("ví dụ: {{ env = \"VIETTEL_PASSWORD\" }}", "for example: {{ env = \"VIETTEL_PASSWORD\" }}"),
                ),
            }
        })
    }
}

/// 32 bytes, written as 64 hexadecimal digits or in base64.
pub(super) fn key(secret: &SecretString) -> Option<SecretKey> {
    let text = secret.expose_secret().trim();
    let bytes: Vec<u8> = if text.len() == 64 && text.is_ascii() {
        (0..64).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect::<Option<_>>()?
    } else {
        let text = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
        base64::engine::general_purpose::STANDARD_NO_PAD.decode(text).ok()?
    };
    let bytes: [u8; 32] = bytes.try_into().ok()?;
    Some(SecretKey(Arc::new(SecretBox::new(Box::new(bytes)))))
}

/// The text as diagnostics may quote it: what stands in quotes after a secret's name, and a password within an address,
/// is starred out, byte for byte, so that every place stays where it was. Works on broken TOML too.
pub(super) fn masked(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    let mut at = 0;
    while let Some(equals) = text[at..].find('=').map(|offset| at + offset) {
        at = equals + 1;
        let key = text[..equals].trim_end_matches([' ', '\t', '"', '\'']);
        let start = key
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')))
            .map_or(0, |i| i + key[i..].chars().next().map_or(1, char::len_utf8));
        let value = &text[at..];
        let open = value.len() - value.trim_start_matches([' ', '\t']).len();
        let Some(quote) = value[open..].chars().next().filter(|c| matches!(c, '"' | '\'')) else { continue };
        let triple = String::from(quote).repeat(3);
        let (skip, end) = if value[open..].starts_with(&triple) {
            let from = open + 3;
            (from, value[from..].find(&triple).map_or(value.len(), |i| from + i))
        } else {
            let from = open + 1;
            (from, closing(&value[from..], quote).map_or(value.len(), |i| from + i))
        };
        let hidden = if is_secret_name(&key[start..]) {
            Some(skip..end)
        } else {
            password_in(&value[skip..end]).map(|range| skip + range.start..skip + range.end)
        };
        if let Some(hidden) = hidden {
            let bytes = &mut out[at + hidden.start..at + hidden.end];
            bytes.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
        }
        at += end;
    }
    // Whole characters were replaced by as many stars as they have bytes: this stays UTF-8.
    String::from_utf8(out).unwrap_or_default()
}

/// Where a one-line string ends: at its closing quote, or at the line's end if that is missing.
fn closing(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    rest.char_indices().find_map(|(index, c)| {
        let ends = c == '\n' || (c == quote && !escaped);
        escaped = quote == '"' && c == '\\' && !escaped;
        ends.then_some(index)
    })
}

/// The place of a password in `scheme://user:password@host`.
pub(super) fn password_in(address: &str) -> Option<std::ops::Range<usize>> {
    let start = address.find("://")? + 3;
    let authority = &address[start..address[start..].find(['/', '?']).map_or(address.len(), |i| start + i)];
    let at = authority.rfind('@')?;
    let colon = authority[..at].find(':')?;
    Some(start + colon + 1..start + at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn diagnostics_never_quote_a_secret() {
        let text = "password = \"hunter2\"\nauth = { api_key = 'abc', user = 'x' }\nurl = \"postgres://u:pw@h/d\"\ntoken = \"mất";
        let shown = masked(text);
        assert_eq!(shown.len(), text.len());
        for secret in ["hunter2", "abc", "pw@", "mất"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("user = 'x'") && shown.contains("postgres://u:**@h/d"));
    }

    #[test]
    fn a_key_is_hexadecimal_or_base64() {
        let hex = "00".repeat(31) + "ff";
        assert!(key(&hex.into()).is_some());
        assert!(key(&"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_string().into()).is_some());
        for wrong in ["", "00ff", "zz", "AAAA"] {
            assert!(key(&wrong.to_string().into()).is_none(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn masking_keeps_every_place(text in "[a-z_= '\"\\\\\nđ{}:/@.]{0,80}") {
            let shown = masked(&text);
            prop_assert_eq!(shown.len(), text.len());
            prop_assert_eq!(shown.matches('\n').count(), text.matches('\n').count());
        }
    }
}
