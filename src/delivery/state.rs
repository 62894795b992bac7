//! The states of a delivery, what outweighs what, and the one pure function that joins what is known.

use providers::{Reason, ReceiptState};
use serde::Serialize;

/// Where a delivery stands. The numbers are stored, and stand as literals in the SQL: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(i16)]
pub enum State {
    /// Waiting for its turn.
    Pending = 0,
    /// Owned by a process; committed before any byte leaves.
    Submitting = 1,
    /// Bytes were written and no answer came, or its owner lapsed.
    InDoubt = 2,
    /// A definite yes of the gateway.
    Accepted = 3,
    /// The carrier is passing it on.
    Enroute = 4,
    /// On the phone, or in the mailbox.
    Delivered = 5,
    /// Opened by the person.
    Seen = 6,
    /// It will not arrive.
    Undelivered = 7,
    /// Its validity ended at the carrier.
    Expired = 8,
    /// A definite, permanent no, or no more tries.
    Rejected = 9,
    /// In doubt for good.
    Unknown = 10,
    /// Not to be sent.
    Skipped = 11,
    /// Its time was over before it was sent.
    Lapsed = 12,
    /// Its run was aborted before it was sent.
    Cancelled = 13,
}

impl State {
    /// Every state, by number.
    pub const ALL: [Self; 14] = [
        Self::Pending,
        Self::Submitting,
        Self::InDoubt,
        Self::Accepted,
        Self::Enroute,
        Self::Delivered,
        Self::Seen,
        Self::Undelivered,
        Self::Expired,
        Self::Rejected,
        Self::Unknown,
        Self::Skipped,
        Self::Lapsed,
        Self::Cancelled,
    ];

    /// The state with this number; a number that no version wrote reads as unknown.
    pub fn from_number(number: i16) -> Self {
        usize::try_from(number).ok().and_then(|i| Self::ALL.get(i).copied()).unwrap_or(Self::Unknown)
    }

    /// The stored number.
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// The name in exports and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Submitting => "submitting",
            Self::InDoubt => "in_doubt",
            Self::Accepted => "accepted",
            Self::Enroute => "enroute",
            Self::Delivered => "delivered",
            Self::Seen => "seen",
            Self::Undelivered => "undelivered",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
            Self::Lapsed => "lapsed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Still under way: something may yet become of it by itself.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Submitting | Self::InDoubt | Self::Accepted | Self::Enroute)
    }

    /// It reached the person for certain.
    pub const fn is_confirmed(self) -> bool {
        matches!(self, Self::Delivered | Self::Seen)
    }

    /// It ended without reaching the person: under `first`, the next channel's turn.
    pub const fn has_failed(self) -> bool {
        matches!(self, Self::Rejected | Self::Undelivered | Self::Expired | Self::Unknown)
    }

    /// How much is known of one attempt or part:
    /// in doubt < rejected < accepted < enroute < expired < undelivered < delivered < seen.
    const fn knowledge(self) -> u8 {
        match self {
            Self::Rejected => 1,
            Self::Accepted => 2,
            Self::Enroute => 3,
            Self::Expired => 4,
            Self::Undelivered => 5,
            Self::Delivered => 6,
            Self::Seen => 7,
            // In doubt, unknown for good, or not answered yet: nothing is known.
            _ => 0,
        }
    }

    /// Which outcome outweighs which, over attempts (the best counts) and over parts (the worst counts):
    /// lapsed, skipped, cancelled < rejected < expired < undelivered < unknown < open < delivered < seen.
    const fn outcome(self) -> u8 {
        match self {
            Self::Lapsed | Self::Skipped | Self::Cancelled => 0,
            Self::Rejected => 1,
            Self::Expired => 2,
            Self::Undelivered => 3,
            Self::Unknown => 4,
            Self::Pending | Self::Submitting | Self::InDoubt | Self::Accepted | Self::Enroute => 5,
            Self::Delivered => 6,
            Self::Seen => 7,
        }
    }
}

/// What a receipt's state says of an attempt.
impl From<ReceiptState> for State {
    fn from(state: ReceiptState) -> Self {
        match state {
            ReceiptState::Rejected => Self::Rejected,
            ReceiptState::Accepted => Self::Accepted,
            ReceiptState::Enroute => Self::Enroute,
            ReceiptState::Expired => Self::Expired,
            ReceiptState::Undelivered => Self::Undelivered,
            ReceiptState::Delivered => Self::Delivered,
            ReceiptState::Seen => Self::Seen,
        }
    }
}

/// The latest knowledge of one attempt or part after `news`: what is known never becomes less.
pub fn learn(known: State, news: State) -> State {
    if news.knowledge() > known.knowledge() { news } else { known }
}

/// The state of an attempt with several parts: the worst of them.
pub fn of_parts(parts: impl IntoIterator<Item = State>) -> Option<State> {
    parts.into_iter().min_by_key(|state| (state.outcome(), state.knowledge()))
}

/// A delivery's state from all its attempts, the present one last: the best of them.
///
/// An attempt left behind without an answer counts as unknown, so what was once in doubt never ends as rejected. A late
/// bad receipt of an earlier attempt does not end a delivery whose present attempt is open.
pub fn of_attempts(left_behind: impl IntoIterator<Item = State>, present: State) -> State {
    left_behind
        .into_iter()
        .map(|state| if state.knowledge() == 0 { State::Unknown } else { state })
        .fold(present, |best, state| if state.outcome() > best.outcome() { state } else { best })
}

