//! Documents of the Common Alerting Protocol before judges that are not ours: xmllint with the OASIS schema, xmlsec1, and what
//! others' packages carry as samples. What Loa writes and signs they accept; what xmlsec1 signs Loa accepts, whichever canonical form
//! it takes; and of what others write Loa reads what is right, and says of the rest what is wrong.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use loa::cap::{
    self, Alert, Area, Category, Certainty, Circle, Info, MsgType, Pair, Point, Polygon, Resource, ResponseType, Scope, Severity,
    Status, Time, Urgency, feed,
    signature::{SignatureError, sign, verify},
};

use crate::helpers::{
    judges::{is_signed, judge, keep_to_the_schema},
    peer,
    signers::{SIGNER, SIGNER_KEY, certificate, key},
};

/// 22 November 2026.
const NOW: i64 = 1_795_310_000_000;

/// Texts that are hard to write and to digest.
const TEXTS: [&str; 9] = [
    "",
    " ",
    "Không cung cấp mã OTP cho bất kỳ ai",
    "<b>&amp; ]]> \"'",
    "một\nhai\r\nba\rbốn\tnăm  ",
    "\u{85}\u{2028}\u{a0}\u{feff}\u{200b}",
    "𠮷🛑\u{fffd}\u{10ffff}",
    "&#38;#38; &lt;!-- --> <?x?> <![CDATA[x]]>",
    "e\u{301}\u{323} Ã\u{303}",
];

/// An alert that says everything that there is to say, the `n`th word of every enum and the `n`th text everywhere.
fn alert(n: usize) -> Alert {
    fn nth<T: Copy>(all: &[T], n: usize) -> T {
        all[n % all.len()]
    }
    let text = |offset: usize| TEXTS[(n + offset) % TEXTS.len()].to_string();
    let some = |offset: usize| (!(n + offset).is_multiple_of(4)).then(|| text(offset));
    let time =
        |day: usize| Time::parse(&format!("2026-11-{:02}T23:59:59{}", 1 + day, ["+07:00", "-00:00", "-13:45"][n % 3])).unwrap();
    let point = |d: u32| Point { latitude: 10.770_000_1 - f64::from(d), longitude: 106.69 + f64::from(d) / 3.0 };
    let mut info =
        Info::new(nth(Category::ALL, n), text(0), (nth(Urgency::ALL, n), nth(Severity::ALL, n), nth(Certainty::ALL, n)));
    info.language = n.is_multiple_of(2).then(|| ["vi-VN", "en", "zh-Hant-TW"][n % 3].to_string());
    info.categories = Category::ALL.iter().copied().take(1 + n % 12).collect();
    info.response_types = ResponseType::ALL.iter().copied().take(n % 10).collect();
    info.audience = some(1);
    info.event_codes = vec![Pair::new(text(1), text(2)); n % 3];
    (info.effective, info.onset, info.expires) = (some(0).map(|_| time(1)), some(1).map(|_| time(2)), some(2).map(|_| time(3)));
    (info.sender_name, info.headline, info.description, info.instruction) = (some(2), some(3), some(4), some(5));
    info.web = some(0).map(|_| "https://example.vn/cảnh-báo?a=%20&b='c'#d".to_string());
    info.contact = some(6);
    info.parameters = vec![Pair::new("loa:smsText", text(3)); n % 4];
    info.resources = vec![
        Resource {
            description: text(4),
            mime_type: "application/pdf".to_string(),
            size: some(0).map(|_| u64::MAX),
            uri: some(1).map(|_| "a/b.pdf".to_string()),
            deref_uri: some(2).map(|_| "YWJj".to_string()),
            digest: some(7),
        };
        n % 3
    ];
    info.areas = vec![
        Area {
            description: text(5),
            polygons: vec![Polygon::new(vec![point(0), point(1), point(2), point(0)]).unwrap(); n % 3],
            circles: vec![Circle { centre: point(3), radius: 0.000_001 }; n % 2],
            geocodes: vec![Pair::new("loa:ward", text(6)); n % 3],
            altitude: some(3).map(|_| -12.5),
            ceiling: some(3).map(|_| 1e21),
        };
        n % 3
    ];
    let mut alert = Alert {
        identifier: format!("loa-{n}-\"'>;#é"),
        sender: "so-vhttdl.example.vn".to_string(),
        sent: time(0),
        status: nth(Status::ALL, n),
        msg_type: nth(MsgType::ALL, n),
        source: some(3),
        scope: nth(Scope::ALL, n),
        restriction: some(4),
        addresses: ["a", "b c", ""].iter().take(n % 4).map(ToString::to_string).collect(),
        codes: vec![text(7); n % 3],
        note: some(5),
        references: Vec::new(),
        incidents: vec!["x y".to_string(); n % 2],
        infos: vec![info; n % 3],
    };
    alert.references = vec![alert.reference(); n % 3];
    alert
}

