//! Whether a text that somebody got was really sent out: the answer to "is this message from you?".
//!
//! What enters is the texts that were sent ([`Original`]), and the text that a resident pasted, with the sender's name if it is
//! known; what leaves is a [`Verdict`]. A text that was retyped, without accents or with other punctuation, is the same text; one
//! whose link, number or sender is another is *not*, however alike it looks, for that is what the fraud consists of: it is shown
//! beside the real one with the differences, and never called genuine. What can go wrong is a text that is too long to look at.
//!
//! A text that has something of each person's own in it is sent with [`SLOT`]s: any few words fit one, and never a number or a link.
//!
//! Nothing is kept of what is asked: these are pure functions over an index in memory.

mod disguise;
mod fold;
mod link;
mod slot;

use std::collections::{BTreeSet, HashMap};

use similar::{Algorithm, DiffTag, capture_diff_slices};

pub use fold::{Kind, SLOT, Token, fold};
pub use link::{Link, Owner};

/// Characters of the longest text that is looked at.
pub const MAX_CHARS: usize = 10_000;
/// Texts that are compared word by word.
const CANDIDATES: usize = 8;
/// The rarest pieces of a text by which candidates are found: they bound what a look-up costs.
const PROBES: usize = 48;
/// Words of a text that are compared one by one.
const WORDS: usize = 128;
/// Words in a hundred that a near text shares with the real one.
const NEAR: usize = 50;
/// Words that a text with slots is found by: in a row, and the same in every copy of it.
const ANCHOR: usize = 6;
/// Words that are the same in every copy of a text with slots; with fewer it says too little to be known by.
const FIXED: usize = 5;

/// A text that was sent out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// Its number with whoever asks: a run's, a message's.
    pub id: i64,
    /// The name it was sent under: a brand name, a short number, an address; several of them a line each. Empty: not known.
    pub sender: String,
    /// The text as it was sent, with a [`SLOT`] for each thing of a person's own.
    pub text: String,
}

/// What is to be said about a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<'i> {
    /// It was sent out, word for word, with these links and numbers.
    Genuine {
        /// The text that was sent.
        original: &'i Original,
        /// Whether the sender was given, and is the right one. If not it was not given: then the reader is to be told which it must be.
        by_sender: bool,
        /// What stands in its slots, as it was pasted: the reader is to see to it that this is theirs.
        filled: Vec<String>,
    },
    /// It was **not** sent out. One that was looks like it.
    Near(Near<'i>),
    /// Nothing like it was sent out.
    Unknown,
    /// It has more than [`MAX_CHARS`] characters.
    TooLong,
}

/// A text that looks like one that was sent, and is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near<'i> {
    /// The real one that is most like it.
    pub original: &'i Original,
    /// Both, piece by piece.
    pub pieces: Vec<Piece>,
    /// Whether the sender that was given is another.
    pub other_sender: bool,
    /// Whether it has letters in it that only look like those of the real one, or that nobody sees.
    pub disguised: bool,
}

impl Near<'_> {
    /// Whether a link or a number differs: what a fraud changes.
    pub fn is_alarming(&self) -> bool {
        let alarms = |piece: &Piece| piece.side != Side::Both && matches!(piece.kind, Kind::Link | Kind::Number);
        self.other_sender || self.disguised || self.pieces.iter().any(alarms)
    }
}

/// Where a piece stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// In both texts; shown as it was pasted.
    Both,
    /// Only in the real one.
    Original,
    /// Only in the pasted one.
    Pasted,
}

/// Words, a link, a number, or what fills a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Where it stands.
    pub side: Side,
    /// What it is. Neighbouring words are one piece; each link and number is its own.
    pub kind: Kind,
    /// As it was written.
    pub text: String,
}

/// The texts that were sent, ready to be looked up.
#[derive(Debug, Default)]
pub struct Index {
    entries: Vec<Entry>,
    /// By all that a text says.
    exact: HashMap<String, Vec<usize>>,
    /// Texts with slots, by the [`ANCHOR`] of each.
    anchors: HashMap<String, Vec<usize>>,
    /// How many words those have.
    anchor_sizes: BTreeSet<usize>,
    /// By three letters in a row.
    pieces: HashMap<[char; 3], Vec<u32>>,
    links: link::Links,
}

#[derive(Debug)]
struct Entry {
    original: Original,
    tokens: Vec<Token>,
    senders: Vec<String>,
}

impl Entry {
    /// Whether it may have come from there: where nobody knows, it may.
    fn is_from(&self, sender: &str) -> bool {
        self.senders.is_empty() || self.senders.iter().any(|own| own == sender)
    }
}

