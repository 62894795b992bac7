//! The suite: what [`providers::Provider`] promises, held against every adapter.
//!
//! An adapter is a row of [`ADAPTERS`]: how to make an account for an address, a message that it carries, and what its
//! gateway answers in each class. Whoever adds an adapter adds a row, and every test below runs against it too; one that
//! speaks another protocol adds a variant of [`Protocol`], and the compiler names what is left to say of it.

use std::{fmt::Display, sync::Arc, time::Duration};

use providers::{
    Outgoing, Provider, Reason, Scope, SendError,
    http::{LONGEST_ANSWER, Network},
};

use super::{
    gateway::{PHONE, SECRET, account, built_in, chat, loopback, parse, sms, zalo},
    server::{Behaviour, SHORT, Server, answer, closed_port, tls_server},
};

/// What an adapter speaks, and so how its gateway is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http,
}

impl Protocol {
    /// A gateway that behaves like this.
    async fn serve(self, behaviour: Behaviour) -> Server {
        match self {
            Self::Http => Server::start(behaviour).await,
        }
    }

    fn url(self, host: impl Display) -> String {
        match self {
            Self::Http => format!("http://{host}"),
        }
    }

    fn secure_url(self, host: impl Display) -> String {
        match self {
            Self::Http => format!("https://{host}"),
        }
    }

    /// Every way to break off an exchange after the message was written, given what would accept it.
    fn breaks(self, accepts: (u16, &str)) -> Vec<(&'static str, Behaviour)> {
        match self {
            Self::Http => {
                let whole = answer(accepts.0, accepts.1, "close").into_bytes();
                let head = whole.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
                let huge = answer(accepts.0, &"x".repeat(LONGEST_ANSWER + 1), "close").into_bytes();
                let cuts = [
                    ("before any byte", Vec::new()),
                    ("within the status line", b"HTTP/1.1 20".to_vec()),
                    ("within the headers", whole[..head - 6].to_vec()),
                    ("after the headers", whole[..head].to_vec()),
                    ("within the body", whole[..whole.len() - 3].to_vec()),
                    ("huge", huge),
                    ("not HTTP", b"220 mail.example.vn ESMTP\r\n".to_vec()),
                ];
                cuts.into_iter().map(|(what, bytes)| (what, Behaviour::Raw(bytes))).chain([("reset", Behaviour::Reset)]).collect()
            }
        }
    }
}

/// One adapter under test.
struct Adapter {
    name: &'static str,
    protocol: Protocol,
    /// An account whose gateway is at this URL.
    account: fn(url: &str, network: Network) -> Box<dyn Provider>,
    /// A message that it carries, with this text.
    message: fn(text: &str) -> Outgoing,
    /// What its gateway answers to accept a message: a code and a text (HTTP: status and body).
    accepts: (u16, &'static str),
    /// What it answers in each other class, and what that means.
    answers: &'static [(u16, &'static str, Class)],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Later(Scope, Reason),
    Rejected(Reason),
    OptedOut,
    Misconfigured,
    InDoubt,
}

/// An answer of Viettel's that is no success.
macro_rules! viettel {
    ($words:literal) => {
        concat!(
            "<S:Envelope xmlns:S='http://schemas.xmlsoap.org/soap/envelope/'><S:Body><r:wsCpMtResponse xmlns:r='http://impl.bulkSms.ws/'>",
            "<return><message>",
            $words,
            "</message><result>0</result></return></r:wsCpMtResponse></S:Body></S:Envelope>"
        )
    };
}

macro_rules! described {
    ($name:literal, $message:expr, accepts $accepts:expr, answers $answers:expr) => {
        Adapter {
            name: $name,
            protocol: Protocol::Http,
            account: |url, network| Box::new(account(built_in($name), url, network)),
            message: $message,
            accepts: $accepts,
            answers: &$answers,
        }
    };
}

