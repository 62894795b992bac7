//! How often somebody may try to sign in: by account and by address, counted in the database, so that several nodes count together.
//!
//! An attempt counts before it is judged: many at once gain nothing. After a few that failed, each further one makes the wait
//! twice as long, up to a quarter of an hour; an hour without any, or the right password, and it is forgotten. An account that
//! nobody has counts like any other. Accounts and addresses are kept as keyed hashes.

use std::net::IpAddr;

use crate::{
    db::{Db, Result, Sql, Tx, affected},
    on,
    seal::Seal,
    transaction, within,
};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// Passwords for this account, whether anybody has it or not.
    Account(&'a str),
    /// Anything that comes from this address.
    Address(IpAddr),
    /// Second factors of this user.
    Code(i64),
}

/// Without a failure for so long (milliseconds), all is forgotten.
const FORGET: i64 = 60 * 60 * 1000;
/// The first wait.
const FIRST: i64 = 30 * 1000;
/// The longest one.
const LONGEST: i64 = 15 * 60 * 1000;

impl Subject<'_> {
    /// Failures that cost nothing. An address may be a whole office's.
    const fn free(self) -> i64 {
        match self {
            Self::Account(_) | Self::Code(_) => 5,
            Self::Address(_) => 30,
        }
    }

    fn key(self, seal: &Seal) -> [u8; 32] {
        match self {
            Self::Account(email) => seal.mac("throttle/account", email.as_bytes()),
            Self::Address(address) => seal.mac("throttle/address", network(address).to_string().as_bytes()),
            Self::Code(user) => seal.mac("throttle/code", &user.to_be_bytes()),
        }
    }
}

/// Whoever is at an address: of IPv6 its network, because whoever has one address of it has all 2^64.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let mut octets = v6.octets();
            octets[8..].fill(0);
            IpAddr::from(octets)
        }
    }
}

/// How long to wait after so many failures.
fn wait(failures: i64, free: i64) -> i64 {
    match failures - free {
        ..=0 => 0,
        over => FIRST.saturating_mul(1 << (over - 1).min(10)).min(LONGEST),
    }
}

static FIND: Sql = Sql::new(r"SELECT f.failures, f.last_at FROM sign_in_failure f WHERE f.subject = $1 :lock(f)");
static OPEN: Sql =
    Sql::new(r"INSERT INTO sign_in_failure (subject, failures, last_at) VALUES ($1, 0, 0) ON CONFLICT (subject) DO NOTHING");
static COUNT: Sql = Sql::new(
    r"INSERT INTO sign_in_failure (subject, failures, last_at) VALUES ($1, 1, $2)
      ON CONFLICT (subject) DO UPDATE SET
        failures = CASE WHEN sign_in_failure.last_at <= $3 THEN 1 ELSE sign_in_failure.failures + 1 END, last_at = $2",
);
static FORGIVE: Sql = Sql::new(r"DELETE FROM sign_in_failure WHERE subject = $1");
static TAKE_BACK: Sql = Sql::new(r"UPDATE sign_in_failure SET failures = failures - 1 WHERE subject = $1 AND failures > 0");
static CLEAN: Sql = Sql::new(r"DELETE FROM sign_in_failure WHERE last_at <= $1");

/// Counts an attempt as failed before it is judged. The error: how long to wait (milliseconds) before the next one is looked at;
/// this one is not, and does not count.
pub async fn attempt(db: &Db, seal: &Seal, subjects: &[Subject<'_>], now: i64) -> Result<std::result::Result<(), i64>> {
    // In one order, so that two attempts never wait for each other.
    let mut keys: Vec<_> = subjects.iter().map(|subject| (subject.key(seal), subject.free())).collect();
    keys.sort_unstable();
    transaction!(db, |tx| {
        let (mut longest, mut fresh) = (0, Vec::new());
        for (key, free) in &keys {
            match left(tx, key, *free, now).await? {
                Some(left) => longest = longest.max(left),
                None => fresh.push((key, *free)),
            }
        }
        if longest <= 0 {
            // What is not there cannot be locked: of many first attempts at once, each but one waits here for the one before it.
            for (key, free) in fresh {
                within!(tx, |c, sql| sqlx::query(sql(&OPEN)).bind(&key[..]).execute(c).await.map(affected))?;
                longest = longest.max(left(tx, key, free, now).await?.unwrap_or_default());
            }
        }
        if longest > 0 {
            return Ok(Err(longest));
        }
        for (key, _) in &keys {
            count(tx, key, now).await?;
        }
        Ok(Ok(()))
    })
}

/// How long to wait for what is counted under a key, which is locked from now on. None: nothing is.
async fn left(tx: &mut Tx, key: &[u8], free: i64, now: i64) -> Result<Option<i64>> {
    let row: Option<(i64, i64)> = within!(tx, |c, sql| sqlx::query_as(sql(&FIND)).bind(key).fetch_optional(c).await)?;
    Ok(row.map(|(failures, last)| if last > now - FORGET { last + wait(failures, free) - now } else { 0 }))
}

async fn count(tx: &mut Tx, key: &[u8], now: i64) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&COUNT)).bind(key).bind(now).bind(now - FORGET).execute(c).await.map(affected))?;
    Ok(())
}

/// The attempt was right: the account's failures are forgotten, and the address's count is one less. An address keeps its others:
/// whoever guesses at many accounts and has one of their own gains nothing.
pub async fn right(tx: &mut Tx, seal: &Seal, subjects: &[Subject<'_>]) -> Result<()> {
    let mut keys: Vec<_> = subjects.iter().map(|subject| (subject.key(seal), matches!(subject, Subject::Address(_)))).collect();
    keys.sort_unstable();
    for (key, address) in &keys {
        let how = if *address { &TAKE_BACK } else { &FORGIVE };
        within!(tx, |c, sql| sqlx::query(sql(how)).bind(&key[..]).execute(c).await.map(affected))?;
    }
    Ok(())
}

/// Forgets what is old. How many rows that were.
pub async fn clean(db: &Db, now: i64) -> Result<u64> {
    on!(db.write, |pool, sql| sqlx::query(sql(&CLEAN)).bind(now - FORGET).execute(pool).await.map(affected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ipv6_is_its_whole_network() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:dc8:1:2:3:4:5:6"), "2001:dc8:1:2::");
        assert_eq!(of("203.0.113.9"), "203.0.113.9");
    }

    #[test]
    fn waits_double_and_end_at_a_quarter_of_an_hour() {
        let waits: Vec<i64> = (4..=12).map(|failures| wait(failures, 5) / 1000).collect();
        assert_eq!(waits, [0, 0, 30, 60, 120, 240, 480, 900, 900]);
        assert_eq!(wait(i64::MAX, 5), LONGEST);
    }
}
