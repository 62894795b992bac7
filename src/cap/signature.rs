//! A document's signature: enveloped XML-DSig by RSA-SHA256 (W3C, XML Signature 1.1), as CAP 1.2 has it in section 3.3.4.1.
//!
//! What enters is a document, and the key to sign it with or the certificates that are pinned for its partner; what leaves is the
//! signed document, or the [`Verified`] alert. What can go wrong is a [`SignatureError`], and then nothing of the document is used.
//!
//! A signature covers less than a careless reader believes, which is what signature wrapping lives on. Here there is nothing to wrap:
//! exactly one signature is allowed, it is the last child of the alert, its one reference is the whole document (`URI=""`), its
//! transforms are *enveloped* and a canonical form and nothing else, and the alert is read anew from the very bytes that were digested.
//! The key is a pinned certificate's: `KeyInfo` is for people, and is not even looked at.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ring::{
    rand::SystemRandom,
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey},
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};
use sha2::{Digest as _, Sha256};

use super::{
    Alert, Certificate,
    canonical::{Method, canonical},
    read::{SIGNATURES, read, tree},
    xml::{self, Element},
};
use crate::{document::Problems, phrase, words::Phrase};

/// The enveloped transform.
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// Exclusive C14N 1.0.
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// C14N 1.0.
const INCLUSIVE: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
/// Prefixes that a signature may list as inclusive.
const MAX_PREFIXES: usize = 16;

/// A key to sign with.
pub struct Key(RsaKeyPair);

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no RSA key of 2048 to 4096 bits in PEM (PKCS#8 or PKCS#1, without a password)")]
pub struct KeyError;

impl KeyError {
    /// For a person, with what would be right.
    pub fn words(self) -> Phrase {
        phrase!(
            "không phải khóa RSA 2048 đến 4096 bit ở dạng PEM (PKCS#8 hoặc PKCS#1, không có mật khẩu)",
            "it is no RSA key of 2048 to 4096 bits in PEM (PKCS#8 or PKCS#1, without a password)"
        )
    }
}

impl Key {
    /// The private key of a PEM file.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let pair = match PrivateKeyDer::from_pem_slice(pem).map_err(|_| KeyError)? {
            PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            _ => return Err(KeyError),
        };
        pair.map(Self).map_err(|_| KeyError)
    }

    /// Whether it is the key of this certificate.
    pub fn fits(&self, certificate: &Certificate) -> bool {
        self.0.public_key().as_ref() == certificate.key()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// What a signature vouches for.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// The alert, read from [`Self::document`].
    pub alert: Alert,
    /// The bytes that were digested: canonical, without the signature.
    pub document: String,
    /// Which of the pinned certificates it was.
    pub signer: usize,
}

/// Why a document is not signed, or its signature not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The document itself is refused.
    #[error("the document is refused: {0}")]
    Document(Problems),
    /// It has none.
    #[error("there is no signature")]
    Missing,
    /// It has this many.
    #[error("there are {0} signatures")]
    Several(usize),
    /// It stands elsewhere than at the end of the alert.
    #[error("the signature is not the last element of the alert")]
    Place,
    /// This part of it is not as the standard has it.
    #[error("the signature's {0} is wrong")]
    Shape(&'static str),
    /// A method that is not allowed.
    #[error("the signature's {part} is by a method that is not allowed: {method}")]
    Method {
        /// Where it stands.
        part: &'static str,
        /// Its name.
        method: String,
    },
    /// It refers to another thing than the whole document.
    #[error("the signature does not refer to the whole document")]
    Reference,
    /// The document was changed after it was signed.
    #[error("the document was changed after it was signed")]
    Digest,
    /// None of the pinned certificates' keys made it.
    #[error("none of the pinned certificates signed it")]
    Stranger,
    /// A pinned certificate made it, but is not valid yet, or no longer: first and last second (unix).
    #[error("the signer's certificate is not valid now")]
    Validity {
        /// The first second.
        from: i64,
        /// The last second.
        until: i64,
    },
    /// Key and certificate do not belong together.
    #[error("the key is not the certificate's")]
    Mismatch,
    /// The key did not sign.
    #[error("the key cannot sign")]
    Unsigned,
}

