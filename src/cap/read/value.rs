//! What stands in one element: texts, words, times, names, lists, addresses, numbers, shapes. What enters is the element; what
//! leaves is the value. What can go wrong is said where it is, with what would be right.

use super::{
    super::{
        Reference, Time,
        geometry::{self, Flaw},
        xml::Element,
    },
    Found, Read, Said,
};
use crate::{document::suggestion, phrase};

/// Characters of what names something.
pub(super) const SHORT: usize = 2_000;
/// Characters of what is said at length.
pub(super) const LONG: usize = 64 * 1_024;
/// Characters of a border.
pub(super) const SHAPE: usize = 256 * 1_024;

impl Found {
    /// The text of an element of at most this many characters.
    pub(super) fn text<'e>(&self, element: &'e Element, most: usize) -> Read<&'e str> {
        self.attributes(element);
        let name = element.name.local.as_str();
        let Some(text) = element.text() else {
            self.add(
                element,
                phrase!("`{name}` chỉ gồm chữ", "`{name}` holds only text"),
                phrase!("viết `&lt;` thay cho `<` trong chữ", "write `&lt;` for `<` in text"),
            );
            return Err(Said);
        };
        let length = text.chars().count();
        if length > most {
            self.add(
                element,
                phrase!("`{name}` quá dài: {length} ký tự", "`{name}` is too long: {length} characters"),
                phrase!("nhiều nhất {most} ký tự", "{most} characters at most"),
            );
            return Err(Said);
        }
        Ok(text)
    }

    /// One of an enum's words.
    pub(super) fn word<T: Copy>(&self, element: &Element, all: &[T], word: fn(T) -> &'static str) -> Read<T> {
        let text = self.text(element, SHORT)?;
        if let Some(found) = all.iter().copied().find(|one| word(*one) == text) {
            return Ok(found);
        }
        let name = element.name.local.as_str();
        let text = shortened(text);
        let help = suggestion(&text, all.iter().map(|one| word(*one)));
        self.add(element, phrase!("`{name}` không có giá trị `{text}`", "`{name}` has no value `{text}`"), help);
        Err(Said)
    }

    pub(super) fn time(&self, element: &Element) -> Read<Time> {
        // XML Schema's dates may stand between spaces.
        let text = self.text(element, SHORT)?.trim_matches(|c: char| c.is_ascii_whitespace());
        let time = Time::parse(text);
        if time.is_none() {
            let (name, text) = (element.name.local.as_str(), shortened(text));
            self.add(
                element,
                phrase!("`{name}` có thời điểm sai: `{text}`", "`{name}` is no time: `{text}`"),
                phrase!(
                    "viết như `2026-11-22T08:30:00+07:00`; giờ UTC kết thúc bằng `-00:00`, không bằng `Z`",
                    "write `2026-11-22T08:30:00+07:00`; UTC ends with `-00:00`, never with `Z`"
                ),
            );
        }
        time.ok_or(Said)
    }

    /// What names a message or a sender.
    pub(super) fn identifier(&self, element: &Element) -> Read<String> {
        let text = self.text(element, SHORT)?;
        if is_identifier(text) {
            return Ok(text.to_string());
        }
        let name = element.name.local.as_str();
        self.add(
            element,
            phrase!(
                "`{name}` trống, hoặc có dấu cách, dấu phẩy, `<` hay `&`",
                "`{name}` is empty or has a space, a comma, `<` or `&`"
            ),
            phrase!("dùng chữ, số, `-`, `.`, `_`, `:`, `@`, `/`", "use letters, digits, `-`, `.`, `_`, `:`, `@`, `/`"),
        );
        Err(Said)
    }

    pub(super) fn short(&self, element: &Element) -> Read<String> {
        self.text(element, SHORT).map(str::to_string)
    }

    pub(super) fn long(&self, element: &Element) -> Read<String> {
        self.text(element, LONG).map(str::to_string)
    }

    /// Words between spaces; those that hold spaces stand in quotes.
    pub(super) fn list(&self, element: &Element) -> Read<Vec<String>> {
        let (mut words, mut rest) = (Vec::new(), self.text(element, LONG)?.trim_ascii_start());
        while !rest.is_empty() {
            let (word, after) = match rest.strip_prefix('"') {
                Some(quoted) => {
                    let Some((word, after)) = quoted.split_once('"') else {
                        let name = element.name.local.as_str();
                        self.add(
                            element,
                            phrase!("`{name}` có dấu ngoặc kép không đóng", "a quote in `{name}` is never closed"),
                            phrase!("thêm `\"`", "add `\"`"),
                        );
                        return Err(Said);
                    };
                    (word, after)
                }
                None => rest.split_at(rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len())),
            };
            words.push(word.to_string());
            rest = after.trim_ascii_start();
        }
        Ok(words)
    }

    pub(super) fn references(&self, element: &Element) -> Read<Vec<Reference>> {
        let one = |triple: &str| {
            let mut parts = triple.split(',');
            let (sender, identifier, sent) = (parts.next()?, parts.next()?, Time::parse(parts.next()?)?);
            let whole = parts.next().is_none() && is_identifier(sender) && is_identifier(identifier);
            whole.then(|| Reference { sender: sender.to_string(), identifier: identifier.to_string(), sent })
        };
        let text = self.text(element, LONG)?;
        let mut references = Vec::new();
        for triple in text.split_ascii_whitespace() {
            let Some(reference) = one(triple) else {
                let triple = shortened(triple);
                self.add(
                    element,
                    phrase!("`references` có `{triple}`", "`references` has `{triple}`"),
                    phrase!(
                        "viết `sender,identifier,sent`, như `so-vhttdl.example.vn,loa-1,2026-11-22T08:30:00+07:00`, cách nhau bằng dấu cách",
                        "write `sender,identifier,sent`, such as `so-vhttdl.example.vn,loa-1,2026-11-22T08:30:00+07:00`, with spaces between them"
                    ),
                );
                return Err(Said);
            };
            references.push(reference);
        }
        Ok(references)
    }

    pub(super) fn language(&self, element: &Element) -> Read<String> {
        let text = self.text(element, SHORT)?.trim_ascii();
        let part = |index: usize, part: &str| {
            let letters = |b: u8| b.is_ascii_alphabetic() || (index > 0 && b.is_ascii_digit());
            (1..=8).contains(&part.len()) && part.bytes().all(letters)
        };
        if text.split('-').enumerate().all(|(index, one)| part(index, one)) {
            return Ok(text.to_string());
        }
        let text = shortened(text);
        self.add(
            element,
            phrase!("`language` không có giá trị `{text}`", "`language` has no value `{text}`"),
            phrase!("viết như `vi-VN`, `en-US`", "write `vi-VN` or `en-US`"),
        );
        Err(Said)
    }

    pub(super) fn uri(&self, element: &Element) -> Read<String> {
        let text = self.text(element, SHORT)?.trim_ascii();
        if is_uri(text) {
            return Ok(text.to_string());
        }
        let name = element.name.local.as_str();
        let text = shortened(text);
        self.add(
            element,
            phrase!("`{name}` không phải địa chỉ: `{text}`", "`{name}` is no address: `{text}`"),
            phrase!(
                "viết như `https://example.vn/canh-bao`, không có dấu cách",
                "write `https://example.vn/canh-bao`, without spaces"
            ),
        );
        Err(Said)
    }

    pub(super) fn size(&self, element: &Element) -> Read<u64> {
        let text = self.text(element, SHORT)?.trim_ascii();
        let digits = text.strip_prefix('+').unwrap_or(text);
        let size = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
        if size.is_none() {
            let text = shortened(text);
            self.add(
                element,
                phrase!("`size` không phải số byte: `{text}`", "`size` is no number of bytes: `{text}`"),
                phrase!("viết số nguyên, như `20480`", "write a whole number such as `20480`"),
            );
        }
        size.ok_or(Said)
    }

    pub(super) fn decimal(&self, element: &Element) -> Read<f64> {
        let text = self.text(element, SHORT)?.trim_ascii();
        let number = geometry::decimal(text);
        if number.is_none() {
            let (name, text) = (element.name.local.as_str(), shortened(text));
            self.add(
                element,
                phrase!("`{name}` không phải số: `{text}`", "`{name}` is no number: `{text}`"),
                phrase!("viết như `12.5`", "write `12.5`"),
            );
        }
        number.ok_or(Said)
    }

    pub(super) fn shape<T>(&self, element: &Element, parse: fn(&str) -> Result<T, Flaw>) -> Read<T> {
        let flaw = match parse(self.text(element, SHAPE)?) {
            Ok(shape) => return Ok(shape),
            Err(flaw) => flaw,
        };
        let name = element.name.local.as_str();
        let (message, help) = match flaw {
            Flaw::Syntax if name == "circle" => (
                phrase!("`circle` sai", "`circle` is wrong"),
                phrase!(
                    "viết `vĩ độ,kinh độ bán kính`, như `10.77,106.69 2.5` (km)",
                    "write `latitude,longitude radius`, such as `10.77,106.69 2.5` (km)"
                ),
            ),
            Flaw::Syntax => (
                phrase!("`{name}` sai", "`{name}` is wrong"),
                phrase!(
                    "viết các cặp `vĩ độ,kinh độ` cách nhau bằng dấu cách, như `10.77,106.69`",
                    "write pairs `latitude,longitude` with spaces between them, such as `10.77,106.69`"
                ),
            ),
            Flaw::NotOnEarth => (
                phrase!("`{name}` có điểm không nằm trên Trái Đất", "`{name}` has a point that is not on Earth"),
                phrase!(
                    "vĩ độ từ -90 đến 90, kinh độ từ -180 đến 180, vĩ độ viết trước",
                    "latitude from -90 to 90 comes first, then longitude from -180 to 180"
                ),
            ),
            Flaw::TooFew => (
                phrase!("`{name}` có ít hơn bốn điểm", "`{name}` has fewer than four points"),
                phrase!(
                    "ít nhất ba điểm, và điểm đầu lặp lại ở cuối",
                    "three points at least, and the first one again at the end"
                ),
            ),
            Flaw::Open => (
                phrase!("`{name}` không khép kín", "`{name}` does not close"),
                phrase!("lặp lại điểm đầu ở cuối", "repeat the first point at the end"),
            ),
        };
        self.add(element, message, help);
        Err(Said)
    }
}

/// What an error quotes of a text.
fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST { text.to_string() } else { text.chars().take(MOST).chain(['…']).collect() }
}

/// What may name a message or a sender (CAP 1.2, section 3.2.1).
fn is_identifier(text: &str) -> bool {
    !text.is_empty() && !text.contains([',', '<', '&']) && !text.chars().any(char::is_whitespace)
}

/// What may stand in XML Schema's `anyURI`, as far as its judges agree on it.
pub(super) fn is_uri(text: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>\"{}|\\^`".contains(c);
    let escapes = text
        .match_indices('%')
        .all(|(at, _)| text.as_bytes().get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)));
    let brackets = text.contains(['[', ']']);
    let scheme = text.split_once(':').is_none_or(|(scheme, _)| {
        // A colon after a slash is no scheme's.
        scheme.contains(['/', '?', '#'])
            || (scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)))
    });
    text.chars().all(plain) && escapes && !brackets && scheme && text.matches('#').count() <= 1
}
