//! Every way in which a document is refused, and where.

use super::{
    value::{LONG, SHORT, is_uri},
    *,
};
use crate::cap::{sample, write};

fn order() -> String {
    write(&sample::order()).unwrap()
}

/// What is said about a document: `line:column message (help)` in English.
fn said(document: &str) -> Vec<String> {
    let Err(problems) = read("x.xml", document.as_bytes()) else { return Vec::new() };
    problems.0.iter().map(|p| format!("{}:{} {}", p.line, p.column, p.message.en)).collect()
}

fn with(from: &str, to: &str) -> Vec<String> {
    let document = order();
    assert!(document.contains(from), "{from}");
    said(&document.replacen(from, to, 1))
}

const INFO_END: &str = "\n    <area>";

#[test]
fn an_order_is_read() {
    assert_eq!(read("x.xml", order().as_bytes()).unwrap(), sample::order());
}

#[test]
fn the_order_of_the_schema_is_kept() {
    assert_eq!(with("<status>Actual</status>\n", ""), ["2:1 `alert` lacks `status`"]);
    let swapped =
        with("  <status>Actual</status>\n  <msgType>Alert</msgType>", "  <msgType>Alert</msgType>\n  <status>Actual</status>");
    assert_eq!(swapped, ["7:3 `status` stands after `msgType`"]);
    assert_eq!(with("<scope>", "<scope>Public</scope><scope>"), ["8:24 `scope` is repeated in `alert`"]);
    assert_eq!(
        with("<scope>Restricted</scope>", "<scoop>Public</scoop>"),
        ["2:1 `alert` lacks `scope`", "8:3 `scoop` is not known in `alert`"]
    );
    assert_eq!(with("<scope>", "<x:y xmlns:x='u'/><scope>"), ["8:3 `y` is not known in `alert`"]);
    assert_eq!(with("<scope>", "text<scope>"), ["2:1 text stands between the elements of `alert`"]);
    assert_eq!(with("<scope>Restricted", "<scope><b/>Restricted"), ["8:3 `scope` holds only text"]);
    assert_eq!(with("<scope>", "<scope id='1'>"), ["8:3 `scope` has an attribute `id`"]);
    let hinted = "<alert xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:schemaLocation='a b'";
    assert_eq!(with("<alert", hinted), [""; 0]);
}

#[test]
fn every_mistake_is_told_at_once() {
    let document = order().replace("Actual", "actual").replace("Moderate", "Bad").replace("+07:00<", "Z<");
    assert_eq!(
        said(&document),
        [
            "5:3 `sent` is no time: `2026-11-22T08:30:00Z`",
            "6:3 `status` has no value `actual`",
            "19:5 `severity` has no value `Bad`",
            "21:5 `expires` is no time: `2026-11-30T23:59:59Z`",
        ]
    );
    let problems = read("x.xml", document.as_bytes()).unwrap_err();
    assert_eq!(problems.0[1].help.as_ref().unwrap().en, "did you mean `Actual`?");
    assert!(problems.0[0].help.as_ref().unwrap().vi.contains("không bằng `Z`"));
}

#[test]
fn the_namespace_is_that_of_this_version() {
    let of = |namespace: &str| with(NAMESPACE, namespace);
    assert_eq!(of("urn:oasis:names:tc:emergency:cap:1.1"), ["2:1 the document is CAP 1.1, not CAP 1.2"]);
    assert_eq!(of("http://www.incident.com/cap/1.0"), ["2:1 the document is CAP 1.0, not CAP 1.2"]);
    assert_eq!(of("urn:x"), ["2:1 the document is urn:x, not CAP 1.2"]);
    assert_eq!(said("<alert/>"), ["1:1 `alert` has no namespace"]);
    assert_eq!(said("<rss/>"), ["1:1 the root element is `rss`, not `alert`"]);
    let prefixed = order().replace("xmlns=", "xmlns:cap=").replace("</", "</cap:").replace("\n<alert", "\n<cap:alert");
    let prefixed = regex_free_prefix(&prefixed);
    assert_eq!(read("x", prefixed.as_bytes()).unwrap(), sample::order());
}

/// `<name` becomes `<cap:name`.
fn regex_free_prefix(document: &str) -> String {
    let mut out = String::new();
    for (index, part) in document.split('<').enumerate() {
        if index > 0 {
            out.push('<');
            if part.starts_with(|c: char| c.is_ascii_alphabetic()) && !part.starts_with("cap:") {
                out.push_str("cap:");
            }
        }
        out.push_str(part);
    }
    out
}

#[test]
fn names_have_no_spaces_commas_or_markup() {
    for name in ["", "a b", "a,b", "a&lt;b", "a&amp;b", "a\u{a0}b", " a"] {
        let told = with("<sender>so-vhttdl.example.vn", &format!("<sender>{name}"));
        assert_eq!(told, ["4:3 `sender` is empty or has a space, a comma, `<` or `&`"], "{name}");
    }
}

