//! Who asks: the bearer of an API token, how fast they may ask, and what they may do.
//!
//! The token comes in `Authorization: Bearer loa_…` (of the feed of orders, as a password as well) and nowhere else: an address is
//! logged, a cookie is sent by itself. Whoever shows a
//! token that does not hold is paced by their address, everybody else by their token.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header::AUTHORIZATION, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, MonotonicClock},
    middleware::{NoOpMiddleware, StateInformationMiddleware},
    state::keyed::HashMapStateStore,
};

use super::{
    orders::FEED,
    problem::{Kind, Problem},
};
use crate::{
    approval::Power,
    audience::list::{self, Owners},
    audit::{Actor, Via},
    db::Db,
    phrase,
    user::{
        self, Right, User,
        api_token::{self, ApiToken},
        throttle,
    },
    web::{State, console::door},
};

/// Requests at once.
const BURST: u32 = 300;
/// Requests that come back in a second.
const SUSTAINED: u32 = 20;
/// Large bodies that one caller may have under way: each is held in memory until it is dealt with.
const BODIES: usize = 4;

/// The bearer of a token.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose token it is, with no more rights than the token lends.
    pub user: User,
    /// The same for the record of who did what.
    pub actor: Actor,
    /// The token.
    pub token: ApiToken,
}

impl Caller {
    /// Nothing if they may do it.
    pub fn needs(&self, right: Right) -> Result<(), Problem> {
        if self.user.can(right) {
            return Ok(());
        }
        let name = right.name();
        Err(Problem::new(Kind::Forbidden, phrase!("token này không có quyền `{name}`", "this token lacks the right `{name}`")))
    }

    /// Whether the token lends all that its user may do: it then stands for them also in what others have left to them.
    fn lends_everything(&self) -> bool {
        self.user.rights == self.user.roles.rights()
    }

    /// By which right they approve something, of the one that their user has for it.
    pub fn decides_by(&self, power: Option<Power>) -> Result<Power, Problem> {
        // A token that lends less than its user has says for what it was made: not for what others have left to them.
        if !self.lends_everything() {
            self.needs(Right::Approve)?;
        }
        power.ok_or_else(|| {
            let words = phrase!(
                "người dùng này không phê duyệt, và không thay mặt ai đang vắng",
                "this user approves nothing, and stands in for nobody who is away"
            );
            Problem::new(Kind::Forbidden, words)
        })
    }

    /// Nothing if they see what belongs to this owner; else there is no such thing for them.
    pub fn sees(&self, owner: &str) -> Result<(), Problem> {
        if self.user.departments.sees(owner) { Ok(()) } else { Err(Problem::not_found()) }
    }

    /// The office's lists, with which of them they see.
    pub async fn lists(&self, db: &Db) -> Result<Lists<'_>, Problem> {
        Ok(Lists { owners: list::owners(db).await?, caller: self })
    }

    /// Whose keys and requests these are: a key of one token says nothing of another's.
    pub fn key(&self) -> String {
        format!("token/{}", self.token.id)
    }
}

/// The office's lists: people on a list of another department are not there for the caller.
pub struct Lists<'c> {
    owners: Owners,
    caller: &'c Caller,
}

impl Lists<'_> {
    /// The lists that the caller does not see.
    pub fn hidden(&self) -> Vec<&str> {
        self.owners.hidden(|owner| self.caller.user.departments.sees(owner))
    }

    /// The department of a list; empty: nobody's.
    pub fn owner(&self, source: &str) -> &str {
        self.owners.of(source)
    }

    /// Whether the caller sees whoever is on it.
    pub fn sees(&self, source: &str) -> bool {
        self.caller.user.departments.sees(self.owner(source))
    }
}

impl FromRequestParts<State> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(unauthenticated)
    }
}

/// Whoever may look at how the runs stand: the bearer of a token, or anybody while there is no user.
pub struct Onlooker(pub Option<Caller>);

impl FromRequestParts<State> for Onlooker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, State(state): &State) -> Result<Self, Problem> {
        if let Some(caller) = parts.extensions.get::<Caller>() {
            return Ok(Self(Some(caller.clone())));
        }
        if user::any(&state.parts.db).await? { Err(unauthenticated()) } else { Ok(Self(None)) }
    }
}

fn unauthenticated() -> Problem {
    Problem::new(
        Kind::Unauthenticated,
        phrase!(
            "gửi `Authorization: Bearer` với một token còn hiệu lực: tạo token ở trang /me của trang quản lý",
            "send `Authorization: Bearer` with a token that holds: the console's page /me makes them"
        ),
    )
}

/// Paces callers.
pub struct Limiter {
    pace: RateLimiter<String, HashMapStateStore<String>, MonotonicClock, StateInformationMiddleware>,
    bodies: Arc<Mutex<HashMap<String, usize>>>,
}

/// A large body that is under way, until it is dropped.
#[derive(Debug)]
pub struct UnderWay {
    key: String,
    bodies: Arc<Mutex<HashMap<String, usize>>>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = bodies.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                bodies.remove(&self.key);
            }
        }
    }
}

