//! What is done about an account: its connection is tried, a message is sent over it, it is paused, and goes on. Each is recorded.

use axum::{extract, http::StatusCode, response::Response};
use serde_json::json;

use super::{find, page};
use crate::{
    account::{
        self, Account,
        test::{self, Kind, NotTried, Tested},
    },
    audit, phrase, transaction,
    user::Right,
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::Fields,
            visitor::{Visitor, see_other},
        },
    },
    words::{self, Phrase},
};

pub(super) async fn try_connection(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(name): extract::Path<String>,
    _: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ActOnAccounts)?;
    let account = find(&state, &name)?;
    let now = state.parts.clock.millis();
    often(&state, &name, now).await?;
    let tested = account.provider.test().await;
    let (ok, said) = match tested {
        Ok(said) => (true, said),
        Err(error) => (false, error.to_string()),
    };
    let tested = Tested { by_whom: visitor.user.name.clone(), at: now, kind: Kind::Connection as i16, ok, said };
    keep(&state, &visitor, &name, &tested, None).await?;
    Ok(see_other(&format!("/accounts/{name}")))
}

async fn often(state: &Shared, name: &str, now: i64) -> Result<(), Fault> {
    if test::may(&state.parts.db, name, now).await? {
        return Ok(());
    }
    Err(Fault::TooMany(phrase!(
        "Tài khoản này đã được thử quá nhiều lần trong một giờ. Hãy thử lại sau.",
        "This account was tested too often within an hour. Try again later."
    )))
}

async fn keep(state: &Shared, visitor: &Visitor, name: &str, tested: &Tested, to: Option<&str>) -> Result<(), Fault> {
    let action = if tested.kind == Kind::Message as i16 { "account.test_send" } else { "account.test" };
    let told = json!({ "ok": tested.ok, "to": to });
    transaction!(state.parts.db, |tx| {
        test::keep(tx, name, tested).await?;
        audit::record(tx, &visitor.actor, action, name, None, Some(&told), tested.at).await
    })?;
    let said = words::tried(&tested.said, visitor.lang);
    let words = match (tested.ok, tested.kind == Kind::Message as i16) {
        (true, true) => phrase!("Cổng gửi đã nhận tin thử. {said}", "The gateway took the test message. {said}"),
        (true, false) => phrase!("Kết nối tốt: {said}", "The connection works: {said}"),
        (false, true) => phrase!("Tin thử không gửi được: {said}", "The test message was not sent: {said}"),
        (false, false) => phrase!("Không kết nối được: {said}", "The connection failed: {said}"),
    };
    if tested.ok { visitor.flash(&words).await } else { visitor.warn(&words).await }
}

pub(super) async fn try_message(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(name): extract::Path<String>,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ActOnAccounts)?;
    let account = find(&state, &name)?;
    let (now, lang) = (state.parts.clock.millis(), visitor.lang);
    let (to, text) = (fields.get("to"), fields.get("text"));
    let typed = json!({ "to": to, "text": text });
    let again = async |field: &str, words: Phrase| {
        let errors = json!({ field: words.text(lang) });
        page(&state, &visitor, account, StatusCode::UNPROCESSABLE_ENTITY, &errors, &typed).await
    };
    let plain = match test::address(account, to) {
        Ok(plain) => plain,
        Err(words) => return again("to", words).await,
    };
    often(&state, &name, now).await?;
    let parts = &state.parts;
    // The moment tells one test from another.
    let sent = test::send(&parts.db, &parts.seal, &parts.clock, account, &plain, text, now).await;
    let (ok, said) = match sent {
        Ok(Ok(ids)) => (true, ids),
        Ok(Err(why)) => (false, why),
        Err(NotTried::Text(words)) => return again("text", words).await,
        Err(NotTried::Address(words)) => return again("to", words).await,
        Err(NotTried::Now(words)) => return Err(Fault::Conflict(words)),
        Err(NotTried::Db(error)) => return Err(error.into()),
    };
    let tested = Tested { by_whom: visitor.user.name.clone(), at: now, kind: Kind::Message as i16, ok, said };
    keep(&state, &visitor, &name, &tested, Some(&providers::mask(&plain))).await?;
    Ok(see_other(&format!("/accounts/{name}")))
}

pub(super) async fn pause(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(name): extract::Path<String>,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ActOnAccounts)?;
    let account = find(&state, &name)?;
    let why: String = fields.get("why").chars().filter(|c| !c.is_control()).take(300).collect();
    if why.is_empty() {
        let words = phrase!("Ghi lý do dừng", "Write why");
        let errors = json!({ "why": words.text(visitor.lang) });
        return page(&state, &visitor, account, StatusCode::UNPROCESSABLE_ENTITY, &errors, &json!({})).await;
    }
    let who = &visitor.user.name;
    set(&state, &visitor, account, Some(&format!("{who}: {why}"))).await?;
    visitor.flash(&phrase!("Đã dừng tài khoản {name}.", "The account {name} is paused.")).await?;
    Ok(see_other(&format!("/accounts/{name}")))
}

pub(super) async fn resume(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(name): extract::Path<String>,
    _: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ActOnAccounts)?;
    let account = find(&state, &name)?;
    set(&state, &visitor, account, None).await?;
    visitor.flash(&phrase!("Tài khoản {name} gửi tiếp.", "The account {name} goes on.")).await?;
    Ok(see_other(&format!("/accounts/{name}")))
}

/// Pauses an account, or lets it go on; where that is a change, it is recorded.
async fn set(state: &Shared, visitor: &Visitor, account: &Account, why: Option<&str>) -> Result<(), Fault> {
    let now = state.parts.clock.millis();
    let changed = transaction!(state.parts.db, |tx| {
        let before = account::paused_within(tx, account.id).await?;
        if before.is_some() == why.is_some() {
            return Ok(false);
        }
        let (action, told) =
            if why.is_some() { ("account.pause", json!({ "why": why })) } else { ("account.resume", json!({ "was": before })) };
        account::pause_within(tx, account.id, why, now).await?;
        audit::record(tx, &visitor.actor, action, &account.config.name, None, Some(&told), now).await?;
        Ok(true)
    })?;
    if !changed {
        return Err(Fault::Conflict(if why.is_some() {
            phrase!("Tài khoản này đã dừng từ trước.", "This account is paused already.")
        } else {
            phrase!("Tài khoản này đang gửi, không bị dừng.", "This account is not paused.")
        }));
    }
    // This node at once; the others within seconds.
    state.parts.accounts.refresh(&state.parts.db, state.parts.clock.now()).await?;
    state.parts.work.notify_waiters();
    Ok(())
}
