//! Passwords: argon2id, off the threads that serve requests.
//!
//! Parameters as OWASP's Password Storage Cheat Sheet has them (19 MiB, two passes, one lane). No more than two are hashed at once:
//! a flood of attempts waits, and takes neither the memory nor both processors. An address that nobody has costs the same time.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _},
};
use serde_json::json;
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization as _;

use super::{User, invitation, session};
use crate::{
    audit::{self, Actor},
    db::{Db, DbError, Result, Sql, Tx, affected},
    on, phrase,
    seal::Seal,
    transaction, within,
    words::Phrase,
};

/// The shortest password, in characters.
pub const SHORTEST: usize = 12;
/// The longest one.
pub const LONGEST: usize = 256;

/// Hashes at once.
static TURNS: Semaphore = Semaphore::const_new(2);

/// What an address that nobody has is compared with: nobody's password.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What people choose first; whoever guesses tries these first.
const COMMON: [&str; 14] = [
    "password", "matkhau", "123456", "qwerty", "abc123", "admin", "iloveyou", "letmein", "welcome", "vietnam", "hanoi", "saigon",
    "111111", "000000",
];

/// Why a password will not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weak {
    /// Too few characters.
    Short,
    /// Too many.
    Long,
    /// The person's own name or address, a common word, or few different characters: tried first by whoever guesses.
    Guessed,
}

impl Weak {
    /// The same for people.
    pub fn words(self) -> Phrase {
        match self {
            Self::Short => phrase!(
                "mật khẩu cần ít nhất {SHORTEST} ký tự; một câu dễ nhớ là tốt nhất",
                "a password has at least {SHORTEST} characters; a sentence that you remember is best"
            ),
            Self::Long => phrase!("mật khẩu dài quá {LONGEST} ký tự", "a password has at most {LONGEST} characters"),
            Self::Guessed => phrase!(
                "mật khẩu này dễ đoán: không dùng tên, địa chỉ e-mail của bạn hay từ thông dụng",
                "this password is easily guessed: use neither your name, your address nor a common word"
            ),
        }
    }
}

/// Whether a password will do for this person.
pub fn check(password: &str, email: &str, name: &str) -> std::result::Result<(), Weak> {
    let count = password.chars().count();
    if count < SHORTEST {
        return Err(Weak::Short);
    }
    if count > LONGEST {
        return Err(Weak::Long);
    }
    let folded = password.nfc().collect::<String>().to_lowercase();
    let different = folded.chars().collect::<std::collections::BTreeSet<_>>().len();
    // What is left of it when what is guessed first is taken out of it.
    let local = email.split('@').next().unwrap_or_default();
    let words =
        name.split_whitespace().chain([local, email, "loa"]).map(str::to_lowercase).filter(|word| word.chars().count() > 2);
    let mut left = folded;
    for word in words.chain(COMMON.map(str::to_string)) {
        left = left.replace(&word, "");
    }
    let left = left.chars().filter(|c| !c.is_ascii_digit()).count();
    if different < 5 || left < 4 { Err(Weak::Guessed) } else { Ok(()) }
}

fn argon2() -> Argon2<'static> {
    // 19 MiB, two passes, one lane: within what the crate allows.
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19 * 1024, 2, 1, None).unwrap_or(Params::DEFAULT))
}

/// The same letters are the same password, however a keyboard composes them.
fn composed(password: &str) -> String {
    password.nfc().collect()
}

/// A password's hash, as it is kept.
pub async fn hash(password: &str, seal: &Seal) -> Result<String> {
    let (password, salt) = (composed(password), seal.random::<16>());
    in_turn(move || argon2().hash_password_with_salt(password.as_bytes(), &salt).map(|hash| hash.to_string()))
        .await?
        .map_err(|error| DbError::Refused(format!("a password could not be hashed: {error}")))
}

