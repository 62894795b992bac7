//! A plain table for a terminal: columns of text, aligned.

use crate::words::width;

/// The table with its heading; columns without anything in any row are left out.
pub fn render(heading: &[&str], rows: &[Vec<String>]) -> String {
    with_figures(heading, rows, heading.len())
}

/// The same; columns from number `figures` on hold numbers, and stand to the right.
pub fn with_figures(heading: &[&str], rows: &[Vec<String>], figures: usize) -> String {
    let filled = |column: usize| rows.iter().any(|row| row.get(column).is_some_and(|cell| !cell.is_empty()));
    let columns: Vec<usize> = (0..heading.len()).filter(|column| filled(*column)).collect();
    let cells = |column: usize| rows.iter().map(move |row| width(&row[column])).max().unwrap_or(0);
    // A column of numbers is as wide as they are, or as its heading's longest word: the heading goes over several lines.
    let headings: Vec<Vec<String>> = columns
        .iter()
        .map(|column| if *column < figures { vec![heading[*column].to_string()] } else { wrap(heading[*column], cells(*column)) })
        .collect();
    let widths: Vec<usize> = columns
        .iter()
        .zip(&headings)
        .map(|(column, lines)| lines.iter().map(|line| width(line)).chain([cells(*column)]).max().unwrap_or(0))
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
    lines.extend(rows.iter().map(|row| line(&|place| row[columns[place]].clone())));
    lines.join("\n") + "\n"
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
    fn headings_of_figures_take_no_more_room_than_their_figures() {
        let rows = [vec!["Hà Nội".to_string(), "12".to_string(), String::new(), "1.234.567".to_string()]];
        assert_eq!(
            with_figures(&["Tỉnh", "Chưa tiếp cận", "Trống", "Chi phí (đ)"], &rows, 1),
            "         Chưa\n         tiếp    Chi phí\nTỉnh      cận        (đ)\nHà Nội     12  1.234.567\n"
        );
    }
}
