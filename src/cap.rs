//! The Common Alerting Protocol 1.2 (OASIS, 1 July 2010; ITU-T X.1303 bis): warnings and orders as other systems write and read
//! them.
//!
//! What enters is an [`Alert`] or a document; what leaves is the document ([`write()`]), the alert ([`read()`]), what the
//! standard's prose asks beyond its schema ([`rules()`]), a signed document ([`signature`]) and feeds ([`feed`]). What can go
//! wrong is a document that is not exactly what the OASIS schema wants: it is refused as a whole, with every mistake's line,
//! column and remedy, since a warning that was half understood is worse than none.
//!
//! Of XML only what the protocol needs is read: no document type, no entities beyond the five, no processing instructions, no
//! attributes. What cannot be said cannot be misread.

mod canonical;
mod certificate;
pub mod feed;
mod geometry;
mod label;
mod read;
mod rules;
pub mod signature;
pub mod terms;
mod time;
mod word;
mod write;
mod xml;

#[cfg(test)]
mod attacks;
#[cfg(test)]
pub(crate) mod sample;

pub use certificate::{Certificate, CertificateError};
pub use geometry::{Circle, Point, Polygon};
pub use read::read;
pub use rules::rules;
pub use time::Time;
pub use word::{Category, Certainty, MsgType, ResponseType, Scope, Severity, Status, Urgency};
pub use write::write;

/// The namespace of CAP 1.2; every other is refused, CAP 1.0 and 1.1 by name.
pub const NAMESPACE: &str = "urn:oasis:names:tc:emergency:cap:1.2";
/// The media type of a document (OASIS CAP 1.2, and RFC 7303 for `+xml`).
pub const MEDIA_TYPE: &str = "application/cap+xml";
/// Bytes of the largest document that is read.
pub const MAX_BYTES: usize = 1024 * 1024;

/// One message. What is optional in the schema is optional here, and [`rules()`] says what its prose asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Names it among the sender's: no spaces, commas, `<` or `&`. The same order, sent again, has the same.
    pub identifier: String,
    /// Names the sender worldwide, for the most part by a domain: no spaces, commas, `<` or `&`.
    pub sender: String,
    /// When it was written.
    pub sent: Time,
    /// What it is to be taken for.
    pub status: Status,
    /// What it does.
    pub msg_type: MsgType,
    /// Who or what wrote it.
    pub source: Option<String>,
    /// Whom it is for.
    pub scope: Scope,
    /// Who may have it: of [`Scope::Restricted`].
    pub restriction: Option<String>,
    /// Who is to have it: of [`Scope::Private`].
    pub addresses: Vec<String>,
    /// Marks of a profile.
    pub codes: Vec<String>,
    /// Why it was refused or cancelled, or which exercise it is of.
    pub note: Option<String>,
    /// The messages that it is about.
    pub references: Vec<Reference>,
    /// Names of what it belongs to.
    pub incidents: Vec<String>,
    /// What it says, once for each language or for each kind of listener.
    pub infos: Vec<Info>,
}

impl Alert {
    /// How another message names this one.
    pub fn reference(&self) -> Reference {
        Reference { sender: self.sender.clone(), identifier: self.identifier.clone(), sent: self.sent }
    }

    /// The last moment at which any part of it holds; none: it never ends.
    pub fn expires(&self) -> Option<Time> {
        let ends: Option<Vec<Time>> = self.infos.iter().map(|info| info.expires).collect();
        ends?.into_iter().max()
    }

    /// What it says in this language (`vi` is spoken by `vi-VN`), else what it says first.
    pub fn info(&self, language: &str) -> Option<&Info> {
        let speaks = |info: &&Info| {
            let spoken = info.language();
            spoken.eq_ignore_ascii_case(language)
                || spoken.split_once('-').is_some_and(|(main, _)| main.eq_ignore_ascii_case(language))
        };
        self.infos.iter().find(speaks).or_else(|| self.infos.first())
    }
}

/// Names a message: `sender,identifier,sent`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Its sender.
    pub sender: String,
    /// Its identifier.
    pub identifier: String,
    /// When it was sent.
    pub sent: Time,
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{},{}", self.sender, self.identifier, self.sent)
    }
}

