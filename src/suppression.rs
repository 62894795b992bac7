//! Addresses at which mail ends: those that do not exist, that failed again and again, and those whose people complained.
//!
//! What enters is what became of deliveries, in the transaction that joins it to them ([`hear`]); what leaves is rows of
//! `suppression`, which fan-out and every claim ask. Kept by channel and the address's keyed hash, they outlive lists, people
//! and their erasure. A complaint is a refusal as well, with its record ([`consent`]). Hearing the same twice changes nothing.
//!
//! Mail alone: what carriers say of phone numbers is too unreliable to end anything, and numbers get new owners.

use providers::{Channel, Reason};
use serde::Serialize;

use crate::{
    config::Bounces,
    consent::{self, Scope},
    db::{Db, Result, Sql, Tx, affected},
    on, transaction, within,
};

/// The source and the wording of a complaint in its record of consent.
const COMPLAINT: &str = "complaint";

/// What ends an address. The numbers are stored; a greater one outweighs a smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum Cause {
    /// So many deliveries failed within so much time (`[bounces]`).
    Repeated = 1,
    /// There is no such address.
    NoSuchAddress = 2,
    /// The person reported a message as unwanted.
    Complaint = 3,
}

impl Cause {
    /// The name in commands and exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Repeated => "repeated",
            Self::NoSuchAddress => "no-such-address",
            Self::Complaint => COMPLAINT,
        }
    }

    const fn from_number(number: i16) -> Self {
        match number {
            2 => Self::NoSuchAddress,
            3 => Self::Complaint,
            _ => Self::Repeated,
        }
    }
}

/// What was said of a delivery that speaks of its address.
#[derive(Debug, Clone, Copy)]
pub struct Bounce<'a> {
    /// The delivery, by mail.
    pub delivery: i64,
    /// Why it failed, or [`Reason::Complaint`].
    pub reason: Reason,
    /// The server's words, without addresses.
    pub detail: &'a str,
}

/// Whether a failure counts against its address. What speaks of the text, the sender or the account does not: a filter that
/// took against our mails would otherwise end a whole provider's addresses.
const fn counts(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::NoSuchAddress | Reason::Unreachable | Reason::Full | Reason::Expired | Reason::Other | Reason::Complaint
    )
}

// The address that the delivery went to, whatever the person's is by now. Of whoever was erased since, what the server wrote is not
// kept: that mail failed there is.
static REMEMBER: Sql = Sql::new(
    r"INSERT INTO bounce (channel, address, delivery, reason, detail, at)
      SELECT CAST(d.id & 15 AS SMALLINT), d.address, d.id, v.reason, CASE WHEN r.state < 2 THEN v.detail ELSE '' END, $2
      FROM :rows($1; id BIGINT, reason SMALLINT, detail TEXT) AS v JOIN delivery d ON d.id = v.id
      JOIN recipient r ON r.id = (d.id >> 4) & 4294967295
      WHERE d.address IS NOT NULL ORDER BY d.id
      ON CONFLICT (channel, address, delivery) DO UPDATE SET reason = excluded.reason, detail = excluded.detail
      WHERE bounce.reason <> excluded.reason AND excluded.reason IN (1, 11)
      RETURNING channel, address",
);

// Reasons: 1 no such address, 11 a complaint. Shown is the failure that ended it, not a later one of another kind.
static END: Sql = Sql::new(
    r"INSERT INTO suppression (channel, address, cause, reason, detail, at)
      SELECT x.channel, x.address, x.cause, b.reason, b.detail, $2 FROM (
        SELECT b.channel, b.address,
               coalesce(max(CASE b.reason WHEN 11 THEN b.delivery END), max(CASE b.reason WHEN 1 THEN b.delivery END), max(b.delivery)) AS delivery,
               CAST(CASE WHEN max(CASE WHEN b.reason = 11 THEN 1 ELSE 0 END) = 1 THEN 3
                    WHEN max(CASE WHEN b.reason = 1 THEN 1 ELSE 0 END) = 1 THEN 2
                    WHEN sum(CASE WHEN b.at > $3 THEN 1 ELSE 0 END) >= $4 THEN 1 ELSE 0 END AS SMALLINT) AS cause
        FROM (SELECT DISTINCT channel, address FROM :rows($1; channel SMALLINT, address BIGINT) AS listed) AS v
        JOIN bounce b ON b.channel = v.channel AND b.address = v.address GROUP BY b.channel, b.address
      ) AS x JOIN bounce b ON b.channel = x.channel AND b.address = x.address AND b.delivery = x.delivery
      WHERE x.cause > 0 ORDER BY x.channel, x.address
      ON CONFLICT (channel, address) DO UPDATE SET cause = excluded.cause, reason = excluded.reason, detail = excluded.detail
      WHERE suppression.cause < excluded.cause
      RETURNING channel, address, cause",
);

