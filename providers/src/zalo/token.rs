//! The pair of tokens: an access token that lasts 25 hours, and a refresh token that is good *once* and gets the next pair.
//!
//! A pair that was answered and not stored is lost, and a person must consent anew; so renewing follows one order, on all
//! nodes: take the lease of this version of the pair from the [`TokenStore`], ask Zalo, commit the new pair, use it. Whoever does not get
//! the lease goes on with the old token while that is good, else waits for what the other one commits. Asking and committing run in a
//! task of their own: a send that is given up takes no answer with it. A pair that could not be committed is kept, and
//! committed before anything else is done.
//!
//! What can go wrong: Zalo refuses the refresh token ([`SendError::Misconfigured`]: a person must consent again); its answer
//! does not come (the token may be used up; the next try tells); the store fails (the account waits).

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;

use super::{Settings, answer};
use crate::{
    Reason, Scope, SendError,
    http::{network, percent, request::Rendered},
};

/// How long before its end a token is renewed: at about 20 of its 25 hours.
const EARLY: Duration = Duration::from_hours(5);
/// A token this close to its end is not sent with any more: the request takes its time.
const LAST: Duration = Duration::from_mins(1);
/// After a renewal that failed early, the old token being good for hours.
const AGAIN: Duration = Duration::from_mins(10);
/// What Zalo's tokens last where its answer does not say.
const LASTS: Duration = Duration::from_hours(25);

/// A pair of tokens as it is stored.
#[derive(Clone)]
pub struct Pair {
    /// Counts the pairs of an account: each renewal makes one of it.
    pub version: i64,
    /// What calls carry; none: only a refresh token was given so far.
    pub access: Option<SecretString>,
    /// Gets the next pair, once.
    pub refresh: SecretString,
    /// When the access token was answered.
    pub from: DateTime<Utc>,
    /// When it ends.
    pub until: DateTime<Utc>,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("version", &self.version).field("until", &self.until).finish_non_exhaustive()
    }
}

/// Whose turn it is to renew a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The caller's.
    Ours,
    /// The caller's; whoever had it before never said what came of it, and may have used the refresh token up.
    Inherited,
    /// Somebody else's, or the pair is no longer this version.
    Theirs,
}

/// Where an account's pair is kept, for all nodes.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// The pair; the first time, one with the refresh token that the account was configured with.
    async fn load(&self, seed: Option<&SecretString>) -> Result<Option<Pair>, StoreError>;

    /// Asks for the lease to renew this version; it ends by itself after a minute or two.
    async fn lease(&self, version: i64) -> Result<Turn, StoreError>;

    /// Commits the pair that follows `version`, and ends the lease. It tries for a while before it gives up. False: another
    /// pair took that one's place meanwhile, entered by a person, and stays.
    async fn commit(&self, version: i64, next: &Pair) -> Result<bool, StoreError>;

    /// Ends the lease without a pair: the refresh token was not used, or Zalo said no. `why`: an alarm, for a person to
    /// see. False: another pair took that one's place meanwhile, and nothing of the old one is worth an alarm.
    async fn release(&self, version: i64, why: Option<&str>) -> Result<bool, StoreError>;

    /// Waits, within bounds, until somebody else has committed a later version, or has given up.
    async fn wait(&self, version: i64) -> Result<(), StoreError>;
}

/// The store could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// An account's tokens in this process.
pub(super) struct Keeper {
    settings: Arc<Settings>,
    client: reqwest::Client,
    store: Arc<dyn TokenStore>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    pair: Option<Pair>,
    /// Answered, and not committed yet: what follows this version.
    uncommitted: Option<(i64, Pair)>,
    /// Before this nobody tries to renew early again.
    rest_until: Option<DateTime<Utc>>,
}

/// A token, and which it is.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) version: i64,
    pub(super) value: SecretString,
}

impl Keeper {
    pub(super) fn new(settings: Arc<Settings>, client: reqwest::Client, store: Arc<dyn TokenStore>) -> Self {
        Self { settings, client, store, kept: Arc::default() }
    }

