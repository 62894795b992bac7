//! Accounts: a provider with its limits, circuit and quota, and which of them serves a route.
//!
//! What enters: `[[account]]` of loa.toml and the gateways' descriptions. What leaves: [`Accounts`], which knows for
//! every route whose turn it is: the lowest priority number that is usable and not slow; equal ones share by their weights.
//! What ails an account stands in rows ([`trouble`]) that all nodes read. What can go wrong: a setting that the gateway does
//! not know or needs, which [`AccountError`] names.

mod adapter;
pub mod forecast;
pub mod latency;
mod share;
mod slow;
pub mod standing;
pub mod test;
pub mod throttle;
pub mod tokens;
pub mod trouble;
pub mod watch;

use std::collections::{BTreeMap, HashMap};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
};

use chrono::{DateTime, Utc};
use providers::{Abilities, Channel, Provider};

pub use adapter::{AccountError, Gateways, SMPP, SMTP, ZALO, gateways, handle_key, provider, reaches_phones, routes};

use self::{adapter::groups, share::Shares, trouble::Cause};
use crate::{
    audience::{address::ChatService, phone::Carrier},
    clock::{Clock, Ticks},
    config::{self, Config},
    db::{Db, DbError, Sql, Tx, affected},
    health::{Circuit, throttle::Throttle},
    limit::{self, Pace},
    on,
    seal::{Seal, hex},
    transaction, within,
};

/// The purpose of the MAC in callback addresses.
const CALLBACK: &str = "callback";

/// Adapters in place of those that the accounts of these names would get: what measurements and tests send through.
#[derive(Clone, Default)]
pub struct StandIns(pub BTreeMap<String, Arc<dyn Provider>>);

impl std::fmt::Debug for StandIns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// One account, ready to send.
pub struct Account {
    /// Its row.
    pub id: i64,
    /// What loa.toml says.
    pub config: config::Account,
    /// Its adapter.
    pub provider: Arc<dyn Provider>,
    /// What the gateway can do.
    pub abilities: Abilities,
    /// Paces its sends.
    pub pace: Pace,
    /// Carrier groups (for chat: services) that it is for; empty: any.
    pub groups: Vec<i16>,
    /// Where its gateway reports receipts, if we are reachable and receipts come.
    pub callback: Option<String>,
    circuit: Mutex<Circuit>,
    /// As its row said last.
    throttle: Mutex<Throttle>,
    /// What ails it by the rows: a bit for each [`Cause`].
    troubles: AtomicU64,
    /// Of the day's quota, as it was last read.
    used: AtomicU64,
    /// Its gateway said when it was asked that no money is left.
    broke: AtomicBool,
    /// When a message was last judged (unix milliseconds).
    worked_at: AtomicI64,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("id", &self.id).field("name", &self.config.name).finish_non_exhaustive()
    }
}

impl Account {
    /// An account in working order. `groups`: the carrier groups (for chat: services) that it is for; `callback`: where its
    /// gateway reports receipts.
    pub fn new(
        id: i64,
        config: config::Account,
        provider: Arc<dyn Provider>,
        groups: Vec<i16>,
        callback: Option<String>,
    ) -> Self {
        let (abilities, pace) = (provider.can(), Pace::new(config.rate));
        let (circuit, throttle, troubles) = (Mutex::default(), Mutex::default(), AtomicU64::new(0));
        let (used, broke, worked_at) = (AtomicU64::new(0), AtomicBool::new(false), AtomicI64::new(0));
        Self { id, config, provider, abilities, pace, groups, callback, circuit, throttle, troubles, used, broke, worked_at }
    }

