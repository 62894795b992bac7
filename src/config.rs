//! `loa.toml` and the environment: every section validates itself; no secret is ever a plain string.

mod account;
mod environment;
mod read;
mod secret;

pub use account::CARRIERS;
pub use read::stored_key;
pub use secret::is_secret_name;

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use providers::Channel;
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
    /// `[office]`: what `{{ office.… }}` gives in messages; keys name, short, hotline, signers….
    pub office: BTreeMap<String, String>,
    /// `[limits]`.
    pub limits: Limits,
    /// `[[account]]`.
    pub accounts: Vec<Account>,
    /// `[notify] email`.
    pub notify_email: Vec<String>,
    /// `[network]`.
    pub network: Network,
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
    /// The gateway's own keys: plain settings.
    pub settings: BTreeMap<String, toml::Value>,
    /// The gateway's own keys: secrets, already resolved from `env` or `file`.
    pub secrets: BTreeMap<String, SecretString>,
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
