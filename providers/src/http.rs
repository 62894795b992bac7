//! HTTP gateways described as data: a file in `providers/gateways/` and an account's settings in, a [`Provider`] out.
//!
//! [`Description::parse`] reads and compiles a file once; [`HttpGateway`] is one account on it. Nothing gateway-specific
//! is written in Rust: the request, the judgement of its answer, the callback's shape, the status query and the test are
//! all the file's (see `docs/gateways.md`).
//!
//! What can go wrong is told apart by when it happens: before the request's first byte (nobody resolves, connects or
//! shakes hands: [`SendError::Retry`] of the account), after it (time-out, reset, truncation, an endless or unreadable
//! answer: [`SendError::InDoubt`]), or in a complete answer (the file's rules judge).

mod answer;
mod callback;
mod description;
mod expression;
mod fault;
mod network;
mod percent;
mod reader;
mod request;
mod xml;

use std::{collections::BTreeMap, fmt, net::IpAddr, sync::Arc};

use async_trait::async_trait;
use minijinja::Value;
use secrecy::{ExposeSecret, SecretString};

pub use self::{
    description::{Description, Setting},
    fault::Fault,
    network::{LONGEST_ANSWER, Network},
};
use crate::{
    Abilities, Accepted, Callback, CallbackError, Content, Event, Handle, Outgoing, Provider, Reason, Receipt, Reply, SendError,
    StatusError, mask, text::Encoding,
};

/// Characters of a gateway's own words that are kept.
const LONGEST_DETAIL: usize = 200;

/// Bytes of a gateway's id for a message; the longest in use are UUIDs with a prefix.
const LONGEST_ID: usize = 255;

/// What stands in a detail where a secret was.
const HIDDEN: &str = "[hidden]";

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

/// One account on a gateway that a file describes.
pub struct HttpGateway {
    description: Arc<Description>,
    base: String,
    settings: Arc<BTreeMap<String, Value>>,
    secrets: BTreeMap<String, SecretString>,
    client: reqwest::Client,
}

impl fmt::Debug for HttpGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpGateway").field("gateway", &self.description.name).field("base", &self.base).finish_non_exhaustive()
    }
}

impl HttpGateway {
    /// Makes an account. `settings` may hold `url`, which replaces the described address; everything that the file
    /// marks as secret must come in `secrets`.
    pub fn new(
        description: Arc<Description>,
        mut settings: BTreeMap<String, String>,
        secrets: BTreeMap<String, SecretString>,
        network: Network,
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
        Ok(Self { description, base, settings: Arc::new(values), secrets, client })
    }

    async fn send_one(&self, message: &Outgoing) -> Result<Accepted, SendError> {
        let (request, judge) = &self.description.send;
        let rendered = request.render(&self.base, &self.context(message_names(&self.description, message)?));
        let rendered = rendered.map_err(|detail| SendError::Misconfigured { detail })?;
        // The callback's address is as good as a password for receipts, and gateways like to repeat what they were sent.
        let callback = message.callback.as_deref().filter(|address| !address.is_empty());
        let clean =
            |words: &str| self.clean(&callback.map_or_else(|| words.into(), |it| hidden(words, it)), Some(message.to.expose()));
        let answer = network::exchange(&self.client, rendered).await.map_err(|error| cleaned(error, &clean))?;
        judge.judge(answer, &message.reference, &clean).map(|yes| yes.accepted)
    }

    fn context(&self, own: Vec<(&'static str, Value)>) -> Value {
        Value::from_object(expression::Scope { own, settings: Arc::clone(&self.settings) })
    }

    /// A gateway's words, fit for logs and the database: without secrets and addresses, on one line, cut.
    fn clean(&self, words: &str, address: Option<&str>) -> String {
        let mut text = words.to_owned();
        for secret in self.secrets.values().map(ExposeSecret::expose_secret).filter(|secret| secret.len() >= 3) {
            text = hidden(&text, secret);
        }
        text = one_line(&text);
        if let Some(address) = address.filter(|address| address.len() >= 3) {
            let number = address.strip_prefix("+84").filter(|number| number.len() >= 8);
            let forms =
                number.map(|number| [format!("+84{number}"), format!("84{number}"), format!("0{number}"), number.to_owned()]);
            for form in forms.iter().flatten().map(String::as_str).chain([address]) {
                text = text.replace(form, &mask(address));
            }
        }
        mask_numbers(&text).chars().take(LONGEST_DETAIL).collect()
    }
}

#[async_trait]
impl Provider for HttpGateway {
    async fn send(&self, batch: &[Outgoing]) -> Vec<Result<Accepted, SendError>> {
        if let [message] = batch {
            return vec![self.send_one(message).await];
        }
        futures::future::join_all(batch.iter().map(|message| self.send_one(message))).await
    }

    async fn status(&self, sent: &[Handle]) -> Result<Vec<Receipt>, StatusError> {
        let (request, shape) = self.description.status.as_ref().ok_or(StatusError::Unsupported)?;
        let mut receipts = Vec::new();
        // One that cannot be named to the gateway stays as unclear as it is.
        for handle in sent.iter().filter(|handle| !shape.by_id || !handle.ids.is_empty()) {
            let own = vec![
                ("reference", Value::from(handle.reference.as_str())),
                ("id", handle.ids.first().map_or_else(|| Value::from(()), Value::from)),
                ("sent_at", Value::from(handle.sent_at.timestamp())),
            ];
            let clean = |words: &str| self.clean(words, None);
            let rendered = request.render(&self.base, &self.context(own)).map_err(StatusError::Failed)?;
            let answer = network::exchange(&self.client, rendered).await;
            let answer = answer.map_err(|error| StatusError::Failed(cleaned(error, &clean).to_string()))?;
            receipts.extend(shape.read(answer, handle, &clean).map_err(StatusError::Failed)?);
        }
        Ok(receipts)
    }

