//! HTTP gateways described as data: a file in `providers/gateways/` and an account's settings in, a [`Provider`] out.
//!
//! [`Description::parse`] reads and compiles a file once; [`HttpGateway`] is one account on it. Nothing gateway-specific
//! is written in Rust: the request, its token and signature, the judgement of its answer, the callback's shape, the status
//! query, the test and the balance are all the file's (see `docs/gateways.md`).
//!
//! What can go wrong is told apart by when it happens: before the request's first byte (nobody resolves, connects or
//! shakes hands: [`SendError::Retry`] of the account), after it (time-out, reset, truncation, an endless or unreadable
//! answer: [`SendError::InDoubt`]), or in a complete answer (the file's rules judge).

pub(crate) mod answer;
mod build;
mod callback;
mod description;
mod expression;
mod fault;
pub(crate) mod filter;
mod item;
mod judge;
pub(crate) mod network;
mod parcel;
pub(crate) mod percent;
mod reader;
pub(crate) mod request;
mod results;
mod rule;
mod status;
mod token;
pub(crate) mod words;
mod xml;

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use minijinja::Value;
use secrecy::{ExposeSecret, SecretString};

use self::{
    answer::Answer,
    filter::Private,
    parcel::{message_names, request_id, requests},
    request::Rendered,
    rule::No,
    token::Keeper,
    words::{cleaned, named},
};
pub use self::{
    build::BuildError,
    description::{Description, Setting},
    fault::Fault,
    filter::keyed_digest,
    network::{LONGEST_ANSWER, Network},
};
use crate::{
    Abilities, Accepted, Callback, CallbackError, Channel, Event, Handle, Outgoing, Provider, Reason, Receipt, Reply, Scope,
    SendError, StatusError,
};

/// Status queries under way at once.
const QUESTIONS: usize = 8;

/// What an account draws on beside its settings: time, chance, and a key of its own.
#[derive(Clone)]
pub struct Surroundings {
    /// The time.
    pub now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    /// A random number, for identifiers of requests.
    pub random: Arc<dyn Fn() -> u128 + Send + Sync>,
    /// The key of the digests that stand for addresses in the ids of messages: the same for as long as receipts may come.
    pub key: [u8; 32],
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Surroundings")
    }
}

/// One account on a gateway that a file describes.
pub struct HttpGateway {
    description: Arc<Description>,
    base: String,
    settings: Arc<BTreeMap<String, Value>>,
    secrets: BTreeMap<String, SecretString>,
    client: reqwest::Client,
    surroundings: Surroundings,
    token: Keeper,
}

impl fmt::Debug for HttpGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpGateway").field("gateway", &self.description.name).field("base", &self.base).finish_non_exhaustive()
    }
}

