//! Pushes orders: the signed document by POST to the address of the outlet, under the same identifier and byte for byte the same at
//! every try, until it is taken or the order expires.
//!
//! Each [`Pusher::step`] begins what is due, and waits for nobody's server. An order is claimed before any byte leaves ([`hand::claim`]), so that of several nodes one
//! pushes it; a process that ends in between leaves it in doubt, and it is pushed again once the claim is over. 2xx takes it; a body that is
//! a CAP Ack or Error answers it at once, believed by its signature where the outlet has a certificate. What can go wrong is the outlet's
//! server, which is the push's state ([`hand::Push`]), and the database.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use providers::{
    exchange::{Ask, Exchange, Failure, Method, Reply},
    webhook::check_address,
};
use tokio::task::{JoinError, JoinSet};

use super::{
    By, Eyes, Order, answer,
    document::Answer,
    hand::{self, Pushed},
    heard::{self, Unheard},
    issue::{Letterhead, issue},
    loa, order,
};
use crate::{
    audit::{Actor, Via},
    cap::{self, signature::SignatureError},
    clock::Clock,
    config::Config,
    db::{Db, Result},
    outlet::{self, Outlet},
    seal::Seal,
    transaction,
};

/// The media type of CAP (RFC 7303, and the registration at IANA).
pub const MEDIA_TYPE: &str = "application/cap+xml";
/// Orders that are on their way at once: a server that hangs keeps only its own waiting.
const AT_ONCE: usize = 64;
/// Bytes of the longest answer: as long as the longest document.
const LONGEST_ANSWER: usize = 1 << 20;
/// Characters of what a server says that are kept beside its status.
const SAID: usize = 200;

/// Pushes orders.
pub struct Pusher {
    reach: Arc<Reach>,
    under_way: JoinSet<Result<bool>>,
}

/// What a step began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stepped {
    /// Orders that are on their way now.
    pub begun: usize,
    /// Orders whose time was over.
    pub lapsed: usize,
}

/// What became of pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Finished {
    /// Orders that were taken.
    pub taken: usize,
    /// Orders that were not, or nobody knows.
    pub failed: usize,
}

impl Pusher {
    /// As the settings say; `exchange` reaches the outlets.
    pub fn new(config: &Config, db: Db, clock: Clock, seal: Seal, exchange: Exchange) -> Self {
        let private = config.relay.private.iter().cloned().collect();
        let reach = Reach { db, clock, seal, letterhead: Letterhead::of(config), exchange, private };
        Self { reach: Arc::new(reach), under_way: JoinSet::new() }
    }

    /// Ends what expired, and begins to push what is to be pushed now.
    pub async fn step(&mut self) -> Result<Stepped> {
        while let Some(done) = self.under_way.try_join_next() {
            noted(done);
        }
        let (db, now) = (&self.reach.db, self.reach.clock.millis());
        let lapsed = hand::lapse(db, now).await?;
        let free = AT_ONCE.saturating_sub(self.under_way.len());
        let claimed = if free == 0 { Vec::new() } else { hand::claim(db, i64::try_from(free).unwrap_or(1), now).await? };
        let begun = claimed.len();
        for order in claimed {
            let reach = Arc::clone(&self.reach);
            self.under_way.spawn(async move { reach.push(&order).await });
        }
        Ok(Stepped { begun, lapsed })
    }

    /// Waits for all that is on its way: an exchange's time at most.
    pub async fn finish(&mut self) -> Finished {
        let mut finished = Finished::default();
        while let Some(done) = self.under_way.join_next().await {
            if noted(done) { finished.taken += 1 } else { finished.failed += 1 }
        }
        finished
    }
}

/// True: the order was taken. What could not be written down is in doubt, and is pushed again once its claim is over.
fn noted(done: std::result::Result<Result<bool>, JoinError>) -> bool {
    match done {
        Ok(Ok(taken)) => taken,
        Ok(Err(error)) => {
            tracing::error!(%error, "what became of a push could not be written down");
            false
        }
        Err(error) => {
            tracing::error!(%error, "a push ended early");
            false
        }
    }
}