impl SignatureError {
    /// For a person.
    pub fn words(&self) -> Phrase {
        match self {
            Self::Document(problems) => match problems.0.first() {
                Some(problem) => {
                    let (line, column) = (problem.line, problem.column);
                    let place = phrase!("dòng {line}, cột {column}", "line {line}, column {column}");
                    Phrase {
                        vi: format!("văn bản bị từ chối: {}: {}", place.vi, problem.message.vi),
                        en: format!("the document is refused: {}: {}", place.en, problem.message.en),
                    }
                }
                None => phrase!("văn bản bị từ chối", "the document is refused"),
            },
            Self::Missing => phrase!("văn bản không có chữ ký", "the document has no signature"),
            Self::Several(count) => {
                phrase!("văn bản có {count} chữ ký, chỉ nhận một", "the document has {count} signatures, one is taken")
            }
            Self::Place => {
                phrase!("chữ ký không nằm cuối phần tử `alert`", "the signature is not the last element of `alert`")
            }
            Self::Shape(part) => phrase!("`{part}` của chữ ký sai", "the signature's `{part}` is wrong"),
            Self::Method { part, method } => phrase!(
                "`{part}` của chữ ký dùng thuật toán không được nhận: {method}",
                "the signature's `{part}` is by a method that is not allowed: {method}"
            ),
            Self::Reference => phrase!(
                "chữ ký không bao trùm toàn bộ văn bản: cần `URI=\"\"`",
                "the signature does not cover the whole document: `URI=\"\"` is wanted"
            ),
            Self::Digest => phrase!("văn bản đã bị sửa sau khi ký", "the document was changed after it was signed"),
            Self::Stranger => phrase!(
                "không chứng thư số nào đã đăng ký của đối tác tạo ra chữ ký này",
                "none of the partner's pinned certificates made this signature"
            ),
            Self::Validity { from, until } => {
                let day = |at: i64| chrono::DateTime::from_timestamp(at, 0).unwrap_or_default().format("%Y-%m-%d");
                let (from, until) = (day(*from), day(*until));
                phrase!(
                    "chứng thư số của người ký chỉ có giá trị từ {from} đến {until}",
                    "the signer's certificate is valid from {from} to {until} only"
                )
            }
            Self::Mismatch => phrase!("khóa và chứng thư số không đi cùng nhau", "key and certificate do not belong together"),
            Self::Unsigned => phrase!("không ký được bằng khóa này", "this key cannot sign"),
        }
    }
}

/// Signs a document. The signature stands where CAP's schema allows it: at the end of the alert.
pub fn sign(document: &str, key: &Key, certificate: &Certificate) -> Result<String, SignatureError> {
    let root = root(document)?;
    tree(&root).map_err(|faults| SignatureError::Document(xml::problems("", document, faults)))?;
    match signatures(&root) {
        0 => {}
        count => return Err(SignatureError::Several(count)),
    }
    if !key.fits(certificate) {
        return Err(SignatureError::Mismatch);
    }
    let method = Method::Exclusive(Vec::new());
    let digest = BASE64.encode(Sha256::digest(canonical(&root, &[], &method, |_| false)));
    let certificate = BASE64.encode(certificate.der());
    let (before, after) = document.split_at(root.end.start);
    let with = |value: &str| {
        format!(
            "{before}<Signature xmlns=\"{SIGNATURES}\"><SignedInfo><CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\"/>\
             <SignatureMethod Algorithm=\"{RSA_SHA256}\"/><Reference URI=\"\"><Transforms><Transform Algorithm=\"{ENVELOPED}\"/>\
             <Transform Algorithm=\"{EXCLUSIVE}\"/></Transforms><DigestMethod Algorithm=\"{SHA256}\"/>\
             <DigestValue>{digest}</DigestValue></Reference></SignedInfo><SignatureValue>{value}</SignatureValue><KeyInfo><X509Data>\
             <X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo></Signature>{after}"
        )
    };
    // What is signed is SignedInfo as it will stand in the document.
    let unsigned = with("");
    let root = self::root(&unsigned)?;
    let signature = root.elements().last().ok_or(SignatureError::Unsigned)?;
    let info = signature.elements().next().ok_or(SignatureError::Unsigned)?;
    let info = canonical(info, &[&root, signature], &method, |_| false);
    let mut value = vec![0; key.0.public().modulus_len()];
    key.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), info.as_bytes(), &mut value).map_err(|_| SignatureError::Unsigned)?;
    Ok(with(&BASE64.encode(value)))
}

