//! The page around a mail's text: readable on a phone, by a screen reader, in the dark and in print.
//!
//! One column; text of 17 px on lines of 1.6; every pair of colours has a contrast of at least 4.5 : 1 (WCAG 2.2,
//! 1.4.3) in both colour schemes; the language is declared, tables for layout are marked as such, and the first
//! heading is of the first level. No image and no font is loaded from anywhere: nobody learns who opened the mail.

use std::{collections::BTreeMap, fmt::Write as _};

use chrono::Datelike as _;

use super::{
    markdown::Converted,
    template::{Piece, pieces},
};
use crate::campaign::{Campaign, Kind};

const PAGE: &str = include_str!("layout.html");
const STYLE: &str = include_str!("layout.css");

/// A mail's page before any person's fields are in it.
pub(super) struct Page<'a> {
    /// Whose mail.
    pub(super) campaign: &'a Campaign,
    /// `[office]` of loa.toml.
    pub(super) office: &'a BTreeMap<String, String>,
    /// The text's language.
    pub(super) language: &'a str,
    /// The subject's template.
    pub(super) subject: &'a str,
    /// The preheader's, if it has one of its own.
    pub(super) preheader: Option<&'a str>,
    /// The body.
    pub(super) body: &'a Converted,
}

/// The page's own words.
struct Words {
    warning: &'static str,
    awareness: &'static str,
    hotline: &'static str,
    basis: &'static str,
    genuine: &'static str,
    unsubscribe: &'static str,
}

const VIETNAMESE: Words = Words {
    warning: "Cảnh báo khẩn",
    awareness: "Thông tin tuyên truyền",
    hotline: "Điện thoại",
    basis: "Căn cứ",
    genuine: "Thư này không yêu cầu cung cấp mật khẩu, mã OTP hay chuyển tiền.",
    unsubscribe: "Từ chối nhận tin",
};

const ENGLISH: Words = Words {
    warning: "Urgent warning",
    awareness: "Public information",
    hotline: "Telephone",
    basis: "Authorised by",
    genuine: "This e-mail never asks for passwords, one-time codes or payments.",
    unsubscribe: "Unsubscribe",
};

