//! `/sign-in`: a password, then a code where a second factor is set up; and `/sign-out`.
//!
//! What enters: what anybody may type. What leaves: a session's cookie. A wrong password, an address that nobody has and a disabled
//! user get the same words after the same time. What can go wrong: too many attempts ([`throttle`]); then the page says how long to
//! wait, whoever asks.

mod invited;
mod openid;

use axum::{
    Router,
    extract::{self, FromRequestParts, Query, Request},
    http::{HeaderMap, StatusCode, header::SET_COOKIE},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use minijinja::context;
use serde::Deserialize;
use serde_json::json;

use super::{
    Named,
    door::{self, Caller},
    fault::Fault,
    form::{Fields, Form},
    visitor::{Stranger, Visitor, see_other},
};
use crate::{
    audit, phrase, transaction,
    user::{
        self, Secret, User,
        password::{self, Proof},
        second_factor::{self, Given},
        session,
        throttle::{self, Subject},
    },
    web::{Shared, State},
    words::Phrase,
};

pub(super) const TEMPLATES: &[Named] = &[
    ("console/sign_in/password", include_str!("../templates/console/sign_in/password.html")),
    ("console/sign_in/code", include_str!("../templates/console/sign_in/code.html")),
    ("console/sign_in/forgotten", include_str!("../templates/console/sign_in/forgotten.html")),
    ("console/sign_in/invited", include_str!("../templates/console/sign_in/invited.html")),
    ("console/sign_in/link_over", include_str!("../templates/console/sign_in/link_over.html")),
];

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/sign-in", get(show).post(enter))
        .route("/sign-in/code", get(show_code).post(enter_code))
        .route("/sign-in/forgotten", get(forgotten))
        .route("/sign-in/oidc", get(openid::depart))
        .route("/sign-in/oidc/back", get(openid::arrive))
        .route("/invitation/{secret}", get(invited::show).post(invited::accept))
        .route("/sign-out", post(leave))
}

/// Where one wanted to go.
#[derive(Deserialize, Default)]
struct Next {
    #[serde(default)]
    next: String,
}

impl Next {
    fn path(&self) -> &str {
        door::local_path(&self.next).unwrap_or("/")
    }
}

async fn show(
    extract::State(state): extract::State<State>,
    Query(next): Query<Next>,
    request: Request,
) -> Result<Response, Response> {
    let (mut parts, _) = request.into_parts();
    if Visitor::from_request_parts(&mut parts, &state).await.is_ok() {
        return Ok(see_other(next.path()));
    }
    let stranger = Stranger::from_request_parts(&mut parts, &state).await?;
    let State(state) = state;
    let empty = !user::any(&state.parts.db).await.map_err(|error| Fault::Db(error).into_response())?;
    Ok(page(&state, &stranger, StatusCode::OK, &next.next, "", None, empty))
}

fn page(
    state: &Shared,
    stranger: &Stranger,
    status: StatusCode,
    next: &str,
    email: &str,
    wrong: Option<&Phrase>,
    empty: bool,
) -> Response {
    let values = context! { next => next, email => email, wrong => wrong.map(|words| words.text(stranger.lang)), empty => empty,
        provider => state.provider.as_ref().map(|provider| provider.name().to_string()),
    };
    state.view_outside(status, stranger, "console/sign_in/password", values)
}

