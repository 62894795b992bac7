//! What joins this Loa to others: `[relay]`, who sends orders and how they are signed; `[upstream]`, the Loa whose orders this one
//! carries out; `[[bulletins]]`, whose warnings are taken in.

use std::{collections::BTreeSet, fs, time::Duration};

use providers::{
    Channel,
    webhook::{BadAddress, check_address},
};
use secrecy::{ExposeSecret as _, SecretString};

use super::{read::web_address, secret::Vault};
use crate::{
    cap::{Certificate, signature},
    document::{Section, Value},
    phrase,
};

/// `[relay]`: who sends orders.
#[derive(Debug, Clone, Default)]
pub struct Relay {
    /// The office's worldwide name in CAP, for the most part its domain; none: see [`super::Config::relay_sender`].
    pub sender: Option<String>,
    /// What people are told of who sends; none: `[office] name`.
    pub name: Option<String>,
    /// Whom an outlet asks, such as a telephone number.
    pub contact: Option<String>,
    /// What signs orders and public warnings; none: they go unsigned.
    pub signing: Option<Signing>,
    /// Whether sent warnings are published: the feed, and the page on which a text is looked up.
    pub publish: bool,
    /// Outlets that may be reached at loopback and private addresses.
    pub private: Vec<String>,
}

/// `[relay] signing`.
#[derive(Debug, Clone)]
pub struct Signing {
    /// The certificate that partners pin, in PEM.
    pub certificate: String,
    /// Its private key, in PEM; empty for whoever reads the settings without secrets.
    pub key: SecretString,
}

/// `[upstream]`: another Loa whose orders this one carries out.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Its public side.
    pub url: String,
    /// A token of the partner's user there; empty for whoever reads the settings without secrets.
    pub token: SecretString,
    /// How often it is asked.
    pub every: Duration,
    /// Whose campaigns its orders become.
    pub department: String,
    /// The own subscribers whom they are for.
    pub segment: String,
    /// What carries the text to them.
    pub channel: Channel,
    /// The certificate by which its orders must be signed, in PEM; none: they need not be.
    pub certificate: Option<String>,
    /// It may be at a loopback or private address.
    pub allow_private: bool,
}

/// `[[bulletins]]`: an authority whose warnings become drafts.
#[derive(Debug, Clone)]
pub struct BulletinSource {
    /// Unique; `[a-z0-9-]`.
    pub name: String,
    /// CAP, Atom or RSS.
    pub url: String,
    /// How often it is asked.
    pub every: Duration,
    /// The certificate by which its CAP documents must be signed, in PEM; none: they need not be.
    pub certificate: Option<String>,
    /// Whose drafts they become.
    pub department: String,
    /// It may be at a loopback or private address.
    pub allow_private: bool,
}

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// `published`: whether the world reaches this Loa, which is when warnings are published unless said otherwise.
pub(super) fn relay(section: &mut Section<'_>, vault: Vault<'_>, published: bool) -> Relay {
    let sender = section.optional("sender", |v| sender(&v));
    let name = section.optional("name", |v| v.line());
    let contact = section.optional("contact", |v| v.line());
    let signing = section.optional("signing", |v| v.section(|s| signing(s, vault)));
    let publish = section.optional("publish", |v| v.boolean()).unwrap_or(published);
    let private = section.optional("private", |v| v.one_or_more(|one| one.slug())).unwrap_or_default();
    Relay { sender, name, contact, signing, publish, private }
}

/// CAP 1.2, 3.2.1: a sender's name has no spaces, commas, `<` or `&`.
fn sender(value: &Value<'_>) -> Option<String> {
    let text = value.line()?;
    if text.len() <= 200 && !text.contains(|c: char| c.is_whitespace() || c.is_control() || ",<&".contains(c)) {
        return Some(text);
    }
    value.refuse(
        phrase!("\"{text}\" không thể là tên người gửi CAP", "\"{text}\" cannot be a sender in CAP"),
        phrase!(
            "dùng tên miền của cơ quan, ví dụ \"so-vhttdl.example.vn\": không dấu cách, dấu phẩy, `<`, `&`",
            "take the office's domain, such as \"office.example.vn\": no spaces, commas, `<` or `&`"
        ),
    )
}

fn signing(section: &mut Section<'_>, vault: Vault<'_>) -> Option<Signing> {
    let certificate = section.required("certificate", |v| certificate(&v, vault));
    // Only whoever sends needs the key: a command that looks must not fail without it.
    if !vault.accounts {
        let key = section.required("key", |v| v.plain().map(|_| SecretString::default()));
        return Some(Signing { certificate: certificate?.0, key: key? });
    }
    let key = section.required("key", |v| {
        let secret = vault.secret(&v)?;
        let key = match signature::Key::from_pem(secret.expose_secret().as_bytes()) {
            Ok(key) => key,
            Err(error) => {
                return v.refuse(
                    error.words(),
                    phrase!(
                        "tạo khóa và chứng thư: openssl req -x509 -newkey rsa:3072 -noenc -keyout khoa.pem -out chung-thu.pem -subj /CN=TÊN-MIỀN -days 1825",
                        "make one with its certificate: openssl req -x509 -newkey rsa:3072 -noenc -keyout key.pem -out cert.pem -subj /CN=DOMAIN -days 1825"
                    ),
                );
            }
        };
        if certificate.as_ref().is_some_and(|(_, certificate)| !key.fits(certificate)) {
            return v.refuse(
                phrase!("khóa này không phải của chứng thư ở trên", "this is not the key of the certificate above"),
                phrase!("ghi đúng cặp chứng thư và khóa", "name a certificate and the key that belongs to it"),
            );
        }
        Some(secret)
    });
    Some(Signing { certificate: certificate?.0, key: key? })
}

