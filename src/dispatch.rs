//! Dispatch: route → limit → send → record → retry, fall back or finish.
//!
//! One [`Lane`] an account: it claims little, paces what it claimed, and keeps a window of sends in flight. One
//! [`Recorder`] a process: it writes what became of them, many in one transaction. The provider judges; what a judgement
//! means for the message and for the account is decided in [`judge`]. What can go wrong in between is bounded: a process
//! that dies leaves in doubt what its lanes had claimed, never more than twice their windows.

pub mod doubt;
pub mod judge;
pub mod lane;
pub mod recorder;
mod turn;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use std::time::Duration;

use providers::Channel;
use tokio::sync::Notify;

pub use lane::{Lane, Step};
pub use recorder::Recorder;

use crate::{account::Accounts, active::Active, clock::Clock, config::Limits, db::Db, epoch, seal::Seal, token};

/// What all lanes of a process share.
pub struct Shared {
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// Opens addresses, signs references.
    pub seal: Seal,
    /// The runs under way.
    pub active: Arc<Active>,
    /// The accounts.
    pub accounts: Arc<Accounts>,
    /// Caps and spacing.
    pub limits: Limits,
    /// Where unsubscribe pages are; none: mails carry no link.
    pub public_url: Option<String>,
    /// This process's epoch.
    pub epoch: i64,
    /// Until when its lease is good (unix milliseconds).
    pub lease_until: AtomicI64,
    /// Something may be there to claim.
    pub work: Notify,
    /// A random number in 0…1, which spreads retries.
    pub jitter: Box<dyn Fn() -> f64 + Send + Sync>,
}

impl Shared {
    /// Whether the lease is good for one more send.
    pub fn lease_is_safe(&self, now: i64) -> bool {
        let safety = i64::try_from(epoch::SAFETY.as_millis()).unwrap_or(i64::MAX);
        self.lease_until.load(Ordering::Relaxed) - safety > now
    }

    /// The lease was renewed at `now`.
    pub fn lease_renewed(&self, now: i64) {
        let lease = i64::try_from(epoch::LEASE.as_millis()).unwrap_or(0);
        self.lease_until.store(now + lease, Ordering::Relaxed);
    }

    /// The page on which whoever gets a mail can refuse further ones.
    pub fn unsubscribe_url(&self, channel: Channel, address: i64) -> Option<String> {
        let base = self.public_url.as_ref()?;
        Some(format!("{}/u/{}", base.trim_end_matches('/'), unsubscribe_token(&self.seal, channel, address)))
    }
}

/// The purpose of the MAC in unsubscribe links.
const UNSUBSCRIBE: &str = "unsubscribe";

/// The token of an unsubscribe link: channel and keyed hash of the address; nothing personal.
pub fn unsubscribe_token(seal: &Seal, channel: Channel, address: i64) -> String {
    token::encode(address, channel as u8, |bytes| seal.mac(UNSUBSCRIBE, bytes))
}

/// Reads an unsubscribe link's token; none if it is not one of ours.
pub fn read_unsubscribe_token(seal: &Seal, text: &str) -> Option<(Channel, i64)> {
    let (address, channel) = token::decode(text, |bytes| seal.mac(UNSUBSCRIBE, bytes))?;
    Some((Channel::from_number(i64::from(channel))?, address))
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}
