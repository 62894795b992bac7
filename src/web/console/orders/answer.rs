//! `/orders/{identifier}/answer`: what an outlet answered on paper or by telephone, typed in with the paper it stands on.

use axum::{extract, response::Response};
use minijinja::{Value, context};

use super::{
    ACCEPT,
    brought::Brought,
    page_of, refused,
    seen::{Seen, Writer},
};
use crate::{
    phrase,
    relay::{Happening, Order, Refusal, answer, sheet},
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{Fields, Mistakes, Upload},
        },
    },
    words::Phrase,
};

/// What can be answered, and its name in the form.
const ANSWERS: [(&str, Happening); 3] =
    [("acknowledge", Happening::Acknowledge), ("refuse", Happening::Refuse), ("begin", Happening::Begin)];

pub(super) async fn ask(extract::State(State(state)): extract::State<State>, Writer(seen): Writer) -> Response {
    page(&state, &seen, &Fields::default(), None, &Mistakes::default())
}

fn page(state: &Shared, seen: &Seen, fields: &Fields, document: Option<&Brought>, wrong: &Mistakes) -> Response {
    let (order, lang) = (&seen.order, seen.visitor.lang);
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
    let values = context! {
        page => page_of(order), identifier => &order.identifier, outlet => &order.outlet_title, state => order.state.label().text(lang),
        answers, why_not => why_not.map(|words| words.capital().text(lang).to_string()), accept => ACCEPT,
        answer => fields.get("answer"), note => fields.get("note"), check => fields.get("check"),
        brought => document.map(|document| context! { hash => &document.hash, name => &document.name }),
        mistakes => wrong.list(lang), errors => wrong.by_field(lang),
    };
    state.view_as(wrong.status(), &seen.visitor, "orders/answer", values)
}

pub(super) async fn take(
    extract::State(State(state)): extract::State<State>,
    Writer(seen): Writer,
    upload: Upload,
) -> Result<Response, Fault> {
    let (fields, mut wrong) = (&upload.fields, Mistakes::default());
    let document = Brought::with(&state, &seen, &upload, &mut wrong).await?;
    let chosen = ANSWERS.iter().find(|(name, _)| *name == fields.get("answer"));
    if chosen.is_none() {
        wrong.add("answer", phrase!("chọn đơn vị đã trả lời thế nào", "say what they answered"));
    }
    let note = fields.get("note");
    if fields.get("answer") == "refuse" && note.is_empty() {
        wrong.add("note", phrase!("ghi lý do từ chối", "say why they refuse"));
    }
    wrong.extend(unlike(&seen.order, fields.get("check")));
    if document.is_none() && !wrong.has("document") {
        wrong.add("document", phrase!("đính kèm bản quét văn bản trả lời", "attach the scanned answer"));
    }
    let (Some((_, happening)), Some(Brought { hash, name }), true) = (chosen, &document, wrong.is_empty()) else {
        return Ok(page(&state, &seen, fields, document.as_ref(), &wrong));
    };
    let done = answer::on_paper(&state.parts.db, seen.order.id, *happening, note, (name, hash), &seen.by(&state)).await?;
    done.map_err(refused)?;
    seen.done(&phrase!("Đã ghi câu trả lời của đơn vị.", "The outlet's answer is recorded.")).await
}

/// A check value that was typed and is not this order's.
pub(super) fn unlike(order: &Order, typed: &str) -> Option<(&'static str, Phrase)> {
    (!typed.is_empty() && !sheet::is_check(order, typed)).then(|| {
        let why = phrase!(
            "không phải mã kiểm tra của yêu cầu này: phiếu có thể của yêu cầu khác, hoặc của bản đã được sửa đổi",
            "it is not the check value of this order: the paper may be of another, or of what an Update replaced"
        );
        ("check", why)
    })
}
