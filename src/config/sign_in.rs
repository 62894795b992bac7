//! `[sign_in]`: where people reach the console, and the `OpenID` provider by which they may sign in.

use super::{OpenId, SignIn, read::web_address, secret::Vault};
use crate::{document::Section, phrase};

pub(super) fn sign_in(section: &mut Section<'_>, vault: Vault<'_>) -> SignIn {
    let url = section.optional("url", |v| web_address(&v));
    let oidc = section.optional("oidc", |v| v.section(|s| open_id(s, vault)));
    SignIn { url, oidc }
}

fn open_id(section: &mut Section<'_>, vault: Vault<'_>) -> Option<OpenId> {
    let issuer = section.required("issuer", |v| {
        let issuer = web_address(&v)?;
        let local = ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"].iter().any(|start| issuer.starts_with(start));
        if issuer.starts_with("https://") || local {
            return Some(issuer);
        }
        v.refuse(
            phrase!("nhà cung cấp phải dùng https", "the provider must be reached by https"),
            phrase!(
                "ví dụ: \"https://dang-nhap.example.vn/realms/so\"",
                "for example: \"https://login.example.com/realms/office\""
            ),
        )
    });
    let client_id = section.required("client_id", |v| v.line());
    let client_secret = section.required("client_secret", |v| {
        // Only whoever serves the console needs it: a command that looks must not fail without it.
        if !vault.accounts {
            v.plain();
            return Some(secrecy::SecretString::default());
        }
        vault.secret(&v)
    });
    let name = section.optional("name", |v| v.line());
    let (issuer, client_id, client_secret) = (issuer?, client_id?, client_secret?);
    Some(OpenId { issuer, client_id, client_secret, name: name.unwrap_or_else(|| "OpenID Connect".to_string()) })
}
