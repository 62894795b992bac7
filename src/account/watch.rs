//! The watch over the accounts, every few seconds on every node: what recovers by itself, what is used up, who is slow.
//!
//! Each finding is written by whichever node comes first and logged by it alone; all nodes read the rows.

use chrono::{DateTime, Utc};

use super::{
    Account, Accounts, slow, throttle,
    trouble::{self, Cause, Trouble},
};
use crate::{
    clock::{Clock, Ticks},
    db::{Db, Result, Sql, affected},
    limit, on, transaction,
    words::{Lang, number},
};

/// How long a balance is believed (milliseconds).
const ASK_BALANCE: i64 = 300_000;
/// A circuit that was opened on another node, which is perhaps gone, counts as closed where this one's works as long after.
const OUTLIVED: i64 = 240_000;

static BALANCE: Sql = Sql::new(r"UPDATE account SET balance = $2, balance_at = $3 WHERE id = $1");

static BALANCE_AT: Sql = Sql::new(r"SELECT balance_at FROM account WHERE id = $1");

/// One look at all accounts.
pub async fn watch(db: &Db, accounts: &Accounts, clock: &Clock) -> Result<()> {
    let now = clock.millis();
    accounts.refresh(db, clock.now()).await?;
    for id in throttle::recover(db, now).await? {
        tracing::info!(account = accounts.name(id), "an account is at its full rate again");
    }
    let troubles = trouble::present(db).await?;
    for account in accounts.all() {
        let has = |cause| troubles.iter().find(|t| t.account == account.id && t.cause() == cause);
        quota(db, accounts, account, has(Cause::Quota), clock.now()).await?;
        for trouble in [Cause::Failing, Cause::GatewayQuota, Cause::Funds].into_iter().filter_map(has) {
            let works = account.worked_at() > trouble.began_at + OUTLIVED && account.is_usable(clock.ticks());
            if works {
                accounts.ends(db, account, trouble.cause(), "", now).await?;
            }
        }
    }
    let ticks = clock.ticks();
    let takers = |id: i64| accounts.all().iter().find(|a| a.id == id).map(|a| accounts.takers(a, ticks)).unwrap_or_default();
    if let Some(moved) = slow::judge(db, accounts.all(), takers, now).await? {
        let account = accounts.name(moved.account);
        if moved.away {
            tracing::warn!(account, late = moved.why, "an account's receipts come late: its messages go elsewhere");
        } else {
            tracing::info!(account, "an account that was slow has its messages again");
        }
    }
    trouble::prune(db, now).await?;
    accounts.refresh(db, clock.now()).await
}

/// Whether the day's quota is used up, or a new day has come.
async fn quota(db: &Db, accounts: &Accounts, account: &Account, known: Option<&Trouble>, now: DateTime<Utc>) -> Result<()> {
    let used = account.used();
    let out = account.config.daily.is_some_and(|daily| used >= daily);
    match (out, known) {
        (true, None) => {
            let why = format!("{used}/{} {}", account.config.daily.unwrap_or(0), limit::quota_day(now));
            accounts.begins(db, account, Cause::Quota, &why, now.timestamp_millis()).await
        }
        (false, Some(_)) => accounts.ends(db, account, Cause::Quota, "", now.timestamp_millis()).await,
        _ => Ok(()),
    }
}

/// Asks the gateways that can be asked what is left of the accounts' money, every few minutes, one node at a time.
pub async fn ask_balances(db: &Db, accounts: &Accounts, clock: &Clock) -> Result<()> {
    for account in accounts.all() {
        let now = clock.millis();
        let asked_at: Option<i64> =
            on!(db.read, |pool, sql| sqlx::query_scalar(sql(&BALANCE_AT)).bind(account.id).fetch_one(pool).await)?;
        if asked_at.is_some_and(|at| (at..at + ASK_BALANCE).contains(&now)) {
            continue;
        }
        match account.provider.balance().await {
            None => {}
            Some(Ok(left)) => balance(db, accounts, account, left, now).await?,
            Some(Err(error)) => {
                tracing::warn!(account = account.config.name, %error, "could not ask for an account's balance");
            }
        }
    }
    Ok(())
}

/// What a gateway said is left of an account's money, in đồng.
async fn balance(db: &Db, accounts: &Accounts, account: &Account, left: i64, now: i64) -> Result<()> {
    on!(db.write, |pool, sql| {
        sqlx::query(sql(&BALANCE)).bind(account.id).bind(left).bind(now).execute(pool).await.map(affected)
    })?;
    // A contract that is billed afterwards may well say zero: only whoever set a mark pays in advance.
    let Some(low) = account.config.low_balance else { return Ok(()) };
    let said = format!("{} đ", number(left, Lang::Vi));
    for (cause, is_so) in [(Cause::LowBalance, left < low && left > 0), (Cause::Funds, left <= 0)] {
        if is_so {
            accounts.begins(db, account, cause, &said, now).await?;
        } else {
            accounts.ends(db, account, cause, &said, now).await?;
        }
    }
    Ok(())
}

impl Accounts {
    /// A trouble of an account begins; where it was not there, it is logged.
    pub async fn begins(&self, db: &Db, account: &Account, cause: Cause, why: &str, now: i64) -> Result<()> {
        let takers = if cause.moves() { self.takers(account, Ticks::MAX) } else { String::new() };
        if transaction!(db, |tx| trouble::begin(tx, account.id, cause, why, &takers, now).await)? {
            account.set_trouble(cause, true);
            tracing::warn!(account = account.config.name, cause = cause.name(), why, takers, "an account has a trouble");
        }
        Ok(())
    }

    /// A trouble of an account ends; where it was there, it is logged.
    pub async fn ends(&self, db: &Db, account: &Account, cause: Cause, how: &str, now: i64) -> Result<()> {
        if transaction!(db, |tx| trouble::end(tx, account.id, cause, how, now).await)? {
            account.set_trouble(cause, false);
            tracing::info!(account = account.config.name, cause = cause.name(), "an account's trouble is over");
        }
        Ok(())
    }
}