#[derive(Deserialize)]
struct Entered {
    email: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// How long to wait, in words. It is the same for an account that nobody has.
fn wait_words(wait: i64) -> Phrase {
    let minutes = wait.div_euclid(60_000) + 1;
    phrase!(
        "Đã thử quá nhiều lần. Vui lòng đợi {minutes} phút rồi thử lại.",
        "Too many attempts. Please wait {minutes} min and try again."
    )
}

async fn enter(
    extract::State(State(state)): extract::State<State>,
    stranger: Stranger,
    headers: HeaderMap,
    Form(Entered { email, password, next }): Form<Entered>,
) -> Result<Response, Fault> {
    let (db, seal, now) = (&state.parts.db, &state.parts.seal, state.parts.clock.millis());
    let account = user::email(&email).unwrap_or_default();
    let subjects: Vec<Subject<'_>> =
        [Subject::Account(&account)].into_iter().chain(stranger.caller.address.map(Subject::Address)).collect();
    if let Err(wait) = throttle::attempt(db, seal, &subjects, now).await? {
        return Ok(page(&state, &stranger, StatusCode::TOO_MANY_REQUESTS, &next, &email, Some(&wait_words(wait)), false));
    }
    let begun = match password::right(db, &account, &password).await? {
        Some(proof) => match user::find(db, proof.user).await? {
            Some(user) => {
                let secret = begin(&state, &stranger, &headers, &user, &How::Password(proof, &subjects)).await?;
                secret.map(|secret| (user, secret))
            }
            None => None,
        },
        None => None,
    };
    let Some((user, secret)) = begun else {
        tracing::info!(from = stranger.caller.address_text(), "somebody gave a wrong password");
        let words = phrase!("Địa chỉ e-mail hoặc mật khẩu không đúng.", "The e-mail address or the password is wrong.");
        return Ok(page(&state, &stranger, StatusCode::UNPROCESSABLE_ENTITY, &next, &email, Some(&words), false));
    };
    Ok(through(&stranger.caller, &user, &secret, &next))
}

/// What somebody came in by.
pub(super) enum How<'s> {
    /// A password, and the attempts that it forgives.
    Password(Proof, &'s [Subject<'s>]),
    /// The provider's word.
    Provider,
}

/// Begins a session for somebody whose password, or whose provider's word, was right. Where a second factor is set up it is still
/// asked for. None: the password was changed just now, and opens nothing any more.
pub(super) async fn begin(
    state: &Shared,
    stranger: &Stranger,
    headers: &HeaderMap,
    user: &User,
    how: &How<'_>,
) -> Result<Option<Secret>, Fault> {
    let (seal, now) = (&state.parts.seal, state.parts.clock.millis());
    let before = stranger.caller.cookie(headers, door::SESSION);
    let (actor, address, complete) = (stranger.actor(Some(user)), stranger.caller.address_text(), !user.has_second_factor);
    let secret = transaction!(state.parts.db, |tx| {
        let with = match how {
            How::Password(proof, subjects) => {
                if !proof.stands(tx).await? {
                    return Ok(None);
                }
                throttle::right(tx, seal, subjects).await?;
                "password"
            }
            How::Provider => "openid",
        };
        if let Some(before) = &before {
            session::drop_secret(tx, before).await?;
        }
        let secret = session::begin(tx, seal, user.id, complete, &address, &stranger.agent, now).await?;
        if complete {
            user::signed_in(tx, user.id, now).await?;
            audit::record(tx, &actor, "user.sign-in", &user.email, None, Some(&json!({ "with": [with] })), now).await?;
        }
        Ok(Some(secret))
    })?;
    Ok(secret)
}

/// On, with the session's cookie: to where one wanted to go, or to the code.
pub(super) fn through(caller: &Caller, user: &User, secret: &Secret, next: &str) -> Response {
    let mut response = match door::local_path(next) {
        Some(next) if user.has_second_factor => {
            let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
            see_other(&format!("/sign-in/code?next={next}"))
        }
        None if user.has_second_factor => see_other("/sign-in/code"),
        next => see_other(next.unwrap_or("/")),
    };
    response.headers_mut().append(SET_COOKIE, caller.set_cookie(door::SESSION, &secret.0, None));
    response.headers_mut().append(SET_COOKIE, caller.set_cookie(door::DOOR, "", None));
    response
}

/// Whoever has given a password and owes a code, with the secret of their half session.
async fn half(
    state: &Shared,
    stranger: &Stranger,
    headers: &HeaderMap,
) -> Result<Option<(session::Session, User, String)>, Fault> {
    let Some(secret) = stranger.caller.cookie(headers, door::SESSION) else { return Ok(None) };
    let resumed = session::resume(&state.parts.db, &secret, state.parts.clock.millis()).await?;
    Ok(resumed.filter(|(session, _)| !session.complete).map(|(session, user)| (session, user, secret)))
}

