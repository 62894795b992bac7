//! XML as plain nested values: `body.Envelope.Body.wsCpMtResponse.return.result`.
//!
//! Namespace prefixes and attributes are left out; an element without children is its text; repeated elements make a
//! list. Document types are refused, depth is bounded, and entities are the five of XML and numeric ones.

use minijinja::{Value, value::Serde};
use quick_xml::{Reader, events::Event};
use serde_json::{Map, Value as Json};

/// Deeper documents are not answers of gateways.
const DEEPEST: usize = 32;

/// The document as a table with its root element in it; none where it is not well-formed.
pub(super) fn read(raw: &str) -> Option<Value> {
    let mut reader = Reader::from_str(raw);
    let mut open: Vec<(String, Map<String, Json>, String)> = vec![(String::new(), Map::new(), String::new())];
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                if open.len() > DEEPEST {
                    return None;
                }
                let name = start.local_name();
                open.push((name.as_ref().to_owned(), Map::new(), String::new()));
            }
            Event::Empty(start) => {
                let name = start.local_name();
                let name = name.as_ref().to_owned();
                insert(&mut open.last_mut()?.1, name, Json::from(""));
            }
            Event::Text(text) => open.last_mut()?.2.push_str(&text.xml10_content()),
            Event::CData(text) => open.last_mut()?.2.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let c = match reference.resolve_char_ref().ok()? {
                    Some(c) => c,
                    None => match reference.as_ref() {
                        "amp" => '&',
                        "lt" => '<',
                        "gt" => '>',
                        "quot" => '"',
                        "apos" => '\'',
                        _ => return None,
                    },
                };
                open.last_mut()?.2.push(c);
            }
            Event::End(_) => {
                let (name, children, text) = open.pop()?;
                let value = if children.is_empty() { Json::from(text.trim()) } else { Json::Object(children) };
                insert(&mut open.last_mut()?.1, name, value);
            }
            Event::DocType(_) => return None,
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
    let (_, root, _) = open.pop()?;
    // One root, and every element closed.
    (open.is_empty() && root.len() == 1).then(|| Value::from(Serde(Json::Object(root))))
}

fn insert(children: &mut Map<String, Json>, name: String, value: Json) {
    match children.get_mut(&name) {
        None => {
            children.insert(name, value);
        }
        Some(Json::Array(list)) => list.push(value),
        Some(first) => *first = Json::Array(vec![first.take(), value]),
    }
}
