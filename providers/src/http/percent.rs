//! Percent-encoding: values into queries, forms and paths, and fields of queries and forms back into text.

use std::fmt::Write as _;

/// Percent-encodes all but RFC 3986's unreserved characters: for queries and forms.
pub(crate) fn encode(value: &str, out: &mut String) {
    encode_but(b"-._~", value, out);
}

/// Percent-encodes all but what a segment of a path may hold (RFC 3986, `pchar`).
pub(super) fn encode_path(value: &str, out: &mut String) {
    encode_but(b"-._~!$&'()*+,;=:@", value, out);
}

fn encode_but(kept: &[u8], value: &str, out: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}"); // writing to a String cannot fail
        }
    }
}

/// Decodes `application/x-www-form-urlencoded` text; what is no UTF-8 is replaced.
pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| after.get(..2)).flatten().filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        let escaped = escaped.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(value) = escaped {
            bytes.push(value);
            rest = &after[2..];
        } else {
            bytes.push(if byte == b'+' { b' ' } else { byte });
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