static ADAPTERS: &[Adapter] = &[
    Adapter {
        name: "zalo",
        protocol: Protocol::Http,
        account: |url, network| Box::new(zalo(url, network)),
        message: chat,
        accepts: (200, r#"{"error":0,"data":{"message_id":"z-1"}}"#),
        answers: &[
            (200, r#"{"error":-32,"message":"Your application reach limit call api"}"#, Class::Later(Scope::Pace, Reason::Quota)),
            (200, r#"{"error":-144}"#, Class::Later(Scope::Account, Reason::Quota)),
            (200, r#"{"error":-147}"#, Class::Later(Scope::Message, Reason::Quota)),
            (200, r#"{"error":-115}"#, Class::Later(Scope::Account, Reason::Funds)),
            (200, r#"{"error":-133}"#, Class::Later(Scope::Message, Reason::Other)),
            (200, r#"{"error":-118,"message":"5550001234 is no user"}"#, Class::Rejected(Reason::NoSuchAddress)),
            (200, r#"{"error":-131}"#, Class::Rejected(Reason::Template)),
            (200, r#"{"error":-141}"#, Class::OptedOut),
            (200, r#"{"error":-136,"message":"hush-hush-7351"}"#, Class::Misconfigured),
            (502, "<html>", Class::InDoubt),
        ],
    },
    described!("esms", sms, accepts (200, r#"{"CodeResult":"100","SMSID":"e-1"}"#), answers [
        (200, r#"{"CodeResult":"101","ErrorMessage":"Authorize Failed"}"#, Class::Misconfigured),
        (200, r#"{"CodeResult":"104"}"#, Class::Misconfigured),
        (200, r#"{"CodeResult":"103"}"#, Class::Later(Scope::Account, Reason::Funds)),
        (200, r#"{"CodeResult":"108"}"#, Class::Rejected(Reason::NoSuchAddress)),
        (200, r#"{"CodeResult":"146"}"#, Class::Rejected(Reason::Template)),
        (200, r#"{"CodeResult":"99"}"#, Class::InDoubt),
        (200, "{}", Class::InDoubt),
        (500, r#"{"CodeResult":""}"#, Class::InDoubt),
    ]),
    described!("speedsms", sms, accepts (200, r#"{"status":"success","code":"00","data":{"tranId":7,"invalidPhone":[]}}"#), answers [
        (429, "", Class::Later(Scope::Account, Reason::Quota)),
        (200, r#"{"status":"success","code":"00","data":{"tranId":7,"invalidPhone":["0900000123"]}}"#, Class::Rejected(Reason::NoSuchAddress)),
        (200, r#"{"status":"error","code":"300"}"#, Class::Later(Scope::Account, Reason::Funds)),
        (200, r#"{"status":"error","code":"007"}"#, Class::Misconfigured),
        (401, "", Class::Misconfigured),
        (502, "<html>", Class::InDoubt),
    ]),
    described!("vietguys", sms, accepts (200, r#"{"error":0,"msgid":"v-1"}"#), answers [
        (200, r#"{"error":-10}"#, Class::Rejected(Reason::NoSuchAddress)),
        (200, r#"{"error":"-11"}"#, Class::OptedOut),
        (200, r#"{"error":-12}"#, Class::Later(Scope::Account, Reason::Funds)),
        (200, r#"{"error":-5,"log":"wrong"}"#, Class::Misconfigured),
        (200, r#"{"error":-2}"#, Class::InDoubt),
    ]),
    described!("vnpt", sms, accepts (200, r#"{"RPLY":{"ERROR":"0","ERROR_DESC":"success"}}"#), answers [
        (200, r#"{"RPLY":{"ERROR":"21","ERROR_DESC":"?"}}"#, Class::InDoubt),
        (404, "no such page", Class::Misconfigured),
    ]),
    described!("viettel", sms, accepts (200, "<S:Envelope xmlns:S='http://schemas.xmlsoap.org/soap/envelope/'><S:Body><ns2:wsCpMtResponse xmlns:ns2='http://impl.bulkSms.ws/'><return><message>Insert MT_QUEUE: OK</message><result>1</result></return></ns2:wsCpMtResponse></S:Body></S:Envelope>"), answers [
        (200, viettel!("CP_CODE_NOT_FOUND"), Class::Misconfigured),
        (200, viettel!("Check IP: IP_INVALID"), Class::Misconfigured),
        (200, viettel!("Check alias: ALIAS_INVALID:TELCO=01"), Class::Misconfigured),
        (200, viettel!("Check template: CONTENT_NOT_MATCH_TEMPLATE"), Class::Rejected(Reason::Template)),
        (200, viettel!("MSG_ERROR_CONTAIN_BLACKLIST: 84900000123"), Class::Rejected(Reason::Content)),
        (200, viettel!("something else"), Class::InDoubt),
        (500, "<html>IP_INVALID</html>", Class::InDoubt),
    ]),
    described!("esms-bulk", sms, accepts (200, r#"{"CodeResult":"100","CountRegenerate":0,"SMSID":"b-1"}"#), answers [
        (200, r#"{"CodeResult":"101","ErrorMessage":"Authorize Failed"}"#, Class::Misconfigured),
        (200, r#"{"CodeResult":"103","ErrorMessage":"Balance"}"#, Class::Later(Scope::Account, Reason::Funds)),
        (200, r#"{"CodeResult":"107"}"#, Class::Later(Scope::Message, Reason::Other)),
        (200, r#"{"CodeResult":"108"}"#, Class::Rejected(Reason::NoSuchAddress)),
        (200, r#"{"CodeResult":"120"}"#, Class::Misconfigured),
        (200, r#"{"CodeResult":"146"}"#, Class::Rejected(Reason::Template)),
        (200, r#"{"CodeResult":"99"}"#, Class::InDoubt),
    ]),
    described!("kannel", sms, accepts (202, "0: Accepted for delivery"), answers [
        (202, "something else", Class::InDoubt),
        (403, "Authorization failed for sendsms", Class::Misconfigured),
        (503, "Temporal failure, try again later.", Class::Later(Scope::Account, Reason::Unreachable)),
        (400, "Missing receiver number, rejected", Class::Rejected(Reason::NoSuchAddress)),
        (400, "Empty text not allowed, rejected", Class::Rejected(Reason::Other)),
        (503, "<html>", Class::InDoubt),
    ]),
    described!("telegram", chat, accepts (200, r#"{"ok":true,"result":{"message_id":17}}"#), answers [
        (429, r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}"#, Class::Later(Scope::Pace, Reason::Quota)),
        (403, r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was kicked from the supergroup chat"}"#, Class::Rejected(Reason::Blocked)),
        (400, r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1001}}"#, Class::Rejected(Reason::NoSuchAddress)),
        (400, r#"{"ok":false,"error_code":400,"description":"Bad Request: not enough rights to send text messages to the chat"}"#, Class::Rejected(Reason::Blocked)),
        (403, r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#, Class::OptedOut),
        (403, r#"{"ok":false,"error_code":403,"description":"Forbidden: user is deactivated"}"#, Class::Rejected(Reason::NoSuchAddress)),
        (400, r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#, Class::Rejected(Reason::NoSuchAddress)),
        (400, r#"{"ok":false,"error_code":400,"description":"Bad Request: message is too long"}"#, Class::Rejected(Reason::Content)),
        (401, r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#, Class::Misconfigured),
        (403, "<html>a proxy says no</html>", Class::Misconfigured),
        (500, r#"{"ok":false}"#, Class::InDoubt),
    ]),
    described!("viber", chat, accepts (200, r#"{"status":0,"status_message":"ok","message_token":5741311803571721087}"#), answers [
        (200, r#"{"status":2,"status_message":"invalidAuthToken"}"#, Class::Misconfigured),
        (200, r#"{"status":10,"status_message":"webhookNotSet"}"#, Class::Misconfigured),
        (200, r#"{"status":3,"status_message":"badData"}"#, Class::Rejected(Reason::Content)),
        (200, r#"{"status":5,"status_message":"receiverNotRegistered"}"#, Class::Rejected(Reason::NoSuchAddress)),
        (200, r#"{"status":6,"status_message":"receiverNotSubscribed"}"#, Class::OptedOut),
        (200, r#"{"status":11,"status_message":"receiverNoSuitableDevice"}"#, Class::Rejected(Reason::Unreachable)),
        (200, r#"{"status":12,"status_message":"tooManyRequests"}"#, Class::Later(Scope::Pace, Reason::Quota)),
        (200, r#"{"status":23,"status_message":"freeMessagesExceeded"}"#, Class::Later(Scope::Account, Reason::Quota)),
        (200, r#"{"status":24,"status_message":"noBalance"}"#, Class::Later(Scope::Account, Reason::Funds)),
        (200, r#"{"status":99,"status_message":"generalError"}"#, Class::InDoubt),
        (200, "<html>", Class::InDoubt),
    ]),
    described!("mattermost", chat, accepts (200, "ok"), answers [
        (404, r#"{"id":"web.incoming_webhook.channel.app_error","message":"Couldn't find the channel.","status_code":404}"#, Class::Rejected(Reason::NoSuchAddress)),
        (400, r#"{"id":"web.incoming_webhook.user.app_error","message":"Couldn't find the user.","status_code":400}"#, Class::Rejected(Reason::NoSuchAddress)),
        (403, r#"{"id":"web.incoming_webhook.channel_locked.app_error","message":"locked","status_code":403}"#, Class::Rejected(Reason::Blocked)),
        (400, r#"{"id":"web.incoming_webhook.invalid.app_error","message":"Invalid webhook.","status_code":400}"#, Class::Misconfigured),
        (501, r#"{"id":"web.incoming_webhook.disabled.app_error","message":"disabled","status_code":501}"#, Class::Misconfigured),
        (400, r#"{"id":"web.incoming_webhook.text.app_error","message":"No text specified.","status_code":400}"#, Class::Rejected(Reason::Content)),
        (404, "<html>no such page</html>", Class::Misconfigured),
        (500, r#"{"id":"web.incoming_webhook.channel.app_error","status_code":500}"#, Class::InDoubt),
        (200, "<html>a proxy's page</html>", Class::InDoubt),
    ]),
    described!("rocketchat", chat, accepts (200, r#"{"success":true}"#), answers [
        (400, r#"{"success":false,"error":"invalid-channel"}"#, Class::Rejected(Reason::NoSuchAddress)),
        (400, r#"{"success":false,"error":"You_have_been_muted"}"#, Class::Rejected(Reason::Blocked)),
        (400, r#"{"success":false,"error":"overriding destination channel is disabled for this integration"}"#, Class::Misconfigured),
        (404, r#"{"success":false,"error":"Invalid integration id or token provided."}"#, Class::Misconfigured),
        (503, r#"{"success":false,"error":"Service Unavailable"}"#, Class::Misconfigured),
        (429, r#"{"success":false,"error":"Error, too many requests. [error-too-many-requests]"}"#, Class::Later(Scope::Pace, Reason::Quota)),
        (400, r#"{"success":false,"error":"unknown-error"}"#, Class::InDoubt),
        (503, "<html>", Class::InDoubt),
        (200, r#"{"success":false}"#, Class::InDoubt),
    ]),
    Adapter {
        name: "a described XML gateway",
        protocol: Protocol::Http,
        account: |url, network| Box::new(account(parse("soap.toml", SOAP), url, network)),
        message: sms,
        accepts: (
            200,
            "<?xml version='1.0'?><S:Envelope><S:Body><r><return><result>1</result></return></r></S:Body></S:Envelope>",
        ),
        answers: &[
            (
                200,
                "<E><Body><r><return><result>0</result><message>IP_INVALID &amp; more</message></return></r></Body></E>",
                Class::InDoubt,
            ),
            (
                200,
                "<Envelope><Body><r><return><result>0</result><message>IP_INVALID</message></return></r></Body></Envelope>",
                Class::Misconfigured,
            ),
            (200, "<!DOCTYPE a [<!ENTITY x 'y'>]><Envelope/>", Class::InDoubt),
            (200, "<Envelope><Body>", Class::InDoubt),
        ],
    },
];

/// In the manner of the carriers' SOAP services.
const SOAP: &str = r#"
title = "SOAP"
channel = "sms"
[settings]
key = { about = "key", secret = true }
[send]
path = "/bulkapi"
reads = "xml"
code = "body.Envelope.Body.r.return.result"
xml = "<Envelope><Body><k>{{ key }}</k><to>{{ to|digits }}</to><text>{{ text }}</text></Body></Envelope>"
[[send.answer]]
code = "1"
then = "accepted"
[[send.answer]]
when = "'IP_INVALID' in body.Envelope.Body.r.return.message|default('')"
then = "misconfigured"
"#;

fn class(error: &SendError) -> Class {
    match error {
        SendError::Retry { scope, reason, .. } => Class::Later(*scope, *reason),
        SendError::Reject { reason, .. } => Class::Rejected(*reason),
        SendError::OptedOut { .. } => Class::OptedOut,
        SendError::Misconfigured { .. } => Class::Misconfigured,
        SendError::InDoubt { .. } => Class::InDoubt,
    }
}

const UNREACHABLE: Class = Class::Later(Scope::Account, Reason::Unreachable);

impl Adapter {
    /// Sends one message and names the class of what went wrong; no error may hold a secret or the address.
    async fn refusal(&self, url: &str, network: Network) -> Class {
        let message = (self.message)("text");
        let account = (self.account)(url, network);
        let mut results = account.send(std::slice::from_ref(&message)).await;
        assert_eq!(results.len(), 1, "{}", self.name);
        let error = results.remove(0).expect_err(self.name);
        let printed = format!("{error} {error:?}");
        for private in [SECRET, PHONE, &PHONE[1..], &PHONE[3..], message.to.expose()] {
            assert!(!printed.contains(private), "{}: {printed}", self.name);
        }
        class(&error)
    }

    /// The class of what comes of a gateway that behaves like this, and how many requests it got.
    async fn meets(&self, behaviour: Behaviour, network: Network) -> (Class, usize) {
        let server = self.protocol.serve(behaviour).await;
        let class = self.refusal(&self.protocol.url(server.address), network).await;
        (class, server.requests().len())
    }
}

/// The adapters that speak HTTP, for what only HTTP knows.
fn http() -> impl Iterator<Item = &'static Adapter> {
    ADAPTERS.iter().filter(|adapter| adapter.protocol == Protocol::Http)
}

fn short() -> Network {
    Network { timeout: SHORT, ..loopback() }
}

#[tokio::test]
async fn a_definite_yes_is_accepted() {
    for adapter in ADAPTERS {
        let server = adapter.protocol.serve(Behaviour::Answer(adapter.accepts.0, adapter.accepts.1.into())).await;
        let account = (adapter.account)(&adapter.protocol.url(server.address), loopback());
        let results = account.send(&[(adapter.message)("text")]).await;
        assert!(matches!(results.as_slice(), [Ok(_)]), "{}: {results:?}", adapter.name);
        assert_eq!(server.requests().len(), 1, "{}", adapter.name);
    }
}

#[tokio::test]
async fn every_class_of_answer_is_told_apart() {
    for adapter in ADAPTERS {
        for (status, body, expected) in adapter.answers {
            let (class, requests) = adapter.meets(Behaviour::Answer(*status, (*body).into()), loopback()).await;
            assert_eq!((class, requests), (*expected, 1), "{}: {status} {body}", adapter.name);
        }
    }
}

#[tokio::test]
async fn no_connection_means_not_sent() {
    for adapter in ADAPTERS {
        let url = adapter.protocol.url(closed_port().await);
        assert_eq!(adapter.refusal(&url, loopback()).await, UNREACHABLE, "{}", adapter.name);
        assert_eq!(
            adapter.refusal(&adapter.protocol.url("no-such-host.invalid"), loopback()).await,
            UNREACHABLE,
            "{}",
            adapter.name
        );
    }
}

#[tokio::test]
async fn a_failed_handshake_means_not_sent() {
    for adapter in ADAPTERS {
        let (address, _, task) = tls_server("").await;
        let url = adapter.protocol.secure_url(format!("localhost:{}", address.port()));
        assert_eq!(adapter.refusal(&url, loopback()).await, UNREACHABLE, "{}: untrusted", adapter.name);
        task.abort();
        // A gateway that speaks no TLS at all, and one that never finishes the handshake.
        let plain = adapter.protocol.serve(Behaviour::Answer(200, String::new())).await;
        let url = adapter.protocol.secure_url(format!("localhost:{}", plain.address.port()));
        assert_eq!(adapter.refusal(&url, short()).await, UNREACHABLE, "{}: not TLS", adapter.name);
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = adapter.protocol.secure_url(format!("localhost:{}", silent.local_addr().unwrap().port()));
        assert_eq!(adapter.refusal(&url, short()).await, UNREACHABLE, "{}: stalled", adapter.name);
    }
}

#[tokio::test]
async fn a_trusted_certificate_is_accepted() {
    for adapter in http().filter(|adapter| adapter.accepts.0 == 200) {
        let (address, pem, task) = tls_server(adapter.accepts.1).await;
        let network = Network { ca_pem: Some(pem.into_bytes()), ..loopback() };
        let account = (adapter.account)(&adapter.protocol.secure_url(format!("localhost:{}", address.port())), network);
        let results = account.send(&[(adapter.message)("text")]).await;
        assert!(matches!(results.as_slice(), [Ok(_)]), "{}: {results:?}", adapter.name);
        task.abort();
    }
}

#[tokio::test]
async fn silence_is_a_doubt() {
    for adapter in ADAPTERS {
        assert_eq!(adapter.meets(Behaviour::Silent, short()).await, (Class::InDoubt, 1), "{}", adapter.name);
    }
    for adapter in http() {
        let mut most = answer(adapter.accepts.0, adapter.accepts.1, "close").into_bytes();
        most.pop();
        assert_eq!(adapter.meets(Behaviour::Stall(most), short()).await, (Class::InDoubt, 1), "{}", adapter.name);
    }
}

#[tokio::test]
async fn a_broken_exchange_is_a_doubt_and_is_not_repeated() {
    for adapter in ADAPTERS {
        for (what, behaviour) in adapter.protocol.breaks(adapter.accepts) {
            let met = adapter.meets(behaviour, loopback()).await;
            assert_eq!(met, (Class::InDoubt, 1), "{}: {what}", adapter.name);
        }
        let (class, _) = adapter.meets(Behaviour::Slam, loopback()).await;
        assert!(matches!(class, Class::InDoubt | UNREACHABLE), "{}: {class:?}", adapter.name);
    }
}

#[tokio::test]
async fn a_yes_in_the_wrong_format_is_a_doubt() {
    for adapter in http() {
        for body in ["", "<html>OK</html>", "{\"ok\":", "\u{0}\u{1}", "null", "[]", "100"] {
            let met = adapter.meets(Behaviour::Answer(200, body.into()), loopback()).await;
            assert_eq!(met, (Class::InDoubt, 1), "{}: {body:?}", adapter.name);
        }
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    for adapter in http() {
        let target = adapter.protocol.serve(Behaviour::Answer(adapter.accepts.0, adapter.accepts.1.into())).await;
        let head = format!("HTTP/1.1 307 X\r\nlocation: {}/\r\ncontent-length: 0\r\n\r\n", target.url());
        let (class, requests) = adapter.meets(Behaviour::Raw(head.into_bytes()), loopback()).await;
        assert_ne!(class, UNREACHABLE, "{}", adapter.name);
        assert_eq!((requests, target.requests().len()), (1, 0), "{}", adapter.name);
    }
}

#[tokio::test]
async fn a_pooled_connection_that_breaks_is_a_doubt_and_is_not_repeated() {
    for adapter in ADAPTERS {
        let server = adapter.protocol.serve(Behaviour::KeepThenReset(adapter.accepts.0, adapter.accepts.1.into())).await;
        let account = (adapter.account)(&adapter.protocol.url(server.address), loopback());
        let message = (adapter.message)("text");
        assert!(account.send(std::slice::from_ref(&message)).await[0].is_ok(), "{}", adapter.name);
        let second = account.send(std::slice::from_ref(&message)).await.remove(0).expect_err(adapter.name);
        assert_eq!(class(&second), Class::InDoubt, "{}: {second}", adapter.name);
        assert_eq!((server.requests().len(), server.connections()), (2, 1), "{}", adapter.name);
    }
}

#[tokio::test]
async fn a_connection_that_closed_while_idle_is_no_doubt() {
    for adapter in http() {
        // The answer promises to keep the connection, and the server then closes it.
        let bytes = answer(adapter.accepts.0, adapter.accepts.1, "keep-alive").into_bytes();
        let server = adapter.protocol.serve(Behaviour::Raw(bytes)).await;
        let account = (adapter.account)(&adapter.protocol.url(server.address), loopback());
        for n in 1..=3 {
            let results = account.send(&[(adapter.message)("text")]).await;
            assert!(results[0].is_ok(), "{}: send {n}: {results:?}", adapter.name);
        }
        assert_eq!((server.requests().len(), server.connections()), (3, 3), "{}", adapter.name);
    }
}

#[tokio::test]
async fn order_and_length_are_kept() {
    for adapter in ADAPTERS {
        let server = adapter.protocol.serve(Behaviour::KeepAlive(adapter.accepts.0, adapter.accepts.1.into())).await;
        let account = (adapter.account)(&adapter.protocol.url(server.address), loopback());
        assert!(account.send(&[]).await.is_empty(), "{}", adapter.name);
        let batch: Vec<Outgoing> = (0..7).map(|n| (adapter.message)(&format!("number-{n}"))).collect();
        let results = account.send(&batch).await;
        assert_eq!(results.len(), 7, "{}", adapter.name);
        assert!(results.iter().all(Result::is_ok), "{}: {results:?}", adapter.name);
        let requests = server.requests();
        for n in 0..7 {
            let seen = requests.iter().filter(|request| request.contains(&format!("number-{n}"))).count();
            assert_eq!(seen, 1, "{}: number-{n}", adapter.name);
        }
    }
}

#[tokio::test]
async fn it_may_be_called_concurrently() {
    for adapter in ADAPTERS {
        let server = adapter.protocol.serve(Behaviour::KeepAlive(adapter.accepts.0, adapter.accepts.1.into())).await;
        let account: Arc<dyn Provider> = Arc::from((adapter.account)(&adapter.protocol.url(server.address), loopback()));
        let calls = (0..40).map(|n| {
            let (account, message) = (Arc::clone(&account), (adapter.message)(&format!("call-{n}")));
            tokio::spawn(async move { account.send(&[message]).await })
        });
        for call in futures::future::join_all(calls).await {
            assert!(call.unwrap()[0].is_ok(), "{}", adapter.name);
        }
        assert_eq!(server.requests().len(), 40, "{}", adapter.name);
    }
}

#[tokio::test]
async fn it_ends_by_itself() {
    for adapter in ADAPTERS {
        let server = adapter.protocol.serve(Behaviour::Silent).await;
        let account = (adapter.account)(&adapter.protocol.url(server.address), short());
        let message = (adapter.message)("text");
        let sent = tokio::time::timeout(Duration::from_secs(10), account.send(std::slice::from_ref(&message))).await;
        assert!(sent.is_ok(), "{} does not end", adapter.name);
        let tested = tokio::time::timeout(Duration::from_secs(10), account.test()).await;
        assert!(matches!(tested, Ok(Err(_))), "{}: {tested:?}", adapter.name);
    }
}
