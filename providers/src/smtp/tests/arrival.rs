//! What a mail needs to arrive: signatures, addresses of its own to come back to, headers that its kind asks for, pictures.

use bytes::Bytes;
use mail_parser::{MessageParser, MimeHeaders as _};
use secrecy::SecretString;

use super::server::Answer::Say;
use super::*;
use crate::Attachment;

const RSA: &str = include_str!("../../../../tests/peers/dkim-rsa.pem");
const ED25519: &str = include_str!("../../../../tests/peers/dkim-ed25519.pem");

fn key(domain: &str, selector: &str, key: &str) -> DkimKey {
    DkimKey::new(domain, selector, &SecretString::from(key)).unwrap()
}

/// One mail through this account: the commands, and the mail as the server got it.
async fn arrived(settings: Settings, server: &Server, outgoing: Outgoing) -> (Vec<String>, String) {
    let gateway = SmtpGateway::new(settings).unwrap();
    send(&gateway, outgoing).await.unwrap();
    server.seen(|seen| (seen.commands.clone(), String::from_utf8(seen.mails[0].clone()).unwrap()))
}

#[tokio::test]
async fn each_key_signs_and_a_test_of_the_account_says_so() {
    let server = Server::start(Script::default()).await;
    let keys = vec![key("phường.example.vn", "r", RSA), key("example.com", "e", ED25519)];
    let settings = Settings { dkim: keys, ..settings(server.port) };
    let test = SmtpGateway::new(settings.clone()).unwrap().test().await.unwrap();
    let both = "DKIM signs for xn--phng-rib8295b.example.vn (r, rsa-sha256), example.com (e, ed25519-sha256)";
    assert!(test.ends_with(both), "{test}");
    let other = Settings { dkim: vec![key("example.com", "e", ED25519)], ..settings.clone() };
    assert!(other.unaligned());
    let test = SmtpGateway::new(other).unwrap().test().await.unwrap();
    assert!(test.ends_with("but not for the sender's domain xn--phng-rib8295b.example.vn"), "{test}");

    let server = Server::start(Script::default()).await;
    let (commands, raw) = arrived(Settings { port: server.port, ..settings }, &server, mail("an@example.vn")).await;
    assert!(commands[1].ends_with(&format!("SIZE={}", raw.len())), "{commands:?}");
    let heads: Vec<&str> = raw.split("DKIM-Signature: ").skip(1).collect();
    assert!(raw.starts_with("DKIM-Signature: v=1; a=rsa-sha256;") && heads.len() == 2);
    assert!(heads[1].starts_with("v=1; a=ed25519-sha256; c=relaxed/relaxed; t=1790000000;"));
    let flat: String = heads[0].split_whitespace().collect();
    for name in ["from:from", "list-unsubscribe:list-unsubscribe", "list-unsubscribe-post:", "mime-version:", "content-type:"] {
        assert!(flat.contains(name), "{name} in {flat}");
    }
}

#[tokio::test]
async fn each_mail_comes_back_to_an_address_of_its_own() {
    let server = Server::start(Script::default()).await;
    let bounce: TaggedAddress = "bounce+{ref}@example.vn".parse().unwrap();
    let settings = Settings {
        bounce: Some(bounce.clone()),
        unsubscribe: Some("huy+{ref}@example.vn".parse().unwrap()),
        ..settings(server.port)
    };
    let (commands, raw) = arrived(settings, &server, mail("an@example.vn")).await;
    let sender = commands[1].split(['<', '>']).nth(1).unwrap();
    assert_eq!(sender, "bounce+0a1b2c3d4e5f@example.vn");
    assert_eq!(bounce.reference_in(sender).as_deref(), Some("0a1b2c3d4e5f"));
    let parsed = MessageParser::default().parse(raw.as_bytes()).unwrap();
    assert_eq!(reference_in_message_id(parsed.message_id().unwrap()).as_deref(), Some("0a1b2c3d4e5f"));
    assert_eq!(
        parsed.header_raw("List-Unsubscribe").unwrap().trim(),
        "<https://canhbao.example.vn/u/abc>, <mailto:huy+0a1b2c3d4e5f@example.vn?subject=unsubscribe%200a1b2c3d4e5f>"
    );
    assert_eq!(parsed.header_raw("List-Unsubscribe-Post").unwrap().trim(), "List-Unsubscribe=One-Click");
}

