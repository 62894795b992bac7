//! Settles doubts: asks the gateway where it can be asked, then repeats, tries anew or gives up, as the campaign says.

use std::collections::BTreeMap;
use std::sync::Arc;

use providers::{About, Handle};

use super::{Shared, millis};
use crate::{
    active::Active,
    delivery::{
        Reference, State, Why,
        close::{self, Doubt, Settle},
        handle::{self, Attempt},
        learn::News,
        run_of,
    },
    transaction,
};

/// Doubts that one step settles.
const CHUNK: i64 = 500;

/// What the gateways say of doubts that are due; the caller joins it before it calls [`settle`].
pub async fn ask(shared: &Shared) -> crate::db::Result<Vec<News>> {
    let now = shared.clock.millis();
    if !shared.accounts.all().iter().any(|account| account.abilities.status) {
        return Ok(Vec::new());
    }
    let (due, ids) = transaction!(shared.db, |tx| {
        let due = close::doubts(tx, now, CHUNK).await?;
        let ids = handle::ids(tx, due.iter().map(|doubt| doubt.id)).await?;
        Ok((due, ids))
    })?;
    let mut by_account: BTreeMap<i64, Vec<&Doubt>> = BTreeMap::new();
    for doubt in &due {
        by_account.entry(doubt.account).or_default().push(doubt);
    }
    let mut news = Vec::new();
    for account in shared.accounts.all().iter().filter(|a| a.abilities.status) {
        let Some(doubts) = by_account.get(&account.id) else { continue };
        let references: BTreeMap<String, &Doubt> =
            doubts.iter().map(|d| (Reference { delivery: d.id, attempt: d.attempt }.encode(&shared.seal), *d)).collect();
        let handles: Vec<Handle> = references
            .iter()
            .map(|(reference, doubt)| Handle {
                reference: reference.clone(),
                ids: ids
                    .get(&Attempt { delivery: doubt.id, attempt: doubt.attempt, account: account.id })
                    .cloned()
                    .unwrap_or_default(),
                sent_at: chrono::DateTime::from_timestamp_millis(doubt.updated_at).unwrap_or_default(),
            })
            .collect();
        match account.provider.status(&handles).await {
            Ok(receipts) => news.extend(receipts.into_iter().filter_map(|receipt| {
                let (doubt, handle) = match &receipt.about {
                    About::Reference(reference) => (references.get(reference)?, None),
                    About::Id(id) => {
                        let known = handles.iter().find(|handle| handle.ids.contains(id))?;
                        (references.get(&known.reference)?, Some((account.id, id.clone())))
                    }
                };
                Some(News {
                    delivery: doubt.id,
                    attempt: doubt.attempt,
                    handle,
                    state: State::from(receipt.state),
                    why: receipt.reason.map_or(Why::Nothing, Why::Gateway),
                    detail: receipt.detail,
                })
            })),
            Err(error) => tracing::warn!(account = account.config.name, %error, "could not ask about messages in doubt"),
        }
    }
    Ok(news)
}

/// Settles doubts that are due. How many; as many as a chunk holds means that more may wait.
pub async fn settle(shared: &Shared) -> crate::db::Result<usize> {
    let now = shared.clock.millis();
    let plans = shared.active.plans();
    let settled = transaction!(shared.db, |tx| {
        let due = close::doubts(tx, now, CHUNK).await?;
        let settled: Vec<(Doubt, Settle)> =
            due.into_iter().map(|doubt| (doubt.clone(), how(shared, &shared.active, &doubt, now))).collect();
        close::settle(tx, shared.epoch(), &plans, &settled, now).await?;
        Ok(settled.len())
    })?;
    if settled > 0 {
        shared.work.notify_waiters();
    }
    Ok(settled)
}

/// Once, only while the run is active and in time; unchanged, where the gateway still ignores a repeated reference.
fn how(shared: &Shared, active: &Arc<Active>, doubt: &Doubt, now: i64) -> Settle {
    let Some(run) = active.get(run_of(doubt.id)) else { return Settle::Unknown };
    let lasting = run.row.state < crate::active::RunState::Settled as i16 && now < run.row.expires_at;
    if !run.resends() || !lasting || doubt.doubts > 1 {
        return Settle::Unknown;
    }
    let account = shared.accounts.all().iter().find(|account| account.id == doubt.account);
    let ignored = account.map_or(0, |account| millis(account.abilities.ignores_repeats_for));
    if doubt.updated_at + ignored > now + millis(crate::epoch::SAFETY) { Settle::Repeat } else { Settle::Anew }
}
