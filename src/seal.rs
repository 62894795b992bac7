//! Personal data at rest: addresses are sealed, and found again by a keyed hash.
//!
//! What enters is a plain address; what leaves is sealed bytes for the row and a 64-bit number for look-ups. What can
//! go wrong is a key that does not fit: then nothing opens, and [`SealError`] says so without showing anything.
//!
//! Two roots, because they live for different times (docs/decisions/0003-two-roots-of-keys.md). The *key ring* of loa.toml seals and
//! can be rotated: the current key seals, the earlier ones still open. The *root* keys hashes, references, callback
//! secrets and unsubscribe tokens, which are out in the world and in indexes and must outlive a rotation; it lies in the
//! database, sealed by the ring (`audience::key`).

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};
use hmac::{Hmac, Mac as _};
use rand::RngCore as _;
use secrecy::ExposeSecret as _;
use sha2::Sha256;

use crate::config::SecretKey;

type Keyed = Hmac<Sha256>;

/// Bytes before the ciphertext: the key's id and the nonce.
const HEAD: usize = 1 + NONCE;
/// Bytes of a nonce (RFC 8439, section 2.8).
const NONCE: usize = 12;

/// What people wrote, among the kinds of what is sealed: 0 is the root, the others are those of [`Kind`].
const TEXT: u8 = 4;
/// What gateways gave us to sign in with.
const TOKEN: u8 = 5;

/// What an address is. Kinds are different domains: the same text never seals or hashes alike in two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A phone number in E.164.
    Phone = 1,
    /// A mail address, its host in lower case.
    Email = 2,
    /// A chat service's user id.
    Chat = 3,
}

impl Kind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 3] = [Self::Phone, Self::Email, Self::Chat];

    /// What a channel's addresses are.
    pub const fn of(channel: providers::Channel) -> Self {
        match channel {
            providers::Channel::Sms => Self::Phone,
            providers::Channel::Email => Self::Email,
            providers::Channel::Chat => Self::Chat,
        }
    }

    const fn domain(self) -> &'static str {
        match self {
            Self::Phone => "hash/phone",
            Self::Email => "hash/email",
            Self::Chat => "hash/chat",
        }
    }
}

/// Why sealed bytes did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No key of the ring fits, or the bytes were changed, or they belong to another kind.
    #[error("this was sealed with another key, or it was changed: check [server] key and previous_keys")]
    NoKeyFits,
    /// Too short to have been sealed, or not text within.
    #[error("these bytes were never sealed")]
    Malformed,
}

/// Fills a buffer with random bytes; callable from any thread.
pub type Randomness = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// Seals, opens, hashes and signs. Cheap to clone.
#[derive(Clone)]
pub struct Seal {
    /// The current key first.
    ring: Arc<Vec<RingKey>>,
    root: Arc<Root>,
    randomness: Randomness,
    /// Addresses that were opened; shared by all clones.
    opened: Arc<AtomicU64>,
}

struct RingKey {
    id: u8,
    cipher: ChaCha20Poly1305,
}

struct Root {
    bytes: secrecy::SecretBox<[u8; 32]>,
    hashes: [Keyed; 3],
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({} keys)", self.ring.len())
    }
}

/// Bytes as hexadecimal text: what `:rows` reads, and what key files and hashes show.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// HMAC-SHA256 keyed with 32 bytes.
fn keyed(key: &[u8; 32]) -> Keyed {
    // A block takes any key up to its 64 bytes as it is (RFC 2104), so padding by hand needs no fallible constructor.
    let mut block = [0_u8; 64];
    block[..32].copy_from_slice(key);
    Keyed::new(&block.into())
}

/// One sub-key a purpose: HMAC-SHA256 as the key derivation function.
fn derive(key: &[u8; 32], purpose: &str) -> [u8; 32] {
    let mut mac = keyed(key);
    mac.update(b"loa/1/");
    mac.update(purpose.as_bytes());
    mac.finalize().into_bytes().into()
}

impl Root {
    fn new(bytes: [u8; 32]) -> Self {
        let hashes = Kind::ALL.map(|kind| keyed(&derive(&bytes, kind.domain())));
        Self { bytes: secrecy::SecretBox::new(Box::new(bytes)), hashes }
    }
}

