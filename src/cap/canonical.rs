//! Canonical XML: the one text that equal trees have.
//!
//! What enters is an element of a tree, what surrounds it, and the method; what leaves is text without comments (the tree has
//! none). Exclusive C14N 1.0 with its list of inclusive prefixes (W3C, 18 July 2002) and inclusive C14N 1.0 (W3C, 15 March 2001).
//! Nothing can go wrong: what these methods treat specially, document types, processing instructions and `xml:` attributes, is
//! refused when the tree is read.

use std::collections::BTreeMap;

use super::xml::{Element, Node};

/// How namespaces are written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Method {
    /// All that are in scope.
    Inclusive,
    /// Those that are used; of these prefixes all that are in scope. The empty prefix is the default namespace.
    Exclusive(Vec<String>),
}

type Scope<'e> = BTreeMap<&'e str, &'e str>;

/// The canonical text of `element`, which lies in `around` (the outermost first), without those of its children that are `left_out`.
pub(super) fn canonical(element: &Element, around: &[&Element], method: &Method, left_out: fn(&Element) -> bool) -> String {
    let mut scope = Scope::new();
    for outer in around {
        declare(&mut scope, outer);
    }
    let mut writer = Writer { out: String::new(), method, scope, written: Scope::new() };
    writer.element(element, true, left_out);
    writer.out
}

/// Declares what an element declares. What comes out is what stood there before.
fn declare<'e>(scope: &mut Scope<'e>, element: &'e Element) -> Vec<(&'e str, Option<&'e str>)> {
    element.declared.iter().map(|(prefix, uri)| (prefix.as_str(), scope.insert(prefix, uri))).collect()
}

/// Puts back what stood there before.
fn restore<'e>(scope: &mut Scope<'e>, before: Vec<(&'e str, Option<&'e str>)>) {
    for (prefix, uri) in before.into_iter().rev() {
        match uri {
            Some(uri) => scope.insert(prefix, uri),
            None => scope.remove(prefix),
        };
    }
}

struct Writer<'e, 'm> {
    out: String,
    method: &'m Method,
    /// What is declared around the place in the tree.
    scope: Scope<'e>,
    /// What is declared around it in the text.
    written: Scope<'e>,
}

