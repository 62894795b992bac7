//! Webhooks by the Standard Webhooks convention (standardwebhooks.com): telling another program that something happened.
//!
//! What enters is an address, a [`Secret`] and a body; what leaves is one signed POST and a judgement on its answer. What can
//! go wrong is a [`Failure`]. Redirects are not followed, answers are read within bounds, and an address inside is refused
//! unless its owner said that it is meant. Nothing is repeated here: the loop that calls it does that.

use std::{fmt, net::IpAddr, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretBox};
use sha2::Sha256;

use crate::{
    SendError,
    http::network::{Clients, broken},
    network::is_private,
    retry_after::retry_after,
};

/// What a shared secret begins with.
const PREFIX: &str = "whsec_";
/// The convention's bounds: 24 to 64 bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
/// How much of an answer is read: it is not looked at, but a connection with a rest on it cannot be used again.
const LONGEST_ANSWER: usize = 64 * 1024;
/// How long an endpoint has: the convention advises 15 to 30 seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// A secret that the sender and the receiver share.
pub struct Secret(SecretBox<Vec<u8>>);

/// Why a text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret is `whsec_` and the Base64 of 24 to 64 bytes")]
pub struct NoSecret;

impl Secret {
    /// Of random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(bytes.to_vec())))
    }

    /// Reads `whsec_…`.
    pub fn parse(text: &str) -> Result<Self, NoSecret> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX).ok_or(NoSecret)?).map_err(|_| NoSecret)?;
        if !LENGTHS.contains(&bytes.len()) {
            return Err(NoSecret);
        }
        Ok(Self(SecretBox::new(Box::new(bytes))))
    }

    /// `whsec_…`: shown once, then kept sealed.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(self.0.expose_secret()))
    }

    /// `v1,…`: the signature over the message's id, the second it is sent in, and its body.
    pub fn sign(&self, id: &str, second: i64, body: &[u8]) -> String {
        // A key of any length is one of HMAC's.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()) else { return String::new() };
        mac.update(format!("{id}.{second}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why an address cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It is none, or no `https` one, or holds a password or a fragment.
    #[error("write `https://HOST/PATH`, without a user name")]
    Unreadable,
    /// It is plain HTTP to a public host.
    #[error("only `https://` outside the own network")]
    Plain,
    /// It leads inside.
    #[error("it is a loopback or private address: allow it if that is meant")]
    Private,
}

/// Checks an address as far as that goes without asking for its name: names that lead inside are refused when it is used.
pub fn check_address(address: &str, allow_private: bool) -> Result<(), BadAddress> {
    let url = Url::parse(address).map_err(|_| BadAddress::Unreadable)?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(BadAddress::Unreadable)?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(BadAddress::Unreadable);
    }
    let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    if !allow_private && (literal.is_some_and(is_private) || host.eq_ignore_ascii_case("localhost")) {
        return Err(BadAddress::Private);
    }
    match url.scheme() {
        "https" => Ok(()),
        // In the clear only inside; what a name leads to is not known here.
        "http" if allow_private && literal.is_none_or(is_private) => Ok(()),
        "http" => Err(BadAddress::Plain),
        _ => Err(BadAddress::Unreadable),
    }
}

/// A message to be told.
#[derive(Debug)]
pub struct Note<'a> {
    /// Where to.
    pub address: &'a str,
    /// The endpoint may be inside.
    pub allow_private: bool,
    /// The message's id: the same at every try.
    pub id: &'a str,
    /// This try's time, in unix seconds.
    pub second: i64,
    /// JSON.
    pub body: &'a str,
    /// The secrets in force: the present one first, then one that is being replaced.
    pub secrets: &'a [Secret],
}

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The answer's status; none: there was no answer.
    pub status: Option<u16>,
    /// What happened, without addresses or secrets.
    pub detail: String,
    /// The endpoint asks to be left alone so long.
    pub after: Option<Duration>,
}

impl Failure {
    /// The endpoint says that it is gone for good (410).
    pub const fn is_final(&self) -> bool {
        matches!(self.status, Some(410))
    }
}

/// Posts messages.
#[derive(Debug, Clone)]
pub struct Poster(Clients);

impl Poster {
    /// With the proxy and the certificates of this network.
    pub fn new(proxy: Option<&str>, ca_pem: Option<&[u8]>) -> Result<Self, String> {
        Clients::new(proxy, ca_pem, PATIENCE).map(Self)
    }

    /// Sends it once. The status of an answer that takes it, which is any of 2xx.
    pub async fn post(&self, note: &Note<'_>) -> Result<u16, Failure> {
        let lost = |detail: String| Failure { status: None, detail, after: None };
        check_address(note.address, note.allow_private).map_err(|error| lost(error.to_string()))?;
        let client = self.0.for_address(note.allow_private);
        let signatures: Vec<String> =
            note.secrets.iter().map(|secret| secret.sign(note.id, note.second, note.body.as_bytes())).collect();
        let sent = client
            .post(note.address)
            .header("content-type", "application/json")
            .header("webhook-id", note.id)
            .header("webhook-timestamp", note.second)
            .header("webhook-signature", signatures.join(" "))
            .body(note.body.to_owned())
            .send()
            .await;
        let mut response = sent.map_err(|error| lost(told(error)))?;
        let status = response.status();
        let after = retry_after(response.headers(), note.second.saturating_mul(1_000));
        let mut length = 0;
        while length <= LONGEST_ANSWER {
            match response.chunk().await {
                Ok(Some(chunk)) => length += chunk.len(),
                // The status is the answer; how it ends does not matter.
                Ok(None) | Err(_) => break,
            }
        }
        if status.is_success() {
            return Ok(status.as_u16());
        }
        Err(Failure { status: Some(status.as_u16()), detail: format!("HTTP {status}"), after })
    }
}

fn told(error: reqwest::Error) -> String {
    match broken(error) {
        SendError::Retry { detail, .. } | SendError::Misconfigured { detail, .. } | SendError::InDoubt { detail, .. } => detail,
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the convention's own libraries.
    #[test]
    fn signatures_are_those_of_the_convention() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_read_as_it_is_written() {
        let secret = Secret::new([7; 32]);
        assert_eq!(Secret::parse(&secret.expose()).unwrap().expose(), secret.expose());
        for bad in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_*"] {
            assert_eq!(Secret::parse(bad).err(), Some(NoSecret), "{bad}");
        }
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn an_address_is_a_public_one_by_https_unless_allowed() {
        let of = |address, allowed| check_address(address, allowed).err();
        assert_eq!(of("https://example.com/hook?a=1", false), None);
        assert_eq!(of("http://example.com/hook", false), Some(BadAddress::Plain));
        assert_eq!(of("http://10.0.0.5/hook", true), None);
        assert_eq!(of("http://1.1.1.1/hook", true), Some(BadAddress::Plain), "what is meant is the own network");
        assert_eq!(of("https://[2002:7f00:1::]/", false), Some(BadAddress::Private));
        for inside in [
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://localhost/x",
            "https://192.168.1.1:8443/",
            "https://169.254.169.254/",
        ] {
            assert_eq!(of(inside, false), Some(BadAddress::Private), "{inside}");
            assert_eq!(of(inside, true), None, "{inside}");
        }
        for bad in
            ["", "example.com", "ftp://example.com/", "https://user:pass@example.com/", "https://example.com/#a", "https://"]
        {
            assert_eq!(of(bad, true), Some(BadAddress::Unreadable), "{bad}");
        }
    }
}
