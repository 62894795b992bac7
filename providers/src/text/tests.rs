//! The tables, the packing and the folding, by example and by property.

use proptest::prelude::*;

use super::*;

/// The 67 accented lower-case letters of Vietnamese beside their base letters.
const LETTERS: [(&str, char); 7] = [
    ("àáảãạăằắẳẵặâầấẩẫậ", 'a'),
    ("èéẻẽẹêềếểễệ", 'e'),
    ("ìíỉĩị", 'i'),
    ("òóỏõọôồốổỗộơờớởỡợ", 'o'),
    ("ùúủũụưừứửữự", 'u'),
    ("ỳýỷỹỵ", 'y'),
    ("đ", 'd'),
];

#[test]
fn every_vietnamese_letter_loses_its_accents_in_both_cases_and_forms() {
    let mut seen = 0;
    for (letters, base) in LETTERS {
        for lower in letters.chars() {
            for (letter, base) in [
                (lower.to_string(), base.to_string()),
                (lower.to_uppercase().collect::<String>(), base.to_ascii_uppercase().to_string()),
            ] {
                assert_eq!(unaccented(&letter), base, "{letter} in NFC");
                assert_eq!(unaccented(&letter.nfd().collect::<String>()), base, "{letter} in NFD");
                seen += 1;
            }
        }
    }
    // 67 letters in each case; the six plain vowels, checked below, make up the 146.
    assert_eq!(seen, 134);
    for plain in "aeiouyAEIOUY".chars() {
        assert_eq!(unaccented(&plain.to_string()), plain.to_string());
    }
}

#[test]
fn a_vietnamese_sentence_becomes_gsm() {
    let sentence = "Không cung cấp mã OTP cho bất kỳ ai – kể cả người xưng là “công an”… Gọi 156\u{a0}ngay!";
    assert_eq!(unaccented(sentence), "Khong cung cap ma OTP cho bat ky ai - ke ca nguoi xung la \"cong an\"... Goi 156 ngay!");
    assert_eq!(measure(&unaccented(sentence)).encoding, Encoding::Gsm);
    assert_eq!(measure(sentence).encoding, Encoding::Ucs2);
}

#[test]
fn other_signs_take_their_plain_form_and_what_has_none_stays() {
    assert_eq!(unaccented("ＡＢ ½ ™ № ﬁ 5.000₫ €"), "AB 1/2 TM No fi 5.000d €");
    assert_eq!(unaccented("Straße Ø ñ"), "Straße Ø n");
    assert_eq!(unaccented("Cảnh báo ⚠ 警"), "Canh bao ⚠ 警");
    assert_eq!(unaccented("`a`"), "'a'");
    assert_eq!(unaccented("a\u{200b}b\u{feff}\r\nc\td"), "ab\nc d");
}

#[test]
fn of_vietnamese_letters_only_eight_are_in_gsm() {
    let inside: String = LETTERS
        .iter()
        .flat_map(|(letters, _)| letters.chars())
        .flat_map(|c| [c, c.to_uppercase().next().unwrap()])
        .filter(|c| septets(&c.to_string()).is_some())
        .collect();
    assert_eq!(inside, "àèéÉìòù");
}

#[test]
fn the_extension_table_takes_two_septets() {
    for c in "\u{c}^{}\\[~]|€".chars() {
        assert_eq!(measure(&c.to_string()), Measured { encoding: Encoding::Gsm, parts: 1, units: 2 }, "{c:?}");
    }
    assert_eq!(septets("@a€\n"), Some(vec![0x00, 0x61, 0x1B, 0x65, 0x0A]));
    assert_eq!(septets("`"), None);
    assert_eq!(septets("\u{1b}"), None);
}

#[test]
fn parts_at_their_limits() {
    let parts = |text: &str| measure(text).parts;
    assert_eq!(parts(""), 0);
    assert_eq!(parts(&"a".repeat(160)), 1);
    assert_eq!(parts(&"a".repeat(161)), 2);
    assert_eq!(parts(&"a".repeat(306)), 2);
    assert_eq!(parts(&"a".repeat(307)), 3);
    assert_eq!(parts(&"ạ".repeat(70)), 1);
    assert_eq!(parts(&"ạ".repeat(71)), 2);
    assert_eq!(parts(&"ạ".repeat(134)), 2);
    assert_eq!(parts(&"ạ".repeat(135)), 3);
}

