//! What came of a send: a definite yes, or a judgement on a message that was not taken, or perhaps not, and why.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// A definite yes: the gateway took the message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    /// The gateway's ids, one a part and in order; empty where the gateway gives none.
    pub ids: Vec<String>,
}

/// A judgement on a message that was not taken, or perhaps not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Definitely not taken, and worth another try.
    #[error("later: {detail}")]
    Retry {
        /// The gateway's own word on how long to wait.
        after: Option<Duration>,
        /// Whether this is about the message or about the whole account.
        scope: Scope,
        /// Why, in the fixed list.
        reason: Reason,
        /// The gateway's own words, without addresses.
        detail: String,
    },
    /// A definite, permanent no for this message to this address.
    #[error("rejected ({reason}): {detail}")]
    Reject {
        /// Why, in the fixed list.
        reason: Reason,
        /// The gateway's own words, without addresses.
        detail: String,
    },
    /// The gateway says that this person refuses messages.
    #[error("the recipient opted out: {detail}")]
    OptedOut {
        /// The gateway's own words, without addresses.
        detail: String,
    },
    /// Definitely not taken; nothing will be until a person mends the account (wrong password, unknown sender name).
    #[error("misconfigured: {detail}")]
    Misconfigured {
        /// What is wrong, for the person who must mend it.
        detail: String,
    },
    /// Bytes were written and no answer came, or one part was refused after another was taken.
    #[error("in doubt: {detail}")]
    InDoubt {
        /// Ids of the parts that were taken.
        ids: Vec<String>,
        /// What happened, without addresses.
        detail: String,
    },
}

/// What a temporary refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This message: it counts as one of its tries.
    Message,
    /// The account (throttled, no funds, signed out, unreachable): no try of the message is used up, and the
    /// account is what waits.
    Account,
    /// The account was faster than its gateway takes messages: it waits like [`Scope::Account`], and then goes at half its
    /// pace, which recovers slowly.
    Pace,
    /// The recipient's domain takes no more for now: the message uses up a try like [`Scope::Message`], and others to the
    /// same domain wait and then go slower.
    Domain,
}

/// Why a message did not arrive: one fixed list for all gateways. The numbers are stored: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Reason {
    /// No such number, mailbox or user.
    NoSuchAddress = 1,
    /// Switched off, out of reach, temporarily unavailable.
    Unreachable = 2,
    /// Blocked by the carrier, a spam filter or the recipient.
    Blocked = 3,
    /// The mailbox or the phone's memory is full.
    Full = 4,
    /// The text matches no registered template.
    Template = 5,
    /// The content was refused.
    Content = 6,
    /// The account's quota is used up.
    Quota = 7,
    /// The account's balance is used up.
    Funds = 8,
    /// Its validity ended at the carrier.
    Expired = 9,
    /// Anything else: see the gateway's own words.
    Other = 10,
    /// It arrived, and the person reported it as unwanted: the reason of no failure, and the end of messages to this address.
    Complaint = 11,
}

impl Reason {
    /// Every reason, in the order of its number.
    pub const ALL: [Self; 11] = [
        Self::NoSuchAddress,
        Self::Unreachable,
        Self::Blocked,
        Self::Full,
        Self::Template,
        Self::Content,
        Self::Quota,
        Self::Funds,
        Self::Expired,
        Self::Other,
        Self::Complaint,
    ];

    /// The reason's name in files and exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoSuchAddress => "no-such-address",
            Self::Unreachable => "unreachable",
            Self::Blocked => "blocked",
            Self::Full => "full",
            Self::Template => "template",
            Self::Content => "content",
            Self::Quota => "quota",
            Self::Funds => "funds",
            Self::Expired => "expired",
            Self::Other => "other",
            Self::Complaint => "complaint",
        }
    }

    /// The reason with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.name() == name)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
