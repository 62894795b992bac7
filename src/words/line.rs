//! How text stands on a line.

/// Text on one line, without what no screen shows: what strangers wrote must neither draw on a terminal nor begin a line.
pub fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The width of a text on a terminal: Vietnamese is written with composed letters, one column each.
pub fn width(text: &str) -> usize {
    text.chars().count()
}
