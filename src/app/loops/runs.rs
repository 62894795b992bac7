//! The loops of runs: they are made when they are due or approved, their people listed, and how they stand noted.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::rest;
use crate::{
    app::estimate,
    approval,
    campaign::Holidays,
    clock::Clock,
    config::Config,
    db::Db,
    dispatch::Shared,
    edition::{self, Shelf},
    run::{self, Runner},
};

/// How often the calendar and the campaign files are looked at.
const SCHEDULE: Duration = Duration::from_secs(1);
/// How often an idle runner looks for work.
const RUNNER: Duration = Duration::from_millis(200);
/// How often it is noted how the runs stand.
const PULSE: Duration = Duration::from_secs(10);

pub(in crate::app) async fn drive_runner(runner: Runner, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
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
pub(in crate::app) async fn drive_shelf(
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
            estimate::waiting(&db, &config, &holidays, clock.now()).await
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
pub(in crate::app) struct Schedule {
    pub(in crate::app) db: Db,
    pub(in crate::app) clock: Clock,
    pub(in crate::app) shelf: Arc<Shelf>,
    pub(in crate::app) holidays: Holidays,
    pub(in crate::app) config: Config,
}

pub(in crate::app) async fn drive_schedule(schedule: Schedule, mut stopped: watch::Receiver<bool>) {
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

/// Sends warnings as soon as they are approved, wherever that was.
pub(in crate::app) async fn drive_warnings(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
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

/// Notes how the runs stand, several times a minute.
pub(in crate::app) async fn drive_pulse(db: Db, clock: Clock, mut stopped: watch::Receiver<bool>) {
    loop {
        if let Err(error) = run::pulse::take(&db, clock.millis()).await {
            tracing::error!(%error, "could not note how the runs stand");
        }
        if !rest(PULSE, &mut stopped).await {
            return;
        }
    }
}
