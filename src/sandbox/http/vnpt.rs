//! VNPT: one object `RQST` in, one object `RPLY` out, errors as numbers in it. It sends no receipts.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{ConnectInfo, State},
    response::Response,
};
use serde_json::{Value, json};

use super::{Line, answer, is_mobile, json as reply, text, unavailable};
use crate::sandbox::{
    Gateway,
    behaviour::Refusal,
    exchange::{Exchange, Submission, Verdict},
    parts::parts,
};

pub(super) async fn send(State(exchange): State<Arc<Exchange>>, ConnectInfo(line): ConnectInfo<Line>, body: Bytes) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(&body) else { return no("1", "Malformed request") };
    let request = &request["RQST"];
    if !exchange.admits(Gateway::Vnpt, &text(request, "APIUSER"), &text(request, "APIPASS")) {
        return no("3", "Wrong API user or password");
    }
    let id = text(request, "REQID");
    // The parameters fill a registered template in their order; what the stand-in knows of the text is what they say.
    let content = request["PARAMS"]
        .as_array()
        .map(|list| list.iter().map(|p| text(p, "CONTENT")).collect::<Vec<_>>().join(" "))
        .unwrap_or_default();
    let list = text(request, "MOBILELIST");
    if text(request, "name") != "send_sms_list" || id.is_empty() || list.is_empty() {
        return no("1", "Malformed request");
    }
    let (mut taken, mut refused) = (false, None);
    for to in list.split(',').map(str::trim) {
        if !is_mobile(to) {
            refused = Some(Refusal::NoSuchAddress);
            continue;
        }
        let message = Submission {
            gateway: Gateway::Vnpt,
            to,
            reference: Some(&id),
            text: &content,
            mail: None,
            parts: parts(&content),
            once: false,
        };
        match exchange.submit(message, |_, _| Vec::new()).await {
            Verdict::Taken(_) => taken = true,
            Verdict::Refused(refusal) => refused = Some(refusal),
            Verdict::Repeat | Verdict::Broken => return answer(500, "text/plain", "Internal Server Error".into()),
            Verdict::Cut => return line.cut(),
        }
    }
    match refused {
        _ if taken => reply(200, &json!({ "RPLY": { "name": "send_sms_list", "ERROR": "0", "ERROR_DESC": "success" } })),
        Some(Refusal::Blocked) => no("9", "The number refuses messages"),
        Some(Refusal::Content) => no("7", "The text matches no template"),
        Some(Refusal::Funds) => no("10", "The contract has no balance left"),
        Some(Refusal::Later) => unavailable(),
        Some(Refusal::Throttled(_)) => answer(429, "text/plain", "Too Many Requests".into()),
        Some(Refusal::NoSuchAddress) | None => no("8", "The number is not valid"),
    }
}

fn no(code: &str, description: &str) -> Response {
    reply(200, &json!({ "RPLY": { "name": "send_sms_list", "ERROR": code, "ERROR_DESC": description } }))
}
