//! What the schema's words say, in the words of those who read them: what enters is a meaning, what leaves is a phrase. Nothing can go wrong.

use super::{Certainty, Scope, Severity, Status, Urgency};
use crate::{phrase, words::Phrase};

impl Status {
    /// What a message is to be taken for.
    pub fn label(self) -> Phrase {
        match self {
            Self::Actual => phrase!("tin thật", "to be acted upon"),
            Self::Exercise => phrase!("diễn tập", "an exercise"),
            Self::System => phrase!("trao đổi giữa các hệ thống", "between systems"),
            Self::Test => phrase!("thử kỹ thuật", "a test"),
            Self::Draft => phrase!("bản nháp", "a draft"),
        }
    }
}

impl Scope {
    /// Whom a message is for.
    pub fn label(self) -> Phrase {
        match self {
            Self::Public => phrase!("công khai", "for everybody"),
            Self::Restricted => phrase!("phổ biến hạn chế", "for some alone"),
            Self::Private => phrase!("gửi riêng", "for those whom it names"),
        }
    }
}

impl Urgency {
    /// How soon to act.
    pub fn label(self) -> Phrase {
        match self {
            Self::Immediate => phrase!("cần hành động ngay", "act at once"),
            Self::Expected => phrase!("cần hành động trong vòng một giờ", "act within the hour"),
            Self::Future => phrase!("cần hành động trong thời gian tới", "act in the near future"),
            Self::Past => phrase!("không còn cần hành động", "no longer to be acted upon"),
            Self::Unknown => phrase!("chưa rõ độ khẩn", "how soon is not known"),
        }
    }
}

impl Severity {
    /// How bad it is.
    pub fn label(self) -> Phrase {
        match self {
            Self::Extreme => phrase!("đặc biệt nghiêm trọng", "an extraordinary threat"),
            Self::Severe => phrase!("nghiêm trọng", "a significant threat"),
            Self::Moderate => phrase!("tương đối nghiêm trọng", "a possible threat"),
            Self::Minor => phrase!("ít nghiêm trọng", "little or no threat"),
            Self::Unknown => phrase!("chưa rõ mức nghiêm trọng", "how bad is not known"),
        }
    }
}

impl Certainty {
    /// How sure it is.
    pub fn label(self) -> Phrase {
        match self {
            Self::Observed => phrase!("đã hoặc đang xảy ra", "it happened, or goes on"),
            Self::Likely => phrase!("nhiều khả năng xảy ra", "likely"),
            Self::Possible => phrase!("có thể xảy ra", "possible"),
            Self::Unlikely => phrase!("ít khả năng xảy ra", "hardly expected"),
            Self::Unknown => phrase!("chưa rõ độ chắc chắn", "how sure is not known"),
        }
    }
}
