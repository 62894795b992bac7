//! How many SMS parts a text costs, counted by the stand-in for itself: a sender's wrong count then shows in the comparison.
//!
//! GSM 03.38 (3GPP TS 23.038): 160 septets in one part, 153 in each of several, extension characters cost two and are never split;
//! anything else is UCS-2 with 70 and 67 units, surrogate pairs never split.

/// The default alphabet in the order of its codes, the escape (0x1B) left out.
pub(super) const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENSION: &str = "^{}\\[~]|€\u{c}";

/// The parts of a text that was sent in UCS-2, whatever is in it.
pub(super) fn ucs2_parts(text: &str) -> u16 {
    pack(&text.chars().map(char::len_utf16).collect::<Vec<_>>(), 70, 67)
}

/// The parts of a text; an empty one has one.
pub(super) fn parts(text: &str) -> u16 {
    let septets: Option<Vec<usize>> = text.chars().map(septets).collect();
    match septets {
        Some(costs) => pack(&costs, 160, 153),
        None => ucs2_parts(text),
    }
}

fn septets(c: char) -> Option<usize> {
    if c.is_ascii_alphanumeric() || BASIC.contains(c) { Some(1) } else { EXTENSION.contains(c).then_some(2) }
}

fn pack(costs: &[usize], single: usize, several: usize) -> u16 {
    if costs.iter().sum::<usize>() <= single {
        return 1;
    }
    let (mut parts, mut used) = (1_u16, 0);
    for cost in costs {
        if used + cost > several {
            parts = parts.saturating_add(1);
            used = 0;
        }
        used += cost;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_both_alphabets() {
        assert_eq!(parts(""), 1);
        assert_eq!(parts(&"a".repeat(160)), 1);
        assert_eq!(parts(&"a".repeat(161)), 2);
        assert_eq!(parts(&"a".repeat(306)), 2);
        assert_eq!(parts(&"a".repeat(307)), 3);
        assert_eq!(parts(&"ạ".repeat(70)), 1);
        assert_eq!(parts(&"ạ".repeat(71)), 2);
        assert_eq!(parts(&"ạ".repeat(135)), 3);
    }

    #[test]
    fn pairs_are_not_split() {
        // 152 + a two-septet sign does not fit 153, so the sign opens the second part.
        assert_eq!(parts(&format!("{}€{}", "a".repeat(152), "a".repeat(151))), 2);
        assert_eq!(parts(&format!("{}€{}", "a".repeat(152), "a".repeat(152))), 3);
        // 66 + a surrogate pair does not fit 67.
        assert_eq!(parts(&format!("{}😀{}", "ạ".repeat(66), "ạ".repeat(65))), 2);
        assert_eq!(parts(&format!("{}😀{}", "ạ".repeat(66), "ạ".repeat(66))), 3);
    }
}
