//! Phone numbers: what a list has comes in, E.164 (`+84901234567`) leaves, or the reason why not.
//!
//! Lists are damaged in known ways: Excel drops the leading zero, or turns the number into 8.49E+10 (then digits are
//! lost, and it is refused); old lists hold the eleven-digit numbers that were renumbered in September to November 2018
//! (Quyết định 798/QĐ-BTTTT, Kế hoạch chuyển đổi mã mạng). The carrier follows from the prefix, which portability makes a
//! guess: a list's own column goes before it.

use std::fmt;

use crate::{phrase, words::Phrase};

/// A mobile carrier of Viet Nam: the group that routes and prices go by. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Carrier {
    /// Not known: a foreign number, or none.
    Unknown = 0,
    /// Viettel.
    Viettel = 1,
    /// MobiFone.
    Mobifone = 2,
    /// VinaPhone (VNPT).
    Vinaphone = 3,
    /// Vietnamobile.
    Vietnamobile = 4,
    /// Gmobile (Gtel).
    Gmobile = 5,
    /// Wintel, formerly Reddi.
    Wintel = 6,
    /// Itel (Indochina Telecom).
    Itel = 7,
}

impl Carrier {
    /// Every carrier, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Viettel,
        Self::Mobifone,
        Self::Vinaphone,
        Self::Vietnamobile,
        Self::Gmobile,
        Self::Wintel,
        Self::Itel,
    ];

    /// The carrier's name in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Viettel => "viettel",
            Self::Mobifone => "mobifone",
            Self::Vinaphone => "vinaphone",
            Self::Vietnamobile => "vietnamobile",
            Self::Gmobile => "gmobile",
            Self::Wintel => "wintel",
            Self::Itel => "itel",
        }
    }

    /// The carrier with this stored number.
    pub fn from_number(number: i64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|at| Self::ALL.get(at).copied())
    }

    /// The carrier that a list or a setting names, in the ways people write it.
    pub fn from_name(name: &str) -> Option<Self> {
        let key: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        Some(match key.as_str() {
            "unknown" => Self::Unknown,
            "viettel" | "vt" | "vtl" => Self::Viettel,
            "mobifone" | "mobi" | "vms" => Self::Mobifone,
            "vinaphone" | "vina" | "vnpt" => Self::Vinaphone,
            "vietnamobile" | "vnmobile" | "vnm" => Self::Vietnamobile,
            "gmobile" | "gtel" | "beeline" => Self::Gmobile,
            "wintel" | "reddi" => Self::Wintel,
            "itel" | "itelecom" | "indochinatelecom" => Self::Itel,
            _ => return None,
        })
    }

    /// The carrier to which the number's prefix was assigned; [`Carrier::Unknown`] for landlines and foreign numbers.
    pub fn of(e164: &str) -> Self {
        let Some(prefix) = e164.strip_prefix("+84").and_then(|national| national.get(..2)) else { return Self::Unknown };
        match prefix {
            "86" | "96" | "97" | "98" | "32" | "33" | "34" | "35" | "36" | "37" | "38" | "39" => Self::Viettel,
            "89" | "90" | "93" | "70" | "76" | "77" | "78" | "79" => Self::Mobifone,
            "88" | "91" | "94" | "81" | "82" | "83" | "84" | "85" => Self::Vinaphone,
            "92" | "52" | "56" | "58" => Self::Vietnamobile,
            "99" | "59" => Self::Gmobile,
            "55" => Self::Wintel,
            "87" => Self::Itel,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why something is no phone number; the words are for the officer who keeps the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPhone {
    /// Excel wrote `8.49E+10`: the last digits are gone.
    Scientific,
    /// Two numbers in one cell.
    Several,
    /// Letters or signs that no number has.
    NotDigits,
    /// Too few or too many digits.
    Length,
    /// A number that exists in no numbering plan, or a prefix that was never assigned.
    Prefix,
    /// A landline or a service number: it takes no text messages.
    NotMobile,
}

impl BadPhone {
    /// What to tell the officer.
    pub fn phrase(self) -> Phrase {
        match self {
            Self::Scientific => phrase!(
                "Excel đã ghi số thành dạng khoa học (ví dụ 8,49E+10) và làm mất chữ số: đặt cột ở dạng Văn bản rồi nhập lại số",
                "Excel wrote the number in scientific notation (such as 8.49E+10) and lost digits: set the column to Text and type the number again"
            ),
            Self::Several => phrase!(
                "có nhiều số trong một ô: chỉ để một số, mỗi người một dòng",
                "several numbers in one cell: keep one, with a row for each person"
            ),
            Self::NotDigits => phrase!("có ký tự không phải chữ số", "something in it is no digit"),
            Self::Length => phrase!("số điện thoại thừa hoặc thiếu chữ số", "too many or too few digits for a phone number"),
            Self::Prefix => phrase!("đầu số không tồn tại", "no number begins like this"),
            Self::NotMobile => phrase!(
                "không phải số di động (số cố định không nhận được tin nhắn)",
                "not a mobile number (landlines take no text messages)"
            ),
        }
    }
}

/// Prefixes of the eleven-digit numbers and what they became in 2018, both without the leading zero.
static RENUMBERED: [(&str, &str); 21] = [
    ("162", "32"),
    ("163", "33"),
    ("164", "34"),
    ("165", "35"),
    ("166", "36"),
    ("167", "37"),
    ("168", "38"),
    ("169", "39"),
    ("120", "70"),
    ("121", "79"),
    ("122", "77"),
    ("126", "76"),
    ("128", "78"),
    ("123", "83"),
    ("124", "84"),
    ("125", "85"),
    ("127", "81"),
    ("129", "82"),
    ("186", "56"),
    ("188", "58"),
    ("199", "59"),
];

/// Reads a phone number as lists have it and gives it in E.164.
pub fn normalise(text: &str) -> Result<String, BadPhone> {
    let text = text.trim().trim_start_matches('\'');
    if text.contains(['E', 'e'])
        && text.contains(|c: char| c.is_ascii_digit())
        && text.chars().filter(|c| c.is_alphabetic()).count() == 1
    {
        return Err(BadPhone::Scientific);
    }
    // `901234567.0` is how some programs write Excel's numbers.
    let text = text.strip_suffix(".0").unwrap_or(text);
    let international = text.starts_with('+');
    let mut digits = String::with_capacity(text.len());
    for c in text.strip_prefix('+').unwrap_or(text).chars() {
        match c {
            '0'..='9' => digits.push(c),
            ' ' | '\u{a0}' | '\u{202f}' | '.' | '-' | '\u{2010}'..='\u{2013}' | '(' | ')' => {}
            '/' | ';' | ',' | '|' | '&' | '\n' | '+' => return Err(BadPhone::Several),
            _ => return Err(BadPhone::NotDigits),
        }
    }
    if let Some(national) = national(&digits, international) {
        return vietnamese(national);
    }
    if !international && !digits.starts_with("00") {
        return Err(BadPhone::Length);
    }
    foreign(digits.strip_prefix("00").unwrap_or(&digits))
}

/// The digits after the country code or the trunk zero, where this is a number of Viet Nam.
fn national(digits: &str, international: bool) -> Option<&str> {
    let after_code = |rest: &'static str| digits.strip_prefix(rest).map(|national| national.trim_start_matches('0'));
    if international {
        return after_code("84");
    }
    if digits.starts_with("00") {
        return after_code("0084");
    }
    if let Some(national) = digits.strip_prefix('0') {
        return Some(national);
    }
    match digits.len() {
        // 84 and nine digits, or ten before 2018; nine or ten digits alone: Excel dropped the zero.
        11 | 12 if digits.starts_with("84") => after_code("84"),
        9 | 10 => Some(digits),
        _ => None,
    }
}

fn vietnamese(national: &str) -> Result<String, BadPhone> {
    let moved = RENUMBERED.iter().find(|(old, _)| national.len() == 10 && national.starts_with(old));
    let national = moved.map_or_else(|| national.to_string(), |(old, new)| format!("{new}{}", &national[old.len()..]));
    let e164 = format!("+84{national}");
    if national.len() == 9 && Carrier::of(&e164) != Carrier::Unknown {
        return Ok(e164);
    }
    if national.starts_with('2') && (9..=10).contains(&national.len())
        || national.starts_with("1900")
        || national.starts_with("1800")
    {
        return Err(BadPhone::NotMobile);
    }
    Err(if national.len() == 9 { BadPhone::Prefix } else { BadPhone::Length })
}

/// Foreign numbers are rare, so the whole world's numbering plans may take their time.
fn foreign(digits: &str) -> Result<String, BadPhone> {
    let e164 = format!("+{digits}");
    let number = phonenumber::parse(None, &e164).map_err(|_| BadPhone::Length)?;
    if !number.is_valid() {
        return Err(BadPhone::Prefix);
    }
    match number.number_type(&phonenumber::metadata::DATABASE) {
        phonenumber::Type::Mobile | phonenumber::Type::FixedLineOrMobile => Ok(e164),
        _ => Err(BadPhone::NotMobile),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_as_lists_have_them() {
        for text in [
            "0901234567",
            "901234567",
            "84901234567",
            "+84901234567",
            "+84 (0)90 123-45.67",
            "0084 901 234 567",
            "'0901234567",
            "90 123 4567",
            "901234567.0",
            "\u{a0}0901\u{a0}234\u{a0}567 ",
        ] {
            assert_eq!(normalise(text).as_deref(), Ok("+84901234567"), "{text}");
        }
        for (text, migrated) in [
            ("01681234567", "+84381234567"),
            ("1681234567", "+84381234567"),
            ("841201234567", "+84701234567"),
            ("+84 129 123 4567", "+84821234567"),
            ("0199 1234567", "+84591234567"),
        ] {
            assert_eq!(normalise(text).as_deref(), Ok(migrated), "{text}");
        }
        assert_eq!(normalise("+447400123456").as_deref(), Ok("+447400123456"));
        assert_eq!(normalise("0044 7400 123456").as_deref(), Ok("+447400123456"));
    }

    #[test]
    fn what_is_no_mobile_number_says_why() {
        for (text, why) in [
            ("8.49E+10", BadPhone::Scientific),
            ("8,49e+10", BadPhone::Scientific),
            ("0901234567/0912345678", BadPhone::Several),
            ("0901234567, 0912345678", BadPhone::Several),
            ("090123456O", BadPhone::NotDigits),
            ("không có", BadPhone::NotDigits),
            ("09012345", BadPhone::Length),
            ("090123456789", BadPhone::Length),
            ("0541234567", BadPhone::Prefix),
            ("02438123456", BadPhone::NotMobile),
            ("19001234", BadPhone::Length),
            ("+4420", BadPhone::Prefix),
        ] {
            assert_eq!(normalise(text), Err(why), "{text}");
        }
    }

    #[test]
    fn carriers_go_by_name_number_and_prefix() {
        for carrier in Carrier::ALL {
            assert_eq!(Carrier::from_name(carrier.name()), Some(carrier));
            assert_eq!(Carrier::from_number(carrier as i64), Some(carrier));
        }
        assert_eq!(Carrier::from_name("Mobi Fone"), Some(Carrier::Mobifone));
        assert_eq!(Carrier::from_name("Reddi"), Some(Carrier::Wintel));
        assert_eq!((Carrier::from_name("Sfone"), Carrier::from_number(8), Carrier::from_number(-1)), (None, None, None));
        assert_eq!((Carrier::of("+84871234567"), Carrier::of("+447400123456")), (Carrier::Itel, Carrier::Unknown));
    }

    proptest! {
        #[test]
        fn a_normalised_number_stays_as_it_is(digits in "0(3[2-9]|5[25689]|7[06-9]|8[1-9]|9[0-46-9])[0-9]{7}") {
            let once = normalise(&digits).unwrap();
            prop_assert_eq!(normalise(&once), Ok(once.clone()));
            prop_assert_eq!(normalise(&digits[1..]), Ok(once));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,24}") {
            if let Ok(number) = normalise(&text) {
                prop_assert!(number.starts_with('+') && number[1..].bytes().all(|b| b.is_ascii_digit()));
            }
        }
    }
}
