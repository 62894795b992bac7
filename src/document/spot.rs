//! Places in a document's text, looked up after it was read: for what is found wrong with a value only later on.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// One step from a table or list to what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Into a table.
    Key(&'a str),
    /// Into a list, from 0.
    Index(usize),
}

/// The bytes of `text` where the value at `path` stands, its quotes included; none if there is no such value.
pub fn spot(text: &str, path: &[Step<'_>]) -> Option<Range<usize>> {
    let root = DeTable::parse(text).ok()?;
    let (first, rest) = path.split_first()?;
    let Step::Key(key) = first else { return None };
    let mut at = root.get_ref().get(*key)?;
    for step in rest {
        at = match (step, at.get_ref()) {
            (Step::Key(key), DeValue::Table(table)) => table.get(*key)?,
            (Step::Index(index), DeValue::Array(list)) => list.get(*index)?,
            _ => return None,
        };
    }
    Some(at.span())
}

/// Where byte `offset` of a string's value stands in `text`, whose bytes `span` spell that string: escapes and line
/// continuations take more room there than what they stand for.
pub fn within(text: &str, span: &Range<usize>, offset: usize) -> usize {
    let Some(raw) = text.get(span.clone()) else { return span.start };
    let basic = raw.starts_with('"');
    let quote = if basic { "\"\"\"" } else { "'''" };
    let mut at = if raw.starts_with(quote) { 3 } else { 1 };
    if at == 3 {
        // The line break right after the quotes is not part of the value.
        at += raw[at..].len() - raw[at..].strip_prefix("\r\n").or(raw[at..].strip_prefix('\n')).unwrap_or(&raw[at..]).len();
    }
    let mut value = 0;
    while value < offset {
        let Some((spelled, meant)) = next(&raw[at..], basic) else { break };
        at += spelled;
        value += meant;
    }
    // A continuation before the byte in question belongs to what is before it.
    while let Some((spelled, 0)) = next(&raw[at..], basic) {
        at += spelled;
    }
    span.start + at
}

/// How many bytes the next character is spelled with, and how many bytes it is.
fn next(raw: &str, basic: bool) -> Option<(usize, usize)> {
    let mut chars = raw.chars();
    let first = chars.next()?;
    if !basic || first != '\\' {
        return Some((first.len_utf8(), first.len_utf8()));
    }
    let digits = match chars.next()? {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        c if c.is_whitespace() => return Some((raw.len() - raw[1..].trim_start().len(), 0)),
        _ => return Some((2, 1)),
    };
    let code = u32::from_str_radix(raw.get(2..2 + digits)?, 16).ok()?;
    Some((2 + digits, char::from_u32(code)?.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "[a]\nb = [{ c = \"x\\u00e9\\n@\" }]\nd = \"\"\"\nmột \\\n   hai @\"\"\"\ne = 'C:\\@'\n";

    #[test]
    fn a_value_is_found_by_its_path() {
        let at = |path: &[Step<'_>]| spot(TEXT, path).map(|span| &TEXT[span]);
        assert_eq!(at(&[Step::Key("a"), Step::Key("b"), Step::Index(0), Step::Key("c")]), Some("\"x\\u00e9\\n@\""));
        assert_eq!(at(&[Step::Key("a"), Step::Key("e")]), Some("'C:\\@'"));
        assert_eq!(at(&[Step::Key("a"), Step::Key("b"), Step::Index(1)]), None);
    }

    #[test]
    fn a_place_in_a_string_is_a_place_in_the_text() {
        let table: toml::Table = TEXT.parse().unwrap();
        for key in ["d", "e"] {
            let value = table["a"][key].as_str().unwrap();
            let span = spot(TEXT, &[Step::Key("a"), Step::Key(key)]).unwrap();
            assert!(TEXT[within(TEXT, &span, value.find('@').unwrap())..].starts_with('@'), "{key}");
        }
        let value = table["a"]["b"][0]["c"].as_str().unwrap();
        let span = spot(TEXT, &[Step::Key("a"), Step::Key("b"), Step::Index(0), Step::Key("c")]).unwrap();
        assert!(TEXT[within(TEXT, &span, value.find('@').unwrap())..].starts_with('@'));
    }

    proptest! {
        #[test]
        fn whatever_the_string_holds(before in "[a-zđ\"'\\\\\n\t é]{0,30}") {
            let text = toml::to_string(&toml::Table::from_iter([("k".to_string(), toml::Value::String(format!("{before}@")))])).unwrap();
            let span = spot(&text, &[Step::Key("k")]).unwrap();
            prop_assert!(text[within(&text, &span, before.len())..].starts_with('@'), "{}", text);
        }
    }
}
