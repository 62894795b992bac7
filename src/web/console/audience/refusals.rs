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
    suppression::{self, Cause},
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
/// Rows that are looked through for one page: where few of them are the visitor's to see, a page is short and the next goes on.
const LOOKED_AT: usize = 1_000;

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

/// Whose an address is, as far as a visitor may know.
enum Whose {
    /// Somebody's whom they see: one of those who share it.
    Known(Listed),
    /// On no list, which is for those to know who see every department.
    Nobodys,
    /// Another department's.
    Hidden,
}

impl Whose {
    async fn is(state: &Shared, seen: &Seen, channel: Channel, address: i64) -> Result<Self, Fault> {
        let db = &state.parts.db;
        let mut hidden = !seen.visitor.user.departments.is_everything();
        for (id, _) in request::holders(db, channel, address).await? {
            let Some(person) = who::number(db, id).await? else { continue };
            if seen.list(&person.source).is_ok() {
                return Ok(Self::Known(person));
            }
            hidden = true;
        }
        Ok(if hidden { Self::Hidden } else { Self::Nobodys })
    }

    const fn person(&self) -> Option<&Listed> {
        if let Self::Known(person) = self { Some(person) } else { None }
    }
}

/// A page that is filled row by row: where it is, how far it looked, and whether there is more.
struct Walk {
    at: Option<(i64, i64)>,
    looked: usize,
    more: bool,
}

impl Walk {
    fn from(after: &After) -> Self {
        Self { at: after.at.zip(after.address), looked: 0, more: true }
    }

    /// Whether a page with so many lines wants further rows.
    const fn wants(&self, lines: usize) -> bool {
        self.more && lines < PAGE && self.looked < LOOKED_AT
    }

    /// The row at hand; `left` come after it.
    const fn look(&mut self, row: (i64, i64), left: usize) {
        self.at = Some(row);
        self.looked += 1;
        self.more = left > 0;
    }

    fn next(&self) -> Option<Json> {
        self.at.filter(|_| self.more).map(|(at, address)| json!({ "at": at, "address": address }))
    }
}

async fn refusals(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(after): Query<After>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAudience)?;
    let (seen, now) = (Seen::by(&state, &visitor).await?, state.parts.clock.millis());
    let mut walk = Walk::from(&after);
    let mut lines = Vec::new();
    while walk.wants(lines.len()) {
        let rows = consent::latest(&state.parts.db, walk.at, i64::try_from(PAGE + 1).unwrap_or(51)).await?;
        walk.more = false;
        for (at, row) in rows.iter().enumerate().take(PAGE) {
            if lines.len() == PAGE {
                break;
            }
            walk.look((row.at, row.address), rows.len() - at - 1);
            let whose = Whose::is(&state, &seen, row.channel, row.address).await?;
            if matches!(whose, Whose::Hidden) {
                continue;
            }
            let Standing { lasting, passing } = row.standing;
            let running = passing.filter(|(_, until)| *until > now);
            lines.push(json!({
                "channel": row.channel.name(),
                "person": whose.person().map(|person| person.id),
                "reference": whose.person().map(|person| &person.reference),
                "lasting": lasting.map(consent::Scope::name),
                "passing": running.map(|(scope, _)| scope.name()),
                "until": running.map(|(_, until)| until),
                "at": row.at,
            }));
        }
    }
    let values = context! {
        tab => "refusals",
        rows => shown(&lines),
        next => walk.next().as_ref().map(shown),
        first => after.at.is_none(),
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
    let most = u32::try_from(PAGE + 1).unwrap_or(51);
    let mut walk = Walk::from(&after);
    let mut lines = Vec::new();
    while walk.wants(lines.len()) {
        let listed = suppression::list(db, walk.at, most).await?;
        walk.more = false;
        for (at, one) in listed.iter().enumerate().take(PAGE) {
            let of = &one.suppressed;
            if lines.len() == PAGE {
                break;
            }
            walk.look((of.at, of.address), listed.len() - at - 1);
            let whose = Whose::is(&state, &seen, of.channel, of.address).await?;
            if matches!(whose, Whose::Hidden) {
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
                "person": whose.person().map(|person| person.id),
                "reference": whose.person().map(|person| &person.reference),
                "cause": cause.text(lang), "reason": of.reason.name(), "bounces": of.bounces, "at": of.at,
                "complaint": of.cause == Cause::Complaint,
                // As text: a page's script must not round it.
                "address": of.address.to_string(),
            }));
        }
    }
    let values = context! {
        tab => "suppressed",
        rows => shown(&lines),
        next => walk.next().as_ref().map(shown),
        first => after.at.is_none(),
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
    let whose = Whose::is(&state, &seen, Channel::Email, address).await?;
    if matches!(whose, Whose::Hidden) {
        return Err(Fault::NotFound);
    }
    let now = state.parts.clock.millis();
    let about = whose.person().map_or_else(|| "address:email".to_string(), |person| format!("person:{}", person.id));
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
        may_write => visitor.can(Right::WriteAudience) && visitor.user.departments.is_everything(),
        may_read_person => visitor.can(Right::ReadPerson),
    };
    Ok(state.view(&visitor, "audience/blocked", values))
}

/// Nothing if the visitor may change a list that binds every department: whoever sees them all may.
fn binds_everybody(visitor: &Visitor) -> Result<(), Fault> {
    if visitor.user.departments.is_everything() { Ok(()) } else { Err(Fault::Forbidden) }
}

/// Takes a list back: whom it names may be written to again.
async fn remove(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    binds_everybody(&visitor)?;
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
