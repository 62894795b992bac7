//! How answers, networks and settings are judged beyond the suite's classes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{TimeZone, Utc};
use providers::{
    About, Accepted, Channel, Chat, Content, Handle, Outgoing, Provider, Reason, Receipt, ReceiptState, Scope, SendError,
    StatusError,
    http::{BuildError, HttpGateway, Network},
};
use secrecy::SecretString;

use super::{
    gateway::{PHONE, SECRET, account, built_in, chat, loopback, parse, sms, surroundings},
    server::{Behaviour, Server},
};

/// What one message comes to when its gateway answers these bytes.
async fn judged(name: &str, bytes: &str) -> Result<Accepted, SendError> {
    let server = Server::start(Behaviour::Raw(bytes.as_bytes().to_vec())).await;
    let description = built_in(name);
    let message = if description.channel == Channel::Chat { chat("text") } else { sms("text") };
    account(description, &server.url(), loopback()).send(&[message]).await.remove(0)
}

fn http(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn ids_come_from_the_answer() {
    let esms = judged("esms", &http(200, "", r#"{"CodeResult":100,"SMSID":"e-1"}"#)).await;
    assert_eq!(esms.unwrap().ids, ["e-1"], "a code may also be a number");
    let telegram = judged("telegram", &http(200, "", r#"{"ok":true,"result":{"message_id":17}}"#)).await;
    assert_eq!(telegram.unwrap().ids, ["17"]);
    assert_eq!(judged("kannel", &http(202, "", "3: Queued for later delivery")).await.unwrap().ids, [""; 0]);
}

#[tokio::test]
async fn ids_of_parts_keep_their_order() {
    let text = r#"
title = "Parts"
channel = "sms"
[send]
form = { to = "{{ to }}", text = "{{ text }}" }
[[send.answer]]
when = "body.is is defined and headers['X-Kind'] == 'sms'"
then = "accepted"
id = "body.is"
"#;
    let bytes = http(200, "x-kind: sms\r\n", r#"{"is":["b",7,null,"a"]}"#).into_bytes();
    let server = Server::start(Behaviour::Raw(bytes)).await;
    let parts = account(parse("parts.toml", text), &server.url(), loopback()).send(&[sms("text")]).await.remove(0);
    assert_eq!(parts, Ok(Accepted { ids: vec!["b".into(), "7".into(), "a".into()] }));
}

#[tokio::test]
async fn what_no_index_holds_is_no_id() {
    let long = "x".repeat(3_000);
    let taken = judged("esms", &http(200, "", &format!(r#"{{"CodeResult":100,"SMSID":"{long}"}}"#))).await;
    assert_eq!(taken, Ok(Accepted::default()), "taken all the same");
}

#[tokio::test]
async fn words_hold_no_way_in_and_no_control_characters() {
    let secret = "p&ss w\u{f6}rd";
    let callback = "https://loa.example.vn/receipts/kannel/0123456789abcdef";
    let answer = "Refused\0: user=a&password=p%26ss%20w%C3%B6rd&dlr-url=https%3A%2F%2Floa.example.vn%2Freceipts%2Fkannel%2F0123456789abcdef,\u{1b}[31m \
                  p&ss w\u{f6}rd https://loa.example.vn/receipts/kannel/0123456789abcdef";
    let server = Server::start(Behaviour::Raw(http(403, "", answer).into_bytes())).await;
    let settings = BTreeMap::from([
        ("url".to_string(), server.url()),
        ("username".to_string(), "a".to_string()),
        ("sender".to_string(), "s".to_string()),
    ]);
    let secrets = BTreeMap::from([("password".to_string(), SecretString::from(secret))]);
    let gateway = HttpGateway::new(Arc::new(built_in("kannel")), settings, secrets, loopback(), surroundings()).unwrap();
    let said =
        gateway.send(&[Outgoing { callback: Some(callback.into()), ..sms("text") }]).await.remove(0).unwrap_err().to_string();
    for shown in ["p&ss", "p%26ss", "0123456789abcdef", "\0", "\u{1b}"] {
        assert!(!said.contains(shown), "{shown:?} in {said:?}");
    }
}

#[tokio::test]
async fn a_repeated_reference_was_taken() {
    let repeat = judged("esms", &http(200, "", r#"{"CodeResult":"124","ErrorMessage":"RequestId exists"}"#)).await;
    assert_eq!(repeat, Ok(Accepted::default()));
}

#[tokio::test]
async fn the_gateway_says_how_long_to_wait() {
    let after = |answer: Result<Accepted, SendError>| match answer {
        Err(SendError::Retry { after, scope: Scope::Account | Scope::Pace, reason: Reason::Quota, .. }) => after,
        other => panic!("{other:?}"),
    };
    let limited = after(judged("speedsms", &http(429, "X-Rate-Limit-Reset: 41\r\n", "")).await);
    assert_eq!(limited, Some(Duration::from_secs(41)));
    let flood = r#"{"ok":false,"error_code":429,"parameters":{"retry_after":7}}"#;
    assert_eq!(after(judged("telegram", &http(429, "", flood)).await), Some(Duration::from_secs(7)));
    let slow = r#"{"success":false,"error":"Error, too many requests. Please slow down. You must wait 23 seconds before trying this endpoint again. [error-too-many-requests]"}"#;
    assert_eq!(after(judged("rocketchat", &http(429, "", slow)).await), Some(Duration::from_secs(23)));
    assert_eq!(after(judged("rocketchat", &http(429, "", "{}")).await), None, "it does not say");
    // Nobody described eSMS's 429: HTTP's own header counts.
    assert_eq!(after(judged("esms", &http(429, "Retry-After: 30\r\n", "slow down")).await), Some(Duration::from_secs(30)));
    for nonsense in ["-1", "soon", "1764000000", "NaN", "inf"] {
        let header = format!("X-Rate-Limit-Reset: {nonsense}\r\n");
        assert_eq!(after(judged("speedsms", &http(429, &header, "")).await), None, "{nonsense}");
    }
}

#[tokio::test]
async fn what_no_rule_covers_is_in_doubt_unless_http_says_otherwise() {
    for status in [200, 204, 400, 409, 418, 500, 502, 503, 504] {
        let answer = judged("vnpt", &http(status, "", r#"{"RPLY":{"ERROR":"9"}}"#)).await;
        assert!(matches!(answer, Err(SendError::InDoubt { .. })), "{status}: {answer:?}");
    }
    for status in [301, 307, 401, 403, 404, 405, 407] {
        let answer = judged("vnpt", &http(status, "", "")).await;
        assert!(matches!(answer, Err(SendError::Misconfigured { .. })), "{status}: {answer:?}");
    }
    let maintenance = judged("vnpt", &http(503, "Retry-After: 120\r\n", "")).await;
    assert!(matches!(maintenance, Err(SendError::Retry { scope: Scope::Account, .. })), "{maintenance:?}");
}

#[tokio::test]
async fn a_gateways_words_are_scrubbed_and_cut() {
    let words = format!("bad {SECRET} for 84900000123,\\n0900000123 {PHONE} 900000123 and 0900000999 {}", "á".repeat(500));
    let body = format!(r#"{{"CodeResult":"108","ErrorMessage":"{words}"}}"#);
    let Err(SendError::Reject { detail, .. }) = judged("esms", &http(200, "", &body)).await else { panic!() };
    assert_eq!(detail.chars().count(), 200);
    let start: String = detail.chars().take(110).collect();
    insta::assert_snapshot!(start, @r#"
108: bad [hidden] for +8490*****23, +8490*****23 +8490*****23 +8490*****23 and 09******99 áááááááááááááááááááá
"#);
    for number in ["900000123", "0900000999", SECRET, "\n"] {
        assert!(!detail.contains(number), "{detail}");
    }
}

#[tokio::test]
async fn content_that_a_gateway_cannot_carry_never_leaves() {
    let server = Server::start(Behaviour::Answer(200, String::new())).await;
    let telegram = account(built_in("telegram"), &server.url(), loopback());
    let template = Outgoing { content: Content::Chat(Chat { template: Some("1".into()), ..Chat::default() }), ..chat("") };
    let answers = telegram.send(&[sms("text"), template]).await;
    assert!(matches!(answers[0], Err(SendError::Misconfigured { .. })), "{answers:?}");
    assert!(matches!(answers[1], Err(SendError::Reject { reason: Reason::Content, .. })), "{answers:?}");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn addresses_inside_are_refused_unless_allowed() {
    let build = |url: &str| {
        let settings = BTreeMap::from([("url".to_owned(), url.to_owned())]);
        let secrets = BTreeMap::from([("token".to_owned(), SecretString::from(SECRET))]);
        HttpGateway::new(Arc::new(built_in("telegram")), settings, secrets, Network::default(), surroundings())
    };
    for url in [
        "http://127.0.0.1",
        "http://127.1:80/x",
        "http://0x7f000001",
        "http://10.1.2.3",
        "http://192.168.0.1",
        "http://172.16.0.1",
        "http://169.254.169.254",
        "http://100.64.0.1",
        "http://0.0.0.0",
        "http://[::1]",
        "http://[::ffff:10.0.0.1]",
        "http://[fd00::1]",
        "http://[fe80::1]",
        "http://[64:ff9b::7f00:1]",
    ] {
        assert!(matches!(build(url), Err(BuildError::Url { .. })), "{url}");
    }
    assert!(build("https://203.162.4.190").is_ok());
    // A name that leads inside is caught when it is resolved.
    let server = Server::start(Behaviour::Answer(200, String::new())).await;
    let account = build(&format!("http://localhost:{}", server.address.port())).unwrap();
    let answer = account.send(&[chat("text")]).await.remove(0);
    assert!(matches!(&answer, Err(SendError::Misconfigured { detail }) if detail.contains("allow_private")), "{answer:?}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_proxy_takes_the_request_and_may_be_inside() {
    let proxy = Server::start(Behaviour::Answer(200, r#"{"CodeResult":"100"}"#.into())).await;
    let network = Network { allow_private: false, proxy: Some(proxy.url()), ..loopback() };
    assert!(!format!("{network:?}").contains("127.0.0.1"), "a proxy's address may hold a password");
    let answer = account(built_in("esms"), "http://sms.example.vn", network).send(&[sms("text")]).await.remove(0);
    assert!(answer.is_ok(), "{answer:?}");
    assert!(proxy.requests()[0].starts_with("POST http://sms.example.vn/MainService.svc/"), "{:?}", proxy.requests());
}

#[test]
fn settings_are_checked_by_name() {
    let build = |settings: &[&str], secrets: &[&str]| {
        let settings = settings.iter().map(|name| ((*name).to_owned(), "http://a.vn".to_owned())).collect();
        let secrets = secrets.iter().map(|name| ((*name).to_owned(), SecretString::from(SECRET))).collect();
        let error =
            HttpGateway::new(Arc::new(built_in("esms")), settings, secrets, Network::default(), surroundings()).unwrap_err();
        assert!(!format!("{error:?}").contains(SECRET));
        error.to_string()
    };
    let found = [
        build(&["sender"], &["api_key"]),
        build(&["sendr"], &["api_key", "secret_key"]),
        build(&["sender", "api_key"], &["secret_key"]),
    ];
    insta::assert_snapshot!(found.join("\n"), @r#"
the gateway esms needs `secret_key`: secret key from the eSMS console
the gateway esms has no setting `sendr`; did you mean `sender`?
`api_key` is a secret: give it as { env = "…" } or { file = "…" }
"#);
    let nowhere =
        HttpGateway::new(Arc::new(built_in("vnpt")), BTreeMap::new(), BTreeMap::new(), Network::default(), surroundings());
    assert!(matches!(nowhere, Err(BuildError::Missing { .. })), "{nowhere:?}");
}

#[test]
fn nothing_secret_is_printed() {
    let account = account(built_in("telegram"), "http://127.0.0.1:1", loopback());
    assert!(!format!("{account:?}").contains(SECRET));
}

#[tokio::test]
async fn a_test_signs_in_and_sends_nothing() {
    let body = r#"{"ok":true,"result":{"username":"loa_bot"}}"#;
    let server = Server::start(Behaviour::Answer(200, body.into())).await;
    let said = account(built_in("telegram"), &server.url(), loopback()).test().await;
    assert_eq!(said.unwrap(), "Telegram: @loa_bot");
    assert!(server.requests()[0].starts_with("GET /bothush-hush-7351/getMe "), "{:?}", server.requests());
    // A gateway without a described test is only reached for.
    let server = Server::start(Behaviour::Answer(404, String::new())).await;
    assert!(account(built_in("vnpt"), &server.url(), loopback()).test().await.unwrap().contains("reachable"));
    assert!(server.requests()[0].starts_with("HEAD / "));
}

#[tokio::test]
async fn a_status_query_answers_by_reference() {
    let text = r#"
title = "Asked"
channel = "sms"
[settings]
key = { about = "key", secret = true }
[send]
form = { to = "{{ to }}", text = "{{ text }}" }
[[send.answer]]
when = "status == 200"
then = "accepted"
[status]
path = "/status/{{ reference }}"
query = { key = "{{ key }}", id = "{{ id }}" }
code = "body.state"
[[status.answer]]
code = "D"
state = "delivered"
[[status.answer]]
code = "F"
state = "undelivered"
reason = "full"
"#;
    let handle =
        Handle { reference: "r1".into(), ids: vec!["g/1".into()], sent_at: Utc.with_ymd_and_hms(2026, 11, 1, 8, 0, 0).unwrap() };
    let ask = async |status, body: &str| {
        let server = Server::start(Behaviour::Answer(status, body.into())).await;
        let account = account(parse("asked.toml", text), &server.url(), loopback());
        assert!(account.can().status && account.can().receipts);
        let answer = account.status(std::slice::from_ref(&handle)).await;
        assert!(server.requests()[0].starts_with("GET /status/r1?key=hush-hush-7351&id=g%2F1 "), "{:?}", server.requests());
        answer
    };
    let receipt = Receipt {
        about: About::Reference("r1".into()),
        state: ReceiptState::Undelivered,
        reason: Some(Reason::Full),
        detail: r#"{"state":"F"}"#.into(),
        at: None,
    };
    assert_eq!(ask(200, r#"{"state":"F"}"#).await, Ok(vec![receipt]));
    assert_eq!(ask(200, r#"{"state":"?"}"#).await, Ok(Vec::new()));
    assert!(matches!(ask(500, "oops").await, Err(StatusError::Failed(_))));
    // A message that the gateway gave no id to cannot be asked about: the request would name nothing.
    let nameless = Handle { ids: Vec::new(), ..handle.clone() };
    let nowhere = account(parse("asked.toml", text), "http://127.0.0.1:1", loopback());
    assert_eq!(nowhere.status(&[nameless]).await, Ok(Vec::new()));
    let unasked = account(built_in("vnpt"), "http://127.0.0.1:1", loopback()).status(&[handle]).await;
    assert_eq!(unasked, Err(StatusError::Unsupported));
}
