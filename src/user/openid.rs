//! Signing in by an `OpenID` provider: the authorization code flow with PKCE, state and nonce (`OpenID` Connect Core 1.0, RFC 7636).
//!
//! What enters: what the provider publishes, a browser that comes back with a code, and the ID token that the code buys. What leaves:
//! who that is ([`Identity`]): the provider's subject, and an e-mail address only if the provider says that it has verified it. What
//! can go wrong: the provider does not answer, or says what must not be believed ([`OpenIdError`]); nobody is signed in then.
//!
//! Signatures are checked with ring ([`verify_token`]); `docs/decisions/0019` says why no larger library does it.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex;

use super::{Secret, email};
use crate::{
    config::{Network, OpenId},
    seal::Seal,
};

/// How long what a provider publishes is believed (milliseconds).
const KEEP: i64 = 60 * 60 * 1000;
/// How soon it is asked again for a key that it had not published before.
const ASK_AGAIN: i64 = 60 * 1000;
/// How long a browser may take at the provider.
const FLOW: i64 = 10 * 60 * 1000;
/// How far the provider's clock may be from ours (seconds).
const SKEW: i64 = 60;
/// How long the provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer that is read.
const ANSWER: usize = 256 * 1024;

/// Why nobody was signed in. It says nothing of the person.
#[derive(Debug, thiserror::Error)]
pub enum OpenIdError {
    /// The provider did not answer, or not as it should.
    #[error("the OpenID provider: {0}")]
    Provider(String),
    /// The browser came back with what does not belong to what it left with, or too late.
    #[error("the browser came back with another sign-in's answer, or too late")]
    Flow,
    /// The person or the provider refused.
    #[error("the OpenID provider refused: {0}")]
    Refused(String),
    /// An ID token that must not be believed.
    #[error("the ID token must not be believed: {0}")]
    Token(&'static str),
}

type Result<T> = std::result::Result<T, OpenIdError>;

/// Whom the provider has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The provider and its number for the person: never given to another.
    pub subject: String,
    /// The person's address, if the provider has verified it.
    pub email: Option<String>,
}

/// A provider.
pub struct Provider {
    settings: OpenId,
    redirect: String,
    client: reqwest::Client,
    published: Mutex<Option<Published>>,
}

#[derive(Clone)]
struct Published {
    about: About,
    keys: Vec<Jwk>,
    at: i64,
}

/// What a provider says of itself (`OpenID` Connect Discovery 1.0, section 3).
#[derive(Debug, Clone, Deserialize)]
struct About {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// A public key (RFC 7517).
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Jwk {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<serde_json::Value>,
}

/// What a browser carries, sealed, while it is at the provider.
#[derive(Serialize, Deserialize)]
struct Flow {
    state: String,
    nonce: String,
    verifier: String,
    next: String,
    ends_at: i64,
}

/// A browser on its way to the provider.
pub struct Departure {
    /// Where it goes.
    pub to: String,
    /// What it carries in a cookie.
    pub cookie: String,
}

#[derive(Deserialize)]
struct Bought {
    id_token: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    #[serde(default)]
    azp: Option<String>,
    exp: f64,
    #[serde(default)]
    iat: f64,
    #[serde(default)]
    nonce: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Verified,
}

/// Some providers write it as a text.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Verified {
    Plain(bool),
    Text(String),
    #[default]
    Unsaid,
}

