//! Mail addresses as SMTP carries them: the domain in its A-label form (RFC 5891), and before the `@` ASCII, or letters of
//! any script for a server that takes them (SMTPUTF8, RFC 6531).

use std::{fmt, str::FromStr};

/// Why an address cannot be written to. Says nothing of the address itself: it is personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    /// Not `name@domain`.
    #[error("is not an address such as name@example.vn")]
    Shape,
    /// Letters before the `@` where only ASCII will do.
    #[error("has letters outside ASCII before the @")]
    Letters,
    /// Braces before the `@` other than one `{ref}`.
    #[error("may have {{ref}} once before the @, and no other braces")]
    Place,
    /// A domain that no name server could know.
    #[error("has an impossible domain after the @")]
    Domain,
}

/// A mail address with the name that people see.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    name: Option<String>,
    local: String,
    domain: String,
}

impl Mailbox {
    /// Checks an address. Both parts may be written in any script.
    pub fn new(name: Option<&str>, address: &str) -> Result<Self, AddressFault> {
        let (local, domain) = address.rsplit_once('@').ok_or(AddressFault::Shape)?;
        let domain = idna::domain_to_ascii(domain).map_err(|_| AddressFault::Domain)?;
        if !domain.contains(|c: char| c.is_ascii_alphanumeric()) || domain.contains(['<', '>', ' ']) {
            return Err(AddressFault::Domain);
        }
        // Quoted local parts are legal and unused; refusing them leaves nothing that could end a command or a header.
        let safe =
            |c: char| if c.is_ascii() { c.is_ascii_graphic() && !"<>()[]\\,;:\"@".contains(c) } else { c.is_alphanumeric() };
        if local.is_empty() || local.len() > 64 || !local.chars().all(safe) {
            return Err(AddressFault::Shape);
        }
        if lettre::Address::new(local, &domain).is_err() {
            return Err(AddressFault::Shape);
        }
        Ok(Self { name: name.map(one_line).filter(|name| !name.is_empty()), local: local.to_owned(), domain })
    }

    /// `name@domain`; in ASCII unless [`Mailbox::needs_utf8`].
    pub fn address(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }

    /// Whether only a server with SMTPUTF8 (RFC 6531) can carry it: there are letters outside ASCII before the `@`.
    pub fn needs_utf8(&self) -> bool {
        !self.local.is_ascii()
    }

    /// The domain, in ASCII.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// As lettre's builder takes it.
    pub(super) fn header(&self) -> Result<lettre::message::Mailbox, AddressFault> {
        let address = lettre::Address::new(&self.local, &self.domain).map_err(|_| AddressFault::Shape)?;
        Ok(lettre::message::Mailbox::new(self.name.clone(), address))
    }
}

impl FromStr for Mailbox {
    type Err = AddressFault;

    /// Reads `name@domain` or `Display name <name@domain>`.
    fn from_str(written: &str) -> Result<Self, AddressFault> {
        let written = written.trim();
        match written.strip_suffix('>').map(|rest| rest.rsplit_once('<').ok_or(AddressFault::Shape)) {
            Some(split) => {
                let (name, address) = split?;
                Self::new(Some(name.trim().trim_matches('"')), address.trim())
            }
            None => Self::new(None, written),
        }
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::mask(&self.address()))
    }
}

/// A domain in ASCII and lower case (RFC 5891); none if no name server could know it.
pub fn ascii_domain(domain: &str) -> Option<String> {
    idna::domain_to_ascii(domain).ok().filter(|domain| !domain.is_empty())
}

/// Text for a header: line breaks and other control characters become single blanks.
pub(super) fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
