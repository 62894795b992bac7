//! Why nothing happened to an order: what people read, and what other programs do.

use crate::{phrase, words::Phrase};

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
    /// The outlet reported finally, and all that was ordered were text messages.
    #[error("the outlet has reported finally: its text messages are out, and nothing is left to update or cancel")]
    Done,
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
    /// A delegate does not approve what the approver wrote whom they stand in for.
    #[error("whom you stand in for wrote it: another approver must approve it")]
    WritingOfTheApprover,
    /// It is not pushed, now or at all: the outlet has it, or orders get there otherwise, or it was withdrawn.
    #[error("the order does not wait to be pushed")]
    NotPushed,
    /// A push of it may have reached the outlet.
    #[error("a push of the order may have reached the outlet: ask them, and note that it was handed over if they have it")]
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
            Self::Done => phrase!(
                "đơn vị đã báo cáo cuối cùng, tin nhắn đã gửi hết nên không còn gì để sửa đổi hay thu hồi: muốn đính chính, hãy gửi một đợt mới",
                "the outlet has reported finally, its messages are out, and nothing is left to update or cancel: to correct them, send a new run"
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
            Self::WritingOfTheApprover => phrase!(
                "người bạn thay mặt đã soạn bản này: một người phê duyệt khác phải quyết định",
                "whom you stand in for wrote it: another approver has to decide"
            ),
            Self::NotPushed => phrase!(
                "yêu cầu này không chờ gửi tự động: đơn vị đã nhận, nhận theo cách khác, hoặc yêu cầu đã được thu hồi",
                "the order does not wait to be pushed: the outlet has it, or orders get there otherwise, or it was withdrawn"
            ),
            Self::InDoubt => phrase!(
                "có lần gửi chưa rõ đã tới đơn vị hay chưa: hãy hỏi đơn vị, và nếu họ đã nhận thì ghi nhận đã giao",
                "a push of the order may have reached the outlet: ask them, and if they have it, note that it was handed over"
            ),
            Self::NoReason => phrase!("hãy nêu lý do", "say why"),
            Self::Moved => phrase!(
                "vừa có người khác thay đổi yêu cầu này: hãy xem lại",
                "somebody else has just changed the order: look at it again"
            ),
        }
    }
}
