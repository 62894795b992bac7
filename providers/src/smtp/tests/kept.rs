//! Connections are kept and reused, and given up where they must be.

use super::server::{
    Answer::{HangUp, Say, SayAndHangUp},
    MailFrom, Script, Server,
};
use super::*;

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
