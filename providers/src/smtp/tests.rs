//! Against a scripted server on loopback; the mails are read back by another parser.

mod arrival;
mod server;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use mail_parser::{MessageParser, MimeHeaders as _};
use proptest::prelude::*;
use secrecy::SecretString;

use self::server::{
    Answer::{HangUp, ReadAndHangUp, Say, SayAndHangUp, Silence},
    MailFrom, Rcpt, Script, Server,
};
use super::*;
use crate::{Address, Attachment, Content, Email};

const PLAIN: &str = "250-test\r\n250 8BITMIME";

fn settings(port: u16) -> Settings {
    Settings {
        host: "127.0.0.1".into(),
        port,
        tls: Tls::None,
        username: None,
        password: None,
        from: "Sở Văn hóa <canhbao@phường.example.vn>".parse().unwrap(),
        reply_to: None,
        bounces: None,
        bounce: None,
        unsubscribe: None,
        dkim: Vec::new(),
        window: 4,
        timeout: Duration::from_secs(20),
        allow_private: true,
        ca_pem: None,
        hello_name: None,
        now: Arc::new(|| DateTime::from_timestamp(1_790_000_000, 0).unwrap()),
    }
}

fn mail(to: &str) -> Outgoing {
    Outgoing {
        reference: "0a1b2c3d4e5f".into(),
        to: Address::new(to),
        content: Content::Email(Box::new(Email {
            to_name: Some("Trần Thị Bé, \"Tư\"".into()),
            subject: "Cảnh báo: không đọc mã OTP cho bất kỳ ai, kể cả người tự xưng là công an hay nhân viên ngân hàng".into(),
            text: "Kính gửi bà\n.một dấu chấm đầu dòng\n..\n.\nHết".into(),
            html: "<p lang=\"vi\">Kính gửi <b>bà</b></p>\n.\n".into(),
            attachments: vec![],
            pictures: vec![],
            unsubscribe_url: Some("https://canhbao.example.vn/u/abc".into()),
            list: Some("otp".into()),
            language: "vi".into(),
            urgent: false,
        })),
        expires: None,
        callback: None,
    }
}

fn edited(edit: impl FnOnce(&mut Email)) -> Outgoing {
    let mut outgoing = mail("an@example.vn");
    if let Content::Email(email) = &mut outgoing.content {
        edit(email);
    }
    outgoing
}

async fn send(gateway: &SmtpGateway, outgoing: Outgoing) -> Result<Accepted, SendError> {
    gateway.send(&[outgoing]).await.remove(0)
}

async fn outcome(script: Script) -> SendError {
    let server = Server::start(script).await;
    let gateway = SmtpGateway::new(settings(server.port)).unwrap();
    send(&gateway, mail("an@example.vn")).await.unwrap_err()
}

/// The judgement in a word or two.
fn brief(error: &SendError) -> String {
    match error {
        SendError::Retry { scope, reason, .. } => format!("retry {scope:?} {reason}").to_lowercase(),
        SendError::Reject { reason, .. } => format!("reject {reason}"),
        SendError::OptedOut { .. } => "opted out".into(),
        SendError::Misconfigured { .. } => "misconfigured".into(),
        SendError::InDoubt { .. } => "in doubt".into(),
    }
}

