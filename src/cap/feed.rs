//! Feeds of warnings: ours for the public ([`publish`]), and others' ([`items`]).
//!
//! What enters is alerts with their addresses, or a document that somebody else serves; what leaves is an Atom feed (RFC 4287) with
//! its `ETag` and the moment at which it will change by itself, or the items of a feed. What can go wrong is a [`FeedError`]: too
//! large, with a document type, or no feed at all. Feeds of others are read as they are found: messy dates, unknown entities and
//! missing ids spoil no item.

mod publish;
mod read;
mod tree;

use crate::{cap::Alert, document::Problems, phrase, words::Phrase};

pub use publish::{About, Entry, Published, publish};
pub use read::{items, read};

/// The media type of Atom.
pub const MEDIA_TYPE: &str = "application/atom+xml";
/// Bytes of the largest feed that is read.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Items of a feed that are read: the first ones, which are the latest.
pub const MAX_ITEMS: usize = 500;

/// A feed as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Feed {
    /// What it calls itself; of a CAP document, who sends it.
    pub title: String,
    /// Its items, in its order.
    pub items: Vec<Item>,
}

/// One item of a feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What tells it from all others of the feed, whenever it is read.
    pub id: String,
    /// Its title, as plain text.
    pub title: String,
    /// The page that it leads to.
    pub link: Option<String>,
    /// The CAP document that it leads to.
    pub document: Option<String>,
    /// When it was written or changed (unix milliseconds).
    pub at: Option<i64>,
    /// What it says, as plain text.
    pub summary: String,
    /// The alert that stands in it.
    pub cap: Option<Box<Alert>>,
    /// That alert's document, as a signature covers it; also where it could not be read.
    pub alert: Option<Vec<u8>>,
    /// Why the alert that stands in it could not be read.
    pub fault: Option<Problems>,
    /// The item as it came.
    pub raw: String,
}

/// Why a document is no feed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// It has this many bytes.
    #[error("the feed is too large: {0} bytes")]
    TooLarge(usize),
    /// It has a document type.
    #[error("a DOCTYPE is refused")]
    Doctype,
    /// It is too deeply nested, or has too many elements.
    #[error("the feed has too many elements, or too deeply nested ones")]
    TooMany,
    /// It is not XML: what the reader said, and the line.
    #[error("line {1}: {0}")]
    Syntax(String, usize),
    /// Its first element is of another kind.
    #[error("the document is neither Atom nor RSS nor CAP: it begins with `{0}`")]
    Unknown(String),
    /// It is a CAP document with mistakes.
    #[error("{0}")]
    Cap(Problems),
}

impl FeedError {
    /// For a person, with what would be right.
    pub fn words(&self) -> Phrase {
        match self {
            Self::TooLarge(bytes) => phrase!(
                "nguồn tin quá lớn: {bytes} byte, nhiều nhất {MAX_BYTES}",
                "the feed is too large: {bytes} bytes, {MAX_BYTES} at most"
            ),
            Self::Doctype => phrase!("không nhận khai báo DOCTYPE", "a DOCTYPE is refused"),
            Self::TooMany => phrase!(
                "nguồn tin có quá nhiều phần tử, hoặc lồng nhau quá sâu",
                "the feed has too many elements, or too deeply nested ones"
            ),
            Self::Syntax(said, line) => {
                phrase!("không phải XML: dòng {line}: {said}", "it is no XML: line {line}: {said}")
            }
            Self::Unknown(root) => phrase!(
                "không phải Atom, RSS hay CAP: văn bản bắt đầu bằng `{root}`",
                "it is neither Atom nor RSS nor CAP: it begins with `{root}`"
            ),
            Self::Cap(problems) => match problems.0.first() {
                Some(first) => {
                    let (line, message) = (first.line, &first.message);
                    Phrase {
                        vi: format!("văn bản CAP sai: dòng {line}: {}", message.vi),
                        en: format!("the CAP document is wrong: line {line}: {}", message.en),
                    }
                }
                None => phrase!("văn bản CAP sai", "the CAP document is wrong"),
            },
        }
    }
}
