//! Callbacks of described gateways: what they tell, and that no input breaks them.

use bytes::Bytes;
use http::{HeaderMap, Method};
use proptest::prelude::*;
use providers::{Callback, CallbackError, Event, Inbound, Provider, http::HttpGateway};

use super::gateway::{SECRET, account, built_in, loopback, parse};

fn gateway(name: &str) -> HttpGateway {
    account(built_in(name), "http://127.0.0.1:1", loopback())
}

fn get(query: &str) -> Callback {
    Callback { method: Method::GET, query: query.into(), headers: HeaderMap::new(), body: Bytes::new() }
}

fn post(body: &str) -> Callback {
    Callback { method: Method::POST, body: Bytes::from(body.to_owned()), ..get("") }
}

/// Each callback's events, one a line.
fn told(gateway: &HttpGateway, callbacks: &[Callback]) -> String {
    let line = |callback| match gateway.callback(callback) {
        Ok((events, _)) => events
            .iter()
            .map(|event| match event {
                Event::Receipt(r) => format!("{:?} {:?} {:?} {:?} {:?}", r.about, r.state, r.reason, r.detail, r.at),
                Event::Inbound(Inbound { from, text, .. }) => format!("from {from}: {text}"),
                Event::Accepted { reference, ids } => format!("{reference} accepted as {ids:?}"),
                Event::Left { from, how } => format!("{from} left: {how}"),
                Event::Leftover(leftover) => format!("left over: {}", leftover.name()),
                Event::Account { detail } => format!("account: {detail}"),
                Event::Known { user, phone } => format!("{user} has {phone}"),
            })
            .collect::<Vec<_>>()
            .join(" | "),
        Err(error) => format!("! {error}"),
    };
    callbacks.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn esms() {
    let callbacks = [
        get(
            "SMSID=e-1&SendFailed=0&SendStatus=5&SendSuccess=1&TotalPrice=350&TotalReceiver=1&TotalSent=1&RequestId=r1&TypeId=2&telcoid=1&phonenumber=0900000123",
        ),
        get("SMSID=e-1&SendFailed=1&SendStatus=5&SendSuccess=0&RequestId=r1"),
        get("SMSID=e-1&SendStatus=5&SendSuccess=1&RequestId="),
        get("SMSID=e-1&SendStatus=3&RequestId=r1"),
        get("SMSID=e-1&SendStatus=7&RequestId=r1"),
        get("SMSID=e-1&SendStatus=4&RequestId=r1"),
        get("SMSID=e-1&SendStatus=77&RequestId=r1"),
        get("SMSID=e-1&SendStatus=5&SendSuccess=many&RequestId=r1"),
        get("a=b"),
        get(""),
    ];
    insta::assert_snapshot!(told(&gateway("esms"), &callbacks), @r#"
Reference("r1") Delivered None "5" None
Reference("r1") Undelivered Some(Other) "5" None
Id("e-1") Delivered None "5" None
Reference("r1") Enroute None "3" None
Reference("r1") Enroute None "7" None
Reference("r1") Rejected Some(Other) "4" None
account: no rule knows the code 77
account: no rule knows the code 5
! the callback has an unexpected shape: no rule fits it
! the callback has an unexpected shape: no rule fits it
"#);
}

#[test]
fn speedsms() {
    let callbacks = [
        post(r#"{"type":"report","tranId":"7","phone":"84900000123","status":0}"#),
        post(r#"{"type":"report","tranId":7,"phone":"84900000123","status":1}"#),
        post(r#"{"type":"report","tranId":7,"phone":"0900000124","status":64}"#),
        post(r#"{"type":"report","tranId":7,"phone":"84900000123","status":"odd"}"#),
        post(r#"{"type":"report","tranId":7,"status":0}"#),
        post(r#"{"type":"sms","phone":"84900000123","content":"TU CHOI"}"#),
        post("not json"),
        post("[]"),
    ];
    insta::assert_snapshot!(told(&gateway("speedsms"), &callbacks), @r#"
Id("7:9e88510b10048741") Delivered None "0" None
Id("7:9e88510b10048741") Enroute None "1" None
Id("7:2e53ab84ccd3c494") Undelivered Some(Other) "64" None
account: no rule knows the code odd
! the callback has an unexpected shape: a receipt names no message
from +8490*****23: TU CHOI
! the callback has an unexpected shape: the body is not JSON (line 1)
! the callback has an unexpected shape: no rule fits it
"#);
}

#[test]
fn kannel() {
    let callbacks = [
        get("state=1&words=id:1+sub:001+stat:DELIVRD&reference=r1"),
        get("state=8&words=ACK%2F&reference=r1"),
        get("state=2&words=gone+84900000123&reference=r1"),
        get("state=16&words=NACK%2F11&reference=r1"),
        get("state=34&reference=r1"),
        get("state=%ff&reference=r%31%"),
        get("from=%2B84900000123&to=8099&text=TU+CHOI+QC&id=77"),
        get("state=1&words=50%+%+f%2B&reference=r1&reference=r2"),
    ];
    insta::assert_snapshot!(told(&gateway("kannel"), &callbacks), @r#"
Reference("r1") Delivered None "id:1 sub:001 stat:DELIVRD" None
Reference("r1") Enroute None "ACK/" None
Reference("r1") Undelivered Some(Other) "gone 84*******23" None
Reference("r1") Rejected Some(Other) "NACK/11" None
Reference("r1") Expired Some(Expired) "34" None
account: no rule knows the code �
from +8490*****23: TU CHOI QC
Reference("r1") Delivered None "50% % f+" None
"#);
}

/// With the header that the gateway's description asks for.
fn with(header: &'static str, value: &str, body: &str) -> Callback {
    let mut callback = post(body);
    callback.headers.insert(header, value.parse().unwrap());
    callback
}

#[test]
fn telegram() {
    // An account that gave setWebhook a secret: what does not bear it is forged.
    let secrets = ["token", "webhook_secret"].map(|name| (name.to_owned(), secrecy::SecretString::from(SECRET)));
    let gateway = HttpGateway::new(
        std::sync::Arc::new(built_in("telegram")),
        std::collections::BTreeMap::new(),
        secrets.into(),
        loopback(),
        super::gateway::surroundings(),
    )
    .unwrap();
    let update = |body: &str| with("x-telegram-bot-api-secret-token", SECRET, body);
    let member = |chat: &str, status: &str| {
        update(&format!(
            r#"{{"update_id":9,"my_chat_member":{{"chat":{chat},"from":{{"id":5550001234}},"new_chat_member":{{"status":"{status}"}}}}}}"#
        ))
    };
    let (person, group) = (r#"{"id":5550001234,"type":"private"}"#, r#"{"id":-1001234567890,"type":"supergroup"}"#);
    let callbacks = [
        update(&format!(r#"{{"update_id":7,"message":{{"message_id":1,"chat":{person},"text":"TỪ CHỐI"}}}}"#)),
        update(&format!(r#"{{"update_id":8,"message":{{"message_id":2,"chat":{person},"photo":[]}}}}"#)),
        update(&format!(r#"{{"update_id":9,"message":{{"message_id":3,"chat":{group},"text":"TC"}}}}"#)),
        member(person, "kicked"),
        member(person, "member"),
        member(group, "left"),
        update(r#"{"update_id":10,"edited_message":{}}"#),
        update("{}"),
        with("x-telegram-bot-api-secret-token", "another", "{}"),
        post(r#"{"update_id":10}"#),
    ];
    insta::assert_snapshot!(told(&gateway, &callbacks), @r#"
from 55******34: TỪ CHỐI


55******34 left: kicked

-1**********90 left: left

! the callback has an unexpected shape: no rule fits it
! the callback's signature does not fit: the header x-telegram-bot-api-secret-token does not hold the account's `webhook_secret`
! the callback's signature does not fit: the header x-telegram-bot-api-secret-token does not hold the account's `webhook_secret`
"#);
    let (events, _) = gateway.callback(&callbacks[0]).unwrap();
    let [Event::Inbound(inbound)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((inbound.from.expose(), inbound.id.as_deref()), ("5550001234", Some("7")));
}

#[test]
fn viber() {
    use hmac::{KeyInit as _, Mac as _};
    let signed = |body: &str| {
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        let signature = format!("{:x}", Bytes::copy_from_slice(&mac.finalize().into_bytes()));
        with("x-viber-content-signature", &signature, body)
    };
    let about = |event: &str, more: &str| {
        signed(&format!(
            r#"{{"event":"{event}","timestamp":1457764197627,"message_token":4912661846655238145,"user_id":"01234567890A="{more}}}"#
        ))
    };
    let message = |of: &str| {
        signed(&format!(
            r#"{{"event":"message","timestamp":1457764197627,"message_token":4912661846655238146,"sender":{{"id":"01234567890A=","name":"An"}},"message":{of}}}"#
        ))
    };
    let mut changed = about("delivered", "");
    changed.body = Bytes::from(String::from_utf8(changed.body.to_vec()).unwrap().replace("delivered", "seen"));
    let callbacks = [
        about("delivered", ""),
        about("seen", ""),
        about("failed", r#","desc":"failure description""#),
        about("unsubscribed", ""),
        message(r#"{"type":"text","text":"TC","tracking_data":"r1"}"#),
        message(r#"{"type":"picture","media":"https://example.com/a.jpg"}"#),
        about("webhook", ""),
        about("conversation_started", ""),
        about("something new", ""),
        changed,
        post(r#"{"event":"delivered","message_token":1}"#),
    ];
    insta::assert_snapshot!(told(&gateway("viber"), &callbacks), @r#"
Id("4912661846655238145") Delivered None "delivered" Some(2016-03-12T06:29:57.627Z)
Id("4912661846655238145") Seen None "seen" Some(2016-03-12T06:29:57.627Z)
Id("4912661846655238145") Undelivered Some(Other) "failure description" Some(2016-03-12T06:29:57.627Z)
01*********A= left: unsubscribed
from 01*********A=: TC



account: no rule knows the code something new
! the callback's signature does not fit: the header x-viber-content-signature does not hold the body's signature
! the callback's signature does not fit: the header x-viber-content-signature does not hold the body's signature
"#);
}

#[test]
fn a_gateway_without_callbacks_says_so() {
    assert_eq!(gateway("mattermost").callback(&get("a=b")), Err(CallbackError::Unsupported));
}

/// A list of items, a time, a secret and a reply of its own.
const LISTED: &str = r#"
title = "Listed"
channel = "sms"
[settings]
hook = { about = "secret of the webhook", secret = true }
[send]
form = { to = "{{ to }}" }
[[send.answer]]
when = "status == 200"
then = "accepted"
[callback]
reads = "json"
secret = { header = "X-Hook", setting = "hook" }
items = "body.results"
code = "item.state"
reference = "item.ref"
at = "item.at"
reply = { type = "application/json", body = "{\"ok\":true}" }
[[callback.event]]
code = "D"
state = "delivered"
[[callback.event]]
code = "X"
ignore = true
[[callback.event]]
when = "item.balance is defined"
account = "'balance ' ~ item.balance"
"#;

#[test]
fn lists_times_secrets_and_replies() {
    let gateway = account(parse("listed.toml", LISTED), "http://127.0.0.1:1", loopback());
    let signed = |body: &str| {
        let mut callback = post(body);
        callback.headers.insert("x-hook", SECRET.parse().unwrap());
        callback
    };
    let callbacks = [
        signed(
            r#"{"results":[{"state":"D","ref":"r1","at":1790000000},{"state":"D","ref":"r2","at":"2026-11-01T08:00:00+07:00"}]}"#,
        ),
        signed(r#"{"results":[{"state":"D"},{"state":"D","ref":"r2","at":1790000000123},{"state":"Z","ref":"r3"}]}"#),
        signed(r#"{"results":[{"state":"X"},{"balance":12}]}"#),
        signed(r#"{"results":[]}"#),
        signed(r#"{"results":{}}"#),
        signed(r#"{"results":[{"state":"D"}]}"#),
        post(r#"{"results":[]}"#),
    ];
    insta::assert_snapshot!(told(&gateway, &callbacks), @r#"
Reference("r1") Delivered None "D" Some(2026-09-21T14:13:20Z) | Reference("r2") Delivered None "D" Some(2026-11-01T01:00:00Z)
Reference("r2") Delivered None "D" Some(2026-09-21T14:13:20.123Z) | account: no rule knows the code Z | account: an item of a callback was not understood: a receipt names no message
account: balance 12

! the callback has an unexpected shape: `items` gives no list
! the callback has an unexpected shape: a receipt names no message
! the callback's signature does not fit: the header x-hook does not hold the account's `hook`
"#);
    let (_, reply) = gateway.callback(&callbacks[0]).unwrap();
    assert_eq!((reply.status, reply.content_type, reply.body.as_str()), (200, "application/json", "{\"ok\":true}"));
}

proptest! {
    /// No bytes from the Internet may stop the server, whatever shape they have.
    #[test]
    fn no_callback_panics(
        query in ".{0,80}",
        body in prop::collection::vec(any::<u8>(), 0..200),
        json in r#"(\{|\[|"|:|,|\}|\]|status|tranId|type|report|[0-9]{1,20}|-|null|true){0,30}"#,
        status in prop::option::of("[0-9a-z%+-]{0,25}"),
    ) {
        let status = status.unwrap_or_default();
        for name in ["esms", "speedsms", "kannel", "telegram", "viber"] {
            let gateway = gateway(name);
            let _ = gateway.callback(&get(&query));
            let _ = gateway.callback(&get(&format!("SendStatus={status}&SendSuccess={status}&RequestId=r&state={status}&reference=r")));
            let _ = gateway.callback(&post(&json));
            let _ = gateway.callback(&post(&format!(r#"{{"type":"report","tranId":"1","status":"{status}"}}"#)));
            let _ = gateway.callback(&Callback { body: Bytes::from(body.clone()), ..post("") });
        }
    }
}

/// The gateway for mail that docs/bounces.md describes as an example.
#[test]
fn a_mail_gateways_webhooks_tell_bounces_and_complaints() {
    let page = include_str!("../../../docs/bounces.md");
    let text = page.split("```toml gateway\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let gateway = account(parse("mail-api", text), "http://127.0.0.1:1", loopback());
    let reported = [
        post(
            r#"[{"event":"delivered","reference":"r1","email":"an@example.vn"},
                {"event":"bounce","type":"bounce","reference":"r2","status":"5.1.1","reason":"550 5.1.1 no <mai@example.vn> here"},
                {"event":"bounce","type":"bounce","reference":"r3","status":"5.2.2","reason":"552 full"},
                {"event":"bounce","type":"blocked","reference":"r4","status":"5.7.1","reason":"550 spam"},
                {"event":"deferred","reference":"r5","response":"450 later"},
                {"event":"spamreport","reference":"r6"},
                {"event":"open","reference":"r7"},
                {"event":"processed","reference":"r8"}]"#,
        ),
        post("{}"),
    ];
    insta::assert_snapshot!(told(&gateway, &reported).replace(" | ", "\n"), @r#"
    Reference("r1") Delivered None "delivered" None
    Reference("r2") Undelivered Some(NoSuchAddress) "550 5.1.1 no <m***@example.vn> here" None
    Reference("r3") Undelivered Some(Full) "552 full" None
    Reference("r4") Undelivered Some(Blocked) "550 spam" None
    Reference("r5") Enroute None "450 later" None
    Reference("r6") Delivered Some(Complaint) "spamreport" None
    Reference("r7") Seen None "open" None
    ! the callback has an unexpected shape: `items` gives no list
    "#);
}
