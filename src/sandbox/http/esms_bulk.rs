//! eSMS, advertising: one text for 30 to 5,000 numbers, under one `SMSID`. No number gets a callback of its own; what became of
//! each is listed by `GetSmsReceiverStatus_get`, which also knows customer-care texts.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{ConnectInfo, RawQuery, State},
    response::Response,
};
use serde_json::{Value, json};

use super::{Form, Line, answer, is_mobile, json as reply, text, unavailable};
use crate::sandbox::{
    Gateway,
    behaviour::Refusal,
    exchange::{Exchange, Submission, Verdict},
    parts::parts,
};

/// Numbers in one request.
const FEWEST: usize = 30;
const MOST: usize = 5_000;

pub(super) async fn send(State(exchange): State<Arc<Exchange>>, ConnectInfo(line): ConnectInfo<Line>, body: Bytes) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return answer(400, "text/plain", "The request body is not JSON".into());
    };
    if !exchange.admits(Gateway::EsmsBulk, &text(&request, "ApiKey"), &text(&request, "SecretKey")) {
        return no("101", "Authorize Failed");
    }
    let content = text(&request, "Content");
    let phones: Vec<&str> = request["Phones"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if text(&request, "Brandname").is_empty() {
        return no("104", "Brand name code is not exist");
    }
    if text(&request, "SmsType") != "1" || content.is_empty() {
        return no("300", "SmsType");
    }
    if phones.len() < FEWEST {
        return no("107", "At least 30 numbers");
    }
    if phones.len() > MOST {
        return no("120", "Too many numbers");
    }
    if phones.iter().any(|phone| !is_mobile(phone)) {
        return no("108", "Phone number is not valid");
    }
    let id = Gateway::EsmsBulk.id(exchange.next_number());
    for phone in phones {
        let message = Submission {
            gateway: Gateway::EsmsBulk,
            to: phone,
            reference: None,
            text: &content,
            mail: None,
            parts: parts(&content),
            once: false,
        };
        let tell = |_, arrived| {
            exchange.tell(&id, phone, arrived);
            Vec::new()
        };
        match exchange.submit_under(Some(&id), message, tell).await {
            // Whatever is wrong with one number shows in the list only.
            Verdict::Taken(_) | Verdict::Repeat | Verdict::Refused(Refusal::NoSuchAddress | Refusal::Blocked) => {}
            Verdict::Cut => return line.cut(),
            Verdict::Broken => return answer(500, "text/plain", "Internal Server Error".into()),
            Verdict::Refused(Refusal::Content) => return no("146", "Content does not match any registered template"),
            Verdict::Refused(Refusal::Funds) => return no("103", "Balance is not enough"),
            Verdict::Refused(Refusal::Later) => return unavailable(),
            Verdict::Refused(Refusal::Throttled(_)) => return answer(429, "text/plain", "Too Many Requests".into()),
        }
    }
    reply(200, &json!({ "CodeResult": "100", "CountRegenerate": 0, "SMSID": id }))
}

/// What became of the numbers of an `SMSID`.
pub(super) async fn status(State(exchange): State<Arc<Exchange>>, RawQuery(query): RawQuery) -> Response {
    let query = Form::of(query.unwrap_or_default().as_bytes());
    let (key, secret) = (query.get("ApiKey"), query.get("SecretKey"));
    if !exchange.admits(Gateway::EsmsBulk, key, secret) && !exchange.admits(Gateway::Esms, key, secret) {
        return no("101", "Authorize Failed");
    }
    let Some(told) = exchange.told(query.get("RefId")) else { return no("105", "Not found") };
    let list: Vec<Value> = told
        .iter()
        .map(|(phone, arrived)| {
            json!({ "IsSent": true, "NetworkName": "Viettel", "Phone": phone, "Retry": 0, "SentResult": arrived })
        })
        .collect();
    reply(200, &json!({ "CodeResult": "100", "ReceiverList": list }))
}

/// A balance that nobody draws on.
pub(super) async fn balance(State(exchange): State<Arc<Exchange>>, body: Bytes) -> Response {
    let request = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let (key, secret) = (text(&request, "ApiKey"), text(&request, "SecretKey"));
    if exchange.admits(Gateway::EsmsBulk, &key, &secret) || exchange.admits(Gateway::Esms, &key, &secret) {
        return reply(200, &json!({ "Balance": 1_000_000, "CodeResponse": "100", "UserID": 1 }));
    }
    reply(200, &json!({ "Balance": 0, "CodeResponse": "101", "ErrorMessage": "Authorize Failed" }))
}

fn no(code: &str, message: &str) -> Response {
    reply(200, &json!({ "CodeResult": code, "CountRegenerate": 0, "ErrorMessage": message }))
}
