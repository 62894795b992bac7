//! Refusals: who wants no messages on which channel, for good or for a time, and every word said about it.
//!
//! What enters is a channel, an address's keyed hash and a scope; a refusal therefore outlives the list, the person's
//! record and its erasure. `opt_out` holds how things stand, `consent_event` every refusal and every taking back with its
//! source and wording (NĐ 91/2020/NĐ-CP: kept at least a year). A refusal for a time ends by itself: nobody need end it.
//! Fan-out and claims join `opt_out` ([`refusing`]), and [`since`] tells a running process what is new.
//! Who agreed to what is [`agreement`]'s.

pub mod agreement;

use std::collections::HashMap;

use providers::Channel;

use crate::{
    db::{Db, Result, Sql, Tx, affected},
    on, transaction, within,
};

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
    /// When a refusal for a time ends, unix milliseconds; none: it lasts.
    pub until: Option<i64>,
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
    /// What it refuses now.
    pub standing: Standing,
}

/// What an address refuses: for good, and for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Until it is taken back.
    pub lasting: Option<Scope>,
    /// Until a moment, unix milliseconds.
    pub passing: Option<(Scope, i64)>,
}

impl Standing {
    /// What the rows of `opt_out` say: `scope`, `passing`, `until`.
    pub fn of(scope: i16, passing: i16, until: i64) -> Self {
        Self { lasting: Scope::from_number(scope), passing: Scope::from_number(passing).map(|scope| (scope, until)) }
    }

    /// What is refused at a moment (unix milliseconds): the greater of the two.
    pub fn refuses(self, now: i64) -> Option<Scope> {
        self.lasting.max(self.passing.filter(|(_, until)| *until > now).map(|(scope, _)| scope))
    }

    /// When what is refused at a moment becomes less by itself; none: it lasts, or nothing is refused.
    pub fn until(self, now: i64) -> Option<i64> {
        self.passing.filter(|(scope, until)| *until > now && Some(*scope) > self.lasting).map(|(_, until)| until)
    }
}

/// SQL: whether one of a person's addresses on a channel refuses messages of this scope at a moment. `channel`, `addresses`,
/// `scope` and `now` are SQL, too. A look-up by the key of `opt_out` for each address.
pub fn refusing(channel: i16, addresses: &str, scope: i16, now: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM opt_out o WHERE o.channel = {channel} AND o.address IN ({addresses})
                 AND (o.scope >= {scope} OR (o.passing >= {scope} AND o.until > {now})))"
    )
}

static REFUSE: Sql = Sql::new(
    r"INSERT INTO opt_out (channel, address, scope, at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (channel, address) DO UPDATE SET scope = excluded.scope, at = excluded.at WHERE opt_out.scope < excluded.scope",
);

// Of two refusals for a time the greater scope and the later end hold: only taking back makes it less.
static PAUSE: Sql = Sql::new(
    r"INSERT INTO opt_out (channel, address, scope, at, passing, until) VALUES ($1, $2, 0, $4, $3, $5)
    ON CONFLICT (channel, address) DO UPDATE SET
      passing = CASE WHEN opt_out.until > excluded.at AND opt_out.passing > excluded.passing THEN opt_out.passing ELSE excluded.passing END,
      until = CASE WHEN opt_out.until > excluded.until THEN opt_out.until ELSE excluded.until END",
);

// What the person put off by themselves since they last took anything back is none of an officer's.
static RESUME: Sql = Sql::new(
    r"UPDATE opt_out SET until = (SELECT coalesce(max(x.until), 0) FROM (
        SELECT CAST($3 AS BIGINT) AS until
        UNION ALL SELECT e.until FROM consent_event e WHERE e.channel = $1 AND e.address = $2 AND e.source <> $4 AND e.until > $5
          AND e.id > (SELECT coalesce(max(b.id), 0) FROM consent_event b WHERE b.channel = $1 AND b.address = $2 AND b.action = 0)
      ) AS x)
      WHERE channel = $1 AND address = $2",
);

