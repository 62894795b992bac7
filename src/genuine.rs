//! Whether a text that somebody got was really sent out: the answer to "is this message from you?".
//!
//! What enters is the texts that were sent ([`Original`]), and the text that a resident pasted, with the sender's name if it is
//! known; what leaves is a [`Verdict`]. A text that was retyped, without accents or with other punctuation, is the same text; one
//! whose link, number or sender is another is *not*, however alike it looks, for that is what the fraud consists of: it is shown
//! beside the real one with the differences, and never called genuine. What can go wrong is a text that is too long to look at.
//!
//! Nothing is kept of what is asked: these are pure functions over an index in memory.

mod fold;

use std::collections::HashMap;

use similar::{Algorithm, DiffTag, capture_diff_slices};

pub use fold::{Kind, Token, fold};

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

/// A text that was sent out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// Its number with whoever asks: a run's, a message's.
    pub id: i64,
    /// The name it was sent under: a brand name, a short number, an address.
    pub sender: String,
    /// The text as it was sent.
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
}

impl Near<'_> {
    /// Whether a link or a number differs: what a fraud changes.
    pub fn is_alarming(&self) -> bool {
        self.other_sender || self.pieces.iter().any(|piece| piece.side != Side::Both && piece.kind != Kind::Word)
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

/// Words, a link or a number.
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
    /// By three letters in a row.
    pieces: HashMap<[char; 3], Vec<u32>>,
}

#[derive(Debug)]
struct Entry {
    original: Original,
    tokens: Vec<Token>,
    sender: String,
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
    /// Adds a text. The later of two alike is the one that is shown.
    pub fn insert(&mut self, original: Original) {
        let tokens = fold(&original.text);
        let number = self.entries.len();
        let said = said(&tokens);
        if let Ok(short) = u32::try_from(number) {
            for piece in pieces(&said) {
                self.pieces.entry(piece).or_default().push(short);
            }
        }
        self.exact.entry(said).or_default().push(number);
        self.entries.push(Entry { sender: said_by(&original.sender), original, tokens });
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
        let said = said(&tokens);
        if let Some(same) = self.exact.get(&said) {
            let by_sender = |number: &&usize| sender.as_ref().is_none_or(|sender| *sender == self.entries[**number].sender);
            if let Some(number) = same.iter().rev().find(by_sender) {
                return Verdict::Genuine { original: &self.entries[*number].original, by_sender: sender.is_some() };
            }
        }
        let hashed: Vec<&str> = tokens.iter().take(WORDS).map(|token| token.folded.as_str()).collect();
        let best = self
            .candidates(&said)
            .into_iter()
            .map(|number| (likeness(&self.entries[number], &hashed), number))
            .filter(|(likeness, _)| *likeness >= NEAR)
            .max();
        best.map_or(Verdict::Unknown, |(_, number)| {
            let entry = &self.entries[number];
            let other_sender = sender.is_some_and(|sender| sender != entry.sender);
            Verdict::Near(Near { original: &entry.original, pieces: compare(&entry.tokens, &tokens), other_sender })
        })
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

/// Words in a hundred that stay when one text is made the other.
fn likeness(entry: &Entry, words: &[&str]) -> usize {
    let own: Vec<&str> = entry.tokens.iter().take(WORDS).map(|token| token.folded.as_str()).collect();
    let most = own.len().max(words.len());
    if most == 0 {
        return 0;
    }
    let changed = strsim::generic_levenshtein(&Words(&own), &Words(words));
    (most - changed.min(most)) * 100 / most
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

/// Two texts side by side.
fn compare(original: &[Token], pasted: &[Token]) -> Vec<Piece> {
    let said = |tokens: &[Token]| tokens.iter().map(|token| token.folded.clone()).collect::<Vec<_>>();
    let mut found = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &said(original), &said(pasted)) {
        let (tag, before, after) = op.as_tag_tuple();
        match tag {
            DiffTag::Equal => add(&mut found, Side::Both, &pasted[after]),
            DiffTag::Delete | DiffTag::Insert | DiffTag::Replace => {
                add(&mut found, Side::Original, &original[before]);
                add(&mut found, Side::Pasted, &pasted[after]);
            }
        }
    }
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
