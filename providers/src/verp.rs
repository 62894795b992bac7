//! Variable envelope return paths: the address that a mail's bounces come back to holds the reference of its attempt, so
//! that a bounce is known by where it arrives, whatever shape it has.
//!
//! `bounce = "bounces+{ref}@example.vn"` in an account's table; a reference is put in ([`Verp::address`]) and read back
//! ([`Verp::references`]). What can go wrong is the pattern, which [`VerpFault`] explains.

use std::{fmt, str::FromStr};

use crate::smtp::{AddressFault, Mailbox};

/// What stands for the reference.
const PLACE: &str = "{ref}";
/// The longest reference (see [`Outgoing`](crate::Outgoing)).
const LONGEST: usize = 32;
/// RFC 5321, section 4.5.3.1.1.
const LOCAL: usize = 64;

/// Why a pattern is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerpFault {
    /// The reference has no place, or two.
    #[error("must hold {PLACE} once before the @, such as bounces+{PLACE}@example.vn")]
    Place,
    /// With a reference it is no address.
    #[error("{0}")]
    Address(#[from] AddressFault),
    /// With a reference the part before the `@` is longer than mail servers take.
    #[error("is too long: {PLACE} takes {LONGEST} of the {LOCAL} characters before the @")]
    Long,
}

/// Addresses for bounces, one for each attempt.
#[derive(Clone, PartialEq, Eq)]
pub struct Verp {
    before: String,
    /// From the reference on: what is left of the local part, `@`, and the domain in ASCII.
    after: String,
}

impl Verp {
    /// Whether an address that was written is such a pattern at all, and not one address for everything.
    pub fn is_one(written: &str) -> bool {
        written.contains(PLACE)
    }

    /// The address that the bounces of this attempt come back to.
    pub fn address(&self, reference: &str) -> String {
        format!("{}{reference}{}", self.before, self.after)
    }

    /// The references in all such addresses of a text, in its order.
    pub fn references<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        between(text, &self.before, &self.after)
    }
}

impl FromStr for Verp {
    type Err = VerpFault;

    fn from_str(written: &str) -> Result<Self, VerpFault> {
        let (before, after) = written.trim().split_once(PLACE).ok_or(VerpFault::Place)?;
        if after.contains(PLACE) || before.contains('@') || !after.contains('@') {
            return Err(VerpFault::Place);
        }
        let example = "0".repeat(LONGEST);
        if before.len() + LONGEST + after.find('@').unwrap_or(0) > LOCAL {
            return Err(VerpFault::Long);
        }
        let address = Mailbox::new(None, &format!("{before}{example}{after}"))?.address();
        let after = address.get(before.len() + LONGEST..).unwrap_or_default().to_owned();
        Ok(Self { before: before.to_owned(), after })
    }
}

impl fmt::Debug for Verp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{PLACE}{}", self.before, self.after)
    }
}

/// What has the form of a reference and stands between these two, whatever their case: mail servers change it.
pub(crate) fn between<'t>(text: &'t str, before: &str, after: &str) -> impl Iterator<Item = &'t str> {
    let (before, after) = (before.to_ascii_lowercase(), after.to_ascii_lowercase());
    let lower = text.to_ascii_lowercase();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let end = at + lower[at..].find(&after)?;
            let start = lower[..end].bytes().rev().take_while(u8::is_ascii_alphanumeric).take(LONGEST).count();
            at = end + after.len();
            // In a longer run of letters the reference begins where what is before it ends.
            let run = &lower[..end];
            let fits = (8..=start).rev().find(|length| run[..end - length].ends_with(&before));
            if let Some(length) = fits {
                return text.get(end - length..end);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: &str = "0000000h60g0g2h0a1b2c3d4";

    #[test]
    fn what_is_put_in_is_read_back() {
        let verp: Verp = "bounces+{ref}@Thư.example.vn".parse().unwrap();
        let address = verp.address(REFERENCE);
        assert_eq!(address, format!("bounces+{REFERENCE}@xn--th-voa.example.vn"));
        let mail = format!("Delivered-To: <{}>, other+{REFERENCE}@example.com", address.to_ascii_uppercase());
        assert_eq!(verp.references(&mail).collect::<Vec<_>>(), [REFERENCE.to_ascii_uppercase()]);
    }

    #[test]
    fn nothing_else_is_taken_for_one() {
        let verp: Verp = "b{ref}@example.vn".parse().unwrap();
        for text in ["b@example.vn", "bshort@example.vn", "c0123456789@example.vn", "b0123.456789@example.vn", "b0123456789@example.com"] {
            assert_eq!(verp.references(text).count(), 0, "{text}");
        }
        assert_eq!(verp.references("<b0123456789@example.vn>").collect::<Vec<_>>(), ["0123456789"]);
    }

    #[test]
    fn a_pattern_that_is_none_says_why() {
        let fault = |written: &str| written.parse::<Verp>().unwrap_err();
        for written in ["bounces@example.vn", "{ref}{ref}@example.vn", "bounces@{ref}.example.vn"] {
            assert_eq!(fault(written), VerpFault::Place, "{written}");
        }
        assert_eq!(fault("a{ref}@"), VerpFault::Address(AddressFault::Domain));
        assert_eq!(fault(&format!("{}{{ref}}@example.vn", "a".repeat(40))), VerpFault::Long);
    }
}