impl Default for Limiter {
    fn default() -> Self {
        let (sustained, burst) = (NonZeroU32::MIN.saturating_add(SUSTAINED - 1), NonZeroU32::MIN.saturating_add(BURST - 1));
        let quota = Quota::per_second(sustained).allow_burst(burst);
        let limiter: RateLimiter<_, _, _, NoOpMiddleware<std::time::Instant>> =
            RateLimiter::new(quota, HashMapStateStore::default(), MonotonicClock);
        Self { pace: limiter.with_middleware(), bodies: Arc::default() }
    }
}

/// What is left to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    left: u32,
}

impl Pace {
    /// The header fields of draft-ietf-httpapi-ratelimit-headers.
    pub fn tell(self, headers: &mut HeaderMap) {
        let full = (BURST - self.left.min(BURST)).div_ceil(SUSTAINED);
        let policy = format!("\"token\";q={BURST};w={}", BURST / SUSTAINED);
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", format!("\"token\";r={};t={full}", self.left))] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

impl Limiter {
    /// One more request of this one; or how long to wait.
    fn take(&self, key: &str) -> Result<Pace, Duration> {
        // Those whose share has come back whole are forgotten, so that strangers fill no memory.
        if self.pace.len() > 10_000 {
            self.pace.retain_recent();
        }
        match self.pace.check_key(&key.to_string()) {
            Ok(left) => Ok(Pace { left: left.remaining_burst_capacity() }),
            Err(refused) => Err(refused.wait_time_from(MonotonicClock.now())),
        }
    }

    /// One more large body of this one; none: as many as may be are under way.
    pub fn body(&self, key: String) -> Option<UnderWay> {
        let mut bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        let count = bodies.entry(key.clone()).or_default();
        if *count >= BODIES {
            return None;
        }
        *count += 1;
        Some(UnderWay { key, bodies: Arc::clone(&self.bodies) })
    }
}

/// Whether somebody reads the feed of orders.
pub fn is_feed(request: &Request) -> bool {
    let looks = [Method::GET, Method::HEAD].contains(request.method());
    looks && request.extensions().get::<MatchedPath>().is_some_and(|path| path.as_str() == FEED)
}

/// The token that a request shows: as its bearer; and of the feed, whose readers know no other way, as a password under any name. A
/// browser repeats a password by itself, so it opens nothing that changes anything.
fn shown(request: &Request) -> Option<String> {
    let (scheme, secret) = request.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(secret.trim().to_string());
    }
    if !scheme.eq_ignore_ascii_case("basic") || !is_feed(request) {
        return None;
    }
    let plain = String::from_utf8(BASE64.decode(secret.trim()).ok()?).ok()?;
    plain.split_once(':').map(|(_, password)| password.to_string())
}

/// Finds out who asks, and paces them. Whoever is known stands in the request from then on.
pub async fn admit(state: &State, request: &mut Request) -> Result<Pace, Problem> {
    let shared = Arc::clone(&state.0);
    let address = door::Caller::of(request.extensions(), request.headers(), &shared.parts.config).address;
    let secret = shown(request);
    let given = request.headers().contains_key(AUTHORIZATION);
    let bearer = match secret {
        Some(secret) => api_token::find(&shared.parts.db, &secret, shared.parts.clock.millis()).await?,
        None => None,
    };
    let key = bearer
        .as_ref()
        .map_or_else(|| format!("{:?}", address.map(throttle::network)), |bearer| format!("token/{}", bearer.token.id));
    let pace = shared.limiter.take(&key).map_err(|wait| {
        let seconds = wait.as_secs() + 1;
        let words = phrase!("hãy thử lại sau {seconds} giây", "try again in {seconds} s");
        Problem { retry_after: Some(seconds), ..Problem::new(Kind::TooMany, words) }
    })?;
    match bearer {
        Some(bearer) => {
            let actor = Actor { user: Some(bearer.user.id), name: bearer.user.name.clone(), from: address, via: Via::Api };
            request.extensions_mut().insert(Caller { user: bearer.user, actor, token: bearer.token });
            Ok(pace)
        }
        // Whoever shows something means to be somebody.
        None if given => Err(unauthenticated()),
        None => Ok(pace),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_a_few_large_bodies_under_way() {
        let limiter = Limiter::default();
        let mut held: Vec<UnderWay> = (0..BODIES).map(|_| limiter.body("a".into()).unwrap()).collect();
        assert!(limiter.body("a".into()).is_none() && limiter.body("b".into()).is_some());
        held.pop();
        held.push(limiter.body("a".into()).unwrap());
        drop(held);
        assert!(limiter.bodies.lock().unwrap().is_empty(), "nothing is left of them");
    }

    #[test]
    fn a_caller_has_a_burst_and_then_waits_without_slowing_others() {
        let limiter = Limiter::default();
        let first = limiter.take("a").unwrap();
        assert_eq!(first.left, BURST - 1);
        for _ in 1..BURST {
            let _ = limiter.take("a");
        }
        // A share may have come back while the loop ran: a few more, and it is over.
        assert!((0..BURST).any(|_| limiter.take("a").is_err()));
        assert!(limiter.take("b").is_ok());
        let mut headers = HeaderMap::new();
        first.tell(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"token\";q=300;w=15");
        assert_eq!(headers["ratelimit"], "\"token\";r=299;t=1");
    }
}
