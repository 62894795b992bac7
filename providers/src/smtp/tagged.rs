//! Addresses that name one attempt: where its bounce goes, where its refusal goes, and its Message-ID.
//!
//! A mail that comes back years of software later says little that can be relied on; the address that it comes back to is
//! what can. So the attempt's reference goes into the local part (VERP: variable envelope return path), and into the
//! Message-ID, for what answers to neither. What enters is a pattern such as `bounce+{ref}@example.vn` and a reference;
//! what leaves is an address, and from an address the reference again. What can go wrong: a server that folds the case
//! of a local part, which the reference survives by being of one case.

use std::{fmt, str::FromStr};

use super::mailbox::{AddressFault, Mailbox};

/// What stands for the reference in a pattern.
const PLACE: &str = "{ref}";
/// The longest reference that there may be ([`crate::Outgoing::reference`]).
const LONGEST: usize = 32;

/// An address, the same for all mails, or one for each: `bounce@example.vn` or `bounce+{ref}@example.vn`.
///
/// [`TaggedAddress::tagged`] and [`TaggedAddress::reference_in`] are each other's inverse; nobody else makes or reads such
/// an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedAddress {
    before: String,
    /// None: no reference in it.
    after: Option<String>,
    domain: String,
}

impl TaggedAddress {
    /// The address for the attempt with this reference.
    pub fn tagged(&self, reference: &str) -> String {
        let Self { before, after, domain } = self;
        match after {
            Some(after) => format!("{before}{reference}{after}@{domain}"),
            None => format!("{before}@{domain}"),
        }
    }

    /// The reference in an address that came back, in lower case; none if the address is not made by this pattern. Whether
    /// the reference is one of ours only its MAC tells.
    pub fn reference_in(&self, address: &str) -> Option<String> {
        let after = self.after.as_deref()?;
        let (local, domain) = address.trim().trim_start_matches('<').trim_end_matches('>').rsplit_once('@')?;
        if !domain.eq_ignore_ascii_case(&self.domain) || !local.is_ascii() {
            return None;
        }
        let middle = local.len().checked_sub(self.before.len() + after.len())?;
        let (before, rest) = local.split_at(self.before.len());
        let (reference, end) = rest.split_at(middle);
        let ours = before.eq_ignore_ascii_case(&self.before) && end.eq_ignore_ascii_case(after) && is_reference(reference);
        ours.then(|| reference.to_ascii_lowercase())
    }

    /// Whether each mail has an address of its own.
    pub const fn is_tagged(&self) -> bool {
        self.after.is_some()
    }

    /// The domain, in ASCII.
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

impl FromStr for TaggedAddress {
    type Err = AddressFault;

    /// Reads `name@domain`, with `{ref}` once before the `@` or not at all.
    fn from_str(written: &str) -> Result<Self, AddressFault> {
        let longest = Mailbox::new(None, &written.trim().replacen(PLACE, &"0".repeat(LONGEST), 1))?;
        let (local, _) = written.trim().rsplit_once('@').ok_or(AddressFault::Shape)?;
        // An envelope's sender is for machines: letters outside ASCII would make every mail need SMTPUTF8.
        if !local.is_ascii() {
            return Err(AddressFault::Letters);
        }
        let (before, after) = match local.split_once(PLACE) {
            Some((before, after)) => (before, Some(after.to_owned())),
            None => (local, None),
        };
        if before.contains(['{', '}']) || after.as_ref().is_some_and(|after| after.contains(['{', '}'])) {
            return Err(AddressFault::Place);
        }
        Ok(Self { before: before.to_owned(), after, domain: longest.domain().to_owned() })
    }
}

impl fmt::Display for TaggedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tagged(PLACE))
    }
}

/// The Message-ID of the attempt with this reference, in angle brackets.
pub fn message_id(reference: &str, domain: &str) -> String {
    format!("<{reference}@{domain}>")
}

/// The reference in a Message-ID that came back, in lower case, with or without brackets; none where it cannot be one of ours.
pub fn reference_in_message_id(id: &str) -> Option<String> {
    let (reference, domain) = id.trim().trim_start_matches('<').trim_end_matches('>').split_once('@')?;
    (is_reference(reference) && !domain.is_empty()).then(|| reference.to_ascii_lowercase())
}

fn is_reference(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(written: &str) -> TaggedAddress {
        written.parse().unwrap()
    }

    proptest! {
        #[test]
        fn what_went_out_is_read_again_in_whatever_case(reference in "[0-9a-z]{1,32}", upper: bool) {
            for written in ["bounce+{ref}@example.vn", "{ref}@b.example.vn", "b-{ref}-x@phường.example.vn"] {
                let mut address = pattern(written).tagged(&reference);
                if upper {
                    address = format!("<{}>", address.to_ascii_uppercase());
                }
                prop_assert_eq!(pattern(written).reference_in(&address), Some(reference.clone()));
            }
            let id = message_id(&reference, "example.vn");
            prop_assert_eq!(reference_in_message_id(&id), Some(reference));
        }

        #[test]
        fn no_address_panics(address in "[a-z0-9+@.<>đ{}-]{0,60}") {
            pattern("bounce+{ref}@example.vn").reference_in(&address);
            reference_in_message_id(&address);
        }
    }

    #[test]
    fn other_addresses_are_not_ours() {
        let ours = pattern("bounce+{ref}@example.vn");
        for address in
            ["bounce@example.vn", "bounce+@example.vn", "bounce+a b@example.vn", "x+ab@example.vn", "bounce+ab@x.vn", "bounce+ab"]
        {
            assert_eq!(ours.reference_in(address), None, "{address}");
        }
        assert_eq!(pattern("bounce@example.vn").reference_in("bounce@example.vn"), None);
        assert_eq!(pattern("bounce@example.vn").tagged("ab"), "bounce@example.vn");
    }

    #[test]
    fn a_pattern_is_checked_with_the_longest_reference() {
        assert_eq!("a{ref}{ref}@example.vn".parse::<TaggedAddress>(), Err(AddressFault::Place));
        assert_eq!("a{reference}@example.vn".parse::<TaggedAddress>(), Err(AddressFault::Place));
        assert_eq!("bounce+{ref}".parse::<TaggedAddress>(), Err(AddressFault::Shape));
        assert_eq!(format!("{}{{ref}}@example.vn", "a".repeat(33)).parse::<TaggedAddress>(), Err(AddressFault::Shape));
        assert_eq!("thư+{ref}@example.vn".parse::<TaggedAddress>(), Err(AddressFault::Letters));
        assert_eq!(pattern("bounce+{ref}@Phường.example.vn").to_string(), "bounce+{ref}@xn--phng-rib8295b.example.vn");
    }
}
