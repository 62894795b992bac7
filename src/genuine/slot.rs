//! Texts with something of each person's own in them: which pasted text is a copy of such a one, and what stands in its slots. What
//! enters is two texts in pieces; what leaves is the filling, or none. Nothing can go wrong.
//!
//! A slot takes a few words of letters. A number or a link in it would be just what a fraud puts there, so neither fits; where a link
//! itself ends in something of the person's (the link that refuses messages), a few characters fit that lead nowhere else.

use super::fold::{Kind, SLOT, Token};

/// Words of one slot at most: a ward's name with its province has no more.
const MOST: usize = 14;
/// Characters of a link's own part at most.
const LINK: usize = 64;
/// Comparisons at most: two long mails.
const WORK: usize = 4_000_000;

/// Whether a piece differs from person to person.
pub(super) fn is(token: &Token) -> bool {
    token.folded.contains(SLOT)
}

/// Whether a text does.
pub(super) fn has(tokens: &[Token]) -> bool {
    tokens.iter().any(is)
}

/// What a slot takes.
fn is_filling(token: &Token) -> bool {
    token.kind == Kind::Word && token.folded.chars().all(char::is_alphabetic)
}

/// Whether one piece stands for the other.
pub(super) fn stands_for(original: &Token, pasted: &Token) -> bool {
    match original.folded.split_once(SLOT) {
        None => original.folded == pasted.folded,
        Some((before, after)) if original.kind == Kind::Link && pasted.kind == Kind::Link && !before.is_empty() => {
            let own = pasted.folded.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            own.is_some_and(|own| {
                (1..=LINK).contains(&own.len()) && own.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            })
        }
        Some(_) => false,
    }
}

/// What stands in the slots of `original` where all of `pasted` is a copy of it; none: it is no copy.
pub(super) fn fill(original: &[Token], pasted: &[Token]) -> Option<Vec<String>> {
    let slots = original.iter().filter(|token| token.kind == Kind::Slot).count();
    let fixed = original.len() - slots;
    let width = pasted.len() + 1;
    if !(fixed + slots..=fixed + slots * MOST).contains(&pasted.len()) || original.len() * width > WORK {
        return None;
    }
    // Row by row: where the pasted text may be when the original is there.
    let mut rows = vec![vec![false; width]];
    rows[0][0] = true;
    for token in original {
        let mut next = vec![false; width];
        for at in rows[rows.len() - 1].iter().enumerate().filter(|(_, may)| **may).map(|(at, _)| at) {
            if token.kind == Kind::Slot {
                let taken = pasted[at..].iter().take(MOST).take_while(|word| is_filling(word)).count();
                next[at + 1..=at + taken].fill(true);
            } else if pasted.get(at).is_some_and(|word| stands_for(token, word)) {
                next[at + 1] = true;
            }
        }
        rows.push(next);
    }
    let mut at = pasted.len();
    if !rows[original.len()][at] {
        return None;
    }
    let mut filled = Vec::with_capacity(slots);
    for (number, token) in original.iter().enumerate().rev() {
        if token.kind != Kind::Slot {
            at -= 1;
            continue;
        }
        let start = (at.saturating_sub(MOST)..at).rev().find(|start| rows[number][*start])?;
        filled.push(pasted[start..at].iter().map(|word| word.shown.as_str()).collect::<Vec<_>>().join(" "));
        at = start;
    }
    filled.reverse();
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::super::fold;
    use super::*;

    fn filled(original: &str, pasted: &str) -> Option<Vec<String>> {
        fill(&fold(&original.replace('*', &SLOT.to_string())), &fold(pasted))
    }

    #[test]
    fn a_slot_takes_a_few_words_and_nothing_that_leads_anywhere() {
        let text = "Kính gửi *, không đọc mã OTP cho ai. Từ chối: https://example.vn/u/*";
        let copy = |name: &str, end: &str| text.replacen('*', name, 1).replacen('*', end, 1);
        assert_eq!(filled(text, &copy("Bà Nguyễn Thị Mẫu", "aB3-_9")), Some(vec!["Bà Nguyễn Thị Mẫu".to_string()]));
        for (name, end) in [
            ("", "a"),
            ("0901", "a"),
            ("bit.ly/x", "a"),
            ("Nguyễn Thị Mẫu 5", "a"),
            ("$", "a"),
            (&"lời ".repeat(15) as &str, "a"),
            ("Mẫu", ""),
            ("Mẫu", "a/b"),
            ("Mẫu", "a.b"),
            ("Mẫu", &"a".repeat(65)),
            ("Mẫu", "á"),
            ("Mẫu", "a thêm"),
        ] {
            assert_eq!(filled(text, &copy(name, end)), None, "{name} {end}");
        }
    }

    #[test]
    fn slots_side_by_side_share_their_words() {
        assert_eq!(filled("* * xin chào", "Ông Mẫu xin chào").map(|filled| filled.len()), Some(2));
        assert_eq!(filled("* * xin chào", "Mẫu xin chào"), None);
        assert_eq!(filled("xin chào *", "xin chào xin chào"), Some(vec!["xin chào".to_string()]));
    }

    #[test]
    fn a_mark_in_a_pasted_text_fills_nothing() {
        assert_eq!(filled("xin chào * hôm nay", &format!("xin chào {SLOT} hôm nay")), None);
    }
}
