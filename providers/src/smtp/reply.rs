//! What a mail server says: RFC 5321's three digits and RFC 3463's enhanced code.

/// A whole reply, of one line or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// The three digits.
    pub(super) code: u16,
    /// Class, subject and detail, such as 5.1.1.
    pub(super) enhanced: Option<(u16, u16, u16)>,
    text: String,
    hung_up: bool,
}

impl Reply {
    /// Takes a whole reply off the front of `bytes`; none while its end has not come; an error where it is none.
    pub(super) fn take(bytes: &mut Vec<u8>) -> Result<Option<Self>, String> {
        let mut text = String::new();
        let mut start = 0;
        let mut first = None;
        while let Some(length) = bytes[start..].iter().position(|byte| *byte == b'\n') {
            let line = bytes[start..start + length].trim_ascii_end();
            start += length + 1;
            let code = code(line).ok_or_else(|| "the server does not speak SMTP".to_owned())?;
            if *first.get_or_insert(code) != code {
                return Err("the server's reply changes its code half-way".into());
            }
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&String::from_utf8_lossy(line.get(4..).unwrap_or_default()));
            if line.get(3) != Some(&b'-') {
                bytes.drain(..start);
                return Ok(Some(Self { code, enhanced: enhanced(&text, code), text, hung_up: false }));
            }
        }
        Ok(None)
    }

    /// The reply's lines without their codes.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines()
    }

    /// Code and words for a log: addresses masked, at most 200 characters.
    pub(super) fn words(&self) -> String {
        scrubbed(&format!("{} {}", self.code, self.text))
    }

    /// Whether its words hold one of these, which are in lower case.
    pub(super) fn says(&self, words: &[&str]) -> bool {
        let text = self.text.to_lowercase();
        words.iter().any(|word| text.contains(word))
    }

    /// The same refusal on a connection that cannot go on.
    pub(super) fn hung_up(self) -> Self {
        Self { hung_up: true, ..self }
    }

    /// Whether the connection ends with this reply: the server said so (421), or it is out of step.
    pub(super) const fn ends_connection(&self) -> bool {
        self.hung_up || self.code == 421
    }
}

fn code(line: &[u8]) -> Option<u16> {
    let digits = line.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    if !matches!(line.get(3), None | Some(b' ' | b'-')) {
        return None;
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    (200..600).contains(&code).then_some(code)
}

fn enhanced(text: &str, code: u16) -> Option<(u16, u16, u16)> {
    let word = text.split_ascii_whitespace().next()?;
    let mut numbers = word.split('.').map(|number| number.parse().ok());
    let triple = (numbers.next()??, numbers.next()??, numbers.next()??);
    // Its class must repeat the code's own (RFC 2034, section 4): else it is a version or an IP address.
    (numbers.next().is_none() && triple.0 == code / 100).then_some(triple)
}

/// A server's words without what they may repeat of a person: every word with an `@` is masked.
pub(crate) fn scrubbed(words: &str) -> String {
    let masked = words
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .map(|word| if word.contains('@') { mask_in(word) } else { word.to_owned() });
    masked.collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

fn mask_in(word: &str) -> String {
    let edge = |c: char| "<>()[]{}\"',;:".contains(c);
    let bare = word.trim_matches(edge);
    // A word such as <a@b>:<c@d> has no single address inside: nothing of it is kept.
    if bare.contains(edge) || bare.matches('@').count() != 1 { "***@***".into() } else { word.replace(bare, &crate::mask(bare)) }
}