impl Page<'_> {
    /// The HTML template of the whole mail, its CSS inlined.
    pub(super) fn html(&self) -> Result<String, String> {
        let words = self.words();
        let mut held = Slots { page: PAGE.to_owned() };
        let (kind, label) = match self.campaign.kind {
            Kind::Warning => ("warning", words.warning),
            Kind::Awareness => ("awareness", words.awareness),
        };
        held.set("style", STYLE);
        held.set("language", &escaped(self.language));
        held.set("kind", kind);
        held.set("label", label);
        let heading = if self.body.html.contains("<h1") { "" } else { "<h1>LOA:subject</h1>" };
        held.set("heading", heading);
        let inlined = css_inline::CSSInliner::options()
            .load_remote_stylesheets(false)
            .keep_at_rules(true)
            .build()
            .inline(&held.page.replace("LOA:body", &self.body.html))
            .map_err(|error| format!("the mail's layout failed: {error}"))?;
        // From here on nothing is parsed again, so template source can come in.
        let mut page = Slots { page: self.body.held.restore(&inlined) };
        page.set("subject", self.subject);
        let preheader = self.preheader.map_or_else(|| self.body.held.restore(&self.first_sentence()), own_preheader);
        page.set("preheader", &preheader);
        page.set("office", &literal(&escaped(self.sender())));
        page.set("footer", &self.html_footer(words));
        Ok(page.page)
    }

    /// The template of the plain text part.
    pub(super) fn text(&self) -> String {
        let words = self.words();
        let mut text = self.body.held.restore(&self.body.text);
        text.push_str("\n\n-- \n");
        for line in self.lines(words) {
            text.push_str(&literal(&line));
            text.push('\n');
        }
        let _ = write!(text, "{{% if unsubscribe_url %}}{}: {{{{ unsubscribe_url }}}}\n{{% endif %}}", words.unsubscribe);
        text
    }

    fn words(&self) -> &'static Words {
        if self.language.to_ascii_lowercase().starts_with("vi") { &VIETNAMESE } else { &ENGLISH }
    }

    fn sender(&self) -> &str {
        self.office.get("name").map_or(self.campaign.owner.as_str(), String::as_str)
    }

    /// Who sends this, how to reach them, by what authority.
    fn lines(&self, words: &Words) -> Vec<String> {
        let mut lines = vec![self.sender().to_owned()];
        if let Some(hotline) = self.office.get("hotline") {
            lines.push(format!("{}: {hotline}", words.hotline));
        }
        if let Some(basis) = &self.campaign.basis {
            let date = basis.date;
            let mut line = format!("{}: {} ({:02}/{:02}/{})", words.basis, basis.number, date.day(), date.month(), date.year());
            if let Some(authority) = &basis.authority {
                let _ = write!(line, ", {authority}");
            }
            lines.push(line);
        }
        lines.push(words.genuine.to_owned());
        lines
    }

    fn html_footer(&self, words: &Words) -> String {
        let mut footer = String::new();
        for line in self.lines(words) {
            let _ = write!(footer, "{}<br>", literal(&escaped(&line)));
        }
        let _ = write!(
            footer,
            "{{% if unsubscribe_url %}}<a class=\"quiet\" href=\"{{{{ unsubscribe_url }}}}\" \
             style=\"color:inherit;text-decoration:underline;display:inline-block;padding:12px 0\">{}</a>{{% endif %}}",
            words.unsubscribe
        );
        footer
    }

    /// What a list of mails shows beside the subject where nothing else is said: the first paragraph that is no greeting.
    fn first_sentence(&self) -> String {
        let paragraphs = || self.body.text.split("\n\n").map(str::trim).filter(|paragraph| self.is_prose(paragraph));
        let first = paragraphs().find(|paragraph| !paragraph.ends_with(',')).or_else(|| paragraphs().next());
        let first = without_footnotes(first.unwrap_or_default());
        let words = first.split_whitespace();
        let mut line = String::new();
        for word in words {
            if line.chars().count() + word.chars().count() > PREVIEW {
                break;
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        escaped(&line.replace(['*', '`'], ""))
    }

    /// Whether a paragraph of the plain text is neither heading nor list nor footnote, and can be cut anywhere.
    fn is_prose(&self, paragraph: &str) -> bool {
        let begins = paragraph.trim_start_matches('*').starts_with(char::is_alphabetic) && !paragraph.starts_with("* ");
        let underlined = |line: &str| line.len() >= 3 && (line.bytes().all(|b| b == b'=') || line.bytes().all(|b| b == b'-'));
        begins && !paragraph.lines().any(underlined) && !self.body.held.has_statement(paragraph)
    }
}

/// Takes out the numbers of links, such as ` [1]`.
fn without_footnotes(text: &str) -> String {
    let mut pieces = text.split(" [");
    let mut without = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
        match piece[digits..].strip_prefix(']') {
            Some(rest) if digits > 0 => without.push_str(rest),
            _ => {
                without.push_str(" [");
                without.push_str(piece);
            }
        }
    }
    without
}

/// Characters that a list of mails shows beside a subject, at most.
const PREVIEW: usize = 110;

/// A preheader that was written for the purpose. What a list has room for beyond it is filled with what nobody sees, or else
/// the page's first words would follow.
fn own_preheader(written: &str) -> String {
    let mut preheader = String::new();
    for (_, piece) in pieces(written) {
        match piece {
            Piece::Text(text) => preheader.push_str(&escaped(text)),
            Piece::Expression(tag) | Piece::Statement(tag) => preheader.push_str(tag),
            Piece::Comment(_) => {}
        }
    }
    let rest = PREVIEW.saturating_sub(written.chars().count());
    preheader.push_str(&"&zwnj;&nbsp;".repeat(rest));
    preheader
}

/// A page with places to fill, each written `LOA:name`.
struct Slots {
    page: String,
}

impl Slots {
    fn set(&mut self, name: &str, value: &str) {
        self.page = self.page.replace(&format!("LOA:{name}"), value);
    }
}

/// Text for HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text for a template: no brace of it opens a tag.
fn literal(text: &str) -> String {
    text.replace('{', "{{ \"{\" }}")
}
