//! An [`Alert`] into its document: exactly what the OASIS schema wants, the same alert always the same bytes.
//!
//! What enters is an alert; what leaves is its document, in UTF-8 and without a signature. What can go wrong is an alert that no
//! document can say, such as a sender's name with a space in it: what was written is read again, and what does not come back as it
//! was is refused.

use std::fmt::{Display, Write as _};

use super::{Alert, Area, Info, NAMESPACE, Pair, Resource, read};
use crate::{
    document::{Problem, Problems},
    phrase,
};

/// The document of an alert.
pub fn write(alert: &Alert) -> Result<String, Problems> {
    let document = document(alert);
    let name = alert.identifier.as_str();
    if read(name, document.as_bytes())? == *alert {
        return Ok(document);
    }
    let message = phrase!("cảnh báo này không ghi được thành CAP", "this alert cannot be said in CAP");
    let help = phrase!(
        "bỏ dấu cách thừa quanh địa chỉ và ngôn ngữ, và dấu ngoặc kép trong danh sách",
        "remove spaces around addresses and languages, and quotes in lists"
    );
    Err(Problem::of(name, message).help(help).into())
}

fn document(alert: &Alert) -> String {
    let mut writer = Writer { out: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"), depth: 0 };
    writer.open(&format!("alert xmlns=\"{NAMESPACE}\""));
    writer.leaf("identifier", &alert.identifier);
    writer.leaf("sender", &alert.sender);
    writer.leaf("sent", &alert.sent.to_string());
    writer.leaf("status", alert.status.word());
    writer.leaf("msgType", alert.msg_type.word());
    writer.maybe("source", alert.source.as_deref());
    writer.leaf("scope", alert.scope.word());
    writer.maybe("restriction", alert.restriction.as_deref());
    writer.list("addresses", &alert.addresses);
    writer.leaves("code", &alert.codes);
    writer.maybe("note", alert.note.as_deref());
    if !alert.references.is_empty() {
        let triples: Vec<String> = alert.references.iter().map(ToString::to_string).collect();
        writer.leaf("references", &triples.join(" "));
    }
    writer.list("incidents", &alert.incidents);
    for info in &alert.infos {
        writer.info(info);
    }
    writer.close("alert");
    writer.out
}

struct Writer {
    out: String,
    depth: usize,
}

impl Writer {
    fn open(&mut self, tag: &str) {
        self.indent();
        // Writing into a String cannot fail.
        let _ = writeln!(self.out, "<{tag}>");
        self.depth += 1;
    }

    fn close(&mut self, name: &str) {
        self.depth -= 1;
        self.indent();
        let _ = writeln!(self.out, "</{name}>");
    }

    fn indent(&mut self) {
        self.out.extend(std::iter::repeat_n("  ", self.depth));
    }

    fn leaf(&mut self, name: &str, text: &str) {
        self.indent();
        let _ = write!(self.out, "<{name}>");
        escape(&mut self.out, text);
        let _ = writeln!(self.out, "</{name}>");
    }

    fn maybe(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    fn leaves<T: Display>(&mut self, name: &str, all: &[T]) {
        for one in all {
            self.leaf(name, &one.to_string());
        }
    }

    /// Words between spaces, in quotes where they hold some.
    fn list(&mut self, name: &str, words: &[String]) {
        if words.is_empty() {
            return;
        }
        let bare = |word: &str| !word.is_empty() && !word.contains(|c: char| c.is_ascii_whitespace());
        let words: Vec<String> = words.iter().map(|word| if bare(word) { word.clone() } else { format!("\"{word}\"") }).collect();
        self.leaf(name, &words.join(" "));
    }

    fn pairs(&mut self, name: &str, pairs: &[Pair]) {
        for pair in pairs {
            self.open(name);
            self.leaf("valueName", &pair.name);
            self.leaf("value", &pair.value);
            self.close(name);
        }
    }

    fn info(&mut self, info: &Info) {
        self.open("info");
        self.maybe("language", info.language.as_deref());
        for category in &info.categories {
            self.leaf("category", category.word());
        }
        self.leaf("event", &info.event);
        for response in &info.response_types {
            self.leaf("responseType", response.word());
        }
        self.leaf("urgency", info.urgency.word());
        self.leaf("severity", info.severity.word());
        self.leaf("certainty", info.certainty.word());
        self.maybe("audience", info.audience.as_deref());
        self.pairs("eventCode", &info.event_codes);
        for (name, time) in [("effective", info.effective), ("onset", info.onset), ("expires", info.expires)] {
            self.maybe(name, time.map(|time| time.to_string()).as_deref());
        }
        self.maybe("senderName", info.sender_name.as_deref());
        self.maybe("headline", info.headline.as_deref());
        self.maybe("description", info.description.as_deref());
        self.maybe("instruction", info.instruction.as_deref());
        self.maybe("web", info.web.as_deref());
        self.maybe("contact", info.contact.as_deref());
        self.pairs("parameter", &info.parameters);
        for resource in &info.resources {
            self.resource(resource);
        }
        for area in &info.areas {
            self.area(area);
        }
        self.close("info");
    }

    fn resource(&mut self, resource: &Resource) {
        self.open("resource");
        self.leaf("resourceDesc", &resource.description);
        self.leaf("mimeType", &resource.mime_type);
        self.maybe("size", resource.size.map(|size| size.to_string()).as_deref());
        self.maybe("uri", resource.uri.as_deref());
        self.maybe("derefUri", resource.deref_uri.as_deref());
        self.maybe("digest", resource.digest.as_deref());
        self.close("resource");
    }

    fn area(&mut self, area: &Area) {
        self.open("area");
        self.leaf("areaDesc", &area.description);
        self.leaves("polygon", &area.polygons);
        self.leaves("circle", &area.circles);
        self.pairs("geocode", &area.geocodes);
        self.maybe("altitude", area.altitude.map(|feet| feet.to_string()).as_deref());
        self.maybe("ceiling", area.ceiling.map(|feet| feet.to_string()).as_deref());
        self.close("area");
    }
}

/// Text between tags. A carriage return would be read as a line feed.
pub(super) fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sample;
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn what_is_written_is_read_as_it_was(alert in sample::alerts()) {
            let document = write(&alert).unwrap();
            prop_assert_eq!(read("x", document.as_bytes()).unwrap(), alert.clone());
            prop_assert_eq!(write(&alert).unwrap(), document);
        }
    }

    #[test]
    fn an_order_reads_well() {
        let document = write(&sample::order()).unwrap();
        assert!(document.starts_with(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\">\n  <identifier>"
        ));
        assert!(document.contains("\n      <geocode>\n        <valueName>loa:province</valueName>\n"), "{document}");
    }

    #[test]
    fn what_no_document_can_say_is_not_written() {
        let good = sample::order();
        let spoilt: [fn(&mut Alert); 6] = [
            |alert| alert.identifier = "a b".to_string(),
            |alert| alert.sender = String::new(),
            |alert| alert.note = Some("\u{0}".to_string()),
            |alert| alert.addresses = vec!["a \"b".to_string()],
            |alert| alert.infos[0].web = Some(" https://example.vn".to_string()),
            |alert| alert.infos[0].categories.clear(),
        ];
        for spoil in spoilt {
            let mut alert = good.clone();
            spoil(&mut alert);
            assert!(write(&alert).is_err());
        }
    }
}
