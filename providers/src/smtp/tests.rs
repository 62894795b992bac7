//! Against a scripted server on loopback; the mails are read back by another parser.

mod access;
mod arrival;
mod judged;
mod kept;
mod server;
mod written;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use self::server::{Script, Server};
use super::*;
use crate::{Address, Content, Email};

/// What a server says that takes one command at a time.
const PLAIN: &str = "250-test\r\n250 8BITMIME";

fn settings(port: u16) -> Settings {
    Settings {
        host: "127.0.0.1".into(),
        port,
        tls: Tls::None,
        username: None,
        password: None,
        from: "Sở Văn hóa <canhbao@phường.example.vn>".parse().unwrap(),
        reply_to: None,
        bounces: None,
        bounce: None,
        unsubscribe: None,
        dkim: Vec::new(),
        window: 4,
        timeout: Duration::from_secs(20),
        allow_private: true,
        ca_pem: None,
        hello_name: None,
        now: Arc::new(|| DateTime::from_timestamp(1_790_000_000, 0).unwrap()),
    }
}

fn mail(to: &str) -> Outgoing {
    Outgoing {
        reference: "0a1b2c3d4e5f".into(),
        to: Address::new(to),
        content: Content::Email(Box::new(Email {
            to_name: Some("Trần Thị Bé, \"Tư\"".into()),
            subject: "Cảnh báo: không đọc mã OTP cho bất kỳ ai, kể cả người tự xưng là công an hay nhân viên ngân hàng".into(),
            text: "Kính gửi bà\n.một dấu chấm đầu dòng\n..\n.\nHết".into(),
            html: "<p lang=\"vi\">Kính gửi <b>bà</b></p>\n.\n".into(),
            attachments: vec![],
            pictures: vec![],
            unsubscribe_url: Some("https://canhbao.example.vn/u/abc".into()),
            list: Some("otp".into()),
            language: "vi".into(),
            urgent: false,
        })),
        expires: None,
        callback: None,
    }
}

fn edited(edit: impl FnOnce(&mut Email)) -> Outgoing {
    let mut outgoing = mail("an@example.vn");
    if let Content::Email(email) = &mut outgoing.content {
        edit(email);
    }
    outgoing
}

async fn send(gateway: &SmtpGateway, outgoing: Outgoing) -> Result<Accepted, SendError> {
    gateway.send(&[outgoing]).await.remove(0)
}

async fn outcome(script: Script) -> SendError {
    let server = Server::start(script).await;
    let gateway = SmtpGateway::new(settings(server.port)).unwrap();
    send(&gateway, mail("an@example.vn")).await.unwrap_err()
}

/// Settings as they are written in the account table.
fn keys(written: &str) -> Result<Settings, KeyError> {
    let settings: BTreeMap<String, toml::Value> = toml::from_str(written).unwrap();
    let secrets =
        [("password", "x"), ("username", "from-env")].map(|(key, secret)| (key.to_owned(), SecretString::from(secret))).into();
    let surroundings = Surroundings {
        window: 3,
        allow_private: false,
        ca_pem: None,
        dkim: Vec::new(),
        now: Arc::new(|| DateTime::<Utc>::MIN_UTC),
    };
    Settings::from_keys(&settings, &secrets, surroundings)
}

/// The judgement in a word or two.
fn brief(error: &SendError) -> String {
    match error {
        SendError::Retry { scope, reason, .. } => format!("retry {scope:?} {reason}").to_lowercase(),
        SendError::Reject { reason, .. } => format!("reject {reason}"),
        SendError::OptedOut { .. } => "opted out".into(),
        SendError::Misconfigured { .. } => "misconfigured".into(),
        SendError::InDoubt { .. } => "in doubt".into(),
    }
}
