//! `/requests`: what people ask about their data, by when it is due, and the steps that are taken about it.

use axum::{
    Router,
    extract::{self, Query},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use minijinja::context;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    Seen,
    entry::{ahead, past, written},
    shown,
};
use crate::{
    audience::who,
    audit, phrase,
    request::{
        self, FOR_EVER, Kind, New, Refused, Request, State as Standing, Step, Subject, deadline,
        label::{action_words, kind_words, state_words},
    },
    seal, transaction,
    user::Right,
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::Fields,
            visitor::{Visitor, see_other},
        },
    },
    words::{self, Lang, Phrase},
};

/// Requests that the page shows.
const SHOWN: i64 = 200;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/requests", get(list).post(add))
        .route("/requests/{number}", get(show))
        .route("/requests/{number}/{step}", post(step))
}

#[derive(Deserialize)]
struct Wanted {
    /// `all`: closed ones, too.
    #[serde(default)]
    show: String,
}

/// A request as a page shows it.
fn line(request: &Request, now: i64, lang: Lang) -> Json {
    let date = |end: i64| words::date(deadline::last_day(end), lang);
    let open = request.state == Standing::Open;
    json!({
        "number": request.id,
        "kind": request.kind.name(),
        "kind_label": kind_words(request.kind.name()).text(lang),
        "state": request.state.name(),
        "state_label": state_words(request.state.name()).text(lang),
        "overdue": request.is_overdue(now),
        "soon": open && request.next() - now < 2 * 24 * 3_600_000,
        "answered": request.answered_at.is_some(),
        "reference": request.reference,
        "channel": request.channel.map(providers::Channel::name),
        "received": words::date(deadline::last_day(request.received_at + 1), lang),
        "answer_by": (open && request.answered_at.is_none()).then(|| date(request.answer_by)),
        "due": open.then(|| date(request.due_at)),
        "until": request.until.filter(|until| *until < FOR_EVER).map(date),
        "for_good": request.until == Some(FOR_EVER),
        "silent": request.until.is_some_and(|until| until > now) && request.state != Standing::Refused,
    })
}

/// Whether a visitor may see a request: of somebody on a list that they see, or of an address that nobody has.
async fn is_theirs(state: &Shared, seen: &Seen, request: &Request) -> Result<bool, Fault> {
    let Some(reference) = &request.reference else { return Ok(true) };
    let found = who::reference(&state.parts.db, reference).await?;
    Ok(found.is_none_or(|person| seen.list(&person.source).is_ok()))
}

async fn list(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadPerson)?;
    page(&state, &visitor, wanted.show == "all", StatusCode::OK, &json!({}), &json!({})).await
}

async fn page(
    state: &Shared,
    visitor: &Visitor,
    all: bool,
    status: StatusCode,
    errors: &Json,
    typed: &Json,
) -> Result<Response, Fault> {
    let (now, lang) = (state.parts.clock.millis(), visitor.lang);
    let seen = Seen::by(state, visitor).await?;
    let found = request::list(&state.parts.db, &state.parts.seal, all, &seen.hidden(), SHOWN + 1).await?;
    let most = usize::try_from(SHOWN).unwrap_or(200);
    let lines: Vec<Json> = found.iter().take(most).map(|request| line(request, now, lang)).collect();
    let values = context! {
        tab => "requests",
        all,
        more => found.len() > most,
        requests => shown(&lines),
        kinds => shown(&kinds(lang)),
        errors => shown(errors),
        typed => shown(typed),
        may_write => visitor.can(Right::WriteAudience),
    };
    Ok(state.view_as(status, visitor, "people/requests", values))
}

/// A request by whoever has an address or a reference, on a list or not.
async fn add(extract::State(State(state)): extract::State<State>, visitor: Visitor, fields: Fields) -> Result<Response, Fault> {
    visitor.needs(Right::ReadPerson)?;
    visitor.needs(Right::WriteAudience)?;
    let (now, lang) = (state.parts.clock.millis(), visitor.lang);
    let seen = Seen::by(&state, &visitor).await?;
    let mut errors = serde_json::Map::new();
    let mut tell = |field: &str, words: Phrase| drop(errors.insert(field.to_string(), Json::from(words.text(lang))));
    let said = fields.get("who");
    let kind = Kind::from_name(fields.get("kind"));
    if kind.is_none() {
        tell("kind", phrase!("Chọn loại yêu cầu", "Choose what is asked"));
    }
    let found = who::reference(&state.parts.db, said).await?.filter(|person| seen.list(&person.source).is_ok());
    let subject = match (found, who::plain(said)) {
        (Some(person), _) => Some(Subject::Person(person.id)),
        (None, Ok((channel, plain))) => {
            let hash = state.parts.seal.hash(seal::Kind::of(channel), &plain);
            Some(request::subject(&state.parts.db, channel, hash).await?)
        }
        (None, Err(words)) => {
            tell("who", words);
            None
        }
    };
    let received = past(fields.get("received"), now).map_err(|words| tell("received", words)).ok();
    let until = ahead(fields.get("request_until"), now).map_err(|words| tell("request_until", words)).ok();
    let note = written(&fields, "note");
    let (Some(kind), Some(subject), Some(received_at), Some(until)) = (kind, subject, received, until) else {
        let typed = json!({
            "who": said, "kind": fields.get("kind"), "received": fields.get("received"),
            "request_until": fields.get("request_until"), "note": note,
        });
        return page(&state, &visitor, false, StatusCode::UNPROCESSABLE_ENTITY, &Json::Object(errors), &typed).await;
    };
    let until = until.filter(|_| kind.silences());
    let new = New { kind, subject, until, received_at, by: &visitor.user.name, note: &note };
    let about = match subject {
        Subject::Person(id) => format!("person:{id}"),
        Subject::Address(channel, _) => format!("address:{channel}"),
    };
    let number = take_in_recorded(&state, &visitor, &new, &about, now).await?;
    match find(&state, &visitor, number).await {
        Ok(_) => {
            visitor.flash(&phrase!("Đã tiếp nhận yêu cầu số {number}.", "Request {number} is taken in.")).await?;
            Ok(see_other(&format!("/requests/{number}")))
        }
        // Whoever is asked takes a request in; whose the person is deals with it.
        Err(Fault::NotFound) => {
            let said = phrase!(
                "Đã tiếp nhận yêu cầu số {number}. Đơn vị quản lý danh sách có người này sẽ xử lý tiếp.",
                "Request {number} is taken in. The department whose list has this person goes on with it."
            );
            visitor.flash(&said).await?;
            Ok(see_other("/requests"))
        }
        Err(fault) => Err(fault),
    }
}

