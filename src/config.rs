//! `loa.toml` and the environment: every section validates itself; no secret is ever a plain string.

mod account;
mod environment;
mod mail;
mod notify;
mod opt_out;
mod read;
mod relay;
mod secret;
mod sign_in;
mod template;

pub use account::CARRIERS;
pub use notify::{NOTICES, Notify};
pub use read::stored_key;
pub use relay::{BulletinSource, Relay, Signing, Upstream};
pub use secret::is_secret_name;
pub use template::wording;

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use chrono::{NaiveDate, Weekday};
use providers::{
    Channel,
    smtp::DkimSource,
    text::{Budget, Pattern},
};
use secrecy::SecretString;

/// All settings, checked.
#[derive(Clone)]
pub struct Config {
    /// `loa.toml`, where there is one.
    pub file: Option<PathBuf>,
    /// The folder of `loa.toml`, against which relative paths are read.
    pub base: PathBuf,
    /// `[server]`.
    pub server: Server,
    /// `[database] url`.
    pub database_url: String,
    /// `[sign_in]`.
    pub sign_in: SignIn,
    /// What messages may say of whoever sends them.
    pub office: Office,
    /// `[limits]`.
    pub limits: Limits,
    /// `[bounces]`.
    pub bounces: Bounces,
    /// `[[account]]`.
    pub accounts: Vec<Account>,
    /// `[notify]`.
    pub notify: Notify,
    /// `[network]`.
    pub network: Network,
    /// `[reporting]`.
    pub reporting: Reporting,
    /// `[relay]`.
    pub relay: Relay,
    /// `[upstream]`.
    pub upstream: Option<Upstream>,
    /// `[[bulletins]]`.
    pub bulletins: Vec<BulletinSource>,
    /// `[approval] required`; none: as soon as a console user exists.
    pub approval_required: Option<bool>,
    /// `[paths] campaigns`: where definitions lie; `campaigns` beside loa.toml unless said.
    pub campaigns_dir: PathBuf,
    /// `[paths] holidays`: a file that overrides the built-in table.
    pub holidays_file: Option<PathBuf>,
    /// `[paths] gateways`: a folder of further gateway descriptions.
    pub gateways_dir: Option<PathBuf>,
}

impl fmt::Debug for Config {
    /// Without the database's address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("file", &self.file)
            .field("server", &self.server)
            .field("limits", &self.limits)
            .field("accounts", &self.accounts)
            .finish_non_exhaustive()
    }
}

/// What messages may say of whoever sends them: `[office]`, and where `[opt_out]` takes refusals.
#[derive(Debug, Clone, Default)]
pub struct Office {
    /// `[office]`: what `{{ office.… }}` gives; keys name, short, hotline, signers….
    pub fields: BTreeMap<String, String>,
    /// `[opt_out]`: among the rest, what `{{ opt_out }}` gives.
    pub opt_out: OptOut,
}

/// An office that takes no refusals by text.
impl From<BTreeMap<String, String>> for Office {
    fn from(fields: BTreeMap<String, String>) -> Self {
        Self { fields, ..Self::default() }
    }
}

/// `[opt_out]`: how people refuse by text, and what they are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOut {
    /// Where they text to: a short code or a phone number. None: texts cannot say where.
    pub number: Option<String>,
    /// The word that texts tell people; one of `words`.
    pub keyword: String,
    /// Words that refuse, in any spelling.
    pub words: Vec<String>,
    /// Words that take a refusal back.
    pub resume: Vec<String>,
    /// A refusal by text is one of everything (`scope = "all"`), not of awareness alone.
    pub everything: bool,
    /// `confirm.refused`: what a refusal is answered; none: the built-in wording.
    pub refused: Option<String>,
    /// The same in English.
    pub refused_en: Option<String>,
    /// `confirm.resumed`: what its taking back is answered.
    pub resumed: Option<String>,
    /// The same in English.
    pub resumed_en: Option<String>,
    /// How long messages from people are kept that are no refusals.
    pub keep: Duration,
}

