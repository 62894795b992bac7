use super::*;

const REFERENCE: &str = "0000000h60g0g2h0a1b2c3d4";

fn names() -> Names {
    Names::new(Some("bounces+{ref}@example.vn".parse().unwrap()), "example.vn")
}

/// A mail to the address of [`REFERENCE`]'s bounces.
fn mail(headers: &str, body: &str) -> String {
    format!("Delivered-To: bounces+{REFERENCE}@example.vn\r\n{headers}\r\n\r\n{}", body.replace('\n', "\r\n"))
}

fn report(kind: &str, machine: &str) -> String {
    let headers = format!(
        "From: MAILER-DAEMON@mx.example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type={kind}; boundary=b"
    );
    let body = format!(
        "--b\nContent-Type: text/plain\n\nThis is the mail system at host mx.example.com.\n\n--b\nContent-Type: message/{kind}\n\n{machine}\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <{REFERENCE}@example.vn>\nSubject: spam\n\n--b--\n"
    );
    // The Message-ID alone names the attempt.
    mail(&headers, &body).replace(&format!("bounces+{REFERENCE}"), "bounces")
}

fn status(fields: &str) -> Verdict {
    let report = report(
        "delivery-status",
        &format!("Reporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; an@example.com\n{fields}\n"),
    );
    let report = read(report.as_bytes(), &names());
    assert_eq!(report.reference.as_deref(), Some(REFERENCE));
    report.verdict
}

