//! Signatures that hold, and everything that is tried against them.

use proptest::prelude::*;

use super::{
    Certificate, CertificateError, feed, read, sample,
    signature::{Key, KeyError, SignatureError, Verified, sign, verify},
    write,
};

const KEY: &[u8] = include_bytes!("../../tests/fixtures/cap/signer.key.pem");
const PKCS1: &[u8] = include_bytes!("../../tests/fixtures/cap/signer.pkcs1.pem");
const SIGNER: &[u8] = include_bytes!("../../tests/fixtures/cap/signer.pem");
const EXPIRED: &[u8] = include_bytes!("../../tests/fixtures/cap/expired.pem");
const STRANGER_KEY: &[u8] = include_bytes!("../../tests/fixtures/cap/stranger.key.pem");
const STRANGER: &[u8] = include_bytes!("../../tests/fixtures/cap/stranger.pem");
const WEAK: &[u8] = include_bytes!("../../tests/fixtures/cap/weak.pem");
const CURVE: &[u8] = include_bytes!("../../tests/fixtures/cap/ec.pem");

/// 22 November 2026.
const NOW: i64 = 1_795_310_000_000;

fn certificate(pem: &[u8]) -> Certificate {
    Certificate::from_pem(pem).unwrap()
}

fn signed() -> String {
    sign(&write(&sample::order()).unwrap(), &Key::from_pem(KEY).unwrap(), &certificate(SIGNER)).unwrap()
}

fn check(document: &str) -> Result<Verified, SignatureError> {
    verify(document.as_bytes(), &[certificate(STRANGER), certificate(SIGNER)], NOW)
}

/// The signature of a document, and the document without it.
fn apart(document: &str) -> (String, String) {
    let (start, end) = (document.find("<Signature ").unwrap(), document.find("</Signature>").unwrap() + "</Signature>".len());
    (document[start..end].to_string(), format!("{}{}", &document[..start], &document[end..]))
}

/// The document with another text: what an attacker wants believed.
fn forged(document: &str) -> String {
    document.replace("Khong cung cap ma OTP", "Hay cung cap ma OTP").replace("loa-order-17", "loa-order-18")
}

#[test]
fn what_was_signed_is_what_is_read() {
    let document = signed();
    let verified = check(&document).unwrap();
    assert_eq!((verified.alert, verified.signer), (sample::order(), 1));
    assert_eq!(read("x", document.as_bytes()).unwrap(), sample::order(), "and the document keeps to the schema");
    let by_pkcs1 = sign(&write(&sample::order()).unwrap(), &Key::from_pem(PKCS1).unwrap(), &certificate(SIGNER)).unwrap();
    assert_eq!(by_pkcs1, document, "the same document is signed alike");
}

#[test]
fn how_it_is_written_does_not_matter() {
    let document = signed();
    for other in [
        document.replace("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", ""),
        document.replace('\n', "\r\n"),
        format!("{document}\n<!-- a comment -->\n"),
        document.replace("<status>Actual<", "<status>Act<!-- a comment -->ual<"),
        document.replace("<status>Actual<", "<status><![CDATA[Actual]]><"),
        document.replace("&amp;", "&#38;"),
        document.replace("<alert xmlns=\"", "<alert\n  xmlns = '").replace("cap:1.2\">", "cap:1.2'>"),
    ] {
        assert_eq!(check(&other).unwrap().alert, sample::order(), "{other}");
    }
}

#[test]
fn every_change_is_noticed() {
    let document = signed();
    let (_, bare) = apart(&document);
    let end = bare.rfind("</alert>").unwrap();
    let mut noticed = 0;
    for (at, c) in bare.char_indices().filter(|(at, c)| *at > 100 && *at < end && c.is_ascii_alphanumeric()).step_by(7) {
        let other = if c == 'x' { 'y' } else { 'x' };
        let mut changed = document.clone();
        changed.replace_range(at..=at, &other.to_string());
        assert!(check(&changed).is_err(), "{at}");
        noticed += 1;
    }
    assert!(noticed > 100);
    assert_eq!(check(&document.replace("OTP", "PIN")), Err(SignatureError::Digest));
    assert_eq!(check(&document.replace("  <status>", " <status>")), Err(SignatureError::Digest));
}

