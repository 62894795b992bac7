//! XML as others write it into a tree. What enters is bytes in any encoding that they name; what leaves is elements by their local
//! names, with text and attributes. Unlike [`super::super::xml`] it forgives: unknown entities stay as they are written, an element
//! that was never closed ends with its parent. A document type is refused all the same, and time and memory are bounded.

use std::borrow::Cow;

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::{FeedError, MAX_BYTES};

/// Levels of elements.
const MAX_DEPTH: usize = 48;
/// Elements of a feed.
const MAX_ELEMENTS: usize = 100_000;

/// An element.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// Without its prefix.
    pub name: String,
    /// Whether it has one.
    pub prefixed: bool,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Element>,
    /// All text in it, and in its children.
    pub text: String,
    /// Bytes of the decoded document, tags included.
    pub start: usize,
    pub end: usize,
    /// Bytes of what is in it.
    pub inner: std::ops::Range<usize>,
}

impl Element {
    /// The first child of that name: one without a prefix before those of extensions, which have names in common with feeds.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        let all = || self.children.iter().filter(|child| child.name == name);
        all().find(|child| !child.prefixed).or_else(|| all().next())
    }

    /// The first element of that name, at any depth.
    pub(super) fn find(&self, name: &str) -> Option<&Element> {
        self.children.iter().find_map(|child| if child.name == name { Some(child) } else { child.find(name) })
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }
}

/// The text of a document, in whichever encoding it says that it is.
pub(super) fn decode(document: &[u8]) -> Result<Cow<'_, str>, FeedError> {
    if document.len() > MAX_BYTES {
        return Err(FeedError::TooLarge(document.len()));
    }
    let head = String::from_utf8_lossy(&document[..document.len().min(200)]);
    let named = head.split_once("?>").and_then(|(declaration, _)| {
        let (_, value) = declaration.split_once("encoding")?;
        value.trim_start_matches(['=', ' ']).split(['"', '\'']).nth(1).map(str::to_string)
    });
    let encoding = named.and_then(|name| encoding_rs::Encoding::for_label(name.as_bytes())).unwrap_or(encoding_rs::UTF_8);
    // A byte order mark knows better.
    Ok(encoding.decode(document).0)
}

/// The root of a document.
pub(super) fn parse(text: &str) -> Result<Element, FeedError> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.allow_dangling_amp = true;
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    let mut open: Vec<Element> = vec![Element::default()];
    let mut elements = 0;
    loop {
        let start = offset(reader.buffer_position());
        let event = reader.read_event().map_err(|error| {
            let at = offset(reader.error_position()).min(text.len());
            let line = text.get(..at).unwrap_or(text).matches('\n').count() + 1;
            FeedError::Syntax(error.to_string(), line)
        })?;
        let end = offset(reader.buffer_position());
        match event {
            Event::Start(tag) | Event::Empty(tag) if open.len() > MAX_DEPTH || elements >= MAX_ELEMENTS => {
                drop(tag);
                return Err(FeedError::TooMany);
            }
            Event::Start(tag) => {
                elements += 1;
                open.push(element(&tag, start, end));
            }
            Event::Empty(tag) => {
                elements += 1;
                let mut element = element(&tag, start, end);
                element.end = end;
                close(&mut open, element);
            }
            Event::End(tag) => {
                let name = tag.local_name().into_inner().to_string();
                // What was left open in between ends here; what was never opened is passed over.
                if let Some(at) = open.iter().skip(1).rposition(|element| element.name == name) {
                    while open.len() > at + 1 {
                        finish(&mut open, start, end);
                    }
                }
            }
            Event::Text(raw) => push(&mut open, &raw.into_inner()),
            Event::CData(raw) => push(&mut open, &raw.into_inner()),
            Event::GeneralRef(name) => {
                let name = name.into_inner();
                match known(&name) {
                    Some(c) => push(&mut open, c.encode_utf8(&mut [0; 4])),
                    None => push(&mut open, &format!("&{name};")),
                }
            }
            Event::DocType(_) => return Err(FeedError::Doctype),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    while open.len() > 1 {
        finish(&mut open, text.len(), text.len());
    }
    let root = open.pop().and_then(|document| document.children.into_iter().next());
    root.ok_or_else(|| FeedError::Unknown(text.trim().chars().take(20).collect()))
}

fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

fn element(tag: &BytesStart<'_>, start: usize, end: usize) -> Element {
    let attributes = tag
        .html_attributes()
        .with_checks(false)
        .filter_map(Result::ok)
        .take(64)
        .map(|attribute| (attribute.key.local_name().into_inner().to_string(), unescaped(&attribute.value)))
        .collect();
    let (name, prefixed) = (tag.local_name().into_inner().to_string(), tag.name().0.contains(':'));
    Element { name, prefixed, attributes, start, end, inner: end..end, ..Element::default() }
}

fn push(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn finish(open: &mut Vec<Element>, start: usize, end: usize) {
    if let Some(mut element) = open.pop() {
        element.inner.end = start.max(element.inner.start);
        element.end = end;
        close(open, element);
    }
}

fn close(open: &mut [Element], element: Element) {
    if let Some(parent) = open.last_mut() {
        parent.children.push(element);
    }
}

fn known(name: &str) -> Option<char> {
    let number = name.strip_prefix('#').map(|digits| {
        let read = digits.strip_prefix(['x', 'X']).map_or_else(|| digits.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok());
        read.and_then(char::from_u32).filter(|c| *c != '\0').unwrap_or('\u{fffd}')
    });
    number.or(match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => None,
    })
}

/// An attribute's value.
fn unescaped(raw: &str) -> String {
    let mut parts = raw.split('&');
    let mut out = parts.next().unwrap_or_default().to_string();
    for part in parts {
        if let Some((c, rest)) = part.split_once(';').and_then(|(name, rest)| Some((known(name)?, rest))) {
            out.push(c);
            out.push_str(rest);
        } else {
            out.push('&');
            out.push_str(part);
        }
    }
    out
}
