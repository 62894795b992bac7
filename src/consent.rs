//! Refusals: who wants no messages on which channel, and every word said about it.
//!
//! What enters is a channel, an address's keyed hash and a scope; a refusal therefore outlives the list, the person's
//! record and its erasure. `opt_out` holds how things stand, `consent_event` every refusal and every taking back with its
//! source and wording (NĐ 91/2020/NĐ-CP: kept at least a year). Fan-out joins `opt_out`; just before sending, [`refused`]
//! asks again, and [`since`] tells a running process what is new.

use std::collections::HashMap;

use providers::Channel;

use crate::{
    db::{Db, Result, Sql, Tx},
    on, transaction, within,
};

/// What a list's `consent_basis` says of somebody who agreed, and did not merely fall under a duty to inform, as SQL. NĐ
/// 91/2020/NĐ-CP: advertising wants this agreement.
pub const AGREED: &str = "'consent', 'Consent', 'opt-in', 'dong y', 'Dong y', 'dong-y', 'đồng ý', 'Đồng ý', 'ĐỒNG Ý'";

/// Whether a `consent_basis` is an agreement.
pub fn has_agreed(basis: &str) -> bool {
    AGREED.split(", ").any(|agreed| agreed.trim_matches('\'') == basis)
}

/// What somebody refuses. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Scope {
    /// Recurring advice; warnings still come.
    Awareness = 1,
    /// Everything.
    All = 2,
}

impl Scope {
    /// The scope with this stored number.
    pub const fn from_number(number: i16) -> Option<Self> {
        match number {
            1 => Some(Self::Awareness),
            2 => Some(Self::All),
            _ => None,
        }
    }

    /// The scope's name in commands and exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Awareness => "awareness",
            Self::All => "all",
        }
    }

    /// The scope with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Awareness, Self::All].into_iter().find(|scope| scope.name() == name)
    }

    /// Whether this refusal covers a campaign of that kind: warnings only where everything was refused.
    pub fn covers(self, kind: crate::campaign::Kind) -> bool {
        self == Self::All || kind == crate::campaign::Kind::Awareness
    }
}

/// Where a refusal, or its taking back, came from.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// `link`, `reply`, `gateway`, `officer`….
    pub source: &'a str,
    /// The person's own words or the button's, without addresses.
    pub wording: &'a str,
    /// When, unix milliseconds.
    pub at: i64,
}

/// One entry of an address's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Ascending.
    pub id: i64,
    /// What was refused; none: a refusal was taken back.
    pub refused: Option<Scope>,
    /// When, unix milliseconds.
    pub at: i64,
    /// Where it came from.
    pub source: String,
    /// The words.
    pub wording: String,
}

/// How an address stands after a recent event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The event's number.
    pub id: i64,
    /// Which channel.
    pub channel: Channel,
    /// The address's keyed hash.
    pub address: i64,
    /// What it refuses now; none: nothing any more.
    pub refuses: Option<Scope>,
}

static REFUSE: Sql = Sql::new(
    r"INSERT INTO opt_out (channel, address, scope, at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (channel, address) DO UPDATE SET scope = excluded.scope, at = excluded.at WHERE opt_out.scope < excluded.scope",
);

static TAKE_BACK: Sql = Sql::new(r"DELETE FROM opt_out WHERE channel = $1 AND address = $2");

static REMEMBER: Sql = Sql::new(
    r"INSERT INTO consent_event (channel, address, action, at, source, wording) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
);

