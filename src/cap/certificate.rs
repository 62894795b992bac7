//! A partner's certificate, as far as pinning needs it: its key, its days, its name.
//!
//! What enters is PEM (RFC 7468) or DER (RFC 5280); what leaves is an RSA key and the time it may be used in. What can go wrong: it
//! is no certificate, its key is not RSA, or is too short. Whose it is, is not asked of anybody: the office was given it, and that
//! is why it is trusted.

use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use sha2::{Digest as _, Sha256};
use x509_cert::der::{Decode as _, Reader as _, SliceReader, asn1::UintRef, oid::ObjectIdentifier};

use crate::{phrase, words::Phrase};

/// `rsaEncryption` (RFC 8017, appendix C).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// Bits of the shortest key that is taken.
pub(super) const MIN_BITS: usize = 2_048;
/// Bits of the longest: what the library can check.
const MAX_BITS: usize = 8_192;

/// A certificate with an RSA key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    /// PKCS#1 (RFC 8017, appendix A.1.1).
    key: Vec<u8>,
    subject: String,
    from: i64,
    until: i64,
}

/// Why a certificate cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not PEM, or not a certificate.
    #[error("it is no certificate")]
    Unreadable,
    /// More than one stands in the file.
    #[error("there is more than one certificate")]
    Several,
    /// Its key is of another kind.
    #[error("its key is not RSA")]
    NotRsa,
    /// Its key has this many bits.
    #[error("its key has {0} bits")]
    KeySize(usize),
}

impl CertificateError {
    /// For a person, with what would be right.
    pub fn words(self) -> Phrase {
        match self {
            Self::Unreadable => phrase!(
                "không phải chứng thư số: cần tệp PEM bắt đầu bằng `-----BEGIN CERTIFICATE-----`",
                "it is no certificate: a PEM file is wanted that begins with `-----BEGIN CERTIFICATE-----`"
            ),
            Self::Several => phrase!(
                "có nhiều chứng thư số trong tệp: chỉ để lại chứng thư của người ký",
                "there are several certificates in the file: leave only the signer's"
            ),
            Self::NotRsa => phrase!("khóa của chứng thư không phải RSA", "the certificate's key is not RSA"),
            Self::KeySize(bits) => phrase!(
                "khóa của chứng thư dài {bits} bit: cần từ {MIN_BITS} đến {MAX_BITS}",
                "the certificate's key has {bits} bits: {MIN_BITS} to {MAX_BITS} are wanted"
            ),
        }
    }
}

impl Certificate {
    /// The one certificate of a PEM file.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        let mut all = CertificateDer::pem_slice_iter(pem);
        let first = all.next().and_then(Result::ok).ok_or(CertificateError::Unreadable)?;
        if all.next().is_some() {
            return Err(CertificateError::Several);
        }
        Self::from_der(&first)
    }

    /// A certificate in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let read = x509_cert::Certificate::from_der(der).map_err(|_| CertificateError::Unreadable)?;
        let body = read.tbs_certificate();
        let public = body.subject_public_key_info();
        if public.algorithm.oid != RSA {
            return Err(CertificateError::NotRsa);
        }
        let key = public.subject_public_key.as_bytes().ok_or(CertificateError::Unreadable)?;
        let bits = bits(key).ok_or(CertificateError::Unreadable)?;
        if !(MIN_BITS..=MAX_BITS).contains(&bits) {
            return Err(CertificateError::KeySize(bits));
        }
        let seconds = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
        Ok(Self {
            der: der.to_vec(),
            key: key.to_vec(),
            subject: body.subject().to_string(),
            from: seconds(body.validity().not_before),
            until: seconds(body.validity().not_after),
        })
    }

    /// The certificate itself.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its RSA key, in PKCS#1.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Whose it is, as it says itself (RFC 4514).
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The first second of its use (unix seconds).
    pub const fn from(&self) -> i64 {
        self.from
    }

    /// The last second of its use (unix seconds).
    pub const fn until(&self) -> i64 {
        self.until
    }

    /// Its SHA-256 in hexadecimal: what two people compare on the telephone.
    pub fn fingerprint(&self) -> String {
        use std::fmt::Write as _;
        Sha256::digest(&self.der).iter().fold(String::with_capacity(64), |mut out, byte| {
            // Writing into a String cannot fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
    }
}

/// Bits of an RSA key's modulus.
fn bits(key: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(key).ok()?;
    let modulus = reader.sequence(|inner| {
        let modulus = UintRef::decode(inner)?;
        UintRef::decode(inner)?;
        Ok::<_, x509_cert::der::Error>(modulus.as_bytes())
    });
    let modulus = modulus.ok()?;
    let first = modulus.first()?;
    Some(modulus.len() * 8 - usize::try_from(first.leading_zeros()).ok()?)
}
