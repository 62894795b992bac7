//! Why a decision was not made: nothing was changed, and people read what would have to be otherwise.

use super::Submission;
use crate::{db::DbError, phrase, words::Phrase};

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// There is none of this number.
    #[error("there is no submission {0}")]
    Unknown(i64),
    /// It is decided, withdrawn or superseded by now.
    #[error("submission {} is {:?}", .0.id, .0.standing())]
    Over(Box<Submission>),
    /// It is not the content that was looked at.
    #[error("the content is not the one that was shown")]
    Another,
    /// Whoever decides wrote it.
    #[error("nobody decides about their own work")]
    OwnWork,
    /// A delegate cannot release what the approver wrote whom they stand in for.
    #[error("a delegate does not decide about the work of whom they stand in for")]
    WorkOfTheApprover,
    /// Somebody else sent it.
    #[error("only whoever sent or wrote it takes it back")]
    NotSender,
    /// A comment or a reason is needed.
    #[error("a comment is needed")]
    Silent,
    /// Only a warning can be released by one person alone.
    #[error("only a warning is released in an emergency")]
    NotAWarning,
    /// It was not released in an emergency, or was reviewed before.
    #[error("there is nothing to review")]
    NothingToReview,
}

impl Refusal {
    /// What people read.
    pub fn phrase(&self) -> Phrase {
        match self {
            Self::Db(_) => phrase!("Cơ sở dữ liệu không trả lời.", "The database does not answer."),
            Self::Unknown(_) => phrase!("Không có yêu cầu phê duyệt này.", "There is no such submission."),
            Self::Over(submission) => {
                let state = submission.standing().phrase();
                let by = submission.decided_name.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
                let (vi, en) = (state.vi, state.en);
                phrase!(
                    "Yêu cầu này không còn chờ: {vi}{by}. Chưa có gì được thay đổi.",
                    "It is no longer waiting: {en}{by}. Nothing was changed."
                )
            }
            Self::Another => phrase!(
                "Nội dung đã khác với bản bạn vừa xem. Hãy xem lại rồi quyết định.",
                "The content is no longer the one that you looked at. Please look again."
            ),
            Self::OwnWork => phrase!(
                "Bạn đã soạn nội dung này: người khác phải phê duyệt.",
                "You wrote this content: somebody else has to approve it."
            ),
            Self::WorkOfTheApprover => phrase!(
                "Người bạn thay mặt đã soạn nội dung này: một người phê duyệt khác phải quyết định.",
                "Whom you stand in for wrote this content: another approver has to decide."
            ),
            Self::NotSender => {
                phrase!("Chỉ người gửi hoặc người viết mới rút lại được.", "Only whoever sent or wrote it can take it back.")
            }
            Self::Silent => phrase!("Hãy ghi lý do.", "Please give a reason."),
            Self::NotAWarning => phrase!(
                "Chỉ cảnh báo khẩn mới được một người tự phê duyệt.",
                "Only a warning can be released by one person alone."
            ),
            Self::NothingToReview => {
                phrase!("Phê duyệt khẩn này đã được xem lại.", "This emergency approval was reviewed before.")
            }
        }
    }
}

/// What a step of a decision gives back.
pub type Done<T> = std::result::Result<T, Refusal>;
