//! The plain text of a mail: made for reading, not for a converter.
//!
//! Links are numbered and stand at its end, unless what is shown says it all (`156` for `tel:156`); headings are underlined; a
//! picture is its description; lines are short enough for any mail program. What enters is a document whose placeholders are
//! words; what leaves is text with the same words, none of them broken.

use std::fmt::Write as _;

use comrak::{
    Arena, Options,
    html::dangerous_url,
    nodes::{AstNode, Node, NodeValue},
};

use super::markdown::{Held, written};

/// Columns of the plain text: what a mail program shows without wrapping again (RFC 3676 advises under 79).
const COLUMNS: usize = 76;

/// An address as short as this is never broken.
const SHORT: usize = 20;

/// The text of a document, which is changed on the way.
pub(super) fn text<'a>(arena: &'a Arena<'a>, root: Node<'a>, options: &Options<'_>, held: &mut Held) -> String {
    let links = for_reading(arena, root, held);
    let mut text = wrapped(&written(root, options), held);
    for (number, link) in (1..).zip(&links) {
        // Writing into a String cannot fail.
        let _ = write!(text, "{}[{number}] {link}", if number == 1 { "\n\n" } else { "\n" });
    }
    text
}

/// Turns a document into one that reads well without any markup; what its links lead to is returned, by their numbers.
fn for_reading<'a>(arena: &'a Arena<'a>, root: Node<'a>, held: &mut Held) -> Vec<String> {
    let mut links: Vec<String> = Vec::new();
    let node = |value: NodeValue| -> Node<'a> { arena.alloc(AstNode::from(value)) };
    let nodes: Vec<Node<'a>> = root.descendants().collect();
    for at in nodes {
        let value = at.data.borrow().value.clone();
        match value {
            NodeValue::Link(link) => {
                let shown = at.collect_text();
                let says_it_all = says_it_all(&shown, &link.url);
                if says_it_all && shown.len() > SHORT && !shown.contains('{') && !held.words().any(|word| shown.contains(&word)) {
                    // Behind a word of its own no line ends within it: half an address leads nowhere.
                    for child in at.children().collect::<Vec<_>>() {
                        child.detach();
                    }
                    at.append(node(NodeValue::Text(held.hold(&shown).into())));
                }
                if !says_it_all && !dangerous_url(&link.url) {
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
fn unwrapped(node: Node<'_>) {
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

/// HTML as text. A run of letters longer than a line is broken wherever the line ends, and a placeholder may stand within it:
/// then nothing is wrapped, for a broken placeholder would reach people as it is.
fn wrapped(html: &str, held: &Held) -> String {
    let wrapped = columns(html, COLUMNS);
    let whole = |word: &String| wrapped.matches(word).count() == html.matches(word).count();
    let text = if held.words().all(|word| whole(&word)) { wrapped } else { columns(html, html.len().max(COLUMNS)) };
    with_lists_apart(&text)
}

/// An empty line before a list that follows a paragraph at once.
fn with_lists_apart(text: &str) -> String {
    let is_item = |line: &str| {
        let line = line.trim_start();
        line.starts_with("* ") || line.split_once(". ").is_some_and(|(number, _)| number.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut apart = String::with_capacity(text.len() + 16);
    let mut before = "";
    let mut in_list = false;
    for line in text.lines() {
        // A line of prose may begin with any other number.
        let begins = line.starts_with("* ") || line.starts_with("1. ");
        if begins && !in_list && !before.trim().is_empty() {
            apart.push('\n');
        }
        // What is indented, or empty, goes on with the list.
        in_list = begins || (in_list && is_item(line)) || (in_list && (line.is_empty() || line.starts_with(' ')));
        apart.push_str(line);
        apart.push('\n');
        before = line;
    }
    apart.trim_end().to_owned()
}

fn columns(html: &str, columns: usize) -> String {
    let rendered =
        html2text::config::plain().allow_width_overflow().no_link_wrapping().string_from_read(html.as_bytes(), columns);
    // It fails only where a column is too narrow, which the overflow permits.
    rendered.unwrap_or_default().trim_end().to_owned()
}