#[test]
fn neither_an_escape_pair_nor_a_surrogate_pair_is_split() {
    // 306 septets are two parts by division; the pair across the border moves whole, and the last septet with it.
    let escaped = format!("{}€{}", "a".repeat(152), "a".repeat(152));
    assert_eq!(measure(&escaped), Measured { encoding: Encoding::Gsm, parts: 3, units: 306 });
    let emoji = format!("{}😀{}", "ạ".repeat(66), "ạ".repeat(66));
    assert_eq!(measure(&emoji), Measured { encoding: Encoding::Ucs2, parts: 3, units: 134 });
}

#[test]
fn too_long_says_how_much_and_cuts_nothing() {
    assert_eq!(sms(&"a".repeat(165), true, 1), Err(TextError::TooLong { parts: 2, max: 1, over: 5 }));
    assert_eq!(sms(&"a".repeat(310), true, 2), Err(TextError::TooLong { parts: 3, max: 2, over: 4 }));
    assert_eq!(sms(&"ạ".repeat(73), false, 1), Err(TextError::TooLong { parts: 2, max: 1, over: 3 }));
    assert_eq!(sms(&"a".repeat(306), true, 2).unwrap().parts, 2);
}

#[test]
fn what_cannot_be_sent_is_named() {
    assert_eq!(sms("ab\u{7}", true, 1), Err(TextError::Unsendable { character: '\u{7}', position: 3 }));
    assert_eq!(sms("Chào\u{FFFE}", false, 1).unwrap_err().to_string(), "character 5 of the text, U+FFFE, cannot be sent");
    assert_eq!(sms(" \u{200b}\n", false, 1), Err(TextError::Empty));
}

#[test]
fn typography_is_folded_only_where_it_saves_an_alphabet() {
    assert_eq!(tidy("“OTP” – no…"), "\"OTP\" - no...");
    assert_eq!(tidy("“Mã” – không…"), "“Mã” – không…");
    assert_eq!(tidy(" Tie\u{302}\u{301}ng\u{a0}Vie\u{323}\u{302}t \r\n"), "Tiếng Việt");
}

proptest! {
    #[test]
    fn units_and_parts_agree(text in "\\PC{0,400}") {
        let measured = measure(&text);
        let whole = measured.encoding.joined();
        prop_assert!(usize::from(measured.parts) * whole.max(measured.encoding.single()) >= measured.units);
        // Packing wastes at most one unit a part.
        prop_assert!(measured.units <= measured.encoding.single()
            || (usize::from(measured.parts) - 1) * (whole - 1) < measured.units);
        if measured.encoding == Encoding::Gsm {
            prop_assert_eq!(septets(&text).map(|s| s.len()), Some(measured.units));
        } else {
            prop_assert_eq!(text.encode_utf16().count(), measured.units);
        }
    }

    #[test]
    fn cutting_what_is_over_makes_it_fit_and_not_one_less(text in "[a-z€{}]{150,700}", max in 1_u16..4) {
        if let Err(TextError::TooLong { over, .. }) = sms(&text, true, max) {
            let fits: String = text.chars().take(text.chars().count() - over).collect();
            prop_assert_eq!(sms(&fits, true, max).unwrap().text, fits);
            let more: String = text.chars().take(text.chars().count() - over + 1).collect();
            prop_assert!(sms(&more, true, max).is_err());
        }
    }

    #[test]
    fn unaccented_and_tidy_do_nothing_twice_and_see_no_difference_between_forms(text in "\\PC{0,80}") {
        let plain = unaccented(&text);
        prop_assert_eq!(&unaccented(&plain), &plain);
        prop_assert_eq!(unaccented(&text.nfd().collect::<String>()), plain);
        let tidied = tidy(&text);
        prop_assert_eq!(&tidy(&tidied), &tidied);
        prop_assert_eq!(tidy(&text.nfd().collect::<String>()), tidied);
    }

    #[test]
    fn vietnamese_is_gsm_once_unaccented(text in "[ a-zA-Z0-9àáảãạăằắẳẵặâầấẩẫậèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵđĐẠỘỨ.,:;!?“”–…]{1,200}") {
        prop_assert!(unaccented(&text).is_ascii());
    }
}

proptest! {
    #[test]
    fn parts_hold_the_whole_text_and_each_fits(text in "[a-z€^ạ🙂 ]{0,400}", long_reference in any::<bool>()) {
        let Measured { encoding, parts, .. } = measure(&text);
        let joined = encoding.joined() - usize::from(long_reference);
        let split = split(&text, encoding, joined);
        prop_assert_eq!(split.concat(), text.clone());
        if !long_reference && !text.is_empty() {
            prop_assert_eq!(split.len(), usize::from(parts));
        }
        let most = if split.len() == 1 { encoding.single() } else { joined };
        for part in split {
            prop_assert!(part.chars().map(|c| encoding.units(c)).sum::<usize>() <= most);
        }
    }
}
