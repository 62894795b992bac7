//! Cells that a spreadsheet would run: text that somebody wrote comes in, text that Excel shows as it stands leaves, and
//! comes back unchanged.
//!
//! A name such as `=HYPERLINK(…)` in a list is harmless here, and a command where an officer opens the export. An
//! apostrophe before it makes a spreadsheet show it (OWASP, "CSV Injection").

use std::borrow::Cow;

/// What a cell begins with that is taken for a formula.
const STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A cell that runs nothing. Numbers stay numbers: phones begin with `+`.
pub fn guarded(cell: &str) -> Cow<'_, str> {
    let number = cell.get(1..).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
    if cell.starts_with(STARTS) && !(cell.starts_with(['+', '-']) && number) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// What [`guarded`] was given.
pub(super) fn bare(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| rest.starts_with(STARTS)).unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_shown_and_come_back() {
        for formula in ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "+84 901", "=", "+", "\t=1+1", "\r=1+1"] {
            assert_eq!(guarded(formula), format!("'{formula}"));
            assert_eq!(bare(&guarded(formula)), formula);
        }
        for plain in ["", "An", "+84901234567", "-5", "'quoted'", "a=b"] {
            assert_eq!(guarded(plain), plain);
            assert_eq!(bare(plain), plain);
        }
    }
}
