//! The adapters that the suite holds to their contract.
//!
//! An adapter is a row of [`ADAPTERS`]: how to make an account for an address, a message that it carries, and what its
//! gateway answers in each class. Whoever adds an adapter adds a row, and every test of the suite runs against it too; one that
//! speaks another protocol adds a variant of [`Protocol`], and the compiler names what is left to say of it.

use std::fmt::Display;

use providers::{
    Outgoing, Provider, Reason, Scope,
    http::{LONGEST_ANSWER, Network},
};

use super::{
    gateway::{account, built_in, chat, parse, sms, zalo},
    server::{Behaviour, Server, answer},
};

/// What an adapter speaks, and so how its gateway is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Http,
}

impl Protocol {
    /// A gateway that behaves like this.
    pub async fn serve(self, behaviour: Behaviour) -> Server {
        match self {
            Self::Http => Server::start(behaviour).await,
        }
    }

    pub fn url(self, host: impl Display) -> String {
        match self {
            Self::Http => format!("http://{host}"),
        }
    }

    pub fn secure_url(self, host: impl Display) -> String {
        match self {
            Self::Http => format!("https://{host}"),
        }
    }

    /// Every way to break off an exchange after the message was written, given what would accept it.
    pub fn breaks(self, accepts: (u16, &str)) -> Vec<(&'static str, Behaviour)> {
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
pub struct Adapter {
    pub name: &'static str,
    pub protocol: Protocol,
    /// An account whose gateway is at this URL.
    pub account: fn(url: &str, network: Network) -> Box<dyn Provider>,
    /// A message that it carries, with this text.
    pub message: fn(text: &str) -> Outgoing,
    /// What its gateway answers to accept a message: a code and a text (HTTP: status and body).
    pub accepts: (u16, &'static str),
    /// What it answers in each other class, and what that means.
    pub answers: &'static [(u16, &'static str, Class)],
}

/// What an answer means for the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
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

/// Every adapter.
pub static ADAPTERS: &[Adapter] = &[
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
