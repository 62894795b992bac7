//! Against the examples of RFC 6376 and RFC 8463, and against each key that people hand over by mistake.

use proptest::prelude::*;
use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use secrecy::SecretString;

use super::*;

/// RFC 8463, appendix A.2: the secret key, behind what makes it PKCS#8.
const RFC_KEY: &str = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
const RFC_MAIL: &str = "From: Joe SixPack <joe@football.example.com>\r\n\
    To: Suzie Q <suzie@shopping.example.net>\r\n\
    Subject: Is dinner ready?\r\n\
    Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
    Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\
    \r\n\
    Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
/// Made for tests and measurements; signs for nobody.
const RSA: &str = include_str!("../../../../tests/peers/dkim-rsa.pem");
const ED25519_PEM: &str = include_str!("../../../../tests/peers/dkim-ed25519.pem");

fn key(written: &str) -> Result<DkimKey, KeyFault> {
    DkimKey::new("example.vn", "2026a", &SecretString::from(written))
}

fn relaxed(raw: &str) -> String {
    let mut out = Vec::new();
    header(raw.as_bytes(), |bytes| out.extend_from_slice(bytes));
    String::from_utf8(out).unwrap()
}

fn relaxed_body(text: &str) -> String {
    let mut out = Vec::new();
    body(text.as_bytes(), |bytes| out.extend_from_slice(bytes));
    String::from_utf8(out).unwrap()
}

