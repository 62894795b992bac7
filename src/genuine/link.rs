//! Whose a link is. What enters is the links that were sent out and the hosts that are the office's own; what leaves is, of each link in a
//! pasted text, whether it is one of them, looks like one, or is neither. Nothing can go wrong.

use std::collections::BTreeSet;

use super::{
    disguise,
    fold::{Kind, SLOT, Token},
    slot,
};

/// Links of a text that are told of.
const MOST: usize = 20;
/// Letters of the shortest host that another one may look like by a letter or two.
const LONG: usize = 6;

/// A link in a pasted text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// As it was pasted.
    pub text: String,
    /// Whose it is.
    pub owner: Owner,
}

/// Whose a link is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// It leads to a host of the office's own.
    Office,
    /// A text that was sent out has this very link.
    Sent,
    /// It looks like a link to this host, which was sent out or is the office's own, and leads elsewhere.
    Imitates(String),
    /// Nothing is known of it.
    Unknown,
}

/// What is known of links.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Of texts that were sent.
    sent: BTreeSet<String>,
    /// Of these, those that end in something of each person's own.
    slotted: Vec<Token>,
    /// Where all these lead.
    hosts: BTreeSet<String>,
    own: BTreeSet<String>,
}

impl Links {
    pub(super) fn own(&mut self, host: &str) {
        let host = host.to_lowercase();
        self.hosts.insert(host.clone());
        self.own.insert(host);
    }

    pub(super) fn add(&mut self, tokens: &[Token]) {
        for token in tokens.iter().filter(|token| token.kind == Kind::Link) {
            if let Some(host) = host(&token.folded).filter(|host| !host.contains(SLOT)) {
                self.hosts.insert(host);
            }
            if !slot::is(token) {
                self.sent.insert(token.folded.clone());
            } else if !self.slotted.contains(token) {
                self.slotted.push(token.clone());
            }
        }
    }

    pub(super) fn of(&self, tokens: &[Token]) -> Vec<Link> {
        let mut found: Vec<Link> = Vec::new();
        for token in tokens.iter().filter(|token| token.kind == Kind::Link) {
            if found.len() == MOST {
                break;
            }
            if found.iter().all(|link| link.text != token.shown) {
                found.push(Link { text: token.shown.clone(), owner: self.owner(token) });
            }
        }
        found
    }

    fn owner(&self, token: &Token) -> Owner {
        if self.sent.contains(&token.folded) || self.slotted.iter().any(|sent| slot::stands_for(sent, token)) {
            return Owner::Sent;
        }
        let Some(host) = host(&token.folded) else { return Owner::Unknown };
        if self.own.contains(&host) && !token.folded.contains('@') {
            return Owner::Office;
        }
        let plain = disguise::lifted(&token.folded).unwrap_or_else(|| token.folded.clone());
        let plain_host = self::host(&plain).unwrap_or_default();
        let imitated = self.hosts.iter().find(|known| {
            // Whoever has a domain has what lies below it.
            if **known == host || host.ends_with(&format!(".{known}")) {
                return false;
            }
            let name = |host: &'_ str| host.rsplit_once('.').map(|(name, _)| name.to_string());
            let elsewhere = name(known).is_some_and(|own| own.len() >= LONG && Some(own) == name(&plain_host));
            let alike = known.len() >= LONG && strsim::damerau_levenshtein(known, &plain_host) <= 2;
            // `example.vn.example.com`, `example-vn.com`, `example.vn@example.com`.
            alike || elsewhere || plain.contains(known.as_str()) || plain_host.contains(&known.replace('.', "-"))
        });
        imitated.map_or(Owner::Unknown, |known| Owner::Imitates(known.clone()))
    }
}

/// Where a link leads, or where a mailbox is: in small letters, without `www.` and the port.
pub(super) fn host(link: &str) -> Option<String> {
    let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default().trim_end_matches('.').to_lowercase();
    let host = host.strip_prefix("www.").map_or(host.clone(), str::to_string);
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::super::fold;
    use super::*;

    #[test]
    fn a_link_is_known_or_an_imitation_or_neither() {
        let mut links = Links::default();
        links.own("canhbao.example.vn");
        links.add(&fold(&format!("Xem https://example.vn/Canh-Bao, từ chối: https://canhbao.example.vn/u/{SLOT} hay csgt.vn.")));
        let owner = |link: &str| links.of(&fold(link)).remove(0).owner;
        for known in
            ["https://example.vn/Canh-Bao", "HTTPS://EXAMPLE.VN/Canh-Bao", "csgt.vn", "https://canhbao.example.vn/u/aZ_9"]
        {
            assert_eq!(owner(known), Owner::Sent, "{known}");
        }
        assert_eq!(owner("https://canhbao.example.vn/genuine"), Owner::Office);
        for (link, of) in [
            ("https://examp1e.vn/Canh-Bao", "example.vn"),
            ("https://exаmple.vn/x", "example.vn"), // a Cyrillic а
            ("https://example.vn.dang-nhap.top/x", "example.vn"),
            ("https://example.vn@dang-nhap.top/x", "example.vn"),
            ("https://canhbao-example-vn.top", "canhbao.example.vn"),
            ("canhbao.example.com", "canhbao.example.vn"),
            ("csqt.vn", "csgt.vn"),
        ] {
            assert_eq!(owner(link), Owner::Imitates(of.to_string()), "{link}");
        }
        for unknown in
            ["https://bit.ly/x", "a@b.example.net", "https://example.vn/khac", "https://so.example.vn/", "nguoi-mau@example.vn"]
        {
            assert_eq!(owner(unknown), Owner::Unknown, "{unknown}");
        }
        assert_eq!(links.of(&fold("một hai ba")), []);
        assert_eq!(links.of(&fold(&(0..50).map(|n| format!("a{n}.vn")).collect::<Vec<_>>().join(" "))).len(), MOST);
    }
}
