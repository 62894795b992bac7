//! What the stand-in mail server sends back of a mail that it took and could not deliver (RFC 3464).

use chrono::{DateTime, Utc};

/// The report to `sender` of a mail for `to`, by its number: three of four times there is no such mailbox, else it is full.
pub(super) fn report(number: u64, sender: &str, to: &str, message_id: Option<&str>, now: DateTime<Utc>) -> String {
    let (status, said) = match number % 4 {
        0 => ("5.2.2", "552 5.2.2 The mailbox is full"),
        _ => ("5.1.1", "550 5.1.1 No such mailbox here"),
    };
    let date = now.to_rfc2822();
    let message_id = message_id.map(|id| format!("Message-ID: <{id}>\n")).unwrap_or_default();
    format!(
        "Return-Path: <>\n\
         Delivered-To: {sender}\n\
         Date: {date}\n\
         From: Mail Delivery System <MAILER-DAEMON@sandbox.loa.example>\n\
         To: {sender}\n\
         Subject: Undelivered Mail Returned to Sender\n\
         Auto-Submitted: auto-replied\n\
         MIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"report-{number}\"\n\
         \n\
         --report-{number}\n\
         Content-Type: text/plain; charset=utf-8\n\
         \n\
         This is the stand-in mail server. Your mail could not be delivered: {said}\n\
         \n\
         --report-{number}\n\
         Content-Type: message/delivery-status\n\
         \n\
         Reporting-MTA: dns; sandbox.loa.example\n\
         \n\
         Final-Recipient: rfc822; {to}\n\
         Action: failed\n\
         Status: {status}\n\
         Diagnostic-Code: smtp; {said}\n\
         \n\
         --report-{number}\n\
         Content-Type: text/rfc822-headers\n\
         \n\
         Return-Path: <{sender}>\n\
         {message_id}\
         \n\
         --report-{number}--\n"
    )
}
