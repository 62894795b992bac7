//! What state an order is in, and what may happen to it: one pure function. What can go wrong is that something happens which does
//! not fit, and then a [`Refusal`] says why.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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

/// Why something cannot happen to an order. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// There is none of that number, or not for whoever asks.
    #[error("there is no such order")]
    NoSuchOrder,
    /// It waits for approval.
    #[error("the order is not approved yet")]
    NotApproved,
    /// It was approved already.
    #[error("the order is approved already")]
    Approved,
    /// Nobody has it yet.
    #[error("the order is not handed over yet")]
    NotHandedOver,
    /// The outlet has it: only a Cancel can withdraw it.
    #[error("the outlet has the order already: only a Cancel withdraws it")]
    HandedOver,
    /// The outlet has not answered it yet.
    #[error("the outlet has not acknowledged the order yet")]
    NotAcknowledged,
    /// The outlet refused it.
    #[error("the outlet refused the order")]
    Refused,
    /// The outlet has begun.
    #[error("sending has begun: it can be reported, and no longer refused")]
    Begun,
    /// It took the place of the earlier one, or withdrew it, when the outlet acknowledged it.
    #[error("it was acknowledged and holds in the earlier one's place: it can no longer be refused")]
    Acknowledged,
    /// Its final report came.
    #[error("its final report came already: only a correction changes it")]
    Final,
    /// Nothing was reported that could be corrected.
    #[error("nothing was reported yet that could be corrected")]
    NothingReported,
    /// It is closed.
    #[error("the order is closed")]
    Closed,
    /// It is not closed.
    #[error("the order is not closed")]
    NotClosed,
    /// It was withdrawn.
    #[error("the order was withdrawn")]
    Cancelled,
    /// Another took its place.
    #[error("an Update took the order's place")]
    Superseded,
    /// It expired.
    #[error("the order expired")]
    Expired,
    /// Its run is paused or was aborted.
    #[error("the order's run is paused or aborted")]
    Stopped,
    /// An Update or Cancel of it is on its way.
    #[error("an Update or Cancel of the order is on its way already")]
    Followed,
    /// A Cancel is neither updated nor cancelled, and reports nothing.
    #[error("that is a Cancel: it is only acknowledged or refused")]
    IsCancel,
    /// Whoever wrote it does not approve it.
    #[error("another than whoever wrote it must approve it")]
    OwnWriting,
    /// A push of it may have reached the outlet.
    #[error("a push of the order may have reached the outlet: wait until that is known")]
    InDoubt,
    /// A reason is needed.
    #[error("say why")]
    NoReason,
    /// Another program or person changed it meanwhile.
    #[error("somebody else has just changed the order: look at it again")]
    Moved,
}

impl Refusal {
    /// The same for people.
    pub fn words(self) -> Phrase {
        match self {
            Self::NoSuchOrder => phrase!("không có yêu cầu này", "there is no such order"),
            Self::NotApproved => phrase!("yêu cầu chưa được phê duyệt", "the order is not approved yet"),
            Self::Approved => phrase!("yêu cầu đã được phê duyệt", "the order is approved already"),
            Self::NotHandedOver => phrase!("yêu cầu chưa được giao", "the order is not handed over yet"),
            Self::HandedOver => phrase!(
                "đơn vị đã nhận yêu cầu: chỉ có thể gửi lệnh thu hồi",
                "the outlet has the order already: only a Cancel withdraws it"
            ),
            Self::NotAcknowledged => phrase!(
                "đơn vị chưa xác nhận tiếp nhận yêu cầu trước: hãy chờ xác nhận rồi mới sửa đổi hoặc thu hồi",
                "the outlet has not acknowledged the earlier one yet: wait until it has before you update or cancel it"
            ),
            Self::Refused => phrase!("đơn vị đã từ chối yêu cầu", "the outlet refused the order"),
            Self::Begun => phrase!(
                "đã bắt đầu thực hiện: chỉ còn báo cáo được, không từ chối được nữa",
                "sending has begun: it can be reported, and no longer refused"
            ),
            Self::Acknowledged => phrase!(
                "đã tiếp nhận và đã thay cho yêu cầu trước: không từ chối được nữa",
                "it was acknowledged and holds in the earlier one's place: it can no longer be refused"
            ),
            Self::Final => phrase!(
                "đã có báo cáo cuối cùng: muốn thay đổi phải gửi báo cáo đính chính, nêu rõ lý do",
                "its final report came already: only a correction that says why changes it"
            ),
            Self::NothingReported => {
                phrase!("chưa có báo cáo nào để đính chính", "nothing was reported yet that could be corrected")
            }
            Self::Closed => phrase!("yêu cầu đã đóng", "the order is closed"),
            Self::NotClosed => phrase!("yêu cầu chưa đóng", "the order is not closed"),
            Self::Cancelled => phrase!("yêu cầu đã được thu hồi", "the order was withdrawn"),
            Self::Superseded => phrase!("yêu cầu đã được thay bằng bản sửa đổi", "an Update took the order's place"),
            Self::Expired => phrase!("yêu cầu đã hết hiệu lực", "the order expired"),
            Self::Stopped => {
                phrase!("đợt gửi của yêu cầu đang tạm dừng hoặc đã dừng hẳn", "the order's run is paused or aborted")
            }
            Self::Followed => phrase!(
                "đã có bản sửa đổi hoặc lệnh thu hồi của yêu cầu này đang chờ",
                "an Update or Cancel of the order is on its way already"
            ),
            Self::IsCancel => phrase!(
                "đây là lệnh thu hồi: chỉ có thể tiếp nhận hoặc từ chối",
                "that is a Cancel: it is only acknowledged or refused"
            ),
            Self::OwnWriting => {
                phrase!("người soạn không tự phê duyệt: cần một người khác", "another than whoever wrote it must approve it")
            }
            Self::InDoubt => phrase!(
                "lần gửi vừa rồi chưa rõ đã tới đơn vị hay chưa: hãy chờ kết quả rồi mới thu hồi",
                "a push of the order may have reached the outlet: wait until that is known"
            ),
            Self::NoReason => phrase!("hãy nêu lý do", "say why"),
            Self::Moved => phrase!(
                "vừa có người khác thay đổi yêu cầu này: hãy xem lại",
                "somebody else has just changed the order: look at it again"
            ),
        }
    }
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