impl Seal {
    /// A ring of keys; the root is derived from the current one.
    ///
    /// That is right where no database is at hand (tests, tools). A process with a database takes the root that the
    /// database keeps: [`Seal::with_root`], by `audience::key::load`.
    pub fn new(current: &SecretKey, previous: &[SecretKey]) -> Self {
        let ring = std::iter::once(current)
            .chain(previous)
            .map(|key| {
                let key = key.0.expose_secret();
                RingKey { id: derive(key, "key-id")[0], cipher: ChaCha20Poly1305::new(&derive(key, "seal").into()) }
            })
            .collect();
        Self {
            ring: Arc::new(ring),
            root: Arc::new(Root::new(derive(current.0.expose_secret(), "root"))),
            randomness: Arc::new(|buffer| rand::rng().fill_bytes(buffer)),
            opened: Arc::default(),
        }
    }

    /// The same with another source of randomness, for tests that need equal bytes.
    #[must_use]
    pub fn with_randomness(mut self, randomness: Randomness) -> Self {
        self.randomness = randomness;
        self
    }

    /// The same with a fresh random root: for a database that has none yet.
    #[must_use]
    pub fn with_new_root(mut self) -> Self {
        let mut bytes = [0; 32];
        (self.randomness)(&mut bytes);
        self.root = Arc::new(Root::new(bytes));
        self
    }

    /// The same with the root that [`Seal::sealed_root`] gave earlier.
    pub fn with_root(mut self, sealed: &[u8]) -> Result<Self, SealError> {
        let bytes: [u8; 32] = self.unseal(0, sealed)?.try_into().map_err(|_| SealError::Malformed)?;
        self.root = Arc::new(Root::new(bytes));
        Ok(self)
    }

    /// The root, sealed by the current key.
    pub fn sealed_root(&self) -> Vec<u8> {
        self.enclose(0, self.root.bytes.expose_secret())
    }

    /// Seals an address: the key's id, a random nonce, ciphertext and tag; 29 bytes longer than the text. The kind is
    /// bound to it: sealed as a phone, it does not open as anything else.
    pub fn seal(&self, kind: Kind, plain: &str) -> Vec<u8> {
        self.enclose(kind as u8, plain.as_bytes())
    }

    /// Opens what any key of the ring sealed.
    pub fn open(&self, kind: Kind, sealed: &[u8]) -> Result<String, SealError> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        String::from_utf8(self.unseal(kind as u8, sealed)?).map_err(|_| SealError::Malformed)
    }

    /// How many addresses were opened in this process: a page or program that opens more than it shows is found by it.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Seals what a person wrote. It is no address: it neither opens nor hashes as one.
    pub fn seal_text(&self, plain: &str) -> Vec<u8> {
        self.enclose(TEXT, plain.as_bytes())
    }

    /// Opens what [`Seal::seal_text`] sealed.
    pub fn open_text(&self, sealed: &[u8]) -> Result<String, SealError> {
        String::from_utf8(self.unseal(TEXT, sealed)?).map_err(|_| SealError::Malformed)
    }

    /// Seals a gateway's token.
    pub fn seal_token(&self, plain: &str) -> Vec<u8> {
        self.enclose(TOKEN, plain.as_bytes())
    }

    /// Opens what [`Seal::seal_token`] sealed.
    pub fn open_token(&self, sealed: &[u8]) -> Result<String, SealError> {
        String::from_utf8(self.unseal(TOKEN, sealed)?).map_err(|_| SealError::Malformed)
    }

    /// Whether the current key sealed this; if not, rotation has still to seal it anew.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        // Ids are one byte: an earlier key may share it, so the answer is certain only where the current key opens it.
        sealed.first() == self.ring.first().map(|key| &key.id)
            && (0..=TOKEN).any(|kind| self.ring.first().is_some_and(|key| decrypt(key, kind, sealed).is_some()))
    }

    /// The number by which an address is found without being opened: the first eight bytes of a keyed hash. Stable over
    /// a rotation. The caller has normalised the address.
    pub fn hash(&self, kind: Kind, plain: &str) -> i64 {
        let mut mac = self.root.hashes[kind as usize - 1].clone();
        mac.update(plain.as_bytes());
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        i64::from_be_bytes(first)
    }

    /// Signs bytes for a purpose (references, callback secrets, unsubscribe tokens): purposes never share a signature.
    /// Stable over a rotation. Compare in constant time.
    pub fn mac(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        let mut mac = keyed(&derive(self.root.bytes.expose_secret(), &format!("mac/{purpose}")));
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }

    /// Random bytes: what cookies, links and codes are made of.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.randomness)(&mut bytes);
        bytes
    }

    fn enclose(&self, kind: u8, plain: &[u8]) -> Vec<u8> {
        // `new` puts the current key first, so there always is one; encryption fails only beyond 256 GiB.
        let Some(key) = self.ring.first() else { return Vec::new() };
        let mut nonce = [0; NONCE];
        (self.randomness)(&mut nonce);
        let mut out = Vec::with_capacity(HEAD + plain.len() + 16);
        out.push(key.id);
        out.extend_from_slice(&nonce);
        let body = key.cipher.encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: &[kind] }).unwrap_or_default();
        out.extend_from_slice(&body);
        out
    }

    fn unseal(&self, kind: u8, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        if sealed.len() < HEAD + 16 {
            return Err(SealError::Malformed);
        }
        self.ring.iter().filter(|key| key.id == sealed[0]).find_map(|key| decrypt(key, kind, sealed)).ok_or(SealError::NoKeyFits)
    }
}

