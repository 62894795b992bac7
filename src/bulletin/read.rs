//! What a source says, before anything is made of it. What enters is a feed, a CAP document or a text; what leaves is [`Read`]: plain
//! words within bounds, with what is known of their signature. What can go wrong is [`Unreadable`], told with its reason.
//!
//! Of a signed alert only what the signature covers is read. Characters that nobody sees, or that turn a text's direction, are left
//! out: what an officer reads is what is there.

use sha2::{Digest as _, Sha256};

use super::{Kind, Signature, Why};
use crate::{
    cap::{
        self, Alert, Certificate, MsgType, Scope, Status,
        feed::{self, FeedError, Item},
        signature::{self, SignatureError},
    },
    document::Problems,
    phrase,
    seal::hex,
    words::Phrase,
};

/// Bytes of the largest document that somebody may bring.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Characters of a title, of a publisher's name, and of a text.
const TITLE: usize = 300;
const PUBLISHER: usize = 120;
const BODY: usize = 20_000;
/// Bytes of an address, of a name that keys a row, and of what is kept as it came of an item that is no CAP document.
const LINK: usize = 2_000;
const KEY: usize = 500;
const RAW: usize = 256 * 1024;

/// One bulletin, as its source says it.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// What its source names it.
    pub guid: String,
    /// Who says it, as people are told.
    pub publisher: String,
    /// Its title.
    pub title: String,
    /// What it says, as plain text.
    pub body: String,
    /// A page that says more.
    pub link: Option<String>,
    /// When it was written, as it says itself (unix milliseconds).
    pub at: Option<i64>,
    /// As it came.
    pub raw: String,
    /// What it is told from an earlier version by.
    pub hash: String,
    /// Its CAP document.
    pub alert: Option<Alert>,
    /// What is known of that one's signature.
    pub signature: Signature,
    /// Its source's certificate is known, and it is not signed by it.
    pub unsigned: bool,
    /// What else is to be known of it.
    pub remark: Option<Phrase>,
    /// Where its CAP document lies that was not fetched yet.
    pub document: Option<String>,
}

/// Why a document cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It is no feed.
    Feed(FeedError),
    /// It is a feed without items.
    Empty,
    /// It has more bytes than are taken.
    TooLarge,
    /// It is neither XML nor a text.
    NoText,
}

impl Unreadable {
    /// For people, with what would be right.
    pub fn words(&self) -> Phrase {
        match self {
            Self::Feed(error) => error.words(),
            Self::Empty => phrase!("nguồn tin không có mục nào", "there is nothing in the feed"),
            Self::TooLarge => {
                phrase!("tài liệu quá lớn: nhiều nhất {MAX_BYTES} byte", "the document is too large: {MAX_BYTES} bytes at most")
            }
            Self::NoText => phrase!(
                "tệp không phải XML hay văn bản UTF-8: lưu lại thành .xml hoặc .txt, hoặc dán nội dung",
                "the file is neither XML nor a text in UTF-8: save it as .xml or .txt, or paste what it says"
            ),
        }
    }
}

/// The bulletins of a feed, or of a CAP document, in its order. `source` stands in for a publisher that it does not name.
pub(super) fn feed(document: &[u8], source: &str, pinned: Option<&Certificate>, now: i64) -> Result<Vec<Read>, Unreadable> {
    let feed = feed::read(document).map_err(Unreadable::Feed)?;
    let title = clean(&feed.title, PUBLISHER);
    let publisher = if title.is_empty() { source } else { title.as_str() };
    Ok(feed.items.into_iter().map(|item| of_item(item, publisher, pinned, now)).collect())
}

/// A bulletin that is a text alone: its first line is the title, where none is given.
pub(super) fn text(title: &str, text: &str, source: &str) -> Result<Read, Unreadable> {
    if text.len() > MAX_BYTES {
        return Err(Unreadable::TooLarge);
    }
    let whole = clean(text, usize::MAX);
    let (first, rest) = whole.split_once('\n').unwrap_or((&whole, ""));
    let given = clean(title, TITLE).replace('\n', " ");
    let (title, body) = if given.is_empty() { (first.trim().to_string(), rest.trim()) } else { (given, whole.as_str()) };
    if title.is_empty() {
        return Err(Unreadable::NoText);
    }
    // A long first line is no title alone.
    let body = if title.chars().count() > TITLE { whole.as_str() } else { body };
    let (title, body) = (cut(&title, TITLE).to_string(), cut(body, BODY).to_string());
    let hash = digest(&[&title, &body]);
    Ok(Read {
        guid: format!("sha256:{hash}"),
        publisher: clean(source, PUBLISHER),
        title,
        body,
        link: None,
        at: None,
        raw: cut(&whole, RAW).to_string(),
        hash,
        alert: None,
        signature: Signature::None,
        unsigned: false,
        remark: None,
        document: None,
    })
}

