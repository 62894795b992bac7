//! eSMS, customer care messages. Every answer is HTTP 200 with a `CodeResult`, except what its front door refuses.
//!
//! A `RequestId` that was taken within 24 hours is answered with 124. The receipt is an unsigned GET.

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
    receipt::Call,
};

/// Đồng a part, for the receipt's `TotalPrice`.
const PRICE: u32 = 350;

pub(super) async fn send(State(exchange): State<Arc<Exchange>>, ConnectInfo(line): ConnectInfo<Line>, body: Bytes) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return answer(400, "text/plain", "The request body is not JSON".into());
    };
    if !exchange.admits(Gateway::Esms, &text(&request, "ApiKey"), &text(&request, "SecretKey")) {
        return no("101", "Authorize Failed");
    }
    let (phone, content, id) = (text(&request, "Phone"), text(&request, "Content"), text(&request, "RequestId"));
    if text(&request, "Brandname").is_empty() {
        return no("104", "Brand name code is not exist");
    }
    if !is_mobile(&phone) {
        return no("108", "Phone number is not valid");
    }
    if content.is_empty() || id.len() > 50 {
        return no("99", "Unknown error: Content or RequestId");
    }
    let callback = Some(text(&request, "CallbackUrl")).filter(|url| !url.is_empty());
    let callback = callback.or_else(|| exchange.receipts_to(Gateway::Esms));
    let count = parts(&content);
    let message = Submission {
        gateway: Gateway::Esms,
        to: &phone,
        reference: Some(id.as_str()).filter(|id| !id.is_empty()),
        text: &content,
        mail: None,
        parts: count,
        once: !id.is_empty(),
    };
    let receipts = |number, arrived| {
        exchange.tell(&Gateway::Esms.id(number), &phone, arrived);
        callback.and_then(|url| receipt(&url, number, &id, &phone, count, arrived)).into_iter().collect()
    };
    match exchange.submit(message, receipts).await {
        Verdict::Taken(number) => {
            reply(200, &json!({ "CodeResult": "100", "CountRegenerate": 0, "SMSID": Gateway::Esms.id(number) }))
        }
        Verdict::Repeat => no("124", "RequestId is existed"),
        Verdict::Cut => line.cut(),
        Verdict::Broken => answer(500, "text/plain", "Internal Server Error".into()),
        Verdict::Refused(refusal) => match refusal {
            // It has no word of its own for a number that refuses messages.
            Refusal::NoSuchAddress | Refusal::Blocked => no("108", "Phone number is not valid"),
            Refusal::Content => no("146", "Content does not match any registered template"),
            Refusal::Funds => no("103", "Balance is not enough"),
            Refusal::Later => unavailable(),
            Refusal::Throttled(_) => answer(429, "text/plain", "Too Many Requests".into()),
        },
    }
}

fn no(code: &str, message: &str) -> Response {
    reply(200, &json!({ "CodeResult": code, "CountRegenerate": 0, "ErrorMessage": message }))
}

fn receipt(url: &str, number: u64, id: &str, phone: &str, parts: u16, arrived: bool) -> Option<Call> {
    let (failed, succeeded) = if arrived { ("0", "1") } else { ("1", "0") };
    let price = (u32::from(parts) * PRICE).to_string();
    let fields = [
        ("SMSID", Gateway::Esms.id(number)),
        ("SendFailed", failed.into()),
        ("SendStatus", "5".into()),
        ("SendSuccess", succeeded.into()),
        ("TotalPrice", price),
        ("TotalReceiver", "1".into()),
        ("TotalSent", "1".into()),
        ("RequestId", id.into()),
        ("TypeId", "2".into()),
        ("telcoid", carrier(phone).to_string()),
        ("phonenumber", phone.into()),
    ];
    Some(Call { url: reqwest::Url::parse_with_params(url, fields).ok()?.into(), body: None, headers: Vec::new() })
}

/// eSMS's number of the carrier, guessed from the prefix.
fn carrier(phone: &str) -> u8 {
    let phone = phone.strip_prefix('+').unwrap_or(phone);
    let rest = phone.strip_prefix("84").or_else(|| phone.strip_prefix('0')).unwrap_or(phone);
    match rest.get(..2).unwrap_or_default() {
        "70" | "76" | "77" | "78" | "79" | "89" | "90" | "93" => 2,
        "81" | "82" | "83" | "84" | "85" | "88" | "91" | "94" => 3,
        "52" | "56" | "58" | "92" => 4,
        "59" | "99" => 5,
        "87" => 6,
        "55" => 7,
        _ => 1,
    }
}
