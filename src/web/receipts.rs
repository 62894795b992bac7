//! `/receipts/{account}/{secret}`: any gateway's callback, by GET or POST.
//!
//! What enters is a raw request; what leaves is receipts and people's messages in the inbox and, once they are committed, the answer that the
//! gateway expects. A gateway that cannot sign proves itself by the secret in the address. Anything but a success makes
//! it call again: so a storage failure is 503, and nothing is answered 200 that could still be lost. The same receipt
//! twice changes nothing.

use std::{collections::HashMap, sync::Arc, time::Instant};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{self, DefaultBodyLimit, FromRequest as _, Path, Request},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::{MethodFilter, on},
};
use providers::{Callback, CallbackError, Event, Reply};
use subtle::ConstantTimeEq as _;

use super::{Shared, State, measure::AccountMeasures};
use crate::{
    account::{Account, Accounts, callback_secret},
    seal::Seal,
};

/// The largest callback: a few hundred receipts of a talkative gateway.
const BODY_LIMIT: usize = 256 * 1024;

pub(super) fn routes() -> Router<State> {
    // A HEAD would otherwise run what a GET runs, and store a receipt for a probe.
    let take = on(MethodFilter::GET.or(MethodFilter::POST), take).head(async || StatusCode::METHOD_NOT_ALLOWED);
    Router::new().route("/receipts/{account}/{secret}", take.layer(DefaultBodyLimit::max(BODY_LIMIT)))
}

/// Where callbacks come in: one door an account, and what opens it.
pub(super) struct Doors {
    by_name: HashMap<String, Door>,
    /// What a secret is compared with where there is no such account, so that the answer takes as long.
    nobody: String,
}

struct Door {
    account: Arc<Account>,
    secret: String,
    measures: AccountMeasures,
}

impl Doors {
    pub fn new(accounts: &Accounts, seal: &Seal) -> Self {
        let door = |account: &Arc<Account>| {
            let name = account.config.name.clone();
            let (secret, measures) = (callback_secret(seal, &name), AccountMeasures::new(&name));
            (name, Door { account: Arc::clone(account), secret, measures })
        };
        Self { by_name: accounts.all().iter().map(door).collect(), nobody: callback_secret(seal, "") }
    }

    fn open(&self, account: &str, secret: &str) -> Option<&Door> {
        let door = self.by_name.get(account);
        let wanted = door.map_or(&self.nobody, |door| &door.secret);
        let fits = bool::from(wanted.as_bytes().ct_eq(secret.as_bytes()));
        door.filter(|_| fits)
    }
}

async fn take(
    extract::State(State(state)): extract::State<State>,
    Path((account, secret)): Path<(String, String)>,
    mut request: Request,
) -> Response {
    let arrived = Instant::now();
    let Some(door) = state.doors.open(&account, &secret) else {
        state.measures.strangers.increment(1);
        return (StatusCode::NOT_FOUND, "not found\n").into_response();
    };
    let method = request.method().clone();
    let headers = std::mem::take(request.headers_mut());
    let query = request.uri().query().unwrap_or_default().to_string();
    let body = match Bytes::from_request(request, &()).await {
        Ok(body) => body,
        Err(rejection) => {
            door.measures.malformed.increment(1);
            tracing::warn!(account, status = rejection.status().as_u16(), "a callback's body could not be read");
            return rejection.into_response();
        }
    };
    match door.account.provider.callback(&Callback { method, query, headers, body }) {
        Ok((events, reply)) => store(&state, door, events, &reply, arrived).await,
        Err(error) => refuse(door, &error),
    }
}

/// Commits the receipts and what people wrote, then answers as the gateway expects.
async fn store(state: &Shared, door: &Door, events: Vec<Event>, reply: &Reply, arrived: Instant) -> Response {
    let account = &door.account;
    let taken = match state.parts.inbox.take(account.id, account.config.channel, events).await {
        Ok(taken) => taken,
        Err(error) => {
            door.measures.unstored.increment(1);
            tracing::warn!(account = account.config.name, %error, "asked a gateway to repeat its callback");
            return (StatusCode::SERVICE_UNAVAILABLE, "not stored: please repeat\n").into_response();
        }
    };
    for event in taken.rest {
        if let Event::Account { detail } = event {
            tracing::info!(account = account.config.name, detail, "the gateway says something of the account");
        } else {
            tracing::warn!(account = account.config.name, "a callback carries no late answers");
        }
    }
    door.measures.taken.increment(taken.receipts as u64);
    door.measures.inbound.increment(taken.heard as u64);
    state.measures.committed(arrived.elapsed());
    answer(reply)
}

fn answer(reply: &Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body.clone()));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    response
}

fn refuse(door: &Door, error: &CallbackError) -> Response {
    let (status, counter) = match error {
        CallbackError::Forged(_) => (StatusCode::FORBIDDEN, &door.measures.forged),
        CallbackError::Malformed(_) | CallbackError::Unsupported => (StatusCode::BAD_REQUEST, &door.measures.malformed),
    };
    counter.increment(1);
    tracing::warn!(account = door.account.config.name, %error, "refused a callback");
    (status, format!("{error}\n")).into_response()
}