static UNREFUSE: Sql = Sql::new(
    r"UPDATE opt_out SET scope = (SELECT coalesce(max(e.action), 0) FROM consent_event e
        WHERE e.channel = $1 AND e.address = $2 AND e.source <> $3 AND e.until IS NULL
          AND e.id > (SELECT coalesce(max(b.id), 0) FROM consent_event b WHERE b.channel = $1 AND b.address = $2 AND b.action = 0))
      WHERE channel = $1 AND address = $2",
);

static RESUMED: Sql = Sql::new(r"DELETE FROM opt_out WHERE channel = $1 AND address = $2 AND scope = 0 AND until = 0");

static STANDS: Sql = Sql::new(r"SELECT scope, passing, until FROM opt_out WHERE channel = $1 AND address = $2");

static TAKE_BACK: Sql = Sql::new(r"DELETE FROM opt_out WHERE channel = $1 AND address = $2");

static REMEMBER: Sql = Sql::new(
    r"INSERT INTO consent_event (channel, address, action, at, source, wording, until) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
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
    remember(tx, channel, address, scope as i16, None, said).await
}

/// Records a refusal that ends by itself at `until` (unix milliseconds). Gives the event's number.
pub async fn pause(tx: &mut Tx, channel: Channel, address: i64, scope: Scope, until: i64, said: Said<'_>) -> Result<i64> {
    within!(tx, |c, sql| {
        sqlx::query(sql(&PAUSE))
            .bind(channel as i16)
            .bind(address)
            .bind(scope as i16)
            .bind(said.at)
            .bind(until)
            .execute(c)
            .await
            .map(affected)
    })?;
    remember(tx, channel, address, scope as i16, Some(until), said).await
}

/// Records that the pauses of one source are over, but for those until `others` (unix milliseconds; 0: there are none), and
/// its refusals for good with them if `lasting`. What the person refused by themselves stays. Gives the event's number.
pub async fn resume(tx: &mut Tx, channel: Channel, address: i64, others: i64, lasting: bool, said: Said<'_>) -> Result<i64> {
    let number = channel as i16;
    within!(tx, |c, sql| {
        let query = sqlx::query(sql(&RESUME)).bind(number).bind(address).bind(others).bind(said.source).bind(said.at);
        query.execute(c).await.map(affected)
    })?;
    if lasting {
        within!(tx, |c, sql| {
            sqlx::query(sql(&UNREFUSE)).bind(number).bind(address).bind(said.source).execute(c).await.map(affected)
        })?;
    }
    within!(tx, |c, sql| sqlx::query(sql(&RESUMED)).bind(number).bind(address).execute(c).await.map(affected))?;
    let row: Option<(i16, i16, i64)> =
        within!(tx, |c, sql| sqlx::query_as(sql(&STANDS)).bind(number).bind(address).fetch_optional(c).await)?;
    // The entry says what is left: running processes learn by it.
    let left = row.map_or_else(Standing::default, |(scope, passing, until)| Standing::of(scope, passing, until));
    let action = left.refuses(said.at).map_or(0, |scope| scope as i16);
    remember(tx, channel, address, action, left.until(said.at), said).await
}

