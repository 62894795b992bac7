//! SpeedSMS. It takes no reference; one `tranId` stands for all numbers of a request. Too many requests are answered with 429 and
//! `X-Rate-Limit-Reset`. Receipts are posted as JSON to the one address configured.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{ConnectInfo, State},
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use serde_json::{Value, json};

use super::{Line, answer, is_mobile, json as reply, seconds, unavailable};
use crate::sandbox::{
    Gateway,
    behaviour::Refusal,
    exchange::{Exchange, Submission, Verdict},
    parts::parts,
    receipt::Call,
};

/// Đồng a part.
const PRICE: u32 = 250;
/// Receipt codes: arrived, and one of those from 64 on that mean failure.
const ARRIVED: u8 = 0;
const FAILED: u8 = 65;

pub(super) async fn send(
    State(exchange): State<Arc<Exchange>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !token(&headers).is_some_and(|token| exchange.admits(Gateway::Speedsms, "", &token)) {
        return unauthorized();
    }
    let Ok(request) = serde_json::from_slice::<Value>(&body) else { return no("101", "Invalid or missing params") };
    let numbers: Vec<String> = match &request["to"] {
        Value::Array(list) => list.iter().filter_map(|to| to.as_str().map(str::to_owned)).collect(),
        Value::String(one) => vec![one.clone()],
        _ => Vec::new(),
    };
    let content = request["content"].as_str().unwrap_or_default();
    if numbers.is_empty() || content.is_empty() {
        return no("101", "Invalid or missing params");
    }
    let transaction = exchange.next_number();
    let id = Gateway::Speedsms.id(transaction);
    let (mut invalid, mut refused, mut sent) = (Vec::new(), None, 0);
    for to in numbers {
        if !is_mobile(&to) {
            invalid.push(to);
            continue;
        }
        let message = Submission {
            gateway: Gateway::Speedsms,
            to: &to,
            reference: None,
            text: content,
            mail: None,
            parts: parts(content),
            once: false,
        };
        let url = exchange.receipts_to(Gateway::Speedsms);
        let receipts = |_, arrived| url.map(|url| receipt(url, transaction, &to, arrived)).into_iter().collect();
        match exchange.submit_under(Some(&id), message, receipts).await {
            Verdict::Taken(_) => sent += 1,
            Verdict::Refused(Refusal::NoSuchAddress | Refusal::Blocked) => invalid.push(to),
            // What was taken before it is not told: the request is answered as a whole.
            Verdict::Refused(_) if sent > 0 => invalid.push(to),
            Verdict::Refused(refusal) => refused = Some(refusal),
            Verdict::Repeat | Verdict::Broken => return answer(500, "text/plain", "Internal Server Error".into()),
            Verdict::Cut => return line.cut(),
        }
    }
    match refused {
        _ if sent > 0 => {
            let messages = u32::from(parts(content)) * sent;
            let data =
                json!({ "tranId": transaction, "totalSMS": messages, "totalPrice": messages * PRICE, "invalidPhone": invalid });
            reply(200, &json!({ "status": "success", "code": "00", "data": data }))
        }
        Some(refusal) => refuse(refusal),
        None => no("105", "Phone number invalid"),
    }
}

fn refuse(refusal: Refusal) -> Response {
    match refusal {
        Refusal::NoSuchAddress | Refusal::Blocked => no("105", "Phone number invalid"),
        Refusal::Content => no("110", "Content is not supported"),
        Refusal::Funds => no("300", "Your account balance not enough to send sms"),
        Refusal::Later => unavailable(),
        Refusal::Throttled(after) => {
            let body = json!({ "name": "Too Many Requests", "message": "Rate limit exceeded.", "code": 0, "status": 429 });
            let mut response = reply(429, &body);
            response.headers_mut().insert("x-rate-limit-reset", HeaderValue::from(seconds(after)));
            response
        }
    }
}

fn no(code: &str, message: &str) -> Response {
    reply(200, &json!({ "status": "error", "code": code, "message": message }))
}

fn receipt(url: String, transaction: u64, phone: &str, arrived: bool) -> Call {
    let status = if arrived { ARRIVED } else { FAILED };
    let body = json!({ "type": "report", "tranId": transaction.to_string(), "phone": phone, "status": status });
    Call { url, body: Some(body.to_string()), headers: Vec::new() }
}

/// Whose account it is, and its balance in đồng.
pub(super) async fn about(State(exchange): State<Arc<Exchange>>, headers: HeaderMap) -> Response {
    if !token(&headers).is_some_and(|token| exchange.admits(Gateway::Speedsms, "", &token)) {
        return unauthorized();
    }
    reply(200, &json!({ "email": "so@example.com", "balance": 10_000_000, "currency": "VND" }))
}

fn unauthorized() -> Response {
    let message = "Your request was made with invalid credentials.";
    reply(401, &json!({ "name": "Unauthorized", "message": message, "code": 0, "status": 401 }))
}

/// The token of `Authorization: Basic base64(token:x)`.
fn token(headers: &HeaderMap) -> Option<String> {
    use base64::Engine as _;
    let basic = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let plain = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(basic).ok()?).ok()?;
    plain.split_once(':').map(|(token, _)| token.to_owned())
}
