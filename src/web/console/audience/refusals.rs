//! Whom nothing is sent to: opt-outs, addresses at which mail ended, and lists never to be written to. Masked, a page at a time.

use axum::{
    Router,
    extract::{self, Query},
    response::Response,
    routing::{get, post},
};
use minijinja::context;
use providers::Channel;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Seen, shown};
use crate::{
    audience::{
        block::{self, Binds},
        who::{self, Listed},
    },
    audit,
    consent::{self, Standing},
    phrase, request,
    seal::Kind,
    suppression::{self, Cause, Suppressed},
    transaction,
    user::Right,
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::Fields,
            visitor::{Visitor, see_other},
        },
    },
};

/// Rows on one page.
const PAGE: usize = 50;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/audience/refusals", get(refusals))
        .route("/audience/suppressed", get(suppressed))
        .route("/audience/suppressed/lift", post(lift))
        .route("/audience/blocked", get(blocked))
        .route("/audience/blocked/remove", post(remove))
}

/// After which row a page begins: a moment and a keyed hash, which stands for nobody who has not the key.
#[derive(Deserialize, Default)]
struct After {
    at: Option<i64>,
    address: Option<i64>,
}

/// Who has an address, if it is one person whom the visitor sees; and whether others have it whom they do not see.
async fn holder(state: &Shared, seen: &Seen, channel: Channel, address: i64) -> Result<(Option<Listed>, bool), Fault> {
    let db = &state.parts.db;
    let mut hidden = false;
    let mut found = None;
    for (id, _) in request::holders(db, channel, address).await? {
        let Some(person) = who::number(db, id).await? else { continue };
        if seen.list(&person.source).is_err() {
            hidden = true;
        } else if found.is_none() {
            found = Some(person);
        }
    }
    Ok((found, hidden))
}

async fn refusals(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(after): Query<After>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAudience)?;
    let (seen, now) = (Seen::by(&state, &visitor).await?, state.parts.clock.millis());
    let after_row = after.at.zip(after.address);
    let rows = consent::latest(&state.parts.db, after_row, i64::try_from(PAGE + 1).unwrap_or(51)).await?;
    let mut lines = Vec::new();
    for row in rows.iter().take(PAGE) {
        let (person, hidden) = holder(&state, &seen, row.channel, row.address).await?;
        if person.is_none() && hidden {
            continue;
        }
        let Standing { lasting, passing } = row.standing;
        let running = passing.filter(|(_, until)| *until > now);
        lines.push(json!({
            "channel": row.channel.name(),
            "person": person.as_ref().map(|person| person.id),
            "reference": person.map(|person| person.reference),
            "lasting": lasting.map(consent::Scope::name),
            "passing": running.map(|(scope, _)| scope.name()),
            "until": running.map(|(_, until)| until),
            "at": row.at,
        }));
    }
    let next = rows.get(PAGE - 1).filter(|_| rows.len() > PAGE).map(|row| json!({ "at": row.at, "address": row.address }));
    let values = context! {
        tab => "refusals",
        rows => shown(&lines),
        next => next.as_ref().map(shown),
        first => after_row.is_none(),
        may_read_person => visitor.can(Right::ReadPerson),
    };
    Ok(state.view(&visitor, "audience/refusals", values))
}