#[tokio::test]
async fn without_a_page_a_mailbox_takes_refusals_and_no_click_is_promised() {
    let server = Server::start(Script::default()).await;
    let settings =
        Settings { unsubscribe: Some("huy&bỏ@example.vn".replace('ỏ', "o").parse().unwrap()), ..settings(server.port) };
    let (_, raw) = arrived(settings, &server, edited(|email| email.unsubscribe_url = None)).await;
    let parsed = MessageParser::default().parse(raw.as_bytes()).unwrap();
    let header = |name: &'static str| parsed.header_raw(name).map(str::trim);
    assert_eq!(header("List-Unsubscribe"), Some("<mailto:huy%26bo@example.vn?subject=unsubscribe%200a1b2c3d4e5f>"));
    assert_eq!(header("List-Unsubscribe-Post"), None);
}

#[tokio::test]
async fn a_warning_is_not_put_behind_other_mail() {
    let server = Server::start(Script::default()).await;
    let (_, raw) = arrived(settings(server.port), &server, edited(|email| email.urgent = true)).await;
    let parsed = MessageParser::default().parse(raw.as_bytes()).unwrap();
    let header = |name: &'static str| parsed.header_raw(name).map(str::trim);
    assert_eq!(
        (header("Precedence"), header("Importance"), header("Auto-Submitted")),
        (None, Some("high"), Some("auto-generated"))
    );
}

#[tokio::test]
async fn pictures_belong_to_the_page_and_files_to_the_mail() {
    let server = Server::start(Script::default()).await;
    let picture =
        Attachment { name: "Sơ đồ.png".into(), media_type: "image/png".into(), bytes: Bytes::from_static(b"\x89PNG") };
    let file = Attachment { name: "a.pdf".into(), media_type: "application/pdf".into(), bytes: Bytes::from_static(b"%PDF") };
    let outgoing = edited(|email| {
        email.html = "<p>Xem <img src=\"cid:p1.otp@loa\" alt=\"Sơ đồ\"></p>".into();
        email.pictures = vec![crate::Picture { id: "p1.otp@loa".into(), file: Arc::new(picture) }];
        email.attachments = vec![Arc::new(file)];
    });
    let (_, raw) = arrived(settings(server.port), &server, outgoing).await;
    let parsed = MessageParser::default().parse(raw.as_bytes()).unwrap();
    let types: Vec<String> = parsed
        .parts
        .iter()
        .map(|part| part.content_type().map(|t| t.subtype().unwrap_or_default().to_owned()).unwrap_or_default())
        .collect();
    assert_eq!(types, ["mixed", "alternative", "plain", "related", "html", "png", "pdf"]);
    let shown = parsed.parts.iter().find(|part| part.content_id().is_some()).unwrap();
    assert_eq!((shown.content_id(), shown.attachment_name()), (Some("p1.otp@loa"), Some("Sơ đồ.png")));
    assert!(shown.content_disposition().is_some_and(mail_parser::ContentType::is_inline));
}

#[tokio::test]
async fn letters_before_the_at_sign_go_only_where_they_are_taken() {
    let plain = Server::start(Script::default()).await;
    let gateway = SmtpGateway::new(settings(plain.port)).unwrap();
    let error = send(&gateway, mail("đào@thư.example.vn")).await.unwrap_err();
    assert_eq!(brief(&error), "reject no-such-address");
    assert!(error.to_string().contains("offers no SMTPUTF8") && !error.to_string().contains('đ'), "{error}");
    send(&gateway, mail("an@example.vn")).await.unwrap();
    assert_eq!(plain.seen(|seen| (seen.connections, seen.mails.len())), (1, 1), "the connection is as good as before");

    let able = Server::start(Script { ehlo: Say("250-test\r\n250-8BITMIME\r\n250 SMTPUTF8"), ..Script::default() }).await;
    let signed = Settings { dkim: vec![key("example.vn", "e", ED25519)], ..settings(able.port) };
    let (commands, raw) = arrived(signed, &able, mail("đào@thư.example.vn")).await;
    assert!(commands[1].ends_with(" BODY=8BITMIME SMTPUTF8"), "{commands:?}");
    assert_eq!(commands[2], "RCPT TO:<đào@xn--th-e0a.example.vn>");
    assert!(raw.contains("<đào@xn--th-e0a.example.vn>"), "{raw}");
    let from_there = Settings { from: "Sở <a@example.vn>".parse().unwrap(), ..settings(1) };
    assert!(!from_there.from.needs_utf8());
    assert_eq!(
        keys("host = 'h'\nfrom = 'đào@example.vn'").unwrap_err().to_string(),
        "from: has letters outside ASCII before the @"
    );
    assert_eq!(
        keys("host = 'h'\nfrom = 'a@b.vn'\nbounce = 'b{x}@b.vn'").unwrap_err().to_string(),
        "bounce: may have {ref} once before the @, and no other braces"
    );
}
