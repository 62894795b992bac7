//! The second factor: codes of an authenticator (TOTP, RFC 6238), and recovery codes for when it is lost.
//!
//! SHA-1, six digits, thirty seconds: what every authenticator reads. A step counts once: a code that somebody looked at over a
//! shoulder is used up. Ten recovery codes, each good once, kept as hashes.

use ring::hmac;
use serde_json::json;

use super::{User, hash, session};
use crate::{
    audit::{self, Actor},
    db::{Db, DbError, Result, Sql, Tx, affected},
    on,
    seal::{Seal, SealError},
    transaction, within,
};

/// Seconds of a step.
const STEP: i64 = 30;
/// Steps before and after this one that count too: clocks of phones are a little off (RFC 6238, section 5.2).
const DRIFT: i64 = 1;
/// Recovery codes that are made at once.
const RECOVERY: usize = 10;
/// The letters of codes: none that are mistaken for another (Crockford's base32 in lower case).
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// An authenticator's key (RFC 4226, section 4: 160 bits).
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 20]);

impl Key {
    /// A new one.
    pub fn new(seal: &Seal) -> Self {
        Self(seal.random())
    }

    /// As people type it: base32 (RFC 4648).
    pub fn text(&self) -> String {
        base32(&self.0)
    }

    /// As it was typed or stored.
    pub fn read(text: &str) -> Option<Self> {
        unbase32(text)?.try_into().ok().map(Self)
    }

    /// What a QR code says to an authenticator.
    pub fn address(&self, issuer: &str, email: &str) -> String {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
        let issuer = encode(issuer);
        format!("otpauth://totp/{issuer}:{}?secret={}&issuer={issuer}", encode(email), self.text())
    }

    /// The code of a step (RFC 4226, section 5.3).
    pub fn code(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let mac = hmac::sign(&key, &step.to_be_bytes());
        let bytes = mac.as_ref();
        let at = usize::from(bytes.last().copied().unwrap_or_default() & 0xf);
        let number = bytes.iter().skip(at).take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }

    /// The step whose code this is, of those that count now and are later than `used`.
    pub fn step(&self, code: &str, used: i64, now: i64) -> Option<i64> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let this = step_of(now);
        (this - DRIFT..=this + DRIFT)
            .filter(|step| *step > used)
            .find(|step| subtle::ConstantTimeEq::ct_eq(self.code(*step).as_bytes(), code.as_bytes()).into())
    }
}

/// The step of a time (unix milliseconds).
pub const fn step_of(now: i64) -> i64 {
    now.div_euclid(1000 * STEP)
}

fn base32(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(5) {
        let mut block = [0; 8];
        block[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(block);
        for at in 0..(chunk.len() * 8).div_ceil(5) {
            let value = (bits >> (35 - 5 * at)) & 31;
            out.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::try_from(value).unwrap_or_default()]));
        }
    }
    out
}

fn unbase32(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut held, mut out) = (0_u32, 0, Vec::new());
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        let value = match c.to_ascii_uppercase() {
            c @ 'A'..='Z' => c as u32 - 'A' as u32,
            c @ '2'..='7' => c as u32 - '2' as u32 + 26,
            _ => return None,
        };
        bits = (bits << 5 | value) & 0xfff;
        held += 5;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).unwrap_or_default());
        }
    }
    Some(out)
}

/// New recovery codes, as they are shown once: `7k2p-9xq4`.
fn recovery_codes(seal: &Seal) -> Vec<String> {
    (0..RECOVERY)
        .map(|_| {
            let letters: String = seal.random::<8>().iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
            format!("{}-{}", &letters[..4], &letters[4..])
        })
        .collect()
}

/// What is kept of a recovery code. It has 40 bits alone, so the user's number and a key of ours go in: who has the table without
/// the key cannot try them all.
fn recovery_hash(seal: &Seal, user: i64, code: &str) -> [u8; 32] {
    let plain: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            c => c,
        })
        .collect();
    seal.mac("recovery", format!("{user}/{}", crate::seal::hex(&hash(&plain))).as_bytes())
}

