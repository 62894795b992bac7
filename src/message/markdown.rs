//! Markdown to HTML and to plain text, with every placeholder carried through untouched.
//!
//! Placeholders are exchanged for words that mean nothing to Markdown, HTML or a line breaker, and come back when
//! all conversion is done. So a template is converted once, not once a person, and no value passes through Markdown.
//!
//! The plain text is made for reading, not for a converter: links are numbered and stand at its end, unless what is shown says
//! it all (`156` for `tel:156`); headings are underlined; a picture is its description.

use comrak::{
    Arena, format_html,
    html::dangerous_url,
    nodes::{AstNode, Node, NodeValue},
    parse_document,
};

use super::template::{Piece, pieces};

/// What a mail's body became: a fragment of HTML and plain text, both with words in place of placeholders.
#[derive(Debug)]
pub(super) struct Converted {
    /// HTML without a page around it.
    pub(super) html: String,
    /// Plain text, wrapped.
    pub(super) text: String,
    /// What the words stand for.
    pub(super) held: Held,
    /// A recipient's field at the start of a link: it could name another scheme, such as `javascript:`.
    pub(super) unsafe_link: Option<String>,
    /// A picture that is no file of the mail's: as it is written.
    pub(super) foreign_picture: Option<String>,
    /// What [`convert`] was given for the pictures that are shown, each once, in their order.
    pub(super) shown: Vec<String>,
}

/// Words that stand for template source.
#[derive(Debug)]
pub(super) struct Held {
    prefix: String,
    sources: Vec<String>,
}

impl Held {
    /// Words that occur nowhere in `text`.
    fn avoiding(text: &str) -> Self {
        let mut number = 0_u32;
        let mut prefix = "Zqloa0".to_owned();
        while text.contains(&prefix) {
            number += 1;
            prefix = format!("Zqloa{number}");
        }
        Self { prefix: prefix + "x", sources: Vec::new() }
    }

    /// A word for this source.
    pub(super) fn hold(&mut self, source: &str) -> String {
        self.sources.push(source.to_owned());
        self.word(self.sources.len() - 1)
    }

    fn word(&self, index: usize) -> String {
        format!("{}{index}Z", self.prefix)
    }

    /// The text with every word replaced by what it stands for.
    pub(super) fn restore(&self, text: &str) -> String {
        let mut restored = String::with_capacity(text.len() + 1024);
        let mut rest = text;
        while let Some(at) = rest.find(&self.prefix) {
            restored.push_str(&rest[..at]);
            let tail = &rest[at + self.prefix.len()..];
            let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
            let source = tail[..digits].parse::<usize>().ok().and_then(|index| self.sources.get(index));
            restored.push_str(source.map_or("", String::as_str));
            rest = tail[digits..].strip_prefix('Z').unwrap_or(&tail[digits..]);
        }
        restored + rest
    }

    /// Whether a statement's word stands in this text: then it cannot be cut anywhere.
    pub(super) fn has_statement(&self, text: &str) -> bool {
        let statement = |(index, source): (usize, &String)| source.starts_with("{%") && text.contains(&self.word(index));
        self.sources.iter().enumerate().any(statement)
    }
}

/// Columns of the plain text: what a mail program shows without wrapping again (RFC 3676 advises under 79).
const COLUMNS: usize = 76;

/// Converts a mail's body. `picture` gives the id (RFC 2392) of a picture that goes with the mail, by what Markdown calls it.
pub(super) fn convert(source: &str, picture: impl Fn(&str) -> Option<String>) -> Converted {
    let mut held = Held::avoiding(source);
    let mut protected = String::with_capacity(source.len());
    for (_, piece) in pieces(source) {
        match piece {
            Piece::Text(text) => protected.push_str(text),
            Piece::Expression(tag) | Piece::Statement(tag) => protected.push_str(&held.hold(tag)),
            Piece::Comment(_) => {}
        }
    }
    let arena = Arena::new();
    let (options, mut shown) = (options(), Vec::new());
    let root = parse_document(&arena, &protected, &options);
    let mut foreign_picture = None;
    for node in root.descendants() {
        let NodeValue::Image(image) = &mut node.data.borrow_mut().value else { continue };
        match picture(&image.url) {
            Some(id) => {
                image.url = format!("cid:{id}");
                if !shown.contains(&id) {
                    shown.push(id);
                }
            }
            None => drop(foreign_picture.get_or_insert_with(|| held.restore(&image.url))),
        }
    }
    let mut html = written(root, &options);
    for index in 0..held.sources.len() {
        // A choice that stood on lines of its own is not a paragraph.
        if held.sources[index].starts_with("{%") {
            let word = held.word(index);
            html = html.replace(&format!("<p>{word}</p>"), &word);
        }
    }
    html = restored_braces(&html, &mut held);
    let unsafe_link = unsafe_link(&html, &held);
    let links = for_reading(&arena, root);
    let mut text = plain(&written(root, &options), &held);
    for (number, link) in (1..).zip(&links) {
        text.push_str(if number == 1 { "\n\n" } else { "\n" });
        text.push_str(&format!("[{number}] {link}"));
    }
    Converted { html, text: restored_braces(&text, &mut held), held, unsafe_link, foreign_picture, shown }
}