#[test]
fn references_are_triples() {
    let of = |text: &str| with("<info>", &format!("<references>{text}</references><info>"));
    assert_eq!(of("a,b,2026-11-22T08:30:00+07:00\n  c,d,2026-11-22T08:30:00-00:00"), [""; 0]);
    for wrong in ["a,b", "a,b,2026-11-22T08:30:00Z", "a,,2026-11-22T08:30:00+07:00", "a,b,2026-11-22T08:30:00+07:00,c"] {
        assert_eq!(of(wrong), [format!("12:3 `references` has `{wrong}`")], "{wrong}");
    }
}

#[test]
fn lists_have_words_and_quoted_words() {
    let of = |text: &str| {
        let document = order().replace("<addresses>viettel", &format!("<addresses>{text}"));
        read("x", document.as_bytes()).map(|alert| alert.addresses).map_err(|p| p.0[0].message.en.clone())
    };
    assert_eq!(of("a  \"b c\" d"), Ok(["a", "b c", "d"].map(str::to_string).to_vec()));
    assert_eq!(of("a\"b"), Ok(vec!["a\"b".to_string()]));
    assert_eq!(of("\"\""), Ok(vec![String::new()]));
    assert_eq!(of("a \"b"), Err("a quote in `addresses` is never closed".to_string()));
}

#[test]
fn shapes_and_numbers_are_held_against_their_rules() {
    let of = |text: &str| with("<geocode>", &format!("{text}<geocode>"));
    assert_eq!(of("<polygon>1,2 3,4 5,6 1,2</polygon><circle>1,2 3</circle>"), [""; 0]);
    assert_eq!(of("<polygon>1,2 3,4 5,6 7,8</polygon>"), ["35:7 `polygon` does not close"]);
    assert_eq!(of("<polygon>106.69,10.77 3,4 5,6 106.69,10.77</polygon>"), ["35:7 `polygon` has a point that is not on Earth"]);
    assert_eq!(of("<circle>1,2</circle>"), ["35:7 `circle` is wrong"]);
    let altitude = with("</geocode>", "</geocode><altitude>1e3</altitude>");
    assert_eq!(altitude, ["38:17 `altitude` is no number: `1e3`"]);
    let resource = |text: &str| with(INFO_END, &format!("<resource><resourceDesc/><mimeType/>{text}</resource>{INFO_END}"));
    assert_eq!(resource("<size>20480</size><uri>a.png</uri>"), [""; 0]);
    assert_eq!(resource("<size>-1</size>")[0].split_once(' ').unwrap().1, "`size` is no number of bytes: `-1`");
    assert_eq!(resource("<uri>a b</uri>")[0].split_once(' ').unwrap().1, "`uri` is no address: `a b`");
    assert_eq!(with("vi-VN", "tiếng Việt"), ["13:5 `language` has no value `tiếng Việt`"]);
}

#[test]
fn texts_have_a_length() {
    let long = "x".repeat(SHORT + 1);
    assert_eq!(with(">viettel", &format!(">{}", "x".repeat(LONG + 1))), ["10:3 `addresses` is too long: 65537 characters"]);
    assert_eq!(with("SO VHTTDL<", &format!("{long}<")), [""; 0], "a value may be long");
    assert_eq!(with("so-vhttdl.example.vn", &long), ["4:3 `sender` is too long: 2001 characters"]);
}

#[test]
fn a_signature_stands_last_and_is_passed_over() {
    let signature = "<Signature xmlns='http://www.w3.org/2000/09/xmldsig#'><x/></Signature>";
    assert_eq!(with("</alert>", &format!("{signature}</alert>")), [""; 0]);
    assert_eq!(with("<info>", &format!("{signature}<info>")), ["12:73 `info` stands after the signature"]);
}

#[test]
fn addresses_are_plain() {
    for good in ["https://example.vn/a?b=c&d#e", "a/b:c", "", "mailto:a@example.vn", "https://é.vn/%C3%A9", "?a:b"] {
        assert!(is_uri(good), "{good}");
    }
    for bad in ["a b", "a%2", "a%zz", "1:b", "a#b#c", "http://[::1]/", "a\"b", "<a>", "é:b"] {
        assert!(!is_uri(bad), "{bad}");
    }
}

#[test]
fn what_is_not_xml_says_where() {
    assert_eq!(said("<!DOCTYPE alert>\n<alert/>"), ["1:1 a DOCTYPE is refused"]);
    let told = read("x", b"<a>\n\xff").unwrap_err();
    assert_eq!((told.0[0].line, told.0[0].message.en.as_str()), (2, "the document is not UTF-8"));
    let large = vec![b'x'; crate::cap::MAX_BYTES + 1];
    assert_eq!(read("x", &large).unwrap_err().0[0].message.en, "the document is too large: 1048577 bytes");
}

#[test]
fn a_document_full_of_mistakes_is_told_of_the_first_ones() {
    let document = format!("<alert xmlns='{NAMESPACE}'>{}</alert>", "<x/>".repeat(19_000));
    assert_eq!(said(&document).len(), MOST_FAULTS);
}
