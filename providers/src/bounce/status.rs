//! What a failure is due to: by its enhanced status code (RFC 3463), else by the words around it.
//!
//! Servers choose codes at will and write sentences for people; what neither tells is [`Reason::Other`].

use crate::Reason;

/// Words that say why, in lower case, the surest first. Collected from what mail servers are known to write.
const WORDS: &[(Reason, &[&str])] = &[
    (
        Reason::Full,
        &[
            "mailbox full",
            "mailbox is full",
            "inbox is full",
            "inbox full",
            "over quota",
            "overquota",
            "quota exceeded",
            "exceeded quota",
            "exceeds quota",
            "exceed the quota",
            "exceeded storage",
            "exceeded his",
            "exceeded its",
            "quota violation",
            "quota limit",
            "disk quota",
            "insufficient storage",
            "storage limit",
            "not enough storage",
            "mailfolder is full",
            "hộp thư đã đầy",
            "hop thu day",
        ],
    ),
    (
        Reason::NoSuchAddress,
        &[
            "user unknown",
            "unknown user",
            "user not found",
            "no such user",
            "no such recipient",
            "no such mailbox",
            "no such account",
            "no such address",
            "no mailbox",
            "unknown recipient",
            "recipient unknown",
            "recipient not found",
            "recipient address rejected",
            "unknown account",
            "unknown mailbox",
            "unknown address",
            "unknown local",
            "unknown or illegal alias",
            "does not exist",
            "doesn't exist",
            "doesnt exist",
            "not exist",
            "invalid recipient",
            "invalid mailbox",
            "invalid address",
            "address invalid",
            "bad destination",
            "bad address",
            "mailbox unavailable",
            "mailbox not found",
            "mailbox does not",
            "not a valid mailbox",
            "not a valid user",
            "not our customer",
            "is not known",
            "no longer valid",
            "no longer available",
            "no longer active",
            "no longer on",
            "no longer in use",
            "no longer an employee",
            "not listed",
            "not in directory",
            "couldn't find any host",
            "could not find",
            "no user",
            "host unknown",
            "unknown host",
            "unknown domain",
            "domain not found",
            "host not found",
            "unrouteable",
            "unroutable",
            "undeliverable address",
            "account is disabled",
            "account disabled",
            "account has been disabled",
            "account inactive",
            "is disabled",
            "mailbox disabled",
            "account expired",
            "account has expired",
            "deactivated",
            "suspended account",
            "account closed",
            "closed account",
            "discontinued",
            "this account is not allowed",
            "nxdomain",
            "name service error",
            "isn't a valid",
            "người nhận không tồn tại",
            "không tồn tại",
        ],
    ),
    (
        Reason::Content,
        &["too large", "too big", "size limit", "message size exceeds", "exceeds size", "virus", "attachment", "malformed"],
    ),
    (
        Reason::Blocked,
        &[
            "spam",
            "blacklist",
            "black list",
            "blocklist",
            "blocked",
            "block list",
            "reputation",
            "policy",
            "dnsbl",
            "rbl",
            "denied",
            "refused by",
            "not accept mail from",
            "rejected by recipient",
            "poor sender",
            "dmarc",
            "spf",
            "dkim",
            "banned",
            "not authorized",
            "unauthorized",
        ],
    ),
    (
        Reason::Unreachable,
        &[
            "timed out",
            "timeout",
            "time out",
            "connection refused",
            "unreachable",
            "could not connect",
            "temporarily",
            "try again",
            "too long",
            "expired",
            "giving up",
            "no route",
            "network",
            "retry",
        ],
    ),
];

/// Class, subject and detail.
pub(super) type Code = (u16, u16, u16);

/// The first enhanced status code of a text that says no.
pub(super) fn code(text: &str) -> Option<Code> {
    text.split(|c: char| c.is_whitespace() || "()[]<>{}#,;:=\"'".contains(c)).find_map(triple).filter(|(class, ..)| *class != 2)
}

fn triple(word: &str) -> Option<Code> {
    let mut numbers = word.trim_end_matches('.').split('.').map(|number| {
        let digits = (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| number.parse().ok()).flatten()
    });
    let triple = (numbers.next()??, numbers.next()??, numbers.next()??);
    (numbers.next().is_none() && matches!(triple.0, 2 | 4 | 5)).then_some(triple)
}

/// Why, by the status that a report gives and the words that it quotes.
pub(super) fn reason(status: Option<Code>, words: &str) -> Reason {
    // 5.0.0 and the like leave it to what the other server said.
    let said = status.and_then(of_code).or_else(|| code(words).and_then(of_code));
    said.or_else(|| of_words(words)).unwrap_or(Reason::Other)
}

fn of_code((_, subject, detail): Code) -> Option<Reason> {
    Some(match (subject, detail) {
        // 5.1.7 to 5.1.9 speak of the sender's address: not this person's fault.
        (1, 7..=9) => Reason::Other,
        // 5.2.1: disabled, 5.4.4: no such host, 5.1.10: a domain that takes no mail (RFC 7505).
        (1, _) | (2, 1) | (4, 4) => Reason::NoSuchAddress,
        (2, 2) => Reason::Full,
        (2, 3) | (3, 4) | (6, _) => Reason::Content,
        (7, _) => Reason::Blocked,
        (2..=4, 1..) => Reason::Unreachable,
        _ => return None,
    })
}

/// Why, by words alone.
pub(super) fn of_words(words: &str) -> Option<Reason> {
    let words = words.to_lowercase();
    WORDS.iter().find(|(_, known)| known.iter().any(|known| words.contains(known))).map(|(reason, _)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_outweigh_words_and_nothing_else_is_a_code() {
        assert_eq!(code("550 5.1.1 <a@example.vn> at 10.0.0.25"), Some((5, 1, 1)));
        assert_eq!(code("from 5.10.20.30, version 5.7"), None);
        assert_eq!(code("(#4.4.1)"), Some((4, 4, 1)));
        assert_eq!(reason(Some((5, 2, 2)), "user unknown"), Reason::Full);
        assert_eq!(reason(Some((5, 0, 0)), "smtp; 550 5.1.1 gone"), Reason::NoSuchAddress);
        assert_eq!(reason(Some((5, 5, 0)), "smtp; 550 Requested action not taken: mailbox unavailable"), Reason::NoSuchAddress);
        assert_eq!(reason(Some((5, 1, 8)), "sender address rejected: domain not found"), Reason::Other);
        assert_eq!(reason(None, "Quota exceeded"), Reason::Full);
        assert_eq!(reason(None, "no"), Reason::Other);
    }
}