#[tokio::test]
async fn a_mail_reads_back_as_it_was_meant() {
    let server = Server::start(Script::default()).await;
    let mut settings = settings(server.port);
    settings.bounce = Some("bounce@example.vn".parse().unwrap());
    settings.reply_to = Some("Hỏi đáp <hoi@example.vn>".parse().unwrap());
    let gateway = SmtpGateway::new(settings).unwrap();
    let pdf = Bytes::from((0..=255).cycle().take(5000).collect::<Vec<u8>>());
    let file = Attachment { name: "Cẩm nang số 1.pdf".into(), media_type: "application/pdf".into(), bytes: pdf.clone() };
    let outgoing = edited(|email| email.attachments = vec![Arc::new(file)]);
    assert_eq!(send(&gateway, outgoing.clone()).await, Ok(Accepted::default()));

    let raw = server.seen(|seen| seen.mails[0].clone());
    assert!(raw.is_ascii() && raw.split(|byte| *byte == b'\n').all(|line| line.len() <= 998));
    let parsed = MessageParser::default().parse(&raw).unwrap();
    let Content::Email(meant) = &outgoing.content else { panic!() };
    assert_eq!(parsed.subject(), Some(meant.subject.as_str()));
    let from = parsed.from().unwrap().first().unwrap();
    assert_eq!((from.name(), from.address()), (Some("Sở Văn hóa"), Some("canhbao@xn--phng-rib8295b.example.vn")));
    let to = parsed.to().unwrap().first().unwrap();
    assert_eq!((to.name(), to.address()), (Some("Trần Thị Bé, \"Tư\""), Some("an@example.vn")));
    assert_eq!(parsed.reply_to().unwrap().first().unwrap().name(), Some("Hỏi đáp"));
    assert_eq!(parsed.message_id(), Some("0a1b2c3d4e5f@xn--phng-rib8295b.example.vn"));
    assert_eq!(parsed.date().unwrap().to_timestamp(), 1_790_000_000);
    assert_eq!(parsed.body_text(0).unwrap().replace("\r\n", "\n").trim_end(), meant.text);
    assert_eq!(parsed.body_html(0).unwrap().replace("\r\n", "\n").trim_end(), meant.html.trim_end());
    let attached = parsed.attachment(0).unwrap();
    assert_eq!(attached.attachment_name(), Some("Cẩm nang số 1.pdf"));
    assert_eq!(attached.contents(), &pdf[..]);
    let header = |name: &'static str| parsed.header_raw(name).map(str::trim);
    assert_eq!(header("List-Unsubscribe"), Some("<https://canhbao.example.vn/u/abc>"));
    assert_eq!(header("List-Unsubscribe-Post"), Some("List-Unsubscribe=One-Click"));
    assert_eq!(header("List-Id"), Some("<otp.xn--phng-rib8295b.example.vn>"));
    assert_eq!(header("Content-Language"), Some("vi"));
    assert_eq!(header("Auto-Submitted"), Some("auto-generated"));
    assert_eq!(header("Precedence"), Some("bulk"));
    let commands = server.seen(|seen| seen.commands.clone());
    assert_eq!(commands[0], "EHLO xn--phng-rib8295b.example.vn");
    assert_eq!(commands[1], format!("MAIL FROM:<bounce@example.vn> SIZE={}", raw.len()));
    assert_eq!(commands[2..], ["RCPT TO:<an@example.vn>", "DATA"]);
}

#[tokio::test]
async fn two_sends_of_one_attempt_are_the_same_bytes() {
    let server = Server::start(Script::default()).await;
    let gateway = SmtpGateway::new(settings(server.port)).unwrap();
    for _ in 0..2 {
        send(&gateway, mail("an@example.vn")).await.unwrap();
    }
    assert!(server.seen(|seen| seen.connections == 1 && seen.mails[0] == seen.mails[1]));
}