static KEPT: Sql = Sql::new(r"SELECT u.totp, u.totp_step FROM console_user u WHERE u.id = $1 :lock(u)");
static ENROL: Sql = Sql::new(r"UPDATE console_user SET totp = $2, totp_step = $3 WHERE id = $1");
static USE_STEP: Sql = Sql::new(r"UPDATE console_user SET totp_step = $2 WHERE id = $1");
static FORGET_CODES: Sql = Sql::new(r"DELETE FROM recovery_code WHERE console_user = $1");
static KEEP_CODE: Sql =
    Sql::new(r"INSERT INTO recovery_code (console_user, hash) VALUES ($1, $2) ON CONFLICT (console_user, hash) DO NOTHING");
static USE_CODE: Sql =
    Sql::new(r"UPDATE recovery_code SET used_at = $3 WHERE console_user = $1 AND hash = $2 AND used_at IS NULL");
static LEFT: Sql = Sql::new(r"SELECT count(*) FROM recovery_code WHERE console_user = $1 AND used_at IS NULL");

/// A new key, and what proved that an authenticator has it.
#[derive(Clone, Copy)]
pub struct Proven<'k> {
    /// The key.
    pub key: &'k Key,
    /// The step of the code that was given: it is used up.
    pub step: i64,
    /// The session in which it was given.
    pub session: i64,
}

/// Turns it on: the key counts from now on, and sessions that began without it end. The new recovery codes, to be shown once.
pub async fn enrol(db: &Db, seal: &Seal, user: &User, proven: Proven<'_>, actor: &Actor, now: i64) -> Result<Vec<String>> {
    let sealed = seal.seal_token(&proven.key.text());
    transaction!(db, |tx| {
        within!(tx, |c, sql| {
            sqlx::query(sql(&ENROL)).bind(user.id).bind(&sealed).bind(proven.step).execute(c).await.map(affected)
        })?;
        let codes = renew(tx, seal, user.id).await?;
        let ended = session::end_all(tx, user.id, Some(proven.session)).await?;
        let after = json!({ "sessions_ended": ended });
        audit::record(tx, actor, "user.second-factor-on", &user.email, None, Some(&after), now).await?;
        Ok(codes)
    })
}

/// Turns it off, with its recovery codes.
pub async fn remove(db: &Db, user: &User, actor: &Actor, now: i64) -> Result<()> {
    transaction!(db, |tx| {
        within!(tx, |c, sql| {
            sqlx::query(sql(&ENROL)).bind(user.id).bind(None::<Vec<u8>>).bind(0_i64).execute(c).await.map(affected)
        })?;
        within!(tx, |c, sql| sqlx::query(sql(&FORGET_CODES)).bind(user.id).execute(c).await.map(affected))?;
        audit::record(tx, actor, "user.second-factor-off", &user.email, None, None, now).await
    })
}

/// New recovery codes; the earlier ones count no more.
pub async fn renew_recovery(db: &Db, seal: &Seal, user: &User, actor: &Actor, now: i64) -> Result<Vec<String>> {
    transaction!(db, |tx| {
        let codes = renew(tx, seal, user.id).await?;
        audit::record(tx, actor, "user.recovery-codes", &user.email, None, None, now).await?;
        Ok(codes)
    })
}

async fn renew(tx: &mut Tx, seal: &Seal, user: i64) -> Result<Vec<String>> {
    within!(tx, |c, sql| sqlx::query(sql(&FORGET_CODES)).bind(user).execute(c).await.map(affected))?;
    let codes = recovery_codes(seal);
    for code in &codes {
        let hash = recovery_hash(seal, user, code);
        within!(tx, |c, sql| sqlx::query(sql(&KEEP_CODE)).bind(user).bind(&hash[..]).execute(c).await.map(affected))?;
    }
    Ok(codes)
}

/// How many recovery codes are left.
pub async fn recovery_left(db: &Db, user: i64) -> Result<i64> {
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&LEFT)).bind(user).fetch_one(pool).await)
}

