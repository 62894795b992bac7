//! Whole numbers as people type them: `1.234.567`, `1,234,567`, `1 234 567`, `350,0`. What may mean two numbers is refused.
//!
//! A mark that stands once before three digits, as in `1,234`, groups thousands in one country and begins a fraction in another. Which
//! one is meant is read off the header's language and off the other numbers of the same table ([`Marks`]); where these do not say, nobody
//! guesses.

use crate::{phrase, words::Phrase};

/// How a table uses its marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Marks {
    dot: Use,
    comma: Use,
    /// What the header's language groups thousands with.
    home: Option<char>,
}

/// How a mark is used, as far as is beyond doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Use {
    groups: bool,
    fractions: bool,
}

/// A number taken apart.
enum Shape<'a> {
    /// Nothing but digits.
    Digits(&'a str),
    /// Groups of thousands by this mark, more than two of them.
    Groups(char, String),
    /// One mark, three digits after it: thousands or a fraction.
    Either(char, String),
    /// Digits, a mark and a fraction.
    Fraction(char, String, &'a str),
    /// Groups by one mark, then a fraction after the other.
    Both(char, String, &'a str),
    None,
}

impl Marks {
    /// For a header in Vietnamese (`1.234`) or English (`1,234`).
    pub(super) fn new(vietnamese: bool) -> Self {
        Self { home: Some(if vietnamese { '.' } else { ',' }), ..Self::default() }
    }

    /// Learns from a number of the table.
    pub(super) fn learn(&mut self, text: &str) {
        let text = plain(text);
        match shape(&text) {
            Shape::Groups(mark, _) => self.of(mark).groups = true,
            Shape::Fraction(mark, _, _) => self.of(mark).fractions = true,
            Shape::Both(mark, _, _) => {
                self.of(mark).groups = true;
                self.of(other(mark)).fractions = true;
            }
            Shape::Digits(_) | Shape::Either(..) | Shape::None => {}
        }
    }

    const fn of(&mut self, mark: char) -> &mut Use {
        if mark == '.' { &mut self.dot } else { &mut self.comma }
    }

    /// The number that a text is, or why it is none.
    pub(super) fn read(self, text: &str) -> Result<i64, Phrase> {
        let plain = plain(text);
        let no_number = || {
            phrase!(
                "`{text}` không phải số nguyên không âm: ghi như 1234567 hoặc 1.234.567",
                "`{text}` is no whole number from 0: write 1234567 or 1,234,567"
            )
        };
        let fraction = || {
            phrase!(
                "`{text}` có phần lẻ: đếm bằng số nguyên, ghi như 1234567",
                "`{text}` has a fraction: counts are whole, such as 1234567"
            )
        };
        let is_zero = |digits: &str| digits.bytes().all(|byte| byte == b'0');
        let digits = match shape(&plain) {
            Shape::Digits(digits) => digits.to_string(),
            Shape::Groups(_, digits) => digits,
            Shape::Fraction(_, digits, after) | Shape::Both(_, digits, after) if is_zero(after) => digits,
            Shape::Fraction(..) | Shape::Both(..) => return Err(fraction()),
            Shape::Either(mark, digits) => {
                let (this, that) = if mark == '.' { (self.dot, self.comma) } else { (self.comma, self.dot) };
                let groups = this.groups || self.home == Some(mark) && !that.groups;
                if this.fractions && !groups {
                    return Err(fraction());
                }
                if this.fractions || !groups {
                    return Err(phrase!(
                        "`{text}` đọc được hai cách (số lẻ hoặc {digits}): ghi {digits} không có dấu",
                        "`{text}` can be read in two ways (with a fraction, or {digits}): write {digits} without a mark"
                    ));
                }
                digits
            }
            Shape::None => return Err(no_number()),
        };
        digits.parse().map_err(|_| no_number())
    }
}

/// Why a number of a sheet that has a fraction is none, whatever it looks like.
pub(super) fn fractional(text: &str) -> Phrase {
    phrase!(
        "ô chứa số lẻ {text}: bảng tính đã hiểu dấu chấm hoặc phẩy là dấu thập phân; ghi lại số không có dấu",
        "the cell holds a fraction, {text}: the spreadsheet took a dot or comma for the decimal mark; write the number without marks"
    )
}

const fn other(mark: char) -> char {
    if mark == '.' { ',' } else { '.' }
}

/// Without the spaces that set thousands apart; what has others stays as it is, and is no number.
fn plain(text: &str) -> String {
    let text = text.trim();
    let groups: Vec<&str> = text.split([' ', '\u{a0}', '\u{202f}', '\u{2009}']).collect();
    if is_grouped(&groups) { groups.concat() } else { text.to_string() }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// One to three digits, the first no zero, then groups of three.
fn is_grouped(groups: &[&str]) -> bool {
    let [first, rest @ ..] = groups else { return false };
    let leads = is_digits(first) && first.len() <= 3 && !first.starts_with('0');
    leads && !rest.is_empty() && rest.iter().all(|group| group.len() == 3 && is_digits(group))
}

fn shape(text: &str) -> Shape<'_> {
    if is_digits(text) {
        return Shape::Digits(text);
    }
    for mark in ['.', ','] {
        let (body, after) = match text.split_once(other(mark)) {
            Some((body, after)) if is_digits(after) => (body, Some(after)),
            Some(_) => continue,
            None => (text, None),
        };
        let groups: Vec<&str> = body.split(mark).collect();
        match (is_grouped(&groups), after) {
            (true, Some(after)) => return Shape::Both(mark, groups.concat(), after),
            (true, None) if groups.len() == 2 => return Shape::Either(mark, groups.concat()),
            (true, None) => return Shape::Groups(mark, groups.concat()),
            (false, _) => {}
        }
    }
    match text.split_once(['.', ',']) {
        Some((before, after)) if is_digits(before) && is_digits(after) => {
            let mark = if text.contains('.') { '.' } else { ',' };
            Shape::Fraction(mark, before.to_string(), after)
        }
        _ => Shape::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(among: &[&str], vietnamese: bool, text: &str) -> Option<i64> {
        let mut marks = Marks::new(vietnamese);
        among.iter().chain([&text]).for_each(|text| marks.learn(text));
        marks.read(text).ok()
    }

    #[test]
    fn numbers_are_read_as_people_type_them() {
        for (text, number) in [
            ("0", Some(0)),
            ("1234567", Some(1_234_567)),
            (" 007 ", Some(7)),
            ("1.234.567", Some(1_234_567)),
            ("1,234,567", Some(1_234_567)),
            ("1 234 567", Some(1_234_567)),
            ("1\u{a0}234", Some(1_234)),
            ("12\u{202f}345", Some(12_345)),
            ("350,0", Some(350)),
            ("350.00", Some(350)),
            ("1.234.567,00", Some(1_234_567)),
            ("1,234.0", Some(1_234)),
            ("1,5", None),
            ("12,345678", None),
            ("0.123", None),
            ("1.23.456", None),
            ("12.34", None),
            ("1 23", None),
            ("1 2345", None),
            ("-5", None),
            ("1e6", None),
            ("1.2E+16", None),
            ("٣", None),
            ("", None),
            ("ba", None),
            (".", None),
            ("1.", None),
            (".5", None),
            ("99999999999999999999", None),
            ("#DIV/0!", None),
        ] {
            assert_eq!(read(&[], true, text), number, "{text}");
        }
    }

    #[test]
    fn one_mark_before_three_digits_is_read_as_its_table_writes_numbers() {
        // The language of the header decides where nothing else does; the mark of the other country is refused.
        assert_eq!((read(&[], true, "1.234"), read(&[], true, "1,234")), (Some(1_234), None));
        assert_eq!((read(&[], false, "1,234"), read(&[], false, "1.234")), (Some(1_234), None));
        // Another number of the table that is beyond doubt.
        assert_eq!(read(&["1,234,567"], true, "1,234"), Some(1_234));
        assert_eq!(read(&["1,234,567"], true, "1.234"), None, "commas group here, so what does the dot?");
        assert_eq!(read(&["1.234,50"], false, "1.234"), Some(1_234));
        // Beside a fraction it is one.
        assert_eq!(read(&["12.50"], true, "1.234"), None);
        assert_eq!(read(&["12.50", "1.234.567"], true, "1.234"), None, "used in both ways");
    }
}