/// Checks a document's signature against the certificates that are pinned for its partner, at `now` (unix milliseconds).
pub fn verify(document: &[u8], pinned: &[Certificate], now: i64) -> Result<Verified, SignatureError> {
    let text = xml::decode(document).map_err(|fault| SignatureError::Document(xml::problems("", "", vec![fault])))?;
    let root = root(text)?;
    match signatures(&root) {
        0 => return Err(SignatureError::Missing),
        1 => {}
        count => return Err(SignatureError::Several(count)),
    }
    let signature = root.elements().last().filter(|last| is_signature(last)).ok_or(SignatureError::Place)?;
    let parts = Parts::of(signature)?;
    let subtree = canonical(&root, &[], &parts.transform, is_signature);
    if Sha256::digest(&subtree).as_slice() != parts.digest {
        return Err(SignatureError::Digest);
    }
    let info = canonical(parts.info, &[&root, signature], &parts.method, |_| false);
    let made = |certificate: &Certificate| {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, certificate.key());
        key.verify(info.as_bytes(), &parts.value).is_ok()
    };
    let seconds = now.div_euclid(1_000);
    let valid = |one: &Certificate| (one.from()..=one.until()).contains(&seconds);
    let signers: Vec<usize> = (0..pinned.len()).filter(|index| made(&pinned[*index])).collect();
    // A renewed certificate may have the same key.
    let Some(signer) = signers.iter().copied().find(|index| valid(&pinned[*index])) else {
        return Err(signers.last().map_or(SignatureError::Stranger, |index| SignatureError::Validity {
            from: pinned[*index].from(),
            until: pinned[*index].until(),
        }));
    };
    let alert = read("", subtree.as_bytes()).map_err(SignatureError::Document)?;
    Ok(Verified { alert, document: subtree, signer })
}

fn root(text: &str) -> Result<Element, SignatureError> {
    xml::parse(text).map_err(|fault| SignatureError::Document(xml::problems("", text, vec![fault])))
}

fn is_signature(element: &Element) -> bool {
    element.name.is(SIGNATURES, "Signature")
}

/// Signatures anywhere in an element: one that is hidden within another counts.
fn signatures(element: &Element) -> usize {
    usize::from(is_signature(element)) + element.elements().map(signatures).sum::<usize>()
}

/// What a signature says of itself.
struct Parts<'e> {
    info: &'e Element,
    /// The canonical form of `info`.
    method: Method,
    /// The canonical form of the document.
    transform: Method,
    digest: Vec<u8>,
    value: Vec<u8>,
}

impl<'e> Parts<'e> {
    /// Reads it, and refuses whatever it has no need of.
    fn of(signature: &'e Element) -> Result<Self, SignatureError> {
        plain(signature, "Signature", &["Id"])?;
        let children: Vec<&Element> = signature.elements().collect();
        let (info, value) = match children.as_slice() {
            [info, value] => (*info, *value),
            [info, value, key] if key.name.is(SIGNATURES, "KeyInfo") => (*info, *value),
            _ => return Err(SignatureError::Shape("Signature")),
        };
        plain(info, "SignedInfo", &["Id"])?;
        let (canonicalization, signing, reference) = three(info, "SignedInfo")?;
        let method = method(canonicalization, "CanonicalizationMethod")?;
        algorithm(signing, "SignatureMethod", RSA_SHA256)?;
        plain(reference, "Reference", &["Id", "Type", "URI"])?;
        if reference.attribute("URI") != Some("") {
            return Err(SignatureError::Reference);
        }
        let (transforms, digesting, digest) = three(reference, "Reference")?;
        plain(transforms, "Transforms", &[])?;
        let transforms: Vec<&Element> = transforms.elements().collect();
        let transform = match transforms.as_slice() {
            [enveloped] => {
                algorithm(enveloped, "Transform", ENVELOPED)?;
                // What is left is nodes, and these become bytes by the inclusive method (XML Signature, section 4.4.3.2).
                Method::Inclusive
            }
            [enveloped, canonical] => {
                algorithm(enveloped, "Transform", ENVELOPED)?;
                self::method(canonical, "Transform")?
            }
            _ => return Err(SignatureError::Shape("Transforms")),
        };
        algorithm(digesting, "DigestMethod", SHA256)?;
        Ok(Self { info, method, transform, digest: bytes(digest, "DigestValue")?, value: bytes(value, "SignatureValue")? })
    }
}

