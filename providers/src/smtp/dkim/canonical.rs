//! The `relaxed` forms of a header and a body (RFC 6376, sections 3.4.2 and 3.4.4), and the headers of a mail by name. Pure.

/// Head and body of a mail; the empty line between them belongs to neither.
pub(super) fn split(mail: &[u8]) -> (&[u8], &[u8]) {
    let end = mail.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    end.map_or((mail, &[]), |end| (&mail[..end + 2], &mail[end + 4..]))
}

/// A mail's headers, each with its folded lines.
pub(super) struct Headers<'m>(Vec<&'m [u8]>);

impl<'m> Headers<'m> {
    /// The headers of a head.
    pub(super) fn of(head: &'m [u8]) -> Self {
        let mut all = Vec::new();
        let mut start = 0;
        let mut at = 0;
        for line in head.split_inclusive(|byte| *byte == b'\n') {
            let folded = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
            if !folded && at > start {
                all.push(&head[start..at]);
                start = at;
            }
            at += line.len();
        }
        if at > start {
            all.push(&head[start..at]);
        }
        Self(all)
    }

    /// How many there are of a name.
    pub(super) fn count(&self, name: &str) -> usize {
        self.0.iter().filter(|raw| is_named(raw, name)).count()
    }

    /// Takes the last one of a name: signatures name them from the bottom up (RFC 6376, section 5.4.2).
    pub(super) fn take_last(&mut self, name: &str) -> Option<&'m [u8]> {
        let at = self.0.iter().rposition(|raw| is_named(raw, name))?;
        Some(self.0.remove(at))
    }
}

fn is_named(raw: &[u8], name: &str) -> bool {
    let colon = raw.iter().position(|byte| *byte == b':');
    colon.is_some_and(|colon| raw[..colon].trim_ascii_end().eq_ignore_ascii_case(name.as_bytes()))
}

/// One header in relaxed form, without its line end: the name in lower case, runs of blanks and foldings as one blank, none
/// around the colon or at the end.
pub(super) fn header(raw: &[u8], mut out: impl FnMut(&[u8])) {
    let colon = raw.iter().position(|byte| *byte == b':').unwrap_or(raw.len());
    out(&raw[..colon].trim_ascii_end().to_ascii_lowercase());
    out(b":");
    let value = raw.get(colon + 1..).unwrap_or_default();
    let words = value.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).filter(|word| !word.is_empty());
    for (at, word) in words.enumerate() {
        if at > 0 {
            out(b" ");
        }
        out(word);
    }
}

/// A body in relaxed form: runs of blanks as one, none at the end of a line, no empty lines at the end.
pub(super) fn body(text: &[u8], mut out: impl FnMut(&[u8])) {
    let mut empty = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let end = line.iter().rposition(|byte| !is_blank(*byte)).map_or(0, |last| last + 1);
        let line = &line[..end];
        if line.is_empty() {
            empty += 1;
            continue;
        }
        for _ in 0..std::mem::take(&mut empty) {
            out(b"\r\n");
        }
        relaxed(line, &mut out);
        out(b"\r\n");
    }
}

/// A line without blanks at its end, whole stretches at a time.
fn relaxed(line: &[u8], out: &mut impl FnMut(&[u8])) {
    let mut rest = line;
    while let Some(blank) = rest.iter().position(|byte| is_blank(*byte)) {
        out(&rest[..blank]);
        out(b" ");
        let next = rest[blank..].iter().position(|byte| !is_blank(*byte)).unwrap_or(rest.len() - blank);
        rest = &rest[blank + next..];
    }
    out(rest);
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}
