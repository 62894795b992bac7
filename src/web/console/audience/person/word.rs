//! What a person says, as an officer writes it down: what they agree to, what they refuse, and what they ask about their data.

use axum::{extract, response::Response};
use providers::Channel;
use serde_json::json;

use super::{again, dossier, find, subject};
use crate::{
    audit,
    consent::{
        self, Said, Scope,
        agreement::{self, Word},
    },
    phrase,
    request::{Kind, New, Subject},
    seal, transaction,
    user::Right,
    web::{
        State,
        console::{
            audience::{
                entry::{ahead, past, written},
                requests::take_in_recorded,
            },
            fault::Fault,
            form::Fields,
            visitor::{Visitor, see_other},
        },
    },
};

/// The `source` of what an officer records.
const OFFICER: &str = "officer";

pub(super) async fn agree(
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

pub(super) async fn refuse(
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

pub(super) async fn take_in(
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