impl<'e> Writer<'e, '_> {
    /// `is_apex`: nothing is written around it.
    fn element(&mut self, element: &'e Element, is_apex: bool, left_out: fn(&Element) -> bool) {
        let declared_before = declare(&mut self.scope, element);
        let mut written_before = Vec::new();
        let mut new: Vec<(&str, &str)> = Vec::new();
        for prefix in self.prefixes(element, is_apex) {
            // Where nothing is declared the default namespace is none, which need not be said.
            let uri = self.scope.get(prefix).copied().unwrap_or("");
            if self.written.get(prefix).copied().unwrap_or("") != uri {
                new.push((prefix, uri));
                written_before.push((prefix, self.written.insert(prefix, uri)));
            }
        }
        new.sort_unstable();
        let start = self.out.len();
        self.out.push('<');
        self.name(&element.name.prefix, &element.name.local);
        let end = start + 1..self.out.len();
        for (prefix, uri) in new {
            self.out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            self.out.push_str(prefix);
            self.value(uri);
        }
        let mut attributes: Vec<_> = element.attributes.iter().collect();
        attributes.sort_by_key(|(name, _)| (name.namespace.as_str(), name.local.as_str()));
        for (name, value) in attributes {
            self.out.push(' ');
            self.name(&name.prefix, &name.local);
            self.value(value);
        }
        self.out.push('>');
        for node in &element.children {
            match node {
                Node::Element(child) if left_out(child) => {}
                Node::Element(child) => self.element(child, false, |_| false),
                Node::Text(text) => self.text(text),
            }
        }
        self.out.push_str("</");
        self.out.extend_from_within(end);
        self.out.push('>');
        restore(&mut self.written, written_before);
        restore(&mut self.scope, declared_before);
    }

    /// The prefixes whose meaning must be clear at this element, and may not be yet.
    fn prefixes(&self, element: &'e Element, is_apex: bool) -> Vec<&'e str> {
        match self.method {
            Method::Inclusive if is_apex => self.scope.keys().copied().collect(),
            // The elements around it have said the others.
            Method::Inclusive => element.declared.iter().map(|(prefix, _)| prefix.as_str()).collect(),
            Method::Exclusive(listed) => {
                let own = element.name.prefix.as_str();
                let used = element.attributes.iter().map(|(name, _)| name.prefix.as_str()).filter(|prefix| !prefix.is_empty());
                let listed =
                    listed.iter().filter_map(|prefix| self.scope.get_key_value(prefix.as_str()).map(|(prefix, _)| *prefix));
                used.chain([own]).chain(listed).collect()
            }
        }
    }

    fn name(&mut self, prefix: &str, local: &str) {
        if !prefix.is_empty() {
            self.out.push_str(prefix);
            self.out.push(':');
        }
        self.out.push_str(local);
    }

    fn value(&mut self, value: &str) {
        self.out.push_str("=\"");
        for c in value.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '"' => self.out.push_str("&quot;"),
                '\t' => self.out.push_str("&#x9;"),
                '\n' => self.out.push_str("&#xA;"),
                '\r' => self.out.push_str("&#xD;"),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '\r' => self.out.push_str("&#xD;"),
                c => self.out.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::xml, *};

    fn inclusive(text: &str) -> String {
        canonical(&xml::parse(text).unwrap(), &[], &Method::Inclusive, |_| false)
    }

    fn exclusive(text: &str, listed: &[&str]) -> String {
        let listed = listed.iter().map(ToString::to_string).collect();
        canonical(&xml::parse(text).unwrap(), &[], &Method::Exclusive(listed), |_| false)
    }

    /// After the examples of Canonical XML 1.0, sections 3.3 and 3.4.
    #[test]
    fn start_tags_have_their_attributes_in_order_and_namespaces_first() {
        let text = "<doc>\n <e3   name = \"elem3\"   id=\"elem3\"   />\n <e5 a:attr=\"out\" b:attr=\"sorted\" attr2=\"all\" attr=\"I'm\"\n  \
                    xmlns:b=\"http://www.ietf.org\"\n xmlns:a=\"http://www.w3.org\"\n xmlns=\"http://example.org\"/>\n \
                    <e6 xmlns=\"\" xmlns:a=\"http://www.w3.org\"><e7 xmlns=\"http://www.ietf.org\"><e8 xmlns=\"\" \
                    xmlns:a=\"http://www.w3.org\"><e9 xmlns=\"\" xmlns:a=\"http://www.ietf.org\"/></e8></e7></e6>\n</doc>";
        let want = "<doc>\n <e3 id=\"elem3\" name=\"elem3\"></e3>\n <e5 xmlns=\"http://example.org\" xmlns:a=\"http://www.w3.org\" \
                    xmlns:b=\"http://www.ietf.org\" attr=\"I'm\" attr2=\"all\" b:attr=\"sorted\" a:attr=\"out\"></e5>\n \
                    <e6 xmlns:a=\"http://www.w3.org\"><e7 xmlns=\"http://www.ietf.org\"><e8 xmlns=\"\"><e9 \
                    xmlns:a=\"http://www.ietf.org\"></e9></e8></e7></e6>\n</doc>";
        assert_eq!(inclusive(text), want);
    }

    #[test]
    fn characters_are_written_in_one_way() {
        let text = "<doc>\r\n<text>First line&#x0d;&#10;Second line</text><value>&#x32;</value><compute><![CDATA[value>\"0\" && \
                    value<\"10\"?\"valid\":\"error\"]]></compute><norm attr=' &apos;   &#x20;&#13;&#xa;&#9;   &apos; '/></doc>";
        let want = "<doc>\n<text>First line&#xD;\nSecond line</text><value>2</value><compute>value&gt;\"0\" &amp;&amp; \
                    value&lt;\"10\"?\"valid\":\"error\"</compute><norm attr=\" '    &#xD;&#xA;&#x9;   ' \"></norm></doc>";
        assert_eq!(inclusive(text), want);
        assert_eq!(exclusive(text, &[]), want);
    }

    /// After Exclusive XML Canonicalization 1.0, section 2.2.
    #[test]
    fn the_exclusive_method_leaves_out_what_is_not_used() {
        let text = "<n0:local xmlns:n0=\"foo:bar\" xmlns:n3=\"ftp://example.org\"><n1:elem2 xmlns:n1=\"http://example.net\"><n3:stuff \
                    xmlns:n3=\"ftp://example.org\"/></n1:elem2></n0:local>";
        let root = xml::parse(text).unwrap();
        let inner = root.elements().next().unwrap();
        assert_eq!(
            canonical(inner, &[&root], &Method::Exclusive(Vec::new()), |_| false),
            "<n1:elem2 xmlns:n1=\"http://example.net\"><n3:stuff xmlns:n3=\"ftp://example.org\"></n3:stuff></n1:elem2>"
        );
        assert_eq!(
            canonical(inner, &[&root], &Method::Inclusive, |_| false),
            "<n1:elem2 xmlns:n0=\"foo:bar\" xmlns:n1=\"http://example.net\" xmlns:n3=\"ftp://example.org\"><n3:stuff></n3:stuff></n1:elem2>"
        );
        assert_eq!(
            canonical(inner, &[&root], &Method::Exclusive(vec!["n0".to_string()]), |_| false),
            "<n1:elem2 xmlns:n0=\"foo:bar\" xmlns:n1=\"http://example.net\"><n3:stuff xmlns:n3=\"ftp://example.org\"></n3:stuff></n1:elem2>"
        );
    }

    #[test]
    fn a_default_namespace_is_taken_back_where_it_was_given() {
        assert_eq!(exclusive("<a xmlns='u'><b xmlns=''/></a>", &[]), "<a xmlns=\"u\"><b xmlns=\"\"></b></a>");
        assert_eq!(exclusive("<p:a xmlns='u' xmlns:p='v'><b/></p:a>", &[]), "<p:a xmlns:p=\"v\"><b xmlns=\"u\"></b></p:a>");
        assert_eq!(exclusive("<p:a xmlns='u' xmlns:p='v'><b/></p:a>", &[""]), "<p:a xmlns=\"u\" xmlns:p=\"v\"><b></b></p:a>");
    }

    #[test]
    fn what_is_canonical_stays_as_it_is() {
        for text in ["<a xmlns:p='v' p:x='1' c='&#9;'><p:b>&lt;&#13;</p:b><c/></a>", "<a xmlns='u'><b xmlns=''>x</b></a>"] {
            assert_eq!(exclusive(&exclusive(text, &[]), &[]), exclusive(text, &[]));
            assert_eq!(inclusive(&inclusive(text)), inclusive(text));
        }
    }
}
