//! A text reduced to what it says. What enters is a text as a phone shows it or a person retypes it; what leaves is its words
//! without accents, case and punctuation, and its links and numbers as they are: there every character counts. Nothing can go
//! wrong.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// What a piece of a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A word, or a sign that is no punctuation.
    Word,
    /// A link, a host or a mail address.
    Link,
    /// Something with digits: a telephone number, an account, an amount, a day.
    Number,
    /// What each person's text has something of their own for: see [`SLOT`].
    Slot,
}

/// Stands in a text that was sent where each person got something of their own: a name, a place, the end of a link. A character that
/// no text has (Unicode leaves it to private use).
pub const SLOT: char = '\u{e000}';

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is compared by.
    pub folded: String,
    /// As it was written.
    pub shown: String,
    /// What it is.
    pub kind: Kind,
}

/// The pieces of a text, in order.
pub fn fold(text: &str) -> Vec<Token> {
    let text: String = text.nfc().collect();
    let mut tokens = Vec::new();
    for chunk in text.split_whitespace() {
        if is_link(chunk.trim_matches(is_mark)) {
            let whole = chunk.trim_start_matches(is_mark).trim_end_matches(is_closing);
            tokens.push(Token { folded: link(whole), shown: whole.to_string(), kind: Kind::Link });
        } else {
            words(chunk, &mut tokens);
        }
    }
    tokens
}

/// Punctuation, which people retype as they please; signs such as `%`, `+` and `$` are not among it.
const fn is_mark(c: char) -> bool {
    matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | '"' | '\'' | '(' | ')' | '[' | ']' | '{' | '}' | '/' | '\\' | '_' | '*' | '~' | '`' | '|' | '-'
        | '<' | '>' | '«' | '»' | '·' | '\u{2010}'..='\u{2015}' | '\u{2018}'..='\u{201f}' | '\u{2022}' | '\u{2026}' | '\u{2039}' | '\u{203a}'
        | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{fe0e}' | '\u{fe0f}' | '\u{feff}')
}

/// What follows a link in a sentence and is none of it. Not `-`, `_` and `/`: with such an end it leads elsewhere, above all on a host
/// where anybody may choose a name.
const fn is_closing(c: char) -> bool {
    matches!(
        c,
        '.' | ','
            | ';'
            | ':'
            | '!'
            | '?'
            | '"'
            | '\''
            | '('
            | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | '*'
            | '<'
            | '>'
            | '«'
            | '»'
            | '\u{2018}'..='\u{201f}' | '\u{2026}' | '\u{2039}' | '\u{203a}'
    )
}

/// An accent, which people leave out or mistype, or what chooses how a sign is drawn. What strikes letters out is none: it says the
/// opposite.
const fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{304}' | '\u{306}'..='\u{30c}' | '\u{31b}' | '\u{323}' | '\u{327}' | '\u{328}' | '\u{fe00}'..='\u{fe0f}')
}

/// Whether something leads somewhere: it has a scheme, is a mail address, or is written like a host.
fn is_link(text: &str) -> bool {
    if text.contains("://") || text.contains('@') {
        return true;
    }
    // What hides between the letters of a host is part of it: such a link is another one.
    let host = text.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let Some((name, end)) = host.rsplit_once('.') else { return false };
    let letters = end.chars().filter(|c| c.is_alphabetic()).count();
    !name.is_empty() && letters >= 2 && name.chars().any(char::is_alphanumeric)
}

/// A link, letter by letter; only its scheme and host may be written in capitals (RFC 3986, section 6.2.2.1).
fn link(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    // Before an `@` capitals may matter.
    let start_of_host = text[start..end].rfind('@').map_or(start, |at| start + at);
    let scheme = text[..start].to_ascii_lowercase();
    format!("{scheme}{}{}{}", &text[start..start_of_host], text[start_of_host..end].to_ascii_lowercase(), &text[end..])
}

fn words(chunk: &str, tokens: &mut Vec<Token>) {
    let letters: Vec<char> = chunk.chars().collect();
    let mut word = String::new();
    for (at, c) in letters.iter().copied().enumerate() {
        // `1.5` is not `15`, and `24/7` is one thing.
        let digit = |at: Option<usize>| at.and_then(|at| letters.get(at)).is_some_and(char::is_ascii_digit);
        let within = is_mark(c) && digit(at.checked_sub(1)) && digit(Some(at + 1));
        if c.is_alphanumeric() || is_combining_mark(c) || within {
            word.push(c);
            continue;
        }
        finish(&mut word, tokens);
        if !is_mark(c) && !c.is_control() {
            let kind = if c == SLOT { Kind::Slot } else { Kind::Word };
            tokens.push(Token { folded: c.to_string(), shown: c.to_string(), kind });
        }
    }
    finish(&mut word, tokens);
}

fn finish(word: &mut String, tokens: &mut Vec<Token>) {
    if word.is_empty() {
        return;
    }
    let shown = std::mem::take(word);
    let kind = if shown.chars().any(char::is_numeric) { Kind::Number } else { Kind::Word };
    let plain = |c: char| if matches!(c, 'đ' | 'Đ') { 'd' } else { c };
    let lower =
        |text: String| text.chars().filter(|c| !is_accent(*c)).flat_map(char::to_lowercase).map(plain).collect::<String>();
    // A word may be written in wide letters; a number's digits are kept as they are.
    let folded = lower(if kind == Kind::Word { shown.nfkd().collect() } else { shown.nfd().collect() });
    if !folded.is_empty() {
        tokens.push(Token { folded, shown, kind });
    }
}
