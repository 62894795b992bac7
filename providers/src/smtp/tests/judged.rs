//! How answers, silence and broken connections are judged, and what is judged before a byte leaves.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::server::{
    Answer::{HangUp, ReadAndHangUp, Say, SayAndHangUp, Silence},
    MailFrom, Rcpt, Script, Server,
};
use super::*;
use crate::{Attachment, Content};

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