    fn callback(&self, callback: &Callback) -> Result<(Vec<Event>, Reply), CallbackError> {
        let shape = self.description.callback.as_ref().ok_or(CallbackError::Unsupported)?;
        shape.read(callback, &|name| self.secrets.get(name).cloned(), &|words| self.clean(words, None))
    }

    fn can(&self) -> Abilities {
        self.description.abilities
    }

    async fn test(&self) -> Result<String, SendError> {
        let title = &self.description.title;
        let clean = |words: &str| self.clean(words, None);
        let Some((request, judge)) = &self.description.test else {
            // Without a described test, any answer to a request that can send nothing proves the connection.
            let probe = self.client.head(&self.base).send().await.map_err(network::broken);
            probe.map_err(|error| cleaned(error, &clean))?;
            return Ok(format!("{title}: reachable; this gateway has no way to check the credentials without sending"));
        };
        let rendered = request.render(&self.base, &self.context(Vec::new()));
        let rendered = rendered.map_err(|detail| SendError::Misconfigured { detail })?;
        let answer = network::exchange(&self.client, rendered).await.map_err(|error| cleaned(error, &clean))?;
        let yes = judge.judge(answer, "", &clean)?;
        Ok(yes.words.map_or_else(|| format!("{title}: signed in"), |words| format!("{title}: {words}")))
    }
}

/// What templates see of a message; a judgement at once where this gateway cannot carry it.
fn message_names(description: &Description, message: &Outgoing) -> Result<Vec<(&'static str, Value)>, SendError> {
    let mut own = vec![
        ("to", Value::from(message.to.expose())),
        ("reference", Value::from(message.reference.as_str())),
        ("callback", Value::from(message.callback.as_deref())),
        ("expires", Value::from(message.expires.map(|at| at.timestamp()))),
    ];
    match &message.content {
        Content::Sms(sms) if description.channel == crate::Channel::Sms => {
            let unicode = sms.encoding == Encoding::Ucs2;
            own.extend([
                ("text", Value::from(sms.text.as_str())),
                ("encoding", Value::from(if unicode { "ucs2" } else { "gsm" })),
                ("unicode", Value::from(unicode)),
                ("parts", Value::from(sms.parts)),
            ]);
        }
        Content::Chat(chat) if description.channel == crate::Channel::Chat => {
            if description.needs_text && chat.text.is_none() {
                let detail = format!("{} sends free text, and the message has none", description.title);
                return Err(SendError::Reject { reason: Reason::Content, detail });
            }
            own.extend([
                ("text", Value::from(chat.text.as_deref())),
                ("template", Value::from(chat.template.as_deref())),
                ("data", Value::from_pairs(chat.data.iter().map(|(key, value)| (key.as_str(), value.as_str())))),
            ]);
        }
        other => {
            let detail = format!("{} carries {}, not {}", description.title, description.channel, other.channel());
            return Err(SendError::Misconfigured { detail });
        }
    }
    Ok(own)
}

/// The same judgement with cleaned words.
fn cleaned(mut error: SendError, clean: &dyn Fn(&str) -> String) -> SendError {
    let (SendError::Retry { detail, .. }
    | SendError::Reject { detail, .. }
    | SendError::OptedOut { detail }
    | SendError::Misconfigured { detail }
    | SendError::InDoubt { detail, .. }) = &mut error;
    *detail = clean(detail);
    error
}

/// The text without a secret, also where it stands as it was written into a query or a form.
fn hidden(text: &str, secret: &str) -> String {
    let mut encoded = String::with_capacity(secret.len());
    percent::encode(secret, &mut encoded);
    text.replace(secret, HIDDEN).replace(&encoded, HIDDEN)
}

/// Words with single blanks between them: no line break, and no control character, which a database or a terminal may
/// choke on.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// An id or a reference that is too long to be one is none: indexes of databases have limits.
fn named(id: String) -> Option<String> {
    (!id.is_empty() && id.len() <= LONGEST_ID).then_some(id)
}

/// Masks what looks like a Vietnamese phone number: gateways like to repeat them in their words.
fn mask_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let run = &rest[start..];
        let end = run.find(|c: char| !c.is_ascii_digit()).unwrap_or(run.len());
        let number = &run[..end];
        out.push_str(&rest[..start]);
        let is_phone = (number.starts_with("84") && number.len() == 11) || (number.starts_with('0') && number.len() == 10);
        out.push_str(&if is_phone { mask(number) } else { number.to_owned() });
        rest = &run[end..];
    }
    out.push_str(rest);
    out
}

/// The host of an address where it is a literal address inside.
fn private_literal(base: &str) -> Option<String> {
    let url = reqwest::Url::parse(base).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    let address: IpAddr = host.parse().ok()?;
    crate::network::is_private(address).then_some(host)
}
