//! Markdown to HTML and to plain text, with every placeholder carried through untouched.
//!
//! Placeholders are exchanged for words that mean nothing to Markdown, HTML or a line breaker, and come back when
//! all conversion is done. So a template is converted once, not once a person, and no value passes through Markdown.

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

/// Converts a mail's body.
pub(super) fn convert(source: &str) -> Converted {
    let mut held = Held::avoiding(source);
    let mut protected = String::with_capacity(source.len());
    for (_, piece) in pieces(source) {
        match piece {
            Piece::Text(text) => protected.push_str(text),
            Piece::Expression(tag) | Piece::Statement(tag) => protected.push_str(&held.hold(tag)),
            Piece::Comment(_) => {}
        }
    }
    let mut html = comrak::markdown_to_html(&protected, &options());
    for index in 0..held.sources.len() {
        // A choice that stood on lines of its own is not a paragraph.
        if held.sources[index].starts_with("{%") {
            let word = held.word(index);
            html = html.replace(&format!("<p>{word}</p>"), &word);
        }
    }
    if html.contains('{') {
        // What is left of braces was escaped in Markdown and is meant as written.
        let brace = held.hold("{{ \"{\" }}");
        html = html.replace('{', &brace);
    }
    let text = plain(&html, &held);
    let unsafe_link = unsafe_link(&html, &held);
    Converted { html, text, held, unsafe_link }
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
    let rendered = html2text::config::plain()
        .allow_width_overflow()
        .no_link_wrapping()
        .link_footnotes(true)
        .string_from_read(html.as_bytes(), columns);
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
