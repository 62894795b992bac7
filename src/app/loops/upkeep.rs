//! The loops that keep everything else up: what others changed is read again, leases are renewed, lists come in, figures are counted,
//! people and other programs are told what they should know, and what is too old goes.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::rest;
use crate::{
    account,
    audience::figure,
    audit,
    bulletin::poll::Poller as Bulletins,
    db::Db,
    dispatch::{self, Shared},
    epoch,
    intake::Intake,
    notice::{self, mail::Post},
    report::kept::Keeper,
    retention::Retention,
    seal::hex,
    webhook::tell::Teller,
};

/// How often what others changed is read again: it bounds how fast a stop or a refusal bites.
const REFRESH: Duration = Duration::from_millis(250);
/// How often a lease is renewed, lapsed processes are swept and accounts are read again.
const RENEW: Duration = Duration::from_secs(5);
/// How often it is looked at whether a balance is to be asked for again.
const BALANCES: Duration = Duration::from_secs(30);
/// How often it is looked for what somebody should know of.
const NOTICES: Duration = Duration::from_secs(15);
/// How often an idle intake looks for uploaded lists; a new one wakes it.
const INTAKE: Duration = Duration::from_secs(5);
/// How often it is looked whether people are to be counted anew.
const FIGURES: Duration = Duration::from_mins(1);
/// How often it is looked what webhooks are to be told, and how long to wait where that failed.
const TELL: Duration = Duration::from_secs(1);
const UNTOLD: Duration = Duration::from_secs(5);
/// How often it is looked which source of bulletins is due.
const BULLETINS: Duration = Duration::from_secs(5);
/// How often it is looked what is too old, and how long each chunk of it leaves the database to others.
const RETENTION: Duration = Duration::from_hours(1);
const BETWEEN_CHUNKS: Duration = Duration::from_millis(200);
/// How often it is looked which figures are out of date.
const KEPT: Duration = Duration::from_secs(1);
/// How long to wait where figures could not be counted.
const UNCOUNTED: Duration = Duration::from_mins(1);
/// How often the log is told the end of the record of who did what.
const AUDIT: Duration = Duration::from_hours(24);

pub(in crate::app) fn settle_at(now: i64) -> i64 {
    now + i64::try_from(dispatch::judge::DOUBT_WAIT.as_millis()).unwrap_or(0)
}

pub(in crate::app) async fn refresh(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    loop {
        if let Err(error) = shared.active.refresh().await {
            tracing::error!(%error, "could not read the runs under way");
        }
        if !rest(REFRESH, &mut stopped).await {
            return;
        }
    }
}

/// Renews the lease until the very end, so that what is recorded last is still owned.
pub(in crate::app) async fn renew(shared: Arc<Shared>, stopped: watch::Receiver<bool>) {
    loop {
        tokio::time::sleep(RENEW).await;
        if let Err(error) = shared.renew_lease().await {
            tracing::error!(%error, "could not renew the lease");
        }
        if *stopped.borrow() {
            continue;
        }
        if let Err(error) = account::watch::watch(&shared.db, &shared.accounts, &shared.clock).await {
            tracing::error!(%error, "could not look after the accounts");
        }
        let now = shared.clock.millis();
        if let Err(error) = epoch::sweep(&shared.db, shared.epoch(), settle_at(now), now).await {
            tracing::error!(%error, "could not look for processes that are gone");
        }
    }
}

/// Asks for balances, apart from everything that must not wait for a gateway.
pub(in crate::app) async fn ask_balances(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    loop {
        if let Err(error) = account::watch::ask_balances(&shared.db, &shared.accounts, &shared.clock).await {
            tracing::error!(%error, "could not ask for the accounts' balances");
        }
        // One that waits for a person has nothing to be kept up.
        for account in shared.accounts.all().iter().filter(|account| account.circuit(|c| c.stopped().is_none())) {
            account.provider.upkeep().await;
        }
        if !rest(BALANCES, &mut stopped).await {
            return;
        }
    }
}

