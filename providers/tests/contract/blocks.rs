//! The blocks that descriptions are made of: tokens, signatures, batches with an outcome for each recipient, lists of
//! states, balances.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use base64::Engine as _;
use chrono::DateTime;
use hmac::{Hmac, KeyInit as _, Mac as _};
use providers::{
    About, Accepted, Address, Callback, CallbackError, Content, Event, Handle, Outgoing, Provider, Reason, Scope, SendError, Sms,
    http::{HttpGateway, Surroundings},
    text::Encoding,
};
use secrecy::SecretString;
use sha2::Sha256;

use super::{
    gateway::{PHONE, SECRET, account, built_in, loopback, parse, sms, surroundings},
    server::{Behaviour, Server},
};

fn to(phone: &str, reference: &str, text: &str) -> Outgoing {
    Outgoing {
        reference: reference.into(),
        to: Address::new(phone),
        content: Content::Sms(Sms { text: text.into(), encoding: Encoding::Gsm, parts: 1 }),
        expires: None,
        callback: None,
    }
}

fn body(request: &str) -> serde_json::Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// FPT's two end points: tokens `t1`, `t2`, … of which only the latest is good.
fn fpt(request: &str, before: usize) -> (u16, String) {
    if request.contains("/oauth2/token") {
        return (200, format!(r#"{{"access_token":"token-number-{before}","expires_in":86400,"token_type":"Bearer"}}"#));
    }
    (200, r#"{"MessageId":"m-1","Telco":"viettel","PartnerId":"p"}"#.into())
}

#[tokio::test]
async fn however_many_wait_one_token_is_fetched() {
    let server = Server::start(Behaviour::Script(fpt)).await;
    let gateway = Arc::new(account(built_in("fpt"), &server.url(), loopback()));
    let sends = (0..30).map(|n| {
        let (gateway, message) = (Arc::clone(&gateway), to(PHONE, &format!("r{n}"), "Chao"));
        tokio::spawn(async move { gateway.send(&[message]).await.remove(0) })
    });
    for send in futures::future::join_all(sends).await {
        assert_eq!(send.unwrap(), Ok(Accepted { ids: vec!["m-1".into()] }));
    }
    let requests = server.requests();
    assert_eq!(requests.iter().filter(|request| request.contains("/oauth2/token")).count(), 1);
    assert_eq!(requests.len(), 31);
    let token = body(requests.iter().find(|request| request.contains("/oauth2/token")).unwrap());
    assert_eq!(
        token.to_string(),
        format!(
            r#"{{"grant_type":"client_credentials","client_id":"client-id-1","client_secret":"{SECRET}","scope":"send_brandname_otp send_brandname","session_id":"loa"}}"#
        )
    );
    let sent = body(requests.iter().find(|request| request.contains("push-brandname-otp")).unwrap());
    assert_eq!(sent["access_token"], "token-number-0");
    assert_eq!((&sent["Phone"], &sent["Message"]), (&"84900000123".into(), &"Q2hhbw==".into()));
}

#[tokio::test]
async fn a_token_is_renewed_in_time_and_when_it_is_called_expired() {
    static NOW: AtomicI64 = AtomicI64::new(1_800_000_000);
    let at =
        Surroundings { now: Arc::new(|| DateTime::from_timestamp(NOW.load(Ordering::SeqCst), 0).unwrap()), ..surroundings() };
    // The third request, a send, is told that its token has expired.
    let server = Server::start(Behaviour::Script(|request, before| match before {
        2 => (200, r#"{"error":1013,"error_description":"expired: token-number-0"}"#.into()),
        _ => fpt(request, before),
    }))
    .await;
    let settings = [("url", server.url()), ("client_id", "c".into()), ("sender", "SO".into())];
    let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let secrets = [("client_secret".to_owned(), SecretString::from(SECRET))].into();
    let gateway = HttpGateway::new(Arc::new(built_in("fpt")), settings, secrets, loopback(), at).unwrap();
    let tokens = || server.requests().iter().filter(|request| request.contains("/oauth2/token")).count();
    assert!(gateway.send(&[sms("a")]).await[0].is_ok());
    assert!(gateway.send(&[sms("b")]).await[0].is_ok(), "sent again with a fresh token");
    assert_eq!((tokens(), server.requests().len()), (2, 5));
    NOW.fetch_add(86_400 - 121, Ordering::SeqCst);
    assert!(gateway.send(&[sms("c")]).await[0].is_ok());
    assert_eq!(tokens(), 2, "two minutes before its end it is still good");
    NOW.fetch_add(2, Ordering::SeqCst);
    assert!(gateway.send(&[sms("d")]).await[0].is_ok());
    assert_eq!(tokens(), 3, "renewed early");
}

#[tokio::test]
async fn what_keeps_a_token_from_coming_is_no_fault_of_the_message() {
    let refused = |_: &str, _: usize| (400_u16, format!(r#"{{"error":1011,"error_description":"client_secret {SECRET}"}}"#));
    let always = |request: &str, before: usize| -> (u16, String) {
        if request.contains("/oauth2/token") {
            return fpt(request, before);
        }
        (200, r#"{"error":1013,"error_description":"token-number-0"}"#.into())
    };
    let broken = |_: &str, _: usize| (200_u16, "<html>".into());
    for (script, expected) in
        [(refused as fn(&str, usize) -> (u16, String), None), (always, Some(Reason::Other)), (broken, Some(Reason::Unreachable))]
    {
        let server = Server::start(Behaviour::Script(script)).await;
        let error = account(built_in("fpt"), &server.url(), loopback()).send(&[sms("a")]).await.remove(0).unwrap_err();
        match (&error, expected) {
            (SendError::Misconfigured { .. }, None) => {}
            (SendError::Retry { scope: Scope::Account, reason, .. }, Some(expected)) => assert_eq!(*reason, expected),
            other => panic!("{other:?}"),
        }
        let printed = format!("{error:?}");
        assert!(!printed.contains(SECRET) && !printed.contains("token-number"), "{printed}");
    }
    let server = Server::start(Behaviour::Silent).await;
    let network = providers::http::Network { timeout: std::time::Duration::from_millis(300), ..loopback() };
    let gateway = Arc::new(account(built_in("fpt"), &server.url(), network));
    let sends = (0..20).map(|_| {
        let gateway = Arc::clone(&gateway);
        tokio::spawn(async move { gateway.send(&[sms("a")]).await.remove(0) })
    });
    for send in futures::future::join_all(sends).await {
        assert!(matches!(send.unwrap(), Err(SendError::Retry { scope: Scope::Account, reason: Reason::Unreachable, .. })));
    }
    assert!(server.requests().len() < 20, "those who waited got what the one who tried got");
}

#[tokio::test]
async fn stringee_signs_and_judges_each_text() {
    let script = |request: &str, _| {
        let texts = body(request)["sms"].as_array().unwrap().len();
        let results: Vec<String> = (0..texts)
            .map(|at| if at == 1 { r#"{"r":8,"msg":"no route for 84900000002"}"#.into() } else { r#"{"r":0}"#.to_owned() })
            .collect();
        (200, format!(r#"{{"smsSent":"{}","result":[{}]}}"#, texts - 1, results.join(",")))
    };
    let server = Server::start(Behaviour::Script(script)).await;
    let gateway = account(built_in("stringee"), &server.url(), loopback());
    let batch = [to("+84900000001", "r1", "one"), to("+84900000002", "r2", "two"), to("+84900000003", "r3", "three")];
    let judged = gateway.send(&batch).await;
    assert!(judged[0].is_ok() && judged[2].is_ok(), "{judged:?}");
    let Err(SendError::Reject { detail, .. }) = &judged[1] else { panic!("{judged:?}") };
    assert_eq!(detail, "8: no route for 84*******02");

    let request = server.requests().remove(0);
    assert_eq!(
        body(&request).to_string(),
        r#"{"sms":[{"from":"sender-1","to":"84900000001","text":"one"},{"from":"sender-1","to":"84900000002","text":"two"},{"from":"sender-1","to":"84900000003","text":"three"}]}"#
    );
    let jwt = request.lines().find_map(|line| line.strip_prefix("x-stringee-auth: ")).unwrap();
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let base64 = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    mac.verify_slice(&base64.decode(signature).unwrap()).unwrap();
    let part = |part: &str| serde_json::from_slice::<serde_json::Value>(&base64.decode(part).unwrap()).unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    assert_eq!(part(head), serde_json::json!({ "typ": "JWT", "alg": "HS256", "cty": "stringee-api;v=1" }));
    let claims = part(claims);
    assert_eq!((&claims["iss"], &claims["rest_api"]), (&"sid-1".into(), &true.into()));
    assert_eq!(claims["exp"], 1_793_581_200 + 3600);
}

#[tokio::test]
async fn an_answer_that_says_yes_and_no_of_one_recipient_is_in_doubt() {
    fn answer(first: bool) -> (u16, String) {
        let items = format!(r#"{{"to":"0900000001","ok":{first}}},{{"to":"0900000001","ok":{}}}"#, !first);
        (200, format!(r#"{{"status":"success","code":"00","data":{{"tranId":9,"invalidPhone":[{items}]}}}}"#))
    }
    let (_, text) = providers::gateways::built_in().iter().find(|(name, _)| *name == "speedsms").unwrap();
    let text = text.replace("\"item|string\"", "\"item.to|string\"").replace(
        "[[send.results.answer]]\nwhen   = \"true\"",
        "[[send.results.answer]]\nwhen = \"item.ok\"\nthen = \"accepted\"\n\n[[send.results.answer]]\nwhen   = \"true\"",
    );
    for behaviour in [Behaviour::Script(|_, _| answer(true)), Behaviour::Script(|_, _| answer(false))] {
        let server = Server::start(behaviour).await;
        let judged = account(parse("speedsms.toml", &text), &server.url(), loopback())
            .send(&[to("+84900000001", "r1", "one"), to("+84900000002", "r2", "one")])
            .await;
        assert!(matches!(judged[0], Err(SendError::InDoubt { .. })), "{judged:?}");
        assert!(judged[1].is_ok(), "{judged:?}");
    }
}

#[tokio::test]
async fn an_answer_that_speaks_of_others_is_in_doubt() {
    let script = |_: &str, _| (200, r#"{"smsSent":"1","result":[{"r":0}]}"#.to_owned());
    let server = Server::start(Behaviour::Script(script)).await;
    let judged = account(built_in("stringee"), &server.url(), loopback())
        .send(&[to("+84900000001", "r1", "one"), to("+84900000002", "r2", "two")])
        .await;
    assert!(judged.iter().all(|one| matches!(one, Err(SendError::InDoubt { .. }))), "{judged:?}");
    // A number that is nobody's of this request: whoever is meant, it is one of those not named.
    let script = |_: &str, _| {
        (200, r#"{"status":"success","code":"00","data":{"tranId":9,"invalidPhone":["0900000001","0900000999"]}}"#.to_owned())
    };
    let server = Server::start(Behaviour::Script(script)).await;
    let judged = account(built_in("speedsms"), &server.url(), loopback())
        .send(&[to("+84900000001", "r1", "one"), to("+84900000002", "r2", "one")])
        .await;
    assert!(matches!(judged[0], Err(SendError::Reject { reason: Reason::NoSuchAddress, .. })), "{judged:?}");
    assert!(matches!(judged[1], Err(SendError::InDoubt { .. })), "{judged:?}");
}

#[tokio::test]
async fn one_text_for_many_and_those_who_were_refused() {
    let script =
        |_: &str, _| (200, r#"{"status":"success","code":"00","data":{"tranId":9,"invalidPhone":["84900000002"]}}"#.to_owned());
    let server = Server::start(Behaviour::Script(script)).await;
    let gateway = account(built_in("speedsms"), &server.url(), loopback());
    let batch = [to("+84900000001", "r1", "one"), to("+84900000003", "r3", "other"), to("+84900000002", "r2", "one")];
    let judged = gateway.send(&batch).await;
    let Ok(Accepted { ids }) = &judged[0] else { panic!("{judged:?}") };
    assert!(matches!(judged[2], Err(SendError::Reject { reason: Reason::NoSuchAddress, .. })), "{judged:?}");
    // Two texts, two requests: the refused number is only of the first.
    assert!(matches!(judged[1], Err(SendError::InDoubt { .. })), "{judged:?}");
    let mut requests: Vec<String> = server.requests().iter().map(|request| body(request).to_string()).collect();
    requests.sort();
    assert_eq!(
        requests,
        [
            r#"{"to":["84900000001","84900000002"],"content":"one","sms_type":3,"sender":"sender-1"}"#,
            r#"{"to":["84900000003"],"content":"other","sms_type":3,"sender":"sender-1"}"#,
        ]
    );
    // The id names the message without its number, and the receipt finds it by number and request.
    assert!(ids[0].starts_with("9:") && !ids[0].contains("90000"), "{ids:?}");
    let receipt = r#"{"type":"report","tranId":9,"phone":"0900000001","status":0}"#;
    let (events, _) = gateway.callback(&post(receipt, &[])).unwrap();
    assert!(matches!(&events[..], [Event::Receipt(receipt)] if receipt.about == About::Id(ids[0].clone())), "{events:?}");
}

fn post(body: &str, headers: &[(&'static str, &str)]) -> Callback {
    Callback {
        method: http::Method::POST,
        query: String::new(),
        headers: headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect(),
        body: bytes::Bytes::copy_from_slice(body.as_bytes()),
    }
}

#[tokio::test]
async fn what_happens_to_a_request_happens_to_all_of_it() {
    let batch = [to("+84900000001", "r1", "one"), to("+84900000002", "r2", "one")];
    let server = Server::start(Behaviour::Reset).await;
    let judged = account(built_in("esms-bulk"), &server.url(), loopback()).send(&batch).await;
    assert!(judged.iter().all(|one| matches!(one, Err(SendError::InDoubt { .. }))), "{judged:?}");
    let server = Server::start(Behaviour::Answer(200, r#"{"CodeResult":"103"}"#.into())).await;
    let judged = account(built_in("esms-bulk"), &server.url(), loopback()).send(&batch).await;
    assert!(judged.iter().all(|one| matches!(one, Err(SendError::Retry { reason: Reason::Funds, .. }))), "{judged:?}");
}

#[tokio::test]
async fn messages_of_one_request_are_asked_about_once() {
    let script = |request: &str, _| {
        if request.starts_with("POST") {
            return (200, r#"{"CodeResult":"100","SMSID":"dc71-9c5f"}"#.to_owned());
        }
        let receivers = r#"{"IsSent":true,"Phone":"0900000001","SentResult":true},{"IsSent":true,"Phone":"0900000002","SentResult":false},{"Phone":"0900000777","SentResult":true}"#;
        (200, format!(r#"{{"CodeResult":"100","ReceiverList":[{receivers}]}}"#))
    };
    let server = Server::start(Behaviour::Script(script)).await;
    let gateway = account(built_in("esms-bulk"), &server.url(), loopback());
    let batch = [to("+84900000001", "r1", "one"), to("+84900000002", "r2", "one")];
    let handles: Vec<Handle> = gateway
        .send(&batch)
        .await
        .into_iter()
        .zip(&batch)
        .map(|(sent, message)| Handle {
            reference: message.reference.clone(),
            ids: sent.unwrap().ids,
            sent_at: DateTime::default(),
        })
        .collect();
    let receipts = gateway.status(&handles).await.unwrap();
    let told: Vec<_> = receipts.iter().map(|receipt| (&receipt.about, receipt.state)).collect();
    assert_eq!(told, [(&About::Reference("r1".into()), providers::ReceiptState::Delivered)]);
    let requests = server.requests();
    assert_eq!(requests.len(), 2, "one send, one question");
    let asked = requests[1].lines().next().unwrap();
    assert!(asked.ends_with("&RefId=dc71-9c5f HTTP/1.1"), "{asked}");
}

#[tokio::test]
async fn a_balance_is_read_and_is_a_test() {
    for (name, answer, expected) in [
        ("esms", r#"{"Balance":36693,"CodeResponse":"100","UserID":9999}"#, 36_693),
        ("speedsms", r#"{"email":"a@example.vn","balance":100000.0,"currency":"VND"}"#, 100_000),
    ] {
        let server = Server::start(Behaviour::Answer(200, answer.into())).await;
        let gateway = account(built_in(name), &server.url(), loopback());
        assert_eq!(gateway.balance().await.unwrap(), Ok(expected), "{name}");
        assert!(gateway.test().await.unwrap().ends_with(&format!("balance {expected} VND")), "{name}");
    }
    let server =
        Server::start(Behaviour::Answer(200, r#"{"CodeResponse":"101","ErrorMessage":"Authorize Failed"}"#.into())).await;
    let gateway = account(built_in("esms"), &server.url(), loopback());
    assert!(matches!(gateway.balance().await, Some(Err(SendError::Misconfigured { .. }))));
    assert_eq!(account(built_in("vnpt"), &server.url(), loopback()).balance().await, None);
}

/// A gateway with a signed callback and a signed request.
const SIGNED: &str = r#"
title = "Signed"
channel = "sms"
[settings]
hook = { about = "the secret of callbacks", secret = true }
[send]
path = "/s"
query = { sign = "{{ (to ~ reference)|hmac_sha256(hook, 'base64') }}", digest = "{{ text|sha256 }}", at = "{{ now|date('%Y%m%d%H%M%S') }}", id = "{{ uuid }}" }
[[send.answer]]
when = "status == 200"
then = "accepted"
[callback]
reads = "json"
reference = "item.ref"
signature = { header = "X-Signature", value = "sha256={{ raw|hmac_sha256(hook) }}" }
event = [{ when = "true", state = "delivered" }]
"#;

#[tokio::test]
async fn requests_and_callbacks_are_signed() {
    let server = Server::start(Behaviour::Script(|request, _| (500, request.to_owned()))).await;
    let gateway = account(parse("signed.toml", SIGNED), &server.url(), loopback());
    let error = gateway.send(&[sms("abc")]).await.remove(0).unwrap_err();
    let mac = |text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes()
    };
    let sign = base64::engine::general_purpose::STANDARD.encode(mac("+84900000123r1a2b3"));
    let request = server.requests().remove(0);
    let url = reqwest::Url::parse(&format!("http://h{}", request.split(' ').nth(1).unwrap())).unwrap();
    let query: Vec<String> = url.query_pairs().map(|(_, value)| value.into_owned()).collect();
    assert_eq!(
        query,
        [
            sign.as_str(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "20261102080000",
            "00000000-0000-4000-8123-456789abcdef"
        ]
    );
    assert!(!format!("{error:?}").contains(&sign), "what was made of a secret is hidden: {error:?}");

    let body = r#"{"ref":"r1"}"#;
    let mut good = "sha256=".to_owned();
    for byte in mac(body) {
        write!(good, "{byte:02x}").unwrap();
    }
    assert!(gateway.callback(&post(body, &[("x-signature", &good)])).is_ok());
    for headers in [&[("x-signature", "sha256=00")][..], &[], &[("x-signature", "")]] {
        assert!(matches!(gateway.callback(&post(body, headers)), Err(CallbackError::Forged(_))));
    }
    assert!(matches!(gateway.callback(&post(r#"{"ref":"r2"}"#, &[("x-signature", &good)])), Err(CallbackError::Forged(_))));
}

/// What does not fit together is said with its place.
#[test]
fn blocks_are_checked() {
    let base = "title = \"X\"\nchannel = \"sms\"\nurl = \"https://x.example.vn\"\n[send]\nbatch = 10\njson = { to = { each = \"{{ to }}\" }, t = { each = \"{{ text }}\" } }\n[[send.answer]]\nwhen = \"status == 200\"\nthen = \"accepted\"\n";
    parse("x.toml", base);
    let swapped = |from: &str, with: &str| base.replace(from, with);
    for (text, place, words) in [
        (swapped("{ each = \"{{ text }}\" }", "\"{{ text }}\""), "6:", "nothing provides the name `text` here"),
        (swapped("batch = 10\n", ""), "5:", "`each` without `batch`"),
        (swapped("each = \"{{ text }}\"", "each = \"{{ text }}\", jion = \",\""), "6:", "did you mean `join`"),
        (swapped("batch = 10", "batch = 10\nignores_repeats_for = \"1d\""), "6:1", "one id for all its messages"),
        (swapped("\"accepted\"", "\"token\""), "9:8", "`then` cannot be `token`"),
        (swapped("[[send.answer]]", "[send.results]\nitmes = \"body\"\n[[send.answer]]"), "8:1", "did you mean `items`"),
        (format!("{base}[token]\nvalue = \"body.t\"\n"), "10:1", "[token] lacks `expires_in`"),
        (format!("{base}[token]\nvalue = \"body.t\"\nlasts = \"1h\"\n"), "10:2", "nothing in [send] uses `token`"),
        (format!("{base}[balance]\npath = \"/b\"\n"), "10:1", "[balance] lacks `value`"),
        (
            format!("{base}[status]\nafter = \"5m\"\nanswer = [{{ when = \"true\", state = \"seen\" }}]\n"),
            "11:1",
            "`after` without `every`",
        ),
        (
            format!("{base}[status]\nbatch = 5\nanswer = [{{ when = \"true\", state = \"seen\" }}]\n"),
            "10:1",
            "[status] lacks `items`",
        ),
        (
            format!(
                "{base}[callback]\nreads = \"json\"\nreference = \"item.r\"\nsignature = {{ header = \"x\", valeu = \"y\" }}\nevent = [{{ when = \"true\", state = \"seen\" }}]\n"
            ),
            "13:29",
            "did you mean `value`",
        ),
    ] {
        let faults = providers::http::Description::parse("x.toml", &text).unwrap_err();
        let found = faults.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(
            found.iter().any(|fault| fault.starts_with(&format!("x.toml:{place}")) && fault.contains(words)),
            "{text}\n{found:#?}"
        );
    }
}