/// What a push needs.
struct Reach {
    db: Db,
    clock: Clock,
    seal: Seal,
    letterhead: Letterhead,
    exchange: Exchange,
    /// Outlets that may be inside.
    private: BTreeSet<String>,
}

impl Reach {
    /// Pushes one order that is claimed. True: it was taken.
    async fn push(&self, order: &Order) -> Result<bool> {
        let found = outlet::find(&self.db, &self.seal, order.outlet).await?;
        let Some((outlet, address)) = found.and_then(|outlet| outlet.url.clone().map(|url| (outlet, url))) else {
            return self.settle(order, Pushed::Rejected("the outlet has no address".into())).await;
        };
        let document = match issue(&self.db, order, &self.letterhead).await? {
            Ok(document) => Bytes::from(document),
            Err(why) => return self.settle(order, Pushed::Rejected(why.to_string())).await,
        };
        let private = self.private.contains(&outlet.slug);
        // Nothing mends itself here.
        if let Err(error) = check_address(&address, private) {
            return self.settle(order, Pushed::Rejected(error.to_string())).await;
        }
        let key = format!("\"{}\"", order.identifier);
        let ask = Ask {
            method: Method::POST,
            address: &address,
            allow_private: private,
            headers: &[("content-type", MEDIA_TYPE), ("accept", MEDIA_TYPE), ("idempotency-key", key.as_str())],
            body: Some(document.clone()),
            most: LONGEST_ANSWER,
        };
        let reply = match self.exchange.ask(ask).await {
            Ok(reply) => reply,
            Err(Failure::NotSent(why)) => return self.settle(order, Pushed::Failed(why)).await,
            Err(Failure::InDoubt(why)) => return self.settle(order, Pushed::InDoubt(why)).await,
        };
        let pushed = judge(&reply, self.clock.millis());
        let answered = read(order, &outlet, &document, &reply.body, self.clock.millis());
        match answered {
            // Who says so has it, and says so with a status of its own.
            Some(Ok(Answer::Refused(why))) if matches!(pushed, Pushed::Taken | Pushed::Rejected(_)) => {
                self.answered(order, &Answer::Refused(why)).await
            }
            Some(Ok(answer @ Answer::Acknowledged(_))) if pushed == Pushed::Taken => self.answered(order, &answer).await,
            Some(Err(why)) => {
                let actor = loa();
                let by = By { actor: &actor, eyes: Eyes::All, now: self.clock.millis() };
                transaction!(self.db, |tx| {
                    // It may have moved on while it was on its way.
                    let Ok(order) = order::lock(tx, order.id, &by).await? else { return Ok(()) };
                    order::event(tx, order.id, "answer_unfit", order.state, &by, &why).await
                })?;
                self.settle(order, pushed).await
            }
            _ => self.settle(order, pushed).await,
        }
    }

    async fn settle(&self, order: &Order, pushed: Pushed) -> Result<bool> {
        let taken = pushed == Pushed::Taken;
        if let Pushed::Failed(why) | Pushed::Later(why, _) | Pushed::Rejected(why) | Pushed::InDoubt(why) = &pushed {
            tracing::warn!(order = order.identifier, outlet = order.outlet_slug, why, "an order could not be pushed");
        }
        if let Err(refusal) = hand::pushed(&self.db, order.id, &pushed, self.clock.millis()).await? {
            // It was in doubt, and is not withdrawn while it is.
            tracing::error!(order = order.identifier, %refusal, "a push could not be written down");
            return Ok(false);
        }
        Ok(taken)
    }

