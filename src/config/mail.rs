//! `[[account.dkim]]`, the keys that sign an account's mails, and `[account.domains]`, what its recipients' domains take.

use std::collections::BTreeMap;

use providers::{
    Channel,
    smtp::{DkimKey, DkimSource, KeyFault, Mailbox},
};

use super::{DomainLimit, account::rate_of, secret::Vault};
use crate::{
    document::{Section, Value},
    phrase,
    words::Phrase,
};

/// All keys of an account; each is read here, so that what is wrong with it is told at its place.
pub(super) fn dkim(value: &Value<'_>, channel: Option<Channel>, vault: Vault<'_>) -> Option<Vec<DkimSource>> {
    mail_only(value, channel)?;
    value.some(|one| one.section(|s| key(s, vault))).map(|keys| keys.into_iter().flatten().collect())
}

/// One key, or none where nobody asked for the accounts' secrets.
fn key(section: &mut Section<'_>, vault: Vault<'_>) -> Option<Vec<DkimSource>> {
    let domain = section.required("domain", |v| v.line());
    let selector = section.required("selector", |v| v.line());
    let (domain, selector) = (domain?, selector?);
    if !vault.accounts {
        return section.required("key", |_| Some(Vec::new()));
    }
    section.required("key", |v| {
        let source = DkimSource { domain, selector, key: vault.secret(&v)? };
        match DkimKey::new(&source.domain, &source.selector, &source.key) {
            Ok(_) => Some(vec![source]),
            Err(fault) => v.refuse(described(fault), help(fault)),
        }
    })
}

fn described(fault: KeyFault) -> Phrase {
    match fault {
        KeyFault::Domain => phrase!("`domain` không phải tên miền", "{fault}"),
        KeyFault::Selector => phrase!("`selector` chỉ gồm chữ cái, chữ số, dấu gạch nối và dấu chấm", "{fault}"),
        KeyFault::NoKey => phrase!("đây không phải khóa riêng DKIM", "{fault}"),
        KeyFault::Public => phrase!("đây là khóa công khai; chữ ký cần khóa riêng", "{fault}"),
        KeyFault::Encrypted => phrase!("khóa này được bảo vệ bằng mật khẩu", "{fault}"),
        KeyFault::Kind => phrase!("khóa này không phải RSA hay Ed25519", "{fault}"),
        KeyFault::Length => phrase!("khóa RSA phải dài từ 2048 đến 4096 bit (RFC 8301)", "{fault}"),
        KeyFault::Damaged => phrase!("khóa này bị hỏng, không đọc được", "{fault}"),
    }
}

fn help(fault: KeyFault) -> Phrase {
    match fault {
        KeyFault::Domain => phrase!("ví dụ: domain = \"so.example.vn\"", "for example: domain = \"office.example.vn\""),
        KeyFault::Selector => phrase!("ví dụ: selector = \"2026a\"", "for example: selector = \"2026a\""),
        KeyFault::Encrypted => phrase!(
            "bỏ mật khẩu: openssl pkey -in CŨ -out MỚI, rồi chỉ cho Loa quyền đọc tệp",
            "take it off: openssl pkey -in OLD -out NEW, and let Loa alone read the file"
        ),
        _ => phrase!(
            "tạo khóa: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out dkim.pem (xem docs/email.md)",
            "make one: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out dkim.pem (see docs/email.md)"
        ),
    }
}

/// More mails to one domain at a time than any account has connections.
const MOST: i64 = 10_000;

/// What each domain takes at most, by its name in ASCII.
pub(super) fn domains(value: &Value<'_>, channel: Option<Channel>) -> Option<BTreeMap<String, DomainLimit>> {
    mail_only(value, channel)?;
    value.section(|s| {
        let mut domains = BTreeMap::new();
        for (name, value) in s.rest() {
            let Ok(mailbox) = Mailbox::new(None, &format!("x@{name}")) else {
                s.refuse_key::<()>(
                    name,
                    phrase!("`{name}` không phải tên miền", "`{name}` is no domain"),
                    phrase!("viết tên miền trong dấu nháy: \"gmail.com\"", "write the domain in quotes: \"gmail.com\""),
                );
                continue;
            };
            domains.extend(value.section(limit).map(|limit| (mailbox.domain().to_owned(), limit)));
        }
        Some(domains)
    })
}

fn limit(section: &mut Section<'_>) -> Option<DomainLimit> {
    let rate = section.optional("rate", |v| rate_of(&v));
    let connections = section.optional("connections", |v| v.integer(1..=MOST)).and_then(|n| u32::try_from(n).ok());
    if !section.has("rate") && !section.has("connections") {
        return section.refuse(
            phrase!("cần `rate` hoặc `connections`", "`rate` or `connections` is needed"),
            phrase!("ví dụ: {{ rate = \"10/s\", connections = 4 }}", "for example: {{ rate = \"10/s\", connections = 4 }}"),
        );
    }
    Some(DomainLimit { rate, connections })
}

fn mail_only(value: &Value<'_>, channel: Option<Channel>) -> Option<()> {
    if channel.is_none_or(|channel| channel == Channel::Email) {
        return Some(());
    }
    let field = value.field();
    value.refuse(
        phrase!("`{field}` chỉ dành cho tài khoản e-mail", "`{field}` is for accounts that send mail"),
        phrase!("bỏ mục này", "take it out"),
    )
}
