//! What becomes of single characters: typography, invisible ones, accents.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::gsm;

/// Appends the ASCII form of a quote, dash, ellipsis or bullet; false where it is none of them.
pub(super) fn typography(c: char, out: &mut String) -> bool {
    out.push_str(match c {
        '‘' | '’' | '‚' | '‛' | '′' | '‹' | '›' | 'ʼ' | '´' | '`' => "'",
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' => "\"",
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '•' | '‣' | '▪' | '●' => "-",
        '·' => ".",
        '…' => "...",
        _ => return false,
    });
    true
}

/// Appends a character with its blank made plain; nothing for one that only steers a layout.
pub(super) fn tidied(c: char, out: &mut String) {
    match c {
        // Zero-width blanks, soft hyphen, byte order mark. The joiner U+200D stays: it holds emoji together.
        '\u{200B}' | '\u{2060}' | '\u{FEFF}' | '\u{AD}' | '\r' => {}
        '\u{2028}' | '\u{2029}' | '\u{85}' => out.push('\n'),
        '\t' | '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => out.push(' '),
        c => out.push(c),
    }
}

/// Appends the unaccented form of a character in NFC.
pub(super) fn without_accents(c: char, out: &mut String) {
    if c.is_ascii() && !matches!(c, '\r' | '\t' | '`') {
        out.push(c);
        return;
    }
    if typography(c, out) {
        return;
    }
    // Joiners and marks of direction: they steer scripts that have no plain form, and say nothing in one that has.
    if matches!(c, '\u{200C}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}') {
        return;
    }
    let letter = match c {
        'đ' | '₫' | 'ð' => Some('d'),
        'Đ' | 'Ð' => Some('D'),
        'ł' => Some('l'),
        'Ł' => Some('L'),
        'ı' => Some('i'),
        '×' => Some('x'),
        _ => None,
    };
    if let Some(letter) = letter {
        out.push(letter);
        return;
    }
    let start = out.len();
    // Canonical first: it takes marks off and nothing else. Compatibility only where it ends in GSM: ™ to TM, ½ to 1/2.
    for part in [c].into_iter().nfd().filter(|part| !is_combining_mark(*part)) {
        tidied(part, out);
    }
    if out[start..].chars().all(|part| gsm::width(part).is_some()) {
        return;
    }
    let compatible: String = [c]
        .into_iter()
        .nfkd()
        .filter(|part| !is_combining_mark(*part))
        .map(|part| if part == '\u{2044}' { '/' } else { part })
        .collect();
    if compatible.chars().all(|part| gsm::width(part).is_some()) {
        out.truncate(start);
        out.push_str(&compatible);
    }
}