    /// The token to send with. `stale`: the version that Zalo called expired.
    pub(super) async fn token(&self, stale: Option<i64>) -> Result<Token, SendError> {
        let kept = Arc::clone(&self.kept).lock_owned().await;
        if kept.uncommitted.is_none()
            && let Some(token) = self.good(&kept, stale)
            && !self.is_due(&kept)
        {
            return Ok(token);
        }
        // In a task of its own: whoever waits may be given up, the answer may not.
        let own = Self {
            settings: Arc::clone(&self.settings),
            client: self.client.clone(),
            store: Arc::clone(&self.store),
            kept: Arc::clone(&self.kept),
        };
        let renewed = tokio::spawn(async move {
            let mut kept = kept;
            own.renewed(&mut kept, stale).await
        });
        renewed.await.unwrap_or_else(|_| Err(waits("renewing the token was broken off")))
    }

    /// The kept token, where it can be sent with.
    fn good(&self, kept: &Kept, stale: Option<i64>) -> Option<Token> {
        let pair = kept.pair.as_ref().filter(|pair| Some(pair.version) != stale)?;
        let now = (self.settings.now)();
        // A clock that was set back makes no token older than it is.
        let value = pair.access.clone().filter(|_| pair.from <= now && now + LAST < pair.until)?;
        Some(Token { version: pair.version, value })
    }

    /// Whether the kept pair should be renewed though it is still good. One that lives shorter is renewed after four fifths.
    fn is_due(&self, kept: &Kept) -> bool {
        let now = (self.settings.now)();
        let Some(pair) = &kept.pair else { return true };
        let early = EARLY.min((pair.until - pair.from).to_std().unwrap_or_default() / 5);
        now + early >= pair.until && kept.rest_until.is_none_or(|until| until <= now)
    }

    async fn renewed(&self, kept: &mut Kept, stale: Option<i64>) -> Result<Token, SendError> {
        self.commit(kept).await?;
        // Another node may have renewed it.
        self.load(kept).await?;
        if let Some(token) = self.good(kept, stale)
            && !self.is_due(kept)
        {
            return Ok(token);
        }
        let Some(pair) = kept.pair.clone() else {
            let detail = format!("there is no refresh token: {}", consent());
            return Err(SendError::Misconfigured { detail });
        };
        let turn = self.store.lease(pair.version).await.map_err(|error| unstored(&error))?;
        if turn == Turn::Theirs {
            if let Some(token) = self.good(kept, stale) {
                return Ok(token);
            }
            self.store.wait(pair.version).await.map_err(|error| unstored(&error))?;
            self.load(kept).await?;
            return self.good(kept, stale).ok_or_else(|| waits("another process renews the token"));
        }
        let failed = match self.ask(&pair).await {
            Ok(next) => {
                // Nothing between the answer and its commit.
                kept.uncommitted = Some((pair.version, next));
                self.commit(kept).await?;
                tracing::info!(version = pair.version + 1, "a token was renewed");
                kept.rest_until = None;
                return self.good(kept, None).ok_or_else(|| waits("the new token is over already"));
            }
            Err(failed) => failed,
        };
        let alarm = alarm(&failed, turn);
        if !self.store.release(pair.version, alarm.as_deref()).await.map_err(|error| unstored(&error))? {
            // A refusal of a token that somebody has replaced says nothing of the new one, which is for the next try.
            self.load(kept).await?;
            return self.good(kept, stale).ok_or_else(|| waits("another token was entered while the old one was renewed"));
        }
        if let Some(token) = self.good(kept, stale) {
            // It was early enough: what can be sent is sent, while the alarm stands.
            tracing::error!(why = %failed, "a token could not be renewed; the old one is used as long as it is good");
            kept.rest_until = Some((self.settings.now)() + AGAIN);
            return Ok(token);
        }
        Err(alarm.map_or(failed, |detail| SendError::Misconfigured { detail }))
    }