#[test]
fn the_relaxed_forms_are_those_of_rfc_6376() {
    // Section 3.4.5, the first example.
    assert_eq!(relaxed("A: X\r\n"), "a:X");
    assert_eq!(relaxed("B : Y\t\r\n\tZ  \r\n"), "b:Y Z");
    assert_eq!(relaxed_body(" C \r\nD \t E\r\n\r\n\r\n"), " C\r\nD E\r\n");
    // Section 3.4.4: an empty body has no line at all; one without its last line end is given one.
    assert_eq!(relaxed_body(""), "");
    assert_eq!(relaxed_body("\r\n \r\n"), "");
    assert_eq!(relaxed_body("a"), "a\r\n");
    assert_eq!(body_hash(b""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

#[test]
fn the_signature_of_rfc_8463_is_made_again() {
    let (head, text) = canonical::split(RFC_MAIL.as_bytes());
    assert_eq!(body_hash(text), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
    let own = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n \
               q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : from : subject : date;\r\n \
               bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=";
    let names = ["from", "to", "subject", "date", "message-id", "from", "subject", "date"];
    let signed = with_own(&canonical_headers(Headers::of(head), &names), own);
    let key = DkimKey::new("football.example.com", "brisbane", &SecretString::from(RFC_KEY)).unwrap();
    let signature = BASE64.encode(key.sign(&signed).unwrap());
    assert_eq!(signature, "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==");
    let (name, record) = key.record();
    assert_eq!(name, "brisbane._domainkey.football.example.com");
    assert_eq!(record, "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
}

/// Takes a signature apart and checks it, by other means than it was made with.
fn verifies(signed: &[u8], own: &str) -> bool {
    let flat: String = own.split_whitespace().collect();
    let tag = |name: &str| {
        flat.split(';')
            .find_map(|tag| tag.trim_start_matches("DKIM-Signature:").strip_prefix(&format!("{name}=")))
            .unwrap()
            .to_owned()
    };
    let (head, text) = canonical::split(signed);
    let names = tag("h");
    let names: Vec<&str> = names.split(':').collect();
    let (before, _) = own.rsplit_once("b=").unwrap();
    let data = with_own(&canonical_headers(Headers::of(head), &names), &format!("{before}b="));
    let signature = BASE64.decode(tag("b")).unwrap();
    let key = if tag("a").starts_with("rsa") { key(RSA) } else { key(ED25519_PEM) }.unwrap();
    let public = key.record().1.rsplit_once("p=").map(|(_, public)| BASE64.decode(public).unwrap()).unwrap();
    let digest = ring::digest::digest(&SHA256, &data);
    let fits = match key.algorithm() {
        // What ring takes is the key within the SubjectPublicKeyInfo, whose head is 24 bytes for 2048 bits.
        "rsa-sha256" => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public[24..]).verify(&data, &signature),
        _ => UnparsedPublicKey::new(&ED25519, &public).verify(digest.as_ref(), &signature),
    };
    fits.is_ok() && tag("bh") == body_hash(text)
}

fn both() -> [DkimKey; 2] {
    [key(RSA).unwrap(), key(ED25519_PEM).unwrap()]
}

fn signed(mail: &str) -> Vec<String> {
    let all = String::from_utf8(signatures(&both(), mail.as_bytes(), 1_790_000_000).unwrap()).unwrap();
    assert!(all.ends_with("\r\n") && all.lines().all(|line| line.len() <= 78), "{all}");
    all.split("DKIM-Signature").skip(1).map(|own| format!("DKIM-Signature{}", own.trim_end())).collect()
}

#[test]
fn a_mail_is_signed_by_each_key_and_a_change_shows() {
    let mail = "From: So <a@example.vn>\r\nSubject: =?utf-8?b?xJE=?=\r\n =?utf-8?b?xJE=?=\r\nList-Unsubscribe: <https://x.vn/u/1>\r\n\
                X-Other: 1\r\n\r\nHet  \r\nmot\tdong\r\n\r\n\r\n";
    let signatures = signed(mail);
    assert_eq!(signatures.len(), 2);
    for own in &signatures {
        assert!(own.contains("h=from:from:subject:subject:list-unsubscribe:list-unsubscribe;"), "{own}");
        assert!(verifies(mail.as_bytes(), own));
        // What relays do: fold otherwise, trim, add headers that were not signed.
        let folded = mail.replace("=\r\n =", "=\r\n\t  =").replace("Het  ", "Het").replace("X-Other: 1", "X-Other: 2");
        assert!(verifies(folded.as_bytes(), own));
        for (from, to) in [("Het", "Hat"), ("So", "SO"), ("u/1", "u/2"), ("From:", "From: Evil <e@x.vn>\r\nFrom:")] {
            assert!(!verifies(mail.replacen(from, to, 1).as_bytes(), own), "{to}");
        }
        let after = mail.replacen("X-Other:", "From: Evil <e@x.vn>\r\nX-Other:", 1);
        assert!(!verifies(after.as_bytes(), own), "a second sender is seen wherever it stands");
    }
}

#[test]
fn keys_are_told_apart_and_wrong_ones_explained() {
    assert_eq!([key(RSA).unwrap().algorithm(), key(ED25519_PEM).unwrap().algorithm()], ["rsa-sha256", "ed25519-sha256"]);
    assert_eq!(key(&ED25519_PEM.replace('\n', "\\n")).unwrap().algorithm(), "ed25519-sha256");
    let packed: String = RSA.lines().filter(|line| !line.starts_with('-')).collect();
    assert_eq!(key(&packed).unwrap().algorithm(), "rsa-sha256");
    for (written, expected) in [
        ("", KeyFault::Damaged),
        ("hello!", KeyFault::NoKey),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", KeyFault::NoKey),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", KeyFault::Public),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----", KeyFault::Encrypted),
        ("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----", KeyFault::Kind),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", KeyFault::Damaged),
        (&RSA[..RSA.len() / 2], KeyFault::Damaged),
        (include_str!("tests/rsa-1024.pem"), KeyFault::Length),
    ] {
        assert_eq!(key(written).unwrap_err(), expected, "{written}");
    }
    let named = |domain: &str, selector: &str| DkimKey::new(domain, selector, &SecretString::from(ED25519_PEM));
    assert_eq!(named("vn", "a").unwrap_err(), KeyFault::Domain);
    assert_eq!(named("example .vn", "a").unwrap_err(), KeyFault::Domain);
    assert_eq!(named("example.vn", "a b").unwrap_err(), KeyFault::Selector);
    assert_eq!(named("Phường.example.vn", "A.b").unwrap().record().0, "a.b._domainkey.xn--phng-rib8295b.example.vn");
    assert!(!format!("{:?}", key(RSA).unwrap()).contains("MII"));
}

#[test]
fn alignment_is_that_of_dmarc() {
    let key = key(ED25519_PEM).unwrap();
    for (sender, aligned) in [("example.vn", true), ("so.example.vn", true), ("badexample.vn", false), ("example.com", false)] {
        assert_eq!(key.is_aligned_with(sender), aligned, "{sender}");
    }
}

proptest! {
    #[test]
    fn whatever_a_mail_holds_its_signature_is_good(
        subject in "[ -~\t]{0,120}", body in "[ -~\t\r\n]{0,300}", copies in 0usize..3,
    ) {
        let mail = format!("From: a@example.vn\r\n{}Subject: {subject}\r\n\r\n{body}\r\n", "To: b@example.vn\r\n".repeat(copies));
        for own in signed(&mail) {
            prop_assert!(verifies(mail.as_bytes(), &own), "{own}");
        }
    }
}
