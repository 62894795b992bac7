//! Zalo: an Official Account and the app that acts for it.
//!
//! A message goes to a phone number (`+84…`) by a registered template, with our reference as its `tracking_id`; or to a user id
//! by a template, else as consultation text. Zalo answers errors with HTTP 200 and a code ([`answer`]), renews tokens that are good
//! once ([`token`]), and tells what became of messages by webhooks ([`webhook`]) or, of template messages, when it is asked.
//!
//! What can go wrong beyond what Zalo says: no answer after the first byte, which leaves the message in doubt. Its webhook names
//! our reference and settles that; Zalo cannot be asked about a message whose id it never gave.

mod answer;
mod settings;
mod token;
mod webhook;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::StreamExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::Sha256;

use self::{
    answer::No,
    token::{Keeper, Token},
    webhook::Webhooks,
};
pub use self::{
    settings::{Addresses, KEYS, Now, Settings},
    token::{Pair, StoreError, TokenStore, Turn},
};
use crate::{
    Abilities, About, Accepted, Callback, CallbackError, Chat, Content, Event, Handle, Outgoing, Parameter, Poll, Provider,
    Reason, Receipt, ReceiptState, Reply, Scope, SendError, StatusError, Template,
    http::{
        filter::hex,
        network, percent,
        request::Rendered,
        words::{clean, named},
    },
};

/// Characters of a consultation text.
const LONGEST_TEXT: usize = 2_000;
/// Characters of a `tracking_id`.
const LONGEST_TRACKING: usize = 48;
/// Status queries under way at once.
const QUESTIONS: usize = 8;
/// The day's quota was not told yet.
const UNTOLD: i64 = -1;

/// What Zalo can do.
pub const ABILITIES: Abilities = Abilities {
    receipts: true,
    // Those of template messages to phone numbers do, those of messages to user ids do not.
    echoes_reference: false,
    status: true,
    status_by_id: true,
    poll: Some(Poll {
        every: Duration::from_mins(10),
        after: Duration::from_mins(10),
        through: Duration::from_hours(24),
        together: 1,
    }),
    ..Abilities::LEAST
};

/// One account on Zalo.
pub struct ZaloGateway {
    settings: Arc<Settings>,
    client: reqwest::Client,
    tokens: Keeper,
    webhooks: Webhooks,
    /// What is left of the day's quota of template messages, as Zalo's answers last said.
    left: AtomicI64,
    /// Until when (unix milliseconds) nothing is asked, because the minute's requests are used up.
    resting: AtomicI64,
}

