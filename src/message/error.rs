//! Why a message cannot be rendered for one person: for the delivery's row in English, for people in both languages.

use providers::{
    Channel, Reason,
    text::{SlotError, TextError},
};

use super::terms::{Nearest, besides};
use crate::{campaign::Lack, phrase, words::Phrase};

/// Why a message cannot be rendered for one person. Holds nothing personal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The message has no text for this channel.
    #[error("the message has no text for {0}")]
    NoContent(Channel),
    /// A field that the text needs and that this person lacks.
    #[error("this recipient has no {field}, and the text gives no default for it")]
    Missing {
        /// The field's name.
        field: String,
    },
    /// The finished text message cannot be sent.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The account has no wording under the name that the message asks for, for this carrier on this day.
    #[error("the account has no registered template {0} that holds for this carrier today")]
    NoTemplate(String),
    /// A slot of a registered wording.
    #[error(transparent)]
    Slot(#[from] SlotError),
    /// The account lists registered wordings, and the text matches none of them.
    #[error("the text matches no registered template{}", besides(nearest.as_ref()))]
    Unregistered {
        /// The one that it is nearest to; none where none holds for this carrier on this day.
        nearest: Option<Nearest>,
    },
    /// A registered wording that advertises, and lacks what the law wants of it.
    #[error("{}", match .0 {
        Lack::Label => "the registered template does not begin with the label of advertising",
        Lack::Instruction => "the registered template does not end with how to refuse advertising",
    })]
    Unlawful(Lack),
    /// An expression failed with these values.
    #[error("the template {template} failed: {problem}")]
    Failed {
        /// Which text.
        template: String,
        /// The kind of failure.
        problem: String,
    },
}

impl RenderError {
    /// The same for people.
    pub fn phrase(&self) -> Phrase {
        match self {
            Self::NoContent(channel) => phrase!("tin này không có nội dung cho kênh {channel}", "{self}"),
            Self::Missing { field } => phrase!("người này không có `{field}`, mà lời nhắn không có giá trị thay thế", "{self}"),
            Self::Text(TextError::Empty) => phrase!("tin nhắn không có chữ nào", "{self}"),
            Self::Text(TextError::TooLong { parts, max, over }) => {
                phrase!("tin nhắn dài {parts} phần, nhiều nhất {max}: bớt {over} ký tự", "{self}")
            }
            Self::Text(TextError::Unsendable { character, position }) => {
                let code = u32::from(*character);
                phrase!("ký tự thứ {position}, U+{code:04X}, không gửi được bằng SMS", "{self}")
            }
            Self::Text(TextError::NotPlain { character, position }) => {
                let code = u32::from(*character);
                phrase!("ký tự thứ {position}, U+{code:04X}, không có dạng không dấu", "{self}")
            }
            Self::NoTemplate(name) => {
                phrase!("tài khoản không có mẫu `{name}` còn hiệu lực với nhà mạng này", "{self}")
            }
            Self::Slot(SlotError::Missing(slot)) => phrase!("chỗ trống {{{slot}}} của mẫu chưa có nội dung", "{self}"),
            Self::Slot(SlotError::TooLong { slot, length, most }) => {
                phrase!("chỗ trống {{{slot}}} của mẫu nhận nhiều nhất {most} ký tự, không phải {length}", "{self}")
            }
            Self::Unregistered { nearest: None } => {
                phrase!("tài khoản không có mẫu nào còn hiệu lực với nhà mạng này", "{self}")
            }
            Self::Unregistered { nearest: Some(Nearest { template, at, expected }) } => {
                let there = if expected.is_empty() { "hết".to_owned() } else { format!("ghi “{expected}”") };
                phrase!("không khớp mẫu đã đăng ký nào; gần nhất là `{template}`: từ ký tự thứ {at}, mẫu {there}", "{self}")
            }
            Self::Unlawful(Lack::Label) => phrase!("mẫu đã đăng ký không bắt đầu bằng nhãn quảng cáo", "{self}"),
            Self::Unlawful(Lack::Instruction) => {
                phrase!("mẫu đã đăng ký không kết thúc bằng cách từ chối quảng cáo", "{self}")
            }
            Self::Failed { problem, .. } => phrase!("không điền được lời nhắn: {problem}", "{self}"),
        }
    }
}

impl RenderError {
    /// Why the message is not sent, in the fixed list.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::NoTemplate(_) | Self::Slot(_) | Self::Unregistered { .. } | Self::Unlawful(_) => Reason::Template,
            _ => Reason::Content,
        }
    }
}
