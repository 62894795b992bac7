//! Where a mail names the attempt that it is about.

use crate::verp::{Verp, between};

/// How an account's mails name their attempts.
#[derive(Debug, Clone)]
pub struct Names {
    verp: Option<Verp>,
    /// What follows the reference in a Message-ID.
    at_domain: String,
}

impl Names {
    /// By addresses of this pattern, if any, and by Message-IDs in this domain.
    pub fn new(verp: Option<Verp>, domain: &str) -> Self {
        Self { verp, at_domain: format!("@{domain}") }
    }

    /// The reference that a text names: by an address before a Message-ID, by the first before the others.
    pub(super) fn reference(&self, text: &str) -> Option<String> {
        let by_address = self.verp.as_ref().and_then(|verp| verp.references(text).next());
        let found = by_address.or_else(|| between(text, "<", &format!("{}>", self.at_domain)).next());
        found.map(str::to_ascii_lowercase)
    }
}
