//! XML into a tree, as much of it as the protocol and its signatures need.
//!
//! What enters is bytes from anybody; what leaves is elements with their namespaces, attributes and text, comments left out. What
//! can go wrong is a [`Fault`] with its place: not UTF-8, not well-formed, or something that such documents have no business to
//! hold, above all a document type (with it entities), processing instructions and `xml:` attributes. Time and memory are bounded:
//! by the size of the document, its depth and its number of elements and attributes.
//!
//! quick-xml finds the tokens; what it is lenient about (characters, names, `<` in values, text around the root) is checked here, so
//! that what this reads and what another reader makes of the same bytes cannot differ.

mod letter;

use std::{ops::Range, sync::Arc};

use quick_xml::{Reader, events::BytesStart, events::Event};

pub(super) use letter::is_char;
use letter::{entity, forbidden, is_name, lines, may_declare, value};

use super::MAX_BYTES;
use crate::{
    document::{Problem, Problems},
    phrase,
    words::Phrase,
};

/// Levels of elements: CAP takes five, a signature in it six.
const MAX_DEPTH: usize = 16;
/// Elements of a document. A nation's warning in ten languages has some two thousand.
const MAX_ELEMENTS: usize = 20_000;
/// Attributes of an element, declarations of namespaces among them.
const MAX_ATTRIBUTES: usize = 16;

/// Something wrong with a document, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Bytes of the text.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: Phrase,
    /// What would be right.
    pub help: Phrase,
}

impl Fault {
    pub(super) fn new(at: Range<usize>, message: Phrase, help: Phrase) -> Self {
        Self { at, message, help }
    }

    /// As a person reads it.
    fn problem(self, file: &str, text: &Arc<str>) -> Problem {
        let problem = Problem::at(file, text, self.at, self.message);
        if self.help.en.is_empty() { problem } else { problem.help(self.help) }
    }
}

/// Faults as a person reads them.
pub(super) fn problems(file: &str, text: &str, faults: Vec<Fault>) -> Problems {
    let text: Arc<str> = text.into();
    Problems(faults.into_iter().map(|fault| fault.problem(file, &text)).collect())
}

/// A name with what its prefix stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// Empty: none.
    pub prefix: String,
    pub local: String,
    /// Empty: none.
    pub namespace: String,
}

impl Name {
    pub(super) fn is(&self, namespace: &str, local: &str) -> bool {
        self.namespace == namespace && self.local == local
    }
}

/// An element.
#[derive(Debug, Clone)]
pub(super) struct Element {
    pub name: Name,
    /// Namespaces declared on it, by prefix; the empty prefix is the default one.
    pub declared: Vec<(String, String)>,
    /// Its other attributes, in the order of the text.
    pub attributes: Vec<(Name, String)>,
    pub children: Vec<Node>,
    /// Bytes of its start tag.
    pub at: Range<usize>,
    /// Bytes of its end tag; those of the start tag where one tag is both.
    pub end: Range<usize>,
}

/// What stands in an element. Neighbouring texts are one.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    /// The elements in it.
    pub(super) fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// Its text; none where elements stand in it.
    pub(super) fn text(&self) -> Option<&str> {
        match self.children.as_slice() {
            [] => Some(""),
            [Node::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether other text than white space stands between its elements.
    pub(super) fn is_mixed(&self) -> bool {
        self.children.iter().any(|node| matches!(node, Node::Text(text) if !is_blank(text)))
    }

    /// An attribute that is in no namespace.
    pub(super) fn attribute(&self, local: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name.is("", local)).map(|(_, value)| value.as_str())
    }

    fn push_text(&mut self, text: &str) {
        match self.children.last_mut() {
            Some(Node::Text(before)) => before.push_str(text),
            _ if text.is_empty() => {}
            _ => self.children.push(Node::Text(text.to_string())),
        }
    }
}

/// White space as XML has it.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
}

/// The text of a document: UTF-8 of bearable size, without its byte order mark.
pub(super) fn decode(document: &[u8]) -> Result<&str, Fault> {
    if document.len() > MAX_BYTES {
        let (size, most) = (document.len(), MAX_BYTES);
        return Err(Fault::new(
            0..0,
            phrase!("văn bản quá lớn: {size} byte", "the document is too large: {size} bytes"),
            phrase!("nhiều nhất {most} byte", "{most} bytes at most"),
        ));
    }
    let document = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
    std::str::from_utf8(document).map_err(|error| {
        Fault::new(
            error.valid_up_to()..error.valid_up_to(),
            phrase!("văn bản không phải UTF-8", "the document is not UTF-8"),
            phrase!("lưu lại bằng bảng mã UTF-8", "save it as UTF-8"),
        )
    })
}

/// What an element's text is, its declarations in scope, and where the reader is.
struct Parser<'t> {
    reader: Reader<&'t [u8]>,
    text: &'t str,
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