impl FromIterator<Original> for Index {
    fn from_iter<I: IntoIterator<Item = Original>>(originals: I) -> Self {
        let mut index = Self::default();
        for original in originals {
            index.insert(original);
        }
        index
    }
}

impl Index {
    /// Adds a text. The later of two alike is the one that is shown. One that is hardly more than slots says nothing, and is left out.
    pub fn insert(&mut self, original: Original) {
        let tokens = fold(&original.text);
        let anchor = slot::has(&tokens).then(|| anchor(&tokens));
        if tokens.is_empty() || anchor == Some(None) {
            return;
        }
        let number = self.entries.len();
        let said = said(&tokens);
        if let Ok(short) = u32::try_from(number) {
            for piece in pieces(&said) {
                self.pieces.entry(piece).or_default().push(short);
            }
        }
        if let Some(anchor) = anchor.flatten() {
            self.anchor_sizes.insert(anchor.len());
            self.anchors.entry(self::said(anchor)).or_default().push(number);
        } else {
            self.exact.entry(said).or_default().push(number);
        }
        self.links.add(&tokens);
        let senders = original.sender.lines().map(said_by).filter(|sender| !sender.is_empty()).collect();
        self.entries.push(Entry { original, tokens, senders });
    }

    /// Notes a host whose every page is the office's own.
    pub fn own_host(&mut self, host: &str) {
        self.links.own(host);
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What is to be said about `text`, which came from `sender`, where that is known.
    pub fn find(&self, text: &str, sender: Option<&str>) -> Verdict<'_> {
        if text.chars().nth(MAX_CHARS).is_some() {
            return Verdict::TooLong;
        }
        let tokens = fold(text);
        if tokens.is_empty() {
            return Verdict::Unknown;
        }
        let sender = sender.map(said_by).filter(|sender| !sender.is_empty());
        self.same(&tokens, sender.as_deref()).unwrap_or_else(|| self.near(text, &tokens, sender.as_deref()))
    }

    /// The text itself, if it was sent.
    fn same(&self, tokens: &[Token], sender: Option<&str>) -> Option<Verdict<'_>> {
        let genuine = |entry: &'_ Entry| sender.is_none_or(|sender| entry.is_from(sender));
        let by_sender = |entry: &Entry| sender.is_some() && !entry.senders.is_empty();
        let exact = self.exact.get(&said(tokens)).into_iter().flatten().rev().map(|number| &self.entries[*number]);
        if let Some(entry) = exact.into_iter().find(|entry| genuine(entry)) {
            let filled = Vec::new();
            return Some(Verdict::Genuine { original: &entry.original, by_sender: by_sender(entry), filled });
        }
        let mut anchored: BTreeSet<usize> = BTreeSet::new();
        for size in &self.anchor_sizes {
            for window in tokens.windows(*size) {
                anchored.extend(self.anchors.get(&said(window)).into_iter().flatten());
            }
        }
        anchored.into_iter().rev().map(|number| &self.entries[number]).filter(|entry| genuine(entry)).find_map(|entry| {
            let filled = slot::fill(&entry.tokens, tokens)?;
            Some(Verdict::Genuine { original: &entry.original, by_sender: by_sender(entry), filled })
        })
    }

    /// The one that is most like it.
    fn near(&self, text: &str, tokens: &[Token], sender: Option<&str>) -> Verdict<'_> {
        let plain = disguise::lifted(text);
        let lifted = plain.as_deref().map(fold);
        let readings: Vec<&[Token]> = [Some(tokens), lifted.as_deref()].into_iter().flatten().collect();
        let mut best: Option<(usize, usize)> = None;
        for reading in readings {
            let words: Vec<&str> = reading.iter().map(|token| token.folded.as_str()).collect();
            for number in self.candidates(&said(reading)) {
                best = best.max(Some((likeness(&self.entries[number], &words), number)));
            }
        }
        let Some((_, number)) = best.filter(|(likeness, _)| *likeness >= NEAR) else { return Verdict::Unknown };
        let entry = &self.entries[number];
        Verdict::Near(Near {
            original: &entry.original,
            pieces: compare(&entry.tokens, tokens),
            other_sender: sender.is_some_and(|sender| !entry.is_from(sender)),
            disguised: lifted.is_some(),
        })
    }

    /// The links of a text, each once, with what is known of it; the first few.
    pub fn links(&self, text: &str) -> Vec<Link> {
        let text: String = text.chars().take(MAX_CHARS).collect();
        self.links.of(&fold(&text))
    }

    /// The texts that share the most of what is rare in this one.
    fn candidates(&self, said: &str) -> Vec<usize> {
        let mut lists: Vec<&Vec<u32>> = pieces(said).iter().filter_map(|piece| self.pieces.get(piece)).collect();
        lists.sort_by_key(|list| list.len());
        let mut shared: Vec<u8> = vec![0; self.entries.len()];
        // At most PROBES: a byte counts them.
        for number in lists.into_iter().take(PROBES).flatten() {
            if let Some(count) = usize::try_from(*number).ok().and_then(|number| shared.get_mut(number)) {
                *count += 1;
            }
        }
        let mut ranked: Vec<(u8, usize)> = Vec::with_capacity(CANDIDATES + 1);
        for (number, count) in shared.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            if ranked.len() == CANDIDATES && ranked[CANDIDATES - 1].0 > count {
                continue;
            }
            let at = ranked.partition_point(|(other, _)| *other > count);
            ranked.insert(at, (count, number));
            ranked.truncate(CANDIDATES);
        }
        ranked.into_iter().map(|(_, number)| number).collect()
    }
}

