//! What changed between two texts, line by line and within lines, for a page: each change is told by a word and a sign, not by
//! colour alone.

use serde::Serialize;
use similar::{ChangeTag, TextDiff};

/// Unchanged lines that are shown around a change.
const AROUND: usize = 3;

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// `same`, `added`, `removed`; `gap`: unchanged lines that are not shown.
    pub kind: &'static str,
    /// Its number in the old text.
    pub old: Option<usize>,
    /// Its number in the new text.
    pub new: Option<usize>,
    /// The line in pieces.
    pub pieces: Vec<Piece>,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// Whether it is what changed in the line.
    pub changed: bool,
    /// Its text.
    pub text: String,
}

/// The difference; none: the texts are the same.
pub fn between(old: &str, new: &str) -> Vec<Line> {
    let diff = TextDiff::from_lines(old, new);
    let mut lines = Vec::new();
    for (nth, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        let begins = group.first().map_or(0, |op| op.old_range().start);
        if nth > 0 || begins > 0 {
            lines.push(Line { kind: "gap", old: None, new: None, pieces: Vec::new() });
        }
        for change in group.iter().flat_map(|op| diff.iter_inline_changes(op)) {
            let kind = match change.tag() {
                ChangeTag::Equal => "same",
                ChangeTag::Insert => "added",
                ChangeTag::Delete => "removed",
            };
            let piece = |(changed, text): (bool, std::borrow::Cow<'_, str>)| Piece {
                changed,
                text: text.trim_end_matches(['\n', '\r']).to_string(),
            };
            let pieces: Vec<Piece> = change.iter_strings_lossy().map(piece).filter(|piece| !piece.text.is_empty()).collect();
            let number = |index: Option<usize>| index.map(|index| index + 1);
            lines.push(Line { kind, old: number(change.old_index()), new: number(change.new_index()), pieces });
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[Line]) -> Vec<String> {
        let piece = |piece: &Piece| if piece.changed { format!("[{}]", piece.text) } else { piece.text.clone() };
        let line = |line: &Line| format!("{} {}", line.kind, line.pieces.iter().map(piece).collect::<String>());
        lines.iter().map(line).collect()
    }

    #[test]
    fn a_changed_line_shows_what_changed_in_it() {
        let old = "title = \"Một\"\nkind = \"awareness\"\nlaw = \"x\"\n";
        let new = "title = \"Một\"\nkind = \"warning\"\nlaw = \"x\"\nowner = \"Sở\"\n";
        let lines = between(old, new);
        assert_eq!(
            told(&lines),
            [
                "same title = \"Một\"",
                "removed kind = \"[awareness]\"",
                "added kind = \"[warning]\"",
                "same law = \"x\"",
                "added owner = \"Sở\"",
            ]
        );
        assert_eq!(lines[2].new, Some(2));
        assert_eq!((lines[0].old, lines[0].new), (Some(1), Some(1)));
    }

    #[test]
    fn what_is_far_from_a_change_is_left_out() {
        let old: String = (0..40).fold(String::new(), |text, n| text + &format!("dòng {n}\n"));
        let lines = between(&old, &old.replace("dòng 20\n", "dòng hai mươi\n"));
        assert_eq!(lines.len(), 1 + 3 + 2 + 3);
        assert_eq!(lines[0].kind, "gap");
        assert!(between(&old, &old).is_empty());
    }
}