impl HttpGateway {
    /// Sends messages in one request, and judges its answer for each.
    async fn send_together(&self, messages: &[&Outgoing]) -> Vec<Result<Accepted, SendError>> {
        let names: Vec<_> = messages.iter().map(|message| message_names(&self.description, message)).collect();
        if let Some(Err(error)) = names.iter().find(|names| names.is_err()) {
            if messages.len() == 1 {
                return vec![Err(error.clone())];
            }
            // Whoever cannot be carried does not hold the others up.
            return futures::future::join_all(messages.iter().map(|message| self.send_together(std::slice::from_ref(message))))
                .await
                .into_iter()
                .flatten()
                .collect();
        }
        let names: Vec<_> = names.into_iter().flatten().collect();
        let private = Private::new(self.surroundings.key);
        // The callback's address is as good as a password for receipts, and gateways like to repeat what they were sent.
        for callback in messages.iter().filter_map(|message| message.callback.as_deref()) {
            private.hide(callback);
        }
        let to: Vec<&str> = messages.iter().map(|message| message.to.expose()).collect();
        let clean = |words: &str| self.clean(words, &private, &to);
        let send = &self.description.send;
        let several = self.description.abilities.batch.most > 1;
        let render = |common: &[(&'static str, Value)]| {
            let with = |own: &[(&'static str, Value)]| self.context([own, common].concat(), &private);
            if several {
                let mut whole = names.first().cloned().unwrap_or_default();
                whole.retain(|(name, _)| !matches!(*name, "to" | "reference"));
                whole.push(("request", Value::from(request_id(messages))));
                let each: Vec<Value> = names.iter().map(|own| with(own)).collect();
                send.request.render(&self.base, &with(&whole), &each)
            } else {
                send.request.render(&self.base, &with(names.first().map_or(&[], Vec::as_slice)), &[])
            }
        };
        let answered = self.ask(&private, &clean, render, |answer| send.judge.judge(answer, &private, &clean)).await;
        let yes = match answered {
            Ok(yes) => yes,
            Err(error) => return messages.iter().map(|_| Err(error.clone())).collect(),
        };
        let recipients: Vec<(&str, &str)> = messages.iter().map(|m| (m.to.expose(), m.reference.as_str())).collect();
        let one = |(to, reference): &(&str, &str)| Ok(Accepted { ids: yes.ids(to, reference) });
        match &send.results {
            None => recipients.iter().map(one).collect(),
            Some(results) => {
                let clean = |words: &str| self.clean(words, &private, &[]);
                let judged = results.judge(&yes, &recipients, &clean).into_iter().zip(&recipients);
                judged.map(|(judged, own)| judged.map_or_else(|| one(own), |ids| ids.map(|ids| Accepted { ids }))).collect()
            }
        }
    }

    /// One exchange: a request with a good token, its answer judged; once more with a fresh token where the answer calls the
    /// token expired.
    async fn ask<T>(
        &self,
        private: &Arc<Private>,
        clean: &(dyn Fn(&str) -> String + Sync),
        render: impl Fn(&[(&'static str, Value)]) -> Result<Rendered, String>,
        judge: impl Fn(Answer) -> Result<T, No>,
    ) -> Result<T, SendError> {
        let mut renewed = false;
        loop {
            let mut common = self.common();
            let token = match &self.description.token {
                Some(_) => Some(self.token(private).await.map_err(|error| cleaned(error, clean))?),
                None => None,
            };
            if let Some(token) = &token {
                common.push(("token", Value::from(token.expose_secret())));
            }
            let rendered = render(&common).map_err(|detail| SendError::Misconfigured { detail: clean(&detail) })?;
            rendered.hide(private);
            let answer = network::exchange(&self.client, rendered).await.map_err(|error| cleaned(error, clean))?;
            match judge(answer) {
                Ok(yes) => return Ok(yes),
                Err(No::Judged(error)) => return Err(error),
                Err(No::StaleToken(detail)) => {
                    if let Some(token) = &token {
                        self.token.discard(token).await;
                    }
                    if renewed {
                        let detail = format!("a fresh token is refused: {detail}");
                        return Err(SendError::Retry { after: None, scope: Scope::Account, reason: Reason::Other, detail });
                    }
                    renewed = true;
                }
            }
        }
    }

    /// The account's token, fetched if need be.
    async fn token(&self, private: &Arc<Private>) -> Result<Arc<SecretString>, SendError> {
        let Some(shape) = &self.description.token else {
            return Err(SendError::Misconfigured { detail: "this gateway has no token".into() });
        };
        let fetch = async {
            let clean = |words: &str| self.clean(words, private, &[]);
            let context = self.context(self.common(), private);
            let rendered = shape.request.render(&self.base, &context, &[]);
            let rendered = rendered.map_err(|detail| SendError::Misconfigured { detail: clean(&detail) })?;
            rendered.hide(private);
            let answer = network::exchange(&self.client, rendered).await.map_err(|e| token::unobtained(No::Judged(e)))?;
            let yes = shape.judge.judge(answer, private, &clean).map_err(token::unobtained)?;
            shape.read(&yes, self.now()).ok_or_else(|| SendError::Misconfigured { detail: "no token in the answer".into() })
        };
        let token = self.token.get(self.now(), fetch).await?;
        private.hide(token.expose_secret());
        Ok(token)
    }

    /// What is asked and judged without a message: `[test]` and `[balance]`.
    async fn probe<'a>(
        &'a self,
        request: &request::Request,
        judge: &'a judge::Judge,
        private: &Arc<Private>,
    ) -> Result<judge::Yes<'a>, SendError> {
        let clean = |words: &str| self.clean(words, private, &[]);
        let render = |common: &[(&'static str, Value)]| request.render(&self.base, &self.context(common.to_vec(), private), &[]);
        self.ask(private, &clean, render, |answer| judge.judge(answer, private, &clean)).await
    }

    /// Asks about messages in one request; `None` for the token: a request that is only compared, never sent.
    fn status_request(
        &self,
        asked: &[&Handle],
        common: &[(&'static str, Value)],
        private: &Arc<Private>,
    ) -> Result<Rendered, String> {
        let Some((request, shape)) = &self.description.status else { return Err("no [status]".into()) };
        let own = |handle: &Handle| {
            let id = handle.ids.first().map_or_else(|| Value::from(()), Value::from);
            let reference = ("reference", Value::from(handle.reference.as_str()));
            let own = [reference, ("id", id), ("sent_at", Value::from(handle.sent_at.timestamp()))];
            self.context([&own, common].concat(), private)
        };
        if shape.batch > 1 {
            let each: Vec<Value> = asked.iter().map(|handle| own(handle)).collect();
            return request.render(&self.base, &self.context(common.to_vec(), private), &each);
        }
        asked.first().map_or_else(|| Err("nothing to ask about".into()), |handle| request.render(&self.base, &own(handle), &[]))
    }

    fn now(&self) -> i64 {
        (self.surroundings.now)().timestamp()
    }

    /// The names that every request has.
    fn common(&self) -> Vec<(&'static str, Value)> {
        let random = (self.surroundings.random)();
        let nonce = format!("{random:032x}");
        vec![("now", Value::from(self.now())), ("uuid", Value::from(uuid(random))), ("nonce", Value::from(nonce))]
    }

    fn context(&self, own: Vec<(&'static str, Value)>, private: &Arc<Private>) -> Value {
        Value::from_object(expression::Scope { own, settings: Arc::clone(&self.settings), private: Arc::clone(private) })
    }

    /// A gateway's words, fit for logs and the database: without secrets and addresses, on one line, cut.
    fn clean(&self, words: &str, private: &Private, addresses: &[&str]) -> String {
        let made = private.hidden();
        let secrets = self.secrets.values().map(ExposeSecret::expose_secret).filter(|secret| secret.len() >= 3);
        let cleaned = words::clean(words, made.iter().map(String::as_str).chain(secrets), addresses);
        // What mail servers say names whom they refuse.
        if self.description.channel == Channel::Email { crate::smtp::scrubbed(&cleaned) } else { cleaned }
    }
}

/// A random UUID (RFC 9562, version 4).
fn uuid(random: u128) -> String {
    let bits = random & !(0xf << 76 | 0b11 << 62) | 4 << 76 | 0b10 << 62;
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[async_trait]
impl Provider for HttpGateway {
    async fn send(&self, batch: &[Outgoing]) -> Vec<Result<Accepted, SendError>> {
        let requests = requests(batch, self.description.abilities.batch);
        let sends = requests.iter().map(|request| async {
            let messages: Vec<&Outgoing> = request.iter().map(|at| &batch[*at]).collect();
            self.send_together(&messages).await
        });
        let judged = futures::future::join_all(sends).await;
        let mut all: Vec<Option<Result<Accepted, SendError>>> = batch.iter().map(|_| None).collect();
        for (at, result) in requests.into_iter().flatten().zip(judged.into_iter().flatten()) {
            all[at] = Some(result);
        }
        let unjudged = || Err(SendError::InDoubt { ids: Vec::new(), detail: "the answer was not judged".into() });
        all.into_iter().map(|result| result.unwrap_or_else(unjudged)).collect()
    }

    async fn status(&self, sent: &[Handle]) -> Result<Vec<Receipt>, StatusError> {
        let (_, shape) = self.description.status.as_ref().ok_or(StatusError::Unsupported)?;
        let private = Private::new(self.surroundings.key);
        let clean = |words: &str| self.clean(words, &private, &[]);
        // One that cannot be named to the gateway stays as unclear as it is.
        let askable: Vec<&Handle> = sent.iter().filter(|handle| !shape.by_id || !handle.ids.is_empty()).collect();
        let mut requests: Vec<Vec<&Handle>> = askable.chunks(shape.batch).map(<[&Handle]>::to_vec).collect();
        if shape.batch == 1 {
            // Messages that were sent together may have one id between them: they are asked about together.
            let mut alike: BTreeMap<(String, Vec<u8>), Vec<&Handle>> = BTreeMap::new();
            let nothing: Vec<(&'static str, Value)> =
                ["now", "uuid", "nonce", "token"].into_iter().map(|name| (name, Value::from(0))).collect();
            for handle in askable {
                let rendered = self.status_request(&[handle], &nothing, &private).map_err(StatusError::Failed)?;
                alike.entry((rendered.url, rendered.body.to_vec())).or_default().push(handle);
            }
            requests = alike.into_values().collect();
        }
        let (mut receipts, mut failed, mut answered) = (Vec::new(), None, false);
        let questions = requests.iter().map(|asked| async {
            let render = |common: &[(&'static str, Value)]| self.status_request(asked, common, &private);
            self.ask(&private, &clean, render, |answer| shape.read(answer, asked, &private, &clean)).await
        });
        let questions: Vec<_> = questions.collect();
        let mut answers = futures::stream::iter(questions).buffered(QUESTIONS);
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(read) => {
                    answered = true;
                    receipts.extend(read);
                }
                // What is wrong with one request is most likely wrong with the next: what was learnt so far counts.
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        match failed {
            Some(error) if !answered => Err(StatusError::Failed(error.to_string())),
            Some(error) => {
                tracing::warn!(gateway = self.description.name, %error, "a gateway stopped answering status queries");
                Ok(receipts)
            }
            None => Ok(receipts),
        }
    }

    fn callback(&self, callback: &Callback) -> Result<(Vec<Event>, Reply), CallbackError> {
        let shape = self.description.callback.as_ref().ok_or(CallbackError::Unsupported)?;
        let private = Private::new(self.surroundings.key);
        let clean = |words: &str| self.clean(words, &private, &[]);
        let account = callback::Account { settings: &self.settings, secrets: &self.secrets, private: Arc::clone(&private) };
        shape.read(callback, &account, &clean)
    }

    fn can(&self) -> Abilities {
        self.description.abilities
    }

    async fn test(&self) -> Result<String, SendError> {
        let title = &self.description.title;
        let private = Private::new(self.surroundings.key);
        if let Some((request, judge)) = &self.description.test {
            let yes = self.probe(request, judge, &private).await?;
            return Ok(yes.words.map_or_else(|| format!("{title}: signed in"), |words| format!("{title}: {words}")));
        }
        if let Some(balance) = self.balance().await {
            return balance.map(|left| format!("{title}: signed in, balance {left} VND"));
        }
        let clean = |words: &str| self.clean(words, &private, &[]);
        if self.description.token.is_some() {
            self.token(&private).await.map_err(|error| cleaned(error, &clean))?;
            return Ok(format!("{title}: signed in"));
        }
        // Without a described test, any answer to a request that can send nothing proves the connection.
        let probe = self.client.head(&self.base).send().await.map_err(network::broken);
        probe.map_err(|error| cleaned(error, &clean))?;
        Ok(format!("{title}: reachable; this gateway has no way to check the credentials without sending"))
    }

    async fn balance(&self) -> Option<Result<i64, SendError>> {
        let (request, judge, value) = self.description.balance.as_ref()?;
        let private = Private::new(self.surroundings.key);
        let left = self.probe(request, judge, &private).await.and_then(|yes| {
            let left = value.text(&yes.reading.context);
            let unread = || SendError::Misconfigured { detail: "the answer holds no balance".into() };
            left.as_deref().and_then(whole_dong).ok_or_else(unread)
        });
        Some(left)
    }
}

/// An amount such as `36693`, `100000.0` or `1,250,000` in whole đồng.
fn whole_dong(text: &str) -> Option<i64> {
    let whole = text.trim().split('.').next().unwrap_or_default().replace(',', "");
    whole.parse().ok()
}
