//! The characters, names, entities and values of XML 1.0 and its namespaces. What enters is raw text; what leaves is what it stands
//! for. What can go wrong is a character, a name or an entity that may not stand there.

use std::{borrow::Cow, ops::Range};

use super::Fault;
use crate::phrase;

/// The namespace that `xml:` stands for.
const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of the declarations themselves.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// Whether a prefix may stand for this (Namespaces in XML 1.0, sections 2.2 and 3).
pub(super) fn may_declare(prefix: &str, uri: &str) -> bool {
    let reserved = uri == XML || uri == XMLNS || prefix == "xml" || prefix == "xmlns";
    !reserved && (prefix.is_empty() || (is_name(prefix) && !uri.is_empty()))
}

/// An attribute's value: entities resolved, line ends and tabs made spaces.
pub(super) fn value(raw: &str, at: &Range<usize>) -> Result<String, Fault> {
    let raw = lines(raw);
    let mut value = String::with_capacity(raw.len());
    let mut rest: &str = &raw;
    while let Some(found) = rest.find(['&', '<', '\n', '\t']) {
        value.push_str(&rest[..found]);
        let c = rest.as_bytes()[found];
        rest = &rest[found + 1..];
        match c {
            b'&' => {
                let end = rest.find(';').unwrap_or(rest.len());
                value.push(entity(&rest[..end], at)?);
                rest = rest.get(end + 1..).unwrap_or("");
            }
            b'<' => {
                return Err(Fault::new(
                    at.clone(),
                    phrase!("`<` không được đứng trong thuộc tính", "`<` may not stand in an attribute"),
                    phrase!("viết `&lt;`", "write `&lt;`"),
                ));
            }
            _ => value.push(' '),
        }
    }
    value.push_str(rest);
    Ok(value)
}

/// The character that an entity stands for: one of the five that every reader knows, or a number.
pub(super) fn entity(name: &str, at: &Range<usize>) -> Result<char, Fault> {
    let digits = |text: &str, radix: u32| {
        let all = !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
        all.then(|| u32::from_str_radix(text, radix).ok()).flatten()
    };
    let number = match (name.strip_prefix("#x"), name.strip_prefix('#')) {
        (Some(hex), _) => Some(digits(hex, 16)),
        (None, Some(decimal)) => Some(digits(decimal, 10)),
        (None, None) => None,
    };
    let found = match (name, number) {
        (_, Some(number)) => number.and_then(char::from_u32).filter(|c| is_char(*c)),
        ("lt", _) => Some('<'),
        ("gt", _) => Some('>'),
        ("amp", _) => Some('&'),
        ("quot", _) => Some('"'),
        ("apos", _) => Some('\''),
        _ => None,
    };
    found.ok_or_else(|| {
        Fault::new(
            at.clone(),
            phrase!("không nhận thực thể `&{name};`", "the entity `&{name};` is refused"),
            phrase!(
                "chỉ có `&lt;`, `&gt;`, `&amp;`, `&quot;`, `&apos;` và số của ký tự; viết thẳng ký tự bằng UTF-8",
                "there are `&lt;`, `&gt;`, `&amp;`, `&quot;`, `&apos;` and numbers of characters; write the character itself in UTF-8"
            ),
        )
    })
}

pub(super) fn forbidden(at: Range<usize>, c: char) -> Fault {
    let number = u32::from(c);
    Fault::new(
        at,
        phrase!("ký tự U+{number:04X} không được có trong XML", "the character U+{number:04X} may not stand in XML"),
        phrase!("xóa đi", "remove it"),
    )
}

/// Line ends as XML reads them: CR LF and a lone CR are LF.
pub(super) fn lines(raw: &str) -> Cow<'_, str> {
    if raw.contains('\r') { raw.replace("\r\n", "\n").replace('\r', "\n").into() } else { raw.into() }
}

/// The characters of XML 1.0.
pub(in super::super) const fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// A name without a colon (Namespaces in XML 1.0: `NCName`; XML 1.0, fifth edition: `NameStartChar` and `NameChar`).
pub(super) fn is_name(text: &str) -> bool {
    let start = |c: char| {
        matches!(c, 'A'..='Z' | 'a'..='z' | '_' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
            | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}' | '\u{200d}' | '\u{2070}'..='\u{218f}'
            | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
            | '\u{10000}'..='\u{effff}')
    };
    let inner =
        |c: char| start(c) || matches!(c, '0'..='9' | '-' | '.' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}' | '\u{2040}');
    let mut letters = text.chars();
    letters.next().is_some_and(start) && letters.all(inner)
}
