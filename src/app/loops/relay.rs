//! The loops of relay orders: they are pushed to outlets, and outlets are reminded of what they owe.

use std::time::Duration;

use tokio::sync::watch;

use super::rest;
use crate::{notice::remind::Reminder, relay::push::Pusher};

/// How often it is looked what is to be pushed, and how long to wait where that failed.
const PUSH: Duration = Duration::from_secs(1);
const UNPUSHED: Duration = Duration::from_secs(5);
/// How often it is looked which reports are late.
const REMIND: Duration = Duration::from_mins(1);

/// Pushes orders. What is on its way when the application stops is waited for, so that nothing is left in doubt for that.
pub(in crate::app) async fn drive_pusher(mut pusher: Pusher, mut stopped: watch::Receiver<bool>) {
    loop {
        let wait = match pusher.step().await {
            Ok(done) if done.begun > 0 => Duration::ZERO,
            Ok(_) => PUSH,
            Err(error) => {
                tracing::error!(%error, "could not push orders to outlets");
                UNPUSHED
            }
        };
        if !rest(wait, &mut stopped).await {
            break;
        }
    }
    pusher.finish().await;
}

/// Marks reports that are late, and reminds outlets of them.
pub(in crate::app) async fn drive_reminder(reminder: Reminder, mut stopped: watch::Receiver<bool>) {
    loop {
        if let Err(error) = reminder.step().await {
            tracing::error!(%error, "could not remind outlets of their reports");
        }
        if !rest(REMIND, &mut stopped).await {
            return;
        }
    }
}