#[tokio::test]
async fn every_class_of_answer_is_judged() {
    let refused_rcpt: [(Rcpt, &str); 29] = [
        (|_| Say("550 5.1.1 <an@example.vn>: no such user"), "reject no-such-address"),
        (|_| Say("550 no such user"), "reject no-such-address"),
        (|_| Say("553 5.1.3 bad address"), "reject no-such-address"),
        (|_| Say("552 5.2.2 mailbox full"), "reject full"),
        (|_| Say("552 mailbox full"), "reject full"),
        (|_| Say("550 5.2.1 disabled"), "reject unreachable"),
        (|_| Say("550 5.7.1 blocked"), "reject blocked"),
        (|_| Say("554 refused"), "reject other"),
        (|_| Say("550 5.1.8 sender's domain unknown"), "misconfigured"),
        (|_| Say("530 5.7.0 sign in first"), "misconfigured"),
        (|_| Say("450 4.2.1 busy"), "retry message unreachable"),
        (|_| Say("450 4.7.1 Greylisted, come back later"), "retry message blocked"),
        (|_| Say("450 4.7.1 too much mail from you"), "retry domain blocked"),
        (|_| Say("421 4.7.28 unusual rate"), "retry domain blocked"),
        (|_| Say("550 5.1.10 null MX"), "reject no-such-address"),
        (|_| Say("553 5.6.7 no SMTPUTF8 here"), "reject no-such-address"),
        (|_| Say("550 5.7.17 mailbox owner has changed"), "reject no-such-address"),
        (|_| Say("550 5.4.1 Recipient address rejected: Access denied"), "reject no-such-address"),
        (|_| Say("550 5.4.4 no route"), "reject unreachable"),
        (|_| Say("550 5.7.26 not authenticated: SPF and DKIM failed"), "misconfigured"),
        (|_| Say("550 5.7.25 no reverse DNS"), "misconfigured"),
        (|_| Say("525 5.7.13 account disabled"), "misconfigured"),
        (|_| Say("554 5.7.1 <an@example.vn>: Relay access denied"), "misconfigured"),
        (|_| Say("550 5.7.28 mail flood"), "reject blocked"),
        (|_| Say("452 4.2.2 full"), "retry message full"),
        (|_| Say("452 4.3.1 no space here"), "retry account unreachable"),
        (|_| Say("451 try later"), "retry message unreachable"),
        (|_| Say("421 4.3.2 shutting down"), "retry account unreachable"),
        (|_| Say("what?"), "retry message unreachable"),
    ];
    for ehlo in [PLAIN, "250-test\r\n250 PIPELINING"] {
        let script = Script { ehlo: Say(ehlo), ..Script::default() };
        for (rcpt, expected) in refused_rcpt {
            assert_eq!(brief(&outcome(Script { rcpt, ..script }).await), expected, "RCPT {:?}", rcpt(""));
        }
        let refused_mail: [(MailFrom, &str); 6] = [
            (|_, _| Say("550 5.7.1 sender refused"), "misconfigured"),
            (|_, _| Say("530 5.7.0 sign in first"), "misconfigured"),
            (|_, _| Say("552 5.3.4 too large"), "reject content"),
            (|_, _| Say("451 4.3.0 later"), "retry account unreachable"),
            (|_, _| Say("450 4.7.1 too many"), "retry pace quota"),
            (|_, _| Say("421 too many"), "retry account unreachable"),
        ];
        for (mail, expected) in refused_mail {
            assert_eq!(brief(&outcome(Script { mail, ..script }).await), expected, "MAIL {:?}", mail("", 0));
        }
        for (data, expected) in [
            (Say("451 4.3.0 later"), "retry account unreachable"),
            (Say("450 later"), "retry message unreachable"),
            (Say("554 5.5.1 no"), "reject other"),
            (Say("250 what"), "retry message unreachable"),
        ] {
            assert_eq!(brief(&outcome(Script { data, ..script }).await), expected, "DATA {data:?}");
        }
        for (end, expected) in [
            (Say("554 5.7.1 spam"), "reject blocked"),
            (Say("554 no"), "reject content"),
            (Say("552 5.3.4 too large"), "reject content"),
            (Say("552 5.2.2 full"), "reject full"),
            (Say("550 5.6.0 bad content"), "reject content"),
            (Say("451 4.7.1 later"), "retry domain blocked"),
            (Say("452 4.3.1 no space"), "retry account unreachable"),
            (Say("421 4.3.0 good-bye"), "retry account unreachable"),
            (Say("354 what"), "in doubt"),
            (Say("nonsense"), "in doubt"),
        ] {
            assert_eq!(brief(&outcome(Script { end, ..script }).await), expected, "final dot {end:?}");
        }
    }
    for (greeting, expected) in [
        (Say("554 5.7.1 not you"), "misconfigured"),
        (Say("421 too many"), "retry account unreachable"),
        (Say("SSH-2.0-OpenSSH"), "retry account unreachable"),
    ] {
        assert_eq!(brief(&outcome(Script { greeting, ..Script::default() }).await), expected, "{greeting:?}");
    }
}

