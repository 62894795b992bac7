//! How a mail is written: it reads back as it was meant, and nothing in it becomes more than it is.

use std::sync::Arc;

use bytes::Bytes;
use mail_parser::{MessageParser, MimeHeaders as _};
use proptest::prelude::*;

use super::server::{Script, Server};
use super::*;
use crate::{Attachment, Content};

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
