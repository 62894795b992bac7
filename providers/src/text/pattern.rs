//! Registered wordings: Vietnamese carriers take a brand's text only where it matches a wording that was registered with
//! them, in which slots stand for what changes (eSMS answers 146 otherwise, Viettel `CONTENT_NOT_MATCH_TEMPLATE`).
//!
//! What enters is a wording as it was registered, its slots written `{1}`, or `{1:20}` where at most 20 characters were
//! registered; `{{` and `}}` stand for braces. What leaves: whether a finished text matches, where it differs, or the
//! wording filled in. Carriers compare letter by letter, so case, accents and blanks count; a slot takes at least one
//! character and no line break. What can go wrong: a wording that cannot be read, a value that its slot does not take.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

/// A wording with its slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(Vec<char>),
    Slot(Slot),
}

/// What changes from text to text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its name in the wording.
    pub name: String,
    /// Characters that it may hold; none: no limit was registered.
    pub most: Option<usize>,
}

/// Why a wording cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing but slots and blanks.
    #[error("a wording needs words of its own beside its slots")]
    Empty,
    /// A brace that opens or closes nothing.
    #[error("the brace at character {0} belongs to no slot: a slot is {{1}} or {{1:20}}, a brace {{{{ or }}}}")]
    Brace(usize),
    /// A slot that is not a name, or a name and a number.
    #[error("{{{slot}}} at character {at} is no slot: write {{1}}, or {{1:20}} for at most 20 characters")]
    Slot {
        /// What stands between the braces.
        slot: String,
        /// Where, in characters from 1.
        at: usize,
    },
    /// Two slots of one name.
    #[error("the slot {{{0}}} stands twice: give each a name of its own")]
    Twice(String),
    /// A control character or one that no text carries.
    #[error("character {at} of the wording, U+{:04X}, cannot be sent", u32::from(*character))]
    Unsendable {
        /// The character.
        character: char,
        /// Where, in characters from 1.
        at: usize,
    },
}

/// Why a wording cannot be filled in. Holds nothing of the value, which may be personal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    /// No value, or a blank one.
    #[error("the slot {{{0}}} has no value")]
    Missing(String),
    /// More characters than were registered.
    #[error("the value of the slot {{{slot}}} has {length} characters where {most} are registered")]
    TooLong {
        /// The slot.
        slot: String,
        /// The value's length.
        length: usize,
        /// What is registered.
        most: usize,
    },
}

/// Where a text parts from a wording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Characters of the text that the wording accounts for.
    pub at: usize,
    /// What the wording has there; empty: its end.
    pub expected: String,
    /// Characters that agree, from the front and from the back: for choosing the nearest of several wordings.
    pub alike: usize,
}

impl Pattern {
    /// Reads a wording. Blanks at its ends are not part of it: no text is sent with any.
    pub fn parse(wording: &str) -> Result<Self, PatternError> {
        let text: Vec<char> = wording.trim().nfc().collect();
        let mut pattern = Self { pieces: Vec::new() };
        let mut at = 0;
        while let Some(c) = text.get(at).copied() {
            match (c, text.get(at + 1)) {
                ('{', Some('{')) | ('}', Some('}')) => {
                    pattern.push(c);
                    at += 2;
                }
                ('{', _) => {
                    let end = text[at..].iter().position(|c| *c == '}').ok_or(PatternError::Brace(at + 1))?;
                    let inside: String = text[at + 1..at + end].iter().collect();
                    let slot = Slot::parse(&inside).ok_or(PatternError::Slot { slot: inside, at: at + 1 })?;
                    if pattern.slots().any(|other| other.name == slot.name) {
                        return Err(PatternError::Twice(slot.name));
                    }
                    pattern.pieces.push(Piece::Slot(slot));
                    at += end + 1;
                }
                ('}', _) => return Err(PatternError::Brace(at + 1)),
                (character, _) if !super::sendable(character) => return Err(PatternError::Unsendable { character, at: at + 1 }),
                _ => {
                    pattern.push(c);
                    at += 1;
                }
            }
        }
        let worded = |piece: &Piece| matches!(piece, Piece::Literal(words) if words.iter().any(|c| !c.is_whitespace()));
        if pattern.pieces.iter().any(worded) { Ok(pattern) } else { Err(PatternError::Empty) }
    }

    fn push(&mut self, c: char) {
        if let Some(Piece::Literal(words)) = self.pieces.last_mut() {
            words.push(c);
        } else {
            self.pieces.push(Piece::Literal(vec![c]));
        }
    }

