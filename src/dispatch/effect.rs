//! What a judgement does to its account: the circuit, the pace, the troubles that people see.
//!
//! What can go wrong is the database: the effect holds in this process all the same, and the next failure writes it again.

use std::time::Duration;

use providers::Reason;

use super::{Shared, judge::Effect};
use crate::{
    account::{self, Account, throttle, trouble::Cause},
    health::Circuit,
};

/// Applies an effect. What has to be written is seldom: boxed, it makes no send's task large.
pub(super) async fn apply(shared: &Shared, account: &Account, effect: Effect) {
    let (now, ticks) = (shared.clock.millis(), shared.clock.ticks());
    let done = match effect {
        Effect::Works => {
            account.works(now);
            if !account.circuit(Circuit::succeeded) {
                return;
            }
            Box::pin(over(shared, account, now)).await
        }
        Effect::Failed { after, detail } => {
            if !account.circuit(|circuit| circuit.failed(ticks, after)) {
                return;
            }
            Box::pin(shared.accounts.begins(&shared.db, account, Cause::Failing, &detail, now)).await
        }
        Effect::Emptied { reason, after, detail } => {
            if !account.circuit(|circuit| circuit.emptied(ticks, after)) {
                return;
            }
            let cause = if reason == Reason::Funds { Cause::Funds } else { Cause::GatewayQuota };
            Box::pin(shared.accounts.begins(&shared.db, account, cause, &detail, now)).await
        }
        Effect::Throttled { after, detail } => Box::pin(throttled(shared, account, after, &detail, now)).await,
        Effect::Stop(why) => Box::pin(stop(shared, account, &why, now)).await,
    };
    if let Err(error) = done {
        tracing::error!(account = account.config.name, %error, "could not store how the account does");
    }
}

/// The circuit closed: whatever opened it is over.
async fn over(shared: &Shared, account: &Account, now: i64) -> crate::db::Result<()> {
    for cause in [Cause::Failing, Cause::GatewayQuota, Cause::Funds] {
        shared.accounts.ends(&shared.db, account, cause, "", now).await?;
    }
    Ok(())
}

async fn throttled(shared: &Shared, account: &Account, after: Option<Duration>, why: &str, now: i64) -> crate::db::Result<()> {
    // Many sends in flight are refused together: only the first one has anything to write.
    let Some(own) = account.throttle().recovered(now).throttled(now, after, account.worked_at()) else { return Ok(()) };
    account.set_throttle(own);
    let (throttle, changed) = throttle::slow_down(&shared.db, account.id, after, account.worked_at(), why, now).await?;
    account.set_throttle(throttle);
    if changed {
        let (account, permille, rest) = (&account.config.name, throttle.pace, throttle.rests_until - now);
        tracing::warn!(account, permille, rest, why, "an account was too fast for its gateway: it rests, then goes more slowly");
    }
    Ok(())
}

async fn stop(shared: &Shared, account: &Account, why: &str, now: i64) -> crate::db::Result<()> {
    let first = account.circuit(|circuit| {
        let first = circuit.stopped().is_none();
        circuit.stop(why.to_string());
        first
    });
    if !first {
        return Ok(());
    }
    let name = &account.config.name;
    tracing::error!(account = name, why, "paused an account: a person must mend it, then run `loa accounts --resume`");
    account::pause(&shared.db, account.id, Some(why), now).await
}