#[test]
fn only_a_pinned_certificate_is_believed_and_only_in_its_days() {
    let document = signed();
    let with = |pinned: &[Certificate], now| verify(document.as_bytes(), pinned, now).map(|verified| verified.signer);
    assert_eq!(with(&[], NOW), Err(SignatureError::Stranger));
    assert_eq!(with(&[certificate(STRANGER)], NOW), Err(SignatureError::Stranger));
    let old = certificate(EXPIRED);
    let days = SignatureError::Validity { from: old.from(), until: old.until() };
    assert_eq!(with(std::slice::from_ref(&old), NOW), Err(days.clone()));
    assert_eq!(days.words().en, "the signer's certificate is valid from 2020-01-01 to 2021-01-01 only");
    assert_eq!(with(&[old, certificate(SIGNER)], NOW), Ok(1), "a renewed certificate has the same key");
    assert!(matches!(with(&[certificate(SIGNER)], 0), Err(SignatureError::Validity { .. })), "not yet");
    // A stranger's whole document, with a KeyInfo that says so: or with the partner's certificate in it.
    let text = write(&sample::order()).unwrap();
    let strange = sign(&text, &Key::from_pem(STRANGER_KEY).unwrap(), &certificate(STRANGER)).unwrap();
    let partner = |text: &str| {
        let (start, end) = (text.find("<X509Certificate>").unwrap(), text.find("</X509Certificate>").unwrap());
        text[start..end].to_string()
    };
    for document in [strange.clone(), strange.replace(&partner(&strange), &partner(&document))] {
        assert_eq!(verify(document.as_bytes(), &[certificate(SIGNER)], NOW), Err(SignatureError::Stranger));
    }
    assert_eq!(sign(&text, &Key::from_pem(STRANGER_KEY).unwrap(), &certificate(SIGNER)), Err(SignatureError::Mismatch));
}

#[test]
fn key_info_is_for_people() {
    let document = signed();
    let (start, end) = (document.find("<KeyInfo>").unwrap(), document.find("</KeyInfo>").unwrap() + "</KeyInfo>".len());
    let without = format!("{}{}", &document[..start], &document[end..]);
    assert!(check(&without).is_ok());
}

#[test]
fn certificates_are_strong_enough_or_refused() {
    assert_eq!(Certificate::from_pem(WEAK), Err(CertificateError::KeySize(1_024)));
    assert_eq!(Certificate::from_pem(CURVE), Err(CertificateError::NotRsa));
    assert_eq!(Certificate::from_pem(KEY), Err(CertificateError::Unreadable));
    assert_eq!(Certificate::from_pem(b""), Err(CertificateError::Unreadable));
    assert_eq!(Certificate::from_pem(&[SIGNER, STRANGER].concat()), Err(CertificateError::Several));
    assert_eq!(certificate(SIGNER).subject(), "CN=signer.example.vn,O=Vi du,C=VN");
    assert_eq!(certificate(SIGNER).fingerprint().len(), 64);
    assert_eq!(Key::from_pem(SIGNER).err(), Some(KeyError));
    assert_eq!(format!("{:?}", Key::from_pem(KEY).unwrap()), "Key(…)");
}

