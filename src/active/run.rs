//! A run under way: whether it may claim and send now, and if not, when it may.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{Frozen, RunRow};
use crate::{
    campaign::{AdvertisingRule, Doubt},
    delivery::Plan,
};

/// A run under way.
#[derive(Debug)]
pub struct ActiveRun {
    /// Its row at the last refresh.
    pub row: RunRow,
    /// What it sends.
    pub frozen: Arc<Frozen>,
    /// How it sends.
    pub plan: Arc<Plan>,
    /// Shared with every earlier copy of this run: sends that hold one see the gate close, too.
    pub(super) open: Arc<AtomicBool>,
}

impl ActiveRun {
    /// Whether its messages go ahead of every awareness run.
    pub const fn is_warning(&self) -> bool {
        self.row.kind == 1
    }

    /// Whether more of it may be claimed at `now`.
    pub fn may_claim(&self, now: i64) -> bool {
        self.row.held.is_none() && self.is_open(now)
    }

    /// Whether it may send at `now`: not paused, held, aborted or over, and within its hours.
    pub fn is_open(&self, now: i64) -> bool {
        self.open.load(Ordering::Relaxed) && now < self.row.expires_at && self.opens_at(now).is_none()
    }

    /// Under hours of sending, its own or the law's: when it may send again, if not at `now`.
    pub fn opens_at(&self, now: i64) -> Option<i64> {
        self.own_hours_open_at(now).max(self.lawful_at(now))
    }

    /// Advertising: when the law lets it be sent again, if not at `now`. Where no law is known, in a day.
    fn lawful_at(&self, now: i64) -> Option<i64> {
        const DAY: i64 = 24 * 3_600_000;
        if !self.plan.advertising {
            return None;
        }
        AdvertisingRule::at(now).map_or(Some(now + DAY), |rule| rule.opens_at(now))
    }

    fn own_hours_open_at(&self, now: i64) -> Option<i64> {
        const DAY: i64 = 24 * 60;
        // Whoever tests a text waits for it.
        let (from, until) = self.frozen.campaign.sending.hours.filter(|_| !self.is_warning() && !self.row.is_test())?;
        let (from, until) = (i64::from(from), i64::from(until));
        let zone = self.frozen.campaign.timezone();
        let local = chrono::DateTime::from_timestamp_millis(now)?.with_timezone(&zone);
        let minute = i64::from(chrono::Timelike::num_seconds_from_midnight(&local)) / 60;
        if minute >= from && minute < until {
            return None;
        }
        let minutes = if minute < from { from - minute } else { DAY - minute + from };
        // To the full minute; a change of summer time within the wait is corrected when the run is looked at again.
        Some((now / 60_000 + minutes) * 60_000)
    }

    /// Whether a doubted attempt is worth another try.
    pub fn resends(&self) -> bool {
        self.frozen.campaign.sending.doubt == Doubt::Resend
    }
}
