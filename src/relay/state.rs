//! What state an order is in, and what may happen to it: one pure function. What can go wrong is that something happens which does
//! not fit, and then a [`Refusal`] says why.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Refusal;
use crate::{phrase, words::Phrase};

/// Where an order stands. The numbers are stored. Overdue is none of these: a report may still come in any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OrderState)]
#[repr(i16)]
pub enum State {
    /// Written, and not approved yet.
    Drafted = 0,
    /// May be handed over.
    Approved = 1,
    /// The outlet has it.
    HandedOver = 2,
    /// The outlet said that it will do it.
    Acknowledged = 3,
    /// The outlet said that it will not.
    Refused = 4,
    /// The outlet said that it is at it.
    Sending = 5,
    /// Counts came, and more will.
    ReportedPartly = 6,
    /// The final counts came.
    Reported = 7,
    /// Nothing more is expected.
    Closed = 8,
    /// Withdrawn: before anybody had it, or by a Cancel that the outlet acknowledged.
    Cancelled = 9,
    /// An Update that the outlet acknowledged took its place.
    Superseded = 10,
}

/// What happens to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Happening {
    /// Somebody lets it go out.
    Approve,
    /// It is taken back before anybody had it.
    Withdraw,
    /// Its time was over before anybody had it.
    Lapse,
    /// The outlet got it, or gets it again.
    HandOver,
    /// The outlet says yes.
    Acknowledge,
    /// The outlet says no.
    Refuse,
    /// The outlet says that sending began.
    Begin,
    /// Counts that fit.
    Report {
        /// No more will follow.
        last: bool,
    },
    /// Counts that take the place of wrong ones.
    Correct {
        /// No more will follow.
        last: bool,
    },
    /// Its Cancel was acknowledged.
    Cancel,
    /// Its Update was acknowledged.
    Supersede,
    /// Somebody expects nothing more of it.
    Close,
    /// Closing it was too early: it stands again where it stood.
    Reopen {
        /// Where it stood.
        to: State,
    },
}

impl State {
    /// Every state, in the order of its number.
    pub const ALL: [Self; 11] = [
        Self::Drafted,
        Self::Approved,
        Self::HandedOver,
        Self::Acknowledged,
        Self::Refused,
        Self::Sending,
        Self::ReportedPartly,
        Self::Reported,
        Self::Closed,
        Self::Cancelled,
        Self::Superseded,
    ];

    /// The state of this stored number.
    pub fn from_number(number: i16) -> Option<Self> {
        usize::try_from(number).ok().and_then(|at| Self::ALL.get(at).copied())
    }

