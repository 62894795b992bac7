//! Who may send: encryption, passwords, and the settings that say so.

use std::time::Duration;

use secrecy::SecretString;

use super::server::{Answer::Say, Script, Server};
use super::*;

fn signed_in(port: u16, tls: Tls, certificate: &str) -> Settings {
    Settings {
        tls,
        username: Some("loa".into()),
        password: Some(SecretString::from("mật khẩu")),
        ca_pem: Some(certificate.as_bytes().to_vec()),
        ..settings(port)
    }
}

#[tokio::test]
async fn secured_and_signed_in_both_ways() {
    for (tls, script) in [
        (Tls::StartTls, Script::default()),
        (Tls::Implicit, Script { implicit_tls: true, ..Script::default() }),
        (Tls::StartTls, Script { ehlo: Say("250-test\r\n250-STARTTLS\r\n250 AUTH=LOGIN"), ..Script::default() }),
    ] {
        let server = Server::start(script).await;
        let gateway = SmtpGateway::new(signed_in(server.port, tls, &server.certificate)).unwrap();
        assert_eq!(
            gateway.test().await.unwrap(),
            format!("127.0.0.1:{} answers; encrypted, signed in; mails are not signed (DKIM)", server.port)
        );
        send(&gateway, mail("an@example.vn")).await.unwrap();
        server.seen(|seen| {
            assert_eq!(seen.mails.len(), 1);
            let proofs = ["AUTH PLAIN AGxvYQBt4bqtdCBraOG6qXU=", "bG9h"];
            assert!(seen.commands.iter().any(|command| proofs.contains(&command.as_str())), "{seen:?}");
        });
    }
}

#[tokio::test]
async fn what_a_person_must_mend_is_misconfigured() {
    let ok = Script::default();
    let cases = [
        (Script { auth: Say("535 5.7.8 wrong password"), ..ok }, true, "misconfigured"),
        (Script { auth: Say("454 4.7.0 later"), ..ok }, true, "retry account quota"),
        (Script { ehlo: Say("250-test\r\n250 AUTH PLAIN"), ..ok }, true, "misconfigured"),
        (Script { ehlo: Say("250-test\r\n250 STARTTLS"), ..ok }, true, "misconfigured"),
        (Script { starttls: Say("220 go\r\n250 injected"), ..ok }, true, "misconfigured"),
        (Script { starttls: Say("454 4.7.0 no TLS now"), ..ok }, true, "retry account quota"),
        (ok, false, "misconfigured"),
    ];
    for (script, trusted, expected) in cases {
        let server = Server::start(script).await;
        let other = Server::start(ok).await;
        let certificate = if trusted { &server.certificate } else { &other.certificate };
        let gateway = SmtpGateway::new(signed_in(server.port, Tls::StartTls, certificate)).unwrap();
        let error = send(&gateway, mail("an@example.vn")).await.unwrap_err();
        assert_eq!(brief(&error), expected, "{script:?}");
        assert!(!error.to_string().contains("khẩu"), "{error}");
        assert_eq!(server.seen(|seen| seen.mails.len()), 0);
    }
    let server = Server::start(ok).await;
    let gateway = SmtpGateway::new(Settings { allow_private: false, ..settings(server.port) }).unwrap();
    assert_eq!(brief(&send(&gateway, mail("an@example.vn")).await.unwrap_err()), "misconfigured");
    assert_eq!(server.seen(|seen| seen.connections), 0);
    let clear = Settings { allow_private: false, tls: Tls::None, ..signed_in(25, Tls::None, &server.certificate) };
    assert_eq!(SmtpGateway::new(clear).err(), Some(BuildError::ClearPassword));
}

#[test]
fn keys_are_read_and_wrong_ones_explained() {
    let read = keys("host = 'mail.example.vn'\nfrom = 'Sở <a@example.vn>'\nusername = 'u'\ntimeout = '30s'").unwrap();
    assert_eq!((read.port, read.tls, read.window, read.timeout), (587, Tls::StartTls, 3, Duration::from_secs(30)));
    assert_eq!(keys("host = 'h'\nfrom = 'a@b.vn'\ntls = 'implicit'").unwrap().port, 465);
    assert_eq!(keys("host = 'h'\nfrom = 'a@b.vn'").unwrap().username.as_deref(), Some("from-env"));
    for (written, expected) in [
        ("hots = 'h'\nfrom = 'a@b.vn'", "hots: unknown; did you mean host?"),
        ("from = 'a@b.vn'", "host: is missing, such as host = \"smtp.example.vn\""),
        ("host = 'h'", "from: is missing, such as from = \"Sở Văn hóa <canhbao@example.vn>\""),
        ("host = 'h'\nfrom = 'a'", "from: is not an address such as name@example.vn"),
        ("host = 'h'\nfrom = 'a@b.vn'\ntls = 'ssl'", "tls: \"ssl\" is none of none, starttls, implicit"),
        ("host = 'h'\nfrom = 'a@b.vn'\nport = 0", "port: must be a number from 1 to 65535"),
        ("host = 1\nfrom = 'a@b.vn'", "host: must be a text in quotes"),
        ("host = 'h'\nfrom = 'a@b.vn'\ntimeout = '0s'", "timeout: must be from \"1s\" to \"600s\""),
        ("password = 'x'", "password: a secret is never written out: { env = \"…\" } or { file = \"…\" }"),
    ] {
        assert_eq!(keys(written).unwrap_err().to_string(), expected, "{written}");
    }
}
