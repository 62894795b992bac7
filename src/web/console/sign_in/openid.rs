//! `/sign-in/oidc`: off to the `OpenID` provider, and back from it.

use axum::{
    extract::{self, Query, RawQuery},
    http::{HeaderMap, StatusCode, header::SET_COOKIE},
    response::Response,
};

use super::{How, Next, begin, page, through};
use crate::{
    phrase,
    user::{self, openid::OpenIdError},
    web::{
        State,
        console::{
            door,
            fault::Fault,
            visitor::{Stranger, see_other},
        },
    },
    words::Phrase,
};

/// Seconds that a browser may take at the provider.
const FLOW: i64 = 10 * 60;

/// A link and not a form, because a form may not lead off our pages.
pub async fn depart(
    extract::State(State(state)): extract::State<State>,
    stranger: Stranger,
    Query(next): Query<Next>,
) -> Result<Response, Fault> {
    let Some(provider) = &state.provider else { return Err(Fault::NotFound) };
    let departure = match provider.depart(&state.parts.seal, &next.next, state.parts.clock.millis()).await {
        Ok(departure) => departure,
        Err(error) => {
            tracing::error!(%error, "nobody can sign in by the OpenID provider");
            let words = unreachable_words(provider.name());
            return Ok(page(&state, &stranger, StatusCode::BAD_GATEWAY, &next.next, "", Some(&words), false));
        }
    };
    let mut response = see_other(&departure.to);
    response.headers_mut().append(SET_COOKIE, stranger.caller.set_cookie(door::FLOW, &departure.cookie, Some(FLOW)));
    Ok(response)
}

fn unreachable_words(name: &str) -> Phrase {
    phrase!(
        "Chưa đăng nhập được bằng {name}. Vui lòng thử lại sau ít phút, hoặc dùng mật khẩu.",
        "{name} does not answer. Please try again in a few minutes, or use your password."
    )
}

/// Back from the provider, by a link of its own: what binds it to this browser is the sealed cookie.
pub async fn arrive(
    extract::State(State(state)): extract::State<State>,
    stranger: Stranger,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    let Some(provider) = &state.provider else { return Err(Fault::NotFound) };
    let (seal, now) = (&state.parts.seal, state.parts.clock.millis());
    let cookie = stranger.caller.cookie(&headers, door::FLOW).unwrap_or_default();
    let gone = stranger.caller.set_cookie(door::FLOW, "", None);
    let refuse = |status: StatusCode, words: &Phrase| {
        let mut response = page(&state, &stranger, status, "", "", Some(words), false);
        response.headers_mut().append(SET_COOKIE, gone.clone());
        Ok(response)
    };
    let (identity, next) = match provider.arrive(seal, &cookie, &query.unwrap_or_default(), now).await {
        Ok(arrived) => arrived,
        Err(error) => {
            tracing::warn!(%error, from = stranger.caller.address_text(), "somebody came back from the OpenID provider in vain");
            let (status, words) = match error {
                OpenIdError::Provider(_) => (StatusCode::BAD_GATEWAY, unreachable_words(provider.name())),
                _ => (
                    StatusCode::UNPROCESSABLE_ENTITY,
                    phrase!(
                        "Lượt đăng nhập này không hợp lệ hoặc đã quá hạn. Vui lòng làm lại từ đầu.",
                        "This sign-in is not valid, or took too long. Please begin again."
                    ),
                ),
            };
            return refuse(status, &words);
        }
    };
    let found =
        user::by_subject(&state.parts.db, &identity.subject, identity.email.as_deref(), &stranger.actor(None), now).await?;
    let begun = match found.filter(|user| user.disabled_at.is_none()) {
        Some(user) => begin(&state, &stranger, &headers, &user, &How::Provider).await?.map(|secret| (user, secret)),
        None => None,
    };
    let Some((user, secret)) = begun else {
        let words = phrase!(
            "Tài khoản này chưa được mời vào hệ thống. Vui lòng liên hệ người quản trị.",
            "This account was not invited here. Please ask an administrator."
        );
        return refuse(StatusCode::FORBIDDEN, &words);
    };
    let mut response = through(&stranger.caller, &user, &secret, &next);
    response.headers_mut().append(SET_COOKIE, gone);
    Ok(response)
}
