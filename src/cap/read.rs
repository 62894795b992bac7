//! A document into an [`Alert`]: exactly what the OASIS schema allows, and the standard's rules on identifiers and shapes.
//!
//! What enters is bytes; what leaves is the alert, or everything that is wrong with the document, in its order, each with line,
//! column and what would be right. A signature is passed over, not believed: see [`super::signature`].

use std::cell::RefCell;

use super::{
    Alert, Area, Category, Certainty, Circle, Info, MsgType, NAMESPACE, Pair, Polygon, Reference, Resource, ResponseType, Scope,
    Severity, Status, Time, Urgency,
    geometry::{self, Flaw},
    xml::{self, Element, Fault, is_blank},
};
use crate::{
    document::{Problems, suggestion},
    phrase,
    words::Phrase,
};

/// The namespace of signatures.
pub(super) const SIGNATURES: &str = "http://www.w3.org/2000/09/xmldsig#";
/// The namespace of hints where a schema lies: the one kind of attribute that stands in documents of others.
const INSTANCES: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Characters of what names something.
const SHORT: usize = 2_000;
/// Characters of what is said at length.
const LONG: usize = 64 * 1_024;
/// Characters of a border.
const SHAPE: usize = 256 * 1_024;

/// Mistakes that are told of: whoever wrote a document full of them starts with the first.
const MOST_FAULTS: usize = 50;

/// How often an element stands in its parent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Times {
    Once,
    Maybe,
    Any,
    OnceOrMore,
}

use Times::{Any, Maybe, Once, OnceOrMore};

type Sequence = &'static [(&'static str, Times)];

const ALERT: Sequence = &[
    ("identifier", Once),
    ("sender", Once),
    ("sent", Once),
    ("status", Once),
    ("msgType", Once),
    ("source", Maybe),
    ("scope", Once),
    ("restriction", Maybe),
    ("addresses", Maybe),
    ("code", Any),
    ("note", Maybe),
    ("references", Maybe),
    ("incidents", Maybe),
    ("info", Any),
];

const INFO: Sequence = &[
    ("language", Maybe),
    ("category", OnceOrMore),
    ("event", Once),
    ("responseType", Any),
    ("urgency", Once),
    ("severity", Once),
    ("certainty", Once),
    ("audience", Maybe),
    ("eventCode", Any),
    ("effective", Maybe),
    ("onset", Maybe),
    ("expires", Maybe),
    ("senderName", Maybe),
    ("headline", Maybe),
    ("description", Maybe),
    ("instruction", Maybe),
    ("web", Maybe),
    ("contact", Maybe),
    ("parameter", Any),
    ("resource", Any),
    ("area", Any),
];

const RESOURCE: Sequence =
    &[("resourceDesc", Once), ("mimeType", Once), ("size", Maybe), ("uri", Maybe), ("derefUri", Maybe), ("digest", Maybe)];

const AREA: Sequence =
    &[("areaDesc", Once), ("polygon", Any), ("circle", Any), ("geocode", Any), ("altitude", Maybe), ("ceiling", Maybe)];

const PAIR: Sequence = &[("valueName", Once), ("value", Once)];

/// Reads a document. `file` is what it is called in what is said about it.
pub fn read(file: &str, document: &[u8]) -> Result<Alert, Problems> {
    let text = xml::decode(document).map_err(|fault| {
        let readable = String::from_utf8_lossy(&document[..fault.at.start.min(document.len())]);
        xml::problems(file, &readable, vec![fault])
    })?;
    let root = xml::parse(text).map_err(|fault| xml::problems(file, text, vec![fault]))?;
    tree(&root).map_err(|faults| xml::problems(file, text, faults))
}

/// Reads a tree.
pub(super) fn tree(root: &Element) -> Result<Alert, Vec<Fault>> {
    let found = Found::default();
    let alert = if found.root(root) { found.alert(root) } else { Err(Said) };
    let mut faults = found.0.into_inner();
    match alert {
        Ok(alert) if faults.is_empty() => Ok(alert),
        _ => {
            faults.sort_by_key(|fault| fault.at.start);
            Err(faults)
        }
    }
}

/// A part cannot be read, and why has been said.
struct Said;

type Read<T> = Result<T, Said>;

/// What is wrong so far.
#[derive(Default)]
struct Found(RefCell<Vec<Fault>>);

