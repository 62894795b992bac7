//! Wordings against texts, by example and against the slowest honest matcher.

use proptest::prelude::*;

use super::*;

fn pattern(wording: &str) -> Pattern {
    Pattern::parse(wording).unwrap()
}

#[test]
fn a_text_matches_letter_by_letter() {
    let one = pattern("SO VHTTDL CANH BAO: {1}. Bao tin: 156");
    assert!(one.matches("SO VHTTDL CANH BAO: khong doc ma OTP. Bao tin: 156"));
    for other in [
        "SO VHTTDL CANH BAO: . Bao tin: 156",
        "SO VHTTDL Canh bao: khong doc ma OTP. Bao tin: 156",
        "SO VHTTDL CANH BAO:  khong doc. Bao tin:  156",
        "SO VHTTDL CẢNH BÁO: khong doc ma OTP. Bao tin: 156",
        "SO VHTTDL CANH BAO: khong doc\nma OTP. Bao tin: 156",
        "SO VHTTDL CANH BAO: khong doc ma OTP. Bao tin: 1566",
        "",
    ] {
        assert!(!one.matches(other), "{other}");
    }
    assert!(pattern("Ma {1:6} cua {2:10}.").matches("Ma 123456 cua An."));
    assert!(!pattern("Ma {1:6} cua {2:10}.").matches("Ma 1234567 cua An."));
    assert!(pattern("{1}{2:1}!").matches("ab!"));
    assert!(!pattern("{1}{2:1}!").matches("a!"));
    assert!(pattern("Gia {{ {1} }}").matches("Gia { 5 }"));
    // The first place where the words after a slot stand need not be the right one.
    assert!(pattern("a{1:9}b{2:1}c").matches("aXbYYbZc"));
    assert!(pattern("x{1}aab").matches("xaaaab"));
}

#[test]
fn a_wording_in_either_form_is_the_same() {
    assert!(pattern("Ca\u{309}nh ba\u{301}o: {1}").matches("Cảnh báo: đừng bấm"));
}

#[test]
fn what_cannot_be_read_is_named_with_its_place() {
    let error = |wording: &str| Pattern::parse(wording).unwrap_err().to_string();
    assert_eq!(error("{1} {2:5}"), "a wording needs words of its own beside its slots");
    assert_eq!(error("Ma {1"), "the brace at character 4 belongs to no slot: a slot is {1} or {1:20}, a brace {{ or }}");
    assert_eq!(error("Ma 1}"), "the brace at character 5 belongs to no slot: a slot is {1} or {1:20}, a brace {{ or }}");
    assert_eq!(error("Ma {1:0}"), "{1:0} at character 4 is no slot: write {1}, or {1:20} for at most 20 characters");
    assert_eq!(error("Ma {họ tên}"), "{họ tên} at character 4 is no slot: write {1}, or {1:20} for at most 20 characters");
    assert_eq!(error("Ma {1} va {1}"), "the slot {1} stands twice: give each a name of its own");
    assert_eq!(error("Ma\u{7}"), "character 3 of the wording, U+0007, cannot be sent");
}

#[test]
fn a_difference_says_where_and_what_should_stand_there() {
    let at = |wording: &str, text: &str| pattern(wording).differs(text).map(|d| (d.at, d.expected));
    assert_eq!(at("Ma {1} cua ban.", "Ma 1 cua ban."), None);
    assert_eq!(at("CANH BAO: {1}. Goi 156", "CANH BAO {1}"), Some((8, ": {1}. Goi 156".into())));
    assert_eq!(at("CANH BAO: {1}. Goi 156", "CANH BAO: x. Goi 113"), Some((18, "56".into())));
    assert_eq!(at("Ma {1:3}", "Ma 12345"), Some((6, String::new())));
    assert_eq!(at("Ma {1:3} cua", "Ma 12345 cua"), Some((3, "{1:3} cua".into())));
    assert_eq!(at("Goi 156", "Goi 156 ngay"), Some((7, String::new())));
}

#[test]
fn values_fill_the_slots_they_fit() {
    let one = pattern("Ma {1:6} cua {ten}. {{x}}");
    let fill = |code: &str| one.fill(|slot| (slot == "1").then(|| code.to_owned()).or_else(|| Some(" An\n Binh ".into())));
    assert_eq!(fill("123456").unwrap(), "Ma 123456 cua An Binh. {x}");
    assert!(one.matches(&fill("123456").unwrap()));
    assert_eq!(fill("1234567"), Err(SlotError::TooLong { slot: "1".into(), length: 7, most: 6 }));
    assert_eq!(fill(" "), Err(SlotError::Missing("1".into())));
    assert_eq!(one.to_string(), "Ma {1:6} cua {ten}. {{x}}");
}

/// Tries every way to fill the slots.
fn slowly(pieces: &[Piece], text: &[char]) -> bool {
    match pieces.split_first() {
        None => text.is_empty(),
        Some((Piece::Literal(words), rest)) => text.starts_with(words) && slowly(rest, &text[words.len()..]),
        Some((Piece::Slot(slot), rest)) => {
            let most = slot.most.unwrap_or(usize::MAX).min(text.len());
            (1..=most).any(|n| !text[..n].contains(&'\n') && slowly(rest, &text[n..]))
        }
    }
}

proptest! {
    #[test]
    fn it_agrees_with_trying_everything(
        parts in proptest::collection::vec(("[ab]{1,3}", proptest::option::of(1..4_usize), any::<bool>()), 1..4),
        text in "[ab\n]{0,12}",
    ) {
        let mut wording = String::new();
        for (nth, (words, most, slot)) in parts.iter().enumerate() {
            wording.push_str(words);
            if *slot {
                wording.push_str(&most.map_or(format!("{{{nth}}}"), |most| format!("{{{nth}:{most}}}")));
            }
        }
        let pattern = pattern(&wording);
        let chars: Vec<char> = text.chars().collect();
        let expected = slowly(&pattern.pieces, &chars);
        prop_assert_eq!(pattern.matches(&text), expected, "{} against {:?}", wording, text);
        prop_assert_eq!(pattern.differs(&text).is_none(), expected);
        if let Some(difference) = pattern.differs(&text) {
            prop_assert!(difference.at <= chars.len());
        }
    }

    #[test]
    fn what_is_filled_in_matches_and_reads_back(value in "[a-zA-Zđạ 0-9]{0,20}[a-z]", before in "[A-Z{}: ]{0,9}[A-Z]") {
        let wording = format!("{} {{1:30}} het.", before.replace('{', "{{").replace('}', "}}"));
        let pattern = pattern(&wording);
        prop_assert_eq!(pattern.to_string(), wording.trim());
        let text = pattern.fill(|_| Some(value.clone())).unwrap();
        prop_assert!(pattern.matches(&text), "{} against {}", wording, text);
    }
}
