//! How bulletins stand: what was done with them and why, what their CAP documents do, and what their signatures are worth. What enters is
//! stored numbers; what leaves is words for people and programs. Nothing can go wrong.

use crate::{phrase, words::Phrase};

/// What is done with a bulletin. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum State {
    /// It is noted, and nothing is made of it: see [`Why`].
    Noted = 0,
    /// A draft was made of it.
    Drafted = 1,
    /// Somebody decided that it does not concern us.
    Dismissed = 2,
    /// It is not believed: see [`Why`].
    Refused = 3,
}

impl State {
    pub(super) const fn from_number(number: i16) -> Self {
        match number {
            1 => Self::Drafted,
            2 => Self::Dismissed,
            3 => Self::Refused,
            _ => Self::Noted,
        }
    }
}

/// Why nothing was made of a bulletin. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Why {
    /// It was there before its source was first looked at, or it is old.
    Older = 1,
    /// Too many came at once.
    Many = 2,
    /// It no longer holds.
    Over = 3,
    /// It is an exercise, a test, a draft, or between systems.
    NotActual = 4,
    /// It withdraws another one.
    Withdraws = 5,
    /// Another source brought it already.
    Repeated = 6,
    /// It answers another one: it warns of nothing.
    Answer = 7,
    /// The signature is not that of the source's certificate, or the document was changed.
    Signature = 8,
    /// It is not signed, and its source's certificate is known.
    Unsigned = 9,
}

impl Why {
    const ALL: [Self; 9] = [
        Self::Older,
        Self::Many,
        Self::Over,
        Self::NotActual,
        Self::Withdraws,
        Self::Repeated,
        Self::Answer,
        Self::Signature,
        Self::Unsigned,
    ];

    pub(super) fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|why| *why as i16 == number)
    }

    /// For people.
    pub fn words(self) -> Phrase {
        match self {
            Self::Older => phrase!("tin cũ, có trước khi theo dõi nguồn này", "it is older than the first look at its source"),
            Self::Many => phrase!("quá nhiều tin đến cùng lúc", "too many came at once"),
            Self::Over => phrase!("đã hết hiệu lực", "it no longer holds"),
            Self::NotActual => {
                phrase!("diễn tập hoặc thử nghiệm, không phải cảnh báo thật", "an exercise or a test, no actual warning")
            }
            Self::Withdraws => phrase!("thu hồi một bản tin trước", "it withdraws an earlier one"),
            Self::Repeated => phrase!("nguồn khác đã đưa cảnh báo này", "another source brought this warning already"),
            Self::Answer => phrase!("là phúc đáp, không phải cảnh báo", "an answer, not a warning"),
            Self::Signature => phrase!("chữ ký số sai", "its signature is wrong"),
            Self::Unsigned => {
                phrase!(
                    "không có chữ ký số, dù đã có chứng thư của nguồn này",
                    "it is not signed, though its source's certificate is known"
                )
            }
        }
    }
}

/// What is known of a bulletin's signature. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Signature {
    /// There is none.
    None = 0,
    /// It is that of the certificate that is pinned for its source.
    Verified = 1,
    /// There is one, and no certificate is pinned.
    Unpinned = 2,
    /// It is wrong, or somebody else's.
    Wrong = 3,
}

impl Signature {
    pub(super) const fn from_number(number: i16) -> Self {
        match number {
            1 => Self::Verified,
            2 => Self::Unpinned,
            3 => Self::Wrong,
            _ => Self::None,
        }
    }

    /// In programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Verified => "verified",
            Self::Unpinned => "unpinned",
            Self::Wrong => "wrong",
        }
    }

    /// For people.
    pub fn label(self) -> Phrase {
        match self {
            Self::None => phrase!("Không có chữ ký số", "Not signed"),
            Self::Verified => phrase!("Chữ ký số hợp lệ", "Signature verified"),
            Self::Unpinned => {
                phrase!(
                    "Có chữ ký số, chưa kiểm tra: chưa có chứng thư của nguồn",
                    "Signed, not looked at: no certificate is pinned"
                )
            }
            Self::Wrong => phrase!("Chữ ký số SAI", "The signature is WRONG"),
        }
    }
}

/// What the CAP document of a bulletin does. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Kind {
    /// It is no CAP document.
    Plain = 0,
    /// It warns.
    Alert = 1,
    /// It takes the place of an earlier one.
    Update = 2,
    /// It withdraws an earlier one.
    Cancel = 3,
    /// It answers another one.
    Other = 4,
}

impl Kind {
    pub(super) const fn from_number(number: i16) -> Self {
        match number {
            1 => Self::Alert,
            2 => Self::Update,
            3 => Self::Cancel,
            4 => Self::Other,
            _ => Self::Plain,
        }
    }
}

/// How a bulletin stands, with what became of its draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is noted only.
    Noted(Why),
    /// Its draft waits for an officer.
    Waiting,
    /// Its draft waits for approval, or was approved.
    Submitted,
    /// Its warning was sent by this run.
    Sent(i64),
    /// Its draft was put away.
    Archived,
    /// Somebody dismissed it.
    Dismissed,
    /// It is not believed.
    Refused(Why),
}

impl Standing {
    /// In programs and style sheets.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Noted(_) => "noted",
            Self::Waiting => "waiting",
            Self::Submitted => "submitted",
            Self::Sent(_) => "sent",
            Self::Archived => "archived",
            Self::Dismissed => "dismissed",
            Self::Refused(_) => "refused",
        }
    }

    /// For people.
    pub fn label(self) -> Phrase {
        match self {
            Self::Noted(_) => phrase!("Chỉ ghi nhận", "Noted"),
            Self::Waiting => phrase!("Bản nháp chờ hoàn thiện", "The draft waits"),
            Self::Submitted => phrase!("Đã trình duyệt", "Submitted"),
            Self::Sent(_) => phrase!("Đã gửi", "Sent"),
            Self::Archived => phrase!("Bản nháp đã lưu trữ", "The draft was put away"),
            Self::Dismissed => phrase!("Đã bỏ qua", "Dismissed"),
            Self::Refused(_) => phrase!("Không nhận", "Refused"),
        }
    }
}
