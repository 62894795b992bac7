//! How many parts a carrier bills for a text: a table of how much goes into one part, two parts, three….
//!
//! The table of the wire itself (160, 306, 459… septets; 70, 134, 201… UTF-16 units) follows from 3GPP TS 23.040. Others
//! stand in contracts: an advertising text loses what the carrier's label takes (122, 268, 421), and a reference of two
//! octets leaves one septet less in each of several parts (160, 304, 456).

use super::{Encoding, Measured, TextError, gsm, sendable, tidy, unaccented};
use crate::Sms;

/// Entries that a table may have: gateways commonly refuse more parts, and a text of that length is no longer read.
const MOST: u16 = 10;
/// What each further part must hold at least: less is a slip of the keyboard.
const LEAST: usize = 10;

/// Units billed as one part, as two parts, and so on, for each alphabet. A text beyond the last entry is too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    gsm: Vec<usize>,
    unicode: Vec<usize>,
}

/// Why a table cannot be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// No entry, or more than gateways take.
    #[error("a table has 1 to {MOST} entries")]
    Length,
    /// An entry that is no more than the one before it, or more than the wire carries.
    #[error("entry {entry} must be {least} to {most}")]
    Entry {
        /// Which, from 1.
        entry: usize,
        /// The least that it can be after those before it.
        least: usize,
        /// The most that so many parts carry.
        most: usize,
    },
}

impl Default for Budget {
    /// What the wire carries, in ten parts at most.
    fn default() -> Self {
        Self::of_parts(MOST)
    }
}

impl Budget {
    /// What the wire carries in at most so many parts.
    pub fn of_parts(most: u16) -> Self {
        let table = |encoding: Encoding| {
            let several = (2..=usize::from(most)).map(|parts| parts * encoding.joined());
            std::iter::once(encoding.single()).chain(several).collect()
        };
        Self { gsm: table(Encoding::Gsm), unicode: table(Encoding::Ucs2) }
    }

    /// The same with another table for one alphabet: units of one part, of two parts together, and so on.
    pub fn with(mut self, encoding: Encoding, table: Vec<usize>) -> Result<Self, BudgetError> {
        if table.is_empty() || table.len() > usize::from(MOST) {
            return Err(BudgetError::Length);
        }
        let mut before = 0;
        for (at, units) in table.iter().enumerate() {
            let least = before + LEAST;
            let most = if at == 0 { encoding.single() } else { (encoding.joined() * (at + 1)).min(before + encoding.joined()) };
            if !(least..=most).contains(units) {
                return Err(BudgetError::Entry { entry: at + 1, least, most });
            }
            before = *units;
        }
        match encoding {
            Encoding::Gsm => self.gsm = table,
            Encoding::Ucs2 => self.unicode = table,
        }
        Ok(self)
    }

    /// The table of one alphabet.
    pub fn table(&self, encoding: Encoding) -> &[usize] {
        match encoding {
            Encoding::Gsm => &self.gsm,
            Encoding::Ucs2 => &self.unicode,
        }
    }

    /// Parts that a text may take in this alphabet.
    pub fn most(&self, encoding: Encoding) -> u16 {
        u16::try_from(self.table(encoding).len()).unwrap_or(u16::MAX)
    }

    /// Counts a text as it stands: the smaller alphabet that carries it, its units, and the parts that are billed. Beyond
    /// the table's end it goes on counting in steps of its last part.
    pub fn measure(&self, text: &str) -> Measured {
        let encoding = if text.chars().all(|c| gsm::width(c).is_some()) { Encoding::Gsm } else { Encoding::Ucs2 };
        let units = text.chars().map(|c| encoding.units(c)).sum();
        let parts = if units <= self.table(encoding)[0] {
            u16::from(units > 0)
        } else {
            self.places(text, encoding).last().map_or(0, |part| u16::try_from(part.max(2)).unwrap_or(u16::MAX))
        };
        Measured { encoding, parts, units }
    }

    /// A text made ready for the wire: without accents where that is chosen, then in order ([`tidy`]), then counted.
    pub fn sms(&self, text: &str, unaccented: bool) -> Result<Sms, TextError> {
        let text = if unaccented { tidy(&self::unaccented(text)) } else { tidy(text) };
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        let find = |wrong: fn(char) -> bool| text.chars().zip(1..).find(|(c, _)| wrong(*c));
        if let Some((character, position)) = find(|c| !sendable(c)) {
            return Err(TextError::Unsendable { character, position });
        }
        if unaccented && let Some((character, position)) = find(|c| gsm::width(c).is_none()) {
            return Err(TextError::NotPlain { character, position });
        }
        let Measured { encoding, parts, units: _ } = self.measure(&text);
        let max = self.most(encoding);
        if parts > max {
            return Err(TextError::TooLong { parts, max, over: self.beyond(&text, encoding) });
        }
        Ok(Sms { text, encoding, parts })
    }

    /// Characters beyond the table's end.
    fn beyond(&self, text: &str, encoding: Encoding) -> usize {
        let table = self.table(encoding);
        if table.len() > 1 {
            return self.places(text, encoding).filter(|part| *part > table.len()).count();
        }
        let mut used = 0;
        let fitting = text.chars().take_while(|c| {
            used += encoding.units(*c);
            used <= table[0]
        });
        text.chars().count() - fitting.count()
    }

    /// For each character the part (from 1) that it falls into when the text is packed into several. Neither an escape
    /// pair of GSM 03.38 nor a surrogate pair is split, so that a text can take one part more than its units say.
    fn places(&self, text: &str, encoding: Encoding) -> impl Iterator<Item = usize> {
        let (mut part, mut used) = (1, 0);
        text.chars().map(move |c| {
            let units = encoding.units(c);
            if used + units > self.room(part, encoding) {
                part += 1;
                used = 0;
            }
            used += units;
            part
        })
    }

    /// Units that one of several parts holds. What the table's first entry lacks of a whole part (a label) is missing in
    /// the first of several as well.
    fn room(&self, part: usize, encoding: Encoding) -> usize {
        let table = self.table(encoding);
        let [one, two, ..] = table else { return encoding.joined() };
        let second = two.midpoint(encoding.single() - one).min(encoding.joined()).min(two - LEAST);
        match part {
            1 => two - second,
            2 => second,
            _ => match table[..part.min(table.len())] {
                [.., before, last] if table.len() > 2 => last - before,
                _ => second,
            },
        }
    }
}
