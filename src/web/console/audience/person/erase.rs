//! `/people/{id}/erase`: what is known of a person is erased, for a reason, by somebody who typed their reference once more.

use axum::{extract, http::StatusCode, response::Response};
use minijinja::context;
use serde_json::{Value as Json, json};

use super::{find, subject};
use crate::{
    audience::{erase::erase_within, who::Listed},
    audit, phrase, transaction,
    user::Right,
    web::{
        Shared, State,
        console::{
            audience::{entry::written, shown},
            fault::Fault,
            form::Fields,
            visitor::{Visitor, see_other},
        },
    },
    words::Phrase,
};

pub(super) async fn ask(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    extract::Path(id): extract::Path<i64>,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteAudience)?;
    let person = find(&state, &visitor, id).await?;
    Ok(page(&state, &visitor, &person, "", StatusCode::OK, &json!({})))
}

fn page(state: &Shared, visitor: &Visitor, person: &Listed, reason: &str, status: StatusCode, errors: &Json) -> Response {
    let values = context! { tab => "people", id => person.id, reference => &person.reference, reason, errors => shown(errors) };
    state.view_as(status, visitor, "people/erase", values)
}

/// Erases a person: the reference typed again, and a reason.
pub(super) async fn erase(
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
        return Ok(page(&state, &visitor, &person, &reason, StatusCode::UNPROCESSABLE_ENTITY, &errors));
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