    async fn load(&self, kept: &mut Kept) -> Result<(), SendError> {
        let stored = self.store.load(self.settings.refresh_token.as_ref()).await.map_err(|error| unstored(&error))?;
        kept.pair = stored;
        Ok(())
    }

    /// Commits what was answered before, and only then takes it for good.
    async fn commit(&self, kept: &mut Kept) -> Result<(), SendError> {
        let Some((version, next)) = &kept.uncommitted else { return Ok(()) };
        let committed = self.store.commit(*version, next).await.map_err(|error| unstored(&error))?;
        let next = kept.uncommitted.take().map(|(_, next)| next);
        if committed {
            kept.pair = next;
        }
        Ok(())
    }

    /// Exchanges the refresh token for the next pair.
    async fn ask(&self, pair: &Pair) -> Result<Pair, SendError> {
        let settings = &self.settings;
        let asked_at = (settings.now)();
        let mut body = String::from("grant_type=refresh_token&app_id=");
        percent::encode(&settings.app_id, &mut body);
        body.push_str("&refresh_token=");
        percent::encode(pair.refresh.expose_secret(), &mut body);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let mut secret = HeaderValue::from_str(settings.secret.expose_secret())
            .map_err(|_| SendError::Misconfigured { detail: "the app's secret cannot stand in a header".into() })?;
        secret.set_sensitive(true);
        headers.insert("secret_key", secret);
        let url = format!("{}/v4/oa/access_token", settings.addresses.token);
        let request = Rendered { method: ::http::Method::POST, url, headers, body: body.into() };
        let answer = network::exchange(&self.client, request).await.map_err(|error| match error {
            // No message is in doubt, but the refresh token is: the next try tells.
            SendError::InDoubt { detail, .. } => waits(&detail),
            other => other,
        })?;
        let status = answer.status;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let text = |key: &str| body[key].as_str().filter(|text| !text.is_empty());
        if let (Some(access), Some(refresh)) = (text("access_token"), text("refresh_token")) {
            let life = answer::code(&body["expires_in"]).and_then(|seconds| u64::try_from(seconds).ok());
            let life = life.filter(|seconds| *seconds > 0).map_or(LASTS, Duration::from_secs);
            return Ok(Pair {
                version: pair.version + 1,
                access: Some(access.into()),
                refresh: refresh.into(),
                from: asked_at,
                until: asked_at + life,
            });
        }
        let code = answer::code(&body["error"]).filter(|code| *code != 0);
        match code {
            // Too fast, or Zalo itself: these say nothing of the token.
            Some(code @ (-32 | -100)) => Err(waits(&format!("error {code}: {}", answer::words(&body)))),
            Some(code) => {
                let hidden = [pair.refresh.expose_secret(), settings.secret.expose_secret()];
                let words = crate::http::words::clean(&answer::words(&body), hidden.into_iter(), &[]);
                Err(SendError::Misconfigured { detail: format!("Zalo says error {code}: {words}") })
            }
            None => Err(waits(&format!("HTTP {status} without a token"))),
        }
    }
}

/// What a person is told where a person must act.
fn alarm(failed: &SendError, turn: Turn) -> Option<String> {
    let SendError::Misconfigured { detail } = failed else { return None };
    let lost = match turn {
        Turn::Inherited => " (the process that tried before ended before it could store Zalo's answer)",
        _ => "",
    };
    Some(format!("the token cannot be renewed{lost}: {detail}. {}", consent()))
}

/// What an officer has to do where the refresh token is used up or refused.
fn consent() -> &'static str {
    "A person must consent again: in developers.zalo.me get a new refresh token for the Official Account, enter it with `loa \
     accounts --token NAME`, which lets the account go on"
}

/// Nothing was sent, and the account is what waits.
fn waits(detail: &str) -> SendError {
    SendError::Retry { after: None, scope: Scope::Account, reason: Reason::Other, detail: format!("no token: {detail}") }
}

fn unstored(error: &StoreError) -> SendError {
    waits(&format!("the tokens' store: {error}"))
}
