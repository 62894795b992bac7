//! What is read, and what is refused.

use super::*;

fn wrong(text: &str) -> String {
    parse(text).map(|_| ()).unwrap_err().message.en
}

#[test]
fn texts_are_joined_and_comments_left_out() {
    let root = parse("<a>one<!-- two -->&amp;<![CDATA[<three>]]>\r\n&#13;</a>").unwrap();
    assert_eq!(root.text(), Some("one&<three>\n\r"));
}

#[test]
fn values_are_normalised() {
    let root = parse("<a b='1\r\n2\t3&#9;&quot;'/>").unwrap();
    assert_eq!(root.attribute("b"), Some("1 2 3\t\""));
}

#[test]
fn namespaces_reach_inward_until_they_are_declared_anew() {
    let root = parse("<a xmlns='u' xmlns:p='v'><p:b c='' p:d=''/><e xmlns=''/></a>").unwrap();
    let names: Vec<_> = root.elements().map(|e| (e.name.namespace.as_str(), e.name.local.as_str())).collect();
    assert_eq!(names, [("v", "b"), ("", "e")]);
    let first = root.elements().next().unwrap();
    let attributes: Vec<_> = first.attributes.iter().map(|(n, _)| n.namespace.as_str()).collect();
    assert_eq!(attributes, ["", "v"]);
}

#[test]
fn what_is_no_xml_or_has_no_business_here_is_refused() {
    for (text, said) in [
        ("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "a DOCTYPE is refused"),
        ("<a>&nbsp;</a>", "the entity `&nbsp;` is refused"),
        ("<a b='&e;'/>", "the entity `&e;` is refused"),
        ("<a>&#0;</a>", "the entity `&#0;` is refused"),
        ("<a>&#xD800;</a>", "the entity `&#xD800;` is refused"),
        ("<a>&#+9;</a>", "the entity `&#+9;` is refused"),
        ("<?xml-stylesheet href='x'?><a/>", "a processing instruction `<?…?>` is refused"),
        ("<a>\u{1}</a>", "the character U+0001 may not stand in XML"),
        ("<a>\u{ffff}</a>", "the character U+FFFF may not stand in XML"),
        ("<a/><a/>", "the document has two root elements"),
        ("<a/>x", "there is text outside the root element"),
        ("&amp;<a/>", "there is text outside the root element"),
        ("<![CDATA[x]]><a/>", "there is text outside the root element"),
        ("<a>]]></a>", "`]]>` may not stand in text"),
        ("<a b='<'/>", "`<` may not stand in an attribute"),
        ("<a xml:lang='vi'/>", "`xml:lang` is refused"),
        ("<a xmlns:p=''/>", "the prefix `p` may not be declared like this"),
        ("<a xmlns:xml='u'/>", "the prefix `xml` may not be declared like this"),
        ("<p:a/>", "the prefix `p` is not declared"),
        ("<a p:b='1'/>", "the prefix `p` is not declared"),
        ("<1a/>", "the name `1a` is wrong"),
        ("<a:b:c xmlns:a='u'/>", "the name `a:b:c` is wrong"),
        ("<a xmlns:p='u' xmlns:q='u' p:b='' q:b=''/>", "the attribute `q:b` is repeated"),
        ("<a>", "the element `a` is never closed"),
        ("", "the document has no element"),
        (" <?xml version='1.0'?><a/>", "the XML declaration stands first, its version is 1.0 and its encoding UTF-8"),
        ("<?xml version='1.1'?><a/>", "the XML declaration stands first, its version is 1.0 and its encoding UTF-8"),
        (
            "<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
            "the XML declaration stands first, its version is 1.0 and its encoding UTF-8",
        ),
    ] {
        assert_eq!(wrong(text), said, "{text}");
    }
    for text in ["<a b='1' b='2'/>", "<a></b>", "<a><!-- -- --></a>", "<a b=1/>", "<a b/>", "<a", "</a>", "<a>&</a>"] {
        assert!(parse(text).is_err(), "{text}");
    }
    parse("<?xml version=\"1.0\" encoding=\"utf-8\" standalone='yes'?>\n<!-- x --><a/>\n<!-- y -->\n").unwrap();
}

#[test]
fn what_it_takes_is_bounded() {
    let deep = "<a>".repeat(1_000);
    assert_eq!(wrong(&deep), "too many elements, or too deeply nested");
    let many = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
    assert_eq!(wrong(&many), "too many elements, or too deeply nested");
    let attributes = (0..1_000).map(|n| format!("a{n}=''")).collect::<Vec<_>>().join(" ");
    assert_eq!(wrong(&format!("<a {attributes}/>")), "too many attributes");
    let large = vec![b' '; MAX_BYTES + 1];
    assert_eq!(decode(&large).unwrap_err().message.en, "the document is too large: 1048577 bytes");
    assert_eq!(decode(b"<a>\xff</a>").unwrap_err().at, 3..3);
    assert_eq!(decode(b"\xef\xbb\xbf<a/>").unwrap(), "<a/>");
}
