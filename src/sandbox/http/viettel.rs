//! Viettel's SOAP service: operation `wsCpMt`, one text a request, `result` 1 or words. It sends no receipts.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{ConnectInfo, State},
    response::Response,
};

use super::{Line, answer, is_mobile, unavailable};
use crate::sandbox::{
    Gateway,
    behaviour::Refusal,
    exchange::{Exchange, Submission, Verdict},
    parts::parts,
};

pub(super) async fn send(State(exchange): State<Arc<Exchange>>, ConnectInfo(line): ConnectInfo<Line>, body: Bytes) -> Response {
    let Ok(request) = std::str::from_utf8(&body) else { return fault() };
    let namespace = request.contains("xmlns:impl=\"http://impl.bulkSms.ws/\"") && request.contains("<impl:wsCpMt>");
    let field = |name: &str| element(request, name).unwrap_or_default();
    let (to, content) = (field("ReceiverID"), field("Content"));
    if !namespace || field("CommandCode") != "bulksms" || field("UserID") != to {
        return fault();
    }
    if !exchange.admits(Gateway::Viettel, &field("User"), &field("Password")) || field("CPCode").is_empty() {
        return said("0", "Authenticate: CP_CODE_NOT_FOUND");
    }
    if field("ServiceID").is_empty() {
        return said("0", "Check alias: ALIAS_INVALID:TELCO=01");
    }
    // GSM texts only where the type says so: the carriers would otherwise show question marks.
    if field("ContentType") == "0" && !content.is_ascii() || !is_mobile(&to) {
        return said("0", "Check receiver: RECEIVER_INVALID");
    }
    let reference = field("RequestID");
    let message = Submission {
        gateway: Gateway::Viettel,
        to: &to,
        reference: Some(reference.as_str()).filter(|reference| !reference.is_empty()),
        text: &content,
        mail: None,
        parts: parts(&content),
        once: false,
    };
    match exchange.submit(message, |_, _| Vec::new()).await {
        Verdict::Taken(_) => said("1", "Insert MT_QUEUE: OK"),
        Verdict::Repeat => said("0", "DUPLICATE MESSAGE"),
        Verdict::Cut => line.cut(),
        Verdict::Broken => fault(),
        Verdict::Refused(refusal) => match refusal {
            Refusal::NoSuchAddress | Refusal::Blocked => said("0", "Check content: MSG_ERROR_CONTAIN_BLACKLIST"),
            Refusal::Content => said("0", "Check template: CONTENT_NOT_MATCH_TEMPLATE"),
            Refusal::Funds => said("0", "Check balance: NOT_ENOUGH"),
            Refusal::Later => unavailable(),
            Refusal::Throttled(_) => answer(429, "text/plain", "Too Many Requests".into()),
        },
    }
}

fn said(result: &str, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" ?><S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body><ns2:wsCpMtResponse \
         xmlns:ns2=\"http://impl.bulkSms.ws/\"><return><message>{message}</message><result>{result}</result></return>\
         </ns2:wsCpMtResponse></S:Body></S:Envelope>"
    );
    answer(200, "text/xml;charset=utf-8", body)
}

fn fault() -> Response {
    answer(500, "text/xml;charset=utf-8", "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"/>".into())
}

/// The text of an element without children, its entities resolved.
fn element(document: &str, name: &str) -> Option<String> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    Some(entities.iter().fold(text.to_owned(), |text, (entity, sign)| text.replace(entity, sign)))
}