impl Provider {
    /// A provider, reached as `[network]` says. `console` is where people reach us: the provider sends browsers back there.
    pub fn new(settings: OpenId, network: &Network, console: &str) -> Result<Self> {
        let broken = |error: &dyn std::fmt::Display| OpenIdError::Provider(error.to_string());
        // A second installation fails, which is as good: some provider is there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("loa/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(PATIENCE);
        if let Some(file) = &network.ca_file {
            let pem = std::fs::read(file).map_err(|error| broken(&error))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| broken(&error))?;
            builder = builder.tls_certs_merge(certificates);
        } else if settings.issuer.starts_with("http://") {
            // On loopback: needs no certificates, and a small machine may have none.
            builder = builder.tls_certs_only(Vec::new());
        }
        if let Some(proxy) = &network.proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(|error| broken(&error.without_url()))?);
        }
        let client = builder.build().map_err(|error| broken(&error.without_url()))?;
        let redirect = format!("{console}/sign-in/oidc/back");
        Ok(Self { settings, redirect, client, published: Mutex::new(None) })
    }

    /// What the button says.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Sends a browser off; it will want to go to `next` afterwards.
    pub async fn depart(&self, seal: &Seal, next: &str, now: i64) -> Result<Departure> {
        let published = self.published(None, now).await?;
        let [state, nonce, verifier] = [(); 3].map(|()| Secret::new(seal).0);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let query: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("response_type", "code"),
                ("client_id", &self.settings.client_id),
                ("redirect_uri", &self.redirect),
                ("scope", "openid email profile"),
                ("state", &state),
                ("nonce", &nonce),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ])
            .finish();
        let endpoint = &published.about.authorization_endpoint;
        let to = format!("{endpoint}{}{query}", if endpoint.contains('?') { '&' } else { '?' });
        let flow = Flow { state, nonce, verifier, next: next.to_string(), ends_at: now + FLOW };
        let flow = serde_json::to_string(&flow).map_err(|error| OpenIdError::Provider(error.to_string()))?;
        Ok(Departure { to, cookie: URL_SAFE_NO_PAD.encode(seal.seal_token(&flow)) })
    }

    /// A browser is back, with this query and that cookie: who it is, and where they wanted to go.
    pub async fn arrive(&self, seal: &Seal, cookie: &str, query: &str, now: i64) -> Result<(Identity, String)> {
        let flow: Flow = URL_SAFE_NO_PAD
            .decode(cookie)
            .ok()
            .and_then(|sealed| seal.open_token(&sealed).ok())
            .and_then(|text| serde_json::from_str(&text).ok())
            .filter(|flow: &Flow| flow.ends_at > now)
            .ok_or(OpenIdError::Flow)?;
        let field = |name: &str| form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value);
        let state = field("state").unwrap_or_default();
        if !bool::from(state.as_bytes().ct_eq(flow.state.as_bytes())) {
            return Err(OpenIdError::Flow);
        }
        if let Some(error) = field("error") {
            // Words of the standard (RFC 6749, section 4.1.2.1); whatever else is in it stays outside of our log.
            let word: String = error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect();
            return Err(OpenIdError::Refused(word));
        }
        let code = field("code").ok_or(OpenIdError::Flow)?;
        let token = self.buy(&code, &flow.verifier, now).await?;
        let header: Header = part(&token, 0)?;
        let published = self.published(header.kid.as_deref(), now).await?;
        let identity = verify_token(&token, &published.keys, &self.settings, &flow.nonce, now / 1000)?;
        Ok((identity, flow.next))
    }

    /// Exchanges a code for an ID token.
    async fn buy(&self, code: &str, verifier: &str, now: i64) -> Result<String> {
        let about = self.published(None, now).await?.about;
        let methods = &about.token_endpoint_auth_methods_supported;
        let (id, secret) = (&self.settings.client_id, self.settings.client_secret.expose_secret());
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect),
            ("code_verifier", verifier),
        ];
        // Basic is what a provider has that says nothing (OpenID Connect Discovery 1.0, section 3).
        let basic = methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic");
        let mut request = self.client.post(&about.token_endpoint);
        if basic {
            // RFC 6749, section 2.3.1: both are form-encoded first.
            let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            request = request.basic_auth(encode(id), Some(encode(secret)));
        } else {
            form.extend([("client_id", id.as_str()), ("client_secret", secret)]);
        }
        let bought: Bought = read(request.form(&form)).await?;
        Ok(bought.id_token)
    }

    /// What the provider publishes: kept for an hour, asked for again where a key is missing.
    async fn published(&self, kid: Option<&str>, now: i64) -> Result<Published> {
        let mut kept = self.published.lock().await;
        if let Some(published) = kept.as_ref() {
            let age = now - published.at;
            let has = kid.is_none_or(|kid| published.keys.iter().any(|key| key.kid.as_deref() == Some(kid)));
            if (0..KEEP).contains(&age) && (has || age < ASK_AGAIN) {
                return Ok(published.clone());
            }
        }
        let issuer = &self.settings.issuer;
        let about: About = read(self.client.get(format!("{issuer}/.well-known/openid-configuration"))).await?;
        if about.issuer.trim_end_matches('/') != issuer {
            return Err(OpenIdError::Provider(format!("it calls itself {}, and loa.toml {issuer}", about.issuer)));
        }
        let keys: Jwks = read(self.client.get(&about.jwks_uri)).await?;
        // A key of a kind that we do not know is left out, and the others count.
        let keys = keys.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
        let published = Published { about, keys, at: now };
        *kept = Some(published.clone());
        Ok(published)
    }
}