/// An element of that name with no other attributes than these, and no text between its elements.
fn plain(element: &Element, name: &'static str, attributes: &[&str]) -> Result<(), SignatureError> {
    let known = |(of, _): &(xml::Name, String)| of.namespace.is_empty() && attributes.contains(&of.local.as_str());
    let fits = element.name.is(SIGNATURES, name) && element.attributes.iter().all(known) && !element.is_mixed();
    fits.then_some(()).ok_or(SignatureError::Shape(name))
}

fn three<'e>(element: &'e Element, name: &'static str) -> Result<(&'e Element, &'e Element, &'e Element), SignatureError> {
    let mut children = element.elements();
    match (children.next(), children.next(), children.next(), children.next()) {
        (Some(first), Some(second), Some(third), None) => Ok((first, second, third)),
        _ => Err(SignatureError::Shape(name)),
    }
}

/// An element that names this method, and holds nothing.
fn algorithm(element: &Element, name: &'static str, wanted: &str) -> Result<(), SignatureError> {
    plain(element, name, &["Algorithm"])?;
    let given = element.attribute("Algorithm").ok_or(SignatureError::Shape(name))?;
    if given != wanted {
        return Err(SignatureError::Method { part: name, method: given.chars().take(100).collect() });
    }
    if element.elements().next().is_some() {
        return Err(SignatureError::Shape(name));
    }
    Ok(())
}

/// An element that names a canonical form. Those that keep comments are refused: the comments would be signed, and not be read.
fn method(element: &Element, name: &'static str) -> Result<Method, SignatureError> {
    plain(element, name, &["Algorithm"])?;
    let mut children = element.elements();
    match (element.attribute("Algorithm"), children.next(), children.next()) {
        (Some(INCLUSIVE), None, None) => Ok(Method::Inclusive),
        (Some(EXCLUSIVE), None, None) => Ok(Method::Exclusive(Vec::new())),
        (Some(EXCLUSIVE), Some(listed), None) if listed.name.is(EXCLUSIVE, "InclusiveNamespaces") => {
            let prefixes: Vec<String> = listed
                .attribute("PrefixList")
                .filter(|_| listed.attributes.len() == 1 && listed.text() == Some(""))
                .ok_or(SignatureError::Shape("InclusiveNamespaces"))?
                .split_ascii_whitespace()
                .map(|prefix| if prefix == "#default" { String::new() } else { prefix.to_string() })
                .collect();
            let few = prefixes.len() <= MAX_PREFIXES;
            few.then_some(Method::Exclusive(prefixes)).ok_or(SignatureError::Shape("InclusiveNamespaces"))
        }
        (Some(INCLUSIVE | EXCLUSIVE) | None, _, _) => Err(SignatureError::Shape(name)),
        (Some(other), _, _) => Err(SignatureError::Method { part: name, method: other.chars().take(100).collect() }),
    }
}

/// An element's base 64, white space aside.
fn bytes(element: &Element, name: &'static str) -> Result<Vec<u8>, SignatureError> {
    plain_text(element, name)?;
    let text: String = element.text().unwrap_or_default().split_ascii_whitespace().collect();
    BASE64.decode(text).ok().filter(|bytes| !bytes.is_empty()).ok_or(SignatureError::Shape(name))
}

fn plain_text(element: &Element, name: &'static str) -> Result<(), SignatureError> {
    let known = element.attributes.iter().all(|(of, _)| name == "SignatureValue" && of.is("", "Id"));
    let fits = element.name.is(SIGNATURES, name) && known && element.text().is_some();
    fits.then_some(()).ok_or(SignatureError::Shape(name))
}
