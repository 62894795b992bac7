//! How what is no gateway is reached: webhooks, outlets and other systems, over the network that the settings describe.

use anyhow::Context as _;
use providers::{exchange::Exchange, webhook::Poster};

use crate::config::Config;

/// Reaches webhooks.
pub(super) fn poster(config: &Config) -> anyhow::Result<Poster> {
    let network = &config.network;
    Poster::new(network.proxy.as_deref(), trusted(config)?.as_deref()).map_err(anyhow::Error::msg)
}

/// Reaches outlets and other systems that are no gateways.
pub fn exchange(config: &Config) -> anyhow::Result<Exchange> {
    let network = &config.network;
    Exchange::new(network.proxy.as_deref(), trusted(config)?.as_deref()).map_err(anyhow::Error::msg)
}

/// The certificates that are trusted beside the system's.
fn trusted(config: &Config) -> anyhow::Result<Option<Vec<u8>>> {
    config.network.ca_file.as_ref().map(std::fs::read).transpose().context("[network] ca_file cannot be read")
}