/// The text of a file with one certificate, and what it says.
fn certificate(value: &Value<'_>, vault: Vault<'_>) -> Option<(String, Certificate)> {
    let path = vault.base.join(value.path()?);
    let pem = match fs::read_to_string(&path) {
        Ok(pem) => pem,
        Err(error) => {
            let path = path.display();
            return value.refuse(
                phrase!("không đọc được {path}", "{path} cannot be read").because(&error),
                phrase!("ghi đường dẫn tới tệp chứng thư PEM", "give the path of a PEM file"),
            );
        }
    };
    match Certificate::from_pem(pem.as_bytes()) {
        Ok(certificate) => Some((pem, certificate)),
        Err(error) => value.refuse(
            error.words(),
            phrase!(
                "ghi đường dẫn tới tệp PEM có đúng một chứng thư RSA",
                "give the path of a PEM file with one RSA certificate"
            ),
        ),
    }
}

pub(super) fn upstream(section: &mut Section<'_>, vault: Vault<'_>) -> Option<Upstream> {
    let allow_private = section.optional("allow_private", |v| v.boolean()).unwrap_or(false);
    let url = section.required("url", |v| guarded(&v, allow_private));
    let token = section.required("token", |v| {
        // As with the accounts' secrets.
        if vault.accounts { vault.secret(&v) } else { v.plain().map(|_| SecretString::default()) }
    });
    let every = section.optional("every", |v| v.duration(Duration::from_secs(10)..=DAY)).unwrap_or(MINUTE);
    let department = section.optional("department", |v| v.line()).unwrap_or_default();
    let segment = section.required("segment", |v| v.slug());
    let channels = Channel::ALL.map(|channel| (channel.name(), channel));
    let channel = section.optional("channel", |v| v.choice(&channels)).unwrap_or(Channel::Sms);
    let certificate = section.optional("certificate", |v| certificate(&v, vault)).map(|(pem, _)| pem);
    Some(Upstream { url: url?, token: token?, every, department, segment: segment?, channel, certificate, allow_private })
}

/// All sources; a name stands once.
pub(super) fn bulletins(value: &Value<'_>, vault: Vault<'_>) -> Option<Vec<BulletinSource>> {
    let mut names = BTreeSet::new();
    value.list(|one| one.section(|s| bulletin(s, vault, &mut names)))
}

fn bulletin(section: &mut Section<'_>, vault: Vault<'_>, names: &mut BTreeSet<String>) -> Option<BulletinSource> {
    let name = section.required("name", |v| {
        let name = v.slug()?;
        if names.insert(name.clone()) {
            return Some(name);
        }
        v.refuse(
            phrase!("nguồn `{name}` đã có ở trên", "the source `{name}` stands above already"),
            phrase!("mỗi nguồn một tên riêng", "give each source a name of its own"),
        )
    });
    let allow_private = section.optional("allow_private", |v| v.boolean()).unwrap_or(false);
    let url = section.required("url", |v| guarded(&v, allow_private));
    let every = section.optional("every", |v| v.duration(MINUTE..=DAY)).unwrap_or(15 * MINUTE);
    let certificate = section.optional("certificate", |v| certificate(&v, vault)).map(|(pem, _)| pem);
    let department = section.optional("department", |v| v.line()).unwrap_or_default();
    Some(BulletinSource { name: name?, url: url?, every, certificate, department, allow_private })
}

/// A web address that may be asked: https, and outside, unless inside is meant.
fn guarded(value: &Value<'_>, allow_private: bool) -> Option<String> {
    let address = web_address(value)?;
    match check_address(&address, allow_private) {
        Ok(()) => Some(address),
        Err(BadAddress::Private) => value.refuse(
            phrase!("địa chỉ này nằm trong mạng nội bộ", "this address is a loopback or private one"),
            phrase!("thêm allow_private = true nếu đúng là ý muốn", "add allow_private = true if that is meant"),
        ),
        Err(BadAddress::Plain) => value.refuse(
            phrase!("ngoài mạng nội bộ phải dùng https", "outside the own network it must be https"),
            phrase!("viết https://…", "write https://…"),
        ),
        Err(BadAddress::Unreadable) => value.refuse(
            phrase!("đây không phải địa chỉ dùng được", "this is not an address that can be used"),
            phrase!("viết https://MÁY/ĐƯỜNG-DẪN, không có tên người dùng", "write https://HOST/PATH, without a user name"),
        ),
    }
}