async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    // It is never closed, and the work does not panic.
    let _turn = TURNS.acquire().await;
    tokio::task::spawn_blocking(work).await.map_err(|error| DbError::Refused(format!("a password's hash was given up: {error}")))
}

static KEPT: Sql = Sql::new(r"SELECT id, password FROM console_user WHERE email = $1 AND disabled_at IS NULL");

/// A password that was right when it was looked at.
pub struct Proof {
    /// Whose it is.
    pub user: i64,
    /// What is kept of it.
    hash: String,
}

static STANDS: Sql =
    Sql::new(r"SELECT u.id FROM console_user u WHERE u.id = $1 AND u.password = $2 AND u.disabled_at IS NULL :lock(u)");

impl Proof {
    /// Whether it still is their password, until the transaction ends: looking at it takes a while, in which another may have been
    /// set, and that ends whatever the former one opened.
    pub async fn stands(&self, tx: &mut Tx) -> Result<bool> {
        let found: Option<i64> =
            within!(tx, |c, sql| sqlx::query_scalar(sql(&STANDS)).bind(self.user).bind(&self.hash).fetch_optional(c).await)?;
        Ok(found.is_some())
    }
}

/// Whose password this is. None: nobody has the address, or it is not theirs; which of the two takes the same time.
pub async fn right(db: &Db, email: &str, password: &str) -> Result<Option<Proof>> {
    let kept: Option<(i64, Option<String>)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&KEPT)).bind(email).fetch_optional(pool).await)?;
    let (id, hash) = kept.map_or((None, None), |(id, hash)| (Some(id), hash));
    let proof = id.zip(hash.clone()).map(|(user, hash)| Proof { user, hash });
    let (password, hash) = (composed(password), hash.unwrap_or_else(|| NOBODYS.to_string()));
    let right = in_turn(move || argon2().verify_password(password.as_bytes(), hash.as_str()).is_ok()).await?;
    Ok(proof.filter(|_| right))
}

static SET: Sql = Sql::new(r"UPDATE console_user SET password = $2, password_at = $3 WHERE id = $1");

/// Sets somebody's password (its hash), ends all their sessions but `keep`, and their links.
pub async fn set(tx: &mut Tx, user: &User, hash: &str, keep: Option<i64>, actor: &Actor, now: i64) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&SET)).bind(user.id).bind(hash).bind(now).execute(c).await.map(affected))?;
    let ended = session::end_all(tx, user.id, keep).await?;
    invitation::end_all(tx, user.id).await?;
    let after = json!({ "sessions_ended": ended });
    audit::record(tx, actor, "user.password", &user.email, None, Some(&after), now).await
}

/// The same in a transaction of its own.
pub async fn change(db: &Db, user: &User, hash: &str, keep: Option<i64>, actor: &Actor, now: i64) -> Result<()> {
    transaction!(db, |tx| set(tx, user, hash, keep, actor, now).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_is_guessed_first_will_not_do() {
        let of = |password: &str| check(password, "an.nguyen@so.example.vn", "Nguyễn Văn An");
        assert_eq!(of("ngắn quá"), Err(Weak::Short));
        assert_eq!(of(&"dài ".repeat(100)), Err(Weak::Long));
        for guessed in ["aaaaaaaaaaaaaaa", "password1234", "an.nguyen12345", "matkhau123456", "123456123456"] {
            assert_eq!(of(guessed), Err(Weak::Guessed), "{guessed}");
        }
        for well in ["con trâu đi trước cái cày", "Kf7-qLm2-Zx9w"] {
            assert_eq!(of(well), Ok(()), "{well}");
        }
    }

    #[test]
    fn nobodys_hash_is_one_that_takes_the_time() {
        let theirs = argon2().hash_password_with_salt(b"x", &[7; 16]).unwrap().to_string();
        let parameters = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(parameters(&theirs), parameters(NOBODYS));
        assert!(matches!(argon2().verify_password(b"anything", NOBODYS), Err(argon2::password_hash::Error::PasswordInvalid)));
    }
}