fn decrypt(key: &RingKey, kind: u8, sealed: &[u8]) -> Option<Vec<u8>> {
    let nonce: [u8; NONCE] = sealed.get(1..HEAD)?.try_into().ok()?;
    key.cipher.decrypt(&Nonce::from(nonce), Payload { msg: &sealed[HEAD..], aad: &[kind] }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(byte: u8) -> SecretKey {
        SecretKey(Arc::new(secrecy::SecretBox::new(Box::new([byte; 32]))))
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_under_its_kind_alone(plain in ".{0,80}") {
            let seal = Seal::new(&key(1), &[]);
            for kind in Kind::ALL {
                let sealed = seal.seal(kind, &plain);
                prop_assert_eq!(seal.open(kind, &sealed), Ok(plain.clone()));
                for other in Kind::ALL.into_iter().filter(|other| *other != kind) {
                    prop_assert_eq!(seal.open(other, &sealed), Err(SealError::NoKeyFits));
                    prop_assert_ne!(seal.hash(kind, &plain), seal.hash(other, &plain));
                }
            }
        }

        #[test]
        fn any_changed_byte_is_noticed(at in 0_usize..41, bit in 0_u8..8) {
            let seal = Seal::new(&key(1), &[]);
            let mut sealed = seal.seal(Kind::Phone, "+84901234567");
            prop_assert_eq!(sealed.len(), 41);
            sealed[at] ^= 1 << bit;
            prop_assert_eq!(seal.open(Kind::Phone, &sealed), Err(SealError::NoKeyFits));
        }
    }

    #[test]
    fn the_same_address_is_sealed_differently_each_time_and_hashed_alike() {
        let seal = Seal::new(&key(1), &[]);
        assert_ne!(seal.seal(Kind::Phone, "+84901234567"), seal.seal(Kind::Phone, "+84901234567"));
        assert_eq!(seal.hash(Kind::Phone, "+84901234567"), seal.clone().hash(Kind::Phone, "+84901234567"));
        assert_ne!(seal.hash(Kind::Phone, "+84901234567"), Seal::new(&key(2), &[]).hash(Kind::Phone, "+84901234567"));
    }

    #[test]
    fn after_a_rotation_old_rows_open_and_hashes_and_signatures_stay() {
        let before = Seal::new(&key(1), &[]).with_new_root();
        let sealed = before.seal(Kind::Email, "an@example.vn");
        let root = before.sealed_root();

        let after = Seal::new(&key(2), &[key(1)]).with_root(&root).unwrap();
        assert_eq!(after.open(Kind::Email, &sealed).as_deref(), Ok("an@example.vn"));
        assert!(before.is_current(&sealed) && !after.is_current(&sealed));
        assert_eq!(after.hash(Kind::Email, "an@example.vn"), before.hash(Kind::Email, "an@example.vn"));
        assert_eq!(after.mac("reference", b"1"), before.mac("reference", b"1"));
        assert_ne!(after.mac("reference", b"1"), after.mac("unsubscribe", b"1"));

        let resealed = after.seal(Kind::Email, "an@example.vn");
        let alone = Seal::new(&key(2), &[]);
        assert_eq!(alone.open(Kind::Email, &resealed).as_deref(), Ok("an@example.vn"));
        assert_eq!(alone.open(Kind::Email, &sealed), Err(SealError::NoKeyFits));
        assert_eq!(alone.with_root(&root).err(), Some(SealError::NoKeyFits));
    }

    #[test]
    fn what_is_too_short_was_never_sealed_and_nothing_is_shown() {
        let seal = Seal::new(&key(1), &[key(2)]);
        assert_eq!(seal.open(Kind::Chat, b"short"), Err(SealError::Malformed));
        assert_eq!(format!("{seal:?}"), "Seal(2 keys)");
    }
}