#[tokio::test]
async fn a_broken_connection_is_in_doubt_only_after_the_final_dot() {
    let ok = Script::default();
    let plain = Script { ehlo: Say(PLAIN), ..ok };
    for (script, expected) in [
        (Script { greeting: HangUp, ..ok }, "retry account unreachable"),
        (Script { ehlo: HangUp, ..ok }, "retry account unreachable"),
        (Script { mail: |_, _| HangUp, ..ok }, "retry message unreachable"),
        (Script { mail: |_, _| HangUp, ..plain }, "retry message unreachable"),
        (Script { rcpt: |_| HangUp, ..ok }, "retry message unreachable"),
        (Script { rcpt: |_| HangUp, ..plain }, "retry message unreachable"),
        (Script { data: HangUp, ..ok }, "retry message unreachable"),
        (Script { data: HangUp, ..plain }, "retry message unreachable"),
        (Script { end: HangUp, ..ok }, "in doubt"),
        (Script { end: SayAndHangUp("25"), ..ok }, "in doubt"),
        (Script { end: SayAndHangUp("250-half"), ..ok }, "in doubt"),
    ] {
        assert_eq!(brief(&outcome(script).await), expected, "{script:?}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_within_the_content_took_nothing() {
    let server = Server::start(Script { end: ReadAndHangUp, ..Script::default() }).await;
    let gateway = SmtpGateway::new(settings(server.port)).unwrap();
    // More than the buffers of both ends hold, so that the final dot cannot have left.
    let bytes = Bytes::from(vec![b'x'; 24 << 20]);
    let file = Attachment { name: "x".into(), media_type: "application/zip".into(), bytes };
    let error = send(&gateway, edited(|email| email.attachments = vec![Arc::new(file)])).await.unwrap_err();
    assert_eq!(brief(&error), "retry message unreachable");
}

#[tokio::test]
async fn silence_ends_in_time_and_is_judged_by_how_far_it_came() {
    let ok = Script::default();
    for (script, expected) in [
        (Script { greeting: Silence, ..ok }, "retry account unreachable"),
        (Script { mail: |_, _| Silence, ehlo: Say(PLAIN), ..ok }, "retry message unreachable"),
        (Script { data: Silence, ..ok }, "retry message unreachable"),
        (Script { end: Silence, ..ok }, "in doubt"),
    ] {
        let server = Server::start(script).await;
        let gateway = SmtpGateway::new(Settings { timeout: Duration::from_millis(300), ..settings(server.port) }).unwrap();
        let error = send(&gateway, mail("an@example.vn")).await.unwrap_err();
        assert_eq!(brief(&error), expected, "{script:?}");
    }
}

#[tokio::test]
async fn connections_are_kept_reset_reopened_and_bounded() {
    let rcpt = |line: &str| if line.contains("khong") { Say("550 5.1.1 no") } else { Say("250 Ok") };
    for ehlo in [PLAIN, "250-test\r\n250 PIPELINING"] {
        let server = Server::start(Script { rcpt, ehlo: Say(ehlo), ..Script::default() }).await;
        let gateway = SmtpGateway::new(settings(server.port)).unwrap();
        for to in ["an@example.vn", "khong@example.vn", "binh@example.vn"] {
            let _ = send(&gateway, mail(to)).await;
        }
        server.seen(|seen| {
            assert_eq!((seen.connections, seen.mails.len()), (1, 2));
            assert_eq!(seen.commands.iter().filter(|command| *command == "RSET").count(), 1);
        });
        let batch: Vec<Outgoing> = (0..40).map(|n| mail(&format!("a{n}@example.vn"))).collect();
        assert!(gateway.send(&batch).await.iter().all(Result::is_ok));
        server.seen(|seen| assert!(seen.most_open <= 4 && seen.mails.len() == 42, "{seen:?}"));
    }
}

#[tokio::test]
async fn a_refusal_stands_whatever_the_server_does_afterwards() {
    let refusals: [(Script, &str); 2] = [
        (Script { end: Say("554 5.7.1 spam"), ..Script::default() }, "reject blocked"),
        (Script { rcpt: |_| Say("550 5.1.1 no"), ..Script::default() }, "reject no-such-address"),
    ];
    for (script, expected) in refusals {
        for rset in [Silence, HangUp, Say("500 what")] {
            let server = Server::start(Script { rset, ..script }).await;
            let gateway = SmtpGateway::new(Settings { timeout: Duration::from_millis(300), ..settings(server.port) }).unwrap();
            assert_eq!(brief(&send(&gateway, mail("an@example.vn")).await.unwrap_err()), expected);
            let second = send(&gateway, mail("an@example.vn")).await.unwrap_err();
            // Only a server that is silent on RSET itself keeps the second one waiting, and nothing of it was said.
            let silent = matches!(rset, Silence) && expected.ends_with("address");
            assert_eq!(brief(&second), if silent { "retry message unreachable" } else { expected }, "{rset:?}");
        }
    }
}

#[tokio::test]
async fn a_kept_connection_that_the_server_gave_up_is_replaced_at_once() {
    for mail_answer in
        [(|_, taken| if taken == 0 { Say("250 Ok") } else { SayAndHangUp("421 4.4.2 idle too long") }) as MailFrom, |_, taken| {
            if taken == 0 { Say("250 Ok") } else { HangUp }
        }]
    {
        let server = Server::start(Script { mail: mail_answer, ..Script::default() }).await;
        let gateway = SmtpGateway::new(settings(server.port)).unwrap();
        for _ in 0..3 {
            send(&gateway, mail("an@example.vn")).await.unwrap();
        }
        assert_eq!(server.seen(|seen| (seen.connections, seen.mails.len())), (3, 3));
    }
    let server = Server::start(Script { end: SayAndHangUp("250 Ok"), ..Script::default() }).await;
    let gateway = SmtpGateway::new(settings(server.port)).unwrap();
    for _ in 0..3 {
        send(&gateway, mail("an@example.vn")).await.unwrap();
    }
    assert_eq!(server.seen(|seen| seen.mails.len()), 3);
}

#[tokio::test]
async fn a_refused_recipient_whose_content_is_wanted_all_the_same_ends_the_connection() {
    // Pipelined: RCPT is refused, yet DATA is answered with 354.
    // The second line stands where the server's answer to DATA is expected.
    let rcpt = |line: &str| if line.contains("khong") { Say("550 5.1.1 no\r\n354 go on") } else { Say("250 Ok") };
    let server = Server::start(Script { rcpt, ..Script::default() }).await;
    let gateway = SmtpGateway::new(settings(server.port)).unwrap();
    let error = send(&gateway, mail("khong@example.vn")).await.unwrap_err();
    assert_eq!(brief(&error), "reject no-such-address");
    send(&gateway, mail("an@example.vn")).await.unwrap();
    assert_eq!(server.seen(|seen| (seen.connections, seen.mails.len())), (2, 1));
}

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

#[tokio::test]
async fn nobody_listening_is_about_the_account() {
    let port = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port();
    let gateway = SmtpGateway::new(settings(port)).unwrap();
    assert_eq!(brief(&send(&gateway, mail("an@example.vn")).await.unwrap_err()), "retry account unreachable");
    assert_eq!(brief(&gateway.test().await.unwrap_err()), "retry account unreachable");
}

#[tokio::test]
async fn addresses_are_checked_before_a_byte_leaves() {
    let server = Server::start(Script::default()).await;
    let gateway = SmtpGateway::new(settings(server.port)).unwrap();
    for bad in ["an", "an@", "@example.vn", "a>\r\nDATA@example.vn", "a b@example.vn", "an@exa mple.vn", "an@x\r\n.vn"] {
        assert_eq!(brief(&send(&gateway, mail(bad)).await.unwrap_err()), "reject no-such-address", "{bad:?}");
    }
    assert_eq!(server.seen(|seen| seen.connections), 0);
    send(&gateway, mail("an@thư.example.vn")).await.unwrap();
    assert!(server.seen(|seen| seen.commands.contains(&"RCPT TO:<an@xn--th-e0a.example.vn>".to_owned())));
    let sms = crate::text::sms("a", true, 1).unwrap();
    let wrong = Outgoing { content: Content::Sms(sms), ..mail("an@example.vn") };
    assert_eq!(brief(&send(&gateway, wrong).await.unwrap_err()), "reject other");
    for url in ["https://x.vn/>\r\nBcc: a@b.vn", "javascript:x", "https://x.vn/ư"] {
        let error = send(&gateway, edited(|email| email.unsubscribe_url = Some(url.into()))).await.unwrap_err();
        assert_eq!(brief(&error), "reject content", "{url:?}");
    }
}

#[tokio::test]
async fn no_judgement_repeats_an_address() {
    let rcpt = |_: &str| Say("550 5.1.1 <an@example.vn>: Recipient address rejected: an@example.vn has <a@b>:<c@d>");
    let error = outcome(Script { rcpt, ..Script::default() }).await;
    assert_eq!(
        error.to_string(),
        "rejected (no-such-address): 550 5.1.1 <a***@example.vn>: Recipient address rejected: a***@example.vn has ***@***"
    );
}

fn keys(written: &str) -> Result<Settings, KeyError> {
    let settings: BTreeMap<String, toml::Value> = toml::from_str(written).unwrap();
    let secrets =
        [("password", "x"), ("username", "from-env")].map(|(key, secret)| (key.to_owned(), SecretString::from(secret))).into();
    let surroundings = Surroundings {
        window: 3,
        allow_private: false,
        ca_pem: None,
        dkim: Vec::new(),
        now: Arc::new(|| DateTime::<Utc>::MIN_UTC),
    };
    Settings::from_keys(&settings, &secrets, surroundings)
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

proptest! {
    #[test]
    fn nothing_in_a_mail_becomes_a_header_or_ends_it(
        subject in "[ -~\r\nđấ\u{0}\u{85}\u{2028}]{0,200}",
        name in "[ -~\r\nđấ]{0,80}",
        text in "[.\r\na đ]{0,300}",
    ) {
        let outgoing = edited(|email| {
            email.subject.clone_from(&subject);
            email.to_name = Some(name.clone());
            email.text.clone_from(&text);
        });
        let mut built = mime::build(&settings(25), &outgoing).unwrap().content;
        prop_assert!(built.ends_with(b"\r\n.\r\n"));
        built.truncate(built.len() - 3);
        prop_assert!(built.is_ascii());
        // Every line ends with both, and no line is a lone dot: no server can see an end, or a second mail, in it.
        let text_of = String::from_utf8(built).unwrap();
        prop_assert!(text_of.split_inclusive("\r\n").all(|line| line.ends_with("\r\n") && line.trim_end_matches("\r\n").find(['\r', '\n']).is_none() && line.len() <= 1000));
        prop_assert!(text_of.split("\r\n").all(|line| line != "."));
        let head = text_of.split("\r\n\r\n").next().unwrap_or_default();
        let names: Vec<&str> = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t'])).map(|line| line.split(':').next().unwrap_or_default()).collect();
        prop_assert_eq!(names.len(), 13, "{:?}", names);
        let parsed = MessageParser::default().parse(text_of.as_bytes()).unwrap();
        let collapsed = mailbox::one_line(&subject);
        prop_assert_eq!(mailbox::one_line(parsed.subject().unwrap_or_default()), collapsed);
    }
}