impl fmt::Debug for ZaloGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZaloGateway").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl ZaloGateway {
    /// An account with its settings, whose tokens are kept in `store`. The error says why there can be no connection.
    pub fn new(settings: Settings, store: Arc<dyn TokenStore>) -> Result<Self, String> {
        let addresses = &settings.addresses;
        let all = [&addresses.account, &addresses.template, &addresses.token];
        let client = network::client(settings.network.clone(), all.iter().any(|url| url.starts_with("https:")))?;
        let settings = Arc::new(settings);
        let tokens = Keeper::new(Arc::clone(&settings), client.clone(), store);
        Ok(Self {
            settings,
            client,
            tokens,
            webhooks: Webhooks::default(),
            left: AtomicI64::new(UNTOLD),
            resting: AtomicI64::new(0),
        })
    }

    async fn send_one(&self, message: &Outgoing) -> Result<Accepted, SendError> {
        let body = self.ask(&self.request(message)?, &[message.to.expose()]).await?;
        let data = &body["data"];
        if let Some(left) = answer::code(&data["quota"]["remainingQuota"]) {
            self.told(left);
        }
        let id = ["msg_id", "message_id"].iter().find_map(|key| data[*key].as_str()).map(str::to_owned).and_then(named);
        Ok(Accepted { ids: id.into_iter().collect() })
    }

    /// An app may ask 4,000 times a minute, and each answer says what is left of that: at nothing it waits for the next minute,
    /// instead of being refused.
    fn counted(&self, headers: &HeaderMap) {
        const MINUTE: i64 = 60_000;
        let left = headers.get("x-ratelimit-remain").and_then(|left| left.to_str().ok()?.trim().parse::<i64>().ok());
        if left.is_some_and(|left| left <= 0) {
            let now = (self.settings.now)().timestamp_millis();
            self.resting.store(now - now.rem_euclid(MINUTE) + MINUTE, Ordering::Relaxed);
        }
    }

    /// An error while the minute's requests are used up: the account goes more slowly from then on.
    fn rests(&self) -> Result<(), SendError> {
        let left = self.resting.load(Ordering::Relaxed) - (self.settings.now)().timestamp_millis();
        match u64::try_from(left) {
            Ok(left) if left > 0 => Err(SendError::Retry {
                after: Some(Duration::from_millis(left)),
                scope: Scope::Pace,
                reason: Reason::Quota,
                detail: "the minute's requests are used up".into(),
            }),
            _ => Ok(()),
        }
    }

    /// What is left of the day's quota. Near its end that is worth a line in the log: once, as it gets there.
    fn told(&self, left: i64) {
        const LOW: i64 = 50;
        let before = self.left.swap(left, Ordering::Relaxed);
        if left <= LOW && (before > LOW || before == UNTOLD) {
            tracing::warn!(oa = self.settings.oa_id, left, "the day's quota of template messages is nearly used up");
        }
    }

    /// Which of Zalo's ways a message takes.
    fn request(&self, message: &Outgoing) -> Result<Call, SendError> {
        let Content::Chat(chat) = &message.content else {
            let detail = format!("Zalo carries chat, not {}", message.content.channel());
            return Err(SendError::Misconfigured { detail });
        };
        let addresses = &self.settings.addresses;
        let Chat { text, template, data } = chat;
        if let Some(phone) = message.to.expose().strip_prefix('+') {
            let Some(template) = template else {
                let detail = "a phone number is written to by a template only, and the message has none".into();
                return Err(SendError::Reject { reason: Reason::Template, detail });
            };
            if message.reference.len() > LONGEST_TRACKING {
                let detail = format!("the reference is longer than {LONGEST_TRACKING} characters");
                return Err(SendError::Reject { reason: Reason::Other, detail });
            }
            let mut body =
                json!({ "phone": phone, "template_id": template, "template_data": data, "tracking_id": message.reference });
            if self.settings.development {
                body["mode"] = "development".into();
            }
            return Ok(Call::post(format!("{}/message/template", addresses.template), &body));
        }
        let user = message.to.expose();
        if let Some(template) = template {
            let mut body = json!({ "user_id": user, "template_id": template, "template_data": data });
            if self.settings.development {
                body["mode"] = "development".into();
            }
            return Ok(Call::post(format!("{}/v3.0/oa/message/template", addresses.account), &body));
        }
        let Some(text) = text else {
            let detail = "the message has neither a text nor a template".into();
            return Err(SendError::Reject { reason: Reason::Content, detail });
        };
        let length = text.chars().count();
        if length > LONGEST_TEXT {
            let detail = format!("the text has {length} characters: Zalo takes {LONGEST_TEXT}");
            return Err(SendError::Reject { reason: Reason::Content, detail });
        }
        let body = json!({ "recipient": { "user_id": user }, "message": { "text": text } });
        Ok(Call::post(format!("{}/v3.0/oa/message/cs", addresses.account), &body))
    }

    /// One exchange; once more with a renewed token where Zalo calls the token expired: it took nothing then.
    async fn ask(&self, call: &Call, private: &[&str]) -> Result<Value, SendError> {
        let mut stale = None;
        loop {
            self.rests()?;
            let token = self.tokens.token(stale).await?;
            let cleaned = |error| crate::http::words::cleaned(error, &|words: &str| self.clean(words, &token, private));
            let answer = network::exchange(&self.client, call.rendered(self.headers(&token)?)).await.map_err(cleaned)?;
            self.counted(&answer.headers);
            match answer::read(&answer, (self.settings.now)()) {
                Ok(body) => return Ok(body),
                Err(No::Judged(error)) => return Err(cleaned(error)),
                Err(No::StaleToken(detail)) if stale.is_some() => {
                    let detail = format!("a fresh token is refused: {}", self.clean(&detail, &token, private));
                    return Err(SendError::Retry { after: None, scope: Scope::Account, reason: Reason::Other, detail });
                }
                Err(No::StaleToken(_)) => stale = Some(token.version),
            }
        }
    }

    fn headers(&self, token: &Token) -> Result<HeaderMap, SendError> {
        let secret = |text: &str| {
            let wrong = |_| SendError::Misconfigured { detail: "the token cannot stand in a header".into() };
            let mut value = HeaderValue::from_str(text).map_err(wrong)?;
            value.set_sensitive(true);
            Ok(value)
        };
        let mut headers = HeaderMap::new();
        headers.insert("access_token", secret(token.value.expose_secret())?);
        if self.settings.proof {
            headers.insert("appsecret_proof", secret(&proof(&token.value, &self.settings.secret))?);
        }
        Ok(headers)
    }

    fn clean(&self, words: &str, token: &Token, addresses: &[&str]) -> String {
        let secrets = [token.value.expose_secret(), self.settings.secret.expose_secret()];
        let own = self.settings.oa_secret.iter().map(secrecy::ExposeSecret::expose_secret);
        clean(words, secrets.into_iter().chain(own).filter(|secret| secret.len() >= 3), addresses)
    }

    /// Asks what became of a template message: none, where Zalo does not know or says nothing new.
    async fn state(&self, id: &str) -> Result<Option<Receipt>, SendError> {
        let mut url = format!("{}/message/status?message_id=", self.settings.addresses.template);
        percent::encode(id, &mut url);
        let body = self.ask(&Call::get(url), &[]).await?;
        let data = &body["data"];
        let status = answer::code(&data["status"]).or_else(|| answer::code(data));
        // 0: not delivered yet. -1: no such message, which is also said of messages to user ids: it is no news of them.
        Ok((status == Some(1)).then(|| Receipt {
            about: About::Id(id.to_owned()),
            state: ReceiptState::Delivered,
            reason: None,
            detail: String::new(),
            at: None,
        }))
    }
}