/// Looks for what somebody should know of, and sends mails that tell of it.
pub(in crate::app) async fn drive_notices(ground: notice::find::Ground, post: Post, mut stopped: watch::Receiver<bool>) {
    loop {
        let looked = async {
            let found = notice::find::all(&ground).await?;
            notice::reconcile(&ground.db, &found, ground.clock.millis()).await?;
            post.step().await
        };
        if let Err(error) = looked.await {
            tracing::error!(%error, "could not look for what somebody should know of");
        }
        if !rest(NOTICES, &mut stopped).await {
            return;
        }
    }
}

/// Goes through uploaded lists and takes them in. The end of the process breaks off what is under way: the next one goes on with it.
pub(in crate::app) async fn drive_intake(intake: Intake, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    loop {
        // Asked for before the step, so that a list that comes during it is not missed.
        let work = shared.work.notified();
        let step = async {
            match intake.step().await {
                Ok(more) => more,
                Err(error) => {
                    tracing::error!(%error, "could not go on with an uploaded list");
                    false
                }
            }
        };
        let more = tokio::select! {
            more = step => more,
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        if more {
            // Who is on the list now is counted at once.
            if let Err(error) = figure::count(&shared.db, shared.clock.millis()).await {
                tracing::error!(%error, "could not count the people");
            }
            continue;
        }
        tokio::select! {
            () = work => {}
            () = tokio::time::sleep(INTAKE) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

/// Counts the people anew where a list came in, or the count is old.
pub(in crate::app) async fn drive_figures(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    loop {
        if let Err(error) = figure::count(&shared.db, shared.clock.millis()).await {
            tracing::error!(%error, "could not count the people");
        }
        if !rest(FIGURES, &mut stopped).await {
            return;
        }
    }
}

/// Counts the figures of pages, one selection after the other.
pub(in crate::app) async fn drive_keeper(mut keeper: Keeper, mut stopped: watch::Receiver<bool>) {
    loop {
        let wait = match keeper.step().await {
            Ok(true) => BETWEEN_CHUNKS,
            Ok(false) => KEPT,
            Err(error) => {
                tracing::error!(%error, "could not count figures");
                UNCOUNTED
            }
        };
        if !rest(wait, &mut stopped).await {
            return;
        }
    }
}

/// Tells webhooks what happened: at once while there is something to tell, else it looks once a second.
pub(in crate::app) async fn drive_teller(mut teller: Teller, mut stopped: watch::Receiver<bool>) {
    loop {
        let step = tokio::select! {
            step = teller.step() => step,
            // What is on its way is told again, under the same id.
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        let wait = match step {
            Ok(told) if told.more => Duration::ZERO,
            Ok(_) => TELL,
            Err(error) => {
                tracing::error!(%error, "could not tell webhooks what happened");
                UNTOLD
            }
        };
        if !rest(wait, &mut stopped).await {
            return;
        }
    }
}

/// Looks at the sources of bulletins that are due. The end of the process breaks off what is under way: another look goes on with it.
pub(in crate::app) async fn drive_bulletins(bulletins: Bulletins, mut stopped: watch::Receiver<bool>) {
    loop {
        let step = tokio::select! {
            step = bulletins.step() => step,
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        if let Err(error) = step {
            tracing::error!(%error, "could not take bulletins in");
        }
        if !rest(BULLETINS, &mut stopped).await {
            return;
        }
    }
}

/// Throws away what is too old, once an hour and chunk by chunk.
pub(in crate::app) async fn drive_retention(mut retention: Retention, mut stopped: watch::Receiver<bool>) {
    loop {
        let wait = match retention.step().await {
            Ok(pruned) if pruned.more => BETWEEN_CHUNKS,
            Ok(_) => RETENTION,
            Err(error) => {
                tracing::error!(%error, "could not throw away what is too old");
                RETENTION
            }
        };
        if !rest(wait, &mut stopped).await {
            return;
        }
    }
}

/// Tells the log the end of the record of who did what, at the start and once a day: a log that is kept elsewhere finds out whoever
/// writes the record anew (`loa audit verify --head`).
pub(in crate::app) async fn drive_audit(db: Db, mut stopped: watch::Receiver<bool>) {
    loop {
        match audit::head(&db).await {
            Ok(head) => {
                tracing::info!(head = format!("{}:{}", head.seq, hex(&head.hash)), "the end of the record of who did what");
            }
            Err(error) => tracing::error!(%error, "could not read the end of the record of who did what"),
        }
        if !rest(AUDIT, &mut stopped).await {
            return;
        }
    }
}
