//! From a description and an account's settings to a gateway that sends, or why not.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use minijinja::Value;
use secrecy::{ExposeSecret, SecretString};

use super::{
    HttpGateway, Network, Surroundings,
    description::{self, Description, Setting},
    fault, network,
    token::Keeper,
};

/// Why no account can be made from these settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A setting that the gateway needs is not given.
    #[error("the gateway {gateway} needs `{name}`: {about}")]
    Missing {
        /// The gateway.
        gateway: String,
        /// The setting.
        name: String,
        /// What it is.
        about: String,
    },
    /// A setting that the gateway does not know.
    #[error("the gateway {gateway} has no setting `{name}`{}", nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    Unknown {
        /// The gateway.
        gateway: String,
        /// The setting.
        name: String,
        /// The nearest one that it knows.
        nearest: Option<String>,
    },
    /// A secret is given as a plain string.
    #[error("`{name}` is a secret: give it as {{ env = \"…\" }} or {{ file = \"…\" }}")]
    Plain {
        /// The setting.
        name: String,
    },
    /// `url` cannot be used.
    #[error("`url`: {why}")]
    Url {
        /// Why not.
        why: String,
    },
    /// The client cannot be made.
    #[error("{0}")]
    Network(String),
}

impl HttpGateway {
    /// Makes an account. `settings` may hold `url`, which replaces the described address; everything that the file
    /// marks as secret must come in `secrets`.
    pub fn new(
        description: Arc<Description>,
        mut settings: BTreeMap<String, String>,
        secrets: BTreeMap<String, SecretString>,
        network: Network,
        surroundings: Surroundings,
    ) -> Result<Self, BuildError> {
        let gateway = || description.name.clone();
        let find = |name: &str| description.settings.iter().find(|setting| setting.name == name);
        let unknown = settings.keys().chain(secrets.keys()).find(|name| *name != "url" && find(name).is_none());
        if let Some(name) = unknown {
            let known = description.settings.iter().map(|setting| setting.name.as_str()).chain(["url"]);
            let nearest = fault::nearest(name, known).map(str::to_owned);
            return Err(BuildError::Unknown { gateway: gateway(), name: name.clone(), nearest });
        }
        let base = match settings.remove("url") {
            Some(url) => description::base_address(&url).map_err(|why| BuildError::Url { why })?,
            None => description.url.clone().ok_or_else(|| BuildError::Missing {
                gateway: gateway(),
                name: "url".into(),
                about: "the address that this gateway's operator gave you".into(),
            })?,
        };
        if !network.allow_private
            && let Some(host) = private_literal(&base)
        {
            return Err(BuildError::Url { why: network::PrivateAddress { host }.to_string() });
        }
        let mut values = BTreeMap::new();
        for Setting { name, secret, required, default, about } in &description.settings {
            let plain = settings.remove(name);
            if *secret && plain.is_some() {
                return Err(BuildError::Plain { name: name.clone() });
            }
            let given = secrets.get(name).map(ExposeSecret::expose_secret).or(plain.as_deref());
            let value = match given.or(default.as_deref()) {
                Some("") | None if *required => {
                    return Err(BuildError::Missing { gateway: gateway(), name: name.clone(), about: about.clone() });
                }
                Some(value) => Value::from(value),
                None => Value::from(()),
            };
            values.insert(name.clone(), value);
        }
        let client = network::client(network, base.starts_with("https:")).map_err(BuildError::Network)?;
        let token = Keeper::default();
        Ok(Self { description, base, settings: Arc::new(values), secrets, client, surroundings, token })
    }
}

/// The host of an address where it is a literal address inside.
fn private_literal(base: &str) -> Option<String> {
    let url = reqwest::Url::parse(base).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    let address: IpAddr = host.parse().ok()?;
    crate::network::is_private(address).then_some(host)
}