fn written(folder: &Path, name: &str, document: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, document).unwrap();
    path
}

#[test]
fn every_document_keeps_to_the_schema_and_its_signature_holds() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for n in 0..60 {
        let alert = alert(n);
        let document = cap::write(&alert).unwrap();
        assert_eq!(cap::read("x", document.as_bytes()).unwrap(), alert);
        let signed = sign(&document, &key("signer"), &certificate("signer")).unwrap();
        assert_eq!(verify(signed.as_bytes(), &[certificate("signer")], NOW).unwrap().alert, alert);
        files.push(written(folder.path(), &format!("{n}.xml"), &document));
        files.push(written(folder.path(), &format!("{n}-signed.xml"), &signed));
    }
    let (valid, said) = keep_to_the_schema(&files);
    assert!(valid, "{said}");
    for file in files.iter().skip(1).step_by(6) {
        assert!(is_signed(file, SIGNER), "{}", file.display());
    }
}

#[test]
fn what_the_schema_refuses_is_refused_here_too() {
    let folder = tempfile::tempdir().unwrap();
    let good = cap::write(&alert(26)).unwrap();
    let (valid, said) = keep_to_the_schema(&[written(folder.path(), "good.xml", &good)]);
    assert!(valid, "{said}");
    // Each line taken out, doubled, and put below the next one.
    let lines: Vec<&str> = good.lines().collect();
    let mut spoilt: Vec<(PathBuf, String)> = Vec::new();
    for at in 2..lines.len() - 1 {
        let mut without = lines.clone();
        without.remove(at);
        let mut twice = lines.clone();
        twice.insert(at, lines[at]);
        let mut swapped = lines.clone();
        swapped.swap(at, at + 1);
        for (kind, lines) in [("without", without), ("twice", twice), ("swapped", swapped)] {
            let document = lines.join("\n");
            spoilt.push((written(folder.path(), &format!("{at}-{kind}.xml"), &document), document));
        }
    }
    let files: Vec<PathBuf> = spoilt.iter().map(|(file, _)| file.clone()).collect();
    let (_, said) = keep_to_the_schema(&files);
    let mut seen = 0;
    for (file, document) in &spoilt {
        let file = file.display();
        let valid = said.contains(&format!("{file} validates"));
        // Here a document that is not XML, for a tag is missing, is neither.
        let read = cap::read("x", document.as_bytes()).map(|_| ()).map_err(|problems| problems.to_string());
        assert_eq!(read.is_ok(), valid, "{file}: {read:?}");
        seen += usize::from(!valid);
    }
    assert!(seen > 50, "{seen}");
}

/// A signature for xmlsec1 to fill in.
fn template(prefix: &str, method: &str, transforms: &str) -> String {
    let (p, xmlns) =
        if prefix.is_empty() { (String::new(), "xmlns".to_string()) } else { (format!("{prefix}:"), format!("xmlns:{prefix}")) };
    format!(
        "<{p}Signature {xmlns}=\"http://www.w3.org/2000/09/xmldsig#\">\n  <{p}SignedInfo>\n    {}\n    \
         <{p}SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/>\n    <{p}Reference URI=\"\">\n      \
         <{p}Transforms><{p}Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>{}</{p}Transforms>\n      \
         <{p}DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\n      <{p}DigestValue></{p}DigestValue>\n    \
         </{p}Reference>\n  </{p}SignedInfo>\n  <{p}SignatureValue/>\n  <{p}KeyInfo><{p}X509Data/></{p}KeyInfo>\n</{p}Signature>",
        method.replace("<C", &format!("<{p}C")).replace("</C", &format!("</{p}C")),
        transforms.replace("<T", &format!("<{p}T")).replace("</T", &format!("</{p}T")),
    )
}

