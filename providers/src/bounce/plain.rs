//! What mail servers write that keep to no standard, and what machines of people answer.
//!
//! A bounce is known by its shape: a header or a sentence that its program always writes, or a mailer daemon's name. Then its
//! words tell whether it is final, and why.

use mail_parser::{HeaderValue, Message};

use super::{read::Verdict, status};
use crate::smtp::scrubbed;

/// Sentences of programs that report failures, in lower case: qmail, Exim, Postfix, sendmail, Exchange, Lotus Notes, Novell
/// `GroupWise`, Netscape, `CommuniGate` and their kin.
const FAILED: &[&str] = &[
    "this is the qmail-send program",
    "i'm sorry to have to inform you",
    "i wasn't able to deliver your message",
    "this is a permanent error",
    "mail delivery software",
    "mail system at host",
    "the following addresses had",
    "the following address failed",
    "the following addresses failed",
    "delivery to the following recipient",
    "could not be delivered",
    "was not delivered",
    "wasn't delivered",
    "couldn't be delivered",
    "cannot be delivered",
    "can't be delivered",
    "can not be delivered",
    "couldn't deliver",
    "could not deliver",
    "unable to deliver",
    "not able to deliver",
    "undeliverable",
    "undelivered mail",
    "undelivered message",
    "delivery failed",
    "delivery failure",
    "delivery has failed",
    "failed to deliver",
    "failed delivery",
    "returned mail",
    "returned to sender",
    "did not reach",
    "has not been delivered",
    "not been delivered",
    "permanent fatal errors",
    "failed recipient",
    "failed addresses",
    "recipient's address",
    "the user(s) account",
    "do not have an account",
    "no transport provider",
    "unknown local-part",
    "delivery error",
    "mail failure",
    "message bounced",
    "mail bounced",
    "bounced by",
    "failure notice",
    "failed mail",
    "non-delivery",
    "nondeliverable",
    "non-deliverable",
    "non delivery",
    "your mail to",
    "your message to",
    "your message could",
    "the message that you sent",
    "message you sent",
    "message was rejected",
    "không gửi được thư",
    "thư bị trả lại",
];

/// Of these, sentences that people do not write.
const CERTAIN: &[&str] =
    &["could not be delivered to the following", "your message could not be delivered to", "this is the qmail-send program"];

/// Sentences of programs that go on trying.
const DELAYED: &[&str] = &[
    "this is a warning message only",
    "you do not need to resend",
    "do not need to resend",
    "has not yet been delivered",
    "not yet been delivered",
    "delivery attempts will continue",
    "will continue to",
    "still being retried",
    "will be retried",
    "will keep trying",
    "keep trying",
    "warning: could not send",
    "delivery status notification (delay)",
    "delivery delayed",
    "message delayed",
    "delayed mail",
    "delivery is delayed",
    "will try again",
    "will retry",
    "temporarily deferred",
    "still trying",
    "still unable",
    "has been delayed",
];

/// What ends such a warning's promise.
const AT_LAST: &[&str] = &["giving up", "gave up", "final", "retry timeout exceeded", "retry time exceeded", "no longer"];

/// Names under which mail servers write.
const DAEMONS: &[&str] = &[
    "mailer-daemon",
    "mailerdaemon",
    "postmaster",
    "mail-daemon",
    "maildaemon",
    "mail delivery",
    "mdaemon",
    "mailsystem",
    "bounce",
];

/// Beginnings of subjects of what people's programs answer while they are away, in lower case.
const AWAY: &[&str] = &[
    "automatic reply",
    "auto reply",
    "auto-reply",
    "autoreply",
    "auto response",
    "auto-response",
    "autoresponse",
    "auto:",
    "out of office",
    "out of the office",
    "out-of-office",
    "vacation",
    "on vacation",
    "on leave",
    "away from",
    "i am away",
    "trả lời tự động",
    "tự động trả lời",
    "vắng mặt",
    "nghỉ phép",
    "thư trả lời tự động",
];

