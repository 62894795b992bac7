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
    let widths: Vec<usize> = columns
        .iter()
        .map(|column| rows.iter().map(|row| width(&row[*column])).chain([width(heading[*column])]).max().unwrap_or(0))
        .collect();
    let line = |cell: &dyn Fn(usize) -> String| {
        let cells: Vec<String> = columns
            .iter()
            .zip(&widths)
            .map(|(column, wide)| {
                let cell = cell(*column);
                let gap = " ".repeat(wide.saturating_sub(width(&cell)));
                if *column >= figures { gap + &cell } else { cell + &gap }
            })
            .collect();
        cells.join("  ").trim_end().to_string()
    };
    let mut lines = vec![line(&|column| heading[column].to_string())];
    lines.extend(rows.iter().map(|row| line(&|column| row[column].clone())));
    lines.join("\n") + "\n"
}
