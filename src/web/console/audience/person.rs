//! `/people`: somebody is found by an exact number, address, reference or name, and their page shows what is known, masked. Plain it is
//! shown to whoever asks for it by a form of its own, which is recorded; what was searched for never stands in an address of a page.

use axum::{
    Router, extract,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use chrono::NaiveDate;
use minijinja::context;
use providers::Channel;
use serde_json::{Value as Json, json};

use super::{Seen, shown};
use crate::{
    audience::{
        erase::erase_within,
        place::Places,
        who::{self, Listed},
    },
    audit,
    consent::{
        self, Said, Scope,
        agreement::{self, Word},
    },
    dossier::{self, Dossier},
    phrase,
    request::{
        self, Kind, New, Subject, deadline,
        label::{kind_words, state_words},
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
        download,
    },
    words::{Lang, Phrase},
};

/// The `source` of what an officer records.
const OFFICER: &str = "officer";
/// Messages that the page shows.
const MESSAGES: usize = 100;
/// The longest text that an officer writes down.
const LONGEST: usize = 500;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/people", get(ask).post(search))
        .route("/people/{id}", get(show))
        .route("/people/{id}/show", post(reveal))
        .route("/people/{id}/copy", post(copy))
        .route("/people/{id}/consent", post(agree))
        .route("/people/{id}/refusal", post(refuse))
        .route("/people/{id}/request", post(take_in))
        .route("/people/{id}/erase", get(ask_erase).post(erase))
}

/// What an officer wrote, without what draws on a page.
pub(super) fn written(fields: &Fields, name: &str) -> String {
    fields.get(name).chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect::<String>().trim().to_string()
}

async fn ask(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    visitor.needs(Right::ReadPerson)?;
    Ok(state.view(&visitor, "people/search", context! { tab => "people" }))
}

async fn search(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadPerson)?;
    let text = fields.get("who");
    let seen = Seen::by(&state, &visitor).await?;
    let found = who::find(&state.parts.db, &state.parts.seal, text, &seen.hidden()).await?;
    if let [one] = &found[..] {
        return Ok(see_other(&format!("/people/{}", one.id)));
    }
    let places = Places::built_in();
    let lines: Vec<Json> = found
        .iter()
        .map(|one| {
            json!({
                "id": one.id, "reference": one.reference, "source": one.source, "active": one.active,
                "name": one.name.as_deref().map(initials),
                "area": one.area.as_deref().and_then(|area| places.full_name(area)),
            })
        })
        .collect();
    let status = if found.is_empty() { StatusCode::NOT_FOUND } else { StatusCode::OK };
    // What was typed is shown again to whoever typed it, and to nobody else: this page is the answer to a form.
    let values = context! { tab => "people", searched => true, who => text, found => shown(&lines), more => found.len() > 50 };
    Ok(state.view_as(status, &visitor, "people/search", values))
}

fn initials(name: &str) -> String {
    let first = |word: &str| word.chars().next().map(|letter| format!("{letter}."));
    name.split_whitespace().filter_map(first).collect::<Vec<_>>().join(" ")
}

/// The person of a number, if the visitor sees whoever is on their list.
async fn find(state: &Shared, visitor: &Visitor, id: i64) -> Result<Listed, Fault> {
    visitor.needs(Right::ReadPerson)?;
    let seen = Seen::by(state, visitor).await?;
    let person = who::number(&state.parts.db, id).await?.ok_or(Fault::NotFound)?;
    seen.list(&person.source)?;
    Ok(person)
}

async fn dossier(state: &Shared, person: &Listed) -> Result<Dossier, Fault> {
    dossier::find(&state.parts.db, &state.parts.seal, &person.reference).await?.ok_or(Fault::NotFound)
}

fn subject(id: i64) -> String {
    format!("person:{id}")
}

async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
) -> Result<Response, Fault> {
    let person = find(&state, &visitor, id).await?;
    let dossier = dossier(&state, &person).await?.veiled();
    Ok(page(&state, &visitor, &person, &dossier, false, None))
}

async fn reveal(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
    _: Fields,
) -> Result<Response, Fault> {
    let person = find(&state, &visitor, id).await?;
    let dossier = dossier(&state, &person).await?;
    record(&state, &visitor, "person.show", id, None).await?;
    Ok(page(&state, &visitor, &person, &dossier, true, None))
}