fn of_item(item: Item, publisher: &str, pinned: Option<&Certificate>, now: i64) -> Read {
    let Item { id, title, link, document, at, summary, cap, alert, fault, raw } = item;
    let mut read = Read {
        guid: key(&clean(&id, usize::MAX).replace('\n', " ")),
        publisher: clean(publisher, PUBLISHER),
        title: clean(&title, TITLE).replace('\n', " "),
        body: clean(&summary, BODY),
        link: link.and_then(|link| address(&link)),
        at,
        raw: cut(&raw.replace('\0', "\u{fffd}"), RAW).to_string(),
        hash: String::new(),
        alert: None,
        signature: Signature::None,
        unsigned: pinned.is_some(),
        remark: fault.as_ref().map(unread),
        document: document.filter(|_| alert.is_none()).and_then(|document| address(&document)),
    };
    read.hash = match (&alert, &read.document) {
        // What lies elsewhere is fetched once: that it changed is seen by the item's own date.
        (None, Some(document)) => digest(&[&read.title, &read.body, document, &format!("{:?}", read.at)]),
        _ => digest(&[&read.title, &read.body, read.link.as_deref().unwrap_or_default()]),
    };
    if let (Some(alert), Some(document)) = (cap, alert) {
        let hash = digest(&[String::from_utf8_lossy(&document).trim()]);
        read.set_alert(*alert, &document, pinned, now);
        read.hash = hash;
    }
    if read.title.is_empty() {
        let first = read.body.lines().next().unwrap_or_default();
        read.title = if first.is_empty() { read.guid.clone() } else { cut(first, TITLE).to_string() };
    }
    read
}

/// Why an alert was not read, as a remark.
fn unread(problems: &Problems) -> Phrase {
    let Some(first) = problems.0.first() else { return phrase!("văn bản CAP sai", "its CAP document is wrong") };
    let (line, message) = (first.line, &first.message);
    Phrase {
        vi: format!("văn bản CAP kèm theo không đọc được: dòng {line}: {}", message.vi),
        en: format!("its CAP document cannot be read: line {line}: {}", message.en),
    }
}

impl Read {
    /// With the CAP document that was fetched for it.
    pub(super) fn complete(&mut self, document: &[u8], pinned: Option<&Certificate>, now: i64) {
        self.document = None;
        match cap::read("", document) {
            Ok(alert) => self.set_alert(alert, document, pinned, now),
            Err(problems) => self.remark = Some(unread(&problems)),
        }
    }

    /// Without its CAP document, which could not be had.
    pub(super) fn give_up(&mut self, why: &str) {
        self.document = None;
        self.remark = Some(phrase!(
            "không tải được văn bản CAP kèm theo ({why}): bản tin chỉ theo nguồn tin",
            "its CAP document could not be fetched ({why}): this is what the feed says"
        ));
    }

    fn set_alert(&mut self, alert: Alert, document: &[u8], pinned: Option<&Certificate>, now: i64) {
        self.raw = String::from_utf8_lossy(document).replace('\0', "\u{fffd}");
        let certificates: &[Certificate] = pinned.map_or(&[][..], std::slice::from_ref);
        let (alert, signature, remark) = match signature::verify(document, certificates, now) {
            Ok(verified) => (verified.alert, Signature::Verified, None),
            Err(SignatureError::Missing) => (alert, Signature::None, None),
            Err(SignatureError::Stranger) if pinned.is_none() => (alert, Signature::Unpinned, None),
            Err(error) => (alert, Signature::Wrong, Some(error.words())),
        };
        let remark = remark.or_else(|| {
            (alert.scope != Scope::Public).then(|| {
                phrase!(
                    "văn bản CAP này không dành cho công chúng: hỏi nơi ban hành trước khi gửi",
                    "its CAP document is not for the public: ask its sender before it is passed on"
                )
            })
        });
        self.signature = signature;
        self.unsigned = pinned.is_some() && signature == Signature::None;
        self.remark = remark;
        if signature == Signature::Verified {
            // What stands around it in the feed, nobody vouches for.
            let note = alert.note.as_deref().map(|note| clean(note, TITLE)).filter(|note| !note.is_empty());
            self.title = note.unwrap_or_else(|| clean(&alert.identifier, TITLE)).replace('\n', " ");
            self.body.clear();
            self.link = None;
            self.publisher = clean(&alert.sender, PUBLISHER);
        }
        if let Some(info) = alert.info("vi") {
            self.title = clean(info.headline.as_deref().unwrap_or(&info.event), TITLE).replace('\n', " ");
            let parts = [info.description.as_deref(), info.instruction.as_deref()];
            let parts: Vec<String> =
                parts.into_iter().flatten().map(|part| clean(part, BODY)).filter(|part| !part.is_empty()).collect();
            self.body = cut(&parts.join("\n\n"), BODY).to_string();
            self.link = info.web.as_deref().and_then(address).or(self.link.take());
            if let Some(name) = info.sender_name.as_deref().map(|name| clean(name, PUBLISHER)).filter(|name| !name.is_empty()) {
                self.publisher = name.replace('\n', " ");
            }
        } else if let Some(note) = &alert.note {
            self.body = clean(note, BODY);
        }
        self.at = Some(alert.sent.at().timestamp_millis());
        self.alert = Some(alert);
    }

