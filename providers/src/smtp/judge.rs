//! What a server's answer, or its silence, means for the mail. Pure.
//!
//! The rules follow RFC 5321 (sections 4.2 and 4.5) and the enhanced codes of RFC 3463 and RFC 4954:
//! - before the final dot was begun nothing was taken, whatever happened; after it only an answer tells;
//! - what is refused before a recipient was named is about the account, not about the message;
//! - the enhanced code outweighs the three digits, which many servers choose at will;
//! - X.7.Y is policy: against this mail, against how fast its domain gets mail, or against who we are. Which of them the
//!   detail tells (IANA's registry of enhanced status codes), and where it is the vague 7.0 or 7.1, the words.

use super::{
    connection::{Fault, Stage},
    reply::Reply,
};
use crate::{Reason, Scope, SendError};

/// The judgement on an attempt that ended with this fault.
pub(super) fn judge(fault: Fault) -> SendError {
    match fault {
        Fault::Setup(detail) => SendError::Misconfigured { detail },
        Fault::Unfit(detail) => SendError::Reject { reason: Reason::NoSuchAddress, detail },
        Fault::Lost(stage, detail) => silence(stage, detail),
        Fault::Refused(stage, reply) if reply.code < 500 => temporary(stage, &reply),
        Fault::Refused(stage, reply) => permanent(stage, &reply),
    }
}

/// The judgement on an attempt without an answer: broken off, timed out, or nonsense.
pub(super) fn silence(stage: Stage, detail: String) -> SendError {
    let scope = match stage {
        Stage::Final => return SendError::InDoubt { ids: Vec::new(), detail },
        Stage::Connect | Stage::Hello | Stage::Auth => Scope::Account,
        // Not the account: a mail that makes a server hang up must use up its tries and end.
        Stage::Mail | Stage::Rcpt | Stage::Data => Scope::Message,
    };
    SendError::Retry { after: None, scope, reason: Reason::Unreachable, detail }
}

fn temporary(stage: Stage, reply: &Reply) -> SendError {
    let (subject, detail) = reply.enhanced.map_or((0, 0), |(_, subject, detail)| (subject, detail));
    // 4.3.x is the server's own state: full, not accepting, overloaded.
    let before = matches!(stage, Stage::Connect | Stage::Hello | Stage::Auth | Stage::Mail);
    let account = before || (reply.code == 421 && subject != 7) || subject == 3;
    let reason = match (subject, detail) {
        (2, 2) => Reason::Full,
        (7, _) if account => Reason::Quota,
        (7, _) => Reason::Blocked,
        _ if reply.code == 452 && stage == Stage::Rcpt && subject == 0 => Reason::Full,
        _ => Reason::Unreachable,
    };
    let scope = match (account, subject) {
        // Signed in and refused before a recipient was named: this server has had enough of ours for now.
        (true, 7) if stage == Stage::Mail => Scope::Pace,
        (true, _) => Scope::Account,
        // A greylist wants the same mail again after a while; anything else of the kind has had enough of its domain's mail.
        (false, 7) if !reply.says(&["greylist", "graylist"]) => Scope::Domain,
        (false, _) => Scope::Message,
    };
    SendError::Retry { after: None, scope, reason, detail: reply.words() }
}

fn permanent(stage: Stage, reply: &Reply) -> SendError {
    let detail = reply.words();
    let too_large = reply.code == 552 || matches!(reply.enhanced, Some((_, 3, 4)));
    match stage {
        Stage::Mail if too_large => return SendError::Reject { reason: Reason::Content, detail },
        Stage::Connect | Stage::Hello | Stage::Auth | Stage::Mail => return SendError::Misconfigured { detail },
        Stage::Rcpt | Stage::Data | Stage::Final => {}
    }
    if is_about_us(reply) {
        return SendError::Misconfigured { detail };
    }
    let reason = match reply.enhanced {
        // 6.7: the mailbox's server takes no letters outside ASCII (RFC 6531); 7.17 and 7.18: it is another person's now
        // (RFC 7293); 4.1 is what Exchange Online says of an address that it does not have.
        Some((_, 1, _) | (_, 6, 7) | (_, 7, 17 | 18)) => Reason::NoSuchAddress,
        Some((_, 4, 1)) if reply.says(&["recipient address rejected"]) => Reason::NoSuchAddress,
        Some((_, 2, 2)) => Reason::Full,
        Some((_, 2, 3) | (_, 3, 4) | (_, 6, _)) => Reason::Content,
        Some((_, 2 | 4, _)) => Reason::Unreachable,
        Some((_, 7, _)) => Reason::Blocked,
        Some((_, 3 | 5, _)) => Reason::Other,
        _ if stage == Stage::Rcpt => match reply.code {
            550 | 551 | 553 => Reason::NoSuchAddress,
            552 => Reason::Full,
            _ => Reason::Other,
        },
        _ if matches!(reply.code, 550 | 552 | 554) => Reason::Content,
        _ => Reason::Other,
    };
    SendError::Reject { reason, detail }
}

/// Whether a refusal would be every mail's: it is our sign-in, our sender's address, or our standing that is refused. Then a
/// person must mend it, and what is left of a campaign waits instead of being refused one by one.
fn is_about_us(reply: &Reply) -> bool {
    // 1.7, 1.8, 7.27: the sender's address, or one that takes no answers (RFC 7505). 7.8 to 7.14: too weak or wrong a sign-in,
    // encryption required, the account is disabled (RFC 4954, RFC 5248). 7.20 to 7.26: our DKIM, SPF or reverse DNS did not
    // pass (RFC 7372).
    let ours = matches!(reply.enhanced, Some((_, 1, 7 | 8) | (_, 7, 8..=14 | 20..=27)));
    // Sign in first (RFC 4954).
    let unknown = matches!(reply.code, 530 | 534 | 535 | 538);
    let words = ["relay access denied", "relaying denied", "unable to relay", "relay not permitted", "not permitted to relay"];
    ours || unknown || reply.says(&words)
}
