//! Connections between two mails.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::connection::Connection;

/// Servers commonly hang up on a silent client after one to five minutes: earlier than that we do.
const IDLE: Duration = Duration::from_secs(50);

/// Open connections that nobody is using. The window, not the pool, bounds how many there can be.
#[derive(Default)]
pub(super) struct Pool(Mutex<Vec<(Connection, Instant)>>);

impl Pool {
    /// The connection used last that is still good; what is not is dropped on the way.
    pub(super) fn take(&self) -> Option<Connection> {
        let mut idle = self.idle();
        while let Some((mut connection, since)) = idle.pop() {
            if since.elapsed() < IDLE && connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection for the next mail, unless its last one left it out of step.
    pub(super) fn put(&self, connection: Connection) {
        if !connection.is_usable() {
            return;
        }
        let mut idle = self.idle();
        // The last one in is the first one out: whoever lies at the bottom has lain there longest.
        if idle.first().is_some_and(|(_, since)| since.elapsed() >= IDLE) {
            idle.remove(0);
        }
        idle.push((connection, Instant::now()));
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Connection, Instant)>> {
        // A panic elsewhere cannot leave the list half-changed: push and pop are single steps.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
