//! The loops of messages and of what comes back of them: lanes send, verdicts are recorded, receipts stored and matched, doubts settled.

use std::{sync::Arc, time::Duration};

use providers::Arrival;
use tokio::sync::{mpsc, watch};

use super::rest;
use crate::{
    account::Account,
    dispatch::{self, Confirmer, Lane, Poller, Recorder, Shared, Verdicts},
    receipt::{Appender, Inbox, Matcher},
};

/// How often doubts are settled.
const DOUBTS: Duration = Duration::from_secs(1);
/// How often receipts that wait for their attempt are matched again.
const SWEEP: Duration = Duration::from_mins(1);
/// How long the first of a swarm of receipts waits to be joined together with others. Its callback is answered already.
const GATHER: Duration = Duration::from_millis(25);
/// How long a standing connection may be quiet before it is closed at the end, and how long that may take in all.
const QUIET: Duration = Duration::from_millis(500);
const LAST_EVENTS: Duration = Duration::from_secs(3);
/// How long to wait after what a gateway said could not be stored.
const UNSTORED: Duration = Duration::from_secs(1);

pub(in crate::app) async fn drive_lane(mut lane: Lane, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    loop {
        if *stopped.borrow() {
            lane.drain().await;
            return;
        }
        // Asked for before the step, so that work that comes during it is not missed.
        let work = shared.work.notified();
        let wait = match lane.step().await {
            Ok(step) => step.wait,
            Err(error) => {
                tracing::error!(%error, "could not claim messages");
                Duration::from_secs(1)
            }
        };
        let flying = lane.flying() > 0;
        tokio::select! {
            _ = lane.landing(), if flying => {}
            () = work => {}
            () = tokio::time::sleep(wait) => {}
            _ = stopped.changed() => {}
        }
    }
}

pub(in crate::app) async fn drive_recorder(mut recorder: Recorder, again: mpsc::Sender<Vec<i64>>) {
    while let Some(recorded) = recorder.step().await {
        if !recorded.early.is_empty() {
            // None may be lost: the sweep would find it only a minute later. A matcher that is gone leaves it to the next process.
            let _ = again.send(recorded.early).await;
        }
    }
}

/// Keeps up an account's standing connection, if its gateway has one, and takes what comes over it. Once the lanes have
/// `drained`, what comes for a moment longer is taken, and the connection is closed.
pub(in crate::app) async fn drive_events(
    account: Arc<Account>,
    inbox: Inbox,
    verdicts: Verdicts,
    mut drained: watch::Receiver<bool>,
) {
    loop {
        let arrival = tokio::select! {
            arrival = account.provider.events() => arrival,
            // An error means that the application is gone.
            _ = drained.wait_for(|drained| *drained) => break,
        };
        let Some(arrival) = arrival else { return };
        // The answers that came before it name the messages that its receipts speak of: once these are recorded, the receipts
        // take effect as they are stored, and need not be looked for again.
        verdicts.written().await;
        if !take(&account, &inbox, arrival).await {
            tokio::time::sleep(UNSTORED).await;
        }
    }
    let last = async {
        while let Ok(Some(arrival)) = tokio::time::timeout(QUIET, account.provider.events()).await {
            take(&account, &inbox, arrival).await;
        }
    };
    // What is still coming after that, the gateway keeps for the next process.
    let _ = tokio::time::timeout(LAST_EVENTS, last).await;
    account.provider.close().await;
}

/// Commits what came, and has it answered. False: it was not stored, and the gateway is asked to repeat it.
async fn take(account: &Account, inbox: &Inbox, arrival: Arrival) -> bool {
    match inbox.take(account.id, account.config.channel, arrival.events).await {
        Ok(taken) => {
            arrival.acknowledge.committed();
            for detail in taken.said {
                tracing::info!(account = account.config.name, detail, "the gateway says something of the account");
            }
            true
        }
        Err(error) => {
            tracing::warn!(account = account.config.name, %error, "asked a gateway to repeat what it said");
            false
        }
    }
}

pub(in crate::app) async fn drive_appender(mut appender: Appender, arrived: Arc<tokio::sync::Notify>, shared: Arc<Shared>) {
    while let Some(stored) = appender.step().await {
        if stored.open > 0 {
            arrived.notify_one();
        }
        if stored.applied > 0 {
            // What failed may have moved on to its next channel.
            shared.work.notify_waiters();
        }
    }
    arrived.notify_one();
}

pub(in crate::app) async fn drive_matcher(
    matcher: Matcher,
    arrived: Arc<tokio::sync::Notify>,
    mut early: mpsc::Receiver<Vec<i64>>,
    again: mpsc::Sender<Vec<i64>>,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    // Held so that `early` stays open on a node that sends nothing.
    let _again = again;
    let mut after = 0;
    let mut swept = tokio::time::Instant::now();
    loop {
        match matcher.step(after).await {
            Ok(step) => {
                after = step.last;
                if !step.early.is_empty()
                    && let Err(error) = matcher.again(&step.early).await
                {
                    tracing::error!(%error, "could not match receipts that came early; the sweep will");
                }
                if step.applied > 0 {
                    shared.work.notify_waiters();
                }
                if step.seen > 0 {
                    continue;
                }
            }
            Err(error) => {
                tracing::error!(%error, "could not match receipts");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        if *stopped.borrow() {
            return;
        }
        if swept.elapsed() >= SWEEP {
            swept = tokio::time::Instant::now();
            after = 0;
            continue;
        }
        tokio::select! {
            biased;
            Some(mut receipts) = early.recv() => {
                // All that wait at once: one after the other, they would come faster than they are matched.
                while let Ok(more) = early.try_recv() {
                    receipts.extend(more);
                }
                if let Err(error) = matcher.again(&receipts).await {
                    tracing::error!(%error, "could not match receipts that came early; the sweep will");
                }
            }
            // Receipts come in swarms: joined many at a time, they leave the writer free to commit the next ones.
            () = arrived.notified() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            _ = stopped.changed() => {}
        }
    }
}

pub(in crate::app) async fn drive_poller(mut poller: Poller, matcher: Matcher, mut stopped: watch::Receiver<bool>) {
    loop {
        let asked = async {
            let step = poller.step().await?;
            matcher.learn(&step.news).await?;
            Ok::<_, crate::db::DbError>(step.wait)
        };
        let wait = asked.await.unwrap_or_else(|error| {
            tracing::error!(%error, "could not ask gateways what became of messages");
            DOUBTS
        });
        if !rest(wait, &mut stopped).await {
            return;
        }
    }
}

pub(in crate::app) async fn drive_doubts(shared: Arc<Shared>, matcher: Matcher, mut stopped: watch::Receiver<bool>) {
    loop {
        let settled = async {
            let news = dispatch::doubt::ask(&shared).await?;
            matcher.learn(&news).await?;
            dispatch::doubt::settle(&shared).await
        };
        if let Err(error) = settled.await {
            tracing::error!(%error, "could not settle doubts");
        }
        if !rest(DOUBTS, &mut stopped).await {
            return;
        }
    }
}

pub(in crate::app) async fn drive_confirmer(mut confirmer: Confirmer, mut stopped: watch::Receiver<bool>) {
    loop {
        let wait = match confirmer.step().await {
            Ok(step) => step.wait,
            Err(error) => {
                tracing::error!(%error, "could not confirm refusals");
                Duration::from_secs(1)
            }
        };
        if !rest(wait, &mut stopped).await {
            return;
        }
    }
}
