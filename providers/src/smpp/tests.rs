//! The adapter against a scripted carrier: windows, doubts, receipts, and the octets of every part.

// A panic is how a test reports.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod carrier;
mod codec;
mod events;
mod links;
mod sending;
mod tls;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use self::carrier::{Carrier, carrier};
use super::*;
use crate::{Address, Sms, text};

const NUMBER: &str = "+84900000001";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn surroundings(window: u32) -> Surroundings {
    Surroundings { window, receipts: true, allow_private: true, ca_pem: None, now: Arc::new(now), jitter: Arc::new(|| 0.0) }
}

fn keys(toml: &str) -> BTreeMap<String, toml::Value> {
    let mut keys: BTreeMap<String, toml::Value> =
        toml::from_str("host = \"smpp.example.vn\"\nsystem_id = \"loa01\"\nsender = \"SoVHTT\"").unwrap();
    keys.extend(toml::from_str::<BTreeMap<String, toml::Value>>(toml).unwrap());
    keys
}

fn secrets() -> BTreeMap<String, SecretString> {
    BTreeMap::from([("password".into(), SecretString::from("sesame"))])
}

fn settings(toml: &str, window: u32) -> Settings {
    Settings::from_keys(&keys(toml), &secrets(), surroundings(window)).unwrap()
}

/// A gateway with these keys, and its carrier.
fn gateway(toml: &str, window: u32) -> (Arc<SmppGateway>, Carrier, Arc<carrier::Pipes>) {
    let (pipes, carrier) = carrier();
    let dial: Arc<dyn Dial> = Arc::clone(&pipes) as _;
    (Arc::new(SmppGateway::over(settings(toml, window), dial)), carrier, pipes)
}

fn outgoing(text: &str) -> Outgoing {
    let text::Measured { encoding, parts, .. } = text::measure(text);
    Outgoing {
        reference: "0123456789abcdef".into(),
        to: Address::new(NUMBER),
        content: Content::Sms(Sms { text: text.into(), encoding, parts }),
        expires: None,
        callback: None,
    }
}

type Sent = JoinHandle<Result<Accepted, SendError>>;

/// Sends in the background.
fn send(gateway: &Arc<SmppGateway>, text: &str) -> Sent {
    let (gateway, outgoing) = (Arc::clone(gateway), outgoing(text));
    tokio::spawn(async move { gateway.send(&[outgoing]).await.remove(0) })
}

#[expect(clippy::unnecessary_wraps, reason = "what a send gives is compared with it")]
fn ids(sent: &[&str]) -> Result<Accepted, SendError> {
    Ok(Accepted { ids: sent.iter().map(ToString::to_string).collect() })
}