    /// Looks at, or tells, its circuit.
    pub fn circuit<T>(&self, look: impl FnOnce(&mut Circuit) -> T) -> T {
        look(&mut self.circuit.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How fast it may go, as its row said last.
    pub fn throttle(&self) -> Throttle {
        *self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How fast it may go from now on.
    pub fn set_throttle(&self, throttle: Throttle) {
        *self.throttle.lock().unwrap_or_else(PoisonError::into_inner) = throttle;
    }

    /// Whether a trouble stands, as far as this process knows.
    pub fn has_trouble(&self, cause: Cause) -> bool {
        self.troubles.load(Ordering::Relaxed) >> cause as u64 & 1 == 1
    }

    /// A trouble was seen to stand, or not to.
    pub fn set_trouble(&self, cause: Cause, stands: bool) {
        let bit = 1 << cause as u64;
        if stands {
            self.troubles.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.troubles.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    /// A message was judged at `now`.
    pub fn works(&self, now: i64) {
        self.worked_at.store(now, Ordering::Relaxed);
    }

    /// When it last judged a message (unix milliseconds; 0: not yet).
    pub fn worked_at(&self) -> i64 {
        self.worked_at.load(Ordering::Relaxed)
    }

    /// Of the day's quota, as it was last read.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether receipts come.
    pub fn has_receipts(&self) -> bool {
        self.config.receipts && self.abilities.receipts
    }

    /// Whether it serves a route.
    pub fn serves(&self, route: i16) -> bool {
        self.config.channel as i16 == route >> 4 && (self.groups.is_empty() || self.groups.contains(&(route & 15)))
    }

    /// The routes that it serves.
    pub fn routes(&self) -> Vec<i16> {
        adapter::routes_of(self.config.channel, &self.groups)
    }

    /// Đồng a part for a carrier group.
    pub fn price(&self, group: i16) -> i64 {
        let number = i64::from(group);
        let name = match self.config.channel {
            Channel::Chat => ChatService::from_number(number).map(ChatService::name),
            Channel::Sms | Channel::Email => Carrier::from_number(number).map(Carrier::name),
        };
        name.and_then(|name| self.config.price.by_carrier.get(name)).copied().unwrap_or(self.config.price.default)
    }

    /// Đồng a part at the dearest carrier.
    pub fn dearest_price(&self) -> i64 {
        self.config.price.by_carrier.values().copied().max().unwrap_or(0).max(self.config.price.default)
    }

    /// Whether it can send at `ticks`: neither its circuit nor an empty purse is in the way.
    pub fn is_usable(&self, ticks: Ticks) -> bool {
        !self.has_trouble(Cause::Quota) && !self.broke.load(Ordering::Relaxed) && self.circuit(|c| c.is_usable(ticks))
    }

    /// Whether a plan may count on it: what fails for a moment is expected back.
    fn is_likely(&self, ticks: Ticks) -> bool {
        !self.broke.load(Ordering::Relaxed) && self.circuit(|c| c.is_likely(ticks))
    }

    /// Whether messages should go this way: it can send, and its receipts are prompt.
    fn is_good(&self, ticks: Ticks) -> bool {
        self.is_usable(ticks) && !self.has_trouble(Cause::Slow)
    }
}

/// What an account may take from a route now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Everything.
    All,
    /// Only attempts that it alone may repeat: a better account serves the route.
    Pinned,
}

/// All accounts.
#[derive(Debug, Default)]
pub struct Accounts {
    all: Vec<Arc<Account>>,
    by_name: HashMap<String, Arc<Account>>,
    shares: Mutex<Shares>,
}

static ENSURE: Sql = Sql::new(
    r"INSERT INTO account (name, channel, receipts, tat, day, used, paused) VALUES ($1, $2, $3, 0, '', 0, NULL)
      ON CONFLICT (name) DO UPDATE SET channel = excluded.channel, receipts = excluded.receipts RETURNING id",
);

static PAUSE: Sql = Sql::new(r"UPDATE account SET paused = $2, paused_at = $3 WHERE id = $1");

static STANDING: Sql = Sql::new(
    r"SELECT id, paused, CASE WHEN day = $1 THEN used ELSE 0 END AS used, CAST(pace AS BIGINT) AS pace, pace_at, rests_until,
             CAST(rests AS BIGINT) AS rests, balance FROM account",
);

/// How an account stands on all nodes.
#[derive(sqlx::FromRow)]
struct Standing {
    id: i64,
    paused: Option<String>,
    used: i64,
    pace: i64,
    pace_at: i64,
    rests_until: i64,
    rests: i64,
    balance: Option<i64>,
}

/// The secret segment of an account's callback address: a gateway that cannot sign proves itself by knowing it.
pub fn callback_secret(seal: &Seal, name: &str) -> String {
    hex(&seal.mac(CALLBACK, name.as_bytes())[..16])
}

impl Accounts {
    /// Builds every account of the configuration and makes sure that each has its row.
    pub async fn build(config: &Config, gateways: &Gateways, db: &Db, seal: &Seal, clock: &Clock) -> Result<Self, AccountError> {
        Self::build_with(config, gateways, &StandIns::default(), db, seal, clock).await
    }

    /// The same, with other adapters for some accounts.
    pub async fn build_with(
        config: &Config,
        gateways: &Gateways,
        stand_ins: &StandIns,
        db: &Db,
        seal: &Seal,
        clock: &Clock,
    ) -> Result<Self, AccountError> {
        let mut all = Vec::new();
        for account in &config.accounts {
            let provider = match stand_ins.0.get(&account.name) {
                Some(stand_in) => Arc::clone(stand_in),
                None => provider(account, config, gateways, clock, Some((db, seal)))?,
            };
            let abilities = provider.can();
            let id: i64 = on!(db.write, |pool, sql| {
                sqlx::query_scalar(sql(&ENSURE))
                    .bind(&account.name)
                    .bind(account.channel as i16)
                    .bind(account.receipts && abilities.receipts || abilities.bounces)
                    .fetch_one(pool)
                    .await
            })?;
            let callback = config.server.public_url.as_ref().filter(|_| account.receipts && abilities.receipts).map(|base| {
                format!("{}/receipts/{}/{}", base.trim_end_matches('/'), account.name, callback_secret(seal, &account.name))
            });
            all.push(Account::new(id, account.clone(), provider, groups(account, gateways)?, callback));
        }
        let accounts = Self::of(all);
        accounts.refresh(db, clock.now()).await?;
        Ok(accounts)
    }

    /// These accounts, whose rows are there.
    pub fn of(all: Vec<Account>) -> Self {
        let mut all: Vec<Arc<Account>> = all.into_iter().map(Arc::new).collect();
        all.sort_by_key(|account| account.config.priority);
        let by_name = all.iter().map(|account| (account.config.name.clone(), Arc::clone(account))).collect();
        Self { all, by_name, shares: Mutex::default() }
    }

    /// All of them, the lowest priority number first.
    pub fn all(&self) -> &[Arc<Account>] {
        &self.all
    }

    /// The account with this name.
    pub fn named(&self, name: &str) -> Option<&Arc<Account>> {
        self.by_name.get(name)
    }

    /// The name of the account with this id.
    pub fn name(&self, id: i64) -> &str {
        self.all.iter().find(|account| account.id == id).map_or("", |account| &account.config.name)
    }

    /// What an account may take from a route at `ticks`: a slow one only what it alone may repeat, unless all
    /// are slow; one of a higher priority number the same, unless no better one can send.
    pub fn share(&self, account: &Account, route: i16, ticks: Ticks) -> Share {
        let serving = || self.all.iter().filter(|other| other.serves(route));
        let prompt = serving().any(|other| other.is_good(ticks));
        // What an open circuit or a used-up quota cannot take its lane leaves by itself; money that is gone only this tells.
        let elsewhere = || serving().any(|other| other.is_usable(ticks));
        if prompt && account.has_trouble(Cause::Slow) || account.broke.load(Ordering::Relaxed) && elsewhere() {
            return Share::Pinned;
        }
        let takes = |other: &Account| if prompt { other.is_good(ticks) } else { other.is_usable(ticks) };
        let better = serving().any(|other| other.config.priority < account.config.priority && takes(other));
        if better { Share::Pinned } else { Share::All }
    }

    /// The names of those who take over an account's messages.
    pub fn takers(&self, account: &Account, ticks: Ticks) -> String {
        let routes = account.routes();
        let others: Vec<&Arc<Account>> = self
            .all
            .iter()
            .filter(|other| other.id != account.id && other.is_good(ticks) && routes.iter().any(|route| other.serves(*route)))
            .collect();
        let takes = |other: &&&Arc<Account>| {
            let better = |o: &&Arc<Account>, route| o.serves(route) && o.config.priority < other.config.priority;
            routes.iter().any(|route| other.serves(*route) && !others.iter().any(|o| better(o, *route)))
        };
        others.iter().filter(takes).map(|other| other.config.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// How many of `wanted` messages of a route an account may take now beside those of its priority.
    pub fn allowance(&self, account: &Account, route: i16, wanted: usize, ticks: Ticks) -> usize {
        let key = (route, account.config.priority);
        self.shares().allowance(key, account.id, account.config.weight, wanted, ticks)
    }

    /// An account's window is full of what it took.
    pub fn is_full(&self, account: &Account, ticks: Ticks) {
        self.shares().is_full(account.id, ticks);
    }

    /// An account took so many messages of a route.
    pub fn took(&self, account: &Account, route: i16, n: usize) {
        self.shares().took((route, account.config.priority), account.id, n);
    }

    /// An account takes no more of a route for now (none: of any).
    pub fn stands_back(&self, account: &Account, route: Option<i16>) {
        self.shares().stands_back(account.id, route);
    }

    fn shares(&self) -> std::sync::MutexGuard<'_, Shares> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads how the accounts stand on all nodes: which wait for a person, or were mended, what is used of their quotas, how fast
    /// they may go, and what ails them.
    pub async fn refresh(&self, db: &Db, now: DateTime<Utc>) -> Result<(), DbError> {
        let day = limit::quota_day(now);
        let rows: Vec<Standing> = on!(db.read, |pool, sql| sqlx::query_as(sql(&STANDING)).bind(&day).fetch_all(pool).await)?;
        let troubles = trouble::present(db).await?;
        for account in &self.all {
            let Some(row) = rows.iter().find(|row| row.id == account.id) else { continue };
            let used = u64::try_from(row.used).unwrap_or(0);
            account.used.store(used, Ordering::Relaxed);
            let prepaid = account.config.low_balance.is_some();
            account.broke.store(prepaid && row.balance.is_some_and(|left| left <= 0), Ordering::Relaxed);
            account.set_throttle(Throttle {
                pace: row.pace,
                changed_at: row.pace_at,
                rests_until: row.rests_until,
                rests: row.rests,
            });
            for cause in Cause::ALL {
                account.set_trouble(cause, troubles.iter().any(|t| t.account == account.id && t.cause() == cause));
            }
            // Known at once, and over at once the next day, whenever a node comes to write it down.
            account.set_trouble(Cause::Quota, account.config.daily.is_some_and(|daily| used >= daily));
            let paused = row.paused.clone();
            account.circuit(|circuit| match (paused, circuit.stopped().is_some()) {
                (Some(why), false) => circuit.stop(why),
                (None, true) => circuit.mended(),
                _ => {}
            });
        }
        Ok(())
    }
}

/// Pauses an account until a person resumes it (`why`), or resumes it.
pub async fn pause(db: &Db, account: i64, why: Option<&str>, now: i64) -> Result<(), DbError> {
    transaction!(db, |tx| pause_within(tx, account, why, now).await)
}

/// The same within a transaction of the caller's.
pub async fn pause_within(tx: &mut Tx, account: i64, why: Option<&str>, now: i64) -> Result<(), DbError> {
    within!(tx, |c, sql| {
        sqlx::query(sql(&PAUSE)).bind(account).bind(why).bind(why.map(|_| now)).execute(c).await.map(affected)
    })?;
    match why {
        Some(why) => trouble::begin(tx, account, Cause::Stopped, why, "", now).await?,
        None => trouble::end(tx, account, Cause::Stopped, "", now).await?,
    };
    Ok(())
}

static PAUSED: Sql = Sql::new(r"SELECT a.paused FROM account a WHERE a.id = $1 :lock(a)");

/// Why an account is paused, and nobody changes it before the end of the transaction; none: it is not.
pub async fn paused_within(tx: &mut Tx, account: i64) -> Result<Option<String>, DbError> {
    within!(tx, |c, sql| sqlx::query_scalar(sql(&PAUSED)).bind(account).fetch_one(c).await)
}

static QUOTA: Sql = Sql::new(r"SELECT day, used, paused IS NOT NULL FROM account a WHERE id = $1 :lock(a)");

static USE: Sql = Sql::new(r"UPDATE account SET day = $2, used = $3 WHERE id = $1");

/// Takes one message of an account's day, for what is no delivery. False: it is paused, or its day is used up.
pub async fn take_one(db: &Db, account: &Account, now: DateTime<Utc>) -> Result<bool, DbError> {
    let day = limit::quota_day(now);
    transaction!(db, |tx| {
        let (of, used, paused): (String, i64, bool) =
            within!(tx, |c, sql| sqlx::query_as(sql(&QUOTA)).bind(account.id).fetch_one(c).await)?;
        let used = if of == day { used } else { 0 };
        let most = account.config.daily.map_or(i64::MAX, |daily| i64::try_from(daily).unwrap_or(i64::MAX));
        if paused || used >= most {
            return Ok(false);
        }
        within!(tx, |c, sql| sqlx::query(sql(&USE)).bind(account.id).bind(&day).bind(used + 1).execute(c).await.map(affected))?;
        Ok(true)
    })
}