async fn show_code(
    extract::State(State(state)): extract::State<State>,
    stranger: Stranger,
    headers: HeaderMap,
    Query(next): Query<Next>,
) -> Result<Response, Fault> {
    if half(&state, &stranger, &headers).await?.is_none() {
        return Ok(see_other("/sign-in"));
    }
    Ok(state.view_outside(StatusCode::OK, &stranger, "console/sign_in/code", context! { next => next.next }))
}

/// What became of a code.
enum Turn {
    /// It was right: the whole session's secret.
    Through(Secret, Given),
    /// It was not.
    Wrong,
    /// The half session was over.
    Over,
}

async fn enter_code(
    extract::State(State(state)): extract::State<State>,
    stranger: Stranger,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Fault> {
    let (db, seal, now) = (&state.parts.db, &state.parts.seal, state.parts.clock.millis());
    let Some((session, user, _)) = half(&state, &stranger, &headers).await? else { return Ok(see_other("/sign-in")) };
    let again = |status: StatusCode, words: &Phrase| {
        let values = context! { next => fields.get("next"), wrong => words.text(stranger.lang) };
        Ok(state.view_outside(status, &stranger, "console/sign_in/code", values))
    };
    let subjects: Vec<Subject<'_>> =
        [Subject::Code(user.id)].into_iter().chain(stranger.caller.address.map(Subject::Address)).collect();
    if let Err(wait) = throttle::attempt(db, seal, &subjects, now).await? {
        return again(StatusCode::TOO_MANY_REQUESTS, &wait_words(wait));
    }
    let (actor, address) = (stranger.actor(Some(&user)), stranger.caller.address_text());
    let taken = transaction!(db, |tx| {
        let Some(given) = second_factor::take(tx, seal, user.id, fields.get("code"), now).await? else {
            return Ok(Turn::Wrong);
        };
        // The half session's secret was known before everything was given: it ends. Where it has ended already, by a new password,
        // by an administrator or by the same form sent twice, nothing follows from it.
        if !session::end(tx, user.id, session.id).await? {
            return Ok(Turn::Over);
        }
        throttle::right(tx, seal, &subjects).await?;
        let secret = session::begin(tx, seal, user.id, true, &address, &stranger.agent, now).await?;
        user::signed_in(tx, user.id, now).await?;
        let with = json!({ "with": ["first", if given == Given::Recovery { "recovery code" } else { "code" }] });
        audit::record(tx, &actor, "user.sign-in", &user.email, None, Some(&with), now).await?;
        Ok(Turn::Through(secret, given))
    })?;
    let (secret, given) = match taken {
        Turn::Through(secret, given) => (secret, given),
        Turn::Over => return Ok(see_other("/sign-in")),
        Turn::Wrong => {
            tracing::info!(from = stranger.caller.address_text(), "somebody gave a wrong code");
            let words = phrase!(
                "Mã không đúng, đã dùng rồi hoặc đã hết hạn. Mỗi mã chỉ dùng được một lần.",
                "The code is wrong, was used before, or is over. Each code is good once."
            );
            return again(StatusCode::UNPROCESSABLE_ENTITY, &words);
        }
    };
    let to = match given {
        Given::Code => door::local_path(fields.get("next")).unwrap_or("/"),
        // Whoever needed one should see how many are left.
        Given::Recovery => "/me",
    };
    let mut response = see_other(to);
    response.headers_mut().append(SET_COOKIE, stranger.caller.set_cookie(door::SESSION, &secret.0, None));
    Ok(response)
}

/// Who helps: no link goes out by itself, because whoever asks may be anybody.
async fn forgotten(extract::State(State(state)): extract::State<State>, stranger: Stranger) -> Response {
    state.view_outside(StatusCode::OK, &stranger, "console/sign_in/forgotten", context! {})
}

async fn leave(
    extract::State(State(state)): extract::State<State>,
    stranger: Stranger,
    headers: HeaderMap,
    _fields: Fields,
) -> Result<Response, Fault> {
    if let Some(secret) = stranger.caller.cookie(&headers, door::SESSION) {
        transaction!(state.parts.db, |tx| session::drop_secret(tx, &secret).await)?;
    }
    let mut response = see_other("/sign-in");
    response.headers_mut().append(SET_COOKIE, stranger.caller.set_cookie(door::SESSION, "", None));
    Ok(response)
}
