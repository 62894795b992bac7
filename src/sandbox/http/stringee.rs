//! Stringee: up to 100 texts a request, one result each and in order. The JWT is verified: its algorithm, its type, its time,
//! and its signature where credentials are expected. It sends no receipts.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{ConnectInfo, State},
    http::HeaderMap,
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Line, answer, is_mobile, json as reply, text, unavailable};
use crate::sandbox::{
    Gateway,
    behaviour::Refusal,
    exchange::{Exchange, Submission, Verdict},
    parts::parts,
};

/// Texts in one request.
const MOST: usize = 100;

pub(super) async fn send(
    State(exchange): State<Arc<Exchange>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let jwt = headers.get("x-stringee-auth").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !admits(&exchange, jwt).unwrap_or(false) {
        return reply(401, &json!({ "r": 401, "message": "X-STRINGEE-AUTH is not valid" }));
    }
    let request = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let Some(texts) = request["sms"].as_array().filter(|texts| (1..=MOST).contains(&texts.len())) else {
        return reply(400, &json!({ "r": 400, "message": "sms" }));
    };
    let (mut results, mut sent) = (Vec::new(), 0);
    for one in texts {
        let (from, to, content) = (text(one, "from"), text(one, "to"), text(one, "text"));
        if from.is_empty() || content.is_empty() || !is_mobile(&to) {
            results.push(json!({ "r": 2, "msg": "from, to or text" }));
            continue;
        }
        let message = Submission {
            gateway: Gateway::Stringee,
            to: &to,
            reference: None,
            text: &content,
            mail: None,
            parts: parts(&content),
            once: false,
        };
        results.push(match exchange.submit(message, |_, _| Vec::new()).await {
            Verdict::Taken(_) => {
                sent += 1;
                json!({ "r": 0, "price": "830", "smsType": 1 })
            }
            Verdict::Cut => return line.cut(),
            Verdict::Repeat | Verdict::Broken => return answer(500, "text/plain", "Internal Server Error".into()),
            Verdict::Refused(Refusal::NoSuchAddress | Refusal::Blocked) => {
                json!({ "r": 8, "msg": "the number cannot be reached" })
            }
            Verdict::Refused(Refusal::Content) => json!({ "r": 9, "msg": "the text is not allowed" }),
            Verdict::Refused(Refusal::Funds) => json!({ "r": 7, "msg": "not enough money" }),
            // What was taken before it is not told: the request is answered as a whole.
            Verdict::Refused(Refusal::Later) if sent == 0 => return unavailable(),
            Verdict::Refused(Refusal::Later | Refusal::Throttled(_)) => json!({ "r": 10, "msg": "busy" }),
        });
    }
    reply(200, &json!({ "smsSent": sent.to_string(), "result": results }))
}

/// Whether a JWT is what the documentation asks for.
fn admits(exchange: &Exchange, jwt: &str) -> Option<bool> {
    let (signed, signature) = jwt.rsplit_once('.')?;
    let (head, claims) = signed.split_once('.')?;
    let part = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let (head, claims) = (part(head)?, part(claims)?);
    let typed = head["alg"] == "HS256" && head["typ"] == "JWT" && head["cty"] == "stringee-api;v=1";
    let lives = claims["exp"].as_i64()? > exchange.now().timestamp() && claims["rest_api"] == true;
    let named = claims["iss"].as_str().filter(|sid| !sid.is_empty())?;
    let identified = claims["jti"].as_str()?.starts_with(named);
    let signed = match exchange.expected(Gateway::Stringee) {
        None => true,
        Some(expected) => {
            let mut mac = Hmac::<Sha256>::new_from_slice(expected.secret.as_bytes()).ok()?;
            mac.update(signed.as_bytes());
            expected.user == named && mac.verify_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).is_ok()
        }
    };
    Some(typed && lives && identified && signed)
}
