//! What changed between two texts, line by line and within lines, for a page: each change is told by a word and a sign, not by
//! colour alone. Texts that have little in common are told apart coarsely, and as far as somebody reads: a page has milliseconds.

use std::time::Duration;

use serde::Serialize;
use similar::{ChangeTag, DiffTag, TextDiff};

/// Unchanged lines that are shown around a change.
const AROUND: usize = 3;

/// How long the least difference is looked for: after that, any will do.
const PATIENCE: Duration = Duration::from_millis(50);
/// Lines that came and went of which each is looked at word by word; of more, nobody reads words.
const CLOSELY: usize = 400;
/// Lines that are shown.
const MOST: usize = 2_000;

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
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
    let changed = diff.ops().iter().filter(|op| op.tag() != DiffTag::Equal);
    let closely = changed.map(|op| op.old_range().len() + op.new_range().len()).sum::<usize>() <= CLOSELY;
    let gap = || Line { kind: "gap", old: None, new: None, pieces: Vec::new() };
    let mut lines = Vec::new();
    for (nth, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        let begins = group.first().map_or(0, |op| op.old_range().start);
        if nth > 0 || begins > 0 {
            lines.push(gap());
        }
        for op in group {
            if closely {
                lines.extend(diff.iter_inline_changes(op).map(|change| {
                    let pieces = change.iter_strings_lossy().filter_map(|(changed, text)| piece(changed, &text)).collect();
                    line(change.tag(), change.old_index(), change.new_index(), pieces)
                }));
            } else {
                lines.extend(diff.iter_changes(op).map(|change| {
                    let pieces = piece(false, change.value()).into_iter().collect();
                    line(change.tag(), change.old_index(), change.new_index(), pieces)
                }));
            }
            if lines.len() > MOST {
                lines.truncate(MOST);
                lines.push(gap());
                return lines;
            }
        }
    }
    lines
}

fn line(tag: ChangeTag, old: Option<usize>, new: Option<usize>, pieces: Vec<Piece>) -> Line {
    let kind = match tag {
        ChangeTag::Equal => "same",
        ChangeTag::Insert => "added",
        ChangeTag::Delete => "removed",
    };
    let number = |index: Option<usize>| index.map(|index| index + 1);
    Line { kind, old: number(old), new: number(new), pieces }
}

fn piece(changed: bool, text: &str) -> Option<Piece> {
    let text = text.trim_end_matches(['\n', '\r']);
    (!text.is_empty()).then(|| Piece { changed, text: text.to_string() })
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

    #[test]
    fn texts_that_have_nothing_in_common_are_told_as_far_as_somebody_reads() {
        let text = |word: &str| (0..20_000).fold(String::new(), |text, n| text + &format!("{word} {}\n", n * 7_919 % 20_011));
        let lines = between(&text("một"), &text("hai"));
        assert_eq!((lines.len(), lines[MOST].kind), (MOST + 1, "gap"));
        assert_eq!(lines[0].pieces, [Piece { changed: false, text: "một 0".into() }]);
    }
}