async fn record(state: &Shared, visitor: &Visitor, action: &str, id: i64, after: Option<&Json>) -> Result<(), Fault> {
    let now = state.parts.clock.millis();
    transaction!(state.parts.db, |tx| audit::record(tx, &visitor.actor, action, &subject(id), None, after, now).await)?;
    Ok(())
}

/// A form that is to be mended: what is wrong, and what was typed.
struct Wrong<'a> {
    field: &'a str,
    words: &'a Phrase,
    typed: &'a Fields,
}

fn page(
    state: &Shared,
    visitor: &Visitor,
    person: &Listed,
    dossier: &Dossier,
    plain: bool,
    wrong: Option<&Wrong<'_>>,
) -> Response {
    let lang = visitor.lang;
    let mut told = serde_json::to_value(dossier).unwrap_or_default();
    let messages = dossier.messages.len();
    if let Some(list) = told["messages"].as_array_mut() {
        list.truncate(MESSAGES);
    }
    for request in told["requests"].as_array_mut().into_iter().flatten() {
        let label = |words: Phrase| Json::from(words.text(lang));
        request["kind_label"] = label(kind_words(request["kind"].as_str().unwrap_or_default()));
        request["state_label"] = label(state_words(request["state"].as_str().unwrap_or_default()));
    }
    let kinds = kinds(lang);
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let errors: serde_json::Map<_, _> =
        wrong.iter().map(|wrong| (wrong.field.to_string(), Json::from(wrong.words.text(lang)))).collect();
    let mistakes: Vec<Json> = wrong.iter().map(|wrong| json!({ "field": wrong.field, "text": wrong.words.text(lang) })).collect();
    let typed: serde_json::Map<_, _> =
        wrong.iter().flat_map(|wrong| wrong.typed.iter()).map(|(name, value)| (name.to_string(), Json::from(value))).collect();
    let channels: Vec<String> = wrong.iter().flat_map(|wrong| wrong.typed.all("channel")).map(str::to_string).collect();
    let values = context! {
        tab => "people",
        id => person.id,
        plain,
        person => shown(&told["person"]),
        groups => shown(&told["groups"]),
        consents => shown(&told["consents"]),
        refusals => shown(&told["refusals"]),
        lists => shown(&told["lists"]),
        suppressions => shown(&told["suppressions"]),
        messages => shown(&told["messages"]),
        all_messages => messages,
        replies => shown(&told["replies"]),
        requests => shown(&told["requests"]),
        kinds => shown(&kinds),
        errors => shown(&errors),
        mistakes => shown(&mistakes),
        typed => shown(&typed),
        channels => shown(&channels),
        may_write => visitor.can(Right::WriteAudience),
    };
    state.view_as(status, visitor, "people/person", values)
}

/// The page again, with what is wrong with a form of it, and what was typed into that.
async fn again(
    state: &Shared,
    visitor: &Visitor,
    person: &Listed,
    typed: &Fields,
    field: &str,
    words: &Phrase,
) -> Result<Response, Fault> {
    let dossier = dossier(state, person).await?.veiled();
    Ok(page(state, visitor, person, &dossier, false, Some(&Wrong { field, words, typed })))
}

/// The copy that a person is entitled to, as a file.
async fn copy(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
    _: Fields,
) -> Result<Response, Fault> {
    let person = find(&state, &visitor, id).await?;
    let dossier = dossier(&state, &person).await?;
    let text = serde_json::to_string_pretty(&dossier).map_err(anyhow::Error::from)?;
    record(&state, &visitor, "person.copy", id, None).await?;
    Ok(download::file("application/json", &format!("ban-sao-{id}.json"), text))
}

/// A day of a form; of an empty field, none.
pub(super) fn day(text: &str) -> Result<Option<NaiveDate>, Phrase> {
    if text.is_empty() {
        return Ok(None);
    }
    let read = ["%Y-%m-%d", "%d/%m/%Y"].into_iter().find_map(|format| NaiveDate::parse_from_str(text, format).ok());
    read.map(Some).ok_or_else(|| phrase!("Ghi ngày dạng 31/12/2026", "Write a day as 31/12/2026"))
}

/// The end of a day that somebody gave for something to come.
pub(super) fn ahead(text: &str, now: i64) -> Result<Option<i64>, Phrase> {
    let end = day(text)?.map(deadline::end_of);
    if end.is_some_and(|end| end <= now) {
        return Err(phrase!("Ngày kết thúc đã qua", "The last day is over already"));
    }
    Ok(end)
}