/// Remembers failures and complaints, and ends the addresses whose time has come.
pub async fn hear(tx: &mut Tx, rule: Bounces, bounces: &[Bounce<'_>], now: i64) -> Result<()> {
    #[derive(Serialize)]
    struct Said<'a> {
        id: i64,
        reason: i16,
        detail: &'a str,
    }
    #[derive(Serialize)]
    struct Address {
        channel: i16,
        address: i64,
    }
    // One a delivery: a statement may not touch the same row twice. The last of the list that says most.
    let mut said: Vec<Said<'_>> = Vec::new();
    let mut counting: Vec<&Bounce<'_>> =
        bounces.iter().filter(|b| b.delivery & 15 == Channel::Email as i64 && counts(b.reason)).collect();
    counting.sort_by_key(|b| (b.delivery, !matches!(b.reason, Reason::Complaint), b.reason != Reason::NoSuchAddress));
    counting.dedup_by_key(|b| b.delivery);
    said.extend(counting.iter().map(|b| Said { id: b.delivery, reason: b.reason as i16, detail: b.detail }));
    if said.is_empty() {
        return Ok(());
    }
    let list = crate::db::list(&said);
    let heard: Vec<(i16, i64)> = within!(tx, |c, sql| sqlx::query_as(sql(&REMEMBER)).bind(&list).bind(now).fetch_all(c).await)?;
    if heard.is_empty() {
        return Ok(());
    }
    let list = crate::db::list(&heard.into_iter().map(|(channel, address)| Address { channel, address }).collect::<Vec<_>>());
    let since = now.saturating_sub(i64::try_from(rule.within.as_millis()).unwrap_or(i64::MAX));
    let ended: Vec<(i16, i64, i16)> = within!(tx, |c, sql| {
        sqlx::query_as(sql(&END)).bind(&list).bind(now).bind(since).bind(i64::from(rule.failures)).fetch_all(c).await
    })?;
    for (channel, address, cause) in ended {
        let Some(channel) = Channel::from_number(i64::from(channel)).filter(|_| Cause::from_number(cause) == Cause::Complaint)
        else {
            continue;
        };
        let said = consent::Said { source: COMPLAINT, wording: COMPLAINT, at: now };
        consent::refuse(tx, channel, address, Scope::All, said).await?;
    }
    Ok(())
}

/// An address at which mail ends, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressed {
    /// On which channel.
    pub channel: Channel,
    /// Its keyed hash.
    pub address: i64,
    /// What ended it.
    pub cause: Cause,
    /// Why the last message failed; [`Reason::Complaint`] where that was a complaint.
    pub reason: Reason,
    /// The server's own words, addresses masked.
    pub detail: String,
    /// Since when, unix milliseconds.
    pub at: i64,
    /// Deliveries that failed there, or were complained of.
    pub bounces: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    channel: i16,
    address: i64,
    cause: i16,
    reason: i16,
    detail: String,
    at: i64,
    bounces: i64,
}

impl From<Row> for Suppressed {
    fn from(row: Row) -> Self {
        Self {
            channel: Channel::from_number(i64::from(row.channel)).unwrap_or(Channel::Email),
            address: row.address,
            cause: Cause::from_number(row.cause),
            reason: Reason::ALL.into_iter().find(|reason| *reason as i16 == row.reason).unwrap_or(Reason::Other),
            detail: row.detail,
            at: row.at,
            bounces: row.bounces,
        }
    }
}

