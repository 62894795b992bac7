//! What a claim is asked, and what it answers.

use std::time::Duration;

use providers::Slot;

use super::super::{Plan, channel_of, slot::Reserved};
use crate::config::Rate;

/// A row that could be claimed, with what is needed to render its message.
#[derive(Debug, Clone, sqlx::FromRow)]
#[expect(clippy::struct_excessive_bools, reason = "each forbids the send by itself")]
pub struct Candidate {
    /// The delivery.
    pub id: i64,
    /// Keyed hash of the address at fan-out, or at the last attempt.
    pub address: Option<i64>,
    /// The account that alone may repeat the attempt; 0: a new attempt.
    pub pinned: i64,
    /// When the row last changed.
    pub updated_at: i64,
    /// The attempt's number.
    pub attempt: i16,
    /// Tries so far.
    pub tries: i16,
    /// Times in doubt so far.
    pub doubts: i16,
    /// Index of the message in the definition.
    pub message: i16,
    /// Parts of earlier attempts that may be billed.
    pub parts: i16,
    /// Their price.
    pub price: i64,
    /// The recipient's state: 0 active.
    pub recipient_state: i16,
    /// The recipient's name.
    pub name: Option<String>,
    /// The recipient's language.
    pub lang: Option<String>,
    /// The recipient's area code, today.
    pub area: Option<String>,
    /// The recipient's attributes, a JSON object of strings.
    pub attributes: String,
    /// The carrier group of the route.
    pub carrier: i16,
    /// The sealed address, today.
    pub sealed: Option<Vec<u8>>,
    /// Its keyed hash, today.
    pub hash: Option<i64>,
    /// The person refuses this, or asked for silence.
    pub refused: bool,
    /// The address is on a list that binds this.
    pub blocked: bool,
    /// Mail ended at their address.
    pub suppressed: bool,
    /// Why this person may be written to over this channel, where the run asks: the channel's last word, else the list's.
    pub consent_basis: Option<String>,
    /// Under `first`: another channel reached the person while this attempt was with its gateway.
    pub reached: bool,
}

/// What the caller makes of a candidate: the message on its way, or why there is none.
#[derive(Debug)]
pub enum Prepared<T> {
    /// Send this.
    Send {
        /// Parts that the carrier will count.
        parts: i16,
        /// Đồng for them.
        price: i64,
        /// The rendered message.
        payload: T,
    },
    /// It cannot be rendered for this person.
    Reject {
        /// In the fixed list.
        reason: providers::Reason,
        /// For the officer, without personal data.
        detail: String,
    },
}

/// A claimed row: this process owns it until it records what became of it.
#[derive(Debug)]
pub struct Claimed<T> {
    /// The delivery.
    pub id: i64,
    /// The epoch that owns it.
    pub owner: i64,
    /// When it was claimed (unix milliseconds). It grows with every claim of a row, whatever the clocks of the nodes say,
    /// so it tells this claim from every other one of the same row.
    pub claimed_at: i64,
    /// The attempt's number.
    pub attempt: i16,
    /// A doubted attempt, repeated unchanged.
    pub repeat: bool,
    /// Tries before this one.
    pub tries: i16,
    /// Times in doubt before this one.
    pub doubts: i16,
    /// Parts and price of this attempt (zero for a repeat: they are on the row already).
    pub cost: (i16, i64),
    /// Parts and price on the row, this attempt's included.
    pub row: (i16, i64),
    /// The account's id.
    pub account: i64,
    /// The route.
    pub route: i16,
    /// Keyed hash of the address it goes to.
    pub address: i64,
    /// The rendered message.
    pub payload: T,
}

/// What to claim.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// How the run sends.
    pub plan: &'a Plan,
    /// The claiming process.
    pub epoch: i64,
    /// The claiming account.
    pub account: i64,
    /// The account's rate.
    pub rate: Rate,
    /// The account's daily quota.
    pub daily: Option<u64>,
    /// The local day that the quota counts.
    pub day: &'a str,
    /// The route.
    pub route: i16,
    /// Only attempts that this account alone may repeat.
    pub pinned_only: bool,
    /// Rows at most.
    pub limit: usize,
    /// What a slot is spent on.
    pub slot: Slot,
    /// Messages that one send may carry.
    pub batch: usize,
    /// Slots that the caller still holds from earlier claims.
    pub slots: usize,
    /// Now, unix milliseconds.
    pub now: i64,
    /// Awareness messages per person within a time.
    pub cap: Option<(u32, Duration)>,
    /// Between two awareness messages to one person.
    pub spacing: Option<Duration>,
    /// Tests take no contact.
    pub counts_as_contact: bool,
    /// Đồng for the run.
    pub budget: Option<i64>,
}

/// Why nothing, or not everything, was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The limit asked for was reached, or all that is due was taken.
    None,
    /// No more slots of the account's rate for now.
    Rate,
    /// The day's quota is used up.
    Quota,
    /// A person must mend the account first, or it rests because its gateway found it too fast.
    Account,
    /// The next message would exceed the run's budget.
    Budget,
    /// The run is paused, aborted or over.
    Run,
    /// This process's lease is gone: it must register anew.
    Lease,
}

/// What a claim took.
#[derive(Debug)]
pub struct Claim<T> {
    /// Rows that this process now owns.
    pub claimed: Vec<Claimed<T>>,
    /// Rows that were looked at.
    pub seen: usize,
    /// Nothing more of this run and route is due.
    pub exhausted: bool,
    /// What held it back.
    pub limit: Limit,
    /// Slots taken beyond those that the caller held.
    pub reserved: Option<Reserved>,
}

impl<T> Claim<T> {
    /// One that took nothing.
    pub(super) const fn nothing(limit: Limit) -> Self {
        Self { claimed: Vec::new(), seen: 0, exhausted: matches!(limit, Limit::None), limit, reserved: None }
    }
}

impl Request<'_> {
    /// Messages that a slot carries at most.
    pub(super) fn batch(&self) -> i64 {
        match self.slot {
            Slot::Send => i64::try_from(self.batch.max(1)).unwrap_or(1),
            Slot::Part => 1,
        }
    }

    /// Slots that these messages take, all their parts counted.
    pub(super) fn slots_of(&self, messages: usize, parts: i64) -> i64 {
        match self.slot {
            Slot::Send => i64::try_from(messages.div_ceil(self.batch.max(1))).unwrap_or(i64::MAX),
            Slot::Part => parts,
        }
    }
}

impl<T> Claimed<T> {
    /// The channel's number.
    pub const fn channel(&self) -> i16 {
        channel_of(self.id)
    }

    /// The same row with its message.
    pub fn with<U>(self, payload: U) -> Claimed<U> {
        let Self { id, owner, claimed_at, attempt, repeat, tries, doubts, cost, row, account, route, address, .. } = self;
        Claimed { id, owner, claimed_at, attempt, repeat, tries, doubts, cost, row, account, route, address, payload }
    }

    /// The row, and its message apart.
    pub fn split(self) -> (Claimed<()>, T) {
        let Self { id, owner, claimed_at, attempt, repeat, tries, doubts, cost, row, account, route, address, payload } = self;
        (
            Claimed { id, owner, claimed_at, attempt, repeat, tries, doubts, cost, row, account, route, address, payload: () },
            payload,
        )
    }
}
