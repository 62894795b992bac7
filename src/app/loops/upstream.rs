//! The loop of a partner's Loa: it takes orders from the department's, and reports on them.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::rest;
use crate::{dispatch::Shared, upstream::Upstream};

/// How often it is looked whether anything is to be done; how often the department is asked is for the settings to say.
const LOOK: Duration = Duration::from_secs(1);
/// How long to wait where that failed.
const AGAIN: Duration = Duration::from_secs(10);

/// Takes orders and carries them out until the application stops. What breaks off in between is done again by the next process.
pub(in crate::app) async fn drive_upstream(upstream: Upstream, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    loop {
        let step = tokio::select! {
            step = upstream.step() => step,
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        let wait = match step {
            Ok(done) => {
                if done.runs > 0 {
                    if let Err(error) = shared.active.refresh().await {
                        tracing::error!(%error, "could not read the runs under way");
                    }
                    shared.work.notify_waiters();
                }
                LOOK
            }
            Err(error) => {
                tracing::error!(%error, "could not go on with the department's orders");
                AGAIN
            }
        };
        if !rest(wait, &mut stopped).await {
            return;
        }
    }
}
