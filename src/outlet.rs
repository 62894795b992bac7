//! Outlets: who passes a text on to its own people, and how orders get there.
//!
//! What enters: what an administrator or officer writes about a carrier, an agency, a school, a radio station or a newspaper, one by
//! one or as a list. What leaves: [`Outlet`]s for orders ([`crate::relay`]) and pages. The contact's mailbox is sealed, and masked
//! everywhere but in the mail itself. Every change is recorded in [`audit`] by the transaction that makes it. What can go wrong: what
//! was written does not fit ([`Refused`]), and the database.

mod store;

pub use store::{
    add, by_slug, change, contact, contacts, find, of_users, remove, renamed, reseal, set_active, set_user_outlet, user_outlet,
    users, with_contacts, within_by_slug, without_contacts,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{phrase, words::Phrase};

/// What an outlet is. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OutletKind)]
#[repr(i16)]
pub enum Kind {
    /// A telecom carrier: sends to its subscribers.
    Carrier = 0,
    /// A department, a People's Committee, a union.
    Agency = 1,
    /// A school or university.
    School = 2,
    /// Grassroots radio.
    Radio = 3,
    /// Newspapers, television, sites.
    Press = 4,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Carrier, Self::Agency, Self::School, Self::Radio, Self::Press];

    /// The kind of this stored number.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i16 == number)
    }

    /// The name in files and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Carrier => "carrier",
            Self::Agency => "agency",
            Self::School => "school",
            Self::Radio => "radio",
            Self::Press => "press",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What people read.
    pub fn label(self) -> Phrase {
        match self {
            Self::Carrier => phrase!("Nhà mạng", "Carrier"),
            Self::Agency => phrase!("Cơ quan, đơn vị", "Agency"),
            Self::School => phrase!("Trường học", "School"),
            Self::Radio => phrase!("Đài truyền thanh", "Radio"),
            Self::Press => phrase!("Báo chí", "Press"),
        }
    }
}

/// How orders get to an outlet. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OutletWay)]
#[repr(i16)]
pub enum Way {
    /// Loa sends the signed document to the outlet's address.
    Push = 0,
    /// The outlet's program asks for it.
    Pull = 1,
    /// On paper, or by the outlet's page.
    Hand = 2,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Push, Self::Pull, Self::Hand];

    /// The way of this stored number.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|way| *way as i16 == number)
    }

    /// The name in files and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Pull => "pull",
            Self::Hand => "hand",
        }
    }

    /// The way of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }

    /// What people read.
    pub fn label(self) -> Phrase {
        match self {
            Self::Push => phrase!("Loa gửi tự động", "Loa pushes them"),
            Self::Pull => phrase!("Đơn vị tự lấy về", "The outlet fetches them"),
            Self::Hand => phrase!("Văn bản hoặc trang riêng", "On paper or on its page"),
        }
    }
}

/// Who passes texts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlet {
    /// Its number.
    pub id: i64,
    /// Its name in campaigns, files and addresses.
    pub slug: String,
    /// For people.
    pub title: String,
    /// What it is.
    pub kind: Kind,
    /// How orders get there.
    pub way: Way,
    /// Where they are pushed to.
    pub url: Option<String>,
    /// PEM: whose signature its documents bear.
    pub certificate: Option<String>,
    /// Its contact's mailbox, masked; the mailbox itself is asked for by [`contact`].
    pub contact: Option<String>,
    /// Codes of its areas; none: the whole country.
    pub areas: Vec<String>,
    /// The department that works with it; empty: all do.
    pub owner: String,
    /// What it calls itself in CAP documents.
    pub sender: String,
    /// Whether it gets orders.
    pub active: bool,
    /// When it was added, unix milliseconds.
    pub created_at: i64,
    /// When it was changed last.
    pub changed_at: i64,
}

/// What is written about an outlet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// `[a-z0-9-]`, at most 60 characters.
    pub slug: String,
    /// For people.
    pub title: String,
    /// What it is.
    pub kind: Kind,
    /// How orders get there.
    pub way: Way,
    /// Where they are pushed to: `https://…`.
    pub url: Option<String>,
    /// PEM. That it can be read is for the caller to see, who has [`crate::cap`] at hand.
    pub certificate: Option<String>,
    /// The contact's mailbox. In a change, none leaves it as it is, and an empty one takes it away.
    pub contact: Option<String>,
    /// Codes of areas.
    pub areas: Vec<String>,
    /// The department that works with it.
    pub owner: String,
    /// What it calls itself in CAP documents; empty: as its slug.
    pub sender: String,
}

