//! What a message from a person says: a refusal, its taking back, or something else. Pure.
//!
//! Case, accents, blanks, punctuation and quotes do not matter. A refusal is one of the words alone, or one of them before a
//! single code (`TC SOVHTTDL`): the sender name or campaign that somebody names. A word within a sentence is none: whoever
//! asks or tells something is read by an officer.

use providers::text::unaccented;
use unicode_normalization::UnicodeNormalization as _;

use crate::config::OptOut;

/// Letters of a code behind a word, at most: sender names have 11, campaigns' slugs 60.
const LONGEST_CODE: usize = 60;

/// What a message says. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Meaning {
    /// Something that a person should read.
    Other = 0,
    /// No more messages.
    Refuses = 1,
    /// Messages again.
    TakesBack = 2,
}

impl Meaning {
    /// The meaning with this stored number.
    pub const fn from_number(number: i16) -> Self {
        match number {
            1 => Self::Refuses,
            2 => Self::TakesBack,
            _ => Self::Other,
        }
    }

    /// The name in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Refuses => "refuses",
            Self::TakesBack => "takes-back",
        }
    }
}

/// The words of `[opt_out]`, folded.
#[derive(Debug, Clone)]
pub struct Words {
    refuse: Vec<String>,
    take_back: Vec<String>,
}

impl Words {
    /// The words that loa.toml names.
    pub fn new(settings: &OptOut) -> Self {
        let folded = |words: &[String]| words.iter().map(|word| fold(word)).filter(|word| !word.is_empty()).collect();
        Self { refuse: folded(&settings.words), take_back: folded(&settings.resume) }
    }

    /// What a message says.
    pub fn read(&self, text: &str) -> Meaning {
        match self.says(&fold(text)) {
            Meaning::Other => code_behind(text).map_or(Meaning::Other, |before| self.says(&fold(before))),
            said => said,
        }
    }

    fn says(&self, folded: &str) -> Meaning {
        let is_one = |words: &[String]| words.iter().any(|word| word == folded);
        // Taking back first: an office may let `TC` take back what `HUY` refuses.
        if is_one(&self.take_back) {
            Meaning::TakesBack
        } else if is_one(&self.refuse) {
            Meaning::Refuses
        } else {
            Meaning::Other
        }
    }
}

/// What stands before the single code at a message's end, if that is what its last word is. A code is typed without accents,
/// and whoever asks something names none.
fn code_behind(text: &str) -> Option<&str> {
    let (before, code) = text.trim().rsplit_once(char::is_whitespace)?;
    let code = code.trim_matches(|c: char| !c.is_alphanumeric());
    let plain = code.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    (plain && (1..=LONGEST_CODE).contains(&code.len()) && !text.contains(['?', '？'])).then_some(before)
}

/// Letters and digits alone, in upper case and without accents.
fn fold(text: &str) -> String {
    // Compatible first: full-width letters, then `đ` and the rest lose their marks.
    let text: String = text.nfkc().collect();
    unaccented(&text).chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Meaning {
        Words::new(&OptOut::default()).read(text)
    }

    #[test]
    fn a_word_alone_refuses_however_it_is_written() {
        for text in [
            "TC",
            "tc",
            " Tc. ",
            "\"TC\"",
            "“tc”",
            "'TC'",
            "T C",
            "TC!!!",
            "(tc)",
            "*TC*",
            "TC\r\n",
            "ＴＣ",
            "TC 👎",
            "TU CHOI",
            "tu choi",
            "Từ chối",
            "TỪ CHỐI",
            "tuchoi",
            "Tu-choi",
            "tu\u{300} cho\u{301}i",
            "từ  chối.",
            "Từ\nchối",
            "Từ chối nhận tin",
            "tu choi nhan tin.",
            "STOP",
            "stop",
            "Stop.",
            "S.T.O.P",
            "\u{feff}STOP",
            "stop\u{200b}",
        ] {
            assert_eq!(read(text), Meaning::Refuses, "{text:?}");
        }
    }

    #[test]
    fn a_code_may_follow() {
        for text in [
            "TC SOVHTTDL",
            "tc sovhttdl",
            "TU CHOI SOVHTTDL",
            "STOP nhan-dien-lua-dao",
            "TC \"SOVHTTDL\".",
            "TC 5656",
            "TC: SOVHTTDL",
            "tuchoi QC",
        ] {
            assert_eq!(read(text), Meaning::Refuses, "{text:?}");
        }
        assert_eq!(read(&format!("TC {}", "A".repeat(61))), Meaning::Other);
    }

    #[test]
    fn a_word_within_a_sentence_is_none() {
        for text in [
            "toi khong tu choi",
            "Tôi không từ chối",
            "dung TC",
            "khong TC",
            "TC la gi",
            "TC gì",
            "TC gi?",
            "TC SOVHTTDL?",
            "Từ chối không",
            "tu choi roi ma van nhan",
            "stop sending me these",
            "don't stop",
            "nonstop",
            "TCSOVHTTDL",
            "ATC",
            "tiec",
            "Xin hỏi tin này có thật không?",
            "da bi lua 5 trieu, goi ai",
            "",
            "   ",
            "?",
            "👍",
            "OK",
        ] {
            assert_eq!(read(text), Meaning::Other, "{text:?}");
        }
    }

    #[test]
    fn taking_back_is_read_before_refusing() {
        for text in
            ["HUY TC", "huy tc", "Hủy TC", "hủy từ chối", "HUYTC", "\"HUY TC\"", "HUY TC SOVHTTDL", "start", "Hu\u{309}y TC"]
        {
            assert_eq!(read(text), Meaning::TakesBack, "{text:?}");
        }
        for text in ["HUY", "khong huy tc", "huy tc di ma"] {
            assert_eq!(read(text), Meaning::Other, "{text:?}");
        }
    }

    #[test]
    fn an_offices_own_words_are_read_in_every_spelling() {
        let settings = OptOut { words: vec!["Ngừng nhận".into()], resume: vec!["Nhận lại".into()], ..OptOut::default() };
        let words = Words::new(&settings);
        assert_eq!(words.read("ngung nhan"), Meaning::Refuses);
        assert_eq!(words.read("NHẬN LẠI"), Meaning::TakesBack);
        assert_eq!(words.read("TC"), Meaning::Other);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            read(&text);
        }

        #[test]
        fn spelling_does_not_matter(upper in any::<bool>(), before in "[ .,!'\"]{0,4}", after in "[ .,!'\"]{0,4}", word in 0usize..3) {
            let word = ["tc", "từ chối", "stop"][word];
            let word = if upper { word.to_uppercase() } else { word.to_string() };
            prop_assert_eq!(read(&format!("{before}{word}{after}")), Meaning::Refuses);
        }
    }
}