/// An element whose children were held against the schema.
struct Part<'f, 'e> {
    found: &'f Found,
    element: &'e Element,
}

impl Found {
    fn add(&self, element: &Element, message: Phrase, help: Phrase) {
        if !self.is_full() {
            self.0.borrow_mut().push(Fault::new(element.at.clone(), message, help));
        }
    }

    fn is_full(&self) -> bool {
        self.0.borrow().len() >= MOST_FAULTS
    }

    fn root(&self, root: &Element) -> bool {
        let (name, namespace) = (root.name.local.as_str(), root.name.namespace.as_str());
        let help = phrase!("bắt đầu bằng `<alert xmlns=\"{NAMESPACE}\">`", "begin with `<alert xmlns=\"{NAMESPACE}\">`");
        if name != "alert" {
            self.add(
                root,
                phrase!("phần tử gốc là `{name}`, không phải `alert`", "the root element is `{name}`, not `alert`"),
                help,
            );
            return false;
        }
        let version = match namespace {
            NAMESPACE => return true,
            "urn:oasis:names:tc:emergency:cap:1.1" => "CAP 1.1",
            "http://www.incident.com/cap/1.0" => "CAP 1.0",
            "" => {
                self.add(root, phrase!("`alert` thiếu không gian tên", "`alert` has no namespace"), help);
                return false;
            }
            other => other,
        };
        let message = phrase!("văn bản theo {version}, không phải CAP 1.2", "the document is {version}, not CAP 1.2");
        self.add(root, message, help);
        false
    }

    /// Holds an element's children against the schema, and says all that is wrong with their names, order and number.
    fn part<'f, 'e>(&'f self, element: &'e Element, sequence: Sequence) -> Part<'f, 'e> {
        self.attributes(element);
        let parent = element.name.local.as_str();
        if element.is_mixed() {
            self.add(
                element,
                phrase!("có chữ nằm giữa các phần tử của `{parent}`", "text stands between the elements of `{parent}`"),
                phrase!("mọi nội dung nằm trong phần tử con", "everything stands in an element"),
            );
        }
        let mut furthest = 0;
        let mut signed = false;
        let mut seen: Vec<usize> = Vec::new();
        for child in element.elements() {
            if self.is_full() {
                break;
            }
            if child.name.is(SIGNATURES, "Signature") && parent == "alert" {
                signed = true;
                continue;
            }
            let name = child.name.local.as_str();
            let index = sequence.iter().position(|(known, _)| *known == name && child.name.namespace == NAMESPACE);
            let Some(index) = index else {
                let help = if child.name.namespace == NAMESPACE {
                    suggestion(name, sequence.iter().map(|(known, _)| *known))
                } else {
                    phrase!("chỉ nhận phần tử của CAP 1.2", "only elements of CAP 1.2 are taken")
                };
                self.add(child, phrase!("không biết `{name}` trong `{parent}`", "`{name}` is not known in `{parent}`"), help);
                continue;
            };
            if signed {
                self.add(
                    child,
                    phrase!("`{name}` đứng sau chữ ký", "`{name}` stands after the signature"),
                    phrase!("chữ ký đứng cuối cùng", "the signature comes last"),
                );
            } else if index < furthest {
                let (later, _) = sequence[furthest];
                self.add(
                    child,
                    phrase!("`{name}` đứng sau `{later}`", "`{name}` stands after `{later}`"),
                    phrase!("đặt `{name}` trước `{later}`", "put `{name}` before `{later}`"),
                );
            }
            furthest = furthest.max(index);
            if seen.contains(&index) && matches!(sequence[index].1, Once | Maybe) {
                self.add(
                    child,
                    phrase!("`{name}` lặp lại trong `{parent}`", "`{name}` is repeated in `{parent}`"),
                    phrase!("giữ một", "keep one"),
                );
            }
            if !seen.contains(&index) {
                seen.push(index);
            }
        }
        for (index, (name, times)) in sequence.iter().enumerate() {
            if matches!(times, Once | OnceOrMore) && !seen.contains(&index) {
                let before = sequence[index + 1..].iter().enumerate().find(|(n, _)| seen.contains(&(index + 1 + n)));
                let help = match before {
                    Some((_, (next, _))) => phrase!("thêm `{name}` trước `{next}`", "add `{name}` before `{next}`"),
                    None => phrase!("thêm `{name}`", "add `{name}`"),
                };
                self.add(element, phrase!("`{parent}` thiếu `{name}`", "`{parent}` lacks `{name}`"), help);
            }
        }
        Part { found: self, element }
    }

