//! The loops of a running application: each steps one part until the application stops. What goes wrong in a step is
//! logged, and the loop goes on.

use std::sync::Arc;
use std::time::Duration;

use providers::Arrival;
use tokio::sync::{mpsc, watch};

use crate::{
    account::{self, Account},
    approval,
    audience::figure,
    audit,
    campaign::Holidays,
    clock::Clock,
    config::Config,
    db::Db,
    dispatch::{self, Confirmer, Lane, Poller, Recorder, Shared, Verdicts},
    edition::{self, Shelf},
    epoch,
    intake::Intake,
    notice::{self, mail::Post},
    receipt::{Appender, Inbox, Matcher},
    report::kept::Keeper,
    retention::Retention,
    run::{self, Runner},
    seal::hex,
    webhook::tell::Teller,
};

/// How often what others changed is read again: it bounds how fast a stop or a refusal bites.
const REFRESH: Duration = Duration::from_millis(250);
/// How often a lease is renewed, lapsed processes are swept and accounts are read again.
const RENEW: Duration = Duration::from_secs(5);
/// How often it is looked for what somebody should know of.
const NOTICES: Duration = Duration::from_secs(15);
/// How often an idle intake looks for uploaded lists; a new one wakes it.
const INTAKE: Duration = Duration::from_secs(5);
/// How often it is looked whether people are to be counted anew.
const FIGURES: Duration = Duration::from_mins(1);
/// How often the calendar and the campaign files are looked at.
const SCHEDULE: Duration = Duration::from_secs(1);
/// How often an idle runner looks for work.
const RUNNER: Duration = Duration::from_millis(200);
/// How often it is noted how the runs stand.
const PULSE: Duration = Duration::from_secs(10);
/// How often doubts are settled.
const DOUBTS: Duration = Duration::from_secs(1);
/// How often it is looked at whether a balance is to be asked for again.
const BALANCES: Duration = Duration::from_secs(30);
/// How often receipts that wait for their attempt are matched again.
const SWEEP: Duration = Duration::from_mins(1);
/// How often it is looked what webhooks are to be told, and how long to wait where that failed.
const TELL: Duration = Duration::from_secs(1);
const UNTOLD: Duration = Duration::from_secs(5);
/// How often it is looked what is too old, and how long each chunk of it leaves the database to others.
const RETENTION: Duration = Duration::from_hours(1);
const BETWEEN_CHUNKS: Duration = Duration::from_millis(200);
/// How often it is looked which figures are out of date.
const KEPT: Duration = Duration::from_secs(1);
/// How often the log is told the end of the record of who did what.
const AUDIT: Duration = Duration::from_hours(24);
/// How long the first of a swarm of receipts waits to be joined together with others. Its callback is answered already.
const GATHER: Duration = Duration::from_millis(25);

pub(super) fn settle_at(now: i64) -> i64 {
    now + i64::try_from(dispatch::judge::DOUBT_WAIT.as_millis()).unwrap_or(0)
}

/// How long a standing connection may be quiet before it is closed at the end, and how long that may take in all.
const QUIET: Duration = Duration::from_millis(500);
const LAST_EVENTS: Duration = Duration::from_secs(3);
/// How long to wait after what a gateway said could not be stored.
const UNSTORED: Duration = Duration::from_secs(1);

/// Waits for `span`, or until the application stops. False: it stops.
async fn rest(span: Duration, stopped: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = tokio::time::sleep(span) => {}
        // An error means that the application is gone.
        _ = stopped.wait_for(|stop| *stop) => {}
    }
    !*stopped.borrow()
}

