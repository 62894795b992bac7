//! The exact request that each built-in gateway makes, and what it can do.

use proptest::prelude::*;
use providers::{Outgoing, Provider};

use super::{
    gateway::{account, built_in, chat, loopback, parse, sms},
    server::{Behaviour, Server},
};

/// Text that tries to break out of every kind of quoting.
const NASTY: &str = "Cảnh báo: \"x\"&y=<z>'{{ to }}\\ %41+\n\u{7}đ";

/// The request as the gateway sees it; the port, which changes, is taken out.
async fn request_of(name: &str, message: Outgoing) -> String {
    let server = Server::start(Behaviour::Answer(500, String::new())).await;
    let _ = account(built_in(name), &server.url(), loopback()).send(&[message]).await;
    let request = server.requests().remove(0);
    request.replace(&server.address.to_string(), "HOST").replace("\r\n", "\n")
}

#[tokio::test]
async fn esms() {
    insta::assert_snapshot!(request_of("esms", sms(NASTY)).await, @r#"
POST /MainService.svc/json/SendMultipleMessage_V4_post_json/ HTTP/1.1
content-type: application/json
accept: */*
user-agent: loa/0.1.0
host: HOST
content-length: 280

{"ApiKey":"hush-hush-7351","SecretKey":"hush-hush-7351","Phone":"0900000123","Content":"Cảnh báo: \"x\"&y=<z>'{{ to }}\\ %41+\n\u0007đ","Brandname":"sender-1","SmsType":"2","IsUnicode":"1","Sandbox":"0","RequestId":"r1a2b3","CallbackUrl":"https://loa.example.vn/receipts/a/s"}
"#);
}

#[tokio::test]
async fn speedsms() {
    insta::assert_snapshot!(request_of("speedsms", sms("Khong chuyen tien")).await, @r#"
POST /index.php/sms/send HTTP/1.1
content-type: application/json
authorization: Basic aHVzaC1odXNoLTczNTE6eA==
accept: */*
user-agent: loa/0.1.0
host: HOST
content-length: 85

{"to":["84900000123"],"content":"Khong chuyen tien","sms_type":3,"sender":"sender-1"}
"#);
}

#[tokio::test]
async fn vietguys() {
    insta::assert_snapshot!(request_of("vietguys", sms(NASTY)).await, @r#"
POST /api/index.php HTTP/1.1
content-type: application/x-www-form-urlencoded
accept: */*
user-agent: loa/0.1.0
host: HOST
content-length: 192

u=username-1&pwd=hush-hush-7351&from=sender-1&phone=84900000123&sms=C%E1%BA%A3nh%20b%C3%A1o%3A%20%22x%22%26y%3D%3Cz%3E%27%7B%7B%20to%20%7D%7D%5C%20%2541%2B%0A%07%C4%91&bid=r1a2b3&type=8&json=1
"#);
}

#[tokio::test]
async fn vnpt() {
    insta::assert_snapshot!(request_of("vnpt", sms("Khong chuyen tien")).await, @r#"
POST /smsmarketing/api HTTP/1.1
content-type: application/json
accept: */*
user-agent: loa/0.1.0
host: HOST
content-length: 381

{"RQST":{"name":"send_sms_list","REQID":"r1a2b3","LABELID":"label-id-1","CONTRACTTYPEID":"1","CONTRACTID":"contract-id-1","TEMPLATEID":"template-id-1","PARAMS":[{"NUM":"1","CONTENT":"Khong chuyen tien"}],"SCHEDULETIME":"","MOBILELIST":"84900000123","ISTELCOSUB":"0","AGENTID":"agent-id-1","APIUSER":"api-user-1","APIPASS":"hush-hush-7351","USERNAME":"username-1","DATACODING":"0"}}
"#);
}

#[tokio::test]
async fn kannel() {
    insta::assert_snapshot!(request_of("kannel", sms(NASTY)).await, @r#"
GET /cgi-bin/sendsms?username=username-1&password=hush-hush-7351&from=sender-1&to=%2B84900000123&text=C%E1%BA%A3nh%20b%C3%A1o%3A%20%22x%22%26y%3D%3Cz%3E%27%7B%7B%20to%20%7D%7D%5C%20%2541%2B%0A%07%C4%91&charset=UTF-8&coding=2&dlr-mask=31&dlr-url=https%3A%2F%2Floa.example.vn%2Freceipts%2Fa%2Fs%3Fstate%3D%25d%26words%3D%25A%26reference%3Dr1a2b3 HTTP/1.1
accept: */*
user-agent: loa/0.1.0
host: HOST
"#);
}

#[tokio::test]
async fn kannel_without_a_callback() {
    let message = Outgoing { callback: None, ..sms("Khong chuyen tien") };
    insta::assert_snapshot!(request_of("kannel", message).await, @r#"
GET /cgi-bin/sendsms?username=username-1&password=hush-hush-7351&from=sender-1&to=%2B84900000123&text=Khong%20chuyen%20tien&charset=UTF-8&coding=0 HTTP/1.1
accept: */*
user-agent: loa/0.1.0
host: HOST
"#);
}

#[tokio::test]
async fn viettel() {
    insta::assert_snapshot!(request_of("viettel", sms("Cảnh báo <b>")).await, @r#"
POST /bulkapi HTTP/1.1
content-type: text/xml; charset=utf-8
soapaction: ""
accept: */*
user-agent: loa/0.1.0
host: HOST
content-length: 554

<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:impl="http://impl.bulkSms.ws/"><soapenv:Header/><soapenv:Body><impl:wsCpMt><User>username-1</User><Password>hush-hush-7351</Password><CPCode>cp-code-1</CPCode><RequestID>r1a2b3</RequestID><UserID>84900000123</UserID><ReceiverID>84900000123</ReceiverID><ServiceID>sender-1</ServiceID><CommandCode>bulksms</CommandCode><Content>Cảnh báo &lt;b&gt;</Content><ContentType>1</ContentType></impl:wsCpMt></soapenv:Body></soapenv:Envelope>
"#);
}

#[tokio::test]
async fn stringee() {
    insta::assert_snapshot!(request_of("stringee", sms("Khong chuyen tien")).await, @r#"
POST /v1/sms HTTP/1.1
content-type: application/json
x-stringee-auth: eyJhbGciOiJIUzI1NiIsImN0eSI6InN0cmluZ2VlLWFwaTt2PTEiLCJ0eXAiOiJKV1QifQ.eyJleHAiOjE3OTM1ODQ4MDAsImlzcyI6InNpZC0xIiwianRpIjoic2lkLTEtMDAwMDAwMDAwMDAwMDAwMDAxMjM0NTY3ODlhYmNkZWYiLCJyZXN0X2FwaSI6dHJ1ZX0.S1VuWDahihyyxebYpr6_UBdR_1Y5z_MsmSUs82aOWaY
accept: */*
user-agent: loa/0.1.0
host: HOST
content-length: 75

{"sms":[{"from":"sender-1","to":"84900000123","text":"Khong chuyen tien"}]}
"#);
}

#[tokio::test]
async fn esms_bulk() {
    insta::assert_snapshot!(request_of("esms-bulk", sms("Khong chuyen tien")).await, @r#"
POST /MainService.svc/json/SendMultipleSMSBrandname_json/ HTTP/1.1
content-type: application/json
accept: */*
user-agent: loa/0.1.0
host: HOST
content-length: 177

{"ApiKey":"hush-hush-7351","SecretKey":"hush-hush-7351","Brandname":"sender-1","Content":"Khong chuyen tien","Phones":["0900000123"],"SmsType":"1","IsUnicode":"0","Sandbox":"0"}
"#);
}

#[tokio::test]
async fn telegram() {
    insta::assert_snapshot!(request_of("telegram", chat(NASTY)).await, @r#"
POST /bothush-hush-7351/sendMessage HTTP/1.1
content-type: application/json
accept: */*
user-agent: loa/0.1.0
host: HOST
content-length: 84

{"chat_id":"5550001234","text":"Cảnh báo: \"x\"&y=<z>'{{ to }}\\ %41+\n\u0007đ"}
"#);
}

#[tokio::test]
async fn viber() {
    insta::assert_snapshot!(request_of("viber", chat(NASTY)).await, @r#"
POST /pa/send_message HTTP/1.1
content-type: application/json
x-viber-auth-token: hush-hush-7351
accept: */*
user-agent: loa/0.1.0
host: HOST
content-length: 153

{"receiver":"5550001234","type":"text","text":"Cảnh báo: \"x\"&y=<z>'{{ to }}\\ %41+\n\u0007đ","tracking_data":"r1a2b3","sender":{"name":"sender-1"}}
"#);
}

#[tokio::test]
async fn rooms() {
    insta::assert_snapshot!(request_of("mattermost", chat("Cảnh báo")).await, @r#"
POST /hooks/hush-hush-7351 HTTP/1.1
content-type: application/json
accept: */*
user-agent: loa/0.1.0
host: HOST
content-length: 45

{"channel":"5550001234","text":"Cảnh báo"}
"#);
    insta::assert_snapshot!(request_of("rocketchat", chat("Cảnh báo")).await, @r#"
POST /hooks/integration-1/hush-hush-7351 HTTP/1.1
content-type: application/json
accept: */*
user-agent: loa/0.1.0
host: HOST
content-length: 45

{"channel":"5550001234","text":"Cảnh báo"}
"#);
}

#[tokio::test]
async fn xml_and_headers_are_escaped_too() {
    let text = r#"
title = "XML"
channel = "sms"
[settings]
key = { about = "key", secret = true }
[send]
path = "/a/{{ text }}/b"
headers = { X-Key = "{{ key }}", X-None = "{{ callback if false else none }}" }
xml = "<a t=\"{{ text }}\">{{ to|national }}</a>"
[[send.answer]]
when = "status == 200"
then = "accepted"
"#;
    let server = Server::start(Behaviour::Answer(500, String::new())).await;
    let _ = account(parse("x.toml", text), &server.url(), loopback()).send(&[sms(NASTY)]).await;
    let request = server.requests().remove(0).replace(&server.address.to_string(), "HOST").replace("\r\n", "\n");
    insta::assert_snapshot!(request, @r#"
POST /a/C%E1%BA%A3nh%20b%C3%A1o:%20%22x%22&y=%3Cz%3E'%7B%7B%20to%20%7D%7D%5C%20%2541+%0A%07%C4%91/b HTTP/1.1
content-type: text/xml; charset=utf-8
x-key: hush-hush-7351
accept: */*
user-agent: loa/0.1.0
host: HOST
content-length: 87

<a t="Cảnh báo: &quot;x&quot;&amp;y=&lt;z&gt;&apos;{{ to }}\ %41+
đ">0900000123</a>
"#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a message says, the gateway reads exactly that and every other field unchanged.
    #[test]
    fn no_text_changes_the_shape_of_a_request(text in r#"([{}%&=+"'\\<>\x00-\x1f]|[a-z]|đ|\PC){0,40}"#) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (json, query) = runtime.block_on(async { (request_of("esms", sms(&text)).await, request_of("kannel", sms(&text)).await) });
        let json: serde_json::Value = serde_json::from_str(json.split_once("\n\n").unwrap().1).unwrap();
        prop_assert_eq!(json["Content"].as_str(), Some(text.as_str()));
        prop_assert_eq!(json.as_object().unwrap().len(), 10);
        let target = query.split(' ').nth(1).unwrap();
        let url = reqwest::Url::parse(&format!("http://h{target}")).unwrap();
        let pairs: Vec<_> = url.query_pairs().collect();
        prop_assert_eq!(pairs.len(), 9);
        prop_assert_eq!(&pairs[4].1, &text);
    }
}

#[test]
fn abilities_follow_from_the_file() {
    let abilities: Vec<String> = providers::gateways::built_in()
        .iter()
        .map(|(name, _)| {
            let can = built_in(name).abilities;
            format!(
                "{name}: batch {}, receipts {}, echoes {}, needs ids {}, status {}, polls {:?}, ignores repeats for {:?}",
                can.batch.most,
                can.receipts,
                can.echoes_reference,
                can.needs_ids(),
                can.status,
                can.poll.map(|poll| poll.every),
                can.ignores_repeats_for
            )
        })
        .collect();
    insta::assert_snapshot!(abilities.join("\n"), @r#"
esms: batch 1, receipts true, echoes true, needs ids true, status true, polls Some(600s), ignores repeats for 86400s
esms-bulk: batch 5000, receipts true, echoes false, needs ids true, status true, polls Some(600s), ignores repeats for 0ns
fpt: batch 1, receipts false, echoes false, needs ids true, status false, polls None, ignores repeats for 0ns
kannel: batch 1, receipts true, echoes true, needs ids false, status false, polls None, ignores repeats for 0ns
mattermost: batch 1, receipts false, echoes false, needs ids true, status false, polls None, ignores repeats for 0ns
rocketchat: batch 1, receipts false, echoes false, needs ids true, status false, polls None, ignores repeats for 0ns
speedsms: batch 100, receipts true, echoes false, needs ids true, status false, polls None, ignores repeats for 0ns
stringee: batch 100, receipts false, echoes false, needs ids true, status false, polls None, ignores repeats for 0ns
telegram: batch 1, receipts false, echoes false, needs ids true, status false, polls None, ignores repeats for 0ns
viber: batch 1, receipts true, echoes false, needs ids true, status false, polls None, ignores repeats for 0ns
vietguys: batch 1, receipts false, echoes false, needs ids true, status false, polls None, ignores repeats for 0ns
viettel: batch 1, receipts false, echoes false, needs ids true, status false, polls None, ignores repeats for 0ns
vnpt: batch 1, receipts false, echoes false, needs ids true, status false, polls None, ignores repeats for 0ns
"#);
}

#[test]
fn the_document_describes_a_sound_gateway() {
    let page = include_str!("../../../docs/gateways.md");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    parse("docs/gateways.md", example);
    assert!(example.lines().count() <= 25, "the page promises about twenty lines");
}
