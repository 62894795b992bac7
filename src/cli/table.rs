//! A plain table for a terminal: columns of text, aligned. What would be wider than a terminal is broken between words.

use crate::words::width;

/// Columns of the terminals that people use.
const TERMINALS: [usize; 2] = [80, WIDEST];
/// No table is wider, as long as its words are not.
const WIDEST: usize = 100;
/// How narrow a heading of figures may become, the widest first.
const NARROWER: [usize; 5] = [usize::MAX, 8, 7, 6, 5];

/// The table with its heading; columns without anything in any row are left out.
pub fn render(heading: &[&str], rows: &[Vec<String>]) -> String {
    with_figures(heading, rows, heading.len())
}

/// The same; columns from number `figures` on hold numbers, and stand to the right.
pub fn with_figures(heading: &[&str], rows: &[Vec<String>], figures: usize) -> String {
    let filled = |column: usize| rows.iter().any(|row| row.get(column).is_some_and(|cell| !cell.is_empty()));
    let columns: Vec<usize> = (0..heading.len()).filter(|column| filled(*column)).collect();
    let cells = |column: usize| rows.iter().map(move |row| width(&row[column])).max().unwrap_or(0);
    let headings = |narrow: usize| -> Vec<Vec<String>> {
        let lines =
            |at: usize| if at < figures { vec![heading[at].to_string()] } else { wrap(heading[at], cells(at).max(narrow)) };
        columns.iter().map(|column| lines(*column)).collect()
    };
    let widths = |headings: &[Vec<String>]| -> Vec<usize> {
        let widest = |(column, lines): (&usize, &Vec<String>)| {
            lines.iter().map(|line| width(line)).chain([cells(*column)]).max().unwrap_or(0)
        };
        columns.iter().zip(headings).map(widest).collect()
    };
    let fits = |narrow: usize, most: usize| {
        let widths = widths(&headings(narrow));
        widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1) <= most
    };
    // Headings of figures go over several lines only where the table would not fit a terminal otherwise.
    let narrow = TERMINALS.iter().find_map(|most| NARROWER.into_iter().find(|narrow| fits(*narrow, *most))).unwrap_or(0);
    let headings = headings(narrow);
    let least = |place: usize| -> usize {
        let cells = rows.iter().map(|row| row[columns[place]].as_str());
        cells.chain([heading[columns[place]]]).map(longest_word).max().unwrap_or(0)
    };
    let least: Vec<usize> = (0..columns.len()).map(least).collect();
    let texts = columns.iter().take_while(|column| **column < figures).count();
    let widths = narrowed(widths(&headings), &least[..texts]);
    let headings: Vec<Vec<String>> = headings
        .into_iter()
        .zip(&widths)
        .enumerate()
        .map(|(place, (lines, wide))| if place < texts { broken(&lines[0], *wide) } else { lines })
        .collect();
    let height = headings.iter().map(Vec::len).max().unwrap_or(0);
    let line = |cell: &dyn Fn(usize) -> String| {
        let cells: Vec<String> = columns
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(place, (column, wide))| {
                let cell = cell(place);
                let gap = " ".repeat(wide.saturating_sub(width(&cell)));
                if *column >= figures { gap + &cell } else { cell + &gap }
            })
            .collect();
        cells.join("  ").trim_end().to_string()
    };
    // Short headings stand on the last line, next to their figures.
    let part = |place: usize, nth: usize| {
        let lines = &headings[place];
        (nth + lines.len()).checked_sub(height).map_or_else(String::new, |at| lines[at].clone())
    };
    let mut lines: Vec<String> = (0..height).map(|nth| line(&|place| part(place, nth))).collect();
    for row in rows {
        let cells: Vec<Vec<String>> = columns.iter().zip(&widths).map(|(column, wide)| broken(&row[*column], *wide)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        lines.extend((0..height).map(|nth| line(&|place| cells[place].get(nth).cloned().unwrap_or_default())));
    }
    lines.join("\n") + "\n"
}

/// The widths with the widest columns of text narrowed, evenly, until the table fits; none below its `least`.
fn narrowed(mut widths: Vec<usize>, least: &[usize]) -> Vec<usize> {
    while widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1) > WIDEST {
        let yielding = (0..least.len()).filter(|place| widths[*place] > least[*place]).max_by_key(|place| widths[*place]);
        let Some(place) = yielding else { break };
        widths[place] -= 1;
    }
    widths
}

/// What a cell cannot be narrower than: its longest word, behind the blanks that it begins with.
fn longest_word(cell: &str) -> usize {
    let indent = cell.len() - cell.trim_start().len();
    indent + cell.split_whitespace().map(width).max().unwrap_or(0)
}

/// A cell on as many lines as it needs; one that fits stays as it is.
fn broken(cell: &str, most: usize) -> Vec<String> {
    if width(cell) <= most { vec![cell.to_string()] } else { wrap(cell, most) }
}

/// A paragraph no wider than a table; its lines but the first stand two columns in.
pub fn paragraph(text: &str) -> String {
    wrap(text, WIDEST - 2).join("\n  ") + "\n"
}

/// The text's words on lines of at most so many columns; a longer word has its own, and makes room for others.
fn wrap(text: &str, most: usize) -> Vec<String> {
    let most = text.split_whitespace().map(width).chain([most]).max().unwrap_or(most);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_of_figures_are_broken_only_where_the_table_is_too_wide() {
        let row = |name: &str| vec![name.to_string(), "12".to_string(), String::new(), "1.234.567".to_string()];
        let heading = ["Tỉnh", "Chưa tiếp cận", "Trống", "Chi phí (đ)"];
        assert_eq!(
            with_figures(&heading, &[row("Hà Nội")], 1),
            "Tỉnh    Chưa tiếp cận  Chi phí (đ)\nHà Nội             12    1.234.567\n"
        );
        let name = &"x".repeat(56);
        let table = with_figures(&heading, &[row(name)], 1);
        assert_eq!(table.lines().count(), 3, "{table}");
        assert!(table.lines().all(|line| width(line) > 40 && width(line) <= 84), "{table}");
    }

    #[test]
    fn a_table_too_wide_breaks_its_texts_between_words() {
        let told = "cổng đòi gửi chậm lại từ 05:46 22/11/2026, đang ở 50 % tốc độ: nhanh hơn mức cho phép";
        let rows = [
            vec![
                "  viettel".to_string(),
                "một hai ba bốn năm sáu bảy tám chín mười".to_string(),
                told.to_string(),
                "1".to_string(),
            ],
            vec!["  esms".to_string(), "một".to_string(), "hoạt động".to_string(), "12.345.678".to_string()],
        ];
        let table = with_figures(&["  Tài khoản", "Nhà mạng", "Tình trạng", "Số dư"], &rows, 3);
        assert!(table.lines().all(|line| width(line) <= WIDEST), "{table}");
        let words: String = table.split_whitespace().collect();
        assert_eq!(words.matches("12.345.678").count(), 1, "{table}");
        assert!(table.lines().count() == 5 && table.contains("\n  esms "), "{table}");
        // A word that is wider than a terminal stays whole.
        let long = "x".repeat(120);
        assert!(render(&["A", "B"], &[vec![long.clone(), "y z".into()]]).contains(&long));
    }
}