fn failed(verdict: Verdict) -> (Reason, String) {
    match verdict {
        Verdict::Failed { reason, detail } => (reason, detail),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_report_says_what_became_of_a_mail_and_why() {
    let (reason, detail) = failed(status(
        "Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 5.1.1\n <an@example.com>: Recipient address rejected",
    ));
    assert_eq!(
        (reason, detail.as_str()),
        (Reason::NoSuchAddress, "5.0.0 550 5.1.1 <a***@example.com>: Recipient address rejected")
    );
    assert_eq!(failed(status("Action: failed\nStatus: 5.2.2")).0, Reason::Full);
    assert_eq!(failed(status("Action: failed\nStatus: 4.4.7")).0, Reason::Unreachable);
    assert_eq!(failed(status("Status: 5.7.1")).0, Reason::Blocked);
    assert!(matches!(status("Action: delayed\nStatus: 4.4.1"), Verdict::Delayed { .. }));
    assert_eq!(status("Action: delivered\nStatus: 2.0.0"), Verdict::Delivered);
    assert_eq!(status("Action: relayed\nStatus: 2.1.9"), Verdict::Relayed);
    // Of two the worse one: the other may be where it was passed on from.
    let two = "Action: relayed\nStatus: 2.0.0\n\nFinal-Recipient: rfc822; b@example.com\nAction: failed\nStatus: 5.1.1";
    assert_eq!(failed(status(two)).0, Reason::NoSuchAddress);
}

#[test]
fn a_complaint_is_one_unless_the_mail_was_wanted() {
    let kind = |kind: &str| {
        let report = report("feedback-report", &format!("Feedback-Type: {kind}\nUser-Agent: Test/1\nVersion: 1\n"));
        read(report.as_bytes(), &names())
    };
    let complaint = Report { verdict: Verdict::Complaint { detail: "abuse".into() }, reference: Some(REFERENCE.into()) };
    assert_eq!(kind("abuse"), complaint);
    assert_eq!(kind("not-spam").verdict, Verdict::Unclear);
    assert_eq!(kind("auth-failure").verdict, Verdict::Unclear);
}

#[test]
fn programs_without_a_standard_are_understood() {
    let qmail = "Hi. This is the qmail-send program at example.com.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n<an@example.com>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\nSubject: over quota\n";
    let exim = "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  an@example.com\n    mailbox is full\n";
    let exchange = "Your message did not reach some or all of the intended recipients.\n\nThe following recipient(s) could not be reached:\n  'an' on 1/2/2026\n  The e-mail account does not exist at the organization this message was sent to.\n  <mx.example.com #5.1.1>\n";
    let warning = "This message was created automatically by mail delivery software.\nA message that you sent has not yet been delivered to one or more of its\nrecipients after more than 24 hours on the queue.\n\nNo action is required on your part. Delivery attempts will continue for\nsome time\n";
    let read = |from: &str, body: &str| {
        let report = read(mail(&format!("From: {from}\r\nSubject: failure notice"), body).as_bytes(), &names());
        assert_eq!(report.reference.as_deref(), Some(REFERENCE));
        report.verdict
    };
    // Words are kept as they were compared: in lower case.
    let said = (Reason::NoSuchAddress, "sorry, no mailbox here by that name. (#5.1.1)".to_owned());
    assert_eq!(failed(read("MAILER-DAEMON@example.com", qmail)), said);
    assert_eq!(failed(read("Mail Delivery System <Mailer-Daemon@example.com>", exim)).0, Reason::Full);
    assert_eq!(failed(read("System Administrator <postmaster@example.com>", exchange)).0, Reason::NoSuchAddress);
    assert!(matches!(read("Mailer-Daemon@example.com", warning), Verdict::Delayed { .. }));
}

#[test]
fn what_machines_and_people_answer_is_no_bounce() {
    let read = |headers: &str, body: &str| read(mail(headers, body).as_bytes(), &names()).verdict;
    assert_eq!(
        read("From: an@example.com\r\nAuto-Submitted: auto-replied\r\nSubject: Re: Canh bao", "I am away."),
        Verdict::AutoReply
    );
    assert_eq!(
        read("From: an@example.com\r\nSubject: =?utf-8?q?Tr=E1=BA=A3_l=E1=BB=9Di_t=E1=BB=B1_=C4=91=E1=BB=99ng?=", "Vang mat."),
        Verdict::AutoReply
    );
    assert_eq!(read("From: an@example.com\r\nSubject: Please confirm your message", "Click here."), Verdict::Challenge);
    assert_eq!(read("From: an@example.com\r\nSubject: Re: Canh bao", "Cam on."), Verdict::Unclear);
}

#[test]
fn nothing_that_comes_is_too_strange() {
    for bytes in [&b""[..], b"\r\n", b"\xff\xfe\x00", &vec![b'a'; 300_000]] {
        assert_eq!(read(bytes, &names()), Report { verdict: Verdict::Unclear, reference: None });
    }
    let nested =
        (0..40).fold(String::from("Subject: x\r\n\r\ny"), |inner, _| format!("Content-Type: message/rfc822\r\n\r\n{inner}"));
    assert_eq!(read(nested.as_bytes(), &names()).verdict, Verdict::Unclear);
}

fn maildir() -> (std::path::PathBuf, Bounces) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let path = std::env::temp_dir().join(format!("loa-maildir-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    for folder in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(path.join(folder)).unwrap();
    }
    let settings = Settings { place: Place::Maildir(path.clone()), every: Duration::from_mins(1) };
    let bounces = Bounces::new(settings, Some("bounces+{ref}@example.vn".parse().unwrap()), "example.vn").unwrap();
    (path, bounces)
}

fn files(path: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = ["new", "cur"]
        .iter()
        .flat_map(|folder| {
            std::fs::read_dir(path.join(folder))
                .unwrap()
                .map(move |entry| format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap()))
        })
        .collect();
    names.sort();
    names
}

#[tokio::test(start_paused = true)]
async fn a_mail_is_marked_only_once_it_is_committed() {
    let (path, bounces) = maildir();
    std::fs::write(path.join("new/2.a"), mail("From: an@example.com\r\nAuto-Submitted: auto-replied", "away")).unwrap();
    std::fs::write(
        path.join("cur/1.b:2,R"),
        report("delivery-status", "Final-Recipient: rfc822; an@example.com\nAction: failed\nStatus: 5.1.1"),
    )
    .unwrap();
    std::fs::write(path.join("cur/0.c:2,S"), "of yesterday").unwrap();
    let arrival = bounces.next().await;
    let [Event::Receipt(receipt), Event::Leftover(Leftover::AutoReply)] = &arrival.events[..] else { panic!("{arrival:?}") };
    assert_eq!((&receipt.about, receipt.state), (&About::Reference(REFERENCE.into()), ReceiptState::Undelivered));
    assert_eq!(receipt.reason, Some(Reason::NoSuchAddress));
    // Not stored: it comes again.
    drop(arrival);
    let arrival = bounces.next().await;
    assert_eq!(arrival.events.len(), 2);
    assert_eq!(files(&path), ["cur/0.c:2,S", "cur/1.b:2,R", "new/2.a"]);
    arrival.acknowledge.committed();
    // Nothing is left; a new mail is found at the next look.
    assert!(timeout(Duration::from_secs(10), bounces.next()).await.is_err());
    assert_eq!(files(&path), ["cur/0.c:2,S", "cur/1.b:2,RS", "cur/2.a:2,S"]);
    std::fs::write(path.join("new/3.d"), "Subject: hi\r\n\r\nhi").unwrap();
    let arrival = bounces.next().await;
    assert_eq!(arrival.events, [Event::Leftover(Leftover::Unclear)]);
    arrival.acknowledge.committed();
    bounces.close().await;
    assert_eq!(files(&path).last().unwrap(), "cur/3.d:2,S");
    std::fs::remove_dir_all(path).unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_no_mail_holds_nothing_up() {
    let (path, bounces) = maildir();
    std::fs::create_dir(path.join("new/0.folder")).unwrap();
    std::fs::write(path.join("new/2.a"), "Subject: hi\r\n\r\nhi").unwrap();
    let arrival = timeout(Duration::from_mins(10), bounces.next()).await.expect("the mail behind them is read");
    assert_eq!(arrival.events, [Event::Leftover(Leftover::Unclear)]);
    std::fs::remove_dir_all(path).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_that_comes_back_is_read() {
    let (path, bounces) = maildir();
    std::fs::remove_dir_all(&path).unwrap();
    assert!(timeout(Duration::from_mins(10), bounces.next()).await.is_err());
    assert!(bounces.test().await.is_err());
    for folder in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(path.join(folder)).unwrap();
    }
    assert_eq!(bounces.test().await.unwrap(), "0 unread bounces");
    std::fs::write(path.join("new/1.a"), "Subject: hi\r\n\r\nhi").unwrap();
    assert_eq!(bounces.next().await.events.len(), 1);
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn settings_say_what_is_wrong_with_them() {
    let read = |written: &str| {
        let table: toml::Value = toml::from_str(written).unwrap();
        let secrets = [("imap.password".to_owned(), secrecy::SecretString::from("x"))].into();
        Settings::from_keys(&table, &secrets, false, None)
    };
    let Ok(Settings { place: Place::Imap(imap), every }) = read("imap = { host = \"imap.example.vn\", username = \"b\" }") else {
        panic!("it is all there")
    };
    assert_eq!((imap.port, imap.folder.as_str(), every), (993, "INBOX", Duration::from_mins(1)));
    let faults = [
        "",
        "maildir = \"/a\"\nimap = {}",
        "maildir = \"bounces\"",
        "maildir = \"/a\"\nevry = \"1m\"",
        "maildir = \"/a\"\nevery = \"1\"",
        "imap = \"imap.example.vn\"",
        "imap = { host = \"imap.example.vn\" }",
        "imap = { host = \"imap.example.vn\", username = \"b\", tls = \"yes\" }",
    ]
    .map(|written| read(written).unwrap_err().to_string());
    insta::assert_snapshot!(faults.join("\n"), @r#"
    bounces: must say either maildir = "/…" or imap = { host = "…", … }
    bounces: must say either maildir = "/…" or imap = { host = "…", … }
    bounces.maildir: must be the whole path of a folder, such as /var/mail/loa
    bounces.evry: unknown; did you mean every?
    bounces.every: must be from "1s" to "86400s"
    bounces.imap: must be a table, such as imap = { host = "imap.example.vn", username = "…", password = { env = "…" } }
    bounces.imap.username: is missing, such as username = "bounces@example.vn"
    bounces.imap.tls: "yes" is none of none, starttls, implicit
    "#);
    let clear = read("imap = { host = \"imap.example.vn\", username = \"b\", tls = \"none\" }").unwrap();
    assert!(matches!(Bounces::new(clear, None, "example.vn"), Err(BuildError::ClearPassword)));
}