    /// Its slots, in order.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Slot(slot) => Some(slot),
            Piece::Literal(_) => None,
        })
    }

    /// Whether a finished text is this wording with its slots filled.
    ///
    /// Every piece is a pass over the places that the pieces before it can end at, so that no text makes it slow: no more
    /// steps than characters times pieces, however the slots could be filled.
    pub fn matches(&self, text: &str) -> bool {
        // Most texts that do not match differ in the first words or the last.
        let ends = |piece: Option<&Piece>, fits: &dyn Fn(&str) -> bool| match piece {
            Some(Piece::Literal(words)) => fits(&words.iter().collect::<String>()),
            _ => true,
        };
        if !ends(self.pieces.first(), &|words| text.starts_with(words))
            || !ends(self.pieces.last(), &|words| text.ends_with(words))
        {
            return false;
        }
        let text: Vec<char> = text.chars().collect();
        let mut open = vec![false; text.len() + 1];
        open[0] = true;
        for piece in &self.pieces {
            open = piece.after(&open, &text);
        }
        open[text.len()]
    }

    /// Where a text that does not match parts from the wording.
    pub fn differs(&self, text: &str) -> Option<Difference> {
        if self.matches(text) {
            return None;
        }
        let text: Vec<char> = text.chars().collect();
        let (before, at, expected) = self.farthest(&text);
        let turned: Vec<char> = text.iter().rev().copied().collect();
        let alike = before + self.turned().farthest(&turned).0;
        Some(Difference { at, expected, alike })
    }

    /// The most words of the wording that the text's beginning has: how many characters they are, where they end, and what
    /// the wording has after them.
    fn farthest(&self, text: &[char]) -> (usize, usize, String) {
        let mut open = vec![false; text.len() + 1];
        open[0] = true;
        let (mut best, mut whole) = ((0, 0, self.to_string()), 0);
        for (nth, piece) in self.pieces.iter().enumerate() {
            let rest = |words: &[char]| {
                let rest = [&[Piece::Literal(words.to_vec())], &self.pieces[nth + 1..]].concat();
                Self { pieces: rest }.to_string()
            };
            if let Piece::Literal(words) = piece {
                for from in (0..open.len()).filter(|from| open[*from]) {
                    let same = words.iter().zip(&text[from..]).take_while(|(a, b)| a == b).count();
                    if whole + same > best.0 {
                        best = (whole + same, from + same, rest(&words[same..]));
                    }
                }
                whole += words.len();
            }
            open = piece.after(&open, text);
            let Some(last) = open.iter().rposition(|open| *open) else { break };
            if matches!(piece, Piece::Slot(_)) && nth + 1 == self.pieces.len() {
                best = (best.0, last, String::new());
            }
        }
        best
    }

    /// The wording from back to front.
    fn turned(&self) -> Self {
        let turn = |piece: &Piece| match piece {
            Piece::Literal(words) => Piece::Literal(words.iter().rev().copied().collect()),
            slot @ Piece::Slot(_) => slot.clone(),
        };
        Self { pieces: self.pieces.iter().rev().map(turn).collect() }
    }

    /// The wording with its slots filled: `value` gives a slot's.
    pub fn fill(&self, mut value: impl FnMut(&str) -> Option<String>) -> Result<String, SlotError> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(words) => text.extend(words),
                Piece::Slot(slot) => text.push_str(&slot.take(value(&slot.name))?),
            }
        }
        Ok(text)
    }
}

impl fmt::Display for Pattern {
    /// As it was written, but for the blanks at its ends.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(words) => {
                    f.write_str(&words.iter().collect::<String>().replace('{', "{{").replace('}', "}}"))?;
                }
                Piece::Slot(Slot { name, most: None }) => write!(f, "{{{name}}}")?,
                Piece::Slot(Slot { name, most: Some(most) }) => write!(f, "{{{name}:{most}}}")?,
            }
        }
        Ok(())
    }
}

impl Piece {
    /// The places of the text where this piece can end, from those where it can begin.
    fn after(&self, open: &[bool], text: &[char]) -> Vec<bool> {
        let mut after = vec![false; open.len()];
        match self {
            Self::Literal(words) => {
                for end in ends(words, text) {
                    after[end] = open[end - words.len()];
                }
            }
            Self::Slot(slot) => {
                // The latest beginning leaves the most room: if that one is too far back, all are.
                let mut begun = None;
                for (at, c) in text.iter().enumerate() {
                    if open[at] {
                        begun = Some(at);
                    }
                    if *c == '\n' {
                        begun = None;
                    }
                    let fits = |from: usize| slot.most.is_none_or(|most| at + 1 - from <= most);
                    after[at + 1] = begun.is_some_and(fits);
                }
            }
        }
        after
    }
}

/// Where these words end in a text, wherever they stand: Knuth, Morris and Pratt's search, one pass over each.
fn ends(words: &[char], text: &[char]) -> Vec<usize> {
    // For each beginning of the words, how long a shorter beginning is its end as well.
    let mut borders = vec![0; words.len()];
    let mut same = 0;
    for at in 1..words.len() {
        while same > 0 && words[same] != words[at] {
            same = borders[same - 1];
        }
        same += usize::from(words[same] == words[at]);
        borders[at] = same;
    }
    let (mut found, mut same) = (Vec::new(), 0);
    for (at, c) in text.iter().enumerate() {
        while same > 0 && (same == words.len() || words[same] != *c) {
            same = borders[same - 1];
        }
        same += usize::from(words.get(same) == Some(c));
        if same == words.len() {
            found.push(at + 1);
        }
    }
    found
}

impl Slot {
    fn parse(inside: &str) -> Option<Self> {
        let (name, most) = match inside.split_once(':') {
            Some((name, most)) => (name, Some(most.parse().ok().filter(|most| (1..=1_000).contains(most))?)),
            None => (inside, None),
        };
        let well = (1..=40).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        well.then(|| Self { name: name.to_owned(), most })
    }

    /// A value as it fits the slot: on one line, without blanks at its ends.
    fn take(&self, value: Option<String>) -> Result<String, SlotError> {
        let value = value.unwrap_or_default();
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        if value.is_empty() {
            return Err(SlotError::Missing(self.name.clone()));
        }
        let length = value.nfc().count();
        match self.most {
            Some(most) if length > most => Err(SlotError::TooLong { slot: self.name.clone(), length, most }),
            _ => Ok(value),
        }
    }
}

#[cfg(test)]
mod tests;
