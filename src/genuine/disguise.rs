//! Letters that are taken for others: Cyrillic and Greek ones, wide and mathematical ones, and characters that nobody sees. What
//! enters is a text; what leaves is the text as a person reads it, if that is another. Nothing can go wrong.
//!
//! A disguised text is never the real one. It is read so only to find the one that it imitates.

use unicode_normalization::UnicodeNormalization as _;

/// The text without its disguise; none: it has none.
pub(super) fn lifted(text: &str) -> Option<String> {
    let lifted: String = text.nfkc().filter(|c| !is_unseen(*c)).map(latin).nfc().collect();
    let plain: String = text.nfc().collect();
    (lifted != plain).then_some(lifted)
}

/// Joiners, marks of direction, soft hyphens, variation selectors and the like.
const fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// The Latin letter that a Cyrillic or Greek one looks like (of Unicode's confusables, those that deceive in any common typeface).
const fn latin(c: char) -> char {
    match c {
        'а' | 'α' => 'a',
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'с' | 'ϲ' => 'c',
        'С' | 'Ϲ' => 'C',
        'ԁ' => 'd',
        'е' | 'ҽ' => 'e',
        'Е' | 'Ε' => 'E',
        'ɡ' => 'g',
        'һ' => 'h',
        'Н' | 'Η' => 'H',
        'і' | 'ι' | 'ı' => 'i',
        'І' | 'Ι' | 'Ӏ' => 'I',
        'ј' => 'j',
        'Ј' => 'J',
        'к' | 'κ' => 'k',
        'К' | 'Κ' => 'K',
        'ӏ' => 'l',
        'М' | 'Μ' => 'M',
        'Ν' => 'N',
        'о' | 'ο' => 'o',
        'О' | 'Ο' => 'O',
        'р' | 'ρ' => 'p',
        'Р' | 'Ρ' => 'P',
        'ԛ' => 'q',
        'ѕ' => 's',
        'Ѕ' => 'S',
        'Т' | 'Τ' => 'T',
        'υ' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' => 'w',
        'Ԝ' => 'W',
        'х' | 'χ' => 'x',
        'Х' | 'Χ' => 'X',
        'у' | 'γ' => 'y',
        'У' | 'Υ' => 'Y',
        'Ζ' => 'Z',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_latin_is_read_as_latin() {
        assert_eq!(lifted("Kһông сung сấр mã ОТР").as_deref(), Some("Không cung cấp mã OTP"));
        assert_eq!(lifted("ｍã １５６ 𝐎𝐓𝐏").as_deref(), Some("mã 156 OTP"));
        assert_eq!(lifted("O\u{200b}T\u{2060}P").as_deref(), Some("OTP"));
        for plain in ["", "Không cung cấp mã OTP, đừng bấm “liên kết”.", "Kh\u{f4}ng", "Kho\u{302}ng"] {
            assert_eq!(lifted(plain), None);
        }
    }
}