/// The beginning of a day that somebody gave for something past; now for today.
pub(super) fn past(text: &str, now: i64) -> Result<i64, Phrase> {
    let today = deadline::last_day(now + 1);
    match day(text)? {
        Some(at) if at > today => Err(phrase!("Ngày này chưa đến", "That day is still to come")),
        Some(at) if at < today => Ok(at.pred_opt().map_or(now, deadline::end_of)),
        _ => Ok(now),
    }
}

async fn agree(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let person = find(&state, &visitor, id).await?;
    let now = state.parts.clock.millis();
    let channels: Vec<Channel> =
        Channel::ALL.into_iter().filter(|channel| fields.all("channel").any(|name| name == channel.name())).collect();
    let given = fields.get("given") != "withdrawn";
    let (basis, source, wording) = (written(&fields, "basis"), written(&fields, "source"), written(&fields, "wording"));
    let nothing = phrase!("Chọn ít nhất một kênh", "Choose at least one channel");
    let unsourced = phrase!("Ghi nguồn: phiếu, quầy tiếp dân, trang đăng ký…", "Write where it is: a form, a counter, a page…");
    let at = match past(fields.get("at"), now) {
        Ok(at) => at,
        Err(words) => return again(&state, &visitor, &person, &fields, "at", &words).await,
    };
    if channels.is_empty() {
        return again(&state, &visitor, &person, &fields, "channel", &nothing).await;
    }
    if given && source.is_empty() {
        return again(&state, &visitor, &person, &fields, "source", &unsourced).await;
    }
    let word = Word {
        given,
        basis: if !given {
            ""
        } else if basis.is_empty() {
            "consent"
        } else {
            &basis
        },
        source: if source.is_empty() { OFFICER } else { &source },
        wording: &wording,
        at,
        by: &visitor.user.name,
    };
    let names: Vec<&str> = channels.iter().map(|channel| channel.name()).collect();
    let told = json!({ "channels": names, "given": given, "basis": word.basis });
    transaction!(state.parts.db, |tx| {
        for channel in &channels {
            agreement::record(tx, id, *channel, word, now).await?;
        }
        audit::record(tx, &visitor.actor, "person.consent", &subject(id), None, Some(&told), now).await
    })?;
    visitor.flash(&phrase!("Đã ghi lại.", "It is written down.")).await?;
    Ok(see_other(&format!("/people/{id}")))
}

async fn refuse(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let person = find(&state, &visitor, id).await?;
    let now = state.parts.clock.millis();
    let known = dossier(&state, &person).await?.person;
    let Some(channel) = Channel::ALL.into_iter().find(|channel| channel.name() == fields.get("refusal_channel")) else {
        let words = phrase!("Chọn một kênh", "Choose a channel");
        return again(&state, &visitor, &person, &fields, "refusal_channel", &words).await;
    };
    let plain = match channel {
        Channel::Sms => known.phone,
        Channel::Email => known.email,
        Channel::Chat => known.chat,
    };
    let Some(plain) = plain else {
        let words = phrase!("Người này không có địa chỉ trên kênh ấy", "This person has no address on that channel");
        return again(&state, &visitor, &person, &fields, "refusal_channel", &words).await;
    };
    let hash = state.parts.seal.hash(seal::Kind::of(channel), &plain);
    let until = match ahead(fields.get("until"), now) {
        Ok(until) => until,
        Err(words) => return again(&state, &visitor, &person, &fields, "until", &words).await,
    };
    let scope = Scope::from_name(fields.get("scope"));
    // Taking back is said in as many words: nothing lifts a refusal by being left out.
    if scope.is_none() && fields.get("scope") != "none" {
        let words = phrase!("Chọn điều người ấy muốn", "Choose what they want");
        return again(&state, &visitor, &person, &fields, "scope", &words).await;
    }
    let wording = written(&fields, "refusal_wording");
    let said = Said { source: OFFICER, wording: &wording, at: now };
    let told = json!({ "channel": channel.name(), "scope": scope.map(Scope::name), "until": until });
    transaction!(state.parts.db, |tx| {
        match (scope, until) {
            (Some(scope), Some(until)) => consent::pause(tx, channel, hash, scope, until, said).await?,
            (Some(scope), None) => consent::refuse(tx, channel, hash, scope, said).await?,
            (None, _) => consent::take_back(tx, channel, hash, said).await?,
        };
        audit::record(tx, &visitor.actor, "person.refusal", &subject(id), None, Some(&told), now).await
    })?;
    let words = if scope.is_some() {
        phrase!("Đã ghi lời từ chối; có hiệu lực ngay.", "The refusal is written down and holds at once.")
    } else {
        phrase!("Đã ghi: nhận tin trở lại.", "It is written down: messages come again.")
    };
    visitor.flash(&words).await?;
    Ok(see_other(&format!("/people/{id}")))
}