/// Why something cannot be done with an outlet. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is none of that name.
    #[error("there is no such outlet")]
    NoSuchOutlet,
    /// Another has this slug.
    #[error("another outlet has this name")]
    Taken,
    /// There are orders to it: it can only rest.
    #[error("there are orders to this outlet: it can only be made inactive")]
    HasOrders,
    /// A field does not fit: its name, and what would be right.
    #[error("{0}: {1}")]
    Field(&'static str, Phrase),
}

impl Refused {
    /// The same for people.
    pub fn words(&self) -> Phrase {
        match self {
            Self::NoSuchOutlet => phrase!("không có đơn vị phối hợp này", "there is no such outlet"),
            Self::Taken => phrase!("đã có đơn vị khác mang mã này", "another outlet has this name"),
            Self::HasOrders => phrase!(
                "đơn vị đã có yêu cầu: chỉ có thể tạm ngừng, không xóa được",
                "there are orders to this outlet: it can only rest, and not be removed"
            ),
            Self::Field(_, why) => why.clone(),
        }
    }
}

/// Nothing if an outlet of one department may be given to another by whoever sees both: what is everybody's is taken from everybody only
/// by whoever sees all departments.
pub fn may_pass(was: &str, is: &str, sees_all: bool) -> Result<(), Refused> {
    if sees_all || is.is_empty() || !was.is_empty() {
        return Ok(());
    }
    let why = phrase!(
        "đơn vị này dùng chung: chỉ người xem được mọi đơn vị mới giao nó cho một đơn vị phụ trách",
        "this outlet is everybody's: only whoever sees all departments gives it to one of them"
    );
    Err(Refused::Field("owner", why))
}

/// Addresses of the console below `/outlets` that are no outlet's.
const RESERVED: [&str; 2] = ["new", "import"];

/// A mailbox as it is shown: its first letter and its host.
pub fn masked(mailbox: &str) -> String {
    let (local, host) = mailbox.rsplit_once('@').unwrap_or((mailbox, ""));
    local.chars().next().map_or_else(|| "…".to_string(), |first| format!("{first}…@{host}"))
}

/// What stands there: written again, it changes nothing.
impl From<Outlet> for Written {
    fn from(outlet: Outlet) -> Self {
        Self {
            slug: outlet.slug,
            title: outlet.title,
            kind: outlet.kind,
            way: outlet.way,
            url: outlet.url,
            certificate: outlet.certificate,
            contact: None,
            areas: outlet.areas,
            owner: outlet.owner,
            sender: outlet.sender,
        }
    }
}

