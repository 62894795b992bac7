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
fn a_text_without_accents_is_gsm_or_named() {
    assert_eq!(sms("Cảnh báo 😀", true, 1), Err(TextError::NotPlain { character: '😀', position: 10 }));
    assert_eq!(sms("Cảnh báo 😀", false, 1).unwrap().encoding, Encoding::Ucs2);
    assert_eq!(
        sms("李明, chào", true, 1).unwrap_err().to_string(),
        "character 1 of the text, U+674E, has no form without accents"
    );
    assert_eq!(sms("a\u{200d}b\u{202e}", true, 1).unwrap().text, "ab");
    assert_eq!(sms("\u{F8FF}", false, 1), Err(TextError::Unsendable { character: '\u{F8FF}', position: 1 }));
    assert_eq!(sms("Nguy\u{FFFD}n", false, 1), Err(TextError::Unsendable { character: '\u{FFFD}', position: 5 }));
    assert_eq!(obstacle("Mã “OTP” 😀", true), Some(("Mã “OTP” ".len(), '😀')));
    assert_eq!((obstacle("Mã “OTP” 😀", false), obstacle("a\u{200b}\u{7}", false)), (None, Some((4, '\u{7}'))));
}

/// Customer care, advertising (the label takes 38), and a reference of two octets.
#[test]
fn other_tables_bill_other_parts() {
    let parts = |table: &[usize], text: &str| {
        Budget::default().with(Encoding::Gsm, table.to_vec()).unwrap().sms(text, true).map(|sms| sms.parts)
    };
    let a = |n: usize| "a".repeat(n);
    let advertising = [122, 268, 421];
    for (n, expected) in [(122, 1), (123, 2), (268, 2), (269, 3), (421, 3)] {
        assert_eq!(parts(&advertising, &a(n)), Ok(expected), "{n}");
    }
    assert_eq!(parts(&advertising, &a(424)), Err(TextError::TooLong { parts: 4, max: 3, over: 3 }));
    assert_eq!(parts(&[160, 304, 456], &a(305)), Ok(3));
    assert_eq!(parts(&[160], &a(163)), Err(TextError::TooLong { parts: 2, max: 1, over: 3 }));
    // The label takes its room in the first part: a pair that would begin with its last septet moves on.
    assert_eq!(parts(&advertising, &format!("{}€{}", a(114), a(152))), Ok(3));
    assert_eq!(parts(&advertising, &format!("{}€{}", a(113), a(153))), Ok(2));
    let unicode = Budget::default().with(Encoding::Ucs2, vec![70, 134]).unwrap();
    assert_eq!(unicode.sms(&"ạ".repeat(135), false), Err(TextError::TooLong { parts: 3, max: 2, over: 1 }));
    assert_eq!(unicode.sms(&a(459), true).unwrap().parts, 3);
}

#[test]
fn a_table_that_cannot_be_right_is_refused() {
    let with = |encoding, table: &[usize]| Budget::default().with(encoding, table.to_vec()).unwrap_err().to_string();
    assert_eq!(with(Encoding::Gsm, &[]), "a table has 1 to 10 entries");
    assert_eq!(with(Encoding::Gsm, &[161]), "entry 1 must be 10 to 160");
    assert_eq!(with(Encoding::Gsm, &[160, 160]), "entry 2 must be 170 to 306");
    assert_eq!(with(Encoding::Ucs2, &[70, 134, 202]), "entry 3 must be 144 to 201");
    assert_eq!(with(Encoding::Gsm, &[100, 254]), "entry 2 must be 110 to 253");
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

proptest! {
    #[test]
    fn any_table_counts_every_text_and_more_text_never_costs_less(
        steps in proptest::collection::vec(10_usize..=153, 1..6),
        text in "[a-z€^ ]{0,500}",
    ) {
        let mut total = 0;
        let table: Vec<usize> = steps.iter().map(|step| { total += step; total }).collect();
        let Ok(budget) = Budget::default().with(Encoding::Gsm, table.clone()) else { return Ok(()) };
        let Measured { parts, units, .. } = budget.measure(&text);
        if units > 0 {
            // A table is a bound: never fewer parts than it says, and more only where a pair moved on.
            let by_units = table.iter().position(|most| units <= *most).map_or(table.len() + 1, |at| at + 1);
            prop_assert!(usize::from(parts) >= by_units);
            if !text.contains(['€', '^']) && by_units <= table.len() {
                prop_assert_eq!(usize::from(parts), by_units);
            }
        }
        let shorter: String = text.chars().take(text.chars().count().saturating_sub(1)).collect();
        prop_assert!(budget.measure(&shorter).parts <= parts);
    }
}

/// Septets as their characters, by the tables of 3GPP TS 23.038 written out here a second time, in code order.
fn characters(septets: &[u8]) -> String {
    const TABLE: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    let mut text = String::new();
    let mut codes = septets.iter();
    while let Some(code) = codes.next() {
        text.push(match code {
            0x1B => match codes.next() {
                Some(0x0A) => '\u{c}',
                Some(0x14) => '^',
                Some(0x28) => '{',
                Some(0x29) => '}',
                Some(0x2F) => '\\',
                Some(0x3C) => '[',
                Some(0x3D) => '~',
                Some(0x3E) => ']',
                Some(0x40) => '|',
                Some(0x65) => '€',
                other => panic!("{other:?} follows an escape"),
            },
            code => TABLE.chars().nth(usize::from(*code)).unwrap(),
        });
    }
    text
}

#[test]
fn all_146_letters_come_off_the_wire_as_they_should() {
    let plain = "aeiouy";
    let mut seen = 0;
    for (letters, base) in LETTERS {
        let group = letters.chars().chain(plain.chars().filter(|vowel| *vowel == base));
        for letter in group.flat_map(|c| [c.to_string(), c.to_uppercase().collect()]) {
            let base = if letter.chars().all(char::is_lowercase) { base } else { base.to_ascii_uppercase() };
            for form in [letter.nfc().collect::<String>(), letter.nfd().collect()] {
                // In a sentence that is UCS-2 anyhow, and alone without accents.
                let accented = sms(&format!("ạ{form}"), false, 1).unwrap();
                let octets: Vec<u8> = accented.text.encode_utf16().flat_map(u16::to_be_bytes).collect();
                let units: Vec<u16> = octets.chunks(2).map(|pair| u16::from(pair[0]) << 8 | u16::from(pair[1])).collect();
                assert_eq!(accented.encoding, Encoding::Ucs2);
                assert_eq!(units.len(), 2, "{form:?} is one unit");
                assert_eq!(String::from_utf16(&units).unwrap(), format!("ạ{letter}"));
                let plain = sms(&form, true, 1).unwrap();
                assert_eq!(plain.encoding, Encoding::Gsm);
                assert_eq!(characters(&septets(&plain.text).unwrap()), base.to_string());
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 146);
    // The seven that GSM 03.38 has survive it with their accents.
    assert_eq!(characters(&septets("àèéÉìòù€").unwrap()), "àèéÉìòù€");
}