fn written(root: Node<'_>, options: &comrak::Options<'_>) -> String {
    let mut html = String::new();
    // Writing into a String cannot fail.
    let _ = format_html(root, options, &mut html);
    html
}

/// Turns a document into one that reads well without any markup; what its links lead to is returned, by their numbers.
fn for_reading<'a>(arena: &'a Arena<'a>, root: Node<'a>) -> Vec<String> {
    let mut links: Vec<String> = Vec::new();
    let node = |value: NodeValue| -> Node<'a> { arena.alloc(AstNode::from(value)) };
    let nodes: Vec<Node<'a>> = root.descendants().collect();
    for at in nodes {
        let value = at.data.borrow().value.clone();
        match value {
            NodeValue::Link(link) => {
                if !says_it_all(&at.collect_text(), &link.url) && !dangerous_url(&link.url) {
                    let known = links.iter().position(|url| *url == link.url).unwrap_or_else(|| {
                        links.push(link.url);
                        links.len() - 1
                    });
                    at.append(node(NodeValue::Text(format!(" [{}]", known + 1).into())));
                }
                unwrapped(at);
            }
            NodeValue::Emph => unwrapped(at),
            // One star each side, as people write mails.
            NodeValue::Strong => at.data.borrow_mut().value = NodeValue::Emph,
            NodeValue::Image(_) => {
                let about = at.collect_text();
                if !about.trim().is_empty() {
                    at.insert_before(node(NodeValue::Text(format!("[{}]", about.trim()).into())));
                }
                at.detach();
            }
            NodeValue::Heading(heading) => {
                let width = at.collect_text().chars().count().clamp(3, COLUMNS);
                let line = if heading.level == 1 { "=" } else { "-" }.repeat(width);
                at.data.borrow_mut().value = NodeValue::Paragraph;
                at.append(node(NodeValue::LineBreak));
                at.append(node(NodeValue::Text(line.into())));
            }
            _ => {}
        }
    }
    links
}

/// Puts what a node holds in its place.
fn unwrapped<'a>(node: Node<'a>) {
    for child in node.children().collect::<Vec<_>>() {
        node.insert_before(child);
    }
    node.detach();
}

/// Whether a link's text shows where it leads.
fn says_it_all(shown: &str, url: &str) -> bool {
    let bare = |text: &str| {
        let text = text.trim().trim_end_matches('/');
        ["https://", "http://", "mailto:", "tel:"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .unwrap_or(text)
            .to_lowercase()
    };
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    bare(shown) == bare(url) || (url.starts_with("tel:") && digits(shown) == digits(url))
}

/// What is left of braces was escaped in Markdown and is meant as written.
fn restored_braces(text: &str, held: &mut Held) -> String {
    if !text.contains('{') {
        return text.to_owned();
    }
    let brace = held.hold("{{ \"{\" }}");
    text.replace('{', &brace)
}

fn options() -> comrak::Options<'static> {
    let mut options = comrak::Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    // Raw HTML is left out, and links with dangerous schemes too: that is the default, and it is relied upon.
    options.render.r#unsafe = false;
    options
}

/// The plain text of a converted body. A run of letters longer than a line is broken wherever the line ends, and a
/// placeholder may stand within it: then nothing is wrapped, for a broken placeholder would reach people as it is.
fn plain(html: &str, held: &Held) -> String {
    let wrapped = columns(html, COLUMNS);
    let whole = |index| wrapped.matches(&held.word(index)).count() == html.matches(&held.word(index)).count();
    if (0..held.sources.len()).all(whole) { wrapped } else { columns(html, html.len().max(COLUMNS)) }
}

fn columns(html: &str, columns: usize) -> String {
    let rendered =
        html2text::config::plain().allow_width_overflow().no_link_wrapping().string_from_read(html.as_bytes(), columns);
    // It fails only where a column is too narrow, which the overflow permits.
    rendered.unwrap_or_default().trim_end().to_owned()
}

fn unsafe_link(html: &str, held: &Held) -> Option<String> {
    held.sources.iter().enumerate().find_map(|(index, source)| {
        let word = held.word(index);
        let leads = ["href=\"", "src=\""].iter().any(|attribute| html.contains(&format!("{attribute}{word}")));
        let name = source.trim_start_matches(['{', '-', '+', ' ']);
        (leads && !name.starts_with("unsubscribe_url") && !name.starts_with("office.")).then(|| source.clone())
    })
}