async fn take_in(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let person = find(&state, &visitor, id).await?;
    let Some(kind) = Kind::from_name(fields.get("kind")) else {
        let words = phrase!("Chọn loại yêu cầu", "Choose what is asked");
        return again(&state, &visitor, &person, &fields, "kind", &words).await;
    };
    let now = state.parts.clock.millis();
    let (received_at, until) = match (past(fields.get("received"), now), ahead(fields.get("request_until"), now)) {
        (Ok(received), Ok(until)) => (received, until.filter(|_| kind.silences())),
        (Err(words), _) => return again(&state, &visitor, &person, &fields, "received", &words).await,
        (_, Err(words)) => return again(&state, &visitor, &person, &fields, "request_until", &words).await,
    };
    let note = written(&fields, "note");
    let new = New { kind, subject: Subject::Person(id), until, received_at, by: &visitor.user.name, note: &note };
    let number = take_in_recorded(&state, &visitor, &new, &subject(id), now).await?;
    visitor.flash(&phrase!("Đã tiếp nhận yêu cầu số {number}.", "Request {number} is taken in.")).await?;
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

async fn ask_erase(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let person = find(&state, &visitor, id).await?;
    Ok(erase_page(&state, &visitor, &person, "", StatusCode::OK, &json!({})))
}

fn erase_page(state: &Shared, visitor: &Visitor, person: &Listed, reason: &str, status: StatusCode, errors: &Json) -> Response {
    let values = context! { tab => "people", id => person.id, reference => &person.reference, reason, errors => shown(errors) };
    state.view_as(status, visitor, "people/erase", values)
}

/// Erases a person: the reference typed again, and a reason.
async fn erase(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let person = find(&state, &visitor, id).await?;
    let (typed, reason) = (fields.get("confirm"), written(&fields, "reason"));
    let lang = visitor.lang;
    let mut errors = serde_json::Map::new();
    let mut tell = |field: &str, words: Phrase| errors.insert(field.to_string(), Json::from(words.text(lang)));
    if typed != person.reference {
        tell("confirm", phrase!("Gõ lại đúng mã người nhận để xác nhận", "Type the reference once more to confirm"));
    }
    if reason.is_empty() {
        tell("reason", phrase!("Ghi lý do xóa", "Write why"));
    }
    if !errors.is_empty() {
        let errors = Json::Object(errors);
        return Ok(erase_page(&state, &visitor, &person, &reason, StatusCode::UNPROCESSABLE_ENTITY, &errors));
    }
    let now = state.parts.clock.millis();
    let erased = transaction!(state.parts.db, |tx| {
        let Some(erased) = erase_within(tx, &person.reference, &visitor.user.name, now).await? else { return Ok(None) };
        // The reason is the officer's; the reference goes with the person.
        let told = json!({ "reason": reason, "requests": erased.requests, "under_way": erased.under_way });
        audit::record(tx, &visitor.actor, "person.erase", &subject(id), None, Some(&told), now).await?;
        Ok(Some(erased))
    })?
    .ok_or(Fault::NotFound)?;
    let mut words = phrase!(
        "Đã xóa dữ liệu cá nhân; số liệu tổng hợp giữ nguyên. Nhớ xóa người này cả trong danh sách gốc.",
        "The personal data are erased; counts stand. Take this person out of the original list as well."
    );
    let closed = erased.requests;
    if closed > 0 {
        words = words.then(&phrase!("Đã đóng {closed} yêu cầu của người này.", "Closed {closed} request(s) of this person."));
    }
    if erased.under_way {
        words = words.then(&phrase!(
            "Dấu vết cuối trong đợt gửi đang chạy được xóa khi đợt ấy kết thúc.",
            "The last traces in a run under way go when it is over."
        ));
    }
    visitor.flash(&words).await?;
    Ok(see_other("/people"))
}

/// A label in the reader's language, for lists of choices.
pub(super) fn kinds(lang: Lang) -> Vec<Json> {
    Kind::ALL.iter().map(|kind| json!({ "value": kind.name(), "label": kind_words(kind.name()).text(lang) })).collect()
}
