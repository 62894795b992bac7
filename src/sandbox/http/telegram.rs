//! Telegram's Bot API: `sendMessage` and `getMe`. Errors bear the status that they name. It sends no receipts.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{ConnectInfo, Path, State},
    http::{HeaderMap, header},
    response::Response,
};
use serde_json::{Value, json};

use super::{Form, Line, json as reply, seconds, text, unavailable};
use crate::sandbox::{
    Gateway,
    behaviour::Refusal,
    exchange::{Exchange, Submission, Verdict},
};

/// The longest text, in UTF-16 units after the entities were parsed; the stand-in parses none.
const LONGEST: usize = 4096;

pub(super) async fn send(
    State(exchange): State<Arc<Exchange>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(bot): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !admitted(&exchange, &bot) {
        return no(401, "Unauthorized");
    }
    let is_json = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let (chat, content) = if is_json {
        let Ok(request) = serde_json::from_slice::<Value>(&body) else { return no(400, "Bad Request: can't parse JSON object") };
        (text(&request, "chat_id"), text(&request, "text"))
    } else {
        let form = Form::of(&body);
        (form.get("chat_id").to_owned(), form.get("text").to_owned())
    };
    if chat.is_empty() {
        return no(400, "Bad Request: chat_id is empty");
    }
    if content.trim().is_empty() {
        return no(400, "Bad Request: message text is empty");
    }
    if content.encode_utf16().count() > LONGEST {
        return no(400, "Bad Request: message is too long");
    }
    let message =
        Submission { gateway: Gateway::Telegram, to: &chat, reference: None, text: &content, mail: None, parts: 1, once: false };
    match exchange.submit(message, |_, _| Vec::new()).await {
        Verdict::Taken(number) => {
            let id: Value = chat.parse::<i64>().map_or_else(|_| chat.clone().into(), Value::from);
            let result = json!({ "message_id": number, "date": exchange.now().timestamp(), "chat": { "id": id, "type": "private" }, "text": content });
            reply(200, &json!({ "ok": true, "result": result }))
        }
        Verdict::Cut => line.cut(),
        Verdict::Refused(Refusal::Later) => unavailable(),
        Verdict::Repeat | Verdict::Broken => no(500, "Internal Server Error"),
        Verdict::Refused(refusal) => match refusal {
            Refusal::NoSuchAddress => no(400, "Bad Request: chat not found"),
            Refusal::Content => no(400, "Bad Request: can't parse entities"),
            Refusal::Throttled(after) => {
                let after = seconds(after);
                let description = format!("Too Many Requests: retry after {after}");
                let body =
                    json!({ "ok": false, "error_code": 429, "description": description, "parameters": { "retry_after": after } });
                reply(429, &body)
            }
            Refusal::Blocked | Refusal::Funds | Refusal::Later => no(403, "Forbidden: bot was blocked by the user"),
        },
    }
}

pub(super) async fn about(State(exchange): State<Arc<Exchange>>, Path(bot): Path<String>) -> Response {
    if !admitted(&exchange, &bot) {
        return no(401, "Unauthorized");
    }
    reply(200, &json!({ "ok": true, "result": { "id": 1, "is_bot": true, "first_name": "Loa", "username": "loa_sandbox_bot" } }))
}

fn admitted(exchange: &Exchange, bot: &str) -> bool {
    bot.strip_prefix("bot").is_some_and(|token| exchange.admits(Gateway::Telegram, "", token))
}

fn no(status: u16, description: &str) -> Response {
    reply(status, &json!({ "ok": false, "error_code": status, "description": description }))
}
