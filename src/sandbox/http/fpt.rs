//! FPT: a token first, bound to a `session_id`, then one text a request, in Base64. Tokens are told to live an hour; how long
//! they do is a knob. It sends no receipts.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{ConnectInfo, State},
    response::Response,
};
use base64::Engine as _;
use serde_json::{Value, json};

use super::{Line, answer, is_mobile, json as reply, text, unavailable};
use crate::sandbox::{
    Gateway,
    behaviour::Refusal,
    exchange::{Exchange, Submission, Verdict},
    parts::parts,
};

pub(super) async fn token(State(exchange): State<Arc<Exchange>>, body: Bytes) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(&body) else { return no(400, 1001, "invalid_request") };
    let session = text(&request, "session_id");
    if text(&request, "grant_type") != "client_credentials" || !text(&request, "scope").contains("send_brandname_otp") {
        return no(400, 1002, "unsupported grant or scope");
    }
    if session.is_empty() || !exchange.admits(Gateway::Fpt, &text(&request, "client_id"), &text(&request, "client_secret")) {
        return no(400, 1011, "invalid client");
    }
    let token = format!("{:x}.{session}", exchange.now().timestamp_millis());
    reply(200, &json!({ "access_token": token, "expires_in": 3600, "token_type": "Bearer", "scope": "send_brandname_otp" }))
}

pub(super) async fn send(State(exchange): State<Arc<Exchange>>, ConnectInfo(line): ConnectInfo<Line>, body: Bytes) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(&body) else { return no(400, 1001, "invalid_request") };
    let token = text(&request, "access_token");
    let (issued, session) = token.split_once('.').unwrap_or_default();
    let age = i64::from_str_radix(issued, 16).map_or(i64::MAX, |issued| exchange.now().timestamp_millis() - issued);
    let lives = i64::try_from(exchange.token_life().as_millis()).unwrap_or(i64::MAX);
    if session.is_empty() || session != text(&request, "session_id") || !(0..lives).contains(&age) {
        return no(401, 1013, "the access token is not valid any more");
    }
    let message = base64::engine::general_purpose::STANDARD.decode(text(&request, "Message")).ok();
    let (to, content) = (text(&request, "Phone"), message.and_then(|octets| String::from_utf8(octets).ok()).unwrap_or_default());
    if content.is_empty() || text(&request, "BrandName").is_empty() || !is_mobile(&to) {
        return no(400, 1004, "BrandName, Phone or Message");
    }
    let reference = text(&request, "RequestId");
    let message = Submission {
        gateway: Gateway::Fpt,
        to: &to,
        reference: Some(reference.as_str()).filter(|reference| !reference.is_empty()),
        text: &content,
        mail: None,
        parts: parts(&content),
        once: false,
    };
    match exchange.submit(message, |_, _| Vec::new()).await {
        Verdict::Taken(number) => {
            let id = Gateway::Fpt.id(number);
            reply(
                200,
                &json!({ "MessageId": id, "Phone": to, "BrandName": text(&request, "BrandName"), "PartnerId": "1", "Telco": "viettel" }),
            )
        }
        Verdict::Cut => line.cut(),
        Verdict::Repeat | Verdict::Broken => answer(500, "text/plain", "Internal Server Error".into()),
        Verdict::Refused(refusal) => match refusal {
            Refusal::NoSuchAddress | Refusal::Blocked => no(400, 1004, "Phone"),
            Refusal::Content => no(400, 1008, "the text matches no template"),
            Refusal::Funds => no(400, 1007, "quota"),
            Refusal::Later => unavailable(),
            Refusal::Throttled(_) => answer(429, "text/plain", "Too Many Requests".into()),
        },
    }
}

fn no(status: u16, error: u16, words: &str) -> Response {
    reply(status, &json!({ "error": error, "error_description": words }))
}