/// What a code was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// The authenticator's: its step is used up.
    Code,
    /// A recovery code: it is used up.
    Recovery,
}

/// Takes a code, of the authenticator or for recovery, and uses it up. None: it is neither, or was used before.
pub async fn take(tx: &mut Tx, seal: &Seal, user: i64, code: &str, now: i64) -> Result<Option<Given>> {
    let row: Option<(Option<Vec<u8>>, i64)> =
        within!(tx, |c, sql| sqlx::query_as(sql(&KEPT)).bind(user).fetch_optional(c).await)?;
    let Some((Some(sealed), last_step)) = row else { return Ok(None) };
    // A key that no longer opens (its ring was lost) lets nobody in by code; recovery codes still do.
    let key = seal.open_token(&sealed).ok().and_then(|text| Key::read(&text));
    if let Some(step) = key.and_then(|key| key.step(code, last_step, now)) {
        within!(tx, |c, sql| sqlx::query(sql(&USE_STEP)).bind(user).bind(step).execute(c).await.map(affected))?;
        return Ok(Some(Given::Code));
    }
    let hash = recovery_hash(seal, user, code);
    let taken =
        within!(tx, |c, sql| sqlx::query(sql(&USE_CODE)).bind(user).bind(&hash[..]).bind(now).execute(c).await.map(affected))?;
    Ok((taken == 1).then_some(Given::Recovery))
}

static SEALED: Sql = Sql::new(r"SELECT u.id, u.totp FROM console_user u WHERE u.totp IS NOT NULL ORDER BY u.id :lock(u)");
static RESEAL: Sql = Sql::new(r"UPDATE console_user SET totp = $2 WHERE id = $1");

/// Seals every key anew, after a rotation.
pub async fn reseal(tx: &mut Tx, seal: &Seal) -> Result<()> {
    let sealed: Vec<(i64, Vec<u8>)> = within!(tx, |c, sql| sqlx::query_as(sql(&SEALED)).fetch_all(c).await)?;
    for (user, sealed) in sealed {
        let broken = |error: SealError| DbError::Refused(format!("the second factor of user {user}: {error}"));
        let anew = seal.seal_token(&seal.open_token(&sealed).map_err(broken)?);
        within!(tx, |c, sql| sqlx::query(sql(&RESEAL)).bind(user).bind(&anew).execute(c).await.map(affected))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: SHA-1, of which the last six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let key = Key(*b"12345678901234567890");
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(key.code(step_of(seconds * 1000)), code, "{seconds}");
        }
    }

    #[test]
    fn a_step_counts_once_and_the_ones_beside_it_too() {
        let (key, now) = (Key([7; 20]), 1_700_000_000_000);
        let this = step_of(now);
        for near in [this - 1, this, this + 1] {
            assert_eq!(key.step(&key.code(near), 0, now), Some(near));
        }
        let code = key.code(this);
        assert_eq!(key.step(&format!("{} {}", &code[..3], &code[3..]), 0, now), Some(this));
        assert_eq!(key.step(&code, this, now), None, "used up");
        assert_eq!(key.step(&key.code(this - 2), 0, now), None);
        assert_eq!(key.step("", 0, now), None);
    }

    #[test]
    fn a_key_is_typed_as_it_is_shown() {
        let key = Key(*b"12345678901234567890");
        assert_eq!(key.text(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(Key::read("gezd gnbv gy3t qojq gezd gnbv gy3t qojq").as_ref() == Some(&key));
        assert!(Key::read("GEZD").is_none() && Key::read("1111").is_none());
        // RFC 4648, section 10.
        assert_eq!(
            ["f", "fo", "foo", "foob", "fooba"].map(|text| base32(text.as_bytes())),
            ["MY", "MZXQ", "MZXW6", "MZXW6YQ", "MZXW6YTB"]
        );
        assert_eq!(
            key.address("Sở VHTTDL", "an@example.vn"),
            "otpauth://totp/S%E1%BB%9F%20VHTTDL:an%40example.vn?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=S%E1%BB%9F%20VHTTDL"
        );
    }
}
