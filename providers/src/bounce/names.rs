//! Where a mail names the attempt that it is about.

use crate::smtp::{TaggedAddress, reference_in_message_id};

/// The shortest reference: a word of a person's address is none.
const SHORTEST: usize = 16;

/// How an account's mails name their attempts.
#[derive(Debug, Clone)]
pub struct Names {
    address: Option<TaggedAddress>,
    domain: String,
}

impl Names {
    /// By the address that they come back to, if each has its own, and by Message-IDs in this domain.
    pub fn new(address: Option<TaggedAddress>, domain: &str) -> Self {
        Self { address, domain: domain.to_owned() }
    }

    /// The reference that a text names: by an address before a Message-ID, by the first before the others.
    pub(super) fn reference(&self, text: &str) -> Option<String> {
        let words = || text.split(|c: char| c.is_whitespace() || "<>()[],;:\"'".contains(c)).filter(|word| word.contains('@'));
        let by_address = self.address.as_ref().and_then(|ours| words().find_map(|word| long(ours.reference_in(word)?)));
        by_address
            .or_else(|| words().filter(|word| self.is_of_domain(word)).find_map(|word| long(reference_in_message_id(word)?)))
    }

    fn is_of_domain(&self, word: &str) -> bool {
        word.rsplit_once('@').is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(&self.domain))
    }
}

fn long(reference: String) -> Option<String> {
    (reference.len() >= SHORTEST).then_some(reference)
}