/// `[server]`.
#[derive(Debug, Clone)]
pub struct Server {
    /// 32 bytes, the same on all nodes. None until `loa init`, `demo` or `serve` makes a key file.
    pub key: Option<SecretKey>,
    /// Earlier keys that still open what they sealed.
    pub previous_keys: Vec<SecretKey>,
    /// The key file that `key = { file = … }` names (it may not exist yet).
    pub key_file: Option<PathBuf>,
    /// Console and API.
    pub listen: SocketAddr,
    /// Receipts, unsubscribe and look-up alone, for the Internet side.
    pub public_listen: Option<SocketAddr>,
    /// The address under which the world reaches `public_listen` (or `listen`).
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<std::net::IpAddr>,
}

/// `[sign_in]`: how people get into the console.
#[derive(Debug, Clone, Default)]
pub struct SignIn {
    /// Where people reach the console; none: see [`Config::console_url`].
    pub url: Option<String>,
    /// `oidc`: the provider by which they may sign in.
    pub oidc: Option<OpenId>,
}

/// `[sign_in.oidc]`: an `OpenID` provider.
#[derive(Debug, Clone)]
pub struct OpenId {
    /// Its address, as its tokens name it.
    pub issuer: String,
    /// What it calls us.
    pub client_id: String,
    /// What proves that we are we.
    pub client_secret: SecretString,
    /// What the button says.
    pub name: String,
}

impl Config {
    /// Where people reach the console: `[sign_in] url`; else `[server] public_url`, where the console has no address of its own;
    /// else where it listens.
    pub fn console_url(&self) -> String {
        let public = self.server.public_url.as_ref().filter(|_| self.server.public_listen.is_none());
        self.sign_in.url.as_ref().or(public).cloned().unwrap_or_else(|| format!("http://{}", self.server.listen))
    }

    /// The office's name in CAP: `[relay] sender`; else the host at which the world, or people, reach it; else `loa`, which is
    /// nobody's name in the world.
    pub fn relay_sender(&self) -> String {
        let host = |url: &String| {
            let (_, rest) = url.split_once("://")?;
            let host = rest.split(['/', '?', '#', ':']).next()?;
            (!host.is_empty() && !host.starts_with('[')).then(|| host.to_string())
        };
        let said = self.relay.sender.clone();
        said.or_else(|| self.server.public_url.as_ref().or(self.sign_in.url.as_ref()).and_then(host))
            .unwrap_or_else(|| "loa".to_string())
    }

    /// What people are told of who sends orders: `[relay] name`, else `[office] name`.
    pub fn relay_name(&self) -> &str {
        self.relay.name.as_deref().or(self.office.fields.get("name").map(String::as_str)).unwrap_or_default()
    }
}

/// 32 secret bytes.
#[derive(Clone)]
pub struct SecretKey(pub std::sync::Arc<secrecy::SecretBox<[u8; 32]>>);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

/// `[limits]`: awareness only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Messages per person within a time, over all campaigns.
    pub cap: Option<(u32, Duration)>,
    /// Between two messages to one person.
    pub spacing: Option<Duration>,
}

/// `[bounces]`: when mail to an address that fails for a while ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounces {
    /// So many deliveries that failed there
    pub failures: u32,
    /// within this time.
    pub within: Duration,
}

impl Default for Bounces {
    fn default() -> Self {
        Self { failures: 3, within: Duration::from_hours(90 * 24) }
    }
}

/// `[reporting]`: where periods begin, and what stands around the figures in an official report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reporting {
    /// The day of the month before on which a month begins; 1: it is the calendar's.
    pub month_starts: u32,
    /// The day on which a week begins.
    pub week_starts: Weekday,
    /// The body above the office (*cơ quan chủ quản*).
    pub superior: Option<String>,
    /// Where reports are signed (*địa danh*).
    pub place: Option<String>,
    /// What follows `Số: …/BC-`: the office's abbreviation.
    pub symbol: Option<String>,
    /// Who gets the report (*nơi nhận*), a line each.
    pub recipients: Vec<String>,
}

