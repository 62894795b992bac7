//! `loa.toml` and the environment read into a [`Config`]. What enters is the file's path and the environment; what leaves
//! is settings that need no further check, or everything that is wrong with them.

#![expect(
    clippy::unnecessary_wraps,
    reason = "a reader returns an option whether or not it can fail: that is what sections call"
)]

use std::{
    collections::BTreeMap,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use providers::Channel;

use super::{
    Bounces, Config, Limits, Network, Office, Reporting, SecretKey, Server, account, environment, notify, opt_out, relay,
    secret::{Found, Vault, key, masked, password_in},
    sign_in,
};
use crate::{
    document::{Document, Problem, Problems, Section, Value},
    phrase,
};

const DEFAULT_FILE: &str = "loa.toml";
const DEFAULT_DATABASE: &str = "sqlite:loa.db";
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
const DAY: Duration = Duration::from_hours(24);

impl Config {
    /// Reads `path`, or `loa.toml` in the working directory if there is one, or else only the environment over the
    /// defaults. A path that was given must exist.
    pub fn read(path: Option<&Path>, env: &BTreeMap<String, String>) -> Result<Self, Problems> {
        Self::look(path, env, true)
    }

    /// The same without the accounts' secrets, which need not be there: for whoever looks and does not send.
    pub fn read_without_secrets(path: Option<&Path>, env: &BTreeMap<String, String>) -> Result<Self, Problems> {
        Self::look(path, env, false)
    }

    fn look(path: Option<&Path>, env: &BTreeMap<String, String>, secrets: bool) -> Result<Self, Problems> {
        let file = path.unwrap_or(Path::new(DEFAULT_FILE));
        match fs::read_to_string(file) {
            Ok(text) => Self::parse(file, &text, env, secrets).map(|config| Self { file: Some(file.to_path_buf()), ..config }),
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_none() => Self::parse(file, "", env, secrets),
            Err(error) => Err(Problem::of(
                &file.display().to_string(),
                phrase!("không đọc được tệp cấu hình", "the settings cannot be read").because(&error),
            )
            .into()),
        }
    }

    /// What messages may say of the office, whatever else is wrong with the settings: checking a text needs no secrets.
    pub fn office_of(path: Option<&Path>, env: &BTreeMap<String, String>) -> Office {
        let file = path.unwrap_or(Path::new(DEFAULT_FILE));
        let text = fs::read_to_string(file).unwrap_or_default();
        let Ok(mut document) = Document::parse(&file.display().to_string(), &text, &masked(&text)) else {
            return Office::default();
        };
        environment::apply(&mut document, env);
        let mut found = None;
        // What is wrong elsewhere is told by `read`.
        let _ = document.decode(|root| {
            found = Some(whole_office(root));
            Some(())
        });
        found.unwrap_or_default()
    }

    /// The text of a settings file as it may be shown: every secret in it starred out, every place where it was.
    pub fn shown(text: &str) -> String {
        masked(text)
    }

    fn parse(file: &Path, text: &str, env: &BTreeMap<String, String>, secrets: bool) -> Result<Self, Problems> {
        let base = file.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut document = Document::parse(&file.display().to_string(), text, &masked(text))?;
        environment::apply(&mut document, env);
        document.decode(|root| config(root, Vault { base: &base, env, accounts: secrets }))
    }
}

fn config(root: &mut Section<'_>, vault: Vault<'_>) -> Option<Config> {
    let Vault { base, .. } = vault;
    let database_url = match root.value("database") {
        Some(value) => {
            value.section(|s| Some(s.value("url").map_or_else(|| Some(DEFAULT_DATABASE.to_string()), |v| database(&v, vault))))?
        }
        None => Some(DEFAULT_DATABASE.to_string()),
    };
    let database_url = database_url.map(|url| beside(base, url));
    let folder = database_url.as_deref().and_then(folder_of).unwrap_or_else(|| base.to_path_buf());
    let default_key = folder.join("loa.key");
    let server = match root.value("server") {
        Some(value) => value.section(|s| server(s, vault, &default_key)),
        None => Some(Server { key: stored_key(&default_key), key_file: Some(default_key), ..Server::default() }),
    };
    let sign_in = root.optional("sign_in", |v| v.section(|s| Some(sign_in::sign_in(s, vault)))).unwrap_or_default();
    let office = whole_office(root);
    let limits = root.optional("limits", |v| v.section(limits)).unwrap_or_default();
    let bounces = root.optional("bounces", |v| v.section(bounces)).unwrap_or_default();
    let accounts = root.optional("account", |v| account::accounts(&v, vault)).unwrap_or_default();
    let names: Vec<&str> = accounts.iter().filter(|a| a.channel == Channel::Email).map(|a| a.name.as_str()).collect();
    let notify = root.optional("notify", |v| v.section(|s| Some(notify::notify(s, &names)))).unwrap_or_default();
    let network = root.optional("network", |v| v.section(|s| network(s, base))).unwrap_or_default();
    let reporting = root.optional("reporting", |v| v.section(reporting)).unwrap_or_default();
    let published = server.as_ref().is_some_and(|server| server.public_url.is_some());
    let relay = match root.value("relay") {
        Some(value) => value.section(|s| Some(relay::relay(s, vault, published))).unwrap_or_default(),
        None => relay::Relay { publish: published, ..relay::Relay::default() },
    };
    let upstream = root.optional("upstream", |v| v.section(|s| relay::upstream(s, vault)));
    let bulletins = root.optional("bulletins", |v| relay::bulletins(&v, vault)).unwrap_or_default();
    let approval_required = root.optional("approval", |v| v.section(|s| Some(s.optional("required", |v| v.boolean())))).flatten();
    let (campaigns, holidays_file, gateways_dir) = root
        .optional("paths", |v| {
            v.section(|s| {
                let mut path = |key: &str| s.optional(key, |v| v.path()).map(|path| base.join(path));
                Some((path("campaigns"), path("holidays"), path("gateways")))
            })
        })
        .unwrap_or_default();
    Some(Config {
        file: None,
        base: base.to_path_buf(),
        server: server?,
        database_url: database_url?,
        sign_in,
        office,
        limits,
        bounces,
        accounts,
        notify,
        network,
        reporting,
        relay,
        upstream,
        bulletins,
        approval_required,
        campaigns_dir: campaigns.unwrap_or_else(|| base.join("campaigns")),
        holidays_file,
        gateways_dir,
    })
}

impl Default for Server {
    fn default() -> Self {
        Self {
            key: None,
            previous_keys: Vec::new(),
            key_file: None,
            listen: DEFAULT_LISTEN,
            public_listen: None,
            public_url: None,
            trusted_proxies: Vec::new(),
        }
    }
}

fn server(section: &mut Section<'_>, vault: Vault<'_>, default_key: &Path) -> Option<Server> {
    let (key, key_file) = match section.value("key") {
        None => (stored_key(default_key), Some(default_key.to_path_buf())),
        Some(value) => match vault.find(&value)? {
            Found::Secret(secret) => (Some(checked_key(&value, &secret)?), None),
            Found::Missing(file) => (None, Some(file)),
        },
    };
    let previous_keys =
        section.optional("previous_keys", |v| v.list(|one| checked_key(&one, &vault.secret(&one)?))).unwrap_or_default();
    let listen = section.optional("listen", |v| socket(&v)).unwrap_or(DEFAULT_LISTEN);
    let public_listen = section.optional("public_listen", |v| socket(&v));
    let public_url = section.optional("public_url", |v| web_address(&v));
    let trusted_proxies = section.optional("trusted_proxies", |v| v.list(|one| ip(&one))).unwrap_or_default();
    Some(Server { key, previous_keys, key_file, listen, public_listen, public_url, trusted_proxies })
}

/// The key in a file that nobody named: one that cannot be read counts as none here, and `loa doctor` looks closer.
pub fn stored_key(file: &Path) -> Option<SecretKey> {
    key(&fs::read_to_string(file).ok()?.into())
}

fn checked_key(value: &Value<'_>, secret: &secrecy::SecretString) -> Option<SecretKey> {
    let field = value.field();
    key(secret).or_else(|| {
        value.refuse(
            phrase!("`{field}` không phải khóa 32 byte", "`{field}` is not a key of 32 bytes"),
            phrase!(
                "64 chữ số thập lục phân, hoặc base64; `loa init` tạo sẵn một khóa",
                "64 hexadecimal digits, or base64; `loa init` makes one"
            ),
        )
    })
}

fn database(value: &Value<'_>, vault: Vault<'_>) -> Option<String> {
    use secrecy::ExposeSecret as _;
    let url = if value.is_table() { vault.secret(value)?.expose_secret().to_string() } else { value.line()? };
    if !value.is_table() && !value.is_variable() && password_in(&url).is_some() {
        return value.refuse(
            phrase!("địa chỉ cơ sở dữ liệu chứa mật khẩu", "the database's address holds a password"),
            phrase!(
                "viết url = {{ env = \"LOA_DATABASE_URL\" }}, hoặc đặt biến LOA_DATABASE__URL",
                "write url = {{ env = \"LOA_DATABASE_URL\" }}, or set the variable LOA_DATABASE__URL"
            ),
        );
    }
    if ["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Some(url);
    }
    value.refuse(
        phrase!("đây không phải địa chỉ cơ sở dữ liệu", "this is not a database address"),
        phrase!(
            "viết \"sqlite:loa.db\" hoặc \"postgres://người-dùng@máy/tên\"",
            "write \"sqlite:loa.db\" or \"postgres://user@host/name\""
        ),
    )
}

/// A database file is named relative to `loa.toml`.
fn beside(base: &Path, url: String) -> String {
    match url.strip_prefix("sqlite:").map(|file| file.trim_start_matches("//")) {
        Some(file) if !file.starts_with(':') => format!("sqlite:{}", base.join(file).display()),
        _ => url,
    }
}

fn folder_of(url: &str) -> Option<PathBuf> {
    let file = url.strip_prefix("sqlite:").filter(|file| !file.starts_with(':'))?;
    Path::new(file.split('?').next()?).parent().map(Path::to_path_buf)
}

fn socket(value: &Value<'_>) -> Option<SocketAddr> {
    let text = value.line()?;
    text.parse().ok().or_else(|| {
        value.refuse(
            phrase!("\"{text}\" không phải địa chỉ IP kèm cổng", "\"{text}\" is not an IP address with a port"),
            phrase!("ví dụ: \"127.0.0.1:8080\"", "for example: \"127.0.0.1:8080\""),
        )
    })
}

fn ip(value: &Value<'_>) -> Option<std::net::IpAddr> {
    let text = value.line()?;
    text.parse().ok().or_else(|| {
        value.refuse(
            phrase!("\"{text}\" không phải địa chỉ IP", "\"{text}\" is not an IP address"),
            phrase!("ví dụ: \"10.0.0.5\"", "for example: \"10.0.0.5\""),
        )
    })
}

pub(super) fn web_address(value: &Value<'_>) -> Option<String> {
    let text = value.line()?;
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    if host.is_some_and(|host| !host.is_empty() && !host.contains(char::is_whitespace)) {
        return Some(text.trim_end_matches('/').to_string());
    }
    value.refuse(
        phrase!("\"{text}\" không phải địa chỉ web", "\"{text}\" is not a web address"),
        phrase!("bắt đầu bằng https:// (hoặc http://)", "begin with https:// (or http://)"),
    )
}

fn whole_office(root: &mut Section<'_>) -> Office {
    let fields = root.optional("office", |v| v.section(office)).unwrap_or_default();
    let opt_out = root.optional("opt_out", |v| v.section(opt_out::opt_out)).unwrap_or_default();
    Office { fields, opt_out }
}

fn office(section: &mut Section<'_>) -> Option<BTreeMap<String, String>> {
    let entries = section.rest().into_iter();
    Some(entries.filter_map(|(key, value)| Some((key.to_string(), value.one_or_more(|one| one.line())?.join("; ")))).collect())
}

fn limits(section: &mut Section<'_>) -> Option<Limits> {
    let cap = section.optional("cap", |v| {
        v.section(|s| {
            let messages = s.required("messages", |v| v.integer(1..=1_000));
            let per = s.required("per", |v| v.duration(Duration::from_hours(1)..=366 * DAY));
            Some((u32::try_from(messages?).ok()?, per?))
        })
    });
    let spacing = section.optional("spacing", |v| v.duration(Duration::from_mins(1)..=366 * DAY));
    Some(Limits { cap, spacing })
}

fn bounces(section: &mut Section<'_>) -> Option<Bounces> {
    let default = Bounces::default();
    let failures = section.optional("failures", |v| v.integer(1..=100)).and_then(|n| u32::try_from(n).ok());
    let within = section.optional("within", |v| v.duration(DAY..=3 * 366 * DAY));
    Some(Bounces { failures: failures.unwrap_or(default.failures), within: within.unwrap_or(default.within) })
}

fn reporting(section: &mut Section<'_>) -> Option<Reporting> {
    use chrono::Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
    const DAYS: [(&str, chrono::Weekday); 7] = [
        ("monday", Mon),
        ("tuesday", Tue),
        ("wednesday", Wed),
        ("thursday", Thu),
        ("friday", Fri),
        ("saturday", Sat),
        ("sunday", Sun),
    ];
    let default = Reporting::default();
    let month_starts = section.optional("month_starts", |v| v.integer(1..=28)).and_then(|day| u32::try_from(day).ok());
    let week_starts = section.optional("week_starts", |v| v.choice(&DAYS));
    let mut line = |key: &str| section.optional(key, |v| v.line());
    let (superior, place, symbol) = (line("superior"), line("place"), line("symbol"));
    let recipients = section.optional("recipients", |v| v.one_or_more(|one| one.line())).unwrap_or_default();
    Some(Reporting {
        month_starts: month_starts.unwrap_or(default.month_starts),
        week_starts: week_starts.unwrap_or(default.week_starts),
        superior,
        place,
        symbol,
        recipients,
    })
}

fn network(section: &mut Section<'_>, base: &Path) -> Option<Network> {
    let proxy = section.optional("proxy", |v| {
        let address = web_address(&v)?;
        if password_in(&address).is_some() && !v.is_variable() {
            return v.refuse(
                phrase!("địa chỉ proxy chứa mật khẩu", "the proxy's address holds a password"),
                phrase!(
                    "đặt biến LOA_NETWORK__PROXY thay cho dòng này",
                    "set the variable LOA_NETWORK__PROXY instead of this line"
                ),
            );
        }
        Some(address)
    });
    let ca_file = section.optional("ca_file", |v| {
        let path = base.join(v.path()?);
        if path.is_file() {
            return Some(path);
        }
        let path = path.display();
        v.refuse(
            phrase!("không có tệp {path}", "there is no file {path}"),
            phrase!("ghi đường dẫn tới tệp chứng thư PEM", "give the path of a PEM file"),
        )
    });
    Some(Network { proxy, ca_file })
}

#[cfg(test)]
mod tests;
