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
                Event::Account { detail } => format!("account: {detail}"),
                Event::Left { .. } | Event::Known { .. } => "of a chat service".to_owned(),
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

#[test]
fn a_gateway_without_callbacks_says_so() {
    assert_eq!(gateway("telegram").callback(&get("a=b")), Err(CallbackError::Unsupported));
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
        for name in ["esms", "speedsms", "kannel", "telegram"] {
            let gateway = gateway(name);
            let _ = gateway.callback(&get(&query));
            let _ = gateway.callback(&get(&format!("SendStatus={status}&SendSuccess={status}&RequestId=r&state={status}&reference=r")));
            let _ = gateway.callback(&post(&json));
            let _ = gateway.callback(&post(&format!(r#"{{"type":"report","tranId":"1","status":"{status}"}}"#)));
            let _ = gateway.callback(&Callback { body: Bytes::from(body.clone()), ..post("") });
        }
    }
}
