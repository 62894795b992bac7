//! Markdown to HTML and to plain text, with every placeholder carried through untouched.
//!
//! Placeholders are exchanged for words that mean nothing to Markdown, HTML or a line breaker, and come back when
//! all conversion is done. So a template is converted once, not once a person, and no value passes through Markdown.

use comrak::{
    Arena, format_html,
    nodes::{Node, NodeValue},
    parse_document,
};

use super::{
    plain,
    template::{Piece, pieces},
};

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

    /// Every word.
    pub(super) fn words(&self) -> impl Iterator<Item = String> {
        (0..self.sources.len()).map(|index| self.word(index))
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

/// Converts a mail's body. `picture` gives the id (RFC 2392) of a picture that goes with the mail, by what Markdown calls it, and
/// how wide it is shown.
pub(super) fn convert(source: &str, picture: impl Fn(&str) -> Option<(String, Option<u32>)>) -> Converted {
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
    let (options, mut shown, mut widths) = (options(), Vec::new(), Vec::new());
    let root = parse_document(&arena, &protected, &options);
    let mut foreign_picture = None;
    for node in root.descendants() {
        let NodeValue::Image(image) = &mut node.data.borrow_mut().value else { continue };
        match picture(&image.url) {
            Some((id, width)) => {
                image.url = format!("cid:{id}");
                if !shown.contains(&id) {
                    widths.extend(width.map(|width| (id.clone(), width)));
                    shown.push(id);
                }
            }
            None => drop(foreign_picture.get_or_insert_with(|| held.restore(&image.url))),
        }
    }
    let mut html = written(root, &options);
    for (id, width) in widths {
        let source = format!("src=\"cid:{id}\"");
        html = html.replace(&source, &format!("{source} width=\"{width}\""));
    }
    for index in 0..held.sources.len() {
        // A choice that stood on lines of its own is not a paragraph.
        if held.sources[index].starts_with("{%") {
            let word = held.word(index);
            html = html.replace(&format!("<p>{word}</p>"), &word);
        }
    }
    html = restored_braces(&html, &mut held);
    let unsafe_link = unsafe_link(&html, &held);
    // Last: it changes the document.
    let text = plain::text(&arena, root, &options, &mut held);
    Converted { html, text: restored_braces(&text, &mut held), held, unsafe_link, foreign_picture, shown }
}

/// A document as HTML.
pub(super) fn written(root: Node<'_>, options: &comrak::Options<'_>) -> String {
    let mut html = String::new();
    // Writing into a String cannot fail.
    let _ = format_html(root, options, &mut html);
    html
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

fn unsafe_link(html: &str, held: &Held) -> Option<String> {
    held.sources.iter().enumerate().find_map(|(index, source)| {
        let word = held.word(index);
        let leads = ["href=\"", "src=\""].iter().any(|attribute| html.contains(&format!("{attribute}{word}")));
        let name = source.trim_start_matches(['{', '-', '+', ' ']);
        (leads && !name.starts_with("unsubscribe_url") && !name.starts_with("office.")).then(|| source.clone())
    })
}
