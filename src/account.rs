//! Accounts: a provider with its limits, circuit and quota, and which of them serves a route.
//!
//! What enters: `[[account]]` of loa.toml and the gateways' descriptions. What leaves: [`Accounts`], which knows for
//! every route whose turn it is: the lowest priority number that is usable; equal ones share. What can go wrong: a
//! setting that the gateway does not know or needs, which [`AccountError`] names.

mod adapter;

use std::collections::{BTreeMap, HashMap};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use std::time::Duration;

use chrono::{DateTime, Utc};
use providers::{Abilities, Channel, Provider};

pub use adapter::{AccountError, Gateways, SMPP, SMTP, gateways, handle_key, provider};

use self::adapter::groups;
use crate::{
    audience::phone::Carrier,
    clock::Clock,
    config::{self, Config},
    db::{Db, DbError, Sql, affected},
    health::Circuit,
    limit::{self, Pace},
    on,
    seal::{Seal, hex},
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
    out_of_quota: AtomicBool,
    /// Of the day's quota, as it was last read.
    used: AtomicU64,
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
        let (circuit, out_of_quota, used) = (Mutex::default(), AtomicBool::new(false), AtomicU64::new(0));
        Self { id, config, provider, abilities, pace, groups, callback, circuit, out_of_quota, used }
    }

    /// Looks at, or tells, its circuit.
    pub fn circuit<T>(&self, look: impl FnOnce(&mut Circuit) -> T) -> T {
        look(&mut self.circuit.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether its day's quota is used up, as its last claim saw it.
    pub fn set_out_of_quota(&self, out: bool) {
        self.out_of_quota.store(out, Ordering::Relaxed);
    }

    /// Whether it serves a route.
    pub fn serves(&self, route: i16) -> bool {
        self.config.channel as i16 == route >> 4 && (self.groups.is_empty() || self.groups.contains(&(route & 15)))
    }

    /// The routes that it serves.
    pub fn routes(&self) -> Vec<i16> {
        let channel = (self.config.channel as i16) << 4;
        let all: Vec<i16> = match self.config.channel {
            Channel::Sms => (0..8).collect(),
            Channel::Email => vec![0],
            Channel::Chat => (0..3).collect(),
        };
        let groups = if self.groups.is_empty() { &all } else { &self.groups };
        groups.iter().map(|group| channel | group).collect()
    }

    /// Đồng a part for a carrier group.
    pub fn price(&self, group: i16) -> i64 {
        let carrier = Carrier::from_number(i64::from(group)).map(Carrier::name);
        carrier.and_then(|name| self.config.price.by_carrier.get(name)).copied().unwrap_or(self.config.price.default)
    }

    /// Đồng a part at the dearest carrier.
    pub fn dearest_price(&self) -> i64 {
        self.config.price.by_carrier.values().copied().max().unwrap_or(0).max(self.config.price.default)
    }

    /// Whether messages should go this way rather than to an account of a higher priority number.
    pub fn is_usable(&self, now: i64) -> bool {
        !self.out_of_quota.load(Ordering::Relaxed) && self.circuit(|c| c.is_usable(now))
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
}

static ENSURE: Sql = Sql::new(
    r"INSERT INTO account (name, channel, receipts, tat, day, used, paused) VALUES ($1, $2, $3, 0, '', 0, NULL)
      ON CONFLICT (name) DO UPDATE SET channel = excluded.channel, receipts = excluded.receipts RETURNING id",
);

static PAUSE: Sql = Sql::new(r"UPDATE account SET paused = $2, paused_at = $3 WHERE id = $1");

static STANDING: Sql = Sql::new(r"SELECT id, paused, CASE WHEN day = $1 THEN used ELSE 0 END FROM account");

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
                None => provider(account, config, gateways, clock, Some(seal))?,
            };
            let abilities = provider.can();
            let id: i64 = on!(db.write, |pool, sql| {
                sqlx::query_scalar(sql(&ENSURE))
                    .bind(&account.name)
                    .bind(account.channel as i16)
                    .bind(account.receipts && abilities.receipts)
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
        Self { all, by_name }
    }

    /// All of them, the lowest priority number first.
    pub fn all(&self) -> &[Arc<Account>] {
        &self.all
    }

    /// The account with this name.
    pub fn named(&self, name: &str) -> Option<&Arc<Account>> {
        self.by_name.get(name)
    }

    /// What an account may take from a route at `now`.
    pub fn share(&self, account: &Account, route: i16, now: i64) -> Share {
        let better =
            |other: &Arc<Account>| other.config.priority < account.config.priority && other.serves(route) && other.is_usable(now);
        if self.all.iter().any(better) { Share::Pinned } else { Share::All }
    }

    /// How many messages a channel can carry within a time by its accounts' rates and quotas; none without accounts:
    /// then nothing is known of it.
    pub fn capacity(&self, channel: Channel, within: Duration) -> Option<u64> {
        let mut capacity = None;
        for account in self.all.iter().filter(|a| a.config.channel == channel) {
            let rate = account.config.rate;
            let by_rate = u128::from(rate.count) * within.as_nanos() / rate.per.as_nanos().max(1);
            let quota = account.config.daily.map(|daily| daily.saturating_sub(account.used.load(Ordering::Relaxed)));
            let most = u64::try_from(by_rate).unwrap_or(u64::MAX).min(quota.unwrap_or(u64::MAX));
            *capacity.get_or_insert(0u64) += if account.circuit(|c| c.stopped().is_some()) { 0 } else { most };
        }
        capacity
    }

    /// Reads how the accounts stand on all nodes: which wait for a person, or were mended, and what is used of their quotas.
    pub async fn refresh(&self, db: &Db, now: DateTime<Utc>) -> Result<(), DbError> {
        let day = limit::quota_day(now);
        let rows: Vec<(i64, Option<String>, i64)> =
            on!(db.read, |pool, sql| sqlx::query_as(sql(&STANDING)).bind(&day).fetch_all(pool).await)?;
        for account in &self.all {
            let Some((_, paused, used)) = rows.iter().find(|(id, ..)| *id == account.id) else { continue };
            account.used.store(u64::try_from(*used).unwrap_or(0), Ordering::Relaxed);
            let paused = paused.clone();
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
    on!(db.write, |pool, sql| {
        sqlx::query(sql(&PAUSE)).bind(account).bind(why).bind(why.map(|_| now)).execute(pool).await.map(affected)
    })?;
    Ok(())
}