/// Words of subjects that want people to prove that they are no machine.
const CHALLENGES: &[&str] = &[
    "please confirm your message",
    "confirm your email to",
    "verify your email to",
    "requires verification",
    "verification required",
    "challenge",
    "your message awaits",
    "sender verification",
    "please authenticate",
    "confirmation required",
];

/// Where the copy of the mail begins.
const COPY: &[&str] = &[
    "--- below this line is a copy of the message",
    "--- below this line is the original",
    "this is a copy of the message",
    "this is a copy of your message",
    "original message follows",
    "-----original message",
    "----- original message",
    "--- original message",
    "--- the original message",
    "---- unsent message",
    "-- unsent message",
    "----- message header follows",
    "message header follows",
    "text of the message",
    "message text follows",
    "original mail follows",
    "your message follows",
    "----- returned message",
    "---------- original",
    "the header of the original",
];

fn header<'m>(message: &'m Message<'_>, name: &'static str) -> Option<&'m str> {
    message.header_raw(name).map(str::trim)
}

fn has_any(text: &str, known: &[&str]) -> bool {
    known.iter().any(|known| text.contains(known))
}

/// What a mail says that is no report by the standards. `told`: its own text, without the copy of ours.
pub(super) fn read(message: &Message<'_>, text: &str) -> Verdict {
    let subject = message.subject().unwrap_or_default().to_lowercase();
    let lower = text.to_lowercase();
    let told = COPY.iter().filter_map(|mark| lower.find(mark)).min().map_or(lower.as_str(), |end| &lower[..end]);
    let from = sender(message);
    let daemon = has_any(&from, DAEMONS) || header(message, "X-Failed-Recipients").is_some();
    let machine = header(message, "Auto-Submitted").is_some_and(|value| !value.to_ascii_lowercase().starts_with("no"));
    let answers = machine
        || has_any(&header(message, "Precedence").unwrap_or_default().to_ascii_lowercase(), &["auto_reply", "auto-reply"])
        || ["X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Vacation"]
            .into_iter()
            .any(|name| header(message, name).is_some());
    let fails = has_any(told, FAILED) || has_any(&subject, FAILED);
    let is_challenge = header(message, "X-Challenge").is_some() || has_any(&subject, CHALLENGES);
    if is_challenge && !daemon {
        return Verdict::Challenge;
    }
    if !daemon && AWAY.iter().any(|away| subject.contains(away)) {
        return Verdict::AutoReply;
    }
    // Without a daemon's name, only words and a reason together make a bounce: people write "did not reach" too.
    let reason = status::code(told).is_some() || status::of_words(told).is_some();
    let is_certain = has_any(&one_line(told), CERTAIN) || from.contains("mailer-daemon");
    if is_certain || daemon && (fails || reason || has_any(told, DELAYED)) || !answers && fails && reason {
        let delayed = has_any(told, DELAYED) || has_any(&subject, DELAYED);
        let detail = scrubbed(line_of(told));
        if delayed && !has_any(told, AT_LAST) {
            return Verdict::Delayed { detail };
        }
        return Verdict::Failed { reason: status::reason(status::code(told), told), detail };
    }
    if answers { Verdict::AutoReply } else { Verdict::Unclear }
}

/// Who wrote: address and name, in lower case.
fn sender(message: &Message<'_>) -> String {
    let raw = header(message, "From").unwrap_or_default();
    let path = match message.return_path() {
        HeaderValue::Text(path) => path.to_string(),
        _ => String::new(),
    };
    format!("{raw} {path}").to_lowercase()
}

/// Sentences go over the ends of lines.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The line that tells most: with a code, else with words that say why, else the first.
fn line_of(told: &str) -> &str {
    let lines = || told.lines().map(str::trim).filter(|line| !line.is_empty());
    lines()
        .find(|line| status::code(line).is_some())
        .or_else(|| lines().find(|line| status::of_words(line).is_some()))
        .or_else(|| lines().next())
        .unwrap_or_default()
}
