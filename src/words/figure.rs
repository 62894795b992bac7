//! Numbers, shares and spans, as people of each language write them.

use super::Lang;

/// A number with its thousands set apart: 1.234.567 in Vietnamese, 1,234,567 in English.
pub fn number(n: i64, lang: Lang) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::from(if n < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push_str(lang.pick(".", ","));
        }
        out.push(digit);
    }
    out
}

/// `part` of `whole` in per cent with one decimal, rounded down: 84,9 % of a goal is not yet 85 %. A dash of nothing.
pub fn share(part: i64, whole: i64, lang: Lang) -> String {
    if whole <= 0 {
        return "–".to_string();
    }
    let tenths = i128::from(part) * 1_000 / i128::from(whole);
    format!("{}{}{} %", tenths / 10, lang.pick(",", "."), tenths % 10)
}

/// A share in per cent, with a decimal where it has one: 0.85 is 85 %, 0.125 is 12,5 %.
pub fn per_cent(share: f64, lang: Lang) -> String {
    format!("{} %", (share * 1_000.0).round() / 10.0).replace('.', lang.pick(",", "."))
}

/// A span in seconds with one decimal: 10,5 in Vietnamese, 10.5 in English.
pub fn seconds(span: std::time::Duration, lang: Lang) -> String {
    format!("{:.1}", span.as_secs_f64()).replace('.', lang.pick(",", "."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_set_apart_by_thousands() {
        let vi = [0, 7, 999, 1_000, 1_234_567, -1_234_567].map(|n| number(n, Lang::Vi));
        assert_eq!(vi, ["0", "7", "999", "1.000", "1.234.567", "-1.234.567"]);
        assert_eq!(number(1_234_567, Lang::En), "1,234,567");
    }

    #[test]
    fn spans_have_the_decimal_mark_of_their_language() {
        let span = std::time::Duration::from_millis(10_540);
        assert_eq!([seconds(span, Lang::Vi), seconds(span, Lang::En)], ["10,5", "10.5"]);
    }

    #[test]
    fn a_share_is_never_rounded_up_to_a_goal() {
        assert_eq!(share(8_499, 10_000, Lang::Vi), "84,9 %");
        assert_eq!(share(1, 1, Lang::En), "100.0 %");
        assert_eq!(share(0, 0, Lang::Vi), "–");
    }
}