#[test]
fn what_another_signs_holds_here_whatever_its_canonical_form() {
    const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
    const INCLUSIVE: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
    let listed = |prefixes: &str| {
        format!(
            "<Transform Algorithm=\"{EXCLUSIVE}\"><ec:InclusiveNamespaces xmlns:ec=\"{EXCLUSIVE}\" PrefixList=\"{prefixes}\"/></Transform>"
        )
    };
    let transforms = [
        String::new(),
        format!("<Transform Algorithm=\"{EXCLUSIVE}\"/>"),
        format!("<Transform Algorithm=\"{INCLUSIVE}\"/>"),
        listed("x xsi"),
        listed("#default"),
    ];
    let methods = [EXCLUSIVE, INCLUSIVE].map(|method| format!("<CanonicalizationMethod Algorithm=\"{method}\"/>"));
    let plain = cap::write(&alert(41)).unwrap();
    let prefixed = plain
        .replace("<alert xmlns=", "<cap:alert xmlns:cap=")
        .replace("</", "</cap:")
        .split('<')
        .map(|part| {
            if part.starts_with(|c: char| c.is_ascii_lowercase()) && !part.starts_with("cap:") {
                format!("cap:{part}")
            } else {
                part.to_string()
            }
        })
        .collect::<Vec<_>>()
        .join("<");
    let odd = plain
        .replace("<alert ", "<!-- before --><alert\r\n  xmlns:x=\"urn:x\" xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:schemaLocation = 'a\tb&#9;c&lt;&quot;\n d'  ")
        .replace("<status>", "<!-- within --><status  >")
        .replace("<note>", "<note><![CDATA[<&>]]>&#13;&#xA;")
        .replace("<msgType>", "<msgType xmlns:y=\"urn:y\">");
    let folder = tempfile::tempdir().unwrap();
    let mut held = 0;
    for (document, of) in [(&plain, "plain"), (&prefixed, "prefixed"), (&odd, "odd")] {
        let want = cap::read("x", document.as_bytes()).unwrap();
        for (transform, method, prefix) in
            transforms.iter().flat_map(|t| methods.iter().flat_map(move |m| ["", "ds"].map(move |p| (t, m, p))))
        {
            let end = document.rfind("</").unwrap();
            let unsigned = format!("{}{}{}", &document[..end], template(prefix, method, transform), &document[end..]);
            let file = written(folder.path(), "template.xml", &unsigned);
            let signed = folder.path().join("signed.xml");
            let both = format!("{SIGNER_KEY},{SIGNER}");
            let output = signed.display().to_string();
            let (done, said) = judge("LOA_TEST_XMLSEC", &["--sign", "--privkey-pem", &both, "--output", &output], &[file]);
            assert!(done, "{said}");
            let verified = verify(&fs::read(&signed).unwrap(), &[certificate("signer")], NOW);
            assert_eq!(verified.map(|v| v.alert), Ok(want.clone()), "{of} {transform} {method} {prefix}");
            let changed = fs::read_to_string(&signed).unwrap().replace("so-vhttdl", "so-vhttdI");
            assert_eq!(verify(changed.as_bytes(), &[certificate("signer")], NOW), Err(SignatureError::Digest));
            held += 1;
        }
    }
    assert_eq!(held, 60);
}

/// Whatever stands between `<alert` or `<feed` and its end, in any file of a folder.
fn samples(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            samples(&path, found);
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for name in ["alert", "feed"] {
            let (start, end) = (format!("<{name} "), format!("</{name}>"));
            let mut rest = text.as_str();
            while let Some(at) = rest.find(&start) {
                let Some(length) = rest[at..].find(&end) else { break };
                let (sample, after) = rest[at..].split_at(length + end.len());
                found.push((path.file_name().unwrap().to_string_lossy().into_owned(), sample.to_string()));
                rest = after;
            }
        }
    }
}

/// What others' packages carry. A reason for each that is refused: none may be refused for another.
#[test]
fn samples_of_others_are_read_or_refused_for_the_right_reason() {
    let mut found = Vec::new();
    for package in ["packages", "weatheralerts"] {
        samples(&Path::new(&peer("LOA_TEST_CAP_SAMPLES")).join(package), &mut found);
    }
    found.sort();
    found.dedup();
    let told: Vec<(String, String)> = found
        .iter()
        .map(|(file, sample)| {
            let said = if sample.starts_with("<feed") {
                let items = feed::items(sample.as_bytes()).unwrap();
                format!("{} items, the first of {}", items.len(), items[0].link.as_deref().unwrap_or_default())
            } else {
                cap::read("x", sample.as_bytes()).map_or_else(|p| p.0[0].message.en.clone(), |alert| alert.identifier)
            };
            (file.clone(), said)
        })
        .collect();
    let told: Vec<(&str, &str)> = told.iter().map(|(file, said)| (file.as_str(), said.as_str())).collect();
    assert_eq!(
        told,
        [
            // Markdown's brackets around an address make a tag of it.
            ("METADATA", "the name `http://www.dhs.gov/dhspublic/display?theme=29` is wrong"),
            (
                "test_cap.py",
                "7 items, the first of http://alerts.weather.gov/cap/wwacapget.php?x=ID124EE90581D4.DenseFogAdvisory.124EE911B1C0ID.\
                 BOINPWBOI.94f563b5486fa14b27263b9f27b03205"
            ),
        ]
    );
    // Without the brackets it is the sample of the standard's appendix.
    let (_, readme) = &found[0];
    let mended = readme.replace("<http", "http").replace("></web>", "</web>").replace("></uri>", "</uri>");
    let alert = cap::read("x", mended.as_bytes()).unwrap();
    assert_eq!((alert.identifier.as_str(), alert.scope), ("43b080713727", Scope::Private));
    let told: Vec<String> = cap::rules("x", &alert).0.iter().map(|p| p.message.en.clone()).collect();
    assert_eq!(told, ["a `Private` message does not say for whom it is"]);
}