impl Default for Reporting {
    /// The boundaries of Article 12 of NĐ 09/2019/NĐ-CP: months from the 15th of the one before. Weeks it leaves to the
    /// authority: from Friday, as most offices do.
    fn default() -> Self {
        Self { month_starts: 15, week_starts: Weekday::Fri, superior: None, place: None, symbol: None, recipients: Vec::new() }
    }
}

/// `[network]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// HTTP proxy for gateways.
    pub proxy: Option<String>,
    /// Further trusted certificates (PEM).
    pub ca_file: Option<PathBuf>,
}

/// `[[account]]`: one set of credentials on a gateway, with its limits.
#[derive(Debug, Clone)]
pub struct Account {
    /// Unique; `[a-z0-9-]`.
    pub name: String,
    /// `smtp`, or a description in `providers/gateways/` (or the folder of `[paths] gateways`).
    pub gateway: String,
    /// What it carries.
    pub channel: Channel,
    /// Never more than this.
    pub rate: Rate,
    /// Sends in flight at most.
    pub window: u32,
    /// A day's messages at most, by the local day.
    pub daily: Option<u64>,
    /// Đồng a part, by carrier.
    pub price: Price,
    /// Carriers (for chat: services) it is for; empty: any.
    pub carriers: Vec<String>,
    /// Lower first; equal ones share.
    pub priority: u32,
    /// Among those of its priority, its part of a route's messages: 1 to 100.
    pub weight: u32,
    /// Đồng of the gateway's prepaid balance below which Loa warns.
    pub low_balance: Option<i64>,
    /// Whether receipts come.
    pub receipts: bool,
    /// Loopback and private addresses are allowed.
    pub allow_private: bool,
    /// What its carriers bill as how many parts; what the wire carries, unless said.
    pub parts: Budget,
    /// `[[account.template]]`: wordings registered with carriers. With any, a text that matches none is not sent this way.
    pub templates: Vec<Template>,
    /// `[[account.dkim]]`: keys that sign its mails.
    pub dkim: Vec<DkimSource>,
    /// `[account.domains]`: what recipients' domains take at most, by their names in ASCII.
    pub domains: BTreeMap<String, DomainLimit>,
    /// The gateway's own keys: plain settings.
    pub settings: BTreeMap<String, toml::Value>,
    /// The gateway's own keys: secrets, already resolved from `env` or `file`.
    pub secrets: BTreeMap<String, SecretString>,
}

/// `[[account.template]]`: a wording that carriers take from this account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// What campaigns call it; other accounts may have another wording under the same name.
    pub name: String,
    /// The wording with its slots.
    pub pattern: Pattern,
    /// The first day on which it holds.
    pub from: Option<NaiveDate>,
    /// The last one.
    pub through: Option<NaiveDate>,
    /// Carriers that it is registered with; empty: all that the account serves.
    pub carriers: Vec<String>,
    /// What it may be used for.
    pub purpose: Purpose,
}

/// `kind` of a registered wording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// Customer care: what public information goes as.
    #[default]
    Care,
    /// Advertising (NĐ 91/2020).
    Advertising,
}

/// What one domain takes from an account, beside the account's own limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DomainLimit {
    /// Mails in so much time.
    pub rate: Option<Rate>,
    /// Mails on their way at once.
    pub connections: Option<u32>,
}

/// So many in so much time, such as `100/s`, `60/m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In what time: a second, a minute or an hour.
    pub per: Duration,
}

/// Đồng a part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Price {
    /// Where no carrier's own price is given.
    pub default: i64,
    /// By carrier name.
    pub by_carrier: BTreeMap<String, i64>,
}