/// Somorovsky and others, "On Breaking SAML" (USENIX Security 2012): where the signed original and the forged copy may lie.
#[test]
fn signature_wrapping_fails() {
    let document = signed();
    let (signature, original) = apart(&document);
    let original = original.split_once("?>").unwrap().1.trim().to_string();
    let evil = forged(&original);
    let before_end = |alert: &str, more: &str| {
        let at = alert.trim_end().strip_suffix("</alert>").unwrap().len();
        format!("{}{more}</alert>", &alert[..at])
    };
    let after_start = |alert: &str, more: &str| alert.trim().replacen("cap:1.2\">", &format!("cap:1.2\">{more}"), 1);
    let in_signature = |more: &str| signature.replace("</Signature>", &format!("{more}</Signature>"));
    let object = |inner: &str| format!("<Object>{inner}</Object>");
    let with_id = original.replacen("<alert ", "<alert Id=\"x\" ", 1);
    let by_id = signature.replace("URI=\"\"", "URI=\"#x\"");
    let documents = [
        ("XSW1: the original in the forged one's signature", before_end(&evil, &in_signature(&object(&original)))),
        ("XSW2: the original before a detached signature", before_end(&evil, &format!("{original}{signature}"))),
        ("XSW3: the original as the first child of the forged one", after_start(&evil, &before_end(&original, &signature))),
        ("XSW4: the forged one around the original with its signature", before_end(&evil, &before_end(&original, &signature))),
        ("XSW5: the forged one, and the original after its signature", before_end(&evil, &format!("{signature}{original}"))),
        ("XSW6: the original in the signature in the forged one", before_end(&evil, &in_signature(&original))),
        ("XSW7: the forged one in an extension", before_end(&original, &format!("<Extensions>{evil}</Extensions>{signature}"))),
        (
            "XSW8: the original in an object of the signature",
            before_end(&evil, &signature.replace("<KeyInfo>", &format!("{}<KeyInfo>", object(&original)))),
        ),
        (
            "by id: the signature names the original alone",
            before_end(&evil, &format!("<Extensions>{with_id}</Extensions>{by_id}")),
        ),
        (
            "by id, twice",
            before_end(
                &evil.replacen("<alert ", "<alert Id=\"x\" ", 1),
                &in_signature(&object(&with_id)).replace("URI=\"\"", "URI=\"#x\""),
            ),
        ),
        ("a second, forged signature", before_end(&original, &format!("{signature}{signature}"))),
        ("a signature in a signature", before_end(&original, &in_signature(&object(&signature)))),
        (
            "the root is another's",
            format!("<Envelope>{document}</Envelope>").replace("<?xml version=\"1.0\" encoding=\"UTF-8\"?>", ""),
        ),
        ("the signature stands first", after_start(&original, &signature)),
        ("the signature stands deeper", original.replacen("</info>", &format!("{signature}</info>"), 1)),
        ("the forged one alone", before_end(&evil, &signature)),
    ];
    for (name, attack) in documents {
        let told = check(&attack);
        assert!(told.is_err(), "{name}: {told:?}");
        assert!(
            !matches!(told, Err(SignatureError::Document(_))),
            "{name} was refused as a document, which tests nothing: {told:?}"
        );
    }
}

#[test]
fn only_the_methods_that_are_known_to_hold_are_allowed() {
    let document = signed();
    let spoil = |from: &str, to: &str| {
        assert!(document.contains(from), "{from}");
        check(&document.replacen(from, to, 1)).unwrap_err()
    };
    let method = |part, method: &str| SignatureError::Method { part, method: method.to_string() };
    let sha1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
    assert_eq!(spoil("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", sha1), method("SignatureMethod", sha1));
    let hmac = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256";
    assert_eq!(spoil("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", hmac), method("SignatureMethod", hmac));
    let sha1 = "http://www.w3.org/2000/09/xmldsig#sha1";
    assert_eq!(spoil("http://www.w3.org/2001/04/xmlenc#sha256", sha1), method("DigestMethod", sha1));
    let commented = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";
    assert_eq!(spoil("http://www.w3.org/2001/10/xml-exc-c14n#", commented), method("CanonicalizationMethod", commented));
    let transform = "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>";
    for other in [
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2002/06/xmldsig-filter2",
        "http://www.w3.org/2000/09/xmldsig#base64",
    ] {
        assert_eq!(spoil(transform, &format!("<Transform Algorithm=\"{other}\"/>")), method("Transform", other));
        let first = "<Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>";
        assert_eq!(spoil(first, &format!("<Transform Algorithm=\"{other}\"/>")), method("Transform", other));
    }
    assert_eq!(spoil(transform, &transform.repeat(2)), SignatureError::Shape("Transforms"));
    assert_eq!(spoil("URI=\"\"", "URI=\"#a\""), SignatureError::Reference);
    assert_eq!(spoil("<Reference URI=\"\">", "<Reference>"), SignatureError::Reference);
    assert_eq!(spoil("URI=\"\"", "URI=\"http://example.com/x\""), SignatureError::Reference);
    assert_eq!(spoil("</Reference>", "</Reference><Reference URI=\"\"/>"), SignatureError::Shape("SignedInfo"));
    assert_eq!(spoil("<DigestValue>", "<DigestValue><!-- -->x<b/>"), SignatureError::Shape("DigestValue"));
    assert_eq!(spoil("<SignatureValue>", "<SignatureValue>*"), SignatureError::Shape("SignatureValue"));
    assert_eq!(spoil("<SignedInfo>", "<SignedInfo>text"), SignatureError::Shape("SignedInfo"));
    let start = document.find("<SignatureValue>").unwrap() + "<SignatureValue>".len();
    let mut other = document.clone();
    let was = other.as_bytes()[start + 20];
    other.replace_range(start + 20..=start + 20, if was == b'A' { "B" } else { "A" });
    assert_eq!(check(&other), Err(SignatureError::Stranger));
    let (signature, bare) = apart(&document);
    assert_eq!(check(&bare), Err(SignatureError::Missing));
    assert_eq!(sign(&document, &Key::from_pem(KEY).unwrap(), &certificate(SIGNER)), Err(SignatureError::Several(1)));
    assert_eq!(check(&bare.replace("<status>", &format!("{signature}<status>"))), Err(SignatureError::Place));
}

