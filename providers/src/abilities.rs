//! What gateways can do, and how they want to be asked: constants of an adapter.

use std::time::Duration;

/// What an adapter can do: constants of the gateway, which the loop plans with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about a gateway")]
pub struct Abilities {
    /// What one `send` may carry.
    pub batch: Batch,
    /// What a slot of the account's rate is spent on.
    pub slot: Slot,
    /// Whether receipts come (an account may still say that none do).
    pub receipts: bool,
    /// Whether what did not arrive is reported, though nothing says what did.
    pub bounces: bool,
    /// For how long the gateway ignores a repeated reference; zero: not at all.
    pub ignores_repeats_for: Duration,
    /// Whether receipts echo our reference: if not, the loop must remember the gateway's ids.
    pub echoes_reference: bool,
    /// Whether `status` answers.
    pub status: bool,
    /// Whether `status` asks by the gateway's ids, so that the loop must remember them.
    pub status_by_id: bool,
    /// When `status` is worth asking without being in doubt; none: only about doubts.
    pub poll: Option<Poll>,
}

impl Abilities {
    /// The least that a gateway can: one message a send, without receipts, repeats or questions; what others differ in is said
    /// on top of it.
    pub const LEAST: Self = Self {
        batch: Batch::ONE,
        slot: Slot::Send,
        receipts: false,
        bounces: false,
        ignores_repeats_for: Duration::ZERO,
        echoes_reference: true,
        status: false,
        status_by_id: false,
        poll: None,
    };

    /// Whether the loop must remember the gateway's ids: receipts come by them, or questions go by them.
    pub const fn needs_ids(&self) -> bool {
        !self.echoes_reference || self.status_by_id
    }
}

/// How a gateway is asked, by and by, what became of messages that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poll {
    /// From one round of questions to the next.
    pub every: Duration,
    /// For how long after it was taken a message is not asked about: a callback may come by itself.
    pub after: Duration,
    /// For how long after it was taken a message is asked about.
    pub through: Duration,
    /// Messages that one question answers, about: those that it names, or those that were sent under the id that it names.
    pub together: usize,
}

/// What one `send` may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Messages at most.
    pub most: usize,
    /// Whether they must all have the same content: the gateway takes one text for many recipients.
    pub same_content: bool,
}

impl Batch {
    /// One message.
    pub const ONE: Self = Self { most: 1, same_content: false };
}

/// What an account's rate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// One `send`, however many messages it carries: a request, a mail.
    Send,
    /// One part of a text message: an SMPP submission.
    Part,
}