/// Why a delivery stands where it stands: the gateways' fixed list, and our own reasons for not sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// No particular reason.
    Nothing,
    /// The gateway's reason.
    Gateway(Reason),
    /// The person refuses messages on this channel.
    OptedOut,
    /// Someone else in the run has the same address: one text for both (*dùng chung số*).
    SameAddress,
    /// No address for this channel.
    NoAddress,
    /// The channel could not finish in time: the next one took over.
    Moved,
    /// Another channel reached the person.
    Reached,
    /// The message has no text for this channel.
    NoText,
    /// The address changed after the attempt fell in doubt.
    AddressChanged,
    /// The address is on a list of those that are never written to.
    DoNotCall,
    /// Advertising, and the person has not agreed to it.
    NoConsent,
    /// Mail ended at this address: it does not exist, failed again and again, or its owner complained.
    Suppressed,
    /// It waits: the person got other messages lately.
    TooSoon,
}

impl Why {
    /// The stored number.
    pub const fn number(self) -> i16 {
        match self {
            Self::Nothing => 0,
            Self::Gateway(reason) => reason as i16,
            Self::OptedOut => 20,
            Self::SameAddress => 21,
            Self::NoAddress => 22,
            Self::Moved => 23,
            Self::Reached => 24,
            Self::NoText => 25,
            Self::AddressChanged => 26,
            Self::DoNotCall => 30,
            Self::NoConsent => 31,
            Self::Suppressed => 32,
            Self::TooSoon => 33,
        }
    }

    /// The reason with this number.
    pub fn from_number(number: i16) -> Self {
        match number {
            0 => Self::Nothing,
            20 => Self::OptedOut,
            21 => Self::SameAddress,
            22 => Self::NoAddress,
            23 => Self::Moved,
            24 => Self::Reached,
            25 => Self::NoText,
            26 => Self::AddressChanged,
            30 => Self::DoNotCall,
            31 => Self::NoConsent,
            32 => Self::Suppressed,
            33 => Self::TooSoon,
            other => Self::Gateway(Reason::ALL.into_iter().find(|r| *r as i16 == other).unwrap_or(Reason::Other)),
        }
    }

    /// The name in exports and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Gateway(reason) => reason.name(),
            Self::OptedOut => "opted-out",
            Self::SameAddress => "same-address",
            Self::NoAddress => "no-address",
            Self::Moved => "moved",
            Self::Reached => "reached",
            Self::NoText => "no-text",
            Self::AddressChanged => "address-changed",
            Self::DoNotCall => "do-not-call",
            Self::NoConsent => "no-consent",
            Self::Suppressed => "suppressed",
            Self::TooSoon => "too-soon",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KNOWLEDGE: [State; 8] = [
        State::InDoubt,
        State::Rejected,
        State::Accepted,
        State::Enroute,
        State::Expired,
        State::Undelivered,
        State::Delivered,
        State::Seen,
    ];

    fn known() -> impl Strategy<Value = State> {
        proptest::sample::select(KNOWLEDGE.to_vec())
    }

    proptest! {
        #[test]
        fn any_order_of_receipts_ends_alike(mut news in proptest::collection::vec(known(), 0..8), seed in any::<u64>()) {
            let once = news.iter().fold(State::InDoubt, |k, n| learn(k, *n));
            let len = news.len();
            for i in 0..len {
                news.swap(i, usize::try_from(seed).unwrap_or(0).wrapping_mul(i + 7) % len);
            }
            news.extend(news.clone());
            prop_assert_eq!(once, news.iter().fold(State::InDoubt, |k, n| learn(k, *n)));
        }

        #[test]
        fn what_was_in_doubt_never_ends_as_rejected(present in known(), other in known()) {
            let end = of_attempts([State::InDoubt, other], present);
            prop_assert!(!matches!(end, State::Rejected | State::Expired | State::Undelivered | State::Lapsed | State::Cancelled));
        }

        #[test]
        fn a_late_bad_receipt_does_not_end_an_open_delivery(bad in proptest::sample::select(vec![State::Rejected, State::Expired, State::Undelivered])) {
            for open in [State::Pending, State::Submitting, State::InDoubt, State::Accepted, State::Enroute] {
                prop_assert_eq!(of_attempts([bad], open), open);
            }
        }
    }

    #[test]
    fn the_worst_part_counts() {
        use State::{Accepted, Delivered, Enroute, Undelivered};
        assert_eq!(of_parts([Delivered, Delivered]), Some(Delivered));
        assert_eq!(of_parts([Delivered, Enroute]), Some(Enroute));
        assert_eq!(of_parts([Accepted, Enroute]), Some(Accepted));
        assert_eq!(of_parts([Delivered, Undelivered, Enroute]), Some(Undelivered));
        assert_eq!(of_parts([]), None);
    }

    #[test]
    fn numbers_come_back() {
        for state in State::ALL {
            assert_eq!(State::from_number(state.number()), state);
        }
        for number in (0..=11).chain(20..=26).chain(30..=32) {
            assert_eq!(Why::from_number(number).number(), number);
        }
    }
}