#[test]
fn entities_and_sizes_are_refused_before_anything_is_believed() {
    let document = signed();
    let with_doctype = document.replace("?>\n", "?>\n<!DOCTYPE alert [<!ENTITY a 'b'><!ENTITY c '&a;&a;&a;&a;'>]>\n");
    let refused = |document: &str| match check(document) {
        Err(SignatureError::Document(problems)) => problems.0[0].message.en.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&with_doctype), "a DOCTYPE is refused");
    assert_eq!(
        refused(&document.replace("?>\n", "?>\n<!DOCTYPE alert SYSTEM \"file:///etc/passwd\">\n")),
        "a DOCTYPE is refused"
    );
    assert_eq!(refused(&document.replace("<status>", "<status>&c;")), "the entity `&c;` is refused");
    assert_eq!(
        refused(&format!("{document}{}", " ".repeat(super::MAX_BYTES))),
        format!("the document is too large: {} bytes", document.len() + super::MAX_BYTES)
    );
    let hidden = document.replace("<status>Actual", "<status><?x y?>Actual");
    assert_eq!(refused(&hidden), "a processing instruction `<?…?>` is refused");
}

/// A comment splits a text, and careless readers take its first part alone.
#[test]
fn a_comment_does_not_cut_a_text() {
    let mut order = sample::order();
    order.sender = "viettel.example.vn.example.com".to_string();
    let text = write(&order).unwrap();
    let document = sign(&text, &Key::from_pem(KEY).unwrap(), &certificate(SIGNER)).unwrap();
    let cut = document.replace("viettel.example.vn.example.com", "viettel.example.vn<!-- -->.example.com");
    assert_eq!(check(&cut).unwrap().alert.sender, "viettel.example.vn.example.com");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever comes is answered, and nothing that was changed is believed to say another thing.
    #[test]
    fn whatever_comes_is_answered(cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, "[<>&;\"'= /!?x\\[\\]é-]{0,4}"), 1..4)) {
        let mut document = signed_once().as_bytes().to_vec();
        for (at, length, text) in cuts {
            let at = at.index(document.len());
            let end = (at + length).min(document.len());
            document.splice(at..end, text.bytes());
        }
        let _ = read("x", &document);
        let _ = feed::items(&document);
        if let Ok(verified) = verify(&document, &[certificate(SIGNER)], NOW) {
            prop_assert_eq!(verified.alert, sample::order());
        }
    }

    #[test]
    fn bytes_are_answered(document in prop::collection::vec(any::<u8>(), 0..300), text in "[<>a&;:='\"!\\[\\]?/ -]{0,80}") {
        let _ = (read("x", &document), read("x", text.as_bytes()), feed::items(&document), feed::items(text.as_bytes()));
        let _ = (Certificate::from_der(&document), Certificate::from_pem(&document), Key::from_pem(&document));
    }
}

fn signed_once() -> &'static str {
    static SIGNED: std::sync::LazyLock<String> = std::sync::LazyLock::new(signed);
    &SIGNED
}