/// Sends a request and reads its JSON answer, within bounds.
async fn read<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T> {
    let told = |error: reqwest::Error| OpenIdError::Provider(error.without_url().to_string());
    let mut response = request.header("accept", "application/json").send().await.map_err(told)?;
    if !response.status().is_success() {
        return Err(OpenIdError::Provider(format!("it answered {}", response.status())));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(told)? {
        if body.len() + chunk.len() > ANSWER {
            return Err(OpenIdError::Provider("its answer does not end".to_string()));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|error| OpenIdError::Provider(format!("its answer cannot be read: {error}")))
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

/// The JSON of one part of a token.
fn part<T: DeserializeOwned>(token: &str, at: usize) -> Result<T> {
    let text = token.split('.').nth(at).and_then(bytes).ok_or(OpenIdError::Token("it is not one"))?;
    serde_json::from_slice(&text).map_err(|_| OpenIdError::Token("it lacks what an ID token has"))
}

/// Whom an ID token names, if it is to be believed (`OpenID` Connect Core 1.0, section 3.1.3.7). `now` is in seconds.
pub fn verify_token(token: &str, keys: &[Jwk], settings: &OpenId, nonce: &str, now: i64) -> Result<Identity> {
    let header: Header = part(token, 0)?;
    let (signed, proof) = token.rsplit_once('.').ok_or(OpenIdError::Token("it is not one"))?;
    if signed.split('.').count() != 2 {
        return Err(OpenIdError::Token("it is not one"));
    }
    let proof = bytes(proof).ok_or(OpenIdError::Token("it is not one"))?;
    let mut fitting = keys
        .iter()
        .filter(|key| key.purpose.as_deref().is_none_or(|purpose| purpose == "sig"))
        .filter(|key| header.kid.is_none() || key.kid.is_none() || key.kid == header.kid);
    if !fitting.any(|key| key.signed(&header.alg, signed.as_bytes(), &proof)) {
        return Err(OpenIdError::Token("no key of the provider has signed it"));
    }
    let claims: Claims = part(token, 1)?;
    if claims.iss.trim_end_matches('/') != settings.issuer {
        return Err(OpenIdError::Token("another provider made it"));
    }
    let ours = |audience: &str| audience == settings.client_id;
    let for_us = match &claims.aud {
        Audience::One(audience) => ours(audience),
        Audience::Several(all) => all.iter().any(|one| ours(one)) && (all.len() == 1 || claims.azp.as_deref().is_some_and(ours)),
    };
    if !for_us || claims.azp.as_deref().is_some_and(|azp| !ours(azp)) {
        return Err(OpenIdError::Token("it was made for another"));
    }
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
    let (now, skew) = (now as f64, SKEW as f64);
    // Written so that what is no number is no.
    if !(claims.exp > now - skew && claims.iat <= now + skew) {
        return Err(OpenIdError::Token("it is over, or not yet"));
    }
    if !bool::from(claims.nonce.as_bytes().ct_eq(nonce.as_bytes())) {
        return Err(OpenIdError::Token("it was made for another sign-in"));
    }
    if claims.sub.is_empty() || claims.sub.len() > 255 {
        return Err(OpenIdError::Token("it names nobody"));
    }
    let verified = match &claims.email_verified {
        Verified::Plain(verified) => *verified,
        Verified::Text(text) => text == "true",
        Verified::Unsaid => false,
    };
    let email = claims.email.filter(|_| verified).and_then(|address| email(&address));
    Ok(Identity { subject: format!("{} {}", settings.issuer, claims.sub), email })
}

impl Jwk {
    /// Whether this key made this signature. The algorithm must fit the key's kind; `none` and shared secrets never do.
    fn signed(&self, algorithm: &str, text: &[u8], proof: &[u8]) -> bool {
        let rsa = match algorithm {
            "RS256" => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
            "RS384" => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
            "RS512" => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
            "PS256" => Some(&signature::RSA_PSS_2048_8192_SHA256),
            "PS384" => Some(&signature::RSA_PSS_2048_8192_SHA384),
            "PS512" => Some(&signature::RSA_PSS_2048_8192_SHA512),
            _ => None,
        };
        match (self.kty.as_str(), rsa, algorithm, self.crv.as_str()) {
            ("RSA", Some(how), ..) => {
                let (Some(n), Some(e)) = (bytes(&self.n), bytes(&self.e)) else { return false };
                RsaPublicKeyComponents { n: &n, e: &e }.verify(how, text, proof).is_ok()
            }
            ("EC", None, "ES256", "P-256") => self.on_curve(&signature::ECDSA_P256_SHA256_FIXED, 32, text, proof),
            ("EC", None, "ES384", "P-384") => self.on_curve(&signature::ECDSA_P384_SHA384_FIXED, 48, text, proof),
            ("OKP", None, "EdDSA", "Ed25519") => {
                bytes(&self.x).is_some_and(|x| UnparsedPublicKey::new(&signature::ED25519, x).verify(text, proof).is_ok())
            }
            _ => false,
        }
    }

    fn on_curve(&self, how: &'static dyn signature::VerificationAlgorithm, size: usize, text: &[u8], proof: &[u8]) -> bool {
        let (Some(x), Some(y)) = (bytes(&self.x), bytes(&self.y)) else { return false };
        if x.len() > size || y.len() > size {
            return false;
        }
        // An uncompressed point: some providers leave leading zeros out.
        let mut point = vec![0; 1 + 2 * size];
        point[0] = 4;
        point[1 + size - x.len()..=size].copy_from_slice(&x);
        point[1 + 2 * size - y.len()..].copy_from_slice(&y);
        UnparsedPublicKey::new(how, point).verify(text, proof).is_ok()
    }
}

#[cfg(test)]
mod tests;
