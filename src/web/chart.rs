//! Charts as SVG made on the server: bars, a line of periods, a grid of places.
//!
//! What enters: names and numbers. What leaves: SVG without a style or a script of its own: colours are classes of the style
//! sheet, so that both themes and forced colours hold. A chart repeats what a table beside it says: it is one picture to a
//! screen reader, with a name; only the grid's tiles are links, and have names of their own. Nothing is told by colour alone.

use std::fmt::Write as _;

/// One part of a bar.
pub struct Part {
    /// A class: `reached`, `sent`, `unsent`….
    pub class: &'static str,
    /// How much.
    pub value: i64,
}

/// A bar, from left to right.
pub struct Bar {
    /// Before it.
    pub name: String,
    /// Its parts.
    pub parts: Vec<Part>,
    /// Behind it.
    pub note: String,
}

/// Rows that a chart has at most: the table has all.
const MOST: usize = 16;
const ROW: usize = 30;

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// A name that fits.
fn short(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_string();
    }
    text.chars().take(letters.saturating_sub(1)).chain(['…']).collect()
}

fn per_mille(value: i64, of: i64) -> i64 {
    if of <= 0 { 0 } else { i64::try_from(i128::from(value) * 1_000 / i128::from(of)).unwrap_or(1_000) }
}