/// Records that a refusal was taken back; harmless where there was none. Gives the event's number.
pub async fn take_back(tx: &mut Tx, channel: Channel, address: i64, said: Said<'_>) -> Result<i64> {
    within!(tx, |c, sql| sqlx::query(sql(&TAKE_BACK))
        .bind(channel as i16)
        .bind(address)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    remember(tx, channel, address, 0, None, said).await
}

/// Records a refusal in a transaction of its own.
pub async fn record(db: &Db, channel: Channel, address: i64, scope: Scope, said: Said<'_>) -> Result<i64> {
    transaction!(db, |tx| refuse(tx, channel, address, scope, said).await)
}

async fn remember(tx: &mut Tx, channel: Channel, address: i64, action: i16, until: Option<i64>, said: Said<'_>) -> Result<i64> {
    within!(tx, |c, sql| sqlx::query_scalar::<_, i64>(sql(&REMEMBER))
        .bind(channel as i16)
        .bind(address)
        .bind(action)
        .bind(said.at)
        .bind(said.source)
        .bind(said.wording)
        .bind(until)
        .fetch_one(c)
        .await)
}

static STANDING: Sql = Sql::new(
    r"SELECT address, scope, passing, until FROM opt_out
      WHERE channel = $1 AND address IN (SELECT address FROM :rows($2; address BIGINT) AS asked)",
);

/// What these addresses refuse. Who never refused anything, or took it back, is absent.
pub async fn standing(db: &Db, channel: Channel, addresses: &[i64]) -> Result<HashMap<i64, Standing>> {
    let asked: Vec<_> = addresses.iter().map(|address| serde_json::json!({ "address": address })).collect();
    let asked = serde_json::Value::Array(asked).to_string();
    let rows = on!(db.read, |pool, sql| sqlx::query_as::<_, (i64, i16, i16, i64)>(sql(&STANDING))
        .bind(channel as i16)
        .bind(&asked)
        .fetch_all(pool)
        .await)?;
    Ok(rows.into_iter().map(|(address, scope, passing, until)| (address, Standing::of(scope, passing, until))).collect())
}

/// What these addresses refuse at a moment (unix milliseconds). Who refuses nothing is absent.
pub async fn refused(db: &Db, channel: Channel, addresses: &[i64], now: i64) -> Result<HashMap<i64, Scope>> {
    let standing = standing(db, channel, addresses).await?;
    Ok(standing.into_iter().filter_map(|(address, standing)| Some((address, standing.refuses(now)?))).collect())
}

/// An address that refuses something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusing {
    /// Which channel.
    pub channel: Channel,
    /// The address's keyed hash.
    pub address: i64,
    /// What it refuses.
    pub standing: Standing,
    /// Since when, unix milliseconds.
    pub at: i64,
}

static LATEST: Sql = Sql::new(
    r"SELECT channel, address, scope, passing, until, at FROM opt_out
      WHERE at < $1 OR (at = $1 AND address < $2) ORDER BY at DESC, address DESC LIMIT $3",
);

/// Who refuses something, the latest first: at most `most` after a row (its time and address).
pub async fn latest(db: &Db, after: Option<(i64, i64)>, most: i64) -> Result<Vec<Refusing>> {
    let (at, address) = after.unwrap_or((i64::MAX, i64::MAX));
    let rows: Vec<(i16, i64, i16, i16, i64, i64)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&LATEST)).bind(at).bind(address).bind(most).fetch_all(pool).await)?;
    let refusing = |(channel, address, scope, passing, until, at): (i16, i64, i16, i16, i64, i64)| {
        let channel = Channel::from_number(i64::from(channel))?;
        Some(Refusing { channel, address, standing: Standing::of(scope, passing, until), at })
    };
    Ok(rows.into_iter().filter_map(refusing).collect())
}

static HISTORY: Sql =
    Sql::new(r"SELECT id, action, at, source, wording, until FROM consent_event WHERE channel = $1 AND address = $2 ORDER BY id");

/// Everything ever said about an address on a channel, oldest first.
pub async fn history(db: &Db, channel: Channel, address: i64) -> Result<Vec<Event>> {
    let rows = on!(db.read, |pool, sql| sqlx::query_as::<_, (i64, i16, i64, String, String, Option<i64>)>(sql(&HISTORY))
        .bind(channel as i16)
        .bind(address)
        .fetch_all(pool)
        .await)?;
    let event =
        |(id, action, at, source, wording, until)| Event { id, refused: Scope::from_number(action), until, at, source, wording };
    Ok(rows.into_iter().map(event).collect())
}

/// How far [`since`] looks back: on PostgreSQL a lower number may be committed after a higher one.
const LOOK_BACK: i64 = 1000;

static SINCE: Sql = Sql::new(
    r"SELECT e.id, e.channel, e.address, o.scope, o.passing, o.until FROM consent_event e
    LEFT JOIN opt_out o ON o.channel = e.channel AND o.address = e.address
    WHERE e.id > $1 ORDER BY e.id",
);

/// How the addresses stand whose events came after number `id`, and of some before it, in case they were committed late.
/// Every entry says how things stand now, so taking one in twice does no harm.
pub async fn since(db: &Db, id: i64) -> Result<Vec<Change>> {
    type Row = (i64, i16, i64, Option<i16>, Option<i16>, Option<i64>);
    let rows =
        on!(db.read, |pool, sql| sqlx::query_as::<_, Row>(sql(&SINCE)).bind(id.saturating_sub(LOOK_BACK)).fetch_all(pool).await)?;
    let change = |(id, channel, address, scope, passing, until): Row| {
        let standing = Standing::of(scope.unwrap_or(0), passing.unwrap_or(0), until.unwrap_or(0));
        Some(Change { id, channel: Channel::from_number(i64::from(channel))?, address, standing })
    };
    Ok(rows.into_iter().filter_map(change).collect())
}

