//! Accounts on described gateways, for tests.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::DateTime;
use providers::{
    Address, Chat, Content, Outgoing, Sms,
    http::{Description, HttpGateway, Network, Surroundings},
    text::Encoding,
    zalo::{self, Pair, StoreError, TokenStore, Turn, ZaloGateway},
};
use secrecy::SecretString;

/// The value of every secret in these tests.
pub const SECRET: &str = "hush-hush-7351";

/// A number of no one: the block is not in use.
pub const PHONE: &str = "+84900000123";

/// A built-in gateway's description.
pub fn built_in(name: &str) -> Description {
    let (_, text) = providers::gateways::built_in().iter().find(|(known, _)| *known == name).unwrap();
    parse(&format!("{name}.toml"), text)
}

/// A description that must be sound.
pub fn parse(file: &str, text: &str) -> Description {
    Description::parse(file, text).unwrap_or_else(|faults| {
        panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    })
}

/// A network for loopback, with a time-out that lets slow machines pass.
pub fn loopback() -> Network {
    Network { allow_private: true, timeout: Duration::from_secs(20), ..Network::default() }
}

/// An account with made-up settings: every secret is [`SECRET`], everything else is named after itself.
pub fn account(description: Description, url: &str, network: Network) -> HttpGateway {
    let (mut settings, mut secrets) = (BTreeMap::from([("url".to_owned(), url.to_owned())]), BTreeMap::new());
    for setting in description.settings.iter().filter(|setting| setting.required) {
        if setting.secret {
            secrets.insert(setting.name.clone(), SecretString::from(SECRET));
        } else {
            settings.insert(setting.name.clone(), format!("{}-1", setting.name.replace('_', "-")));
        }
    }
    HttpGateway::new(Arc::new(description), settings, secrets, network, surroundings()).unwrap()
}

/// A clock that stands at 2026-11-02 08:00 in Vietnam, and chance that is none.
pub fn surroundings() -> Surroundings {
    let now = chrono::DateTime::from_timestamp(1_793_581_200, 0).unwrap();
    Surroundings { now: Arc::new(move || now), random: Arc::new(|| 0x0123_4567_89ab_cdef), key: [7; 32] }
}

/// A text message without anything personal in it.
pub fn sms(text: &str) -> Outgoing {
    let encoding = if text.is_ascii() { Encoding::Gsm } else { Encoding::Ucs2 };
    Outgoing {
        reference: "r1a2b3".into(),
        to: Address::new(PHONE),
        content: Content::Sms(Sms { text: text.into(), encoding, parts: 1 }),
        expires: None,
        callback: Some("https://loa.example.vn/receipts/a/s".into()),
    }
}

/// A chat message of free text.
pub fn chat(text: &str) -> Outgoing {
    Outgoing {
        reference: "r1a2b3".into(),
        to: Address::new("5550001234"),
        content: Content::Chat(Chat { text: Some(text.into()), ..Chat::default() }),
        expires: None,
        callback: None,
    }
}

/// An account on Zalo whose token is good for ever; every secret is [`SECRET`].
pub fn zalo(url: &str, network: Network) -> ZaloGateway {
    let settings = toml::from_str(&format!("app_id = \"1\"\noa_id = \"2\"\nurl = {url:?}")).unwrap();
    let secrets = BTreeMap::from([("secret".to_owned(), SecretString::from(SECRET))]);
    let now: zalo::Now = Arc::new(|| DateTime::UNIX_EPOCH);
    ZaloGateway::new(zalo::Settings::from_keys(&settings, &secrets, network, now).unwrap(), Arc::new(OneToken)).unwrap()
}

/// A token that nobody has to renew.
struct OneToken;

#[async_trait]
impl TokenStore for OneToken {
    async fn load(&self, _seed: Option<&SecretString>) -> Result<Option<Pair>, StoreError> {
        let until = DateTime::UNIX_EPOCH + Duration::from_hours(25);
        let secret = SecretString::from(SECRET);
        Ok(Some(Pair { version: 1, access: Some(secret.clone()), refresh: secret, from: DateTime::UNIX_EPOCH, until }))
    }

    async fn lease(&self, _version: i64) -> Result<Turn, StoreError> {
        Ok(Turn::Theirs)
    }

    async fn commit(&self, _version: i64, _next: &Pair) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn release(&self, _version: i64, _why: Option<&str>) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn wait(&self, _version: i64) -> Result<(), StoreError> {
        Ok(())
    }
}
