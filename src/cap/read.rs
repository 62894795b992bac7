//! A document into an [`Alert`]: exactly what the OASIS schema allows, and the standard's rules on identifiers and shapes.
//!
//! What enters is bytes; what leaves is the alert, or everything that is wrong with the document, in its order, each with line,
//! column and what would be right. A signature is passed over, not believed: see [`super::signature`].

mod sequence;
mod value;

use std::cell::RefCell;

use super::{
    Alert, Area, Category, Certainty, Circle, Info, MsgType, NAMESPACE, Pair, Polygon, Resource, ResponseType, Scope, Severity,
    Status, Urgency,
    xml::{self, Element, Fault},
};
use sequence::{
    ALERT, AREA, INFO, PAIR, RESOURCE, Sequence,
    Times::{Maybe, Once, OnceOrMore},
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

/// Mistakes that are told of: whoever wrote a document full of them starts with the first.
const MOST_FAULTS: usize = 50;

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

#[cfg(test)]
mod tests;