/// The root of a document.
pub(super) fn parse(text: &str) -> Result<Element, Fault> {
    if let Some((at, c)) = text.char_indices().find(|(_, c)| !is_char(*c)) {
        return Err(forbidden(at..at + c.len_utf8(), c));
    }
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_comments = true;
    config.expand_empty_elements = false;
    let mut parser = Parser { reader, text, open: Vec::new(), root: None, elements: 0 };
    while parser.step()? {}
    parser.root.ok_or_else(|| {
        Fault::new(
            0..0,
            phrase!("văn bản không có phần tử nào", "the document has no element"),
            phrase!("bắt đầu bằng `<alert xmlns=\"…\">`", "begin with `<alert xmlns=\"…\">`"),
        )
    })
}

impl Parser<'_> {
    /// One token. False: that was the last.
    fn step(&mut self) -> Result<bool, Fault> {
        let from = offset(self.reader.buffer_position());
        let event = self.reader.read_event().map_err(|error| {
            let at = offset(self.reader.error_position()).min(self.text.len());
            let said = error.to_string();
            Fault::new(at..at + 1, phrase!("cú pháp XML: {said}", "XML syntax: {said}"), Phrase::default())
        })?;
        let at = from..offset(self.reader.buffer_position());
        match event {
            Event::Start(tag) => {
                let element = self.element(&tag, at)?;
                self.open.push(element);
            }
            Event::Empty(tag) => {
                let element = self.element(&tag, at)?;
                self.close(element)?;
            }
            Event::End(_) => {
                // The reader has held its name against the start tag's.
                if let Some(mut element) = self.open.pop() {
                    element.end = at;
                    self.close(element)?;
                }
            }
            Event::Text(raw) => self.add(&raw.into_inner(), at, true)?,
            Event::CData(raw) => {
                self.within(&at)?;
                self.add(&raw.into_inner(), at, false)?;
            }
            Event::GeneralRef(name) => {
                self.within(&at)?;
                let c = entity(&name.into_inner(), &at)?;
                if let Some(element) = self.open.last_mut() {
                    element.push_text(c.encode_utf8(&mut [0; 4]));
                }
            }
            Event::Comment(_) => {}
            Event::Decl(_) => self.declaration(at)?,
            Event::DocType(_) => {
                return Err(Fault::new(
                    at,
                    phrase!("không nhận khai báo DOCTYPE", "a DOCTYPE is refused"),
                    phrase!("xóa khai báo này cùng các thực thể của nó", "remove it, and the entities with it"),
                ));
            }
            Event::PI(_) => {
                return Err(Fault::new(
                    at,
                    phrase!("không nhận chỉ thị xử lý `<?…?>`", "a processing instruction `<?…?>` is refused"),
                    phrase!("xóa chỉ thị này", "remove it"),
                ));
            }
            Event::Eof => {
                return match self.open.last() {
                    Some(element) => {
                        let name = &element.name.local;
                        Err(Fault::new(
                            element.at.clone(),
                            phrase!("phần tử `{name}` không được đóng", "the element `{name}` is never closed"),
                            phrase!("thêm `</{name}>`", "add `</{name}>`"),
                        ))
                    }
                    None => Ok(false),
                };
            }
        }
        Ok(true)
    }

    fn declaration(&self, at: Range<usize>) -> Result<(), Fault> {
        let written: Vec<&str> = self.text[at.clone()].trim_start_matches("<?xml").trim_end_matches("?>").split('=').collect();
        let value = |name: &str| {
            let index = written.iter().position(|part| part.trim_end().ends_with(name))?;
            written.get(index + 1)?.trim_start().split(['"', '\'']).nth(1)
        };
        let encoding = value("encoding").unwrap_or("UTF-8");
        if at.start == 0 && value("version") == Some("1.0") && encoding.eq_ignore_ascii_case("utf-8") {
            return Ok(());
        }
        Err(Fault::new(
            at,
            phrase!(
                "khai báo XML phải đứng đầu văn bản, phiên bản 1.0, bảng mã UTF-8",
                "the XML declaration stands first, its version is 1.0 and its encoding UTF-8"
            ),
            phrase!(
                "`<?xml version=\"1.0\" encoding=\"UTF-8\"?>` ở dòng đầu",
                "`<?xml version=\"1.0\" encoding=\"UTF-8\"?>` on the first line"
            ),
        ))
    }

    /// Text outside the root is only white space.
    fn within(&self, at: &Range<usize>) -> Result<(), Fault> {
        if !self.open.is_empty() {
            return Ok(());
        }
        Err(Fault::new(
            at.clone(),
            phrase!("có chữ nằm ngoài phần tử gốc", "there is text outside the root element"),
            phrase!("xóa đi", "remove it"),
        ))
    }

    fn add(&mut self, raw: &str, at: Range<usize>, escaped: bool) -> Result<(), Fault> {
        if !is_blank(raw) {
            self.within(&at)?;
        }
        if escaped && raw.contains("]]>") {
            return Err(Fault::new(
                at,
                phrase!("`]]>` không được đứng trong chữ", "`]]>` may not stand in text"),
                phrase!("viết `]]&gt;`", "write `]]&gt;`"),
            ));
        }
        if let Some(element) = self.open.last_mut() {
            element.push_text(&lines(raw));
        }
        Ok(())
    }

    fn close(&mut self, element: Element) -> Result<(), Fault> {
        if let Some(parent) = self.open.last_mut() {
            parent.children.push(Node::Element(element));
            return Ok(());
        }
        if self.root.is_some() {
            return Err(Fault::new(
                element.at,
                phrase!("văn bản có hai phần tử gốc", "the document has two root elements"),
                phrase!("mỗi cảnh báo là một văn bản riêng", "each alert is a document of its own"),
            ));
        }
        self.root = Some(element);
        Ok(())
    }

    fn element(&mut self, tag: &BytesStart<'_>, at: Range<usize>) -> Result<Element, Fault> {
        self.elements += 1;
        if self.open.len() >= MAX_DEPTH || self.elements > MAX_ELEMENTS {
            return Err(Fault::new(
                at,
                phrase!("quá nhiều phần tử, hoặc lồng nhau quá sâu", "too many elements, or too deeply nested"),
                phrase!(
                    "nhiều nhất {MAX_ELEMENTS} phần tử, {MAX_DEPTH} tầng",
                    "{MAX_ELEMENTS} elements and {MAX_DEPTH} levels at most"
                ),
            ));
        }
        let (mut declared, mut plain) = (Vec::new(), Vec::new());
        for (index, attribute) in tag.attributes().enumerate() {
            let attribute = attribute.map_err(|error| {
                let said = error.to_string();
                Fault::new(at.clone(), phrase!("thuộc tính sai: {said}", "an attribute is wrong: {said}"), Phrase::default())
            })?;
            if index >= MAX_ATTRIBUTES {
                return Err(Fault::new(
                    at,
                    phrase!("quá nhiều thuộc tính", "too many attributes"),
                    phrase!("nhiều nhất {MAX_ATTRIBUTES}", "{MAX_ATTRIBUTES} at most"),
                ));
            }
            let value = value(&attribute.value, &at)?;
            match attribute.key.0.split_once(':') {
                None if attribute.key.0 == "xmlns" => declared.push((String::new(), value)),
                Some(("xmlns", prefix)) => declared.push((prefix.to_string(), value)),
                _ => plain.push((attribute.key.0.to_string(), value)),
            }
        }
        if let Some((prefix, _)) = declared.iter().find(|(prefix, uri)| !may_declare(prefix, uri)) {
            return Err(Fault::new(
                at,
                phrase!(
                    "không được khai báo không gian tên `{prefix}` như vậy",
                    "the prefix `{prefix}` may not be declared like this"
                ),
                Phrase::default(),
            ));
        }
        let name = self.name(tag.name().0, &declared, true, &at)?;
        let mut attributes: Vec<(Name, String)> = Vec::with_capacity(plain.len());
        for (written, value) in plain {
            let name = self.name(&written, &declared, false, &at)?;
            if attributes.iter().any(|(other, _)| other.is(&name.namespace, &name.local)) {
                return Err(Fault::new(
                    at,
                    phrase!("thuộc tính `{written}` lặp lại", "the attribute `{written}` is repeated"),
                    phrase!("giữ một", "keep one"),
                ));
            }
            attributes.push((name, value));
        }
        Ok(Element { name, declared, attributes, children: Vec::new(), end: at.clone(), at })
    }

    /// A name with its namespace: `declared` on the element itself, or on one around it.
    fn name(&self, written: &str, declared: &[(String, String)], of_element: bool, at: &Range<usize>) -> Result<Name, Fault> {
        let (prefix, local) = written.split_once(':').unwrap_or(("", written));
        if !is_name(local) || (written.contains(':') && !is_name(prefix)) {
            return Err(Fault::new(
                at.clone(),
                phrase!("tên `{written}` sai", "the name `{written}` is wrong"),
                phrase!("tên gồm chữ, số, `_`, `-`, `.`", "a name has letters, digits, `_`, `-`, `.`"),
            ));
        }
        if prefix == "xml" || prefix == "xmlns" {
            return Err(Fault::new(
                at.clone(),
                phrase!("không nhận `{written}`", "`{written}` is refused"),
                phrase!("CAP không có thuộc tính `xml:…`", "CAP has no `xml:…` attributes"),
            ));
        }
        let scopes = self.open.iter().map(|element| element.declared.as_slice()).chain([declared]);
        let namespace = match (of_element, prefix) {
            (false, "") => "",
            _ => scopes
                .rev()
                .flatten()
                .find(|(declared, _)| declared == prefix)
                .map(|(_, uri)| uri.as_str())
                .or_else(|| prefix.is_empty().then_some(""))
                .ok_or_else(|| {
                    Fault::new(
                        at.clone(),
                        phrase!("tiền tố `{prefix}` chưa được khai báo", "the prefix `{prefix}` is not declared"),
                        phrase!("thêm `xmlns:{prefix}=\"…\"`", "add `xmlns:{prefix}=\"…\"`"),
                    )
                })?,
        };
        Ok(Name { prefix: prefix.to_string(), local: local.to_string(), namespace: namespace.to_string() })
    }
}

fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
