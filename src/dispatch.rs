//! Dispatch: route → limit → send → record → retry, fall back or finish.
//!
//! One [`Lane`] an account: it claims little, paces what it claimed, and keeps a window of sends in flight. One
//! [`Recorder`] a process: it writes what became of them, many in one transaction. The provider judges; what a judgement
//! means for the message and for the account is decided in [`judge`]. What can go wrong in between is bounded: a process
//! that dies leaves in doubt what its lanes had claimed: twice their windows at most, or what they send in a tenth of a second.

pub mod confirm;
pub mod doubt;
mod effect;
pub mod judge;
pub mod lane;
pub mod poll;
mod prepare;
pub mod recorder;
mod turn;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use std::time::Duration;

use providers::Channel;
use tokio::sync::Notify;

pub use confirm::Confirmer;
pub use lane::{Lane, Step};
pub use poll::Poller;
pub use recorder::{Recorder, Verdicts};

use crate::{account::Accounts, active::Active, clock::Clock, config::Limits, db::Db, epoch, seal::Seal, token};

/// Under which epoch a process claims, and until when.
#[derive(Debug)]
pub struct Lease {
    /// The process, for people who look at the epochs.
    node: String,
    epoch: AtomicI64,
    /// Unix milliseconds.
    until: AtomicI64,
}

impl Lease {
    /// The lease of an epoch that `node` registered at `now`.
    pub fn new(node: String, epoch: i64, now: i64) -> Self {
        let lease = Self { node, epoch: AtomicI64::new(epoch), until: AtomicI64::new(0) };
        lease.renewed(now);
        lease
    }

    fn renewed(&self, now: i64) {
        self.until.store(now + millis(epoch::LEASE), Ordering::Release);
    }

    fn is_safe(&self, owner: i64, now: i64) -> bool {
        // The time first: a new epoch is there before its time is, so an old one never borrows a new one's time.
        now + millis(epoch::SAFETY) < self.until.load(Ordering::Acquire) && self.epoch.load(Ordering::Acquire) == owner
    }
}

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
    /// Under which this process claims.
    pub lease: Lease,
    /// Something may be there to claim.
    pub work: Arc<Notify>,
    /// A random number in 0…1, which spreads retries.
    pub jitter: Box<dyn Fn() -> f64 + Send + Sync>,
}

impl Shared {
    /// This process's epoch, as long as its lease is renewed.
    pub fn epoch(&self) -> i64 {
        self.lease.epoch.load(Ordering::Acquire)
    }

    /// Whether what `owner` claimed may still be sent: it is this process's epoch, and its lease is good for one more send.
    pub fn owns(&self, owner: i64, now: i64) -> bool {
        self.lease.is_safe(owner, now)
    }

    /// Renews the lease. If it ran out, others may have taken what the epoch owned, so a new one begins: what was claimed under
    /// the old one is not sent any more, and what was on its way then is recorded as late.
    pub async fn renew_lease(&self) -> crate::db::Result<()> {
        let now = self.clock.millis();
        if !epoch::renew(&self.db, self.epoch(), now).await? {
            let epoch = epoch::register(&self.db, &self.lease.node, now).await?;
            tracing::warn!(lapsed = self.epoch(), epoch, "this process's lease had run out: it goes on under a new epoch");
            self.lease.epoch.store(epoch, Ordering::Release);
        }
        self.lease.renewed(now);
        Ok(())
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
