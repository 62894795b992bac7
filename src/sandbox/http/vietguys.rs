//! VietGuys: form fields in; with `json=1` an object out, else a bare number (an id, or a negative error). It sends no receipts.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{ConnectInfo, State},
    response::Response,
};
use serde_json::json;

use super::{Form, Line, answer, is_mobile, json as reply, unavailable};
use crate::sandbox::{
    Gateway,
    behaviour::Refusal,
    exchange::{Exchange, Submission, Verdict},
    parts::parts,
};

pub(super) async fn send(State(exchange): State<Arc<Exchange>>, ConnectInfo(line): ConnectInfo<Line>, body: Bytes) -> Response {
    let form = Form::of(&body);
    let as_json = form.get("json") == "1";
    let no = |code: i8, log: &str| {
        if as_json {
            reply(200, &json!({ "error": code, "msgid": "", "log": log }))
        } else {
            answer(200, "text/plain", code.to_string())
        }
    };
    let (to, text, id) = (form.get("phone"), form.get("sms"), form.get("bid"));
    if form.get("from").is_empty() || to.is_empty() || text.is_empty() {
        return no(-1, "missing parameter");
    }
    if !exchange.admits(Gateway::Vietguys, form.get("u"), form.get("pwd")) {
        return no(-3, "wrong user or password");
    }
    if !is_mobile(to) {
        return no(-10, "invalid phone number");
    }
    let message = Submission {
        gateway: Gateway::Vietguys,
        to,
        reference: Some(id).filter(|id| !id.is_empty()),
        text,
        mail: None,
        parts: parts(text),
        once: false,
    };
    match exchange.submit(message, |_, _| Vec::new()).await {
        Verdict::Taken(number) if as_json => reply(200, &json!({ "error": 0, "msgid": Gateway::Vietguys.id(number), "log": "" })),
        Verdict::Taken(number) => answer(200, "text/plain", Gateway::Vietguys.id(number)),
        Verdict::Cut => line.cut(),
        Verdict::Repeat | Verdict::Broken => answer(500, "text/plain", "Internal Server Error".into()),
        Verdict::Refused(refusal) => match refusal {
            Refusal::NoSuchAddress => no(-10, "invalid phone number"),
            Refusal::Blocked => no(-11, "the number refuses messages"),
            Refusal::Content => no(-15, "the text matches no template"),
            Refusal::Funds => no(-12, "not enough balance"),
            Refusal::Later => unavailable(),
            Refusal::Throttled(_) => answer(429, "text/plain", "Too Many Requests".into()),
        },
    }
}