impl Written {
    /// Tidied, or the first field that does not fit; `is_place` says whether a code is one.
    pub fn checked(mut self, is_place: impl Fn(&str) -> bool) -> Result<Self, Refused> {
        let no = |field, why| Err(Refused::Field(field, why));
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.slug = self.slug.trim().to_string();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.slug.is_empty() || self.slug.len() > 60 || !self.slug.chars().all(fits) {
            return no(
                "slug",
                phrase!("mã chỉ gồm a-z, 0-9 và dấu -, tối đa 60 ký tự", "use a-z, 0-9 and -, at most 60 of them"),
            );
        }
        if RESERVED.contains(&self.slug.as_str()) {
            return no("slug", phrase!("mã này dành riêng cho hệ thống", "this name is taken by a page of the console"));
        }
        self.title = plain(&self.title);
        if self.title.is_empty() || self.title.chars().count() > 200 || self.title.contains(char::is_control) {
            return no("title", phrase!("hãy ghi tên đơn vị, tối đa 200 ký tự", "give its name, at most 200 characters"));
        }
        self.owner = plain(&self.owner);
        self.url = self.url.map(|url| url.trim().to_string()).filter(|url| !url.is_empty());
        match &self.url {
            Some(url) if !is_address(url) => {
                return no(
                    "url",
                    phrase!(
                        "địa chỉ phải bắt đầu bằng https:// và không chứa mật khẩu",
                        "write https://…, without a password in it"
                    ),
                );
            }
            None if self.way == Way::Push => {
                return no(
                    "url",
                    phrase!("cần địa chỉ https:// để gửi yêu cầu tới", "an https:// address to push orders to is needed"),
                );
            }
            _ => {}
        }
        self.certificate = self.certificate.map(|pem| pem.trim().to_string()).filter(|pem| !pem.is_empty());
        if self.certificate.as_ref().is_some_and(|pem| pem.len() > 20_000 || !pem.starts_with("-----BEGIN CERTIFICATE-----")) {
            return no("certificate", phrase!("hãy dán chứng thư ở dạng PEM", "paste the certificate as PEM"));
        }
        self.contact = self.contact.map(|mailbox| mailbox.trim().to_string());
        if self.contact.as_ref().is_some_and(|mailbox| !mailbox.is_empty() && !is_mailbox(mailbox)) {
            return no("contact", phrase!("đây không phải địa chỉ e-mail", "this is no e-mail address"));
        }
        self.areas = self.areas.iter().map(|code| code.trim().to_string()).filter(|code| !code.is_empty()).collect();
        self.areas.sort();
        self.areas.dedup();
        if let Some(code) = self.areas.iter().find(|code| !is_place(code)) {
            return no("areas", phrase!("không có địa bàn mang mã {code}", "there is no area with the code {code}"));
        }
        self.sender = self.sender.trim().to_string();
        if self.sender.is_empty() {
            self.sender.clone_from(&self.slug);
        }
        if self.sender.len() > 200 || self.sender.contains(|c: char| c.is_whitespace() || c.is_control() || ",<&".contains(c)) {
            return no(
                "sender",
                phrase!(
                    "tên trong bản tin CAP không chứa dấu cách, dấu phẩy, < hoặc &",
                    "no spaces, commas, < or & may stand in it"
                ),
            );
        }
        Ok(self)
    }
}

/// An address that orders may be pushed to; plain HTTP only on this machine, where stand-ins listen.
fn is_address(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or("");
    let port = |c: char| c == ':' || c.is_ascii_digit();
    let local =
        ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| host.strip_prefix(name).is_some_and(|rest| rest.chars().all(port)));
    (scheme == "https" || scheme == "http" && local)
        && url.len() <= 1_000
        && !host.is_empty()
        && !host.contains('@')
        && !url.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn is_mailbox(text: &str) -> bool {
    text.len() <= 200
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c))
        && text.split_once('@').is_some_and(|(local, host)| !local.is_empty() && host.len() > 2 && !host.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Written {
        Written {
            slug: "viettel".into(),
            title: "  Viettel   Telecom ".into(),
            kind: Kind::Carrier,
            way: Way::Push,
            url: Some("https://relay.example.vn/cap".into()),
            certificate: None,
            contact: Some("truc@example.vn".into()),
            areas: vec!["79".into(), "01".into(), "79".into()],
            owner: String::new(),
            sender: String::new(),
        }
    }

    fn field(written: Written) -> &'static str {
        match written.checked(|code| code.len() == 2) {
            Err(Refused::Field(name, _)) => name,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_written_is_tidied() {
        let good = written().checked(|code| code.len() == 2).unwrap();
        assert_eq!(
            (good.title.as_str(), good.sender.as_str(), good.areas),
            ("Viettel Telecom", "viettel", vec!["01".into(), "79".into()])
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert_eq!(field(Written { slug: "Viettel".into(), ..written() }), "slug");
        assert_eq!(field(Written { slug: "import".into(), ..written() }), "slug");
        assert_eq!(field(Written { title: " ".into(), ..written() }), "title");
        for url in [
            "http://example.vn/",
            "https://a:b@example.vn/",
            "https://",
            "ftp://x",
            "https://x y",
            "http://127.0.0.1.example.vn/",
        ] {
            assert_eq!(field(Written { url: Some(url.into()), ..written() }), "url", "{url}");
        }
        assert_eq!(field(Written { url: None, ..written() }), "url");
        assert_eq!(field(Written { certificate: Some("abc".into()), ..written() }), "certificate");
        assert_eq!(field(Written { contact: Some("truc".into()), ..written() }), "contact");
        assert_eq!(field(Written { areas: vec!["x".into()], ..written() }), "areas");
        assert_eq!(field(Written { sender: "a b".into(), ..written() }), "sender");
    }

    #[test]
    fn a_mailbox_is_masked() {
        assert_eq!(masked("truc.ban@example.vn"), "t…@example.vn");
        assert_eq!(masked(""), "…");
    }
}