/// Records a refusal. Who refused everything still does after refusing awareness: only [`take_back`] makes it less.
/// Gives the event's number.
pub async fn refuse(tx: &mut Tx, channel: Channel, address: i64, scope: Scope, said: Said<'_>) -> Result<i64> {
    within!(tx, |c, sql| sqlx::query(sql(&REFUSE))
        .bind(channel as i16)
        .bind(address)
        .bind(scope as i16)
        .bind(said.at)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    remember(tx, channel, address, scope as i16, said).await
}

/// Records that a refusal was taken back; harmless where there was none. Gives the event's number.
pub async fn take_back(tx: &mut Tx, channel: Channel, address: i64, said: Said<'_>) -> Result<i64> {
    within!(tx, |c, sql| sqlx::query(sql(&TAKE_BACK))
        .bind(channel as i16)
        .bind(address)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    remember(tx, channel, address, 0, said).await
}

/// Records a refusal in a transaction of its own.
pub async fn record(db: &Db, channel: Channel, address: i64, scope: Scope, said: Said<'_>) -> Result<i64> {
    transaction!(db, |tx| refuse(tx, channel, address, scope, said).await)
}

async fn remember(tx: &mut Tx, channel: Channel, address: i64, action: i16, said: Said<'_>) -> Result<i64> {
    within!(tx, |c, sql| sqlx::query_scalar::<_, i64>(sql(&REMEMBER))
        .bind(channel as i16)
        .bind(address)
        .bind(action)
        .bind(said.at)
        .bind(said.source)
        .bind(said.wording)
        .fetch_one(c)
        .await)
}

static REFUSED: Sql = Sql::new(
    r"SELECT address, scope FROM opt_out WHERE channel = $1 AND address IN (SELECT address FROM :rows($2; address BIGINT) AS asked)",
);

/// What these addresses refuse now: asked for a batch just before it is sent. Who refuses nothing is absent.
pub async fn refused(db: &Db, channel: Channel, addresses: &[i64]) -> Result<HashMap<i64, Scope>> {
    let asked: Vec<_> = addresses.iter().map(|address| serde_json::json!({ "address": address })).collect();
    let asked = serde_json::Value::Array(asked).to_string();
    let rows = on!(db.read, |pool, sql| sqlx::query_as::<_, (i64, i16)>(sql(&REFUSED))
        .bind(channel as i16)
        .bind(&asked)
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().filter_map(|(address, scope)| Some((address, Scope::from_number(scope)?))).collect())
}

static HISTORY: Sql =
    Sql::new(r"SELECT id, action, at, source, wording FROM consent_event WHERE channel = $1 AND address = $2 ORDER BY id");

/// Everything ever said about an address on a channel, oldest first.
pub async fn history(db: &Db, channel: Channel, address: i64) -> Result<Vec<Event>> {
    let rows = on!(db.read, |pool, sql| sqlx::query_as::<_, (i64, i16, i64, String, String)>(sql(&HISTORY))
        .bind(channel as i16)
        .bind(address)
        .fetch_all(pool)
        .await)?;
    let event = |(id, action, at, source, wording)| Event { id, refused: Scope::from_number(action), at, source, wording };
    Ok(rows.into_iter().map(event).collect())
}

/// How far [`since`] looks back: on PostgreSQL a lower number may be committed after a higher one.
const LOOK_BACK: i64 = 1000;

static SINCE: Sql = Sql::new(
    r"SELECT e.id, e.channel, e.address, o.scope FROM consent_event e
    LEFT JOIN opt_out o ON o.channel = e.channel AND o.address = e.address
    WHERE e.id > $1 ORDER BY e.id",
);

/// How the addresses stand whose events came after number `id`, and of some before it, in case they were committed late.
/// Every entry says how things stand now, so taking one in twice does no harm.
pub async fn since(db: &Db, id: i64) -> Result<Vec<Change>> {
    let rows = on!(db.read, |pool, sql| sqlx::query_as::<_, (i64, i16, i64, Option<i16>)>(sql(&SINCE))
        .bind(id.saturating_sub(LOOK_BACK))
        .fetch_all(pool)
        .await)?;
    let change = |(id, channel, address, scope): (i64, i16, i64, Option<i16>)| {
        let refuses = scope.and_then(Scope::from_number);
        Some(Change { id, channel: Channel::from_number(i64::from(channel))?, address, refuses })
    };
    Ok(rows.into_iter().filter_map(change).collect())
}
