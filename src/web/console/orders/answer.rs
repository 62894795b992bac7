//! `/orders/{identifier}/answer`: what an outlet answered on paper or by telephone, typed in with the paper it stands on.

use axum::{
    extract::{self, Path},
    http::StatusCode,
    response::Response,
};
use minijinja::{Value, context};

use super::{ACCEPT, Brought, brought, by, page_of, refused, seen, typed::Wrong};
use crate::{
    phrase,
    relay::{Happening, Order, Refusal, answer, sheet},
    user::Right,
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{Fields, Upload},
            visitor::{Visitor, see_other},
        },
    },
    words::Lang,
};

/// What can be answered, and its name in the form.
const ANSWERS: [(&str, Happening); 3] =
    [("acknowledge", Happening::Acknowledge), ("refuse", Happening::Refuse), ("begin", Happening::Begin)];

pub(super) async fn ask(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(identifier): Path<String>,
) -> Result<Response, Fault> {
    let order = seen(&state, &visitor, &identifier).await?;
    visitor.needs(Right::WriteOrders)?;
    Ok(page(&state, &visitor, &order, &Fields::default(), None, &Wrong::new()))
}

/// The errors of a form for the summary above it and beside its fields.
pub(super) fn errors(wrong: &Wrong, lang: Lang) -> (Vec<Value>, Value) {
    let text = |words: &crate::words::Phrase| words.capital().text(lang).to_string();
    let list = wrong.iter().map(|(field, words)| context! { field, text => text(words) }).collect();
    // The first word on a field stands beside it.
    let by_field: std::collections::BTreeMap<String, String> =
        wrong.iter().rev().map(|(field, words)| (field.clone(), text(words))).collect();
    (list, Value::from(by_field))
}

fn page(
    state: &Shared,
    visitor: &Visitor,
    order: &Order,
    fields: &Fields,
    document: Option<&Brought>,
    wrong: &Wrong,
) -> Response {
    let lang = visitor.lang;
    let label = |name: &str| match name {
        "acknowledge" => (lang.pick("Tiếp nhận", "Acknowledged"), lang.pick("đơn vị sẽ thực hiện", "they will do it")),
        "refuse" => (lang.pick("Từ chối", "Refused"), lang.pick("ghi lý do ở dưới", "say why below")),
        _ => (lang.pick("Đã bắt đầu thực hiện", "Begun"), lang.pick("chưa có số liệu", "no counts yet")),
    };
    let possible = ANSWERS.iter().filter(|(_, happening)| order.may(*happening).is_ok_and(|after| after != order.state));
    let answers: Vec<Value> = possible
        .map(|(name, _)| {
            let (label, why) = label(name);
            context! { value => *name, label, why }
        })
        .collect();
    let answered = || phrase!("đơn vị đã trả lời, chỉ còn báo cáo", "they have answered, and what is left is to report");
    let why_not = answers.is_empty().then(|| order.may(Happening::Acknowledge).map_or_else(Refusal::words, |_| answered()));
    let (list, by_field) = errors(wrong, lang);
    let status = if wrong.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let values = context! {
        page => page_of(order), identifier => &order.identifier, outlet => &order.outlet_title, state => order.state.label().text(lang),
        answers, why_not => why_not.map(|words| words.capital().text(lang).to_string()), accept => ACCEPT,
        answer => fields.get("answer"), note => fields.get("note"), check => fields.get("check"),
        brought => document.map(|document| context! { hash => &document.hash, name => &document.name }),
        errors => list, wrong => by_field,
    };
    state.view_as(status, visitor, "orders/answer", values)
}

pub(super) async fn take(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(identifier): Path<String>,
    upload: Upload,
) -> Result<Response, Fault> {
    let order = seen(&state, &visitor, &identifier).await?;
    visitor.needs(Right::WriteOrders)?;
    let (fields, mut wrong) = (&upload.fields, Wrong::new());
    let document = brought(&state, &visitor, &upload, &mut wrong).await?;
    let chosen = ANSWERS.iter().find(|(name, _)| *name == fields.get("answer"));
    if chosen.is_none() {
        wrong.push(("answer".into(), phrase!("chọn đơn vị đã trả lời thế nào", "say what they answered")));
    }
    let note = fields.get("note");
    if fields.get("answer") == "refuse" && note.is_empty() {
        wrong.push(("note".into(), phrase!("ghi lý do từ chối", "say why they refuse")));
    }
    wrong.extend(unlike(&order, fields.get("check")));
    if document.is_none() && !wrong.iter().any(|(field, _)| field == "document") {
        wrong.push(("document".into(), phrase!("đính kèm bản quét văn bản trả lời", "attach the scanned answer")));
    }
    let (Some((_, happening)), Some(Brought { hash, name }), true) = (chosen, &document, wrong.is_empty()) else {
        return Ok(page(&state, &visitor, &order, fields, document.as_ref(), &wrong));
    };
    let by = by(&state, &visitor);
    let done = answer::on_paper(&state.parts.db, order.id, *happening, note, (name, hash), &by).await?;
    done.map_err(refused)?;
    visitor.flash(&phrase!("Đã ghi câu trả lời của đơn vị.", "The outlet's answer is recorded.")).await?;
    Ok(see_other(&page_of(&order)))
}

/// A check value that was typed and is not this order's.
pub(super) fn unlike(order: &Order, typed: &str) -> Option<(String, crate::words::Phrase)> {
    (!typed.is_empty() && !sheet::is_check(order, typed)).then(|| {
        let why = phrase!(
            "không phải mã kiểm tra của yêu cầu này: phiếu có thể của yêu cầu khác, hoặc của bản đã được sửa đổi",
            "it is not the check value of this order: the paper may be of another, or of what an Update replaced"
        );
        ("check".to_string(), why)
    })
}