async fn find(state: &Shared, visitor: &Visitor, number: i64) -> Result<Request, Fault> {
    visitor.needs(Right::ReadPerson)?;
    let seen = Seen::by(state, visitor).await?;
    let request = request::one(&state.parts.db, &state.parts.seal, number).await?.ok_or(Fault::NotFound)?;
    if is_theirs(state, &seen, &request).await? { Ok(request) } else { Err(Fault::NotFound) }
}

async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(number): extract::Path<i64>,
) -> Result<Response, Fault> {
    let request = find(&state, &visitor, number).await?;
    let (now, lang) = (state.parts.clock.millis(), visitor.lang);
    let history: Vec<Json> = request
        .history
        .iter()
        .map(|event| {
            json!({ "at": event.at, "action": action_words(event.action.name()).text(lang), "by": event.by, "note": event.note })
        })
        .collect();
    let person = match &request.reference {
        Some(reference) => who::reference(&state.parts.db, reference).await?.map(|person| person.id),
        None => None,
    };
    // Notes are the officers' own words about what the person asked: whoever deals with it has to read them.
    let values = context! {
        tab => "requests",
        request => shown(&line(&request, now, lang)),
        note => request.note,
        person,
        history => shown(&history),
        may_write => visitor.can(Right::WriteAudience),
    };
    Ok(state.view(&visitor, "people/request", values))
}

async fn step(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path((number, name)): extract::Path<(i64, String)>,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    find(&state, &visitor, number).await?;
    let (step, done) = match name.as_str() {
        "answer" => (Step::Answer, phrase!("Yêu cầu số {number}: đã trả lời.", "Request {number}: answered.")),
        "close" => (Step::Close, phrase!("Yêu cầu số {number}: đã xong.", "Request {number}: done.")),
        "refuse" => (Step::Refuse, phrase!("Yêu cầu số {number}: đã từ chối.", "Request {number}: refused.")),
        "lift" => (Step::Lift, phrase!("Yêu cầu số {number}: từ nay lại gửi tin.", "Request {number}: messages come again.")),
        _ => return Err(Fault::NotFound),
    };
    let note = written(&fields, "note");
    if step == Step::Refuse && note.is_empty() {
        return Err(Fault::Invalid(phrase!(
            "Từ chối yêu cầu phải ghi lý do đã báo cho người ấy.",
            "A refusal needs the reason that the person was told."
        )));
    }
    let (now, parts) = (state.parts.clock.millis(), &state.parts);
    let taken = transaction!(parts.db, |tx| {
        let taken = request::step_within(tx, &parts.seal, number, step, &visitor.user.name, &note, now).await?;
        if taken.is_ok() {
            audit::record(tx, &visitor.actor, &format!("request.{name}"), &format!("request:{number}"), None, None, now).await?;
        }
        Ok(taken)
    })?;
    taken.map_err(|refused| match refused {
        Refused::Unknown(_) => Fault::NotFound,
        Refused::Closed(number) => {
            Fault::Conflict(phrase!("Yêu cầu số {number} đã đóng.", "Request {number} is closed already."))
        }
        Refused::NotErased(number) => Fault::Conflict(phrase!(
            "Yêu cầu số {number} là yêu cầu xóa: xóa người này ở trang của họ, việc ấy tự đóng yêu cầu.",
            "Request {number} asks for deletion: erase the person on their page, which closes it."
        )),
        Refused::Silent(number) => Fault::Conflict(phrase!(
            "Yêu cầu số {number} không (còn) chặn gửi gì.",
            "Request {number} silences nothing (any more)."
        )),
        Refused::Db(error) => Fault::Db(error),
    })?;
    visitor.flash(&done).await?;
    Ok(see_other(&format!("/requests/{number}")))
}

/// Takes a request in, and records it.
pub(super) async fn take_in_recorded(
    state: &Shared,
    visitor: &Visitor,
    new: &New<'_>,
    subject: &str,
    now: i64,
) -> Result<i64, Fault> {
    let parts = &state.parts;
    Ok(transaction!(parts.db, |tx| {
        let number = request::take_in_within(tx, &parts.seal, &parts.holidays, new, now).await?;
        let told = json!({ "request": number, "kind": new.kind.name() });
        audit::record(tx, &visitor.actor, "request.take_in", subject, None, Some(&told), now).await?;
        Ok(number)
    })?)
}

/// What can be asked, for a list of choices.
pub(super) fn kinds(lang: Lang) -> Vec<Json> {
    Kind::ALL.iter().map(|kind| json!({ "value": kind.name(), "label": kind_words(kind.name()).text(lang) })).collect()
}
