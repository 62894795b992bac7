//! Pictures within a mail: which files are, and how wide they are shown.
//!
//! Outlook for Windows shows a picture as wide as it is, whatever the style sheet says, unless its width is said: one that is
//! wider than the page would push the page apart. The width stands at the front of each format; no picture is decoded.

use providers::Attachment;

/// The page's text is so wide, in CSS pixels.
const WIDEST: u32 = 544;

/// Whether mail programs show a file of this kind within a page.
pub(super) fn is_picture(file: &Attachment) -> bool {
    matches!(file.media_type.as_str(), "image/png" | "image/jpeg" | "image/gif")
}

/// How wide a picture is shown; none where its file does not say.
pub(super) fn shown_width(bytes: &[u8]) -> Option<u32> {
    width(bytes).filter(|width| *width > 0).map(|width| width.min(WIDEST))
}

fn width(bytes: &[u8]) -> Option<u32> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        // The first chunk is IHDR, and begins with the width.
        return Some(u32::from_be_bytes(bytes.get(16..20)?.try_into().ok()?));
    }
    if bytes.starts_with(b"GIF8") {
        return Some(u32::from(u16::from_le_bytes(bytes.get(6..8)?.try_into().ok()?)));
    }
    jpeg_width(bytes)
}

/// The width in the frame's header (ITU-T T.81, B.2.2), to which one segment after the other leads.
fn jpeg_width(bytes: &[u8]) -> Option<u32> {
    let mut rest = bytes.strip_prefix(b"\xff\xd8")?;
    loop {
        let [0xff, marker, high, low, ..] = *rest else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        // SOF0 to SOF15, of which three numbers mean something else.
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            return Some(u32::from(u16::from_be_bytes(rest.get(7..9)?.try_into().ok()?)));
        }
        rest = rest.get(2 + length..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_says_how_wide_it_is() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x2c\0\0\0\x01";
        let gif = b"GIF89a\x2c\x01\x01\x00";
        let jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc2\x00\x11\x08\x00\x10\x01\x2c\x03";
        for bytes in [&png[..], gif, jpeg] {
            assert_eq!(shown_width(bytes), Some(300), "{bytes:?}");
            for end in 0..bytes.len() {
                let _ = shown_width(&bytes[..end]);
            }
        }
        assert_eq!(shown_width(b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x10\x10\x00\x03"), Some(WIDEST), "no wider than the page");
        assert_eq!(shown_width(b"<svg>"), None);
    }
}
