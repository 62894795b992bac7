//! The loops of a running application: each steps one part until the application stops. What goes wrong in a step is
//! logged, and the loop goes on.

mod relay;
mod runs;
mod sending;
mod upkeep;
mod upstream;

use std::time::Duration;

use tokio::sync::watch;

pub(super) use relay::{drive_pusher, drive_reminder};
pub(super) use runs::{Schedule, drive_pulse, drive_runner, drive_schedule, drive_shelf, drive_warnings};
pub(super) use sending::{
    drive_appender, drive_confirmer, drive_doubts, drive_events, drive_lane, drive_matcher, drive_poller, drive_recorder,
};
pub(super) use upkeep::{
    ask_balances, drive_audit, drive_bulletins, drive_figures, drive_intake, drive_keeper, drive_notices, drive_retention,
    drive_teller, refresh, renew, settle_at,
};
pub(super) use upstream::drive_upstream;

/// Waits for `span`, or until the application stops. False: it stops.
async fn rest(span: Duration, stopped: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = tokio::time::sleep(span) => {}
        // An error means that the application is gone.
        _ = stopped.wait_for(|stop| *stop) => {}
    }
    !*stopped.borrow()
}
