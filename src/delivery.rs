//! Deliveries: one message to one recipient over one channel in one run. The only writer of a delivery's state.
//!
//! What enters: a run's plan and its recipients ([`fan_out`]), a free window ([`claim`]), the adapters' judgements
//! ([`record`]), receipts ([`learn`]), and time ([`close`]). What leaves: rows whose states follow the machine in
//! [`state`], and tallies that change in the same transaction. What can go wrong is only the database itself: a
//! transaction that fails changes nothing, and its caller tries again.
//!
//! Every write is conditional on the row's state and owner, so an answer that comes too late to own its row is joined
//! like a receipt instead of overwriting what others learnt.

mod advert;
mod attempt;
pub mod claim;
pub mod close;
mod contact;
pub mod end;
pub mod fan_out;
pub mod handle;
pub mod kin;
pub mod learn;
mod masked;
pub mod open;
pub mod record;
pub mod reference;
pub mod slot;
pub mod state;

pub use kin::{Kin, Relation};
pub use masked::masked;
pub use reference::Reference;
pub use state::{State, Why};

use providers::Channel;

use crate::tally;

/// Bits of a delivery's id below the run's number.
const RUN_SHIFT: u32 = 36;

/// A delivery's natural key in one number: run (27 bits), recipient (32 bits), channel (4 bits).
pub const fn id(run: i64, recipient: i64, channel: Channel) -> i64 {
    run << RUN_SHIFT | recipient << 4 | channel as i64
}

/// What every delivery of a run is at or above, and every one of the runs before it below.
pub const fn first_of(run: i64) -> i64 {
    run << RUN_SHIFT
}

/// The run of a delivery.
pub const fn run_of(id: i64) -> i64 {
    id >> RUN_SHIFT
}

/// The recipient of a delivery.
pub const fn recipient_of(id: i64) -> i64 {
    (id >> 4) & 0xFFFF_FFFF
}

/// The channel number of a delivery.
pub const fn channel_of(id: i64) -> i16 {
    (id & 15) as i16
}

/// A route's number: the channel and the carrier group (for chat, the service) of a recipient.
pub const fn route(channel: Channel, group: i16) -> i16 {
    (channel as i16) << 4 | group
}

/// How a run sends: what fan-out, fall-back and claims need to know of its frozen definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The run.
    pub run: i64,
    /// Channels in order of preference.
    pub order: Vec<Channel>,
    /// One channel after the other (`first`), or all at once.
    pub first: bool,
    /// A warning: only a refusal of everything silences it.
    pub warning: bool,
    /// It advertises: only to people who agreed, to nobody on the do-not-call register, and not too often.
    pub advertising: bool,
    /// Under `first`: milliseconds after which silence counts as failure, on accounts that send receipts.
    pub silent_after: Option<i64>,
    /// For each message of the definition, whether it has a text for channel number 1, 2, 3.
    pub texts: Vec<[bool; 3]>,
    /// The messages that go on chat to a phone number, too, where a person has no user id there: by a registered template.
    pub phones: Vec<i16>,
}

impl Plan {
    /// The smallest scope of a refusal that silences this run.
    pub const fn silencing_scope(&self) -> i16 {
        if self.warning { 2 } else { 1 }
    }

    /// The smallest number of a list's [`Binds`](crate::audience::block::Binds) that binds this run.
    pub const fn blocking_scope(&self) -> i16 {
        if self.advertising { 1 } else { 2 }
    }

    /// Whether the law wants this run's people to have agreed. The law of the day on which it is asked: `now`.
    fn wants_consent(&self, now: i64) -> bool {
        self.advertising && crate::campaign::AdvertisingRule::at(now).is_none_or(|rule| rule.consent)
    }

    /// The messages that have a text for a channel, as a SQL list.
    fn messages_with(&self, channel: Channel) -> String {
        let at = channel as usize - 1;
        let with: Vec<String> = self.texts.iter().enumerate().filter(|(_, has)| has[at]).map(|(i, _)| i.to_string()).collect();
        if with.is_empty() { "-1".to_string() } else { with.join(", ") }
    }

    /// Where a person is written to on a channel, as SQL over the recipient's columns after `of` (such as `r.`) and a message.
    fn target(&self, channel: Channel, of: &str, message: &str) -> Target {
        let group = group_column(channel);
        let own = format!("{of}{}", hash_column(channel));
        let number = route(channel, 0);
        if channel != Channel::Chat || self.phones.is_empty() {
            return Target { hash: own, route: format!("{number} + {of}{group}") };
        }
        let phones = self.phones.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let by_phone = format!("{own} IS NULL AND {message} IN ({phones})");
        Target {
            hash: format!("CASE WHEN {by_phone} THEN {} ELSE {own} END", chat_by_phone(of)),
            route: format!("CASE WHEN {by_phone} THEN {BY_PHONE} ELSE {number} + {of}{group} END"),
        }
    }

    /// From when on an attempt accepted at `now` over this channel counts as silent; none: never.
    pub fn silent_at(&self, channel: i16, now: i64) -> Option<i64> {
        if self.first && !self.after(channel).is_empty() { self.silent_after.map(|after| now + after) } else { None }
    }

    /// The channels after this one.
    pub fn after(&self, channel: i16) -> &[Channel] {
        let at = self.order.iter().position(|c| *c as i16 == channel);
        at.map_or(&[], |at| &self.order[at + 1..])
    }
}

/// A way to a person, as SQL.
struct Target {
    /// The keyed hash of the address; null: there is none.
    hash: String,
    /// The route's number.
    route: String,
}

/// The route of chat messages that go to a phone number. The route says which of a person's addresses a delivery is for: it
/// stays the same however the list changes, so nobody gets it by one address after the other.
pub const BY_PHONE: i16 = route(Channel::Chat, crate::audience::address::ChatService::ZaloPhone as i16);

/// The keyed hash of a phone number as an address on chat: the complement of what it is as an address for text messages. So one
/// run writes to a number on either channel, and a refusal of one is none of the other.
fn chat_by_phone(of: &str) -> String {
    format!("~{of}phone_hash")
}

/// The recipient's column with the keyed hash of a channel's address.
const fn hash_column(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "phone_hash",
        Channel::Email => "email_hash",
        Channel::Chat => "chat_hash",
    }
}

/// The recipient's carrier group on a channel, as SQL.
const fn group_column(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "carrier",
        Channel::Email => "0",
        Channel::Chat => "chat_service",
    }
}

/// Ids as `:ids($n)` reads them.
fn id_list(ids: impl IntoIterator<Item = i64>) -> String {
    crate::db::list(&ids.into_iter().collect::<Vec<_>>())
}

/// A row as the tallies count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counted {
    id: i64,
    account: i64,
    state: i16,
    parts: i16,
    price: i64,
}

impl Counted {
    const fn key(&self) -> tally::Key {
        tally::Key { run: run_of(self.id), channel: channel_of(self.id), account: self.account, state: self.state }
    }

    fn count(&self) -> tally::Count {
        tally::Count { n: 1, parts: i64::from(self.parts), price: self.price }
    }

    /// This row became `after`.
    fn becomes(&self, after: &Self, changes: &mut tally::Changes) {
        changes.leave(self.key(), self.count());
        changes.enter(after.key(), after.count());
    }
}