/// What a message says in one language.
#[derive(Debug, Clone, PartialEq)]
pub struct Info {
    /// As BCP 47 names it; none means `en-US`.
    pub language: Option<String>,
    /// At least one.
    pub categories: Vec<Category>,
    /// What happens, in a few words.
    pub event: String,
    /// What to do.
    pub response_types: Vec<ResponseType>,
    /// How soon to act.
    pub urgency: Urgency,
    /// How bad it is.
    pub severity: Severity,
    /// How sure it is.
    pub certainty: Certainty,
    /// For whom it is, in words.
    pub audience: Option<String>,
    /// The event in others' lists.
    pub event_codes: Vec<Pair>,
    /// From when on it holds; none: since it was sent.
    pub effective: Option<Time>,
    /// When the event is expected to begin.
    pub onset: Option<Time>,
    /// Until when it holds.
    pub expires: Option<Time>,
    /// The sender's name for people.
    pub sender_name: Option<String>,
    /// A short headline.
    pub headline: Option<String>,
    /// What happens, at length.
    pub description: Option<String>,
    /// What to do, at length.
    pub instruction: Option<String>,
    /// A page that says more.
    pub web: Option<String>,
    /// Whom to ask.
    pub contact: Option<String>,
    /// What systems agreed upon beyond the protocol.
    pub parameters: Vec<Pair>,
    /// Files.
    pub resources: Vec<Resource>,
    /// Where it holds.
    pub areas: Vec<Area>,
}

impl Info {
    /// An information without anything optional.
    pub fn new(
        category: Category,
        event: impl Into<String>,
        (urgency, severity, certainty): (Urgency, Severity, Certainty),
    ) -> Self {
        Self {
            language: None,
            categories: vec![category],
            event: event.into(),
            response_types: Vec::new(),
            urgency,
            severity,
            certainty,
            audience: None,
            event_codes: Vec::new(),
            effective: None,
            onset: None,
            expires: None,
            sender_name: None,
            headline: None,
            description: None,
            instruction: None,
            web: None,
            contact: None,
            parameters: Vec::new(),
            resources: Vec::new(),
            areas: Vec::new(),
        }
    }

    /// Its language: that of the schema where it names none.
    pub fn language(&self) -> &str {
        self.language.as_deref().unwrap_or("en-US")
    }

    /// The first value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|pair| pair.name == name).map(|pair| pair.value.as_str())
    }
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// `valueName`.
    pub name: String,
    /// `value`.
    pub value: String,
}

impl Pair {
    /// A pair.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// A file that belongs to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// What it is, for people.
    pub description: String,
    /// Its media type.
    pub mime_type: String,
    /// Bytes.
    pub size: Option<u64>,
    /// Where it lies.
    pub uri: Option<String>,
    /// The file itself, in base 64.
    pub deref_uri: Option<String>,
    /// Its SHA-1, in hexadecimal.
    pub digest: Option<String>,
}

/// A part of the country.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Area {
    /// Its name, for people.
    pub description: String,
    /// Its borders.
    pub polygons: Vec<Polygon>,
    /// What lies around points.
    pub circles: Vec<Circle>,
    /// Its codes, by the list that they are from.
    pub geocodes: Vec<Pair>,
    /// Feet above the sea, or the lower end where there is a `ceiling`.
    pub altitude: Option<f64>,
    /// The upper end, in feet above the sea.
    pub ceiling: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_is_found_by_language() {
        let mut alert = sample::order();
        assert_eq!(alert.info("vi").unwrap().language(), "vi-VN");
        alert.infos[0].language = None;
        assert_eq!(alert.info("en").unwrap().language(), "en-US");
        assert!(alert.info("fr").is_some(), "the first rather than nothing");
    }

    #[test]
    fn a_message_ends_with_its_last_part_or_never() {
        let mut alert = sample::order();
        let end = alert.infos[0].expires;
        assert_eq!(alert.expires(), end);
        let mut endless = alert.infos[0].clone();
        endless.expires = None;
        alert.infos.push(endless);
        assert_eq!(alert.expires(), None);
    }
}