    /// The name in the API, in files and in style sheets.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drafted => "drafted",
            Self::Approved => "approved",
            Self::HandedOver => "handed_over",
            Self::Acknowledged => "acknowledged",
            Self::Refused => "refused",
            Self::Sending => "sending",
            Self::ReportedPartly => "reported_partly",
            Self::Reported => "reported",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
        }
    }

    /// The state of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// What people read.
    pub fn label(self) -> Phrase {
        match self {
            Self::Drafted => phrase!("Đang soạn", "Drafted"),
            Self::Approved => phrase!("Đã phê duyệt, chờ giao", "Approved"),
            Self::HandedOver => phrase!("Đã giao", "Handed over"),
            Self::Acknowledged => phrase!("Đã tiếp nhận", "Acknowledged"),
            Self::Refused => phrase!("Từ chối thực hiện", "Refused"),
            Self::Sending => phrase!("Đang thực hiện", "Sending"),
            Self::ReportedPartly => phrase!("Đã báo cáo một phần", "Reported partly"),
            Self::Reported => phrase!("Đã báo cáo cuối cùng", "Reported"),
            Self::Closed => phrase!("Đã đóng", "Closed"),
            Self::Cancelled => phrase!("Đã thu hồi", "Cancelled"),
            Self::Superseded => phrase!("Đã được thay thế", "Superseded"),
        }
    }

    /// What becomes of an order in this state when `happening` happens. What happens again changes nothing.
    pub fn on(self, happening: Happening) -> Result<Self, Refusal> {
        use Happening as H;
        use State as S;
        match (self, happening) {
            (S::Drafted, H::Approve) => Ok(S::Approved),
            (S::Approved, H::HandOver) => Ok(S::HandedOver),
            // Asked for again, it is the same order; also what took its place or withdrew it does not unmake that.
            (
                S::HandedOver
                | S::Acknowledged
                | S::Refused
                | S::Sending
                | S::ReportedPartly
                | S::Reported
                | S::Closed
                | S::Cancelled
                | S::Superseded,
                H::HandOver,
            )
            | (S::Acknowledged | S::Sending | S::ReportedPartly | S::Reported, H::Acknowledge)
            | (S::Refused, H::Refuse)
            | (S::Sending | S::ReportedPartly | S::Reported, H::Begin)
            // What was sent before it was withdrawn or replaced counts.
            | (S::Cancelled | S::Superseded, H::Report { .. } | H::Correct { .. }) => Ok(self),
            (S::HandedOver | S::Refused, H::Acknowledge) => Ok(S::Acknowledged),
            // A program takes it in at once, and a person looks at it later.
            (S::HandedOver | S::Acknowledged, H::Refuse) => Ok(S::Refused),
            // Whoever begins or counts has taken it, whether or not they said so.
            (S::HandedOver | S::Acknowledged, H::Begin) => Ok(S::Sending),
            (S::HandedOver | S::Acknowledged | S::Sending | S::ReportedPartly, H::Report { last })
            | (S::ReportedPartly | S::Reported, H::Correct { last }) => Ok(if last { S::Reported } else { S::ReportedPartly }),
            // What is closed no longer holds either once the outlet took what follows it.
            (S::Drafted | S::Approved, H::Withdraw | H::Lapse)
            | (S::Acknowledged | S::Sending | S::ReportedPartly | S::Reported | S::Closed, H::Cancel) => Ok(S::Cancelled),
            (S::Acknowledged | S::Sending | S::ReportedPartly | S::Reported | S::Closed, H::Supersede) => Ok(S::Superseded),
            (S::HandedOver | S::Acknowledged | S::Refused | S::Sending | S::ReportedPartly | S::Reported, H::Close) => {
                Ok(S::Closed)
            }
            (S::Closed, H::Reopen { to }) => Ok(to),
            (_, H::Reopen { .. }) => Err(Refusal::NotClosed),
            (_, H::Approve) => Err(if self == S::Cancelled { Refusal::Cancelled } else { Refusal::Approved }),
            (S::Drafted, _) => Err(Refusal::NotApproved),
            (S::Approved, _) => Err(Refusal::NotHandedOver),
            (_, H::Withdraw | H::Lapse) => Err(match self {
                S::Cancelled => Refusal::Cancelled,
                _ => Refusal::HandedOver,
            }),
            (S::Closed, _) => Err(Refusal::Closed),
            (S::Cancelled, _) => Err(Refusal::Cancelled),
            (S::Superseded, _) => Err(Refusal::Superseded),
            (S::HandedOver, H::Cancel | H::Supersede) => Err(Refusal::NotAcknowledged),
            (S::HandedOver | S::Acknowledged | S::Sending, H::Correct { .. }) => Err(Refusal::NothingReported),
            (S::Refused, _) => Err(Refusal::Refused),
            (S::Reported, H::Report { .. }) => Err(Refusal::Final),
            (S::Sending | S::ReportedPartly | S::Reported, _) => Err(Refusal::Begun),
        }
    }

    /// Whether an Update or a Cancel may be written: only of what the outlet acknowledged and is not over.
    pub fn may_be_followed(self) -> Result<(), Refusal> {
        if self == Self::Closed { Err(Refusal::Closed) } else { self.on(Happening::Supersede).map(drop) }
    }

    /// Whether a report is still owed.
    pub const fn owes_report(self) -> bool {
        matches!(self, Self::HandedOver | Self::Acknowledged | Self::Sending | Self::ReportedPartly)
    }

    /// Whether the outlet has never had it.
    pub const fn is_unsent(self) -> bool {
        matches!(self, Self::Drafted | Self::Approved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Happening as H;
    use Refusal as R;
    use State as S;

    /// What happens, and the result in every state, in the order of the states' numbers.
    const TABLE: [(Happening, [Result<State, Refusal>; 11]); 16] = {
        const NO: Result<State, Refusal> = Err(R::NotApproved);
        const NH: Result<State, Refusal> = Err(R::NotHandedOver);
        const APPROVED: Result<State, Refusal> = Err(R::Approved);
        const HAS: Result<State, Refusal> = Err(R::HandedOver);
        const REFUSED: Result<State, Refusal> = Err(R::Refused);
        const BEGUN: Result<State, Refusal> = Err(R::Begun);
        const CLOSED: Result<State, Refusal> = Err(R::Closed);
        const CANCELLED: Result<State, Refusal> = Err(R::Cancelled);
        const REPLACED: Result<State, Refusal> = Err(R::Superseded);
        const WAIT: Result<State, Refusal> = Err(R::NotAcknowledged);
        const NONE: Result<State, Refusal> = Err(R::NothingReported);
        const OPEN: Result<State, Refusal> = Err(R::NotClosed);
        const HANDED: Result<State, Refusal> = Ok(S::HandedOver);
        const ACK: Result<State, Refusal> = Ok(S::Acknowledged);
        const REF: Result<State, Refusal> = Ok(S::Refused);
        const SEND: Result<State, Refusal> = Ok(S::Sending);
        const PART: Result<State, Refusal> = Ok(S::ReportedPartly);
        const REP: Result<State, Refusal> = Ok(S::Reported);
        const SHUT: Result<State, Refusal> = Ok(S::Closed);
        const GONE: Result<State, Refusal> = Ok(S::Cancelled);
        const NEW: Result<State, Refusal> = Ok(S::Superseded);
        // drafted, approved, handed over, acknowledged, refused, sending, reported partly, reported, closed, cancelled, superseded
        [
            (
                H::Approve,
                [
                    Ok(S::Approved),
                    APPROVED,
                    APPROVED,
                    APPROVED,
                    APPROVED,
                    APPROVED,
                    APPROVED,
                    APPROVED,
                    APPROVED,
                    CANCELLED,
                    APPROVED,
                ],
            ),
            (H::Withdraw, [GONE, GONE, HAS, HAS, HAS, HAS, HAS, HAS, HAS, CANCELLED, HAS]),
            (H::Lapse, [GONE, GONE, HAS, HAS, HAS, HAS, HAS, HAS, HAS, CANCELLED, HAS]),
            (H::HandOver, [NO, HANDED, HANDED, ACK, REF, SEND, PART, REP, SHUT, GONE, NEW]),
            (H::Acknowledge, [NO, NH, ACK, ACK, ACK, SEND, PART, REP, CLOSED, CANCELLED, REPLACED]),
            (H::Refuse, [NO, NH, REF, REF, REF, BEGUN, BEGUN, BEGUN, CLOSED, CANCELLED, REPLACED]),
            (H::Begin, [NO, NH, SEND, SEND, REFUSED, SEND, PART, REP, CLOSED, CANCELLED, REPLACED]),
            (H::Report { last: false }, [NO, NH, PART, PART, REFUSED, PART, PART, Err(R::Final), CLOSED, GONE, NEW]),
            (H::Report { last: true }, [NO, NH, REP, REP, REFUSED, REP, REP, Err(R::Final), CLOSED, GONE, NEW]),
            (H::Correct { last: false }, [NO, NH, NONE, NONE, REFUSED, NONE, PART, PART, CLOSED, GONE, NEW]),
            (H::Correct { last: true }, [NO, NH, NONE, NONE, REFUSED, NONE, REP, REP, CLOSED, GONE, NEW]),
            (H::Cancel, [NO, NH, WAIT, GONE, REFUSED, GONE, GONE, GONE, GONE, CANCELLED, REPLACED]),
            (H::Supersede, [NO, NH, WAIT, NEW, REFUSED, NEW, NEW, NEW, NEW, CANCELLED, REPLACED]),
            (H::Close, [NO, NH, SHUT, SHUT, SHUT, SHUT, SHUT, SHUT, CLOSED, CANCELLED, REPLACED]),
            (H::Reopen { to: S::HandedOver }, [OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, HANDED, OPEN, OPEN]),
            (H::Reopen { to: S::Reported }, [OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, REP, OPEN, OPEN]),
        ]
    };

    #[test]
    fn whatever_happens_in_any_state_is_in_the_table() {
        for (happening, results) in TABLE {
            for (state, result) in State::ALL.into_iter().zip(results) {
                assert_eq!(state.on(happening), result, "{happening:?} in {state:?}");
            }
        }
        assert_eq!(S::Closed.on(H::Reopen { to: S::Refused }), Ok(S::Refused));
    }

    #[test]
    fn nothing_is_refused_for_want_of_a_reason_to() {
        let all = TABLE.iter().map(|(happening, _)| *happening).chain([H::Reopen { to: S::Refused }]);
        for happening in all {
            assert!(State::ALL.into_iter().all(|state| state.on(happening) != Err(R::Moved)), "{happening:?}");
        }
    }

    #[test]
    fn updates_and_cancels_wait_for_the_acknowledgement() {
        let may: Vec<State> = State::ALL.into_iter().filter(|state| state.may_be_followed().is_ok()).collect();
        assert_eq!(may, [S::Acknowledged, S::Sending, S::ReportedPartly, S::Reported]);
        assert_eq!(S::HandedOver.may_be_followed(), Err(R::NotAcknowledged));
        assert_eq!(S::Closed.may_be_followed(), Err(R::Closed));
    }

    #[test]
    fn states_have_their_stored_numbers_and_names() {
        for (number, state) in (0..).zip(State::ALL) {
            assert_eq!(
                (state as i16, State::from_number(number), State::named(state.name())),
                (number, Some(state), Some(state))
            );
        }
        assert_eq!((State::from_number(11), State::from_number(-1)), (None, None));
    }
}