/// `appsecret_proof`: the access token's HMAC-SHA256 with the app's secret, in hexadecimal.
fn proof(token: &SecretString, secret: &SecretString) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else { return String::new() };
    mac.update(token.expose_secret().as_bytes());
    hex(&mac.finalize().into_bytes())
}

/// A call to Zalo, but for its token.
struct Call {
    method: ::http::Method,
    url: String,
    body: bytes::Bytes,
}

impl Call {
    fn post(url: String, body: &Value) -> Self {
        Self { method: ::http::Method::POST, url, body: body.to_string().into() }
    }

    fn get(url: String) -> Self {
        Self { method: ::http::Method::GET, url, body: bytes::Bytes::new() }
    }

    fn rendered(&self, mut headers: HeaderMap) -> Rendered {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Rendered { method: self.method.clone(), url: self.url.clone(), headers, body: self.body.clone() }
    }
}

#[async_trait]
impl Provider for ZaloGateway {
    async fn send(&self, batch: &[Outgoing]) -> Vec<Result<Accepted, SendError>> {
        futures::future::join_all(batch.iter().map(|message| self.send_one(message))).await
    }

    async fn status(&self, sent: &[Handle]) -> Result<Vec<Receipt>, StatusError> {
        let ids: Vec<&String> = sent.iter().filter_map(|handle| handle.ids.first()).collect();
        let questions: Vec<_> = ids.into_iter().map(|id| self.state(id)).collect();
        let mut answers = futures::stream::iter(questions).buffered(QUESTIONS);
        let (mut receipts, mut answered) = (Vec::new(), false);
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(receipt) => {
                    answered = true;
                    receipts.extend(receipt);
                }
                // One message is not to be asked about; what else was asked may be.
                Err(SendError::Reject { .. }) => answered = true,
                Err(error) if !answered => return Err(StatusError::Failed(error.to_string())),
                Err(error) => {
                    tracing::warn!(oa = self.settings.oa_id, %error, "Zalo stopped answering status queries");
                    break;
                }
            }
        }
        Ok(receipts)
    }

    fn callback(&self, callback: &Callback) -> Result<(Vec<Event>, Reply), CallbackError> {
        self.webhooks.read(&self.settings, callback)
    }

    fn can(&self) -> Abilities {
        ABILITIES
    }

    async fn test(&self) -> Result<String, SendError> {
        let body = self.ask(&Call::get(format!("{}/message/quota", self.settings.addresses.template)), &[]).await?;
        let quota = |key: &str| answer::code(&body["data"][key]).map_or_else(|| "?".to_owned(), |number| number.to_string());
        if let Some(left) = answer::code(&body["data"]["remainingQuota"]) {
            self.told(left);
        }
        Ok(format!("Zalo: signed in, {} of the day's {} template messages left", quota("remainingQuota"), quota("dailyQuota")))
    }

    async fn upkeep(&self) {
        if let Err(error) = self.tokens.token(None).await {
            tracing::error!(oa = self.settings.oa_id, %error, "there is no token to send with");
        }
    }

    async fn template(&self, id: &str) -> Option<Result<Template, SendError>> {
        let mut url = format!("{}/template/info/v2?template_id=", self.settings.addresses.template);
        percent::encode(id, &mut url);
        Some(self.ask(&Call::get(url), &[]).await.map(|body| {
            let data = &body["data"];
            let state = data["status"].as_str().unwrap_or("?").to_owned();
            let parameters = data["listParams"].as_array().into_iter().flatten().filter_map(|parameter| {
                Some(Parameter {
                    name: parameter["name"].as_str()?.to_owned(),
                    required: parameter["require"].as_bool().unwrap_or(true),
                    longest: answer::code(&parameter["maxLength"])
                        .and_then(|most| usize::try_from(most).ok())
                        .filter(|most| *most > 0),
                })
            });
            Template { usable: state == "ENABLE", state, parameters: parameters.collect() }
        }))
    }
}