/// All that a text says: two texts that say the same are the same text.
fn said(tokens: &[Token]) -> String {
    tokens.iter().map(|token| token.folded.as_str()).collect::<Vec<_>>().join(" ")
}

/// A sender as it is compared.
fn said_by(sender: &str) -> String {
    said(&fold(sender))
}

/// Every three letters in a row, each once.
fn pieces(said: &str) -> Vec<[char; 3]> {
    let letters: Vec<char> = said.chars().collect();
    let mut pieces: Vec<[char; 3]> = letters.windows(3).map(|three| [three[0], three[1], three[2]]).collect();
    pieces.sort_unstable();
    pieces.dedup();
    pieces
}

/// Words in a hundred that stay when one text is made the other, whatever hangs before or behind it.
fn likeness(entry: &Entry, words: &[&str]) -> usize {
    let own: Vec<&str> = entry.tokens.iter().take(WORDS).map(|token| token.folded.as_str()).collect();
    let most = words.len().min(own.len() + own.len() / 2);
    let alike = |words: &[&str]| {
        let most = own.len().max(words.len());
        let changed = strsim::generic_levenshtein(&Words(&own), &Words(words));
        ((most - changed.min(most)) * 100).checked_div(most).unwrap_or(0)
    };
    let begins = alike(&words[..most]);
    if most == words.len() { begins } else { begins.max(alike(&words[words.len() - most..])) }
}

/// A list as `strsim` wants it.
struct Words<'w>(&'w [&'w str]);

impl<'w> IntoIterator for &Words<'w> {
    type Item = &'w str;
    type IntoIter = std::iter::Copied<std::slice::Iter<'w, &'w str>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().copied()
    }
}

/// The longest run of words that is the same in every copy, or the beginning of it; none: too little of it is.
fn anchor(tokens: &[Token]) -> Option<&[Token]> {
    let is_fixed = |token: &Token| !slot::is(token);
    let run = tokens.split(|token| !is_fixed(token)).rev().max_by_key(|run| run.len())?;
    let fixed = tokens.iter().filter(|token| is_fixed(token)).count();
    (fixed >= FIXED).then_some(&run[..run.len().min(ANCHOR)])
}

/// Two texts side by side. What was pasted beyond twice the real one's length is one piece: it is none of it.
fn compare(original: &[Token], pasted: &[Token]) -> Vec<Piece> {
    let (pasted, beyond) = pasted.split_at(pasted.len().min(original.len() * 2 + WORDS));
    let said = |tokens: &[Token]| tokens.iter().map(|token| token.folded.clone()).collect::<Vec<_>>();
    let mut found = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &said(original), &said(pasted)) {
        let (tag, before, after) = op.as_tag_tuple();
        let (before, after) = (&original[before], &pasted[after]);
        if tag == DiffTag::Equal {
            add(&mut found, Side::Both, after);
        } else if before.iter().all(slot::is) && slot::fill(before, after).is_some() {
            let text = after.iter().map(|token| token.shown.as_str()).collect::<Vec<_>>().join(" ");
            let kind = before.first().map_or(Kind::Slot, |token| token.kind);
            found.push(Piece { side: Side::Both, kind, text });
        } else {
            add(&mut found, Side::Original, before);
            add(&mut found, Side::Pasted, after);
        }
    }
    add(&mut found, Side::Pasted, beyond);
    found
}

fn add(found: &mut Vec<Piece>, side: Side, tokens: &[Token]) {
    for token in tokens {
        match found.last_mut() {
            Some(last) if last.side == side && last.kind == Kind::Word && token.kind == Kind::Word => {
                last.text.push(' ');
                last.text.push_str(&token.shown);
            }
            _ => found.push(Piece { side, kind: token.kind, text: token.shown.clone() }),
        }
    }
}

#[cfg(test)]
mod tests;