    fn attributes(&self, element: &Element) {
        for (name, _) in &element.attributes {
            if name.namespace == INSTANCES && matches!(name.local.as_str(), "schemaLocation" | "noNamespaceSchemaLocation") {
                continue;
            }
            let (name, element_name) = (&name.local, &element.name.local);
            self.add(
                element,
                phrase!("`{element_name}` có thuộc tính `{name}`", "`{element_name}` has an attribute `{name}`"),
                phrase!("CAP không có thuộc tính: xóa đi", "CAP has no attributes: remove it"),
            );
        }
    }

    /// The text of an element of at most this many characters.
    fn text<'e>(&self, element: &'e Element, most: usize) -> Read<&'e str> {
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
    fn word<T: Copy>(&self, element: &Element, all: &[T], word: fn(T) -> &'static str) -> Read<T> {
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

    fn time(&self, element: &Element) -> Read<Time> {
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
    fn identifier(&self, element: &Element) -> Read<String> {
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

    fn alert(&self, element: &Element) -> Read<Alert> {
        let part = self.part(element, ALERT);
        let identifier = part.one("identifier", Self::identifier);
        let sender = part.one("sender", Self::identifier);
        let sent = part.one("sent", Self::time);
        let status = part.one("status", |found, e| found.word(e, Status::ALL, Status::word));
        let msg_type = part.one("msgType", |found, e| found.word(e, MsgType::ALL, MsgType::word));
        let source = part.short("source");
        let scope = part.one("scope", |found, e| found.word(e, Scope::ALL, Scope::word));
        let restriction = part.short("restriction");
        let addresses = part.optional("addresses", Self::list);
        let codes = part.many("code", Self::short);
        let note = part.optional("note", Self::long);
        let references = part.optional("references", Self::references);
        let incidents = part.optional("incidents", Self::list);
        let infos = part.many("info", Self::info);
        Ok(Alert {
            identifier: identifier?,
            sender: sender?,
            sent: sent?,
            status: status?,
            msg_type: msg_type?,
            source: source?,
            scope: scope?,
            restriction: restriction?,
            addresses: addresses?.unwrap_or_default(),
            codes: codes?,
            note: note?,
            references: references?.unwrap_or_default(),
            incidents: incidents?.unwrap_or_default(),
            infos: infos?,
        })
    }

    fn info(&self, element: &Element) -> Read<Info> {
        let part = self.part(element, INFO);
        let language = part.optional("language", Self::language);
        let categories = part.many("category", |found, e| found.word(e, Category::ALL, Category::word));
        let event = part.one("event", Self::short);
        let response_types = part.many("responseType", |found, e| found.word(e, ResponseType::ALL, ResponseType::word));
        let urgency = part.one("urgency", |found, e| found.word(e, Urgency::ALL, Urgency::word));
        let severity = part.one("severity", |found, e| found.word(e, Severity::ALL, Severity::word));
        let certainty = part.one("certainty", |found, e| found.word(e, Certainty::ALL, Certainty::word));
        let audience = part.optional("audience", Self::long);
        let event_codes = part.many("eventCode", Self::pair);
        let effective = part.optional("effective", Self::time);
        let onset = part.optional("onset", Self::time);
        let expires = part.optional("expires", Self::time);
        let sender_name = part.short("senderName");
        let headline = part.short("headline");
        let description = part.optional("description", Self::long);
        let instruction = part.optional("instruction", Self::long);
        let web = part.optional("web", Self::uri);
        let contact = part.optional("contact", Self::long);
        let parameters = part.many("parameter", Self::pair);
        let resources = part.many("resource", Self::resource);
        let areas = part.many("area", Self::area);
        Ok(Info {
            language: language?,
            categories: categories?,
            event: event?,
            response_types: response_types?,
            urgency: urgency?,
            severity: severity?,
            certainty: certainty?,
            audience: audience?,
            event_codes: event_codes?,
            effective: effective?,
            onset: onset?,
            expires: expires?,
            sender_name: sender_name?,
            headline: headline?,
            description: description?,
            instruction: instruction?,
            web: web?,
            contact: contact?,
            parameters: parameters?,
            resources: resources?,
            areas: areas?,
        })
    }

    fn resource(&self, element: &Element) -> Read<Resource> {
        let part = self.part(element, RESOURCE);
        let description = part.one("resourceDesc", Self::long);
        let mime_type = part.one("mimeType", Self::short);
        let size = part.optional("size", Self::size);
        let uri = part.optional("uri", Self::uri);
        // The document's own size bounds it.
        let deref_uri = part.optional("derefUri", |found, e| found.text(e, usize::MAX).map(str::to_string));
        let digest = part.short("digest");
        Ok(Resource {
            description: description?,
            mime_type: mime_type?,
            size: size?,
            uri: uri?,
            deref_uri: deref_uri?,
            digest: digest?,
        })
    }

    fn area(&self, element: &Element) -> Read<Area> {
        let part = self.part(element, AREA);
        let description = part.one("areaDesc", Self::long);
        let polygons = part.many("polygon", |found, e| found.shape(e, Polygon::parse));
        let circles = part.many("circle", |found, e| found.shape(e, Circle::parse));
        let geocodes = part.many("geocode", Self::pair);
        let altitude = part.optional("altitude", Self::decimal);
        let ceiling = part.optional("ceiling", Self::decimal);
        Ok(Area {
            description: description?,
            polygons: polygons?,
            circles: circles?,
            geocodes: geocodes?,
            altitude: altitude?,
            ceiling: ceiling?,
        })
    }

    fn pair(&self, element: &Element) -> Read<Pair> {
        let part = self.part(element, PAIR);
        let (name, value) = (part.one("valueName", Self::short), part.one("value", Self::long));
        Ok(Pair { name: name?, value: value? })
    }

    fn short(&self, element: &Element) -> Read<String> {
        self.text(element, SHORT).map(str::to_string)
    }

    fn long(&self, element: &Element) -> Read<String> {
        self.text(element, LONG).map(str::to_string)
    }

    /// Words between spaces; those that hold spaces stand in quotes.
    fn list(&self, element: &Element) -> Read<Vec<String>> {
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

    fn references(&self, element: &Element) -> Read<Vec<Reference>> {
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

    fn language(&self, element: &Element) -> Read<String> {
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

    fn uri(&self, element: &Element) -> Read<String> {
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

    fn size(&self, element: &Element) -> Read<u64> {
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

    fn decimal(&self, element: &Element) -> Read<f64> {
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

    fn shape<T>(&self, element: &Element, parse: fn(&str) -> Result<T, Flaw>) -> Read<T> {
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

impl<'e> Part<'_, 'e> {
    fn all(&self, name: &'static str) -> impl Iterator<Item = &'e Element> {
        self.element.elements().filter(move |child| child.name.is(NAMESPACE, name))
    }

    /// What must stand in it. That it is missing has been said.
    fn one<T>(&self, name: &'static str, read: impl Fn(&Found, &'e Element) -> Read<T>) -> Read<T> {
        self.all(name).next().ok_or(Said).and_then(|element| read(self.found, element))
    }

    fn optional<T>(&self, name: &'static str, read: impl Fn(&Found, &'e Element) -> Read<T>) -> Read<Option<T>> {
        self.all(name).next().map(|element| read(self.found, element)).transpose()
    }

    fn short(&self, name: &'static str) -> Read<Option<String>> {
        self.optional(name, Found::short)
    }

    /// All of that name; every one that is wrong is told of.
    fn many<T>(&self, name: &'static str, read: impl Fn(&Found, &'e Element) -> Read<T>) -> Read<Vec<T>> {
        let read: Vec<Read<T>> = self.all(name).map(|element| read(self.found, element)).collect();
        read.into_iter().collect()
    }
}

/// What an error quotes of a text.
fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST { text.to_string() } else { text.chars().take(MOST).chain(['…']).collect() }
}

/// What may name a message or a sender (CAP 1.2, section 3.2.1).
fn is_identifier(text: &str) -> bool {
    !text.is_empty() && !text.contains([',', '<', '&']) && !text.chars().any(char::is_whitespace) && !is_blank(text)
}

/// What may stand in XML Schema's `anyURI`, as far as its judges agree on it.
fn is_uri(text: &str) -> bool {
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

#[cfg(test)]
mod tests;