pub(super) async fn refresh(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
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
pub(super) async fn renew(shared: Arc<Shared>, stopped: watch::Receiver<bool>) {
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
pub(super) async fn ask_balances(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
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

pub(super) async fn drive_runner(runner: Runner, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    loop {
        let more = match runner.step().await {
            Ok(more) => more,
            Err(error) => {
                tracing::error!(%error, "could not go on with the runs");
                false
            }
        };
        if more {
            shared.work.notify_waiters();
            if let Err(error) = shared.active.refresh().await {
                tracing::error!(%error, "could not read the runs under way");
            }
            if *stopped.borrow() {
                return;
            }
        } else if !rest(RUNNER, &mut stopped).await {
            return;
        }
    }
}

/// Keeps the library as the files and the console have it, puts forward what changed without anybody asking for a decision, and
/// counts whom what waits would go to.
pub(super) async fn drive_shelf(
    shelf: Arc<Shelf>,
    db: Db,
    clock: Clock,
    (config, holidays): (Config, Holidays),
    mut stopped: watch::Receiver<bool>,
) {
    let mut seen = None;
    loop {
        let looked = async {
            let look = shelf.look(&db).await?;
            let required = approval::is_required(&db, &config).await?;
            if required && seen != Some(look.turn) {
                edition::watch(&db, &look.library, clock.millis()).await?;
            }
            seen = required.then_some(look.turn);
            super::estimate::waiting(&db, &config, &holidays, clock.now()).await
        };
        if let Err(error) = looked.await {
            tracing::error!(%error, "could not look for changed definitions");
        }
        if !rest(SCHEDULE, &mut stopped).await {
            return;
        }
    }
}

/// Makes the runs that are due.
pub(super) struct Schedule {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) shelf: Arc<Shelf>,
    pub(super) holidays: Holidays,
    pub(super) config: Config,
}

pub(super) async fn drive_schedule(schedule: Schedule, mut stopped: watch::Receiver<bool>) {
    loop {
        let now = schedule.clock.now();
        let made = async {
            let library = schedule.shelf.library(&schedule.db).await?;
            let released = approval::released(&schedule.db, &schedule.config, &library).await?;
            run::make::due(&schedule.db, &released, &schedule.holidays, now).await
        };
        if let Err(error) = made.await {
            tracing::error!(%error, "could not make the runs that are due");
        }
        if !rest(SCHEDULE, &mut stopped).await {
            return;
        }
    }
}

pub(super) async fn drive_lane(mut lane: Lane, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
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

/// Keeps up an account's standing connection, if its gateway has one, and takes what comes over it. Once the lanes have
/// `drained`, what comes for a moment longer is taken, and the connection is closed.
pub(super) async fn drive_events(account: Arc<Account>, inbox: Inbox, verdicts: Verdicts, mut drained: watch::Receiver<bool>) {
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

pub(super) async fn drive_doubts(shared: Arc<Shared>, matcher: Matcher, mut stopped: watch::Receiver<bool>) {
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

/// Tells webhooks what happened: at once while there is something to tell, else it looks once a second.
pub(super) async fn drive_teller(mut teller: Teller, mut stopped: watch::Receiver<bool>) {
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

/// Notes how the runs stand, several times a minute.
pub(super) async fn drive_pulse(db: Db, clock: Clock, mut stopped: watch::Receiver<bool>) {
    loop {
        if let Err(error) = run::pulse::take(&db, clock.millis()).await {
            tracing::error!(%error, "could not note how the runs stand");
        }
        if !rest(PULSE, &mut stopped).await {
            return;
        }
    }
}

/// Sends warnings as soon as they are approved, wherever that was.
pub(super) async fn drive_warnings(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    loop {
        match run::warning::send_approved(&shared.db, shared.clock.millis()).await {
            Ok(made) if made.is_empty() => {}
            Ok(_) => {
                if let Err(error) = shared.active.refresh().await {
                    tracing::error!(%error, "could not read the runs under way");
                }
                shared.work.notify_waiters();
            }
            Err(error) => tracing::error!(%error, "could not look for approved warnings"),
        }
        if !rest(SCHEDULE, &mut stopped).await {
            return;
        }
    }
}

/// Tells the log the end of the record of who did what, at the start and once a day: a log that is kept elsewhere finds out whoever
/// writes the record anew (`loa audit verify --head`).
pub(super) async fn drive_audit(db: Db, mut stopped: watch::Receiver<bool>) {
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

/// Throws away what is too old, once an hour and chunk by chunk.
pub(super) async fn drive_retention(mut retention: Retention, mut stopped: watch::Receiver<bool>) {
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

/// Counts the figures of pages, one selection after the other.
pub(super) async fn drive_keeper(mut keeper: Keeper, mut stopped: watch::Receiver<bool>) {
    loop {
        let wait = match keeper.step().await {
            Ok(true) => BETWEEN_CHUNKS,
            Ok(false) => KEPT,
            Err(error) => {
                tracing::error!(%error, "could not count figures");
                SWEEP
            }
        };
        if !rest(wait, &mut stopped).await {
            return;
        }
    }
}

/// Looks for what somebody should know of, and sends mails that tell of it.
pub(super) async fn drive_notices(ground: notice::find::Ground, post: Post, mut stopped: watch::Receiver<bool>) {
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
pub(super) async fn drive_intake(intake: Intake, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
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
pub(super) async fn drive_figures(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    loop {
        if let Err(error) = figure::count(&shared.db, shared.clock.millis()).await {
            tracing::error!(%error, "could not count the people");
        }
        if !rest(FIGURES, &mut stopped).await {
            return;
        }
    }
}

pub(super) async fn drive_confirmer(mut confirmer: Confirmer, mut stopped: watch::Receiver<bool>) {
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

pub(super) async fn drive_poller(mut poller: Poller, matcher: Matcher, mut stopped: watch::Receiver<bool>) {
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

pub(super) async fn drive_recorder(mut recorder: Recorder, again: mpsc::Sender<Vec<i64>>) {
    while let Some(recorded) = recorder.step().await {
        if !recorded.early.is_empty() {
            // None may be lost: the sweep would find it only a minute later. A matcher that is gone leaves it to the next process.
            let _ = again.send(recorded.early).await;
        }
    }
}

pub(super) async fn drive_appender(mut appender: Appender, arrived: Arc<tokio::sync::Notify>, shared: Arc<Shared>) {
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

pub(super) async fn drive_matcher(
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