/// Bars of equal scale, each with its name before it and its note behind it.
pub fn bars(title: &str, bars: &[Bar]) -> String {
    let bars = &bars[..bars.len().min(MOST)];
    let whole = |bar: &Bar| bar.parts.iter().map(|part| part.value).sum::<i64>();
    let most = bars.iter().map(whole).max().unwrap_or(0);
    let height = bars.len() * ROW + 4;
    let mut svg = format!(
        r#"<svg class="chart bars" viewBox="0 0 720 {height}" role="img" aria-label="{}" focusable="false">"#,
        escaped(title)
    );
    for (at, bar) in bars.iter().enumerate() {
        let y = at * ROW + 4;
        // Writing to a string cannot fail, here and below.
        let _ = write!(svg, r#"<text x="0" y="{}">{}</text>"#, y + 16, escaped(&short(&bar.name, 28)));
        let mut x = 230;
        for part in &bar.parts {
            let width = per_mille(part.value, most) * 360 / 1_000;
            let width = if part.value > 0 { width.max(1) } else { 0 };
            let _ = write!(svg, r#"<rect class="{}" x="{x}" y="{y}" width="{width}" height="22"/>"#, part.class);
            x += width;
        }
        let _ = write!(svg, r#"<text class="note" x="{}" y="{}">{}</text>"#, x + 8, y + 16, escaped(&bar.note));
    }
    svg.push_str("</svg>");
    svg
}

/// A point of a line: its name below, its value in per mille, none where there is no figure.
pub struct Point {
    /// The period.
    pub name: String,
    /// Per mille.
    pub value: Option<i64>,
    /// As people read it.
    pub note: String,
}

/// A line over periods; `goal`: a dashed one across, in per mille.
pub fn trend(title: &str, points: &[Point], goal: Option<i64>) -> String {
    const WIDTH: i64 = 720;
    const HEIGHT: i64 = 220;
    const LEFT: i64 = 46;
    const FLOOR: i64 = 176;
    let y = |value: i64| FLOOR - value.clamp(0, 1_000) * 150 / 1_000;
    let step = (WIDTH - LEFT - 50) / i64::try_from(points.len().max(2) - 1).unwrap_or(1);
    let x = |at: usize| LEFT + 20 + step * i64::try_from(at).unwrap_or(0);
    let mut svg = format!(
        r#"<svg class="chart trend" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}" focusable="false">"#,
        escaped(title)
    );
    for line in [0, 250, 500, 750, 1_000] {
        let at = y(line);
        let _ = write!(
            svg,
            r#"<line class="rule" x1="{LEFT}" x2="{WIDTH}" y1="{at}" y2="{at}"/><text class="axis" x="0" y="{}">{} %</text>"#,
            at + 5,
            line / 10
        );
    }
    if let Some(goal) = goal {
        let at = y(goal);
        let _ = write!(svg, r#"<line class="goal" x1="{LEFT}" x2="{WIDTH}" y1="{at}" y2="{at}"/>"#);
    }
    let known: Vec<(i64, i64)> = points.iter().enumerate().filter_map(|(at, point)| Some((x(at), y(point.value?)))).collect();
    let line: Vec<String> = known.iter().map(|(x, y)| format!("{x},{y}")).collect();
    let _ = write!(svg, r#"<polyline class="line" points="{}"/>"#, line.join(" "));
    for (at, point) in points.iter().enumerate() {
        let middle = x(at);
        let _ = write!(svg, r#"<text class="axis middle" x="{middle}" y="200">{}</text>"#, escaped(&point.name));
        if let Some(value) = point.value {
            let top = y(value);
            let _ = write!(
                svg,
                r#"<circle class="dot-mark" cx="{middle}" cy="{top}" r="5"/><text class="note middle" x="{middle}" y="{}">{}</text>"#,
                top - 11,
                escaped(&point.note)
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

/// A tile of a grid.
pub struct Tile {
    /// Where: column and row.
    pub at: (usize, usize),
    /// On it.
    pub name: String,
    /// Below its name; a dash where there is no figure.
    pub note: String,
    /// Per mille, which decides its shade; none: nobody to be reached.
    pub value: Option<i64>,
    /// What it tells whoever listens.
    pub label: String,
    /// Where it leads; empty: nowhere.
    pub href: String,
}

/// Letters in a line of a tile.
const TILE: usize = 14;

/// A name in lines of a tile, broken between words: what is seen of a tile is a part of what is heard of it.
fn broken(name: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in name.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= TILE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

/// Tiles laid out like a map, or row by row.
pub fn grid(title: &str, tiles: &[Tile]) -> String {
    let names: Vec<Vec<String>> = tiles.iter().map(|tile| broken(&tile.name)).collect();
    let (width, height) = (118, 36 + 18 * names.iter().map(Vec::len).max().unwrap_or(1));
    let columns = tiles.iter().map(|tile| tile.at.0 + 1).max().unwrap_or(1);
    let rows = tiles.iter().map(|tile| tile.at.1 + 1).max().unwrap_or(1);
    let mut svg = format!(
        r#"<svg class="chart grid" viewBox="0 0 {} {}" role="group" aria-label="{}">"#,
        columns * width,
        rows * height,
        escaped(title)
    );
    for (tile, name) in tiles.iter().zip(&names) {
        let (x, y) = (tile.at.0 * width, tile.at.1 * height);
        let shade = tile.value.map_or_else(|| "none".to_string(), |value| format!("shade-{}", (value / 200).clamp(0, 4)));
        let label = escaped(&tile.label);
        let open = if tile.href.is_empty() {
            format!(r#"<g role="img" aria-label="{label}">"#)
        } else {
            format!(r#"<a href="{}"><title>{label}</title>"#, escaped(&tile.href))
        };
        let close = if tile.href.is_empty() { "</g>" } else { "</a>" };
        let _ = write!(
            svg,
            r#"{open}<rect class="tile {shade}" x="{}" y="{}" width="{}" height="{}" rx="7"/>"#,
            x + 2,
            y + 2,
            width - 4,
            height - 4,
        );
        for (at, line) in name.iter().enumerate() {
            let _ = write!(svg, r#"<text x="{}" y="{}">{}</text>"#, x + 10, y + 22 + 18 * at, escaped(line));
        }
        let _ =
            write!(svg, r#"<text class="share" x="{}" y="{}">{}</text>{close}"#, x + 10, y + height - 12, escaped(&tile.note));
    }
    svg.push_str("</svg>");
    svg
}

/// Where the 34 provinces and cities stand in the grid: roughly as on a map, north on top.
const PROVINCES: [(&str, usize, usize); 34] = [
    ("12", 0, 0),
    ("15", 1, 0),
    ("08", 2, 0),
    ("04", 3, 0),
    ("11", 0, 1),
    ("25", 1, 1),
    ("19", 2, 1),
    ("20", 3, 1),
    ("14", 0, 2),
    ("01", 1, 2),
    ("24", 2, 2),
    ("22", 3, 2),
    ("37", 1, 3),
    ("33", 2, 3),
    ("31", 3, 3),
    ("38", 1, 4),
    ("40", 1, 5),
    ("42", 1, 6),
    ("44", 2, 6),
    ("46", 2, 7),
    ("48", 3, 7),
    ("51", 3, 8),
    ("52", 3, 9),
    ("66", 3, 10),
    ("68", 2, 11),
    ("56", 3, 11),
    ("80", 1, 11),
    ("75", 2, 12),
    ("79", 1, 12),
    ("82", 0, 12),
    ("91", 0, 13),
    ("86", 1, 13),
    ("96", 0, 14),
    ("92", 1, 14),
];

/// A province's column and row.
pub fn place_of(province: &str) -> Option<(usize, usize)> {
    PROVINCES.iter().find(|(code, ..)| *code == province).map(|(_, column, row)| (*column, *row))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::audience::place::Places;

    #[test]
    fn every_province_has_a_tile_of_its_own() {
        let known: BTreeSet<&str> = Places::built_in().provinces().collect();
        assert_eq!(PROVINCES.iter().map(|(code, ..)| *code).collect::<BTreeSet<_>>(), known);
        assert_eq!(PROVINCES.iter().map(|(_, column, row)| (column, row)).collect::<BTreeSet<_>>().len(), 34);
    }

    #[test]
    fn names_are_escaped_and_empty_charts_are_whole() {
        let bar = Bar { name: "<b>&\"".into(), parts: vec![Part { class: "reached", value: 1 }], note: "1".into() };
        let svg = bars("a \"b\"", &[bar]);
        assert!(
            svg.contains("&lt;b&gt;&amp;&quot;") && svg.contains("a &quot;b&quot;") && svg.contains(r#"width="360""#),
            "{svg}"
        );
        for svg in [bars("", &[]), trend("", &[], None), grid("", &[])] {
            assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"), "{svg}");
        }
    }

    #[test]
    fn what_is_seen_of_a_tile_is_a_part_of_its_name() {
        let name = "Văn Miếu - Quốc Tử Giám";
        assert_eq!(broken(name), ["Văn Miếu -", "Quốc Tử Giám"]);
        assert_eq!(broken("Huế"), ["Huế"]);
        let tile = |name: &str| Tile {
            at: (0, 0),
            name: name.into(),
            note: "50,0 %".into(),
            value: Some(500),
            label: format!("Phường {name}: 50,0 %"),
            href: "/reach?area=00001".into(),
        };
        let svg = grid("", &[tile(name)]);
        assert!(svg.contains(&format!("<title>Phường {name}: 50,0 %</title>")) && svg.contains(r#"height="68""#), "{svg}");
        assert!(broken(name).iter().all(|line| svg.contains(&format!(">{line}</text>"))), "{svg}");
        assert!(grid("", &[tile("Huế")]).contains(r#"height="50""#));
    }

    #[test]
    fn a_part_is_never_wider_than_the_chart_nor_hidden() {
        let part = |value| Part { class: "sent", value };
        let bar = |value| Bar { name: String::new(), parts: vec![part(value)], note: String::new() };
        let svg = bars("", &[bar(i64::MAX / 2), bar(1)]);
        assert!(svg.contains(r#"width="360""#) && svg.contains(r#"width="1""#), "{svg}");
    }
}