static STANDING: Sql = Sql::new(
    r"SELECT s.channel, s.address, s.cause, s.reason, s.detail, s.at,
             (SELECT count(*) FROM bounce b WHERE b.channel = s.channel AND b.address = s.address) AS bounces
      FROM suppression s WHERE s.channel = $1 AND s.address = $2",
);

/// Whether mail ends at this address, and why: for whoever shows everything known about a person.
pub async fn standing(db: &Db, channel: Channel, address: i64) -> Result<Option<Suppressed>> {
    let row: Option<Row> = on!(db.read, |pool, sql| {
        sqlx::query_as(sql(&STANDING)).bind(channel as i16).bind(address).fetch_optional(pool).await
    })?;
    Ok(row.map(Suppressed::from))
}

/// An address of the list, with whoever has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Why mail ends there.
    pub suppressed: Suppressed,
    /// The person's reference; none: nobody on the lists has it any more.
    pub reference: Option<String>,
    /// Their address, sealed.
    pub sealed: Option<Vec<u8>>,
}

// One of those who share it.
static LIST: Sql = Sql::new(
    r"SELECT s.channel, s.address, s.cause, s.reason, s.detail, s.at,
             (SELECT count(*) FROM bounce b WHERE b.channel = s.channel AND b.address = s.address) AS bounces,
             r.ref AS reference, r.email AS sealed
      FROM suppression s
      LEFT JOIN recipient r ON r.id = (SELECT min(x.id) FROM recipient x WHERE x.email_hash = s.address AND x.state = 0)
      WHERE s.at < $1 OR (s.at = $1 AND s.address < $2)
      ORDER BY s.at DESC, s.address DESC LIMIT $3",
);

/// The addresses at which mail ends, the latest first: at most `most` of them after a row (its time and address).
pub async fn list(db: &Db, after: Option<(i64, i64)>, most: u32) -> Result<Vec<Listed>> {
    #[derive(sqlx::FromRow)]
    struct Found {
        #[sqlx(flatten)]
        row: Row,
        reference: Option<String>,
        sealed: Option<Vec<u8>>,
    }
    let (at, address) = after.unwrap_or((i64::MAX, i64::MAX));
    let found: Vec<Found> = on!(db.read, |pool, sql| {
        sqlx::query_as(sql(&LIST)).bind(at).bind(address).bind(i64::from(most)).fetch_all(pool).await
    })?;
    Ok(found.into_iter().map(|Found { row, reference, sealed }| Listed { suppressed: row.into(), reference, sealed }).collect())
}

static COUNT: Sql = Sql::new(r"SELECT cause, count(*) FROM suppression GROUP BY cause ORDER BY cause");

/// How many addresses ended, by what ended them.
pub async fn count(db: &Db) -> Result<Vec<(Cause, i64)>> {
    let rows: Vec<(i16, i64)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&COUNT)).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(|(cause, n)| (Cause::from_number(cause), n)).collect())
}

static LIFT: Sql = Sql::new(r"DELETE FROM suppression WHERE channel = $1 AND address = $2");

static FORGIVE: Sql = Sql::new(r"DELETE FROM bounce WHERE channel = $1 AND address = $2");

/// Lets mail go to an address again, its failures forgotten. Whether it had ended there. A refusal stays: only the person takes
/// that back.
pub async fn lift(db: &Db, channel: Channel, address: i64) -> Result<bool> {
    transaction!(db, |tx| lift_within(tx, channel, address).await)
}

/// The same within a transaction of the caller's.
pub async fn lift_within(tx: &mut Tx, channel: Channel, address: i64) -> Result<bool> {
    let channel = channel as i16;
    within!(tx, |c, sql| sqlx::query(sql(&FORGIVE)).bind(channel).bind(address).execute(c).await.map(affected))?;
    let gone = within!(tx, |c, sql| sqlx::query(sql(&LIFT)).bind(channel).bind(address).execute(c).await.map(affected))?;
    Ok(gone > 0)
}
