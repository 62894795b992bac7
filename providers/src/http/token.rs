//! Access tokens: a request's answer in, a token that is kept in memory and renewed in time out.
//!
//! However many sends wait for a token, one of them fetches it; what the others get is what it got, a failure included.
//! A token that the gateway calls expired is thrown away and fetched anew once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::{
    expression::Expression,
    judge::{Judge, Yes},
    reader::Table,
    request::{self, Names, Request},
    rule::{No, seconds},
};
use crate::{Reason, Scope, SendError};

/// How early a token is renewed where the file does not say.
const EARLY: Duration = Duration::from_mins(1);

/// `[token]`, compiled.
pub(super) struct TokenShape {
    pub(super) request: Request,
    pub(super) judge: Judge,
    value: Expression,
    expires_in: Option<Expression>,
    lasts: Option<Duration>,
    early: Duration,
}

impl TokenShape {
    /// Reads `[token]`.
    pub(super) fn parse(table: &Table<'_>, names: &Names<'_>) -> Option<Self> {
        table.only(&[request::KEYS, Judge::KEYS, &["value", "expires_in", "lasts", "early"]].concat());
        let known = super::answer::NAMES;
        let request = Request::parse(table, names);
        let judge = Judge::parse_optional(table, false);
        let value = table.required("value", "value = \"body.access_token\"");
        let value = value.and_then(|text| Expression::parse(table.source, &text, known));
        let expires_in = table.text("expires_in").and_then(|text| Expression::parse(table.source, &text, known));
        let lasts = table.duration("lasts");
        if table.get("expires_in").is_none() && table.get("lasts").is_none() {
            table.missing("expires_in", "expires_in = \"body.expires_in\" (seconds), or lasts = \"1h\"");
        }
        let early = table.duration("early").unwrap_or(EARLY);
        Some(Self { request, judge, value: value?, expires_in, lasts, early })
    }

    /// The token of an accepted answer that came at `now` (Unix seconds).
    pub(super) fn read(&self, yes: &Yes<'_>, now: i64) -> Option<Token> {
        let value = self.value.text(&yes.reading.context).filter(|value| !value.is_empty())?;
        let told = self.expires_in.as_ref().and_then(|expires_in| expires_in.text(&yes.reading.context));
        let life = told.and_then(|text| seconds(&text)).or(self.lasts).unwrap_or(EARLY);
        // One that lives shorter than it is renewed early serves half its life.
        let serves = if life > self.early * 2 { life.saturating_sub(self.early) } else { life / 2 };
        let until = now.saturating_add(i64::try_from(serves.as_secs()).unwrap_or(i64::MAX));
        Some(Token { value: SecretString::from(value), from: now, until })
    }
}

/// A token, good from one Unix second until another.
pub(super) struct Token {
    value: SecretString,
    from: i64,
    until: i64,
}

/// Where an account's token is kept.
#[derive(Default)]
pub(super) struct Keeper {
    kept: Mutex<Kept>,
    fetches: AtomicU64,
}

#[derive(Default)]
struct Kept {
    token: Option<Token>,
    failed: Option<SendError>,
}

impl Keeper {
    /// The token: the kept one, or else what `fetch` brings.
    pub(super) async fn get(
        &self,
        now: i64,
        fetch: impl Future<Output = Result<Token, SendError>>,
    ) -> Result<Arc<SecretString>, SendError> {
        let seen = self.fetches.load(Ordering::Acquire);
        let mut kept = self.kept.lock().await;
        if let Some(token) = &kept.token
            // A clock that was set back makes no token older than it is.
            && (token.from..token.until).contains(&now)
        {
            return Ok(Arc::new(token.value.clone()));
        }
        if self.fetches.load(Ordering::Acquire) != seen
            && let Some(failed) = &kept.failed
        {
            // Somebody tried while this one waited.
            return Err(failed.clone());
        }
        kept.token = None;
        let fetched = fetch.await;
        self.fetches.fetch_add(1, Ordering::AcqRel);
        match fetched {
            Ok(token) => {
                let value = Arc::new(token.value.clone());
                *kept = Kept { token: Some(token), failed: None };
                Ok(value)
            }
            Err(error) => {
                kept.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Throws a token away that its gateway calls expired; another one that came meanwhile stays.
    pub(super) async fn discard(&self, stale: &SecretString) {
        let mut kept = self.kept.lock().await;
        if kept.token.as_ref().is_some_and(|token| token.value.expose_secret() == stale.expose_secret()) {
            kept.token = None;
        }
    }
}

/// What a failure to get a token means for a message: nothing was sent, and it is no fault of the message.
pub(super) fn unobtained(no: No) -> SendError {
    let error = match no {
        No::Judged(error) => error,
        No::StaleToken(detail) => SendError::Misconfigured { detail },
    };
    match error {
        SendError::Retry { after, reason, detail, .. } => {
            SendError::Retry { after, scope: Scope::Account, reason, detail: format!("no token: {detail}") }
        }
        SendError::InDoubt { detail, .. } => {
            let detail = format!("no token: {detail}");
            SendError::Retry { after: None, scope: Scope::Account, reason: Reason::Unreachable, detail }
        }
        SendError::Reject { detail, .. } | SendError::OptedOut { detail } | SendError::Misconfigured { detail } => {
            SendError::Misconfigured { detail: format!("no token: {detail}") }
        }
    }
}
