//! GSM 03.38 (3GPP TS 23.038, section 6.2.1): the default alphabet and its extension table.

/// The default alphabet: a character's place is its code. Place 27 is the escape to the extension table.
const BASIC: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', //
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1b}', 'Æ', 'æ', 'ß', 'É', //
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', //
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', //
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', //
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', //
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', //
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// The extension table: each is sent as the escape and this code.
const EXTENSION: [(char, u8); 10] = [
    ('\u{c}', 0x0A),
    ('^', 0x14),
    ('{', 0x28),
    ('}', 0x29),
    ('\\', 0x2F),
    ('[', 0x3C),
    ('~', 0x3D),
    (']', 0x3E),
    ('|', 0x40),
    ('€', 0x65),
];

const ESCAPE: u8 = 0x1B;

/// A character's code, escaped or not.
enum Code {
    Basic(u8),
    Extended(u8),
}

/// ASCII is looked up in a table: nearly all of every text is ASCII, and texts are measured once a recipient.
const ASCII: [Option<Code>; 128] = {
    let mut table = [const { None }; 128];
    let mut at: u8 = 0;
    while at < 128 {
        table[at as usize] = search(at as char);
        at += 1;
    }
    table
};

const fn search(c: char) -> Option<Code> {
    if c as u32 == ESCAPE as u32 {
        return None;
    }
    let mut at: u8 = 0;
    while at < 128 {
        if BASIC[at as usize] as u32 == c as u32 {
            return Some(Code::Basic(at));
        }
        at += 1;
    }
    let mut at = 0;
    while at < EXTENSION.len() {
        if EXTENSION[at].0 as u32 == c as u32 {
            return Some(Code::Extended(EXTENSION[at].1));
        }
        at += 1;
    }
    None
}

fn code(c: char) -> Option<Code> {
    match ASCII.get(c as usize) {
        Some(Some(Code::Basic(code))) => Some(Code::Basic(*code)),
        Some(Some(Code::Extended(code))) => Some(Code::Extended(*code)),
        Some(None) => None,
        None => search(c),
    }
}

/// Septets that a character takes: 1 or 2; none where the alphabet lacks it.
pub(super) fn width(c: char) -> Option<usize> {
    code(c).map(|code| match code {
        Code::Basic(_) => 1,
        Code::Extended(_) => 2,
    })
}

/// The text in GSM 03.38, one septet a byte (unpacked, as SMPP carries it); none where a character is lacking.
pub fn septets(text: &str) -> Option<Vec<u8>> {
    let mut septets = Vec::with_capacity(text.len());
    for c in text.chars() {
        match code(c)? {
            Code::Basic(code) => septets.push(code),
            Code::Extended(code) => septets.extend([ESCAPE, code]),
        }
    }
    Some(septets)
}

/// What septets say, one an octet. An escape before a code that the extension table lacks shows the basic character
/// (3GPP TS 23.038, section 6.2.1.1); an octet that is no septet is read as Latin-1.
pub fn from_septets(septets: &[u8]) -> String {
    let mut text = String::with_capacity(septets.len());
    let mut escaped = false;
    for octet in septets {
        let extended = EXTENSION.iter().find(|(_, code)| escaped && code == octet).map(|(c, _)| *c);
        let basic = BASIC.get(usize::from(*octet)).copied();
        escaped = !escaped && *octet == ESCAPE;
        if !escaped {
            let c = extended.or(basic).unwrap_or(char::from(*octet));
            text.push(if c == char::from(ESCAPE) { ' ' } else { c });
        }
    }
    text
}