/// Loa's feed as another reads it: xmllint finds it well-formed, and its entries lead to documents.
#[test]
fn the_feed_is_well_formed() {
    let folder = tempfile::tempdir().unwrap();
    let alerts: Vec<Alert> = (0..20)
        .map(|n| Alert {
            scope: Scope::Public,
            status: Status::Actual,
            msg_type: MsgType::Alert,
            references: Vec::new(),
            ..alert(n)
        })
        .collect();
    let addresses: Vec<String> = (0..20).map(|n| format!("https://example.vn/cap/{n}?a&b=\"<c>\"")).collect();
    let entries: Vec<feed::Entry> =
        alerts.iter().zip(&addresses).map(|(alert, address)| feed::Entry { address, alert }).collect();
    let about = feed::About {
        address: "https://example.vn/feeds/warnings".to_string(),
        title: "Cảnh báo & khuyến cáo".to_string(),
        author: "Sở Văn hóa, Thể thao và Du lịch".to_string(),
        language: "vi-VN".to_string(),
        since: Time::parse("2026-01-01T00:00:00+07:00").unwrap(),
    };
    let published = feed::publish(&about, &entries, 0);
    let (well, said) =
        judge("LOA_TEST_XMLLINT", &["--noout", "--nonet"], &[written(folder.path(), "feed.xml", &published.document)]);
    assert!(well, "{said}");
    assert_eq!(feed::items(published.document.as_bytes()).unwrap().len(), 20);
}

/// What `loa cap check` prints, and its exit code.
fn check(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_loa")).args(["cap", "check"]).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code().unwrap(), said.concat())
}

#[test]
fn the_command_says_what_is_wrong_and_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let mut order = alert(2);
    (order.msg_type, order.status, order.scope, order.references) = (MsgType::Alert, Status::Actual, Scope::Public, Vec::new());
    (order.source, order.note, order.restriction) = (None, None, None);
    order.infos = vec![Info::new(Category::Security, "Lừa đảo", (Urgency::Expected, Severity::Moderate, Certainty::Likely))];
    let document = cap::write(&order).unwrap();
    let signed = sign(&document, &key("signer"), &certificate("signer")).unwrap();
    let path = |name: &str, document: &str| written(folder.path(), name, document).display().to_string();
    let good = path("good.xml", &signed);
    let (code, said) = check(&[&good, "--signer", SIGNER, "--lang", "vi"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("good.xml: văn bản CAP 1.2 đúng, do CN=signer.example.vn,O=Vi du,C=VN ký"), "{said}");
    assert!(said.contains("bản tin công khai không có hạn"), "what deserves a look is told: {said}");
    let (code, said) = check(&[&path("unsigned.xml", &document), "--signer", SIGNER, "--lang", "en"]);
    assert_eq!(code, 2);
    assert!(said.contains("the document has no signature"), "{said}");
    let wrong = path("wrong.xml", &document.replace("Actual", "actual"));
    let (code, said) = check(&[&good, &wrong, "--lang", "en"]);
    assert_eq!(code, 2);
    assert!(
        said.contains("did you mean `Actual`?") && said.contains("wrong.xml:6:3") && said.contains("good.xml: a sound"),
        "{said}"
    );
    let (code, said) = check(&["--json", &good, &wrong, "--lang", "en"]);
    let told: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, told[0]["ok"].as_bool(), told[1]["ok"].as_bool()), (2, Some(true), Some(false)));
    assert_eq!(told[1]["problems"][0]["line"], 6);
    assert_eq!(check(&[&path("empty.xml", "")]).0, 2);
    assert_eq!(check(&[&folder.path().join("none.xml").display().to_string()]).0, 2);
    assert_eq!(check(&[&good, "--signer", SIGNER_KEY]).0, 2);
}
