//! Private keys: read once, from PEM or from the same in base64, with errors that say what is wrong with the file.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _};
use secrecy::{ExposeSecret as _, SecretString};

/// A key that signs for a domain, under a selector (RFC 6376, section 3.1).
#[derive(Clone)]
pub struct DkimKey {
    domain: String,
    selector: String,
    pair: Pair,
}

#[derive(Clone)]
enum Pair {
    Rsa(Arc<RsaKeyPair>),
    Ed25519(Arc<Ed25519KeyPair>),
}

/// Why a key cannot sign. Says nothing of the key itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// A domain that no name server could know.
    #[error("domain is no domain such as example.vn")]
    Domain,
    /// Not letters, digits, hyphens and dots.
    #[error("selector must be letters, digits, hyphens and dots, such as 2026a")]
    Selector,
    /// Neither PEM nor base64.
    #[error("key holds no private key: a PEM file begins with -----BEGIN PRIVATE KEY-----")]
    NoKey,
    /// The half that goes into the DNS.
    #[error("key holds the public key; the private one, which only this server knows, is what signs")]
    Public,
    /// Protected by a passphrase.
    #[error("key is protected by a passphrase: write it without one (openssl pkey -in OLD -out NEW), readable by Loa alone")]
    Encrypted,
    /// An elliptic curve other than Ed25519, or something else again.
    #[error("key is neither RSA nor Ed25519, the two that DKIM knows")]
    Kind,
    /// RSA below 2048 bits or above 4096.
    #[error("key is RSA of a length that is not used: 2048 to 4096 bits are (RFC 8301)")]
    Length,
    /// Damaged.
    #[error("key is damaged: it was not read as a private key")]
    Damaged,
}

impl DkimKey {
    /// Reads a private key: PKCS#8 or PKCS#1, as PEM or as its content in base64.
    pub fn new(domain: &str, selector: &str, key: &SecretString) -> Result<Self, KeyFault> {
        let domain = idna::domain_to_ascii(domain).ok().filter(|name| name.contains('.') && is_name(name));
        let domain = domain.ok_or(KeyFault::Domain)?;
        if !is_name(selector) {
            return Err(KeyFault::Selector);
        }
        let key = Self { domain, selector: selector.to_ascii_lowercase(), pair: pair(key.expose_secret())? };
        // A key whose halves do not fit signs nothing; better to know now.
        if key.sign(b"").is_none() { Err(KeyFault::Damaged) } else { Ok(key) }
    }

    /// The domain that it signs for, in ASCII.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Under which name its public half stands in the DNS.
    pub fn selector(&self) -> &str {
        &self.selector
    }

    /// The algorithm as signatures name it.
    pub const fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "rsa-sha256",
            Pair::Ed25519(_) => "ed25519-sha256",
        }
    }

    /// The name and the content of the DNS record (TXT) by which everybody can check its signatures.
    pub fn record(&self) -> (String, String) {
        let (kind, public) = match &self.pair {
            Pair::Rsa(pair) => ("rsa", subject_public_key_info(pair.public().as_ref())),
            Pair::Ed25519(pair) => ("ed25519", pair.public_key().as_ref().to_vec()),
        };
        let name = format!("{}._domainkey.{}", self.selector, self.domain);
        (name, format!("v=DKIM1; k={kind}; p={}", BASE64.encode(public)))
    }

    /// Whether receivers take its signature as that of the sender's domain (DMARC's relaxed alignment, RFC 7489, section
    /// 3.1.1): one of the two domains lies within the other.
    pub fn is_aligned_with(&self, sender: &str) -> bool {
        let within =
            |inner: &str, outer: &str| inner.strip_suffix(outer).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        within(sender, &self.domain) || within(&self.domain, sender)
    }

    /// Signs the canonical headers. None only where the key is broken in a way that reading it did not show.
    pub(super) fn sign(&self, headers: &[u8]) -> Option<Vec<u8>> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), headers, &mut signature).ok()?;
                Some(signature)
            }
            // RFC 8463, section 3: what is signed is the digest.
            Pair::Ed25519(pair) => Some(pair.sign(digest(&SHA256, headers).as_ref()).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for DkimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DkimKey({} {} {})", self.domain, self.selector, self.algorithm())
    }
}

/// Dot-separated labels of letters, digits and hyphens.
fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn pair(written: &str) -> Result<Pair, KeyFault> {
    // Where an environment variable holds it, line ends are often written out.
    let written = written.trim().replace("\\n", "\n");
    let key = if written.contains("-----BEGIN") {
        match PrivateKeyDer::from_pem_slice(written.as_bytes()) {
            Ok(key) => key,
            Err(_) if written.contains("PUBLIC KEY-----") => return Err(KeyFault::Public),
            Err(_) if written.contains("ENCRYPTED PRIVATE KEY-----") => return Err(KeyFault::Encrypted),
            Err(_) if written.contains("PRIVATE KEY-----") => return Err(KeyFault::Damaged),
            Err(_) => return Err(KeyFault::NoKey),
        }
    } else {
        let packed: String = written.split_whitespace().collect();
        PrivatePkcs8KeyDer::from(BASE64.decode(packed).map_err(|_| KeyFault::NoKey)?).into()
    };
    let pair = match &key {
        PrivateKeyDer::Pkcs1(der) => rsa(RsaKeyPair::from_der(der.secret_pkcs1_der()))?,
        PrivateKeyDer::Pkcs8(der) => {
            let der = der.secret_pkcs8_der();
            // OpenSSL writes Ed25519 keys without their public half, which the strict reader wants.
            match Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
                Ok(pair) => Pair::Ed25519(Arc::new(pair)),
                Err(_) => rsa(RsaKeyPair::from_pkcs8(der))?,
            }
        }
        _ => return Err(KeyFault::Kind),
    };
    Ok(pair)
}

fn rsa(read: Result<RsaKeyPair, ring::error::KeyRejected>) -> Result<Pair, KeyFault> {
    // ring tells its reasons apart by their words alone.
    read.map(|pair| Pair::Rsa(Arc::new(pair))).map_err(|rejected| match rejected.to_string().as_str() {
        "TooSmall" | "TooLarge" => KeyFault::Length,
        "WrongAlgorithm" => KeyFault::Kind,
        _ => KeyFault::Damaged,
    })
}

/// The DER form that the DNS record of an RSA key holds (RFC 5280, section 4.1.2.7; RFC 3279, section 2.3.1): the public key
/// within the name of its algorithm.
fn subject_public_key_info(public: &[u8]) -> Vec<u8> {
    const RSA_ENCRYPTION: [u8; 15] = [0x30, 13, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 0x05, 0];
    let mut bits = vec![0];
    bits.extend_from_slice(public);
    let mut content = RSA_ENCRYPTION.to_vec();
    content.extend(element(0x03, &bits));
    element(0x30, &content)
}

/// One DER element with its tag and length.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    let mut all = vec![tag];
    if content.len() >= 128 {
        // No key is longer than a length of eight bytes can say.
        all.push(0x80 | u8::try_from(length.len()).unwrap_or(8));
    }
    all.extend_from_slice(length);
    all.extend_from_slice(content);
    all
}