async fn suppressed(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(after): Query<After>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAudience)?;
    let (db, lang) = (&state.parts.db, visitor.lang);
    let seen = Seen::by(&state, &visitor).await?;
    let last = after.at.zip(after.address).map(|(at, address)| Suppressed {
        channel: Channel::Email,
        address,
        cause: Cause::Repeated,
        reason: providers::Reason::Other,
        detail: String::new(),
        at,
        bounces: 0,
    });
    let most = u32::try_from(PAGE + 1).unwrap_or(51);
    let listed = suppression::list(db, last.as_ref(), most).await?;
    let mut lines = Vec::new();
    for one in listed.iter().take(PAGE) {
        let of = &one.suppressed;
        let (person, hidden) = holder(&state, &seen, of.channel, of.address).await?;
        if person.is_none() && hidden {
            continue;
        }
        let plain = one.sealed.as_deref().and_then(|sealed| state.parts.seal.open(Kind::Email, sealed).ok());
        let cause = match of.cause {
            Cause::Repeated => phrase!("nhiều lần không tới", "failed again and again"),
            Cause::NoSuchAddress => phrase!("địa chỉ không tồn tại", "no such address"),
            Cause::Complaint => phrase!("người nhận báo là thư rác", "reported as unwanted"),
        };
        lines.push(json!({
            "masked": plain.map(|plain| providers::mask(&plain)),
            "person": person.as_ref().map(|person| person.id),
            "reference": person.map(|person| person.reference),
            "cause": cause.text(lang), "reason": of.reason.name(), "bounces": of.bounces, "at": of.at,
            "complaint": of.cause == Cause::Complaint,
            // As text: a page's script must not round it.
            "address": of.address.to_string(),
        }));
    }
    let counts: Vec<Json> =
        suppression::count(db).await?.into_iter().map(|(cause, n)| json!({ "cause": cause.name(), "n": n })).collect();
    let next = listed
        .get(PAGE - 1)
        .filter(|_| listed.len() > PAGE)
        .map(|one| json!({ "at": one.suppressed.at, "address": one.suppressed.address }));
    let values = context! {
        tab => "suppressed",
        rows => shown(&lines),
        counts => shown(&counts),
        next => next.as_ref().map(shown),
        first => last.is_none(),
        may_write => visitor.can(Right::WriteAudience),
        may_read_person => visitor.can(Right::ReadPerson),
    };
    Ok(state.view(&visitor, "audience/suppressed", values))
}

async fn lift(extract::State(State(state)): extract::State<State>, visitor: Visitor, fields: Fields) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let address: i64 = fields.get("address").parse().map_err(|_| Fault::NotFound)?;
    let seen = Seen::by(&state, &visitor).await?;
    let standing = suppression::standing(&state.parts.db, Channel::Email, address).await?.ok_or(Fault::NotFound)?;
    let (person, hidden) = holder(&state, &seen, Channel::Email, address).await?;
    if person.is_none() && hidden {
        return Err(Fault::NotFound);
    }
    let now = state.parts.clock.millis();
    let about = person.map_or_else(|| "address:email".to_string(), |person| format!("person:{}", person.id));
    let before = json!({ "cause": standing.cause.name() });
    transaction!(state.parts.db, |tx| {
        suppression::lift_within(tx, Channel::Email, address).await?;
        audit::record(tx, &visitor.actor, "address.lift", &about, Some(&before), None, now).await
    })?;
    let mut words = phrase!("Từ nay lại gửi thư tới địa chỉ này.", "Mail goes to this address again.");
    if standing.cause == Cause::Complaint {
        words = words.then(&phrase!(
            "Lời từ chối của người ấy vẫn còn: chỉ người ấy mới rút lại được.",
            "Their refusal stands: only they take it back."
        ));
    }
    visitor.flash(&words).await?;
    Ok(see_other("/audience/suppressed"))
}

async fn blocked(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAudience)?;
    let lists: Vec<Json> = block::lists(&state.parts.db)
        .await?
        .into_iter()
        .map(|list| {
            json!({
                "name": list.name, "everything": list.binds() == Binds::Everything, "entries": list.entries,
                "finished_at": list.finished_at, "started_at": list.started_at,
            })
        })
        .collect();
    let values = context! {
        tab => "blocked",
        lists => shown(&lists),
        may_write => visitor.can(Right::WriteAudience),
        may_read_person => visitor.can(Right::ReadPerson),
    };
    Ok(state.view(&visitor, "audience/blocked", values))
}

/// Takes a list back: whom it names may be written to again. It binds every department, so whoever sees them all alone may.
async fn remove(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let (name, typed) = (fields.get("name"), fields.get("confirm"));
    if name.is_empty() || typed != name {
        return Err(Fault::Invalid(phrase!(
            "Gõ lại đúng tên danh sách để xác nhận bỏ.",
            "Type the list's name once more to confirm."
        )));
    }
    let now = state.parts.clock.millis();
    let Some(entries) = block::remove(&state.parts.db, name).await? else { return Err(Fault::NotFound) };
    let before = json!({ "entries": entries });
    transaction!(state.parts.db, |tx| {
        audit::record(tx, &visitor.actor, "block_list.remove", name, Some(&before), None, now).await
    })?;
    visitor
        .flash(&phrase!("Đã bỏ danh sách {name}: {entries} địa chỉ.", "Took back the list {name}: {entries} addresses."))
        .await?;
    Ok(see_other("/audience/blocked"))
}