    /// The outlet answered in the same breath: it has the order, and what it says of it holds.
    async fn answered(&self, order: &Order, said: &Answer) -> Result<bool> {
        let actor = Actor { user: None, name: order.outlet_title.clone(), from: None, via: Via::Api };
        let by = By { actor: &actor, eyes: Eyes::All, now: self.clock.millis() };
        let answered = match said {
            Answer::Acknowledged(note) => answer::acknowledge(&self.db, order.id, note, &by).await?,
            Answer::Refused(why) if why.trim().is_empty() => answer::refuse(&self.db, order.id, "no reason given", &by).await?,
            Answer::Refused(why) => answer::refuse(&self.db, order.id, why, &by).await?,
        };
        match answered {
            Ok(_) => Ok(true),
            // The answer does not fit what became of it meanwhile; that it got there stands.
            Err(refusal) => {
                tracing::warn!(order = order.identifier, %refusal, "an outlet's answer was not taken");
                self.settle(order, Pushed::Taken).await
            }
        }
    }
}

/// What an answer means for the order at `now`: whoever says 5xx out of a broken program or proxy may have it all the same.
fn judge(reply: &Reply, now: i64) -> Pushed {
    let what = said(reply);
    let later = |what| match reply.retry_after(now) {
        Some(asked) => Pushed::Later(what, asked),
        None => Pushed::Failed(what),
    };
    match reply.status {
        200..=299 => Pushed::Taken,
        300..=399 => Pushed::Rejected(format!("{what}: redirects are not followed")),
        408 | 425 | 429 => later(what),
        400..=499 | 501 | 505 => Pushed::Rejected(what),
        500 | 502 | 504 => Pushed::InDoubt(what),
        _ => later(what),
    }
}

/// `HTTP 400: unknown sender`: the status, and what the server says in a line of text.
fn said(reply: &Reply) -> String {
    let text = std::str::from_utf8(&reply.body).unwrap_or_default();
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SAID).collect();
    // A page is for browsers.
    if line.is_empty() || line.starts_with('<') {
        format!("HTTP {}", reply.status)
    } else {
        format!("HTTP {}: {line}", reply.status)
    }
}

/// What the body of an answer says of the order; none: it is no CAP. An error: it is, and is not believed.
fn read(order: &Order, outlet: &Outlet, document: &[u8], body: &[u8], now: i64) -> Option<std::result::Result<Answer, String>> {
    let is_cap = std::str::from_utf8(body).is_ok_and(|text| text.trim_start().starts_with('<') && text.contains(cap::NAMESPACE));
    is_cap.then(|| {
        let heard = || -> std::result::Result<Answer, Unheard> {
            let own = cap::read("", document).map_err(SignatureError::Document)?;
            heard::answer(&heard::said(outlet, body, now)?, order, &own.sender, &order.outlet_sender)
        };
        heard().map_err(|unheard| unheard.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &'static str) -> Reply {
        Reply { status, headers: reqwest::header::HeaderMap::new(), body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn a_status_says_whether_it_was_taken() {
        for status in [200, 201, 202, 204] {
            assert_eq!(judge(&reply(status, "ok"), 0), Pushed::Taken);
        }
        for status in [408, 429, 503, 507] {
            assert!(matches!(judge(&reply(status, ""), 0), Pushed::Failed(_)), "{status}");
        }
        for status in [500, 502, 504] {
            assert!(matches!(judge(&reply(status, ""), 0), Pushed::InDoubt(_)), "{status}");
        }
        for status in [301, 307, 400, 401, 403, 404, 409, 410, 413, 415, 422, 501] {
            assert!(matches!(judge(&reply(status, ""), 0), Pushed::Rejected(_)), "{status}");
        }
    }

    #[test]
    fn what_a_server_says_is_a_short_line() {
        assert_eq!(said(&reply(400, "unknown\n sender ")), "HTTP 400: unknown sender");
        assert_eq!(said(&reply(502, "<html>Bad Gateway</html>")), "HTTP 502");
        assert_eq!(said(&reply(404, "")), "HTTP 404");
        let long: &'static str = Box::leak("x".repeat(1_000).into_boxed_str());
        assert_eq!(said(&reply(400, long)).len(), "HTTP 400: ".len() + SAID);
    }
}