static BY_PHONE: Sql =
    Sql::new(r"SELECT phone_hash, email_hash, chat_hash FROM recipient WHERE phone_hash = $1 AND state = 0 LIMIT 2");
static BY_EMAIL: Sql =
    Sql::new(r"SELECT phone_hash, email_hash, chat_hash FROM recipient WHERE email_hash = $1 AND state = 0 LIMIT 2");
static BY_CHAT: Sql = Sql::new(
    r"SELECT phone_hash, email_hash, chat_hash FROM recipient
      WHERE (chat_hash = CAST($1 AS BIGINT) OR phone_hash = ~CAST($1 AS BIGINT)) AND state = 0 LIMIT 2",
);

/// A person's addresses by which a refusal may stand: channel and keyed hash. A phone number is one on chat, too, by its
/// complement (`delivery::BY_PHONE`).
pub fn addresses(phone: Option<i64>, email: Option<i64>, chat: Option<i64>) -> impl Iterator<Item = (Channel, i64)> {
    let by_phone = phone.map(|hash| !hash);
    [(Channel::Sms, phone), (Channel::Email, email), (Channel::Chat, chat), (Channel::Chat, by_phone)]
        .into_iter()
        .filter_map(|(channel, hash)| Some((channel, hash?)))
}

/// The addresses of those who have this one: of two people at most.
async fn people(db: &Db, channel: Channel, address: i64) -> Result<Vec<(Option<i64>, Option<i64>, Option<i64>)>> {
    let statement = match channel {
        Channel::Sms => &BY_PHONE,
        Channel::Email => &BY_EMAIL,
        Channel::Chat => &BY_CHAT,
    };
    on!(db.read, |pool, sql| sqlx::query_as(sql(statement)).bind(address).fetch_all(pool).await)
}

/// The other ways to the person of an address that are theirs alone: channel and keyed hash. None where nobody is known by it, or
/// several are: nobody refuses for those who share a phone, nor takes back what another of them refused.
pub async fn other_ways(db: &Db, channel: Channel, address: i64) -> Result<Vec<(Channel, i64)>> {
    let [(phone, email, chat)] = people(db, channel, address).await?[..] else { return Ok(Vec::new()) };
    // Where a list has nothing but a number, nobody is asked about chat: what comes there has a link of its own.
    let alone = channel == Channel::Sms && email.is_none() && chat.is_none();
    let mut ways = Vec::new();
    for (other, way) in addresses(phone, email, chat).filter(|(other, _)| *other != channel && !alone) {
        if people(db, other, way).await?.len() == 1 {
            ways.push((other, way));
        }
    }
    Ok(ways)
}

// The end is looked at twice: on PostgreSQL a refusal that is prolonged meanwhile is looked at anew, by what stands outside.
static OVER: Sql = Sql::new(
    r"DELETE FROM opt_out WHERE scope = 0 AND until < $1 AND (channel, address) IN
      (SELECT channel, address FROM opt_out WHERE scope = 0 AND until < $1 ORDER BY until LIMIT $2)",
);

/// Takes away at most `most` refusals for a time that were over before `now`; their record stays. How many went.
pub async fn prune(db: &Db, now: i64, most: i64) -> Result<u64> {
    on!(db.write, |pool, sql| sqlx::query(sql(&OVER)).bind(now).bind(most).execute(pool).await.map(affected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_for_a_time_ends_by_itself_and_leaves_the_lasting_one() {
        let both = Standing::of(1, 2, 100);
        assert_eq!([99, 100].map(|now| both.refuses(now)), [Some(Scope::All), Some(Scope::Awareness)]);
        assert_eq!([99, 100].map(|now| both.until(now)), [Some(100), None]);
        assert_eq!(Standing::of(0, 1, 100).refuses(100), None);
        // The lasting one is as great: the other's end changes nothing.
        assert_eq!(Standing::of(2, 2, 100).until(99), None);
    }
}