    /// What its CAP document does.
    pub fn kind(&self) -> Kind {
        match self.alert.as_ref().map(|alert| alert.msg_type) {
            None => Kind::Plain,
            Some(MsgType::Alert) => Kind::Alert,
            Some(MsgType::Update) => Kind::Update,
            Some(MsgType::Cancel) => Kind::Cancel,
            Some(MsgType::Ack | MsgType::Error) => Kind::Other,
        }
    }

    /// How other CAP documents name its own.
    pub(super) fn reference(&self) -> Option<String> {
        self.alert.as_ref().map(|alert| key(&alert.reference().to_string()))
    }

    /// The CAP documents that its own takes the place of, or withdraws: its sender's own, and never in an exercise.
    pub(super) fn references(&self) -> Vec<String> {
        let Some(alert) = self.alert.as_ref().filter(|_| matches!(self.kind(), Kind::Update | Kind::Cancel)) else {
            return Vec::new();
        };
        let own = alert.references.iter().filter(|one| alert.status == Status::Actual && one.sender == alert.sender);
        own.map(|one| key(&one.to_string())).collect()
    }

    /// Why it is not believed.
    pub(super) const fn disbelief(&self) -> Option<Why> {
        match self.signature {
            Signature::Wrong => Some(Why::Signature),
            _ if self.unsigned => Some(Why::Unsigned),
            _ => None,
        }
    }

    /// Why nobody is to be warned by it, whenever it comes.
    pub(super) fn idle(&self, now: i64) -> Option<Why> {
        let alert = self.alert.as_ref()?;
        match (alert.msg_type, alert.status) {
            (MsgType::Ack | MsgType::Error, _) => Some(Why::Answer),
            (_, Status::Exercise | Status::System | Status::Test | Status::Draft) => Some(Why::NotActual),
            (MsgType::Cancel, _) => Some(Why::Withdraws),
            _ if alert.expires().is_some_and(|end| end.at().timestamp_millis() <= now) => Some(Why::Over),
            _ => None,
        }
    }
}

/// A name that fits into a key of the database, whoever chose it.
fn key(name: &str) -> String {
    if name.len() <= KEY { name.to_string() } else { format!("sha256:{}", digest(&[name])) }
}

fn digest(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_le_bytes());
        hasher.update(part);
    }
    hex(&hasher.finalize())
}

/// An address of the web, and of nothing else.
fn address(link: &str) -> Option<String> {
    let link = link.trim();
    let web = link.starts_with("https://") || link.starts_with("http://");
    (web && link.len() <= LINK && !link.contains(|c: char| c.is_whitespace() || c.is_control())).then(|| link.to_string())
}

/// At most so many characters.
fn cut(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(at, _)| &text[..at])
}

/// Without what nobody sees and what turns a text's direction; lines without blanks at their ends, and no more than one empty one.
fn clean(text: &str, most: usize) -> String {
    let is_hidden = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let text = text.replace("\r\n", "\n").replace(['\r', '\u{85}', '\u{2028}', '\u{2029}'], "\n").replace('\t', " ");
    let text: String = text.chars().filter(|c| !is_hidden(*c)).collect();
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim) {
        if !(line.is_empty() && lines.last().is_none_or(|last| last.is_empty())) {
            lines.push(line);
        }
    }
    cut(lines.join("\n").trim(), most).to_string()
}

#[cfg(test)]
mod tests;
