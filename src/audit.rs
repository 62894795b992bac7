//! TEMPORARY stand-in for ACCESS's module, replaced on merge.
use std::net::IpAddr;

use crate::db::{Result, Tx};

/// Through which door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// The console.
    Console,
    /// The API.
    Api,
    /// A command.
    Command,
}

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The console's user.
    pub user: Option<i64>,
    /// As it is shown.
    pub name: String,
    /// From where.
    pub from: Option<IpAddr>,
    /// Through which door.
    pub via: Via,
}

/// Records.
#[expect(clippy::too_many_arguments, clippy::unused_async, reason = "stand-in")]
pub async fn record(
    _tx: &mut Tx,
    _actor: &Actor,
    _action: &str,
    _subject: &str,
    _before: Option<&serde_json::Value>,
    _after: Option<&serde_json::Value>,
    _now: i64,
) -> Result<()> {
    Ok(())
}
